//! One generator thread: its sockets, its clock, and the loop that ties them to the pure parts.
//!
//! A turn of the loop sends what is due, sleeps until the next request is due or a reply comes, and hands every reply
//! to its [`Exchange`]. The steady state costs one `send` and one `recv` a request, and one `epoll_wait` for all that
//! became ready together.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;

use bench_core::ledger::ErrorKind;
use bench_core::load::Load;
use bench_core::recording::{ConnectionCounts, GeneratorUse, Recorder, Recording};
use bench_core::schedule::{Mix, Schedule};
use bench_core::units::{Nanos, duration_ns};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use crate::clock::{Clock, thread_cpu_ns};
use crate::control::{Control, Phase};
use crate::drive::{CONNECT_TIMEOUT, DriveError, StartLine};
use crate::exchange::{Exchange, Progress};
use crate::pacer::{Pacer, Wait};
use crate::reactor::{Reactor, Ready};
use crate::workload::Workload;

/// Most connections of a thread that are being opened at once: a server's queue of half-open connections is short.
const MAX_CONNECTING: u32 = 128;

/// Bytes read at once; one buffer serves all connections of a thread.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// How often time-outs are looked for and the world is told how it goes.
const HOUSEKEEPING_NS: Nanos = 10_000_000;

/// How long a connection that could not be opened waits for its next attempt.
const REOPEN_AFTER_NS: Nanos = 100_000_000;

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
pub(crate) fn run(
    load: &Load,
    workload: &Workload,
    addr: SocketAddr,
    share: &Share,
    clock: Clock,
    start: &StartLine,
    control: &Control,
) -> Result<Option<Recording>, DriveError> {
    let opened = prepare_thread(share)
        .and_then(|()| Worker::new(load, workload, addr, share, clock, control))
        .and_then(|mut worker| worker.open_all().map(|()| worker));
    match opened {
        Ok(worker) => Ok(start
            .arrive()
            .then(|| worker.drive(load, share))
            .transpose()?),
        Err(error) => {
            start.give_up();
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

struct Worker<'a> {
    workload: &'a Workload,
    addr: SocketAddr,
    control: &'a Control,
    clock: Clock,
    reactor: Reactor,
    read_buffer: Vec<u8>,
    sessions: Vec<Session>,
    /// Sessions that may carry a request, longest free first: every connection gets its turn.
    free: VecDeque<usize>,
    /// Sessions to open, and not before when.
    to_open: VecDeque<(usize, Nanos)>,
    connecting: u32,
    busy: u32,
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
}

impl Recorders {
    fn new(load: &Load) -> Self {
        Self {
            warmup: Recorder::new(0, Nanos::MAX),
            measured: Recorder::new(0, duration_ns(load.interval).max(1)),
            measured_from_ns: 0,
        }
    }

    fn start_at(&mut self, measured_from_ns: Nanos) {
        self.measured.start_at(measured_from_ns);
        self.measured_from_ns = measured_from_ns;
    }

    fn for_due(&mut self, due_ns: Nanos) -> &mut Recorder {
        if due_ns < self.measured_from_ns {
            &mut self.warmup
        } else {
            &mut self.measured
        }
    }
}

struct Session {
    socket: Option<OwnedFd>,
    state: State,
    exchange: Exchange,
    /// Distinguishes this socket's events from those of the sockets that had this place before.
    generation: u32,
    /// Measured requests that it has carried.
    served: u64,
}

#[derive(Clone, Copy)]
enum State {
    Closed,
    Connecting { since_ns: Nanos },
    Free { since_ns: Nanos },
    Busy(InFlight),
}

/// A request on the wire.
#[derive(Clone, Copy)]
struct InFlight {
    due_ns: Nanos,
    sent_ns: Nanos,
    request: usize,
    /// How many of its bytes have left.
    written: usize,
}

/// The clock readings of a drive.
struct Timeline {
    measured_from_ns: Nanos,
    end_ns: Nanos,
}

impl<'a> Worker<'a> {
    fn new(
        load: &Load,
        workload: &'a Workload,
        addr: SocketAddr,
        share: &Share,
        clock: Clock,
        control: &'a Control,
    ) -> Result<Self, DriveError> {
        let sessions = (0..share.connections)
            .map(|_| Session {
                socket: None,
                state: State::Closed,
                exchange: Exchange::new(),
                generation: 0,
                served: 0,
            })
            .collect::<Vec<_>>();
        let limit = load.request_limit.unwrap_or(u64::MAX);
        let (thread, threads) = (u64::from(share.thread), u64::from(share.threads));
        Ok(Self {
            workload,
            addr,
            control,
            clock,
            reactor: Reactor::new().map_err(|source| DriveError::Epoll { source })?,
            read_buffer: vec![0; READ_BUFFER_BYTES],
            to_open: (0..sessions.len()).map(|index| (index, 0)).collect(),
            free: VecDeque::with_capacity(sessions.len()),
            sessions,
            connecting: 0,
            busy: 0,
            source: Source::Quiet,
            mix: Mix::new(&workload.weights(), load.seed, share.thread),
            remaining: limit / threads + u64::from(thread < limit % threads),
            // Until the schedule begins nothing is recorded but connections.
            recorders: Recorders::new(load),
            connections: ConnectionCounts::default(),
            timeout_ns: duration_ns(load.timeout),
            next_housekeeping_ns: 0,
            told: (0, 0),
        })
    }

    /// Opens every connection, [`MAX_CONNECTING`] at a time, or says why it can't.
    fn open_all(&mut self) -> Result<(), DriveError> {
        let deadline_ns = self.clock.now() + duration_ns(CONNECT_TIMEOUT);
        let addr = self.addr;
        let wanted = u32::try_from(self.sessions.len()).expect("a thread's connections were a u32");
        loop {
            let opened = u32::try_from(self.free.len()).expect("at most all");
            let failed = |source| DriveError::Connect {
                addr,
                opened,
                wanted,
                source,
            };
            if opened == wanted || self.control.is_stopped() {
                return Ok(());
            }
            let now = self.clock.now();
            if now >= deadline_ns {
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
            // Before the start a failed connection is an answer: the server isn't there, or the system has no more.
            if let Some(errno) = self.open_pending(now) {
                return Err(failed(errno.into()));
            }
            self.wait(Some(HOUSEKEEPING_NS))?;
            let now = self.clock.now();
            for index in 0..self.reactor.len() {
                if let Some(errno) = self.on_ready(self.reactor.ready(index), now) {
                    return Err(failed(errno.into()));
                }
            }
        }
    }

    fn drive(mut self, load: &Load, share: &Share) -> Result<Recording, DriveError> {
        let start_ns = self.clock.now();
        let mut timeline = Timeline {
            measured_from_ns: start_ns + duration_ns(load.warmup),
            end_ns: start_ns + duration_ns(load.warmup) + duration_ns(load.duration),
        };
        self.recorders.start_at(timeline.measured_from_ns);
        if load.warmup.is_zero() {
            self.tell(share, Phase::Measuring);
        }
        self.begin(load, share, start_ns, timeline.end_ns);
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
            if spinning && self.reactor.len() == 0 {
                spin_ns += woken_ns - now;
            }
            self.on_all_ready(woken_ns);
        }
        let cpu_ns = thread_cpu_ns() - cpu_before_ns;
        self.finish(
            load,
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
            self.control.reached(phase);
        }
    }

    /// The schedule begins at `start_ns`.
    fn begin(&mut self, load: &Load, share: &Share, start_ns: Nanos, end_ns: Nanos) {
        self.next_housekeeping_ns = start_ns + HOUSEKEEPING_NS;
        for session in &mut self.sessions {
            if let State::Free { since_ns } = &mut session.state {
                *since_ns = start_ns;
            }
        }
        if let Some(schedule) = Schedule::new(load, share.thread, share.threads) {
            // Schedules count from their own beginning, the clock from the drive's.
            self.source = Source::Paced(Pacer::new(schedule, end_ns - start_ns));
        } else {
            self.source = Source::Closed { end_ns };
            for index in std::mem::take(&mut self.free) {
                self.send_next(index);
            }
        }
    }

    /// Stopped from outside, or all that may be scheduled has been.
    fn is_over(&self) -> bool {
        self.control.is_stopped() || self.remaining == 0
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

    /// Handles one readiness report; returns the error of a connection that could not be opened.
    fn on_ready(&mut self, ready: Ready, now: Nanos) -> Option<Errno> {
        let (index, generation) = untoken(ready.token);
        let session = &self.sessions[index];
        // A session may have been closed and opened again by an earlier report of the same wait.
        if session.generation != generation {
            return None;
        }
        match session.state {
            State::Connecting { since_ns } if ready.is_writable() => {
                self.on_connected(index, since_ns, now)
            }
            State::Closed | State::Connecting { .. } => None,
            State::Free { .. } => {
                if ready.is_readable() {
                    self.lose_free(index, ready, now);
                }
                None
            }
            State::Busy(sent) => {
                if ready.is_writable()
                    && sent.written < self.workload.request(sent.request).bytes.len()
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

    fn on_connected(&mut self, index: usize, since_ns: Nanos, now: Nanos) -> Option<Errno> {
        self.connecting -= 1;
        let session = &mut self.sessions[index];
        let socket = session
            .socket
            .as_ref()
            .expect("a connecting session has a socket");
        match sockopt::socket_error(socket).unwrap_or_else(Err) {
            Ok(()) => {
                session.state = State::Free { since_ns: now };
                self.connections.opened += 1;
                self.recorders.measured.on_connected(now - since_ns);
                self.release(index);
                None
            }
            Err(errno) => {
                self.open_failed(index, connect_error(errno), now);
                Some(errno)
            }
        }
    }

    /// A free connection became readable: an end, or bytes that nobody asked for. Either way it is of no more use.
    fn lose_free(&mut self, index: usize, ready: Ready, now: Nanos) {
        let socket = self.sessions[index]
            .socket
            .as_ref()
            .expect("a free session has a socket");
        let nothing_there = !ready.is_hangup()
            && net::recv(socket, &mut self.read_buffer[..1], RecvFlags::PEEK) == Err(Errno::AGAIN);
        if !nothing_there {
            self.free.retain(|&free| free != index);
            self.reopen(index, now);
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
            .begin(self.workload.request(request).method);
        session.state = State::Busy(InFlight {
            due_ns,
            sent_ns,
            request,
            written: 0,
        });
        self.busy += 1;
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
        let session = &mut self.sessions[index];
        let State::Busy(sent) = &mut session.state else {
            unreachable!("only a busy session has something to write")
        };
        let bytes = &self.workload.request(sent.request).bytes;
        let socket = session
            .socket
            .as_ref()
            .expect("a busy session has a socket");
        while sent.written < bytes.len() {
            match net::send(socket, &bytes[sent.written..], SendFlags::NOSIGNAL) {
                Ok(count) => sent.written += count,
                Err(Errno::INTR) => {}
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
                socket,
                state,
                exchange,
                ..
            } = &mut self.sessions[index];
            let State::Busy(sent) = state else {
                unreachable!("read is for busy sessions")
            };
            let expect = &self.workload.request(sent.request).expect;
            let socket = socket.as_ref().expect("a busy session has a socket");
            match net::recv(socket, &mut self.read_buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => {
                    let fate = exchange.eof(expect);
                    return self.complete(index, fate, false, arrived_ns);
                }
                Ok((count, _)) => {
                    if let Progress::Done { fate, reusable } =
                        exchange.receive(&self.read_buffer[..count], expect)
                    {
                        // After a hang-up no further report would come for this socket.
                        return self.complete(
                            index,
                            fate,
                            reusable && !ready.is_hangup(),
                            arrived_ns,
                        );
                    }
                    // A short read has emptied the socket (epoll(7)), unless its end is still to be read.
                    if count < READ_BUFFER_BYTES && !ready.is_hangup() {
                        return;
                    }
                }
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                Err(_) => return self.complete(index, Err(ErrorKind::Reset), false, arrived_ns),
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
            Ok(()) => recorder.on_ok(sent.due_ns, sent.sent_ns, now),
            Err(kind) => recorder.on_error(kind, now),
        }
        self.busy -= 1;
        if reusable {
            session.state = State::Free { since_ns: now };
            self.release(index);
        } else {
            self.reopen(index, now);
        }
    }

    /// Gives a connection up and asks for a new one in its place.
    fn reopen(&mut self, index: usize, now: Nanos) {
        self.close(index);
        self.connections.reopened += 1;
        self.to_open.push_back((index, now));
    }

    fn open_failed(&mut self, index: usize, kind: ErrorKind, now: Nanos) {
        self.close(index);
        self.recorders.measured.on_connect_failed(kind);
        self.to_open.push_back((index, now + REOPEN_AFTER_NS));
    }

    fn close(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        session.socket = None;
        session.state = State::Closed;
        session.generation = session.generation.wrapping_add(1);
    }

    /// Starts opening sessions whose turn has come; returns the last error among those that failed at once.
    fn open_pending(&mut self, now: Nanos) -> Option<Errno> {
        let mut failed = None;
        while self.connecting < MAX_CONNECTING
            && let Some(&(index, not_before_ns)) = self.to_open.front()
            && not_before_ns <= now
        {
            self.to_open.pop_front();
            if let Err(errno) = self.open(index, now) {
                self.open_failed(index, connect_error(errno), now);
                failed = Some(errno);
            }
        }
        failed
    }

    fn open(&mut self, index: usize, now: Nanos) -> Result<(), Errno> {
        let family = if self.addr.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let socket = net::socket_with(
            family,
            SocketType::STREAM,
            SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
            None,
        )?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        match net::connect(&socket, &self.addr) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(errno) => return Err(errno),
        }
        let session = &mut self.sessions[index];
        self.reactor
            .add(&socket, token(index, session.generation))
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        session.socket = Some(socket);
        session.state = State::Connecting { since_ns: now };
        self.connecting += 1;
        Ok(())
    }

    /// What need not be done at every turn: time-outs, connections to open, intervals, and telling how it goes.
    fn keep_house(&mut self, now: Nanos) {
        if !self.to_open.is_empty() {
            self.open_pending(now);
        }
        if now < self.next_housekeeping_ns {
            return;
        }
        self.next_housekeeping_ns = now + HOUSEKEEPING_NS;
        self.recorders
            .measured
            .rotate(now.max(self.recorders.measured_from_ns));
        for index in 0..self.sessions.len() {
            match self.sessions[index].state {
                State::Busy(sent) if sent.sent_ns + self.timeout_ns <= now => {
                    self.recorders
                        .for_due(sent.due_ns)
                        .on_timeout(sent.due_ns, sent.sent_ns, now);
                    self.busy -= 1;
                    self.reopen(index, now);
                }
                State::Connecting { since_ns }
                    if since_ns + duration_ns(CONNECT_TIMEOUT) <= now =>
                {
                    self.connecting -= 1;
                    self.open_failed(index, ErrorKind::ConnectTimeout, now);
                }
                _ => {}
            }
        }
        let ledger = self.recorders.measured.ledger();
        let (ok, failed) = (ledger.ok, ledger.failed());
        self.control.add(ok - self.told.0, failed - self.told.1);
        self.told = (ok, failed);
    }

    /// No request is sent any more: waits for replies still out, and enters what remains as unfinished.
    fn finish(
        mut self,
        load: &Load,
        share: &Share,
        timeline: &Timeline,
        start_ns: Nanos,
        generator: GeneratorUse,
    ) -> Result<Recording, DriveError> {
        let source = std::mem::replace(&mut self.source, Source::Quiet);
        let drain_until_ns = self.clock.now() + duration_ns(load.drain);
        let mut now = self.clock.now();
        while self.busy > 0 && now < drain_until_ns && !self.control.is_stopped() {
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
                recorders
                    .for_due(sent.due_ns)
                    .on_unfinished(sent.due_ns, Some(sent.sent_ns), now);
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

fn connect_error(errno: Errno) -> ErrorKind {
    match errno {
        Errno::CONNREFUSED => ErrorKind::Refused,
        Errno::ADDRNOTAVAIL => ErrorKind::AddrNotAvailable,
        Errno::MFILE | Errno::NFILE => ErrorKind::TooManyFiles,
        Errno::TIMEDOUT => ErrorKind::ConnectTimeout,
        _ => ErrorKind::ConnectFailed,
    }
}
