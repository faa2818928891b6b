//! The upstream backend: `GET /call/{i}?ms={D}` is answered with `i` after D milliseconds.
//!
//! It is part of the ruler. Its lateness would be mistaken for the servers', so it has a loop of its own with
//! nanosecond time-outs, records how late each answer left, and tells it at `GET /stats`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bench_core::recording::empty_histogram;
use bench_core::summary::Times;
use bench_core::units::Nanos;
use hdrhistogram::Histogram;
use http1::Date;
use http1::server::{Connection, Poll, Response};
use rustix::net::sockopt;
use rustix::thread::set_current_timer_slack;
use serde::{Deserialize, Serialize};
use slab::Slab;

use crate::clock::Clock;
use crate::reactor::{Reactor, Ready};

/// The longest delay that a call may ask for, in milliseconds.
pub const MAX_DELAY_MS: u64 = 60_000;

/// Most connections held open; further ones are closed at once.
pub const MAX_CONNECTIONS: usize = 65_536;

/// Bytes of answers that a peer may leave unread before its connection is closed.
const MAX_UNREAD_BYTES: usize = 1024 * 1024;

/// How often the loop looks whether it should end.
const LOOK_UP_NS: Nanos = 50_000_000;

const LISTENER: u64 = u64::MAX;

/// What the backend tells of itself at `GET /stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendStats {
    /// Calls answered.
    pub calls: u64,
    /// How much later than asked for the answers left, in nanoseconds.
    pub lateness_ns: Times,
}

/// Serves calls on `listener` until `stop` is set, which it notices within 50 ms.
///
/// Errors: what the listener or epoll say; a failing connection is closed and concerns nobody else.
pub fn serve(listener: &TcpListener, stop: &AtomicBool) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    set_current_timer_slack(NonZeroU64::new(1))?;
    let mut reactor = Reactor::new()?;
    reactor.add(listener, LISTENER)?;
    let mut backend = Backend {
        clock: Clock::start(),
        peers: Slab::new(),
        due: BinaryHeap::new(),
        next_serial: 0,
        lateness: empty_histogram(),
        date: date(),
        date_until_ns: 0,
        read_buffer: vec![0; 64 * 1024],
    };
    while !stop.load(Ordering::Relaxed) {
        let now = backend.clock.now();
        reactor.wait(Some(backend.until_next(now).min(LOOK_UP_NS)))?;
        for index in 0..reactor.len() {
            match reactor.ready(index) {
                ready if ready.token == LISTENER => backend.accept(listener, &reactor)?,
                ready => backend.on_ready(ready),
            }
        }
        backend.answer_due();
    }
    Ok(())
}

