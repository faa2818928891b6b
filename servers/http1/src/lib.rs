//! HTTP/1.1 for both roles, without sockets, clocks or threads: bytes go in, messages come out, and the other way about.
//!
//! Every server and the load generator of this workspace speak HTTP through this crate, so that two servers under
//! comparison differ in how they wait, not in how they parse. [`server::Connection`] turns received bytes into
//! complete requests and answers into bytes; [`client`] encodes requests and reads replies in place.
//!
//! It knows the message syntax of RFC 9112 and as much of RFC 9110 as framing and persistence need: `Content-Length`,
//! `Transfer-Encoding`, `Connection`, `Host`, `Expect`, and of RFC 6455 the opening handshake, with which a connection
//! leaves HTTP. It must never know routes, sockets, clocks or timeouts: the
//! crate is `no_std`, so the compiler refuses most of these, and the date in every answer is handed in ([`Date`]).
//!
//! # What is refused
//!
//! Whatever two parsers could read in two ways is an error, never a guess, because such messages are how requests are
//! smuggled past proxies. Where the RFC leaves a choice, the strict one is taken:
//!
//! - lines end in CR LF; a bare LF (RFC 9112 §2.2 lets a recipient accept it) and a bare CR are refused;
//! - a second `Content-Length`, even an equal one, and a list as its value are refused (§6.3 lets equal ones merge), as is
//!   `Content-Length` beside `Transfer-Encoding`;
//! - `chunked` is the only transfer coding known; empty list elements beside it are refused;
//! - folded lines (§5.2), space around a field name (§5.1, §2.2) and control characters in values are refused;
//! - a target holds visible ASCII without `#`; what its characters mean is the application's business.
//!
//! # How memory is bounded
//!
//! A connection never holds more than one head ([`MAX_HEAD_BYTES`]), one body ([`MAX_BODY_BYTES`]),
//! [`MAX_PIPELINED_BYTES`] of requests behind it and one read, provided its owner stops reading while
//! [`server::Connection::wants_input`] is false. An idle one keeps at most [`MAX_IDLE_CAPACITY_BYTES`].

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod body;
pub mod client;
mod date;
mod encode;
mod fault;
mod head;
mod message;
mod response;
pub mod server;
mod state;

pub use date::{BadDate, Date};
pub use message::{Method, Version, WebSocketKey, is_authority, is_origin_form, is_token};

/// Longest head, request line or status line included: longer ones are answered 431 (as Node and hyper bound theirs,
/// at 16 KiB and about 400 KiB).
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Longest request body: longer ones are answered 413 as soon as their length is known. Replies are not bounded, since
/// a reply is read in place and never stored.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Most header fields in one head, of requests and replies alike (as hyper): more are answered 431.
pub const MAX_HEADERS: usize = 100;
/// Most empty lines skipped before a request line; RFC 9112 §2.2 asks for at least one.
pub const MAX_EMPTY_LINES: usize = 4;
/// Most digits of a chunk size, leading zeros included: 16 hold every `u64`.
pub const MAX_CHUNK_SIZE_DIGITS: usize = 16;
/// Most bytes of chunk extensions in one body, all chunks together (as hyper): without a bound, a body of one byte
/// could be sent as gigabytes (RFC 9112 §7.1.1 asks for one).
pub const MAX_CHUNK_EXTENSION_BYTES: usize = 16 * 1024;
/// Longest trailer section after a chunked body, its last empty line not counted: longer ones are answered 431.
pub const MAX_TRAILER_BYTES: usize = 8 * 1024;
/// Received bytes behind the request being answered at which [`server::Connection::wants_input`] turns false.
pub const MAX_PIPELINED_BYTES: usize = 64 * 1024;
/// Input buffer an idle connection may keep; what a large request needed beyond it is given back.
pub const MAX_IDLE_CAPACITY_BYTES: usize = 8 * 1024;
/// Longest head of a reply: long policies and many cookies are sent by servers, and a client has to take them (curl's
/// bound is 300 KiB).
pub const MAX_REPLY_HEAD_BYTES: usize = 64 * 1024;
/// Most interim (1xx) heads skipped before a reply: a server that is busy may send `102 Processing` again and again.
pub const MAX_INTERIM_HEADS: usize = 1024;
