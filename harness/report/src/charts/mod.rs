//! Charts of a run, as SVG with real text and as PNG: one font, one look, one size.
//!
//! A chart answers one question, which its title asks. It draws every target of a run in the colours that target has in
//! every other chart, and says beside the data what a reader needs who sees nothing but the picture: load, date,
//! machine, versions, and whether the run is to be believed. The same record gives the same bytes, on a machine
//! without fonts too. This module knows records and ink; it must never know a file or a clock.

mod along;
mod axis;
mod by_request;
mod canvas;
mod distribution;
mod frame;
mod ink;
mod latency;
mod load;
mod load_times;
mod loops;
mod palette;
mod picture;
mod plot;
mod ratios;
mod series;
mod strip;
mod trend;

use crate::words::terms;
use model::measured::workload::WorkloadKind;
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use plotters::prelude::DrawingBackend;

use crate::look::{self, Look};
use crate::words::failures;
use crate::words::figures::{NONE, maybe_time, mib, per_s, time};
use crate::words::sentences::capitalised;
pub use along::{alt as along_alt, png as along_png, svg as along_svg};
use canvas::{Canvas, HEIGHT, Refusal};
use distribution::Distribution;
use frame::Figures;
pub(crate) use ink::rules as ink_rules;
use latency::Timed;
pub use load::{FILE_STEM as LOAD_FILE_STEM, alt as load_alt, png as load_png, svg as load_svg};
pub(crate) use load::{HOW_TO_READ as LOAD_HOW_TO_READ, svg_and_plot as load_svg_and_plot};
pub(crate) use load_times::LoadTimes;
pub use picture::ChartError;
use picture::{refused, tall_document, tall_picture};
pub(crate) use plot::{Plot, PlotTarget};
pub use ratios::{png as ratios_png, svg as ratios_svg};
pub(crate) use strip::{StripAxis, ratio_strip, strip};
pub use trend::{alt as trend_alt, png as trend_png, svg as trend_svg};

/// A chart. Which time those of latency show follows from what the run times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chart {
    /// Each metric of each target as a ratio to the first target's, with its interval.
    Ratios,
    /// The time itself against percentile, on HdrHistogram's axis.
    LatencyByPercentile,
    /// Response time of each kind of request by itself.
    LatencyByRequest,
    /// Its median and tail, interval by interval.
    LatencyOverTime,
    /// Shares of requests, or of what else is timed, by that time.
    LatencyHistogram,
    /// Requests answered and failed a second, interval by interval.
    Throughput,
    /// CPU of the servers over time.
    ServerCpu,
    /// Memory of the servers over time.
    ServerMemory,
    /// What explains the latencies: what loops, pool and kernel did.
    WhatTheLoopsDid,
}

impl Chart {
    /// Every chart, in the order in which a report shows them.
    pub const ALL: [Self; 9] = [
        Self::Ratios,
        Self::LatencyByPercentile,
        Self::LatencyByRequest,
        Self::LatencyOverTime,
        Self::LatencyHistogram,
        Self::Throughput,
        Self::ServerCpu,
        Self::ServerMemory,
        Self::WhatTheLoopsDid,
    ];

    /// The charts that have something to show of this record, in that order.
    pub fn of(record: &RunRecord) -> impl Iterator<Item = Self> {
        let has_kinds = by_request::applies(record);
        let has_pairs = ratios::applies(record);
        let has_reasons = loops::applies(record);
        let charts = Self::ALL.into_iter();
        charts.filter(move |&chart| match chart {
            Self::LatencyByRequest => has_kinds,
            Self::Ratios => has_pairs,
            Self::WhatTheLoopsDid => has_reasons,
            _ => true,
        })
    }

