//! The times of a sweep against the load that was offered, up and down, and every target's knee.

use crate::words::terms;
use crate::words::warnings;
use analysis::sweep::CurvePoint;
use model::record::sweep::knee::{KneeRecord, Known};
use model::record::sweep::pass::Pass;
use model::record::sweep::step::{StepEpoch, StepRecord};
use model::record::sweep::whole::{SweepRecord, TargetResult};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Unit};
use super::canvas::{Canvas, Refusal, Stroke, Type, fitted};
use super::frame::{Entry, Figures, Heading, Panel, PanelPlan, frame, panels};
use super::picture::{ChartError, document, picture, refused};
use super::plot::Point;
use super::plot::Reference;
use super::plot::{Plot, Shape, Upright};
use crate::look::{Dash, Look, looks};
use crate::words::figures::{per_s, percentile, time};
use crate::words::sweep::{circumstances, knee_figures, question, verdicts};

/// What its files are called, and what errors call it.
pub const FILE_STEM: &str = "latency-by-load";

/// The room between the names of two knees, one under the other.
const LINE: f64 = 16.0;

/// How to read it.
pub(crate) const HOW_TO_READ: &str = "Lower is better, and further to the right more is sustained. Solid lines are the way up, dotted ones the \
    way down, through the medians of what was measured at each rate; pale dots are the single samples. The upright line of a target stands at \
    its knee, the highest rate within the SLO, and the band around it is the interval of that.";

/// Draws a sweep as SVG.
pub fn svg(record: &SweepRecord) -> Result<String, ChartError> {
    svg_and_plot(record).map(|(svg, _)| svg)
}

/// The same, with what it shows as data.
pub(crate) fn svg_and_plot(record: &SweepRecord) -> Result<(String, Plot), ChartError> {
    let mut plot = Plot::default();
    let description = format!("{} {HOW_TO_READ}", alt(record));
    let svg = document(FILE_STEM, &question(record), &description, |backend| {
        plot = draw(backend, record)?;
        Ok(())
    })?;
    Ok((svg, plot))
}

/// Draws a sweep as PNG.
pub fn png(record: &SweepRecord) -> Result<Vec<u8>, ChartError> {
    picture(FILE_STEM, |backend| draw(backend, record).map(|_| ()))
}

/// The chart in words, for readers who can't see it.
pub fn alt(record: &SweepRecord) -> String {
    format!("{}. {}", question(record), verdicts(record).join(" "))
}

fn draw<B: DrawingBackend>(backend: &mut B, record: &SweepRecord) -> Result<Plot, ChartError> {
    let mut canvas = Canvas::new(backend);
    draw_on(&mut canvas, record).map_err(|refusal| refused(FILE_STEM, &refusal))?;
    Ok(canvas.plot)
}

fn draw_on<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    record: &SweepRecord,
) -> Result<(), Refusal> {
    let names: Vec<&str> = record
        .results
        .iter()
        .map(|result| result.target.as_str())
        .collect();
    // A line's dash says which way the load changed.
    let looks: Vec<Look> = looks(&names).into_iter().map(Look::solid).collect();
    let room = frame(canvas, &heading(record), &entries(record, &looks))?;
    let (median, tail) = ("p50", record.tail());
    let rates = extent(record.steps.iter().map(|step| step.rate_per_s));
    let Some((lowest, highest)) = rates else {
        let x = Axis::from_zero(1.0, Unit::PerSecond, 4);
        let plan = plan(record, tail, 1.0);
        let panel = panels(canvas, room, &x, "Offered load", vec![plan])?.remove(0);
        return panel.say(canvas, "No data: nothing was measured");
    };
    let x = Axis::log(lowest, highest, Unit::PerSecond, 8);
    let title = format!("Offered load, {}", x.scale_name());
    let plans = vec![plan(record, tail, 2.2), plan(record, median, 1.0)];
    let panels = panels(canvas, room, &x, &title, plans)?;
    for (panel, percentile) in panels.iter().zip([tail, median]) {
        for (result, look) in record.results.iter().zip(&looks) {
            knee(canvas, panel, &result.knee, *look)?;
        }
        let epochs = record.results.iter();
        let epochs: Vec<Vec<Point>> = epochs
            .map(|result| epochs_of(record, result, percentile))
            .collect();
        let ways = record.results.iter();
        let ways: Vec<Vec<Vec<Point>>> = ways
            .map(|result| ways_of(record, result, percentile))
            .collect();
        for ((epochs, ways), look) in epochs.iter().zip(&ways).zip(&looks) {
            for &(rate, ns) in epochs {
                canvas.dot(panel.point(rate, ns), 1.75, look.colour, 0.3)?;
            }
            curves(canvas, panel, ways, *look)?;
        }
        panel.tell(canvas, Shape::Ways, &ways);
        panel.tell_around(canvas, epochs, record.results.iter().map(upright).collect());
    }
    name_knees(canvas, &panels[0], record, &looks)
}

