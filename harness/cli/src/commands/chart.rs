//! `bench chart`: charts of a run or a sweep, drawn again from its record.

use std::io::Write;
use std::path::{Path, PathBuf};

use model::record::run::RunRecord;
use model::record::sweep::whole::SweepRecord;
use report::charts::{self, Chart};

use crate::args::chart::ChartArgs;
use crate::exit::Exit;
use crate::picture::{Format, Picture};
use crate::run_files::charts_of;
use process::failure::{Explain, Failure};
use runner::stored::{self, Stored, beside};

/// The name that means standard output.
const STDOUT: &str = "-";

/// Draws charts from a record.
pub(crate) fn run(args: &ChartArgs) -> Result<Exit, Failure> {
    let stored = stored::read(&args.run)?;
    let drawings = drawings(&stored, args)?;
    match place(args, drawings.len())? {
        Place::Stdout(format) => {
            // Not through the printing that knows colours: a picture's bytes are none.
            let written = std::io::stdout().write_all(&drawings[0].draw(format)?);
            written.or_internal(|| "cannot write to standard output".to_owned())?;
        }
        Place::File(picture) => picture.write(&drawings[0].draw(picture.format)?)?,
        Place::Dir(dir, formats) => {
            std::fs::create_dir_all(&dir).or_usage(
                || format!("cannot make the directory {}", dir.display()),
                "name a place that you may write to with --out",
            )?;
            for drawing in drawings {
                for &format in &formats {
                    let name = format!("{}.{}", drawing.file_stem(), format.ending());
                    let path = dir.join(name);
                    Picture { path, format }.write(&drawing.draw(format)?)?;
                }
            }
        }
    }
    Ok(Exit::Success)
}

/// One chart of a record.
#[derive(Debug, Clone, Copy)]
enum Drawing<'a> {
    OfRun(&'a RunRecord, Chart),
    /// A sweep has one.
    OfSweep(&'a SweepRecord),
}

impl Drawing<'_> {
    fn file_stem(self) -> &'static str {
        match self {
            Self::OfRun(_, chart) => chart.file_stem(),
            Self::OfSweep(_) => charts::LOAD_FILE_STEM,
        }
    }

    fn draw(self, format: Format) -> Result<Vec<u8>, Failure> {
        match self {
            Self::OfRun(record, chart) => {
                format.draw(|| charts::svg(record, chart), || charts::png(record, chart))
            }
            Self::OfSweep(record) => {
                format.draw(|| charts::load_svg(record), || charts::load_png(record))
            }
        }
    }
}

/// What the arguments ask for of a record.
fn drawings<'a>(stored: &'a Stored, args: &ChartArgs) -> Result<Vec<Drawing<'a>>, Failure> {
    match stored {
        Stored::Run(record) => {
            let charts = charts_of(record, &args.chart).into_iter();
            Ok(charts.map(|chart| Drawing::OfRun(record, chart)).collect())
        }
        Stored::Sweep(record) if args.chart.is_empty() => Ok(vec![Drawing::OfSweep(record)]),
        Stored::Sweep(_) => Err(Failure::usage(miette::miette!(
            help = "leave --chart out",
            "{} is a sweep, and of that there is one chart, {}",
            args.run.display(),
            charts::LOAD_FILE_STEM
        ))),
    }
}

/// Where charts go, and how they are drawn there.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Stdout(Format),
    File(Picture),
    Dir(PathBuf, Vec<Format>),
}

/// What the arguments say of so many charts.
fn place(args: &ChartArgs, charts: usize) -> Result<Place, Failure> {
    let formats = args
        .format
        .map_or_else(|| Format::ALL.to_vec(), |one| vec![one]);
    let Some(out) = &args.out else {
        return Ok(Place::Dir(
            beside(&args.run, "--out")?.join("charts"),
            formats,
        ));
    };
    if out == Path::new(STDOUT) {
        one(charts, "standard output")?;
        return Ok(Place::Stdout(args.format.unwrap_or(Format::Svg)));
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
    match args.format {
        Some(format) if format != picture.format => Err(Failure::usage(miette::miette!(
            help = "leave --format out, or name a file that ends as it does",
            "{} and --format {} contradict each other",
            out.display(),
            format.ending()
        ))),
        _ => Ok(Place::File(picture)),
    }
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
        place(&args, charts).map_err(|failure| failure.report.to_string())
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
        let error = place(&args, 1).unwrap_err().report.to_string();
        assert!(
            error.starts_with("a record from standard input has no directory"),
            "{error}"
        );
    }
}
