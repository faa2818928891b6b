//! A chat in rooms that lose, repeat, swap, change or swallow known messages, or throw a member out: the instrument must report
//! exactly that.
//!
//! Which message is matched with which, and what is out of order, is reported without sockets, in `messages`; here nothing asserts
//! on a time but that those given up are late.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and chooses when drives begin"
)]

use model::measured::clock::Clock;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use load::UpgradeError;
use load::{Chat, Control, DriveError, Options, Workload, alone, drive, merge};
use model::measured::accounting::ErrorKind;
use model::measured::recording::{MessageCounts, Recording, Served};
use model::spec::load::{Arrival, Connect, Load, Process};
use model::spec::part::Part;
use model::units::Rate;
use websocket::{Accept, Frame, MAX_CONTROL_BYTES, Message, Poll, Role, Socket, encode};

/// Members of every room.
const MEMBERS: u32 = 3;

/// Messages of every drive in a closed loop.
const MESSAGES: u64 = 9;

/// Longer than any message takes that comes at all.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What a room does with every third message, beginning with the first; it treats the others as it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    /// Nothing else.
    Nothing,
    /// The member who came first does not get it.
    Loses,
    /// That member gets it twice.
    Repeats,
    /// That member gets it after the next one.
    Swaps,
    /// That member gets another text.
    Changes,
    /// Nobody gets it.
    Swallows,
    /// Everyone gets what somebody else says, too.
    HasGuests,
    /// It says it only once its sender has answered a ping.
    Pings,
    /// That member is thrown out instead, once.
    ThrowsOut,
}

/// What all connections of a room share.
struct Room {
    odd: Odd,
    members: Vec<TcpStream>,
    said: u64,
    /// What the first member gets after the next message.
    held: Vec<u8>,
    has_thrown_out: bool,
}

/// Runs a room until the process ends.
fn room(odd: Odd) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let room = Arc::new(Mutex::new(Room {
        odd,
        members: Vec::new(),
        said: 0,
        held: Vec::new(),
        has_thrown_out: false,
    }));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let room = Arc::clone(&room);
            std::thread::spawn(move || take_part(&room, stream.unwrap()));
        }
    });
    addr
}

/// Reads the request for a WebSocket: the value of its key, unless the client leaves.
fn key_of(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let field = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    field.map(str::to_owned)
}

/// What makes the connection a WebSocket.
fn answer_to(key: &str) -> Vec<u8> {
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        Accept::to(key).as_str()
    );
    answer.into_bytes()
}

fn take_part(room: &Mutex<Room>, mut stream: TcpStream) {
    // Or what is said next would wait for the acknowledgement of what was said before.
    stream.set_nodelay(true).unwrap();
    let Some(key) = key_of(&mut stream) else {
        return;
    };
    {
        // Who is said to be in must be.
        let mut room = room.lock().unwrap();
        stream.write_all(&answer_to(&key)).unwrap();
        room.members.push(stream.try_clone().unwrap());
    }
    let mut socket = Socket::new(Role::Server);
    let (mut buffer, mut out) = (vec![0; 4096], Vec::new());
    let mut unsaid = None;
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let mut input = &buffer[..count];
        loop {
            match socket.poll(&mut input, &mut out) {
                Poll::NeedInput => break,
                Poll::Text(text) => {
                    let mut room = room.lock().unwrap();
                    if room.odd == Odd::Pings {
                        unsaid = Some(text);
                        encode(Message::Ping(b"there?"), None, &mut out);
                    } else {
                        room.say(&text);
                    }
                }
                Poll::Pong(payload) => {
                    assert_eq!(payload, b"there?");
                    let text = unsaid.take().expect("a pong answers a ping");
                    room.lock().unwrap().say(&text);
                }
                Poll::Refused(_) | Poll::Closed(_) => return,
            }
        }
        if stream.write_all(&out).is_err() {
            return;
        }
        out.clear();
    }
}

