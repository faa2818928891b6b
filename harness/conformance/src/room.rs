//! A chat with many words in it: whether all are heard, in one order, and whether one who does not listen costs the others;
//! and how it ends with its server.
//!
//! Cases whose every word is written down are steps of a script; here are those with too many words for that.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use http1::Method;

use crate::outcome::CASE_TIMEOUT;
use crate::problem::{Problem, difference, shown};
use crate::script::tag;
use crate::websocket::{
    Ears, MAX_CONTROL_BYTES, PING, Received, close_answer, frame, handshake, header, judge_upgrade,
    key, text,
};
use crate::wire::{self, Heard, Wire};

/// Some talk all at once, the others listen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conversation {
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

/// One member sends nothing but pings, more than anybody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flood {
    /// So many in one write, and only then it reads.
    AtOnce(usize),
    /// As many as the server takes, and it never reads.
    Unread,
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

/// Least, default and most bytes of a receiving buffer (tcp(7)).
const RECEIVE_BUFFER: &str = "/proc/sys/net/ipv4/tcp_rmem";

/// How long all may take, of which one step may take [`CASE_TIMEOUT`].
const DEAF_TIMEOUT: Duration = Duration::from_secs(20);

/// After how many unread pings another member says something, and is to hear it.
const PINGS_BETWEEN: usize = 8_192;

/// For how long nothing more of a flood is taken by a server that has stopped reading from its sender.
const STANDSTILL: Duration = Duration::from_secs(2);

/// How many members wait for the end of a server. Where it has several workers, each is likely to have some of them.
const LAST_MEMBERS: usize = 8;

/// The code with which a server that stops closes (RFC 6455 §7.4.1, and the contract).
const GOING_AWAY: u16 = 1001;

