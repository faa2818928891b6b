//! What explains the latencies, side by side: a small chart each of what the loops and the kernel did, a bar a target.

use model::measured::loops::{LoopRecord, SpanRecord};
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Unit};
use super::canvas::{Canvas, Refusal, Type, fitted, width_of};
use super::frame::{Area, Figures};
use super::plot::{PlotPanel, Rows, Shape};
use crate::look::QUIET;
use crate::look::{BLACK, Look};
use crate::words::figures::{figure, mib, time};

/// A row lower than this could not be read: targets that would need one are left to the report.
const ROW_MIN: f64 = 9.0;
const ROW_MAX: f64 = 30.0;
const TEXT_SIZE: f64 = 11.0;
/// Above the rows of a small chart: its name, and what its bars are.
const HEAD: f64 = 34.0;
/// Between small charts, in nominal pixels.
const GAP: f64 = 16.0;
/// Left of the bars: the target's marker.
const MARKER: f64 = 16.0;
/// Up to this many small charts stand in one row.
const ONE_ROW_MAX: usize = 3;

/// What stands in place of a bar that a runtime does not tell.
const UNKNOWN: &str = "not known";

/// One small chart.
struct Small {
    name: &'static str,
    /// What a bar is.
    bar: &'static str,
    /// What it ends at, or where its dark part and its pale one do.
    parts: &'static [&'static str],
    of: fn(&TargetRecord) -> Option<Bar>,
    unit: Unit,
}

/// A bar: dark up to `part`, if that is known, and pale up to `whole`.
#[derive(Clone, Copy)]
struct Bar {
    part: Option<f64>,
    whole: f64,
}

static SMALL: [Small; 8] = [
    Small {
        name: "Loop lag",
        bar: "median, and pale the largest",
        parts: &["median", "largest"],
        of: |target| to_the_largest(loops(target)?.loop_lag_ns?, |lag| lag.p50),
        unit: Unit::Time,
    },
    Small {
        name: "Loop blocked",
        bar: "p99 of turns, and pale the longest",
        parts: &["p99", "longest"],
        of: |target| to_the_largest(loops(target)?.blocked_ns?, |hold| hold.p99),
        unit: Unit::Time,
    },
    Small {
        name: "Waits for the pool",
        bar: "median, and pale the longest",
        parts: &["median", "longest"],
        of: |target| to_the_largest(loops(target)?.pool_wait_ns?, |waits| waits.p50),
        unit: Unit::Time,
    },
    Small {
        name: "Run queue",
        bar: "threads that waited for a core, mean",
        parts: &["mean"],
        of: |target| target.server.run_queue_mean.map(Bar::plain),
        unit: Unit::Ratio,
    },
    Small {
        name: "CPU a request",
        bar: "user mode, and pale the kernel",
        parts: &["user mode", "with kernel"],
        of: |target| {
            let us = target.server.cpu_us_per_request?;
            let user = target.server.cpu_user_share.unwrap_or(1.0);
            Some(Bar {
                part: Some(us * user * 1e3),
                whole: us * 1e3,
            })
        },
        unit: Unit::Time,
    },
    Small {
        name: "Switches a request",
        bar: "voluntary, and pale involuntary",
        parts: &["voluntary", "with involuntary"],
        of: |target| {
            let voluntary = target.server.context_switches_voluntary_per_1000? / 1e3;
            let involuntary = target.server.context_switches_involuntary_per_1000? / 1e3;
            Some(Bar {
                part: Some(voluntary),
                whole: voluntary + involuntary,
            })
        },
        unit: Unit::Ratio,
    },
    Small {
        name: "Memory",
        bar: "resident set, largest",
        parts: &["largest"],
        of: |target| {
            target
                .server
                .rss_bytes_max
                .map(|bytes| Bar::plain(bytes as f64))
        },
        unit: Unit::Mib,
    },
    Small {
        name: "System calls a request",
        bar: "after the measurement, at a low rate",
        parts: &["at a low rate"],
        of: |target| {
            let calls = target.server.syscalls.as_ref()?;
            Some(Bar::plain(calls.per_request))
        },
        unit: Unit::Ratio,
    },
];

impl Bar {
    fn plain(value: f64) -> Self {
        Self {
            part: Some(value),
            whole: value,
        }
    }
}

fn loops(target: &TargetRecord) -> Option<&LoopRecord> {
    target.server.loops.as_ref()
}

/// Nothing where nothing was counted.
fn to_the_largest(times: SpanRecord, part: impl Fn(&SpanRecord) -> Option<u64>) -> Option<Bar> {
    Some(Bar {
        part: part(&times).map(|part| part as f64),
        whole: times.max? as f64,
    })
}

/// Whether there is anything to show.
pub(super) fn applies(record: &RunRecord) -> bool {
    SMALL.iter().any(|small| is_known(small, record))
}

fn is_known(small: &Small, record: &RunRecord) -> bool {
    record
        .targets
        .iter()
        .any(|target| (small.of)(target).is_some())
}

/// A value as figures are written that have this unit.
fn written(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Time => time(value),
        Unit::Mib => mib(value),
        _ => figure(value),
    }
}

/// A target's figures in words.
pub(super) fn figures(target: &TargetRecord) -> Option<Figures> {
    let known = SMALL.iter().filter_map(|small| {
        let bar = (small.of)(target)?;
        Some(format!(
            "{} {}",
            small.name.to_lowercase().replace("cpu", "CPU"),
            written(small.unit, bar.whole)
        ))
    });
    let known: Vec<String> = known.collect();
    known.first().cloned().map(|brief| Figures {
        full: known.join(", "),
        brief,
    })
}

