//! What a measurement says of a claim.

use model::measured::workload::WorkloadKind;
use model::record::metric::{Metric, Rank};
use model::record::run::{Completion, RunRecord};
use model::record::sweep::knee::Known;
use model::record::sweep::pass::CLIMB;
use model::record::sweep::whole::SweepRecord;
use model::record::target::TargetRecord;
use model::spec::claim::{Claim, ClaimMetric, Question, Range};
use serde::{Deserialize, Serialize};
use stats::distribution::{mean, variance};
use stats::sign_flip::sign_flip;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::compare::{self, USABLE, block_values, minimal_detectable, paired_blocks};
use model::record::comparison::ALPHA;
use model::spec::plan::Effort;

/// How a look at claims is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How long a sample is.
    pub effort: Effort,
    /// How often the targets are started afresh.
    pub rounds: u32,
    /// The warm-up of each target in each round; none where it goes on until the target is steady, within the effort's bound.
    pub warmup: Option<Duration>,
}

/// How each claim is looked at: quickly, and longer where that did not decide it. So many rounds, so that there are 16 blocks: the
/// exact test then has p-values down to 2/2^16, which stay below [`LEVEL`] when they are adjusted over hundreds of claims.
pub const LOOKS: [Look; 2] = [
    Look {
        effort: Effort::Quick,
        rounds: 8,
        warmup: None,
    },
    Look {
        effort: Effort::Default,
        rounds: 16,
        warmup: None,
    },
];

/// The same where a target was still getting faster while it was measured before. A just-in-time compiler takes seconds: each warm-up is as
/// long as the longest of [`Effort::Default`], and that of the second look half as long again. In turn each process is measured in two
/// blocks.
pub const LOOKS_AFTER_COLD: [Look; 2] = [
    Look {
        effort: Effort::Quick,
        rounds: 8,
        warmup: Some(Duration::from_secs(4)),
    },
    Look {
        effort: Effort::Default,
        rounds: 8,
        warmup: Some(Duration::from_secs(6)),
    },
];

/// Rounds of a sweep for a claim about capacity, each of which is a block: so many that the exact test stays below [`LEVEL`] when it is adjusted
/// over a hundred claims.
pub const SWEEP_ROUNDS: u32 = 14;

/// The level of the test at each look: who looks twice has two chances to be wrong (Bonferroni).
pub const LEVEL: f64 = ALPHA / LOOKS.len() as f64;

/// The largest share of failed requests of a target whose figures are still compared: what fails may be quick.
pub const MAX_FAILED: f64 = 0.01;

/// The most blocks that are offered as a way to decide a claim: more would take days, and its truth lies at the edge of its range.
pub const MAX_BLOCKS_NEEDED: u32 = 10_000;

/// Where a quick look says that more blocks like its own are needed than this, no longer look is taken: one has 16, of samples five times
/// as long, which are worth some five times as many.
pub const MAX_BLOCKS_WORTH: u32 = 160;

/// The outcome of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The ratio lies in the claimed range.
    Supported,
    /// It lies outside.
    Refuted {
        /// On which side of equality it lies; none where the claim names no side.
        direction: Option<Direction>,
    },
    /// Neither is certain.
    Inconclusive {
        /// How many blocks would decide it, four times in five; none where more than [`MAX_BLOCKS_NEEDED`] are needed.
        blocks_needed: Option<u32>,
    },
    /// It was measured, and the measurement is of no use.
    NotJudged {
        /// Why.
        why: NotJudged,
    },
    /// There was no time for it.
    NotMeasured,
    /// It can't be tested on this machine.
    NotTestable {
        /// What is missing.
        missing: String,
    },
}

impl Verdict {
    /// True where it is certain.
    pub fn is_decided(&self) -> bool {
        matches!(self, Self::Supported | Self::Refuted { .. })
    }

    /// True where a longer look may well decide it.
    pub fn may_be_decided(&self) -> bool {
        match self {
            Self::Supported | Self::Refuted { .. } | Self::NotTestable { .. } => false,
            Self::Inconclusive { blocks_needed } => {
                blocks_needed.is_some_and(|blocks| blocks <= MAX_BLOCKS_WORTH)
            }
            Self::NotJudged { .. } | Self::NotMeasured => true,
        }
    }
}

