//! What a plan could detect, said before it is measured: a reader who learns it afterwards has already spent the time.
//!
//! How much blocks differ from each other is known from earlier runs of the same load on the same machine, or else it is
//! assumed, and the assumption said.

use serde::Deserialize;

use crate::compare;
use model::record::comparison::Comparison;
use model::record::detectable::DetectableRecord;
use model::record::load_report::LoadRecord;
use model::record::metric::Metric;
use model::record::surroundings::Environment;
use model::record::warning::Validity;
use model::spec::plan::Plan;

/// The most earlier runs that are asked: the latest tell most of what the machine is like now.
pub const MAX_RUNS: usize = 5;
/// The standard deviation of the blocks' differences, of logarithms, where no earlier run tells it. A guess: a quiet machine
/// shows a third of it in medians, a shared one that much and more.
pub const ASSUMED_DEVIATION: f64 = 0.05;
/// The level of the test, as in [`compare::Policy::usual`].
const ALPHA: f64 = 0.05;

/// Of the record of an earlier run, what says how much its blocks differed. Everything else in it is read past.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EarlierRun {
    id: String,
    scenario: Named,
    plan: Epochs,
    environment: Environment,
    targets: Vec<Loaded>,
    comparisons: Vec<Comparison>,
    validity: Validity,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Epochs {
    epoch_s: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Loaded {
    load: LoadRecord,
}

/// What makes an earlier run like the one that is planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// How many connections.
    pub connections: u32,
    /// Arrivals a second, where they are known before the run.
    pub rate_per_s: Option<f64>,
    /// The machine.
    pub environment: &'a Environment,
}

impl EarlierRun {
    /// True where it tells how much the blocks of `plan` will differ: the same load in epochs as long, on this machine.
    pub fn is_like(&self, plan: &Plan, likeness: &Likeness<'_>) -> bool {
        let here = likeness.environment;
        let same_load = |target: &Loaded| {
            let rate = likeness.rate_per_s.is_none_or(|rate| {
                let theirs = target.load.rate_per_s;
                theirs.is_some_and(|theirs| (theirs - rate).abs() <= 1e-6 * rate)
            });
            rate && target.load.connections == likeness.connections
        };
        self.validity.is_valid()
            && self.scenario.name == likeness.scenario
            && (self.plan.epoch_s - plan.epoch.as_secs_f64()).abs() < 1e-6
            && here.has_processor_of(&self.environment.cpu_model)
            && self.environment.cores == here.cores
            && self.environment.servers_words() == here.servers_words()
            && self.targets.first().is_some_and(same_load)
            && !self.comparisons.is_empty()
    }
}

/// What `plan` could detect; nothing where there is nothing to compare.
///
/// `earlier`: runs that are like it (see [`EarlierRun::is_like`]), latest first; no more than [`MAX_RUNS`] are asked.
pub fn detectable(plan: &Plan, earlier: &[EarlierRun]) -> Option<DetectableRecord> {
    if plan.targets < 2 {
        return None;
    }
    let earlier = &earlier[..earlier.len().min(MAX_RUNS)];
    let blocks = usize::try_from(plan.blocks()).expect("a u32 fits");
    let effect = |deviation| compare::minimal_detectable(deviation, blocks, ALPHA).exp_m1();
    let deviation = |metric| {
        if earlier.is_empty() {
            return Some(ASSUMED_DEVIATION);
        }
        let comparisons = earlier.iter().flat_map(|run| &run.comparisons);
        let of_metric = comparisons.filter(|comparison| comparison.metric == metric);
        middle(of_metric.filter_map(deviation_of).collect())
    };
    let metrics = Metric::all().into_iter();
    Some(DetectableRecord {
        runs: earlier.iter().map(|run| run.id.clone()).collect(),
        assumed_deviation: earlier.is_empty().then_some(ASSUMED_DEVIATION),
        metrics: metrics
            .filter_map(|metric| Some((metric.name().to_owned(), effect(deviation(metric)?))))
            .collect(),
    })
}

/// The standard deviation of a comparison's blocks, as its minimal detectable effect was computed from it.
fn deviation_of(comparison: &Comparison) -> Option<f64> {
    let blocks = usize::try_from(comparison.blocks).ok()?;
    let is_usable = blocks >= 2
        && comparison.smallest_detectable.is_finite()
        && comparison.smallest_detectable >= 0.0;
    is_usable.then(|| {
        comparison.smallest_detectable.ln_1p() / compare::minimal_detectable(1.0, blocks, ALPHA)
    })
}

