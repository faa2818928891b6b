//! What a run or a sweep reports while it happens. The runner emits these; the terminal only consumes them.

use std::time::Duration;

use analysis::strategy::{Step, Turn};
use model::measured::recording::Recording;
use model::measured::workload::WorkloadKind;
use model::record::detectable::DetectableRecord;
use model::record::surroundings::Pinning;
use model::record::sweep::plan::SweepPlan;
use model::record::sweep::step::StepRecord;
use model::record::target::Failure;
use model::spec::load::Load;
use model::spec::plan::Plan;
use model::spec::scenario::Scenario;
use model::spec::target::TargetSpec;
use model::units::{Nanos, Rate};

/// One thing that happened.
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// The measurement is about to begin, or to continue.
    Planned {
        /// What is asked.
        scenario: &'a Scenario,
        /// Who is measured.
        targets: &'a [TargetSpec],
        /// On which cores.
        pinning: &'a Pinning,
        /// In which steps.
        design: Planned<'a>,
    },
    /// Something that takes time, or could not be found out, before the first round.
    Notice(&'a str),
    /// The servers of a round are being started.
    RoundStarted {
        /// The round.
        round: u32,
    },
    /// What a target sustains was measured, to find the rate of the load.
    CapacityMeasured {
        /// The target.
        target: &'a str,
        /// What it sustains.
        capacity: Rate,
    },
    /// A target is being warmed up.
    WarmingUp {
        /// The round.
        round: u32,
        /// The target.
        target: &'a str,
    },
    /// A target's epoch of a step begins, or its profile.
    EpochStarted {
        /// The step.
        step: &'a Step,
        /// The target's part in it.
        turn: &'a Turn,
    },
    /// An epoch was measured to its end.
    EpochEnded {
        /// The step.
        step: &'a Step,
        /// The target's part in it.
        turn: &'a Turn,
        /// The median of what it timed, where it has one.
        median_ns: Option<Nanos>,
        /// What is timed.
        workload: WorkloadKind,
        /// The load that was driven.
        load: &'a Load,
        /// What is known of the target by now: of a sweep, at this rate.
        so_far: SoFar<'a>,
    },
    /// A rate of a sweep was measured: the last of these.
    RateMeasured {
        /// What the sweep was asked for.
        plan: &'a SweepPlan,
        /// Its steps so far.
        steps: &'a [StepRecord],
    },
    /// The measurement rests, as somebody asked it to.
    Paused,
    /// It continues.
    Resumed,
    /// A target failed and is left out from here on.
    TargetFailed {
        /// The target.
        target: &'a str,
        /// Why.
        failure: &'a Failure,
    },
    /// All is measured; the record is being written.
    Writing,
}

/// What is about to be measured.
#[derive(Debug, Clone, Copy)]
pub enum Planned<'a> {
    /// Blocks of alternating epochs.
    Blocks {
        /// In which order.
        plan: &'a Plan,
        /// How long it will take.
        expected: Duration,
        /// What it could detect, as far as earlier runs tell.
        detectable: Option<&'a DetectableRecord>,
    },
    /// Rates, until the knee of each target is known or the time is up.
    Rates {
        /// What was asked for.
        plan: &'a SweepPlan,
        /// What was measured before.
        steps: &'a [StepRecord],
    },
}

/// What is known of a target after an epoch.
#[derive(Debug, Clone, Copy)]
pub struct SoFar<'a> {
    /// All of its epochs, one after the other.
    pub recording: &'a Recording,
    /// What a request cost it, in microseconds of CPU time.
    pub cpu_us_per_request: Option<f64>,
    /// The most memory that it held.
    pub rss_bytes_max: Option<u64>,
}
