//! Every request has exactly one fate, whatever the server does: drives real load at servers that misbehave on purpose.
//!
//! Nothing here asserts on a time. Loads are bounded by their number of requests; durations are only upper bounds.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and a server of a test takes its time"
)]

use model::measured::clock::Clock;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use load::{Control, DriveError, Expect, ExpectBody, Options, Phase, Request, Workload, drive};
use model::measured::accounting::ErrorKind;
use model::measured::recording::{EndedBy, LeadIn, Recording};
use model::spec::load::{Arrival, Connect, Load, Process, ReceiveClock};
use model::units::{Rate, duration_ns};

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// What a server does with a request that it has read.
#[derive(Clone, Copy)]
enum Habit {
    /// Sends these bytes and reads on.
    Say(&'static [u8]),
    /// Sends these bytes after that time and reads on.
    SayAfter(&'static [u8], Duration),
    /// Sends these bytes and closes.
    SayAndClose(&'static [u8]),
    /// Resets the connection.
    Reset,
    /// Never answers.
    Ignore,
}

/// Serves connections until the last of `enough` requests has come, answers none of the last `left`, and is gone: the
/// listener first, so that nobody gets in any more, and all connections with it.
fn server_that_dies(enough: u32, left: u32) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let listener = Arc::new(listener);
    let seen = Arc::new(AtomicU32::new(0));
    let sockets = Arc::new(Mutex::new(Vec::new()));
    std::thread::spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            let socket = Arc::new(socket);
            sockets.lock().unwrap().push(Arc::clone(&socket));
            let (seen, sockets, listener) = (seen.clone(), sockets.clone(), listener.clone());
            std::thread::spawn(move || {
                // Each request is short and comes alone, and so in one piece.
                while let Ok(1..) = (&*socket).read(&mut [0; 4096]) {
                    let number = seen.fetch_add(1, Ordering::SeqCst) + 1;
                    if number + left <= enough {
                        (&*socket).write_all(GOOD).unwrap();
                    } else if number == enough {
                        socket2::SockRef::from(&*listener)
                            .shutdown(Shutdown::Both)
                            .unwrap();
                        for socket in sockets.lock().unwrap().iter() {
                            drop(socket.shutdown(Shutdown::Both));
                        }
                    }
                }
            });
        }
    });
    addr
}

/// Serves any number of connections until the process ends.
fn server(habit: Habit) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let socket = socket.unwrap();
            std::thread::spawn(move || serve(socket, habit));
        }
    });
    addr
}

fn serve(mut socket: TcpStream, habit: Habit) {
    let mut buffer = [0; 4096];
    let mut seen = Vec::new();
    while let Ok(count @ 1..) = socket.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..count]);
        while let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            seen.drain(..end + 4);
            match habit {
                Habit::Say(bytes) => drop(socket.write_all(bytes)),
                Habit::SayAfter(bytes, after) => {
                    std::thread::sleep(after);
                    drop(socket.write_all(bytes));
                }
                Habit::SayAndClose(bytes) => {
                    drop(socket.write_all(bytes));
                    drop(socket.shutdown(Shutdown::Both));
                    return;
                }
                Habit::Reset => {
                    socket2::SockRef::from(&socket)
                        .set_linger(Some(Duration::ZERO))
                        .unwrap();
                    return;
                }
                Habit::Ignore => {}
            }
        }
        // Of a body only as much is kept as may be the beginning of the end of a head.
        seen.drain(..seen.len().saturating_sub(3));
    }
}

fn load(arrival: Arrival, connections: u32, requests: Option<u64>) -> Load {
    Load {
        arrival,
        connections: NonZeroU32::new(connections).unwrap(),
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(20),
        drain: Duration::from_secs(20),
        timeout: Duration::from_secs(10),
        request_limit: requests,
        interval: Duration::from_millis(100),
        seed: 1,
        goodput: None,
    }
}

fn open(per_s: f64) -> Arrival {
    Arrival::Open {
        rate: Rate::per_s(per_s).unwrap(),
        process: Process::Poisson,
    }
}

fn constant(per_s: f64) -> Arrival {
    Arrival::Open {
        rate: Rate::per_s(per_s).unwrap(),
        process: Process::Constant,
    }
}

fn workload(addr: SocketAddr) -> Workload {
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Exact(b"hello".to_vec()),
    };
    Workload::new(vec![request(addr, expect)])
}

