//! What every conversation needs of its worker: the clock, the connections, who is free, the schedule, the recorders.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};
use std::os::fd::OwnedFd;

use model::measured::accounting::ErrorKind;
use model::measured::recording::{ConnectionCounts, Recorder, SharedMessage};
use model::spec::load::Load;
use model::units::{Nanos, duration_ns};
use rustix::io::Errno;

use crate::clock::Clock;
use crate::engine::backoff::{Backoff, Pace};
use crate::engine::common::{Common, Share};
use crate::engine::error::DriveError;
use crate::engine::pacer::Pacer;
use crate::line::Line;
use crate::reactor::{Reactor, Ready};
use crate::transport::dial::Dial;
use crate::transport::link::{HandshakeError, RecvError, Transport};
use crate::transport::receiver::Receiver;

/// Bytes read at once; one buffer serves all connections of a thread.
pub(super) const READ_BUFFER_BYTES: usize = 64 * 1024;

/// How often time-outs are looked for and progress is reported.
pub(super) const HOUSEKEEPING_NS: Nanos = 10_000_000;

/// How long a Unix socket whose queue is full is left alone.
const QUEUE_PAUSE_NS: Nanos = 1_000_000;

/// The part of a worker that does not depend on what is said over its connections.
pub(crate) struct Core<'a, T: Transport> {
    pub(super) common: &'a Common<'a>,
    pub(super) transport: &'a T::Shared,
    pub(super) clock: Clock,
    pub(super) reactor: Reactor,
    pub(super) receiver: Receiver,
    pub(super) read_buffer: Vec<u8>,
    pub(super) sessions: Vec<Session<T>>,
    /// Sessions that may send, longest free first: every connection gets its turn.
    pub(super) free: Line,
    /// Sessions that are being opened, in the order in which they began.
    pub(super) opening: Line,
    /// Sessions to open, in this order.
    pub(super) to_open: VecDeque<usize>,
    /// Sessions that wait for a place in the queue of a Unix socket, and until when they leave it alone, soonest first; with their
    /// generation, since one that was closed meanwhile has been given up.
    pub(super) queued: VecDeque<(Nanos, usize, u32)>,
    /// Sessions to open whose connections before were of no use, and not before when, soonest first.
    pub(super) to_retry: BinaryHeap<Reverse<(Nanos, usize)>>,
    /// Of those.
    pub(super) pace: Pace,
    pub(super) dial: Dial,
    pub(super) source: Source,
    /// Requests that may still be scheduled, where the load bounds their number.
    pub(super) remaining: u64,
    pub(super) recorders: Recorders,
    pub(super) connections: ConnectionCounts,
    pub(super) timeout_ns: Nanos,
    /// What was seen of messages of a chat that others share.
    pub(super) shared: Vec<SharedMessage>,
}

/// Where requests come from.
pub(super) enum Source {
    /// From the schedule; set when it begins.
    Paced(Pacer),
    /// From the reply before, until the end.
    Closed {
        /// No request is sent at or after it.
        end_ns: Nanos,
    },
    /// Nothing is sent any more, or not yet.
    Quiet,
}

/// Warm-up is recorded like everything else, by a recorder that is then thrown away.
pub(super) struct Recorders {
    pub(super) warmup: Recorder,
    pub(super) measured: Recorder,
    pub(super) measured_from_ns: Nanos,
    /// Requests in flight are counted until then.
    pub(super) end_ns: Nanos,
}

/// The clock readings of a drive.
#[expect(clippy::struct_field_names, reason = "units stand last in names")]
pub(super) struct Timeline {
    pub(super) start_ns: Nanos,
    pub(super) measured_from_ns: Nanos,
    pub(super) end_ns: Nanos,
}

/// A place that a connection has, one after the other where they are lost.
pub(super) struct Session<T> {
    /// The connection; none while the session is closed.
    pub(super) link: Option<Link<T>>,
    pub(super) stage: Stage,
    /// Since when it may send, while it stands among the free.
    pub(super) free_since_ns: Nanos,
    /// Since when the connection can be used; none before.
    pub(super) open_since_ns: Option<Nanos>,
    pub(super) backoff: Backoff,
    /// Distinguishes this connection's events from those of the connections that had this place before.
    pub(super) generation: u32,
}

