//! The arguments of `bench chart`.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use process::failure::Failure;
use report::charts::Chart;
use runner::stored::beside;

use crate::args::shared::charts;
use crate::picture::{Format, Picture};

/// The name that means standard output.
const STDOUT: &str = "-";

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench chart results/runs/20261123T101500Z-io-heavy  all, into its charts/
  bench chart RUN --chart ratios --out ratios.png     one chart, as PNG
  bench chart RUN --chart latency-by-percentile,throughput --out figures --format svg
  bench chart RUN --chart ratios --out - > ratios.svg
  bench chart results/runs/20261123T101500Z-ping-sweep --out knee.png

A sweep has one chart. `bench compare A B --chart FILE` draws the ratios of two runs, `bench history --out DIR` \
figures over time.")]
pub(crate) struct ChartArgs {
    /// Directory, run.json or sweep.json of a run or a sweep; `-` reads it from standard input.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Only these charts
    ///
    /// [default: all that the run has data for]
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',', value_parser = charts())]
    pub(crate) chart: Vec<Chart>,

    /// A file for one chart, a directory for several, or `-` for standard output
    ///
    /// [default: charts/ beside the record]
    #[arg(long, short, value_name = "FILE|DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Format of the files
    ///
    /// [default: by the file's extension; both into a directory, svg to standard output]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

impl ChartArgs {
    /// Where so many charts go.
    pub(crate) fn place(&self, charts: usize) -> Result<Place, Failure> {
        let formats = self
            .format
            .map_or_else(|| Format::ALL.to_vec(), |one| vec![one]);
        let Some(out) = &self.out else {
            return Ok(Place::Dir(
                beside(&self.run, "--out")?.join("charts"),
                formats,
            ));
        };
        if out == Path::new(STDOUT) {
            one(charts, "standard output")?;
            return Ok(Place::Stdout(self.format.unwrap_or(Format::Svg)));
        }
        // A file is what looks like one, unless it is a directory already.
        if out.is_dir() || out.extension().is_none() {
            return Ok(Place::Dir(out.clone(), formats));
        }
        let picture: Picture = out
            .display()
            .to_string()
            .parse()
            .map_err(Failure::usage_of)?;
        one(charts, "a file")?;
        match self.format {
            Some(format) if format != picture.format => Err(Failure::usage(miette::miette!(
                help = "leave --format out, or name a file that ends as it does",
                "{} and --format {} contradict each other",
                out.display(),
                format.ending()
            ))),
            _ => Ok(Place::File(picture)),
        }
    }
}

/// Where charts go, and how they are drawn there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Stdout(Format),
    File(Picture),
    Dir(PathBuf, Vec<Format>),
}

fn one(charts: usize, place: &str) -> Result<(), Failure> {
    if charts == 1 {
        return Ok(());
    }
    Err(Failure::usage(miette::miette!(
        help = "name one of them with --chart, or a directory with --out",
        "{place} takes one chart, and this is about {charts}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use process::files::STDIN;

    fn check(out: Option<&str>, format: Option<Format>, charts: usize) -> Result<Place, String> {
        let args = ChartArgs {
            run: PathBuf::from("runs/one/run.json"),
            chart: Vec::new(),
            out: out.map(PathBuf::from),
            format,
        };
        args.place(charts)
            .map_err(|failure| failure.report.to_string())
    }

    #[test]
    fn charts_go_where_they_are_sent_or_beside_their_record() {
        let dir =
            |path: &str, formats: &[Format]| Ok(Place::Dir(PathBuf::from(path), formats.to_vec()));
        assert_eq!(check(None, None, 7), dir("runs/one/charts", &Format::ALL));
        assert_eq!(
            check(Some("here"), Some(Format::Png), 7),
            dir("here", &[Format::Png])
        );
        assert_eq!(check(Some("-"), None, 1), Ok(Place::Stdout(Format::Svg)));
        let file = check(Some("a.png"), None, 1);
        assert!(
            matches!(&file, Ok(Place::File(picture)) if picture.format == Format::Png),
            "{file:?}"
        );
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (out, format, charts, words) in [
            (
                "-",
                None,
                2,
                "standard output takes one chart, and this is about 2",
            ),
            (
                "a.svg",
                None,
                7,
                "a file takes one chart, and this is about 7",
            ),
            (
                "a.svg",
                Some(Format::Png),
                1,
                "a.svg and --format png contradict each other",
            ),
            ("a.gif", None, 1, "`a.gif` ends neither in .svg nor in .png"),
        ] {
            let error = check(Some(out), format, charts).unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }

    #[test]
    fn a_record_from_standard_input_has_no_place_of_its_own() {
        let args = ChartArgs {
            run: PathBuf::from(STDIN),
            chart: Vec::new(),
            out: None,
            format: None,
        };
        let error = args.place(1).unwrap_err().report.to_string();
        assert!(
            error.starts_with("a record from standard input has no directory"),
            "{error}"
        );
    }
}
