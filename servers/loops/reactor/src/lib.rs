//! What an event loop stands on: waiting for sockets and for a time, letters from other threads, threads for what would
//! block.
//!
//! The libuv-style loop (`libuv`) and the asyncio-style one (`asyncio`) are both built on this, so that what differs between
//! them is in what order they call whom, and not how they wait. It knows mio, clocks and threads; it must never know
//! what a turn of a loop is, nor any other crate of this workspace.
//!
//! | file | what |
//! |---|---|
//! | `poll.rs` | waiting for sockets, up to a time |
//! | `clock.rs` | time, real or manual |
//! | `mailbox.rs` | letters from other threads, and waking the loop for them |
//! | `pool.rs` | threads for blocking work |
#![allow(
    clippy::disallowed_methods,
    reason = "this is where time enters: everything above it is told what time it is"
)]

mod clock;
mod mailbox;
mod poll;
mod pool;

pub use clock::{Clock, ManualClock};
pub use mailbox::{MAX_POSTS, Mailbox, PostError};
pub use poll::{MAX_EVENTS_PER_POLL, Poll, WAKE_TOKEN};
pub use pool::{MAX_POOL_THREADS, MAX_QUEUED_WORK, Pool, PoolFull};
