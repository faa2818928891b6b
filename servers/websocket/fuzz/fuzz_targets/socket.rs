//! Any bytes, read by a socket whole and in pieces; the first byte says in which role, and how long the pieces are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use websocket::{MAX_MESSAGE_BYTES, Poll, Role, Socket};

fuzz_target!(|input: &[u8]| {
    let Some((choice, input)) = input.split_first() else {
        return;
    };
    let role = if choice & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let piece = 1 + usize::from(choice >> 1);
    assert_eq!(hear(role, input.chunks(piece)), hear(role, [input]));
});

/// What was found, how much was said (a client's masks are random), and whether the socket is open.
type Heard = (Vec<Poll>, usize, bool);

fn hear<'a>(role: Role, pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let mut socket = Socket::new(role);
    let (mut found, mut out) = (Vec::new(), Vec::new());
    for mut input in pieces {
        loop {
            let was_open = socket.is_open();
            match socket.poll(&mut input, &mut out) {
                Poll::NeedInput => {
                    assert!(input.is_empty());
                    break;
                }
                closed @ Poll::Closed(_) => {
                    assert!(input.is_empty() && !socket.is_open());
                    if found.last() != Some(&closed) {
                        found.push(closed);
                    }
                    break;
                }
                Poll::Text(text) => {
                    assert!(was_open && text.len() <= MAX_MESSAGE_BYTES);
                    found.push(Poll::Text(text));
                }
                refused @ Poll::Refused(_) => {
                    assert!(was_open && !socket.is_open());
                    found.push(refused);
                }
                pong @ Poll::Pong(_) => found.push(pong),
            }
        }
    }
    (found, out.len(), socket.is_open())
}
