//! Claims are tested, judged, and continued where a test was killed.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a helper of a test may fail it"
)]

use std::fs;
use std::path::Path;
use std::process::Output;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{bench, end, signal, wait_for};

/// What of a claim is not said by its measure.
const HEAD: &str = "source = \"this test\"\ndate = \"2026\"\ntier = \"A\"\nthere = \"here\"\n";

/// A server whose every answer takes so long.
fn write_server(dir: &Path, name: &str, delay: &str) {
    let text = format!(
        "description = \"answers after {delay}\"\nruntime = \"bench\"\nloop = \"none\"\ncommand = \"{{bench}}\"\n\
         args = [\"serve\", \"truth\", \"--behaviour\", \"fixed:delay={delay}\", \"--port\", \"{{port}}\"]\nready = \"/\"\n"
    );
    fs::write(dir.join(name), text).unwrap();
}

fn claims(args: &[&str]) -> Output {
    let args = [&["claims", "run"], args].concat();
    end(bench(&args).spawn().unwrap())
}

/// The outcome in a directory.
fn outcome(dir: &Path) -> Value {
    let text = fs::read_to_string(dir.join("verdicts.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn verdict<'a>(outcome: &'a Value, id: &str) -> &'a str {
    let mut tested = outcome["tested"].as_array().unwrap().iter();
    let tested = tested.find(|tested| tested["claim"]["id"] == id).unwrap();
    tested["verdict"].as_str().unwrap()
}

#[test]
fn a_true_claim_is_not_refuted_nor_a_false_one_supported_and_both_share_a_measurement() {
    let dir = tempfile::tempdir().unwrap();
    write_server(dir.path(), "quick.toml", "20ms");
    write_server(dir.path(), "slow.toml", "22ms");
    let measure = "measure = { head = \"./slow.toml\", base = \"./quick.toml\", metric = \"response_time_p50\", path = \"/\", connections = 8 }\n";
    let claim = |id: &str, says: &str, range: &str| {
        format!("[[claims]]\nid = \"{id}\"\nsays = \"{says}\"\n{HEAD}{range}\n{measure}\n")
    };
    let text = claim(
        "true",
        "slow takes a tenth longer",
        "from = 1.07\nto = 1.13",
    ) + &claim(
        "false",
        "slow takes a third longer",
        "from = 1.27\nto = 1.36",
    );
    let file = dir.path().join("mine.toml");
    fs::write(&file, text).unwrap();
    let out = dir.path().join("out");
    let [file, place] = [&file, &out].map(|path| path.to_str().unwrap());
    let ended = claims(&["--file", file, "--out", place, "--ci", "--markdown"]);
    let found = outcome(&out);
    let (right, wrong) = (verdict(&found, "true"), verdict(&found, "false"));
    println!("{right}, {wrong}");
    // A busy machine leaves either undecided; what it says is never the opposite.
    assert!(["supported", "inconclusive", "not_judged"].contains(&right));
    assert!(["refuted", "inconclusive", "not_judged"].contains(&wrong));
    let code = if wrong == "refuted" { 99 } else { 0 };
    assert_eq!(ended.status.code(), Some(code));
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(
        text.contains("slow takes a tenth longer") && text.contains("| claim | verdict |"),
        "{text}"
    );
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("<svg class=\"strip\""));
    // Both have what they need from each measurement.
    let kept: Value =
        serde_json::from_str(&fs::read_to_string(out.join("claims.json")).unwrap()).unwrap();
    for measurement in kept["measurements"].as_array().unwrap() {
        let record = out
            .join(measurement["dir"].as_str().unwrap())
            .join("run.json");
        assert!(record.is_file(), "{measurement}");
    }
    let first = kept["measurements"][0]["sides"].as_array().unwrap();
    assert_eq!(first.len(), 2);
}

#[test]
fn a_test_that_was_killed_goes_on_with_the_blocks_that_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let claim = |route: &str| {
        format!(
            "[[claims]]\nid = \"{route}\"\nsays = \"{route} is answered\"\n{HEAD}from = 1.0\n\
             measure = {{ head = \"callback\", metric = \"throughput\", route = \"/{route}\", connections = 4, rate_per_s = 200 }}\n"
        )
    };
    let file = dir.path().join("mine.toml");
    fs::write(&file, claim("json") + &claim("plaintext")).unwrap();
    let out = dir.path().join("out");
    let args = [
        "claims",
        "run",
        "--file",
        file.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let child = bench(&args).spawn().unwrap();
    // The second: by then this process has measured before, and was pinned for it.
    let log = out.join("002-plaintext-4-200/steps.ndjson");
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    // Two lines of what is asked for and where, and then the blocks.
    wait_for("blocks", || {
        (lines().matches('\n').count() >= 5).then_some(())
    });
    signal(child.id().cast_signed(), Signal::KILL);
    child.wait_with_output().unwrap();
    let whole = |text: String| text[..=text.rfind('\n').unwrap()].to_owned();
    let before = whole(lines());
    let ended = claims(&["--resume", out.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0));
    let kept: Vec<&str> = before.lines().take(4).collect();
    assert_eq!(
        lines().lines().take(4).collect::<Vec<_>>(),
        kept,
        "it went on where it was"
    );
    let found = outcome(&out);
    for id in ["json", "plaintext"] {
        assert!(
            ["supported", "not_judged"].contains(&verdict(&found, id)),
            "{found}"
        );
    }
    // What is there is not measured again.
    let (page, records) = (out.join("report.html"), lines());
    fs::remove_file(&page).unwrap();
    assert_eq!(
        claims(&["--resume", out.to_str().unwrap()]).status.code(),
        Some(0)
    );
    assert!(page.is_file() && lines() == records);
    let other = claims(&[
        "--file",
        file.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(other.status.code(), Some(2), "it is not empty");
}
