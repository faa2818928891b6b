//! Proves that a target serves the work contract before any load is put on it.
//!
//! The cases are data ([`cases`]): what is sent, and every answer that would be right. [`script`] plays one case on a
//! connection of its own ([`wire`]); [`beside`] plays those that take several connections. This module knows HTTP as
//! its clients see it. It must never know how a target is launched, nor which one it is: where the RFCs leave servers
//! a choice, the case names all of the choices.

#![allow(
    clippy::disallowed_methods,
    reason = "servers are asked over real sockets, with real time limits"
)]

mod beside;
mod cases;
#[cfg(test)]
mod faults_tests;
mod judge;
mod paced;
mod problem;
mod room;
mod script;
#[cfg(test)]
mod specimen_for_tests;
mod stats;
mod websocket;
mod wire;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::cases::{Case, Script};
use crate::problem::Problem;

/// How long one case may take: a server that is silent for longer hangs. Far more than the slowest case needs on a busy
/// machine.
pub const CASE_TIMEOUT: Duration = Duration::from_secs(5);

/// After so many cases to which the server gave no answer at all, the rest is left out: a server that hangs everywhere
/// would otherwise be waited for in every case, which is a quarter of an hour.
pub const MAX_UNANSWERED: usize = 3;

/// How the name ends of the outcome that stands for all cases that were left out.
const LEFT_OUT: &str = "cases from here on";

/// What a target needs to be asked, and may be asked.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// It was started with a backend; without one, `/upstream` may also be answered 503.
    pub has_upstream: bool,
    /// It says that it serves any number of waiting requests at once.
    pub claims_concurrency: bool,
    /// It reads HTTP by this workspace's `http1`: that makes the strict choice wherever the RFCs leave one, and its
    /// bounds hold to the byte. Other servers may choose otherwise, and count what is in a head in their own way.
    pub is_strict: bool,
}

impl Needs {
    /// All that a target may need and promise.
    fn every() -> impl Iterator<Item = Self> {
        (0..8).map(|bits| Self {
            has_upstream: bits & 1 != 0,
            claims_concurrency: bits & 2 != 0,
            is_strict: bits & 4 != 0,
        })
    }
}

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The case, unique within its group: `GET /file/64`.
    pub case: String,
    /// The group it belongs to.
    pub group: Group,
    /// What was expected and what came instead; `None` where all was right.
    pub problem: Option<String>,
}

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Every route's status, fields and body.
    Routes,
    /// HEAD: the head of GET, and no body.
    Head,
    /// 404, 400 and 405.
    Errors,
    /// How long a connection is used.
    KeepAlive,
    /// Several requests in one write.
    Pipelining,
    /// One request in several writes.
    Fragmented,
    /// Request bodies: framed and skipped.
    Bodies,
    /// The contract's bounds: at them, and beyond.
    Limits,
    /// What no well-meaning client sends.
    Hostile,
    /// `/orders`: what is sent is read, and validated.
    Orders,
    /// `/events`: a reply in parts, each when it is due.
    Events,
    /// `/chat`: WebSocket, and one room for all.
    Chat,
    /// Whether requests wait for each other.
    Concurrency,
    /// How a server ends that is told to. Asked only of those that were started here.
    Stop,
}

impl Outcome {
    /// The case's name among all cases, as [`ids`] lists it: `routes/GET /file/64`.
    pub fn id(&self) -> String {
        id(self.group, &self.case)
    }

    /// Whether it stands for all the cases that were not played any more.
    pub fn is_of_cases_left_out(&self) -> bool {
        self.case.ends_with(LEFT_OUT)
    }
}

impl Group {
    /// Whether its cases could leave a server that serves nobody any more, which is then looked at after each of them.
    fn may_harm(self) -> bool {
        matches!(
            self,
            Self::Bodies | Self::Limits | Self::Hostile | Self::Orders | Self::Events | Self::Chat
        )
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Routes => "routes",
            Self::Head => "HEAD",
            Self::Errors => "errors",
            Self::KeepAlive => "keep-alive",
            Self::Pipelining => "pipelining",
            Self::Fragmented => "fragmented",
            Self::Bodies => "bodies",
            Self::Limits => "limits",
            Self::Hostile => "hostile",
            Self::Orders => "orders",
            Self::Events => "events",
            Self::Chat => "chat",
            Self::Concurrency => "concurrency",
            Self::Stop => "stop",
        })
    }
}

/// The case that ends a server.
const FAREWELL: &str = "members of the chat are told 1001";

/// The id of every case that any target may be asked. Who names a case by another name names none.
pub fn ids() -> BTreeSet<String> {
    // Names don't depend on the host.
    Needs::every()
        .flat_map(|needs| cases::all("host", needs))
        .map(|case| id(case.group, &case.name))
        .chain([id(Group::Stop, FAREWELL)])
        .collect()
}

fn id(group: Group, case: &str) -> String {
    format!("{group}/{case}")
}

