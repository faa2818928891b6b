//! The server of known truths: `GET /` is answered after a time that its [`Behaviour`] fixes beforehand.
//!
//! The instrument is held against it, so it keeps books of its own: when each request arrived, when it meant to answer
//! and when it did, all on one clock. What the generator reads can then be held against what the server did, and not only
//! against what it meant to do: the difference is the instrument's, the rest is the machine's.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;

use hdrhistogram::Histogram;
use model::measured::recording::empty_histogram;
use model::measured::summary::Times;
use model::spec::truth::{Answers, Behaviour};
use model::units::{NANOS_PER_S, Nanos};
use serde::{Deserialize, Serialize};

use crate::engine::pacer::SPIN_AHEAD_NS;
use crate::server::answering::{self, Answerer, JSON, Owed, Reply, TEXT};

/// What every request is answered with.
pub const BODY: &[u8] = b"truth";

/// What the server tells of itself at `GET /stats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthStats {
    /// What it was asked to do.
    pub behaviour: String,
    /// Requests that arrived: `answered + abandoned + owed`.
    pub arrived: u64,
    /// Answered.
    pub answered: u64,
    /// Not answered, because the peer had left when their answer was due.
    pub abandoned: u64,
    /// Not yet due.
    pub owed: u64,
    /// From the first arrival to the last answer, in nanoseconds.
    pub span_ns: Nanos,
    /// How much later than meant the answers left.
    pub lateness_ns: Times,
    /// From arrival to the moment the answer was meant to leave, of those answered.
    pub meant_ns: Times,
    /// From arrival to the moment the answer left.
    pub did_ns: Times,
    /// The whole distribution behind `did_ns`: value in nanoseconds and count, ascending.
    pub did_ns_counts: Vec<(Nanos, u64)>,
}

impl TruthStats {
    /// Answers a second, from the first arrival to the last answer; none before there are two.
    pub fn answered_per_s(&self) -> Option<f64> {
        (self.answered > 1 && self.span_ns > 0)
            .then(|| self.answered as f64 * NANOS_PER_S as f64 / self.span_ns as f64)
    }
}

/// Serves `behaviour` on `listener` until `stop` is set, which it notices within 50 ms.
///
/// `spin`: whether to look at the clock for the last moments before an answer is due, which only a core of its own allows.
///
/// Errors: what the listener or epoll say; a failing connection is closed and concerns nobody else.
pub fn serve(
    listener: &TcpListener,
    behaviour: Behaviour,
    spin: bool,
    stop: &AtomicBool,
) -> io::Result<()> {
    let spin_ahead_ns = if spin { SPIN_AHEAD_NS } else { 0 };
    answering::serve(listener, Books::new(behaviour), spin_ahead_ns, stop)
}

struct Books {
    behaviour: Behaviour,
    answers: Answers,
    arrived: u64,
    abandoned: u64,
    first_arrived_ns: Option<Nanos>,
    last_answered_ns: Nanos,
    lateness: Histogram<u64>,
    meant: Histogram<u64>,
    did: Histogram<u64>,
}

impl Books {
    fn new(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            answers: Answers::new(behaviour),
            arrived: 0,
            abandoned: 0,
            first_arrived_ns: None,
            last_answered_ns: 0,
            lateness: empty_histogram(),
            meant: empty_histogram(),
            did: empty_histogram(),
        }
    }

    fn stats(&self) -> TruthStats {
        let answered = self.did.len();
        TruthStats {
            behaviour: self.behaviour.to_string(),
            arrived: self.arrived,
            answered,
            abandoned: self.abandoned,
            owed: self.arrived - answered - self.abandoned,
            span_ns: self
                .first_arrived_ns
                .map_or(0, |first| self.last_answered_ns.saturating_sub(first)),
            lateness_ns: Times::of(&self.lateness),
            meant_ns: Times::of(&self.meant),
            did_ns: Times::of(&self.did),
            did_ns_counts: self
                .did
                .iter_recorded()
                .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
                .collect(),
        }
    }
}

