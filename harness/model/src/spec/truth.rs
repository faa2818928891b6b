//! Known truths: servers whose every answer time is known, and what must be read of them.
//!
//! [`Behaviour`] says when such a server answers, and [`Answers`] decides it request by request: the same decisions
//! drive the real server on a socket and the simulated ones in tests. The laws below give what a right instrument
//! reads, as functions of nothing but the behaviour and the arrivals.
//!
//! This module knows arrival times as numbers. It must never know a socket or a clock.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;
use thiserror::Error;

use crate::units::{NANOS_PER_S, Nanos, Rate, duration_ns, parse_duration};

/// The longest time that a behaviour may name.
pub const MAX_TIME_NS: Nanos = 60 * NANOS_PER_S;

/// When a server of known answer times answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Every request after the same time, any number of them side by side.
    Fixed {
        /// From arrival to answer.
        delay_ns: Nanos,
    },
    /// As fixed, but the server stands still for the last part of every period: what arrives then waits for the end of
    /// the period first.
    Stall {
        /// From arrival, or from the end of the stall, to the answer.
        delay_ns: Nanos,
        /// How long it stands still; shorter than the period.
        stall_ns: Nanos,
        /// The period.
        every_ns: Nanos,
    },
    /// Every n-th request after one time, the others after another, any number of them side by side.
    Bimodal {
        /// Which requests are slow: those whose number, counted from 1 in order of arrival, it divides.
        nth: u64,
        /// From arrival to answer of a slow one.
        slow_ns: Nanos,
        /// Of all others.
        fast_ns: Nanos,
    },
    /// One worker and a queue, first come, first served.
    Queue {
        /// How long the worker takes for each.
        service: Service,
    },
}

/// How long one worker takes for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Always the same time.
    Fixed {
        /// That time.
        time_ns: Nanos,
    },
    /// Exponentially distributed times.
    Exponential {
        /// Their mean.
        mean_ns: Nanos,
        /// The same seed draws the same times in the same order.
        seed: u64,
    },
}

/// Decides, request by request in order of arrival, when a server of one behaviour answers.
#[derive(Debug, Clone)]
pub struct Answers {
    behaviour: Behaviour,
    /// Requests so far.
    seen: u64,
    /// When the one worker will have done all that has arrived.
    free_at_ns: Nanos,
    random: Xoshiro256PlusPlus,
}

impl Answers {
    /// Decisions for a server that has seen no request yet.
    pub fn new(behaviour: Behaviour) -> Self {
        let seed = match behaviour {
            Behaviour::Queue {
                service: Service::Exponential { seed, .. },
            } => seed,
            _ => 0,
        };
        Self {
            behaviour,
            seen: 0,
            free_at_ns: 0,
            random: Xoshiro256PlusPlus::seed_from_u64(seed ^ SERVICE_STREAM),
        }
    }

    /// When the request that arrived at `arrived_ns` is to be answered, on the same clock. Stalls are counted from that
    /// clock's zero.
    pub fn answer_at(&mut self, arrived_ns: Nanos) -> Nanos {
        self.seen += 1;
        match self.behaviour {
            Behaviour::Fixed { delay_ns } => arrived_ns + delay_ns,
            Behaviour::Stall {
                delay_ns,
                stall_ns,
                every_ns,
            } => {
                let into_period_ns = arrived_ns % every_ns;
                let wait_ns = if into_period_ns >= every_ns - stall_ns {
                    every_ns - into_period_ns
                } else {
                    0
                };
                arrived_ns + wait_ns + delay_ns
            }
            Behaviour::Bimodal {
                nth,
                slow_ns,
                fast_ns,
            } => {
                arrived_ns
                    + if self.seen.is_multiple_of(nth) {
                        slow_ns
                    } else {
                        fast_ns
                    }
            }
            Behaviour::Queue { service } => {
                let service_ns = self.service_ns(service);
                self.free_at_ns = self.free_at_ns.max(arrived_ns) + service_ns;
                self.free_at_ns
            }
        }
    }

    fn service_ns(&mut self, service: Service) -> Nanos {
        match service {
            Service::Fixed { time_ns } => time_ns,
            Service::Exponential { mean_ns, .. } => {
                let draw: f64 = Exp1.sample(&mut self.random);
                whole_ns(draw * mean_ns as f64)
            }
        }
    }
}

