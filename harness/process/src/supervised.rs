//! A program in a process of its own: started pinned, listened to, and ended with this process however it ends.
//!
//! This is `bench`'s end of what `supervise` does at the other. Any program is started like this: a target, a part of the
//! instrument, a package manager.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use procfs::process::Process;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};

use crate::cores;
use crate::process_tree::descendants;
use crate::supervise::{Account, Notice, order};

/// How many lines of a program's output are kept.
pub const KEPT_LINES: usize = 20;

/// Longest line of a program's output that is kept whole, in bytes.
pub const KEPT_LINE_BYTES: u64 = 1024;

/// How long a supervisor may take to kill what it started, and the last words of it may be on their way. More than
/// [`crate::supervise`] tries.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a supervisor that is about to end is looked at.
const POLL: Duration = Duration::from_millis(1);

/// The variable that marks everything below a supervisor, by the process id of this program and a number: for people who look for
/// what hangs, and to find what a killed supervisor left.
const MARK: &str = "BENCH_PARENT";

/// How many programs this process has started.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// What is to be started.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Looked for on the PATH unless it has a slash.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Added to this process's own environment.
    pub env: Vec<(String, String)>,
    /// Where it runs; here, if left out.
    pub dir: Option<PathBuf>,
    /// The cores that it and all below it may use; those of this process, if none are named.
    pub cpus: Vec<u32>,
    /// Whom it runs as, where that is not this process's own user.
    pub account: Option<Account>,
    /// A directory that goes with this process, also where that is killed.
    pub scratch: Option<PathBuf>,
}

/// Variables by which git says where a repository is. A hook has them, of the repository that is committed to, and a program
/// that was started elsewhere would read and write that one (`git rev-parse --local-env-vars`).
pub const REPOSITORY_VARIABLES: [&str; 12] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// A program that was started. Dropping it kills it, and everything below it.
#[derive(Debug)]
pub struct Supervised {
    supervisor: Child,
    /// What is written here is done there; closing it kills the program.
    orders: UnixStream,
    /// What everything below has in its environment, in [`MARK`].
    mark: String,
    fate: Arc<Fate>,
    output: Output,
}

/// What has become of a program.
#[derive(Debug, Default)]
struct Fate {
    known: Mutex<Known>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Known {
    pid: Option<i32>,
    ended: Option<ExitStatus>,
    left: Option<String>,
    /// The supervisor tells no more: it has ended, or is about to.
    is_over: bool,
}

/// The last lines that a program printed, on standard output and error.
#[derive(Debug, Clone, Default)]
struct Output(Arc<(Mutex<Printed>, Condvar)>);

#[derive(Debug, Default)]
struct Printed {
    lines: VecDeque<String>,
    /// How many there were, those included that are not kept.
    count: u64,
    /// Streams that are not at their end.
    open: u32,
}

impl Supervised {
    /// Starts a program and shows `see` each line of its standard output.
    pub fn start(program: &Program, see: impl Fn(&str) + Send + 'static) -> io::Result<Self> {
        let (orders, theirs) = UnixStream::pair()?;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}.{number}", std::process::id());
        // The link stays true to the running program even if its file is replaced by a new build meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg("supervise");
        if !program.cpus.is_empty() {
            command.args(["--cpus", &cores::names(&program.cpus)]);
        }
        if let Some(account) = program.account {
            command.args(["--account", &account.to_string()]);
        }
        if let Some(scratch) = &program.scratch {
            command.arg("--remove").arg(scratch);
        }
        for variable in REPOSITORY_VARIABLES {
            command.env_remove(variable);
        }
        command
            .arg("--")
            .arg(&program.command)
            .args(&program.args)
            .envs(program.env.iter().map(|(key, value)| (key, value)))
            .env(MARK, &mark)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What a terminal sends to everybody in the foreground is for this process only.
            .process_group(0);
        if let Some(dir) = &program.dir {
            command.current_dir(dir);
        }
        // This process becomes the parent of what a killed supervisor leaves.
        set_child_subreaper(Some(getpid()))?;
        let mut supervisor = command.spawn()?;
        // The command holds the supervisor's end of the socket, which must be open nowhere else.
        drop(command);
        let output = Output::default();
        let stdout = supervisor.stdout.take().expect("piped above");
        let stderr = supervisor.stderr.take().expect("piped above");
        let fate = Arc::<Fate>::default();
        let listening = orders.try_clone()?;
        // From here on whatever fails drops it, which ends what was started.
        let started = Self {
            supervisor,
            orders,
            mark,
            fate,
            output,
        };
        started.output.follow(stdout, see)?;
        started.output.follow(stderr, |_| {})?;
        let fate = Arc::clone(&started.fate);
        std::thread::Builder::new().spawn(move || fate.hear(listening))?;
        Ok(started)
    }

