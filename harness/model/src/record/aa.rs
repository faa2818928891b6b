//! A target against itself, as kept in a record.

use serde::{Deserialize, Serialize};

use crate::record::comparison::Comparison;
use crate::record::target::TargetRecord;

/// The A/A comparison of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct AaRecord {
    /// The first target once more, under another name. In the plan's order it comes after all others.
    pub target: TargetRecord,
    /// It against the first target, metric by metric.
    pub comparisons: Vec<Comparison>,
    /// All A/A comparisons on this machine that are known, this one included; `null` where they could not be read.
    pub machine: Option<FalseAlarms>,
}

/// How often targets were called different from themselves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct FalseAlarms {
    /// A/A comparisons, one a run.
    pub runs: u64,
    /// Those in which some metric was called different.
    pub different: u64,
    /// Lower end of the exact 95 % interval of their share.
    pub share_low: f64,
    /// Upper end.
    pub share_high: f64,
}

impl AaRecord {
    /// The false alarms of this run.
    pub fn different(&self) -> impl Iterator<Item = &Comparison> {
        let comparisons = self.comparisons.iter();
        comparisons.filter(|comparison| comparison.verdict.is_different())
    }
}
