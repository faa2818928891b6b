//! The thinnest wrapper over epoll that the instrument needs: edge-triggered, nanosecond time-outs, no dispatch.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use model::units::{NANOS_PER_S, Nanos};
use rustix::event::{Timespec, epoll};

/// Most events that one wait returns; the rest comes with the next.
const MAX_EVENTS: usize = 1024;

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
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.events),
            timeout.as_ref(),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
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
