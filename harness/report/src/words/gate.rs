//! The outcome of a gate in words: for a terminal, a step's summary and findings alike.
//!
//! It knows how a judgement is said. It must never make one: verdicts and alarms come from `analysis`.

use crate::finding;
use crate::finding::Finding;
use crate::words::sentences::capitalised;
use crate::words::warnings;
use analysis::gate::{
    Against, Alarm, Gate, JudgedErrors, JudgedMetric, JudgedObjective, Judgement, Look, Outcome,
    What,
};
use model::measured::workload::WorkloadKind;
use model::record::verdict::ComparisonVerdict;

use crate::words::failures;
use crate::words::figures::{maybe_time, percentile, time};
use crate::words::sentences;

/// How something that is said is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// It fails the gate.
    Alarm,
    /// A reader should know it before believing the rest.
    Warning,
    /// It got better.
    Good,
    /// It is as it was, or nothing can be said of it.
    Plain,
}

/// One thing that a scenario's judgement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it is about: `response_time_ns_p99`, `objective p99`, `measurement`. Unique within its scenario.
    pub name: String,
    /// How it is meant.
    pub tone: Tone,
    /// A sentence or two.
    pub text: String,
}

/// The whole in a sentence.
pub fn headline(gate: &Gate) -> String {
    let against = match &gate.base {
        Against::Revision { name, revision } if name == revision => format!("revision {name}"),
        Against::Revision { name, revision } => format!("revision {name} ({revision})"),
        Against::Command { command } => format!("`{command}`"),
        Against::Earlier { file } => format!("the earlier runs in {file}"),
    };
    let head = gate.head_revision.as_ref().map_or_else(
        || "The head".to_owned(),
        |head| format!("The head ({head})"),
    );
    let outcome = match gate.outcome {
        Outcome::Passed => "is not worse than",
        Outcome::Inconclusive => "is not found worse, but not everything could be decided, against",
        Outcome::Invalid => "could not be judged, since the machine was disturbed, against",
        Outcome::Alarm => "is worse than it may be, against",
    };
    format!("{head} {outcome} {against}.")
}

/// How a scenario came out, in a word or two.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Inconclusive => "passed, not everything could be decided",
        Outcome::Invalid => "not judged: the measurement was disturbed, twice",
        Outcome::Alarm => "FAILED",
    }
}

/// What a scenario's judgement says, the gravest first.
pub fn said(judgement: &Judgement) -> Vec<Statement> {
    let mut said = measurements(judgement);
    let valid: Vec<&Look> = judgement
        .measurements
        .iter()
        .filter(|look| look.valid)
        .collect();
    if let Some(last) = valid.last() {
        let before = valid.len().checked_sub(2).map(|index| valid[index]);
        said.push(errors(judgement, last));
        said.extend(
            last.metrics
                .iter()
                .map(|judged| metric(judgement, judged, last.workload, before)),
        );
        said.extend(last.not_compared.iter().map(|why| Statement {
            name: why.metric.name().to_owned(),
            tone: Tone::Warning,
            text: format!("{}.", capitalised(warnings::not_compared(why))),
        }));
        said.extend(
            last.objectives
                .iter()
                .map(|judged| objective(judgement, judged)),
        );
    }
    said.sort_by_key(|said| said.tone);
    said
}

/// How often it was measured, and why more than once.
fn measurements(judgement: &Judgement) -> Vec<Statement> {
    let workload = judgement
        .measurements
        .iter()
        .map(|look| look.workload)
        .max();
    let workload = workload.unwrap_or_default();
    let invalid = judgement.measurements.iter().filter(|look| !look.valid);
    let disturbed: Vec<String> = invalid
        .map(|look| {
            let why = match look.invalid_because.as_slice() {
                [] => "it did not end as planned".to_owned(),
                reasons => {
                    let reasons = warnings::each(reasons).into_iter();
                    reasons
                        .map(|reason| reason.sentence())
                        .collect::<Vec<_>>()
                        .join("; ")
                }
            };
            format!("{} did not measure the targets: {why}.", look.run)
        })
        .collect();
    let unconfirmed: Vec<String> = judgement
        .unconfirmed
        .iter()
        .map(|what| name(*what, workload))
        .collect();
    let mut texts = disturbed;
    if !unconfirmed.is_empty() {
        texts.push(format!(
            "A first measurement raised an alarm over {}, which no second one confirmed.",
            unconfirmed.join(", ")
        ));
    }
    let tone = Tone::Warning;
    let text = texts.join(" ");
    let name = "measurement".to_owned();
    (!text.is_empty())
        .then_some(Statement { name, tone, text })
        .into_iter()
        .collect()
}

