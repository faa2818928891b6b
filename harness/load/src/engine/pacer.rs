//! When the next request is due, and how long to wait for it: a pure function of the schedule and `now`.
//!
//! No queue of due requests is kept. A request that finds no free connection simply stays at the head of the
//! schedule, which is seeded and replays itself; so an overloaded hour needs no more memory than a quiet second.

use std::iter::Peekable;

use model::spec::schedule::Schedule;
use model::units::Nanos;

/// How long before a due time the wait ends and spinning begins, where spinning is allowed: longer than the kernel's
/// wake-up takes on a busy machine, short enough to leave the core alone for most of a gap.
pub const SPIN_AHEAD_NS: Nanos = 60_000;

/// How many due times of what was never sent are replayed at a time before it is asked whether the drive was stopped: what
/// takes a few hundredths of a second. At a billion requests a second that nobody answers, replaying all of them would take
/// longer than the load did.
pub const MAX_REPLAYED_WHEN_STOPPED: u64 = 1 << 20;

/// The arrivals of one generator thread, up to the end of the measured part.
#[derive(Debug)]
pub struct Pacer {
    schedule: Peekable<Schedule>,
    end_ns: Nanos,
}

/// What to do until the next request is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Sleep at most this long, in nanoseconds.
    Sleep(Nanos),
    /// Look for replies without sleeping: the next request is due within [`SPIN_AHEAD_NS`], or a reply is awaited.
    Spin,
    /// No further request will be due.
    Done,
}

impl Pacer {
    /// The arrivals of `schedule` before `end_ns`.
    pub fn new(schedule: Schedule, end_ns: Nanos) -> Self {
        Self {
            schedule: schedule.peekable(),
            end_ns,
        }
    }

    /// The due time of the next request if it is due by `now`; it stays at the head until [`Self::pop`].
    pub fn due(&mut self, now: Nanos) -> Option<Nanos> {
        self.next_due().filter(|&due| due <= now)
    }

    /// Takes the request at the head off the schedule.
    pub fn pop(&mut self) {
        self.schedule.next();
    }

    /// Ends the schedule early, at `now`: an interrupted run has scheduled nothing beyond it.
    pub fn cut(&mut self, now: Nanos) {
        self.end_ns = self.end_ns.min(now);
    }

    /// What to do at `now`, where `spin` says whether spinning is allowed.
    pub fn wait(&mut self, now: Nanos, spin: bool) -> Wait {
        match self.next_due() {
            None => Wait::Done,
            Some(due) if !spin => Wait::Sleep(due.saturating_sub(now)),
            Some(due) => match due.saturating_sub(now) {
                near if near <= SPIN_AHEAD_NS => Wait::Spin,
                far => Wait::Sleep(far - SPIN_AHEAD_NS),
            },
        }
    }

    /// The due times that are left before the end: what was never sent. Once `is_stopped` says so no more than
    /// [`MAX_REPLAYED_WHEN_STOPPED`] of them are replayed, and the schedule ends there.
    pub fn into_rest(mut self, is_stopped: impl Fn() -> bool) -> impl Iterator<Item = Nanos> {
        let mut replayed = 0;
        std::iter::from_fn(move || {
            let may_end = replayed >= MAX_REPLAYED_WHEN_STOPPED
                && replayed.is_multiple_of(MAX_REPLAYED_WHEN_STOPPED);
            if may_end && is_stopped() {
                return None;
            }
            replayed += 1;
            let due = self.next_due()?;
            self.pop();
            Some(due)
        })
    }

    fn next_due(&mut self) -> Option<Nanos> {
        self.schedule
            .peek()
            .copied()
            .filter(|&due| due < self.end_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::spec::load::{Arrival, Connect, Load, Process};
    use model::units::Rate;
    use std::num::NonZeroU32;
    use std::time::Duration;

    const MS: Nanos = 1_000_000;

    fn rest(pacer: Pacer) -> Vec<Nanos> {
        pacer.into_rest(|| false).collect()
    }

    /// One request every millisecond, from 0.
    fn pacer(end_ns: Nanos) -> Pacer {
        let arrival = Arrival::Open {
            rate: Rate::per_s(1000.0).unwrap(),
            process: Process::Constant,
        };
        let load = Load {
            arrival,
            connections: NonZeroU32::MIN,
            connect: Connect::Once,
            idle_connections: 0,
            warmup: Duration::ZERO,
            duration: Duration::from_nanos(end_ns),
            drain: Duration::ZERO,
            timeout: Duration::from_secs(1),
            request_limit: None,
            interval: Duration::from_secs(1),
            seed: 1,
            goodput: None,
        };
        Pacer::new(Schedule::new(&load, 0, 1).unwrap(), end_ns)
    }

    #[test]
    fn a_request_is_due_at_its_time_and_stays_due_until_taken() {
        let mut pacer = pacer(10 * MS);
        assert_eq!(pacer.due(0), Some(0));
        assert_eq!(
            pacer.due(5 * MS),
            Some(0),
            "late requests keep their own due time"
        );
        pacer.pop();
        assert_eq!(pacer.due(MS - 1), None);
        assert_eq!(pacer.due(MS), Some(MS));
    }

    #[test]
    fn a_wait_ends_early_by_the_spin_and_not_at_all_without_it() {
        let mut pacer = pacer(10 * MS);
        pacer.pop();
        assert_eq!(pacer.wait(0, false), Wait::Sleep(MS));
        assert_eq!(pacer.wait(0, true), Wait::Sleep(MS - SPIN_AHEAD_NS));
        assert_eq!(pacer.wait(MS - SPIN_AHEAD_NS - 1, true), Wait::Sleep(1));
        assert_eq!(pacer.wait(MS - SPIN_AHEAD_NS, true), Wait::Spin);
        assert_eq!(pacer.wait(2 * MS, false), Wait::Sleep(0));
    }

    #[test]
    fn the_end_is_exclusive_and_the_rest_is_what_was_never_sent() {
        let mut cut = pacer(3 * MS);
        cut.pop();
        assert_eq!(cut.wait(3 * MS, true), Wait::Spin, "it is still due");
        assert_eq!(rest(cut), [MS, 2 * MS]);
        let mut all_sent = pacer(MS);
        all_sent.pop();
        assert_eq!(all_sent.wait(0, true), Wait::Done);
        assert!(rest(all_sent).is_empty());
    }

    #[test]
    fn an_interrupted_schedule_ends_at_the_interruption() {
        let mut pacer = pacer(10 * MS);
        pacer.cut(2 * MS);
        assert_eq!(rest(pacer), [0, MS]);
    }

    #[test]
    fn replaying_what_was_never_sent_ends_soon_after_a_stop() {
        let long = || pacer((2 * MAX_REPLAYED_WHEN_STOPPED + 3) * MS);
        let replayed = |is_stopped: bool| long().into_rest(|| is_stopped).count() as u64;
        assert_eq!(replayed(true), MAX_REPLAYED_WHEN_STOPPED);
        assert_eq!(replayed(false), 2 * MAX_REPLAYED_WHEN_STOPPED + 3);
    }
}
