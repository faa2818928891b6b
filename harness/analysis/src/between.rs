//! Comparing two runs: what may be said of targets that were not measured beside each other.
//!
//! Blocks of two runs are not paired: between them lie hours, and a machine that was another one by then. So there are three
//! ways, and the best that is possible is taken. Two targets of *one* run are compared as the run itself does it, block by
//! block. Where both runs measured a common *reference* that has not changed, each target is first compared with it, block by
//! block in its own run, and only these ratios are compared: what the machine did to both is in neither. Otherwise the blocks
//! are compared as they are, *unpaired*, and whatever changed between the runs is in the difference.
//!
//! The last two test by [`stats::permutation`] and take their interval from a bootstrap of both sides
//! ([`stats::bootstrap`]). Both speak of these two runs: how far two runs of the same target lie apart is not in them.
//!
//! Everything here is a function of two records, a policy and its seed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::compare;
use crate::compare::{MAX_BLOCKS, Policy, block_values, compare_pair};
use crate::errors;
use crate::history::load_of;
use model::measured::workload::WorkloadKind;
use model::names;
use model::record::comparison::{Comparison, NotCompared, Reason};
use model::record::errors::ErrorComparison;
use model::record::metric::Metric;
use model::record::read::SCHEMA_VERSION;
use model::record::run::{Completion, RunRecord};
use model::record::surroundings::{Environment, UNKNOWN};
use model::record::target::TargetRecord;
use model::record::verdict::ComparisonVerdict;
use model::record::warning::{Fact, Warning};
use stats::bootstrap::bca;
use stats::distribution::{mean, student_t_quantile, variance};
use stats::dominance::cliffs_delta;
use stats::permutation::{divisions, permutation};

/// What a reader of two runs sees of the first one's targets, after their names.
pub const BASE_MARK: &str = "(A)";
/// The same of the second one's.
pub const HEAD_MARK: &str = "(B)";

/// Two runs compared: what `bench compare --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunComparison {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run of the base, A.
    pub base_run: String,
    /// The run of the head, B; the same where one run was asked for twice.
    pub head_run: String,
    /// The scenario.
    pub scenario: String,
    /// What was driven, in words.
    pub load: String,
    /// What the scenario times.
    pub workload: WorkloadKind,
    /// How they were compared.
    pub basis: Basis,
    /// The target that both were first compared with; `null` where there was none.
    pub reference: Option<String>,
    /// Ratios within 1/(1 + margin) and 1 + margin don't matter.
    pub margin: f64,
    /// The failed requests of each pair, where either failed some; named as the comparisons are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_comparisons: Vec<ErrorComparison>,
    /// Head over base, metric by metric; targets of two runs have [`BASE_MARK`] and [`HEAD_MARK`] after their names. `blocks`
    /// counts those of the side that has fewer.
    pub comparisons: Vec<Comparison>,
    /// What could not be compared, with the names as above.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// What differs between the circumstances of the runs.
    pub differences: Vec<Difference>,
    /// What a reader should know before believing it.
    pub warnings: Vec<Warning>,
}

/// How targets were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Within one run, block by block.
    Paired,
    /// By the ratios to a reference that both runs measured.
    Reference,
    /// As they are.
    Unpaired,
}

/// A metric of two targets that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftOut {
    /// The metric.
    pub metric: Metric,
    /// Name of the target that it should have been compared against.
    pub base: String,
    /// Name of the target that should have been compared.
    pub head: String,
    /// Why it was not.
    pub reason: Reason,
}

/// Something that two runs do not have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Difference {
    /// What: `kernel`, `callback: pool threads`.
    pub what: String,
    /// In the run of the base.
    pub base: String,
    /// In the run of the head.
    pub head: String,
}

/// What is to be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// A target of the first run; all that both runs have where it is left open.
    pub base: Option<String>,
    /// A target of the second run.
    pub head: Option<String>,
    /// The reference.
    pub reference: ReferenceAsk,
    /// Compare what should not be compared.
    pub force: bool,
}

/// Which reference is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReferenceAsk {
    /// The first target that both runs have and that has not changed, where there is one besides those that are compared.
    #[default]
    Any,
    /// None.
    No,
    /// This one.
    Named(String),
}

/// Why two runs can't be compared as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BetweenError {
    /// A target that a run does not have.
    #[error("run {run} has no target {name:?}{}: it has {}", nearest.as_ref().map(|nearest| format!(" (did you mean {nearest:?}?)")).unwrap_or_default(), known.join(", "))]
    NoSuchTarget {
        /// The run.
        run: String,
        /// The name asked for.
        name: String,
        /// The one that was probably meant.
        nearest: Option<String>,
        /// The names that it has.
        known: Vec<String>,
    },
    /// No pair follows from what was asked.
    #[error("it is not clear which targets to compare: run {base_run} has {}, run {head_run} has {}; name one of each with --base and --head", base_known.join(", "), head_known.join(", "))]
    NoPair {
        /// The run of the base.
        base_run: String,
        /// Its targets.
        base_known: Vec<String>,
        /// The run of the head.
        head_run: String,
        /// Its targets.
        head_known: Vec<String>,
    },
    /// A target against itself.
    #[error(
        "{name} of run {run} is compared with itself: name another target with --base or --head, or another run"
    )]
    Itself {
        /// The run.
        run: String,
        /// The target.
        name: String,
    },
    /// A reference that is compared itself, or that is asked for within one run.
    #[error("{name} can't be the reference: {why}")]
    NoReference {
        /// Its name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// Unlike with unlike.
    #[error("these runs should not be compared: {}; compare runs of one scenario and one load, or insist with --force", .0.join("; "))]
    Unlike(Vec<String>),
}

