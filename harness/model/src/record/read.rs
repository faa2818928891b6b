//! Reading records of runs and sweeps, of this version and of earlier ones.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::record::{range, upgrade};

/// The version of the format of records. It grows when a key changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 2;

/// The longest record that is read. Ten intervals a second of a quarter of a kilobyte each make half an hour of sixteen
/// targets.
pub const MAX_RECORD_BYTES: usize = 72 * 1024 * 1024;

/// Reads a record of any version up to [`SCHEMA_VERSION`].
///
/// `of`: what it is a record of, as in its usual name, `run.json`.
pub(crate) fn parse<T: DeserializeOwned>(
    text: &str,
    file_name: &str,
    of: &'static str,
) -> Result<T, RecordError> {
    let file = || file_name.to_owned();
    if text.len() > MAX_RECORD_BYTES {
        return Err(RecordError::TooLarge {
            of,
            file: file(),
            bytes: text.len(),
        });
    }
    // The version first: a later record may differ in anything else.
    let corrupt = |error: serde_json::Error| RecordError::Corrupt {
        of,
        file: file(),
        line: Some(error.line()),
        what: error.to_string(),
    };
    let version = serde_json::from_str::<Versioned>(text)
        .map_err(corrupt)?
        .schema_version;
    if version > SCHEMA_VERSION {
        return Err(RecordError::Newer {
            file: file(),
            version,
            newest: SCHEMA_VERSION,
        });
    }
    range::check(text).map_err(corrupt)?;
    if version == SCHEMA_VERSION {
        return serde_json::from_str(text).map_err(corrupt);
    }
    let mut record: Value = serde_json::from_str(text).map_err(corrupt)?;
    upgrade::to_version_2(&mut record);
    // As text again: to read it from anything else, every type of a record would be compiled once more.
    let text = format!("{record:#}");
    serde_json::from_str(&text).map_err(|error| RecordError::Corrupt {
        of,
        file: file(),
        line: None,
        what: error_with_place(&error, &text),
    })
}

/// An error of a text that nobody has seen: in place of its line it says where in the record that is, as `targets[0].name`.
fn error_with_place(error: &serde_json::Error, text: &str) -> String {
    let whole = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let what = whole.strip_suffix(&position).unwrap_or(&whole);
    let place = place(text, error.line());
    if place.is_empty() {
        what.to_owned()
    } else {
        format!("{place}: {what}")
    }
}

/// Where the value of a line is, counted from 1, or of what ends there: nothing for the whole. The text is as `serde_json` indents it, with a
/// line for each key and each entry, two spaces deeper than what it is in.
fn place(text: &str, line: usize) -> String {
    let mut path: Vec<Step> = Vec::new();
    let mut depth = 0;
    for line in text.lines().take(line) {
        let entry = line.trim_start();
        depth = (line.len() - entry.len()) / 2;
        path.truncate(depth);
        if entry.starts_with(['}', ']']) {
            continue;
        }
        match path.last_mut() {
            Some(Step::Key(key)) => *key = key_of(entry),
            Some(Step::Index(next)) => *next += 1,
            None => {}
        }
        // What its entries are found by.
        if entry.ends_with('{') {
            path.push(Step::Key(String::new()));
        } else if entry.ends_with('[') {
            path.push(Step::Index(0));
        }
    }
    path.truncate(depth);
    let mut place = String::new();
    for step in path {
        match step {
            Step::Key(key) if place.is_empty() => place = key,
            Step::Key(key) => place = format!("{place}.{key}"),
            // It was counted when it began.
            Step::Index(next) => place = format!("{place}[{}]", next.saturating_sub(1)),
        }
    }
    place
}

/// A step on the way to a value.
enum Step {
    Key(String),
    /// How many entries have begun.
    Index(usize),
}

/// The key that a line begins with.
fn key_of(entry: &str) -> String {
    let mut values = serde_json::Deserializer::from_str(entry).into_iter::<String>();
    values.next().and_then(Result::ok).unwrap_or_default()
}

/// The one key that every version of a record has.
#[derive(Deserialize)]
struct Versioned {
    schema_version: u32,
}

/// Why a record can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Longer than any record.
    #[error(
        "{file} has {bytes} bytes, and a record at most {MAX_RECORD_BYTES}: check that this is a {of}.json"
    )]
    TooLarge {
        /// What it should be a record of.
        of: &'static str,
        /// The file.
        file: String,
        /// Its length.
        bytes: usize,
    },
    /// Written by a later version.
    #[error(
        "{file} has schema version {version}, and this bench reads up to {newest}: read it with the version that wrote it, or later"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
        /// The last that is known here.
        newest: u32,
    },
    /// Not a record.
    #[error(
        "{file}{}: this is no {of} record ({what}): check that it is the {of}.json of a {of}, and that nothing has changed it since",
        line.map_or_else(String::new, |line| format!(":{line}"))
    )]
    Corrupt {
        /// What it should be a record of.
        of: &'static str,
        /// The file.
        file: String,
        /// The line, from 1; none of a record of version 1, of which the reader says the place.
        line: Option<usize>,
        /// What the reader says.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_line_of_a_text_has_its_place() {
        let value = json!({
            "a.b": [], "deep": { "er": [[1, 2], [{ "x": "{", "y": {} }]] }, "list": ["\"z\": [", { "last": null }],
        });
        let text = format!("{value:#}");
        let places: Vec<(String, &str)> = (1..=text.lines().count())
            .map(|line| place(&text, line))
            .zip(text.lines().map(str::trim))
            .collect();
        let expected = [
            ("", "{"),
            ("a.b", "\"a.b\": [],"),
            ("deep", "\"deep\": {"),
            ("deep.er", "\"er\": ["),
            ("deep.er[0]", "["),
            ("deep.er[0][0]", "1,"),
            ("deep.er[0][1]", "2"),
            ("deep.er[0]", "],"),
            ("deep.er[1]", "["),
            ("deep.er[1][0]", "{"),
            ("deep.er[1][0].x", "\"x\": \"{\","),
            ("deep.er[1][0].y", "\"y\": {}"),
            ("deep.er[1][0]", "}"),
            ("deep.er[1]", "]"),
            ("deep.er", "]"),
            ("deep", "},"),
            ("list", "\"list\": ["),
            ("list[0]", "\"\\\"z\\\": [\","),
            ("list[1]", "{"),
            ("list[1].last", "\"last\": null"),
            ("list[1]", "}"),
            ("list", "]"),
            ("", "}"),
        ];
        let places: Vec<_> = places
            .iter()
            .map(|(place, line)| (&**place, *line))
            .collect();
        assert_eq!(places, expected);
        assert_eq!(place(&text, 0), "");
    }
}
