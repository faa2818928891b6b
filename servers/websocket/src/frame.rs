//! Messages as bytes.
//!
//! Knows the frame of RFC 6455 §5.2 as far as a sender needs it: never in fragments, never with an extension. Must never
//! know a connection; what comes in is `socket`'s.

use std::fmt;
use std::sync::Arc;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// Most payload of a control frame, such as a ping (§5.5).
pub const MAX_CONTROL_BYTES: usize = 125;

/// What one side says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// The kind that a chat is made of.
    Text(&'a str),
    /// The kind that it refuses.
    Binary(&'a [u8]),
    /// Asks for a pong with the same payload, of at most [`MAX_CONTROL_BYTES`].
    Ping(&'a [u8]),
    /// Says, unasked, that one is still there; of at most [`MAX_CONTROL_BYTES`].
    Pong(&'a [u8]),
}

/// Appends `message` as one frame. A client masks every frame (§5.3) with bytes that it chooses at random, a server none.
pub fn encode(message: Message<'_>, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let (opcode, payload) = match message {
        Message::Text(text) => (OpCode::Data(Data::Text), text.as_bytes()),
        Message::Binary(bytes) => (OpCode::Data(Data::Binary), bytes),
        Message::Ping(bytes) => (OpCode::Control(Control::Ping), bytes),
        Message::Pong(bytes) => (OpCode::Control(Control::Pong), bytes),
    };
    assert!(
        matches!(opcode, OpCode::Data(_)) || payload.len() <= MAX_CONTROL_BYTES,
        "a control frame of {} bytes; {MAX_CONTROL_BYTES} is the most",
        payload.len()
    );
    let header = FrameHeader {
        opcode,
        mask,
        ..FrameHeader::default()
    };
    header
        .format(payload.len() as u64, out)
        .expect("a vector takes every byte");
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        for (byte, mask) in out[start..].iter_mut().zip(mask.into_iter().cycle()) {
            *byte ^= mask;
        }
    }
}

/// A server's text message, encoded once and shared by all who get it: a clone costs a count.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Arc<[u8]>);

impl Frame {
    /// Encodes `text`.
    pub fn text(text: &str) -> Self {
        const MAX_HEADER_BYTES: usize = 10;
        let mut bytes = Vec::with_capacity(MAX_HEADER_BYTES + text.len());
        encode(Message::Text(text), None, &mut bytes);
        Self(bytes.into())
    }

    /// The bytes as they go over the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.0.len())
    }
}

/// Why a connection is closed (§7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// It has served its purpose.
    pub const NORMAL: Self = Self(1000);
    /// The server is stopping, or the client leaves.
    pub const AWAY: Self = Self(1001);
    /// What came breaks the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// The message is of a kind that isn't taken: binary.
    pub const UNSUPPORTED: Self = Self(1003);
    /// The text is not UTF-8.
    pub const INVALID: Self = Self(1007);
    /// The message is longer than [`crate::MAX_MESSAGE_BYTES`].
    pub const TOO_BIG: Self = Self(1009);
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(message: Message<'_>, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(message, mask, &mut out);
        out
    }

    #[test]
    fn the_rfcs_examples() {
        // §5.7.
        let hello = b"\x81\x05Hello";
        assert_eq!(encoded(Message::Text("Hello"), None), hello);
        assert_eq!(Frame::text("Hello").as_bytes(), hello);
        assert_eq!(
            encoded(Message::Text("Hello"), Some([0x37, 0xfa, 0x21, 0x3d])),
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
        );
        assert_eq!(encoded(Message::Ping(b"Hello"), None), b"\x89\x05Hello");
        assert_eq!(
            encoded(Message::Pong(b"Hello"), Some([0x37, 0xfa, 0x21, 0x3d])),
            b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
        );
        let bytes = vec![7; 256];
        assert_eq!(
            encoded(Message::Binary(&bytes), None),
            [&b"\x82\x7e\x01\x00"[..], &bytes].concat()
        );
        let bytes = vec![7; 65_536];
        assert_eq!(
            encoded(Message::Binary(&bytes), None),
            [&b"\x82\x7f\0\0\0\0\0\x01\0\0"[..], &bytes].concat()
        );
    }

    #[test]
    fn lengths_are_told_in_as_few_bytes_as_they_need() {
        for (payload, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = Frame::text(&"a".repeat(payload));
            assert_eq!(frame.as_bytes().len(), header + payload, "{payload} bytes");
        }
    }

    #[test]
    fn a_ping_of_the_longest_payload_is_one_frame() {
        let longest = encoded(Message::Ping(&[0; MAX_CONTROL_BYTES]), None);
        assert_eq!(longest.len(), 2 + MAX_CONTROL_BYTES);
    }

    #[test]
    #[should_panic(expected = "a control frame of 126 bytes")]
    fn a_longer_ping_is_a_bug() {
        encoded(Message::Ping(&[0; MAX_CONTROL_BYTES + 1]), None);
    }
}
