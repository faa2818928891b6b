//! The arguments of `bench calibrate`.

use calibration::case::{Case, Form, table};
use clap::Args as ClapArgs;
use model::names;
use process::failure::Failure;

use crate::args::shared::PlaceArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench calibrate                every test, in under a minute
  bench calibrate stall mm1      only these
  bench calibrate --full         60,000 requests each, about five minutes

Each test server logs its own arrivals and replies. A deviation counts as an error of the load generator only if \
neither this log nor the machine explains it; the same deviation in the log, in the plain round-trip time, or as long \
as a core was taken away, is a warning that the machine was disturbed. The result is kept in bench's cache directory, \
and every run cites it. Exit code 3 means that the load generator measures wrongly on this machine.")]
pub(crate) struct CalibrateArgs {
    /// The tests to run. The result of a selection is not kept
    ///
    /// [default: all]
    #[arg(value_name = "TEST")]
    pub(crate) truth: Vec<String>,

    /// Longer tests, which also check percentiles further out.
    #[arg(long)]
    pub(crate) full: bool,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Seed of arrivals and service times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl CalibrateArgs {
    /// The cases to measure.
    pub(crate) fn cases(&self) -> Result<Vec<Case>, Failure> {
        let form = if self.full { Form::Full } else { Form::Short };
        selected(table(form, self.seed), &self.truth)
    }
}

/// The cases that were named, in the order of the table; all of them where none was.
fn selected(cases: Vec<Case>, wanted: &[String]) -> Result<Vec<Case>, Failure> {
    let known: Vec<&str> = cases.iter().map(|case| case.name).collect();
    for name in wanted {
        if !known.contains(&name.as_str()) {
            let nearest = names::hint(names::nearest(name, known.iter().copied()));
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
        assert_eq!(check(&[]).unwrap().len(), table(Form::Short, 1).len());
        assert_eq!(check(&["mm1", "stall"]).unwrap(), ["stall", "mm1"]);
        let message = check(&["stal"]).unwrap_err();
        assert!(message.contains("did you mean `stall`?"), "{message}");
    }
}
