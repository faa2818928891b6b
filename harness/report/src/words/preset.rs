//! What a preset found, in words: a question that was asked of several workloads.

use analysis::compare::{block_values, geometric_mean, paired_figures};
use model::measured::workload::WorkloadKind;
use model::record::comparison::Comparison;
use model::record::metric::Metric;
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use model::record::verdict::ComparisonVerdict;

use crate::words::figures::{NONE, times};
use crate::words::{sentences, title};

/// A preset that was measured, as far as it went.
#[derive(Debug)]
pub struct Answered {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub question: String,
    /// When it was begun, as `2026-11-29T19:00:00Z`.
    pub started_at: String,
    /// The command that began it.
    pub command: Vec<String>,
    /// Processor, cores, kernel.
    pub machine: String,
    /// Its runs, in the order in which they are measured.
    pub parts: Vec<Part>,
}

/// A run of a preset.
#[derive(Debug)]
pub struct Part {
    /// The scenario of its workload.
    pub scenario: String,
    /// What a request costs there, in a few words.
    pub work: String,
    /// Whether it is the closed loop that says how many requests a second are answered.
    pub is_capacity: bool,
    /// The directory of its report, seen from the page.
    pub dir: String,
    /// What was measured, or why nothing was.
    pub record: Result<RunRecord, String>,
}

/// What is compared in each workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The median of what the workload times.
    P50,
    /// Its 99th percentile.
    P99,
    /// Requests a second in a closed loop; of what has limits of goodput, what keeps them.
    Capacity,
    /// Server CPU per request.
    Cpu,
    /// Peak memory.
    Memory,
}

impl Column {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 5] = [
        Self::P50,
        Self::P99,
        Self::Capacity,
        Self::Cpu,
        Self::Memory,
    ];

    /// What it is called at the head of a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Capacity => "capacity",
            Self::Cpu => "CPU per request",
            Self::Memory => "peak memory",
        }
    }

    /// The same at the beginning of a sentence; a percentile's name has no capital.
    fn heading(self) -> String {
        match self {
            Self::P50 | Self::P99 => self.name().to_owned(),
            Self::Capacity | Self::Cpu | Self::Memory => sentences::capitalised(self.name()),
        }
    }

    /// Which metric it is of a run, and whether this run is the one that has it.
    fn metric(self, part: &Part, record: &RunRecord) -> Option<Metric> {
        let workload = record.workload();
        let has_goodput = || {
            let mut compared = record.comparisons.iter();
            compared.any(|each| each.metric == Metric::GoodputPerS)
        };
        match self {
            Self::Capacity if part.is_capacity => Some(Metric::ThroughputPerS),
            Self::Capacity => has_goodput().then_some(Metric::GoodputPerS),
            _ if part.is_capacity => None,
            Self::P50 => Some(Metric::of_workload(workload)[0]),
            Self::P99 => Some(Metric::of_workload(workload)[1]),
            Self::Cpu => Some(Metric::ServerCpuUsPerRequest),
            Self::Memory => Some(Metric::ServerRssBytesMax),
        }
    }
}

/// A workload of a preset, with the runs that are of it.
#[derive(Debug)]
pub struct Workload<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// What a request costs there.
    pub work: &'a str,
    /// Where its report is, seen from the page.
    pub dir: &'a str,
    /// Why something of it was not measured; empty where all was.
    pub failures: Vec<&'a str>,
    parts: Vec<(&'a Part, &'a RunRecord)>,
}

/// How a head compares with the base in a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What is compared.
    pub metric: Metric,
    /// What throughput and cost are counted by.
    pub workload: WorkloadKind,
    /// The figures of base and head, with their units.
    pub figures: [String; 2],
    /// Head over base, and its 95 % interval.
    pub ratio: [f64; 3],
    /// The verdict on the head.
    pub verdict: ComparisonVerdict,
}

/// Who is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// What the others are compared with.
    Base,
    /// What is compared.
    Head,
    /// Neither, by the margin.
    Neither,
    /// That is not certain.
    Unknown,
}

