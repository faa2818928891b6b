//! Reading a server's meters: CPU time, memory, threads, context switches, over all of its processes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bench_core::units::{NANOS_PER_S, Nanos};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use procfs::process::Process;

/// The meters of everything below one supervisor: a server, and whatever it forks.
///
/// A process that has ended keeps counting with what was last read of it, so that no total ever falls; what it spent after
/// that reading is lost, as is a process that lived and died between two looks ([`Meters::look`]).
#[derive(Debug)]
pub(crate) struct Meters {
    /// The parent of them all, itself no part of the server.
    supervisor: i32,
    /// CPU time and the other meters as last read, by process id.
    known: Mutex<BTreeMap<i32, Known>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    cpu_ns: Nanos,
    reading: Reading,
}

impl Meters {
    /// The meters of what `supervisor` has started so far.
    pub(crate) fn below(supervisor: i32) -> Self {
        let meters = Self {
            supervisor,
            known: Mutex::default(),
        };
        meters.look();
        meters
    }

    /// Looks for processes that have joined since.
    pub(crate) fn look(&self) {
        let found = descendants(self.supervisor);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for pid in found {
            known.entry(pid).or_default();
        }
    }

    /// CPU time of all known processes, all of their threads together, in nanoseconds.
    ///
    /// Two system calls a process, exact to the nanosecond: cheap enough for a generator thread.
    pub(crate) fn cpu_ns(&self) -> Nanos {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .iter_mut()
            .map(|(&pid, known)| {
                known.cpu_ns = cpu_ns(pid).unwrap_or(known.cpu_ns);
                known.cpu_ns
            })
            .sum()
    }

    /// What `/proc` tells of all known processes, summed. Memory and threads are those of the living; none lives, none is
    /// told.
    pub(crate) fn reading(&self) -> Option<Reading> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = Reading::default();
        let mut lives = false;
        for (&pid, known) in known.iter_mut() {
            if let Some(reading) = reading(pid) {
                lives = true;
                known.reading = reading;
                sum.rss_bytes += reading.rss_bytes;
                sum.rss_bytes_max += reading.rss_bytes_max;
                sum.threads += reading.threads;
            }
            sum.user_ticks += known.reading.user_ticks;
            sum.system_ticks += known.reading.system_ticks;
            sum.switches_voluntary += known.reading.switches_voluntary;
            sum.switches_involuntary += known.reading.switches_involuntary;
        }
        lives.then_some(sum)
    }
}

/// Every living process below `pid`, in no particular order.
pub(crate) fn descendants(pid: i32) -> Vec<i32> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}

/// The children of all threads of a process (`/proc/PID/task/TID/children`), those that have ended left out.
fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = Process::new(pid).and_then(|process| process.tasks()) else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter_map(|task| task.children().ok())
        .flatten()
        .filter_map(|child| i32::try_from(child).ok())
        .filter(|&child| {
            Process::new(child)
                .and_then(|process| process.stat())
                .is_ok_and(|stat| stat.state != 'Z')
        })
        .collect()
}

/// CPU time of a process, all of its threads together, in nanoseconds (`clock_getcpuclockid(3)`); `None` once it has ended.
fn cpu_ns(pid: i32) -> Option<Nanos> {
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
fn reading(pid: i32) -> Option<Reading> {
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
