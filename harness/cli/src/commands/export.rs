//! `bench export`: a run as another tool reads it.

use std::path::Path;

use model::record::run::RunRecord;
use report::export::annotations::annotations;
use report::export::bencher::bencher;
use report::export::benchmark_action::{Better, benchmark_action};
use report::export::junit::junit;
use report::export::openmetrics::openmetrics;
use report::markdown::step_summary;
use report::words::findings;

use crate::args::export::{ExportArgs, Format};
use crate::exit::Exit;
use crate::output::{self, put};
use process::failure::{Explain, Failure};
use process::files::{self, STDIN};
use runner::stored::read_run;

/// Writes a run in one format.
pub(crate) fn run(args: &ExportArgs) -> Result<Exit, Failure> {
    let record = read_run(&args.run)?;
    let text = encoded(&record, args.format)?;
    if args.output == Path::new(STDIN) {
        match args.format {
            Format::Markdown | Format::Annotations => put!("{text}"),
            _ => output::bytes(text.as_bytes()),
        }
    } else {
        files::replace(&args.output, text.as_bytes()).or_usage(
            || format!("cannot write {}", args.output.display()),
            "name a writable file with -o",
        )?;
    }
    Ok(Exit::Success)
}

fn encoded(record: &RunRecord, format: Format) -> Result<String, Failure> {
    let custom = |better| benchmark_action(record, better).map_err(Failure::usage_of);
    Ok(match format {
        Format::Markdown => step_summary(record),
        Format::Annotations => annotations(&findings::of_run(record)),
        Format::Junit => junit(&record.scenario.name, &findings::of_run(record)),
        Format::Bencher => bencher(record),
        Format::CustomSmallerIsBetter => custom(Better::Smaller)?,
        Format::CustomBiggerIsBetter => custom(Better::Bigger)?,
        Format::Openmetrics => openmetrics(record),
    })
}
