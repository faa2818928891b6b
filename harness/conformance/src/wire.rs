//! One connection to the server under check, with a time by which all must be over.
//!
//! Knows sockets and whole replies. Must never know what a good reply is.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use http1::client::{Part, ReplyDecoder, ReplyError};
use http1::{MAX_HEAD_BYTES, Method};

use crate::problem::{Problem, shown};

/// Longest body of a reply that is read: twice the largest file.
pub(super) const MAX_REPLY_BYTES: usize = 2 * 1024 * 1024;

/// Shortest time-out given to the kernel, which takes zero for no time-out at all.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// How much is read at a time.
const READ_BYTES: usize = 16 * 1024;

/// A connection of one case. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    deadline: Instant,
    received: Vec<u8>,
    /// When the last of them came.
    received_at: Instant,
    /// The server has closed, or reset, the connection.
    is_ended: bool,
    /// No more can be sent: this side said so, or the server closed.
    is_sending_over: bool,
}

/// A reply, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Whether its head lets the connection be used again.
    pub(super) keep_alive: bool,
    fields: Vec<(String, String)>,
    /// Decoded.
    pub(super) body: Vec<u8>,
    /// How much of the body was there, and since when.
    arrivals: Vec<(usize, Instant)>,
}

/// What a server may say next.
#[derive(Debug)]
pub(super) enum Received {
    Reply(Reply),
    /// It closed the connection, or reset it, with no byte more.
    End,
}

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Bytes,
    End,
    /// Nothing within the time given.
    Silence,
}

