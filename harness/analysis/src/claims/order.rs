//! Which claims share a measurement, and which measurement comes next.

use std::collections::BTreeSet;

use model::spec::claim::{Claim, ClaimLoad, ClaimMetric, Question, ScenarioOf, Side};
use model::spec::plan::MAX_TARGETS;
use model::spec::scenario::Scenario;

use super::verdict::{LOOKS, LOOKS_AFTER_COLD, Look, Verdict};

/// A measurement that several claims share: one load, and the targets that they compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The load.
    pub load: ClaimLoad,
    /// Whom it is for: which claim, and which point of its factor where it is for one.
    pub asks: Vec<(usize, Option<usize>)>,
    /// Whether it is only for what claims depend on, and for none itself.
    pub is_along: bool,
    /// Whether it is a sweep, for claims about capacity.
    pub is_sweep: bool,
}

/// What is measured next.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// Which job.
    pub job: usize,
    /// Which look, from 0.
    pub look: usize,
    /// The targets, each once.
    pub sides: Vec<Side>,
    /// Whether one of them was still getting faster in a measurement before.
    pub is_cold: bool,
}

impl Next {
    /// How it is laid out.
    pub fn layout(&self) -> Look {
        let looks = if self.is_cold {
            LOOKS_AFTER_COLD
        } else {
            LOOKS
        };
        looks[self.look]
    }
}

/// What is asked for a claim, or at a point of its factor.
pub fn question(claims: &[Claim], (claim, point): (usize, Option<usize>)) -> Option<&Question> {
    let claim = &claims[claim];
    match (point, &claim.along) {
        (None, _) => claim.question.as_ref(),
        (Some(point), Some(along)) => along.points.get(point).map(|point| &point.question),
        (Some(_), None) => None,
    }
}

/// With how many claims of its group each contradicts: no ratio is in both ranges.
pub fn contradictions(claims: &[Claim]) -> Vec<usize> {
    let of_claim = |claim: &Claim| {
        let others = claims
            .iter()
            .filter(|other| claim.group.is_some() && other.group == claim.group);
        others
            .filter(|other| other.range.excludes(&claim.range))
            .count()
    };
    claims.iter().map(of_claim).collect()
}

/// The measurements that claims take, those first that are for the most contradictory claims, those along factors last.
///
/// `is_testable`: whether a claim, or a point of its factor, can be tested here.
pub fn jobs(claims: &[Claim], is_testable: impl Fn(usize, Option<usize>) -> bool) -> Vec<Job> {
    let contradictions = contradictions(claims);
    let asks = claims.iter().enumerate().flat_map(|(index, claim)| {
        let points = claim.along.as_ref().map_or(0, |along| along.points.len());
        let points = (0..points).map(move |point| (index, Some(point)));
        // A trend is claimed of its points, and of nothing else.
        let own = (!claim.is_trend).then_some((index, None));
        own.into_iter()
            .chain(points)
            .map(|ask| (ask, ask.1.is_some() && !claim.is_trend))
    });
    let (along, own): (Vec<_>, Vec<_>) = asks.partition(|(_, is_along)| *is_along);
    let mut jobs: Vec<Job> = Vec::new();
    for (ask, is_along) in own.into_iter().chain(along) {
        let Some(question) = question(claims, ask).filter(|_| is_testable(ask.0, ask.1)) else {
            continue;
        };
        let is_sweep = question.metric == ClaimMetric::Capacity;
        let fits = |job: &&mut Job| {
            let mut asks = job.asks.clone();
            let is_same = job.load == question.load
                && (job.is_along, job.is_sweep) == (is_along, is_sweep)
                && (!is_pair_only(&question.load) || sides(claims, &asks) == sides(claims, &[ask]));
            asks.push(ask);
            is_same && sides(claims, &asks).len() <= MAX_TARGETS
        };
        match jobs.iter_mut().find(fits) {
            Some(job) => job.asks.push(ask),
            None => jobs.push(Job {
                load: question.load.clone(),
                asks: vec![ask],
                is_along,
                is_sweep,
            }),
        }
    }
    let most = |job: &Job| {
        let claims = job.asks.iter().map(|(claim, _)| contradictions[*claim]);
        claims.max().unwrap_or_default()
    };
    jobs.sort_by_key(|job| (job.is_along, std::cmp::Reverse(most(job))));
    jobs
}

/// Whether a load is a share of the weaker target's capacity, so that a third target would make it another load.
fn is_pair_only(load: &ClaimLoad) -> bool {
    let ScenarioOf::Named(name) = &load.scenario else {
        return false;
    };
    let scenario = Scenario::built_in(name);
    load.rate_per_s.is_none() && scenario.is_ok_and(|scenario| scenario.arrival.needs_capacity())
}

/// The targets of questions, each once.
fn sides(claims: &[Claim], asks: &[(usize, Option<usize>)]) -> Vec<Side> {
    let questions = asks.iter().filter_map(|ask| question(claims, *ask));
    let mut sides: Vec<Side> = Vec::new();
    for side in questions.flat_map(Question::sides) {
        if !sides.contains(side) {
            sides.push(side.clone());
        }
    }
    sides
}

/// What is measured next: every claim once; then the factors of those that are refuted or contradicted; then again, and longer, those that
/// this may decide. Nothing where no measurement would decide more.
///
/// `looks`: how often each job was measured. `verdicts`: of each claim, so far. `cold`: the targets, by name, that were still getting
/// faster in a measurement before.
pub fn next(
    claims: &[Claim],
    jobs: &[Job],
    looks: &[usize],
    verdicts: &[Verdict],
    cold: &BTreeSet<String>,
) -> Option<Next> {
    let contradictions = contradictions(claims);
    let needs = |job: &Job, look: usize, (claim, _): (usize, Option<usize>)| {
        if job.is_along {
            look == 0
                && (contradictions[claim] > 0 || matches!(verdicts[claim], Verdict::Refuted { .. }))
        } else {
            // A sweep has no shorter form that would come first.
            verdicts[claim].may_be_decided() && (look == 0 || !job.is_sweep)
        }
    };
    let of_look = |look: usize, is_along: bool| {
        let mut numbered = jobs.iter().zip(looks).enumerate();
        numbered.find_map(|(index, (job, done))| {
            let asks = job.asks.iter().copied();
            let asks: Vec<_> = asks.filter(|ask| needs(job, look, *ask)).collect();
            (*done == look && job.is_along == is_along && !asks.is_empty()).then(|| {
                // What a connection takes is read before there is any load.
                let timed = asks.iter().filter_map(|ask| question(claims, *ask));
                let mut timed = timed
                    .filter(|asked| asked.metric != ClaimMetric::MemoryPerConnection)
                    .flat_map(Question::sides);
                Next {
                    job: index,
                    look,
                    is_cold: timed.any(|side| cold.contains(&side.name())),
                    sides: sides(claims, &asks),
                }
            })
        })
    };
    of_look(0, false)
        .or_else(|| of_look(0, true))
        .or_else(|| (1..LOOKS.len()).find_map(|look| of_look(look, false)))
}
