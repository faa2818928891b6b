//! The client's side: requests as bytes, and replies read in place.
//!
//! ```
//! use http1::{Method, client::{Part, ReplyDecoder, encode_request}};
//!
//! let mut out = Vec::new();
//! encode_request(Method::Get, "/hello", "a:80", &[], None, &mut out);
//! assert_eq!(out, b"GET /hello HTTP/1.1\r\nHost: a:80\r\n\r\n");
//!
//! let mut input: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
//! let mut reply = ReplyDecoder::new(Method::Get);
//! let mut body = Vec::new();
//! loop {
//!     let (consumed, part) = reply.decode(input)?;
//!     input = &input[consumed..];
//!     match part {
//!         Part::Head(head) => assert_eq!(head.status, 200),
//!         Part::Body(bytes) => body.extend_from_slice(bytes),
//!         Part::End => break,
//!         Part::NeedInput => unreachable!("the reply is all here"),
//!     }
//! }
//! assert_eq!(body, b"hi");
//! # Ok::<(), http1::client::ReplyError>(())
//! ```
//!
//! It knows one reply at a time and stores none of it: the caller keeps the buffer. It must never know connections, time,
//! or what a good reply is: a 500 is as well-formed as a 200.

use alloc::vec::Vec;

use crate::body::Body;
use crate::encode;
use crate::fault::Fault;
use crate::head;
use crate::message::{Method, is_authority, is_origin_form, is_token};
use crate::state::{Event, Role, State, next};
use crate::{MAX_INTERIM_HEADS, MAX_REPLY_HEAD_BYTES};

pub use crate::body::BodyLength;
pub use crate::head::ReplyHead;

/// Appends a request of a method that has a name; otherwise as [`encode_request_of`].
///
/// Panics on [`Method::Other`], which stands for no one spelling.
pub fn encode_request(
    method: Method,
    target: &str,
    host: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    let token = method.as_str().expect("Method::Other has no spelling");
    encode_request_of(token, target, host, headers, body, out);
}

