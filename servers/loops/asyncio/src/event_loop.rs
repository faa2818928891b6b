//! The loop itself: one turn on one screen.
//!
//! Knows in what order a turn looks at timers and sockets, and which callbacks it runs; must never know what they do.

use crate::handles::{HandleKey, Handles};
use crate::metrics::Metrics;
use crate::remote::{Remote, Running};
use crate::scheduled::Scheduled;
use crate::selector::Selector;
use reactor::coroutines::{Direction, Shared, SocketKey, Steps, TaskWaker};
use reactor::{Clock, Pool, TimerRule};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Owns a loop and runs coroutines on it, one after the other (`asyncio.Runner`). Dropped, it drops all tasks that are
/// left, and waits for work that the executor is at.
#[derive(Debug)]
pub struct Runner {
    event_loop: EventLoop,
}

/// A loop, as its callbacks and tasks know it. Clones are the same loop.
#[derive(Clone)]
pub struct EventLoop {
    pub(crate) inner: Rc<Inner>,
}

/// None of these is borrowed while a callback runs, a task takes a step, or something of theirs is dropped.
pub(crate) struct Inner {
    /// What runs in this turn or the next, first come, first served.
    pub(crate) ready: RefCell<VecDeque<Ready>>,
    pub(crate) handles: RefCell<Handles>,
    /// Handles that wait for their time.
    pub(crate) scheduled: RefCell<Scheduled>,
    /// Tasks, and what they wait for.
    pub(crate) shared: Shared,
    pub(crate) selector: RefCell<Selector>,
    /// None once the loop is closed.
    pub(crate) pool: RefCell<Option<Pool>>,
    pub(crate) timer_rule: TimerRule,
    /// All transports read into this one, and how much at once; it is out while a protocol has its bytes.
    pub(crate) read_buffer: RefCell<Vec<u8>>,
    pub(crate) read_bytes: usize,
    pub(crate) remote: Remote,
    pub(crate) metrics: RefCell<Metrics>,
    stopping: Cell<bool>,
}

/// What stands on the ready queue: one of asyncio's handles, in the forms that it takes here.
pub(crate) enum Ready {
    /// A callback that may have been cancelled.
    Handle(HandleKey),
    /// A callback that nobody can cancel.
    Call(Box<dyn FnOnce()>),
    /// The next step of a task, or of what [`Runner::run`] was given.
    Step(Steps),
    /// The reader or writer of a socket.
    Io(SocketKey, Direction),
    /// The done callback of what [`Runner::run`] was given.
    Stop,
}

/// How to make a loop.
#[derive(Debug)]
pub struct Settings {
    /// The executor's threads, which other loops may share.
    pub pool: Pool,
    /// Where loop time comes from.
    pub clock: Clock,
    /// When timers fire.
    pub timer_rule: TimerRule,
    /// Bytes that a transport reads at once.
    pub read_bytes: usize,
}

/// Bytes that a transport reads at once, unless others are set: as in CPython (`_SelectorTransport.max_size`).
pub const MAX_READ_BYTES: usize = 256 * 1024;

/// Threads of the executor, unless others are set.
const POOL_THREADS: usize = 4;

impl Default for Settings {
    fn default() -> Self {
        Self {
            pool: Pool::new(POOL_THREADS),
            clock: Clock::default(),
            timer_rule: TimerRule::default(),
            read_bytes: MAX_READ_BYTES,
        }
    }
}

impl Runner {
    /// Runs `main`, and everything that it makes a task of, until `main` is done (`run_until_complete`). As there, callbacks
    /// that are ready by then run, and tasks that are not done wait for the next run.
    ///
    /// Fails only if the operating system's poll does, which is a bug here or a machine in trouble.
    pub fn run<F: std::future::Future>(&mut self, main: F) -> io::Result<F::Output> {
        let event_loop = &self.event_loop;
        let _running = Running::enter_first(event_loop);
        let waker = TaskWaker::waker(&event_loop.inner.remote, Steps::Main);
        let mut main = pin!(main);
        let mut output = None;
        let mut step_main = || {
            event_loop.inner.shared.tasks.borrow_mut().begin_main();
            // Woken by something that it has not waited for in the end, it may be called for once more.
            if output.is_none()
                && let Poll::Ready(value) = main.as_mut().poll(&mut Context::from_waker(&waker))
            {
                output = Some(value);
                event_loop.push(Ready::Stop);
            }
        };
        event_loop.inner.stopping.set(false);
        waker.wake_by_ref();
        while !event_loop.inner.stopping.get() {
            event_loop.run_once(&mut step_main)?;
        }
        Ok(output.expect("only the done callback of `main` stops the loop"))
    }
}

