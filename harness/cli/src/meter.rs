//! Reading a server's meters: CPU time, memory, threads, context switches.

use bench_core::units::{NANOS_PER_S, Nanos};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use procfs::process::Process;

/// CPU time of a process, all of its threads together, in nanoseconds; `None` once it has ended.
///
/// One system call, exact to the nanosecond (`clock_getcpuclockid(3)`): cheap enough for a generator thread.
pub(crate) fn cpu_ns(pid: i32) -> Option<Nanos> {
    clock_getcpuclockid(Pid::from_raw(pid)).ok().and_then(read)
}

fn read(clock: ClockId) -> Option<Nanos> {
    let time = clock_gettime(clock).ok()?;
    Some(u64::try_from(time.tv_sec()).ok()? * NANOS_PER_S + u64::try_from(time.tv_nsec()).ok()?)
}

/// What `/proc` tells of a process at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// CPU time in user mode, in clock ticks.
    pub(crate) user_ticks: u64,
    /// CPU time in the kernel, in clock ticks.
    pub(crate) system_ticks: u64,
    /// Resident set in bytes.
    pub(crate) rss_bytes: u64,
    /// Largest resident set so far in bytes.
    pub(crate) rss_bytes_max: u64,
    /// Threads.
    pub(crate) threads: u32,
    /// Voluntary context switches of the threads that live.
    pub(crate) switches_voluntary: u64,
    /// Involuntary ones.
    pub(crate) switches_involuntary: u64,
}

/// Reads a process; `None` once it has ended.
pub(crate) fn reading(pid: i32) -> Option<Reading> {
    let process = Process::new(pid).ok()?;
    let stat = process.stat().ok()?;
    let status = process.status().ok()?;
    let mut reading = Reading {
        user_ticks: stat.utime,
        system_ticks: stat.stime,
        rss_bytes: status.vmrss? * 1024,
        rss_bytes_max: status.vmhwm? * 1024,
        threads: u32::try_from(stat.num_threads).ok()?,
        ..Reading::default()
    };
    for task in process.tasks().ok()?.flatten() {
        // A thread may end while it is read; its switches are then lost, as the kernel loses them.
        if let Ok(status) = task.status() {
            reading.switches_voluntary += status.voluntary_ctxt_switches.unwrap_or_default();
            reading.switches_involuntary += status.nonvoluntary_ctxt_switches.unwrap_or_default();
        }
    }
    Some(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read_and_one_that_does_not_exist_cannot() {
        let pid = std::process::id().cast_signed();
        assert!(cpu_ns(pid).is_some_and(|ns| ns > 0));
        let reading = reading(pid).unwrap();
        assert!(
            reading.rss_bytes > 0
                && reading.rss_bytes <= reading.rss_bytes_max
                && reading.threads >= 1
        );
        // Above the kernel's largest process id (`PID_MAX_LIMIT`, 2^22).
        assert_eq!((cpu_ns(5_000_000), super::reading(5_000_000)), (None, None));
    }
}
