//! A sweep in words: how much load each target sustains within its SLO, and what keeps it from more.
//!
//! One wording for the terminal and the chart. This module knows how a knee is said; it must never decide where one is.

use crate::words::terms;
use model::record::comparison::Comparison;
use model::record::run::Completion;
use model::record::sweep::knee::{IntervalBy, Known, Limit};
use model::record::sweep::objective;
use model::record::sweep::objective::{Origin, UNLOADED_MULTIPLE};
use model::record::sweep::pass::{CLIMB, Pass};
use model::record::sweep::plan::SweepPlan;
use model::record::sweep::step::Standing;
use model::record::sweep::step::StepRecord;
use model::record::sweep::whole::{SweepRecord, TargetResult};
use model::record::verdict::ComparisonVerdict;
use model::spec::scenario::ObjectiveRecord;

use crate::words::figures::{
    NONE, count, figure, maybe_time, per_s, percent, percentile, plural, time,
};
use crate::words::sentences::{NOTHING_MEASURED, capitalised, change, interval};

/// What a sweep found, a sentence each: every target's knee, how they compare, and whether the way down differs.
pub fn verdicts(record: &SweepRecord) -> Vec<String> {
    let within = within(record);
    let knees = record
        .results
        .iter()
        .map(|result| knee(record, result, &within));
    knees
        .chain(record.comparisons.iter().map(comparison))
        .chain(hysteresis(record))
        .collect()
}

/// What targets had to keep within: `p99 response time within 40 ms`.
pub fn within(record: &SweepRecord) -> String {
    let time_words = terms::time(record.workload());
    let Some(objective) = &record.objective else {
        return format!("no bound of its {time_words}");
    };
    bounds(&objective.bounds, time_words)
}

fn bounds(bounds: &[ObjectiveRecord], time_words: &str) -> String {
    let bound = |bound: &ObjectiveRecord| {
        format!(
            "{} {time_words} within {}",
            percentile(&bound.percentile),
            time(bound.at_most_ns as f64)
        )
    };
    let bounds: Vec<String> = bounds.iter().map(bound).collect();
    bounds.join(" and ")
}

/// Where the objective came from, as a sentence.
pub fn origin(record: &SweepRecord) -> String {
    let whose = match record.objective.as_ref().map(|objective| objective.origin) {
        Some(Origin::Scenario) => "the scenario's".to_owned(),
        Some(Origin::Asked) => "as asked for".to_owned(),
        Some(Origin::Unloaded) => format!(
            "{UNLOADED_MULTIPLE}× the p99 of the fastest target at {}, since none was given",
            per_s(record.plan.design.ladder.from_per_s)
        ),
        None => "the first step measured nothing".to_owned(),
    };
    format!("SLO: {} ({whose}).", within(record))
}

/// What a sweep asks of its targets.
pub(crate) fn purpose(record: &SweepRecord) -> String {
    match record.objective {
        Some(_) => format!("How much load is sustained with {}?", within(record)),
        None => "How much load is sustained?".to_owned(),
    }
}

/// What every step had in common, as a sentence.
pub(crate) fn load(record: &SweepRecord) -> String {
    let load = &record.plan.load;
    let idle = match load.idle_connections {
        0 => String::new(),
        idle => format!(", beside {} idle", count(u64::from(idle))),
    };
    format!(
        "Open loop, {}, up to {} connections{idle}; {} in {}.",
        load.arrival,
        count(u64::from(load.connections)),
        plural(record.steps.len() as u64, "step", "steps"),
        crate::words::figures::seconds(record.elapsed_s.round())
    )
}

