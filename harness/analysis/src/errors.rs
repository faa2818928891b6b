//! Whether one target fails more requests than another: asked before any metric of time, since what is answered wrongly may be
//! quick.

use model::record::errors::{ErrorComparison, ErrorShare};
use model::record::target::TargetRecord;
use model::record::verdict::ComparisonVerdict;

/// Two shares of failed requests, compared; nothing where neither failed any, or one was asked nothing.
///
/// The interval of the difference is made of the intervals of both shares, each as far as it reaches from its share (Newcombe,
/// *Interval estimation for the difference between independent proportions*, Statistics in Medicine 17, 1998, method 10, with
/// the intervals of [`ErrorShare`], which know that requests of a block fail together). A difference is certain where the
/// interval leaves zero out. Names are empty.
pub fn compare(base: &ErrorShare, head: &ErrorShare) -> Option<ErrorComparison> {
    if base.requests == 0 || head.requests == 0 || base.failed + head.failed == 0 {
        return None;
    }
    let difference = head.share - base.share;
    let below = (head.share - head.ci_low).hypot(base.ci_high - base.share);
    let above = (head.ci_high - head.share).hypot(base.share - base.ci_low);
    let (ci_low, ci_high) = (difference - below, difference + above);
    Some(ErrorComparison {
        base: String::new(),
        head: String::new(),
        base_errors: *base,
        head_errors: *head,
        difference,
        ci_low,
        ci_high,
        verdict: if ci_low > 0.0 {
            ComparisonVerdict::More
        } else if ci_high < 0.0 {
            ComparisonVerdict::Less
        } else {
            ComparisonVerdict::Inconclusive
        },
    })
}

/// Every target against the first.
pub fn compare_targets(targets: &[TargetRecord]) -> Vec<ErrorComparison> {
    let Some((base, heads)) = targets.split_first() else {
        return Vec::new();
    };
    let compared = heads.iter().filter_map(|head| {
        let compared = compare(&base.report.error_share, &head.report.error_share)?;
        Some(ErrorComparison {
            base: base.name.clone(),
            head: head.name.clone(),
            ..compared
        })
    });
    compared.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::accounting::Accounting;

    /// So many blocks, each with so many that succeeded and failed.
    fn share(blocks: usize, ok: u64, error: u64) -> ErrorShare {
        let each = Accounting {
            scheduled: ok + error,
            ok,
            error,
            ..Accounting::default()
        };
        ErrorShare::of(&vec![each; blocks])
    }

    #[test]
    fn a_difference_is_certain_where_its_interval_leaves_zero_out() {
        let check = |base, head, expected| {
            let verdict = compare(&base, &head).map(|compared| compared.verdict);
            assert_eq!(verdict, expected, "{base:?} {head:?}");
        };
        let none = share(10, 200, 0);
        check(none, none, None);
        check(none, share(0, 0, 0), None);
        check(none, share(10, 100, 100), Some(ComparisonVerdict::More));
        check(share(10, 100, 100), none, Some(ComparisonVerdict::Less));
        check(none, share(10, 190, 10), Some(ComparisonVerdict::More));
        // One of two thousand may be chance.
        let one = ErrorShare {
            failed: 1,
            ..share(1, 1_999, 1)
        };
        check(none, one, Some(ComparisonVerdict::Inconclusive));
        check(
            share(10, 190, 10),
            share(10, 189, 11),
            Some(ComparisonVerdict::Inconclusive),
        );
    }

    #[test]
    fn the_interval_is_newcombes_where_the_shares_have_his() {
        // His example (a), 56 of 70 and 48 of 80 with the intervals of Wilson, gives 0.0524 to 0.3339.
        let of = |failed: u64, requests: u64, ci_low, ci_high| ErrorShare {
            failed,
            requests,
            share: failed as f64 / requests as f64,
            ci_low,
            ci_high,
        };
        let (base, head) = (of(48, 80, 0.4904, 0.7004), of(56, 70, 0.6918, 0.8771));
        let compared = compare(&base, &head).unwrap();
        assert!((compared.difference - 0.2).abs() < 1e-12);
        assert!((compared.ci_low - 0.0524).abs() < 5e-4, "{compared:?}");
        assert!((compared.ci_high - 0.3339).abs() < 5e-4, "{compared:?}");
    }

    #[test]
    fn every_target_is_compared_with_the_first() {
        let mut record = samples::reference_record();
        assert_eq!(compare_targets(&record.targets), []);
        record.targets[2].report.error_share = share(10, 100, 100);
        let compared = compare_targets(&record.targets);
        assert_eq!(compared.len(), 1);
        assert_eq!(compared[0].base, record.targets[0].name);
        assert_eq!(compared[0].head, record.targets[2].name);
    }
}