impl Compared {
    /// Who is better.
    pub fn better(&self) -> Better {
        match self.verdict {
            ComparisonVerdict::Faster | ComparisonVerdict::Less => Better::Head,
            ComparisonVerdict::Slower | ComparisonVerdict::More => Better::Base,
            ComparisonVerdict::Equivalent => Better::Neither,
            ComparisonVerdict::Inconclusive => Better::Unknown,
        }
    }

    /// By how much the better one is, as a ratio above 1.
    fn lead(&self) -> f64 {
        self.ratio[0].max(1.0 / self.ratio[0])
    }
}

impl Answered {
    /// The workloads, in their order.
    pub fn workloads(&self) -> Vec<Workload<'_>> {
        let mut workloads: Vec<Workload<'_>> = Vec::new();
        for part in &self.parts {
            if workloads
                .last()
                .is_none_or(|last| last.scenario != part.scenario)
            {
                workloads.push(Workload {
                    scenario: &part.scenario,
                    work: &part.work,
                    dir: &part.dir,
                    failures: Vec::new(),
                    parts: Vec::new(),
                });
            }
            let workload = workloads.last_mut().expect("one was pushed");
            match &part.record {
                Ok(record) => workload.parts.push((part, record)),
                Err(why) => workload.failures.push(why),
            }
        }
        workloads
    }

    /// The base and its heads, as far as something was measured.
    pub fn pairs(&self) -> Vec<[String; 2]> {
        let records = self
            .parts
            .iter()
            .filter_map(|part| part.record.as_ref().ok());
        let targets = records.map(|record| &record.targets);
        let Some(targets) = targets.max_by_key(|targets| targets.len()) else {
            return Vec::new();
        };
        let names: Vec<&String> = targets.iter().map(|target| &target.name).collect();
        let Some((base, heads)) = names.split_first() else {
            return Vec::new();
        };
        let pair = |head: &&String| [(*base).clone(), (*head).clone()];
        heads.iter().map(pair).collect()
    }

    /// What the targets are, in words: names and versions.
    pub fn targets(&self) -> Vec<String> {
        let records = self
            .parts
            .iter()
            .filter_map(|part| part.record.as_ref().ok());
        let record = records.max_by_key(|record| record.targets.len());
        let targets = record.into_iter().flat_map(|record| &record.targets);
        let named = targets.map(|target| format!("{}: {}", target.name, target.manifest.legend()));
        named.collect()
    }
}

impl Workload<'_> {
    /// What a request costs, and under which load all but the capacity was measured: `PostgreSQL, at 1,000 requests/s`.
    pub fn circumstances(&self) -> String {
        let latency = self.parts.iter().find(|(part, _)| !part.is_capacity);
        let target = latency.and_then(|(_, record)| record.targets.first());
        target.map_or_else(
            || self.work.to_owned(),
            |target| format!("{}, {}", self.work, title::under(&target.report.load)),
        )
    }

    /// How a pair compares in what a column is about; nothing where that was not measured.
    pub fn compared(&self, column: Column, [base, head]: &[String; 2]) -> Option<Compared> {
        self.parts.iter().find_map(|(part, record)| {
            let metric = column.metric(part, record)?;
            let is_it = |each: &&Comparison| {
                each.metric == metric && each.base == *base && each.head == *head
            };
            let found = record.comparisons.iter().find(is_it)?;
            let of = |name: &str| record.targets.iter().find(|target| target.name == name);
            let figures = paired_figures(&of(base)?.epochs, &of(head)?.epochs, metric);
            Some(Compared {
                metric,
                workload: record.workload(),
                figures: figures.map_or_else(
                    || [NONE; 2].map(str::to_owned),
                    |both| both.map(|value| sentences::value(metric, value)),
                ),
                ratio: [found.ratio, found.ci_low, found.ci_high],
                verdict: found.verdict,
            })
        })
    }

    /// The figure of a target in what a column is about, with its unit.
    pub fn figure(&self, column: Column, target: &str) -> Option<String> {
        self.parts.iter().find_map(|(part, record)| {
            let metric = column.metric(part, record)?;
            let is_it = |of: &&TargetRecord| of.name == target;
            let target = record.targets.iter().find(is_it)?;
            let figure = geometric_mean(&block_values(&target.epochs, metric))?;
            Some(sentences::value(metric, figure))
        })
    }
}

