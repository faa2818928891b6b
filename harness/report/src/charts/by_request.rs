//! Response times kind by kind: which requests wait, and for how long.

use model::measured::summary::Times;
use model::record::load_report::KindRecord;
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Refusal, Stroke, Type, fitted, width_of};
use super::frame::{Area, Panel, PanelPlan, panels};
use super::plot::{Rows, Shape};
use crate::look::QUIET;
use crate::look::{BLACK, Look};
use crate::words::figures::{percent, plural, time};

/// Rows that have room for a marker each: kinds of request that would need more are left to the report's table.
const ROWS_MAX: usize = 26;
const TEXT_SIZE: f64 = 11.0;
/// Between a row's ink and its figure, in nominal pixels.
const GAP: f64 = 9.0;
/// What stands in the row of a target that answered too few of a kind.
const TOO_FEW: &str = "too few requests for a percentile";

/// Whether the record tells kinds of request apart.
pub(super) fn applies(record: &RunRecord) -> bool {
    let mut targets = record.targets.iter();
    targets.any(|target| !target.report.by_request.is_empty())
}

/// For each kind of request a row for each target: from the median over the 99th to the 99.9th percentile.
pub(super) fn draw<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    record: &RunRecord,
    looks: &[Look],
) -> Result<(), Refusal> {
    let known: Vec<(&str, &[KindRecord], Look)> = record
        .targets
        .iter()
        .zip(looks)
        .map(|(target, &look)| {
            let kinds = target.report.by_request.as_slice();
            (target.name.as_str(), kinds, look)
        })
        .filter(|(_, kinds, _)| !kinds.is_empty())
        .collect();
    let kinds = record.scenario.requests.as_slice();
    // A row above those of its targets says which kind it is.
    let rows_each = known.len() + 1;
    let shown = kinds.len().min((ROWS_MAX / rows_each).max(1));
    let rows = shown * rows_each;
    let labels = (0..rows).filter_map(|row| {
        let (name, ..) = known.get((row % rows_each).checked_sub(1)?)?;
        Some((row, (*name).to_owned()))
    });
    let (low, high) = range(
        known
            .iter()
            .flat_map(|(_, kinds, _)| kinds.iter().take(shown)),
    );
    let x = Axis::times(low, high, 8);
    let plan = PanelPlan {
        caption: "Each kind of request by itself".to_owned(),
        note: note(kinds.len() - shown),
        y: Axis::rows(rows.max(1), labels),
        references: Vec::new(),
        weight: 1.0,
    };
    let title = format!("Response time, {}", x.scale_name());
    let panel = panels(canvas, room, &x, &title, vec![plan])?.remove(0);
    if known.is_empty() {
        let why = match kinds {
            [_] => "No data: all requests are of one kind",
            _ => "No data: nothing was measured",
        };
        return panel.say(canvas, why);
    }
    let heads = kinds[..shown].iter();
    let heads = heads.map(|kind| format!("{}, {} of requests", kind.request, percent(kind.share)));
    let heads: Vec<String> = heads.collect();
    tell(canvas, &panel, record, &heads);
    for (index, head) in heads.iter().enumerate() {
        heading(canvas, &panel, index * rows_each, head)?;
        for (place, (_, measured, look)) in known.iter().enumerate() {
            let row = index * rows_each + 1 + place;
            if let Some(kind) = measured.get(index) {
                dumbbell(canvas, &panel, row, &kind.response_time_ns, *look)?;
            }
        }
    }
    Ok(())
}

/// The rows as data: of each the percentiles that are drawn, and those that the report's table has.
fn tell<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    record: &RunRecord,
    heads: &[String],
) {
    let row = |kind: &KindRecord| {
        let times = &kind.response_time_ns;
        let percentiles = [times.p50, times.p90, times.p99, times.p99_9];
        percentiles.map(|ns| ns.map(|ns| ns as f64)).to_vec()
    };
    let rows = |target: &TargetRecord| {
        let kinds = &target.report.by_request;
        let places = 0..heads.len();
        places.map(|place| kinds.get(place).map(row)).collect()
    };
    let rows = Rows {
        places: heads.to_vec(),
        parts: &["p50", "p90", "p99", "p99.9"],
        marked: 2,
        without: TOO_FEW,
        targets: record.targets.iter().map(rows).collect(),
    };
    panel.tell_rows(canvas, Shape::Spans, &rows);
}

fn note(hidden: usize) -> String {
    let rest = match hidden {
        0 => String::new(),
        hidden => format!(
            "; {} in the report's table",
            plural(hidden as u64, "kind more", "kinds more")
        ),
    };
    format!(
        "from p50 on the left over p99 (marker and figure) to p99.9, as far as the samples go{rest}"
    )
}

/// The smallest median and the largest end of a row; some range or other where there is none.
fn range<'a>(kinds: impl Iterator<Item = &'a KindRecord>) -> (f64, f64) {
    kinds
        .filter_map(|kind| {
            let times = &kind.response_time_ns;
            Some((times.p50? as f64, end(times)? as f64))
        })
        .reduce(|(low, high), (p50, end)| (low.min(p50), high.max(end)))
        .unwrap_or((1e6, 1e7))
}

/// The highest percentile that the samples carry, of those that the report's table has, up to the 99.9th.
fn end(times: &Times) -> Option<u64> {
    times.p99_9.or(times.p99).or(times.p90).or(times.p50)
}

/// What the rows below are about, in a row of its own.
pub(super) fn heading<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    row: usize,
    text: &str,
) -> Result<(), Refusal> {
    let face = Type::new(TEXT_SIZE, BLACK).bold();
    let room = panel.area.right - panel.area.left - 2.0 * GAP;
    let at = (panel.area.left + GAP, panel.at_y(panel.y.row(row)));
    canvas.text(&fitted(text, face, room), at, face)
}

fn dumbbell<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    row: usize,
    times: &Times,
    look: Look,
) -> Result<(), Refusal> {
    let y = panel.at_y(panel.y.row(row));
    let at = |ns: u64| panel.at_x(ns as f64);
    let face = Type::new(TEXT_SIZE, QUIET);
    let (Some(p50), Some(end)) = (times.p50, end(times)) else {
        let left = (panel.area.left + GAP, y);
        return canvas.text(TOO_FEW, left, face);
    };
    let solid = Stroke::of(look.solid());
    canvas.line(&[(at(p50), y), (at(end), y)], solid)?;
    let tick = |x: f64| [(x, y - 4.0), (x, y + 4.0)];
    canvas.line(&tick(at(end)), solid)?;
    canvas.dot((at(p50), y), 2.5, look.colour, 1.0)?;
    let Some(p99) = times.p99 else {
        return Ok(());
    };
    let body = Stroke {
        width: 4.0,
        opacity: 0.45,
        ..solid
    };
    canvas.line(&[(at(p50), y), (at(p99), y)], body)?;
    canvas.marker((at(p99), y), look)?;
    let text = time(p99 as f64);
    let right = at(end) + GAP;
    if right + width_of(&text, face) <= panel.area.right {
        canvas.text(&text, (right, y), face)
    } else {
        canvas.text(&text, (at(p50) - GAP, y), face.anchored(HPos::Right))
    }
}
