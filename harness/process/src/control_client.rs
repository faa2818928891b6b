//! Requests that control a run and are never measured: is it there, does it answer correctly, what does it say of itself.

use std::net::SocketAddr;
use std::time::Duration;

use model::spec::scenario::Body;
use reqwest::blocking::Client;

use crate::failure::{Explain, Failure};

/// How long a control request may take: longer than the slowest route of any sensible scenario.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest part of a wrong body that is shown, in characters.
const SHOWN_CHARS: usize = 60;

/// A request, and what must come back.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its target in origin form (RFC 9112 §3.2.1).
    pub target: &'a str,
    /// Its body, if it has one.
    pub body: Option<&'a Body>,
    /// The status that must come back.
    pub status: u16,
    /// The body that must come back, where that is known.
    pub reply: Option<&'a [u8]>,
}

/// A client that keeps no connection, so that a server has none but the load's.
#[derive(Debug, Clone)]
pub struct ControlClient(Client);

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
            .build()
            .map(Self)
            .or_internal(|| "cannot make an HTTP client".to_owned())
    }

    /// Sends a request once and says what is wrong with the answer.
    pub fn expect(&self, addr: SocketAddr, question: &Question<'_>) -> Result<(), String> {
        let Question { method, target, .. } = question;
        let what = format!("{method} {target}");
        let failed = |error: reqwest::Error| format!("{what} failed: {error}");
        let named = reqwest::Method::from_bytes(method.as_bytes())
            .map_err(|error| format!("{what} can't be asked: {error}"))?;
        let mut request = self.0.request(named, format!("http://{addr}{target}"));
        if let Some(body) = question.body {
            request = request
                .header(reqwest::header::CONTENT_TYPE, &body.content_type)
                .body(body.text.clone());
        }
        let reply = request.send().map_err(failed)?;
        let status = reply.status().as_u16();
        if status != question.status {
            return Err(format!(
                "{what} must be answered with status {}, not {status}",
                question.status
            ));
        }
        let got = reply.bytes().map_err(failed)?;
        match question.reply {
            Some(expected) if got != expected => Err(format!(
                "{what} must be answered with {}, not {}",
                shown(expected),
                shown(&got)
            )),
            _ => Ok(()),
        }
    }

    /// Asks for `target` once; the error says what came instead of 200.
    pub fn answers(&self, addr: SocketAddr, target: &str) -> Result<(), String> {
        let what = format!("GET http://{addr}{target}");
        match self.0.get(format!("http://{addr}{target}")).send() {
            Ok(reply) if reply.status().as_u16() == 200 => Ok(()),
            Ok(reply) => Err(format!(
                "{what} was answered {} instead of 200",
                reply.status().as_u16()
            )),
            Err(error) if error.is_connect() => Err(format!("{what} found nobody who listens")),
            Err(error) if error.is_timeout() => Err(format!("{what} was not answered in time")),
            Err(error) => Err(format!("{what} failed: {error}")),
        }
    }

    /// What a server says of itself; `None` where it says nothing that can be read.
    pub fn stats(&self, addr: SocketAddr) -> Option<serde_json::Value> {
        let reply = self.0.get(format!("http://{addr}/stats")).send().ok()?;
        if !reply.status().is_success() {
            return None;
        }
        serde_json::from_slice(&reply.bytes().ok()?).ok()
    }
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
