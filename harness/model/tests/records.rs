//! Records of earlier versions are still read: `records/` has one of every shape that `run.json` ever had.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::record::read::SCHEMA_VERSION;
use model::record::run::RunRecord;

const EARLIER: [(&str, &str); 8] = [
    ("6d5ac1c", include_str!("records/1-6d5ac1c.json")),
    ("b6ea5bb", include_str!("records/2-b6ea5bb.json")),
    ("65bacec", include_str!("records/3-65bacec.json")),
    ("8f1c24c", include_str!("records/4-8f1c24c.json")),
    ("bff2565", include_str!("records/5-bff2565.json")),
    ("3c8dda5", include_str!("records/6-3c8dda5.json")),
    ("83a0be4", include_str!("records/7-83a0be4.json")),
    ("b9a6114", include_str!("records/8-b9a6114.json")),
];

#[test]
fn a_record_of_every_earlier_shape_is_read_with_all_that_it_holds() {
    for (commit, text) in EARLIER {
        let record = RunRecord::from_json(text, commit).unwrap();
        assert!(record.schema_version <= SCHEMA_VERSION, "{commit}");
        assert_eq!(record.scenario.name, "io-heavy", "{commit}");
        let target = &record.targets[0];
        assert_eq!(target.name, "callback", "{commit}");
        assert!(
            target.report.requests.balances() && target.report.requests.ok > 0,
            "{commit}"
        );
        assert_eq!(target.epochs.len(), 1, "{commit}");
        assert!(
            target.epochs[0]
                .metrics
                .contains_key("response_time_ns_p50"),
            "{commit}"
        );
        assert_eq!(record.comparisons.len(), 1, "{commit}");
        // Written by this version it is the same record.
        assert_eq!(
            RunRecord::from_json(&record.to_json(), commit).unwrap(),
            record,
            "{commit}"
        );
    }
}

#[test]
fn a_damaged_record_of_version_1_names_the_place_and_one_of_now_the_line() {
    let (_, text) = EARLIER[0];
    let damaged = text.replace("\"elapsed_s\": 64.25", "\"elapsed_s\": \"long\"");
    let error = RunRecord::from_json(&damaged, "old/run.json").unwrap_err();
    let words = "old/run.json: this is no run record (elapsed_s: invalid type: string \"long\", expected f64)";
    assert!(error.to_string().starts_with(words), "{error}");
    let now = RunRecord::from_json(text, "run.json").unwrap().to_json();
    let damaged = now.replace("\"elapsed_s\": 64.25", "\"elapsed_s\": \"long\"");
    let line = damaged
        .lines()
        .position(|line| line.contains("\"long\""))
        .unwrap()
        + 1;
    let error = RunRecord::from_json(&damaged, "run.json").unwrap_err();
    let words = format!("run.json:{line}: this is no run record");
    assert!(error.to_string().starts_with(&words), "{error}");
}

#[test]
fn what_was_called_hold_is_read_as_blocked_time() {
    let (commit, text) = EARLIER[7];
    assert!(text.contains("\"hold_ns\""));
    let record = RunRecord::from_json(text, commit).unwrap();
    let loops = record.targets[0].server.loops.as_ref().unwrap();
    assert!(loops.blocked_ns.is_some());
}