fn request(addr: SocketAddr, expect: Expect) -> Request {
    let host = addr.to_string();
    Request::new("GET", "/", &host, &[], None, expect)
}

/// Three requests whose answer is expected to one for which it is not.
fn two_kinds(addr: SocketAddr) -> Workload {
    let expect = |body: &[u8]| Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Exact(body.to_vec()),
    };
    Workload::new(vec![
        request(addr, expect(b"hello")).with_weight(3),
        request(addr, expect(b"hullo")).with_weight(1),
    ])
}

/// Larger than all that the sockets of a connection take.
const BIG_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Drives requests with a big body.
fn post(addr: SocketAddr, load: &Load) -> Recording {
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Any,
    };
    let body = vec![0; BIG_BODY_BYTES];
    let host = addr.to_string();
    let request = Request::new("POST", "/", &host, &[], Some(&body), expect);
    driven(&Workload::new(vec![request]), addr, load)
}

fn options() -> Options {
    Options {
        cpus: Vec::new(),
        ..Options::default()
    }
}

fn driven(workload: &Workload, addr: SocketAddr, load: &Load) -> Recording {
    drive(load, workload, addr, &options(), &Control::default()).unwrap()
}

fn check(habit: Habit, load: &Load) -> Recording {
    let addr = server(habit);
    let recording = driven(&workload(addr), addr, load);
    assert!(
        recording.accounting.balances(),
        "{:?}",
        recording.accounting
    );
    recording
}

#[test]
fn right_answers_are_counted_once_in_both_loops() {
    for arrival in [Arrival::Closed, open(2000.0)] {
        let recording = check(Habit::Say(GOOD), &load(arrival.clone(), 7, Some(300)));
        assert_eq!(
            (recording.accounting.scheduled, recording.accounting.ok),
            (300, 300),
            "{arrival:?}"
        );
        assert_eq!(recording.times[Clock::ResponseTime].len(), 300);
        assert_eq!(recording.times[Clock::FirstByteTime].len(), 300);
        // A reply that came in one piece has one moment.
        assert_eq!(
            recording.times[Clock::FirstByteTime].max(),
            recording.times[Clock::ServiceTime].max()
        );
        assert!(recording.in_flight.mean <= 7.0, "{:?}", recording.in_flight);
        let served = recording.connections.served.unwrap();
        assert!(served.min <= 42 && served.max >= 43, "{served:?}");
        assert_eq!(recording.times[Clock::ConnectTime].len(), 7);
        assert_eq!(
            (recording.connections.opened, recording.connections.reopened),
            (7, 0)
        );
        assert_eq!(
            recording
                .intervals
                .iter()
                .map(|interval| interval.ok)
                .sum::<u64>(),
            300
        );
    }
}

#[test]
fn kinds_of_request_have_accounts_of_their_own() {
    let addr = server(Habit::Say(GOOD));
    let load = load(open(2000.0), 7, Some(400));
    let recording = driven(&two_kinds(addr), addr, &load);
    let [right, wrong] = &recording.kinds[..] else {
        panic!("there are two kinds, not {:?}", recording.kinds)
    };
    assert_eq!((right.accounting.failed(), wrong.accounting.ok), (0, 0));
    assert_eq!(right.accounting.ok, recording.accounting.ok);
    assert_eq!(wrong.accounting.error, recording.accounting.error);
    assert!(right.accounting.scheduled > 2 * wrong.accounting.scheduled);
    assert!(wrong.accounting.scheduled > 0);
    assert_eq!(right.response_time.len(), right.accounting.ok);
    assert_eq!(wrong.response_time.len(), 0);
}

#[test]
fn what_was_never_sent_is_of_a_kind_as_well() {
    let addr = server(Habit::Ignore);
    let load = Load {
        duration: Duration::from_millis(300),
        drain: Duration::ZERO,
        ..load(open(2000.0), 1, None)
    };
    let recording = driven(&two_kinds(addr), addr, &load);
    assert!(recording.accounting.unfinished > 100);
    let unfinished: Vec<u64> = recording
        .kinds
        .iter()
        .map(|kind| kind.accounting.unfinished)
        .collect();
    assert_eq!(
        unfinished.iter().sum::<u64>(),
        recording.accounting.unfinished
    );
    assert!(unfinished[0] > 2 * unfinished[1] && unfinished[1] > 0);
    let times = recording.kinds.iter().map(|kind| kind.response_time.len());
    assert!(times.eq(unfinished));
}

