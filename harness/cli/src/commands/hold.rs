//! `bench hold`: idle connections in a process of their own. `bench run` starts it, one for each target, so that neither the
//! generator nor the limit of its open files has to carry them.

use std::io::{BufRead, Write};

use load::idle::Idle;

use crate::args::HoldArgs;
use crate::environment;
use crate::exit::{Exit, Explain, Failure};
use crate::supervise::die_with;

/// What the line begins with that says how many connections are open.
pub(crate) const HOLDING: &str = "holding ";

/// What the line begins with that says how many of them were lost so far. It answers every line on standard input.
pub(crate) const LOST: &str = "lost ";

/// Holds connections until standard input ends.
pub(crate) fn run(args: &HoldArgs) -> Result<Exit, Failure> {
    if let Some(parent) = args.parent {
        die_with(parent)?;
    }
    environment::allow_connections(args.connections.get().into())?;
    let failed = |error| Failure::target(miette::miette!("{error}"));
    let mut idle = Idle::open(args.addr, args.connections, || false).map_err(failed)?;
    say(&format!("{HOLDING}{}", idle.opened()))?;
    for line in std::io::stdin().lock().lines() {
        line.or_internal(|| "cannot read standard input".to_owned())?;
        let lost = idle.look().map_err(failed)?;
        say(&format!("{LOST}{lost}"))?;
    }
    Ok(Exit::Success)
}

/// A line that whoever started this waits for.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .or_internal(|| "cannot write to standard output".to_owned())
}
