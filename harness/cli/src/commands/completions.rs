//! `bench completions`: made from the same definition as the arguments themselves.

use clap::CommandFactory;

use crate::args::Args;
use crate::args::completions::CompletionsArgs;
use crate::exit::Exit;
use crate::output;
use process::failure::Failure;

/// Prints the script for a shell.
#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "bench", &mut script);
    output::bytes(&script);
    Ok(Exit::Success)
}
