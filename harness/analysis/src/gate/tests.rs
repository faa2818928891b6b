//! Judgements as a table: what was found, and what the gate makes of it. No time is measured here.

use super::*;
use model::measured::accounting::Accounting;
use model::measured::clock::Clock;
use model::record::metric::Rank;
use model::record::target::EpochRecord;

use model::record::warning::{Fact, Validity, Warning};
use std::sync::LazyLock;

const P50: Metric = Metric::RESPONSE_TIME_P50;
const P99: Metric = Metric::RESPONSE_TIME_P99;
const CPU: Metric = Metric::ServerCpuUsPerRequest;

static RECORD: LazyLock<RunRecord> = LazyLock::new(|| {
    let mut record = samples::run_record();
    record.targets[0].name = BASE.to_owned();
    record.targets[1].name = HEAD.to_owned();
    record
});

fn config(more: &str) -> Config {
    let source = format!("scenarios = [\"io-heavy\"]\ntarget = \"callback\"\n{more}");
    Config::parse(&source, "bench.toml").unwrap()
}

/// The sample, in which the head's epochs are those of the base but for these factors.
fn run(factors: &[(Metric, f64)]) -> RunRecord {
    let mut record = RECORD.clone();
    let base = record.targets[0].clone();
    let head = &mut record.targets[1];
    head.report.times_ns.clone_from(&base.report.times_ns);
    head.epochs = base.epochs;
    for EpochRecord { metrics, block, .. } in &mut head.epochs {
        for (name, value) in metrics {
            let factor = factors.iter().find(|(metric, _)| metric.name() == name);
            // A little that alternates, so that no two blocks are alike.
            let wobble = if *block % 2 == 0 { 1.001 } else { 0.999 };
            *value *= wobble * factor.map_or(1.0, |(_, factor)| *factor);
        }
    }
    record
}

fn disturbed(mut record: RunRecord) -> RunRecord {
    let what = "the machine was busy".to_owned();
    let warning = Warning::void(Fact::BackendFailed { what });
    record.validity = Validity::of(vec![warning]);
    record
}

/// What a gate makes of these runs, one after the other; it must ask for each of them, and for no more.
fn check(more: &str, runs: &[RunRecord], outcome: Outcome, alarms: &[What], unconfirmed: &[What]) {
    let config = config(more);
    let mut looks = Vec::new();
    for run in runs {
        assert_eq!(judge("s", &looks), None, "another measurement is asked for");
        looks.push(look(run, &config));
    }
    assert!(looks.len() <= MAX_MEASUREMENTS);
    let judgement = judge("s", &looks).expect("no more is asked for");
    assert_eq!(
        (
            judgement.outcome,
            &judgement.alarms[..],
            &judgement.unconfirmed[..]
        ),
        (outcome, alarms, unconfirmed),
        "{looks:#?}"
    );
}

#[test]
fn an_alarm_takes_two_measurements_that_agree() {
    let same = || run(&[]);
    let slower = || run(&[(P50, 1.2)]);
    let costs = || run(&[(CPU, 1.3)]);
    let faster = || run(&[(P50, 0.7)]);
    let worse = [What::Worse(P50)];
    check("", &[same()], Outcome::Passed, &[], &[]);
    check("", &[faster()], Outcome::Passed, &[], &[]);
    check("", &[slower(), slower()], Outcome::Alarm, &worse, &[]);
    check("", &[slower(), same()], Outcome::Passed, &[], &worse);
    check("", &[slower(), faster()], Outcome::Passed, &[], &worse);
    check("", &[slower(), costs()], Outcome::Passed, &[], &worse);
    let both = || run(&[(P50, 1.2), (CPU, 1.3)]);
    check(
        "",
        &[both(), slower()],
        Outcome::Alarm,
        &worse,
        &[What::Worse(CPU)],
    );
    // Less throughput is worse, more of it is not.
    let rate = Metric::ThroughputPerS;
    check(
        "",
        &[run(&[(rate, 0.8)]), run(&[(rate, 0.8)])],
        Outcome::Alarm,
        &[What::Worse(rate)],
        &[],
    );
    check("", &[run(&[(rate, 1.3)])], Outcome::Passed, &[], &[]);
}

