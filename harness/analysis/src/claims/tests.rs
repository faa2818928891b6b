use std::collections::BTreeSet;

use super::verdict::weighed;
use super::*;
use crate::compare;
use crate::simulate::{Noise, epochs};
use model::record::metric::Metric;
use model::record::run::Completion;
use model::record::sweep::knee::{Known, PassRecord};
use model::record::sweep::pass::{CLIMB, Pass};
use model::record::target::EpochRecord;
use model::record::warning::{Believable, Fact, Warning};
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
        ..PlanSpec::new(LOOKS[1].effort, 2, seed)
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

#[test]
fn what_was_not_warm_is_not_judged_and_is_warmed_up_longer_the_next_time() {
    let mut record = samples::run_record();
    let mut question = claimed(1.0, 2.0).question.unwrap();
    question.head.target = record.targets[1].name.clone();
    question.base.as_mut().unwrap().target = record.targets[0].name.clone();
    let fact = Fact::NotWarm {
        metric: Metric::ThroughputPerS,
        excess: 0.05,
        p_value: 0.001,
    };
    let warning = Warning::note(fact).about(&question.head.target);
    record.validity.warnings.push(warning);
    assert_eq!(evidence(&record, &question, 1), Err(NotJudged::NotWarm));
    let memory = Question {
        metric: ClaimMetric::Memory,
        ..question.clone()
    };
    assert!(evidence(&record, &memory, 1).is_ok(), "memory has no speed");
    let cold: BTreeSet<String> = cold(&record).map(str::to_owned).collect();
    let claims = [Claim {
        question: Some(question),
        ..claimed(1.0, 2.0)
    }];
    let jobs = jobs(&claims, |_, _| true);
    let not_warm = Verdict::NotJudged {
        why: NotJudged::NotWarm,
    };
    let second = |cold: &BTreeSet<String>| {
        let next = next(&claims, &jobs, &[1], std::slice::from_ref(&not_warm), cold);
        next.unwrap().layout()
    };
    let (usual, longer) = (second(&BTreeSet::new()), second(&cold));
    let warm_up = |look: Look| {
        let spec = PlanSpec {
            rounds: Some(look.rounds),
            warmup: look.warmup,
            ..PlanSpec::new(look.effort, 2, 1)
        };
        let plan = Plan::new(&spec).unwrap();
        assert_eq!(plan.blocks(), 16);
        plan.warmup
    };
    assert!(warm_up(longer).shortest() > warm_up(usual).longest());
    assert!(warm_up(LOOKS_AFTER_COLD[0]).shortest() > warm_up(LOOKS[0]).longest());
}

#[test]
fn the_memory_of_a_connection_is_compared_round_by_round() {
    let mut record = samples::run_record();
    let mut question = claimed(1.0, 2.0).question.unwrap();
    question.metric = ClaimMetric::MemoryPerConnection;
    question.head.target = record.targets[1].name.clone();
    question.base.as_mut().unwrap().target = record.targets[0].name.clone();
    let each = |of: f64| (0..8).map(|round| of + f64::from(round)).collect();
    record.targets[1]
        .server
        .rss_bytes_per_idle_connection_by_round = each(6144.0);
    record.targets[0]
        .server
        .rss_bytes_per_idle_connection_by_round = each(3072.0);
    let both = evidence(&record, &question, 1).unwrap();
    assert_eq!(both.logs.len(), 8);
    assert!((both.value - 2.0).abs() < 0.01, "{both:?}");
    let alone = Question {
        base: None,
        ..question.clone()
    };
    let alone = evidence(&record, &alone, 1).unwrap();
    assert!((alone.value - 6.0).abs() < 0.01, "in KiB: {alone:?}");
    let base = &mut record.targets[0].server;
    base.rss_bytes_per_idle_connection_by_round.pop();
    assert_eq!(
        evidence(&record, &question, 1),
        Err(NotJudged::TooFew),
        "a round has no pair"
    );
}

#[test]
fn a_trend_is_the_change_of_the_ratio_for_each_tenfold_whatever_the_ratio_is() {
    // 3 · x^0.2, with the noise of a block.
    let points = [10.0_f64, 100.0, 1000.0].map(|at| {
        let logs = (0..16_u8).map(|block| {
            let noise = 0.001 * f64::from(block % 4);
            3.0_f64.ln() + 0.2 * at.ln() + noise
        });
        (at, of_logs(logs.collect()).unwrap())
    });
    let points: Vec<(f64, &Evidence)> = points.iter().map(|(at, found)| (*at, found)).collect();
    let found = trend(&points, 1);
    let expected = 10.0_f64.powf(0.2);
    assert!((found.value / expected - 1.0).abs() < 1e-9, "{found:?}");
    assert_eq!((found.logs.len(), found.figures.len()), (16, 3));
    let verdict = |low, high| {
        let found = Ok(found.clone());
        verdicts(&[(&claimed(low, high), Some(&found))], 1).remove(0)
    };
    assert_eq!(verdict(1.05, 2.0), Verdict::Supported);
    let opposite = Verdict::Refuted {
        direction: Some(Direction::Opposite),
    };
    assert_eq!(verdict(0.5, 0.9), opposite);
}

