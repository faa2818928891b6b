//! The rates of a sweep, and how long an epoch at each must be.
//!
//! Rates are rungs: sixty to a doubling, counted from the rate that the sweep begins at. Both passes of a round and all
//! targets in it meet the same rates, so that what was measured on a rung going up has its counterpart going down.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::percentiles::PERCENTILES;
use crate::spec::scenario::ObjectiveRecord;
use crate::units::{Rate, UnitError};
use stats::nearest_rank::MIN_SAMPLES_BEYOND;

/// Rungs to a doubling of the rate: neighbours are 1.2 % apart.
pub const RUNGS_PER_DOUBLING: i32 = 60;
/// Rungs from one step to the next around the knee: the rate changes by 5.9 %.
pub const PACE: i32 = 5;
/// The highest rate that is offered unless set otherwise: beyond it no generator of this kind is the lesser limit.
pub const HIGHEST_RATE_PER_S: f64 = 1e6;
/// How far below its beginning a sweep looks for a rate that a target sustains: to a 32nd.
pub const LOWEST_RUNG: i32 = -5 * RUNGS_PER_DOUBLING;
/// The shortest epoch of a round.
pub const EPOCH: Duration = Duration::from_millis(1500);
/// The shortest epoch of the climb, which only has to find where the rounds are to look.
pub const CLIMB_EPOCH: Duration = Duration::from_millis(750);
/// The longest: what can't be judged within it is not measured.
pub const MAX_EPOCH: Duration = Duration::from_secs(30);
/// An epoch holds so many times the requests that the objective's percentile needs: the count of Poisson arrivals varies, and
/// some may fail.
const SAMPLES_TO_SPARE: f64 = 1.5;

/// The rates of one sweep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Ladder {
    /// The rate of rung 0.
    pub from_per_s: f64,
    /// No rate is above this.
    pub to_per_s: f64,
}

impl Ladder {
    /// A ladder between two rates.
    pub fn new(from: Rate, to: Rate) -> Result<Self, LadderError> {
        if from >= to {
            return Err(LadderError::Order { from, to });
        }
        Ok(Self {
            from_per_s: from.as_per_s(),
            to_per_s: to.as_per_s(),
        })
    }

    /// Says why the first rung could not be judged by these objectives, where it could not.
    pub fn check(&self, objectives: &[ObjectiveRecord]) -> Result<(), LadderError> {
        let per_s = samples_needed(objectives) / MAX_EPOCH.as_secs_f64();
        match self.epoch(0, objectives, CLIMB_EPOCH) {
            Some(_) => Ok(()),
            None => Err(LadderError::TooSlow {
                from_per_s: self.from_per_s,
                per_s,
            }),
        }
    }

    /// The rate at a place between rungs, in requests a second.
    pub fn per_s(&self, place: f64) -> f64 {
        self.from_per_s * (place / f64::from(RUNGS_PER_DOUBLING)).exp2()
    }

    /// The rate of a rung.
    pub fn rate(&self, rung: i32) -> Result<Rate, UnitError> {
        Rate::per_s(self.per_s(f64::from(rung)))
    }

    /// The highest rung whose rate is not above the highest allowed.
    pub fn top(&self) -> i32 {
        // A hair of tolerance, so that a bound which is a rung is reached.
        floored(self.place(self.to_per_s) + 1e-9)
    }

    /// The lowest rung whose epoch is not too long, and not below [`LOWEST_RUNG`].
    pub fn lowest(&self, objectives: &[ObjectiveRecord]) -> i32 {
        let rate = samples_needed(objectives) / MAX_EPOCH.as_secs_f64();
        (-floored(-(self.place(rate) - 1e-9))).max(LOWEST_RUNG)
    }

    /// Where a rate lies, in rungs.
    fn place(&self, per_s: f64) -> f64 {
        (per_s / self.from_per_s).log2() * f64::from(RUNGS_PER_DOUBLING)
    }

    /// How long an epoch on a rung must be to be judged; none where that is longer than [`MAX_EPOCH`].
    ///
    /// It holds the requests that the objectives' percentiles need. And it is so long that offering a pace more than a target
    /// sustains shows: what then waits for it grows by that share of the epoch, which has to outgrow the bound.
    pub fn epoch(
        &self,
        rung: i32,
        objectives: &[ObjectiveRecord],
        shortest: Duration,
    ) -> Option<Duration> {
        let samples_s = samples_needed(objectives) / self.per_s(f64::from(rung));
        let at_most_ns = objectives.iter().map(|objective| objective.at_most_ns);
        let bound_s = at_most_ns.max().unwrap_or_default() as f64 / 1e9;
        let excess = 1.0 - (-f64::from(PACE) / f64::from(RUNGS_PER_DOUBLING)).exp2();
        // A bound so lenient that no epoch is long enough gets the longest.
        let outgrown_s = (bound_s / excess).min(MAX_EPOCH.as_secs_f64());
        let length_s = samples_s.max(outgrown_s).max(shortest.as_secs_f64());
        (length_s <= MAX_EPOCH.as_secs_f64() + 1e-9).then(|| Duration::from_secs_f64(length_s))
    }
}

