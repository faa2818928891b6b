//! Between `bench` and every server that it starts: nothing that a target forks may outlive the run.
//!
//! `bench supervise` is a process of its own. It starts the server, becomes the parent of whatever the server leaves behind
//! (`PR_SET_CHILD_SUBREAPER`, prctl(2)), is told by the kernel when `bench` dies, however it dies, and then kills them all.
//! The server itself is tied to the supervisor the same way, by a step in between that asks the kernel for SIGKILL on
//! its parent's death and then becomes the server: the wish survives `execve`.
//!
//! Knows processes. Must never know targets.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, waitpid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::{SuperviseArgs, TiedArgs};
use crate::exit::{Exit, Explain, Failure};
use crate::meter;

/// What the supervisor prints before the server's process id, as its first line.
pub(crate) const STARTED: &str = "supervised process ";

/// The exit code of a supervisor whose server left processes behind.
pub(crate) const LEFT_BEHIND: u8 = 125;

/// How long what a server started may take to end after the server itself has.
const LEFTOVER_GRACE: Duration = Duration::from_secs(2);

/// How often that is looked at.
const LEFTOVER_POLL: Duration = Duration::from_millis(5);

/// How often all descendants are killed before this gives up on one that forks faster than it dies.
const MAX_KILL_ROUNDS: u32 = 1_000;

/// Starts the command, waits for it, ends what it left behind, and ends as it ended.
pub(crate) fn run(args: &SuperviseArgs) -> Result<Exit, Failure> {
    // Inheriting orphans needs no parent; it makes them visible as descendants, wherever they put themselves.
    set_child_subreaper(Pid::from_raw(1)).or_internal(|| "cannot become a subreaper".to_owned())?;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .or_internal(|| "cannot catch signals".to_owned())?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            kill_descendants();
            std::process::exit(1);
        }
    });
    die_with(args.parent, Signal::TERM)?;
    let [program, rest @ ..] = args.command.as_slice() else {
        unreachable!("clap wants a command")
    };
    let child = Command::new("/proc/self/exe")
        .args(["tied", "--parent", &std::process::id().to_string(), "--"])
        .arg(program)
        .args(rest)
        .spawn()
        .or_internal(|| "cannot start a process".to_owned())?;
    anstream::println!("{STARTED}{}", child.id());
    let status = wait_for(child.id().cast_signed())
        .or_internal(|| "cannot wait for the server".to_owned())?;
    let left = wait_for_descendants();
    if left > 0 {
        kill_descendants();
        anstream::eprintln!(
            "{left} processes that it had started outlived it by {} s and were killed",
            LEFTOVER_GRACE.as_secs()
        );
        std::process::exit(LEFT_BEHIND.into());
    }
    end_as(status)
}

/// Has the kernel kill this process when the supervisor dies, and becomes the command.
pub(crate) fn become_tied(args: &TiedArgs) -> Result<Exit, Failure> {
    die_with(args.parent, Signal::KILL)?;
    let [program, rest @ ..] = args.command.as_slice() else {
        unreachable!("clap wants a command")
    };
    // Returns only where it failed.
    let error = Command::new(program).args(rest).exec();
    Err(Failure::target(miette::miette!(
        help = "see that the program exists and may be executed, or name it by its whole path",
        "cannot start {program}: {error}"
    )))
}

/// Has the kernel send `signal` to this process when its parent dies, however that dies.
pub(crate) fn die_with(parent: i32, signal: Signal) -> Result<(), Failure> {
    set_parent_process_death_signal(Some(signal))
        .or_internal(|| "cannot tie this process to its parent".to_owned())?;
    // The parent may have ended just before the kernel was told.
    if getppid() == Pid::from_raw(parent) {
        Ok(())
    } else {
        Err(Failure::internal(miette::miette!(
            "the parent process has ended"
        )))
    }
}

/// Waits for one child, and takes the status of every other that ends meanwhile.
fn wait_for(child: i32) -> std::io::Result<ExitStatus> {
    loop {
        if let Some((pid, status)) = waitpid(None, WaitOptions::empty())?
            && pid.as_raw_nonzero().get() == child
        {
            return Ok(ExitStatus::from_raw(status.as_raw()));
        }
    }
}

/// Waits a little for what is left to end by itself, and says how many processes did not.
fn wait_for_descendants() -> usize {
    let began = Instant::now();
    loop {
        reap();
        let left = meter::descendants(getpid().as_raw_nonzero().get()).len();
        if left == 0 || began.elapsed() > LEFTOVER_GRACE {
            return left;
        }
        std::thread::sleep(LEFTOVER_POLL);
    }
}

/// Kills until nothing is left: what a process forked before it was killed comes here, to its new parent.
fn kill_descendants() {
    let own = getpid().as_raw_nonzero().get();
    for _ in 0..MAX_KILL_ROUNDS {
        let descendants = meter::descendants(own);
        if descendants.is_empty() {
            return;
        }
        for pid in descendants.into_iter().filter_map(Pid::from_raw) {
            // An error means that it has just ended.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(1));
        reap();
    }
}

/// Takes the status of every child that has ended.
fn reap() {
    while matches!(waitpid(None, WaitOptions::NOHANG), Ok(Some(_))) {}
}

/// Ends this process in the way of another, so that whoever waits for this one sees what became of that.
fn end_as(status: ExitStatus) -> ! {
    let signal = status.signal().unwrap_or_default();
    // Those that are caught here can't end this process; its code tells then.
    let is_caught = [SIGTERM, SIGINT, SIGHUP].contains(&signal);
    if let Some(signal) = Signal::from_named_raw(signal).filter(|_| !is_caught) {
        // An error leaves the code below.
        let _ = kill_process(getpid(), signal);
    }
    std::process::exit(status.code().unwrap_or(128 + signal))
}
