//! Arrivals: their times, their gaps, and that nothing but arrival, seed and thread moves them.
#![expect(clippy::float_cmp, reason = "counts are whole numbers and exact")]

use super::*;
use crate::spec::load::{Connect, Stage};
use crate::units::MAX_RATE_PER_S;
use proptest::prelude::*;
use std::num::NonZeroU32;

const MS: Nanos = 1_000_000;

fn open(process: Process, per_s: f64) -> Arrival {
    Arrival::Open {
        rate: Rate::per_s(per_s).unwrap(),
        process,
    }
}

fn staged(process: Process, stages: &[Stage]) -> Arrival {
    Arrival::Staged {
        profile: Profile::new(stages).unwrap(),
        process,
    }
}

fn ramp(from_per_s: f64, to_per_s: f64, seconds: u64) -> Stage {
    Stage::Ramp {
        from_per_s,
        to_per_s,
        duration: Duration::from_secs(seconds),
    }
}

/// A hundred in the first tenth of every half second, forty in the rest.
const BURSTS: Stage = Stage::Burst {
    base_per_s: 100.0,
    burst_per_s: 1000.0,
    period: Duration::from_millis(500),
    burst_for: Duration::from_millis(100),
    duration: Duration::from_secs(10),
};

fn load(arrival: &Arrival, seed: u64) -> Load {
    Load {
        arrival: arrival.clone(),
        connections: NonZeroU32::MIN,
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(1),
        drain: Duration::ZERO,
        timeout: Duration::from_secs(1),
        request_limit: None,
        interval: Duration::from_secs(1),
        seed,
        goodput: None,
    }
}

/// What all threads together send before `until_ns`.
fn due_under(load: &Load, threads: u32, until_ns: Nanos) -> Vec<Nanos> {
    let mut all: Vec<Nanos> = (0..threads)
        .flat_map(|thread| {
            Schedule::new(load, thread, threads)
                .unwrap()
                .take_while(|&at| at < until_ns)
        })
        .collect();
    all.sort_unstable();
    all
}

fn due(arrival: &Arrival, seed: u64, threads: u32, until_ns: Nanos) -> Vec<Nanos> {
    due_under(&load(arrival, seed), threads, until_ns)
}

/// How many of `times` lie in each stretch of `length_ns`.
fn counts(times: &[Nanos], length_ns: Nanos, stretches: usize) -> Vec<f64> {
    let mut counts = vec![0.0; stretches];
    for at in times {
        counts[usize::try_from(at / length_ns).unwrap()] += 1.0;
    }
    counts
}

#[test]
fn constant_arrivals_have_equal_gaps() {
    for per_s in [0.5, 300.0, 44_100.0] {
        let times: Vec<Nanos> = Schedule::new(&load(&open(Process::Constant, per_s), 1), 0, 1)
            .unwrap()
            .take(1000)
            .collect();
        let gap_ns = NANOS_PER_S as f64 / per_s;
        for (index, at) in times.iter().enumerate() {
            let exact_ns = index as f64 * gap_ns;
            assert!((exact_ns - *at as f64).abs() <= 1.0, "{at} ns at {per_s}/s");
        }
    }
}

#[test]
fn constant_arrivals_are_the_same_whatever_the_number_of_threads() {
    let steady = open(Process::Constant, 300.0);
    let alone = due(&steady, 1, 1, NANOS_PER_S);
    assert_eq!(alone.len(), 300);
    assert_eq!(&alone[..3], &[0, 3_333_333, 6_666_666]);
    for arrival in [
        steady,
        staged(Process::Constant, &[ramp(0.0, 600.0, 1)]),
        staged(Process::Constant, &[BURSTS, ramp(900.0, 100.0, 3)]),
    ] {
        let alone = due(&arrival, 1, 1, 20 * NANOS_PER_S);
        for threads in [2, 3, 8] {
            assert_eq!(due(&arrival, 1, threads, 20 * NANOS_PER_S), alone);
        }
    }
}