/// A connection.
pub(super) struct Link<T> {
    pub(super) socket: OwnedFd,
    pub(super) transport: T,
}

/// How far a connection has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Closed,
    /// The system connects.
    Connecting {
        since_ns: Nanos,
    },
    /// The system is connected; both sides negotiate.
    Handshaking {
        since_ns: Nanos,
        established_ns: Nanos,
    },
    /// It carries bytes either way.
    Open,
}

/// When bytes arrived.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at_ns: Nanos,
    /// How much later they were read; none where the kernel did not say when they arrived.
    pub(super) lag_ns: Option<Nanos>,
}

/// Why a connection is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The peer said that it would end.
    Announced,
    /// The generator ended it: a reply that did not come in time or was malformed, or a request that need not be sent to its
    /// end.
    GivenUp,
    /// The peer closed or reset it without a word.
    Lost,
}

/// What opening a connection took.
#[derive(Clone, Copy)]
pub(crate) struct Opened {
    pub(super) connect_ns: Nanos,
    /// Where the transport has a handshake.
    pub(super) handshake_ns: Option<Nanos>,
}

impl<'a, T: Transport> Core<'a, T> {
    pub(super) fn new(
        common: &'a Common<'a>,
        transport: &'a T::Shared,
        share: &Share,
    ) -> Result<Self, DriveError> {
        let sessions: Vec<Session<T>> = (0..share.connections)
            .map(|_| Session {
                link: None,
                stage: Stage::Closed,
                free_since_ns: 0,
                open_since_ns: None,
                backoff: Backoff::default(),
                generation: 0,
            })
            .collect();
        let load = common.load;
        let limit = load.request_limit.unwrap_or(u64::MAX);
        let (thread, threads) = (u64::from(share.thread), u64::from(share.threads));
        Ok(Self {
            common,
            transport,
            clock: common.clock,
            reactor: Reactor::new().map_err(|source| DriveError::Epoll { source })?,
            receiver: if common.is_stamped {
                Receiver::stamped(common.clock)
            } else {
                Receiver::unstamped()
            },
            read_buffer: vec![0; READ_BUFFER_BYTES],
            free: Line::new(share.connections),
            opening: Line::new(share.connections),
            to_open: VecDeque::new(),
            queued: VecDeque::new(),
            to_retry: BinaryHeap::new(),
            pace: Pace::new(share.threads),
            dial: Dial::new(common.peer, &common.local_ports, share.threads)
                .stamped(common.is_stamped),
            sessions,
            source: Source::Quiet,
            remaining: share
                .part
                .share(limit / threads + u64::from(thread < limit % threads)),
            // Until the schedule begins nothing is recorded but connections.
            recorders: Recorders::new(load),
            connections: ConnectionCounts {
                places: u64::from(share.connections),
                ..ConnectionCounts::default()
            },
            timeout_ns: duration_ns(load.timeout),
            shared: Vec::new(),
        })
    }

    /// How many connections this thread may have.
    pub(super) fn connection_count(&self) -> u32 {
        u32::try_from(self.sessions.len()).expect("a thread's connections were a u32")
    }

    /// Waits for readiness reports, at most that long.
    pub(super) fn wait(&mut self, timeout_ns: Option<Nanos>) -> Result<(), DriveError> {
        self.reactor
            .wait(timeout_ns)
            .map_err(|source| DriveError::Epoll { source })
    }

    /// The session may send from now on.
    pub(super) fn set_free(&mut self, index: usize, now: Nanos) {
        self.sessions[index].free_since_ns = now;
        self.free.push_back(index);
    }

    /// When, in a closed loop, the request is sent that follows a reply: now, unless the end has come.
    pub(super) fn follows(&self) -> Option<Nanos> {
        match self.source {
            Source::Closed { end_ns } if self.remaining > 0 => {
                Some(self.clock.now()).filter(|&now| now < end_ns)
            }
            Source::Closed { .. } | Source::Paced(_) | Source::Quiet => None,
        }
    }

