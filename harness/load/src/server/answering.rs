//! A server that owes answers at set times: what the upstream backend and the server of known truths have in common.
//!
//! One thread, one epoll with nanosecond time-outs, and a heap of answers owed. It knows connections and due times; what
//! a request means, and when it is to be answered, its [`Answerer`] says.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use http1::Date;
use http1::server::{Connection, Poll, Response};
use model::units::Nanos;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::thread::set_current_timer_slack;
use slab::Slab;

use crate::clock::Clock;
use crate::reactor::{Reactor, Ready};

/// Most connections held open; further ones are closed at once.
pub(crate) const MAX_CONNECTIONS: usize = 65_536;

/// Bytes of answers that a peer may leave unread before its connection is closed.
const MAX_UNREAD_BYTES: usize = 1024 * 1024;

/// How often the loop looks whether it should end.
const LOOK_UP_NS: Nanos = 50_000_000;

const LISTENER: u64 = u64::MAX;

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const JSON: &str = "application/json";

/// What requests mean.
pub(crate) trait Answerer {
    /// What to do with a request for `target` that arrived at `arrived_ns` on the loop's clock.
    fn ask(&mut self, target: &str, arrived_ns: Nanos) -> Reply;

    /// The body of an answer that leaves at `now_ns`.
    fn answer(&mut self, owed: &Owed, now_ns: Nanos) -> Vec<u8>;

    /// A turn of the loop took so long, of which it had asked to sleep so much at most.
    fn turned(&mut self, _took_ns: Nanos, _asked_ns: Nanos) {}

    /// The peer left before its answer.
    fn abandoned(&mut self) {}
}

/// How a request is to be answered.
pub(crate) enum Reply {
    Now {
        status: u16,
        content_type: &'static str,
        body: Vec<u8>,
    },
    /// At a set time, with the body that [`Answerer::answer`] then gives.
    Later { at_ns: Nanos, number: u64 },
}

/// An answer owed. The order is that of leaving: soonest first, ties in the order of their requests.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owed {
    pub(crate) at_ns: Nanos,
    /// Of the request.
    serial: u64,
    peer: usize,
    peer_serial: u64,
    pub(crate) arrived_ns: Nanos,
    /// What [`Reply::Later`] gave.
    pub(crate) number: u64,
}

/// Binds a listener on the loopback address for a server; port 0 lets the system choose.
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

/// Serves on `listener` until `stop` is set, which it notices within 50 ms.
///
/// `spin_ahead_ns`: how long before an answer is due the loop stops sleeping and looks at the clock instead; 0 to sleep
/// until then.
///
/// Errors: what the listener or epoll say; a failing connection is closed and concerns nobody else.
pub(crate) fn serve(
    listener: &TcpListener,
    answerer: impl Answerer,
    spin_ahead_ns: Nanos,
    stop: &AtomicBool,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    set_current_timer_slack(NonZeroU64::new(1))?;
    let mut reactor = Reactor::new()?;
    reactor.add(listener, LISTENER)?;
    let mut server = Server {
        answerer,
        clock: Clock::start(),
        peers: Slab::new(),
        due: BinaryHeap::new(),
        next_serial: 0,
        accept_from_ns: None,
        date: date(),
        date_until_ns: 0,
        read_buffer: vec![0; 64 * 1024],
    };
    let mut turned_ns = server.clock.now();
    while !stop.load(Ordering::Relaxed) {
        let until_next_ns = server.until_next(server.clock.now());
        let asked_ns = until_next_ns.saturating_sub(spin_ahead_ns).min(LOOK_UP_NS);
        reactor.wait(Some(asked_ns))?;
        // What was readable when epoll returned had arrived by then.
        let woken_ns = server.clock.now();
        server.answerer.turned(woken_ns - turned_ns, asked_ns);
        turned_ns = woken_ns;
        for index in 0..reactor.len() {
            match reactor.ready(index) {
                ready if ready.token == LISTENER => server.accept_from_ns = Some(woken_ns),
                ready => server.on_ready(ready, woken_ns),
            }
        }
        server.accept(listener, &reactor, woken_ns)?;
        server.answer_due();
    }
    Ok(())
}

struct Server<A> {
    answerer: A,
    clock: Clock,
    peers: Slab<Peer>,
    due: BinaryHeap<Reverse<Owed>>,
    next_serial: u64,
    /// From when on to accept; none while nobody is known to wait.
    accept_from_ns: Option<Nanos>,
    date: Date,
    date_until_ns: Nanos,
    read_buffer: Vec<u8>,
}

/// What to do where a connection could not be accepted.
#[derive(Debug, PartialEq, Eq)]
enum AfterAcceptError {
    /// Accept the next one: this one is gone.
    Next,
    /// Wait for another: nobody is left.
    Wait,
    /// Try again later: there is nothing left to hold it with, and no report will come when there is.
    Later,
    /// The listener itself is broken.
    Fail,
}

