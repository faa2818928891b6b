//! What is said: requests as bytes, made before the run, and what each must be answered with; or a chat.

use std::ops::RangeInclusive;
use std::sync::Arc;

use http1::Method;
use http1::client::encode_request_of;
use model::units::Nanos;
use serde::{Deserialize, Serialize};
use websocket::MAX_MESSAGE_BYTES;

use crate::protocol::messages::MIN_MESSAGE_BYTES;
use crate::protocol::template::{Filling, Reading, Template};

/// What is said over the connections of a drive. Written down and read again it is the same, so that others can say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload(pub(crate) WorkloadKind);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WorkloadKind {
    /// A mix of requests: at least one kind.
    Requests(Vec<Request>),
    Chat(Chat),
}

impl Workload {
    /// A workload of these requests; none is a bug of the caller.
    pub fn new(requests: Vec<Request>) -> Self {
        let begins = requests.first().is_some_and(|first| !first.follows);
        assert!(
            begins,
            "a workload has at least one request, and the first follows none"
        );
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

/// A chat: every connection is a member of the room at its target, and every message must reach everyone who is in.
///
/// All its members live in one thread, which matches what they hear without a lock: of several cores that a drive may use it
/// takes the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    host: String,
    target: String,
    message_bytes: usize,
}

impl Chat {
    /// Where the room is, below the server's address.
    pub const TARGET: &str = "/chat";

    /// Messages of `message_bytes`, from [`MIN_MESSAGE_BYTES`] to [`MAX_MESSAGE_BYTES`]; `host` as in the Host header, `target`: where the
    /// room is.
    pub fn new(host: &str, target: &str, message_bytes: usize) -> Self {
        assert!(
            (MIN_MESSAGE_BYTES..=MAX_MESSAGE_BYTES).contains(&message_bytes),
            "a message of {message_bytes} bytes is none of a chat"
        );
        Self {
            host: host.to_owned(),
            target: target.to_owned(),
            message_bytes,
        }
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn message_bytes(&self) -> usize {
        self.message_bytes
    }
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is sent, head and body, where it is the same each time.
    pub bytes: Vec<u8>,
    /// What is filled in each time, where there is something.
    template: Option<Box<Template>>,
    /// Its method: a reply to HEAD has no body.
    pub method: Method,
    /// Its share in the mix; of no meaning where it follows.
    pub weight: u32,
    /// Whether it is sent after the one before it in the mix, over its connection as long as that is open, and never by itself.
    pub follows: bool,
    /// What must come back.
    pub expect: Expect,
    /// What the reply is looked into for.
    pub reading: Reading,
}

/// Statuses of a success and of a redirect (RFC 9110, section 15).
pub const SUCCESS_OR_REDIRECT: RangeInclusive<u16> = 200..=399;

/// What a reply must be. Anything else is an error of a named kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// The statuses of which it has one, as ranges; [`SUCCESS_OR_REDIRECT`] for addresses whose answers are not known beforehand.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// The body.
    pub body: ExpectBody,
}

impl ExpectBody {
    /// The bytes that must answer the request of this number, from 1, where they are known.
    pub(crate) fn exact(&self, seq: u64) -> Option<&[u8]> {
        match self {
            Self::Exact(bytes) => Some(bytes),
            Self::InOrder(each) => {
                let index = (seq - 1).checked_rem(each.len() as u64)?;
                each.get(usize::try_from(index).expect("it is below a length"))
                    .map(Vec::as_slice)
            }
            Self::Any | Self::Length(_) | Self::Events { .. } => None,
        }
    }
}

/// The body of a request of the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnBody {
    /// In which what stands in braces is filled in.
    Text(Vec<u8>),
    /// At least one, sent as they are, one after the other and again from the first.
    Lines(Arc<Vec<Vec<u8>>>),
}

/// What the body of a reply must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExpectBody {
    /// Whatever comes.
    Any,
    /// These bytes.
    Exact(Vec<u8>),
    /// The bytes for its request, where requests are sent in order and each has its own: the first for the first.
    InOrder(Arc<Vec<Vec<u8>>>),
    /// So many bytes.
    Length(usize),
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
            template: None,
            method: Method::from_token(method),
            weight: 1,
            follows: false,
            expect,
            reading: Reading::default(),
        }
    }

    /// A request as [`Request::new`] makes it, in which what stands in braces is filled in each time it is sent (see
    /// [`crate::protocol::template`]). `values`: the names of what is taken of earlier replies, in the order of their places.
    pub fn with_holes(
        (method, target, host): (&str, &str, &str),
        headers: &[(&str, &str)],
        body: Option<&OwnBody>,
        values: &[String],
        expect: Expect,
    ) -> Self {
        let text = match body {
            None => None,
            Some(OwnBody::Text(bytes)) => Some(bytes.as_slice()),
            // Of these the first is as good as any, where nothing is filled in.
            Some(OwnBody::Lines(lines)) => lines.first().map(Vec::as_slice),
        };
        let whole = Self::new(method, target, host, headers, text, expect.clone());
        let empty = text.map(|_| &[][..]);
        let head = Self::new(method, target, host, headers, empty, expect);
        let lines = match body {
            Some(OwnBody::Lines(lines)) => Some(Arc::clone(lines)),
            Some(OwnBody::Text(_)) | None => None,
        };
        let template = Template::new(&head.bytes, text, lines, values);
        Self {
            template: template.map(Box::new),
            ..whole
        }
    }

    /// Requests that are sent one after the other and again from the first, at least one: each as [`Request::new`] makes it, of which
    /// only method and bytes matter. The replies must be as `expect` says.
    pub fn in_order(requests: impl IntoIterator<Item = Self>, expect: Expect) -> Self {
        let requests = requests.into_iter().map(|one| (one.method, one.bytes));
        let requests: Vec<(Method, Vec<u8>)> = requests.collect();
        let (method, bytes) = requests.first().cloned().expect("there is at least one");
        Self {
            bytes,
            template: Some(Box::new(Template::of_requests(requests))),
            method,
            weight: 1,
            follows: false,
            expect,
            reading: Reading::default(),
        }
    }

    /// The method of the request of this number, from 1.
    pub(crate) fn method_of(&self, seq: u64) -> Method {
        let own = self
            .template
            .as_ref()
            .and_then(|template| template.method(seq));
        own.unwrap_or(self.method)
    }

    /// Whether something is filled in each time.
    pub fn has_holes(&self) -> bool {
        self.template.is_some()
    }

    /// The bytes to send for a filling: written into `out` where something is filled in; `scratch` is for that.
    pub fn fill<'a>(
        &'a self,
        filling: &Filling<'_>,
        scratch: &mut Vec<u8>,
        out: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        match &self.template {
            None => &self.bytes,
            Some(template) => {
                template.fill(filling, scratch, out);
                out
            }
        }
    }

    /// The same request with another weight in the mix.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }
}
