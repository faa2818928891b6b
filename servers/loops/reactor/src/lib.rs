//! What an event loop stands on: waiting for sockets and for a time, letters from other threads, threads for what would
//! block; and what coroutines need of any loop that runs them.
//!
//! The libuv-shaped loop (`libuv`) and the asyncio-shaped one (`asyncio`) are both built on this, so that what differs between
//! them is in what order they call whom, and not how they wait. It knows mio, clocks and threads; it must never know
//! what a turn of a loop is, nor any other crate of this workspace.
//!
//! | file | what |
//! |---|---|
//! | `poll.rs` | waiting for sockets, up to a time |
//! | `clock.rs` | time, real or manual |
//! | `timer_rule.rs`, `punctuality.rs` | when a timer fires, and how punctual they were |
//! | `mailbox.rs` | letters from other threads, and waking the loop for them |
//! | `pool.rs` | threads for blocking work |
//! | `accept.rs` | what follows from an error of accept(2) |
//! | `backlog.rs` | bytes that a socket has yet to take |
//! | `coroutines/` | tasks, sockets, results and locks of coroutines |
#![allow(
    clippy::disallowed_methods,
    reason = "this is where time enters: everything above it is given the time"
)]

mod accept;
mod backlog;
mod clock;
pub mod coroutines;
mod mailbox;
mod poll;
mod pool;
mod punctuality;
mod timer_rule;

pub use accept::{AcceptRetry, AfterAcceptError, after_accept_error};
pub use backlog::Backlog;
pub use clock::{Clock, ManualClock};
pub use mailbox::{MAX_POSTS, Mailbox, PostError};
pub use poll::{MAX_EVENTS_PER_POLL, Poll, WAKE_TOKEN};
pub use pool::{MAX_POOL_THREADS, MAX_QUEUED_WORK, Pool, PoolError};
pub use punctuality::{Punctuality, histogram_ns};
pub use timer_rule::{NS_PER_MS, TimerRule};