/// The median, of an even number the upper one: rather too large an effect than one that is not kept.
fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::run::RunRecord;
    use model::spec::plan::{Effort, PlanSpec};

    fn plan(effort: Effort, targets: usize) -> Plan {
        Plan::new(&PlanSpec::new(effort, targets, 1)).unwrap()
    }

    fn earlier(record: &RunRecord) -> EarlierRun {
        serde_json::from_str(&record.to_json()).unwrap()
    }

    fn likeness(environment: &Environment) -> Likeness<'_> {
        Likeness {
            scenario: "io-heavy",
            connections: 256,
            rate_per_s: Some(1000.0),
            environment,
        }
    }

    #[test]
    fn as_many_blocks_as_before_detect_what_was_said_then() {
        let record = samples::run_record();
        let reported = detectable(&plan(Effort::Default, 2), &[earlier(&record)]).unwrap();
        assert_eq!(reported.runs, [record.id]);
        assert_eq!(reported.assumed_deviation, None);
        for comparison in record.comparisons {
            let effect = reported.metrics[comparison.metric.name()];
            assert!(
                (effect - comparison.smallest_detectable).abs() < 1e-12,
                "{comparison:?}"
            );
        }
    }

    #[test]
    fn more_blocks_detect_less_and_the_typical_run_counts() {
        let usual = samples::run_record();
        let mut wild = usual.clone();
        for comparison in &mut wild.comparisons {
            comparison.smallest_detectable = 3.0;
        }
        let runs = [&usual, &wild, &usual].map(earlier);
        let effect = |effort, runs: &[EarlierRun]| {
            detectable(&plan(effort, 2), runs).unwrap().metrics["response_time_ns_p50"]
        };
        let one = effect(Effort::Default, &runs[..1]);
        assert!((effect(Effort::Default, &runs) - one).abs() < 1e-12);
        assert!(effect(Effort::Thorough, &runs) < 0.8 * one);
    }

    #[test]
    fn without_earlier_runs_the_assumption_is_reported() {
        let reported = detectable(&plan(Effort::Quick, 2), &[]).unwrap();
        assert_eq!(reported.assumed_deviation, Some(ASSUMED_DEVIATION));
        assert!(reported.runs.is_empty());
        assert_eq!(
            reported.metrics.len(),
            Metric::all().len(),
            "whatever is timed"
        );
        // (2.262 + 0.883) · 0.05 / √10, as a share.
        let effect = reported.metrics["throughput_per_s"];
        assert!((effect - 0.0510).abs() < 0.0001, "{effect}");
    }

    #[test]
    fn a_target_alone_is_compared_with_nothing() {
        assert_eq!(detectable(&plan(Effort::Quick, 1), &[]), None);
    }

    #[test]
    fn no_more_than_the_latest_runs_are_asked() {
        let run = earlier(&samples::run_record());
        let reported = detectable(&plan(Effort::Default, 2), &vec![run; MAX_RUNS + 1]).unwrap();
        assert_eq!(reported.runs.len(), MAX_RUNS);
    }

    #[test]
    fn only_the_same_load_on_the_same_machine_is_alike() {
        let record = samples::run_record();
        let (run, here) = (earlier(&record), &record.environment);
        let (default, quick) = (plan(Effort::Default, 2), plan(Effort::Quick, 2));
        assert!(run.is_like(&default, &likeness(here)));
        assert!(!run.is_like(&quick, &likeness(here)), "shorter epochs");
        let other_machine = Environment {
            cores: here.cores + 1,
            ..here.clone()
        };
        assert!(!run.is_like(&default, &likeness(&other_machine)));
        let others = [
            Likeness {
                scenario: "ping",
                ..likeness(here)
            },
            Likeness {
                connections: 1,
                ..likeness(here)
            },
            Likeness {
                rate_per_s: Some(1001.0),
                ..likeness(here)
            },
        ];
        for other in others {
            assert!(!run.is_like(&default, &other), "{other:?}");
        }
        let any_rate = Likeness {
            rate_per_s: None,
            ..likeness(here)
        };
        assert!(run.is_like(&default, &any_rate));
        let mut alone = record.clone();
        alone.comparisons.clear();
        assert!(!earlier(&alone).is_like(&default, &likeness(here)));
    }
}
