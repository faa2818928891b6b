//! The coroutine server: the work contract on tokio, or on a loop like asyncio's.
//!
//! Written the way tokio's own guides and mini-redis write a server: a task per connection, an `await` wherever
//! something has to be waited for, blocking work in a pool of threads. What the routes do comes from `spec`, and what
//! goes over the wire from `http1`; this crate adds only the waiting. The same coroutines run on either runtime, each compiled
//! for it. `interpreter` is the part to read beside the callback server's.
//!
//! | file | what |
//! |---|---|
//! | `runtime` | what is needed of a runtime, and who has it: tokio, asyncio |
//! | `listener` | binding, accepting |
//! | `connection` | one client's requests and answers; and, once it has left HTTP, its part in the chat |
//! | `interpreter` | one function per kind of step |
//! | `upstream` | kept-alive connections to the backend |
//! | `pool` | blocking work |
//! | `heartbeat` | the date, and loop lag |
//! | `moves` | how often a connection went on on another worker |
//! | `scratch` | the read buffer that a thread's connections share |

#![allow(
    clippy::disallowed_methods,
    reason = "a server is at the rim: it reads the clock for its dates"
)]

mod connection;
mod heartbeat;
mod interpreter;
mod listener;
mod moves;
mod pool;
mod runtime;
mod scratch;
mod upstream;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spec::{LoopWork, Settings, Stats, Work};
use tokio::sync::watch;

use crate::connection::Room;
use crate::heartbeat::Heartbeat;
use crate::moves::Moves;
use crate::pool::Pool;
use crate::runtime::{Asyncio, Runtime, Tokio};
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
    }
}

/// [`serve`], with the reason to stop as a parameter. `stop` is called inside the runtime and before `on_listening`, so
/// that whoever waits for the address may ask for the stop at once.
fn serve_until<R: Runtime, F: Future<Output = ()>>(
    runtime: R,
    settings: &Settings,
    on_listening: impl FnOnce(SocketAddr),
    stop: impl FnOnce() -> io::Result<F>,
) -> io::Result<()> {
    let listener = listener::bind(settings)?;
    let addr = listener.local_addr()?;
    runtime.run(settings, async {
        let listener = R::listen(listener)?;
        let stop = stop()?;
        let server = Arc::new(Server::new(settings, runtime));

        // Beside this task: on the workers, where they are several and the connections are; this thread only waits for the
        // end, and would otherwise hand every new connection to another.
        R::spawn(listener::accept(
            listener,
            Arc::clone(&server),
            server.stopping(),
        ));
        R::spawn(heartbeat::beat(Arc::clone(&server)));
        on_listening(addr);

        stop.await;
        server.stop(Duration::from_millis(settings.grace_ms)).await;
        Ok(())
    })?
}

/// What all connections of one server share.
struct Server<R: Runtime> {
    runtime: R,
    nodelay: bool,
    data_dir: PathBuf,
    /// None where the settings name none; `/upstream` then fails.
    upstream: Option<Upstream<R>>,
    pool: Pool,
    room: Room,
    heartbeat: Heartbeat,
    moves: Moves,
    /// What held a worker.
    work: Mutex<LoopWork>,
    /// True once the server is to stop. Every connection holds a receiver, and the sender knows when all are gone.
    stopping: watch::Sender<bool>,
}

impl<R: Runtime> Server<R> {
    fn new(settings: &Settings, runtime: R) -> Self {
        Self {
            runtime,
            nodelay: settings.nodelay,
            data_dir: PathBuf::from(&settings.data_dir),
            upstream: settings
                .upstream
                .map(|addr| Upstream::new(addr, settings.nodelay)),
            pool: Pool::default(),
            room: Room::new(),
            heartbeat: Heartbeat::default(),
            moves: Moves::default(),
            work: Mutex::default(),
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
        let _ = R::timeout(grace, self.stopping.closed()).await;
    }

    /// A computation held a worker. It costs two readings of the clock and a count, some 100 ns, on routes that compute.
    fn on_held(&self, work: Work, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut held = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        held.add(work, us);
    }

    fn stats(&self) -> Stats {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        Stats {
            loop_lag_us: self.heartbeat.lag(),
            pool_queue_depth: Some(self.pool.waiting()),
            pool_queue_depth_max: Some(self.pool.waiting_max()),
            task_moves: Some(self.moves.count()),
            loop_lag_us_counts: Some(self.heartbeat.lag_counts()),
            pool_wait_us_counts: Some(self.pool.wait_counts()),
            loop_work_us_counts: Some(work.clone()),
            ..self.runtime.stats()
        }
    }
}
