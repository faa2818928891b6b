//! `bench setup`: what targets in other languages need, made ready before it is measured.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use model::spec::target::{Needs, ON_PATH, Runtime};

use crate::args::setup::SetupArgs;
use crate::display::DisplayMode;
use crate::exit::Exit;
use crate::named::targets;
use crate::output::note;
use crate::redrawn::{self, REDRAW_EVERY, Redrawn, approximate, cut};
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
    let all = needs.len();
    for (number, needs) in (1..).zip(needs) {
        let state = if args.list {
            setup::state(needs).map(|state| state.to_string())
        } else {
            made(needs, &format!("{number} of {all}: {needs}"))
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

/// What was made. `what`: which of those that are made, shown with the time that it takes.
fn made(needs: Needs, what: &str) -> Result<String, SetupError> {
    let line = Mutex::new(Redrawn::new(DisplayMode::usual() == DisplayMode::Lines));
    let lock = || line.lock().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    let is_done = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let drawer = scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let shown = format!("{what}, {}", approximate(began.elapsed()));
                lock().draw_if_due(&[cut(shown, redrawn::columns())]);
                std::thread::park_timeout(REDRAW_EVERY);
            }
        });
        let say = &mut |notice: &str| lock().above(|| note!("{notice}"));
        let made = setup::prepare(needs, say);
        is_done.store(true, Ordering::Relaxed);
        drawer.thread().unpark();
        made
    })?;
    Ok(format!("{}, ready in {}", made.version, made.dir.display()))
}
