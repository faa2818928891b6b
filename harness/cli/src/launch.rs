//! Servers in processes of their own: started pinned, watched, and ended with this process however it ends.
//!
//! A server under test runs in a process of its own, so that its CPU, memory and allocator are its own. Between it and this
//! process stands a supervisor (`supervise`), so that nothing it forks outlives the run, not even `kill -9` of this process. The
//! kernel ties a parent's death to the *thread* that started the child, which is why only the main thread launches.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bench_core::target::StopSignal;
use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;

use crate::control_client::ControlClient;
use crate::cores;
use crate::meter::Meters;
use crate::supervise::STARTED;

/// How long a part of the instrument may take until it listens.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a part of the instrument may take to end when asked; then it is killed.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How many lines of a server's output are kept.
pub(crate) const KEPT_LINES: usize = 20;

/// Longest line of a server's output that is kept whole, in bytes.
pub(crate) const KEPT_LINE_BYTES: u64 = 1024;

/// What a server of ours prints once it accepts connections, before its address.
pub(crate) const LISTENING: &str = "listening on ";

/// How often a server that was asked to end, or to be ready, is looked at.
const POLL: Duration = Duration::from_millis(5);

/// How long one question may take whether a server is ready: it may accept and be silent.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a supervisor may take to kill what it started.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the last words of a server that has ended may be on their way.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How often a server is started on another port, because somebody took the one that was free a moment ago.
const MAX_PORT_ATTEMPTS: u32 = 3;

/// What is to be started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// What it is called in messages.
    pub(crate) name: String,
    /// Looked for on the PATH unless it has a slash.
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) ready: Ready,
    pub(crate) ready_timeout: Duration,
    pub(crate) stop: StopSignal,
    pub(crate) stop_timeout: Duration,
}

/// How a server shows that it is ready.
#[derive(Debug, Clone)]
pub(crate) enum Ready {
    /// It prints [`LISTENING`] and its address.
    Announced,
    /// It answers 200 to this path, at this address.
    Answers { addr: SocketAddr, path: String },
}

/// A server in a child process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    supervisor: Child,
    /// The server's own process, below its supervisor.
    pid: i32,
    meters: Arc<Meters>,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    output: Output,
    stop: StopSignal,
    stop_timeout: Duration,
}

/// The last lines that a server printed, on standard output and error.
#[derive(Debug, Clone, Default)]
struct Output(Arc<(Mutex<Printed>, Condvar)>);

#[derive(Debug, Default)]
struct Printed {
    lines: VecDeque<String>,
    /// Streams that are not at their end.
    open: u32,
}

/// Why a server could not be started.
#[derive(Debug, Error)]
pub(crate) enum LaunchError {
    /// The process itself.
    #[error("cannot start {name}: {source}")]
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
    #[error("{name} did not listen within {} seconds{output}", after.as_secs_f64())]
    Silent {
        name: String,
        after: Duration,
        output: String,
    },
}

impl Program {
    /// A part of this program that announces itself: `bench serve NAME ARGS…` on a free port.
    pub(crate) fn own(name: &str, args: &[String]) -> Self {
        let own = ["serve", name, "--port", "0"].map(str::to_owned);
        Self {
            name: format!("`bench serve {name}`"),
            command: own_path(),
            args: own.into_iter().chain(args.iter().cloned()).collect(),
            env: Vec::new(),
            ready: Ready::Announced,
            ready_timeout: START_TIMEOUT,
            stop: StopSignal::Term,
            stop_timeout: STOP_TIMEOUT,
        }
    }
}

/// This program. The link stays true even if its file is replaced by a new build meanwhile.
pub(crate) fn own_path() -> String {
    format!("/proc/{}/exe", std::process::id())
}