#[test]
fn every_way_to_fail_has_its_own_count() {
    let cases = [
        (
            "status",
            Habit::Say(b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nhello"),
            ErrorKind::Status,
        ),
        (
            "wrong body",
            Habit::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhullo"),
            ErrorKind::WrongBody,
        ),
        (
            "short body",
            Habit::SayAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"),
            ErrorKind::ShortBody,
        ),
        (
            "malformed",
            Habit::SayAndClose(b"no HTTP at all\r\n\r\n"),
            ErrorKind::Malformed,
        ),
        ("closed", Habit::SayAndClose(b""), ErrorKind::Closed),
        ("reset", Habit::Reset, ErrorKind::Reset),
    ];
    for (name, habit, kind) in cases {
        let recording = check(habit, &load(Arrival::Closed, 3, Some(30)));
        assert_eq!(
            recording.accounting.error, 30,
            "{name}: {:?} {:?}",
            recording.accounting, recording.errors
        );
        assert_eq!(
            recording.errors.kinds,
            BTreeMap::from([(kind, 30)]),
            "{name}"
        );
        assert_eq!(
            recording.times[Clock::ResponseTime].len(),
            0,
            "{name}: a failed request is no latency"
        );
    }
}

#[test]
fn a_server_that_refuses_is_known_by_its_statuses() {
    let refusing = Habit::Say(b"HTTP/1.1 429 Slow Down\r\nContent-Length: 2\r\n\r\nno");
    let recording = check(refusing, &load(Arrival::Closed, 3, Some(30)));
    let statuses = BTreeMap::from([(429, 30)]);
    assert_eq!(
        (&recording.statuses, &recording.errors.statuses),
        (&statuses, &statuses)
    );
    let right = check(Habit::Say(GOOD), &load(Arrival::Closed, 3, Some(30)));
    assert_eq!(right.statuses, BTreeMap::from([(200, 30)]));
    assert!(right.errors.statuses.is_empty());
    let body_cut_short = Habit::SayAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    let short = check(body_cut_short, &load(Arrival::Closed, 3, Some(30)));
    assert_eq!(short.statuses, BTreeMap::from([(200, 30)]));
    assert!(short.errors.statuses.is_empty());
}

#[test]
fn a_malformed_reply_is_known_by_what_is_wrong_with_it_and_closed_by_the_generator() {
    for (reply, why) in [
        (
            &b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"[..],
            "a line ends in LF without CR",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!",
            "bytes came after its end",
        ),
        (
            b"\x15\x03\x01\x00\x02\x02\x46",
            "it is TLS, not HTTP: write https://",
        ),
    ] {
        let recording = check(Habit::Say(reply), &load(Arrival::Closed, 3, Some(30)));
        let malformed = BTreeMap::from([(why.to_owned(), 30)]);
        assert_eq!(recording.errors.malformed, malformed);
        let counts = recording.connections;
        assert_eq!((counts.given_up, counts.lost), (30, 0), "{why}");
    }
}

#[test]
fn connections_that_end_are_counted_by_who_ended_them() {
    let counts = |habit, load: &Load| {
        let counts = check(habit, load).connections;
        (counts.reopened, counts.lost, counts.given_up)
    };
    let closed = |requests| load(Arrival::Closed, 1, Some(requests));
    let announced = Habit::SayAndClose(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    );
    assert_eq!(counts(announced, &closed(3)), (3, 0, 0));
    assert_eq!(counts(Habit::Reset, &closed(3)), (3, 3, 0));
    let impatient = Load {
        timeout: Duration::from_millis(50),
        ..closed(3)
    };
    assert_eq!(counts(Habit::Ignore, &impatient), (3, 0, 3));
}

#[test]
fn a_reply_before_its_request_was_all_sent_counts_and_ends_the_connection() {
    let recording = post(server(Habit::Say(GOOD)), &load(Arrival::Closed, 2, Some(6)));
    assert_eq!(recording.accounting.ok, 6, "{:?}", recording.errors);
    let counts = recording.connections;
    assert_eq!((counts.reopened, counts.lost, counts.given_up), (6, 0, 6));
}

#[test]
fn a_server_that_refuses_a_body_and_closes_is_heard() {
    let refusing = Habit::SayAndClose(
        b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
    );
    let recording = post(server(refusing), &load(Arrival::Closed, 2, Some(10)));
    assert_eq!(
        recording.errors.kinds,
        BTreeMap::from([(ErrorKind::Status, 10)])
    );
    assert_eq!(recording.connections.lost, 0);
}

#[test]
fn a_connection_that_is_closed_as_soon_as_it_is_open_is_not_opened_again_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let load = Load {
        duration: Duration::from_millis(500),
        drain: Duration::ZERO,
        ..load(constant(1.0), 1, None)
    };
    let recording = driven(&workload(addr), addr, &load);
    let counts = recording.connections;
    // The first, the next after the one that carried the request that is due at once, and others 100, 200 and 400 ms later.
    assert!((2..=5).contains(&counts.opened), "{counts:?}");
}

