//! `GET /events`.

use std::io::Write;
use std::thread;

use http1::Method;
use spec::{MAX_EVENT_MS, MAX_EVENTS, Route};

use crate::client::{Client, get};
use crate::running::{Running, Serve};

fn events(n: u32) -> Vec<u8> {
    let route = Route::Events { n, ms: 0 };
    route.expected_body().unwrap().into_owned()
}

/// Asks for a stream that takes a week, and waits for its first event; the second is due after the client has lost its
/// patience.
fn begin_endless_stream(running: &Running) -> Client {
    let mut client = running.connect();
    client.send_gets(&[&format!("/events?n={MAX_EVENTS}&ms={MAX_EVENT_MS}")]);
    assert_eq!(client.begin_reply(Method::Get).status, 200);
    assert_eq!(client.body(9), b"data: 1\n\n");
    client
}

pub fn a_stream_has_all_its_events_in_order_and_the_connection_goes_on(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    for target in [
        "/events?n=1&ms=0",
        "/events?n=1&ms=60000",
        "/events?n=5&ms=10",
        "/events?n=10000&ms=0",
    ] {
        let reply = client.get(target);
        let expected = Route::parse(target).unwrap();
        assert_eq!(reply.status, 200, "{target}");
        for (field, value) in [
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-cache"),
            ("transfer-encoding", "chunked"),
        ] {
            assert_eq!(reply.header(field), Some(value), "{target}");
        }
        assert_eq!(reply.body, *expected.expected_body().unwrap(), "{target}");
        assert_eq!(client.get("/plaintext").body, b"Hello, World!");
    }
    running.stop();
}

pub fn each_event_goes_out_when_it_is_due(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let first = begin_endless_stream(&running);
    // And here the last one is due much later.
    let mut some = running.connect();
    some.send_gets(&["/events?n=10000&ms=20"]);
    assert_eq!(some.begin_reply(Method::Get).status, 200);
    assert_eq!(some.body(5 * 9), events(5));
    drop((first, some));
    running.stop();
}

pub fn an_old_clients_stream_ends_with_the_connection(server: impl Serve) {
    let running = Running::start(server, |_| ());
    for keep_alive in ["", "Connection: keep-alive\r\n"] {
        let mut client = running.connect();
        client.send(&format!(
            "GET /events?n=3&ms=10 HTTP/1.0\r\n{keep_alive}\r\n"
        ));
        let reply = client.reply();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("transfer-encoding"), None);
        assert_eq!(reply.body, events(3));
        assert!(client.is_at_end());
    }
    running.stop();
}

pub fn the_head_of_a_stream_comes_without_its_events(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    client.send(&get("/events?n=3&ms=60000").replace("GET", "HEAD"));
    client.send_gets(&["/plaintext"]);
    let reply = client.reply_to(Method::Head);
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("text/event-stream; charset=utf-8"))
    );
    assert_eq!(reply.body, b"");
    assert_eq!(client.reply().body, b"Hello, World!");
    running.stop();
}

pub fn requests_behind_a_stream_wait_for_its_end(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    client.send_gets(&["/plaintext", "/events?n=3&ms=20", "/json"]);
    client.send(&get("/events?n=2&ms=0")[..10]);
    assert_eq!(client.reply().body, b"Hello, World!");
    assert_eq!(client.reply().body, events(3));
    assert_eq!(client.reply().body, br#"{"message":"Hello, World!"}"#);
    client.send(&get("/events?n=2&ms=0")[10..]);
    assert_eq!(client.reply().body, events(2));
    running.stop();
}

pub fn streams_delay_nobody_else(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let streams: Vec<_> = (0..20).map(|_| begin_endless_stream(&running)).collect();
    let mut client = running.connect();
    assert_eq!(client.get("/plaintext").body, b"Hello, World!");
    assert_eq!(client.get("/events?n=2&ms=1").body, events(2));
    drop(streams);
    running.stop();
}

pub fn a_client_that_reads_late_loses_no_event(server: impl Serve) {
    // In all far more than the sockets' buffers hold, so that the server must stop and go on from there.
    const STREAMS: usize = 200;
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    let request = get(&format!("/events?n={MAX_EVENTS}&ms=0"));
    let mut sender = client.sender();
    let sending = thread::spawn(move || sender.write_all(request.repeat(STREAMS).as_bytes()));
    let expected = events(MAX_EVENTS);
    for stream in 0..STREAMS {
        assert!(client.reply().body == expected, "stream {stream}");
    }
    sending.join().unwrap().unwrap();
    running.stop();
}

pub fn a_client_that_leaves_ends_its_stream(server: impl Serve) {
    // Were its stream still there, the stop would have to wait for it, and nobody waits for so long.
    let running = Running::start(server, |settings| settings.grace_ms = u64::from(u32::MAX));
    drop(begin_endless_stream(&running));
    // Nor does one want more of it who says that no more requests come.
    let mut half_closed = begin_endless_stream(&running);
    half_closed.half_close();
    assert!(half_closed.is_cut_off());
    running.stop();
}

pub fn a_stop_lets_a_stream_finish_within_the_grace(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    client.send_gets(&["/events?n=10&ms=30"]);
    assert_eq!(client.begin_reply(Method::Get).status, 200);
    assert_eq!(client.body(9), b"data: 1\n\n");
    running.ask_to_stop();
    assert_eq!(client.rest_of_body(), events(10)[9..]);
    assert!(client.is_at_end());
    running.join();
}

pub fn a_stop_waits_for_no_stream_beyond_its_grace(server: impl Serve) {
    let running = Running::start(server, |settings| settings.grace_ms = 50);
    let mut client = begin_endless_stream(&running);
    running.stop();
    assert!(client.is_cut_off());
}
