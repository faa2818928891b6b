//! A case as steps on one connection or several: what is sent, and what must come.
//!
//! Knows how to play steps. Must never know which cases there are, nor what a good reply is.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use http1::Method;
use http1::client::encode_request;
use spec::Route;

use crate::judge::{Expected, judge_served, one_of};
use crate::outcome::CASE_TIMEOUT;
use crate::problem::{Problem, difference, shown};
use crate::websocket::{self, Ears, NO_CODE};
use crate::wire::{Heard, Received, Reply, Wire};

/// Pause between the pieces of a request, so that the server sees each by itself: nothing relies on it, but without it
/// the kernel would mostly hand several over at once.
const PIECE_GAP: Duration = Duration::from_millis(1);

/// How long a server may say nothing to bad input before the end of the input is sent. It may wait for the
/// rest of what it takes for an unfinished request; then it must give up.
const SILENCE_LIMIT: Duration = Duration::from_secs(1);

/// Most replies that are read after the one that bad input deserves.
const MAX_REPLIES_AFTER: usize = 4;

/// The request that follows bad input, where the connection still takes one. No other case asks for it, so that no reply
/// to smuggled bytes passes for its own.
const PROBE: Route = Route::Cpu {
    rounds: 7,
    offload: false,
};

/// One step of a case.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Sends in one write.
    Send(Vec<u8>),
    /// Sends in several writes, with a pause between them.
    SendPieces(Vec<Vec<u8>>),
    /// Waits for an interim 100 and then sends this body; a final reply, which must then come anyway, takes its place.
    SendOnceContinued(Vec<u8>),
    /// Says that nothing more will be sent.
    FinishSending,
    /// This reply must come.
    Reply(Expected),
    /// This reply must come, or the server closes; not the latter where its last reply said `keep-alive`.
    ReplyOrEnd(Expected),
    /// The server must close and say nothing more.
    End,
    /// What was sent is bad: the server must refuse it or close, and must not find another request in it. The last step.
    Refusal(Refusal),
    /// Waits until the server has begun to answer.
    Listen,
    /// Goes away, whatever came.
    Leave,
    /// The handshake that was sent with this key must be answered with 101; from here on, frames come.
    Upgraded(String),
    /// The next message must be this text.
    Hear(String),
    /// A pong with this payload must come, and no message before it.
    Pong(Vec<u8>),
    /// The server must end the WebSocket, and say nothing more. The last step on its connection.
    Ending(Ending),
}

/// How a WebSocket must end.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// The codes that the server's Close frame may carry, [`NO_CODE`] among them where it may have none.
    pub(super) codes: Vec<u16>,
    /// Whether it may also close the connection without a Close frame.
    pub(super) or_disconnect: bool,
    /// The client has sent its own Close frame before, so that the server's is the last one.
    pub(super) is_answer: bool,
}

/// A step on one of the connections of a case, which are opened when something is first done on them.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    /// Counted from 0.
    pub(super) on: usize,
    pub(super) step: Step,
}

/// How all messages of a chat's case begin: what another case has said may still be on its way, and is passed over.
pub(super) fn tag(case: &str) -> String {
    format!("{TAG}{case}: ")
}

/// How every [`tag`] begins.
const TAG: &str = "bench check, ";

/// How bad input may be answered, other than by closing the connection.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// Each of these.
    pub(super) statuses: Vec<u16>,
    /// Where the RFC, or the order in which a server may work, lets it serve the request after all: what it then serves.
    pub(super) or_served: Option<Route>,
}

/// Plays the steps on a connection of their own, within [`CASE_TIMEOUT`].
pub(super) fn play(steps: &[Step], addr: SocketAddr, host: &str) -> Result<(), Problem> {
    let turns: Vec<_> = steps.iter().map(|step| (0, step)).collect();
    play_turns("", &turns, addr, host)
}

/// Plays the steps on so many connections at once, within [`CASE_TIMEOUT`]. Of several problems, tells the first.
pub(super) fn play_at_once(
    connections: usize,
    steps: &[Step],
    addr: SocketAddr,
    host: &str,
) -> Result<(), Problem> {
    thread::scope(|scope| {
        let playing: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| play(steps, addr, host)))
            .collect();
        let results: Vec<_> = playing
            .into_iter()
            .map(|one| one.join().expect("playing does not panic"))
            .collect();
        results.into_iter().zip(1..).try_for_each(|(result, one)| {
            result.map_err(|problem| problem.within(&format!("connection {one} of {connections}")))
        })
    })
}

