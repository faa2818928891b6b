//! The instrument: it sends requests when they are due, and writes down when they were answered.
//!
//! A thread per core, each with its own epoll loop, its own schedule, its own connections and its own recorder;
//! nothing is shared between them while load is driven. It runs on neither of the loops that it measures: a change
//! to a loop under test must not move the ruler.
//!
//! From the bottom up, each knowing only what stands before it:
//!
//! - `line`, `clock` and `reactor`: a queue that can be left from anywhere, the clock, and epoll.
//! - `transport`: how bytes reach the peer: TCP or a Unix socket, plain or through TLS, chosen once a drive.
//! - `protocol`: what is said, as pure logic: an HTTP exchange, a stream of events, a WebSocket handshake, the messages of a
//!   chat, and the workload made of them.
//! - `engine`: [`drive()`] is the one way to put load on an address; closed and open loops, warm-up, and stopping are values
//!   in [`model::spec::load::Load`]. [`pacer`] says when the next request is due. [`idle`] keeps connections open that carry
//!   nothing, beside a drive.
//! - [`backend`] is the upstream that servers under test call: part of the ruler, because its lateness would be mistaken for
//!   theirs. [`truth`] is a server whose every answer time is known: what the instrument itself is held against.

#![allow(
    clippy::disallowed_methods,
    reason = "the instrument is where the clock is read"
)]

mod clock;
pub mod engine;
mod line;
pub mod protocol;
mod reactor;
pub mod server;
pub mod transport;

pub use engine::control::{Control, Phase, Reply};
pub use engine::drive::{Endpoint, Options, alone, drive, merge};
pub use engine::error::{CONNECT_TIMEOUT, CONNECT_TIMEOUT_EACH, DriveError};
pub use engine::spinning::Spin;
pub use engine::{idle, pacer};
pub use protocol::template::{MAX_KEPT_BODY_BYTES, MAX_RANDOM, Reading, Source, Take, holes_in};
pub use protocol::upgrade::UpgradeError;
pub use protocol::workload::{
    Chat, Expect, ExpectBody, OwnBody, Request, SUCCESS_OR_REDIRECT, Workload,
};
pub use server::{backend, truth};
pub use transport::dial::Peer;
pub use transport::link::HandshakeError;
pub use transport::tls::{Identity, Tls, TlsError, TlsSpec, Trust};
