//! `bench`: which concurrency model serves better, by how much, and how sure.
//!
//! The only crate that prints, starts processes, and reads the machine. What was typed ([`args`]) becomes what it means,
//! then one `match` ([`commands`]). A run reads as one sentence in [`commands::run`].

#![allow(
    clippy::disallowed_methods,
    reason = "the command line is the rim: clocks, sleeps and environment are read here"
)]

mod aa_history;
mod args;
mod commands;
mod display;
#[cfg(test)]
mod documented_tests;
mod exit;
mod git;
mod glossary;
mod glyphs;
mod handover;
mod history_add;
mod judging;
mod load_text;
mod named;
mod output;
mod page;
mod part;
mod picture;
mod preset_run;
mod project;
mod redrawn;
mod run_files;
mod spread;
mod terminal;

use clap::Parser;

use crate::args::{Args, Command};
use crate::exit::Exit;
use crate::output::{note_part, put};
use process::failure::Failure;
use process::supervise;

fn main() -> std::process::ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return answered(&args::other_tools::explained(error)).into(),
    };
    args.color.apply();
    terminal::set_error_layout();
    let outcome = run(args.command);
    let exit = outcome.unwrap_or_else(|failure| {
        terminal::print_failure(&failure);
        failure.kind.into()
    });
    output::finish(exit).into()
}

/// Prints what clap answers in place of a command: help, a version, or what is wrong with the arguments.
fn answered(error: &clap::Error) -> Exit {
    let text = error.render();
    if error.use_stderr() {
        note_part!("{}", text.ansi());
        Exit::Usage
    } else {
        put!("{}", text.ansi());
        output::finish(Exit::Success)
    }
}

fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => commands::run::run(&args),
        Command::Rerun(args) => commands::rerun::run(&args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Load(args) => commands::load::run(&args),
        Command::List(args) => commands::list::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Chart(args) => commands::chart::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Gate(args) => commands::gate::run(&args),
        Command::Init(args) => commands::init::run(&args),
        Command::Bisect(args) => commands::bisect::run(&args),
        Command::Claims(args) => commands::claims::run(&args),
        Command::History(args) => commands::history::run(&args),
        Command::Calibrate(args) => commands::calibrate::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Agent(args) => commands::agent::run(&args),
        Command::Agents(args) => commands::agents::run(&args),
        Command::Hold(args) => commands::hold::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Man(args) => commands::man::run(&args),
        Command::Setup(args) => commands::setup::run(&args),
        Command::Supervise(args) => {
            supervise::run(&args.supervision(), &args.command).map(|()| Exit::Success)
        }
        Command::Tied(args) => match supervise::become_tied(args.parent, &args.command)? {},
        Command::VersionOf(args) => commands::version_of::run(&args),
    }
}