/// Plays the case of this name, whose steps are on several connections, within [`CASE_TIMEOUT`].
pub(super) fn play_together(
    case: &str,
    turns: &[Turn],
    addr: SocketAddr,
    host: &str,
) -> Result<(), Problem> {
    let turns: Vec<_> = turns.iter().map(|turn| (turn.on, &turn.step)).collect();
    play_turns(case, &turns, addr, host)
}

fn play_turns(
    case: &str,
    turns: &[(usize, &Step)],
    addr: SocketAddr,
    host: &str,
) -> Result<(), Problem> {
    let deadline = Instant::now() + CASE_TIMEOUT;
    let count = turns.iter().map(|(on, _)| on + 1).max().unwrap_or(0);
    let at = |on: usize| {
        move |problem: Problem| match count {
            1 => problem,
            _ => problem.within(&format!("connection {} of {count}", on + 1)),
        }
    };
    // None where a connection is over.
    let mut lines: BTreeMap<usize, Option<Line>> = BTreeMap::new();
    for &(on, step) in turns {
        let place = match lines.entry(on) {
            Entry::Occupied(line) => line.into_mut(),
            Entry::Vacant(place) => {
                let own = turns.iter().filter(|(other, _)| *other == on);
                let replies = own.filter(|(_, step)| step.is_reply()).count();
                let wire = Wire::open(addr, deadline).map_err(at(on))?;
                place.insert(Some(Line::new(wire, replies, tag(case))))
            }
        };
        let Some(line) = place else { continue };
        if line.play(step, host).map_err(at(on))? == Flow::Over {
            *place = None;
        }
    }
    for (on, line) in lines {
        let unasked = line.as_ref().map_or(&[][..], |line| line.wire.received());
        if !unasked.is_empty() {
            let problem = format!("behind the last reply came {}", shown(unasked));
            return Err(at(on)(Problem::wrong(problem)));
        }
    }
    Ok(())
}

/// One of a case's connections.
struct Line {
    wire: Wire,
    /// The last reply that came.
    last: Option<Reply>,
    /// How many replies are due in all, and which of them is next.
    replies: usize,
    reply: usize,
    ears: Ears,
    /// How the case's messages begin.
    tag: String,
}

/// Whether there is more to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Over,
}

impl Line {
    fn new(wire: Wire, replies: usize, tag: String) -> Self {
        Self {
            wire,
            last: None,
            replies,
            reply: 0,
            ears: Ears::default(),
            tag,
        }
    }

    fn play(&mut self, step: &Step, host: &str) -> Result<Flow, Problem> {
        match step {
            Step::Send(bytes) => self.wire.send(bytes)?,
            Step::SendPieces(pieces) => send_pieces(&mut self.wire, pieces)?,
            Step::SendOnceContinued(body) => {
                if self.wire.takes_continue()? {
                    self.wire.send(body)?;
                }
            }
            Step::FinishSending => self.wire.finish_sending(),
            Step::Reply(expected) => return self.next_reply(expected, false),
            Step::ReplyOrEnd(expected) => return self.next_reply(expected, true),
            Step::End => must_end(&mut self.wire)?,
            Step::Refusal(refusal) => {
                refusal.play(&mut self.wire, host)?;
                return Ok(Flow::Over);
            }
            Step::Listen => must_say(&mut self.wire)?,
            Step::Leave => return Ok(Flow::Over),
            Step::Upgraded(key) => match self.wire.next(Method::Get)? {
                Received::Reply(reply) => websocket::judge_upgrade(&reply, key)?,
                Received::End => {
                    return Err(Problem::wrong(
                        "expected 101, but the server closed the connection without a reply"
                            .to_owned(),
                    ));
                }
            },
            Step::Hear(text) => self.hear(text)?,
            Step::Pong(payload) => self.pong(payload)?,
            Step::Ending(ending) => {
                self.end(ending)?;
                return Ok(Flow::Over);
            }
        }
        Ok(Flow::On)
    }

