//! tokio, with either of its schedulers.

use std::io;
use std::panic;
use std::sync::Mutex;
use std::time::Duration;

use serving::Pool;
use spec::{Settings, Stats};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, oneshot};
use tokio::time;

use super::Runtime;

/// Which of tokio's schedulers it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tokio {
    MultiThread,
    CurrentThread,
}

impl Runtime for Tokio {
    super::sockets!(TcpListener, TcpStream);
    type Shared<T: Send + 'static> = Mutex<T>;
    type Semaphore = Semaphore;

    fn semaphore(permits: usize) -> Semaphore {
        Semaphore::new(permits)
    }

    async fn acquire(semaphore: &Semaphore) -> impl Send {
        semaphore
            .acquire()
            .await
            .expect("the semaphore is never closed")
    }

    fn run<F: Future>(self, settings: &Settings, _: &Pool, main: F) -> io::Result<F::Output> {
        let mut builder = match self {
            Self::MultiThread => {
                // tokio panics where it can't start its workers.
                serving::try_threads(settings.workers.get())?;
                Builder::new_multi_thread()
            }
            Self::CurrentThread => Builder::new_current_thread(),
        };
        let runtime = builder
            .worker_threads(settings.workers.get())
            .enable_all()
            .build()?;
        let output = runtime.block_on(main);
        // What is still running had its grace.
        runtime.shutdown_background();
        Ok(output)
    }

    /// tokio's stable metrics tell neither its turns nor the polls of its tasks, and those stay null.
    fn stats(self) -> Stats {
        let metrics = Handle::current().metrics();
        let workers = 0..metrics.num_workers();
        let busy: Duration = workers
            .clone()
            .map(|worker| metrics.worker_total_busy_duration(worker))
            .sum();
        Stats {
            runtime: match self {
                Self::MultiThread => "tokio multi_thread",
                Self::CurrentThread => "tokio current_thread",
            },
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

    fn moves_tasks(self) -> bool {
        matches!(self, Self::MultiThread)
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        time::sleep(time)
    }

    async fn timeout<F: Future + Send>(limit: Duration, future: F) -> Option<F::Output> {
        time::timeout(limit, future).await.ok()
    }

    /// Not tokio's own pool, so that all servers have the same: it counts what waits, and says so where no thread can be started.
    async fn run_blocking<T: Send + 'static>(
        pool: &Pool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, result) = oneshot::channel();
        // Nobody waits any more where the client is gone.
        let queued = pool.queue(work, move |result| drop(tell.send(result)));
        queued.ok()?;
        match result.await.ok()? {
            Ok(result) => Some(result),
            Err(panicked) => panic::resume_unwind(panicked),
        }
    }

    fn stop_signal() -> io::Result<impl Future<Output = ()>> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
}
