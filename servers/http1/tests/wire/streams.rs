//! Answers in parts: what goes out for each kind of client, and what waits behind a stream.

use http1::client::BodyLength;
use http1::server::{Connection, Poll, Response, ResponseHead};
use http1::{Date, MAX_PIPELINED_BYTES, Method};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::replay::{ReadEnd, read};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HEAD: ResponseHead<'static> = ResponseHead {
    status: 200,
    content_type: "text/event-stream",
    headers: &[("Cache-Control", "no-cache")],
};
const START: &str =
    "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/event-stream\r\n";
const OK: Response<'static> = Response {
    status: 200,
    content_type: "",
    headers: &[],
    body: b"hi",
};

/// A connection whose request has been polled.
fn asked(input: &str) -> Connection {
    let mut connection = Connection::new();
    connection.receive(input.as_bytes());
    let polled = connection.poll(&Date::EPOCH, &mut Vec::new());
    assert!(matches!(polled, Poll::Request(_)), "{polled:?}");
    connection
}

/// Streams these parts; what went out for each call.
fn stream(connection: &mut Connection, parts: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |say: &mut dyn FnMut(&mut Vec<u8>)| {
        let mut out = Vec::new();
        say(&mut out);
        said.push(String::from_utf8(out).expect("all of it is ASCII"));
    };
    say(&mut |out| connection.begin_stream(&HEAD, &Date::EPOCH, out));
    for part in parts {
        say(&mut |out| connection.stream_part(part.as_bytes(), out));
    }
    say(&mut |out| connection.end_stream(out));
    said
}

#[test]
fn every_part_goes_out_by_itself_in_the_clients_own_framing() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let close = "Connection: close\r\n";
    for (request, fields, parts, is_last) in [
        (
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            chunked.to_owned(),
            ["1\r\na\r\n", "", "11\r\nseventeen letters\r\n", "0\r\n\r\n"],
            false,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            [chunked, close].concat(),
            ["1\r\na\r\n", "", "11\r\nseventeen letters\r\n", "0\r\n\r\n"],
            true,
        ),
        (
            "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
            chunked.to_owned(),
            ["", "", "", ""],
            false,
        ),
        (
            "GET / HTTP/1.0\r\n\r\n",
            close.to_owned(),
            ["a", "", "seventeen letters", ""],
            true,
        ),
        // It asked for the connection to be kept, and only the end of that can end the body.
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            close.to_owned(),
            ["a", "", "seventeen letters", ""],
            true,
        ),
        (
            "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            close.to_owned(),
            ["", "", "", ""],
            true,
        ),
    ] {
        let mut connection = asked(request);
        let head = format!("{START}{fields}Cache-Control: no-cache\r\n\r\n");
        let said = stream(&mut connection, &["a", "", "seventeen letters"]);
        assert_eq!(said[0], head, "{request:?}");
        assert_eq!(said[1..], parts, "{request:?}");
        assert_eq!(connection.is_closing(), is_last, "{request:?}");
        assert_eq!(connection.is_idle(), !is_last, "{request:?}");
    }
}

#[test]
fn sizes_are_told_in_as_many_digits_as_they_need() {
    for (size, digits) in [
        (1, "1"),
        (15, "f"),
        (16, "10"),
        (255, "ff"),
        (256, "100"),
        (65_536, "10000"),
    ] {
        let mut connection = asked(GET);
        let said = stream(&mut connection, &[&"a".repeat(size)]);
        let chunk = format!("{digits}\r\n{}\r\n", "a".repeat(size));
        assert_eq!(said[1], chunk, "{size} bytes");
    }
}

#[test]
fn requests_behind_a_stream_wait_for_its_end_however_they_come() {
    let behind = "GET /behind HTTP/1.1\r\nHost: x\r\n\r\n";
    for cut in 0..=behind.len() {
        let mut connection = asked(&[GET, &behind[..cut]].concat());
        let mut out = Vec::new();
        let waits = |connection: &mut Connection, out: &mut Vec<u8>| {
            assert!(connection.wants_input() && !connection.is_idle());
            assert_eq!(connection.poll(&Date::EPOCH, out), Poll::NeedInput);
        };
        connection.begin_stream(&HEAD, &Date::EPOCH, &mut out);
        waits(&mut connection, &mut out);
        for byte in behind[cut..].bytes() {
            connection.receive(&[byte]);
            waits(&mut connection, &mut out);
        }
        connection.stream_part(b"a", &mut out);
        waits(&mut connection, &mut out);
        connection.end_stream(&mut out);
        let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) else {
            panic!("the request behind is next")
        };
        assert_eq!(request.target, "/behind");
        connection.respond(&OK, &Date::EPOCH, &mut out);
        assert!(connection.is_idle());
        let ReadEnd::Complete { rest } = read(Method::Get, [&out[..]]).end else {
            panic!("the stream reads back")
        };
        let reply = read(Method::Get, [&rest[..]]);
        assert_eq!(reply.body, b"hi", "cut at {cut}");
    }
}

