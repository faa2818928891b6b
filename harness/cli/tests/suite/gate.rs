//! The gate's wiring: trees made and removed, builds that fail, revisions that don't exist. What it makes of measurements is a
//! table in `analysis`; nothing here depends on how long anything takes.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "it waits for what another process does, and a helper of a test may fail it"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use crate::program;

const MANIFEST: &str = "description = \"Made up.\"\nruntime = \"Python\"\nloop = \"none\"\ncommand = \"./server\"\nargs = [\"{port}\"]\n";

fn git(dir: &Path, args: &[&str]) -> String {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(identity)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A repository of two commits with a gate whose build does this.
fn repository(build: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let config = format!("scenarios = [\"ping\"]\ntarget = \"mine.toml\"\nbuild = {build}\n");
    std::fs::write(dir.path().join("bench.toml"), config).unwrap();
    std::fs::write(dir.path().join("mine.toml"), MANIFEST).unwrap();
    git(dir.path(), &["init", "--quiet"]);
    git(dir.path(), &["add", "."]);
    git(dir.path(), &["commit", "--quiet", "-m", "one"]);
    git(
        dir.path(),
        &["commit", "--quiet", "--allow-empty", "-m", "two"],
    );
    dir
}

fn gate(dir: &Path, args: &[&str]) -> Output {
    Command::new(program::path())
        .arg("gate")
        .args(args)
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "1000")
        .env_remove("GITHUB_STEP_SUMMARY")
        .output()
        .unwrap()
}

/// How a gate ends, and that its error says all of this.
fn check(dir: &Path, args: &[&str], code: i32, said: &[&str]) {
    let output = gate(dir, args);
    // An error is wrapped at the width of the terminal.
    let text = String::from_utf8(output.stderr).unwrap();
    let text = text
        .split_whitespace()
        .filter(|word| *word != "│")
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    for said in said {
        assert!(text.contains(said), "{args:?} did not say {said:?}: {text}");
    }
}

fn trees(dir: &Path) -> usize {
    git(dir, &["worktree", "list"]).lines().count()
}

