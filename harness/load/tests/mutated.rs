//! Whatever a server answers, every request has one fate, every malformed reply a reason, and the load ends.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and a server of a test uses sockets"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::time::Duration;

use load::{Control, Expect, ExpectBody, Options, Request, Workload, drive};
use model::measured::accounting::ErrorKind;
use model::spec::load::{Arrival, Connect, Load};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// How many replies are mutated.
const REPLIES: u64 = 10_000;

/// Chooses the mutations; a failure is the same with the same seed.
const SEED: u64 = 20;

/// Replies of many shapes, all of them legal.
const LEGAL: [&[u8]; 7] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\nDate: Sun, 29 Nov 2026 09:00:00 GMT\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello",
    b"HTTP/1.1 302 Found\r\nLocation: /a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
];

/// Pieces that mean something somewhere in a reply.
const PIECES: [&[u8]; 14] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b":",
    b" ",
    b"\t",
    b"\xff",
    b"0\r\n\r\n",
    b"Content-Length: 7\r\n",
    b"ffffffffffffffff",
    b"Transfer-Encoding: chunked\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"-1",
];

struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// From 0 to below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_u64() % limit.max(1) as u64).unwrap()
    }

    /// A reply with up to three changes.
    fn reply(&mut self) -> Vec<u8> {
        let mut reply = LEGAL[self.below(LEGAL.len())].to_vec();
        for _ in 0..self.below(4) {
            let from = self.below(reply.len());
            let to = (from + 1 + self.below(8)).min(reply.len());
            match self.below(5) {
                0 if from < reply.len() => reply[from] ^= 1 << self.below(8),
                1 => drop(reply.drain(from..to)),
                2 => reply.truncate(from),
                3 => {
                    let again = reply[from..to].to_vec();
                    drop(reply.splice(from..from, again));
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    drop(reply.splice(from..from, piece.iter().copied()));
                }
            }
        }
        reply
    }
}

/// Answers each connection's first request with a mutated reply, in one piece or two, and closes it.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut chance = Chance(Xoshiro256PlusPlus::seed_from_u64(SEED));
        for socket in listener.incoming() {
            let reply = chance.reply();
            let cut = chance.below(reply.len() + 1);
            answer(socket.unwrap(), &reply, cut);
        }
    });
    addr
}

fn answer(mut socket: TcpStream, reply: &[u8], cut: usize) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.ends_with(b"\r\n\r\n") {
        match socket.read(&mut buffer) {
            Ok(count @ 1..) => seen.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    // The client may have given the connection up after the first piece.
    let _ = socket.write_all(&reply[..cut]);
    let _ = socket.write_all(&reply[cut..]);
    let _ = socket.shutdown(Shutdown::Write);
    // What is not read would reset the connection, and take the reply with it.
    while let Ok(1..) = socket.read(&mut buffer) {}
}

#[test]
fn a_mutated_reply_is_right_or_an_error_with_a_reason_and_never_the_end() {
    let addr = server();
    let expect = Expect {
        statuses: vec![200..=204],
        body: ExpectBody::Any,
    };
    let request = Request::new(
        "GET",
        "/",
        &addr.to_string(),
        &[("Connection", "close")],
        None,
        expect,
    );
    let load = Load {
        arrival: Arrival::Closed,
        connections: NonZeroU32::MIN,
        connect: Connect::PerRequest,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_hours(1),
        drain: Duration::from_mins(1),
        timeout: Duration::from_mins(1),
        request_limit: Some(REPLIES),
        interval: Duration::from_secs(1),
        seed: 1,
        goodput: None,
    };
    let options = Options::default();
    let workload = Workload::new(vec![request]);
    let recording = drive(&load, &workload, addr, &options, &Control::default()).unwrap();
    let (accounting, errors) = (recording.accounting, recording.errors);
    assert!(accounting.balances(), "{accounting:?}");
    assert_eq!(accounting.scheduled, REPLIES);
    // The server ends every connection, so nothing has to be waited for.
    assert_eq!(
        (accounting.timeout, accounting.unfinished),
        (0, 0),
        "{accounting:?}"
    );
    assert!(
        accounting.ok > REPLIES / 10 && accounting.error > REPLIES / 10,
        "{accounting:?}"
    );
    assert_eq!(
        errors.kinds.values().sum::<u64>(),
        accounting.error,
        "{errors:?}"
    );
    let malformed = errors.kinds.get(&ErrorKind::Malformed).copied();
    assert_eq!(
        malformed,
        Some(errors.malformed.values().sum()),
        "{errors:?}"
    );
    assert!(
        errors.malformed.keys().all(|reason| !reason.is_empty()),
        "{errors:?}"
    );
    assert!(errors.malformed.len() > 5, "{errors:?}");
}
