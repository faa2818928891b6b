//! WebSocket as a client speaks it (RFC 6455): the handshake, frames as bytes, and messages put together again.
//!
//! Headers of frames and the accept value come from `tungstenite`; what a server may not do is judged here. Knows frames. Must
//! never know who says what to whom.

use std::fmt;
use std::io::Cursor;

use data_encoding::BASE64;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use crate::judge::only;
use crate::problem::{Problem, shown};
use crate::wire::{Heard, MAX_REPLY_BYTES, Reply, Wire};

/// Where the chat is.
pub(super) const CHAT: &str = "/chat";

/// The version that there is (RFC 6455 §4.1).
pub(super) const VERSION: &str = "13";

/// Most of a control frame's payload (RFC 6455 §5.5).
pub(super) const MAX_CONTROL_BYTES: usize = 125;

/// What stands for a Close frame without a code (RFC 6455 §7.1.5).
pub(super) const NO_CODE: u16 = 1005;

pub(super) const TEXT: OpCode = OpCode::Data(Data::Text);
pub(super) const BINARY: OpCode = OpCode::Data(Data::Binary);
pub(super) const CONTINUE: OpCode = OpCode::Data(Data::Continue);
pub(super) const PING: OpCode = OpCode::Control(Control::Ping);
pub(super) const PONG: OpCode = OpCode::Control(Control::Pong);
pub(super) const CLOSE: OpCode = OpCode::Control(Control::Close);

/// The mask of RFC 6455's own examples (§5.7). That it is always the same protects nobody, and here nobody needs it.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A handshake's key: any 16 bytes (RFC 6455 §4.1), here distinguished by `number`.
pub(super) fn key(number: usize) -> String {
    let bytes: [u8; 16] =
        std::array::from_fn(|i| (number.wrapping_mul(31) + i * 7).to_le_bytes()[0]);
    BASE64.encode(&bytes)
}

/// The request that opens a WebSocket, with these fields beside those that it can't do without.
pub(super) fn handshake(host: &str, key: &str, others: &str) -> Vec<u8> {
    format!(
        "GET {CHAT} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {VERSION}\r\n{others}\r\n"
    )
    .into_bytes()
}

/// Whether the reply opens a WebSocket for the sender of this key (RFC 6455 §4.2.2), without extension or subprotocol.
pub(super) fn judge_upgrade(reply: &Reply, key: &str) -> Result<(), Problem> {
    let wrong = |what: String| Err(Problem::wrong(what));
    if reply.status != 101 {
        return wrong(format!("expected 101, got {}", reply.shown()));
    }
    for (field, word) in [("Upgrade", "websocket"), ("Connection", "upgrade")] {
        if !reply.names(field, word) {
            return wrong(format!("101 must come with {field}: {word}"));
        }
    }
    let (got, expected) = (
        only(reply, "Sec-WebSocket-Accept")?,
        derive_accept_key(key.as_bytes()),
    );
    if got != expected {
        return wrong(format!(
            "Sec-WebSocket-Accept must be `{expected}` for the key `{key}`, not {}",
            shown(got.as_bytes())
        ));
    }
    for field in [
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Protocol",
        // RFC 9112 §6.1 and RFC 9110 §8.6: no 1xx has a body.
        "Content-Length",
        "Transfer-Encoding",
    ] {
        if let Some(value) = reply.values(field).next() {
            return wrong(format!("101 must come without {field}, not with {value}"));
        }
    }
    Ok(())
}

/// A whole message of text, as a client sends it.
pub(super) fn text(payload: &str) -> Vec<u8> {
    frame(&header(TEXT), payload.as_bytes())
}

/// A Close frame, as a client sends it.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
    frame(&header(CLOSE), &payload)
}

/// What answers a server's Close frame: its code again (RFC 6455 §5.5.1).
pub(super) fn close_answer(code: u16) -> Vec<u8> {
    match code {
        NO_CODE => frame(&header(CLOSE), b""),
        code => close(code, ""),
    }
}

/// The header of a client's last or only frame of a message.
pub(super) fn header(opcode: OpCode) -> FrameHeader {
    FrameHeader {
        opcode,
        mask: Some(MASK),
        ..FrameHeader::default()
    }
}

/// The header of a client's frame that others follow.
pub(super) fn part(opcode: OpCode) -> FrameHeader {
    FrameHeader {
        is_final: false,
        ..header(opcode)
    }
}

/// A frame as bytes: whatever the header says, with the payload masked if the header says so.
pub(super) fn frame(header: &FrameHeader, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 16);
    header
        .format(payload.len() as u64, &mut bytes)
        .expect("a Vec takes all that is written");
    let mask = header.mask.unwrap_or_default();
    let masked = payload.iter().zip(mask.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    bytes
}

