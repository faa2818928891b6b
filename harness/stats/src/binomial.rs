//! How sure a share is that was counted.

use crate::Interval;
use crate::distribution::bisect;

/// The interval of a share at confidence 1 − `alpha`, of which `hits` were counted in `trials`: that of Clopper and Pearson
/// (*The use of confidence or fiducial limits illustrated in the case of the binomial*, Biometrika 26, 1934), which holds
/// the share at least as often as it says, however few the trials. Of no trial, nothing is known: 0 to 1.
///
/// `hits`: at most `trials`. `alpha`: above 0, below 1.
pub fn share_interval(hits: u64, trials: u64, alpha: f64) -> Interval {
    assert!(hits <= trials, "{hits} of {trials}");
    // Each end is the share under which what was counted, or something further out, comes up α/2 of the time.
    let low = if hits == 0 {
        0.0
    } else {
        bisect(0.0, 1.0, |share| {
            at_most(trials - hits, trials, 1.0 - share) < alpha / 2.0
        })
    };
    let high = if hits == trials {
        1.0
    } else {
        bisect(0.0, 1.0, |share| {
            at_most(hits, trials, share) >= alpha / 2.0
        })
    };
    Interval { low, high }
}

/// The probability of at most `hits` in `trials`, each of which hits with a chance of `share`; strictly between 0 and 1.
fn at_most(hits: u64, trials: u64, share: f64) -> f64 {
    let n = trials as f64;
    let log_factorial = |count: f64| libm::lgamma(count + 1.0);
    (0..=hits)
        .map(|hits| {
            let k = hits as f64;
            let ways = log_factorial(n) - log_factorial(k) - log_factorial(n - k);
            (ways + k * share.ln() + (n - k) * (1.0 - share).ln()).exp()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_for_tests::{agree, reference};

    #[test]
    fn intervals_agree_with_scipy() {
        for case in reference().shares {
            let ours = share_interval(case.hits, case.trials, case.alpha);
            let name = format!("{} of {}", case.hits, case.trials);
            agree(&format!("{name}, low"), ours.low, case.low);
            agree(&format!("{name}, high"), ours.high, case.high);
        }
    }

    #[test]
    fn of_nothing_nothing_is_known_and_none_of_a_few_is_little() {
        let whole = Interval {
            low: 0.0,
            high: 1.0,
        };
        assert_eq!(share_interval(0, 0, 0.05), whole);
        // By hand: (1 − high)³ = 0.025.
        let none = share_interval(0, 3, 0.05);
        assert!(none.low.abs() < 1e-12 && (none.high - (1.0 - 0.025_f64.cbrt())).abs() < 1e-12);
        let all = share_interval(3, 3, 0.05);
        assert!((all.low - (1.0 - none.high)).abs() < 1e-12 && (all.high - 1.0).abs() < 1e-12);
    }

    #[test]
    fn it_holds_the_true_share_at_least_as_often_as_it_says() {
        // Exactly, by adding up the chances of all counts whose interval holds the share.
        for trials in [5, 40] {
            for share in [0.01, 0.05, 0.3, 0.5] {
                let chance = |hits| {
                    let below = |hits| at_most(hits, trials, share);
                    below(hits) - if hits == 0 { 0.0 } else { below(hits - 1) }
                };
                let covered: f64 = (0..=trials)
                    .filter(|&hits| share_interval(hits, trials, 0.05).contains(share))
                    .map(chance)
                    .sum();
                assert!(covered >= 0.95, "{share} of {trials}: {covered}");
            }
        }
    }
}
