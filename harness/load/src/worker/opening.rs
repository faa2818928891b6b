//! How a worker's connections come and go.
//!
//! Before the start a connection that can't be opened is an answer: the server isn't there, or the system has no more.
//! Once load is driven it is data, counted by its kind, and tried again.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::io;

use model::measured::ledger::ErrorKind;
use model::units::{Nanos, duration_ns};
use rustix::io::Errno;

use super::core::{Core, Ended, Link, Opened, Stage};
use super::{HOUSEKEEPING_NS, Talk, Worker, token};
use crate::dial::{self, MAX_CONNECTING};
use crate::drive::{CONNECT_TIMEOUT, DriveError, time_to_open};
use crate::tls::HandshakeError;
use crate::transport::Transport;

/// Most attempts in one turn of the loop: where all of them fail at once, requests that are due must not wait for them.
const MAX_ATTEMPTS_A_TURN: u32 = 128;

/// Why a connection could not be opened.
pub(crate) enum OpenError {
    System(Errno),
    Handshake(HandshakeError),
}

impl<T: Transport, C: Talk<T>> Worker<'_, T, C> {
    /// Opens every connection, [`MAX_CONNECTING`] at a time, or says why it can't.
    pub(super) fn open_all(&mut self) -> Result<(), DriveError> {
        let common = self.core.common;
        let deadline_ns =
            self.core.clock.now() + duration_ns(time_to_open(common.load.connections.get()));
        let wanted =
            u32::try_from(self.core.sessions.len()).expect("a thread's connections were a u32");
        loop {
            let opened = self.core.free.len();
            let failed = |why| match why {
                OpenError::System(errno) => DriveError::Connect {
                    addr: common.addr,
                    opened,
                    wanted,
                    source: errno.into(),
                },
                OpenError::Handshake(source) => DriveError::Handshake {
                    addr: common.addr,
                    source,
                },
            };
            let is_ready =
                self.talk
                    .is_ready(&self.core)
                    .map_err(|source| DriveError::Upgrade {
                        addr: common.addr,
                        source,
                    })?;
            if is_ready || self.core.is_stopped() {
                return Ok(());
            }
            let now = self.core.clock.now();
            if now >= deadline_ns {
                return Err(DriveError::Connect {
                    addr: common.addr,
                    opened,
                    wanted,
                    source: io::ErrorKind::TimedOut.into(),
                });
            }
            if let Some(why) = self.open_pending(now) {
                return Err(failed(why));
            }
            self.core.wait(Some(HOUSEKEEPING_NS))?;
            let now = self.core.clock.now();
            for index in 0..self.core.reactor.len() {
                if let Some(why) = self.on_ready(self.core.reactor.ready(index), now) {
                    return Err(failed(why));
                }
            }
        }
    }

    /// Starts opening sessions whose turn has come; returns why the last of those failed that failed at once.
    pub(super) fn open_pending(&mut self, now: Nanos) -> Option<OpenError> {
        let mut failed = None;
        for _ in 0..MAX_ATTEMPTS_A_TURN {
            if self.core.opening.len() >= MAX_CONNECTING {
                break;
            }
            let Some(index) = self.core.next_to_open(now) else {
                break;
            };
            if let Err(why) = self.core.open(index, now) {
                failed = Some(self.open_failed(index, why, now));
            }
        }
        failed
    }

    /// The connection is established, or it failed.
    pub(super) fn on_connected(
        &mut self,
        index: usize,
        since_ns: Nanos,
        now: Nanos,
    ) -> Option<OpenError> {
        let session = &mut self.core.sessions[index];
        match dial::outcome(&session.link().socket) {
            Ok(()) => {
                session.stage = Stage::Handshaking {
                    since_ns,
                    established_ns: now,
                };
                self.shake_hands(index, since_ns, now, now)
            }
            Err(errno) => Some(self.open_failed(index, OpenError::System(errno), now)),
        }
    }

    /// Goes on with the handshake, where the transport has one; the connection can be used once it is over.
    pub(super) fn shake_hands(
        &mut self,
        index: usize,
        since_ns: Nanos,
        established_ns: Nanos,
        now: Nanos,
    ) -> Option<OpenError> {
        let session = &mut self.core.sessions[index];
        let Link { socket, transport } = session.link();
        match transport.handshake(socket) {
            Ok(false) => None,
            Ok(true) => {
                session.stage = Stage::Open;
                session.open_since_ns = Some(now);
                self.core.opening.remove(index);
                let opened = Opened {
                    connect_ns: established_ns - since_ns,
                    handshake_ns: T::HAS_HANDSHAKE.then_some(now - established_ns),
                };
                self.talk.on_open(&mut self.core, index, opened, now);
                None
            }
            Err(why) => Some(self.open_failed(index, OpenError::Handshake(why), now)),
        }
    }

    /// Gives attempts up that took too long.
    pub(super) fn time_out_opening(&mut self, now: Nanos) {
        while let Some(index) = self.core.opening.front() {
            let (Stage::Connecting { since_ns } | Stage::Handshaking { since_ns, .. }) =
                self.core.sessions[index].stage
            else {
                unreachable!("only sessions that are being opened stand in line for it")
            };
            if since_ns + duration_ns(CONNECT_TIMEOUT) > now {
                break;
            }
            self.open_failed(index, OpenError::System(Errno::TIMEDOUT), now);
        }
    }

    /// An attempt to open a session failed.
    fn open_failed(&mut self, index: usize, why: OpenError, now: Nanos) -> OpenError {
        self.core.close(index);
        self.talk
            .on_open_failed(&mut self.core, index, why.kind(), now);
        why
    }
}

