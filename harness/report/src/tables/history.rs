//! A history as a table: a row a trend.

use analysis::history::trend::Trend;

use crate::words::history::{figure, name, verdict};

/// The figures of a trend as cells of a table: metric, runs, latest, level since the last change, verdict.
pub fn cells(trend: &Trend) -> [String; 5] {
    let figure = |value| figure(&trend.key, value);
    [
        name(&trend.key).clone(),
        trend.points.len().to_string(),
        figure(trend.latest().value),
        figure(trend.level()),
        verdict(trend),
    ]
}

/// What [`cells`] are.
pub const COLUMNS: [&str; 5] = ["metric", "runs", "latest", "level now", "changes"];
