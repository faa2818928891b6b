//! What depends on when input comes: interim answers, ends, stops, and the answers' own heads.

use http1::server::{Connection, Poll, Request, Response};
use http1::{Date, MAX_IDLE_CAPACITY_BYTES, Method, Version};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const EXPECTING: &[u8] =
    b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const OK: Response<'static> = Response {
    status: 200,
    content_type: "text/plain",
    headers: &[],
    body: b"hi",
};

/// A connection that has received `input`.
fn received(input: &[u8]) -> Connection {
    let mut connection = Connection::new();
    connection.receive(input);
    connection
}

/// Polls for a request and answers it; the answer, without its date.
#[track_caller]
fn answer(connection: &mut Connection, response: &Response<'_>) -> String {
    let mut out = Vec::new();
    assert!(
        matches!(connection.poll(&Date::EPOCH, &mut out), Poll::Request(_)),
        "no request"
    );
    connection.respond(response, &Date::EPOCH, &mut out);
    String::from_utf8(out)
        .expect("our answers are ASCII")
        .replace("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "")
}

/// Polls where nothing can come of it but an interim answer or a refusal, which is returned.
#[track_caller]
fn poll(connection: &mut Connection, expected: &Poll<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    assert_eq!(connection.poll(&Date::EPOCH, &mut out), *expected);
    out
}

#[test]
fn an_answer_has_a_date_a_type_and_a_length() {
    let mut connection = received(GET);
    let mut out = Vec::new();
    let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) else {
        panic!("a request is here")
    };
    assert_eq!(
        request,
        Request {
            method: Method::Get,
            target: "/",
            version: Version::Http11,
            body: b"",
            websocket_key: None,
            authorization: None,
        }
    );
    connection.respond(&OK, &Date::EPOCH, &mut out);
    let expected = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\n\
                    Content-Length: 2\r\n\r\nhi";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn further_fields_stand_behind_the_usual_ones() {
    let response = Response {
        status: 405,
        headers: &[("Allow", "GET, HEAD"), ("X-A", "")],
        ..OK
    };
    let expected = "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\
                    Allow: GET, HEAD\r\nX-A: \r\n\r\nhi";
    assert_eq!(answer(&mut received(GET), &response), expected);
}

