//! What goes over the wire, case by case: what a socket makes of it whole, byte by byte, and cut in two anywhere.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use websocket::{
    CloseCode, Frame, MAX_CONTROL_BYTES, MAX_MESSAGE_BYTES, Message, Poll, Role, Socket, encode,
};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The first byte of a frame, and its payload.
type Sent<'a> = (u8, &'a [u8]);

/// What a socket made of its input.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    /// What was found, without the needs for more input.
    polls: Vec<Poll>,
    /// What it said, without masks.
    out: Vec<u8>,
    is_open: bool,
}

/// Reads the pieces one after the other.
fn hear<'a>(role: Role, pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let mut socket = Socket::new(role);
    hear_on(&mut socket, role, pieces)
}

fn hear_on<'a>(
    socket: &mut Socket,
    role: Role,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Heard {
    let (mut polls, mut out) = (Vec::new(), Vec::new());
    for mut input in pieces {
        loop {
            match socket.poll(&mut input, &mut out) {
                Poll::NeedInput => {
                    assert!(input.is_empty(), "all input is read");
                    break;
                }
                closed @ Poll::Closed(_) => {
                    let again = socket.poll(&mut input, &mut out);
                    assert_eq!(again, closed, "the end is final");
                    assert!(input.is_empty());
                    if polls.last() != Some(&closed) {
                        polls.push(closed);
                    }
                    break;
                }
                found => polls.push(found),
            }
        }
    }
    Heard {
        polls,
        out: match role {
            Role::Server => out,
            Role::Client => unmasked(&out),
        },
        is_open: socket.is_open(),
    }
}

/// The frames of a client as a server would have sent them; all short.
fn unmasked(mut frames: &[u8]) -> Vec<u8> {
    let mut bare = Vec::new();
    while let [first, second, a, b, c, d, rest @ ..] = frames {
        assert_eq!(second & 0x80, 0x80, "a client masks every frame");
        let len = usize::from(second & 0x7f);
        bare.extend([*first, second & 0x7f]);
        let mask = [a, b, c, d].into_iter().cycle();
        bare.extend(rest[..len].iter().zip(mask).map(|(byte, mask)| byte ^ mask));
        frames = &rest[len..];
    }
    assert!(frames.is_empty(), "frames are said whole");
    bare
}

