//! What bounds a sweep.

use serde::{Deserialize, Serialize};

use crate::record::sweep::ladder::Ladder;

/// What bounds a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Design {
    /// The rates.
    #[serde(flatten)]
    pub ladder: Ladder,
    /// Rounds around the knee.
    pub rounds: u32,
    /// No step is begun that would end later, in seconds of measuring.
    pub time_limit_s: f64,
}