/// Distinguishes the random service times from the arrivals that the same seed makes.
const SERVICE_STREAM: u64 = 3 << 60;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "service times are never negative, and an exponential draw stays below 50 means"
)]
fn whole_ns(time_ns: f64) -> Nanos {
    time_ns as Nanos
}

/// The response times, ascending, if each request of `arrivals` (ascending) reached the server at the moment it was due
/// and its answer came back at once: what a perfect instrument over enough connections reads of these very arrivals.
pub fn replay(behaviour: Behaviour, arrivals: impl IntoIterator<Item = Nanos>) -> Vec<Nanos> {
    let mut answers = Answers::new(behaviour);
    let mut times: Vec<Nanos> = arrivals
        .into_iter()
        .map(|arrived_ns| answers.answer_at(arrived_ns) - arrived_ns)
        .collect();
    times.sort_unstable();
    times
}

/// The response time in nanoseconds at `quantile` (0 to 1) of [`Behaviour::Stall`] under constant arrivals.
///
/// What arrives x before the end of a stall waits x, so over enough connections response times beyond the delay are
/// uniform up to the length of the stall, in the share of requests that arrive in one. With few connections the backlog
/// drains `connections` at a time, one round per delay: each request of the backlog waits `delay / connections` longer for
/// each one before it, and those that arrive meanwhile wait with it. The longest times stay as they are: a stall is seen
/// whatever the number of connections.
pub fn stall_quantile_ns(
    delay_ns: Nanos,
    stall_ns: Nanos,
    every_ns: Nanos,
    rate: Rate,
    connections: u32,
    quantile: f64,
) -> f64 {
    // Requests in flight at a time if nothing stalls: below `connections`, or the backlog would never drain.
    let busy = rate.as_per_s() * delay_ns as f64 / NANOS_PER_S as f64;
    let slope = 1.0 - busy / f64::from(connections);
    let waited_ns = stall_ns as f64 - (1.0 - quantile) * every_ns as f64 * slope;
    delay_ns as f64 + waited_ns.max(0.0)
}

/// The response time in nanoseconds at `quantile` when the generator, not the server, stood still once for `frozen_ns`
/// of `duration_ns` under constant arrivals, at a server that answers after `delay_ns`.
///
/// What was scheduled meanwhile was sent at the end, and what was in flight at the beginning was read at the end: the latter
/// took between `frozen_ns` and a delay more, and so did the first of the former.
pub fn frozen_quantile_ns(
    delay_ns: Nanos,
    frozen_ns: Nanos,
    duration_ns: Nanos,
    quantile: f64,
) -> f64 {
    let beyond_ns = (1.0 - quantile) * duration_ns as f64;
    let (delay_ns, frozen_ns) = (delay_ns as f64, frozen_ns as f64);
    let waited_ns = (frozen_ns - beyond_ns / 2.0).min(frozen_ns + delay_ns - beyond_ns);
    delay_ns + waited_ns.max(0.0)
}

/// As [`frozen_quantile_ns`], the send lag.
pub fn frozen_lag_quantile_ns(frozen_ns: Nanos, duration_ns: Nanos, quantile: f64) -> f64 {
    (frozen_ns as f64 - (1.0 - quantile) * duration_ns as f64).max(0.0)
}

/// The mean response time of [`Behaviour::Bimodal`], in nanoseconds.
pub fn bimodal_mean_ns(nth: u64, slow_ns: Nanos, fast_ns: Nanos) -> f64 {
    let nth = nth as f64;
    (slow_ns as f64 + (nth - 1.0) * fast_ns as f64) / nth
}

/// The response time of [`Behaviour::Bimodal`] at `quantile`, in nanoseconds. At the step itself, one n-th from the end,
/// either time is right.
pub fn bimodal_quantile_ns(nth: u64, slow_ns: Nanos, fast_ns: Nanos, quantile: f64) -> f64 {
    if quantile > 1.0 - 1.0 / nth as f64 {
        slow_ns as f64
    } else {
        fast_ns as f64
    }
}

