//! What can go wrong with a service.

use std::path::PathBuf;

use model::spec::services::Service;
use thiserror::Error;

use crate::failure::{Failure, Kind};

/// Why a service is not there, or no longer.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// It is not on the machine.
    #[error("{service} was not found{}", found.as_ref().map(|found| format!(": {found}")).unwrap_or_default())]
    Missing {
        /// Which.
        service: Service,
        /// What was found that won't do.
        found: Option<String>,
    },
    /// A file or directory of it.
    #[error("cannot make {}: {source}", path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It does not start.
    #[error("{service} does not start: {why}")]
    Start {
        /// Which.
        service: Service,
        /// Why.
        why: String,
    },
    /// One that should run already.
    #[error("{service} at {url} cannot be used: {why}")]
    Unreachable {
        /// Which.
        service: Service,
        /// Where, without a password.
        url: String,
        /// Why.
        why: String,
        /// What to do about it.
        remedy: String,
    },
    /// It does not do what `bench` asks it for.
    #[error("{service} failed: {why}")]
    Asked {
        /// Which.
        service: Service,
        /// Why.
        why: String,
    },
    /// It ended while it was needed.
    #[error("{service} ended in the middle: {how}{output}")]
    Ended {
        /// Which.
        service: Service,
        /// How.
        how: String,
        /// What it printed last, as the tail of a sentence.
        output: String,
    },
    /// Somebody wanted an end.
    #[error("interrupted")]
    Interrupted,
}

impl ServiceError {
    /// What to do about it.
    fn remedy(&self) -> String {
        match self {
            Self::Missing { service, .. } => match service {
                Service::Postgres => "install it (Debian: apt-get install postgresql), have it set up with `bench setup postgres`, or name \
                    one that runs with --postgres URL"
                    .to_owned(),
                Service::Redis => "install it (Debian: apt-get install redis-server), or name one that runs with --redis URL".to_owned(),
            },
            Self::Files { .. } => "see that there is room, and that TMPDIR can be written to by everybody".to_owned(),
            Self::Start { service, .. } => format!("name one that runs with --{} URL", service.name()),
            Self::Unreachable { remedy, .. } => remedy.clone(),
            Self::Asked { service, .. } | Self::Ended { service, .. } => format!(
                "nothing of this measurement can be compared without it: see that the machine has memory and disk left, and run it again, or \
                 name another with --{} URL",
                service.name()
            ),
            Self::Interrupted => String::new(),
        }
    }

    /// As people see it.
    pub fn into_failure(self) -> Failure {
        let report = miette::miette!(help = self.remedy(), "{self}");
        match self {
            Self::Interrupted => Failure {
                kind: Kind::Interrupted,
                report: miette::miette!("interrupted before anything was measured"),
            },
            Self::Missing { .. } | Self::Unreachable { .. } => Failure::usage(report),
            Self::Files { .. } | Self::Start { .. } | Self::Asked { .. } | Self::Ended { .. } => {
                Failure::target(report)
            }
        }
    }
}
