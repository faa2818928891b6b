//! Replies, and what a client must make of them.

use http1::Method;
use http1::client::{
    BodyLength, BodyLength::*, KnownHead, MAX_KNOWN_HEAD_BYTES, ReplyError, ReplyHead,
};

use super::replay::{Read, ReadEnd, cut, read, read_knowing};

/// What comes of a reply. Malformed ones differ by kind, not by their texts.
#[derive(Debug)]
enum Outcome {
    /// Complete, the input's end being its end.
    Reply(u16, KeepAlive, BodyLength, &'static str),
    /// Completed by the end of the connection.
    UntilEof(u16, &'static str),
    /// Incomplete, and this if the connection ends.
    Short(ReplyError),
    Malformed,
    Error(ReplyError),
}
use Outcome::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeepAlive {
    Kept,
    Last,
}
use KeepAlive::*;

struct Case {
    name: &'static str,
    method: Method,
    input: &'static str,
    outcome: Outcome,
}

const fn case(name: &'static str, input: &'static str, outcome: Outcome) -> Case {
    Case {
        name,
        method: Method::Get,
        input,
        outcome,
    }
}

const fn head(name: &'static str, input: &'static str, outcome: Outcome) -> Case {
    Case {
        name,
        method: Method::Head,
        input,
        outcome,
    }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    // Framing (RFC 9112 §6.3).
    case("a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Reply(200, Kept, Exact(2), "hi")),
    case("a length of 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Reply(200, Kept, Exact(0), "")),
    case("no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", Reply(200, Kept, Exact(0), "")),
    case("no space before no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Reply(200, Kept, Exact(0), "")),
    case("a reason beyond ASCII", "HTTP/1.1 404 \u{e9}\r\nContent-Length: 0\r\n\r\n", Reply(404, Kept, Exact(0), "")),
    case("chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nhi\r\n1;a\r\n!\r\n0\r\nA: b\r\n\r\n", Reply(200, Kept, Chunked, "hi!")),
    case("until the end of the connection", "HTTP/1.1 200 OK\r\n\r\nhi", UntilEof(200, "hi")),
    case("nothing until the end of the connection", "HTTP/1.1 200 OK\r\n\r\n", UntilEof(200, "")),
    case("a 204", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", Reply(204, Kept, None, "")),
    case("a 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", Reply(304, Kept, None, "")),
    head("a reply to HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", Reply(200, Kept, None, "")),
    head("a chunked reply to HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Reply(200, Kept, None, "")),

    // Interim replies (RFC 9110 §15.2).
    case("a 100 before", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Reply(200, Kept, Exact(2), "hi")),
    case("a 103 with fields before", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Reply(200, Kept, Exact(2), "hi")),
    case("a 101 is final", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", Reply(101, Kept, None, "")),

    // Persistence (RFC 9112 §9.3).
    case("close", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nhi", Reply(200, Last, Exact(2), "hi")),
    case("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", Reply(200, Last, Exact(2), "hi")),
    case("HTTP/1.0 kept alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", Reply(200, Kept, Exact(2), "hi")),
    case("HTTP/1.0 kept alive, without a length", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhi", UntilEof(200, "hi")),

    // Cut short.
    case("nothing", "", Short(ReplyError::ClosedBeforeHead)),
    case("half a head", "HTTP/1.1 200 OK\r\nContent-Le", Short(ReplyError::ClosedBeforeHead)),
    case("only an interim head", "HTTP/1.1 100 Continue\r\n\r\n", Short(ReplyError::ClosedBeforeHead)),
    case("half a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", Short(ReplyError::ShortBody { missing: 3 })),
    case("chunks without the last", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", Short(ReplyError::MissingLastChunk)),

    // Refused.
    case("not HTTP", "\x16\x03\x01", Malformed),
    case("an empty line before", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Malformed),
    case("HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", Error(ReplyError::UnknownVersion)),
    case("a version in words", "HTTP/one 200 OK\r\n\r\n", Malformed),
    case("a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", Malformed),
    case("a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", Malformed),
    case("a status of 099", "HTTP/1.1 099 OK\r\n\r\n", Malformed),
    case("a status of 600", "HTTP/1.1 600 OK\r\n\r\n", Malformed),
    case("LF after the status line", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", Malformed),
    case("LF after a field", "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n", Malformed),
    case("space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", Malformed),
    case("a folded value", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", Malformed),
    case("NUL in a value", "HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n", Malformed),
    case("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", Malformed),
    case("a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi", Malformed),
    case("a length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi", Malformed),
    case("a length of 2^64", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nhi", Malformed),
    case("a length beside chunked", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Malformed),
    case("chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Malformed),
    case("chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", Malformed),
    case("another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Error(ReplyError::UnknownCoding)),
    case("another coding until the end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi", Error(ReplyError::UnknownCoding)),
    case("a bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2g\r\nhi\r\n", Malformed),
    case("no CR LF after a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n", Malformed),
    case("chunks of 2^64 bytes in all", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nffffffffffffffff\r\n", Malformed),
];

#[test]
fn every_case_whole() {
    for case in CASES {
        let read = read(case.method, [case.input.as_bytes()]);
        assert!(
            is(&read, &case.outcome),
            "{}: expected {:?}, read {read:?}",
            case.name,
            case.outcome
        );
    }
}

#[test]
fn every_case_byte_by_byte() {
    for case in CASES {
        check(
            case,
            &read(case.method, case.input.as_bytes().chunks(1)),
            "byte by byte",
        );
    }
}

#[test]
fn every_case_cut_in_two_anywhere() {
    for case in CASES {
        for at in 0..=case.input.len() {
            check(
                case,
                &read(case.method, cut(case.input.as_bytes(), &[at])),
                &format!("cut at {at}"),
            );
        }
    }
}

#[test]
fn a_head_that_is_known_changes_nothing_of_what_is_read() {
    for first in CASES {
        for case in CASES {
            let mut known = KnownHead::default();
            read_knowing(first.method, [first.input.as_bytes()], &mut known);
            let again = read_knowing(case.method, [case.input.as_bytes()], &mut known);
            check(case, &again, &format!("behind {}", first.name));
            let cut = cut(case.input.as_bytes(), &[case.input.len() / 2]);
            let again = read_knowing(case.method, cut, &mut known);
            check(case, &again, "again, and cut");
        }
    }
}

#[test]
fn heads_that_can_be_known_are_bounded() {
    for bytes in [MAX_KNOWN_HEAD_BYTES, MAX_KNOWN_HEAD_BYTES + 1] {
        let fixed = "HTTP/1.1 204 No Content\r\nA: \r\n\r\n".len();
        let reply = format!(
            "HTTP/1.1 204 No Content\r\nA: {}\r\n\r\n",
            "a".repeat(bytes - fixed)
        );
        let mut known = KnownHead::default();
        read_knowing(Method::Get, [reply.as_bytes()], &mut known);
        let is_known = format!("{known:?}") != format!("{:?}", KnownHead::default());
        assert_eq!(is_known, bytes == MAX_KNOWN_HEAD_BYTES, "{bytes}");
    }
}

#[test]
fn what_follows_a_reply_is_left_alone() {
    for case in CASES
        .iter()
        .filter(|case| matches!(case.outcome, Reply(..)))
    {
        for behind in [case.input, "\0junk\r\n\r\n"] {
            let once = read(case.method, [case.input.as_bytes()]);
            let more = read(case.method, [case.input.as_bytes(), behind.as_bytes()]);
            assert_eq!(
                more.end,
                ReadEnd::Complete {
                    rest: behind.as_bytes().to_vec()
                },
                "{}",
                case.name
            );
            assert_eq!(
                (more.head, more.body),
                (once.head, once.body),
                "{}",
                case.name
            );
            let together = [case.input, behind].concat();
            assert_eq!(
                read(case.method, [together.as_bytes()]).end,
                more.end,
                "{}",
                case.name
            );
        }
    }
}

fn check(case: &Case, read_so: &Read, how: &str) {
    let whole = read(case.method, [case.input.as_bytes()]);
    assert_eq!(*read_so, whole, "{} {how}", case.name);
}

fn is(read: &Read, outcome: &Outcome) -> bool {
    let body = read.body.as_slice();
    match (outcome, &read.end, read.head) {
        (&Reply(status, keep_alive, length, text), ReadEnd::Complete { rest }, Some(head)) => {
            let expected = ReplyHead {
                status,
                keep_alive: keep_alive == Kept,
                length,
            };
            head == expected && body == text.as_bytes() && rest.is_empty()
        }
        (&UntilEof(status, text), ReadEnd::Waiting { eof: Ok(()) }, Some(head)) => {
            head == ReplyHead {
                status,
                keep_alive: false,
                length: UntilClose,
            } && body == text.as_bytes()
        }
        (Short(error), ReadEnd::Waiting { eof }, _) => *eof == Err(*error),
        (Malformed, ReadEnd::Failed(error), _) => matches!(error, ReplyError::Malformed { .. }),
        (Error(expected), ReadEnd::Failed(error), _) => error == expected,
        _ => false,
    }
}
