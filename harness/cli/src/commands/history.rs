//! `bench history`: what has become of a benchmark from run to run.

use std::collections::BTreeSet;
use std::path::Path;

use analysis::history::trend::{Trend, trends};
use analysis::history::{History, HistoryLine, Tail};
use model::names;
use model::words::plural;
use report::charts;
use report::words::history;
use serde::Serialize;

use crate::args::history::{HistoryAddArgs, HistoryArgs, HistoryCommand, HistoryShowArgs};
use crate::exit::Exit;
use crate::git;
use crate::history_add::{append, not_whole};
use crate::output::note;
use crate::terminal::show_history;
use process::failure::{Explain, Failure};
use process::files;
use runner::history_file;
use runner::stored::read_run;

/// Seeds the shuffled series that changes are held against: the same history always tells the same changes.
const SEED: u64 = 1;

/// Adds to a history, or shows it.
pub(crate) fn run(args: &HistoryArgs) -> Result<Exit, Failure> {
    match &args.command {
        Some(HistoryCommand::Add(args)) => add(args),
        Some(HistoryCommand::Show(args)) => show(args),
        None => show(&args.show),
    }
}

fn add(args: &HistoryAddArgs) -> Result<Exit, Failure> {
    let revision = args
        .revision
        .clone()
        .or_else(|| git::revision(Path::new(".")));
    let mut lines = Vec::new();
    for run in &args.runs {
        let record = read_run(run)?;
        match not_whole(&record) {
            Some(why) => note!("Not added: {}: {why}.", run.display()),
            None => lines.push(HistoryLine::of(&record, revision.clone())),
        }
    }
    if lines.is_empty() {
        return Err(Failure::usage(miette::miette!(
            help = "only whole runs are comparable: run them again",
            "nothing to add to {}",
            args.history.display()
        )));
    }
    append(&args.history, lines)?;
    Ok(Exit::Success)
}

/// A history as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    schema_version: u32,
    /// Runs in the file.
    runs: usize,
    /// Of these, runs whose figures don't measure the targets: they are not looked at.
    runs_invalid: usize,
    /// Bytes at the end of the file that belong to a run which was never written to its end.
    torn_bytes: Option<usize>,
    trends: &'a [Trend],
}

fn show(args: &HistoryShowArgs) -> Result<Exit, Failure> {
    let (history, tail) = history_file::read(&args.history).map_err(|error| {
        Failure::usage(miette::miette!(
            help = "`bench history add RUN` and `bench run --history FILE` make one",
            "{error}"
        ))
    })?;
    for name in &args.scenario {
        check_scenario(name, &history)?;
    }
    let torn_bytes = match tail {
        Tail::Torn { bytes } => Some(bytes),
        Tail::Whole | Tail::Unended => None,
    };
    if let Some(bytes) = torn_bytes {
        note!(
            "{}: its end, {} of a run that was never written whole, is left out.",
            args.history.display(),
            plural(bytes as u64, "byte", "bytes")
        );
    }
    let is_asked_for = |trend: &Trend| {
        (args.metric.is_empty() || args.metric.contains(&trend.key.metric))
            && (args.scenario.is_empty() || args.scenario.contains(&trend.key.scenario))
    };
    let mut trends = trends(&history, SEED);
    trends.retain(is_asked_for);
    if let Some(dir) = &args.out {
        draw(&trends, dir)?;
    }
    if let Some(dir) = &args.site {
        let page = dir.join("index.html");
        let cannot_write = || format!("cannot write {}", page.display());
        let help = "name a directory that you may write to with --site";
        let text = report::html::history_html(&trends).or_internal(cannot_write)?;
        std::fs::create_dir_all(dir).or_usage(cannot_write, help)?;
        files::replace(&page, text.as_bytes()).or_usage(cannot_write, help)?;
        note!("{}", page.display());
    }
    let shown = Shown {
        schema_version: 1,
        runs: history.lines().len(),
        runs_invalid: history.lines().iter().filter(|line| !line.valid).count(),
        torn_bytes,
        trends: &trends,
    };
    args.form.print(
        &shown,
        || report::markdown::history::markdown(&trends),
        || show_history(&trends, shown.runs, shown.runs_invalid),
    );
    Ok(Exit::Success)
}

/// A scenario that no run of the history measured is a mistake, not an empty answer.
fn check_scenario(name: &str, history: &History) -> Result<(), Failure> {
    let scenarios = history.lines().iter().map(|line| line.scenario.as_str());
    let known: BTreeSet<&str> = scenarios.collect();
    if known.contains(name) {
        return Ok(());
    }
    let meant = names::hint(names::nearest(name, known.iter().copied()));
    let known: Vec<&str> = known.into_iter().collect();
    Err(Failure::usage(miette::miette!(
        "the history has no run of a scenario called `{}`{meant}; it has {}",
        names::shortened(name),
        known.join(", ")
    )))
}

/// Draws a chart of every trend into a directory, as SVG and as PNG.
fn draw(trends: &[Trend], dir: &Path) -> Result<(), Failure> {
    let cannot_write = || format!("cannot write charts to {}", dir.display());
    let help = "name a directory that you may write to with --out";
    std::fs::create_dir_all(dir).or_usage(cannot_write, help)?;
    let mut taken = BTreeSet::new();
    for trend in trends {
        let stem = free_name(&history::file_stem(&trend.key), &mut taken);
        let drawn = || format!("cannot draw {stem}");
        let svg = charts::trend_svg(trend).or_internal(drawn)?;
        let png = charts::trend_png(trend).or_internal(drawn)?;
        for (ending, bytes) in [("svg", svg.as_bytes()), ("png", &png)] {
            let path = dir.join(format!("{stem}.{ending}"));
            files::replace(&path, bytes).or_usage(cannot_write, help)?;
        }
    }
    note!(
        "{} in {}",
        report::words::figures::plural(trends.len() as u64, "chart", "charts"),
        dir.display()
    );
    Ok(())
}

/// The name, with a number where another trend has it: the same targets under another load, or on another machine.
fn free_name(stem: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{stem}-{number}"));
    let name = std::iter::once(stem.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .expect("there is always a further number");
    taken.insert(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_of_other_loads_get_numbers() {
        let mut taken = BTreeSet::new();
        let names = ["a", "a", "b", "a"].map(|stem| free_name(stem, &mut taken));
        assert_eq!(names, ["a", "a-2", "b", "a-3"]);
    }
}
