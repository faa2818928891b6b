//! Agents that drive one load together, as their coordinator uses them.

use std::cell::{Cell, OnceCell};
use std::num::NonZeroU32;
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::{StreamExt, TryStreamExt};
use load::{Control, Peer};
use model::measured::recording::Recording;
use model::record::generator::{GeneratorEpoch, GeneratorSite};
use model::spec::part::Part;
use model::units::{Nanos, duration_ns};
use process::interrupt::Interrupt;
use thiserror::Error;
use tokio::runtime::Runtime;

use crate::access::NatsAccess;
use crate::broker::{Broker, monotonic_ns, orders_of, read_clocks, runtime};
use crate::clocks::Offsets;
use crate::error::{MachinesError, check_version};
use crate::held::{Held, Holders};
use crate::link::SessionError;
use crate::listing::clocks_of;
use crate::registration::{AgentName, Registration, Role};
use crate::together::{Lengths, Next, Together, Why};
use crate::words::{
    Command, LoadId, Message, Order, REPEAT_EVERY_NS, Report, order_of, recording_of,
};

/// How long agents are waited for that are not registered yet.
const GATHER_FOR: Duration = Duration::from_secs(10);

/// How often it is looked who is registered meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How far ahead the instant of a start is, beside the way there: as long as machines that are busy may take to hear of it.
const START_AHEAD_NS: Nanos = 50_000_000;

/// Of the shortest way to the farthest agent, how many: messages may take longer than the shortest did.
const WAYS_AHEAD: u64 = 8;

/// From when on nobody is waited for any more before an instant: what is heard may take so long to be looked at.
const EXACT_NS: Nanos = 2_000_000;

/// How many agents' clocks are asked at once: questions that wait for one another say less of a clock.
const CLOCKS_AT_ONCE: usize = 8;

/// How many recordings are asked for at once.
const AT_ONCE: usize = 16;

/// Agents that drive one load together.
pub struct Fleet {
    runtime: Runtime,
    broker: Broker,
    /// Generators, and the probe behind them.
    agents: Vec<Registration>,
    generators: usize,
    clock_limit_ns: Nanos,
    /// What no other coordinator is called.
    name: String,
    /// How many loads there were.
    loads: Cell<u64>,
    access: NatsAccess,
    /// The generators as holders of idle connections, once there are some.
    holders: OnceCell<Holders>,
}

/// Who is asked to drive a load.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// So many generators.
    pub generators: u32,
    /// A probe beside them.
    pub probe: bool,
    /// By how much the clock of each may be misjudged, in nanoseconds.
    pub clock_limit_ns: Nanos,
}

/// What became of a load.
pub struct Driven {
    /// What all recorded, as one.
    pub recording: Recording,
    /// What each recorded.
    pub generators: Vec<GeneratorEpoch>,
    /// What the probe recorded, which is no part of the whole.
    pub probe: Option<GeneratorEpoch>,
}

/// Why a load is void.
#[derive(Debug, Error)]
pub enum FleetError {
    /// An agent was missing, late or stopped: what it would have sent was not sent, so that the load was another one. It may go better the
    /// next time.
    #[error("{agent} {why}")]
    Void {
        /// The agent.
        agent: AgentName,
        /// What it did, as a sentence without its subject.
        why: String,
    },
    /// The server could not be driven.
    #[error("{agent}: {what}")]
    Target {
        /// The agent that reported it.
        agent: AgentName,
        /// What it reported.
        what: String,
    },
    /// An agent can't drive such a load.
    #[error("{agent} can't drive this load: {what}")]
    Unable {
        /// The agent.
        agent: AgentName,
        /// What it reported.
        what: String,
    },
    /// It is not known well enough what an agent's clock reads.
    #[error(
        "the clock of {agent} is known to {bound_us} µs only, and may be misjudged by {limit_us} µs at most: bring the machines closer \
         together, or allow more with --clock-limit"
    )]
    Clock {
        /// The agent.
        agent: AgentName,
        /// Half the shortest round trip to it, in microseconds.
        bound_us: Nanos,
        /// The most that is allowed, in microseconds.
        limit_us: Nanos,
    },
    /// NATS did not do what was asked.
    #[error(transparent)]
    Machines(#[from] MachinesError),
}

