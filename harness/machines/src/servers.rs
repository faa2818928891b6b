//! Servers on another machine, as their coordinator uses them.
//!
//! A thread of its own speaks with NATS: who asks may be a generator thread that must not wait, or one that waits for NATS already. It says
//! every second that this coordinator is there; once that has found no answer for five seconds the servers have ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::record::surroundings::Environment;
use model::record::target::Manifest as Identity;
use model::spec::access::Access;
use model::spec::address::Address;
use model::spec::target::TargetSpec;
use model::units::{NANOS_PER_S, Nanos, duration_ns};
use process::control_client::ControlClient;
use process::cores;
use process::interrupt::Interrupt;
use process::meter::{Look, Seen};
use process::reach::Reach;
use process::starting;
use thiserror::Error;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::access::NatsAccess;
use crate::broker::{Broker, block_on, monotonic_ns, read_clocks, runtime, servers_of};
use crate::error::{MachinesError, check_version};
use crate::registration::{AgentName, Registration, Role};
use crate::server_words::{
    Answer, Ask, Backend, LEASE_NS, Outcome, Question, Started, State, Step, THERE_EVERY_NS,
    TargetAsked,
};
use crate::serving::fixed_workers;

/// How often it is asked what came of a step.
const STEP_LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often it is looked whether a server has ended that is given some time for it.
const END_LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long what is asked last may take to be sent.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);

/// How long an agent that runs servers is waited for that is not registered yet.
const FIND_WITHIN_NS: Nanos = 10_000_000_000;

/// How often it is looked for.
const FIND_EVERY: Duration = Duration::from_millis(200);

/// The agent of this name, which runs servers; it is waited for ten seconds.
///
/// # Errors
///
/// It is not there, it is none of the role `server`, or it is another version of `bench`.
pub fn find(access: &NatsAccess, name: &AgentName) -> Result<Registration, MachinesError> {
    block_on(async {
        let broker = Broker::connect(access, "bench run").await?;
        let begun_ns = monotonic_ns();
        let found = loop {
            let agents = broker.registrations().await?;
            let found = agents.into_iter().find(|agent| agent.name == *name);
            if found.is_some() || monotonic_ns() - begun_ns > FIND_WITHIN_NS {
                break found;
            }
            tokio::time::sleep(FIND_EVERY).await;
        };
        let Some(found) = found.filter(|agent| agent.role == Role::Server) else {
            return Err(MachinesError::NoServerAgent {
                name: name.clone(),
                server: access.shown(),
            });
        };
        check_version(&found)?;
        Ok(found)
    })
}

/// What is said of an answer that no agent gives.
const OTHER_ANSWER: &str = "it answered something else";

/// Why a machine runs no servers for us.
#[derive(Debug, Error)]
pub enum ServersError {
    /// It runs those of another run.
    #[error("{name} runs the servers of another run: wait for its end, or end it")]
    Busy {
        /// The agent.
        name: AgentName,
    },
    /// It can't, whatever is tried.
    #[error("{name} can't run these targets: {what}")]
    Unable {
        /// The agent.
        name: AgentName,
        /// What it said.
        what: String,
    },
    /// It is not there any more.
    #[error("{name} {why}")]
    Lost {
        /// The agent.
        name: AgentName,
        /// What it did, as a sentence without its subject.
        why: String,
    },
    /// Its cores are not those that the run was asked for with.
    #[error(
        "{name} runs servers on cores {now}, and this run began with {then}: start the agent with --cpus {then}"
    )]
    Cores {
        /// The agent.
        name: AgentName,
        /// Its cores.
        now: String,
        /// Those of the run.
        then: String,
    },
    /// Somebody wants this to end.
    #[error("it was interrupted")]
    Interrupted,
    /// NATS did not do what was asked.
    #[error(transparent)]
    Machines(#[from] MachinesError),
}

/// The way to another machine's servers.
struct Link {
    name: AgentName,
    asks: Option<UnboundedSender<Sent>>,
    thread: Option<JoinHandle<()>>,
    trouble: Arc<Mutex<Trouble>>,
    /// How many steps were asked for.
    steps: Mutex<u64>,
    interrupt: Interrupt,
}

/// What went wrong on the way.
#[derive(Default)]
struct Trouble {
    /// Why there are no servers any more.
    lost: Option<String>,
    /// Whether a question about a server that runs was not answered since this was last asked.
    is_unanswered: bool,
}

/// A question on its way.
struct Sent {
    ask: Ask,
    tell: mpsc::Sender<Answered>,
}

/// What came of a question.
struct Answered {
    /// The answer; none where it did not come in time.
    answer: Option<Answer>,
    /// By this machine's monotonic clock.
    at_ns: Nanos,
}

