//! Requests that control a run and are never measured: is it there, and what does it say of itself.
//!
//! They are reqwest's. What a scenario asks for is sent by the load itself, also when it is checked: reqwest rewrites paths as a
//! browser does (`/a/../b`, `/{id}`), and would check another request than the one that is measured.

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use load::{Peer, Tls};
use reqwest::blocking::{Client, Response};
use reqwest::header::{HOST, HeaderValue};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use crate::failure::Failure;
use crate::reach::Reach;

/// How long a control request may take: longer than the slowest route of any sensible scenario.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of a body that are read: far more than what a server of `bench` writes down of a calibration. A server that sends
/// without end is given up there.
pub const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;

/// Why a server is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection could be made.
    NobodyListens,
    /// What came instead of the right answer, in words.
    Other(String),
}

/// A client of one server that keeps no connection, so that the server has none but the load's.
#[derive(Debug, Clone)]
pub struct ControlClient {
    client: Client,
    reach: Reach,
    /// Scheme, host and port to connect to.
    root: String,
    /// What the server is called there.
    host: HeaderValue,
}

impl ControlClient {
    /// A client of the server that is reached so.
    ///
    /// Errors: no thread can be started for it; or the certificate is for an address and `--connect-to` names another one, which
    /// reqwest can't keep apart.
    pub fn of(reach: &Reach) -> Result<Self, Failure> {
        let name = reach.address.server_name();
        let (peer, tls) = (&reach.endpoint.peer, &reach.endpoint.tls);
        let config = tls.as_ref().map_or_else(believing_nobody, Tls::config);
        let builder = Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            // The load follows none either.
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(config);
        let s = if tls.is_some() { "s" } else { "" };
        let (builder, root) = match peer {
            Peer::Socket(path) => (
                builder.unix_socket(path.as_path()),
                format!("http{s}://{}", bracketed(name)),
            ),
            Peer::Tcp(addr) if tls.is_none() => (builder, format!("http://{addr}")),
            Peer::Tcp(addr) => {
                let named = name.parse::<IpAddr>();
                if named.is_ok_and(|named| named != addr.ip()) {
                    return Err(Failure::usage(miette::miette!(
                        help = "write the host's name instead of its address",
                        "`{}` has its certificate for {name}, and --connect-to names {}",
                        reach.address,
                        addr.ip()
                    )));
                }
                let root = format!("https://{}:{}", bracketed(name), addr.port());
                (builder.resolve(name, *addr), root)
            }
        };
        let client = builder.build();
        // It needs a thread of its own.
        let client = client.map_err(|error| {
            Failure::internal(miette::miette!(
                help = "if no thread can be started, raise the limit with `ulimit -u`, or that of the container",
                "cannot make an HTTP client: {}",
                causes(&error)
            ))
        })?;
        let host = HeaderValue::from_str(&reach.address.authority);
        Ok(Self {
            client,
            reach: reach.clone(),
            root,
            host: host.expect("an authority was read as one"),
        })
    }

    /// The server that is asked.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Asks for `path` below the server's address once, within `timeout`; it must be answered with 2xx.
    pub fn answers(&self, path: &str, timeout: Duration) -> Result<(), NoAnswer> {
        let address = &self.reach.address;
        let what = || format!("GET {}{}", address.root(), address.join(path));
        Err(match self.get(path, timeout) {
            Ok(reply) if reply.status().is_success() => return Ok(()),
            Ok(reply) => NoAnswer::Other(format!(
                "{} was answered {} instead of 2xx",
                what(),
                reply.status().as_u16()
            )),
            Err(error) if error.is_timeout() => {
                NoAnswer::Other(format!("{} was not answered in time", what()))
            }
            Err(error) if error.is_connect() && !is_of_tls(&error) => NoAnswer::NobodyListens,
            Err(error) => NoAnswer::Other(format!("{} failed: {}", what(), causes(&error))),
        })
    }

    /// What a server says of itself; `None` where it says nothing that can be read.
    pub fn stats(&self) -> Option<serde_json::Value> {
        let begin = Instant::now();
        let reply = self.get("/stats", PATIENCE).ok()?;
        if !reply.status().is_success() {
            return None;
        }
        serde_json::from_slice(&whole(reply, begin + PATIENCE).ok()?).ok()
    }

