//! TCP: bytes as they are.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};

use crate::transport::link::{HandshakeError, RecvError, Transport};
use crate::transport::receiver::Receiver;

/// A connection without anything between its bytes and the socket.
#[derive(Debug)]
pub(crate) struct Tcp;

impl Transport for Tcp {
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

    fn recv(
        &mut self,
        socket: &OwnedFd,
        receiver: &mut Receiver,
        buffer: &mut [u8],
    ) -> Result<usize, RecvError> {
        receiver.recv(socket, buffer).map_err(|errno| match errno {
            Errno::AGAIN => RecvError::WouldBlock,
            _ => RecvError::Lost,
        })
    }

    fn is_silent(&mut self, socket: &OwnedFd, _: &mut Receiver, buffer: &mut [u8]) -> bool {
        net::recv(socket, &mut buffer[..1], RecvFlags::PEEK) == Err(Errno::AGAIN)
    }
}
