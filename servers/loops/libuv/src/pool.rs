//! Work for the pool's threads, whose results are handed over in the poll phase, as from libuv's src/threadpool.c.
//!
//! Knows whose a result is. Must never know what the work is.

use crate::event_loop::Loop;
use crate::remote::Letter;
use reactor::{Pool, PoolError};
use std::any::Any;
use std::fmt;
use std::panic;
use std::sync::Arc;
use std::thread;

impl Loop {
    /// Runs `work` on a thread of the pool, then `after` with its result on the loop, in the poll phase
    /// (`uv_queue_work`). The loop stays alive meanwhile. Work that panics makes the loop panic.
    pub fn queue_work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        after: impl FnOnce(&mut Loop, T) + 'static,
    ) -> Result<(), PoolError> {
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

    /// The threads for blocking work.
    pub fn pool(&self) -> &Pool {
        &self.pool
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
