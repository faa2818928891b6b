//! A target measured beside itself: it stands apart in the record, meets the same requests, and is counted.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test starts the program and reads what it wrote"
)]

use std::path::Path;
use std::process::Command;

use model::record::run::RunRecord;
use model::record::target::EpochRecord;
use model::record::warmup::WarmupOutcome;

use crate::program;

/// Runs the first target beside itself, with a cache directory of its own.
fn run(dir: &Path, warmup: &[&str]) -> RunRecord {
    let out = tempfile::tempdir_in(dir).unwrap();
    let status = Command::new(program::path())
        .args(["run", "--scenario", "timers", "-d", "4s", "--rounds", "1"])
        .args(["--target", "callback", "--aa", "--out"])
        .arg(out.path())
        .args(warmup)
        .env("XDG_CACHE_HOME", dir.join("cache"))
        .env("HOME", dir)
        .output()
        .unwrap();
    // A busy machine may void the figures; what is written down must hold anywhere.
    assert!(matches!(status.status.code(), Some(0 | 3)), "{status:?}");
    assert!(out.path().join("callback.hgrm").exists());
    assert!(!out.path().join("callback-aa.hgrm").exists());
    let text = std::fs::read_to_string(out.path().join("run.json")).unwrap();
    RunRecord::from_json(&text, "run.json").unwrap()
}

fn scheduled(epochs: &[EpochRecord]) -> Vec<u64> {
    let each = epochs.iter();
    each.map(|epoch| epoch.requests.scheduled).collect()
}

#[test]
fn a_target_beside_itself_stands_apart_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let record = run(dir.path(), &[]);
    let [first] = record.targets.as_slice() else {
        panic!("one target competes, not {}", record.targets.len());
    };
    let aa = record.aa.as_ref().unwrap();
    assert_eq!(
        (&*first.name, &*aa.target.name),
        ("callback", "callback-aa")
    );
    assert!(record.comparisons.is_empty());
    for comparison in &aa.comparisons {
        assert_eq!(
            (&*comparison.base, &*comparison.head),
            ("callback", "callback-aa")
        );
    }
    assert!(record.plan.order.iter().all(|block| block.contains(&1)));
    let arrivals = scheduled(&first.epochs);
    assert!(arrivals.iter().all(|&count| count > 0), "{arrivals:?}");
    assert_eq!(arrivals, scheduled(&aa.target.epochs));
    for target in [first, &aa.target] {
        let [warmup] = target.warmups.as_slice() else {
            panic!("{:?}", target.warmups);
        };
        assert!(warmup.duration_s >= record.plan.warmup_s, "{warmup:?}");
        assert_ne!(warmup.outcome, WarmupOutcome::Fixed);
    }
    let counted = u64::from(record.validity.is_valid());
    assert_eq!(aa.machine.map(|machine| machine.runs), Some(counted));

    // Another warm-up, and the same requests at the same times.
    let reported = run(dir.path(), &["-w", "100ms"]);
    assert_eq!(reported.targets[0].warmups[0].outcome, WarmupOutcome::Fixed);
    assert_eq!(scheduled(&reported.targets[0].epochs), arrivals);
    let counted = counted + u64::from(reported.validity.is_valid());
    let machine = reported.aa.unwrap().machine.unwrap();
    assert_eq!(machine.runs, counted);
    let detectable = reported.plan.detectable.unwrap();
    assert!(detectable.assumed_deviation.is_some() || !detectable.runs.is_empty());
}
