//! Whether a measurement may be believed, and what a reader should know before.

use serde::{Deserialize, Serialize};

use crate::words::listed;

/// In a closed loop a generator this busy, spinning left out, was the limit itself.
pub const SATURATED_SHARE: f64 = 0.9;

/// An open loop whose answered share of the scheduled requests is below this missed its rate.
pub const REACHED_SHARE: f64 = 0.99;

/// The verdict on a measurement and everything that a reader should know before believing it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Validity {
    /// Whether the figures measure the target at all.
    pub verdict: Believable,
    /// What a reader should know, gravest first.
    pub cautions: Vec<Caution>,
}

/// Whether the figures measure the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Believable {
    /// They do, with the cautions beside them.
    Valid,
    /// They don't: exit code 3.
    Invalid,
}

impl Validity {
    /// The verdict that the cautions imply, with the gravest of them first and the order otherwise kept.
    pub fn from_cautions(mut cautions: Vec<Caution>) -> Self {
        cautions.sort_by_key(|caution| !caution.voids);
        let verdict = if cautions.iter().any(|caution| caution.voids) {
            Believable::Invalid
        } else {
            Believable::Valid
        };
        Self { verdict, cautions }
    }

    /// True where the figures measure the target.
    pub fn is_valid(&self) -> bool {
        self.verdict == Believable::Valid
    }
}

/// One thing that a reader should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Caution {
    /// Which.
    pub code: CautionCode,
    /// The figure and its threshold, in a sentence.
    pub detail: String,
    /// What to do about it.
    pub advice: String,
    /// Whether it voids the measurement.
    pub voids: bool,
}

/// A caution as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldCaution {
    /// The targets that it is of; none where it is the run's, or names them itself.
    pub of: Option<String>,
    /// What is told.
    pub caution: Caution,
}

/// How cautions are told, those of a target with its name: what several say and advise alike is told once, with the figures
/// of each, where the first of them stands.
pub fn told<'a>(
    cautions: impl IntoIterator<Item = (Option<&'a str>, &'a Caution)>,
) -> Vec<ToldCaution> {
    let mut groups: Vec<Vec<(Option<&str>, &Caution)>> = Vec::new();
    for (of, caution) in cautions {
        // How a target failed is a story of its own.
        let is_alike = |group: &&mut Vec<(Option<&str>, &Caution)>| {
            let (first_of, first) = group[0];
            let kind = |caution: &Caution| (caution.code, caution.voids);
            caution.code != CautionCode::TargetFailed
                && first_of.is_some() == of.is_some()
                && kind(first) == kind(caution)
                && first.advice == caution.advice
        };
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.push((of, caution)),
            None => groups.push(vec![(of, caution)]),
        }
    }
    groups.iter().map(|group| together(group)).collect()
}

fn together(group: &[(Option<&str>, &Caution)]) -> ToldCaution {
    let (_, first) = group[0];
    let names: Vec<&str> = group.iter().filter_map(|(of, _)| *of).collect();
    if group
        .iter()
        .all(|(_, caution)| caution.detail == first.detail)
    {
        return ToldCaution {
            of: (!names.is_empty()).then(|| listed(&names)),
            caution: first.clone(),
        };
    }
    let (what, _, limit) = parts(&first.detail);
    let has_same_words = group.iter().all(|(of, caution)| {
        let (other, _, other_limit) = parts(&caution.detail);
        of.is_some() && what.is_some() && (other, other_limit) == (what, limit)
    });
    let each: Vec<String> = group
        .iter()
        .map(|(of, caution)| match (of, has_same_words) {
            (Some(name), true) => format!("{name} {}", parts(&caution.detail).1),
            (Some(name), false) => format!("{name}: {}", caution.detail),
            (None, _) => caution.detail.clone(),
        })
        .collect();
    let each = each.join("; ");
    let detail = match what.filter(|_| has_same_words) {
        Some(what) => format!("{what}{limit}: {each}"),
        None => each,
    };
    ToldCaution {
        of: None,
        caution: Caution {
            detail,
            ..first.clone()
        },
    }
}

/// What a detail is about, its figures, and the limit in brackets that they are held against: `sent late: p99 3 ms (limit 1 ms)`.
fn parts(detail: &str) -> (Option<&str>, &str, &str) {
    let begin_of_limit = detail.ends_with(')').then(|| detail.rfind(" (")).flatten();
    let (rest, limit) = detail.split_at(begin_of_limit.unwrap_or(detail.len()));
    match rest.split_once(": ") {
        Some((what, figures)) => (Some(what), figures, limit),
        None => (None, rest, limit),
    }
}

/// The kinds of caution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CautionCode {
    /// The generator's core was full: the run measured the generator.
    GeneratorSaturated,
    /// Requests were sent later than the schedule meant, by the generator's own fault.
    SendLag,
    /// The arrivals reached fell short of the schedule.
    RateMissed,
    /// The backend answered later than it should have.
    BackendLate,
    /// The backend failed.
    BackendFailed,
    /// The hypervisor took the processor away.
    StealTime,
    /// The control group throttled the processor.
    Throttled,
    /// Requests failed.
    Failures,
    /// Requests were unfinished at the end and stand in the percentiles as lower bounds.
    Unfinished,
    /// Connections could not be opened, or were lost and opened again.
    Connections,
    /// Idle connections were lost.
    IdleLost,
    /// The generator had no local port or file descriptor left for a request's own connection.
    Exhausted,
    /// Too few samples for a percentile; it is `null`.
    TooFewSamples,
    /// Generator and server shared a core.
    SharedCore,
    /// A target was not warm: it still moved when its warm-up was over, or began its rounds slower than it went on.
    Unsteady,
    /// Figures depend on the place of an epoch within its block.
    PlaceMatters,
    /// Blocks of one round resemble each other: a fresh start of the processes changes the outcome.
    RoundsDiffer,
    /// Throughput times response time does not give the requests in flight (Little's law).
    LittlesLaw,
    /// Some connections were never served, or served far less than others.
    Unfair,
    /// What was asked for beside the measurement could not be looked at.
    NotProfiled,
    /// The run was interrupted: what was measured until then is kept.
    Partial,
    /// A target failed; its figures end where it did.
    TargetFailed,
    /// What is compared was measured in two runs, and what the machine did between them is in the difference.
    DifferentRuns,
    /// Two runs that are compared were made under different circumstances.
    EnvironmentsDiffer,
    /// What is compared should not be, and somebody insisted.
    Unlike,
}

impl CautionCode {
    /// A caution of this kind. `voids`: whether it voids the measurement.
    pub fn caution(self, voids: bool, detail: String, advice: &str) -> Caution {
        Caution {
            code: self,
            detail,
            advice: advice.to_owned(),
            voids,
        }
    }
}
