//! What a run times as distributions: by percentile, and as a histogram.

use crate::words::terms;
use std::f64::consts::LOG10_2;

use crate::export::level::level;
use model::measured::workload::WorkloadKind;
use model::percentiles::PERCENTILES;
use model::record::metric::Metric;
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use model::spec::scenario::ObjectiveRecord;
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Unit};
use super::canvas::{Canvas, Refusal, Stroke, Type, width_of};
use super::distribution::Distribution;
use super::frame::{Area, Panel, PanelPlan, panels};
use super::picture::ChartError;
use super::plot::Point;
use super::plot::Reference;
use super::plot::Shape;
use crate::look::{BLACK, Dash, Look};
use crate::words::figures::time;
use crate::words::sentences::{capitalised, objective_words};

/// Points of a curve: two a nominal pixel are as many as a chart can show.
const CURVE_POINTS: u32 = 1_800;
/// Bins across the whole range of a histogram, if the range is wide enough for them.
const BINS: f64 = 72.0;
/// A bin is never narrower than this ratio: recorded values are exact to a thousandth, and narrower bins would show the
/// recorder's own steps.
const BIN_RATIO_MIN: f64 = 1.005;
/// An objective is drawn where it stretches a linear axis at most this many times, a logarithmic one by its square.
const STRETCH_MAX: f64 = 3.0;

/// Every target's distribution of what is timed, in the order of the targets.
pub(super) fn distributions(record: &RunRecord) -> Result<Vec<Option<Distribution>>, ChartError> {
    let workload = record.workload();
    let read = |target: &TargetRecord| {
        Distribution::read(target.whole_distribution(workload.clock())).map_err(|source| {
            ChartError::Histogram {
                target: target.name.clone(),
                workload,
                source,
            }
        })
    };
    record.targets.iter().map(read).collect()
}

/// What the curve is drawn of, beside the distributions.
pub(super) struct Timed<'a> {
    pub(super) workload: WorkloadKind,
    pub(super) objectives: &'a [ObjectiveRecord],
    /// Of each target its name, and how far its samples lie apart at the median and at the tail.
    pub(super) targets: Vec<(&'a str, [Spread; 2])>,
}

impl<'a> Timed<'a> {
    pub(super) fn of(record: &'a RunRecord) -> Self {
        let workload = record.workload();
        let spreads =
            |target| epoch_metrics(workload).map(|(metric, _)| spread(target, metric, record.seed));
        let targets = record.targets.iter();
        Self {
            workload,
            objectives: &record.scenario.objectives,
            targets: targets
                .map(|target| (target.name.as_str(), spreads(target)))
                .collect(),
        }
    }
}

