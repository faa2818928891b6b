//! `bench calibrate`: the instrument against servers whose every answer time is known.

use bench_core::names;

use crate::args::CalibrateArgs;
use crate::calibrate::{
    Calibration, Case, Form, Rig, keep, measure, show_case, show_end, show_start, table,
};
use crate::control_client::ControlClient;
use crate::cores;
use crate::environment;
use crate::exit::{Exit, Explain, Failure};
use crate::interrupt::Interrupt;

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
    show_start(&cases, &pinning);
    let mut results = Vec::new();
    for case in &cases {
        let Some(result) = measure(case, &rig)? else {
            return Ok(Exit::Interrupted);
        };
        show_case(&result, args.json);
        results.push(result);
    }
    let calibration = Calibration::new(at, &environment, args.full, args.seed, results);
    let place = args
        .truth
        .is_empty()
        .then(|| keep(&calibration))
        .transpose()?;
    show_end(&calibration, place.as_deref(), args.json);
    Ok(if calibration.failed == 0 {
        Exit::Success
    } else {
        Exit::Invalid
    })
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
