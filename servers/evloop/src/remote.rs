//! Reaching a loop from other threads.
//!
//! Knows a mailbox and how to wake its loop; must never run anything itself. Any number of letters between two polls cost
//! one wake-up, and are read in the poll phase, in the order they were put (libuv's `uv_async_t`).

use crate::event_loop::Loop;
use crate::handles::{Handle, Key};
use crate::pool::WorkResult;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Callbacks that may wait in a loop's mailbox at once. A loop so far behind gains nothing from another.
pub const MAX_POSTS: usize = 65_536;

/// Names a callback of the loop's own that other threads can have run (libuv's `uv_async_t`).
///
/// The callback may capture what isn't for other threads; its name may be handed to them, beside a [`Remote`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wakeup(pub(crate) Key);

/// Sends callbacks to a loop on another thread. Clones reach the same loop.
#[derive(Debug, Clone)]
pub struct Remote {
    mailbox: Arc<Mailbox>,
}

impl Remote {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox }
    }

    /// Has the loop run `callback` in its next poll phase, and wakes it for that.
    pub fn post(&self, callback: impl FnOnce(&mut Loop) + Send + 'static) -> Result<(), PostError> {
        let mut inbox = self.mailbox.lock();
        if inbox.closed {
            return Err(PostError::LoopGone);
        }
        if inbox.posts == MAX_POSTS {
            return Err(PostError::Full);
        }
        inbox.posts += 1;
        self.mailbox.put(inbox, Letter::Call(Box::new(callback)));
        Ok(())
    }

    /// Has the loop run the callback that `wakeup` names, which must be one of its own, in its next poll phase: once, however
    /// often it is asked for until then (`uv_async_send`).
    pub fn wake(&self, wakeup: Wakeup) -> Result<(), PostError> {
        let mut inbox = self.mailbox.lock();
        if inbox.closed {
            return Err(PostError::LoopGone);
        }
        if !inbox.wakeups.contains(&wakeup) {
            inbox.wakeups.push(wakeup);
            self.mailbox.put(inbox, Letter::Wake(wakeup));
        }
        Ok(())
    }
}

/// Why a callback wasn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostError {
    /// The loop has been dropped.
    LoopGone,
    /// [`MAX_POSTS`] callbacks wait already: the loop is held up; try again later.
    Full,
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoopGone => f.write_str("the event loop has ended and takes no more callbacks"),
            Self::Full => {
                write!(
                    f,
                    "the event loop's mailbox holds {MAX_POSTS} callbacks: it is held up; try again later"
                )
            }
        }
    }
}

impl std::error::Error for PostError {}

impl Loop {
    /// A callback that other threads can have run by [`Remote::wake`]. It keeps the loop alive until it is closed.
    pub fn add_wakeup(&mut self, callback: impl FnMut(&mut Loop, Wakeup) + 'static) -> Wakeup {
        let callback: Option<WakeupCallback> = Some(Box::new(callback));
        let wakeup = Wakeup(self.handles.wakeups.insert(WakeupState { callback }));
        self.handles.set_active(Handle::Wakeup(wakeup), true);
        wakeup
    }

    /// Reads the mailbox; letters put meanwhile come with another wake-up.
    pub(crate) fn read_mailbox(&mut self) {
        let letters = {
            let mut inbox = self.mailbox.lock();
            inbox.posts = 0;
            inbox.wakeups.clear();
            mem::take(&mut inbox.letters)
        };
        for letter in letters {
            match letter {
                Letter::Call(callback) => {
                    self.metrics.callbacks += 1;
                    callback(self);
                }
                Letter::Wake(wakeup) => self.wake_up(wakeup),
                Letter::Work { ticket, result } => self.finish_work(ticket, result),
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
        let letters = {
            let mut inbox = self.mailbox.lock();
            inbox.closed = true;
            mem::take(&mut inbox.letters)
        };
        drop(letters);
    }
}

/// Where other threads leave letters for the loop.
pub(crate) struct Mailbox {
    inbox: Mutex<Inbox>,
    waker: mio::Waker,
}

#[derive(Default)]
struct Inbox {
    letters: Vec<Letter>,
    /// How many of the letters came from a `Remote`; results of work are bounded by the pool's own queue.
    posts: usize,
    /// Wake-ups among the letters, each once, which bounds them by the loop's own handles.
    wakeups: Vec<Wakeup>,
    closed: bool,
}

pub(crate) enum Letter {
    Call(Box<dyn FnOnce(&mut Loop) + Send>),
    Wake(Wakeup),
    Work { ticket: usize, result: WorkResult },
}

impl Mailbox {
    pub(crate) fn new(waker: mio::Waker) -> Self {
        Self {
            inbox: Mutex::default(),
            waker,
        }
    }

    /// Leaves the result of work done in the pool. After the loop's end nobody asks for it.
    pub(crate) fn put_work(&self, ticket: usize, result: WorkResult) {
        let inbox = self.lock();
        if !inbox.closed {
            self.put(inbox, Letter::Work { ticket, result });
        }
    }

    /// The first letter in an empty box wakes the loop; it reads all of them at once.
    fn put(&self, mut inbox: MutexGuard<'_, Inbox>, letter: Letter) {
        let was_empty = inbox.letters.is_empty();
        inbox.letters.push(letter);
        drop(inbox);
        if was_empty {
            self.waker
                .wake()
                .expect("the waker's descriptor lives as long as the mailbox");
        }
    }

    /// Nothing in here panics with the lock held, so a poisoned lock still guards a sound value.
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}
