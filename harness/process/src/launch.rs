//! Servers under test, and the instrument's own: started on cores of their own, waited for, metered, and stopped.
//!
//! A server runs in a process of its own, so that its CPU, memory and allocator are its own. That nothing of it outlives
//! this process is `supervised`'s business.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use load::Peer;
use model::spec::target::StopSignal;
use rustix::process::Signal;
use thiserror::Error;

use crate::control_client::{ControlClient, NoAnswer};
use crate::failure::Failure;
use crate::meter::Meters;
use crate::process_tree::{descendants, listens};
use crate::reach::Reach;
use crate::supervised::{Program, Supervised};

/// How long a part of the instrument may take until it listens.
pub const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a part of the instrument may take to end when asked; then it is killed.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What a server of ours prints once it accepts connections, before its address.
pub const LISTENING: &str = "listening on ";

/// How often a server that is not ready yet is looked at.
const POLL: Duration = Duration::from_millis(5);

/// How long a server may take to answer whether it is ready: it may accept and be silent.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long somebody else may answer at a server's port before that is believed: processes are looked up while they fork.
const FOREIGN_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a server is started on another port, because somebody took the one that was free a moment ago.
const MAX_PORT_ATTEMPTS: u32 = 3;

/// A program that serves.
#[derive(Debug, Clone)]
pub struct Service {
    /// What it is called in messages.
    pub name: String,
    /// What is started.
    pub program: Program,
    /// How it is known that it serves.
    pub ready: Ready,
    /// How long that may take.
    pub ready_timeout: Duration,
    /// What it is asked to end with.
    pub stop: StopSignal,
    /// How long it may take to end.
    pub stop_timeout: Duration,
}

/// How a server shows that it is ready.
#[derive(Debug, Clone)]
pub enum Ready {
    /// It prints [`LISTENING`] and its address.
    Announced,
    /// It answers this path with 2xx.
    Answers {
        /// Where it may be asked, at least one; the first that answers is where it is reached.
        reaches: Vec<Reach>,
        /// The port on which one of its processes must listen then.
        port: u16,
        /// The path.
        path: String,
    },
}

/// A server that is ready. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    process: Supervised,
    meters: Arc<Meters>,
    /// Asks it what it says of itself.
    pub control: ControlClient,
    stop: StopSignal,
    stop_timeout: Duration,
}

/// Why a server could not be started.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The process itself.
    #[error("cannot start {name}: {source}")]
    Spawn {
        /// The service.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended instead of listening.
    #[error(
        "{name} ended before it was ready ({how}{}){}",
        stay(*in_order),
        quoted(output)
    )]
    Ended {
        /// The service.
        name: String,
        /// How it ended.
        how: String,
        /// Whether that was with exit code 0, as the parent of a daemon ends.
        in_order: bool,
        /// What it printed last.
        output: String,
    },
    /// What answers at its port is no process that was started for it.
    #[error(
        "{name}: {peer} answers, but no process that was started for it listens there: a server in a container, or one that \
         leaves its parent, can't be measured as a process (start it yourself, and name it with --url)"
    )]
    Foreign {
        /// The service.
        name: String,
        /// What answers.
        peer: Peer,
    },
    /// It did not get ready.
    #[error(
        "{name} was not ready within {} s: {missing}; if it needs longer, raise `ready_timeout` in its manifest{}",
        after.as_secs_f64(),
        quoted(output)
    )]
    NotReady {
        /// The service.
        name: String,
        /// How long it was waited for.
        after: Duration,
        /// What did not come.
        missing: String,
        /// What it printed last.
        output: String,
    },
}

impl Service {
    /// A part of this program that announces itself: `bench serve NAME ARGS…` on a free port and these cores.
    pub fn own(name: &str, args: &[String], cpus: &[u32]) -> Self {
        let own = ["serve", name, "--port", "0"].map(str::to_owned);
        Self {
            name: format!("`bench serve {name}`"),
            program: Program {
                command: own_path(),
                args: own.into_iter().chain(args.iter().cloned()).collect(),
                cpus: cpus.to_vec(),
                ..Program::default()
            },
            ready: Ready::Announced,
            ready_timeout: START_TIMEOUT,
            stop: StopSignal::Term,
            stop_timeout: STOP_TIMEOUT,
        }
    }
}

