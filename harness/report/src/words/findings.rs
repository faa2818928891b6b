//! What a run or a comparison found, one thing at a time and in words: for JUnit and for annotations.
//!
//! It knows how a finding is said. It must never decide one: objectives, verdicts and warnings are in the record.

use crate::finding::{Finding, Outcome};
use crate::words::terms;
use crate::words::warnings;
use analysis::warnings::most_failed;
use model::measured::workload::WorkloadKind;
use model::record::comparison::Comparison;
use model::record::errors::ErrorComparison;
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use model::record::verdict::ComparisonVerdict;
use model::record::warning::Validity;
use model::spec::scenario::ObjectiveRecord;

use crate::words::failures;
use crate::words::figures::{percentile, time};
use crate::words::sentences;

/// The name of a finding about failed requests.
const ERRORS: &str = "errors";

/// What a run found: whether it is to be believed, whether targets keep to the objectives, and how they compare.
///
/// That one target is slower than another is no failure: it is what was asked. Warnings are unsure, and what voids fails.
pub fn of_run(record: &RunRecord) -> Vec<Finding> {
    let workload = record.workload();
    let mut findings = validity("run", &record.validity, &sentences::belief(record));
    for target in &record.targets {
        findings.extend(of_target(target, &record.scenario.objectives, workload));
    }
    findings.extend(of_comparisons(
        &record.error_comparisons,
        &record.comparisons,
        workload,
        Outcome::Noted,
    ));
    findings
}

/// How targets compare, a group each pair, in failed requests first.
///
/// `worse`: what a head that is worse than its base counts as.
pub fn of_comparisons(
    errors: &[ErrorComparison],
    comparisons: &[Comparison],
    workload: WorkloadKind,
    worse: Outcome,
) -> Vec<Finding> {
    let outcome = |verdict: ComparisonVerdict| match verdict {
        verdict if verdict.is_worse() => worse,
        ComparisonVerdict::Equivalent => Outcome::Passed,
        ComparisonVerdict::Inconclusive => Outcome::Unsure,
        _ => Outcome::Noted,
    };
    let errors = errors.iter().map(|errors| Finding {
        group: format!("{} against {}", errors.head, errors.base),
        name: ERRORS.to_owned(),
        outcome: outcome(errors.verdict),
        detail: failures::sentence(errors, workload),
        file: None,
    });
    let findings = comparisons.iter().map(|comparison| Finding {
        group: format!("{} against {}", comparison.head, comparison.base),
        name: comparison.metric.name().to_owned(),
        outcome: outcome(comparison.verdict),
        detail: sentences::sentence(comparison, workload),
        file: None,
    });
    errors.chain(findings).collect()
}

fn of_target(
    target: &TargetRecord,
    objectives: &[ObjectiveRecord],
    workload: WorkloadKind,
) -> Vec<Finding> {
    let believed = if target.failure.is_none() {
        "Its figures measure it."
    } else {
        "Its figures, where it has any, are of the time before it failed."
    };
    let mut findings = validity(&target.name, &target.report.validity, believed);
    let finding = |name: String, outcome, detail| Finding {
        group: target.name.clone(),
        name,
        outcome,
        detail,
        file: None,
    };
    if let Some(failure) = &target.failure {
        findings.push(finding(
            "failure".to_owned(),
            Outcome::Failed,
            failure.what.clone(),
        ));
    }
    findings.extend(errors(target, workload));
    findings.extend(objectives.iter().map(|objective| {
        let bound = time(objective.at_most_ns as f64);
        let found = target
            .report
            .times(workload.clock())
            .named(&objective.percentile);
        let percentile = percentile(&objective.percentile);
        let (outcome, found) = match found {
            _ if !target.report.validity.is_valid() => {
                (Outcome::Unsure, "unknown: not measured".to_owned())
            }
            Some(found) if found <= objective.at_most_ns => (Outcome::Passed, time(found as f64)),
            Some(found) => (Outcome::Failed, time(found as f64)),
            None => (Outcome::Unsure, "unknown: too few requests".to_owned()),
        };
        let detail = format!(
            "{percentile} of {}: {found}; the SLO is at most {bound}.",
            terms::time(workload)
        );
        finding(format!("SLO {percentile} at most {bound}"), outcome, detail)
    }));
    findings
}

