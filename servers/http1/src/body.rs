//! Where a body ends, for both roles (RFC 9112 §6 and §7.1).
//!
//! [`Body::take`] looks at input and says which bytes of it are the body's; it stores none. It knows lengths, chunks and
//! trailers; it must never know who sends, nor keep what it has seen.

use core::ops::Range;

use crate::fault::Fault;
use crate::message::{is_token_byte, is_value_byte};
use crate::{MAX_CHUNK_EXTENSION_BYTES, MAX_CHUNK_SIZE_DIGITS, MAX_TRAILER_BYTES};

// Two error texts below name the bounds.
const _: () = assert!(MAX_CHUNK_SIZE_DIGITS == 16 && MAX_CHUNK_EXTENSION_BYTES == 16 << 10);

/// How a head says its body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// `Content-Length`, in bytes.
    Exact(u64),
    /// `Transfer-Encoding: chunked`: the last chunk says.
    Chunked,
    /// Whatever comes until the connection closes; replies only.
    UntilClose,
    /// There can be no body: a request without a length, a reply to `HEAD`, a 1xx, a 204, a 304.
    None,
}

/// A body being read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    Exact { missing: u64 },
    Chunked(Chunks),
    UntilClose,
}

/// What [`Body::take`] found at the front of its input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes of input that are done with: data and the framing around it.
    pub(crate) consumed: usize,
    /// Which of them are the body's.
    pub(crate) data: Range<usize>,
    /// Whether the body is complete.
    pub(crate) end: bool,
}

impl Body {
    /// The body `length` announces, or `None` where nothing follows the head. A chunked one may hold `most` bytes.
    pub(crate) fn of_length(length: BodyLength, most: u64) -> Option<Self> {
        match length {
            BodyLength::None | BodyLength::Exact(0) => None,
            BodyLength::Exact(missing) => Some(Self::Exact { missing }),
            BodyLength::Chunked => Some(Self::Chunked(Chunks::new(most))),
            BodyLength::UntilClose => Some(Self::UntilClose),
        }
    }

    /// Takes at most one run of data off `input`. Without data and without the end, all of `input` is consumed and more
    /// is needed.
    pub(crate) fn take(&mut self, input: &[u8]) -> Result<Taken, Fault> {
        match self {
            Self::Exact { missing } => {
                let len = clamp(*missing, input.len());
                *missing -= len as u64;
                Ok(Taken {
                    consumed: len,
                    data: 0..len,
                    end: *missing == 0,
                })
            }
            Self::Chunked(chunks) => chunks.take(input),
            Self::UntilClose => Ok(Taken {
                consumed: input.len(),
                data: 0..input.len(),
                end: false,
            }),
        }
    }
}

/// The chunked coding, byte by byte (RFC 9112 §7.1): nothing needs to be kept between two calls but this.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks {
    step: Step,
    /// Of the chunk at hand: its size while that is read, then the bytes of it still to come.
    size: u64,
    size_digits: usize,
    /// Bytes the rest of the body may still hold.
    room: u64,
    extension_bytes: usize,
    trailer_bytes: usize,
}

/// The part of a chunk the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Size,
    /// Space after the size, which only an extension may follow.
    SizeSpace,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The first byte of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

impl Chunks {
    fn new(most: u64) -> Self {
        Self {
            step: Step::Size,
            size: 0,
            size_digits: 0,
            room: most,
            extension_bytes: 0,
            trailer_bytes: 0,
        }
    }

    fn take(&mut self, input: &[u8]) -> Result<Taken, Fault> {
        let mut at = 0;
        while at < input.len() && self.step != Step::End {
            if self.step == Step::Data {
                let len = clamp(self.size, input.len() - at);
                self.size -= len as u64;
                if self.size == 0 {
                    self.step = Step::DataCr;
                }
                return Ok(Taken {
                    consumed: at + len,
                    data: at..at + len,
                    end: false,
                });
            }
            self.step = self.framing_byte(input[at])?;
            at += 1;
        }
        Ok(Taken {
            consumed: at,
            data: at..at,
            end: self.step == Step::End,
        })
    }

