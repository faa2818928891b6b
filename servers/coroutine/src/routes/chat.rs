//! `/chat`: what a connection is once it has left HTTP, a member of the chat.
//!
//! Knows when a member joins, is sent what was said, and leaves. Must never know how WebSocket is spelled.
//!
//! What is said is put into the room under a lock, which gives it its place in the order for everyone, and each member's
//! task is woken to take it. What was said goes straight to a member whose socket takes it. For one that is slow it waits in a
//! bounded backlog, and the client is not read from; a member that lets too much wait is disconnected.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http1::WebSocketKey;
use spec::{KEPT_OUTPUT_BYTES, LINGER_BYTES, LINGER_MS, MAX_BATCH_BYTES, Waiting};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use websocket::{Accept, Backlog, Bounds, CloseCode, Frame, Overrun, Role, Socket};

use crate::clients::Place;
use crate::connection::{Connection, Queued};
use crate::runtime::Runtime;
use crate::scratch;
use crate::shared::Shared;

/// The room of all connections of a server.
pub(crate) struct Room<R: Runtime>(R::Shared<websocket::Room<Arc<News>>>);

/// How a member's task learns that something was said.
pub(crate) struct News {
    is_there: AtomicBool,
    waker: Waker,
}

/// Makes a member of a connection whose request asked for it, until either side has had enough.
pub(super) async fn attend<R: Runtime>(
    client: &mut Connection<'_, R>,
    key: &WebSocketKey,
) -> io::Result<()> {
    let Connection {
        server,
        place,
        stream,
        http,
        out,
        ..
    } = client;
    let accept = Accept::to(key.as_str());
    let behind = http.respond_upgrade(accept.as_str(), out);
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let mut chat = Chat {
        socket: Socket::new(Role::Server),
        seat: Seat::take(&server.room, waker),
        out,
        taken: VecDeque::new(),
        backlog: Backlog::new(Bounds::CLIENT),
        queued: Queued::new(server),
        writes: 0,
        is_closed: false,
    };
    chat.on_data(&behind);
    while chat.socket.is_open() {
        let is_there = poll_fn(|cx| chat.poll_exchange(cx, stream, place)).await?;
        if !is_there {
            return Ok(());
        }
    }
    // Closing while the client still sends would make its kernel throw the goodbye away before it is read: listen for its
    // own, for a while. Who is slow to take what was said before it gets no longer.
    place.waits_for(Waiting::Server);
    let limit = Duration::from_millis(LINGER_MS);
    R::timeout(limit, chat.leave(stream))
        .await
        .unwrap_or(Ok(()))
}

struct Chat<'a, R: Runtime> {
    socket: Socket,
    seat: Seat<'a, R>,
    /// What waits to be written.
    out: &'a mut Vec<u8>,
    /// What was said and is to follow it.
    taken: VecDeque<Frame>,
    /// What was said before that, while the client was slow.
    backlog: Backlog,
    queued: Queued<'a, R>,
    /// How often the client took something.
    writes: u32,
    /// Both sides have said goodbye.
    is_closed: bool,
}

