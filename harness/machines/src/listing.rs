//! Who is there, and how far their clocks are from ours.

use serde::Serialize;

use crate::access::NatsAccess;
use crate::broker::{Broker, block_on};
use crate::clocks::{Exchange, Offsets};
use crate::error::MachinesError;
use crate::registration::Registration;

/// How often an agent's clocks are asked: the shortest of so many round trips is seldom disturbed.
const EXCHANGES: u32 = 32;

/// An agent that is registered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// What it says of itself.
    #[serde(flatten)]
    pub registration: Registration,
    /// How far its clocks are from those of this machine; none where it doesn't answer.
    pub clocks: Option<Offsets>,
}

/// All agents that are registered, by name.
pub fn list(access: &NatsAccess) -> Result<Vec<Listed>, MachinesError> {
    block_on(async {
        let broker = Broker::connect(access, "bench agents").await?;
        let mut listed = Vec::new();
        for registration in broker.registrations().await? {
            let clocks = clocks_of(&broker, &registration).await;
            listed.push(Listed {
                registration,
                clocks,
            });
        }
        Ok(listed)
    })
}

/// How far an agent's clocks are from ours; none where it doesn't answer. Questions are asked one after the other; the first that is not
/// answered is the last.
pub(crate) async fn clocks_of(broker: &Broker, registration: &Registration) -> Option<Offsets> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for _ in 0..EXCHANGES {
        let Some(exchange) = broker.ask_clocks(&registration.name).await else {
            break;
        };
        exchanges.push(exchange);
    }
    Offsets::of(&exchanges)
}
