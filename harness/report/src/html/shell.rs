//! What every page has around what it shows: its script, style, policy and data, and the parts that a run and a sweep share.

use std::collections::BTreeMap;

use askama::Template;
use model::measured::slices::SliceError;
use model::record::target::Failure;
use model::spec::scenario::ScenarioRecord;
use serde::Serialize;

use super::embedded::{File, policy, script_json};
use crate::charts::{ChartError, Plot, PlotTarget, ink_rules};
use crate::tables::answer::{Against, Answer, Cell, Row, Target, mark};
use crate::tables::command_line;
use crate::words::sentences::capitalised;
use crate::words::text::legible;
use crate::words::warnings::Shown;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    /// A chart could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The slices of a target are not what `bench` writes.
    #[error(
        "the slices of target {target:?} cannot be read from the record (`slices`): {source}; restore the record, or run again"
    )]
    Slices {
        /// Whose.
        target: String,
        /// What is wrong with them.
        source: SliceError,
    },
    /// The charts' data could not be written as JSON.
    #[error("the charts' data cannot be embedded as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The template could not be filled.
    #[error("the report's template could not be filled: {0}")]
    Template(#[from] askama::Error),
}

/// A page as text.
pub(super) fn rendered(page: &impl Template) -> Result<String, HtmlError> {
    let page = page.render()?;
    // Escaped or not, a control character has no place in a page. Line breaks stay: output and files are shown with them.
    Ok(page.replace(
        |c: char| c.is_control() && !matches!(c, '\n' | '\t'),
        "\u{fffd}",
    ))
}

const STYLE: &str = concat!(
    include_str!("../../assets/uplot/uPlot.min.css"),
    include_str!("../../assets/page/report.css")
);
const SCRIPT: &str = concat!(
    include_str!("../../assets/uplot/uPlot.iife.min.js"),
    include_str!("../../assets/page/figures.js"),
    include_str!("../../assets/page/slices.js"),
    include_str!("../../assets/page/report.js")
);

/// What every page has around what it shows.
pub(super) struct Shell {
    pub(super) title: String,
    pub(super) policy: String,
    pub(super) style: String,
    pub(super) script: &'static str,
    pub(super) data: String,
}

impl Shell {
    pub(super) fn of(title: String, runs: Vec<LiveRun>) -> Result<Self, HtmlError> {
        let style = format!("{STYLE}{}", ink_rules());
        Ok(Self {
            title,
            policy: policy(SCRIPT, &style),
            style,
            script: SCRIPT,
            data: script_json(&Data { runs })?,
        })
    }
}

/// What the script is given.
#[derive(Serialize)]
pub(super) struct Data {
    pub(super) runs: Vec<LiveRun>,
}

/// One run, as data.
#[derive(Serialize)]
pub(super) struct LiveRun {
    pub(super) targets: Vec<PlotTarget>,
    /// What distributions count.
    pub(super) samples: &'static str,
    /// For each target the distribution of one part of its time after another; left out where no target has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slices: Option<Vec<Vec<LiveSlice>>>,
    /// By [`crate::charts::Chart::file_stem`]; those without data are left out, and stay pictures.
    pub(super) charts: BTreeMap<&'static str, LiveChart>,
}

/// From when to when, in seconds since the run began, and its counts as a record holds them.
#[derive(Serialize)]
pub(super) struct LiveSlice(pub(super) f64, pub(super) f64, pub(super) String);

#[derive(Serialize)]
pub(super) struct LiveChart {
    pub(super) title: String,
    #[serde(flatten)]
    pub(super) plot: Plot,
}

/// What a reader who stops there should know: `head.html`.
pub(super) struct Head {
    /// `Run` or `Sweep`.
    pub(super) what: &'static str,
    pub(super) id: String,
    /// What was found: the page's title.
    pub(super) title: String,
    /// What the page has, by the end of each part's address.
    pub(super) contents: Vec<(&'static str, &'static str)>,
    /// Each metric of every target.
    pub(super) cards: Vec<Card>,
    /// Whether the targets are so few that each metric is a card; otherwise they are a table's rows.
    pub(super) few: bool,
    /// What the cards' figures and marks are.
    pub(super) legend: String,
    /// The chart that stands above all others.
    pub(super) lead: Option<Figure>,
    pub(super) scenario: String,
    pub(super) question: String,
    pub(super) description: String,
    pub(super) started_at: String,
    pub(super) loads: String,
    pub(super) valid: bool,
    pub(super) belief: String,
    pub(super) verdicts: Vec<String>,
    /// What is to be known beside them.
    pub(super) beside: Vec<String>,
    pub(super) warnings: Vec<Note>,
    pub(super) failures: Vec<FailureNote>,
}

