//! The record of a sweep: a function of its plan and its steps.

use std::collections::BTreeMap;

use model::record::run::Completion;
use model::record::surroundings::BackendRecord;
use model::record::sweep::knee::{KneeRecord, Known, Limit};
use model::record::sweep::objective;
use model::record::sweep::plan::{SweepPlan, SweptTarget};
use model::record::sweep::step::{StepRecord, failure, requests};
use model::record::sweep::whole::{SweepRecord, TargetResult};
use model::record::warning::{Fact, Validity, Warning};
use model::spec::scenario::ObjectiveRecord;

use super::knee;
use super::trail::{Trail, Visit};
use crate::warnings::most_failed;

/// The trails that these steps left, in the order of the targets.
pub fn trails(plan: &SweepPlan, steps: &[StepRecord]) -> Vec<Trail> {
    let bounds = plan.bounds(steps);
    let trail = |target: &SweptTarget| {
        let visits = steps.iter().flat_map(|step| {
            let own = step.epochs.iter();
            own.filter(|epoch| epoch.target == target.name)
                .map(|epoch| {
                    let (standing, slo_share) = objective::judge(epoch, &bounds);
                    Visit {
                        round: step.round,
                        pass: step.pass,
                        rung: step.rung,
                        standing,
                        slo_share,
                    }
                })
        });
        Trail {
            visits: visits.collect(),
            has_failed: failure(steps, &target.name).is_some(),
        }
    };
    plan.targets.iter().map(trail).collect()
}

/// The record of a plan and what was measured by it.
pub fn record(plan: SweepPlan, steps: Vec<StepRecord>, ended: Ended) -> SweepRecord {
    let objective = plan.objective(&steps);
    let bounds = plan.bounds(&steps);
    let trails = trails(&plan, &steps);
    let results: Vec<TargetResult> = trails
        .iter()
        .enumerate()
        .map(|(index, trail)| TargetResult {
            target: plan.targets[index].name.clone(),
            knee: knee::knee(&plan, &bounds, &steps, trail, index),
            hysteresis: knee::hysteresis(&plan, &bounds, trail),
            failure: failure(&steps, &plan.targets[index].name).cloned(),
        })
        .collect();
    let names: Vec<&str> = results
        .iter()
        .map(|result| result.target.as_str())
        .collect();
    let knees: Vec<&KneeRecord> = results.iter().map(|result| &result.knee).collect();
    let (comparisons, not_compared) = knee::comparisons(&names, &knees, plan.seed);
    let not_compared = not_compared.into_iter().map(|(target, why)| {
        let fact = Fact::KneeNotCompared { reason: why.reason };
        Warning::note(fact).about(&target)
    });
    let warnings = [
        own_warnings(&plan, &results, &steps, &ended),
        not_compared.collect(),
        ended.warnings,
    ];
    let completion = if ended.interrupted {
        Completion::Interrupted
    } else if results.iter().any(|result| result.failure.is_some()) {
        Completion::TargetFailed
    } else {
        Completion::Complete
    };
    SweepRecord {
        elapsed_s: steps.iter().map(|step| step.elapsed_s).sum(),
        completion,
        time_was_up: ended.time_was_up,
        objective,
        comparisons,
        backend: ended.backend,
        validity: Validity::of(warnings.concat()),
        results,
        steps: judged(steps, &bounds),
        plan,
    }
}

/// How a sweep ended, for the code that makes its record.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// It was interrupted.
    pub interrupted: bool,
    /// It reached its limit of time.
    pub time_was_up: bool,
    /// What the backend did.
    pub backend: Option<BackendRecord>,
    /// What the machine did.
    pub warnings: Vec<Warning>,
}

/// What a reader should know beside what the machine did.
fn own_warnings(
    plan: &SweepPlan,
    results: &[TargetResult],
    steps: &[StepRecord],
    ended: &Ended,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut epochs = steps.iter().flat_map(|step| &step.epochs);
    // Where no target answered anything, nothing was measured, and failed targets are the reason.
    let is_nothing_measured = epochs.all(|epoch| epoch.requests.ok == 0);
    let has_failed = results.iter().any(|result| result.failure.is_some());
    for result in results {
        let target = &result.target;
        let sum = requests(steps, target);
        if most_failed(&sum) {
            let fact = Fact::Failures {
                failed: sum.failed(),
                scheduled: sum.scheduled,
                timeouts: sum.timeout,
                cut_off: 0,
                kinds: BTreeMap::new(),
                statuses: BTreeMap::new(),
                malformed: BTreeMap::new(),
                tls: false,
            };
            warnings.push(Warning::void(fact).about(target));
        }
        if let Some(failure) = &result.failure {
            let fact = Fact::TargetFailed {
                what: failure.what.clone(),
                at_the_end: false,
            };
            let failed = Warning {
                voids: is_nothing_measured,
                ..Warning::note(fact)
            };
            warnings.push(failed.about(target));
        }
        match (result.knee.known, result.knee.limit) {
            (Known::AtLeast, Some(Limit::Generator)) => {
                warnings.push(Warning::void(Fact::KneeBeyondGenerator).about(target));
            }
            (_, Some(Limit::Connections)) => {
                let connections = plan.load.connections;
                warnings.push(Warning::note(Fact::KneeOfConnections { connections }).about(target));
            }
            _ => {}
        }
    }
    if ended.time_was_up {
        let fact = Fact::TimeLimit {
            limit_s: plan.design.time_limit_s,
            rounds: plan.design.rounds,
        };
        warnings.push(Warning {
            voids: is_nothing_measured,
            ..Warning::note(fact)
        });
    }
    if ended.interrupted {
        warnings.push(Warning::note(Fact::Interrupted { run: None }));
    }
    let times = steps.iter().filter(|step| step.resumed).count() as u64;
    if times > 0 {
        warnings.push(Warning::note(Fact::Resumed { times }));
    }
    // Another objective helps where requests were answered and too few to tell.
    let has_cause = is_nothing_measured && has_failed || warnings.iter().any(is_failures);
    if plan.asked.is_none() && !steps.is_empty() && plan.objective(steps).is_none() && !has_cause {
        warnings.push(Warning::void(Fact::NoObjective));
    }
    warnings
}

fn is_failures(warning: &Warning) -> bool {
    matches!(warning.fact, Fact::Failures { .. })
}

/// The steps with the outcomes of their epochs.
fn judged(mut steps: Vec<StepRecord>, bounds: &[ObjectiveRecord]) -> Vec<StepRecord> {
    for epoch in steps.iter_mut().flat_map(|step| &mut step.epochs) {
        let (standing, slo_share) = objective::judge(epoch, bounds);
        (epoch.standing, epoch.slo_share) = (Some(standing), slo_share);
    }
    steps
}
