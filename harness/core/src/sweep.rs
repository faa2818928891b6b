//! A sweep: the offered load is raised until the knee, brought down again, and then the knee alone is gone over, up and
//! down, until its place is known.
//!
//! The *knee* of a target is the highest rate at which it keeps within the objective. A sweep looks for it in *passes* over
//! the rungs of a [`ladder`]: first a climb in long strides from a light load to [`search::STEPS_PAST`] steps past the knee, and the
//! same way down again; then rounds with fresh processes, each a pass up and a pass down over the few rungs around the
//! knee. Every pass gives one figure of it ([`crossing`]), and what rounds disagree about
//! is what the interval tells ([`knee`]): a machine's speed changes from minute to minute.
//!
//! What comes next is a function of the steps so far ([`search::next`]); so a sweep that was interrupted goes on where it
//! was, and one can be tried on made-up servers whose knee is known. This module must never know a clock.

pub mod crossing;
pub mod knee;
pub mod ladder;
pub mod objective;
pub mod record;
pub mod search;
#[cfg(test)]
mod servers;

use serde::{Deserialize, Serialize};

/// Which way the load changes from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// It is raised.
    Up,
    /// It is lowered.
    Down,
}

impl Pass {
    /// Its name in records and charts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// The round that is the climb; those around the knee count from 1.
pub const CLIMB: u32 = 0;

/// What one epoch at one rung came to, for one target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visit {
    /// [`CLIMB`], or a round around the knee.
    pub round: u32,
    /// Which way.
    pub pass: Pass,
    /// Where.
    pub rung: i32,
    /// How it stands to the objective.
    pub standing: objective::Standing,
    /// What the objective bounds, in parts of its bound: above 1 where it is beyond.
    pub strain: Option<f64>,
}

impl Visit {
    fn is_within(&self) -> bool {
        self.standing == objective::Standing::Within
    }
}

/// What is known of one target so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trail {
    /// Its epochs, in the order they were measured.
    pub visits: Vec<Visit>,
    /// It failed, and is left out from then on.
    pub has_failed: bool,
}

impl Trail {
    /// The visits of one pass, in the order they were made.
    fn of(&self, round: u32, pass: Pass) -> impl DoubleEndedIterator<Item = &Visit> {
        self.visits
            .iter()
            .filter(move |visit| visit.round == round && visit.pass == pass)
    }
}
