//! How bytes reach the peer: as they are, or through TLS. Which of the two is decided once a drive, so that a plain
//! connection pays nothing for the other.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustls::{AlertDescription, CertificateError};
use thiserror::Error;

use crate::transport::receiver::Receiver;

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
    fn recv(
        &mut self,
        socket: &OwnedFd,
        receiver: &mut Receiver,
        buffer: &mut [u8],
    ) -> Result<usize, RecvError>;

    /// Whether the peer's application has sent nothing, not even an end. `buffer` is scratch.
    fn is_silent(&mut self, socket: &OwnedFd, receiver: &mut Receiver, buffer: &mut [u8]) -> bool;
}

/// Why there is nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvError {
    /// Nothing yet.
    WouldBlock,
    /// The connection is lost.
    Lost,
    /// The peer ended TLS with an alert.
    Alert(AlertDescription),
    /// The peer sent what no peer may send.
    Malformed,
}

/// Why a handshake failed.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// One side refused the other.
    #[error("{}", refusal(.0))]
    Refused(rustls::Error),
    /// The server did not go on with it in time.
    #[error("the server did not go on with it in time")]
    TimedOut,
    /// The server went away.
    #[error("the server closed the connection during the handshake")]
    Closed,
    /// The system failed.
    #[error("{0}")]
    System(io::Error),
}

/// A refusal in words: what the library has wrapped is unwrapped.
fn refusal(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(cause)) => {
            format!("invalid peer certificate: {cause}")
        }
        error => error.to_string(),
    }
}

impl HandshakeError {
    /// What to do about it, in a sentence without its full stop.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Refused(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => "use a name that the certificate holds, or --insecure to believe any",
            Self::Refused(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) => {
                "pass the authority that signed it with --cacert FILE, or --insecure to believe any"
            }
            Self::Refused(rustls::Error::InvalidCertificate(_)) => {
                "pass a certificate to believe with --cacert FILE, or --insecure to believe any"
            }
            Self::Refused(rustls::Error::InvalidMessage(_)) | Self::Closed | Self::TimedOut => {
                "check that this port speaks https; if it speaks plain http, write http://"
            }
            Self::Refused(rustls::Error::AlertReceived(
                AlertDescription::NoApplicationProtocol,
            )) => "it speaks no HTTP/1.1, only HTTP/2 perhaps, and bench speaks HTTP/1.1",
            Self::Refused(rustls::Error::AlertReceived(
                AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure,
            )) => {
                "it may want a client certificate (--cert FILE --key FILE), or TLS older than 1.2"
            }
            Self::Refused(_) | Self::System(_) => "look at the server's own output",
        }
    }
}
