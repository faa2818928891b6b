//! The known truths: which servers, under which load, and what must be read of them.

use std::num::NonZeroU32;
use std::time::Duration;

use model::measured::recording::empty_histogram;
use model::spec::load::{Arrival, Connect, Load, Process, ReceiveClock};
use model::spec::schedule::Schedule;
use model::spec::truth;
use model::spec::truth::{Behaviour, Service};
use model::units::{Nanos, Rate, duration_ns};
use stats::nearest_rank::value_at_counts;

use crate::figure::Figure;
use model::measured::clock::Clock;

const MS: Nanos = 1_000_000;

/// How far the median of a fixed answer time may be off.
const FIXED_P50_NS: Nanos = MS / 10;

/// How far its 99th percentile may be off.
const FIXED_P99_NS: Nanos = 3 * MS / 10;

/// How far the percentiles of all other truths may be off, beside the histogram's own resolution.
const OTHERS_NS: Nanos = 5 * MS;

/// How far the mean and the median of a queue of millisecond times may be off: [`OTHERS_NS`] would let everything pass, and
/// with constant arrivals in place of Poisson's the mean would be 0.37 ms less. The way there and back takes up to half of
/// it where idle cores wake slowly.
const QUEUE_NS: Nanos = MS / 5;

/// How far the queue's tail may be off.
const QUEUE_TAIL_NS: Nanos = MS / 2;

/// How far a mean of short and long times may be off.
const BIMODAL_MEAN_NS: Nanos = MS / 5;

/// How far a rate, or the requests in flight, may be off: they follow the mean, and so the few that wait long have a part in
/// them; of 5 ms it is 0.25 ms, between what the median and the 99th percentile are allowed.
const RATE_SHARE: f64 = 0.05;

/// Requests that may be answered or not, depending on which moment the load is cut at.
const CUT_REQUESTS: f64 = 2.0;

/// Of a generator whose core is full the median service time may be off by this part of itself, by the kernel's clock: ten percent.
const FULL_PART: Nanos = 10;

/// How long the generator is frozen.
const FREEZE: Duration = Duration::from_millis(200);

/// The length of one interval of the time series.
const INTERVAL: Duration = Duration::from_millis(250);

/// Longer than any answer here takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long the last replies may take: longer than any answer here, but for an overload.
const DRAIN: Duration = Duration::from_secs(5);

/// How long the truths are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// All of them in little more than a minute, by the same laws with smaller numbers.
    Short,
    /// 60,000 requests each.
    Full,
}

/// A known truth.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is called on the command line and in the result.
    pub name: &'static str,
    /// The server.
    pub behaviour: Behaviour,
    /// The load.
    pub load: Load,
    /// What becomes of the generator meanwhile.
    pub generator: Generator,
    /// Whose clock says when replies arrive.
    pub clock: ReceiveClock,
}

/// What becomes of the generator while it drives load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generator {
    /// It spins, where its cores are its own.
    Usual,
    /// It sleeps until a request is scheduled or a reply comes.
    Sleeping,
    /// Its cores are full: each has a thread beside it that is always busy.
    Full,
    /// It is stopped for this long in its midst.
    Frozen(Duration),
}

/// A figure and what it must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// What is read.
    pub figure: Figure,
    /// In the figure's unit.
    pub expected: f64,
    /// How far off it may be, in the same unit.
    pub tolerance: f64,
    /// What it would be over endless time, where chance has a part in `expected`.
    pub law: Option<f64>,
    /// Whether the server's own books speak of the same figure.
    pub in_books: bool,
}

