//! Requests with holes, each filled in just before it is sent, and what is taken of a reply for the requests that follow it. No
//! socket and no clock.
//!
//! Everything that is filled in follows from the seed and the request's number, in the order of sending: two targets that are driven
//! alike get the same bytes.

use std::io::Write;
use std::ops::RangeInclusive;
use std::sync::Arc;

use http1::Method;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// What `{random}` stands for: numbers that fit into 32 bits, so that they are exact wherever JSON is read.
pub const USUAL_RANDOM: RangeInclusive<u64> = 0..=u32::MAX as u64;

/// The largest number of a range of random numbers: what a double holds exactly (RFC 8259 §6).
pub const MAX_RANDOM: u64 = (1 << 53) - 1;

/// What is kept of a body in which something is looked for, in bytes. A longer one counts as wrong.
pub const MAX_KEPT_BODY_BYTES: usize = 1024 * 1024;

/// The longest hole, braces included: a name of 64 characters.
const MAX_HOLE_BYTES: usize = 66;

/// Bytes with holes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Template {
    head: Vec<Piece>,
    body: Vec<Piece>,
    /// Of each line in turn, where whole requests are lines.
    methods: Vec<Method>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Piece {
    Text(Vec<u8>),
    Hole(Hole),
}

/// What may be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Hole {
    /// `{seq}`: the number of the request, from 1, which no other request of the drive has.
    Seq,
    /// `{random}` or `{random:1-100}`: a number of this range, another one at each place.
    Random(RangeInclusive<u64>),
    /// `{name}`: what was taken under this name, by its place in [`Filling::values`].
    Value(usize),
    /// A line, one after the other and again from the first.
    Line(Arc<Vec<Vec<u8>>>),
    /// How long the body is.
    Length,
}

/// What holes are filled with.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// The number of the request, from 1.
    pub seq: u64,
    /// The seed of the load.
    pub seed: u64,
    /// What was taken of earlier replies of the session.
    pub values: &'a [Vec<u8>],
}

/// A name in braces, and what is filled in for it.
fn hole(name: &str, values: &[String]) -> Option<Hole> {
    match name {
        "seq" => Some(Hole::Seq),
        "random" => Some(Hole::Random(USUAL_RANDOM)),
        name => match name.strip_prefix("random:") {
            Some(range) => random_range(range).map(Hole::Random),
            None => values
                .iter()
                .position(|known| known == name)
                .map(Hole::Value),
        },
    }
}

/// A range of random numbers as it is written: `1-100`.
fn random_range(text: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last <= MAX_RANDOM).then_some(first..=last)
}

/// The names in braces that something is filled in for, and those that look like one and are none: a word in braces.
///
/// `values`: the names of what was taken before.
pub fn holes_in<'a>(text: &'a str, values: &[String]) -> (Vec<&'a str>, Vec<&'a str>) {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let end = after.find(['{', '}']).unwrap_or(after.len());
        if after[end..].starts_with('}') {
            names.push(&after[..end]);
        }
        rest = &after[end..];
    }
    let is_word = |name: &&&str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte))
    };
    let (known, unknown): (Vec<&str>, Vec<&str>) = names
        .into_iter()
        .partition(|name| hole(name, values).is_some());
    let unknown = unknown.iter().filter(is_word).copied().collect();
    (known, unknown)
}

fn pieces(text: &[u8], values: &[String]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == b'{') {
        literal.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let near = &rest[..rest.len().min(MAX_HOLE_BYTES)];
        let end = near.iter().position(|&byte| byte == b'}');
        let name = end.and_then(|end| std::str::from_utf8(&rest[1..end]).ok());
        let found = name.and_then(|name| Some((hole(name, values)?, name.len() + 2)));
        let taken = if let Some((hole, length)) = found {
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Hole(hole));
            length
        } else {
            literal.push(b'{');
            1
        };
        rest = &rest[taken..];
    }
    literal.extend_from_slice(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    pieces
}

