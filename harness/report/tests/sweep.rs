//! A sweep as people see it: one chart of latency against load, with every target's knee.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod outline;

use bench_core::sample;
use bench_core::sweep::knee::{Known, Limit};
use bench_core::sweep::record::{Ended, SweepRecord};
use outline::outline;
use report::charts::{load_png, load_svg};

#[test]
fn the_chart_shows_both_ways_the_objective_and_the_knees_with_their_intervals() {
    let svg = load_svg(&sample::sweep_record()).unwrap();
    insta::assert_snapshot!("sweep-chart", outline(&svg));
}

/// Sweeps of which something is missing.
fn variations() -> Vec<(&'static str, SweepRecord)> {
    let whole = sample::sweep_record();
    let of = |steps: usize, targets: &[&str]| {
        let mut plan = sample::sweep_plan(targets, 1);
        plan.asked = None;
        let mut steps = whole.steps[..steps].to_vec();
        for step in &mut steps {
            step.epochs
                .retain(|epoch| targets.contains(&epoch.target.as_str()));
        }
        let ended = Ended {
            interrupted: true,
            ..Ended::default()
        };
        SweepRecord::of(plan, steps, ended)
    };
    let mut bounded = whole.clone();
    for result in &mut bounded.results {
        (result.knee.known, result.knee.limit) = (Known::AtLeast, Some(Limit::Generator));
        (result.knee.ci_low_per_s, result.knee.ci_high_per_s) = (None, None);
    }
    vec![
        ("nothing", of(0, &["callback", "coroutine"])),
        ("one step", of(1, &["callback", "coroutine"])),
        ("part of a climb", of(5, &["callback"])),
        ("bounds only", bounded),
    ]
}

#[test]
fn whatever_is_missing_the_chart_is_drawn_and_says_so() {
    for (name, record) in variations() {
        let svg = load_svg(&record).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf "), "{name}");
        assert_eq!(svg, load_svg(&record).unwrap(), "{name}");
        assert!(load_png(&record).unwrap().starts_with(b"\x89PNG"), "{name}");
        if name == "nothing" {
            assert!(svg.contains("No data: nothing was measured"), "{name}");
        }
        if name != "bounds only" {
            assert!(svg.contains("Partial: the sweep was interrupted"), "{name}");
        }
    }
}