fn metric(
    judgement: &Judgement,
    judged: &JudgedMetric,
    workload: WorkloadKind,
    before: Option<&Look>,
) -> Statement {
    let comparison = &judged.comparison;
    let is_alarm = judgement.alarms.iter().any(|what| {
        matches!(what, What::Worse(metric) | What::Better(metric) if *metric == comparison.metric)
    });
    let (label, tone) = match comparison.verdict {
        _ if is_alarm => ("ALARM: ", Tone::Alarm),
        ComparisonVerdict::Slower | ComparisonVerdict::More => ("Worse: ", Tone::Warning),
        ComparisonVerdict::Faster | ComparisonVerdict::Less => ("Better: ", Tone::Good),
        ComparisonVerdict::Equivalent | ComparisonVerdict::Inconclusive => ("", Tone::Plain),
    };
    let mut text = format!("{label}{}", sentences::sentence(comparison, workload));
    if let Some([base, head]) = judged.figures {
        let [base, head] = [base, head].map(|value| sentences::value(comparison.metric, value));
        let figures = format!(" {}: {base}, head: {head}.", capitalised(&comparison.base));
        text += &figures;
    }
    let earlier = before.and_then(|look| {
        let is_same = |other: &&JudgedMetric| other.comparison.metric == comparison.metric;
        look.metrics.iter().find(is_same)
    });
    if let Some(earlier) = earlier.filter(|_| is_alarm) {
        let first = &earlier.comparison;
        let same = format!(
            " The measurement before it found the same: {} (95 % interval: {}).",
            sentences::change(first.ratio),
            sentences::interval(first.ci_low, first.ci_high)
        );
        text += &same;
    }
    if judged.alarm == Alarm::Never && comparison.verdict.is_different() {
        text += " It is reported only, and raises no alarm.";
    }
    Statement {
        name: comparison.metric.name().to_owned(),
        tone,
        text,
    }
}

/// How many requests failed, of the head's and of the base's.
fn errors(judgement: &Judgement, look: &Look) -> Statement {
    let JudgedErrors {
        head,
        base,
        at_most,
    } = &look.errors;
    let workload = look.workload;
    let bound = match (at_most, base) {
        (Some(at_most), _) => format!("at most {} may", failures::percent(*at_most)),
        (None, Some(base)) => format!("the base {}", failures::failed(base, workload)),
        (None, None) => "none may".to_owned(),
    };
    let text = format!(
        "The head failed {}; {bound}.",
        failures::failed(head, workload)
    );
    let (tone, text) = if judgement.alarms.contains(&What::Errors) {
        (
            Tone::Alarm,
            format!("ALARM: {text} It was so in both measurements."),
        )
    } else if head.failed > 0 {
        (Tone::Warning, text)
    } else {
        (Tone::Plain, "No request of the head failed.".to_owned())
    };
    Statement {
        name: "errors".to_owned(),
        tone,
        text,
    }
}

fn objective(judgement: &Judgement, judged: &JudgedObjective) -> Statement {
    let is_alarm = judgement
        .alarms
        .contains(&What::Objective(judged.percentile));
    let bound = format!(
        "{} ≤ {}",
        percentile(judged.percentile),
        time(judged.at_most_ns as f64)
    );
    let base = judged
        .base_ns
        .map(|base| format!("; the base, beside it, took {}", time(base as f64)));
    let base = base.unwrap_or_default();
    let head = maybe_time(judged.head_ns);
    let (tone, text) = match judged.head_ns {
        None => (
            Tone::Warning,
            format!("SLO {bound}: unknown (too few samples)."),
        ),
        Some(_) if is_alarm => (
            Tone::Alarm,
            format!(
                "ALARM: SLO {bound} is broken in both measurements: the head took {head}{base}."
            ),
        ),
        Some(_) if judged.is_broken() => (
            Tone::Warning,
            format!("SLO {bound} is broken in this measurement: the head took {head}{base}."),
        ),
        Some(_) => (
            Tone::Plain,
            format!("SLO {bound} is met: the head took {head}{base}."),
        ),
    };
    Statement {
        name: format!("SLO {}", judged.percentile),
        tone,
        text,
    }
}

fn name(what: What, workload: WorkloadKind) -> String {
    match what {
        What::Worse(metric) | What::Better(metric) => sentences::name(metric, workload),
        What::Objective(percentile) => percentile.to_owned(),
        What::Errors => "failed requests".to_owned(),
    }
}

/// What a comparison with earlier runs can't know; nothing where base and head were measured beside each other.
pub fn blind_spot(gate: &Gate) -> Option<&'static str> {
    matches!(gate.base, Against::Earlier { .. }).then_some(
        "Earlier runs were measured at other times: whatever else changed since then, of the machine or beside it, looks \
         like a change of the head. With --base-rev both are measured side by side, and it cancels.",
    )
}

/// Every scenario's judgement, one thing at a time: what fails the gate has failed, what is to be known first is unsure, and
/// what got better is noted.
pub fn findings(gate: &Gate) -> Vec<Finding> {
    let of_scenario = |judgement: &Judgement| {
        let group = judgement.scenario.clone();
        said(judgement).into_iter().map(move |said| Finding {
            group: group.clone(),
            name: said.name,
            outcome: match said.tone {
                Tone::Alarm => finding::Outcome::Failed,
                Tone::Warning => finding::Outcome::Unsure,
                Tone::Good => finding::Outcome::Noted,
                Tone::Plain => finding::Outcome::Passed,
            },
            detail: said.text,
            file: None,
        })
    };
    gate.scenarios.iter().flat_map(of_scenario).collect()
}
