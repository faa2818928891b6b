//! `bench run --profile syscalls` with stand-ins for strace: what it counts is reported by name, and where it can't count, the run
//! says why and is whole all the same.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use model::record::run::{Completion, RunRecord};
use model::record::target::TargetRecord;
use model::record::warning::Fact;

use crate::program;

const SCENARIO: &str = "description = \"Little\"\nquestion = \"Is it there?\"\nconnections = 4\n\
    [load]\narrival = \"open\"\nrate_per_s = 100\n[[requests]]\nroute = \"/plaintext\"\n";

/// Attaches itself, and counts until it is asked to end.
const COUNTS: &str = r#"
trap 'printf "%% time seconds usecs/call calls errors syscall\n99 0.1 1 3000 7 epoll_wait\n1 0.1 1 600 write\n"; exit 130' INT
for pid in $(echo "$4" | tr , " "); do echo "strace: Process $pid attached" >&2; done
while :; do sleep 0.02; done
"#;

/// What stands in for strace.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Strace {
    Counts,
    /// It counts, and the run was killed before it was first asked to.
    IsLate,
    Refuses,
    /// It writes another table than ours.
    IsSilent,
    IsMissing,
}

impl Strace {
    const ALL: [Self; 5] = [
        Self::Counts,
        Self::IsLate,
        Self::Refuses,
        Self::IsSilent,
        Self::IsMissing,
    ];

    /// A shell script; none where there is to be no program.
    fn script(self) -> Option<String> {
        let refused =
            "echo 'strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted' >&2; exit 1\n";
        match self {
            Self::Counts | Self::IsLate => Some(COUNTS.to_owned()),
            Self::Refuses => Some(refused.to_owned()),
            Self::IsSilent => Some(COUNTS.replace("epoll_wait", "").replace("syscall", "")),
            Self::IsMissing => None,
        }
    }
}

/// What the record of a run with such a strace says of its target. The runs are made at the same time, when the first is asked for:
/// nothing of them is timed.
fn measured(strace: Strace) -> &'static TargetRecord {
    static RECORDS: LazyLock<Vec<TargetRecord>> = LazyLock::new(|| {
        std::thread::scope(|scope| {
            let runs = Strace::ALL.map(|strace| scope.spawn(move || run(strace)));
            runs.map(|run| run.join().unwrap()).into()
        })
    });
    &RECORDS[strace as usize]
}

/// Runs `callback` with this strace on the PATH, and gives what the record says of it.
fn run(strace: Strace) -> TargetRecord {
    let dir = tempfile::tempdir().unwrap();
    let scenario = dir.path().join("little.toml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let out = dir.path().join("run");
    let mut command = bench(strace, dir.path());
    command
        .args(["run", "--target", "callback", "-d", "4s", "--rounds", "1"])
        .args(["-w", "0s", "--profile", "syscalls", "--scenario"])
        .arg(&scenario)
        .arg("--out")
        .arg(&out);
    if strace == Strace::IsLate {
        command.output().unwrap();
        forget_profile(&out);
        command = bench(strace, dir.path());
        command.args(["run", "--resume"]).arg(&out);
    }
    let output = command.output().unwrap();
    let text = std::fs::read_to_string(out.join("run.json"));
    let text = text.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let mut record = RunRecord::from_json(&text, "run.json").unwrap();
    assert_eq!(record.completion, Completion::Complete);
    let target = record.targets.remove(0);
    assert!(target.report.requests.ok > 0);
    target
}

/// `bench` with this strace on the PATH.
fn bench(strace: Strace, dir: &Path) -> Command {
    let path = match strace.script() {
        Some(strace) => {
            let file = dir.join("strace");
            let version = r#"[ "$1" = -V ] && { echo "strace -- version 9.9"; exit; }"#;
            std::fs::write(&file, format!("#!/bin/sh\n{version}\n{strace}")).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
            format!("{}:/usr/bin:/bin", dir.display())
        }
        None => dir.display().to_string(),
    };
    let mut command = Command::new(program::path());
    command.env("PATH", path);
    command
}

/// Leaves of a run what it had kept after its last block: what follows are the lines of the profile and of the end.
fn forget_profile(out: &Path) {
    let log = std::fs::read_to_string(out.join("steps.ndjson")).unwrap();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let (kept, forgotten) = lines.split_at(lines.len() - 2);
    assert!(kept.last().unwrap().contains(r#""measured":{"block":"#));
    assert!(forgotten[0].contains(r#""measured":"profile""#));
    std::fs::write(out.join("steps.ndjson"), kept.concat()).unwrap();
    std::fs::remove_file(out.join("run.json")).unwrap();
}

/// Why system calls were not counted, and what to do about it.
fn not_profiled(target: &TargetRecord) -> Option<(&str, &str)> {
    let mut warnings = target.report.validity.warnings.iter();
    warnings.find_map(|warning| match &warning.fact {
        Fact::NotProfiled { why, remedy } if !warning.voids => {
            Some((why.as_str(), remedy.as_str()))
        }
        _ => None,
    })
}

#[test]
fn what_strace_counts_is_reported_a_request_and_by_name() {
    let target = measured(Strace::Counts);
    assert_eq!(not_profiled(target), None);
    let calls = target.server.syscalls.as_ref().unwrap();
    assert_eq!(calls.counted_by, "strace 9.9");
    let requests = calls.requests as f64;
    assert!(requests > 0.0 && (calls.rate_per_s - 100.0).abs() < 1e-9);
    let by_name: Vec<(&str, f64)> = calls
        .per_request_by_name
        .iter()
        .map(|(name, &per_request)| (name.as_str(), (per_request * requests).round()))
        .collect();
    assert_eq!(by_name, [("epoll_wait", 3_000.0), ("write", 600.0)]);
}

#[test]
fn a_run_that_was_killed_before_it_profiled_is_profiled_when_it_goes_on() {
    let target = measured(Strace::IsLate);
    assert_eq!(not_profiled(target), None);
    assert_eq!(
        target.server.syscalls.as_ref().unwrap().counted_by,
        "strace 9.9"
    );
}

#[test]
fn a_strace_that_may_not_trace_is_reported_with_the_setting_that_forbids_it() {
    let target = measured(Strace::Refuses);
    assert_eq!(target.server.syscalls, None);
    let (why, remedy) = not_profiled(target).unwrap();
    assert!(why.contains("Operation not permitted"), "{why} {remedy}");
    assert!(
        remedy.contains("kernel.yama.ptrace_scope=0"),
        "{why} {remedy}"
    );
}

#[test]
fn without_strace_the_package_is_named() {
    let target = measured(Strace::IsMissing);
    assert_eq!(target.server.syscalls, None);
    let (why, remedy) = not_profiled(target).unwrap();
    assert!(why.contains("strace is not installed"), "{why} {remedy}");
    assert!(remedy.contains("package strace"), "{why} {remedy}");
}

#[test]
fn a_strace_that_counts_nothing_is_reported() {
    let target = measured(Strace::IsSilent);
    assert_eq!(target.server.syscalls, None);
    assert!(not_profiled(target).unwrap().0.contains("no table"));
}
