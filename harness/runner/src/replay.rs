//! Requests out of a file, sent in its order: a line a request, or a web server's access log with its gaps in time.
//!
//! Pure: bytes in, requests out. Every line may be anything, and what can't be sent is an error at its line.

use std::time::Duration;

use model::names;
use model::units::{MAX_DURATION, Nanos, duration_ns};
use serde::Deserialize;
use thiserror::Error;

use crate::own;

/// The largest file of requests, in bytes.
pub const MAX_REPLAY_BYTES: usize = 256 * 1024 * 1024;

/// The most requests that are replayed: each is kept as it is sent.
pub const MAX_REPLAYED: usize = 1_000_000;

/// The fastest and the slowest that a log is replayed: so many times as fast as it was written.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.001..=1_000.0;

/// What is replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The requests, in the order in which they are sent, at least one.
    pub requests: Vec<Replayed>,
    /// When each is sent, in nanoseconds from the first, never decreasing; none where the file doesn't say.
    pub times: Option<Vec<Nanos>>,
}

/// A request of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body, if it has one.
    pub body: Option<String>,
}

/// A line that can't be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct ReplayError {
    /// Where, and what is wrong.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

/// A line of JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// `GET` if left out, `POST` with a body.
    method: Option<String>,
    path: String,
    #[serde(default)]
    headers: Vec<String>,
    body: Option<String>,
    /// Milliseconds from the beginning.
    at_ms: Option<f64>,
}

impl Replay {
    /// Reads a file called `name`. Lines are JSON, `METHOD path`, or of an access log in the combined or common format; empty ones
    /// are left out. Its times are divided by `speed`.
    pub fn parse(text: &str, name: &str, speed: f64) -> Result<Self, ReplayError> {
        let mut lines = Vec::new();
        for (number, line) in (1_usize..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let at = |(what, help): (String, &str)| ReplayError {
                what: format!("{name}:{number}: {what}"),
                help: help.to_owned(),
            };
            if lines.len() == MAX_REPLAYED {
                let what = format!("there are more than {MAX_REPLAYED} requests");
                return Err(at((what, "replay a part of them, as of `head -n 1000000`")));
            }
            let (replayed, time) = read(line).map_err(at)?;
            let is_timed = time.is_some();
            let first_time = lines
                .first()
                .map(|(_, time): &(_, Option<Time>)| time.is_some());
            if first_time.is_some_and(|first| first != is_timed) {
                let what = "some lines say when they are sent, and others do not".to_owned();
                return Err(at((what, "give all of them a time, or none")));
            }
            lines.push((replayed, time));
        }
        let whole = |what: &str, help: &str| ReplayError {
            what: format!("{name}: {what}"),
            help: help.to_owned(),
        };
        if lines.is_empty() {
            return Err(whole(
                "there is no request in it",
                "write a line a request, as in `GET /users/42`",
            ));
        }
        // A server writes its log when it has answered: lines are a little out of order. Requests of one moment keep theirs.
        lines.sort_by(|(_, one), (_, other)| one.partial_cmp(other).expect("no time is NaN"));
        let times: Option<Vec<Time>> = lines.iter().map(|(_, time)| *time).collect();
        let times = times.map(|times| spread(&times, speed));
        let longest = duration_ns(MAX_DURATION);
        if times
            .as_ref()
            .and_then(|times| times.last())
            .is_some_and(|last| *last >= longest)
        {
            let what = format!("it takes longer than {} h", MAX_DURATION.as_secs() / 3_600);
            return Err(whole(
                &what,
                "replay it faster with --speed, or a part of it",
            ));
        }
        Ok(Self {
            requests: lines.into_iter().map(|(replayed, _)| replayed).collect(),
            times,
        })
    }
}

/// When a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Time {
    /// In this second since 1970: a log says no more.
    Second(i64),
    /// So many milliseconds after the beginning.
    Ms(f64),
}

/// Times in nanoseconds from the first. Requests of one second of a log are spread evenly over it.
///
/// `times`: sorted, and all of one kind.
fn spread(times: &[Time], speed: f64) -> Vec<Nanos> {
    let mut spread = Vec::with_capacity(times.len());
    for same in times.chunk_by(PartialEq::eq) {
        for place in 0..same.len() {
            spread.push(match same[0] {
                Time::Second(second) => second as f64 + place as f64 / same.len() as f64,
                Time::Ms(ms) => ms / 1_000.0,
            });
        }
    }
    let first = spread.first().copied().unwrap_or_default();
    let ns = |at_s: f64| {
        Duration::try_from_secs_f64((at_s - first) / speed).map_or(Nanos::MAX, duration_ns)
    };
    spread.into_iter().map(ns).collect()
}