fn heading(record: &SweepRecord) -> Heading {
    let warnings = &record.validity.warnings;
    let voided = warnings.iter().find(|warning| warning.voids);
    let cut = warnings
        .iter()
        .find(|warning| ["interrupted", "time_limit", "partial"].contains(&warning.code()));
    Heading {
        title: question(record),
        circumstances: circumstances(record),
        warning: voided
            .map(|warning| format!("Invalid: {}", warnings::one(warning).sentence()))
            .or_else(|| {
                cut.map(|warning| format!("Partial: {}", warnings::one(warning).sentence()))
            }),
    }
}

fn entries(record: &SweepRecord, looks: &[Look]) -> Vec<Entry> {
    let results = record.results.iter().zip(&record.plan.targets).zip(looks);
    results
        .map(|((result, target), &look)| Entry {
            look,
            name: result.target.clone(),
            figures: knee_figures(result).map(|full| Figures {
                full,
                brief: result.knee.rate_per_s.map(per_s).unwrap_or_default(),
            }),
            manifest: target.manifest.legend(),
        })
        .collect()
}

/// A panel of one percentile, with the bound that the objective puts on it.
fn plan(record: &SweepRecord, name: &str, weight: f64) -> PanelPlan {
    let epochs = record.steps.iter().flat_map(|step| &step.epochs);
    let times = epochs.filter_map(|epoch| named(epoch, name));
    let objectives = record
        .objective
        .iter()
        .flat_map(|objective| &objective.bounds);
    let references: Vec<Reference> = objectives
        .filter(|bound| bound.percentile == name)
        .map(|bound| Reference {
            at: None,
            value: bound.at_most_ns as f64,
            meaning: format!(
                "SLO: {} within {}",
                percentile(name),
                time(bound.at_most_ns as f64)
            ),
        })
        .collect();
    let bounds = references.iter().map(|reference| reference.value);
    let (low, high) = extent(times.chain(bounds)).unwrap_or((1e6, 1e7));
    let y = Axis::log_times(low, high, 4);
    PanelPlan {
        caption: format!("{} {}", percentile(name), terms::time(record.workload())),
        note: format!(
            "{}; solid on the way up, dotted on the way down",
            y.scale_name()
        ),
        y,
        references,
        weight,
    }
}

fn named(epoch: &StepEpoch, name: &str) -> Option<f64> {
    epoch.time_ns.named(name).map(|ns| ns as f64)
}

/// The least and the most of values; none of none.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// A target's epochs one by one.
fn epochs_of(record: &SweepRecord, result: &TargetResult, percentile: &str) -> Vec<Point> {
    let of_step = |step: &StepRecord| {
        let own = step
            .epochs
            .iter()
            .filter(|epoch| epoch.target == result.target);
        let own = own.filter_map(|epoch| Some((step.rate_per_s, named(epoch, percentile)?)));
        own.collect::<Vec<Point>>()
    };
    record.steps.iter().flat_map(of_step).collect()
}

