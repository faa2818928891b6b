//! What the factors of the experiment do, in words.
//!
//! This module knows how an effect is said. It must never compute one: ratios, intervals and verdicts are in the record.

use model::measured::workload::WorkloadKind;
use model::record::comparison::Comparison;
use model::record::effect::{Effect, EffectRecord};
use model::record::run::RunRecord;
use model::record::verdict::ComparisonVerdict;
use model::words::{listed, plural};

use crate::words::sentences::{
    by_verdict_with, capitalised, change, interval, reported, short_name,
};

/// What an effect is called.
pub fn title(effect: Effect) -> &'static str {
    match effect {
        Effect::Style => "style",
        Effect::Loop => "loop",
        Effect::Interaction => "interaction",
        Effect::Scheduler => "scheduler",
        Effect::WorkStealing => "work stealing",
    }
}

/// What its ratio is of.
pub fn ratio_of(effect: Effect) -> &'static str {
    match effect {
        Effect::Style => "coroutines over callbacks",
        Effect::Loop => "asyncio-style over libuv-style",
        Effect::Interaction => "the style's ratio, asyncio-style over libuv-style",
        Effect::Scheduler => "tokio's one thread over the mean of both loops",
        Effect::WorkStealing => "tokio's workers over its one thread",
    }
}

/// Every effect in a sentence, metrics with the same verdict together; then what has to be known to read them.
pub fn sentences(record: &RunRecord) -> Vec<String> {
    let workload = record.workload();
    let each = record
        .effects
        .iter()
        .filter_map(|of| sentence(of, workload));
    each.chain(depends_on_loop(record))
        .chain(workers(record))
        .collect()
}

fn sentence(of: &EffectRecord, workload: WorkloadKind) -> Option<String> {
    let compared: Vec<&Comparison> = reported(workload)
        .filter_map(|metric| of.of(metric))
        .collect();
    if compared.is_empty() {
        return None;
    }
    // That of what is equivalent lies within the margin: the table has it.
    let interval_of = |comparison: &Comparison| match comparison.verdict {
        ComparisonVerdict::Equivalent => String::new(),
        _ => format!(
            ", 95 %: {}",
            interval(comparison.ci_low, comparison.ci_high)
        ),
    };
    let label = |comparison: &Comparison| {
        format!(
            "{} ({}{})",
            short_name(comparison.metric, workload),
            change(comparison.ratio),
            interval_of(comparison)
        )
    };
    Some(format!(
        "{}, {}: {}.",
        capitalised(title(of.effect)),
        ratio_of(of.effect),
        by_verdict_with(compared.into_iter(), label)
    ))
}

/// Where a figure for the style alone says too little, because it is another on each loop or may be.
fn depends_on_loop(record: &RunRecord) -> Vec<String> {
    let workload = record.workload();
    let find = |effect| record.effects.iter().find(|of| of.effect == effect);
    let (Some(style), Some(interaction)) = (find(Effect::Style), find(Effect::Interaction)) else {
        return Vec::new();
    };
    let both: Vec<(&Comparison, &Comparison)> = reported(workload)
        .filter_map(|metric| Some((style.of(metric)?, interaction.of(metric)?)))
        .collect();
    let where_it = |is_so: fn(ComparisonVerdict) -> bool| {
        let both = both.iter();
        both.filter(move |(_, interaction)| is_so(interaction.verdict))
    };
    let differ = where_it(ComparisonVerdict::is_different).map(|(style, interaction)| {
        let [libuv, asyncio] = on_each_loop(style, interaction).map(change);
        format!(
            "{} ({libuv} on the libuv-style loop, {asyncio} on the asyncio-style one)",
            short_name(style.metric, workload)
        )
    });
    let may_differ = where_it(|verdict| verdict == ComparisonVerdict::Inconclusive)
        .map(|(style, _)| short_name(style.metric, workload));
    let (differ, may_differ): (Vec<_>, Vec<_>) = (differ.collect(), may_differ.collect());
    let mut said = Vec::new();
    if !differ.is_empty() {
        said.push(format!(
            "The effect of the style depends on the loop in {}: there a single figure for the style is a mean over loops that differ, \
             and one for the loop a mean over styles that differ.",
            listed(&differ)
        ));
    }
    if !may_differ.is_empty() {
        said.push(format!(
            "Whether the effect of the style depends on the loop is inconclusive in {}: there a single figure for the style is a mean \
             over loops that may differ.",
            listed(&may_differ)
        ));
    }
    said
}

