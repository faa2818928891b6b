//! What the routes do, as data: the same steps and bytes for every Rust server.
//!
//! A server parses a request with `http1`, calls [`begin`], and gets a [`Job`]. It asks the job for its
//! [next step](Job::next_step), does that step in its own way (a callback, a coroutine), reports the outcome with an
//! `on_*` method, and at the end gives the [`Outcome`]: an answer, the end of a stream, or a WebSocket. Everything that two servers could do differently by accident
//! (bodies, status codes, bounds, what is asked of the upstream) is decided here, so that all that is left to differ
//! is how they wait.
//!
//! This crate knows routes and HTTP's words for their answers. It must never know a socket, a clock, a file or a
//! runtime: it is `no_std`, so the compiler refuses them.

#![no_std]

extern crate alloc;

mod answer;
mod events;
mod job;
mod orders;
mod route;
mod settings;
mod stats;
mod upstream;
mod work;

pub use answer::Answer;
pub use job::{FailedStep, Job, Outcome, Place, Step, begin};
pub use orders::{
    MAX_CUSTOMER_ID, MAX_ITEMS, MAX_QUANTITY, MAX_SKU_CHARS, MAX_UNIT_PRICE_CENTS, order_answer,
};
pub use route::{
    FILE_SIZES_KIB, MAX_CALL_MS, MAX_CALLS, MAX_EVENT_MS, MAX_EVENTS, MAX_HASH_KIB, MAX_ROUNDS,
    MAX_SLEEP_MS, Mode, Route, RouteError,
};
pub use settings::{
    ACCEPT_RETRY_MAX_MS, ACCEPT_RETRY_MIN_MS, CALL_EXTRA_MS, KEPT_OUTPUT_BYTES, LAG_SAMPLE_MS,
    LINGER_BYTES, LINGER_MS, MAX_BATCH_BYTES, MAX_CALL_ATTEMPTS, MAX_LAG_US,
    MAX_UPSTREAM_CONNECTIONS, READ_BUFFER_BYTES, Settings, accept_retry_ms,
};
pub use stats::{Counts, Lag, LoopWork, Stats};
pub use upstream::{Call, Exchange, MAX_REPLY_BYTES, Progress, UpstreamError};
pub use work::{Computed, Work, file_bytes, file_name};
