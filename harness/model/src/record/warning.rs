//! Whether a measurement may be believed, and what a reader should know before: facts with their figures.
//!
//! What they are called on a screen, and what to do about them, `report` says. Thresholds are those of `analysis`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::measured::accounting::{ErrorKind, by_status};
use crate::measured::workload::WorkloadKind;
use crate::record::comparison::Reason;
use crate::record::metric::Metric;
use crate::spec::services::Service;
use crate::units::Nanos;

/// A generator this busy, spinning left out, was full: a closed loop's throughput is then its own.
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
    pub warnings: Vec<Warning>,
}

/// Whether the figures measure the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Believable {
    /// They do, with the warnings beside them.
    Valid,
    /// They don't: exit code 3.
    Invalid,
}

impl Validity {
    /// The verdict that the warnings imply, with the gravest of them first and the order otherwise kept.
    pub fn of(mut warnings: Vec<Warning>) -> Self {
        warnings.sort_by_key(|warning| !warning.voids);
        let verdict = if warnings.iter().any(|warning| warning.voids) {
            Believable::Invalid
        } else {
            Believable::Valid
        };
        Self { verdict, warnings }
    }

    /// True where the figures measure the target.
    pub fn is_valid(&self) -> bool {
        self.verdict == Believable::Valid
    }
}

/// One thing that a reader should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Warning {
    /// Whether it voids the measurement.
    pub voids: bool,
    /// The target that it is about; left out where that is clear from its place, or where it is about the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What is so.
    #[serde(flatten)]
    pub fact: Fact,
}

impl Warning {
    /// A warning beside which the figures stand.
    pub fn note(fact: Fact) -> Self {
        Self {
            voids: false,
            target: None,
            fact,
        }
    }

    /// One that voids the figures.
    pub fn void(fact: Fact) -> Self {
        Self {
            voids: true,
            ..Self::note(fact)
        }
    }

    /// The same, about this target.
    #[must_use]
    pub fn about(self, target: &str) -> Self {
        Self {
            target: Some(target.to_owned()),
            ..self
        }
    }

    /// Its code in records: the kind of the fact.
    pub fn code(&self) -> &str {
        match &self.fact {
            Fact::Text { kind, .. } => kind,
            fact => fact.into(),
        }
    }
}

/// What came back for a request, before anything was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// Bytes of the body.
    pub bytes: u64,
}

/// A part of the instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Instrument {
    /// The load generator.
    Generator,
    /// The upstream backend.
    Backend,
}

