//! One request and its reply: bytes in, a fate out. No socket and no clock.

use http1::Method;
use http1::client::{KnownHead, Part, ReplyDecoder, ReplyError};
use model::measured::accounting::ErrorKind;
use model::units::Nanos;
use rustls::AlertDescription;
use thiserror::Error;

use crate::protocol::events::{EventStream, Moment};
use crate::protocol::template::MAX_KEPT_BODY_BYTES;
use crate::protocol::workload::{Expect, ExpectBody};

/// Bytes of memory that an exchange keeps for replies cut in the middle of their head. What a longer one needed is given
/// back: there is an exchange a connection, and there may be ten thousand.
pub const MAX_KEPT_BYTES: usize = 4096;

/// A reply being read and checked. Made once a connection and begun anew for every request, so that steady state
/// allocates nothing.
#[derive(Debug)]
pub struct Exchange {
    decoder: ReplyDecoder,
    /// The head of the reply before, on this connection.
    known: KnownHead,
    /// Bytes received but not yet decodable: a head or a chunk line cut in two.
    pending: Vec<u8>,
    keep_alive: bool,
    /// The number of the request.
    seq: u64,
    /// Body bytes seen so far.
    body_bytes: usize,
    /// The first thing found wrong; the rest of the reply is still read, to keep the connection in step.
    wrong: Option<ErrorKind>,
    started: bool,
    /// The status of its head, once that has come.
    status: Option<u16>,
    /// What is wrong with it, where it is malformed.
    malformation: Option<Malformation>,
    /// The body, where it is a stream of events.
    events: EventStream,
    /// Whether head and body are kept, to be looked into.
    keeps: bool,
    kept_head: Vec<u8>,
    /// No more of it than [`MAX_KEPT_BODY_BYTES`], and a byte.
    kept_body: Vec<u8>,
}

/// What is wrong with a reply that is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformation {
    /// The decoder can't read it.
    #[error("{}", .0.what())]
    Unreadable(ReplyError),
    /// More came than the reply.
    #[error("bytes came after its end")]
    Excess,
    /// A record of TLS (RFC 8446 §5.1).
    #[error("it is TLS, not HTTP: write https://")]
    Tls,
    /// The frame with which a server begins HTTP/2 (RFC 9113 §3.4).
    #[error("it is HTTP/2, which bench does not speak")]
    Http2,
    /// The server ended TLS with an alert.
    #[error("{}", alert(*.0))]
    Alert(AlertDescription),
    /// What came is no TLS.
    #[error("it can't be decrypted")]
    Undecryptable,
}

/// What a server means with the alert that ends a connection.
fn alert(description: AlertDescription) -> String {
    match description {
        AlertDescription::CertificateRequired => {
            "the server wants a client certificate: pass one with --cert and --key".to_owned()
        }
        description => format!("the server ended TLS with the alert {description:?}"),
    }
}

/// How far a reply has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    NeedInput,
    /// The reply is complete.
    Done {
        /// Succeeded, or what was wrong.
        fate: Result<(), ErrorKind>,
        /// Whether the connection may carry the next request.
        reusable: bool,
    },
}

impl Exchange {
    /// An exchange that waits to be begun.
    pub fn new() -> Self {
        Self {
            decoder: ReplyDecoder::new(Method::Get),
            known: KnownHead::default(),
            pending: Vec::new(),
            keep_alive: true,
            seq: 1,
            body_bytes: 0,
            wrong: None,
            started: false,
            status: None,
            malformation: None,
            events: EventStream::new(),
            keeps: false,
            kept_head: Vec::new(),
            kept_body: Vec::new(),
        }
    }

    /// A request with this method was sent: its reply, and what it must be, are expected from here on. `seq`: its number, from 1, where
    /// replies are expected in order.
    pub fn begin(&mut self, method: Method, expect: &Expect, seq: u64) {
        if let ExpectBody::Events { count, gap_ns } = expect.body {
            self.events.begin(count, gap_ns);
        }
        self.decoder = ReplyDecoder::new(method);
        self.seq = seq;
        self.pending.clear();
        self.keep_alive = true;
        self.body_bytes = 0;
        self.wrong = None;
        self.started = false;
        self.status = None;
        self.malformation = None;
        self.keeps = false;
    }

    /// Head and body of the reply that was begun are kept, for [`Exchange::kept`].
    pub fn keep(&mut self) {
        self.keeps = true;
        self.kept_head.clear();
        self.kept_body.clear();
    }

    /// Head and body of the reply, where they were to be kept.
    pub fn kept(&self) -> Option<(&[u8], &[u8])> {
        self.keeps.then_some((&self.kept_head, &self.kept_body))
    }

    /// How much of the body has come.
    pub fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// The status of the reply, once its head has come.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// What is wrong with the reply, where its fate is [`ErrorKind::Malformed`].
    pub fn malformation(&self) -> Option<Malformation> {
        self.malformation
    }

