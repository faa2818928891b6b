//! What is kept of a knee.

use serde::{Deserialize, Serialize};

use crate::record::sweep::pass::Pass;

/// The knee of a target: the highest rate at which it keeps within the objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct KneeRecord {
    /// What is known of it.
    pub known: Known,
    /// Its rate, in requests a second; `null` where nothing is known.
    pub rate_per_s: Option<f64>,
    /// The low end of its interval.
    pub ci_low_per_s: Option<f64>,
    /// The high end of it.
    pub ci_high_per_s: Option<f64>,
    /// What the interval is made of.
    pub interval: Option<IntervalBy>,
    /// What was full just past it; `null` where nothing was measured there.
    pub limit: Option<Limit>,
    /// The passes that it was read from, in the order they were measured.
    pub passes: Vec<PassRecord>,
}

/// What is known of a knee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// Where it is.
    Found,
    /// That it is at least there: nothing higher was offered, or the generator could not.
    AtLeast,
    /// That it is below: at the lowest rate that could be judged the target was beyond the objective.
    Below,
    /// Nothing: the sweep ended before, or the target failed.
    Unknown,
}

/// What an interval of a knee is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum IntervalBy {
    /// 95 %, by Student's t over the rounds.
    StudentT,
    /// The steps between which all passes saw it, with no confidence that could be stated.
    Bracket,
}

/// What was full just past the knee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The cores of the generator and the backend.
    Generator,
    /// The cores that the server has, or as many as it has workers.
    ServerCpu,
    /// The connections: requests waited for a free one while the server had time.
    Connections,
    /// Nothing that is measured here.
    Other,
}

/// One pass of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct PassRecord {
    /// The round; 0 is the climb.
    pub round: u32,
    /// Which way.
    pub pass: Pass,
    /// Where it crossed the objective, in requests a second.
    pub rate_per_s: f64,
    /// The step below.
    pub below_per_s: f64,
    /// The step above; the same where the whole pass was on one side.
    pub above_per_s: f64,
    /// Whether it crossed at all.
    pub crossed: bool,
}

/// How the way down compares with the way up, as far as the rungs reach that both go over in every round whatever they find. A pass
/// goes on where it has not crossed the knee by then, and so sees it further on its own side: that is no hysteresis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct HysteresisRecord {
    /// What is carried on the way down in parts of that on the way up.
    pub ratio: f64,
    /// The low end of its 95 % interval, by Student's t over the rounds.
    pub ci_low: f64,
    /// The high end of it.
    pub ci_high: f64,
    /// Rounds that it was read from.
    pub rounds: u32,
    /// Whether that is a difference: more than a pace of the rounds, and 1 is outside the interval.
    pub found: bool,
}
