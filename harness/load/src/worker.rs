//! One generator thread: its sockets, its clock, and the loop that ties them to the pure parts.
//!
//! A turn of the loop sends what is due, sleeps until the next request is due or a reply comes, and hands every reply
//! to its [`Exchange`]. The steady state costs one `send` and one `recv` a request, and one `epoll_wait` for all that
//! became ready together. No turn walks through all sessions: ten thousand idle ones cost nothing.
//!
//! How connections come and go is in `opening`.

mod opening;

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;

use bench_core::ledger::ErrorKind;
use bench_core::load::Load;
use bench_core::recording::{ConnectionCounts, GeneratorUse, Recorder, Recording, Served};
use bench_core::schedule::{Mix, Schedule};
use bench_core::units::{Nanos, duration_ns};
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use crate::clock::{Clock, thread_cpu_ns};
use crate::control::Phase;
use crate::drive::{Common, DriveError};
use crate::exchange::{Exchange, Progress};
use crate::line::Line;
use crate::pacer::{Pacer, Wait};
use crate::reactor::{Reactor, Ready};
use crate::sources::Sources;
use crate::transport::{RecvError, Transport};
use opening::OpenError;

/// Bytes read at once; one buffer serves all connections of a thread.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// How often time-outs are looked for and the world is told how it goes.
const HOUSEKEEPING_NS: Nanos = 10_000_000;

/// A thread's part of a drive.
pub(crate) struct Share {
    /// This thread, from 0.
    pub(crate) thread: u32,
    /// Of how many.
    pub(crate) threads: u32,
    /// Connections of this thread, at least one.
    pub(crate) connections: u32,
    /// The core to pin to.
    pub(crate) cpu: Option<u32>,
    /// Whether to spin for due times.
    pub(crate) spin: bool,
}

/// Opens this thread's connections, waits for the other threads, drives, and returns what was recorded; nothing where
/// another thread failed before the start.
pub(crate) fn run<T: Transport>(
    common: &Common<'_>,
    transport: &T::Shared,
    share: &Share,
) -> Result<Option<Recording>, DriveError> {
    let opened = prepare_thread(share)
        .and_then(|()| Worker::<T>::new(common, transport, share))
        .and_then(|mut worker| worker.open_all().map(|()| worker));
    match opened {
        Ok(worker) => Ok(common
            .start
            .arrive()
            .then(|| worker.drive(share))
            .transpose()?),
        Err(error) => {
            common.start.give_up();
            Err(error)
        }
    }
}

/// Pins the thread, and asks for timers that are not rounded: Linux adds 50 µs to a sleep unless told otherwise.
fn prepare_thread(share: &Share) -> Result<(), DriveError> {
    set_current_timer_slack(NonZeroU64::new(1)).map_err(|errno| DriveError::Epoll {
        source: errno.into(),
    })?;
    let Some(cpu) = share.cpu else { return Ok(()) };
    let mut set = CpuSet::new();
    set.set(cpu as usize);
    sched_setaffinity(None, &set).map_err(|errno| DriveError::Pin {
        cpu,
        source: errno.into(),
    })
}

struct Worker<'a, T: Transport> {
    common: &'a Common<'a>,
    transport: &'a T::Shared,
    clock: Clock,
    reactor: Reactor,
    read_buffer: Vec<u8>,
    sessions: Vec<Session<T>>,
    /// Sessions that may carry a request, longest free first: every connection gets its turn.
    free: Line,
    /// Sessions that carry a request, the one sent first first: time-outs come in this order.
    busy: Line,
    /// Sessions that are being opened, in the order in which they began.
    opening: Line,
    /// Sessions to open, and those that failed with the time of their next attempt, soonest first.
    to_open: VecDeque<usize>,
    to_retry: VecDeque<(usize, Nanos)>,
    sources: Sources,
    source: Source,
    mix: Mix,
    /// Requests that may still be scheduled, where the load bounds their number.
    remaining: u64,
    recorders: Recorders,
    connections: ConnectionCounts,
    timeout_ns: Nanos,
    next_housekeeping_ns: Nanos,
    told: (u64, u64),
}

/// Where requests come from.
enum Source {
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
struct Recorders {
    warmup: Recorder,
    measured: Recorder,
    measured_from_ns: Nanos,
    /// Requests in flight are counted until then.
    end_ns: Nanos,
}

impl Recorders {
    fn new(load: &Load) -> Self {
        Self {
            warmup: Recorder::new(0, Nanos::MAX),
            measured: Recorder::new(0, duration_ns(load.interval).max(1)),
            measured_from_ns: 0,
            end_ns: 0,
        }
    }

