//! What one message costs: `cargo run --release -p http1 --example parse_rate`.
//!
//! Prints nanoseconds per request (parse and answer) and per reply (decode to the end), each the best of several rounds,
//! since whatever else runs can only add to them. The shapes are those of a small GET under load.
#![allow(clippy::disallowed_methods, reason = "a stopwatch reads the clock")]
#![allow(clippy::print_stdout, reason = "its output is what an example is for")]

use std::hint::black_box;
use std::time::Instant;

use http1::client::{Part, ReplyDecoder, encode_request};
use http1::server::{Connection, Poll, Response};
use http1::{Date, Method};

const ROUNDS: usize = 20;
const MESSAGES: u32 = 100_000;
/// As many as a load generator finds in one read of a pipelining connection.
const BATCH: usize = 16;

const ANSWER: Response<'static> = Response {
    status: 200,
    content_type: "text/plain; charset=utf-8",
    headers: &[],
    body: b"Hello, World!",
};
const ORDER: &[u8] = br#"{"customer":{"id":1,"email":"a@example.com"},"items":[{"sku":"A1","quantity":1,"unit_price_cents":1}]}"#;
const BROWSER: &[(&str, &str)] = &[
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Connection", "keep-alive"),
    (
        "Cookie",
        "session=0123456789abcdef0123456789abcdef; theme=dark",
    ),
];

fn main() {
    let small = request(Method::Get, &[], None);
    report("GET, Host only", || serve(&small, 1));
    report("GET, Host only, 16 pipelined", || {
        serve(&small.repeat(BATCH), BATCH)
    });
    report("GET, a browser's fields", || {
        serve(&request(Method::Get, BROWSER, None), 1)
    });
    report("POST, 100-byte body", || {
        serve(&request(Method::Post, &[], Some(ORDER)), 1)
    });
    let reply = reply_to(&small);
    report("reply, one a read", || decode(&reply, 1));
    report("reply, 16 a read", || decode(&reply.repeat(BATCH), BATCH));
}

/// Times `work`, which says how many messages it went through.
fn report(name: &str, work: impl Fn() -> u32) {
    let ns_each = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let messages = work();
            start.elapsed().as_nanos() as f64 / f64::from(messages)
        })
        .fold(f64::INFINITY, f64::min);
    println!("{name:32} {ns_each:7.1} ns");
}

fn serve(input: &[u8], requests: usize) -> u32 {
    let mut connection = Connection::new();
    let mut out = Vec::with_capacity(64 * 1024);
    let mut served = 0;
    while served < MESSAGES {
        out.clear();
        connection.receive(black_box(input));
        for _ in 0..requests {
            let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) else {
                panic!("the requests are all here")
            };
            black_box(request.target);
            connection.respond(black_box(&ANSWER), &Date::EPOCH, &mut out);
            served += 1;
        }
        black_box(&out);
    }
    served
}

fn decode(input: &[u8], replies: usize) -> u32 {
    let mut decoded = 0;
    while decoded < MESSAGES {
        let mut rest = black_box(input);
        for _ in 0..replies {
            let mut reply = ReplyDecoder::new(Method::Get);
            loop {
                let (consumed, part) = reply.decode(rest).expect("the replies are our own");
                rest = &rest[consumed..];
                if black_box(part) == Part::End {
                    break;
                }
            }
            decoded += 1;
        }
    }
    decoded
}

fn request(method: Method, headers: &[(&str, &str)], body: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(
        method,
        "/plaintext",
        "127.0.0.1:8080",
        headers,
        body,
        &mut bytes,
    );
    bytes
}

fn reply_to(request: &[u8]) -> Vec<u8> {
    let mut connection = Connection::new();
    let mut out = Vec::new();
    connection.receive(request);
    assert!(matches!(
        connection.poll(&Date::EPOCH, &mut out),
        Poll::Request(_)
    ));
    connection.respond(&ANSWER, &Date::EPOCH, &mut out);
    out
}
