//! Each metric of a target as a ratio to another target's, with its interval: which is better, by how much, and how sure.
//!
//! What is drawn of one run and of two is the same, [`Compared`]. Whatever was not compared has a row too, which says why: a chart
//! that left it out would look as if nothing were missing.

use crate::words::warnings;
use crate::words::warnings::why_not;
use analysis::between::{BASE_MARK, Basis, HEAD_MARK, RunComparison};
use analysis::compare::{Policy, compare, paired_blocks, why};
use model::measured::workload::WorkloadKind;
use model::record::comparison::Comparison;
use model::record::comparison::Reason;
use model::record::metric::Metric;
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use model::record::verdict::ComparisonVerdict;
use model::record::warning::Fact;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::by_request::heading;
use super::canvas::{Canvas, HEIGHT, Refusal, Stroke, Type, fitted, width_of};
use super::frame::{
    Area, CAPTION_HEIGHT, Entry, Figures, Heading, PANEL_EDGES, Panel, PanelPlan, SURROUNDINGS,
    frame, panels,
};
use super::picture::{ChartError, refused, tall_document, tall_picture};
use super::plot::Point;
use crate::look::{BETTER, BLACK, Look, WORSE, looks};
use crate::look::{PAPER, QUIET};
use crate::words::figures::{percent, plural};
use crate::words::sentences::{self, capitalised};

/// What errors call it.
const NAME: &str = "ratios";

/// What a chart of one run asks.
pub(super) const QUESTION: &str = "Which is better, and how sure? Ratios with 95 % intervals";
const QUESTION_OF_TWO: &str = "What changed between two runs? Ratios with 95 % intervals";

pub(super) const HOW_TO_READ: &str = "The marker is the ratio to the target compared against, 1 where both are alike, and the bar its 95 % interval. A \
    bar wholly beyond the grey band is a difference that matters, if the p-value, adjusted for the number of metrics, bears it \
    out; one wholly within it is too small to matter; otherwise the comparison is inconclusive, and the figure beside it is the smallest detectable difference: \
    one that would have been found four times in five. The first panel is better to the left, the second to the right.";

/// Rows of a panel at most; a run has 16 targets at most, and of those all find room.
const ROWS_MAX: usize = 160;
/// The least height of a row, in nominal pixels.
const ROW: f64 = 15.0;
const TEXT_SIZE: f64 = 11.0;
/// Ratios further from 1 than this, either way, would press all others together: their rows end in an arrow, and the figures
/// beside them say how far.
const RATIO_MAX: f64 = 100.0;
/// Widths of the columns beside the rows: difference, interval, verdict.
const COLUMNS: [f64; 3] = [60.0, 116.0, 140.0];
/// Labels of rows have at most this width.
const LABELS_MAX: f64 = 220.0;
const GAP: f64 = 9.0;

/// Targets compared with others, as they are drawn.
pub(super) struct Compared<'a> {
    workload: WorkloadKind,
    /// Ratios within 1/(1 + margin) and 1 + margin don't matter.
    margin: f64,
    pairs: Vec<Pair<'a>>,
    /// Whether nothing was measured at all, or only one target.
    nothing: &'static str,
}

/// One target compared with another.
struct Pair<'a> {
    base: &'a str,
    head: &'a str,
    look: Look,
    comparisons: Vec<&'a Comparison>,
    /// What was not compared, and why.
    left_out: Vec<(Metric, Why<'a>)>,
}

/// Why a metric was not compared.
enum Why<'a> {
    /// It was reported when the others were compared.
    Missing(&'a Reason),
    /// A record tells only what was, and of whom.
    Between(&'a TargetRecord, &'a TargetRecord),
}

/// Whether anything in the record was compared.
pub(super) fn applies(record: &RunRecord) -> bool {
    !record.comparisons.is_empty() || record.aa.is_some()
}

