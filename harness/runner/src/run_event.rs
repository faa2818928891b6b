//! What a run tells while it happens. The runner emits these; the terminal only consumes them.

use std::time::Duration;

use model::measured::recording::Recording;
use model::measured::workload::WorkloadKind;
use model::record::detectable::DetectableRecord;
use model::record::surroundings::Pinning;
use model::record::sweep::pass::Pass;
use model::record::sweep::plan::SweepPlan;
use model::record::sweep::step::StepRecord;
use model::record::target::{EpochRecord, Failure};
use model::spec::load::Load;
use model::spec::plan::{Plan, Trial};
use model::spec::scenario::Scenario;
use model::spec::target::TargetSpec;
use model::units::Rate;

/// One thing that happened.
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// The run is about to begin.
    Planned {
        /// What is asked.
        scenario: &'a Scenario,
        /// Who is measured.
        targets: &'a [TargetSpec],
        /// In which order.
        plan: &'a Plan,
        /// On which cores.
        pinning: &'a Pinning,
        /// How long it will take.
        expected: Duration,
        /// What it could detect, as far as earlier runs tell.
        detectable: Option<&'a DetectableRecord>,
    },
    /// Something that takes time, or could not be found out, before the first round.
    Said(&'a str),
    /// The servers of a round are being started.
    RoundStarted {
        /// The round.
        round: u32,
    },
    /// What a target can carry was measured, to find the rate of the run.
    CapacityMeasured {
        /// The target.
        target: &'a str,
        /// What it carries.
        capacity: Rate,
    },
    /// A target is being warmed up.
    WarmingUp {
        /// The round.
        round: u32,
        /// The target.
        target: &'a str,
    },
    /// An epoch begins.
    TrialStarted {
        /// The trial.
        trial: &'a Trial,
    },
    /// An epoch was measured.
    TrialEnded {
        /// The trial.
        trial: &'a Trial,
        /// What it measured.
        epoch: &'a EpochRecord,
        /// What is timed.
        workload: WorkloadKind,
        /// The load that was driven.
        load: &'a Load,
        /// What is known of the target by now.
        so_far: SoFar<'a>,
    },
    /// A target is looked at after its measurement.
    Profiling {
        /// The target.
        target: &'a str,
    },
    /// The run rests, as somebody asked it to.
    Paused,
    /// The run goes on.
    Resumed,
    /// A target failed and is left out from here on.
    TargetFailed {
        /// The target.
        target: &'a str,
        /// Why.
        failure: &'a Failure,
    },
    /// A sweep goes on.
    Sweep(SweepEvent<'a>),
    /// All is measured; the record is being written.
    Writing,
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

/// One thing that happened in a sweep.
#[derive(Debug)]
pub enum SweepEvent<'a> {
    /// It begins, or goes on after these steps.
    Planned {
        /// In which order.
        plan: &'a SweepPlan,
        /// The steps so far.
        steps: &'a [StepRecord],
    },
    /// A target is being measured at a rate.
    EpochStarted {
        /// Its round.
        round: u32,
        /// Which way the rate goes.
        pass: Pass,
        /// Requests a second.
        rate: Rate,
        /// The target.
        target: &'a str,
    },
    /// A step was measured: the last of these.
    StepEnded {
        /// In which order.
        plan: &'a SweepPlan,
        /// The steps so far.
        steps: &'a [StepRecord],
    },
}