#[test]
fn a_build_that_fails_is_reported_with_its_output_and_its_tree_is_removed() {
    let dir = repository(r#"["sh", "-c", "pwd; echo no compiler here >&2; exit 7"]"#);
    let output = gate(dir.path(), &["--base-rev", "HEAD~1"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("the base could not be built"), "{text}");
    assert!(
        text.contains("exit code 7") && text.contains("no compiler here"),
        "{text}"
    );
    // Where it was built is in what it said before it began.
    let begun = text
        .lines()
        .find(|line| line.starts_with("Building the base in "))
        .unwrap();
    let place = begun
        .trim_start_matches("Building the base in ")
        .split(": ")
        .next()
        .unwrap();
    assert!(!Path::new(place).exists(), "{place} is still there");
    assert_eq!(trees(dir.path()), 1);
}

#[test]
fn a_tree_that_is_to_be_kept_is_kept_and_taken_again() {
    let dir = repository(r#"["sh", "-c", "exit 7"]"#);
    let kept = tempfile::tempdir().unwrap();
    let place = kept.path().join("base");
    let args = [
        "--base-rev",
        "HEAD~1",
        "--base-dir",
        place.to_str().unwrap(),
    ];
    for _ in 0..2 {
        check(dir.path(), &args, 5, &["the base could not be built"]);
        assert!(place.join("bench.toml").is_file());
        assert_eq!(trees(dir.path()), 2);
    }
    let head = git(&place, &["rev-parse", "HEAD"]);
    assert_eq!(head, git(dir.path(), &["rev-parse", "HEAD~1"]));
    // This tree itself, or one of another repository, is nothing to check out into.
    let own = dir.path().to_str().unwrap();
    check(
        dir.path(),
        &["--base-rev", "HEAD~1", "--base-dir", own],
        2,
        &["is no tree beside this one"],
    );
    let other = repository("[\"true\"]");
    let other = other.path().to_str().unwrap();
    check(
        dir.path(),
        &["--base-rev", "HEAD~1", "--base-dir", other],
        2,
        &["is no tree beside this one"],
    );
}

#[test]
fn what_can_not_be_held_against_the_head_is_named_with_the_remedy() {
    let dir = repository("[\"true\"]");
    let dir = dir.path();
    check(
        dir,
        &["--base-rev", "no-such-rev"],
        2,
        &["git knows no revision `no-such-rev` here", "fetch-depth: 0"],
    );
    check(dir, &["--base-rev", "--help-me"], 2, &[]);
    check(
        dir,
        &["--base-command", "'open"],
        2,
        &["is no command: it is empty, or a quote is not closed"],
    );
    check(
        dir,
        &["--base-command", "./old"],
        2,
        &["nothing tells it which port to listen on"],
    );
    check(
        dir,
        &["--baseline", "nothing.ndjson"],
        2,
        &["cannot read the history nothing.ndjson"],
    );
    check(dir, &["--baseline", "."], 2, &["has no whole run in it"]);
    let built_in = "scenarios = [\"ping\"]\ntarget = \"callback\"\n";
    std::fs::write(dir.join("other.toml"), built_in).unwrap();
    check(
        dir,
        &["--config", "other.toml", "--base-rev", "HEAD"],
        2,
        &[
            "other.toml:2:10: `callback` is part of this bench",
            "name a manifest",
        ],
    );
    std::fs::write(dir.join("other.toml"), built_in.replace("ping", "pong")).unwrap();
    check(
        dir,
        &["--config", "other.toml", "--base-rev", "HEAD"],
        2,
        &["other.toml:1:14: no scenario is called `pong`"],
    );
    check(
        dir,
        &["--config", "missing.toml", "--base-rev", "HEAD"],
        2,
        &["cannot read missing.toml", "docs/ci.md"],
    );
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(
        outside.path().join("bench.toml"),
        built_in.replace("callback\"", "./mine.toml\""),
    )
    .unwrap();
    std::fs::write(outside.path().join("mine.toml"), MANIFEST).unwrap();
    check(
        outside.path(),
        &["--base-rev", "HEAD"],
        2,
        &["git opens no repository in", "run it in a checkout"],
    );
}

#[test]
fn a_target_that_can_not_be_started_ends_the_gate_without_a_judgement() {
    // Both manifests name a server that is in neither tree.
    let dir = repository("[\"true\"]");
    let out = dir.path().join("out");
    let args = [
        "--base-rev",
        "HEAD~1",
        "--quick",
        "--out",
        out.to_str().unwrap(),
    ];
    check(dir.path(), &args, 5, &["base failed, so nothing is judged"]);
    assert!(
        out.join("ping-1/run.json").is_file(),
        "what was measured is kept"
    );
    assert_eq!(trees(dir.path()), 1);
}

#[test]
fn a_directory_of_runs_is_a_baseline() {
    let dir = repository(r#"["sh", "-c", "exit 7"]"#);
    let runs = dir.path().join("runs");
    std::fs::create_dir(&runs).unwrap();
    std::fs::write(runs.join("one.json"), samples::run_record().to_json()).unwrap();
    // It is read before anything is built.
    check(
        dir.path(),
        &["--baseline", "runs"],
        5,
        &["the head could not be built"],
    );
    std::fs::write(runs.join("two.json"), "{}").unwrap();
    check(dir.path(), &["--baseline", "runs"], 2, &["two.json"]);
}

/// The build that ends a gate as soon as both trees could be measured.
const STOPS: &str = r#"["sh", "-c", "exit 7"]"#;

#[test]
fn a_gate_in_a_hook_leaves_the_index_that_is_committed_alone() {
    let dir = repository(r#"["sh", "-c", "git rev-parse --git-dir; git status --short; exit 7"]"#);
    let linked = tempfile::tempdir().unwrap();
    let tree = linked.path().join("tree");
    git(
        dir.path(),
        &[
            "worktree",
            "add",
            "--quiet",
            "-b",
            "linked",
            tree.to_str().unwrap(),
        ],
    );
    // In a linked tree git tells hooks both, in a plain one the index only, and relative.
    let own = git(&tree, &["rev-parse", "--absolute-git-dir"]);
    let own = own.trim();
    let index = format!("{own}/index");
    let cases: [(&Path, Vec<(&str, &str)>); 2] = [
        (&tree, vec![("GIT_DIR", own), ("GIT_INDEX_FILE", &index)]),
        (dir.path(), vec![("GIT_INDEX_FILE", ".git/index")]),
    ];
    for (tree, variables) in cases {
        std::fs::write(tree.join("new"), "new\n").unwrap();
        std::fs::write(tree.join("mine.toml"), format!("{MANIFEST}# changed\n")).unwrap();
        git(tree, &["add", "."]);
        let before = git(tree, &["status", "--short"]);
        assert_eq!(before, "M  mine.toml\nA  new\n");
        let output = Command::new(program::path())
            .args(["gate", "--base-rev", "HEAD~1"])
            .current_dir(tree)
            .envs(variables)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{text}");
        assert!(text.contains("the base could not be built"), "{text}");
        // What the build asks git is asked of the tree that is built.
        assert!(text.contains(".git/worktrees/base"), "{text}");
        assert_eq!(git(tree, &["status", "--short"]), before);
    }
}

#[test]
fn a_tree_whose_disk_is_away_stays_registered() {
    let dir = repository(STOPS);
    let elsewhere = tempfile::tempdir().unwrap();
    let (tree, away) = (elsewhere.path().join("tree"), elsewhere.path().join("away"));
    git(
        dir.path(),
        &["worktree", "add", "--quiet", tree.to_str().unwrap()],
    );
    std::fs::rename(&tree, &away).unwrap();
    check(dir.path(), &["--base-rev", "HEAD~1"], 5, &[]);
    std::fs::rename(&away, &tree).unwrap();
    assert_eq!(git(&tree, &["status", "--short"]), "");
}

/// A gate that builds its base in a tree of its own until it is ended, and the directory of that tree.
fn building(dir: &Path, temporary: &Path) -> (Child, PathBuf) {
    let mut gate = Command::new(program::path())
        .args(["gate", "--base-rev", "HEAD~1"])
        .current_dir(dir)
        .env("TMPDIR", temporary)
        .spawn()
        .unwrap();
    for _ in 0..LOOKS {
        let entries = std::fs::read_dir(temporary).unwrap();
        let mut dirs = entries.map(|entry| entry.unwrap().path());
        if let Some(dir) = dirs.find(|dir| dir.join("base/started").exists()) {
            return (gate, dir);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    gate.kill().unwrap();
    gate.wait().unwrap();
    panic!("no build began");
}

/// How often it is looked whether a build has begun: for a minute and a half.
const LOOKS: u32 = 4_500;

#[test]
fn what_a_killed_gate_left_is_removed_by_the_next() {
    let dir = repository(r#"["sh", "-c", "touch started; sleep 60"]"#);
    let temporary = tempfile::tempdir().unwrap();
    let (mut killed, left) = building(dir.path(), temporary.path());
    // One that is in use is nobody's to remove.
    std::fs::write(
        dir.path().join("bench.toml"),
        format!("scenarios = [\"ping\"]\ntarget = \"mine.toml\"\nbuild = {STOPS}\n"),
    )
    .unwrap();
    check(dir.path(), &["--base-rev", "HEAD~1"], 5, &[]);
    assert!(left.join("base/started").exists());
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(left.exists() && trees(dir.path()) == 2);
    check(dir.path(), &["--base-rev", "HEAD~1"], 5, &[]);
    assert!(!left.exists());
    assert_eq!(trees(dir.path()), 1);
}

#[test]
fn a_second_interrupt_leaves_no_tree_behind() {
    let dir = repository(r#"["sh", "-c", "touch started; trap '' INT TERM; sleep 60"]"#);
    let temporary = tempfile::tempdir().unwrap();
    let (mut gate, tree) = building(dir.path(), temporary.path());
    let ask = || {
        Command::new("kill")
            .args(["-INT", &gate.id().to_string()])
            .status()
            .unwrap()
    };
    assert!(ask().success());
    // The second may find that the first has already done it.
    let _ = ask();
    assert_eq!(gate.wait().unwrap().code(), Some(130));
    assert_eq!(trees(dir.path()), 1);
    assert!(!tree.exists());
}

#[test]
fn a_base_directory_with_changes_is_not_taken_for_the_revision() {
    let dir = repository(STOPS);
    let kept = tempfile::tempdir().unwrap();
    let place = kept.path().join("base");
    let args = ["--base-rev", "HEAD", "--base-dir", place.to_str().unwrap()];
    check(dir.path(), &args, 5, &[]);
    // What a build leaves is no change.
    std::fs::write(place.join("built"), "").unwrap();
    check(dir.path(), &args, 5, &[]);
    std::fs::write(place.join("mine.toml"), format!("{MANIFEST}# changed\n")).unwrap();
    check(
        dir.path(),
        &args,
        2,
        &["has changes of its own", "mine.toml"],
    );
}

#[test]
fn a_base_with_submodules_and_hooks_is_checked_out_whole() {
    let dir = repository(r#"["sh", "-c", "cat shared/words; exit 7"]"#);
    let module = tempfile::tempdir().unwrap();
    git(module.path(), &["init", "--quiet"]);
    std::fs::write(module.path().join("words"), "words of a submodule\n").unwrap();
    git(module.path(), &["add", "."]);
    git(module.path(), &["commit", "--quiet", "-m", "words"]);
    let add = [
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        module.path().to_str().unwrap(),
        "shared",
    ];
    git(dir.path(), &add);
    git(dir.path(), &["commit", "--quiet", "-m", "three"]);
    git(
        dir.path(),
        &["commit", "--quiet", "--allow-empty", "-m", "four"],
    );
    let hook = dir.path().join(".git/hooks/post-checkout");
    std::fs::write(&hook, "#!/bin/sh\necho no husky here >&2; exit 1\n").unwrap();
    let mut mode = std::fs::metadata(&hook).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    check(
        dir.path(),
        &["--base-rev", "HEAD~1"],
        5,
        &["the base could not be built", "words of a submodule"],
    );
    assert_eq!(trees(dir.path()), 1);
}

#[test]
fn where_there_is_no_base_nothing_is_judged_and_nothing_fails() {
    let dir = repository(STOPS);
    for name in ["", &"0".repeat(40)] {
        check(
            dir.path(),
            &["--base-rev", name],
            0,
            &["There is no base", "Nothing is judged"],
        );
    }
    // An abbreviated hash may begin so.
    check(
        dir.path(),
        &["--base-rev", "0000000"],
        2,
        &["git knows no revision `0000000`"],
    );
}

#[test]
fn a_stale_base_is_named_before_it_is_measured() {
    let dir = repository(STOPS);
    let dir = dir.path();
    let main = git(dir, &["branch", "--show-current"]);
    let main = main.trim();
    git(dir, &["checkout", "--quiet", "-b", "feature"]);
    git(
        dir,
        &["commit", "--quiet", "--allow-empty", "-m", "feature"],
    );
    git(dir, &["checkout", "--quiet", main]);
    let old = git(dir, &["rev-parse", "HEAD"]);
    git(dir, &["commit", "--quiet", "--allow-empty", "-m", "three"]);
    git(dir, &["checkout", "--quiet", "feature"]);
    check(dir, &["--base-rev", main], 5, &["HEAD lacks 1 commit of"]);
    git(dir, &["checkout", "--quiet", "--detach", main]);
    git(
        dir,
        &["merge", "--quiet", "--no-ff", "-m", "merge", "feature"],
    );
    check(
        dir,
        &["--base-rev", old.trim()],
        5,
        &[
            "HEAD is a merge into a branch that is 1 commit further",
            "--base-rev HEAD^1",
        ],
    );
}

#[test]
fn runs_that_were_made_as_documented_are_a_baseline() {
    let dir = repository("[\"true\"]");
    let dir = dir.path();
    let bench = program::path();
    let manifest = format!(
        "description = \"Made up.\"\nruntime = \"Rust\"\nloop = \"libuv\"\ncommand = \"{}\"\nargs = [\"serve\", \"callback\", \"--port\", \"{{port}}\"]\n",
        bench.display()
    );
    std::fs::write(dir.join("mine.toml"), manifest).unwrap();
    let run = Command::new(bench)
        .args([
            "run",
            "--scenario",
            "ping",
            "--target",
            "./mine.toml",
            "--history",
            "history.ndjson",
        ])
        .args(["-d", "4s", "--rounds", "1", "-w", "200ms", "--out", "run"])
        .current_dir(dir)
        .output()
        .unwrap();
    // A busy machine may disturb it (3); its line is kept all the same.
    assert!(matches!(run.status.code(), Some(0 | 3)), "{run:?}");
    let line = std::fs::read_to_string(dir.join("history.ndjson")).unwrap();
    let line = line.replace("\"valid\":false", "\"valid\":true");
    std::fs::write(dir.join("history.ndjson"), line.repeat(5)).unwrap();
    let output = gate(dir, &["--baseline", "history.ndjson", "--quick", "--json"]);
    let judged: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let look = &judged["scenarios"][0]["measurements"][0];
    let compared: Vec<&str> = look["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|judged| judged["comparison"]["metric"].as_str().unwrap())
        .collect();
    assert!(
        compared.contains(&"response_time_ns_p50") && compared.contains(&"throughput_per_s"),
        "{look}"
    );
}
