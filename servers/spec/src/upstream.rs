//! One kept-alive connection to the upstream, without its socket.
//!
//! Knows what a call asks and how its reply reads. Must never know who waits for it, or how connections are kept:
//! each server does that in its own way, within the bounds in `settings`.

use alloc::vec::Vec;
use core::fmt::Write as _;

use http1::Method;
use http1::client::{self, Part, ReplyDecoder, ReplyError};

/// One round trip to the upstream: `GET /call/{number}?ms={ms}`, which it answers with `number` after `ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Which call of its request this is, from 1.
    pub number: u32,
    /// How long the upstream is to take, in milliseconds.
    pub ms: u32,
}

impl Call {
    /// All calls of one request, in order.
    pub fn each(calls: u32, ms: u32) -> impl Iterator<Item = Self> {
        (1..=calls).map(move |number| Self { number, ms })
    }

    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self {
            number: self.number + 1,
            ..self
        }
    }

    /// How long the call may last, in milliseconds, before it counts as failed.
    pub fn limit_ms(self) -> u64 {
        u64::from(self.ms) + u64::from(crate::bounds::CALL_EXTRA_MS)
    }
}

/// Longest reply that is read, in bytes: more than any number needs.
pub(crate) const MAX_REPLY_BYTES: usize = 64;

/// The client's half of one connection: one call at a time, as many after each other as the upstream keeps it alive.
/// Its buffers are reused from call to call.
#[derive(Debug)]
pub struct Exchange {
    decoder: ReplyDecoder,
    input: Vec<u8>,
    reply: Vec<u8>,
    keep_alive: bool,
    /// Something of the present call's reply has come.
    heard: bool,
}

/// How far a reply has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More has to be read.
    Partial,
    /// [`Exchange::number`] is known.
    Complete,
}

/// Why a call gave no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection could be made.
    #[error("the upstream can't be reached: is it running, and within its limit of connections?")]
    Unreachable,
    /// The connection broke before the reply was complete.
    #[error("the upstream closed the connection in the middle of a reply")]
    Lost,
    /// [`Call::limit_ms`] passed.
    #[error(
        "the upstream took {} ms longer than it was asked to",
        crate::bounds::CALL_EXTRA_MS
    )]
    Silent,
    /// The reply is not HTTP/1.1.
    #[error("the upstream's reply can't be read: {0}")]
    Malformed(ReplyError),
    /// The reply has another status than 200.
    #[error("the upstream answered with status {0} instead of 200")]
    Status(u16),
    /// The body is longer than `MAX_REPLY_BYTES`.
    #[error("the upstream's reply is longer than {MAX_REPLY_BYTES} bytes")]
    TooLong,
    /// The body is not a number, or makes the sum overflow.
    #[error("the upstream's reply is not a number that can be summed")]
    NotANumber,
}

impl Exchange {
    /// The state of a new connection.
    pub fn new() -> Self {
        Self {
            decoder: ReplyDecoder::new(Method::Get),
            input: Vec::new(),
            reply: Vec::new(),
            keep_alive: true,
            heard: false,
        }
    }

    /// Appends the request for `call` to `out`; `host` is the upstream's address, for the `Host` header.
    pub fn begin(&mut self, call: Call, host: &str, out: &mut Vec<u8>) {
        self.decoder = ReplyDecoder::new(Method::Get);
        self.reply.clear();
        self.heard = false;
        let mut target = Target::default();
        write!(target, "/call/{}?ms={}", call.number, call.ms).expect("two numbers fit the target");
        client::encode_request(Method::Get, target.as_str(), host, &[], None, out);
    }

    /// Takes bytes read from the upstream. After an error the connection is of no more use.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Progress, UpstreamError> {
        self.heard |= !bytes.is_empty();
        self.input.extend_from_slice(bytes);
        let mut used = 0;
        let progress = loop {
            let (taken, part) = self
                .decoder
                .decode(&self.input[used..])
                .map_err(UpstreamError::Malformed)?;
            used += taken;
            match part {
                Part::NeedInput => break Progress::Partial,
                Part::Head(head) if head.status != 200 => {
                    return Err(UpstreamError::Status(head.status));
                }
                Part::Head(head) => self.keep_alive = head.keep_alive,
                Part::Body(body) if self.reply.len() + body.len() > MAX_REPLY_BYTES => {
                    return Err(UpstreamError::TooLong);
                }
                Part::Body(body) => self.reply.extend_from_slice(body),
                Part::End => break Progress::Complete,
            }
        };
        self.input.drain(..used);
        Ok(progress)
    }

    /// The upstream closed the connection: fine only where that is what ends the body.
    pub fn receive_eof(&mut self) -> Result<(), UpstreamError> {
        self.keep_alive = false;
        self.decoder.eof().map_err(|_| UpstreamError::Lost)
    }

    /// The number that the reply brought, once it is complete.
    pub fn number(&self) -> Result<u64, UpstreamError> {
        parse_number(&self.reply).ok_or(UpstreamError::NotANumber)
    }

    /// Whether the next call may use this connection: the upstream keeps it open, and said nothing unasked.
    pub fn is_reusable(&self) -> bool {
        self.keep_alive && self.input.is_empty()
    }

    /// Whether a call that failed now may be made once more on a new connection: nothing of its reply has come.
    pub fn may_retry(&self) -> bool {
        !self.heard
    }
}

