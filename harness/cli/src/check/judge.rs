//! What a good reply is.
//!
//! Knows the work contract and whole replies. Must never know sockets, nor which case a reply is for.

use app::Route;
use http1::{Date, Method};

use crate::check::problem::{Problem, difference, shown};
use crate::check::stats;
use crate::check::wire::Reply;

/// Every reply that would be right.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// The method of the request.
    pub(super) to: Method,
    /// At least one.
    pub(super) any_of: Vec<Accept>,
}

/// A reply that would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accept {
    /// 200, and all that the work contract says of this route.
    Served(Route),
    /// This status, whatever else.
    Status(u16),
    /// 405, with an `Allow` that names GET.
    NotAllowed,
}

impl Expected {
    /// 200 to this request of `route`, and all that the work contract says of it.
    pub(super) fn served(to: Method, route: Route) -> Self {
        Self {
            to,
            any_of: vec![Accept::Served(route)],
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
            Some(Accept::NotAllowed) => judge_not_allowed(reply),
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
        let statuses = self.any_of.iter().map(|accept| accept.status());
        one_of(statuses)
    }
}

impl Accept {
    fn status(self) -> u16 {
        match self {
            Self::Served(_) => 200,
            Self::Status(status) => status,
            Self::NotAllowed => 405,
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
    judge_length(reply, route, to)?;
    judge_content_type(reply, route)?;
    judge_date(reply)
}

/// `Content-Length` is one of the contract's bytes: a chunked reply would cost the servers different work.
fn judge_length(reply: &Reply, route: Route, to: Method) -> Result<(), Problem> {
    let got = only(reply, "Content-Length")?;
    let expected = match (to, route.expected_body()) {
        (Method::Head, Some(body)) => body.len(),
        // The figures may have grown a digit since: any length is right.
        (Method::Head, None) => return Ok(()),
        _ => reply.body.len(),
    };
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
fn judge_content_type(reply: &Reply, route: Route) -> Result<(), Problem> {
    let got = only(reply, "Content-Type")?;
    let expected = route.expected_content_type();
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

/// RFC 9110 §15.5.6.
fn judge_not_allowed(reply: &Reply) -> Result<(), Problem> {
    let allows_get = reply
        .values("Allow")
        .flat_map(|value| value.split(','))
        .any(|method| method.trim() == "GET");
    if allows_get {
        Ok(())
    } else {
        Err(Problem::wrong(
            "405 must come with an Allow field that names GET".to_owned(),
        ))
    }
}

/// The value of a field that must be there once.
fn only<'a>(reply: &'a Reply, name: &'static str) -> Result<&'a str, Problem> {
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
