//! Whether a measurement may be believed, and what to do where it may not.

use model::measured::ledger::ErrorKind;
use model::measured::recording::Recording;
use model::measured::summary::{Summary, Times, value_at};
use model::record::timed::Timed;
use model::record::validity::{Caution, CautionCode, REACHED_SHARE, SATURATED_SHARE};
use model::spec::load::{Arrival, Connect, Load};
use model::units::{Nanos, format_ns};
use model::words::{count, plural};
use stats::nearest_rank::MIN_SAMPLES_BEYOND;

/// What to do where there is too little to compare.
pub const MEASURE_LONGER: &str =
    "take a longer plan than this one (--quick, the default, --thorough), or more time with -d";

/// The generator's own lag at the 99th percentile from which on it is worth a word.
pub const NOTABLE_LAG_P99_NS: Nanos = 1_000_000;

/// A single lag of the generator's own that is worth a word: the generator stood still.
pub const NOTABLE_LAG_MAX_NS: Nanos = 50_000_000;

/// The generator's own median lag that voids a measurement, where it is also [`VOIDING_LAG_SHARE`] of the median of what is
/// timed: then the typical figure is the generator's.
pub const VOIDING_LAG_P50_NS: Nanos = 100_000;

/// See [`VOIDING_LAG_P50_NS`].
pub const VOIDING_LAG_SHARE: f64 = 0.25;

/// Backend lateness at the 99th percentile that is worth a word.
pub const NOTABLE_BACKEND_P99_NS: Nanos = 1_000_000;

/// Median backend lateness that voids a measurement.
pub const VOIDING_BACKEND_P50_NS: Nanos = 1_000_000;

/// Share of time taken by the hypervisor that is worth a word.
pub const NOTABLE_STEAL_SHARE: f64 = 0.02;

/// Requests a connection, on average, from which on their fair division can be judged.
pub const FAIR_REQUESTS_PER_CONNECTION: u64 = 20;

/// A connection that carried less than this share of the average was treated unfairly.
pub const FAIR_SHARE: f64 = 0.25;

/// The requests in flight may differ from throughput times service time by this share before it is worth a word, and the
/// ends of a drive add their own (see [`assess`]).
pub const LITTLES_LAW_TOLERANCE: f64 = 0.1;

/// Differences of less than this many requests in flight are noise of the counting.
pub const LITTLES_LAW_MIN_DIFFERENCE: f64 = 1.0;

/// Times the requests in flight must have been counted before Little's law is held against them.
pub const LITTLES_LAW_MIN_SAMPLES: u64 = 100;

/// What the recording itself cannot know.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Circumstances {
    /// How late the backend was; none where none was used.
    pub backend_lateness: Option<Times>,
    /// Share of time that the hypervisor took away, 0 to 1.
    pub steal_share: Option<f64>,
    /// Times the control group throttled the processor.
    pub throttled_periods: Option<u64>,
    /// Generator and server shared a core.
    pub shared_core: bool,
}

/// What a reader should know about one drive of load, from the recording itself.
pub fn assess(load: &Load, recording: &Recording) -> Vec<Caution> {
    let cautions = [
        saturated(load, recording),
        lagging(load, recording),
        rate_missed(load, recording),
        nothing_scheduled(recording),
        failures(recording),
        unfinished(recording),
        connections(load, recording),
        exhausted(load, recording),
        idle_lost(recording),
        unfair(recording),
        littles_law(recording),
        too_few_samples(recording),
    ];
    cautions.into_iter().flatten().collect()
}