/// On which side of equality the ratio of a refuted claim lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// On the side that is claimed.
    Holds,
    /// On the other.
    Opposite,
    /// The interval has both.
    Open,
}

/// Why a measurement is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotJudged {
    /// It measured the load generator or a disturbed machine.
    Invalid,
    /// A target failed.
    TargetFailed,
    /// More than [`MAX_FAILED`] of a target's requests failed.
    RequestsFailed,
    /// A target was still getting faster while it was measured.
    NotWarm,
    /// There are too few values of the metric.
    TooFew,
    /// The highest rate within the SLO was not found: it lies beyond what the load generator can do, or below what can be judged.
    NoKnee,
}

/// What was measured for a claim, or at a point of a factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The id of the record.
    pub run: String,
    /// The ratio of head to base, or the head's figure in the unit of its metric: the geometric mean over the blocks. Of a trend, what
    /// that is multiplied by for each tenfold of the factor.
    pub value: f64,
    /// The lower end of its 95 % interval.
    pub ci_low: f64,
    /// The upper end.
    pub ci_high: f64,
    /// The figures whose quotient the ratio is, head first; one where there is no base; of a trend the ratio at each point.
    pub figures: Vec<f64>,
    /// The targets in words, head first.
    pub targets: Vec<String>,
    /// The logarithms of the ratio in each block, of which all this is made.
    pub logs: Vec<f64>,
}

/// Everything that is said of claims that were tested together.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of `bench`.
    pub bench_version: String,
    /// When the test began, RFC 3339.
    pub started_at: String,
    /// The machine, in words.
    pub machine: String,
    /// The command that repeats it, word by word.
    pub command: Vec<String>,
    /// How long was measured, in seconds.
    pub measured_s: f64,
    /// Each claim, in the order of its topic.
    pub tested: Vec<Tested>,
}

/// The version of [`Outcome`]. It grows when a key changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;

/// A claim, and what the test found.
#[derive(Debug, Clone, Serialize)]
pub struct Tested {
    /// The claim.
    pub claim: Claim,
    /// With how many others of its group it can't be true at the same time.
    pub contradicts: usize,
    /// What was found.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// By what; none where nothing was measured that is of use.
    pub evidence: Option<Evidence>,
    /// The ratio along its factor, as far as it was measured.
    pub along: Vec<TestedPoint>,
}

/// A point of a factor, and what was measured there.
#[derive(Debug, Clone, Serialize)]
pub struct TestedPoint {
    /// The value of the factor.
    pub value: String,
    /// The load there, in words.
    pub load: String,
    /// What was measured.
    pub evidence: Evidence,
}

/// What a record says of a question.
///
/// # Errors
///
/// Why it says nothing.
pub fn evidence(record: &RunRecord, question: &Question, seed: u64) -> Result<Evidence, NotJudged> {
    if record.completion == Completion::TargetFailed {
        return Err(NotJudged::TargetFailed);
    }
    if !record.validity.is_valid() {
        return Err(NotJudged::Invalid);
    }
    let of_side = |name: String| {
        let mut targets = record.targets.iter();
        targets.find(|target| target.name == name)
    };
    let targets: Option<Vec<&TargetRecord>> =
        question.sides().map(|side| of_side(side.name())).collect();
    let targets = targets.ok_or(NotJudged::TooFew)?;
    if targets.iter().any(|target| target.failure.is_some()) {
        return Err(NotJudged::TargetFailed);
    }
    let failed = |target: &&TargetRecord| target.report.error_share.share > MAX_FAILED;
    if targets.iter().any(failed) {
        return Err(NotJudged::RequestsFailed);
    }
    let is_of_side = |of: &str| targets.iter().any(|target| target.name == of);
    let is_of_memory = matches!(
        question.metric,
        ClaimMetric::Memory | ClaimMetric::MemoryPerConnection
    );
    if !is_of_memory && cold(record).any(is_of_side) {
        return Err(NotJudged::NotWarm);
    }
    let blocks: Vec<Vec<f64>> = match (metric(question.metric, record.workload()), &*targets) {
        (Some(metric), [head, base]) => {
            let (base, head) = paired_blocks(&base.epochs, &head.epochs, metric);
            let pairs = head.into_iter().zip(base);
            pairs
                .filter_map(|(head, base)| Some(vec![head?, base?]))
                .collect()
        }
        (Some(metric), targets) => {
            let head = targets
                .iter()
                .flat_map(|head| block_values(&head.epochs, metric));
            head.map(|(_, value)| vec![value]).collect()
        }
        (None, targets) => by_round(targets),
    };
    let legends = targets
        .iter()
        .map(|target| format!("{}: {}", target.name, target.manifest.legend()));
    of_blocks(
        record.id.clone(),
        blocks,
        legends.collect(),
        unit(question.metric),
        seed,
    )
}

