//! Charts, manual pages and completions as a user asks for them: the files that come, and where.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test starts the program and reads what it wrote"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use model::record::run::RunRecord;

use crate::program;

/// Runs the program in a directory, with this on its standard input.
fn bench(dir: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(program::path())
        .args(args)
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn succeeds(dir: &Path, args: &[&str], input: &str) -> Vec<u8> {
    let output = bench(dir, args, input);
    assert!(output.status.success(), "{args:?}: {output:?}");
    output.stdout
}

fn files(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// A directory with the runs `a` and `b` of the sample in it.
fn two_runs() -> (tempfile::TempDir, RunRecord) {
    let dir = tempfile::tempdir().unwrap();
    let mut record = samples::run_record();
    for name in ["a", "b"] {
        name.clone_into(&mut record.id);
        let place = dir.path().join(name);
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("run.json"), record.to_json()).unwrap();
    }
    (dir, record)
}

#[test]
fn charts_are_drawn_again_where_they_are_wanted() {
    let (dir, record) = two_runs();
    let dir = dir.path();
    succeeds(dir, &["chart", "a", "--chart", "throughput,ratios"], "");
    let drawn = files(&dir.join("a/charts"));
    let expected = [
        "ratios.png",
        "ratios.svg",
        "throughput.png",
        "throughput.svg",
    ];
    assert_eq!(drawn, expected.map(str::to_owned).into());
    succeeds(
        dir,
        &["chart", "a/run.json", "--out", "figures", "--format", "svg"],
        "",
    );
    let of_run = report::charts::Chart::of(&record);
    let expected = of_run.map(|chart| format!("{}.svg", chart.file_stem()));
    assert_eq!(files(&dir.join("figures")), expected.collect());
    let again = std::fs::read(dir.join("figures/ratios.svg")).unwrap();
    assert_eq!(
        again,
        std::fs::read(dir.join("a/charts/ratios.svg")).unwrap()
    );

    succeeds(
        dir,
        &["chart", "b", "--chart", "server-cpu", "--out", "cpu.png"],
        "",
    );
    assert!(
        std::fs::read(dir.join("cpu.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );
    let piped = ["chart", "-", "--chart", "ratios", "--out", "-"];
    let printed = succeeds(dir, &piped, &record.to_json());
    assert_eq!(
        printed,
        report::charts::svg(&record, report::charts::Chart::Ratios)
            .unwrap()
            .into_bytes()
    );
    let refused = bench(dir, &["chart", "-"], &record.to_json());
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
}

#[test]
fn the_chart_of_a_sweep_is_drawn_again_and_is_its_only_one() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("s");
    std::fs::create_dir(&place).unwrap();
    let sweep = samples::sweep_record();
    std::fs::write(place.join("sweep.json"), sweep.to_json()).unwrap();
    succeeds(dir.path(), &["chart", "s"], "");
    let expected = ["latency-by-load.png", "latency-by-load.svg"];
    assert_eq!(
        files(&place.join("charts")),
        expected.map(str::to_owned).into()
    );
    let svg = succeeds(dir.path(), &["chart", "-", "--out", "-"], &sweep.to_json());
    assert_eq!(
        String::from_utf8(svg).unwrap(),
        report::charts::load_svg(&sweep).unwrap()
    );
    let refused = |args: &[&str], words: &str| {
        let output = bench(dir.path(), args, "");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(words), "{args:?}: {error}");
    };
    refused(
        &["chart", "s", "--chart", "ratios"],
        "s is a sweep, and of that there is one chart",
    );
    refused(&["compare", "s", "s"], "s is a sweep, which has no times");
}

#[test]
fn a_report_draws_the_charts_that_are_chosen_and_shows_them_all() {
    let (dir, _) = two_runs();
    let dir = dir.path();
    succeeds(dir, &["report", "a", "--chart", "ratios"], "");
    assert_eq!(files(&dir.join("a/charts")).len(), 2);
    let page = std::fs::read_to_string(dir.join("a/report.html")).unwrap();
    assert!(page.contains("by percentile"), "the report is whole");
    let refused = bench(dir, &["report", "a", "b", "--chart", "ratios"], "");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
}

#[test]
fn a_comparison_is_drawn_beside_its_table() {
    let (dir, _) = two_runs();
    let dir = dir.path();
    let table = succeeds(dir, &["compare", "a", "b"], "");
    for file in ["ratios.svg", "ratios.png"] {
        let beside = succeeds(dir, &["compare", "a", "b", "--chart", file], "");
        assert_eq!(beside, table);
        assert!(std::fs::metadata(dir.join(file)).unwrap().len() > 1_000);
    }
    let svg = std::fs::read_to_string(dir.join("ratios.svg")).unwrap();
    assert!(
        svg.contains("What changed between two runs?"),
        "{}",
        &svg[..500]
    );
}

#[test]
fn every_command_that_is_shown_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    succeeds(dir.path(), &["man", "--out", "man/man1"], "");
    let pages = files(&dir.path().join("man/man1"));
    for page in [
        "bench.1",
        "bench-run.1",
        "bench-chart.1",
        "bench-history-add.1",
    ] {
        assert!(pages.contains(page), "{pages:?}");
    }
    for hidden in ["bench-supervise.1", "bench-hold.1", "bench-tied.1"] {
        assert!(!pages.contains(hidden), "{pages:?}");
    }
    for page in pages {
        let text = std::fs::read_to_string(dir.path().join("man/man1").join(&page)).unwrap();
        let title = format!(".TH {} 1", page.trim_end_matches(".1"));
        assert!(text.contains(&title), "{page}");
        assert!(text.contains("\n.SH EXAMPLES\n.nf\n  bench "), "{page}");
    }
}

#[test]
fn bash_can_read_its_completions() {
    let dir = tempfile::tempdir().unwrap();
    let script = succeeds(dir.path(), &["completions", "bash"], "");
    let path = dir.path().join("bench.bash");
    std::fs::write(&path, script).unwrap();
    // Loaded, not only parsed: the function that completes is there afterwards, and knows the commands.
    let asked = "source bench.bash; COMP_WORDS=(bench ch); COMP_CWORD=1; _bench bench ch bench; echo ${COMPREPLY[@]}";
    let output = Command::new("bash")
        .args(["--norc", "-c", asked])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "check chart",
        "{output:?}"
    );
}
