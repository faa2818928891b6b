use super::verdict::weighed;
use super::*;
use crate::compare;
use crate::simulate::{Noise, epochs};
use model::record::metric::Metric;
use model::record::run::Completion;
use model::record::target::EpochRecord;
use model::record::warning::Believable;
use model::spec::claim::{self, Claim, ClaimMetric, Question, Side};
use model::spec::plan::{Plan, PlanSpec};

/// The claims of a file with these tables.
fn claims(tables: &[&str]) -> Vec<Claim> {
    let each = tables.iter().enumerate().map(|(index, table)| {
        format!(
            "[[claims]]\nid = \"c{index}\"\nsays = \"x\"\nsource = \"s\"\ndate = \"2026\"\ntier = \"A\"\nthere = \"t\"\n{table}\n"
        )
    });
    claim::parse(&each.collect::<String>(), "mine.toml").unwrap()
}

const PAIR: &str = "measure = { head = \"node\", base = \"fastapi\", metric = \"throughput\", route = \"/json\", connections = 9 }";

fn claimed(low: f64, high: f64) -> Claim {
    claims(&[&format!("from = {low:?}\nto = {high:?}\n{PAIR}")]).remove(0)
}

/// The logarithms of the blocks of a made-up machine on which the head is `ratio` times the base.
fn measured(ratio: f64, noise: Noise, seed: u64) -> Vec<f64> {
    // Fewer blocks than a look has, whose exact test takes a sixteenth of the time.
    let spec = PlanSpec {
        rounds: Some(12),
        ..PlanSpec::new(LOOKS[1].0, 2, seed)
    };
    let plan = Plan::new(&spec).unwrap();
    let made: Vec<Vec<EpochRecord>> = epochs(&plan, &[0.0, ratio.ln()], 0.0, noise, seed);
    compare::differences(&made[0], &made[1], Metric::ThroughputPerS)
}

#[expect(clippy::unnecessary_wraps, reason = "evidence comes so")]
fn of_logs(logs: Vec<f64>) -> Result<Evidence, NotJudged> {
    Ok(weighed("r".to_owned(), logs, (Vec::new(), Vec::new()), 1))
}

/// How many of so many made-up machines give this kind of verdict.
fn count(ratio: f64, claim: &Claim, noise: Noise, is: impl Fn(&Verdict) -> bool) -> u32 {
    let verdicts = (0..RUNS).map(|seed| {
        let evidence = of_logs(measured(ratio, noise, seed));
        verdicts(&[(claim, Some(&evidence))], seed).remove(0)
    });
    u32::try_from(verdicts.filter(is).count()).unwrap()
}

const RUNS: u64 = 200;

#[test]
fn a_claim_that_is_true_at_its_edge_is_refuted_in_at_most_one_of_twenty() {
    let claim = claimed(1.1, 1.5);
    let refuted = |verdict: &Verdict| matches!(verdict, Verdict::Refuted { .. });
    for noise in Noise::OF_THE_MACHINE {
        for edge in [1.1, 1.5] {
            let wrong = count(edge, &claim, noise, refuted);
            // One of twenty is ten of these; a look has half of that.
            assert!(wrong <= 10, "{wrong} of {RUNS} at {edge}, {}", noise.name());
        }
        let wrong = count(1.099, &claim, noise, |verdict| {
            *verdict == Verdict::Supported
        });
        assert!(wrong <= 10, "{wrong} of {RUNS} outside, {}", noise.name());
    }
}

#[test]
fn a_true_claim_is_supported_and_a_false_one_refuted_on_a_quiet_machine() {
    let supported = |verdict: &Verdict| *verdict == Verdict::Supported;
    assert!(count(1.1, &claimed(1.05, 1.16), Noise::Quiet, supported) > 190);
    let holds = Verdict::Refuted {
        direction: Some(Direction::Holds),
    };
    assert!(
        count(1.1, &claimed(1.25, 1.35), Noise::Quiet, |verdict| *verdict
            == holds)
            > 190
    );
}