impl Server {
    /// Starts a program on the cores `cpus` and waits until it is ready.
    ///
    /// `own_cpus`: the cores that the calling thread returns to; it must be the main thread.
    pub(crate) fn launch(
        program: &Program,
        cpus: &[u32],
        own_cpus: &[u32],
    ) -> Result<Self, LaunchError> {
        let spawn_error = |source| LaunchError::Spawn {
            name: program.name.clone(),
            source,
        };
        let parent = std::process::id().to_string();
        let mut command = Command::new("/proc/self/exe");
        command
            .args(["supervise", "--parent", &parent, "--", &program.command])
            .args(&program.args)
            .envs(program.env.iter().map(|(key, value)| (key, value)))
            // Marks everything that a run started, for people who look for what hangs.
            .env("BENCH_PARENT", &parent)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        // A child inherits the cores of the thread that starts it, and so does everything below it.
        cores::pin(cpus).map_err(spawn_error)?;
        let spawned = command.spawn();
        cores::pin(own_cpus).map_err(spawn_error)?;
        let mut supervisor = spawned.map_err(spawn_error)?;
        let output = Output::default();
        let (said, sayings) = mpsc::channel();
        let stdout = supervisor.stdout.take().expect("piped above");
        let stderr = supervisor.stderr.take().expect("piped above");
        output.follow(stdout, move |line| {
            said_by(line).is_none_or(|saying| {
                // Nobody listens any more once the server is ready.
                let _ = said.send(saying);
                matches!(saying, Saying::Listening(_))
            })
        });
        output.follow(stderr, |_| true);
        let mut starting = Starting {
            program,
            supervisor,
            output,
            sayings,
            began: Instant::now(),
        };
        match starting.wait() {
            Ok((pid, addr)) => Ok(Self {
                pid,
                meters: Arc::new(Meters::below(starting.supervisor.id().cast_signed())),
                supervisor: starting.supervisor,
                addr,
                output: starting.output,
                stop: program.stop,
                stop_timeout: program.stop_timeout,
            }),
            Err(error) => {
                end_now(&mut starting.supervisor);
                Err(error)
            }
        }
    }

