//! An agent's part of a load: connections are opened, it starts when it is asked to, and what was recorded is handed over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use futures_util::StreamExt;
use load::{Control, Endpoint, Options, Peer, Phase, Spin, TlsSpec};
use model::measured::recording::Recording;
use model::spec::part::Part;
use model::units::Nanos;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::broker::{Broker, monotonic_ns};
use crate::registration::{Registration, Role};
use crate::words::{
    Command, Doing, LEASE_NS, LoadId, Message, Order, REPEAT_EVERY_NS, Report, order_of,
    recording_of,
};

/// How long before its start an agent has to know of it: as long as a thread may need to wake up.
const START_AHEAD_NS: Nanos = 1_000_000;

/// What happens to a drive.
enum News {
    /// All connections are open, and somebody waits for the instant of the start.
    Open(mpsc::Sender<Instant>),
    /// No reply is waited for any more.
    Drained,
    /// It is over.
    Ended(Box<Result<Recording, Doing>>),
}

/// A drive that is stopped when nobody looks after it any more.
struct Drive {
    control: Arc<Control>,
    news: UnboundedReceiver<News>,
    /// Who waits for the start.
    waits: Option<mpsc::Sender<Instant>>,
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.control.stop();
    }
}

/// Does what it is asked, one load after the other, until it is aborted.
pub(crate) async fn serve(broker: Broker, registration: Registration, mut commands: Subscriber) {
    while let Some(message) = commands.next().await {
        if let Some(Message {
            load,
            what: Command::Prepare { part, answers },
        }) = understood(&message.payload)
        {
            let agent = Agent {
                broker: &broker,
                registration: &registration,
                answers: &answers,
            };
            Box::pin(agent.drive(&load, part, &mut commands)).await;
        }
    }
}

/// An agent, and where it says how one load goes.
struct Agent<'a> {
    broker: &'a Broker,
    registration: &'a Registration,
    answers: &'a str,
}

