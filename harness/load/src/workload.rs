//! Requests as bytes, made before the run, and what each must be answered with.

use bench_core::units::Nanos;
use http1::Method;
use http1::client::encode_request;

/// The mix of requests of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// At least one.
    requests: Vec<Request>,
}

impl Workload {
    /// A workload of these requests; none is a bug of the caller.
    pub fn new(requests: Vec<Request>) -> Self {
        assert!(!requests.is_empty(), "a workload has at least one request");
        Self { requests }
    }

    /// The request at `index`, as [`bench_core::schedule::Mix`] chose it.
    pub fn request(&self, index: usize) -> &Request {
        &self.requests[index]
    }

    /// The weights, in order.
    pub fn weights(&self) -> Vec<u32> {
        self.requests.iter().map(|request| request.weight).collect()
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

/// What a reply must be. Anything else is an error of a named kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The status; `None` takes any from 200 to 399, for addresses whose answers are not known beforehand.
    pub status: Option<u16>,
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
    /// A stream of events, each checked and timed as it comes (see [`crate::events`]).
    Events {
        /// How many, numbered from 1.
        count: u32,
        /// How long after the one before each is due, in nanoseconds.
        gap_ns: Nanos,
    },
}

impl Request {
    /// A request for `target` (path and query) at `host` (for the Host header), with extra headers and a body.
    pub fn new(
        method: Method,
        target: &str,
        host: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
        expect: Expect,
    ) -> Self {
        let mut bytes = Vec::new();
        encode_request(method, target, host, headers, body, &mut bytes);
        Self {
            bytes,
            method,
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
