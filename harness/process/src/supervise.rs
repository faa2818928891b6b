//! Between `bench` and every program that it starts: nothing that a program forks may outlive its run.
//!
//! `bench supervise` is a process of its own. Its standard input is one of a pair of sockets, whose other end only `bench`
//! holds: there it hears what to do and tells what becomes of the program ([`Notice`]). When that end is gone, so is `bench`, by whatever death,
//! and everything below is killed. It becomes the parent of whatever the program leaves behind
//! (`PR_SET_CHILD_SUBREAPER`, prctl(2)), so that nothing can hide in a session or a group of its own. The program itself is
//! tied to the supervisor, by a step in between that asks the kernel for SIGKILL on its parent's death and then becomes
//! the program: the wish survives `execve`.
//!
//! Knows processes and signals. Must never know targets. The other end is `supervised`.

use std::convert::Infallible;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, wait,
};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::cores::{self, CpuList};
use crate::failure::{Explain, Failure};
use crate::process_tree::{descendants, name};

/// How long what a program started may take to end after a program that was asked to end has.
const LEFTOVER_GRACE: Duration = Duration::from_secs(2);

/// How often the living are killed before this gives up on one that forks faster than it dies, or can't die.
const MAX_KILL_ROUNDS: u32 = 2_000;

/// How long a killed process is given to end before it is looked for again.
const KILL_POLL: Duration = Duration::from_millis(1);

/// How many of the processes that were left behind are named.
const MAX_NAMED: usize = 8;

/// How often a directory is removed before this gives up on it.
const MAX_REMOVALS: u32 = 100;

/// As much of a script as Linux reads of its first line (`BINPRM_BUF_SIZE`).
const MAX_SHEBANG: u64 = 256;

/// The longest order; `bench` gives no longer ones.
const MAX_ORDER_BYTES: usize = 64;

/// What a supervisor tells, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The program was started, as this process.
    Started(i32),
    /// It ended so.
    Ended(ExitStatus),
    /// It left processes behind, which were killed: their names.
    Left(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(pid) => write!(f, "started {pid}"),
            Self::Ended(status) => write!(f, "ended {}", status.into_raw()),
            // A process may call itself anything.
            Self::Left(names) => write!(f, "left {}", names.escape_debug()),
        }
    }
}

impl FromStr for Notice {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (what, rest) = line.split_once(' ').ok_or(())?;
        let number = || rest.parse().map_err(|_| ());
        match what {
            "started" => Ok(Self::Started(number()?)),
            "ended" => Ok(Self::Ended(ExitStatus::from_raw(number()?))),
            "left" => Ok(Self::Left(rest.to_owned())),
            _ => Err(()),
        }
    }
}

/// The order to send the program a signal, as it goes over the socket.
pub fn order(signal: Signal) -> String {
    format!("{}\n", signal.as_raw())
}

fn ordered(line: &str) -> Option<Signal> {
    Signal::from_named_raw(line.parse().ok()?)
}

/// A user and a group by their numbers, as `101:104`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

impl FromStr for Account {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once(':');
        let read = numbers.and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
        let (uid, gid) = read.ok_or("write UID:GID, as in 101:104")?;
        Ok(Self { uid, gid })
    }
}

/// How a program is started, and what goes with it.
#[derive(Debug, Clone, Default)]
pub struct Supervision {
    /// The cores that it and all below it may use; those of this process, if none are named.
    pub cpus: Option<CpuList>,
    /// Whom it runs as; this process's own user, if left out.
    pub account: Option<Account>,
    /// The directory to remove where `bench` is gone, which would do it otherwise.
    pub scratch: Option<PathBuf>,
}

/// Starts the command, waits for it, and ends what it left behind.
pub fn run(supervision: &Supervision, command: &[String]) -> Result<(), Failure> {
    if let Some(cpus) = &supervision.cpus {
        // Inherited by everything below.
        cores::pin(&cpus.to_vec()).or_internal(|| format!("cannot pin a program to {cpus}"))?;
    }
    set_child_subreaper(Some(getpid())).or_internal(|| "cannot become a subreaper".to_owned())?;
    let mut bench =
        Bench::at_stdin().or_internal(|| "this is started by bench itself".to_owned())?;
    let [program, rest @ ..] = command else {
        return Err(Failure::internal(miette::miette!("no program is named")));
    };
    let mut tied = Command::new("/proc/self/exe");
    if let Some(Account { uid, gid }) = supervision.account {
        // Before it asks for its parent's death: a process that changes it afterwards is no longer tied (prctl(2), PR_SET_PDEATHSIG).
        tied.uid(uid).gid(gid);
    }
    let child = tied
        .args(["tied", "--parent", &std::process::id().to_string(), "--"])
        .arg(program)
        .args(rest)
        .stdin(Stdio::null())
        .spawn()
        .or_internal(|| "cannot start a process".to_owned())?;
    let main = Pid::from_child(&child);
    bench.tell(&Notice::Started(child.id().cast_signed()));
    let outlived = outlive(main, &mut bench);
    if let (Some(dir), Ok(None) | Err(_)) = (&supervision.scratch, &outlived) {
        // A file that comes or goes meanwhile is an error. What can't be removed stays: nobody is there who could be asked.
        for attempt in 0..MAX_REMOVALS {
            if fs::remove_dir_all(dir).is_ok() || !dir.exists() {
                break;
            }
            std::thread::sleep(KILL_POLL * attempt);
        }
    }
    outlived.or_internal(|| format!("cannot wait for {program}"))?;
    Ok(())
}