#[test]
fn no_arrival_depends_on_the_connections() {
    for arrival in [
        open(Process::Poisson, 1000.0),
        staged(Process::Poisson, &[BURSTS]),
    ] {
        let with = |connections| {
            let load = Load {
                connections: NonZeroU32::new(connections).unwrap(),
                ..load(&arrival, 1)
            };
            due_under(&load, 2, NANOS_PER_S)
        };
        for connections in [2, 100, 65_535] {
            assert_eq!(with(connections), with(1));
        }
    }
}

#[test]
fn a_seed_replays_poisson_arrivals_and_another_seed_does_not() {
    for arrival in [
        open(Process::Poisson, 1000.0),
        staged(Process::Poisson, &[ramp(1000.0, 0.0, 2)]),
    ] {
        for threads in [1, 3] {
            let of = |seed| due(&arrival, seed, threads, NANOS_PER_S);
            assert_eq!(of(7), of(7));
            assert_ne!(of(7), of(8));
        }
    }
}

/// What Anderson and Darling's A² exceeds by chance in 5 and in 1 of 100 samples of a distribution of which nothing was
/// estimated: case 0 of Stephens, *EDF Statistics for Goodness of Fit*, Journal of the American Statistical
/// Association 69 (1974). It holds from 5 values on.
const A2_IN_5_OF_100: f64 = 2.492;
const A2_IN_1_OF_100: f64 = 3.857;
const SEEDS: u64 = 200;
const GAPS: usize = 1000;

/// A² of `values` against the exponential distribution of mean 1.
fn anderson_darling(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let count = values.len() as f64;
    let ln_below = |value: f64| (-(-value).exp_m1()).ln();
    let ln_above = |value: f64| -value;
    let sum: f64 = values
        .iter()
        .zip(values.iter().rev())
        .enumerate()
        .map(|(index, (&low, &high))| (2.0 * index as f64 + 1.0) * (ln_below(low) + ln_above(high)))
        .sum();
    -count - sum / count
}

/// In how many of [`SEEDS`] samples A² is beyond what chance exceeds in 5 and in 1 of 100; `measure` turns a due time into
/// the unit in which gaps are meant to be exponential of mean 1.
fn rejections(
    arrival: &Arrival,
    threads: u32,
    until_ns: Nanos,
    measure: impl Fn(Nanos) -> f64,
) -> (usize, usize) {
    let statistics: Vec<f64> = (0..SEEDS)
        .map(|seed| {
            let times = due(arrival, seed, threads, until_ns);
            assert!(times.len() > GAPS, "{} arrivals are too few", times.len());
            let mut before = measure(0);
            let gaps = times[..GAPS].iter().map(|&at| {
                let here = measure(at);
                // Times are whole nanoseconds: two arrivals may share one, and a gap of zero has no logarithm.
                let gap = (here - before).max(1e-9);
                before = here;
                gap
            });
            anderson_darling(gaps.collect())
        })
        .collect();
    let beyond = |limit| statistics.iter().filter(|&&a2| a2 > limit).count();
    (beyond(A2_IN_5_OF_100), beyond(A2_IN_1_OF_100))
}

#[test]
fn the_statistic_is_that_of_its_definition() {
    // Worked by hand from -n - 1/n Σ (2i - 1)(ln F(x_i) + ln(1 - F(x_{n+1-i}))) for F = 1/4, 1/2, 3/4: the quantiles of an
    // exponential distribution are -ln(1 - F).
    let quantiles = [0.25, 0.5, 0.75].map(|share: f64| -(1.0 - share).ln());
    let by_hand =
        -3.0 - (2.0 * 0.25_f64.ln() + 3.0 * 2.0 * 0.5_f64.ln() + 5.0 * 2.0 * 0.75_f64.ln()) / 3.0;
    let computed = anderson_darling(quantiles.to_vec());
    assert!((computed - by_hand).abs() < 1e-12, "{computed} {by_hand}");
}

