//! Listeners and streams.
//!
//! A stream implements tokio's traits, which know no runtime: what reads and writes by them runs on this loop and on
//! tokio alike. Knows bytes; must never know what they mean.

use crate::remote::{Remote, get_running_loop};
use crate::selector::{IoKey, Tried};
use mio::event::Source;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Connections accepted from one listener in one turn: as many as asyncio's servers accept (their `backlog`), so that a burst
/// of them can't keep those who are connected waiting.
pub const MAX_ACCEPTS_PER_TURN: usize = 100;

/// Reads from one stream in one turn, as asyncio's transports do: one fast sender must not starve the others.
const MAX_READS_PER_TURN: usize = 1;

/// A listening socket, of the loop that ran when it was made.
#[derive(Debug)]
pub struct TcpListener {
    io: Registered<mio::net::TcpListener>,
}

impl TcpListener {
    /// Takes a socket that listens already, and makes it non-blocking.
    pub fn from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let io = Registered::new(mio::net::TcpListener::from_std(socket), false)?;
        Ok(Self { io })
    }

    /// Waits for a connection. Dropped on the way, it has accepted none.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, addr) = poll_fn(|cx| {
            let accept = |socket: &mio::net::TcpListener| {
                let value = socket.accept()?;
                let drained = false;
                Ok(Tried { value, drained })
            };
            self.io.poll_read(MAX_ACCEPTS_PER_TURN, cx, accept)
        })
        .await?;
        Ok((TcpStream::new(socket, true)?, addr))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.socket.local_addr()
    }
}

/// A connection, of the loop that ran when it was made.
#[derive(Debug)]
pub struct TcpStream {
    io: Registered<mio::net::TcpStream>,
}

impl TcpStream {
    /// Connects to `addr`.
    pub async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = Self::new(mio::net::TcpStream::connect(addr)?, false)?;
        poll_fn(|cx| stream.io.poll_write(cx, outcome_of_connect)).await?;
        Ok(stream)
    }

    /// Takes a socket that is connected already, and makes it non-blocking.
    pub fn from_std(socket: std::net::TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Self::new(mio::net::TcpStream::from_std(socket), true)
    }

    /// Sends small writes at once (`TCP_NODELAY`) rather than gathering them.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.socket.set_nodelay(nodelay)
    }

    fn new(socket: mio::net::TcpStream, is_connected: bool) -> io::Result<Self> {
        let io = Registered::new(socket, is_connected)?;
        Ok(Self { io })
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let unfilled = buf.initialize_unfilled();
        let read = |mut socket: &mio::net::TcpStream| {
            let value = socket.read(unfilled)?;
            let drained = value < unfilled.len();
            Ok(Tried { value, drained })
        };
        let len = ready!(self.io.poll_read(MAX_READS_PER_TURN, cx, read))?;
        buf.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, |mut socket| socket.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.io.socket.shutdown(Shutdown::Write))
    }
}

fn outcome_of_connect(socket: &mio::net::TcpStream) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(()),
        // An event that came too early; another will follow.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

/// A socket whose events the loop looks for until it is dropped.
#[derive(Debug)]
pub(crate) struct Registered<S: Source> {
    socket: S,
    key: IoKey,
    remote: Remote,
}

impl<S: Source> Registered<S> {
    /// Registers it with the running loop. `is_writable` says whether it may be written to at once.
    pub(crate) fn new(mut socket: S, is_writable: bool) -> io::Result<Self> {
        let event_loop = get_running_loop();
        let key = event_loop.register(&mut socket, is_writable)?;
        let remote = event_loop.remote();
        Ok(Self {
            socket,
            key,
            remote,
        })
    }

    pub(crate) fn poll_read<T>(
        &self,
        share: usize,
        cx: &Context<'_>,
        mut read: impl FnMut(&S) -> io::Result<Tried<T>>,
    ) -> Poll<io::Result<T>> {
        let read = || read(&self.socket);
        let polled = self
            .remote
            .local(|event_loop| event_loop.poll_read(self.key, share, cx, read));
        polled.expect("a socket is used on its own loop")
    }

    fn poll_write<T>(
        &self,
        cx: &Context<'_>,
        mut write: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let write = || write(&self.socket);
        let polled = self
            .remote
            .local(|event_loop| event_loop.poll_write(self.key, cx, write));
        polled.expect("a socket is used on its own loop")
    }
}

impl<S: Source> Drop for Registered<S> {
    fn drop(&mut self) {
        let Self {
            socket,
            key,
            remote,
        } = self;
        let deregistered = remote.local(|event_loop| event_loop.deregister(*key, socket));
        if deregistered.is_none() {
            // The descriptor is closed right after this, which takes it out of the selector.
            remote.deliver(crate::remote::Letter::Forget(*key));
        }
    }
}
