//! `bench chart`: charts of a run or a sweep, drawn again from its record.

use model::record::run::RunRecord;
use model::record::sweep::whole::SweepRecord;
use report::charts::{self, Chart};

use crate::args::chart::{ChartArgs, Place};
use crate::exit::Exit;
use crate::output;
use crate::picture::{Format, Picture};
use crate::run_files::charts_of;
use process::failure::{Explain, Failure};
use runner::stored::{self, Stored};

/// Draws charts from a record.
pub(crate) fn run(args: &ChartArgs) -> Result<Exit, Failure> {
    let stored = stored::read(&args.run)?;
    let drawings = drawings(&stored, args)?;
    match args.place(drawings.len())? {
        Place::Stdout(format) => {
            // Not through the printing that knows colours: a picture's bytes are none.
            output::bytes(&drawings[0].draw(format)?);
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
        Stored::Load(_) => Err(stored::is_one_load(&args.run)),
    }
}
