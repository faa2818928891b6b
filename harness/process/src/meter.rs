//! Reading a server's meters: CPU time, memory, threads and context switches, over all of its processes.
//!
//! **CPU time** is that of every living process, exact to the nanosecond, and that of those that have ended as the kernel
//! adds it up for their parents (`cutime` and `cstime` of proc(5), in ticks of 10 ms): a process that lived for a millisecond
//! between two looks counts as well. A parent that ignores its children learns nothing of theirs; such a process counts
//! with what was last read of it.
//!
//! **Memory** is the resident set. Of several processes the sets are added up, and what they share is counted once: how
//! much that is, the kernel tells by their proportional sets (PSS), which cost it a walk over all of their pages; so it is asked before
//! an epoch, never during one. Processes that join later count whole until then.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::record::watched::Reading;
use model::units::{NANOS_PER_S, Nanos};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use procfs::process::{Process, Stat};
use procfs::{FromRead, ticks_per_second};
use serde::{Deserialize, Serialize};

use crate::process_tree::descendants;

/// The longest `/proc/PID/stat`: 52 numbers of at most 20 digits, and a name of at most 64 bytes.
const MAX_STAT_BYTES: usize = 2048;

/// How closely a server is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Also for processes that have joined since.
    Glance,
    /// Also how much all of them share, and how long their threads waited. Costs milliseconds, of the server as well: not while it is
    /// measured.
    Whole,
}

/// What was seen of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// CPU time so far, in nanoseconds.
    pub cpu_ns: Nanos,
    /// What `/proc` tells of it; `None` once all of its processes have ended.
    pub reading: Option<Reading>,
    /// For how long its threads that live could run and waited for a core so far, summed over them; `None` where the kernel
    /// doesn't count it (`CONFIG_SCHED_INFO`), and after a glance.
    pub run_delay_ns: Option<Nanos>,
}

/// The meters of a server: everything below its supervisor, or its processes and whatever they fork.
#[derive(Debug)]
pub struct Meters(Mutex<Tree>);

#[derive(Debug)]
struct Tree {
    /// The processes above all of them.
    roots: Vec<i32>,
    /// Whether these are part of the server.
    are_members: bool,
    /// The parent of them all, where it is itself no part of the server: the account of those that ended as its children.
    above: Option<Account>,
    members: BTreeMap<i32, Member>,
    /// What was last read of those that have ended.
    gone: Reading,
    gone_cpu_ns: Nanos,
    /// CPU time of those that have ended, by whichever account knows more; never falls.
    ended_cpu_ns: Nanos,
    /// How much of all resident sets together is counted more than once.
    shared_twice_bytes: u64,
}

/// A process of the server.
#[derive(Debug)]
struct Member {
    account: Account,
    /// The clock of its CPU time.
    clock: Option<ClockId>,
    cpu_ns: Nanos,
    reading: Reading,
}

/// A process's `/proc/PID/stat`, kept open: another process that gets the same number later is not mistaken for it.
#[derive(Debug)]
struct Account(File);

impl Meters {
    /// The meters of what `supervisor` has started so far.
    pub fn below(supervisor: i32) -> Self {
        Self::new(vec![supervisor], Account::open(supervisor), false)
    }

    /// The meters of these processes, and of what they have started so far.
    pub fn of(roots: Vec<i32>) -> Self {
        Self::new(roots, None, true)
    }

    fn new(roots: Vec<i32>, above: Option<Account>, are_members: bool) -> Self {
        let meters = Self(Mutex::new(Tree {
            roots,
            are_members,
            above,
            members: BTreeMap::new(),
            gone: Reading::default(),
            gone_cpu_ns: 0,
            ended_cpu_ns: 0,
            shared_twice_bytes: 0,
        }));
        meters.see(Look::Whole);
        meters
    }

    /// Looks for processes that have joined since.
    pub fn look(&self) {
        self.tree().look();
    }

    /// Looks at the server.
    pub fn see(&self, look: Look) -> Seen {
        let mut tree = self.tree();
        tree.look();
        if look == Look::Whole {
            tree.shared_twice_bytes = tree.shared_twice_bytes();
        }
        Seen {
            cpu_ns: tree.cpu_ns(),
            reading: tree.reading(),
            run_delay_ns: (look == Look::Whole).then(|| tree.run_delay_ns()).flatten(),
        }
    }