/// Servers on another machine, which all end with this.
pub struct ServerMachine {
    link: Arc<Link>,
    registration: Registration,
    targets: Vec<(String, Identity)>,
    backend: Option<RemoteServer>,
}

/// A server that runs on another machine.
pub struct RemoteServer {
    link: Arc<Link>,
    server: u64,
    /// Asks it what it says of itself.
    pub control: ControlClient,
}

/// The meters of a server on another machine.
#[derive(Clone)]
pub struct RemoteMeters {
    link: Arc<Link>,
    server: u64,
}

/// What CPU time a server had spent, once its machine has answered.
pub struct CpuTimeAsked {
    answer: Receiver<Answered>,
    asked_ns: Nanos,
    meters: RemoteMeters,
}

/// What CPU time a server had spent at a moment between a question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuTime {
    /// So much, in nanoseconds.
    pub cpu_ns: Nanos,
    /// How long the answer took, in nanoseconds.
    pub round_trip_ns: Nanos,
}

impl ServerMachine {
    /// Has the agent of this name make ready what these targets need, all of which are started by manifests.
    ///
    /// `cpus`: the cores of servers that are expected there. `say` is given a line where it takes time.
    pub fn prepare(
        access: &NatsAccess,
        (name, cpus): (&AgentName, &[u32]),
        targets: &[TargetSpec],
        backend: Backend,
        interrupt: &Interrupt,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, ServersError> {
        let registration = find(access, name)?;
        if registration.cpus != cpus {
            return Err(ServersError::Cores {
                name: name.clone(),
                now: cores::names(&registration.cpus),
                then: cores::names(cpus),
            });
        }
        let link = Arc::new(Link::open(access, name, interrupt)?);
        let prepare = Step::Prepare {
            targets: targets.iter().filter_map(asked).collect(),
            backend,
        };
        let prepared = link.step(&prepare, say)?;
        let Outcome::Prepared {
            targets: identities,
            backend,
        } = prepared
        else {
            return Err(link.unable(OTHER_ANSWER));
        };
        let backend = backend.map(|backend| link.started(&backend, &Access::default()));
        let names = targets.iter().map(|target| target.name.clone());
        Ok(Self {
            backend: backend.transpose()?,
            registration,
            targets: names.zip(identities).collect(),
            link,
        })
    }

    /// What its agent is called.
    pub fn name(&self) -> &AgentName {
        &self.registration.name
    }

    /// The machine.
    pub fn environment(&self) -> &Environment {
        &self.registration.environment
    }

    /// Who a target is there; none of one that was not made ready.
    pub fn identity(&self, target: &str) -> Option<&Identity> {
        let found = self.targets.iter().find(|(name, _)| name == target);
        found.map(|(_, identity)| identity)
    }

    /// The backend, the first time that it is asked for, where there is one.
    pub fn take_backend(&mut self) -> Option<RemoteServer> {
        self.backend.take()
    }

    /// Starts a target there, reached by these means, and waits until it is ready.
    pub fn launch(&self, target: &str, access: &Access) -> Result<RemoteServer, ServersError> {
        let launch = Step::Launch {
            target: target.to_owned(),
        };
        match self.link.step(&launch, &mut |_| {})? {
            Outcome::Started(started) => self.link.started(&started, access),
            _ => Err(self.link.unable(OTHER_ANSWER)),
        }
    }

    /// Why there are no servers any more, where that is so.
    pub fn lost(&self) -> Option<ServersError> {
        self.link.lost()
    }

    /// That a server could not be watched since this was last asked, in words, where that was so.
    pub fn take_unanswered(&self) -> Option<String> {
        let is_unanswered = std::mem::take(&mut locked(&self.link.trouble).is_unanswered);
        is_unanswered.then(|| {
            format!(
                "{} did not say in time what its server spends",
                self.link.name
            )
        })
    }
}

impl RemoteServer {
    /// The meters of all its processes.
    pub fn meters(&self) -> RemoteMeters {
        RemoteMeters {
            link: Arc::clone(&self.link),
            server: self.server,
        }
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<String> {
        self.state()?.ended
    }

    /// The same, where it ends within this time.
    pub fn ends_within(&self, time: Duration) -> Option<String> {
        let until_ns = monotonic_ns() + duration_ns(time);
        loop {
            let ended = self.ended();
            if ended.is_some() || monotonic_ns() >= until_ns {
                return ended;
            }
            std::thread::park_timeout(END_LOOK_EVERY);
        }
    }

    /// What it last printed, a line each.
    pub fn last_output(&self) -> String {
        let asked = Ask::LastOutput {
            server: self.server,
        };
        match self.link.answer(asked) {
            Some(Answer::LastOutput(output)) => output,
            _ => String::new(),
        }
    }

    /// How many lines it has printed.
    pub fn lines(&self) -> u64 {
        self.state().map_or(0, |state| state.lines)
    }

    /// Asks it to end in order, waits for it, and has it killed if it takes too long. Says how it ended where that was not in order, or
    /// where it left processes behind.
    pub fn stop(self) -> Option<String> {
        let stop = Step::Stop {
            server: self.server,
        };
        match self.link.step(&stop, &mut |_| {}) {
            Ok(Outcome::Stopped(how)) => how,
            // The machine that is lost is known to be.
            _ => None,
        }
    }

    fn state(&self) -> Option<State> {
        self.meters().state(Look::Glance)
    }
}

impl RemoteMeters {
    /// Looks at the server; none where its machine does not answer in time.
    pub fn see(&self, look: Look) -> Option<Seen> {
        self.state(look).map(|state| state.seen)
    }

