//! What is said: requests as bytes, made before the run, and what each must be answered with; or a chat.

use std::ops::RangeInclusive;

use http1::Method;
use http1::client::encode_request_of;
use model::units::Nanos;
use websocket::MAX_MESSAGE_BYTES;

use crate::protocol::messages::MIN_MESSAGE_BYTES;

/// What is said over the connections of a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload(pub(crate) WorkloadKind);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WorkloadKind {
    /// A mix of requests: at least one kind.
    Requests(Vec<Request>),
    Chat(Chat),
}

impl Workload {
    /// A workload of these requests; none is a bug of the caller.
    pub fn new(requests: Vec<Request>) -> Self {
        assert!(!requests.is_empty(), "a workload has at least one request");
        Self(WorkloadKind::Requests(requests))
    }

    /// The kinds of request, as [`model::spec::schedule::Mix`] numbers them; a chat has none.
    pub fn requests(&self) -> &[Request] {
        match &self.0 {
            WorkloadKind::Requests(requests) => requests,
            WorkloadKind::Chat(_) => &[],
        }
    }
}

impl From<Chat> for Workload {
    fn from(chat: Chat) -> Self {
        Self(WorkloadKind::Chat(chat))
    }
}

/// A chat: every connection is a member of the room at [`Chat::TARGET`], and every message must reach everyone who is in.
///
/// All its members live in one thread, which matches what they hear without a lock: of several cores that a drive may use it
/// takes the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    host: String,
    message_bytes: usize,
}

impl Chat {
    /// Where the room is.
    pub const TARGET: &str = "/chat";

    /// Messages of `message_bytes`, from [`MIN_MESSAGE_BYTES`] to [`MAX_MESSAGE_BYTES`]; `host` as in the Host header.
    pub fn new(host: &str, message_bytes: usize) -> Self {
        assert!(
            (MIN_MESSAGE_BYTES..=MAX_MESSAGE_BYTES).contains(&message_bytes),
            "a message of {message_bytes} bytes is none of a chat"
        );
        Self {
            host: host.to_owned(),
            message_bytes,
        }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn message_bytes(&self) -> usize {
        self.message_bytes
    }
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is sent, head and body.
    pub bytes: Vec<u8>,
    /// Its method: a reply to HEAD has no body.
    pub method: Method,
    /// Its share in the mix.
    pub weight: u32,
    /// What must come back.
    pub expect: Expect,
}

/// Statuses of a success and of a redirect (RFC 9110, section 15).
pub const SUCCESS_OR_REDIRECT: RangeInclusive<u16> = 200..=399;

/// What a reply must be. Anything else is an error of a named kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The statuses of which it has one, as ranges; [`SUCCESS_OR_REDIRECT`] for addresses whose answers are not known beforehand.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// The body.
    pub body: ExpectBody,
}

/// What the body of a reply must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectBody {
    /// Whatever comes.
    Any,
    /// These bytes.
    Exact(Vec<u8>),
    /// A stream of events, each checked and timed as it comes (see [`crate::protocol::events`]).
    Events {
        /// How many, numbered from 1.
        count: u32,
        /// How long after the one before each is due, in nanoseconds.
        gap_ns: Nanos,
    },
}

impl Request {
    /// A request of any `method` for `target` (path and query) at `host` (for the Host header), with extra headers and a body.
    pub fn new(
        method: &str,
        target: &str,
        host: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
        expect: Expect,
    ) -> Self {
        let mut bytes = Vec::new();
        encode_request_of(method, target, host, headers, body, &mut bytes);
        Self {
            bytes,
            method: Method::from_token(method),
            weight: 1,
            expect,
        }
    }

    /// The same request with another weight in the mix.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }
}
