//! Each fault that a server could have is found by the cases that are there for it, and a right server is found right.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use crate::cases::{self, Case, Script};
use crate::outcome::{Group, Needs, id};
use crate::specimen_for_tests::{Fault, STOP, start};
use crate::{check_stop, play};

const STRICT: Needs = Needs {
    has_upstream: false,
    claims_concurrency: true,
    is_strict: true,
};

const GROUPS: [Group; 4] = [
    Group::Orders,
    Group::Events,
    Group::Chat,
    Group::Concurrency,
];

/// The ids of the cases that fail, and why, of those whose id passes `which`.
fn failing(fault: Option<Fault>, needs: Needs, which: &dyn Fn(&str) -> bool) -> Vec<String> {
    let addr = start(fault);
    let host = addr.to_string();
    let fails = |case: Case| {
        let id = id(case.group, &case.name);
        let is_here = GROUPS.contains(&case.group) || matches!(case.script, Script::Punctual(_));
        let is_asked = is_here && which(&id);
        let problem = is_asked.then(|| play(&case, addr, &host).err()).flatten();
        problem.map(|problem| format!("{id}: {}", problem.text))
    };
    cases::all(&host, needs)
        .into_iter()
        .filter_map(fails)
        .collect()
}

#[test]
fn a_right_server_passes() {
    for needs in [
        STRICT,
        Needs {
            is_strict: false,
            ..STRICT
        },
    ] {
        let failed = failing(None, needs, &|route| route != "/db");
        assert_eq!(failed, [""; 0], "{}", failed.join("\n"));
    }
}

/// Plays the cases named, each of which must find the fault and say what is wrong.
fn check(faults: &[(Fault, &[(&str, &str)])]) {
    let known: BTreeSet<String> = cases::all("host", STRICT)
        .iter()
        .map(|case| id(case.group, &case.name))
        .collect();
    thread::scope(|scope| {
        for (fault, finders) in faults {
            let known = &known;
            scope.spawn(move || {
                for (finder, words) in *finders {
                    assert!(known.contains(*finder), "there is no case {finder}");
                    let failed = failing(Some(*fault), STRICT, &|id| id == *finder);
                    let is_found = matches!(&failed[..], [problem] if problem.contains(words));
                    assert!(
                        is_found,
                        "{fault:?}: expected {finder}: …{words}…, got {failed:?}"
                    );
                }
            });
        }
    });
}

#[test]
fn faults_of_timers_are_found() {
    check(&[(
        Fault::WakesEarly,
        &[(
            "routes/GET /sleep/10 again and again, never early",
            "before its 10 ms were over",
        )],
    )]);
}

#[test]
fn faults_of_orders_are_found() {
    check(&[
        (
            Fault::TakesEveryQuantity,
            &[
                ("orders/items.0.quantity: 0 is 422", "expected 422, got 200"),
                (
                    "orders/items.0.quantity: 1001 is 422",
                    "expected 422, got 200",
                ),
                (
                    "orders/items.99.quantity: 0 is 422",
                    "expected 422, got 200",
                ),
            ],
        ),
        (
            Fault::TakesEveryAddress,
            &[(
                "orders/customer.email: no address is 422",
                "expected 422, got 200",
            )],
        ),
        (
            Fault::TakesNumbersAsText,
            &[
                ("orders/customer.id: text is 422", "expected 422, got 200"),
                (
                    "orders/items.1.quantity: text is 422",
                    "expected 422, got 200",
                ),
            ],
        ),
        (
            Fault::TakesTooManyItems,
            &[("orders/items: 101 is 422", "expected 422, got 200")],
        ),
        (
            Fault::CountsSkusInBytes,
            &[
                (
                    "orders/a sku of 32 characters of 2 bytes",
                    "expected 200, got 422",
                ),
                (
                    "orders/a sku of 32 characters of 4 bytes",
                    "expected 200, got 422",
                ),
            ],
        ),
        (
            Fault::CountsSkusInUtf16,
            &[(
                "orders/a sku of 32 characters of 4 bytes",
                "expected 200, got 422",
            )],
        ),
        (
            Fault::AddsUpIn32Bits,
            &[("orders/largest numbers", "that differ from byte 64 on: `")],
        ),
    ]);
}

