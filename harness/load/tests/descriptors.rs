//! Running out of descriptors, which is the whole process's affair: a test binary of its own, with a single test.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::time::Duration;

use load::{Control, DriveError, Expect, ExpectBody, Options, Request, Workload, drive};
use model::measured::accounting::ErrorKind;
use model::measured::recording::Recording;
use model::spec::load::{Arrival, Connect, Load, Process};
use model::units::Rate;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use descriptor_limit::limit_that_leaves;

mod descriptor_limit;

const CONNECTIONS: u32 = 4;

#[test]
fn connections_that_find_no_descriptor_are_counted_and_tried_again() {
    let plenty = getrlimit(Resource::Nofile);
    // Before the first request it is an error that says what to do.
    let addr = server(None);
    limit_to(Some(limit_that_leaves(2)), plenty);
    let error = check(addr, Duration::from_secs(20)).unwrap_err();
    setrlimit(Resource::Nofile, plenty).unwrap();
    assert!(matches!(error, DriveError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("ulimit -n"), "{error}");

    // Later it is a count. Each connection carries one request; after the first four there is no descriptor left, and what
    // then is due is never sent.
    let addr = server(Some(CONNECTIONS));
    let recording = check(addr, Duration::from_secs(1)).unwrap();
    setrlimit(Resource::Nofile, plenty).unwrap();
    let accounting = recording.accounting;
    assert_eq!(
        (accounting.scheduled, accounting.ok, accounting.unfinished),
        (100, 4, 96),
        "{accounting:?}"
    );
    let failed = recording.errors.connect;
    assert!(failed >= u64::from(CONNECTIONS), "{:?}", recording.errors);
    assert_eq!(recording.errors.kinds[&ErrorKind::TooManyFiles], failed);
    assert!(accounting.balances());
}

/// A server that closes after each answer, and before it closes for the `short_after`th time takes all descriptors away.
fn server(short_after: Option<u32>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut sockets: Vec<TcpStream> = Vec::new();
        for socket in listener.incoming() {
            // It is one that the short limit kept out.
            let Ok(socket) = socket else { continue };
            sockets.push(socket);
            if sockets.len() < CONNECTIONS as usize {
                continue;
            }
            // All are here, so that the limit keeps none of them out.
            if short_after.is_some() {
                limit_to(Some(1), getrlimit(Resource::Nofile));
            }
            for mut socket in sockets.drain(..) {
                if matches!(socket.read(&mut [0; 4096]), Ok(1..)) {
                    socket
                        .write_all(
                            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                        )
                        .unwrap();
                }
            }
        }
    });
    addr
}

fn check(addr: SocketAddr, duration: Duration) -> Result<Recording, DriveError> {
    let load = Load {
        arrival: Arrival::Open {
            rate: Rate::per_s(100.0).unwrap(),
            process: Process::Constant,
        },
        connections: NonZeroU32::new(CONNECTIONS).unwrap(),
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration,
        drain: Duration::ZERO,
        timeout: Duration::from_secs(10),
        request_limit: None,
        interval: Duration::from_millis(100),
        seed: 1,
        goodput: None,
    };
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Any,
    };
    let request = Request::new("GET", "/", &addr.to_string(), &[], None, expect);
    let options = Options {
        cpus: Vec::new(),
        ..Options::default()
    };
    drive(
        &load,
        &Workload::new(vec![request]),
        addr,
        &options,
        &Control::default(),
    )
}

fn limit_to(current: Option<u64>, limit: Rlimit) {
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
}
