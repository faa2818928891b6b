//! What coroutines need of any loop: tasks, sockets, results to come, locks.
//!
//! Both loops run Rust's futures, and what differs between them is when a task that was woken takes its step. That is
//! theirs; the tables of what waits, and for what, are here and written once. What a coroutine has in its hands is a key into
//! them and its loop's [`Home`]: it may be moved to another thread, and be dropped there, but is used on its own. So nothing in the
//! tables is locked or atomic. A `Waker` is, since the language lets any thread have it: each time that a task begins to wait for
//! something, cloning one is an atomic addition, and waking and dropping it an atomic subtraction. Without `unsafe` there is no way
//! around these two; asyncio's, under its global lock, and a callback have none.
//!
//! | file | what |
//! |---|---|
//! | `tasks.rs` | coroutines, and how they are woken |
//! | `sockets.rs` | who waits for which socket |
//! | `tcp.rs` | listeners and streams |
//! | `results.rs` | results that come once: of the pool's work, of a timer |
//! | `locks.rs` | events and semaphores |
//! | `limit.rs` | time limits |
//! | `signals.rs` | signals, through a pipe to the loop |

mod limit;
mod locks;
mod results;
mod signals;
mod sockets;
mod tasks;
mod tcp;

pub use limit::{Elapsed, limit_by};
pub use locks::{Acquire, Event, Locks, Permit, Semaphore, Wait};
pub use results::{AnyResult, ResultKey, ResultToCome, Results, Then};
pub use signals::Signals;
pub use sockets::{Direction, Registered, SocketKey, Sockets, Tried, Waiter};
pub use tasks::{Home, Steps, TaskKey, TaskWaker, Tasks};
pub use tcp::{TcpListener, TcpStream};

use std::cell::{Cell, RefCell};
use std::io;

/// The tables of one loop. None of them is borrowed while a task takes a step, a callback runs or something of theirs is dropped.
pub struct Shared {
    /// Tasks that are not done.
    pub tasks: RefCell<Tasks>,
    /// Sockets that coroutines use.
    pub sockets: RefCell<Sockets>,
    /// Results that are awaited.
    pub results: RefCell<Results>,
    /// Events and semaphores.
    pub locks: RefCell<Locks>,
    /// The loop's present turn, which bounds how often a socket is read in it.
    pub turn: Cell<u64>,
}

impl Shared {
    /// Empty tables for a loop that waits by `poll`. Fails where no more descriptors can be had: raise the limit on open files.
    pub fn new(poll: &crate::Poll) -> io::Result<Self> {
        Ok(Self {
            tasks: RefCell::default(),
            sockets: RefCell::new(Sockets::new(poll.registry().try_clone()?)),
            results: RefCell::default(),
            locks: RefCell::default(),
            turn: Cell::new(0),
        })
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared {{ tasks: {} }}", self.tasks.borrow().len())
    }
}
