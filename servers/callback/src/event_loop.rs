//! What a callback server needs of a loop.
//!
//! Everything that waits asks the loop here, and nothing else does: so the same callbacks run on the loop like libuv's and on the one
//! like asyncio's. A callback gets the loop that calls it. Must never know what is served.

mod on_asyncio;
mod on_libuv;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use spec::Stats;

pub(crate) use self::on_asyncio::Asyncio;

/// What came of reading.
#[derive(Debug)]
pub(crate) enum Read<'a> {
    /// Bytes, never none of them; they are gone when the callback returns.
    Data(&'a [u8]),
    /// The peer will send no more. Nothing else follows.
    End,
    /// The connection failed. Nothing else follows.
    Failed,
}

/// Has a loop call what it was made for, from any thread; whether the loop will.
pub(crate) type Wake = Arc<dyn Fn() -> bool + Send + Sync>;

/// The pool takes no more work; it was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolRefused;

/// A loop. No callback is called from inside the function that it is given to.
pub(crate) trait EventLoop: Sized + 'static {
    /// A connection. Copies and clones are the same one.
    type Tcp: Clone + 'static;
    /// A timer, which can be started again and again.
    type Timer: Clone + 'static;
    /// A socket that listens.
    type Listener: 'static;

    /// What the loop says of itself; what is not its own stays null.
    fn stats(&self) -> Stats;

    /// Ends the loop after this callback.
    fn stop(&mut self);

    /// Milliseconds since some moment before the loop began.
    fn now_ms(&self) -> u64;

    /// Calls `callback` once, after everything else that is ready has had a turn.
    fn soon(&mut self, callback: impl FnOnce(&mut Self) + 'static);

    /// Makes a timer that is not started.
    fn add_timer(&mut self, callback: impl FnMut(&mut Self) + 'static) -> Self::Timer;

    /// Starts it to fire once, so many milliseconds from now. One that was started before is started anew.
    fn start_timer(&mut self, timer: &Self::Timer, after_ms: u64);

    /// Stops it; it can be started again.
    fn stop_timer(&mut self, timer: &Self::Timer);

    /// Stops it for good.
    fn close_timer(&mut self, timer: &Self::Timer);

    /// Makes something that other threads can have called.
    fn add_wake(&mut self, callback: impl FnMut(&mut Self) + 'static) -> Wake;

    /// Runs work that would block the loop on a thread of the pool, and `after` with its result on the loop.
    fn queue_work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        after: impl FnOnce(&mut Self, T) + 'static,
    ) -> Result<(), PoolRefused>;

    /// Calls `on_connection` with every connection accepted. Fails where the socket can't be watched.
    fn listen(
        &mut self,
        listener: TcpListener,
        on_connection: impl FnMut(&mut Self, Self::Tcp) + 'static,
    ) -> io::Result<Self::Listener>;

    /// Accepts no more.
    fn close_listener(&mut self, listener: Self::Listener);

    /// Connects; what is written until then is sent after that. `on_failed` is called where it can't be.
    fn connect(
        &mut self,
        addr: SocketAddr,
        on_failed: impl FnOnce(&mut Self) + 'static,
    ) -> Self::Tcp;

    /// Sends small writes at once (`TCP_NODELAY`), or gathers them.
    fn set_nodelay(&mut self, tcp: &Self::Tcp, nodelay: bool);

    /// Calls `on_read` with what comes, from here on.
    fn read_start(&mut self, tcp: &Self::Tcp, on_read: impl FnMut(&mut Self, Read<'_>) + 'static);

    /// Reads no more, so that the peer has to wait once the buffers between are full.
    fn read_stop(&mut self, tcp: &Self::Tcp);

    /// Reads on.
    fn read_resume(&mut self, tcp: &Self::Tcp);

    /// Sends what is in the buffer, which is empty then: what the socket takes at once, and the rest as it can. How many bytes wait for
    /// that then.
    fn write(&mut self, tcp: &Self::Tcp, buffer: &mut Vec<u8>) -> usize;

    /// How many bytes the socket has not taken.
    fn queued_bytes(&self, tcp: &Self::Tcp) -> usize;

    /// Calls `on_writable` whenever the peer, after too many bytes waited for it, has taken as many of them as the loop thinks enough,
    /// or false where the connection failed.
    fn on_writable(&mut self, tcp: &Self::Tcp, on_writable: impl FnMut(&mut Self, bool) + 'static);

    /// Says to the peer, after all that waits, that no more will be sent, and then calls `on_shut`.
    fn shutdown(&mut self, tcp: &Self::Tcp, on_shut: impl FnOnce(&mut Self) + 'static);

    /// Closes the connection, whatever waits. No callback of it is called any more.
    fn close_tcp(&mut self, tcp: &Self::Tcp);
}
