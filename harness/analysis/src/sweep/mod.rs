//! A sweep: the offered load is raised until the knee, brought down again, and then the knee alone is gone over, up and
//! down, until its place is known.
//!
//! The *knee* of a target is the highest rate at which it keeps within the objective. A sweep looks for it in *passes* over
//! the rungs of a [ladder](model::record::sweep::ladder): first a climb in long strides from a light load to [`search::STEPS_PAST`] steps past the knee, and the
//! same way down again; then rounds with fresh processes, each a pass up and a pass down over the few rungs around the
//! knee. Every pass gives one figure of it ([`crossing`]), and what rounds disagree about
//! is what the interval tells ([`knee`]): a machine's speed changes from minute to minute.
//!
//! What comes next is a function of the steps so far ([`search::next`]); so a sweep that was interrupted goes on where it
//! was, and one can be tried on made-up servers whose knee is known. This module must never know a clock.

mod assemble;
pub mod crossing;
mod curve;
pub mod knee;
pub mod search;
#[cfg(test)]
mod servers;

pub use assemble::{Ended, record, trails};
pub use curve::{CurvePoint, curve};

use model::record::sweep::pass::Pass;
use model::record::sweep::step::Standing;

/// What one epoch at one rung came to, for one target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visit {
    /// [`CLIMB`](model::record::sweep::pass::CLIMB), or a round around the knee.
    pub round: u32,
    /// Which way.
    pub pass: Pass,
    /// Where.
    pub rung: i32,
    /// How it stands to the objective.
    pub standing: Standing,
    /// What the objective bounds, in parts of its bound: above 1 where it is beyond.
    pub strain: Option<f64>,
}

impl Visit {
    fn is_within(&self) -> bool {
        self.standing == Standing::Within
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
