//! A chart's data beside its picture, for a page that draws it again as its reader asks.
//!
//! Code that draws lines on a panel says here which values they are of, so that no chart is described twice and a page shows
//! what its picture shows. A panel keeps as many points as a screen can show, whatever the run's length; a chart that tells
//! nothing is seen as a picture only. This module knows values and looks; it must never know where they are drawn.

use serde::Serialize;

use super::axis::{Axis, Scale};
use super::ink::in_page;
use crate::look::{Look, Marker, looks};
use crate::words::figures::magnitude;
use crate::words::text::legible;

/// A place in a picture, in nominal pixels from the upper left corner; or a value at a place of the horizontal axis.
pub(super) type Point = (f64, f64);

/// A value to hold the data against.
pub(super) struct Reference {
    pub(super) value: f64,
    pub(super) meaning: String,
    /// The place of the horizontal axis that it is about; none where it is about all of it.
    pub(super) at: Option<f64>,
}

/// Points that one panel keeps, of all targets together: more than a wide screen has pixels, and few enough that eleven
/// targets' charts of any length open at once. Past it, neighbours are drawn by their smallest and their largest value.
pub(crate) const PANEL_POINTS_MAX: usize = 6_000;

/// Significant digits of a value, and of a place on the horizontal axis, where an hour is given to the millisecond.
const VALUE_DIGITS: i32 = 5;
const PLACE_DIGITS: i32 = 7;
/// Those of a row, which is read out as tables have it: rounding it twice must not show.
const ROW_DIGITS: i32 = 9;

/// How a target looks, wherever it is drawn.
#[derive(Debug, Serialize)]
pub(crate) struct PlotTarget {
    name: String,
    /// Its colour in a page, light or dark, as CSS writes it.
    ink: String,
    dash: &'static [f64],
    marker: Marker,
}

impl PlotTarget {
    /// Those of a run or of a sweep, in their order.
    pub(crate) fn of(names: &[&str]) -> Vec<Self> {
        let looks = looks(names).into_iter().zip(names);
        let target = |(look, name): (Look, &&str)| Self {
            name: legible(name),
            ink: in_page(look.colour),
            dash: look.dash.pattern(),
            marker: look.marker,
        };
        looks.map(target).collect()
    }
}

/// What the panels of a chart show, from top to bottom.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Plot {
    panels: Vec<PlotPanel>,
}

impl Plot {
    /// Whether there is anything that a page could draw.
    pub(crate) fn has_data(&self) -> bool {
        let mut panels = self.panels.iter();
        panels.any(|panel| panel.series.iter().flatten().any(|line| !line.is_empty()))
    }

    /// Begins a panel and returns its place.
    pub(super) fn begin(&mut self, panel: PlotPanel) -> usize {
        self.panels.push(panel);
        self.panels.len() - 1
    }

    /// Says what is drawn on a panel: for each target its lines.
    pub(super) fn tell(&mut self, panel: usize, shape: Shape, targets: &[Vec<Vec<Point>>]) {
        let most = share(targets.len());
        let panel = &mut self.panels[panel];
        panel.shape = shape;
        panel.series = targets.iter().map(|lines| bounded(lines, most)).collect();
    }

    /// Says what was measured one by one around a panel's lines: for each target.
    pub(super) fn tell_dots(&mut self, panel: usize, targets: Vec<Vec<Point>>) {
        let most = share(targets.len());
        let dots = targets.into_iter();
        let dots = dots.map(|dots| bounded(&[dots], most).concat());
        self.panels[panel].dots = dots.collect();
    }

    /// Says where uprights stand on a panel: of each target the value that is most likely and its interval, as far as they are
    /// known.
    pub(super) fn tell_uprights(&mut self, panel: usize, uprights: Vec<Upright>) {
        self.panels[panel].uprights = uprights;
    }

