//! Load over TLS, at servers with right and wrong certificates, and at some that break off.
//!
//! Nothing here asserts on a time.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use model::measured::clock::Clock;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use load::CONNECT_TIMEOUT;
use load::HandshakeError;
use load::{
    Control, DriveError, Endpoint, Expect, ExpectBody, Identity, Options, Request, Tls, TlsSpec,
    Trust, Workload, drive,
};
use model::measured::accounting::ErrorKind;
use model::measured::recording::Recording;
use model::spec::load::{Arrival, Connect, Load, Process};
use model::units::Rate;
use rcgen::{Certificate, CertificateParams, CertifiedIssuer, DnType, KeyPair};
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// Longer than a TLS record, and than one read.
const BODY_BYTES: usize = 200_000;

/// What a server does with its connections.
#[derive(Clone, Copy)]
enum Habit {
    /// Answers on and on.
    Answer,
    /// Answers once and closes in order; from this connection on it closes within the handshake.
    AnswerOnce { connections: usize },
    /// The same, but from this connection on it says nothing and stays.
    AnswerOnceThenHang { connections: usize },
    /// Answers half and closes without a farewell.
    AnswerHalf,
    /// Answers with bytes that are no TLS.
    Babble,
    /// Speaks HTTP without TLS.
    Tcp,
}

/// An authority, and a certificate that it signed for `name`.
struct Signed {
    authority_pem: String,
    config: Arc<ServerConfig>,
}

fn sign(name: &str) -> Signed {
    sign_as("an authority", name)
}

fn sign_as(authority: &str, name: &str) -> Signed {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, authority);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    Signed {
        authority_pem: authority.pem(),
        config: config(&certificate, &key),
    }
}

/// A certificate that is its own authority, as `openssl req -x509` makes it.
fn sign_itself(name: &str) -> Signed {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Signed {
        authority_pem: certificate.pem(),
        config: config(&certificate, &key),
    }
}

fn config(certificate: &Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    Arc::new(config)
}

fn body() -> Vec<u8> {
    (0..=250).cycle().take(BODY_BYTES).collect()
}

/// Serves any number of connections until the process ends.
fn server(signed: &Signed, habit: Habit) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let config = Arc::clone(&signed.config);
    std::thread::spawn(move || {
        for (number, socket) in listener.incoming().enumerate() {
            let (socket, config) = (socket.unwrap(), Arc::clone(&config));
            // A load that ends closes connections at any point; what that does to a server is not the subject.
            std::thread::spawn(move || serve(socket, config, habit, number).ok());
        }
    });
    addr
}

fn serve(
    mut socket: TcpStream,
    config: Arc<ServerConfig>,
    habit: Habit,
    number: usize,
) -> std::io::Result<()> {
    let body = body();
    let head = |connection: &str| {
        format!("HTTP/1.1 200 OK\r\n{connection}Content-Length: {BODY_BYTES}\r\n\r\n")
    };
    match habit {
        Habit::Tcp => {
            hear(&mut socket)?;
            return socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
        Habit::AnswerOnce { connections } if number >= connections => {
            return hear(&mut socket);
        }
        Habit::AnswerOnceThenHang { connections } if number >= connections => {
            // Who gives up on it closes.
            return std::io::copy(&mut socket, &mut std::io::sink()).map(drop);
        }
        _ => {}
    }
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, socket);
    while read_request(&mut stream)? {
        match habit {
            Habit::Answer => {
                stream.write_all(head("").as_bytes())?;
                stream.write_all(&body)?;
            }
            Habit::AnswerOnce { .. } | Habit::AnswerOnceThenHang { .. } => {
                stream.write_all(head("Connection: close\r\n").as_bytes())?;
                stream.write_all(&body)?;
                stream.conn.send_close_notify();
                return stream.flush();
            }
            Habit::AnswerHalf => {
                stream.write_all(head("").as_bytes())?;
                stream.write_all(&body[..BODY_BYTES / 2])?;
                return stream.flush();
            }
            Habit::Babble => return stream.sock.write_all(&[b'?'; 100]),
            Habit::Tcp => unreachable!("it never gets here"),
        }
    }
    Ok(())
}

/// Waits for the client's first words.
fn hear(socket: &mut TcpStream) -> std::io::Result<()> {
    socket.read_exact(&mut [0; 1])
}

/// True once a request without a body was read, false at the end.
fn read_request(stream: &mut impl Read) -> std::io::Result<bool> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(false);
        }
        seen.push(byte[0]);
    }
    Ok(true)
}

fn load(arrival: Arrival, requests: Option<u64>) -> Load {
    Load {
        arrival,
        connections: NonZeroU32::new(4).unwrap(),
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(20),
        drain: Duration::from_secs(20),
        timeout: Duration::from_secs(10),
        request_limit: requests,
        interval: Duration::from_millis(100),
        seed: 1,
        goodput: None,
    }
}