/// What a sweep says of a question about capacity: a block is a round, and of its passes the mean counts.
///
/// # Errors
///
/// Why it says nothing: of a knee that was not found, as where the load generator was the limit, there is no ratio.
pub fn evidence_of_sweep(
    record: &SweepRecord,
    question: &Question,
    seed: u64,
) -> Result<Evidence, NotJudged> {
    if record.completion == Completion::TargetFailed {
        return Err(NotJudged::TargetFailed);
    }
    if !record.validity.is_valid() {
        return Err(NotJudged::Invalid);
    }
    let mut rounds = Vec::new();
    let mut legends = Vec::new();
    for side in question.sides() {
        let name = side.name();
        let mut results = record.results.iter();
        let result = results.find(|result| result.target == name);
        let result = result.ok_or(NotJudged::TooFew)?;
        if result.knee.known != Known::Found {
            return Err(NotJudged::NoKnee);
        }
        let mut of_round = BTreeMap::<u32, Vec<f64>>::new();
        let passes = result.knee.passes.iter();
        for pass in passes.filter(|pass| pass.round != CLIMB && pass.crossed) {
            of_round
                .entry(pass.round)
                .or_default()
                .push(pass.rate_per_s.ln());
        }
        rounds.push(of_round);
        let mut targets = record.plan.targets.iter();
        let target = targets.find(|target| target.name == name);
        legends.extend(target.map(|target| format!("{name}: {}", target.manifest.legend())));
    }
    let of_round = |round: &u32| {
        let sides = rounds.iter().map(|side| Some(mean(side.get(round)?).exp()));
        sides.collect::<Option<Vec<f64>>>()
    };
    let blocks = rounds[0].keys().filter_map(of_round).collect();
    of_blocks(
        record.plan.id.clone(),
        blocks,
        legends,
        unit(question.metric),
        seed,
    )
}

/// What blocks say, of each target a value in them, head first.
fn of_blocks(
    run: String,
    blocks: Vec<Vec<f64>>,
    legends: Vec<String>,
    unit: f64,
    seed: u64,
) -> Result<Evidence, NotJudged> {
    let is_usable = |block: &Vec<f64>| block.iter().all(|value| USABLE.contains(value));
    let blocks: Vec<Vec<f64>> = blocks.into_iter().filter(is_usable).collect();
    if blocks.len() < compare::min_blocks(LEVEL, 1) as usize {
        return Err(NotJudged::TooFew);
    }
    let figures = (0..blocks[0].len()).map(|side| {
        let logs: Vec<f64> = blocks.iter().map(|block| block[side].ln()).collect();
        mean(&logs).exp() / unit
    });
    let figures: Vec<f64> = figures.collect();
    let logs = blocks.iter().map(|block| match block.as_slice() {
        [head, base] => head.ln() - base.ln(),
        block => (block[0] / unit).ln(),
    });
    Ok(weighed(run, logs.collect(), (figures, legends), seed))
}

