//! What a target has to keep within, and whether an epoch shows that it did.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::names;
use crate::percentiles::PERCENTILES;
use crate::record::sweep::step::{Standing, StepEpoch};
use crate::record::warning::{REACHED_SHARE, SATURATED_SHARE};
use crate::spec::scenario::ObjectiveRecord;
use crate::units::{UnitError, duration_ns, parse_duration};

/// Where nobody says what the objective is, it is this many times the 99th percentile of the target that was fastest at the first
/// step, under a light load. The same for all targets: one that is slow to begin with gets no easier bound.
pub const UNLOADED_MULTIPLE: u64 = 5;

/// The percentile of that objective.
pub const UNLOADED_PERCENTILE: &str = "p99";

/// Where a target is beyond the objective and the generator's own lag at the 99th percentile is this share of the bound, the epoch
/// says nothing of the target: the generator, or the machine, stood still meanwhile.
pub const BLAMED_LAG_SHARE: f64 = 0.25;

/// What targets have to keep within.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SweepObjective {
    /// Who says so.
    pub origin: Origin,
    /// All of these; never empty but before the first step of a sweep whose objective comes from it.
    pub bounds: Vec<ObjectiveRecord>,
}

/// Who says what the objective is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The scenario.
    Scenario,
    /// The user who asked for the sweep.
    Asked,
    /// Nobody: it is [`UNLOADED_MULTIPLE`] times what the fastest target takes under a light load.
    Unloaded,
}

/// The objective of a sweep whose first step measured these; `None` where it gives none, since no target has a 99th percentile.
pub fn of_unloaded(first_step: &[StepEpoch]) -> Option<SweepObjective> {
    let p99s = first_step.iter().filter_map(|epoch| epoch.time_ns.p99);
    Some(SweepObjective {
        origin: Origin::Unloaded,
        bounds: vec![ObjectiveRecord {
            percentile: UNLOADED_PERCENTILE.to_owned(),
            at_most_ns: p99s.min()?.saturating_mul(UNLOADED_MULTIPLE),
        }],
    })
}

/// What epochs are judged by. Where the objective comes from the first step, its percentile is known before that, and its bound is
/// not: it bounds nothing yet.
pub fn bounds(objective: Option<&SweepObjective>) -> Vec<ObjectiveRecord> {
    objective.map_or_else(
        || {
            vec![ObjectiveRecord {
                percentile: UNLOADED_PERCENTILE.to_owned(),
                at_most_ns: 0,
            }]
        },
        |objective| objective.bounds.clone(),
    )
}

/// How an epoch stands to the objective, and its share of the SLO: the time that the SLO bounds over the bound.
pub fn judge(epoch: &StepEpoch, bounds: &[ObjectiveRecord]) -> (Standing, Option<f64>) {
    let shares: Option<Vec<f64>> = bounds
        .iter()
        .map(|bound| {
            let time_ns = epoch.time_ns.named(&bound.percentile)?;
            Some(time_ns as f64 / bound.at_most_ns.max(1) as f64)
        })
        .collect();
    let slo_share = shares.and_then(|shares| shares.into_iter().reduce(f64::max));
    let accounting = &epoch.requests;
    let answers = accounting.ok as f64 >= REACHED_SHARE * accounting.scheduled as f64;
    let standing = match slo_share {
        Some(slo_share) if slo_share <= 1.0 && answers => Standing::Within,
        Some(_) if is_generators_fault(epoch, bounds) => Standing::Generator,
        Some(_) => Standing::Beyond,
        // Errors are no times: a target that answers hardly anything has no percentile either.
        None if accounting.scheduled > 0 && !answers && !is_generators_fault(epoch, bounds) => {
            Standing::Beyond
        }
        None => Standing::TooFewSamples,
    };
    (standing, slo_share)
}

fn is_generators_fault(epoch: &StepEpoch, bounds: &[ObjectiveRecord]) -> bool {
    let tightest_ns = bounds.iter().map(|bound| bound.at_most_ns).min();
    let lag_ns = epoch.generator_lag_ns.p99.unwrap_or_default() as f64;
    epoch.load_cpu_share >= SATURATED_SHARE
        || tightest_ns.is_some_and(|bound_ns| lag_ns >= BLAMED_LAG_SHARE * bound_ns as f64)
}

/// Reads an objective as people type it: `p99=20ms`, `p99.9=1s`.
pub fn parse(text: &str) -> Result<ObjectiveRecord, ObjectiveError> {
    let (name, bound) = text.split_once('=').ok_or_else(|| ObjectiveError::Shape {
        text: names::shortened(text),
    })?;
    let name = name.trim().replace('.', "_");
    let percentile = PERCENTILES
        .iter()
        .find(|percentile| percentile.name == name)
        .ok_or_else(|| ObjectiveError::Percentile {
            name: names::shortened(&name),
        })?;
    let at_most = parse_duration(bound)?;
    if at_most.is_zero() {
        return Err(ObjectiveError::Zero);
    }
    Ok(ObjectiveRecord {
        percentile: percentile.name.to_owned(),
        at_most_ns: duration_ns(at_most),
    })
}

