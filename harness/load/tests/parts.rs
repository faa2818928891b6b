//! A load that several generators share: together they send what one would, byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a server of a test may fail it, and a start is an instant"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use load::{Chat, Control, Expect, ExpectBody, Options, Request, Workload, drive, merge};
use model::measured::recording::Recording;
use model::spec::load::{Arrival, Connect, Load, Process, Profile, Stage};
use model::spec::part::Part;
use model::units::Rate;

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Measured requests of the whole load: no multiple of any number of parts here.
const REQUESTS: u64 = 61;

/// The name under which the server is asked, whatever its port.
const HOST: &str = "server.test";

/// The requests that a server got, as they came.
type Heard = Arc<Mutex<Vec<String>>>;

/// Answers everything until the process ends.
fn server() -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let heard = Heard::default();
    let all = Arc::clone(&heard);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, all) = (socket.unwrap(), Arc::clone(&all));
            std::thread::spawn(move || serve(socket, &all));
        }
    });
    (addr, heard)
}

fn serve(mut socket: TcpStream, all: &Mutex<Vec<String>>) {
    let mut buffer = [0; 4096];
    let mut seen = Vec::new();
    while let Ok(count @ 1..) = socket.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..count]);
        while let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = seen.drain(..end + 4).collect();
            all.lock().unwrap().push(String::from_utf8(head).unwrap());
            drop(socket.write_all(GOOD));
        }
    }
}

fn request(target: &str, weight: u32) -> Request {
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Any,
    };
    Request::with_holes(("GET", target, HOST), &[], None, &[], expect).with_weight(weight)
}

/// Two kinds with numbers in them, and one between that has none.
fn workload() -> Workload {
    Workload::new(vec![
        request("/a/{seq}/{random}", 3),
        request("/b", 2),
        request("/c/{random:1-1000}", 1),
    ])
}

fn load(arrival: Arrival, requests: u64) -> Load {
    Load {
        arrival,
        connections: NonZeroU32::new(12).unwrap(),
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_mins(1),
        drain: Duration::from_mins(1),
        timeout: Duration::from_mins(1),
        request_limit: Some(requests),
        interval: Duration::from_secs(1),
        seed: 11,
        goodput: None,
    }
}

fn open(process: Process) -> Arrival {
    let rate = Rate::per_s(2_000.0).unwrap();
    Arrival::Open { rate, process }
}

/// What a server gets of these parts, in order, and what was recorded of each.
fn sent(load: &Load, parts: &[Part]) -> (Vec<String>, Vec<Recording>) {
    let (addr, heard) = server();
    let recordings = parts.iter().map(|&part| {
        let options = Options {
            part,
            ..Options::default()
        };
        drive(load, &workload(), addr, &options, &Control::default()).unwrap()
    });
    let recordings = recordings.collect();
    let mut heard = heard.lock().unwrap().clone();
    heard.sort();
    (heard, recordings)
}

fn parts(of: u32) -> Vec<Part> {
    (0..of).map(|index| Part::new(index, of).unwrap()).collect()
}

#[test]
fn all_parts_send_what_one_generator_would() {
    for process in [Process::Poisson, Process::Constant] {
        let load = load(open(process), REQUESTS);
        let (alone, _) = sent(&load, &[Part::WHOLE]);
        assert_eq!(alone.len() as u64, REQUESTS);
        for of in [1, 2, 5, 12] {
            let (together, recordings) = sent(&load, &parts(of));
            assert_eq!(together, alone, "{of} parts, {process:?}");
            for (part, recording) in parts(of).into_iter().zip(&recordings) {
                assert_eq!(recording.accounting.ok, part.share(REQUESTS), "{part}");
                assert_eq!(recording.connections.places, part.share(12), "{part}");
            }
        }
    }
}

#[test]
fn parts_of_a_closed_loop_share_requests_and_connections_and_no_number() {
    let (heard, recordings) = sent(&load(Arrival::Closed, REQUESTS), &parts(3));
    assert_eq!(heard.len() as u64, REQUESTS);
    let ok = recordings.iter().map(|recording| recording.accounting.ok);
    assert_eq!(ok.collect::<Vec<_>>(), [21, 20, 20]);
    let mut numbers: Vec<&str> = heard
        .iter()
        .filter_map(|request| request.strip_prefix("GET /a/")?.split('/').next())
        .collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.len() == count && count > 10, "{numbers:?}");
}