    /// Its file's name without the ending: `latency-by-percentile`.
    pub fn file_stem(self) -> &'static str {
        match self {
            Self::Ratios => "ratios",
            Self::LatencyByPercentile => "latency-by-percentile",
            Self::LatencyByRequest => "latency-by-request",
            Self::LatencyOverTime => "latency-over-time",
            Self::LatencyHistogram => "latency-histogram",
            Self::Throughput => "throughput",
            Self::ServerCpu => "server-cpu",
            Self::ServerMemory => "server-memory",
            Self::WhatTheLoopsDid => "what-the-loops-did",
        }
    }

    /// The question that it answers, what it shows, and of which scenario.
    pub fn title(self, record: &RunRecord) -> String {
        let question = self.question(record.workload());
        format!("{question}, {}", record.scenario.name)
    }

    /// The question that it answers, and what it shows.
    fn question(self, workload: WorkloadKind) -> String {
        let (time, samples) = (terms::time(workload), terms::samples(workload));
        match self {
            Self::Ratios => ratios::QUESTION.to_owned(),
            Self::LatencyByPercentile => {
                let question = match workload {
                    WorkloadKind::Requests => "How long do requests take?",
                    WorkloadKind::Streams => "How soon do streams begin?",
                    WorkloadKind::Messages => "How soon does everybody have a message?",
                };
                format!("{question} {} by percentile", capitalised(time))
            }
            Self::LatencyByRequest => "Who waits? Response time by request".to_owned(),
            Self::LatencyOverTime => {
                let question = match workload {
                    WorkloadKind::Requests => "When were requests slow?",
                    WorkloadKind::Streams => "When did streams begin late?",
                    WorkloadKind::Messages => "When were messages slow?",
                };
                format!("{question} {} over the run", capitalised(time))
            }
            Self::LatencyHistogram => {
                format!("How are {time}s spread? Share of {samples} by {time}")
            }
            Self::Throughput => format!(
                "How much is answered, and what fails? {}s a second over the run",
                capitalised(terms::noun(workload))
            ),
            Self::ServerCpu => "What does it cost? CPU of the server over the run".to_owned(),
            Self::ServerMemory => {
                "How much memory does it take? Resident memory of the server over the run"
                    .to_owned()
            }
            Self::WhatTheLoopsDid => "Why? What loops, pool and kernel did".to_owned(),
        }
    }

    /// How to read it, in a sentence or two.
    pub fn how_to_read(self, workload: WorkloadKind) -> String {
        let (noun, samples) = (terms::noun(workload), terms::samples(workload));
        match self {
            Self::Ratios => ratios::HOW_TO_READ.to_owned(),
            Self::LatencyByPercentile => {
                let what_came = match workload {
                    WorkloadKind::Requests => "were answered, counted from the moment the schedule meant to send them",
                    WorkloadKind::Streams => {
                        "brought their first event, counted from the moment the schedule meant to ask for them"
                    }
                    WorkloadKind::Messages => {
                        "were made, counted from the moment the schedule meant to send the message"
                    }
                };
                format!(
                    "Lower is better. At 99 %, the height is the time within which 99 of 100 {samples} {what_came}; \
                     each step to the right looks at a tenth as many {samples}. The pale dots beside 50 % and 99 % are the samples \
                     one by one, and the bar over them the 95 % interval of their mean: where two targets' bars overlap, the curves alone \
                     don't say which is faster."
                )
            }
            Self::LatencyByRequest => {
                "Further left is better. Each row begins at a target's median for that kind of request and ends at its 99.9th \
                 percentile, or at the highest that ten slower requests stand behind; the marker, and the figure, are the 99th. Light requests that reach as far to the right as heavy \
                 ones do were waiting behind them."
                    .to_owned()
            }
            Self::LatencyOverTime => format!(
                "Lower is better. A level row of marks, or a level line, is a steady server; what lies far above the rest is a moment \
                 in which {noun}s had to wait. Where targets take turns, each mark is one sample of one of them."
            ),
            Self::LatencyHistogram => format!(
                "Further left is faster, narrower is steadier. Bins grow with the time that they stand for, and heights are shares of \
                 one target's own {samples}; a second hump is a second kind of {noun}, or something that delays some of them."
            ),
            Self::Throughput => {
                "Under a fixed schedule, all targets that keep up lie on the dotted line, so a level line is good and more is \
                 not to be had; without a schedule, higher is better. What failed has a panel of its own, if anything did."
                    .to_owned()
            }
            Self::ServerCpu => {
                "Lower is better. Where targets take turns, each mark is one sample: what the server's CPU worked for each answer in it."
                    .to_owned()
            }
            Self::ServerMemory => {
                "Lower is better. A line that keeps rising while the load stays the same is a leak, or a cache that has not \
                 filled yet."
                    .to_owned()
            }
            Self::WhatTheLoopsDid => {
                "Each small chart has a scale of its own, from zero; compare the targets within one. A tail of latency that \
                 is about as long as a loop was blocked, or as jobs waited for the pool, is likely to be that. What a runtime does not report is \
                 not known, and no zero."
                    .to_owned()
            }
        }
    }

    /// The chart in words, for readers who can't see it: each target with its figures.
    pub fn alt(self, record: &RunRecord) -> String {
        let figures: Vec<String> = match self {
            Self::Ratios => ratios::words(&ratios::of_run(record)),
            _ => record
                .targets
                .iter()
                .map(|target| {
                    format!(
                        "{}: {}",
                        target.name,
                        self.figures(target, record)
                            .map_or_else(|| "no data".to_owned(), |figures| figures.full)
                    )
                })
                .collect(),
        };
        let figures = if figures.is_empty() {
            "no targets".to_owned()
        } else {
            figures.join("; ")
        };
        let warning = frame::warning(record)
            .map(|warning| format!(" {warning}."))
            .unwrap_or_default();
        format!("{}. {figures}.{warning}", self.title(record))
    }

    /// A target's figures for this chart; none where there is nothing to draw.
    fn figures(self, target: &TargetRecord, record: &RunRecord) -> Option<Figures> {
        let workload = record.workload();
        let summary = target.report.times(workload.clock());
        let server = &target.server;
        match self {
            Self::Ratios => ratios::of_run(record).figures(&target.name),
            Self::LatencyByPercentile | Self::LatencyHistogram | Self::LatencyOverTime => {
                summary.max.map(|max| {
                    let max = time(max as f64);
                    Figures {
                        full: format!(
                            "p50 {}, p99 {}, max {max}",
                            maybe_time(summary.p50),
                            maybe_time(summary.p99)
                        ),
                        brief: summary.p99.map_or_else(
                            || format!("max {max}"),
                            |p99| format!("p99 {}", time(p99 as f64)),
                        ),
                    }
                })
            }
            Self::LatencyByRequest => {
                let p99s = target.report.by_request.iter().map(|kind| {
                    let p99 = maybe_time(kind.response_time_ns.p99);
                    format!("{} p99 {p99}", kind.request)
                });
                let p99s: Vec<String> = p99s.collect();
                p99s.first().cloned().map(|brief| Figures {
                    full: p99s.join(", "),
                    brief,
                })
            }
            Self::Throughput => (target.report.requests.scheduled > 0).then(|| {
                let rate = per_s(target.report.throughput_per_s);
                let errors = &target.report.error_share;
                let failed = failures::failed(errors, workload);
                Figures {
                    full: format!("{rate}, failed {failed}"),
                    brief: if errors.failed == 0 {
                        rate
                    } else {
                        format!("{rate}, {} failed", failures::percent(errors.share))
                    },
                }
            }),
            Self::ServerCpu => (!server.samples.is_empty()).then(|| {
                let per_request = server
                    .cpu_us_per_request
                    .map_or_else(|| NONE.to_owned(), |us| time(us * 1e3));
                Figures {
                    full: format!("{per_request} of CPU per {}", terms::noun(workload)),
                    brief: format!("{per_request}/{}", terms::noun(workload)),
                }
            }),
            Self::ServerMemory => (!server.samples.is_empty()).then(|| {
                let most = server
                    .rss_bytes_max
                    .map_or_else(|| NONE.to_owned(), |bytes| mib(bytes as f64));
                Figures {
                    full: format!("at most {most}"),
                    brief: most,
                }
            }),
            Self::WhatTheLoopsDid => loops::figures(target),
        }
    }

    /// Whom it draws, in the order of the run; the first target's second self only where it is compared with the first.
    fn targets(self, record: &RunRecord) -> Vec<&TargetRecord> {
        let second_self = record.aa.as_ref().filter(|_| self == Self::Ratios);
        let second_self = second_self.map(|aa| &aa.target);
        record.targets.iter().chain(second_self).collect()
    }

    /// Its height in nominal pixels.
    fn height(self, record: &RunRecord) -> f64 {
        match self {
            Self::Ratios => ratios::height(&ratios::of_run(record)),
            _ => HEIGHT,
        }
    }
}