type Problem = (String, &'static str);

/// A request, and when it was sent where the line says so.
fn read(line: &str) -> Result<(Replayed, Option<Time>), Problem> {
    if line.starts_with('{') {
        return of_json(line);
    }
    if let Some((before, rest)) = line.split_once(" [")
        && before.split(' ').count() >= 3
    {
        return of_log(rest);
    }
    Ok((of_words(line)?, None))
}

fn of_json(line: &str) -> Result<(Replayed, Option<Time>), Problem> {
    let help = "write it as in `{\"method\": \"POST\", \"path\": \"/users\", \"headers\": [\"X-Id: 1\"], \"body\": \"{}\", \"at_ms\": 250}`";
    let written: Written = serde_json::from_str(line).map_err(|error| (error.to_string(), help))?;
    let headers = written.headers.iter().map(|line| own::header(line));
    let headers = headers
        .collect::<Result<_, _>>()
        .map_err(|error| (error.what, error.help))?;
    let usual = if written.body.is_some() {
        "POST"
    } else {
        "GET"
    };
    let method = written.method.as_deref().unwrap_or(usual);
    let time = match written.at_ms {
        Some(ms) if !(0.0..=MAX_DURATION.as_secs_f64() * 1_000.0).contains(&ms) => {
            let what = format!("{ms} is no time in milliseconds from the beginning");
            return Err((what, "write a number from 0 on, as in `\"at_ms\": 250`"));
        }
        at_ms => at_ms.map(Time::Ms),
    };
    let replayed = Replayed {
        headers,
        body: written.body,
        ..replayed(method, &written.path)?
    };
    Ok((replayed, time))
}

/// What follows the first bracket of a line in the combined format: `10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 …`.
fn of_log(rest: &str) -> Result<(Replayed, Option<Time>), Problem> {
    let help = "take out lines that are no requests, as those of broken connections; a log has the combined format of Apache and nginx";
    let wrong = |what: &str| (what.to_owned(), help);
    let (time, rest) = rest
        .split_once("] \"")
        .ok_or_else(|| wrong("there is no request after the time"))?;
    let time = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time)
        .and_then(|parsed| parsed.to_timestamp())
        .map_err(|_| {
            wrong(&format!(
                "`{}` is not the time of a log",
                names::shortened(time)
            ))
        })?;
    let (request, _) = rest
        .split_once('"')
        .ok_or_else(|| wrong("the request has no end"))?;
    let words = request
        .rsplit_once(" HTTP/")
        .map_or(request, |(words, _)| words);
    Ok((of_words(words)?, Some(Time::Second(time.as_second()))))
}

/// `METHOD path`.
fn of_words(words: &str) -> Result<Replayed, Problem> {
    let (method, path) = words.split_once(' ').ok_or_else(|| {
        let what = format!("`{}` is not a method and a path", names::shortened(words));
        (what, "write a line a request, as in `GET /users/42`")
    })?;
    replayed(method, path.trim())
}