impl Room {
    fn say(&mut self, text: &str) {
        let is_odd = self.said.is_multiple_of(3);
        self.said += 1;
        let usual = Frame::text(text).as_bytes().to_vec();
        let held = std::mem::take(&mut self.held);
        let (first, others) = match self.odd {
            _ if !is_odd => ([usual.clone(), held].concat(), usual),
            Odd::Nothing | Odd::Pings => (usual.clone(), usual),
            Odd::Loses => (Vec::new(), usual),
            Odd::Repeats => (usual.repeat(2), usual),
            Odd::Swaps => {
                self.held.clone_from(&usual);
                (Vec::new(), usual)
            }
            Odd::Changes => {
                let mut changed = usual.clone();
                *changed.last_mut().unwrap() = b'!';
                (changed, usual)
            }
            Odd::Swallows => (Vec::new(), Vec::new()),
            Odd::HasGuests => {
                let guest = Frame::text("hello, everyone");
                let all = [guest.as_bytes(), &usual].concat();
                (all.clone(), all)
            }
            Odd::ThrowsOut if self.has_thrown_out => (usual.clone(), usual),
            Odd::ThrowsOut => {
                self.has_thrown_out = true;
                self.members.remove(0).shutdown(Shutdown::Both).unwrap();
                (usual.clone(), usual)
            }
        };
        // The first member hears what it has twice before the others do, and everything else after them.
        let (early, late) = if self.odd == Odd::Repeats {
            (first, Vec::new())
        } else {
            (Vec::new(), first)
        };
        let mut members = self.members.iter_mut();
        let one = members.next().unwrap();
        // One that has gone misses what is said.
        let _ = one.write_all(&early);
        for member in members {
            let _ = member.write_all(&others);
        }
        let _ = one.write_all(&late);
    }
}

fn load(arrival: Arrival) -> Load {
    Load {
        arrival,
        connections: NonZeroU32::new(MEMBERS).unwrap(),
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(20),
        drain: Duration::from_secs(20),
        timeout: TIMEOUT,
        request_limit: Some(MESSAGES),
        interval: Duration::from_millis(100),
        seed: 1,
        goodput: None,
    }
}

fn driven(load: &Load, addr: SocketAddr, cpus: Vec<u32>) -> Result<Recording, DriveError> {
    let workload = Workload::from(Chat::new(&addr.to_string(), Chat::TARGET, 64));
    let options = Options {
        cpus,
        ..Options::default()
    };
    drive(load, &workload, addr, &options, &Control::default())
}

/// Drives nine messages, of which three are odd.
fn drive_nine(odd: Odd) -> Recording {
    let recording = driven(&load(Arrival::Closed), room(odd), Vec::new()).unwrap();
    assert_eq!(recording.accounting.scheduled, MESSAGES, "{odd:?}");
    recording
}

/// Drives nine messages, of which three are odd: how many were ok, what went wrong, and the deliveries, the lost, the repeated,
/// and those out of order.
#[track_caller]
fn check(odd: Odd, ok: u64, wrong: &[(ErrorKind, u64)], deliveries: [u64; 4]) -> Recording {
    let recording = drive_nine(odd);
    let wrong: BTreeMap<ErrorKind, u64> = wrong.iter().copied().collect();
    let [deliveries, lost, duplicated, out_of_order] = deliveries;
    let counts = MessageCounts {
        sent: MESSAGES,
        deliveries,
        lost,
        duplicated,
        out_of_order,
    };
    assert_eq!(
        (
            recording.accounting.ok,
            &recording.errors.kinds,
            recording.messages
        ),
        (ok, &wrong, counts),
        "{odd:?}"
    );
    recording
}

#[test]
fn a_message_is_a_right_answer_once_everyone_has_it() {
    for odd in [Odd::Nothing, Odd::HasGuests, Odd::Pings] {
        let recording = check(odd, 9, &[], [27, 0, 0, 0]);
        assert_eq!(recording.times[Clock::DeliveryTime].len(), 27);
        assert_eq!(recording.times[Clock::FirstByteTime].len(), 9);
        assert_eq!(
            recording.times[Clock::DeliveryTime].max(),
            recording.times[Clock::ResponseTime].max()
        );
        assert_eq!(
            recording.connections.served,
            Some(Served { min: 9, max: 9 }),
            "everyone hears everything"
        );
    }
}

