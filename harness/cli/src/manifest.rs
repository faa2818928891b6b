//! Who a target is: runtime, version, loop and workers, as they stand in every legend and record.

use bench_core::record::{Manifest, Pinning};
use bench_core::target::Kind;
use serde::Deserialize;

/// The versions that this program was built with.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// Threads of the pool for blocking work, the same for every server: libuv's default.
pub(crate) const POOL_THREADS: u32 = 4;

/// The manifest of a target under this pinning: servers with more than one worker get one for each of their cores.
pub(crate) fn of(kind: &Kind, pinning: &Pinning) -> Manifest {
    let cores = u32::try_from(pinning.server_cpus.len())
        .unwrap_or(u32::MAX)
        .max(1);
    let (runtime, version, event_loop, workers) = match kind {
        Kind::Callback => ("mio", version_of("mio"), "libuv-style loop", 1),
        Kind::CallbackCluster => (
            "mio",
            version_of("mio"),
            "libuv-style loops, one a core",
            cores,
        ),
        Kind::Coroutine => ("tokio", version_of("tokio"), "work stealing", cores),
        Kind::CoroutineSingle => ("tokio", version_of("tokio"), "one thread", 1),
        Kind::Url(url) => ("running at", url.authority(), "unknown", 0),
    };
    Manifest {
        kind: kind.name().to_owned(),
        runtime: runtime.to_owned(),
        version,
        event_loop: event_loop.to_owned(),
        workers,
        pool_threads: if workers == 0 { 0 } else { POOL_THREADS },
    }
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

fn version_of(name: &str) -> String {
    let lock: Lock = toml::from_str(LOCK).expect("cargo writes its lock file as TOML");
    let package = lock
        .package
        .into_iter()
        .find(|package| package.name == name);
    package
        .expect("the lock file names every dependency")
        .version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_names_runtime_version_loop_and_workers() {
        let pinning = Pinning {
            server_cpus: vec![2, 3],
            load_cpus: vec![0, 1],
        };
        let coroutine = of(&Kind::Coroutine, &pinning);
        assert!(coroutine.version.starts_with("1."), "{coroutine:?}");
        assert_eq!(
            (
                coroutine.runtime.as_str(),
                coroutine.workers,
                of(&Kind::Callback, &pinning).workers
            ),
            ("tokio", 2, 1)
        );
    }
}