    /// Something that was due at `due_ns` is sent at `sent_ns` over a session that was free.
    pub(super) fn count_sent(&mut self, index: usize, due_ns: Nanos, sent_ns: Nanos) {
        if due_ns >= self.recorders.measured_from_ns {
            self.remaining -= 1;
        }
        let session = &mut self.sessions[index];
        if session.backoff.on_used() {
            self.pace.on_used();
        }
        let free_since_ns = session.free_since_ns;
        let recorder = self.recorders.for_due(due_ns);
        recorder.on_scheduled(1);
        recorder.on_sent(sent_ns.saturating_sub(due_ns.max(free_since_ns)));
    }

    /// A connection was opened, for what is due at `due_ns`.
    pub(super) fn count_opened(&mut self, opened: Opened, due_ns: Nanos) {
        self.connections.opened += 1;
        let recorder = self.recorders.for_due(due_ns);
        recorder.on_connected(opened.connect_ns);
        if let Some(handshake_ns) = opened.handshake_ns {
            recorder.on_handshake(handshake_ns);
        }
    }

    /// Writes what remains of `bytes` after `written` of them; true once nothing is left, here or in the transport.
    pub(super) fn write(
        &mut self,
        index: usize,
        bytes: &[u8],
        written: &mut usize,
    ) -> Result<bool, ErrorKind> {
        let Link { socket, transport } = self.sessions[index].link();
        while *written < bytes.len() || transport.has_unsent() {
            match transport.send(socket, &bytes[*written..]) {
                Ok(count) => *written += count,
                Err(Errno::AGAIN) => return Ok(false),
                Err(_) => return Err(ErrorKind::Reset),
            }
        }
        Ok(true)
    }

    /// Reads into the read buffer what has come; 0 is the peer's end.
    pub(super) fn recv(&mut self, index: usize) -> Result<usize, RecvError> {
        let Link { socket, transport } = self.sessions[index].link();
        let count = transport.recv(socket, &mut self.receiver, &mut self.read_buffer)?;
        if self.common.control.is_measuring() {
            self.recorders.measured.on_bytes(count as u64);
        }
        Ok(count)
    }

    /// When the bytes of the last read arrived, not before `since_ns`: by the kernel's clock where that says so, otherwise at
    /// `woken_ns`, when they had arrived by our own.
    pub(super) fn arrival(&self, since_ns: Nanos, woken_ns: Nanos) -> Arrival {
        let stamped = self.receiver.is_stamped().then(|| {
            let read_ns = self.clock.now();
            let at_ns = self.receiver.arrived_ns(since_ns, read_ns)?;
            Some((at_ns, read_ns - at_ns))
        });
        stamped.flatten().map_or(
            Arrival {
                at_ns: woken_ns,
                lag_ns: None,
            },
            |(at_ns, lag_ns)| Arrival {
                at_ns,
                lag_ns: Some(lag_ns),
            },
        )
    }

    /// What was due at `due_ns` was answered by what arrived then, as far as the kernel's clock was asked.
    pub(super) fn count_read(&mut self, due_ns: Nanos, lag_ns: Option<Nanos>) {
        if self.receiver.is_stamped() {
            self.recorders.for_due(due_ns).on_read(lag_ns);
        }
    }

    /// Whether a read of so many bytes has emptied the socket (epoll(7)). After a hang-up its end is still to be read.
    pub(super) fn is_emptied(count: usize, ready: Ready) -> bool {
        T::SHORT_READ_EMPTIES && count < READ_BUFFER_BYTES && !ready.is_hangup()
    }

    /// Whether the transport holds bytes that have not left yet.
    pub(super) fn has_unsent(&mut self, index: usize) -> bool {
        self.sessions[index].link().transport.has_unsent()
    }

    /// Whether nothing but silence is to be read, not even an end.
    pub(super) fn is_silent(&mut self, index: usize) -> bool {
        let Link { socket, transport } = self.sessions[index].link();
        transport.is_silent(socket, &mut self.receiver, &mut self.read_buffer)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.common.control.is_stopped()
    }
}

