//! A claimed range and what was measured, in one strip: which values are claimed, and where the interval lies.
//!
//! A strip is a small picture for a page only, in the page's own colours; it stands in a row of a table, and those of a table share
//! one axis. Everything that it shows stands beside it as text.

use std::fmt::Write as _;

use analysis::claims::Evidence;
use model::spec::claim::Range;

/// Width and height in pixels: as wide as a telephone shows whole.
const SIZE: (f64, f64) = (280.0, 30.0);
/// What stands free at either end.
const MARGIN: f64 = 6.0;
/// The middle of the interval's line, from the top.
const MIDDLE: f64 = 11.0;
/// How far the axis goes beyond what is on it, as a factor.
const ROOM: f64 = 1.1;
/// Values further apart than this, as a factor, would press all others together: an axis ends there.
const SPREAD_MAX: f64 = 1e4;

/// A logarithmic axis, from the lowest value to the highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StripAxis {
    low: f64,
    high: f64,
    /// Whether 1 is a place on it, as of ratios.
    has_equality: bool,
}

impl StripAxis {
    /// One on which ranges and intervals lie.
    pub(crate) fn of<'a>(
        ranges: impl Iterator<Item = &'a Range>,
        evidence: impl Iterator<Item = &'a Evidence>,
        has_equality: bool,
    ) -> Self {
        let ends = ranges.flat_map(|range| [range.low, range.high]).flatten();
        let intervals = evidence.flat_map(|evidence| [evidence.ci_low, evidence.ci_high]);
        let all = ends.chain(intervals).chain(has_equality.then_some(1.0));
        let usable = all.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) = usable.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = if low <= high { (low, high) } else { (1.0, 1.0) };
        Self {
            low: (low / ROOM).max(high / SPREAD_MAX),
            high: high * ROOM,
            has_equality,
        }
    }

    /// One on which these ratios and their intervals lie, and equality.
    pub(crate) fn of_ratios(ratios: impl Iterator<Item = [f64; 3]>) -> Self {
        let range = |[_, low, high]: [f64; 3]| Range {
            low: Some(low),
            high: Some(high),
        };
        let ranges: Vec<Range> = ratios.map(range).collect();
        Self::of(ranges.iter(), std::iter::empty(), true)
    }

    /// Where a value is, in pixels from the left; at an end where it lies beyond.
    fn place(&self, value: f64) -> f64 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        MARGIN + share.clamp(0.0, 1.0) * (SIZE.0 - 2.0 * MARGIN)
    }
}

/// The strip as SVG. `label`: what it shows, for those who don't see it. `write`: a value in words, at both ends of the axis.
pub(crate) fn strip(
    axis: StripAxis,
    range: &Range,
    evidence: Option<&Evidence>,
    label: &str,
    write: impl Fn(f64) -> String,
) -> String {
    let (width, height) = SIZE;
    let mut svg = format!(
        "<svg class=\"strip\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">",
        super::picture::escaped(label)
    );
    let mut add = |element: std::fmt::Arguments<'_>| {
        svg.write_fmt(element)
            .expect("writing to memory does not fail");
    };
    let right = width - MARGIN;
    add(format_args!(
        "<line x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{MIDDLE}\" y2=\"{MIDDLE}\" stroke=\"var(--line)\"/>"
    ));
    let from = range.low.map_or(MARGIN, |low| axis.place(low));
    let to = range.high.map_or(right, |high| axis.place(high));
    add(format_args!(
        "<rect x=\"{from:.1}\" y=\"3\" width=\"{:.1}\" height=\"16\" fill=\"var(--link)\" fill-opacity=\"0.25\"/>",
        (to - from).max(1.5)
    ));
    if axis.has_equality {
        let one = axis.place(1.0);
        add(format_args!(
            "<line x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"1\" y2=\"21\" stroke=\"var(--quiet)\" stroke-dasharray=\"2 2\"/>"
        ));
    }
    if let Some(evidence) = evidence {
        let [low, middle, high] =
            [evidence.ci_low, evidence.value, evidence.ci_high].map(|value| axis.place(value));
        add(format_args!(
            "<line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{MIDDLE}\" y2=\"{MIDDLE}\" stroke=\"var(--ink)\" stroke-width=\"3\"/>\
             <circle cx=\"{middle:.1}\" cy=\"{MIDDLE}\" r=\"4\" fill=\"var(--ink)\"/>"
        ));
    }
    let ends = [(MARGIN, "start", axis.low), (right, "end", axis.high)];
    for (x, anchor, value) in ends {
        add(format_args!(
            "<text x=\"{x}\" y=\"29\" font-size=\"9\" text-anchor=\"{anchor}\" fill=\"var(--quiet)\">{}</text>",
            super::picture::escaped(&write(value))
        ));
    }
    svg + "</svg>"
}

/// A ratio and its interval as SVG, on the axis of its column.
pub(crate) fn ratio_strip(axis: StripAxis, [ratio, low, high]: [f64; 3], label: &str) -> String {
    let (width, height) = (SIZE.0 / 2.0, MIDDLE * 2.0);
    let [one, middle, from, to] = [1.0, ratio, low, high].map(|value| axis.place(value) / 2.0);
    format!(
        "<svg class=\"strip\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\
         <line x1=\"0\" x2=\"{width}\" y1=\"{MIDDLE}\" y2=\"{MIDDLE}\" stroke=\"var(--line)\"/>\
         <line x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"1\" y2=\"{}\" stroke=\"var(--quiet)\" stroke-dasharray=\"2 2\"/>\
         <line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{MIDDLE}\" y2=\"{MIDDLE}\" stroke=\"var(--ink)\" stroke-width=\"3\"/>\
         <circle cx=\"{middle:.1}\" cy=\"{MIDDLE}\" r=\"4\" fill=\"var(--ink)\"/></svg>",
        super::picture::escaped(label),
        height - 1.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(low: f64, high: f64) -> Range {
        Range {
            low: Some(low),
            high: Some(high),
        }
    }

    #[test]
    fn an_axis_has_all_that_lies_on_it_and_ends_where_one_value_would_press_the_others_together() {
        let axis = StripAxis::of([range(0.5, 4.0)].iter(), std::iter::empty(), true);
        let places = [0.5, 1.0, 4.0].map(|value| axis.place(value));
        assert!(
            MARGIN < places[0] && places[0] < places[1] && places[1] < places[2],
            "{places:?}"
        );
        assert!(places[2] < SIZE.0 - MARGIN);
        let wide = StripAxis::of([range(1e-9, 1.0)].iter(), std::iter::empty(), false);
        assert!((wide.place(1e-9) - MARGIN).abs() < 1e-9 && (wide.low - 1e-4).abs() < 1e-9);
        let empty = StripAxis::of(std::iter::empty(), std::iter::empty(), false);
        assert!(empty.low < empty.high);
    }

    #[test]
    fn an_open_range_reaches_the_end_of_the_strip() {
        let open = Range {
            low: Some(2.0),
            high: None,
        };
        let axis = StripAxis::of([open].iter(), std::iter::empty(), true);
        let svg = strip(axis, &open, None, "a <b>", |value| format!("{value:.1}×"));
        let width = SIZE.0 - MARGIN - axis.place(2.0);
        assert!(
            svg.contains(&format!("width=\"{width:.1}\" height=\"16\"")),
            "{svg}"
        );
        assert!(svg.contains("aria-label=\"a &lt;b&gt;\""), "{svg}");
    }
}
