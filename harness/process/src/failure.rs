//! Errors on their way to the user: what kind of thing went wrong, and what to say.

/// What kind of thing went wrong. The command line ends with another exit code for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A fault of this program or of the system.
    Internal,
    /// Wrong usage, or a file that can't be read as what it should be.
    Usage,
    /// A target failed.
    Target,
    /// What was measured is not valid.
    Void,
    /// Interrupted before there was anything to keep.
    Interrupted,
}

/// An error on its way to the user: what kind it is of, and what to say.
#[derive(Debug)]
pub struct Failure {
    /// What kind of thing went wrong.
    pub kind: Kind,
    /// What happened, and what to do about it.
    pub report: miette::Report,
}

impl Failure {
    /// What the user typed, or a file that they named, is wrong.
    pub fn usage(report: impl Into<miette::Report>) -> Self {
        Self {
            kind: Kind::Usage,
            report: report.into(),
        }
    }

    /// As [`Self::usage`], from an error whose own words name the place and the remedy.
    pub fn usage_of(error: impl std::fmt::Display) -> Self {
        Self::usage(miette::miette!("{error}"))
    }

    /// A target did not do what it must.
    pub fn target(report: impl Into<miette::Report>) -> Self {
        Self {
            kind: Kind::Target,
            report: report.into(),
        }
    }

    /// The system refused, or this program is wrong.
    pub fn internal(report: impl Into<miette::Report>) -> Self {
        Self {
            kind: Kind::Internal,
            report: report.into(),
        }
    }
}

/// The system starts no thread.
pub fn no_thread(error: &std::io::Error) -> Failure {
    Failure::internal(miette::miette!(
        help = "the system allows no more threads and processes: raise the limit with `ulimit -u`, or that of the container",
        "cannot start a thread: {error}"
    ))
}

/// Turns an error without a place or a remedy of its own into one for the user.
pub trait Explain<T> {
    /// A usage failure that says `what` and its remedy.
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
