//! Writes the reports of made-up records into a directory, for the browser tests: `cargo run -p report --example pages DIR`.

use std::error::Error;
use std::path::Path;

use model::measured::recording::Counts;
use model::measured::slices::{Slice, Slices};
use model::record::run::RunRecord;
use report::html::{claims_html, html, preset_html, sweep_html};

#[path = "../tests/answers/mod.rs"]
mod answers;
#[path = "../tests/outcomes/mod.rs"]
mod outcomes;
#[path = "../tests/sweeps/mod.rs"]
mod sweeps;
#[path = "../tests/variations/mod.rs"]
mod variations;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args()
        .nth(1)
        .ok_or("name a directory to write into")?;
    std::fs::create_dir_all(&directory)?;
    let mut pages: Vec<(&str, Vec<_>)> = variations::all()
        .into_iter()
        .map(|(name, record)| (name, vec![record]))
        .collect();
    pages.push(("several", vec![variations::two(), variations::invalid()]));
    pages.push(("hour", vec![hour()]));
    let write = |name: &str, page: String| {
        let file = Path::new(&directory).join(name).with_extension("html");
        std::fs::write(file, page)
    };
    for (name, records) in pages {
        write(name, html(&records)?)?;
    }
    write("claims", claims_html(&outcomes::outcome())?)?;
    write(
        "preset",
        preset_html(&answers::answered(&variations::two()))?,
    )?;
    for (name, record) in sweeps::all() {
        write(&format!("sweep-{name}"), sweep_html(&record)?)?;
    }
    Ok(())
}

/// The eleven built-in targets over an hour: each measured for five seconds in turn, a value every tenth of a second.
fn hour() -> RunRecord {
    const HOUR_S: f64 = 3_600.0;
    const EPOCH_S: f64 = 5.0;
    const EPOCH_NS: u64 = 5_000_000_000;
    const EPOCHS: u32 = 720;
    const STEPS: u32 = 50;
    // Those of the sample are so long.
    const SLICE_NS: u64 = 400_000_000;
    const SLICES: u64 = 12;
    let mut record = variations::eleven();
    record.elapsed_s = HOUR_S + 60.0;
    let targets = record.targets.len();
    for (position, target) in (0..).zip(&mut record.targets) {
        let intervals = std::mem::take(&mut target.intervals);
        let samples = std::mem::take(&mut target.server.samples);
        let epochs = std::mem::take(&mut target.epochs);
        let counts: Vec<Counts> = target
            .slices
            .iter()
            .map(|slice| slice.counts().expect("it is ours"))
            .collect();
        let mut counts = counts.iter().cycle();
        let mut slices = Slices::default();
        for (block, turn) in (0..).zip((position..EPOCHS).step_by(targets)) {
            let start_s = EPOCH_S * f64::from(turn);
            let mut epoch = epochs[turn as usize % epochs.len()].clone();
            (epoch.started_s, epoch.duration_s) = (start_s, EPOCH_S);
            (epoch.block, epoch.position) = (block, position);
            target.epochs.push(epoch);
            let begins_ns = u64::from(turn) * EPOCH_NS;
            let of_epoch = (0..SLICES)
                .zip(&mut counts)
                .map(|(slice, counts)| Slice::new(begins_ns + slice * SLICE_NS, SLICE_NS, counts));
            slices.append(of_epoch.collect());
            for step in 0..STEPS {
                let at_s = start_s + f64::from(step) * EPOCH_S / f64::from(STEPS);
                let like = (turn * STEPS + step) as usize;
                let mut interval = intervals[like % intervals.len()].clone();
                interval.start_s = at_s;
                target.intervals.push(interval);
                let mut sample = samples[like % samples.len()];
                sample.at_s = at_s;
                target.server.samples.push(sample);
            }
        }
        target.slices = slices.record();
    }
    record
}
