//! Warm-up: how long a target is driven before its first epoch of a round is measured.
//!
//! That is found, not assumed: a just-in-time compiler takes longer than a cache, and on a busy machine both take longer
//! still. Load is driven in *stretches* of short windows, and after each of them [`has_settled`] is asked whether the
//! response time still moves from window to window. Response time, because a queue that a cold start has left must be gone
//! as well. This module decides from what the windows brought; it must never know a clock or a socket.

use std::collections::BTreeSet;
use std::time::Duration;

use model::measured::clock::Clock;
use model::measured::recording::{Counts, Interval};
use model::record::warning::{Fact, Warning};
use model::units::{Nanos, duration_ns};
use stats::steadiness::{WINDOW as WINDOWS_JUDGED, has_settled};

use model::record::warmup::{WarmupOutcome, WarmupRecord};
use model::spec::warmup::{MIN_WINDOWS, Warmup};

const _: () = assert!(MIN_WINDOWS as usize == WINDOWS_JUDGED);
/// Windows by which a warm-up is prolonged while its target still moves: half of those that are judged, so that one look
/// shares no more than half of what it sees with the look before.
pub const FURTHER_WINDOWS: u32 = MIN_WINDOWS / 2;

/// The warm-up of one target in one round while it goes on.
#[derive(Debug, Clone)]
pub struct WarmingUp {
    rule: Warmup,
    /// What has been driven so far.
    driven: Duration,
    stretches: u32,
    /// The logarithm of the median response time in each window that has one, oldest first.
    series: Vec<f64>,
    /// Whether the last stretch had such a window.
    was_answered: bool,
}

impl WarmingUp {
    /// A warm-up that has not begun.
    pub fn new(rule: Warmup) -> Self {
        Self {
            rule,
            driven: Duration::ZERO,
            stretches: 0,
            series: Vec::new(),
            was_answered: true,
        }
    }

    /// How long to drive load next; none once the warm-up is over.
    pub fn next_stretch(&self) -> Option<Duration> {
        let left = self.rule.longest().saturating_sub(self.driven);
        let wanted = match self.rule {
            Warmup::Fixed(length) => length,
            Warmup::UntilSteady { window, .. } if self.stretches == 0 => window * MIN_WINDOWS,
            // Where no reply ended in a whole stretch, replies take longer than it, and none will end in the next.
            Warmup::UntilSteady { .. } if !self.was_answered || self.is_steady() => return None,
            Warmup::UntilSteady { window, .. } => window * FURTHER_WINDOWS,
        };
        Some(wanted.min(left)).filter(|stretch| !stretch.is_zero())
    }

    /// Takes what a stretch of this length brought.
    ///
    /// `intervals`: its time series, an interval a window. What ended after its last arrival belongs to no window.
    pub fn add(&mut self, stretch: Duration, clock: Clock, intervals: &[Interval]) {
        let before = self.series.len();
        let within = intervals
            .iter()
            .filter(|interval| interval.start_ns < duration_ns(stretch));
        let medians = within.filter_map(|interval| median_ns(&interval.times[clock]));
        self.series.extend(medians.map(|ns| (ns as f64).ln()));
        self.was_answered = self.series.len() > before;
        self.driven += stretch;
        self.stretches += 1;
    }

    /// Stretches so far.
    pub fn stretches(&self) -> u32 {
        self.stretches
    }

    /// What the record says of it.
    pub fn record(&self, round: u32) -> WarmupRecord {
        let outcome = match self.rule {
            Warmup::Fixed(_) => WarmupOutcome::Fixed,
            Warmup::UntilSteady { .. } if self.series.len() < WINDOWS_JUDGED => {
                WarmupOutcome::TooFewReplies
            }
            Warmup::UntilSteady { .. } if self.is_steady() => WarmupOutcome::Steady,
            Warmup::UntilSteady { .. } => WarmupOutcome::Unsteady,
        };
        WarmupRecord {
            round,
            duration_s: self.driven.as_secs_f64(),
            outcome,
        }
    }

    fn is_steady(&self) -> bool {
        has_settled(&self.series)
    }
}

/// The median of the times of an interval, however few: a trend is judged over many windows, and what
/// each of them lacks in precision is noise there.
fn median_ns(counts: &Counts) -> Option<Nanos> {
    let count: u64 = counts.iter().map(|(_, count)| count).sum();
    let mut seen = 0;
    let mut ascending = counts.iter();
    ascending.find_map(|&(ns, times)| {
        seen += times;
        (2 * seen >= count).then_some(ns.max(1))
    })
}

