//! TLS for the sessions of a drive: rustls between socket and exchange, which neither sees.
//!
//! Every handshake is a whole one: sessions are never resumed, so that one connection costs what the next one does.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{self, SendFlags};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientConfig, ClientConnection, Resumption, WebPkiServerVerifier, verify_server_name,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::transport::link::{HandshakeError, RecvError, Transport};
use crate::transport::receiver::Receiver;

/// How a server is spoken to over TLS: its name, and whom to believe that it has this name.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    /// What it was made of, where that is no secret.
    spec: Option<Arc<TlsSpec>>,
}

/// How a server is spoken to over TLS by a client that shows no certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSpec {
    /// The name of the server: a host name or an address without brackets.
    pub host: String,
    /// Whom to believe that it has this name.
    pub trust: Trust,
}

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Those that the system's authorities signed.
    System,
    /// Those that these authorities signed, or that stand here themselves, in PEM; and no others. As with curl, one that
    /// signed itself may stand here, whatever it says of being an authority.
    Only(Vec<u8>),
    /// Anyone's: encryption without knowing to whom.
    Anyone,
}

impl Tls {
    /// TLS 1.3 or 1.2 with a server of this name, a host name or an address without brackets. `identity`: shown where the server
    /// wants to know who asks.
    pub fn new(host: &str, trust: &Trust, identity: Option<&Identity>) -> Result<Self, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name {
            host: host.to_owned(),
        })?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring serves both versions");
        let builder = match trust {
            Trust::System => builder.with_root_certificates(system_roots()?),
            Trust::Only(pem) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Listed::new(pem, provider)?)),
            Trust::Anyone => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anyone { provider })),
        };
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { cert, key }) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|source| TlsError::NoKey { source })?;
                builder
                    .with_client_auth_cert(certificates(cert)?, key)
                    .map_err(|source| TlsError::NotAPair { source })?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        let spec = identity.is_none().then(|| TlsSpec {
            host: host.to_owned(),
            trust: trust.clone(),
        });
        Ok(Self {
            config: Arc::new(config),
            name,
            spec: spec.map(Arc::new),
        })
    }

    /// What it was made of; none where a certificate is shown, whose key nobody else should have.
    pub fn spec(&self) -> Option<&TlsSpec> {
        self.spec.as_deref()
    }

    /// The same for another client of rustls.
    pub fn config(&self) -> ClientConfig {
        ClientConfig::clone(&self.config)
    }
}

impl TlsSpec {
    /// TLS as this says.
    pub fn made(&self) -> Result<Tls, TlsError> {
        Tls::new(&self.host, &self.trust, None)
    }
}

/// Who bench is, to a server that wants to know: PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A certificate, and those that signed it.
    pub cert: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
}

/// Why TLS could not be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The name can't stand in a certificate.
    #[error("`{host}` is neither a host name nor an address")]
    Name {
        /// The name.
        host: String,
    },
    /// The system has no authorities.
    #[error("the system has no certificate authorities that could be read{}", .first.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    NoSystemRoots {
        /// The first thing that went wrong, where something did.
        first: Option<rustls_native_certs::Error>,
    },
    /// Not PEM.
    #[error("it is not PEM: {source}")]
    NotPem {
        /// What the reader says.
        source: rustls::pki_types::pem::Error,
    },
    /// PEM that holds something else.
    #[error("certificate {number} in it can't be used: {source}")]
    NotACertificate {
        /// Which, from 1.
        number: usize,
        /// What the reader says.
        source: rustls::Error,
    },
    /// PEM without a certificate.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// PEM without a private key.
    #[error("there is no private key in it that can be read: {source}")]
    NoKey {
        /// What the reader says.
        source: rustls::pki_types::pem::Error,
    },
    /// A key that is not that of the certificate.
    #[error("certificate and key can't be used together: {source}")]
    NotAPair {
        /// What rustls says.
        source: rustls::Error,
    },
}

/// A connection's TLS.
#[derive(Debug)]
pub(crate) struct Secured(Box<ClientConnection>);

impl Transport for Secured {
    type Shared = Tls;

    const HAS_HANDSHAKE: bool = true;

    // Records may still wait in the socket, and what is here may be part of one.
    const SHORT_READ_EMPTIES: bool = false;

    fn new(shared: &Tls) -> Result<Self, HandshakeError> {
        ClientConnection::new(Arc::clone(&shared.config), shared.name.clone())
            .map(|connection| Self(Box::new(connection)))
            .map_err(HandshakeError::Refused)
    }

