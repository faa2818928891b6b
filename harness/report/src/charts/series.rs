//! What happened over time: what is timed, throughput and failures, the server's CPU and memory.
//!
//! All share an axis of seconds since the run began. Where targets take turns each sample is a mark; of one target that is measured
//! alone lines show every interval, and pauses are not bridged.

use std::collections::BTreeMap;

use crate::words::terms;
use model::measured::workload::WorkloadKind;
use model::record::metric::Metric;
use model::record::run::RunRecord;
use model::record::target::{IntervalRecord, IntervalTimes, ServerSample};
use plotters::prelude::DrawingBackend;

use super::axis::{Axis, Unit, nice_step};
use super::canvas::{Canvas, Refusal, Stroke};
use super::frame::{Area, Panel, PanelPlan, panels};
use super::latency::{epoch_metrics, objectives, sample_points};
use super::plot::Point;
use super::plot::Reference;
use super::plot::Shape;
use crate::look::Look;
use crate::words::figures::{per_s, seconds};

const SECONDS_TITLE: &str = "Seconds since the run began";
const X_TICKS: u32 = 10;
/// Markers of a target stand at least this far apart, in nominal pixels.
const MARKERS_APART: f64 = 45.0;
/// A rate is counted over at least this part of the run. Shorter intervals hold so few requests that they show chance only.
const RATE_PARTS: f64 = 200.0;
/// A pause of this many spacings between samples of the server is a gap: it was not running, or not measured.
const GAP_SPACINGS: f64 = 2.5;

/// Lines of each target, in the order of the targets.
type Lines = Vec<Vec<Vec<Point>>>;

/// Where targets take turns, what each sample of each measured of a metric, a point each: lines would be fragments.
fn samples(record: &RunRecord, metric: Metric, of: f64) -> Option<Lines> {
    let targets = record.targets.iter();
    let samples = targets.map(|target| {
        let points = sample_points(target, metric).into_iter();
        points.map(|(at, value)| vec![(at, value * of)]).collect()
    });
    let samples: Lines = samples.collect();
    // A target that failed may have none, and so have those of a record that kept only intervals.
    let takes_turns = samples.len() > 1 && samples.iter().any(|each| !each.is_empty());
    takes_turns.then_some(samples)
}

fn highest(lines: &Lines) -> f64 {
    let values = lines.iter().flatten().flatten().map(|&(_, value)| value);
    values.fold(0.0, f64::max)
}

/// Median and tail of what is timed, sample by sample where targets take turns, otherwise interval by interval.
pub(super) fn latency<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    record: &RunRecord,
    looks: &[Look],
) -> Result<(), Refusal> {
    let workload = record.workload();
    let reported = |interval: &IntervalRecord| interval.times(workload.clock());
    let median = |interval: &IntervalRecord| reported(interval).p50.map(|ns| ns as f64);
    let tail = tail(record);
    let tails = |interval: &IntervalRecord| tail.of(reported(interval)).map(|ns| ns as f64);
    let [(median_metric, _), (tail_metric, _)] = epoch_metrics(workload);
    let lines = |value: &dyn Fn(&IntervalRecord) -> Option<f64>| -> Lines {
        let targets = record.targets.iter();
        targets
            .map(|target| runs(&target.intervals, value))
            .collect()
    };
    let median_caption = format!("Median {}", terms::time(workload));
    let sides = match (
        samples(record, tail_metric, 1.0),
        samples(record, median_metric, 1.0),
    ) {
        (Some(tails), Some(medians)) => [
            (
                format!(
                    "99th percentile of {} in each sample",
                    terms::time(workload)
                ),
                "p99",
                tails,
            ),
            (format!("{median_caption} of each sample"), "p50", medians),
        ],
        _ => [
            (tail.caption(workload), tail.name(), lines(&tails)),
            (
                format!("{median_caption} of each interval"),
                "p50",
                lines(&median),
            ),
        ],
    };
    let plan = |(caption, percentile, lines): &(String, &str, Lines)| {
        let low = lines.iter().flatten().flatten().map(|&(_, value)| value);
        let low = low.fold(f64::INFINITY, f64::min);
        let y = match highest(lines) {
            0.0 => Axis::from_zero(0.0, Unit::Time, 4),
            high => Axis::times(low, high, 4),
        };
        PanelPlan {
            caption: caption.clone(),
            note: y.scale_name().to_owned(),
            y,
            references: record
                .scenario
                .objectives
                .iter()
                .zip(objectives(&record.scenario.objectives, workload))
                .filter(|(bound, _)| bound.percentile == *percentile)
                .map(|(_, line)| line)
                .collect(),
            weight: 1.0,
        }
    };
    // Short samples have a median, and too few requests for a tail.
    let is_empty = |(_, _, lines): &(String, &str, Lines)| lines.iter().all(Vec::is_empty);
    let sides: Vec<(String, &str, Lines)> = match sides {
        [tails, medians] if is_empty(&tails) && !is_empty(&medians) => vec![medians],
        sides => sides.into(),
    };
    let plans = sides.iter().map(plan).collect();
    let panels = panels(canvas, room, &seconds_axis(record), SECONDS_TITLE, plans)?;
    for (panel, (_, _, lines)) in panels.iter().zip(sides) {
        draw(canvas, panel, looks, lines)?;
    }
    Ok(())
}

