//! Where a connection stands, for both roles, as one table.
//!
//! The idea is h11's (`h11/_state.py`): no code decides by itself what may follow what; it names the event that
//! happened and [`next`] names the state that follows. Events a role cannot meet in a state are absent, and meeting
//! one is a bug of ours or of the caller. The table knows nothing of bytes.

use Event::{
    AnswerBegun, AnswerThenClose, AnswerThenNext, BodyEnd, Eof, Fault, HeadAlone, HeadWithBody,
    Interim, Retire, Upgrade,
};
use Role::{Client, Server};
use State::{Answering, Body, Closed, Head, Upgraded, Whole};

/// Which side of the connection reads. A server reads requests, a client replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

/// How much of the message at hand has been read, and what a server has said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Waiting for a head to be complete.
    Head,
    /// The head is read, its body is not.
    Body,
    /// The message is complete: a server owes its answer, a client has its reply.
    Whole,
    /// A server's answer is begun, and its body is not complete.
    Answering,
    /// The connection speaks another protocol (RFC 9110 §7.8); nothing more is read or said here.
    Upgraded,
    /// Nothing more will be read or said.
    Closed,
}

/// What happened to the message at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A 1xx head, another follows (RFC 9110 §15.2).
    Interim,
    /// A head no body follows.
    HeadAlone,
    /// A head with a body to read.
    HeadWithBody,
    /// The body's last byte, or the end of the connection that delimits it.
    BodyEnd,
    /// The head of an answer whose body follows in parts.
    AnswerBegun,
    /// The answer is given and the connection persists: the next pipelined request may be read.
    AnswerThenNext,
    /// The answer is given and was the last.
    AnswerThenClose,
    /// The answer is that the protocol changes.
    Upgrade,
    /// The peer finished sending.
    Eof,
    /// A connection between requests is no longer wanted.
    Retire,
    /// The input can't be made sense of.
    Fault,
}

/// The state after `event`, or `None` where the event can't happen.
#[allow(
    clippy::match_same_arms,
    reason = "a table reads by what happens, not by where it leads"
)]
pub(crate) const fn next(role: Role, state: State, event: Event) -> Option<State> {
    Some(match (role, state, event) {
        (Server | Client, Head, HeadAlone) => Whole,
        (Server | Client, Head, HeadWithBody) => Body,
        (Client, Head, Interim) => Head,
        (Server | Client, Body, BodyEnd) => Whole,

        (Server, Whole, AnswerBegun) => Answering,
        (Server, Whole | Answering, AnswerThenNext) => Head,
        (Server, Whole | Answering, AnswerThenClose) => Closed,
        (Server, Whole, Upgrade) => Upgraded,

        // A message cut short is worth nothing. One that is whole still gets its answer: the peer may have shut down
        // only its sending half (RFC 9112 §9.6).
        (Server | Client, Head | Body, Eof) => Closed,
        (Server | Client, Whole, Eof) => Whole,
        (Server, Answering, Eof) => Answering,
        (Server, Upgraded, Eof) => Upgraded,
        (Server | Client, Closed, Eof) => Closed,

        (Server, Head, Retire) => Closed,
        (Server | Client, Head | Body, Fault) => Closed,

        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::string::String;

    const STATES: [State; 6] = [Head, Body, Whole, Answering, Upgraded, Closed];
    const EVENTS: [Event; 11] = [
        Interim,
        HeadAlone,
        HeadWithBody,
        BodyEnd,
        AnswerBegun,
        AnswerThenNext,
        AnswerThenClose,
        Upgrade,
        Eof,
        Retire,
        Fault,
    ];

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for role in [Server, Client] {
            for state in STATES {
                for event in EVENTS {
                    let cell = match next(role, state, event) {
                        Some(next) => std::format!("{next:?}"),
                        None => "-".into(),
                    };
                    writeln!(
                        table,
                        "{:6} {:9} {:15} {cell}",
                        dbg(role),
                        dbg(state),
                        dbg(event)
                    )
                    .unwrap();
                }
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_closed_connection_stays_closed() {
        for role in [Server, Client] {
            for event in EVENTS {
                assert!(
                    matches!(next(role, Closed, event), None | Some(Closed)),
                    "{role:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn every_state_of_a_role_is_reached_from_the_first() {
        // A client answers nothing, so two of them are a server's alone.
        for (role, states) in [(Server, STATES.len()), (Client, STATES.len() - 2)] {
            let mut seen = std::vec![Head];
            let mut at = 0;
            while at < seen.len() {
                for event in EVENTS {
                    if let Some(state) = next(role, seen[at], event)
                        && !seen.contains(&state)
                    {
                        seen.push(state);
                    }
                }
                at += 1;
            }
            assert_eq!(seen.len(), states, "{role:?} reaches {seen:?}");
        }
    }

    fn dbg(value: impl std::fmt::Debug) -> String {
        std::format!("{value:?}")
    }
}
