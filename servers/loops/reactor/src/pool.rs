//! Threads for work that would hold a loop: files, long computations.
//!
//! Work starts in the order in which it was queued, as in libuv's src/threadpool.c. Knows nothing of what the work is, nor of
//! who waits for it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use hdrhistogram::Histogram;

/// The most threads a pool may have, as in libuv.
pub const MAX_POOL_THREADS: usize = 1024;

/// Work that may wait for a thread at once.
pub const MAX_QUEUED_WORK: usize = 65_536;

/// Longer waits than an hour are recorded as an hour.
const MAX_WAIT_US: u64 = 3_600_000_000;

/// Two digits keep the histogram at some 30 KiB.
const SIGNIFICANT_DIGITS: u8 = 2;

/// The name of the pool's threads.
const THREAD_NAME: &str = "pool";

/// Why work wasn't taken; it was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolError {
    /// The pool's queue holds [`MAX_QUEUED_WORK`] entries.
    Full,
    /// The operating system started not one thread.
    NoThreads,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(
                f,
                "the thread pool's queue holds {MAX_QUEUED_WORK} entries: add threads or offer less work"
            ),
            Self::NoThreads => f.write_str(
                "no thread for the pool could be started: raise the limit on processes (ulimit -u)",
            ),
        }
    }
}

impl std::error::Error for PoolError {}

/// The threads, started with the first work. Clones are the same pool, so that several loops can share one; with the last of them
/// it ends: what its threads are at is finished first and waited for, what waits is dropped.
#[derive(Clone)]
pub struct Pool {
    threads: Arc<Threads>,
}

/// What ends with the last clone.
struct Threads {
    shared: Arc<Shared>,
    started: Mutex<Vec<JoinHandle<()>>>,
    count: usize,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    work_or_end: Condvar,
}

struct Queue {
    waiting: VecDeque<(Instant, Work)>,
    depth_max: usize,
    waits_us: Histogram<u64>,
    ended: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            depth_max: 0,
            waits_us: Histogram::new_with_bounds(1, MAX_WAIT_US, SIGNIFICANT_DIGITS)
                .expect("the bounds are constants within what the histogram allows"),
            ended: false,
        }
    }
}

type Work = Box<dyn FnOnce() + Send>;

impl Pool {
    /// A pool of so many threads, between 1 and [`MAX_POOL_THREADS`] whatever is asked.
    pub fn new(thread_count: usize) -> Self {
        Self {
            threads: Arc::new(Threads {
                shared: Arc::default(),
                started: Mutex::default(),
                count: thread_count.clamp(1, MAX_POOL_THREADS),
            }),
        }
    }

    /// Runs `work` on one of the threads, and hands what it came to, or how it panicked, to `after` on the same thread.
    ///
    /// Where not all threads can be started, those that can do all the work, and the next work tries again.
    pub fn queue<T>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        after: impl FnOnce(thread::Result<T>) + Send + 'static,
    ) -> Result<(), PoolError> {
        self.threads.start()?;
        let mut queue = self.threads.shared.lock();
        if queue.waiting.len() == MAX_QUEUED_WORK {
            return Err(PoolError::Full);
        }
        let work = move || after(panic::catch_unwind(AssertUnwindSafe(work)));
        queue.waiting.push_back((Instant::now(), Box::new(work)));
        queue.depth_max = queue.depth_max.max(queue.waiting.len());
        drop(queue);
        self.threads.shared.work_or_end.notify_one();
        Ok(())
    }

    /// Work that waits for a thread.
    pub fn depth(&self) -> usize {
        self.threads.shared.lock().waiting.len()
    }

    /// The most work that ever waited for a thread at once.
    pub fn depth_max(&self) -> usize {
        self.threads.shared.lock().depth_max
    }

    /// How long work waited until a thread began it, in microseconds, to two digits.
    ///
    /// It costs two readings of the clock and a count for each work: some 70 ns, where handing work to a thread and back
    /// takes tens of microseconds.
    pub fn waits_us(&self) -> Histogram<u64> {
        self.threads.shared.lock().waits_us.clone()
    }
}

impl Threads {
    fn start(&self) -> Result<(), PoolError> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        while started.len() < self.count {
            match start_thread(Arc::clone(&self.shared)) {
                Ok(thread) => started.push(thread),
                Err(_) if started.is_empty() => return Err(PoolError::NoThreads),
                Err(_) => break,
            }
        }
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let unstarted = {
            let mut queue = self.shared.lock();
            queue.ended = true;
            mem::take(&mut queue.waiting)
        };
        drop(unstarted);
        self.shared.work_or_end.notify_all();
        let started = self
            .started
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for thread in started.drain(..) {
            thread
                .join()
                .expect("a pool thread catches what its work panics with");
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool {{ thread_count: {} }}", self.threads.count)
    }
}

impl Shared {
    /// Work runs with the lock released, so a poisoned lock still guards a sound value.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_work(&self) -> Option<Work> {
        let mut queue = self
            .work_or_end
            .wait_while(self.lock(), |queue| {
                queue.waiting.is_empty() && !queue.ended
            })
            .unwrap_or_else(PoisonError::into_inner);
        let (queued, work) = queue.waiting.pop_front()?;
        let waited_us = u64::try_from(queued.elapsed().as_micros()).unwrap_or(u64::MAX);
        queue.waits_us.saturating_record(waited_us);
        Some(work)
    }
}

fn start_thread(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let run = move || {
        while let Some(work) = shared.next_work() {
            work();
        }
    };
    thread::Builder::new()
        .name(THREAD_NAME.to_owned())
        .spawn(run)
}