/// A frame of any shape; the length in as few bytes as it needs.
fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = vec![first];
    let bit = if mask.is_some() { 0x80 } else { 0 };
    match u16::try_from(payload.len()) {
        Ok(len) if len < 126 => frame.push(bit | u8::try_from(len).expect("below 126")),
        Ok(len) => {
            frame.push(bit | 0x7e);
            frame.extend(len.to_be_bytes());
        }
        Err(_) => {
            frame.push(bit | 0x7f);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(
        mask.unwrap_or_default()
            .iter()
            .take(if bit > 0 { 4 } else { 0 }),
    );
    let mask = mask.unwrap_or_default().into_iter().cycle();
    frame.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Frames as this role gets them: the other side's.
fn frames_to(role: Role, frames: &[Sent<'_>]) -> Vec<u8> {
    let mask = (role == Role::Server).then_some(MASK);
    frames
        .iter()
        .flat_map(|(first, payload)| frame(*first, payload, mask))
        .collect()
}

/// What a poll should find; texts can't be made from outside.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Text(&'static str),
    Pong(&'static [u8]),
    Refused(CloseCode),
    Closed(Option<CloseCode>),
}

fn is(poll: &Poll, found: &Found) -> bool {
    match (poll, found) {
        (Poll::Text(text), Found::Text(expected)) => **text == **expected,
        (Poll::Pong(payload), Found::Pong(expected)) => payload == expected,
        (Poll::Refused(code), Found::Refused(expected)) => code == expected,
        (Poll::Closed(code), Found::Closed(expected)) => code == expected,
        _ => false,
    }
}

/// Checks what comes of `frames`, in both roles, however they arrive.
#[track_caller]
fn check(frames: &[Sent<'_>], found: &[Found], said: &[Sent<'_>]) {
    for role in [Role::Server, Role::Client] {
        check_bytes(role, &frames_to(role, frames), found, said);
    }
}

#[track_caller]
fn check_bytes(role: Role, input: &[u8], found: &[Found], said: &[Sent<'_>]) {
    let whole = hear(role, [input]);
    let is_as_expected = whole.polls.len() == found.len()
        && whole
            .polls
            .iter()
            .zip(found)
            .all(|(poll, found)| is(poll, found));
    assert!(is_as_expected, "{role:?}: {:?}, not {found:?}", whole.polls);
    let expected: Vec<u8> = said
        .iter()
        .flat_map(|(first, payload)| frame(*first, payload, None))
        .collect();
    assert_eq!(
        whole.out,
        expected,
        "{role:?}: {}",
        whole.out.escape_ascii()
    );
    let ends = found
        .iter()
        .any(|found| matches!(found, Found::Refused(_) | Found::Closed(_)));
    assert_eq!(whole.is_open, !ends, "{role:?}");

    if input.len() < 1_000 {
        assert_eq!(hear(role, input.chunks(1)), whole, "{role:?}, byte by byte");
        for at in 0..=input.len() {
            let (first, second) = input.split_at(at);
            assert_eq!(hear(role, [first, second]), whole, "{role:?}, cut at {at}");
        }
    } else {
        assert_eq!(hear(role, input.chunks(997)), whole, "{role:?}, in pieces");
    }
}

fn code(code: u16) -> [u8; 2] {
    code.to_be_bytes()
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

#[test]
fn texts_come_as_they_were_sent() {
    check(
        &[
            (TEXT, b"hello"),
            (TEXT, b""),
            (TEXT, "\u{1f600}".as_bytes()),
        ],
        &[
            Found::Text("hello"),
            Found::Text(""),
            Found::Text("\u{1f600}"),
        ],
        &[],
    );
}

#[test]
fn fragments_are_one_message_and_may_be_interrupted() {
    // §5.4; the second and third cut a character in two.
    check(
        &[
            (0x01, b"a"),
            (PING, b"p"),
            (0x00, b"\xc3"),
            (0x80, b"\xa9"),
            (TEXT, b"b"),
        ],
        &[Found::Text("a\u{e9}"), Found::Text("b")],
        &[(PONG, b"p")],
    );
}

#[test]
fn pings_are_answered_and_pongs_are_told() {
    check(
        &[
            (PING, b""),
            (PING, b"one"),
            (PONG, b"two"),
            (PING, &[0; MAX_CONTROL_BYTES]),
        ],
        &[Found::Pong(b"two")],
        &[(PONG, b""), (PONG, b"one"), (PONG, &[0; MAX_CONTROL_BYTES])],
    );
}

#[test]
fn a_binary_message_is_refused_and_what_follows_is_not_told() {
    let refused = Found::Refused(CloseCode::UNSUPPORTED);
    check(
        &[
            (TEXT, b"a"),
            (BINARY, b"b"),
            (TEXT, b"c"),
            (BINARY, b"d"),
            (PING, b"e"),
        ],
        &[Found::Text("a"), refused],
        &[(CLOSE, &code(1003))],
    );
    check(
        &[
            (0x02, b"b"),
            (0x80, b"c"),
            (CLOSE, &code(1003)),
            (TEXT, b"d"),
        ],
        &[
            Found::Refused(CloseCode::UNSUPPORTED),
            Found::Closed(Some(CloseCode::UNSUPPORTED)),
        ],
        &[(CLOSE, &code(1003))],
    );
}

#[test]
fn messages_are_bounded() {
    let longest: &'static str = "a".repeat(MAX_MESSAGE_BYTES).leak();
    check(&[(TEXT, longest.as_bytes())], &[Found::Text(longest)], &[]);
    let (half, other) = longest.as_bytes().split_at(MAX_MESSAGE_BYTES / 2);
    check(&[(0x01, half), (0x80, other)], &[Found::Text(longest)], &[]);

    let refused = || [Found::Refused(CloseCode::TOO_BIG)];
    let said: &[Sent<'_>] = &[(CLOSE, &code(1009))];
    let too_long = [longest.as_bytes(), b"a"].concat();
    check(&[(TEXT, &too_long), (TEXT, b"more")], &refused(), said);
    check(&[(BINARY, &too_long)], &refused(), said);
    check(
        &[(0x01, half), (0x00, other), (0x80, b"a")],
        &refused(),
        said,
    );
}

#[test]
fn too_long_a_message_is_refused_before_it_comes() {
    for (role, bit, mask) in [(Role::Server, 0x80, &MASK[..]), (Role::Client, 0, &[])] {
        for len in [MAX_MESSAGE_BYTES as u64 + 1, u64::MAX >> 1, u64::MAX] {
            let header = [&[TEXT, bit | 0x7f][..], &len.to_be_bytes(), mask].concat();
            let found = [Found::Refused(CloseCode::TOO_BIG)];
            check_bytes(role, &header, &found, &[(CLOSE, &code(1009))]);
        }
    }
}

#[test]
fn a_close_is_answered_with_its_code() {
    for (payload, said) in [
        (&b""[..], None),
        (&code(1000), Some(CloseCode::NORMAL)),
        (b"\x03\xe9going", Some(CloseCode::AWAY)),
        (&code(3000), Some(CloseCode(3000))),
    ] {
        check(
            &[(TEXT, b"a"), (CLOSE, payload), (TEXT, b"b"), (CLOSE, b"")],
            &[Found::Text("a"), Found::Closed(said)],
            &[(CLOSE, payload)],
        );
    }
}

#[test]
fn what_breaks_the_protocol_is_refused() {
    let long_ping = [0; MAX_CONTROL_BYTES + 1];
    let cases: [(&str, &[Sent<'_>]); 11] = [
        ("a reserved bit", &[(0xc1, b"a")]),
        ("a reserved kind of data", &[(0x83, b"a")]),
        ("a reserved kind of control", &[(0x8b, b"a")]),
        ("a ping in fragments", &[(0x09, b"a")]),
        ("a close in fragments", &[(0x08, b"")]),
        ("a ping that is too long", &[(PING, &long_ping)]),
        ("a continuation of nothing", &[(0x80, b"a")]),
        ("a message inside another", &[(0x01, b"a"), (TEXT, b"b")]),
        ("half a close code", &[(CLOSE, b"\x03")]),
        (
            "an unfinished message, then binary",
            &[(0x01, b"a"), (BINARY, b"b")],
        ),
        ("an empty continuation of nothing", &[(0x00, b"")]),
    ];
    for (name, frames) in cases {
        let frames = [frames, &[(TEXT, b"more")]].concat();
        println!("{name}");
        check(
            &frames,
            &[Found::Refused(CloseCode::PROTOCOL)],
            &[(CLOSE, &code(1002))],
        );
    }
}

#[test]
fn only_a_client_masks() {
    let refused = [Found::Refused(CloseCode::PROTOCOL)];
    let said: &[Sent<'_>] = &[(CLOSE, &code(1002))];
    check_bytes(Role::Server, &frame(TEXT, b"a", None), &refused, said);
    check_bytes(Role::Client, &frame(TEXT, b"a", Some(MASK)), &refused, said);
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    for bad in [&b"\xff"[..], b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80"] {
        check(
            &[(TEXT, bad), (TEXT, b"more")],
            &[Found::Refused(CloseCode::INVALID)],
            &[(CLOSE, &code(1007))],
        );
    }
}

#[test]
fn a_close_code_that_means_nothing_is_answered_as_such() {
    // §7.4.1: these never go over the wire.
    for bad in [999, 1005, 1006, 1015] {
        let heard = hear(
            Role::Server,
            [&frames_to(Role::Server, &[(CLOSE, &code(bad))])[..]],
        );
        assert_eq!(
            heard.polls,
            [Poll::Closed(Some(CloseCode::PROTOCOL))],
            "{bad}"
        );
        assert!(
            heard.out.starts_with(&[CLOSE]) && heard.out[2..4] == code(1002),
            "{bad}"
        );
    }
}

#[test]
fn a_socket_that_closes_waits_for_the_other_side_and_says_no_more() {
    for role in [Role::Server, Role::Client] {
        let mut socket = Socket::new(role);
        let mut out = Vec::new();
        socket.close(CloseCode::AWAY, &mut out);
        socket.close(CloseCode::NORMAL, &mut out);
        assert!(!socket.is_open());
        let said = match role {
            Role::Server => out,
            Role::Client => unmasked(&out),
        };
        assert_eq!(said, frame(CLOSE, &code(1001), None), "once");

        let late = frames_to(role, &[(TEXT, b"late"), (PING, b"late"), (BINARY, b"late")]);
        let heard = hear_on(&mut socket, role, late.chunks(1));
        assert_eq!((heard.polls, heard.out), (vec![], vec![]));
        let answer = frames_to(role, &[(CLOSE, &code(1001)), (TEXT, b"no")]);
        let heard = hear_on(&mut socket, role, answer.chunks(1));
        assert_eq!(heard.polls, [Poll::Closed(Some(CloseCode::AWAY))]);
        assert_eq!(heard.out, b"");
    }
}

#[test]
fn what_breaks_the_protocol_after_a_close_is_read_over() {
    for role in [Role::Server, Role::Client] {
        let mut socket = Socket::new(role);
        socket.close(CloseCode::AWAY, &mut Vec::new());
        let junk = frames_to(role, &[(0xff, b"junk"), (CLOSE, &code(1001))]);
        let heard = hear_on(&mut socket, role, [&junk[..]]);
        assert_eq!((heard.polls, heard.out), (vec![], vec![]));
    }
}

#[test]
fn both_roles_understand_each_other() {
    let mut server = Socket::new(Role::Server);
    let mut client = Socket::new(Role::Client);
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    encode(Message::Text("hello"), Some(MASK), &mut to_server);
    encode(Message::Ping(b"?"), Some(MASK), &mut to_server);
    let mut input = &to_server[..];
    let Poll::Text(text) = server.poll(&mut input, &mut to_client) else {
        panic!("a text was sent")
    };
    assert_eq!(&*text, "hello");
    to_client.extend_from_slice(Frame::text(&text).as_bytes());
    assert_eq!(server.poll(&mut input, &mut to_client), Poll::NeedInput);
    server.close(CloseCode::AWAY, &mut to_client);

    let mut answer = Vec::new();
    let mut input = &to_client[..];
    let Poll::Text(echo) = client.poll(&mut input, &mut answer) else {
        panic!("a text was sent")
    };
    assert_eq!(echo, text);
    assert_eq!(
        client.poll(&mut input, &mut answer),
        Poll::Pong(b"?".to_vec())
    );
    assert_eq!(
        client.poll(&mut input, &mut answer),
        Poll::Closed(Some(CloseCode::AWAY))
    );
    let closed = server.poll(&mut &answer[..], &mut Vec::new());
    assert_eq!(closed, Poll::Closed(Some(CloseCode::AWAY)));
}

/// A frame: most of them good, of any kind and any payload.
fn any_frame() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let kinds = select(
        &[
            TEXT, TEXT, TEXT, 0x01, 0x00, 0x80, BINARY, PING, PONG, CLOSE, 0xc1,
        ][..],
    );
    let payload = prop_oneof![
        "[a-z\u{e9}]{0,20}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..20),
        Just(vec![b'a'; 200]),
    ];
    (kinds, payload)
}

proptest! {
    #[test]
    fn the_same_comes_of_it_however_it_arrives(
        frames in vec(any_frame(), 0..10),
        damage in proptest::option::of((any::<Index>(), any::<u8>())),
        cuts in vec(any::<Index>(), 0..8),
        role in select(&[Role::Server, Role::Client][..]),
    ) {
        let frames: Vec<_> = frames.iter().map(|(first, payload)| (*first, &payload[..])).collect();
        let mut input = frames_to(role, &frames);
        if let (Some((at, byte)), false) = (damage, input.is_empty()) {
            let at = at.index(input.len());
            input[at] = byte;
        }
        let whole = hear(role, [&input[..]]);
        prop_assert_eq!(&hear(role, input.chunks(1)), &whole);
        let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        places.extend([0, input.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|place| &input[place[0]..place[1]]);
        prop_assert_eq!(&hear(role, pieces), &whole);
    }

    #[test]
    fn what_one_side_encodes_the_other_reads(text in ".{0,300}", mask in any::<[u8; 4]>()) {
        for (role, mask) in [(Role::Server, Some(mask)), (Role::Client, None)] {
            let mut sent = Vec::new();
            encode(Message::Text(&text), mask, &mut sent);
            let polled = Socket::new(role).poll(&mut &sent[..], &mut Vec::new());
            let Poll::Text(read) = polled else { panic!("{polled:?}") };
            prop_assert_eq!(&*read, &*text);
        }
    }
}