    /// Asks what CPU time it has spent so far, and does not wait for the answer.
    pub fn ask_cpu_time(&self) -> CpuTimeAsked {
        CpuTimeAsked {
            asked_ns: monotonic_ns(),
            answer: self.link.ask(Ask::CpuTime {
                server: self.server,
            }),
            meters: self.clone(),
        }
    }

    fn state(&self, look: Look) -> Option<State> {
        let asked = Ask::State {
            server: self.server,
            look,
        };
        let state = self.link.answer(asked).and_then(|answer| match answer {
            Answer::State(state) => Some(state),
            _ => None,
        });
        if state.is_none() {
            self.note_unanswered();
        }
        state
    }

    fn note_unanswered(&self) {
        locked(&self.link.trouble).is_unanswered = true;
    }
}

impl CpuTimeAsked {
    /// Waits for the answer; none where it did not come in time.
    pub fn wait(self) -> Option<CpuTime> {
        let time = self.answer.recv().ok().and_then(|answered| {
            let Answer::CpuTime(cpu_ns) = answered.answer? else {
                return None;
            };
            Some(CpuTime {
                cpu_ns,
                round_trip_ns: answered.at_ns.saturating_sub(self.asked_ns),
            })
        });
        if time.is_none() {
            self.meters.note_unanswered();
        }
        time
    }
}

impl Link {
    fn open(
        access: &NatsAccess,
        name: &AgentName,
        interrupt: &Interrupt,
    ) -> Result<Self, MachinesError> {
        let coordinator = format!("{}-{}", std::process::id(), read_clocks().system_ns);
        let (asks, asked) = unbounded_channel();
        let (tell, connected) = mpsc::channel();
        let trouble = Arc::new(Mutex::new(Trouble::default()));
        let speaker = Speaker {
            subject: servers_of(name),
            coordinator,
            heard_ns: Arc::default(),
            trouble: Arc::clone(&trouble),
        };
        let access = access.clone();
        let speaks = move || {
            let connected = runtime().and_then(|runtime| {
                let broker = runtime.block_on(Broker::connect(&access, "bench run"))?;
                Ok((runtime, broker))
            });
            match connected {
                Ok((runtime, broker)) => {
                    let _ = tell.send(Ok(()));
                    runtime.block_on(speaker.speak(&broker, asked));
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                }
            }
        };
        let thread = std::thread::Builder::new().spawn(speaks);
        let thread = thread.map_err(|error| MachinesError::Runtime {
            what: error.to_string(),
        })?;
        let link = Self {
            name: name.clone(),
            asks: Some(asks),
            thread: Some(thread),
            trouble,
            steps: Mutex::default(),
            interrupt: interrupt.clone(),
        };
        connected.recv().unwrap_or_else(|_| {
            Err(MachinesError::Runtime {
                what: "its thread ended".to_owned(),
            })
        })?;
        Ok(link)
    }

    /// Asks, and does not wait for the answer.
    fn ask(&self, ask: Ask) -> Receiver<Answered> {
        let (tell, answer) = mpsc::channel();
        if let Some(asks) = &self.asks {
            // Where its thread has ended nobody answers.
            let _ = asks.send(Sent { ask, tell });
        }
        answer
    }

    /// Asks, and waits for the answer; none where it does not come in time.
    fn answer(&self, ask: Ask) -> Option<Answer> {
        self.ask(ask).recv().ok()?.answer
    }

    fn lose(&self, why: &str) {
        lose(&self.trouble, why);
    }

    fn lost(&self) -> Option<ServersError> {
        let why = locked(&self.trouble).lost.clone()?;
        Some(ServersError::Lost {
            name: self.name.clone(),
            why,
        })
    }

    fn started(
        self: &Arc<Self>,
        started: &Started,
        access: &Access,
    ) -> Result<RemoteServer, ServersError> {
        let no_way = |what: String| self.unable(&format!("{}: {what}", started.address));
        let address =
            Address::parse(&started.address).map_err(|error| no_way(error.to_string()))?;
        let control = Reach::of(&address, access).and_then(|reach| ControlClient::of(&reach));
        Ok(RemoteServer {
            link: Arc::clone(self),
            server: started.server,
            control: control.map_err(|failure| no_way(failure.report.to_string()))?,
        })
    }

