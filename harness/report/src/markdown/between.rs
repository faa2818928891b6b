//! Two runs compared, as Markdown.

use crate::words::warnings;
use analysis::between::{BASE_MARK, HEAD_MARK, RunComparison};

use super::text::{list, plain};
use crate::tables;
use crate::words::between::{headlines, runs};
use crate::words::text::legible;

/// The whole as Markdown. Text from records is escaped, so that it stays text.
pub fn markdown(reported: &RunComparison) -> String {
    let mut blocks = vec![format!(
        "### {}: {} against {}",
        plain(&reported.scenario),
        plain(&reported.head_run),
        plain(&reported.base_run)
    )];
    blocks.push(list(
        headlines(reported).iter().map(|sentence| plain(sentence)),
    ));
    blocks.push(table(reported));
    let differences = reported.differences.iter().map(|difference| {
        format!(
            "{}: {} in {BASE_MARK}, {} in {HEAD_MARK}",
            plain(&difference.what),
            plain(&difference.base),
            plain(&difference.head)
        )
    });
    let warnings = warnings::each(&reported.warnings)
        .into_iter()
        .map(|warning| {
            let what = if warning.voids { "Invalid" } else { "Warning" };
            format!(
                "**{what}:** {}: {}.",
                plain(&warning.sentence()),
                plain(&warning.advice)
            )
        });
    blocks.push(list(warnings));
    let differences = list(differences);
    if !differences.is_empty() {
        blocks.push(format!("What differs between the runs:\n\n{differences}"));
    }
    let of_runs = runs(reported).map(|runs| format!("; {runs}"));
    let last = format!("{}{}.", reported.load, of_runs.unwrap_or_default());
    blocks.push(plain(&last));
    blocks.retain(|block| !block.is_empty());
    legible_lines(&(blocks.join("\n\n") + "\n"))
}

fn legible_lines(text: &str) -> String {
    text.split('\n').map(legible).collect::<Vec<_>>().join("\n")
}

fn table(reported: &RunComparison) -> String {
    if reported.comparisons.is_empty() {
        return String::new();
    }
    let rows = tables::of_runs(reported).into_iter().map(|row| {
        format!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            plain(&row.head),
            plain(&row.base),
            row.metric,
            row.change,
            row.interval,
            row.detectable,
            row.verdict
        )
    });
    let head = [
        "| target | against | metric | difference | 95 % interval | smallest detectable | verdict |".to_owned(),
        "| --- | --- | --- | --: | --: | --: | --- |".to_owned(),
    ];
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::between::{Ask, ReferenceAsk, between};
    use analysis::compare::Policy;
    use samples::run_record;

    fn reported(reference: ReferenceAsk) -> RunComparison {
        let (base, mut head) = (run_record(), run_record());
        head.id = "2026-11-24T10-15-00Z-io-heavy".to_owned();
        head.environment.kernel = "Linux <6.13>".to_owned();
        let ask = Ask {
            reference,
            ..Ask::default()
        };
        between(&base, &head, &ask, &Policy::usual(1)).unwrap()
    }

    #[test]
    fn a_comparison_of_runs_reads_as_reviewed() {
        insta::assert_snapshot!("reference", markdown(&reported(ReferenceAsk::Any)));
        insta::assert_snapshot!("unpaired", markdown(&reported(ReferenceAsk::No)));
    }

    #[test]
    fn text_of_a_record_stays_text() {
        let mut reported = reported(ReferenceAsk::No);
        reported.base_run = "a|b\n<i>\u{1b}".to_owned();
        let text = markdown(&reported);
        assert!(!text.contains("<i>") && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains(r"\<6.13\>"), "{text}");
    }
}
