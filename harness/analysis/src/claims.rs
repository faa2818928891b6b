//! What measurements mean for claims, and which is measured next.
//!
//! A claim is a range of a ratio (or of a figure). It is *supported* where the measured ratio certainly lies in the range, and
//! *refuted* where it certainly lies outside. Certain is what a sign-flip test at the ends of the range says, adjusted over
//! all claims that are tested together and over the looks that are taken at each. This module must never know how
//! anything is measured.

mod order;
mod verdict;

pub use order::{Job, Next, contradictions, jobs, next, question};
pub use verdict::{
    Direction, Evidence, LEVEL, LOOKS, LOOKS_AFTER_COLD, Look, MAX_BLOCKS_NEEDED, MAX_BLOCKS_WORTH,
    MAX_FAILED, NotJudged, Outcome, SCHEMA_VERSION, SWEEP_ROUNDS, Tested, TestedPoint, Verdict,
    cold, evidence, evidence_of_sweep, trend, verdicts,
};

#[cfg(test)]
mod tests;
