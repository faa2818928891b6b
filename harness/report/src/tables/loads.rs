//! Two results of `bench load` side by side: what there is without samples that alternate, which judges nothing.

use model::measured::workload::WorkloadKind;
use model::percentiles::PERCENTILES;
use model::record::load_report::LoadReport;
use serde::Serialize;

use crate::words::figures::{NONE, per_s, percentile, time};
use crate::words::{failures, sentences, terms};

/// What stands above the cells of a row.
pub const COLUMNS: [&str; 4] = ["", "A", "B", "differs"];

const NOTE: &str = "Two loads at two moments: what the machine did meanwhile is part of the difference, so nothing is \
                    judged here. `bench run` measures both in alternation (--url A=… --url B=…).";

/// Two loads compared: what `bench compare --json` prints of them.
#[derive(Debug, Serialize)]
pub struct LoadsCompared {
    /// What the percentiles are of.
    pub time: &'static str,
    /// A row for each figure.
    pub rows: Vec<LoadsRow>,
    /// What was driven differently, a sentence each.
    pub differences: Vec<String>,
    /// What may not be concluded.
    pub note: &'static str,
}

/// One figure of both.
#[derive(Debug, Serialize)]
pub struct LoadsRow {
    /// Its name.
    pub name: String,
    /// In the first, with its unit.
    pub base: String,
    /// In the second.
    pub head: String,
    /// The second over the first, as a change.
    pub change: String,
}

impl LoadsRow {
    /// Below [`COLUMNS`].
    pub fn cells(&self) -> [&str; 4] {
        [&self.name, &self.base, &self.head, &self.change].map(String::as_str)
    }

    fn of(name: String, figures: [Option<f64>; 2], written: impl Fn(f64) -> String) -> Self {
        let cell = |figure: Option<f64>| figure.map_or_else(|| NONE.to_owned(), &written);
        let change = match figures {
            [Some(base), Some(head)] if base > 0.0 && head > 0.0 => sentences::change(head / base),
            _ => NONE.to_owned(),
        };
        Self {
            name,
            base: cell(figures[0]),
            head: cell(figures[1]),
            change,
        }
    }
}

/// Compares what two loads measured.
pub fn loads(base: &LoadReport, head: &LoadReport) -> LoadsCompared {
    let both = [base, head];
    let workload: WorkloadKind = base.workload;
    let failed = |report: &LoadReport| Some(report.error_share.share);
    let mut rows = vec![
        LoadsRow::of("failed".to_owned(), both.map(failed), failures::percent),
        LoadsRow::of(
            "throughput".to_owned(),
            both.map(|report| Some(report.throughput_per_s)),
            per_s,
        ),
    ];
    rows.extend(PERCENTILES.iter().map(|of| {
        let found = |report: &LoadReport| {
            let times = report.times(report.workload.clock());
            times.named(of.name).map(|ns| ns as f64)
        };
        LoadsRow::of(percentile(of.name), both.map(found), time)
    }));
    let driven = both.map(|report| {
        let load = &report.load;
        let rate = load
            .rate_per_s
            .map_or_else(|| "a closed loop".to_owned(), per_s);
        format!("{rate} on {}", sentences::connections(load))
    });
    let [a, b] = &driven;
    LoadsCompared {
        time: terms::time(workload),
        rows,
        differences: (a != b)
            .then(|| format!("The loads differ: {a} in A, {b} in B."))
            .into_iter()
            .collect(),
        note: NOTE,
    }
}

/// The same as Markdown.
pub fn markdown(compared: &LoadsCompared) -> String {
    let line = |cells: [&str; 4]| format!("| {} |", cells.join(" | "));
    let table = [
        line([compared.time, "A", "B", "differs"]),
        line(["---", "--:", "--:", "--:"]),
    ]
    .into_iter()
    .chain(compared.rows.iter().map(|row| line(row.cells())))
    .collect::<Vec<_>>()
    .join("\n");
    let blocks = [table]
        .into_iter()
        .chain(compared.differences.clone())
        .chain([compared.note.to_owned()]);
    blocks.collect::<Vec<_>>().join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_loads_have_a_row_a_figure_and_say_what_was_driven_differently() {
        let record = samples::run_record();
        let [base, head] = [0, 1].map(|index: usize| record.targets[index].report.clone());
        let alike = loads(&base, &head);
        assert_eq!(alike.differences.len(), 0);
        let p50 = alike.rows.iter().find(|row| row.name == "p50").unwrap();
        assert_eq!(p50.change, "+0.3 %");
        let mut other = head.clone();
        other.load.connections += 1;
        other.times_ns.clear();
        let compared = loads(&base, &other);
        assert_eq!(compared.differences.len(), 1);
        let p50 = compared.rows.iter().find(|row| row.name == "p50").unwrap();
        assert_eq!((p50.head.as_str(), p50.change.as_str()), (NONE, NONE));
        assert!(markdown(&compared).starts_with("| response time | A | B | differs |\n"));
    }
}
