//! Why machines could not work together.

use thiserror::Error;

use crate::registration::{AgentName, Registration};

/// Why machines could not work together.
#[derive(Debug, Error)]
pub enum MachinesError {
    /// No event loop could be made.
    #[error("cannot start an event loop: {what}; raise the limit of open files with `ulimit -n`")]
    Runtime {
        /// What the system said.
        what: String,
    },
    /// The file with credentials is none.
    #[error(
        "cannot use the credentials in {file}: {what}; give a file as `nsc generate creds` writes it"
    )]
    Credentials {
        /// Its path.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// Nobody answers, or not to us.
    #[error(
        "cannot connect to NATS at {server}: {what}; check that nats-server runs there, and what it asks for (--nats-credentials, --nats-ca)"
    )]
    Connect {
        /// Where.
        server: String,
        /// What the library said.
        what: String,
    },
    /// The bucket of agents can't be had.
    #[error(
        "NATS at {server} keeps no bucket for agents: {what}; start it with JetStream (`nats-server --jetstream`), and allow this user to use it"
    )]
    Bucket {
        /// Where.
        server: String,
        /// What the library said.
        what: String,
    },
    /// Something else that was asked of the server failed.
    #[error("NATS at {server} did not {what}: {why}; look at its log, and at the way there")]
    Refused {
        /// Where.
        server: String,
        /// What it did not do.
        what: &'static str,
        /// What the library said.
        why: String,
    },
    /// There are fewer generators than are wanted.
    #[error(
        "agents as {role} that are wanted: {wanted}, and at {server}: {found}; start the others with `bench agent --nats URL --role {role}`"
    )]
    TooFew {
        /// How many are wanted.
        wanted: usize,
        /// As what.
        role: &'static str,
        /// Who is there.
        found: String,
        /// Where.
        server: String,
    },
    /// Nobody runs servers under this name.
    #[error(
        "no agent of the role `server` is called {name} at {server}; `bench agents` lists who is there, and `bench agent --nats URL --role \
         server --name {name}` is one"
    )]
    NoServerAgent {
        /// The name.
        name: AgentName,
        /// Where.
        server: String,
    },
    /// An agent is another version of this program.
    #[error(
        "{name} is bench {theirs}, and this is {ours}: what they measure together could differ for that; run the same version everywhere"
    )]
    Version {
        /// The agent.
        name: AgentName,
        /// Its version.
        theirs: String,
        /// Our version.
        ours: &'static str,
    },
    /// Another agent has this name.
    #[error("another agent is called {name}: give this one another name with --name")]
    Taken {
        /// The name.
        name: AgentName,
    },
    /// What an agent drives load or runs servers with ended by itself.
    #[error(
        "what drives load or runs servers on this machine ended by itself, for which nobody but bench is to blame: report what it printed \
         above, and start the agent again"
    )]
    Ended,
}

/// Fails where an agent is another version of this program than this one.
pub(crate) fn check_version(agent: &Registration) -> Result<(), MachinesError> {
    let ours = env!("CARGO_PKG_VERSION");
    if agent.bench_version == ours {
        return Ok(());
    }
    Err(MachinesError::Version {
        name: agent.name.clone(),
        theirs: agent.bench_version.clone(),
        ours,
    })
}
