//! Arrivals and the mix of requests, made from a seed: the same seed replays both against every target.
//!
//! A schedule belongs to a generator thread, never to a connection: connections with a schedule each fall into step
//! with one another and can miss a periodic stall altogether.

use rand::SeedableRng;
use rand_distr::{Distribution, Exp1, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::load::{Arrival, Process};
use crate::units::{NANOS_PER_S, Nanos};

/// The due times of one generator thread: nanoseconds since the load began, never decreasing, without end.
#[derive(Debug, Clone)]
pub struct Schedule {
    gaps: Gaps,
}

#[derive(Debug, Clone)]
enum Gaps {
    /// Arrival `index` of the whole run falls due at `index / rate`; a thread takes every `threads`-th of them.
    Constant {
        index: u64,
        threads: u64,
        rate_per_s: f64,
    },
    /// A Poisson process of `rate / threads`; as many of them together are a Poisson process of `rate`.
    Poisson {
        at_ns: f64,
        mean_gap_ns: f64,
        random: Box<Xoshiro256PlusPlus>,
    },
}

impl Schedule {
    /// The arrivals of thread `thread` (from 0) of `threads`; none in a closed loop, where replies trigger requests.
    pub fn new(arrival: Arrival, seed: u64, thread: u32, threads: u32) -> Option<Self> {
        let Arrival::Open { rate, process } = arrival else {
            return None;
        };
        let gaps = match process {
            Process::Constant => Gaps::Constant {
                index: u64::from(thread),
                threads: u64::from(threads),
                rate_per_s: rate.as_per_s(),
            },
            Process::Poisson => Gaps::Poisson {
                at_ns: 0.0,
                mean_gap_ns: rate.mean_gap_ns() * f64::from(threads),
                random: Box::new(stream(seed, thread, Stream::Arrivals)),
            },
        };
        Some(Self { gaps })
    }
}

impl Iterator for Schedule {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        match &mut self.gaps {
            Gaps::Constant {
                index,
                threads,
                rate_per_s,
            } => {
                let at_ns = *index as f64 / *rate_per_s * NANOS_PER_S as f64;
                *index += *threads;
                Some(whole_ns(at_ns))
            }
            Gaps::Poisson {
                at_ns,
                mean_gap_ns,
                random,
            } => {
                let gap: f64 = Exp1.sample(random.as_mut());
                *at_ns += gap * *mean_gap_ns;
                Some(whole_ns(*at_ns))
            }
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
mod tests {
    use super::*;
    use crate::units::Rate;

    fn open(process: Process, per_s: f64) -> Arrival {
        Arrival::Open {
            rate: Rate::per_s(per_s).unwrap(),
            process,
        }
    }

    fn due(arrival: Arrival, seed: u64, threads: u32, until_ns: Nanos) -> Vec<Nanos> {
        let mut all: Vec<Nanos> = (0..threads)
            .flat_map(|thread| {
                Schedule::new(arrival, seed, thread, threads)
                    .unwrap()
                    .take_while(|&at| at < until_ns)
            })
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn constant_arrivals_are_the_same_whatever_the_number_of_threads() {
        let alone = due(open(Process::Constant, 300.0), 1, 1, NANOS_PER_S);
        assert_eq!(alone.len(), 300);
        assert_eq!(&alone[..3], &[0, 3_333_333, 6_666_666]);
        assert_eq!(
            due(open(Process::Constant, 300.0), 1, 3, NANOS_PER_S),
            alone
        );
    }

    #[test]
    fn a_seed_replays_poisson_arrivals_and_another_seed_does_not() {
        let arrival = open(Process::Poisson, 1000.0);
        assert_eq!(
            due(arrival, 7, 1, NANOS_PER_S),
            due(arrival, 7, 1, NANOS_PER_S)
        );
        assert_ne!(
            due(arrival, 7, 1, NANOS_PER_S),
            due(arrival, 8, 1, NANOS_PER_S)
        );
    }

    #[test]
    fn poisson_counts_have_the_rate_as_mean_and_as_variance() {
        let arrivals = due(open(Process::Poisson, 1000.0), 3, 2, 100 * NANOS_PER_S);
        let mut counts = vec![0.0_f64; 1000];
        for at in &arrivals {
            counts[usize::try_from(at / (NANOS_PER_S / 10)).unwrap()] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / 1000.0;
        let variance = counts
            .iter()
            .map(|count| (count - mean).powi(2))
            .sum::<f64>()
            / 999.0;
        // 1,000 counts of mean 100: four standard errors are 1.3 for the mean and 18 % for the variance.
        assert!((mean - 100.0).abs() < 1.3, "mean {mean}");
        assert!((variance / 100.0 - 1.0).abs() < 0.18, "variance {variance}");
    }

    #[test]
    fn a_closed_loop_has_no_schedule() {
        assert!(Schedule::new(Arrival::Closed, 1, 0, 1).is_none());
    }

    #[test]
    fn a_mix_keeps_its_weights_and_its_seed() {
        let draw = |seed| {
            let mut mix = Mix::new(&[70, 20, 10], seed, 0);
            let mut counts = [0_u32; 3];
            for _ in 0..100_000 {
                counts[mix.choose()] += 1;
            }
            counts
        };
        let counts = draw(5);
        for (count, expected) in counts.iter().zip([70_000_u32, 20_000, 10_000]) {
            // Five standard deviations of a binomial count stay below 800 here.
            assert!(count.abs_diff(expected) < 800, "{counts:?}");
        }
        assert_eq!(counts, draw(5));
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let mut mix = Mix::new(&[0, 1, 0], 1, 0);
        assert!((0..1000).all(|_| mix.choose() == 1));
    }
}
