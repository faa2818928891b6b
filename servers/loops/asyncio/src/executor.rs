//! Blocking work in a pool of threads (`run_in_executor`).
//!
//! Knows who waits for a result. Must never know what the work is.

use crate::event_loop::{EventLoop, Ready};
use crate::remote::{Letter, Remote, get_running_loop};
use reactor::PoolError;
use reactor::coroutines::{AnyResult, ResultKey, ResultToCome, Then};
use std::any::Any;
use std::panic;

/// Work in the executor. Awaited, it gives the work's result; dropped, it leaves the work be.
pub type Execution<T> = ResultToCome<T, Remote>;

impl EventLoop {
    /// Runs `work` on a thread of the executor, after what was handed in before. The result comes whether or not it is
    /// awaited. Work that panics makes the loop panic.
    pub fn run_in_executor<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Execution<T>, PoolError> {
        let key = self.inner.shared.results.borrow_mut().await_one();
        let execution = Execution::new(key, self.remote());
        self.submit(key, work)?;
        Ok(execution)
    }

    /// As [`EventLoop::run_in_executor`], for a callback: it runs in the turn after the result came (`add_done_callback` of
    /// the future that `run_in_executor` returns).
    pub fn run_in_executor_then<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        callback: impl FnOnce(T) + 'static,
    ) -> Result<(), PoolError> {
        let key = self.inner.shared.results.borrow_mut().expect_one(callback);
        let submitted = self.submit(key, work);
        if submitted.is_err() {
            self.abandon(key);
        }
        submitted
    }

    /// Nobody wants this result any more.
    pub(crate) fn abandon(&self, key: ResultKey) {
        let forgotten = self.inner.shared.results.borrow_mut().forget(key);
        drop(forgotten);
    }

    fn submit<T: Send + 'static>(
        &self,
        key: ResultKey,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(), PoolError> {
        let remote = self.remote();
        let pool = self.inner.pool.borrow();
        let pool = pool
            .as_ref()
            .expect("an executor takes work while its loop lives");
        pool.queue(work, move |result| {
            let result = result.map(|value| -> Box<dyn Any + Send> { Box::new(value) });
            // asyncio copies the result from one future to the other in a callback of the loop's own (`_chain_future`).
            let copy = move || match result {
                Ok(value) => get_running_loop().come(key, value),
                Err(panicked) => panic::resume_unwind(panicked),
            };
            remote.deliver(Letter::Call(Box::new(copy)));
        })
    }

    fn come(&self, key: ResultKey, result: AnyResult) {
        let then = self.inner.shared.results.borrow_mut().come(key, result);
        match then {
            Some(Then::Wake(waker)) => waker.wake(),
            Some(Then::Call(callback)) => self.push(Ready::Call(callback)),
            None => {}
        }
    }
}