/// All other targets of a run against its first, which is compared with its second self too, where it has one.
pub(super) fn of_run(record: &RunRecord) -> Compared<'_> {
    let workload = record.workload();
    let second_self = record.aa.as_ref();
    let heads = record
        .targets
        .iter()
        .map(|target| (target, &record.comparisons))
        .chain(second_self.map(|aa| (&aa.target, &aa.comparisons)));
    let names: Vec<&str> = heads
        .clone()
        .map(|(target, _)| target.name.as_str())
        .collect();
    let pairs = heads.zip(looks(&names)).skip(1);
    let pairs = pairs.filter_map(|((head, all), look)| {
        let base = record.targets.first()?;
        let comparisons = all.iter().filter(|comparison| comparison.head == head.name);
        let comparisons: Vec<&Comparison> = comparisons.collect();
        let is_missing = |metric: &Metric| {
            let mut known = comparisons.iter().map(|comparison| comparison.metric);
            !known.any(|known| known == *metric)
        };
        let missing = Metric::of_workload(workload)
            .iter()
            .copied()
            .filter(is_missing);
        let left_out = missing.map(|metric| (metric, Why::Between(base, head)));
        Some(Pair {
            base: &base.name,
            head: &head.name,
            look: look.solid(),
            left_out: left_out.collect(),
            comparisons,
        })
    });
    Compared {
        workload,
        margin: Policy::usual(record.seed).margin(),
        pairs: pairs.collect(),
        nothing: if record.targets.is_empty() {
            "No data: nothing was measured"
        } else {
            "No data: one target has nothing to be compared with"
        },
    }
}

/// The pairs of a comparison of two runs, or of targets of one.
fn of_runs<'a>(reported: &'a RunComparison, head: &RunRecord) -> Compared<'a> {
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    let mut pair_of = |of_base: &'a str, of_head: &'a str| {
        let known = pairs
            .iter()
            .position(|pair| pair.base == of_base && pair.head == of_head);
        known.unwrap_or_else(|| {
            let (look, _) = found(head, of_head, HEAD_MARK);
            pairs.push(Pair {
                base: of_base,
                head: of_head,
                look: look.solid(),
                comparisons: Vec::new(),
                left_out: Vec::new(),
            });
            pairs.len() - 1
        })
    };
    let compared: Vec<usize> = reported
        .comparisons
        .iter()
        .map(|comparison| pair_of(&comparison.base, &comparison.head))
        .collect();
    let left_out: Vec<usize> = reported
        .left_out
        .iter()
        .map(|left_out| pair_of(&left_out.base, &left_out.head))
        .collect();
    for (comparison, pair) in reported.comparisons.iter().zip(compared) {
        pairs[pair].comparisons.push(comparison);
    }
    for (missing, pair) in reported.left_out.iter().zip(left_out) {
        let why = Why::Missing(&missing.reason);
        pairs[pair].left_out.push((missing.metric, why));
    }
    Compared {
        workload: reported.workload,
        margin: reported.margin,
        pairs,
        nothing: "No data: nothing could be compared",
    }
}

/// How a target of a run looks there, and which it is, by its name with or without a mark.
fn found<'a>(run: &'a RunRecord, name: &str, mark: &str) -> (Look, Option<&'a TargetRecord>) {
    let names: Vec<&str> = run
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    let is_it = |target: &str| target == name || format!("{target} {mark}") == name;
    match names.iter().position(|target| is_it(target)) {
        Some(index) => (looks(&names)[index], Some(&run.targets[index])),
        None => (looks(&[name])[0], None),
    }
}

/// Draws targets of two runs, or of one, as SVG.
///
/// `base`, `head`: the records that `reported` was made of.
pub fn svg(
    reported: &RunComparison,
    base: &RunRecord,
    head: &RunRecord,
) -> Result<String, ChartError> {
    let pairs = of_runs(reported, head);
    let title = title(reported);
    let warning = warning(reported)
        .map(|warning| format!(" {warning}."))
        .unwrap_or_default();
    let description = format!(
        "{title}. {}.{warning} {HOW_TO_READ}",
        words(&pairs).join("; ")
    );
    tall_document(NAME, &title, &description, height(&pairs), |backend| {
        draw_runs(&mut Canvas::new(backend), reported, base, head)
    })
}

/// Draws the same as PNG.
pub fn png(
    reported: &RunComparison,
    base: &RunRecord,
    head: &RunRecord,
) -> Result<Vec<u8>, ChartError> {
    let height = height(&of_runs(reported, head));
    tall_picture(NAME, height, |backend| {
        draw_runs(&mut Canvas::new(backend), reported, base, head)
    })
}