    /// Says what rows a panel has, which is turned for it: rows have places, one under the other, and values to the right.
    pub(super) fn tell_rows(&mut self, panel: usize, shape: Shape, reported: &Rows<'_>) {
        let panel = &mut self.panels[panel];
        let row = |(place, values): (usize, &Option<Vec<Option<f64>>>)| {
            let values = values.as_ref()?.iter().map(|value| {
                let known = value.filter(|value| value.is_finite());
                known.map(|value| rounded(value, ROW_DIGITS))
            });
            let place = std::iter::once(Some(place as f64));
            Some(PlotPoint::Row(place.chain(values).collect()))
        };
        let rows = |rows: &Vec<Option<Vec<Option<f64>>>>| -> Vec<Vec<PlotPoint>> {
            vec![rows.iter().enumerate().filter_map(row).collect()]
        };
        panel.shape = shape;
        panel.series = reported.targets.iter().map(rows).collect();
        std::mem::swap(&mut panel.x, &mut panel.y);
        (panel.x.low, panel.x.high) = (0.0, reported.places.len() as f64);
        panel.rows = Some(PlotRows {
            places: reported.places.iter().map(|place| legible(place)).collect(),
            parts: reported.parts.to_vec(),
            marked: reported.marked,
            without: reported.without,
        });
    }

    /// Says where the bins of an outline begin and end, so that others can be drawn in the same.
    pub(super) fn tell_edges(&mut self, panel: usize, edges: &[f64]) {
        let edges = edges.iter().map(|&edge| rounded(edge, PLACE_DIGITS));
        self.panels[panel].edges = edges.collect();
    }

    /// Says where the epochs lie beside a curve: at a place on its axis, for each target, when and how high.
    pub(super) fn tell_epochs(&mut self, panel: usize, at: f64, targets: &[&[Point]]) {
        let most = share(targets.len());
        let series = targets
            .iter()
            .map(|epochs| bounded(&[epochs.to_vec()], most).concat())
            .collect();
        self.panels[panel].epochs.push(Epochs { at, series });
    }
}

/// One panel: its axes, and what is drawn between them.
#[derive(Debug, Serialize)]
pub(super) struct PlotPanel {
    caption: String,
    note: String,
    x_title: String,
    x: PlotAxis,
    y: PlotAxis,
    references: Vec<PlotReference>,
    shape: Shape,
    /// For each target its lines.
    series: Vec<Vec<Vec<PlotPoint>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    epochs: Vec<Epochs>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dots: Vec<Vec<PlotPoint>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uprights: Vec<Upright>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<PlotRows>,
    /// Of the bins, where it has such.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    edges: Vec<f64>,
}

/// A place of the horizontal axis that stands for a target.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Upright {
    pub(super) at: Option<f64>,
    pub(super) interval: Option<(f64, f64)>,
    /// What stands beside it.
    pub(super) label: String,
}

impl PlotPanel {
    pub(super) fn new(
        caption: &str,
        note: &str,
        (x, x_title): (&Axis, &str),
        y: &Axis,
        references: &[Reference],
    ) -> Self {
        let reference = |reference: &Reference| PlotReference {
            value: reference.value,
            meaning: legible(&reference.meaning),
            at: reference.at,
        };
        Self {
            caption: legible(caption),
            note: legible(note),
            x_title: legible(x_title),
            x: PlotAxis::of(x),
            y: PlotAxis::of(y),
            references: references.iter().map(reference).collect(),
            shape: Shape::Line,
            series: Vec::new(),
            epochs: Vec::new(),
            dots: Vec::new(),
            uprights: Vec::new(),
            rows: None,
            edges: Vec::new(),
        }
    }
}

/// Rows of a panel: at each place one for each target.
pub(super) struct Rows<'a> {
    /// What the rows of a place are about; empty where the panel's caption says it.
    pub(super) places: Vec<String>,
    /// What the values of a row are, ascending.
    pub(super) parts: &'a [&'static str],
    /// Which of them is marked, and stands beside the row.
    pub(super) marked: usize,
    /// What stands in a row of which nothing is known.
    pub(super) without: &'static str,
    /// For each target, place by place, the values of its row; none where it has no row there.
    pub(super) targets: Vec<Vec<Option<Vec<Option<f64>>>>>,
}