impl Agent<'_> {
    async fn say(&self, answers: &str, doing: &Doing) {
        let report = Report {
            agent: self.registration.name.clone(),
            doing: doing.clone(),
        };
        self.broker.say(answers, &report).await;
    }

    /// Does something that may take a while, and says meanwhile how it goes.
    async fn saying<T>(&self, doing: &Doing, what: impl Future<Output = T>) -> T {
        tokio::pin!(what);
        loop {
            self.say(self.answers, doing).await;
            tokio::select! {
                done = &mut what => return done,
                () = tokio::time::sleep(Duration::from_nanos(REPEAT_EVERY_NS)) => {}
            }
        }
    }

    /// Drives a part of a load, until this is over, or hears nothing for as long as a lease lasts.
    async fn drive(&self, load: &LoadId, part: Part, commands: &mut Subscriber) {
        let mut doing = Doing::Opening;
        let begun = self.begun(load, part);
        let mut drive = match self.saying(&doing, begun).await {
            Ok(drive) => Some(drive),
            Err(refusal) => {
                doing = refusal;
                None
            }
        };
        let mut heard_ns = monotonic_ns();
        loop {
            self.say(self.answers, &doing).await;
            tokio::select! {
                message = commands.next() => {
                    let Some(message) = message else { return };
                    match understood(&message.payload) {
                        Some(Message { load: of, what }) if of == *load => {
                            heard_ns = monotonic_ns();
                            if what == Command::End {
                                break;
                            }
                            if let Some(drive) = &mut drive {
                                doing = drive.on_command(&what, doing);
                            }
                        }
                        // An end that was lost. It is asked again for the other one.
                        Some(Message { load: other, .. }) if load.is_over_for(&other) => break,
                        Some(Message { what: Command::Prepare { answers, .. }, .. }) => self.say(&answers, &Doing::Busy).await,
                        _ => {}
                    }
                }
                Some(news) = async { drive.as_mut()?.news.recv().await }, if drive.is_some() => match news {
                    News::Open(waits) => {
                        if let Some(drive) = &mut drive {
                            drive.waits = Some(waits);
                        }
                        doing = Doing::Ready;
                    }
                    News::Drained => doing = Doing::Drained,
                    News::Ended(ended) => {
                        drive = None;
                        let ended = self.handed_over(load, *ended, doing.clone());
                        doing = Box::pin(self.saying(&doing, ended)).await;
                        heard_ns = monotonic_ns();
                    }
                },
                () = tokio::time::sleep(Duration::from_nanos(REPEAT_EVERY_NS)) => {}
            }
            if let (Doing::Driving { .. }, Some(drive)) = (&doing, &drive) {
                doing = drive.driving();
            }
            if monotonic_ns() > heard_ns + LEASE_NS {
                break;
            }
        }
        if let Some(mut drive) = drive {
            drive.control.stop();
            drive.waits = None;
            // One that still opened its connections waits for no start.
            while !matches!(drive.news.recv().await, Some(News::Ended(_)) | None) {}
        }
        self.broker
            .forget(&recording_of(load, &self.registration.name))
            .await;
    }

    /// Begins to drive; or why that can't be.
    async fn begun(&self, load: &LoadId, part: Part) -> Result<Drive, Doing> {
        let order = self.broker.kept::<Order>(&order_of(load)).await;
        let order = order.map_err(|error| Doing::Failed(error.to_string()))?;
        let cpus = &self.registration.cpus;
        let threads = order.threads as usize;
        if cpus.len() < threads {
            return Err(Doing::Unable(format!(
                "it has {} cores, and the load has {threads} threads for each agent: start it with more --cpus, or name fewer cores with \
                 --load-cpus",
                cpus.len()
            )));
        }
        // A probe has a load of its own.
        let load = match (self.registration.role, order.probe) {
            (Role::Probe, Some(probe)) => probe,
            _ => order.load,
        };
        let peer: Peer = order
            .peer
            .parse()
            .map_err(|_| Doing::Unable(format!("{} is no address of a server", order.peer)))?;
        let tls = order.tls.as_ref().map(TlsSpec::made).transpose();
        let tls = tls.map_err(|error| Doing::Unable(error.to_string()))?;
        let endpoint = Endpoint { peer, tls };
        let options = Options {
            cpus: cpus[..threads].to_vec(),
            clock: order.clock,
            // Its core may be others' too, of which nobody else knows.
            spin: Spin::WhereFree,
            part,
            room: order.room,
        };
        let (tell, news) = unbounded_channel();
        let control = Arc::new(watched(&tell));
        let driven = Arc::clone(&control);
        tokio::task::spawn_blocking(move || {
            let drive = || load::drive(&load, &order.workload, endpoint, &options, &driven);
            let ended = match catch_unwind(AssertUnwindSafe(drive)) {
                Ok(driven) => driven.map_err(|error| Doing::Refused(error.to_string())),
                Err(_) => Err(Doing::Failed(
                    "its generator panicked; what it printed says where".to_owned(),
                )),
            };
            // Nobody listens where the agent ends.
            let _ = tell.send(News::Ended(Box::new(ended)));
        });
        Ok(Drive {
            control,
            news,
            waits: None,
        })
    }

    /// Hands over what was recorded.
    async fn handed_over(
        &self,
        load: &LoadId,
        ended: Result<Recording, Doing>,
        doing: Doing,
    ) -> Doing {
        match (ended, doing) {
            (_, Doing::Late) => Doing::Late,
            (Err(why), _) => why,
            (Ok(recording), _) => {
                let name = recording_of(load, &self.registration.name);
                match self.broker.keep(&name, &recording).await {
                    Ok(()) => Doing::Done,
                    Err(error) => Doing::Failed(error.to_string()),
                }
            }
        }
    }
}

impl Drive {
    /// Does what is asked; what is done from then on.
    #[expect(
        clippy::disallowed_methods,
        reason = "an agent's clock is read here, for an instant that a thread waits for"
    )]
    fn on_command(&mut self, what: &Command, doing: Doing) -> Doing {
        match what {
            &Command::Start { at_ns } => {
                let Some(waits) = self.waits.take() else {
                    return doing;
                };
                let now = monotonic_ns();
                if now + START_AHEAD_NS > at_ns {
                    self.control.stop();
                    return Doing::Late;
                }
                let at = Instant::now() + Duration::from_nanos(at_ns - now);
                // It is there: it waits.
                let _ = waits.send(at);
                self.driving()
            }
            Command::Stop => {
                self.control.stop();
                self.waits = None;
                doing
            }
            Command::Prepare { .. } | Command::GoOn | Command::End => doing,
        }
    }

    fn driving(&self) -> Doing {
        Doing::Driving {
            ok: self.control.ok(),
            failed: self.control.failed(),
        }
    }
}

/// A control that tells what happens, and whose drive starts when it is asked to.
fn watched(tell: &UnboundedSender<News>) -> Control {
    let (drained, open) = (tell.clone(), tell.clone());
    Control::watching(move |phase| {
        if phase == Phase::Drained {
            let _ = drained.send(News::Drained);
        }
    })
    .starting(move || {
        let (waits, start) = mpsc::channel();
        open.send(News::Open(waits)).ok()?;
        // Where it is stopped instead, it need not wait.
        start.recv().ok()
    })
}

/// A message; none where it is of another form.
fn understood(payload: &[u8]) -> Option<Message> {
    serde_json::from_slice(payload).ok()
}
