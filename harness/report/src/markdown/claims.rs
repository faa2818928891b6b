//! A test of claims as Markdown: what docs/claims.md is.

use analysis::claims::{Outcome, Tested, Verdict};

use super::text::{plain, table};
use crate::tables::command_line;
use crate::words::claims::{
    HOW_TO_READ, beside, circumstances, compared, finding, groups, load, mark, measured, range,
    source, summary, value_at, verdict,
};
use crate::words::figures::NONE;

/// The whole as Markdown.
pub fn markdown(outcome: &Outcome) -> String {
    let mut blocks = vec![
        "# Claims, tested".to_owned(),
        format!(
            "Printed by `{} --markdown`. [Test a claim](own-claims.md) says how claims are written and judged.",
            command_line(&outcome.command)
        ),
        format!(
            "**{}** {}",
            plain(&summary(outcome)),
            plain(&circumstances(outcome))
        ),
        plain(HOW_TO_READ),
    ];
    let is_measured = |tested: &&&Tested| {
        !matches!(
            tested.verdict,
            Verdict::NotTestable { .. } | Verdict::NotMeasured
        )
    };
    for (heading, members) in groups(outcome) {
        let shown: Vec<&&Tested> = members.iter().filter(is_measured).collect();
        if shown.is_empty() {
            continue;
        }
        blocks.push(format!("## {}", plain(&heading)));
        let head = [
            "claim",
            "verdict",
            "claimed",
            "measured (95 % interval)",
            "source",
        ];
        let rows = shown.iter().map(|tested| row(tested));
        blocks.push(table(&head.map(str::to_owned), 5, rows));
        blocks.extend(shown.iter().filter_map(|tested| along(tested)));
    }
    let left: Vec<&Tested> = outcome
        .tested
        .iter()
        .filter(|tested| !is_measured(&tested))
        .collect();
    if !left.is_empty() {
        blocks.push("## Not measured".to_owned());
        let head = ["claim", "why", "claimed", "source"];
        let rows = left.iter().map(|tested| {
            vec![
                claim(tested),
                plain(&format!("{}: {}", verdict(&tested.verdict), beside(tested))),
                plain(&range(&tested.claim)),
                cited(tested),
            ]
        });
        blocks.push(table(&head.map(str::to_owned), 4, rows));
    }
    blocks.join("\n\n") + "\n"
}

fn row(tested: &Tested) -> Vec<String> {
    let claimed = &tested.claim;
    let beside = beside(tested);
    let beside = if beside.is_empty() {
        String::new()
    } else {
        format!(": {beside}")
    };
    let evidence = tested.evidence.as_ref();
    vec![
        claim(tested),
        plain(&format!(
            "{} {}{beside}",
            mark(&tested.verdict),
            verdict(&tested.verdict)
        )),
        plain(&range(claimed)),
        plain(&evidence.map_or_else(|| NONE.to_owned(), |evidence| measured(claimed, evidence))),
        cited(tested),
    ]
}

/// What is claimed, and what was compared under which load.
fn claim(tested: &Tested) -> String {
    let claim = &tested.claim;
    if claim.question.is_none() {
        return format!("`{}`: {}", claim.id, plain(&claim.sentence));
    }
    let here = claim.here.as_ref().map(|here| format!("; {here}"));
    format!(
        "`{}`: {}. *{}, {}{}*",
        claim.id,
        plain(&claim.sentence),
        plain(&compared(claim)),
        plain(&load(claim)),
        plain(&here.unwrap_or_default())
    )
}

/// The source, linked where it has an address, and its circumstances.
fn cited(tested: &Tested) -> String {
    let claim = &tested.claim;
    let words = plain(&source(claim));
    let cited = match &claim.url {
        Some(url) => format!("[{words}](<{url}>)"),
        None => words,
    };
    format!("{cited}: {}", plain(&claim.there))
}

/// The ratio along the factor of a claim.
fn along(tested: &Tested) -> Option<String> {
    let factor = &tested.claim.along.as_ref()?.factor;
    let finding = finding(tested)?;
    let claim = &tested.claim;
    let head = [factor.as_str(), "load", "ratio", "95 % interval"];
    let rows = tested.along.iter().map(|point| {
        let [middle, low, high] = [
            point.evidence.value,
            point.evidence.ci_low,
            point.evidence.ci_high,
        ]
        .map(|of| value_at(claim, of));
        vec![
            plain(&point.value),
            plain(&point.load),
            middle,
            format!("{low} to {high}"),
        ]
    });
    Some(format!(
        "What `{}` depends on. {}\n\n{}",
        claim.id,
        plain(&finding),
        table(&head.map(plain), 2, rows)
    ))
}