/// Requests succeeded a second, and below them those that failed.
pub(super) fn throughput<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    record: &RunRecord,
    looks: &[Look],
) -> Result<(), Refusal> {
    let x = seconds_axis(record);
    let least_s = nice_step(x.high / RATE_PARTS);
    let series: Vec<Vec<IntervalRecord>> = record
        .targets
        .iter()
        .map(|target| merged(&target.intervals, least_s))
        .collect();
    let ok = |interval: &IntervalRecord| rate(interval, interval.ok);
    let failed = |interval: &IntervalRecord| rate(interval, interval.failed);
    let scheduled = record
        .targets
        .first()
        .and_then(|target| target.report.load.rate_per_s);
    let failures = series
        .iter()
        .flatten()
        .filter_map(failed)
        .fold(0.0, f64::max);
    let (lines, mean) = match samples(record, Metric::ThroughputPerS, 1.0) {
        Some(lines) => (lines, "means of each sample".to_owned()),
        None => (
            series
                .iter()
                .map(|intervals| steps(intervals, &ok))
                .collect(),
            format!("means over at least {}", seconds(least_s)),
        ),
    };
    let answered = highest(&lines);
    let without = if answered > 0.0 && failures == 0.0 {
        "; no request failed"
    } else {
        ""
    };
    let mut plans = vec![PanelPlan {
        caption: "Succeeded".to_owned(),
        note: format!("{mean}{without}"),
        y: Axis::from_zero(answered.max(scheduled.unwrap_or(0.0)), Unit::PerSecond, 5),
        references: scheduled
            .map(|value| Reference {
                at: None,
                value,
                meaning: format!("scheduled {}", per_s(value)),
            })
            .into_iter()
            .collect(),
        weight: 2.0,
    }];
    if failures > 0.0 {
        plans.push(PanelPlan {
            caption: "Failed".to_owned(),
            note: "errors and timeouts".to_owned(),
            y: Axis::from_zero(failures, Unit::PerSecond, 3),
            references: Vec::new(),
            weight: 1.0,
        });
    }
    let panels = panels(canvas, room, &x, SECONDS_TITLE, plans)?;
    draw(canvas, &panels[0], looks, lines)?;
    if let Some(panel) = panels.get(1) {
        let failed = |intervals: &Vec<IntervalRecord>| vec![impulses(intervals)];
        let failed: Vec<Vec<Vec<Point>>> = series.iter().map(failed).collect();
        panel.tell(canvas, Shape::Impulses, &failed);
        for (lines, look) in failed.iter().zip(looks) {
            strokes(canvas, panel, &lines[0], *look)?;
        }
    }
    Ok(())
}

/// CPU of each sample by what was answered in it; of a server that was measured without a break, the share of a core over time.
pub(super) fn server_cpu<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    record: &RunRecord,
    looks: &[Look],
) -> Result<(), Refusal> {
    // Records have it in microseconds.
    let (caption, note, unit, lines) = match samples(record, Metric::ServerCpuUsPerRequest, 1e3) {
        Some(lines) => (
            format!("CPU of the server per {}", terms::noun(record.workload())),
            "in each sample; all of its threads and processes together",
            Unit::Time,
            lines,
        ),
        None => (
            "CPU of the server".to_owned(),
            "100 % = one full core; all of its threads and processes together",
            Unit::Percent,
            server_runs(record, &|sample| sample.cpu_share),
        ),
    };
    server(canvas, room, record, looks, (caption, note), unit, lines)
}