impl Recorders {
    fn new(load: &Load) -> Self {
        let mut measured = Recorder::new(0, duration_ns(load.interval).max(1));
        if load.goodput.is_some() {
            measured.count_in_time();
        }
        Self {
            warmup: Recorder::new(0, Nanos::MAX),
            measured,
            measured_from_ns: 0,
            end_ns: 0,
        }
    }

    pub(super) fn start_at(&mut self, timeline: &Timeline) {
        self.measured.start_at(timeline.measured_from_ns);
        self.measured_from_ns = timeline.measured_from_ns;
        self.end_ns = timeline.end_ns;
    }

    /// Until now, that many requests were on the wire.
    pub(super) fn count_in_flight(&mut self, in_flight: u32, now: Nanos) {
        self.measured
            .count_in_flight(in_flight, now.min(self.end_ns));
    }

    pub(super) fn for_due(&mut self, due_ns: Nanos) -> &mut Recorder {
        if due_ns < self.measured_from_ns {
            &mut self.warmup
        } else {
            &mut self.measured
        }
    }
}

impl<T> Session<T> {
    /// The connection of a session that isn't closed.
    pub(super) fn link(&mut self) -> &mut Link<T> {
        self.link
            .as_mut()
            .expect("a session that isn't closed has a connection")
    }
}

/// Why a connection could not be opened.
pub(crate) enum OpenError {
    System(Errno),
    Handshake(HandshakeError),
}

impl<T: Transport> Core<'_, T> {
    /// Gives a connection up and asks for a new one in its place.
    pub(super) fn reopen(&mut self, index: usize, ended: Ended, now: Nanos) {
        self.connections.reopened += 1;
        self.connections.lost += u64::from(ended == Ended::Lost);
        self.connections.given_up += u64::from(ended == Ended::GivenUp);
        self.close(index);
        self.open_later(index, now);
    }

    /// Asks for a connection in the place of one that is closed.
    pub(super) fn open_later(&mut self, index: usize, now: Nanos) {
        let session = &mut self.sessions[index];
        let lived_ns = session
            .open_since_ns
            .take()
            .map_or(0, |since| now.saturating_sub(since));
        match session.backoff.after(lived_ns) {
            0 => self.to_open.push_back(index),
            pause_ns => {
                self.pace.on_unused();
                self.to_retry.push(Reverse((now + pause_ns, index)));
            }
        }
    }

    /// Every session is to be opened, in their order.
    pub(super) fn open_each(&mut self, sessions: impl IntoIterator<Item = usize>) {
        self.to_open.extend(sessions);
    }

    pub(super) fn next_to_open(&mut self, now: Nanos) -> Option<usize> {
        while let Some((_, index, generation)) = self.queued.pop_front_if(|next| next.0 <= now) {
            if self.sessions[index].generation == generation {
                return Some(index);
            }
        }
        if let Some(index) = self.to_open.pop_front() {
            return Some(index);
        }
        let next = self.to_retry.peek_mut()?;
        let Reverse((not_before_ns, _)) = *next;
        (not_before_ns <= now && self.pace.allows(now)).then(|| {
            self.pace.on_opened(now);
            PeekMut::pop(next).0.1
        })
    }

    /// Begins to open a session. Where that fails at once the session stays closed.
    pub(super) fn open(&mut self, index: usize, now: Nanos) -> Result<(), OpenError> {
        let socket = match self.dial.next() {
            // For a place in the queue of a Unix socket it is asked again.
            Err(Errno::AGAIN) => {
                let generation = self.sessions[index].generation;
                self.queued
                    .push_back((now + QUEUE_PAUSE_NS, index, generation));
                return Ok(());
            }
            connecting => connecting.map_err(OpenError::System)?,
        };
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

/// The epoll token of a session: its place, and which of the sockets that had this place.
fn token(index: usize, generation: u32) -> u64 {
    (u64::from(generation) << 32) | index as u64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the inverse of `token`: each half fits"
)]
pub(super) fn untoken(token: u64) -> (usize, u32) {
    ((token & u64::from(u32::MAX)) as usize, (token >> 32) as u32)
}
