//! What every chart has around its data: title, load and machine, warnings, legend, and panels with axes.
//!
//! It knows where things stand; it must never know which figures are drawn.

use crate::words::warnings;
use model::record::run::{Completion, RunRecord};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Refusal, Stroke, Type, WIDTH, fitted, width_of};
use super::plot::{PlotPanel, Rows, Shape, Upright};
use super::plot::{Point, Reference};
use crate::look::{AXIS, GRID, PAPER, QUIET};
use crate::look::{BLACK, Dash, Look, VERMILLION};
use crate::words::figures::{per_s, plural, seconds};
use crate::words::sentences;

const MARGIN: f64 = 20.0;
/// Ink of what is said beside the data.
const LEGEND_ROW: f64 = 18.0;
/// Up to this many targets have a row each; more share two columns.
const ONE_COLUMN_MAX: usize = 3;
/// More entries than this would leave no room for the data.
const LEGEND_MAX: usize = 16;
/// The line of a value that is no measurement.
const REFERENCE: Stroke = Stroke {
    colour: BLACK,
    opacity: 1.0,
    width: 1.25,
    dash: Dash::Dotted,
};
const LABEL_SIZE: f64 = 12.0;
pub(super) const CAPTION_HEIGHT: f64 = 22.0;
const TICK_LABEL_HEIGHT: f64 = 20.0;
const X_TITLE_HEIGHT: f64 = 18.0;
/// What a panel takes beside its area: the caption above, the ticks' labels below.
pub(super) const PANEL_EDGES: f64 = CAPTION_HEIGHT + TICK_LABEL_HEIGHT;
/// What a chart takes at most beside its panels: title, circumstances and a warning, the axis's title, a full legend.
pub(super) const SURROUNDINGS: f64 =
    78.0 + X_TITLE_HEIGHT + LEGEND_ROW * (LEGEND_MAX / 2) as f64 + 16.0;

/// A rectangle in nominal pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// A target in the legend.
pub(super) struct Entry {
    pub(super) look: Look,
    pub(super) name: String,
    /// The figures that go with this chart; none where there is no data.
    pub(super) figures: Option<Figures>,
    /// Runtime, version, loop and workers.
    pub(super) manifest: String,
}

/// A target's figures for a chart, in words.
pub(super) struct Figures {
    pub(super) full: String,
    /// The one that matters most, for where there is less room.
    pub(super) brief: String,
}

/// What stands above the data.
pub(super) struct Heading {
    pub(super) title: String,
    /// Load, time and machine.
    pub(super) circumstances: String,
    /// Why the figures should not be believed as they stand.
    pub(super) warning: Option<String>,
}

/// Draws title, subtitle, warnings and legend, and returns the room that is left for panels.
pub(super) fn frame<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    heading: &Heading,
    entries: &[Entry],
) -> Result<Area, Refusal> {
    canvas.rectangle((0.0, 0.0), (WIDTH, canvas.height()), PAPER, 1.0)?;
    let room = WIDTH - 2.0 * MARGIN;
    let face = Type::new(19.0, BLACK).bold();
    canvas.text(&fitted(&heading.title, face, room), (MARGIN, 24.0), face)?;
    let under = Type::new(LABEL_SIZE, QUIET);
    canvas.text(
        &fitted(&heading.circumstances, under, room),
        (MARGIN, 46.0),
        under,
    )?;
    let mut top = 60.0;
    if let Some(warning) = &heading.warning {
        let face = Type::new(LABEL_SIZE, VERMILLION).bold();
        canvas.text(&fitted(warning, face, room), (MARGIN, 64.0), face)?;
        top += 18.0;
    }
    let bottom = legend(canvas, entries)?;
    Ok(Area {
        left: MARGIN,
        top,
        right: WIDTH - MARGIN,
        bottom,
    })
}

