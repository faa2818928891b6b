//! The record of a run: a function of its log.

use analysis::compare::{self, Policy};
use analysis::design;
use analysis::effects;
use analysis::errors;
use model::measured::recording::Recording;
use model::record::aa::AaRecord;
use model::record::read::SCHEMA_VERSION;
use model::record::run::{Completion, PlanRecord, RunRecord, workload_of};
use model::record::target::{EpochRecord, TargetRecord};
use model::record::warning::{Fact, Validity, Warning};
use model::spec::load::Arrival;

use super::kept::Kept;
use super::run::any_rate;
use super::site::circumstances;
use crate::request::Request;

/// What a run measured.
pub struct Measured {
    /// The record of it.
    pub record: RunRecord,
    /// A target's recording each, in the record's order, for the formats that hold more than the record.
    pub recordings: Vec<Recording>,
    /// When it began, in seconds since 1970-01-01T00:00:00Z.
    pub started_epoch_s: f64,
}

/// The record of what is known.
pub(super) fn of(request: &Request, kept: Kept<'_>) -> Measured {
    let Kept {
        head,
        site,
        states,
        known,
    } = kept;
    let spec = &request.arrival;
    let is_found = !spec.needs_capacity() || known.capacity.is_some();
    let arrival = spec.at_capacity(known.capacity.unwrap_or_else(any_rate));
    let arrival = arrival.ok().filter(|_| is_found);
    let load = request.load(arrival.unwrap_or(Arrival::Closed));
    let scenario = request.scenario.record();
    let (mut targets, recordings): (Vec<TargetRecord>, Vec<Recording>) = states
        .into_iter()
        .map(|state| {
            let site = (&site.environment, &head.pinning);
            state.into_record(&load, &scenario.requests, site)
        })
        .unzip();
    let part = known.part();
    let has_failed =
        part.backend_failed.is_some() || targets.iter().any(|target| target.failure.is_some());
    let grave = grave_warnings(&targets);
    // From here on the target of an A/A comparison stands apart: it competes with nobody.
    let aa_target = request.aa.then(|| targets.pop()).flatten();
    let policy = Policy::usual(request.plan.seed);
    let (comparisons, not_compared) = compare::compare_targets(&targets, &policy);
    let effects = effects::effects(&targets, &policy);
    let aa = aa_target.map(|target| compare_with_itself(&targets[0], target, &policy));
    let completion = completion(known.is_interrupted(), has_failed);
    let warnings = [
        circumstances(&part, &head.pinning),
        compare::left_out(&not_compared),
        design_warnings(&targets, request.plan.seed),
        grave,
        interrupted(completion),
    ];
    let mut environment = site.environment;
    environment.steal_share = part.ticks.steal_share();
    environment.throttled_periods = part.throttled_periods;
    if let (Some(machine), Some(part)) = (&mut environment.servers, part.servers) {
        machine.steal_share = part.ticks.steal_share();
        machine.throttled_periods = part.throttled_periods;
    }
    let record = RunRecord {
        schema_version: SCHEMA_VERSION,
        id: head.id,
        bench_version: head.bench_version,
        started_at: site.started_at,
        elapsed_s: part.elapsed_s,
        completion,
        command: head.command,
        seed: head.seed,
        scenario,
        experiment: Some(head.experiment),
        plan: PlanRecord {
            detectable: site.detectable,
            ..PlanRecord::of(&request.plan)
        },
        calibration: site.calibration,
        environment,
        pinning: head.pinning,
        validity: Validity::of(warnings.concat()),
        error_comparisons: errors::compare_targets(&targets),
        targets,
        backend: part.backend,
        comparisons,
        effects,
        aa,
    };
    Measured {
        record,
        recordings,
        started_epoch_s: site.started_epoch_s,
    }
}

/// The first target against its second self.
fn compare_with_itself(first: &TargetRecord, target: TargetRecord, policy: &Policy) -> AaRecord {
    let pair = [first.clone(), target];
    let (comparisons, _) = compare::compare_targets(&pair, policy);
    let [_, target] = pair;
    AaRecord {
        target,
        comparisons,
        machine: None,
    }
}

fn completion(is_interrupted: bool, has_failed: bool) -> Completion {
    match (is_interrupted, has_failed) {
        (true, _) => Completion::Interrupted,
        (_, true) => Completion::TargetFailed,
        _ => Completion::Complete,
    }
}

/// What the whole run must say of one of its targets: whatever voids its figures, and that it failed.
fn grave_warnings(targets: &[TargetRecord]) -> Vec<Warning> {
    // Where no target answered anything, nothing was measured, and failed targets are the reason.
    let is_nothing_measured = targets.iter().all(|target| target.report.requests.ok == 0);
    let of_target = |target: &TargetRecord| {
        let warnings = target.report.validity.warnings.iter();
        let mut grave: Vec<Warning> = warnings
            .filter(|warning| warning.voids)
            .map(|warning| warning.clone().about(&target.name))
            .collect();
        if let Some(failure) = &target.failure {
            // That there are no figures of it is said by this alone.
            grave.retain(|warning| warning.fact != Fact::NothingScheduled);
            let fact = Fact::TargetFailed {
                what: failure.what.clone(),
                at_the_end: false,
            };
            let failed = Warning {
                voids: is_nothing_measured,
                ..Warning::note(fact)
            };
            grave.push(failed.about(&target.name));
        }
        grave
    };
    targets.iter().flat_map(of_target).collect()
}

/// Where the design of the run did not hold.
fn design_warnings(targets: &[TargetRecord], seed: u64) -> Vec<Warning> {
    let epochs: Vec<(&str, &[EpochRecord])> = targets
        .iter()
        .map(|target| (target.name.as_str(), target.epochs.as_slice()))
        .collect();
    design::warnings(&epochs, workload_of(targets), seed)
}

fn interrupted(completion: Completion) -> Vec<Warning> {
    let is_partial = completion == Completion::Interrupted;
    let warning = is_partial.then(|| Warning::note(Fact::Interrupted { run: None }));
    warning.into_iter().collect()
}
