//! The real program, started by a test, waited for and ended.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "helpers of tests may fail them, and wait for other processes"
)]

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longest wait for anything: far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where `bench` is: `BENCH_PROGRAM` names another than the one that cargo built for the tests, the released one say.
pub(crate) fn path() -> PathBuf {
    std::env::var_os("BENCH_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_bench").into(), PathBuf::from)
}

/// `bench` with these arguments, without colours, and with what it prints kept.
pub(crate) fn bench(args: &[&str]) -> Command {
    let mut command = Command::new(path());
    command
        .args(args)
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits for the end of a program, and shows what it printed where the test fails.
pub(crate) fn end(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    println!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Waits until `ready` gives something, as long as [`PATIENCE`] allows.
pub(crate) fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}