/// Load, time and machine in a line: what a chart that was cut out of its report still has to say.
pub(super) fn circumstances(record: &RunRecord) -> String {
    let mut parts = Vec::new();
    if let Some(target) = record.targets.first() {
        let load = &target.report.load;
        let pace = match load.rate_per_s {
            Some(rate) => format!("open loop, {} {}", per_s(rate), load.arrival),
            None => "closed loop".to_owned(),
        };
        let connections = sentences::connections(load);
        parts.push(format!(
            "{pace}, {connections}, {} measured",
            seconds(load.duration_s)
        ));
    }
    // RFC 3339: the date, and the time to the minute.
    let minute: String = record
        .started_at
        .chars()
        .take("2026-01-01T00:00".len())
        .collect();
    parts.push(minute.replace('T', " "));
    let cores = plural(u64::from(record.environment.cores), "core", "cores");
    parts.push(format!("{}, {cores}", record.environment.processor()));
    parts.join(" · ")
}

/// Why the figures should not be believed as they stand, or not to their end.
pub(super) fn warning(record: &RunRecord) -> Option<String> {
    let mut warnings = Vec::new();
    let voids = |validity: &model::record::warning::Validity| {
        validity
            .warnings
            .iter()
            .find(|warning| warning.voids)
            .map_or_else(
                || "see the report".to_owned(),
                |warning| warnings::one(warning).sentence(),
            )
    };
    if !record.validity.is_valid() {
        warnings.push(format!("Invalid: {}", voids(&record.validity)));
    }
    for target in record
        .targets
        .iter()
        .filter(|target| !target.report.validity.is_valid())
    {
        warnings.push(format!(
            "Invalid for {}: {}",
            target.name,
            voids(&target.report.validity)
        ));
    }
    match record.completion {
        Completion::Complete => {}
        Completion::Interrupted => warnings.push("Partial: the run was interrupted".to_owned()),
        Completion::TargetFailed => {
            let failed: Vec<&str> = record
                .targets
                .iter()
                .filter(|target| target.failure.is_some())
                .map(|target| target.name.as_str())
                .collect();
            warnings.push(format!(
                "Partial: {} failed",
                if failed.is_empty() {
                    "a target".to_owned()
                } else {
                    failed.join(", ")
                }
            ));
        }
    }
    (!warnings.is_empty()).then(|| warnings.join(" · "))
}

/// Draws the legend at the foot and returns the height at which it begins.
fn legend<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    entries: &[Entry],
) -> Result<f64, Refusal> {
    let hidden = if entries.len() > LEGEND_MAX {
        entries.len() - (LEGEND_MAX - 1)
    } else {
        0
    };
    let shown = &entries[..entries.len() - hidden];
    let cells = shown.len() + usize::from(hidden > 0);
    let columns = if cells > ONE_COLUMN_MAX { 2 } else { 1 };
    let rows = cells.div_ceil(columns);
    let top = canvas.height() - 10.0 - rows as f64 * LEGEND_ROW;
    let column_width = (WIDTH - 2.0 * MARGIN) / columns as f64;
    let cell = |index: usize| -> Point {
        let (column, row) = (index / rows, index % rows);
        (
            MARGIN + column as f64 * column_width,
            top + (row as f64 + 0.5) * LEGEND_ROW,
        )
    };
    for (index, entry) in shown.iter().enumerate() {
        legend_entry(canvas, entry, cell(index), column_width - 12.0, columns > 1)?;
    }
    if hidden > 0 {
        let (x, y) = cell(shown.len());
        canvas.text(
            &format!("and {hidden} more: see the report's table"),
            (x + 44.0, y),
            Type::new(LABEL_SIZE, QUIET),
        )?;
    }
    Ok(top - 6.0)
}

fn legend_entry<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    entry: &Entry,
    (x, y): Point,
    room: f64,
    brief: bool,
) -> Result<(), Refusal> {
    const SAMPLE: f64 = 36.0;
    const GAP: f64 = 8.0;
    canvas.line(&[(x, y), (x + SAMPLE, y)], Stroke::of(entry.look))?;
    canvas.marker((x + SAMPLE / 2.0, y), entry.look)?;
    let name_face = Type::new(LABEL_SIZE, BLACK).bold();
    let name_x = x + SAMPLE + GAP;
    let name = fitted(&entry.name, name_face, (room - SAMPLE - GAP) * 0.6);
    canvas.text(&name, (name_x, y), name_face)?;
    let detail_face = Type::new(LABEL_SIZE - 1.0, QUIET);
    let detail_x = name_x + width_of(&name, name_face) + GAP;
    let room = x + room - detail_x;
    let detail = |figures: &str| format!("{figures} · {}", entry.manifest);
    let detail = match &entry.figures {
        Some(figures) if brief => detail(&figures.brief),
        Some(figures) => detail(&figures.full),
        None => detail("no data"),
    };
    canvas.text(
        &fitted(&detail, detail_face, room),
        (detail_x, y),
        detail_face,
    )
}