/// Appends a request of any method. With a body, or for `POST` and `PUT` even without (RFC 9110 §8.6), `Content-Length` is
/// added.
///
/// Panics on a method that is not [`is_token`], on a target that is not [`is_origin_form`], on a host that is not [`is_authority`], and on
/// a field that would split the head or is written here anyway: a caller that took these from a user checks them there.
pub fn encode_request_of(
    method: &str,
    target: &str,
    host: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    assert!(is_token(method), "{method:?} is not a token");
    assert!(
        is_origin_form(target),
        "{target:?} is not a path with a query in visible ASCII"
    );
    assert!(is_authority(host), "{host:?} is not a host and port");
    for part in [method, " ", target, " HTTP/1.1\r\nHost: ", host, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    encode::fields(headers, out);
    let body = match (body, method) {
        (None, "POST" | "PUT") => Some(&[][..]),
        (body, _) => body,
    };
    if let Some(body) = body {
        out.extend_from_slice(b"Content-Length: ");
        encode::number(body.len(), out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body.unwrap_or_default());
}

/// The proof with which a reply switches to WebSocket, the value of `Sec-WebSocket-Accept`; none where it does not: where
/// the status is not 101, where a field that must be there is missing (RFC 6455 §4.1), or where there is an extension or a
/// subprotocol, which nobody offered.
///
/// `heads`: the bytes that [`ReplyDecoder::decode`] took for [`Part::Head`]; interim heads may come before the one that
/// counts.
pub fn websocket_accept(heads: &[u8]) -> Option<&[u8]> {
    const END: &[u8] = b"\r\n\r\n";
    let before_last = heads.len().checked_sub(END.len())?;
    let interim_end = heads[..before_last]
        .windows(END.len())
        .rposition(|window| window == END);
    head::parse_upgrade(&heads[interim_end.map_or(0, |at| at + END.len())..])
}

/// Reads one reply; a new one is made for each. Allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct ReplyDecoder {
    request_method: Method,
    state: State,
    /// Set while the state is [`State::Body`].
    body: Option<Body>,
    interim_heads: usize,
    /// Bytes of an incomplete head already looked at: until a line end follows them there is nothing new to find.
    head_scanned: usize,
}

/// The head of an earlier reply. Where the next begins with the same bytes, which servers change once a second for the date, it means the
/// same and is not parsed again.
#[derive(Clone, Debug, Default)]
pub struct KnownHead {
    /// From the status line to the empty line; empty where none is known.
    bytes: Vec<u8>,
    /// What was asked, and what the head means as an answer to that.
    meaning: Option<(Method, ReplyHead)>,
}

/// The longest head that is kept to be known again, in bytes: it is kept once a connection.
pub const MAX_KNOWN_HEAD_BYTES: usize = 512;

impl KnownHead {
    /// What `input` begins with, where that is this head, as an answer to `to`: its bytes and its meaning.
    fn begins(&self, input: &[u8], to: Method) -> Option<(usize, ReplyHead)> {
        let (method, head) = self.meaning?;
        (method == to && input.starts_with(&self.bytes)).then_some((self.bytes.len(), head))
    }

    fn set(&mut self, bytes: &[u8], to: Method, head: ReplyHead) {
        if bytes.len() <= MAX_KNOWN_HEAD_BYTES {
            self.bytes.clear();
            self.bytes.extend_from_slice(bytes);
            self.meaning = Some((to, head));
        }
    }
}

/// What [`ReplyDecoder::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The rest of the input is part of something incomplete: keep what was not consumed, and come back with more.
    NeedInput,
    /// The head, once a reply.
    Head(ReplyHead),
    /// The next bytes of the body, decoded; never empty.
    Body(&'a [u8]),
    /// The reply is complete.
    End,
}

/// Why a reply can't be read. The connection it came on is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The bytes are not HTTP/1.1, or leave open where the reply ends.
    #[error("the reply is malformed: {what}")]
    Malformed {
        /// What is wrong with them.
        what: &'static str,
    },
    /// The server speaks another version.
    #[error("the reply is neither HTTP/1.1 nor HTTP/1.0")]
    UnknownVersion,
    /// A transfer coding other than `chunked`, which was not asked for.
    #[error("the reply has a transfer coding other than chunked")]
    UnknownCoding,
    /// No end of the head within [`MAX_REPLY_HEAD_BYTES`].
    #[error("the reply's head is longer than {MAX_REPLY_HEAD_BYTES} bytes")]
    HeadTooLarge,
    /// More than [`crate::MAX_HEADERS`].
    #[error("the reply's head has more than {} fields", crate::MAX_HEADERS)]
    TooManyHeaders,
    /// More than [`crate::MAX_TRAILER_BYTES`].
    #[error(
        "the reply's trailers are longer than {} bytes",
        crate::MAX_TRAILER_BYTES
    )]
    TrailersTooLarge,
    /// More than [`MAX_INTERIM_HEADS`].
    #[error("more than {MAX_INTERIM_HEADS} interim replies came before the final one")]
    TooManyInterimHeads,
    /// The connection closed before a complete head.
    #[error("the connection closed before the reply's head was complete")]
    ClosedBeforeHead,
    /// The connection closed inside a body of known length.
    #[error("the connection closed {missing} bytes before the end of the reply's body")]
    ShortBody {
        /// Bytes that did not come.
        missing: u64,
    },
    /// The connection closed before the last chunk.
    #[error("the connection closed before the last chunk of the reply's body")]
    MissingLastChunk,
    /// Asked to read on after an error.
    #[error("the reply already failed; open a new connection")]
    AlreadyFailed,
}

impl ReplyError {
    /// What is wrong, where it is clear that the reply is.
    pub fn what(&self) -> alloc::string::String {
        match self {
            Self::Malformed { what } => (*what).into(),
            error => alloc::format!("{error}"),
        }
    }
}

impl ReplyDecoder {
    /// Reads the reply to a request of this method: what answers `HEAD` has no body.
    pub const fn new(request_method: Method) -> Self {
        Self {
            request_method,
            state: State::Head,
            body: None,
            interim_heads: 0,
            head_scanned: 0,
        }
    }

