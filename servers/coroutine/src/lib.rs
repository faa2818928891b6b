//! The coroutine server: the work contract on tokio.
//!
//! Written the way tokio's own guides and mini-redis write a server: a task per connection, an `await` wherever
//! something has to be waited for, blocking work in `spawn_blocking`. What the routes do comes from `app`, and what
//! goes over the wire from `http1`; this crate adds only the waiting. `interpreter` is the part to read beside the
//! callback server's.
//!
//! | file | what |
//! |---|---|
//! | `listener` | binding, accepting |
//! | `connection` | one client's requests and answers |
//! | `interpreter` | one function per kind of step |
//! | `upstream` | kept-alive connections to the backend |
//! | `pool` | blocking work |
//! | `heartbeat` | the date, and loop lag |
//! | `scratch` | the read buffer that a thread's connections share |

#![allow(
    clippy::disallowed_methods,
    reason = "a server is at the rim: it reads the clock for its dates"
)]

mod connection;
mod heartbeat;
mod interpreter;
mod listener;
mod pool;
mod scratch;
mod upstream;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use app::{Settings, Stats};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::heartbeat::Heartbeat;
use crate::pool::Pool;
use crate::upstream::Upstream;

/// Which of tokio's schedulers runs the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// [`Settings::workers`] threads that steal each other's work.
    MultiThread,
    /// One thread.
    CurrentThread,
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
    serve_until(settings, scheduler, on_listening, || {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    })
}

/// [`serve`], with the reason to stop as a parameter. `stop` is called inside the runtime and before `on_listening`, so
/// that whoever waits for the address may ask for the stop at once.
fn serve_until<F: Future<Output = ()>>(
    settings: &Settings,
    scheduler: Scheduler,
    on_listening: impl FnOnce(SocketAddr),
    stop: impl FnOnce() -> io::Result<F>,
) -> io::Result<()> {
    let runtime = scheduler.runtime(settings)?;
    let listener = listener::bind(settings)?;
    let served = runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let addr = listener.local_addr()?;
        let stop = stop()?;
        let server = Arc::new(Server::new(settings, scheduler));

        // On the workers, where the connections are: this thread only waits for the end, and would otherwise hand
        // every new connection to another.
        tokio::spawn(listener::accept(
            listener,
            Arc::clone(&server),
            server.stopping(),
        ));
        tokio::spawn(heartbeat::beat(Arc::clone(&server)));
        on_listening(addr);

        stop.await;
        server.stop(Duration::from_millis(settings.grace_ms)).await;
        Ok(())
    });
    // What is still running had its grace; a computation in the pool can't be interrupted, and nobody waits for it.
    runtime.shutdown_background();
    served
}

impl Scheduler {
    /// How long an idle pool thread lives: longer than any run, since a thread that has to be started again in the
    /// middle of one would be a difference to libuv's pool, whose threads stay.
    const POOL_KEEP_ALIVE: Duration = Duration::from_hours(24);

    fn runtime(self, settings: &Settings) -> io::Result<Runtime> {
        let mut builder = match self {
            Self::MultiThread => Builder::new_multi_thread(),
            Self::CurrentThread => Builder::new_current_thread(),
        };
        builder
            .worker_threads(settings.workers.get())
            .max_blocking_threads(settings.pool_threads.get())
            .thread_keep_alive(Self::POOL_KEEP_ALIVE)
            .enable_all()
            .build()
    }

    /// What `/stats` calls it.
    fn name(self) -> &'static str {
        match self {
            Self::MultiThread => "tokio multi_thread",
            Self::CurrentThread => "tokio current_thread",
        }
    }
}

/// What all connections of one server share.
struct Server {
    scheduler: Scheduler,
    nodelay: bool,
    data_dir: PathBuf,
    /// None where the settings name none; `/upstream` then fails.
    upstream: Option<Upstream>,
    pool: Pool,
    heartbeat: Heartbeat,
    /// True once the server is to stop. Every connection holds a receiver, and the sender knows when all are gone.
    stopping: watch::Sender<bool>,
}

impl Server {
    fn new(settings: &Settings, scheduler: Scheduler) -> Self {
        Self {
            scheduler,
            nodelay: settings.nodelay,
            data_dir: PathBuf::from(&settings.data_dir),
            upstream: settings
                .upstream
                .map(|addr| Upstream::new(addr, settings.nodelay)),
            pool: Pool::default(),
            heartbeat: Heartbeat::default(),
            stopping: watch::Sender::new(false),
        }
    }

    fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Tells the listener and all connections to come to an end, and waits for them as long as `grace`.
    async fn stop(&self, grace: Duration) {
        self.stopping.send_replace(true);
        // Running out of grace is not a failure: that is what it is there for.
        let _ = timeout(grace, self.stopping.closed()).await;
    }

    /// tokio's stable metrics tell neither its turns nor the polls of its tasks, and those stay null.
    fn stats(&self) -> Stats {
        let metrics = Handle::current().metrics();
        let workers = 0..metrics.num_workers();
        let busy: Duration = workers
            .clone()
            .map(|worker| metrics.worker_total_busy_duration(worker))
            .sum();
        Stats {
            runtime: self.scheduler.name(),
            loop_lag_us: self.heartbeat.lag(),
            pool_queue_depth: Some(self.pool.waiting()),
            pool_queue_depth_max: Some(self.pool.waiting_max()),
            tasks_alive: u64::try_from(metrics.num_alive_tasks()).ok(),
            run_queue_depth: u64::try_from(metrics.global_queue_depth()).ok(),
            worker_parks: Some(
                workers
                    .map(|worker| metrics.worker_park_count(worker))
                    .sum(),
            ),
            workers_busy_us: u64::try_from(busy.as_micros()).ok(),
            ..Stats::default()
        }
    }
}