    fn handshake(&mut self, socket: &OwnedFd) -> Result<bool, HandshakeError> {
        loop {
            match self.flush(socket) {
                // Once nothing is left to say the handshake is over, on this side.
                Ok(()) if !self.0.is_handshaking() => return Ok(true),
                Ok(()) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(errno) => return Err(HandshakeError::System(errno.into())),
            }
            let receiver = &mut Receiver::unstamped();
            match self.0.read_tls(&mut Inward { socket, receiver }) {
                Ok(0) => return Err(HandshakeError::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(HandshakeError::Closed);
                }
                Err(error) => return Err(HandshakeError::System(error)),
            }
            if let Err(error) = self.0.process_new_packets() {
                // The server gets the reason, if it still listens.
                self.flush(socket).ok();
                return Err(HandshakeError::Refused(error));
            }
        }
    }

    fn send(&mut self, socket: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
        self.flush(socket)?;
        let taken = self
            .0
            .writer()
            .write(bytes)
            .expect("writing into its own buffer never fails");
        match self.flush(socket) {
            Ok(()) | Err(Errno::AGAIN) => Ok(taken),
            Err(errno) => Err(errno),
        }
    }

    fn has_unsent(&self) -> bool {
        self.0.wants_write()
    }

    fn recv(
        &mut self,
        socket: &OwnedFd,
        receiver: &mut Receiver,
        buffer: &mut [u8],
    ) -> Result<usize, RecvError> {
        loop {
            match self.0.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(count) => return Ok(count),
                // An end without a farewell; whether the reply was complete is for the exchange to say.
                Err(_) => return Ok(0),
            }
            match self.0.read_tls(&mut Inward { socket, receiver }) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(RecvError::WouldBlock);
                }
                Err(_) => return Err(RecvError::Lost),
            }
            let processed = self.0.process_new_packets();
            // An alert, or the answer to a new key. What can't leave now leaves with the next request.
            self.flush(socket).ok();
            processed.map_err(|error| match error {
                rustls::Error::AlertReceived(description) => RecvError::Alert(description),
                _ => RecvError::Malformed,
            })?;
        }
    }

    /// Tickets for resumption come after the handshake and are no sign of life of the application.
    fn is_silent(&mut self, socket: &OwnedFd, receiver: &mut Receiver, buffer: &mut [u8]) -> bool {
        self.recv(socket, receiver, buffer) == Err(RecvError::WouldBlock)
    }
}

impl Secured {
    /// Sends all records that wait.
    fn flush(&mut self, socket: &OwnedFd) -> Result<(), Errno> {
        while self.0.wants_write() {
            self.0
                .write_tls(&mut Outward(socket))
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        }
        Ok(())
    }
}

/// A socket as rustls wants it, to read.
struct Inward<'a> {
    socket: &'a OwnedFd,
    receiver: &'a mut Receiver,
}

impl Read for Inward<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.receiver.recv(self.socket, buffer)?)
    }
}

/// A socket as rustls wants it, to write.
struct Outward<'a>(&'a OwnedFd);

impl Write for Outward<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match net::send(self.0, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Stores hold odd certificates that nothing depends on; only an empty one is an error.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(TlsError::NoSystemRoots {
            first: found.errors.into_iter().next(),
        });
    }
    Ok(roots)
}

/// The certificates in PEM, at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::NotPem { source })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    Ok(certificates)
}

/// Believes the certificates that it holds, where they have the server's name, and those that they signed.
#[derive(Debug)]
struct Listed {
    certificates: Vec<CertificateDer<'static>>,
    signed: Arc<WebPkiServerVerifier>,
}

impl Listed {
    fn new(pem: &[u8], provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let certificates = certificates(pem)?;
        let mut roots = RootCertStore::empty();
        for (index, certificate) in certificates.iter().enumerate() {
            roots
                .add(certificate.clone())
                .map_err(|source| TlsError::NotACertificate {
                    number: index + 1,
                    source,
                })?;
        }
        let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .expect("there are authorities, and no lists of revoked certificates to be wrong");
        Ok(Self {
            certificates,
            signed,
        })
    }
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.certificates.contains(certificate) {
            return self
                .signed
                .verify_server_cert(certificate, between, name, ocsp, now);
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

/// Believes every certificate, as curl's `--insecure` does: also one of an old form that can't be read, of which therefore not
/// even the key is known. Nothing is lost by that, since an attacker between the two could show a certificate with a key.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_named() {
        let only = |pem: &str| {
            Tls::new("localhost", &Trust::Only(pem.as_bytes().to_vec()), None)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(only(""), "there is no certificate in it");
        assert_eq!(only("hello"), "there is no certificate in it");
        assert!(
            only("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
                .starts_with("it is not PEM: ")
        );
        assert!(
            only("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
                .starts_with("certificate 1 in it can't be used: ")
        );
    }

    #[test]
    fn names_and_addresses_are_taken_and_others_named() {
        for host in ["localhost", "127.0.0.1", "::1", "example.org."] {
            assert!(Tls::new(host, &Trust::Anyone, None).is_ok(), "{host}");
        }
        let error = Tls::new("not a name", &Trust::Anyone, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`not a name` is neither a host name nor an address"
        );
    }
}
