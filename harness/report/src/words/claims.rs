//! Claims and what a test of them found, in words.

use analysis::claims::{Direction, Evidence, LOOKS, NotJudged, Outcome, Tested, Verdict};
use model::spec::claim::{Claim, ClaimMetric, Range};

use crate::words::figures::{figure, plural};
use crate::words::sentences::capitalised;

/// How a range is read, and what a verdict means, in a few sentences.
pub const HOW_TO_READ: &str = "Supported: the measured ratio certainly lies in the claimed range. Refuted: it certainly lies outside. \
    Inconclusive: neither is certain. The interval is the 95 % interval over paired blocks; a verdict also needs a p-value below 5 % \
    after adjusting for all claims that were tested together and for looking twice. A claim is tested as it is written here, on this machine: \
    what its source measured under other circumstances may well have been so.";

/// Every verdict once, in the order of summaries.
const VERDICTS: [&str; 6] = [
    "supported",
    "refuted",
    "inconclusive",
    "not judged",
    "not measured",
    "not testable here",
];

/// A verdict in a word or two.
pub fn verdict(verdict: &Verdict) -> &'static str {
    VERDICTS[match verdict {
        Verdict::Supported => 0,
        Verdict::Refuted { .. } => 1,
        Verdict::Inconclusive { .. } => 2,
        Verdict::NotJudged { .. } => 3,
        Verdict::NotMeasured => 4,
        Verdict::NotTestable { .. } => 5,
    }]
}

/// A mark that a verdict is known by without colours.
pub fn mark(verdict: &Verdict) -> char {
    match verdict {
        Verdict::Supported => '✓',
        Verdict::Refuted { .. } => '✗',
        Verdict::Inconclusive { .. } => '?',
        Verdict::NotJudged { .. } => '!',
        Verdict::NotMeasured | Verdict::NotTestable { .. } => '–',
    }
}

/// What there is to know beside a verdict, as a clause; empty where there is nothing.
pub fn beside(tested: &Tested) -> String {
    match &tested.verdict {
        Verdict::Supported => String::new(),
        Verdict::Refuted { direction } => match direction {
            None => String::new(),
            Some(Direction::Holds) => "the direction holds, the size does not".to_owned(),
            Some(Direction::Opposite) => "it is the other way round".to_owned(),
            Some(Direction::Open) => "no difference was found".to_owned(),
        },
        Verdict::Inconclusive {
            blocks_needed: Some(blocks),
        } => format!(
            "it would take about {}, and {} were measured",
            plural(u64::from(*blocks), "paired block", "paired blocks"),
            tested
                .evidence
                .as_ref()
                .map_or(0, |evidence| evidence.logs.len())
        ),
        Verdict::Inconclusive { .. } => {
            "the measured value lies at the end of the range: more measuring does not decide it"
                .to_owned()
        }
        Verdict::NotJudged { why } => match why {
            NotJudged::Invalid => "the measurement was disturbed, or limited by the load generator",
            NotJudged::TargetFailed => "a target failed",
            NotJudged::RequestsFailed => "a target failed more than one request in a hundred",
            NotJudged::NotWarm => "a target was still getting faster while it was measured",
            NotJudged::NoKnee => {
                "its capacity is beyond what the load generator can do, or was not found"
            }
            NotJudged::TooFew => "there were too few values to compare",
        }
        .to_owned(),
        Verdict::NotMeasured => "there was no time for it".to_owned(),
        Verdict::NotTestable { missing } => format!("it needs {missing}"),
    }
}

/// Whether a claim is about a ratio of two targets, and not about the figure of one.
pub fn is_ratio(claim: &Claim) -> bool {
    let question = claim.question.as_ref();
    question.is_none_or(|question| question.base.is_some())
}

/// A value of a claim: a ratio, or a figure with its unit.
pub fn value(claim: &Claim, value: f64) -> String {
    if claim.is_trend {
        return format!("{}×", figure(value));
    }
    value_at(claim, value)
}

/// What was measured at a point of a factor; of a trend too a ratio or a figure, and no change of it.
pub fn value_at(claim: &Claim, at: f64) -> String {
    if is_ratio(claim) {
        return format!("{}×", figure(at));
    }
    of_metric(claim, at)
}

/// A figure of one target, with its unit.
pub fn of_metric(claim: &Claim, value: f64) -> String {
    let metric = claim.question.as_ref().map(|question| question.metric);
    let unit = match metric {
        Some(ClaimMetric::Throughput | ClaimMetric::Capacity) | None => "/s",
        Some(ClaimMetric::ResponseTimeP50 | ClaimMetric::ResponseTimeP99) => " ms",
        Some(ClaimMetric::CpuPerRequest) => " µs",
        Some(ClaimMetric::Memory) => " MiB",
        Some(ClaimMetric::MemoryPerConnection) => " KiB",
    };
    format!("{}{unit}", figure(value))
}

/// The claimed range: `2.00× to 4.00×`, `at most 50.0 ms`.
pub fn range(claim: &Claim) -> String {
    let of_what = match &claim.along {
        Some(along) if claim.is_trend => format!(" for each tenfold of {}", along.factor),
        _ => String::new(),
    };
    let ends = match claim.range {
        Range {
            low: Some(low),
            high: Some(high),
        } => format!("{} to {}", value(claim, low), value(claim, high)),
        Range { low: Some(low), .. } => format!("at least {}", value(claim, low)),
        Range { high, .. } => format!("at most {}", value(claim, high.unwrap_or(f64::INFINITY))),
    };
    ends + &of_what
}