    /// The reply can't be read any further.
    pub fn fail(&mut self, why: Malformation) -> ErrorKind {
        self.malformation = Some(why);
        ErrorKind::Malformed
    }

    /// The stream of events that the reply is, where it must be one.
    pub fn events(&self) -> &EventStream {
        &self.events
    }

    /// Takes bytes in the order they arrived, as of `now_ns`; tells `on_moment` of the events of a stream.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        expect: &Expect,
        now_ns: Nanos,
        on_moment: &mut impl FnMut(Moment),
    ) -> Progress {
        self.started = true;
        if self.pending.is_empty() {
            let (consumed, progress) = self.decode(bytes, expect, now_ns, on_moment);
            self.pending.extend_from_slice(&bytes[consumed..]);
            return self.without_leftovers(progress);
        }
        let mut joined = std::mem::take(&mut self.pending);
        joined.extend_from_slice(bytes);
        let (consumed, progress) = self.decode(&joined, expect, now_ns, on_moment);
        joined.drain(..consumed);
        joined.shrink_to(MAX_KEPT_BYTES);
        self.pending = joined;
        self.without_leftovers(progress)
    }

    /// The peer closed its side.
    pub fn eof(&mut self, expect: &Expect) -> Result<(), ErrorKind> {
        if !self.started {
            return Err(ErrorKind::Closed);
        }
        match self.decoder.eof() {
            Ok(()) => self.fate(expect),
            Err(_) => Err(ErrorKind::ShortBody),
        }
    }

    fn decode(
        &mut self,
        bytes: &[u8],
        expect: &Expect,
        now_ns: Nanos,
        on_moment: &mut impl FnMut(Moment),
    ) -> (usize, Progress) {
        let mut consumed = 0;
        loop {
            let (count, part) = match self.decoder.decode_as(&bytes[consumed..], &mut self.known) {
                Ok(decoded) => decoded,
                Err(error) => {
                    let why = match (self.status, &bytes[consumed..]) {
                        (None, [20..=23, ..]) => Malformation::Tls,
                        (None, [0, 0, _, 4, ..]) => Malformation::Http2,
                        _ => Malformation::Unreadable(error),
                    };
                    let fate = Err(self.fail(why));
                    let reusable = false;
                    return (bytes.len(), Progress::Done { fate, reusable });
                }
            };
            consumed += count;
            match part {
                Part::NeedInput => return (consumed, Progress::NeedInput),
                Part::Head(head) => {
                    self.keep_alive = head.keep_alive;
                    self.status = Some(head.status);
                    if self.keeps {
                        self.kept_head
                            .extend_from_slice(&bytes[consumed - count..consumed]);
                    }
                    if !expect.accepts(head.status) {
                        self.wrong = Some(ErrorKind::Status);
                    }
                }
                Part::Body(body) => self.check_body(body, expect, now_ns, on_moment),
                Part::End => {
                    return (
                        consumed,
                        Progress::Done {
                            fate: self.fate(expect),
                            reusable: self.keep_alive,
                        },
                    );
                }
            }
        }
    }

    fn check_body(
        &mut self,
        body: &[u8],
        expect: &Expect,
        now_ns: Nanos,
        on_moment: &mut impl FnMut(Moment),
    ) {
        let from = self.body_bytes;
        self.body_bytes += body.len();
        if self.keeps {
            let room = (MAX_KEPT_BODY_BYTES + 1).saturating_sub(self.kept_body.len());
            self.kept_body
                .extend_from_slice(&body[..body.len().min(room)]);
        }
        let is_right = match &expect.body {
            ExpectBody::Any => true,
            ExpectBody::Length(bytes) => self.body_bytes <= *bytes,
            ExpectBody::Exact(_) | ExpectBody::InOrder(_) => {
                let expected = expect.body.exact(self.seq);
                expected.and_then(|expected| expected.get(from..self.body_bytes)) == Some(body)
            }
            // What came after something wrong is no stream any more.
            ExpectBody::Events { .. } => {
                self.wrong.is_some() || self.events.receive(body, now_ns, on_moment).is_ok()
            }
        };
        if !is_right {
            // A wrong status explains a wrong body; the other way round says nothing.
            self.wrong.get_or_insert(ErrorKind::WrongBody);
        }
    }

    fn fate(&self, expect: &Expect) -> Result<(), ErrorKind> {
        let exact = expect.body.exact(self.seq);
        match (self.wrong, &expect.body) {
            (Some(kind), _) => Err(kind),
            (None, _) if exact.is_some_and(|exact| exact.len() != self.body_bytes) => {
                Err(ErrorKind::WrongBody)
            }
            (None, ExpectBody::Length(bytes)) if *bytes != self.body_bytes => {
                Err(ErrorKind::WrongBody)
            }
            (None, ExpectBody::Events { .. }) => self.events.fate(),
            (None, _) => Ok(()),
        }
    }

    /// Bytes beyond the end of a reply belong to no request: the peer is out of step.
    fn without_leftovers(&mut self, progress: Progress) -> Progress {
        match progress {
            Progress::Done { fate, .. } if !self.pending.is_empty() => {
                self.pending.clear();
                let reusable = false;
                let fate = fate.and_then(|()| Err(self.fail(Malformation::Excess)));
                Progress::Done { fate, reusable }
            }
            other => other,
        }
    }
}

