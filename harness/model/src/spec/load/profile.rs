//! A rate of arrivals that changes over time, and when each arrival of it is due.
//!
//! With λ(t) the rate at time t, Λ(t) = ∫λ counts the arrivals expected by then. Its inverse carries a process of unit
//! rate over to one of rate λ, exactly and without steps: arrival k of a constant process is due at Λ⁻¹(k), and the
//! arrivals s₁ < s₂ < … of a Poisson process of unit rate at Λ⁻¹(s₁), Λ⁻¹(s₂), … (Çinlar, *Introduction to Stochastic
//! Processes*, 1975, chapter 4). The alternative is thinning (Lewis and Shedler, *Naval Research Logistics Quarterly* 26,
//! 1979): it needs no inverse, but draws arrivals only to drop them, and has nothing to say about constant ones.
//!
//! This module knows rates and integrals. It must never know a seed, a thread or a clock.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::units::{MAX_DURATION, MAX_RATE_PER_S, NANOS_PER_S, Nanos, Rate, duration_ns};

/// The most stages of a profile.
pub const MAX_STAGES: usize = 64;

/// A part of a profile. Rates are requests a second, from 0 (silence) to [`MAX_RATE_PER_S`]; times are above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// The rate goes from one to the other in a straight line.
    Ramp {
        /// The rate at the beginning.
        from_per_s: f64,
        /// The rate at the end.
        to_per_s: f64,
        /// How long it takes.
        duration: Duration,
    },
    /// One rate.
    Step {
        /// The rate.
        rate_per_s: f64,
        /// How long it lasts.
        duration: Duration,
    },
    /// A base rate, and a higher one at the beginning of every period.
    Burst {
        /// The rate between bursts.
        base_per_s: f64,
        /// The rate of a burst, above the base.
        burst_per_s: f64,
        /// From the beginning of one burst to that of the next: at most `duration`.
        period: Duration,
        /// How long each burst lasts: shorter than `period`.
        burst_for: Duration,
        /// How long the stage lasts; it may end within a period.
        duration: Duration,
    },
}

/// Stages one after the other, and then from the beginning again, without end. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile(Arc<Course>);

/// The stages in the numbers that arrivals are computed from. Times are in nanoseconds: whole ones, which an `f64` holds
/// exactly up to 104 days.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Course {
    /// In order of time; never empty.
    pieces: Vec<Piece>,
    length: Duration,
    length_ns: f64,
    /// Λ of the whole: at least 1.
    arrivals: f64,
    mean: Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Piece {
    from_ns: f64,
    /// Λ at its beginning.
    before: f64,
    length_ns: f64,
    curve: Curve,
}

/// λ over the time of one piece.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Curve {
    Flat {
        per_s: f64,
    },
    Straight {
        from_per_s: f64,
        rise_per_s: f64,
        length_ns: f64,
    },
    Bursts {
        base_per_s: f64,
        burst_per_s: f64,
        burst_ns: f64,
        period_ns: f64,
    },
}

impl Profile {
    /// A profile of 1 to [`MAX_STAGES`] stages, of [`MAX_DURATION`] at most, over which at least one arrival is expected.
    pub fn new(stages: &[Stage]) -> Result<Self, ProfileError> {
        if !(1..=MAX_STAGES).contains(&stages.len()) {
            return Err(ProfileError::Stages {
                count: stages.len(),
            });
        }
        let mut pieces = Vec::with_capacity(stages.len());
        let mut length = Duration::ZERO;
        let mut arrivals = 0.0;
        for (index, stage) in stages.iter().enumerate() {
            stage.check(index)?;
            let piece = Piece {
                from_ns: exact_ns(length),
                before: arrivals,
                length_ns: exact_ns(stage.duration()),
                curve: stage.curve(),
            };
            length = length.saturating_add(stage.duration());
            arrivals += piece.curve.count(piece.length_ns);
            pieces.push(piece);
        }
        if length > MAX_DURATION {
            return Err(ProfileError::TooLong);
        }
        if arrivals < 1.0 {
            return Err(ProfileError::Silent);
        }
        Ok(Self::of(pieces, length, arrivals))
    }