/// Memory that the server held.
pub(super) fn server_memory<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    record: &RunRecord,
    looks: &[Look],
) -> Result<(), Refusal> {
    let (note, lines) = match samples(record, Metric::ServerRssBytesMax, 1.0) {
        Some(lines) => (
            "the most in each sample; all of its processes together",
            lines,
        ),
        None => (
            "all of its processes together",
            server_runs(record, &|sample| sample.rss_bytes as f64),
        ),
    };
    let caption = "Resident memory of the server".to_owned();
    server(
        canvas,
        room,
        record,
        looks,
        (caption, note),
        Unit::Mib,
        lines,
    )
}

fn server_runs(record: &RunRecord, value: &dyn Fn(&ServerSample) -> f64) -> Lines {
    let targets = record.targets.iter();
    targets
        .map(|target| sample_runs(&target.server.samples, value))
        .collect()
}

fn server<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    record: &RunRecord,
    looks: &[Look],
    (caption, note): (String, &str),
    unit: Unit,
    lines: Lines,
) -> Result<(), Refusal> {
    let plan = PanelPlan {
        caption,
        note: note.to_owned(),
        y: Axis::from_zero(highest(&lines), unit, 5),
        references: Vec::new(),
        weight: 1.0,
    };
    let panel = panels(
        canvas,
        room,
        &seconds_axis(record),
        SECONDS_TITLE,
        vec![plan],
    )?
    .remove(0);
    draw(canvas, &panel, looks, lines)
}

/// Draws every target's lines with its markers, or says that there are none.
fn draw<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    looks: &[Look],
    targets: Lines,
) -> Result<(), Refusal> {
    if targets.iter().all(Vec::is_empty) {
        return panel.say(canvas, "No data: nothing was measured");
    }
    panel.tell(canvas, Shape::Line, &targets);
    let count = targets.len();
    for (index, (lines, look)) in targets.into_iter().zip(looks).enumerate() {
        // Staggered, so that targets with the same values don't hide each other's markers.
        let mut free_from = panel.area.left + index as f64 * MARKERS_APART / count as f64;
        for line in lines {
            let places: Vec<Point> = line.into_iter().map(|(x, y)| panel.point(x, y)).collect();
            let line = thinned(&places);
            canvas.line(
                &line,
                Stroke {
                    width: 1.5,
                    ..Stroke::of(*look)
                },
            )?;
            for &point in &line {
                if point.0 >= free_from || line.len() == 1 {
                    canvas.marker(point, *look)?;
                    free_from = point.0 + MARKERS_APART;
                }
            }
        }
    }
    Ok(())
}

/// Failures a second of each interval that has any.
fn impulses(intervals: &[IntervalRecord]) -> Vec<Point> {
    let failed = intervals.iter().filter(|interval| interval.failed > 0);
    failed
        .filter_map(|interval| Some((middle(interval), rate(interval, interval.failed)?)))
        .collect()
}

/// One stroke from the ground for each, with the target's marker on top.
fn strokes<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    impulses: &[Point],
    look: Look,
) -> Result<(), Refusal> {
    for &(at, rate) in impulses {
        let (x, y) = panel.point(at, rate);
        canvas.line(
            &[(x, panel.area.bottom), (x, y)],
            Stroke {
                width: 2.0,
                ..Stroke::thin(look.colour)
            },
        )?;
        canvas.marker((x, y), look)?;
    }
    Ok(())
}

/// Which tail the intervals tell.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Tail {
    P99,
    Max,
}

impl Tail {
    fn of(self, times: IntervalTimes) -> Option<u64> {
        match self {
            Self::P99 => times.p99,
            Self::Max => times.max,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::P99 => "p99",
            Self::Max => "max",
        }
    }

    fn caption(self, workload: WorkloadKind) -> String {
        let (time, samples) = (terms::time(workload), terms::samples(workload));
        match self {
            Self::P99 => format!("99th percentile of {time} in each interval"),
            Self::Max => format!("Longest {time} in each interval (too few {samples} for a p99)"),
        }
    }
}

/// The 99th percentile where most intervals of every target have one, the maximum otherwise: one picture never mixes them.
fn tail(record: &RunRecord) -> Tail {
    let workload = record.workload();
    let having = |tail: Tail| {
        intervals(record)
            .filter(|interval| tail.of(interval.times(workload.clock())).is_some())
            .count()
    };
    let (busy, known) = (having(Tail::Max), having(Tail::P99));
    if known * 2 >= busy && known > 0 {
        Tail::P99
    } else {
        Tail::Max
    }
}

fn intervals(record: &RunRecord) -> impl Iterator<Item = &IntervalRecord> {
    record.targets.iter().flat_map(|target| &target.intervals)
}