impl Default for Exchange {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds a reply's number to the sum of those before. What is too much for the sum fails.
pub fn add_reply(sum: u64, number: u64) -> Result<u64, UpstreamError> {
    sum.checked_add(number).ok_or(UpstreamError::NotANumber)
}

/// Reads a reply's number: decimal digits, nothing else.
fn parse_number(reply: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(reply).ok()?;
    // `parse` alone would let a leading plus pass.
    if digits.starts_with('+') {
        None
    } else {
        digits.parse().ok()
    }
}

/// `/call/4294967295?ms=4294967295` is the longest target; written here, a call allocates nothing.
#[derive(Default)]
struct Target {
    bytes: [u8; 32],
    len: usize,
}

impl Target {
    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).expect("only whole strings are written")
    }
}

impl core::fmt::Write for Target {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        let end = self.len + part.len();
        self.bytes
            .get_mut(self.len..end)
            .ok_or(core::fmt::Error)?
            .copy_from_slice(part.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    const CALL: Call = Call { number: 7, ms: 20 };

    #[test]
    fn asks_for_the_call_by_its_number() {
        let mut out = Vec::new();
        Exchange::new().begin(CALL, "127.0.0.1:9", &mut out);
        let asked = String::from_utf8(out).unwrap();
        assert!(
            asked.starts_with("GET /call/7?ms=20 HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(asked.contains("127.0.0.1:9\r\n"), "{asked}");
    }

    #[test]
    fn the_largest_numbers_fit_the_target() {
        let mut out = Vec::new();
        Exchange::new().begin(
            Call {
                number: u32::MAX,
                ms: u32::MAX,
            },
            "h",
            &mut out,
        );
        assert!(out.starts_with(b"GET /call/4294967295?ms=4294967295 HTTP/1.1\r\n"));
    }

    #[test]
    fn a_reply_may_come_in_any_pieces_and_the_connection_is_used_again() {
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n42";
        for split in 0..=reply.len() {
            let mut exchange = Exchange::new();
            for _ in 0..2 {
                exchange.begin(CALL, "h", &mut Vec::new());
                let (first, second) = reply.split_at(split);
                let mut progress = exchange.receive(first).unwrap();
                if progress == Progress::Partial {
                    progress = exchange.receive(second).unwrap();
                }
                assert_eq!(progress, Progress::Complete, "split at {split}");
                assert_eq!(exchange.number(), Ok(42));
                assert!(exchange.is_reusable());
            }
        }
    }

    fn check(reply: &[u8], expected: &Result<Progress, UpstreamError>, reusable: bool) {
        let mut exchange = Exchange::new();
        exchange.begin(CALL, "h", &mut Vec::new());
        let shown = String::from_utf8_lossy(reply);
        assert_eq!(&exchange.receive(reply), expected, "{shown}");
        if expected.is_ok() {
            assert_eq!(exchange.is_reusable(), reusable, "{shown}");
        }
    }

    #[test]
    fn what_makes_a_connection_useless() {
        let complete = Ok(Progress::Complete);
        check(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7",
            &complete,
            true,
        );
        check(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n7",
            &complete,
            false,
        );
        check(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7unasked",
            &complete,
            false,
        );
        check(
            b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            &Err(UpstreamError::Status(500)),
            false,
        );
    }

    #[test]
    fn replies_are_bounded() {
        let reply = |bytes: usize| {
            let mut reply =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").into_bytes();
            reply.resize(reply.len() + bytes, b'1');
            reply
        };
        check(&reply(MAX_REPLY_BYTES), &Ok(Progress::Complete), true);
        check(
            &reply(MAX_REPLY_BYTES + 1),
            &Err(UpstreamError::TooLong),
            false,
        );
    }

    #[test]
    fn a_connection_that_ends_is_told_from_a_body_that_ends() {
        let mut lost = Exchange::new();
        lost.begin(CALL, "h", &mut Vec::new());
        assert!(lost.may_retry());
        lost.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n4")
            .unwrap();
        assert!(!lost.may_retry());
        assert_eq!(lost.receive_eof(), Err(UpstreamError::Lost));

        let mut ended = Exchange::new();
        ended.begin(CALL, "h", &mut Vec::new());
        assert_eq!(
            ended.receive(b"HTTP/1.1 200 OK\r\n\r\n42"),
            Ok(Progress::Partial)
        );
        assert_eq!(ended.receive_eof(), Ok(()));
        assert_eq!(ended.number(), Ok(42));
        assert!(!ended.is_reusable());
    }

    #[test]
    fn numbers_are_digits_only() {
        for (reply, number) in [
            (&b"0"[..], Some(0)),
            (b"42", Some(42)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"+1", None),
            (b"-1", None),
            (b"1 ", None),
            (b"", None),
            (b"\xff", None),
        ] {
            assert_eq!(parse_number(reply), number, "{reply:?}");
        }
    }

    #[test]
    fn a_sum_that_overflows_is_the_upstreams_fault() {
        assert_eq!(add_reply(0, u64::MAX), Ok(u64::MAX));
        assert_eq!(add_reply(1, u64::MAX), Err(UpstreamError::NotANumber));
    }
}