/// All known truths.
pub fn table(form: Form, seed: u64) -> Vec<Case> {
    let fixed = Behaviour::Fixed { delay_ns: 5 * MS };
    let bimodal = Behaviour::Bimodal {
        nth: 100,
        slow_ns: 100 * MS,
        fast_ns: MS,
    };
    let stall = Behaviour::Stall {
        delay_ns: MS,
        stall_ns: form.pick(100, 1_000) * MS,
        every_ns: form.pick(1_000, 10_000) * MS,
    };
    let exponential = Behaviour::Queue {
        service: Service::Exponential {
            mean_ns: MS / 2,
            seed,
        },
    };
    let slow_worker = Behaviour::Queue {
        service: Service::Fixed { time_ns: 5 * MS },
    };
    let constant = || open(Process::Constant);
    let case = |name, behaviour, arrival, connections, seconds| Case {
        name,
        behaviour,
        load: load(arrival, connections, seconds, seed),
        generator: Generator::Usual,
        clock: ReceiveClock::Auto,
    };
    // The generator in every state, by both clocks; `fixed-open` is a spinning one by the kernel's.
    let seconds = form.pick(1, 10);
    let by_user = |name, of: Case| Case {
        name,
        clock: ReceiveClock::User,
        ..of
    };
    let sleeping = Case {
        generator: Generator::Sleeping,
        ..case("sleeping", fixed, constant(), 50, seconds)
    };
    let full = Case {
        generator: Generator::Full,
        ..case("full", fixed, Arrival::Closed, 10, seconds)
    };
    let frozen = Case {
        generator: Generator::Frozen(FREEZE),
        ..case("frozen", fixed, constant(), 400, form.pick(4, 10))
    };
    let overload = case("overload", slow_worker, constant(), 100, form.pick(5, 10));
    vec![
        case("fixed-closed", fixed, Arrival::Closed, 10, form.pick(3, 30)),
        case("fixed-open", fixed, constant(), 50, form.pick(5, 60)),
        case(
            "stall",
            stall,
            constant(),
            form.pick(300, 1_200),
            form.pick(10, 60),
        ),
        case("bimodal-open", bimodal, constant(), 50, form.pick(5, 60)),
        case(
            "bimodal-closed",
            bimodal,
            Arrival::Closed,
            10,
            form.pick(2, 12),
        ),
        case(
            "mm1",
            exponential,
            open(Process::Poisson),
            100,
            form.pick(10, 60),
        ),
        // Cut at its end: what is unanswered then is unfinished.
        Case {
            load: Load {
                drain: Duration::ZERO,
                ..overload.load
            },
            ..overload
        },
        by_user("spinning-user", case("", fixed, constant(), 50, seconds)),
        sleeping.clone(),
        by_user("sleeping-user", sleeping),
        full.clone(),
        by_user("full-user", full),
        frozen.clone(),
        by_user("frozen-user", frozen),
    ]
}

impl Form {
    fn pick<T>(self, short: T, full: T) -> T {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }
}

fn open(process: Process) -> Arrival {
    Arrival::Open {
        rate: Rate::per_s(1000.0).expect("it is a rate"),
        process,
    }
}

fn load(arrival: Arrival, connections: u32, seconds: u64, seed: u64) -> Load {
    Load {
        arrival,
        connections: NonZeroU32::new(connections).expect("a case has connections"),
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(seconds),
        drain: DRAIN,
        timeout: TIMEOUT,
        request_limit: None,
        interval: INTERVAL,
        seed,
        goodput: None,
    }
}

impl Case {
    /// What must be read, if `threads` generator threads share the load, and if the generator was in fact frozen for
    /// `frozen_ns`.
    pub fn expectations(&self, threads: u32, frozen_ns: Option<Nanos>) -> Vec<Expectation> {
        let rate = self.load.arrival.rate();
        match (self.behaviour, rate, frozen_ns) {
            (Behaviour::Fixed { delay_ns }, rate, None)
                if self.generator != Generator::Usual || self.clock == ReceiveClock::User =>
            {
                self.by_clock(delay_ns, rate)
            }
            (Behaviour::Fixed { delay_ns }, Some(rate), Some(frozen_ns)) => {
                self.frozen(delay_ns, rate, frozen_ns)
            }
            (Behaviour::Fixed { delay_ns }, rate, _) => self.fixed(delay_ns, rate),
            (
                Behaviour::Stall {
                    delay_ns,
                    stall_ns,
                    every_ns,
                },
                Some(rate),
                _,
            ) => self.stall(delay_ns, stall_ns, every_ns, rate),
            (
                Behaviour::Bimodal {
                    nth,
                    slow_ns,
                    fast_ns,
                },
                rate,
                _,
            ) => self.bimodal(nth, slow_ns, fast_ns, rate),
            (
                Behaviour::Queue {
                    service: Service::Exponential { mean_ns, .. },
                },
                Some(rate),
                _,
            ) => self.queue(rate, mean_ns, threads),
            (
                Behaviour::Queue {
                    service: Service::Fixed { time_ns },
                },
                Some(rate),
                _,
            ) => self.overload(rate, time_ns),
            (Behaviour::Stall { .. } | Behaviour::Queue { .. }, None, _) => {
                unreachable!("a stall and a queue have laws under open arrivals only")
            }
        }
    }