/// Has the kernel kill this process when the supervisor dies, and becomes the command.
pub fn become_tied(parent: i32, command: &[String]) -> Result<Infallible, Failure> {
    die_with(parent)?;
    let [program, rest @ ..] = command else {
        return Err(Failure::internal(miette::miette!("no program is named")));
    };
    // Returns only where it failed.
    let error = Command::new(program).args(rest).exec();
    let help = if has_cr_in_first_line(program) {
        "its first line ends in CR LF, so that the system looks for an interpreter of another name: save it with LF"
    } else {
        start_help(program)
    };
    Err(Failure::target(miette::miette!(
        help = help,
        "cannot start {program}: {error}"
    )))
}

/// Whether a program is a script whose first line ends as on Windows.
fn has_cr_in_first_line(program: &str) -> bool {
    let mut start = Vec::new();
    let read = File::open(program).and_then(|file| file.take(MAX_SHEBANG).read_to_end(&mut start));
    let line = start.split(|&byte| byte == b'\n').next();
    read.is_ok() && line.is_some_and(|line| line.starts_with(b"#!") && line.ends_with(b"\r"))
}

/// What to do about a program that could not be started.
fn start_help(program: &str) -> &'static str {
    if program.starts_with('~') || program.contains('$') {
        "nothing expands `~` or `$HOME` in a command: name the program by its whole path"
    } else if program.contains(char::is_whitespace) {
        "`command` names the program alone: put each of its arguments into `args`"
    } else {
        "see that the program exists and may be executed, or name it by its whole path"
    }
}

/// Has the kernel kill this process when its parent does, however that does.
pub fn die_with(parent: i32) -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .or_internal(|| "cannot tie this process to its parent".to_owned())?;
    // The parent may have ended just before the kernel knew.
    if getppid() == Pid::from_raw(parent) {
        Ok(())
    } else {
        Err(Failure::internal(miette::miette!(
            "the parent process has ended"
        )))
    }
}

/// Does what `bench` says until the program has ended and everything below is gone. Returns how it ended, unless that was by being
/// killed because `bench` had.
fn outlive(main: Pid, bench: &mut Bench) -> io::Result<Option<ExitStatus>> {
    let mut is_asked = false;
    let status = loop {
        bench.wait(None)?;
        if let Children::Ended(status) = reap(main)? {
            break status;
        }
        for signal in bench.orders()? {
            is_asked = true;
            // It has not been waited for, so the id is still its own; an error means that it has just ended.
            let _ = kill_process(main, signal);
        }
        if bench.is_gone() {
            kill_all(main)?;
            return Ok(None);
        }
    };
    bench.tell(&Notice::Ended(status));
    // Without a program that serves there is nothing to wait for.
    let grace = if is_asked {
        LEFTOVER_GRACE
    } else {
        Duration::ZERO
    };
    let began = Instant::now();
    while !matches!(reap(main)?, Children::None) {
        let left = grace.saturating_sub(began.elapsed());
        if left.is_zero() || bench.is_gone() {
            bench.tell(&Notice::Left(names_of(&descendants(own_pid()))));
            kill_all(main)?;
            break;
        }
        bench.wait(Some(left))?;
        bench.orders()?;
    }
    Ok(Some(status))
}

/// What the processes below are up to.
enum Children {
    /// The program has just ended.
    Ended(ExitStatus),
    /// Some live; the program may be one of them.
    Some,
    /// There are none.
    None,
}

