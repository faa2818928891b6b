//! Tasks and their steps (`tasks.py`).
//!
//! Knows when a coroutine takes its next step; must never know what it waits for.

use crate::event_loop::{EventLoop, Ready};
use crate::futures::{Cancelled, Future};
use crate::remote::get_running_loop;
use reactor::coroutines::{Steps, TaskKey};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes a task of a coroutine, on the running loop (`asyncio.create_task`).
///
/// Panics where no loop runs.
pub fn create_task<F>(coroutine: F) -> Task<F::Output>
where
    F: std::future::Future + 'static,
{
    get_running_loop().create_task(coroutine)
}

/// A coroutine that runs beside others. Awaited, it gives what the coroutine returned. Dropping this leaves the task be.
#[derive(Debug)]
pub struct Task<T> {
    done: Future<T>,
    event_loop: EventLoop,
    key: TaskKey,
}

impl<T: 'static> Task<T> {
    /// Has the coroutine dropped in the task's next step, in the next turn. Returns whether there was still one.
    pub fn cancel(&self) -> bool {
        self.event_loop.cancel_task(self.key)
    }

    /// Whether the coroutine has returned or was dropped.
    pub fn done(&self) -> bool {
        self.done.done()
    }

    /// Runs `callback` in the turn after the task is done.
    pub fn add_done_callback(&self, callback: impl FnOnce() + 'static) {
        self.done.add_done_callback(callback);
    }
}

impl<T> std::future::Future for Task<T> {
    type Output = Result<T, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.done.poll_done(cx).map(|()| self.done.take_result())
    }
}

impl EventLoop {
    /// Makes a task of a coroutine, whose first step is in the next turn (`loop.create_task`).
    pub fn create_task<F>(&self, coroutine: F) -> Task<F::Output>
    where
        F: std::future::Future + 'static,
    {
        let done = self.create_future();
        let end = End(done.clone());
        let coroutine = Box::pin(async move {
            // Dropped on the way, the coroutine goes first, and then the task is done.
            let end = end;
            let result = coroutine.await;
            end.0.set_result(result);
        });
        let inner = &self.inner;
        let key = inner
            .shared
            .tasks
            .borrow_mut()
            .insert(&inner.remote, coroutine);
        self.push(Ready::Step(Steps::Task(key)));
        Task {
            done,
            event_loop: self.clone(),
            key,
        }
    }

    /// Tasks that are not done.
    pub fn tasks_alive(&self) -> usize {
        self.inner.shared.tasks.borrow().len()
    }

    /// These steps join the ready queue, once until they are taken (`call_soon(self.__step)`).
    pub(crate) fn call_step(&self, steps: Steps) {
        if self.inner.shared.tasks.borrow_mut().wake(steps) {
            self.push(Ready::Step(steps));
        }
    }

    fn cancel_task(&self, key: TaskKey) -> bool {
        let is_alive = self.inner.shared.tasks.borrow_mut().cancel(key);
        self.call_step(Steps::Task(key));
        is_alive
    }
}

/// Ends a task, as cancelled unless it has a result.
struct End<T>(Future<T>);

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
