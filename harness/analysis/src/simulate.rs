//! Made-up machines whose truth is known: what a plan's epochs would measure on them.
//!
//! The statistics are tried on these: targets whose true levels are given run on a machine that drifts, stalls or
//! remembers, in the order of a real plan. Nothing here was measured. Each kind of noise is one that shared machines show,
//! exaggerated rather than tamed, so that a verdict that holds here holds there.

use std::collections::BTreeMap;

use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal, StudentT};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::compare;
use crate::compare::Policy;
use crate::design;
use crate::effects::{Placed, effects_of};
use model::measured::accounting::Accounting;
use model::measured::workload::WorkloadKind;
use model::record::comparison::Comparison;
use model::record::effect::Effect;
use model::record::metric::Metric;
use model::record::target::EpochRecord;
use model::spec::factors::Factors;
use model::spec::plan::Plan;
use model::spec::target::{REFERENCE, TargetSpec};
use model::units::Nanos;
use stats::bootstrap::bca;
use stats::change::changes;
use stats::distribution::{mean, normal_quantile};
use stats::quantile::quantile_interval;
use stats::sign_flip::sign_flip;

/// What a machine does to what is measured on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// Every epoch is off by its own 3 %, and nothing else.
    Quiet,
    /// The machine gets slower by a third over the run, and wanders by 2 % an epoch beside.
    Drift,
    /// Once in eight epochs the machine slows to between 1 and 2 times, for three epochs on average.
    Bursts,
    /// Every epoch is off by Student's t with two degrees of freedom, whose variance is infinite.
    HeavyTails,
    /// The machine's speed varies by 10 % and stays as it is for ten epochs on average.
    Autocorrelated,
    /// Each fresh process is off by 3 % for as long as it lives.
    FreshProcesses,
    /// Drift, bursts, heavy tails and memory at once.
    Everything,
}

impl Noise {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Quiet,
        Self::Drift,
        Self::Bursts,
        Self::HeavyTails,
        Self::Autocorrelated,
        Self::FreshProcesses,
        Self::Everything,
    ];

    /// Those under which blocks are independent of each other, as intervals assume: all but fresh processes, where the
    /// blocks of a round share theirs.
    pub const OF_THE_MACHINE: [Self; 6] = [
        Self::Quiet,
        Self::Drift,
        Self::Bursts,
        Self::HeavyTails,
        Self::Autocorrelated,
        Self::Everything,
    ];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Drift => "drift",
            Self::Bursts => "bursts",
            Self::HeavyTails => "heavy tails",
            Self::Autocorrelated => "autocorrelation",
            Self::FreshProcesses => "fresh processes",
            Self::Everything => "everything",
        }
    }

    fn has(self, other: Self) -> bool {
        self == other || (self == Self::Everything && other != Self::FreshProcesses)
    }
}

/// What an epoch measures without any noise, in nanoseconds, bytes or requests a second alike.
const LEVEL: f64 = 1e6;
/// What the made-up epochs are of: that of which most metrics are compared.
const SIMULATED: WorkloadKind = WorkloadKind::Requests;
/// The standard deviation that every epoch has of its own.
const OWN: f64 = 0.03;
/// Keeps the chance of the machine apart from that of a plan of the same seed: an order that goes with the noise would be no order by
/// chance.
const MACHINE: u64 = 0x6d61_6368_696e_6500;

/// The epochs that a plan measures, a list a target. Targets are counted from 0 and go on as long as `levels`.
///
/// `levels`: the true difference of logarithms of each target, for every metric alike. `warming`: by how much each process
/// begins slower; half of that is gone with every epoch of its target.
pub fn epochs(
    plan: &Plan,
    levels: &[f64],
    warming: f64,
    noise: Noise,
    seed: u64,
) -> Vec<Vec<EpochRecord>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ MACHINE);
    let mut machine = Machine::new(noise, plan.len());
    let mut epochs: Vec<Vec<EpochRecord>> = vec![Vec::new(); levels.len()];
    let mut starts = vec![(u32::MAX, 0.0, 0_u32); levels.len()];
    for trial in plan.trials() {
        let slower = machine.next(&mut random);
        let (round, process, age) = &mut starts[trial.target];
        if *round != trial.round {
            let size = if noise.has(Noise::FreshProcesses) {
                0.03
            } else {
                0.0
            };
            (*round, *process, *age) = (trial.round, size * normal(&mut random), 0);
        }
        let cold = warming * 0.5_f64.powi(age.cast_signed());
        *age += 1;
        let common = levels[trial.target] + slower + *process + cold;
        let metrics = Metric::of_workload(SIMULATED).iter().map(|metric| {
            let off = own(noise, &mut random);
            (metric.name().to_owned(), LEVEL * (common + off).exp())
        });
        epochs[trial.target].push(EpochRecord {
            round: trial.round,
            block: trial.block,
            position: trial.position,
            started_s: trial.index as f64,
            duration_s: 1.0,
            requests: Accounting::default(),
            by_request: Vec::new(),
            metrics: metrics.collect(),
            services_cpu_s: std::collections::BTreeMap::new(),
            loops: None,
        });
    }
    epochs
}

