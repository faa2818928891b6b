//! Axes: from a range of values to places between 0 and 1, with ticks that people would have chosen.
//!
//! An axis knows its scale, its ends and its ticks; it must never know where on a canvas it is drawn.

use crate::words::figures::{self, magnitude, separated};

/// A response-time axis turns logarithmic where the largest value is more than this many times the smallest: on a
/// linear one, the smaller would lie on the ground.
const LOG_SPREAD: f64 = 20.0;

const BYTES_PER_MIB: f64 = 1_048_576.0;

/// An axis: values from `low` to `high`.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    /// What its values mean: [`Unit::name`], `nines` or `rows`.
    pub(super) unit: &'static str,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<Tick>,
}

/// How values turn into distances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    Linear,
    Log,
}

/// A labelled value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

/// What values mean, and so how they are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Unit {
    /// Nanoseconds, written as fits.
    Time,
    /// Seconds.
    Seconds,
    /// Events a second.
    PerSecond,
    /// Shares, 1 = 100 %.
    Percent,
    /// Bytes, written in MiB.
    Mib,
    /// Shares by which something is more or less, 0.05 = +5 %.
    Change,
    /// Whole numbers.
    Count,
    /// One value over another, 1 where they are equal.
    Ratio,
}

impl Axis {
    /// A linear axis from zero to a little past `high`, with about `ticks` ticks.
    pub(super) fn from_zero(high: f64, unit: Unit, ticks: u32) -> Self {
        let high = if high > 0.0 { high } else { smallest(unit) };
        let step = unit.step(high / f64::from(ticks));
        let top = if unit == Unit::Seconds {
            high
        } else {
            (high / step).ceil() * step
        };
        Self {
            scale: Scale::Linear,
            unit: unit.name(),
            low: 0.0,
            high: top,
            ticks: linear_ticks(0.0, top, step, unit),
        }
    }

    /// A linear axis around values from `low` to `high`, both ends rounded outwards, with about `ticks` ticks.
    pub(super) fn around(low: f64, high: f64, unit: Unit, ticks: u32) -> Self {
        let step = unit.step((high - low).max(smallest(unit)) / f64::from(ticks));
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        let high = high.max(low + step);
        Self {
            scale: Scale::Linear,
            unit: unit.name(),
            low,
            high,
            ticks: linear_ticks(low, high, step, unit),
        }
    }

    /// An axis of whole numbers from 1 to `last`, with about `ticks` ticks; there is room beside both ends.
    pub(super) fn ordinals(last: usize, ticks: u32) -> Self {
        let last = last as f64;
        let step = nice_step((last / f64::from(ticks)).max(1.0));
        Self {
            scale: Scale::Linear,
            unit: Unit::Count.name(),
            low: 0.5,
            high: last + 0.5,
            ticks: linear_ticks(1.0, last, step, Unit::Count),
        }
    }

    /// True where times from `low_ns` to `high_ns` are too far apart for a linear axis.
    pub(super) fn spread_out(low_ns: f64, high_ns: f64) -> bool {
        high_ns.max(1.0) > LOG_SPREAD * low_ns.max(1.0)
    }

    /// An axis of times in nanoseconds: linear from zero, or logarithmic where the spread asks for it.
    pub(super) fn times(low_ns: f64, high_ns: f64, ticks: u32) -> Self {
        if Self::spread_out(low_ns, high_ns) {
            Self::log_times(low_ns, high_ns, ticks)
        } else {
            Self::from_zero(high_ns, Unit::Time, ticks)
        }
    }

    /// A logarithmic axis of times in nanoseconds, both ends rounded outwards.
    pub(super) fn log_times(low_ns: f64, high_ns: f64, ticks: u32) -> Self {
        // A time below a nanosecond is below what any clock here tells.
        Self::log(low_ns.max(1.0), high_ns, Unit::Time, ticks)
    }

    /// A logarithmic axis of ratios with 1 on it, both ends rounded outwards: what is twice as much lies as far from 1 as what
    /// is half as much.
    pub(super) fn ratios(low: f64, high: f64, ticks: u32) -> Self {
        Self::log(low.min(1.0), high.max(1.0), Unit::Ratio, ticks)
    }

