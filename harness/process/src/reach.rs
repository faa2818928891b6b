//! From an address to where its server is reached: names are resolved, certificates read.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use load::{Endpoint, Identity, Peer, Tls, Trust};
use model::spec::access::{Access, TrustSpec};
use model::spec::address::{Address, Place};
use model::words::listed;

use crate::failure::{Explain, Failure};
use crate::files;

/// How long an address may take to answer, where a host has several.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Largest file of certificates or of a key, in bytes.
const MAX_PEM_BYTES: usize = 4 * 1024 * 1024;

/// Where a server is reached, and what requests to it name.
#[derive(Debug, Clone)]
pub struct Reach {
    /// What is connected to, and how.
    pub endpoint: Endpoint,
    /// Its address: the host that requests name, and the path that stands before theirs.
    pub address: Address,
}

impl Reach {
    /// Finds out where a server is reached that runs already. Of a host's several addresses it is the first where somebody listens:
    /// `localhost` is often two, and a server on one of them only.
    pub fn of(address: &Address, access: &Access) -> Result<Self, Failure> {
        let reaches = Self::each(address, access)?;
        match reaches.as_slice() {
            // Connecting later says best why it fails.
            [only] => Ok(only.clone()),
            several => listening(several),
        }
    }

    /// Everywhere a server may be reached: at each address of its host, at least one.
    pub fn each(address: &Address, access: &Access) -> Result<Vec<Self>, Failure> {
        let peers = match (&access.unix_socket, &address.place) {
            (Some(path), _) | (None, Place::Socket(path)) => vec![Peer::Socket(path.clone())],
            (None, Place::Host { name, port }) => resolve(access.way_to(name, *port))?,
        };
        let tls = tls(address, access)?;
        let reaches = peers.into_iter().map(|peer| Self {
            endpoint: Endpoint {
                peer,
                tls: tls.clone(),
            },
            address: address.clone(),
        });
        Ok(reaches.collect())
    }

    /// The address of a server that speaks plain HTTP over TCP; `None` of others.
    pub fn plain_addr(&self) -> Option<SocketAddr> {
        match self.endpoint.peer {
            Peer::Tcp(addr) => self.endpoint.tls.is_none().then_some(addr),
            Peer::Socket(_) => None,
        }
    }
}

impl From<SocketAddr> for Reach {
    /// Plain HTTP at its root.
    fn from(addr: SocketAddr) -> Self {
        Self {
            endpoint: addr.into(),
            address: Address::from(addr),
        }
    }
}

/// The addresses of a host, at least one.
fn resolve((name, port): (String, u16)) -> Result<Vec<Peer>, Failure> {
    let help = "check the host's name";
    let addrs = (name.as_str(), port)
        .to_socket_addrs()
        .or_usage(|| format!("cannot resolve {name}"), help)?;
    let peers: Vec<Peer> = addrs.map(Peer::from).collect();
    if peers.is_empty() {
        return Err(Failure::usage(miette::miette!(
            help = help,
            "{name} has no address"
        )));
    }
    Ok(peers)
}

/// The first of several where somebody listens.
fn listening(reaches: &[Reach]) -> Result<Reach, Failure> {
    let mut refused = None;
    for reach in reaches {
        let Peer::Tcp(addr) = &reach.endpoint.peer else {
            return Ok(reach.clone());
        };
        match TcpStream::connect_timeout(addr, PROBE_TIMEOUT) {
            Ok(_) => return Ok(reach.clone()),
            Err(error) => refused = Some(error),
        }
    }
    let tried = reaches.iter().map(|reach| reach.endpoint.peer.to_string());
    Err(Failure::target(miette::miette!(
        "cannot connect to {}: {}; check that the server runs and listens there",
        listed(&tried.collect::<Vec<_>>()),
        refused.expect("several were tried")
    )))
}

/// TLS as it is wanted; none for plain http, where nothing must be said of certificates.
fn tls(address: &Address, access: &Access) -> Result<Option<Tls>, Failure> {
    if !address.is_secured {
        let is_unused = access.trust == TrustSpec::System && access.identity.is_none();
        return if is_unused {
            Ok(None)
        } else {
            Err(Failure::usage(miette::miette!(
                help = "write https://, or leave out what is said of certificates (--cacert, --insecure, --cert, --key)",
                "`{address}` is plain http, which has no certificates"
            )))
        };
    }
    let pem = |what: &str, path: &Path| {
        let help = "name a PEM file: the authority that signed the server's certificate, or your own certificate and key";
        files::read(path, MAX_PEM_BYTES).or_usage(
            || format!("cannot read {what} from {}", path.display()),
            help,
        )
    };
    let trust = match &access.trust {
        TrustSpec::System => Trust::System,
        TrustSpec::Anyone => Trust::Anyone,
        TrustSpec::Only(path) => Trust::Only(pem("certificates", path)?),
    };
    let identity = access.identity.as_ref().map(|identity| {
        let cert = pem("the certificate", &identity.cert)?;
        let key = pem("the key", &identity.key)?;
        Ok(Identity { cert, key })
    });
    let identity = identity.transpose()?;
    let host = address.server_name();
    let help = "name the authorities to believe with --cacert FILE (PEM), or believe any certificate with --insecure";
    let made = Tls::new(host, &trust, identity.as_ref()).or_usage(
        || match (&access.trust, &access.identity) {
            (TrustSpec::Only(path), None) => {
                format!("cannot use the certificates in {}", path.display())
            }
            (_, Some(identity)) => format!(
                "cannot use {} with {}",
                identity.cert.display(),
                identity.key.display()
            ),
            (_, None) => format!("cannot speak TLS with {host}"),
        },
        help,
    )?;
    Ok(Some(made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_listens_comes_before_one_that_does_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listens = listener.local_addr().unwrap();
        let deaf = {
            let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap()
        };
        let found = |addrs: [SocketAddr; 2]| listening(&addrs.map(Reach::from));
        let chosen = found([deaf, listens]).unwrap();
        assert_eq!(chosen.endpoint.peer, Peer::Tcp(listens));
        let why = found([deaf, deaf]).unwrap_err().report.to_string();
        assert!(
            why.starts_with(&format!("cannot connect to {deaf} and {deaf}: ")),
            "{why}"
        );
    }

    #[test]
    fn where_to_connect_and_what_is_named_may_differ() {
        let reach = |address: &str, to: &[&str]| {
            let access = Access {
                connect_to: to.iter().map(|to| to.parse().unwrap()).collect(),
                ..Access::default()
            };
            Reach::of(&Address::parse(address).unwrap(), &access).unwrap()
        };
        let there = reach("http://example.test/a", &["example.test:80:127.0.0.1:1"]);
        assert_eq!(there.plain_addr(), Some(([127, 0, 0, 1], 1).into()));
        assert_eq!(there.address.authority, "example.test");
        let socket = reach("unix:/run/a", &[]);
        assert_eq!(socket.endpoint.peer, Peer::Socket("/run/a".into()));
        assert_eq!(socket.plain_addr(), None);
        let own = Reach::from(SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(
            own.address,
            Address::parse("http://127.0.0.1:8080").unwrap()
        );
    }

    #[test]
    fn certificates_of_plain_http_are_a_mistake() {
        let access = Access {
            trust: TrustSpec::Anyone,
            ..Access::default()
        };
        let address = Address::parse("http://127.0.0.1:1").unwrap();
        let failure = Reach::of(&address, &access).unwrap_err();
        assert!(failure.report.to_string().contains("plain http"));
    }
}
