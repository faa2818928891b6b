//! Whatever a record file holds, reading it ends in a record that comes back as it went, or in an error; and so do its
//! histograms, slices and comparisons.

#![no_main]

use analysis::compare::{Policy, compare_targets};
use model::measured::histogram::histogram_from_base64;
use report::export::{hgrm, intervals_csv, summary_csv};
use model::record::run::RunRecord;
use model::measured::slices;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = histogram_from_base64(text).map(|histogram| hgrm(&histogram, 1e6));
    let Ok(record) = RunRecord::from_json(text, "run.json") else {
        return;
    };
    let again =
        RunRecord::from_json(&record.to_json(), "run.json").expect("what was written is readable");
    assert_eq!(again, record);
    let _ = (summary_csv(&record), intervals_csv(&record));
    let _ = compare_targets(&record.targets, &Policy::usual(1));
    for target in &record.targets {
        let _ = histogram_from_base64(&target.histograms.response_time_v2_base64);
        let _ = slices::check(&target.slices);
    }
});
