//! Cliff's delta: how often a value of one side lies above one of the other.
//!
//! A ratio says how far apart two sides are, and this how far they overlap: 1 where every value of the head lies above
//! every one of the base, −1 where all lie below, 0 where neither side has the upper hand (Cliff, *Dominance statistics*,
//! Psychological Bulletin 114, 1993). No unit, logarithm or far outlier changes it.

/// The share of pairs in which the head's value is above the base's, less the share in which it is below. None where a
/// side has no value. Values are finite.
pub fn cliffs_delta(base: &[f64], head: &[f64]) -> Option<f64> {
    if base.is_empty() || head.is_empty() {
        return None;
    }
    let mut ascending = base.to_vec();
    ascending.sort_by(f64::total_cmp);
    let dominance: f64 = head
        .iter()
        .map(|value| {
            let below = ascending.partition_point(|other| other < value);
            let up_to = ascending.partition_point(|other| other <= value);
            below as f64 - (ascending.len() - up_to) as f64
        })
        .sum();
    Some(dominance / (base.len() as f64 * head.len() as f64))
}

/// How large an effect this is, in a word (Romano and others, *Appropriate statistics for ordinal level data*, 2006).
pub fn magnitude(delta: f64) -> &'static str {
    match delta.abs() {
        size if size < 0.147 => "negligible",
        size if size < 0.33 => "small",
        size if size < 0.474 => "medium",
        _ => "large",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_for_tests::{agree, reference};
    use proptest::prelude::*;

    #[test]
    fn it_agrees_with_scipy() {
        for case in reference().cliffs_delta {
            let ours = cliffs_delta(&case.base, &case.head).unwrap();
            agree(&case.name, ours, case.delta);
        }
    }

    #[test]
    fn it_is_one_above_nought_alike_and_nothing_without_values() {
        assert_eq!(cliffs_delta(&[1.0, 2.0], &[3.0, 4.0]), Some(1.0));
        assert_eq!(cliffs_delta(&[3.0, 4.0], &[1.0, 2.0]), Some(-1.0));
        assert_eq!(cliffs_delta(&[1.0, 1.0], &[1.0]), Some(0.0));
        assert_eq!(cliffs_delta(&[], &[1.0]), None);
        assert_eq!(cliffs_delta(&[1.0], &[]), None);
        let words = [0.0, -0.2, 0.4, -1.0].map(magnitude);
        assert_eq!(words, ["negligible", "small", "medium", "large"]);
    }

    proptest! {
        #[test]
        fn it_counts_every_pair(base in prop::collection::vec(0_i8..9, 1..30), head in prop::collection::vec(0_i8..9, 1..30)) {
            let pairs = head.iter().flat_map(|h| base.iter().map(move |b| f64::from((h - b).signum())));
            let expected = pairs.sum::<f64>() / (base.len() * head.len()) as f64;
            let floats = |values: &[i8]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
            let ours = cliffs_delta(&floats(&base), &floats(&head)).unwrap();
            prop_assert!((ours - expected).abs() < 1e-12);
        }
    }
}
