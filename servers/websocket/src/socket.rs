//! One connection that speaks WebSocket: bytes in, messages out.
//!
//! Knows the protocol's rules and the contract's bounds; what is to be said because of them it says by itself. Must never know
//! who is at the other end, how bytes get there, or how long anything takes: the owner of the connection bounds the wait for
//! the other side's close.

use std::io::{self, Read, Write};
use std::mem;
use std::ops::Deref;

use tungstenite::Error;
use tungstenite::protocol::frame::{CloseFrame, Utf8Bytes};
use tungstenite::protocol::{self, WebSocketConfig, WebSocketContext};

use crate::frame::CloseCode;

/// Longest message, in bytes of its text: one that is longer is refused with [`CloseCode::TOO_BIG`] as soon as its length is
/// known.
pub const MAX_MESSAGE_BYTES: usize = 65_536;
/// What a connection keeps to read into: many are idle, and messages are short.
pub const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Which side of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends frames as they are, and takes only masked ones (RFC 6455 §5.1).
    Server,
    /// The other way about.
    Client,
}

/// One connection, once its opening handshake is done.
#[derive(Debug)]
pub struct Socket {
    context: WebSocketContext,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// This side has said why it closes and waits for the other side's close.
    Closing,
    /// As above, but where the next frame begins is not known any more.
    Broken,
    /// Both sides have said so; with the other side's code.
    Closed(Option<CloseCode>),
}

/// What [`Socket::poll`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Poll {
    /// All input is read.
    NeedInput,
    /// A message.
    Text(Text),
    /// The answer to a ping, or one that nobody asked for.
    Pong(Vec<u8>),
    /// What came in is refused, and a close with this code is in `out`. Read on until [`Poll::Closed`] or the end of the
    /// connection, but not for long: the other side may be sending still, and a connection that is closed over unread input
    /// is reset, which may take the code with it.
    Refused(CloseCode),
    /// Both sides have closed, the other one with this code; the answer to it is in `out`. A server closes the connection
    /// now, a client waits for that (§7.1.1).
    Closed(Option<CloseCode>),
}

/// The text of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Utf8Bytes);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_str()
    }
}

impl Socket {
    /// A connection on which nothing has been said.
    pub fn new(role: Role) -> Self {
        let role = match role {
            Role::Server => protocol::Role::Server,
            Role::Client => protocol::Role::Client,
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            // Straight into `out`, which is a buffer already.
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        Self {
            context: WebSocketContext::new(role, Some(config)),
            state: State::Open,
        }
    }

    /// Takes bytes off the front of `input` up to the end of a message, or all of them. What the protocol has to say to them
    /// (pongs, closes) is appended to `out`. Call again until [`Poll::NeedInput`]; after [`Poll::Closed`] that is final.
    pub fn poll(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Poll {
        loop {
            match self.state {
                State::Open | State::Closing => {}
                State::Broken => {
                    *input = &[];
                    return Poll::NeedInput;
                }
                State::Closed(code) => {
                    *input = &[];
                    return Poll::Closed(code);
                }
            }
            let read = self.context.read(&mut Wire { input, out });
            match read {
                Ok(protocol::Message::Text(text)) if self.is_open() => {
                    return Poll::Text(Text(text));
                }
                Ok(protocol::Message::Binary(_)) if self.is_open() => {
                    return self.refuse(CloseCode::UNSUPPORTED, State::Closing, out);
                }
                // A ping has its pong ready, which is said before reading on. A message was sent before the other side
                // knew that it is closed; nobody waits for it.
                Ok(
                    protocol::Message::Ping(_)
                    | protocol::Message::Text(_)
                    | protocol::Message::Binary(_),
                ) => {}
                Ok(protocol::Message::Pong(payload)) => return Poll::Pong(payload.to_vec()),
                Ok(protocol::Message::Close(frame)) => {
                    // Says the answer, if one is owed. That a server's connection ends with it is no news.
                    let _ = self.context.flush(&mut Wire { input, out });
                    let code = frame.map(|frame| CloseCode(frame.code.into()));
                    self.state = State::Closed(code);
                }
                Ok(protocol::Message::Frame(_)) => {
                    unreachable!("single frames are written, not read")
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Poll::NeedInput;
                }
                Err(error) => {
                    let code = match error {
                        Error::Capacity(_) => CloseCode::TOO_BIG,
                        Error::Utf8(_) => CloseCode::INVALID,
                        _ => CloseCode::PROTOCOL,
                    };
                    if self.is_open() {
                        return self.refuse(code, State::Broken, out);
                    }
                    self.state = State::Broken;
                }
            }
        }
    }

    /// Appends a close with this code, unless there was one; what still comes in is dropped.
    pub fn close(&mut self, code: CloseCode, out: &mut Vec<u8>) {
        if self.is_open() {
            self.refuse(code, State::Closing, out);
        }
    }

    /// Whether neither side has closed.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    fn refuse(&mut self, code: CloseCode, then: State, out: &mut Vec<u8>) -> Poll {
        let frame = CloseFrame {
            code: code.0.into(),
            reason: Utf8Bytes::default(),
        };
        let wire = &mut Wire {
            input: &mut &[][..],
            out,
        };
        let said = self.context.close(wire, Some(frame));
        debug_assert!(said.is_ok(), "memory takes every byte: {said:?}");
        self.state = then;
        Poll::Refused(code)
    }
}

/// What tungstenite takes for a stream: one that has all the input there is and then would block.
struct Wire<'a, 'b> {
    input: &'a mut &'b [u8],
    out: &'a mut Vec<u8>,
}

impl Read for Wire<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = self.input.len().min(buf.len());
        let (now, later) = mem::take(self.input).split_at(taken);
        buf[..taken].copy_from_slice(now);
        *self.input = later;
        Ok(taken)
    }
}

impl Write for Wire<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