#[test]
fn what_a_room_does_wrong_is_counted_by_name() {
    // The second comes too late to change the fate of a message that all others have by then.
    let recording = drive_nine(Odd::Repeats);
    let counts = recording.messages;
    assert_eq!(
        [counts.deliveries, counts.lost, counts.duplicated],
        [27, 0, 3]
    );
    assert_eq!(
        recording.accounting.ok + recording.accounting.error,
        MESSAGES
    );
    let is_twice = |kind: &ErrorKind| *kind == ErrorKind::DeliveriesDuplicated;
    assert!(recording.errors.kinds.keys().all(is_twice));
    check(Odd::Changes, 6, &[(ErrorKind::WrongBody, 3)], [24, 3, 0, 0]);
}

#[test]
fn where_members_disagree_about_the_order_something_is_out_of_it() {
    // Which of two orders is the room's depends on who was read first.
    let recording = drive_nine(Odd::Swaps);
    let counts = recording.messages;
    assert_eq!(
        [counts.deliveries, counts.lost, counts.duplicated],
        [27, 0, 0]
    );
    assert!(counts.out_of_order >= 3, "{counts:?}");
    let kinds: Vec<&ErrorKind> = recording.errors.kinds.keys().collect();
    assert_eq!(kinds, [&ErrorKind::DeliveriesOutOfOrder]);
    let recording = drive_nine(Odd::Loses);
    let counts = recording.messages;
    assert_eq!(
        [counts.deliveries, counts.lost, counts.duplicated],
        [24, 3, 0]
    );
    assert_eq!(recording.errors.kinds[&ErrorKind::DeliveriesLost], 3);
}

#[test]
fn a_message_that_nobody_gets_is_given_up_and_nothing_of_it_is_lost() {
    let recording = check(Odd::Swallows, 6, &[], [18, 0, 0, 0]);
    assert_eq!(recording.accounting.timeout, 3);
    assert_eq!(
        recording.times[Clock::DeliveryTime].len(),
        27,
        "lower bounds among them"
    );
    assert!(recording.times[Clock::DeliveryTime].max() >= 999_000_000);
}

#[test]
fn a_member_that_is_thrown_out_comes_back_and_what_it_missed_is_lost() {
    let recording = drive_nine(Odd::ThrowsOut);
    let counts = recording.messages;
    assert!(counts.lost >= 1 && counts.deliveries >= 2, "{counts:?}");
    assert_eq!([counts.duplicated, counts.out_of_order], [0, 0]);
    assert_eq!(
        recording.errors.kinds.keys().collect::<Vec<_>>(),
        [&ErrorKind::DeliveriesLost]
    );
    assert_eq!(recording.connections.reopened, 1);
}

#[test]
fn a_schedule_has_every_member_speak_in_turn_and_one_thread_hears_them_all() {
    let arrival = Arrival::Open {
        rate: Rate::per_s(300.0).unwrap(),
        process: Process::Constant,
    };
    let load = Load {
        warmup: Duration::from_millis(50),
        duration: Duration::from_millis(200),
        request_limit: None,
        ..load(arrival)
    };
    let recording = driven(&load, room(Odd::Nothing), vec![0, 0]).unwrap();
    assert_eq!(
        (recording.accounting.scheduled, recording.accounting.ok),
        (60, 60)
    );
    assert_eq!(recording.messages.deliveries, 60 * u64::from(MEMBERS));
    assert_eq!(recording.generator.threads, 1);
}

/// Drives 60 messages by this many generators, each of which has a part of the members.
fn drive_shared(odd: Odd, generators: u32) -> (Vec<Recording>, Recording) {
    let arrival = Arrival::Open {
        rate: Rate::per_s(300.0).unwrap(),
        process: Process::Poisson,
    };
    let load = Load {
        warmup: Duration::from_millis(50),
        duration: Duration::from_millis(200),
        request_limit: None,
        ..load(arrival)
    };
    let addr = room(odd);
    let workload = Workload::from(Chat::new(&addr.to_string(), Chat::TARGET, 64));
    let at = Instant::now() + Duration::from_millis(300);
    let parts: Vec<Recording> = std::thread::scope(|scope| {
        let drives: Vec<_> = (0..generators)
            .map(|index| {
                let options = Options {
                    part: Part::new(index, generators).unwrap(),
                    room: 7,
                    ..Options::default()
                };
                let (load, workload) = (&load, &workload);
                scope.spawn(move || {
                    let control = Control::default().starting(move || Some(at));
                    drive(load, workload, addr, &options, &control).unwrap()
                })
            })
            .collect();
        drives
            .into_iter()
            .map(|drive| drive.join().unwrap())
            .collect()
    });
    (parts.clone(), merge(&load, parts))
}

