//! A load that several generators share: together they send what one would, byte for byte.

#![allow(clippy::unwrap_used, reason = "a server of a test may fail it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use load::{Control, Expect, ExpectBody, Options, Request, Workload, drive};
use model::measured::recording::Recording;
use model::spec::load::{Arrival, Connect, Load, Process};
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
