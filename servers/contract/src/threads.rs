//! Threads that can't be started.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::{fs, io};

use rustix::param::page_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use spec::Settings;

/// Far more than fit into the memory that is allowed: the stack of each has 2 MiB.
const WORKERS: NonZeroUsize = NonZeroUsize::new(1_000).expect("it is not 0");
const ALLOWED_BYTES: u64 = 256 * 1024 * 1024;

/// Checks that a server that can't start a thread for each of its workers says so, before it says that it listens. `serve` gets, as its
/// last parameter, what to call with the bound address.
///
/// The limit is this very process's: the test that calls this must be the only one of its binary.
pub fn check_thread_limit(
    serve: impl FnOnce(&Settings, &mut dyn FnMut(SocketAddr)) -> io::Result<()>,
) {
    let settings = Settings {
        workers: WORKERS,
        ..Settings::new(([127, 0, 0, 1], 0).into())
    };
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let before = getrlimit(Resource::As);
    let limit = Rlimit {
        current: Some(pages * page_size() as u64 + ALLOWED_BYTES),
        ..before
    };
    setrlimit(Resource::As, limit).unwrap();
    let served = serve(&settings, &mut |addr| panic!("it listens on {addr}"));
    setrlimit(Resource::As, before).unwrap();
    let error = served.unwrap_err().to_string();
    assert!(
        error.starts_with("can't start ") && error.contains("ulimit -u"),
        "{error}"
    );
}