#[test]
fn a_disturbed_machine_is_reported_and_raises_no_alarm() {
    let same = || run(&[]);
    let slower = || run(&[(P50, 1.2)]);
    let bad = || disturbed(slower());
    let worse = [What::Worse(P50)];
    check("", &[bad(), same()], Outcome::Passed, &[], &[]);
    check("", &[bad(), bad()], Outcome::Invalid, &[], &[]);
    check(
        "",
        &[bad(), slower(), slower()],
        Outcome::Alarm,
        &worse,
        &[],
    );
    check("", &[bad(), slower(), bad()], Outcome::Invalid, &[], &worse);
    check(
        "",
        &[slower(), bad(), slower()],
        Outcome::Alarm,
        &worse,
        &[],
    );
    check("", &[slower(), bad(), bad()], Outcome::Invalid, &[], &worse);
    let mut interrupted = slower();
    interrupted.completion = Completion::Interrupted;
    assert!(!look(&interrupted, &config("")).valid);
}

#[test]
fn each_metric_has_a_margin_and_a_direction_of_its_own() {
    let slower = || run(&[(P50, 1.08)]);
    let worse = [What::Worse(P50)];
    check("", &[slower(), slower()], Outcome::Alarm, &worse, &[]);
    check("margin = 0.1", &[slower()], Outcome::Passed, &[], &[]);
    check(
        "[metrics]\nresponse_time_ns_p50 = { margin = 0.1 }",
        &[slower()],
        Outcome::Passed,
        &[],
        &[],
    );
    check(
        "margin = 0.2\n[metrics]\nresponse_time_ns_p50 = { margin = 0.02 }",
        &[slower(), slower()],
        Outcome::Alarm,
        &worse,
        &[],
    );
    check(
        "[metrics]\nresponse_time_ns_p50 = { alarm = \"never\" }",
        &[slower()],
        Outcome::Passed,
        &[],
        &[],
    );
    let faster = || run(&[(P50, 0.7)]);
    check(
        "[metrics]\nresponse_time_ns_p50 = { alarm = \"change\" }",
        &[faster(), faster()],
        Outcome::Alarm,
        &[What::Better(P50)],
        &[],
    );
    // Service time is judged only where it is asked for.
    let service = Metric::Time(Clock::ServiceTime, Rank::P50);
    let slower = || run(&[(service, 1.2)]);
    check("", &[slower()], Outcome::Passed, &[], &[]);
    check(
        "[metrics]\nservice_time_ns_p50 = {}",
        &[slower(), slower()],
        Outcome::Alarm,
        &[What::Worse(service)],
        &[],
    );
}

#[test]
fn an_objective_is_a_bound_on_the_head_alone() {
    let took = |ns| {
        let mut record = run(&[]);
        let times = &mut record.targets[1].report.times_ns;
        times.entry(Clock::ResponseTime).or_default().p99 = ns;
        record
    };
    let bound = "[objective]\np99 = \"20ms\"";
    check(bound, &[took(Some(20_000_000))], Outcome::Passed, &[], &[]);
    let broken = || took(Some(20_000_001));
    let alarm = [What::Objective("p99")];
    check(bound, &[broken(), broken()], Outcome::Alarm, &alarm, &[]);
    check(
        bound,
        &[broken(), took(Some(1))],
        Outcome::Passed,
        &[],
        &alarm,
    );
    check(bound, &[took(None)], Outcome::Inconclusive, &[], &[]);
    check("", &[broken()], Outcome::Passed, &[], &[]);
    let judged = look(&broken(), &config(bound)).objectives.remove(0);
    assert!(judged.is_broken() && judged.base_ns.is_some());
}