    /// A logarithmic axis of values above zero, both ends rounded outwards.
    pub(super) fn log(low: f64, high: f64, unit: Unit, ticks: u32) -> Self {
        let high = high.max(low * 1.05);
        let decades = (high / low).log10();
        if decades < 0.7 {
            let step = nice_step((high - low) / f64::from(ticks));
            let (low, high) = (
                ((low / step).floor() * step).max(step.min(low)),
                (high / step).ceil() * step,
            );
            return Self {
                scale: Scale::Log,
                unit: unit.name(),
                low,
                high,
                ticks: linear_ticks(low, high, step, unit),
            };
        }
        let mantissas: &[f64] = if decades < 3.5 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let marks: Vec<f64> = (magnitude(low)..=magnitude(high) + 1)
            .flat_map(|power| {
                mantissas
                    .iter()
                    .map(move |mantissa| mantissa * 10_f64.powi(power))
            })
            .collect();
        // A hair of tolerance, so that 10 ms itself is not rounded out to 20 ms.
        let low = marks
            .iter()
            .copied()
            .rfind(|&mark| mark <= low * 1.000_001)
            .unwrap_or(low);
        let high = marks
            .iter()
            .copied()
            .find(|&mark| mark >= high * 0.999_999)
            .unwrap_or(high);
        let ticks = marks
            .into_iter()
            .filter(|mark| (low..=high).contains(mark))
            .map(|value| Tick {
                value,
                label: unit.label(value, value, value),
            })
            .collect();
        Self {
            scale: Scale::Log,
            unit: unit.name(),
            low,
            high,
            ticks,
        }
    }

    /// HdrHistogram's axis of percentiles. Values are powers of ten of 1/(1−q), so each tick to the right looks at a tenth as
    /// many requests: 0 is the fastest, 1 is p90, 2 is p99.
    pub(super) fn percentiles(high: f64) -> Self {
        let high = high.max(1.0);
        let mut marks = vec![
            (0.0, "0 %".to_owned()),
            (2_f64.log10(), "50 %".to_owned()),
            (1.0, "90 %".to_owned()),
            (2.0, "99 %".to_owned()),
        ];
        // Requests are counted in a u64, so no percentile lies beyond the twentieth nine.
        marks.extend((3..=20_u8).map(|nines| {
            (
                f64::from(nines),
                format!("99.{} %", "9".repeat(usize::from(nines) - 2)),
            )
        }));
        let ticks = marks
            .into_iter()
            .filter(|(value, _)| *value <= high)
            .map(|(value, label)| Tick { value, label })
            .collect();
        Self {
            scale: Scale::Linear,
            unit: "nines",
            low: 0.0,
            high,
            ticks,
        }
    }

    /// An axis of so many rows, at least one, counted from the top; `labels` say which have a name, in ascending order.
    pub(super) fn rows(
        count: usize,
        labels: impl DoubleEndedIterator<Item = (usize, String)>,
    ) -> Self {
        let mut axis = Self {
            scale: Scale::Linear,
            unit: "rows",
            low: 0.0,
            high: count as f64,
            ticks: Vec::new(),
        };
        let ticks = labels.rev().map(|(row, label)| Tick {
            value: axis.row(row),
            label,
        });
        axis.ticks = ticks.collect();
        axis
    }

    /// The value at the middle of a row of [`Axis::rows`].
    pub(super) fn row(&self, index: usize) -> f64 {
        self.high - index as f64 - 0.5
    }

    /// Where a value lies: 0 at the low end, 1 at the high end, and never beyond.
    pub(super) fn place(&self, value: f64) -> f64 {
        let at = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).ln(),
        };
        ((at(value) - at(self.low)) / (at(self.high) - at(self.low))).clamp(0.0, 1.0)
    }

    /// What to say beside the axis.
    pub(super) fn scale_name(&self) -> &'static str {
        match self.scale {
            Scale::Linear => "linear scale",
            Scale::Log => "logarithmic scale",
        }
    }
}

