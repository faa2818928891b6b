//! What `/stats` says of a running server.
//!
//! Knows the names and their order. Each server fills in what its runtime can tell; the rest is `null`, never a guess.

use alloc::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::limits::LimitCounts;
use crate::work::Work;

/// A server's own view of its loop, since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Runtime and version.
    pub runtime: &'static str,
    /// Turns of the loop.
    pub loop_turns: Option<u64>,
    /// Longest time, in microseconds, that callbacks ran between two polls, and the loop served nobody else.
    pub longest_blocked_us: Option<u64>,
    /// How much later than asked for timers fired, sampled every [`crate::LAG_SAMPLE_MS`].
    pub loop_lag_us: Option<Lag>,
    /// Jobs that wait for a pool thread now.
    pub pool_queue_depth: Option<u64>,
    /// Most jobs that ever waited for a pool thread at once.
    pub pool_queue_depth_max: Option<u64>,
    /// Callbacks or tasks run.
    pub tasks_run: Option<u64>,
    /// Tasks that exist now, waiting ones included.
    pub tasks_alive: Option<u64>,
    /// Tasks that could run now and wait for a worker.
    pub run_queue_depth: Option<u64>,
    /// How often a worker found nothing to do and went to sleep.
    pub worker_parks: Option<u64>,
    /// Time, in microseconds, that workers did not sleep, summed over them.
    pub workers_busy_us: Option<u64>,
    /// How often a task went on on another worker than the one that it had run on before.
    pub task_moves: Option<u64>,
    /// What `loop_lag_us` is of.
    pub loop_lag_us_counts: Option<Counts>,
    /// For how long callbacks ran between two polls.
    pub blocked_us_counts: Option<Counts>,
    /// How long jobs waited for a pool thread.
    pub pool_wait_us_counts: Option<Counts>,
    /// For how long computations blocked the loop.
    pub loop_work_us_counts: Option<LoopWork>,
    /// How often a client met a limit. The reference servers' own, as what follows: not written where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits_met: Option<LimitCounts>,
    /// How much earlier than asked for timers fired, of the same samples as `loop_lag_us_counts`, which has those that did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_us_counts: Option<Counts>,
}

impl Stats {
    /// Adds what another loop of the same server says: counts add up, and of what is largest the larger stays. What either
    /// can't say, nobody can of both. The pool is one for all loops, and stays as it is.
    pub fn add(&mut self, other: &Self) {
        fn sum(one: &mut Option<u64>, other: Option<u64>) {
            *one = one.zip(other).map(|(one, other)| one + other);
        }
        fn most(one: &mut Option<u64>, other: Option<u64>) {
            *one = one.zip(other).map(|(one, other)| one.max(other));
        }
        fn counts(one: &mut Option<Counts>, other: Option<&Counts>) {
            *one = one.take().zip(other).map(|(mut one, other)| {
                one.add_all(other);
                one
            });
        }
        sum(&mut self.loop_turns, other.loop_turns);
        most(&mut self.longest_blocked_us, other.longest_blocked_us);
        sum(&mut self.tasks_run, other.tasks_run);
        sum(&mut self.tasks_alive, other.tasks_alive);
        sum(&mut self.run_queue_depth, other.run_queue_depth);
        sum(&mut self.worker_parks, other.worker_parks);
        sum(&mut self.workers_busy_us, other.workers_busy_us);
        sum(&mut self.task_moves, other.task_moves);
        counts(
            &mut self.loop_lag_us_counts,
            other.loop_lag_us_counts.as_ref(),
        );
        self.loop_lag_us = self.loop_lag_us_counts.as_ref().and_then(Counts::lag);
        counts(
            &mut self.blocked_us_counts,
            other.blocked_us_counts.as_ref(),
        );
        counts(&mut self.early_us_counts, other.early_us_counts.as_ref());
        self.loop_work_us_counts = self
            .loop_work_us_counts
            .take()
            .zip(other.loop_work_us_counts.as_ref())
            .map(|(mut one, other)| {
                one.cpu.add_all(&other.cpu);
                one.hash.add_all(&other.hash);
                one
            });
        self.limits_met = self
            .limits_met
            .zip(other.limits_met)
            .map(|(mut one, other)| {
                one.add(&other);
                one
            });
    }
}

/// How often something took how long since the server started: written as `[[µs, count], …]`, shortest first. What two
/// readings differ by is what happened between them, which no percentile can tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<u64, u64>);

impl Counts {
    /// Counts a time in microseconds, to three digits: so that a long run needs no more memory.
    pub fn add(&mut self, us: u64) {
        *self.0.entry(to_three_digits(us)).or_default() += 1;
    }

    fn add_all(&mut self, other: &Self) {
        for (&us, count) in &other.0 {
            *self.0.entry(us).or_default() += count;
        }
    }

