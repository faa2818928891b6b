//! Profiles at their limits, and Λ against its inverse.
#![expect(
    clippy::float_cmp,
    reason = "counts and times that are whole numbers are exact, and are meant to be"
)]

use super::*;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const SECOND_NS: Nanos = NANOS_PER_S;

fn step(rate_per_s: f64, duration: Duration) -> Stage {
    Stage::Step {
        rate_per_s,
        duration,
    }
}

fn ramp(from_per_s: f64, to_per_s: f64, duration: Duration) -> Stage {
    Stage::Ramp {
        from_per_s,
        to_per_s,
        duration,
    }
}

/// A hundred in the first tenth of every half second, forty in the rest.
fn bursts(duration: Duration) -> Stage {
    Stage::Burst {
        base_per_s: 100.0,
        burst_per_s: 1000.0,
        period: 500 * MS,
        burst_for: 100 * MS,
        duration,
    }
}

/// Λ at these times, in milliseconds, and back.
fn check(stages: &[Stage], points: &[(u64, f64)]) {
    let profile = Profile::new(stages).unwrap();
    for &(at_ms, count) in points {
        let at_ns = at_ms * 1_000_000;
        assert_eq!(
            profile.cumulative(at_ns),
            count,
            "at {at_ms} ms: {stages:?}"
        );
        let back_ns = profile.inverse(count);
        assert!(
            (back_ns - at_ns as f64).abs() < 1e-3,
            "{count} arrivals: {back_ns} ns, not {at_ns}: {stages:?}"
        );
    }
}

#[test]
fn each_kind_of_stage_counts_exactly_and_repeats() {
    check(
        &[step(300.0, SECOND)],
        &[(0, 0.0), (10, 3.0), (1000, 300.0), (2500, 750.0)],
    );
    check(
        &[ramp(0.0, 1000.0, 2 * SECOND)],
        &[(0, 0.0), (1000, 250.0), (2000, 1000.0), (3000, 1250.0)],
    );
    check(
        &[ramp(1000.0, 0.0, 2 * SECOND)],
        &[(0, 0.0), (1000, 750.0), (2000, 1000.0), (3000, 1750.0)],
    );
    check(
        &[ramp(70.0, 70.0, SECOND)],
        &[(0, 0.0), (100, 7.0), (1000, 70.0)],
    );
    check(
        &[bursts(SECOND)],
        &[
            (0, 0.0),
            (50, 50.0),
            (100, 100.0),
            (300, 120.0),
            (500, 140.0),
            (550, 190.0),
            (1000, 280.0),
            (1100, 380.0),
        ],
    );
    let several = [
        step(100.0, SECOND),
        ramp(100.0, 300.0, SECOND),
        bursts(SECOND),
    ];
    check(
        &several,
        &[
            (1000, 100.0),
            (1500, 175.0),
            (2000, 300.0),
            (2100, 400.0),
            (3000, 580.0),
            (4000, 680.0),
        ],
    );
}

#[test]
fn a_burst_stage_may_end_within_a_period() {
    check(
        &[bursts(550 * MS), step(10.0, 450 * MS)],
        &[(550, 190.0), (1000, 194.5), (1050, 244.5)],
    );
}

#[test]
fn an_arrival_is_due_after_a_silence_and_never_in_it() {
    let profile =
        Profile::new(&[step(0.0, SECOND), step(10.0, SECOND), step(0.0, SECOND)]).unwrap();
    let due_ms = |count| profile.inverse(count) / 1e6;
    assert_eq!(
        [
            due_ms(0.0),
            due_ms(9.0),
            due_ms(10.0),
            due_ms(19.0),
            due_ms(20.0)
        ],
        [1000.0, 1900.0, 4000.0, 4900.0, 7000.0]
    );

    let silent_base = Stage::Burst {
        base_per_s: 0.0,
        burst_per_s: 100.0,
        period: 500 * MS,
        burst_for: 100 * MS,
        duration: SECOND,
    };
    let profile = Profile::new(&[silent_base]).unwrap();
    let due_ms: Vec<f64> = [0.0, 9.0, 10.0, 19.0, 20.0]
        .map(|count| profile.inverse(count) / 1e6)
        .to_vec();
    assert_eq!(due_ms, [0.0, 90.0, 500.0, 590.0, 1000.0]);
}