#[test]
fn a_refuted_claim_says_on_which_side_of_equality_the_ratio_lies() {
    let check = |value: f64, (low, high): (f64, f64), expected: Option<Direction>| {
        let logs = (0..16).map(|block| value.ln() + 0.001 * f64::from(block % 2 * 2 - 1));
        let evidence = of_logs(logs.collect());
        let claim = claimed(low, high);
        let verdict = verdicts(&[(&claim, Some(&evidence))], 1).remove(0);
        assert_eq!(
            verdict,
            Verdict::Refuted {
                direction: expected
            },
            "{value} {low} {high}"
        );
    };
    check(1.07, (2.0, 4.0), Some(Direction::Holds));
    check(9.0, (2.0, 4.0), Some(Direction::Holds));
    check(0.8, (2.0, 4.0), Some(Direction::Opposite));
    check(1.0, (2.0, 4.0), Some(Direction::Open));
    check(0.8, (0.2, 0.5), Some(Direction::Holds));
    check(1.2, (0.2, 0.5), Some(Direction::Opposite));
    check(1.2, (0.95, 1.05), None);
}

#[test]
fn what_is_not_certain_after_the_adjustment_says_what_would_decide_it() {
    // Far outside, beyond chance by itself, and among a thousand claims too; near the edge, by neither.
    let far = of_logs((0..16).map(|block| 0.5 + 0.01 * f64::from(block)).collect());
    let near = of_logs(
        (0..16)
            .map(|block| 0.11 + 0.05 * f64::from(block % 2 * 2 - 1))
            .collect(),
    );
    let claim = claimed(1.0, 1.1);
    let mut tested = vec![(&claim, Some(&far)), (&claim, Some(&near))];
    tested.extend((0..500).map(|_| (&claim, None)));
    let verdicts = verdicts(&tested, 1);
    assert!(verdicts[0].is_decided(), "{:?}", verdicts[0]);
    let Verdict::Inconclusive { blocks_needed } = verdicts[1] else {
        panic!("{:?}", verdicts[1]);
    };
    // (0.11 - ln 1.1) is 0.0147, and the deviation 0.0516: about 120 blocks (9.5 · 12.3).
    let needed = blocks_needed.unwrap();
    assert!((100..140).contains(&needed), "{needed}");
    assert_eq!(verdicts[2], Verdict::NotMeasured);
    let at_edge = of_logs(
        (0..16)
            .map(|block| 1.1_f64.ln() + f64::from(block % 2 * 2 - 1))
            .collect(),
    );
    let verdict = super::verdicts(&[(&claim, Some(&at_edge))], 1).remove(0);
    assert_eq!(
        verdict,
        Verdict::Inconclusive {
            blocks_needed: None
        }
    );
}

#[test]
fn of_a_record_the_blocks_of_both_targets_are_compared_and_a_disturbed_one_is_of_no_use() {
    let mut record = samples::run_record();
    let mut question = claimed(1.0, 2.0).question.unwrap();
    question.head.target = record.targets[1].name.clone();
    question.base.as_mut().unwrap().target = record.targets[0].name.clone();
    let ours = evidence(&record, &question, 1).unwrap();
    let known = record
        .comparisons
        .iter()
        .find(|comparison| comparison.metric == Metric::ThroughputPerS)
        .unwrap();
    assert!(
        (ours.value - known.ratio).abs() < 1e-9,
        "{ours:?} {known:?}"
    );
    assert!((ours.figures[0] / ours.figures[1] - ours.value).abs() < 1e-9);
    let alone = Question {
        base: None,
        metric: ClaimMetric::ResponseTimeP50,
        ..question.clone()
    };
    let alone = evidence(&record, &alone, 1).unwrap();
    assert!((alone.value - alone.figures[0]).abs() < 1e-9 && alone.figures.len() == 1);
    record.targets[1].report.error_share.share = MAX_FAILED * 1.01;
    assert_eq!(
        evidence(&record, &question, 1),
        Err(NotJudged::RequestsFailed)
    );
    record.targets[1].report.error_share.share = MAX_FAILED;
    assert!(evidence(&record, &question, 1).is_ok());
    record.completion = Completion::TargetFailed;
    assert_eq!(
        evidence(&record, &question, 1),
        Err(NotJudged::TargetFailed)
    );
    record.completion = Completion::Complete;
    record.validity.verdict = Believable::Invalid;
    assert_eq!(evidence(&record, &question, 1), Err(NotJudged::Invalid));
    let missing = Question {
        head: Side {
            target: "fastify".to_owned(),
            pool: None,
            workers: None,
        },
        ..question
    };
    assert_eq!(
        evidence(&samples::run_record(), &missing, 1),
        Err(NotJudged::TooFew)
    );
}

