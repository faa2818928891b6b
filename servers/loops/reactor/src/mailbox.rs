//! Letters from other threads.
//!
//! Knows a mailbox and how to wake its loop; must never know what a letter asks for. Any number of letters between two
//! readings cost one wake-up, and are read in the order in which they were put.

use std::fmt;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::Waker;

/// Posts that may wait in a mailbox at once. A loop so far behind gains nothing from another.
pub const MAX_POSTS: usize = 65_536;

/// Where other threads leave letters for a loop.
pub struct Mailbox<L> {
    inbox: Mutex<Inbox<L>>,
    waker: Waker,
}

struct Inbox<L> {
    letters: Vec<L>,
    /// How many of the letters were posted.
    posts: usize,
    closed: bool,
}

/// Why a post wasn't taken.
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

impl<L> Mailbox<L> {
    /// An empty mailbox of the loop that `waker` wakes.
    pub fn new(waker: Waker) -> Self {
        let inbox = Inbox {
            letters: Vec::new(),
            posts: 0,
            closed: false,
        };
        Self {
            inbox: Mutex::new(inbox),
            waker,
        }
    }

    /// Leaves a letter that anybody may write, of which there are no more than [`MAX_POSTS`] at once.
    pub fn post(&self, letter: L) -> Result<(), PostError> {
        let mut inbox = self.lock();
        if inbox.closed {
            return Err(PostError::LoopGone);
        }
        if inbox.posts == MAX_POSTS {
            return Err(PostError::Full);
        }
        inbox.posts += 1;
        self.put(inbox, letter);
        Ok(())
    }

    /// Leaves a letter that the loop waits for and whose number it bounds itself, as results of its own work are. After the
    /// loop's end nobody asks for it.
    pub fn deliver(&self, letter: L) {
        let inbox = self.lock();
        if !inbox.closed {
            self.put(inbox, letter);
        }
    }

    /// Leaves a letter unless `same` finds one of its kind, which looks at all that wait: for what is rarely done. Returns
    /// whether there still is a loop.
    pub fn deliver_once(&self, letter: L, same: impl FnMut(&L) -> bool) -> bool {
        let inbox = self.lock();
        if inbox.closed {
            return false;
        }
        if !inbox.letters.iter().any(same) {
            self.put(inbox, letter);
        }
        true
    }

    /// Takes all letters; those put meanwhile come with another wake-up.
    pub fn take(&self) -> Vec<L> {
        let mut inbox = self.lock();
        inbox.posts = 0;
        mem::take(&mut inbox.letters)
    }

    /// Takes no more letters, and drops those that wait.
    pub fn close(&self) {
        self.lock().closed = true;
        // Without the lock: what they hold may come back here.
        drop(self.take());
    }

    /// The first letter in an empty box wakes the loop; it reads all of them at once.
    fn put(&self, mut inbox: MutexGuard<'_, Inbox<L>>, letter: L) {
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
    fn lock(&self) -> MutexGuard<'_, Inbox<L>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> fmt::Debug for Mailbox<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}
