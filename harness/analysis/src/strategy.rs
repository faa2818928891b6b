//! What is measured next, as a function of what has been measured: pure, seeded, replayable.
//!
//! A measurement that was cut off goes on where it was, since nothing but what was kept decides what comes next. This module
//! must never know a clock, nor how a step is measured.

use std::time::Duration;

use model::record::sweep::pass::Pass;
use model::record::sweep::plan::SweepPlan;
use model::record::sweep::step::StepRecord;
use model::spec::plan::{Plan, Trial};
use model::units::Rate;

use crate::sweep::search;
use crate::sweep::trails;

/// Decides what is measured next.
pub trait Strategy {
    /// What is known of a step that was measured.
    type Done;

    /// What comes after these steps, oldest first.
    fn next(&self, done: &[Self::Done]) -> Next;
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// This step.
    Step(Step),
    /// Nothing: all is measured.
    Done,
    /// Nothing: what is left would take longer than it may.
    TimeIsUp,
}

/// Some targets, one after the other, under the same load.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its round: targets are started afresh for each.
    pub round: u32,
    /// The targets that take part in the round, in the order in which they are warmed up.
    pub members: Vec<usize>,
    /// Who is measured, in this order.
    pub turns: Vec<Turn>,
    /// How long each is measured.
    pub epoch: Duration,
    /// Requests a second; none where they are the same in every step.
    pub rate: Option<Rate>,
    /// Where in the design it is.
    pub place: Place,
}

/// Where in its design a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A block of alternating epochs.
    Block(u32),
    /// After all blocks: each target is profiled.
    Profile,
    /// A rung of a sweep's ladder.
    Rung {
        /// Which way.
        pass: Pass,
        /// The rung.
        rung: i32,
    },
}

/// A target's epoch in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The target.
    pub target: usize,
    /// Seeds its arrivals.
    pub seed: u64,
    /// Its place in a plan, where there is one.
    pub trial: Option<Trial>,
}

/// Targets in alternation (A B B A), block after block, as a plan says.
#[derive(Debug, Clone, Copy)]
pub struct Alternating<'a> {
    /// The blocks.
    pub plan: &'a Plan,
    /// Whether targets are profiled after them, with the servers of the last round.
    pub has_profile: bool,
}

impl Strategy for Alternating<'_> {
    type Done = Place;

    fn next(&self, done: &[Place]) -> Next {
        let plan = self.plan;
        let is_missing = |block: &u32| !done.contains(&Place::Block(*block));
        let Some(block) = (0..plan.blocks()).find(is_missing) else {
            return self.profile(done);
        };
        let trials = plan.trials().filter(|trial| trial.block == block);
        let turns = trials.map(|trial| Turn {
            target: trial.target,
            seed: trial.seed,
            trial: Some(trial),
        });
        let round = block / plan.blocks_per_round;
        Next::Step(Step {
            round,
            members: plan.warmup_order(round).to_vec(),
            turns: turns.collect(),
            epoch: plan.epoch,
            rate: None,
            place: Place::Block(block),
        })
    }
}

impl Alternating<'_> {
    fn profile(&self, done: &[Place]) -> Next {
        if !self.has_profile || done.contains(&Place::Profile) {
            return Next::Done;
        }
        let plan = self.plan;
        let round = plan.rounds - 1;
        let members = plan.warmup_order(round);
        let turns = members.iter().map(|&target| Turn {
            target,
            seed: plan.seed,
            trial: None,
        });
        Next::Step(Step {
            round,
            members: members.to_vec(),
            turns: turns.collect(),
            epoch: plan.epoch,
            rate: None,
            place: Place::Profile,
        })
    }
}

/// The search for the knee of each target: see [`search`].
#[derive(Debug, Clone, Copy)]
pub struct KneeSearch<'a>(pub &'a SweepPlan);

impl Strategy for KneeSearch<'_> {
    type Done = StepRecord;

    fn next(&self, done: &[StepRecord]) -> Next {
        let plan = self.0;
        let (bounds, trails) = (plan.bounds(done), trails(plan, done));
        let spent: f64 = done.iter().map(|step| step.elapsed_s).sum();
        let next = search::next(
            &plan.design,
            &bounds,
            &trails,
            done.last().map(|step| (step.round, step.pass)),
            Duration::from_secs_f64(spent),
            plan.seed,
        );
        let step = match next {
            search::Next::Step(step) => step,
            search::Next::Done => return Next::Done,
            search::Next::TimeIsUp => return Next::TimeIsUp,
        };
        let turns = step.targets.iter().map(|&target| Turn {
            target,
            seed: step.seed,
            trial: None,
        });
        Next::Step(Step {
            round: step.round,
            members: search::members(&plan.design, &bounds, &trails, step.round),
            turns: turns.collect(),
            epoch: step.epoch,
            rate: plan.design.ladder.rate(step.rung).ok(),
            place: Place::Rung {
                pass: step.pass,
                rung: step.rung,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use model::spec::plan::{Effort, PlanSpec};

    use super::*;

    /// What is measured after these, to the end.
    fn places_after(strategy: Alternating<'_>, done: &[Place]) -> Vec<Place> {
        let mut done = done.to_vec();
        let had = done.len();
        while let Next::Step(step) = strategy.next(&done) {
            done.push(step.place);
        }
        done.split_off(had)
    }

    #[test]
    fn a_plan_that_was_cut_off_goes_on_with_what_is_missing() {
        let plan = &Plan::new(&PlanSpec::new(Effort::Quick, 2, 7)).unwrap();
        let blocks = (0..plan.blocks()).map(Place::Block);
        for has_profile in [false, true] {
            let strategy = Alternating { plan, has_profile };
            let profile = has_profile.then_some(Place::Profile);
            let all: Vec<Place> = blocks.clone().chain(profile).collect();
            for kept in 0..=all.len() {
                assert_eq!(places_after(strategy, &all[..kept]), all[kept..]);
            }
        }
    }

    #[test]
    fn the_steps_of_a_plan_are_its_trials_in_their_order() {
        let plan = &Plan::new(&PlanSpec::new(Effort::Quick, 3, 7)).unwrap();
        let strategy = Alternating {
            plan,
            has_profile: true,
        };
        let (mut done, mut trials) = (Vec::new(), Vec::new());
        while let Next::Step(step) = strategy.next(&done) {
            assert_eq!(step.members, plan.warmup_order(step.round));
            done.push(step.place);
            trials.extend(step.turns.into_iter().filter_map(|turn| turn.trial));
        }
        assert_eq!(trials, plan.trials().collect::<Vec<_>>());
    }
}