fn draw_runs<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    reported: &RunComparison,
    base: &RunRecord,
    head: &RunRecord,
) -> Result<(), ChartError> {
    let pairs = of_runs(reported, head);
    let heading = Heading {
        title: title(reported),
        circumstances: circumstances(reported),
        warning: warning(reported),
    };
    let mut legend: Vec<Entry> = Vec::new();
    for pair in &pairs.pairs {
        for (name, run, mark) in [(pair.base, base, BASE_MARK), (pair.head, head, HEAD_MARK)] {
            let (look, target) = found(run, name, mark);
            if legend.iter().all(|known| known.name != name) {
                legend.push(Entry {
                    look: look.solid(),
                    name: name.to_owned(),
                    figures: pairs.figures(name),
                    manifest: target
                        .map(|target| target.manifest.legend())
                        .unwrap_or_default(),
                });
            }
        }
    }
    frame(canvas, &heading, &legend)
        .and_then(|room| draw(canvas, room, &pairs))
        .map_err(|refusal| refused(NAME, &refusal))
}

fn title(reported: &RunComparison) -> String {
    let question = match reported.basis {
        Basis::Paired => QUESTION,
        Basis::Reference | Basis::Unpaired => QUESTION_OF_TWO,
    };
    format!("{question}, {}", reported.scenario)
}

/// Load and runs in a line, and how they were compared.
fn circumstances(reported: &RunComparison) -> String {
    let runs = crate::words::between::runs(reported).unwrap_or_else(|| reported.base_run.clone());
    let reference = reported.reference.as_ref();
    let reference = reference.map(|name| format!("by their ratios to {name}"));
    let parts = [Some(reported.load.clone()), Some(runs), reference];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// What a reader should know before believing it, the gravest first. What could not be compared has rows of its own.
fn warning(reported: &RunComparison) -> Option<String> {
    let further = reported
        .warnings
        .iter()
        .filter(|warning| warning.code() != "not_compared");
    let mut warnings: Vec<(bool, String)> = further
        .map(|warning| {
            let shown = warnings::one(warning);
            let text = match warning.fact {
                Fact::DifferentRuns => {
                    "Unpaired: what the machine did between the runs is in the difference"
                        .to_owned()
                }
                _ if shown.voids => format!("Invalid: {}", shown.sentence()),
                _ => format!("Warning: {}", shown.sentence()),
            };
            (!shown.voids, text)
        })
        .collect();
    warnings.sort_by_key(|(is_light, _)| *is_light);
    let warnings: Vec<String> = warnings.into_iter().map(|(_, text)| text).collect();
    (!warnings.is_empty()).then(|| warnings.join(" · "))
}

impl Why<'_> {
    /// The reason for a metric, in a row whose label has named it.
    fn text(&self, metric: Metric) -> String {
        match self {
            Self::Missing(reason) => why_not(reason),
            Self::Between(base, head) => {
                let (of_base, of_head) = paired_blocks(&base.epochs, &head.epochs, metric);
                match compare(&of_base, &of_head, metric, &Policy::usual(0)) {
                    Err(left_out) => why_not(&why([base, head], &left_out).reason),
                    Ok(_) => "the record has no comparison of it".to_owned(),
                }
            }
        }
    }
}

impl Compared<'_> {
    /// What came of a target, in words; none where nothing did.
    pub(super) fn figures(&self, name: &str) -> Option<Figures> {
        let of_head = || self.pairs.iter().filter(|pair| pair.head == name);
        let verdicts: Vec<ComparisonVerdict> = of_head()
            .flat_map(|pair| &pair.comparisons)
            .map(|comparison| comparison.verdict)
            .collect();
        let mut reasons = of_head().flat_map(|pair| &pair.left_out);
        let full = if !verdicts.is_empty() {
            tally(&verdicts)
        } else if reasons.any(|(_, why)| matches!(why, Why::Missing(_))) {
            "not compared".to_owned()
        } else if self.pairs.iter().any(|pair| pair.base == name) {
            "compared against".to_owned()
        } else {
            return None;
        };
        let brief = full.clone();
        Some(Figures { full, brief })
    }

    /// The rows of a panel: what is better where it is less, or what is better where it is more.
    fn rows(&self, lower_is_better: bool) -> Vec<Row<'_>> {
        let metrics = Metric::with_optional(self.workload);
        let metrics = metrics.filter(|metric| metric.lower_is_better() == lower_is_better);
        let mut rows = Vec::new();
        for metric in metrics {
            match self.pairs.as_slice() {
                [] => {}
                [pair] => rows.extend(Row::of(
                    pair,
                    metric,
                    &sentences::short_name(metric, self.workload),
                )),
                pairs => {
                    let of_pairs = pairs
                        .iter()
                        .filter_map(|pair| Row::of(pair, metric, &self.label(pair)));
                    let of_pairs: Vec<Row<'_>> = of_pairs.collect();
                    if !of_pairs.is_empty() {
                        rows.push(Row::Heading(capitalised(sentences::name(
                            metric,
                            self.workload,
                        ))));
                        rows.extend(of_pairs);
                    }
                }
            }
        }
        rows
    }

    /// What a pair is called among others: by its head, and by its base too where they have several.
    fn label(&self, pair: &Pair<'_>) -> String {
        match self.base() {
            Some(_) => pair.head.to_owned(),
            None => format!("{} / {}", pair.head, pair.base),
        }
    }

    /// The target that all are compared with; none where there are several.
    fn base(&self) -> Option<&str> {
        let first = self.pairs.first()?.base;
        self.pairs
            .iter()
            .all(|pair| pair.base == first)
            .then_some(first)
    }
}