/// Binds a listener on the loopback address for [`serve`]; port 0 lets the system choose.
pub fn bind(addr: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(addr),
        socket2::Type::STREAM,
        None,
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

struct Backend {
    clock: Clock,
    peers: Slab<Peer>,
    /// Answers owed, soonest first; ties in the order of their calls.
    due: BinaryHeap<Reverse<Owed>>,
    next_serial: u64,
    lateness: Histogram<u64>,
    date: Date,
    date_until_ns: Nanos,
    read_buffer: Vec<u8>,
}

struct Peer {
    socket: TcpStream,
    connection: Connection,
    output: Vec<u8>,
    /// Distinguishes this peer from those that had its place before.
    serial: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Owed {
    at_ns: Nanos,
    /// Of the call.
    serial: u64,
    peer: usize,
    peer_serial: u64,
    number: u64,
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Ask {
    Call { number: u64, delay_ms: u64 },
    Stats,
}

impl Backend {
    fn until_next(&self, now: Nanos) -> Nanos {
        self.due
            .peek()
            .map_or(Nanos::MAX, |Reverse(owed)| owed.at_ns.saturating_sub(now))
    }

    fn accept(&mut self, listener: &TcpListener, reactor: &Reactor) -> io::Result<()> {
        loop {
            match listener.accept() {
                Ok((socket, _)) if self.peers.len() < MAX_CONNECTIONS => {
                    socket.set_nonblocking(true)?;
                    sockopt::set_tcp_nodelay(&socket, true)?;
                    let entry = self.peers.vacant_entry();
                    reactor.add(socket.as_fd(), entry.key() as u64)?;
                    entry.insert(Peer {
                        socket,
                        connection: Connection::new(),
                        output: Vec::new(),
                        serial: self.next_serial,
                    });
                    self.next_serial += 1;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn on_ready(&mut self, ready: Ready) {
        let Ok(key) = usize::try_from(ready.token) else {
            return;
        };
        // A peer may have been closed by an earlier report of the same wait.
        if !self.peers.contains(key) {
            return;
        }
        if ready.is_readable() && !self.read(key) {
            self.peers.remove(key);
            return;
        }
        self.converse(key);
    }

    /// Reads all that is there; false where the connection is over.
    fn read(&mut self, key: usize) -> bool {
        let peer = &mut self.peers[key];
        loop {
            match peer.socket.read(&mut self.read_buffer) {
                Ok(0) => {
                    peer.connection.receive_eof();
                    return !peer.connection.is_closing();
                }
                Ok(count) => peer.connection.receive(&self.read_buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// Takes requests from a connection and sends what it has to say.
    fn converse(&mut self, key: usize) {
        self.refresh_date();
        loop {
            let peer = &mut self.peers[key];
            let ask = match peer.connection.poll(&self.date, &mut peer.output) {
                Poll::Request(request) => parse(request.target),
                Poll::NeedInput | Poll::Closing => break,
            };
            match ask {
                Some(Ask::Call { number, delay_ms }) => {
                    let at_ns = self.clock.now() + delay_ms * 1_000_000;
                    self.due.push(Reverse(Owed {
                        at_ns,
                        serial: self.next_serial,
                        peer: key,
                        peer_serial: peer.serial,
                        number,
                    }));
                    self.next_serial += 1;
                }
                Some(Ask::Stats) => {
                    let stats = BackendStats {
                        calls: self.lateness.len(),
                        lateness_ns: Times::of(&self.lateness),
                    };
                    let body = serde_json::to_vec(&stats).expect("plain numbers serialise");
                    respond(peer, &self.date, 200, "application/json", &body);
                }
                None => respond(
                    peer,
                    &self.date,
                    404,
                    "text/plain; charset=utf-8",
                    b"try /call/{i}?ms={D} or /stats",
                ),
            }
        }
        self.flush(key);
    }

    /// Sends every answer whose time has come.
    fn answer_due(&mut self) {
        let mut now = self.clock.now();
        while let Some(Reverse(owed)) = self.due.peek()
            && owed.at_ns <= now
        {
            let Reverse(owed) = self.due.pop().expect("just looked at");
            if let Some(peer) = self
                .peers
                .get_mut(owed.peer)
                .filter(|peer| peer.serial == owed.peer_serial)
            {
                self.lateness
                    .record(now - owed.at_ns)
                    .expect("no answer is a week late");
                respond(
                    peer,
                    &self.date,
                    200,
                    "text/plain; charset=utf-8",
                    owed.number.to_string().as_bytes(),
                );
                // The next pipelined call may already be there.
                self.converse(owed.peer);
            }
            now = self.clock.now();
        }
    }

    fn flush(&mut self, key: usize) {
        let peer = &mut self.peers[key];
        while !peer.output.is_empty() {
            match peer.socket.write(&peer.output) {
                Ok(count) => drop(peer.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock
                        && peer.output.len() <= MAX_UNREAD_BYTES =>
                {
                    return;
                }
                Err(_) => {
                    self.peers.remove(key);
                    return;
                }
            }
        }
        if peer.connection.is_closing() {
            self.peers.remove(key);
        }
    }

    fn refresh_date(&mut self) {
        let now = self.clock.now();
        if now >= self.date_until_ns {
            self.date = date();
            self.date_until_ns = now + 1_000_000_000;
        }
    }
}

fn respond(peer: &mut Peer, date: &Date, status: u16, content_type: &str, body: &[u8]) {
    peer.connection.respond(
        &Response {
            status,
            content_type,
            headers: &[],
            body,
        },
        date,
        &mut peer.output,
    );
}

/// `/call/{i}?ms={D}` with D at most [`MAX_DELAY_MS`], or `/stats`.
fn parse(target: &str) -> Option<Ask> {
    if target == "/stats" {
        return Some(Ask::Stats);
    }
    let (number, delay_ms) = target.strip_prefix("/call/")?.split_once("?ms=")?;
    let digits = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())
            .flatten()
    };
    let delay_ms = digits(delay_ms).filter(|&delay_ms| delay_ms <= MAX_DELAY_MS)?;
    Some(Ask::Call {
        number: digits(number)?,
        delay_ms,
    })
}

/// The date for the Date header (RFC 9110 §6.6.1), to the second.
fn date() -> Date {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + now);
    Date::try_from(text.as_str()).expect("httpdate writes IMF-fixdate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::sync::Arc;
    use std::thread::JoinHandle;

    struct Running {
        addr: SocketAddr,
        stop: Arc<AtomicBool>,
        thread: Option<JoinHandle<io::Result<()>>>,
    }

    fn start() -> Running {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 128).unwrap();
        let addr = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || serve(&listener, &stop)
        });
        Running {
            addr,
            stop,
            thread: Some(thread),
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            self.stop.store(true, Ordering::Relaxed);
            let ended = self.thread.take().map(JoinHandle::join);
            assert!(matches!(ended, Some(Ok(Ok(())))) || std::thread::panicking());
        }
    }

    /// Sends requests in one go and returns status and body of each reply, in order.
    fn check(running: &Running, targets: &[&str]) -> Vec<(u16, String)> {
        let socket = TcpStream::connect(running.addr).unwrap();
        let mut requests = String::new();
        for target in targets {
            requests.push_str("GET ");
            requests.push_str(target);
            requests.push_str(" HTTP/1.1\r\nHost: backend\r\n\r\n");
        }
        (&socket).write_all(requests.as_bytes()).unwrap();
        let mut reader = BufReader::new(socket);
        targets.iter().map(|_| read_reply(&mut reader)).collect()
    }

    fn read_reply(reader: &mut impl BufRead) -> (u16, String) {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }

    #[test]
    fn pipelined_calls_are_answered_with_their_number_in_order() {
        let running = start();
        let replies = check(
            &running,
            &[
                "/call/7?ms=3",
                "/call/8?ms=0",
                "/call/18446744073709551615?ms=1",
            ],
        );
        assert_eq!(
            replies,
            [
                (200, "7".into()),
                (200, "8".into()),
                (200, "18446744073709551615".into())
            ]
        );
    }

    #[test]
    fn it_tells_how_many_calls_it_answered_and_how_late() {
        let running = start();
        let calls: Vec<String> = (1..=25)
            .map(|number| format!("/call/{number}?ms=1"))
            .collect();
        let targets: Vec<&str> = calls.iter().map(String::as_str).chain(["/stats"]).collect();
        let (status, body) = check(&running, &targets).pop().unwrap();
        let told: BackendStats = serde_json::from_str(&body).unwrap();
        assert_eq!((status, told.calls), (200, 25));
        assert!(told.lateness_ns.p50.is_some() && told.lateness_ns.max >= told.lateness_ns.p50);
    }

    #[test]
    fn what_it_does_not_know_is_404() {
        let limit = format!("/call/1?ms={MAX_DELAY_MS}");
        assert_eq!(
            parse(&limit),
            Some(Ask::Call {
                number: 1,
                delay_ms: MAX_DELAY_MS
            })
        );
        let over = format!("/call/1?ms={}", MAX_DELAY_MS + 1);
        for target in [
            over.as_str(),
            "/",
            "/call/",
            "/call/1",
            "/call/x?ms=1",
            "/call/+1?ms=1",
            "/call/1?ms=-1",
            "/call/?ms=",
        ] {
            assert_eq!(parse(target), None, "{target}");
        }
        let running = start();
        assert_eq!(check(&running, &["/"])[0].0, 404);
    }

    #[test]
    fn a_caller_that_leaves_before_its_answer_disturbs_nobody() {
        let running = start();
        let mut leaver = TcpStream::connect(running.addr).unwrap();
        leaver
            .write_all(b"GET /call/1?ms=20 HTTP/1.1\r\nHost: backend\r\n\r\n")
            .unwrap();
        drop(leaver);
        assert_eq!(check(&running, &["/call/2?ms=40"]), [(200, "2".into())]);
    }
}