/// What is so. `code` in records; times are in nanoseconds, shares from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(tag = "code", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Fact {
    /// The load generator's cores were full.
    GeneratorSaturated {
        /// Share of its cores that it used, waiting by spinning left out.
        cpu_share: f64,
        /// In a closed loop the throughput is then the generator's; in an open one scheduled requests may have waited for it.
        closed_loop: bool,
    },
    /// The load generator sent later than scheduled, by its own fault.
    SendLag {
        /// The median lag.
        p50_ns: Nanos,
        /// The 99th percentile; `null` where there are too few samples for it.
        p99_ns: Option<Nanos>,
        /// The longest.
        max_ns: Nanos,
        /// The median of what is timed, which the lag is compared with.
        timed_p50_ns: Nanos,
    },
    /// The load generator's own lag may be a part of these percentiles of what is timed.
    LagShare {
        /// By percentile, as `p50`: the share of it that the lag at the same percentile is.
        shares: BTreeMap<String, f64>,
        /// What they are percentiles of.
        workload: WorkloadKind,
        /// Whether the kernel's clock said when replies arrived. Otherwise the lag counts twice, since a generator that is late to
        /// send is as late to read.
        kernel: bool,
    },
    /// The kernel's clock could not say of all replies when they arrived.
    ReceiveClock {
        /// Share of the replies that ended when they were read instead.
        unstamped_share: f64,
        /// How often somebody set the system's time meanwhile: stamps were in the wrong place until that was seen.
        clock_steps: u64,
    },
    /// A service used up its cores: what was measured is then how fast it is.
    ServiceSaturated {
        /// Which.
        service: Service,
        /// Share of its cores that were busy, by it and whatever of the instrument shares them.
        busy_share: f64,
        /// Share of its cores that it used itself.
        cpu_share: f64,
    },
    /// Fewer requests were answered than the schedule meant.
    RateMissed {
        /// Scheduled requests a second.
        rate_per_s: f64,
        /// Share of the scheduled requests that were answered.
        answered_share: f64,
        /// Requests a second that were sent, where their number was set and they took longer than the schedule meant;
        /// otherwise left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent_per_s: Option<f64>,
    },
    /// The backend answered later than it should have.
    BackendLate {
        /// The median lateness.
        p50_ns: Nanos,
        /// The 99th percentile; `null` where there are too few samples for it.
        p99_ns: Option<Nanos>,
    },
    /// A part of the instrument stood still: it was stopped, throttled, or its core was taken.
    StoodStill {
        /// Which.
        part: Instrument,
        /// How often.
        times: u64,
        /// For how long at most.
        longest_ns: Nanos,
        /// For what share of the time.
        share: f64,
    },
    /// The backend failed.
    BackendFailed {
        /// What happened.
        what: String,
    },
    /// The hypervisor took the processor away.
    StealTime {
        /// Share of the time.
        share: f64,
    },
    /// The control group throttled the processor.
    Throttled {
        /// How often.
        periods: u64,
    },
    /// No request was scheduled.
    NothingScheduled,
    /// Requests failed.
    Failures {
        /// Errors and time-outs.
        failed: u64,
        /// Of so many.
        scheduled: u64,
        /// Time-outs among them.
        timeouts: u64,
        /// Time-outs while the reply was still coming; 0 in older records.
        #[serde(default)]
        cut_off: u64,
        /// Errors by kind.
        kinds: BTreeMap<ErrorKind, u64>,
        /// Those with another status than expected, by the status that came; empty in older records.
        #[serde(
            default,
            skip_serializing_if = "BTreeMap::is_empty",
            deserialize_with = "by_status"
        )]
        statuses: BTreeMap<u16, u64>,
        /// Those with a malformed reply, by what was wrong with it; empty in older records.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        malformed: BTreeMap<String, u64>,
        /// Whether connections were secured by TLS.
        #[serde(default)]
        tls: bool,
    },
    /// No request succeeded in the later half of the measurement.
    StoppedAnswering {
        /// When the last success was, at the latest, in seconds since the start of the measurement.
        after_s: f64,
        /// How long it was, in seconds.
        measured_s: f64,
    },
    /// Replies that redirect elsewhere counted as a success, because no status was asked for.
    Redirected {
        /// How many, by their status.
        #[serde(deserialize_with = "by_status")]
        statuses: BTreeMap<u16, u64>,
        /// Of so many that succeeded.
        ok: u64,
    },
    /// A request of the scenario's own is answered otherwise than by another target: they may not do the same work.
    AnswersDiffer {
        /// The request: `GET /api/users/42`.
        request: String,
        /// How the target answered it.
        answered: Answered,
        /// The other target.
        base: String,
        /// How that one answered it.
        base_answered: Answered,
    },
    /// One of several load generators measured other response times than the others did at the same time.
    GeneratorsDiffer {
        /// Its name.
        generator: String,
        /// Its median, by that of the others; over the epochs, the geometric mean.
        ratio: f64,
        /// The ends of its 95 % interval.
        interval: [f64; 2],
    },
    /// The load generators measured longer response times than the probe did at the same time.
    ProbeDiffers {
        /// The generators' median, by the probe's; over the epochs, the geometric mean.
        ratio: f64,
        /// The ends of its 95 % interval.
        interval: [f64; 2],
    },
    /// Requests were unfinished at the end and stand in the percentiles as lower bounds.
    Unfinished {
        /// How many.
        unfinished: u64,
        /// Of so many.
        scheduled: u64,
    },
    /// Connections could not be opened, or were lost and opened again.
    Connections {
        /// Closed or reset by the target without having announced it.
        lost: u64,
        /// Attempts that failed.
        not_opened: u64,
        /// They by kind; empty in older records.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        kinds: BTreeMap<ErrorKind, u64>,
    },
    /// Idle connections were lost.
    IdleLost {
        /// How many.
        lost: u64,
        /// Of so many.
        idle: u64,
    },
    /// The generator had no local port or file descriptor left for a request's own connection.
    Exhausted {
        /// Requests without a local port.
        ports: u64,
        /// Requests without a file descriptor.
        files: u64,
    },
    /// Too few samples for percentiles of what is timed; they are `null`.
    TooFewSamples {
        /// Which: `p99`, `p99_9`.
        percentiles: Vec<String>,
        /// What they are percentiles of.
        workload: WorkloadKind,
        /// How many samples there were.
        samples: u64,
    },
    /// Metrics could not be compared.
    NotCompared {
        /// Which.
        metrics: Vec<Metric>,
        /// Why.
        reason: Reason,
    },
    /// Generator and server shared a core.
    SharedCore,
    /// A target's response time still changed when its warm-up ended.
    Unsteady {
        /// The longest warm-up, in seconds.
        warmup_s: f64,
        /// Rounds in which it was so.
        rounds: u64,
        /// Of so many.
        of_rounds: u64,
    },
    /// A target began its rounds slower than it went on.
    NotWarm {
        /// What it was seen in.
        metric: Metric,
        /// By what share it was slower.
        excess: f64,
        /// The p-value of that.
        p_value: f64,
    },
    /// Figures depend on the place of an epoch within its block.
    PlaceMatters {
        /// What it was seen in.
        metric: Metric,
        /// By what share the places differ.
        range: f64,
        /// The p-value of that.
        p_value: f64,
    },
    /// Blocks of one round resemble each other: a fresh start of the processes changes the outcome.
    RoundsDiffer {
        /// What the target was compared with.
        base: String,
        /// What it was seen in.
        metric: Metric,
        /// By what share a fresh start changes it.
        deviation: f64,
        /// The p-value of that.
        p_value: f64,
        /// How many times as long intervals should be.
        lengthening: f64,
    },
    /// Throughput times service time does not give the requests in flight (Little's law).
    LittlesLaw {
        /// Requests in flight as counted, on average.
        counted: f64,
        /// As computed.
        expected: f64,
        /// The share by which they may differ.
        tolerance: f64,
    },
    /// Some connections were served far less than others.
    Unfair {
        /// Requests of the connection that carried fewest.
        fewest: u64,
        /// Of the one that carried most.
        most: u64,
        /// On average.
        mean: f64,
        /// Connections that carried none.
        never_served: u64,
        /// Of so many; 0 in older records.
        #[serde(default)]
        connections: u64,
    },
    /// System calls were asked for and could not be counted.
    NotProfiled {
        /// Why.
        why: String,
        /// What to do about it.
        remedy: String,
    },
    /// The measurement was interrupted: what was measured until then is kept.
    Interrupted {
        /// The run, where it is one of several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    },
    /// A target failed; its figures end where it did.
    TargetFailed {
        /// What happened.
        what: String,
        /// Whether it happened only when everything was measured.
        at_the_end: bool,
    },
    /// A target that was asked to end did so in another way than by the signal or with exit code 0.
    EndedUntidily {
        /// How.
        how: String,
    },
    /// A target printed while it was measured.
    Printed {
        /// Lines, on standard output and error.
        lines: u64,
        /// Requests that it served meanwhile.
        requests: u64,
    },
    /// Two runs that are compared were made at different times.
    DifferentRuns,
    /// Two runs that are compared were made under different circumstances.
    EnvironmentsDiffer {
        /// In so many ways.
        ways: u64,
        /// The reference that both measured; `null` where there is none.
        reference: Option<String>,
    },
    /// What is compared should not be, and was compared because it was insisted on.
    Unlike {
        /// In which way.
        what: String,
    },
    /// The knee lies beyond what the generator can offer.
    KneeBeyondGenerator,
    /// The knee is that of the connections: all were busy while the server had time.
    KneeOfConnections {
        /// How many there were.
        connections: u32,
    },
    /// A knee could not be compared.
    KneeNotCompared {
        /// Why.
        reason: Reason,
    },
    /// A sweep reached its limit of time before its last round.
    TimeLimit {
        /// In seconds.
        limit_s: f64,
        /// The rounds that were planned.
        rounds: u32,
    },
    /// The measurement was interrupted and went on later.
    Resumed {
        /// How often.
        times: u64,
    },
    /// The first step of a sweep measured nothing, so there is no objective.
    NoObjective,
    /// A warning of a record of an earlier version, which kept sentences.
    Text {
        /// Its code there.
        kind: String,
        /// The figure and its threshold, in a sentence.
        detail: String,
        /// What to do about it.
        advice: String,
    },
}
