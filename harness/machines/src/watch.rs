//! Who is registered, asked again and again.

use std::time::Duration;

use crate::access::NatsAccess;
use crate::broker::{Broker, block_on};
use crate::error::MachinesError;
use crate::registration::Registration;

/// How long one look may take: a server that is lost meanwhile must not keep who looks from anything else.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// Looks who is registered, and hands it to `on_look`: all registrations by name, or none where the NATS server could not say. What
/// that returns is how long to wait until the next look; none ends it.
///
/// A server that can't be reached at the beginning is an error; later on it is looked for again.
pub fn watch(
    access: &NatsAccess,
    on_look: &mut dyn FnMut(Option<&[Registration]>) -> Option<Duration>,
) -> Result<(), MachinesError> {
    block_on(async {
        let broker = Broker::connect(access, "bench agents up").await?;
        loop {
            let look = tokio::time::timeout(LOOK_WITHIN, broker.registrations()).await;
            let registered = look.ok().and_then(Result::ok);
            match on_look(registered.as_deref()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(()),
            }
        }
    })
}
