//! The running loop, and reaching one from other threads (`events.py`'s running loop, `call_soon_threadsafe`).
//!
//! Knows which loop this thread runs and how to write letters to others; must never run anything itself.

use crate::event_loop::{EventLoop, Ready};
use reactor::coroutines::{Home, ResultKey, Shared, SocketKey, Steps};
use reactor::{Mailbox, PostError};
use std::cell::RefCell;
use std::sync::Arc;

/// Connections accepted from one listener in one turn: as many as asyncio's servers accept (their `backlog`), so that a burst
/// of them can't keep those who are connected waiting.
pub const MAX_ACCEPTS_PER_TURN: usize = 100;

/// The loop that runs this callback or task.
///
/// Panics outside of one.
pub fn get_running_loop() -> EventLoop {
    RUNNING
        .with_borrow(Clone::clone)
        .expect("a loop runs on this thread: this is called from its callbacks and tasks")
}

thread_local! {
    static RUNNING: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
}

/// Reaches a loop from any thread. Clones reach the same loop.
#[derive(Debug, Clone)]
pub struct Remote {
    mailbox: Arc<Mailbox<Letter>>,
}

impl Remote {
    /// Has the loop run `callback` soon, and wakes it for that: on the loop's own thread in its next turn, from other threads after
    /// its next select.
    pub fn call_soon_threadsafe(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<(), PostError> {
        let mut callback = Some(callback);
        let called = self.event_loop(|event_loop| {
            if let Some(callback) = callback.take() {
                event_loop.push(Ready::Call(Box::new(callback)));
            }
        });
        match callback {
            Some(callback) if called.is_none() => {
                self.mailbox.post(Letter::Call(Box::new(callback)))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn new(mailbox: Arc<Mailbox<Letter>>) -> Self {
        Self { mailbox }
    }

    /// Does something with the loop, if this thread runs it at the moment.
    pub(crate) fn event_loop<T>(&self, act: impl FnOnce(&EventLoop) -> T) -> Option<T> {
        // While a thread ends, its locals go one by one, and no loop runs on it.
        let acted = RUNNING.try_with(|running| match &*running.borrow() {
            Some(event_loop) if event_loop.inner.remote.is_same(self) => Some(act(event_loop)),
            _ => None,
        });
        acted.ok().flatten()
    }

    /// Leaves a letter for which the loop waits.
    pub(crate) fn deliver(&self, letter: Letter) {
        self.mailbox.deliver(letter);
    }

    pub(crate) fn close(&self) {
        self.mailbox.close();
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mailbox, &other.mailbox)
    }
}

/// What other threads, or none that runs the loop, have for it.
pub(crate) enum Letter {
    /// To run this.
    Call(Box<dyn FnOnce() + Send>),
    /// To take a step.
    Step(Steps),
    /// To forget this socket.
    Forget(SocketKey),
}

impl Home for Remote {
    const MAX_ACCEPTS_PER_TURN: usize = MAX_ACCEPTS_PER_TURN;
    const MAX_READS_PER_TURN: usize = 1;

    fn running() -> Self {
        get_running_loop().remote()
    }

    fn local<T>(&self, act: impl FnOnce(&Shared) -> T) -> Option<T> {
        self.event_loop(|event_loop| act(&event_loop.inner.shared))
    }

    fn call_step(&self, steps: Steps) {
        if self
            .event_loop(|event_loop| event_loop.call_step(steps))
            .is_none()
        {
            self.deliver(Letter::Step(steps));
        }
    }

    fn forget(&self, socket: SocketKey) {
        self.deliver(Letter::Forget(socket));
    }

    fn abandon(&self, result: ResultKey) {
        // On another thread the result finds out that nobody waits.
        self.event_loop(|event_loop| event_loop.abandon(result));
    }
}

impl EventLoop {
    pub(crate) fn open_letter(&self, letter: Letter) {
        match letter {
            Letter::Call(callback) => self.push(Ready::Call(callback)),
            Letter::Step(steps) => self.call_step(steps),
            Letter::Forget(socket) => {
                let waiters = self.inner.shared.sockets.borrow_mut().forget(socket);
                drop(waiters);
            }
        }
    }
}

/// For as long as this lives, the loop is the one that runs on this thread.
pub(crate) struct Running {
    before: Option<EventLoop>,
}

impl Running {
    pub(crate) fn enter(event_loop: &EventLoop) -> Self {
        Self {
            before: RUNNING.replace(Some(event_loop.clone())),
        }
    }

    /// As [`Running::enter`], where no other loop may run.
    pub(crate) fn enter_first(event_loop: &EventLoop) -> Self {
        let running = Self::enter(event_loop);
        assert!(
            running.before.is_none(),
            "a loop runs on this thread already"
        );
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = RUNNING.replace(self.before.take());
        drop(ended);
    }
}