/// HdrHistogram's chart: how long the slowest tenth, hundredth, thousandth of all took at least.
pub(super) fn by_percentile<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    timed: &Timed<'_>,
    looks: &[Look],
    distributions: &[Option<Distribution>],
) -> Result<(), Refusal> {
    let known = || distributions.iter().flatten();
    let workload = timed.workload;
    let epoch_metrics = epoch_metrics(workload);
    let epochs: Vec<&[Spread; 2]> = timed.targets.iter().map(|(_, spreads)| spreads).collect();
    let (low, high) = range(known());
    // The fastest half takes the left edge of the picture only, and must not choose its scale.
    let median = known()
        .map(|distribution| distribution.at_nines(LOG10_2).0)
        .fold(high, f64::min);
    let tails: Vec<f64> = known()
        .map(|distribution| distribution.at_nines(TAIL_NINES).0)
        .collect();
    let apart = tails_apart(&tails);
    // Nor where the scale begins, where the room is needed to tell tails apart: what is faster lies on the ground.
    let low = if apart { low.max(median / 2.0) } else { low };
    let log = apart || Axis::spread_out(median, high);
    let y = with_objectives(timed.objectives, low, high, log);
    let x = Axis::percentiles(known().map(Distribution::end_nines).fold(0.0, f64::max));
    let plan = PanelPlan {
        caption: format!("{}, {}", capitalised(terms::time(workload)), y.scale_name()),
        note: format!(
            "dotted: fewer than 10 {} beyond{}{}",
            terms::samples(workload),
            if epochs.iter().any(|[median, _]| !median.epochs.is_empty()) {
                "; beside 50 % and 99 %: samples, 95 % interval of their mean"
            } else {
                ""
            },
            if apart {
                format!("; below {}: on the ground", time(y.low))
            } else {
                String::new()
            }
        ),
        y,
        references: objectives(timed.objectives, workload)
            .zip(timed.objectives)
            .map(|(line, objective)| Reference {
                at: nines(&objective.percentile),
                ..line
            })
            .collect(),
        weight: 1.0,
    };
    let panel = panels(
        canvas,
        room,
        &x,
        &format!(
            "Percentile of {} (each step right: a tenth as many)",
            terms::samples(workload)
        ),
        vec![plan],
    )?
    .remove(0);
    if known().next().is_none() {
        return panel.say(canvas, "No data: nothing was measured");
    }
    for (place, (_, nines)) in epoch_metrics.iter().enumerate() {
        let of_targets: Vec<&[Point]> = epochs
            .iter()
            .map(|each| each[place].epochs.as_slice())
            .collect();
        panel.tell_epochs(canvas, *nines, &of_targets);
    }
    let curves: Vec<Vec<Vec<Point>>> = distributions
        .iter()
        .map(|distribution| distribution.as_ref().map_or_else(Vec::new, traced))
        .collect();
    panel.tell(canvas, Shape::Curve, &curves);
    for (index, (spread, look)) in epochs.iter().zip(looks).enumerate() {
        let shift = shift(index, epochs.len());
        for ((_, nines), spread) in epoch_metrics.iter().zip(spread.iter()) {
            whisker(canvas, &panel, *nines, shift, spread, *look)?;
        }
    }
    for (index, (curve, look)) in curves.iter().zip(looks).enumerate() {
        if let ([believed, beyond], Some(distribution)) = (curve.as_slice(), &distributions[index])
        {
            lines(canvas, &panel, believed, beyond, *look)?;
            let marked = marked_nines(&panel.x, index, distributions.len());
            markers(canvas, &panel, distribution, *look, &marked)?;
        }
    }
    names(canvas, &panel, timed, looks, &curves)
}

/// The name of each target where its curve is believed no further, if few share the room.
fn names<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    timed: &Timed<'_>,
    looks: &[Look],
    curves: &[Vec<Vec<Point>>],
) -> Result<(), Refusal> {
    /// More of them would hide the curves.
    const NAMES_MAX: usize = 6;
    const ABOVE: f64 = 15.0;
    const BESIDE: f64 = 8.0;
    if curves.len() > NAMES_MAX {
        return Ok(());
    }
    let face = Type::new(12.0, BLACK).bold().anchored(HPos::Right);
    let targets = timed.targets.iter().zip(looks).zip(curves);
    let mut ends: Vec<(f64, f64, &str, Look)> = targets
        .filter_map(|(((name, _), look), curve)| {
            let &(nines, value_ns) = curve.first()?.last()?;
            let (x, y) = panel.point(nines, value_ns);
            Some((x - BESIDE, y - ABOVE, *name, *look))
        })
        .collect();
    ends.sort_by(|one, other| other.1.total_cmp(&one.1));
    let mut free = f64::INFINITY;
    for (right, top, name, look) in ends {
        free = top.min(free - ABOVE).max(panel.area.top + BESIDE);
        canvas.text(name, (right, free), face)?;
        canvas.marker((right - width_of(name, face) - BESIDE, free), look)?;
    }
    Ok(())
}