fn rate(interval: &IntervalRecord, count: u64) -> Option<f64> {
    (interval.duration_s > 0.0).then(|| count as f64 / interval.duration_s)
}

fn middle(interval: &IntervalRecord) -> f64 {
    interval.start_s + interval.duration_s / 2.0
}

/// True where one interval follows the other without a pause. Half an interval of tolerance: the record rounds starts.
fn follows(before: &IntervalRecord, after: &IntervalRecord) -> bool {
    after.start_s <= before.start_s + before.duration_s * 1.5
}

/// Counts of neighbouring intervals added up, so that each covers at least `least_s` seconds where its neighbours allow;
/// no percentiles, which don't add up. A remainder too short to stand alone joins the interval before it.
fn merged(intervals: &[IntervalRecord], least_s: f64) -> Vec<IntervalRecord> {
    let mut merged: Vec<IntervalRecord> = Vec::new();
    for stretch in intervals.chunk_by(follows) {
        let begun = merged.len();
        for interval in stretch {
            match merged[begun..].last_mut() {
                Some(last) if last.duration_s < least_s => add(last, interval),
                _ => merged.push(IntervalRecord {
                    times_ns: BTreeMap::new(),
                    ..interval.clone()
                }),
            }
        }
        if merged.len() > begun + 1 && merged.last().is_some_and(|last| last.duration_s < least_s) {
            let rest = merged.pop().expect("two at least were begun");
            add(merged.last_mut().expect("one at least is left"), &rest);
        }
    }
    merged
}

fn add(sum: &mut IntervalRecord, interval: &IntervalRecord) {
    sum.duration_s += interval.duration_s;
    sum.ok += interval.ok;
    sum.failed += interval.failed;
}

/// From the start of the run to the end of the last thing known of it.
fn seconds_axis(record: &RunRecord) -> Axis {
    let ends = intervals(record).map(|interval| interval.start_s + interval.duration_s);
    let samples = record
        .targets
        .iter()
        .flat_map(|target| &target.server.samples)
        .map(|sample| sample.at_s);
    let epochs = record.targets.iter().flat_map(|target| &target.epochs);
    let epochs = epochs.map(|epoch| epoch.started_s + epoch.duration_s);
    let end = ends
        .chain(samples)
        .chain(epochs)
        .filter(|end| end.is_finite())
        .fold(0.0, f64::max);
    // Before the first sample servers start and warm up, of which nothing is shown.
    let begins = intervals(record).map(|interval| interval.start_s);
    let begin = begins.fold(end, f64::min).max(0.0).floor();
    let mut axis = Axis::from_zero(end, Unit::Seconds, X_TICKS);
    axis.low = begin;
    axis.ticks.retain(|tick| tick.value >= begin);
    axis
}

