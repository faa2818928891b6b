//! The search for the commit with which something got worse.
//!
//! It knows what judgements mean for the search. It must never know how a commit is built or measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::{Gate, Judgement, Outcome, What};

/// What the commit that is known to be bad did, which is looked for in the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The scenario in which it was seen.
    pub scenario: String,
    /// What changed: a metric by its name, `SLO p99` or `errors`.
    pub name: String,
    /// The ratio in the middle, on a scale of ratios, between no change and this one; `null` for what is no ratio.
    pub half: Option<f64>,
}

/// What is known of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It has the change.
    Changed,
    /// It has not.
    Same,
    /// It could not be built or measured, or what was measured is not clear.
    Unknown,
}

/// What a gate found: what is looked for in commits between.
pub fn changes(gate: &Gate) -> Vec<Change> {
    let of_scenario = |judgement: &Judgement| {
        let scenario = judgement.scenario.clone();
        let alarms = judgement.alarms.clone().into_iter();
        let half = |what| ratio(judgement, what).map(|(ratio, ..)| ratio.sqrt());
        let changes: Vec<Change> = alarms
            .map(|what| Change {
                scenario: scenario.clone(),
                name: name(what),
                half: half(what),
            })
            .collect();
        changes
    };
    gate.scenarios.iter().flat_map(of_scenario).collect()
}

/// Whether a commit has any of these changes. It has where the gate confirms one. It has not where no alarm was raised and each
/// ratio's whole interval lies on the near side of the middle between no change and the one that is looked for.
pub fn answer(gate: &Gate, changes: &[Change]) -> Answer {
    let judgement = |change: &Change| {
        let mut judged = gate.scenarios.iter();
        judged.find(|judgement| judgement.scenario == change.scenario)
    };
    let has = |change: &Change| {
        judgement(change)
            .is_some_and(|judged| judged.alarms.iter().any(|what| name(*what) == change.name))
    };
    if changes.iter().any(has) {
        return Answer::Changed;
    }
    let is_clear = |change: &Change| {
        let Some(judged) = judgement(change).filter(|judged| judged.outcome != Outcome::Invalid)
        else {
            return false;
        };
        let last = judged.measurements.iter().rev().find(|look| look.valid);
        let Some(half) = change.half else {
            return last.is_some();
        };
        last.and_then(|look| {
            let mut metrics = look.metrics.iter();
            metrics.find(|judged| judged.comparison.metric.name() == change.name)
        })
        .is_some_and(|judged| {
            let (low, high) = (judged.comparison.ci_low, judged.comparison.ci_high);
            if half > 1.0 { high < half } else { low > half }
        })
    };
    if changes.iter().all(is_clear) {
        Answer::Same
    } else {
        Answer::Unknown
    }
}

/// Ratio and interval of what an alarm is about, in the last valid measurement.
fn ratio(judgement: &Judgement, what: What) -> Option<(f64, f64, f64)> {
    let (What::Worse(metric) | What::Better(metric)) = what else {
        return None;
    };
    let last = judgement
        .measurements
        .iter()
        .rev()
        .find(|look| look.valid)?;
    let mut metrics = last.metrics.iter().map(|judged| &judged.comparison);
    let found = metrics.find(|comparison| comparison.metric == metric)?;
    Some((found.ratio, found.ci_low, found.ci_high))
}

fn name(what: What) -> String {
    match what {
        What::Worse(metric) | What::Better(metric) => metric.name().to_owned(),
        What::Objective(percentile) => format!("SLO {percentile}"),
        What::Errors => "errors".to_owned(),
    }
}

/// A search among commits, which are numbered from 1, the oldest, to the one that is known to have the change. What they are
/// compared with has number 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    commits: usize,
    answers: BTreeMap<usize, Answer>,
}

/// Where a search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This commit is to be judged.
    Judge(usize),
    /// The first with the change is among these, both ends included; where that is one, it is known.
    Found {
        /// The oldest that it may be.
        from: usize,
        /// The newest.
        to: usize,
    },
}

impl Search {
    /// A search among so many commits, at least one.
    pub fn new(commits: usize) -> Self {
        Self {
            commits,
            answers: BTreeMap::from([(0, Answer::Same), (commits, Answer::Changed)]),
        }
    }

    /// Takes in what is known of a commit.
    pub fn learn(&mut self, commit: usize, answer: Answer) {
        self.answers.insert(commit, answer);
    }

    /// What is to be judged next: what is nearest to the middle of what it may be.
    pub fn next(&self) -> Next {
        let with = |wanted| {
            let answers = self.answers.iter();
            answers.filter_map(move |(&commit, &answer)| (answer == wanted).then_some(commit))
        };
        let to = with(Answer::Changed).min().unwrap_or(self.commits);
        let from = with(Answer::Same).filter(|&commit| commit < to).max();
        let from = from.unwrap_or_default() + 1;
        let middle = usize::midpoint(from, to);
        (from..to)
            .filter(|commit| !self.answers.contains_key(commit))
            .min_by_key(|commit| commit.abs_diff(middle))
            .map_or(Next::Found { from, to }, Next::Judge)
    }

    /// How many more are judged at most, if each can be.
    pub fn left(&self) -> u32 {
        let mut search = self.clone();
        let mut left = 0;
        while let Next::Judge(commit) = search.next() {
            search.learn(commit, Answer::Changed);
            left += 1;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches where the change came with a commit, and some can't be judged; gives the outcome and how many were judged.
    fn searched(commits: usize, first: usize, unknown: &[usize]) -> (usize, usize, usize) {
        let mut search = Search::new(commits);
        let mut judged = 0;
        loop {
            match search.next() {
                Next::Judge(commit) => {
                    assert!((1..commits).contains(&commit), "{commit} is judged already");
                    search.learn(
                        commit,
                        match commit {
                            commit if unknown.contains(&commit) => Answer::Unknown,
                            commit if commit >= first => Answer::Changed,
                            _ => Answer::Same,
                        },
                    );
                    judged += 1;
                }
                Next::Found { from, to } => return (from, to, judged),
            }
        }
    }

    #[test]
    fn every_commit_is_found_in_as_many_steps_as_its_number_has_digits() {
        for commits in 1..=130_usize {
            let most = usize::BITS - (commits - 1).leading_zeros();
            assert!(Search::new(commits).left() <= most);
            for first in 1..=commits {
                let (from, to, judged) = searched(commits, first, &[]);
                assert_eq!((from, to), (first, first), "of {commits}");
                assert!(judged <= most as usize, "{judged} of {commits}");
            }
        }
    }

    #[test]
    fn what_can_not_be_judged_is_gone_around_and_named() {
        assert_eq!(searched(8, 6, &[4]).0..=searched(8, 6, &[4]).1, 6..=6);
        let (from, to, _) = searched(8, 5, &[4, 3]);
        assert_eq!((from, to), (3, 5));
        let (from, to, judged) = searched(8, 5, &[1, 2, 3, 4, 5, 6, 7]);
        assert_eq!((from, to, judged), (1, 8, 7));
    }
}