/// The mean response time of one worker with exponential service times of `mean_service_ns` under Poisson arrivals
/// (M/M/1): 1/(μ − λ), in nanoseconds. `None` where the worker can't keep up.
///
/// Kleinrock, Queueing Systems, volume 1 (1975), §3.2.
pub fn mm1_mean_ns(rate: Rate, mean_service_ns: Nanos) -> Option<f64> {
    let spare_per_ns = 1.0 / mean_service_ns as f64 - rate.as_per_s() / NANOS_PER_S as f64;
    (spare_per_ns > 0.0).then(|| 1.0 / spare_per_ns)
}

/// As [`mm1_mean_ns`], the response time at `quantile`: exponential with that mean.
pub fn mm1_quantile_ns(rate: Rate, mean_service_ns: Nanos, quantile: f64) -> Option<f64> {
    mm1_mean_ns(rate, mean_service_ns).map(|mean_ns| -mean_ns * (1.0 - quantile).ln())
}

/// As [`mm1_mean_ns`], under constant arrivals (D/M/1): the mean is 1/(μ(1 − σ)) where σ = exp(−(μ/λ)(1 − σ)), the root
/// below 1. What an instrument would read whose Poisson arrivals were none.
///
/// Kleinrock, Queueing Systems, volume 1 (1975), §6.4.
pub fn dm1_mean_ns(rate: Rate, mean_service_ns: Nanos) -> Option<f64> {
    mm1_mean_ns(rate, mean_service_ns)?;
    let services_a_gap = rate.mean_gap_ns() / mean_service_ns as f64;
    // From 0 the iteration climbs to the lower root; its error shrinks by a constant factor each time.
    let sigma = (0..10_000).fold(0.0_f64, |sigma, _| (-services_a_gap * (1.0 - sigma)).exp());
    Some(mean_service_ns as f64 / (1.0 - sigma))
}

/// The response time of request `index` (from 0) of constant arrivals at one worker that takes `service_ns` for each and
/// can't keep up: every request waits for the surplus of all before it.
pub fn overload_response_ns(rate: Rate, service_ns: Nanos, index: u64) -> f64 {
    let surplus_ns = (service_ns as f64 - rate.mean_gap_ns()).max(0.0);
    service_ns as f64 + index as f64 * surplus_ns
}

/// How many of the requests that were scheduled within `duration_ns` such a worker leaves unfinished at its end.
pub fn overload_unfinished(rate: Rate, service_ns: Nanos, duration_ns: Nanos) -> f64 {
    let seconds = duration_ns as f64 / NANOS_PER_S as f64;
    let answered = duration_ns as f64 / service_ns as f64;
    (rate.as_per_s() * seconds - answered).max(0.0)
}

/// The response time at `quantile` if the overload is cut after `duration_ns` and what is unfinished enters with its time
/// so far. Answered requests took up to T(1 − 1/ρ), where ρ is rate × service time, and unfinished ones have waited up to
/// as long; together they are uniform.
pub fn overload_quantile_ns(
    rate: Rate,
    service_ns: Nanos,
    duration_ns: Nanos,
    quantile: f64,
) -> f64 {
    let load = service_ns as f64 / rate.mean_gap_ns();
    quantile * duration_ns as f64 * (1.0 - 1.0 / load).max(0.0)
}

/// Requests in flight on average: rate × response time (Little's law).
pub fn in_flight(rate_per_s: f64, mean_response_ns: f64) -> f64 {
    rate_per_s * mean_response_ns / NANOS_PER_S as f64
}

impl FromStr for Behaviour {
    type Err = BehaviourError;

    /// `fixed:delay=5ms`, `stall:delay=1ms,stall=1s,every=10s`, `bimodal:nth=100,slow=100ms,fast=1ms`,
    /// `queue:service=5ms`, `queue:mean=500us,seed=1`.
    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        let bad = |what: String| BehaviourError {
            text: crate::names::shortened(text),
            what,
        };
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut fields = Fields::parse(rest).map_err(bad)?;
        let behaviour = match name {
            "fixed" => fields
                .time("delay")
                .map(|delay_ns| Self::Fixed { delay_ns }),
            "stall" => fields.stall(),
            "bimodal" => fields.bimodal(),
            "queue" => fields.service().map(|service| Self::Queue { service }),
            _ => Err("there are fixed, stall, bimodal and queue".to_owned()),
        };
        let behaviour = behaviour.map_err(bad)?;
        match fields.0.first_key_value() {
            None => Ok(behaviour),
            Some((key, _)) => Err(bad(format!("{name} has no `{key}`"))),
        }
    }
}