/// This program. The link stays true even if its file is replaced by a new build meanwhile.
pub fn own_path() -> String {
    format!("/proc/{}/exe", std::process::id())
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub fn launch(service: &Service) -> Result<Self, LaunchError> {
        let (said, announced) = mpsc::channel();
        let process = Supervised::start(&service.program, move |line| {
            let addr = line.strip_prefix(LISTENING);
            if let Some(addr) = addr.and_then(|addr| addr.trim().parse().ok()) {
                // Nobody listens any more once the server is ready.
                let _ = said.send(addr);
            }
        });
        let process = process.map_err(|source| LaunchError::Spawn {
            name: service.name.clone(),
            source,
        })?;
        // Whatever fails from here on drops the process, which kills it.
        let control = wait_until_ready(service, &process, &announced)?;
        Ok(Self {
            meters: Arc::new(Meters::below(process.supervisor())),
            process,
            control,
            stop: service.stop,
            stop_timeout: service.stop_timeout,
        })
    }

    /// Starts what `service` makes of a free port of `host`; tries another one where somebody took the port meanwhile.
    pub fn launch_on_free_port(
        host: IpAddr,
        service: impl Fn(u16) -> Service,
    ) -> Result<Self, LaunchError> {
        let mut attempt = 1;
        loop {
            let port = free_port(host).map_err(|source| LaunchError::Spawn {
                name: format!("a server on a free port of {host}"),
                source,
            })?;
            match Self::launch(&service(port)) {
                Err(LaunchError::Ended { .. })
                    if attempt < MAX_PORT_ATTEMPTS && is_taken(host, port) =>
                {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Where it is reached.
    pub fn reach(&self) -> &Reach {
        self.control.reach()
    }

    /// The id of its main process.
    pub fn pid(&self) -> Option<i32> {
        self.process.pid()
    }

    /// The process above it: all that is below is the server's.
    pub fn supervisor(&self) -> i32 {
        self.process.supervisor()
    }

    /// The meters of all its processes.
    pub fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<String> {
        self.process.ended()
    }

    /// The same, where it ends within this time.
    pub fn ends_within(&self, time: Duration) -> Option<String> {
        self.process.wait(time);
        self.process.ended()
    }

    /// What it last printed, a line each.
    pub fn last_output(&self) -> String {
        self.process.last_output()
    }

    /// How many lines it has printed.
    pub fn lines(&self) -> u64 {
        self.process.lines()
    }

    /// Asks it to end in order, waits for it, and kills it if it takes too long. Says how it ended where that was not in
    /// order, or where it left processes behind.
    pub fn stop(self) -> Option<String> {
        let signal = match self.stop {
            StopSignal::Term => Signal::TERM,
            StopSignal::Int => Signal::INT,
            StopSignal::Quit => Signal::QUIT,
            StopSignal::Hup => Signal::HUP,
            StopSignal::Usr1 => Signal::USR1,
            StopSignal::Usr2 => Signal::USR2,
            StopSignal::Winch => Signal::WINCH,
        };
        self.process
            .stop(signal, &self.stop.to_string(), self.stop_timeout)
    }
}

/// Waits until a server is ready, and says where it listens.
fn wait_until_ready(
    service: &Service,
    process: &Supervised,
    announced: &Receiver<SocketAddr>,
) -> Result<ControlClient, LaunchError> {
    let name = || service.name.clone();
    let no_client = |failure: Failure| LaunchError::Spawn {
        name: name(),
        source: std::io::Error::other(failure.report.to_string()),
    };
    let reaches = match &service.ready {
        Ready::Announced => &[][..],
        Ready::Answers { reaches, .. } => reaches,
    };
    let clients = reaches.iter().map(ControlClient::of);
    let clients = clients.collect::<Result<Vec<_>, _>>().map_err(no_client)?;
    let began = Instant::now();
    let mut foreign_since = None;
    loop {
        let missing = match look(&service.ready, process, announced, &clients) {
            Ok(client) => return Ok(client),
            Err(Missing::Foreign(peer)) => {
                if foreign_since.get_or_insert_with(Instant::now).elapsed() > FOREIGN_TIMEOUT {
                    return Err(LaunchError::Foreign { name: name(), peer });
                }
                format!("another program answers at {peer}")
            }
            Err(Missing::Answer(missing)) => {
                foreign_since = None;
                missing
            }
            Err(Missing::Client(failure)) => return Err(no_client(failure)),
        };
        if let Some(how) = process.ended() {
            return Err(LaunchError::Ended {
                name: name(),
                how,
                in_order: process
                    .wait(Duration::ZERO)
                    .is_some_and(|status| status.success()),
                output: process.last_output(),
            });
        }
        if began.elapsed() > service.ready_timeout {
            return Err(LaunchError::NotReady {
                name: name(),
                after: service.ready_timeout,
                missing,
                output: process.last_output(),
            });
        }
    }
}

/// What a server lacks to be ready.
enum Missing {
    /// Its answer, in these words.
    Answer(String),
    /// Somebody else answers here.
    Foreign(Peer),
    /// A client that asks it.
    Client(Failure),
}

/// Looks once, for [`POLL`] or so, whether a server is ready; the error says what is missing.
fn look(
    ready: &Ready,
    process: &Supervised,
    announced: &Receiver<SocketAddr>,
    clients: &[ControlClient],
) -> Result<ControlClient, Missing> {
    let pause = || std::thread::sleep(POLL);
    match ready {
        Ready::Announced => {
            let addr = announced.recv_timeout(POLL).map_err(|error| {
                if error == RecvTimeoutError::Disconnected {
                    pause();
                }
                Missing::Answer("it did not say where it listens".to_owned())
            })?;
            ControlClient::of(&Reach::from(addr)).map_err(Missing::Client)
        }
        Ready::Answers { port, path, .. } => {
            let client = answering(clients, path).inspect_err(|_| pause())?;
            // Somebody else may have taken the port a moment ago, and would be measured instead.
            match listens(&descendants(process.supervisor()), *port) {
                Some(false) => {
                    pause();
                    Err(Missing::Foreign(client.reach().endpoint.peer.clone()))
                }
                // Where the system does not tell, it is believed.
                Some(true) | None => Ok(client.clone()),
            }
        }
    }
}

/// The first of several that answers as it should.
fn answering<'a>(clients: &'a [ControlClient], path: &str) -> Result<&'a ControlClient, Missing> {
    for client in clients {
        match client.answers(path, ANSWER_TIMEOUT) {
            Ok(()) => return Ok(client),
            Err(NoAnswer::NobodyListens) => {}
            Err(NoAnswer::Other(what)) => return Err(Missing::Answer(what)),
        }
    }
    let peers = clients
        .iter()
        .map(|client| client.reach().endpoint.peer.to_string());
    let tried = peers.collect::<Vec<_>>().join(" or ");
    Err(Missing::Answer(format!("nobody listens on {tried}")))
}

/// A port of an address of this machine that was free a moment ago.
pub(crate) fn free_port(host: IpAddr) -> std::io::Result<u16> {
    Ok(TcpListener::bind((host, 0))?.local_addr()?.port())
}

pub(crate) fn is_taken(host: IpAddr, port: u16) -> bool {
    TcpListener::bind((host, port)).is_err()
}

/// What a server that ended before it was ready may lack.
fn stay(in_order: bool) -> &'static str {
    if in_order {
        ": a server must stay in the foreground, so leave out the option that makes it a daemon"
    } else {
        ""
    }
}

/// Output as the tail of an error message.
pub(crate) fn quoted(output: &str) -> String {
    if output.is_empty() {
        "; it printed nothing".to_owned()
    } else {
        format!("; it printed:\n  {}", output.replace('\n', "\n  "))
    }
}