    fn get(&self, path: &str, timeout: Duration) -> Result<Response, reqwest::Error> {
        let url = format!("{}{}", self.root, self.reach.address.join(path));
        let request = self.client.get(url).timeout(timeout);
        request.header(HOST, self.host.clone()).send()
    }
}

/// What reqwest wants also where TLS is never spoken.
fn believing_nobody() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring serves them")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

/// A host as it stands in a URL.
fn bracketed(name: &str) -> String {
    if name.contains(':') {
        format!("[{name}]")
    } else {
        name.to_owned()
    }
}

/// The body of a reply that ends before `deadline`, and within [`MAX_REPLY_BYTES`].
fn whole(mut reply: impl Read, deadline: Instant) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match reply.read(&mut chunk) {
            Ok(0) => return Ok(body),
            Ok(length) => body.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(causes(&error)),
        }
        if body.len() > MAX_REPLY_BYTES {
            return Err(format!("its body has more than {MAX_REPLY_BYTES} bytes"));
        }
        if Instant::now() >= deadline {
            return Err("its body did not end in time".to_owned());
        }
    }
}

/// An error and what caused it, each in its own words.
fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// An error with what caused it, which reqwest's own text leaves out.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    texts.join(": ")
}

/// Whether somebody listens, and the TLS handshake failed.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    chain(error).any(|cause| {
        let inner = cause
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        cause.is::<rustls::Error>()
            || inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixListener;

    use model::spec::access::Access;
    use model::spec::address::Address;

    use super::*;

    /// So many bytes, in one piece or another.
    fn body(bytes: u64) -> impl Read {
        std::io::repeat(b'x').take(bytes)
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    #[test]
    fn a_body_that_never_ends_is_given_up_at_the_bound() {
        assert_eq!(whole(body(0), later()).unwrap().len(), 0);
        let bound = MAX_REPLY_BYTES as u64;
        assert_eq!(whole(body(bound), later()).unwrap().len(), MAX_REPLY_BYTES);
        for bytes in [bound + 1, u64::MAX] {
            let why = whole(body(bytes), later()).unwrap_err();
            assert!(why.contains("more than 67108864 bytes"), "{why}");
        }
    }

    #[test]
    fn a_body_that_comes_too_slowly_is_given_up_in_time() {
        let why = whole(body(u64::MAX), Instant::now()).unwrap_err();
        assert_eq!(why, "its body did not end in time");
    }

    #[test]
    fn nobody_at_a_port_and_nobody_at_a_socket_are_the_same() {
        // Nobody listens on the port that a listener has just given up.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let socket = Address::parse("unix:/nowhere/at/all").unwrap();
        let socket = Reach::of(&socket, &Access::default()).unwrap();
        for reach in [Reach::from(addr), socket] {
            let client = ControlClient::of(&reach).unwrap();
            assert_eq!(client.answers("/", PATIENCE), Err(NoAnswer::NobodyListens));
            assert_eq!(client.stats(), None);
        }
    }

    #[test]
    fn a_server_at_a_socket_is_asked_below_its_base_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 1024];
            let length = stream.read(&mut head).unwrap();
            let reply = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
            stream.write_all(reply.as_bytes()).unwrap();
            String::from_utf8_lossy(&head[..length]).into_owned()
        });
        let access = Access {
            unix_socket: Some(path),
            ..Access::default()
        };
        let address = Address::parse("http://api.test:81/base").unwrap();
        let client = ControlClient::of(&Reach::of(&address, &access).unwrap()).unwrap();
        assert_eq!(client.stats(), Some(serde_json::json!({ "a": 1 })));
        let head = served.join().unwrap();
        assert!(head.starts_with("GET /base/stats HTTP/1.1\r\n"), "{head}");
        assert!(
            head.to_ascii_lowercase().contains("host: api.test:81\r\n"),
            "{head}"
        );
    }

    #[test]
    fn a_certificate_for_an_address_and_another_address_are_not_confused() {
        let access = Access {
            connect_to: vec!["::127.0.0.2:".parse().unwrap()],
            trust: model::spec::access::TrustSpec::Anyone,
            ..Access::default()
        };
        let address = Address::parse("https://127.0.0.1:1").unwrap();
        let failure = ControlClient::of(&Reach::of(&address, &access).unwrap()).unwrap_err();
        let text = failure.report.to_string();
        assert!(
            text.contains("127.0.0.1") && text.contains("127.0.0.2"),
            "{text}"
        );
    }
}
