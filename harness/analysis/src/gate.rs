//! The gate: whether the head is worse than the base, and by how much.
//!
//! A measurement is looked at metric by metric, and an alarm is believed only if a second measurement raises it as well. A
//! measurement that measured the machine instead of the targets is repeated once and then said to be invalid, which is no
//! failure of the head.
//!
//! It knows records, rules and verdicts. It must never know how a base is built or started, nor how any of it is said.

mod config;

use serde::Serialize;

use crate::compare;
use crate::compare::Policy;
use crate::errors;
use crate::history::{Followed, HistoryLine};
use model::measured::workload::WorkloadKind;
use model::record::comparison::{Comparison, NotCompared, Reason};
use model::record::errors::ErrorShare;
use model::record::metric::Metric;
use model::record::run::{Completion, RunRecord};
use model::record::target::TargetRecord;
use model::record::verdict::ComparisonVerdict;
use model::record::warning::{Fact, Warning};
use stats::distribution::{mean, student_t_quantile, student_t_within, variance};

pub use config::{
    ALPHA, Alarm, Config, DEFAULT_MARGIN, MAX_SCENARIOS, MAX_SOURCE_BYTES, MAX_WORDS, Rule,
    usually_judged,
};

/// The fewest earlier runs that a run is compared with.
pub const MIN_BASELINE_RUNS: usize = 5;
/// Measurements of a scenario at most: two that agree, and one that did not measure the targets.
pub const MAX_MEASUREMENTS: usize = 3;
/// The name of the base in records and sentences.
pub const BASE: &str = "base";
/// What stands in its place where the head is compared with earlier runs.
pub const EARLIER: &str = "earlier runs";
/// The name of the head.
pub const HEAD: &str = "head";
/// The version of a gate's JSON. It grows when a key changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;

/// The outcome of a gate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What the head was compared with.
    pub base: Against,
    /// The revision that was judged, where it is known.
    pub head_revision: Option<String>,
    /// Every scenario, in the order of the configuration.
    pub scenarios: Vec<Judgement>,
    /// The gravest of their outcomes.
    pub outcome: Outcome,
}

/// What the head was compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Against {
    /// A revision, built and measured beside the head.
    Revision {
        /// As it was asked for.
        name: String,
        /// What that was.
        revision: String,
    },
    /// Another command, measured beside the head.
    Command {
        /// The command.
        command: String,
    },
    /// Earlier runs.
    Earlier {
        /// Where they are kept.
        file: String,
    },
}

impl Gate {
    /// The whole of its scenarios.
    pub fn of(base: Against, head_revision: Option<String>, scenarios: Vec<Judgement>) -> Self {
        let outcomes = scenarios.iter().map(|scenario| scenario.outcome);
        Self {
            schema_version: SCHEMA_VERSION,
            base,
            head_revision,
            outcome: outcomes.max().unwrap_or(Outcome::Passed),
            scenarios,
        }
    }

    /// Whether a reader has anything to look at: something got worse or better, was not confirmed, or could not be judged.
    pub fn is_eventful(&self) -> bool {
        let differs = |look: &Look| {
            let mut metrics = look.metrics.iter();
            metrics.any(|judged| judged.comparison.verdict.is_different())
        };
        self.outcome != Outcome::Passed
            || self.scenarios.iter().any(|judgement| {
                !judgement.unconfirmed.is_empty() || judgement.measurements.iter().any(differs)
            })
    }
}

/// How a scenario came out, from the least to the gravest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing got worse, as far as could be judged of every metric.
    Passed,
    /// Nothing got worse that could be judged; some metric could not.
    Inconclusive,
    /// It was not the targets that were measured, twice.
    Invalid,
    /// Something got worse, or an objective is broken, twice.
    Alarm,
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// Its name.
    pub scenario: String,
    /// How it came out.
    pub outcome: Outcome,
    /// What every valid measurement found.
    pub alarms: Vec<What>,
    /// What the first valid measurement found and the second did not.
    pub unconfirmed: Vec<What>,
    /// Every measurement, in their order; the last valid one is what counts for all that raised no alarm.
    pub measurements: Vec<Look>,
}

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A metric of the head got worse.
    Worse(Metric),
    /// One got better where it must not change.
    Better(Metric),
    /// The head breaks the objective for this percentile.
    Objective(&'static str),
    /// More of the head's requests fail than may.
    Errors,
}

