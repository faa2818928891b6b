//! Which step comes next: a function of the steps so far.
//!
//! Each target knows by its own trail which rung it wants next, whatever the others do; a step is the lowest rung that any wants on the
//! way up, the highest on the way down, and everybody who wants it takes part. So targets whose knees are near each other
//! meet on the same rungs, with the same arrivals, one after the other; and one whose knee is far below is never driven
//! there with them.

use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::crossing::{Crossing, Side, crossing};
use model::record::sweep::design::Design;
use model::record::sweep::ladder::{CLIMB_EPOCH, EPOCH, PACE};
use model::record::sweep::pass::{CLIMB, Pass};

use super::trail::{Trail, Visit};
use model::spec::plan::{EPOCH_OVERHEAD, LAUNCH, seed_of};
use model::spec::scenario::ObjectiveRecord;

/// Rungs from one step of the climb to the next: the rate grows by 41 %.
pub const STRIDE: i32 = 30;
/// A target is past its knee, on the way up, where so many steps in a row were not within the objective, and before it, on
/// the way down, where so many were. One alone may be a stall of the machine; no target is driven further.
pub const STEPS_PAST: usize = 2;
/// On the way down of a round so many steps in a row within the objective are proof enough: what is below is not measured.
pub const STEPS_BEFORE: usize = 4;
/// A round goes at [`PACE`] over the rungs so near to the knee, on either side; where it has not crossed it by then, each step is as
/// wide as the way that it has gone beyond them, up to [`STRIDE`].
pub const REACH: i32 = 2 * PACE;
/// Rounds around the knee, unless set otherwise: as many as there are places for the steps of a round, see `SHIFT`.
pub const ROUNDS: u32 = 5;
/// The most rounds.
pub const MAX_ROUNDS: u32 = 100;
/// How long a sweep may take for each target, unless set otherwise. Two of them are done within five minutes.
pub const TIME_PER_TARGET: Duration = Duration::from_secs(140);
/// By so many rungs the steps of a round stand beside those of the one before. It has no divisor in common with
/// [`PACE`], so that as many rounds stand in all places.
const SHIFT: i32 = 2;
/// Guess of what warming one target up takes.
const WARM_UP: Duration = Duration::from_secs(1);

/// One rate, at which every target that takes part is measured once.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// [`CLIMB`], or a round around the knee.
    pub round: u32,
    /// Which way.
    pub pass: Pass,
    /// Where.
    pub rung: i32,
    /// How long each epoch is.
    pub epoch: Duration,
    /// Who takes part, by index and in order. On the way down the order of a rung is that of the way up, turned round.
    pub targets: Vec<usize>,
    /// Seeds the arrivals and the mix, the same for all of them.
    pub seed: u64,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// This.
    Step(Step),
    /// Nothing: all that was planned is measured.
    Done,
    /// Nothing: it would take longer than the sweep may.
    TimeIsUp,
}

/// What comes after the steps that left these trails.
///
/// `at`: round and pass of the last step. `spent`: how long all of them took. `objectives`: what is judged by; where they
/// are not known before the first step, what is known of them: their percentiles.
pub fn next(
    design: &Design,
    objectives: &[ObjectiveRecord],
    trails: &[Trail],
    at: Option<(u32, Pass)>,
    spent: Duration,
    seed: u64,
) -> Next {
    let (mut round, mut pass) = at.unwrap_or((CLIMB, Pass::Up));
    while round <= design.rounds {
        if let Some(step) = step_of(design, objectives, trails, round, pass, seed) {
            // A round's servers are started before its first step.
            let is_first = at.is_none_or(|(last, _)| last != round);
            let longest = estimate(&step, is_first);
            let fits = (spent + longest).as_secs_f64() <= design.time_limit_s;
            return if fits {
                Next::Step(step)
            } else {
                Next::TimeIsUp
            };
        }
        (round, pass) = match pass {
            Pass::Up => (round, Pass::Down),
            Pass::Down => (round + 1, Pass::Up),
        };
    }
    Next::Done
}

/// Who takes part in a round at all, by index: those of whom something is still to be found out.
pub fn members(
    design: &Design,
    objectives: &[ObjectiveRecord],
    trails: &[Trail],
    round: u32,
) -> Vec<usize> {
    let takes_part = |trail: &Trail| {
        let wants = |pass| wanted(design, objectives, trail, round, pass).is_some();
        wants(Pass::Up) || wants(Pass::Down)
    };
    (0..trails.len())
        .filter(|&target| takes_part(&trails[target]))
        .collect()
}

