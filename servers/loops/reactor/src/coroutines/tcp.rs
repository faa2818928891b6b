//! Listeners and streams.
//!
//! A stream implements tokio's traits, which know no runtime: what reads and writes by them runs on any loop here and on
//! tokio alike. Knows bytes; must never know what they mean.

use super::{Home, Registered, Tried};
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A listening socket, of the loop that ran when it was made.
#[derive(Debug)]
pub struct TcpListener<H: Home> {
    io: Registered<mio::net::TcpListener, H>,
}

impl<H: Home> TcpListener<H> {
    /// Takes a socket that listens already, and makes it non-blocking.
    pub fn from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let io = Registered::new(mio::net::TcpListener::from_std(socket), false)?;
        Ok(Self { io })
    }

    /// Waits for a connection. Dropped on the way, it has accepted none.
    pub async fn accept(&self) -> io::Result<(TcpStream<H>, SocketAddr)> {
        let (socket, addr) = poll_fn(|cx| {
            let accept = |socket: &mio::net::TcpListener| {
                let value = socket.accept()?;
                let drained = false;
                Ok(Tried { value, drained })
            };
            self.io.poll_read(H::MAX_ACCEPTS_PER_TURN, cx, accept)
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
pub struct TcpStream<H: Home> {
    io: Registered<mio::net::TcpStream, H>,
}

impl<H: Home> TcpStream<H> {
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

    /// The socket with its place among the loop's, for what reads and writes otherwise.
    pub fn into_registered(self) -> Registered<mio::net::TcpStream, H> {
        self.io
    }

    fn new(socket: mio::net::TcpStream, is_connected: bool) -> io::Result<Self> {
        let io = Registered::new(socket, is_connected)?;
        Ok(Self { io })
    }
}

impl<H: Home> AsyncRead for TcpStream<H> {
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
        let len = ready!(self.io.poll_read(H::MAX_READS_PER_TURN, cx, read))?;
        buf.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<H: Home> AsyncWrite for TcpStream<H> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, |mut socket| {
            let value = socket.write(bytes)?;
            let drained = value < bytes.len();
            Ok(Tried { value, drained })
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.io.socket.shutdown(Shutdown::Write))
    }
}

/// How connecting went, of a socket that an event says is writable; `WouldBlock` where the event came too early.
pub(crate) fn outcome_of_connect(socket: &mio::net::TcpStream) -> io::Result<Tried<()>> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(Tried {
            value: (),
            drained: false,
        }),
        // Another event will follow.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}