/// Two targets to compare.
type Pair<'a> = (&'a TargetRecord, &'a TargetRecord);

/// Compares targets of a base run, A, with those of a head run, B.
pub fn between(
    base: &RunRecord,
    head: &RunRecord,
    ask: &Ask,
    policy: &Policy,
) -> Result<RunComparison, BetweenError> {
    let one_run = base == head;
    let (pairs, reference) = if one_run {
        (pairs_of_one(base, ask)?, None)
    } else {
        pairs_of_two(base, head, ask)?
    };
    let unlike = unlike(base, head, &pairs, reference);
    if !unlike.is_empty() && !ask.force {
        return Err(BetweenError::Unlike(unlike));
    }
    let differences = if one_run {
        Vec::new()
    } else {
        differences(base, head, &pairs, reference)
    };
    let workload = base.workload();
    let (mut comparisons, mut left_out) = (Vec::new(), Vec::new());
    let mut error_comparisons = Vec::new();
    let mut not_compared = Vec::new();
    for &(of_base, of_head) in &pairs {
        let (pair, reasons) = match (one_run, reference) {
            (true, _) => compare_pair(&of_base.epochs, &of_head.epochs, workload, policy),
            (false, reference) => compare_apart((of_base, of_head), reference, workload, policy),
        };
        let reasons: Vec<NotCompared> = reasons
            .iter()
            .map(|reason| compare::why([of_base, of_head], reason))
            .collect();
        let marked = |name: &str, mark| {
            if one_run {
                name.to_owned()
            } else {
                format!("{name} {mark}")
            }
        };
        let (base, head) = (
            marked(&of_base.name, BASE_MARK),
            marked(&of_head.name, HEAD_MARK),
        );
        let (base_errors, head_errors) = (&of_base.report.error_share, &of_head.report.error_share);
        let failed = errors::compare(base_errors, head_errors);
        error_comparisons.extend(failed.map(|failed| ErrorComparison {
            base: base.clone(),
            head: head.clone(),
            ..failed
        }));
        left_out.extend(reasons.iter().map(|reason| LeftOut {
            metric: reason.metric,
            base: base.clone(),
            head: head.clone(),
            reason: reason.reason,
        }));
        let reasons = reasons.into_iter().map(|reason| (head.clone(), reason));
        not_compared.extend(reasons);
        comparisons.extend(pair.into_iter().map(|comparison| Comparison {
            base: base.clone(),
            head: head.clone(),
            ..comparison
        }));
    }
    let basis = match (one_run, reference) {
        (true, _) => Basis::Paired,
        (false, Some(_)) => Basis::Reference,
        (false, None) => Basis::Unpaired,
    };
    let unlike = unlike.into_iter();
    let mut warnings: Vec<Warning> = unlike
        .map(|what| Warning::void(Fact::Unlike { what }))
        .collect();
    warnings.extend(compare::left_out(&not_compared));
    warnings.extend(of_basis(basis, reference, differences.len()));
    warnings.extend(
        [base, head]
            .into_iter()
            .take(if one_run { 1 } else { 2 })
            .filter_map(partial),
    );
    Ok(RunComparison {
        schema_version: SCHEMA_VERSION,
        base_run: base.id.clone(),
        head_run: head.id.clone(),
        scenario: base.scenario.name.clone(),
        load: load_of(base),
        workload,
        basis,
        reference: reference.map(|(of_base, _)| of_base.name.clone()),
        margin: policy.margin(),
        error_comparisons,
        comparisons,
        left_out,
        differences,
        warnings,
    })
}

/// The pairs within one run: the base against the head, or against all others.
fn pairs_of_one<'a>(run: &'a RunRecord, ask: &Ask) -> Result<Vec<Pair<'a>>, BetweenError> {
    if let ReferenceAsk::Named(name) = &ask.reference {
        return Err(BetweenError::NoReference {
            name: name.clone(),
            why: "targets of one run are paired block by block and need none",
        });
    }
    let first = || run.targets.first().ok_or_else(|| no_pair(run, run));
    let of_base = ask
        .base
        .as_ref()
        .map_or_else(first, |name| target(run, name))?;
    let heads: Vec<&TargetRecord> = match &ask.head {
        Some(name) => vec![target(run, name)?],
        None => run
            .targets
            .iter()
            .filter(|other| other.name != of_base.name)
            .collect(),
    };
    if let [only] = heads[..]
        && only.name == of_base.name
    {
        return Err(BetweenError::Itself {
            run: run.id.clone(),
            name: only.name.clone(),
        });
    }
    if heads.is_empty() {
        return Err(no_pair(run, run));
    }
    Ok(heads
        .into_iter()
        .map(|of_head| (of_base, of_head))
        .collect())
}

