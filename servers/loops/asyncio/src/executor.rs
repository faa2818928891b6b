//! Blocking work in a pool of threads (`run_in_executor`).
//!
//! Knows who waits for a result. Must never know what the work is.

use crate::event_loop::EventLoop;
use crate::remote::Letter;
use reactor::PoolFull;
use std::fmt;
use std::future::Future;
use std::panic;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

pub(crate) use reactor::Pool;

/// The name of the pool's threads.
pub(crate) const THREAD_NAME: &str = "asyncio-pool";

impl EventLoop {
    /// Runs `work` on a thread of the executor, after what was handed in before. The result comes whether or not it is
    /// awaited. Work that panics makes the loop panic.
    pub fn run_in_executor<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Execution<T>, PoolFull> {
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let told = Arc::clone(&outcome);
        let remote = self.remote();
        let mut executor = self.inner.executor.borrow_mut();
        let pool = executor
            .as_mut()
            .expect("an executor takes work while its loop lives");
        pool.queue(work, move |result| {
            let tell = move || match result {
                Ok(value) => finish(&told, value),
                Err(panicked) => panic::resume_unwind(panicked),
            };
            remote.deliver(Letter::Call(Box::new(tell)));
        })?;
        Ok(Execution { outcome })
    }

    /// Work that waits for a thread.
    pub fn pool_queue_depth(&self) -> usize {
        let executor = self.inner.executor.borrow();
        executor.as_ref().map_or(0, Pool::depth)
    }

    /// The most work that ever waited for a thread at once.
    pub fn pool_queue_depth_max(&self) -> usize {
        let executor = self.inner.executor.borrow();
        executor.as_ref().map_or(0, Pool::depth_max)
    }
}

/// Work in the executor. Awaited, it gives the work's result; dropped, it leaves the work be.
pub struct Execution<T> {
    outcome: Arc<Mutex<Outcome<T>>>,
}

struct Outcome<T> {
    /// Put in by the loop, as asyncio copies it from one future to another.
    value: Option<T>,
    waker: Option<Waker>,
}

impl<T> Default for Outcome<T> {
    fn default() -> Self {
        Self {
            value: None,
            waker: None,
        }
    }
}

impl<T> Future for Execution<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut outcome = lock(&self.outcome);
        if let Some(value) = outcome.value.take() {
            return Poll::Ready(value);
        }
        let before = outcome.waker.replace(cx.waker().clone());
        drop(outcome);
        drop(before);
        Poll::Pending
    }
}

fn finish<T>(outcome: &Mutex<Outcome<T>>, value: T) {
    let mut outcome = lock(outcome);
    outcome.value = Some(value);
    let waker = outcome.waker.take();
    drop(outcome);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Nothing in here panics with the lock held, so a poisoned lock still guards a sound value.
fn lock<T>(outcome: &Mutex<Outcome<T>>) -> MutexGuard<'_, Outcome<T>> {
    outcome.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> fmt::Debug for Execution<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Execution")
    }
}
