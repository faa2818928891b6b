//! Request and reply heads: the lines by httparse, their meaning for framing and persistence here.
//!
//! Both roles read the header fields in one pass through [`Fields::scan`]. It knows the five fields that steer a
//! connection, and `Authorization`, which is handed on as it stands, and skips all others; it must never know buffers or states.

use core::mem::MaybeUninit;
use core::num::NonZeroU16;

use httparse::{Header, ParserConfig, Status};

use crate::body::BodyLength;
use crate::fault::Fault;
use crate::message::{
    Method, Version, WebSocketKey, has_only_target_bytes, is_authority_byte, is_token_byte,
};
use crate::{MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_HEADERS, MAX_REPLY_HEAD_BYTES};

/// A request head, with places as offsets into the input it was read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestHead {
    /// Length of the head, the empty line included.
    pub(crate) bytes: usize,
    pub(crate) method: Method,
    pub(crate) target: TargetSpan,
    pub(crate) version: Version,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
    pub(crate) length: BodyLength,
    /// Where the key of a valid WebSocket upgrade starts: in a head of 16 KiB behind its first line, so that two bytes
    /// say it.
    pub(crate) websocket_key_at: Option<NonZeroU16>,
    /// The value of `Authorization`, where it stands there once.
    pub(crate) authorization: Option<ValueSpan>,
}

/// Where the value of a field lies in the input; in a head of 16 KiB two bytes say it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueSpan {
    pub(crate) start: NonZeroU16,
    pub(crate) bytes: u16,
}

/// Where the origin-form of the target lies in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TargetSpan {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// An absolute-form without a path (`http://host?query`): its origin-form starts with a slash that was not sent, to
    /// be written over the byte at `start`, which belongs to the authority and is of no further use.
    pub(crate) lacks_slash: bool,
}

/// A reply head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHead {
    /// 100 to 599; interim ones but 101 are skipped.
    pub status: u16,
    /// Whether the server lets the connection be used again.
    pub keep_alive: bool,
    /// How the body ends.
    pub length: BodyLength,
}

/// Reads the request head at the front of `input`, which must not start with an empty line. `None`: it is not complete.
///
/// Whatever is wrong with a line is found once that line is complete, so that the same bytes are refused for the same
/// reason however they arrive.
pub(crate) fn parse_request(input: &[u8]) -> Result<Option<RequestHead>, Fault> {
    match input.first() {
        None => return Ok(None),
        // Refused before a line end arrives, for what most often starts so has none: a TLS handshake.
        Some(byte) if !is_token_byte(*byte) => {
            return Err(Fault::Malformed("the request does not start with a method"));
        }
        Some(_) => {}
    }
    parse_lines(input, MAX_HEAD_BYTES, parse_request_lines)
}

/// Reads the reply head at the front of `input`, and says how long it is. `None`: it is not complete.
pub(crate) fn parse_reply(input: &[u8], to: Method) -> Result<Option<(usize, ReplyHead)>, Fault> {
    match input.first() {
        None => Ok(None),
        Some(b'H') => parse_lines(input, MAX_REPLY_HEAD_BYTES, |input| {
            parse_reply_lines(input, to)
        }),
        Some(_) => Err(Fault::Malformed("the reply does not start with HTTP/")),
    }
}

/// The value of `Sec-WebSocket-Accept` in a whole reply head that switches to WebSocket as RFC 6455 §4.1 has it, with
/// neither an extension nor a subprotocol.
pub(crate) fn parse_upgrade(head: &[u8]) -> Option<&[u8]> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut reply = httparse::Response::new(&mut headers);
    let Ok(Status::Complete(_)) = reply.parse(head) else {
        return None;
    };
    let status = reply.code?;
    let Upgrade {
        is_asked_for,
        is_to_websocket,
        is_extended,
        accept,
        ..
    } = Fields::scan(reply.headers).ok()?.upgrade;
    match accept {
        Once::One(accept) if status == 101 && is_asked_for && is_to_websocket && !is_extended => {
            Some(accept)
        }
        Once::Absent | Once::One(_) | Once::Repeated => None,
    }
}