fn names(sides: &[Side]) -> Vec<String> {
    sides.iter().map(Side::name).collect()
}

#[test]
fn claims_of_one_load_share_a_measurement_and_the_most_contradictory_comes_first() {
    let other = PAIR.replace("fastapi", "express");
    let greeting = PAIR.replace("/json", "/plaintext");
    let along = "along = { factor = \"f\", points = [\n{ is = \"1\", measure = { connections = 1 } },\n{ is = \"2\", measure = { connections = 2 } } ] }";
    let claims = claims(&[
        &format!("from = 1.5\n{greeting}"),
        &format!("from = 2.0\ngroup = \"g\"\n{PAIR}\n{along}"),
        &format!("to = 1.0\ngroup = \"g\"\n{PAIR}"),
        &format!("to = 1.0\n{other}"),
        "to = 1.0\nneeds = \"a database\"",
    ]);
    assert_eq!(contradictions(&claims), [0, 1, 1, 0, 0]);
    let jobs = jobs(&claims, |_, _| true);
    let asks: Vec<_> = jobs.iter().map(|job| job.asks.clone()).collect();
    assert_eq!(
        asks,
        [
            vec![(1, None), (2, None), (3, None)],
            vec![(0, None)],
            vec![(1, Some(0))],
            vec![(1, Some(1))],
        ]
    );
    let refuted = Verdict::Refuted { direction: None };
    let open = Verdict::Inconclusive {
        blocks_needed: None,
    };
    let check =
        |looks: [usize; 4], verdicts: [&Verdict; 4], expected: Option<(usize, usize, &[&str])>| {
            let verdicts: Vec<Verdict> = verdicts
                .into_iter()
                .cloned()
                .chain([Verdict::NotMeasured])
                .collect();
            let found = next(&claims, &jobs, &looks, &verdicts);
            let found = found.map(|next| (next.job, next.look, names(&next.sides)));
            let expected = expected.map(|(job, look, sides)| {
                (
                    job,
                    look,
                    sides.iter().map(|side| (*side).to_owned()).collect(),
                )
            });
            assert_eq!(found, expected, "{looks:?}");
        };
    let none = &Verdict::NotMeasured;
    check(
        [0; 4],
        [none; 4],
        Some((0, 0, &["node", "fastapi", "express"])),
    );
    check(
        [1, 0, 0, 0],
        [none, &refuted, &Verdict::Supported, &open],
        Some((1, 0, &["node", "fastapi"])),
    );
    // What is decided is not measured again, and of what is shared only who is needed.
    check(
        [1, 1, 0, 0],
        [&Verdict::Supported, &refuted, &Verdict::Supported, &open],
        Some((0, 1, &["node", "express"])),
    );
    check(
        [2, 1, 0, 0],
        [&Verdict::Supported, &refuted, &Verdict::Supported, &open],
        Some((2, 0, &["node", "fastapi"])),
    );
    check(
        [2, 1, 1, 1],
        [&Verdict::Supported, &refuted, &Verdict::Supported, &open],
        None,
    );
}

#[test]
fn a_share_of_the_capacity_is_no_load_that_a_third_target_shares() {
    let share = |base: &str| {
        format!(
            "to = 1.0\nmeasure = {{ head = \"node\", base = \"{base}\", metric = \"memory\", scenario = \"cpu-heavy\" }}"
        )
    };
    let claims = claims(&[&share("express"), &share("hono"), &share("express")]);
    let asks: Vec<_> = jobs(&claims, |claim, _| claim < 3)
        .into_iter()
        .map(|job| job.asks)
        .collect();
    assert_eq!(asks, [vec![(0, None), (2, None)], vec![(1, None)]]);
    assert!(jobs(&claims, |_, _| false).is_empty());
}

#[test]
fn the_built_in_claims_fit_into_few_measurements() {
    let claims = claim::built_in();
    let jobs = jobs(&claims, |_, _| true);
    let own = jobs.iter().filter(|job| !job.is_along());
    let asked = claims
        .iter()
        .filter(|claim| claim.question.is_some())
        .count();
    assert!(
        own.clone().count() * 3 <= asked * 2,
        "{} of {asked}",
        own.count()
    );
}