    fn start_at(&mut self, timeline: &Timeline) {
        self.measured.start_at(timeline.measured_from_ns);
        self.measured_from_ns = timeline.measured_from_ns;
        self.end_ns = timeline.end_ns;
    }

    /// Until now, that many requests were on the wire.
    fn count_in_flight(&mut self, in_flight: u32, now: Nanos) {
        self.measured
            .count_in_flight(in_flight, now.min(self.end_ns));
    }

    fn for_due(&mut self, due_ns: Nanos) -> &mut Recorder {
        if due_ns < self.measured_from_ns {
            &mut self.warmup
        } else {
            &mut self.measured
        }
    }
}

struct Session<T> {
    /// The connection; none while the session is closed.
    link: Option<Link<T>>,
    state: State,
    exchange: Exchange,
    /// Distinguishes this connection's events from those of the connections that had this place before.
    generation: u32,
    /// Measured requests that it has carried.
    served: u64,
}

/// A connection.
struct Link<T> {
    socket: OwnedFd,
    transport: T,
}

#[derive(Clone, Copy)]
enum State {
    Closed,
    /// The system connects.
    Connecting {
        since_ns: Nanos,
    },
    /// The system is connected; both sides come to terms.
    Handshaking {
        since_ns: Nanos,
        established_ns: Nanos,
    },
    Free {
        since_ns: Nanos,
    },
    Busy(InFlight),
}

/// A request on the wire.
#[derive(Clone, Copy)]
struct InFlight {
    due_ns: Nanos,
    sent_ns: Nanos,
    /// When the first byte of the reply came.
    first_byte_ns: Option<Nanos>,
    request: usize,
    /// How many of its bytes have left.
    written: usize,
}

impl InFlight {
    /// From the moment of sending to the first byte; a lower bound at `now` where none has come.
    fn until_first_byte_ns(&self, now: Nanos) -> Nanos {
        self.first_byte_ns.unwrap_or(now) - self.sent_ns
    }
}

impl<T> Session<T> {
    /// The connection of a session that isn't closed.
    fn link(&mut self) -> &mut Link<T> {
        self.link
            .as_mut()
            .expect("a session that isn't closed has a connection")
    }
}

/// The clock readings of a drive.
struct Timeline {
    measured_from_ns: Nanos,
    end_ns: Nanos,
}

impl<'a, T: Transport> Worker<'a, T> {
    fn new(
        common: &'a Common<'a>,
        transport: &'a T::Shared,
        share: &Share,
    ) -> Result<Self, DriveError> {
        let sessions: Vec<Session<T>> = (0..share.connections)
            .map(|_| Session {
                link: None,
                state: State::Closed,
                exchange: Exchange::new(),
                generation: 0,
                served: 0,
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
            read_buffer: vec![0; READ_BUFFER_BYTES],
            free: Line::new(share.connections),
            busy: Line::new(share.connections),
            opening: Line::new(share.connections),
            to_open: (0..sessions.len()).collect(),
            to_retry: VecDeque::new(),
            sources: Sources::new(common.addr, &common.local_ports, share.threads),
            sessions,
            source: Source::Quiet,
            mix: Mix::new(&common.workload.weights(), load.seed, share.thread),
            remaining: limit / threads + u64::from(thread < limit % threads),
            // Until the schedule begins nothing is recorded but connections.
            recorders: Recorders::new(load),
            connections: ConnectionCounts::default(),
            timeout_ns: duration_ns(load.timeout),
            next_housekeeping_ns: 0,
            told: (0, 0),
        })
    }