impl EventLoop {
    /// One turn (`_run_once` in `base_events.py`).
    fn run_once(&self, step_main: &mut dyn FnMut()) -> io::Result<()> {
        self.forget_cancelled_timers();
        let now_ns = self.time_ns();
        let timeout_ns = self.select_timeout_ns(now_ns);
        self.select(now_ns, timeout_ns)?;
        self.move_due_timers();
        // Exactly these: what they call for waits for the next turn, after another look at the sockets.
        let count = self.ready_len();
        for _ in 0..count {
            self.run_next(step_main);
        }
        Ok(())
    }

    /// How long the selector may wait: not at all, until the first timer, or for ever (`None`).
    fn select_timeout_ns(&self, now_ns: u64) -> Option<u64> {
        if self.ready_len() > 0 {
            return Some(0);
        }
        let first_ns = self.inner.scheduled.borrow().first_ns()?;
        Some(first_ns.saturating_sub(now_ns))
    }

    fn run_next(&self, step_main: &mut dyn FnMut()) {
        let Some(ready) = self.inner.ready.borrow_mut().pop_front() else {
            return;
        };
        self.inner.metrics.borrow_mut().handles_run += 1;
        match ready {
            Ready::Handle(key) => self.run_handle(key),
            Ready::Call(callback) => callback(),
            Ready::Step(Steps::Task(task)) => self.inner.shared.step(task),
            Ready::Step(Steps::Main) => step_main(),
            Ready::Io(socket, direction) => self.run_io(socket, direction),
            Ready::Stop => self.inner.stopping.set(true),
        }
    }
}

impl Runner {
    /// A loop with nothing to do.
    ///
    /// Fails where the operating system refuses an epoll instance or the descriptor that wakes it: raise the limit
    /// on open files.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let (selector, mailbox) = Selector::new(settings.clock)?;
        let inner = Inner {
            ready: RefCell::default(),
            handles: RefCell::default(),
            scheduled: RefCell::default(),
            shared: Shared::new(&selector.poll)?,
            metrics: RefCell::new(Metrics::new(selector.now_ns())),
            selector: RefCell::new(selector),
            pool: RefCell::new(Some(settings.pool)),
            timer_rule: settings.timer_rule,
            read_buffer: RefCell::default(),
            read_bytes: settings.read_bytes,
            remote: Remote::new(mailbox),
            stopping: Cell::new(false),
        };
        Ok(Self {
            event_loop: EventLoop {
                inner: Rc::new(inner),
            },
        })
    }

    /// The loop.
    pub fn event_loop(&self) -> &EventLoop {
        &self.event_loop
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _running = Running::enter(&self.event_loop);
        self.event_loop.close();
    }
}

impl EventLoop {
    /// Time since the loop's clock began (`loop.time()`), read from the clock at every call.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.time_ns())
    }

    /// What the loop has to say about itself.
    pub fn metrics(&self) -> Metrics {
        self.inner.metrics.borrow().clone()
    }

    /// Callbacks and steps that are ready to run.
    pub fn ready_len(&self) -> usize {
        self.inner.ready.borrow().len()
    }

    /// A means of reaching this loop from other threads.
    pub fn remote(&self) -> Remote {
        self.inner.remote.clone()
    }

    pub(crate) fn push(&self, ready: Ready) {
        self.inner.ready.borrow_mut().push_back(ready);
    }

    pub(crate) fn time_ns(&self) -> u64 {
        self.inner.selector.borrow().now_ns()
    }

    /// Drops all that is left to do. What is dropped may leave more behind, until nothing is left.
    fn close(&self) {
        let inner = &self.inner;
        inner.remote.close();
        loop {
            let tasks = inner.shared.tasks.borrow_mut().take_all();
            let ready = inner.ready.take();
            // Transports are kept by their callbacks.
            let waiters = inner.shared.sockets.borrow_mut().take_waiters();
            let results = inner.shared.results.take();
            drop((waiters, results));
            let handles = inner.handles.borrow_mut().take_all();
            inner.scheduled.take();
            if tasks.is_empty() && ready.is_empty() && handles.is_empty() {
                break;
            }
        }
        let pool = inner.pool.take();
        drop(pool);
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventLoop {{ tasks: {} }}", self.tasks_alive())
    }
}
