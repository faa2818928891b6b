//! Leaving HTTP for WebSocket: which requests ask for it (RFC 6455 §4.2.1), and what becomes of the connection.

use http1::client::{Part, ReplyDecoder, websocket_accept};
use http1::server::{Connection, Poll, Response};
use http1::{Date, MAX_HEAD_BYTES, Method};

use super::replay::cut;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const FIELDS: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// A request with these fields.
fn request(line: &str, fields: &[&str]) -> String {
    format!("{line}\r\nHost: x\r\n{}\r\n\r\n", fields.join("\r\n"))
}

fn upgrade() -> String {
    request("GET /chat HTTP/1.1", &FIELDS)
}

/// The key of the request that comes in these pieces.
fn key_in<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let mut connection = Connection::new();
    for piece in pieces {
        connection.receive(piece);
        if let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut Vec::new()) {
            return request.websocket_key.map(|key| key.as_str().to_owned());
        }
    }
    panic!("a request is here")
}

#[track_caller]
fn check(request: &str, key: Option<&str>) {
    let whole = key_in([request.as_bytes()]);
    assert_eq!(whole.as_deref(), key, "{request:?}");
    let by_byte = key_in(request.as_bytes().chunks(1));
    assert_eq!(by_byte.as_deref(), key, "{request:?}, byte by byte");
    for at in 0..request.len() {
        let halves = key_in(cut(request.as_bytes(), &[at]));
        assert_eq!(halves.as_deref(), key, "{request:?}, cut at {at}");
    }
}

#[test]
fn an_upgrade_is_known_by_its_fields() {
    check(&upgrade(), Some(KEY));
    for (field, other) in [
        (0, "connection: keep-alive, UPGRADE"),
        (0, "Connection: keep-alive\r\nConnection: upgrade"),
        (1, "UPGRADE: h2c, WebSocket"),
        (1, "Upgrade: h2c\r\nUpgrade: websocket"),
        (2, "sec-websocket-version:13"),
        (
            3,
            "SEC-WEBSOCKET-KEY: \t dGhlIHNhbXBsZSBub25jZQ== \r\nSec-WebSocket-Protocol: a",
        ),
    ] {
        let mut fields = FIELDS;
        fields[field] = other;
        check(&request("GET /chat HTTP/1.1", &fields), Some(KEY));
    }
    let absolute = request("GET http://x?a HTTP/1.1", &FIELDS);
    check(&absolute, Some(KEY));
}

