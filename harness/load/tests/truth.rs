//! What the instrument reads of servers whose every answer time is known.
//!
//! On virtual time the instrument's own schedule, pacer and recorder are driven against simulated servers, and must read
//! what the laws of [`model::spec::truth`] say, with any number of connections. On real sockets only accountings are compared,
//! the generator's against the server's: what a real clock read would be the machine's as much as the instrument's.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use model::measured::clock::Clock;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use analysis::warnings;
use hdrhistogram::Histogram;
use load::pacer::{Pacer, Wait};
use load::truth::{BODY, TruthStats};
use load::{Control, Expect, ExpectBody, Options, Request, Workload, drive};
use model::measured::recording::{
    ConnectionCounts, GeneratorUse, Recorder, Recording, empty_histogram,
};
use model::measured::summary::value_at;
use model::spec::load::{Arrival, Connect, Load, Process};
use model::spec::schedule::Schedule;
use model::spec::truth;
use model::spec::truth::{Answers, Behaviour};
use model::units::{Nanos, Rate, duration_ns};

const MS: Nanos = 1_000_000;

/// How much earlier than the load a simulated server's clock began: so that no stall ends with the load.
const SERVER_AGE_NS: Nanos = 4_500 * MS;

/// No generator stands still.
const AWAKE: Range<Nanos> = 0..0;

/// The instrument on virtual time: its schedule, pacer and recorder, `connections` that carry one request each, and a
/// server that is reached and answers at once when its time has come. The generator does nothing while `frozen`.
fn simulate(behaviour: Behaviour, load: &Load, frozen: &Range<Nanos>) -> Recording {
    let end_ns = duration_ns(load.duration);
    let last_ns = end_ns + duration_ns(load.drain);
    let mut server = Answers::new(behaviour);
    let mut recorder = Recorder::new(0, duration_ns(load.interval));
    let mut pacer = Schedule::new(load, 0, 1).map(|schedule| Pacer::new(schedule, end_ns));
    // When each became free: longest free first, as the worker has it.
    let mut free: VecDeque<Nanos> = (0..load.connections.get()).map(|_| 0).collect();
    let mut replies: BinaryHeap<Reverse<(Nanos, Nanos, Nanos)>> = BinaryHeap::new();
    let mut now: Nanos = 0;
    loop {
        while let Some(&Reverse((answered_ns, due_ns, sent_ns))) = replies.peek()
            && answered_ns <= now
        {
            replies.pop();
            recorder.on_ok(due_ns, sent_ns, now);
            free.push_back(now);
        }
        while now <= end_ns
            && let Some(&free_since_ns) = free.front()
            && let Some(due_ns) = next_due(pacer.as_mut(), now, end_ns)
        {
            free.pop_front();
            recorder.on_scheduled(1);
            recorder.on_sent(now - due_ns.max(free_since_ns));
            let answer_ns = server.answer_at(now + SERVER_AGE_NS) - SERVER_AGE_NS;
            replies.push(Reverse((answer_ns, due_ns, now)));
        }
        let reply_ns = replies.peek().map(|Reverse((at_ns, ..))| *at_ns);
        let due_ns = match &mut pacer {
            // After the end nothing is sent any more.
            Some(pacer) if !free.is_empty() && now < end_ns => match pacer.wait(now, false) {
                Wait::Sleep(ns) => Some(now + ns),
                Wait::Spin | Wait::Done => None,
            },
            _ => None,
        };
        let next_ns = match [reply_ns, due_ns].into_iter().flatten().min() {
            Some(next_ns) if next_ns <= last_ns => next_ns,
            _ => break,
        };
        now = if frozen.contains(&next_ns) {
            frozen.end
        } else {
            next_ns
        };
    }
    let now = now.max(end_ns);
    for Reverse((_, due_ns, sent_ns)) in replies {
        recorder.on_unfinished(due_ns, Some(sent_ns), now);
    }
    let rest = pacer.map(|pacer| pacer.into_rest(|| false));
    for due_ns in rest.into_iter().flatten() {
        recorder.on_scheduled(1);
        recorder.on_unfinished(due_ns, None, now);
    }
    let recording = recorder.finish(end_ns, ConnectionCounts::default(), GeneratorUse::default());
    assert!(
        recording.accounting.balances(),
        "{:?}",
        recording.accounting
    );
    recording
}