#[test]
fn a_connection_per_request_is_reopened_and_its_answers_count() {
    let closing = Habit::SayAndClose(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    );
    let recording = check(closing, &load(Arrival::Closed, 3, Some(60)));
    assert_eq!(recording.accounting.ok, 60);
    let counts = recording.connections;
    assert!(counts.opened >= 60 && counts.reopened >= 57, "{counts:?}");
    assert_eq!(counts.lost, 0, "each end was announced");
}

/// A closing server's answer.
const LAST: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";

fn per_request(load: Load) -> Load {
    Load {
        connect: Connect::PerRequest,
        ..load
    }
}

#[test]
fn each_request_opens_its_own_connection_in_both_loops() {
    // Whether or not the server closes as well.
    for (arrival, habit) in [
        (Arrival::Closed, Habit::SayAndClose(LAST)),
        (open(2000.0), Habit::SayAndClose(LAST)),
        (Arrival::Closed, Habit::Say(GOOD)),
    ] {
        let recording = check(habit, &per_request(load(arrival.clone(), 7, Some(300))));
        assert_eq!(
            (recording.accounting.scheduled, recording.accounting.ok),
            (300, 300),
            "{arrival:?} {:?}",
            recording.errors
        );
        let counts = recording.connections;
        assert_eq!((counts.opened, counts.reopened), (300, 0));
        assert_eq!((counts.never_served, counts.served), (0, None));
        // Connecting has a clock of its own, and is part of the other two.
        assert_eq!(recording.times[Clock::ConnectTime].len(), 300);
        assert_eq!(recording.times[Clock::ServiceTime].len(), 300);
        assert!(
            recording.times[Clock::ConnectTime].min() <= recording.times[Clock::ServiceTime].min()
        );
        assert!(
            recording.times[Clock::ConnectTime].max() <= recording.times[Clock::ServiceTime].max()
        );
        assert!(recording.in_flight.mean <= 7.0, "{:?}", recording.in_flight);
    }
}

#[test]
fn warm_up_connections_are_in_no_connect_time() {
    let addr = server(Habit::SayAndClose(LAST));
    let load = per_request(Load {
        warmup: Duration::from_millis(100),
        duration: Duration::from_millis(100),
        ..load(constant(500.0), 50, None)
    });
    let recording = driven(&workload(addr), addr, &load);
    assert_eq!(
        (recording.accounting.ok, recording.connections.opened),
        (50, 100)
    );
    assert_eq!(recording.times[Clock::ConnectTime].len(), 50);
}

#[test]
fn a_request_that_loses_its_connection_fails_and_the_next_one_opens_another() {
    for (habit, kind) in [
        (Habit::Reset, ErrorKind::Reset),
        (Habit::SayAndClose(b""), ErrorKind::Closed),
    ] {
        let recording = check(habit, &per_request(load(Arrival::Closed, 3, Some(30))));
        assert_eq!(recording.errors.kinds, BTreeMap::from([(kind, 30)]));
        assert_eq!(
            (recording.accounting.error, recording.connections.opened),
            (30, 30)
        );
    }
}

#[test]
fn a_request_that_finds_nobody_has_failed_and_is_not_tried_again() {
    // The last request that is answered takes the listener with it.
    let addr = server_that_dies(20, 1);
    let load = per_request(Load {
        drain: Duration::ZERO,
        ..load(Arrival::Closed, 2, Some(25))
    });
    let recording = driven(&workload(addr), addr, &load);
    let accounting = recording.accounting;
    assert!(accounting.balances(), "{accounting:?}");
    assert_eq!(
        (accounting.scheduled, accounting.ok),
        (25, 19),
        "{accounting:?}"
    );
    let refused = recording.errors.kinds[&ErrorKind::Refused];
    assert!(refused >= 4, "{:?}", recording.errors);
    let errors = &recording.errors;
    assert_eq!(
        errors.connect + errors.reset + errors.status + errors.body,
        accounting.error
    );
}