    /// CPU time of the server so far, in nanoseconds.
    ///
    /// Two system calls a process and one for the supervisor: cheap enough for a generator thread.
    pub fn cpu_ns(&self) -> Nanos {
        self.tree().cpu_ns()
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tree {
    fn look(&mut self) {
        let roots = self.roots.iter().filter(|_| self.are_members).copied();
        let below = self.roots.iter().flat_map(|&root| descendants(root));
        for pid in roots.chain(below) {
            if !self.members.contains_key(&pid)
                && let Some(member) = Member::open(pid)
            {
                self.members.insert(pid, member);
            }
        }
    }

    fn cpu_ns(&mut self) -> Nanos {
        let mut alive_ns = 0;
        let mut reported_ns = self.above.as_ref().map_or(0, Account::ended_children_ns);
        self.members.retain(|_, member| {
            // By the file first: it alone can't be another process's.
            let Some(stat) = member.account.read() else {
                self.gone_cpu_ns += member.cpu_ns;
                self.gone.switches_voluntary += member.reading.switches_voluntary;
                self.gone.switches_involuntary += member.reading.switches_involuntary;
                return false;
            };
            member.cpu_ns = member.clock.and_then(read).unwrap_or(member.cpu_ns);
            alive_ns += member.cpu_ns;
            reported_ns += ended_children_ns(&stat);
            true
        });
        self.ended_cpu_ns = self.ended_cpu_ns.max(self.gone_cpu_ns).max(reported_ns);
        alive_ns + self.ended_cpu_ns
    }

    fn run_delay_ns(&self) -> Option<Nanos> {
        let processes = self
            .members
            .keys()
            .filter_map(|&pid| Process::new(pid).ok());
        let tasks = processes
            .filter_map(|process| process.tasks().ok())
            .flatten();
        // A thread may end while it is read.
        let each = tasks.flatten().filter_map(|task| task.schedstat().ok());
        let (ran_ns, waited_ns) = each.fold((0, 0), |(ran_ns, waited_ns), reported| {
            (
                ran_ns + reported.sum_exec_runtime,
                waited_ns + reported.run_delay,
            )
        });
        // Where it is not counted, all of it is zero, also what ran.
        (ran_ns > 0).then_some(waited_ns)
    }

    fn reading(&mut self) -> Option<Reading> {
        let mut sum = self.gone;
        let mut living = 0;
        for (&pid, member) in &mut self.members {
            let Some(reading) = member.account.read().and_then(|stat| reading(pid, &stat)) else {
                continue;
            };
            living += 1;
            member.reading = reading;
            sum.user_ticks += reading.user_ticks;
            sum.system_ticks += reading.system_ticks;
            sum.rss_bytes += reading.rss_bytes;
            sum.rss_bytes_max += reading.rss_bytes_max;
            sum.threads += reading.threads;
            sum.switches_voluntary += reading.switches_voluntary;
            sum.switches_involuntary += reading.switches_involuntary;
        }
        if let Some(stat) = self.above.as_ref().and_then(Account::read) {
            sum.user_ticks += ticks(stat.cutime);
            sum.system_ticks += ticks(stat.cstime);
        }
        if living > 1 {
            sum.rss_bytes = sum.rss_bytes.saturating_sub(self.shared_twice_bytes);
            sum.rss_bytes_max = sum.rss_bytes;
        }
        (living > 0).then_some(sum)
    }

    /// By how much the resident sets of several processes exceed what they take together.
    fn shared_twice_bytes(&self) -> u64 {
        if self.members.len() < 2 {
            return 0;
        }
        let shared = |&pid: &i32| {
            let rollup = Process::new(pid).ok()?.smaps_rollup().ok()?;
            let sums = &rollup.memory_map_rollup.0.first()?.extension.map;
            Some(sums.get("Rss")?.saturating_sub(*sums.get("Pss")?))
        };
        // Of one whose pages can't be looked at, nothing is known to be shared.
        self.members.keys().filter_map(shared).sum()
    }
}

impl Member {
    fn open(pid: i32) -> Option<Self> {
        Some(Self {
            account: Account::open(pid)?,
            clock: clock_getcpuclockid(Pid::from_raw(pid)).ok(),
            cpu_ns: 0,
            reading: Reading::default(),
        })
    }
}

impl Account {
    fn open(pid: i32) -> Option<Self> {
        File::open(format!("/proc/{pid}/stat")).ok().map(Self)
    }

    /// Reads it anew; `None` once the process is gone.
    fn read(&self) -> Option<Stat> {
        let mut bytes = [0; MAX_STAT_BYTES];
        let length = self.0.read_at(&mut bytes, 0).ok()?;
        Stat::from_read(&bytes[..length]).ok()
    }

    fn ended_children_ns(&self) -> Nanos {
        self.read().as_ref().map_or(0, ended_children_ns)
    }
}

fn ended_children_ns(stat: &Stat) -> Nanos {
    (ticks(stat.cutime) + ticks(stat.cstime)) * (NANOS_PER_S / ticks_per_second().max(1))
}

/// The kernel's counts are signed, and never negative.
fn ticks(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

fn read(clock: ClockId) -> Option<Nanos> {
    let time = clock_gettime(clock).ok()?;
    Some(u64::try_from(time.tv_sec()).ok()? * NANOS_PER_S + u64::try_from(time.tv_nsec()).ok()?)
}

/// Reads a process whose `stat` this is; `None` once it has ended.
fn reading(pid: i32, stat: &Stat) -> Option<Reading> {
    let process = Process::new(pid).ok()?;
    let status = process.status().ok()?;
    let mut reading = Reading {
        user_ticks: stat.utime + ticks(stat.cutime),
        system_ticks: stat.stime + ticks(stat.cstime),
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
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Burns this many milliseconds of CPU time, as Python counts them, without a clock on the wall.
    const BURN: &str = "import os, time\n\
        def burn(ms):\n\
        \x20   while time.process_time() < ms / 1000: pass\n";

    /// A stand-in for a supervisor: a shell above a Python program that goes on when its standard input says so.
    fn tree(program: &str) -> (Child, Meters) {
        let mut child = Command::new("sh")
            // Not the last command, so that the shell stays above it.
            .args(["-c", "python3 -c \"$0\"; true", &format!("{BURN}{program}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let meters = Meters::below(child.id().cast_signed());
        child.stdout = Some(stdout.into_inner());
        (child, meters)
    }

    /// Lets it go on, and waits for its next line.
    fn go_on(child: &mut Child) {
        use std::io::{Read, Write};
        let mut byte = [0];
        child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut byte)
            .unwrap();
    }

    /// What was burnt, and not much more.
    fn check_spent(meters: &Meters, before_ns: Nanos, burnt_ms: u64) {
        let spent_ms = (meters.cpu_ns() - before_ns) / 1_000_000;
        // Of each process that has ended, user and system time are known to 10 ms each, and `python3` may be a script that
        // starts a few before it is Python.
        let least_ms = burnt_ms - 100;
        // Starting Python costs some, and more on a busy machine; twice what was burnt would be another mistake.
        assert!(
            (least_ms..burnt_ms * 2 + 500).contains(&spent_ms),
            "{spent_ms} ms instead of {burnt_ms}"
        );
    }

    #[test]
    fn a_child_that_burns_counts_while_it_lives_and_after_it_has_ended() {
        let program = "print('ready', flush=True); input()\n\
            child = os.fork()\n\
            if child == 0:\n\
            \x20   burn(400); print('x', end='', flush=True); input(); os._exit(0)\n\
            os.waitpid(child, 0); print('x', end='', flush=True); input()";
        let (mut child, meters) = tree(program);
        let before_ns = meters.cpu_ns();
        go_on(&mut child);
        meters.look();
        check_spent(&meters, before_ns, 400);
        let at_its_end_ns = meters.cpu_ns();
        go_on(&mut child);
        check_spent(&meters, before_ns, 400);
        // What was read of the living is what is known of the dead, to a tick of user and one of system time.
        assert!(meters.cpu_ns() + 20_000_000 >= at_its_end_ns);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_child_that_nobody_looked_at_counts_in_its_parents_account() {
        let program = "print('ready', flush=True); input()\n\
            for _ in range(4):\n\
            \x20   if (child := os.fork()) == 0:\n\
            \x20       burn(100); os._exit(0)\n\
            \x20   os.waitpid(child, 0)\n\
            print('x', end='', flush=True); input()";
        let (mut child, meters) = tree(program);
        let before_ns = meters.cpu_ns();
        go_on(&mut child);
        check_spent(&meters, before_ns, 400);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_child_whose_parent_ignores_it_counts_with_what_was_last_read() {
        let program = "import signal\n\
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n\
            print('ready', flush=True); input()\n\
            r, w = os.pipe()\n\
            if os.fork() == 0:\n\
            \x20   burn(400); print('x', end='', flush=True); input(); os._exit(0)\n\
            os.close(w); os.read(r, 1); print('x', end='', flush=True); input()";
        let (mut child, meters) = tree(program);
        let before_ns = meters.cpu_ns();
        go_on(&mut child);
        meters.look();
        check_spent(&meters, before_ns, 400);
        go_on(&mut child);
        check_spent(&meters, before_ns, 400);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_processes_share_is_counted_once() {
        // 64 MiB that a fork shares until somebody writes to it.
        let program = "shared = b'x' * (64 << 20)\n\
            if os.fork() == 0: input(); os._exit(0)\n\
            print('ready', flush=True); input()";
        let (mut child, meters) = tree(program);
        let reading = meters.see(Look::Glance).reading.unwrap();
        assert_eq!(reading.threads, 2);
        let mib = reading.rss_bytes >> 20;
        assert!((64..128).contains(&mib), "{mib} MiB");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn one_process_is_read_as_the_kernel_tells_it() {
        let (mut child, meters) = tree("print('ready', flush=True); input()");
        assert!(meters.cpu_ns() > 0);
        assert!(meters.see(Look::Whole).run_delay_ns.is_some());
        let reading = meters.see(Look::Glance).reading.unwrap();
        assert!(reading.rss_bytes > 0 && reading.rss_bytes <= reading.rss_bytes_max);
        assert!(reading.threads == 1 && reading.switches_voluntary > 0);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(meters.see(Look::Glance).reading, None);
        assert!(meters.cpu_ns() > 0, "what was spent stays spent");
    }

    #[test]
    fn below_a_process_that_does_not_exist_there_is_nothing() {
        // Above the kernel's largest process id (`PID_MAX_LIMIT`, 2^22).
        let meters = Meters::below(5_000_000);
        assert_eq!(meters.see(Look::Whole), Seen::default());
    }
}
