//! The one line that `bench load` redraws while it runs.

use std::time::Instant;

use model::spec::load::Load;
use report::words::figures;

use super::DisplayMode;
use crate::redrawn::{self, Redrawn, approximate, cut};

/// The one line that `bench load` redraws while it runs.
#[derive(Debug)]
pub(crate) struct LiveLine {
    line: Redrawn,
    began: Instant,
    kind: String,
}

impl LiveLine {
    /// A line for this load; on a terminal only, and one that can redraw it.
    pub(crate) fn new(load: &Load) -> Self {
        let rate = load.arrival.rate();
        Self {
            line: Redrawn::new(DisplayMode::usual() == DisplayMode::Lines),
            began: Instant::now(),
            kind: rate.map_or_else(|| "closed loop".to_owned(), |rate| rate.to_string()),
        }
    }

    /// Draws the counts so far, and the median and 99th percentile of the last second; zeros where there are none yet.
    pub(crate) fn draw(&mut self, ok: u64, failed: u64, latest_ns: [u64; 2]) {
        let latest = match latest_ns {
            [0, _] => String::new(),
            [p50, p99] => format!(
                "  now p50 {}, p99 {}",
                figures::time(p50 as f64),
                figures::time(p99 as f64)
            ),
        };
        let line = format!(
            "{} {}  {} ok, {} failed{latest}",
            approximate(self.began.elapsed()),
            self.kind,
            figures::count(ok),
            figures::count(failed)
        );
        self.line.draw_if_due(&[cut(line, redrawn::columns())]);
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        self.line.clear();
    }
}
