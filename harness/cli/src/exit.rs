//! How the program ends: its exit codes, and the errors that lead to them.

use std::process::ExitCode;

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
    /// There is no verdict, where one was asked for.
    Inconclusive = 4,
    /// A target failed.
    TargetFailed = 5,
    /// The head is worse than it may be, or breaks an objective.
    Regression = 99,
    /// Interrupted; what was measured is kept.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error on its way to the user: what to say, and how to end.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) report: miette::Report,
}

impl Failure {
    /// What the user typed, or a file that they named, is wrong.
    pub(crate) fn usage(report: impl Into<miette::Report>) -> Self {
        Self {
            exit: Exit::Usage,
            report: report.into(),
        }
    }

    /// As [`Self::usage`], from an error whose own words name the place and the remedy.
    pub(crate) fn usage_of(error: impl std::fmt::Display) -> Self {
        Self::usage(miette::miette!("{error}"))
    }

    /// A target did not do what it must.
    pub(crate) fn target(report: impl Into<miette::Report>) -> Self {
        Self {
            exit: Exit::TargetFailed,
            report: report.into(),
        }
    }

    /// The system refused, or this program is wrong.
    pub(crate) fn internal(report: impl Into<miette::Report>) -> Self {
        Self {
            exit: Exit::Internal,
            report: report.into(),
        }
    }
}

/// Turns an error without a place or a remedy of its own into one for the user.
pub(crate) trait Explain<T> {
    /// A usage failure that says `what` and how to mend it.
    fn or_usage(self, what: impl FnOnce() -> String, help: &str) -> Result<T, Failure>;
    /// An internal failure that says `what` could not be done.
    fn or_internal(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: std::fmt::Display> Explain<T> for Result<T, E> {
    fn or_usage(self, what: impl FnOnce() -> String, help: &str) -> Result<T, Failure> {
        self.map_err(|error| {
            Failure::usage(miette::miette!(
                help = help.to_owned(),
                "{}: {error}",
                what()
            ))
        })
    }

    fn or_internal(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::internal(miette::miette!("{}: {error}", what())))
    }
}
