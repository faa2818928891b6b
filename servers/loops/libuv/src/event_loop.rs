//! The loop itself: one turn on one screen.
//!
//! Knows the order of the phases and whether there is reason for another turn; must never know what a phase does.

use crate::coroutines::Coroutines;
use crate::handles::{Closing, Handles};
use crate::metrics::Metrics;
use crate::pending::Pending;
use crate::pool::WorkDone;
use crate::remote::{Letter, Remote};
use crate::tcp::READ_BUFFER_BYTES;
use crate::timers::{Timer, TimerHeap};
use crate::watchers::{Phase, Watchers};
use reactor::{Clock, MAX_EVENTS_PER_POLL, Mailbox, NS_PER_MS, Poll, Pool, TimerRule};
use slab::Slab;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// An event loop: callbacks, one at a time, on the thread that calls [`Loop::run`].
///
/// Handles live inside the loop and are named by small keys; a key whose handle has been closed is harmless: what
/// is done with it does nothing. Callbacks are handed the loop, and keep their own state in captured `Rc`s.
#[derive(Debug)]
pub struct Loop {
    pub(crate) handles: Handles,
    /// In the order in which they were closed.
    pub(crate) closing: Vec<Closing>,
    /// Operations under way that keep the loop alive: connects, queued writes, shut-downs, work in the pool.
    pub(crate) requests: usize,
    pub(crate) stopping: bool,

    /// Loop time, read from the clock after every poll and before timers run; `now_ms` is its whole milliseconds.
    pub(crate) now_ns: u64,
    pub(crate) now_ms: u64,
    /// `metrics.callbacks` when loop time was last read: while it is the same, no callback has taken any time.
    pub(crate) callbacks_at_update: u64,
    pub(crate) poll_returned_ns: u64,
    pub(crate) metrics: Box<Metrics>,

    pub(crate) timer_rule: TimerRule,
    pub(crate) timer_heap: TimerHeap,
    pub(crate) timers_ready: VecDeque<Timer>,
    pub(crate) watchers: Watchers,
    pub(crate) pending: VecDeque<Pending>,

    pub(crate) poll: Poll,
    pub(crate) events: mio::Events,
    /// Every stream reads into this one buffer; its bytes are the callback's for as long as it runs.
    pub(crate) read_buffer: Vec<u8>,

    pub(crate) mailbox: Arc<Mailbox<Letter>>,
    pub(crate) pool: Pool,
    pub(crate) works: Slab<WorkDone>,
    /// What runs on the loop besides its callbacks, if it is a [`Runner`](crate::Runner)'s.
    pub(crate) coroutines: Option<Rc<Coroutines>>,
}

/// How to make a loop.
#[derive(Debug)]
pub struct Settings {
    /// Threads for blocking work, which other loops may share.
    pub pool: Pool,
    /// Where loop time comes from.
    pub clock: Clock,
    /// When timers fire.
    pub timer_rule: TimerRule,
}

/// Threads for blocking work, unless others are set: as in libuv.
const POOL_THREADS: usize = 4;

impl Default for Settings {
    fn default() -> Self {
        Self {
            pool: Pool::new(POOL_THREADS),
            clock: Clock::default(),
            timer_rule: TimerRule::default(),
        }
    }
}

impl Loop {
    /// Turns until nothing active is left or [`Loop::stop`] is called (libuv's `uv_run` in default mode,
    /// src/unix/core.c). Returns whether something active is left.
    ///
    /// Fails only if the operating system's poll does, which is a bug here or a machine in trouble.
    pub fn run(&mut self) -> io::Result<bool> {
        self.begin();
        if self.is_alive() && !self.stopping {
            self.run_timers();
        }
        while self.is_alive() && !self.stopping {
            self.turn(&mut |_| ())?;
        }
        self.stopping = false;
        Ok(self.is_alive())
    }

    /// One turn; `run_ready` is the idle callback of what runs on the loop besides its own.
    pub(crate) fn turn(&mut self, run_ready: &mut dyn FnMut(&mut Self)) -> io::Result<()> {
        self.metrics.turns += 1;
        self.run_pending();
        self.run_watchers(Phase::Idle);
        run_ready(self);
        self.run_watchers(Phase::Prepare);
        self.poll_io()?;
        self.run_pending_again();
        self.run_watchers(Phase::Check);
        self.run_closing();
        self.update_now();
        self.run_timers();
        Ok(())
    }

    /// A loop with nothing to do.
    ///
    /// Fails where the operating system refuses an epoll instance or the descriptor that wakes it: raise the limit
    /// on open files.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let poll = Poll::new(settings.clock)?;
        let mailbox = Arc::new(Mailbox::new(poll.waker()?));
        let now_ns = poll.now_ns();
        Ok(Self {
            handles: Handles::default(),
            closing: Vec::new(),
            requests: 0,
            stopping: false,
            now_ns,
            now_ms: now_ns / NS_PER_MS,
            callbacks_at_update: 0,
            poll_returned_ns: now_ns,
            metrics: Box::new(Metrics::new()),
            timer_rule: settings.timer_rule,
            timer_heap: TimerHeap::default(),
            timers_ready: VecDeque::new(),
            watchers: Watchers::default(),
            pending: VecDeque::new(),
            poll,
            events: mio::Events::with_capacity(MAX_EVENTS_PER_POLL),
            read_buffer: vec![0; READ_BUFFER_BYTES],
            pool: settings.pool,
            mailbox,
            works: Slab::new(),
            coroutines: None,
        })
    }

    /// Ends [`Loop::run`] after the present turn. Called before `run`, it makes that return at once.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Whether anything keeps the loop turning: an active handle that is referenced, an operation under way, a
    /// callback put off, or a handle still closing (libuv's `uv_loop_alive`).
    pub fn is_alive(&self) -> bool {
        self.handles.active > 0
            || self.requests > 0
            || !self.pending.is_empty()
            || !self.closing.is_empty()
    }

    /// Loop time in whole milliseconds since its clock began. It stands still within a phase, as libuv's `uv_now`
    /// does: timers are due relative to it.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// What the loop has to say about itself.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// A means of reaching this loop from other threads. It doesn't keep the loop alive.
    pub fn remote(&self) -> Remote {
        Remote::new(Arc::clone(&self.mailbox))
    }

    pub(crate) fn begin(&mut self) {
        self.update_now();
        self.poll_returned_ns = self.now_ns;
    }

    pub(crate) fn update_now(&mut self) {
        self.set_now(self.poll.now_ns());
    }

    pub(crate) fn set_now(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        self.now_ms = now_ns / NS_PER_MS;
        self.callbacks_at_update = self.metrics.callbacks;
    }
}