#[test]
fn poisson_gaps_are_exponential_for_any_number_of_threads_and_after_rescaling_where_the_rate_changes()
 {
    let ramp_up = [ramp(0.0, 2000.0, 2)];
    let ramp_down = [ramp(1500.0, 0.0, 2)];
    let cases = [
        (open(Process::Poisson, 1000.0), None),
        (staged(Process::Poisson, &ramp_up), Some(&ramp_up[..])),
        (staged(Process::Poisson, &ramp_down), Some(&ramp_down[..])),
        (staged(Process::Poisson, &[BURSTS]), Some(&[BURSTS][..])),
    ];
    for (arrival, stages) in cases {
        let profile = stages.map(|stages| Profile::new(stages).unwrap());
        let measure = |at: Nanos| match &profile {
            None => at as f64 / 1e6,
            Some(profile) => profile.cumulative(at),
        };
        for threads in [1, 2, 3, 8] {
            let (in_5, in_1) = rejections(&arrival, threads, 10 * NANOS_PER_S, measure);
            // Of 200 samples 10 are expected beyond the first limit and 2 beyond the second; a right schedule strays
            // outside of these bounds less than once in 1,000 times.
            assert!(
                (1..=21).contains(&in_5) && in_1 <= 8,
                "{in_5} and {in_1} of {SEEDS} rejected, {threads} threads: {arrival:?}"
            );
        }
    }
}

#[test]
fn the_test_of_gaps_sees_what_is_not_exponential() {
    let all = usize::try_from(SEEDS).unwrap();
    let plain = |at: Nanos| at as f64 / 1e6;
    let in_step = open(Process::Constant, 1000.0);
    assert_eq!(rejections(&in_step, 4, 2 * NANOS_PER_S, plain), (all, all));
    let not_rescaled = staged(Process::Poisson, &[ramp(0.0, 2000.0, 2)]);
    assert_eq!(
        rejections(&not_rescaled, 1, 4 * NANOS_PER_S, plain),
        (all, all)
    );
    // A mean that is off by a fifth escapes in one of 200 samples at the stricter limit.
    let slow = open(Process::Poisson, 800.0);
    let (in_5, in_1) = rejections(&slow, 1, 4 * NANOS_PER_S, plain);
    assert!(in_5 >= in_1 && in_1 > all * 9 / 10, "{in_5} and {in_1}");
}

