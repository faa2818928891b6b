//! `GET /chat`: WebSocket (RFC 6455), and one room for all.

use http1::Method;
use spec::Route;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::cases::{Asking, Case, Script, alone, not_allowed};
use crate::judge::{Accept, Expected};
use crate::outcome::Group;
use crate::room::{Conversation, Deaf, Flood};
use crate::script::{Ending, Refusal, Step, Turn, tag};
use crate::websocket::{
    BINARY, CHAT, CLOSE, CONTINUE, MAX_CONTROL_BYTES, NO_CODE, PING, PONG, TEXT, VERSION, close,
    frame, handshake, header, key, part, text,
};

/// The longest message that is passed on, in bytes.
const MAX_MESSAGE_BYTES: usize = 65_536;

/// Lengths at which frames are written differently (RFC 6455 §5.2), and the longest.
const LENGTHS: [usize; 6] = [125, 126, 127, 65_535, MAX_MESSAGE_BYTES, 300];

/// Members at once.
const MANY_MEMBERS: usize = 50;

/// Messages that nobody has read yet. Fewer than may wait.
const WAITING: usize = 1_000;

/// Pings at once. They and their pongs fit into the kernel's buffers, so that nobody has to read while they are sent.
const MANY_PINGS: usize = 5_000;

/// Frames of one message.
const MANY_PARTS: usize = 1_000;

/// Who does what a case is about, and who only watches what it does to others.
const GUEST: usize = 0;
const WITNESS: usize = 1;

/// Frames that end the WebSocket of their sender, and the code with which it ends.
struct Hostile {
    name: &'static str,
    bytes: Vec<u8>,
    codes: &'static [u16],
}

/// RFC 6455 §7.4.1.
const PROTOCOL_ERROR: &[u16] = &[1002];
const NOT_ACCEPTED: &[u16] = &[1003];
const NO_UTF8: &[u16] = &[1007];
const TOO_BIG: &[u16] = &[1009];