/// Lets `parse` loose on `input` as far as a head may reach, `max_bytes`, and believes its errors only about complete lines.
fn parse_lines<T>(
    input: &[u8],
    max_bytes: usize,
    parse: impl Fn(&[u8]) -> Result<Option<T>, Fault>,
) -> Result<Option<T>, Fault> {
    let input = &input[..input.len().min(max_bytes)];
    let read = parse(input).or_else(|_| match input.iter().rposition(|byte| *byte == b'\n') {
        Some(last_line_end) => parse(&input[..=last_line_end]),
        None => Ok(None),
    })?;
    if read.is_none() && input.len() == max_bytes {
        return Err(Fault::HeadTooLarge);
    }
    Ok(read)
}

fn parse_request_lines(input: &[u8]) -> Result<Option<RequestHead>, Fault> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    let bytes = match request.parse_with_uninit_headers(input, &mut headers) {
        Ok(Status::Complete(bytes)) => bytes,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(syntax_fault(error, input)),
    };
    let (Some(token), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        unreachable!("httparse fills the request line of a complete head")
    };
    let head = &input[..bytes];
    refuse_bare_line_feeds(head, request.headers)?;
    let fields = Fields::scan(request.headers)?;
    let method = Method::from_token(token);
    let version = if minor == 0 {
        Version::Http10
    } else {
        Version::Http11
    };
    // RFC 9112 §3.2: exactly one Host, which only HTTP/1.0 may leave out.
    match fields.host {
        Host::Absent if version == Version::Http11 => {
            return Err(Fault::Malformed("Host is missing"));
        }
        Host::Repeated => return Err(Fault::Malformed("Host is repeated")),
        Host::Invalid => return Err(Fault::Malformed("Host is not a host and port")),
        Host::Absent | Host::One => {}
    }
    let target = target_span(token, target, offset_in(head, target.as_bytes()))?;
    let length = fields.request_length(version)?;
    if matches!(length, BodyLength::Exact(bytes) if bytes > MAX_BODY_BYTES as u64) {
        return Err(Fault::BodyTooLarge);
    }
    // RFC 9110 §10.1.1: from an HTTP/1.0 client the expectation is ignored.
    let expectation = if version == Version::Http10 {
        Expectation::None
    } else {
        fields.expectation
    };
    if expectation == Expectation::Unknown {
        return Err(Fault::UnknownExpectation);
    }
    Ok(Some(RequestHead {
        bytes,
        method,
        target,
        version,
        keep_alive: fields.keep_alive(version),
        expects_continue: expectation == Expectation::Continue,
        length,
        websocket_key_at: fields.upgrade.key_at(method, version, head),
        authorization: fields.authorization.span_in(head),
    }))
}

fn parse_reply_lines(input: &[u8], to: Method) -> Result<Option<(usize, ReplyHead)>, Fault> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut reply = httparse::Response::new(&mut []);
    let bytes = match ParserConfig::default().parse_response_with_uninit_headers(
        &mut reply,
        input,
        &mut headers,
    ) {
        Ok(Status::Complete(bytes)) => bytes,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(syntax_fault(error, input)),
    };
    let (Some(status), Some(minor)) = (reply.code, reply.version) else {
        unreachable!("httparse fills the status line of a complete head")
    };
    if !(100..=599).contains(&status) {
        return Err(Fault::Malformed("the status is outside 100 to 599"));
    }
    refuse_bare_line_feeds(&input[..bytes], reply.headers)?;
    let fields = Fields::scan(reply.headers)?;
    let version = if minor == 0 {
        Version::Http10
    } else {
        Version::Http11
    };
    let length = fields.reply_length(version, status, to)?;
    let keep_alive = fields.keep_alive(version) && length != BodyLength::UntilClose;
    Ok(Some((
        bytes,
        ReplyHead {
            status,
            keep_alive,
            length,
        },
    )))
}

