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

    /// Draws the counts so far.
    pub(crate) fn draw(&mut self, ok: u64, failed: u64) {
        let line = format!(
            "{} {}  {} ok, {} failed",
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
