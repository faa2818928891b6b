//! asyncio's scheduler: one thread, a ready queue, a heap of timers, a selector.

use std::io;
use std::time::Duration;

use asyncio::{Runner, Semaphore, Signals, TcpListener, TcpStream, get_running_loop};
use serving::Pool;
use signal_hook::consts::{SIGINT, SIGTERM};
use spec::{Settings, Stats};

use super::Runtime;

/// The one scheduler of its kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asyncio;

impl Runtime for Asyncio {
    super::sockets!(TcpListener, TcpStream);
    super::one_thread!(Semaphore);

    fn run<F: Future>(self, settings: &Settings, pool: &Pool, main: F) -> io::Result<F::Output> {
        let mut runner = Runner::new(asyncio::Settings {
            pool: pool.clone(),
            timer_rule: serving::timer_rule(settings),
            ..asyncio::Settings::default()
        })?;
        runner.run(main)
    }

    fn stats(self) -> Stats {
        let event_loop = get_running_loop();
        let metrics = event_loop.metrics();
        Stats {
            runtime: concat!("asyncio-shaped ", env!("CARGO_PKG_VERSION")),
            loop_turns: Some(metrics.turns),
            longest_blocked_us: Some(metrics.longest_blocked_ns / 1_000),
            tasks_run: Some(metrics.handles_run),
            tasks_alive: u64::try_from(event_loop.tasks_alive()).ok(),
            run_queue_depth: u64::try_from(event_loop.ready_len()).ok(),
            worker_parks: Some(metrics.parks),
            workers_busy_us: Some(metrics.busy_ns / 1_000),
            blocked_us_counts: Some(serving::counts(&metrics.blocked_ns, 1_000)),
            ..Stats::default()
        }
    }

    fn moves_tasks(self) -> bool {
        false
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        asyncio::create_task(task);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        asyncio::sleep(Duration::ZERO)
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        asyncio::sleep(time)
    }

    async fn timeout<F: Future + Send>(limit: Duration, future: F) -> Option<F::Output> {
        asyncio::wait_for(future, limit).await.ok()
    }

    /// The loop has the same pool.
    async fn run_blocking<T: Send + 'static>(
        _: &Pool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let execution = get_running_loop().run_in_executor(work).ok()?;
        Some(execution.await)
    }

    fn stop_signal() -> io::Result<impl Future<Output = ()>> {
        let signals = Signals::catch(&[SIGTERM, SIGINT])?;
        Ok(async move {
            // The pipe that signals come through has no other end that could fail.
            let _ = signals.recv().await;
        })
    }
}
