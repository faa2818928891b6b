//! Coroutines on this loop, as uvloop runs Python's (uvloop 0.21, `loop.pyx`).
//!
//! A task that is woken joins the ready queue, and an idle callback, which keeps the poll phase from waiting while something is ready,
//! runs as many steps a turn as are ready when it begins (`_on_idle`). So an event wakes a task in the poll phase, and the task's step
//! is in the idle phase of the next turn, before that turn polls. Knows when a step is taken; must never know what it does.
//!
//! Tasks don't have the loop in hand while they take steps. What only the loop can do for them, starting timers, they ask for, and it is
//! done right after the steps.

use crate::event_loop::{Loop, Settings};
use crate::metrics::Metrics;
use crate::remote::{self, Remote};
use crate::tcp::MAX_READS_PER_TURN;
use crate::timers::Timer;
use reactor::coroutines::{
    AnyResult, Elapsed, Home, ResultKey, ResultToCome, Shared, SocketKey, Steps, TaskWaker, Then,
    Waiter, limit_by,
};
use reactor::{Clock, Pool, PoolError};
use slotmap::SecondaryMap;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::mem;
use std::panic;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A loop that runs coroutines. Dropped, it drops all tasks that are left.
#[derive(Debug)]
pub struct Runner {
    event_loop: Loop,
    coroutines: Rc<Coroutines>,
}

impl Runner {
    /// A loop with nothing to do.
    ///
    /// Fails where the operating system refuses an epoll instance or the descriptor that wakes it: raise the limit
    /// on open files.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let clock = settings.clock.clone();
        let mut event_loop = Loop::new(settings)?;
        let coroutines = Rc::new(Coroutines {
            shared: Shared::new(&event_loop.poll)?,
            ready: RefCell::default(),
            asked: RefCell::default(),
            timers: RefCell::default(),
            metrics: RefCell::new(Box::new(Metrics::new())),
            remote: event_loop.remote(),
            pool: event_loop.pool().clone(),
            clock,
            is_over: Cell::new(false),
        });
        event_loop.coroutines = Some(Rc::clone(&coroutines));
        Ok(Self {
            event_loop,
            coroutines,
        })
    }

    /// Runs `main`, and everything that is spawned beside it, until `main` is done. Tasks that are not done wait for the next run.
    ///
    /// Fails only if the operating system's poll does, which is a bug here or a machine in trouble.
    pub fn run<F: Future>(&mut self, main: F) -> io::Result<F::Output> {
        let coroutines = &self.coroutines;
        let _running = Running::enter(coroutines);
        let waker = TaskWaker::waker(&coroutines.remote, Steps::Main);
        let mut main = pin!(main);
        let mut output = None;
        let mut step_main = || {
            coroutines.shared.tasks.borrow_mut().begin_main();
            // Woken by something that it has not waited for in the end, it may be called for once more.
            if output.is_none()
                && let Poll::Ready(value) = main.as_mut().poll(&mut Context::from_waker(&waker))
            {
                output = Some(value);
                coroutines.is_over.set(true);
            }
        };
        waker.wake_by_ref();
        coroutines.is_over.set(false);
        // Whatever coroutines wait for keeps no handle of the loop's active (uvloop's `handler_async`).
        let keeps_alive = self.event_loop.add_wakeup(|_, _| ());
        self.event_loop.begin();
        let mut ran = Ok(());
        while ran.is_ok() && !coroutines.is_over.get() {
            ran = self.event_loop.turn(&mut |event_loop| {
                coroutines.run_ready(event_loop, &mut step_main);
                if coroutines.is_over.get() {
                    // The turn ends without waiting.
                    event_loop.stop();
                }
            });
        }
        self.event_loop.stopping = false;
        self.event_loop.close(keeps_alive);
        ran.map(|()| output.expect("only the end of `main` ends the run"))
    }

    /// The loop, for callbacks beside the coroutines.
    pub fn event_loop(&mut self) -> &mut Loop {
        &mut self.event_loop
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _running = Running::enter(&self.coroutines);
        // What is dropped may leave more behind, until nothing is left.
        loop {
            let tasks = self.coroutines.shared.tasks.borrow_mut().take_all();
            let ready = self.coroutines.ready.take();
            if tasks.is_empty() && ready.is_empty() {
                break;
            }
        }
    }
}

/// Runs a coroutine beside others, on the running loop: its first step is in the next idle phase.
///
/// Panics where no loop runs.
pub fn spawn(coroutine: impl Future<Output = ()> + 'static) {
    with_running(|coroutines| {
        let mut tasks = coroutines.shared.tasks.borrow_mut();
        let key = tasks.insert(&coroutines.remote, Box::pin(coroutine));
        coroutines.push(Ready::Step(Steps::Task(key)));
    });
}

