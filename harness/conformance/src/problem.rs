//! What is wrong, in words that fit on a line or two: what was expected, and what came instead.

/// Longest part of what a server sent that is shown, in characters.
pub(super) const SHOWN_CHARS: usize = 60;

/// Shortest part that shows where two differ, in characters.
const MIN_SHOWN_CHARS: usize = 16;

/// Why a case failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) text: String,
    /// Nothing came in time, or nobody listens: more of the same is to be expected.
    pub(super) is_silence: bool,
}

impl Problem {
    /// The server answered, wrongly.
    pub(super) fn wrong(text: String) -> Self {
        Self {
            text,
            is_silence: false,
        }
    }

    /// The server did not answer.
    pub(super) fn silence(text: String) -> Self {
        Self {
            text,
            is_silence: true,
        }
    }

    /// Says where in a case it happened.
    pub(super) fn within(self, place: &str) -> Self {
        Self {
            text: format!("{place}: {}", self.text),
            ..self
        }
    }
}

/// Bytes for people: how many, and how they begin, with everything escaped that could move a terminal's cursor.
pub(super) fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    // Quotes need no escape: what is shown stands between backquotes.
    let escaped = bytes[..bytes.len().min(SHOWN_CHARS + 1)]
        .escape_ascii()
        .to_string()
        .replace("\\\"", "\"")
        .replace("\\'", "'");
    let unit = if bytes.len() == 1 { "byte" } else { "bytes" };
    match escaped.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{} {unit} `{}…`", bytes.len(), &escaped[..end]),
        None => format!("{} {unit} `{escaped}`", bytes.len()),
    }
}

/// How two bodies differ: both where they are short, else the place.
pub(super) fn difference(expected: &[u8], got: &[u8]) -> String {
    let place = expected.iter().zip(got).position(|(a, b)| a != b);
    match place {
        Some(at) if at + MIN_SHOWN_CHARS >= SHOWN_CHARS => {
            let there = |bytes: &[u8]| {
                let end = bytes.len().min(at + MIN_SHOWN_CHARS);
                bytes[at..end].escape_ascii().to_string()
            };
            format!(
                "expected {}, got {} that differ from byte {at} on: `{}`, not `{}`",
                shown(expected),
                shown(got),
                there(got),
                there(expected)
            )
        }
        _ => format!("expected {}, got {}", shown(expected), shown(got)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_escaped_and_cut() {
        for (bytes, text) in [
            (&b""[..], "nothing".to_owned()),
            (b"a", "1 byte `a`".to_owned()),
            (br#"{"a":'b'}"#, r#"9 bytes `{"a":'b'}`"#.to_owned()),
            (b"\x1b[2J\r\n", r"6 bytes `\x1b[2J\r\n`".to_owned()),
            (
                &[b'a'; SHOWN_CHARS],
                format!("60 bytes `{}`", "a".repeat(SHOWN_CHARS)),
            ),
            (
                &[b'a'; SHOWN_CHARS + 1],
                format!("61 bytes `{}…`", "a".repeat(SHOWN_CHARS)),
            ),
        ] {
            assert_eq!(shown(bytes), text);
        }
    }

    #[test]
    fn a_difference_beyond_what_is_shown_is_named_by_its_place() {
        let expected = [0; 1000];
        let mut got = expected;
        got[700] = 1;
        let text = difference(&expected, &got);
        let rest = r"\x00".repeat(MIN_SHOWN_CHARS - 1);
        assert!(
            text.ends_with(&format!(
                r"differ from byte 700 on: `\x01{rest}`, not `\x00{rest}`"
            )),
            "{text}"
        );
        got[700] = 0;
        got[999] = b'e';
        assert!(difference(&expected, &got).ends_with(r"byte 999 on: `e`, not `\x00`"));
        assert_eq!(
            difference(b"ab", b"ac"),
            "expected 2 bytes `ab`, got 2 bytes `ac`"
        );
    }
}
