//! The server's side of one connection: bytes in, requests out; answers in, bytes out.
//!
//! ```
//! use http1::{Date, server::{Connection, Poll, Response}};
//!
//! let date = Date::try_from("Sun, 06 Nov 1994 08:49:37 GMT")?;
//! let mut connection = Connection::new();
//! let mut out = Vec::new();
//! connection.receive(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
//! while let Poll::Request(request) = connection.poll(&date, &mut out) {
//!     assert_eq!(request.target, "/hello");
//!     let answer = Response { status: 200, content_type: "text/plain", headers: &[], body: b"hi" };
//!     connection.respond(&answer, &date, &mut out);
//! }
//! assert!(out.ends_with(b"\r\n\r\nhi"));
//! # Ok::<(), http1::BadDate>(())
//! ```
//!
//! There are three ways to answer. [`Connection::respond`] gives an answer whole. [`Connection::begin_stream`] gives its
//! head, and the body follows in parts as they come to be: chunked to an HTTP/1.1 client, up to the end of the connection to
//! an older one. [`Connection::respond_upgrade`] leaves HTTP for WebSocket. Whichever it is, requests that came behind wait
//! until the answer is complete.
//!
//! It knows requests, their order and when a connection ends. It must never know sockets or time: the owner of the
//! socket reads while [`Connection::wants_input`], writes `out`, bounds how long a peer may take, and closes once
//! [`Connection::is_closing`] and `out` is flushed. A socket closed over unread input resets the connection and may take
//! the last answer with it (RFC 9112 §9.6): shut down the sending half first and read on for a bounded while.

use alloc::vec::Vec;

use crate::body::Body;
use crate::encode::{self, Framing, Persistence};
use crate::fault::Fault;
use crate::head::{self, RequestHead, ValueSpan};
use crate::message::{Method, Version, WebSocketKey};
use crate::state::{Event, Role, State, next};
use crate::{Date, MAX_BODY_BYTES, MAX_EMPTY_LINES, MAX_IDLE_CAPACITY_BYTES, MAX_PIPELINED_BYTES};

pub use crate::response::{Response, ResponseHead};

/// One connection as its server sees it.
#[derive(Debug, Default)]
pub struct Connection {
    input: Input,
    state: Phase,
    /// The request being read or answered; `None` only while its head is.
    request: Option<Incoming>,
    /// Empty lines skipped before the head being read.
    empty_lines: usize,
    /// Bytes of an incomplete head already looked at: until a line end follows them there is nothing new to find.
    head_scanned: usize,
    /// The peer has sent all it will.
    eof: bool,
    /// The answer given next is to be the last.
    retiring: bool,
}

/// What [`Connection::poll`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Poll<'a> {
    /// Nothing to do until more input comes, or, after a request, until it is answered.
    NeedInput,
    /// A complete request, to be answered.
    Request(Request<'a>),
    /// The connection speaks WebSocket: what comes in is no longer for this one to read.
    Upgraded,
    /// The connection has ended; flush, then close.
    Closing,
}

/// A complete request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is asked for.
    pub method: Method,
    /// Path and query. An absolute-form target is reduced to these; `*` and `CONNECT`'s authority stand as sent.
    pub target: &'a str,
    /// The version of the peer.
    pub version: Version,
    /// The whole body, decoded; empty where there is none.
    pub body: &'a [u8],
    /// The key of a valid WebSocket upgrade (RFC 6455 §4.2.1), which [`Connection::respond_upgrade`] may accept. A
    /// request that lacks a part of one is an ordinary request, as RFC 9110 §7.8 has it.
    pub websocket_key: Option<WebSocketKey>,
    /// The value of `Authorization`; `None` where there is none or several.
    pub authorization: Option<&'a [u8]>,
}

