//! Streams of events at servers that lose, repeat or swap known ones: the instrument must report exactly that.
//!
//! How late gaps are read is reported on virtual time, in `events`; here nothing asserts on a time but that late ones are.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use model::measured::clock::Clock;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::time::Duration;

use load::{Control, Expect, ExpectBody, Options, Request, Workload, drive};
use model::measured::accounting::ErrorKind;
use model::measured::recording::{Recording, StreamCounts};
use model::spec::load::{Arrival, Connect, Goodput, Load};

/// Events that each stream must bring.
const EVENTS: u32 = 5;

/// How long after the one before each is due.
const GAP_NS: u64 = 1_000_000;

/// What every third stream is like; the others are as they must be.
#[derive(Clone, Copy)]
struct Odd {
    numbers: &'static [u32],
    /// Whether it ends with its last event, or never.
    ends: bool,
}

/// Serves streams until the process ends.
fn server(odd: Odd) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        // One connection after the other, so that the streams have an order.
        let mut number = 0;
        for socket in listener.incoming() {
            serve(socket.unwrap(), odd, &mut number);
        }
    });
    addr
}

fn serve(mut socket: TcpStream, odd: Odd, number: &mut u32) {
    let mut byte = [0];
    loop {
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            if !matches!(socket.read(&mut byte), Ok(1)) {
                return;
            }
            seen.push(byte[0]);
        }
        *number += 1;
        let is_odd = number.is_multiple_of(3);
        let numbers: Vec<u32> = if is_odd {
            odd.numbers.to_vec()
        } else {
            (1..=EVENTS).collect()
        };
        let mut reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        for event in numbers {
            reply.extend(["9\r\ndata: ", &event.to_string(), "\n\n\r\n"]);
        }
        if !is_odd || odd.ends {
            reply.push_str("0\r\n\r\n");
        }
        if socket.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

/// Drives nine streams, of which three are odd, over one connection.
fn check(odd: Odd, timeout: Duration) -> Recording {
    check_goodput(odd, timeout, None)
}

/// The same, with limits.
fn check_goodput(odd: Odd, timeout: Duration, goodput: Option<Goodput>) -> Recording {
    let addr = server(odd);
    let load = Load {
        arrival: Arrival::Closed,
        connections: NonZeroU32::MIN,
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(20),
        drain: Duration::from_secs(20),
        timeout,
        request_limit: Some(9),
        interval: Duration::from_millis(100),
        seed: 1,
        goodput,
    };
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Events {
            count: EVENTS,
            gap_ns: GAP_NS,
        },
    };
    let request = Request::new(
        "GET",
        "/events?n=5&ms=1",
        &addr.to_string(),
        &[],
        None,
        expect,
    );
    let options = Options {
        cpus: Vec::new(),
        ..Options::default()
    };
    let recording = drive(
        &load,
        &Workload::new(vec![request]),
        addr,
        &options,
        &Control::default(),
    )
    .unwrap();
    assert!(
        recording.accounting.balances(),
        "{:?}",
        recording.accounting
    );
    assert_eq!(recording.accounting.scheduled, 9);
    recording
}

fn odd(numbers: &'static [u32]) -> Odd {
    Odd {
        numbers,
        ends: true,
    }
}

const PATIENT: Duration = Duration::from_secs(10);

#[test]
fn whole_streams_are_right_answers_with_clocks_of_their_own() {
    let recording = check(odd(&[1, 2, 3, 4, 5]), PATIENT);
    let counts = StreamCounts {
        streams: 9,
        events: 45,
        ..StreamCounts::default()
    };
    assert_eq!(recording.streams, counts);
    assert_eq!(recording.times[Clock::FirstEventTime].len(), 9);
    assert_eq!(recording.times[Clock::EventGapLateness].len(), 9 * 4);
    assert!(
        recording.times[Clock::FirstEventTime].max() <= recording.times[Clock::ResponseTime].max()
    );
}

#[test]
fn lost_repeated_and_swapped_events_are_counted_by_name() {
    let cases: [(&'static [u32], ErrorKind, [u64; 4]); 4] = [
        (&[1, 2, 4, 5], ErrorKind::EventsLost, [42, 3, 0, 0]),
        (
            &[1, 2, 3, 3, 4, 5],
            ErrorKind::EventsDuplicated,
            [45, 0, 3, 0],
        ),
        (&[1, 3, 2, 4, 5], ErrorKind::EventsOutOfOrder, [45, 0, 0, 3]),
        (&[1, 2, 3, 4, 9], ErrorKind::WrongBody, [42, 3, 0, 0]),
    ];
    for (numbers, kind, expected) in cases {
        let recording = check(odd(numbers), PATIENT);
        let StreamCounts {
            events,
            lost,
            duplicated,
            out_of_order,
            ..
        } = recording.streams;
        assert_eq!(
            [events, lost, duplicated, out_of_order],
            expected,
            "{numbers:?}"
        );
        assert_eq!(recording.errors.kinds, BTreeMap::from([(kind, 3)]));
    }
}

#[test]
fn a_stream_that_stops_is_late_until_it_is_given_up_and_nothing_of_it_is_lost() {
    let stuck = Odd {
        numbers: &[1, 2],
        ends: false,
    };
    let recording = check(stuck, Duration::from_millis(100));
    assert_eq!(recording.accounting.timeout, 3);
    assert_eq!((recording.streams.events, recording.streams.lost), (36, 0));
    // Its one gap, and a lower bound of the next.
    assert_eq!(
        recording.times[Clock::EventGapLateness].len(),
        6 * 4 + 3 * 2
    );
    assert!(recording.times[Clock::EventGapLateness].max() >= 50_000_000);
    let silent = Odd {
        numbers: &[],
        ends: false,
    };
    let recording = check(silent, Duration::from_millis(100));
    assert_eq!(
        recording.times[Clock::FirstEventTime].len(),
        9,
        "lower bounds"
    );
    assert!(recording.times[Clock::FirstEventTime].max() >= 99_000_000);
}

#[test]
fn a_stream_in_time_is_goodput_and_one_that_is_wrong_or_too_late_is_not() {
    let long_ns = 60_000_000_000;
    let of = |first_event_ns, event_gap_ns| {
        let limits = Goodput {
            response_time_ns: None,
            first_event_ns: Some(first_event_ns),
            event_gap_ns: Some(event_gap_ns),
        };
        check_goodput(odd(&[1, 2, 3, 4]), PATIENT, Some(limits)).in_time
    };
    // Three of nine lose an event.
    assert_eq!(of(long_ns, long_ns), Some(6));
    // No first event comes within a nanosecond.
    assert_eq!(of(1, long_ns), Some(0));
    assert_eq!(check(odd(&[1, 2, 3, 4]), PATIENT).in_time, None);
}