/// A panel: axes, and the room between them.
pub(super) struct Panel {
    /// Its place in the canvas's plot.
    index: usize,
    pub(super) area: Area,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

/// What a panel is made of.
pub(super) struct PanelPlan {
    /// What its values are, standing above its upper left corner.
    pub(super) caption: String,
    /// What else there is to know of them, beside the caption.
    pub(super) note: String,
    pub(super) y: Axis,
    /// Drawn where the axis reaches, named in any case.
    pub(super) references: Vec<Reference>,
    /// Its share of the height.
    pub(super) weight: f64,
}

/// How far a reference that is about one place reaches to both sides of it, in nominal pixels.
const AROUND: f64 = 48.0;

/// Draws panels one under the other over one horizontal axis, whose title stands under the last.
pub(super) fn panels<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    x: &Axis,
    x_title: &str,
    plans: Vec<PanelPlan>,
) -> Result<Vec<Panel>, Refusal> {
    let label = Type::new(LABEL_SIZE, QUIET);
    let labels = plans
        .iter()
        .flat_map(|plan| &plan.y.ticks)
        .map(|tick| width_of(&tick.label, label));
    let left = room.left + labels.fold(0.0, f64::max) + 8.0;
    // Room for half of the last tick's label.
    let right = room.right - 16.0;
    let title_y = room.bottom - X_TITLE_HEIGHT / 2.0;
    canvas.text(x_title, (left, title_y), label)?;
    references_key(
        canvas,
        &plans,
        (left + width_of(x_title, label) + 24.0, title_y),
        room.right,
    )?;
    let weights: f64 = plans.iter().map(|plan| plan.weight).sum();
    let height = room.bottom - X_TITLE_HEIGHT - room.top;
    let mut top = room.top;
    let mut panels = Vec::new();
    for plan in plans {
        let bottom = top + height * plan.weight / weights;
        let area = Area {
            left,
            right,
            top: top + CAPTION_HEIGHT,
            bottom: bottom - TICK_LABEL_HEIGHT,
        };
        let reported = PlotPanel::new(
            &plan.caption,
            &plan.note,
            (x, x_title),
            &plan.y,
            &plan.references,
        );
        let panel = Panel {
            index: canvas.plot.begin(reported),
            area,
            x: x.clone(),
            y: plan.y,
        };
        let references = plan.references;
        let (bold, middle) = (
            Type::new(LABEL_SIZE, BLACK).bold(),
            top + CAPTION_HEIGHT / 2.0 - 2.0,
        );
        canvas.text(&plan.caption, (room.left, middle), bold)?;
        let after = room.left + width_of(&plan.caption, bold) + 8.0;
        let note = fitted(&plan.note, label, room.right - after);
        canvas.text(&note, (after, middle), label)?;
        panel.grid(canvas)?;
        for reference in references
            .iter()
            .filter(|reference| reference.value <= panel.y.high)
        {
            let y = panel.at_y(reference.value);
            let (from, to) = reference.at.map_or((left, right), |at| {
                let x = panel.at_x(at);
                ((x - AROUND).max(left), (x + AROUND).min(right))
            });
            canvas.line(&[(from, y), (to, y)], REFERENCE)?;
        }
        panels.push(panel);
        top = bottom;
    }
    Ok(panels)
}

