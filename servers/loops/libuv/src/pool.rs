//! Work for the pool's threads, whose results are handed over in the poll phase, as from libuv's src/threadpool.c.
//!
//! Knows whose a result is. Must never know what the work is.

use crate::event_loop::Loop;
use crate::remote::Letter;
use hdrhistogram::Histogram;
use reactor::PoolFull;
use std::any::Any;
use std::fmt;
use std::panic;
use std::sync::Arc;
use std::thread;

/// The name of the pool's threads.
pub(crate) const THREAD_NAME: &str = "libuv-pool";

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
        let mailbox = Arc::clone(&self.mailbox);
        let queued = self.pool.queue(work, move |result| {
            let result = result.map(|result| -> AnyResult { Box::new(result) });
            mailbox.deliver(Letter::Work { ticket, result });
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
        self.pool.depth()
    }

    /// The most work that ever waited for a thread at once.
    pub fn pool_queue_depth_max(&self) -> usize {
        self.pool.depth_max()
    }

    /// How long work waited until a thread began it, in microseconds, to two digits.
    pub fn pool_waits_us(&self) -> Histogram<u64> {
        self.pool.waits_us()
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
