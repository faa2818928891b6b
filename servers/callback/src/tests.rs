//! The server as its clients see it: real sockets on the loopback, a client that blocks.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;
use std::{fs, io, thread};

use crate::stop::Stopper;
use crate::{Loops, serve_until};
use app::{FILE_SIZES_KIB, MAX_BATCH_BYTES, Route, Settings, file_bytes, file_name};
use http1::Method;
use http1::client::{Part, ReplyDecoder};
use tempfile::TempDir;

const BOTH: [Loops; 2] = [Loops::One, Loops::Cluster];

/// So long does a test wait for an answer before it gives up; nothing depends on how fast one comes.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn every_route_answers_what_is_expected_of_it() {
    let mut targets: Vec<String> = [
        "/plaintext",
        "/json",
        "/sleep/0",
        "/sleep/20",
        "/upstream?calls=1&ms=0",
        "/upstream?calls=5&ms=1",
        "/upstream?calls=100&ms=5&mode=par",
        "/cpu/0",
        "/cpu/1000",
        "/cpu/1000?offload=1",
        "/hash/0",
        "/hash/16",
    ]
    .map(String::from)
    .into();
    targets.extend(FILE_SIZES_KIB.map(|kib| Route::File { kib }.target()));
    for loops in BOTH {
        let backend = Backend::start(Backend::answer);
        let server = Server::start(loops, |settings| settings.upstream = Some(backend.addr));
        let mut client = server.connect();
        for target in &targets {
            let route = Route::parse(target).unwrap();
            let reply = client.get(target);
            assert_eq!(reply.status, 200, "{loops:?} {target}");
            assert_eq!(
                reply.header("content-type"),
                Some(route.expected_content_type()),
                "{target}"
            );
            assert_eq!(
                reply.body,
                *route.expected_body().unwrap(),
                "{loops:?} {target}"
            );
            httpdate::parse_http_date(reply.header("date").unwrap()).unwrap();
        }
        server.stop();
    }
}

