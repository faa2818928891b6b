//! Load generators of other machines: which they are, and what each of them measured by itself.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::measured::accounting::Accounting;
use crate::measured::clock::Clock;
use crate::measured::histogram::{self, empty_histogram, histogram_base64};
use crate::measured::recording::{GeneratorUse, Recording};
use crate::measured::summary::Times;
use crate::units::Nanos;

/// A load generator of another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct GeneratorSite {
    /// What its agent is called.
    pub name: String,
    /// Whether it is the probe, and no part of the load.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_probe: bool,
    /// The processor of its machine.
    pub processor: String,
    /// Kernel name and release.
    pub kernel: String,
    /// The cores that it may use, ascending.
    pub cpus: Vec<u32>,
}

/// What one of several generators measured in one epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct GeneratorEpoch {
    /// Its name.
    pub name: String,
    /// By how much its clock may have been misjudged when it was asked to start, in nanoseconds.
    pub clock_bound_ns: Nanos,
    /// How long after it was asked all its connections were open, in nanoseconds.
    pub ready_after_ns: Nanos,
    /// The fates of its requests.
    pub accounting: Accounting,
    /// Its response times.
    #[serde(with = "histogram::as_text")]
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "String"))]
    pub response_time: Histogram<u64>,
    /// What it spent.
    pub generator: GeneratorUse,
    /// How long it measured, in nanoseconds.
    pub measured_ns: Nanos,
}

impl GeneratorEpoch {
    /// What this generator recorded, whose clock is known to `clock_bound_ns`, and which was ready that long after it was asked.
    pub fn of(
        name: &str,
        clock_bound_ns: Nanos,
        ready_after_ns: Nanos,
        recording: &Recording,
    ) -> Self {
        Self {
            name: name.to_owned(),
            clock_bound_ns,
            ready_after_ns,
            accounting: recording.accounting,
            response_time: recording.times[Clock::ResponseTime].clone(),
            generator: recording.generator,
            measured_ns: recording.measured_ns,
        }
    }
}

/// What one of several generators measured of a target, all epochs together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct GeneratorRecord {
    /// Its name.
    pub name: String,
    /// By how much its clock may have been misjudged at most when it was asked to start, in nanoseconds.
    pub clock_bound_ns: Nanos,
    /// How long after it was asked all its connections were open at most, in nanoseconds.
    pub ready_after_ns: Nanos,
    /// The fates of its requests.
    pub accounting: Accounting,
    /// Its response times, in nanoseconds.
    pub response_time_ns: Times,
    /// CPU time of its threads over the measured time, one for each core that was always busy.
    pub cpu_share: f64,
    /// The median of its response times in each epoch, in nanoseconds; `null` where too little was measured.
    pub response_time_p50_ns: Vec<Option<Nanos>>,
    /// The whole distribution of its response times in nanoseconds, as HdrHistogram writes it (V2, base64).
    pub response_time_v2_base64: String,
}

/// What the generators measured of a target so far.
#[derive(Debug, Clone, Default)]
pub struct Generators(Vec<Sum>);

#[derive(Debug, Clone)]
struct Sum {
    name: String,
    clock_bound_ns: Nanos,
    ready_after_ns: Nanos,
    accounting: Accounting,
    response_time: Histogram<u64>,
    medians: Vec<Option<Nanos>>,
    cpu_ns: Nanos,
    measured_ns: Nanos,
}

impl Generators {
    /// Adds what each measured in one epoch.
    pub fn take(&mut self, epochs: &[GeneratorEpoch]) {
        for epoch in epochs {
            let known = self.0.iter().position(|sum| sum.name == epoch.name);
            let index = known.unwrap_or_else(|| {
                self.0.push(Sum {
                    name: epoch.name.clone(),
                    clock_bound_ns: 0,
                    ready_after_ns: 0,
                    accounting: Accounting::default(),
                    response_time: empty_histogram(),
                    medians: Vec::new(),
                    cpu_ns: 0,
                    measured_ns: 0,
                });
                self.0.len() - 1
            });
            let sum = &mut self.0[index];
            sum.clock_bound_ns = sum.clock_bound_ns.max(epoch.clock_bound_ns);
            sum.ready_after_ns = sum.ready_after_ns.max(epoch.ready_after_ns);
            sum.accounting.merge(&epoch.accounting);
            sum.response_time
                .add(&epoch.response_time)
                .expect("all histograms share their bounds");
            sum.medians.push(Times::of(&epoch.response_time).p50);
            sum.cpu_ns += epoch.generator.cpu_ns;
            sum.measured_ns += epoch.measured_ns;
        }
    }

    /// What a record says of the only one; none where there is none.
    pub fn record(&self) -> Option<GeneratorRecord> {
        self.records().pop()
    }

    /// What a record says of each.
    pub fn records(&self) -> Vec<GeneratorRecord> {
        let sums = self.0.iter();
        sums.map(|sum| GeneratorRecord {
            name: sum.name.clone(),
            clock_bound_ns: sum.clock_bound_ns,
            ready_after_ns: sum.ready_after_ns,
            accounting: sum.accounting,
            response_time_ns: Times::of(&sum.response_time),
            cpu_share: sum.cpu_ns as f64 / sum.measured_ns.max(1) as f64,
            response_time_p50_ns: sum.medians.clone(),
            response_time_v2_base64: histogram_base64(&sum.response_time),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(name: &str, clock_bound_ns: Nanos, times_ns: &[Nanos]) -> GeneratorEpoch {
        let mut recording = Recording::empty();
        for &ns in times_ns {
            recording.times[Clock::ResponseTime].record(ns).unwrap();
            recording.accounting.scheduled += 1;
            recording.accounting.ok += 1;
        }
        recording.measured_ns = 1_000;
        recording.generator.cpu_ns = 250;
        GeneratorEpoch::of(name, clock_bound_ns, 7 * clock_bound_ns, &recording)
    }

    #[test]
    fn each_generator_has_all_its_epochs_and_no_other_ones() {
        let mut generators = Generators::default();
        assert_eq!(generators.records(), []);
        generators.take(&[epoch("one", 5, &[100; 40]), epoch("two", 9, &[300; 40])]);
        generators.take(&[epoch("one", 3, &[200; 40]), epoch("two", 11, &[])]);
        let records = generators.records();
        let [one, two] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert_eq!((one.name.as_str(), two.name.as_str()), ("one", "two"));
        assert_eq!((one.clock_bound_ns, two.clock_bound_ns), (5, 11));
        assert_eq!((one.ready_after_ns, two.ready_after_ns), (35, 77));
        assert_eq!((one.accounting.ok, two.accounting.ok), (80, 40));
        assert_eq!(one.response_time_p50_ns, [Some(100), Some(200)]);
        assert_eq!(two.response_time_p50_ns, [Some(300), None]);
        assert!((one.cpu_share - 0.25).abs() < 1e-9);
        assert_eq!(one.response_time_ns.max, Some(200));
    }

    #[test]
    fn an_epoch_is_the_same_after_it_was_written_down() {
        let one = epoch("one", 5, &[100, 3_000_000]);
        let text = serde_json::to_string(&one).unwrap();
        let again: GeneratorEpoch = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
}