#[test]
fn an_unanswered_request_of_its_own_connection_times_out() {
    let load = per_request(Load {
        timeout: Duration::from_millis(30),
        ..load(Arrival::Closed, 2, Some(6))
    });
    let recording = check(Habit::Ignore, &load);
    assert_eq!(
        (recording.accounting.timeout, recording.connections.opened),
        (6, 6)
    );
    assert!(recording.times[Clock::ResponseTime].min() >= 29_000_000);
}

#[test]
fn nobody_there_is_an_error_before_the_first_request_of_either_kind() {
    let addr = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let load = per_request(load(Arrival::Closed, 4, Some(1)));
    let error = drive(
        &load,
        &workload(addr),
        addr,
        &options(),
        &Control::default(),
    )
    .unwrap_err();
    assert!(matches!(error, DriveError::Connect { .. }), "{error}");
}

#[test]
fn an_unanswered_request_times_out_and_is_a_lower_bound() {
    for arrival in [Arrival::Closed, open(2000.0)] {
        let load = Load {
            timeout: Duration::from_millis(30),
            ..load(arrival, 2, Some(6))
        };
        let recording = check(Habit::Ignore, &load);
        assert_eq!(
            (
                recording.accounting.timeout,
                recording.times[Clock::ResponseTime].len()
            ),
            (6, 6)
        );
        assert_eq!(recording.connections.reopened, 6);
        assert!(
            recording.times[Clock::ResponseTime].min() >= 29_000_000,
            "{}",
            recording.times[Clock::ResponseTime].min()
        );
    }
}

#[test]
fn the_last_requests_of_a_number_time_out_like_all_others() {
    let timeout = Duration::from_millis(30);
    let load = Load {
        timeout,
        drain: timeout,
        ..load(Arrival::Closed, 2, Some(2))
    };
    let accounting = check(Habit::Ignore, &load).accounting;
    assert_eq!(
        (accounting.timeout, accounting.unfinished),
        (2, 0),
        "{accounting:?}"
    );
}

#[test]
fn requests_beyond_the_number_that_was_asked_for_are_never_counted() {
    let load = Load {
        duration: Duration::from_millis(200),
        drain: Duration::ZERO,
        ..load(constant(1000.0), 1, Some(10))
    };
    let recording = check(Habit::Ignore, &load);
    let accounting = recording.accounting;
    assert_eq!(
        (accounting.scheduled, accounting.unfinished),
        (10, 10),
        "{accounting:?}"
    );
    assert_eq!(recording.ended_by, EndedBy::Duration);
}

#[test]
fn what_ended_the_arrivals_is_recorded() {
    let all = check(Habit::Say(GOOD), &load(Arrival::Closed, 2, Some(10)));
    assert_eq!(all.ended_by, EndedBy::Requests);
    let cut = Load {
        duration: Duration::from_millis(20),
        drain: Duration::ZERO,
        ..load(Arrival::Closed, 2, Some(10))
    };
    let cut = check(Habit::Ignore, &cut);
    assert_eq!(
        (cut.ended_by, cut.accounting.scheduled),
        (EndedBy::Duration, 2)
    );
}

#[test]
fn a_closed_loop_counts_the_time_of_the_replies_that_it_counts() {
    let addr = server(Habit::SayAfter(GOOD, Duration::from_millis(60)));
    let load = Load {
        duration: Duration::from_millis(10),
        ..load(Arrival::Closed, 1, None)
    };
    let recording = driven(&workload(addr), addr, &load);
    assert_eq!(recording.accounting.ok, 1);
    // The connection was busy all the time: its reply can't have taken longer than it is said to have been waited for.
    assert!(recording.measured_ns <= 10_000_000);
    assert!(recording.replying_ns() >= recording.times[Clock::ServiceTime].min());
}