/// The due time of the next request at `now`; in a closed loop that is now.
fn next_due(pacer: Option<&mut Pacer>, now: Nanos, end_ns: Nanos) -> Option<Nanos> {
    match pacer {
        None => (now < end_ns).then_some(now),
        Some(pacer) => {
            let due_ns = pacer.due(now)?;
            pacer.pop();
            Some(due_ns)
        }
    }
}

fn load(arrival: Arrival, connections: u32, seconds: u64) -> Load {
    Load {
        arrival,
        connections: NonZeroU32::new(connections).unwrap(),
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(seconds),
        drain: Duration::from_secs(5),
        timeout: Duration::from_mins(1),
        request_limit: None,
        interval: Duration::from_millis(250),
        seed: 1,
        goodput: None,
    }
}

fn rate(per_s: f64) -> Rate {
    Rate::per_s(per_s).unwrap()
}

fn open(process: Process, per_s: f64) -> Arrival {
    Arrival::Open {
        rate: rate(per_s),
        process,
    }
}

fn constant(per_s: f64) -> Arrival {
    open(Process::Constant, per_s)
}

fn behaviour(text: &str) -> Behaviour {
    text.parse().unwrap()
}

/// Asserts that a percentile reads `expected_ns` within `within_ns` and the histogram's own resolution.
fn check(
    what: &str,
    histogram: &Histogram<u64>,
    per_10_000: u64,
    expected_ns: f64,
    within_ns: Nanos,
) {
    let got_ns = value_at(histogram, per_10_000).unwrap();
    let bucket_ns = empty_histogram().equivalent_range(got_ns);
    let allowed_ns = (within_ns + bucket_ns) as f64;
    assert!(
        (got_ns as f64 - expected_ns).abs() <= allowed_ns,
        "{what}, {per_10_000} of 10,000: {got_ns} ns, expected {expected_ns} ns within {allowed_ns} ns"
    );
}

#[test]
fn a_periodic_stall_is_seen_whatever_the_number_of_connections() {
    let forms = [
        ("stall:delay=1ms,stall=1s,every=10s", 1000.0, 60),
        ("stall:delay=1ms,stall=100ms,every=1s", 2000.0, 10),
        // Two in flight on three connections: the backlog drains at a third of their pace.
        ("stall:delay=2ms,stall=500ms,every=5s", 1000.0, 30),
    ];
    for (text, per_s, seconds) in forms {
        let server = behaviour(text);
        let Behaviour::Stall {
            delay_ns,
            stall_ns,
            every_ns,
        } = server
        else {
            panic!("{text} is no stall")
        };
        for connections in [3, 10, 100, 200, 1000] {
            let recording = simulate(server, &load(constant(per_s), connections, seconds), &AWAKE);
            for per_10_000 in [5_000, 8_000, 9_500, 9_900, 9_990] {
                let expected_ns = truth::stall_quantile_ns(
                    delay_ns,
                    stall_ns,
                    every_ns,
                    rate(per_s),
                    connections,
                    per_10_000 as f64 / 1e4,
                );
                let what = format!("{text} over {connections} connections");
                check(
                    &what,
                    &recording.times[Clock::ResponseTime],
                    per_10_000,
                    expected_ns,
                    5 * MS,
                );
            }
        }
    }
}

#[test]
fn a_closed_loop_does_not_see_the_stall() {
    // The stalled server stops the clock that should time it: six stalls hold ten requests each, of half a million.
    let recording = simulate(
        behaviour("stall:delay=1ms,stall=1s,every=10s"),
        &load(Arrival::Closed, 10, 60),
        &AWAKE,
    );
    check(
        "closed",
        &recording.times[Clock::ResponseTime],
        9_990,
        1e6,
        0,
    );
    assert!(recording.times[Clock::ResponseTime].max() >= 1000 * MS);
}

