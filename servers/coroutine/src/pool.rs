//! Blocking work, in the runtime's pool.
//!
//! tokio's stable metrics do not tell how many jobs wait for a thread, so they are counted here, as the callback
//! server's pool counts its own. Jobs start in the order in which they were handed in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hdrhistogram::Histogram;
use spec::Counts;

use crate::lock;
use crate::runtime::Runtime;

/// Longer waits than an hour are recorded as an hour.
const MAX_WAIT_US: u64 = 3_600_000_000;

/// Two digits keep the histogram at some 30 KiB, as that of the callback server's pool is.
const SIGNIFICANT_DIGITS: u8 = 2;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    depth: Arc<Depth>,
}

#[derive(Debug)]
struct Depth {
    waiting: AtomicU64,
    waiting_max: AtomicU64,
    waits_us: Mutex<Histogram<u64>>,
}

impl Default for Depth {
    fn default() -> Self {
        let waits_us = Histogram::new_with_bounds(1, MAX_WAIT_US, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants within what the histogram allows");
        Self {
            waiting: AtomicU64::default(),
            waiting_max: AtomicU64::default(),
            waits_us: Mutex::new(waits_us),
        }
    }
}

impl Pool {
    /// Runs `work` on a thread of the pool. `None` where it never ran because the server stopped, or too much waits.
    pub(crate) async fn run<R: Runtime, T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let ticket = Ticket::enter(&self.depth);
        R::run_blocking(move || {
            ticket.begin();
            work()
        })
        .await
    }

    /// Jobs that no thread has begun.
    pub(crate) fn waiting(&self) -> u64 {
        self.depth.waiting.load(Ordering::Relaxed)
    }

    /// Most jobs that ever waited at once. A job that finds a thread free waits too, for as long as it takes to wake it.
    pub(crate) fn waiting_max(&self) -> u64 {
        self.depth.waiting_max.load(Ordering::Relaxed)
    }

    /// How long jobs waited until a thread began them.
    pub(crate) fn wait_counts(&self) -> Counts {
        serving::counts(&lock(&self.depth.waits_us), 1)
    }
}

/// Counts a job that waits, until a thread begins it or the pool drops it.
struct Ticket {
    depth: Arc<Depth>,
    entered: Instant,
}

impl Ticket {
    fn enter(depth: &Arc<Depth>) -> Self {
        let depth = Arc::clone(depth);
        let waiting = depth.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        depth.waiting_max.fetch_max(waiting, Ordering::Relaxed);
        Self {
            depth,
            entered: Instant::now(),
        }
    }

    /// A thread begins the job.
    fn begin(self) {
        let waited_us = u64::try_from(self.entered.elapsed().as_micros()).unwrap_or(u64::MAX);
        lock(&self.depth.waits_us).saturating_record(waited_us);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.depth.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use tokio::runtime::Builder;

    use super::*;
    use crate::runtime::Tokio;

    #[test]
    fn jobs_start_in_order_and_those_that_wait_are_counted() {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let pool = Pool::default();
            let started = Arc::new(Mutex::new(Vec::new()));
            let (begun, has_begun) = mpsc::channel();
            let (release, released) = mpsc::channel();
            let first = pool.run::<Tokio, _>(move || {
                begun.send(()).unwrap();
                released.recv().unwrap();
            });
            let others = (1..=3).map(|i| {
                let started = Arc::clone(&started);
                pool.run::<Tokio, _>(move || started.lock().unwrap().push(i))
            });
            let check = async {
                has_begun.recv().unwrap();
                assert_eq!((pool.waiting(), pool.waiting_max() >= 3), (3, true));
                release.send(()).unwrap();
            };
            let all = futures_util::future::join_all(others);
            assert_eq!(tokio::join!(first, all, check).0, Some(()));
            assert_eq!(*started.lock().unwrap(), [1, 2, 3]);
            assert_eq!(pool.waiting(), 0);
            let waits_us = pool.depth.waits_us.lock().unwrap();
            assert_eq!(waits_us.len(), 4, "each waited, however shortly");
        });
    }
}