#[test]
fn the_first_replies_of_a_closed_loop_stand_apart_where_its_last_ones_were_waited_for() {
    const TAKES: Duration = Duration::from_millis(5);
    let addr = server(Habit::SayAfter(GOOD, TAKES));
    let lead_in = |load: &Load| {
        let recording = driven(&workload(addr), addr, load);
        (recording.lead_in, recording)
    };
    let closed = Load {
        duration: Duration::from_millis(100),
        ..load(Arrival::Closed, 4, None)
    };
    // Its replies come at multiples of 5 ms, as its end does: a reply in the last turn changes nothing.
    let (first, recording) = lead_in(&closed);
    assert_eq!(first.replies, 4);
    assert!(first.ns >= duration_ns(TAKES));
    assert_eq!(
        recording.replying_ns(),
        recording.measured_ns + recording.overtime_ns - first.ns
    );
    for others in [
        // All that was sent in 2 ms is answered once.
        Load {
            duration: Duration::from_millis(2),
            ..closed.clone()
        },
        Load {
            drain: Duration::ZERO,
            ..closed.clone()
        },
        load(Arrival::Closed, 4, Some(20)),
        load(open(200.0), 4, Some(20)),
    ] {
        assert_eq!(lead_in(&others).0, LeadIn::default(), "{others:?}");
    }
}

#[test]
fn the_drain_is_over_for_the_watcher_when_it_is_for_the_last_thread() {
    const THREADS: u32 = 4;
    // Which thread's reply comes last is up to the system; whichever it is, it is seldom the first thread's.
    for slow in 0..THREADS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let announced = Arc::new(AtomicU32::new(0));
        let control = Control::watching({
            let announced = Arc::clone(&announced);
            move |phase| {
                announced.fetch_add(u32::from(phase == Phase::Drained), Ordering::SeqCst);
            }
        });
        let load = load(Arrival::Closed, THREADS, Some(THREADS.into()));
        let options = Options {
            cpus: vec![0; THREADS as usize],
            ..Options::default()
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let sockets = listener.incoming().take(THREADS as usize);
                let mut sockets: Vec<TcpStream> = sockets.map(Result::unwrap).collect();
                let last = sockets.remove(slow as usize);
                for mut socket in sockets.iter().chain([&last]) {
                    assert!(matches!(socket.read(&mut [0; 4096]), Ok(1..)));
                }
                for mut socket in &sockets {
                    socket.write_all(GOOD).unwrap();
                }
                // Time for a mistake: where there is none, nothing depends on it.
                std::thread::sleep(Duration::from_millis(50));
                assert_eq!(announced.load(Ordering::SeqCst), 0, "a reply is out");
                (&last).write_all(GOOD).unwrap();
                // No connection is closed before all have their reply.
                sockets
            });
            drive(&load, &workload(addr), addr, &options, &control).unwrap()
        });
        assert_eq!(announced.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn what_was_never_sent_is_unfinished() {
    let load = Load {
        duration: Duration::from_millis(200),
        drain: Duration::ZERO,
        ..load(constant(1000.0), 2, None)
    };
    let recording = check(Habit::Ignore, &load);
    // One request a millisecond for 200 ms: two of them on the wire, the others never sent, all of them accounted for.
    assert_eq!(
        (
            recording.accounting.scheduled,
            recording.accounting.unfinished
        ),
        (200, 200)
    );
    assert_eq!(
        (
            recording.times[Clock::ResponseTime].len(),
            recording.times[Clock::ServiceTime].len()
        ),
        (200, 2)
    );
}

#[test]
fn a_request_due_in_the_last_moment_is_still_sent() {
    // At 100,000 a second some request always is due between the last look at the schedule and its end.
    let arrival = constant(100_000.0);
    let addr = server(Habit::Say(GOOD));
    let load = Load {
        duration: Duration::from_millis(1),
        ..load(arrival, 100, None)
    };
    for _ in 0..20 {
        let recording = driven(&workload(addr), addr, &load);
        assert_eq!(
            (recording.accounting.scheduled, recording.accounting.ok),
            (100, 100)
        );
    }
}

#[test]
fn threads_share_connections_and_requests_without_losing_any() {
    let addr = server(Habit::Say(GOOD));
    let options = Options {
        cpus: vec![0, 0, 0],
        ..Options::default()
    };
    for arrival in [Arrival::Closed, open(2000.0)] {
        let recording = drive(
            &load(arrival, 8, Some(100)),
            &workload(addr),
            addr,
            &options,
            &Control::default(),
        )
        .unwrap();
        assert_eq!(
            (
                recording.accounting.ok,
                recording.connections.opened,
                recording.generator.threads
            ),
            (100, 8, 3)
        );
    }
}

/// Serves connections, and gives the targets that were asked for over each, in their order.
fn server_that_remembers() -> (SocketAddr, Arc<Mutex<Vec<Vec<String>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let by_connection = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&by_connection);
    std::thread::spawn(move || {
        for (index, socket) in listener.incoming().enumerate() {
            let mut socket = socket.unwrap();
            let seen = Arc::clone(&seen);
            seen.lock().unwrap().push(Vec::new());
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                // Each request is short and comes alone, and so in one piece.
                while let Ok(count @ 1..) = socket.read(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                    let target = text.split(' ').nth(1).unwrap().to_owned();
                    seen.lock().unwrap()[index].push(target);
                    socket.write_all(GOOD).unwrap();
                }
            });
        }
    });
    (addr, by_connection)
}