#[test]
fn the_mean_is_over_all_stages() {
    let profile = Profile::new(&[ramp(0.0, 1000.0, 2 * SECOND), step(0.0, 2 * SECOND)]).unwrap();
    assert_eq!(
        (profile.mean().as_per_s(), profile.length()),
        (250.0, 4 * SECOND)
    );
    let fastest = Profile::new(&[step(MAX_RATE_PER_S, MAX_DURATION)]).unwrap();
    assert_eq!(fastest.mean().as_per_s(), MAX_RATE_PER_S);
}

#[test]
fn the_highest_rate_has_an_arrival_each_nanosecond_even_after_a_week() {
    let profile = Profile::new(&[step(MAX_RATE_PER_S, SECOND)]).unwrap();
    for count in [
        0,
        1,
        SECOND_NS - 1,
        SECOND_NS,
        7 * 24 * 3600 * SECOND_NS - 1,
    ] {
        assert_eq!(profile.inverse(count as f64), count as f64);
    }
}

#[test]
fn the_number_of_stages_their_rates_and_their_length_are_bounded() {
    let new = |stages: &[Stage]| Profile::new(stages).map(|profile| profile.length());
    assert_eq!(new(&[step(1.0, SECOND); MAX_STAGES]), Ok(64 * SECOND));
    assert_eq!(
        new(&[step(1.0, SECOND); MAX_STAGES + 1]),
        Err(ProfileError::Stages { count: 65 })
    );
    assert_eq!(new(&[]), Err(ProfileError::Stages { count: 0 }));

    assert!(new(&[ramp(0.0, MAX_RATE_PER_S, SECOND)]).is_ok());
    for value in [-1.0, MAX_RATE_PER_S * 1.001, f64::INFINITY] {
        assert_eq!(
            new(&[step(1.0, SECOND), ramp(1.0, value, SECOND)]),
            Err(ProfileError::Rate {
                stage: 1,
                key: "to_per_s",
                value
            })
        );
    }
    assert!(matches!(
        new(&[step(f64::NAN, SECOND)]),
        Err(ProfileError::Rate {
            key: "rate_per_s",
            ..
        })
    ));

    let longest = MAX_DURATION.checked_sub(SECOND).unwrap();
    assert!(new(&[step(1.0, SECOND), step(1.0, longest)]).is_ok());
    assert_eq!(
        new(&[
            step(1.0, SECOND),
            step(1.0, longest + Duration::from_nanos(1))
        ]),
        Err(ProfileError::TooLong)
    );
    assert_eq!(
        new(&[step(1.0, Duration::MAX), step(1.0, Duration::MAX)]),
        Err(ProfileError::TooLong)
    );
    assert_eq!(
        new(&[step(1.0, Duration::ZERO)]),
        Err(ProfileError::NoTime {
            stage: 0,
            key: "duration"
        })
    );

    assert!(new(&[step(1.0, SECOND)]).is_ok(), "one arrival is one");
    assert_eq!(new(&[step(0.999, SECOND)]), Err(ProfileError::Silent));
    assert_eq!(new(&[ramp(0.0, 0.0, SECOND)]), Err(ProfileError::Silent));
}

#[test]
fn a_burst_is_higher_than_its_base_and_shorter_than_its_period_which_fits_the_stage() {
    let new = |burst_per_s, burst_for, period, duration| {
        let burst = Stage::Burst {
            base_per_s: 100.0,
            burst_per_s,
            period,
            burst_for,
            duration,
        };
        Profile::new(&[burst]).map(|_| ())
    };
    let tick = Duration::from_nanos(1);
    assert_eq!(
        new(101.0, Duration::from_nanos(SECOND_NS - 1), SECOND, SECOND),
        Ok(())
    );
    assert_eq!(
        new(100.0, MS, SECOND, SECOND),
        Err(ProfileError::LowBurst { stage: 0 })
    );
    assert_eq!(
        new(101.0, SECOND, SECOND, SECOND),
        Err(ProfileError::LongBurst { stage: 0 })
    );
    assert_eq!(
        new(101.0, MS, SECOND + tick, SECOND),
        Err(ProfileError::LongPeriod { stage: 0 })
    );
    assert_eq!(
        new(101.0, Duration::ZERO, SECOND, SECOND),
        Err(ProfileError::NoTime {
            stage: 0,
            key: "burst_for"
        })
    );
}

