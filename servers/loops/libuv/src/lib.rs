//! libuv in miniature, on mio: a loop of callbacks on one thread.
//!
//! It is for the callback server, which needs today's libuv to compare with coroutines: the same phases in
//! the same order, timers by the millisecond, handles that are closed rather than dropped, and a pool of
//! threads for what would block; and for the coroutine server, which runs on it as Python's coroutines do on uvloop ([`Runner`]). It
//! knows sockets, clocks and threads; it must never know HTTP. How it waits
//! it has in common with the asyncio-shaped loop, in `reactor`.
//!
//! [`Loop::run`] and the turn it repeats are in `event_loop.rs`, on one screen; every other file is a leaf of it:
//!
//! | file | what | libuv's |
//! |---|---|---|
//! | `timers.rs` | timers and their heap, ordered by due time and then by start | `timer.c` |
//! | `watchers.rs` | idle, prepare and check callbacks | `unix/loop-watcher.c` |
//! | `pending.rs` | callbacks put off to the next pending phase | `unix/core.c` |
//! | `poll.rs` | the poll phase: how long to wait, what became ready | `unix/linux.c` |
//! | `tcp.rs`, `write_queue.rs` | streams: connect, read, write, shut down | `unix/stream.c` |
//! | `listener.rs` | listening sockets, back-off when descriptors run out | `unix/stream.c` |
//! | `pool.rs` | work for the threads of the pool | `threadpool.c` |
//! | `remote.rs` | waking the loop from other threads | `unix/async.c` |
//! | `handles.rs` | names of handles, what keeps a loop alive, the closing phase | `unix/core.c` |
//! | `coroutines.rs` | coroutines | uvloop's `loop.pyx` |
//! | `metrics.rs` | what the loop says about itself | – |
//!
//! The same programs, in C on libuv and in Rust on this, leave the same trace turn by turn: `tests/twins.rs` runs both.
//!
//! Where it differs from libuv, on purpose:
//!
//! - Timers fire by [`TimerRule`], which unless set otherwise is the one that all loops here keep: at whole milliseconds, never early, and
//!   the poll phase waits from when it is entered. libuv's own is [`TimerRule::Own`].
//! - mio is edge-triggered, so a stream that still has input after its share of a turn, one that reads on after a pause, and a listener that
//!   has accepted ask for their events anew, by a system call; from libuv's level-triggered epoll they come by themselves.
//! - A paused stream's events are still delivered to the loop, which notes them and waits on; libuv asks for none.
//! - Writes that wait for the socket are sent together, by one system call; libuv sends one after the other, up to 32 in a turn.
//! - An accepted or connecting socket is registered at once; libuv does it when the poll phase begins, so that its events come after those
//!   of streams that have input left.
//! - When descriptors run out, accepting pauses as its rule says; libuv gives up a spare descriptor to
//!   accept and drop the connection, which other threads can spoil.
//! - A wake-up that is asked for while another's callback runs comes with the next poll; in libuv with the same one, if its handle was made
//!   after the other's.
//!
//! Where coroutines differ from uvloop's, on purpose: an event wakes the task, and the task itself reads, in its step, into its own buffer;
//! uvloop reads in the poll phase, for `loop.sock_recv_into` as for its transports. Starting and stopping a timer is done after the steps of
//! the phase.
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
mod coroutines;
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

pub use coroutines::{
    Runner, metrics, ready_len, run_in_pool, sleep, sleep_until, spawn, tasks_alive, time, wait_for,
};
pub use event_loop::{Loop, Settings};
pub use handles::Handle;
pub use listener::{BindSettings, Listener, bind};
pub use metrics::Metrics;
pub use pending::MAX_PENDING_ROUNDS;
pub use poll::MAX_POLLS_PER_TURN;
pub use reactor::coroutines::{Elapsed, ResultToCome};
pub use reactor::{
    AcceptRetry, Clock, MAX_EVENTS_PER_POLL, MAX_POOL_THREADS, MAX_POSTS, MAX_QUEUED_WORK,
    ManualClock, Pool, PoolError, PostError, Punctuality, TimerRule,
};
pub use remote::{Remote, Wakeup};
pub use tcp::{MAX_READS_PER_TURN, READ_BUFFER_BYTES, Read, Tcp};
pub use timers::Timer;
pub use watchers::{Phase, Watcher};

/// A listening socket, for coroutines.
pub type TcpListener = reactor::coroutines::TcpListener<Remote>;
/// A connection, for coroutines.
pub type TcpStream = reactor::coroutines::TcpStream<Remote>;
/// A flag that tasks can wait for: asyncio's, as uvloop has no other.
pub type Event = reactor::coroutines::Event<Remote>;
/// So many tasks that may do something at once: asyncio's, as uvloop has no other.
pub type Semaphore = reactor::coroutines::Semaphore<Remote>;
/// A [`Semaphore`] that was acquired.
pub type Permit<'a> = reactor::coroutines::Permit<'a, Remote>;
/// Signals that a loop catches for its coroutines.
pub type Signals = reactor::coroutines::Signals<Remote>;