/// What a server may say next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Received {
    /// A message, whole.
    Text(String),
    Pong(Vec<u8>),
    /// A Close frame, with its code or [`NO_CODE`].
    Close(u16),
    /// It closed the connection, or reset it.
    End,
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "a message of {}", shown(text.as_bytes())),
            Self::Pong(payload) => write!(f, "a pong of {}", shown(payload)),
            Self::Close(NO_CODE) => f.write_str("Close without a code"),
            Self::Close(code) => write!(f, "Close with {code}"),
            Self::End => f.write_str("the end of the connection"),
        }
    }
}

/// What has been heard of a message that has not ended yet.
#[derive(Debug, Default)]
pub(super) struct Ears {
    begun: Option<Vec<u8>>,
}

impl Ears {
    /// What the server says next; pings are answered on the way. Every frame of a server's is held to RFC 6455 §5.
    pub(super) fn next(&mut self, wire: &mut Wire) -> Result<Received, Problem> {
        loop {
            let Some(Frame { header, payload }) = next_frame(wire)? else {
                return Ok(Received::End);
            };
            let is_control = matches!(header.opcode, OpCode::Control(_));
            if is_control && (!header.is_final || payload.len() > MAX_CONTROL_BYTES) {
                return Err(Problem::wrong(format!(
                    "a control frame must be whole and have at most {MAX_CONTROL_BYTES} bytes; this one has {}",
                    shown(&payload)
                )));
            }
            match (header.opcode, self.begun.take()) {
                (PING, begun) => {
                    self.begun = begun;
                    wire.send(&frame(&self::header(PONG), &payload))?;
                }
                (PONG, begun) => {
                    self.begun = begun;
                    return Ok(Received::Pong(payload));
                }
                (CLOSE, _) => return Ok(Received::Close(close_code(&payload)?)),
                (TEXT, None) => self.begun = Some(payload),
                (CONTINUE, Some(begun)) => self.begun = Some([begun, payload].concat()),
                (opcode, begun) => {
                    let place = if begun.is_some() {
                        "within a message"
                    } else {
                        "where a message of text begins"
                    };
                    return Err(Problem::wrong(format!(
                        "the server sent a frame of type {opcode} {place}"
                    )));
                }
            }
            if !is_control && header.is_final {
                let message = self.begun.take().unwrap_or_default();
                return String::from_utf8(message)
                    .map(Received::Text)
                    .map_err(|error| {
                        Problem::wrong(format!(
                            "the server sent a message of text that is no UTF-8: {}",
                            shown(error.as_bytes())
                        ))
                    });
            }
        }
    }
}

struct Frame {
    header: FrameHeader,
    payload: Vec<u8>,
}

/// The next frame; `None` where the connection ends.
fn next_frame(wire: &mut Wire) -> Result<Option<Frame>, Problem> {
    loop {
        let mut cursor = Cursor::new(wire.received());
        let parsed = FrameHeader::parse(&mut cursor).map_err(|error| {
            Problem::wrong(format!(
                "the server sent no frame: {error}; at hand were {}",
                shown(wire.received())
            ))
        })?;
        let head_bytes = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        if let Some((header, length)) = parsed {
            judge_header(&header, length, head_bytes)?;
            let end = usize::try_from(length)
                .ok()
                .filter(|length| *length <= MAX_REPLY_BYTES)
                .map(|length| head_bytes + length)
                .ok_or_else(|| {
                    Problem::wrong(format!("the server sent a frame of {length} bytes"))
                })?;
            if wire.received().len() >= end {
                let payload = wire.received()[head_bytes..end].to_vec();
                wire.take(end);
                return Ok(Some(Frame { header, payload }));
            }
        }
        match wire.hear_more()? {
            Heard::Bytes => {}
            Heard::End if wire.received().is_empty() => return Ok(None),
            Heard::End => {
                return Err(Problem::wrong(format!(
                    "the connection closed within a frame, after {}",
                    shown(wire.received())
                )));
            }
            Heard::Silence => {
                let seconds = crate::outcome::CASE_TIMEOUT.as_secs();
                return Err(Problem::silence(format!(
                    "the server said nothing more within {seconds} s"
                )));
            }
        }
    }
}

fn judge_header(header: &FrameHeader, length: u64, head_bytes: usize) -> Result<(), Problem> {
    let wrong = |what: &str| Err(Problem::wrong(format!("the server sent a frame {what}")));
    if header.mask.is_some() {
        return wrong("that is masked, which only clients do (RFC 6455 §5.1)");
    }
    if header.rsv1 || header.rsv2 || header.rsv3 {
        return wrong("with reserved bits, and no extension was agreed upon (RFC 6455 §5.2)");
    }
    if head_bytes != header.len(length) {
        return wrong("whose length is not written as shortly as it can be (RFC 6455 §5.2)");
    }
    Ok(())
}