/// One measurement, looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Look {
    /// The run's name.
    pub run: String,
    /// What most requests were for: what objectives bound, and what throughput and cost are counted by.
    pub workload: WorkloadKind,
    /// Whether its figures measure the targets.
    pub valid: bool,
    /// Why not, where they don't.
    pub invalid_because: Vec<Warning>,
    /// How many requests failed: judged before any time, since what is answered wrongly may be quick.
    pub errors: JudgedErrors,
    /// Every metric that is judged.
    pub metrics: Vec<JudgedMetric>,
    /// Metrics that are judged and could not be compared, and why.
    pub not_compared: Vec<NotCompared>,
    /// Every objective.
    pub objectives: Vec<JudgedObjective>,
}

/// A metric, judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgedMetric {
    /// Head against base.
    pub comparison: Comparison,
    /// The figures of base and head whose quotient the ratio is, in the metric's unit: geometric means over blocks, or over earlier
    /// runs. `null` where the ratio is of ratios.
    pub figures: Option<[f64; 2]>,
    /// The smallest ratio that matters.
    pub margin: f64,
    /// When it raises an alarm.
    pub alarm: Alarm,
}

/// An objective, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JudgedObjective {
    /// The percentile of what is timed that it bounds: `p99`.
    pub percentile: &'static str,
    /// The bound in nanoseconds.
    pub at_most_ns: u64,
    /// What the head took; `null` where too few requests were measured to tell.
    pub head_ns: Option<u64>,
    /// What the base took, measured beside it.
    pub base_ns: Option<u64>,
}

/// The head's failed requests, judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct JudgedErrors {
    /// The head's.
    pub head: ErrorShare,
    /// The base's, measured beside it.
    pub base: Option<ErrorShare>,
    /// The largest share that may fail, where the configuration says (`max_errors`).
    pub at_most: Option<f64>,
}

impl JudgedErrors {
    /// True where more fail than may: more than `max_errors`, or, where that is not set, any where the base has none, and otherwise
    /// a share that is certainly larger than the base's ([`errors::compare`]).
    pub fn is_broken(&self) -> bool {
        let head = &self.head;
        match (self.at_most, &self.base) {
            (Some(at_most), _) => head.share > at_most,
            (None, Some(base)) if base.failed > 0 => {
                let compared = errors::compare(base, head);
                compared.is_some_and(|compared| compared.verdict.is_worse())
            }
            (None, _) => head.failed > 0,
        }
    }
}

impl JudgedMetric {
    /// The alarm that it raises.
    fn raises(&self) -> Option<What> {
        let metric = self.comparison.metric;
        match (self.turn(), self.alarm) {
            (Some(Turn::Worse), Alarm::Worse | Alarm::Change) => Some(What::Worse(metric)),
            (Some(Turn::Better), Alarm::Change) => Some(What::Better(metric)),
            _ => None,
        }
    }

    fn turn(&self) -> Option<Turn> {
        match self.comparison.verdict {
            ComparisonVerdict::Slower | ComparisonVerdict::More => Some(Turn::Worse),
            ComparisonVerdict::Faster | ComparisonVerdict::Less => Some(Turn::Better),
            ComparisonVerdict::Equivalent | ComparisonVerdict::Inconclusive => None,
        }
    }
}

/// Which way a metric went.
enum Turn {
    Worse,
    Better,
}

impl JudgedObjective {
    /// True where the head takes longer than it may.
    pub fn is_broken(&self) -> bool {
        self.head_ns.is_some_and(|head| head > self.at_most_ns)
    }
}

impl Look {
    fn alarms(&self) -> Vec<What> {
        let errors = self.errors.is_broken().then_some(What::Errors);
        let metrics = self.metrics.iter().filter_map(JudgedMetric::raises);
        let objectives = self
            .objectives
            .iter()
            .filter(|objective| objective.is_broken())
            .map(|objective| What::Objective(objective.percentile));
        errors
            .into_iter()
            .chain(metrics)
            .chain(objectives)
            .collect()
    }

    /// True where something that may raise an alarm could not be judged.
    fn is_inconclusive(&self) -> bool {
        let unsure = |judged: &JudgedMetric| {
            judged.alarm != Alarm::Never
                && judged.comparison.verdict == ComparisonVerdict::Inconclusive
        };
        !self.not_compared.is_empty()
            || self.metrics.iter().any(unsure)
            || self
                .objectives
                .iter()
                .any(|judged| judged.head_ns.is_none())
    }
}

