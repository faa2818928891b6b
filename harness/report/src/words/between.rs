//! Two runs compared, in words: for the terminal and as Markdown.
//!
//! It knows how a comparison of runs is said. It must never decide one: see [`analysis::between`].

use analysis::between::{BASE_MARK, Basis, HEAD_MARK, RunComparison};

use crate::words::failures;
use crate::words::sentences;

/// How it was compared, which targets failed requests, and then the outcome, a sentence each.
pub fn headlines(reported: &RunComparison) -> Vec<String> {
    let verdicts = sentences::reported(reported.workload).flat_map(|metric| {
        let of_metric = reported
            .comparisons
            .iter()
            .filter(move |comparison| comparison.metric == metric);
        of_metric.map(|comparison| sentences::sentence(comparison, reported.workload))
    });
    let failed = reported.error_comparisons.iter();
    let failed = failed.map(|pair| failures::sentence(pair, reported.workload));
    std::iter::once(basis(reported))
        .chain(failed)
        .chain(verdicts)
        .collect()
}

/// How it was compared, in a sentence or two.
pub fn basis(reported: &RunComparison) -> String {
    match (reported.basis, &reported.reference) {
        (Basis::Reference, Some(reference)) => format!(
            "Compared by their ratios to {reference}, which both runs measured beside them: what the machine did between the runs cancels."
        ),
        (Basis::Paired, _) => "Compared block by block within one run.".to_owned(),
        (Basis::Unpaired | Basis::Reference, _) => {
            "Compared as measured in two runs, which nothing pairs: what the machine did between them is in the difference."
                .to_owned()
        }
    }
}

/// Which run is which; none where there is only one.
pub fn runs(reported: &RunComparison) -> Option<String> {
    (reported.basis != Basis::Paired).then(|| {
        let sides = [
            (BASE_MARK, &reported.base_run),
            (HEAD_MARK, &reported.head_run),
        ];
        sides
            .map(|(mark, run)| format!("{mark} is {run}"))
            .join(", ")
    })
}