/// Every member must hear all messages, in the same order, and those of one speaker in the order in which they were said.
pub(super) fn converse(
    conversation: Conversation,
    case: &str,
    addr: SocketAddr,
    host: &str,
) -> Result<(), Problem> {
    let tag = tag(case);
    let mut members = join_all(
        conversation.speakers + conversation.listeners,
        &tag,
        addr,
        host,
    )?;
    let said: Vec<Vec<String>> = (0..conversation.speakers)
        .map(|speaker| {
            let message = |number| format!("{tag}{number} of {}", name(speaker));
            (0..conversation.messages).map(message).collect()
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
    let count = conversation.speakers * conversation.messages;
    let hear_all = |member: &mut Member| {
        let heard: Result<Vec<_>, _> = (0..count).map(|_| member.hear()).collect();
        let at = |problem: Problem| problem.within(&member.name);
        heard.map_err(at)
    };
    let heard: Vec<_> = members.iter_mut().map(hear_all).collect::<Result<_, _>>()?;
    judge_conversation(&said, &heard)
}

/// Whether each member heard what was said.
fn judge_conversation(said: &[Vec<String>], heard: &[Vec<String>]) -> Result<(), Problem> {
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
    (kernel_bytes(SEND_BUFFER) + MOST_WAITING_BYTES).div_ceil(UNREAD_BYTES)
}

/// Most that the kernel keeps in a buffer of this kind.
fn kernel_bytes(sizes: &str) -> usize {
    std::fs::read_to_string(sizes)
        .ok()
        .and_then(|sizes| sizes.split_whitespace().next_back()?.parse().ok())
        .unwrap_or(KERNEL_BYTES)
        .clamp(KERNEL_BYTES, MAX_KERNEL_BYTES)
}

/// A member that floods a server with pings is answered or disconnected, and the others hear each other as before.
pub(super) fn flood(flood: Flood, case: &str, addr: SocketAddr, host: &str) -> Result<(), Problem> {
    let tag = tag(case);
    let [mut witness, mut flooder] = <[Member; 2]>::try_from(join_all(2, &tag, addr, host)?)
        .expect("two were asked for, and two have joined");
    match flood {
        Flood::AtOnce(pings) => {
            let payloads: Vec<_> = (1..=pings).map(|number| number.to_string()).collect();
            let pings: Vec<_> = payloads
                .iter()
                .map(|number| ping(number.as_bytes()))
                .collect();
            flooder.wire.send(&pings.concat())?;
            flooder.hear_pongs(&payloads)?;
            witness.hears_itself("afterwards")
        }
        Flood::Unread => flood_unread(&mut flooder, &mut witness),
    }
}

fn ping(payload: &[u8]) -> Vec<u8> {
    frame(&header(PING), payload)
}

/// Sends pings until the server hangs up or stops reading. One that does neither has all the pongs waiting in its memory,
/// unless it answers only the latest (RFC 6455 §5.5.3).
fn flood_unread(flooder: &mut Member, witness: &mut Member) -> Result<(), Problem> {
    let deadline = Instant::now() + DEAF_TIMEOUT;
    let one = ping(&[b'p'; MAX_CONTROL_BYTES]);
    let many = one.repeat(PINGS_BETWEEN);
    // All that two kernels' buffers hold in either direction, where the server reads nothing any more; and what may wait.
    let kernel_bytes = 2 * (kernel_bytes(SEND_BUFFER) + kernel_bytes(RECEIVE_BUFFER));
    let rounds = (kernel_bytes + MOST_WAITING_BYTES).div_ceil(many.len());
    for round in 1..=rounds {
        flooder
            .wire
            .extend(deadline.min(Instant::now() + CASE_TIMEOUT));
        let is_taken = flooder.wire.send_unless_stuck(&many, STANDSTILL);
        let sent = round * PINGS_BETWEEN;
        // From here on: a kernel that takes the last of a flood bit by bit must not eat up the others' time.
        witness.wire.extend(Instant::now() + CASE_TIMEOUT);
        witness
            .hears_itself(&format!("{sent} pings"))
            .map_err(|problem| {
                problem.within(&format!("after {sent} pings of one who does not read"))
            })?;
        if !is_taken || flooder.wire.is_sending_over() {
            return Ok(());
        }
    }
    flooder.wire.extend(Instant::now() + DEAF_TIMEOUT);
    let pongs = flooder.count_pongs()?;
    let sent = rounds * PINGS_BETWEEN;
    if pongs > sent / 2 {
        return Err(Problem::wrong(format!(
            "a member that reads nothing sent {sent} pings, and {pongs} pongs were kept for it: the server must stop reading \
             from it, or disconnect it"
        )));
    }
    Ok(())
}

/// Members that are in when the server is stopped learn that it goes away. `stop` returns when it has ended, and is called
/// whatever becomes of the members.
pub(super) fn farewell(
    case: &str,
    addr: SocketAddr,
    host: &str,
    stop: impl FnOnce(),
) -> Result<(), Problem> {
    let joined = join_all(LAST_MEMBERS, &tag(case), addr, host);
    thread::scope(|scope| {
        // Each at the same time: a server waits for their answers, but not for long.
        let hearing = joined.map(|members| {
            let hear = |mut member: Member| {
                scope.spawn(move || {
                    let reported = member.hears_close(GOING_AWAY);
                    reported.map_err(|problem| problem.within(&member.name))
                })
            };
            members.into_iter().map(hear).collect::<Vec<_>>()
        });
        stop();
        hearing?
            .into_iter()
            .try_for_each(|member| member.join().expect("hearing does not panic"))
    })
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
            wire::Received::Reply(reply) => judge_upgrade(&reply, &key)?,
            wire::Received::End => {
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
                Received::Text(word) if word.starts_with(&self.tag) => return Ok(word),
                // Late words of another case.
                Received::Text(_) => {}
                other => {
                    return Err(Problem::wrong(format!("expected a message, got {other}")));
                }
            }
        }
    }

    /// Says a word and hears it.
    fn hears_itself(&mut self, word: &str) -> Result<(), Problem> {
        let said = format!("{}{word}", self.tag);
        self.say(&said)?;
        let heard = self.hear().map_err(|problem| problem.within(&self.name))?;
        if heard == said {
            return Ok(());
        }
        Err(Problem::wrong(format!(
            "the message is wrong: {}",
            difference(said.as_bytes(), heard.as_bytes())
        )))
    }

    /// Pongs come in the order of the pings, and the last one comes: others may be left out (RFC 6455 §5.5.3). Or the server
    /// hangs up.
    fn hear_pongs(&mut self, pings: &[String]) -> Result<(), Problem> {
        let mut unanswered = pings.iter();
        loop {
            match self.ears.next(&mut self.wire) {
                Ok(Received::Pong(payload)) => {
                    if !unanswered.any(|ping| ping.as_bytes() == payload) {
                        return Err(Problem::wrong(format!(
                            "the pong {} answers no ping that was still to be answered",
                            shown(&payload)
                        )));
                    }
                    if unanswered.as_slice().is_empty() {
                        return Ok(());
                    }
                }
                Ok(Received::Text(_)) => {}
                Ok(Received::Close(_) | Received::End) => return Ok(()),
                Err(problem) if !problem.is_silence && self.wire.is_ended() => return Ok(()),
                Err(problem) => {
                    let left = unanswered.len();
                    return Err(problem.within(&format!("with {left} pings unanswered")));
                }
            }
        }
    }

    /// How many pongs come before the server has no more to say, or hangs up.
    fn count_pongs(&mut self) -> Result<usize, Problem> {
        let mut pongs = 0;
        loop {
            match self.ears.next(&mut self.wire) {
                Ok(Received::Pong(_)) => pongs += 1,
                Ok(Received::Text(_)) => {}
                Ok(Received::Close(_) | Received::End) => return Ok(pongs),
                Err(problem) if problem.is_silence || self.wire.is_ended() => return Ok(pongs),
                Err(problem) => return Err(problem),
            }
        }
    }

    /// A Close frame with this code comes next, and the end of the connection once it is answered.
    fn hears_close(&mut self, code: u16) -> Result<(), Problem> {
        let said = loop {
            match self.ears.next(&mut self.wire)? {
                Received::Text(_) => {}
                said => break said,
            }
        };
        if said != Received::Close(code) {
            return Err(Problem::wrong(format!(
                "expected {}, got {said}",
                Received::Close(code)
            )));
        }
        self.wire.send(&close_answer(code))?;
        match self.wire.hear_more()? {
            Heard::End => Ok(()),
            Heard::Bytes => Err(Problem::wrong(format!(
                "behind the server's Close frame came {}",
                shown(self.wire.received())
            ))),
            Heard::Silence => Err(Problem::silence(
                "the server did not close the connection after the closing handshake".to_owned(),
            )),
        }
    }

    /// A member that has let too much wait must find that it was disconnected, before it reads the last message.
    fn hear_until_the_end(&mut self, messages: usize) -> Result<(), Problem> {
        let last = format!("{}{} ", self.tag, messages - 1);
        loop {
            match self.ears.next(&mut self.wire) {
                Ok(Received::Text(word)) if word.starts_with(&last) => {
                    return Err(Problem::wrong(format!(
                        "a member that let {messages} messages of {UNREAD_BYTES} bytes wait was not disconnected; the last it heard was {}",
                        shown(word.as_bytes())
                    )));
                }
                Ok(Received::Text(_) | Received::Pong(_)) => {}
                Ok(Received::Close(_) | Received::End) => return Ok(()),
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
            let got = judge_conversation(&said, &heard).map_err(|problem| problem.text);
            match problem {
                None => assert_eq!(got, Ok(())),
                Some(part) => assert!(got.as_ref().unwrap_err().contains(part), "{got:?}"),
            }
        }
    }
}