impl Answerer for Books {
    fn ask(&mut self, target: &str, arrived_ns: Nanos) -> Reply {
        match target {
            "/" => {
                self.arrived += 1;
                self.first_arrived_ns.get_or_insert(arrived_ns);
                Reply::Later {
                    at_ns: self.answers.answer_at(arrived_ns),
                    number: self.arrived,
                }
            }
            "/stats" => Reply::Now {
                status: 200,
                content_type: JSON,
                body: serde_json::to_vec(&self.stats()).expect("plain numbers serialise"),
            },
            _ => Reply::Now {
                status: 404,
                content_type: TEXT,
                body: b"try / or /stats".to_vec(),
            },
        }
    }

    fn answer(&mut self, owed: &Owed, now_ns: Nanos) -> Vec<u8> {
        let entries = [
            (&mut self.lateness, now_ns - owed.at_ns),
            (&mut self.meant, owed.at_ns - owed.arrived_ns),
            (&mut self.did, now_ns - owed.arrived_ns),
        ];
        for (histogram, time_ns) in entries {
            histogram.record(time_ns).expect("no answer takes a week");
        }
        self.last_answered_ns = now_ns;
        BODY.to_vec()
    }

    fn abandoned(&mut self) {
        self.abandoned += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::answering::testing::{Running, start};

    fn serving(behaviour: &str) -> Running {
        let behaviour = behaviour.parse().unwrap();
        start(move |listener, stop| serve(listener, behaviour, false, stop))
    }

    fn books(running: &Running) -> TruthStats {
        let (status, body) = running.ask(&["/stats"]).pop().unwrap();
        assert_eq!(status, 200);
        serde_json::from_str(&body).unwrap()
    }

    #[test]
    fn its_books_hold_every_request_and_no_answer_leaves_early() {
        let running = serving("bimodal:nth=3,slow=4ms,fast=1ms");
        let replies = running.ask(&["/"; 30]);
        assert!(
            replies
                .iter()
                .all(|reply| reply == &(200, "truth".to_owned()))
        );
        let reported = books(&running);
        assert_eq!(
            (
                reported.arrived,
                reported.answered,
                reported.abandoned,
                reported.owed
            ),
            (30, 30, 0, 0)
        );
        assert_eq!(reported.behaviour, "bimodal:nth=3,slow=4ms,fast=1ms");
        let count: u64 = reported.did_ns_counts.iter().map(|&(_, count)| count).sum();
        assert_eq!(count, 30);
        // Ten slow ones and twenty fast ones, one after another on one connection.
        assert!(reported.span_ns >= 60_000_000, "{reported:?}");
        assert!(
            reported.did_ns.mean >= reported.meant_ns.mean,
            "{reported:?}"
        );
        assert!(
            reported
                .answered_per_s()
                .is_some_and(|per_s| per_s <= 500.0)
        );
    }

    #[test]
    fn every_request_stands_in_the_books_once() {
        let mut books = Books::new("fixed:delay=1ms".parse().unwrap());
        for _ in 0..3 {
            assert!(matches!(
                books.ask("/", 7),
                Reply::Later {
                    at_ns: 1_000_007,
                    ..
                }
            ));
        }
        // One peer has left, one waits still, and one got its answer.
        books.abandoned();
        books.did.record(1_000_000).unwrap();
        let reported = books.stats();
        assert_eq!(
            (
                reported.arrived,
                reported.answered,
                reported.abandoned,
                reported.owed
            ),
            (3, 1, 1, 1)
        );
    }

    #[test]
    fn one_worker_serves_those_that_arrive_together_one_after_another() {
        let running = serving("queue:service=10ms");
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| running.ask(&["/"]));
            }
        });
        let reported = books(&running);
        assert_eq!(reported.answered, 3);
        assert!(reported.span_ns >= 30_000_000, "{reported:?}");
    }

    #[test]
    fn what_it_does_not_know_is_404_and_in_no_books() {
        let running = serving("fixed:delay=1ms");
        assert_eq!(running.ask(&["/other"])[0].0, 404);
        let reported = books(&running);
        assert_eq!((reported.arrived, reported.span_ns), (0, 0));
        assert_eq!(reported.answered_per_s(), None);
    }
}