impl Head {
    /// What a browser's tab shows.
    pub(super) fn page_title(&self) -> String {
        format!("{} ({})", self.title, self.scenario)
    }
}

/// So many targets, or fewer, have cards.
const CARDS_MAX: usize = 4;

/// One metric of every target.
pub(super) struct Card {
    pub(super) name: String,
    pub(super) rows: Vec<CardRow>,
}

/// One target's figure in it.
pub(super) struct CardRow {
    pub(super) name: String,
    /// Empty where there is no target to tell from others.
    pub(super) colour: String,
    pub(super) figure: String,
    pub(super) compared: Option<Compared>,
}

/// How it compares with the base.
pub(super) struct Compared {
    /// `better`, `worse`, or neither: its class.
    pub(super) class: &'static str,
    /// `▼ 1.75×`.
    pub(super) ratio: String,
    pub(super) interval: String,
    pub(super) verdict: &'static str,
}

impl Card {
    /// The cards of an answer, and whether they are few enough to be shown as such.
    pub(super) fn of(answer: Answer) -> (Vec<Self>, bool) {
        let Answer { targets, metrics } = answer;
        let compared = |against: &Against| Compared {
            class: match against.verdict {
                verdict if verdict.is_worse() => "worse",
                verdict if verdict.is_different() => "better",
                _ => "quiet",
            },
            ratio: format!("{} {}", mark(against.verdict), against.ratio[0]),
            interval: against.ratio[1].clone(),
            verdict: against.verdict.name(),
        };
        let row = |(target, cell): (&Target, &Cell)| CardRow {
            name: target.name.clone(),
            colour: target.colour.clone(),
            figure: cell.figure.clone(),
            compared: cell.against.as_ref().map(compared),
        };
        let card = |metric: Row| Self {
            name: capitalised(&metric.name),
            rows: targets.iter().zip(&metric.cells).map(row).collect(),
        };
        let cards = metrics.into_iter().map(card).collect();
        (cards, targets.len() <= CARDS_MAX)
    }
}

/// How it was measured, and what came of it as files: `how.html`.
pub(super) struct How {
    pub(super) command: String,
    pub(super) circumstances: Vec<(&'static str, String)>,
    pub(super) requests: Vec<(String, String)>,
    pub(super) source: String,
    pub(super) downloads: Vec<File>,
}

impl How {
    pub(super) fn of(
        command: &[String],
        circumstances: Vec<(&'static str, String)>,
        scenario: &ScenarioRecord,
        downloads: Vec<File>,
    ) -> Self {
        let requests = scenario.requests.iter();
        Self {
            command: command_line(command),
            circumstances,
            requests: requests
                .map(|kind| {
                    (
                        kind.request.clone(),
                        crate::words::figures::percent(kind.share),
                    )
                })
                .collect(),
            source: scenario.source.clone(),
            downloads,
        }
    }
}

pub(super) struct Note {
    /// The target that it is about; empty for the whole run.
    pub(super) of: String,
    pub(super) voids: bool,
    pub(super) detail: String,
    pub(super) advice: String,
}

pub(super) struct FailureNote {
    pub(super) name: String,
    pub(super) what: String,
    pub(super) last_output: String,
}

/// A chart: `charts.html`.
pub(super) struct Figure {
    pub(super) stem: &'static str,
    pub(super) svg: String,
    pub(super) how_to_read: String,
}

impl Figure {
    /// A chart of a page whose script is given its data, if it has any.
    pub(super) fn of(
        stem: &'static str,
        title: &str,
        how_to_read: String,
        (svg, plot): (String, Plot),
        live: &mut LiveRun,
    ) -> Self {
        if plot.has_data() {
            let title = legible(title);
            live.charts.insert(stem, LiveChart { title, plot });
        }
        Self {
            stem,
            // Inside HTML an SVG needs no namespace, and the page then holds no address at all.
            svg: svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1),
            how_to_read,
        }
    }
}

pub(super) fn note(warning: Shown) -> Note {
    Note {
        of: warning.of.unwrap_or_default(),
        voids: warning.voids,
        detail: warning.detail,
        advice: warning.advice,
    }
}

pub(super) fn failure((name, failure): (&String, &Failure)) -> FailureNote {
    FailureNote {
        name: name.clone(),
        what: failure.what.clone(),
        last_output: failure.last_output.clone(),
    }
}
