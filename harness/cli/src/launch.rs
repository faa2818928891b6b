//! Child processes: started pinned and in a group of their own, watched, and ended with this process however it ends.
//!
//! A server under test runs in a process of its own, so that its CPU, memory and allocator are its own. Each child asks
//! the kernel for a signal on its parent's death, so not even `kill -9` of this process leaves one behind; the kernel
//! ties that to the *thread* that started the child, which is why only the main thread launches.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;

use crate::cores;

/// How long a server may take until it listens.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may take to end when asked; then it is killed.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How many lines of a server's output are kept.
pub(crate) const KEPT_LINES: usize = 20;

/// Longest line of a server's output that is kept whole, in bytes.
pub(crate) const KEPT_LINE_BYTES: u64 = 1024;

/// What a server of ours prints once it accepts connections, before its address.
pub(crate) const LISTENING: &str = "listening on ";

/// How often a server that was asked to end is looked at.
const STOP_POLL: Duration = Duration::from_millis(5);

/// A server in a child process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    output: Output,
}

/// The last lines that a server printed, on standard output and error.
#[derive(Debug, Clone, Default)]
struct Output(Arc<Mutex<VecDeque<String>>>);

/// Why a server could not be started.
#[derive(Debug, Error)]
pub(crate) enum LaunchError {
    /// The process itself.
    #[error("cannot start `bench serve {name}`: {source}")]
    Spawn {
        name: String,
        source: std::io::Error,
    },
    /// It ended instead of listening.
    #[error("{name} ended before it listened ({status}){output}")]
    Ended {
        name: String,
        status: String,
        output: String,
    },
    /// It is silent.
    #[error("{name} did not listen within {} seconds{output}", START_TIMEOUT.as_secs())]
    Silent { name: String, output: String },
}

impl Server {
    /// Starts `bench serve NAME ARGS…` on a free port, pinned to `cpus`, and waits until it listens.
    ///
    /// `own_cpus`: the cores that the calling thread returns to; it must be the main thread.
    pub(crate) fn launch(
        name: &str,
        args: &[String],
        cpus: &[u32],
        own_cpus: &[u32],
    ) -> Result<Self, LaunchError> {
        let spawn_error = |source| LaunchError::Spawn {
            name: name.to_owned(),
            source,
        };
        // The link stays true to the running program even if its file is replaced by a new build meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg("serve")
            .arg(name)
            .args(["--port", "0", "--parent", &std::process::id().to_string()])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        // A child inherits the cores of the thread that starts it, and so does every thread of the child.
        cores::pin(cpus).map_err(spawn_error)?;
        let spawned = command.spawn();
        cores::pin(own_cpus).map_err(spawn_error)?;
        let mut child = spawned.map_err(spawn_error)?;
        let output = Output::default();
        let (sender, addresses) = mpsc::channel();
        let stdout = child.stdout.take().expect("piped above");
        let stderr = child.stderr.take().expect("piped above");
        output.follow(stdout, move |line| {
            if let Some(addr) = line
                .strip_prefix(LISTENING)
                .and_then(|addr| addr.trim().parse().ok())
            {
                // Nobody listens any more once the first address has come.
                let _ = sender.send(addr);
            }
        });
        output.follow(stderr, |_| {});
        match addresses.recv_timeout(START_TIMEOUT) {
            Ok(addr) => Ok(Self {
                child,
                addr,
                output,
            }),
            Err(RecvTimeoutError::Timeout) => {
                end_now(&mut child);
                Err(LaunchError::Silent {
                    name: name.to_owned(),
                    output: output.quoted(),
                })
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = child
                    .wait()
                    .map_or_else(|error| error.to_string(), describe);
                Err(LaunchError::Ended {
                    name: name.to_owned(),
                    status,
                    output: output.quoted(),
                })
            }
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(describe(status)),
            Err(error) => Some(error.to_string()),
        }
    }

    /// What it last printed, a line each.
    pub(crate) fn last_output(&self) -> String {
        self.output.lines().join("\n")
    }

    /// Asks it to end in order, waits for it, and kills it if it takes too long. Says how it ended where that was not in
    /// order.
    pub(crate) fn stop(mut self) -> Option<String> {
        if let Some(how) = self.ended() {
            return Some(how);
        }
        if let Some(pid) = Pid::from_raw(self.pid()) {
            // An error means that it has just ended by itself, which the loop below will see.
            let _ = kill_process(pid, Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < STOP_TIMEOUT {
            if let Ok(Some(status)) = self.child.try_wait() {
                return (!status.success()).then(|| describe(status));
            }
            std::thread::sleep(STOP_POLL);
        }
        end_now(&mut self.child);
        Some(format!(
            "it did not end within {} seconds of SIGTERM and was killed",
            STOP_TIMEOUT.as_secs()
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            end_now(&mut self.child);
        }
    }
}

impl Output {
    /// Reads lines until the end, keeps the last of them, and shows each to `see`.
    fn follow(&self, stream: impl Read + Send + 'static, see: impl Fn(&str) + Send + 'static) {
        let kept = Arc::clone(&self.0);
        std::thread::spawn(move || {
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
                see(&text);
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == KEPT_LINES {
                    kept.pop_front();
                }
                kept.push_back(text);
                line.clear();
            }
        });
    }

    fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// The output as the tail of an error message.
    fn quoted(&self) -> String {
        let lines = self.lines();
        if lines.is_empty() {
            "; it printed nothing".to_owned()
        } else {
            format!("; it printed:\n  {}", lines.join("\n  "))
        }
    }
}

/// Kills a child and takes its status, so that no zombie remains.
fn end_now(child: &mut Child) {
    // Both fail only where the child has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}