/// What measurements at the points of a factor say of a trend along it: by how much the ratio changes for each tenfold of the factor.
///
/// A slope is that of the least squares through the logarithms of one block of each point: blocks of different measurements are
/// independent, so that which of them stand together does not matter.
///
/// `points`: the place of each, above zero, at least two different ones, and what was measured there.
pub fn trend(points: &[(f64, &Evidence)], seed: u64) -> Evidence {
    let places: Vec<f64> = points.iter().map(|(at, _)| at.log10()).collect();
    let middle = mean(&places);
    let spread: f64 = places.iter().map(|place| (place - middle).powi(2)).sum();
    let blocks = points.iter().map(|(_, evidence)| evidence.logs.len()).min();
    let slope = |block: usize| {
        let parts = points.iter().zip(&places);
        let parts = parts.map(|((_, evidence), place)| (place - middle) * evidence.logs[block]);
        parts.sum::<f64>() / spread
    };
    let slopes = (0..blocks.unwrap_or_default()).map(slope).collect();
    let runs: Vec<&str> = points.iter().map(|(_, evidence)| &*evidence.run).collect();
    let targets = points.first().map(|(_, evidence)| evidence.targets.clone());
    let figures = points.iter().map(|(_, evidence)| evidence.value);
    let about = (figures.collect(), targets.unwrap_or_default());
    weighed(runs.join(", "), slopes, about, seed)
}

/// The value and its interval, of logarithms of at least one block.
pub(super) fn weighed(
    run: String,
    logs: Vec<f64>,
    (figures, targets): (Vec<f64>, Vec<String>),
    seed: u64,
) -> Evidence {
    let test = sign_flip(&logs, ALPHA, seed);
    Evidence {
        run,
        value: test.mean.exp(),
        ci_low: test.interval.low.exp(),
        ci_high: test.interval.high.exp(),
        figures,
        targets,
        logs,
    }
}

/// The targets of a record that were still getting faster while they were measured.
pub fn cold(record: &RunRecord) -> impl Iterator<Item = &str> {
    let warnings = record.warnings();
    warnings.filter_map(|(of, warning)| of.filter(|_| warning.code() == "not_warm"))
}

/// What an idle connection took of each target, a block a round: a fresh process is asked for it once.
fn by_round(targets: &[&TargetRecord]) -> Vec<Vec<f64>> {
    let of_target =
        |target: &&TargetRecord| target.server.rss_bytes_per_idle_connection_by_round.clone();
    let each: Vec<Vec<f64>> = targets.iter().map(of_target).collect();
    let rounds = each.first().map_or(0, Vec::len);
    // Rounds of which one target has none can't be paired.
    if each.iter().any(|values| values.len() != rounds) {
        return Vec::new();
    }
    let round = |round: usize| each.iter().map(|values| values[round]).collect();
    (0..rounds).map(round).collect()
}

/// The metric of records that a claim is about; none of what is measured once a round.
fn metric(claimed: ClaimMetric, workload: WorkloadKind) -> Option<Metric> {
    let timed = |rank| Metric::Time(workload.clock(), rank);
    Some(match claimed {
        ClaimMetric::Throughput => Metric::ThroughputPerS,
        ClaimMetric::ResponseTimeP50 => timed(Rank::P50),
        ClaimMetric::ResponseTimeP99 => timed(Rank::P99),
        ClaimMetric::CpuPerRequest => Metric::ServerCpuUsPerRequest,
        ClaimMetric::Memory => Metric::ServerRssBytesMax,
        ClaimMetric::MemoryPerConnection | ClaimMetric::Capacity => return None,
    })
}

/// How much of a record's unit the unit of a claim's figure is: milliseconds of nanoseconds, MiB or KiB of bytes.
fn unit(claimed: ClaimMetric) -> f64 {
    match claimed {
        ClaimMetric::Throughput | ClaimMetric::Capacity | ClaimMetric::CpuPerRequest => 1.0,
        ClaimMetric::ResponseTimeP50 | ClaimMetric::ResponseTimeP99 => 1e6,
        ClaimMetric::Memory => 1024.0 * 1024.0,
        ClaimMetric::MemoryPerConnection => 1024.0,
    }
}

