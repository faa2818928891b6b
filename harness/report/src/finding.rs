//! What a run, a comparison or a gate found, one thing at a time: what [`export`](crate::export) writes as annotations and as JUnit.
//!
//! It knows how a finding came out. It must never decide one: objectives, verdicts and warnings are judged elsewhere, and said
//! in words where the findings are made.

/// One thing that was looked at, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it belongs to: a target, a pair of them, or the run. Findings of the same group stand together.
    pub group: String,
    /// What was looked at: `response_time_ns_p99`, `objective p99`. Unique within its group.
    pub name: String,
    /// How it came out.
    pub outcome: Outcome,
    /// The same in a sentence.
    pub detail: String,
    /// The file that it is about, as the repository has it; none where no file is to blame.
    pub file: Option<String>,
}

/// How a finding came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// As it should be, and nothing to remark.
    Passed,
    /// Something to know, and nobody's fault.
    Noted,
    /// It is not known, or should be read with care.
    Unsure,
    /// It is not as it must be.
    Failed,
}