#[test]
fn stats_tell_what_the_runtime_tells() {
    for loops in BOTH {
        let server = Server::start(loops, |_| ());
        let mut client = server.connect();
        assert_eq!(client.get("/cpu/1?offload=1").status, 200);
        let reply = client.get("/stats");
        let body = String::from_utf8(reply.body.clone()).unwrap();
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("application/json"))
        );
        assert!(body.contains(r#""runtime":"evloop "#), "{body}");
        assert!(body.contains(r#""tasks_alive":null"#), "{body}");
        for known in ["loop_turns", "longest_hold_us", "tasks_run"] {
            assert!(!body.contains(&format!(r#""{known}":null"#)), "{body}");
        }
        assert!(
            body.contains(r#""pool_queue_depth":0,"pool_queue_depth_max":1,"#),
            "{body}"
        );
        server.stop();
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    for loops in BOTH {
        let server = Server::start(loops, |_| ());
        let mut client = server.connect();
        client.send(
            &[
                "/plaintext",
                "/sleep/30",
                "/json",
                "/cpu/1?offload=1",
                "/plaintext",
            ]
            .map(get)
            .concat(),
        );
        for body in [
            "Hello, World!",
            "slept 30",
            r#"{"message":"Hello, World!"}"#,
            "2b1f4d63",
            "Hello, World!",
        ] {
            assert_eq!(
                String::from_utf8(client.reply().body).unwrap(),
                body,
                "{loops:?}"
            );
        }
        server.stop();
    }
}

#[test]
fn many_pipelined_requests_to_a_reader_that_starts_late_lose_nothing() {
    // Several batches, and more than the sockets' buffers hold: the server must stop at its write.
    const REQUESTS: usize = 100_000;
    for loops in BOTH {
        let server = Server::start(loops, |_| ());
        let mut client = server.connect();
        let mut sender = client.stream.try_clone().unwrap();
        let sending =
            thread::spawn(move || sender.write_all(get("/plaintext").repeat(REQUESTS).as_bytes()));
        let first = client.reply();
        assert!(first.bytes * REQUESTS > 100 * MAX_BATCH_BYTES);
        for i in 1..REQUESTS {
            assert_eq!(client.reply().body, b"Hello, World!", "reply {i}");
        }
        sending.join().unwrap().unwrap();
        server.stop();
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = Server::start(Loops::One, |_| ());
    let mut client = server.connect();
    for byte in get("/plaintext").into_bytes() {
        client.stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(client.reply().body, b"Hello, World!");
    server.stop();
}

#[test]
fn head_has_the_length_of_get_and_no_body() {
    for loops in BOTH {
        let server = Server::start(loops, |_| ());
        let mut client = server.connect();
        for target in ["/plaintext", "/file/64", "/sleep/1", "/cpu/10"] {
            let length = client.get(target).body.len().to_string();
            client.send(&get(target).replace("GET", "HEAD"));
            let reply = client.reply_to(Method::Head);
            assert_eq!(
                (reply.status, reply.header("content-length")),
                (200, Some(&*length)),
                "{target}"
            );
            assert_eq!(reply.body, b"", "{target}");
        }
        server.stop();
    }
}

#[test]
fn what_can_be_refused_leaves_the_connection_usable() {
    for loops in BOTH {
        let server = Server::start(loops, |_| ());
        let mut client = server.connect();
        for (method, target, body, status) in [
            ("GET", "/nope", "", 404),
            ("GET", "/file/3", "", 404),
            ("GET", "/sleep/60001", "", 400),
            ("POST", "/plaintext", "ignored", 405),
            ("DELETE", "/json", "", 405),
            ("GET", "/upstream?calls=1&ms=0", "", 503),
        ] {
            let length = body.len();
            client.send(&format!(
                "{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
            let reply = client.reply();
            assert_eq!(reply.status, status, "{method} {target}");
            assert_eq!(
                reply.header("allow"),
                (status == 405).then_some("GET, HEAD"),
                "{method} {target}"
            );
        }
        assert_eq!(client.get("/plaintext").status, 200);
        server.stop();
    }
}

#[test]
fn what_cannot_be_read_is_refused_and_the_connection_closed() {
    let huge_body = http1::MAX_BODY_BYTES + 1;
    let huge_header = "x".repeat(http1::MAX_HEAD_BYTES);
    for loops in BOTH {
        let server = Server::start(loops, |_| ());
        for (request, status) in [
            (
                format!("POST /json HTTP/1.1\r\nHost: test\r\nContent-Length: {huge_body}\r\n\r\n"),
                413,
            ),
            (
                format!("POST /json HTTP/1.1\r\nHost: test\r\nContent-Length: {huge_body}\r\n\r\n")
                    + &"x".repeat(huge_body),
                413,
            ),
            (
                format!("GET /json HTTP/1.1\r\nHost: test\r\nX: {huge_header}\r\n\r\n"),
                431,
            ),
            ("GET /json HTTP/1.1\r\n\r\n".to_owned(), 400),
            ("nonsense\r\n\r\n".to_owned(), 400),
        ] {
            let mut client = server.connect();
            client.send(&request);
            assert_eq!(
                client.reply().status,
                status,
                "{}",
                &request[..request.len().min(100)]
            );
            assert!(client.is_at_end());
        }
        server.stop();
    }
}

#[test]
fn the_last_request_of_a_connection_is_answered_and_then_it_ends() {
    let server = Server::start(Loops::One, |_| ());
    let mut asks_to_close = server.connect();
    asks_to_close.send("GET /json HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let mut half_closes = server.connect();
    half_closes.send(&get("/sleep/10"));
    half_closes
        .stream
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    for client in [&mut asks_to_close, &mut half_closes] {
        assert_eq!(client.reply().status, 200);
        assert!(client.is_at_end());
    }
    server.stop();
}

#[test]
fn a_stop_lets_requests_in_flight_finish() {
    for loops in BOTH {
        let told = Arc::new(Barrier::new(2));
        let backend = Backend::start({
            let told = Arc::clone(&told);
            move |stream, number| {
                told.wait();
                Backend::answer(stream, number)
            }
        });
        let server = Server::start(loops, |settings| settings.upstream = Some(backend.addr));
        let mut idle = server.connect();
        assert_eq!(idle.get("/json").status, 200);
        let mut sleeping = server.connect();
        let mut calling = server.connect();
        for (client, target) in [
            (&mut sleeping, "/sleep/200"),
            (&mut calling, "/upstream?calls=1&ms=0"),
        ] {
            // The first answer leaves when the second request is begun.
            client.send(&["/plaintext", target].map(get).concat());
            assert_eq!(client.reply().header("connection"), None);
        }
        server.ask_to_stop();
        assert!(
            idle.is_at_end(),
            "{loops:?}: an idle connection is closed at once"
        );

        // The call can't have ended before the stop; the sleep, on a machine that is busy enough, can.
        told.wait();
        let last = calling.reply();
        assert_eq!(
            (last.status, last.header("connection")),
            (200, Some("close")),
            "{loops:?}"
        );
        assert_eq!(sleeping.reply().body, b"slept 200");
        assert!(calling.is_at_end() && sleeping.is_at_end(), "{loops:?}");
        let addr = server.addr;
        server.joined().unwrap();
        assert_eq!(
            TcpStream::connect(addr).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
    }
}

#[test]
fn a_stop_waits_no_longer_than_its_grace() {
    for loops in BOTH {
        let server = Server::start(loops, |settings| settings.grace_ms = 50);
        let mut busy = server.connect();
        busy.send(&["/plaintext", "/sleep/60000"].map(get).concat());
        assert_eq!(busy.reply().status, 200);
        server.ask_to_stop();
        server.joined().unwrap();
        assert!(
            busy.is_at_end(),
            "{loops:?}: the answer would have come too late"
        );
    }
}

#[test]
fn a_missing_file_is_not_found_and_an_unreadable_one_unavailable() {
    let server = Server::start(Loops::One, |settings| {
        fs::remove_file(format!("{}/2.bin", settings.data_dir)).unwrap();
        fs::remove_file(format!("{}/4.bin", settings.data_dir)).unwrap();
        fs::create_dir(format!("{}/4.bin", settings.data_dir)).unwrap();
    });
    let mut client = server.connect();
    assert_eq!(client.get("/file/1").status, 200);
    assert_eq!(client.get("/file/2").status, 404);
    assert_eq!(client.get("/file/4").status, 503);
    server.stop();
}

#[test]
fn calls_in_sequence_share_one_connection() {
    let backend = Backend::start(Backend::answer);
    let server = Server::start(Loops::One, |settings| {
        settings.upstream = Some(backend.addr);
    });
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(
            client.get("/upstream?calls=10&ms=0").body,
            br#"{"calls":10,"sum":55}"#
        );
    }
    assert_eq!(backend.connections(), 1);
    assert_eq!(
        client.get("/upstream?calls=7&ms=20&mode=par").body,
        br#"{"calls":7,"sum":28}"#
    );
    assert_eq!(
        backend.connections(),
        7,
        "all calls were under way at once, over the old connection and six new ones"
    );
    server.stop();
}

#[test]
fn a_kept_connection_that_the_upstream_closed_is_replaced() {
    // Says that it keeps the connection, and closes it all the same.
    let backend = Backend::start(|stream, number| {
        Backend::answer(stream, number)?;
        Err(ErrorKind::ConnectionAborted.into())
    });
    for loops in BOTH {
        let server = Server::start(loops, |settings| settings.upstream = Some(backend.addr));
        let mut client = server.connect();
        for mode in ["seq", "par"] {
            let reply = client.get(&format!("/upstream?calls=5&ms=0&mode={mode}"));
            assert_eq!(
                (reply.status, &*reply.body),
                (200, &br#"{"calls":5,"sum":15}"#[..]),
                "{mode}"
            );
        }
        server.stop();
    }
}

#[test]
fn an_upstream_that_fails_is_a_bad_gateway() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let closes = Backend::start(|_, _| Err(ErrorKind::ConnectionAborted.into()));
    let mumbles = Backend::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
    });
    let fails = Backend::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\n1")
    });
    let babbles = Backend::start(|stream, _| stream.write_all(b"hello\r\n\r\n"));
    for (addr, reason) in [
        (nobody, "can't be reached"),
        (closes.addr, "closed the connection"),
        (mumbles.addr, "not a number"),
        (fails.addr, "status 500"),
        (babbles.addr, "can't be read"),
    ] {
        let server = Server::start(Loops::One, |settings| {
            settings.upstream = Some(addr);
        });
        let mut client = server.connect();
        for target in ["/upstream?calls=3&ms=0", "/upstream?calls=3&ms=0&mode=par"] {
            let reply = client.get(target);
            let body = String::from_utf8(reply.body).unwrap();
            assert_eq!(reply.status, 502, "{body}");
            assert!(body.contains(reason), "{body} should say {reason}");
        }
        assert_eq!(client.get("/plaintext").status, 200);
        server.stop();
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// A server on a thread of this process, with its data files.
struct Server {
    addr: SocketAddr,
    stopper: Stopper,
    thread: thread::JoinHandle<io::Result<()>>,
    _data: TempDir,
}

impl Server {
    fn start(loops: Loops, change: impl FnOnce(&mut Settings)) -> Self {
        let data = TempDir::new().unwrap();
        for kib in FILE_SIZES_KIB {
            fs::write(data.path().join(file_name(kib)), file_bytes(kib)).unwrap();
        }
        let mut settings = Settings::new(([127, 0, 0, 1], 0).into());
        settings.data_dir = data.path().to_str().unwrap().to_owned();
        settings.workers = NonZeroUsize::new(2).unwrap();
        change(&mut settings);

        let (tell_stopper, stopper) = mpsc::channel();
        let (tell_addr, addr) = mpsc::channel();
        let thread = thread::spawn(move || {
            serve_until(
                &settings,
                loops,
                |addr| tell_addr.send(addr).unwrap(),
                |stopper| {
                    tell_stopper.send(stopper).unwrap();
                    Ok(())
                },
            )
        });
        Self {
            addr: addr.recv_timeout(PATIENCE).unwrap(),
            stopper: stopper.recv_timeout(PATIENCE).unwrap(),
            thread,
            _data: data,
        }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client {
            stream,
            input: Vec::new(),
        }
    }

    fn ask_to_stop(&self) {
        self.stopper.stop();
    }

    fn joined(self) -> io::Result<()> {
        self.thread.join().unwrap()
    }

    fn stop(self) {
        self.ask_to_stop();
        self.joined().unwrap();
    }
}

/// One connection of a client that blocks.
struct Client {
    stream: TcpStream,
    /// What was read beyond the last reply.
    input: Vec<u8>,
}

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// Length of the whole reply.
    bytes: usize,
}

impl Client {
    fn get(&mut self, target: &str) -> Reply {
        self.send(&get(target));
        self.reply()
    }

    fn send(&mut self, request: &str) {
        self.stream.write_all(request.as_bytes()).unwrap();
    }

    fn reply(&mut self) -> Reply {
        self.reply_to(Method::Get)
    }

    fn reply_to(&mut self, method: Method) -> Reply {
        let mut decoder = ReplyDecoder::new(method);
        let mut reply = Reply {
            status: 0,
            head: String::new(),
            body: Vec::new(),
            bytes: 0,
        };
        loop {
            let (taken, part) = decoder.decode(&self.input).unwrap();
            match part {
                Part::NeedInput => {
                    let mut bytes = vec![0; 64 * 1024];
                    let n = self.stream.read(&mut bytes).unwrap();
                    assert_ne!(n, 0, "the connection ended where a reply was expected");
                    self.input.extend_from_slice(&bytes[..n]);
                    continue;
                }
                Part::Head(head) => {
                    reply.status = head.status;
                    reply.head = String::from_utf8(self.input[..taken].to_vec()).unwrap();
                }
                Part::Body(body) => reply.body.extend_from_slice(body),
                Part::End => return reply,
            }
            reply.bytes += taken;
            self.input.drain(..taken);
        }
    }

    /// Waits for the end, and says whether it came without a further reply.
    fn is_at_end(&mut self) -> bool {
        let mut byte = [0];
        self.input.is_empty()
            && match self.stream.read(&mut byte) {
                Ok(n) => n == 0,
                Err(error) => error.kind() == ErrorKind::ConnectionReset,
            }
    }
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// A stand-in for the upstream: a thread per connection. Its threads end with the connections, or with the process.
struct Backend {
    addr: SocketAddr,
    connections: Arc<AtomicU32>,
}

impl Backend {
    /// `answer` gets the number of each call; its error closes the connection.
    fn start(
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
                thread::spawn(move || Self::serve(stream.unwrap(), answer));
            }
        });
        backend
    }

    fn answer(stream: &mut TcpStream, number: u32) -> io::Result<()> {
        let body = number.to_string();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    fn serve(
        mut stream: TcpStream,
        answer: impl Fn(&mut TcpStream, u32) -> io::Result<()>,
    ) -> io::Result<()> {
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
                thread::sleep(Duration::from_millis(ms.parse().unwrap()));
                answer(&mut stream, number.parse().unwrap())?;
            }
        }
    }
}