/// The verdicts of claims that are tested together.
///
/// `tested`: each with what was measured for it, as far as it was. What was not counts as undecided, and is among those over which the
/// p-values are adjusted (Holm, as in [`compare::holm`]).
pub fn verdicts(
    tested: &[(&Claim, Option<&Result<Evidence, NotJudged>>)],
    seed: u64,
) -> Vec<Verdict> {
    let of_claim =
        |(claim, evidence): &(&Claim, Option<&Result<Evidence, NotJudged>>)| match evidence {
            Some(Ok(evidence)) => test(&evidence.logs, &claim.range, seed),
            _ => (Verdict::NotMeasured, 1.0),
        };
    let tests: Vec<(Verdict, f64)> = tested.iter().map(of_claim).collect();
    let mut ascending: Vec<usize> = (0..tests.len()).collect();
    ascending.sort_by(|one, other| tests[*one].1.total_cmp(&tests[*other].1));
    let mut largest = 0.0_f64;
    let mut adjusted = vec![1.0; tests.len()];
    for (place, index) in ascending.into_iter().enumerate() {
        largest = largest.max((tests[index].1 * (tests.len() - place) as f64).min(1.0));
        adjusted[index] = largest;
    }
    let each = tested.iter().zip(tests).zip(adjusted);
    each.map(
        |(((claim, evidence), (verdict, _)), p_value)| match evidence {
            None => Verdict::NotMeasured,
            Some(Err(why)) => Verdict::NotJudged { why: *why },
            Some(Ok(_)) if p_value < LEVEL => verdict,
            Some(Ok(evidence)) => Verdict::Inconclusive {
                blocks_needed: blocks_needed(&evidence.logs, &claim.range),
            },
        },
    )
    .collect()
}

/// What the values point at, and the p-value of that: against the nearer end where their mean lies outside of the range, against
/// both ends where it lies in it.
fn test(logs: &[f64], range: &Range, seed: u64) -> (Verdict, f64) {
    let at = |end: f64| {
        let shifted: Vec<f64> = logs.iter().map(|log| log - end.ln()).collect();
        sign_flip(&shifted, LEVEL, seed).p_value
    };
    let value = mean(logs).exp();
    let ends = [range.low, range.high].into_iter().flatten();
    if range.contains(value) {
        return (Verdict::Supported, ends.map(at).fold(0.0, f64::max));
    }
    let beyond = match range.low {
        Some(low) if value < low => low,
        _ => range.high.unwrap_or(value),
    };
    let direction = direction(logs, range, seed);
    (Verdict::Refuted { direction }, at(beyond))
}

/// On which side of equality values lie, of a claim that names one.
fn direction(logs: &[f64], range: &Range, seed: u64) -> Option<Direction> {
    let above = match range {
        Range { low: Some(low), .. } if *low >= 1.0 => true,
        Range {
            high: Some(high), ..
        } if *high <= 1.0 => false,
        _ => return None,
    };
    let interval = sign_flip(logs, ALPHA, seed).interval;
    Some(if interval.contains(0.0) {
        Direction::Open
    } else if (interval.low > 0.0) == above {
        Direction::Holds
    } else {
        Direction::Opposite
    })
}

/// With how many blocks like these the nearest end of the range would be found to differ from the value, four times in five.
fn blocks_needed(logs: &[f64], range: &Range) -> Option<u32> {
    let value = mean(logs);
    let ends = [range.low, range.high].into_iter().flatten();
    let nearest = ends
        .map(|end| (value - end.ln()).abs())
        .fold(f64::INFINITY, f64::min);
    let deviation = variance(logs).sqrt();
    let (mut low, mut high) = (2_u32, MAX_BLOCKS_NEEDED);
    let is_enough = |blocks: u32| minimal_detectable(deviation, blocks as usize, LEVEL) <= nearest;
    if !is_enough(high) {
        return None;
    }
    while low < high {
        let middle = low.midpoint(high);
        if is_enough(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(
        high.max(
            u32::try_from(logs.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        ),
    )
}