#[test]
fn a_fixed_time_is_read_as_it_is_in_both_loops() {
    for delay_ms in [1, 5, 40] {
        let server = behaviour(&format!("fixed:delay={delay_ms}ms"));
        let closed = simulate(server, &load(Arrival::Closed, 10, 5), &AWAKE);
        let open = simulate(server, &load(constant(1000.0), 100, 5), &AWAKE);
        let per_s = closed.accounting.ok as f64 / 5.0;
        assert!(
            (per_s - 10_000.0 / delay_ms as f64).abs() < 20.0,
            "{per_s}/s at {delay_ms} ms"
        );
        for recording in [&closed, &open] {
            for per_10_000 in [5_000, 9_900] {
                check(
                    "fixed",
                    &recording.times[Clock::ResponseTime],
                    per_10_000,
                    (delay_ms * MS) as f64,
                    0,
                );
            }
            assert_eq!(recording.times[Clock::SendLag].max(), 0);
        }
        let in_flight = truth::in_flight(1000.0, open.times[Clock::ResponseTime].mean());
        assert!(
            (in_flight - delay_ms as f64).abs() < 0.01 * delay_ms as f64,
            "{in_flight} in flight at {delay_ms} ms"
        );
    }
}

#[test]
fn two_kinds_of_request_are_distinguished_on_both_sides_of_their_step() {
    for (arrival, connections) in [(constant(1000.0), 50), (Arrival::Closed, 10)] {
        let recording = simulate(
            behaviour("bimodal:nth=100,slow=100ms,fast=1ms"),
            &load(arrival, connections, 20),
            &AWAKE,
        );
        check("fast", &recording.times[Clock::ResponseTime], 9_890, 1e6, 0);
        check(
            "slow",
            &recording.times[Clock::ResponseTime],
            9_910,
            100e6,
            0,
        );
        let mean_ns = recording.times[Clock::ResponseTime].mean();
        let expected_ns = truth::bimodal_mean_ns(100, 100 * MS, MS);
        assert!(
            (mean_ns / expected_ns - 1.0).abs() < 0.005,
            "mean {mean_ns} ns"
        );
    }
}

#[test]
fn one_worker_reads_as_the_textbook_says_over_any_number_of_connections() {
    let server = behaviour("queue:mean=500us,seed=1");
    let poisson = open(Process::Poisson, 1000.0);
    // One worker serves one after another, wherever the queue stands: before the server or before the generator.
    let [alone, some, many] = [1, 10, 1000]
        .map(|connections| simulate(server, &load(poisson.clone(), connections, 300), &AWAKE));
    assert_eq!(
        alone.times[Clock::ResponseTime],
        some.times[Clock::ResponseTime]
    );
    assert_eq!(
        alone.times[Clock::ResponseTime],
        many.times[Clock::ResponseTime]
    );
    // Response times of neighbours go together: 300,000 of them are worth 40,000 independent ones, so four standard errors
    // of the mean are 2 %, and of the one-in-a-thousand value about 10 %.
    let mean_ns = many.times[Clock::ResponseTime].mean();
    let expected_ns = truth::mm1_mean_ns(rate(1000.0), MS / 2).unwrap();
    assert!(
        (mean_ns / expected_ns - 1.0).abs() < 0.02,
        "mean {mean_ns} ns"
    );
    for (per_10_000, share) in [(5_000, 0.02), (9_000, 0.02), (9_900, 0.05), (9_990, 0.1)] {
        let quantile = per_10_000 as f64 / 1e4;
        let expected_ns = truth::mm1_quantile_ns(rate(1000.0), MS / 2, quantile).unwrap();
        let got_ns = value_at(&many.times[Clock::ResponseTime], per_10_000).unwrap() as f64;
        assert!(
            (got_ns / expected_ns - 1.0).abs() < share,
            "{per_10_000}: {got_ns} ns, expected {expected_ns} ns"
        );
    }
    // The generator reads of its own arrivals what they must give.
    let due = Schedule::new(&load(poisson, 1, 300), 0, 1).unwrap();
    let replayed = truth::replay(server, due.take_while(|&due_ns| due_ns < 300_000 * MS));
    assert_eq!(replayed.len() as u64, many.times[Clock::ResponseTime].len());
    assert!(many.times[Clock::ResponseTime].equivalent(
        many.times[Clock::ResponseTime].max(),
        *replayed.last().unwrap()
    ));
}