/// True where a target has been through a pass to its end.
pub fn is_through(
    design: &Design,
    objectives: &[ObjectiveRecord],
    trail: &Trail,
    round: u32,
    pass: Pass,
) -> bool {
    let has_begun = trail.of(round, pass).next().is_some();
    has_begun && wanted(design, objectives, trail, round, pass).is_none()
}

/// The rungs that both passes of a round go over, whatever they find: from the lowest to the highest; none where nothing is to
/// be found there.
pub fn window(
    design: &Design,
    objectives: &[ObjectiveRecord],
    trail: &Trail,
    round: u32,
) -> Option<(i32, i32)> {
    window_within(trail, round, Bounds::of(design, objectives))
}

/// The crossings of a target's passes around the knee that it has been through, in their order. While none of them has crossed, those
/// of the climb stand before them: it went over lower and higher rates than they did.
pub fn crossings(design: &Design, objectives: &[ObjectiveRecord], trail: &Trail) -> Vec<Crossing> {
    let of = |round: u32| {
        [Pass::Up, Pass::Down]
            .into_iter()
            .filter(move |&pass| is_through(design, objectives, trail, round, pass))
            .filter_map(move |pass| crossing(trail, round, pass))
    };
    let around: Vec<Crossing> = (CLIMB + 1..=design.rounds).flat_map(of).collect();
    if around.iter().any(|crossing| crossing.side.is_none()) {
        around
    } else {
        of(CLIMB).chain(around).collect()
    }
}

fn step_of(
    design: &Design,
    objectives: &[ObjectiveRecord],
    trails: &[Trail],
    round: u32,
    pass: Pass,
    seed: u64,
) -> Option<Step> {
    let wants: Vec<Option<i32>> = trails
        .iter()
        .map(|trail| wanted(design, objectives, trail, round, pass))
        .collect();
    let rungs = wants.iter().flatten().copied();
    let rung = match pass {
        Pass::Up => rungs.min(),
        Pass::Down => rungs.max(),
    }?;
    // By round and rung alone: the way down meets the same arrivals as the way up.
    let number = u64::from(round) << 32 | u64::from(rung.cast_unsigned());
    let mut order: Vec<usize> = (0..trails.len()).collect();
    order.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed_of(
        seed, ORDERS, number,
    )));
    if pass == Pass::Down {
        order.reverse();
    }
    order.retain(|&target| wants[target] == Some(rung));
    let shortest = if round == CLIMB { CLIMB_EPOCH } else { EPOCH };
    Some(Step {
        round,
        pass,
        rung,
        epoch: design.ladder.epoch(rung, objectives, shortest)?,
        targets: order,
        seed: seed_of(seed, STEPS, number),
    })
}

/// Keeps the seeds of steps apart from those of trials.
const STEPS: u64 = 0x7374_6570_0000_0000;
/// Keeps those of their orders apart from both.
const ORDERS: u64 = 0x6f72_6465_0000_0000;

/// The rung that a target wants next in a pass; none where it is through with it.
fn wanted(
    design: &Design,
    objectives: &[ObjectiveRecord],
    trail: &Trail,
    round: u32,
    pass: Pass,
) -> Option<i32> {
    if trail.has_failed {
        return None;
    }
    let bounds = Bounds::of(design, objectives);
    let window = || window_within(trail, round, bounds);
    match (round, pass) {
        (CLIMB, Pass::Up) => climbing(trail, bounds),
        (CLIMB, Pass::Down) => descending(trail, bounds),
        (_, Pass::Up) => going_up(trail, round, window()?, bounds),
        (_, Pass::Down) => going_down(trail, round, window()?, bounds),
    }
}

/// The rungs that there are.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    lowest: i32,
    top: i32,
}

impl Bounds {
    fn of(design: &Design, objectives: &[ObjectiveRecord]) -> Self {
        Self {
            lowest: design.ladder.lowest(objectives),
            top: design.ladder.top(),
        }
    }
}

/// In strides until past the knee.
fn climbing(trail: &Trail, bounds: Bounds) -> Option<i32> {
    let last = trail.of(CLIMB, Pass::Up).next_back();
    let last = last.map_or(-STRIDE, |visit| visit.rung);
    let is_past = ends_with(trail.of(CLIMB, Pass::Up), STEPS_PAST, false);
    (!is_past && last < bounds.top).then(|| (last + STRIDE).min(bounds.top))
}

/// Whether so many last steps of a pass were all within the objective, or all not.
fn ends_with<'a>(
    visits: impl DoubleEndedIterator<Item = &'a Visit>,
    steps: usize,
    is_within: bool,
) -> bool {
    let same = visits
        .rev()
        .take_while(|visit| visit.is_within() == is_within);
    same.count() >= steps
}

