//! How a worker's connections come and go.
//!
//! Before the start a connection that can't be opened is an answer: the server isn't there, or the system has no more.
//! Once load is driven it is data, counted by its kind, and tried again.

use std::io;

use model::units::{Nanos, duration_ns};
use rustix::io::Errno;

use crate::engine::core::{HOUSEKEEPING_NS, Link, OpenError, Opened, Session, Stage};
use crate::engine::error::{CONNECT_TIMEOUT, DriveError, time_to_open};
use crate::engine::protocol::Protocol;
use crate::engine::worker::Worker;
use crate::transport::dial::{self, MAX_CONNECTING};
use crate::transport::link::{HandshakeError, Transport};

/// Most attempts in one turn of the loop: where all of them fail at once, requests that are due must not wait for them.
const MAX_ATTEMPTS_A_TURN: u32 = 128;

impl<T: Transport, P: Protocol<T>> Worker<'_, T, P> {
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
                    peer: common.peer.clone(),
                    opened,
                    wanted,
                    source: errno.into(),
                },
                OpenError::Handshake(source) => DriveError::Handshake {
                    peer: common.peer.clone(),
                    source,
                },
            };
            let is_ready =
                self.protocol
                    .is_ready(&self.core)
                    .map_err(|source| DriveError::Upgrade {
                        peer: common.peer.clone(),
                        source,
                    })?;
            if is_ready || self.core.is_stopped() {
                return Ok(());
            }
            let now = self.core.clock.now();
            if now >= deadline_ns {
                return Err(self.opened_too_few(opened, wanted));
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

    /// Why no more than so many connections were open in time.
    fn opened_too_few(&self, opened: u32, wanted: u32) -> DriveError {
        let peer = self.core.common.peer.clone();
        let is_shaking = |session: &Session<T>| matches!(session.stage, Stage::Handshaking { .. });
        match self.core.connections.reopened {
            0 if opened == 0 && self.core.sessions.iter().any(is_shaking) => {
                DriveError::Handshake {
                    peer,
                    source: HandshakeError::TimedOut,
                }
            }
            0 => DriveError::Connect {
                peer,
                opened,
                wanted,
                source: io::ErrorKind::TimedOut.into(),
            },
            ended => DriveError::Unkept {
                peer,
                opened,
                wanted,
                ended,
            },
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
                self.protocol.on_open(&mut self.core, index, opened, now);
                None
            }
            Err(why) => Some(self.open_failed(index, OpenError::Handshake(why), now)),
        }
    }

    /// Gives attempts up that took too long.
    pub(super) fn time_out_opening(&mut self, now: Nanos) {
        while let Some(index) = self.core.opening.front() {
            let (since_ns, why) = match self.core.sessions[index].stage {
                Stage::Connecting { since_ns } => (since_ns, OpenError::System(Errno::TIMEDOUT)),
                Stage::Handshaking { since_ns, .. } => {
                    (since_ns, OpenError::Handshake(HandshakeError::TimedOut))
                }
                Stage::Closed | Stage::Open => {
                    unreachable!("only sessions that are being opened stand in line for it")
                }
            };
            if since_ns + duration_ns(CONNECT_TIMEOUT) > now {
                break;
            }
            self.open_failed(index, why, now);
        }
    }

    /// An attempt to open a session failed.
    fn open_failed(&mut self, index: usize, why: OpenError, now: Nanos) -> OpenError {
        self.core.close(index);
        self.protocol
            .on_open_failed(&mut self.core, index, why.kind(), now);
        why
    }
}
