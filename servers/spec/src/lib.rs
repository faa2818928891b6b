//! The work contract, as leaves: what every Rust server parses, answers and keeps to.
//!
//! A server parses a request with `http1` and reads with [`asked()`] what it asks for; what it does about it, and in which
//! order, it writes itself, as callbacks or as coroutines. Everything that two servers could do differently by accident
//! (bodies, status codes, bounds, what is asked of the upstream) stands here, so that all that is left to differ is
//! how they wait.
//!
//! This crate knows routes and HTTP's words for their answers. It must never know the order in which a route's work is done, nor
//! a socket, a clock, a file or a runtime: it is `no_std`, so the compiler refuses them.

#![no_std]

extern crate alloc;

mod answer;
mod asked;
mod auth;
mod bodies;
mod bounds;
mod database;
mod events;
mod failure;
mod limits;
mod orders;
mod products;
mod route;
mod settings;
mod stats;
mod upstream;
mod work;

pub use answer::{Answer, auth_answer, order_answer, upload_answer};
pub use asked::{Asked, DatabaseWork, asked, order_work};
pub use auth::Token;
pub use bounds::{
    ACCEPT_RETRY_MAX_MS, ACCEPT_RETRY_MIN_MS, CACHED_S, CALL_EXTRA_MS, DATABASE_LIMIT_MS,
    KEPT_OUTPUT_BYTES, LAG_SAMPLE_MS, LINGER_BYTES, LINGER_MS, MAX_BATCH_BYTES, MAX_CALL_ATTEMPTS,
    MAX_EVENTS, MAX_REFUSED_CONNECTIONS, MAX_UPSTREAM_CONNECTIONS, READ_BUFFER_BYTES,
    accept_retry_ms, is_large_file,
};
pub use database::{DatabaseError, PostgresAccess, RedisAccess};
pub use events::Events;
pub use failure::Failure;
pub use limits::{
    LOOK_EVERY_MS, LimitCounts, Limits, MAX_REQUESTS_PER_TURN, Overdue, Round, Waiting, Watch,
};
pub use orders::{
    Item, MAX_CUSTOMER_ID, MAX_ITEMS, MAX_QUANTITY, MAX_SKU_CHARS, MAX_UNIT_PRICE_CENTS, Order,
};
pub use products::{MAX_PRODUCT_ID, PRODUCTS_LISTED, Product, cache_key, queried_ids};
pub use route::{
    FILE_SIZES_KIB, MAX_CALL_MS, MAX_CALLS, MAX_EVENT_MS, MAX_HASH_KIB, MAX_LISTED_ID, MAX_ROUNDS,
    MAX_SLEEP_MS, Mode, Route, RouteError,
};
pub use settings::Settings;
pub use stats::{Counts, Lag, LoopWork, Stats};
pub use upstream::{Call, Exchange, Progress, UpstreamError, add_reply};
pub use work::{Computed, Work, file_bytes, file_name};