    fn next_reply(&mut self, expected: &Expected, or_end: bool) -> Result<Flow, Problem> {
        self.reply += 1;
        let (reply, replies) = (self.reply, self.replies);
        let at = |problem: Problem| match replies {
            1 => problem,
            _ => problem.within(&format!("reply {reply} of {replies}")),
        };
        match self.wire.next(expected.to).map_err(at)? {
            Received::Reply(reply) => {
                expected.judge(&reply).map_err(at)?;
                self.last = Some(reply);
                Ok(Flow::On)
            }
            Received::End if !or_end => Err(at(expected.closed_instead())),
            Received::End if self.last.as_ref().is_some_and(promises_more) => {
                Err(at(Problem::wrong(
                    "the connection was closed, though the reply before said keep-alive".to_owned(),
                )))
            }
            Received::End => Ok(Flow::Over),
        }
    }

    fn hear(&mut self, text: &str) -> Result<(), Problem> {
        loop {
            match self.ears.next(&mut self.wire)? {
                websocket::Received::Text(heard) if heard == text => return Ok(()),
                websocket::Received::Text(heard) if self.is_from_elsewhere(&heard) => {}
                websocket::Received::Text(heard) => {
                    return Err(Problem::wrong(format!(
                        "the message is wrong: {}",
                        difference(text.as_bytes(), heard.as_bytes())
                    )));
                }
                other => return Err(said_instead("a message", &other)),
            }
        }
    }

    fn pong(&mut self, payload: &[u8]) -> Result<(), Problem> {
        loop {
            match self.ears.next(&mut self.wire)? {
                websocket::Received::Pong(heard) if heard == payload => return Ok(()),
                websocket::Received::Pong(heard) => {
                    return Err(Problem::wrong(format!(
                        "the pong is wrong: {}",
                        difference(payload, &heard)
                    )));
                }
                websocket::Received::Text(heard) if self.is_from_elsewhere(&heard) => {}
                other => return Err(said_instead("a pong", &other)),
            }
        }
    }

