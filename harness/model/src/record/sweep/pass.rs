//! Which way the load changes from step to step of a sweep, and in which round.

use serde::{Deserialize, Serialize};

/// Which way the load changes from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
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
