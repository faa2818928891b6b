//! Figures as people read them: three significant digits, a unit, thousands apart.
//!
//! Every place that shows a number to a person (charts, HTML, Markdown, the terminal) writes it with these functions, so
//! that one figure never appears in two spellings. This module knows units; it must never know what a figure means.

use std::fmt::Write as _;

use model::words::grouped;
pub use model::words::{count, plural};

/// Units of time and their length in nanoseconds, longest first. Nothing longer than a second: `7,200 s` beside `5 ms`
/// compares at a glance, `2 h` doesn't.
const TIME_UNITS: [(&str, f64); 4] = [("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0)];

const BYTES_PER_KIB: f64 = 1024.0;
const BYTES_PER_MIB: f64 = 1_048_576.0;

/// What stands where there is no figure.
pub const NONE: &str = "–";

/// A time in nanoseconds: `5.12 ms`.
pub fn time(ns: f64) -> String {
    let (unit, unit_ns) = time_unit(ns);
    format!("{} {unit}", figure(ns / unit_ns))
}

/// A time that may be missing.
pub fn maybe_time(ns: Option<u64>) -> String {
    ns.map_or_else(|| NONE.to_owned(), |ns| time(ns as f64))
}

/// The largest unit in which a time in nanoseconds is at least 1 once rounded, and its length in nanoseconds.
pub(crate) fn time_unit(ns: f64) -> (&'static str, f64) {
    TIME_UNITS
        .into_iter()
        .find(|&(_, unit_ns)| rounded(ns / unit_ns) >= 1.0)
        .unwrap_or(("ns", 1.0))
}

/// A number to three significant digits, whole from 100 on: `0.0123`, `5.10`, `12.3`, `123`, `12,345`.
pub fn figure(value: f64) -> String {
    let value = rounded(value);
    let decimals = if value == 0.0 || value.abs() >= 100.0 {
        0
    } else {
        decimals_of(value)
    };
    separated(value, decimals)
}

/// A share as a percentage: `0.183` is `18.3 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    // A tenth of a percent is as fine as any share here deserves.
    let decimals = usize::from(percent.abs() < 99.95 && percent != 0.0);
    format!("{} %", separated(percent, decimals))
}

/// A share as a whole percentage: `0.183` is `18 %`.
pub fn whole_percent(share: f64) -> String {
    format!("{} %", separated(share * 100.0, 0))
}

/// A ratio: `1.75×`.
pub fn times(ratio: f64) -> String {
    format!("{}×", figure(ratio))
}

/// Bytes as mebibytes: `45.2 MiB`.
pub fn mib(bytes: f64) -> String {
    format!("{} MiB", figure(bytes / BYTES_PER_MIB))
}

/// Bytes as kibibytes: `5.50 KiB`.
pub fn kib(bytes: f64) -> String {
    format!("{} KiB", figure(bytes / BYTES_PER_KIB))
}

/// A rate: `1,000/s`.
pub fn per_s(rate: f64) -> String {
    let text = figure(rate);
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}/s")
}

/// Seconds without needless decimals: `10 s`, `2.5 s`.
pub fn seconds(seconds: f64) -> String {
    let text = figure(seconds);
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text} s")
}

/// A percentile's name as people write it: `p99_9` is `p99.9`.
pub fn percentile(name: &str) -> String {
    name.replace('_', ".")
}

/// A number with a fixed count of decimals and thousands apart.
pub(crate) fn separated(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |digits| ("−", digits));
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits, ""), |(whole, fraction)| (whole, fraction));
    // A negative zero is a zero that lost its digits.
    let sign = if digits.chars().all(|c| matches!(c, '0' | '.')) {
        ""
    } else {
        sign
    };
    let mut written = format!("{sign}{}", grouped(whole));
    if !fraction.is_empty() {
        write!(written, ".{fraction}").expect("writing to a string does not fail");
    }
    written
}

/// Rounds to three significant digits below 1,000 and to a whole number above.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let decimals = 2 - magnitude(value);
    if decimals <= 0 {
        return value.round();
    }
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

fn decimals_of(value: f64) -> usize {
    usize::try_from(2 - magnitude(value)).unwrap_or(0)
}

/// The power of ten of the first digit.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the logarithm of a finite f64 lies between -324 and 309"
)]
pub(crate) fn magnitude(value: f64) -> i32 {
    value.abs().log10().floor() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_take_the_unit_that_reads_best() {
        let cases = [
            (0.0, "0 ns"),
            (1.0, "1.00 ns"),
            (999.0, "999 ns"),
            (999.96e3, "1.00 ms"),
            (5_123_456.0, "5.12 ms"),
            (12_345_678.0, "12.3 ms"),
            (2.5e9, "2.50 s"),
            (7.2e12, "7,200 s"),
        ];
        for (ns, text) in cases {
            assert_eq!(time(ns), text, "{ns} ns");
        }
        assert_eq!(maybe_time(None), NONE);
    }

    #[test]
    fn figures_keep_three_digits_and_thousands_apart() {
        let cases = [
            (0.0, "0"),
            (0.01234, "0.0123"),
            (5.1, "5.10"),
            (99.96, "100"),
            (999.9, "1,000"),
            (1_234_567.8, "1,234,568"),
            (-12.34, "−12.3"),
        ];
        for (value, text) in cases {
            assert_eq!(figure(value), text, "{value}");
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(separated(-0.001, 1), "0.0");
    }

    #[test]
    fn shares_rates_and_sizes_carry_their_unit() {
        assert_eq!(percent(0.183), "18.3 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(per_s(1000.0), "1,000/s");
        assert_eq!(per_s(2.5), "2.5/s");
        assert_eq!(seconds(10.0), "10 s");
        assert_eq!(mib(47_395_635.2), "45.2 MiB");
        assert_eq!(percentile("p99_9"), "p99.9");
    }
}
