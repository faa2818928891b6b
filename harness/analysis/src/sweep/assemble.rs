//! The record of a sweep: a function of its plan and its steps.

use model::record::run::{BackendRecord, Completion};
use model::record::sweep::knee::{KneeRecord, Known, Limit};
use model::record::sweep::{
    self, StepRecord, SweepPlan, SweepRecord, SweptTarget, TargetResult, objective,
};
use model::record::validity::{Caution, CautionCode, Validity};
use model::spec::scenario::ObjectiveRecord;
use model::words::plural;

use super::{Trail, Visit, knee};
use crate::validity::MEASURE_LONGER;

/// The trails that these steps left, in the order of the targets.
pub fn trails(plan: &SweepPlan, steps: &[StepRecord]) -> Vec<Trail> {
    let bounds = plan.bounds(steps);
    let trail = |target: &SweptTarget| {
        let visits = steps.iter().flat_map(|step| {
            let own = step.epochs.iter();
            own.filter(|epoch| epoch.target == target.name)
                .map(|epoch| {
                    let (standing, strain) = objective::judge(epoch, &bounds);
                    Visit {
                        round: step.round,
                        pass: step.pass,
                        rung: step.rung,
                        standing,
                        strain,
                    }
                })
        });
        Trail {
            visits: visits.collect(),
            has_failed: sweep::failure(steps, &target.name).is_some(),
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
            failure: sweep::failure(&steps, &plan.targets[index].name).cloned(),
        })
        .collect();
    let names: Vec<&str> = results
        .iter()
        .map(|result| result.target.as_str())
        .collect();
    let knees: Vec<&KneeRecord> = results.iter().map(|result| &result.knee).collect();
    let (comparisons, not_compared) = knee::comparisons(&names, &knees, plan.seed);
    let not_compared = not_compared.into_iter().map(|(target, reason)| Caution {
        code: CautionCode::TooFewSamples,
        detail: format!("the knee of {target} could not be compared: {reason}"),
        advice: "give it more time with --time-limit, or more --rounds".to_owned(),
        voids: false,
    });
    let cautions = [
        own_cautions(&plan, &results, &steps, &ended),
        not_compared.collect(),
        ended.cautions,
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
        validity: Validity::from_cautions(cautions.concat()),
        results,
        steps: judged(steps, &bounds),
        plan,
    }
}

/// How a sweep ended, for whoever makes its record.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// It was interrupted.
    pub interrupted: bool,
    /// It reached its limit of time.
    pub time_was_up: bool,
    /// What the backend did.
    pub backend: Option<BackendRecord>,
    /// What the machine did.
    pub cautions: Vec<Caution>,
}

/// What a reader should know beside what the machine did.
fn own_cautions(
    plan: &SweepPlan,
    results: &[TargetResult],
    steps: &[StepRecord],
    ended: &Ended,
) -> Vec<Caution> {
    let caution = |code: CautionCode, voids, detail: String, advice: &str| {
        code.caution(voids, detail, advice)
    };
    let mut cautions = Vec::new();
    for result in results {
        let target = &result.target;
        if let Some(failure) = &result.failure {
            let detail = format!("{target} failed: {}", failure.what);
            let advice = "its figures end where it did; the other targets' are whole";
            cautions.push(caution(CautionCode::TargetFailed, false, detail, advice));
        }
        match (result.knee.known, result.knee.limit) {
            (Known::AtLeast, Some(Limit::Generator)) => cautions.push(caution(
                CautionCode::GeneratorSaturated,
                true,
                format!(
                    "the knee of {target} lies beyond what this generator can offer: its cores were full, or it stood still, before the target was beyond the objective"
                ),
                "give it more cores with --load-cpus; what is said to be within the objective is",
            )),
            (_, Some(Limit::Connections)) => cautions.push(caution(
                CautionCode::Connections,
                false,
                format!(
                    "the knee of {target} is that of its {} busy while the server had time",
                    plural(u64::from(plan.load.connections), "connection: it was", "connections: they were")
                ),
                "raise -c to see the server's own",
            )),
            _ => {}
        }
    }
    if ended.time_was_up {
        let detail = format!(
            "the limit of time, {:.0} s, was reached before round {} was done",
            plan.design.time_limit_s, plan.design.rounds
        );
        let advice = "intervals are wider for it: raise --time-limit";
        cautions.push(caution(CautionCode::Partial, false, detail, advice));
    }
    if ended.interrupted {
        let detail = "the sweep was interrupted before its end".to_owned();
        let advice = "the same command goes on with it, or --resume with its directory";
        cautions.push(caution(CautionCode::Partial, false, detail, advice));
    }
    let resumed = steps.iter().filter(|step| step.resumed).count();
    if resumed > 0 {
        let detail = format!(
            "the sweep was interrupted and went on {}: a round that was cut has two sets of processes",
            if resumed == 1 {
                "once".to_owned()
            } else {
                format!("{resumed} times")
            }
        );
        cautions.push(caution(CautionCode::Partial, false, detail, MEASURE_LONGER));
    }
    if plan.asked.is_none() && !steps.is_empty() && plan.objective(steps).is_none() {
        let detail = "the first step came to nothing, so there is no objective".to_owned();
        let advice = "give one with --objective, as in p99=20ms, or another --from";
        cautions.push(caution(CautionCode::TooFewSamples, true, detail, advice));
    }
    cautions
}

/// The steps with what their epochs came to.
fn judged(mut steps: Vec<StepRecord>, bounds: &[ObjectiveRecord]) -> Vec<StepRecord> {
    for epoch in steps.iter_mut().flat_map(|step| &mut step.epochs) {
        let (standing, strain) = objective::judge(epoch, bounds);
        (epoch.standing, epoch.strain) = (Some(standing), strain);
    }
    steps
}