    fn unable(&self, what: &str) -> ServersError {
        ServersError::Unable {
            name: self.name.clone(),
            what: what.to_owned(),
        }
    }

    /// Has a step done, and waits for it.
    fn step(&self, step: &Step, say: &mut dyn FnMut(&str)) -> Result<Outcome, ServersError> {
        let number = {
            let mut steps = locked(&self.steps);
            *steps += 1;
            *steps
        };
        let is_ending = matches!(step, Step::Stop { .. });
        let mut known = 0;
        let mut heard_ns = monotonic_ns();
        loop {
            if self.interrupt.is_asked() && !is_ending {
                return Err(ServersError::Interrupted);
            }
            let answer = self.answer(Ask::Step {
                number,
                step: step.clone(),
            });
            if answer.is_some() {
                heard_ns = monotonic_ns();
            }
            let (lines, outcome) = match answer {
                Some(Answer::Doing { lines }) => (lines, None),
                Some(Answer::Done { lines, outcome }) => (lines, Some(outcome)),
                Some(Answer::Busy) => {
                    return Err(ServersError::Busy {
                        name: self.name.clone(),
                    });
                }
                _ => (Vec::new(), None),
            };
            for line in lines.iter().skip(known) {
                say(line);
            }
            known = known.max(lines.len());
            if let Some(outcome) = outcome {
                return outcome.map_err(|what| self.unable(&what));
            }
            if monotonic_ns() > heard_ns + LEASE_NS {
                self.lose(&not_heard_of());
            }
            if let Some(lost) = self.lost() {
                return Err(lost);
            }
            std::thread::park_timeout(STEP_LOOK_EVERY);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has ended as well.
            let _ = thread.join();
        }
    }
}

/// What the thread that speaks with NATS knows.
#[derive(Clone)]
struct Speaker {
    subject: String,
    coordinator: String,
    /// When an answer came last; 0 before the first.
    heard_ns: Arc<AtomicU64>,
    trouble: Arc<Mutex<Trouble>>,
}

impl Speaker {
    /// Asks what is to be asked, until nobody does any more; all servers end then.
    async fn speak(self, broker: &Broker, mut asked: UnboundedReceiver<Sent>) {
        loop {
            tokio::select! {
                sent = asked.recv() => {
                    let Some(Sent { ask, tell }) = sent else { break };
                    let (speaker, broker) = (self.clone(), broker.clone());
                    // One answer does not wait for another.
                    tokio::spawn(async move {
                        let answer = speaker.answer(&broker, ask).await;
                        // Who asked may not wait for it.
                        let _ = tell.send(Answered { answer, at_ns: monotonic_ns() });
                    });
                }
                () = tokio::time::sleep(Duration::from_nanos(THERE_EVERY_NS)) => {}
            }
            let heard_ns = self.heard_ns.load(Ordering::Relaxed);
            let silent_ns = monotonic_ns().saturating_sub(heard_ns);
            if heard_ns > 0 && silent_ns > LEASE_NS {
                lose(&self.trouble, &not_heard_of());
            } else if heard_ns > 0 && silent_ns >= THERE_EVERY_NS {
                let (speaker, broker) = (self.clone(), broker.clone());
                tokio::spawn(async move { speaker.answer(&broker, Ask::Nothing).await });
            }
        }
        let end = self.answer(broker, Ask::End);
        let _ = tokio::time::timeout(FAREWELL_WITHIN, end).await;
    }

    async fn answer(&self, broker: &Broker, ask: Ask) -> Option<Answer> {
        let question = Question {
            coordinator: self.coordinator.clone(),
            ask,
        };
        let answer = broker.ask(&self.subject, &question).await;
        if answer.is_some() {
            self.heard_ns.store(monotonic_ns(), Ordering::Relaxed);
        }
        if answer == Some(Answer::Over) {
            lose(
                &self.trouble,
                "ended the servers: it had not heard of this run for 5 s, or was started again",
            );
        }
        answer
    }
}

fn lose(trouble: &Mutex<Trouble>, why: &str) {
    locked(trouble).lost.get_or_insert_with(|| why.to_owned());
}

fn not_heard_of() -> String {
    format!("was not heard of for {} s", LEASE_NS / NANOS_PER_S)
}

/// A target by which the other machine knows it; none of one that runs already.
fn asked(target: &TargetSpec) -> Option<TargetAsked> {
    let manifest = target.kind.manifest()?;
    Some(TargetAsked {
        name: target.name.clone(),
        kind: manifest.name.clone(),
        digest: starting::digest(manifest),
        workers: fixed_workers(manifest),
        pool: target.pool,
    })
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