/// Draws a chart as SVG: 960 by 540 nominal pixels, or higher where it has many rows, scaling to any size, text as text, with a title and a description
/// for screen readers.
pub fn svg(record: &RunRecord, chart: Chart) -> Result<String, ChartError> {
    svg_and_plot(record, chart).map(|(svg, _)| svg)
}

/// The same, with what it shows as data.
pub(crate) fn svg_and_plot(record: &RunRecord, chart: Chart) -> Result<(String, Plot), ChartError> {
    let mut plot = Plot::default();
    let description = format!(
        "{} {}",
        chart.alt(record),
        chart.how_to_read(record.workload())
    );
    let svg = tall_document(
        chart.file_stem(),
        &chart.title(record),
        &description,
        chart.height(record),
        |backend| {
            plot = draw(backend, record, chart)?;
            Ok(())
        },
    )?;
    Ok((svg, plot))
}

/// The curve by percentile of one load, then its histogram.
pub(crate) fn load_pictures(of: &LoadTimes<'_>) -> Result<[load_times::Drawn; 2], ChartError> {
    let workload = of.report.workload;
    let drawn = |chart: Chart, how_to_read: String| {
        let is_curve = chart == Chart::LatencyByPercentile;
        let title = chart.question(workload);
        load_times::drawn(of, is_curve, chart.file_stem(), title, how_to_read)
    };
    let histogram = Chart::LatencyHistogram;
    Ok([
        drawn(Chart::LatencyByPercentile, load_times::CURVE.to_owned())?,
        drawn(histogram, histogram.how_to_read(workload))?,
    ])
}