#[test]
fn faults_of_refused_orders_are_found() {
    check(&[
        (
            Fault::NamesTheListOnly,
            &[("orders/items.0.quantity: 0 is 422", r#"{"field":"items"}"#)],
        ),
        (
            Fault::CallsMalformedInvalid,
            &[
                ("orders/half an object is 400", "expected 400, got 422"),
                ("orders/nothing is 400", "expected 400, got 422"),
                ("orders/NaN is 400", "expected 400, got 422"),
            ],
        ),
        (
            Fault::CallsNoObjectMalformed,
            &[(
                "orders/a list and no object is 422",
                "expected 422, got 400",
            )],
        ),
        (
            Fault::ReplacesWhatIsNoUtf8,
            &[(
                "orders/text that is no UTF-8 is 400",
                "expected 400, got 422",
            )],
        ),
        (
            Fault::AllowsWhatItRefuses,
            &[("orders/GET /orders is 405", "Allow field that names GET")],
        ),
        (
            Fault::TakesAnyLength,
            &[
                ("orders/body of 1 MiB + 1 is 413", "expected 413"),
                ("orders/body of 1 MiB + 1 in chunks is 413", "expected 413"),
            ],
        ),
        (
            Fault::IgnoresChunks,
            &[("orders/in chunks", "expected 200, got 400")],
        ),
    ]);
}

#[test]
fn faults_of_events_are_found() {
    const PACED: &str = "events/each event goes out when it is due";
    const STREAMS: &str = "events/100 streams at once";
    check(&[
        (
            Fault::SendsAllAtTheEnd,
            &[(PACED, "had not come when the next one was due")],
        ),
        (Fault::SendsAllAtOnce, &[(PACED, "came too early")]),
        (
            Fault::SendsInPairs,
            &[(PACED, "had not come when the next one was due")],
        ),
        (
            Fault::LosesAnEvent,
            &[("events/GET /events?n=10000&ms=0", "the events are wrong")],
        ),
        (
            Fault::AnnouncesTheLength,
            &[(
                "events/GET /events?n=3&ms=20",
                "and not announce its length",
            )],
        ),
        (
            Fault::SendsChunksToOldClients,
            &[(
                "events/HTTP/1.0 ends with the connection",
                "can't read a transfer coding",
            )],
        ),
        (
            Fault::ClosesBehindAStream,
            &[
                (
                    "events/GET /events?n=3&ms=20",
                    "closed the connection without a reply",
                ),
                (
                    "events/a request behind a stream is answered",
                    "closed the connection",
                ),
            ],
        ),
        (
            Fault::StreamsToHead,
            &[(
                "events/HEAD /events?n=10000&ms=60000",
                "no reply came within",
            )],
        ),
        (
            Fault::ServesOneStreamAtATime,
            &[
                (STREAMS, "5 s"),
                (
                    "concurrency//events beside a slow /events",
                    "requests that wait hold up the others",
                ),
            ],
        ),
        (
            Fault::IgnoresUnknownKeys,
            &[(
                "events/GET /events?n=1&ms=0&x=1 is 400",
                "expected 400, got 200",
            )],
        ),
        (
            Fault::WaitsBehindTheLastEvent,
            &[("events/GET /events?n=1&ms=60000", "not complete after 5 s")],
        ),
        (
            Fault::AllowsCaching,
            &[("events/GET /events?n=1&ms=0", "Cache-Control: no-cache")],
        ),
    ]);
}

/// Which case finds it depends on when the server learns that a client has left.
#[test]
fn a_server_that_stops_once_a_client_left_is_found() {
    let failed = failing(Some(Fault::StopsOnceAClientLeft), STRICT, &|id| {
        id.contains("that leave between events") || id.ends_with("streams at once")
    });
    assert!(!failed.is_empty());
}

#[test]
fn faults_of_handshakes_are_found() {
    check(&[
        (
            Fault::AcceptsWithTheKey,
            &[("chat/a handshake", "Sec-WebSocket-Accept must be")],
        ),
        (
            Fault::TakesCompression,
            &[(
                "chat/a compression that is offered is not taken",
                "101 must come without Sec-WebSocket-Extensions",
            )],
        ),
        (
            Fault::UpgradesEverything,
            &[("chat/a handshake with /json", "got 101")],
        ),
        (
            Fault::TakesEveryVersion,
            &[("chat/version 8", "expected 426 or 400, got 101")],
        ),
        (
            Fault::RefusesWithoutUpgrade,
            &[(
                "chat/no upgrade is 426",
                "426 must come with Upgrade: websocket",
            )],
        ),
    ]);
}

#[test]
fn faults_of_messages_are_found() {
    const TALK: &str = "chat/two who talk at once are heard in one order";
    const ORDER: &str = "chat/messages to all, in their order";
    const ONESELF: &str = "chat/a message to oneself";
    check(&[
        (
            Fault::LosesAMessage,
            &[(TALK, "member 1: the server said nothing more")],
        ),
        (
            Fault::SwapsMessages,
            &[(TALK, "order"), (ORDER, "said nothing more")],
        ),
        (
            Fault::ForgetsTheSender,
            &[(ONESELF, "said nothing more within 5 s")],
        ),
        (
            Fault::TellsTheSenderOnly,
            &[(ORDER, "connection 2 of 3: the server said nothing")],
        ),
        (
            Fault::HasTwoRooms,
            &[(ORDER, "connection 2 of 3: the server said nothing")],
        ),
        (
            Fault::Mangles,
            &[("chat/words of every alphabet", "the message is wrong")],
        ),
        (
            Fault::SendsEachFrame,
            &[("chat/a message in three frames", "the message is wrong")],
        ),
        (Fault::MasksItsFrames, &[(ONESELF, "that is masked")]),
        (
            Fault::TakesLessThanTheLongest,
            &[(
                "chat/a message of 65536 bytes",
                "expected a message, got Close with 1009",
            )],
        ),
        (
            Fault::WaitsForTheDeaf,
            &[(
                "chat/one who does not read costs the others nothing",
                "to one who reads and one who does not",
            )],
        ),
        (
            Fault::WaitsForTheDeafForEver,
            &[(
                "chat/one who lets too much wait is disconnected",
                "was not disconnected",
            )],
        ),
        (
            Fault::StopsAtTheDeparted,
            &[("chat/a member that leaves", "said nothing more within 5 s")],
        ),
    ]);
}

#[test]
fn faults_of_frames_are_found() {
    check(&[
        (
            Fault::SendsNoPong,
            &[("chat/a ping, of 4 bytes", "said nothing more within 5 s")],
        ),
        (
            Fault::SendsEmptyPongs,
            &[("chat/a ping, of 125 bytes", "the pong is wrong")],
        ),
        (
            Fault::PassesPingsOn,
            &[(
                "chat/pings are nobody else's",
                "expected a pong, got a message",
            )],
        ),
        (
            Fault::PassesBinaryOn,
            &[(
                "chat/a binary message is 1003",
                "expected Close with 1003, got a message",
            )],
        ),
        (
            Fault::TakesMoreThanTheLongest,
            &[(
                "chat/65537 bytes are 1009",
                "expected Close with 1009, got a message",
            )],
        ),
        (
            Fault::TakesMoreInFrames,
            &[("chat/65537 bytes in two frames are 1009", "got a message")],
        ),
        (
            Fault::TakesUnmasked,
            &[(
                "chat/a frame without a mask",
                "expected Close with 1002, got a message",
            )],
        ),
        (
            Fault::PassesOnWhatIsNoUtf8,
            &[
                (
                    "chat/a byte that is no UTF-8",
                    "expected Close with 1007, got a message",
                ),
                ("chat/no UTF-8 over two frames", "got a message"),
            ],
        ),
        (
            Fault::TakesReserved,
            &[(
                "chat/reserved bit 1",
                "expected Close with 1002, got a message",
            )],
        ),
        (
            Fault::FallsSilent,
            &[
                ("chat/reserved type 3", "said nothing more within 5 s"),
                ("chat/a ping in parts", "said nothing more within 5 s"),
            ],
        ),
        (
            Fault::SaysNoCode,
            &[(
                "chat/reserved bit 2",
                "expected Close with 1002, got the end of the connection",
            )],
        ),
        (
            Fault::AnswersNoClose,
            &[("chat/Close with 1000", "said nothing more within 5 s")],
        ),
        (
            Fault::NeverHangsUp,
            &[(
                "chat/Close with 1000",
                "did not close the connection after the closing",
            )],
        ),
    ]);
}

#[test]
fn floods_of_pings_find_who_can_not_stand_them() {
    const AT_ONCE: &str = "chat/5000 pings in one write";
    const UNREAD: &str = "chat/one who pings and does not read costs the others nothing";
    check(&[
        (
            Fault::TiresOfPings,
            &[(
                AT_ONCE,
                "with 4000 pings unanswered: the server said nothing",
            )],
        ),
        (
            Fault::KeepsEveryPong,
            &[(
                UNREAD,
                "pongs were kept for it: the server must stop reading",
            )],
        ),
        (
            Fault::WritesPongsAtOnce,
            &[(
                UNREAD,
                "pings of one who does not read: member 1: the server said nothing",
            )],
        ),
    ]);
}

#[test]
fn how_a_server_stops_is_looked_at() {
    let problem = |fault| {
        let addr = start(fault);
        let host = addr.to_string();
        let ask = format!("GET {STOP} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let stop = || {
            let mut stream = TcpStream::connect(addr).unwrap();
            stream.write_all(ask.as_bytes()).unwrap();
            // The first byte of the answer: it is done.
            stream.read_exact(&mut [0]).unwrap();
        };
        check_stop(addr, &host, stop).problem
    };
    assert_eq!(problem(None), None);
    for (fault, words) in [
        (
            Fault::StopsForARestart,
            "expected Close with 1001, got Close with 1012",
        ),
        (
            Fault::StopsWithoutAWord,
            "expected Close with 1001, got the end of the connection",
        ),
        (
            Fault::StopsAndWaits,
            "the server said nothing more within 5 s",
        ),
    ] {
        let problem = problem(Some(fault));
        let is_found = problem
            .as_ref()
            .is_some_and(|problem| problem.contains(words));
        assert!(is_found, "{fault:?}: {problem:?}");
    }
}

/// What is the contract's is asked of everyone; what is only the RFC's leeway, of our own servers.
#[test]
fn other_servers_may_close_without_a_word_but_for_the_contracts_codes() {
    let lenient = Needs {
        is_strict: false,
        ..STRICT
    };
    let fails =
        |case: &str| !failing(Some(Fault::SaysNoCode), lenient, &|id| id == case).is_empty();
    assert!(!fails("chat/reserved bit 2"));
    assert!(!fails("chat/a byte that is no UTF-8"));
    assert!(fails("chat/65537 bytes are 1009"));
    assert!(fails("chat/a binary message is 1003"));
}
