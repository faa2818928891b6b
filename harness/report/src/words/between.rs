//! Two runs compared, in words: for the terminal and as Markdown.
//!
//! It knows how a comparison of runs is said. It must never decide one: see [`analysis::between`].

use analysis::between::{BASE_MARK, Basis, HEAD_MARK, RunComparison};

use crate::words::sentences;

/// How it was compared, and then what it came to, a sentence each.
pub fn headlines(told: &RunComparison) -> Vec<String> {
    let verdicts = sentences::told(told.workload).flat_map(|metric| {
        let of_metric = told
            .comparisons
            .iter()
            .filter(move |comparison| comparison.metric == metric);
        of_metric.map(|comparison| sentences::sentence(comparison, told.workload))
    });
    std::iter::once(basis(told)).chain(verdicts).collect()
}

/// How it was compared, in a sentence or two.
pub fn basis(told: &RunComparison) -> String {
    match (told.basis, &told.reference) {
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
pub fn runs(told: &RunComparison) -> Option<String> {
    (told.basis != Basis::Paired).then(|| {
        let sides = [(BASE_MARK, &told.base_run), (HEAD_MARK, &told.head_run)];
        sides
            .map(|(mark, run)| format!("{mark} is {run}"))
            .join(", ")
    })
}