    /// The percentiles of loop lag, by nearest rank; none where nothing was counted.
    pub fn lag(&self) -> Option<Lag> {
        let total: u64 = self.0.values().sum();
        let at = |percent: u64| {
            let rank = (total * percent).div_ceil(100);
            let mut seen = 0;
            self.0.iter().find_map(|(&us, count)| {
                seen += count;
                (seen >= rank).then_some(us)
            })
        };
        let (&max, _) = self.0.last_key_value()?;
        Some(Lag {
            p50: at(50)?,
            p99: at(99)?,
            max,
        })
    }
}

impl FromIterator<(u64, u64)> for Counts {
    /// Of pairs of a time in microseconds and how often it was seen, in any order.
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(pairs: I) -> Self {
        let mut counts = Self::default();
        for (us, count) in pairs {
            *counts.0.entry(us).or_default() += count;
        }
        counts
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

/// Computations on the loop, by the route that asked for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LoopWork {
    #[serde(rename = "/cpu")]
    cpu: Counts,
    #[serde(rename = "/hash")]
    hash: Counts,
}

impl LoopWork {
    /// Counts a computation that blocked the loop for so many microseconds.
    pub fn add(&mut self, work: Work, us: u64) {
        match work {
            Work::Xorshift { .. } => self.cpu.add(us),
            Work::Sha256 { .. } => self.hash.add(us),
        }
    }
}

fn to_three_digits(us: u64) -> u64 {
    let mut unit = 1;
    while us / unit >= 1_000 {
        unit *= 10;
    }
    us.saturating_add(unit / 2) / unit * unit
}

/// Percentiles of loop lag, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// The median.
    pub p50: u64,
    /// One sample in a hundred is larger.
    pub p99: u64,
    /// The largest sample.
    pub max: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_and_the_unknown_is_null() {
        let stats = Stats {
            runtime: "one",
            loop_lag_us: Some(Lag {
                p50: 1,
                p99: 2,
                max: 3,
            }),
            pool_queue_depth: Some(4),
            ..Stats::default()
        };
        assert_eq!(
            serde_json::to_string(&stats).unwrap(),
            concat!(
                r#"{"runtime":"one","loop_turns":null,"longest_blocked_us":null,"#,
                r#""loop_lag_us":{"p50":1,"p99":2,"max":3},"pool_queue_depth":4,"pool_queue_depth_max":null,"#,
                r#""tasks_run":null,"tasks_alive":null,"run_queue_depth":null,"worker_parks":null,"#,
                r#""workers_busy_us":null,"task_moves":null,"loop_lag_us_counts":null,"blocked_us_counts":null,"#,
                r#""pool_wait_us_counts":null,"loop_work_us_counts":null}"#,
            )
        );
    }

    fn counts(pairs: &[(u64, u64)]) -> Counts {
        pairs.iter().copied().collect()
    }

    #[test]
    fn times_are_counted_to_three_digits() {
        let mut seen = Counts::default();
        for us in [0, 999, 1_004, 1_005, 1_014, 60_000_000] {
            seen.add(us);
        }
        assert_eq!(
            serde_json::to_string(&seen).unwrap(),
            "[[0,1],[999,1],[1000,1],[1010,2],[60000000,1]]"
        );
        let largest = to_three_digits(u64::MAX);
        assert!(largest.abs_diff(u64::MAX) < u64::MAX / 100, "{largest}");
        assert_eq!(
            counts(&[(7, 1), (3, 2), (7, 3)]),
            Counts(BTreeMap::from([(3, 2), (7, 4)]))
        );
    }

    #[test]
    fn computations_are_told_by_route() {
        let mut work = LoopWork::default();
        work.add(Work::Sha256 { kib: 6_144 }, 3_100);
        assert_eq!(
            serde_json::to_string(&work).unwrap(),
            r#"{"/cpu":[],"/hash":[[3100,1]]}"#
        );
    }

    #[test]
    fn loops_tell_of_all_of_them_and_nothing_that_one_of_them_cannot() {
        let one = |us: u64| {
            let mut work = LoopWork::default();
            work.add(Work::Xorshift { rounds: 1 }, us);
            Stats {
                runtime: "one",
                loop_turns: Some(us),
                longest_blocked_us: Some(us),
                loop_lag_us_counts: Some(counts(&[(us, 99), (us * 10, 1)])),
                loop_work_us_counts: Some(work),
                ..Stats::default()
            }
        };
        let mut all = Stats {
            tasks_run: Some(1),
            ..one(5)
        };
        all.add(&one(3));
        assert_eq!(
            (all.loop_turns, all.longest_blocked_us, all.tasks_run),
            (Some(8), Some(5), None)
        );
        assert_eq!(
            all.loop_lag_us,
            Some(Lag {
                p50: 5,
                p99: 5,
                max: 50
            })
        );
        let work = all.loop_work_us_counts.unwrap();
        assert_eq!(work.cpu, counts(&[(3, 1), (5, 1)]));
        assert_eq!(all.blocked_us_counts, None);
    }
}