impl Fleet {
    /// The first generators by name, and the first probe, once so many are registered.
    ///
    /// # Errors
    ///
    /// There are fewer within ten seconds, or one of them is another version of `bench`.
    pub fn gather(access: &NatsAccess, wanted: Wanted) -> Result<Self, MachinesError> {
        let runtime = runtime()?;
        let (broker, found) = runtime.block_on(async {
            let broker = Broker::connect(access, "bench run").await?;
            let found = gathered(&broker, wanted).await?;
            Ok::<_, MachinesError>((broker, found))
        })?;
        let mut agents = Vec::new();
        for (role, count) in wanted.roles() {
            let of_role: Vec<Registration> = found
                .iter()
                .filter(|agent| agent.role == role)
                .cloned()
                .collect();
            if of_role.len() < count {
                let names: Vec<&str> = of_role.iter().map(|agent| agent.name.as_str()).collect();
                return Err(MachinesError::TooFew {
                    wanted: count,
                    role: role.name(),
                    found: match names.as_slice() {
                        [] => "none".to_owned(),
                        names => names.join(", "),
                    },
                    server: access.shown(),
                });
            }
            agents.extend(of_role.into_iter().take(count));
        }
        for agent in &agents {
            check_version(agent)?;
        }
        Ok(Self {
            runtime,
            broker,
            agents,
            generators: wanted.generators as usize,
            clock_limit_ns: wanted.clock_limit_ns,
            name: format!("{}-{}", std::process::id(), read_clocks().system_ns),
            loads: Cell::new(0),
            access: access.clone(),
            holders: OnceCell::new(),
        })
    }

    /// What of the load is an agent's: a probe has one of its own.
    fn part(&self, member: usize) -> Part {
        if member >= self.generators {
            return Part::WHOLE;
        }
        let number = |count: usize| u32::try_from(count).expect("they were counted by a u32");
        let part = Part::new(number(member), number(self.generators));
        part.expect("their number was checked")
    }

    /// How many generators there are.
    pub fn generators(&self) -> usize {
        self.generators
    }

    /// Whether a probe is among them.
    pub fn has_probe(&self) -> bool {
        self.agents.len() > self.generators
    }

    /// Who they are.
    pub fn sites(&self) -> Vec<GeneratorSite> {
        let agents = self.agents.iter();
        agents
            .map(|agent| GeneratorSite {
                name: agent.name.to_string(),
                is_probe: agent.role == Role::Probe,
                processor: agent.environment.processor().to_owned(),
                kernel: agent.environment.kernel.clone(),
                cpus: agent.cpus.clone(),
            })
            .collect()
    }

    /// Has the generators open `count` idle connections to `peer`, each an equal part of them, and hold them.
    pub fn hold_idle(
        &self,
        peer: &Peer,
        count: NonZeroU32,
        interrupt: &Interrupt,
    ) -> Result<Held, SessionError> {
        let holders = if let Some(holders) = self.holders.get() {
            holders
        } else {
            let agents = self.agents[..self.generators].iter();
            let names = agents.map(|agent| &agent.name);
            let opened = Holders::open(&self.access, names, interrupt)?;
            self.holders.get_or_init(|| opened)
        };
        holders.hold(peer, count)
    }

    /// Has all of them drive a load, which has at least as many connections as there are agents, until it ends or `control` is stopped.
    pub fn drive(&self, order: &Order, control: &Control) -> Result<Driven, FleetError> {
        self.runtime.block_on(async {
            let load = LoadId {
                coordinator: self.name.clone(),
                number: self.loads.replace(self.loads.get() + 1),
            };
            let driven = self.driven(&load, order, control).await;
            // Whatever came of it, nobody drives it any longer.
            self.command_all(&load, &Command::End).await;
            self.broker.forget(&order_of(&load)).await;
            driven
        })
    }