/// A row of a panel.
enum Row<'a> {
    /// The metric of the rows below.
    Heading(String),
    Ratio {
        label: String,
        look: Look,
        comparison: &'a Comparison,
    },
    Missing {
        label: String,
        metric: Metric,
        why: &'a Why<'a>,
    },
}

impl<'a> Row<'a> {
    fn of(pair: &'a Pair<'a>, metric: Metric, label: &str) -> Option<Self> {
        let label = label.to_owned();
        let is_it = |comparison: &&&Comparison| comparison.metric == metric;
        if let Some(comparison) = pair.comparisons.iter().find(is_it) {
            let look = pair.look;
            return Some(Self::Ratio {
                label,
                look,
                comparison,
            });
        }
        let (_, why) = pair
            .left_out
            .iter()
            .find(|(missing, _)| *missing == metric)?;
        Some(Self::Missing { label, metric, why })
    }

    fn label(&self) -> Option<&str> {
        match self {
            Self::Heading(_) => None,
            Self::Ratio { label, .. } | Self::Missing { label, .. } => Some(label),
        }
    }
}

/// The chart in words, for readers who can't see it: a sentence a row, without its stop.
pub(super) fn words(compared: &Compared<'_>) -> Vec<String> {
    let of_pairs = compared.pairs.iter().flat_map(|pair| {
        let drawn = pair.comparisons.iter().map(|comparison| {
            let Comparison {
                ratio,
                ci_low,
                ci_high,
                ..
            } = **comparison;
            let name = sentences::short_name(comparison.metric, compared.workload);
            format!(
                "{} against {}, {name}: {} ({}), {}",
                pair.head,
                pair.base,
                sentences::change(ratio),
                sentences::interval(ci_low, ci_high),
                comparison.verdict.name()
            )
        });
        let left_out = pair.left_out.iter().map(|(metric, _)| {
            let name = sentences::short_name(*metric, compared.workload);
            format!("{} against {}, {name}: not compared", pair.head, pair.base)
        });
        drawn.chain(left_out).collect::<Vec<String>>()
    });
    let words: Vec<String> = of_pairs.collect();
    if words.is_empty() {
        vec![compared.nothing.to_owned()]
    } else {
        words
    }
}

