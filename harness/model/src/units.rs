//! Units: nanoseconds as integers, rates as positive numbers a second, durations as people type them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A time or a length of time in nanoseconds. As a time it counts from the moment that its owner names
/// (usually the start of the measurement); 2^64 ns are 584 years.
pub type Nanos = u64;

/// Nanoseconds in a second.
pub const NANOS_PER_S: u64 = 1_000_000_000;

/// The highest rate a schedule can express: one arrival every nanosecond.
pub const MAX_RATE_PER_S: f64 = 1e9;

/// The longest duration that is accepted anywhere: a week.
pub const MAX_DURATION: Duration = Duration::from_hours(7 * 24);

/// Requests a second: finite, above zero, at most [`MAX_RATE_PER_S`].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

impl Rate {
    /// A rate from requests a second.
    pub fn per_s(value: f64) -> Result<Self, UnitError> {
        if value.is_finite() && value > 0.0 && value <= MAX_RATE_PER_S {
            Ok(Self(value))
        } else {
            Err(UnitError::Rate { value })
        }
    }

    /// Requests a second.
    pub fn as_per_s(self) -> f64 {
        self.0
    }

    /// The mean gap between two arrivals, in nanoseconds.
    pub fn mean_gap_ns(self) -> f64 {
        NANOS_PER_S as f64 / self.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = UnitError;

    fn try_from(value: f64) -> Result<Self, UnitError> {
        Self::per_s(value)
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    /// `500`, `1000/s`, `20k`, `1.5k/s`, `0.1M`: requests a second.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError::RateText {
            text: text.to_owned(),
        };
        let number = text.trim();
        let number = number.strip_suffix("/s").unwrap_or(number);
        let (number, factor) = match number.strip_suffix(['k', 'K']) {
            Some(thousands) => (thousands, 1e3),
            None => match number.strip_suffix('M') {
                Some(millions) => (millions, 1e6),
                None => (number, 1.0),
            },
        };
        let value: f64 = number.trim().parse().map_err(|_| bad())?;
        Self::per_s(value * factor)
    }
}

impl fmt::Display for Rate {
    /// `1000/s`, `2.5/s`: what [`Rate::from_str`] reads, to a thousandth.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.3}", self.0);
        write!(f, "{}/s", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Reads a duration as people type them: `10s`, `250ms`, `1m30s`, `1.5s`; a bare number means seconds, as wrk2 and oha read it.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let bad = || UnitError::DurationText {
        text: text.to_owned(),
    };
    let trimmed = text.trim();
    let duration = if let Ok(seconds) = trimmed.parse::<f64>() {
        Duration::try_from_secs_f64(seconds).map_err(|_| bad())?
    } else {
        let signed: jiff::SignedDuration = trimmed.parse().map_err(|_| bad())?;
        Duration::try_from(signed).map_err(|_| bad())?
    };
    if duration > MAX_DURATION {
        return Err(UnitError::DurationTooLong {
            text: text.to_owned(),
        });
    }
    Ok(duration)
}

/// A duration in whole nanoseconds. Durations that came through [`parse_duration`] always fit.
pub fn duration_ns(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What was wrong with a unit that somebody typed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UnitError {
    /// A rate outside its range.
    #[error("a rate must be above 0 and at most 1000000000 requests a second, not {value}")]
    Rate {
        /// The value, in requests a second.
        value: f64,
    },
    /// A rate that is no number.
    #[error("`{text}` is not a rate: write requests a second, as in `1000`, `1000/s` or `20k`")]
    RateText {
        /// What was typed.
        text: String,
    },
    /// A duration that is no duration.
    #[error(
        "`{text}` is not a duration: write a number and a unit, as in `10s`, `250ms` or `1m30s`"
    )]
    DurationText {
        /// What was typed.
        text: String,
    },
    /// A duration over [`MAX_DURATION`].
    #[error("`{text}` is too long: the limit is 7 days")]
    DurationTooLong {
        /// What was typed.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_wrk2_and_hyperfine_users_type_them() {
        let cases = [
            ("10s", 10_000),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            ("2", 2_000),
            ("0s", 0),
            ("168h", 604_800_000),
        ];
        for (text, ms) in cases {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
        for text in ["", "ten", "-1s", "-1", "10x", "NaN", "inf"] {
            assert!(
                matches!(parse_duration(text), Err(UnitError::DurationText { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            parse_duration("168h1ns"),
            Err(UnitError::DurationTooLong { .. })
        ));
    }

    #[test]
    fn rates_read_with_and_without_suffixes() {
        let cases = [
            ("1000", 1e3),
            ("1000/s", 1e3),
            ("20k", 2e4),
            ("1.5k/s", 1.5e3),
            ("0.1M", 1e5),
            ("1000M", 1e9),
        ];
        for (text, per_s) in cases {
            assert_eq!(
                text.parse::<Rate>().map(Rate::as_per_s),
                Ok(per_s),
                "{text}"
            );
        }
        for text in ["0", "-5", "1001M", "NaN", "inf"] {
            assert!(
                matches!(text.parse::<Rate>(), Err(UnitError::Rate { .. })),
                "{text}"
            );
        }
        for text in ["", "k", "fast", "10/m"] {
            assert!(
                matches!(text.parse::<Rate>(), Err(UnitError::RateText { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn rates_are_shown_without_needless_digits() {
        for (per_s, text) in [
            (1000.0, "1000/s"),
            (2.5, "2.5/s"),
            (3_153.571_428_571, "3153.571/s"),
            (100.0, "100/s"),
        ] {
            assert_eq!(Rate::per_s(per_s).unwrap().to_string(), text);
        }
    }
}
