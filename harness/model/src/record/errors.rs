//! How many requests failed, how sure that share is, and how it compares with another target's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stats::binomial::share_interval;

use crate::measured::accounting::Accounting;
use crate::record::comparison::ALPHA;
use crate::record::verdict::ComparisonVerdict;

/// Requests that failed (errors and time-outs) of those that were answered or failed. What was unfinished at the end counts as
/// neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ErrorShare {
    /// How many failed.
    pub failed: u64,
    /// Of how many.
    pub requests: u64,
    /// The share, from 0 to 1; 0 where there was no request.
    pub share: f64,
    /// Lower end of its 95 % interval over the blocks ([`share_interval`]).
    pub ci_low: f64,
    /// Upper end; 1 where there was no request.
    pub ci_high: f64,
}

impl ErrorShare {
    /// The share over blocks, whose requests may fail together.
    pub fn of(blocks: &[Accounting]) -> Self {
        let counts = |of: &Accounting| (of.failed(), of.ok + of.failed());
        let clusters: Vec<(u64, u64)> = blocks.iter().map(counts).collect();
        let failed = clusters.iter().map(|(failed, _)| failed).sum();
        let requests: u64 = clusters.iter().map(|(_, requests)| requests).sum();
        let interval = share_interval(&clusters, ALPHA);
        Self {
            failed,
            requests,
            share: failed as f64 / requests.max(1) as f64,
            ci_low: interval.low,
            ci_high: interval.high,
        }
    }

    /// The share of what was measured in numbered blocks. Epochs that were cut short are in the whole and in no block: together
    /// they count as one more.
    pub fn in_blocks(
        whole: &Accounting,
        epochs: impl IntoIterator<Item = (u32, Accounting)>,
    ) -> Self {
        let mut blocks = BTreeMap::<u32, Accounting>::new();
        for (block, requests) in epochs {
            blocks.entry(block).or_default().merge(&requests);
        }
        let mut rest = *whole;
        for block in blocks.values() {
            rest.ok = rest.ok.saturating_sub(block.ok);
            rest.error = rest.error.saturating_sub(block.error);
            rest.timeout = rest.timeout.saturating_sub(block.timeout);
        }
        let blocks: Vec<Accounting> = blocks.into_values().chain([rest]).collect();
        Self::of(&blocks)
    }
}

/// The share of failed requests of one target, against another's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ErrorComparison {
    /// Name of the target compared against.
    pub base: String,
    /// Name of the target compared.
    pub head: String,
    /// The share of the base.
    pub base_errors: ErrorShare,
    /// The share of the head.
    pub head_errors: ErrorShare,
    /// The share of the head less that of the base: 0.02 where two more of a hundred fail.
    pub difference: f64,
    /// Lower end of the difference's 95 % interval.
    pub ci_low: f64,
    /// Upper end.
    pub ci_high: f64,
    /// `more` where the head certainly fails more, `less` where it fails less, otherwise `inconclusive`.
    pub verdict: ComparisonVerdict,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounting(ok: u64, error: u64) -> Accounting {
        Accounting {
            scheduled: ok + error,
            ok,
            error,
            ..Accounting::default()
        }
    }

    #[test]
    fn failures_that_come_together_leave_the_share_less_sure() {
        let even = ErrorShare::of(&[accounting(90, 10); 6]);
        let mut bursts = [accounting(100, 0); 6];
        bursts[2] = accounting(40, 60);
        let uneven = ErrorShare::of(&bursts);
        assert_eq!((even.failed, even.requests), (60, 600));
        assert_eq!((uneven.failed, uneven.requests), (60, 600));
        assert!((even.share - 0.1).abs() < 1e-12);
        assert!(uneven.ci_high > 2.0 * even.ci_high, "{uneven:?} {even:?}");
    }

    #[test]
    fn epochs_of_a_block_count_together_and_what_is_in_none_beside_them() {
        let epochs = [0, 0, 1, 1].map(|block| (block, accounting(10, 1)));
        let mut whole = accounting(40, 4);
        assert_eq!(
            ErrorShare::in_blocks(&whole, epochs),
            ErrorShare::of(&[accounting(20, 2), accounting(20, 2)])
        );
        whole.merge(&accounting(3, 2));
        assert_eq!(
            ErrorShare::in_blocks(&whole, epochs),
            ErrorShare::of(&[accounting(20, 2), accounting(20, 2), accounting(3, 2)])
        );
    }

    #[test]
    fn nothing_is_known_of_no_request() {
        let none = ErrorShare::of(&[]);
        assert_eq!((none.share, none.ci_low, none.ci_high), (0.0, 0.0, 1.0));
        assert_eq!(none, ErrorShare::in_blocks(&Accounting::default(), []));
    }
}
