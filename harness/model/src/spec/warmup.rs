//! How long a target is warmed up: as asked, or until it is steady.

use std::time::Duration;

/// Windows without which nothing can be said: a warm-up is never shorter.
pub const MIN_WINDOWS: u32 = 8;

/// How long targets are warmed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmup {
    /// So long, whatever the target does.
    Fixed(Duration),
    /// Until the target is found steady, [`MIN_WINDOWS`] at least.
    UntilSteady {
        /// The length of one window.
        window: Duration,
        /// The windows after which it is measured steady or not, with a warning where it isn't; at least [`MIN_WINDOWS`].
        windows_max: u32,
    },
}

impl Warmup {
    /// What a target takes that is steady from the start.
    pub fn shortest(self) -> Duration {
        match self {
            Self::Fixed(length) => length,
            Self::UntilSteady { window, .. } => window * MIN_WINDOWS,
        }
    }

    /// What one takes that never gets steady.
    pub fn longest(self) -> Duration {
        match self {
            Self::Fixed(length) => length,
            Self::UntilSteady {
                window,
                windows_max,
            } => window * windows_max,
        }
    }

    /// The length of one window of the time series, where there is one to be judged.
    pub fn window(self) -> Option<Duration> {
        match self {
            Self::Fixed(_) => None,
            Self::UntilSteady { window, .. } => Some(window),
        }
    }
}