/// What one epoch alone is off by.
fn own(noise: Noise, random: &mut impl Rng) -> f64 {
    if noise.has(Noise::HeavyTails) {
        let heavy = StudentT::new(2.0).expect("two degrees of freedom are a distribution");
        // The exponential of what lies further out would be no time.
        OWN * Distribution::<f64>::sample(&heavy, random).clamp(-100.0, 100.0)
    } else {
        OWN * normal(random)
    }
}

fn normal(random: &mut impl Rng) -> f64 {
    StandardNormal.sample(random)
}

/// How slow the machine is at each moment, whatever runs on it.
struct Machine {
    noise: Noise,
    epochs: usize,
    at: usize,
    wander: f64,
    memory: f64,
    burst: f64,
}

impl Machine {
    fn new(noise: Noise, epochs: usize) -> Self {
        Self {
            noise,
            epochs,
            at: 0,
            wander: 0.0,
            memory: 0.0,
            burst: 0.0,
        }
    }

    /// How much slower than usual the next epoch is, as a logarithm.
    fn next(&mut self, random: &mut impl Rng) -> f64 {
        let mut slower = 0.0;
        if self.noise.has(Noise::Drift) {
            self.wander += 0.02 * normal(random);
            slower += self.wander + (4.0_f64 / 3.0).ln() * self.at as f64 / self.epochs as f64;
        }
        if self.noise.has(Noise::Bursts) {
            if self.burst > 0.0 && random.random_bool(1.0 / 3.0) {
                self.burst = 0.0;
            } else if self.burst == 0.0 && random.random_bool(1.0 / 8.0) {
                self.burst = random.random_range(0.0..2.0_f64.ln());
            }
            slower += self.burst;
        }
        if self.noise.has(Noise::Autocorrelated) {
            let stays: f64 = 0.9;
            let fresh = (1.0 - stays * stays).sqrt();
            // The first epoch has as much of it as any other.
            let weight = if self.at == 0 { 1.0 } else { fresh };
            self.memory = stays * self.memory + 0.1 * weight * normal(random);
            slower += self.memory;
        }
        self.at += 1;
        slower
    }
}

/// A made-up time series of response times and what its quantiles truly are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Series {
    /// Stretches of time.
    pub stretches: usize,
    /// Requests in each.
    pub requests: usize,
    /// How much of a stretch's level the next one keeps, 0 to 1.
    pub memory: f64,
    /// Standard deviation of the levels, as a logarithm, beside that of each request of 0.5.
    pub levels: f64,
}

impl Series {
    /// The response times, as [`quantile_interval`] takes them.
    pub fn draw(&self, seed: u64) -> Vec<Vec<(Nanos, u64)>> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let fresh = (1.0 - self.memory * self.memory).sqrt();
        let mut level = normal(&mut random);
        (0..self.stretches)
            .map(|_| {
                level = self.memory * level + fresh * normal(&mut random);
                let mut stretch: Vec<(Nanos, u64)> = (0..self.requests)
                    .map(|_| {
                        let log = self.levels * level + Self::REQUEST * normal(&mut random);
                        (rounded(LEVEL * log.exp()), 1)
                    })
                    .collect();
                stretch.sort_unstable();
                stretch
            })
            .collect()
    }

    /// The standard deviation of a request within its stretch, as a logarithm.
    const REQUEST: f64 = 0.5;

    /// The true quantile over all time: levels and requests together are normal on the logarithm.
    pub fn truth(&self, per_10_000: u64) -> f64 {
        let deviation = self.levels.hypot(Self::REQUEST);
        LEVEL * (deviation * normal_quantile(per_10_000 as f64 / 10_000.0)).exp()
    }

    /// The share of such series whose interval of the quantile holds the truth, at a confidence of 95 %.
    pub fn covered(&self, per_10_000: u64, runs: u32) -> f64 {
        let truth = self.truth(per_10_000);
        let covered = (0..u64::from(runs)).filter(|&seed| {
            quantile_interval(&self.draw(seed), per_10_000, 0.05).is_some_and(|reported| {
                reported.low as f64 <= truth
                    && reported.high.is_none_or(|high| truth <= high as f64)
            })
        });
        covered.count() as f64 / f64::from(runs)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up times are a few powers of ten around a millisecond"
)]
fn rounded(time_ns: f64) -> Nanos {
    time_ns.round() as Nanos
}

