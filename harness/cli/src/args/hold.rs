//! The arguments of `bench hold`.

use std::num::NonZeroU32;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct HoldArgs {
    /// The server.
    #[arg(value_name = "HOST:PORT|unix:PATH")]
    pub(crate) peer: load::Peer,

    /// Number of connections.
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: NonZeroU32,

    /// End when this process ends. Set by `bench run`.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<i32>,
}