/// Drives load at a server that calls itself `localhost`.
fn check(addr: SocketAddr, trust: &Trust, load: &Load) -> Result<Recording, DriveError> {
    check_as(None, addr, trust, load)
}

/// The same, with a certificate of one's own.
fn check_as(
    identity: Option<&Identity>,
    addr: SocketAddr,
    trust: &Trust,
    load: &Load,
) -> Result<Recording, DriveError> {
    check_over(Tls::new("localhost", trust, identity).unwrap(), addr, load)
}

fn check_over(tls: Tls, addr: SocketAddr, load: &Load) -> Result<Recording, DriveError> {
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Exact(body()),
    };
    let request = Request::new("GET", "/", "localhost", &[], None, expect);
    let endpoint = Endpoint {
        peer: addr.into(),
        tls: Some(tls),
    };
    let options = Options {
        cpus: Vec::new(),
        ..Options::default()
    };
    let recording = drive(
        load,
        &Workload::new(vec![request]),
        endpoint,
        &options,
        &Control::default(),
    )?;
    assert!(
        recording.accounting.balances(),
        "{:?}",
        recording.accounting
    );
    Ok(recording)
}

fn only(signed: &Signed) -> Trust {
    Trust::Only(signed.authority_pem.clone().into_bytes())
}

#[test]
fn right_answers_come_through_tls_and_its_handshake_stands_apart() {
    let signed = sign("localhost");
    let addr = server(&signed, Habit::Answer);
    let open = Arrival::Open {
        rate: Rate::per_s(1000.0).unwrap(),
        process: Process::Poisson,
    };
    for arrival in [Arrival::Closed, open] {
        let recording = check(addr, &only(&signed), &load(arrival.clone(), Some(60))).unwrap();
        assert_eq!(
            (recording.accounting.ok, recording.accounting.scheduled),
            (60, 60),
            "{arrival:?} {:?}",
            recording.errors
        );
        assert_eq!(
            (
                recording.times[Clock::ConnectTime].len(),
                recording.times[Clock::HandshakeTime].len()
            ),
            (4, 4)
        );
        assert_eq!(recording.times[Clock::FirstByteTime].len(), 60);
    }
}

#[test]
fn what_tls_was_made_of_is_handed_on_and_a_key_is_not() {
    let signed = sign("localhost");
    let addr = server(&signed, Habit::Answer);
    let tls = Tls::new("localhost", &only(&signed), None).unwrap();
    let written = serde_json::to_string(tls.spec().unwrap()).unwrap();
    let again: TlsSpec = serde_json::from_str(&written).unwrap();
    let load = load(Arrival::Closed, Some(8));
    let recording = check_over(again.made().unwrap(), addr, &load).unwrap();
    assert_eq!(recording.accounting.ok, 8);
    let other = TlsSpec {
        trust: only(&sign("localhost")),
        ..again
    };
    assert!(check_over(other.made().unwrap(), addr, &load).is_err());
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["me".to_owned()]).unwrap();
    let identity = Identity {
        cert: certificate.self_signed(&key).unwrap().pem().into_bytes(),
        key: key.serialize_pem().into_bytes(),
    };
    let keyed = Tls::new("localhost", &only(&signed), Some(&identity)).unwrap();
    assert_eq!(keyed.spec(), None);
}

#[test]
fn a_request_may_shake_hands_for_itself() {
    let signed = sign("localhost");
    let addr = server(&signed, Habit::AnswerOnce { connections: 100 });
    let load = Load {
        connect: Connect::PerRequest,
        ..load(Arrival::Closed, Some(20))
    };
    let recording = check(addr, &only(&signed), &load).unwrap();
    assert_eq!(
        (recording.accounting.ok, recording.connections.opened),
        (20, 20),
        "{:?}",
        recording.errors
    );
    assert_eq!(
        (
            recording.times[Clock::ConnectTime].len(),
            recording.times[Clock::HandshakeTime].len()
        ),
        (20, 20)
    );
    assert!(
        recording.times[Clock::HandshakeTime].min() <= recording.times[Clock::ServiceTime].min()
    );
}

