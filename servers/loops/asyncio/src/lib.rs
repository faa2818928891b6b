//! asyncio in miniature: a scheduler that runs coroutines one at a time, on one thread.
//!
//! It is for the coroutine server, which needs Python's scheduler to compare with callbacks and with tokio: a ready queue,
//! a heap of timers and a selector, in the order of CPython's `Lib/asyncio` (3.11), with Rust's futures for coroutines. It knows
//! sockets, clocks and threads; it must never know HTTP. How it waits it has in common with the libuv-style loop, in
//! `reactor`.
//!
//! [`Runner::run`] and the turn it repeats are in `event_loop.rs`, on one screen; every other file is a leaf of it:
//!
//! | file | what | asyncio's |
//! |---|---|---|
//! | `handles.rs` | callbacks, soon or at a time, and their cancellation | `events.py` |
//! | `scheduled.rs` | the heap of timers | `heapq.py` |
//! | `selector.rs` | waiting for sockets, whose readers and writers join the ready queue | `selector_events.py` |
//! | `transports.rs` | protocols on transports | `transports.py`, `selector_events.py` |
//! | `server.rs` | servers and clients of protocols | `base_events.py`, `selector_events.py` |
//! | `tasks.rs` | tasks and their steps | `tasks.py` |
//! | `futures.rs` | values to come, and their done callbacks | `futures.py` |
//! | `sleep.rs` | sleeping and time limits | `tasks.py`, `timeouts.py` |
//! | `executor.rs` | blocking work in a pool of threads | `base_events.py` |
//! | `remote.rs` | the running loop, and reaching one from other threads | `events.py`, `base_events.py` |
//! | `metrics.rs` | what the loop says about itself | – |
//!
//! Streams, events, semaphores and signals are `reactor::coroutines`', for this loop.
//!
//! The same programs, in Python and in Rust, leave the same trace turn by turn: `tests/twins.rs` runs both.
//!
//! Where it differs from asyncio, on purpose:
//!
//! - Timers fire by [`TimerRule`], which unless set otherwise is the one that all loops here keep: at whole milliseconds, never early.
//!   asyncio's own is [`TimerRule::Own`].
//! - A task is a future, and its waker puts its next step on the ready queue. Whatever wakes it several times before that
//!   step, it takes one: Rust's coroutines can wait for several things at once, Python's for one.
//! - Cancelling a task drops its coroutine in its next step, which what it waits for cannot refuse. Exceptions are values that
//!   tasks return; a panic is a bug, and ends the loop instead of a task.
//! - A time limit ([`wait_for`]) makes no task of what it limits, as in Python since 3.12.
//! - What other threads call for joins the ready queue when the selector is next looked at. CPython, under its global
//!   lock, appends it at once.
//! - [`TcpStream`]s have no transport and no buffer: the selector's event wakes the task, in the next turn as there, and the task
//!   itself reads, into its own buffer, as with `loop.sock_recv_into`. A stream is read once a turn, and a listener accepts so
//!   many connections a turn ([`MAX_ACCEPTS_PER_TURN`]), as asyncio's transports and servers do; so one fast sender can't
//!   hold the loop.
//! - A [`Transport`] reads into a buffer of the loop's, whose bytes its protocol has for as long as
//!   [`Protocol::data_received`] takes; CPython makes a new `bytes` object for each read.
//! - A [`Server`] pauses accepting by a rule that it is given, where CPython waits a second, and goes on after errors that are one
//!   connection's own.
//! - A socket is registered once for both directions and edge-triggered; what is left of its input is asked for anew, and events that
//!   nobody waits for end no turn. asyncio adds and removes readers and writers of level-triggered ones.
//! - The executor has a fixed number of threads, 4 unless set otherwise, and a queue with a bound; `ThreadPoolExecutor`
//!   starts up to `cpus + 4` as work comes, and its queue has none.
//! - Left out is what no server here needs: contexts, debug mode, exception handlers, asynchronous generators,
//!   buffered protocols, subprocesses.
//!
//! ```
//! use asyncio::{Clock, ManualClock, Runner, Settings, get_running_loop, sleep};
//! use std::time::Duration;
//!
//! let clock = Clock::Manual(ManualClock::new());
//! let mut runner = Runner::new(Settings { clock, ..Settings::default() })?;
//! let slept = runner.run(async {
//!     let task = asyncio::create_task(async {
//!         sleep(Duration::from_secs(3600)).await;
//!         get_running_loop().time()
//!     });
//!     task.await
//! })?;
//! assert_eq!(slept, Ok(Duration::from_secs(3600)));
//! # Ok::<(), std::io::Error>(())
//! ```

mod event_loop;
mod executor;
mod futures;
mod handles;
mod metrics;
mod remote;
mod scheduled;
mod selector;
mod server;
mod sleep;
mod tasks;
mod transports;

pub use event_loop::{EventLoop, MAX_READ_BYTES, Runner, Settings};
pub use executor::Execution;
pub use futures::{Cancelled, Future};
pub use handles::Handle;
pub use metrics::Metrics;
pub use reactor::coroutines::Elapsed;
pub use reactor::{
    AcceptRetry, Clock, MAX_EVENTS_PER_POLL, MAX_POOL_THREADS, MAX_POSTS, MAX_QUEUED_WORK,
    ManualClock, Pool, PoolError, PostError, Punctuality, TimerRule,
};
pub use remote::{MAX_ACCEPTS_PER_TURN, Remote, get_running_loop};
pub use selector::MAX_SELECT_TIMEOUT;
pub use server::Server;
pub use sleep::{Sleep, sleep, sleep_until, wait_for};
pub use tasks::{Task, create_task};
pub use transports::{HIGH_WATER_BYTES, LOW_WATER_BYTES, Protocol, Transport};

/// A listening socket of this loop.
pub type TcpListener = reactor::coroutines::TcpListener<Remote>;
/// A connection of this loop.
pub type TcpStream = reactor::coroutines::TcpStream<Remote>;
/// A flag that tasks of this loop can wait for.
pub type Event = reactor::coroutines::Event<Remote>;
/// So many tasks of this loop that may do something at once.
pub type Semaphore = reactor::coroutines::Semaphore<Remote>;
/// A [`Semaphore`] that was acquired.
pub type Permit<'a> = reactor::coroutines::Permit<'a, Remote>;
/// Signals that this loop catches.
pub type Signals = reactor::coroutines::Signals<Remote>;
