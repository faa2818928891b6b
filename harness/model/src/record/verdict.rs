//! What a difference is called.

use serde::{Deserialize, Serialize};

/// The result of a comparison: how the head is, against the base.
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

/// What a change of a metric is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A time: less of it is *faster*.
    Time,
    /// A rate: more of it is *faster*.
    Rate,
    /// A cost: *less* or *more*.
    Cost,
}

impl Direction {
    /// What a difference is called where the head's value is above the base's, or below it.
    pub fn difference(self, rises: bool) -> ComparisonVerdict {
        match (self, rises) {
            (Self::Time, false) | (Self::Rate, true) => ComparisonVerdict::Faster,
            (Self::Time, true) | (Self::Rate, false) => ComparisonVerdict::Slower,
            (Self::Cost, false) => ComparisonVerdict::Less,
            (Self::Cost, true) => ComparisonVerdict::More,
        }
    }
}
