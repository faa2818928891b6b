//! One generator thread: its sockets, its clock, and the loop that ties them to the pure parts.
//!
//! A turn of the loop sends what is due, sleeps until the next request is due or a reply comes, and hands every readiness
//! report to its connection. No turn walks through all sessions: ten thousand idle ones cost nothing.
//!
//! What is said over the connections is a [`Protocol`]: HTTP requests in `requests`, a chat in `members`. What every
//! protocol needs is in `core`, and how connections are opened in `opening`.

use std::num::NonZeroU64;

use model::measured::accounting::Fate;
use model::measured::receive::ReceiveTimes;
use model::measured::recording::{EndedBy, GeneratorUse, LeadIn, Recording};
use model::measured::stalls::Stalls;
use model::spec::load::Arrival;
use model::spec::schedule::Schedule;
use model::units::{Nanos, duration_ns};
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use crate::clock::{preempted, thread_cpu_ns};
use crate::engine::common::{Common, Share};
use crate::engine::core::{Core, HOUSEKEEPING_NS, OpenError, Source, Stage, Timeline, untoken};
use crate::engine::error::DriveError;
use crate::engine::pacer::{Pacer, SPIN_AHEAD_NS, Wait};
use crate::engine::protocol::Protocol;
use crate::engine::spinning::Spinning;
use crate::reactor::Ready;
use crate::transport::link::Transport;

/// How long after the last connection is open the schedule begins, on all threads at one instant: as long as a thread may
/// need to wake up.
const START_AHEAD_NS: Nanos = 1_000_000;

/// A thread with nothing to do for this long tidies its records up.
const TIDY_NS: Nanos = 200_000;

/// Opens this thread's connections, waits for the other threads, drives, and returns what was recorded; nothing where
/// another thread failed before the start.
pub(crate) fn run<T: Transport>(
    common: &Common<'_>,
    transport: &T::Shared,
    share: &Share,
    mut protocol: impl Protocol<T>,
) -> Result<Option<Recording>, DriveError> {
    let _attendance = common.meeting.attend();
    let mut worker = prepare_thread(share)
        .and_then(|()| Core::new(common, transport, share))
        .map(|mut core| {
            protocol.prepare(&mut core);
            Worker {
                core,
                protocol,
                spinning: Spinning::new(share.spin, common.clock.now(), preempted()),
                next_housekeeping_ns: 0,
                turn_since_ns: None,
                reported: (0, 0),
                reported_ns: None,
            }
        })?;
    worker.open_all()?;
    // All that takes time is done before the start, which is the same for all threads.
    let schedule = Schedule::new(common.load, share.thread, share.threads)
        .map(|schedule| schedule.part(share.part));
    let start_ns = common.meeting.meet(|| {
        let starts_at = common.control.starts_at();
        if common.load.warmup.is_zero() {
            common.control.measuring();
        }
        starts_at.map_or_else(
            || common.clock.now() + START_AHEAD_NS,
            |moment| common.clock.reading_at(moment),
        )
    });
    start_ns
        .map(|start_ns| worker.drive(schedule, start_ns))
        .transpose()
}

/// Pins the thread, and asks for timers that are not rounded: Linux adds 50 µs to a sleep unless set otherwise.
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

pub(super) struct Worker<'a, T: Transport, P> {
    pub(super) core: Core<'a, T>,
    pub(super) protocol: P,
    spinning: Spinning,
    next_housekeeping_ns: Nanos,
    /// Since when the turn takes that is not over.
    turn_since_ns: Option<Nanos>,
    /// Requests that succeeded and that failed, as the control knows them.
    reported: (u64, u64),
    /// When the interval began whose percentiles others were given last.
    reported_ns: Option<Nanos>,
}

