//! What the made-up records have in common: servers by their characters, the machine, and chance.

use std::collections::BTreeMap;

use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use model::record::surroundings::Environment;
use model::record::target::Manifest;
use model::spec::scenario::Scenario;
use model::spec::target::TargetSpec;

pub(crate) const SEED: u64 = 1;

pub(crate) fn built_in(name: &str) -> Scenario {
    Scenario::built_in(name).expect("it is built in")
}

/// A made-up target: how long its requests take and what they cost.
pub(crate) struct Character {
    /// What it adds to the time that a request waits, in milliseconds.
    pub(crate) overhead_ms: f64,
    pub(crate) cpu_us_per_request: f64,
    pub(crate) rss_bytes: f64,
    pub(crate) run_queue_mean: f64,
    pub(crate) manifest: Manifest,
}

pub(crate) fn character(name: &str) -> Character {
    let manifest = |runtime: &str, version: &str, event_loop: &str| Manifest {
        kind: name.to_owned(),
        runtime: runtime.to_owned(),
        version: version.to_owned(),
        event_loop: event_loop.to_owned(),
        workers: 1,
        pool_threads: 4,
        factors: TargetSpec::parse(name)
            .ok()
            .and_then(|target| target.kind.manifest()?.factors),
        versions: BTreeMap::new(),
        source: String::new(),
    };
    match name {
        "callback" => Character {
            overhead_ms: 0.21,
            cpu_us_per_request: 41.0,
            rss_bytes: 6.1e6,
            run_queue_mean: 0.012,
            manifest: manifest("evloop", "0.1.0", "evloop on mio"),
        },
        "callback-asyncio" => Character {
            overhead_ms: 0.22,
            cpu_us_per_request: 47.0,
            rss_bytes: 6.2e6,
            run_queue_mean: 0.013,
            manifest: manifest("mio", "1.2.0", "asyncio-style loop"),
        },
        "coroutine-libuv" => Character {
            overhead_ms: 0.22,
            cpu_us_per_request: 44.0,
            rss_bytes: 6.9e6,
            run_queue_mean: 0.014,
            manifest: manifest("mio", "1.2.0", "libuv-style loop"),
        },
        "coroutine-asyncio" => Character {
            overhead_ms: 0.25,
            cpu_us_per_request: 60.0,
            rss_bytes: 7.1e6,
            run_queue_mean: 0.021,
            manifest: manifest("mio", "1.2.0", "asyncio-style loop"),
        },
        _ => Character {
            overhead_ms: 0.28,
            cpu_us_per_request: 50.0,
            rss_bytes: 8.4e6,
            run_queue_mean: 0.019,
            manifest: manifest("tokio", "1.54.0", "tokio multi_thread"),
        },
    }
}

pub(crate) fn environment() -> Environment {
    Environment {
        services: Vec::new(),
        generators: Vec::new(),
        servers: None,
        kernel: "Linux 6.12.0".to_owned(),
        cpu_model: "Made-up Processor 3000".to_owned(),
        cores: 2,
        governor: Some("performance".to_owned()),
        memory_bytes: 8 << 30,
        open_files_max: 1_048_576,
        load_average: Some(0.15),
        steal_share: Some(0.0),
        throttled_periods: Some(0),
        cpu_quota_cores: None,
        virtualization: None,
        binary_sha256: "00".repeat(32),
    }
}

pub(crate) fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    StandardNormal.sample(random)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up times and sizes are positive and small"
)]
pub(crate) fn whole_number(value: f64) -> u64 {
    value as u64
}
