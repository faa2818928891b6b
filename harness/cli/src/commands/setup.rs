//! `bench setup`: what targets in other languages need, made ready before it is measured.

use std::collections::BTreeSet;

use model::spec::target::{Needs, ON_PATH, Runtime};

use crate::args::setup::SetupArgs;
use crate::exit::Exit;
use crate::named::targets;
use crate::output::note;
use crate::terminal::print_columns;
use process::failure::Failure;
use process::setup::{self, SetupError};

/// The targets whose needs are made ready where none is named: the two that people come for.
const DEFAULT: [&str; 2] = ["node", "fastapi"];

/// Makes ready what the targets need, all that can be; fails where something could not.
pub(crate) fn run(args: &SetupArgs) -> Result<Exit, Failure> {
    let needs = needs(args)?;
    if needs.is_empty() {
        note!("these targets are part of this program: there is nothing to set up");
    }
    let mut rows = Vec::new();
    let mut exit = Exit::Success;
    for needs in needs {
        let state = if args.list {
            setup::state(needs).map(|state| state.to_string())
        } else {
            made(needs)
        };
        let state = state.unwrap_or_else(|error| {
            // What is not on the machine is no failure where everything is asked for that there might be.
            let is_failure = !args.all || !matches!(error, SetupError::Missing { .. });
            if is_failure && !args.list {
                exit = Exit::TargetFailed;
            }
            error.to_string()
        });
        rows.push((needs.to_string(), state));
    }
    print_columns(&rows);
    Ok(exit)
}

fn needs(args: &SetupArgs) -> Result<BTreeSet<Needs>, Failure> {
    if args.all || (args.list && args.target.is_empty()) {
        // Of what comes by a lock file, the machine's own is another one, to be asked for by name.
        return Ok(Needs::every()
            .filter(|needs| {
                args.list || needs.version != ON_PATH || needs.runtime == Runtime::Python
            })
            .collect());
    }
    let names = if args.target.is_empty() {
        DEFAULT.map(str::to_owned).to_vec()
    } else {
        args.target.clone()
    };
    let targets = targets(&names, &[])?;
    Ok(targets
        .iter()
        .filter_map(|target| target.kind.manifest()?.needs)
        .collect())
}

/// What was made.
fn made(needs: Needs) -> Result<String, SetupError> {
    let made = setup::prepare(needs, &mut |line| note!("{line}"))?;
    Ok(format!("{}, ready in {}", made.version, made.dir.display()))
}
