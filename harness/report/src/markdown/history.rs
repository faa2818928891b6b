//! A history as Markdown.

use analysis::history::trend::Trend;

use super::text::{list, plain};
use crate::tables::history::{COLUMNS, cells};
use crate::words::figures::plural;
use crate::words::history::{groups, heading, sentence};

/// The whole history: every change as a sentence, then a table for each pair or target.
pub fn markdown(trends: &[Trend]) -> String {
    let mut blocks = vec!["### History".to_owned()];
    let changes = trends.iter().flat_map(|trend| {
        trend
            .changes
            .iter()
            .map(move |shift| sentence(trend, shift))
    });
    let changes: Vec<String> = changes.map(|reported| plain(&reported)).collect();
    blocks.push(match changes.len() {
        0 => "**No change found.**".to_owned(),
        count => format!("**{} found.**", plural(count as u64, "change", "changes")),
    });
    blocks.push(list(changes.into_iter()));
    for group in groups(trends) {
        blocks.push(format!("#### {}", plain(&heading(&group[0].key))));
        let line = |cells: [String; 5]| format!("| {} |", cells.join(" | "));
        let rows = group
            .iter()
            .map(|trend| line(cells(trend).map(|cell| plain(&cell))));
        let head = [
            line(COLUMNS.map(str::to_owned)),
            "| --- | --: | --: | --: | --- |".to_owned(),
        ];
        blocks.push(head.into_iter().chain(rows).collect::<Vec<_>>().join("\n"));
    }
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n\n") + "\n"
}
