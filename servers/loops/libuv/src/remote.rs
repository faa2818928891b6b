//! Reaching a loop from other threads.
//!
//! Knows a mailbox and how to wake its loop; must never run anything itself. Any number of letters between two polls cost
//! one wake-up, and are read in the poll phase, in the order they were put (libuv's `uv_async_t`).

use crate::coroutines;
use crate::event_loop::Loop;
use crate::handles::{Handle, Key};
use crate::pool::WorkResult;
use reactor::{Mailbox, PostError};
use std::fmt;
use std::sync::Arc;

/// Names a callback of the loop's own that other threads can have run (libuv's `uv_async_t`).
///
/// The callback may capture what isn't for other threads; its name may be handed to them, beside a [`Remote`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wakeup(pub(crate) Key);

/// Sends callbacks to a loop on another thread. Clones reach the same loop.
#[derive(Debug, Clone)]
pub struct Remote {
    pub(crate) mailbox: Arc<Mailbox<Letter>>,
}

impl Remote {
    pub(crate) fn new(mailbox: Arc<Mailbox<Letter>>) -> Self {
        Self { mailbox }
    }

    /// Has the loop run `callback` in its next poll phase, and wakes it for that.
    pub fn post(&self, callback: impl FnOnce(&mut Loop) + Send + 'static) -> Result<(), PostError> {
        self.mailbox.post(Letter::Call(Box::new(callback)))
    }

    /// Has the loop run the callback that `wakeup` names, which must be one of its own, in its next poll phase: once, however
    /// often it is asked for until then (`uv_async_send`).
    pub fn wake(&self, wakeup: Wakeup) -> Result<(), PostError> {
        let same = |letter: &Letter| matches!(letter, Letter::Wake(other) if *other == wakeup);
        let is_alive = self.mailbox.deliver_once(Letter::Wake(wakeup), same);
        is_alive.then_some(()).ok_or(PostError::LoopGone)
    }
}

impl Loop {
    /// A callback that other threads can have run by [`Remote::wake`]. It keeps the loop alive until it is closed.
    pub fn add_wakeup(&mut self, callback: impl FnMut(&mut Loop, Wakeup) + 'static) -> Wakeup {
        let callback: Option<WakeupCallback> = Some(Box::new(callback));
        let wakeup = Wakeup(self.handles.wakeups.insert(WakeupState { callback }));
        self.handles.set_active(Handle::Wakeup(wakeup), true);
        wakeup
    }

    /// Reads the mailbox; letters put meanwhile come with another wake-up. Finished work comes first, then callbacks, then wake-ups in
    /// the order in which they were made: so libuv goes through its `uv_async_t`s, of which the pool's is the loop's first
    /// (`uv__async_io`).
    pub(crate) fn read_mailbox(&mut self) {
        let mut letters = self.mailbox.take();
        letters.sort_by_key(Letter::rank);
        for letter in letters {
            match letter {
                Letter::Call(callback) => {
                    self.metrics.callbacks += 1;
                    callback(self);
                }
                Letter::Wake(wakeup) => self.wake_up(wakeup),
                Letter::Work { ticket, result } => self.finish_work(ticket, result),
                Letter::Coroutines(letter) => {
                    if let Some(coroutines) = &self.coroutines {
                        coroutines.open_letter(letter);
                    }
                }
            }
        }
    }
}

impl Loop {
    fn wake_up(&mut self, wakeup: Wakeup) {
        let state = self.handles.wakeups.open_mut(wakeup.0);
        if let Some(mut callback) = state.and_then(|state| state.callback.take()) {
            self.metrics.callbacks += 1;
            callback(self, wakeup);
            if let Some(state) = self.handles.wakeups.open_mut(wakeup.0) {
                state.callback = Some(callback);
            }
        }
    }
}

type WakeupCallback = Box<dyn FnMut(&mut Loop, Wakeup)>;

pub(crate) struct WakeupState {
    /// Taken out while it runs.
    callback: Option<WakeupCallback>,
}

impl fmt::Debug for WakeupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WakeupState")
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

pub(crate) enum Letter {
    Call(Box<dyn FnOnce(&mut Loop) + Send>),
    Wake(Wakeup),
    Work { ticket: usize, result: WorkResult },
    Coroutines(coroutines::Letter),
}

impl Letter {
    fn rank(&self) -> (u8, u32) {
        match self {
            Self::Work { .. } => (0, 0),
            Self::Call(_) | Self::Coroutines(_) => (1, 0),
            Self::Wake(wakeup) => (2, wakeup.0.serial()),
        }
    }
}
