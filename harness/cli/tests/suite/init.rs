//! `bench init`, as somebody without a terminal uses it: what it writes works, and nothing that was there is touched.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use crate::program;

/// Exit code, and what was said.
fn init(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let place = dir.to_str().unwrap();
    let child = program::bench(&[&["init", place], args].concat()).spawn();
    let output = program::end(child.unwrap());
    let said =
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said)
}

#[test]
fn a_server_is_measured_by_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    // Started by a build, as a project is that has to be compiled first.
    let command = "{bench} serve truth --behaviour fixed:delay=1ms --port {port}";
    let args = [
        "--command",
        command,
        "--build",
        "touch built",
        "--path",
        "/",
    ];
    let (code, said) = init(dir.path(), &args);
    // 3: a busy machine may void the measurement itself.
    assert!([Some(0), Some(3)].contains(&code), "{said}");
    assert!(
        said.contains("$ bench run bench-requests.toml --target ./bench-server.toml --quick"),
        "{said}"
    );
    for file in [
        "built",
        "bench.toml",
        ".github/workflows/bench.yml",
        "results/runs",
    ] {
        assert!(dir.path().join(file).exists(), "{file}: {said}");
    }
}

#[test]
fn what_is_there_stays_and_then_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let ours = dir.path().join("bench.toml");
    std::fs::write(&ours, "mine").unwrap();
    let (code, said) = init(dir.path(), &["--command", "./x", "--no-run"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("bench.toml is there already; nothing was written"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&ours).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_can_not_be_known_is_asked_for_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&[], "--command `` is no command"),
        (&["--command", "'x"], "--command `'x` is no command"),
        (
            &["--command", "x", "--build", "  "],
            "--build `  ` is no command",
        ),
        (
            &["--command", "x", "--path", "users"],
            "the path `users` does not begin with a slash",
        ),
        (&["--command", "x {prot}"], "{prot}"),
        (&["--command", "x", "--path", "/a b"], "/a b"),
    ];
    for (args, message) in cases {
        // Also what only the parsers of what would be written refuse.
        let (code, said) = init(dir.path(), args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(message), "{said}");
    }
    let (code, said) = init(&dir.path().join("nowhere"), &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("nowhere is no directory"), "{said}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn in_a_part_of_a_repository_the_workflow_stands_at_its_root_and_builds_there() {
    let dir = tempfile::tempdir().unwrap();
    let api = dir.path().join("services/an api");
    std::fs::create_dir_all(&api).unwrap();
    let made = std::process::Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(dir.path())
        .status();
    assert!(made.unwrap().success());
    let (code, said) = init(
        &api,
        &["--command", "./x", "--build", "make all", "--no-run"],
    );
    assert_eq!(code, Some(0), "{said}");
    let read = |path: &str| std::fs::read_to_string(dir.path().join(path)).unwrap();
    let build = "build = [\"sh\", \"-c\", \"cd 'services/an api/' && make all\"]";
    assert!(read("services/an api/bench.toml").contains(build));
    let workflow = read(".github/workflows/bench.yml");
    assert!(
        workflow.contains("gate --config 'services/an api/bench.toml' --base-rev HEAD^1"),
        "{workflow}"
    );
    assert!(!api.join(".github").exists());
}
