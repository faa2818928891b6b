//! How a target was warmed up, as kept in a record.

use serde::{Deserialize, Serialize};

/// How the warm-up of a target in one round went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct WarmupRecord {
    /// The round, from 0.
    pub round: u32,
    /// Seconds of load.
    pub duration_s: f64,
    /// Why it ended.
    pub outcome: WarmupOutcome,
}

/// Why a warm-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WarmupOutcome {
    /// The target was found steady.
    Steady,
    /// It still moved when the time was up.
    Unsteady,
    /// Too few windows had a reply to tell.
    TooFewReplies,
    /// Its length was given.
    #[serde(alias = "as_told")]
    Fixed,
}