/// Rounds in which a warm-up ended so. After a pause there is another one within its round.
pub fn rounds_of(warmups: &[WarmupRecord], outcome: WarmupOutcome) -> u64 {
    let ended_so = warmups.iter().filter(|warmup| warmup.outcome == outcome);
    rounds(ended_so)
}

/// Different rounds, however many warm-ups each has.
fn rounds<'a>(warmups: impl IntoIterator<Item = &'a WarmupRecord>) -> u64 {
    let each = warmups.into_iter().map(|warmup| warmup.round);
    each.collect::<BTreeSet<u32>>().len() as u64
}

/// What a reader should know of a target's warm-ups.
pub fn warning(warmups: &[WarmupRecord]) -> Option<Warning> {
    let unsteady = warmups
        .iter()
        .filter(|warmup| warmup.outcome == WarmupOutcome::Unsteady);
    let longest_s = unsteady
        .map(|warmup| warmup.duration_s)
        .max_by(f64::total_cmp)?;
    Some(Warning::note(Fact::Unsteady {
        warmup_s: longest_s,
        rounds: rounds_of(warmups, WarmupOutcome::Unsteady),
        of_rounds: rounds(warmups),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::clock::Clocks;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::Xoshiro256PlusPlus;

    const WINDOW_NS: Nanos = 100_000_000;
    const RULE: Warmup = Warmup::UntilSteady {
        window: Duration::from_nanos(WINDOW_NS),
        windows_max: 40,
    };

    /// Warms up a made-up target whose median response time in each window since its start is given; `None` is a window
    /// in which no reply ended. Returns its record and the stretches.
    fn warm_up(
        rule: Warmup,
        mut median_of: impl FnMut(u32) -> Option<f64>,
    ) -> (WarmupRecord, Vec<Duration>) {
        let mut warming_up = WarmingUp::new(rule);
        let mut stretches = Vec::new();
        let mut window = 0;
        while let Some(stretch) = warming_up.next_stretch() {
            let count = duration_ns(stretch) / WINDOW_NS;
            let intervals: Vec<Interval> = (0..count)
                .map(|index| {
                    window += 1;
                    interval(index, median_of(window - 1))
                })
                // What ends after the last arrival is no part of it, however slow.
                .chain([interval(count, Some(1e12))])
                .collect();
            warming_up.add(stretch, Clock::ResponseTime, &intervals);
            stretches.push(stretch);
            assert!(stretches.len() < 100, "it has no end");
        }
        (warming_up.record(3), stretches)
    }

    fn interval(index: u64, median_ns: Option<f64>) -> Interval {
        let around = |ns: f64| {
            let ns = duration_ns(Duration::from_secs_f64(ns / 1e9));
            vec![(ns / 2, 4), (ns, 3), (ns * 9, 4)]
        };
        let mut times = Clocks::new(|_| Counts::new());
        times[Clock::ResponseTime] = median_ns.map(around).unwrap_or_default();
        Interval {
            start_ns: index * WINDOW_NS,
            length_ns: WINDOW_NS,
            ok: 11,
            failed: 0,
            in_time: 0,
            times,
        }
    }

    fn check(
        what: &str,
        median_of: impl FnMut(u32) -> Option<f64>,
        outcome: WarmupOutcome,
    ) -> Duration {
        let (record, stretches) = warm_up(RULE, median_of);
        assert_eq!((record.outcome, record.round), (outcome, 3), "{what}");
        let sum: Duration = stretches.iter().sum();
        assert!((record.duration_s - sum.as_secs_f64()).abs() < 1e-9);
        sum
    }

    #[test]
    fn a_constant_target_takes_the_shortest_time() {
        let took = check("constant", |_| Some(5e6), WarmupOutcome::Steady);
        assert_eq!(took, RULE.shortest());
    }

    #[test]
    fn a_target_that_gets_faster_is_driven_until_it_no_longer_does() {
        let cold = |window: u32| Some(5e6 * (1.0 + 0.5 * 0.8_f64.powi(window.cast_signed())));
        let took = check("falling", cold, WarmupOutcome::Steady);
        // The eight windows that are judged move by less than 2 % once they begin after some fourteen windows.
        assert!((1600..=2800).contains(&took.as_millis()), "{took:?}");
    }

    #[test]
    fn a_step_is_waited_out() {
        let compiled = |window| Some(if window < 4 { 8e6 } else { 5e6 });
        let took = check("step", compiled, WarmupOutcome::Steady);
        assert!((1200..=1600).contains(&took.as_millis()), "{took:?}");
    }

    #[test]
    fn a_drift_ends_at_the_longest_time_and_is_reported() {
        for rate in [0.98_f64, 1.02] {
            let drift = |window: u32| Some(5e6 * rate.powi(window.cast_signed()));
            let took = check("drift", drift, WarmupOutcome::Unsteady);
            assert_eq!(took, RULE.longest());
        }
    }

    #[test]
    fn noise_alone_rarely_costs_more_than_the_shortest_time_and_never_a_warning() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let shortest = (0..300)
            .filter(|_| {
                let noise = |_| {
                    let off: f64 = StandardNormal.sample(&mut random);
                    Some(5e6 * (0.1 * off).exp())
                };
                check("noise", noise, WarmupOutcome::Steady) <= RULE.shortest()
            })
            .count();
        assert!(shortest >= 260, "{shortest} of 300");
    }

    #[test]
    fn one_slow_window_at_the_start_is_no_trend() {
        let first = |window| Some(if window == 0 { 50e6 } else { 5e6 });
        let took = check("first", first, WarmupOutcome::Steady);
        assert_eq!(took, RULE.shortest());
    }

    #[test]
    fn replies_that_outlast_a_stretch_end_the_warm_up_and_are_distinguished_from_unsteady_ones() {
        let never = check("never", |_| None, WarmupOutcome::TooFewReplies);
        assert_eq!(never, RULE.shortest());
        let late = |window| (5..MIN_WINDOWS).contains(&window).then_some(5e6);
        let took = check("late", late, WarmupOutcome::TooFewReplies);
        assert_eq!(took.as_millis(), 1200, "one further stretch");
    }

    #[test]
    fn a_length_that_was_given_is_driven_at_once_and_none_is_none() {
        let reported = Duration::from_millis(700);
        let (record, stretches) = warm_up(Warmup::Fixed(reported), |_| Some(5e6));
        assert_eq!(stretches, [reported]);
        assert_eq!(record.outcome, WarmupOutcome::Fixed);
        let (record, stretches) = warm_up(Warmup::Fixed(Duration::ZERO), |_| None);
        assert_eq!((record.duration_s, stretches.len()), (0.0, 0));
    }

    #[test]
    fn the_longest_time_is_kept_where_stretches_do_not_divide_it() {
        let rule = Warmup::UntilSteady {
            window: Duration::from_nanos(WINDOW_NS),
            windows_max: 13,
        };
        let (record, stretches) = warm_up(rule, |window| {
            Some(5e6 * 1.1_f64.powi(window.cast_signed()))
        });
        let millis: Vec<u128> = stretches.iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [800, 400, 100]);
        assert_eq!(record.outcome, WarmupOutcome::Unsteady);
    }

    #[test]
    fn only_what_was_found_unsteady_is_warned_of() {
        let of = |round, outcome, duration_s| WarmupRecord {
            round,
            duration_s,
            outcome,
        };
        let fine = [
            of(0, WarmupOutcome::Steady, 9.0),
            of(1, WarmupOutcome::TooFewReplies, 9.0),
            of(2, WarmupOutcome::Fixed, 9.0),
        ];
        assert_eq!(warning(&fine), None);
        let check = |more: &[WarmupRecord], warmup_s, rounds| {
            let expected = Fact::Unsteady {
                warmup_s,
                rounds,
                of_rounds: 4,
            };
            let found = warning(&[&fine, more].concat());
            assert_eq!(found, Some(Warning::note(expected)));
        };
        let cold = |round, duration_s| of(round, WarmupOutcome::Unsteady, duration_s);
        check(&[cold(3, 4.0)], 4.0, 1);
        // Pauses within a round, after each of which its targets were warmed up again.
        let paused = [
            cold(3, 4.0),
            cold(3, 5.0),
            of(3, WarmupOutcome::Steady, 9.0),
        ];
        check(&paused, 5.0, 1);
        check(&[cold(2, 4.0), cold(3, 3.0)], 4.0, 2);
    }
}
