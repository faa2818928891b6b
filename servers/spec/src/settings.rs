//! What every server takes.
//!
//! The plan of a run sets each value, so that nothing is left to a runtime's own default: libuv's pool has 4 threads
//! and tokio's 512, and a comparison that left them alone would measure that.

use alloc::string::String;
use core::net::SocketAddr;
use core::num::NonZeroUsize;

use crate::database::{PostgresAccess, RedisAccess};
use crate::limits::Limits;

/// How a server is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; port 0 takes any free one.
    pub addr: SocketAddr,
    /// Threads for blocking work: files and offloaded computation.
    pub pool_threads: NonZeroUsize,
    /// Threads that run the server's loop or its scheduler; a server that has one by nature takes no notice.
    pub workers: NonZeroUsize,
    /// Length of the queue of connections that are not accepted yet (`listen(2)`).
    pub backlog: u32,
    /// `TCP_NODELAY` on accepted connections and on those to the upstream.
    pub nodelay: bool,
    /// Directory of the files that `/file/{kib}` reads, named as [`crate::file_name`] says.
    pub data_dir: String,
    /// The backend that `/upstream` calls; without one that route answers 503.
    pub upstream: Option<SocketAddr>,
    /// The database of the routes below `/db`; without one they answer 503.
    pub postgres: Option<PostgresAccess>,
    /// The cache of `/db/cached`; without one that route answers 503.
    pub redis: Option<RedisAccess>,
    /// Connections to PostgreSQL that all workers together may have.
    pub postgres_connections: NonZeroUsize,
    /// Longest time, in milliseconds, that requests in flight are given to finish after a stop was asked for.
    pub grace_ms: u64,
    /// How long clients are waited for, and how much is kept for them.
    pub limits: Limits,
    /// Timers fire by the rule of the loop that the server's own is shaped after, and not by the one that all reference servers
    /// keep unless set otherwise.
    pub own_timers: bool,
}

impl Settings {
    /// The settings that a run uses unless its plan says otherwise.
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            pool_threads: DEFAULT_POOL_THREADS,
            workers: NonZeroUsize::MIN,
            backlog: 1024,
            nodelay: true,
            data_dir: String::from("."),
            upstream: None,
            postgres: None,
            redis: None,
            postgres_connections: DEFAULT_POSTGRES_CONNECTIONS,
            grace_ms: 10_000,
            limits: Limits::default(),
            own_timers: false,
        }
    }
}

/// As many as libuv's pool has (`UV_THREADPOOL_SIZE` in its documentation).
const DEFAULT_POOL_THREADS: NonZeroUsize = NonZeroUsize::new(4).expect("4 is not 0");

/// As many as `pg` and asyncpg have in a pool (their documentation).
const DEFAULT_POSTGRES_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(10).expect("10 is not 0");