/// How values are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shape {
    /// Lines without gaps.
    Line,
    /// A target's own line style; two lines a target, the second of what too few samples stand behind.
    Curve,
    /// Lines between what was measured at some places: one a target without gaps, and a dotted one, each of a way.
    Ways,
    /// The contour of bins.
    Outline,
    /// A stroke from the ground each.
    Impulses,
    /// Rows, each from its first value to its last.
    Spans,
    /// Rows, each a bar from zero, dark up to its first value and pale up to its last.
    Bars,
}

#[derive(Debug, Serialize)]
struct PlotAxis {
    unit: &'static str,
    low: f64,
    high: f64,
    log: bool,
}

impl PlotAxis {
    fn of(axis: &Axis) -> Self {
        Self {
            unit: axis.unit,
            low: axis.low,
            high: axis.high,
            log: axis.scale == Scale::Log,
        }
    }
}

#[derive(Debug, Serialize)]
struct PlotReference {
    value: f64,
    meaning: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<f64>,
}

#[derive(Debug, Serialize)]
struct PlotRows {
    places: Vec<String>,
    parts: Vec<&'static str>,
    marked: usize,
    without: &'static str,
}

#[derive(Debug, Serialize)]
struct Epochs {
    at: f64,
    series: Vec<Vec<PlotPoint>>,
}

/// A place and its value, or the smallest and the largest of the values that lie close to that place, or those of a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum PlotPoint {
    One([f64; 2]),
    Many([f64; 3]),
    Row(Vec<Option<f64>>),
}

/// What each of so many targets may keep.
fn share(targets: usize) -> usize {
    (PANEL_POINTS_MAX / targets.max(1)).max(1)
}

/// The lines as they are where they have at most so many points together; otherwise each as the smallest and the largest of
/// as few neighbours as bring all within the bound. Lines are joined only where there are more of them than points.
fn bounded(lines: &[Vec<Point>], most: usize) -> Vec<Vec<PlotPoint>> {
    let known = |line: &Vec<Point>| -> Vec<Point> {
        let known = |&(x, y): &Point| x.is_finite() && y.is_finite();
        line.iter().copied().filter(known).collect()
    };
    let lines: Vec<Vec<Point>> = lines.iter().map(known).collect();
    let points: usize = lines.iter().map(Vec::len).sum();
    if points <= most {
        return lines.iter().map(|line| extents(line, 1)).collect();
    }
    let lines: Vec<Vec<Point>> = lines
        .chunks(lines.len().div_ceil(most))
        .map(<[Vec<Point>]>::concat)
        .collect();
    let kept = |neighbours: usize| -> usize {
        let kept = lines.iter().map(|line| line.len().div_ceil(neighbours));
        kept.sum()
    };
    let neighbours = (points.div_ceil(most)..=points)
        .find(|&neighbours| kept(neighbours) <= most)
        .expect("with one point a line they are within the bound");
    let extents = lines.iter().map(|line| extents(line, neighbours));
    extents.collect()
}

/// A point for so many neighbours each.
fn extents(line: &[Point], neighbours: usize) -> Vec<PlotPoint> {
    let extent = |points: &[Point]| {
        let ((first, y), (last, _)) = (points[0], points[points.len() - 1]);
        let x = rounded(f64::midpoint(first, last), PLACE_DIGITS);
        if points.len() == 1 {
            return PlotPoint::One([x, rounded(y, VALUE_DIGITS)]);
        }
        let ends = points
            .iter()
            .fold((y, y), |(low, high), &(_, y)| (low.min(y), high.max(y)));
        PlotPoint::Many([
            x,
            rounded(ends.0, VALUE_DIGITS),
            rounded(ends.1, VALUE_DIGITS),
        ])
    };
    line.chunks(neighbours).map(extent).collect()
}

