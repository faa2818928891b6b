//! A preset is measured run by run, answers on one page, and goes on where it was killed.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it"
)]

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::program::{bench, end, signal, wait_for};

/// A preset of two of our own servers, of which one has no chat.
fn preset(dir: &Path, scenario: &str) -> String {
    let file = dir.join("mine.toml");
    let text = format!(
        "question = \"Which?\"\ntargets = [\"callback\", \"axum\"]\ncapacity_share = 0.5\n\
         [[workloads]]\nscenario = \"ping\"\nwork = \"nothing\"\ncapacity = false\n\
         [[workloads]]\nscenario = \"{scenario}\"\nwork = \"more\"\n\
         [[workloads]]\nscenario = \"chat\"\nwork = \"a chat\"\ncapacity = false\n"
    );
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn a_preset_that_was_killed_goes_on_and_answers_on_one_page() {
    let dir = tempfile::tempdir().unwrap();
    let file = preset(dir.path(), "orders");
    let out = dir.path().join("out");
    let out_name = out.display().to_string();
    let args = ["run", "--preset", &file, "--quick", "--duration", "4s"];
    let mut child = bench(&[&args[..], &["--out", &out_name]].concat())
        .spawn()
        .unwrap();
    wait_for("the first run", || {
        out.join("01-ping/run.json").is_file().then_some(())
    });
    signal(i32::try_from(child.id()).unwrap(), Signal::KILL);
    child.wait().unwrap();
    let ended = end(bench(&["run", "--resume", &out_name]).spawn().unwrap());
    let shown = String::from_utf8_lossy(&ended.stdout).into_owned();
    // One workload was left out, since axum does not serve it.
    assert_eq!(ended.status.code(), Some(5), "{ended:?}");
    assert!(shown.contains("callback and axum"), "{shown}");
    let text = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(
        text.contains("| ping | nothing, at ") && text.contains("| orders | more, at "),
        "{text}"
    );
    assert!(
        text.contains("Not measured:") && text.contains("- chat: axum"),
        "{text}"
    );
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for part in ["01-ping", "02-orders"] {
        assert!(
            page.contains(&format!("href=\"{part}/report.html\"")),
            "{part}"
        );
        assert!(out.join(part).join("report.html").is_file(), "{part}");
    }
    assert!(out.join("03-orders-capacity/report.html").is_file());
}

#[test]
fn a_workload_that_cannot_be_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = preset(dir.path(), "io-havey");
    let out = dir.path().join("out");
    let out_name = out.display().to_string();
    let ended = end(bench(&["run", "--preset", &file, "--out", &out_name])
        .spawn()
        .unwrap());
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("did you mean `io-heavy`?"), "{said}");
    assert!(!out.exists());
}
