//! The step log: what is read of it, and what is refused.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::sync::LazyLock;

use model::record::experiment::{ExperimentRecord, OriginRecord};
use model::record::log::{
    LOG_VERSION, Log, LogError, LogHead, LogSite, LogStep, Note, Part, StepResult,
};
use model::record::run::RunRecord;
use model::record::sweep::step::StepFailure;
use model::record::target::Failure;
use model::spec::plan::Effort;
use proptest::prelude::*;
use serde::Serialize;

fn head() -> LogHead {
    let record = samples::run_record();
    LogHead {
        schema_version: LOG_VERSION,
        id: record.id.clone(),
        bench_version: record.bench_version.clone(),
        command: record.command.clone(),
        seed: 1,
        scenario: record.scenario.source.clone(),
        manifests: vec![String::new(); 2],
        experiment: experiment(&record),
        pinning: record.pinning,
        sweep: None,
    }
}

fn experiment(record: &RunRecord) -> ExperimentRecord {
    let targets = record.targets.iter().map(|target| OriginRecord {
        access: model::spec::access::Access::default(),
        pid: None,
        name: target.name.clone(),
        manifest_file: None,
        url: None,
        pool: 4,
    });
    ExperimentRecord {
        scenario_file: "ping.toml".to_owned(),
        targets: targets.collect(),
        effort: Effort::Quick,
        connections: None,
        rate_per_s: None,
        rounds: None,
        duration_ns: None,
        warmup_ns: None,
        clock: model::spec::load::ReceiveClock::Auto,
        services: std::collections::BTreeMap::new(),
        database_connections: None,
        generators: None,
        probe: false,
        aa: false,
        profile: false,
    }
}

fn site() -> LogSite {
    let record = samples::run_record();
    LogSite {
        started_at: record.started_at,
        started_epoch_s: 1.0,
        targets: record
            .targets
            .into_iter()
            .map(|target| target.manifest)
            .collect(),
        environment: record.environment,
        calibration: None,
        detectable: None,
    }
}

fn step(measured: StepResult) -> LogStep {
    LogStep {
        measured: Some(measured),
        is_whole: true,
        capacity_per_s: None,
        notes: vec![(1, Note::IdleLost(3))],
        part: Part::default(),
        ended: None,
    }
}

fn line(of: &impl Serialize) -> String {
    serde_json::to_string(of).unwrap() + "\n"
}

fn refused(text: &str) -> LogError {
    Log::read(text.as_bytes(), "there/steps.ndjson").unwrap_err()
}

#[test]
fn a_log_is_read_up_to_its_last_line_feed() {
    let head = line(&head()) + &line(&site());
    let block = line(&step(StepResult::Block(0)));
    let text = head.clone() + &block + &line(&step(StepResult::Profile));
    for torn in ["", "{\"half", &block[..block.len() - 1]] {
        let log = Log::read((text.clone() + torn).as_bytes(), "steps.ndjson").unwrap();
        assert_eq!(log.head_bytes, head.len());
        let steps = log.steps.iter();
        let steps: Vec<_> = steps
            .map(|(step, end)| (step.measured.clone().unwrap(), *end))
            .collect();
        let expected = [
            (StepResult::Block(0), head.len() + block.len()),
            (StepResult::Profile, text.len()),
        ];
        assert_eq!(steps, expected);
    }
}

#[test]
fn a_log_that_is_none_says_where_and_what_to_do() {
    let begun = line(&head()) + &line(&site());
    for empty in ["", begun.lines().next().unwrap()] {
        assert!(matches!(refused(empty), LogError::Empty { .. }));
    }
    for (text, at) in [
        ("{}\n".to_owned(), 1),
        (line(&head()) + "{}\n", 2),
        (begun.clone() + "{\n", 3),
    ] {
        let error = refused(&text);
        assert!(
            matches!(error, LogError::Corrupt { line, .. } if line == at),
            "{error}"
        );
    }
    assert_eq!(
        refused("{\"schema_version\":2,\"anything\":1}\n").to_string(),
        "there/steps.ndjson has schema version 2, and this bench continues logs of version 3: continue it with the bench that \
         wrote it, or start another"
    );
    let failure = StepFailure {
        target: "another".to_owned(),
        failure: Failure {
            what: "it ended".to_owned(),
            last_output: String::new(),
        },
    };
    let mut rate = samples::sweep_record().steps.remove(0);
    rate.failures = vec![failure];
    let mut noted = step(StepResult::Block(0));
    noted.notes[0].0 = 2;
    for wrong in [step(StepResult::Rate(rate)), noted] {
        let text = refused(&(begun.clone() + &line(&wrong))).to_string();
        assert!(text.contains("steps.ndjson:3:"), "{text}");
        assert!(text.contains("names a target that there isn't"), "{text}");
    }
}

#[test]
fn logs_that_differ_say_in_what() {
    let one = head();
    let mut other = one.clone();
    (other.id, other.command) = ("later".to_owned(), vec!["bench".to_owned()]);
    assert_eq!(one.difference(&other), None);
    other.seed = 9;
    assert_eq!(one.difference(&other), Some("the seed"));
    let here = site();
    let mut now = here.environment.clone();
    now.load_average = Some(9.0);
    assert_eq!(here.difference(&now, &here.targets), None);
    assert_eq!(here.difference(&now, &here.targets[1..]), Some("a target"));
    now.binary_sha256 = "ff".to_owned();
    assert_eq!(here.difference(&now, &here.targets), Some("bench"));
}

/// A log without a step: made once, since a sample record takes a while.
static WHOLE: LazyLock<String> = LazyLock::new(|| line(&head()) + &line(&site()));

proptest! {
    #[test]
    fn a_log_of_any_bytes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>()) {
        let mut text = WHOLE.as_bytes()[..cut.index(WHOLE.len() + 1)].to_vec();
        text.extend(&bytes);
        // Neither may panic; what is read has its whole lines counted.
        if let Ok(log) = Log::read(&text, "steps.ndjson") {
            prop_assert!(log.head_bytes <= text.len());
        }
        let _ = Log::read(&bytes, "steps.ndjson");
    }
}