#[test]
fn what_is_not_known_is_inconclusive_and_no_alarm() {
    let noisy = || {
        let mut record = run(&[]);
        for epoch in &mut record.targets[1].epochs {
            let factor = if epoch.block % 2 == 0 { 1.4 } else { 0.8 };
            *epoch.metrics.get_mut(P99.name()).unwrap() *= factor;
        }
        record
    };
    check("", &[noisy()], Outcome::Inconclusive, &[], &[]);
    let never = "[metrics]\nresponse_time_ns_p99 = { alarm = \"never\" }";
    check(never, &[noisy()], Outcome::Passed, &[], &[]);
    let mut without = run(&[]);
    for epoch in &mut without.targets[1].epochs {
        epoch.metrics.remove(P99.name());
    }
    check("", &[without.clone()], Outcome::Inconclusive, &[], &[]);
    let look = look(&without, &config(""));
    let left_out = &look.not_compared[0];
    assert!(
        matches!(left_out.reason, Reason::TooFewBlocks { paired: 0, .. }) && left_out.metric == P99,
        "{left_out:?}"
    );
    check(never, &[without], Outcome::Passed, &[], &[]);
}

#[test]
fn the_gravest_scenario_decides() {
    use Outcome::{Alarm, Inconclusive, Invalid, Passed};
    let with = |outcome| Judgement {
        scenario: "s".to_owned(),
        outcome,
        alarms: Vec::new(),
        unconfirmed: Vec::new(),
        measurements: Vec::new(),
    };
    let base = || Against::Command {
        command: "a".to_owned(),
    };
    let of = |outcomes: &[Outcome]| {
        Gate::of(base(), None, outcomes.iter().map(|&o| with(o)).collect()).outcome
    };
    assert_eq!(of(&[]), Passed);
    assert_eq!(of(&[Passed, Inconclusive]), Inconclusive);
    assert_eq!(of(&[Invalid, Inconclusive, Passed]), Invalid);
    assert_eq!(of(&[Invalid, Alarm, Passed]), Alarm);
}

/// Earlier runs of the head alone, of which the median varies by 1 % from one to the next.
fn earlier(runs: usize, mut change: impl FnMut(&mut HistoryLine)) -> Vec<HistoryLine> {
    let mut record = run(&[]);
    record.targets.remove(0);
    record.comparisons.clear();
    let line = HistoryLine::of(&record, None);
    let of_run = |number: usize| {
        let mut line = line.clone();
        for value in line.targets[0].metrics.values_mut() {
            *value *= 1.0 + 0.005 * (number % 3) as f64;
        }
        change(&mut line);
        line
    };
    (0..runs).map(of_run).collect()
}

fn now(factor: f64) -> RunRecord {
    let mut record = run(&[(P50, factor)]);
    record.targets.remove(0);
    record.comparisons.clear();
    record
}

#[test]
fn earlier_runs_show_what_lies_beyond_their_own_spread() {
    let check = |earlier: &[HistoryLine], factor: f64, expected: &[What]| {
        let look = look_back(&now(factor), earlier, &config(""));
        assert_eq!(look.alarms(), expected, "{look:#?}");
        look
    };
    let ten = earlier(10, |_| ());
    check(&ten, 1.0, &[]);
    check(&ten, 1.2, &[What::Worse(P50)]);
    check(&ten, 0.8, &[]);
    // Of these runs the median itself varies by half, so that a fifth more is nothing.
    let mut number = 0;
    let spread = earlier(10, |line| {
        number += 1;
        *line.targets[0].metrics.get_mut(P50.name()).unwrap() *= f64::from(2 + number % 2);
    });
    check(&spread, 2.5 * 1.2, &[]);
}

