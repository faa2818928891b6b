//! `bench setup`: what targets in other languages need, made ready before it is measured.

use std::collections::BTreeSet;

use model::spec::target::{BUILT_IN, Needs};

use crate::args::setup::SetupArgs;
use crate::exit::Exit;
use crate::named::targets;
use crate::output::note;
use crate::terminal::print_columns;
use process::failure::Failure;
use process::setup;

/// Makes ready what the targets need, all that can be; fails where something could not.
pub(crate) fn run(args: &SetupArgs) -> Result<Exit, Failure> {
    let every = || {
        BUILT_IN
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect()
    };
    let names: Vec<String> = if args.target.is_empty() {
        every()
    } else {
        args.target.clone()
    };
    let needs: BTreeSet<Needs> = targets(&names, &[])?
        .iter()
        .filter_map(|target| target.kind.manifest()?.needs)
        .collect();
    if needs.is_empty() {
        note!("these targets are part of this program: there is nothing to set up");
    }
    let mut rows = Vec::new();
    let mut exit = Exit::Success;
    for needs in needs {
        let (name, state) = if args.list {
            state(needs)
        } else {
            made(needs, &mut exit)
        };
        rows.push((name.to_owned(), state));
    }
    print_columns(&rows);
    Ok(exit)
}

/// What is there.
fn state(needs: Needs) -> (&'static str, String) {
    let state = setup::state(needs);
    let state = state.map_or_else(|error| error.to_string(), |state| state.to_string());
    (setup::language(needs), state)
}

/// What was made.
fn made(needs: Needs, exit: &mut Exit) -> (&'static str, String) {
    let state = setup::prepare(needs, &mut |line| note!("{line}")).and_then(|made| {
        let found = setup::interpreter(needs)?;
        let version = setup::described(needs, &found);
        Ok(format!("{version}, ready in {}", made.dir.display()))
    });
    let state = state.unwrap_or_else(|error| {
        *exit = Exit::TargetFailed;
        error.to_string()
    });
    (setup::language(needs), state)
}