proptest! {
    #[test]
    fn a_count_is_reached_in_the_nanosecond_that_the_inverse_names(profile in profiles(), rounds in 0.0..3.0_f64) {
        let count = rounds * profile.0.arrivals;
        let at_ns = profile.inverse(count);
        prop_assert!(at_ns.is_finite() && at_ns >= 0.0);
        // As many nanoseconds to either side as an `f64` of this size may be off, and what the counts may be.
        let slack = 1e-9 * (1.0 + count);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "three profiles of minutes are few nanoseconds, and none of them negative")]
        let whole = at_ns as Nanos;
        prop_assert!(profile.cumulative(whole.saturating_sub(1)) <= count + slack, "{count} at {at_ns}");
        prop_assert!(profile.cumulative(whole + 2) >= count - slack, "{count} at {at_ns}");
    }

    #[test]
    fn later_arrivals_are_due_later(profile in profiles(), rounds in 0.0..3.0_f64, more in 0.0..1.0_f64) {
        let (one, other) = (rounds * profile.0.arrivals, (rounds + more) * profile.0.arrivals);
        // But for the last digits of a square root.
        prop_assert!(profile.inverse(one) <= profile.inverse(other) * (1.0 + 1e-12));
    }
}

fn profiles() -> impl Strategy<Value = Profile> {
    proptest::collection::vec(stages(), 1..6)
        .prop_filter_map("at least one arrival", |stages| Profile::new(&stages).ok())
}

/// Stages of all kinds, silence included, from a millisecond to minutes.
fn stages() -> impl Strategy<Value = Stage> {
    let rate = || prop_oneof![Just(0.0), 0.001..1e6_f64, Just(MAX_RATE_PER_S)];
    let time = || (1_000_000..100_000_000_000_u64).prop_map(Duration::from_nanos);
    prop_oneof![
        (rate(), time()).prop_map(|(rate_per_s, duration)| step(rate_per_s, duration)),
        (rate(), rate(), time()).prop_map(|(from, to, duration)| ramp(from, to, duration)),
        (rate(), 1.0..1e6_f64, time(), 0.01..0.99_f64, 1.0..20.0_f64).prop_map(
            |(base_per_s, more, period, share, periods)| Stage::Burst {
                base_per_s,
                burst_per_s: base_per_s + more,
                period,
                burst_for: period.mul_f64(share),
                duration: period.mul_f64(periods),
            }
        ),
    ]
}

#[test]
fn scaled_stages_count_as_much_more_and_no_rate_passes_the_limit() {
    let stages = [step(2.0, SECOND), ramp(0.0, 4.0, SECOND), bursts(SECOND)];
    let profile = Profile::new(&stages).unwrap();
    let scaled = profile.scaled(2.5);
    assert_eq!(scaled.length(), profile.length());
    for at_ns in (0..=3 * SECOND_NS).step_by(100_000_000) {
        let (ours, theirs) = (scaled.cumulative(at_ns), profile.cumulative(at_ns));
        assert!(
            (ours - 2.5 * theirs).abs() < 1e-9,
            "{at_ns}: {ours} {theirs}"
        );
    }
    // Less than one arrival is no reason to refuse what was measured.
    assert_eq!(profile.scaled(1e-6).cumulative(SECOND_NS), 2e-6);
    let most = profile.scaled(f64::MAX).mean();
    assert!(most.as_per_s() <= MAX_RATE_PER_S);
}

#[test]
fn load_eases_where_the_last_step_is_below_one_above_it() {
    let eases = |stages: &[Stage]| Profile::new(stages).unwrap().eases_at();
    let (low, high) = (step(1.0, SECOND), step(2.0, SECOND));
    assert_eq!(eases(&[low, high, low]), Some(2 * SECOND_NS));
    assert_eq!(eases(&[high, low]), Some(SECOND_NS));
    assert_eq!(eases(&[low, high]), None);
    assert_eq!(eases(&[low]), None);
    assert_eq!(eases(&[high, low, ramp(1.0, 0.0, SECOND)]), None);
}