impl<T: Transport, P: Protocol<T>> Worker<'_, T, P> {
    fn drive(
        mut self,
        schedule: Option<Schedule>,
        start_ns: Nanos,
    ) -> Result<Recording, DriveError> {
        let load = self.core.common.load;
        let measured_from_ns = start_ns + duration_ns(load.warmup);
        let mut timeline = Timeline {
            start_ns,
            measured_from_ns,
            end_ns: measured_from_ns + duration_ns(load.duration),
        };
        self.core.recorders.start_at(&timeline);
        if load.arrival == Arrival::Closed {
            let first = u64::from(self.core.connection_count());
            self.core.recorders.measured.expect_first(first);
        }
        self.wait_for_start(start_ns)?;
        self.begin(schedule, &timeline);
        let mut spin_ns = 0;
        let mut stalls = Stalls::default();
        let mut cpu_before_ns = thread_cpu_ns();
        let mut is_measuring = load.warmup.is_zero();
        let mut woken_ns = start_ns;
        let ended_by = loop {
            let now = self.core.clock.now();
            if let Some(ended_by) = self.ended_by(now, &timeline) {
                // What was due since the last look still belongs to the schedule.
                self.send_due(now.min(timeline.end_ns), &timeline);
                timeline.end_ns = timeline.end_ns.min(now);
                break ended_by;
            }
            if !is_measuring && now >= timeline.measured_from_ns {
                is_measuring = true;
                self.core.common.control.measuring();
                cpu_before_ns = thread_cpu_ns();
                spin_ns = 0;
                stalls = Stalls::default();
            }
            self.send_due(now, &timeline);
            // Whatever had come by then was read: no request times out because the generator is late.
            self.keep_house(woken_ns);
            let now = self.end_turn(now);
            let until_end_ns = timeline.end_ns.saturating_sub(now).min(HOUSEKEEPING_NS);
            let (asked_ns, spinning) = match self.next_wait(now, &timeline) {
                Wait::Spin => (0, true),
                Wait::Sleep(ns) => (ns.min(until_end_ns), false),
                Wait::Done => (until_end_ns, false),
            };
            self.core.wait(Some(asked_ns))?;
            let before_ns = std::mem::replace(&mut woken_ns, self.core.clock.now());
            stalls.turn(woken_ns.saturating_sub(before_ns), asked_ns);
            let in_flight = self.protocol.in_flight();
            self.core.recorders.count_in_flight(in_flight, woken_ns);
            if spinning && self.core.reactor.len() == 0 {
                spin_ns += woken_ns - now;
            }
            self.begin_turn(woken_ns);
            self.on_all_ready(woken_ns);
        };
        let cpu_ns = thread_cpu_ns() - cpu_before_ns;
        let generator = GeneratorUse {
            cpu_ns,
            spin_ns: spin_ns.min(cpu_ns),
            threads: 1,
            stalls,
        };
        self.finish(&timeline, generator, ended_by)
    }

    /// Waits for the instant at which all threads start their schedules.
    fn wait_for_start(&mut self, start_ns: Nanos) -> Result<(), DriveError> {
        let mut now = self.core.clock.now();
        let may_spin = self.spinning.may_spin(now);
        let spin_ahead_ns = if may_spin { SPIN_AHEAD_NS } else { 0 };
        while now < start_ns {
            let left_ns = start_ns - now;
            self.core
                .wait(Some(left_ns.saturating_sub(spin_ahead_ns)))?;
            now = self.core.clock.now();
            self.on_all_ready(now);
        }
        Ok(())
    }

    /// The schedule begins.
    fn begin(&mut self, schedule: Option<Schedule>, timeline: &Timeline) {
        let &Timeline {
            start_ns, end_ns, ..
        } = timeline;
        self.next_housekeeping_ns = start_ns + HOUSEKEEPING_NS;
        for session in &mut self.core.sessions {
            session.free_since_ns = start_ns;
        }
        self.core.source = match schedule {
            // Schedules count from their own beginning, the clock from the drive's.
            Some(schedule) => Source::Paced(Pacer::new(schedule, end_ns - start_ns)),
            None => Source::Closed { end_ns },
        };
        self.protocol.begin(&mut self.core, start_ns);
    }

    /// What ends the arrivals at `now`, where something does.
    fn ended_by(&self, now: Nanos, timeline: &Timeline) -> Option<EndedBy> {
        match () {
            () if self.core.remaining == 0 => Some(EndedBy::Requests),
            () if self.core.is_stopped() => Some(EndedBy::Interrupt),
            () if now >= timeline.end_ns => Some(EndedBy::Duration),
            () => None,
        }
    }

    /// Sends every request that is due, as far as connections are free.
    fn send_due(&mut self, now: Nanos, timeline: &Timeline) {
        while let Source::Paced(pacer) = &mut self.core.source
            && self.core.remaining > 0
            && !self.core.free.is_empty()
            && let Some(due) = pacer.due(now - timeline.start_ns)
        {
            pacer.pop();
            let index = self.core.free.pop_front().expect("checked above");
            self.protocol
                .send(&mut self.core, index, timeline.start_ns + due);
        }
    }

    /// The generator was woken; where no connection is ready it has nothing to do.
    fn begin_turn(&mut self, woken_ns: Nanos) {
        self.turn_since_ns = (self.core.reactor.len() > 0).then_some(woken_ns);
    }

    /// Nothing is left to do in this turn, which was so at `now` unless requests were sent since. Returns the time.
    fn end_turn(&mut self, now: Nanos) -> Nanos {
        let now = match self.core.source {
            Source::Paced(_) => self.core.clock.now(),
            Source::Closed { .. } | Source::Quiet => now,
        };
        if let Some(since_ns) = self.turn_since_ns.take() {
            let recorder = self.core.recorders.for_due(since_ns);
            recorder.on_turn(now - since_ns);
        }
        now
    }

    /// How to wait for what comes next.
    fn next_wait(&mut self, now: Nanos, timeline: &Timeline) -> Wait {
        let spin = self.spinning.may_spin(now);
        let wait = match &mut self.core.source {
            // A due request that finds no free connection waits for a reply, not for a time.
            Source::Paced(_) if self.core.free.is_empty() => return Wait::Done,
            Source::Paced(pacer) => pacer.wait(now - timeline.start_ns, spin),
            Source::Closed { .. } | Source::Quiet => return Wait::Done,
        };
        match wait {
            // It took some of this time.
            Wait::Sleep(ns) if ns >= TIDY_NS && self.core.recorders.measured.tidy() => {
                Wait::Sleep(0)
            }
            // Waking from a sleep takes tens of microseconds, and a reply that comes meanwhile would seem that much later.
            _ if spin && self.protocol.in_flight() > 0 => Wait::Spin,
            wait => wait,
        }
    }

    fn on_all_ready(&mut self, now: Nanos) {
        for index in 0..self.core.reactor.len() {
            // Once load is driven, a connection that fails is data: it was counted where it failed.
            self.on_ready(self.core.reactor.ready(index), now);
        }
    }

    /// Handles one readiness report; returns why a connection could not be opened.
    pub(super) fn on_ready(&mut self, ready: Ready, now: Nanos) -> Option<OpenError> {
        let (index, generation) = untoken(ready.token);
        let session = &mut self.core.sessions[index];
        // A session may have been closed and opened again by an earlier report of the same wait.
        if session.generation != generation {
            return None;
        }
        match session.stage {
            Stage::Connecting { since_ns } if ready.is_writable() => {
                self.on_connected(index, since_ns, now)
            }
            Stage::Handshaking {
                since_ns,
                established_ns,
            } => self.shake_hands(index, since_ns, established_ns, now),
            Stage::Closed | Stage::Connecting { .. } => None,
            Stage::Open => {
                self.protocol.on_ready(&mut self.core, index, ready, now);
                None
            }
        }
    }

    /// What need not be done at every turn: time-outs, connections to open, intervals, and saying how it goes.
    fn keep_house(&mut self, now: Nanos) {
        self.open_pending(now);
        if now < self.next_housekeeping_ns {
            return;
        }
        self.next_housekeeping_ns = now + HOUSEKEEPING_NS;
        self.time_out(now);
    }

    /// Ends what has taken too long by `now`, and adds what became of requests to the counts that others see.
    fn time_out(&mut self, now: Nanos) {
        self.core.receiver.compare(self.core.clock);
        self.spinning.look(now, preempted);
        let recorders = &mut self.core.recorders;
        recorders
            .measured
            .rotate(now.max(recorders.measured_from_ns));
        if let Some((began_ns, latest)) = recorders.measured.latest()
            && self.reported_ns != Some(began_ns)
        {
            self.reported_ns = Some(began_ns);
            self.core.common.control.say_latest(latest);
        }
        self.protocol.time_out(&mut self.core, now);
        self.time_out_opening(now);
        let accounting = self.core.recorders.measured.accounting();
        let (ok, failed) = (accounting.ok, accounting.failed());
        self.core
            .common
            .control
            .add(ok - self.reported.0, failed - self.reported.1);
        self.reported = (ok, failed);
    }

    /// No request is sent any more: waits for replies still out, and enters what remains as unfinished.
    fn finish(
        mut self,
        timeline: &Timeline,
        mut generator: GeneratorUse,
        ended_by: EndedBy,
    ) -> Result<Recording, DriveError> {
        let source = std::mem::replace(&mut self.core.source, Source::Quiet);
        let mut now = self.core.clock.now();
        let common = self.core.common;
        let drain_until_ns = now + duration_ns(common.load.drain);
        // A closed loop keeps every connection busy until its end, also one whose reply came in the last turn.
        let is_busy = matches!(source, Source::Closed { .. }) || self.core.free.is_empty();
        // What all connections together waited for replies since the end, and until when.
        let (mut waited_ns, mut until_ns) = (0, timeline.end_ns);
        if ended_by == EndedBy::Duration {
            self.protocol.arrivals_ended(&mut self.core);
        }
        while self.protocol.awaited() > 0 && now < drain_until_ns && !self.core.is_stopped() {
            let busy = self.protocol.in_flight().min(self.core.connection_count());
            let asked_ns = (drain_until_ns - now).min(HOUSEKEEPING_NS);
            self.core.wait(Some(asked_ns))?;
            let before_ns = std::mem::replace(&mut now, self.core.clock.now());
            generator.stalls.turn(now - before_ns, asked_ns);
            waited_ns += u64::from(busy) * (now - until_ns);
            until_ns = now;
            self.on_all_ready(now);
            self.keep_house(now);
        }
        // Where replies are waited for exactly as long as a request may take, the last ones have timed out by now.
        self.time_out(now);
        let lead_in = if is_busy && ended_by != EndedBy::Requests && self.protocol.in_flight() == 0
        {
            self.lead_in()
        } else {
            LeadIn::default()
        };
        common.meeting.meet(|| {
            common.control.drained();
            now
        });
        let Self {
            mut core,
            mut protocol,
            ..
        } = self;
        protocol.finish(&mut core, now);
        let Core {
            mut recorders,
            receiver,
            connections,
            mut remaining,
            shared,
            ..
        } = core;
        if let Source::Paced(mut pacer) = source {
            pacer.cut(timeline.end_ns - timeline.start_ns);
            for due in pacer.into_rest(|| common.control.is_stopped()) {
                let due_ns = timeline.start_ns + due;
                if due_ns >= timeline.measured_from_ns {
                    // What is beyond the number that was asked for was never wanted.
                    let Some(left) = remaining.checked_sub(1) else {
                        break;
                    };
                    remaining = left;
                }
                let recorder = recorders.for_due(due_ns);
                recorder.on_scheduled(1);
                recorder.on_unfinished(due_ns, None, now);
                recorder.on_kind(protocol.next_kind(), Fate::Unfinished, due_ns, now);
            }
        }
        // With a bound on their number the requests end the measurement, otherwise the clock does.
        let (end_ns, waited_ns) = match ended_by {
            EndedBy::Requests => (now, 0),
            EndedBy::Duration | EndedBy::Interrupt => (timeline.end_ns, waited_ns),
        };
        let end_ns = end_ns.max(timeline.measured_from_ns);
        let overtime_ns = waited_ns / u64::from(common.connections);
        let recording = recorders.measured.finish(end_ns, connections, generator);
        Ok(Recording {
            ended_by,
            overtime_ns: if is_busy { overtime_ns } else { 0 },
            lead_in,
            shared,
            receive: ReceiveTimes {
                kernel: receiver.is_stamped(),
                clock_steps: receiver.clock_steps(),
                ..recording.receive
            },
            ..recording
        })
    }

    /// The first replies, where half as many followed at least: of fewer nothing could be said.
    fn lead_in(&self) -> LeadIn {
        let measured = &self.core.recorders.measured;
        let replies = u64::from(self.core.connection_count());
        let first_sum_ns = measured.first_sum_ns();
        match first_sum_ns.filter(|_| 2 * measured.accounting().ok >= 3 * replies) {
            Some(sum_ns) if sum_ns > 0 => LeadIn {
                replies,
                ns: sum_ns / u64::from(self.core.common.connections),
            },
            _ => LeadIn::default(),
        }
    }
}