impl Unit {
    /// What a page is given of it.
    fn name(self) -> &'static str {
        match self {
            Self::Time => "time_ns",
            Self::Seconds => "seconds",
            Self::PerSecond => "per_s",
            Self::Percent => "share",
            Self::Mib => "bytes",
            Self::Change => "change",
            Self::Count => "count",
            Self::Ratio => "ratio",
        }
    }

    /// A step near `rough` at which this unit's figures are round.
    fn step(self, rough: f64) -> f64 {
        match self {
            Self::Mib => nice_step(rough / BYTES_PER_MIB) * BYTES_PER_MIB,
            _ => nice_step(rough),
        }
    }

    /// A tick's label: as many decimals as tell `step` apart, in the unit that suits `top`.
    fn label(self, value: f64, step: f64, top: f64) -> String {
        let (suffix, length) = match self {
            Self::Time => {
                let (unit, length) = figures::time_unit(top);
                (format!(" {unit}"), length)
            }
            Self::Seconds => (" s".to_owned(), 1.0),
            Self::PerSecond => ("/s".to_owned(), 1.0),
            Self::Percent | Self::Change => (" %".to_owned(), 0.01),
            Self::Mib => (" MiB".to_owned(), BYTES_PER_MIB),
            Self::Count | Self::Ratio => (String::new(), 1.0),
        };
        // Steps that were added up may miss zero by a hair.
        if value.abs() < step * 1e-6 {
            return "0".to_owned();
        }
        let sign = if self == Self::Change && value > 0.0 {
            "+"
        } else {
            ""
        };
        format!(
            "{sign}{}{suffix}",
            separated(value / length, decimals(step / length))
        )
    }
}

/// The top of an axis whose every value is zero.
fn smallest(unit: Unit) -> f64 {
    match unit {
        Unit::Time => 1e3,
        Unit::Seconds | Unit::PerSecond | Unit::Count | Unit::Ratio => 1.0,
        Unit::Percent | Unit::Change => 0.01,
        Unit::Mib => BYTES_PER_MIB,
    }
}

fn linear_ticks(low: f64, high: f64, step: f64, unit: Unit) -> Vec<Tick> {
    // An axis asks for some ten ticks; the bound only guards against a step that rounding made far too small.
    const TICKS_MAX: u32 = 64;
    let first = (low / step).ceil();
    (0..TICKS_MAX)
        .map(|index| (first + f64::from(index)) * step)
        .take_while(|&value| value <= high * (1.0 + 1e-9))
        .map(|value| Tick {
            value,
            label: unit.label(value, step, high),
        })
        .collect()
}

/// The next of 1, 2, 5, 10, 20 … that is not below `rough`.
pub(super) fn nice_step(rough: f64) -> f64 {
    let power = 10_f64.powi(magnitude(rough.max(f64::MIN_POSITIVE)));
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|mantissa| mantissa * power)
        .find(|&step| step >= rough * (1.0 - 1e-9))
        .unwrap_or(rough)
}

/// Decimals that tell multiples of `step` apart.
fn decimals(step: f64) -> usize {
    usize::try_from(-magnitude(step * (1.0 + 1e-9))).unwrap_or(0)
}

#[cfg(test)]
#[allow(
    clippy::float_cmp,
    reason = "ends and ticks are exact, or the axis is wrong"
)]
mod tests {
    use super::*;

    fn check(axis: &Axis, labels: &[&str]) {
        let found: Vec<&str> = axis.ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(found, labels);
        assert!(
            axis.ticks
                .iter()
                .all(|tick| (axis.low..=axis.high * (1.0 + 1e-9)).contains(&tick.value))
        );
        assert_eq!((axis.place(axis.low), axis.place(axis.high)), (0.0, 1.0));
    }

    #[test]
    fn linear_axes_start_at_zero_and_end_on_a_tick() {
        check(
            &Axis::from_zero(9.3e6, Unit::Time, 5),
            &["0", "2 ms", "4 ms", "6 ms", "8 ms", "10 ms"],
        );
        check(
            &Axis::from_zero(1_234.0, Unit::PerSecond, 5),
            &["0", "500/s", "1,000/s", "1,500/s"],
        );
        check(
            &Axis::from_zero(0.93, Unit::Percent, 5),
            &["0", "20 %", "40 %", "60 %", "80 %", "100 %"],
        );
        check(
            &Axis::from_zero(45.0 * BYTES_PER_MIB, Unit::Mib, 5),
            &["0", "10 MiB", "20 MiB", "30 MiB", "40 MiB", "50 MiB"],
        );
        check(
            &Axis::from_zero(0.0, Unit::Time, 4),
            &["0", "0.5 µs", "1.0 µs"],
        );
    }

