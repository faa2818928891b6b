//! What the passes show: the knee with its interval, whether the way down differs from the way up, and whose knee is
//! higher.
//!
//! Every pass gives one figure of the knee in rungs, that is, on a logarithmic scale. The unit is the round: what its processes
//! brought is in both of its passes, and not in another round's. Over [`MIN_ROUNDS`] rounds or more the knee is the mean of
//! their means, and its 95 % interval is Student's, with one round less as degrees of freedom: what the machine did
//! from round to round, what fresh processes brought, and what steps a pace apart can't tell are in it. With fewer, what is reported is no
//! such interval but the steps between which the passes saw the knee.

use std::collections::BTreeMap;

use super::crossing::{Crossing, Side};
use super::search::{self, STRIDE};
use model::record::sweep::knee::{
    HysteresisRecord, IntervalBy, KneeRecord, Known, Limit, PassRecord,
};
use model::record::sweep::ladder::PACE;
use model::record::sweep::pass::{CLIMB, Pass};
use model::record::sweep::plan::SweepPlan;
use model::record::sweep::step::Standing;
use model::record::sweep::step::{StepEpoch, StepRecord};

use super::trail::Trail;
use crate::compare;
use crate::compare::Policy;
use model::record::comparison::Comparison;
use model::record::comparison::NotCompared;
use model::record::metric::Metric;
use model::record::warning::SATURATED_SHARE;
use model::spec::scenario::ObjectiveRecord;
use stats::Interval;
use stats::distribution::{mean, student_t_quantile, variance};

/// The fewest rounds that an interval of 95 % is made of, and of which hysteresis is said.
pub const MIN_ROUNDS: usize = 3;
/// The interval's confidence is 1 less this.
const ALPHA: f64 = 0.05;
/// The way down differs from the way up where it does so by more than this many rungs on average, and not by chance.
const HYSTERESIS_RUNGS: f64 = PACE as f64;
/// From this share of the connections on, on average, a request that is due has often none that is free.
const BUSY_SHARE: f64 = 0.9;

/// The knee of a target by its trail.
///
/// `steps`: all that were measured. `target`: its index in the plan.
pub fn knee(
    plan: &SweepPlan,
    bounds: &[ObjectiveRecord],
    steps: &[StepRecord],
    trail: &Trail,
    target: usize,
) -> KneeRecord {
    let per_s = |place: f64| plan.design.ladder.per_s(place);
    let mut crossings = search::crossings(&plan.design, bounds, trail);
    // Where a target failed it was not through with its pass; only a pass that had crossed by then says something.
    crossings.retain(|crossing| !trail.has_failed || crossing.side.is_none());
    let passes = crossings.iter().map(|crossing| PassRecord {
        round: crossing.round,
        pass: crossing.pass,
        rate_per_s: per_s(crossing.at),
        below_per_s: per_s(f64::from(crossing.below)),
        above_per_s: per_s(f64::from(crossing.above)),
        crossed: crossing.side.is_none(),
    });
    let unknown = KneeRecord {
        known: Known::Unknown,
        rate_per_s: None,
        ci_low_per_s: None,
        ci_high_per_s: None,
        interval: None,
        limit: None,
        passes: passes.collect(),
    };
    if crossings.is_empty() {
        return unknown;
    }
    let places: Vec<f64> = crossings.iter().map(|crossing| crossing.at).collect();
    let rounds = round_means(&crossings);
    let middle = mean(&rounds);
    let limit = limit(plan, steps, trail, target, middle);
    let most_stayed = |side| {
        let stayed = crossings
            .iter()
            .filter(|crossing| crossing.side == Some(side));
        stayed.count() * 2 > crossings.len()
    };
    let lowest = places.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = places.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (known, at) = if most_stayed(Side::Above) {
        (Known::Below, lowest)
    } else if most_stayed(Side::Below) {
        (Known::AtLeast, highest)
    } else if limit == Some(Limit::Generator) {
        (Known::AtLeast, middle)
    } else {
        (Known::Found, middle)
    };
    let (by, low, high) = interval(&crossings, &rounds);
    let is_found = known == Known::Found;
    KneeRecord {
        known,
        rate_per_s: Some(per_s(at)),
        // Of what is only bounded there is no interval.
        ci_low_per_s: is_found.then(|| per_s(low)),
        ci_high_per_s: is_found.then(|| per_s(high)),
        interval: is_found.then_some(by),
        limit,
        ..unknown
    }
}

/// The mean place of each round, in rungs.
fn round_means(crossings: &[Crossing]) -> Vec<f64> {
    let mut rounds = BTreeMap::<u32, Vec<f64>>::new();
    for crossing in crossings {
        rounds.entry(crossing.round).or_default().push(crossing.at);
    }
    rounds.values().map(|places| mean(places)).collect()
}

/// What the interval is made of, and its ends in rungs.
fn interval(crossings: &[Crossing], rounds: &[f64]) -> (IntervalBy, f64, f64) {
    // The climb's strides are no round's.
    let are_rounds = crossings.iter().all(|crossing| crossing.round != CLIMB);
    if are_rounds && rounds.len() >= MIN_ROUNDS {
        let Interval { low, high } = of_mean(rounds);
        return (IntervalBy::StudentT, low, high);
    }
    let low = crossings.iter().map(|crossing| crossing.below).min();
    let high = crossings.iter().map(|crossing| crossing.above).max();
    let place = |rung: Option<i32>| f64::from(rung.expect("the caller has a crossing"));
    (IntervalBy::Bracket, place(low), place(high))
}