impl Template {
    /// What has holes, of a request that was encoded with them as text; `None` where it has none.
    ///
    /// `head`: with its empty line, and with a length of 0 where there is a body. `lines`: sent as bodies one after the other.
    pub(crate) fn new(
        head: &[u8],
        body: Option<&[u8]>,
        lines: Option<Arc<Vec<Vec<u8>>>>,
        values: &[String],
    ) -> Option<Self> {
        const NO_LENGTH: &[u8] = b"0\r\n\r\n";
        let body = match lines {
            Some(lines) => vec![Piece::Hole(Hole::Line(lines))],
            None => pieces(body.unwrap_or_default(), values),
        };
        let mut head = pieces(head, values);
        let is_hole = |piece: &Piece| matches!(piece, Piece::Hole(_));
        if !head.iter().chain(&body).any(is_hole) {
            return None;
        }
        if !body.is_empty()
            && let Some(Piece::Text(last)) = head.last_mut()
            && last.ends_with(NO_LENGTH)
        {
            last.truncate(last.len() - NO_LENGTH.len());
            head.push(Piece::Hole(Hole::Length));
            head.push(Piece::Text(b"\r\n\r\n".to_vec()));
        }
        Some(Self {
            head,
            body,
            methods: Vec::new(),
        })
    }

    /// Whole requests, at least one, one after the other and again from the first.
    pub(crate) fn of_requests(requests: Vec<(Method, Vec<u8>)>) -> Self {
        let (methods, lines) = requests.into_iter().unzip();
        Self {
            head: vec![Piece::Hole(Hole::Line(Arc::new(lines)))],
            body: Vec::new(),
            methods,
        }
    }

    /// The method of a request, where each has its own.
    pub(crate) fn method(&self, seq: u64) -> Option<Method> {
        let index = (seq - 1).checked_rem(self.methods.len() as u64)?;
        let index = usize::try_from(index).expect("it is below a length");
        Some(self.methods[index])
    }

    /// Writes the request into `out`, in place of what was there. `scratch`: for the body, of which the length is sent first.
    pub(crate) fn fill(&self, filling: &Filling<'_>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        // Neighbouring numbers give unrelated streams: SplitMix64 mixes its state anew for each draw.
        let mixed = filling.seed ^ filling.seq.wrapping_mul(0xd134_2543_de82_ef95);
        let mut random = SplitMix64::seed_from_u64(mixed);
        scratch.clear();
        out.clear();
        write(&self.body, filling, &mut random, 0, scratch);
        write(&self.head, filling, &mut random, scratch.len(), out);
        out.extend_from_slice(scratch);
    }
}

fn write(
    pieces: &[Piece],
    filling: &Filling<'_>,
    random: &mut SplitMix64,
    length: usize,
    out: &mut Vec<u8>,
) {
    let number = |number: u64, out: &mut Vec<u8>| {
        write!(out, "{number}").expect("writing into memory never fails");
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Hole(Hole::Seq) => number(filling.seq, out),
            Piece::Hole(Hole::Random(range)) => {
                // The remainder prefers small numbers by less than one in two thousand, even over the widest range.
                let drawn = random.next_u64() % (range.end() - range.start() + 1);
                number(range.start() + drawn, out);
            }
            Piece::Hole(Hole::Value(place)) => {
                let value = filling.values.get(*place);
                out.extend_from_slice(value.map_or(&[], Vec::as_slice));
            }
            Piece::Hole(Hole::Line(lines)) => {
                let count = lines.len() as u64;
                let index = usize::try_from((filling.seq - 1) % count);
                out.extend_from_slice(&lines[index.expect("it is below a length")]);
            }
            Piece::Hole(Hole::Length) => number(length as u64, out),
        }
    }
}

/// What is taken of a reply, for requests that follow it in its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Its place among the values of the session.
    pub place: usize,
    /// Where it stands.
    pub from: Source,
}

/// Where something stands in a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// In its body, at this JSON pointer (RFC 6901).
    Json(String),
    /// In this field of its head.
    Field(String),
}