impl Asking<'_> {
    pub(super) fn chat(&self) -> Vec<Case> {
        [
            self.handshakes(),
            self.no_handshakes(),
            self.bad_handshakes(),
            self.wrong_methods(),
            self.messages(),
            self.control_frames(),
            self.closings(),
            self.departures(),
            self.refused_messages(),
            self.hostile_frames(),
            self.crowds(),
        ]
        .concat()
    }

    fn handshakes(&self) -> Vec<Case> {
        let with = |name: &str, others: &str| {
            let key = key(GUEST);
            let request = handshake(self.host, &key, others);
            self.room(name)
                .turn(GUEST, Step::Send(request))
                .turn(GUEST, Step::Upgraded(key))
                .says(GUEST, "hello")
                .hears(GUEST, "hello")
        };
        let spelt = |name: &str, from: &str, to: &str| {
            let key = key(GUEST);
            let request = handshake(self.host, &key, "");
            let request = replaced(&String::from_utf8_lossy(&request), from, to);
            self.room(name)
                .turn(GUEST, Step::Send(request.into_bytes()))
                .turn(GUEST, Step::Upgraded(key))
                .says(GUEST, "hello")
                .hears(GUEST, "hello")
        };
        let in_pieces = {
            let key = key(GUEST);
            let request = handshake(self.host, &key, "");
            let pieces = request.chunks(7).map(<[u8]>::to_vec).collect();
            self.room("a handshake 7 bytes at a time")
                .turn(GUEST, Step::SendPieces(pieces))
                .turn(GUEST, Step::Upgraded(key))
                .says(GUEST, "hello")
                .hears(GUEST, "hello")
        };
        let behind = self
            .room("a handshake on a connection that was used before")
            .turn(GUEST, Step::Send(self.get("/json")))
            .turn(GUEST, Step::Reply(self.served(Method::Get, "/json")))
            .joins(GUEST)
            .says(GUEST, "hello")
            .hears(GUEST, "hello");
        let pipelined = {
            let key = key(GUEST);
            let mut requests = self.get("/sleep/50");
            requests.extend(handshake(self.host, &key, ""));
            self.room("a handshake pipelined behind a request")
                .turn(GUEST, Step::Send(requests))
                .turn(GUEST, Step::Reply(self.served(Method::Get, "/sleep/50")))
                .turn(GUEST, Step::Upgraded(key))
                .says(GUEST, "hello")
                .hears(GUEST, "hello")
        };
        [
            with("a handshake", ""),
            with(
                "a browser's handshake",
                "Origin: http://elsewhere.example\r\nUser-Agent: bench\r\nAccept-Encoding: gzip\r\nPragma: no-cache\r\n",
            ),
            with(
                "a compression that is offered is not taken",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
            ),
            with(
                "a subprotocol that is offered is not taken",
                "Sec-WebSocket-Protocol: chat, superchat\r\n",
            ),
            spelt(
                "Connection: keep-alive, Upgrade",
                "Connection: Upgrade",
                "Connection: keep-alive, Upgrade",
            ),
            spelt(
                "a handshake in other letters",
                "Upgrade: websocket\r\nConnection: Upgrade",
                "UPGRADE: WebSocket\r\nconnection: upgrade",
            ),
            in_pieces,
            behind,
            pipelined,
        ]
        .map(Room::into_case)
        .into()
    }

    /// 426 where nothing that can be had here was asked for.
    fn no_handshakes(&self) -> Vec<Case> {
        let upgrade = [Accept::Naming(426, "Upgrade", "websocket")];
        let request = |fields: &str| {
            let host = self.host;
            format!("GET {CHAT} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n")
        };
        let h2c = "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: \r\n";
        vec![
            self.refused_handshake("no upgrade is 426", request(""), &upgrade),
            self.refused_handshake("an upgrade to h2c is 426", request(h2c), &upgrade),
        ]
    }

    fn bad_handshakes(&self) -> Vec<Case> {
        let host = self.host;
        let whole = handshake(host, &key(GUEST), "");
        let whole = String::from_utf8_lossy(&whole);
        let without = |field: &str| {
            let lines = whole.split_inclusive("\r\n");
            let others: Vec<&str> = lines.filter(|line| !line.starts_with(field)).collect();
            others.concat()
        };
        let with = |from: &str, to: &str| replaced(&whole, from, to);
        // RFC 6455 §4.4: the version that is spoken here comes with the refusal of another.
        let version = [
            Accept::Naming(426, "Sec-WebSocket-Version", VERSION),
            Accept::Status(400),
        ];
        // The RFC wants an error; that it is no upgrade at all is an answer as well.
        let bad = [
            Accept::Status(400),
            Accept::Naming(426, "Upgrade", "websocket"),
        ];
        let key = key(GUEST);
        let mut cases: Vec<Case> = [
            ("version 8", with("Version: 13", "Version: 8"), &version),
            ("version 130", with("Version: 13", "Version: 130"), &version),
            ("no version", without("Sec-WebSocket-Version"), &version),
            ("no key", without("Sec-WebSocket-Key"), &bad),
            ("an empty key", with(&key, ""), &bad),
            ("a key that is no base64", with(&key, "not base64!"), &bad),
            ("a key of 3 bytes", with(&key, "AAAA"), &bad),
            ("no Connection: Upgrade", without("Connection"), &bad),
            ("no Upgrade: websocket", without("Upgrade"), &bad),
            ("a query", with(CHAT, "/chat?x=1"), &bad),
        ]
        .into_iter()
        .map(|(name, sent, any_of)| self.refused_handshake(name, sent, any_of))
        .collect();
        // RFC 9110 §7.8: in HTTP/1.0 there are no upgrades. Widespread libraries don't look.
        if self.needs.is_strict {
            let old = with("HTTP/1.1", "HTTP/1.0");
            cases.push(self.refused_handshake("a handshake in HTTP/1.0", old, &bad));
        }
        // The server may pass over an upgrade that the route does not know (RFC 9110 §7.8), or refuse it.
        cases.extend(["/json", "/nope"].map(|target| {
            let refusal = Refusal {
                statuses: vec![400, 403, 404, 426, 501],
                or_served: (target == "/json").then_some(Route::Json),
            };
            let steps = vec![
                Step::Send(with(CHAT, target).into_bytes()),
                Step::Refusal(refusal),
            ];
            alone(Group::Chat, format!("a handshake with {target}"), steps)
        }));
        cases
    }

    fn refused_handshake(&self, name: &str, sent: String, any_of: &[Accept]) -> Case {
        let expected = Expected {
            to: Method::Get,
            any_of: any_of.to_vec(),
        };
        let steps = vec![
            Step::Send(sent.into_bytes()),
            Step::Reply(expected),
            Step::Send(self.get("/json")),
            Step::ReplyOrEnd(self.served(Method::Get, "/json")),
        ];
        alone(Group::Chat, name.to_owned(), steps)
    }

    fn wrong_methods(&self) -> Vec<Case> {
        let refused = |method| {
            let steps = vec![
                Step::Send(self.request(method, CHAT)),
                Step::Reply(not_allowed(method)),
            ];
            alone(Group::Chat, format!("{method} {CHAT} is 405"), steps)
        };
        [Method::Post, Method::Put, Method::Delete]
            .map(refused)
            .into()
    }

    fn messages(&self) -> Vec<Case> {
        let mut rooms = vec![
            self.room("a message to oneself")
                .joins(GUEST)
                .says(GUEST, "hello")
                .hears(GUEST, "hello"),
            self.room("messages to all, in their order")
                .joins(0)
                .joins(1)
                .joins(2)
                .says(0, "one")
                .everyone_hears(3, "one")
                .says(1, "two")
                .everyone_hears(3, "two")
                .says(2, "three")
                .says(2, "four")
                .everyone_hears(3, "three")
                .everyone_hears(3, "four"),
            self.room("who joins later hears what is said later")
                .joins(0)
                .says(0, "early")
                .hears(0, "early")
                .joins(1)
                .says(0, "late")
                .hears(0, "late")
                .hears(1, "late"),
            self.room("words of every alphabet")
                .joins(GUEST)
                .says(
                    GUEST,
                    "ä ß € 漢字 😀 \0 \u{7f} \u{feff} \u{10ffff} \r\n \"quoted\" <b>&amp;",
                )
                .hears(
                    GUEST,
                    "ä ß € 漢字 😀 \0 \u{7f} \u{feff} \u{10ffff} \r\n \"quoted\" <b>&amp;",
                ),
            self.room("an empty message")
                .joins(GUEST)
                .sends(GUEST, &text(""))
                .turn(GUEST, Step::Hear(String::new())),
            self.room("a mask of zeros")
                .joins(GUEST)
                .frame(
                    GUEST,
                    &FrameHeader {
                        mask: Some([0; 4]),
                        ..header(TEXT)
                    },
                    "hello",
                )
                .hears(GUEST, "hello"),
        ];
        rooms.extend(LENGTHS.map(|bytes| {
            let room = self.room(&format!("a message of {bytes} bytes"));
            let words = room.words_of(bytes, "a");
            room.joins(GUEST)
                .joins(WITNESS)
                .says(GUEST, &words)
                .everyone_hears(2, &words)
        }));
        let room = self.room("a message of 65536 bytes beyond ASCII");
        let words = room.words_of(MAX_MESSAGE_BYTES, "é");
        rooms.push(room.joins(GUEST).says(GUEST, &words).hears(GUEST, &words));
        rooms.extend(self.framed_messages());
        rooms.into_iter().map(Room::into_case).collect()
    }

    /// Messages that come in several frames, several writes, or many at once.
    fn framed_messages(&self) -> Vec<Room> {
        let room = self.room("a message in three frames");
        let begin = room.tagged("on");
        let in_frames = [
            frame(&part(TEXT), begin.as_bytes()),
            frame(&part(CONTINUE), b""),
            frame(&header(CONTINUE), b"e"),
        ];
        let three = room
            .joins(GUEST)
            .joins(WITNESS)
            .sends(GUEST, &in_frames.concat())
            .everyone_hears(2, "one");
        let room = self.room("a character in two frames");
        let cut = room.tagged("é");
        let (one, other) = cut.as_bytes().split_at(cut.len() - 1);
        let in_frames = [frame(&part(TEXT), one), frame(&header(CONTINUE), other)];
        let character = room
            .joins(GUEST)
            .sends(GUEST, &in_frames.concat())
            .hears(GUEST, "é");
        let room = self.room(&format!("a message in {MANY_PARTS} frames"));
        let many = room.tagged(&"z".repeat(MANY_PARTS));
        let (last, others) = many.as_bytes().split_last().expect("a tag is not empty");
        let mut in_frames: Vec<u8> = others
            .chunks(1)
            .enumerate()
            .flat_map(|(i, byte)| frame(&part(if i == 0 { TEXT } else { CONTINUE }), byte))
            .collect();
        in_frames.extend(frame(&header(CONTINUE), &[*last]));
        let many = room
            .joins(GUEST)
            .sends(GUEST, &in_frames)
            .hears(GUEST, &"z".repeat(MANY_PARTS));
        let room = self.room("a ping within a message");
        let begin = room.tagged("on");
        let in_frames = [
            frame(&part(TEXT), begin.as_bytes()),
            frame(&header(PING), b"there?"),
            frame(&header(CONTINUE), b"e"),
        ];
        let ping = room
            .joins(GUEST)
            .sends(GUEST, &in_frames.concat())
            .turn(GUEST, Step::Pong(b"there?".to_vec()))
            .hears(GUEST, "one");
        let room = self.room("a message in single bytes");
        let bytes = text(&room.tagged("hi"));
        let single = room
            .joins(GUEST)
            .turn(
                GUEST,
                Step::SendPieces(bytes.chunks(1).map(<[u8]>::to_vec).collect()),
            )
            .hears(GUEST, "hi");
        let mut waiting = self
            .room(&format!("{WAITING} messages in one write"))
            .joins(GUEST)
            .joins(WITNESS);
        let said: Vec<u8> = (0..WAITING)
            .flat_map(|number| text(&waiting.tagged(&number.to_string())))
            .collect();
        waiting = waiting.sends(GUEST, &said);
        for number in 0..WAITING {
            waiting = waiting.everyone_hears(2, &number.to_string());
        }
        vec![three, character, many, ping, single, waiting]
    }

    fn control_frames(&self) -> Vec<Case> {
        let most = "p".repeat(MAX_CONTROL_BYTES);
        let mut rooms: Vec<Room> = [
            ("empty", ""),
            ("of 4 bytes", "ping"),
            ("of 125 bytes", &most),
        ]
        .into_iter()
        .map(|(what, payload)| {
            self.room(&format!("a ping, {what}"))
                .joins(GUEST)
                .sends(GUEST, &frame(&header(PING), payload.as_bytes()))
                .turn(GUEST, Step::Pong(payload.as_bytes().to_vec()))
                .says(GUEST, "hello")
                .hears(GUEST, "hello")
        })
        .collect();
        rooms.extend([
            self.room("a pong that nobody asked for")
                .joins(GUEST)
                .sends(GUEST, &frame(&header(PONG), b"here"))
                .says(GUEST, "hello")
                .hears(GUEST, "hello"),
            self.room("pings are nobody else's")
                .joins(GUEST)
                .joins(WITNESS)
                .sends(GUEST, &frame(&header(PING), b"there?"))
                .turn(GUEST, Step::Pong(b"there?".to_vec()))
                .says(WITNESS, "hello")
                .everyone_hears(2, "hello"),
        ]);
        rooms.into_iter().map(Room::into_case).collect()
    }

    /// How a WebSocket ends that its client ends (RFC 6455 §5.5.1 and §7).
    fn closings(&self) -> Vec<Case> {
        let longest = "r".repeat(MAX_CONTROL_BYTES - 2);
        let answered = [
            ("Close", frame(&header(CLOSE), b""), vec![NO_CODE, 1000]),
            ("Close with 1000", close(1000, ""), vec![1000]),
            (
                "Close with 1001 and a reason",
                close(1001, "bye é"),
                vec![1001, 1000],
            ),
            ("Close with 3000", close(3000, ""), vec![3000, 1000]),
            (
                "Close with 4999 and a long reason",
                close(4999, &longest),
                vec![4999, 1000],
            ),
        ];
        let answered = answered.into_iter().map(|(name, sent, codes)| {
            self.room(name)
                .joins(WITNESS)
                .joins(GUEST)
                .sends(GUEST, &sent)
                .ends(GUEST, &codes, false, true)
                .says(WITNESS, "still here")
                .hears(WITNESS, "still here")
        });
        // What no Close frame may say (RFC 6455 §7.4.2). The server's own has a code that fits the fault.
        let wrong = [999, 1004, 1005, 1006, 1015, 2999, 5000].map(|code| {
            let name = format!("Close with {code}, which no frame may carry");
            (name, close(code, ""), vec![1002])
        });
        let others = [
            (
                "Close with half a code".to_owned(),
                frame(&header(CLOSE), &[0x03]),
                vec![1002],
            ),
            (
                "Close with a reason that is no UTF-8".to_owned(),
                frame(&header(CLOSE), b"\x03\xe8\xff"),
                vec![1002, 1007],
            ),
        ];
        let wrong = wrong.into_iter().chain(others).map(|(name, sent, codes)| {
            self.room(&name).joins(GUEST).sends(GUEST, &sent).ends(
                GUEST,
                &codes,
                self.may_disconnect(),
                true,
            )
        });
        answered.chain(wrong).map(Room::into_case).collect()
    }

    /// Members that go away, and those who stay.
    fn departures(&self) -> Vec<Case> {
        let unfinished = frame(&part(TEXT), b"unfin");
        let whole = text("cut off");
        let half = &whole[..whole.len() / 2];
        let leaving = [
            ("a member that leaves", &[][..]),
            ("a member that leaves within a frame", half),
            ("a member that leaves within a message", &unfinished),
        ];
        let left = leaving.map(|(name, last)| {
            self.room(name)
                .joins(GUEST)
                .joins(WITNESS)
                .says(WITNESS, "both")
                .everyone_hears(2, "both")
                .sends(GUEST, last)
                .turn(GUEST, Step::Leave)
                .says(WITNESS, "alone")
                .says(WITNESS, "still")
                .hears(WITNESS, "alone")
                .hears(WITNESS, "still")
        });
        let finished = self
            .room("a member that says no more")
            .joins(WITNESS)
            .joins(GUEST)
            .turn(GUEST, Step::FinishSending)
            .ends(GUEST, &[1000, 1001, 1002, NO_CODE], true, true)
            .says(WITNESS, "still here")
            .hears(WITNESS, "still here");
        let knocking = self
            .room("a member that leaves within its handshake")
            .joins(WITNESS)
            .turn(
                GUEST,
                Step::Send(handshake(self.host, &key(GUEST), "")[..60].to_vec()),
            )
            .turn(GUEST, Step::Leave)
            .says(WITNESS, "still here")
            .hears(WITNESS, "still here");
        let unheard = self
            .room("a member that leaves without having heard")
            .joins(WITNESS)
            .joins(GUEST)
            .says(GUEST, "and off")
            .turn(GUEST, Step::Leave)
            .hears(WITNESS, "and off")
            .says(WITNESS, "still here")
            .hears(WITNESS, "still here");
        left.into_iter()
            .chain([finished, knocking, unheard])
            .map(Room::into_case)
            .collect()
    }

    /// What the contract refuses, with these codes and no others.
    fn refused_messages(&self) -> Vec<Case> {
        let long = "a".repeat(MAX_MESSAGE_BYTES + 1);
        let wide = "é".repeat(MAX_MESSAGE_BYTES / 2 + 1);
        let (half, rest) = long.split_at(40_000);
        let endless = (0..3).map(|i| {
            let opcode = if i == 0 { TEXT } else { CONTINUE };
            frame(&part(opcode), half.as_bytes())
        });
        [
            (
                "a binary message is 1003",
                frame(&header(BINARY), b"\x00\xff"),
                NOT_ACCEPTED,
            ),
            (
                "an empty binary message is 1003",
                frame(&header(BINARY), b""),
                NOT_ACCEPTED,
            ),
            (
                "a binary message in two frames is 1003",
                [frame(&part(BINARY), b"a"), frame(&header(CONTINUE), b"b")].concat(),
                NOT_ACCEPTED,
            ),
            ("65537 bytes are 1009", text(&long), TOO_BIG),
            ("65538 bytes beyond ASCII are 1009", text(&wide), TOO_BIG),
            (
                "65537 bytes in two frames are 1009",
                [
                    frame(&part(TEXT), half.as_bytes()),
                    frame(&header(CONTINUE), rest.as_bytes()),
                ]
                .concat(),
                TOO_BIG,
            ),
            (
                "120000 bytes in frames without an end are 1009",
                endless.collect::<Vec<_>>().concat(),
                TOO_BIG,
            ),
        ]
        .map(|(name, bytes, codes)| self.thrown_out(name, &bytes, codes, false))
        .into()
    }

    fn hostile_frames(&self) -> Vec<Case> {
        hostile_frames()
            .into_iter()
            .map(|hostile| {
                self.thrown_out(
                    hostile.name,
                    &hostile.bytes,
                    hostile.codes,
                    self.may_disconnect(),
                )
            })
            .chain([self.garbage()])
            .collect()
    }

    /// A request where frames are due reads as one with reserved bits.
    fn garbage(&self) -> Case {
        let name = "a request instead of a frame";
        self.thrown_out(
            name,
            &self.get("/json"),
            PROTOCOL_ERROR,
            self.may_disconnect(),
        )
    }

    /// The sender of this is disconnected, and the others hear nothing of it.
    fn thrown_out(&self, name: &str, bytes: &[u8], codes: &[u16], or_disconnect: bool) -> Case {
        self.room(name)
            .joins(WITNESS)
            .joins(GUEST)
            .sends(GUEST, bytes)
            .ends(GUEST, codes, or_disconnect, false)
            .says(WITNESS, "still here")
            .hears(WITNESS, "still here")
            .into_case()
    }

    /// The RFC lets a server that has had enough close without a word (§7.1.7); ours says why.
    fn may_disconnect(&self) -> bool {
        !self.needs.is_strict
    }

    fn crowds(&self) -> Vec<Case> {
        let case = |name: &str, script| Case {
            group: Group::Chat,
            name: name.to_owned(),
            script,
        };
        let mut crowd = self.room(&format!("{MANY_MEMBERS} members"));
        for member in 0..MANY_MEMBERS {
            crowd = crowd.joins(member);
        }
        crowd = crowd.says(7, "hello").everyone_hears(MANY_MEMBERS, "hello");
        for member in 1..MANY_MEMBERS {
            crowd = crowd.turn(member, Step::Leave);
        }
        crowd = crowd.says(0, "alone").hears(0, "alone");
        vec![
            crowd.into_case(),
            case(
                "two who talk at once are heard in one order",
                Script::Conversation(Conversation {
                    speakers: 2,
                    listeners: 2,
                    messages: 250,
                }),
            ),
            case(
                "eight who talk at once are heard in one order",
                Script::Conversation(Conversation {
                    speakers: 8,
                    listeners: 0,
                    messages: 100,
                }),
            ),
            case(
                "one who does not read costs the others nothing",
                Script::Deaf(Deaf { must_end: false }),
            ),
            case(
                "one who lets too much wait is disconnected",
                Script::Deaf(Deaf { must_end: true }),
            ),
            case(
                &format!("{MANY_PINGS} pings in one write"),
                Script::Flood(Flood::AtOnce(MANY_PINGS)),
            ),
            case(
                "one who pings and does not read costs the others nothing",
                Script::Flood(Flood::Unread),
            ),
        ]
    }

    fn room(&self, name: &str) -> Room {
        Room {
            name: name.to_owned(),
            tag: tag(name),
            host: self.host.to_owned(),
            turns: Vec::new(),
        }
    }
}