#[test]
fn a_certificate_for_another_name_is_refused_with_the_names_unless_any_will_do() {
    let signed = sign("other.example");
    let addr = server(&signed, Habit::Answer);
    let load = load(Arrival::Closed, Some(4));
    let text = check(addr, &only(&signed), &load).unwrap_err().to_string();
    for part in [
        &addr.to_string(),
        "localhost",
        "other.example",
        "use a name that the certificate holds",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let recording = check(addr, &Trust::Anyone, &load).unwrap();
    assert_eq!(recording.accounting.ok, 4);
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused_with_the_remedy() {
    let signed = sign("localhost");
    let addr = server(&signed, Habit::Answer);
    let load = load(Arrival::Closed, Some(4));
    let unknown = [sign_as("another authority", "localhost"), sign("localhost")];
    for (other, what) in unknown.iter().zip(["UnknownIssuer", "BadSignature"]) {
        let text = check(addr, &only(other), &load).unwrap_err().to_string();
        assert!(text.contains(what) && text.contains("--cacert"), "{text}");
    }
    let [other, _] = unknown;
    let both = [signed.authority_pem, other.authority_pem].concat();
    let recording = check(addr, &Trust::Only(both.into_bytes()), &load).unwrap();
    assert_eq!(recording.accounting.ok, 4);
}

#[test]
fn a_certificate_that_signed_itself_is_believed_where_it_is_listed_and_only_for_its_name() {
    let load = load(Arrival::Closed, Some(4));
    let listed = sign_itself("localhost");
    let recording = check(server(&listed, Habit::Answer), &only(&listed), &load).unwrap();
    assert_eq!(recording.accounting.ok, 4);
    let other = sign_itself("other.example");
    let text = check(server(&other, Habit::Answer), &only(&other), &load)
        .unwrap_err()
        .to_string();
    assert!(text.contains("other.example"), "{text}");
}

#[test]
fn who_asks_is_shown_to_a_server_that_wants_to_know() {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = params.self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(own.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![own.der().clone()],
            key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    let signed = Signed {
        authority_pem: own.pem(),
        config: Arc::new(config),
    };
    let addr = server(&signed, Habit::Answer);
    let identity = Identity {
        cert: own.pem().into_bytes(),
        key: key.serialize_pem().into_bytes(),
    };
    let load = load(Arrival::Closed, Some(8));
    let known = check_as(Some(&identity), addr, &only(&signed), &load).unwrap();
    assert_eq!(known.accounting.ok, 8);
    let unknown = check(addr, &only(&signed), &load);
    let refused = unknown.map_or_else(
        |error| error.to_string(),
        |recording| format!("{:?}", recording.errors.malformed),
    );
    assert!(refused.contains("--cert"), "{refused}");
}

#[test]
fn a_port_without_tls_is_an_error_before_the_first_request() {
    let signed = sign("localhost");
    let addr = server(&signed, Habit::Tcp);
    let text = check(addr, &only(&signed), &load(Arrival::Closed, Some(1)))
        .unwrap_err()
        .to_string();
    assert!(text.contains("write http://"), "{text}");
}

#[test]
fn a_server_that_closes_within_the_handshake_is_an_error_and_later_a_count() {
    let signed = sign("localhost");
    let never = server(&signed, Habit::AnswerOnce { connections: 0 });
    let error = check(never, &only(&signed), &load(Arrival::Closed, Some(1))).unwrap_err();
    assert!(
        matches!(
            error,
            DriveError::Handshake {
                source: HandshakeError::Closed,
                ..
            }
        ),
        "{error}"
    );
    let first_four = server(&signed, Habit::AnswerOnce { connections: 4 });
    let load = Load {
        duration: Duration::from_secs(1),
        ..load(Arrival::Closed, None)
    };
    let recording = check(first_four, &only(&signed), &load).unwrap();
    assert_eq!(
        (recording.accounting.ok, recording.accounting.scheduled),
        (4, 4)
    );
    let failed = recording.errors.connect;
    assert!(failed >= 4, "{:?}", recording.errors);
    assert_eq!(
        recording.errors.kinds,
        BTreeMap::from([(ErrorKind::TlsFailed, failed)])
    );
}

/// The two halves take [`CONNECT_TIMEOUT`] each, and so go side by side.
#[test]
fn a_server_that_hangs_within_the_handshake_is_given_up() {
    let signed = sign("localhost");
    let never = server(&signed, Habit::AnswerOnceThenHang { connections: 0 });
    let later = server(&signed, Habit::AnswerOnceThenHang { connections: 4 });
    let load = Load {
        duration: CONNECT_TIMEOUT + Duration::from_secs(1),
        ..load(Arrival::Closed, None)
    };
    let (error, recording) = std::thread::scope(|scope| {
        let error = scope.spawn(|| check(never, &only(&signed), &load).unwrap_err());
        let recording = check(later, &only(&signed), &load).unwrap();
        (error.join().unwrap(), recording)
    });
    let text = error.to_string();
    assert!(
        text.contains("TLS handshake") && text.contains("write http://"),
        "{text}"
    );
    assert_eq!(
        (recording.accounting.ok, recording.accounting.scheduled),
        (4, 4)
    );
    assert_eq!(
        recording.errors.kinds,
        BTreeMap::from([(ErrorKind::TlsFailed, 4)])
    );
}

#[test]
fn what_breaks_off_or_is_no_tls_fails_its_request() {
    let signed = sign("localhost");
    for (habit, kind) in [
        (Habit::AnswerHalf, ErrorKind::ShortBody),
        (Habit::Babble, ErrorKind::Malformed),
    ] {
        let addr = server(&signed, habit);
        let recording = check(addr, &only(&signed), &load(Arrival::Closed, Some(8))).unwrap();
        assert_eq!(recording.accounting.error, 8);
        assert_eq!(recording.errors.kinds, BTreeMap::from([(kind, 8)]));
    }
}