/// Under which load a claim is tested: `closed loop of 100 connections, GET /json`; empty where it can't be.
pub fn load(claim: &Claim) -> String {
    let Some(question) = &claim.question else {
        return String::new();
    };
    match &claim.along {
        Some(along) if claim.is_trend => {
            let points: Vec<&str> = along.points.iter().map(|point| &*point.value).collect();
            format!("{}: {}", along.factor, points.join(", "))
        }
        _ => question.load.words(),
    }
}

/// What a claim's ratio depends on, in a sentence made of what was measured along its factor; none where nothing was.
pub fn finding(tested: &Tested) -> Option<String> {
    let claim = &tested.claim;
    let factor = &claim.along.as_ref()?.factor;
    let points = &tested.along;
    let each = points.iter().map(|point| {
        format!(
            "{} at {}",
            value_at(claim, point.evidence.value),
            point.value
        )
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() {
        return None;
    }
    let lowest = points.iter().map(|point| point.evidence.ci_high);
    let highest = points.iter().map(|point| point.evidence.ci_low);
    // Two intervals have nothing in common.
    let differ = lowest.fold(f64::INFINITY, f64::min) < highest.fold(0.0, f64::max);
    let what = if is_ratio(claim) { "ratio" } else { "figure" };
    let begin = if differ {
        format!("The {what} depends on {factor}")
    } else {
        format!("That the {what} depends on {factor} was not found")
    };
    Some(format!("{begin}: {}.", each.join("; ")))
}

/// What was measured: `1.21× (1.18× to 1.24×)`.
pub fn measured(claim: &Claim, evidence: &Evidence) -> String {
    let [middle, low, high] =
        [evidence.value, evidence.ci_low, evidence.ci_high].map(|of| value(claim, of));
    format!("{middle} ({low} to {high})")
}

/// The ratio of what to what a claim is about: `throughput, node / fastapi`.
pub fn compared(claim: &Claim) -> String {
    let Some(question) = &claim.question else {
        return String::new();
    };
    let metric = match question.metric {
        ClaimMetric::Throughput => "throughput",
        ClaimMetric::Capacity => "capacity",
        ClaimMetric::ResponseTimeP50 => "response time p50",
        ClaimMetric::ResponseTimeP99 => "response time p99",
        ClaimMetric::CpuPerRequest => "CPU per request",
        ClaimMetric::Memory => "memory",
        ClaimMetric::MemoryPerConnection => "memory per idle connection",
    };
    let base = question
        .base
        .as_ref()
        .map(|base| format!(" / {}", base.name()));
    format!(
        "{metric}, {}{}",
        question.head.name(),
        base.unwrap_or_default()
    )
}

/// Who says a claim: `MagicStack/uvloop, README, 2026 (tier A)`.
pub fn source(claim: &Claim) -> String {
    format!("{}, {} (tier {:?})", claim.source, claim.date, claim.tier)
}

/// How many claims got which verdict, in a sentence.
pub fn summary(outcome: &Outcome) -> String {
    let counts = VERDICTS.iter().filter_map(|word| {
        let of_word = outcome
            .tested
            .iter()
            .filter(|tested| verdict(&tested.verdict) == *word);
        let many = of_word.count();
        (many > 0).then(|| format!("{many} {word}"))
    });
    let counts: Vec<String> = counts.collect();
    let claims = plural(outcome.tested.len() as u64, "claim", "claims");
    format!("{claims}: {}.", counts.join(", "))
}

/// Under which circumstances the test was made.
pub fn circumstances(outcome: &Outcome) -> String {
    format!(
        "Measured with bench {} on {}, from {}, for {:.0} min; each claim for up to {} looks.",
        outcome.bench_version,
        outcome.machine,
        outcome.started_at,
        (outcome.measured_s / 60.0).ceil(),
        LOOKS.len()
    )
}

/// A claim in a line: `✓ supported s7-four: claimed 36.0/s to 44.0/s, measured 39.8/s (39.6/s to 40.0/s)`.
pub fn line(tested: &Tested) -> String {
    let claim = &tested.claim;
    let measured = tested
        .evidence
        .as_ref()
        .map(|evidence| format!(", measured {}", measured(claim, evidence)));
    let beside = beside(tested);
    let beside = if beside.is_empty() {
        beside
    } else {
        format!("; {beside}")
    };
    format!(
        "{}: claimed {}{}{beside}",
        capitalised(&claim.sentence),
        range(claim),
        measured.unwrap_or_default()
    )
}

/// The claims in groups, those that contradict each other together; each with its heading. Topics and groups are in their first
/// claim's order.
pub fn groups(outcome: &Outcome) -> Vec<(String, Vec<&Tested>)> {
    let members = |group: &String| {
        let of = |tested: &&Tested| tested.claim.group.as_ref() == Some(group);
        outcome.tested.iter().filter(of).count()
    };
    let mut groups: Vec<(String, Vec<&Tested>)> = Vec::new();
    for tested in &outcome.tested {
        let heading = match &tested.claim.group {
            Some(group) if members(group) > 1 => {
                format!("{group}: sources that contradict each other")
            }
            // A group of one contradicts nothing.
            _ => format!("topic {}", tested.claim.topic),
        };
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, members)) => members.push(tested),
            None => groups.push((heading, vec![tested])),
        }
    }
    groups.sort_by_key(|(_, members)| std::cmp::Reverse(members[0].contradicts));
    groups
}
