//! The upstream backend: `GET /call/{i}?ms={D}` is answered with `i` after D milliseconds.
//!
//! It is part of the ruler. Its lateness would be mistaken for the servers', so it runs on a loop of the instrument's
//! kind, records how late each answer left, and tells it at `GET /stats`.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hdrhistogram::Histogram;
use model::measured::recording::empty_histogram;
use model::measured::stalls::Stalls;
use model::measured::summary::Times;
use model::units::{Nanos, duration_ns};
use serde::{Deserialize, Serialize};

use crate::server::answering::{self, Answerer, JSON, Owed, Reply, TEXT};

pub use crate::server::answering::bind;

/// The longest delay that a call may ask for, in milliseconds.
pub const MAX_DELAY_MS: u64 = 60_000;

/// Most connections held open; further ones are closed at once.
pub const MAX_CONNECTIONS: usize = answering::MAX_CONNECTIONS;

/// What the backend tells of itself at `GET /stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendStats {
    /// Calls answered.
    pub calls: u64,
    /// How much later than asked for the answers left, in nanoseconds.
    pub lateness_ns: Times,
    /// When it stood still: calls that came meanwhile were only seen afterwards, and are not late by the count above.
    pub stalls: Stalls,
}

/// Serves calls on `listener` until `stop` is set, which it notices within 50 ms.
///
/// `late`: how much later than asked for it answers, on purpose; at most [`model::units::MAX_DURATION`].
///
/// Errors: what the listener or epoll say; a failing connection is closed and concerns nobody else.
pub fn serve(listener: &TcpListener, late: Duration, stop: &AtomicBool) -> io::Result<()> {
    let backend = Backend {
        late_ns: duration_ns(late),
        lateness: empty_histogram(),
        stalls: Stalls::default(),
    };
    answering::serve(listener, backend, 0, stop)
}

struct Backend {
    /// Added to every delay; no part of the lateness that is reported.
    late_ns: Nanos,
    lateness: Histogram<u64>,
    stalls: Stalls,
}

impl Answerer for Backend {
    fn ask(&mut self, target: &str, arrived_ns: Nanos) -> Reply {
        match parse(target) {
            Some(Ask::Call { number, delay_ms }) => Reply::Later {
                at_ns: arrived_ns + delay_ms * 1_000_000 + self.late_ns,
                number,
            },
            Some(Ask::Stats) => {
                let stats = BackendStats {
                    calls: self.lateness.len(),
                    lateness_ns: Times::of(&self.lateness),
                    stalls: self.stalls,
                };
                Reply::Now {
                    status: 200,
                    content_type: JSON,
                    body: serde_json::to_vec(&stats).expect("plain numbers serialise"),
                }
            }
            None => Reply::Now {
                status: 404,
                content_type: TEXT,
                body: b"try /call/{i}?ms={D} or /stats".to_vec(),
            },
        }
    }

    fn turned(&mut self, took_ns: Nanos, asked_ns: Nanos) {
        self.stalls.turn(took_ns, asked_ns);
    }

    fn answer(&mut self, owed: &Owed, now_ns: Nanos) -> Vec<u8> {
        self.lateness
            .record(now_ns - owed.at_ns)
            .expect("no answer is a week late");
        owed.number.to_string().into_bytes()
    }
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Ask {
    Call { number: u64, delay_ms: u64 },
    Stats,
}

/// `/call/{i}?ms={D}` with D at most [`MAX_DELAY_MS`], or `/stats`.
fn parse(target: &str) -> Option<Ask> {
    if target == "/stats" {
        return Some(Ask::Stats);
    }
    let (number, delay_ms) = target.strip_prefix("/call/")?.split_once("?ms=")?;
    let digits = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())
            .flatten()
    };
    let delay_ms = digits(delay_ms).filter(|&delay_ms| delay_ms <= MAX_DELAY_MS)?;
    Some(Ask::Call {
        number: digits(number)?,
        delay_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::answering::testing::{Running, start};

    fn started() -> Running {
        start(|listener, stop| serve(listener, Duration::ZERO, stop))
    }

    #[test]
    fn pipelined_calls_are_answered_with_their_number_in_order() {
        let replies = started().ask(&[
            "/call/7?ms=3",
            "/call/8?ms=0",
            "/call/18446744073709551615?ms=1",
        ]);
        assert_eq!(
            replies,
            [
                (200, "7".into()),
                (200, "8".into()),
                (200, "18446744073709551615".into())
            ]
        );
    }

    #[test]
    fn it_tells_how_many_calls_it_answered_and_how_late() {
        let calls: Vec<String> = (1..=25)
            .map(|number| format!("/call/{number}?ms=1"))
            .collect();
        let targets: Vec<&str> = calls.iter().map(String::as_str).chain(["/stats"]).collect();
        let (status, body) = started().ask(&targets).pop().unwrap();
        let reported: BackendStats = serde_json::from_str(&body).unwrap();
        assert_eq!((status, reported.calls), (200, 25));
        assert!(
            reported.lateness_ns.p50.is_some()
                && reported.lateness_ns.max >= reported.lateness_ns.p50
        );
    }

    #[test]
    fn it_is_late_on_purpose_by_as_much_as_asked() {
        let due_ns = |late| {
            let mut backend = Backend {
                late_ns: duration_ns(late),
                lateness: empty_histogram(),
                stalls: Stalls::default(),
            };
            match backend.ask("/call/1?ms=2", 7) {
                Reply::Later { at_ns, .. } => at_ns,
                Reply::Now { status, .. } => panic!("{status}"),
            }
        };
        assert_eq!(due_ns(Duration::ZERO), 2_000_007);
        assert_eq!(due_ns(Duration::from_micros(500)), 2_500_007);
    }

    #[test]
    fn what_it_does_not_know_is_404() {
        let limit = format!("/call/1?ms={MAX_DELAY_MS}");
        assert_eq!(
            parse(&limit),
            Some(Ask::Call {
                number: 1,
                delay_ms: MAX_DELAY_MS
            })
        );
        let over = format!("/call/1?ms={}", MAX_DELAY_MS + 1);
        for target in [
            over.as_str(),
            "/",
            "/call/",
            "/call/1",
            "/call/x?ms=1",
            "/call/+1?ms=1",
            "/call/1?ms=-1",
            "/call/?ms=",
        ] {
            assert_eq!(parse(target), None, "{target}");
        }
        assert_eq!(started().ask(&["/"])[0].0, 404);
    }

    #[test]
    fn a_caller_that_leaves_before_its_answer_disturbs_nobody() {
        let running = started();
        running.ask_and_leave("/call/1?ms=20");
        assert_eq!(running.ask(&["/call/2?ms=40"]), [(200, "2".into())]);
    }
}
