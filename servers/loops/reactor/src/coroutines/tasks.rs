//! Tasks: coroutines, and how they are woken.
//!
//! Knows that a task is to take a step; must never know in which order tasks do, nor what they wait for.

use super::{ResultKey, Shared, SocketKey};
use slotmap::{DefaultKey, SlotMap};
use std::fmt::Debug;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

/// A loop, as that which waits on it knows it: from any thread, though it is used on its own. Clones mean the same loop.
pub trait Home: Clone + Debug + Send + Sync + Unpin + 'static {
    /// Connections that one listener accepts in one turn, so that a burst of them can't keep those who are connected
    /// waiting.
    const MAX_ACCEPTS_PER_TURN: usize;
    /// Reads from one stream in one turn: one fast sender must not starve the others.
    const MAX_READS_PER_TURN: usize;

    /// The loop that runs on this thread. Panics where none does.
    fn running() -> Self;

    /// Does something with the loop's tables, if this thread runs it at the moment.
    fn local<T>(&self, act: impl FnOnce(&Shared) -> T) -> Option<T>;

    /// Has these steps taken soon; from other threads by a letter.
    fn call_step(&self, steps: Steps);

    /// Has a socket forgotten that was dropped on another thread. Its descriptor is closed.
    fn forget(&self, socket: SocketKey);

    /// Nobody awaits this result any more, which was still to come.
    fn abandon(&self, result: ResultKey);
}

/// Names a task; once it is done, nothing.
pub type TaskKey = DefaultKey;

/// Whose steps they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// Those of a task.
    Task(TaskKey),
    /// Those of what a loop was given to run.
    Main,
}

/// All tasks that are not done.
#[derive(Default)]
pub struct Tasks {
    slots: SlotMap<TaskKey, TaskState>,
    /// Whether a step of what the loop was given to run is under way to it.
    main_is_woken: bool,
}

/// A task, as it waits for its next step.
pub struct TaskState {
    /// Taken out while it takes a step.
    coroutine: Option<Coroutine>,
    /// Its next step is under way; a further wake-up need not.
    is_woken: bool,
    is_cancelled: bool,
}

struct Coroutine {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

impl Tasks {
    /// Adds a task, whose first step is the caller's to bring about.
    pub fn insert(
        &mut self,
        home: &impl Home,
        future: Pin<Box<dyn Future<Output = ()>>>,
    ) -> TaskKey {
        self.slots.insert_with_key(|key| {
            let waker = TaskWaker::waker(home, Steps::Task(key));
            TaskState {
                coroutine: Some(Coroutine { future, waker }),
                is_woken: true,
                is_cancelled: false,
            }
        })
    }

    /// Whether these steps were asleep and are now to be taken: the caller puts them where its loop finds them.
    pub fn wake(&mut self, steps: Steps) -> bool {
        let is_woken = match steps {
            Steps::Task(key) => self.slots.get_mut(key).map(|state| &mut state.is_woken),
            Steps::Main => Some(&mut self.main_is_woken),
        };
        is_woken.is_some_and(|is_woken| !mem::replace(is_woken, true))
    }

    /// What the loop was given to run begins a step, and may be woken again.
    pub fn begin_main(&mut self) {
        self.main_is_woken = false;
    }

    /// Has the coroutine dropped in the task's next step. Returns whether there still is one.
    pub fn cancel(&mut self, key: TaskKey) -> bool {
        let state = self.slots.get_mut(key);
        state.map(|state| state.is_cancelled = true).is_some()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes all of them, for the caller to drop without a borrow.
    pub fn take_all(&mut self) -> Vec<TaskState> {
        self.slots.drain().map(|(_, state)| state).collect()
    }
}

impl Shared {
    /// Takes a task's next step.
    pub fn step(&self, key: TaskKey) {
        let mut tasks = self.tasks.borrow_mut();
        let Some(state) = tasks.slots.get_mut(key) else {
            return;
        };
        state.is_woken = false;
        let is_cancelled = state.is_cancelled;
        let Some(mut coroutine) = state.coroutine.take() else {
            return;
        };
        drop(tasks);

        let mut cx = Context::from_waker(&coroutine.waker);
        let is_done = is_cancelled || coroutine.future.as_mut().poll(&mut cx).is_ready();
        if is_done {
            drop(coroutine);
            let state = self.tasks.borrow_mut().slots.remove(key);
            drop(state);
        } else if let Some(state) = self.tasks.borrow_mut().slots.get_mut(key) {
            state.coroutine = Some(coroutine);
        }
    }
}

/// Has a task's next step taken. On the loop's own thread that costs no atomic; from others it is a letter.
#[derive(Debug)]
pub struct TaskWaker<H> {
    home: H,
    steps: Steps,
}

impl<H: Home> TaskWaker<H> {
    /// A waker of these steps.
    pub fn waker(home: &H, steps: Steps) -> Waker {
        let home = home.clone();
        Waker::from(Arc::new(Self { home, steps }))
    }
}

impl<H: Home> Wake for TaskWaker<H> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.home.call_step(self.steps);
    }
}