/// The answer in a sentence: who is ahead in the tail, and what it costs.
pub fn title(answered: &Answered) -> String {
    let pairs = answered.pairs();
    let [pair] = pairs.as_slice() else {
        return answered.question.clone();
    };
    // A quick run has no p99, and a target that is not ours may have no CPU.
    let tail = lead(answered, Column::P99, pair, "is faster at p99")
        .or_else(|| lead(answered, Column::P50, pair, "is faster at p50"));
    let cost = lead(answered, Column::Cpu, pair, "takes less CPU")
        .or_else(|| lead(answered, Column::Capacity, pair, "answers more"));
    match (tail, cost) {
        (Some(tail), Some(cost)) => format!("{tail}; {cost}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => format!(
            "No difference was found between {} and {}",
            pair[0], pair[1]
        ),
    }
}

/// `fastify takes less CPU in 6 of 7 workloads`; nothing where neither is ahead anywhere.
fn lead(answered: &Answered, column: Column, pair: &[String; 2], what: &str) -> Option<String> {
    let workloads = answered.workloads();
    let compared: Vec<Compared> = workloads
        .iter()
        .filter_map(|workload| workload.compared(column, pair))
        .collect();
    let count = |better| {
        compared
            .iter()
            .filter(|each| each.better() == better)
            .count()
    };
    let (base, head) = (count(Better::Base), count(Better::Head));
    let of = compared.len();
    let said = |name: &str, count: usize| {
        let workloads = match of {
            1 => "the only workload".to_owned(),
            _ if count == of => format!("all {of} workloads"),
            _ => format!("{count} of {of} workloads"),
        };
        format!("{name} {what} in {workloads}")
    };
    match (base, head) {
        (0, 0) => None,
        (base, 0) => Some(said(&pair[0], base)),
        (0, head) => Some(said(&pair[1], head)),
        (base, head) => Some(format!("{}, {} in {head}", said(&pair[0], base), pair[1])),
    }
}