impl<R: Runtime> Chat<'_, R> {
    /// Writes what was said, and then reads, once. Whether the client is still there. Loses nothing where it is dropped before
    /// that.
    fn poll_exchange<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        place: &Place<R>,
    ) -> Poll<io::Result<bool>> {
        let news = &self.seat.news;
        if news.is_there.load(Ordering::Acquire) {
            // What is said from here on sets it again; what was said before is in the room.
            news.is_there.store(false, Ordering::Relaxed);
            self.hear()?;
        }
        if place.is_stopping() {
            // After what was said before.
            self.say_all();
            self.socket.close(CloseCode::AWAY, self.out);
            return Poll::Ready(Ok(true));
        }
        ready!(self.poll_write(cx, stream, place))?;
        let read = scratch::poll_read(stream, cx, |bytes| self.on_data(bytes));
        read.map_ok(|bytes| bytes > 0)
    }

    /// Writes all that was said. What the client does not take waits in the backlog.
    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        place: &Place<R>,
    ) -> Poll<io::Result<()>> {
        loop {
            self.backlog.drain_into(self.out, MAX_BATCH_BYTES);
            while self.out.len() < MAX_BATCH_BYTES
                && let Some(frame) = self.taken.pop_front()
            {
                self.out.extend_from_slice(frame.as_bytes());
            }
            if self.out.is_empty() {
                place.waits_for(Waiting::Server);
                return Poll::Ready(Ok(()));
            }
            match Pin::new(&mut *stream).poll_write(cx, self.out) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    self.out.drain(..written);
                    self.out.shrink_to(KEPT_OUTPUT_BYTES);
                    self.writes = self.writes.wrapping_add(1);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    for frame in self.taken.drain(..) {
                        self.backlog.push(frame).map_err(overrun)?;
                    }
                    let waits = self.queued.wait(place, self.out.len(), self.writes);
                    return waits.map(Err);
                }
            }
        }
    }

    /// Says to everyone what the client says.
    fn on_data(&mut self, mut bytes: &[u8]) {
        let mut answer = Vec::new();
        loop {
            let found = self.socket.poll(&mut bytes, &mut answer);
            if !answer.is_empty() {
                // Everyone hears what was said before the client gets an answer to what it sent next, and so does the
                // client. It is read from only when it has taken everything before.
                let _ = self.hear();
                self.say_all();
                self.out.append(&mut answer);
            }
            match found {
                websocket::Poll::Text(text) => self.seat.room.say(&text),
                websocket::Poll::NeedInput => return,
                websocket::Poll::Closed(_) => {
                    self.is_closed = true;
                    return;
                }
                websocket::Poll::Pong(_) | websocket::Poll::Refused(_) => {}
            }
        }
    }

    /// Takes what was said behind what was taken before.
    fn hear(&mut self) -> io::Result<()> {
        let mut said = VecDeque::new();
        // The loop was blocked for so long that each of its members has let too much wait.
        self.seat.take_said(&mut said).map_err(overrun)?;
        self.taken.append(&mut said);
        Ok(())
    }

    /// Has all that was said be written, however much that is.
    fn say_all(&mut self) {
        self.backlog.drain_into(self.out, usize::MAX);
        for frame in self.taken.drain(..) {
            self.out.extend_from_slice(frame.as_bytes());
        }
    }

    /// Hears no more of what is said, nor what waited, and waits for the client's goodbye.
    async fn leave<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        self.seat.leave();
        self.backlog = Backlog::new(Bounds::CLIENT);
        self.taken.clear();
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

fn overrun(Overrun: Overrun) -> io::Error {
    io::Error::other("more was said than may wait for a member")
}

impl<R: Runtime> Room<R> {
    pub(crate) fn new() -> Self {
        Self(Shared::new(websocket::Room::new(Bounds::LOOP)))
    }

    fn say(&self, text: &str) {
        let frame = Frame::text(text);
        self.0.with(|room| {
            room.say(&frame, |news| {
                news.is_there.store(true, Ordering::Release);
                news.waker.wake_by_ref();
            });
        });
    }
}

/// A seat in the room, which is left when this is dropped.
struct Seat<'a, R: Runtime> {
    room: &'a Room<R>,
    /// None once it was left.
    member: Option<websocket::Member>,
    news: Arc<News>,
}

impl<'a, R: Runtime> Seat<'a, R> {
    fn take(room: &'a Room<R>, waker: Waker) -> Self {
        let news = Arc::new(News {
            is_there: AtomicBool::new(false),
            waker,
        });
        let member = Some(room.0.with(|room| room.join(Arc::clone(&news))));
        Self { room, member, news }
    }

    fn take_said(&self, said: &mut VecDeque<Frame>) -> Result<(), Overrun> {
        match self.member {
            Some(member) => self.room.0.with(|room| room.take(member, said)),
            None => Ok(()),
        }
    }

    fn leave(&mut self) {
        if let Some(member) = self.member.take() {
            self.room.0.with(|room| room.leave(member));
        }
    }
}

impl<R: Runtime> Drop for Seat<'_, R> {
    fn drop(&mut self) {
        self.leave();
    }
}
