//! Load over a Unix socket.
//!
//! Nothing here asserts on a time.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use load::{
    Control, Endpoint, Expect, ExpectBody, Options, Peer, Request, Workload, drive, idle::Idle,
};
use model::measured::receive::Distrust;
use model::spec::load::{Arrival, Connect, Load, ReceiveClock};

/// Far more than wait in the queue that the server asks for.
const CONNECTIONS: u32 = 64;

const REQUESTS: u64 = 1_000;

/// Answers on every connection, which it takes from a queue of one.
fn serve(listener: UnixListener) {
    rustix::net::listen(&listener, 1).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream));
        }
    });
}

fn answer(mut stream: UnixStream) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
        if stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            .is_err()
        {
            return;
        }
    }
}

fn load(connect: Connect) -> Load {
    Load {
        arrival: Arrival::Closed,
        connections: NonZeroU32::new(CONNECTIONS).unwrap(),
        connect,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_mins(1),
        drain: Duration::from_mins(1),
        timeout: Duration::from_mins(1),
        request_limit: Some(REQUESTS),
        interval: Duration::from_millis(100),
        seed: 1,
        goodput: None,
    }
}

fn workload() -> Workload {
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Exact(b"hi".to_vec()),
    };
    Workload::new(vec![Request::new(
        "GET",
        "/",
        "localhost",
        &[],
        None,
        expect,
    )])
}

/// The full queue of a Unix socket refuses at once, with an error that TCP doesn't have.
#[test]
fn more_connections_than_wait_in_the_queue_are_opened_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Peer::Socket(dir.path().join("socket"));
    let Peer::Socket(path) = &peer else { return };
    serve(UnixListener::bind(path).unwrap());
    for connect in [Connect::Once, Connect::PerRequest] {
        let endpoint = Endpoint {
            peer: peer.clone(),
            tls: None,
        };
        let options = Options::default();
        let (load, workload) = (load(connect), workload());
        let recording = drive(&load, &workload, endpoint, &options, &Control::default()).unwrap();
        let counts = &recording.accounting;
        assert_eq!((counts.ok, counts.scheduled), (REQUESTS, REQUESTS));
        // Nothing that comes over such a socket is stamped: the clock is the load's, and the record says why.
        let receive = &recording.receive;
        assert_eq!(
            (receive.kernel, receive.distrust, receive.unstamped),
            (false, Some(Distrust::UnixSocket), 0)
        );
    }
    let idle = Idle::open(&peer, NonZeroU32::new(CONNECTIONS).unwrap(), || false).unwrap();
    assert_eq!(idle.opened(), CONNECTIONS);
}

#[test]
fn the_kernels_clock_is_refused_where_nothing_is_stamped() {
    let peer = Peer::Socket("/nowhere/at/all".into());
    let options = Options {
        clock: ReceiveClock::Kernel,
        ..Options::default()
    };
    let endpoint = Endpoint { peer, tls: None };
    let (load, workload) = (load(Connect::Once), workload());
    let error = drive(&load, &workload, endpoint, &options, &Control::default()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("arrives over a Unix socket; use --clock user"),
        "{text}"
    );
}

#[test]
fn a_socket_that_is_not_there_is_named() {
    let gone = Peer::Socket("/nowhere/at/all".into());
    let error = Idle::open(&gone, NonZeroU32::MIN, || false).err().unwrap();
    let text = error.to_string();
    assert!(
        text.contains("unix:/nowhere/at/all") && text.contains("server runs"),
        "{text}"
    );
}
