//! The coroutine server: the work contract on tokio, or on a loop like asyncio's or libuv's.
//!
//! Written the way tokio's own guides and mini-redis write a server: a task per connection, an `await` wherever
//! something has to be waited for, blocking work in a pool of threads. What the routes do comes from `spec`, and what
//! goes over the wire from `http1`; this crate adds only the waiting. The same coroutines run on either runtime, each compiled
//! for it. `interpreter` is the part to read beside the callback server's.
//!
//! | file | what |
//! |---|---|
//! | `runtime` | what is needed of a runtime, and who has it: tokio, asyncio, libuv |
//! | `listener` | accepting |
//! | `connection` | one client's requests and answers |
//! | `routes` | what each route does, a file each |
//! | `clients` | how tasks learn that the server stops, or that a client has been waited for too long |
//! | `upstream` | kept-alive connections to the backend |
//! | `database`, `cache` | connections to PostgreSQL, the one to Redis |
//! | `heartbeat` | loop lag, the date, limits |
//! | `moves` | how often a connection went on on another worker |
//! | `scratch`, `shared` | the read buffer that a thread's connections share; what they change together |

#![allow(
    clippy::disallowed_methods,
    reason = "a server is at the rim: it reads the clock for its dates"
)]

mod cache;
mod clients;
mod connection;
mod database;
mod heartbeat;
mod listener;
mod moves;
mod routes;
mod runtime;
mod scratch;
mod shared;
mod upstream;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http1::Date;
use serving::{LagRecorder, Pool};
use spec::{
    Answer, DatabaseWork, LimitCounts, Limits, LoopWork, MAX_UPSTREAM_CONNECTIONS, Settings, Stats,
    Work,
};

use crate::cache::Cache;
use crate::clients::Clients;
use crate::database::Database;
use crate::moves::Moves;
use crate::routes::Room;
use crate::runtime::{Asyncio, Libuv, Runtime, Tokio};
use crate::shared::Shared;
use crate::upstream::Upstream;

/// Which scheduler runs the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// tokio's: [`Settings::workers`] threads that steal each other's work.
    MultiThread,
    /// tokio's: one thread.
    CurrentThread,
    /// asyncio's: one thread, a ready queue, a heap of timers and a selector.
    Asyncio,
    /// The loop like libuv's: one thread, whose ready tasks take their steps in the idle phase, as uvloop's do.
    Libuv,
}

/// Serves until SIGTERM or SIGINT, then stops accepting, lets the requests in flight finish (for
/// [`Settings::grace_ms`] at most) and returns. `on_listening` gets the bound address once connections are accepted.
///
/// Fails where the runtime can't be built, the address can't be bound or the signals can't be caught. Whatever happens
/// to a single connection is no failure of the server.
pub fn serve(
    settings: &Settings,
    scheduler: Scheduler,
    on_listening: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    fn serve_on<R: Runtime>(
        runtime: R,
        settings: &Settings,
        on_listening: impl FnOnce(SocketAddr),
    ) -> io::Result<()> {
        serve_until(runtime, settings, on_listening, R::stop_signal)
    }
    match scheduler {
        Scheduler::MultiThread => serve_on(Tokio::MultiThread, settings, on_listening),
        Scheduler::CurrentThread => serve_on(Tokio::CurrentThread, settings, on_listening),
        Scheduler::Asyncio => serve_on(Asyncio, settings, on_listening),
        Scheduler::Libuv => serve_on(Libuv, settings, on_listening),
    }
}

/// [`serve`], with the reason to stop as a parameter. `stop` is called inside the runtime and before `on_listening`, so
/// that a caller that waits for the address may ask for the stop at once.
fn serve_until<R: Runtime, F: Future<Output = ()>>(
    runtime: R,
    settings: &Settings,
    on_listening: impl FnOnce(SocketAddr),
    stop: impl FnOnce() -> io::Result<F>,
) -> io::Result<()> {
    let mut listeners = serving::bind(settings, 1)?;
    let listener = listeners.remove(0);
    let addr = listener.local_addr()?;
    let pool = Pool::new(settings.pool_threads.get());
    runtime.run(settings, &pool, async {
        let listener = R::listen(listener)?;
        let stop = stop()?;
        let server = Arc::new(Server::new(settings, runtime, pool.clone()));

        // Beside this task: on the workers, where they are several and the connections are; this thread only waits for the
        // end, and would otherwise hand every new connection to another.
        R::spawn(listener::accept(listener, Arc::clone(&server)));
        R::spawn(heartbeat::beat(Arc::clone(&server)));
        on_listening(addr);

        stop.await;
        server.stop(Duration::from_millis(settings.grace_ms)).await;
        Ok(())
    })?
}

