//! Whose clock said when replies arrived, and whether it could be trusted.

use serde::{Deserialize, Serialize};

/// How the times at which replies arrived are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ReceiveTimes {
    /// Whether the kernel's clock was used: replies end when they arrive, and [`Clock::ReceiveLag`] has an entry for each reply
    /// that the kernel stamped.
    ///
    /// [`Clock::ReceiveLag`]: crate::measured::clock::Clock::ReceiveLag
    pub kernel: bool,
    /// Why the kernel's clock was not used, where it would have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distrust: Option<Distrust>,
    /// Replies without a stamp that could be right, where the kernel's clock was used: they ended when they were read.
    pub unstamped: u64,
    /// Steps of the system's time (`CLOCK_REALTIME`) that were seen.
    pub clock_steps: u64,
}

/// Why the kernel's stamps are not used: what the test at the start of a drive found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Distrust {
    /// The system refused a socket of the test, or the option `SO_TIMESTAMPNS`.
    Refused,
    /// What arrived had no stamp.
    NoStamp,
    /// A stamp was not between the moments of sending and of reading: it is too coarse, or of another clock.
    OutOfPlace,
    /// A stamp was earlier than the one before.
    OutOfOrder,
    /// It comes over a Unix socket, where the kernel stamps nothing.
    UnixSocket,
}

impl Distrust {
    /// What was found, as a clause.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Refused => "the system refused a loopback socket with SO_TIMESTAMPNS",
            Self::NoStamp => "what arrived over loopback had no stamp",
            Self::OutOfPlace => "a stamp was not between sending and reading",
            Self::OutOfOrder => "a stamp was earlier than the one before",
            Self::UnixSocket => "nothing has a stamp that arrives over a Unix socket",
        }
    }
}

impl ReceiveTimes {
    /// Adds those of another thread of the same drive: a step of the system's time is seen by each.
    pub(crate) fn merge_thread(&mut self, other: &Self) {
        let clock_steps = self.clock_steps.max(other.clock_steps);
        self.append_epoch(other);
        self.clock_steps = clock_steps;
    }

    /// Adds those of another stretch of time.
    pub(crate) fn append_epoch(&mut self, other: &Self) {
        self.kernel |= other.kernel;
        self.distrust = self.distrust.or(other.distrust);
        self.unstamped += other.unstamped;
        self.clock_steps += other.clock_steps;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_two_threads_see_is_one_and_of_two_epochs_two() {
        let one = ReceiveTimes {
            kernel: true,
            unstamped: 2,
            clock_steps: 1,
            ..ReceiveTimes::default()
        };
        let (mut threads, mut epochs) = (one, one);
        threads.merge_thread(&one);
        epochs.append_epoch(&one);
        assert_eq!((threads.clock_steps, threads.unstamped), (1, 4));
        assert_eq!((epochs.clock_steps, epochs.unstamped), (2, 4));
    }

    #[test]
    fn one_epoch_without_the_kernels_clock_is_not_forgotten() {
        let mut all = ReceiveTimes {
            kernel: true,
            ..ReceiveTimes::default()
        };
        let distrust = Some(Distrust::NoStamp);
        all.append_epoch(&ReceiveTimes {
            distrust,
            ..ReceiveTimes::default()
        });
        assert_eq!((all.kernel, all.distrust), (true, distrust));
    }
}