/// httparse's verdict in our words. `input` holds at least the complete first line where the version is at fault.
fn syntax_fault(error: httparse::Error, input: &[u8]) -> Fault {
    match error {
        httparse::Error::TooManyHeaders => Fault::TooManyHeaders,
        httparse::Error::Version if names_another_version(input) => Fault::UnknownVersion,
        httparse::Error::Version => Fault::Malformed("the version is not HTTP/ and two digits"),
        httparse::Error::HeaderName => {
            Fault::Malformed("a field name is not a token directly followed by ':'")
        }
        httparse::Error::HeaderValue => Fault::Malformed("a field value holds a control character"),
        httparse::Error::NewLine => Fault::Malformed("CR without LF"),
        httparse::Error::Status => {
            Fault::Malformed("the status line is not a version, a status and a reason")
        }
        httparse::Error::Token => {
            Fault::Malformed("the request line is not a method, a target and a version")
        }
    }
}

/// Whether the first line is a request line or a status line but for its version, which is well-formed and not ours.
fn names_another_version(input: &[u8]) -> bool {
    let is_another_version = |word: &[u8]| match word {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] => {
            major.is_ascii_digit()
                && minor.is_ascii_digit()
                && !matches!((major, minor), (b'1', b'0' | b'1'))
        }
        _ => false,
    };
    let line = input
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (first, second, third) = (words.next(), words.next(), words.next());
    let ends_request_line = third.is_some_and(is_another_version) && words.next().is_none();
    ends_request_line || (second.is_some() && first.is_some_and(is_another_version))
}

/// httparse takes a bare LF for a line end. Every line but the first starts where a field name or the last empty line
/// does, so looking at the two bytes before each of these is enough.
fn refuse_bare_line_feeds(head: &[u8], headers: &[Header<'_>]) -> Result<(), Fault> {
    let fields_start_lines = headers
        .iter()
        .all(|header| head[..offset_in(head, header.name.as_bytes())].ends_with(b"\r\n"));
    if fields_start_lines && head.ends_with(b"\r\n\r\n") {
        Ok(())
    } else {
        Err(Fault::Malformed("a line ends in LF without CR"))
    }
}

/// Where `part`, a slice of `head`, starts in it.
fn offset_in(head: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - head.as_ptr().addr()
}

/// The origin-form within the `target` that starts at `start` (RFC 9112 §3.2).
fn target_span(method: &str, target: &str, start: usize) -> Result<TargetSpan, Fault> {
    if !has_only_target_bytes(target) {
        return Err(Fault::Malformed(
            "the target holds a fragment or bytes other than visible ASCII",
        ));
    }
    let end = start + target.len();
    let whole = TargetSpan {
        start,
        end,
        lacks_slash: false,
    };
    if method == "CONNECT" {
        let is_authority = target.contains(':') && target.bytes().all(is_authority_byte);
        return if is_authority {
            Ok(whole)
        } else {
            Err(Fault::Malformed(
                "the target of CONNECT is not a host and port",
            ))
        };
    }
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return Ok(whole);
    }
    let authority = strip_scheme(target).ok_or(Fault::Malformed(
        "the target is neither a path nor an http URI",
    ))?;
    let authority_len = authority.find(['/', '?']).unwrap_or(authority.len());
    // RFC 9110 §4.2.1 and §4.2.4: an http URI has a host and, from an untrusted source, no user information.
    if authority_len == 0 || !authority.bytes().take(authority_len).all(is_authority_byte) {
        return Err(Fault::Malformed(
            "the target's host is empty or not a host and port",
        ));
    }
    let path_start = end - authority.len() + authority_len;
    let lacks_slash = !authority[authority_len..].starts_with('/');
    Ok(TargetSpan {
        start: path_start - usize::from(lacks_slash),
        end,
        lacks_slash,
    })
}

/// What follows `http://` or `https://`; schemes read in any case (RFC 3986 §3.1).
fn strip_scheme(target: &str) -> Option<&str> {
    ["http://", "https://"].into_iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// What the header fields say about the connection and the body.
struct Fields<'a> {
    host: Host,
    content_length: Option<u64>,
    coding: Coding,
    expectation: Expectation,
    says_close: bool,
    says_keep_alive: bool,
    upgrade: Upgrade<'a>,
    authorization: Once<'a>,
}

