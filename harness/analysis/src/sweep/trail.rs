//! What the epochs of a sweep left: which rungs a target has been on, and how it stood there.

use model::record::sweep::pass::Pass;
use model::record::sweep::step::Standing;

/// The outcome of one epoch at one rung, for one target.
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
    pub slo_share: Option<f64>,
}

impl Visit {
    pub(super) fn is_within(&self) -> bool {
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
    pub(super) fn of(&self, round: u32, pass: Pass) -> impl DoubleEndedIterator<Item = &Visit> {
        self.visits
            .iter()
            .filter(move |visit| visit.round == round && visit.pass == pass)
    }
}
