//! Whether a measurement may be believed, and what to do where it may not.

use std::collections::BTreeMap;

use model::measured::accounting::{Accounting, ErrorKind};
use model::measured::clock::Clock;
use model::measured::recording::{EndedBy, Recording};
use model::measured::stalls::Stalls;
use model::measured::summary::{Summary, Times, value_at};
use model::measured::workload::WorkloadKind;
use model::percentiles::PERCENTILES;
use model::record::generator::GeneratorRecord;
use model::record::warning::{Fact, Instrument, REACHED_SHARE, SATURATED_SHARE, Warning};
use model::spec::load::{Arrival, Connect, Load, Process};
use model::spec::services::Service;
use model::units::{NANOS_PER_S, Nanos};
use stats::distribution::mean;
use stats::sign_flip::sign_flip;

/// The generator's own lag at the 99th percentile from which on it is worth a warning.
pub const NOTABLE_LAG_P99_NS: Nanos = 1_000_000;

/// A single lag of the generator's own that is worth a warning: the generator stood still.
pub const NOTABLE_LAG_MAX_NS: Nanos = 50_000_000;

/// The generator's own median lag that voids a measurement, where it is also [`VOIDING_LAG_SHARE`] of the median of what is
/// timed: then the typical figure is the generator's.
pub const VOIDING_LAG_P50_NS: Nanos = 100_000;

/// See [`VOIDING_LAG_P50_NS`].
pub const VOIDING_LAG_SHARE: f64 = 0.25;

/// The share of a percentile that the generator's own lag may be before it is worth a warning.
pub const NOTABLE_LAG_SHARE: f64 = 0.05;

/// The share of replies without a stamp of the kernel's clock from which on it is worth a warning.
pub const NOTABLE_UNSTAMPED_SHARE: f64 = 0.01;

/// Backend lateness at the 99th percentile that is worth a warning.
pub const NOTABLE_BACKEND_P99_NS: Nanos = 1_000_000;

/// Median backend lateness that voids a measurement.
pub const VOIDING_BACKEND_P50_NS: Nanos = 1_000_000;

/// Lines that a target prints for each request from which on they are among its costs: one for a hundred.
pub const NOTABLE_LINES_SHARE: f64 = 0.01;

/// By how much the median of a load generator may certainly differ from that of the others before it is worth a warning: as much as two
/// measurements of one target may.
pub const NOTABLE_GENERATOR_DIFFERENCE: f64 = 0.05;

/// The fewest epochs by which generators are held against each other: of fewer no pattern of signs is rare enough.
pub const GENERATOR_EPOCHS: usize = 6;

/// Share of time taken by the hypervisor that is worth a warning.
pub const NOTABLE_STEAL_SHARE: f64 = 0.02;

/// Share of the time for which a part of the instrument stood still, or was throttled, that voids a measurement: the 99th percentile is
/// then its own pause.
pub const VOIDING_STALLED_SHARE: f64 = 0.01;

/// How often the kernel looks whether a control group has used up its quota, in seconds by default
/// (Documentation/scheduler/sched-bwc.rst).
const QUOTA_PERIOD_S: f64 = 0.1;

/// Requests a connection, on average, from which on their fair division can be judged.
pub const FAIR_REQUESTS_PER_CONNECTION: u64 = 20;

/// Where no request failed and a connection carried this many, one that carried none waited that many turns in vain: requests go
/// to the connection that is free longest.
pub const UNSERVED_TURNS: u64 = 5;

/// A target that failed more than this share of the scheduled requests failed: its figures are those of errors.
pub const MOST_FAILED_SHARE: f64 = 0.5;

/// A measurement whose last success lies before this share of it is mostly of a target that was gone.
pub const STOPPED_SHARE: f64 = 0.5;

/// How many standard deviations the number of random arrivals may be off before the rate counts as missed.
pub const RANDOM_ARRIVALS_SIGMA: f64 = 4.0;

/// A connection that carried less than this share of the average was treated unfairly.
pub const FAIR_SHARE: f64 = 0.25;

/// The requests in flight may differ from throughput times service time by this share before it is worth a warning, and the
/// ends of a drive add their own (see [`assess`]).
pub const LITTLES_LAW_TOLERANCE: f64 = 0.1;

/// Differences of less than this many requests in flight are noise of the counting.
pub const LITTLES_LAW_MIN_DIFFERENCE: f64 = 1.0;

/// Times the requests in flight must have been counted before Little's law is checked with them.
pub const LITTLES_LAW_MIN_SAMPLES: u64 = 100;

/// What the recording itself cannot know.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Circumstances {
    /// How long it took in all, in seconds.
    pub elapsed_s: f64,
    /// How late the backend was; none where none was used.
    pub backend_lateness: Option<Times>,
    /// When the backend stood still; none where none was used.
    pub backend_stalls: Option<Stalls>,
    /// Share of time that the hypervisor took away, 0 to 1.
    pub steal_share: Option<f64>,
    /// Times the control group throttled the processor.
    pub throttled_periods: Option<u64>,
    /// Generator and server shared a core.
    pub shared_core: bool,
}

/// What a reader should know about one drive of load, from the recording itself.
pub fn assess(load: &Load, recording: &Recording) -> Vec<Warning> {
    let warnings = [
        saturated(load, recording),
        lagging(load, recording).or_else(|| lag_share(load, recording)),
        receive_clock(recording),
        generator_stalled(recording),
        rate_missed(load, recording),
        failures(load, recording),
        unfinished(recording),
        nothing_scheduled(recording),
        connections(load, recording),
        exhausted(load, recording),
        idle_lost(recording),
        unfair(recording),
        littles_law(recording),
        too_few_samples(recording),
    ];
    warnings.into_iter().flatten().collect()
}

