//! How the program ends: its exit codes.

use std::process::ExitCode;

use process::failure::Kind;
use process::interrupt::INTERRUPTED;

/// The exit codes. Scripts rely on them; they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Fine.
    Success = 0,
    /// A fault of this program or of the system.
    Internal = 1,
    /// Wrong usage, or a file that can't be read as what it should be.
    Usage = 2,
    /// The measurement is not valid.
    Invalid = 3,
    /// Inconclusive, where a verdict was required.
    Inconclusive = 4,
    /// A target failed.
    TargetFailed = 5,
    /// The head is worse than it may be, or misses an SLO.
    Regression = 99,
    /// Interrupted; what was measured is kept.
    Interrupted = INTERRUPTED as isize,
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Internal => Self::Internal,
            Kind::Usage => Self::Usage,
            Kind::Target => Self::TargetFailed,
            Kind::Void => Self::Invalid,
            Kind::Interrupted => Self::Interrupted,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
