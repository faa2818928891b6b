//! The files of a run: its record, what other tools read, pictures and the report.

use model::record::run::RunRecord;
use process::failure::{Explain, Failure};
use report::charts::{self, Chart};
use report::export;
use runner::measure::Measured;
use runner::store::Store;

use crate::picture::Format;

/// The command that repeats this run.
pub(crate) fn command() -> Vec<String> {
    let mut words: Vec<String> = std::env::args().collect();
    if let Some(program) = words.first_mut() {
        "bench".clone_into(program);
    }
    words
}

/// Writes every file of a run, with these charts or with all.
pub(crate) fn write(store: &Store, measured: &Measured, charts: &[Chart]) -> Result<(), Failure> {
    let record = &measured.record;
    store.write("run.json", record.to_json().as_bytes())?;
    store.write("summary.csv", export::summary_csv(record).as_bytes())?;
    store.write("intervals.csv", export::intervals_csv(record).as_bytes())?;
    let timed = record.timed();
    for (target, recording) in record.targets.iter().zip(&measured.recordings) {
        let table = export::hgrm(timed.histogram(recording), export::NANOS_PER_MS);
        let hgrm = table + &export::hgrm_time(timed);
        store.write(&format!("{}.hgrm", target.name), hgrm.as_bytes())?;
        let hlog = export::hlog(
            measured.started_epoch_s,
            &recording.intervals,
            timed,
            &target.name,
        );
        store.write(&format!("{}.hlog", target.name), hlog.as_bytes())?;
    }
    write_pictures(record, charts, |name, bytes| store.write(name, bytes))
}

/// The charts that were named, or all that have something to show of a record.
pub(crate) fn charts_of(record: &RunRecord, named: &[Chart]) -> Vec<Chart> {
    if named.is_empty() {
        return Chart::of(record).collect();
    }
    let mut chosen: Vec<Chart> = Chart::ALL.to_vec();
    chosen.retain(|chart| named.contains(chart));
    chosen
}

/// Draws charts of a record, those that were named or all, and its report.
pub(crate) fn write_pictures(
    record: &RunRecord,
    named: &[Chart],
    mut write: impl FnMut(&str, &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for chart in charts_of(record, named) {
        for format in Format::ALL {
            let drawn =
                format.draw(|| charts::svg(record, chart), || charts::png(record, chart))?;
            let name = format!("charts/{}.{}", chart.file_stem(), format.ending());
            write(&name, &drawn)?;
        }
    }
    let html = report::html::html(std::slice::from_ref(record))
        .or_internal(|| "cannot write report.html".to_owned())?;
    write("report.html", html.as_bytes())
}