#[test]
fn threads_replay_each_request_once_and_in_the_order_of_its_times() {
    // As many as the threads can't share evenly; several at a time.
    const LINES: u32 = 100;
    let times: Arc<[u64]> = (0..LINES)
        .map(|line| u64::from(line / 4) * 1_000_000)
        .collect();
    for (arrival, threads) in [
        (Arrival::Listed { times }, 3),
        (Arrival::Closed, 3),
        (open(2000.0), 7),
    ] {
        let (addr, by_connection) = server_that_remembers();
        let expect = || Expect {
            statuses: vec![200..=200],
            body: ExpectBody::Any,
        };
        let host = addr.to_string();
        let line = |line| Request::new("GET", &format!("/{line}"), &host, &[], None, expect());
        let request = Request::in_order((0..LINES).map(line), expect());
        // A connection a thread: what is asked for over one is what its thread sent.
        let load = load(arrival, threads, Some(LINES.into()));
        let options = Options {
            cpus: vec![0; threads as usize],
            ..Options::default()
        };
        let workload = Workload::new(vec![request]);
        let recording = drive(&load, &workload, addr, &options, &Control::default()).unwrap();
        let accounting = &recording.accounting;
        assert_eq!(
            (accounting.scheduled, accounting.ok),
            (LINES.into(), LINES.into()),
            "{accounting:?}"
        );
        assert_eq!(recording.generator.threads, threads);
        let by_connection = by_connection.lock().unwrap();
        let number = |target: &String| target[1..].parse::<u32>().unwrap();
        let mut all = Vec::new();
        for targets in by_connection.iter() {
            let lines: Vec<u32> = targets.iter().map(number).collect();
            assert!(!lines.is_empty() && lines.is_sorted(), "{lines:?}");
            all.extend(lines);
        }
        all.sort_unstable();
        assert_eq!(all, (0..LINES).collect::<Vec<u32>>());
    }
}

#[test]
fn warm_up_is_driven_and_forgotten() {
    let addr = server(Habit::Say(GOOD));
    let load = Load {
        warmup: Duration::from_millis(100),
        duration: Duration::from_millis(100),
        ..load(constant(500.0), 4, None)
    };
    let recording = driven(&workload(addr), addr, &load);
    assert_eq!(
        (recording.accounting.scheduled, recording.accounting.ok),
        (50, 50)
    );
}

#[test]
fn a_server_that_dies_leaves_errors_and_requests_that_were_never_sent() {
    let addr = server_that_dies(54, 4);
    let load = Load {
        duration: Duration::from_secs(1),
        drain: Duration::ZERO,
        ..load(constant(1000.0), 4, None)
    };
    let recording = driven(&workload(addr), addr, &load);
    let accounting = recording.accounting;
    // The four on the wire when it died are errors; what was due afterwards found no connection.
    assert_eq!(
        (
            accounting.scheduled,
            accounting.ok,
            accounting.error,
            accounting.timeout,
            accounting.unfinished
        ),
        (1000, 50, 4, 0, 946)
    );
    let kinds = &recording.errors.kinds;
    assert_eq!(kinds[&ErrorKind::Closed], 4, "{kinds:?}");
    assert_eq!(kinds[&ErrorKind::Refused], recording.errors.connect);
    assert!(recording.errors.connect >= 4, "{kinds:?}");
    assert_eq!(recording.connections.reopened, 4);
}

#[test]
fn a_reply_in_pieces_has_a_first_byte_before_its_last() {
    // The rest of the reply comes with the connection's end, and so after its beginning.
    let begun = Habit::SayAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let cut = check(begun, &load(Arrival::Closed, 1, Some(3)));
    assert_eq!(
        (cut.accounting.error, cut.times[Clock::FirstByteTime].len()),
        (3, 0),
        "an error is no latency"
    );
    let load = Load {
        timeout: Duration::from_millis(500),
        ..load(Arrival::Closed, 2, Some(2))
    };
    let stuck = check(
        Habit::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"),
        &load,
    );
    assert_eq!(
        (
            stuck.accounting.timeout,
            stuck.times[Clock::FirstByteTime].len()
        ),
        (2, 2)
    );
    assert!(stuck.times[Clock::FirstByteTime].max() < stuck.times[Clock::ServiceTime].min());
}

