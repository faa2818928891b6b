//! Whether requests wait for each other: some connections keep the server busy, and others must be served meanwhile.
//!
//! What counts is the order of completion, not the time it takes: every quick request must be answered while the busy
//! ones still are not. That needs no limit that a slow machine could miss.

use std::net::SocketAddr;
use std::time::Instant;

use http1::Method;
use http1::client::encode_request;
use spec::Route;

use crate::judge::{Expected, Framing, event};
use crate::outcome::CASE_TIMEOUT;
use crate::problem::Problem;
use crate::wire::{Received, Wire};

/// How many quick requests follow each other, each on a new connection. The first may overtake a busy one that has only
/// just arrived; one of the others would find the server held up.
const QUICK_REQUESTS: usize = 8;

/// How long the busy requests take, in milliseconds, in the first attempt and in the second. Where the machine itself
/// stood still for the first, all answers are there when they are looked at, and their order is not known.
const SLEEPS_MS: [u32; 2] = [300, 1_200];

/// Connections that keep the server busy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Busy {
    /// How many.
    pub(super) connections: usize,
    /// With what.
    pub(super) with: Occupation,
    /// What is asked for meanwhile.
    pub(super) quick: Quick,
}

/// A request that takes a server no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quick {
    /// `/plaintext`.
    Plaintext,
    /// `/events`, none of which is waited for.
    Events,
}

/// What a busy connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occupation {
    /// It waits for `/sleep`.
    Sleeping,
    /// It waits for the second of two `/events`.
    Streaming,
    /// It has sent half a request, and the rest does not come.
    HalfSent,
}

/// How many events a quick stream has, and a slow one.
const STREAM_EVENTS: u32 = 2;

/// Serves quick requests beside busy connections.
pub(super) fn play(busy: &Busy, addr: SocketAddr, host: &str) -> Result<(), Problem> {
    let deadline = Instant::now() + CASE_TIMEOUT;
    let quick = busy.quick.exchange();
    let slow = match busy.with {
        Occupation::HalfSent => {
            let request = Quick::Plaintext.exchange().request(host);
            let half = &request[..request.len() / 2];
            let mut wires = occupy(busy.connections, half, addr, deadline)?;
            serve_quick(&quick, addr, host, deadline)?;
            return if count_heard(&mut wires, b"")? == 0 {
                Ok(())
            } else {
                Err(Problem::wrong(
                    "half a request was answered before the rest could come".to_owned(),
                ))
            };
        }
        Occupation::Sleeping => Exchange::sleeping,
        Occupation::Streaming => Exchange::streaming,
    };
    for ms in SLEEPS_MS {
        if is_overtaken(busy.connections, &slow(ms), &quick, addr, host, deadline)? {
            return Ok(());
        }
    }
    let [.., longest_ms] = SLEEPS_MS;
    Err(Problem::wrong(format!(
        "GET {} was answered only after GET {} on another connection: requests that wait hold up the others",
        quick.target,
        slow(longest_ms).target
    )))
}

/// A request and its reply.
struct Exchange {
    target: String,
    expected: Expected,
    /// What the reply does not say before it is due; nothing, where its first byte is not.
    end: Vec<u8>,
}

impl Quick {
    fn exchange(self) -> Exchange {
        match self {
            Self::Plaintext => Exchange::of(Route::Plaintext),
            Self::Events => Exchange::streaming(0),
        }
    }
}

impl Exchange {
    fn of(route: Route) -> Self {
        Self {
            target: route.target(),
            expected: Expected::served(Method::Get, route),
            end: Vec::new(),
        }
    }

    fn sleeping(ms: u32) -> Self {
        Self::of(Route::Sleep { ms })
    }

    fn streaming(ms: u32) -> Self {
        Self {
            target: format!("/events?n={STREAM_EVENTS}&ms={ms}"),
            expected: Expected::events(Method::Get, STREAM_EVENTS, Framing::Chunked),
            end: event(STREAM_EVENTS).into_bytes(),
        }
    }