#[test]
fn what_parts_recorded_is_merged_to_what_one_generator_would_have() {
    let load = load(open(Process::Constant), REQUESTS);
    let (_, alone) = sent(&load, &[Part::WHOLE]);
    let (_, recordings) = sent(&load, &parts(3));
    let busy = Recording {
        overtime_ns: 1_200,
        ..recordings[0].clone()
    };
    let merged = merge(
        &load,
        vec![busy, recordings[1].clone(), recordings[2].clone()],
    );
    assert_eq!(merged.accounting, alone[0].accounting);
    assert_eq!(merged.connections.places, 12);
    assert_eq!(merged.kinds.len(), alone[0].kinds.len());
    for (ours, theirs) in merged.kinds.iter().zip(&alone[0].kinds) {
        assert_eq!(ours.accounting, theirs.accounting);
    }
    for (clock, times) in merged.times.iter() {
        let counts = recordings.iter().map(|part| part.times[clock].len());
        assert_eq!(times.len(), counts.sum::<u64>(), "{clock:?}");
    }
    // It was waited so long on average over four of twelve connections.
    assert_eq!(merged.overtime_ns, 400);
}

#[test]
fn a_load_and_its_workload_are_the_same_after_they_were_written_down() {
    let expect = || Expect {
        statuses: vec![200..=204, 304..=304],
        body: ExpectBody::Exact(b"\x00\xff{}".to_vec()),
    };
    let in_turn =
        ["/1", "/2"].map(|target| Request::new("HEAD", target, HOST, &[], None, expect()));
    let mut step = request("/c/{id}", 1);
    step.follows = true;
    let workloads = [
        workload(),
        Workload::new(vec![Request::in_order(in_turn, expect()), step]),
        Chat::new(HOST, "/chat", 64).into(),
    ];
    for workload in workloads {
        let written = serde_json::to_vec(&workload).unwrap();
        assert_eq!(
            serde_json::from_slice::<Workload>(&written).unwrap(),
            workload
        );
    }
    let stages = [
        Stage::Ramp {
            from_per_s: 0.1,
            to_per_s: 1e3 / 3.0,
            duration: Duration::from_nanos(1_234_567_891),
        },
        Stage::Burst {
            base_per_s: 1.0,
            burst_per_s: 0.7e4,
            period: Duration::from_millis(250),
            burst_for: Duration::from_millis(20),
            duration: Duration::from_secs(3),
        },
    ];
    let ramped = Arrival::Staged {
        profile: Profile::new(&stages).unwrap(),
        process: Process::Poisson,
    };
    let listed = Arrival::Listed {
        times: [0, 7, 7].into(),
    };
    for arrival in [ramped, listed, open(Process::Poisson), Arrival::Closed] {
        let load = load(arrival, REQUESTS);
        let written = serde_json::to_vec(&load).unwrap();
        assert_eq!(serde_json::from_slice::<Load>(&written).unwrap(), load);
    }
}

#[test]
fn a_drive_begins_when_it_is_asked_to_and_at_once_where_nobody_says_when() {
    let load = load(open(Process::Constant), 5);
    let (addr, heard) = server();
    let starts_at = Arc::new(Mutex::new(None));
    let given = Arc::clone(&starts_at);
    let seen = Arc::clone(&heard);
    let control = Control::default().starting(move || {
        let at = Instant::now() + Duration::from_millis(150);
        assert!(seen.lock().unwrap().is_empty(), "it has begun already");
        *given.lock().unwrap() = Some(at);
        Some(at)
    });
    let driven = drive(&load, &workload(), addr, &Options::default(), &control);
    assert_eq!(driven.unwrap().accounting.ok, 5);
    assert!(Instant::now() > starts_at.lock().unwrap().unwrap());
    let control = Control::default().starting(|| None);
    let driven = drive(&load, &workload(), addr, &Options::default(), &control);
    assert_eq!(driven.unwrap().accounting.ok, 5);
}