    /// The process above the program: all that is below it belongs to the program, and it doesn't itself.
    pub fn supervisor(&self) -> i32 {
        self.supervisor.id().cast_signed()
    }

    /// The program's own process; `None` where it could not even be started.
    pub fn pid(&self) -> Option<i32> {
        let is_awaited = |known: &mut Known| known.pid.is_none() && !known.is_over;
        self.fate.wait_while(KILL_TIMEOUT, is_awaited).pid
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<String> {
        let known = self.fate.known();
        (known.ended.is_some() || known.is_over).then(|| known.how())
    }

    /// Waits for it to end by itself; `None` where it takes longer than this.
    pub fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        let known = self
            .fate
            .wait_while(timeout, |known| known.ended.is_none() && !known.is_over);
        known.ended
    }

    /// Asks it to end in order, waits for it, and kills it if it takes too long. Says how it ended where that was not in
    /// order, or where it left processes behind.
    pub fn stop(mut self, signal: Signal, name: &str, timeout: Duration) -> Option<String> {
        if self.ended().is_some() {
            self.kill();
            return Some(self.fate.known().how());
        }
        // An error means that the supervisor has just ended, which is seen below.
        let _ = self.orders.write_all(order(signal).as_bytes());
        let status = self.wait(timeout);
        if status.is_some() {
            // What it has started may need a moment more.
            let timeout = KILL_TIMEOUT;
            drop(self.fate.wait_while(timeout, |known| !known.is_over));
        }
        self.kill();
        let known = self.fate.known();
        match status {
            Some(status) if is_in_order(status, signal) && known.left.is_none() => None,
            Some(_) => Some(known.how()),
            None => Some(format!(
                "it did not end within {} s of {name} and was killed",
                timeout.as_secs_f64()
            )),
        }
    }

    /// How many lines it has printed.
    pub fn lines(&self) -> u64 {
        self.output.printed().count
    }

    /// What it last printed, a line each; of one that has ended, all to its last words.
    pub fn last_output(&self) -> String {
        if self.ended().is_some() {
            self.output.settle();
        }
        let lines: Vec<String> = self.output.printed().lines.iter().cloned().collect();
        lines.join("\n")
    }

    /// Kills it and all below it, and waits until they are gone.
    fn kill(&mut self) {
        // An error means that the supervisor has ended.
        let _ = self.orders.shutdown(Shutdown::Write);
        let asked = Instant::now();
        while asked.elapsed() < KILL_TIMEOUT {
            if let Ok(Some(status)) = self.supervisor.try_wait() {
                if !status.success() {
                    kill_marked(&self.mark);
                }
                return;
            }
            std::thread::sleep(POLL);
        }
        // The last resort; both calls fail only where it has just ended.
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
        kill_marked(&self.mark);
    }
}

