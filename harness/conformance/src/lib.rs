//! Proves that a target serves the work contract before any load is put on it.
//!
//! The cases are data (`cases`): what is sent, and every answer that would be right. `script` plays one case on a
//! connection of its own (`wire`); `beside` plays those that take several connections. This module knows HTTP as
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
mod outcome;
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
use std::net::SocketAddr;

pub use crate::outcome::{CASE_TIMEOUT, Group, Needs, Outcome};

use crate::cases::{Case, Script};
use crate::outcome::{LEFT_OUT, id};
use crate::problem::Problem;

/// After so many cases to which the server gave no answer at all, the rest is left out: a server that hangs everywhere
/// would otherwise be waited for in every case, which is a quarter of an hour.
pub const MAX_UNANSWERED: usize = 3;

/// The case that ends a server.
const FAREWELL: &str = "members of the chat are closed with 1001";

/// The id of every case that any target may be asked. Who names a case by another name names none.
pub fn ids() -> BTreeSet<String> {
    // Names don't depend on the host.
    Needs::every()
        .flat_map(|needs| cases::all("host", needs))
        .map(|case| id(case.group, &case.name))
        .chain([id(Group::Stop, FAREWELL)])
        .collect()
}

/// The ids of the cases that are not played where only these routes are served; see [`check`].
pub fn ids_not_played(serves: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    Needs::every()
        .flat_map(|needs| cases::all("host", needs))
        .filter(|case| case.route().is_some_and(|route| !serves(route)))
        .map(|case| id(case.group, &case.name))
        .collect()
}

/// Plays every case against the server at `addr`, group by group, and tells each outcome as soon as it is known.
///
/// `host` is what the requests' `Host` field says. Cases of a route that `serves` denies, given a target of it, are not played. Each case gets a fresh connection and at most [`CASE_TIMEOUT`]; after
/// [`MAX_UNANSWERED`] cases without an answer the rest is left out, which is itself a failed outcome.
pub fn check(
    addr: SocketAddr,
    host: &str,
    needs: Needs,
    serves: &dyn Fn(&str) -> bool,
    on_case: &mut dyn FnMut(&Outcome),
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut record = |outcome: Outcome| {
        on_case(&outcome);
        outcomes.push(outcome);
    };
    let mut cases = cases::all(host, needs);
    cases.retain(|case| case.route().is_none_or(serves));
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
            "left out, because {MAX_UNANSWERED} cases got no answer in time; fix those first"
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
        Script::Punctual(early) => paced::sleep(*early, addr, host)?,
        Script::Conversation(conversation) => {
            room::converse(*conversation, &case.name, addr, host)?;
        }
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
        assert!(ids.contains("stop/members of the chat are closed with 1001"));
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
    fn a_route_that_is_not_served_has_no_cases() {
        let nobody = ([127, 0, 0, 1], 9).into();
        let cases = |left_out: &str| {
            let needs = Needs::every().next().unwrap();
            let mut cases = cases::all("test", needs);
            cases.retain(|case| {
                case.route()
                    .is_none_or(|route| !route.starts_with(left_out))
            });
            cases.len()
        };
        let (all, without_chat, without_stats) =
            (cases("/nothing"), cases("/chat"), cases("/stats"));
        assert!(without_chat < all - 50, "{without_chat} of {all}");
        // GET, HEAD, and three methods that it does not take.
        assert_eq!(without_stats, all - 5);
        let none = check(
            nobody,
            "test",
            Needs::every().next().unwrap(),
            &|_| false,
            &mut |_| {},
        );
        assert!(none.iter().all(|outcome| outcome.problem.is_some()));
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
        let mut reported = Vec::new();
        let outcomes = check(nobody, "test", needs, &|_| true, &mut |outcome| {
            reported.push(outcome.clone());
        });
        assert_eq!(reported, outcomes);
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