/// The pairs of two runs, and the reference, if any, that they are compared with.
fn pairs_of_two<'a>(
    base: &'a RunRecord,
    head: &'a RunRecord,
    ask: &Ask,
) -> Result<(Vec<Pair<'a>>, Option<Pair<'a>>), BetweenError> {
    let like = |name: &str, run: &'a RunRecord| -> Result<&'a TargetRecord, BetweenError> {
        match (target(run, name), run.targets.as_slice()) {
            (Ok(same), _) => Ok(same),
            (Err(_), [only]) => Ok(only),
            (Err(_), _) => Err(no_pair(base, head)),
        }
    };
    let common: Vec<Pair<'a>> = base
        .targets
        .iter()
        .filter_map(|of_base| Some((of_base, target(head, &of_base.name).ok()?)))
        .collect();
    let asked = match (&ask.base, &ask.head) {
        (Some(of_base), Some(of_head)) => Some((target(base, of_base)?, target(head, of_head)?)),
        (Some(of_base), None) => Some((target(base, of_base)?, like(of_base, head)?)),
        (None, Some(of_head)) => Some((like(of_head, base)?, target(head, of_head)?)),
        (None, None) if common.is_empty() => match (&base.targets[..], &head.targets[..]) {
            ([of_base], [of_head]) => Some((of_base, of_head)),
            _ => return Err(no_pair(base, head)),
        },
        (None, None) => None,
    };
    let is_asked = |name: &str| asked.is_some_and(|(a, b)| name == a.name || name == b.name);
    let reference = match &ask.reference {
        ReferenceAsk::No => None,
        ReferenceAsk::Named(name) => {
            let pair = (target(base, name)?, target(head, name)?);
            if is_asked(name) || asked.is_none() && common.len() < 2 {
                return Err(BetweenError::NoReference {
                    name: name.clone(),
                    why: "it is what is compared",
                });
            }
            Some(pair)
        }
        // Of a single common target there is nothing left to compare.
        ReferenceAsk::Any if asked.is_none() && common.len() < 2 => None,
        ReferenceAsk::Any => common.iter().copied().find(|(of_base, of_head)| {
            !is_asked(&of_base.name) && is_unchanged(base, head, of_base, of_head)
        }),
    };
    let pairs = match asked {
        Some(pair) => vec![pair],
        None => common
            .into_iter()
            .filter(|pair| reference.is_none_or(|reference| reference.0.name != pair.0.name))
            .collect(),
    };
    Ok((pairs, reference))
}

/// True where a target was the same in both runs, as far as their records tell: who it was, and, where it is part of `bench`,
/// which `bench`.
fn is_unchanged(
    base: &RunRecord,
    head: &RunRecord,
    of_base: &TargetRecord,
    of_head: &TargetRecord,
) -> bool {
    let same_binary = base.environment.binary_sha256 == head.environment.binary_sha256;
    let is_ours = of_base.manifest.source.contains("\"{bench}\"");
    // Of a server that ran already nothing is known but that it is not ours.
    of_base.manifest == of_head.manifest && (same_binary || !is_ours)
}

fn target<'a>(run: &'a RunRecord, name: &str) -> Result<&'a TargetRecord, BetweenError> {
    let known = || run.targets.iter().map(|target| target.name.as_str());
    run.targets
        .iter()
        .find(|target| target.name == name)
        .ok_or_else(|| BetweenError::NoSuchTarget {
            run: run.id.clone(),
            name: names::shortened(name),
            nearest: names::nearest(name, known()).map(str::to_owned),
            known: known().map(str::to_owned).collect(),
        })
}

fn no_pair(base: &RunRecord, head: &RunRecord) -> BetweenError {
    let known = |run: &RunRecord| -> Vec<String> {
        run.targets
            .iter()
            .map(|target| target.name.clone())
            .collect()
    };
    BetweenError::NoPair {
        base_run: base.id.clone(),
        base_known: known(base),
        head_run: head.id.clone(),
        head_known: known(head),
    }
}

/// Compares targets of two runs, with the p-values adjusted over the metrics. Target names are empty.
fn compare_apart(
    (base, head): Pair<'_>,
    reference: Option<Pair<'_>>,
    workload: WorkloadKind,
    policy: &Policy,
) -> (Vec<Comparison>, Vec<NotCompared>) {
    let logs = |target: &TargetRecord, reference: Option<&TargetRecord>, metric| match reference {
        Some(reference) => compare::differences(&reference.epochs, &target.epochs, metric),
        None => block_values(&target.epochs, metric)
            .into_values()
            .map(f64::ln)
            .collect(),
    };
    let (of_base, of_head) = reference.unzip();
    compare::each_metric(workload, policy, |metric| {
        let (base, head) = (logs(base, of_base, metric), logs(head, of_head, metric));
        compare_unpaired(&base, &head, metric, policy)
    })
}