/// Takes the status of every child that has ended: the program's, and those of orphans that came here.
fn reap(main: Pid) -> io::Result<Children> {
    loop {
        // Any child: `waitpid` without a process would pass over those in groups of their own.
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == main => {
                return Ok(Children::Ended(ExitStatus::from_raw(status.as_raw())));
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Ok(Children::Some),
            Err(Errno::CHILD) => return Ok(Children::None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills until nothing is left: what a process forked before it was killed comes here, to its new parent.
fn kill_all(main: Pid) -> io::Result<()> {
    for _ in 0..MAX_KILL_ROUNDS {
        for pid in descendants(own_pid()).into_iter().filter_map(Pid::from_raw) {
            // An error means that it has just ended.
            let _ = kill_process(pid, Signal::KILL);
        }
        if matches!(reap(main)?, Children::None) {
            return Ok(());
        }
        std::thread::sleep(KILL_POLL);
    }
    let immortal = names_of(&descendants(own_pid()));
    Err(io::Error::other(format!(
        "these can't be killed: {immortal}"
    )))
}

fn own_pid() -> i32 {
    getpid().as_raw_nonzero().get()
}

fn names_of(pids: &[i32]) -> String {
    let mut names: Vec<String> = pids.iter().take(MAX_NAMED).map(|&pid| name(pid)).collect();
    if pids.len() > MAX_NAMED {
        names.push(format!("{} more", pids.len() - MAX_NAMED));
    }
    names.join(", ")
}

/// The other end of the socket, and all else that a supervisor waits for.
struct Bench {
    socket: UnixStream,
    /// Gets a byte when a child ends, or somebody ends this process.
    woken: UnixStream,
    /// Whether somebody asked this very process to end.
    is_ended: Arc<AtomicBool>,
    /// The beginning of an order whose end has not yet come.
    heard: Vec<u8>,
    has_left: bool,
}

impl Bench {
    fn at_stdin() -> io::Result<Self> {
        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        // Fails where standard input is no socket, which is where people try this by hand.
        socket.peer_addr()?;
        socket.set_nonblocking(true)?;
        let (wakes, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let is_ended = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            // In this order: a woken thread finds the flag raised.
            flag::register(signal, Arc::clone(&is_ended))?;
            low_level::pipe::register(signal, wakes.try_clone()?)?;
        }
        low_level::pipe::register(SIGCHLD, wakes)?;
        Ok(Self {
            socket,
            woken,
            is_ended,
            heard: Vec::new(),
            has_left: false,
        })
    }

    /// Tells `bench` something, if it is still there.
    fn tell(&mut self, notice: &Notice) {
        // Few short lines fit into any socket's buffer; an error means that bench has left, which is seen at the next look.
        let _ = self.socket.write_all(format!("{notice}\n").as_bytes());
    }

    /// Waits until bench said something or left, or a child ended, or the time is over.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs().cast_signed(),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let mut polled = [
            PollFd::new(&self.socket, PollFlags::IN),
            PollFd::new(&self.woken, PollFlags::IN),
        ];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 64];
        while matches!(self.woken.read(&mut bytes), Ok(1..)) {}
        Ok(())
    }

    /// What bench has ordered since.
    fn orders(&mut self) -> io::Result<Vec<Signal>> {
        let mut bytes = [0; MAX_ORDER_BYTES];
        loop {
            match self.socket.read(&mut bytes) {
                Ok(0) => self.has_left = true,
                Ok(count) => {
                    self.heard.extend(&bytes[..count]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => self.has_left = true,
                Err(error) => return Err(error),
            }
            break;
        }
        let mut orders = Vec::new();
        while let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            orders.extend(ordered(String::from_utf8_lossy(&line).trim_end()));
        }
        // What can't be an order did not come from bench.
        self.has_left |= self.heard.len() > MAX_ORDER_BYTES;
        Ok(orders)
    }

    /// Whether bench has left, or this process is to.
    fn is_gone(&self) -> bool {
        self.has_left || self.is_ended.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was only said that there is no such file.
    #[test]
    fn a_command_that_a_shell_would_have_expanded_is_named_as_such() {
        for (program, words) in [
            ("~/x", "nothing expands"),
            ("$HOME/x", "nothing expands"),
            ("python3 target.py", "into `args`"),
            ("/usr/bin/x", "whole path"),
        ] {
            assert!(start_help(program).contains(words), "{program}");
        }
    }

    #[test]
    fn what_is_said_is_heard() {
        for notice in [
            Notice::Started(4711),
            Notice::Ended(ExitStatus::from_raw(0)),
            Notice::Ended(ExitStatus::from_raw(3 << 8)),
            Notice::Ended(ExitStatus::from_raw(9)),
            Notice::Left("sleep (4712), python3 (4713)".to_owned()),
        ] {
            assert_eq!(notice.to_string().parse(), Ok(notice));
        }
        let names = Notice::Left("a\nb".to_owned()).to_string();
        assert_eq!(names.lines().count(), 1, "{names}");
        for line in ["", "started", "started x", "began 1"] {
            assert_eq!(line.parse::<Notice>(), Err(()), "{line}");
        }
    }

    #[test]
    fn signals_are_ordered_by_their_number() {
        for signal in [Signal::TERM, Signal::INT, Signal::QUIT, Signal::WINCH] {
            assert_eq!(ordered(order(signal).trim_end()), Some(signal));
        }
        for line in ["", "0", "TERM", "-1", "99"] {
            assert_eq!(ordered(line), None, "{line}");
        }
    }

    #[test]
    fn many_leftovers_are_counted_and_not_listed() {
        let own = own_pid();
        let some = names_of(&[own; MAX_NAMED]);
        let more = names_of(&[own; MAX_NAMED + 2]);
        assert_eq!(more, format!("{some}, 2 more"));
    }
}
