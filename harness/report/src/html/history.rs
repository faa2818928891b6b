//! A history as a page: every change as a sentence, then a table and the charts of each pair or target.

use analysis::history::trend::Trend;
use askama::Template;

use super::shell::{HtmlError, Shell, rendered};
use crate::charts::trend_svg;
use crate::tables::history::{COLUMNS, cells};
use crate::words::figures::plural;
use crate::words::history::{groups, heading, name, sentence};

/// Writes the page of a history: `index.html`.
pub fn html(trends: &[Trend]) -> Result<String, HtmlError> {
    let changes = trends.iter().flat_map(|trend| {
        let shifts = trend.changes.iter();
        shifts.map(move |shift| sentence(trend, shift))
    });
    let changes: Vec<String> = changes.collect();
    let title = match changes.len() {
        0 => "History: no change found".to_owned(),
        count => format!(
            "History: {} found",
            plural(count as u64, "change", "changes")
        ),
    };
    let group = |trends: &[Trend]| {
        let charts = trends.iter().map(|trend| {
            // Inside HTML an SVG needs no namespace, and the page then holds no address at all.
            let svg = trend_svg(trend)?;
            let svg = svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
            Ok((name(&trend.key), svg))
        });
        Ok(Group {
            heading: heading(&trends[0].key),
            rows: trends.iter().map(cells).collect(),
            charts: charts.collect::<Result<_, HtmlError>>()?,
        })
    };
    rendered(&Page {
        shell: Shell::of(title.clone(), Vec::new())?,
        title,
        changes,
        columns: COLUMNS,
        groups: groups(trends)
            .map(group)
            .collect::<Result<_, HtmlError>>()?,
    })
}

#[derive(Template)]
#[template(path = "history.html")]
struct Page {
    shell: Shell,
    title: String,
    changes: Vec<String>,
    columns: [&'static str; 5],
    groups: Vec<Group>,
}

/// The trends of one pair of targets, or of one target.
struct Group {
    heading: String,
    rows: Vec<[String; 5]>,
    /// Each with what it follows.
    charts: Vec<(String, String)>,
}