    fn drive(mut self, share: &Share) -> Result<Recording, DriveError> {
        let load = self.common.load;
        let start_ns = self.clock.now();
        let mut timeline = Timeline {
            measured_from_ns: start_ns + duration_ns(load.warmup),
            end_ns: start_ns + duration_ns(load.warmup) + duration_ns(load.duration),
        };
        self.recorders.start_at(&timeline);
        if load.warmup.is_zero() {
            self.tell(share, Phase::Measuring);
        }
        self.begin(share, start_ns, timeline.end_ns);
        let mut spin_ns = 0;
        let mut cpu_before_ns = thread_cpu_ns();
        let mut is_measuring = load.warmup.is_zero();
        loop {
            let now = self.clock.now();
            if now >= timeline.end_ns || self.is_over() {
                // What fell due since the last look still belongs to the schedule.
                self.send_due(now.min(timeline.end_ns), start_ns);
                timeline.end_ns = timeline.end_ns.min(now);
                break;
            }
            if !is_measuring && now >= timeline.measured_from_ns {
                is_measuring = true;
                self.tell(share, Phase::Measuring);
                cpu_before_ns = thread_cpu_ns();
                spin_ns = 0;
            }
            self.send_due(now, start_ns);
            self.keep_house(now);
            let until_end_ns = timeline.end_ns.saturating_sub(now).min(HOUSEKEEPING_NS);
            let spinning = match self.next_wait(start_ns, share.spin) {
                Wait::Spin => true,
                Wait::Sleep(ns) => {
                    self.wait(Some(ns.min(until_end_ns)))?;
                    false
                }
                Wait::Done => {
                    self.wait(Some(until_end_ns))?;
                    false
                }
            };
            if spinning {
                self.wait(Some(0))?;
            }
            let woken_ns = self.clock.now();
            self.recorders.count_in_flight(self.busy.len(), woken_ns);
            if spinning && self.reactor.len() == 0 {
                spin_ns += woken_ns - now;
            }
            self.on_all_ready(woken_ns);
        }
        let cpu_ns = thread_cpu_ns() - cpu_before_ns;
        self.finish(
            share,
            &timeline,
            start_ns,
            GeneratorUse {
                cpu_ns,
                spin_ns: spin_ns.min(cpu_ns),
                threads: 1,
            },
        )
    }

    /// The first thread speaks for all: their clocks are one.
    fn tell(&self, share: &Share, phase: Phase) {
        if share.thread == 0 {
            self.common.control.reached(phase);
        }
    }

    /// The schedule begins at `start_ns`.
    fn begin(&mut self, share: &Share, start_ns: Nanos, end_ns: Nanos) {
        self.next_housekeeping_ns = start_ns + HOUSEKEEPING_NS;
        for session in &mut self.sessions {
            if let State::Free { since_ns } = &mut session.state {
                *since_ns = start_ns;
            }
        }
        if let Some(schedule) = Schedule::new(self.common.load, share.thread, share.threads) {
            // Schedules count from their own beginning, the clock from the drive's.
            self.source = Source::Paced(Pacer::new(schedule, end_ns - start_ns));
        } else {
            self.source = Source::Closed { end_ns };
            // Those that may not send, because the load's number of requests is reached, stay free.
            for _ in 0..self.free.len() {
                let index = self.free.pop_front().expect("as many as there were");
                self.send_next(index);
            }
        }
    }

    /// Stopped from outside, or all that may be scheduled has been.
    fn is_over(&self) -> bool {
        self.common.control.is_stopped() || self.remaining == 0
    }

    /// Sends every request that is due, as far as connections are free.
    fn send_due(&mut self, now: Nanos, start_ns: Nanos) {
        while let Source::Paced(pacer) = &mut self.source
            && self.remaining > 0
            && !self.free.is_empty()
            && let Some(due) = pacer.due(now - start_ns)
        {
            pacer.pop();
            let index = self.free.pop_front().expect("checked above");
            self.send(index, Some(start_ns + due));
        }
    }

    /// How to wait for what comes next.
    fn next_wait(&mut self, start_ns: Nanos, spin: bool) -> Wait {
        match &mut self.source {
            // A due request that finds no free connection waits for a reply, not for a time.
            Source::Paced(_) if self.free.is_empty() => Wait::Done,
            // Waking from a sleep takes tens of microseconds, and a reply that comes meanwhile would seem that much later.
            Source::Paced(_) if spin && !self.busy.is_empty() => Wait::Spin,
            Source::Paced(pacer) => pacer.wait(self.clock.now() - start_ns, spin),
            Source::Closed { .. } | Source::Quiet => Wait::Done,
        }
    }

    fn wait(&mut self, timeout_ns: Option<Nanos>) -> Result<(), DriveError> {
        self.reactor
            .wait(timeout_ns)
            .map_err(|source| DriveError::Epoll { source })
    }

    fn on_all_ready(&mut self, now: Nanos) {
        for index in 0..self.reactor.len() {
            // Once load is driven, a connection that fails is data: it was counted where it failed.
            self.on_ready(self.reactor.ready(index), now);
        }
    }