/// Which share took how long, in bins whose width grows with time.
pub(super) fn histogram<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    workload: WorkloadKind,
    looks: &[Look],
    distributions: &[Option<Distribution>],
) -> Result<(), Refusal> {
    let (low, high) = range(distributions.iter().flatten());
    let x = Axis::log_times(low, high, 8);
    let edges = edges(x.low, x.high);
    let shares: Vec<Option<Vec<f64>>> = distributions
        .iter()
        .map(|distribution| {
            distribution
                .as_ref()
                .map(|distribution| distribution.shares(&edges))
        })
        .collect();
    let highest = shares
        .iter()
        .flatten()
        .flatten()
        .copied()
        .fold(0.0, f64::max);
    let plan = PanelPlan {
        caption: format!("Share of {} in each bin", terms::samples(workload)),
        note: format!(
            "{} bins of equal width on the scale below; shares of each target's own {}",
            edges.len() - 1,
            terms::samples(workload)
        ),
        y: Axis::from_zero(highest, Unit::Percent, 5),
        references: Vec::new(),
        weight: 1.0,
    };
    let title = format!("{}, {}", capitalised(terms::time(workload)), x.scale_name());
    let panel = panels(canvas, room, &x, &title, vec![plan])?.remove(0);
    let present = shares.iter().flatten().count();
    if present == 0 {
        return panel.say(canvas, "No data: nothing was measured");
    }
    let outlines: Vec<Vec<Vec<Point>>> = shares
        .iter()
        .map(|shares| {
            shares
                .iter()
                .map(|shares| outline(&edges, shares))
                .collect()
        })
        .collect();
    panel.tell(canvas, Shape::Outline, &outlines);
    panel.tell_edges(canvas, &edges);
    for (index, (shares, look)) in shares.iter().zip(looks).enumerate() {
        let (Some(shares), [outline]) = (shares, outlines[index].as_slice()) else {
            continue;
        };
        let outline = outline
            .iter()
            .map(|&(time, share)| panel.point(time, share));
        let outline: Vec<Point> = outline.collect();
        // More than three filled shapes on top of one another turn to mud.
        if present <= 3 {
            canvas.fill(&outline, look.colour, 0.12)?;
        }
        canvas.line(&outline, Stroke::of(*look))?;
        for bin in marked_bins(shares, index) {
            canvas.marker(
                panel.point((edges[bin] * edges[bin + 1]).sqrt(), shares[bin]),
                *look,
            )?;
        }
    }
    Ok(())
}

/// The objectives as lines to hold the data against.
pub(super) fn objectives(
    objectives: &[ObjectiveRecord],
    workload: WorkloadKind,
) -> impl Iterator<Item = Reference> {
    let reference = move |objective: &ObjectiveRecord| Reference {
        value: objective.at_most_ns as f64,
        meaning: objective_words(objective, workload),
        at: None,
    };
    objectives.iter().map(reference)
}

/// Where a percentile stands on the axis of percentiles; none of one that has no name of ours.
fn nines(name: &str) -> Option<f64> {
    let percentile = PERCENTILES.iter().find(|known| known.name == name)?;
    Some(-(1.0 - percentile.per_10_000 as f64 / 10_000.0).log10())
}

/// Where p99 stands on the axis of percentiles.
const TAIL_NINES: f64 = 2.0;
/// So many targets, or fewer, each have room of their own.
const ROOMY: usize = 4;
/// Tails are apart where the longest is more than this many times the shortest: on a linear axis the fast targets would
/// share a tenth of the height.
const APART: f64 = 4.0;

/// Whether these tails, one a target, are so many and so far apart that a linear axis would press the fast ones together.
fn tails_apart(tails_ns: &[f64]) -> bool {
    let shortest = tails_ns.iter().copied().fold(f64::INFINITY, f64::min);
    let longest = tails_ns.iter().copied().fold(0.0, f64::max);
    tails_ns.len() > ROOMY && longest > APART * shortest
}