/// How many targets, with how much load, how long: what stands under a title.
pub fn circumstances(record: &SweepRecord) -> String {
    let plan = &record.plan;
    let minute: String = plan
        .started_at
        .chars()
        .take("2026-01-01T00:00".len())
        .collect();
    let cores = plural(u64::from(plan.environment.cores), "core", "cores");
    format!(
        "open loop, {}, up to {}, {} in {} · {} · {}, {cores}",
        plan.load.arrival,
        plural(
            u64::from(plan.load.connections),
            "connection",
            "connections"
        ),
        plural(record.steps.len() as u64, "step", "steps"),
        crate::words::figures::seconds(record.elapsed_s.round()),
        minute.replace('T', " "),
        plan.environment.processor(),
    )
}

/// A target's knee in figures: `21,400/s (20,900 to 21,900)`; none where nothing is known.
pub fn knee_figures(result: &TargetResult) -> Option<String> {
    let rate = result.knee.rate_per_s?;
    Some(match result.knee.known {
        Known::Found => match result.knee.ci_low_per_s.zip(result.knee.ci_high_per_s) {
            Some((low, high)) => format!("{} ({} to {})", per_s(rate), rounded(low), rounded(high)),
            None => per_s(rate),
        },
        Known::AtLeast => format!("at least {}", per_s(rate)),
        Known::Below => format!("below {}", per_s(rate)),
        Known::Unknown => return None,
    })
}

pub(crate) fn rounded(rate: f64) -> String {
    figure(rate)
}

fn knee(record: &SweepRecord, result: &TargetResult, within: &str) -> String {
    let (target, knee) = (&result.target, &result.knee);
    let rate = knee.rate_per_s.map_or_else(|| NONE.to_owned(), per_s);
    match knee.known {
        Known::Found => {
            let ends = knee.ci_low_per_s.zip(knee.ci_high_per_s);
            let interval = match (knee.interval, ends) {
                (Some(IntervalBy::StudentT), Some((low, high))) => {
                    format!(" (95 % interval: {} to {})", rounded(low), rounded(high))
                }
                (_, Some((low, high))) => {
                    format!(" (it lies between {} and {})", rounded(low), rounded(high))
                }
                _ => String::new(),
            };
            format!(
                "{target} sustains {rate} with {within}{interval}{}.",
                limit(record, knee.limit)
            )
        }
        Known::AtLeast if knee.limit == Some(Limit::Generator) => format!(
            "{target} sustains at least {rate} with {within}: past it the generator's CPU is full, and the knee lies beyond what this \
             generator can offer."
        ),
        Known::AtLeast => format!(
            "{target} sustains at least {rate} with {within}, the highest rate that was offered."
        ),
        Known::Below => format!(
            "{target} does not answer with {within} even at {rate}, the lowest rate that was offered."
        ),
        Known::Unknown => {
            let why = match (&result.failure, record.completion) {
                (Some(failure), _) => failure.what.clone(),
                (None, Completion::Interrupted) => "the sweep was interrupted before it".to_owned(),
                (None, _) if record.time_was_up => "the time was up before it".to_owned(),
                (None, _) => "nothing could be judged".to_owned(),
            };
            format!("How much load {target} sustains is not known: {why}.")
        }
    }
}

/// What was full past a knee, as the end of a sentence.
fn limit(record: &SweepRecord, limit: Option<Limit>) -> String {
    match limit {
        Some(Limit::ServerCpu) => "; past it the server's CPU is full".to_owned(),
        Some(Limit::Connections) => format!(
            "; past it {} busy while the server has time: with more of them (-c) it may sustain more",
            match record.plan.load.connections {
                1 => "its one connection is".to_owned(),
                many => format!("all {} connections are", count(u64::from(many))),
            }
        ),
        Some(Limit::Generator | Limit::Other) | None => String::new(),
    }
}

