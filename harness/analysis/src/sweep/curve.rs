//! A target's curve: what its times were at which rate.

use std::collections::BTreeMap;

use model::record::sweep::ladder::PACE;
use model::record::sweep::pass::Pass;
use model::record::sweep::step::Standing;
use model::record::sweep::step::{StepEpoch, StepRecord};
use model::record::sweep::whole::SweepRecord;

use super::search;

/// A target's curve, by rate. `pass`: one way, or both.
pub fn curve(record: &SweepRecord, target: &str, pass: Option<Pass>) -> Vec<CurvePoint> {
    let mut places = BTreeMap::<i32, Vec<(f64, &StepEpoch)>>::new();
    let is_asked = |step: &&StepRecord| pass.is_none_or(|pass| step.pass == pass);
    for step in record.steps.iter().filter(is_asked) {
        let place = (step.rung + PACE / 2).div_euclid(PACE);
        let own = step.epochs.iter().filter(|epoch| epoch.target == target);
        let own = own.map(|epoch| (step.rate_per_s, epoch));
        places.entry(place).or_default().extend(own);
    }
    places.retain(|_, epochs| !epochs.is_empty());
    let tail = record.tail();
    let points = places.values();
    points.map(|epochs| CurvePoint::of(epochs, tail)).collect()
}

/// A place of a curve: the medians over the epochs that a target had within a pace of each other, one way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Scheduled requests a second: the geometric mean.
    pub rate_per_s: f64,
    /// Epochs.
    pub epochs: usize,
    /// Of these, how many were within the objective.
    pub within: usize,
    /// Of these, how many say nothing of the target, since the generator was full.
    pub generators: usize,
    /// The median of their medians, in nanoseconds.
    pub p50_ns: Option<f64>,
    /// The median of their [`SweepRecord::tail`]s.
    pub tail_ns: Option<f64>,
    /// The median of successful replies a second.
    pub throughput_per_s: f64,
    /// The median share of a core that the server used.
    pub server_cpu_share: Option<f64>,
}

impl CurvePoint {
    /// The medians of epochs, each with its rate; at least one.
    fn of(epochs: &[(f64, &StepEpoch)], tail: &str) -> Self {
        let median = |of: &dyn Fn(&StepEpoch) -> Option<f64>| {
            search::median(epochs.iter().filter_map(|(_, epoch)| of(epoch)).collect())
        };
        let stand = |standing| {
            let stands = epochs
                .iter()
                .filter(|(_, epoch)| epoch.standing == Some(standing));
            stands.count()
        };
        let logs: f64 = epochs.iter().map(|(rate, _)| rate.ln()).sum();
        Self {
            rate_per_s: (logs / epochs.len() as f64).exp(),
            epochs: epochs.len(),
            within: stand(Standing::Within),
            generators: stand(Standing::Generator),
            p50_ns: median(&|epoch| epoch.time_ns.p50.map(|ns| ns as f64)),
            tail_ns: median(&|epoch| epoch.time_ns.named(tail).map(|ns| ns as f64)),
            throughput_per_s: median(&|epoch| Some(epoch.throughput_per_s)).unwrap_or_default(),
            server_cpu_share: median(&|epoch| epoch.server_cpu_share),
        }
    }
}
