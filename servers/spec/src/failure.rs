//! Why a request could not be done, and what it is answered then.

use alloc::string::ToString;

use crate::answer::Answer;
use crate::database::DatabaseError;
use crate::upstream::UpstreamError;

/// Why a request could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A call was to be made, and [`crate::Settings::upstream`] is not set.
    #[error("this server was started without an upstream; start it with one to use /upstream")]
    NoUpstream,
    /// A call failed.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The database is not there, or did not do what was asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The data directory lacks a file.
    #[error("the data directory has no file {}", crate::work::file_name(*kib))]
    MissingFile {
        /// Its size in KiB.
        kib: u32,
    },
    /// A file exists but could not be read.
    #[error("the file could not be read; see that the data directory is readable")]
    File,
    /// The pool took no work: too much waits, no thread can be started, or the server is stopping.
    #[error(
        "the thread pool takes no more work: see that the limit of threads allows for it, or ask again later"
    )]
    Pool,
}

impl Failure {
    /// What the request is answered. RFC 9110 §15.6: 502 where the upstream is to blame, 503 where it is this server's own state.
    pub fn answer(&self) -> Answer {
        let status = match self {
            Self::MissingFile { .. } => 404,
            Self::Upstream(_) => 502,
            Self::NoUpstream | Self::Database(_) | Self::File | Self::Pool => 503,
        };
        Answer::refusal(status, self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_whose_it_is_and_why() {
        for (failure, status, reason) in [
            (Failure::NoUpstream, 503, "without an upstream"),
            (UpstreamError::Unreachable.into(), 502, "reached"),
            (UpstreamError::NotANumber.into(), 502, "not a number"),
            (Failure::MissingFile { kib: 8 }, 404, "no file 8.bin"),
            (DatabaseError::NoPostgres.into(), 503, "DATABASE_URL"),
            (DatabaseError::NoRedis.into(), 503, "REDIS_URL"),
            (DatabaseError::Silent.into(), 503, "10000 ms"),
            (Failure::File, 503, "readable"),
            (Failure::Pool, 503, "limit of threads"),
        ] {
            let answer = failure.answer();
            let body = core::str::from_utf8(&answer.body).unwrap();
            assert_eq!(answer.status, status, "{body}");
            assert!(body.contains(reason), "{body}");
        }
    }
}