fn comparison(comparison: &Comparison) -> String {
    let Comparison { head, base, .. } = comparison;
    let interval = interval(comparison.ci_low, comparison.ci_high);
    let more = if comparison.ratio > 1.0 {
        "more"
    } else {
        "less"
    };
    let by = change(comparison.ratio);
    let much = if by.ends_with('×') {
        format!("{by} as much as")
    } else {
        format!("{} {more} than", by.trim_start_matches(['+', '−']))
    };
    let certainty = format!("(95 % interval: {interval})");
    match comparison.verdict {
        verdict if verdict.is_different() => {
            format!("{head} sustains {much} {base} {certainty}.")
        }
        ComparisonVerdict::Equivalent if comparison.slight().is_some() => {
            format!("{head} sustains {much} {base} {certainty}: a small but certain difference.")
        }
        ComparisonVerdict::Equivalent => format!(
            "{head} and {base} sustain an equivalent load: any difference is too small to matter {certainty}."
        ),
        // A difference, only not one that the test or the margin lets pass.
        _ if comparison.leaves_equality_out() => format!(
            "{head} probably sustains {much} {base} {certainty}, which is too small or too uncertain to call a difference."
        ),
        _ => format!("No difference found between what {head} and {base} sustain {certainty}."),
    }
}

/// Whether targets came back within the objective where they had left it.
fn hysteresis(record: &SweepRecord) -> Vec<String> {
    let known = record
        .results
        .iter()
        .filter_map(|result| Some((&result.target, result.hysteresis?)));
    let (found, none): (Vec<_>, Vec<_>) = known.partition(|(_, hysteresis)| hysteresis.found);
    let found = found.into_iter().map(|(target, hysteresis)| {
        let share = percent(hysteresis.ratio);
        if hysteresis.ratio < 1.0 {
            format!(
                "{target} has hysteresis: on the way down it is within the SLO again only from {share} of the rate at which it \
                 left it."
            )
        } else {
            format!(
                "{target} sustains more on the way down, {share} of what it sustained on the way up: it was not warm before."
            )
        }
    });
    let names: Vec<&str> = none.iter().map(|(target, _)| target.as_str()).collect();
    let none = (!names.is_empty()).then(|| {
        format!(
            "No hysteresis: on the way down {} came back within the SLO where the way up had left it.",
            names.join(" and ")
        )
    });
    found.chain(none).collect()
}

/// Whether to believe the sweep, and whether it is whole.
pub fn belief(record: &SweepRecord) -> String {
    let noted = record.validity.warnings.len();
    let mut epochs = record.steps.iter().flat_map(|step| &step.epochs);
    let is_nothing_measured = epochs.all(|epoch| epoch.requests.ok == 0);
    let valid = match (record.validity.is_valid(), noted) {
        _ if is_nothing_measured => NOTHING_MEASURED.to_owned(),
        (true, 0) => "The measurement is valid, and nothing speaks against it.".to_owned(),
        (true, _) => format!(
            "The measurement is valid, with {}.",
            plural(noted as u64, "warning", "warnings")
        ),
        (false, _) => "The measurement is not valid: see what voids it.".to_owned(),
    };
    let whole = match record.completion {
        Completion::Complete => "",
        Completion::Interrupted => {
            " The sweep was interrupted: what was measured until then is shown."
        }
        Completion::TargetFailed => " A target failed: its figures end where it did.",
    };
    valid + whole
}

pub(crate) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Within => "within",
        Standing::Beyond => "beyond",
        Standing::Generator => "generator full",
        Standing::TooFewSamples => "too few to tell",
    }
}

/// The last of these steps in a line, while the sweep goes on: what each target took, and how that stands to the objective.
pub fn progress(plan: &SweepPlan, steps: &[StepRecord]) -> Option<String> {
    let step = steps.last()?;
    let bounds = plan.bounds(steps);
    let epochs = step.epochs.iter().map(|epoch| {
        let (standing, _) = objective::judge(epoch, &bounds);
        let standing = self::standing(standing);
        let bounded = bounds
            .first()
            .and_then(|bound| epoch.time_ns.named(&bound.percentile));
        format!("{} {} {standing}", epoch.target, maybe_time(bounded))
    });
    let epochs: Vec<String> = epochs.collect();
    Some(format!(
        "{:<12} {:>9}  {}",
        place(step.round, step.pass),
        per_s(step.rate_per_s),
        epochs.join(", ")
    ))
}

