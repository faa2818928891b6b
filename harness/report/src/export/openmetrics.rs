//! OpenMetrics text, as Prometheus scrapes it: base units, one family a figure.
//!
//! It carries no timestamps: the scraper dates it. The Pushgateway reads Prometheus' older text only, which has no type
//! `info` (<https://github.com/prometheus/pushgateway/issues/479>).

use crate::words::terms;
use model::measured::clock::Clock;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use model::percentiles::PERCENTILES;
use model::record::comparison::Comparison;
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use model::units::NANOS_PER_S;

/// A run as metric families, each target by its label. What is not known has no sample.
pub fn openmetrics(record: &RunRecord) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Run {
        families: families(record),
        info: vec![
            ("run", record.id.clone()),
            ("scenario", record.scenario.name.clone()),
            ("started_at", record.started_at.clone()),
            ("bench_version", record.bench_version.clone()),
            ("cpu_model", record.environment.cpu_model.clone()),
        ],
    }));
    let mut written = String::new();
    text::encode(&mut written, &registry).expect("a string takes all that is written");
    written
}

type Labels = Vec<(&'static str, String)>;

/// The families in a fixed order: the registry's own would follow the hashes of labels.
#[derive(Debug)]
struct Run {
    families: Vec<Family>,
    info: Labels,
}

#[derive(Debug)]
struct Family {
    name: String,
    help: String,
    unit: Option<Unit>,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    Gauges(Vec<(Labels, f64)>),
    Counters(Vec<(Labels, u64)>),
}

impl Collector for Run {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "What was run, when and on what";
        let metric = encoder.encode_descriptor("bench_run", help, None, MetricType::Info)?;
        Info::new(self.info.clone()).encode(metric)?;
        for family in &self.families {
            let kind = match family.samples {
                Samples::Gauges(_) => MetricType::Gauge,
                Samples::Counters(_) => MetricType::Counter,
            };
            let unit = family.unit.as_ref();
            let mut metric = encoder.encode_descriptor(&family.name, &family.help, unit, kind)?;
            match &family.samples {
                Samples::Gauges(samples) => {
                    for (labels, value) in samples {
                        ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
                    }
                }
                Samples::Counters(samples) => {
                    for (labels, count) in samples {
                        ConstCounter::new(*count).encode(metric.encode_family(labels)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn families(record: &RunRecord) -> Vec<Family> {
    let gauges = |name: &str, help: &str, unit, samples| Family {
        name: name.to_owned(),
        help: help.to_owned(),
        unit,
        samples: Samples::Gauges(samples),
    };
    let times = Clock::ALL.map(|clock| Family {
        name: format!("bench_{}", clock.name()),
        help: terms::definition(clock).to_owned(),
        unit: Some(Unit::Seconds),
        samples: Samples::Gauges(percentiles(record, clock)),
    });
    let each = |value: fn(&TargetRecord) -> Option<f64>| -> Vec<(Labels, f64)> {
        let known = record
            .targets
            .iter()
            .filter_map(|target| Some((of_target(record, target), value(target)?)));
        known.filter(|(_, value)| value.is_finite()).collect()
    };
    let others = [
        Family {
            name: "bench_requests".to_owned(),
            help: "Scheduled requests, by their fate".to_owned(),
            unit: None,
            samples: Samples::Counters(fates(record)),
        },
        gauges(
            "bench_errors",
            "Share of the requests that failed, and the ends of its 95 % interval",
            Some(Unit::Ratios),
            errors(record),
        ),
        gauges(
            "bench_throughput_per_second",
            "Requests that succeeded in a second",
            None,
            each(|target| {
                let report = &target.report;
                (report.requests.scheduled > 0).then_some(report.throughput_per_s)
            }),
        ),
        gauges(
            "bench_server_cpu_per_request",
            "CPU time of the server for a request that succeeded",
            Some(Unit::Seconds),
            each(|target| target.server.cpu_us_per_request.map(|us| us / 1e6)),
        ),
        gauges(
            "bench_server_resident_memory_max",
            "Largest resident set of the server",
            Some(Unit::Bytes),
            each(|target| target.server.rss_bytes_max.map(|bytes| bytes as f64)),
        ),
        gauges(
            "bench_valid",
            "1 where the figures measure the target, 0 where they do not, or it failed",
            None,
            each(|target| {
                let is_valid = target.report.validity.is_valid() && target.failure.is_none();
                Some(f64::from(u8::from(is_valid)))
            }),
        ),
        gauges(
            "bench_comparison",
            "A metric of the head over the same of the base, and the ends of its 95 % interval",
            Some(Unit::Ratios),
            comparisons(record),
        ),
        gauges(
            "bench_effect",
            "What a factor of the experiment does to a metric, and the ends of its 95 % interval",
            Some(Unit::Ratios),
            effects(record),
        ),
    ];
    let has_samples = |family: &Family| match &family.samples {
        Samples::Gauges(samples) => !samples.is_empty(),
        Samples::Counters(samples) => !samples.is_empty(),
    };
    times
        .into_iter()
        .chain(others)
        .filter(has_samples)
        .collect()
}

fn of_target(record: &RunRecord, target: &TargetRecord) -> Labels {
    vec![
        ("scenario", record.scenario.name.clone()),
        ("target", target.name.clone()),
    ]
}

fn percentiles(record: &RunRecord, clock: Clock) -> Vec<(Labels, f64)> {
    let names = PERCENTILES.iter().map(|percentile| percentile.name);
    let names: Vec<&str> = names.chain(["max"]).collect();
    let samples = record.targets.iter().flat_map(|target| {
        names.iter().filter_map(move |&name| {
            let ns = target.report.times(clock).named(name)?;
            let mut labels = of_target(record, target);
            labels.push(("percentile", name.replace('_', ".")));
            Some((labels, ns as f64 / NANOS_PER_S as f64))
        })
    });
    samples.collect()
}

fn errors(record: &RunRecord) -> Vec<(Labels, f64)> {
    let known = record.targets.iter();
    let known = known.filter(|target| target.report.error_share.requests > 0);
    let samples = known.flat_map(|target| {
        let errors = &target.report.error_share;
        let figures = [
            ("share", errors.share),
            ("ci_low", errors.ci_low),
            ("ci_high", errors.ci_high),
        ];
        figures.map(|(figure, value)| {
            let mut labels = of_target(record, target);
            labels.push(("figure", figure.to_owned()));
            (labels, value)
        })
    });
    samples.collect()
}

fn fates(record: &RunRecord) -> Vec<(Labels, u64)> {
    let samples = record.targets.iter().flat_map(|target| {
        let requests = target.report.requests;
        let fates = [
            ("ok", requests.ok),
            ("error", requests.error),
            ("timeout", requests.timeout),
            ("unfinished", requests.unfinished),
        ];
        fates.map(|(fate, count)| {
            let mut labels = of_target(record, target);
            labels.push(("fate", fate.to_owned()));
            (labels, count)
        })
    });
    samples.collect()
}

fn comparisons(record: &RunRecord) -> Vec<(Labels, f64)> {
    let samples = record.comparisons.iter().flat_map(|comparison| {
        let sides = [
            ("base", comparison.base.clone()),
            ("head", comparison.head.clone()),
        ];
        ratio(record, comparison, &sides)
    });
    samples.collect()
}

fn effects(record: &RunRecord) -> Vec<(Labels, f64)> {
    let samples = record.effects.iter().flat_map(|of| {
        let effect = [("effect", of.effect.name().to_owned())];
        let comparisons = of.comparisons.iter();
        comparisons.flat_map(move |comparison| ratio(record, comparison, &effect))
    });
    samples.collect()
}

/// The samples of a ratio and its interval. `labels`: what it is of.
fn ratio(
    record: &RunRecord,
    comparison: &Comparison,
    labels: &[(&'static str, String)],
) -> Vec<(Labels, f64)> {
    let figures = [
        ("ratio", comparison.ratio),
        ("ci_low", comparison.ci_low),
        ("ci_high", comparison.ci_high),
    ];
    let finite = figures.into_iter().filter(|(_, value)| value.is_finite());
    let samples = finite.map(|(figure, value)| {
        let mut all = vec![("scenario", record.scenario.name.clone())];
        all.extend(labels.iter().cloned());
        all.push(("metric", comparison.metric.name().to_owned()));
        all.push(("figure", figure.to_owned()));
        (all, value)
    });
    samples.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_reads_as_reviewed_and_always_the_same() {
        let mut record = samples::run_record();
        record.targets.truncate(1);
        record.comparisons.truncate(1);
        let text = openmetrics(&record);
        assert_eq!(text, openmetrics(&record));
        assert!(text.ends_with("# EOF\n"));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn hostile_names_stay_labels_and_what_is_unknown_has_no_sample() {
        let mut record = samples::run_record();
        record.targets.truncate(1);
        record.targets[0].name = "a\"} 1\n# EOF\\".to_owned();
        record.targets[0].server.rss_bytes_max = None;
        record.comparisons.clear();
        let text = openmetrics(&record);
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("# EOF"))
                .count(),
            1
        );
        assert!(
            !text.contains("memory") && !text.contains("bench_comparison"),
            "{text}"
        );
        record.targets.clear();
        assert!(openmetrics(&record).starts_with("# HELP bench_run "));
    }
}