/// What a reply says at certain places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// What must stand where, by JSON pointers.
    pub json: Vec<(String, serde_json::Value)>,
    /// What is taken.
    pub takes: Vec<Take>,
}

impl Reading {
    /// Whether a reply need not be looked at.
    pub fn is_nothing(&self) -> bool {
        self.json.is_empty() && self.takes.is_empty()
    }

    /// Looks for what must stand in a reply, and takes what is taken into `values`; the error says what is not there.
    pub fn read(&self, head: &[u8], body: &[u8], values: &mut Vec<Vec<u8>>) -> Result<(), String> {
        let is_of_json = |take: &Take| matches!(take.from, Source::Json(_));
        let json = if !self.json.is_empty() || self.takes.iter().any(is_of_json) {
            if body.len() > MAX_KEPT_BODY_BYTES {
                return Err(format!(
                    "its body has more than {MAX_KEPT_BODY_BYTES} bytes, and is looked into up to there"
                ));
            }
            serde_json::from_slice(body)
                .map_err(|error| format!("its body is not JSON: {error}"))?
        } else {
            serde_json::Value::Null
        };
        for (pointer, expected) in &self.json {
            match json.pointer(pointer) {
                Some(found) if found == expected => {}
                Some(found) => {
                    return Err(format!("its {pointer} is {found}, not {expected}"));
                }
                None => return Err(format!("its body has no {pointer}")),
            }
        }
        for Take { place, from } in &self.takes {
            let value = match from {
                Source::Field(name) => field(head, name)
                    .ok_or_else(|| format!("its head has no {name}"))?
                    .as_bytes()
                    .to_vec(),
                Source::Json(pointer) => match json.pointer(pointer) {
                    Some(serde_json::Value::String(text)) => text.clone().into_bytes(),
                    Some(other) => other.to_string().into_bytes(),
                    None => return Err(format!("its body has no {pointer}")),
                },
            };
            // It goes into a head: what would end a line there would be a request of its own.
            if value.iter().any(u8::is_ascii_control) {
                return Err("what is taken of it has a control character".to_owned());
            }
            if values.len() <= *place {
                values.resize(place + 1, Vec::new());
            }
            values[*place] = value;
        }
        Ok(())
    }
}

