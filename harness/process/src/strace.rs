//! Counting a server's system calls with `strace -c`, which stops it at every one of them.
//!
//! That makes the server several times slower: so it is done in a stretch of its own, after all that is measured. Knows a
//! program's words and signals. What its table says is read by [`model::measured::syscalls`].

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use model::measured::syscalls::read_table;
use rustix::process::Signal;
use thiserror::Error;

use crate::supervised::{Program, Supervised};

/// The program, looked for on the PATH.
pub const STRACE: &str = "strace";

/// How it is allowed to trace a server.
pub const ALLOW: &str = "allow it to trace processes that are not its own children: as root (CAP_SYS_PTRACE), by `sysctl \
     kernel.yama.ptrace_scope=0`, or in a container by --cap-add SYS_PTRACE";

/// How long it may take to attach itself, or to write its table.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most lines that are read of it: its table has one for each of some 400 system calls.
const MAX_LINES: usize = 2_000;

/// What it says of each process that it has attached itself to.
const ATTACHED: &str = " attached";

/// A strace that counts. Dropping it ends it, and the server goes on untraced.
#[derive(Debug)]
pub struct Strace {
    process: Supervised,
    lines: Receiver<String>,
    /// `strace 6.13`.
    pub version: String,
}

/// Why nothing was counted.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NotCounted {
    /// It isn't there.
    #[error("{0} is not installed")]
    Missing(String),
    /// It may not, or can't.
    #[error("{STRACE} did not attach itself to the server: {0}")]
    Refused(String),
    /// It wrote something else than its table.
    #[error("{STRACE} wrote no table of system calls: {0}")]
    NoTable(String),
}

impl NotCounted {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Missing(_) => "install the package strace, and run it again",
            Self::Refused(_) => ALLOW,
            Self::NoTable(_) => {
                "run it again; where it happens again, try another version of strace"
            }
        }
    }
}

impl Strace {
    /// Counts the system calls of these processes, their threads and what they fork, from here on.
    pub fn attach(program: &str, pids: &[i32]) -> Result<Self, NotCounted> {
        let version = version(program)?;
        let pids: Vec<String> = pids.iter().map(i32::to_string).collect();
        let (see, lines) = mpsc::channel();
        let started = Supervised::start(
            // Standard error is where it says what it is attached to, and where its table goes.
            &Program {
                command: "sh".to_owned(),
                args: [
                    "-c",
                    "exec \"$0\" -f -c -p \"$1\" 2>&1",
                    program,
                    &pids.join(","),
                ]
                .map(str::to_owned)
                .to_vec(),
                env: vec![("LC_ALL".to_owned(), "C".to_owned())],
                ..Program::default()
            },
            move |line| {
                // Nobody listens any more where it was given up.
                let _ = see.send(line.to_owned());
            },
        );
        let process = started.map_err(|error| NotCounted::Refused(error.to_string()))?;
        let mut strace = Self {
            process,
            lines,
            version,
        };
        strace.wait_until_attached(pids.len())?;
        Ok(strace)
    }

    fn wait_until_attached(&mut self, processes: usize) -> Result<(), NotCounted> {
        let mut attached = 0;
        let mut said = String::new();
        let begun = Instant::now();
        while attached < processes {
            let line = self
                .lines
                .recv_timeout(TIMEOUT.saturating_sub(begun.elapsed()));
            match line {
                Ok(line) if line.contains(ATTACHED) => attached += 1,
                Ok(line) => said = line,
                Err(RecvTimeoutError::Timeout) => {
                    let after = TIMEOUT.as_secs();
                    return Err(NotCounted::Refused(format!("not within {after} s; {said}")));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(NotCounted::Refused(said)),
            }
        }
        Ok(())
    }

    /// Ends it, and tells how often each system call was made.
    pub fn detach(self) -> Result<BTreeMap<String, u64>, NotCounted> {
        let Self { process, lines, .. } = self;
        // It ends by the signal that it was sent: how it ended tells nothing.
        let _ = process.stop(Signal::INT, "SIGINT", TIMEOUT);
        let mut text = String::new();
        for _ in 0..MAX_LINES {
            let Ok(line) = lines.recv_timeout(TIMEOUT) else {
                break;
            };
            text.push_str(&line);
            text.push('\n');
        }
        read_table(&text).ok_or_else(|| {
            NotCounted::NoTable(text.lines().last().unwrap_or("it said nothing").to_owned())
        })
    }
}

/// Name and version, as it tells them: `strace -- version 6.13`.
pub fn version(program: &str) -> Result<String, NotCounted> {
    let reported = Command::new(program).arg("-V").output();
    let reported = reported.map_err(|error| match error.kind() {
        ErrorKind::NotFound => NotCounted::Missing(program.to_owned()),
        _ => NotCounted::Refused(error.to_string()),
    })?;
    let text = String::from_utf8_lossy(&reported.stdout).into_owned();
    let version = text
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().last());
    Ok(format!(
        "{STRACE} {}",
        version.unwrap_or("of an unknown version")
    ))
}