#[test]
fn the_points_of_a_trend_are_measured_for_themselves_and_with_claims_of_the_same_load() {
    let points = "along = { factor = \"f\", points = [\n{ is = \"1\", at = 1, measure = { connections = 1 } },\n{ is = \"9\", at = 9, measure = { connections = 9 } } ] }";
    let claims = claims(&[
        &format!("from = 1.05\ntrend = true\n{PAIR}\n{points}"),
        &format!("from = 2.0\n{PAIR}"),
    ]);
    let jobs = jobs(&claims, |_, _| true);
    assert!(jobs.iter().all(|job| !job.is_along));
    let asks: Vec<_> = jobs.iter().map(|job| job.asks.clone()).collect();
    assert_eq!(asks, [vec![(0, Some(0))], vec![(0, Some(1)), (1, None)]]);
    let verdicts = [Verdict::NotMeasured, Verdict::Supported];
    let found = next(&claims, &jobs, &[1, 1], &verdicts, &BTreeSet::new()).unwrap();
    assert_eq!(
        (found.job, found.look),
        (0, 1),
        "what is open is looked at again"
    );
}

#[test]
fn no_longer_look_is_taken_where_it_would_hardly_decide_anything() {
    let open = |blocks_needed| Verdict::Inconclusive { blocks_needed };
    assert!(open(Some(MAX_BLOCKS_WORTH)).may_be_decided());
    assert!(!open(Some(MAX_BLOCKS_WORTH + 1)).may_be_decided());
    assert!(!open(None).may_be_decided());
    let disturbed = Verdict::NotJudged {
        why: NotJudged::Invalid,
    };
    assert!(disturbed.may_be_decided() && !Verdict::Supported.may_be_decided());
}

#[test]
fn of_a_sweep_the_rounds_of_both_knees_are_compared() {
    let mut record = samples::sweep_record();
    let mut question = claimed(1.0, 2.0).question.unwrap();
    question.metric = ClaimMetric::Capacity;
    question.head.target = record.results[1].target.clone();
    question.base.as_mut().unwrap().target = record.results[0].target.clone();
    for (result, knee) in record.results.iter_mut().zip([1000.0, 1500.0]) {
        let pass = |round: u32, pass, factor: f64| PassRecord {
            round,
            pass,
            rate_per_s: knee * factor * (1.0 + 0.01 * f64::from(round)),
            below_per_s: knee,
            above_per_s: knee,
            crossed: true,
        };
        let rounds = (CLIMB..=SWEEP_ROUNDS).flat_map(|round| {
            // A climb goes in long strides, and its place says little.
            let far = if round == CLIMB { 3.0 } else { 1.0 };
            [
                pass(round, Pass::Up, 1.1 * far),
                pass(round, Pass::Down, far / 1.1),
            ]
        });
        result.knee.passes = rounds.collect();
        result.knee.known = Known::Found;
    }
    record.validity.verdict = Believable::Valid;
    let found = evidence_of_sweep(&record, &question, 1).unwrap();
    assert_eq!(found.logs.len(), SWEEP_ROUNDS as usize);
    assert!((found.value - 1.5).abs() < 1e-9, "{found:?}");
    record.results[1].knee.known = Known::AtLeast;
    let found = evidence_of_sweep(&record, &question, 1);
    assert_eq!(found, Err(NotJudged::NoKnee));
}

#[test]
fn a_sweep_is_shared_with_sweeps_only_and_made_once() {
    let sweep = PAIR.replace("\"throughput\"", "\"capacity\", p99_at_most = \"50ms\"");
    let claims = claims(&[
        &format!("from = 1.5\n{sweep}"),
        &format!("from = 1.5\n{PAIR}"),
        &format!("to = 1.0\n{sweep}"),
    ]);
    let jobs = jobs(&claims, |_, _| true);
    let asks: Vec<_> = jobs
        .iter()
        .map(|job| (job.is_sweep, job.asks.clone()))
        .collect();
    let expected = [(true, vec![(0, None), (2, None)]), (false, vec![(1, None)])];
    assert_eq!(asks, expected);
    let open = Verdict::Inconclusive {
        blocks_needed: Some(20),
    };
    let verdicts = vec![open; 3];
    let found = next(&claims, &jobs, &[1, 1], &verdicts, &BTreeSet::new());
    assert_eq!(found.map(|next| next.job), Some(1));
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
        blocks_needed: Some(40),
    };
    let check =
        |looks: [usize; 4], verdicts: [&Verdict; 4], expected: Option<(usize, usize, &[&str])>| {
            let verdicts: Vec<Verdict> = verdicts
                .into_iter()
                .cloned()
                .chain([Verdict::NotMeasured])
                .collect();
            let found = next(&claims, &jobs, &looks, &verdicts, &BTreeSet::new());
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
    // What a refuted or contradicted one depends on says more than a longer look at what is open.
    let verdicts = [&Verdict::Supported, &refuted, &Verdict::Supported, &open];
    let pair: &[&str] = &["node", "fastapi"];
    check([1, 1, 0, 0], verdicts, Some((2, 0, pair)));
    check([1, 1, 1, 0], verdicts, Some((3, 0, pair)));
    // What is decided is not measured again, and of what is shared only who is needed.
    check([1, 1, 1, 1], verdicts, Some((0, 1, &["node", "express"])));
    check([2, 1, 1, 1], verdicts, None);
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
    let own = jobs.iter().filter(|job| !job.is_along);
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