/// `2 better, 1 worse, 3 equivalent, 1 inconclusive`.
fn tally(verdicts: &[ComparisonVerdict]) -> String {
    type Is = fn(ComparisonVerdict) -> bool;
    let kinds: [(Is, &str); 4] = [
        (
            |verdict| verdict.is_different() && !verdict.is_worse(),
            "better",
        ),
        (ComparisonVerdict::is_worse, "worse"),
        (
            |verdict| verdict == ComparisonVerdict::Equivalent,
            "equivalent",
        ),
        (
            |verdict| verdict == ComparisonVerdict::Inconclusive,
            "inconclusive",
        ),
    ];
    let counted = kinds.into_iter().filter_map(|(is, word)| {
        let count = verdicts.iter().filter(|verdict| is(**verdict)).count();
        (count > 0).then(|| format!("{count} {word}"))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// The height of a chart that has room for every row, in nominal pixels.
pub(super) fn height(compared: &Compared<'_>) -> f64 {
    let panels = [true, false].map(|lower| compared.rows(lower).len().min(ROWS_MAX));
    let panels = panels.iter().filter(|rows| **rows > 0);
    let panels: f64 = panels.map(|rows| *rows as f64 * ROW + PANEL_EDGES).sum();
    (SURROUNDINGS + panels).max(HEIGHT)
}

/// A panel for what is better where it is less and one for what is better where it is more, a row a ratio.
pub(super) fn draw<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    room: Area,
    compared: &Compared<'_>,
) -> Result<(), Refusal> {
    let mut sides: Vec<(bool, Vec<Row<'_>>)> = [true, false]
        .into_iter()
        .map(|lower| (lower, compared.rows(lower)))
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    if sides.is_empty() {
        sides.push((true, Vec::new()));
    }
    let beside = Area {
        right: room.right - COLUMNS.iter().sum::<f64>(),
        ..room
    };
    let plans = sides
        .iter()
        .map(|(lower, rows)| plan(compared, *lower, rows))
        .collect();
    let x = axis(compared);
    let against = match (compared.base(), compared.pairs.as_slice()) {
        (Some(base), [pair]) => format!("Ratio of {} to {base}", pair.head),
        (Some(base), _) => format!("Ratio to {base}"),
        (None, _) => "Ratio".to_owned(),
    };
    let title = format!(
        "{against}, {}; grey: less than {} apart, too little to matter",
        x.scale_name(),
        percent(compared.margin)
    );
    let face = Type::new(12.0, QUIET);
    let panels = panels(
        canvas,
        beside,
        &x,
        // Nothing stands below the columns.
        &fitted(&title, face, room.right - beside.left - LABELS_MAX),
        plans,
    )?;
    if compared.pairs.is_empty() {
        return panels[0].say(canvas, compared.nothing);
    }
    column_heads(canvas, &panels[0], beside.right)?;
    for ((_, rows), panel) in sides.iter().zip(&panels) {
        ground(canvas, panel, compared.margin)?;
        for (index, row) in rows.iter().take(ROWS_MAX).enumerate() {
            let y = panel.at_y(panel.y.row(index));
            match row {
                Row::Heading(text) => heading(canvas, panel, index, text)?,
                Row::Ratio {
                    look, comparison, ..
                } => {
                    interval(canvas, panel, y, comparison, *look)?;
                    columns(canvas, (beside.right, y), comparison)?;
                }
                Row::Missing { metric, why, .. } => {
                    missing(canvas, panel, (beside.right, y), &why.text(*metric))?;
                }
            }
        }
    }
    Ok(())
}

fn plan(compared: &Compared<'_>, lower_is_better: bool, rows: &[Row<'_>]) -> PanelPlan {
    let shown = rows.len().min(ROWS_MAX);
    let labels = rows[..shown].iter().enumerate();
    let face = Type::new(12.0, QUIET);
    let labels =
        labels.filter_map(|(index, row)| Some((index, fitted(row.label()?, face, LABELS_MAX))));
    let (caption, side) = if lower_is_better {
        ("Lower is better", "left")
    } else {
        ("Higher is better", "right")
    };
    let who = match compared.pairs.as_slice() {
        [] => String::new(),
        [pair] => format!("{side} of 1, {} is better", fitted(pair.head, face, 160.0)),
        _ => format!("{side} of 1, the target is better"),
    };
    let hidden = match rows.len() - shown {
        0 => String::new(),
        hidden => format!(
            "; {} in the report's table",
            plural(hidden as u64, "row more", "rows more")
        ),
    };
    PanelPlan {
        caption: caption.to_owned(),
        note: format!("{who}{hidden}"),
        y: Axis::rows(shown.max(1), labels.collect::<Vec<_>>().into_iter()),
        references: Vec::new(),
        weight: shown.max(1) as f64 * ROW + PANEL_EDGES,
    }
}

/// An axis that holds the band and every interval, as far as [`RATIO_MAX`].
fn axis(compared: &Compared<'_>) -> Axis {
    let comparisons = compared.pairs.iter().flat_map(|pair| &pair.comparisons);
    let ends = comparisons
        .flat_map(|comparison| [comparison.ci_low, comparison.ci_high, comparison.ratio]);
    let edge = 1.0 + compared.margin;
    // A little beyond the band, so that it is seen to end.
    let start = (edge.powf(-1.5), edge.powf(1.5));
    let (low, high) = ends
        .filter(|end| end.is_finite())
        .fold(start, |(low, high), end| (low.min(end), high.max(end)));
    Axis::ratios(low.max(1.0 / RATIO_MAX), high.min(RATIO_MAX), 6)
}

/// The band of what doesn't matter, and the line of what is alike.
fn ground<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    margin: f64,
) -> Result<(), Refusal> {
    let Area { top, bottom, .. } = panel.area;
    let band = [1.0 / (1.0 + margin), 1.0 + margin].map(|ratio| panel.at_x(ratio));
    canvas.rectangle((band[0], top), (band[1], bottom), QUIET, 0.16)?;
    let one = panel.at_x(1.0);
    canvas.line(&[(one, top), (one, bottom)], Stroke::thin(BLACK))
}

fn interval<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    y: f64,
    comparison: &Comparison,
    look: Look,
) -> Result<(), Refusal> {
    let [low, ratio, high] =
        [comparison.ci_low, comparison.ratio, comparison.ci_high].map(|ratio| panel.at_x(ratio));
    let thick = Stroke {
        width: 2.5,
        ..Stroke::of(look)
    };
    canvas.line(&[(low, y), (high, y)], thick)?;
    let ends = [
        (low, comparison.ci_low < panel.x.low, 1.0),
        (high, comparison.ci_high > panel.x.high, -1.0),
    ];
    for (x, goes_on, inwards) in ends {
        if goes_on {
            let back = x + inwards * 7.0;
            let arrow: [Point; 3] = [(x, y), (back, y - 4.5), (back, y + 4.5)];
            canvas.fill(&arrow, look.colour, 1.0)?;
        } else {
            canvas.line(&[(x, y - 4.0), (x, y + 4.0)], Stroke::of(look))?;
        }
    }
    canvas.marker((ratio, y), look)
}

