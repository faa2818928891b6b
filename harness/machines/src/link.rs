//! The way to another machine's agent, on which a coordinator has things that last: servers, idle connections.
//!
//! A thread of its own speaks with NATS: who asks may be a generator thread that must not wait, or one that waits for NATS already. It says
//! every second that this coordinator is there; once that has found no answer for five seconds, what it had there has ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::units::{NANOS_PER_S, Nanos};
use process::interrupt::Interrupt;
use thiserror::Error;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::access::NatsAccess;
use crate::broker::{Broker, monotonic_ns, read_clocks, runtime, sessions_of};
use crate::error::MachinesError;
use crate::registration::AgentName;
use crate::session_words::{Answer, Ask, LEASE_NS, Outcome, Question, Step, THERE_EVERY_NS};

/// How often it is asked what came of a step.
const STEP_LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long what is asked last may take to be sent.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);

/// What is said of an answer that no agent gives.
pub(crate) const OTHER_ANSWER: &str = "it answered something else";

/// Why an agent doesn't do what is asked.
#[derive(Debug, Error)]
pub enum SessionError {
    /// It works for another run.
    #[error("{name} works for another run: wait for its end, or end it")]
    Busy {
        /// The agent.
        name: AgentName,
    },
    /// It can't, whatever is tried.
    #[error("{name}: {what}")]
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

/// The way to another machine's agent; what it has there ends with this.
pub(crate) struct Link {
    pub(crate) name: AgentName,
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
    /// Why nothing lasts any more.
    lost: Option<String>,
    /// Whether a question about what lasts there was not answered since this was last asked.
    is_unanswered: bool,
}

/// A question on its way.
struct Sent {
    ask: Ask,
    tell: mpsc::Sender<Answered>,
}

/// What came of a question.
pub(crate) struct Answered {
    /// The answer; none where it did not come in time.
    pub(crate) answer: Option<Answer>,
    /// By this machine's monotonic clock.
    pub(crate) at_ns: Nanos,
}

impl Link {
    pub(crate) fn open(
        access: &NatsAccess,
        name: &AgentName,
        interrupt: &Interrupt,
    ) -> Result<Self, MachinesError> {
        let coordinator = format!("{}-{}", std::process::id(), read_clocks().system_ns);
        let (asks, asked) = unbounded_channel();
        let (tell, connected) = mpsc::channel();
        let trouble = Arc::new(Mutex::new(Trouble::default()));
        let speaker = Speaker {
            subject: sessions_of(name),
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
    pub(crate) fn ask(&self, ask: Ask) -> Receiver<Answered> {
        let (tell, answer) = mpsc::channel();
        if let Some(asks) = &self.asks {
            // Where its thread has ended nobody answers.
            let _ = asks.send(Sent { ask, tell });
        }
        answer
    }

    /// Asks, and waits for the answer; none where it does not come in time.
    pub(crate) fn answer(&self, ask: Ask) -> Option<Answer> {
        self.ask(ask).recv().ok()?.answer
    }

    pub(crate) fn lose(&self, why: &str) {
        lose(&self.trouble, why);
    }

    /// A question about what lasts there was not answered.
    pub(crate) fn note_unanswered(&self) {
        locked(&self.trouble).is_unanswered = true;
    }

    /// Whether one was not answered since this was last asked.
    pub(crate) fn take_unanswered(&self) -> bool {
        std::mem::take(&mut locked(&self.trouble).is_unanswered)
    }

    pub(crate) fn lost(&self) -> Option<SessionError> {
        let why = locked(&self.trouble).lost.clone()?;
        Some(SessionError::Lost {
            name: self.name.clone(),
            why,
        })
    }

    pub(crate) fn unable(&self, what: &str) -> SessionError {
        SessionError::Unable {
            name: self.name.clone(),
            what: what.to_owned(),
        }
    }

    /// Waits until the agent answers, or is lost, or somebody wants this to end.
    pub(crate) fn wait_until_there(&self) {
        while self.answer(Ask::Nothing).is_none()
            && self.lost().is_none()
            && !self.interrupt.is_asked()
        {
            std::thread::park_timeout(STEP_LOOK_EVERY);
        }
    }

    /// Has a step done, and waits for it.
    pub(crate) fn step(
        &self,
        step: &Step,
        say: &mut dyn FnMut(&str),
    ) -> Result<Outcome, SessionError> {
        let number = {
            let mut steps = locked(&self.steps);
            *steps += 1;
            *steps
        };
        // The others end by themselves soon, and what they begin has to be known.
        let may_be_left = matches!(step, Step::Prepare { .. } | Step::Hold { .. });
        let mut known = 0;
        let mut heard_ns = monotonic_ns();
        loop {
            if self.interrupt.is_asked() && may_be_left {
                return Err(SessionError::Interrupted);
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
                    return Err(SessionError::Busy {
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
    /// Asks what is to be asked, until nobody does any more; what lasts ends then.
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
                "gave this run up: it had not heard of it for 5 s, or was started again",
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

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
