//! Thousands of connections from one process: a test binary of its own, because descriptors are the whole process's affair.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use model::measured::clock::Clock;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use load::{Control, Expect, ExpectBody, Options, Request, Workload, backend, drive};
use model::spec::load::{Arrival, Connect, Load, Process};
use model::units::Rate;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const CONNECTIONS: u32 = 2_000;

/// A usual backlog, and half of what is connected.
const BACKLOG: u32 = 1_024;

#[test]
fn two_thousand_connections_each_carry_their_requests() {
    allow_descriptors(u64::from(CONNECTIONS) * 2 + 100);
    let listener = backend::bind(SocketAddr::from(([127, 0, 0, 1], 0)), BACKLOG).unwrap();
    let addr = listener.local_addr().unwrap();
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Exact(b"7".to_vec()),
    };
    let request = Request::new("GET", "/call/7?ms=0", "backend", &[], None, expect);
    let load = Load {
        arrival: Arrival::Open {
            rate: Rate::per_s(4_000.0).unwrap(),
            process: Process::Constant,
        },
        connections: NonZeroU32::new(CONNECTIONS).unwrap(),
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_mins(1),
        drain: Duration::from_mins(1),
        timeout: Duration::from_mins(1),
        request_limit: Some(u64::from(CONNECTIONS) * 2),
        interval: Duration::from_secs(1),
        seed: 1,
        goodput: None,
    };
    let options = Options {
        cpus: vec![0, 0],
        ..Options::default()
    };
    let stop = AtomicBool::new(false);
    let recording = std::thread::scope(|scope| {
        let server = scope.spawn(|| backend::serve(&listener, Duration::ZERO, &stop));
        let recording = drive(
            &load,
            &Workload::new(vec![request]),
            addr,
            &options,
            &Control::default(),
        );
        stop.store(true, Ordering::Relaxed);
        server.join().unwrap().unwrap();
        recording.unwrap()
    });
    let every = u64::from(CONNECTIONS);
    assert_eq!(
        (recording.accounting.ok, recording.accounting.scheduled),
        (2 * every, 2 * every),
        "{:?} {:?}",
        recording.accounting,
        recording.errors
    );
    assert_eq!(
        (recording.connections.opened, recording.connections.reopened),
        (every, 0)
    );
    assert_eq!(recording.times[Clock::ConnectTime].len(), every);
    // Longest free first: everyone's turn comes before anyone's third.
    let served = recording.connections.served.unwrap();
    assert!(served.min >= 1 && served.max <= 3, "{served:?}");
}

fn allow_descriptors(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        },
    )
    .unwrap();
}
