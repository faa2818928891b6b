//! Threads for work that would hold the loop: files, long computations.
//!
//! Work starts in the order it was queued. Its result comes back through the loop's mailbox and is handed over in the
//! poll phase, as from libuv's src/threadpool.c. Knows nothing of what the work is.

use crate::event_loop::Loop;
use crate::remote::Mailbox;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// The most threads a pool may have, as in libuv.
pub const MAX_POOL_THREADS: usize = 1024;

/// Work that may wait for a thread at once.
pub const MAX_QUEUED_WORK: usize = 65_536;

/// The pool's queue holds [`MAX_QUEUED_WORK`] entries; the work was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFull;

impl fmt::Display for PoolFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the thread pool's queue holds {MAX_QUEUED_WORK} entries: add threads or offer less work"
        )
    }
}

impl std::error::Error for PoolFull {}

impl Loop {
    /// Runs `work` on a thread of the pool, then `after` with its result on the loop, in the poll phase
    /// (`uv_queue_work`). The loop stays alive meanwhile. Work that panics makes the loop panic.
    pub fn queue_work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        after: impl FnOnce(&mut Loop, T) + 'static,
    ) -> Result<(), PoolFull> {
        let ticket = self
            .works
            .insert(WorkDone(Box::new(move |event_loop, result| {
                let result = result
                    .downcast::<T>()
                    .expect("the ticket ties the result to its own work");
                after(event_loop, *result);
            })));
        let queued = self.pool.queue(Work {
            ticket,
            run: Box::new(move || Box::new(work())),
        });
        if queued.is_err() {
            self.works.remove(ticket);
        } else {
            self.requests += 1;
        }
        queued
    }

    /// Work that waits for a thread.
    pub fn pool_queue_depth(&self) -> usize {
        self.pool.lock().waiting.len()
    }

    /// The most work that ever waited for a thread at once.
    pub fn pool_queue_depth_max(&self) -> usize {
        self.pool.lock().depth_max
    }

    pub(crate) fn finish_work(&mut self, ticket: usize, result: WorkResult) {
        let WorkDone(after) = self.works.remove(ticket);
        self.requests -= 1;
        match result {
            Ok(result) => {
                self.metrics.callbacks += 1;
                after(self, result);
            }
            Err(panicked) => panic::resume_unwind(panicked),
        }
    }
}

type AnyResult = Box<dyn Any + Send>;

/// What work came to, or how it panicked.
pub(crate) type WorkResult = thread::Result<AnyResult>;

/// What the loop does when its ticket's work is done.
pub(crate) struct WorkDone(AfterWork);

type AfterWork = Box<dyn FnOnce(&mut Loop, AnyResult)>;

impl fmt::Debug for WorkDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkDone")
    }
}

/// The threads, started with the first work, and joined when the loop is dropped: what they are at is finished first,
/// what waits is dropped.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    thread_count: usize,
}

struct Shared {
    queue: Mutex<Queue>,
    work_or_end: Condvar,
    mailbox: Arc<Mailbox>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Work>,
    depth_max: usize,
    ended: bool,
}

struct Work {
    ticket: usize,
    run: Box<dyn FnOnce() -> AnyResult + Send>,
}

impl Pool {
    pub(crate) fn new(thread_count: usize, mailbox: Arc<Mailbox>) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work_or_end: Condvar::new(),
            mailbox,
        });
        Self {
            shared,
            threads: Vec::new(),
            thread_count: thread_count.clamp(1, MAX_POOL_THREADS),
        }
    }

    fn queue(&mut self, work: Work) -> Result<(), PoolFull> {
        if self.threads.is_empty() {
            self.threads = (0..self.thread_count)
                .map(|_| start_thread(Arc::clone(&self.shared)))
                .collect();
        }
        let mut queue = self.lock();
        if queue.waiting.len() == MAX_QUEUED_WORK {
            return Err(PoolFull);
        }
        queue.waiting.push_back(work);
        queue.depth_max = queue.depth_max.max(queue.waiting.len());
        drop(queue);
        self.shared.work_or_end.notify_one();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.shared.lock()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let unstarted = {
            let mut queue = self.lock();
            queue.ended = true;
            mem::take(&mut queue.waiting)
        };
        drop(unstarted);
        self.shared.work_or_end.notify_all();
        for thread in self.threads.drain(..) {
            thread
                .join()
                .expect("a pool thread catches what its work panics with");
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool {{ thread_count: {} }}", self.thread_count)
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
        queue.waiting.pop_front()
    }
}

fn start_thread(shared: Arc<Shared>) -> JoinHandle<()> {
    thread::Builder::new()
        .name("evloop-pool".to_owned())
        .spawn(move || {
            while let Some(Work { ticket, run }) = shared.next_work() {
                let result = panic::catch_unwind(AssertUnwindSafe(run));
                shared.mailbox.put_work(ticket, result);
            }
        })
        .expect("a thread for the pool can be started: raise the limit on processes or lower the pool's size")
}
