//! However a stream is cut, the same comes of it: for generated streams, good ones and damaged ones.

use http1::client::{BodyLength, encode_request};
use http1::server::{Connection, Poll, Response};
use http1::{Date, Method};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::replay::{End, ReadEnd, cut, read, serve};

/// A body, and how it is sent.
#[derive(Clone, Debug)]
enum Body {
    None,
    Length(Vec<u8>),
    Chunks(Vec<Vec<u8>>, &'static str, &'static str),
}

impl Body {
    /// The field that announces it, and its bytes on the wire.
    fn encode(&self) -> (String, Vec<u8>) {
        match self {
            Self::None => (String::new(), Vec::new()),
            Self::Length(bytes) => (
                format!("Content-Length: {}\r\n", bytes.len()),
                bytes.clone(),
            ),
            Self::Chunks(chunks, extension, trailer) => {
                let mut wire = Vec::new();
                for chunk in chunks {
                    wire.extend_from_slice(format!("{:X}{extension}\r\n", chunk.len()).as_bytes());
                    wire.extend_from_slice(chunk);
                    wire.extend_from_slice(b"\r\n");
                }
                wire.extend_from_slice(format!("0{extension}\r\n{trailer}\r\n").as_bytes());
                ("Transfer-Encoding: chunked\r\n".to_owned(), wire)
            }
        }
    }

    fn decoded(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Length(bytes) => bytes.clone(),
            Self::Chunks(chunks, ..) => chunks.concat(),
        }
    }
}

fn body() -> impl Strategy<Value = Body> {
    let chunk = vec(any::<u8>(), 1..40);
    let extension = select(&["", ";a", " ; a=\"b c\""][..]);
    let trailer = select(&["", "A: b\r\n", "A:\r\nB: \u{e9}\r\n"][..]);
    prop_oneof![
        Just(Body::None),
        vec(any::<u8>(), 0..200).prop_map(Body::Length),
        (vec(chunk, 0..6), extension, trailer)
            .prop_map(|(chunks, extension, trailer)| Body::Chunks(chunks, extension, trailer)),
    ]
}

/// A request on the wire, and as [`super::replay::describe`] puts it.
fn request() -> impl Strategy<Value = (Vec<u8>, String)> {
    let method = select(&["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"][..]);
    let empty_lines = select(&["", "\r\n"][..]);
    (
        method,
        "/[!-~&&[^#]]{0,30}",
        vec("X-[A-Za-z]{0,9}: [ -~]{0,20}\r\n", 0..5),
        body(),
        empty_lines,
    )
        .prop_map(|(method, target, fields, body, empty_lines)| {
            let (length, wire) = body.encode();
            let fields = fields.concat();
            let head = format!(
                "{empty_lines}{method} {target} HTTP/1.1\r\n{fields}Host: x\r\n{length}\r\n"
            );
            let decoded = body.decoded();
            let space = if decoded.is_empty() { "" } else { " " };
            (
                [head.as_bytes(), &wire].concat(),
                format!("{method} {target} 1.1{space}{}", decoded.escape_ascii()),
            )
        })
}

/// A stream with a few bytes overwritten, mostly by those that matter.
fn damaged(stream: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![select(&b"\r\n\0 :;,0aH\xff"[..]), any::<u8>()];
    (stream, vec((any::<Index>(), byte), 0..4)).prop_map(|(mut stream, changes)| {
        for (at, byte) in changes {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        stream
    })
}

fn requests() -> impl Strategy<Value = (Vec<u8>, Vec<String>)> {
    vec(request(), 1..5).prop_map(|requests| {
        let (wire, described): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        (wire.concat(), described)
    })
}

/// A reply on the wire, its decoded body and its length as the decoder tells it.
fn reply() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, BodyLength)> {
    let interim = select(
        &[
            "",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 103 \r\nLink: a\r\n\r\n",
        ][..],
    );
    (
        interim,
        vec("X-[A-Za-z]{0,9}: [ -~]{0,20}\r\n", 0..5),
        body(),
    )
        .prop_map(|(interim, fields, body)| {
            let (length, wire) = body.encode();
            let head = format!(
                "{interim}HTTP/1.1 200 OK\r\n{}{length}\r\n",
                fields.concat()
            );
            let announced = match &body {
                Body::None => BodyLength::UntilClose,
                Body::Length(bytes) => BodyLength::Exact(bytes.len() as u64),
                Body::Chunks(..) => BodyLength::Chunked,
            };
            ([head.as_bytes(), &wire].concat(), body.decoded(), announced)
        })
}