impl Connection {
    /// A connection nothing has come in on; allocates nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes read from the peer. Ignored once the connection is closing or upgraded.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.state.is_over() {
            return;
        }
        self.input.append(bytes);
    }

    /// At least `min` zeroed or used bytes to read into directly, to be followed by [`Connection::filled`]. Grows the
    /// buffer to fit; one that asks for more than [`MAX_IDLE_CAPACITY_BYTES`] makes each request allocate anew.
    pub fn spare(&mut self, min: usize) -> &mut [u8] {
        self.input.spare(min)
    }

    /// Says that the first `count` bytes of the last [`Connection::spare`] are input now. Panics beyond its end.
    pub fn filled(&mut self, count: usize) {
        self.input.filled(count);
        if self.state.is_over() {
            self.input.clear();
        }
    }

    /// The peer has finished sending. Complete requests already here are still answered; an incomplete one is dropped.
    pub fn receive_eof(&mut self) {
        self.eof = true;
        if self.is_idle() {
            self.close(Event::Eof);
        }
    }

    /// The next complete request, or why there is none. An interim `100 Continue` and the answer to unreadable input
    /// (400, 413, 417, 431, 501 or 505, after which the connection is closing) are appended to `out`.
    pub fn poll(&mut self, date: &Date, out: &mut Vec<u8>) -> Poll<'_> {
        match self.advance(out) {
            Ok(Progress::Request { at }) => Poll::Request(self.request_at(at)),
            Ok(Progress::NeedInput) => Poll::NeedInput,
            Ok(Progress::Upgraded) => Poll::Upgraded,
            Ok(Progress::Closed) => Poll::Closing,
            Err(fault) => {
                self.refuse(fault, date, out);
                Poll::Closing
            }
        }
    }

    /// Refuses a request that has begun and takes too long to arrive (408, after which the connection is closing). Panics where none
    /// is being read.
    pub fn time_out(&mut self, date: &Date, out: &mut Vec<u8>) {
        assert!(
            !self.is_idle() && (self.state.is(State::Head) || self.state.is(State::Body)),
            "only a request that is being read is late"
        );
        self.refuse(Fault::TooSlow, date, out);
    }

    /// Refuses a new connection, on which nothing is read (503, after which it is closing). Panics on another.
    pub fn overload(&mut self, date: &Date, out: &mut Vec<u8>) {
        assert!(self.is_idle(), "only a new connection is one too many");
        self.refuse(Fault::TooMany, date, out);
    }

    /// Appends the answer to the request last polled, after which the next one may be. Panics without such a request.
    pub fn respond(&mut self, response: &Response<'_>, date: &Date, out: &mut Vec<u8>) {
        let Some(Incoming { head, .. }) = self.request.filter(|_| self.state.is(State::Whole))
        else {
            panic!("respond() follows a poll() that returned a request, once")
        };
        let is_last = self.is_last(&head);
        let persistence = match head.version {
            _ if is_last => Persistence::Close,
            Version::Http10 => Persistence::KeepAlive,
            Version::Http11 => Persistence::Implied,
        };
        encode::response(
            response,
            persistence,
            head.method != Method::Head,
            date,
            out,
        );
        self.finish(is_last);
    }

    /// Appends the head of an answer to the request last polled, whose body is to follow by [`Connection::stream_part`] until
    /// [`Connection::end_stream`]. Panics without such a request.
    pub fn begin_stream(&mut self, head: &ResponseHead<'_>, date: &Date, out: &mut Vec<u8>) {
        let Some(Incoming { head: asked, .. }) =
            self.request.filter(|_| self.state.is(State::Whole))
        else {
            panic!("begin_stream() follows a poll() that returned a request, once")
        };
        assert!(
            encode::has_content(head.status),
            "{} has no body to stream",
            head.status
        );
        let framing = match asked.version {
            Version::Http10 => Framing::UntilClose,
            Version::Http11 => Framing::Chunked,
        };
        let persistence = if self.is_last_streamed(&asked) {
            Persistence::Close
        } else {
            Persistence::Implied
        };
        encode::head(head, framing, persistence, date, out);
        self.state.on(Event::AnswerBegun);
    }

    /// Appends the next part of the body that was begun; for `HEAD` nothing. Panics outside a stream.
    pub fn stream_part(&mut self, part: &[u8], out: &mut Vec<u8>) {
        match self.streamed() {
            // An empty chunk would be the last one.
            _ if part.is_empty() => {}
            RequestHead {
                method: Method::Head,
                ..
            } => {}
            RequestHead {
                version: Version::Http11,
                ..
            } => encode::chunk(part, out),
            RequestHead {
                version: Version::Http10,
                ..
            } => out.extend_from_slice(part),
        }
    }

    /// Appends the end of the body that was begun, after which the next request may be polled. Panics outside a stream.
    pub fn end_stream(&mut self, out: &mut Vec<u8>) {
        let asked = self.streamed();
        if asked.version == Version::Http11 && asked.method != Method::Head {
            out.extend_from_slice(encode::LAST_CHUNK);
        }
        // A stop that was asked for since the head went out ends the connection without having been announced there.
        let is_last = self.is_last_streamed(&asked);
        self.finish(is_last);
    }

    /// Appends the answer that accepts the WebSocket upgrade last polled, and hands out what came in behind it: the first
    /// bytes of the other protocol, which is all that is spoken from here on. `accept` is derived from
    /// [`Request::websocket_key`]. Panics without such a request.
    pub fn respond_upgrade(&mut self, accept: &str, out: &mut Vec<u8>) -> Vec<u8> {
        let is_upgrade = self.state.is(State::Whole)
            && self
                .request
                .is_some_and(|request| request.head.websocket_key_at.is_some());
        assert!(
            is_upgrade,
            "respond_upgrade() follows a poll() that returned a WebSocket upgrade, once"
        );
        encode::switch_to_websocket(accept, out);
        self.state.on(Event::Upgrade);
        self.request = None;
        let rest = self.input.unread().to_vec();
        self.input.clear();
        rest
    }

    /// Whether more input may be useful. False once closing, upgraded or at the peer's end, and, as back-pressure, while a
    /// request awaits the end of its answer and [`MAX_PIPELINED_BYTES`] wait behind it.
    pub fn wants_input(&self) -> bool {
        match self.state.0 {
            State::Closed | State::Upgraded => false,
            State::Whole | State::Answering => {
                !self.eof && self.input.unread().len() < MAX_PIPELINED_BYTES
            }
            State::Head | State::Body => !self.eof,
        }
    }

    /// Whether nothing more will be said: close after flushing.
    pub fn is_closing(&self) -> bool {
        self.state.is(State::Closed)
    }

    /// Makes the next answer the last, as a graceful stop does. An idle connection is closing at once.
    pub fn close_after_response(&mut self) {
        self.retiring = true;
        if self.is_idle() {
            self.close(Event::Retire);
        }
    }

    /// Whether no request is in progress: nothing buffered, no answer owed, and not closing.
    pub fn is_idle(&self) -> bool {
        self.state.is(State::Head) && self.input.is_empty()
    }

    /// Whether a head was read whose body is not complete.
    pub fn is_in_body(&self) -> bool {
        self.state.is(State::Body)
    }

    /// Whether a head has begun that is not complete.
    pub fn is_in_head(&self) -> bool {
        self.state.is(State::Head) && !self.input.is_empty()
    }

    /// Reads as far as the next complete request.
    fn advance(&mut self, out: &mut Vec<u8>) -> Result<Progress, Fault> {
        match self.state.0 {
            State::Head | State::Body => {}
            State::Whole | State::Answering => return Ok(Progress::NeedInput),
            State::Upgraded => return Ok(Progress::Upgraded),
            State::Closed => return Ok(Progress::Closed),
        }
        if self.state.is(State::Head) && !self.read_head(out)? {
            return Ok(self.starved());
        }
        if self.state.is(State::Body) && !self.read_body()? {
            return Ok(self.starved());
        }
        let Some(request) = &self.request else {
            unreachable!("a head was read")
        };
        Ok(Progress::Request {
            at: self.input.advance(request.read),
        })
    }

    /// What it means that the input does not suffice: wait for more, unless no more is to come.
    fn starved(&mut self) -> Progress {
        if self.eof {
            self.close(Event::Eof);
        } else if self.retiring && self.is_idle() {
            self.close(Event::Retire);
        } else {
            return Progress::NeedInput;
        }
        Progress::Closed
    }

    /// Whether the head is complete.
    fn read_head(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        if !self.skip_empty_lines()? {
            return Ok(false);
        }
        let input = self.input.unread();
        let is_news = self.head_scanned == 0 || input[self.head_scanned..].contains(&b'\n');
        if !is_news && input.len() < crate::MAX_HEAD_BYTES {
            self.head_scanned = input.len();
            return Ok(false);
        }
        let Some(head) = head::parse_request(input)? else {
            self.head_scanned = input.len();
            return Ok(false);
        };
        let body = Body::of_length(head.length, MAX_BODY_BYTES as u64);
        // RFC 9110 §10.1.1: needless once the body is on its way.
        if body.is_some() && head.expects_continue && input.len() == head.bytes {
            out.extend_from_slice(encode::CONTINUE);
        }
        if head.target.lacks_slash {
            self.input.unread_mut()[head.target.start] = b'/';
        }
        self.state.on(if body.is_some() {
            Event::HeadWithBody
        } else {
            Event::HeadAlone
        });
        self.request = Some(Incoming {
            head,
            body,
            body_len: 0,
            read: head.bytes,
        });
        self.head_scanned = 0;
        self.empty_lines = 0;
        Ok(true)
    }

    /// Whether the input's front is the start of a request. RFC 9112 §2.2: some clients send an empty line after a body.
    fn skip_empty_lines(&mut self) -> Result<bool, Fault> {
        while let [b'\r', rest @ ..] = self.input.unread() {
            match rest.first() {
                None => return Ok(false),
                Some(b'\n') if self.empty_lines < MAX_EMPTY_LINES => {
                    self.empty_lines += 1;
                    self.input.advance(2);
                }
                Some(b'\n') => {
                    return Err(Fault::Malformed("too many empty lines before a request"));
                }
                Some(_) => return Err(Fault::Malformed("CR without LF")),
            }
        }
        Ok(!self.input.is_empty())
    }

    /// Whether the body is complete. Chunks are joined in place, right behind the head.
    fn read_body(&mut self) -> Result<bool, Fault> {
        let Some(Incoming {
            head,
            body: Some(body),
            body_len,
            read,
        }) = &mut self.request
        else {
            unreachable!("only a head with a body leads to the body")
        };
        let input = self.input.unread_mut();
        loop {
            let taken = body.take(&input[*read..])?;
            let len = taken.data.len();
            let (from, to) = (*read + taken.data.start, head.bytes + *body_len);
            if from != to {
                input.copy_within(from..from + len, to);
            }
            *body_len += len;
            *read += taken.consumed;
            if taken.end {
                self.state.on(Event::BodyEnd);
                return Ok(true);
            }
            if *read == input.len() {
                // The framing between chunks is done with; without this it would pile up.
                *read = head.bytes + *body_len;
                self.input.truncate(*read);
                return Ok(false);
            }
        }
    }

    /// The request whose bytes start at `at`.
    fn request_at(&self, at: usize) -> Request<'_> {
        let Some(Incoming { head, body_len, .. }) = &self.request else {
            unreachable!("a head was read")
        };
        let bytes = &self.input.bytes[at..];
        let target = core::str::from_utf8(&bytes[head.target.start..head.target.end])
            .expect("targets are ASCII");
        let body = &bytes[head.bytes..head.bytes + body_len];
        let websocket_key = head.websocket_key_at.and_then(|start| {
            let start = usize::from(start.get());
            WebSocketKey::from_bytes(&bytes[start..start + WebSocketKey::BYTES])
        });
        Request {
            method: head.method,
            target,
            version: head.version,
            body,
            websocket_key,
            authorization: head.authorization.map(
                |ValueSpan {
                     start,
                     bytes: length,
                 }| {
                    let start = usize::from(start.get());
                    &bytes[start..start + usize::from(length)]
                },
            ),
        }
    }

    /// Whether the answer to the request at hand is to be the last.
    fn is_last(&self, asked: &RequestHead) -> bool {
        !asked.keep_alive || self.retiring || (self.eof && self.input.is_empty())
    }

    /// As [`Connection::is_last`], for an answer of unknown length: HTTP/1.0 has no way to end one but with the connection.
    /// What was true when the answer was begun, and said to the client, still is at its end.
    fn is_last_streamed(&self, asked: &RequestHead) -> bool {
        self.is_last(asked) || asked.version == Version::Http10
    }

    /// What was asked by the request whose answer is being streamed.
    fn streamed(&self) -> RequestHead {
        let request = self.request.filter(|_| self.state.is(State::Answering));
        request.expect("a stream is begun, and not ended").head
    }

    /// Takes the answer for complete.
    fn finish(&mut self, is_last: bool) {
        if is_last {
            self.close(Event::AnswerThenClose);
        } else {
            self.state.on(Event::AnswerThenNext);
            self.request = None;
            self.input.tidy();
        }
    }

    fn refuse(&mut self, fault: Fault, date: &Date, out: &mut Vec<u8>) {
        // Only the method's spelling is needed, and the head may be what can't be read.
        let to_head = match &self.request {
            Some(request) => request.head.method == Method::Head,
            None => self.input.unread().starts_with(b"HEAD "),
        };
        encode::refusal(fault, !to_head, date, out);
        self.close(Event::Fault);
    }

    fn close(&mut self, event: Event) {
        self.state.on(event);
        self.request = None;
        self.input.clear();
    }
}

