//! The instrument: it sends requests when they are due, and writes down when they were answered.
//!
//! A thread per core, each with its own epoll loop, its own schedule, its own connections and its own recorder;
//! nothing is shared between them while load is driven. It runs on neither of the loops that it measures: a change
//! to a loop under test must not move the ruler.
//!
//! - [`drive()`] is the one way to put load on an address; closed and open loops, warm-up, and stopping are values in
//!   [`model::spec::load::Load`].
//! - [`exchange`] (one request and its reply), [`events`] (a stream of them), [`messages`] (a chat's, and who has had which),
//!   [`upgrade`] (how a connection becomes a WebSocket) and [`pacer`] (when the next one is due) are pure: bytes and times in,
//!   decisions out; so are `line` (which session's turn it is) and `sources` (which local address a connection leaves
//!   from). `worker` is the only place that touches a clock on the measured path, and with `transport` a socket.
//! - [`idle`] holds connections that carry nothing, beside a drive.
//! - [`tls`] is the other transport: rustls below the exchange, chosen once a drive.
//! - [`backend`] is the upstream that servers under test call: part of the ruler, because its lateness would be
//!   mistaken for theirs.
//! - [`truth`] is a server whose every answer time is known: what the instrument itself is held against.
//!
//! Needs Linux 5.11 or later, for `epoll_pwait2` and its nanosecond time-outs.

#![allow(
    clippy::disallowed_methods,
    reason = "the instrument is where the clock is read"
)]

mod answering;
pub mod backend;
mod backoff;
mod clock;
pub mod control;
mod dial;
pub mod drive;
pub mod events;
pub mod exchange;
pub mod idle;
mod line;
mod meeting;
pub mod messages;
pub mod pacer;
mod reactor;
mod sources;
pub mod tls;
mod transport;
pub mod truth;
pub mod upgrade;
mod worker;
pub mod workload;

pub use control::{Control, Phase};
pub use drive::{DriveError, Endpoint, Options, drive};
pub use tls::{Tls, Trust};
pub use workload::{Chat, Expect, ExpectBody, Request, Workload};