/// `/db` as the coroutine servers on tokio answer it, for a server on tokio whose other routes are its own: tokio-postgres with a pool,
/// and one connection to Redis.
pub struct TokioDatabase(Server<Tokio>);

impl TokioDatabase {
    /// Of these settings, of which those of the database and the cache matter. Connects to neither yet.
    pub fn new(settings: &Settings) -> Self {
        // No more than what the coroutines of the route look at; it has no thread until it is given work.
        let pool = Pool::new(settings.pool_threads.get());
        Self(Server::new(settings, Tokio::MultiThread, pool))
    }

    /// Does the work, within [`spec::DATABASE_LIMIT_MS`]. Called within tokio's runtime. A database that is not there, or fails, is an
    /// answer with status 503.
    pub async fn answer(&self, work: DatabaseWork) -> Answer {
        routes::database::answer(&self.0, work).await
    }
}

/// What all connections of one server share.
struct Server<R: Runtime> {
    runtime: R,
    nodelay: bool,
    data_dir: Arc<Path>,
    limits: Limits,
    limits_met: R::Shared<LimitCounts>,
    /// Bytes of answers that wait for clients.
    queued_bytes: R::Shared<usize>,
    clients: Arc<Clients<R>>,
    /// None where the settings name none; `/upstream` then fails.
    upstream: Option<Upstream<R>>,
    /// These two likewise, for `/db`.
    database: Option<Database<R>>,
    cache: Option<Cache<R>>,
    /// Who reads a large file, or has read it and not yet handed it to its connection.
    large_files: R::Semaphore,
    pool: Pool,
    room: Room<R>,
    lag: R::Shared<LagRecorder>,
    /// The second since 1970, for dates and tokens.
    now_s: AtomicU64,
    moves: Moves,
    /// What blocked a worker.
    work: R::Shared<LoopWork>,
}

impl<R: Runtime> Server<R> {
    fn new(settings: &Settings, runtime: R, pool: Pool) -> Self {
        Self {
            runtime,
            nodelay: settings.nodelay,
            data_dir: Path::new(&settings.data_dir).into(),
            limits: settings.limits,
            limits_met: Shared::new(LimitCounts::default()),
            queued_bytes: Shared::new(0),
            clients: Arc::new(Clients::new()),
            upstream: settings
                .upstream
                .map(|addr| Upstream::new(addr, settings.nodelay, MAX_UPSTREAM_CONNECTIONS)),
            database: settings.postgres.as_ref().map(|access| {
                Database::new(
                    access,
                    settings.nodelay,
                    settings.postgres_connections.get(),
                )
            }),
            cache: settings
                .redis
                .as_ref()
                .map(|access| Cache::new(access, settings.nodelay)),
            large_files: R::semaphore(settings.pool_threads.get()),
            pool,
            room: Room::new(),
            lag: Shared::new(LagRecorder::default()),
            now_s: AtomicU64::new(serving::now_s()),
            moves: Moves::default(),
            work: Shared::new(LoopWork::default()),
        }
    }

    fn date(&self) -> Date {
        serving::date(self.now_s.load(Ordering::Relaxed))
    }

    /// Asks all connections to come to an end, and waits for them as long as `grace`.
    async fn stop(&self, grace: Duration) {
        // Running out of grace is not a failure: that is what it is there for.
        let _ = R::timeout(grace, self.clients.stop()).await;
    }

    /// A computation blocked a worker for so many microseconds.
    fn on_blocked(&self, work: Work, us: u64) {
        self.work.with(|all| all.add(work, us));
    }

    fn stats(&self) -> Stats {
        let stats = Stats {
            task_moves: Some(self.moves.count()),
            loop_work_us_counts: Some(self.work.with(|work| work.clone())),
            limits_met: Some(self.limits_met.with(|met| *met)),
            ..self.runtime.stats()
        };
        serving::with_pool(self.lag.with(|lag| lag.stats(stats)), &self.pool)
    }
}
