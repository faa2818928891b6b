//! The arguments of `bench hold`.

use std::num::NonZeroU32;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct HoldArgs {
    /// To whom.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) addr: std::net::SocketAddr,

    /// How many.
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: NonZeroU32,

    /// End with this process, however it ends. Set by `bench run`.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<i32>,
}
