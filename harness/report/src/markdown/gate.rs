//! A gate's judgement as Markdown.

use analysis::gate::{Gate, Judgement, Look};
use model::record::comparison::Comparison;

use super::text::{MAX_STEP_SUMMARY_BYTES, cut, list, plain, table};
use crate::tables::answer::{MARKS, mark};
use crate::words::figures::{NONE, plural};
use crate::words::gate::{Tone, blind_spot, headline, outcome, said};
use crate::words::sentences;

/// Characters of a drawn interval on either side of equality.
const REACH: usize = 8;

/// The smallest ratio at the end of such a drawing: intervals around a few percent stay small in it.
const LEAST_END: f64 = 1.1;

/// The whole as Markdown, for a step summary: no longer than [`MAX_STEP_SUMMARY_BYTES`].
pub fn markdown(gate: &Gate) -> String {
    let mut blocks = vec![
        "### bench gate".to_owned(),
        format!("**{}**", plain(&headline(gate))),
    ];
    blocks.extend(blind_spot(gate).map(plain));
    for judgement in &gate.scenarios {
        blocks.push(format!(
            "#### {}: {}",
            plain(&judgement.scenario),
            outcome(judgement.outcome)
        ));
        let last = judgement.measurements.iter().rev().find(|look| look.valid);
        blocks.extend(last.map(metrics));
        blocks.push(list(to_be_said(judgement, last).into_iter()));
        let runs: Vec<String> = judgement
            .measurements
            .iter()
            .map(|look| plain(&look.run))
            .collect();
        let times = plural(runs.len() as u64, "measurement", "measurements");
        blocks.push(format!("{times}: {}", runs.join(", ")));
    }
    blocks.retain(|block| !block.is_empty());
    cut(blocks.join("\n\n") + "\n", MAX_STEP_SUMMARY_BYTES)
}

/// What a table of metrics doesn't show, or what has to be read before it.
fn to_be_said(judgement: &Judgement, last: Option<&Look>) -> Vec<String> {
    let in_table = |name: &str| {
        let mut metrics = last.into_iter().flat_map(|look| &look.metrics);
        metrics.any(|judged| judged.comparison.metric.name() == name)
    };
    let said = said(judgement).into_iter();
    said.filter(|said| said.tone != Tone::Plain || !in_table(&said.name))
        .map(|said| match said.tone {
            Tone::Alarm => format!("**{}**", plain(&said.text)),
            Tone::Warning | Tone::Good | Tone::Plain => plain(&said.text),
        })
        .collect()
}

/// Every metric that was compared, before and after.
fn metrics(look: &Look) -> String {
    if look.metrics.is_empty() {
        return String::new();
    }
    let reach = reach(look.metrics.iter().map(|judged| &judged.comparison));
    let rows = look.metrics.iter().map(|judged| {
        let comparison = &judged.comparison;
        let figures = judged.figures.map_or_else(
            || [NONE.to_owned(), NONE.to_owned()],
            |figures| figures.map(|figure| sentences::value(comparison.metric, figure)),
        );
        let [base, head] = figures;
        vec![
            sentences::name(comparison.metric, look.workload),
            mark(comparison.verdict).to_string(),
            base,
            head,
            sentences::change(comparison.ratio),
            sentences::interval(comparison.ci_low, comparison.ci_high),
            format!("`{}`", drawn(comparison, reach)),
        ]
    });
    let base = look.metrics[0].comparison.base.as_str();
    let columns = [
        "metric",
        "",
        base,
        "head",
        "difference",
        "95 % interval",
        "",
    ];
    let table = table(&columns.map(str::to_owned), 2, rows);
    format!("{table}\n\n{MARKS}")
}

/// The logarithm of the ratio at the ends of the drawing of each comparison.
fn reach<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> f64 {
    let ends = comparisons.flat_map(|one| [one.ci_low, one.ci_high]);
    let logs = ends.map(|ratio| ratio.ln().abs());
    logs.filter(|log| log.is_finite())
        .fold(LEAST_END.ln(), f64::max)
}

/// An interval of ratios, drawn: `·······││├─●─┤····`, with `│` at equality.
///
/// `reach`: the logarithm of the ratio at the right end.
fn drawn(comparison: &Comparison, reach: f64) -> String {
    let column = |ratio: f64| {
        let share = (ratio.ln() / reach).clamp(-1.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 0 to twice the reach"
        )]
        let column = ((share + 1.0) * REACH as f64).round() as usize;
        column
    };
    let (low, high) = (column(comparison.ci_low), column(comparison.ci_high));
    let middle = column(comparison.ratio);
    let columns = (0..=2 * REACH).map(|at| match at {
        _ if at == middle => '●',
        REACH => '│',
        _ if at == low => '├',
        _ if at == high => '┤',
        _ if (low..high).contains(&at) => '─',
        _ => '·',
    });
    columns.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_drawn_where_it_lies() {
        let comparison = &samples::run_record().comparisons[0];
        for (low, ratio, high, expected) in [
            (0.98, 1.0, 1.02, "······├─●─┤······"),
            (1.05, 1.07, 1.1, "········│···├─●─┤"),
            (0.9, 1.0, 1.2, "├───────●───────┤"),
            (0.0, 0.5, 0.95, "●───┤···│········"),
        ] {
            let comparison = Comparison {
                ratio,
                ci_low: low,
                ci_high: high,
                ..comparison.clone()
            };
            assert_eq!(
                drawn(&comparison, 1.1_f64.ln()),
                expected,
                "{low} to {high}"
            );
        }
    }
}