impl<T: Transport> Core<'_, T> {
    /// Gives a connection up and asks for a new one in its place.
    pub(super) fn reopen(&mut self, index: usize, ended: Ended, now: Nanos) {
        self.connections.reopened += 1;
        self.connections.lost += u64::from(ended == Ended::Lost);
        self.close(index);
        self.open_later(index, now);
    }

    /// Asks for a connection in the place of one that is closed.
    pub(super) fn open_later(&mut self, index: usize, now: Nanos) {
        let session = &mut self.sessions[index];
        let lived_ns = session.open_since_ns.take().map_or(0, |since| now - since);
        let pause_ns = session.backoff.after(lived_ns);
        self.to_open.push(Reverse((now + pause_ns, index)));
    }

    /// Every session is to be opened, in their order.
    pub(super) fn open_each(&mut self, sessions: impl IntoIterator<Item = usize>) {
        let at_once = sessions.into_iter().map(|index| Reverse((0, index)));
        self.to_open.extend(at_once);
    }

    fn next_to_open(&mut self, now: Nanos) -> Option<usize> {
        let next = self.to_open.peek_mut()?;
        let Reverse((not_before_ns, _)) = *next;
        (not_before_ns <= now).then(|| PeekMut::pop(next).0.1)
    }

    /// Begins to open a session. Where that fails at once the session stays closed.
    pub(super) fn open(&mut self, index: usize, now: Nanos) -> Result<(), OpenError> {
        let socket = self.dial.next().map_err(OpenError::System)?;
        let transport = T::new(self.transport).map_err(OpenError::Handshake)?;
        let session = &mut self.sessions[index];
        self.reactor
            .add(&socket, token(index, session.generation))
            .map_err(|error| {
                OpenError::System(Errno::from_io_error(&error).unwrap_or(Errno::IO))
            })?;
        session.link = Some(Link { socket, transport });
        session.stage = Stage::Connecting { since_ns: now };
        self.opening.push_back(index);
        Ok(())
    }

    /// Closes a session's connection, however far it has come.
    pub(super) fn close(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        let is_opening = matches!(
            session.stage,
            Stage::Connecting { .. } | Stage::Handshaking { .. }
        );
        session.link = None;
        session.stage = Stage::Closed;
        session.generation = session.generation.wrapping_add(1);
        if is_opening {
            self.opening.remove(index);
        }
    }
}

impl OpenError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::System(Errno::CONNREFUSED) => ErrorKind::Refused,
            Self::System(Errno::ADDRNOTAVAIL) => ErrorKind::AddrNotAvailable,
            Self::System(Errno::MFILE | Errno::NFILE) => ErrorKind::TooManyFiles,
            Self::System(Errno::TIMEDOUT) => ErrorKind::ConnectTimeout,
            Self::System(_) => ErrorKind::ConnectFailed,
            Self::Handshake(_) => ErrorKind::TlsFailed,
        }
    }
}
