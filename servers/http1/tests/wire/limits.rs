//! Every bound: one below, at, and one above.

use http1::client::ReplyError;
use http1::server::{Connection, Poll, Response};
use http1::{
    Date, MAX_BODY_BYTES, MAX_CHUNK_EXTENSION_BYTES, MAX_EMPTY_LINES, MAX_HEAD_BYTES, MAX_HEADERS,
    MAX_IDLE_CAPACITY_BYTES, MAX_INTERIM_HEADS, MAX_PIPELINED_BYTES, MAX_REPLY_HEAD_BYTES,
    MAX_TRAILER_BYTES, Method,
};

use super::replay::{End, ReadEnd, Served, cut, read, serve};

/// Requests of which `limit` of something is served and one more is refused with `status`, however the input is cut.
fn check(limit: usize, status: u16, request: impl Fn(usize) -> String) {
    for (size, end) in [
        (limit - 1, End::Idle),
        (limit, End::Idle),
        (limit + 1, End::Refused(status)),
    ] {
        let input = request(size);
        let whole = serve([input.as_bytes()]);
        assert_eq!(
            (whole.end, whole.requests.len()),
            (end, usize::from(end == End::Idle)),
            "{size} of {limit}"
        );
        let cuts: Vec<_> = (1..input.len())
            .step_by(1_021)
            .chain(input.len() - 5..input.len())
            .collect();
        for at in cuts {
            assert_eq!(
                serve(cut(input.as_bytes(), &[at])),
                whole,
                "{size} of {limit}, cut at {at}"
            );
        }
        assert_eq!(
            serve(input.as_bytes().chunks(997)),
            whole,
            "{size} of {limit}, in pieces"
        );
    }
}

/// As [`check`], for replies and `is_expected`.
fn check_reply(limit: usize, is_expected: ReplyError, reply: impl Fn(usize) -> String) {
    for (size, is_refused) in [(limit - 1, false), (limit, false), (limit + 1, true)] {
        let input = reply(size);
        let end = if is_refused {
            ReadEnd::Failed(is_expected)
        } else {
            ReadEnd::Complete { rest: Vec::new() }
        };
        assert_eq!(
            read(Method::Get, [input.as_bytes()]).end,
            end,
            "{size} of {limit}"
        );
        assert_eq!(
            read(Method::Get, input.as_bytes().chunks(997)).end,
            end,
            "{size} of {limit}, in pieces"
        );
    }
}

/// A head of `bytes` bytes after `start`, filled up by a field.
fn padded(start: &str, bytes: usize) -> String {
    let around = start.len() + "A: \r\n\r\n".len();
    format!("{start}A: {}\r\n\r\n", "b".repeat(bytes - around))
}

fn chunked(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

#[test]
fn heads() {
    check(MAX_HEAD_BYTES, 431, |bytes| {
        padded("GET / HTTP/1.1\r\nHost: x\r\n", bytes)
    });
    check_reply(MAX_REPLY_HEAD_BYTES, ReplyError::HeadTooLarge, |bytes| {
        padded("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", bytes)
    });
}

#[test]
fn a_head_of_one_endless_line_is_refused() {
    for piece in [1, 1_000, MAX_HEAD_BYTES] {
        let line = "a".repeat(MAX_HEAD_BYTES);
        assert_eq!(serve(line.as_bytes().chunks(piece)).end, End::Refused(431));
        assert_eq!(serve(line.as_bytes()[1..].chunks(piece)).end, End::Waiting);
    }
}

#[test]
fn head_bytes_do_not_count_the_body_behind_them() {
    let body = "b".repeat(2 * MAX_HEAD_BYTES);
    let input = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(serve([input.as_bytes()]).end, End::Idle);
}

#[test]
fn header_fields() {
    check(MAX_HEADERS, 431, |count| {
        format!(
            "GET / HTTP/1.1\r\n{}Host: x\r\n\r\n",
            "A: b\r\n".repeat(count - 1)
        )
    });
    check_reply(MAX_HEADERS, ReplyError::TooManyHeaders, |count| {
        format!(
            "HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n",
            "A: b\r\n".repeat(count - 1)
        )
    });
}

#[test]
fn bodies_of_known_length() {
    check(MAX_BODY_BYTES, 413, |bytes| {
        format!(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {bytes}\r\n\r\n{}",
            "b".repeat(bytes)
        )
    });
}

#[test]
fn bodies_in_chunks() {
    check(MAX_BODY_BYTES, 413, |bytes| {
        chunked(&format!(
            "1\r\na\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            bytes - 1,
            "b".repeat(bytes - 1)
        ))
    });
}

#[test]
fn too_long_a_body_is_refused_before_it_comes() {
    let length = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        MAX_BODY_BYTES + 1
    );
    assert_eq!(serve([length.as_bytes()]).end, End::Refused(413));
    let chunk = chunked(&format!("{:x}\r\n", MAX_BODY_BYTES + 1));
    assert_eq!(serve([chunk.as_bytes()]).end, End::Refused(413));
}

