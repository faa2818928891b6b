//! Moments, and quantiles of the normal distribution and of Student's t.

/// Halvings of a bracket after which a quantile no longer changes.
const BISECTIONS: u32 = 80;

/// The arithmetic mean; of nothing it is not a number.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The variance of a population from a sample of at least two, with n − 1 below.
pub fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2));
    squares.sum::<f64>() / (values.len() as f64 - 1.0)
}

/// The probability that a standard normal variable stays below `z`.
pub fn normal_below(z: f64) -> f64 {
    // By the complement, which keeps its digits far out.
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The quantile of the standard normal distribution. `p` from 1e-300 to 1 − 1e-16; beyond it, the nearest of these.
pub fn normal_quantile(p: f64) -> f64 {
    // The lower tail alone, where the distribution function keeps its digits; the upper one is its mirror.
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    bisect(-38.0, 0.0, |z| normal_below(z) < p)
}

/// The probability that |t| stays below `t`: the finite series for whole degrees of freedom (Abramowitz and Stegun,
/// *Handbook of Mathematical Functions*, 26.7.3 and 26.7.4). `freedom`: at least 1.
pub fn student_t_within(t: f64, freedom: usize) -> f64 {
    let angle = (t / (freedom as f64).sqrt()).atan();
    let (sin, cos) = angle.sin_cos();
    let odd = freedom % 2 == 1;
    let mut term = if odd { cos } else { 1.0 };
    let mut sum = if odd && freedom == 1 { 0.0 } else { term };
    let mut factor = if odd { 2.0 } else { 1.0 };
    for _ in 0..(freedom / 2).saturating_sub(1) {
        term *= cos * cos * factor / (factor + 1.0);
        factor += 2.0;
        sum += term;
    }
    if odd {
        std::f64::consts::FRAC_2_PI * (angle + sin * sum)
    } else {
        sin * sum
    }
}

/// The quantile of Student's t above the median. `p` from 0.5 to 0.9995, `freedom` at least 1.
pub fn student_t_quantile(p: f64, freedom: usize) -> f64 {
    // With one degree of freedom the 0.9995 quantile is 636.6; more only bring it nearer.
    bisect(0.0, 1000.0, |t| {
        student_t_within(t, freedom) < 2.0 * p - 1.0
    })
}

/// The value at which `is_below` turns from true to false.
pub(crate) fn bisect(mut low: f64, mut high: f64, is_below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if is_below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_for_tests::{agree, reference};

    #[test]
    fn quantiles_and_probabilities_agree_with_scipy() {
        for point in reference().student_t {
            agree(
                &format!("t({}, {})", point.p, point.freedom),
                student_t_quantile(point.p, point.freedom),
                point.t,
            );
        }
        for point in reference().normal {
            agree(
                &format!("P(Z < {})", point.z),
                normal_below(point.z),
                point.below,
            );
            // Above, a probability next to 1 has lost the digits that its quantile would need.
            if point.z < 3.0 {
                agree(
                    &format!("z({})", point.below),
                    normal_quantile(point.below),
                    point.z,
                );
            }
        }
    }

    #[test]
    fn moments_are_as_by_hand() {
        assert!((mean(&[1.0, 2.0, 6.0]) - 3.0).abs() < 1e-15);
        assert!((variance(&[1.0, 2.0, 6.0]) - 7.0).abs() < 1e-15);
        assert!(mean(&[]).is_nan() && variance(&[1.0]).is_nan());
    }

    #[test]
    fn probabilities_at_the_limits_have_finite_quantiles() {
        for p in [0.0, 1e-300, 1.0 - 1e-16, 1.0] {
            assert!(normal_quantile(p).is_finite(), "{p}");
        }
        assert!(normal_quantile(0.5).abs() < 1e-12);
    }
}
