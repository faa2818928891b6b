//! libuv in miniature, on mio: a loop of callbacks on one thread.
//!
//! It is for the callback server, which needs today's libuv to compare with coroutines: the same phases in
//! the same order, timers by the millisecond, handles that are closed rather than dropped, and a pool of
//! threads for what would block. It knows sockets, clocks and threads; it must never know HTTP. How it waits
//! it has in common with the asyncio-style loop, in `reactor`.
//!
//! [`Loop::run`] and the turn it repeats are in `event_loop.rs`, on one screen; every other file is a leaf of it:
//!
//! | file | what |
//! |---|---|
//! | `timers.rs` | timers and their heap, ordered by due time and then by start |
//! | `watchers.rs` | idle, prepare and check callbacks |
//! | `pending.rs` | callbacks put off to the next pending phase |
//! | `poll.rs` | the poll phase: how long to wait, what became ready |
//! | `tcp.rs`, `write_queue.rs` | streams: connect, read, write, shut down |
//! | `listener.rs` | listening sockets, bounded accepts, back-off when descriptors run out |
//! | `pool.rs` | work for the threads of the pool |
//! | `remote.rs` | waking the loop from other threads |
//! | `handles.rs` | names of handles, what keeps a loop alive, the closing phase |
//! | `metrics.rs` | what the loop says about itself |
//!
//! Where it differs from libuv, on purpose:
//!
//! - Watchers of one phase, and handles that close in one turn, run first in, first out. libuv runs both last
//!   in, first out, which its documentation doesn't promise and no program should need.
//! - mio is edge-triggered, so a stream or listener that still has input after its share of a turn is kept on a
//!   list and served in the next poll phase, which then doesn't wait.
//! - The poll phase waits until the next timer is due by the clock, where libuv subtracts from its cached time
//!   and so waits longer by as much as timer callbacks took.
//! - When descriptors run out, accepting pauses as the listener was told; libuv gives up a spare descriptor to
//!   accept and drop the connection, which other threads can spoil.
//!
//! ```
//! use libuv::{Clock, Loop, ManualClock, Settings};
//! use std::{cell::Cell, rc::Rc};
//!
//! let clock = ManualClock::new();
//! let mut event_loop = Loop::new(Settings { clock: Clock::Manual(clock), ..Settings::default() })?;
//! let fired_at_ms = Rc::new(Cell::new(0));
//! let seen = Rc::clone(&fired_at_ms);
//! let timer = event_loop.add_timer(move |event_loop, _| seen.set(event_loop.now_ms()));
//! event_loop.start_timer(timer, 250, 0);
//! event_loop.run()?;
//! assert_eq!(fired_at_ms.get(), 250);
//! # Ok::<(), std::io::Error>(())
//! ```
mod event_loop;
mod handles;
mod listener;
mod metrics;
mod pending;
mod poll;
mod pool;
mod remote;
mod tcp;
mod timers;
mod watchers;
mod write_queue;

pub use event_loop::{Loop, Settings};
pub use handles::Handle;
pub use listener::{BindSettings, Listener, MAX_ACCEPTS_PER_TURN, bind};
pub use metrics::Metrics;
pub use pending::MAX_PENDING_ROUNDS;
pub use reactor::{
    AcceptRetry, Clock, MAX_EVENTS_PER_POLL, MAX_POOL_THREADS, MAX_POSTS, MAX_QUEUED_WORK,
    ManualClock, Pool, PoolError, PostError, Punctuality, TimerRule,
};
pub use remote::{Remote, Wakeup};
pub use tcp::{MAX_READS_PER_TURN, READ_BUFFER_BYTES, Read, Tcp};
pub use timers::Timer;
pub use watchers::{Phase, Watcher};