fn rounded(value: f64, digits: i32) -> f64 {
    if value == 0.0 {
        return value;
    }
    let scale = 10_f64.powi(digits - 1 - magnitude(value));
    // A value so small that its scale is none is nearly zero.
    if scale.is_finite() {
        (value * scale).round() / scale
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(count: u32) -> Vec<Point> {
        let value = |i: u32| {
            if i == count / 2 {
                99.0
            } else {
                f64::from(i % 7)
            }
        };
        (0..count)
            .map(|i| (f64::from(i) / 10.0, value(i)))
            .collect()
    }

    fn extent(points: &[PlotPoint]) -> (f64, f64) {
        let ends = points.iter().map(|point| match *point {
            PlotPoint::One([_, y]) => (y, y),
            PlotPoint::Many([_, low, high]) => (low, high),
            PlotPoint::Row(_) => unreachable!("lines have no rows"),
        });
        ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (a, b)| {
            (low.min(a), high.max(b))
        })
    }

    #[test]
    fn at_the_bound_points_stay_as_they_are_and_past_it_their_extremes_do() {
        let at = bounded(&[line(500)], 500).concat();
        assert_eq!(at.len(), 500);
        assert!(at.iter().all(|point| matches!(point, PlotPoint::One(_))));
        for count in [501, 5_000, 40_000] {
            let past = bounded(&[line(count)], 500);
            assert_eq!(past.len(), 1, "{count}: one line stays one");
            assert!(past[0].len() <= 500, "{count}: {}", past[0].len());
            assert_eq!(extent(&past[0]), (0.0, 99.0), "{count}");
        }
    }

    #[test]
    fn a_pause_stays_a_pause_where_points_are_merged() {
        let later = line(600).into_iter().map(|(x, y)| (x + 500.0, y)).collect();
        let lines = bounded(&[line(600), later], 100);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().map(Vec::len).sum::<usize>() <= 100);
    }

    #[test]
    fn more_lines_than_points_are_joined() {
        let short: Vec<Vec<Point>> = line(900).chunks(3).map(<[Point]>::to_vec).collect();
        assert_eq!(bounded(&short, 300).len(), 300, "a point a line");
        for most in [1, 7, 299] {
            let lines = bounded(&short, most);
            assert!(lines.iter().map(Vec::len).sum::<usize>() <= most, "{most}");
            assert_eq!(extent(&lines.concat()), (0.0, 99.0), "{most}");
        }
    }

    #[test]
    fn a_panel_of_rows_is_turned_and_says_which_are_missing() {
        let values = Axis::log_times(1e6, 9e6, 5);
        let rows = Axis::rows(4, std::iter::empty());
        let mut plot = Plot::default();
        let panel = plot.begin(PlotPanel::new("", "", (&values, ""), &rows, &[]));
        assert!(!plot.has_data());
        let reported = Rows {
            places: vec!["a\u{1b}".to_owned(), "b".to_owned()],
            parts: &["p50", "p99"],
            marked: 1,
            without: "nothing",
            targets: vec![
                vec![Some(vec![Some(1_064_960.4), None]), None],
                vec![Some(Vec::new()), Some(vec![Some(f64::NAN), Some(2.0)])],
            ],
        };
        plot.tell_rows(panel, Shape::Spans, &reported);
        assert!(plot.has_data());
        let reported = serde_json::to_value(&plot).unwrap();
        let panel = &reported["panels"][0];
        assert_eq!(
            (
                &panel["x"]["unit"],
                &panel["y"]["unit"],
                &panel["x"]["high"]
            ),
            (&"rows".into(), &"time_ns".into(), &2.0.into())
        );
        assert_eq!(panel["rows"]["places"][0], "a\u{fffd}");
        let series = serde_json::json!([[[[0.0, 1_064_960.4, null]]], [[[0.0], [1.0, null, 2.0]]]]);
        assert_eq!(panel["series"], series);
    }

    #[test]
    fn all_targets_of_a_panel_share_its_bound() {
        for targets in [1, 2, 11, 40, PANEL_POINTS_MAX + 1] {
            assert!(share(targets) >= 1);
            assert!(
                share(targets) * targets <= PANEL_POINTS_MAX.max(targets),
                "{targets}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_left_out_and_what_is_one_keeps_its_digits() {
        let points = vec![
            (1.0, f64::NAN),
            (3_599.123_456, 15_312_345.0),
            (2.0, f64::INFINITY),
        ];
        assert_eq!(
            bounded(&[points], 10),
            [[PlotPoint::One([3_599.123, 15_312_000.0])]]
        );
        assert_eq!((rounded(0.0, 5), rounded(1e-320, 5)), (0.0, 0.0));
    }
}