impl fmt::Display for Behaviour {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fixed { delay_ns } => write!(f, "fixed:delay={}", exact(delay_ns)),
            Self::Stall {
                delay_ns,
                stall_ns,
                every_ns,
            } => write!(
                f,
                "stall:delay={},stall={},every={}",
                exact(delay_ns),
                exact(stall_ns),
                exact(every_ns)
            ),
            Self::Bimodal {
                nth,
                slow_ns,
                fast_ns,
            } => write!(
                f,
                "bimodal:nth={nth},slow={},fast={}",
                exact(slow_ns),
                exact(fast_ns)
            ),
            Self::Queue {
                service: Service::Fixed { time_ns },
            } => write!(f, "queue:service={}", exact(time_ns)),
            Self::Queue {
                service: Service::Exponential { mean_ns, seed },
            } => write!(f, "queue:mean={},seed={seed}", exact(mean_ns)),
        }
    }
}

/// A behaviour that can't be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no behaviour: {what}; write it as fixed:delay=5ms, stall:delay=1ms,stall=1s,every=10s, bimodal:nth=100,slow=100ms,fast=1ms, queue:service=5ms or queue:mean=500us,seed=1"
)]
pub struct BehaviourError {
    /// What was typed, cut to a readable length.
    pub text: String,
    /// What is wrong with it.
    pub what: String,
}

