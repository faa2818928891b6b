//! A gate's judgement as Markdown.

use analysis::gate::Gate;

use super::text::{MAX_STEP_SUMMARY_BYTES, cut, list, plain};
use crate::words::figures::plural;
use crate::words::gate::{Tone, blind_spot, headline, outcome, said};

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
        let marked = said(judgement).into_iter().map(|said| {
            let text = plain(&said.text);
            if said.tone == Tone::Alarm {
                format!("**{text}**")
            } else {
                text
            }
        });
        blocks.push(list(marked));
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