/// Compares one metric of two sides that no pairing ties together.
///
/// `base`, `head`: logarithms of the metric in each block, or of its ratio to a reference; finite. Target names are empty, and
/// the p-value and the verdict not yet adjusted for other metrics.
pub fn compare_unpaired(
    base: &[f64],
    head: &[f64],
    metric: Metric,
    policy: &Policy,
) -> Result<Comparison, NotCompared> {
    let blocks = base.len().max(head.len());
    if blocks > MAX_BLOCKS {
        let reason = Reason::TooManyBlocks {
            blocks,
            most: MAX_BLOCKS,
        };
        return Err(NotCompared { metric, reason });
    }
    let fewer = base.len().min(head.len());
    let needed = min_of_each(policy.alpha());
    if fewer < needed {
        let reason = Reason::TooFewOfEach {
            base: base.len(),
            head: head.len(),
            needed,
        };
        return Err(NotCompared { metric, reason });
    }
    let apart = |units: &[Vec<f64>]| mean(&units[1]) - mean(&units[0]);
    let interval = bca(&[base, head], policy.alpha(), policy.seed(), apart)
        .expect("both sides have blocks enough, and their means are finite");
    let comparison = Comparison {
        metric,
        base: String::new(),
        head: String::new(),
        ratio: (mean(head) - mean(base)).exp(),
        ci_low: interval.low.exp(),
        ci_high: interval.high.exp(),
        p_value: permutation(base, head, policy.seed()),
        smallest_detectable: minimal_detectable(base, head, policy.alpha()).exp_m1(),
        verdict: ComparisonVerdict::Inconclusive,
        blocks: u32::try_from(fewer).expect("at most MAX_BLOCKS"),
        cliffs_delta: cliffs_delta(base, head),
    };
    Ok(compare::judged(comparison, policy))
}

/// The fewest blocks of each side with which the smallest p-value can reach `alpha` at all.
pub fn min_of_each(alpha: f64) -> usize {
    let reaches = |&blocks: &usize| 2.0 / (divisions(blocks, blocks) as f64) < alpha;
    (stats::bootstrap::MIN_UNITS..64)
        .find(reaches)
        .unwrap_or(64)
}

/// As [`compare::minimal_detectable`], of two independent sides with a spread in common.
fn minimal_detectable(base: &[f64], head: &[f64], alpha: f64) -> f64 {
    let (of_base, of_head) = (base.len() as f64, head.len() as f64);
    let freedom = base.len() + head.len() - 2;
    let squares = variance(base) * (of_base - 1.0) + variance(head) * (of_head - 1.0);
    let error = (squares / freedom as f64 * (1.0 / of_base + 1.0 / of_head)).sqrt();
    let quantiles = student_t_quantile(1.0 - alpha / 2.0, freedom)
        + student_t_quantile(compare::POWER, freedom);
    quantiles * error
}

/// Why these runs should not be compared, each in a sentence without its stop.
fn unlike(
    base: &RunRecord,
    head: &RunRecord,
    pairs: &[Pair<'_>],
    reference: Option<Pair<'_>>,
) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut differ = |what: &str, of_base: &str, of_head: &str| {
        if of_base != of_head {
            reasons.push(format!(
                "{what} is {of_base} in {} and {of_head} in {}",
                base.id, head.id
            ));
        }
    };
    differ("the scenario", &base.scenario.name, &head.scenario.name);
    let mix = |run: &RunRecord| {
        let kinds = run.scenario.requests.iter();
        let kinds: Vec<String> = kinds
            .map(|kind| format!("{} {:.4}", kind.request, kind.share))
            .collect();
        kinds.join(", ")
    };
    differ("the mix of requests", &mix(base), &mix(head));
    differ("the load", &load_words(base), &load_words(head));
    let mut invalid = BTreeSet::new();
    for (run, targets) in [
        (
            base,
            pairs
                .iter()
                .chain(&reference)
                .map(|pair| pair.0)
                .collect::<Vec<_>>(),
        ),
        (
            head,
            pairs.iter().chain(&reference).map(|pair| pair.1).collect(),
        ),
    ] {
        if !run.validity.is_valid() {
            invalid.insert(format!(
                "run {} is not valid: its figures do not measure the targets",
                run.id
            ));
        }
        for target in targets {
            if !target.report.validity.is_valid() {
                invalid.insert(format!(
                    "the figures of {} in run {} do not measure it",
                    target.name, run.id
                ));
            }
            if let Some(failure) = &target.failure {
                invalid.insert(format!(
                    "{} failed in run {}: {}",
                    target.name,
                    run.id,
                    failure.what.trim_end_matches('.')
                ));
            }
        }
    }
    reasons.extend(invalid);
    reasons
}

/// The load, such that runs that may be compared have the same words.
fn load_words(run: &RunRecord) -> String {
    let Some(target) = run.targets.first() else {
        return String::new();
    };
    let load = &target.report.load;
    let connect = match load.connect {
        model::spec::load::Connect::Once => "",
        model::spec::load::Connect::PerRequest => ", one a request",
    };
    let idle = match load.idle_connections {
        0 => String::new(),
        idle => format!(" beside {idle} idle"),
    };
    format!("{}{connect}{idle}", load_of(run))
}

