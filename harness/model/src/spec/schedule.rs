//! Arrivals and the mix of requests, made from a seed: the same seed replays both against every target.
//!
//! A schedule belongs to a generator thread, never to a connection: connections with a schedule each fall into step
//! with one another and can miss a periodic stall altogether.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand_distr::{Distribution, Exp1, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::spec::load::{Arrival, Load, Process, Profile};
use crate::spec::part::{Part, Turns};
use crate::units::{NANOS_PER_S, Nanos, Rate, duration_ns};

/// The due times of one generator thread: nanoseconds since the load began, never decreasing, without end.
///
/// Arrivals are counted first, as those of a process of unit rate, and each count then has its time: so that one path
/// serves every process at every rate, however the rate changes. Nothing is stored beside the last of them.
#[derive(Debug, Clone)]
pub struct Schedule {
    counts: Counts,
    times: Times,
    last_ns: Nanos,
    turns: Turns,
}

/// The arrivals of one thread in a process of which all threads together have one arrival a unit.
#[derive(Debug, Clone)]
enum Counts {
    /// Arrivals 0, 1, 2, … of the whole run; a thread takes every `threads`-th of them.
    Constant { next: u64, threads: u64 },
    /// A Poisson process of rate `1 / threads`; as many of them together are a Poisson process of unit rate.
    Poisson {
        sum: f64,
        threads: f64,
        random: Box<Xoshiro256PlusPlus>,
    },
}

/// When as many arrivals as counted are expected.
#[derive(Debug, Clone)]
enum Times {
    Steady(Rate),
    /// A warm-up of `lead` arrivals at equal distances over `lead_ns`, then the profile.
    Staged {
        lead: f64,
        lead_ns: f64,
        profile: Profile,
    },
    /// At these, and never after the last.
    Listed(Arc<[Nanos]>),
}

impl Schedule {
    /// The arrivals of thread `thread` (from 0) of `threads`; none in a closed loop, where replies trigger requests.
    ///
    /// Of `load` only arrival, seed and warm-up matter, never the connections.
    pub fn new(load: &Load, thread: u32, threads: u32) -> Option<Self> {
        let (times, process) = match &load.arrival {
            Arrival::Closed => return None,
            Arrival::Open { rate, process } => (Times::Steady(*rate), process),
            Arrival::Staged { profile, process } => (Times::staged(profile, load.warmup), process),
            Arrival::Listed { times } => (Times::Listed(Arc::clone(times)), &Process::Constant),
        };
        let counts = match process {
            Process::Constant => Counts::Constant {
                next: u64::from(thread),
                threads: u64::from(threads),
            },
            Process::Poisson => Counts::Poisson {
                sum: 0.0,
                threads: f64::from(threads),
                random: Box::new(stream(load.seed, thread, Stream::Arrivals)),
            },
        };
        Some(Self {
            counts,
            times,
            last_ns: 0,
            turns: Part::WHOLE.turns(),
        })
    }

    /// Of these arrivals only a part, from the first one on: all parts together are the whole, to the nanosecond.
    #[must_use]
    pub fn part(self, part: Part) -> Self {
        Self {
            turns: part.turns(),
            ..self
        }
    }

    /// The next arrival of all parts.
    fn advance(&mut self) -> Nanos {
        let at_ns = whole_ns(self.times.of(self.counts.next()));
        // Times keep the order of their counts but for the last digit of a square root.
        self.last_ns = at_ns.max(self.last_ns);
        self.last_ns
    }
}

impl Iterator for Schedule {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        for _ in 0..self.turns.take() {
            self.advance();
        }
        Some(self.advance())
    }
}

impl Counts {
    fn next(&mut self) -> f64 {
        match self {
            Self::Constant { next, threads } => {
                let count = *next as f64;
                *next += *threads;
                count
            }
            Self::Poisson {
                sum,
                threads,
                random,
            } => {
                let gap: f64 = Exp1.sample(random.as_mut());
                *sum += gap * *threads;
                *sum
            }
        }
    }
}

impl Times {
    fn staged(profile: &Profile, warmup: Duration) -> Self {
        let lead_ns = duration_ns(warmup) as f64;
        Self::Staged {
            // A whole number, so that the first constant arrival of the profile is due at its beginning.
            lead: (profile.mean().as_per_s() * lead_ns / NANOS_PER_S as f64).round(),
            lead_ns,
            profile: profile.clone(),
        }
    }

    /// In nanoseconds since the load began.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "arrivals are counted from 0 in whole numbers where their times are listed"
    )]
    fn of(&self, count: f64) -> f64 {
        match self {
            Self::Listed(times) => times
                .get(count as usize)
                .map_or(f64::INFINITY, |&at| at as f64),
            Self::Steady(rate) => count * NANOS_PER_S as f64 / rate.as_per_s(),
            Self::Staged { lead, lead_ns, .. } if count < *lead => count * lead_ns / lead,
            Self::Staged {
                lead,
                lead_ns,
                profile,
            } => lead_ns + profile.inverse(count - lead),
        }
    }
}

/// A seeded, endless choice among requests by weight.
#[derive(Debug, Clone)]
pub struct Mix {
    /// Running sums of the weights, scaled to 1.
    cumulative: Vec<f64>,
    random: Xoshiro256PlusPlus,
}

impl Mix {
    /// A mix for thread `thread` (from 0).
    ///
    /// `weights`: one positive weight a request, at least one; anything else is a bug of the caller.
    pub fn new(weights: &[u32], seed: u64, thread: u32) -> Self {
        let total: f64 = weights.iter().copied().map(f64::from).sum();
        assert!(
            total > 0.0,
            "a mix needs at least one request of positive weight"
        );
        let mut sum = 0.0;
        let cumulative = weights
            .iter()
            .map(|&weight| {
                sum += f64::from(weight);
                sum / total
            })
            .collect();
        Self {
            cumulative,
            random: stream(seed, thread, Stream::Mix),
        }
    }

    /// The index of the next request.
    pub fn choose(&mut self) -> usize {
        if self.cumulative.len() == 1 {
            return 0;
        }
        let draw: f64 = StandardUniform.sample(&mut self.random);
        self.cumulative
            .partition_point(|&sum| sum <= draw)
            .min(self.cumulative.len() - 1)
    }
}

/// What a stream of random numbers is for; each use has a stream of its own, so that none shifts another.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Arrivals = 1,
    Mix = 2,
}

fn stream(seed: u64, thread: u32, stream: Stream) -> Xoshiro256PlusPlus {
    // `seed_from_u64` runs SplitMix64 over its input, so neighbouring seeds give unrelated streams.
    Xoshiro256PlusPlus::seed_from_u64(seed ^ (u64::from(thread) << 32) ^ ((stream as u64) << 60))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "due times are never negative and saturate only after 584 years"
)]
fn whole_ns(at_ns: f64) -> Nanos {
    at_ns as Nanos
}

#[cfg(test)]
mod tests;
