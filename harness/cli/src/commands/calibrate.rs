//! `bench calibrate`: the instrument against servers whose every answer time is known.

use crate::args::calibrate::CalibrateArgs;
use crate::exit::Exit;
use crate::output::{self, note, say};
use calibration::measure::{Rig, measure};
use calibration::result::{Calibration, keep, to_json};
use calibration::show::{case_text, end_text, start_text};
use process::cores;
use process::environment;
use process::failure::{Explain, Failure};
use process::interrupt::Interrupt;

/// Runs every truth, or those that were named, and keeps the result if it is whole.
pub(crate) fn run(args: &CalibrateArgs) -> Result<Exit, Failure> {
    let cases = args.cases()?;
    let pinning = args.place.pinning()?;
    let connections = cases.iter().map(|case| case.load.connections.get()).max();
    environment::allow_connections(connections.unwrap_or(0).into())?;
    let interrupt = Interrupt::catch()?;
    let at = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let environment = environment::read();
    cores::pin(&pinning.load_cpus).or_internal(|| "cannot pin the generator".to_owned())?;
    let rig = Rig {
        pinning: &pinning,
        interrupt: &interrupt,
    };
    note!("{}", start_text(&cases, &pinning));
    let mut results = Vec::new();
    for case in &cases {
        let Some(result) = measure(case, &rig)? else {
            return Ok(Exit::Interrupted);
        };
        print(&case_text(&result), args.json);
        results.push(result);
    }
    let calibration = Calibration::new(at, &environment, args.full, args.seed, results);
    let place = args
        .truth
        .is_empty()
        .then(|| keep(&calibration))
        .transpose()?;
    print(&end_text(&calibration, place.as_deref()), args.json);
    if args.json {
        output::bytes(to_json(&calibration).as_bytes());
    }
    Ok(if calibration.failed == 0 {
        Exit::Success
    } else {
        Exit::Invalid
    })
}

/// Prints a result as it comes, on standard error where standard output is for JSON.
fn print(text: &str, json: bool) {
    if json {
        note!("{text}");
    } else {
        say!("{text}");
    }
}
