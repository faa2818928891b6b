//! Outputs that take nothing: a disk that is full, a reader that has gone, nothing at all.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test starts the program and looks at how it ends"
)]

use std::fs::{File, OpenOptions};
use std::process::{Command, Output, Stdio};

use crate::program;

/// Commands that print by themselves, by libraries and by pieces, and how they end where all is well.
const COMMANDS: &[&[&str]] = &[
    &["list", "scenarios"],
    &["list", "cases"],
    &["explain", "p99"],
    &["doctor"],
    &["completions", "bash"],
    &["export", "record.json", "-f", "markdown"],
    &["compare", "record.json", "record.json"],
    &["compare", "record.json", "record.json", "--json"],
    &[
        "chart",
        "record.json",
        "--chart",
        "latency-by-percentile",
        "--out",
        "-",
        "--format",
        "svg",
    ],
];

fn bench(args: &[&str]) -> Command {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("outputs");
    std::fs::create_dir_all(&dir).unwrap();
    let record = dir.join("record.json");
    if !record.exists() {
        let draft = tempfile::NamedTempFile::new_in(&dir).unwrap();
        std::fs::write(draft.path(), samples::run_record().to_json()).unwrap();
        draft.persist(record).unwrap();
    }
    let mut command = Command::new(program::path());
    command.args(args).current_dir(dir);
    command
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn no_panic(args: &[&str], output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{args:?}: {text}");
    text
}

#[test]
fn a_full_disk_is_a_sentence_and_exit_code_1() {
    for args in COMMANDS {
        let usual = bench(args).output().unwrap();
        assert_eq!(usual.status.code(), Some(0), "{args:?}: {usual:?}");
        let output = bench(args).stdout(full()).output().unwrap();
        let text = no_panic(args, &output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
        let said = "cannot write to standard output: No space left on device";
        assert_eq!(text.matches(said).count(), 1, "{args:?}: {text}");
    }
}

#[test]
fn a_reader_that_has_gone_is_nobody_to_tell() {
    for args in COMMANDS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = bench(args).stdout(writer).output().unwrap();
        let text = no_panic(args, &output);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {text}");
        assert!(!text.contains("cannot write"), "{args:?}: {text}");
    }
}

#[test]
fn an_error_that_nobody_can_read_keeps_its_exit_code() {
    for (args, code) in [
        (&["load", "http://127.0.0.1:1/", "-n", "1"][..], 5),
        (&["explain", "no such word"], 2),
    ] {
        let status = bench(args).stdout(Stdio::null()).stderr(full()).status();
        assert_eq!(status.unwrap().code(), Some(code), "{args:?}");
    }
}

#[test]
fn a_run_whose_outputs_are_full_keeps_what_it_measured() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let args = [
        "run",
        "--scenario",
        "ping",
        "--target",
        "callback",
        "-R",
        "100",
        "-d",
        "4s",
        "--rounds",
        "1",
        "-w",
        "200ms",
    ];
    let status = bench(&args)
        .arg("--out")
        .arg(&out)
        .stdout(full())
        .stderr(full())
        .status()
        .unwrap();
    // 3 where the machine was disturbed.
    assert!(matches!(status.code(), Some(1 | 3)), "{status:?}");
    assert!(out.join("run.json").is_file() && out.join("report.html").is_file());
}