/// Draws a chart as PNG, twice the SVG's nominal size: 1,920 by 1,080 pixels, or higher.
pub fn png(record: &RunRecord, chart: Chart) -> Result<Vec<u8>, ChartError> {
    tall_picture(chart.file_stem(), chart.height(record), |backend| {
        draw(backend, record, chart).map(|_| ())
    })
}

fn draw<B: DrawingBackend>(
    backend: &mut B,
    record: &RunRecord,
    chart: Chart,
) -> Result<Plot, ChartError> {
    let targets = chart.targets(record);
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let looks = look::looks(&names);
    let (looks, distributions) = match chart {
        Chart::LatencyByPercentile | Chart::LatencyHistogram => {
            (looks, latency::distributions(record)?)
        }
        // Over time a peak could hide in the gap of a dashed line.
        Chart::Ratios
        | Chart::LatencyByRequest
        | Chart::LatencyOverTime
        | Chart::Throughput
        | Chart::ServerCpu
        | Chart::ServerMemory
        | Chart::WhatTheLoopsDid => (looks.into_iter().map(Look::solid).collect(), Vec::new()),
    };
    let mut canvas = Canvas::new(backend);
    draw_on(&mut canvas, record, chart, &looks, &distributions)
        .map_err(|refusal| refused(chart.file_stem(), &refusal))?;
    Ok(canvas.plot)
}

fn draw_on<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    record: &RunRecord,
    chart: Chart,
    looks: &[Look],
    distributions: &[Option<Distribution>],
) -> Result<(), Refusal> {
    let entries: Vec<frame::Entry> = chart
        .targets(record)
        .into_iter()
        .zip(looks)
        .map(|(target, &look)| frame::Entry {
            look,
            name: target.name.clone(),
            figures: chart.figures(target, record),
            manifest: target.manifest.legend(),
        })
        .collect();
    let heading = frame::Heading {
        title: chart.title(record),
        circumstances: frame::circumstances(record),
        warning: frame::warning(record),
    };
    let room = frame::frame(canvas, &heading, &entries)?;
    match chart {
        Chart::Ratios => ratios::draw(canvas, room, &ratios::of_run(record)),
        Chart::LatencyByPercentile => {
            latency::by_percentile(canvas, room, &Timed::of(record), looks, distributions)
        }
        Chart::LatencyByRequest => by_request::draw(canvas, room, record, looks),
        Chart::LatencyOverTime => series::latency(canvas, room, record, looks),
        Chart::LatencyHistogram => {
            latency::histogram(canvas, room, record.workload(), looks, distributions)
        }
        Chart::Throughput => series::throughput(canvas, room, record, looks),
        Chart::ServerCpu => series::server_cpu(canvas, room, record, looks),
        Chart::ServerMemory => series::server_memory(canvas, room, record, looks),
        Chart::WhatTheLoopsDid => loops::draw(canvas, room, record, looks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chart_has_a_name_of_its_own() {
        let stems: std::collections::BTreeSet<&str> =
            Chart::ALL.iter().map(|chart| chart.file_stem()).collect();
        assert_eq!(stems.len(), Chart::ALL.len());
    }
}
