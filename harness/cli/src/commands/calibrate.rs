//! `bench calibrate`: the instrument against servers whose every answer time is known.

use model::names;

use crate::args::calibrate::CalibrateArgs;
use crate::exit::Exit;
use calibration::case::{Case, Form, table};
use calibration::measure::{Rig, measure};
use calibration::result::{Calibration, keep, to_json};
use calibration::show::{case_text, end_text, start_text};
use process::control_client::ControlClient;
use process::cores;
use process::environment;
use process::failure::{Explain, Failure};
use process::interrupt::Interrupt;

/// Runs every truth, or those that were named, and keeps the result if it is whole.
pub(crate) fn run(args: &CalibrateArgs) -> Result<Exit, Failure> {
    let form = if args.full { Form::Full } else { Form::Short };
    let cases = selected(table(form, args.seed), &args.truth)?;
    let pinning = args.place.pinning()?;
    let connections = cases.iter().map(|case| case.load.connections.get()).max();
    environment::allow_connections(connections.unwrap_or(0).into())?;
    let interrupt = Interrupt::catch()?;
    let at = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let environment = environment::read();
    cores::pin(&pinning.load_cpus).or_internal(|| "cannot pin the generator".to_owned())?;
    let client = ControlClient::new()?;
    let rig = Rig {
        pinning: &pinning,
        client: &client,
        interrupt: &interrupt,
    };
    anstream::eprintln!("{}", start_text(&cases, &pinning));
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
        anstream::print!("{}", to_json(&calibration));
    }
    Ok(if calibration.failed == 0 {
        Exit::Success
    } else {
        Exit::Invalid
    })
}

/// Prints a result as it comes; to standard error where standard output is for JSON.
fn print(text: &str, json: bool) {
    if json {
        anstream::eprintln!("{text}");
    } else {
        anstream::println!("{text}");
    }
}

/// The cases that were named, in the order of the table; all of them where none was.
fn selected(cases: Vec<Case>, wanted: &[String]) -> Result<Vec<Case>, Failure> {
    let known: Vec<&str> = cases.iter().map(|case| case.name).collect();
    for name in wanted {
        if !known.contains(&name.as_str()) {
            let nearest = names::nearest(name, known.iter().copied())
                .map(|near| format!(" (did you mean `{near}`?)"))
                .unwrap_or_default();
            return Err(Failure::usage(miette::miette!(
                "no truth is called `{}`{nearest}; known are {}",
                name.escape_debug(),
                known.join(", ")
            )));
        }
    }
    Ok(cases
        .into_iter()
        .filter(|case| wanted.is_empty() || wanted.iter().any(|name| name == case.name))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &[&str]) -> Result<Vec<&'static str>, String> {
        let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        selected(table(Form::Short, 1), &wanted)
            .map(|cases| cases.iter().map(|case| case.name).collect())
            .map_err(|failure| failure.report.to_string())
    }

    #[test]
    fn truths_are_chosen_by_name() {
        assert_eq!(check(&[]).unwrap().len(), 8);
        assert_eq!(check(&["mm1", "stall"]).unwrap(), ["stall", "mm1"]);
        let message = check(&["stal"]).unwrap_err();
        assert!(message.contains("did you mean `stall`?"), "{message}");
    }
}
