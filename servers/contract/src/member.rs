//! A member of the chat: a client's side of one connection, once it is a WebSocket.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use websocket::{Accept, CloseCode, Message, Poll, Role, Socket, encode};

use crate::client::{Client, is_at_end, upgrade};

/// A client masks what it says with four bytes; any will do here.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A member that blocks. It panics where the connection fails, and where nothing comes in half a minute.
pub struct Member {
    stream: TcpStream,
    socket: Socket,
    /// What was read and not decoded.
    input: Vec<u8>,
}

impl Member {
    /// Joins over a new connection.
    pub(crate) fn join(client: Client) -> Self {
        Self::join_with(client, 0, b"")
    }

    /// Joins, and says something before it knows whether it may.
    pub(crate) fn join_saying(client: Client, text: &str) -> Self {
        Self::join_behind(client, 0, text)
    }

    /// Joins so, where so many replies to other requests come first.
    pub(crate) fn join_behind(client: Client, replies: usize, text: &str) -> Self {
        let mut early = Vec::new();
        encode(Message::Text(text), Some(MASK), &mut early);
        Self::join_with(client, replies, &early)
    }

    fn join_with(mut client: Client, replies: usize, early: &[u8]) -> Self {
        let handshake = [upgrade().as_bytes(), early].concat();
        client.sender().write_all(&handshake).unwrap();
        for _ in 0..replies {
            assert_eq!(client.reply().status, 200);
        }
        let reply = client.reply();
        assert_eq!(reply.status, 101, "{}", reply.head);
        let accept = Accept::to("dGhlIHNhbXBsZSBub25jZQ==");
        for (field, value) in [
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-accept", accept.as_str()),
        ] {
            let value_sent = reply.header(field).unwrap_or_default();
            assert!(
                value_sent.eq_ignore_ascii_case(value),
                "{field}: {value_sent}"
            );
        }
        for field in ["sec-websocket-extensions", "sec-websocket-protocol"] {
            assert_eq!(reply.header(field), None, "none was offered");
        }
        let (stream, input) = client.into_parts();
        Self {
            stream,
            socket: Socket::new(Role::Client),
            input,
        }
    }

    /// Says something to everyone.
    pub fn say(&mut self, text: &str) {
        self.send(Message::Text(text));
    }

    /// Says the same so many times, in one write.
    pub fn say_often(&mut self, text: &str, times: usize) {
        let mut out = Vec::new();
        encode(Message::Text(text), Some(MASK), &mut out);
        self.send_raw(&out.repeat(times));
    }

    /// Sends a message, in one write.
    pub fn send(&mut self, message: Message<'_>) {
        let mut out = Vec::new();
        encode(message, Some(MASK), &mut out);
        self.send_raw(&out);
    }

    /// Sends a frame whose first byte is given, with this payload.
    pub fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut out = Vec::new();
        encode(Message::Binary(payload), Some(MASK), &mut out);
        out[0] = first;
        self.send_raw(&out);
    }

    /// Sends these bytes as they are. A server that refuses what it reads may have closed before it has read all.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            let is_refused = matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            );
            assert!(is_refused, "{error}");
        }
    }

    /// Says something and, in the same write, goodbye. What comes before the answer to that is heard still.
    pub fn say_and_close(&mut self, text: &str, code: CloseCode) {
        let mut out = Vec::new();
        encode(Message::Text(text), Some(MASK), &mut out);
        Socket::new(Role::Client).close(code, &mut out);
        self.send_raw(&out);
    }

    /// Says, against the protocol, nothing more.
    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Waits for the next thing that comes: a text, a pong, or a goodbye, which is answered.
    pub fn hear(&mut self) -> Poll {
        loop {
            let (mut input, mut out) = (&self.input[..], Vec::new());
            let poll = self.socket.poll(&mut input, &mut out);
            let left = input.len();
            self.input.drain(..self.input.len() - left);
            self.send_raw(&out);
            if poll != Poll::NeedInput {
                return poll;
            }
            let mut bytes = vec![0; 64 * 1024];
            let n = self.stream.read(&mut bytes).unwrap();
            assert_ne!(n, 0, "the connection ended without a goodbye");
            self.input.extend_from_slice(&bytes[..n]);
        }
    }

    /// Waits for what somebody says.
    pub fn text(&mut self) -> String {
        match self.hear() {
            Poll::Text(text) => (*text).to_owned(),
            other => panic!("a text was expected, not {other:?}"),
        }
    }

    /// Waits for the end of the connection, and says whether it came without anything else.
    pub fn is_at_end(&mut self) -> bool {
        self.input.is_empty() && is_at_end(&mut self.stream)
    }

    /// Reads up to the end of the connection, however that comes; how many bytes there were.
    pub(crate) fn bytes_to_end(&mut self) -> usize {
        let mut bytes = self.input.len();
        let mut buf = vec![0; 64 * 1024];
        loop {
            match self.stream.read(&mut buf) {
                Ok(0) => return bytes,
                Ok(n) => bytes += n,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return bytes,
                Err(error) => panic!("it is still connected: {error}"),
            }
        }
    }
}