#[test]
fn chunk_extensions() {
    // Ten chunks share the allowance.
    let extended = |bytes: usize| {
        let each = format!("1;{}\r\na\r\n", "e".repeat(999));
        let last = format!("0;{}\r\n\r\n", "e".repeat(bytes - 10_000 - 1));
        chunked(&format!("{}{last}", each.repeat(10)))
    };
    check(MAX_CHUNK_EXTENSION_BYTES, 400, extended);
}

#[test]
fn trailers() {
    check(MAX_TRAILER_BYTES, 431, |bytes| {
        chunked(&format!("0\r\nA:{}\r\n\r\n", "b".repeat(bytes - 4)))
    });
    check_reply(MAX_TRAILER_BYTES, ReplyError::TrailersTooLarge, |bytes| {
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA:{}\r\n\r\n",
            "b".repeat(bytes - 4)
        )
    });
}

#[test]
fn empty_lines_before_a_request() {
    check(MAX_EMPTY_LINES, 400, |lines| {
        format!("{}GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n".repeat(lines))
    });
}

#[test]
fn empty_lines_count_anew_for_each_request() {
    let request = format!(
        "{}GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n".repeat(MAX_EMPTY_LINES)
    );
    assert_eq!(serve([request.repeat(3).as_bytes()]).requests.len(), 3);
}

#[test]
fn interim_heads() {
    check_reply(
        MAX_INTERIM_HEADS,
        ReplyError::TooManyInterimHeads,
        |count| {
            format!(
                "{}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 102 Processing\r\n\r\n".repeat(count)
            )
        },
    );
}

#[test]
fn pipelined_input_behind_an_unanswered_request() {
    let mut connection = Connection::new();
    connection.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut out = Vec::new();
    assert!(matches!(
        connection.poll(&Date::EPOCH, &mut out),
        Poll::Request(_)
    ));
    for size in 0..MAX_PIPELINED_BYTES {
        assert!(connection.wants_input(), "{size} bytes wait");
        connection.receive(b"a");
    }
    assert!(!connection.wants_input(), "the bound is reached");
    connection.respond(
        &Response {
            status: 200,
            content_type: "",
            headers: &[],
            body: b"",
        },
        &Date::EPOCH,
        &mut out,
    );
    assert!(connection.wants_input(), "nothing is owed any more");
}

#[test]
fn an_idle_connection_keeps_little() {
    for (size, kept) in [
        (MAX_IDLE_CAPACITY_BYTES, MAX_IDLE_CAPACITY_BYTES),
        (MAX_IDLE_CAPACITY_BYTES + 1, MAX_IDLE_CAPACITY_BYTES),
    ] {
        let input = padded("GET / HTTP/1.1\r\nHost: x\r\n", size);
        let mut connection = Connection::new();
        let Served { end, .. } = super::replay::serve_on(&mut connection, [input.as_bytes()]);
        assert_eq!(end, End::Idle);
        assert_eq!(
            connection.spare(1).len(),
            kept,
            "after a request of {size} bytes"
        );
    }
}

#[test]
fn a_request_that_is_late_is_answered_so_and_the_connection_closed() {
    for (part, has_body) in [
        ("G", true),
        ("GET / HTTP/1.1\r\nHost: x\r\n", true),
        ("HEAD / HTTP/1.1\r\n", false),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{",
            true,
        ),
    ] {
        let mut connection = Connection::new();
        let mut out = Vec::new();
        connection.receive(part.as_bytes());
        assert_eq!(connection.poll(&Date::EPOCH, &mut out), Poll::NeedInput);
        connection.time_out(&Date::EPOCH, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
        assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
        assert_eq!(!text.ends_with("\r\n\r\n"), has_body, "{text}");
        assert!(connection.is_closing(), "{part}");
    }
}

#[test]
#[should_panic(expected = "only a request that is being read is late")]
fn an_idle_connection_has_no_late_request() {
    Connection::new().time_out(&Date::EPOCH, &mut Vec::new());
}

#[test]
fn a_connection_too_many_is_answered_so_and_closed() {
    let mut connection = Connection::new();
    let mut out = Vec::new();
    connection.overload(&Date::EPOCH, &mut out);
    assert!(out.starts_with(b"HTTP/1.1 503 "));
    assert!(connection.is_closing());
}