/// What a sweep is about to hold targets against.
pub fn asked(plan: &SweepPlan) -> String {
    let asked = plan.asked.as_ref().map(|asked| {
        let each = asked.bounds.iter().map(|bound| {
            let name = percentile(&bound.percentile);
            format!("{name} within {}", time(bound.at_most_ns as f64))
        });
        each.collect::<Vec<String>>().join(" and ")
    });
    asked.unwrap_or_else(|| {
        format!("p99 within {UNLOADED_MULTIPLE}× that of the fastest target under a light load")
    })
}

/// A round by its name.
pub fn round(round: u32) -> String {
    if round == CLIMB {
        "climb".to_owned()
    } else {
        format!("round {round}")
    }
}

/// A pass of a round by its name.
pub fn place(round: u32, pass: Pass) -> String {
    format!("{} {}", self::round(round), pass.name())
}

/// The question that the chart answers.
pub fn question(record: &SweepRecord) -> String {
    format!(
        "How much load within the SLO? {} by offered load, {}",
        capitalised(terms::time(record.workload())),
        record.plan.scenario.name
    )
}

#[cfg(test)]
mod tests {
    use model::record::target::Failure;

    use super::*;

    #[test]
    fn a_sweep_reads_as_reviewed() {
        let mut record = samples::sweep_record();
        let mut text = verdicts(&record);
        text.push(origin(&record));
        text.push(belief(&record));
        text.push(circumstances(&record));
        text.extend(progress(&record.plan, &record.steps));
        text.push(asked(&record.plan));
        // All that may be known, and all that may be full.
        for (known, limit) in [
            (Known::Found, Limit::Connections),
            (Known::Found, Limit::Other),
            (Known::AtLeast, Limit::Generator),
            (Known::AtLeast, Limit::Other),
            (Known::Below, Limit::Other),
            (Known::Unknown, Limit::Other),
        ] {
            let result = &mut record.results[0];
            (result.knee.known, result.knee.limit) = (known, Some(limit));
            text.push(verdicts(&record)[0].clone());
        }
        record.results[0].failure = Some(Failure {
            what: "it ended".to_owned(),
            last_output: String::new(),
        });
        text.push(verdicts(&record)[0].clone());
        let hysteresis = record.results[1].hysteresis.as_mut().unwrap();
        (hysteresis.found, hysteresis.ratio) = (true, 0.81);
        text.extend(verdicts(&record).last().cloned());
        insta::assert_snapshot!(text.join("\n"));
    }

    #[test]
    fn what_knees_compare_to_says_how_sure_that_is() {
        use ComparisonVerdict::{Equivalent, Inconclusive, Slower};
        let reported = samples::sweep_record().comparisons.remove(0);
        for ([ratio, ci_low, ci_high], verdict, words) in [
            (
                [0.9, 0.88, 0.92],
                Slower,
                "coroutine sustains 10 % less than callback (95 % interval: −12 to −8 %).",
            ),
            (
                [0.97, 0.96, 0.98],
                Equivalent,
                "coroutine sustains 3.0 % less than callback (95 % interval: −4.0 to −2.0 %): a small but certain difference.",
            ),
            (
                [1.0, 0.99, 1.01],
                Equivalent,
                "coroutine and callback sustain an equivalent load: any difference is too small to matter (95 % interval: \
                 −1.0 to +1.0 %).",
            ),
            (
                [0.9, 0.84, 0.96],
                Inconclusive,
                "coroutine probably sustains 10 % less than callback (95 % interval: −16 to −4 %), which is too small or too \
                 uncertain to call a difference.",
            ),
            (
                [0.97, 0.81, 1.16],
                Inconclusive,
                "No difference found between what coroutine and callback sustain (95 % interval: −19 to +16 %).",
            ),
        ] {
            let reported = Comparison {
                ratio,
                ci_low,
                ci_high,
                verdict,
                ..reported.clone()
            };
            assert_eq!(comparison(&reported), words);
        }
    }
}
