//! The instrument's clock: nanoseconds since a moment that all of its threads share; and how the system's time maps to it.

use std::time::Instant;

use model::units::{NANOS_PER_S, Nanos, duration_ns};
use nix::sys::resource::{UsageWho, getrusage};
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since `origin`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that reads 0 now.
    pub(crate) fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Nanos {
        u64::try_from(self.origin.elapsed().as_nanos()).expect("a run is shorter than 584 years")
    }

    /// What this clock reads at a moment; 0 before it began.
    pub(crate) fn reading_at(self, moment: Instant) -> Nanos {
        duration_ns(moment.saturating_duration_since(self.origin))
    }

    /// Reads the system's time between two readings of this clock.
    pub(crate) fn pair(self) -> Pair {
        let before_ns = self.now();
        let system = SystemNanos::now();
        Pair {
            before_ns,
            system,
            after_ns: self.now(),
        }
    }
}

/// CPU time that the calling thread has used, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> Nanos {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).expect("CPU time is never negative")
}

/// How often the system has taken the core from the calling thread while it could go on (getrusage(2)).
pub(crate) fn preempted() -> u64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| {
        u64::try_from(usage.involuntary_context_switches()).unwrap_or(0)
    })
}

/// Nanoseconds of the system's time (`CLOCK_REALTIME`), which somebody may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SystemNanos(i64);

impl SystemNanos {
    /// Seconds since 1970 and nanoseconds beside them.
    pub(crate) fn of(seconds: i64, nanos: i64) -> Self {
        let seconds_ns = seconds.saturating_mul(NANOS_PER_S.cast_signed());
        Self(seconds_ns.saturating_add(nanos))
    }

    fn now() -> Self {
        let time = clock_gettime(ClockId::Realtime);
        Self::of(time.tv_sec, time.tv_nsec)
    }
}

/// A reading of the system's time between two of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    before_ns: Nanos,
    system: SystemNanos,
    after_ns: Nanos,
}

/// Readings of two clocks that go on alike may seem to differ by this much, since each is rounded by itself.
const ROUNDING_NS: i64 = 100;

/// What the system's time is ahead of ours.
///
/// The kernel counts `CLOCK_MONOTONIC`, ours, and `CLOCK_REALTIME` by one counter and slews both alike (adjtimex(2)), so that
/// the difference is constant until somebody sets the system's time: a *step*. Each pair of readings bounds it from both sides,
/// and what all pairs since the last step leave between their bounds is a few tens of nanoseconds wide. A pair whose bounds
/// exclude the others' saw a step. A thread that is stopped between two readings makes wide bounds, and never wrong ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ahead {
    least_ns: i64,
    most_ns: i64,
    steps: u64,
}

impl Ahead {
    /// As this pair bounds it.
    pub(crate) fn of(pair: Pair) -> Self {
        let Pair {
            before_ns,
            system: SystemNanos(system_ns),
            after_ns,
        } = pair;
        Self {
            least_ns: system_ns.saturating_sub_unsigned(after_ns),
            most_ns: system_ns.saturating_sub_unsigned(before_ns),
            steps: 0,
        }
    }

    /// Bounds it by another pair.
    pub(crate) fn narrow(&mut self, pair: Pair) {
        let seen = Self::of(pair);
        let least_ns = self.least_ns.max(seen.least_ns);
        let most_ns = self.most_ns.min(seen.most_ns);
        if least_ns > most_ns.saturating_add(ROUNDING_NS) {
            *self = Self {
                steps: self.steps + 1,
                ..seen
            };
        } else if least_ns <= most_ns {
            (self.least_ns, self.most_ns) = (least_ns, most_ns);
        }
    }

    /// How often the system's time was set, as far as pairs saw it.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// A moment of the system's time on our clock; less than zero before that began.
    pub(crate) fn ours(&self, SystemNanos(system_ns): SystemNanos) -> i64 {
        system_ns.saturating_sub(self.least_ns.midpoint(self.most_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_NS: i64 = 86_400_000_000_000;

    /// A pair at `now` on a machine whose time is `ahead_ns` ahead, read `late` after the first and before the second.
    fn pair(now: Nanos, ahead_ns: i64, late: [Nanos; 2]) -> Pair {
        Pair {
            before_ns: now,
            system: SystemNanos((now + late[0]).cast_signed() + ahead_ns),
            after_ns: now + late[0] + late[1],
        }
    }

    #[test]
    fn readings_bound_the_difference_ever_closer_and_interruptions_do_no_harm() {
        let mut ahead = Ahead::of(pair(1_000, DAY_NS, [5_000, 20]));
        let moment = |ahead: &Ahead| ahead.ours(SystemNanos(DAY_NS + 7_000));
        assert_eq!(moment(&ahead), 7_000 - (5_000 - 20) / 2);
        ahead.narrow(pair(10_000_000, DAY_NS, [30, 9_000_000]));
        ahead.narrow(pair(20_000_000, DAY_NS, [20, 20]));
        assert_eq!(moment(&ahead), 7_000);
        // Readings are rounded, and do not step for it.
        ahead.narrow(pair(30_000_000, DAY_NS + 60, [20, 20]));
        assert_eq!((moment(&ahead), ahead.steps()), (7_000, 0));
    }

    #[test]
    fn a_step_either_way_is_seen_and_followed() {
        let mut ahead = Ahead::of(pair(0, DAY_NS, [20, 20]));
        for (step, ahead_ns) in [(1, DAY_NS + 1_000), (2, DAY_NS - 500_000_000), (3, -DAY_NS)] {
            ahead.narrow(pair(10_000_000 * step, ahead_ns, [20, 20]));
            assert_eq!(ahead.steps(), step);
            assert_eq!(ahead.ours(SystemNanos(ahead_ns + 42)), 42);
        }
    }

    #[test]
    fn what_was_before_our_clock_began_is_before_zero() {
        let ahead = Ahead::of(pair(0, DAY_NS, [0, 0]));
        assert_eq!(ahead.ours(SystemNanos(DAY_NS - 1)), -1);
        assert!(ahead.ours(SystemNanos(i64::MIN)) < 0);
    }

    #[test]
    fn the_two_clocks_of_this_machine_agree_on_now() {
        let clock = Clock::start();
        let mut ahead = Ahead::of(clock.pair());
        (0..100).for_each(|_| ahead.narrow(clock.pair()));
        let before = clock.now().cast_signed();
        let now = ahead.ours(SystemNanos::now());
        let after = clock.now().cast_signed();
        assert!((before - ROUNDING_NS..=after + ROUNDING_NS).contains(&now) || ahead.steps() > 0);
    }
}