/// Looks at a run in which base and head were measured beside each other: the first target is the base.
pub fn look(record: &RunRecord, config: &Config) -> Look {
    let [base, head] = record.targets.as_slice() else {
        panic!("a gate measures a base and a head");
    };
    let compared = Metric::of_workload(record.workload())
        .iter()
        .filter_map(|&metric| {
            let rule = config.rule(metric)?;
            let (base, head) = compare::paired_blocks(&base.epochs, &head.epochs, metric);
            let policy = rule.policy(record.seed);
            Some((rule, compare::compare(&base, &head, metric, &policy)))
        });
    judged(compared.collect(), record, config, Some(base), head)
}

/// Looks at a run of the head against earlier runs of the same targets under the same load.
///
/// `earlier`: oldest first; those that are not comparable are left out. The first target of the record is the one that is
/// judged; where there is a second, what is followed is the ratio of the first to it, which a change of the machine leaves
/// alone.
pub fn look_back(record: &RunRecord, earlier: &[HistoryLine], config: &Config) -> Look {
    let now = HistoryLine::of(record, None);
    let is_like =
        |line: &&HistoryLine| line.valid && line.scenario == now.scenario && line.load == now.load;
    let compared = values_of(&now)
        .into_iter()
        .filter_map(|(what, metric, value)| {
            let rule = config.rule(metric)?;
            let like = earlier.iter().filter(is_like);
            let before: Vec<f64> = like
                .filter_map(|line| {
                    let values = values_of(line).into_iter();
                    values
                        .filter(|(other, of, _)| *other == what && *of == metric)
                        .map(|(.., value)| value)
                        .next()
                })
                .collect();
            let policy = rule.policy(record.seed);
            Some((rule, against(&before, value, metric, &policy)))
        });
    let head = record.targets.first().expect("a run has a target");
    judged(compared.collect(), record, config, None, head)
}

/// What a line says of the first target: its ratio to the second one, or its level where it is alone.
fn values_of(line: &HistoryLine) -> Vec<(Followed, Metric, f64)> {
    let followed = crate::history::followed(line).into_iter();
    // Ratios are those of the other targets to the first: here it is the first that is judged.
    let turned = followed.map(|(what, metric, value)| match what {
        Followed::Ratio { base, head } => {
            let what = Followed::Ratio {
                base: head,
                head: base,
            };
            (what, metric, 1.0 / value)
        }
        level @ Followed::Level { .. } => (level, metric, value),
    });
    turned.collect()
}

/// A value against earlier ones: the interval is that in which a further value over their mean would lie, at confidence
/// 1 − α, if nothing had changed (the prediction interval of normal logarithms), seen from the value.
///
/// Unlike the comparison of a pair it takes what differs from run to run for chance, and knows nothing of what else
/// changed between then and now.
fn against(
    before: &[f64],
    value: f64,
    metric: Metric,
    policy: &Policy,
) -> Result<Comparison, NotCompared> {
    let runs = before.len();
    if runs < MIN_BASELINE_RUNS {
        let reason = Reason::TooFewRuns {
            runs,
            needed: MIN_BASELINE_RUNS,
        };
        return Err(NotCompared { metric, reason });
    }
    let logs: Vec<f64> = before.iter().map(|value| value.ln()).collect();
    let freedom = runs - 1;
    let effect = value.ln() - mean(&logs);
    let error = (variance(&logs) * (1.0 + 1.0 / runs as f64)).sqrt();
    let reach = student_t_quantile(1.0 - policy.alpha() / 2.0, freedom) * error;
    let p_value = if error > 0.0 {
        1.0 - student_t_within(effect.abs() / error, freedom)
    } else {
        f64::from(u8::from(effect == 0.0))
    };
    let detectable = reach + student_t_quantile(compare::POWER, freedom) * error;
    Ok(Comparison {
        metric,
        base: String::new(),
        head: String::new(),
        ratio: effect.exp(),
        ci_low: (effect - reach).exp(),
        ci_high: (effect + reach).exp(),
        p_value,
        smallest_detectable: detectable.exp_m1(),
        verdict: ComparisonVerdict::Inconclusive,
        blocks: u32::try_from(runs).unwrap_or(u32::MAX),
        cliffs_delta: None,
    })
}