    async fn driven(
        &self,
        load: &LoadId,
        order: &Order,
        control: &Control,
    ) -> Result<Driven, FleetError> {
        self.broker.keep(&order_of(load), order).await?;
        let answers = format!("bench.load.{load}");
        let mut reports = self.broker.listen(answers.clone()).await?;
        let lengths = Lengths {
            warmup_ns: duration_ns(order.load.warmup),
            whole_ns: duration_ns(order.load.warmup)
                + duration_ns(order.load.duration)
                + duration_ns(order.load.drain)
                + duration_ns(order.load.timeout),
        };
        let mut together = Together::new(self.agents.len(), lengths, monotonic_ns());
        let mut clocks = Vec::new();
        let mut counted = (0, 0);
        let mut repeat_ns = 0;
        loop {
            let now = monotonic_ns();
            match together.next(now) {
                Next::Wait { until_ns } => {
                    if now >= repeat_ns {
                        repeat_ns = now + REPEAT_EVERY_NS;
                        self.command_each(load, &together, &clocks, &answers, control.is_stopped())
                            .await;
                    }
                    let until_ns = until_ns.min(repeat_ns);
                    self.hear_until(until_ns, &mut reports, &mut together).await;
                }
                Next::Start => {
                    clocks = self.read_clocks().await?;
                    let now = monotonic_ns();
                    together.starts_at(now + ahead_ns(&clocks), now);
                    repeat_ns = 0;
                }
                Next::Measuring => control.measuring(),
                Next::Drained => control.drained(),
                Next::Collect => return self.collected(load, order, &clocks, &together).await,
                Next::Void { member, why } => return Err(self.void(member, why)),
            }
            let counts = together.counts();
            control.add(
                counts.0.saturating_sub(counted.0),
                counts.1.saturating_sub(counted.1),
            );
            counted = counts;
        }
    }

