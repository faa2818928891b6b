//! One figure from run to run, its levels, and where they changed.

use analysis::history::trend::{Shift, Trend};
use analysis::history::{Followed, Turn};
use model::record::metric::Metric;
use model::record::verdict::Direction;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Unit};
use super::canvas::{Canvas, Refusal, Stroke, Type, fitted};
use super::frame::{Entry, Figures, Heading, Panel, PanelPlan, frame, panels};
use super::picture::{ChartError, document, picture, refused};
use super::plot::Reference;
use crate::look::QUIET;
use crate::look::{BETTER, Dash, Look, WORSE, looks};
use crate::words::figures::plural;
use crate::words::history::{self, figure, followed, question, sentence};
use crate::words::sentences;

/// What errors call it.
const NAME: &str = "history";

const HOW_TO_READ: &str = "Each dot is a run, oldest on the left. A thick line is the level between two changes. A dashed upright \
    line stands at the first run after a change, the band around it spans the runs with which it may have begun, and the band \
    beside the level after it is the 95 % interval of its size.";

/// Draws a trend as SVG.
pub fn svg(trend: &Trend) -> Result<String, ChartError> {
    let description = format!("{} {HOW_TO_READ}", alt(trend));
    document(NAME, &question(&trend.key), &description, |backend| {
        draw(&mut Canvas::new(backend), trend)
    })
}

/// Draws a trend as PNG.
pub fn png(trend: &Trend) -> Result<Vec<u8>, ChartError> {
    picture(NAME, |backend| draw(&mut Canvas::new(backend), trend))
}

/// The chart in words, for readers who can't see it.
pub fn alt(trend: &Trend) -> String {
    let changes: Vec<String> = trend
        .changes
        .iter()
        .map(|shift| sentence(trend, shift))
        .collect();
    let changes = if changes.is_empty() {
        "No change found.".to_owned()
    } else {
        changes.join(" ")
    };
    format!("{}. {}. {changes}", question(&trend.key), figures(trend))
}

fn figures(trend: &Trend) -> String {
    format!(
        "{}, level now {}, latest {}",
        plural(trend.points.len() as u64, "run", "runs"),
        figure(&trend.key, trend.level()),
        figure(&trend.key, trend.latest().value)
    )
}

fn draw<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, trend: &Trend) -> Result<(), ChartError> {
    draw_on(canvas, trend).map_err(|refusal| refused(NAME, &refusal))
}

fn draw_on<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, trend: &Trend) -> Result<(), Refusal> {
    let name = match &trend.key.what {
        Followed::Ratio { head, .. } => head,
        Followed::Level { target, .. } => target,
    };
    let look = looks(&[name.as_str()])[0];
    let first = &trend.points[0];
    let heading = Heading {
        title: question(&trend.key),
        circumstances: format!(
            "{} · {} to {}",
            trend.key.load,
            day(&first.started_at),
            day(&trend.latest().started_at)
        ),
        warning: None,
    };
    let entry = Entry {
        look,
        name: name.clone(),
        figures: Some(Figures {
            full: figures(trend),
            brief: figure(&trend.key, trend.level()),
        }),
        manifest: followed(&trend.key.what),
    };
    let room = frame(canvas, &heading, &[entry])?;
    let value = Value::of(trend);
    let reference = matches!(trend.key.what, Followed::Ratio { .. }).then(|| Reference {
        at: None,
        value: 0.0,
        meaning: "as the target compared against".to_owned(),
    });
    let plan = PanelPlan {
        caption: sentences::capitalised(history::name(&trend.key)),
        note: followed(&trend.key.what),
        y: value.axis(trend),
        references: reference.into_iter().collect(),
        weight: 1.0,
    };
    let x = Axis::ordinals(trend.points.len(), 12);
    let panel = panels(canvas, room, &x, "Runs, oldest first", vec![plan])?.remove(0);
    for (change, after) in trend.changes.iter().zip(&trend.levels[1..]) {
        let before = after.value / change.ratio;
        let interval = [change.ci_low, change.ci_high].map(|ratio| value.of_level(before * ratio));
        let end = after.from + after.runs;
        bands(canvas, &panel, change, interval, end)?;
    }
    runs(canvas, &panel, trend, value, look)?;
    levels(canvas, &panel, trend, value, look)?;
    for change in &trend.changes {
        label(canvas, &panel, change)?;
    }
    Ok(())
}

