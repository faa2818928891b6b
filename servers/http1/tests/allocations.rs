//! Requests and replies in a steady state allocate nothing: an allocator's cost would blur what two servers differ in.

use http1::client::{Part, ReplyDecoder, encode_request};
use http1::server::{Connection, Poll, Response, ResponseHead};
use http1::{Date, Method};

const REQUESTS: usize = 100;

#[test]
fn a_kept_connection_allocates_only_for_its_first_request() {
    let request = request();
    let mut connection = Connection::new();
    let mut out = Vec::with_capacity(1_024);
    serve(&mut connection, &request, &mut out);
    let counted = allocation_counter::measure(|| {
        for _ in 0..REQUESTS {
            serve(&mut connection, &request, &mut out);
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn a_connection_that_is_read_into_allocates_only_for_its_first_request() {
    let request = request();
    let mut connection = Connection::new();
    let mut out = Vec::with_capacity(1_024);
    let read = |connection: &mut Connection, out: &mut Vec<u8>| {
        connection.spare(4_096)[..request.len()].copy_from_slice(&request);
        connection.filled(request.len());
        serve(connection, &[], out);
    };
    read(&mut connection, &mut out);
    let counted = allocation_counter::measure(|| {
        for _ in 0..REQUESTS {
            read(&mut connection, &mut out);
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn a_stream_allocates_nothing() {
    let request = request();
    let mut connection = Connection::new();
    let mut out = Vec::with_capacity(1_024);
    serve(&mut connection, &request, &mut out);
    let head = ResponseHead {
        status: 200,
        content_type: "text/event-stream",
        headers: &[("Cache-Control", "no-cache")],
    };
    let counted = allocation_counter::measure(|| {
        for _ in 0..REQUESTS {
            out.clear();
            connection.receive(&request);
            assert!(matches!(
                connection.poll(&Date::EPOCH, &mut out),
                Poll::Request(_)
            ));
            connection.begin_stream(&head, &Date::EPOCH, &mut out);
            for _ in 0..10 {
                connection.stream_part(b"data: 1\n\n", &mut out);
            }
            connection.end_stream(&mut out);
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn the_decoder_never_allocates() {
    let mut reply = Vec::new();
    serve(&mut Connection::new(), &request(), &mut reply);
    let counted = allocation_counter::measure(|| {
        let mut rest = &reply[..];
        let mut decoder = ReplyDecoder::new(Method::Get);
        loop {
            let (consumed, part) = decoder.decode(rest).expect("the reply is our own");
            rest = &rest[consumed..];
            if part == Part::End {
                break;
            }
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// Answers the one request that is here or in `input`.
fn serve(connection: &mut Connection, input: &[u8], out: &mut Vec<u8>) {
    out.clear();
    connection.receive(input);
    assert!(matches!(
        connection.poll(&Date::EPOCH, out),
        Poll::Request(_)
    ));
    let answer = Response {
        status: 200,
        content_type: "text/plain",
        headers: &[],
        body: b"Hello, World!",
    };
    connection.respond(&answer, &Date::EPOCH, out);
}

fn request() -> Vec<u8> {
    let mut request = Vec::new();
    encode_request(
        Method::Get,
        "/plaintext",
        "127.0.0.1:8080",
        &[("Accept", "*/*")],
        None,
        &mut request,
    );
    request
}