/// The style's ratio on the libuv-shaped loop and on the asyncio-shaped one. On the logarithm the style is their mean and the
/// interaction their difference, block by block.
fn on_each_loop(style: &Comparison, interaction: &Comparison) -> [f64; 2] {
    let half = interaction.ratio.sqrt();
    [style.ratio / half, style.ratio * half]
}

/// What a run with so many workers says of work stealing.
fn workers(record: &RunRecord) -> Option<String> {
    let of = record
        .effects
        .iter()
        .find(|of| of.effect == Effect::WorkStealing)?;
    let of_effect = |name: &String| of.weights.contains_key(name);
    let targets = record
        .targets
        .iter()
        .filter(|target| of_effect(&target.name));
    let most = targets.map(|target| target.manifest.workers).max()?;
    Some(if most <= 1 {
        "tokio had one worker, which has nobody to steal from: work stealing shows what its machinery costs, not what it gains."
            .to_owned()
    } else {
        format!(
            "tokio had {} against one thread: work stealing shows what it and further cores do together.",
            plural(u64::from(most), "worker", "workers")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::metric::Metric;

    fn record_with(interaction: ComparisonVerdict, ratio: f64) -> RunRecord {
        let mut record = samples::reference_record();
        let of_interaction = record
            .effects
            .iter_mut()
            .find(|of| of.effect == Effect::Interaction);
        for comparison in &mut of_interaction.unwrap().comparisons {
            comparison.verdict = ComparisonVerdict::Equivalent;
            if comparison.metric == Metric::ServerCpuUsPerRequest {
                (comparison.verdict, comparison.ratio) = (interaction, ratio);
            }
        }
        let of_style = record
            .effects
            .iter_mut()
            .find(|of| of.effect == Effect::Style);
        for comparison in &mut of_style.unwrap().comparisons {
            comparison.ratio = 1.2;
        }
        record
    }

    fn said_of_loops(interaction: ComparisonVerdict, ratio: f64) -> Vec<String> {
        depends_on_loop(&record_with(interaction, ratio))
    }

    #[test]
    fn effects_read_as_reviewed() {
        insta::assert_snapshot!(sentences(&samples::reference_record()).join("\n"));
        assert!(sentences(&samples::run_record()).is_empty());
    }

    #[test]
    fn a_figure_for_the_style_says_where_it_is_a_mean_over_loops_that_differ() {
        assert!(said_of_loops(ComparisonVerdict::Equivalent, 1.0).is_empty());
        // 1.2 is the mean of 1.0 and 1.44, whose ratio is 1.44.
        assert_eq!(
            said_of_loops(ComparisonVerdict::More, 1.44),
            [
                "The effect of the style depends on the loop in server CPU per request (0.0 % on the libuv-style loop, +44 \
                 % on the asyncio-style one): there a single figure for the style is a mean over loops that differ, and one for \
                 the loop a mean over styles that differ."
            ]
        );
        assert_eq!(
            said_of_loops(ComparisonVerdict::Inconclusive, 1.0),
            [
                "Whether the effect of the style depends on the loop is inconclusive in server CPU per request: there a single figure for the style is a mean over loops that may differ."
            ]
        );
    }

    #[test]
    fn work_stealing_is_read_by_how_many_workers_there_were() {
        let mut record = samples::reference_record();
        assert!(workers(&record).unwrap().contains("nobody to steal from"));
        for target in &mut record.targets {
            target.manifest.workers = 4;
        }
        assert!(
            workers(&record)
                .unwrap()
                .starts_with("tokio had 4 workers against one thread")
        );
        record.effects.clear();
        assert_eq!(workers(&record), None);
    }
}