/// What was wrong with an objective that somebody typed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ObjectiveError {
    /// No percentile and bound.
    #[error("`{text}` is not an objective: write a percentile and its bound, as in `p99=20ms`")]
    Shape {
        /// What was typed.
        text: String,
    },
    /// No percentile that is measured.
    #[error(
        "there is no percentile `{name}`: write p50, p90, p95, p99, p99.9 or p99.99, as in `p99=20ms`"
    )]
    Percentile {
        /// What was typed.
        name: String,
    },
    /// Nothing takes no time.
    #[error("an objective of 0 can't be met: write a bound, as in `p99=20ms`")]
    Zero,
    /// No duration.
    #[error(transparent)]
    Duration(#[from] UnitError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::accounting::Accounting;
    use crate::measured::summary::Times;

    const MS: u64 = 1_000_000;

    fn p99(ms: u64) -> Vec<ObjectiveRecord> {
        vec![ObjectiveRecord {
            percentile: "p99".to_owned(),
            at_most_ns: ms * MS,
        }]
    }

    /// An epoch of 1,000 requests, of which so many succeeded, with this 99th percentile.
    fn epoch(ok: u64, p99_ns: Option<u64>, load_cpu_share: f64, lag_p99_ns: u64) -> StepEpoch {
        StepEpoch {
            requests: Accounting {
                scheduled: 1_000,
                ok,
                error: 1_000 - ok,
                ..Accounting::default()
            },
            time_ns: Times {
                p99: p99_ns,
                ..Times::default()
            },
            generator_lag_ns: Times {
                p99: Some(lag_p99_ns),
                ..Times::default()
            },
            load_cpu_share,
            ..StepEpoch::default()
        }
    }

    #[test]
    fn an_epoch_is_within_up_to_the_bound_and_blames_the_generator_only_where_it_is_not() {
        let cases = [
            (epoch(1_000, Some(20 * MS), 0.5, 0), Standing::Within),
            (epoch(1_000, Some(20 * MS + 1), 0.5, 0), Standing::Beyond),
            // One in a hundred may fail.
            (epoch(990, Some(MS), 0.5, 0), Standing::Within),
            (epoch(989, Some(MS), 0.5, 0), Standing::Beyond),
            (epoch(0, None, 0.5, 0), Standing::Beyond),
            (epoch(1_000, None, 0.5, 0), Standing::TooFewSamples),
            // A generator without time to spare is no witness against the target, and may be one for it.
            (epoch(1_000, Some(20 * MS), 1.0, 50 * MS), Standing::Within),
            (
                epoch(1_000, Some(21 * MS), SATURATED_SHARE, 0),
                Standing::Generator,
            ),
            (epoch(1_000, Some(21 * MS), 0.899, 0), Standing::Beyond),
            (
                epoch(1_000, Some(21 * MS), 0.5, 5 * MS),
                Standing::Generator,
            ),
            (
                epoch(1_000, Some(21 * MS), 0.5, 5 * MS - 1),
                Standing::Beyond,
            ),
            (epoch(0, None, 0.95, 0), Standing::TooFewSamples),
        ];
        for (epoch, standing) in cases {
            assert_eq!(judge(&epoch, &p99(20)).0, standing, "{epoch:?}");
        }
        assert_eq!(
            judge(&StepEpoch::default(), &p99(20)).0,
            Standing::TooFewSamples
        );
    }

    #[test]
    fn the_share_of_the_slo_is_that_of_the_bound_that_is_nearest() {
        let mut both = p99(20);
        both.push(ObjectiveRecord {
            percentile: "p50".to_owned(),
            at_most_ns: 2 * MS,
        });
        let mut epoch = epoch(1_000, Some(10 * MS), 0.5, 0);
        epoch.time_ns.p50 = Some(MS / 2);
        assert_eq!(judge(&epoch, &both), (Standing::Within, Some(0.5)));
        epoch.time_ns.p50 = Some(3 * MS);
        assert_eq!(judge(&epoch, &both), (Standing::Beyond, Some(1.5)));
    }

    #[test]
    fn where_nobody_says_the_fastest_target_sets_the_bound_for_all() {
        let step = [
            epoch(1_000, Some(4 * MS), 0.5, 0),
            epoch(1_000, Some(3 * MS), 0.5, 0),
            epoch(1_000, None, 0.5, 0),
        ];
        let objective = of_unloaded(&step).unwrap();
        assert_eq!(objective.origin, Origin::Unloaded);
        assert_eq!(objective.bounds, p99(15));
        assert_eq!(of_unloaded(&step[2..]), None);
    }

    #[test]
    fn objectives_read_as_people_type_them() {
        let read = |text| {
            let objective = parse(text).unwrap();
            (objective.percentile, objective.at_most_ns)
        };
        assert_eq!(read("p99=20ms"), ("p99".to_owned(), 20 * MS));
        assert_eq!(read("p99.9 = 1s"), ("p99_9".to_owned(), 1_000 * MS));
        assert_eq!(read("p99_99=1.5s"), ("p99_99".to_owned(), 1_500 * MS));
        for (text, what) in [
            ("20ms", "not an objective"),
            ("p98=20ms", "no percentile `p98`"),
            ("p99=0s", "can't be met"),
            ("p99=soon", "is not a duration"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
