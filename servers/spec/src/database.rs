//! Where a server finds its database and its cache, and why they gave nothing.
//!
//! Must never know how they are spoken to.

use alloc::string::String;
use core::net::SocketAddr;

/// How PostgreSQL is reached, as `DATABASE_URL` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresAccess {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The role to log in as.
    pub user: String,
    /// That role's password; empty where it has none.
    pub password: String,
    /// The database's name.
    pub database: String,
}

/// How Redis is reached, as `REDIS_URL` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisAccess {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The user to log in as; `None` is its default user.
    pub user: Option<String>,
    /// That user's password, where it has one.
    pub password: Option<String>,
    /// Which of its databases.
    pub database: u32,
}

/// Why the database or the cache gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// [`crate::Settings::postgres`] is not set.
    #[error("this server was started without a database; set DATABASE_URL to use /db")]
    NoPostgres,
    /// [`crate::Settings::redis`] is not set.
    #[error("this server was started without a cache; set REDIS_URL to use /db/cached")]
    NoRedis,
    /// No connection could be made.
    #[error("the database can't be reached: is it running, and within its limit of connections?")]
    Unreachable,
    /// The connection broke before the reply was complete.
    #[error("the database closed the connection in the middle of a reply")]
    Lost,
    /// [`crate::DATABASE_LIMIT_MS`] passed.
    #[error(
        "the database took longer than {} ms",
        crate::bounds::DATABASE_LIMIT_MS
    )]
    Silent,
    /// The database refused; as it says it, a SQLSTATE (PostgreSQL's documentation, appendix A) or Redis' own words.
    #[error("the database refused: {reason}")]
    Refused {
        /// What it says.
        reason: String,
    },
    /// The reply can't be understood.
    #[error("the database's reply can't be read")]
    Malformed,
    /// There is no such row.
    #[error("the database lacks a row that was asked for: is it seeded?")]
    MissingRow,
}
