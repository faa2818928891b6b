//! Heads as bytes: answers, refusals and header fields.
//!
//! Knows spelling and order only, and appends to a buffer the caller keeps. It must never know what is being answered.
//! Field names and values come from our own code, so one that would split a message is our bug and stops us.

use alloc::vec::Vec;

use crate::Date;
use crate::fault::Fault;
use crate::message::{is_token, is_value_byte};
use crate::response::{Response, ResponseHead};
use crate::{MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_HEADERS, MAX_TRAILER_BYTES};

/// The interim answer to `Expect: 100-continue` (RFC 9110 §10.1.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What an answer's `Connection` field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// HTTP/1.1 keeps a connection without a word.
    Implied,
    /// HTTP/1.0 needs it said (RFC 9112 §9.3).
    KeepAlive,
    Close,
}

/// What an answer's head says of where its body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes.
    Length(usize),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// The chunk that ends a body, without trailers (RFC 9112 §7.1).
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends an answer. `with_body` is false for `HEAD`, whose head is the same (RFC 9110 §9.3.2).
pub(crate) fn response(
    response: &Response<'_>,
    persistence: Persistence,
    with_body: bool,
    date: &Date,
    out: &mut Vec<u8>,
) {
    let framing = Framing::Length(response.body.len());
    head(&response.head(), framing, persistence, date, out);
    if has_content(response.status) && with_body {
        out.extend_from_slice(response.body);
    }
}

/// Appends the head of an answer.
#[inline]
pub(crate) fn head(
    head: &ResponseHead<'_>,
    framing: Framing,
    persistence: Persistence,
    date: &Date,
    out: &mut Vec<u8>,
) {
    // More than the fixed part of a head needs, so that most heads grow `out` at most once.
    const HEAD_BYTES: usize = 192;
    assert!(
        (200..=599).contains(&head.status),
        "{} is no final status",
        head.status
    );
    let body_bytes = match framing {
        Framing::Length(bytes) => bytes,
        Framing::Chunked | Framing::UntilClose => 0,
    };
    out.reserve(HEAD_BYTES + body_bytes);
    status_line(head.status, out);
    out.extend_from_slice(b"Date: ");
    out.extend_from_slice(date.as_bytes());
    if has_content(head.status) {
        if !head.content_type.is_empty() {
            debug_assert!(
                head.content_type.bytes().all(is_value_byte),
                "content type {:?}",
                head.content_type
            );
            out.extend_from_slice(b"\r\nContent-Type: ");
            out.extend_from_slice(head.content_type.as_bytes());
        }
        match framing {
            Framing::Length(bytes) => {
                out.extend_from_slice(b"\r\nContent-Length: ");
                number(bytes, out);
            }
            Framing::Chunked => out.extend_from_slice(b"\r\nTransfer-Encoding: chunked"),
            Framing::UntilClose => {}
        }
    }
    out.extend_from_slice(match persistence {
        Persistence::Implied => b"\r\n",
        Persistence::KeepAlive => b"\r\nConnection: keep-alive\r\n",
        Persistence::Close => b"\r\nConnection: close\r\n",
    });
    fields(head.headers, out);
    out.extend_from_slice(b"\r\n");
}

/// RFC 9110 §8.6 and §15.4.5: neither 204 nor 304 has content, and 204 must not claim a length.
pub(crate) const fn has_content(status: u16) -> bool {
    !matches!(status, 204 | 304)
}

/// Appends `data`, which must not be empty, as one chunk (RFC 9112 §7.1).
pub(crate) fn chunk(data: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    debug_assert!(!data.is_empty(), "an empty chunk is the last one");
    let digits = (usize::BITS - data.len().leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        out.push(DIGITS[data.len() >> (4 * place) & 0xF]);
    }
    for part in [b"\r\n", data, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Appends the answer after which the connection speaks WebSocket (RFC 6455 §4.2.2).
pub(crate) fn switch_to_websocket(accept: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    );
    fields(&[("Sec-WebSocket-Accept", accept)], out);
    out.extend_from_slice(b"\r\n");
}

// The texts below name the bounds.
const _: () = assert!(MAX_BODY_BYTES == 1 << 20 && MAX_HEAD_BYTES == 16 << 10);
const _: () = assert!(MAX_HEADERS == 100 && MAX_TRAILER_BYTES == 8 << 10);

/// Appends the answer to input that can't be read on; it is always the last.
pub(crate) fn refusal(fault: Fault, with_body: bool, date: &Date, out: &mut Vec<u8>) {
    let (status, text) = match fault {
        Fault::Malformed(text) => (400, text),
        Fault::TooSlow => (408, "the request took too long to arrive"),
        Fault::BodyTooLarge => (413, "the body is longer than 1 MiB"),
        Fault::UnknownExpectation => (417, "Expect is not 100-continue"),
        Fault::HeadTooLarge => (431, "the head is longer than 16 KiB"),
        Fault::TooManyHeaders => (431, "the head has more than 100 fields"),
        Fault::TrailersTooLarge => (431, "the trailers are longer than 8 KiB"),
        Fault::UnknownCoding => (501, "no transfer coding is known but chunked"),
        Fault::TooMany => (
            503,
            "the server has as many connections as it takes; come back later",
        ),
        Fault::UnknownVersion => (505, "no version is known but HTTP/1.0 and HTTP/1.1"),
    };
    let content_type = "text/plain; charset=utf-8";
    let refusal = Response {
        status,
        content_type,
        headers: &[],
        body: text.as_bytes(),
    };
    response(&refusal, Persistence::Close, with_body, date, out);
}

/// Appends header fields, one a line. Panics on what would split the head, and on what is written here anyway.
pub(crate) fn fields(fields: &[(&str, &str)], out: &mut Vec<u8>) {
    for (name, value) in fields {
        assert!(is_token(name), "field name {name:?} is not a token");
        assert!(
            value.bytes().all(is_value_byte),
            "the value of {name} holds a control character: {value:?}"
        );
        let is_ours = ["host", "content-length", "transfer-encoding"]
            .iter()
            .any(|ours| name.eq_ignore_ascii_case(ours));
        assert!(!is_ours, "{name} is written by http1 itself");
        for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
}

/// Appends `value` in decimal digits.
pub(crate) fn number(value: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn status_line(status: u16, out: &mut Vec<u8>) {
    if status == 200 {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    number(usize::from(status), out);
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The reason phrases of RFC 9110 §15 for what our servers say; others go without, as RFC 9112 §4 allows.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