#[test]
fn a_stop_keeps_what_was_measured() {
    let addr = server(Habit::Say(GOOD));
    let control = Arc::new(Control::default());
    let watcher = std::thread::spawn({
        let control = Arc::clone(&control);
        move || {
            while control.ok() < 50 {
                std::thread::yield_now();
            }
            control.stop();
        }
    });
    let recording = drive(
        &load(open(1000.0), 4, None),
        &workload(addr),
        addr,
        &options(),
        &control,
    )
    .unwrap();
    watcher.join().unwrap();
    assert!(
        recording.accounting.ok >= 50 && recording.accounting.balances(),
        "{:?}",
        recording.accounting
    );
    assert!(recording.measured_ns < 20_000_000_000);
}

#[test]
fn a_stop_before_the_start_leaves_nothing_behind() {
    // It takes connections and never looks at them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    for arrival in [Arrival::Closed, open(1000.0)] {
        let control = Control::default();
        control.stop();
        let recording = drive(
            &load(arrival, 4, None),
            &workload(addr),
            addr,
            &options(),
            &control,
        )
        .unwrap();
        assert!(recording.accounting.balances() && recording.accounting.ok == 0);
        assert!(
            recording.times[Clock::ServiceTime].is_empty(),
            "nothing was sent"
        );
    }
}

#[test]
fn a_stop_ends_the_wait_for_replies() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let load = Load {
        drain: Duration::from_hours(1),
        timeout: Duration::from_hours(1),
        ..load(Arrival::Closed, 4, Some(4))
    };
    let control = Control::default();
    let recording = std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut sockets: Vec<TcpStream> =
                listener.incoming().take(4).map(Result::unwrap).collect();
            for socket in &mut sockets {
                assert!(matches!(socket.read(&mut [0; 4096]), Ok(1..)));
            }
            // All that may be sent has been, and nothing comes back.
            control.stop();
            sockets
        });
        let recording = drive(&load, &workload(addr), addr, &options(), &control).unwrap();
        drop(server.join().unwrap());
        recording
    });
    assert_eq!(
        (
            recording.accounting.scheduled,
            recording.accounting.unfinished
        ),
        (4, 4)
    );
    assert_eq!(recording.times[Clock::ServiceTime].len(), 4, "lower bounds");
}

#[test]
fn a_server_that_is_not_there_is_an_error_before_the_first_request() {
    let addr = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for cpus in [vec![], vec![0, 0]] {
        let options = Options {
            cpus,
            ..Options::default()
        };
        let error = drive(
            &load(Arrival::Closed, 4, Some(1)),
            &workload(addr),
            addr,
            &options,
            &Control::default(),
        )
        .unwrap_err();
        assert!(
            matches!(error, DriveError::Connect { opened: 0, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_core_that_does_not_exist_is_named() {
    let addr = server(Habit::Say(GOOD));
    let options = Options {
        cpus: vec![1000],
        ..Options::default()
    };
    let error = drive(
        &load(Arrival::Closed, 1, Some(1)),
        &workload(addr),
        addr,
        &options,
        &Control::default(),
    )
    .unwrap_err();
    assert!(
        matches!(error, DriveError::Pin { cpu: 1000, .. }),
        "{error}"
    );
}

#[test]
fn replies_are_read_later_than_they_arrive_and_each_is_counted_in_one_way() {
    let load = load(Arrival::Closed, 4, Some(100));
    for clock in [ReceiveClock::Auto, ReceiveClock::User] {
        let addr = server(Habit::Say(GOOD));
        let options = Options { clock, ..options() };
        let recording = drive(&load, &workload(addr), addr, &options, &Control::default()).unwrap();
        let receive = recording.receive;
        let stamped = recording.times[Clock::ReceiveLag].len();
        let counted = if receive.kernel { 100 } else { 0 };
        assert_eq!(
            stamped + receive.unstamped,
            counted,
            "{clock:?}: {receive:?}"
        );
        assert_eq!(
            receive.kernel,
            clock == ReceiveClock::Auto && receive.distrust.is_none()
        );
        assert!(!recording.times[Clock::TurnLength].is_empty());
    }
}