/// The small charts of whatever is known of any target.
pub(super) fn draw<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    record: &RunRecord,
    looks: &[Look],
) -> Result<(), Refusal> {
    let known: Vec<&Small> = SMALL
        .iter()
        .filter(|small| is_known(small, record))
        .collect();
    if known.is_empty() {
        let middle = (
            f64::midpoint(room.left, room.right),
            f64::midpoint(room.top, room.bottom),
        );
        let face = Type::new(14.0, QUIET).anchored(HPos::Center);
        return canvas.text("No data: nothing was measured", middle, face);
    }
    let rows = if known.len() > ONE_ROW_MAX { 2 } else { 1 };
    let columns = known.len().div_ceil(rows);
    let width = (room.right - room.left + GAP) / columns as f64;
    let height = (room.bottom - room.top) / rows as f64;
    for (index, small) in known.iter().enumerate() {
        let left = room.left + width * (index % columns) as f64;
        let top = room.top + height * (index / columns) as f64;
        let area = Area {
            left,
            top,
            right: left + width - GAP,
            bottom: top + height - GAP / 2.0,
        };
        tell(canvas, small, record);
        draw_small(canvas, area, small, record, looks)?;
    }
    Ok(())
}

/// A small chart as data: a panel of its own, whose axis goes to the end of the longest bar.
fn tell<B: DrawingBackend>(canvas: &mut Canvas<'_, B>, small: &Small, record: &RunRecord) {
    let bars = || record.targets.iter().map(small.of);
    let longest = longest(bars().flatten());
    let lengths = Axis {
        high: longest,
        ..Axis::from_zero(longest, small.unit, 3)
    };
    let row = Axis::rows(1, std::iter::empty());
    let panel = PlotPanel::new(small.name, small.bar, (&lengths, ""), &row, &[]);
    let panel = canvas.plot.begin(panel);
    let values = |bar: Bar| match small.parts {
        [_] => vec![Some(bar.whole)],
        _ => vec![bar.part, Some(bar.whole)],
    };
    let rows = Rows {
        places: vec![String::new()],
        parts: small.parts,
        marked: small.parts.len() - 1,
        without: UNKNOWN,
        targets: bars()
            .map(|bar| vec![Some(bar.map(values).unwrap_or_default())])
            .collect(),
    };
    canvas.plot.tell_rows(panel, Shape::Bars, &rows);
}

/// Zero of none.
fn longest(bars: impl Iterator<Item = Bar>) -> f64 {
    bars.map(|bar| bar.whole).fold(0.0, f64::max)
}

fn draw_small<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    area: Area,
    small: &Small,
    record: &RunRecord,
    looks: &[Look],
) -> Result<(), Refusal> {
    let room = area.bottom - area.top - HEAD;
    let (shown, row) = rows(record.targets.len(), room);
    let all = record.targets.len();
    let name = if shown < all {
        format!("{} ({shown} of {all})", small.name)
    } else {
        small.name.to_owned()
    };
    let bold = Type::new(12.0, BLACK).bold();
    let quiet = Type::new(TEXT_SIZE, QUIET);
    let width = area.right - area.left;
    canvas.text(
        &fitted(&name, bold, width),
        (area.left, area.top + 8.0),
        bold,
    )?;
    canvas.text(
        &fitted(small.bar, quiet, width),
        (area.left, area.top + 23.0),
        quiet,
    )?;
    let bars: Vec<Option<Bar>> = record.targets[..shown].iter().map(small.of).collect();
    let figures: Vec<String> = bars
        .iter()
        .map(|bar| match bar {
            Some(bar) => written(small.unit, bar.whole),
            None => UNKNOWN.to_owned(),
        })
        .collect();
    let face = Type::new(TEXT_SIZE.min(row * 0.9), QUIET);
    let widest = figures
        .iter()
        .map(|text| width_of(text, face))
        .fold(0.0, f64::max);
    let longest = longest(bars.iter().flatten().copied());
    let from = area.left + MARKER;
    let length = area.right - from - widest - 6.0;
    for (place, ((bar, text), look)) in bars.iter().zip(&figures).zip(looks).enumerate() {
        let y = area.top + HEAD + row * (place as f64 + 0.5);
        canvas.marker((area.left + 5.0, y), *look)?;
        let mut end = from;
        if let Some(bar) = bar {
            let at = |value: f64| from + length * if longest > 0.0 { value / longest } else { 0.0 };
            let (top, bottom) = (y - row * 0.3, y + row * 0.3);
            let (part, whole) = (at(bar.part.unwrap_or_default()), at(bar.whole));
            canvas.rectangle((from, top), (part, bottom), look.colour, 0.9)?;
            canvas.rectangle((part, top), (whole, bottom), look.colour, 0.35)?;
            end = whole;
        }
        canvas.text(text, (end + 6.0, y), face)?;
    }
    Ok(())
}

/// How many of so many rows have a place in this height, and how high each is.
fn rows(count: usize, height: f64) -> (usize, f64) {
    let mut shown = count;
    while shown > 1 && height / (shown as f64) < ROW_MIN {
        shown -= 1;
    }
    (shown, (height / shown.max(1) as f64).min(ROW_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_high_as_there_is_room_and_no_lower_than_can_be_read() {
        for (count, height, expected) in [
            (2, 100.0, (2, ROW_MAX)),
            (10, 100.0, (10, 10.0)),
            (11, 99.0, (11, 9.0)),
            (12, 99.0, (11, 9.0)),
            (40, 99.0, (11, 9.0)),
            (1, 5.0, (1, 5.0)),
        ] {
            assert_eq!(rows(count, height), expected, "{count} in {height}");
        }
    }
}
