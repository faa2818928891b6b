//! Waiting for sockets, up to a time.
//!
//! Knows how long to wait and what woke it; must never know whose an event is.

use std::io;
use std::time::Duration;

use mio::{Events, Registry, Token, Waker};

use crate::clock::Clock;

/// Events taken from the operating system at once, as in libuv. What is left is found by the next turn's poll.
pub const MAX_EVENTS_PER_POLL: usize = 1024;

/// The token of a loop's own waker; no socket's, since those would need 2⁶³ slots to reach it.
pub const WAKE_TOKEN: Token = Token(usize::MAX);

/// mio's poll, with a clock that may be a manual one.
#[derive(Debug)]
pub struct Poll {
    poll: mio::Poll,
    clock: Clock,
}

impl Poll {
    /// Fails where the operating system refuses an epoll instance: raise the limit on open files.
    pub fn new(clock: Clock) -> io::Result<Self> {
        Ok(Self {
            poll: mio::Poll::new()?,
            clock,
        })
    }

    /// What wakes [`Poll::wait`] from other threads, with an event of [`WAKE_TOKEN`]. There is one a poll.
    pub fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.registry(), WAKE_TOKEN)
    }

    /// Where sockets are registered.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Nanoseconds since the clock began.
    pub fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// Waits until a socket is ready, the waker was used or the time is over, `None` being for ever, and fills `events`. The
    /// operating system waits in whole milliseconds, rounded up.
    ///
    /// A manual clock is not waited for: sockets are looked at once and, where none is ready, the clock is moved to where the wait
    /// would have ended. For ever is waited as usual.
    pub fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let sleep = match &self.clock {
            Clock::Monotonic(_) => timeout,
            Clock::Manual(_) => timeout.map(|_| Duration::ZERO),
        };
        match self.poll.poll(events, sleep) {
            // A signal arrived: the turn goes on without events, and the next one waits again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            result => result?,
        }
        if let (Clock::Manual(clock), Some(timeout)) = (&self.clock, timeout)
            && events.is_empty()
        {
            clock.advance_ns(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_manual_clock_moves_by_the_wait_unless_something_happened() {
        let clock = ManualClock::new();
        let mut poll = Poll::new(Clock::Manual(clock.clone())).unwrap();
        let waker = poll.waker().unwrap();
        let mut events = Events::with_capacity(1);
        poll.wait(&mut events, Some(Duration::from_hours(1)))
            .unwrap();
        assert_eq!(poll.now_ns(), 3_600_000_000_000);
        waker.wake().unwrap();
        poll.wait(&mut events, Some(Duration::from_hours(1)))
            .unwrap();
        assert_eq!(poll.now_ns(), 3_600_000_000_000);
        assert_eq!(events.iter().next().unwrap().token(), WAKE_TOKEN);
    }
}