    #[test]
    fn an_axis_of_seconds_ends_where_the_run_did() {
        let axis = Axis::from_zero(9.3, Unit::Seconds, 5);
        assert_eq!(axis.high, 9.3);
        check(&axis, &["0", "2 s", "4 s", "6 s", "8 s"]);
    }

    #[test]
    fn logarithmic_axes_round_outwards() {
        check(
            &Axis::log_times(1.2e6, 9.0e7, 5),
            &["1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms", "100 ms"],
        );
        check(
            &Axis::log_times(1.0, 3.6e12, 5),
            &[
                "1 ns", "10 ns", "100 ns", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms",
                "1 s", "10 s", "100 s", "1,000 s", "10,000 s",
            ],
        );
        check(
            &Axis::log_times(5.02e6, 5.21e6, 5),
            &["5.0 ms", "5.1 ms", "5.2 ms", "5.3 ms"],
        );
    }

    #[test]
    fn ratios_have_one_on_their_axis() {
        check(
            &Axis::ratios(0.93, 1.06, 6),
            &["0.90", "0.95", "1.00", "1.05", "1.10"],
        );
        check(&Axis::ratios(1.2, 6.9, 6), &["1", "2", "5", "10"]);
        let axis = Axis::ratios(0.5, 2.0, 6);
        let middle = axis.place(1.0);
        assert!((axis.place(0.8) + axis.place(1.25) - 2.0 * middle).abs() < 1e-12);
    }

    #[test]
    fn changes_have_a_sign_and_need_no_zero() {
        check(
            &Axis::around(-0.012, 0.083, Unit::Change, 5),
            &["−2 %", "0", "+2 %", "+4 %", "+6 %", "+8 %", "+10 %"],
        );
        check(
            &Axis::around(0.31, 0.31, Unit::Change, 2),
            &["+31.0 %", "+31.5 %"],
        );
        check(
            &Axis::around(1.52e7, 1.58e7, Unit::Time, 4),
            &["15.2 ms", "15.4 ms", "15.6 ms", "15.8 ms"],
        );
    }

    #[test]
    fn runs_are_counted_from_one() {
        let labels = |last| {
            let axis = Axis::ordinals(last, 10);
            let ticks = axis.ticks.into_iter().map(|tick| tick.label);
            ticks.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(labels(1), "1");
        assert_eq!(labels(6), "1 2 3 4 5 6");
        assert_eq!(labels(60), "10 20 30 40 50 60");
    }

    #[test]
    fn the_spread_chooses_the_scale() {
        assert_eq!(Axis::times(1e6, 19e6, 5).scale, Scale::Linear);
        assert_eq!(Axis::times(1e6, 21e6, 5).scale, Scale::Log);
    }

    #[test]
    fn percentiles_are_spaced_as_in_hdrhistogram() {
        let axis = Axis::percentiles(3.4);
        check(&axis, &["0 %", "50 %", "90 %", "99 %", "99.9 %"]);
        assert_eq!(axis.place(1.7), 0.5);
        assert_eq!(Axis::percentiles(0.0).high, 1.0);
    }

    #[test]
    fn rows_are_counted_from_the_top() {
        let axis = Axis::rows(4, [(1, "a".to_owned()), (3, "b".to_owned())].into_iter());
        check(&axis, &["b", "a"]);
        assert_eq!(axis.place(axis.row(0)), 0.875);
        assert_eq!(axis.place(axis.row(3)), 0.125);
    }

    #[test]
    fn a_value_beyond_the_axis_stays_on_its_edge() {
        let axis = Axis::from_zero(10.0, Unit::Seconds, 5);
        assert_eq!((axis.place(-1.0), axis.place(11.0)), (0.0, 1.0));
        assert_eq!(Axis::log_times(10.0, 1e4, 5).place(0.0), 0.0);
    }
}
