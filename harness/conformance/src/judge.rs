//! What a good reply is.
//!
//! Knows the work contract and whole replies. Must never know sockets, nor which case a reply is for.

use http1::{Date, Method};
use spec::Route;

use crate::problem::{Problem, difference, shown};
use crate::stats;
use crate::wire::Reply;

/// Every reply that would be right.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// The method of the request.
    pub(super) to: Method,
    /// At least one.
    pub(super) any_of: Vec<Accept>,
}

/// A reply that would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Accept {
    /// 200, and all that the work contract says of this route.
    Served(Route),
    /// This status, and one of these bodies, which are JSON.
    Json(u16, Vec<String>),
    /// 200, and events numbered from 1 to `count`.
    Events { count: u32, framing: Framing },
    /// This status, whatever else.
    Status(u16),
    /// 405, with an `Allow` that names this method and not the one that was refused.
    NotAllowed(Method),
    /// This status, with a list field that names this word.
    Naming(u16, &'static str, &'static str),
}

/// How the end of a stream is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// By the last chunk, so that the connection can be kept.
    Chunked,
    /// By the end of the connection, as HTTP/1.0 has it; the length may be announced as well, where it is known.
    UntilClose,
}

impl Expected {
    /// 200 to this request of `route`, and all that the work contract says of it.
    pub(super) fn served(to: Method, route: Route) -> Self {
        Self {
            to,
            any_of: vec![Accept::Served(route)],
        }
    }

    /// This status, and one of these bodies, which are JSON.
    pub(super) fn json(to: Method, status: u16, bodies: Vec<String>) -> Self {
        Self {
            to,
            any_of: vec![Accept::Json(status, bodies)],
        }
    }

    /// 200, and so many events.
    pub(super) fn events(to: Method, count: u32, framing: Framing) -> Self {
        Self {
            to,
            any_of: vec![Accept::Events { count, framing }],
        }
    }

    /// 405 with an `Allow` that names this method.
    pub(super) fn not_allowed(to: Method, allowed: Method) -> Self {
        Self {
            to,
            any_of: vec![Accept::NotAllowed(allowed)],
        }
    }

    /// One of these statuses, whatever else.
    pub(super) fn statuses(to: Method, statuses: &[u16]) -> Self {
        Self {
            to,
            any_of: statuses.iter().copied().map(Accept::Status).collect(),
        }
    }

    /// Whether `reply` is one of those expected.
    pub(super) fn judge(&self, reply: &Reply) -> Result<(), Problem> {
        let fitting = self
            .any_of
            .iter()
            .find(|accept| accept.status() == reply.status);
        match fitting {
            Some(Accept::Served(route)) => judge_served(reply, *route, self.to),
            Some(Accept::Json(_, bodies)) => judge_json(reply, bodies),
            Some(Accept::Events { count, framing }) => {
                judge_events(reply, *count, *framing, self.to)
            }
            Some(Accept::NotAllowed(allowed)) => judge_not_allowed(reply, *allowed, self.to),
            Some(Accept::Naming(status, field, word)) => judge_naming(reply, *status, field, word),
            Some(Accept::Status(_)) => Ok(()),
            None => Err(Problem::wrong(format!(
                "expected {}, got {}",
                self.shown(),
                reply.shown()
            ))),
        }
    }

    pub(super) fn closed_instead(&self) -> Problem {
        Problem::wrong(format!(
            "expected {}, but the server closed the connection without a reply",
            self.shown()
        ))
    }

    fn shown(&self) -> String {
        let statuses = self.any_of.iter().map(Accept::status);
        one_of(statuses)
    }
}

impl Accept {
    fn status(&self) -> u16 {
        match *self {
            Self::Served(_) | Self::Events { .. } => 200,
            Self::NotAllowed(_) => 405,
            Self::Json(status, _) | Self::Naming(status, ..) | Self::Status(status) => status,
        }
    }
}

/// What the work contract says of a route's reply.
pub(super) fn judge_served(reply: &Reply, route: Route, to: Method) -> Result<(), Problem> {
    if reply.status != 200 {
        return Err(Problem::wrong(format!(
            "expected 200, got {}",
            reply.shown()
        )));
    }
    let expected = (to != Method::Head)
        .then(|| route.expected_body())
        .flatten();
    if let Some(expected) = expected
        && reply.body != *expected
    {
        return Err(Problem::wrong(format!(
            "the body is wrong: {}",
            difference(&expected, &reply.body)
        )));
    }
    if route == Route::Stats && to != Method::Head {
        stats::judge(&reply.body)?;
    }
    // The figures of `/stats` may have grown a digit between HEAD and GET: any length is right.
    match (to, route.expected_body()) {
        (Method::Head, Some(body)) => judge_length(reply, body.len())?,
        (Method::Head, None) => drop(only(reply, "Content-Length")?),
        _ => judge_length(reply, reply.body.len())?,
    }
    judge_content_type(reply, route.expected_content_type())?;
    judge_date(reply)
}

fn judge_json(reply: &Reply, bodies: &[String]) -> Result<(), Problem> {
    if !bodies.iter().any(|body| body.as_bytes() == reply.body) {
        return Err(Problem::wrong(match bodies {
            [body] => format!(
                "the body is wrong: {}",
                difference(body.as_bytes(), &reply.body)
            ),
            bodies => format!(
                "the body must be one of {}; got {}",
                bodies.join(" "),
                shown(&reply.body)
            ),
        }));
    }
    judge_length(reply, reply.body.len())?;
    judge_content_type(reply, "application/json")?;
    judge_date(reply)
}

