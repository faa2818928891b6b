//! The arguments of `bench agent`.

use std::net::IpAddr;

use clap::{Args as ClapArgs, ValueEnum};
use machines::registration::{AgentName, Role};
use process::cores::CpuList;

use crate::args::serve::host;
use crate::args::shared::NatsArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench agent --nats nats://127.0.0.1:4222
  bench agent --nats tls://hub.test:4222 --nats-credentials agents.creds --name load-1
  bench agent --nats tls://hub.test:4222 --nats-ca ca.pem --role server --cpus 0-3 --host 10.0.0.5

The agent registers itself with a NATS server that has JetStream (`nats-server --jetstream`), where `bench agents` lists it. A generator \
drives its part of the load of a `bench run --generators N`. It dials out: nothing has to reach its machine. Ctrl-C or SIGTERM ends it, and \
takes its registration away; one that is killed is no longer listed 5 seconds later.

A server starts the targets of a `bench run --servers-on NAME`: built-in ones, and those of its own --manifest, with the backend, the database \
and the cache that they need. Nobody can have it start anything else. What it started ends with it, and with the run; at the latest 5 seconds after nothing was heard of that.

With `--nats -` it reads where the server is, and what lets it in, from standard input, as `bench agents up` writes it there, and ends when \
that is closed, or silent for 10 seconds.")]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    pub(crate) nats: NatsArgs,

    /// What this agent is called: letters, digits, `-` and `_`
    ///
    /// [default: the name of this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<AgentName>,

    /// What this machine is meant for, as `bench agents` lists it.
    #[arg(long, value_enum, value_name = "ROLE", default_value_t = RoleName::Generator)]
    pub(crate) role: RoleName,

    /// Cores that the agent stays on and lists as its own, as `0` or `0-3`; of a server those of the targets, and the others are the
    /// backend's and its own
    ///
    /// [default: all that it may use; of a server the upper half]
    #[arg(long, value_name = "LIST")]
    pub(crate) cpus: Option<CpuList>,

    /// Address of this machine at which the targets of a server listen: those that send requests have to reach it
    ///
    /// [default: the one by which this machine reaches the NATS server]
    #[arg(long, value_name = "ADDR", value_parser = host)]
    pub(crate) host: Option<IpAddr>,

    /// A target that a server may start beside the built-in ones: a manifest, the same as the one that is given to `bench run --target`. May be
    /// repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Vec<String>,
}

/// What a machine is meant for, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// To drive load.
    Generator,
    /// To run servers.
    Server,
    /// To watch at a low rate beside those that drive load.
    Probe,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Generator => Self::Generator,
            RoleName::Server => Self::Server,
            RoleName::Probe => Self::Probe,
        }
    }
}