#[test]
fn constant_arrivals_differ_from_poisson() {
    let recording = simulate(
        behaviour("queue:mean=500us,seed=1"),
        &load(constant(1000.0), 1000, 300),
        &AWAKE,
    );
    let expected_ns = truth::dm1_mean_ns(rate(1000.0), MS / 2).unwrap();
    let mean_ns = recording.times[Clock::ResponseTime].mean();
    assert!(
        (mean_ns / expected_ns - 1.0).abs() < 0.02,
        "mean {mean_ns} ns, expected {expected_ns} ns"
    );
}

#[test]
fn an_overload_is_counted_to_the_last_request() {
    for (per_s, service_ms, seconds, unfinished) in [
        (1000.0, 5, 10, 8_000),
        (500.0, 4, 6, 1_500),
        (2000.0, 1, 3, 3_000),
    ] {
        for connections in [1, 50, 20_000] {
            let load = Load {
                drain: Duration::ZERO,
                ..load(constant(per_s), connections, seconds)
            };
            let server = behaviour(&format!("queue:service={service_ms}ms"));
            let recording = simulate(server, &load, &AWAKE);
            let what = format!("{per_s}/s, {service_ms} ms over {connections} connections");
            let (service_ns, duration_ns) = (service_ms * MS, seconds * 1000 * MS);
            assert_eq!(recording.accounting.unfinished, unfinished, "{what}");
            assert!(
                (truth::overload_unfinished(rate(per_s), service_ns, duration_ns)
                    - unfinished as f64)
                    .abs()
                    < 1e-6
            );
            for per_10_000 in [1_000, 5_000, 9_900] {
                let quantile = per_10_000 as f64 / 1e4;
                let expected_ns =
                    truth::overload_quantile_ns(rate(per_s), service_ns, duration_ns, quantile);
                check(
                    &what,
                    &recording.times[Clock::ResponseTime],
                    per_10_000,
                    expected_ns,
                    service_ns,
                );
            }
            // Halfway, the requests answered are those in the middle of all that will be.
            let halfway = &recording.intervals[recording.intervals.len() / 2];
            let (slowest_ns, _) = *halfway.times[Clock::ResponseTime].last().unwrap();
            let last = (halfway.start_ns + halfway.length_ns) / service_ns - 2;
            let expected_ns = truth::overload_response_ns(rate(per_s), service_ns, last);
            assert!(
                (slowest_ns as f64 / expected_ns - 1.0).abs() < 0.005,
                "{what}: {slowest_ns} ns in the interval at {} ns, expected {expected_ns} ns",
                halfway.start_ns
            );
        }
    }
}

#[test]
fn a_frozen_generator_shows_in_response_time_and_send_lag_only_and_is_reported() {
    for (frozen_ms, seconds) in [(200, 10), (400, 20)] {
        let load = load(constant(1000.0), 1000, seconds);
        let server = behaviour("fixed:delay=5ms");
        let from_ns = 1_500 * MS + 1;
        let frozen = simulate(server, &load, &(from_ns..from_ns + frozen_ms * MS));
        for per_10_000 in [5_000, 9_900] {
            let quantile = per_10_000 as f64 / 1e4;
            let (frozen_ns, duration_ns) = (frozen_ms * MS, seconds * 1000 * MS);
            let response_ns = truth::frozen_quantile_ns(5 * MS, frozen_ns, duration_ns, quantile);
            let lag_ns = truth::frozen_lag_quantile_ns(frozen_ns, duration_ns, quantile);
            check(
                "response",
                &frozen.times[Clock::ResponseTime],
                per_10_000,
                response_ns,
                2 * MS,
            );
            check(
                "lag",
                &frozen.times[Clock::SendLag],
                per_10_000,
                lag_ns,
                2 * MS,
            );
            check(
                "service",
                &frozen.times[Clock::ServiceTime],
                per_10_000,
                5e6,
                0,
            );
        }
        let is_flagged = |recording: &Recording| {
            warnings::assess(&load, recording)
                .iter()
                .any(|warning| warning.code() == "send_lag")
        };
        assert!(is_flagged(&frozen));
        assert!(!is_flagged(&simulate(server, &load, &AWAKE)));
    }
}

