//! The record of a run as text: what is written comes back, and what can't be read says why.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::measured::summary::Times;
use model::record::run::{
    Completion, Failure, Histograms, MAX_RECORD_BYTES, RecordError, RunRecord, SCHEMA_VERSION,
};
use model::record::timed::Timed;
use model::record::validity::{Caution, CautionCode, Validity};
use model::spec::load::Connect;

#[test]
fn a_record_comes_back_as_it_went() {
    let mut record = samples::run_record();
    let target = &mut record.targets[0];
    target.server.stats =
        Some(serde_json::json!({ "loop_turns": 12, "loop_lag_us": { "p50": null } }));
    target.failure = Some(Failure {
        what: "it \"ended\"\n".to_owned(),
        last_output: "é\u{1b}[0m".to_owned(),
    });
    target
        .report
        .errors
        .count(model::measured::ledger::ErrorKind::ShortBody);
    target.report.load.seed = u64::MAX;
    record.completion = Completion::TargetFailed;
    record.backend = None;
    let text = record.to_json();
    assert_eq!(RunRecord::from_json(&text, "run.json"), Ok(record.clone()));
    assert_eq!(
        RunRecord::from_json(&text, "run.json").unwrap().to_json(),
        text
    );
}

#[test]
fn each_caution_is_told_once_and_by_the_first_that_knows_it() {
    let caution = |code, voids| Caution {
        code,
        detail: format!("{code:?}"),
        advice: String::new(),
        voids,
    };
    let mut record = samples::run_record();
    record.validity = Validity::from_cautions(vec![
        caution(CautionCode::Partial, false),
        caution(CautionCode::TargetFailed, false),
    ]);
    record.targets[1].report.validity = Validity::from_cautions(vec![
        caution(CautionCode::TargetFailed, false),
        caution(CautionCode::TooFewSamples, false),
        caution(CautionCode::GeneratorSaturated, true),
        caution(CautionCode::SendLag, false),
    ]);
    let told: Vec<_> = record
        .cautions()
        .into_iter()
        .map(|told| (told.of, told.caution.code))
        .collect();
    let of_target = Some(record.targets[1].name.clone());
    assert_eq!(
        told,
        [
            (None, CautionCode::Partial),
            (None, CautionCode::TargetFailed),
            (of_target, CautionCode::SendLag)
        ]
    );
}

#[test]
fn keys_stand_in_order_with_their_units() {
    let mut record = samples::run_record();
    record.plan.order.truncate(1);
    record.targets.truncate(1);
    record.comparisons.truncate(1);
    record.scenario.source = String::new();
    let target = &mut record.targets[0];
    target.warmups.truncate(1);
    target.epochs.truncate(1);
    target.intervals.truncate(1);
    target.slices.truncate(1);
    target.server.samples.truncate(1);
    target.histograms = Histograms::default();
    target.failure = Some(Failure {
        what: "It ended.".to_owned(),
        last_output: String::new(),
    });
    insta::assert_snapshot!(record.to_json());
}

#[test]
fn a_record_of_a_later_version_is_refused_whatever_else_it_holds() {
    let text = format!(
        "{{\"schema_version\":{},\"anything\":[1]}}",
        SCHEMA_VERSION + 1
    );
    assert_eq!(
        RunRecord::from_json(&text, "old/run.json")
            .unwrap_err()
            .to_string(),
        "old/run.json has schema version 2, and this bench reads up to 1: read it with the version that wrote it, or later"
    );
}

#[test]
fn a_damaged_record_names_the_file_the_line_and_the_remedy() {
    let text = samples::run_record().to_json();
    let cut = RunRecord::from_json(&text[..1000], "cut/run.json")
        .unwrap_err()
        .to_string();
    assert!(cut.starts_with("cut/run.json:"), "{cut}");
    assert!(
        cut.ends_with(
            "check that it is the run.json of a run, and that nothing has changed it since"
        ),
        "{cut}"
    );
    for other in [
        "",
        "[]",
        "{}",
        "{\"schema_version\":1}",
        "{\"schema_version\":\"1\"}",
        "{\"schema_version\":-1}",
        "null",
    ] {
        assert!(
            matches!(
                RunRecord::from_json(other, "run.json"),
                Err(RecordError::Corrupt { .. })
            ),
            "{other}"
        );
    }
}

#[test]
fn keys_of_a_later_bench_are_read_past() {
    let text = samples::run_record()
        .to_json()
        .replacen('{', "{\n  \"added_later\": 1,", 1);
    assert_eq!(
        RunRecord::from_json(&text, "run.json"),
        Ok(samples::run_record())
    );
}

#[test]
fn keys_that_an_earlier_bench_did_not_write_are_null() {
    let added = [
        "first_byte_time_ns",
        "handshake_time_ns",
        "in_flight_mean",
        "served_min",
        "served_max",
        "idle",
        "idle_lost",
        "warmups",
        "timed",
        "slices",
    ];

    let mut value = serde_json::to_value(samples::run_record()).unwrap();
    value.as_object_mut().unwrap().remove("calibration");
    let plan = value["plan"].as_object_mut().unwrap();
    plan.retain(|key, _| !["warmup_s_max", "detectable"].contains(&key.as_str()));
    let target = value["targets"][0].as_object_mut().unwrap();
    target.retain(|key, _| !added.contains(&key.as_str()));
    let connections = target["connections"].as_object_mut().unwrap();
    connections.retain(|key, _| !added.contains(&key.as_str()));
    let load = target["load"].as_object_mut().unwrap();
    load.retain(|key, _| !["connect", "idle_connections"].contains(&key.as_str()));
    let server = target["server"].as_object_mut().unwrap();
    server.remove("rss_bytes_per_idle_connection");
    let record = RunRecord::from_json(&value.to_string(), "run.json").unwrap();
    let report = &record.targets[0].report;
    assert_eq!(
        (report.first_byte_time_ns, report.in_flight_mean),
        (Times::default(), None)
    );
    assert_eq!(report.connections.served_max, None);
    assert!(record.targets[0].warmups.is_empty());
    assert!(record.targets[0].slices.is_empty());
    assert_eq!(record.plan.warmup_s_max, None);
    assert_eq!(record.plan.detectable, None);
    assert_eq!(report.load.connect, Connect::Once);
    assert_eq!(report.timed, Timed::Requests);
    assert_eq!(record.calibration, None);
}

#[test]
fn a_record_is_read_up_to_its_longest_and_no_further() {
    let mut text = "x".repeat(MAX_RECORD_BYTES);
    assert!(matches!(
        RunRecord::from_json(&text, "run.json"),
        Err(RecordError::Corrupt { .. })
    ));
    text.push('x');
    let bytes = MAX_RECORD_BYTES + 1;
    assert_eq!(
        RunRecord::from_json(&text, "run.json"),
        Err(RecordError::TooLarge {
            of: "run",
            file: "run.json".to_owned(),
            bytes
        })
    );
}
