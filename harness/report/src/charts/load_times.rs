//! The two pictures of one load: the curve by percentile, and the histogram.

use model::record::load_report::LoadReport;
use model::spec::scenario::ObjectiveRecord;

use super::canvas::{Canvas, Refusal};
use super::distribution::Distribution;
use super::frame::{Entry, Figures, Heading, frame};
use super::latency::{self, Spread, Timed};
use super::picture::{ChartError, document, refused};
use super::plot::Plot;
use crate::look::{Look, looks};
use crate::words::figures::maybe_time;
use crate::words::sentences;

/// How to read the curve of one load.
pub(super) const CURVE: &str = "Lower is better. At 99 %, the height is the time within which 99 of 100 were answered; each step to the right looks at a \
                     tenth as many.";

/// What both are drawn of.
pub(crate) struct LoadTimes<'a> {
    pub(super) report: &'a LoadReport,
    timed: Timed<'a>,
    distributions: [Option<Distribution>; 1],
    looks: Vec<Look>,
    shown: &'a str,
    started_at: &'a str,
}

impl<'a> LoadTimes<'a> {
    /// Of a load of what is shown, with its distribution as records have it.
    pub(crate) fn read(
        shown: &'a str,
        started_at: &'a str,
        report: &'a LoadReport,
        distribution: &str,
        objectives: &'a [ObjectiveRecord],
    ) -> Result<Self, ChartError> {
        let workload = report.workload;
        let distribution =
            Distribution::read(distribution).map_err(|source| ChartError::Histogram {
                target: shown.to_owned(),
                workload,
                source,
            })?;
        Ok(Self {
            report,
            timed: Timed {
                workload,
                objectives,
                targets: vec![(shown, [Spread::default(), Spread::default()])],
            },
            distributions: [distribution],
            looks: looks(&[shown]),
            shown,
            started_at,
        })
    }

    fn heading(&self, title: String) -> Heading {
        let load = sentences::load(&self.report.load, "measured");
        Heading {
            title,
            circumstances: format!("{load} {}", self.started_at),
            warning: (!self.report.validity.is_valid())
                .then(|| sentences::belief_of_load(self.report)),
        }
    }

    fn entry(&self) -> Entry {
        let times = self.report.times(self.report.workload.clock());
        let full = format!(
            "p50 {}, p99 {}",
            maybe_time(times.p50),
            maybe_time(times.p99)
        );
        Entry {
            look: self.looks[0],
            name: self.shown.to_owned(),
            figures: Some(Figures {
                brief: full.clone(),
                full,
            }),
            manifest: format!("max {}", maybe_time(times.max)),
        }
    }
}

/// A picture as an SVG and as data, with the stem of its file's name, its title and how to read it.
pub(crate) type Drawn = (&'static str, String, String, (String, Plot));

/// Draws the curve, or the histogram.
pub(super) fn drawn(
    of: &LoadTimes<'_>,
    is_curve: bool,
    stem: &'static str,
    title: String,
    how_to_read: String,
) -> Result<Drawn, ChartError> {
    let heading = of.heading(title.clone());
    let mut plot = Plot::default();
    let description = format!("{}. {how_to_read}", of.shown);
    let svg = document(stem, &title, &description, |backend| {
        let mut canvas = Canvas::new(backend);
        let drawing = frame(&mut canvas, &heading, &[of.entry()]).and_then(|room| {
            let (looks, distributions) = (&of.looks, &of.distributions);
            if is_curve {
                latency::by_percentile(&mut canvas, room, &of.timed, looks, distributions)
            } else {
                let workload = of.report.workload;
                latency::histogram(&mut canvas, room, workload, looks, distributions)
            }
        });
        drawing.map_err(|refusal: Refusal| refused(stem, &refusal))?;
        plot = canvas.plot;
        Ok(())
    })?;
    Ok((stem, title, how_to_read, (svg, plot)))
}
