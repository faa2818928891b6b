//! Any bytes, served whole; every second answer is given in parts, and every upgrade is accepted.
#![no_main]

use http1::client::{Part, ReplyDecoder};
use http1::server::{Connection, Poll, Response, ResponseHead};
use http1::{Date, MAX_BODY_BYTES, MAX_HEAD_BYTES, Method};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut connection = Connection::new();
    let mut out = Vec::new();
    let mut methods = Vec::new();
    connection.receive(input);
    while let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) {
        assert!(request.body.len() <= MAX_BODY_BYTES && request.target.len() <= MAX_HEAD_BYTES);
        assert!(
            request.target.bytes().all(|byte| byte.is_ascii_graphic()),
            "{:?}",
            request.target
        );
        methods.push(request.method);
        if let Some(key) = request.websocket_key {
            assert!(request.method == Method::Get && key.as_str().ends_with("=="));
            out.clear();
            let rest = connection.respond_upgrade(key.as_str(), &mut out);
            assert!(input.ends_with(&rest) && out.ends_with(b"\r\n\r\n"));
            let said = out.len();
            connection.receive(input);
            assert_eq!(connection.poll(&Date::EPOCH, &mut out), Poll::Upgraded);
            assert!(!connection.wants_input() && out.len() == said);
            return;
        }
        let body = request.body.to_vec();
        if methods.len() % 2 == 0 {
            let head = ResponseHead {
                status: 200,
                content_type: "a/b",
                headers: &[],
            };
            connection.begin_stream(&head, &Date::EPOCH, &mut out);
            for part in body.chunks(3) {
                connection.stream_part(part, &mut out);
            }
            connection.end_stream(&mut out);
        } else {
            let answer = Response {
                status: 200,
                content_type: "a/b",
                headers: &[],
                body: &body,
            };
            connection.respond(&answer, &Date::EPOCH, &mut out);
        }
    }
    let was_closing = connection.is_closing();
    let replies = read_replies(&methods, &without_interim(&out));
    assert!(
        replies == methods.len() || (replies == methods.len() + 1 && was_closing),
        "{}",
        out.escape_ascii()
    );

    let said = out.len();
    connection.receive_eof();
    assert!(matches!(
        connection.poll(&Date::EPOCH, &mut out),
        Poll::Closing
    ));
    assert!(connection.is_closing() && !connection.wants_input() && out.len() == said);
});

/// How many replies `out` holds; it must hold nothing else. What comes after those to `methods` is a refusal.
fn read_replies(methods: &[Method], mut out: &[u8]) -> usize {
    let mut replies = 0;
    while !out.is_empty() {
        let refused = if out.ends_with(b"\r\n\r\n") {
            Method::Head
        } else {
            Method::Get
        };
        let mut reply = ReplyDecoder::new(methods.get(replies).copied().unwrap_or(refused));
        loop {
            let (consumed, part) = reply
                .decode(out)
                .expect("what a server says is well-formed");
            out = &out[consumed..];
            match part {
                Part::End => break,
                // A streamed answer to an HTTP/1.0 client, which ends with the connection.
                Part::NeedInput if out.is_empty() && reply.eof().is_ok() => break,
                Part::NeedInput => panic!("a server says nothing by halves"),
                Part::Head(_) | Part::Body(_) => {}
            }
        }
        replies += 1;
    }
    replies
}

/// Without an interim answer at the end: a client still sending its body has no reply yet. The decoder skips the others.
fn without_interim(out: &[u8]) -> Vec<u8> {
    out.strip_suffix(b"HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap_or(out)
        .to_vec()
}
