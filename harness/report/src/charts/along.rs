//! The ratio of a claim along a factor: what it depends on.

use analysis::claims::{Evidence, Tested};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Tick, Unit};
use super::canvas::{Canvas, Refusal, Stroke, Type, fitted};
use super::frame::{Entry, Figures, Heading, Panel, PanelPlan, frame, panels};
use super::picture::{ChartError, document, picture, refused};
use super::plot::Reference;
use crate::look::{BLACK, Look, looks};
use crate::words::claims::{compared, finding, is_ratio, range, source, value_at};
use crate::words::sentences::capitalised;

/// What errors call it.
const NAME: &str = "along";

const HOW_TO_READ: &str = "Each marker is what was measured at one value of the factor, and the bar its 95 % interval. The band is what is claimed. \
    Where two bars have no height in common, the factor matters.";

/// Values further from the measured ones than this, as a factor, are not on the axis: they would press those together.
const SPREAD_MAX: f64 = 20.0;

/// Draws the points of a claim's factor as SVG; at least one was measured.
pub fn svg(tested: &Tested) -> Result<String, ChartError> {
    let description = format!("{} {HOW_TO_READ}", alt(tested));
    document(NAME, &title(tested), &description, |backend| {
        draw(&mut Canvas::new(backend), tested)
    })
}

/// Draws the same as PNG.
pub fn png(tested: &Tested) -> Result<Vec<u8>, ChartError> {
    picture(NAME, |backend| draw(&mut Canvas::new(backend), tested))
}

/// The chart in words, for readers who can't see it.
pub fn alt(tested: &Tested) -> String {
    finding(tested).unwrap_or_default()
}

fn title(tested: &Tested) -> String {
    format!(
        "What does it depend on? {}",
        capitalised(compared(&tested.claim))
    )
}

fn draw<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, tested: &Tested) -> Result<(), ChartError> {
    draw_on(canvas, tested).map_err(|refusal| refused(NAME, &refusal))
}

fn draw_on<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, tested: &Tested) -> Result<(), Refusal> {
    let claim = &tested.claim;
    let look = looks(&[claim.id.as_str()])[0].solid();
    let claimed = format!("claimed {}", range(claim));
    let heading = Heading {
        title: title(tested),
        circumstances: alt(tested),
        warning: None,
    };
    let entry = Entry {
        look,
        name: claim.id.clone(),
        figures: Some(Figures {
            full: claimed.clone(),
            brief: claimed,
        }),
        manifest: source(claim),
    };
    let room = frame(canvas, &heading, &[entry])?;
    let equal = is_ratio(claim).then(|| Reference {
        at: None,
        value: 1.0,
        meaning: "both alike".to_owned(),
    });
    let plan = PanelPlan {
        caption: capitalised(compared(claim)),
        note: "95 % intervals, logarithmic scale".to_owned(),
        y: y_axis(tested),
        references: equal.into_iter().collect(),
        weight: 1.0,
    };
    let points = &tested.along;
    let share = (room.right - room.left) / points.len() as f64 - 24.0;
    let face = Type::new(12.0, BLACK);
    let ticks = points.iter().zip(1_u32..).map(|(point, place)| Tick {
        value: f64::from(place),
        label: fitted(&point.value, face, share),
    });
    let x = Axis {
        ticks: ticks.collect(),
        ..Axis::ordinals(points.len(), 1)
    };
    let factor = claim.along.as_ref().map(|along| along.factor.as_str());
    let factor = capitalised(factor.unwrap_or_default());
    let panel = panels(canvas, room, &x, &factor, vec![plan])?.remove(0);
    band(canvas, &panel, tested, look)?;
    for (point, place) in points.iter().zip(1_u32..) {
        let words = value_at(claim, point.evidence.value);
        interval(
            canvas,
            &panel,
            (f64::from(place), &point.evidence, &words),
            look,
        )?;
    }
    Ok(())
}

/// What is claimed of the ratio. A trend claims nothing of it.
fn band<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    tested: &Tested,
    look: Look,
) -> Result<(), Refusal> {
    let claim = &tested.claim;
    let (low, high) = (
        claim.range.low.unwrap_or(panel.y.low),
        claim.range.high.unwrap_or(panel.y.high),
    );
    if claim.is_trend || high < panel.y.low || low > panel.y.high {
        return Ok(());
    }
    let corner = (panel.area.left, panel.at_y(high));
    canvas.rectangle(
        corner,
        (panel.area.right, panel.at_y(low)),
        look.colour,
        0.12,
    )
}

/// A marker, its interval, and the value beside it.
fn interval<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    (place, evidence, words): (f64, &Evidence, &str),
    look: Look,
) -> Result<(), Refusal> {
    const GAP: f64 = 10.0;
    let bar = [evidence.ci_low, evidence.ci_high].map(|end| panel.point(place, end));
    let thick = Stroke {
        width: 2.5,
        ..Stroke::of(look)
    };
    canvas.line(&bar, thick)?;
    let (x, y) = panel.point(place, evidence.value);
    canvas.marker((x, y), look)?;
    let face = Type::new(12.0, BLACK).bold().anchored(HPos::Left);
    canvas.text(words, (x + GAP, y), face)
}

/// An axis that has every interval, and of what is claimed what is not too far away.
fn y_axis(tested: &Tested) -> Axis {
    let intervals = tested.along.iter().map(|point| &point.evidence);
    let intervals = intervals.flat_map(|evidence| [evidence.ci_low, evidence.ci_high]);
    let (low, high) = intervals.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let range = &tested.claim.range;
    let is_near =
        |end: &f64| !tested.claim.is_trend && (low / SPREAD_MAX..=high * SPREAD_MAX).contains(end);
    let ends = [range.low, range.high]
        .into_iter()
        .flatten()
        .filter(is_near);
    let (low, high) = ends.fold((low, high), |(low, high), end| {
        (low.min(end), high.max(end))
    });
    if is_ratio(&tested.claim) {
        Axis::ratios(low, high, 6)
    } else {
        Axis::log(low, high, Unit::Count, 6)
    }
}