/// Over the same rungs; and further down, where it has not come back within the objective by then.
fn descending(trail: &Trail, bounds: Bounds) -> Option<i32> {
    let last = trail.of(CLIMB, Pass::Down).next_back();
    let below = |rung: i32| {
        let climbed = trail.of(CLIMB, Pass::Up).map(|visit| visit.rung);
        climbed.filter(|&climbed| climbed < rung).max()
    };
    let Some(last) = last else {
        return below(i32::MAX);
    };
    below(last.rung).or_else(|| {
        let has_come_back = trail.of(CLIMB, Pass::Down).any(Visit::is_within);
        (!has_come_back && last.rung > bounds.lowest)
            .then(|| (last.rung - STRIDE).max(bounds.lowest))
    })
}

/// The rungs of a round, around where the rounds before saw the knee.
fn window_within(trail: &Trail, round: u32, bounds: Bounds) -> Option<(i32, i32)> {
    let places = |rounds: std::ops::Range<u32>| -> Vec<f64> {
        rounds
            .flat_map(|round| [Pass::Up, Pass::Down].map(|pass| crossing(trail, round, pass)))
            .flatten()
            // One that stayed on one side says where the knee is not.
            .filter(|crossing| crossing.side.is_none())
            .map(|crossing| crossing.at)
            .collect()
    };
    let around = places(CLIMB + 1..round);
    let seen = if around.is_empty() {
        // Where the way down was within the objective from the top, a stall had ended the climb, and the knee is above.
        let down = crossing(trail, CLIMB, Pass::Down);
        let at_least = down.filter(|down| down.side == Some(Side::Below));
        let climbed = median(places(CLIMB..CLIMB + 1))?;
        at_least.map_or(climbed, |down| climbed.max(down.at))
    } else {
        median(around)?
    };
    // A knee between two steps of one round is nearer to a step of the next: what a pass can't tell finer than its pace shows as
    // a difference between rounds, and belongs to the interval.
    let shift = (SHIFT * round.cast_signed()).rem_euclid(PACE);
    let middle = PACE * rounded((seen - f64::from(shift)) / f64::from(PACE)) + shift;
    let whole = |rungs: i32| PACE * (rungs.max(0) + PACE - 1).div_euclid(PACE);
    let low = middle - REACH + whole(bounds.lowest - (middle - REACH));
    let high = middle + REACH - whole(middle + REACH - bounds.top);
    (low <= high).then_some((low, high))
}

fn going_up(trail: &Trail, round: u32, (low, high): (i32, i32), bounds: Bounds) -> Option<i32> {
    let Some(last) = trail.of(round, Pass::Up).next_back() else {
        return Some(low);
    };
    let is_past = ends_with(trail.of(round, Pass::Up), STEPS_PAST, false);
    let end = if is_past { high } else { bounds.top };
    let step = width(last.rung - high, !last.is_within());
    (last.rung < end).then(|| (last.rung + step).min(end))
}

fn going_down(trail: &Trail, round: u32, (low, high): (i32, i32), bounds: Bounds) -> Option<i32> {
    let Some(last) = trail.of(round, Pass::Down).next_back() else {
        // From where the way up ended, however far that was.
        let ends = trail.of(round, Pass::Up).next_back();
        return ends.map(|visit| visit.rung.max(high));
    };
    let ends_within = |steps| ends_with(trail.of(round, Pass::Down), steps, true);
    let end = if ends_within(STEPS_PAST) {
        low
    } else {
        bounds.lowest
    };
    // Above the rungs around the knee its steps are about as wide as those that led up there.
    let above = (last.rung - high).max(0) / (2 * PACE) * PACE;
    let step = width(above.max(low - last.rung), last.is_within());
    (last.rung > end && !ends_within(STEPS_BEFORE)).then(|| (last.rung - step).max(end))
}

/// Rungs to the next step of a pass, about as many as it is away from those around the knee. Wide ones are for looking for it: where
/// it `has_crossed`, it is near.
fn width(away: i32, has_crossed: bool) -> i32 {
    if has_crossed {
        PACE
    } else {
        away.clamp(PACE, STRIDE)
    }
}

/// Estimate of how long a step takes, starting the servers included where it is the first of its round.
fn estimate(step: &Step, is_first: bool) -> Duration {
    let targets = u32::try_from(step.targets.len()).unwrap_or(u32::MAX);
    let start = if is_first {
        LAUNCH + WARM_UP
    } else {
        Duration::ZERO
    };
    (step.epoch + EPOCH_OVERHEAD + start) * targets
}

/// The median; none of none.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a place lies between rungs, of which there are a few hundred"
)]
fn rounded(place: f64) -> i32 {
    place.round() as i32
}
