//! `GET /chat`.

use std::{fs, thread};

use http1::Method;
use websocket::{Bounds, CloseCode, MAX_CONTROL_BYTES, MAX_MESSAGE_BYTES, Message, Poll};

use crate::client::get;
use crate::member::Member;
use crate::running::{Running, Serve};

/// The first byte of each frame, and its payload.
type Frames<'a> = &'a [(u8, &'a [u8])];

/// Enough that a server of two workers has some on each: the kernel shares them out by a hash.
const MANY: usize = 24;

pub fn all_members_hear_the_same_in_the_same_order(server: impl Serve) {
    const EACH: usize = 20;
    let running = Running::start(server, |_| ());
    let members: Vec<_> = (0..MANY).map(|_| running.join_chat()).collect();
    let speaking: Vec<_> = members
        .into_iter()
        .enumerate()
        .map(|(name, mut member)| {
            thread::spawn(move || {
                for number in 0..EACH {
                    member.say(&format!("{name} {number}"));
                }
                let heard: Vec<_> = (0..MANY * EACH).map(|_| member.text()).collect();
                (member, heard)
            })
        })
        .collect();
    let heard: Vec<_> = speaking
        .into_iter()
        .map(|speaking| speaking.join().unwrap())
        .collect();
    let (_, first) = &heard[0];
    for (name, (_, heard)) in heard.iter().enumerate() {
        assert!(heard == first, "member {name} heard another order");
        let own: Vec<_> = (0..EACH).map(|number| format!("{name} {number}")).collect();
        let own_heard: Vec<_> = heard
            .iter()
            .filter(|text| text.split(' ').next() == Some(&name.to_string()))
            .collect();
        assert_eq!(own_heard, own.iter().collect::<Vec<_>>());
    }
    drop(heard);
    running.stop();
}

pub fn messages_are_handed_on_unchanged(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut speaker = running.join_chat();
    let mut other = running.join_chat();
    for text in [
        "hello",
        "",
        "\u{1f600} \0 \u{e9}",
        &"a".repeat(125),
        &"b".repeat(126),
        &"c".repeat(MAX_MESSAGE_BYTES - 1),
        &"d".repeat(MAX_MESSAGE_BYTES),
    ] {
        speaker.say(text);
        for member in [&mut speaker, &mut other] {
            assert!(member.text() == text, "{} bytes", text.len());
        }
    }
    // In fragments, interrupted by a ping; they are handed on as one message.
    speaker.send_frame(0x01, b"one ");
    speaker.send(Message::Ping(b"?"));
    speaker.send_frame(0x00, b"");
    speaker.send_frame(0x80, b"message");
    assert_eq!(other.text(), "one message");
    // The pong may come before the message or behind it.
    let heard = [speaker.hear(), speaker.hear()];
    assert!(heard.contains(&Poll::Pong(b"?".to_vec())), "{heard:?}");
    let is_message = |poll: &Poll| matches!(poll, Poll::Text(text) if **text == *"one message");
    assert!(heard.iter().any(is_message), "{heard:?}");
    running.stop();
}

pub fn what_comes_with_the_handshake_is_read(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut member = Member::join_saying(running.connect(), "early");
    assert_eq!(member.text(), "early");
    member.say("later");
    assert_eq!(member.text(), "later");

    // And a handshake may come behind other requests, one of which takes its time.
    let mut client = running.connect();
    client.send_gets(&["/sleep/20", "/events?n=2&ms=10"]);
    let mut member = Member::join_behind(client, 2, "behind");
    assert_eq!(member.text(), "behind");
    running.stop();
}

pub fn a_chat_needs_an_upgrade(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    let upgrade = crate::client::upgrade();
    let without = |field: &str| {
        let lines = upgrade.split_inclusive("\r\n");
        lines
            .filter(|line| !line.starts_with(field))
            .collect::<String>()
    };
    for request in [
        get("/chat"),
        without("Connection"),
        without("Upgrade"),
        without("Sec-WebSocket-Key"),
        without("Sec-WebSocket-Version"),
        upgrade.replace("Version: 13", "Version: 8"),
    ] {
        client.send(&request);
        let reply = client.reply();
        assert_eq!(reply.status, 426, "{request}");
        assert_eq!(reply.header("upgrade"), Some("websocket"), "{request}");
    }
    client.send(&get("/chat").replace("GET", "HEAD"));
    assert_eq!(client.reply_to(Method::Head).status, 426);
    assert_eq!(client.get("/plaintext").status, 200);
    // Another route has no use for an upgrade, and answers as ever.
    client.send(&upgrade.replace("/chat", "/plaintext"));
    assert_eq!(client.reply().body, b"Hello, World!");
    running.stop();
}

pub fn pings_are_answered(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut member = running.join_chat();
    let mut other = running.join_chat();
    for payload in [&b""[..], b"one", &[7; MAX_CONTROL_BYTES]] {
        member.send(Message::Ping(payload));
        assert_eq!(member.hear(), Poll::Pong(payload.to_vec()));
    }
    member.send(Message::Pong(b"unasked"));
    member.say("to everyone");
    assert_eq!(other.text(), "to everyone", "pings are nobody else's");
    running.stop();
}

pub fn what_is_not_for_a_chat_is_refused_with_its_code(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut other = running.join_chat();
    let too_long = vec![b'a'; MAX_MESSAGE_BYTES + 1];
    let half = &too_long[..=MAX_MESSAGE_BYTES / 2];
    let refused: [(&str, Frames<'_>, CloseCode); 6] = [
        ("binary", &[(0x82, b"a")], CloseCode::UNSUPPORTED),
        ("too long", &[(0x81, &too_long)], CloseCode::TOO_BIG),
        (
            "too long together",
            &[(0x01, half), (0x80, half)],
            CloseCode::TOO_BIG,
        ),
        ("not UTF-8", &[(0x81, b"\xff")], CloseCode::INVALID),
        ("a reserved bit", &[(0xc1, b"a")], CloseCode::PROTOCOL),
        ("an unknown kind", &[(0x83, b"a")], CloseCode::PROTOCOL),
    ];
    for (name, frames, code) in refused {
        let mut member = running.join_chat();
        for (first, payload) in frames {
            member.send_frame(*first, payload);
        }
        // What comes behind is not handed on.
        member.say("behind");
        assert_eq!(member.hear(), Poll::Closed(Some(code)), "{name}");
        assert!(member.is_at_end(), "{name}");
    }
    let mut unmasked = running.join_chat();
    unmasked.send_raw(b"\x81\x01a");
    assert_eq!(unmasked.hear(), Poll::Closed(Some(CloseCode::PROTOCOL)));
    other.say("nothing else was heard");
    assert_eq!(other.text(), "nothing else was heard");
    running.stop();
}

pub fn a_close_is_answered_and_ends_the_connection(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut other = running.join_chat();
    let mut member = running.join_chat();
    // Both in one go; what was said before the close is heard before its answer.
    member.say_and_close("goodbye", CloseCode::NORMAL);
    assert_eq!(member.text(), "goodbye");
    assert_eq!(member.hear(), Poll::Closed(Some(CloseCode::NORMAL)));
    assert!(member.is_at_end());
    assert_eq!(other.text(), "goodbye");

    // Those who go without a word are not missed either.
    drop(running.join_chat());
    let mut half_closed = running.join_chat();
    half_closed.half_close();
    assert!(half_closed.is_at_end());
    other.say("still here");
    assert_eq!(other.text(), "still here");
    running.stop();
}

pub fn a_slow_member_is_disconnected_and_costs_the_others_nothing(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut slow = Member::join(running.connect_with_little_room());
    let mut speaker = running.join_chat();
    let mut other = running.join_chat();
    let text = "a".repeat(MAX_MESSAGE_BYTES);
    // What the kernel takes on the way to the slow one comes before what waits in the server.
    let messages = 2 * (max_kernel_bytes() + Bounds::CLIENT.bytes) / text.len();
    for _ in 0..messages {
        speaker.say(&text);
        for member in [&mut speaker, &mut other] {
            assert!(member.text() == text);
        }
    }
    let heard = slow.bytes_to_end() / text.len();
    assert!(heard < messages, "it heard all of {messages} messages");
    speaker.say("without it");
    for member in [&mut speaker, &mut other] {
        assert_eq!(member.text(), "without it");
    }
    running.stop();
}

pub fn a_member_that_floods_disconnects_nobody(server: impl Serve) {
    // More than may wait for a member that is slow, in one send.
    const MESSAGES: usize = 8 * (Bounds::CLIENT.messages + 1);
    let running = Running::start(server, |_| ());
    let mut members: Vec<_> = (0..MANY).map(|_| running.join_chat()).collect();
    members[0].say_often("a", MESSAGES);
    for (name, member) in members.iter_mut().enumerate() {
        for number in 0..MESSAGES {
            assert_eq!(member.text(), "a", "message {number} to {name}");
        }
    }
    members[1].say("still here");
    for member in &mut members {
        assert_eq!(member.text(), "still here");
    }
    running.stop();
}

/// The largest send buffer that the kernel gives a connection.
fn max_kernel_bytes() -> usize {
    let sizes = fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").unwrap();
    sizes.split_whitespace().last().unwrap().parse().unwrap()
}

pub fn a_stop_says_goodbye_to_the_chat(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut members: Vec<_> = (0..MANY).map(|_| running.join_chat()).collect();
    // One that does not answer is not waited for until the grace is over.
    let mut silent = running.join_chat();
    members[0].say("last words");
    for member in &mut members {
        assert_eq!(member.text(), "last words");
    }
    running.ask_to_stop();
    for member in &mut members {
        assert_eq!(member.hear(), Poll::Closed(Some(CloseCode::AWAY)));
        assert!(member.is_at_end());
    }
    running.join();
    assert_eq!(silent.text(), "last words");
    assert_eq!(silent.hear(), Poll::Closed(Some(CloseCode::AWAY)));
}