/// The metrics of the time itself that every epoch keeps, and where their percentile stands on the axis (as log10 1/(1−q)).
pub(super) fn epoch_metrics(workload: WorkloadKind) -> [(Metric, f64); 2] {
    let [p50, p99, ..] = Metric::of_workload(workload) else {
        unreachable!("a time has its median and its 99th percentile");
    };
    [(*p50, LOG10_2), (*p99, TAIL_NINES)]
}

/// How far the epochs of one target lie apart in one metric.
#[derive(Default)]
pub(super) struct Spread {
    /// When each epoch was, by its middle, and what it measured.
    epochs: Vec<Point>,
    /// The 95 % interval of their mean, over blocks; none where these are too few.
    interval: Option<(f64, f64)>,
}

/// When each epoch of a target was, by its middle, and what it measured of a metric.
pub(super) fn sample_points(target: &TargetRecord, metric: Metric) -> Vec<Point> {
    let known = target.epochs.iter().filter_map(|epoch| {
        let value = *epoch.metrics.get(metric.name())?;
        Some((epoch.started_s + epoch.duration_s / 2.0, value))
    });
    known.filter(|(_, value)| value.is_finite()).collect()
}

fn spread(target: &TargetRecord, metric: Metric, seed: u64) -> Spread {
    Spread {
        epochs: sample_points(target, metric),
        interval: level(target, metric, seed).and_then(|level| level.interval),
    }
}

/// The smallest and the largest time of all; some range or other where there is none.
fn range<'a>(distributions: impl Iterator<Item = &'a Distribution>) -> (f64, f64) {
    distributions
        .map(|distribution| (distribution.min_ns(), distribution.max_ns()))
        .reduce(|(low, high), (min, max)| (low.min(min), high.max(max)))
        .unwrap_or((1e6, 1e7))
}

/// The axis of the data, stretched to show objectives that are not too far away.
fn with_objectives(objectives: &[ObjectiveRecord], low: f64, high: f64, log: bool) -> Axis {
    const TICKS: u32 = 6;
    let stretch = if log {
        STRETCH_MAX * STRETCH_MAX
    } else {
        STRETCH_MAX
    };
    let bounds = objectives
        .iter()
        .map(|objective| objective.at_most_ns as f64);
    let high = bounds
        .filter(|&bound| bound <= high * stretch)
        .fold(high, f64::max);
    if log {
        Axis::log_times(low, high, TICKS)
    } else {
        Axis::from_zero(high, Unit::Time, TICKS)
    }
}

/// A distribution's curve: as far as ten samples lie beyond it, and from there on.
fn traced(distribution: &Distribution) -> Vec<Vec<Point>> {
    let end = distribution.end_nines();
    let (mut believed, mut beyond): (Vec<Point>, Vec<Point>) = (Vec::new(), Vec::new());
    for index in 0..=CURVE_POINTS {
        let nines = end * f64::from(index) / f64::from(CURVE_POINTS);
        let (value_ns, enough) = distribution.at_nines(nines);
        let curve = if enough { &mut believed } else { &mut beyond };
        push_corner(curve, (nines, value_ns));
    }
    if let Some(&last) = believed.last() {
        beyond.insert(0, last);
    }
    vec![believed, beyond]
}

fn lines<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    believed: &[Point],
    beyond: &[Point],
    look: Look,
) -> Result<(), Refusal> {
    let places = |curve: &[Point]| -> Vec<Point> {
        let place = |&(nines, value_ns): &Point| panel.point(nines, value_ns);
        curve.iter().map(place).collect()
    };
    let dotted = Stroke {
        width: 1.25,
        dash: Dash::Dotted,
        ..Stroke::of(look)
    };
    canvas.line(&places(beyond), dotted)?;
    canvas.line(&places(believed), Stroke::of(look))
}