/// The code of a Close frame (RFC 6455 §5.5.1 and §7.4).
fn close_code(payload: &[u8]) -> Result<u16, Problem> {
    let (code, reason) = match payload {
        [] => return Ok(NO_CODE),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        [_] => {
            return Err(Problem::wrong(
                "the server sent a Close frame with half a code".to_owned(),
            ));
        }
    };
    if !CloseCode::from(code).is_allowed() {
        return Err(Problem::wrong(format!(
            "the server sent a Close frame with {code}, which no frame may carry"
        )));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Problem::wrong(format!(
            "the server sent a Close frame whose reason is no UTF-8: {}",
            shown(reason)
        )));
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::outcome::CASE_TIMEOUT;

    /// What is heard of a server that says this, and then closes.
    fn heard(said: &[u8]) -> Result<Vec<Received>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let said = said.to_vec();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&said).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            stream
        });
        let mut wire = Wire::open(addr, Instant::now() + CASE_TIMEOUT).unwrap();
        let stream = server.join().unwrap();
        let mut ears = Ears::default();
        let mut all = Vec::new();
        loop {
            match ears.next(&mut wire).map_err(|problem| problem.text)? {
                Received::End => break,
                said => all.push(said),
            }
        }
        drop(stream);
        Ok(all)
    }

    fn unmasked(header: &FrameHeader, payload: &[u8]) -> Vec<u8> {
        let header = FrameHeader {
            mask: None,
            ..header.clone()
        };
        frame(&header, payload)
    }

    #[test]
    fn the_rfcs_own_examples_are_written_alike() {
        // RFC 6455 §1.3 and §5.7.
        assert_eq!(
            derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(
            text("Hello"),
            [
                0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
            ]
        );
        assert_eq!(
            unmasked(&part(TEXT), b"Hel"),
            [0x01, 0x03, 0x48, 0x65, 0x6c]
        );
        assert_ne!(key(1), key(2));
    }

    #[test]
    fn messages_are_put_together_and_control_frames_come_between() {
        let long = "a".repeat(70_000);
        let said = [
            unmasked(&header(TEXT), b"one"),
            unmasked(&part(TEXT), b"tw"),
            unmasked(&header(PONG), b"pong"),
            unmasked(&part(CONTINUE), b""),
            unmasked(&header(CONTINUE), b"o"),
            unmasked(&header(TEXT), b""),
            unmasked(&header(TEXT), long.as_bytes()),
            unmasked(&header(CLOSE), b"\x03\xe8bye"),
        ];
        assert_eq!(
            heard(&said.concat()).unwrap(),
            [
                Received::Text("one".to_owned()),
                Received::Pong(b"pong".to_vec()),
                Received::Text("two".to_owned()),
                Received::Text(String::new()),
                Received::Text(long),
                Received::Close(1000),
            ]
        );
        assert_eq!(
            heard(&unmasked(&header(CLOSE), b"")).unwrap(),
            [Received::Close(NO_CODE)]
        );
    }

    #[test]
    fn a_servers_frames_are_held_to_the_rfc() {
        let reserved = FrameHeader {
            rsv1: true,
            ..header(TEXT)
        };
        for (said, problem) in [
            (text("masked"), "that is masked"),
            (unmasked(&reserved, b"a"), "with reserved bits"),
            (
                unmasked(&header(OpCode::Data(Data::Reserved(3))), b"a"),
                "no frame",
            ),
            (
                unmasked(&header(BINARY), b"a"),
                "where a message of text begins",
            ),
            (
                unmasked(&header(CONTINUE), b"a"),
                "where a message of text begins",
            ),
            (
                [unmasked(&part(TEXT), b"a"), unmasked(&header(TEXT), b"b")].concat(),
                "within a message",
            ),
            (unmasked(&part(PING), b""), "a control frame must be whole"),
            (unmasked(&header(PING), &[b'a'; 126]), "at most 125 bytes"),
            (unmasked(&header(TEXT), b"\xff"), "no UTF-8"),
            (unmasked(&header(CLOSE), b"\x03"), "half a code"),
            (
                unmasked(&header(CLOSE), b"\x03\xed"),
                "1005, which no frame may carry",
            ),
            (
                unmasked(&header(CLOSE), b"\x03\xe8\xff"),
                "whose reason is no UTF-8",
            ),
            (vec![0x81, 126, 0, 1, b'a'], "not written as shortly"),
            (
                unmasked(&header(TEXT), b"ab")[..3].to_vec(),
                "closed within a frame",
            ),
            (
                [&[0x81, 127][..], &u64::MAX.to_be_bytes()].concat(),
                "a frame of 18446744073709551615 bytes",
            ),
        ] {
            let got = heard(&said).unwrap_err();
            assert!(got.contains(problem), "{problem}: {got}");
        }
    }
}