    fn end(&mut self, ending: &Ending) -> Result<(), Problem> {
        let code = loop {
            match self.ears.next(&mut self.wire)? {
                websocket::Received::Close(code) => break code,
                websocket::Received::End if ending.or_disconnect => return Ok(()),
                websocket::Received::Text(heard) if self.is_from_elsewhere(&heard) => {}
                other => return Err(said_instead(&ending.shown(), &other)),
            }
        };
        if !ending.codes.contains(&code) {
            return Err(said_instead(
                &ending.shown(),
                &websocket::Received::Close(code),
            ));
        }
        if !ending.is_answer {
            self.wire.send(&websocket::close_answer(code))?;
        }
        // RFC 6455 §7.1.1: it is the server that closes the connection first.
        match self.wire.listen(CASE_TIMEOUT)? {
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

    /// Whether a message is none of this case's.
    fn is_from_elsewhere(&self, heard: &str) -> bool {
        heard.is_empty() || heard.starts_with(TAG) && !heard.starts_with(&self.tag)
    }
}

fn said_instead(expected: &str, said: &websocket::Received) -> Problem {
    Problem::wrong(format!("expected {expected}, got {said}"))
}

impl Step {
    fn is_reply(&self) -> bool {
        matches!(self, Self::Reply(_) | Self::ReplyOrEnd(_))
    }
}

impl Ending {
    fn shown(&self) -> String {
        let codes: Vec<String> = self
            .codes
            .iter()
            .map(|code| match *code {
                NO_CODE => "without a code".to_owned(),
                code => format!("with {code}"),
            })
            .collect();
        let or_disconnect = if self.or_disconnect {
            ", or the end of the connection"
        } else {
            ""
        };
        format!("Close {}{or_disconnect}", codes.join(" or "))
    }
}

impl Refusal {
    /// Reads the answer to bad input. Then asks for [`PROBE`]: whatever comes between is a reply to a request that the
    /// server has found in the bad input, and must not be a good one.
    fn play(&self, wire: &mut Wire, host: &str) -> Result<(), Problem> {
        let Received::Reply(reply) = hear_out(wire)? else {
            return Ok(());
        };
        self.judge(&reply)?;
        // What closes is not asked any more: data for a closed socket makes the kernel reset it, and with that a
        // further reply might be lost before it is read.
        if reply.keep_alive && !wire.is_sending_over() {
            let mut probe = Vec::new();
            encode_request(Method::Get, &PROBE.target(), host, &[], None, &mut probe);
            wire.send(&probe)?;
        }
        for _ in 0..MAX_REPLIES_AFTER {
            match hear_out(wire)? {
                Received::End => return Ok(()),
                Received::Reply(reply) if is_probe(&reply) => return Ok(()),
                // The rest of the bad input, refused as well.
                Received::Reply(reply) if reply.status >= 400 => {}
                Received::Reply(reply) => {
                    return Err(Problem::wrong(format!(
                        "a part of the bad input was answered as a request of its own: {}",
                        reply.shown()
                    )));
                }
            }
        }
        Err(Problem::wrong(format!(
            "more than {MAX_REPLIES_AFTER} replies followed the answer to bad input"
        )))
    }

    fn judge(&self, reply: &Reply) -> Result<(), Problem> {
        let is_refused = self.statuses.contains(&reply.status);
        let is_served =
            |route| reply.status == 200 && judge_served(reply, route, Method::Get).is_ok();
        if is_refused || self.or_served.is_some_and(is_served) {
            return Ok(());
        }
        let or_served = match self.or_served {
            Some(route) => format!(", or what GET {} gets", route.target()),
            None => String::new(),
        };
        Err(Problem::wrong(format!(
            "expected {} or a closed connection{or_served}; got {}",
            one_of(self.statuses.iter().copied()),
            reply.shown()
        )))
    }
}

/// What is said to bad input. To a server that says nothing, the end of the input is sent, and then it must say or close.
fn hear_out(wire: &mut Wire) -> Result<Received, Problem> {
    if wire.listen(SILENCE_LIMIT)? == Heard::Silence {
        wire.finish_sending();
    }
    wire.next(Method::Get)
        .map_err(|problem| problem.within("bad input must be answered, or the connection closed"))
}

fn send_pieces(wire: &mut Wire, pieces: &[Vec<u8>]) -> Result<(), Problem> {
    for (i, piece) in pieces.iter().enumerate() {
        if i > 0 {
            thread::sleep(PIECE_GAP);
        }
        wire.send(piece)?;
    }
    Ok(())
}

fn must_say(wire: &mut Wire) -> Result<(), Problem> {
    match wire.listen(CASE_TIMEOUT)? {
        Heard::Bytes => Ok(()),
        Heard::End => Err(Problem::wrong(
            "the server closed the connection without a reply".to_owned(),
        )),
        Heard::Silence => Err(Problem::silence(format!(
            "no reply came within {} s",
            CASE_TIMEOUT.as_secs()
        ))),
    }
}

fn must_end(wire: &mut Wire) -> Result<(), Problem> {
    match wire.listen(CASE_TIMEOUT)? {
        Heard::Silence => Err(Problem::silence(
            "the server did not close the connection".to_owned(),
        )),
        Heard::End => Ok(()),
        Heard::Bytes => match wire.next(Method::Get)? {
            Received::End => Ok(()),
            Received::Reply(reply) => Err(Problem::wrong(format!(
                "expected the server to close the connection, got another reply: {}",
                reply.shown()
            ))),
        },
    }
}

/// Whether a reply says in so many words that the connection stays; HTTP/1.0 clients need that.
fn promises_more(reply: &Reply) -> bool {
    reply
        .values("Connection")
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case("keep-alive"))
}

fn is_probe(reply: &Reply) -> bool {
    reply.status == 200 && Some(&*reply.body) == PROBE.expected_body().as_deref()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::judge::Accept;
    use crate::wire::MAX_REPLY_BYTES;

    const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    const JSON: &str = "Content-Type: application/json\r\n";
    const LENGTH: &str = "Content-Length: 27\r\n";
    const BODY: &str = r#"{"message":"Hello, World!"}"#;

    /// Plays the steps against a server that says `said` to every client, then closes its side and reads on.
    fn check(steps: &[Step], said: &str, problem: Option<&str>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn({
            let said = said.to_owned();
            move || {
                let (mut stream, _) = listener.accept().unwrap();
                // The request, up to whatever of it is there first: nothing is said before it is asked.
                assert!(stream.read(&mut [0; 1024]).is_ok());
                // It fails where the client has heard enough.
                drop(stream.write_all(said.as_bytes()));
                finish(&mut stream);
            }
        });
        let got = play(steps, addr, "test").err().map(|problem| problem.text);
        server.join().unwrap();
        let said = shown(said.as_bytes());
        let is_expected = match (&got, problem) {
            (None, None) => true,
            (Some(got), Some(part)) => got.contains(part),
            _ => false,
        };
        assert!(is_expected, "{said}: expected {problem:?}, got {got:?}");
    }

    fn finish(stream: &mut TcpStream) {
        // Both fail where the client has gone already.
        drop(stream.shutdown(std::net::Shutdown::Write));
        drop(stream.read_to_end(&mut Vec::new()));
    }

    fn get(expected: Expected) -> Vec<Step> {
        vec![Step::Send(b"GET".to_vec()), Step::Reply(expected)]
    }

    fn json() -> Expected {
        Expected::served(Method::Get, Route::Json)
    }

    fn ok(fields: &[&str], body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\n{}\r\n{body}", fields.concat())
    }

    #[test]
    fn a_served_route_is_looked_at_from_all_sides() {
        let right = ok(&[DATE, JSON, LENGTH], BODY);
        for (said, problem) in [
            (right.clone(), None),
            (
                ok(
                    &[
                        "Content-Type: Application/JSON; charset=\"UTF-8\"\r\n",
                        DATE,
                        LENGTH,
                    ],
                    BODY,
                ),
                None,
            ),
            (
                right.replace("200 OK", "500 No"),
                Some("expected 200, got 500 with 27 bytes"),
            ),
            (
                right.replace("World", "world"),
                Some("the body is wrong: expected 27 bytes `{\"message\":\"Hello, World!\"}`"),
            ),
            (
                ok(&[DATE, JSON, "Content-Length: 2\r\n"], "{}"),
                Some("got 2 bytes `{}`"),
            ),
            (
                ok(&[DATE, JSON, "Content-Length: 30\r\n"], BODY),
                Some("closed 3 bytes before"),
            ),
            (ok(&[DATE, JSON], BODY), Some("has no Content-Length")),
            (
                ok(
                    &[DATE, JSON, "Transfer-Encoding: chunked\r\n"],
                    &format!("1b\r\n{BODY}\r\n0\r\n\r\n"),
                ),
                Some("has no Content-Length"),
            ),
            (ok(&[JSON, LENGTH], BODY), Some("has no Date")),
            (
                ok(&["Date: today\r\n", JSON, LENGTH], BODY),
                Some("Date is 5 bytes `today`"),
            ),
            (
                ok(&[DATE, DATE, JSON, LENGTH], BODY),
                Some("Date more than once"),
            ),
            (ok(&[DATE, LENGTH], BODY), Some("has no Content-Type")),
            (
                ok(&[DATE, "Content-Type: text/json\r\n", LENGTH], BODY),
                Some("Content-Type must be `application/json`"),
            ),
            (
                ok(
                    &[
                        DATE,
                        "Content-Type: application/json; charset=latin1\r\n",
                        LENGTH,
                    ],
                    BODY,
                ),
                Some("Content-Type must be"),
            ),
            (
                format!("{right}!"),
                Some("behind the last reply came 1 byte `!`"),
            ),
            ("hello\r\n\r\n".to_owned(), Some("malformed")),
            (String::new(), Some("closed the connection without a reply")),
            (
                "HTTP/1.1 200 OK\r\n".to_owned(),
                Some("closed before the reply's head"),
            ),
        ] {
            check(&get(json()), &said, problem);
        }
    }

    #[test]
    fn an_answer_may_be_one_of_several() {
        let either = Expected {
            to: Method::Get,
            any_of: vec![Accept::Served(Route::Json), Accept::Status(503)],
        };
        check(
            &get(either.clone()),
            "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
            None,
        );
        check(
            &get(either),
            "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
            Some("expected 200 or 503, got 404"),
        );
    }

    #[test]
    fn a_body_that_follows_the_head_of_head_is_found() {
        let steps = [
            Step::Send(b"HEAD".to_vec()),
            Step::Reply(Expected::served(Method::Head, Route::Json)),
            Step::Reply(json()),
        ];
        let head = ok(&[DATE, JSON, LENGTH], "");
        let next = ok(&[DATE, JSON, LENGTH], BODY);
        check(&steps, &format!("{head}{next}"), None);
        check(
            &steps,
            &format!("{head}{BODY}{next}"),
            Some("reply 2 of 2: the reply is malformed"),
        );
        check(
            &steps,
            &format!("{}{next}", head.replace("27", "13")),
            Some("Content-Length must be 27"),
        );
    }

    #[test]
    fn a_405_names_the_methods_that_are_allowed() {
        let steps = get(Expected {
            to: Method::Post,
            any_of: vec![Accept::NotAllowed(Method::Get)],
        });
        for (allow, problem) in [
            ("Allow: HEAD, GET\r\n", None),
            ("Allow: HEAD\r\nAllow: GET\r\n", None),
            ("Allow: HEAD\r\n", Some("names GET")),
            (
                "Allow: GET, POST\r\n",
                Some("an Allow field that names POST"),
            ),
            ("", Some("names GET")),
        ] {
            check(
                &steps,
                &format!("HTTP/1.1 405 No\r\n{allow}Content-Length: 0\r\n\r\n"),
                problem,
            );
        }
    }

    #[test]
    fn bad_input_is_refused_and_nothing_else_found_in_it() {
        let refusal = "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n";
        let last = "HTTP/1.1 400 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let served = ok(&[DATE, JSON, LENGTH], BODY);
        let probe = ok(
            &["Content-Length: 8\r\n"],
            &String::from_utf8(PROBE.expected_body().unwrap().into()).unwrap(),
        );
        for (said, or_served, problem) in [
            (String::new(), None, None),
            (last.to_owned(), None, None),
            (refusal.to_owned(), None, None),
            (format!("{refusal}{probe}"), None, None),
            (format!("{refusal}{refusal}{probe}"), None, None),
            (
                refusal.replace("400", "500"),
                None,
                Some("expected 400 or 501 or a closed connection; got 500"),
            ),
            (served.clone(), None, Some("expected 400 or 501")),
            (served.clone(), Some(Route::Json), None),
            (format!("{served}{probe}"), Some(Route::Json), None),
            (
                served.clone(),
                Some(Route::Plaintext),
                Some("connection, or what GET /plaintext gets; got 200 with 27 bytes"),
            ),
            (
                format!("{refusal}{served}"),
                None,
                Some("as a request of its own: 200"),
            ),
            (
                format!("{last}{served}"),
                None,
                Some("as a request of its own: 200"),
            ),
            (
                format!("{served}{served}{probe}"),
                Some(Route::Json),
                Some("as a request of its own: 200"),
            ),
            (refusal.repeat(MAX_REPLIES_AFTER), None, None),
            (
                refusal.repeat(MAX_REPLIES_AFTER + 1),
                None,
                Some("more than 4 replies"),
            ),
        ] {
            let refusal = Refusal {
                statuses: vec![400, 501],
                or_served,
            };
            check(
                &[Step::Send(b"bad".to_vec()), Step::Refusal(refusal)],
                &said,
                problem,
            );
        }
    }

    #[test]
    fn a_connection_ends_when_it_must_and_lasts_when_it_was_promised() {
        let plain = ok(&[DATE, JSON, LENGTH], BODY);
        let kept = ok(&[DATE, JSON, LENGTH, "Connection: Keep-Alive\r\n"], BODY);
        let ends = [get(json()), vec![Step::End]].concat();
        check(&ends, &plain, None);
        check(
            &ends,
            &plain.repeat(2),
            Some("expected the server to close the connection, got another reply"),
        );
        let may_end = [get(json()), vec![Step::ReplyOrEnd(json())]].concat();
        check(&may_end, &plain, None);
        check(&may_end, &plain.repeat(2), None);
        check(&may_end, &kept.repeat(2), None);
        check(
            &may_end,
            &kept,
            Some("though the reply before said keep-alive"),
        );
    }

    #[test]
    fn a_reply_without_an_end_is_not_read_for_ever() {
        let steps = get(Expected::statuses(Method::Get, &[200]));
        let reply = |bytes: usize| ok(&["Connection: close\r\n"], &"b".repeat(bytes));
        check(&steps, &reply(MAX_REPLY_BYTES), None);
        let problem = format!("longer than {MAX_REPLY_BYTES} bytes");
        check(&steps, &reply(MAX_REPLY_BYTES + 1), Some(&problem));
    }

    #[test]
    fn a_body_waits_for_the_go_ahead() {
        let steps = [
            Step::Send(b"head".to_vec()),
            Step::SendOnceContinued(b"body".to_vec()),
            Step::Reply(json()),
        ];
        let reply = ok(&[DATE, JSON, LENGTH], BODY);
        check(
            &steps,
            &format!("HTTP/1.1 100 Continue\r\n\r\n{reply}"),
            None,
        );
        check(&steps, &reply, None);
        check(
            &steps,
            "HTTP/1.1 100 Continue\r\n\r\n",
            Some("without a reply"),
        );
    }
}
