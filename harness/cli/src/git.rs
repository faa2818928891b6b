//! What git knows of the tree that is measured. Where there is no git, or no repository, nothing is known.

use std::path::Path;
use std::process::{Command, Stdio};

/// The revision that is checked out in a directory, with `-dirty` where files differ from it.
pub(crate) fn revision(dir: &Path) -> Option<String> {
    // No tag has this name: the hash alone stays the same when tags come and go.
    let args = ["describe", "--always", "--dirty", "--exclude", "*"];
    let told = output(dir, &args).ok()?;
    (!told.is_empty()).then_some(told)
}

/// What git prints, without the line feed at its end; the error is what it says, or why it could not be run.
fn output(dir: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}