#[test]
fn poisson_counts_have_the_rate_as_mean_and_as_variance() {
    let arrivals = due(&open(Process::Poisson, 1000.0), 3, 2, 100 * NANOS_PER_S);
    let counts = counts(&arrivals, 100 * MS, 1000);
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
fn a_ramp_has_as_many_arrivals_as_the_area_below_it() {
    let stages = [ramp(0.0, 2000.0, 2), ramp(2000.0, 500.0, 1)];
    let profile = Profile::new(&stages).unwrap();
    let expected = |stretch: usize| {
        let from_ns = stretch as u64 * 100 * MS;
        profile.cumulative(from_ns + 100 * MS) - profile.cumulative(from_ns)
    };
    let constant = due(&staged(Process::Constant, &stages), 1, 2, 3 * NANOS_PER_S);
    assert_eq!(constant.len(), 2000 + 1250);
    for (stretch, count) in counts(&constant, 100 * MS, 30).into_iter().enumerate() {
        assert!(
            (count - expected(stretch)).abs() < 1.0,
            "{count} in stretch {stretch}, not {}",
            expected(stretch)
        );
    }
    // The mean of 100 seeds has a tenth of a Poisson count's standard deviation; four of them are allowed.
    let poisson = staged(Process::Poisson, &stages);
    let mut sums = vec![0.0; 30];
    for seed in 0..100 {
        let times = due(&poisson, seed, 2, 3 * NANOS_PER_S);
        for (sum, count) in sums.iter_mut().zip(counts(&times, 100 * MS, 30)) {
            *sum += count;
        }
    }
    for (stretch, sum) in sums.into_iter().enumerate() {
        let allowed = 4.0 * expected(stretch).sqrt() / 10.0;
        assert!(
            (sum / 100.0 - expected(stretch)).abs() <= allowed,
            "{} in stretch {stretch}, not {}",
            sum / 100.0,
            expected(stretch)
        );
    }
}

#[test]
fn a_burst_is_a_burst_in_every_period_and_every_repetition() {
    let bursts = staged(Process::Constant, &[BURSTS]);
    for threads in [1, 3] {
        let times = due(&bursts, 1, threads, 30 * NANOS_PER_S);
        for (tenth, count) in counts(&times, 100 * MS, 300).into_iter().enumerate() {
            let expected = if tenth % 5 == 0 { 100.0 } else { 10.0 };
            assert_eq!(count, expected, "tenth {tenth}");
        }
    }
}

#[test]
fn the_profile_begins_with_the_measurement_and_warm_up_runs_at_its_mean() {
    let warmup_ns = 333 * MS;
    for stages in [[ramp(0.0, 1000.0, 1)], [BURSTS]] {
        let arrival = staged(Process::Constant, &stages);
        let cold = due(&arrival, 1, 2, 4 * NANOS_PER_S);
        let warm = Load {
            warmup: Duration::from_nanos(warmup_ns),
            ..load(&arrival, 1)
        };
        let times = due_under(&warm, 2, warmup_ns + 4 * NANOS_PER_S);
        let (during, after) = times.split_at(times.partition_point(|&at| at < warmup_ns));
        let mean_per_s = Profile::new(&stages).unwrap().mean().as_per_s();
        assert_eq!(during.len() as f64, (mean_per_s * 0.333).round());
        let after: Vec<Nanos> = after.iter().map(|at| at - warmup_ns).collect();
        assert_eq!(after, cold);
    }
}

#[test]
fn a_warm_up_too_short_for_an_arrival_has_none() {
    let warm = Load {
        warmup: Duration::from_nanos(1),
        ..load(&staged(Process::Constant, &[BURSTS]), 1)
    };
    assert_eq!(Schedule::new(&warm, 0, 1).unwrap().next(), Some(1));
}

#[test]
fn the_rarest_and_the_densest_arrivals_keep_their_order() {
    let first = |per_s| -> Vec<Nanos> {
        let load = load(&open(Process::Constant, per_s), 1);
        Schedule::new(&load, 0, 1).unwrap().take(3).collect()
    };
    assert_eq!(first(MAX_RATE_PER_S), [0, 1, 2]);
    assert_eq!(
        first(1e-9),
        [0, NANOS_PER_S * NANOS_PER_S, 2 * NANOS_PER_S * NANOS_PER_S]
    );
    assert_eq!(first(f64::MIN_POSITIVE), [0, Nanos::MAX, Nanos::MAX]);
    for per_s in [f64::MIN_POSITIVE, 1e-9, MAX_RATE_PER_S] {
        let load = load(&open(Process::Poisson, per_s), 1);
        let schedule = Schedule::new(&load, 0, 1).unwrap();
        let times: Vec<Nanos> = schedule.take(1000).collect();
        assert!(times.is_sorted(), "{per_s}");
    }
}

#[test]
fn an_hour_of_arrivals_is_made_one_by_one() {
    let hour = [ramp(0.0, 500.0, 3600)];
    let arrival = staged(Process::Constant, &hour);
    let load = load(&arrival, 1);
    let mut schedule = Schedule::new(&load, 0, 1).unwrap();
    let (mut count, mut last) = (0_u32, 0);
    for at in schedule.by_ref().take_while(|&at| at < 3600 * NANOS_PER_S) {
        count += 1;
        last = at;
    }
    assert_eq!(count, 900_000);
    assert!(last > 3599 * NANOS_PER_S);
    // It holds no collection that could have grown: what it is made of is this, a profile it shares, a generator and whose turn it is.
    assert!(size_of::<Schedule>() <= 72, "{}", size_of::<Schedule>());
}

/// What is left of all parts of each thread, sorted.
fn due_of_parts(load: &Load, threads: u32, parts: u32, until_ns: Nanos) -> Vec<Nanos> {
    let shares = (0..threads).flat_map(|thread| (0..parts).map(move |index| (thread, index)));
    let mut all: Vec<Nanos> = shares
        .flat_map(|(thread, index)| {
            let schedule = Schedule::new(load, thread, threads).unwrap();
            let part = Part::new(index, parts).unwrap();
            schedule.part(part).take_while(|&at| at < until_ns)
        })
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn a_closed_loop_has_no_schedule() {
    assert!(Schedule::new(&load(&Arrival::Closed, 1), 0, 1).is_none());
}

proptest! {
    #[test]
    fn due_times_never_decrease(
        rates in proptest::collection::vec(prop_oneof![Just(0.0), 0.1..1e5_f64, Just(MAX_RATE_PER_S)], 2..6),
        length_ns in 1_000_000..10_000_000_000_u64,
        process in prop_oneof![Just(Process::Constant), Just(Process::Poisson)],
        warmup_ns in 0..2_000_000_000_u64,
        seed in any::<u64>(),
        threads in 1..9_u32,
    ) {
        let stages: Vec<Stage> = rates
            .windows(2)
            .map(|pair| Stage::Ramp { from_per_s: pair[0], to_per_s: pair[1], duration: Duration::from_nanos(length_ns) })
            .collect();
        let Ok(profile) = Profile::new(&stages) else { return Ok(()) };
        let warm = Load {
            warmup: Duration::from_nanos(warmup_ns),
            ..load(&Arrival::Staged { profile, process }, seed)
        };
        for thread in 0..threads {
            let times: Vec<Nanos> = Schedule::new(&warm, thread, threads).unwrap().take(500).collect();
            prop_assert!(times.is_sorted(), "{:?}", times);
        }
    }

    #[test]
    fn parts_together_are_the_whole_and_one_part_is_the_same(
        rates in proptest::collection::vec(0.0..2e3_f64, 1..4),
        process in prop_oneof![Just(Process::Constant), Just(Process::Poisson)],
        warmup_ns in 0..500_000_000_u64,
        seed in any::<u64>(),
        threads in 1..4_u32,
        parts in 1..9_u32,
    ) {
        let stages: Vec<Stage> = rates.iter().map(|&rate| ramp(rate, 100.0, 1)).collect();
        let arrivals = [open(process, 1000.0), staged(process, &stages), Arrival::Listed { times: [0, 5, 5, 9].into() }];
        for arrival in arrivals {
            let warm = Load { warmup: Duration::from_nanos(warmup_ns), ..load(&arrival, seed) };
            let whole = due_under(&warm, threads, 2 * NANOS_PER_S);
            prop_assert_eq!(due_of_parts(&warm, threads, parts, 2 * NANOS_PER_S), whole);
            let first = Schedule::new(&warm, 0, threads).unwrap();
            let same = first.clone().part(Part::WHOLE);
            prop_assert!(first.take(100).eq(same.take(100)));
        }
    }
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

#[test]
fn listed_times_are_shared_by_threads_in_their_order_and_end() {
    let times = [0, 5, 5, 1_000_000_007, 3_600_000_000_001];
    let load = load(
        &Arrival::Listed {
            times: times.into(),
        },
        1,
    );
    let of = |thread, threads| {
        let schedule = Schedule::new(&load, thread, threads).unwrap();
        schedule.take(6).collect::<Vec<_>>()
    };
    assert_eq!(of(0, 1)[..5], times);
    assert_eq!(of(0, 1)[5], Nanos::MAX);
    assert_eq!(of(0, 2)[..3], [0, 5, 3_600_000_000_001]);
    assert_eq!(of(1, 2)[..3], [5, 1_000_000_007, Nanos::MAX]);
}
