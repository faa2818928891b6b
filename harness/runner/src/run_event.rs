//! What a run tells while it happens. The runner emits these; the terminal only consumes them.

use std::time::Duration;

use bench_core::detectable::DetectableRecord;
use bench_core::load::Load;
use bench_core::plan::{Plan, Trial};
use bench_core::record::{EpochRecord, Failure, Pinning};
use bench_core::recording::Recording;
use bench_core::scenario::Scenario;
use bench_core::sweep::record::{StepRecord, SweepPlan};
use bench_core::sweep::search::Step;
use bench_core::target::TargetSpec;
use bench_core::timed::Timed;
use bench_core::units::Rate;

/// One thing that happened.
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// The run is about to begin.
    Planned {
        scenario: &'a Scenario,
        targets: &'a [TargetSpec],
        plan: &'a Plan,
        pinning: &'a Pinning,
        expected: Duration,
        detectable: Option<&'a DetectableRecord>,
    },
    /// Something that takes time, or could not be found out, before the first round.
    Said(&'a str),
    /// The servers of a round are being started.
    RoundStarted { round: u32 },
    /// What a target can carry was measured, to find the rate of the run.
    CapacityMeasured { target: &'a str, capacity: Rate },
    /// A target is being warmed up.
    WarmingUp { round: u32, target: &'a str },
    /// An epoch begins.
    TrialStarted { trial: &'a Trial },
    /// An epoch was measured.
    TrialEnded {
        trial: &'a Trial,
        epoch: &'a EpochRecord,
        timed: Timed,
        load: &'a Load,
        so_far: SoFar<'a>,
    },
    /// A target is looked at after its measurement.
    Profiling { target: &'a str },
    /// The run rests, as somebody asked it to.
    Paused,
    /// The run goes on.
    Resumed,
    /// A target failed and is left out from here on.
    TargetFailed {
        target: &'a str,
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
        plan: &'a SweepPlan,
        steps: &'a [StepRecord],
    },
    /// A target is being measured at a rate.
    EpochStarted {
        step: &'a Step,
        rate: Rate,
        target: &'a str,
    },
    /// A step was measured: the last of these.
    StepEnded {
        plan: &'a SweepPlan,
        steps: &'a [StepRecord],
    },
}
