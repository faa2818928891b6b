//! What clients can't do to others: limits, shares, and ends in the middle.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use http1::Method;
use socket2::SockRef;
use spec::Limits;

use crate::backend::Backend;
use crate::client::{Client, PATIENCE, get};
use crate::running::{Running, Serve};

/// A limit that is over soon; what is not limited has those of a server.
const SOON_MS: u64 = 50;

fn start(server: impl Serve, change: impl FnOnce(&mut Limits)) -> Running {
    Running::start(server, |settings| change(&mut settings.limits))
}

/// Waits until the server has met the limit of this name so often at least.
fn wait_until_met(running: &Running, name: &str, times: u64) {
    let begun = Instant::now();
    let mut client = running.connect();
    loop {
        let stats = client.get("/stats");
        let (_, limits) = stats.text().split_once("limits_met").unwrap();
        let (_, met) = limits.split_once(&format!(r#""{name}":"#)).unwrap();
        let met: String = met.chars().take_while(char::is_ascii_digit).collect();
        if met.parse::<u64>().unwrap() >= times {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{name}: {}", stats.text());
        thread::sleep(Duration::from_millis(10));
    }
}

pub fn a_request_that_takes_too_long_to_arrive_is_answered_so(server: impl Serve) {
    let running = start(server, |limits| {
        limits.head_ms = SOON_MS;
        limits.body_ms = SOON_MS;
    });
    let order = "POST /orders HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n{";
    for (part, method, limit) in [
        ("GET /plaintext HTTP/1.1\r\nHo", Method::Get, "head"),
        (order, Method::Post, "body"),
    ] {
        let mut client = running.connect();
        // One that is answered before has its own time.
        assert_eq!(client.get("/plaintext").status, 200);
        client.send(part);
        let reply = client.reply_to(method);
        assert_eq!(
            (reply.status, reply.header("connection")),
            (408, Some("close")),
            "{limit}"
        );
        assert!(client.is_at_end(), "{limit}");
        wait_until_met(&running, limit, 1);
    }
    running.stop();
}

pub fn an_idle_connection_is_closed_after_its_limit(server: impl Serve) {
    let running = start(server, |limits| limits.idle_ms = SOON_MS);
    let mut used = running.connect();
    assert_eq!(used.get("/plaintext").status, 200);
    let mut fresh = running.connect();
    assert!(used.is_at_end() && fresh.is_at_end());
    running.stop();
}

pub fn work_has_no_limit_but_its_own(server: impl Serve) {
    let running = start(server, |limits| {
        limits.head_ms = SOON_MS;
        limits.body_ms = SOON_MS;
        limits.idle_ms = SOON_MS;
        limits.reader_ms = SOON_MS;
    });
    let mut client = running.connect();
    let mut member = running.join_chat();
    client.send_gets(&["/sleep/400", "/events?n=3&ms=200"]);
    assert_eq!(client.reply().body, b"slept 400");
    assert_eq!(client.reply().body.len(), 27);
    member.say("still here");
    assert_eq!(member.text(), "still here");
    running.stop();
}

/// Asks for more than the kernel takes, and reads nothing of it.
fn ask_and_not_read(running: &Running) -> Client {
    let mut client = running.connect_with_little_room();
    client.send_gets(&["/file/1024"; 16]);
    client
}

pub fn a_client_that_reads_nothing_is_closed_after_its_limit(server: impl Serve) {
    let running = start(server, |limits| limits.reader_ms = SOON_MS);
    let reader = ask_and_not_read(&running);
    wait_until_met(&running, "reader", 1);
    assert!(is_cut_off(reader), "it was not closed");
    running.stop();
}

pub fn what_waits_for_all_slow_readers_together_is_bounded(server: impl Serve) {
    const READERS: usize = 24;
    // Of a cluster, each loop has its share of it.
    let running = start(server, |limits| limits.buffered_bytes = 4 * 1024 * 1024);
    let readers: Vec<_> = (0..READERS).map(|_| ask_and_not_read(&running)).collect();
    // About a MiB waits for each that is kept.
    wait_until_met(&running, "buffered_bytes", READERS as u64 - 10);
    let mut client = running.connect();
    assert_eq!(client.get("/plaintext").status, 200);
    drop(readers);
    running.stop();
}

/// Reads up to the end of the connection, and says whether it came inside a reply.
fn is_cut_off(client: Client) -> bool {
    let (mut stream, _) = client.into_parts();
    match stream.read_to_end(&mut vec![]) {
        Ok(bytes) => bytes < 16 * 1024 * 1024,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

pub fn connections_beyond_the_bound_are_told_so(server: impl Serve) {
    const BOUND: usize = 8;
    let running = start(server, |limits| limits.connections = BOUND);
    let mut clients: Vec<_> = (0..4 * BOUND).map(|_| running.connect()).collect();
    let statuses: Vec<_> = clients
        .iter_mut()
        .map(|client| client.get("/plaintext").status)
        .collect();
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    let accepted = statuses.iter().filter(|status| **status == 200).count();
    // A cluster's loops have a share each, and the kernel gives them connections by a hash.
    assert!((1..=BOUND).contains(&accepted), "{statuses:?}");
    drop(clients);
    let begun = Instant::now();
    while running.connect().get("/plaintext").status != 200 {
        assert!(begun.elapsed() < PATIENCE, "their places are not free");
    }
    running.stop();
}

pub fn a_client_that_pipelines_has_its_share_of_a_turn(server: impl Serve) {
    const REQUESTS: usize = 64;
    let running = Running::start(server, |_| ());
    let mut greedy = running.connect();
    greedy.send(&get("/cpu/1000000").repeat(REQUESTS));
    let answered = Arc::new(AtomicUsize::new(0));
    let (tell, first) = mpsc::channel();
    let reading = thread::spawn({
        let answered = Arc::clone(&answered);
        move || {
            for _ in 0..REQUESTS {
                assert_eq!(greedy.reply().status, 200);
                if answered.fetch_add(1, Ordering::SeqCst) == 0 {
                    tell.send(()).unwrap();
                }
            }
        }
    });
    first.recv_timeout(PATIENCE).unwrap();
    assert_eq!(running.connect().get("/plaintext").status, 200);
    let answered = answered.load(Ordering::SeqCst);
    assert!(answered < REQUESTS, "the other had to wait for all of them");
    reading.join().unwrap();
    running.stop();
}

/// A server waits for these calls far longer than a test does for the server.
const LONG_CALLS: &str = "ms=60000&mode=par";

/// A backend whose calls beyond the first `failing` are answered never; it says when they have begun, and when their connections are
/// closed.
fn backend_that_hangs(failing: u32) -> (Backend, mpsc::Receiver<()>, mpsc::Receiver<()>) {
    let (tell_begun, begun) = mpsc::channel();
    let (tell_closed, closed) = mpsc::channel();
    let backend = Backend::start_hasty(move |stream: &mut TcpStream, number| -> io::Result<()> {
        if number <= failing {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        // Nobody listens where a test is over.
        let _ = tell_begun.send(());
        let end = stream.read(&mut [0]);
        assert!(
            matches!(end, Ok(0) | Err(_)),
            "a call was sent behind another"
        );
        let _ = tell_closed.send(());
        Err(ErrorKind::ConnectionAborted.into())
    });
    (backend, begun, closed)
}

pub fn a_parallel_call_that_fails_ends_its_siblings(server: impl Serve) {
    let (backend, begun, closed) = backend_that_hangs(1);
    let running = Running::start(server, |settings| settings.upstream = Some(backend.addr()));
    let mut client = running.connect();
    assert_eq!(
        client
            .get(&format!("/upstream?calls=4&{LONG_CALLS}"))
            .status,
        502
    );
    // Those that had not begun are not made any more.
    let mut under_way = 0;
    while begun.recv_timeout(Duration::from_millis(SOON_MS)).is_ok() {
        under_way += 1;
    }
    for _ in 0..under_way {
        closed.recv_timeout(PATIENCE).unwrap();
    }
    running.stop();
}

pub fn a_client_that_resets_ends_the_work_for_it(server: impl Serve) {
    let (backend, begun, closed) = backend_that_hangs(0);
    let running = Running::start(server, |settings| {
        settings.upstream = Some(backend.addr());
        // Were the work still there, the stop would have to wait for it.
        settings.grace_ms = u64::from(u32::MAX);
    });
    let mut sleeping = running.connect();
    sleeping.send_gets(&["/sleep/60000"]);
    let mut calling = running.connect();
    calling.send_gets(&[&format!("/upstream?calls=2&{LONG_CALLS}")]);
    for _ in 0..2 {
        begun.recv_timeout(PATIENCE).unwrap();
    }
    for client in [sleeping, calling] {
        let (stream, _) = client.into_parts();
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    for _ in 0..2 {
        closed.recv_timeout(PATIENCE).unwrap();
    }
    running.stop();
}