    fn request(&self, host: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_request(Method::Get, &self.target, host, &[], None, &mut bytes);
        bytes
    }

    fn read(&self, wire: &mut Wire) -> Result<(), Problem> {
        match wire.next(Method::Get)? {
            Received::Reply(reply) => self.expected.judge(&reply),
            Received::End => Err(self.expected.closed_instead()),
        }
    }
}

/// Whether the quick requests were all answered before any of the slow ones was to the end.
fn is_overtaken(
    connections: usize,
    slow: &Exchange,
    quick: &Exchange,
    addr: SocketAddr,
    host: &str,
    deadline: Instant,
) -> Result<bool, Problem> {
    let mut waiting = occupy(connections, &slow.request(host), addr, deadline)?;
    serve_quick(quick, addr, host, deadline)?;
    let overtaken = count_heard(&mut waiting, &slow.end)? == 0;
    for wire in &mut waiting {
        slow.read(wire)
            .map_err(|problem| problem.within(&slow.target))?;
    }
    Ok(overtaken)
}

fn occupy(
    connections: usize,
    bytes: &[u8],
    addr: SocketAddr,
    deadline: Instant,
) -> Result<Vec<Wire>, Problem> {
    let open = |_| {
        let mut wire = Wire::open(addr, deadline)?;
        wire.send(bytes)?;
        Ok(wire)
    };
    (0..connections).map(open).collect()
}

fn serve_quick(
    quick: &Exchange,
    addr: SocketAddr,
    host: &str,
    deadline: Instant,
) -> Result<(), Problem> {
    for _ in 0..QUICK_REQUESTS {
        let mut wire = Wire::open(addr, deadline)?;
        wire.send(&quick.request(host))?;
        quick.read(&mut wire).map_err(|problem| {
            problem.within(&format!(
                "GET {} while other connections wait",
                quick.target
            ))
        })?;
    }
    Ok(())
}

fn count_heard(wires: &mut [Wire], word: &[u8]) -> Result<usize, Problem> {
    wires
        .iter_mut()
        .map(|wire| wire.has_heard(word).map(usize::from))
        .sum()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const PLAINTEXT: &str = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

    /// A server whose sleeps are answered before the requests that should overtake them, as one that serves a connection
    /// after the other does.
    fn check(sleeps: usize, with: Occupation) -> Result<(), Problem> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let attempts = if with == Occupation::Sleeping {
                SLEEPS_MS.len()
            } else {
                1
            };
            for _ in 0..attempts * (sleeps + QUICK_REQUESTS) {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let length = stream.read(&mut request).unwrap();
                let text = String::from_utf8_lossy(&request[..length]);
                let target = text.split(' ').nth(1).unwrap();
                let body = target.replace("/sleep/", "slept ");
                let reply = if body == target {
                    PLAINTEXT.to_owned()
                } else {
                    let length = body.len();
                    PLAINTEXT
                        .replace("13", &length.to_string())
                        .replace("Hello, World!", &body)
                };
                stream.write_all(reply.as_bytes()).unwrap();
            }
        });
        let busy = Busy {
            connections: sleeps,
            with,
            quick: Quick::Plaintext,
        };
        let result = play(&busy, addr, "test");
        server.join().unwrap();
        result
    }

    #[test]
    fn sleeps_that_are_over_before_the_quick_ones_are_found() {
        for sleeps in [1, 3] {
            let problem = check(sleeps, Occupation::Sleeping).unwrap_err();
            assert!(
                problem.text.contains("only after GET /sleep/1200"),
                "{problem:?}"
            );
        }
    }

    #[test]
    fn an_answer_to_half_a_request_is_found() {
        let problem = check(2, Occupation::HalfSent).unwrap_err();
        assert!(
            problem.text.contains("half a request was answered"),
            "{problem:?}"
        );
    }
}
