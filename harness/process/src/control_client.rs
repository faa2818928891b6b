//! Requests that control a run and are never measured: is it there, does it answer correctly, what does it say of itself.

use std::io::Read;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use model::record::warning::Answered;
use reqwest::blocking::Client;
use reqwest::header::HOST;

use crate::failure::Failure;

/// How long a control request may take: longer than the slowest route of any sensible scenario.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of a body that are read: far more than any route of the contract answers, and than what a server of `bench` writes
/// down of a calibration. A server that sends without end is given up there.
pub const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;

/// Longest part of a wrong body that is shown, in characters.
const SHOWN_CHARS: usize = 60;

/// A request, and what must come back.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its target in origin form (RFC 9112 §3.2.1).
    pub target: &'a str,
    /// The host that it names; `None` for the address it is sent to.
    pub host: Option<&'a str>,
    /// Its headers beside those that are sent anyway: name and value.
    pub headers: &'a [(String, String)],
    /// Its body, if it has one.
    pub body: Option<&'a str>,
    /// The statuses of which one must come back.
    pub statuses: &'a [RangeInclusive<u16>],
    /// The body that must come back, where that is known.
    pub reply: Option<&'a [u8]>,
}

/// Why a server is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection could be made.
    NobodyListens,
    /// What came instead of the right answer, in words.
    Other(String),
}

/// A client that keeps no connection, so that a server has none but the load's.
#[derive(Debug, Clone)]
pub struct ControlClient {
    client: Client,
    /// For a whole answer, however slowly it comes.
    timeout: Duration,
}

impl ControlClient {
    /// A client that is patient enough for every sensible scenario.
    pub fn new() -> Result<Self, Failure> {
        Self::patient_for(TIMEOUT)
    }

    /// A client that waits for an answer no longer than `timeout`.
    pub fn patient_for(timeout: Duration) -> Result<Self, Failure> {
        Client::builder()
            .no_proxy()
            .timeout(timeout)
            .pool_max_idle_per_host(0)
            // The load follows none either.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map(|client| Self { client, timeout })
            // It needs a thread of its own.
            .map_err(|error| {
                Failure::internal(miette::miette!(
                    help = "if no thread can be started, raise the limit with `ulimit -u`, or that of the container",
                    "cannot make an HTTP client: {}",
                    causes(&error)
                ))
            })
    }

    /// Sends a request once and says what came back, or what is wrong with it.
    pub fn expect(&self, addr: SocketAddr, question: &Question<'_>) -> Result<Answered, String> {
        let Question { method, target, .. } = question;
        let what = format!("{method} {target}");
        let failed = |error: reqwest::Error| {
            let is_answered = error.is_request() && !error.is_connect() && !error.is_timeout();
            let hint = if is_answered {
                "; check that this port speaks plain http, and not TLS"
            } else {
                ""
            };
            format!("{what} failed: {}{hint}", causes(&error))
        };
        let named = reqwest::Method::from_bytes(method.as_bytes())
            .map_err(|error| format!("{what} can't be asked: {error}"))?;
        let mut request = self.client.request(named, format!("http://{addr}{target}"));
        let host = question.host.map(|host| (HOST.as_str(), host));
        let headers = question.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in headers.chain(host) {
            // As bytes: a text may hold no more than ASCII here.
            request = request.header(name, value.as_bytes());
        }
        if let Some(body) = question.body {
            request = request.body(body.to_owned());
        }
        let begin = Instant::now();
        let reply = request.send().map_err(failed)?;
        let status = reply.status().as_u16();
        let is_right = |range: &RangeInclusive<u16>| range.contains(&status);
        if !question.statuses.iter().any(is_right) {
            return Err(format!(
                "{what} must be answered with status {}, not {status}",
                named_statuses(question.statuses)
            ));
        }
        let got =
            whole(reply, begin + self.timeout).map_err(|why| format!("{what} failed: {why}"))?;
        match question.reply {
            Some(expected) if got != expected => Err(format!(
                "{what} must be answered with {}, not {}",
                shown(expected),
                shown(&got)
            )),
            _ => Ok(Answered {
                status,
                bytes: got.len() as u64,
            }),
        }
    }

    /// Asks for `target` once, which must be answered with 2xx.
    pub fn answers(&self, addr: SocketAddr, target: &str) -> Result<(), NoAnswer> {
        let url = format!("http://{addr}{target}");
        let what = format!("GET {url}");
        Err(match self.client.get(&url).send() {
            Ok(reply) if reply.status().is_success() => return Ok(()),
            Ok(reply) => NoAnswer::Other(format!(
                "{what} was answered {} instead of 2xx",
                reply.status().as_u16()
            )),
            Err(error) if error.is_connect() => NoAnswer::NobodyListens,
            Err(error) if error.is_timeout() => {
                NoAnswer::Other(format!("{what} was not answered in time"))
            }
            Err(error) => NoAnswer::Other(format!("{what} failed: {}", causes(&error))),
        })
    }

    /// What a server says of itself; `None` where it says nothing that can be read.
    pub fn stats(&self, addr: SocketAddr) -> Option<serde_json::Value> {
        let begin = Instant::now();
        let reply = self
            .client
            .get(format!("http://{addr}/stats"))
            .send()
            .ok()?;
        if !reply.status().is_success() {
            return None;
        }
        serde_json::from_slice(&whole(reply, begin + self.timeout).ok()?).ok()
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

/// An error with what caused it, which reqwest's own text leaves out.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text += ": ";
        text += &cause.to_string();
        next = cause.source();
    }
    text
}

/// Statuses for people: `200`, `201 or 404`, `200 to 299`.
fn named_statuses(statuses: &[RangeInclusive<u16>]) -> String {
    let named = statuses
        .iter()
        .map(|range| match (range.start(), range.end()) {
            (one, other) if one == other => one.to_string(),
            (first, last) => format!("{first} to {last}"),
        });
    named.collect::<Vec<_>>().join(" or ")
}

/// A body for people: its length and how it begins.
fn shown(body: &[u8]) -> String {
    let text: String = body
        .escape_ascii()
        .to_string()
        .chars()
        .take(SHOWN_CHARS)
        .collect();
    format!("{} bytes `{text}`", body.len())
}

#[cfg(test)]
mod tests {
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
    fn an_error_names_its_causes() {
        let client = ControlClient::new().unwrap();
        // Nobody listens on the port that a listener has just given up.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let question = Question {
            method: "GET",
            target: "/",
            body: None,
            host: None,
            headers: &[],
            statuses: &[200..=200],
            reply: None,
        };
        let why = client.expect(addr, &question).unwrap_err();
        assert!(why.contains("Connection refused"), "{why}");
    }
}