/// What the columns beside the rows are.
fn column_heads<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    left: f64,
) -> Result<(), Refusal> {
    let y = panel.area.top - CAPTION_HEIGHT / 2.0 - 2.0;
    let [difference, interval, _] = COLUMNS;
    let right = Type::new(TEXT_SIZE, QUIET).anchored(HPos::Right);
    canvas.text("difference", (left + difference, y), right)?;
    canvas.text("95 % interval", (left + difference + interval, y), right)?;
    let at = (left + difference + interval + GAP, y);
    canvas.text("verdict", at, Type::new(TEXT_SIZE, QUIET))
}

/// Difference, interval and verdict at the end of a row.
fn columns<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    (left, y): Point,
    comparison: &Comparison,
) -> Result<(), Refusal> {
    let [difference, interval, verdict] = COLUMNS;
    let right = Type::new(TEXT_SIZE, QUIET).anchored(HPos::Right);
    let change = sentences::change(comparison.ratio);
    canvas.text(
        &fitted(&change, right, difference),
        (left + difference, y),
        right,
    )?;
    let range = sentences::interval(comparison.ci_low, comparison.ci_high);
    let middle = left + difference + interval;
    canvas.text(&fitted(&range, right, interval - GAP), (middle, y), right)?;
    let face = face_of(comparison.verdict);
    let word = comparison.verdict.name();
    let word = if comparison.verdict == ComparisonVerdict::Inconclusive {
        format!(
            "{word}, {}",
            sentences::detectable(comparison.smallest_detectable)
        )
    } else {
        word.to_owned()
    };
    canvas.text(&fitted(&word, face, verdict - GAP), (middle + GAP, y), face)
}

fn face_of(verdict: ComparisonVerdict) -> Type {
    let inked = |colour: RGBColor| Type::new(TEXT_SIZE, colour);
    match verdict {
        ComparisonVerdict::Faster | ComparisonVerdict::Less => inked(BETTER).bold(),
        ComparisonVerdict::Slower | ComparisonVerdict::More => inked(WORSE).bold(),
        ComparisonVerdict::Equivalent => inked(BLACK),
        ComparisonVerdict::Inconclusive => inked(QUIET),
    }
}

/// A row of what was not compared: why, and that it was not.
fn missing<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    panel: &Panel,
    (left, y): Point,
    why: &str,
) -> Result<(), Refusal> {
    let face = Type::new(TEXT_SIZE, QUIET);
    let [difference, interval, _] = COLUMNS;
    let from = panel.area.left + GAP;
    let room = left + difference + interval - from;
    let why = fitted(why, face, room);
    // The line of what is alike, and the grid, would strike it through.
    let ends = (from + width_of(&why, face) + 2.0, y + TEXT_SIZE * 0.6);
    canvas.rectangle((from - 2.0, y - TEXT_SIZE * 0.6), ends, PAPER, 1.0)?;
    canvas.text(&why, (from, y), face)?;
    let at = (left + difference + interval + GAP, y);
    canvas.text("not compared", at, face)
}