/// Where a change may have begun, and how large it may be.
fn bands<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    change: &Shift,
    [low, high]: [f64; 2],
    end: usize,
) -> Result<(), Refusal> {
    let colour = ink(change.turn);
    let (from, to) = change.between;
    let left = (panel.at_x(boundary(from)), panel.area.top);
    // One run is as wide as the half before it and the half after it.
    let right = (panel.at_x(boundary(to + 1)), panel.area.bottom);
    canvas.rectangle(left, right, colour, 0.12)?;
    let size = panel.point(boundary(change.at), high);
    canvas.rectangle(size, panel.point(boundary(end), low), colour, 0.18)?;
    let x = panel.at_x(boundary(change.at));
    let dashed = Stroke {
        dash: Dash::Dashed,
        width: 1.25,
        ..Stroke::thin(colour)
    };
    canvas.line(&[(x, panel.area.top), (x, panel.area.bottom)], dashed)
}

fn runs<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    trend: &Trend,
    value: Value,
    look: Look,
) -> Result<(), Refusal> {
    let points = trend.points.iter().zip(1..);
    for (point, number) in points {
        let at = panel.point(f64::from(number), value.of_level(point.value));
        canvas.dot(at, 2.5, look.colour, 0.55)?;
    }
    Ok(())
}

fn levels<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    trend: &Trend,
    value: Value,
    look: Look,
) -> Result<(), Refusal> {
    let thick = Stroke {
        width: 2.5,
        ..Stroke::of(look.solid())
    };
    for level in &trend.levels {
        let ends = [level.from, level.from + level.runs];
        let line = ends.map(|run| panel.point(boundary(run), value.of_level(level.value)));
        canvas.line(&line, thick)?;
        let middle = (f64::midpoint(line[0].0, line[1].0), line[0].1);
        canvas.marker(middle, look)?;
    }
    Ok(())
}

/// Size, interval and run of a change, beside its line, on the side where there is more room.
fn label<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    change: &Shift,
) -> Result<(), Refusal> {
    const GAP: f64 = 6.0;
    let x = panel.at_x(boundary(change.at));
    let middle = f64::midpoint(panel.area.left, panel.area.right);
    let (anchor, x, room) = if x < middle {
        (HPos::Left, x + GAP, panel.area.right - x - GAP)
    } else {
        (HPos::Right, x - GAP, x - GAP - panel.area.left)
    };
    let size = format!(
        "{} ({})",
        sentences::change(change.ratio),
        sentences::interval(change.ci_low, change.ci_high)
    );
    let run = match &change.revision {
        Some(revision) => format!("since {} · {revision}", change.id),
        None => format!("since {}", change.id),
    };
    let bold = Type::new(12.0, ink(change.turn)).bold().anchored(anchor);
    let quiet = Type::new(11.0, QUIET).anchored(anchor);
    for (text, face, y) in [(size, bold, 10.0), (run, quiet, 26.0)] {
        let text = fitted(&text, face, room);
        canvas.text(&text, (x, panel.area.top + y), face)?;
    }
    Ok(())
}

/// The place between a run and the one before it, on an axis that counts runs from 1.
fn boundary(run: usize) -> f64 {
    run as f64 + 0.5
}

fn ink(turn: Turn) -> RGBColor {
    match turn {
        Turn::Better => BETTER,
        Turn::Worse => WORSE,
    }
}

/// The date of an RFC 3339 time.
fn day(started_at: &str) -> String {
    started_at.chars().take("2026-01-01".len()).collect()
}

/// How a trend's values stand on its axis.
#[derive(Debug, Clone, Copy)]
struct Value {
    unit: Unit,
    /// The axis counts from here, and in so much of the trend's unit.
    zero: f64,
    scale: f64,
}

impl Value {
    fn of(trend: &Trend) -> Self {
        if let Followed::Ratio { .. } = trend.key.what {
            return Self {
                unit: Unit::Change,
                zero: 1.0,
                scale: 1.0,
            };
        }
        let metric = trend.key.metric;
        let (unit, scale) = match metric.direction() {
            Direction::Time => (Unit::Time, 1.0),
            Direction::Rate => (Unit::PerSecond, 1.0),
            // Kept in microseconds.
            Direction::Cost if metric == Metric::ServerCpuUsPerRequest => (Unit::Time, 1e3),
            Direction::Cost => (Unit::Mib, 1.0),
        };
        Self {
            unit,
            zero: 0.0,
            scale,
        }
    }

    fn of_level(self, level: f64) -> f64 {
        (level - self.zero) * self.scale
    }

    /// An axis that holds every run, with room above them for what is said of changes.
    fn axis(self, trend: &Trend) -> Axis {
        let values = trend.points.iter().map(|point| self.of_level(point.value));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let head_room = if trend.changes.is_empty() { 0.0 } else { 0.15 };
        Axis::around(low, high + (high - low) * head_room, self.unit, 6)
    }
}
