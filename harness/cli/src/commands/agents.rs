//! `bench agents`: which agents there are, and how far their clocks are from this machine's; or agents that this machine starts elsewhere.

mod hosts;
mod up;

use comfy_table::{Table, presets};
use machines::clocks::Offsets;
use machines::listing::{self, Listed};
use process::failure::Failure;
use report::words::figures;

use crate::args::agents::{AgentsArgs, AgentsCommand};
use crate::exit::Exit;
use crate::output::{self, note, say};
use crate::page::{Page, WIDTH};
use crate::terminal::align_right;

/// Lists all agents, or starts some.
pub(crate) fn run(args: &AgentsArgs) -> Result<Exit, Failure> {
    match &args.command {
        Some(AgentsCommand::Up(args)) => up::run(args),
        None => show(args),
    }
}

fn show(args: &AgentsArgs) -> Result<Exit, Failure> {
    let access = args.nats.access()?;
    let listed = listing::list(&access).map_err(Failure::usage_of)?;
    if args.json {
        output::json(&serde_json::to_string_pretty(&listed).expect("agents are plain data"));
        return Ok(Exit::Success);
    }
    if listed.is_empty() {
        note!(
            "no agent is registered at {}; start one with `bench agent --nats URL`, or several with `bench agents up`",
            access.shown()
        );
        return Ok(Exit::Success);
    }
    say!("{}", Page::of(std::io::stdout()).set(table(&listed)));
    Ok(Exit::Success)
}

fn table(listed: &[Listed]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    table.set_header(["AGENT", "ROLE", "BENCH", "KERNEL", "CORES", "CLOCK"]);
    for Listed {
        registration,
        clocks,
    } in listed
    {
        table.add_row([
            registration.name.to_string(),
            registration.role.name().to_owned(),
            registration.bench_version.clone(),
            registration.environment.kernel.clone(),
            registration.cpus.len().to_string(),
            clocks.as_ref().map_or("does not answer".to_owned(), clock),
        ]);
    }
    align_right(&mut table, 4..6);
    table
}

/// How far a system clock is ahead, and how far that may be wrong: `+1.20 ms ± 0.05 ms`.
fn clock(offsets: &Offsets) -> String {
    let sign = if offsets.system_ahead_ns < 0 {
        "−"
    } else {
        "+"
    };
    let ahead = figures::time(offsets.system_ahead_ns.unsigned_abs() as f64);
    let bound = figures::time(offsets.bound_ns as f64);
    format!("{sign}{ahead} ± {bound}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_has_a_sign_and_a_bound() {
        let shown = |system_ahead_ns| {
            clock(&Offsets {
                monotonic_ahead_ns: 7,
                system_ahead_ns,
                bound_ns: 50_000,
            })
        };
        assert_eq!(shown(-1_200_000), "−1.20 ms ± 50.0 µs");
        assert_eq!(shown(3_000_000_000), "+3.00 s ± 50.0 µs");
    }
}