/// What was found of a pair, a sentence for each column: who is better where, and by how much.
pub fn findings(answered: &Answered, pair: &[String; 2]) -> Vec<String> {
    let workloads = answered.workloads();
    let of_column = |column: Column| {
        let compared: Vec<(&str, Compared)> = workloads
            .iter()
            .filter_map(|of| Some((of.scenario, of.compared(column, pair)?)))
            .collect();
        let named = |better: Better, words: &str| {
            let those = compared.iter().filter(|(_, each)| each.better() == better);
            let those: Vec<String> = those
                .map(|(scenario, each)| match better {
                    Better::Base | Better::Head => format!("{scenario} ({})", times(each.lead())),
                    Better::Neither | Better::Unknown => (*scenario).to_owned(),
                })
                .collect();
            (!those.is_empty()).then(|| format!("{words} {}", those.join(", ")))
        };
        let [base, head] = pair;
        let parts = [
            named(Better::Base, &format!("{base} is better in")),
            named(Better::Head, &format!("{head} is better in")),
            named(Better::Neither, "equivalent in"),
            named(Better::Unknown, "inconclusive in"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| {
            let name = column.heading();
            format!("{name}: {}.", parts.join("; "))
        })
    };
    Column::ALL.into_iter().filter_map(of_column).collect()
}

/// What a difference depends on: the workloads in which it is smallest and largest, a sentence a column, where they differ.
pub fn depends(answered: &Answered, pair: &[String; 2]) -> Vec<String> {
    let workloads = answered.workloads();
    let of_column = |column: Column| {
        let mut compared: Vec<(&Workload<'_>, Compared)> = workloads
            .iter()
            .filter_map(|of| Some((of, of.compared(column, pair)?)))
            .collect();
        compared.sort_by(|(_, ours), (_, theirs)| ours.ratio[0].total_cmp(&theirs.ratio[0]));
        let [(least, low), .., (most, high)] = compared.as_slice() else {
            return None;
        };
        // Intervals that overlap say of neither that it is the larger one.
        (low.ratio[2] < high.ratio[1]).then(|| {
            let place = |of: &Workload<'_>, compared: &Compared| {
                format!(
                    "{} in {} ({})",
                    times(compared.ratio[0]),
                    of.scenario,
                    of.work
                )
            };
            format!(
                "{} of {} over {}: from {} to {}.",
                column.heading(),
                pair[1],
                pair[0],
                place(least, low),
                place(most, high)
            )
        })
    };
    Column::ALL.into_iter().filter_map(of_column).collect()
}

/// How the page is read.
pub const HOW_TO_READ: &str = "Ratios are the second target over the first, with 95 % intervals over paired blocks. ▲ the second is better, ▼ the first is, \
    = equivalent within the margin, ? inconclusive, – not measured or too few requests for it. All targets have the same load. Capacity is \
    what a closed loop of 64 connections is answered a second; of streams it is goodput, the answers that were in time.";

#[cfg(test)]
mod tests {
    use super::*;

    /// Two workloads: one that was measured, and one that could not be.
    fn answered() -> Answered {
        let part = |scenario: &str, record| Part {
            scenario: scenario.to_owned(),
            work: "waiting".to_owned(),
            is_capacity: false,
            dir: format!("01-{scenario}"),
            record,
        };
        Answered {
            name: "mine".to_owned(),
            question: "Which?".to_owned(),
            started_at: "2026-11-29T19:00:00Z".to_owned(),
            command: vec!["bench".to_owned()],
            machine: "a machine".to_owned(),
            parts: vec![
                part("io-heavy", Ok(samples::run_record())),
                part("database", Err("PostgreSQL was not found".to_owned())),
            ],
        }
    }

    #[test]
    fn a_sentence_says_who_is_better_where_and_the_title_counts() {
        let answered = answered();
        let pairs = answered.pairs();
        let workloads = answered.workloads();
        assert_eq!((pairs.len(), workloads.len()), (1, 2));
        assert_eq!(workloads[1].failures, ["PostgreSQL was not found"]);
        let found = findings(&answered, &pairs[0]);
        for column in Column::ALL {
            let compared = workloads[0].compared(column, &pairs[0]);
            let line = found
                .iter()
                .find(|line| line.starts_with(&column.heading()));
            assert_eq!(compared.is_some(), line.is_some(), "{column:?}");
            let Some((compared, line)) = compared.zip(line) else {
                continue;
            };
            let words = match compared.better() {
                Better::Base => format!("{} is better in io-heavy", pairs[0][0]),
                Better::Head => format!("{} is better in io-heavy", pairs[0][1]),
                Better::Neither => "equivalent in io-heavy".to_owned(),
                Better::Unknown => "inconclusive in io-heavy".to_owned(),
            };
            assert!(line.contains(&words), "{line}");
        }
        assert!(
            workloads[0].circumstances().starts_with("waiting, at ")
                && workloads[1].circumstances() == "waiting"
        );
        // A single workload depends on nothing.
        assert_eq!(depends(&answered, &pairs[0]), Vec::<String>::new());
        let title = super::title(&answered);
        assert!(title.contains(" in the only workload"), "{title}");
    }

    #[test]
    fn what_was_not_measured_has_no_difference() {
        let mut answered = answered();
        answered.parts.remove(0);
        assert_eq!(answered.pairs(), Vec::<[String; 2]>::new());
        assert_eq!(title(&answered), "Which?");
    }
}