/// How often the comparison was right over many runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Runs.
    pub runs: u32,
    /// Share of runs whose interval (by inversion of the sign-flip test) holds the true ratio of the first metric.
    pub covered: f64,
    /// The same of the BCa bootstrap over blocks.
    pub covered_by_bootstrap: f64,
    /// Share of runs in which the unadjusted test rejects that targets are alike.
    pub rejected: f64,
    /// Share of runs in which any metric is called different, as a run record would say it.
    pub called_different: f64,
    /// Share of runs in which the first metric is.
    pub first_called_different: f64,
    /// The minimal detectable effect of the first metric, on average, as a share.
    pub smallest_detectable: f64,
    /// Share of runs in which a warning says that a target was not warm.
    pub unsteady: f64,
    /// … that places within a block differ.
    pub place_matters: f64,
    /// … that rounds differ.
    pub rounds_differ: f64,
}

/// Compares made-up pairs of targets whose truth is known, run after run.
///
/// `level`: the true difference of logarithms of the second target. Other arguments as for [`epochs`].
pub fn rates(plan: &Plan, level: f64, warming: f64, noise: Noise, runs: u32) -> Rates {
    let mut rates = Rates {
        runs,
        ..Rates::default()
    };
    let first = Metric::of_workload(SIMULATED)[0];
    for run in 0..runs {
        let seed = u64::from(run);
        let plan = plan.reseeded(seed);
        let epochs = epochs(&plan, &[0.0, level], warming, noise, seed);
        let (base, head) = (&epochs[0], &epochs[1]);
        let policy = Policy::usual(seed);
        let (comparisons, _) = compare::compare_pair(base, head, SIMULATED, &policy);
        let differences = compare::differences(base, head, first);
        let bootstrap = bca(&[&differences], policy.alpha(), seed, |units| {
            mean(&units[0])
        });
        let alone = sign_flip(&differences, policy.alpha(), seed);
        let warnings = design::warnings(&[("a", base), ("b", head)], SIMULATED, seed);
        let has = |code| warnings.iter().any(|warning| warning.code() == code);
        let each = [
            (&mut rates.covered, alone.interval.contains(level)),
            (
                &mut rates.covered_by_bootstrap,
                bootstrap.is_some_and(|interval| interval.contains(level)),
            ),
            (&mut rates.rejected, alone.p_value <= policy.alpha()),
            (
                &mut rates.called_different,
                comparisons.iter().any(is_called_different),
            ),
            (
                &mut rates.first_called_different,
                comparisons.first().is_some_and(is_called_different),
            ),
            (&mut rates.unsteady, has("not_warm")),
            (&mut rates.place_matters, has("place_matters")),
            (&mut rates.rounds_differ, has("rounds_differ")),
        ];
        for (share, is_so) in each {
            *share += f64::from(u8::from(is_so)) / f64::from(runs);
        }
        rates.smallest_detectable += comparisons
            .first()
            .map_or(0.0, |first| first.smallest_detectable)
            / f64::from(runs);
    }
    rates
}

/// How often an effect was judged correctly over many runs of the reference servers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EffectRates {
    /// Share of runs whose interval holds the true ratio of the first metric.
    pub covered: f64,
    /// Share of runs in which any metric is called different, as a run record would say it.
    pub called_different: f64,
    /// Share of runs in which the first metric is.
    pub first_called_different: f64,
}

