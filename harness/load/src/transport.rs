//! How bytes reach the peer: as they are, or through TLS. Which of the two is decided once a drive, so that a plain
//! connection pays nothing for the other.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};

use crate::tls::HandshakeError;

/// What a connection does with bytes, over a socket that does not block.
pub(crate) trait Transport: Sized {
    /// What all connections of a drive share.
    type Shared: Sync;

    /// Whether there is a handshake between an established connection and a usable one.
    const HAS_HANDSHAKE: bool;

    /// Whether a read that does not fill its buffer has emptied the socket, as recv(2) does.
    const SHORT_READ_EMPTIES: bool;

    /// The transport of one connection.
    fn new(shared: &Self::Shared) -> Result<Self, HandshakeError>;

    /// Goes on with the handshake as far as it gets; true once it is over. To be called whenever the socket is ready, until
    /// then.
    fn handshake(&mut self, socket: &OwnedFd) -> Result<bool, HandshakeError>;

    /// Takes bytes to send and says how many it took; `AGAIN` where the socket must be waited for. With no bytes it sends
    /// what it took before.
    fn send(&mut self, socket: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno>;

    /// Whether bytes that it took have not left yet.
    fn has_unsent(&self) -> bool;

    /// Reads into `buffer` what the peer's application sent; 0 is its end.
    fn recv(&mut self, socket: &OwnedFd, buffer: &mut [u8]) -> Result<usize, RecvError>;

    /// Whether the peer's application has sent nothing, not even an end. `buffer` is scratch.
    fn is_silent(&mut self, socket: &OwnedFd, buffer: &mut [u8]) -> bool;
}

/// Why there is nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvError {
    /// Nothing yet.
    WouldBlock,
    /// The connection is lost.
    Lost,
    /// The peer sent what no peer may send.
    Malformed,
}

/// Bytes as they are.
#[derive(Debug)]
pub(crate) struct Plain;

impl Transport for Plain {
    type Shared = ();

    const HAS_HANDSHAKE: bool = false;

    const SHORT_READ_EMPTIES: bool = true;

    fn new((): &()) -> Result<Self, HandshakeError> {
        Ok(Self)
    }

    fn handshake(&mut self, _: &OwnedFd) -> Result<bool, HandshakeError> {
        Ok(true)
    }

    fn send(&mut self, socket: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
        loop {
            match net::send(socket, bytes, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                sent => return sent,
            }
        }
    }

    fn has_unsent(&self) -> bool {
        false
    }

    fn recv(&mut self, socket: &OwnedFd, buffer: &mut [u8]) -> Result<usize, RecvError> {
        loop {
            match net::recv(socket, &mut *buffer, RecvFlags::empty()) {
                Ok((count, _)) => return Ok(count),
                Err(Errno::AGAIN) => return Err(RecvError::WouldBlock),
                Err(Errno::INTR) => {}
                Err(_) => return Err(RecvError::Lost),
            }
        }
    }

    fn is_silent(&mut self, socket: &OwnedFd, buffer: &mut [u8]) -> bool {
        net::recv(socket, &mut buffer[..1], RecvFlags::PEEK) == Err(Errno::AGAIN)
    }
}
