//! What a connection is once it has left HTTP: a member of the chat.
//!
//! Knows when a member joins, is sent what was said, and leaves. Must never know how WebSocket is spelled.
//!
//! What is said is put into the room under a lock, which gives it its place in the order for everyone, and each member's
//! task is woken to take it. While a client is slow to take what was said to it, it waits in a bounded backlog, and the
//! client is not read from; one that lets too much wait is disconnected.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use http1::WebSocketKey;
use spec::{KEPT_OUTPUT_BYTES, LINGER_BYTES, LINGER_MS, MAX_BATCH_BYTES};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use websocket::{Accept, Backlog, Bounds, CloseCode, Frame, Overrun, Role, Socket};

use crate::connection::Connection;
use crate::runtime::Runtime;
use crate::scratch;

/// The room of all connections of a server.
pub(crate) struct Room(Mutex<websocket::Room<Arc<Notify>>>);

/// Makes a member of a connection whose request asked for it, until either side has had enough.
pub(super) async fn attend<R: Runtime>(
    connection: &mut Connection<R>,
    key: &WebSocketKey,
    room: &Room,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let accept = Accept::to(key.as_str());
    let http = &mut connection.http;
    let behind = http.respond_upgrade(accept.as_str(), &mut connection.out);
    let stream = &mut connection.stream;
    let mut chat = Chat::join(room, &mut connection.out);
    chat.on_data(&behind);
    let told = Arc::clone(&chat.place.told);
    let mut stop = pin!(stopping.changed());
    let mut stops = false;
    while chat.socket.is_open() {
        tokio::select! {
            received = chat.exchange(stream) => {
                if received? == 0 {
                    return Ok(());
                }
            }
            () = told.notified() => {}
            _ = &mut stop => stops = true,
        }
        // A loop that was held up for so long has let too much wait for each of its members, a client for itself.
        if chat.socket.is_open() && chat.hear().is_err() {
            return Ok(());
        }
        if stops {
            // After what was said before.
            chat.backlog.drain_into(chat.out, usize::MAX);
            chat.socket.close(CloseCode::AWAY, chat.out);
        }
    }
    // Closing while the client still sends would make its kernel throw the goodbye away before it is read: listen for its
    // own, for a while. Who is slow to take what was said before it gets no longer.
    let limit = Duration::from_millis(LINGER_MS);
    R::timeout(limit, chat.leave(stream))
        .await
        .unwrap_or(Ok(()))
}

struct Chat<'a> {
    socket: Socket,
    place: Place<'a>,
    /// What waits to be written.
    out: &'a mut Vec<u8>,
    /// What was said and does not fit there yet.
    backlog: Backlog,
    /// What is being taken from the room; kept for its memory.
    taken: VecDeque<Frame>,
    /// Both sides have said goodbye.
    is_closed: bool,
}

impl<'a> Chat<'a> {
    fn join(room: &'a Room, out: &'a mut Vec<u8>) -> Self {
        Self {
            socket: Socket::new(Role::Server),
            place: Place::join(room),
            out,
            backlog: Backlog::new(Bounds::CLIENT),
            taken: VecDeque::new(),
            is_closed: false,
        }
    }

    /// Writes what there is, and then reads, once. Returns how many bytes that were; 0 is the end. Loses nothing where it is
    /// dropped before that.
    async fn exchange<S: tokio::io::AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
    ) -> io::Result<usize> {
        poll_fn(|cx| {
            loop {
                self.backlog.drain_into(self.out, MAX_BATCH_BYTES);
                if self.out.is_empty() {
                    break;
                }
                let written = ready!(Pin::new(&mut *stream).poll_write(cx, self.out))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.out.drain(..written);
                self.out.shrink_to(KEPT_OUTPUT_BYTES);
            }
            scratch::poll_read(stream, cx, |bytes| self.on_data(bytes))
        })
        .await
    }

    /// Says to everyone what the client says.
    fn on_data(&mut self, mut bytes: &[u8]) {
        let mut answer = Vec::new();
        loop {
            let found = self.socket.poll(&mut bytes, &mut answer);
            if !answer.is_empty() {
                if self.place.is_in() {
                    // Everyone hears what was said before the client gets an answer to what it sent next, and so does the
                    // client. It is read from only when it has taken everything before.
                    let _ = self.hear();
                    self.backlog.drain_into(self.out, usize::MAX);
                }
                self.out.append(&mut answer);
            }
            match found {
                websocket::Poll::Text(text) => self.place.room.say(&text),
                websocket::Poll::NeedInput => return,
                websocket::Poll::Closed(_) => {
                    self.is_closed = true;
                    return;
                }
                websocket::Poll::Pong(_) | websocket::Poll::Refused(_) => {}
            }
        }
    }

    /// Takes what was said.
    fn hear(&mut self) -> Result<(), Overrun> {
        self.place.take(&mut self.taken)?;
        self.taken
            .drain(..)
            .try_for_each(|frame| self.backlog.push(frame))
    }

    /// Hears no more of what is said, nor what waited, and waits for the client's goodbye.
    async fn leave<S: tokio::io::AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
    ) -> io::Result<()> {
        self.place.leave();
        self.backlog = Backlog::new(Bounds::CLIENT);
        stream.write_all(self.out).await?;
        self.out.clear();
        if self.is_closed {
            return Ok(());
        }
        stream.shutdown().await?;
        let mut left_bytes = LINGER_BYTES;
        while !self.is_closed && left_bytes > 0 {
            match scratch::read(stream, |bytes| self.on_data(bytes)).await? {
                0 => break,
                n => left_bytes = left_bytes.saturating_sub(n),
            }
        }
        Ok(())
    }
}

impl Room {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(websocket::Room::new(Bounds::LOOP)))
    }

    fn say(&self, text: &str) {
        let frame = Frame::text(text);
        self.lock().say(&frame, |told| told.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, websocket::Room<Arc<Notify>>> {
        // Nothing in here panics with the lock held, so a poisoned lock still guards a sound value.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the room, which is left when this is dropped.
struct Place<'a> {
    room: &'a Room,
    /// None once it was left.
    member: Option<websocket::Member>,
    told: Arc<Notify>,
}

impl<'a> Place<'a> {
    fn join(room: &'a Room) -> Self {
        let told = Arc::new(Notify::new());
        let member = Some(room.lock().join(Arc::clone(&told)));
        Self { room, member, told }
    }

    fn is_in(&self) -> bool {
        self.member.is_some()
    }

    fn take(&self, taken: &mut VecDeque<Frame>) -> Result<(), Overrun> {
        match self.member {
            Some(member) => self.room.lock().take(member, taken),
            None => Ok(()),
        }
    }

    fn leave(&mut self) {
        if let Some(member) = self.member.take() {
            self.room.lock().leave(member);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
