//! What one arrival costs the generator thread that asks for it: `cargo run --release -p load --example schedule_cost`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures and says what it found"
)]

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use load::pacer::Pacer;
use model::spec::load::{Arrival, Connect, Load, Process, Profile, Stage};
use model::spec::schedule::Schedule;
use model::units::{Nanos, Rate};

const ARRIVALS: usize = 2_000_000;
const REPEATS: usize = 5;

fn main() {
    let second = Duration::from_secs(1);
    let ramp = Stage::Ramp {
        from_per_s: 100.0,
        to_per_s: 10_000.0,
        duration: second,
    };
    let burst = Stage::Burst {
        base_per_s: 200.0,
        burst_per_s: 20_000.0,
        period: second / 4,
        burst_for: second / 50,
        duration: second,
    };
    let many: Vec<Stage> = [ramp, burst].repeat(32);
    for process in [Process::Constant, Process::Poisson] {
        let rate = Rate::per_s(1000.0).expect("a rate");
        show("one rate", Arrival::Open { rate, process });
        for (name, stages) in [
            ("a ramp", &[ramp][..]),
            ("bursts", &[burst][..]),
            ("64 stages", &many[..]),
        ] {
            let profile = Profile::new(stages).expect("the stages are within their bounds");
            show(name, Arrival::Staged { profile, process });
        }
    }
}

/// The fastest of several repeats: what the work takes where nobody else disturbs it.
fn show(what: &str, arrival: Arrival) {
    let name = arrival.name();
    let load = Load {
        arrival,
        connections: NonZeroU32::MIN,
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(1),
        drain: Duration::ZERO,
        timeout: Duration::from_secs(1),
        request_limit: None,
        interval: Duration::from_secs(1),
        seed: 1,
        goodput: None,
    };
    let cheapest_ns = (0..REPEATS)
        .map(|_| {
            let schedule = Schedule::new(&load, 0, 1).expect("it is no closed loop");
            let begun = Instant::now();
            let sum = Pacer::new(schedule, Nanos::MAX)
                .into_rest(|| false)
                .take(ARRIVALS)
                .fold(0, Nanos::wrapping_add);
            std::hint::black_box(sum);
            begun.elapsed().as_nanos() as f64 / ARRIVALS as f64
        })
        .fold(f64::INFINITY, f64::min);
    println!("{name:8}  {what:9}  {cheapest_ns:5.1} ns an arrival");
}
