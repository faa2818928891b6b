//! Connections that carry nothing: opened at a pace beside the load, held, and watched.
//!
//! Nothing is ever sent over them, so they cost the generator no time while load is driven: the kernel notes what becomes of
//! them, and [`Idle::look`] reads its notes between two epochs. One that is lost is counted and not opened again, because a
//! server that closes idle connections has fewer of them, and that is part of the answer.

use std::num::NonZeroU32;
use std::os::fd::OwnedFd;

use model::units::{NANOS_PER_S, Nanos, duration_ns};
use rustix::io::Errno;

use crate::clock::Clock;
use crate::engine::error::{DriveError, time_to_open};
use crate::reactor::Reactor;
use crate::transport::dial::{self, Dial, MAX_CONNECTING, Peer};

/// Connections a second that are opened at most. A server that accepts them one by one keeps up, and none is left in a
/// queue that the system cuts off: what overflows there is tried again a second later.
pub const MAX_OPENED_PER_S: u32 = 10_000;

/// How long to wait for connections at a time, while some are being opened.
const LOOK_EVERY_NS: Nanos = 1_000_000;

/// Idle connections to one server. They are closed when this is dropped.
pub struct Idle {
    reactor: Reactor,
    sockets: Vec<Place>,
    /// Connections that were established.
    opened: u32,
    lost: u32,
}

enum Place {
    Connecting(OwnedFd),
    Open(#[expect(dead_code, reason = "a socket is open for as long as it is kept")] OwnedFd),
    Lost,
}

impl Idle {
    /// Opens `count` connections to `peer`. Ends early, with those that are open by then, once `is_stopped` says so.
    ///
    /// Errors: as a drive's, where a connection can't be opened.
    pub fn open(
        peer: &Peer,
        count: NonZeroU32,
        is_stopped: impl Fn() -> bool,
    ) -> Result<Self, DriveError> {
        let count = count.get();
        let mut idle = Self {
            reactor: Reactor::new().map_err(|source| DriveError::Epoll { source })?,
            sockets: Vec::with_capacity(count as usize),
            opened: 0,
            lost: 0,
        };
        let mut dial = Dial::new(peer, &dial::local_ports(), 1);
        let clock = Clock::start();
        let deadline_ns = duration_ns(time_to_open(count));
        while idle.opened < count && !is_stopped() {
            let failed = |errno: Errno, opened| DriveError::Connect {
                peer: peer.clone(),
                opened,
                wanted: count,
                source: errno.into(),
            };
            let now = clock.now();
            if now >= deadline_ns {
                return Err(failed(Errno::TIMEDOUT, idle.opened));
            }
            while idle.may_dial(count, now) {
                let socket = match dial.next() {
                    // The queue of a Unix socket is full.
                    Err(Errno::AGAIN) => break,
                    connecting => connecting.map_err(|errno| failed(errno, idle.opened))?,
                };
                idle.watch(socket)
                    .map_err(|source| DriveError::Epoll { source })?;
            }
            idle.settle(Some(LOOK_EVERY_NS))?
                .map_err(|errno| failed(errno, idle.opened))?;
        }
        Ok(idle)
    }

    /// Looks what has become of the connections, without waiting; returns how many were lost so far. To be called now and
    /// then.
    pub fn look(&mut self) -> Result<u32, DriveError> {
        // Once all are open none can fail to be.
        let _ = self.settle(Some(0))?;
        while self.reactor.len() > 0 {
            let _ = self.settle(Some(0))?;
        }
        Ok(self.lost)
    }

    /// How many were opened.
    pub fn opened(&self) -> u32 {
        self.opened
    }

    /// Whether another connection may be opened at `now`, nanoseconds since the first one.
    fn may_dial(&self, count: u32, now: Nanos) -> bool {
        let dialled = u32::try_from(self.sockets.len()).expect("no more than a u32 are opened");
        let due_ns = u64::from(dialled) * NANOS_PER_S / u64::from(MAX_OPENED_PER_S);
        dialled < count && dialled - self.opened < MAX_CONNECTING && due_ns <= now
    }

    fn watch(&mut self, socket: OwnedFd) -> std::io::Result<()> {
        self.reactor.add(&socket, self.sockets.len() as u64)?;
        self.sockets.push(Place::Connecting(socket));
        Ok(())
    }

    /// Handles what the kernel reports within `timeout_ns`; the inner error is that of a connection that was not opened.
    fn settle(&mut self, timeout_ns: Option<Nanos>) -> Result<Result<(), Errno>, DriveError> {
        self.reactor
            .wait(timeout_ns)
            .map_err(|source| DriveError::Epoll { source })?;
        for report in 0..self.reactor.len() {
            let ready = self.reactor.ready(report);
            let index = usize::try_from(ready.token).expect("tokens are indices");
            let place = &mut self.sockets[index];
            if let Place::Connecting(socket) = place
                && ready.is_writable()
            {
                if let Err(errno) = dial::outcome(socket) {
                    return Ok(Err(errno));
                }
                let Place::Connecting(socket) = std::mem::replace(place, Place::Lost) else {
                    unreachable!("it was connecting a moment ago")
                };
                *place = Place::Open(socket);
                self.opened += 1;
            }
            // An end, or bytes that nobody asked for: either way it is no idle connection any more.
            if matches!(place, Place::Open(_)) && ready.is_readable() {
                *place = Place::Lost;
                self.lost += 1;
            }
        }
        Ok(Ok(()))
    }
}
