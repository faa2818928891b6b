//! `summary.csv` of a sweep: one line for each target of each step.

use super::{Table, cell, error_cells};
use model::record::errors::ErrorShare;
use model::record::sweep::step::Standing;
use model::record::sweep::whole::SweepRecord;

const PERCENTILES: [&str; 8] = ["mean", "p50", "p90", "p95", "p99", "p99_9", "p99_99", "max"];

/// The steps of a sweep as CSV, in the order they were measured; units in the column names, an empty cell for what is not
/// known.
pub fn steps_csv(record: &SweepRecord) -> String {
    let mut table = Table::new();
    let time = format!("{}_ns", record.workload().clock().name());
    let before = [
        "sweep",
        "scenario",
        "round",
        "pass",
        "rung",
        "rate_per_s",
        "target",
        "standing",
        "slo_share",
        "duration_s",
        "scheduled",
        "ok",
        "error",
        "timeout",
        "unfinished",
        "error_share",
        "error_share_ci_low",
        "error_share_ci_high",
        "throughput_per_s",
    ];
    let after = [
        "generator_lag_ns_p99",
        "load_cpu_share",
        "server_cpu_share",
        "in_flight_mean",
    ];
    table.row(
        before
            .map(str::to_owned)
            .into_iter()
            .chain(PERCENTILES.map(|percentile| format!("{time}_{percentile}")))
            .chain(after.map(str::to_owned)),
    );
    for step in &record.steps {
        for epoch in &step.epochs {
            let counts = &epoch.requests;
            let before = [
                record.plan.id.clone(),
                record.plan.scenario.name.clone(),
                step.round.to_string(),
                step.pass.name().to_owned(),
                step.rung.to_string(),
                step.rate_per_s.to_string(),
                epoch.target.clone(),
                cell(epoch.standing.map(Standing::name)),
                cell(epoch.slo_share),
                epoch.duration_s.to_string(),
                counts.scheduled.to_string(),
                counts.ok.to_string(),
                counts.error.to_string(),
                counts.timeout.to_string(),
                counts.unfinished.to_string(),
            ];
            let errors = error_cells(&ErrorShare::of(&[*counts]));
            let row = before
                .into_iter()
                .chain(errors)
                .chain([epoch.throughput_per_s.to_string()]);
            let times = PERCENTILES.map(|percentile| cell(epoch.time_ns.named(percentile)));
            let rest = [
                cell(epoch.generator_lag_ns.p99),
                epoch.load_cpu_share.to_string(),
                cell(epoch.server_cpu_share),
                cell(epoch.in_flight_mean),
            ];
            table.row(row.chain(times).chain(rest));
        }
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_has_a_line_with_a_cell_for_each_column() {
        let record = samples::sweep_record();
        let text = steps_csv(&record);
        let mut lines = text.lines();
        let columns = lines.next().unwrap().split(',').count();
        assert!(lines.clone().all(|line| line.split(',').count() == columns));
        let epochs = record.steps.iter().map(|step| step.epochs.len());
        assert_eq!(lines.count(), epochs.sum::<usize>());
        let head: Vec<&str> = text.lines().take(4).collect();
        insta::assert_snapshot!(head.join("\n"));
    }
}