    /// `arrivals`: above zero.
    fn of(pieces: Vec<Piece>, length: Duration, arrivals: f64) -> Self {
        let length_ns = exact_ns(length);
        // The mean of rates up to the limit may come out a rounding error above it.
        let mean = (arrivals * PER_S / length_ns).min(MAX_RATE_PER_S);
        Self(Arc::new(Course {
            pieces,
            length,
            length_ns,
            arrivals,
            mean: Rate::per_s(mean).expect("a mean of rates that aren't all zero is a rate"),
        }))
    }

    /// The same stages at `times` their rates, a number above zero; no rate beyond [`MAX_RATE_PER_S`].
    #[must_use]
    pub fn scaled(&self, times: f64) -> Self {
        let Course { pieces, length, .. } = &*self.0;
        let mut arrivals = 0.0;
        let scaled = pieces.iter().map(|piece| {
            let scaled = Piece {
                before: arrivals,
                curve: piece.curve.scaled(times),
                ..*piece
            };
            arrivals += scaled.curve.count(scaled.length_ns);
            scaled
        });
        let scaled = scaled.collect();
        Self::of(scaled, *length, arrivals)
    }

    /// When the last stage begins, in nanoseconds since the beginning, where it is a step and one above it is a higher step: from then on a
    /// target may recover.
    pub fn eases_at(&self) -> Option<Nanos> {
        let steps = |piece: &Piece| match piece.curve {
            Curve::Flat { per_s } => Some(per_s),
            Curve::Straight { .. } | Curve::Bursts { .. } => None,
        };
        let (last, before) = self.0.pieces.split_last()?;
        let last_per_s = steps(last)?;
        let mut higher = before.iter().filter_map(steps);
        let lasts = Duration::from_secs_f64(last.length_ns / PER_S);
        let from = self.0.length.saturating_sub(lasts);
        higher
            .any(|per_s| per_s > last_per_s)
            .then(|| duration_ns(from))
    }

    /// How long the stages take once.
    pub fn length(&self) -> Duration {
        self.0.length
    }

    /// The mean rate over all stages.
    pub fn mean(&self) -> Rate {
        self.0.mean
    }

    /// Λ: how many arrivals are expected before `at_ns`, a time since the beginning.
    pub fn cumulative(&self, at_ns: Nanos) -> f64 {
        let course = &*self.0;
        let at_ns = at_ns as f64;
        let rounds = (at_ns / course.length_ns).floor();
        let rest_ns = (at_ns - rounds * course.length_ns).max(0.0);
        let piece = last(&course.pieces, |piece| piece.from_ns <= rest_ns);
        let within_ns = (rest_ns - piece.from_ns).min(piece.length_ns);
        rounds * course.arrivals + piece.before + piece.curve.count(within_ns)
    }

    /// Λ⁻¹: the time since the beginning, in nanoseconds, from which on more than `count` arrivals are expected; so an
    /// arrival never falls into a silence, but after it. `count`: finite and not negative.
    pub fn inverse(&self, count: f64) -> f64 {
        let course = &*self.0;
        // The first round is the usual case and needs no division.
        let rounds = if count < course.arrivals {
            0.0
        } else {
            (count / course.arrivals).floor()
        };
        let rest = (count - rounds * course.arrivals).max(0.0);
        let piece = last(&course.pieces, |piece| piece.before <= rest);
        // Rounding may carry a count past the end of a piece by its last digit; the time must not follow.
        let within_ns = piece.curve.reach(rest - piece.before).min(piece.length_ns);
        rounds * course.length_ns + piece.from_ns + within_ns
    }
}