/// The parts of a WebSocket upgrade (RFC 6455 §4.2.1).
#[derive(Default)]
struct Upgrade<'a> {
    /// `Connection` says so.
    is_asked_for: bool,
    /// `websocket` is among the protocols of `Upgrade`.
    is_to_websocket: bool,
    version: Once<'a>,
    key: Once<'a>,
    /// What a reply proves with that it has read the key.
    accept: Once<'a>,
    /// There is an extension or a subprotocol: offered in a request, chosen in a reply.
    is_extended: bool,
}

/// The value of a field that may stand in a head once.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Once<'a> {
    #[default]
    Absent,
    One(&'a [u8]),
    Repeated,
}

enum Host {
    Absent,
    One,
    Repeated,
    Invalid,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expectation {
    None,
    Continue,
    Unknown,
}

/// The transfer codings so far, of all `Transfer-Encoding` fields as one list (RFC 9112 §6.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    None,
    Chunked,
    /// Only codings we don't know, so that nothing says where the body ends.
    Unknown,
    /// `chunked` around codings we don't know.
    UnknownInChunked,
    /// `chunked` twice, or not last, or no coding where there must be one.
    Invalid,
}

impl<'a> Fields<'a> {
    /// Reads the fields once. The name's length picks the candidate, so that all but a few cost one comparison.
    fn scan(headers: &[Header<'a>]) -> Result<Self, Fault> {
        let mut fields = Self {
            host: Host::Absent,
            content_length: None,
            coding: Coding::None,
            expectation: Expectation::None,
            says_close: false,
            says_keep_alive: false,
            upgrade: Upgrade::default(),
            authorization: Once::default(),
        };
        for Header { name, value } in headers {
            match name.len() {
                4 if name.eq_ignore_ascii_case("host") => fields.add_host(value),
                6 if name.eq_ignore_ascii_case("expect") => fields.add_expectation(value),
                7 if name.eq_ignore_ascii_case("upgrade") => fields.add_protocols(value),
                10 if name.eq_ignore_ascii_case("connection") => fields.add_connection(value),
                13 if name.eq_ignore_ascii_case("authorization") => {
                    fields.authorization.add(value);
                }
                14 if name.eq_ignore_ascii_case("content-length") => {
                    fields.add_content_length(value)?;
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => fields.add_codings(value),
                17 if name.eq_ignore_ascii_case("sec-websocket-key") => {
                    fields.upgrade.key.add(value);
                }
                20 if name.eq_ignore_ascii_case("sec-websocket-accept") => {
                    fields.upgrade.accept.add(value);
                }
                21 if name.eq_ignore_ascii_case("sec-websocket-version") => {
                    fields.upgrade.version.add(value);
                }
                22 if name.eq_ignore_ascii_case("sec-websocket-protocol") => {
                    fields.upgrade.is_extended = true;
                }
                24 if name.eq_ignore_ascii_case("sec-websocket-extensions") => {
                    fields.upgrade.is_extended = true;
                }
                _ => {}
            }
        }
        Ok(fields)
    }

    fn add_host(&mut self, value: &[u8]) {
        self.host = match self.host {
            Host::Absent if value.iter().copied().all(is_authority_byte) => Host::One,
            Host::Absent => Host::Invalid,
            Host::One | Host::Repeated | Host::Invalid => Host::Repeated,
        };
    }

    fn add_expectation(&mut self, value: &[u8]) {
        let is_continue =
            value.eq_ignore_ascii_case(b"100-continue") && self.expectation != Expectation::Unknown;
        self.expectation = if is_continue {
            Expectation::Continue
        } else {
            Expectation::Unknown
        };
    }

    fn add_connection(&mut self, value: &[u8]) {
        for option in list_elements(value) {
            self.says_close |= option.eq_ignore_ascii_case(b"close");
            self.says_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade.is_asked_for |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    fn add_protocols(&mut self, value: &[u8]) {
        self.upgrade.is_to_websocket |=
            list_elements(value).any(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
    }

    fn add_content_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.content_length.is_some() {
            return Err(Fault::Malformed("Content-Length is repeated"));
        }
        let length = parse_digits(value)
            .ok_or(Fault::Malformed("Content-Length is not a number of bytes"))?;
        self.content_length = Some(length);
        Ok(())
    }

    fn add_codings(&mut self, value: &[u8]) {
        for coding in list_elements(value) {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.coding = match self.coding {
                _ if coding.is_empty() => Coding::Invalid,
                Coding::None if is_chunked => Coding::Chunked,
                Coding::Unknown if is_chunked => Coding::UnknownInChunked,
                Coding::None | Coding::Unknown => Coding::Unknown,
                Coding::Chunked | Coding::UnknownInChunked | Coding::Invalid => Coding::Invalid,
            };
        }
    }

    /// RFC 9112 §6.3 for requests.
    fn request_length(&self, version: Version) -> Result<BodyLength, Fault> {
        self.refuse_doubtful_coding(version)?;
        match (self.coding, self.content_length) {
            (Coding::None, None) => Ok(BodyLength::None),
            (Coding::None, Some(bytes)) => Ok(BodyLength::Exact(bytes)),
            (Coding::Chunked, _) => Ok(BodyLength::Chunked),
            (Coding::UnknownInChunked, _) => Err(Fault::UnknownCoding),
            (Coding::Unknown | Coding::Invalid, _) => Err(Fault::Malformed(
                "Transfer-Encoding does not end in one 'chunked'",
            )),
        }
    }

    /// RFC 9112 §6.3 for replies.
    fn reply_length(&self, version: Version, status: u16, to: Method) -> Result<BodyLength, Fault> {
        self.refuse_doubtful_coding(version)?;
        if to == Method::Head || matches!(status, 100..=199 | 204 | 304) {
            return Ok(BodyLength::None);
        }
        match (self.coding, self.content_length) {
            (Coding::None, None) => Ok(BodyLength::UntilClose),
            (Coding::None, Some(bytes)) => Ok(BodyLength::Exact(bytes)),
            (Coding::Chunked, _) => Ok(BodyLength::Chunked),
            (Coding::Unknown | Coding::UnknownInChunked, _) => Err(Fault::UnknownCoding),
            (Coding::Invalid, _) => Err(Fault::Malformed(
                "Transfer-Encoding does not end in one 'chunked'",
            )),
        }
    }

    /// RFC 9112 §6.1: a coding beside a length, or from HTTP/1.0, is how messages are smuggled.
    fn refuse_doubtful_coding(&self, version: Version) -> Result<(), Fault> {
        if self.coding == Coding::None {
            Ok(())
        } else if self.content_length.is_some() {
            Err(Fault::Malformed("Content-Length beside Transfer-Encoding"))
        } else if version == Version::Http10 {
            Err(Fault::Malformed("Transfer-Encoding in HTTP/1.0"))
        } else {
            Ok(())
        }
    }

    /// RFC 9112 §9.3.
    fn keep_alive(&self, version: Version) -> bool {
        !self.says_close && (version == Version::Http11 || self.says_keep_alive)
    }
}

impl Upgrade<'_> {
    /// Where the key starts in `head`, if the request is a valid upgrade.
    fn key_at(&self, method: Method, version: Version, head: &[u8]) -> Option<NonZeroU16> {
        let is_valid = self.is_asked_for
            && self.is_to_websocket
            && self.version == Once::One(b"13")
            && (method, version) == (Method::Get, Version::Http11);
        match self.key {
            Once::One(key) if is_valid && WebSocketKey::from_bytes(key).is_some() => {
                let start = u16::try_from(offset_in(head, key)).expect("heads are bounded");
                NonZeroU16::new(start)
            }
            Once::Absent | Once::One(_) | Once::Repeated => None,
        }
    }
}

impl<'a> Once<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::Absent => Self::One(value),
            Self::One(_) | Self::Repeated => Self::Repeated,
        };
    }

    /// Where the value lies in `head`; an empty one is none.
    fn span_in(self, head: &[u8]) -> Option<ValueSpan> {
        let Self::One(value) = self else {
            return None;
        };
        let [start, bytes] = [offset_in(head, value), value.len()]
            .map(|number| u16::try_from(number).expect("heads are bounded"));
        let start = NonZeroU16::new(start)?;
        (bytes > 0).then_some(ValueSpan { start, bytes })
    }
}

/// The elements of a comma-separated list, empty ones included (RFC 9110 §5.6.1).
fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// A number in digits alone: `u64::from_str` would take a sign as well.
fn parse_digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}