/// What differs between the circumstances of two runs, and between what was compared in them, by name.
///
/// What follows from chance is not reported: load average, stolen time.
pub fn differences(
    base: &RunRecord,
    head: &RunRecord,
    pairs: &[(&TargetRecord, &TargetRecord)],
    reference: Option<(&TargetRecord, &TargetRecord)>,
) -> Vec<Difference> {
    let (of_runs_base, of_runs_head) = (circumstances(base), circumstances(head));
    let mut all: Vec<(String, String, String)> = of_runs_base
        .into_iter()
        .zip(of_runs_head)
        .map(|((what, of_base), (_, of_head))| (what.to_owned(), of_base, of_head))
        .collect();
    for (of_base, of_head) in pairs.iter().copied().chain(reference) {
        let name = if of_base.name == of_head.name {
            of_base.name.clone()
        } else {
            // Two targets differ in what they are; that is what is compared.
            continue;
        };
        let (ours, theirs) = (identity(of_base), identity(of_head));
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for key in keys {
            let value = |of: &std::collections::BTreeMap<String, String>| {
                of.get(key).cloned().unwrap_or_else(|| UNKNOWN.to_owned())
            };
            all.push((format!("{name}: {key}"), value(&ours), value(&theirs)));
        }
    }
    all.into_iter()
        // What two systems don't tell is not the same.
        .filter(|(what, base, head)| base != head || what == PROCESSOR && base == UNKNOWN)
        .map(|(what, base, head)| Difference { what, base, head })
        .collect()
}

const PROCESSOR: &str = "processor";

fn circumstances(run: &RunRecord) -> Vec<(&'static str, String)> {
    let environment = &run.environment;
    let plan = &run.plan;
    let cpus = |cpus: &[u32]| {
        let names: Vec<String> = cpus.iter().map(u32::to_string).collect();
        if names.is_empty() {
            "not pinned".to_owned()
        } else {
            names.join(", ")
        }
    };
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let rate = run
        .targets
        .first()
        .and_then(|target| target.report.load.rate_per_s);
    vec![
        ("kernel", environment.kernel.clone()),
        (
            PROCESSOR,
            known(&Some(environment.cpu_model.clone()).filter(|model| !model.is_empty())),
        ),
        ("cores", environment.cores.to_string()),
        ("frequency governor", known(&environment.governor)),
        // Kernels reserve a little more or less of the same memory.
        (
            "memory",
            format!(
                "{:.1} GiB",
                environment.memory_bytes as f64 / f64::from(1 << 30)
            ),
        ),
        ("open files at most", environment.open_files_max.to_string()),
        ("virtualization", known(&environment.virtualization)),
        (
            "CPU quota",
            environment
                .cpu_quota_cores
                .map_or_else(|| "none".to_owned(), |cores| format!("{cores} cores")),
        ),
        (
            "machine of the servers",
            environment
                .servers_words()
                .unwrap_or_else(|| "this one".to_owned()),
        ),
        ("servers on cores", cpus(&run.pinning.server_cpus)),
        ("generator on cores", cpus(&run.pinning.load_cpus)),
        ("load generators", generators(environment)),
        ("bench", run.bench_version.clone()),
        ("SHA-256 of bench", environment.binary_sha256.clone()),
        (
            "rate",
            rate.map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate:.0}/s")),
        ),
        ("epochs of", format!("{} s", plan.epoch_s)),
        ("warm-up", format!("{} s", plan.warmup_s)),
    ]
}

/// Which machines drove the load.
fn generators(environment: &Environment) -> String {
    let sites = environment.generators.iter();
    let names: Vec<&str> = sites.map(|site| site.name.as_str()).collect();
    if names.is_empty() {
        "this machine".to_owned()
    } else {
        names.join(", ")
    }
}

