//! The arguments of `bench init`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use model::units::Rate;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench init                                        in the directory of a project; asks two questions
  bench init --command 'node a.js' --path /users    without asking
  bench init services/api --command './api {port}'  a server in another directory, started so

Reads package.json, pyproject.toml, Cargo.toml or go.mod, and writes bench-server.toml (how the server is started), \
bench-requests.toml (what is asked of it), bench.toml (for `bench gate`) and .github/workflows/bench.yml. Then it builds and measures \
once, to prove it. No file that is there is changed.")]
pub(crate) struct InitArgs {
    /// Directory of the project.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,

    /// How the server is started; `{port}` stands for the port, which otherwise is the variable PORT
    ///
    /// [default: as the project's files say]
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,

    /// How a tree is built
    ///
    /// [default: as the project's files say]
    #[arg(long, value_name = "COMMAND")]
    pub(crate) build: Option<String>,

    /// Path that is asked for. May be repeated
    ///
    /// [default: /]
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Vec<String>,

    /// Requests a second.
    #[arg(long, short = 'R', value_name = "RATE", default_value = "200")]
    pub(crate) rate: Rate,

    /// Connections.
    #[arg(long, short, value_name = "N", default_value = "16")]
    pub(crate) connections: NonZeroU32,

    /// Write no workflow for GitHub Actions.
    #[arg(long)]
    pub(crate) no_ci: bool,

    /// Write the files only: build and measure nothing.
    #[arg(long)]
    pub(crate) no_run: bool,
}
