//! A preset is measured run by run, answers on one page, and goes on where it was killed.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it"
)]

use std::fs;
use std::net::TcpListener;
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

/// A preset of one workload, which needs PostgreSQL; what `bench run` with it and these arguments ended with, and what it printed.
fn with_database(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let file = dir.join("mine.toml");
    let text = "question = \"Which?\"\ntargets = [\"callback\", \"coroutine\"]\n\
                [[workloads]]\nscenario = \"database\"\nwork = \"PostgreSQL\"\ncapacity = false\n";
    fs::write(&file, text).unwrap();
    let out = dir.join("out").display().to_string();
    let file = file.display().to_string();
    let begin = ["run", "--preset", &file, "--quick", "--out", &out];
    let resume = ["run", "--resume", &out];
    let words = if args.is_empty() {
        resume.to_vec()
    } else {
        [&begin[..], args].concat()
    };
    let ended = end(bench(&words).env("COLUMNS", "1000").spawn().unwrap());
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code(), said)
}

#[test]
fn a_database_that_runs_already_is_used_when_it_goes_on_and_its_password_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody answers there.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let given = format!("postgres://ada:secret@127.0.0.1:{port}/shop");
    let reported = format!("PostgreSQL at postgres://ada@127.0.0.1:{port}/shop cannot be used");
    for args in [&["--postgres", &given][..], &[]] {
        let (code, said) = with_database(dir.path(), args);
        // The workload is left out, with the reason.
        assert_eq!(code, Some(5), "{said}");
        assert!(
            said.contains(&reported) && !said.contains("secret"),
            "{said}"
        );
    }
    for name in ["preset.json", "report.md", "report.html"] {
        let text = fs::read_to_string(dir.path().join("out").join(name)).unwrap();
        assert!(!text.contains("secret"), "{name}");
    }
}

#[test]
fn a_service_that_no_workload_needs_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = with_database(dir.path(), &["--redis", "redis://127.0.0.1:1/0"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("no workload of the preset mine needs Redis")
            && said.contains("leave --redis out"),
        "{said}"
    );
    assert!(!dir.path().join("out").exists());
}