#[test]
fn generators_that_share_a_room_see_together_what_one_sees() {
    for odd in [Odd::Nothing, Odd::HasGuests] {
        let (_, one) = drive_shared(odd, 1);
        for generators in [2, 3] {
            let (parts, all) = drive_shared(odd, generators);
            assert_eq!(parts.len() as u64, u64::from(generators));
            assert_eq!(all.accounting, one.accounting, "{odd:?}, {generators}");
            assert_eq!(all.messages, one.messages, "{odd:?}, {generators}");
            assert_eq!(all.errors.kinds, one.errors.kinds);
            for clock in [
                Clock::ResponseTime,
                Clock::ServiceTime,
                Clock::FirstByteTime,
                Clock::DeliveryTime,
            ] {
                assert_eq!(all.times[clock].len(), one.times[clock].len(), "{clock:?}");
            }
            let ok: u64 = all.intervals.iter().map(|interval| interval.ok).sum();
            assert_eq!(ok, all.accounting.ok);
            assert_eq!(all.connections.places, u64::from(MEMBERS));
            assert!(all.shared.is_empty());
        }
    }
    // Who waits for what never comes does not speak, and which of them that is differs from drive to drive.
    let (_, all) = drive_shared(Odd::Swallows, 2);
    assert!(all.accounting.balances(), "{:?}", all.accounting);
    assert!(all.accounting.ok < all.accounting.scheduled);
    assert_eq!(all.messages.lost, 0);
}

#[test]
fn of_a_room_that_is_shared_a_message_that_some_member_lacks_is_wrong_for_all() {
    let bad = |recording: &Recording| recording.accounting.error + recording.accounting.timeout;
    let (_, one) = drive_shared(Odd::Loses, 1);
    let (parts, all) = drive_shared(Odd::Loses, 3);
    // Where it is the only member of a generator, nobody there knows that the room has said it: it has not come in time, and that member does
    // not speak meanwhile.
    assert!(bad(&one) > 0 && bad(&all) > 0);
    assert_eq!(all.accounting.scheduled, one.accounting.scheduled);
    assert!(all.accounting.balances(), "{:?}", all.accounting);
    assert!(parts.iter().all(|part| bad(part) == 0));
    let alone = alone(&load(Arrival::Closed), &parts[0]);
    assert!(alone.accounting.balances(), "{:?}", alone.accounting);
}

#[test]
fn a_peer_that_asks_for_pongs_and_does_not_read_them_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut ping = Vec::new();
    encode(Message::Ping(&[0; MAX_CONTROL_BYTES]), None, &mut ping);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if let Some(key) = key_of(&mut stream) {
                stream.write_all(&answer_to(&key)).unwrap();
                while stream.write_all(&ping).is_ok() {}
            }
        }
    });
    let load = Load {
        connections: NonZeroU32::MIN,
        request_limit: Some(1),
        timeout: Duration::from_secs(20),
        ..load(Arrival::Closed)
    };
    let recording = driven(&load, addr, Vec::new()).unwrap();
    assert_eq!(
        recording.errors.kinds,
        BTreeMap::from([(ErrorKind::DeliveriesLost, 1)])
    );
    // It was left before the start, too, as often as it came into the room.
    assert!(recording.connections.reopened >= 1);
}

#[test]
fn a_server_without_a_chat_is_an_error_that_says_so() {
    let wrong_proof = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    let cases = [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            UpgradeError::Status(404),
        ),
        (wrong_proof, UpgradeError::NoProof),
        ("SSH-2.0-OpenSSH_9.9\r\n", UpgradeError::Malformed),
        ("", UpgradeError::Closed),
    ];
    for (answer, expected) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if key_of(&mut stream).is_some() {
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        match driven(&load(Arrival::Closed), addr, Vec::new()).unwrap_err() {
            DriveError::Upgrade { source, .. } => assert_eq!(source, expected),
            other => panic!("{other}"),
        }
    }
}