/// A target's way up and its way down.
fn ways_of(record: &SweepRecord, result: &TargetResult, percentile: &str) -> Vec<Vec<Point>> {
    let height = |point: &CurvePoint| match percentile {
        "p50" => point.p50_ns,
        _ => point.tail_ns,
    };
    let way = |pass| {
        let curve = analysis::sweep::curve(record, &result.target, Some(pass)).into_iter();
        let curve = curve.filter_map(|point| Some((point.rate_per_s, height(&point)?)));
        curve.collect()
    };
    [Pass::Up, Pass::Down].map(way).to_vec()
}

/// The way up over the way down.
fn curves<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    ways: &[Vec<Point>],
    look: Look,
) -> Result<(), Refusal> {
    for (way, dash) in ways.iter().zip([Dash::Solid, Dash::Dotted]).rev() {
        let points = way.iter().map(|&(rate, ns)| panel.point(rate, ns));
        let points: Vec<Point> = points.collect();
        canvas.line(&points, Stroke::of(Look { dash, ..look }))?;
        if dash == Dash::Solid {
            for &point in &points {
                canvas.marker(point, look)?;
            }
        }
    }
    Ok(())
}

/// A target's knee, as far as it is known.
fn upright(result: &TargetResult) -> Upright {
    let knee = &result.knee;
    Upright {
        at: knee.rate_per_s.filter(|_| knee.known != Known::Unknown),
        interval: knee.ci_low_per_s.zip(knee.ci_high_per_s),
        label: label(result).unwrap_or_default(),
    }
}

/// What stands beside it.
fn label(result: &TargetResult) -> Option<String> {
    let figures = knee_figures(result)?;
    Some(format!("{} {figures}", result.target))
}

/// A knee and its interval, over the whole height of a panel.
fn knee<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    knee: &KneeRecord,
    look: Look,
) -> Result<(), Refusal> {
    let (top, bottom) = (panel.area.top, panel.area.bottom);
    if let Some((low, high)) = knee.ci_low_per_s.zip(knee.ci_high_per_s) {
        let left = (panel.at_x(low), top);
        // However narrow it is, it is seen.
        let right = (panel.at_x(high).max(left.0 + 1.0), bottom);
        canvas.rectangle(left, right, look.colour, 0.16)?;
    }
    let Some(rate) = knee.rate_per_s.filter(|_| knee.known != Known::Unknown) else {
        return Ok(());
    };
    let x = panel.at_x(rate);
    let dashed = Stroke {
        dash: Dash::Dashed,
        width: 1.25,
        ..Stroke::thin(look.colour)
    };
    canvas.line(&[(x, top), (x, bottom)], dashed)
}

/// What the knees are, on the side of all of them where there is more room; each target on a line of its own.
fn name_knees<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    record: &SweepRecord,
    looks: &[Look],
) -> Result<(), Refusal> {
    const GAP: f64 = 8.0;
    let knees = record.results.iter().map(|result| &result.knee);
    let places = knees.flat_map(|knee| [knee.ci_low_per_s, knee.rate_per_s, knee.ci_high_per_s]);
    let Some((lowest, highest)) = extent(places.flatten()) else {
        return Ok(());
    };
    let before = panel.at_x(lowest) - panel.area.left;
    let behind = panel.area.right - panel.at_x(highest);
    let (anchor, x) = if before < behind {
        (HPos::Left, panel.at_x(highest) + GAP)
    } else {
        (HPos::Right, panel.at_x(lowest) - GAP)
    };
    let known = record.results.iter().zip(looks);
    let known = known.filter_map(|(result, look)| Some((look, label(result)?)));
    for (index, (look, label)) in known.enumerate() {
        let y = panel.area.top + 10.0 + LINE * index as f64;
        if y < panel.area.bottom {
            let face = Type::new(12.0, look.colour).bold().anchored(anchor);
            let label = fitted(&label, face, before.max(behind) - GAP);
            canvas.text(&label, (x, y), face)?;
        }
    }
    Ok(())
}