    /// Takes one part off the front of `input` and says how many bytes it took. Call again with the rest, even an empty
    /// one, until [`Part::NeedInput`] or [`Part::End`]. An incomplete head takes nothing; interim (1xx) heads are skipped,
    /// but for 101, after which the connection speaks another protocol.
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Part<'a>), ReplyError> {
        self.decode_any(input, None)
    }

    /// As [`ReplyDecoder::decode`], and quicker where the head is that of an earlier reply.
    pub fn decode_as<'a>(
        &mut self,
        input: &'a [u8],
        known: &mut KnownHead,
    ) -> Result<(usize, Part<'a>), ReplyError> {
        self.decode_any(input, Some(known))
    }

    fn decode_any<'a>(
        &mut self,
        input: &'a [u8],
        known: Option<&mut KnownHead>,
    ) -> Result<(usize, Part<'a>), ReplyError> {
        match self.state {
            State::Head => self.decode_head(input, known),
            State::Body => self.decode_body(input),
            State::Whole => Ok((0, Part::End)),
            State::Closed => Err(ReplyError::AlreadyFailed),
            State::Answering | State::Upgraded => unreachable!("a client answers nothing"),
        }
    }

    /// The server has finished sending. Completes a body delimited by that; any other incomplete reply is an error.
    pub fn eof(&mut self) -> Result<(), ReplyError> {
        let error = match (self.state, self.body) {
            (State::Whole, _) => return Ok(()),
            (State::Body, Some(Body::UntilClose)) => {
                self.on(Event::BodyEnd);
                return Ok(());
            }
            (State::Closed, _) => return Err(ReplyError::AlreadyFailed),
            (State::Head, _) => ReplyError::ClosedBeforeHead,
            (State::Body, Some(Body::Exact { missing })) => ReplyError::ShortBody { missing },
            (State::Body, _) => ReplyError::MissingLastChunk,
            (State::Answering | State::Upgraded, _) => unreachable!("a client answers nothing"),
        };
        self.on(Event::Eof);
        Err(error)
    }

    fn decode_head<'a>(
        &mut self,
        input: &'a [u8],
        known: Option<&mut KnownHead>,
    ) -> Result<(usize, Part<'a>), ReplyError> {
        let mut skipped = 0;
        loop {
            let rest = &input[skipped..];
            let again = known
                .as_deref()
                .and_then(|known| known.begins(rest, self.request_method));
            if let Some((bytes, head)) = again {
                return Ok((skipped + bytes, self.begun(head)));
            }
            let old = self.head_scanned.min(rest.len());
            let is_news =
                old == 0 || rest[old..].contains(&b'\n') || rest.len() >= MAX_REPLY_HEAD_BYTES;
            let head = if is_news {
                head::parse_reply(rest, self.request_method)
            } else {
                Ok(None)
            };
            let Some((bytes, head)) = head.map_err(|fault| self.fail(fault.into()))? else {
                self.head_scanned = rest.len();
                return Ok((skipped, Part::NeedInput));
            };
            self.head_scanned = 0;
            skipped += bytes;
            if matches!(head.status, 100 | 102..=199) {
                self.on(Event::Interim);
                self.interim_heads += 1;
                if self.interim_heads > MAX_INTERIM_HEADS {
                    return Err(self.fail(ReplyError::TooManyInterimHeads));
                }
                continue;
            }
            if let Some(known) = known {
                known.set(&rest[..bytes], self.request_method, head);
            }
            return Ok((skipped, self.begun(head)));
        }
    }

    /// The final head has come.
    fn begun(&mut self, head: ReplyHead) -> Part<'static> {
        self.head_scanned = 0;
        self.body = Body::of_length(head.length, u64::MAX);
        self.on(if self.body.is_some() {
            Event::HeadWithBody
        } else {
            Event::HeadAlone
        });
        Part::Head(head)
    }

    fn decode_body<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Part<'a>), ReplyError> {
        let Some(body) = &mut self.body else {
            unreachable!("only a head with a body leads to the body")
        };
        let taken = body.take(input).map_err(|fault| self.fail(fault.into()))?;
        if taken.end {
            self.on(Event::BodyEnd);
        }
        let part = match (taken.data.is_empty(), taken.end) {
            (false, _) => Part::Body(&input[taken.data]),
            (true, true) => Part::End,
            (true, false) => Part::NeedInput,
        };
        Ok((taken.consumed, part))
    }

    fn fail(&mut self, error: ReplyError) -> ReplyError {
        self.on(Event::Fault);
        error
    }

    fn on(&mut self, event: Event) {
        self.state = next(Role::Client, self.state, event)
            .expect("the decoder raises only events its state allows");
    }
}

impl From<Fault> for ReplyError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(what) => Self::Malformed { what },
            Fault::HeadTooLarge => Self::HeadTooLarge,
            Fault::TooManyHeaders => Self::TooManyHeaders,
            Fault::TrailersTooLarge => Self::TrailersTooLarge,
            Fault::UnknownCoding => Self::UnknownCoding,
            Fault::UnknownVersion => Self::UnknownVersion,
            // Bodies of replies are bounded by u64 alone, and replies carry no expectation.
            Fault::BodyTooLarge => Self::Malformed {
                what: "the chunks add up to more than 2^64 bytes",
            },
            Fault::UnknownExpectation | Fault::TooSlow | Fault::TooMany => {
                unreachable!("only a server says so")
            }
        }
    }
}