/// Requests that an epoch must hold for the percentiles of the objectives to be stated.
fn samples_needed(objectives: &[ObjectiveRecord]) -> f64 {
    let needed = objectives.iter().filter_map(|objective| {
        let percentile = PERCENTILES
            .iter()
            .find(|percentile| percentile.name == objective.percentile)?;
        let beyond = 1.0 - percentile.per_10_000 as f64 / 1e4;
        Some(SAMPLES_TO_SPARE * MIN_SAMPLES_BEYOND as f64 / beyond)
    });
    needed.fold(0.0, f64::max)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rates lie within 1e9 of each other, so rungs within a few hundred"
)]
fn floored(place: f64) -> i32 {
    place.floor() as i32
}

/// Why there is nothing to climb.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LadderError {
    /// The ends are the wrong way round.
    #[error("a sweep from {from} cannot go up to {to}: give a lower --from or a higher --to")]
    Order {
        /// Where it would begin.
        from: Rate,
        /// Where it would end.
        to: Rate,
    },
    /// Its first epoch would be longer than any.
    #[error(
        "at {from_per_s:.1} requests a second the objective's percentile would need longer than {MAX_EPOCH:?}: begin at {per_s:.1}/s or more with --from, or give another --objective"
    )]
    TooSlow {
        /// The rate that it would begin at.
        from_per_s: f64,
        /// The lowest that would do.
        per_s: f64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(from: f64, to: f64) -> Ladder {
        Ladder::new(Rate::per_s(from).unwrap(), Rate::per_s(to).unwrap()).unwrap()
    }

    fn objective(percentile: &str, ms: u64) -> Vec<ObjectiveRecord> {
        vec![ObjectiveRecord {
            percentile: percentile.to_owned(),
            at_most_ns: ms * 1_000_000,
        }]
    }

    #[test]
    fn sixty_rungs_double_the_rate_and_none_is_above_the_highest() {
        let ladder = ladder(1_000.0, 8_000.0);
        assert!((ladder.per_s(60.0) - 2_000.0).abs() < 1e-6);
        assert!((ladder.per_s(-60.0) - 500.0).abs() < 1e-6);
        assert_eq!(ladder.top(), 180);
        assert_eq!(self::ladder(1_000.0, 7_999.0).top(), 179);
        assert_eq!(self::ladder(1_000.0, 1_000.1).top(), 0);
    }

    #[test]
    fn a_ladder_goes_up() {
        let rate = |per_s| Rate::per_s(per_s).unwrap();
        let error = Ladder::new(rate(1_000.0), rate(1_000.0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a sweep from 1000/s cannot go up to 1000/s: give a lower --from or a higher --to"
        );
    }

    #[test]
    fn an_epoch_holds_what_the_percentile_needs_and_what_an_overload_needs_to_show() {
        let cases = [
            // The shortest is enough: 15,000 requests, and 40 ms are outgrown in 0.7 s.
            (10_000.0, "p99", 40, Some(1.5)),
            // 1,500 requests for a 99th percentile, 15,000 for the next.
            (100.0, "p99", 40, Some(15.0)),
            (1_000.0, "p99_9", 40, Some(15.0)),
            // 250 ms are outgrown by an overload of a pace in 4.5 s.
            (10_000.0, "p99", 250, Some(4.454)),
            (10_000.0, "p99", 5_000, Some(30.0)),
            (50.0, "p99", 40, Some(30.0)),
            (49.9, "p99", 40, None),
        ];
        for (from, percentile, ms, expected) in cases {
            let objectives = objective(percentile, ms);
            let epoch = ladder(from, 1e6).epoch(0, &objectives, EPOCH);
            let seconds = epoch.map(|epoch| (epoch.as_secs_f64() * 1e3).round() / 1e3);
            assert_eq!(seconds, expected, "{percentile} at {from}/s within {ms} ms");
        }
    }

    #[test]
    fn the_lowest_rung_is_the_last_that_can_be_judged() {
        let objectives = objective("p99", 40);
        assert_eq!(
            ladder(49.0, 1e6)
                .check(&objectives)
                .unwrap_err()
                .to_string(),
            "at 49.0 requests a second the objective's percentile would need longer than 30s: begin at 50.0/s or more with \
             --from, or give another --objective"
        );
        for from in [51.0, 400.0, 1_000.0, 1_599.0] {
            let ladder = ladder(from, 1e6);
            let lowest = ladder.lowest(&objectives);
            assert_eq!(ladder.check(&objectives), Ok(()), "{from}");
            assert!(ladder.epoch(lowest, &objectives, EPOCH).is_some(), "{from}");
            assert!(
                ladder.epoch(lowest - 1, &objectives, EPOCH).is_none(),
                "{from}"
            );
        }
        assert_eq!(ladder(50.0, 1e6).lowest(&objectives), 0);
        assert_eq!(ladder(1e5, 1e6).lowest(&objectives), LOWEST_RUNG);
    }
}
