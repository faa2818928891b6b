//! A chat with many words in it: whether all are heard, in one order, and whether one who does not listen costs the others.
//!
//! Cases whose every word is written down are steps of a script; here are those with too many words for that.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use http1::Method;

use crate::check::CASE_TIMEOUT;
use crate::check::problem::{Problem, difference, shown};
use crate::check::script::tag;
use crate::check::websocket::{Ears, Said, handshake, judge_upgrade, key, text};
use crate::check::wire::{self, Wire};

/// Some talk all at once, the others listen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Talk {
    pub(super) speakers: usize,
    pub(super) listeners: usize,
    /// How many messages each speaker says, all before it reads any. With those of the others, fewer than may wait.
    pub(super) messages: usize,
}

/// One member reads nothing while another talks to itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deaf {
    /// Whether the member that reads nothing must be disconnected in the end, as the contract says.
    pub(super) must_end: bool,
}

/// How long a message is that nobody reads.
const UNREAD_BYTES: usize = 2 * 1024;

/// How many of them are said before they are heard again: no more than may wait, for the member that does listen.
const AT_ONCE: usize = 64;

/// What may wait in the server, whichever of the two it counts, and as much again as a margin.
const MOST_WAITING_BYTES: usize = 2 * (1_024 * UNREAD_BYTES + 1024 * 1024);

/// Most that the kernel keeps on the way to a client that does not read, for each connection, if it can't be asked: Linux's
/// own default. Where it was made larger, so much more has to be said, up to the second number.
const KERNEL_BYTES: usize = 4 * 1024 * 1024;
const MAX_KERNEL_BYTES: usize = 16 * 1024 * 1024;

/// Least, default and most bytes of a sending buffer (tcp(7)).
const SEND_BUFFER: &str = "/proc/sys/net/ipv4/tcp_wmem";

/// How long all may take, of which one step may take [`CASE_TIMEOUT`].
const DEAF_TIMEOUT: Duration = Duration::from_secs(20);

/// Every member must hear all messages, in the same order, and those of one speaker in the order in which they were said.
pub(super) fn talk(talk: Talk, case: &str, addr: SocketAddr, host: &str) -> Result<(), Problem> {
    let tag = tag(case);
    let mut members = join_all(talk.speakers + talk.listeners, &tag, addr, host)?;
    let said: Vec<Vec<String>> = (0..talk.speakers)
        .map(|speaker| {
            let message = |number| format!("{tag}{number} of {}", name(speaker));
            (0..talk.messages).map(message).collect()
        })
        .collect();
    thread::scope(|scope| {
        let speaking: Vec<_> = members
            .iter_mut()
            .zip(&said)
            .map(|(member, words)| {
                scope.spawn(move || words.iter().try_for_each(|word| member.say(word)))
            })
            .collect();
        speaking
            .into_iter()
            .try_for_each(|speaker| speaker.join().expect("speaking does not panic"))
    })?;
    let count = talk.speakers * talk.messages;
    let hear_all = |member: &mut Member| {
        let heard: Result<Vec<_>, _> = (0..count).map(|_| member.hear()).collect();
        let at = |problem: Problem| problem.within(&member.name);
        heard.map_err(at)
    };
    let heard: Vec<_> = members.iter_mut().map(hear_all).collect::<Result<_, _>>()?;
    judge_talk(&said, &heard)
}

/// Whether each member heard what was said.
fn judge_talk(said: &[Vec<String>], heard: &[Vec<String>]) -> Result<(), Problem> {
    for (member, words) in heard.iter().enumerate() {
        for (speaker, said) in said.iter().enumerate() {
            let by_speaker: Vec<_> = words.iter().filter(|word| said.contains(word)).collect();
            let first_wrong = said
                .iter()
                .zip(&by_speaker)
                .find(|(said, heard)| said != *heard);
            if let Some((said, heard)) = first_wrong {
                return Err(Problem::wrong(format!(
                    "{} did not hear the words of {} as they were said: {}",
                    name(member),
                    name(speaker),
                    difference(said.as_bytes(), heard.as_bytes())
                )));
            }
            if by_speaker.len() != said.len() {
                return Err(Problem::wrong(format!(
                    "{} heard {} of {} messages of {}",
                    name(member),
                    by_speaker.len(),
                    said.len(),
                    name(speaker)
                )));
            }
        }
    }
    let [first, others @ ..] = heard else {
        return Ok(());
    };
    for (other, words) in (1..).zip(others) {
        if let Some(at) = first.iter().zip(words).position(|(a, b)| a != b) {
            return Err(Problem::wrong(format!(
                "{} and {} heard the messages in different orders, from message {} on",
                name(0),
                name(other),
                at + 1
            )));
        }
    }
    Ok(())
}