impl Circumstances {
    /// What a reader should know about the machine and the backend while load was driven.
    pub fn warnings(&self) -> Vec<Warning> {
        [
            backend_late(self),
            backend_stalled(self),
            steal(self),
            throttled(self),
            shared_core(self),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn saturated(load: &Load, recording: &Recording) -> Option<Warning> {
    let summary = Summary::of(recording);
    let generator = recording.generator;
    let spinning = if generator.cpu_ns == 0 {
        0.0
    } else {
        generator.spin_ns as f64 / generator.cpu_ns as f64
    };
    let cpu_share = summary.generator_cpu_share * (1.0 - spinning);
    let closed_loop = load.arrival == Arrival::Closed;
    (cpu_share >= SATURATED_SHARE).then(|| Warning {
        voids: closed_loop,
        ..Warning::note(Fact::GeneratorSaturated {
            cpu_share,
            closed_loop,
        })
    })
}

fn lagging(load: &Load, recording: &Recording) -> Option<Warning> {
    if load.arrival == Arrival::Closed {
        return None;
    }
    let lag = &recording.times[Clock::GeneratorLag];
    let p50_ns = value_at(lag, 5_000)?;
    let p99_ns = value_at(lag, 9_900);
    let clock = WorkloadKind::of(recording).clock();
    let timed_p50_ns = value_at(&recording.times[clock], 5_000)?;
    let voids =
        p50_ns >= VOIDING_LAG_P50_NS && p50_ns as f64 >= VOIDING_LAG_SHARE * timed_p50_ns as f64;
    let notable = p99_ns.is_some_and(|p99_ns| p99_ns >= NOTABLE_LAG_P99_NS)
        || lag.max() >= NOTABLE_LAG_MAX_NS;
    (voids || notable).then(|| Warning {
        voids,
        ..Warning::note(Fact::SendLag {
            p50_ns,
            p99_ns,
            max_ns: lag.max(),
            timed_p50_ns,
        })
    })
}

/// Percentiles of what is timed of which the lag may be a notable part. In a closed loop requests are sent when they are scheduled.
fn lag_share(load: &Load, recording: &Recording) -> Option<Warning> {
    if load.arrival == Arrival::Closed {
        return None;
    }
    let workload = WorkloadKind::of(recording);
    let lag = Times::of(&recording.times[Clock::GeneratorLag]);
    let timed = Times::of(&recording.times[workload.clock()]);
    let kernel = recording.receive.kernel;
    let counted = if kernel { 1.0 } else { 2.0 };
    let shares: BTreeMap<String, f64> = PERCENTILES
        .iter()
        .filter_map(|percentile| {
            let (lag_ns, timed_ns) = lag
                .named(percentile.name)
                .zip(timed.named(percentile.name))?;
            let share = (counted * lag_ns as f64 / timed_ns.max(1) as f64).min(1.0);
            (share > NOTABLE_LAG_SHARE).then(|| (percentile.name.to_owned(), share))
        })
        .collect();
    (!shares.is_empty()).then(|| {
        Warning::note(Fact::LagShare {
            shares,
            workload,
            kernel,
        })
    })
}

fn receive_clock(recording: &Recording) -> Option<Warning> {
    let receive = recording.receive;
    let stamped = recording.times[Clock::ReceiveLag].len();
    let unstamped_share = receive.unstamped as f64 / (receive.unstamped + stamped).max(1) as f64;
    (unstamped_share > NOTABLE_UNSTAMPED_SHARE || receive.clock_steps > 0).then(|| {
        Warning::note(Fact::ReceiveClock {
            unstamped_share,
            clock_steps: receive.clock_steps,
        })
    })
}

fn backend_late(circumstances: &Circumstances) -> Option<Warning> {
    let lateness = circumstances.backend_lateness?;
    let p50_ns = lateness.p50?;
    let voids = p50_ns >= VOIDING_BACKEND_P50_NS;
    let is_notable = lateness
        .p99
        .is_some_and(|p99_ns| p99_ns >= NOTABLE_BACKEND_P99_NS);
    (voids || is_notable).then(|| Warning {
        voids,
        ..Warning::note(Fact::BackendLate {
            p50_ns,
            p99_ns: lateness.p99,
        })
    })
}

/// Services that were busy all the time answered as fast as they can, whatever the target: also where the load generator on their cores
/// left them no more.
///
/// `used`: cores that each used; `cores`: that they have together; `by_generator`: that the load generator used of them.
pub fn service_saturated(
    used: &BTreeMap<Service, f64>,
    cores: usize,
    by_generator: f64,
) -> Option<Warning> {
    let (&service, &most) = used.iter().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let share = |used: f64| used / cores.max(1) as f64;
    let busy_share = share(used.values().sum::<f64>() + by_generator);
    // A generator that fills the cores by itself says so by itself.
    (busy_share >= SATURATED_SHARE && share(by_generator) < SATURATED_SHARE).then(|| {
        Warning::note(Fact::ServiceSaturated {
            service,
            busy_share: busy_share.min(1.0),
            cpu_share: share(most).min(1.0),
        })
    })
}

/// Found in a closed loop, too, where no schedule shows it.
fn generator_stalled(recording: &Recording) -> Option<Warning> {
    let generator = &recording.generator;
    let time_ns = recording.measured_ns as f64 * f64::from(generator.threads.max(1));
    stalled(Instrument::Generator, &generator.stalls, time_ns)
}

fn backend_stalled(circumstances: &Circumstances) -> Option<Warning> {
    let time_ns = circumstances.elapsed_s * NANOS_PER_S as f64;
    stalled(Instrument::Backend, &circumstances.backend_stalls?, time_ns)
}

/// `time_ns`: over which the stalls were looked for.
fn stalled(part: Instrument, stalls: &Stalls, time_ns: f64) -> Option<Warning> {
    let share = stalls.total_ns as f64 / time_ns.max(1.0);
    (stalls.times > 0).then(|| Warning {
        voids: share >= VOIDING_STALLED_SHARE,
        ..Warning::note(Fact::StoodStill {
            part,
            times: stalls.times,
            longest_ns: stalls.longest_ns,
            share: share.min(1.0),
        })
    })
}

fn rate_missed(load: &Load, recording: &Recording) -> Option<Warning> {
    let rate = load.arrival.rate()?;
    let accounting = &recording.accounting;
    let answered = accounting.scheduled - accounting.unfinished;
    let answered_share = answered as f64 / accounting.scheduled.max(1) as f64;
    let sent_per_s = fell_behind(load, recording);
    let is_missed =
        accounting.scheduled > 0 && answered_share < REACHED_SHARE || sent_per_s.is_some();
    is_missed.then(|| {
        Warning::note(Fact::RateMissed {
            rate_per_s: rate.as_per_s(),
            answered_share,
            sent_per_s,
        })
    })
}

/// Requests a second, where their number was set and they took longer than the schedule meant and the slowest of them needed.
fn fell_behind(load: &Load, recording: &Recording) -> Option<f64> {
    let Arrival::Open { rate, process } = load.arrival else {
        return None;
    };
    if recording.ended_by != EndedBy::Requests || load.request_limit.is_none() {
        return None;
    }
    let number = recording.accounting.scheduled as f64;
    let late = match process {
        Process::Constant => 0.0,
        Process::Poisson => RANDOM_ARRIVALS_SIGMA * number.sqrt(),
    };
    let slowest_s = recording.times[Clock::ServiceTime].max() as f64 / NANOS_PER_S as f64;
    let meant_s = (number + late) / rate.as_per_s() + slowest_s;
    let measured_s = recording.measured_ns as f64 / NANOS_PER_S as f64;
    (meant_s < REACHED_SHARE * measured_s).then(|| number / measured_s)
}

fn nothing_scheduled(recording: &Recording) -> Option<Warning> {
    (recording.accounting.scheduled == 0).then(|| Warning::void(Fact::NothingScheduled))
}

/// Whether most requests failed, or none succeeded: then the target did, and its figures are those of its errors.
pub fn most_failed(accounting: &Accounting) -> bool {
    let is_most = accounting.failed() as f64 > MOST_FAILED_SHARE * accounting.scheduled as f64;
    accounting.scheduled > 0 && (accounting.ok == 0 || is_most)
}

/// Where most requests failed the figures are of the others, and void.
fn failures(load: &Load, recording: &Recording) -> Option<Warning> {
    let accounting = &recording.accounting;
    (accounting.failed() > 0).then(|| Warning {
        voids: most_failed(accounting),
        ..Warning::note(Fact::Failures {
            failed: accounting.failed(),
            scheduled: accounting.scheduled,
            timeouts: accounting.timeout,
            cut_off: recording.errors.cut_off,
            // Where connections are opened once, none of them is a request.
            kinds: kinds(recording, |kind| {
                load.connect == Connect::PerRequest || !kind.is_connect()
            }),
            statuses: recording.errors.statuses.clone(),
            malformed: recording.errors.malformed.clone(),
            tls: !recording.times[Clock::HandshakeTime].is_empty(),
        })
    })
}

/// Failures of the kinds that are asked for.
fn kinds(
    recording: &Recording,
    is_asked_for: impl Fn(ErrorKind) -> bool,
) -> BTreeMap<ErrorKind, u64> {
    let kinds = recording.errors.kinds.iter();
    kinds
        .filter(|(kind, _)| is_asked_for(**kind))
        .map(|(&kind, &count)| (kind, count))
        .collect()
}

/// A target that is gone for half of the time has the throughput of the other half only. Of one drive.
pub fn stopped_answering(recording: &Recording) -> Option<Warning> {
    let last = recording
        .intervals
        .iter()
        .rev()
        .find(|interval| interval.ok > 0)?;
    let after_ns = last.start_ns + last.length_ns;
    let Accounting { unfinished, .. } = recording.accounting;
    let missing = recording.accounting.failed() + recording.errors.connect + unfinished;
    let in_s = |ns: Nanos| ns as f64 / NANOS_PER_S as f64;
    let is_gone = missing > 0 && after_ns as f64 <= STOPPED_SHARE * recording.measured_ns as f64;
    is_gone.then(|| {
        Warning::void(Fact::StoppedAnswering {
            after_s: in_s(after_ns),
            measured_s: in_s(recording.measured_ns),
        })
    })
}

/// Lines that a target printed while it served so many requests: a log of each request is among its costs.
pub fn printed(lines: u64, requests: u64) -> Option<Warning> {
    let is_notable = lines as f64 > NOTABLE_LINES_SHARE * requests as f64;
    is_notable.then(|| Warning::note(Fact::Printed { lines, requests }))
}

/// Load generators that measured other medians than the others did at the same time, certainly and by more than
/// [`NOTABLE_GENERATOR_DIFFERENCE`]; and that all of them measured longer ones than the `probe` did, so that requests wait in the generators.
/// Epochs are paired: whatever the target did in one of them it did to all.
pub fn generators_differ(
    generators: &[GeneratorRecord],
    probe: Option<&GeneratorRecord>,
    seed: u64,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (index, record) in generators.iter().enumerate() {
        let others = generators.iter().enumerate();
        let others = others.filter_map(|(other, record)| (other != index).then_some(record));
        if let Some((ratio, interval)) = apart(&[record], &others.collect::<Vec<_>>(), seed) {
            warnings.push(Warning::note(Fact::GeneratorsDiffer {
                generator: record.name.clone(),
                ratio,
                interval,
            }));
        }
    }
    let all: Vec<&GeneratorRecord> = generators.iter().collect();
    let beside_probe = probe.and_then(|probe| apart(&all, &[probe], seed));
    if let Some((ratio, interval)) = beside_probe.filter(|(ratio, _)| *ratio > 1.0) {
        warnings.push(Warning::note(Fact::ProbeDiffers { ratio, interval }));
    }
    warnings
}

/// The medians of some by those of others, with the ends of its 95 % interval, where that is certainly more than
/// [`NOTABLE_GENERATOR_DIFFERENCE`] from 1.
fn apart(
    some: &[&GeneratorRecord],
    others: &[&GeneratorRecord],
    seed: u64,
) -> Option<(f64, [f64; 2])> {
    let of_epoch = |records: &[&GeneratorRecord], epoch: usize| {
        let medians = records.iter().map(|record| {
            let median_ns = record.response_time_p50_ns.get(epoch).copied().flatten();
            median_ns.filter(|&ns| ns > 0).map(|ns| (ns as f64).ln())
        });
        let medians: Option<Vec<f64>> = medians.collect();
        medians
            .filter(|medians| !medians.is_empty())
            .map(|medians| mean(&medians))
    };
    let epochs = some.first()?.response_time_p50_ns.len();
    let differences: Vec<f64> = (0..epochs)
        .filter_map(|epoch| Some(of_epoch(some, epoch)? - of_epoch(others, epoch)?))
        .collect();
    if differences.len() < GENERATOR_EPOCHS {
        return None;
    }
    let found = sign_flip(&differences, 0.05, seed);
    let limit = NOTABLE_GENERATOR_DIFFERENCE.ln_1p();
    let is_notable = found.interval.low > limit || found.interval.high < -limit;
    let interval = [found.interval.low.exp(), found.interval.high.exp()];
    is_notable.then(|| (found.mean.exp(), interval))
}

/// Replies that redirect elsewhere count as a success where no status was asked for, and measure another page than was meant.
pub fn redirected(recording: &Recording) -> Option<Warning> {
    let statuses: BTreeMap<u16, u64> = recording
        .statuses
        .range(300..400)
        .map(|(&status, &count)| (status, count))
        .collect();
    (!statuses.is_empty()).then(|| {
        Warning::note(Fact::Redirected {
            statuses,
            ok: recording.accounting.ok,
        })
    })
}

fn unfinished(recording: &Recording) -> Option<Warning> {
    let accounting = &recording.accounting;
    (accounting.unfinished > 0).then(|| Warning {
        voids: accounting.ok == 0,
        ..Warning::note(Fact::Unfinished {
            unfinished: accounting.unfinished,
            scheduled: accounting.scheduled,
        })
    })
}

fn connections(load: &Load, recording: &Recording) -> Option<Warning> {
    // A request that opens its own has failed where it could not, and is counted among the failures.
    if load.connect == Connect::PerRequest {
        return None;
    }
    let (lost, not_opened) = (recording.connections.lost, recording.errors.connect);
    (lost > 0 || not_opened > 0).then(|| {
        Warning::note(Fact::Connections {
            lost,
            not_opened,
            kinds: kinds(recording, ErrorKind::is_connect),
        })
    })
}

/// Where each request opens its own connection, running out of them here is no failure of the server.
fn exhausted(load: &Load, recording: &Recording) -> Option<Warning> {
    let number = |kind| recording.errors.kinds.get(&kind).copied();
    let ports = number(ErrorKind::AddrNotAvailable).unwrap_or_default();
    let files = number(ErrorKind::TooManyFiles).unwrap_or_default();
    (load.connect == Connect::PerRequest && ports + files > 0)
        .then(|| Warning::void(Fact::Exhausted { ports, files }))
}

fn idle_lost(recording: &Recording) -> Option<Warning> {
    let counts = recording.connections;
    (counts.idle_lost > 0).then(|| {
        Warning::note(Fact::IdleLost {
            lost: counts.idle_lost,
            idle: counts.idle,
        })
    })
}

/// Requests go to the connection that is free longest, so a connection that carried few waited for its replies longer than others.
fn unfair(recording: &Recording) -> Option<Warning> {
    let counts = recording.connections;
    let served = counts.served?;
    let mean = recording.accounting.ok as f64 / counts.places.max(1) as f64;
    let is_less =
        mean >= FAIR_REQUESTS_PER_CONNECTION as f64 && (served.min as f64) < FAIR_SHARE * mean;
    let is_none =
        served.min == 0 && served.max >= UNSERVED_TURNS && recording.accounting.error == 0;
    (is_less || is_none).then(|| {
        Warning::note(Fact::Unfair {
            fewest: served.min,
            most: served.max,
            mean,
            never_served: counts.never_served,
            connections: counts.places,
        })
    })
}

/// Little's law: requests in flight = throughput × service time (Little, *A proof for the queuing formula L = λW*,
/// Operations Research 9, 1961). Both sides are measured apart, so where they differ the clocks or the counts are wrong.
/// At the end of a drive a service time's worth of replies is still counted in the times and not in the flight.
fn littles_law(recording: &Recording) -> Option<Warning> {
    let counted = recording.in_flight;
    if counted.samples < LITTLES_LAW_MIN_SAMPLES || recording.measured_ns == 0 {
        return None;
    }
    let service_time = &recording.times[Clock::ServiceTime];
    // A request is counted until its reply is read. Receive lags of a chat are those of deliveries, many to a message.
    let lag_ns = match WorkloadKind::of(recording) {
        WorkloadKind::Messages => 0.0,
        WorkloadKind::Requests | WorkloadKind::Streams => {
            let lag = &recording.times[Clock::ReceiveLag];
            lag.mean() * lag.len() as f64 / service_time.len().max(1) as f64
        }
    };
    let mean_ns = service_time.mean() + lag_ns;
    let expected = mean_ns * service_time.len() as f64 / recording.measured_ns as f64;
    let ends = 2.0 * mean_ns / recording.measured_ns as f64;
    let tolerance = LITTLES_LAW_TOLERANCE + ends;
    let difference = (counted.mean - expected).abs();
    let is_off = difference >= LITTLES_LAW_MIN_DIFFERENCE && difference > tolerance * expected;
    is_off.then(|| {
        Warning::note(Fact::LittlesLaw {
            counted: counted.mean,
            expected,
            tolerance,
        })
    })
}

fn steal(circumstances: &Circumstances) -> Option<Warning> {
    let share = circumstances.steal_share?;
    (share >= NOTABLE_STEAL_SHARE).then(|| Warning::note(Fact::StealTime { share }))
}

fn throttled(circumstances: &Circumstances) -> Option<Warning> {
    let periods = circumstances.throttled_periods?;
    let share = periods as f64 * QUOTA_PERIOD_S / circumstances.elapsed_s;
    (periods > 0).then(|| Warning {
        voids: share >= VOIDING_STALLED_SHARE,
        ..Warning::note(Fact::Throttled { periods })
    })
}

fn shared_core(circumstances: &Circumstances) -> Option<Warning> {
    circumstances
        .shared_core
        .then(|| Warning::note(Fact::SharedCore))
}

fn too_few_samples(recording: &Recording) -> Option<Warning> {
    let workload = WorkloadKind::of(recording);
    let histogram = &recording.times[workload.clock()];
    let missing = Times::of(histogram).missing();
    (!missing.is_empty()).then(|| {
        Warning::note(Fact::TooFewSamples {
            percentiles: missing.into_iter().map(str::to_owned).collect(),
            workload,
            samples: histogram.len(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::recording::{ConnectionCounts, GeneratorUse, InFlight, Recorder, Served};
    use model::record::warning::Validity;
    use model::units::Rate;
    use std::time::Duration;

    const MS: Nanos = 1_000_000;

    /// A generator with these medians, epoch by epoch.
    fn generator(name: &str, medians_us: &[u64]) -> GeneratorRecord {
        GeneratorRecord {
            name: name.to_owned(),
            clock_bound_ns: 0,
            ready_after_ns: 0,
            accounting: Accounting::default(),
            response_time_ns: Times::default(),
            cpu_share: 0.0,
            response_time_p50_ns: medians_us.iter().map(|us| Some(us * 1_000)).collect(),
            response_time_v2_base64: String::new(),
        }
    }

    #[test]
    fn a_generator_that_certainly_measures_otherwise_is_named_and_noise_is_not() {
        // What the target does in an epoch it does to all.
        let usual = [100, 200, 150, 120, 300, 110, 140, 180];
        let noisy = [102, 197, 153, 118, 306, 108, 142, 177];
        let slower = usual.map(|us| us * 11 / 10);
        let named = |generators: &[GeneratorRecord]| {
            let warnings = generators_differ(generators, None, 1);
            let names = warnings.into_iter().map(|warning| match warning.fact {
                Fact::GeneratorsDiffer {
                    generator, ratio, ..
                } => (generator, (ratio * 100.0).round()),
                fact => panic!("{fact:?}"),
            });
            names.collect::<Vec<_>>()
        };
        let [one, two] = [generator("one", &usual), generator("two", &noisy)];
        assert_eq!(named(&[one.clone(), two.clone()]), []);
        let three = generator("three", &slower);
        assert_eq!(
            named(&[one.clone(), two.clone(), three.clone()]),
            [("three".to_owned(), 110.0)]
        );
        // Of two it is not known which is the odd one.
        assert_eq!(named(&[one.clone(), three.clone()]).len(), 2);
        // One alone has nobody to differ from, and few epochs tell nothing.
        assert_eq!(named(&[three]), []);
        let few = [generator("a", &usual[..5]), generator("b", &slower[..5])];
        assert_eq!(named(&few), []);
    }

    #[test]
    fn generators_that_queue_are_betrayed_by_the_probe() {
        let usual = [100, 200, 150, 120, 300, 110];
        let slower = usual.map(|us| us * 5 / 4);
        let found = |load: &[u64], probe: &[u64]| {
            let generators = [generator("one", load), generator("two", load)];
            let warnings = generators_differ(&generators, Some(&generator("probe", probe)), 1);
            warnings
                .into_iter()
                .map(|warning| warning.fact)
                .collect::<Vec<_>>()
        };
        let betrayed = found(&slower, &usual);
        assert!(
            matches!(betrayed.as_slice(), [Fact::ProbeDiffers { ratio, .. }] if (ratio - 1.25).abs() < 0.01),
            "{betrayed:?}"
        );
        assert_eq!(found(&usual, &usual), []);
        // A probe that is slower says nothing of the generators.
        assert_eq!(found(&usual, &slower), []);
    }

    fn load(arrival: Arrival) -> Load {
        Load {
            arrival,
            connections: std::num::NonZeroU32::MIN,
            connect: Connect::Once,
            idle_connections: 0,
            warmup: Duration::ZERO,
            duration: Duration::from_secs(1),
            drain: Duration::ZERO,
            timeout: Duration::from_secs(1),
            request_limit: None,
            interval: Duration::from_secs(1),
            seed: 0,
            goodput: None,
        }
    }

    fn open() -> Arrival {
        Arrival::Open {
            rate: Rate::per_s(2000.0).unwrap(),
            process: Process::Constant,
        }
    }

    /// 2,000 requests over a second, each answered after `response_ns`, sent `lag_ns` late by the generator.
    fn recorder(response_ns: Nanos, lag_ns: Nanos) -> Recorder {
        let mut recorder = Recorder::new(0, 1_000 * MS);
        recorder.on_scheduled(2000);
        for index in 0..2000 {
            let due = index * MS / 2;
            recorder.on_sent(lag_ns);
            recorder.on_ok(due, due + lag_ns, due + response_ns);
        }
        recorder
    }

    fn judge(
        arrival: Arrival,
        recorder: Recorder,
        cpu_ns: Nanos,
        spin_ns: Nanos,
        circumstances: Circumstances,
    ) -> Validity {
        let generator = GeneratorUse {
            cpu_ns,
            spin_ns,
            threads: 1,
            ..GeneratorUse::default()
        };
        {
            let recording = recorder.finish(1_000 * MS, ConnectionCounts::default(), generator);
            Validity::of([assess(&load(arrival), &recording), circumstances.warnings()].concat())
        }
    }

    /// The codes but those of samples that are too few, with blanks between.
    fn codes(validity: &Validity) -> String {
        let codes = validity.warnings.iter().map(Warning::code);
        let codes: Vec<&str> = codes.filter(|code| *code != "too_few_samples").collect();
        codes.join(" ")
    }

    #[test]
    fn a_service_is_the_bottleneck_where_its_cores_are_full_and_not_by_the_generator_alone() {
        let found = |postgres: f64, redis: f64, cores, by_generator| {
            let used = BTreeMap::from([(Service::Postgres, postgres), (Service::Redis, redis)]);
            let warning = service_saturated(&used, cores, by_generator)?;
            let Fact::ServiceSaturated { service, .. } = warning.fact else {
                panic!("{warning:?}");
            };
            Some(service)
        };
        assert_eq!(found(0.9, 0.0, 1, 0.0), Some(Service::Postgres));
        assert_eq!(found(0.89, 0.0, 1, 0.0), None);
        assert_eq!(found(0.9, 0.0, 2, 0.0), None);
        assert_eq!(found(0.4, 0.5, 1, 0.0), Some(Service::Redis));
        assert_eq!(found(0.5, 0.1, 1, 0.31), Some(Service::Postgres));
        assert_eq!(found(0.1, 0.0, 1, 0.9), None);
        assert_eq!(service_saturated(&BTreeMap::new(), 1, 0.0), None);
    }

    #[test]
    fn a_quiet_measurement_has_nothing_to_be_said_against_it() {
        let validity = judge(
            open(),
            recorder(5 * MS, 0),
            100 * MS,
            0,
            Circumstances::default(),
        );
        assert!(
            validity.is_valid() && codes(&validity).is_empty(),
            "{validity:?}"
        );
    }

    /// Requests of 1 ms, each sent after this lag, with what is known of their stamps.
    fn lagging_by(lag_ns: Nanos, kernel: bool, unstamped: u64, clock_steps: u64) -> Recording {
        let mut recording = recorder(MS, lag_ns).finish(
            1_000 * MS,
            ConnectionCounts::default(),
            GeneratorUse::default(),
        );
        recording.receive.kernel = kernel;
        recording.receive.unstamped = unstamped;
        recording.receive.clock_steps = clock_steps;
        recording
    }

    #[test]
    fn percentiles_that_lag_could_change_by_more_than_5_percent_are_named() {
        let shares = |lag_ns, kernel| {
            let warning = lag_share(&load(open()), &lagging_by(lag_ns, kernel, 0, 0));
            warning.map(|warning| match warning.fact {
                Fact::LagShare { shares, .. } => shares["p50"],
                fact => panic!("{fact:?}"),
            })
        };
        assert_eq!(shares(45_000, true), None);
        assert!((shares(60_000, true).unwrap() - 0.06).abs() < 0.01);
        // Where the generator's own clock says when replies arrive, it reads as late as it sends.
        assert_eq!(shares(20_000, false), None);
        assert!((shares(45_000, false).unwrap() - 0.09).abs() < 0.01);
        assert_eq!(
            lag_share(&load(Arrival::Closed), &lagging_by(MS, true, 0, 0)),
            None
        );
    }

    #[test]
    fn replies_without_a_stamp_and_steps_of_the_clock_are_reported() {
        let stamped = |unstamped, clock_steps| {
            let mut recording = lagging_by(0, true, unstamped, clock_steps);
            recording.times[Clock::ReceiveLag]
                .record_n(1_000, 990)
                .unwrap();
            receive_clock(&recording).map(|warning| warning.code().to_owned())
        };
        assert_eq!(stamped(10, 0), None);
        assert_eq!(stamped(11, 0).as_deref(), Some("receive_clock"));
        assert_eq!(stamped(0, 1).as_deref(), Some("receive_clock"));
        assert_eq!(receive_clock(&lagging_by(0, false, 0, 0)), None);
    }

    #[test]
    fn littles_law_counts_a_request_until_its_reply_is_read() {
        let mut recording = lagging_by(0, true, 0, 0);
        recording.in_flight = InFlight {
            samples: LITTLES_LAW_MIN_SAMPLES,
            mean: 6.0,
        };
        assert!(littles_law(&recording).is_some());
        // Two thousand a second, each for 1 ms on its way and 2 ms in the queue of its socket.
        let sent = recording.times[Clock::ServiceTime].len();
        recording.times[Clock::ReceiveLag]
            .record_n(2 * MS, sent)
            .unwrap();
        assert_eq!(littles_law(&recording), None);
    }

    #[test]
    fn a_full_generator_voids_a_closed_loop_unless_it_was_spinning() {
        let at_limit = judge(
            Arrival::Closed,
            recorder(MS, 0),
            900 * MS,
            0,
            Circumstances::default(),
        );
        assert_eq!(
            (at_limit.is_valid(), codes(&at_limit)),
            (false, "generator_saturated".to_owned())
        );
        let below = judge(
            Arrival::Closed,
            recorder(MS, 0),
            899 * MS,
            0,
            Circumstances::default(),
        );
        assert!(codes(&below).is_empty());
        let spinning = judge(
            open(),
            recorder(MS, 0),
            1_000 * MS,
            800 * MS,
            Circumstances::default(),
        );
        assert!(codes(&spinning).is_empty());
    }

    #[test]
    fn a_generator_that_lags_is_reported_and_voids_what_is_mostly_lag() {
        let reported = judge(
            open(),
            recorder(50 * MS, MS + MS / 100),
            0,
            0,
            Circumstances::default(),
        );
        assert_eq!(
            (reported.is_valid(), codes(&reported)),
            (true, "send_lag".to_owned())
        );
        let void = judge(open(), recorder(MS, MS / 2), 0, 0, Circumstances::default());
        assert_eq!(
            (void.is_valid(), codes(&void)),
            (false, "send_lag".to_owned())
        );
    }

    #[test]
    fn a_generator_frozen_once_is_reported() {
        let mut frozen = recorder(5 * MS, 0);
        frozen.on_sent(200 * MS);
        let validity = judge(open(), frozen, 0, 0, Circumstances::default());
        assert_eq!(
            (validity.is_valid(), codes(&validity)),
            (true, "send_lag".to_owned())
        );
        let Fact::SendLag { max_ns, .. } = validity.warnings[0].fact else {
            panic!("{validity:?}");
        };
        assert!(max_ns >= 200 * MS, "{max_ns}");
    }

    #[test]
    fn failures_and_unfinished_requests_are_said_with_their_kinds() {
        let mut recorder = recorder(5 * MS, 0);
        recorder.on_scheduled(32);
        recorder.on_error(ErrorKind::WrongBody, 900 * MS);
        recorder.on_timeout(0, 0, 950 * MS);
        for _ in 0..30 {
            recorder.on_unfinished(960 * MS, None, 1_000 * MS);
        }
        let validity = judge(open(), recorder, 0, 0, Circumstances::default());
        assert_eq!(codes(&validity), "rate_missed failures unfinished");
        let expected = Fact::Failures {
            failed: 2,
            scheduled: 2_032,
            timeouts: 1,
            cut_off: 0,
            kinds: [(ErrorKind::WrongBody, 1)].into(),
            statuses: BTreeMap::new(),
            malformed: BTreeMap::new(),
            tls: false,
        };
        assert_eq!(validity.warnings[1].fact, expected);
    }

    #[test]
    fn counts_that_do_not_fit_the_times_are_reported() {
        // 2,000 requests a second of 5 ms each: 10 in flight.
        let counted = |in_flight: u32| {
            let mut recorder = recorder(5 * MS, 0);
            for tick in 1..=100 {
                recorder.count_in_flight(in_flight, tick * 10 * MS);
            }
            codes(&judge(open(), recorder, 0, 0, Circumstances::default()))
        };
        assert_eq!(counted(10), "");
        assert_eq!(
            counted(11),
            "",
            "within the tolerance of a tenth and the ends' hundredth"
        );
        assert_eq!(counted(12), "littles_law");
        assert_eq!(counted(8), "littles_law");
    }

    #[test]
    fn a_connection_that_was_served_a_quarter_of_the_others_is_reported() {
        let shared = |counts: [u64; 4]| {
            let connections = ConnectionCounts {
                opened: 4,
                places: 4,
                never_served: counts.iter().filter(|&&count| count == 0).count() as u64,
                served: Served::of(counts),
                ..ConnectionCounts::default()
            };
            let generator = GeneratorUse::default();
            let recording = recorder(5 * MS, 0).finish(1_000 * MS, connections, generator);
            codes(&Validity::of(assess(&load(open()), &recording)))
        };
        assert_eq!(shared([500, 500, 500, 500]), "");
        assert_eq!(shared([125, 625, 625, 625]), "");
        assert_eq!(shared([124, 625, 625, 626]), "unfair");
        assert_eq!(shared([0, 666, 667, 667]), "unfair");
    }

    /// What is said of one drive where `ok` requests succeeded on connections that carried `counts` of them.
    fn served(ok: u64, failed: u64, counts: &[u64], lost: u64) -> Recording {
        let mut recorder = Recorder::new(0, 100 * MS);
        recorder.on_scheduled(ok + failed);
        (0..ok).for_each(|at_ns| recorder.on_ok(at_ns, at_ns, at_ns + MS));
        (0..failed).for_each(|_| recorder.on_error(ErrorKind::Closed, 900 * MS));
        let connections = ConnectionCounts {
            opened: counts.len() as u64,
            reopened: lost,
            lost,
            places: counts.len() as u64,
            never_served: counts.iter().filter(|&&count| count == 0).count() as u64,
            served: Served::of(counts.iter().copied()),
            ..ConnectionCounts::default()
        };
        recorder.finish(1_000 * MS, connections, GeneratorUse::default())
    }

    #[test]
    fn connections_that_are_never_served_are_said_however_few_requests_there_are() {
        let check = |most: u64, failed, expected: Option<u64>| {
            let warning = unfair(&served(2 * most, failed, &[most, most, 0, 0, 0], 0));
            let never = warning.map(|warning| match warning.fact {
                Fact::Unfair {
                    never_served,
                    connections,
                    ..
                } => {
                    assert_eq!(connections, 5);
                    never_served
                }
                other => panic!("{other:?}"),
            });
            assert_eq!(never, expected, "{most} on two of five");
        };
        check(UNSERVED_TURNS, 0, Some(3));
        check(UNSERVED_TURNS - 1, 0, None);
        check(UNSERVED_TURNS, 1, None);
    }

    #[test]
    fn connections_that_were_lost_do_not_make_others_look_unfair() {
        // A server that dies after 2,000 replies over 8 connections.
        assert_eq!(unfair(&served(2_000, 8, &[250; 8], 9)), None);
    }

    #[test]
    fn a_target_that_dies_midway_is_said_and_voids_the_measurement() {
        // The replies come within the first two intervals of 100 ms.
        let judged = |measured_ms: Nanos, failed: u64| {
            let mut recorder = Recorder::new(0, 100 * MS);
            recorder.on_scheduled(1 + failed);
            recorder.on_ok(0, 0, 150 * MS);
            (0..failed).for_each(|_| recorder.on_error(ErrorKind::Closed, 160 * MS));
            let generator = GeneratorUse::default();
            let recording =
                recorder.finish(measured_ms * MS, ConnectionCounts::default(), generator);
            stopped_answering(&recording)
        };
        assert_eq!(judged(399, 1), None);
        assert_eq!(judged(400, 0), None);
        let expected = Fact::StoppedAnswering {
            after_s: 0.2,
            measured_s: 0.4,
        };
        assert_eq!(judged(400, 1), Some(Warning::void(expected)));
    }

    #[test]
    fn most_requests_failed_where_more_than_half_did() {
        let is_void = |ok: u64, error: u64| {
            let recording = served(ok, error, &[ok], 0);
            failures(&load(open()), &recording).unwrap().voids
        };
        assert!(!is_void(50, 50) && is_void(49, 51) && is_void(0, 1));
    }

    #[test]
    fn connections_that_could_not_be_opened_are_no_part_of_the_failed_requests() {
        let mut recorder = recorder(5 * MS, 0);
        recorder.on_scheduled(1);
        recorder.on_error(ErrorKind::Closed, 900 * MS);
        (0..472).for_each(|_| recorder.on_connect_failed(ErrorKind::Refused));
        let validity = judge(open(), recorder, 0, 0, Circumstances::default());
        let kinds: Vec<_> = validity
            .warnings
            .iter()
            .filter_map(|warning| match &warning.fact {
                Fact::Failures { kinds, .. } | Fact::Connections { kinds, .. } => Some(kinds),
                _ => None,
            })
            .collect();
        assert_eq!(
            kinds,
            [
                &BTreeMap::from([(ErrorKind::Closed, 1)]),
                &BTreeMap::from([(ErrorKind::Refused, 472)])
            ]
        );
    }

    #[test]
    fn redirects_that_count_as_a_success_are_named() {
        let mut recorder = recorder(5 * MS, 0);
        (0..3).for_each(|_| recorder.on_status(302, false));
        recorder.on_status(200, false);
        let generator = GeneratorUse::default();
        let recording = recorder.finish(1_000 * MS, ConnectionCounts::default(), generator);
        let expected = Fact::Redirected {
            statuses: BTreeMap::from([(302, 3)]),
            ok: 2_000,
        };
        assert_eq!(redirected(&recording), Some(Warning::note(expected)));
    }

    #[test]
    fn a_number_of_requests_that_took_longer_than_scheduled_missed_the_rate() {
        // 20 requests at 2,000/s are scheduled in 10 ms, and each takes 5 ms.
        let judged = |process, measured_ms: Nanos| {
            let arrival = Arrival::Open {
                rate: Rate::per_s(2000.0).unwrap(),
                process,
            };
            let load = Load {
                request_limit: Some(20),
                ..load(arrival)
            };
            let mut recorder = Recorder::new(0, 1_000 * MS);
            recorder.on_scheduled(20);
            (0..20).for_each(|_| recorder.on_ok(0, 0, 5 * MS));
            let counts = ConnectionCounts::default();
            let recording = recorder.finish(measured_ms * MS, counts, GeneratorUse::default());
            rate_missed(&load, &recording).is_some()
        };
        assert!(!judged(Process::Constant, 15) && judged(Process::Constant, 16));
        assert!(!judged(Process::Poisson, 23) && judged(Process::Poisson, 25));
    }

    #[test]
    fn a_generator_without_ports_voids_what_opens_a_connection_a_request() {
        let judged = |connect, kind| {
            let mut recorder = recorder(5 * MS, 0);
            recorder.on_scheduled(1);
            recorder.on_error(kind, 900 * MS);
            let recording = recorder.finish(
                1_000 * MS,
                ConnectionCounts::default(),
                GeneratorUse::default(),
            );
            let load = Load {
                connect,
                ..load(open())
            };
            codes(&Validity::of(assess(&load, &recording)))
        };
        let per_request = |kind| judged(Connect::PerRequest, kind);
        assert_eq!(per_request(ErrorKind::Refused), "failures");
        for kind in [ErrorKind::AddrNotAvailable, ErrorKind::TooManyFiles] {
            assert_eq!(per_request(kind), "exhausted failures");
        }
        assert_eq!(
            judged(Connect::Once, ErrorKind::TooManyFiles),
            "failures connections"
        );
    }

    #[test]
    fn lost_idle_connections_are_said() {
        let held = |idle_lost| {
            let connections = ConnectionCounts {
                idle: 10_000,
                idle_lost,
                ..ConnectionCounts::default()
            };
            let recording =
                recorder(5 * MS, 0).finish(1_000 * MS, connections, GeneratorUse::default());
            Validity::of(assess(&load(open()), &recording))
        };
        assert!(codes(&held(0)).is_empty());
        let lost = held(3);
        assert_eq!(codes(&lost), "idle_lost");
        let expected = Fact::IdleLost {
            lost: 3,
            idle: 10_000,
        };
        assert_eq!(lost.warnings[0].fact, expected);
    }

    #[test]
    fn a_load_in_which_everything_failed_is_never_valid() {
        let check = |fate: fn(&mut Recorder)| {
            for arrival in [open(), Arrival::Closed] {
                for request_limit in [None, Some(3)] {
                    let mut recorder = Recorder::new(0, 1_000 * MS);
                    fate(&mut recorder);
                    let recording = recorder.finish(
                        1_000 * MS,
                        ConnectionCounts::default(),
                        GeneratorUse::default(),
                    );
                    let load = Load {
                        request_limit,
                        ..load(arrival.clone())
                    };
                    let validity = Validity::of(assess(&load, &recording));
                    assert!(!validity.is_valid(), "{validity:?}");
                }
            }
        };
        check(|_| {});
        check(|recorder| {
            recorder.on_scheduled(1);
            recorder.on_error(ErrorKind::Status, MS);
        });
        check(|recorder| {
            recorder.on_scheduled(1);
            recorder.on_timeout(0, 0, MS);
        });
        check(|recorder| {
            recorder.on_scheduled(1);
            recorder.on_unfinished(0, Some(0), MS);
        });
    }

    #[test]
    fn an_instrument_that_stood_still_is_said_in_a_closed_loop_too_and_voids_from_a_hundredth_on() {
        let of = |stalled_ns: Nanos, times| Stalls {
            times,
            total_ns: stalled_ns,
            longest_ns: stalled_ns,
        };
        // Of one second.
        for (stalls, voids) in [(of(9_999_999, 1), false), (of(10_000_000, 1), true)] {
            for arrival in [open(), Arrival::Closed] {
                let generator = GeneratorUse {
                    threads: 1,
                    stalls,
                    ..GeneratorUse::default()
                };
                let recording =
                    recorder(5 * MS, 0).finish(1_000 * MS, ConnectionCounts::default(), generator);
                let validity = Validity::of(assess(&load(arrival), &recording));
                assert_eq!(
                    (codes(&validity).as_str(), validity.is_valid()),
                    ("stood_still", !voids)
                );
            }
            let around = Circumstances {
                elapsed_s: 1.0,
                backend_stalls: Some(stalls),
                ..Circumstances::default()
            };
            let validity = Validity::of(around.warnings());
            assert_eq!(
                (codes(&validity).as_str(), validity.is_valid()),
                ("stood_still", !voids)
            );
        }
        assert_eq!(stalled(Instrument::Backend, &of(0, 0), 1.0), None);
    }

    #[test]
    fn throttling_voids_where_it_was_a_hundredth_of_the_periods() {
        for (periods, voids) in [(0, false), (5, false), (6, true)] {
            let around = Circumstances {
                elapsed_s: 60.0,
                throttled_periods: Some(periods),
                ..Circumstances::default()
            };
            assert_eq!(
                Validity::of(around.warnings()).is_valid(),
                !voids,
                "{periods}"
            );
        }
    }

    #[test]
    fn circumstances_are_said() {
        let lateness = |p50, p99| {
            Some(Times {
                p50: Some(p50),
                p99: Some(p99),
                ..Times::default()
            })
        };
        let around = Circumstances {
            elapsed_s: 60.0,
            backend_stalls: Some(Stalls::default()),
            backend_lateness: lateness(10_000, MS),
            steal_share: Some(0.02),
            throttled_periods: Some(1),
            shared_core: true,
        };
        let reported = judge(open(), recorder(5 * MS, 0), 0, 0, around);
        let expected = "backend_late steal_time throttled shared_core";
        assert_eq!(
            (reported.is_valid(), codes(&reported)),
            (true, expected.to_owned())
        );
        let late = Circumstances {
            backend_lateness: lateness(MS, 2 * MS),
            ..Circumstances::default()
        };
        assert!(!judge(open(), recorder(5 * MS, 0), 0, 0, late).is_valid());
    }
}
