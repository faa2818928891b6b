//! How sure a share is that was counted.

use crate::Interval;
use crate::distribution::{bisect, normal_quantile, student_t_quantile};

/// Terms of the continued fraction of [`beta_below`] at most. It needs about the square root of the larger parameter, so this is
/// enough for 10¹² trials.
const MAX_TERMS: u32 = 1_000_000;

/// From this much on a term changes nothing.
const SETTLED: f64 = 1e-15;

/// The interval at confidence 1 − `alpha` of a share that was counted in clusters, whose trials may go alike: requests of one
/// block fail together.
///
/// It is that of Korn and Graubard (*Confidence intervals for proportions with small expected number of positive counts estimated
/// from survey data*, Survey Methodology 24, 1998): the interval of Clopper and Pearson (*The use of confidence or fiducial limits
/// illustrated in the case of the binomial*, Biometrika 26, 1934) for as many independent trials as would leave the share as
/// unsure as the clusters do, and never more than were made. Of a single cluster, and where nothing or everything hit, how
/// alike trials go is not known, and they count as independent. Of no trial, nothing is known: 0 to 1.
///
/// `clusters`: hits and trials of each; hits at most as many as trials. `alpha`: above 0, below 1.
pub fn share_interval(clusters: &[(u64, u64)], alpha: f64) -> Interval {
    let used: Vec<(f64, f64)> = clusters
        .iter()
        .filter(|(_, trials)| *trials > 0)
        .map(|&(hits, trials)| {
            assert!(hits <= trials, "{hits} of {trials}");
            (hits as f64, trials as f64)
        })
        .collect();
    let hits: f64 = used.iter().map(|(hits, _)| hits).sum();
    let trials: f64 = used.iter().map(|(_, trials)| trials).sum();
    if trials == 0.0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let share = hits / trials;
    let independent = independent_trials(&used, share, trials, alpha);
    clopper_pearson(share * independent, independent, alpha)
}

/// As many independent trials as would leave the share as unsure as the clusters do.
fn independent_trials(clusters: &[(f64, f64)], share: f64, trials: f64, alpha: f64) -> f64 {
    let count = clusters.len();
    if count < 2 || share <= 0.0 || share >= 1.0 {
        return trials;
    }
    // The variance of a ratio of sums over clusters (Cochran, *Sampling Techniques*, 1977, §2.11).
    let squares = clusters
        .iter()
        .map(|(hits, trials)| (hits - share * trials).powi(2));
    let of_clusters = squares.sum::<f64>() * count as f64 / (count as f64 - 1.0) / trials.powi(2);
    let of_one = share * (1.0 - share);
    // The normal's quantile stands for that of t with as many degrees as there are trials.
    let quantile = 1.0 - alpha / 2.0;
    let unsure = normal_quantile(quantile) / student_t_quantile(quantile, count - 1);
    (of_one / of_clusters * unsure.powi(2)).min(trials)
}

/// `hits`, `trials`: whole or not; at least 0, and `trials` above 0.
fn clopper_pearson(hits: f64, trials: f64, alpha: f64) -> Interval {
    // Each end is the share under which what was counted, or something further out, comes up α/2 of the time.
    let low = if hits == 0.0 {
        0.0
    } else {
        bisect(0.0, 1.0, |share| {
            beta_below(share, hits, trials - hits + 1.0) < alpha / 2.0
        })
    };
    let high = if hits >= trials {
        1.0
    } else {
        bisect(0.0, 1.0, |share| {
            beta_below(share, hits + 1.0, trials - hits) < 1.0 - alpha / 2.0
        })
    };
    Interval { low, high }
}

/// The probability that a variable with the beta distribution stays below `x`: the regularised incomplete beta function by its
/// continued fraction (*NIST Digital Library of Mathematical Functions*, 8.17.22), computed as Lentz does (*Generating Bessel
/// functions in Mie scattering calculations using continued fractions*, Applied Optics 15, 1976).
///
/// `x`: from 0 to 1. `a`, `b`: above 0.
fn beta_below(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // On this side of the mean the fraction converges fast; the other side is its mirror.
    if x > (a + 1.0) / (a + b + 2.0) {
        1.0 - left_of_mean(1.0 - x, b, a)
    } else {
        left_of_mean(x, a, b)
    }
}