fn markers<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    distribution: &Distribution,
    look: Look,
    marked_nines: &[f64],
) -> Result<(), Refusal> {
    for &nines in marked_nines {
        let (value_ns, enough) = distribution.at_nines(nines);
        if enough {
            canvas.marker(panel.point(nines, value_ns), look)?;
        }
    }
    Ok(())
}

/// Where a target's markers stand: at the percentiles that the axis names, or, of many targets, beside one another between
/// them, so that where curves coincide no marker hides another.
fn marked_nines(x: &Axis, target: usize, of: usize) -> Vec<f64> {
    if of <= ROOMY {
        let named = x.ticks.iter().map(|tick| tick.value);
        return named.filter(|&nines| nines > 0.0).collect();
    }
    let own = (target as f64 + 0.5) / of as f64;
    // As many nines as the axis can have. What is faster than the median shares the left edge, and perhaps the ground.
    (0..=20_u8)
        .map(|decade| f64::from(decade) + own)
        .filter(|nines| (LOG10_2..x.high).contains(nines))
        .collect()
}

/// Adds a point to a curve, and drops the one before it where it lies on the straight line between its neighbours.
fn push_corner(points: &mut Vec<Point>, point: Point) {
    if let [.., (_, before), (_, last)] = points[..]
        && (before - last).abs() < 1e-9
        && (last - point.1).abs() < 1e-9
    {
        points.pop();
    }
    points.push(point);
}

/// The epochs of one target at one percentile: a dot each, a line from the smallest to the largest, and a bar over the interval
/// of their mean.
fn whisker<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    nines: f64,
    shift: f64,
    spread: &Spread,
    look: Look,
) -> Result<(), Refusal> {
    if nines > panel.x.high || spread.epochs.is_empty() {
        return Ok(());
    }
    let x = panel.at_x(nines) + shift;
    let (low, high) = spread.epochs.iter().fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(low, high), &(_, value)| (low.min(value), high.max(value)),
    );
    let stroke = Stroke {
        opacity: 0.5,
        ..Stroke::thin(look.colour)
    };
    canvas.line(&[(x, panel.at_y(low)), (x, panel.at_y(high))], stroke)?;
    for &(_, value) in &spread.epochs {
        canvas.dot((x, panel.at_y(value)), 2.25, look.colour, 0.35)?;
    }
    let Some((low, high)) = spread.interval else {
        return Ok(());
    };
    let bar = Stroke {
        width: 2.5,
        ..Stroke::thin(look.colour)
    };
    let (bottom, top) = (panel.at_y(low), panel.at_y(high));
    canvas.line(&[(x, bottom), (x, top)], bar)?;
    for y in [bottom, top] {
        canvas.line(&[(x - 2.5, y), (x + 2.5, y)], Stroke::thin(look.colour))?;
    }
    Ok(())
}

/// How far beside its percentile a target's epochs stand, in nominal pixels, so that targets don't hide each other.
fn shift(index: usize, of: usize) -> f64 {
    const APART: f64 = 7.0;
    const WIDTH_MAX: f64 = 44.0;
    let apart = if of > 1 {
        APART.min(WIDTH_MAX / (of - 1) as f64)
    } else {
        0.0
    };
    // Always beside the curve's own marker, never under it.
    12.0 + index as f64 * apart
}

/// Edges of bins with one ratio, from just below `low` to `high`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number of bins lies between 1 and BINS"
)]
fn edges(low: f64, high: f64) -> Vec<f64> {
    let span = (high / low).ln();
    let bins = (span / BIN_RATIO_MIN.ln()).floor().clamp(1.0, BINS) as u32;
    let ratio = (span / f64::from(bins)).exp();
    // The first edge lies a hair below the lowest value: a bin does not contain its own lower edge.
    std::iter::once(low * 0.999)
        .chain(
            (1..=bins).map(|bin| {
                low * ratio.powi(i32::try_from(bin).expect("BINS is small")) * 1.000_001
            }),
        )
        .collect()
}

