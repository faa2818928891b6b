//! The thinnest wrapper over epoll that the instrument needs: edge-triggered, nanosecond time-outs, no dispatch.
//!
//! epoll itself waits for whole milliseconds on all systems, and for nanoseconds (`epoll_pwait2`) only since Linux 5.11, where no
//! filter of a container forbids it, and not under valgrind. So a wait that is no whole number of milliseconds is ppoll(2) on epoll's
//! own descriptor, which is readable when one that it watches is ready, and a look afterwards.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use model::units::{NANOS_PER_S, Nanos};
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::io::Errno;

/// Most events that one wait returns; the rest comes with the next.
const MAX_EVENTS: usize = 1024;

const NANOS_PER_MS: Nanos = 1_000_000;

pub(crate) struct Reactor {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

/// One readiness report: whose, and what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) token: u64,
    flags: epoll::EventFlags,
}

impl Ready {
    pub(crate) fn is_readable(self) -> bool {
        self.flags.intersects(
            epoll::EventFlags::IN
                | epoll::EventFlags::RDHUP
                | epoll::EventFlags::HUP
                | epoll::EventFlags::ERR,
        )
    }

    pub(crate) fn is_writable(self) -> bool {
        self.flags
            .intersects(epoll::EventFlags::OUT | epoll::EventFlags::HUP | epoll::EventFlags::ERR)
    }

    /// The peer has closed or reset: a short read is not the end of the story.
    pub(crate) fn is_hangup(self) -> bool {
        self.flags
            .intersects(epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR)
    }
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(MAX_EVENTS),
        })
    }

    /// Registers a descriptor once, for both directions, edge-triggered: steady state needs no further call.
    pub(crate) fn add(&self, source: impl AsFd, token: u64) -> io::Result<()> {
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        Ok(epoll::add(
            &self.epoll,
            source,
            epoll::EventData::new_u64(token),
            flags,
        )?)
    }

    /// Waits for readiness, at most `timeout_ns` (0: only look; `None`: until something happens).
    pub(crate) fn wait(&mut self, timeout_ns: Option<Nanos>) -> io::Result<()> {
        let timeout = timeout_ns.map(|ns| Timespec {
            tv_sec: i64::try_from(ns / NANOS_PER_S).expect("2^64 ns are 18 billion seconds"),
            tv_nsec: i64::try_from(ns % NANOS_PER_S).expect("below 10^9"),
        });
        self.events.clear();
        let is_whole_ms = timeout_ns.is_none_or(|ns| ns.is_multiple_of(NANOS_PER_MS));
        let waited = if is_whole_ms {
            self.look(timeout.as_ref())
        } else {
            let mut epoll = [PollFd::new(&self.epoll, PollFlags::IN)];
            match poll(&mut epoll, timeout.as_ref()) {
                Ok(0) => Ok(()),
                Ok(_) => self.look(Some(&Timespec::default())),
                Err(errno) => Err(errno),
            }
        };
        match waited {
            Ok(()) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes what is ready, after at most so many whole milliseconds.
    fn look(&mut self, timeout: Option<&Timespec>) -> rustix::io::Result<()> {
        let events = rustix::buffer::spare_capacity(&mut self.events);
        epoll::wait(&self.epoll, events, timeout).map(|_| ())
    }

    /// How many reports the last wait brought.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The report at `index` of the last wait.
    pub(crate) fn ready(&self, index: usize) -> Ready {
        let event = self.events[index];
        Ready {
            token: event.data.u64(),
            flags: event.flags,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_is_ready_is_found_however_it_is_waited_for() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let mut reactor = Reactor::new().unwrap();
        reactor.add(&one, 7).unwrap();
        reactor.wait(Some(0)).unwrap();
        assert_eq!(reactor.len(), 1, "it can be written to");
        // By looking, for less than a millisecond, for whole ones, for one and a half.
        let waits = [0, 1, NANOS_PER_MS, 3 * NANOS_PER_MS / 2];
        for timeout_ns in waits {
            reactor.wait(Some(timeout_ns)).unwrap();
            assert_eq!(reactor.len(), 0, "{timeout_ns}");
        }
        for timeout_ns in waits.map(Some).into_iter().chain([None]) {
            other.write_all(b"x").unwrap();
            reactor.wait(timeout_ns).unwrap();
            assert_eq!(reactor.len(), 1, "{timeout_ns:?}");
            let ready = reactor.ready(0);
            assert_eq!((ready.token, ready.is_readable()), (7, true));
            // Edge-triggered: it is reported once.
            reactor.wait(timeout_ns.or(Some(0))).unwrap();
            assert_eq!(reactor.len(), 0, "{timeout_ns:?}");
        }
    }
}