impl Stage {
    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        match *self {
            Self::Ramp { duration, .. }
            | Self::Step { duration, .. }
            | Self::Burst { duration, .. } => duration,
        }
    }

    /// `stage`: which one of the profile it is, for the error.
    fn check(&self, stage: usize) -> Result<(), ProfileError> {
        let rate = |key, value: f64| {
            if (0.0..=MAX_RATE_PER_S).contains(&value) {
                Ok(())
            } else {
                Err(ProfileError::Rate { stage, key, value })
            }
        };
        let time = |key, value: Duration| {
            if value.is_zero() {
                Err(ProfileError::NoTime { stage, key })
            } else {
                Ok(())
            }
        };
        match *self {
            Self::Ramp {
                from_per_s,
                to_per_s,
                ..
            } => {
                rate("from_per_s", from_per_s)?;
                rate("to_per_s", to_per_s)?;
            }
            Self::Step { rate_per_s, .. } => rate("rate_per_s", rate_per_s)?,
            Self::Burst {
                base_per_s,
                burst_per_s,
                period,
                burst_for,
                duration,
            } => {
                rate("base_per_s", base_per_s)?;
                rate("burst_per_s", burst_per_s)?;
                time("burst_for", burst_for)?;
                if burst_per_s <= base_per_s {
                    return Err(ProfileError::LowBurst { stage });
                }
                if burst_for >= period {
                    return Err(ProfileError::LongBurst { stage });
                }
                if period > duration {
                    return Err(ProfileError::LongPeriod { stage });
                }
            }
        }
        time("duration", self.duration())
    }

    fn curve(&self) -> Curve {
        match *self {
            Self::Step { rate_per_s, .. } => Curve::Flat { per_s: rate_per_s },
            Self::Ramp {
                from_per_s,
                to_per_s,
                duration,
            } => Curve::Straight {
                from_per_s,
                rise_per_s: to_per_s - from_per_s,
                length_ns: exact_ns(duration),
            },
            Self::Burst {
                base_per_s,
                burst_per_s,
                period,
                burst_for,
                ..
            } => Curve::Bursts {
                base_per_s,
                burst_per_s,
                burst_ns: exact_ns(burst_for),
                period_ns: exact_ns(period),
            },
        }
    }
}

impl Curve {
    /// At `times` its rates, as far as rates go.
    fn scaled(self, times: f64) -> Self {
        let rate = |per_s: f64| (per_s * times).min(MAX_RATE_PER_S);
        match self {
            Self::Flat { per_s } => Self::Flat { per_s: rate(per_s) },
            Self::Straight {
                from_per_s,
                rise_per_s,
                length_ns,
            } => Self::Straight {
                from_per_s: rate(from_per_s),
                rise_per_s: rate(from_per_s + rise_per_s) - rate(from_per_s),
                length_ns,
            },
            Self::Bursts {
                base_per_s,
                burst_per_s,
                burst_ns,
                period_ns,
            } => Self::Bursts {
                base_per_s: rate(base_per_s),
                burst_per_s: rate(burst_per_s),
                burst_ns,
                period_ns,
            },
        }
    }

    /// The arrivals expected in the first `within_ns` of the piece.
    fn count(&self, within_ns: f64) -> f64 {
        match *self {
            Self::Flat { per_s } => per_s * within_ns / PER_S,
            Self::Straight {
                from_per_s,
                rise_per_s,
                length_ns,
            } => (from_per_s + rise_per_s * (within_ns / length_ns) / 2.0) * within_ns / PER_S,
            Self::Bursts {
                base_per_s,
                burst_per_s,
                burst_ns,
                period_ns,
            } => {
                let periods = (within_ns / period_ns).floor();
                let rest_ns = within_ns - periods * period_ns;
                let in_burst_ns = rest_ns.min(burst_ns);
                let whole = burst_per_s * burst_ns + base_per_s * (period_ns - burst_ns);
                let rest = burst_per_s * in_burst_ns + base_per_s * (rest_ns - in_burst_ns);
                (periods * whole + rest) / PER_S
            }
        }
    }

