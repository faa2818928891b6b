//! `bench hold`: idle connections in a process of their own. `bench run` starts it, one for each target, so that neither the
//! generator nor the limit of its open files has to carry them.

use std::io::{BufRead, Write};

use load::idle::Idle;

use crate::args::hold::HoldArgs;
use crate::exit::Exit;
use process::environment;
use process::failure::{Explain, Failure};
use process::holder::{HOLDING, LOST};
use process::supervise::die_with;

/// Holds connections until standard input ends.
pub(crate) fn run(args: &HoldArgs) -> Result<Exit, Failure> {
    if let Some(parent) = args.parent {
        die_with(parent)?;
    }
    environment::allow_connections(args.connections.get().into())?;
    let failed = |error| Failure::target(miette::miette!("{error}"));
    let mut idle = Idle::open(&args.peer, args.connections, || false).map_err(failed)?;
    say(&format!("{HOLDING}{}", idle.opened()))?;
    for line in std::io::stdin().lock().lines() {
        line.or_internal(|| "cannot read standard input".to_owned())?;
        let lost = idle.look().map_err(failed)?;
        say(&format!("{LOST}{lost}"))?;
    }
    Ok(Exit::Success)
}

/// A line that the parent process waits for.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .or_internal(|| "cannot write to standard output".to_owned())
}
