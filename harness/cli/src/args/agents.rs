//! The arguments of `bench agents`.

use clap::Args as ClapArgs;

use crate::args::shared::NatsArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench agents --nats nats://127.0.0.1:4222
  bench agents --nats tls://hub.test:4222 --nats-credentials me.creds --json

Each agent is asked 32 times what its clocks read. The shortest round trip counts, and half of it is how far the offset may be wrong. \
CLOCK is how far the system clock of an agent is ahead of this machine's; as JSON there is the monotonic clock as well.")]
pub(crate) struct AgentsArgs {
    #[command(flatten)]
    pub(crate) nats: NatsArgs,

    /// Print the agents as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