fn left_of_mean(x: f64, a: f64, b: f64) -> f64 {
    let log_front =
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (-x).ln_1p();
    log_front.exp() / a / fraction(x, a, b)
}

/// `1 + d₁/(1 + d₂/(1 + …))` with the coefficients of [`beta_below`].
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away_from_zero = |value: f64| {
        if value.abs() < f64::MIN_POSITIVE {
            f64::MIN_POSITIVE
        } else {
            value
        }
    };
    // The ratios of successive numerators and of successive denominators.
    let (mut value, mut above, mut below) = (1.0, 1.0, 0.0);
    for term in 1..=MAX_TERMS {
        let m = f64::from(term / 2);
        let coefficient = if term % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        below = 1.0 / away_from_zero(1.0 + coefficient * below);
        above = away_from_zero(1.0 + coefficient / above);
        let change: f64 = above * below;
        value *= change;
        if (change - 1.0).abs() < SETTLED {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::reference_for_tests::{agree, reference};

    #[test]
    fn intervals_agree_with_scipy() {
        for case in reference().shares {
            let ours = share_interval(&case.clusters, case.alpha);
            let name = format!("{:?}", case.clusters);
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
        assert_eq!(share_interval(&[], 0.05), whole);
        assert_eq!(share_interval(&[(0, 0), (0, 0)], 0.05), whole);
        // By hand: (1 − high)³ = 0.025.
        let none = share_interval(&[(0, 3)], 0.05);
        assert!(none.low.abs() < 1e-12 && (none.high - (1.0 - 0.025_f64.cbrt())).abs() < 1e-12);
        let all = share_interval(&[(1, 1), (2, 2)], 0.05);
        assert!((all.low - (1.0 - none.high)).abs() < 1e-12 && (all.high - 1.0).abs() < 1e-12);
    }

    #[test]
    fn it_has_the_true_share_at_least_as_often_as_it_says() {
        // Exactly, by adding up the chances of all counts whose interval has the share.
        for trials in [5_u64, 40] {
            for share in [0.01, 0.05, 0.3, 0.5] {
                let at_most = |hits: u64| {
                    if hits == trials {
                        1.0
                    } else {
                        1.0 - beta_below(share, hits as f64 + 1.0, (trials - hits) as f64)
                    }
                };
                let chance = |hits: u64| at_most(hits) - hits.checked_sub(1).map_or(0.0, at_most);
                let covered: f64 = (0..=trials)
                    .filter(|&hits| share_interval(&[(hits, trials)], 0.05).contains(share))
                    .map(chance)
                    .sum();
                assert!(covered >= 0.95, "{share} of {trials}: {covered}");
            }
        }
    }

    /// Failures come in bursts: one block in four loses a fifth of its requests.
    #[test]
    fn trials_of_a_cluster_that_go_alike_are_not_taken_for_so_many_proofs() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let (runs, blocks, trials, share) = (400, 20, 500_u64, 0.25 * 0.2);
        let (mut covered, mut covered_if_independent) = (0, 0);
        for _ in 0..runs {
            let clusters: Vec<(u64, u64)> = (0..blocks)
                .map(|_| {
                    (
                        if random.random_bool(0.25) {
                            trials / 5
                        } else {
                            0
                        },
                        trials,
                    )
                })
                .collect();
            let hits = clusters.iter().map(|(hits, _)| hits).sum();
            let together = [(hits, trials * blocks)];
            covered += u32::from(share_interval(&clusters, 0.05).contains(share));
            covered_if_independent += u32::from(share_interval(&together, 0.05).contains(share));
        }
        // 95 % less three standard errors of 400 runs.
        assert!(covered >= 367, "{covered}");
        assert!(covered_if_independent < 200, "{covered_if_independent}");
    }

    #[test]
    fn clusters_that_are_alike_are_as_good_as_their_sum() {
        let apart = share_interval(&[(5, 100), (5, 100), (5, 100)], 0.05);
        assert_eq!(apart, share_interval(&[(15, 300)], 0.05));
    }

    #[test]
    fn many_trials_take_no_longer_than_a_glance() {
        let interval = share_interval(&[(500_000_000, 1_000_000_000_000)], 0.05);
        assert!((interval.low - 4.9996e-4).abs() < 1e-8, "{interval:?}");
        assert!((interval.high - 5.0004e-4).abs() < 1e-8, "{interval:?}");
    }
}
