//! One metric of one target against another's, and its verdict: what is kept of a comparison.

use serde::{Deserialize, Serialize};

use crate::record::metric::Metric;

/// How often targets that are alike may be called different, unless told otherwise.
pub const ALPHA: f64 = 0.05;

/// The least difference that is told within the margin, as a share: what is smaller is of no use to anybody, however certain.
pub const SLIGHT_FROM: f64 = 0.01;

/// One metric of one target against another's. Ratios are head over base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Comparison {
    /// What was compared.
    pub metric: Metric,
    /// Name of the target compared against.
    pub base: String,
    /// Name of the target compared.
    pub head: String,
    /// Head over base: the geometric mean over the blocks.
    pub ratio: f64,
    /// Lower end of the interval of the ratio, at confidence 1 − α (95 % unless told otherwise), not adjusted.
    pub ci_low: f64,
    /// Upper end.
    pub ci_high: f64,
    /// Two-sided p-value of the sign-flip test against a ratio of 1; in a run record adjusted by Holm's method over all
    /// metrics of the pair.
    pub p_value: f64,
    /// The smallest effect that a test like this would have detected four times in five, as a share: 0.06 stands for a ratio
    /// of 1.06, or of 1/1.06. Beside *inconclusive* it says how much the run could have overlooked.
    pub mde: f64,
    /// What that comes to.
    pub verdict: ComparisonVerdict,
    /// How many blocks were paired.
    pub blocks: u32,
    /// Cliff's delta of the blocks' values: 1 where every block of the head lies above every one of the base, −1 below.
    /// Blocks count unpaired here, so that what the machine did between them shows as overlap. `null` in older records.
    #[serde(default)]
    pub cliffs_delta: Option<f64>,
}

impl Comparison {
    /// Which way the head differs where the targets are *equivalent* and yet certainly not equal: the adjusted p-value is below
    /// [`ALPHA`], and the whole interval lies at least [`SLIGHT_FROM`] away from equality. Too little to matter by the margin, and
    /// still not to be called chance.
    pub fn slight(&self) -> Option<ComparisonVerdict> {
        let is_away = self.ci_low >= 1.0 + SLIGHT_FROM || self.ci_high <= 1.0 / (1.0 + SLIGHT_FROM);
        let is_certain = self.p_value < ALPHA && is_away;
        (self.verdict == ComparisonVerdict::Equivalent && is_certain)
            .then(|| self.metric.direction().difference(self.ratio > 1.0))
    }

    /// Whether the interval leaves equality out, whatever the test and the margin make of that.
    pub fn leaves_equality_out(&self) -> bool {
        !(self.ci_low..=self.ci_high).contains(&1.0)
    }
}

/// What a comparison comes to: how the head is, against the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComparisonVerdict {
    /// It takes less time, or serves more.
    Faster,
    /// It takes more time, or serves less.
    Slower,
    /// It costs less.
    Less,
    /// It costs more.
    More,
    /// The whole interval lies within the margin: any difference is too small to matter.
    Equivalent,
    /// None of these can be said from these blocks.
    Inconclusive,
}

impl ComparisonVerdict {
    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Less => "less",
            Self::More => "more",
            Self::Equivalent => "equivalent",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// True where the head is the worse one.
    pub fn is_worse(self) -> bool {
        matches!(self, Self::Slower | Self::More)
    }

    /// True where it says that the targets differ.
    pub fn is_different(self) -> bool {
        !matches!(self, Self::Equivalent | Self::Inconclusive)
    }
}