/// The upper contour of a target's bins, from the ground to the ground.
fn outline(edges: &[f64], shares: &[f64]) -> Vec<Point> {
    let first = shares.iter().position(|&share| share > 0.0).unwrap_or(0);
    let last = shares.iter().rposition(|&share| share > 0.0).unwrap_or(0);
    let mut outline = vec![(edges[first], 0.0)];
    for bin in first..=last {
        outline.push((edges[bin], shares[bin]));
        outline.push((edges[bin + 1], shares[bin]));
    }
    outline.push((edges[last + 1], 0.0));
    outline
}

/// The bins that carry a target's marker: its fullest, and among those of some height every sixth, staggered by target.
fn marked_bins(shares: &[f64], target: usize) -> Vec<usize> {
    const EVERY: usize = 6;
    const HEIGHT_MIN: f64 = 0.02;
    let (fullest, highest) = shares
        .iter()
        .copied()
        .enumerate()
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .unwrap_or((0, 0.0));
    let tall = |bin: usize| shares[bin] > highest * HEIGHT_MIN;
    (0..shares.len())
        .filter(|&bin| bin == fullest || (tall(bin) && bin % EVERY == target % EVERY))
        .collect()
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "ends of axes are exact, or wrong")]
mod tests {
    use super::*;

    #[test]
    fn an_objective_stretches_the_axis_only_so_far() {
        let objective = |ms: u64| {
            [ObjectiveRecord {
                percentile: "p99".to_owned(),
                at_most_ns: ms * 1_000_000,
            }]
        };
        let high =
            |objectives: &[ObjectiveRecord], log| with_objectives(objectives, 1e3, 10e6, log).high;
        assert_eq!(high(&objective(25), false), 25e6);
        assert_eq!(high(&objective(31), false), 10e6);
        assert_eq!(high(&[], false), 10e6);
        assert_eq!(high(&objective(90), true), 100e6);
        assert_eq!(high(&objective(91), true), 10e6);
    }

    #[test]
    fn markers_of_many_targets_stand_beside_one_another() {
        let x = Axis::percentiles(2.5);
        let named = marked_nines(&x, 3, ROOMY);
        assert_eq!(named, [LOG10_2, 1.0, 2.0]);
        let of_five: Vec<Vec<f64>> = (0..5).map(|target| marked_nines(&x, target, 5)).collect();
        assert_eq!(of_five[0], [1.1, 2.1]);
        assert_eq!(of_five[4], [0.9, 1.9]);
    }

    #[test]
    fn tails_are_apart_only_among_many_targets_and_beyond_the_limit() {
        for (tails_ns, apart) in [
            (&[1e6, 1e6, 1e6, 1e6, 4e6][..], false),
            (&[1e6, 1e6, 1e6, 1e6, 4.1e6], true),
            (&[4.1e6, 1e6, 1e6, 1e6], false),
            (&[], false),
        ] {
            assert_eq!(tails_apart(tails_ns), apart, "{tails_ns:?}");
        }
    }

    #[test]
    fn bins_cover_the_range_and_are_never_finer_than_the_recording() {
        for (low, high, bins) in [(1.0, 3.6e12, 72), (5e6, 5.2e6, 7), (5e6, 5e6 * 1.001, 1)] {
            let edges = edges(low, high);
            assert_eq!(edges.len() - 1, bins);
            assert!(edges[0] < low && edges[bins] >= high);
            assert!(edges.is_sorted());
        }
    }

    #[test]
    fn a_level_stretch_of_a_curve_keeps_its_ends_only() {
        let mut points = Vec::new();
        for point in [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 2.0), (4.0, 2.0)] {
            push_corner(&mut points, point);
        }
        assert_eq!(points, [(0.0, 1.0), (2.0, 1.0), (3.0, 2.0), (4.0, 2.0)]);
    }
}