/// A request of this method and path without headers and body, if it can be sent.
fn replayed(method: &str, path: &str) -> Result<Replayed, Problem> {
    let method = own::method(method).map_err(|why| {
        let what = format!("`{}` can't be sent: {why}", names::shortened(method));
        (what, "correct the method, or take the line out")
    })?;
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        let what = format!(
            "`{}` is not a path that can be sent",
            names::shortened(path)
        );
        return Err((
            what,
            "a path begins with `/` and has neither blanks nor letters beyond ASCII: write those as %20 or %C3%A9",
        ));
    }
    Ok(Replayed {
        method,
        target: path.to_owned(),
        headers: Vec::new(),
        body: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::units::NANOS_PER_S;

    const MS: Nanos = NANOS_PER_S / 1_000;

    fn check(text: &str, speed: f64) -> (Vec<String>, Option<Vec<Nanos>>) {
        let replay = Replay::parse(text, "log", speed).unwrap();
        let words = |one: &Replayed| format!("{} {}", one.method, one.target);
        (replay.requests.iter().map(words).collect(), replay.times)
    }

    #[test]
    fn lines_are_requests_in_their_order() {
        let (words, times) = check("GET /a?b=c\n\nDELETE /a/../b\r\n", 1.0);
        assert_eq!(
            (words, times),
            (
                vec!["GET /a?b=c".to_owned(), "DELETE /a/../b".to_owned()],
                None
            )
        );
        let text = "{\"path\": \"/a\", \"body\": \"x\", \"headers\": [\"X-A: 1\"]}\n{\"method\": \"HEAD\", \"path\": \"/\"}";
        let replay = Replay::parse(text, "log", 1.0).unwrap();
        let first = &replay.requests[0];
        assert_eq!(
            (first.method.as_str(), first.body.as_deref()),
            ("POST", Some("x"))
        );
        assert_eq!(first.headers, [("X-A".to_owned(), "1".to_owned())]);
        assert_eq!(replay.requests[1].method, "HEAD");
    }

    #[test]
    fn a_log_keeps_its_gaps_at_its_speed() {
        // The second line was answered later than the third, and written after it; two share a second.
        let log = "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1\" 200 2 \"-\" \"curl\"\n\
                   1.2.3.4 - ada [10/Oct/2000:13:55:40 -0700] \"GET /c HTTP/1.1\" 200 2\n\
                   ::1 - - [10/Oct/2000:20:55:38 +0000] \"POST /b HTTP/2.0\" 201 2 \"-\" \"a \\\"b\\\"\"\n\
                   ::1 - - [10/Oct/2000:20:55:38 +0000] \"GET /b2 HTTP/1.1\" 200 2 \"-\" \"-\"\n";
        let (words, times) = check(log, 2.0);
        assert_eq!(words, ["GET /a", "POST /b", "GET /b2", "GET /c"]);
        assert_eq!(times.unwrap(), [0, 1_000 * MS, 1_250 * MS, 2_000 * MS]);
        let text = "{\"path\": \"/b\", \"at_ms\": 30}\n{\"path\": \"/a\", \"at_ms\": 10.5}";
        assert_eq!(check(text, 0.5).1.unwrap(), [0, 39 * MS]);
    }

    #[test]
    fn what_cannot_be_replayed_is_named_at_its_line() {
        let log = |request: &str| {
            format!("GET /ok\nh - - [10/Oct/2000:13:55:36 -0700] \"{request}\" 400 0")
        };
        let cases = [
            (String::new(), "log: there is no request"),
            (
                "GET /a\nnonsense".to_owned(),
                "log:2: `nonsense` is not a method and a path",
            ),
            ("get /a".to_owned(), "log:1: `get` can't be sent"),
            ("GET a".to_owned(), "log:1: `a` is not a path"),
            ("GET http://h/a".to_owned(), "is not a path"),
            ("GET /a b".to_owned(), "log:1: `/a b` is not a path"),
            ("GET /\u{1}".to_owned(), "is not a path"),
            ("GET /é".to_owned(), "is not a path"),
            ("{\"path\": 1}".to_owned(), "log:1: invalid type"),
            ("{\"pat\": \"/\"}".to_owned(), "unknown field `pat`"),
            (
                "{\"path\": \"/\", \"headers\": [\"a\\nb: c\"]}".to_owned(),
                "is not a header",
            ),
            (
                "{\"path\": \"/\", \"headers\": [\"Content-Length: 3\"]}".to_owned(),
                "cannot be sent as a header",
            ),
            ("{\"path\": \"/\", \"at_ms\": -1}".to_owned(), "is no time"),
            (
                "{\"path\": \"/\", \"at_ms\": 1e300}".to_owned(),
                "is no time",
            ),
            (log("GET /a HTTP/1.1"), "log:2: some lines say when"),
            (
                log("-")[8..].to_owned(),
                "log:1: `-` is not a method and a path",
            ),
            (
                log("\\x16\\x03")[8..].to_owned(),
                "is not a method and a path",
            ),
            (
                "h - - [yesterday] \"GET / HTTP/1.1\" 200 1".to_owned(),
                "`yesterday` is not the time of a log",
            ),
            (
                "h - - [10/Oct/2000:13:55:36 -0700]".to_owned(),
                "no request after the time",
            ),
            (
                "h - - [10/Oct/2000:13:55:36 -0700] \"GET /".to_owned(),
                "the request has no end",
            ),
        ];
        for (text, what) in cases {
            let error = Replay::parse(&text, "log", 1.0).unwrap_err();
            assert!(
                error.what.contains(what) && !error.help.is_empty(),
                "{text:?}: {error}"
            );
        }
    }

    #[test]
    fn no_more_is_replayed_than_the_bounds_allow() {
        let lines = "GET /\n".repeat(MAX_REPLAYED);
        assert_eq!(
            Replay::parse(&lines, "log", 1.0).unwrap().requests.len(),
            MAX_REPLAYED
        );
        let error = Replay::parse(&format!("{lines}GET /\n"), "log", 1.0).unwrap_err();
        assert!(
            error.what.starts_with("log:1000001: there are more"),
            "{error}"
        );
        let at = |ms: f64, speed| {
            Replay::parse(
                &format!("{{\"path\":\"/\",\"at_ms\":0}}\n{{\"path\":\"/\",\"at_ms\":{ms}}}"),
                "log",
                speed,
            )
        };
        let longest = MAX_DURATION.as_secs_f64() * 1_000.0;
        assert!(at(longest - 1.0, 1.0).is_ok());
        let error = at(longest, 1.0).unwrap_err();
        assert!(error.what.contains("takes longer than"), "{error}");
        assert!(at(longest, 2.0).is_ok());
        assert!(at(longest, *SPEEDS.start()).is_err());
    }
}