/// Places to cut a stream of `len` bytes at, rising.
fn places(cuts: &[Index], len: usize) -> Vec<usize> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    places.sort_unstable();
    places
}

proptest! {
    #[test]
    fn requests_read_as_they_were_meant((wire, expected) in requests(), cuts in vec(any::<Index>(), 0..8)) {
        let served = serve(cut(&wire, &places(&cuts, wire.len())));
        prop_assert_eq!(served.requests, expected);
        prop_assert_eq!(served.end, End::Idle);
    }

    #[test]
    fn damaged_requests_read_alike_however_they_arrive(
        wire in damaged(requests().prop_map(|(wire, _)| wire)),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let whole = serve([&wire[..]]);
        prop_assert_eq!(&serve(cut(&wire, &places(&cuts, wire.len()))), &whole);
        prop_assert_eq!(&serve(wire.chunks(1)), &whole);
    }

    #[test]
    fn replies_read_as_they_were_meant((wire, body, length) in reply(), cuts in vec(any::<Index>(), 0..8)) {
        let read = read(Method::Get, cut(&wire, &places(&cuts, wire.len())));
        prop_assert_eq!(read.head.unwrap().length, length);
        prop_assert_eq!(read.body, body);
        let until_close = ReadEnd::Waiting { eof: Ok(()) };
        let complete = ReadEnd::Complete { rest: Vec::new() };
        prop_assert_eq!(read.end, if length == BodyLength::UntilClose { until_close } else { complete });
    }

    #[test]
    fn damaged_replies_read_alike_however_they_arrive(
        wire in damaged(reply().prop_map(|(wire, ..)| wire)),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let whole = read(Method::Get, [&wire[..]]);
        prop_assert_eq!(&read(Method::Get, cut(&wire, &places(&cuts, wire.len()))), &whole);
        prop_assert_eq!(&read(Method::Get, wire.chunks(1)), &whole);
    }

    #[test]
    fn what_one_side_says_the_other_understands(
        method in select(&[Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete, Method::Options][..]),
        target in "/[!-~&&[^#]]{0,30}",
        sent in proptest::option::of(vec(any::<u8>(), 0..200)),
        status in 200..=599_u16,
        answered in vec(any::<u8>(), 0..200),
    ) {
        let mut wire = Vec::new();
        encode_request(method, &target, "localhost:80", &[("X-A", "b")], sent.as_deref(), &mut wire);
        let mut connection = Connection::new();
        connection.receive(&wire);
        let mut out = Vec::new();
        let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) else { panic!("no request in {wire:?}") };
        prop_assert_eq!((request.method, request.target, request.body), (method, &target[..], &sent.unwrap_or_default()[..]));
        connection.respond(&Response { status, content_type: "a/b", headers: &[("X-C", "d")], body: &answered }, &Date::EPOCH, &mut out);
        prop_assert!(connection.is_idle());

        let read = read(method, [&out[..]]);
        prop_assert_eq!(read.end, ReadEnd::Complete { rest: Vec::new() });
        let head = read.head.unwrap();
        prop_assert_eq!((head.status, head.keep_alive), (status, true));
        let has_body = method != Method::Head && !matches!(status, 204 | 304);
        prop_assert_eq!(read.body, if has_body { answered } else { Vec::new() });
    }
}
