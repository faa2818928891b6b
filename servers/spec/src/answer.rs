//! What a route answers, before it is put on the wire.
//!
//! Knows status, type and body. Must never know framing, dates or connections: those are `http1`'s.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::route::Route;

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const BYTES: &str = "application/octet-stream";
pub(crate) const EVENTS: &str = "text/event-stream; charset=utf-8";

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
    pub(crate) fn method_not_allowed(route: &Route) -> Self {
        let (headers, reason): (&'static [_], &'static [u8]) = match route {
            Route::Orders => (&[("Allow", "POST")], b"this route answers POST only"),
            _ => (
                &[("Allow", "GET, HEAD")],
                b"this route answers GET and HEAD only",
            ),
        };
        Self {
            status: 405,
            content_type: TEXT,
            headers,
            body: Cow::Borrowed(reason),
        }
    }

    /// RFC 9110 §15.5.22: a 426 says what to upgrade to, as an option of this connection (§7.8), and RFC 6455 §4.4 adds the
    /// version to one that was asked for another.
    pub(crate) const fn upgrade_required() -> Self {
        Self {
            status: 426,
            content_type: TEXT,
            headers: &[
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Version", "13"),
            ],
            body: Cow::Borrowed(b"this route speaks WebSocket (RFC 6455); ask for an upgrade"),
        }
    }
}
