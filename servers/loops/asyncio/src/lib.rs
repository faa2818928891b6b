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
//! | `tasks.rs` | tasks and their steps | `tasks.py` |
//! | `futures.rs` | values to come, and their done callbacks | `futures.py` |
//! | `sleep.rs` | sleeping and time limits | `tasks.py`, `timeouts.py` |
//! | `tcp.rs` | listeners and streams | `selector_events.py` |
//! | `executor.rs` | blocking work in a pool of threads | `base_events.py` |
//! | `remote.rs` | the running loop, and reaching one from other threads | `events.py`, `base_events.py` |
//! | `signals.rs` | signals, through a pipe to the loop | `unix_events.py` |
//! | `metrics.rs` | what the loop says about itself | – |
//!
//! The same programs, in Python and in Rust, leave the same trace turn by turn: `tests/order.rs` runs both.
//!
//! Where it differs from asyncio, on purpose:
//!
//! - A task is a future, and its waker puts its next step on the ready queue. Whatever wakes it several times before that
//!   step, it takes one: Rust's coroutines can wait for several things at once, Python's for one.
//! - Cancelling a task drops its coroutine in its next step, which what it waits for cannot refuse. Exceptions are values that
//!   tasks return; a panic is a bug, and ends the loop instead of a task.
//! - A time limit ([`wait_for`]) makes no task of what it limits, as in Python since 3.12.
//! - What other threads call for joins the ready queue when the selector is next looked at. CPython, under its global
//!   lock, appends it at once.
//! - Streams have no transport and no buffer: the selector's event wakes the task, in the next turn as there, and the task
//!   itself reads, into its own buffer, as with `loop.sock_recv_into`. A stream is read once a turn, and a listener accepts so
//!   many connections a turn ([`MAX_ACCEPTS_PER_TURN`]), as asyncio's transports and servers do; so one fast sender can't
//!   hold the loop.
//! - A socket is registered once for both directions and edge-triggered, as in `libuv` and mio; asyncio adds and removes
//!   readers and writers.
//! - The executor has a fixed number of threads, 4 unless told otherwise, and a queue with a bound; `ThreadPoolExecutor`
//!   starts up to `cpus + 4` as work comes, and its queue has none.
//! - Left out is what no server here needs: contexts, debug mode, exception handlers, asynchronous generators,
//!   protocols, subprocesses.
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
mod signals;
mod sleep;
mod tasks;
mod tcp;

pub use event_loop::{EventLoop, Runner, Settings};
pub use executor::Execution;
pub use futures::{Cancelled, Future};
pub use handles::Handle;
pub use metrics::Metrics;
pub use reactor::{
    Clock, MAX_EVENTS_PER_POLL, MAX_POOL_THREADS, MAX_POSTS, MAX_QUEUED_WORK, ManualClock,
    PoolFull, PostError,
};
pub use remote::{Remote, get_running_loop};
pub use selector::MAX_SELECT_TIMEOUT;
pub use signals::Signals;
pub use sleep::{Elapsed, Sleep, sleep, sleep_until, wait_for};
pub use tasks::{Task, create_task};
pub use tcp::{MAX_ACCEPTS_PER_TURN, TcpListener, TcpStream};