    /// Handles one readiness report; returns why a connection could not be opened.
    fn on_ready(&mut self, ready: Ready, now: Nanos) -> Option<OpenError> {
        let (index, generation) = untoken(ready.token);
        let session = &mut self.sessions[index];
        // A session may have been closed and opened again by an earlier report of the same wait.
        if session.generation != generation {
            return None;
        }
        match session.state {
            State::Connecting { since_ns } if ready.is_writable() => {
                self.on_connected(index, since_ns, now)
            }
            State::Handshaking {
                since_ns,
                established_ns,
            } => self.shake_hands(index, since_ns, established_ns, now),
            State::Closed | State::Connecting { .. } => None,
            State::Free { .. } => {
                if ready.is_readable() {
                    self.lose_free(index, ready);
                }
                None
            }
            State::Busy(sent) => {
                let length = self.common.workload.request(sent.request).bytes.len();
                if ready.is_writable()
                    && (sent.written < length || session.link().transport.has_unsent())
                {
                    self.flush(index);
                }
                if ready.is_readable() && matches!(self.sessions[index].state, State::Busy(_)) {
                    self.read(index, ready, now);
                }
                None
            }
        }
    }

    /// The session may carry another request.
    fn release(&mut self, index: usize) {
        match self.source {
            Source::Closed { .. } => self.send_next(index),
            Source::Paced(_) | Source::Quiet => self.free.push_back(index),
        }
    }

    /// Sends the next request of a closed loop, if there is to be one.
    fn send_next(&mut self, index: usize) {
        match self.source {
            Source::Closed { end_ns } if self.remaining > 0 && self.clock.now() < end_ns => {
                self.send(index, None);
            }
            _ => self.free.push_back(index),
        }
    }

    /// Sends a request, due at `due_ns` or, in a closed loop, now.
    fn send(&mut self, index: usize, due_ns: Option<Nanos>) {
        let sent_ns = self.clock.now();
        let due_ns = due_ns.unwrap_or(sent_ns);
        let request = self.mix.choose();
        let session = &mut self.sessions[index];
        let State::Free { since_ns } = session.state else {
            unreachable!("only free sessions carry a request")
        };
        session
            .exchange
            .begin(self.common.workload.request(request).method);
        session.state = State::Busy(InFlight {
            due_ns,
            sent_ns,
            first_byte_ns: None,
            request,
            written: 0,
        });
        self.recorders.count_in_flight(self.busy.len(), sent_ns);
        self.busy.push_back(index);
        if due_ns >= self.recorders.measured_from_ns {
            self.remaining -= 1;
        }
        let recorder = self.recorders.for_due(due_ns);
        recorder.on_scheduled(1);
        recorder.on_sent(sent_ns.saturating_sub(due_ns.max(since_ns)));
        self.flush(index);
    }

    /// Writes what remains of a request.
    fn flush(&mut self, index: usize) {
        let Session { link, state, .. } = &mut self.sessions[index];
        let State::Busy(sent) = state else {
            unreachable!("only a busy session has something to write")
        };
        let bytes = &self.common.workload.request(sent.request).bytes;
        let Link { socket, transport } = link
            .as_mut()
            .expect("a session that isn't closed has a connection");
        while sent.written < bytes.len() || transport.has_unsent() {
            match transport.send(socket, &bytes[sent.written..]) {
                Ok(count) => sent.written += count,
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    let now = self.clock.now();
                    return self.complete(index, Err(ErrorKind::Reset), false, now);
                }
            }
        }
    }

    fn read(&mut self, index: usize, ready: Ready, woken_ns: Nanos) {
        // What was readable when epoll returned had arrived by then; later reads of a long reply read the clock anew.
        let mut arrived_ns = woken_ns;
        loop {
            let Session {
                link,
                state,
                exchange,
                ..
            } = &mut self.sessions[index];
            let State::Busy(sent) = state else {
                unreachable!("read is for busy sessions")
            };
            let expect = &self.common.workload.request(sent.request).expect;
            let Link { socket, transport } = link
                .as_mut()
                .expect("a session that isn't closed has a connection");
            match transport.recv(socket, &mut self.read_buffer) {
                Ok(0) => {
                    let fate = exchange.eof(expect);
                    return self.complete(index, fate, false, arrived_ns);
                }
                Ok(count) => {
                    sent.first_byte_ns.get_or_insert(arrived_ns);
                    if let Progress::Done { fate, reusable } =
                        exchange.receive(&self.read_buffer[..count], expect)
                    {
                        // After a hang-up no further report would come for this socket.
                        let reusable = reusable && !ready.is_hangup();
                        return self.complete(index, fate, reusable, arrived_ns);
                    }
                    // A short read has emptied the socket (epoll(7)), unless its end is still to be read.
                    if T::SHORT_READ_EMPTIES && count < READ_BUFFER_BYTES && !ready.is_hangup() {
                        return;
                    }
                }
                Err(RecvError::WouldBlock) => return,
                Err(RecvError::Lost) => {
                    return self.complete(index, Err(ErrorKind::Reset), false, arrived_ns);
                }
                Err(RecvError::Malformed) => {
                    return self.complete(index, Err(ErrorKind::Malformed), false, arrived_ns);
                }
            }
            arrived_ns = self.clock.now();
        }
    }