/// Says what the dotted lines mean, at the right of the axis's title.
fn references_key<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    plans: &[PanelPlan],
    (left, y): Point,
    right: f64,
) -> Result<(), Refusal> {
    const SAMPLE: f64 = 24.0;
    let mut meanings: Vec<String> = Vec::new();
    for plan in plans {
        for reference in &plan.references {
            let above = if reference.value > plan.y.high {
                " (above this chart)"
            } else {
                ""
            };
            meanings.push(format!("{}{above}", reference.meaning));
        }
    }
    if meanings.is_empty() {
        return Ok(());
    }
    let face = Type::new(LABEL_SIZE, BLACK);
    let text = fitted(&meanings.join(", "), face, right - left - SAMPLE - 6.0);
    let x = right - width_of(&text, face);
    canvas.line(&[(x - SAMPLE - 6.0, y), (x - 6.0, y)], REFERENCE)?;
    canvas.text(&text, (x, y), face)
}

impl Panel {
    /// Says as data what is drawn on it: for each target its lines.
    pub(super) fn tell<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        shape: Shape,
        targets: &[Vec<Vec<Point>>],
    ) {
        canvas.plot.tell(self.index, shape, targets);
    }

    /// Says as data what else stands on it: for each target what was measured one by one, and its upright.
    pub(super) fn tell_around<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        dots: Vec<Vec<Point>>,
        uprights: Vec<Upright>,
    ) {
        canvas.plot.tell_dots(self.index, dots);
        canvas.plot.tell_uprights(self.index, uprights);
    }

    /// Says as data what rows it has.
    pub(super) fn tell_rows<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        shape: Shape,
        rows: &Rows<'_>,
    ) {
        canvas.plot.tell_rows(self.index, shape, rows);
    }

    /// Says where the bins of an outline begin and end.
    pub(super) fn tell_edges<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, edges: &[f64]) {
        canvas.plot.tell_edges(self.index, edges);
    }

    /// Says where the epochs lie: at a place on its axis, for each target, when and how high.
    pub(super) fn tell_epochs<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        at: f64,
        targets: &[&[Point]],
    ) {
        canvas.plot.tell_epochs(self.index, at, targets);
    }

    /// Where a pair of values lies.
    pub(super) fn point(&self, x: f64, y: f64) -> Point {
        (self.at_x(x), self.at_y(y))
    }

    pub(super) fn at_x(&self, x: f64) -> f64 {
        self.area.left + self.x.place(x) * (self.area.right - self.area.left)
    }

    pub(super) fn at_y(&self, y: f64) -> f64 {
        self.area.bottom - self.y.place(y) * (self.area.bottom - self.area.top)
    }

    /// A sentence in the middle, where there is nothing to draw.
    pub(super) fn say<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        text: &str,
    ) -> Result<(), Refusal> {
        let middle = (
            f64::midpoint(self.area.left, self.area.right),
            f64::midpoint(self.area.top, self.area.bottom),
        );
        canvas.text(text, middle, Type::new(14.0, QUIET).anchored(HPos::Center))
    }

    fn grid<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), Refusal> {
        let Area {
            left,
            top,
            right,
            bottom,
        } = self.area;
        let label = Type::new(LABEL_SIZE, QUIET);
        let mut free_below = f64::INFINITY;
        for tick in &self.y.ticks {
            let y = self.at_y(tick.value);
            canvas.line(&[(left, y), (right, y)], Stroke::thin(GRID))?;
            // A label that would touch the one below it is left out; its line stays.
            if y + LABEL_SIZE / 2.0 <= free_below {
                canvas.text(&tick.label, (left - 6.0, y), label.anchored(HPos::Right))?;
                free_below = y - LABEL_SIZE / 2.0;
            }
        }
        let mut free_from = f64::NEG_INFINITY;
        for tick in &self.x.ticks {
            let x = self.at_x(tick.value);
            canvas.line(&[(x, top), (x, bottom)], Stroke::thin(GRID))?;
            let half = width_of(&tick.label, label) / 2.0;
            if x - half >= free_from {
                canvas.text(
                    &tick.label,
                    (x, bottom + TICK_LABEL_HEIGHT / 2.0),
                    label.anchored(HPos::Center),
                )?;
                free_from = x + half + 6.0;
            }
        }
        canvas.line(&[(left, bottom), (right, bottom)], Stroke::thin(AXIS))?;
        canvas.line(&[(left, top), (left, bottom)], Stroke::thin(AXIS))
    }
}
