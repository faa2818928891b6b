//! What a route answers, before it is put on the wire.
//!
//! Knows status, type and body. Must never know framing, dates or connections: those are `http1`'s.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const BYTES: &str = "application/octet-stream";

/// A complete answer. The bodies of `/plaintext` and `/json` are static, so those answers allocate nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// Further header fields, such as `Allow` beside a 405.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body as it would go out for GET; `http1` leaves it out for HEAD and keeps its length.
    pub body: Cow<'static, [u8]>,
}

impl Answer {
    /// The answer in the form that [`http1::server::Connection::respond`] takes.
    pub fn response(&self) -> http1::server::Response<'_> {
        http1::server::Response {
            status: self.status,
            content_type: self.content_type,
            headers: self.headers,
            body: &self.body,
        }
    }

    pub(crate) const fn fixed(content_type: &'static str, body: &'static [u8]) -> Self {
        Self {
            status: 200,
            content_type,
            headers: &[],
            body: Cow::Borrowed(body),
        }
    }

    pub(crate) fn ok(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type,
            headers: &[],
            body: Cow::Owned(body.into()),
        }
    }

    pub(crate) fn refusal(status: u16, reason: String) -> Self {
        Self {
            status,
            content_type: TEXT,
            headers: &[],
            body: Cow::Owned(reason.into_bytes()),
        }
    }

    /// RFC 9110 §15.5.6: a 405 carries `Allow`.
    pub(crate) const fn method_not_allowed() -> Self {
        Self {
            status: 405,
            content_type: TEXT,
            headers: &[("Allow", "GET, HEAD")],
            body: Cow::Borrowed(b"this route answers GET and HEAD only"),
        }
    }
}
