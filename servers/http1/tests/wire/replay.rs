//! The door every case goes through: a stream, cut somehow, fed to one end of a connection.

use http1::client::{KnownHead, Part, ReplyDecoder, ReplyError, ReplyHead};
use http1::server::{Connection, Poll, Request, Response};
use http1::{Date, MAX_PIPELINED_BYTES, Method, Version};

/// What became of a stream of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// Each request as [`describe`] puts it.
    pub(crate) requests: Vec<String>,
    pub(crate) end: End,
    /// What was said, without interim answers: whether these are needed depends on how the input arrives.
    pub(crate) out: Vec<u8>,
}

/// How a connection stands after its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing in progress.
    Idle,
    /// Inside a request.
    Waiting,
    /// Closed after an answer.
    Closed,
    /// Closed by the connection's own answer of this status.
    Refused(u16),
}

/// Serves the pieces one after the other; every request is answered with its own description.
pub(crate) fn serve<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Served {
    serve_on(&mut Connection::new(), pieces)
}

/// As [`serve`], on a connection that may have a past.
pub(crate) fn serve_on<'a>(
    connection: &mut Connection,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Served {
    let mut requests = Vec::new();
    let mut methods = Vec::new();
    let mut out = Vec::new();
    for (number, piece) in pieces.into_iter().enumerate() {
        // Both doors for input, in turn; the largest pieces, whose spare room is slow to zero unoptimised, by one.
        if number % 2 == 0 || piece.len() > MAX_PIPELINED_BYTES {
            connection.receive(piece);
        } else {
            connection.spare(piece.len())[..piece.len()].copy_from_slice(piece);
            connection.filled(piece.len());
        }
        while let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) {
            let body = describe(&request);
            methods.push(request.method);
            let answer = Response {
                status: 200,
                content_type: "text/plain",
                headers: &[],
                body: body.as_bytes(),
            };
            connection.respond(&answer, &Date::EPOCH, &mut out);
            requests.push(body);
        }
    }
    let out = without_interim(&out);
    let end = match refusal(&methods, &out) {
        Some(status) => End::Refused(status),
        None if connection.is_closing() => End::Closed,
        None if connection.is_idle() => End::Idle,
        None => End::Waiting,
    };
    assert_eq!(
        connection.is_closing(),
        matches!(end, End::Closed | End::Refused(_)),
        "{end:?}"
    );
    Served { requests, end, out }
}

/// A request on one line: `POST /path 1.1 body`; of a long body, its length and a sum over a sample.
pub(crate) fn describe(request: &Request<'_>) -> String {
    const LONG_BYTES: usize = 4_096;
    let version = if request.version == Version::Http11 {
        "1.1"
    } else {
        "1.0"
    };
    let start = format!("{} {} {version}", request.method, request.target);
    match request.body {
        [] => start,
        long if long.len() > LONG_BYTES => {
            let sum = long.iter().step_by(509).fold(0_u32, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
            });
            format!("{start} ({} bytes, {sum:08x})", long.len())
        }
        short => format!("{start} {}", short.escape_ascii()),
    }
}

/// Cuts `input` at each of `cuts`, which rise.
pub(crate) fn cut<'a>(input: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut from = 0;
    let mut pieces = Vec::new();
    for &to in cuts.iter().chain([&input.len()]) {
        pieces.push(&input[from..to]);
        from = to;
    }
    pieces
}

/// What became of a stream of replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) head: Option<ReplyHead>,
    pub(crate) body: Vec<u8>,
    pub(crate) end: ReadEnd,
}

/// How the decoder stands after its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// The reply is complete, and these bytes follow it.
    Complete {
        rest: Vec<u8>,
    },
    /// More is needed; this is what the end of the connection would mean.
    Waiting {
        eof: Result<(), ReplyError>,
    },
    Failed(ReplyError),
}

/// Decodes one reply from the pieces, keeping what was not consumed as a caller would.
pub(crate) fn read<'a>(method: Method, pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    read_by(method, pieces, ReplyDecoder::decode)
}

/// The same behind another reply, whose head is known.
pub(crate) fn read_knowing<'a>(
    method: Method,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    known: &mut KnownHead,
) -> Read {
    read_by(method, pieces, |decoder, input| {
        decoder.decode_as(input, known)
    })
}

type Decoded<'a> = Result<(usize, Part<'a>), ReplyError>;

fn read_by<'a>(
    method: Method,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    mut decode: impl for<'b> FnMut(&mut ReplyDecoder, &'b [u8]) -> Decoded<'b>,
) -> Read {
    let mut decoder = ReplyDecoder::new(method);
    let mut read = Read {
        head: None,
        body: Vec::new(),
        end: ReadEnd::Waiting { eof: Ok(()) },
    };
    let mut kept = Vec::new();
    let mut is_complete = false;
    for piece in pieces {
        kept.extend_from_slice(piece);
        while !is_complete {
            let (consumed, part) = match decode(&mut decoder, &kept) {
                Ok(found) => found,
                Err(error) => {
                    assert_eq!(
                        decode(&mut decoder, &kept),
                        Err(ReplyError::AlreadyFailed),
                        "an error is final"
                    );
                    read.end = ReadEnd::Failed(error);
                    return read;
                }
            };
            match part {
                Part::Head(head) => assert_eq!(read.head.replace(head), None, "one head a reply"),
                Part::Body(bytes) => {
                    assert!(!bytes.is_empty(), "an empty part of a body");
                    read.body.extend_from_slice(bytes);
                }
                Part::End => is_complete = true,
                Part::NeedInput => {}
            }
            let needs_input = part == Part::NeedInput;
            kept.drain(..consumed);
            if needs_input {
                break;
            }
        }
    }
    read.end = if is_complete {
        ReadEnd::Complete { rest: kept }
    } else {
        ReadEnd::Waiting { eof: decoder.eof() }
    };
    read
}

/// The status of an answer beyond those to `methods`. Every answer must read back through the decoder.
fn refusal(methods: &[Method], out: &[u8]) -> Option<u16> {
    let mut rest = out.to_vec();
    for &method in methods {
        let reply = read(method, [&rest[..]]);
        assert_eq!(
            reply.head.map(|head| head.status),
            Some(200),
            "{}",
            out.escape_ascii()
        );
        let ReadEnd::Complete { rest: next } = reply.end else {
            panic!("{:?}: {}", reply.end, out.escape_ascii())
        };
        rest = next;
    }
    if rest.is_empty() {
        return None;
    }
    // Nothing follows a refusal, so that one without a body answers HEAD.
    let method = if rest.ends_with(b"\r\n\r\n") {
        Method::Head
    } else {
        Method::Get
    };
    let reply = read(method, [&rest[..]]);
    assert_eq!(
        reply.end,
        ReadEnd::Complete { rest: Vec::new() },
        "{}",
        out.escape_ascii()
    );
    let head = reply.head.expect("a complete reply has a head");
    assert!(
        !head.keep_alive,
        "a refusal says that it is the last answer"
    );
    Some(head.status)
}

fn without_interim(out: &[u8]) -> Vec<u8> {
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut rest = out;
    let mut kept = Vec::new();
    while let Some(byte) = rest.first() {
        if let Some(behind) = rest.strip_prefix(CONTINUE) {
            rest = behind;
        } else {
            kept.push(*byte);
            rest = &rest[1..];
        }
    }
    kept
}
