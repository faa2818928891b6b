//! A stand-in for the upstream.
//!
//! Not the upstream of a run: that one can't misbehave, and this one is there to.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// An upstream with a thread per connection. Its threads end with the connections, or with the process.
pub struct Backend {
    addr: SocketAddr,
    connections: Arc<AtomicU32>,
}

impl Backend {
    /// Starts one on a free port of the loopback. `answer` is called when a call has lasted as long as it asked to, with
    /// its number; an error closes the connection. [`Backend::answer`] is the answer that a server expects.
    pub fn start(
        answer: impl Fn(&mut TcpStream, u32) -> io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        Self::start_at(thread::sleep, answer)
    }

    /// The same, but `answer` is called at once, however long the call asked to last.
    pub(crate) fn start_hasty(
        answer: impl Fn(&mut TcpStream, u32) -> io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        Self::start_at(|_| (), answer)
    }

    fn start_at(
        wait: fn(Duration),
        answer: impl Fn(&mut TcpStream, u32) -> io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let backend = Self {
            addr: listener.local_addr().unwrap(),
            connections: Arc::default(),
        };
        let connections = Arc::clone(&backend.connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::Relaxed);
                let answer = answer.clone();
                thread::spawn(move || serve(stream.unwrap(), wait, answer));
            }
        });
        backend
    }

    /// Answers call `number` with its number.
    pub fn answer(stream: &mut TcpStream, number: u32) -> io::Result<()> {
        let body = number.to_string();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }
}

fn serve(
    mut stream: TcpStream,
    wait: fn(Duration),
    answer: impl Fn(&mut TcpStream, u32) -> io::Result<()>,
) -> io::Result<()> {
    // An answer leaves in pieces, as they are written; without this each would wait for the other side's delayed
    // acknowledgement of the one before.
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
        if request.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8(std::mem::take(&mut request)).unwrap();
            let (number, ms) = head
                .strip_prefix("GET /call/")
                .and_then(|rest| rest.split(' ').next()?.split_once("?ms="))
                .unwrap_or_else(|| panic!("a call looks like GET /call/1?ms=2, not {head}"));
            wait(Duration::from_millis(ms.parse().unwrap()));
            answer(&mut stream, number.parse().unwrap())?;
        }
    }
}