    /// The step after `byte`, anywhere but inside chunk data.
    #[allow(
        clippy::match_same_arms,
        reason = "a table reads by what comes, in the order it comes"
    )]
    fn framing_byte(&mut self, byte: u8) -> Result<Step, Fault> {
        match (self.step, byte) {
            (Step::Size, _) if byte.is_ascii_hexdigit() => self.size_digit(byte),
            (Step::Size, _) if self.size_digits == 0 => {
                Err(Fault::Malformed("a chunk starts without its size in hex"))
            }
            (Step::Size | Step::SizeSpace, b' ' | b'\t') => self.extension_byte(Step::SizeSpace),
            (Step::Size | Step::SizeSpace, b';') => self.extension_byte(Step::Extension),
            (Step::Size | Step::Extension, b'\r') => Ok(Step::SizeLf),
            (Step::Size | Step::SizeSpace, _) => Err(Fault::Malformed(
                "a chunk size is followed by neither ';' nor CR LF",
            )),
            (Step::Extension, _) if is_value_byte(byte) => self.extension_byte(Step::Extension),
            (Step::Extension, _) => Err(Fault::Malformed(
                "a chunk extension holds a control character",
            )),
            (Step::SizeLf, b'\n') => self.size_line_end(),
            (Step::DataCr, b'\r') => Ok(Step::DataLf),
            (Step::DataLf, b'\n') => {
                self.size = 0;
                self.size_digits = 0;
                Ok(Step::Size)
            }
            (Step::DataCr | Step::DataLf, _) => {
                Err(Fault::Malformed("a chunk is longer than its size says"))
            }
            (Step::TrailerStart, b'\r') => Ok(Step::EndLf),
            (Step::TrailerStart, _) if is_token_byte(byte) => self.trailer_byte(Step::TrailerName),
            (Step::TrailerName, b':') => self.trailer_byte(Step::TrailerValue),
            (Step::TrailerName, _) if is_token_byte(byte) => self.trailer_byte(Step::TrailerName),
            (Step::TrailerStart | Step::TrailerName, _) => {
                Err(Fault::Malformed("a trailer's name is not a token"))
            }
            (Step::TrailerValue, b'\r') => self.trailer_byte(Step::TrailerLf),
            (Step::TrailerValue, _) if is_value_byte(byte) => self.trailer_byte(Step::TrailerValue),
            (Step::TrailerValue, _) => Err(Fault::Malformed(
                "a trailer's value holds a control character",
            )),
            (Step::TrailerLf, b'\n') => self.trailer_byte(Step::TrailerStart),
            (Step::EndLf, b'\n') => Ok(Step::End),
            (Step::SizeLf | Step::TrailerLf | Step::EndLf, _) => {
                Err(Fault::Malformed("CR without LF in chunked framing"))
            }
            (Step::Data | Step::End, _) => unreachable!("take() reads these steps itself"),
        }
    }

    fn size_digit(&mut self, digit: u8) -> Result<Step, Fault> {
        self.size_digits += 1;
        if self.size_digits > MAX_CHUNK_SIZE_DIGITS {
            return Err(Fault::Malformed("a chunk size has more than 16 digits"));
        }
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            letter => (letter | 0x20) - b'a' + 10,
        };
        self.size = self.size << 4 | u64::from(value);
        Ok(Step::Size)
    }

    fn extension_byte(&mut self, step: Step) -> Result<Step, Fault> {
        self.extension_bytes += 1;
        if self.extension_bytes > MAX_CHUNK_EXTENSION_BYTES {
            return Err(Fault::Malformed("chunk extensions of more than 16 KiB"));
        }
        Ok(step)
    }

    fn size_line_end(&mut self) -> Result<Step, Fault> {
        if self.size == 0 {
            return Ok(Step::TrailerStart);
        }
        self.room = self
            .room
            .checked_sub(self.size)
            .ok_or(Fault::BodyTooLarge)?;
        Ok(Step::Data)
    }

    fn trailer_byte(&mut self, step: Step) -> Result<Step, Fault> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > MAX_TRAILER_BYTES {
            return Err(Fault::TrailersTooLarge);
        }
        Ok(step)
    }
}