/// The same values as a line that stays level over each interval.
fn steps(
    intervals: &[IntervalRecord],
    value: &dyn Fn(&IntervalRecord) -> Option<f64>,
) -> Vec<Vec<Point>> {
    let level = |interval: &IntervalRecord| {
        let value = value(interval)?;
        Some([
            (interval.start_s, value),
            (interval.start_s + interval.duration_s, value),
        ])
    };
    let lines = intervals.chunk_by(follows).map(|stretch| {
        stretch
            .iter()
            .filter_map(level)
            .flatten()
            .collect::<Vec<Point>>()
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// Values of neighbouring intervals, joined; a pause, or an interval without a value, begins a new line.
fn runs(
    intervals: &[IntervalRecord],
    value: &dyn Fn(&IntervalRecord) -> Option<f64>,
) -> Vec<Vec<Point>> {
    let mut runs: Vec<Vec<Point>> = Vec::new();
    for stretch in intervals.chunk_by(follows) {
        for run in
            stretch.chunk_by(|before, after| value(before).is_some() && value(after).is_some())
        {
            let points: Vec<Point> = run
                .iter()
                .filter_map(|interval| Some((middle(interval), value(interval)?)))
                .collect();
            if !points.is_empty() {
                runs.push(points);
            }
        }
    }
    runs
}

/// The same of samples, which have no length: a pause is recognised by their usual spacing.
fn sample_runs(samples: &[ServerSample], value: &dyn Fn(&ServerSample) -> f64) -> Vec<Vec<Point>> {
    let mut spacings: Vec<f64> = samples
        .windows(2)
        .map(|pair| pair[1].at_s - pair[0].at_s)
        .filter(|spacing| *spacing > 0.0)
        .collect();
    spacings.sort_by(f64::total_cmp);
    let usual = spacings
        .get(spacings.len() / 2)
        .copied()
        .unwrap_or(f64::INFINITY);
    let mut runs: Vec<Vec<Point>> = Vec::new();
    let mut last = f64::NEG_INFINITY;
    for sample in samples.iter().filter(|sample| value(sample).is_finite()) {
        if runs.is_empty() || sample.at_s - last > usual * GAP_SPACINGS {
            runs.push(Vec::new());
        }
        runs.last_mut()
            .expect("a line was begun above")
            .push((sample.at_s, value(sample)));
        last = sample.at_s;
    }
    runs
}

/// Keeps, of the points that fall into one half of a nominal pixel, the first, the lowest, the highest and the last: a long run
/// looks the same, and its picture stays small.
fn thinned(points: &[Point]) -> Vec<Point> {
    let column = |point: &Point| (point.0 * 2.0).floor();
    let mut thin = Vec::with_capacity(points.len());
    for group in points.chunk_by(|a, b| column(a).total_cmp(&column(b)).is_eq()) {
        if group.len() <= 4 {
            thin.extend_from_slice(group);
            continue;
        }
        let extreme = |sign: f64| {
            let at = group
                .iter()
                .enumerate()
                .max_by(|(_, a), (_, b)| (a.1 * sign).total_cmp(&(b.1 * sign)));
            at.map_or(0, |(index, _)| index)
        };
        let mut kept = [0, extreme(1.0), extreme(-1.0), group.len() - 1];
        kept.sort_unstable();
        thin.extend(kept.map(|index| group[index]));
    }
    thin.dedup();
    thin
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::clock::Clock;
    use model::record::target::IntervalTimes;

    fn interval(start_s: f64, p50: Option<u64>) -> IntervalRecord {
        IntervalRecord {
            start_s,
            duration_s: 0.1,
            ok: 10,
            failed: 0,
            times_ns: [(
                Clock::ResponseTime,
                IntervalTimes {
                    p50,
                    p99: None,
                    max: p50,
                },
            )]
            .into(),
        }
    }

    #[test]
    fn a_pause_or_a_missing_value_begins_a_new_line() {
        let intervals = [
            interval(0.0, Some(1)),
            interval(0.1, Some(2)),
            interval(0.2, None),
            interval(0.3, Some(3)),
            interval(5.0, Some(4)),
        ];
        let runs = runs(&intervals, &|interval| {
            let times = interval.times(Clock::ResponseTime);
            times.p50.map(|ns| ns as f64)
        });
        let values: Vec<Vec<f64>> = runs
            .iter()
            .map(|run| run.iter().map(|point| point.1).collect())
            .collect();
        assert_eq!(values, [vec![1.0, 2.0], vec![3.0], vec![4.0]]);
    }

    #[test]
    fn merged_intervals_keep_every_count_and_cross_no_pause() {
        let intervals: Vec<IntervalRecord> = [0.0, 0.1, 0.2, 0.3, 0.4, 5.0]
            .map(|start_s| interval(start_s, Some(1)))
            .to_vec();
        let merged = merged(&intervals, 0.19);
        let shape: Vec<(u64, f64)> = merged
            .iter()
            .map(|interval| (interval.ok, (interval.duration_s * 10.0).round()))
            .collect();
        assert_eq!(shape, [(20, 2.0), (30, 3.0), (10, 1.0)]);
    }

    #[test]
    fn samples_break_where_the_server_was_not_running() {
        let samples = [0.0, 0.1, 0.2, 3.0, 3.1].map(|at_s| ServerSample {
            at_s,
            cpu_share: 0.5,
            rss_bytes: 1,
        });
        let runs = sample_runs(&samples, &|sample| sample.cpu_share);
        assert_eq!(runs.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(
            sample_runs(&samples[..1], &|sample| sample.cpu_share).len(),
            1
        );
    }

    #[test]
    fn a_long_line_is_thinned_to_its_envelope() {
        let points: Vec<Point> = (0..10_000)
            .map(|i| {
                (
                    f64::from(i) / 10_000.0,
                    if i == 5_123 { 99.0 } else { f64::from(i % 7) },
                )
            })
            .collect();
        let thin = thinned(&points);
        assert!(thin.len() <= 8, "{} points are left", thin.len());
        assert!(thin.iter().any(|point| point.1 > 98.0));
        assert_eq!((thin.first(), thin.last()), (points.first(), points.last()));
        assert_eq!(thinned(&points[..3]), points[..3]);
    }
}