/// Computes the effects of made-up runs of the reference servers whose truth is known, run after run: the rates of each effect, and the
/// share of runs in which any of them is called different in any metric.
///
/// `plan`: of all reference servers. `level`: the true difference of logarithms of a server, by what it has of the factors. Other
/// arguments as for [`epochs`].
pub fn effect_rates(
    plan: &Plan,
    level: impl Fn(Factors) -> f64,
    noise: Noise,
    runs: u32,
) -> (BTreeMap<Effect, EffectRates>, f64) {
    let reference = TargetSpec::parse_each(REFERENCE).expect("the reference servers are built in");
    let factors = |target: &TargetSpec| target.kind.manifest()?.factors;
    // One without its place in the experiment takes its turns in the plan, and no more.
    let levels: Vec<f64> = reference
        .iter()
        .map(|target| factors(target).map_or(0.0, &level))
        .collect();
    let level_of = |name: &String| {
        let mut targets = reference.iter().zip(&levels);
        let found = targets.find(|(target, _)| target.name == *name);
        *found.expect("an effect is of targets of the run").1
    };
    let first = Metric::of_workload(SIMULATED)[0];
    let share = |is_so: bool| f64::from(u8::from(is_so)) / f64::from(runs);
    let mut rates = BTreeMap::<Effect, EffectRates>::new();
    let mut any_called_different = 0.0;
    for seed in (0..runs).map(u64::from) {
        let epochs = epochs(&plan.reseeded(seed), &levels, 0.0, noise, seed);
        let placed = reference.iter().zip(&epochs);
        let placed: Vec<Placed<'_>> = placed
            .filter_map(|(target, epochs)| Some((&*target.name, factors(target)?, &**epochs)))
            .collect();
        let mut is_any_different = false;
        for effect in effects_of(&placed, SIMULATED, &Policy::usual(seed)) {
            let truth = effect.weights.iter();
            let truth: f64 = truth.map(|(name, weight)| weight * level_of(name)).sum();
            let first = effect.of(first).expect("made-up blocks have every metric");
            let is_different = effect.comparisons.iter().any(is_called_different);
            is_any_different |= is_different;
            let rates = rates.entry(effect.effect).or_default();
            rates.covered += share((first.ci_low.ln()..=first.ci_high.ln()).contains(&truth));
            rates.called_different += share(is_different);
            rates.first_called_different += share(is_called_different(first));
        }
        any_called_different += share(is_any_different);
    }
    (rates, any_called_different)
}

/// Whether a run record says that the sides differ, be it a little.
fn is_called_different(comparison: &Comparison) -> bool {
    comparison.verdict.is_different() || comparison.slight().is_some()
}

/// How often changes in made-up histories were found correctly.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HistoryRates {
    /// Share of histories in which any change was reported.
    pub found: f64,
    /// … in which the nearest lies within two runs of the true one.
    pub near: f64,
    /// … in which the range of its places holds the true one.
    pub placed: f64,
    /// … in which the interval of its effect holds the true one.
    pub covered: f64,
}