    /// The inverse of [`Self::count`]: the time within the piece, in nanoseconds, at which `count` arrivals are expected.
    /// Where there are never so many it may be infinite.
    fn reach(&self, count: f64) -> f64 {
        if count <= 0.0 {
            return 0.0;
        }
        let area = count * PER_S;
        match *self {
            Self::Flat { per_s } => area / per_s,
            // The root of the quadratic in the form that also holds where the line is level, or nearly so: the usual one
            // divides by its slope.
            Self::Straight {
                from_per_s,
                rise_per_s,
                length_ns,
            } => {
                let square = from_per_s * from_per_s + 2.0 * rise_per_s / length_ns * area;
                2.0 * area / (from_per_s + square.max(0.0).sqrt())
            }
            Self::Bursts {
                base_per_s,
                burst_per_s,
                burst_ns,
                period_ns,
            } => {
                let burst = burst_per_s * burst_ns;
                let whole = burst + base_per_s * (period_ns - burst_ns);
                let periods = (area / whole).floor();
                let rest = (area - periods * whole).max(0.0);
                let within_ns = if rest < burst {
                    rest / burst_per_s
                } else {
                    // Of a silent base nothing remains; then `min` turns 0 / 0 into the end of the period.
                    (burst_ns + (rest - burst) / base_per_s).min(period_ns)
                };
                periods * period_ns + within_ns
            }
        }
    }
}

/// Why stages make no profile.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ProfileError {
    /// No stage, or too many.
    #[error("a profile has 1 to {MAX_STAGES} stages, not {count}")]
    Stages {
        /// How many there are.
        count: usize,
    },
    /// A rate out of its range.
    #[error("`{key}` must be from 0 to 1000000000 requests a second, not {value}")]
    Rate {
        /// Which stage, from 0.
        stage: usize,
        /// Which of its rates.
        key: &'static str,
        /// The rate.
        value: f64,
    },
    /// A time of zero.
    #[error("`{key}` is zero")]
    NoTime {
        /// Which stage, from 0.
        stage: usize,
        /// Which of its times.
        key: &'static str,
    },
    /// A burst that isn't one.
    #[error("`burst_per_s` is not above `base_per_s`")]
    LowBurst {
        /// Which stage, from 0.
        stage: usize,
    },
    /// A burst without an end.
    #[error("`burst_for` is as long as its `period` or longer")]
    LongBurst {
        /// Which stage, from 0.
        stage: usize,
    },
    /// A period that the stage is too short for.
    #[error("`period` is longer than the stage's `duration`")]
    LongPeriod {
        /// Which stage, from 0.
        stage: usize,
    },
    /// Longer than anything that is measured.
    #[error("the stages take longer than 7 days together")]
    TooLong,
    /// Less than one arrival over all stages.
    #[error("less than one request is scheduled in all stages together")]
    Silent,
}

impl ProfileError {
    /// The stage, from 0, and the field of it that is wrong; none where all stages together are.
    pub fn place(&self) -> Option<(usize, &'static str)> {
        match *self {
            Self::Rate { stage, key, .. } | Self::NoTime { stage, key } => Some((stage, key)),
            Self::LowBurst { stage } => Some((stage, "burst_per_s")),
            Self::LongBurst { stage } => Some((stage, "burst_for")),
            Self::LongPeriod { stage } => Some((stage, "period")),
            Self::Stages { .. } | Self::TooLong | Self::Silent => None,
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Stages { .. } => "join stages, or repeat a pattern with a `burst` stage",
            Self::Rate { .. } => "write requests a second, as in `1_000`; 0 is silence",
            Self::NoTime { .. } => "give it a time above zero, or leave the stage out",
            Self::LowBurst { .. } => {
                "a burst is more than its base: raise `burst_per_s`, or write a `step`"
            }
            Self::LongBurst { .. } => "shorten `burst_for`, or write a `step` at the burst's rate",
            Self::LongPeriod { .. } => "shorten `period`, or lengthen `duration`",
            Self::TooLong => "shorten the stages: an epoch repeats them as long as it lasts",
            Self::Silent => "raise a rate or lengthen a stage",
        }
    }
}

const PER_S: f64 = NANOS_PER_S as f64;

/// A duration of at most [`MAX_DURATION`] in nanoseconds: whole, and exact in an `f64`.
fn exact_ns(duration: Duration) -> f64 {
    duration_ns(duration) as f64
}

/// The last piece for which `begins` holds; it always holds for the first.
fn last(pieces: &[Piece], begins: impl Fn(&Piece) -> bool) -> &Piece {
    &pieces[pieces.partition_point(begins).saturating_sub(1)]
}

#[cfg(test)]
mod tests;