impl Wire {
    /// Connects. Everything on this connection must be over by `deadline`; what is not is a problem of the server's.
    pub(super) fn open(addr: SocketAddr, deadline: Instant) -> Result<Self, Problem> {
        let connect = || {
            let stream = TcpStream::connect_timeout(&addr, left(deadline))?;
            // Each write is to be a segment of its own.
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = connect().map_err(|error: io::Error| {
            Problem::silence(format!("cannot connect to {addr}: {error}"))
        })?;
        Ok(Self {
            stream,
            deadline,
            received: Vec::new(),
            received_at: Instant::now(),
            is_ended: false,
            is_sending_over: false,
        })
    }

    /// Sends. To find the connection closed is no problem here: what the server said before it closed will tell.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        match self.send_until(bytes, |wire| wire.deadline) {
            [] => Ok(()),
            unsent => Err(Problem::silence(format!(
                "the server stopped reading with {} bytes of the request unsent",
                unsent.len()
            ))),
        }
    }

    /// As above, but gives up where nothing at all is taken for so long. Whether all was sent.
    pub(super) fn send_unless_stuck(&mut self, bytes: &[u8], standstill: Duration) -> bool {
        let until = |wire: &Self| wire.deadline.min(Instant::now() + standstill);
        self.send_until(bytes, until).is_empty()
    }

    /// Sends; of what the server has not taken by the time that `until` gives for each write, returns the rest.
    fn send_until<'a>(
        &mut self,
        mut bytes: &'a [u8],
        until: impl Fn(&Self) -> Instant,
    ) -> &'a [u8] {
        let mut limit = until(self);
        while !bytes.is_empty() && !self.is_sending_over {
            let written = self
                .stream
                .set_write_timeout(Some(left(limit)))
                .and_then(|()| self.stream.write(bytes));
            match written {
                Ok(count) => {
                    bytes = &bytes[count..];
                    limit = until(self);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) && Instant::now() < limit => {}
                Err(error) if is_timeout(&error) => return bytes,
                Err(_) => self.is_sending_over = true,
            }
        }
        // What a closed connection does not take is nobody's any more.
        &[]
    }

    /// Says that nothing more will be sent; what the server sends can still be read.
    pub(super) fn finish_sending(&mut self) {
        self.is_sending_over = true;
        // It fails where the server has closed already.
        drop(self.stream.shutdown(Shutdown::Write));
    }

    /// Whether anything more can be sent, as far as is known.
    pub(super) fn is_sending_over(&self) -> bool {
        self.is_sending_over
    }

    /// Gives a connection that goes well more time.
    pub(super) fn extend(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Whether the server has closed the connection, as far as is known.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// The next reply, to a request of `method`; interim ones are skipped.
    pub(super) fn next(&mut self, method: Method) -> Result<Received, Problem> {
        let mut decoder = ReplyDecoder::new(method);
        let mut reply: Option<Reply> = None;
        loop {
            let (consumed, part) = decoder
                .decode(&self.received)
                .map_err(|error| unreadable(error, &self.received))?;
            let mut needs_input = false;
            match (part, &mut reply) {
                (Part::Head(head), _) => {
                    reply = Some(Reply {
                        status: head.status,
                        keep_alive: head.keep_alive,
                        fields: fields(&self.received[..consumed]),
                        body: Vec::new(),
                        arrivals: Vec::new(),
                    });
                }
                (Part::Body(bytes), Some(reply)) => {
                    reply.body.extend_from_slice(bytes);
                    reply.arrivals.push((reply.body.len(), self.received_at));
                }
                (Part::End, Some(_)) => {}
                (Part::NeedInput, _) => needs_input = true,
                (Part::Body(_) | Part::End, None) => {
                    unreachable!("a reply begins with its head")
                }
            }
            let is_whole = part == Part::End;
            self.received.drain(..consumed);
            if let Some(reply) = reply.take_if(|_| is_whole) {
                return Ok(Received::Reply(reply));
            }
            if reply
                .as_ref()
                .is_some_and(|reply| reply.body.len() > MAX_REPLY_BYTES)
            {
                return Err(Problem::wrong(format!(
                    "the reply's body is longer than {MAX_REPLY_BYTES} bytes"
                )));
            }
            if needs_input {
                match (self.hear(self.deadline)?, reply.take()) {
                    (Heard::Bytes, begun) => reply = begun,
                    (Heard::Silence, begun) => return Err(self.silence(begun.is_some())),
                    (Heard::End, None) if self.received.is_empty() => return Ok(Received::End),
                    (Heard::End, begun) => {
                        decoder
                            .eof()
                            .map_err(|error| unreadable(error, &self.received))?;
                        let reply = begun.expect("only a body may end with the connection");
                        return Ok(Received::Reply(reply));
                    }
                }
            }
        }
    }

    /// Whether an interim `100 Continue` is next, which it then takes; false for anything else, which it leaves.
    pub(super) fn takes_continue(&mut self) -> Result<bool, Problem> {
        const HEAD_END: &[u8] = b"\r\n\r\n";
        loop {
            let end = self
                .received
                .windows(HEAD_END.len())
                .position(|bytes| bytes == HEAD_END);
            if let Some(end) = end {
                let is_continue = self.received.starts_with(b"HTTP/1.1 100");
                if is_continue {
                    self.received.drain(..end + HEAD_END.len());
                }
                return Ok(is_continue);
            }
            if self.received.len() > MAX_HEAD_BYTES {
                return Ok(false);
            }
            match self.hear(self.deadline)? {
                Heard::Bytes => {}
                Heard::End => return Ok(false),
                Heard::Silence => return Err(self.silence(false)),
            }
        }
    }

    /// Waits until the server has said something, `limit` at most.
    pub(super) fn listen(&mut self, limit: Duration) -> Result<Heard, Problem> {
        if self.received.is_empty() {
            self.hear(self.deadline.min(Instant::now() + limit))
        } else {
            Ok(Heard::Bytes)
        }
    }

    /// Whether the server has said `word`, or closed, as things stand now. No word is there with the first byte.
    pub(super) fn has_heard(&mut self, word: &[u8]) -> Result<bool, Problem> {
        let unusable = |error: io::Error| Problem::wrong(format!("cannot use the socket: {error}"));
        self.stream.set_nonblocking(true).map_err(unusable)?;
        let is_said = loop {
            let came = &self.received;
            let is_said = match word {
                [] => !came.is_empty(),
                word => came.windows(word.len()).any(|part| part == word),
            };
            if is_said {
                break Ok(true);
            }
            match self.hear(self.deadline.min(Instant::now())) {
                Ok(Heard::Bytes) => {}
                Ok(Heard::End) => break Ok(true),
                Ok(Heard::Silence) => break Ok(false),
                Err(problem) => break Err(problem),
            }
        };
        self.stream.set_nonblocking(false).map_err(unusable)?;
        is_said
    }

    /// What has come and was not taken yet.
    pub(super) fn received(&self) -> &[u8] {
        &self.received
    }

    /// Takes so many of the bytes that have come.
    pub(super) fn take(&mut self, count: usize) {
        self.received.drain(..count);
    }

    /// Waits for more than what has come.
    pub(super) fn hear_more(&mut self) -> Result<Heard, Problem> {
        self.hear(self.deadline)
    }

    fn hear(&mut self, until: Instant) -> Result<Heard, Problem> {
        let mut buffer = [0; READ_BYTES];
        loop {
            // A server that never stops trickling is not waited for any longer than one that is silent.
            if Instant::now() >= self.deadline {
                return Ok(Heard::Silence);
            }
            let read = self
                .stream
                .set_read_timeout(Some(left(until)))
                .and_then(|()| self.stream.read(&mut buffer));
            match read {
                Ok(0) => {
                    self.is_ended = true;
                    return Ok(Heard::End);
                }
                Ok(count) => {
                    self.received.extend_from_slice(&buffer[..count]);
                    self.received_at = Instant::now();
                    return Ok(Heard::Bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The kernel may wake a little early.
                Err(error) if is_timeout(&error) && Instant::now() < until => {}
                Err(error) if is_timeout(&error) => return Ok(Heard::Silence),
                Err(error) if is_closed(&error) => {
                    self.is_ended = true;
                    return Ok(Heard::End);
                }
                Err(error) => {
                    return Err(Problem::wrong(format!("cannot read the reply: {error}")));
                }
            }
        }
    }

    fn silence(&self, is_begun: bool) -> Problem {
        let seconds = crate::outcome::CASE_TIMEOUT.as_secs();
        Problem::silence(if is_begun || !self.received.is_empty() {
            format!("the reply was not complete after {seconds} s")
        } else {
            format!("no reply came within {seconds} s")
        })
    }
}

impl Reply {
    /// Every value of a field, in their order.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether a list field names this word, in whatever case.
    pub(super) fn names(&self, field: &str, word: &str) -> bool {
        self.values(field)
            .flat_map(|value| value.split(','))
            .any(|named| named.trim().eq_ignore_ascii_case(word))
    }

    /// When so many bytes of the body were there.
    pub(super) fn arrival(&self, bytes: usize) -> Option<Instant> {
        let first = self.arrivals.partition_point(|(there, _)| *there < bytes);
        self.arrivals.get(first).map(|(_, when)| *when)
    }

    /// The status, and how the body begins.
    pub(super) fn shown(&self) -> String {
        format!("{} with {}", self.status, shown(&self.body))
    }
}

/// The fields of the last head in `heads`, which the decoder has found to be well-formed.
fn fields(heads: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(heads);
    let text = text.trim_end_matches("\r\n");
    let (_, last) = text.rsplit_once("\r\n\r\n").unwrap_or(("", text));
    last.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
        .collect()
}

fn unreadable(error: ReplyError, received: &[u8]) -> Problem {
    Problem::wrong(format!("{error}; at hand were {}", shown(received)))
}

fn left(until: Instant) -> Duration {
    until
        .saturating_duration_since(Instant::now())
        .max(MIN_TIMEOUT)
}

/// How the kernel reports a time-out (`SO_RCVTIMEO` in socket(7)).
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
    )
}
