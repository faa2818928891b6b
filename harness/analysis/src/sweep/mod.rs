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
#[cfg(test)]
mod made_up_servers_tests;
pub mod search;
mod trail;

pub use assemble::{Ended, record, trails};
pub use curve::{CurvePoint, curve};
pub use trail::{Trail, Visit};