impl Default for Exchange {
    fn default() -> Self {
        Self::new()
    }
}

impl Expect {
    /// Whether this status is what must come back.
    pub fn accepts(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.contains(&status))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::workload::SUCCESS_OR_REDIRECT;
    use proptest::prelude::*;

    fn expect(body: &[u8]) -> Expect {
        Expect {
            statuses: vec![200..=200],
            body: ExpectBody::Exact(body.to_vec()),
        }
    }

    fn receive(exchange: &mut Exchange, bytes: &[u8], expect: &Expect) -> Progress {
        exchange.receive(bytes, expect, 0, &mut |_| {})
    }

    /// Feeds a reply in pieces of at most `piece` bytes and returns what became of it.
    fn check(reply: &[u8], expect: &Expect, piece: usize) -> Progress {
        let mut exchange = Exchange::new();
        exchange.begin(Method::Get, expect, 1);
        for bytes in reply.chunks(piece) {
            let progress = receive(&mut exchange, bytes, expect);
            if progress != Progress::NeedInput {
                return progress;
            }
        }
        Progress::NeedInput
    }

    fn done(fate: Result<(), ErrorKind>, reusable: bool) -> Progress {
        Progress::Done { fate, reusable }
    }

    #[test]
    fn fates_do_not_depend_on_how_the_reply_was_cut() {
        let cases: [(&str, &[u8], Progress); 9] = [
            ("right", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", done(Ok(()), true)),
            ("right, closing", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", done(Ok(()), false)),
            ("chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", done(Ok(()), true)),
            ("status", b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nhello", done(Err(ErrorKind::Status), true)),
            ("status before body", b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\noops", done(Err(ErrorKind::Status), true)),
            ("another body", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellO", done(Err(ErrorKind::WrongBody), true)),
            ("a shorter body", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell", done(Err(ErrorKind::WrongBody), true)),
            ("a longer body", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!", done(Err(ErrorKind::WrongBody), true)),
            ("no HTTP", b"SSH-2.0-OpenSSH_9.9\r\n\r\n", done(Err(ErrorKind::Malformed), false)),
        ];
        for (name, reply, expected) in cases {
            for piece in 1..=reply.len() {
                assert_eq!(
                    check(reply, &expect(b"hello"), piece),
                    expected,
                    "{name} in pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn a_stream_of_events_is_checked_as_it_comes() {
        let events = Expect {
            statuses: vec![200..=200],
            body: ExpectBody::Events {
                count: 2,
                gap_ns: 0,
            },
        };
        let reply = |status: &str, chunks: &str| {
            format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
        };
        let (one, two) = ("9\r\ndata: 1\n\n\r\n", "9\r\ndata: 2\n\n\r\n");
        let cases = [
            (reply("200 OK", &[one, two].concat()), Ok(())),
            (reply("200 OK", one), Err(ErrorKind::EventsLost)),
            (
                reply("200 OK", &[one, two, one].concat()),
                Err(ErrorKind::EventsDuplicated),
            ),
            (
                reply("200 OK", &[two, one].concat()),
                Err(ErrorKind::EventsOutOfOrder),
            ),
            (reply("200 OK", "2\r\nno\r\n"), Err(ErrorKind::WrongBody)),
            (reply("503 No", "2\r\nno\r\n"), Err(ErrorKind::Status)),
        ];
        for (reply, fate) in cases {
            for piece in [1, 7, reply.len()] {
                assert_eq!(
                    check(reply.as_bytes(), &events, piece),
                    done(fate, true),
                    "{reply:?} in pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn why_a_reply_is_malformed_is_known() {
        let cases: [(&[u8], &str); 6] = [
            (
                b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
                "a line ends in LF without CR",
            ),
            (
                b"SSH-2.0-OpenSSH_9.9\r\n",
                "the reply does not start with HTTP/",
            ),
            (
                b"HTTP/2.0 200 OK\r\n\r\n",
                "the reply is neither HTTP/1.1 nor HTTP/1.0",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!",
                "bytes came after its end",
            ),
            (
                &[0x15, 3, 1, 0, 2, 2, 70],
                "it is TLS, not HTTP: write https://",
            ),
            (
                &[0, 0, 18, 4, 0, 0, 0, 0, 0],
                "it is HTTP/2, which bench does not speak",
            ),
        ];
        for (reply, why) in cases {
            let mut exchange = Exchange::new();
            let expect = expect(b"hello");
            exchange.begin(Method::Get, &expect, 1);
            let progress = receive(&mut exchange, reply, &expect);
            assert_eq!(progress, done(Err(ErrorKind::Malformed), false), "{why}");
            let said = exchange.malformation().map(|why| why.to_string());
            assert_eq!(said.as_deref(), Some(why));
            exchange.begin(Method::Get, &expect, 1);
            assert_eq!((exchange.malformation(), exchange.status()), (None, None));
        }
        let wanted = Malformation::Alert(AlertDescription::CertificateRequired).to_string();
        assert!(wanted.contains("client certificate"), "{wanted}");
    }

    #[test]
    fn bytes_beyond_the_reply_are_an_error() {
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n";
        assert_eq!(
            check(reply, &expect(b"hello"), reply.len()),
            done(Err(ErrorKind::Malformed), false)
        );
    }

    #[test]
    fn an_end_before_the_reply_is_distinguished_from_an_end_within_it() {
        let mut exchange = Exchange::new();
        exchange.begin(Method::Get, &expect(b"hello"), 1);
        assert_eq!(exchange.eof(&expect(b"hello")), Err(ErrorKind::Closed));
        exchange.begin(Method::Get, &expect(b"hello"), 1);
        receive(
            &mut exchange,
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
            &expect(b"hello"),
        );
        assert_eq!(exchange.eof(&expect(b"hello")), Err(ErrorKind::ShortBody));
        exchange.begin(Method::Get, &expect(b"hello"), 1);
        receive(
            &mut exchange,
            b"HTTP/1.1 200 OK\r\n\r\nhello",
            &expect(b"hello"),
        );
        assert_eq!(exchange.eof(&expect(b"hello")), Ok(()));
    }

    #[test]
    fn an_exchange_forgets_the_one_before() {
        let mut exchange = Exchange::new();
        exchange.begin(Method::Get, &expect(b"hello"), 1);
        receive(
            &mut exchange,
            b"HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 3\r\n\r\nab",
            &expect(b"hello"),
        );
        exchange.begin(Method::Get, &expect(b"hello"), 1);
        let progress = receive(
            &mut exchange,
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            &expect(b"hello"),
        );
        assert_eq!(progress, done(Ok(()), true));
    }

    #[test]
    fn memory_for_a_long_reply_is_given_back() {
        let mut exchange = Exchange::new();
        let body = vec![b'x'; 16 * MAX_KEPT_BYTES];
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let (begun, rest) = head.split_at(9);
        for _ in 0..2 {
            exchange.begin(Method::Get, &expect(b"hello"), 1);
            let progress = [begun.as_bytes(), &[rest.as_bytes(), &body].concat()]
                .map(|bytes| receive(&mut exchange, bytes, &expect(&body)));
            assert_eq!(progress, [Progress::NeedInput, done(Ok(()), true)]);
            assert!(exchange.pending.capacity() <= MAX_KEPT_BYTES);
        }
    }

    #[test]
    fn any_success_or_redirection_will_do_where_the_answer_is_not_known() {
        let expect = Expect {
            statuses: vec![SUCCESS_OR_REDIRECT],
            body: ExpectBody::Any,
        };
        let accepted: Vec<u16> = [199, 200, 204, 301, 399, 400, 500]
            .into_iter()
            .filter(|&status| expect.accepts(status))
            .collect();
        assert_eq!(accepted, [200, 204, 301, 399]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), piece in 1_usize..50) {
            check(&bytes, &expect(b"hello"), piece);
        }
    }

    #[test]
    fn each_request_of_an_order_has_its_own_answer() {
        let each = Arc::new(vec![b"one".to_vec(), b"three".to_vec()]);
        let expect = Expect {
            statuses: vec![200..=200],
            body: ExpectBody::InOrder(each),
        };
        let fate = |seq, body: &str| {
            let reply = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut exchange = Exchange::new();
            exchange.begin(Method::Get, &expect, seq);
            match receive(&mut exchange, reply.as_bytes(), &expect) {
                Progress::Done { fate, .. } => fate,
                Progress::NeedInput => panic!("the reply is whole"),
            }
        };
        assert_eq!(fate(1, "one"), Ok(()));
        assert_eq!(fate(2, "three"), Ok(()));
        assert_eq!(fate(3, "one"), Ok(()));
        assert_eq!(fate(2, "one"), Err(ErrorKind::WrongBody));
        assert_eq!(fate(2, "thre"), Err(ErrorKind::WrongBody));
        assert_eq!(fate(2, ""), Err(ErrorKind::WrongBody));
    }
}
