//! The loop like libuv's, running coroutines as uvloop runs Python's: one thread, whose ready tasks take their steps in the idle phase.

use std::io;
use std::time::Duration;

use libuv::{Runner, Semaphore, Signals, TcpListener, TcpStream};
use serving::Pool;
use signal_hook::consts::{SIGINT, SIGTERM};
use spec::{Settings, Stats};

use super::Runtime;

/// The one scheduler of its kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Libuv;

impl Runtime for Libuv {
    super::sockets!(TcpListener, TcpStream);
    super::one_thread!(Semaphore);

    fn run<F: Future>(self, settings: &Settings, pool: &Pool, main: F) -> io::Result<F::Output> {
        let mut runner = Runner::new(libuv::Settings {
            pool: pool.clone(),
            timer_rule: serving::timer_rule(settings),
            ..libuv::Settings::default()
        })?;
        runner.run(main)
    }

    fn stats(self) -> Stats {
        let metrics = libuv::metrics();
        Stats {
            runtime: concat!("libuv-shaped ", env!("CARGO_PKG_VERSION")),
            loop_turns: Some(metrics.turns),
            longest_blocked_us: Some(metrics.longest_blocked_ns / 1_000),
            tasks_run: Some(metrics.callbacks),
            tasks_alive: u64::try_from(libuv::tasks_alive()).ok(),
            run_queue_depth: u64::try_from(libuv::ready_len()).ok(),
            workers_busy_us: Some(metrics.busy_ns / 1_000),
            blocked_us_counts: Some(serving::counts(&metrics.blocked_ns, 1_000)),
            ..Stats::default()
        }
    }

    fn moves_tasks(self) -> bool {
        false
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        libuv::spawn(task);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        libuv::sleep(Duration::ZERO)
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        libuv::sleep(time)
    }

    async fn timeout<F: Future + Send>(limit: Duration, future: F) -> Option<F::Output> {
        libuv::wait_for(future, limit).await.ok()
    }

    /// The loop has the same pool.
    async fn run_blocking<T: Send + 'static>(
        _: &Pool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        Some(libuv::run_in_pool(work).ok()?.await)
    }

    fn stop_signal() -> io::Result<impl Future<Output = ()>> {
        let signals = Signals::catch(&[SIGTERM, SIGINT])?;
        Ok(async move {
            // The pipe that signals come through has no other end that could fail.
            let _ = signals.recv().await;
        })
    }
}