    /// Starts what `program` makes of a free port. Tries another one where somebody took the port meanwhile.
    pub(crate) fn launch_on_free_port(
        program: impl Fn(u16) -> Program,
        cpus: &[u32],
        own_cpus: &[u32],
    ) -> Result<Self, LaunchError> {
        let mut attempt = 1;
        loop {
            let port = free_port().map_err(|source| LaunchError::Spawn {
                name: "a server on a free port".to_owned(),
                source,
            })?;
            match Self::launch(&program(port), cpus, own_cpus) {
                Err(LaunchError::Ended { .. })
                    if attempt < MAX_PORT_ATTEMPTS
                        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() =>
                {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// The id of its main process.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// The meters of all its processes.
    pub(crate) fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<String> {
        match self.supervisor.try_wait() {
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
            let signal = match self.stop {
                StopSignal::Term => Signal::TERM,
                StopSignal::Int => Signal::INT,
                StopSignal::Quit => Signal::QUIT,
            };
            // An error means that it has just ended by itself, which the loop below will see.
            let _ = kill_process(pid, signal);
        }
        let asked = Instant::now();
        while asked.elapsed() < self.stop_timeout {
            if let Ok(Some(status)) = self.supervisor.try_wait() {
                return (!status.success()).then(|| describe(status));
            }
            std::thread::sleep(POLL);
        }
        end_now(&mut self.supervisor);
        Some(format!(
            "it did not end within {} seconds of {} and was killed",
            self.stop_timeout.as_secs_f64(),
            self.stop
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.supervisor.try_wait(), Ok(Some(_))) {
            end_now(&mut self.supervisor);
        }
    }
}

/// What a supervisor or a server says on its standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saying {
    Started(i32),
    Listening(SocketAddr),
}

fn said_by(line: &str) -> Option<Saying> {
    let started = line.strip_prefix(STARTED);
    let listening = line.strip_prefix(LISTENING);
    started
        .and_then(|pid| Some(Saying::Started(pid.trim().parse().ok()?)))
        .or_else(|| Some(Saying::Listening(listening?.trim().parse().ok()?)))
}

/// A server that is not ready yet.
struct Starting<'a> {
    program: &'a Program,
    supervisor: Child,
    output: Output,
    sayings: mpsc::Receiver<Saying>,
    began: Instant,
}

impl Starting<'_> {
    /// Waits until the server is ready, and says which process it is and where it listens.
    fn wait(&mut self) -> Result<(i32, SocketAddr), LaunchError> {
        let pid = self.hear(|saying| match saying {
            Saying::Started(pid) => Some(pid),
            Saying::Listening(_) => None,
        })?;
        let addr = match &self.program.ready {
            Ready::Announced => self.hear(|saying| match saying {
                Saying::Listening(addr) => Some(addr),
                Saying::Started(_) => None,
            })?,
            Ready::Answers { addr, path } => {
                self.ask(*addr, path)?;
                *addr
            }
        };
        Ok((pid, addr))
    }

    /// Waits for what `wanted` takes.
    fn hear<T>(&mut self, wanted: impl Fn(Saying) -> Option<T>) -> Result<T, LaunchError> {
        loop {
            let left = self
                .program
                .ready_timeout
                .saturating_sub(self.began.elapsed());
            match self.sayings.recv_timeout(left) {
                Ok(saying) => {
                    if let Some(heard) = wanted(saying) {
                        return Ok(heard);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(self.silent()),
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
            }
        }
    }

    /// Asks until the server answers 200.
    fn ask(&mut self, addr: SocketAddr, path: &str) -> Result<(), LaunchError> {
        let client =
            ControlClient::patient_for(READY_TIMEOUT).map_err(|failure| LaunchError::Spawn {
                name: self.program.name.clone(),
                source: std::io::Error::other(failure.report.to_string()),
            })?;
        loop {
            if client.answers(addr, path) {
                return Ok(());
            }
            if !matches!(self.supervisor.try_wait(), Ok(None)) {
                return Err(self.ended());
            }
            if self.began.elapsed() > self.program.ready_timeout {
                return Err(self.silent());
            }
            std::thread::sleep(POLL);
        }
    }

    fn silent(&self) -> LaunchError {
        LaunchError::Silent {
            name: self.program.name.clone(),
            after: self.program.ready_timeout,
            output: self.output.quoted(),
        }
    }

    fn ended(&mut self) -> LaunchError {
        let status = self
            .supervisor
            .wait()
            .map_or_else(|error| error.to_string(), describe);
        // Its last words may still be on their way.
        self.output.settle();
        LaunchError::Ended {
            name: self.program.name.clone(),
            status,
            output: self.output.quoted(),
        }
    }
}

/// A port on 127.0.0.1 that was free a moment ago.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

impl Output {
    /// Reads lines until the end, shows each to `is_kept`, and keeps the last of those that are.
    fn follow(
        &self,
        stream: impl Read + Send + 'static,
        is_kept: impl Fn(&str) -> bool + Send + 'static,
    ) {
        self.printed().open += 1;
        let output = self.clone();
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
                line.clear();
                if !is_kept(&text) {
                    continue;
                }
                let lines = &mut output.printed().lines;
                if lines.len() == KEPT_LINES {
                    lines.pop_front();
                }
                lines.push_back(text);
            }
            output.printed().open -= 1;
            output.0.1.notify_all();
        });
    }

    fn printed(&self) -> MutexGuard<'_, Printed> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits a little for the last words of a server that has ended.
    fn settle(&self) {
        let is_open = |printed: &mut Printed| printed.open > 0;
        let waited = self
            .0
            .1
            .wait_timeout_while(self.printed(), LAST_WORDS, is_open);
        drop(waited);
    }

    fn lines(&self) -> Vec<String> {
        self.printed().lines.iter().cloned().collect()
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

/// Has a supervisor kill all that it started, and takes its status, so that no zombie remains.
fn end_now(supervisor: &mut Child) {
    if let Some(pid) = Pid::from_raw(supervisor.id().cast_signed())
        && !matches!(supervisor.try_wait(), Ok(Some(_)))
    {
        // An error means that it has just ended.
        let _ = kill_process(pid, Signal::TERM);
    }
    let asked = Instant::now();
    while asked.elapsed() < KILL_TIMEOUT {
        if !matches!(supervisor.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(POLL);
    }
    // Both fail only where it has ended already.
    let _ = supervisor.kill();
    let _ = supervisor.wait();
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}