/// Runs the real server, drives real load at it, and returns what each entered in its books.
fn serve_and_drive(behaviour: Behaviour, load: &Load) -> (Recording, TruthStats) {
    let listener = load::backend::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1024).unwrap();
    let addr = listener.local_addr().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let server = scope.spawn(|| load::truth::serve(&listener, behaviour, false, &stop));
        let options = Options {
            cpus: Vec::new(),
            ..Options::default()
        };
        let driven = drive(load, &workload(addr), addr, &options, &Control::default());
        let reported = driven
            .as_ref()
            .map(|recording| settled_books(addr, sent(recording)));
        stop.store(true, Ordering::Relaxed);
        server.join().unwrap().unwrap();
        let reported = reported.unwrap();
        (driven.unwrap(), reported)
    })
}

fn workload(addr: SocketAddr) -> Workload {
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Exact(BODY.to_vec()),
    };
    let host = addr.to_string();
    Workload::new(vec![Request::new("GET", "/", &host, &[], None, expect)])
}

/// Requests that left the generator.
fn sent(recording: &Recording) -> u64 {
    recording.times[Clock::ServiceTime].len() + recording.accounting.error
}

/// The server's books once it has read all that was sent to it.
fn settled_books(addr: SocketAddr, sent: u64) -> TruthStats {
    // Each look is a round trip through the server's loop, in which it reads what has come until then.
    (0..1000)
        .map(|_| books(addr))
        .find(|reported| reported.arrived >= sent)
        .unwrap_or_else(|| books(addr))
}

fn books(addr: SocketAddr) -> TruthStats {
    let mut socket = TcpStream::connect(addr).unwrap();
    socket
        .write_all(b"GET /stats HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn generator_and_server_enter_the_same_requests() {
    let servers = [
        "fixed:delay=5ms",
        "stall:delay=1ms,stall=20ms,every=100ms",
        "bimodal:nth=10,slow=10ms,fast=1ms",
        "queue:mean=200us,seed=1",
    ];
    for text in servers {
        for arrival in [Arrival::Closed, open(Process::Poisson, 2000.0)] {
            let load = Load {
                request_limit: Some(300),
                drain: Duration::from_secs(20),
                ..load(arrival.clone(), 20, 20)
            };
            let (recording, reported) = serve_and_drive(behaviour(text), &load);
            let what = format!("{text}, {}: {reported:?}", arrival.name());
            assert_eq!(
                (recording.accounting.scheduled, recording.accounting.ok),
                (300, 300),
                "{what}"
            );
            assert_eq!(
                (
                    reported.arrived,
                    reported.answered,
                    reported.abandoned,
                    reported.owed
                ),
                (300, 300, 0, 0),
                "{what}"
            );
            assert_eq!(
                reported
                    .did_ns_counts
                    .iter()
                    .map(|&(_, count)| count)
                    .sum::<u64>(),
                300,
                "{what}"
            );
        }
    }
}

#[test]
fn an_overload_that_is_cut_leaves_no_request_unaccounted_for() {
    let load = Load {
        drain: Duration::ZERO,
        ..load(constant(1000.0), 20, 1)
    };
    let (recording, reported) = serve_and_drive(behaviour("queue:service=5ms"), &load);
    let accounting = recording.accounting;
    assert_eq!(
        (accounting.scheduled, accounting.error, accounting.timeout),
        (1000, 0, 0)
    );
    assert!(
        accounting.unfinished >= 800 && accounting.balances(),
        "{accounting:?}"
    );
    assert_eq!(recording.times[Clock::ResponseTime].len(), 1000);
    // What was sent has arrived, and what arrived beyond the answers was on the wire when the load ended.
    assert_eq!(
        reported.arrived,
        sent(&recording),
        "{reported:?} {accounting:?}"
    );
    assert!(
        reported.answered >= accounting.ok && reported.arrived - accounting.ok <= 20,
        "{reported:?} {accounting:?}"
    );
    assert_eq!(
        reported.arrived,
        reported.answered + reported.abandoned + reported.owed
    );
}