/// Looks for the change in histories whose level shifts once.
///
/// `count`: runs of a history. `at`: the first run after the shift. `shift`, `noise`: shares of the level.
pub fn history_rates(
    count: usize,
    at: usize,
    shift: f64,
    noise: f64,
    histories: u32,
) -> HistoryRates {
    let mut rates = HistoryRates::default();
    for seed in 0..u64::from(histories) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let runs: Vec<f64> = (0..count)
            .map(|run| {
                let level = if run < at { 0.0 } else { shift.ln_1p() };
                level + noise * normal(&mut random)
            })
            .collect();
        let reported = changes(&runs, 0.01, seed);
        let Some(nearest) = reported.iter().min_by_key(|change| change.at.abs_diff(at)) else {
            continue;
        };
        let (earliest, latest) = nearest.between;
        let each = [
            (&mut rates.found, true),
            (&mut rates.near, nearest.at.abs_diff(at) <= 2),
            (&mut rates.placed, (earliest..=latest).contains(&at)),
            (&mut rates.covered, nearest.interval.contains(shift.ln_1p())),
        ];
        for (share, is_so) in each {
            *share += f64::from(u8::from(is_so)) / f64::from(histories);
        }
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::spec::factors::Style;
    use model::spec::plan::{Effort, PlanSpec};
    use model::spec::target::REFERENCE_TARGETS;

    fn plan(effort: Effort) -> Plan {
        Plan::new(&PlanSpec::new(effort, 2, 1)).unwrap()
    }

    /// The share of runs, with three standard errors of 5 % on top.
    fn at_most_five_per_cent(share: f64, runs: u32, what: &str) {
        let slack = 3.0 * (0.05 * 0.95 / f64::from(runs)).sqrt();
        assert!(share <= 0.05 + slack, "{what}: {share} of {runs}");
    }

    #[test]
    fn intervals_cover_and_alike_targets_are_not_called_different_under_any_noise() {
        let runs = 120;
        for noise in Noise::ALL {
            let rates = rates(&plan(Effort::Default), 0.0, 0.0, noise, runs);
            let name = noise.name();
            at_most_five_per_cent(1.0 - rates.covered, runs, &format!("{name}: not covered"));
            at_most_five_per_cent(rates.rejected, runs, &format!("{name}: rejected"));
            // With the margin and over all metrics it is rarer still: `examples/coverage.rs`.
            assert!(rates.called_different <= 0.03, "{name}: {rates:?}");
            let cautioned = rates.unsteady + rates.place_matters + rates.rounds_differ;
            at_most_five_per_cent(cautioned, runs, &format!("{name}: cautioned"));
        }
    }

    #[test]
    fn a_difference_and_a_cold_target_are_found() {
        let apart = |noise| rates(&plan(Effort::Default), 0.10, 0.0, noise, 40);
        assert!(apart(Noise::Quiet).first_called_different >= 0.95);
        assert!(apart(Noise::Drift).first_called_different >= 0.90);
        assert!(apart(Noise::Autocorrelated).first_called_different >= 0.75);
        let cold = |effort| rates(&plan(effort), 0.0, 0.3, Noise::Drift, 40).unsteady;
        assert!(cold(Effort::Quick) >= 0.95 && cold(Effort::Default) >= 0.95);
    }

    #[test]
    fn blocks_that_share_a_process_are_reported() {
        // Two blocks a round: the interval is too short, and often enough the reader is warned.
        let rates = rates(&plan(Effort::Quick), 0.0, 0.0, Noise::FreshProcesses, 150);
        assert!(
            rates.covered < 0.95 && rates.rounds_differ > 0.1,
            "{rates:?}"
        );
    }

    fn reference_plan(effort: Effort) -> Plan {
        Plan::new(&PlanSpec::new(effort, REFERENCE_TARGETS.len(), 1)).unwrap()
    }

    #[test]
    fn effects_are_covered_and_none_is_called_where_there_is_none_under_any_noise() {
        let runs = 300;
        for noise in Noise::ALL {
            let plan = reference_plan(Effort::Default);
            let (rates, _) = effect_rates(&plan, |_| 0.0, noise, runs);
            assert_eq!(rates.len(), 5, "every effect");
            for (effect, rates) in rates {
                let what = format!("{}: {effect:?} not covered", noise.name());
                at_most_five_per_cent(1.0 - rates.covered, runs, &what);
                let what = format!("{}: {effect:?} called", noise.name());
                at_most_five_per_cent(rates.called_different, runs, &what);
            }
        }
    }

    #[test]
    fn an_effect_is_found_and_the_others_are_not_called_for_it() {
        let coroutines_cost = |factors: Factors| match factors.style {
            Style::Callbacks => 0.0,
            Style::Coroutines => 0.10,
        };
        let plan = reference_plan(Effort::Default);
        let (rates, _) = effect_rates(&plan, coroutines_cost, Noise::Drift, 40);
        for (effect, rates) in rates {
            let share = rates.first_called_different;
            let is_right = match effect {
                Effect::Style => share >= 0.95,
                _ => share <= 0.05,
            };
            assert!(is_right, "{effect:?}: {rates:?}");
        }
    }

    #[test]
    fn a_seed_repeats_a_machine_and_another_does_not() {
        let drawn = |seed| {
            epochs(
                &plan(Effort::Quick),
                &[0.0, 0.1],
                0.0,
                Noise::Everything,
                seed,
            )
        };
        assert_eq!(drawn(3), drawn(3));
        assert_ne!(drawn(3), drawn(4));
        let series = Series {
            stretches: 8,
            requests: 20,
            memory: 0.5,
            levels: 0.2,
        };
        assert_eq!(series.draw(1), series.draw(1));
        assert!((series.truth(5_000) - LEVEL).abs() < 1e-3);
    }

    #[test]
    fn it_covers_nineteen_times_in_twenty_where_the_series_outlives_its_memory() {
        for (stretches, memory) in [(16, 0.0), (60, 0.5)] {
            let series = Series {
                stretches,
                requests: 60,
                memory,
                levels: 0.2,
            };
            for per_10_000 in [5_000, 9_000] {
                let share = series.covered(per_10_000, 250);
                // Within three standard errors of 95 %; `examples/coverage.rs` prints it to the digit.
                let range = 0.909..=0.991;
                assert!(
                    range.contains(&share),
                    "memory {memory}, {per_10_000}: {share}"
                );
            }
        }
    }
}
