//! Tasks and their steps (`tasks.py`).
//!
//! Knows when a coroutine takes its next step; must never know what it waits for.

use crate::event_loop::{EventLoop, Ready};
use crate::futures::{Cancelled, Future};
use crate::remote::{Remote, get_running_loop};
use slotmap::{DefaultKey, SlotMap};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

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
        let remote = &self.inner.remote;
        let key = self.inner.tasks.borrow_mut().slots.insert_with_key(|key| {
            let waker = Arc::new(TaskWaker {
                remote: remote.clone(),
                steps: Steps::Task(key),
                is_woken: AtomicBool::new(true),
            });
            TaskState {
                coroutine: Some(Coroutine {
                    future: coroutine,
                    waker: Waker::from(Arc::clone(&waker)),
                }),
                waker,
                is_cancelled: false,
            }
        });
        self.push(Ready::Step(key));
        Task {
            done,
            event_loop: self.clone(),
            key,
        }
    }

    /// Tasks that are not done.
    pub fn tasks_alive(&self) -> usize {
        self.inner.tasks.borrow().slots.len()
    }

    /// Takes a task's next step (`Task.__step`).
    pub(crate) fn step(&self, key: TaskKey) {
        let mut tasks = self.inner.tasks.borrow_mut();
        let Some(state) = tasks.slots.get_mut(key) else {
            return;
        };
        state.waker.rest();
        let is_cancelled = state.is_cancelled;
        let Some(mut coroutine) = state.coroutine.take() else {
            return;
        };
        drop(tasks);

        let mut cx = Context::from_waker(&coroutine.waker);
        let is_done = is_cancelled || coroutine.future.as_mut().poll(&mut cx).is_ready();
        if is_done {
            drop(coroutine);
            let state = self.inner.tasks.borrow_mut().slots.remove(key);
            drop(state);
        } else if let Some(state) = self.inner.tasks.borrow_mut().slots.get_mut(key) {
            state.coroutine = Some(coroutine);
        }
    }

    fn cancel_task(&self, key: TaskKey) -> bool {
        let waker = {
            let mut tasks = self.inner.tasks.borrow_mut();
            let Some(state) = tasks.slots.get_mut(key) else {
                return false;
            };
            state.is_cancelled = true;
            Arc::clone(&state.waker)
        };
        waker.wake();
        true
    }
}

/// Names a task; once it is done, nothing.
pub(crate) type TaskKey = DefaultKey;

/// All tasks that are not done.
#[derive(Default)]
pub(crate) struct Tasks {
    slots: SlotMap<TaskKey, TaskState>,
}

pub(crate) struct TaskState {
    /// Taken out while it takes a step.
    coroutine: Option<Coroutine>,
    waker: Arc<TaskWaker>,
    is_cancelled: bool,
}

struct Coroutine {
    future: Pin<Box<dyn std::future::Future<Output = ()>>>,
    waker: Waker,
}

impl Tasks {
    pub(crate) fn take_all(&mut self) -> Vec<TaskState> {
        self.slots.drain().map(|(_, state)| state).collect()
    }
}

/// Ends a task, as cancelled unless it has a result.
struct End<T>(Future<T>);

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Puts a task's next step on the ready queue, once until it is taken.
pub(crate) struct TaskWaker {
    remote: Remote,
    steps: Steps,
    is_woken: AtomicBool,
}

/// Whose steps they are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Steps {
    Task(TaskKey),
    /// Those of what a loop was given to run.
    Main,
}

impl Steps {
    pub(crate) fn ready(self) -> Ready {
        match self {
            Self::Task(key) => Ready::Step(key),
            Self::Main => Ready::StepMain,
        }
    }
}

impl TaskWaker {
    pub(crate) fn of_main(remote: &Remote) -> Arc<Self> {
        Arc::new(Self {
            remote: remote.clone(),
            steps: Steps::Main,
            is_woken: AtomicBool::new(false),
        })
    }

    /// From here on it may be woken again. Whatever was done before it was woken is seen by the step that follows.
    pub(crate) fn rest(&self) {
        self.is_woken.swap(false, Ordering::AcqRel);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            self.remote.call_step(self.steps);
        }
    }
}