/// `wanted` bytes, or as many as there are.
fn clamp(wanted: u64, there: usize) -> usize {
    usize::try_from(wanted).map_or(there, |wanted| wanted.min(there))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    type DataAndRest = (Vec<u8>, Vec<u8>);

    /// Reads `input` as one chunked body, in pieces of `piece` bytes: the data, and what follows the body.
    fn check(input: &[u8], piece: usize) -> Result<Option<DataAndRest>, Fault> {
        let mut body = Body::of_length(BodyLength::Chunked, 100).unwrap();
        let mut data = Vec::new();
        let mut done = 0;
        for chunk in input.chunks(piece) {
            let mut at = 0;
            while at < chunk.len() {
                let taken = body.take(&chunk[at..])?;
                data.extend_from_slice(&chunk[at..][taken.data]);
                at += taken.consumed;
                done += taken.consumed;
                if taken.end {
                    return Ok(Some((data, input[done..].to_vec())));
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn chunked_bodies_read_alike_in_pieces_of_any_size() {
        let input = b"5\r\nhello\r\n00A;x=\"y\"\r\n, world !!\r\n1 ;a\r\n.\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\nnext";
        for piece in 1..=input.len() {
            let (data, rest) = check(input, piece).unwrap().unwrap();
            assert_eq!(data, b"hello, world !!.", "in pieces of {piece}");
            assert_eq!(rest, b"next");
        }
    }

    #[test]
    fn a_body_cut_short_is_neither_an_error_nor_complete() {
        let input = b"5\r\nhello\r\n0\r\nA: b\r\n\r\n";
        for len in 0..input.len() {
            assert_eq!(check(&input[..len], 1000), Ok(None), "{len} bytes");
        }
    }

    #[test]
    fn bad_framing_is_refused() {
        for bad in [
            "\r\n",
            "g\r\n",
            "+5\r\nhello\r\n",
            "0x5\r\nhello\r\n",
            "-1\r\n",
            " 5\r\nhello\r\n",
            "5 \r\nhello\r\n",
            "5\nhello\r\n",
            "5\rhello",
            "5;a\nhello",
            "5;a\rb\n",
            "5;\0\r\n",
            "5\r\nhello!\r\n",
            "5\r\nhello\n",
            "5\r\nhello\r0",
            "5\r\nhello0\r\n",
            "00000000000000005\r\n",
            "0\r\n: b\r\n",
            "0\r\n a: b\r\n",
            "0\r\na b: c\r\n",
            "0\r\nab\r\n",
            "0\r\na: \0\r\n",
            "0\r\na: b\n",
            "0\r\na: b\rc",
            "0\r\n\n",
            "0\r\n\rx",
            ";a\r\n",
        ] {
            assert!(
                matches!(check(bad.as_bytes(), 1000), Err(Fault::Malformed(_))),
                "{bad:?}"
            );
            assert!(
                matches!(check(bad.as_bytes(), 1), Err(Fault::Malformed(_))),
                "{bad:?} byte by byte"
            );
        }
    }

    #[test]
    fn each_bound_holds_at_its_limit_and_not_above() {
        let digits =
            |count: usize| std::format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(count - 1));
        let extensions = |bytes: usize| {
            // Two chunks share the allowance.
            let first = "x".repeat(bytes / 2 - 1);
            let second = "y".repeat(bytes - bytes / 2 - 1);
            std::format!("1;{first}\r\na\r\n1;{second}\r\nb\r\n0\r\n\r\n")
        };
        let trailers =
            |bytes: usize| std::format!("0\r\na:{}\r\nb:\r\n\r\n", "c".repeat(bytes - 8));
        let room = |bytes: usize| {
            std::format!(
                "1\r\na\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                bytes - 1,
                "b".repeat(bytes - 1)
            )
        };
        let is_malformed = |fault: &Fault| matches!(fault, Fault::Malformed(_));
        check_bound(MAX_CHUNK_SIZE_DIGITS, digits, is_malformed);
        check_bound(MAX_CHUNK_EXTENSION_BYTES, extensions, is_malformed);
        check_bound(MAX_TRAILER_BYTES, trailers, |fault| {
            *fault == Fault::TrailersTooLarge
        });
        check_bound(100, room, |fault| *fault == Fault::BodyTooLarge);
    }

    fn check_bound(
        limit: usize,
        body: impl Fn(usize) -> String,
        is_expected: impl Fn(&Fault) -> bool,
    ) {
        for size in [limit - 1, limit] {
            assert!(
                matches!(check(body(size).as_bytes(), 7), Ok(Some(_))),
                "{size} of {limit}"
            );
        }
        let fault = check(body(limit + 1).as_bytes(), 7).unwrap_err();
        assert!(is_expected(&fault), "{fault:?} at {limit} + 1");
    }

    #[test]
    fn the_largest_size_does_not_overflow() {
        assert_eq!(
            check(b"FFFFFFFFFFFFFFFF\r\n", 1000),
            Err(Fault::BodyTooLarge)
        );
        let mut body = Body::of_length(BodyLength::Chunked, u64::MAX).unwrap();
        assert_eq!(
            body.take(b"ffffffffffffffff\r\nab").unwrap(),
            Taken {
                consumed: 20,
                data: 18..20,
                end: false
            }
        );
    }
}
