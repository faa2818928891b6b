//! The record of a run as text: what is written comes back, and what can't be read says why.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::measured::clock::Clock;
use model::measured::workload::WorkloadKind;
use model::record::read::{MAX_RECORD_BYTES, RecordError, SCHEMA_VERSION};
use model::record::run::{Completion, RunRecord};
use model::record::target::Failure;
use model::record::warning::{Fact, Validity, Warning};
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
        .count(model::measured::accounting::ErrorKind::ShortBody);
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
fn each_warning_is_given_once_and_by_the_first_that_has_it() {
    let failed = || Fact::TargetFailed {
        what: "it ended".to_owned(),
        at_the_end: false,
    };
    let mut record = samples::run_record();
    record.validity = Validity::of(vec![
        Warning::note(Fact::Interrupted { run: None }),
        Warning::note(failed()).about("coroutine"),
    ]);
    record.targets[1].report.validity = Validity::of(vec![
        Warning::note(failed()),
        Warning::note(Fact::TooFewSamples {
            percentiles: vec!["p99_9".to_owned()],
            workload: WorkloadKind::Requests,
            samples: 9,
        }),
        Warning::void(Fact::NothingScheduled),
        Warning::note(Fact::StealTime { share: 0.03 }),
    ]);
    let given = record.warnings().map(|(of, warning)| (of, warning.code()));
    assert_eq!(
        given.collect::<Vec<_>>(),
        [
            (None, "interrupted"),
            (Some("coroutine"), "target_failed"),
            (Some("coroutine"), "steal_time")
        ]
    );
}

#[test]
fn a_record_of_version_1_is_read_as_one_of_version_2() {
    let v1 = include_str!("records/8-b9a6114.json");
    let mut old: serde_json::Value = serde_json::from_str(v1).unwrap();
    old["targets"][0]["validity"]["cautions"] = serde_json::json!([{
        "code": "steal_time",
        "detail": "the hypervisor took 3.0 % of the time away",
        "advice": "compare ratios",
        "voids": false,
    }]);
    let record = RunRecord::from_json(&old.to_string(), "run.json").unwrap();
    assert_eq!(record.schema_version, SCHEMA_VERSION);
    let (was, target) = (&old["targets"][0], &record.targets[0]);
    let p50 = |key: &str| was[key]["p50"].as_u64();
    for clock in [Clock::ResponseTime, Clock::ServiceTime, Clock::SendLag] {
        let key = format!("{}_ns", clock.name());
        assert_eq!(target.report.times(clock).p50, p50(&key), "{key}");
        let key = format!("{}_v2_base64", clock.name());
        let was = was["histograms"][&key].as_str();
        assert_eq!(Some(target.whole_distribution(clock)), was, "{key}");
    }
    let interval = &was["intervals"][0];
    let read = target.intervals[0].times(Clock::ResponseTime);
    assert_eq!(read.max, interval["response_time_ns_max"].as_u64());
    assert_eq!(read.p50, interval["response_time_ns_p50"].as_u64());
    let cautions = was["validity"]["cautions"].as_array().unwrap();
    assert!(!cautions.is_empty());
    for (warning, caution) in target.report.validity.warnings.iter().zip(cautions) {
        assert_eq!(Some(warning.code()), caution["code"].as_str());
        let Fact::Text { detail, advice, .. } = &warning.fact else {
            panic!("{warning:?}");
        };
        assert_eq!(Some(detail.as_str()), caution["detail"].as_str());
        assert_eq!(Some(advice.as_str()), caution["advice"].as_str());
        assert_eq!(Some(warning.voids), caution["voids"].as_bool());
    }
    assert_eq!(
        Some(record.comparisons[0].smallest_detectable),
        old["comparisons"][0]["mde"].as_f64()
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
    target.histograms_v2_base64.clear();
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
        "old/run.json has schema version 3, and this bench reads up to 2: read it with the version that wrote it, or later"
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
        "in_flight_mean",
        "served_min",
        "served_max",
        "idle",
        "idle_lost",
        "warmups",
        "workload",
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
    assert_eq!(report.in_flight_mean, None);
    assert_eq!(report.connections.served_max, None);
    assert!(record.targets[0].warmups.is_empty());
    assert!(record.targets[0].slices.is_empty());
    assert_eq!(record.plan.warmup_s_max, None);
    assert_eq!(record.plan.detectable, None);
    assert_eq!(report.load.connect, Connect::Once);
    assert_eq!(report.workload, WorkloadKind::Requests);
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