    /// In words: `1,000/s constant, 50 connections, 5 s`.
    pub fn load_words(&self) -> String {
        let arrival = match &self.load.arrival {
            Arrival::Closed => "closed loop".to_owned(),
            open => format!(
                "{} {} arrivals",
                open.rate()
                    .map(|rate| report::words::figures::per_s(rate.as_per_s()))
                    .unwrap_or_default(),
                open.name()
            ),
        };
        format!(
            "{arrival}, {}, {}",
            report::words::figures::plural(
                self.load.connections.get().into(),
                "connection",
                "connections"
            ),
            report::words::figures::seconds(self.load.duration.as_secs_f64())
        )
    }

    /// The server in words.
    pub fn server_words(&self) -> String {
        let time = |ns: Nanos| report::words::figures::time(ns as f64);
        let server = match self.behaviour {
            Behaviour::Fixed { delay_ns } => format!("always {}", time(delay_ns)),
            Behaviour::Stall {
                delay_ns,
                stall_ns,
                every_ns,
            } => format!(
                "{}, standing still for {} of every {}",
                time(delay_ns),
                time(stall_ns),
                time(every_ns)
            ),
            Behaviour::Bimodal {
                nth,
                slow_ns,
                fast_ns,
            } => format!(
                "one in {nth} takes {}, the others {}",
                time(slow_ns),
                time(fast_ns)
            ),
            Behaviour::Queue {
                service: Service::Fixed { time_ns },
            } => format!("one worker, {} each", time(time_ns)),
            Behaviour::Queue {
                service: Service::Exponential { mean_ns, .. },
            } => format!("one worker, exponential times of mean {}", time(mean_ns)),
        };
        let generator = match self.generator {
            Generator::Usual => None,
            Generator::Sleeping => Some("the generator sleeping".to_owned()),
            Generator::Full => Some("the generator's core full".to_owned()),
            Generator::Frozen(freeze) => Some(format!(
                "the generator itself frozen for {}",
                time(duration_ns(freeze))
            )),
        };
        let clock = match self.clock {
            ReceiveClock::User => Some("by its own clock".to_owned()),
            ReceiveClock::Auto | ReceiveClock::Kernel => None,
        };
        [Some(server), generator, clock]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn duration_ns(&self) -> Nanos {
        duration_ns(self.load.duration)
    }

    fn scheduled(&self, rate: Rate) -> f64 {
        rate.as_per_s() * self.load.duration.as_secs_f64()
    }

    /// Constant arrivals are scheduled to the last one, and all of them are answered.
    fn all_ok(&self, rate: Rate) -> Vec<Expectation> {
        vec![
            expect(Figure::Scheduled, self.scheduled(rate), 0.0),
            expect(Figure::Unfinished, 0.0, 0.0),
        ]
    }

    fn fixed(&self, delay_ns: Nanos, rate: Option<Rate>) -> Vec<Expectation> {
        let delay = delay_ns as f64;
        let of_loop = match rate {
            None => {
                let per_s = f64::from(self.load.connections.get()) * 1e9 / delay;
                vec![expect(Figure::Throughput, per_s, per_s * RATE_SHARE)]
            }
            Some(rate) => {
                let in_flight = truth::in_flight(rate.as_per_s(), delay);
                let tolerance = in_flight * RATE_SHARE;
                [
                    self.all_ok(rate),
                    vec![
                        expect(Figure::InFlightCounted, in_flight, tolerance),
                        expect(Figure::InFlightByLaw, in_flight, tolerance),
                    ],
                ]
                .concat()
            }
        };
        let percentiles = [(5_000, FIXED_P50_NS), (9_900, FIXED_P99_NS)]
            .map(|(at, within_ns)| expect(response(at), delay, within_ns as f64));
        [of_loop, percentiles.to_vec()].concat()
    }

    /// What service time and receive lag must be, whatever becomes of the generator. By the kernel's clock they know nothing of it;
    /// by its own, being woken late adds to what is read.
    fn by_clock(&self, delay_ns: Nanos, rate: Option<Rate>) -> Vec<Expectation> {
        let delay = delay_ns as f64;
        let service = |per_10_000| Figure::Quantile {
            clock: Clock::ServiceTime,
            per_10_000,
        };
        let (p50_ns, p99_ns) = match (self.clock, self.generator) {
            (ReceiveClock::User, _) => (OTHERS_NS, OTHERS_NS),
            (_, Generator::Full) => (delay_ns / FULL_PART, OTHERS_NS),
            _ => (FIXED_P50_NS, FIXED_P99_NS),
        };
        let counts = rate.map(|rate| self.all_ok(rate)).unwrap_or_default();
        let times = [(5_000, p50_ns), (9_900, p99_ns)]
            .map(|(at, within_ns)| expect(service(at), delay, within_ns as f64));
        [counts, times.to_vec()].concat()
    }

    fn stall(
        &self,
        delay_ns: Nanos,
        stall_ns: Nanos,
        every_ns: Nanos,
        rate: Rate,
    ) -> Vec<Expectation> {
        let connections = self.load.connections.get();
        let percentiles = [8_900, 9_500, 9_900, 9_990].map(|at| {
            let law_ns = truth::stall_quantile_ns(
                delay_ns,
                stall_ns,
                every_ns,
                rate,
                connections,
                share(at),
            );
            other(at, law_ns)
        });
        [self.all_ok(rate), percentiles.to_vec()].concat()
    }

    fn bimodal(
        &self,
        nth: u64,
        slow_ns: Nanos,
        fast_ns: Nanos,
        rate: Option<Rate>,
    ) -> Vec<Expectation> {
        let mean_ns = truth::bimodal_mean_ns(nth, slow_ns, fast_ns);
        let mean = expect(
            Figure::Mean(Clock::ResponseTime),
            mean_ns,
            BIMODAL_MEAN_NS as f64,
        );
        // Never at the step itself, where either time is right.
        let percentiles = [5_000, 9_890, 9_910].map(|at| {
            let law_ns = truth::bimodal_quantile_ns(nth, slow_ns, fast_ns, share(at));
            other(at, law_ns)
        });
        let counts = rate.map(|rate| self.all_ok(rate)).unwrap_or_default();
        [counts, vec![mean], percentiles.to_vec()].concat()
    }

    /// Chance has a part in what ten seconds of random arrivals give, and none in what these very arrivals give: they are
    /// seeded, and so are the service times.
    fn queue(&self, rate: Rate, mean_service_ns: Nanos, threads: u32) -> Vec<Expectation> {
        let times = truth::replay(self.behaviour, self.arrivals(threads));
        let counts: Vec<(Nanos, u64)> = times.iter().map(|&time_ns| (time_ns, 1)).collect();
        let mean_ns =
            times.iter().map(|&time_ns| time_ns as f64).sum::<f64>() / times.len().max(1) as f64;
        let mean = Expectation {
            law: truth::mm1_mean_ns(rate, mean_service_ns),
            ..expect(Figure::Mean(Clock::ResponseTime), mean_ns, QUEUE_NS as f64)
        };
        let percentiles = [
            (5_000, QUEUE_NS),
            (9_900, QUEUE_TAIL_NS),
            (9_990, QUEUE_TAIL_NS),
        ]
        .into_iter()
        .filter_map(|(at, within_ns)| {
            let expected_ns = value_at_counts(&counts, at)?;
            Some(Expectation {
                law: truth::mm1_quantile_ns(rate, mean_service_ns, share(at)),
                ..expect(
                    response(at),
                    expected_ns as f64,
                    (within_ns + bucket_ns(expected_ns)) as f64,
                )
            })
        });
        [
            expect(Figure::Scheduled, times.len() as f64, 0.0),
            expect(Figure::Unfinished, 0.0, 0.0),
            mean,
        ]
        .into_iter()
        .chain(percentiles)
        .collect()
    }

    /// The arrivals of all threads, as they are scheduled.
    fn arrivals(&self, threads: u32) -> Vec<Nanos> {
        let end_ns = self.duration_ns();
        let mut arrivals: Vec<Nanos> = (0..threads)
            .filter_map(|thread| Schedule::new(&self.load, thread, threads))
            .flat_map(|schedule| schedule.take_while(|&due_ns| due_ns < end_ns))
            .collect();
        arrivals.sort_unstable();
        arrivals
    }

    fn overload(&self, rate: Rate, service_ns: Nanos) -> Vec<Expectation> {
        let duration_ns = self.duration_ns();
        let law = |at| truth::overload_quantile_ns(rate, service_ns, duration_ns, share(at));
        let unfinished = truth::overload_unfinished(rate, service_ns, duration_ns);
        let scheduled = self.scheduled(rate);
        // The queue is before the generator's few connections, not before the server: its books know nothing of it.
        let percentiles = [5_000, 9_900].map(|at| Expectation {
            in_books: false,
            ..other(at, law(at))
        });
        let halfway = self.load.duration / 2;
        [
            expect(Figure::Scheduled, scheduled, 0.0),
            expect(Figure::Unfinished, unfinished, CUT_REQUESTS),
            Expectation {
                in_books: false,
                ..self.ended_halfway(rate, service_ns, halfway)
            },
        ]
        .into_iter()
        .chain(percentiles)
        .collect()
    }

    /// The median of those answered in the interval that begins halfway.
    fn ended_halfway(&self, rate: Rate, service_ns: Nanos, halfway: Duration) -> Expectation {
        let interval_ns = duration_ns(self.load.interval);
        let start_ns = duration_ns(halfway) / interval_ns * interval_ns;
        // Answer i leaves after i + 1 services.
        let first = start_ns.div_ceil(service_ns).saturating_sub(1);
        let count = interval_ns / service_ns;
        let median = first + count.div_ceil(2).saturating_sub(1);
        let expected_ns = truth::overload_response_ns(rate, service_ns, median);
        let tolerance_ns = OTHERS_NS + bucket_ns(whole(expected_ns));
        expect(
            Figure::MedianOfInterval { start_ns },
            expected_ns,
            tolerance_ns as f64,
        )
    }

    fn frozen(&self, delay_ns: Nanos, rate: Rate, frozen_ns: Nanos) -> Vec<Expectation> {
        let duration_ns = self.duration_ns();
        let lag_ns = truth::frozen_lag_quantile_ns(frozen_ns, duration_ns, share(9_900));
        let response_ns = match self.clock {
            ReceiveClock::User => {
                truth::frozen_quantile_ns(delay_ns, frozen_ns, duration_ns, share(9_900))
            }
            // What was in flight when it began has ended when it arrived: only what was sent late took longer.
            ReceiveClock::Auto | ReceiveClock::Kernel => lag_ns + delay_ns as f64,
        };
        let of_clock = |clock, per_10_000| Figure::Quantile { clock, per_10_000 };
        let near = |figure, expected_ns| {
            let tolerance_ns = OTHERS_NS + bucket_ns(whole(expected_ns));
            expect(figure, expected_ns, tolerance_ns as f64)
        };
        // Of a generator that stands still the server knows nothing; of the time between sending and answer it does.
        let own = [
            near(response(9_900), response_ns),
            near(of_clock(Clock::SendLag, 9_900), lag_ns),
            near(Figure::Max(Clock::SendLag), frozen_ns as f64),
            expect(Figure::Flagged, 1.0, 0.0),
        ]
        .map(|expectation| Expectation {
            in_books: false,
            ..expectation
        });
        self.all_ok(rate)
            .into_iter()
            .chain(own)
            .chain([near(of_clock(Clock::ServiceTime, 9_900), delay_ns as f64)])
            // What arrived while the generator stood still ended then, by the kernel's clock.
            .chain(
                (self.clock != ReceiveClock::User)
                    .then(|| near(Figure::Max(Clock::ServiceTime), delay_ns as f64)),
            )
            .collect()
    }
}

fn expect(figure: Figure, expected: f64, tolerance: f64) -> Expectation {
    Expectation {
        figure,
        expected,
        tolerance,
        law: None,
        in_books: true,
    }
}

/// A response time within [`OTHERS_NS`] and one bucket.
fn other(per_10_000: u64, expected_ns: f64) -> Expectation {
    let tolerance_ns = OTHERS_NS + bucket_ns(whole(expected_ns));
    expect(response(per_10_000), expected_ns, tolerance_ns as f64)
}

fn response(per_10_000: u64) -> Figure {
    Figure::Quantile {
        clock: Clock::ResponseTime,
        per_10_000,
    }
}

fn share(per_10_000: u64) -> f64 {
    per_10_000 as f64 / 1e4
}

/// The resolution of a recording at this time.
fn bucket_ns(time_ns: Nanos) -> Nanos {
    empty_histogram().equivalent_range(time_ns)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the laws give times between 0 and some minutes"
)]
fn whole(time_ns: f64) -> Nanos {
    time_ns as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Unit;

    /// Name, figure in its own unit (milliseconds for times) and tolerance of every expectation of a case.
    fn check(form: Form, name: &str) -> Vec<(String, f64, f64)> {
        let case = table(form, 1)
            .into_iter()
            .find(|case| case.name == name)
            .unwrap();
        let frozen_ns = match case.generator {
            Generator::Frozen(freeze) => Some(duration_ns(freeze)),
            Generator::Usual | Generator::Sleeping | Generator::Full => None,
        };
        case.expectations(1, frozen_ns)
            .iter()
            .map(|expectation| {
                let scale = match expectation.figure.unit() {
                    Unit::Nanos => 1e6,
                    _ => 1.0,
                };
                (
                    expectation.figure.key(),
                    (expectation.expected / scale * 1e3).round() / 1e3,
                    (expectation.tolerance / scale * 10.0).round() / 10.0,
                )
            })
            .collect()
    }

    fn row(key: &str, expected: f64, tolerance: f64) -> (String, f64, f64) {
        (key.to_owned(), expected, tolerance)
    }

    #[test]
    fn the_long_forms_are_those_of_the_textbook() {
        assert_eq!(
            check(Form::Full, "fixed-closed"),
            [
                row("throughput", 2000.0, 100.0),
                row("response_time_p50", 5.0, 0.1),
                row("response_time_p99", 5.0, 0.3),
            ]
        );
        assert_eq!(
            check(Form::Full, "fixed-open"),
            [
                row("scheduled", 60_000.0, 0.0),
                row("unfinished", 0.0, 0.0),
                row("in_flight_counted", 5.0, 0.3),
                row("in_flight_by_law", 5.0, 0.3),
                row("response_time_p50", 5.0, 0.1),
                row("response_time_p99", 5.0, 0.3),
            ]
        );
        // 501, 901 and 991 ms, and what 1,200 connections add to them.
        assert_eq!(
            check(Form::Full, "stall"),
            [
                row("scheduled", 60_000.0, 0.0),
                row("unfinished", 0.0, 0.0),
                row("response_time_p89", 1.0, 5.0),
                row("response_time_p95", 501.417, 5.3),
                row("response_time_p99", 901.083, 5.5),
                row("response_time_p99_9", 991.008, 5.5),
            ]
        );
        assert_eq!(
            check(Form::Full, "bimodal-closed"),
            [
                row("response_time_mean", 1.99, 0.2),
                row("response_time_p50", 1.0, 5.0),
                row("response_time_p98_9", 1.0, 5.0),
                row("response_time_p99_1", 100.0, 5.1),
            ]
        );
        assert_eq!(
            check(Form::Full, "overload"),
            [
                row("scheduled", 10_000.0, 0.0),
                row("unfinished", 8_000.0, 2.0),
                // The median of those answered between 5 and 5.25 s: request 1,023, of which 5 + 4 · 1,023 ms.
                row("response_time_p50_from_5s", 4_097.0, 7.1),
                row("response_time_p50", 4_000.0, 7.1),
                row("response_time_p99", 7_920.0, 9.2),
            ]
        );
    }

    #[test]
    fn the_short_forms_follow_the_same_laws() {
        assert_eq!(
            check(Form::Short, "stall")[2..],
            [
                row("response_time_p89", 1.0, 5.0),
                row("response_time_p95", 51.167, 5.0),
                row("response_time_p99", 91.033, 5.1),
                row("response_time_p99_9", 100.003, 5.1),
            ]
        );
        assert_eq!(
            check(Form::Short, "frozen"),
            [
                row("scheduled", 4_000.0, 0.0),
                row("unfinished", 0.0, 0.0),
                row("response_time_p99", 165.0, 5.1),
                row("send_lag_p99", 160.0, 5.1),
                row("send_lag_max", 200.0, 5.1),
                row("flagged_for_send_lag", 1.0, 0.0),
                row("service_time_p99", 5.0, 5.0),
                row("service_time_max", 5.0, 5.0),
            ]
        );
    }

    #[test]
    fn service_time_by_the_kernels_clock_knows_nothing_of_the_generator() {
        let times = |name: &str| {
            let rows = check(Form::Short, name);
            let times = rows.iter().filter(|(key, ..)| key.starts_with("service"));
            times
                .map(|(_, expected, tolerance)| (*expected, *tolerance))
                .collect::<Vec<_>>()
        };
        assert_eq!(times("sleeping"), [(5.0, 0.1), (5.0, 0.3)]);
        assert_eq!(times("full"), [(5.0, 0.5), (5.0, 5.0)]);
        for name in ["spinning-user", "sleeping-user", "full-user"] {
            assert_eq!(times(name), [(5.0, 5.0), (5.0, 5.0)], "{name}");
        }
    }

    #[test]
    fn the_queue_is_held_against_its_own_arrivals_and_these_against_the_law() {
        let case = table(Form::Full, 1)
            .into_iter()
            .find(|case| case.name == "mm1")
            .unwrap();
        for threads in [1, 3] {
            let laws: Vec<(f64, f64)> = case
                .expectations(threads, None)
                .iter()
                .filter_map(|row| Some((row.expected / 1e6, row.law? / 1e6)))
                .collect();
            let [mean, p50, p99, p99_9] = laws[..] else {
                panic!("{laws:?}")
            };
            assert!((mean.1 - 1.0).abs() < 1e-9 && (p50.1 - 0.693).abs() < 1e-3);
            assert!((p99.1 - 4.605).abs() < 1e-3 && (p99_9.1 - 6.908).abs() < 1e-3);
            // 60,000 response times that go together are worth 8,000 independent ones: four standard errors of their mean.
            assert!((mean.0 - mean.1).abs() < 0.05, "{laws:?}");
            assert!((p50.0 - p50.1).abs() < 0.05, "{laws:?}");
        }
    }

    #[test]
    fn all_short_forms_together_take_little_more_than_a_minute() {
        let seconds: f64 = table(Form::Short, 1)
            .iter()
            .map(|case| case.load.duration.as_secs_f64())
            .sum();
        // A second a case to start its server, to walk the way and to read the books.
        assert!(
            seconds + table(Form::Short, 1).len() as f64 <= 70.0,
            "{seconds} s"
        );
    }
}