/// accept(2), *Errors*.
fn after(error: &io::Error) -> AfterAcceptError {
    match Errno::from_io_error(error) {
        Some(Errno::AGAIN) => AfterAcceptError::Wait,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => AfterAcceptError::Later,
        Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK | Errno::OPNOTSUPP | Errno::FAULT) => {
            AfterAcceptError::Fail
        }
        Some(_) => AfterAcceptError::Next,
        None => AfterAcceptError::Fail,
    }
}

struct Peer {
    socket: TcpStream,
    connection: Connection,
    output: Vec<u8>,
    /// Distinguishes this peer from those that had its place before.
    serial: u64,
}

impl<A: Answerer> Server<A> {
    fn until_next(&self, now: Nanos) -> Nanos {
        self.due
            .peek()
            .map_or(Nanos::MAX, |Reverse(owed)| owed.at_ns.saturating_sub(now))
    }

    /// Accepts all who wait, where it is time to.
    fn accept(&mut self, listener: &TcpListener, reactor: &Reactor, now: Nanos) -> io::Result<()> {
        while self.accept_from_ns.is_some_and(|from_ns| from_ns <= now) {
            match listener.accept() {
                // A connection that can't be set up is closed, and concerns nobody else.
                Ok((socket, _)) if self.peers.len() < MAX_CONNECTIONS => {
                    drop(self.welcome(socket, reactor));
                }
                Ok(_) => {}
                Err(error) => match after(&error) {
                    AfterAcceptError::Next => {}
                    AfterAcceptError::Wait => self.accept_from_ns = None,
                    AfterAcceptError::Later => self.accept_from_ns = Some(now + LOOK_UP_NS),
                    AfterAcceptError::Fail => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn welcome(&mut self, socket: TcpStream, reactor: &Reactor) -> io::Result<()> {
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
        Ok(())
    }

    fn on_ready(&mut self, ready: Ready, woken_ns: Nanos) {
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
        self.converse(key, woken_ns);
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

    /// Takes requests from a connection, as of `arrived_ns`, and sends what it has to say.
    fn converse(&mut self, key: usize, arrived_ns: Nanos) {
        self.refresh_date();
        loop {
            let peer = &mut self.peers[key];
            let reply = match peer.connection.poll(&self.date, &mut peer.output) {
                Poll::Request(request) => self.answerer.ask(request.target, arrived_ns),
                Poll::NeedInput | Poll::Upgraded | Poll::Closing => break,
            };
            match reply {
                Reply::Now {
                    status,
                    content_type,
                    body,
                } => respond(peer, &self.date, status, content_type, &body),
                Reply::Later { at_ns, number } => {
                    self.due.push(Reverse(Owed {
                        at_ns,
                        serial: self.next_serial,
                        peer: key,
                        peer_serial: peer.serial,
                        arrived_ns,
                        number,
                    }));
                    self.next_serial += 1;
                }
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
            match self.peers.get_mut(owed.peer) {
                Some(peer) if peer.serial == owed.peer_serial => {
                    let body = self.answerer.answer(&owed, now);
                    respond(peer, &self.date, 200, TEXT, &body);
                    // The next pipelined request may already be there.
                    self.converse(owed.peer, now);
                }
                _ => self.answerer.abandoned(),
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

/// The date for the Date header (RFC 9110 §6.6.1), to the second.
fn date() -> Date {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + now);
    Date::try_from(text.as_str()).expect("httpdate writes IMF-fixdate")
}

/// A server on a thread of a test, and what it answers.
#[cfg(test)]
pub(crate) mod testing {
    use std::io::{self, BufRead, BufReader, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::JoinHandle;

    use super::bind;

    pub(crate) struct Running {
        pub(crate) addr: SocketAddr,
        stop: Arc<AtomicBool>,
        thread: Option<JoinHandle<io::Result<()>>>,
    }

    /// Starts `serve` on a free port. It ends, in order, when it is dropped.
    pub(crate) fn start(
        serve: impl FnOnce(&TcpListener, &AtomicBool) -> io::Result<()> + Send + 'static,
    ) -> Running {
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

    impl Running {
        /// Sends requests in one go and returns status and body of each reply, in order.
        pub(crate) fn ask(&self, targets: &[&str]) -> Vec<(u16, String)> {
            let socket = TcpStream::connect(self.addr).unwrap();
            let mut requests = String::new();
            for target in targets {
                requests.push_str("GET ");
                requests.push_str(target);
                requests.push_str(" HTTP/1.1\r\nHost: bench\r\n\r\n");
            }
            (&socket).write_all(requests.as_bytes()).unwrap();
            let mut reader = BufReader::new(socket);
            targets.iter().map(|_| read_reply(&mut reader)).collect()
        }

        /// Sends a request and leaves before its answer.
        pub(crate) fn ask_and_leave(&self, target: &str) {
            let mut leaver = TcpStream::connect(self.addr).unwrap();
            let request = format!("GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n");
            leaver.write_all(request.as_bytes()).unwrap();
        }
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
}