#[test]
fn a_stream_and_a_whole_answer_may_follow_each_other() {
    let mut connection = Connection::new();
    for _ in 0..3 {
        connection.receive(GET.repeat(2).as_bytes());
        let mut out = Vec::new();
        assert!(matches!(
            connection.poll(&Date::EPOCH, &mut out),
            Poll::Request(_)
        ));
        stream(&mut connection, &["a"]);
        assert!(matches!(
            connection.poll(&Date::EPOCH, &mut out),
            Poll::Request(_)
        ));
        connection.respond(&OK, &Date::EPOCH, &mut out);
        assert!(connection.is_idle());
    }
}

#[test]
fn pipelined_input_behind_a_stream_is_bounded() {
    let mut connection = asked(GET);
    let mut out = Vec::new();
    connection.begin_stream(&HEAD, &Date::EPOCH, &mut out);
    connection.receive(&vec![b'a'; MAX_PIPELINED_BYTES - 1]);
    assert!(connection.wants_input());
    connection.receive(b"a");
    assert!(!connection.wants_input(), "the bound is reached");
    connection.end_stream(&mut out);
    assert!(connection.wants_input(), "nothing is owed any more");
}

#[test]
fn the_peers_end_during_a_stream_leaves_the_rest_to_the_caller() {
    let mut connection = asked(GET);
    let mut out = Vec::new();
    connection.begin_stream(&HEAD, &Date::EPOCH, &mut out);
    connection.receive_eof();
    assert!(!connection.is_closing() && !connection.wants_input());
    connection.stream_part(b"a", &mut out);
    connection.end_stream(&mut out);
    assert!(out.ends_with(b"1\r\na\r\n0\r\n\r\n") && connection.is_closing());
}

#[test]
fn a_stop_lets_a_stream_end_and_the_connection_with_it() {
    let mut before = asked(GET);
    before.close_after_response();
    let said = stream(&mut before, &["a"]);
    assert!(said[0].contains("\r\nConnection: close\r\n"), "{said:?}");
    assert!(before.is_closing());

    let mut meanwhile = asked(&GET.repeat(2));
    let mut out = Vec::new();
    meanwhile.begin_stream(&HEAD, &Date::EPOCH, &mut out);
    meanwhile.close_after_response();
    assert!(!meanwhile.is_closing());
    meanwhile.stream_part(b"a", &mut out);
    meanwhile.end_stream(&mut out);
    assert!(out.ends_with(b"1\r\na\r\n0\r\n\r\n") && meanwhile.is_closing());
}

#[test]
#[should_panic(expected = "begin_stream() follows a poll() that returned a request, once")]
fn a_second_beginning_is_a_bug() {
    let mut connection = asked(GET);
    connection.begin_stream(&HEAD, &Date::EPOCH, &mut Vec::new());
    connection.begin_stream(&HEAD, &Date::EPOCH, &mut Vec::new());
}

#[test]
#[should_panic(expected = "respond() follows a poll() that returned a request, once")]
fn a_whole_answer_inside_a_stream_is_a_bug() {
    let mut connection = asked(GET);
    connection.begin_stream(&HEAD, &Date::EPOCH, &mut Vec::new());
    connection.respond(&OK, &Date::EPOCH, &mut Vec::new());
}

#[test]
#[should_panic(expected = "a stream is begun, and not ended")]
fn a_part_of_nothing_is_a_bug() {
    asked(GET).stream_part(b"a", &mut Vec::new());
}

#[test]
#[should_panic(expected = "a stream is begun, and not ended")]
fn a_second_end_is_a_bug() {
    let mut connection = asked(GET);
    stream(&mut connection, &[]);
    connection.end_stream(&mut Vec::new());
}

#[test]
#[should_panic(expected = "204 has no body to stream")]
fn a_stream_without_a_body_is_a_bug() {
    let head = ResponseHead {
        status: 204,
        ..HEAD
    };
    asked(GET).begin_stream(&head, &Date::EPOCH, &mut Vec::new());
}

proptest! {
    #[test]
    fn what_is_streamed_reads_back(
        method in select(&[Method::Get, Method::Head, Method::Post][..]),
        version in select(&["1.0", "1.1"][..]),
        parts in vec(vec(any::<u8>(), 0..300), 0..8),
        piece in 1..64_usize,
    ) {
        let mut connection = asked(&format!("{method} / HTTP/{version}\r\nHost: x\r\n\r\n"));
        let mut out = Vec::new();
        connection.begin_stream(&HEAD, &Date::EPOCH, &mut out);
        for part in &parts {
            connection.stream_part(part, &mut out);
        }
        connection.end_stream(&mut out);

        let reply = read(method, out.chunks(piece));
        let (length, end) = match (method, version) {
            (Method::Head, _) => (BodyLength::None, ReadEnd::Complete { rest: Vec::new() }),
            (_, "1.1") => (BodyLength::Chunked, ReadEnd::Complete { rest: Vec::new() }),
            _ => (BodyLength::UntilClose, ReadEnd::Waiting { eof: Ok(()) }),
        };
        let head = reply.head.unwrap();
        prop_assert_eq!(head.length, length);
        prop_assert_eq!(head.keep_alive, version == "1.1");
        prop_assert_eq!(reply.end, end);
        prop_assert_eq!(reply.body, if method == Method::Head { Vec::new() } else { parts.concat() });
        prop_assert_eq!(connection.is_closing(), version == "1.0");
    }
}