/// The value of the first field of this name, in any letters, in the head of a reply.
pub(crate) fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|&byte| byte == b'\n').find_map(|line| {
        let (own, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        own.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, body: Option<&str>, seq: u64) -> String {
        let values = ["token".to_owned()];
        let template = Template::new(head.as_bytes(), body.map(str::as_bytes), None, &values);
        let (mut scratch, mut out) = (b"old".to_vec(), b"old".to_vec());
        let filling = Filling {
            seq,
            seed: 7,
            values: &[b"t0ken".to_vec()],
        };
        template.unwrap().fill(&filling, &mut scratch, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn holes_are_filled_and_other_braces_stay() {
        assert_eq!(
            check("GET /{seq}/{id} {token}{", None, 12),
            "GET /12/{id} t0ken{"
        );
        assert_eq!(
            check("L: 0\r\n\r\n", Some("{\"n\":{seq},\"t\":\"{token}\"}"), 100),
            "L: 21\r\n\r\n{\"n\":100,\"t\":\"t0ken\"}"
        );
        assert_eq!(check("{seq}L: 0\r\n\r\n", Some("ab"), 1), "1L: 2\r\n\r\nab");
        for text in [
            "GET /",
            "GET /{id}",
            "{}",
            "{random:2-1}",
            "{random:0-9007199254740992}",
        ] {
            assert_eq!(
                Template::new(text.as_bytes(), None, None, &[]),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn random_numbers_follow_from_seed_and_number_and_keep_to_their_range() {
        let text = check(
            "{random} {random} {random:3-3} {random:0-9007199254740991}",
            None,
            5,
        );
        assert_eq!(
            text,
            check(
                "{random} {random} {random:3-3} {random:0-9007199254740991}",
                None,
                5
            )
        );
        let numbers: Vec<u64> = text
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        assert!(numbers[0] != numbers[1] && numbers[2] == 3, "{text}");
        assert!(
            numbers[..2]
                .iter()
                .all(|number| USUAL_RANDOM.contains(number))
        );
        let drawn = |seq| check("{random:1-6}", None, seq).parse::<u64>().unwrap();
        let faces: std::collections::BTreeSet<u64> = (1..200).map(drawn).collect();
        assert_eq!(faces, (1..=6).collect());
    }

    #[test]
    fn whole_requests_come_in_their_order_with_their_methods() {
        let requests = vec![
            (Method::Head, b"HEAD /".to_vec()),
            (Method::Get, b"GET /".to_vec()),
        ];
        let template = Template::of_requests(requests);
        let sent = |seq| {
            let (mut scratch, mut out) = (Vec::new(), Vec::new());
            let filling = Filling {
                seq,
                seed: 0,
                values: &[],
            };
            template.fill(&filling, &mut scratch, &mut out);
            (template.method(seq).unwrap(), out)
        };
        assert_eq!(sent(1), (Method::Head, b"HEAD /".to_vec()));
        assert_eq!(sent(2), (Method::Get, b"GET /".to_vec()));
        assert_eq!(sent(3), sent(1));
    }

    #[test]
    fn lines_come_in_their_order_and_again() {
        let lines = Arc::new(vec![b"a".to_vec(), b"bc".to_vec()]);
        let template = Template::new(b"L: 0\r\n\r\n", None, Some(lines), &[]).unwrap();
        let sent = |seq| {
            let (mut scratch, mut out) = (Vec::new(), Vec::new());
            let filling = Filling {
                seq,
                seed: 0,
                values: &[],
            };
            template.fill(&filling, &mut scratch, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            [1, 2, 3].map(sent),
            ["L: 1\r\n\r\na", "L: 2\r\n\r\nbc", "L: 1\r\n\r\na"]
        );
    }

    #[test]
    fn what_looks_like_a_hole_and_is_none_is_named() {
        let values = ["token".to_owned()];
        let (known, unknown) = holes_in(
            "/{seq}/{radom}/{token}/{random:1-2}/{\"a\":1}/{Id}/{{x}}/{",
            &values,
        );
        assert_eq!(known, ["seq", "token", "random:1-2"]);
        assert_eq!(unknown, ["radom", "x"]);
    }

    #[test]
    fn replies_are_read_by_pointers_and_fields() {
        let reading = Reading {
            json: vec![("/user/name".to_owned(), "Ada".into())],
            takes: vec![
                Take {
                    place: 1,
                    from: Source::Json("/ids/0".to_owned()),
                },
                Take {
                    place: 0,
                    from: Source::Field("location".to_owned()),
                },
            ],
        };
        let head = b"HTTP/1.1 201 C\r\nLocation: /x/1 \r\n\r\n";
        let mut values = Vec::new();
        let body = br#"{"user":{"name":"Ada"},"ids":[7]}"#;
        let long = vec![b' '; MAX_KEPT_BODY_BYTES + 1];
        assert_eq!(reading.read(head, body, &mut values), Ok(()));
        assert_eq!(values, [b"/x/1".to_vec(), b"7".to_vec()]);
        for (head, body, why) in [
            (&head[..], &b"{"[..], "not JSON"),
            (head, b"{}", "no /user/name"),
            (
                head,
                br#"{"user":{"name":"Bob"}}"#,
                "is \"Bob\", not \"Ada\"",
            ),
            (head, br#"{"user":{"name":"Ada"}}"#, "no /ids/0"),
            (
                head,
                br#"{"user":{"name":"Ada"},"ids":["a\nb"]}"#,
                "control character",
            ),
            (b"HTTP/1.1 201 C\r\n\r\n", body, "no location"),
            (head, &long, "more than 1048576 bytes"),
        ] {
            let error = reading.read(head, body, &mut values).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