/// Plays every case against the server at `addr`, group by group, and tells each outcome as soon as it is known.
///
/// `host` is what the requests' `Host` field says. Each case gets a fresh connection and at most [`CASE_TIMEOUT`]; after
/// [`MAX_UNANSWERED`] cases without an answer the rest is left out, which is itself a failed outcome.
pub fn check(
    addr: SocketAddr,
    host: &str,
    needs: Needs,
    on_case: &mut dyn FnMut(&Outcome),
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut record = |outcome: Outcome| {
        on_case(&outcome);
        outcomes.push(outcome);
    };
    let cases = cases::all(host, needs);
    let mut unanswered = 0;
    for (at, case) in cases.iter().enumerate() {
        if unanswered == MAX_UNANSWERED {
            record(left_out(case.group, cases.len() - at));
            break;
        }
        let problem = play(case, addr, host).err();
        unanswered += usize::from(problem.as_ref().is_some_and(|problem| problem.is_silence));
        record(Outcome {
            case: case.name.clone(),
            group: case.group,
            problem: problem.map(|problem| problem.text),
        });
    }
    outcomes
}

/// Has the server at `addr` ended by `stop`, which returns once that is done, and looks at how it leaves its clients.
pub fn check_stop(addr: SocketAddr, host: &str, stop: impl FnOnce()) -> Outcome {
    let problem = room::farewell(FAREWELL, addr, host, stop).err();
    Outcome {
        case: FAREWELL.to_owned(),
        group: Group::Stop,
        problem: problem.map(|problem| problem.text),
    }
}

fn left_out(group: Group, cases: usize) -> Outcome {
    Outcome {
        case: format!("the {cases} {LEFT_OUT}"),
        group,
        problem: Some(format!(
            "left out, because {MAX_UNANSWERED} cases got no answer in time; mend those first"
        )),
    }
}

fn play(case: &Case, addr: SocketAddr, host: &str) -> Result<(), Problem> {
    match &case.script {
        Script::Alone(steps) => script::play(steps, addr, host)?,
        Script::Together(turns) => script::play_together(&case.name, turns, addr, host)?,
        Script::AtOnce(connections, steps) => {
            script::play_at_once(*connections, steps, addr, host)?;
        }
        Script::Beside(busy) => beside::play(busy, addr, host)?,
        Script::Paced(framing) => paced::play(*framing, addr, host)?,
        Script::Talk(talk) => room::talk(*talk, &case.name, addr, host)?,
        Script::Deaf(deaf) => room::deaf(*deaf, &case.name, addr, host)?,
        Script::Flood(flood) => room::flood(*flood, &case.name, addr, host)?,
    }
    if case.group.may_harm() {
        script::play(&cases::plain_request(host), addr, host)
            .map_err(|problem| problem.within("afterwards, on a new connection"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use model::spec::target::{BUILT_IN, TargetSpec};

    use super::*;

    #[test]
    fn ids_can_be_typed_and_quoted() {
        let ids = ids();
        assert!(ids.contains("routes/GET /file/64"));
        assert!(ids.contains("limits/head of 16 KiB + 1 is 431"));
        assert!(ids.contains("stop/members of the chat are told 1001"));
        for id in ids {
            // As it stands in a TOML string.
            let is_plain = id
                .bytes()
                .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
            assert!(is_plain && id.trim() == id, "{id:?}");
        }
    }

    #[test]
    fn the_differences_of_the_targets_at_hand_are_cases() {
        let ids = ids();
        for (name, _) in BUILT_IN {
            let target = TargetSpec::parse(name).unwrap();
            for difference in &target.kind.manifest().unwrap().differences {
                assert!(
                    ids.contains(&difference.case),
                    "{name}: {}",
                    difference.case
                );
            }
        }
    }

    #[test]
    fn an_outcomes_id_is_listed() {
        let outcome = Outcome {
            case: "HEAD /json".to_owned(),
            group: Group::Head,
            problem: None,
        };
        assert_eq!(outcome.id(), "HEAD/HEAD /json");
        assert!(ids().contains(&outcome.id()));
    }

    #[test]
    fn a_server_that_is_not_there_is_asked_a_few_times_only() {
        let nobody = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let needs = Needs {
            has_upstream: false,
            claims_concurrency: false,
            is_strict: false,
        };
        let mut told = Vec::new();
        let outcomes = check(nobody, "test", needs, &mut |outcome| {
            told.push(outcome.clone());
        });
        assert_eq!(told, outcomes);
        assert_eq!(outcomes.len(), MAX_UNANSWERED + 1);
        let (left_out, asked) = outcomes.split_last().unwrap();
        for outcome in asked {
            let problem = outcome.problem.as_ref().unwrap();
            assert!(
                problem.starts_with("cannot connect to 127.0.0.1:"),
                "{problem}"
            );
        }
        let cases = cases::all("test", needs).len();
        assert_eq!(
            left_out.case,
            format!("the {} cases from here on", cases - MAX_UNANSWERED)
        );
        assert!(left_out.problem.is_some() && left_out.is_of_cases_left_out());
        assert!(!asked[0].is_of_cases_left_out());
    }
}