/// Who listens must hear everything, whatever becomes of the one who does not.
pub(super) fn deaf(deaf: Deaf, case: &str, addr: SocketAddr, host: &str) -> Result<(), Problem> {
    let deadline = Instant::now() + DEAF_TIMEOUT;
    let tag = tag(case);
    let [mut talker, mut deaf_one] = <[Member; 2]>::try_from(join_all(2, &tag, addr, host)?)
        .expect("two were asked for, and two have joined");
    let message = |number: usize| {
        let begin = format!("{tag}{number} ");
        let rest = UNREAD_BYTES - begin.len();
        begin + &"z".repeat(rest)
    };
    let batches = unread_messages().div_ceil(AT_ONCE);
    for batch in 0..batches {
        let numbers = batch * AT_ONCE..(batch + 1) * AT_ONCE;
        let at = |problem: Problem| {
            let before = batch * AT_ONCE;
            problem.within(&format!(
                "after {before} messages of {UNREAD_BYTES} bytes to one who reads and one who does not"
            ))
        };
        talker
            .wire
            .extend(deadline.min(Instant::now() + CASE_TIMEOUT));
        let said: Vec<_> = numbers
            .clone()
            .map(|number| text(&message(number)))
            .collect();
        talker.wire.send(&said.concat())?;
        for number in numbers {
            let heard = talker.hear().map_err(at)?;
            if heard != message(number) {
                let difference = difference(message(number).as_bytes(), heard.as_bytes());
                return Err(at(Problem::wrong(format!(
                    "the message is wrong: {difference}"
                ))));
            }
        }
    }
    if deaf.must_end {
        deaf_one
            .wire
            .extend(deadline.min(Instant::now() + CASE_TIMEOUT));
        deaf_one.hear_until_the_end(batches * AT_ONCE)?;
    }
    Ok(())
}

/// How many messages it takes until more wait in the server than may, beyond all that the kernel has taken.
fn unread_messages() -> usize {
    let kernel_bytes = std::fs::read_to_string(SEND_BUFFER)
        .ok()
        .and_then(|sizes| sizes.split_whitespace().next_back()?.parse().ok())
        .unwrap_or(KERNEL_BYTES)
        .clamp(KERNEL_BYTES, MAX_KERNEL_BYTES);
    (kernel_bytes + MOST_WAITING_BYTES).div_ceil(UNREAD_BYTES)
}

/// One of a chat's members.
#[derive(Debug)]
struct Member {
    name: String,
    tag: String,
    wire: Wire,
    ears: Ears,
}

fn name(member: usize) -> String {
    format!("member {}", member + 1)
}

fn join_all(count: usize, tag: &str, addr: SocketAddr, host: &str) -> Result<Vec<Member>, Problem> {
    let deadline = Instant::now() + CASE_TIMEOUT;
    let join = |i| {
        let key = key(i);
        let mut wire = Wire::open(addr, deadline)?;
        wire.send(&handshake(host, &key, ""))?;
        match wire.next(Method::Get)? {
            wire::Said::Reply(reply) => judge_upgrade(&reply, &key)?,
            wire::Said::End => {
                return Err(Problem::wrong(
                    "expected 101, but the server closed the connection without a reply".to_owned(),
                ));
            }
        }
        Ok(Member {
            name: name(i),
            tag: tag.to_owned(),
            wire,
            ears: Ears::default(),
        })
    };
    (0..count).map(join).collect()
}

impl Member {
    fn say(&mut self, word: &str) -> Result<(), Problem> {
        self.wire.send(&text(word))
    }

    /// The next message of this case's.
    fn hear(&mut self) -> Result<String, Problem> {
        loop {
            match self.ears.next(&mut self.wire)? {
                Said::Text(word) if word.starts_with(&self.tag) => return Ok(word),
                // Late words of another case.
                Said::Text(_) => {}
                other => {
                    return Err(Problem::wrong(format!("expected a message, got {other}")));
                }
            }
        }
    }

    /// A member that has let too much wait must find that it was disconnected, before it comes to the last message.
    fn hear_until_the_end(&mut self, messages: usize) -> Result<(), Problem> {
        let last = format!("{}{} ", self.tag, messages - 1);
        loop {
            match self.ears.next(&mut self.wire) {
                Ok(Said::Text(word)) if word.starts_with(&last) => {
                    return Err(Problem::wrong(format!(
                        "a member that let {messages} messages of {UNREAD_BYTES} bytes wait was not disconnected; the last it heard was {}",
                        shown(word.as_bytes())
                    )));
                }
                Ok(Said::Text(_) | Said::Pong(_)) => {}
                Ok(Said::Close(_) | Said::End) => return Ok(()),
                // It may end anywhere, also within a frame.
                Err(problem) if !problem.is_silence && self.wire.is_ended() => return Ok(()),
                Err(problem) => return Err(problem),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_was_heard_is_held_against_what_was_said() {
        let said = [words(&["a1", "a2"]), words(&["b1", "b2"])];
        for (heard, problem) in [
            (
                [&["a1", "b1", "a2", "b2"][..], &["a1", "b1", "a2", "b2"]],
                None,
            ),
            (
                [&["a1", "b1", "a2", "b2"], &["b1", "a1", "a2", "b2"]],
                Some(
                    "member 1 and member 2 heard the messages in different orders, from message 1 on",
                ),
            ),
            (
                [&["a1", "a2", "b1", "b2"], &["a1", "a2", "b2", "b1"]],
                Some(
                    "member 2 did not hear the words of member 2 as they were said: expected 2 bytes `b1`",
                ),
            ),
            (
                [&["a1", "a2", "b1", "b2"], &["a1", "a2", "a2", "b1"]],
                Some("member 2 heard 3 of 2 messages of member 1"),
            ),
            (
                [&["a1", "a2", "b1", "x"], &["a1", "a2", "b1", "x"]],
                Some("member 1 heard 1 of 2 messages of member 2"),
            ),
        ] {
            let heard = heard.map(words);
            let got = judge_talk(&said, &heard).map_err(|problem| problem.text);
            match problem {
                None => assert_eq!(got, Ok(())),
                Some(part) => assert!(got.as_ref().unwrap_err().contains(part), "{got:?}"),
            }
        }
    }
}