/// Adjusts the p-values over the metrics that may raise an alarm, and finds each verdict by its own margin.
fn judged(
    compared: Vec<(Rule, Result<Comparison, NotCompared>)>,
    record: &RunRecord,
    config: &Config,
    base: Option<&TargetRecord>,
    head: &TargetRecord,
) -> Look {
    let mut rules = Vec::new();
    let mut comparisons = Vec::new();
    let mut not_compared = Vec::new();
    for (rule, outcome) in compared {
        match outcome {
            Ok(comparison) => {
                rules.push(rule);
                comparisons.push(Comparison {
                    base: base.map_or(EARLIER, |_| BASE).to_owned(),
                    head: HEAD.to_owned(),
                    ..comparison
                });
            }
            Err(_) if rule.alarm == Alarm::Never => {}
            Err(why) => not_compared.push(why),
        }
    }
    compare::holm(&mut comparisons, &Rule::default().policy(record.seed));
    let metrics = comparisons
        .into_iter()
        .zip(rules)
        .map(|(comparison, rule)| {
            let verdict = compare::verdict(&comparison, &rule.policy(record.seed));
            let metric = comparison.metric;
            let figures = match base {
                Some(base) => compare::paired_figures(&base.epochs, &head.epochs, metric),
                // Beside a reference it is a ratio that is followed.
                None if record.targets.len() > 1 => None,
                None => compare::geometric_mean(&compare::block_values(&head.epochs, metric))
                    .map(|value| [value / comparison.ratio, value]),
            };
            JudgedMetric {
                figures,
                comparison: Comparison {
                    verdict,
                    ..comparison
                },
                margin: rule.margin,
                alarm: rule.alarm,
            }
        });
    let clock = record.workload().clock();
    let took = |target: &TargetRecord, percentile| target.report.times(clock).named(percentile);
    let objectives = config.objectives.iter().map(|objective| JudgedObjective {
        percentile: objective.percentile,
        at_most_ns: model::units::duration_ns(objective.at_most),
        head_ns: took(head, objective.percentile),
        base_ns: base.and_then(|base| took(base, objective.percentile)),
    });
    // That most of the head's requests failed says something of the head, and is judged.
    let is_heads = |warning: &Warning| {
        matches!(warning.fact, Fact::Failures { .. }) && warning.target.as_ref() == Some(&head.name)
    };
    let voiding: Vec<Warning> = record
        .validity
        .warnings
        .iter()
        .filter(|warning| warning.voids && !is_heads(warning))
        .cloned()
        .collect();
    Look {
        run: record.id.clone(),
        workload: record.workload(),
        valid: voiding.is_empty() && record.completion == Completion::Complete,
        invalid_because: voiding,
        errors: JudgedErrors {
            head: head.report.error_share,
            base: base.map(|base| base.report.error_share),
            at_most: config.max_errors,
        },
        metrics: metrics.collect(),
        not_compared,
        objectives: objectives.collect(),
    }
}

/// What the looks so far ask for: another measurement (`None`), or this judgement.
pub fn judge(scenario: &str, looks: &[Look]) -> Option<Judgement> {
    let valid: Vec<&Look> = looks.iter().filter(|look| look.valid).collect();
    let invalid = looks.len() - valid.len();
    let done = |outcome, alarms, unconfirmed| {
        Some(Judgement {
            scenario: scenario.to_owned(),
            outcome,
            alarms,
            unconfirmed,
            measurements: looks.to_vec(),
        })
    };
    let first = valid.first().map(|look| look.alarms()).unwrap_or_default();
    match valid.as_slice() {
        // One repeat is for a machine that was disturbed, another would only wait for luck.
        _ if invalid >= 2 => done(Outcome::Invalid, Vec::new(), first),
        [only] if first.is_empty() => done(settled(only), Vec::new(), Vec::new()),
        [] | [_] => None,
        [.., last] => {
            let again = last.alarms();
            let (alarms, unconfirmed): (Vec<What>, Vec<What>) =
                first.into_iter().partition(|alarm| again.contains(alarm));
            let outcome = if alarms.is_empty() {
                settled(last)
            } else {
                Outcome::Alarm
            };
            done(outcome, alarms, unconfirmed)
        }
    }
}

fn settled(look: &Look) -> Outcome {
    if look.is_inconclusive() {
        Outcome::Inconclusive
    } else {
        Outcome::Passed
    }
}

#[cfg(test)]
mod tests;