/// Who a target is, by name.
fn identity(target: &TargetRecord) -> std::collections::BTreeMap<String, String> {
    let manifest = &target.manifest;
    let mut facts: std::collections::BTreeMap<String, String> = [
        ("kind", manifest.kind.clone()),
        ("event loop", manifest.event_loop.clone()),
        ("pool threads", manifest.pool_threads.to_string()),
        ("workers", manifest.workers.to_string()),
        ("how it is started", manifest.source.clone()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    facts.insert(manifest.runtime.clone(), manifest.version.clone());
    facts.extend(manifest.versions.clone());
    facts
}

/// What follows from the way of comparing.
fn of_basis(basis: Basis, reference: Option<Pair<'_>>, differences: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if basis == Basis::Unpaired {
        warnings.push(Warning::note(Fact::DifferentRuns));
    }
    if differences > 0 {
        warnings.push(Warning::note(Fact::EnvironmentsDiffer {
            ways: differences as u64,
            reference: reference.map(|(reference, _)| reference.name.clone()),
        }));
    }
    warnings
}

fn partial(run: &RunRecord) -> Option<Warning> {
    let run_id = Some(run.id.clone());
    (run.completion == Completion::Interrupted)
        .then(|| Warning::note(Fact::Interrupted { run: run_id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::Xoshiro256PlusPlus;

    const TIME: Metric = Metric::RESPONSE_TIME_P50;

    fn policy() -> Policy {
        Policy::usual(1)
    }

    fn run(id: &str) -> RunRecord {
        RunRecord {
            id: id.to_owned(),
            ..samples::run_record()
        }
    }

    /// Every figure of a target's epochs, times a factor.
    fn scale(run: &mut RunRecord, name: &str, factor: f64) {
        let target = run
            .targets
            .iter_mut()
            .find(|target| target.name == name)
            .unwrap();
        for value in target
            .epochs
            .iter_mut()
            .flat_map(|epoch| epoch.metrics.values_mut())
        {
            *value *= factor;
        }
    }

    fn of(reported: &RunComparison, metric: Metric) -> &Comparison {
        reported
            .comparisons
            .iter()
            .find(|comparison| comparison.metric == metric)
            .unwrap()
    }

    fn codes(reported: &RunComparison) -> Vec<String> {
        reported
            .warnings
            .iter()
            .map(|warning| warning.code().to_owned())
            .collect()
    }

    fn check_error(base: &RunRecord, head: &RunRecord, ask: &Ask, text: &str) {
        let error = between(base, head, ask, &policy()).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }

    #[test]
    fn targets_of_one_run_are_compared_as_the_run_itself_does() {
        let run = run("a");
        let reported = between(&run, &run, &Ask::default(), &policy()).unwrap();
        assert_eq!(
            (reported.basis, &reported.comparisons),
            (Basis::Paired, &run.comparisons)
        );
        assert!(reported.warnings.is_empty() && reported.differences.is_empty());
        let other_way = Ask {
            base: Some("coroutine".to_owned()),
            ..Ask::default()
        };
        let back = between(&run, &run, &other_way, &policy()).unwrap();
        assert!((of(&back, TIME).ratio * of(&reported, TIME).ratio - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_host_that_slowed_down_cancels_where_a_reference_was_measured_on_it_too() {
        let (base, mut head) = (run("a"), run("b"));
        // The host takes half as long again; the coroutine server has become a fifth slower besides.
        scale(&mut head, "callback", 1.5);
        scale(&mut head, "coroutine", 1.5 * 1.2);
        let reported = between(&base, &head, &Ask::default(), &policy()).unwrap();
        assert_eq!(
            (reported.basis, reported.reference.as_deref()),
            (Basis::Reference, Some("callback"))
        );
        let comparison = of(&reported, TIME);
        assert_eq!(
            (comparison.base.as_str(), comparison.head.as_str()),
            ("coroutine (A)", "coroutine (B)")
        );
        assert!((comparison.ratio - 1.2).abs() < 1e-9, "{comparison:?}");
        assert_eq!(comparison.verdict, ComparisonVerdict::Slower);
        assert!(codes(&reported).is_empty());

        let alone = Ask {
            reference: ReferenceAsk::No,
            ..Ask::default()
        };
        let reported = between(&base, &head, &alone, &policy()).unwrap();
        assert_eq!(
            (reported.basis, reported.comparisons.len()),
            (Basis::Unpaired, 14)
        );
        assert!((of(&reported, TIME).ratio - 1.5).abs() < 1e-9);
        assert_eq!(codes(&reported), ["different_runs"]);
    }

    #[test]
    fn a_reference_that_may_have_changed_is_taken_only_where_it_is_named() {
        let (base, mut head) = (run("a"), run("b"));
        head.environment.binary_sha256 = "11".repeat(32);
        let basis = |head: &RunRecord, reference| {
            let ask = Ask {
                reference,
                ..Ask::default()
            };
            let reported = between(&base, head, &ask, &policy()).unwrap();
            (reported.basis, reported.reference)
        };
        // Not part of bench, as far as its manifest says: it has none.
        assert_eq!(basis(&head, ReferenceAsk::Any).0, Basis::Reference);
        let mut ours = [base.clone(), head.clone()];
        for target in ours.iter_mut().flat_map(|run| &mut run.targets) {
            target.manifest.source = "command = \"{bench}\"".to_owned();
        }
        let reported = between(&ours[0], &ours[1], &Ask::default(), &policy()).unwrap();
        assert_eq!(reported.basis, Basis::Unpaired);
        let named = Ask {
            reference: ReferenceAsk::Named("callback".to_owned()),
            ..Ask::default()
        };
        let reported = between(&ours[0], &ours[1], &named, &policy()).unwrap();
        assert_eq!(reported.basis, Basis::Reference);
        assert_eq!(codes(&reported), ["environments_differ"]);
        head.targets[0].manifest.version = "0.2.0".to_owned();
        assert_eq!(
            basis(&head, ReferenceAsk::Any).1.as_deref(),
            Some("coroutine")
        );
    }

    #[test]
    fn what_is_compared_follows_from_the_names() {
        let (base, head) = (run("a"), run("b"));
        let names =
            |base: &RunRecord, head: &RunRecord, of_base: Option<&str>, of_head: Option<&str>| {
                let ask = Ask {
                    base: of_base.map(str::to_owned),
                    head: of_head.map(str::to_owned),
                    ..Ask::default()
                };
                let reported = between(base, head, &ask, &policy()).unwrap();
                let first = &reported.comparisons[0];
                (first.base.clone(), first.head.clone(), reported.reference)
            };
        let pair = |base: &str, head: &str, reference: Option<&str>| {
            (
                base.to_owned(),
                head.to_owned(),
                reference.map(str::to_owned),
            )
        };
        assert_eq!(
            names(&base, &head, Some("callback"), None),
            pair("callback (A)", "callback (B)", Some("coroutine"))
        );
        assert_eq!(
            names(&base, &head, Some("callback"), Some("coroutine")),
            pair("callback (A)", "coroutine (B)", None)
        );
        let mut renamed = head.clone();
        renamed.targets.truncate(1);
        renamed.targets[0].name = "mine".to_owned();
        assert_eq!(
            names(&base, &renamed, Some("coroutine"), None),
            pair("coroutine (A)", "mine (B)", None)
        );
        let mut one = base.clone();
        one.targets.truncate(1);
        assert_eq!(
            names(&one, &renamed, None, None),
            pair("callback (A)", "mine (B)", None)
        );
        assert_eq!(
            names(&one, &head, None, None),
            pair("callback (A)", "callback (B)", None)
        );
    }

    #[test]
    fn what_cannot_be_compared_is_named_with_its_remedy() {
        let (base, head) = (run("a"), run("b"));
        let with = |base: Option<&str>, head: Option<&str>| Ask {
            base: base.map(str::to_owned),
            head: head.map(str::to_owned),
            ..Ask::default()
        };
        check_error(
            &base,
            &head,
            &with(Some("calback"), None),
            "run a has no target \"calback\" (did you mean \"callback\"?): it has callback, coroutine",
        );
        check_error(
            &base,
            &base,
            &with(None, Some("callback")),
            "callback of run a is compared with itself",
        );
        let mut other = head.clone();
        for (target, name) in other.targets.iter_mut().zip(["x", "y"]) {
            target.name = name.to_owned();
        }
        check_error(
            &base,
            &other,
            &Ask::default(),
            "run b has x, y; name one of each with --base and --head",
        );
        let mut empty = head.clone();
        empty.targets.clear();
        check_error(
            &empty,
            &empty,
            &Ask::default(),
            "it is not clear which targets to compare",
        );
        let reference = |name: &str, ask: Ask| Ask {
            reference: ReferenceAsk::Named(name.to_owned()),
            ..ask
        };
        check_error(
            &base,
            &head,
            &reference("callback", with(Some("callback"), None)),
            "callback can't be the reference: it is what is compared",
        );
        check_error(
            &base,
            &base,
            &reference("callback", Ask::default()),
            "need none",
        );
    }

    #[test]
    fn unlike_runs_are_refused_until_somebody_insists() {
        let base = run("a");
        let check = |change: fn(&mut RunRecord), text: &str| {
            let mut head = run("b");
            change(&mut head);
            check_error(&base, &head, &Ask::default(), text);
            let forced = Ask {
                force: true,
                ..Ask::default()
            };
            let reported = between(&base, &head, &forced, &policy()).unwrap();
            assert!(
                reported.warnings.iter().any(|warning| warning.voids
                    && matches!(&warning.fact, Fact::Unlike { what } if what.contains(text))),
                "{text}"
            );
        };
        check(
            |run| run.scenario.name = "ping".to_owned(),
            "the scenario is io-heavy in a and ping in b",
        );
        check(
            |run| run.scenario.requests.truncate(1),
            "the mix of requests is",
        );
        check(
            |run| run.targets[0].report.load.connections = 9,
            "and poisson, 1000/s, 9 connections in b",
        );
        check(
            |run| run.targets[0].report.load.idle_connections = 9,
            "256 connections beside 9 idle in b",
        );
        check(
            |run| {
                let void = Warning::void(Fact::StealTime { share: 0.5 });
                run.targets[1].report.validity = model::record::warning::Validity::of(vec![void]);
            },
            "the figures of coroutine in run b do not measure it",
        );
        check(
            |run| {
                run.targets[1].failure = Some(model::record::target::Failure {
                    what: "it ended".to_owned(),
                    last_output: String::new(),
                });
            },
            "coroutine failed in run b: it ended",
        );
    }

    #[test]
    fn each_difference_of_the_circumstances_is_reported_by_its_name() {
        let (base, mut head) = (run("a"), run("b"));
        head.environment.kernel = "Linux 6.13.0".to_owned();
        head.environment.governor = None;
        head.pinning.server_cpus.clear();
        head.environment.load_average = Some(9.0);
        head.targets[1].manifest.pool_threads = 8;
        head.targets[1]
            .manifest
            .versions
            .insert("mio".to_owned(), "1.2".to_owned());
        let reported = between(&base, &head, &Ask::default(), &policy()).unwrap();
        let differences: Vec<[&str; 3]> = reported
            .differences
            .iter()
            .map(|found| [found.what.as_str(), &found.base, &found.head])
            .collect();
        assert_eq!(
            differences,
            [
                ["kernel", "Linux 6.12.0", "Linux 6.13.0"],
                ["frequency governor", "performance", "unknown"],
                ["servers on cores", "0", "not pinned"],
                ["coroutine: mio", "unknown", "1.2"],
                ["coroutine: pool threads", "4", "8"],
            ]
        );
        let expected = Fact::EnvironmentsDiffer {
            ways: 5,
            reference: Some("callback".to_owned()),
        };
        assert_eq!(reported.warnings[0].fact, expected);
    }

    #[test]
    fn a_run_with_too_few_blocks_is_not_compared_and_an_interrupted_one_says_so() {
        let (base, mut head) = (run("a"), run("b"));
        head.completion = Completion::Interrupted;
        for target in &mut head.targets {
            target.epochs.retain(|epoch| epoch.block < 3);
        }
        let reported = between(&base, &head, &Ask::default(), &policy()).unwrap();
        assert!(reported.comparisons.is_empty());
        let reason = Reason::TooFewOfEach {
            base: 10,
            head: 3,
            needed: 4,
        };
        let expected = Fact::NotCompared {
            metrics: Metric::of_workload(WorkloadKind::Requests).to_vec(),
            reason,
        };
        assert_eq!(
            reported.warnings[0],
            Warning::note(expected).about("coroutine (B)")
        );
        let metrics: Vec<Metric> = reported
            .left_out
            .iter()
            .map(|left_out| left_out.metric)
            .collect();
        assert_eq!(metrics, Metric::of_workload(WorkloadKind::Requests));
        assert_eq!(reported.left_out[0].reason, reason);
        assert_eq!(reported.left_out[0].head, "coroutine (B)");
        assert_eq!(reported.warnings.last().unwrap().code(), "interrupted");
    }

    #[test]
    fn four_blocks_of_each_side_can_reject_and_three_cannot() {
        assert_eq!(min_of_each(0.05), 4);
        let side = |blocks: usize, level: f64| vec![level; blocks];
        let three = compare_unpaired(&side(3, 0.0), &side(9, 1.0), TIME, &policy());
        assert!(
            matches!(
                three,
                Err(NotCompared {
                    reason: Reason::TooFewOfEach {
                        base: 3,
                        head: 9,
                        needed: 4,
                    },
                    ..
                })
            ),
            "{three:?}"
        );
        let four = compare_unpaired(&side(4, 0.0), &side(4, 1.0), TIME, &policy()).unwrap();
        assert_eq!((four.verdict, four.blocks), (ComparisonVerdict::Slower, 4));
        assert!((four.p_value - 2.0 / 70.0).abs() < 1e-12, "{four:?}");
        let more = compare_unpaired(&side(MAX_BLOCKS + 1, 0.0), &side(4, 0.0), TIME, &policy());
        assert_eq!(
            more,
            Err(NotCompared {
                metric: TIME,
                reason: Reason::TooManyBlocks {
                    blocks: MAX_BLOCKS + 1,
                    most: MAX_BLOCKS,
                },
            })
        );
    }

    #[test]
    fn intervals_of_two_sides_cover_and_alike_sides_are_rarely_distinguished() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
        let runs = 200_u32;
        let (mut covered, mut rejected, mut found) = (0_u32, 0_u32, 0_u32);
        for seed in 0..runs {
            let mut side = |level: f64| -> Vec<f64> {
                (0..10)
                    .map(|_| {
                        level + 0.03 * Distribution::<f64>::sample(&StandardNormal, &mut random)
                    })
                    .collect()
            };
            let policy = Policy::usual(u64::from(seed));
            let (base, alike, slower) = (side(0.0), side(0.0), side(0.2));
            let reported = compare_unpaired(&base, &alike, TIME, &policy).unwrap();
            covered += u32::from(reported.ci_low <= 1.0 && 1.0 <= reported.ci_high);
            rejected += u32::from(reported.p_value <= 0.05);
            let reported = compare_unpaired(&base, &slower, TIME, &policy).unwrap();
            found += u32::from(reported.verdict == ComparisonVerdict::Slower);
        }
        let share = |count: u32| f64::from(count) / f64::from(runs);
        // Within three standard errors of a share of 5 %.
        assert!(
            (0.90..=1.0).contains(&share(covered)),
            "covered {}",
            share(covered)
        );
        assert!(
            share(rejected) <= 0.05 + 3.0 * 0.0154,
            "rejected {}",
            share(rejected)
        );
        assert!(share(found) >= 0.99, "found {}", share(found));
    }

    #[test]
    fn a_comparison_comes_back_as_it_went() {
        let reported = between(&run("a"), &run("b"), &Ask::default(), &policy()).unwrap();
        let text = serde_json::to_string(&reported).unwrap();
        assert_eq!(
            serde_json::from_str::<RunComparison>(&text).unwrap(),
            reported
        );
    }
}
