//! Statistics: functions of slices and a seed, that know numbers and nothing of what was measured.
//!
//! Times are compared by their logarithms, so that a factor is a difference and twice as slow is as far from alike as
//! twice as fast. What needs chance takes a seed, and the same slices with the same seed give the same figures. Each
//! module names its source, is held against SciPy's figures (`tests/reference/stats.py`), and is tried on made-up machines
//! whose truth is known (`analysis::simulate`); its example `coverage` prints how often each is right.

pub mod binomial;
pub mod bootstrap;
pub mod change;
pub mod distribution;
pub mod dominance;
pub mod nearest_rank;
pub mod permutation;
pub mod place;
pub mod quantile;
#[cfg(test)]
mod reference_for_tests;
pub mod rounds;
pub mod sign_flip;
pub mod steadiness;

/// The two ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// True where it holds the value, ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}