/// What was full in the epochs that were not within the objective, up to a stride past the knee.
fn limit(
    plan: &SweepPlan,
    steps: &[StepRecord],
    trail: &Trail,
    target: usize,
    at: f64,
) -> Option<Limit> {
    let name = &plan.targets[target].name;
    let epochs = steps.iter().filter_map(|step| {
        let epoch = step.epochs.iter().find(|epoch| epoch.target == *name)?;
        Some((step, epoch))
    });
    // A target's visits are its epochs, in the same order.
    let past: Vec<(&StepEpoch, Standing)> = epochs
        .zip(&trail.visits)
        .filter(|((step, _), visit)| {
            let distance = f64::from(step.rung) - at;
            !visit.is_within() && (0.0..=f64::from(STRIDE)).contains(&distance)
        })
        .map(|((_, epoch), visit)| (epoch, visit.standing))
        .collect();
    if past.is_empty() {
        return None;
    }
    let blamed = past
        .iter()
        .filter(|(_, standing)| *standing == Standing::Generator);
    if blamed.count() * 2 > past.len() {
        return Some(Limit::Generator);
    }
    let median = |of: fn(&StepEpoch) -> Option<f64>| {
        search::median(past.iter().filter_map(|(epoch, _)| of(epoch)).collect())
    };
    let cores = plan.pinning.server_cpus.len().max(1) as f64;
    let workers = f64::from(plan.targets[target].manifest.workers.max(1));
    let is_full = |share: f64| share >= SATURATED_SHARE * cores.min(workers);
    let are_busy = |in_flight: f64| in_flight >= BUSY_SHARE * f64::from(plan.load.connections);
    Some(
        if median(|epoch| epoch.server_cpu_share).is_some_and(is_full) {
            Limit::ServerCpu
        } else if median(|epoch| epoch.in_flight_mean).is_some_and(are_busy) {
            Limit::Connections
        } else {
            Limit::Other
        },
    )
}

/// The 95 % interval of the mean of values, at least two, by Student's t.
fn of_mean(values: &[f64]) -> Interval {
    let count = values.len();
    let error = (variance(values) / count as f64).sqrt();
    let half = student_t_quantile(1.0 - ALPHA / 2.0, count - 1) * error;
    let middle = mean(values);
    Interval {
        low: middle - half,
        high: middle + half,
    }
}

/// How the way down compares with the way up; none where fewer than [`MIN_ROUNDS`] rounds have both.
///
/// Of a round counts by how many of its rungs more were beyond the objective one way than the other; those that the way down needed no
/// more were not.
pub fn hysteresis(
    plan: &SweepPlan,
    bounds: &[ObjectiveRecord],
    trail: &Trail,
) -> Option<HysteresisRecord> {
    let difference = |round: u32| {
        let (low, high) = search::window(&plan.design, bounds, trail, round)?;
        let beyond = |pass| {
            if !search::is_through(&plan.design, bounds, trail, round, pass) {
                return None;
            }
            let visits = trail.of(round, pass);
            let beyond = visits.filter(|visit| !visit.is_within());
            let beyond = beyond.filter(|visit| (low..=high).contains(&visit.rung));
            Some(beyond.count() as f64)
        };
        Some((beyond(Pass::Up)? - beyond(Pass::Down)?) * f64::from(PACE))
    };
    let rounds = CLIMB + 1..=plan.design.rounds;
    let differences: Vec<f64> = rounds.filter_map(difference).collect();
    if differences.len() < MIN_ROUNDS {
        return None;
    }
    let by = mean(&differences);
    let interval = of_mean(&differences);
    let ratio = |rungs: f64| plan.design.ladder.per_s(rungs) / plan.design.ladder.per_s(0.0);
    Some(HysteresisRecord {
        ratio: ratio(by),
        ci_low: ratio(interval.low),
        ci_high: ratio(interval.high),
        rounds: u32::try_from(differences.len()).expect("at most as many as rounds"),
        found: by.abs() > HYSTERESIS_RUNGS && !interval.contains(0.0),
    })
}

/// Every target's knee against the first's, pass by pass; and what could not be compared.
///
/// A comparison's metric is the throughput that is carried within the objective. Only knees that were found are
/// compared: of one that is bounded it is not known how much higher it is.
pub fn comparisons(
    names: &[&str],
    knees: &[&KneeRecord],
    seed: u64,
) -> (Vec<Comparison>, Vec<(String, NotCompared)>) {
    let policy = Policy::usual(seed);
    let (mut compared, mut not_compared) = (Vec::new(), Vec::new());
    let mut found = names.iter().zip(knees).map(|(name, knee)| (*name, *knee));
    let is_found = |(_, knee): &(&str, &KneeRecord)| knee.known == Known::Found;
    let Some((base_name, base)) = found.next().filter(is_found) else {
        return (compared, not_compared);
    };
    for (name, head) in found.filter(is_found) {
        let counterpart = |of: &PassRecord| {
            let mut passes = head.passes.iter();
            let same = passes.find(|pass| (pass.round, pass.pass) == (of.round, of.pass));
            same.map(|pass| pass.rate_per_s)
        };
        let base_rates: Vec<Option<f64>> = base
            .passes
            .iter()
            .map(|pass| Some(pass.rate_per_s))
            .collect();
        let head_rates: Vec<Option<f64>> = base.passes.iter().map(counterpart).collect();
        match compare::compare(&base_rates, &head_rates, Metric::ThroughputPerS, &policy) {
            Ok(comparison) => compared.push(Comparison {
                base: base_name.to_owned(),
                head: name.to_owned(),
                ..comparison
            }),
            Err(reason) => not_compared.push((name.to_owned(), reason)),
        }
    }
    compare::holm(&mut compared, &policy);
    (compared, not_compared)
}