/// Kills everything below this process that has a mark. A process that has cleared its environment is not found once its
/// supervisor is killed.
fn kill_marked(mark: &str) {
    let is_marked = |pid: &i32| {
        let environ = Process::new(*pid).and_then(|process| process.environ());
        environ.is_ok_and(|environ| environ.get(OsStr::new(MARK)).is_some_and(|own| own == mark))
    };
    let asked = Instant::now();
    while asked.elapsed() < KILL_TIMEOUT {
        let mut left = descendants(std::process::id().cast_signed());
        left.retain(is_marked);
        if left.is_empty() {
            return;
        }
        for pid in left.into_iter().filter_map(Pid::from_raw) {
            // An error means that it has just ended, or is another's child.
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        std::thread::sleep(POLL);
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Fate {
    /// Takes down what a supervisor tells until it tells no more.
    fn hear(&self, socket: UnixStream) {
        let mut lines = BufReader::new(socket).lines();
        while let Some(Ok(line)) = lines.next() {
            let mut known = self.known();
            match line.parse() {
                Ok(Notice::Ended(status)) => known.ended = Some(status),
                Ok(Notice::Left(names)) => known.left = Some(names),
                Ok(Notice::Started(pid)) => known.pid = Some(pid),
                Err(()) => {}
            }
            drop(known);
            self.changed.notify_all();
        }
        self.known().is_over = true;
        self.changed.notify_all();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(
        &self,
        timeout: Duration,
        is_awaited: impl Fn(&mut Known) -> bool,
    ) -> MutexGuard<'_, Known> {
        let waited = self
            .changed
            .wait_timeout_while(self.known(), timeout, is_awaited);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Known {
    fn how(&self) -> String {
        let ended = self.ended.map_or_else(
            || "its supervisor was killed, and it with that".to_owned(),
            describe,
        );
        match &self.left {
            None => ended,
            Some(names) => format!("{ended}; it left processes behind, which were killed: {names}"),
        }
    }
}

impl Output {
    /// Reads lines until the end, shows each to `see`, and keeps the last of them.
    fn follow(
        &self,
        stream: impl Read + Send + 'static,
        see: impl Fn(&str) + Send + 'static,
    ) -> io::Result<()> {
        let output = self.clone();
        let follow = move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(
                reader
                    .by_ref()
                    .take(KEPT_LINE_BYTES)
                    .read_until(b'\n', &mut line),
                Ok(1..)
            ) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                see(&text);
                let mut printed = output.printed();
                printed.count += 1;
                if printed.lines.len() == KEPT_LINES {
                    printed.lines.pop_front();
                }
                printed.lines.push_back(text);
            }
            output.printed().open -= 1;
            output.0.1.notify_all();
        };
        self.printed().open += 1;
        std::thread::Builder::new()
            .spawn(follow)
            .map(drop)
            .inspect_err(|_| self.printed().open -= 1)
    }

    fn printed(&self) -> MutexGuard<'_, Printed> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the last words of a program that has ended. Its output ends when its supervisor does, which on a busy machine
    /// may take a while: what is read too early lacks a version, and a resumed measurement finds another target.
    fn settle(&self) {
        let is_open = |printed: &mut Printed| printed.open > 0;
        let waited = self
            .0
            .1
            .wait_timeout_while(self.printed(), KILL_TIMEOUT, is_open);
        drop(waited);
    }
}

/// Whether a process that was asked to end by a signal did so: with exit code 0, or as the signal ends a process without a handler,
/// or with the code by which a shell and the JVM say the latter.
fn is_in_order(status: ExitStatus, asked: Signal) -> bool {
    let asked = asked.as_raw();
    status.success() || status.signal() == Some(asked) || status.code() == Some(128 + asked)
}

/// How a process ended, for people.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `raw`: as `wait` tells it: the signal, or the exit code times 256.
    #[track_caller]
    fn check(raw: i32, in_order: bool) {
        let status = ExitStatus::from_raw(raw);
        assert_eq!(is_in_order(status, Signal::TERM), in_order, "{status}");
    }

    #[test]
    fn who_is_asked_to_end_may_end_by_that_signal_and_by_no_other() {
        check(0, true);
        check(15, true);
        check((128 + 15) << 8, true);
        check(9, false);
        check(2, false);
        check(1 << 8, false);
        check((128 + 2) << 8, false);
    }
}