fn judge_events(reply: &Reply, count: u32, framing: Framing, to: Method) -> Result<(), Problem> {
    let wrong = |what: &str| Err(Problem::wrong(what.to_owned()));
    let expected = events(count);
    if to != Method::Head && reply.body != expected.as_bytes() {
        return Err(Problem::wrong(format!(
            "the events are wrong: {}",
            difference(expected.as_bytes(), &reply.body)
        )));
    }
    judge_content_type(reply, "text/event-stream; charset=utf-8")?;
    if !reply.names("Cache-Control", "no-cache") {
        return wrong("a stream of events must come with Cache-Control: no-cache");
    }
    let is_chunked = reply.names("Transfer-Encoding", "chunked");
    match framing {
        Framing::Chunked if reply.values("Content-Length").next().is_some() => {
            return wrong("a stream of events must be chunked, and not announce its length");
        }
        // Whether the answer to HEAD says so is the server's choice (RFC 9112 §6.1).
        Framing::Chunked if !is_chunked && to != Method::Head => {
            return wrong("a stream of events must be chunked, so that the connection can be kept");
        }
        Framing::UntilClose if reply.values("Transfer-Encoding").next().is_some() => {
            return wrong("an HTTP/1.0 client can't read a transfer coding");
        }
        Framing::Chunked | Framing::UntilClose => {}
    }
    judge_date(reply)
}

/// What a client of `/events` reads, the transfer coding taken off.
pub(super) fn events(count: u32) -> String {
    (1..=count).map(event).collect()
}

/// One of the events.
pub(super) fn event(number: u32) -> String {
    format!("data: {number}\n\n")
}

/// `Content-Length` is one of the contract's bytes: a chunked reply would cost the servers different work.
fn judge_length(reply: &Reply, expected: usize) -> Result<(), Problem> {
    let got = only(reply, "Content-Length")?;
    if got == expected.to_string() {
        Ok(())
    } else {
        Err(Problem::wrong(format!(
            "Content-Length must be {expected}, not {}",
            shown(got.as_bytes())
        )))
    }
}

/// The media type must be the contract's; a charset may be left out, but not be another than UTF-8.
fn judge_content_type(reply: &Reply, expected: &str) -> Result<(), Problem> {
    let got = only(reply, "Content-Type")?;
    let parts = |text: &str| {
        let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
        (parts.next(), parts.collect::<Vec<_>>())
    };
    let (media_type, parameters) = parts(got);
    let is_utf8 =
        |parameter: &String| matches!(parameter.as_str(), "charset=utf-8" | "charset=\"utf-8\"");
    if media_type == parts(expected).0 && parameters.iter().all(is_utf8) {
        Ok(())
    } else {
        Err(Problem::wrong(format!(
            "Content-Type must be `{expected}`, not {}",
            shown(got.as_bytes())
        )))
    }
}

/// RFC 9110 §6.6.1: a server with a clock sends it, as an IMF-fixdate.
fn judge_date(reply: &Reply) -> Result<(), Problem> {
    let got = only(reply, "Date")?;
    match Date::try_from(got) {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::wrong(format!(
            "Date is {}, which is {error}",
            shown(got.as_bytes())
        ))),
    }
}

/// RFC 9110 §15.5.6: `Allow` lists the methods that the route takes.
fn judge_not_allowed(reply: &Reply, allowed: Method, refused: Method) -> Result<(), Problem> {
    let name = |method: Method| method.as_str().unwrap_or_default();
    let (allowed, refused) = (name(allowed), name(refused));
    if !reply.names("Allow", allowed) {
        return Err(Problem::wrong(format!(
            "405 must come with an Allow field that names {allowed}"
        )));
    }
    if reply.names("Allow", refused) {
        return Err(Problem::wrong(format!(
            "405 to {refused} came with an Allow field that names {refused}"
        )));
    }
    Ok(())
}

fn judge_naming(reply: &Reply, status: u16, field: &str, word: &str) -> Result<(), Problem> {
    if reply.names(field, word) {
        Ok(())
    } else {
        Err(Problem::wrong(format!(
            "{status} must come with {field}: {word}"
        )))
    }
}

/// The value of a field that must be there once.
pub(super) fn only<'a>(reply: &'a Reply, name: &'static str) -> Result<&'a str, Problem> {
    let mut values = reply.values(name);
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(Problem::wrong(format!("the reply has no {name}"))),
        (Some(_), Some(_)) => Err(Problem::wrong(format!(
            "the reply has {name} more than once"
        ))),
    }
}

pub(super) fn one_of(statuses: impl Iterator<Item = u16>) -> String {
    let words: Vec<String> = statuses.map(|status| status.to_string()).collect();
    words.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two readings of the contract: the reference's and this one's.
    #[test]
    fn the_reference_streams_what_is_expected() {
        for n in [1, 9, 10, 10_000] {
            let body = Route::Events { n, ms: 0 }.expected_body().unwrap();
            assert_eq!(*body, *events(n).as_bytes());
        }
    }
}