/// What follows the name of a behaviour: `key=value`, separated by commas. Reading takes a field away.
struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let parts = text.split(',').filter(|part| !part.is_empty());
        let mut fields = BTreeMap::new();
        for part in parts {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` has no value"))?;
            if fields.insert(key, value).is_some() {
                return Err(format!("`{key}` is given twice"));
            }
        }
        Ok(Self(fields))
    }

    fn text(&mut self, key: &str) -> Result<&'a str, String> {
        self.0
            .remove(key)
            .ok_or_else(|| format!("`{key}` is missing"))
    }

    fn number(&mut self, key: &str) -> Result<u64, String> {
        let text = self.text(key)?;
        text.parse()
            .map_err(|_| format!("`{key}` is not a whole number"))
    }

    /// A time above zero and at most [`MAX_TIME_NS`].
    fn time(&mut self, key: &str) -> Result<Nanos, String> {
        let text = self.text(key)?;
        let time_ns = parse_duration(text)
            .map(duration_ns)
            .map_err(|error| format!("`{key}`: {error}"))?;
        if (1..=MAX_TIME_NS).contains(&time_ns) {
            Ok(time_ns)
        } else {
            Err(format!("`{key}` must be above zero and at most 60 s"))
        }
    }

    fn stall(&mut self) -> Result<Behaviour, String> {
        let (delay_ns, stall_ns, every_ns) = (
            self.time("delay")?,
            self.time("stall")?,
            self.time("every")?,
        );
        if stall_ns >= every_ns {
            return Err("`stall` must be shorter than `every`".to_owned());
        }
        Ok(Behaviour::Stall {
            delay_ns,
            stall_ns,
            every_ns,
        })
    }

    fn bimodal(&mut self) -> Result<Behaviour, String> {
        let (nth, slow_ns, fast_ns) = (self.number("nth")?, self.time("slow")?, self.time("fast")?);
        if nth == 0 {
            return Err("`nth` must be at least 1".to_owned());
        }
        Ok(Behaviour::Bimodal {
            nth,
            slow_ns,
            fast_ns,
        })
    }

    fn service(&mut self) -> Result<Service, String> {
        if self.0.contains_key("mean") {
            Ok(Service::Exponential {
                mean_ns: self.time("mean")?,
                seed: self.number("seed")?,
            })
        } else {
            self.time("service")
                .map(|time_ns| Service::Fixed { time_ns })
        }
    }
}

/// A time to the nanosecond, in the largest unit in which it is a whole number.
fn exact(time_ns: Nanos) -> String {
    let units = [(NANOS_PER_S, "s"), (1_000_000, "ms"), (1_000, "us")];
    let whole = units
        .iter()
        .find(|(unit_ns, _)| time_ns.is_multiple_of(*unit_ns));
    match whole {
        Some((unit_ns, name)) => format!("{}{name}", time_ns / unit_ns),
        None => format!("{time_ns}ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Nanos = 1_000_000;

    fn rate(per_s: f64) -> Rate {
        Rate::per_s(per_s).unwrap()
    }

    /// Asserts that two numbers agree to `within`.
    fn check(name: &str, got: f64, expected: f64, within: f64) {
        assert!(
            (got - expected).abs() <= within,
            "{name}: {got}, expected {expected} within {within}"
        );
    }

    #[test]
    fn a_stall_is_read_off_its_law() {
        let at = |quantile| {
            stall_quantile_ns(
                MS,
                1000 * MS,
                10_000 * MS,
                rate(1000.0),
                1_000_000,
                quantile,
            ) / 1e6
        };
        for (quantile, ms) in [(0.89, 1.0), (0.95, 501.0), (0.99, 901.0), (0.999, 991.0)] {
            check("stall", at(quantile), ms, 0.01);
        }
    }

    #[test]
    fn few_connections_lengthen_a_stall_and_never_hide_it() {
        let at = |connections, quantile| {
            stall_quantile_ns(
                MS,
                1000 * MS,
                10_000 * MS,
                rate(1000.0),
                connections,
                quantile,
            ) / 1e6
        };
        // With 10 connections ten requests are answered a millisecond and one more is due: nine off the backlog.
        check("p95", at(10, 0.95), 551.0, 1e-6);
        check("p99.9", at(10, 0.999), 992.0, 1e-6);
        check("p99.9", at(1000, 0.999), 991.01, 1e-6);
        check("p89", at(10, 0.89), 11.0, 1e-6);
        check("p88", at(10, 0.88), 1.0, 1e-6);
    }

    #[test]
    fn a_frozen_generator_reads_as_one_stall_and_what_was_in_flight() {
        let at = |quantile| frozen_quantile_ns(5 * MS, 200 * MS, 10_000 * MS, quantile) / 1e6;
        check("p100", at(1.0), 205.0, 1e-6);
        check("p99.9", at(0.999), 200.0, 1e-6);
        check("p99", at(0.99), 110.0, 1e-6);
        check("p50", at(0.5), 5.0, 1e-6);
        let lag = |quantile| frozen_lag_quantile_ns(200 * MS, 10_000 * MS, quantile) / 1e6;
        check("lag", lag(0.99), 100.0, 1e-6);
        check("lag", lag(0.5), 0.0, 0.0);
    }

    #[test]
    fn two_kinds_of_request_have_a_mean_and_a_step() {
        check("mean", bimodal_mean_ns(100, 100 * MS, MS) / 1e6, 1.99, 1e-9);
        let at = |quantile| bimodal_quantile_ns(100, 100 * MS, MS, quantile) / 1e6;
        check("p98.9", at(0.989), 1.0, 0.0);
        check("p99.1", at(0.991), 100.0, 0.0);
    }

    #[test]
    fn queues_have_their_textbook_times() {
        let (arrivals, service_ns) = (rate(1000.0), MS / 2);
        let at = |quantile| mm1_quantile_ns(arrivals, service_ns, quantile).unwrap() / 1e6;
        check(
            "mean",
            mm1_mean_ns(arrivals, service_ns).unwrap() / 1e6,
            1.0,
            1e-9,
        );
        check("p50", at(0.5), 0.693, 0.001);
        check("p99.9", at(0.999), 6.908, 0.001);
        check(
            "constant arrivals",
            dm1_mean_ns(arrivals, service_ns).unwrap() / 1e6,
            0.628,
            0.001,
        );
        assert_eq!(mm1_mean_ns(rate(2000.0), service_ns), None);
        assert_eq!(dm1_mean_ns(rate(2001.0), service_ns), None);
    }

    #[test]
    fn an_overload_grows_by_its_surplus_and_its_rest_is_counted() {
        let arrivals = rate(1000.0);
        for (index, ms) in [(0, 5.0), (1, 9.0), (1999, 8001.0)] {
            check(
                "response",
                overload_response_ns(arrivals, 5 * MS, index) / 1e6,
                ms,
                1e-6,
            );
        }
        check(
            "unfinished",
            overload_unfinished(arrivals, 5 * MS, 10_000 * MS),
            8000.0,
            1e-6,
        );
        let at = |quantile| overload_quantile_ns(arrivals, 5 * MS, 10_000 * MS, quantile) / 1e6;
        check("p50", at(0.5), 4000.0, 1e-6);
        check("p99", at(0.99), 7920.0, 1e-6);
        check(
            "no overload",
            overload_unfinished(rate(200.0), 5 * MS, 10_000 * MS),
            0.0,
            1e-6,
        );
    }

    #[test]
    fn requests_in_flight_are_rate_times_time() {
        check("in flight", in_flight(1000.0, 5e6), 5.0, 1e-9);
    }

    #[test]
    fn each_behaviour_answers_as_it_says() {
        let cases: [(&str, &[Nanos], &[Nanos]); 5] = [
            ("fixed:delay=5ms", &[0, 0, 7], &[5, 5, 12]),
            // The last 2 ms of every 10.
            (
                "stall:delay=1ms,stall=2ms,every=10ms",
                &[0, 7, 8, 9, 10, 18],
                &[1, 8, 11, 11, 11, 21],
            ),
            (
                "bimodal:nth=3,slow=9ms,fast=1ms",
                &[0, 0, 0, 1, 1, 1],
                &[1, 1, 9, 2, 2, 10],
            ),
            ("queue:service=5ms", &[0, 1, 30], &[5, 10, 35]),
            ("queue:service=5ms", &[4, 9], &[9, 14]),
        ];
        for (text, arrivals, expected) in cases {
            let mut answers = Answers::new(text.parse().unwrap());
            let got: Vec<Nanos> = arrivals
                .iter()
                .map(|&arrived| answers.answer_at(arrived * MS) / MS)
                .collect();
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn a_seed_draws_the_same_service_times_with_the_mean_asked_for() {
        let draw = |seed| {
            let behaviour = Behaviour::Queue {
                service: Service::Exponential {
                    mean_ns: MS / 2,
                    seed,
                },
            };
            // A second apart nothing queues, so response times are service times.
            replay(behaviour, (0..100_000).map(|index| index * NANOS_PER_S))
        };
        let times = draw(7);
        let mean_ns = times.iter().map(|&time| time as f64).sum::<f64>() / times.len() as f64;
        // Five standard errors of an exponential mean: 5 / √100,000 of it.
        check("mean", mean_ns, 5e5, 5e5 * 0.016);
        assert_eq!(times, draw(7));
        assert_ne!(times, draw(8));
    }

    #[test]
    fn behaviours_are_read_up_to_their_limits_and_no_further() {
        for text in [
            "fixed:delay=60s",
            "fixed:delay=1ns",
            "stall:delay=1ms,stall=9999999us,every=10s",
            "bimodal:nth=1,slow=100ms,fast=1500us",
            "queue:service=5ms",
            "queue:mean=500us,seed=18446744073709551615",
        ] {
            let behaviour: Behaviour = text.parse().unwrap();
            assert_eq!(behaviour.to_string(), text);
        }
        for (text, what) in [
            ("", "there are fixed"),
            ("slow:delay=1ms", "there are fixed"),
            ("fixed", "`delay` is missing"),
            ("fixed:delay", "`delay` has no value"),
            ("fixed:delay=0s", "above zero"),
            ("fixed:delay=60001ms", "at most 60 s"),
            ("fixed:delay=soon", "is not a duration"),
            ("fixed:delay=1ms,delay=2ms", "given twice"),
            ("fixed:delay=1ms,nth=2", "fixed has no `nth`"),
            ("stall:delay=1ms,stall=10s,every=10s", "shorter than"),
            ("bimodal:nth=0,slow=1ms,fast=1ms", "at least 1"),
            ("bimodal:nth=x,slow=1ms,fast=1ms", "whole number"),
            ("queue:mean=1ms", "`seed` is missing"),
            ("queue:service=1ms,seed=1", "queue has no `seed`"),
        ] {
            let error = text.parse::<Behaviour>().unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_behaviour_is_read_as_it_is_written(delay_ns in 1..=MAX_TIME_NS, nth in 1_u64.., seed: u64) {
            for behaviour in [
                Behaviour::Fixed { delay_ns },
                Behaviour::Bimodal { nth, slow_ns: delay_ns, fast_ns: 1 },
                Behaviour::Queue { service: Service::Exponential { mean_ns: delay_ns, seed } },
            ] {
                prop_assert_eq!(behaviour.to_string().parse(), Ok(behaviour));
            }
        }
    }
}
