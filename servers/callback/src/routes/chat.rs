//! `/chat`: what a connection is once it has left HTTP, a member of the chat.
//!
//! Knows when a member joins, is sent what was said, and leaves. Must never know how WebSocket is spelled, or how what one
//! member says reaches the others.
//!
//! What was said goes straight to a member whose socket takes it. For one that is slow it waits in a bounded backlog; a member
//! that lets too much wait is disconnected.

use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;

use http1::WebSocketKey;
use spec::{LINGER_BYTES, LINGER_MS, MAX_BATCH_BYTES};
use websocket::{Accept, Backlog, Bounds, CloseCode, Frame, Poll, Role, Socket};

use crate::connection::{Connection, Phase, Request};
use crate::event_loop::EventLoop;

pub(crate) struct Chat {
    socket: Socket,
    /// What was said and the client is not ready to take.
    backlog: Backlog,
    /// The place in the room; none once it was left.
    place: Option<usize>,
    /// Of what the client still sends after a goodbye so much is read before the connection is closed.
    left_bytes: usize,
}

/// Accepts the upgrade, joins the room, and reads what came in behind the request.
pub(super) fn begin<L: EventLoop>(event_loop: &mut L, request: &Request<L>, key: &WebSocketKey) {
    let client = request.take_connection();
    let server = &client.server;
    let (behind, has_ended) = {
        let state = &mut *client.state.borrow_mut();
        let accept = Accept::to(key.as_str());
        let behind = state.http.respond_upgrade(accept.as_str(), &mut state.out);
        state.phase = Phase::Chatting;
        state.chat = Some(Box::new(Chat {
            socket: Socket::new(Role::Server),
            backlog: Backlog::new(Bounds::CLIENT),
            place: Some(server.room.join(event_loop, server, &client)),
            left_bytes: LINGER_BYTES,
        }));
        (behind, state.has_ended)
    };
    // A client that is gone is found out by writing.
    client.watch_writes(event_loop);
    if server.stopping.get() {
        client.say_goodbye(event_loop);
    }
    client.on_chat_data(event_loop, &behind);
    if has_ended {
        client.close(event_loop);
    }
}

impl<L: EventLoop> Connection<L> {
    /// Says to everyone what the client says.
    pub(crate) fn on_chat_data(self: &Rc<Self>, event_loop: &mut L, mut bytes: &[u8]) {
        if self.has_been_listened_to(bytes.len()) {
            return self.close(event_loop);
        }
        let mut has_said = false;
        let mut answer = Vec::new();
        loop {
            let found = match &mut self.state.borrow_mut().chat {
                Some(chat) => chat.socket.poll(&mut bytes, &mut answer),
                None => return,
            };
            // Everyone hears what was said before the client gets an answer to what it sent next, which may be a goodbye.
            if !matches!(found, Poll::Text(_)) && mem::take(&mut has_said) {
                self.server.room.deliver(event_loop);
            }
            self.state.borrow_mut().out.append(&mut answer);
            match found {
                Poll::Text(text) => {
                    self.server.room.say(&text);
                    has_said = true;
                }
                Poll::Pong(_) => {}
                Poll::NeedInput => break,
                Poll::Refused(_) => self.await_goodbye(event_loop),
                Poll::Closed(_) => {
                    self.leave_room();
                    return self.end(event_loop);
                }
            }
        }
        self.flush(event_loop);
        self.regulate_reading(event_loop);
    }

    /// Sends the client what was said, or has it wait until it takes more.
    pub(crate) fn hear(self: &Rc<Self>, event_loop: &mut L, frames: &VecDeque<Frame>) {
        for frame in frames {
            let overrun = {
                let state = &mut *self.state.borrow_mut();
                let Some(chat) = &mut state.chat else { return };
                if state.blocked {
                    chat.backlog.push(frame.clone()).is_err()
                } else {
                    state.out.extend_from_slice(frame.as_bytes());
                    false
                }
            };
            if overrun {
                return self.close(event_loop);
            }
            self.flush_batch(event_loop);
        }
        self.flush(event_loop);
        self.regulate_reading(event_loop);
    }

    /// Sends what has waited, as much as the client takes.
    pub(crate) fn send_backlog(self: &Rc<Self>, event_loop: &mut L) {
        loop {
            {
                let state = &mut *self.state.borrow_mut();
                let Some(chat) = &mut state.chat else { return };
                if state.blocked || chat.backlog.is_empty() {
                    return;
                }
                chat.backlog.drain_into(&mut state.out, MAX_BATCH_BYTES);
            }
            self.flush(event_loop);
        }
    }

    /// Tells the client of a chat that the server stops.
    pub(crate) fn say_goodbye(self: &Rc<Self>, event_loop: &mut L) {
        {
            let state = &mut *self.state.borrow_mut();
            let Some(chat) = &mut state.chat else { return };
            if !chat.socket.is_open() {
                return;
            }
            // After what was said before.
            chat.backlog.drain_into(&mut state.out, usize::MAX);
            chat.socket.close(CloseCode::AWAY, &mut state.out);
        }
        self.await_goodbye(event_loop);
    }

    /// The client hears that it is to go, and that nothing more will come. Closing while it still sends would make its kernel throw
    /// that away unread: listen for its own goodbye, for a while.
    fn await_goodbye(self: &Rc<Self>, event_loop: &mut L) {
        if self.state.borrow().chat.is_none() {
            return;
        }
        self.leave_room();
        self.flush(event_loop);
        // A client that is gone is found out by reading.
        event_loop.shutdown(&self.tcp, |_| {});
        let client = Rc::clone(self);
        self.after(event_loop, LINGER_MS, move |event_loop| {
            client.close(event_loop);
        });
    }

    /// Hears no more of what is said, nor what waited.
    pub(crate) fn leave_room(&self) {
        let left = self.state.borrow_mut().chat.as_mut().and_then(|chat| {
            chat.backlog = Backlog::new(Bounds::CLIENT);
            chat.place.take()
        });
        if let Some(place) = left {
            self.server.room.leave(place);
        }
    }

    /// Whether these bytes more, after a goodbye, are too many.
    fn has_been_listened_to(&self, bytes: usize) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(chat) = state.chat.as_mut().filter(|chat| !chat.socket.is_open()) else {
            return false;
        };
        chat.left_bytes = chat.left_bytes.saturating_sub(bytes);
        chat.left_bytes == 0
    }
}
