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

/// What the database is called among them.
const POSTGRES: &str = "postgres";

/// The targets whose needs are made ready where none is named: the two that people come for.
const DEFAULT: [&str; 2] = ["node", "fastapi"];

/// Makes ready what the targets need, all that can be; fails where something could not.
pub(crate) fn run(args: &SetupArgs) -> Result<Exit, Failure> {
    let needs = needs(args)?;
    let asks_for_postgres =
        args.all || args.list || args.target.iter().any(|name| name == POSTGRES);
    if needs.is_empty() && !asks_for_postgres {
        note!("these targets are part of this program: there is nothing to set up");
    }
    let mut rows = Vec::new();
    let mut exit = Exit::Success;
    let all = needs.len() + usize::from(asks_for_postgres);
    for (number, needs) in (1..).zip(needs) {
        let state = if args.list {
            setup::state(needs).map(|state| state.to_string())
        } else {
            made(&format!("{number} of {all}: {needs}"), |say| {
                let made = setup::prepare(needs, say)?;
                Ok(format!("{}, ready in {}", made.version, made.dir.display()))
            })
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
    if asks_for_postgres {
        let state = if args.list {
            setup::postgres_state().map(|it| {
                let ready = if it.is_ready {
                    "set up"
                } else {
                    "not set up yet"
                };
                format!("npm's PostgreSQL {}; {ready}", it.release)
            })
        } else {
            let what = format!("{all} of {all}: {POSTGRES}");
            made(&what, |say| {
                let it = setup::prepare_postgres(say)?;
                Ok(format!("{}, ready in {}", it.release, it.bin.display()))
            })
        };
        let state = state.unwrap_or_else(|error| {
            if !args.list {
                exit = Exit::TargetFailed;
            }
            error.to_string()
        });
        rows.push((POSTGRES.to_owned(), state));
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
    // The database is no target, and is asked for in the same list.
    let names: Vec<String> = names.into_iter().filter(|name| name != POSTGRES).collect();
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let targets = targets(&names, &[])?;
    Ok(targets
        .iter()
        .filter_map(|target| target.kind.manifest()?.needs)
        .collect())
}

/// What was made. `what`: which of those that are made, shown with the time that it takes.
fn made(
    what: &str,
    make: impl FnOnce(&mut dyn FnMut(&str)) -> Result<String, SetupError>,
) -> Result<String, SetupError> {
    let line = Mutex::new(Redrawn::new(DisplayMode::usual() == DisplayMode::Lines));
    let lock = || line.lock().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let drawer = scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let shown = format!("{what}, {}", approximate(began.elapsed()));
                lock().draw_if_due(&[cut(shown, redrawn::columns())]);
                std::thread::park_timeout(REDRAW_EVERY);
            }
        });
        let say = &mut |notice: &str| lock().above(|| note!("{notice}"));
        let done = make(say);
        is_done.store(true, Ordering::Relaxed);
        drawer.thread().unpark();
        done
    })
}