#[test]
fn head_is_told_the_length_and_spared_the_body() {
    let expected = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(
        answer(&mut received(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"), &OK),
        expected
    );
}

#[test]
fn a_204_and_a_304_have_no_content_and_an_unnamed_status_no_reason() {
    let status = |status| answer(&mut received(GET), &Response { status, ..OK });
    assert_eq!(status(204), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(status(304), "HTTP/1.1 304 Not Modified\r\n\r\n");
    assert_eq!(
        status(299),
        "HTTP/1.1 299 \r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
    );
}

#[test]
fn http_1_0_is_told_what_becomes_of_the_connection() {
    let kept = answer(
        &mut received(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        &OK,
    );
    assert!(kept.contains("\r\nConnection: keep-alive\r\n"), "{kept}");
    let last = answer(&mut received(b"GET / HTTP/1.0\r\n\r\n"), &OK);
    assert!(last.contains("\r\nConnection: close\r\n"), "{last}");
}

#[test]
fn a_client_that_waits_is_told_to_continue_once() {
    let mut connection = received(EXPECTING);
    assert_eq!(poll(&mut connection, &Poll::NeedInput), CONTINUE);
    assert_eq!(poll(&mut connection, &Poll::NeedInput), b"");
    connection.receive(b"hi");
    assert!(answer(&mut connection, &OK).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_client_that_does_not_wait_is_not_told_to_continue() {
    let mut connection = received(&[EXPECTING, b"h"].concat());
    assert_eq!(poll(&mut connection, &Poll::NeedInput), b"");
    connection.receive(b"i");
    assert!(answer(&mut connection, &OK).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_body_that_will_be_refused_is_not_asked_for() {
    let too_long =
        b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n";
    let out = poll(&mut received(too_long), &Poll::Closing);
    assert!(
        out.starts_with(b"HTTP/1.1 413 Content Too Large\r\n"),
        "{}",
        out.escape_ascii()
    );
}

#[test]
fn a_refusal_says_why_and_closes_and_spares_head_the_body() {
    let get = String::from_utf8(poll(
        &mut received(b"GET / HTTP/1.1\r\n\r\n"),
        &Poll::Closing,
    ))
    .unwrap();
    assert!(
        get.starts_with("HTTP/1.1 400 Bad Request\r\n")
            && get.contains("\r\nConnection: close\r\n"),
        "{get}"
    );
    assert!(get.ends_with("\r\n\r\nHost is missing"), "{get}");
    let head = String::from_utf8(poll(
        &mut received(b"HEAD / HTTP/1.1\r\n\r\n"),
        &Poll::Closing,
    ))
    .unwrap();
    assert_eq!(head, get.strip_suffix("Host is missing").unwrap());
}

#[test]
fn a_pipelined_request_waits_for_the_answer_before_it() {
    let mut connection = received(&GET.repeat(2));
    let mut out = Vec::new();
    assert!(matches!(
        connection.poll(&Date::EPOCH, &mut out),
        Poll::Request(_)
    ));
    assert!(matches!(
        connection.poll(&Date::EPOCH, &mut out),
        Poll::NeedInput
    ));
    connection.respond(&OK, &Date::EPOCH, &mut out);
    assert!(!connection.is_idle());
    answer(&mut connection, &OK);
    assert!(connection.is_idle());
}

#[test]
#[should_panic(expected = "respond() follows a poll() that returned a request, once")]
fn a_second_answer_is_a_bug() {
    let mut connection = received(GET);
    answer(&mut connection, &OK);
    connection.respond(&OK, &Date::EPOCH, &mut Vec::new());
}

#[test]
#[should_panic(expected = "Content-Length is written by http1 itself")]
fn a_length_of_the_callers_own_is_a_bug() {
    answer(
        &mut received(GET),
        &Response {
            headers: &[("Content-Length", "3")],
            ..OK
        },
    );
}

#[test]
#[should_panic(expected = "the value of Allow holds a control character")]
fn an_answer_that_would_split_is_a_bug() {
    answer(
        &mut received(GET),
        &Response {
            headers: &[("Allow", "GET\r\nX: y")],
            ..OK
        },
    );
}

#[test]
fn requests_before_the_peers_end_are_answered_and_the_last_answer_says_so() {
    let mut connection = received(&GET.repeat(2));
    connection.receive_eof();
    assert!(!connection.wants_input() && !connection.is_closing());
    let first = answer(&mut connection, &OK);
    assert!(!first.contains("Connection: close"), "{first}");
    let last = answer(&mut connection, &OK);
    assert!(last.contains("Connection: close"), "{last}");
    assert!(connection.is_closing());
}

#[test]
fn the_peers_end_while_an_answer_is_owed_does_not_cost_the_answer() {
    let mut connection = received(GET);
    let mut out = Vec::new();
    assert!(matches!(
        connection.poll(&Date::EPOCH, &mut out),
        Poll::Request(_)
    ));
    connection.receive_eof();
    assert!(!connection.is_closing());
    connection.respond(&OK, &Date::EPOCH, &mut out);
    assert!(out.ends_with(b"hi") && connection.is_closing());
}

#[test]
fn the_end_of_an_idle_connection_closes_it_and_may_come_twice() {
    let mut connection = Connection::new();
    connection.receive_eof();
    assert!(connection.is_closing() && !connection.is_idle());
    connection.receive_eof();
    connection.receive(GET);
    assert_eq!(poll(&mut connection, &Poll::Closing), b"");
}

#[test]
fn a_stop_closes_an_idle_connection_at_once() {
    let mut connection = received(GET);
    answer(&mut connection, &OK);
    connection.close_after_response();
    assert!(connection.is_closing() && !connection.wants_input());
}

#[test]
fn a_stop_while_an_answer_is_owed_makes_it_the_last() {
    let mut connection = received(&GET.repeat(2));
    let mut out = Vec::new();
    assert!(matches!(
        connection.poll(&Date::EPOCH, &mut out),
        Poll::Request(_)
    ));
    connection.close_after_response();
    assert!(!connection.is_closing());
    connection.respond(&OK, &Date::EPOCH, &mut out);
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("\r\nConnection: close\r\n")
    );
    assert!(connection.is_closing());
    assert_eq!(poll(&mut connection, &Poll::Closing), b"");
}

#[test]
fn a_stop_inside_a_request_lets_it_finish() {
    let mut connection = received(&GET[..10]);
    connection.close_after_response();
    assert_eq!(poll(&mut connection, &Poll::NeedInput), b"");
    assert!(connection.wants_input());
    connection.receive(&GET[10..]);
    assert!(answer(&mut connection, &OK).contains("\r\nConnection: close\r\n"));
    assert!(connection.is_closing());
}

#[test]
fn a_stop_between_requests_is_not_held_up_by_an_empty_line() {
    let mut connection = received(b"\r\n");
    connection.close_after_response();
    assert_eq!(poll(&mut connection, &Poll::Closing), b"");
}

#[test]
fn input_may_stay_in_place_while_requests_of_all_sizes_pass() {
    // Exercises the buffer's moves: leftovers in front, growth behind them, shrinking when drained.
    let mut connection = Connection::new();
    for size in [0, 1, 10_000, 3, 500_000, 7] {
        let body = vec![b'a'; size];
        let head = format!("POST /{size} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n");
        let stream = [GET, head.as_bytes(), &body, GET].concat();
        let mut seen = Vec::new();
        for piece in stream.chunks(4_096) {
            connection.spare(piece.len())[..piece.len()].copy_from_slice(piece);
            connection.filled(piece.len());
            let mut out = Vec::new();
            while let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) {
                assert!(request.body.iter().all(|byte| *byte == b'a'));
                seen.push((request.target.to_owned(), request.body.len()));
                connection.respond(&OK, &Date::EPOCH, &mut out);
            }
        }
        assert_eq!(
            seen,
            [
                ("/".to_owned(), 0),
                (format!("/{size}"), size),
                ("/".to_owned(), 0)
            ]
        );
        assert!(connection.is_idle());
        assert!(
            connection.spare(1).len() <= MAX_IDLE_CAPACITY_BYTES,
            "a drained connection gives its memory back"
        );
    }
}