    /// Hears what is said until then, exactly: what begins at an instant must not wait for a timer of milliseconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing else is done in the last moments before an instant"
    )]
    async fn hear_until(&self, until_ns: Nanos, reports: &mut Subscriber, together: &mut Together) {
        let left_ns = until_ns.saturating_sub(monotonic_ns());
        if left_ns <= EXACT_NS {
            std::thread::sleep(Duration::from_nanos(left_ns));
            return;
        }
        let wait = Duration::from_nanos(left_ns - EXACT_NS);
        let Ok(Some(message)) = tokio::time::timeout(wait, reports.next()).await else {
            return;
        };
        // What is of another form was said by somebody else.
        let Ok(Report { agent, doing }) = serde_json::from_slice(&message.payload) else {
            return;
        };
        if let Some(member) = self.agents.iter().position(|it| it.name == agent) {
            together.hear(member, doing, monotonic_ns());
        }
    }

    /// Tells each what it is to do now.
    async fn command_each(
        &self,
        load: &LoadId,
        together: &Together,
        clocks: &[Offsets],
        answers: &str,
        is_stopped: bool,
    ) {
        for (member, agent) in self.agents.iter().enumerate() {
            let what = if together.is_unasked(member) {
                Command::Prepare {
                    part: self.part(member),
                    answers: answers.to_owned(),
                }
            } else if is_stopped {
                Command::Stop
            } else if let Some(start_ns) = together.start_of(member) {
                Command::Start {
                    at_ns: start_ns.saturating_add_signed(clocks[member].monotonic_ahead_ns),
                }
            } else {
                Command::GoOn
            };
            self.send(load, agent, what).await;
        }
    }

    async fn command_all(&self, load: &LoadId, what: &Command) {
        for agent in &self.agents {
            self.send(load, agent, what.clone()).await;
        }
    }

    async fn send(&self, load: &LoadId, agent: &Registration, what: Command) {
        let message = Message {
            load: load.clone(),
            what,
        };
        self.broker.say(&orders_of(&agent.name), &message).await;
    }

    /// How far the clock of each is from ours, now that all are ready and quiet.
    async fn read_clocks(&self) -> Result<Vec<Offsets>, FleetError> {
        let asked = self
            .agents
            .iter()
            .map(|agent| clocks_of(&self.broker, agent));
        let each: Vec<Option<Offsets>> = futures_util::stream::iter(asked)
            .buffered(CLOCKS_AT_ONCE)
            .collect()
            .await;
        let each = self.agents.iter().zip(each).map(|(agent, offsets)| {
            let offsets = offsets.ok_or_else(|| FleetError::Void {
                agent: agent.name.clone(),
                why: "did not say what its clock reads".to_owned(),
            })?;
            if offsets.bound_ns > self.clock_limit_ns {
                return Err(FleetError::Clock {
                    agent: agent.name.clone(),
                    bound_us: offsets.bound_ns.div_ceil(1_000),
                    limit_us: self.clock_limit_ns / 1_000,
                });
            }
            Ok(offsets)
        });
        each.collect()
    }

    /// What all recorded.
    async fn collected(
        &self,
        load: &LoadId,
        order: &Order,
        clocks: &[Offsets],
        together: &Together,
    ) -> Result<Driven, FleetError> {
        let kept = self.agents.iter().map(|agent| async move {
            let name = recording_of(load, &agent.name);
            let recording = self.broker.kept::<Recording>(&name).await;
            recording.map_err(|error| FleetError::Void {
                agent: agent.name.clone(),
                why: format!("did not hand over what it recorded: {error}"),
            })
        });
        let recordings = futures_util::stream::iter(kept).buffered(AT_ONCE);
        let mut recordings: Vec<Recording> = recordings.try_collect().await?;
        let each = self.agents.iter().zip(clocks).zip(&recordings).enumerate();
        let generators = each.map(|(member, ((agent, clocks), recording))| {
            let ready_after_ns = together.ready_after_ns(member);
            GeneratorEpoch::of(
                agent.name.as_str(),
                clocks.bound_ns,
                ready_after_ns,
                &load::alone(&order.load, recording),
            )
        });
        let mut generators: Vec<GeneratorEpoch> = generators.collect();
        let probe = generators.split_off(self.generators).pop();
        recordings.truncate(self.generators);
        Ok(Driven {
            recording: load::merge(&order.load, recordings),
            generators,
            probe,
        })
    }

    fn void(&self, member: usize, why: Why) -> FleetError {
        let agent = self.agents[member].name.clone();
        let void = |why: &str| FleetError::Void {
            agent: agent.clone(),
            why: why.to_owned(),
        };
        match why {
            Why::Lost => void("was not heard of any more"),
            Why::Busy => void("is driving another load"),
            Why::Late => void("did not start in time"),
            Why::Endless => void("did not end"),
            Why::Failed(what) => void(&format!("failed: {what}")),
            Why::Unable(what) => FleetError::Unable { agent, what },
            Why::Refused(what) => FleetError::Target { agent, what },
        }
    }
}

/// How far ahead of its being asked a load starts. The bound of an offset is half a round trip: the shortest way.
fn ahead_ns(clocks: &[Offsets]) -> Nanos {
    let farthest_ns = clocks.iter().map(|offsets| offsets.bound_ns).max();
    START_AHEAD_NS + WAYS_AHEAD * farthest_ns.unwrap_or_default()
}

impl Wanted {
    /// How many agents of which roles.
    fn roles(self) -> [(Role, usize); 2] {
        [
            (Role::Generator, self.generators as usize),
            (Role::Probe, usize::from(self.probe)),
        ]
    }
}

/// All that are registered, by name, once those are there who are wanted or nobody is waited for any longer.
async fn gathered(broker: &Broker, wanted: Wanted) -> Result<Vec<Registration>, MachinesError> {
    let begun_ns = monotonic_ns();
    loop {
        let agents = broker.registrations().await?;
        let count_of = |role| agents.iter().filter(|agent| agent.role == role).count();
        let is_enough = |(role, count)| count_of(role) >= count;
        if wanted.roles().into_iter().all(is_enough)
            || monotonic_ns() - begun_ns > duration_ns(GATHER_FOR)
        {
            return Ok(agents);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
