//! Asking a program for its version.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::supervised::{Program, Supervised, describe};

/// How long a command may take that prints a version: Python compiles a framework when it is first imported.
const VERSION_TIMEOUT: Duration = Duration::from_mins(1);

/// The most lines that such a command may print; it is ended where it prints more.
const MAX_LINES: u64 = 1_000;

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(50);

/// The first word with a version's look in what a command prints first. It is ended where `is_interrupted`.
pub fn version_reported_by(
    program: &Program,
    is_interrupted: impl Fn() -> bool,
) -> Result<String, String> {
    let (said, lines) = mpsc::sync_channel(1);
    let asked = Supervised::start(program, move |line| {
        // Only the first line matters.
        let _ = said.try_send(line.to_owned());
    })
    .map_err(|error| error.to_string())?;
    let began = Instant::now();
    let name = &program.command;
    let status = loop {
        match asked.wait(POLL) {
            Some(status) => break status,
            None if is_interrupted() => return Err("interrupted".to_owned()),
            None if asked.lines() > MAX_LINES => {
                return Err(format!("`{name}` printed more than {MAX_LINES} lines"));
            }
            None if began.elapsed() > VERSION_TIMEOUT => {
                let limit_s = VERSION_TIMEOUT.as_secs();
                return Err(format!("`{name}` did not end within {limit_s} s"));
            }
            None => {
                if let Some(how) = asked.ended() {
                    return Err(format!("`{name}`: {how}"));
                }
            }
        }
    };
    // Some print it on standard error.
    let output = asked.last_output();
    let first = lines.try_iter().next();
    let line = first.as_deref().or(output.lines().next());
    let version = line.filter(|_| status.success()).and_then(version_in);
    version.ok_or_else(|| {
        let how = describe(status);
        format!("`{name}` printed none ({how}): {output}")
    })
}

/// `v20.20.2`, `Python 3.11.7` and `go version go1.23.4 linux/amd64` as `20.20.2`, `3.11.7` and `1.23.4`.
fn version_in(line: &str) -> Option<String> {
    line.split_whitespace()
        .find_map(|word| {
            let from = word.find(|c: char| c.is_ascii_digit())?;
            let is_prefix = word[..from].chars().all(|c| c.is_ascii_alphabetic());
            let version = word[from..].trim_end_matches([',', ';', ')']);
            (is_prefix && version.contains('.')).then(|| version.to_owned())
        })
        .or_else(|| {
            let whole = line.trim();
            let is_one_word = !whole.is_empty() && !whole.contains(char::is_whitespace);
            is_one_word.then(|| whole.to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_programs_print() {
        for (line, version) in [
            ("v20.20.2", Some("20.20.2")),
            ("Python 3.11.7", Some("3.11.7")),
            ("go version go1.23.4 linux/amd64", Some("1.23.4")),
            ("0.122.0", Some("0.122.0")),
            ("11.3.244.8-node.33", Some("11.3.244.8-node.33")),
            ("uvicorn 0.35.0, on Linux", Some("0.35.0")),
            ("7", Some("7")),
            ("no such thing", None),
            ("", None),
        ] {
            assert_eq!(version_in(line).as_deref(), version, "{line}");
        }
    }
}