/// Waits so long, from when it is first awaited; no time at all is the next turn.
pub async fn sleep(delay: Duration) {
    if delay.is_zero() {
        let mut has_yielded = false;
        std::future::poll_fn(|cx| {
            if mem::replace(&mut has_yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    } else {
        sleep_until(time().saturating_add(delay)).await;
    }
}

/// Waits until [`time`] is `when`, as exactly as the loop's [`TimerRule`](crate::TimerRule) says.
pub async fn sleep_until(when: Duration) {
    let due_ns = u64::try_from(when.as_nanos()).unwrap_or(u64::MAX);
    let slept: ResultToCome<(), Remote> = with_running(|coroutines| {
        let key = coroutines.shared.results.borrow_mut().await_one();
        coroutines.ask(Ask::StartTimer { key, due_ns });
        ResultToCome::new(key, coroutines.remote.clone())
    });
    slept.await;
}

/// Waits for a future no longer than `limit`, and then drops it.
pub async fn wait_for<F: Future>(future: F, limit: Duration) -> Result<F::Output, Elapsed> {
    limit_by(sleep_until(time().saturating_add(limit)), future).await
}

/// Runs `work` on a thread of the loop's pool. Awaited, it gives the result; dropped, it leaves the work be. Work that panics makes the
/// loop panic.
pub fn run_in_pool<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<ResultToCome<T, Remote>, PoolError> {
    with_running(|coroutines| {
        let key = coroutines.shared.results.borrow_mut().await_one();
        let to_come = ResultToCome::new(key, coroutines.remote.clone());
        let mailbox = Arc::clone(&coroutines.remote.mailbox);
        coroutines.pool.queue(work, move |result| {
            let result = result.map(|value| -> Box<dyn Any + Send> { Box::new(value) });
            mailbox.deliver(remote::Letter::Coroutines(Letter::Result { key, result }));
        })?;
        Ok(to_come)
    })
}

/// Time since the running loop's clock began, read from the clock at every call.
pub fn time() -> Duration {
    with_running(|coroutines| Duration::from_nanos(coroutines.clock.now_ns()))
}

/// What the running loop has to say about itself.
pub fn metrics() -> Metrics {
    with_running(|coroutines| Metrics::clone(&coroutines.metrics.borrow()))
}

/// Tasks of the running loop that are not done.
pub fn tasks_alive() -> usize {
    with_running(|coroutines| coroutines.shared.tasks.borrow().len())
}

/// Steps that are ready to be taken on the running loop.
pub fn ready_len() -> usize {
    with_running(|coroutines| coroutines.ready.borrow().len())
}

/// What runs on a loop besides its callbacks. Nothing of it is borrowed while a task takes a step.
pub(crate) struct Coroutines {
    shared: Shared,
    /// What runs in the next idle phase, first come, first served.
    ready: RefCell<VecDeque<Ready>>,
    /// What tasks have asked the loop for, to be done after their steps.
    asked: RefCell<VecDeque<Ask>>,
    /// The timers of those who sleep.
    timers: RefCell<SecondaryMap<ResultKey, Timer>>,
    /// The loop's figures while tasks take steps.
    metrics: RefCell<Box<Metrics>>,
    remote: Remote,
    pool: Pool,
    clock: Clock,
    /// What the loop was given to run is done.
    is_over: Cell<bool>,
}

/// What stands on the ready queue.
enum Ready {
    Step(Steps),
    /// A result from the pool, which uvloop copies from one future to the other in a callback.
    Result(ResultKey, AnyResult),
}

enum Ask {
    StartTimer { key: ResultKey, due_ns: u64 },
    CloseTimer(ResultKey),
}

/// What other threads have for the coroutines of a loop.
pub(crate) enum Letter {
    /// To take a step.
    Step(Steps),
    /// To forget this socket.
    Forget(SocketKey),
    /// That work of theirs is done.
    Result {
        key: ResultKey,
        result: std::thread::Result<Box<dyn Any + Send>>,
    },
}

impl Coroutines {
    /// Whether the poll phase must not wait.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.borrow().is_empty()
    }

    /// Wakes who waits for what an event promises, and returns whether somebody does.
    pub(crate) fn on_event(&self, event: &mio::event::Event) -> bool {
        let noted = self.shared.sockets.borrow_mut().note(event);
        let Some((key, waited_for)) = noted else {
            return false;
        };
        for direction in waited_for.into_iter().flatten() {
            let waiter = self.shared.sockets.borrow_mut().waiter(key, direction);
            if let Some(Waiter::Task(waker)) = waiter {
                waker.wake();
            }
        }
        waited_for != [None, None]
    }

    pub(crate) fn open_letter(&self, letter: Letter) {
        match letter {
            Letter::Step(steps) => self.call_step(steps),
            Letter::Forget(socket) => {
                let waiters = self.shared.sockets.borrow_mut().forget(socket);
                drop(waiters);
            }
            Letter::Result {
                key,
                result: Ok(result),
            } => self.push(Ready::Result(key, result)),
            Letter::Result {
                result: Err(panicked),
                ..
            } => panic::resume_unwind(panicked),
        }
    }

    /// The idle callback (`_on_idle`): exactly as many as are ready now.
    fn run_ready(&self, event_loop: &mut Loop, step_main: &mut dyn FnMut()) {
        let count = self.ready.borrow().len();
        if count == 0 {
            return;
        }
        self.shared.turn.set(event_loop.metrics.turns);
        event_loop.metrics.callbacks += count as u64;
        mem::swap(&mut event_loop.metrics, &mut self.metrics.borrow_mut());
        for _ in 0..count {
            let Some(ready) = self.ready.borrow_mut().pop_front() else {
                break;
            };
            match ready {
                Ready::Step(Steps::Task(task)) => self.shared.step(task),
                Ready::Step(Steps::Main) => step_main(),
                Ready::Result(key, result) => self.come(key, result),
            }
        }
        mem::swap(&mut event_loop.metrics, &mut self.metrics.borrow_mut());
        self.answer(event_loop);
    }

    fn answer(&self, event_loop: &mut Loop) {
        for ask in self.asked.take() {
            match ask {
                Ask::StartTimer { key, due_ns } => {
                    let timer = event_loop.add_timer(move |event_loop, itself| {
                        event_loop.close(itself);
                        if let Some(coroutines) = &event_loop.coroutines {
                            coroutines.timers.borrow_mut().remove(key);
                            coroutines.come(key, Box::new(()));
                        }
                    });
                    event_loop.start_timer_at(timer, due_ns, 0);
                    self.timers.borrow_mut().insert(key, timer);
                }
                Ask::CloseTimer(key) => {
                    if let Some(timer) = self.timers.borrow_mut().remove(key) {
                        event_loop.close(timer);
                    }
                }
            }
        }
    }

    fn come(&self, key: ResultKey, result: AnyResult) {
        let then = self.shared.results.borrow_mut().come(key, result);
        match then {
            Some(Then::Wake(waker)) => waker.wake(),
            Some(Then::Call(callback)) => callback(),
            None => {}
        }
    }

    fn call_step(&self, steps: Steps) {
        if self.shared.tasks.borrow_mut().wake(steps) {
            self.push(Ready::Step(steps));
        }
    }

    fn push(&self, ready: Ready) {
        self.ready.borrow_mut().push_back(ready);
    }

    fn ask(&self, ask: Ask) {
        self.asked.borrow_mut().push_back(ask);
    }
}

impl Home for Remote {
    /// One an event, as libuv since 1.45.
    const MAX_ACCEPTS_PER_TURN: usize = 1;
    const MAX_READS_PER_TURN: usize = MAX_READS_PER_TURN;

    fn running() -> Self {
        with_running(|coroutines| coroutines.remote.clone())
    }

    fn local<T>(&self, act: impl FnOnce(&Shared) -> T) -> Option<T> {
        self.coroutines(|coroutines| act(&coroutines.shared))
    }

    fn call_step(&self, steps: Steps) {
        if self
            .coroutines(|coroutines| coroutines.call_step(steps))
            .is_none()
        {
            self.mailbox
                .deliver(remote::Letter::Coroutines(Letter::Step(steps)));
        }
    }

    fn forget(&self, socket: SocketKey) {
        self.mailbox
            .deliver(remote::Letter::Coroutines(Letter::Forget(socket)));
    }

    fn abandon(&self, result: ResultKey) {
        // On another thread the result finds out that nobody waits.
        self.coroutines(|coroutines| {
            let forgotten = coroutines.shared.results.borrow_mut().forget(result);
            coroutines.ask(Ask::CloseTimer(result));
            drop(forgotten);
        });
    }
}

impl Remote {
    /// Does something with the loop's coroutines, if this thread runs them at the moment.
    fn coroutines<T>(&self, act: impl FnOnce(&Coroutines) -> T) -> Option<T> {
        // While a thread ends, its locals go one by one, and no loop runs on it.
        let acted = RUNNING.try_with(|running| match &*running.borrow() {
            Some(coroutines) if Arc::ptr_eq(&coroutines.remote.mailbox, &self.mailbox) => {
                Some(act(coroutines))
            }
            _ => None,
        });
        acted.ok().flatten()
    }
}

thread_local! {
    static RUNNING: RefCell<Option<Rc<Coroutines>>> = const { RefCell::new(None) };
}

fn with_running<T>(act: impl FnOnce(&Coroutines) -> T) -> T {
    RUNNING.with_borrow(|running| {
        act(running
            .as_ref()
            .expect("a loop runs on this thread: this is called from its tasks"))
    })
}

/// For as long as this lives, the loop is the one whose coroutines run on this thread.
struct Running;

impl Running {
    fn enter(coroutines: &Rc<Coroutines>) -> Self {
        let before = RUNNING.replace(Some(Rc::clone(coroutines)));
        assert!(before.is_none(), "a loop runs on this thread already");
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.take();
    }
}

impl fmt::Debug for Coroutines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coroutines {{ shared: {:?} }}", self.shared)
    }
}
