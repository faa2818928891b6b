//! The arguments of `bench agents`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use crate::args::shared::NatsArgs;

#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "Examples:
  bench agents --nats nats://127.0.0.1:4222
  bench agents --nats tls://hub.test:4222 --nats-credentials me.creds --json
  bench agents up --ssh hosts.txt --nats tls://hub.test:4222

Each agent is asked 32 times what its clocks read. The shortest round trip counts, and half of it is how far the offset may be wrong. \
CLOCK is how far the system clock of an agent is ahead of this machine's; as JSON there is the monotonic clock as well."
)]
pub(crate) struct AgentsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AgentsCommand>,

    #[command(flatten)]
    pub(crate) nats: NatsArgs,

    /// Print the agents as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Start an agent on each machine of a file, by ssh, and end them with this command.
    Up(AgentsUpArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench agents up --ssh hosts.txt --nats tls://hub.test:4222 --nats-ca ca.pem
  bench agents up --ssh hosts.txt --nats tls://hub.test:4222 --bench-path /opt/bench

The file has a machine a line, as ssh takes it, and what is its agent's own: `me@10.0.0.1 name=load-1 role=generator cpus=0-3`. What \
follows the machine may be left out, and what follows a # is a comment. ssh must get in without asking anything: with a key, and with \
the machine's own key known.

Each machine needs the same `bench`. Where the NATS server is, the credentials and the authority go there by standard input: they stand in no \
arguments and no file there. Ctrl-C or SIGTERM ends all agents. Where this command is killed, or its machine is cut off, they end by \
themselves within 10 seconds.")]
pub(crate) struct AgentsUpArgs {
    /// A file of machines, a line each: `[user@]host [name=NAME] [role=ROLE] [cpus=LIST]`.
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh: PathBuf,

    #[command(flatten)]
    pub(crate) nats: NatsArgs,

    /// What `bench` is called on the other machines: a name on their PATH, or a path.
    #[arg(long, value_name = "PATH", default_value = "bench", value_parser = plain_path)]
    pub(crate) bench_path: String,
}

/// A path that every shell takes as it is: it goes through that of the other machine, whichever that is.
fn plain_path(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._+-".contains(letter);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(is_plain) {
        return Err(
            "a shell might take it for something else: use letters, digits and `/._+-`, and make a link where it is called otherwise"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_through_any_shell_as_it_is() {
        for path in ["bench", "/opt/bench-0.1/bin/bench", "./a_b+c"] {
            assert_eq!(plain_path(path).as_deref(), Ok(path));
        }
        for path in ["", "-x", "a b", "$HOME/x", "a;b", "a'b", "~/b", "a\nb", "ä"] {
            assert!(plain_path(path).is_err(), "{path}");
        }
    }
}