#[test]
fn without_a_part_of_it_a_request_is_an_ordinary_one() {
    for missing in 0..FIELDS.len() {
        let mut fields = FIELDS.to_vec();
        fields.remove(missing);
        check(&request("GET / HTTP/1.1", &fields), None);
    }
    for (field, other) in [
        (0, "Connection: upgrades"),
        (1, "Upgrade: websocket/13"),
        (2, "Sec-WebSocket-Version: 8"),
        (2, "Sec-WebSocket-Version: 13, 8"),
        (2, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13"),
        (3, "Sec-WebSocket-Key:"),
        (3, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="),
        (3, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="),
        (
            3,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
    ] {
        let mut fields = FIELDS;
        fields[field] = other;
        check(&request("GET / HTTP/1.1", &fields), None);
    }
    for line in [
        "HEAD / HTTP/1.1",
        "POST / HTTP/1.1",
        "GET / HTTP/1.0",
        "get / HTTP/1.1",
    ] {
        check(&request(line, &FIELDS), None);
    }
}

#[test]
fn a_key_may_stand_at_the_end_of_the_longest_head() {
    let around = request("GET / HTTP/1.1", &["A: ", FIELDS.join("\r\n").as_str()]).len();
    let padding = format!("A: {}", "b".repeat(MAX_HEAD_BYTES - around));
    let longest = request("GET / HTTP/1.1", &[&padding, &FIELDS.join("\r\n")]);
    assert_eq!(longest.len(), MAX_HEAD_BYTES);
    assert_eq!(key_in([longest.as_bytes()]).as_deref(), Some(KEY));
}

#[test]
fn an_ordinary_answer_refuses_the_upgrade_and_the_connection_goes_on() {
    let mut connection = Connection::new();
    connection.receive(upgrade().repeat(2).as_bytes());
    for _ in 0..2 {
        let mut out = Vec::new();
        assert!(matches!(
            connection.poll(&Date::EPOCH, &mut out),
            Poll::Request(_)
        ));
        let no = Response {
            status: 503,
            content_type: "",
            headers: &[],
            body: b"",
        };
        connection.respond(&no, &Date::EPOCH, &mut out);
    }
    assert!(connection.is_idle());
}

#[test]
fn what_came_behind_an_upgrade_is_handed_out_and_what_comes_later_is_not_read() {
    // The other protocol's bytes may look like anything, such as a request.
    let behind = "GET / HTTP/1.1\r\nHost: x\r\n\r\n\0\u{7f}";
    let input = upgrade() + behind;
    for at in upgrade().len()..=input.len() {
        let mut connection = Connection::new();
        let mut out = Vec::new();
        connection.receive(&input.as_bytes()[..at]);
        assert!(matches!(
            connection.poll(&Date::EPOCH, &mut out),
            Poll::Request(_)
        ));
        let rest = connection.respond_upgrade(ACCEPT, &mut out);
        assert_eq!(rest, &input.as_bytes()[upgrade().len()..at], "cut at {at}");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
            )
        );

        let mut out = Vec::new();
        connection.receive(&input.as_bytes()[at..]);
        connection.spare(1)[0] = b'G';
        connection.filled(1);
        for _ in 0..2 {
            assert_eq!(connection.poll(&Date::EPOCH, &mut out), Poll::Upgraded);
            assert!(!connection.is_closing() && !connection.is_idle() && !connection.wants_input());
            // Neither a stop nor the peer's end is HTTP's business any more.
            connection.close_after_response();
            connection.receive_eof();
        }
        assert!(out.is_empty());
    }
}

#[test]
fn a_client_reads_the_answer_as_the_end_of_http() {
    let mut connection = Connection::new();
    connection.receive(upgrade().as_bytes());
    let mut out = Vec::new();
    assert!(matches!(
        connection.poll(&Date::EPOCH, &mut out),
        Poll::Request(_)
    ));
    connection.respond_upgrade(ACCEPT, &mut out);
    let head_bytes = out.len();
    out.extend_from_slice(b"\x81\x02hi");
    let mut reply = ReplyDecoder::new(Method::Get);
    let (consumed, part) = reply.decode(&out).unwrap();
    assert_eq!(consumed, head_bytes);
    let Part::Head(head) = part else {
        panic!("{part:?}")
    };
    assert_eq!(head.status, 101);
    assert_eq!(websocket_accept(&out[..consumed]), Some(ACCEPT.as_bytes()));
    assert_eq!(reply.decode(&out[consumed..]), Ok((0, Part::End)));
}

#[test]
fn a_switch_to_websocket_has_its_proof_and_nothing_that_nobody_offered() {
    let head =
        |line: &str, fields: &[&str]| format!("HTTP/1.1 {line}\r\n{}\r\n\r\n", fields.join("\r\n"));
    let right = [
        "connection: upgrade",
        "UPGRADE: WebSocket",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ];
    let check = |head: &str, expected: Option<&str>| {
        let accept = websocket_accept(head.as_bytes());
        assert_eq!(accept, expected.map(str::as_bytes), "{head:?}");
    };
    let switch = head("101 Switching Protocols", &right);
    check(&switch, Some(ACCEPT));
    check(
        &format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{switch}"),
        Some(ACCEPT),
    );
    check(&head("200 OK", &right), None);
    check(&switch[..switch.len() - 2], None);
    check("", None);
    for missing in 0..right.len() {
        let mut fields = right.to_vec();
        fields.remove(missing);
        check(&head("101 Switching Protocols", &fields), None);
    }
    for added in [
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Sec-WebSocket-Protocol: chat",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ] {
        let fields = [&right[..], &[added]].concat();
        check(&head("101 Switching Protocols", &fields), None);
    }
}

#[test]
#[should_panic(expected = "respond_upgrade() follows a poll() that returned a WebSocket upgrade")]
fn accepting_what_was_not_asked_for_is_a_bug() {
    let mut connection = Connection::new();
    connection.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut out = Vec::new();
    assert!(matches!(
        connection.poll(&Date::EPOCH, &mut out),
        Poll::Request(_)
    ));
    connection.respond_upgrade(ACCEPT, &mut out);
}