#[test]
fn earlier_runs_count_only_where_they_are_like_this_one_and_enough() {
    let check = |lines: Vec<HistoryLine>, is_reported: bool| {
        let look = look_back(&now(1.2), &lines, &config(""));
        assert_eq!(!look.alarms().is_empty(), is_reported, "{look:#?}");
        assert_eq!(look.not_compared.is_empty(), is_reported);
    };
    check(earlier(MIN_BASELINE_RUNS, |_| ()), true);
    check(earlier(MIN_BASELINE_RUNS - 1, |_| ()), false);
    check(earlier(10, |line| line.valid = false), false);
    check(earlier(10, |line| line.load = "closed".to_owned()), false);
    check(earlier(10, |line| line.scenario = "ping".to_owned()), false);
    check(
        earlier(10, |line| line.host = "another machine".to_owned()),
        false,
    );
    check(
        earlier(10, |line| line.targets[0].name = "other".to_owned()),
        false,
    );
}

#[test]
fn with_a_reference_earlier_runs_of_other_machines_count_too() {
    let with_reference = |factor: f64| {
        // The head stands first, its reference second.
        let mut record = run(&[(P50, 1.0 / factor)]);
        record.targets[0].name = HEAD.to_owned();
        record.targets[1].name = "reference".to_owned();
        let (comparisons, _) = compare::compare_targets(&record.targets, &Policy::usual(1));
        record.comparisons = comparisons;
        record
    };
    let lines: Vec<HistoryLine> = (0..10)
        .map(|number| {
            let mut line =
                HistoryLine::of(&with_reference(1.0 + 0.005 * f64::from(number % 3)), None);
            line.host = format!("machine {number}");
            line
        })
        .collect();
    let look = |factor| look_back(&with_reference(factor), &lines, &config("")).alarms();
    assert_eq!(look(1.0), []);
    assert_eq!(look(1.2), [What::Worse(P50)]);
    assert_eq!(look(0.8), []);
}

#[test]
fn a_warning_that_does_not_void_leaves_a_measurement_valid() {
    let mut record = run(&[]);
    record.validity = Validity::of(vec![Warning::note(Fact::SharedCore)]);
    let look = look(&record, &config(""));
    assert!(look.valid && look.invalid_because.is_empty());
}

#[test]
fn a_head_that_answers_with_errors_does_not_pass_however_quick_it_is() {
    let failing = |base: u64, head: u64| {
        let mut record = run(&[(P50, 0.7)]);
        for (target, failed) in record.targets.iter_mut().zip([base, head]) {
            target.report.requests = Accounting {
                scheduled: 2_000,
                ok: 2_000 - failed,
                error: failed,
                ..Accounting::default()
            };
            target.report.error_share = ErrorShare::of(&[target.report.requests]);
        }
        record
    };
    let check = |more: &str, base: u64, head: u64, is_broken: bool| {
        let run = || failing(base, head);
        if is_broken {
            let alarms = [What::Errors];
            super::tests::check(more, &[run(), run()], Outcome::Alarm, &alarms, &[]);
        } else {
            super::tests::check(more, &[run()], Outcome::Passed, &[], &[]);
        }
    };
    // None where the base has none; otherwise a larger share than the base's, as far as chance allows to tell.
    check("", 0, 0, false);
    check("", 0, 1, true);
    check("", 20, 20, false);
    check("", 20, 25, false);
    check("", 20, 60, true);
    check("", 60, 20, false);
    check("", 20, 0, false);
    // Or what the configuration lets fail, at its very limit.
    check("max_errors = 0.01", 0, 20, false);
    check("max_errors = 0.01", 0, 21, true);
    check("max_errors = 0.0", 20, 20, true);
    // What only one measurement finds is reported.
    let runs = [failing(0, 96), failing(0, 0)];
    super::tests::check("", &runs, Outcome::Passed, &[], &[What::Errors]);
    let errors = look(&failing(0, 96), &config("")).errors;
    assert_eq!((errors.head.failed, errors.head.requests), (96, 2_000));
    assert!(errors.head.ci_low < 0.048 && errors.head.ci_high > 0.048);
}
