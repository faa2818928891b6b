//! An agent: it is there, says so, answers what its clocks read, and drives its part of a load or runs servers.

use std::time::Duration;

use async_nats::jetstream::kv::Store;

use crate::access::NatsAccess;
use crate::broker::{
    Broker, Registered, block_on, clocks_of, monotonic_ns, orders_of, sessions_of,
};
use crate::driving;
use crate::error::MachinesError;
use crate::lease::{Lease, Step};
use crate::registration::{Registration, Role};
use crate::serving::{self, Host};

/// How often it is asked whether to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a registration may take to be taken away: less than those have patience who end an agent.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// What happens to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    /// It is registered: others find it.
    Registered,
    /// Its registration could not be renewed in time: others don't find it any more. It goes on trying.
    Lost,
}

/// Is an agent until `is_asked` to end, and takes its registration away then. Where the NATS server can't be reached later on, it goes on
/// trying; at the beginning that is an error.
///
/// `host`: what it runs servers with, where that is what it does.
pub fn run(
    access: &NatsAccess,
    registration: &Registration,
    host: Option<Host>,
    is_asked: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(AgentEvent),
) -> Result<(), MachinesError> {
    block_on(async {
        let broker = Broker::connect(access, registration.name.as_str()).await?;
        // Before it can be found, it answers.
        let questions = broker.listen(clocks_of(&registration.name)).await?;
        let answering = tokio::spawn(broker.answer(questions));
        let questions = broker.listen(sessions_of(&registration.name)).await?;
        let orders = broker.listen(orders_of(&registration.name)).await?;
        let drives = registration.role != Role::Server;
        let driving = driving::serve(broker.clone(), registration.clone(), orders);
        let serving = serving::serve(broker.clone(), host, questions);
        let mut working = tokio::spawn(async move {
            tokio::select! {
                () = driving, if drives => {}
                () = serving => {}
            }
        });
        let held = tokio::select! {
            held = hold(&broker, registration, is_asked, on_event) => held,
            // It would be found, and do nothing.
            _ = &mut working => Err(MachinesError::Ended),
        };
        answering.abort();
        // What it drives, or runs, ends with it.
        if !working.is_finished() {
            working.abort();
            let _ = working.await;
        }
        if let Some(revision) = held? {
            // What can't be taken away now expires by itself; who lists what another one takes away waits in vain.
            let leaving = broker.leave(&registration.name, revision);
            let _ = tokio::time::timeout(LEAVE_WITHIN, leaving).await;
        }
        Ok(())
    })
}

/// Holds a lease until it is asked to end; what it holds then, where it holds it.
async fn hold(
    broker: &Broker,
    registration: &Registration,
    is_asked: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(AgentEvent),
) -> Result<Option<u64>, MachinesError> {
    let mut lease = Lease::default();
    // The bucket, as long as all goes well.
    let mut store: Option<Box<Store>> = None;
    let mut was_held = false;
    let mut was_ever_held = false;
    while !is_asked() {
        let now = monotonic_ns();
        let is_held = lease.held(now).is_some();
        if is_held != was_held {
            was_held = is_held;
            was_ever_held |= is_held;
            on_event(if is_held {
                AgentEvent::Registered
            } else {
                AgentEvent::Lost
            });
        }
        let stored = match lease.next(now) {
            Step::Wait { ns } => {
                tokio::time::sleep(Duration::from_nanos(ns).min(LOOK_EVERY)).await;
                continue;
            }
            Step::Register => broker.register(registration).await,
            Step::Renew { revision } => {
                let store = store.take().expect("what is renewed was stored");
                let renewed = broker.renew(&store, registration, revision).await;
                renewed.map(|revision| Registered::As(store, revision))
            }
        };
        match stored {
            Ok(Registered::As(kept_in, revision)) => {
                store = Some(kept_in);
                lease.on_granted(revision, now);
            }
            Ok(Registered::Taken) => {
                if lease.on_taken(monotonic_ns()) {
                    return Err(MachinesError::Taken {
                        name: registration.name.clone(),
                    });
                }
            }
            Err(error) if !was_ever_held && lease.held(now).is_none() => return Err(error),
            Err(_) => lease.on_failed(monotonic_ns()),
        }
    }
    Ok(lease.held(monotonic_ns()))
}