    /// The request on this session has met its fate.
    fn complete(&mut self, index: usize, fate: Result<(), ErrorKind>, reusable: bool, now: Nanos) {
        let session = &mut self.sessions[index];
        let State::Busy(sent) = session.state else {
            unreachable!("only a busy session completes")
        };
        if fate.is_ok() && sent.due_ns >= self.recorders.measured_from_ns {
            session.served += 1;
        }
        let recorder = self.recorders.for_due(sent.due_ns);
        match fate {
            Ok(()) => {
                recorder.on_first_byte(sent.until_first_byte_ns(now));
                recorder.on_ok(sent.due_ns, sent.sent_ns, now);
            }
            Err(kind) => recorder.on_error(kind, now),
        }
        self.busy.remove(index);
        if reusable {
            session.state = State::Free { since_ns: now };
            self.release(index);
        } else {
            self.reopen(index);
        }
    }

    /// What need not be done at every turn: time-outs, connections to open, intervals, and telling how it goes.
    fn keep_house(&mut self, now: Nanos) {
        self.open_pending(now);
        if now < self.next_housekeeping_ns {
            return;
        }
        self.next_housekeeping_ns = now + HOUSEKEEPING_NS;
        self.recorders
            .measured
            .rotate(now.max(self.recorders.measured_from_ns));
        self.time_out(now);
        self.time_out_opening(now);
        let ledger = self.recorders.measured.ledger();
        let (ok, failed) = (ledger.ok, ledger.failed());
        self.common
            .control
            .add(ok - self.told.0, failed - self.told.1);
        self.told = (ok, failed);
    }

    /// Gives requests up whose time is over.
    fn time_out(&mut self, now: Nanos) {
        while let Some(index) = self.busy.front() {
            let State::Busy(sent) = self.sessions[index].state else {
                unreachable!("only busy sessions stand in line for a time-out")
            };
            if sent.sent_ns + self.timeout_ns > now {
                break;
            }
            let recorder = self.recorders.for_due(sent.due_ns);
            recorder.on_first_byte(sent.until_first_byte_ns(now));
            recorder.on_timeout(sent.due_ns, sent.sent_ns, now);
            self.busy.remove(index);
            self.reopen(index);
        }
    }

    /// No request is sent any more: waits for replies still out, and enters what remains as unfinished.
    fn finish(
        mut self,
        share: &Share,
        timeline: &Timeline,
        start_ns: Nanos,
        generator: GeneratorUse,
    ) -> Result<Recording, DriveError> {
        let source = std::mem::replace(&mut self.source, Source::Quiet);
        let drain_until_ns = self.clock.now() + duration_ns(self.common.load.drain);
        let mut now = self.clock.now();
        while !self.busy.is_empty() && now < drain_until_ns && !self.common.control.is_stopped() {
            self.wait(Some((drain_until_ns - now).min(HOUSEKEEPING_NS)))?;
            now = self.clock.now();
            self.on_all_ready(now);
            self.keep_house(now);
        }
        self.tell(share, Phase::Drained);
        let Self {
            mut recorders,
            sessions,
            mut connections,
            remaining,
            ..
        } = self;
        for session in &sessions {
            if let State::Busy(sent) = session.state {
                let recorder = recorders.for_due(sent.due_ns);
                recorder.on_first_byte(sent.until_first_byte_ns(now));
                recorder.on_unfinished(sent.due_ns, Some(sent.sent_ns), now);
            }
        }
        if let Source::Paced(mut pacer) = source
            && remaining > 0
        {
            pacer.cut(timeline.end_ns - start_ns);
            for due in pacer {
                let recorder = recorders.for_due(start_ns + due);
                recorder.on_scheduled(1);
                recorder.on_unfinished(start_ns + due, None, now);
            }
        }
        connections.never_served = sessions
            .iter()
            .filter(|session| session.served == 0)
            .count() as u64;
        connections.served = Served::of(sessions.iter().map(|session| session.served));
        // With a bound on their number the requests end the measurement, otherwise the clock does.
        let end_ns = if remaining == 0 { now } else { timeline.end_ns };
        Ok(recorders.measured.finish(
            end_ns.max(timeline.measured_from_ns),
            connections,
            generator,
        ))
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
fn untoken(token: u64) -> (usize, u32) {
    ((token & u64::from(u32::MAX)) as usize, (token >> 32) as u32)
}