impl Circumstances {
    /// What a reader should know about the machine and the backend while load was driven.
    pub fn cautions(&self) -> Vec<Caution> {
        [
            backend_late(self),
            steal(self),
            throttled(self),
            shared_core(self),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn saturated(load: &Load, recording: &Recording) -> Option<Caution> {
    let summary = Summary::of(recording);
    let generator = recording.generator;
    let spinning = if generator.cpu_ns == 0 {
        0.0
    } else {
        generator.spin_ns as f64 / generator.cpu_ns as f64
    };
    let working_share = summary.generator_cpu_share * (1.0 - spinning);
    let closed = load.arrival == Arrival::Closed;
    (working_share >= SATURATED_SHARE).then(|| {
        let consequence = if closed { "the throughput is the generator's, not the server's" } else { "due requests may have waited for the generator" };
        CautionCode::GeneratorSaturated.caution(
            closed,
            format!("the generator used {:.0} % of its cores (limit {:.0} %): {consequence}", working_share * 100.0, SATURATED_SHARE * 100.0),
            "give it more cores with --load-cpus, or compare server CPU per request at a rate below the limit (-R)",
        )
    })
}

fn lagging(load: &Load, recording: &Recording) -> Option<Caution> {
    if load.arrival == Arrival::Closed {
        return None;
    }
    let lag = &recording.generator_lag;
    let median = value_at(lag, 5_000)?;
    let p99 = value_at(lag, 9_900).unwrap_or_default();
    let timed_median = value_at(Timed::of(recording).histogram(recording), 5_000)?;
    let voids =
        median >= VOIDING_LAG_P50_NS && median as f64 >= VOIDING_LAG_SHARE * timed_median as f64;
    let notable = p99 >= NOTABLE_LAG_P99_NS || lag.max() >= NOTABLE_LAG_MAX_NS;
    (voids || notable).then(|| {
        CautionCode::SendLag.caution(
            voids,
            format!(
                "the generator itself sent late: median {}, p99 {}, worst {} (worth a word from p99 {} or worst {})",
                format_ns(median),
                format_ns(p99),
                format_ns(lag.max()),
                format_ns(NOTABLE_LAG_P99_NS),
                format_ns(NOTABLE_LAG_MAX_NS)
            ),
            "response times include this lag and service times don't: close other programs, or give the generator a core of its own with --load-cpus",
        )
    })
}

fn backend_late(circumstances: &Circumstances) -> Option<Caution> {
    let lateness = circumstances.backend_lateness?;
    let median = lateness.p50?;
    let p99 = lateness.p99.unwrap_or_default();
    let voids = median >= VOIDING_BACKEND_P50_NS;
    (voids || p99 >= NOTABLE_BACKEND_P99_NS).then(|| {
        CautionCode::BackendLate.caution(
            voids,
            format!("the backend answered late: median {}, p99 {} (worth a word from p99 {})", format_ns(median), format_ns(p99), format_ns(NOTABLE_BACKEND_P99_NS)),
            "every target waited for it alike, so compare ratios; for absolute times lower the rate or give it a core of its own with --load-cpus",
        )
    })
}

fn rate_missed(load: &Load, recording: &Recording) -> Option<Caution> {
    let rate = load.arrival.rate()?;
    let ledger = &recording.ledger;
    let answered = ledger.scheduled - ledger.unfinished;
    let share = answered as f64 / ledger.scheduled.max(1) as f64;
    (ledger.scheduled > 0 && share < REACHED_SHARE).then(|| {
        CautionCode::RateMissed.caution(
            false,
            format!("answered in time at {rate}: {:.1} % of the requests (limit {:.0} %)", share * 100.0, REACHED_SHARE * 100.0),
            "the target can't carry this rate with these connections: lower -R, or raise -c if replies are slow and connections few",
        )
    })
}

fn nothing_scheduled(recording: &Recording) -> Option<Caution> {
    (recording.ledger.scheduled == 0).then(|| {
        CautionCode::TooFewSamples.caution(
            true,
            "no request was scheduled".to_owned(),
            "measure longer (-d), or at a higher rate (-R)",
        )
    })
}

/// Where no request succeeded there is no figure of the target's, so both of these void the measurement.
fn failures(recording: &Recording) -> Option<Caution> {
    let ledger = &recording.ledger;
    (ledger.failed() > 0).then(|| {
        let kinds: Vec<String> = recording
            .errors
            .kinds
            .iter()
            .map(|(kind, number)| format!("{} {}", count(*number), kind.words()))
            .chain((ledger.timeout > 0).then(|| format!("{} timed out", count(ledger.timeout))))
            .collect();
        CautionCode::Failures.caution(
            ledger.ok == 0,
            format!("{} of {} failed: {}", count(ledger.failed()), plural(ledger.scheduled, "request", "requests"), kinds.join(", ")),
            "percentiles leave errors out and hold timeouts as lower bounds: read them beside the failures",
        )
    })
}

fn unfinished(recording: &Recording) -> Option<Caution> {
    let ledger = &recording.ledger;
    (ledger.unfinished > 0).then(|| {
        CautionCode::Unfinished.caution(
            ledger.ok == 0,
            format!(
                "unfinished at the end, and in the percentiles as lower bounds: {} of {}",
                count(ledger.unfinished),
                plural(ledger.scheduled, "request", "requests")
            ),
            "true percentiles are at least as high as those shown",
        )
    })
}

fn connections(load: &Load, recording: &Recording) -> Option<Caution> {
    // A request that opens its own has failed where it could not, and is told among the failures.
    if load.connect == Connect::PerRequest {
        return None;
    }
    let counts = recording.connections;
    (counts.lost > 0 || recording.errors.connect > 0).then(|| {
        CautionCode::Connections.caution(
            false,
            format!(
                "{} lost and opened again, {} could not be opened",
                plural(counts.lost, "connection was", "connections were"),
                count(recording.errors.connect)
            ),
            "look at the target's own output: it closed connections, or is short of descriptors or backlog",
        )
    })
}

/// Where each request opens its own connection, running out of them here is no failure of the server.
fn exhausted(load: &Load, recording: &Recording) -> Option<Caution> {
    let number = |kind| {
        recording
            .errors
            .kinds
            .get(&kind)
            .copied()
            .unwrap_or_default()
    };
    let ports = number(ErrorKind::AddrNotAvailable);
    let files = number(ErrorKind::TooManyFiles);
    (load.connect == Connect::PerRequest && ports + files > 0).then(|| {
        CautionCode::Exhausted.caution(
            true,
            format!(
                "the generator itself ran out: {} found no local port, {} no file descriptor",
                plural(ports, "request", "requests"),
                count(files)
            ),
            "lower the rate (-R), widen net.ipv4.ip_local_port_range, or raise the limit with `ulimit -n`",
        )
    })
}

fn idle_lost(recording: &Recording) -> Option<Caution> {
    let counts = recording.connections;
    (counts.idle_lost > 0).then(|| {
        CautionCode::IdleLost.caution(
            false,
            format!(
                "idle connections that were lost: {} of {}; the target closed them, and was measured beside fewer",
                count(counts.idle_lost),
                count(counts.idle)
            ),
            "compare with care: a target that closes idle connections has less to hold; raise its time-out of silent ones",
        )
    })
}

/// Requests go to whoever is free longest, so a connection that carried few waited for its replies longer than others.
fn unfair(recording: &Recording) -> Option<Caution> {
    let counts = recording.connections;
    let served = counts.served?;
    let mean =
        recording.ledger.ok as f64 / counts.opened.saturating_sub(counts.reopened).max(1) as f64;
    let is_judged = mean >= FAIR_REQUESTS_PER_CONNECTION as f64;
    (is_judged && (served.min as f64) < FAIR_SHARE * mean).then(|| {
        CautionCode::Unfair.caution(
            false,
            format!(
                "connections were served unevenly: from {} to {} requests each, {mean:.0} on average ({} never)",
                served.min, served.max, counts.never_served
            ),
            "the target prefers some connections: the others' waits are in the tail; more connections make it worse",
        )
    })
}

/// Little's law: requests in flight = throughput × service time (Little, *A proof for the queuing formula L = λW*,
/// Operations Research 9, 1961). Both sides are measured apart, so where they differ the clocks or the counts are wrong.
/// At the end of a drive a service time's worth of replies is still counted in the times and not in the flight.
fn littles_law(recording: &Recording) -> Option<Caution> {
    let counted = recording.in_flight;
    if counted.samples < LITTLES_LAW_MIN_SAMPLES || recording.measured_ns == 0 {
        return None;
    }
    let mean_ns = recording.service_time.mean();
    let expected = mean_ns * recording.service_time.len() as f64 / recording.measured_ns as f64;
    let ends = 2.0 * mean_ns / recording.measured_ns as f64;
    let difference = (counted.mean - expected).abs();
    let is_off = difference >= LITTLES_LAW_MIN_DIFFERENCE
        && difference > (LITTLES_LAW_TOLERANCE + ends) * expected;
    is_off.then(|| {
        CautionCode::LittlesLaw.caution(
            false,
            format!(
                "{:.1} requests were in flight, and throughput times service time gives {expected:.1} (tolerance {:.0} %)",
                counted.mean,
                (LITTLES_LAW_TOLERANCE + ends) * 100.0
            ),
            "the times and the counts do not fit together: the generator stood still, or the run is too short; repeat it",
        )
    })
}

fn steal(circumstances: &Circumstances) -> Option<Caution> {
    let share = circumstances
        .steal_share
        .filter(|&share| share >= NOTABLE_STEAL_SHARE)?;
    Some(CautionCode::StealTime.caution(
        false,
        format!("the hypervisor took {:.1} % of the time away (worth a word from {:.0} %)", share * 100.0, NOTABLE_STEAL_SHARE * 100.0),
        "absolute times drift on such a machine: compare ratios within this run, and CPU per request before latency",
    ))
}

fn throttled(circumstances: &Circumstances) -> Option<Caution> {
    let periods = circumstances
        .throttled_periods
        .filter(|&periods| periods > 0)?;
    Some(CautionCode::Throttled.caution(
        false,
        format!(
            "the control group throttled the processor {}",
            plural(periods, "time", "times")
        ),
        "raise the CPU quota of the container, or the stalls in the tail are the quota's",
    ))
}

fn shared_core(circumstances: &Circumstances) -> Option<Caution> {
    circumstances.shared_core.then(|| {
        CautionCode::SharedCore.caution(
            false,
            "generator and server shared a core".to_owned(),
            "they took turns, so every time includes the other's work: use two cores or more, or compare CPU per request only",
        )
    })
}

fn too_few_samples(recording: &Recording) -> Option<Caution> {
    let timed = Timed::of(recording);
    let histogram = timed.histogram(recording);
    let missing = Times::of(histogram).missing();
    (!missing.is_empty()).then(|| {
        CautionCode::TooFewSamples.caution(
            false,
            format!(
                "{} of {}: fewer than {MIN_SAMPLES_BEYOND} samples lie beyond",
                missing.join(", ").replace('_', "."),
                plural(
                    histogram.len(),
                    timed.time_words(),
                    &format!("{}s", timed.time_words())
                )
            ),
            "measure longer (-d) for percentiles further out",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::recording::{ConnectionCounts, GeneratorUse, Recorder, Served};
    use model::record::validity::{Validity, told};
    use model::spec::load::Process;
    use model::units::Rate;
    use std::time::Duration;

    const MS: Nanos = 1_000_000;

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
        };
        {
            let recording = recorder.finish(1_000 * MS, ConnectionCounts::default(), generator);
            Validity::from_cautions(
                [assess(&load(arrival), &recording), circumstances.cautions()].concat(),
            )
        }
    }

    fn codes(validity: &Validity) -> Vec<CautionCode> {
        validity
            .cautions
            .iter()
            .map(|caution| caution.code)
            .filter(|&code| code != CautionCode::TooFewSamples)
            .collect()
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
            (false, vec![CautionCode::GeneratorSaturated])
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
    fn a_generator_that_lags_is_told_and_voids_what_is_mostly_lag() {
        let told = judge(
            open(),
            recorder(50 * MS, MS + MS / 100),
            0,
            0,
            Circumstances::default(),
        );
        assert_eq!(
            (told.is_valid(), codes(&told)),
            (true, vec![CautionCode::SendLag])
        );
        let void = judge(open(), recorder(MS, MS / 2), 0, 0, Circumstances::default());
        assert_eq!(
            (void.is_valid(), codes(&void)),
            (false, vec![CautionCode::SendLag])
        );
    }

    #[test]
    fn a_generator_frozen_once_is_told() {
        let mut frozen = recorder(5 * MS, 0);
        frozen.on_sent(200 * MS);
        let validity = judge(open(), frozen, 0, 0, Circumstances::default());
        assert_eq!(
            (validity.is_valid(), codes(&validity)),
            (true, vec![CautionCode::SendLag])
        );
        assert!(
            validity.cautions[0].detail.contains("worst 200 ms"),
            "{validity:?}"
        );
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
        assert_eq!(
            codes(&validity),
            [
                CautionCode::RateMissed,
                CautionCode::Failures,
                CautionCode::Unfinished
            ]
        );
        assert_eq!(
            validity.cautions[1].detail,
            "2 of 2,032 requests failed: 1 with a wrong body, 1 timed out"
        );
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
                    let validity = Validity::from_cautions(assess(&load, &recording));
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
    fn counts_that_do_not_fit_the_times_are_told() {
        // 2,000 requests a second of 5 ms each: 10 in flight.
        let counted = |in_flight: u32| {
            let mut recorder = recorder(5 * MS, 0);
            for tick in 1..=100 {
                recorder.count_in_flight(in_flight, tick * 10 * MS);
            }
            codes(&judge(open(), recorder, 0, 0, Circumstances::default()))
        };
        assert_eq!(counted(10), []);
        assert_eq!(
            counted(11),
            [],
            "within the tolerance of a tenth and the ends' hundredth"
        );
        assert_eq!(counted(12), [CautionCode::LittlesLaw]);
        assert_eq!(counted(8), [CautionCode::LittlesLaw]);
    }

    #[test]
    fn a_connection_that_was_served_a_quarter_of_the_others_is_told() {
        let shared = |counts: [u64; 4]| {
            let connections = ConnectionCounts {
                opened: 4,
                never_served: counts.iter().filter(|&&count| count == 0).count() as u64,
                served: Served::of(counts),
                ..ConnectionCounts::default()
            };
            let generator = GeneratorUse {
                cpu_ns: 0,
                spin_ns: 0,
                threads: 1,
            };
            let recording = recorder(5 * MS, 0).finish(1_000 * MS, connections, generator);
            codes(&Validity::from_cautions(assess(&load(open()), &recording)))
        };
        assert_eq!(shared([500, 500, 500, 500]), []);
        assert_eq!(shared([125, 625, 625, 625]), []);
        assert_eq!(shared([124, 625, 625, 626]), [CautionCode::Unfair]);
        assert_eq!(shared([0, 666, 667, 667]), [CautionCode::Unfair]);
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
            codes(&Validity::from_cautions(assess(&load, &recording)))
        };
        let per_request = |kind| judged(Connect::PerRequest, kind);
        assert_eq!(per_request(ErrorKind::Refused), [CautionCode::Failures]);
        for kind in [ErrorKind::AddrNotAvailable, ErrorKind::TooManyFiles] {
            assert_eq!(
                per_request(kind),
                [CautionCode::Exhausted, CautionCode::Failures]
            );
        }
        assert_eq!(
            judged(Connect::Once, ErrorKind::TooManyFiles),
            [CautionCode::Failures, CautionCode::Connections]
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
            Validity::from_cautions(assess(&load(open()), &recording))
        };
        assert_eq!(codes(&held(0)), []);
        let lost = held(3);
        assert_eq!(codes(&lost), [CautionCode::IdleLost]);
        let detail = &lost.cautions[0].detail;
        assert!(detail.contains("lost: 3 of 10,000;"), "{detail}");
    }

    #[test]
    fn what_several_say_and_advise_alike_is_told_once() {
        let caution =
            |code: CautionCode, detail: &str| code.caution(false, detail.to_owned(), "wait");
        let check = |cautions: &[(Option<&str>, Caution)], expected: &[(Option<&str>, &str)]| {
            let given = cautions.iter().map(|(of, caution)| (*of, caution));
            let told = told(given);
            let told: Vec<(Option<&str>, &str)> = told
                .iter()
                .map(|told| (told.of.as_deref(), told.caution.detail.as_str()))
                .collect();
            assert_eq!(told, expected);
        };
        let (a, b) = (Some("a"), Some("b"));
        let late = |p99| {
            caution(
                CautionCode::SendLag,
                &format!("sent late: p99 {p99} ms (limit 1 ms)"),
            )
        };
        let missed = |share| caution(CautionCode::RateMissed, &format!("{share} % of them"));
        let none = caution(CautionCode::NotProfiled, "strace is not installed");
        let failed = |how| caution(CautionCode::TargetFailed, how);
        check(&[(a, late(2))], &[(a, "sent late: p99 2 ms (limit 1 ms)")]);
        check(
            &[(a, late(2)), (a, missed(9)), (b, late(3)), (b, missed(8))],
            &[
                (None, "sent late (limit 1 ms): a p99 2 ms; b p99 3 ms"),
                (None, "a: 9 % of them; b: 8 % of them"),
            ],
        );
        check(
            &[(a, none.clone()), (b, none)],
            &[(Some("a and b"), "strace is not installed")],
        );
        check(
            &[(None, missed(9)), (None, missed(8)), (a, missed(7))],
            &[(None, "9 % of them; 8 % of them"), (a, "7 % of them")],
        );
        check(
            &[(None, failed("a fell")), (None, failed("b fell"))],
            &[(None, "a fell"), (None, "b fell")],
        );
        let graver = Caution {
            voids: true,
            ..late(4)
        };
        check(
            &[(a, graver), (b, late(3))],
            &[
                (a, "sent late: p99 4 ms (limit 1 ms)"),
                (b, "sent late: p99 3 ms (limit 1 ms)"),
            ],
        );
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
            backend_lateness: lateness(10_000, MS),
            steal_share: Some(0.02),
            throttled_periods: Some(1),
            shared_core: true,
        };
        let told = judge(open(), recorder(5 * MS, 0), 0, 0, around);
        let expected = [
            CautionCode::BackendLate,
            CautionCode::StealTime,
            CautionCode::Throttled,
            CautionCode::SharedCore,
        ];
        assert_eq!((told.is_valid(), codes(&told)), (true, expected.to_vec()));
        let late = Circumstances {
            backend_lateness: lateness(MS, 2 * MS),
            ..Circumstances::default()
        };
        assert!(!judge(open(), recorder(5 * MS, 0), 0, 0, late).is_valid());
    }
}