fn replaced(request: &str, from: &str, to: &str) -> String {
    assert!(
        request.contains(from),
        "{from} is to be replaced in {request}"
    );
    request.replace(from, to)
}

/// What no client may send (RFC 6455 §5 and §8.1).
#[rustfmt::skip]
fn hostile_frames() -> Vec<Hostile> {
    let hostile = |name, codes, bytes| Hostile { name, bytes, codes };
    let bad = |name, bytes| hostile(name, PROTOCOL_ERROR, bytes);
    let no_utf8 = |name, payload: &[u8]| hostile(name, NO_UTF8, frame(&header(TEXT), payload));
    let text = header(TEXT);
    let unmasked = FrameHeader { mask: None, ..header(TEXT) };
    let announced = |length: u64| [&[0x81, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    let too_long = [b'c'; MAX_CONTROL_BYTES + 1];
    vec![
        bad("a frame without a mask", frame(&unmasked, b"hello")),
        bad("a ping without a mask", frame(&FrameHeader { opcode: PING, ..unmasked }, b"")),
        bad("reserved bit 1", frame(&FrameHeader { rsv1: true, ..text.clone() }, b"hello")),
        bad("reserved bit 2", frame(&FrameHeader { rsv2: true, ..text.clone() }, b"hello")),
        bad("reserved bit 3", frame(&FrameHeader { rsv3: true, ..text }, b"hello")),
        bad("a reserved bit in a ping", frame(&FrameHeader { rsv1: true, ..header(PING) }, b"")),
        bad("reserved type 3", frame(&header(OpCode::Data(Data::Reserved(3))), b"hello")),
        bad("reserved type 7", frame(&header(OpCode::Data(Data::Reserved(7))), b"")),
        bad("reserved type 11", frame(&header(OpCode::Control(Control::Reserved(11))), b"")),
        bad("reserved type 15", frame(&header(OpCode::Control(Control::Reserved(15))), b"hello")),
        bad("a ping of 126 bytes", frame(&header(PING), &too_long)),
        bad("a pong of 126 bytes", frame(&header(PONG), &too_long)),
        bad("a Close frame of 126 bytes", frame(&header(CLOSE), &[&1000_u16.to_be_bytes()[..], &too_long[2..]].concat())),
        bad("a ping in parts", frame(&part(PING), b"pi")),
        bad("a Close frame in parts", frame(&part(CLOSE), b"")),
        bad("a continuation of nothing", frame(&header(CONTINUE), b"hello")),
        bad("a message within a message", [frame(&part(TEXT), b"one"), frame(&header(TEXT), b"two")].concat()),
        bad("binary within a message", [frame(&part(TEXT), b"one"), frame(&header(BINARY), b"two")].concat()),
        hostile("an announcement of 2^32 bytes", TOO_BIG, announced(1 << 32)),
        hostile("an announcement of 2^63 - 1 bytes", TOO_BIG, announced((1 << 63) - 1)),
        // The first bit of a length is 0 (§5.2): it is both.
        hostile("an announcement of 2^64 - 1 bytes", &[1002, 1009], announced(u64::MAX)),
        no_utf8("a byte that is no UTF-8", b"hello \xff"),
        no_utf8("a character in too many bytes", b"\xc0\xaf"),
        no_utf8("half a pair of UTF-16", b"\xed\xa0\x80"),
        no_utf8("a character beyond Unicode", b"\xf4\x90\x80\x80"),
        no_utf8("a character that is cut off", b"hello \xe2\x82"),
        hostile("no UTF-8 over two frames", NO_UTF8, [frame(&part(TEXT), b"hello \xe2"), frame(&header(CONTINUE), b"\x28\xa1")].concat()),
    ]
}

/// A case in the making, written as a story: who joins, says and hears what.
struct Room {
    name: String,
    tag: String,
    host: String,
    turns: Vec<Turn>,
}

impl Room {
    fn turn(mut self, on: usize, step: Step) -> Self {
        self.turns.push(Turn { on, step });
        self
    }

    fn joins(self, member: usize) -> Self {
        let key = key(member);
        let request = handshake(&self.host, &key, "");
        self.turn(member, Step::Send(request))
            .turn(member, Step::Upgraded(key))
    }

    fn sends(self, member: usize, bytes: &[u8]) -> Self {
        self.turn(member, Step::Send(bytes.to_vec()))
    }

    fn frame(self, member: usize, header: &FrameHeader, words: &str) -> Self {
        let bytes = frame(header, self.tagged(words).as_bytes());
        self.sends(member, &bytes)
    }

    fn says(self, member: usize, words: &str) -> Self {
        self.frame(member, &header(TEXT), words)
    }

    fn hears(self, member: usize, words: &str) -> Self {
        let words = self.tagged(words);
        self.turn(member, Step::Hear(words))
    }

    /// Each of so many.
    fn everyone_hears(self, members: usize, words: &str) -> Self {
        (0..members).fold(self, |room, member| room.hears(member, words))
    }

    fn ends(self, member: usize, codes: &[u16], or_disconnect: bool, is_answer: bool) -> Self {
        let ending = Ending {
            codes: codes.to_vec(),
            or_disconnect,
            is_answer,
        };
        self.turn(member, Step::Ending(ending))
    }

    /// A message as the others will hear it.
    fn tagged(&self, words: &str) -> String {
        format!("{}{words}", self.tag)
    }

    /// Words that make a message of so many bytes, of this character as far as it goes.
    fn words_of(&self, bytes: usize, character: &str) -> String {
        let rest = bytes - self.tag.len();
        let odd = rest % character.len();
        "-".repeat(odd) + &character.repeat(rest / character.len())
    }

    fn into_case(self) -> Case {
        Case {
            group: Group::Chat,
            name: self.name,
            script: Script::Together(self.turns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Needs;

    #[test]
    fn messages_at_the_limit_are_exactly_so_long() {
        let asking = Asking {
            host: "a",
            needs: Needs::every().next().unwrap(),
        };
        for bytes in LENGTHS {
            for character in ["a", "é", "😀"] {
                let room = asking.room("a message");
                let words = room.words_of(bytes, character);
                assert_eq!(room.tagged(&words).len(), bytes);
            }
        }
    }
}