/// How many requests failed, where there were any: most of them fail a target, and some leave it unsure.
fn errors(target: &TargetRecord, workload: WorkloadKind) -> Option<Finding> {
    let errors = &target.report.error_share;
    (errors.requests > 0).then(|| Finding {
        group: target.name.clone(),
        name: ERRORS.to_owned(),
        outcome: if most_failed(&target.report.requests) {
            Outcome::Failed
        } else if errors.failed > 0 {
            Outcome::Unsure
        } else {
            Outcome::Passed
        },
        detail: format!("It failed {}.", failures::failed(errors, workload)),
        file: None,
    })
}

/// Whether figures are to be believed, and each warning beside that.
fn validity(group: &str, validity: &Validity, believed: &str) -> Vec<Finding> {
    let finding = |name: String, outcome, detail| Finding {
        group: group.to_owned(),
        name,
        outcome,
        detail,
        file: None,
    };
    let mut findings = Vec::new();
    if validity.is_valid() {
        findings.push(finding(
            "validity".to_owned(),
            Outcome::Passed,
            believed.to_owned(),
        ));
    }
    for (number, warning) in (1..).zip(&validity.warnings) {
        let warning = warnings::one(warning);
        let (name, outcome) = if warning.voids {
            ("validity", Outcome::Failed)
        } else {
            ("warning", Outcome::Unsure)
        };
        findings.push(finding(
            format!("{name} {number}"),
            outcome,
            format!("{}: {}.", warning.sentence(), warning.advice),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::clock::Clock;
    use model::record::warning::Fact;
    use model::record::warning::Warning;
    use samples::run_record;

    fn outcomes(record: &RunRecord) -> Vec<(String, String, Outcome)> {
        let findings = of_run(record).into_iter();
        findings
            .map(|found| (found.group, found.name, found.outcome))
            .collect()
    }

    fn has(record: &RunRecord, group: &str, name: &str, outcome: Outcome) {
        let all = outcomes(record);
        let wanted = (group.to_owned(), name.to_owned(), outcome);
        assert!(all.contains(&wanted), "{wanted:?} is not in {all:?}");
    }

    #[test]
    fn a_sound_run_passes_and_its_differences_are_noted() {
        let record = run_record();
        has(&record, "run", "validity", Outcome::Passed);
        has(
            &record,
            "callback",
            "SLO p99 at most 40.0 ms",
            Outcome::Passed,
        );
        let pair = "coroutine against callback";
        for comparison in &record.comparisons {
            let outcome = match comparison.verdict {
                ComparisonVerdict::Equivalent => Outcome::Passed,
                ComparisonVerdict::Inconclusive => Outcome::Unsure,
                _ => Outcome::Noted,
            };
            has(&record, pair, comparison.metric.name(), outcome);
        }
        let worse = of_comparisons(&[], &record.comparisons, record.workload(), Outcome::Failed);
        assert_eq!(
            worse
                .iter()
                .filter(|found| found.outcome == Outcome::Failed)
                .count(),
            record
                .comparisons
                .iter()
                .filter(|each| each.verdict.is_worse())
                .count()
        );
    }

    #[test]
    fn what_fails_or_is_not_known_says_so() {
        let mut record = run_record();
        record.scenario.objectives[0].at_most_ns = 1;
        record.targets[1]
            .report
            .times_ns
            .remove(&Clock::ResponseTime);
        record.validity.warnings = vec![Warning::note(Fact::StealTime { share: 0.03 })];
        has(
            &record,
            "callback",
            "SLO p99 at most 1.00 ns",
            Outcome::Failed,
        );
        has(
            &record,
            "coroutine",
            "SLO p99 at most 1.00 ns",
            Outcome::Unsure,
        );
        has(&record, "run", "warning 1", Outcome::Unsure);
        record.validity = Validity::of(vec![Warning {
            voids: true,
            ..record.validity.warnings[0].clone()
        }]);
        has(&record, "run", "validity 1", Outcome::Failed);
        assert!(
            !outcomes(&record)
                .iter()
                .any(|(group, name, _)| group == "run" && name == "validity")
        );
    }
}