/// How far [`Connection::advance`] came.
enum Progress {
    NeedInput,
    /// A request, at this place of the buffer; it stays there until the connection is next changed.
    Request {
        at: usize,
    },
    Upgraded,
    Closed,
}

/// A request being read; places count from the start of its head.
#[derive(Clone, Copy, Debug)]
struct Incoming {
    head: RequestHead,
    body: Option<Body>,
    /// Bytes of decoded body behind the head.
    body_len: usize,
    /// Where reading goes on.
    read: usize,
}

/// The state, changed by the table alone.
#[derive(Debug)]
struct Phase(State);

impl Phase {
    fn is(&self, state: State) -> bool {
        self.0 == state
    }

    /// Whether no more HTTP is read or said.
    fn is_over(&self) -> bool {
        matches!(self.0, State::Closed | State::Upgraded)
    }

    fn on(&mut self, event: Event) {
        self.0 = next(Role::Server, self.0, event)
            .expect("the connection raises only events its state allows");
    }
}

impl Default for Phase {
    fn default() -> Self {
        Self(State::Head)
    }
}

/// The input buffer: `bytes[start..end]` is unread, what lies behind `end` is spare, what lies before `start` is done
/// with (though the request last polled may still be looked at there).
#[derive(Debug, Default)]
struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.bytes.len() - self.end < bytes.len() {
            self.move_to_front();
        }
        let spare = self.bytes.len() - self.end;
        if spare < bytes.len() {
            self.bytes.truncate(self.end);
            self.bytes.extend_from_slice(bytes);
            self.end = self.bytes.len();
        } else {
            self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
            self.end += bytes.len();
        }
    }

    fn spare(&mut self, min: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < min {
            self.move_to_front();
        }
        if self.bytes.len() - self.end < min {
            self.bytes.resize(self.end + min, 0);
        }
        &mut self.bytes[self.end..]
    }

    fn filled(&mut self, count: usize) {
        assert!(
            count <= self.bytes.len() - self.end,
            "filled({count}) of {} spare bytes",
            self.bytes.len() - self.end
        );
        self.end += count;
    }

    /// Marks `count` bytes as read, and says where they start.
    fn advance(&mut self, count: usize) -> usize {
        let start = self.start;
        self.start += count;
        debug_assert!(self.start <= self.end, "only what came in can be read");
        start
    }

    /// Drops all unread bytes but the first `count`.
    fn truncate(&mut self, count: usize) {
        self.end = self.start + count;
    }

    fn move_to_front(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Starts at the front again where nothing is unread, and gives back what an unusual request needed.
    fn tidy(&mut self) {
        if !self.is_empty() {
            return;
        }
        self.start = 0;
        self.end = 0;
        if self.bytes.capacity() > MAX_IDLE_CAPACITY_BYTES {
            self.bytes.truncate(MAX_IDLE_CAPACITY_BYTES);
            self.bytes.shrink_to(MAX_IDLE_CAPACITY_BYTES);
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
