//! `bench report`: the charts and the report of an earlier run or sweep, drawn again from its record, or several runs on one
//! page.

use std::path::Path;

use model::record::run::RunRecord;
use model::record::sweep::whole::SweepRecord;
use report::charts::Chart;

use crate::args::report::{Output, ReportArgs};
use crate::exit::Exit;
use crate::output::{put, say};
use crate::run_files::write_pictures;
use process::failure::{Explain, Failure};
use process::files::{self, STDIN};
use runner::stored::{self, Stored, beside};

/// Where several runs are reported, by default: they have no directory in common.
const OF_SEVERAL: &str = "report.html";

/// Draws reports from records.
pub(crate) fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    let stored = args.runs.iter().map(|named| stored::read(named));
    let stored = stored.collect::<Result<Vec<_>, _>>()?;
    if let ([Stored::Sweep(record)], [named]) = (stored.as_slice(), args.runs.as_slice()) {
        return of_sweep(args.output(), record, named);
    }
    let records = stored.into_iter().zip(&args.runs);
    let records = records.map(|(stored, named)| stored.run(named));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    match (args.output(), records.as_slice()) {
        (Output::Markdown, records) => {
            for record in records {
                say!("{}", report::markdown::markdown(record));
            }
        }
        (Output::Page(output), records) => write_one(records, output)?,
        (Output::Beside(charts), [record]) => draw_again(record, charts, &args.runs[0])?,
        (Output::Beside([]), records) => write_one(records, Path::new(OF_SEVERAL))?,
        (Output::Beside(_), records) => {
            return Err(Failure::usage(miette::miette!(
                help = "draw each with `bench chart`, or leave --chart out",
                "--chart chooses what is drawn beside one run, and here are {}",
                records.len()
            )));
        }
    }
    Ok(Exit::Success)
}

/// The report of a sweep, which has a page of its own.
fn of_sweep(output: Output<'_>, record: &SweepRecord, named: &Path) -> Result<Exit, Failure> {
    let output = match output {
        Output::Page(output) => output.to_owned(),
        Output::Beside([]) => beside(named, "-o")?.join("report.html"),
        Output::Markdown | Output::Beside(_) => {
            return Err(Failure::usage(miette::miette!(
                help = "draw its chart with `bench chart`, and its page without these",
                "{} is a sweep, which has one chart and no summary as Markdown",
                named.display()
            )));
        }
    };
    let html =
        report::html::sweep_html(record).or_internal(|| "cannot write the report".to_owned())?;
    write_page(&html, &output)?;
    Ok(Exit::Success)
}

/// One report of all records.
fn write_one(records: &[RunRecord], output: &Path) -> Result<(), Failure> {
    let html = report::html::html(records).or_internal(|| "cannot write the report".to_owned())?;
    write_page(&html, output)
}

fn write_page(html: &str, output: &Path) -> Result<(), Failure> {
    if output == Path::new(STDIN) {
        put!("{html}");
        return Ok(());
    }
    files::replace(output, html.as_bytes()).or_usage(
        || format!("cannot write {}", output.display()),
        "name a writable file with -o",
    )?;
    say!("{}", output.display());
    Ok(())
}

/// The charts and the report beside a record.
fn draw_again(record: &RunRecord, charts: &[Chart], run: &Path) -> Result<(), Failure> {
    let dir = beside(run, "-o")?;
    write_pictures(record, charts, |name, bytes| {
        let path = dir.join(name);
        let written = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| files::replace(&path, bytes));
        written.or_usage(
            || format!("cannot write {}", path.display()),
            "name a writable file with -o",
        )
    })?;
    say!("{}", dir.join("report.html").display());
    Ok(())
}
