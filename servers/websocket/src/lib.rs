//! WebSocket without sockets, clocks or threads, for both roles, and the room that `/chat` is.
//!
//! Every server and the load generator of this workspace speak WebSocket (RFC 6455) through this crate, once `http1` has
//! let a connection go: [`Socket`] turns received bytes into messages and says what the protocol says by itself (pongs,
//! closes); [`encode`] turns messages into bytes. [`Frame`] is a message encoded once and shared by all who get it, and
//! [`Room`] says who gets it, in which order, and how much may wait for one of them.
//!
//! The protocol is tungstenite's, over memory instead of a stream. What is added is what the work contract asks for: text
//! only, messages of at most [`MAX_MESSAGE_BYTES`], and a close code for every reason to refuse one.
//!
//! It knows frames, messages and members. It must never know sockets, time, or what a message says.
//!
//! | file | what |
//! |---|---|
//! | `handshake` | the two values of the opening handshake that HTTP carries |
//! | `frame` | messages as bytes |
//! | `socket` | one connection: bytes in, messages out |
//! | `room` | who is in, and what waits for them |
//!
//! ```
//! use websocket::{Message, Poll, Role, Socket, encode};
//!
//! let mut sent = Vec::new();
//! encode(Message::Text("hello"), Some([1, 2, 3, 4]), &mut sent);
//! let mut server = Socket::new(Role::Server);
//! let (mut input, mut out) = (&sent[..], Vec::new());
//! let Poll::Text(text) = server.poll(&mut input, &mut out) else { panic!() };
//! assert_eq!(&*text, "hello");
//! assert_eq!(server.poll(&mut input, &mut out), Poll::NeedInput);
//! ```

mod frame;
mod handshake;
mod room;
mod socket;

pub use frame::{CloseCode, Frame, MAX_CONTROL_BYTES, Message, encode};
pub use handshake::{Accept, key};
pub use room::{Backlog, Bounds, Member, Overrun, Room};
pub use socket::{MAX_MESSAGE_BYTES, Poll, READ_BUFFER_BYTES, Role, Socket, Text};
