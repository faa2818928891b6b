//! The full screen: what it shows of a run, and what its keys mean. Pure; `screen` has the terminal.
//!
//! Every target has a mark of its own, so that nothing is shown by colour alone, and curves set their marks in turn, so that
//! none hides another that runs along with it. Where the locale has them, dots of braille join the marks.

use model::measured::recording::Counts;
use model::spec::plan::MAX_TARGETS;
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{
    Axis, Block, Cell, Chart, Clear, Dataset, GraphType, Paragraph, Row, Table, Wrap,
};
use report::words::{figures, sentences, terms};

use super::line::place_words;
use super::moment::Moment;
use super::progress::{Generator, NINES, Progress, STEPS_PER_NINE, Stage, Target};
use crate::glyphs::{self, Glyphs};
use crate::redrawn::{bar, cut, whole};
use crate::spread::Spread;

/// The smallest window that shows more than the two lines.
const SMALLEST: (u16, u16) = (60, 16);

/// Columns that a view needs to stand beside another.
const VIEW_COLUMNS: u16 = 60;

/// Rows that views keep, however many targets there are.
const VIEW_ROWS: u16 = 8;

/// Columns from which on the table has all of its figures.
const WIDE: u16 = 110;

/// What shows a target wherever it is drawn.
const MARKS: [char; MAX_TARGETS] = [
    'o', 'x', '+', '*', '#', '@', '%', '&', '=', '$', 'A', 'B', 'C', 'D', 'E', 'F',
];

/// Colours of the targets, over and over: of xterm's 256, since the sixteen look different on every terminal. Each has a contrast of
/// 3 at least to black and to white.
const COLOURS: [u8; 6] = [33, 166, 29, 134, 161, 136];

/// Columns from one mark on a line to the target's next.
const MARK_EVERY: u16 = 6;

/// Half the width of the line that an SLO is, in nines.
const SLO_HALF: f64 = 0.12;

/// An SLO is drawn among curves that come so near to it.
const SLO_WITHIN: f64 = 20.0;

/// How the screen may look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) glyphs: Glyphs,
    pub(super) has_colour: bool,
}

/// What a key asks of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Rest at the end of the block, or go on.
    TogglePause,
    /// End in order, with what was measured.
    Stop,
    /// End now.
    EndAtOnce,
}

/// What the screen shows at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct View {
    first: Shown,
    has_help: bool,
}

/// What can be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Shown {
    #[default]
    Percentiles,
    Epochs,
    SideBySide,
}

impl Shown {
    fn next(self) -> Self {
        match self {
            Self::Percentiles => Self::Epochs,
            Self::Epochs => Self::SideBySide,
            Self::SideBySide => Self::Percentiles,
        }
    }
}

impl View {
    /// A key was pressed. `is_stopping`: the run was asked to end before.
    pub(super) fn on_key(&mut self, key: KeyEvent, is_stopping: bool) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control && is_stopping => return Some(Action::EndAtOnce),
            KeyCode::Char('c') if is_control => return Some(Action::Stop),
            _ if is_control => {}
            KeyCode::Char('q') => return Some(Action::Stop),
            KeyCode::Char('p') => return Some(Action::TogglePause),
            KeyCode::Tab => self.first = self.first.next(),
            KeyCode::Char('?' | 'h') => self.has_help = !self.has_help,
            KeyCode::Esc => self.has_help = false,
            _ => {}
        }
        None
    }

    /// Draws the run as it is. `said`: the last line of conversation.
    pub(super) fn draw(
        self,
        frame: &mut Frame<'_>,
        progress: &Progress,
        moment: &Moment,
        said: Option<&str>,
        look: Look,
    ) {
        let area = frame.area();
        if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
            draw_small(frame, progress, moment);
        } else {
            self.draw_whole(frame, progress, moment, said, look);
        }
        if look.glyphs == Glyphs::Ascii {
            in_ascii(frame);
        }
    }

    fn draw_whole(
        self,
        frame: &mut Frame<'_>,
        progress: &Progress,
        moment: &Moment,
        said: Option<&str>,
        look: Look,
    ) {
        let area = frame.area();
        let rest = area.height - VIEW_ROWS - 6;
        let rows = u16::try_from(progress.targets.len() + 1)
            .unwrap_or(u16::MAX)
            .min(rest);
        let [head, views, table, said_row, generator, keys] = Layout::vertical([
            Constraint::Length(3),
            Constraint::Min(VIEW_ROWS),
            Constraint::Length(rows),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
        ])
        .areas(area);
        draw_head(frame, head, progress, moment);
        let count = (area.width / VIEW_COLUMNS).clamp(1, 3);
        let places = Layout::horizontal((0..count).map(|_| Constraint::Fill(1))).split(views);
        let mut shown = self.first;
        for &place in places.iter() {
            match shown {
                Shown::Percentiles => draw_percentiles(frame, place, progress, look),
                Shown::Epochs => draw_epochs(frame, place, progress, look),
                Shown::SideBySide => draw_side_by_side(frame, place, progress, look),
            }
            shown = shown.next();
        }
        draw_table(frame, table, progress, look);
        let width = usize::from(area.width);
        let line = |frame: &mut Frame<'_>, place, text: String| {
            frame.render_widget(Paragraph::new(cut(text, width)), place);
        };
        line(frame, said_row, said.unwrap_or_default().to_owned());
        let generator_words = progress
            .generator
            .as_ref()
            .map_or_else(|| "nothing measured yet".to_owned(), Generator::words);
        line(frame, generator, generator_words);
        line(frame, keys, keys_words(progress, moment));
        if self.has_help {
            draw_help(frame, area);
        }
    }
}

fn keys_words(progress: &Progress, moment: &Moment) -> String {
    let rests = matches!(progress.stage, Stage::Resting { .. });
    let pause = match (moment.is_stopping, rests || moment.wants_pause) {
        (true, _) => return "stopping: what was measured is kept    Ctrl-C end at once".to_owned(),
        (_, true) => "p go on",
        (_, false) => "p pause",
    };
    format!("{pause}    q stop    Tab next view    ? help")
}

/// A window too small for a picture.
fn draw_small(frame: &mut Frame<'_>, progress: &Progress, moment: &Moment) {
    let area = frame.area();
    let [place, figures] = super::line::lines(progress, moment, usize::MAX);
    let (columns, rows) = SMALLEST;
    let hint = format!("({columns} columns by {rows} rows show more)");
    let text = Text::from(vec![place.into(), figures.into(), hint.into()]);
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, progress: &Progress, moment: &Moment) {
    let width = usize::from(area.width);
    let title = cut(
        format!("{}: {}", progress.scenario, progress.question),
        width,
    );
    let text = Text::from(vec![
        Line::styled(title, Style::new().add_modifier(Modifier::BOLD)),
        cut(place_words(progress, moment), width).into(),
        bar(progress.share(), width).into(),
    ]);
    frame.render_widget(Paragraph::new(text), area);
}

/// How latency grows towards the slowest: one curve a target, of all its epochs so far.
fn draw_percentiles(frame: &mut Frame<'_>, area: Rect, progress: &Progress, look: Look) {
    let mut title = format!("Percentiles of {} so far", terms::time(progress.workload));
    let nines = progress
        .targets
        .iter()
        .filter_map(|target| target.curve.last())
        .map(|&(nines, _)| nines.ceil())
        .fold(1.0, f64::max);
    let curves: Vec<Vec<(f64, f64)>> = resampled(progress, nines, area.width, look);
    let top = progress
        .targets
        .iter()
        .filter_map(|target| target.curve.last());
    let top = top.map(|&(_, ns)| ns).fold(0.0, f64::max);
    let near = |&&(_, ns, _): &&(f64, f64, &str)| ns < top * SLO_WITHIN;
    let slo: Vec<_> = progress.objectives.iter().filter(near).collect();
    for (_, ns, name) in &progress.objectives {
        let figure = figures::time(*ns);
        title = format!("{title}, SLO {} {figure}", figures::percentile(name));
    }
    let slo = slo.iter().flat_map(|&&(at, ns, _)| {
        let steps = (-3..=3).map(f64::from);
        steps.map(move |step| ((at + step / 3.0 * SLO_HALF).min(nines), ns))
    });
    let names = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"];
    let labels = names
        .iter()
        .zip(0..=NINES)
        .filter(|(_, at)| f64::from(*at) <= nines)
        .map(|(name, _)| *name);
    let drawn = Drawn {
        marks: &curves,
        lines: &progress
            .targets
            .iter()
            .map(|target| target.curve.clone())
            .collect::<Vec<_>>(),
        slo: &slo.collect::<Vec<_>>(),
    };
    let across = (nines, labels.map(Line::from).collect());
    draw_chart(frame, area, &title, &drawn, across, look);
}

/// A mark every few columns, or a mark a column where no line joins them, the targets in turn: log-scaled points of each curve.
fn resampled(progress: &Progress, nines: f64, columns: u16, look: Look) -> Vec<Vec<(f64, f64)>> {
    let targets = progress.targets.len();
    let count = match look.glyphs {
        Glyphs::Ascii => targets,
        Glyphs::Unicode => targets.max(MARK_EVERY.into()),
    };
    let place = |column: u16| nines * f64::from(column) / f64::from(columns.max(2) - 1);
    let of = |(index, target): (usize, &Target)| {
        let first = index * count / targets;
        let columns = (0..columns).filter(|column| usize::from(*column) % count == first);
        let points = columns.filter_map(|column| {
            let step = (place(column) * f64::from(STEPS_PER_NINE)).round();
            // The curve ends where its samples do.
            let point = target
                .curve
                .iter()
                .find(|point| (point.0 * f64::from(STEPS_PER_NINE)).round() >= step)?;
            Some((place(column), point.1))
        });
        points.collect()
    };
    progress.targets.iter().enumerate().map(of).collect()
}

/// Whether the run drifts, and which epochs stand out: the median of each.
fn draw_epochs(frame: &mut Frame<'_>, area: Rect, progress: &Progress, look: Look) {
    let title = format!("Median {} of each epoch", terms::time(progress.workload));
    let medians: Vec<Vec<(f64, f64)>> = progress
        .targets
        .iter()
        .map(|target| target.medians.clone())
        .collect();
    let last = progress.epochs.max(2) - 1;
    let labels = vec![Line::from("epoch 1"), Line::from((last + 1).to_string())];
    let drawn = Drawn {
        marks: &medians,
        lines: &[],
        slo: &[],
    };
    draw_chart(frame, area, &title, &drawn, (last as f64, labels), look);
}

/// What is drawn in a chart: of each target, points of some place and nanoseconds.
struct Drawn<'a> {
    marks: &'a [Vec<(f64, f64)>],
    /// Points that are joined, where braille can be shown.
    lines: &'a [Vec<(f64, f64)>],
    /// Of no target: the SLO.
    slo: &'a [(f64, f64)],
}

/// Points of every target against a logarithmic axis of times. `across`: where the other axis ends, and its labels.
fn draw_chart(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    drawn: &Drawn<'_>,
    across: (f64, Vec<Line<'_>>),
    look: Look,
) {
    let block = Block::bordered().title(title);
    let all = drawn
        .marks
        .iter()
        .chain(drawn.lines)
        .flatten()
        .chain(drawn.slo);
    let times = all.map(|&(_, ns)| ns.max(1.0));
    let ends = times.fold(None, |ends: Option<(f64, f64)>, ns| {
        Some(ends.map_or((ns, ns), |(low, high)| (low.min(ns), high.max(ns))))
    });
    let Some((low, high)) = ends else {
        return draw_nothing(frame, area, block);
    };
    // A tenth of room at least, so that a flat line is not on the edge and its noise not as high as the window.
    let (low, high) = ((low / 1.05).log10(), (high * 1.05).log10());
    let logarithm = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
        points
            .iter()
            .map(|&(at, ns)| (at, ns.max(1.0).log10()))
            .collect()
    };
    let logarithms = |all: &[Vec<(f64, f64)>]| -> Vec<_> {
        all.iter().map(|points| logarithm(points)).collect()
    };
    let (marks, lines) = (logarithms(drawn.marks), logarithms(drawn.lines));
    let slo = logarithm(drawn.slo);
    let lines = match look.glyphs {
        Glyphs::Ascii => &[],
        Glyphs::Unicode => lines.as_slice(),
    };
    let of_slo = Dataset::default()
        .marker(Marker::Custom('─'))
        .graph_type(GraphType::Scatter)
        .data(&slo);
    let datasets = lines.iter().enumerate().map(|(index, points)| {
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(style(index, look))
            .data(points)
    });
    let datasets =
        datasets
            .chain([of_slo])
            .chain(marks.iter().enumerate().map(|(index, points)| {
                Dataset::default()
                    .marker(Marker::Custom(MARKS[index]))
                    .graph_type(GraphType::Scatter)
                    .style(style(index, look))
                    .data(points)
            }));
    let steps = if area.height >= 14 { 4 } else { 2 };
    let labels = (0..=steps).map(|step| {
        let at = low + (high - low) * f64::from(step) / f64::from(steps);
        Line::from(figures::time(10_f64.powf(at)))
    });
    let (end, names) = across;
    let chart = Chart::new(datasets.collect())
        .block(block)
        .legend_position(None)
        .x_axis(Axis::default().bounds([0.0, end]).labels(names))
        .y_axis(Axis::default().bounds([low, high]).labels(labels));
    frame.render_widget(chart, area);
}

fn draw_nothing(frame: &mut Frame<'_>, area: Rect, block: Block<'_>) {
    let text = Paragraph::new("Nothing measured yet.").block(block);
    frame.render_widget(text, area);
}

/// How the times of each target spread, next to one another: a row is the same stretch of time for all of them.
fn draw_side_by_side(frame: &mut Frame<'_>, area: Rect, progress: &Progress, look: Look) {
    let title = format!("How {} spread", plural(progress));
    let block = Block::bordered().title(title);
    let inner = block.inner(area);
    let counts: Vec<&Counts> = progress
        .targets
        .iter()
        .map(|target| &target.counts)
        .collect();
    let bins = usize::from(inner.height.max(2) - 1);
    let Some(spread) = Spread::of(&counts, bins) else {
        return draw_nothing(frame, area, block);
    };
    let count = u16::try_from(progress.targets.len()).expect("at most MAX_TARGETS");
    let width = usize::from(inner.width.saturating_sub(TIME_COLUMNS) / count).max(2) - 1;
    let names = progress.targets.iter().enumerate();
    let names = names.map(|(index, target)| {
        let name = cut(format!("{} {}", MARKS[index], target.name), width);
        Span::styled(format!(" {name:width$}"), style(index, look))
    });
    let from = usize::from(TIME_COLUMNS);
    let head = std::iter::once(Span::raw(format!("{:>from$}", "from"))).chain(names);
    let mut lines = vec![Line::from(head.collect::<Vec<_>>())];
    for bin in 0..bins {
        let time = figures::time(spread.begins_ns(bin));
        let bars = spread.heights.iter().enumerate().map(|(index, heights)| {
            let length = (heights[bin] * width as f64).ceil();
            let mark = MARKS[index].to_string();
            let bar = mark.repeat(whole(length).min(width));
            Span::styled(format!(" {bar:width$}"), style(index, look))
        });
        let row = std::iter::once(Span::raw(format!("{time:>from$}"))).chain(bars);
        lines.push(Line::from(row.collect::<Vec<_>>()));
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// Columns of a time with its unit.
const TIME_COLUMNS: u16 = 8;

fn plural(progress: &Progress) -> String {
    format!("{}s", terms::time(progress.workload))
}

/// The figures of every target; where there are more than rows, those around the one that is driven.
fn draw_table(frame: &mut Frame<'_>, area: Rect, progress: &Progress, look: Look) {
    let is_wide = area.width >= WIDE;
    let noun = terms::noun(progress.workload);
    let mut names = vec![String::new()];
    names.extend(["p50", "differs", "p99"].map(str::to_owned));
    names.push(format!("{noun}s/s"));
    names.push("failed".to_owned());
    if is_wide {
        names.extend(["epochs", "p90", "p99.9", "max", "CPU each", "memory"].map(str::to_owned));
    }
    let cells = |index: usize, target: &Target| {
        let times = &target.times;
        let differs = progress
            .ratio(index)
            .map(|(ratio, interval)| match interval {
                Some(interval) => sentences::interval(interval.low, interval.high),
                None => sentences::change(ratio),
            });
        let mut cells = vec![
            figures::maybe_time(times.p50),
            differs.unwrap_or_default(),
            figures::maybe_time(times.p99),
        ];
        cells.push(if target.epochs == 0 {
            figures::NONE.to_owned()
        } else {
            figures::per_s(target.per_s)
        });
        cells.push(match target.failure {
            Some(_) => "ended".to_owned(),
            None => figures::count(target.failed),
        });
        if is_wide {
            cells.push(target.epochs.to_string());
            cells.extend([times.p90, times.p99_9, times.max].map(figures::maybe_time));
            let cpu = target.cpu_us_per_request.map(|us| figures::time(us * 1e3));
            let memory = target.rss_bytes_max.map(|bytes| figures::mib(bytes as f64));
            cells.extend(
                [cpu, memory].map(|figure| figure.unwrap_or_else(|| figures::NONE.to_owned())),
            );
        }
        cells
    };
    let current = progress.current().map(|target| target.name.as_str());
    let room = usize::from(area.height.saturating_sub(1));
    let place = progress
        .targets
        .iter()
        .position(|target| Some(target.name.as_str()) == current)
        .unwrap_or(0);
    let first = (place + 1).saturating_sub(room);
    let shown = progress.targets.iter().enumerate().skip(first).take(room);
    let rows = shown.map(|(index, target)| {
        let is_current = Some(target.name.as_str()) == current;
        let name = Line::from(vec![
            Span::raw(if is_current { "> " } else { "  " }),
            Span::styled(MARKS[index].to_string(), style(index, look)),
            Span::raw(format!(" {}", target.name)),
        ]);
        let cells = cells(index, target).into_iter().map(right);
        Row::new(std::iter::once(Cell::from(name)).chain(cells))
    });
    let widths = names.iter().enumerate().map(|(column, _)| match column {
        0 => Constraint::Fill(1),
        2 => Constraint::Length(16),
        4 => Constraint::Length(11),
        _ => Constraint::Length(8),
    });
    let hidden = progress.targets.len().saturating_sub(room);
    let mut head: Vec<Cell<'_>> = names.iter().cloned().map(right).collect();
    if hidden > 0 {
        head[0] = Cell::from(format!("{hidden} more: a higher window"));
    }
    let head = Row::new(head).style(Style::new().add_modifier(Modifier::BOLD));
    let table = Table::new(rows, widths.collect::<Vec<_>>()).header(head);
    frame.render_widget(table, area);
}

fn right<'a>(text: String) -> Cell<'a> {
    Cell::from(Line::from(text).right_aligned())
}

fn style(index: usize, look: Look) -> Style {
    if look.has_colour {
        Style::new().fg(Color::Indexed(COLOURS[index % COLOURS.len()]))
    } else {
        Style::new()
    }
}

const HELP: &[&str] = &[
    "p        pause: the run rests at the end of this block, where",
    "         no comparison is under way; p again goes on",
    "q        stop; what was measured is kept, as after Ctrl-C",
    "Ctrl-C   stop; once more ends at once and keeps nothing",
    "Tab      next view",
    "? Esc    this help, and away",
    "",
    "Percentiles: the higher, the slower; right are the slowest.",
    "Epochs: where a target wanders, the machine or it changes.",
    "Side by side: how many of its times lie in each stretch.",
    "SLO: a short line at its percentile.",
    "differs: the median so far, against the first target, as its",
    "95 % interval from six blocks on. Verdicts come at the end.",
];

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let columns = HELP.iter().map(|line| line.len()).max().unwrap_or(0) + 2;
    let width = u16::try_from(columns).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(HELP.len() + 2)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let place = area.centered(Constraint::Length(width), Constraint::Length(height));
    let lines: Vec<Line<'_>> = HELP.iter().map(|line| Line::from(*line)).collect();
    frame.render_widget(Clear, place);
    let help = Paragraph::new(lines).block(Block::bordered().title("Help"));
    frame.render_widget(help, place);
}

/// Puts plain characters wherever others stand.
fn in_ascii(frame: &mut Frame<'_>) {
    for cell in &mut frame.buffer_mut().content {
        let letter = cell
            .symbol()
            .chars()
            .next()
            .filter(|letter| !letter.is_ascii());
        if let Some(plain) = letter.and_then(glyphs::ascii) {
            // One cell holds one character, whatever the longer form would be.
            let plain = plain.chars().next().unwrap_or('?');
            cell.set_char(plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::display::made_up_for_tests as made_up;
    use runner::run_event::RunEvent;

    const PLAIN: Look = Look {
        glyphs: Glyphs::Unicode,
        has_colour: false,
    };

    /// A window of that size, drawn.
    fn drawn(
        view: View,
        size: (u16, u16),
        progress: &Progress,
        moment: &Moment,
        look: Look,
    ) -> TestBackend {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        let said = Some("coroutine sustains 41,000/s in a closed loop");
        terminal
            .draw(|frame| view.draw(frame, progress, moment, said, look))
            .unwrap();
        terminal.backend().clone()
    }

    fn check(name: &str, view: View, size: (u16, u16), run: &(Progress, Duration)) {
        let moment = Moment {
            now: run.1,
            ..Moment::default()
        };
        insta::assert_snapshot!(name, drawn(view, size, &run.0, &moment, PLAIN));
    }

    fn after(keys: &[KeyCode]) -> View {
        let mut view = View::default();
        for &key in keys {
            view.on_key(key.into(), false);
        }
        view
    }

    const PAIR: [&str; 2] = ["callback", "coroutine"];
    const SMALL: (u16, u16) = (80, 24);
    const LARGE: (u16, u16) = (200, 50);

    #[test]
    fn the_screen_reads_as_reviewed() {
        let pair = made_up::run(&PAIR, 13);
        let tab = KeyCode::Tab;
        check("percentiles", after(&[]), SMALL, &pair);
        check("epochs", after(&[tab]), SMALL, &pair);
        check("side-by-side", after(&[tab, tab]), SMALL, &pair);
        check("help", after(&[KeyCode::Char('?')]), SMALL, &pair);
        check("large", after(&[]), LARGE, &pair);
        check("nothing-yet", after(&[]), SMALL, &made_up::run(&PAIR, 0));
        check("too-small", after(&[]), (59, 10), &pair);
    }

    #[test]
    fn as_many_targets_as_a_run_may_have_are_shown_around_the_one_that_is_driven() {
        let names: Vec<String> = (1..=MAX_TARGETS).map(|n| format!("mine-{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let run = made_up::run(&names, 13);
        let current = run.0.current().unwrap().name.clone();
        let tab = KeyCode::Tab;
        for (name, view) in [
            ("many", after(&[])),
            ("many-side-by-side", after(&[tab, tab])),
        ] {
            check(name, view, SMALL, &run);
            let moment = Moment::default();
            let text = drawn(view, SMALL, &run.0, &moment, PLAIN).to_string();
            assert!(text.contains(&format!(" {current} ")), "{current}: {text}");
        }
        check("many-large", after(&[]), LARGE, &run);
    }

    #[test]
    fn a_run_that_rests_or_ends_says_so() {
        let (mut progress, now) = made_up::run(&PAIR, 13);
        made_up::fail(&mut progress, "coroutine", now);
        let moment = Moment {
            now,
            wants_pause: true,
            ..Moment::default()
        };
        let text = |progress: &Progress, moment: &Moment| {
            drawn(after(&[]), SMALL, progress, moment, PLAIN).to_string()
        };
        let asked = text(&progress, &moment);
        assert!(asked.contains("pausing after this block") && asked.contains("p go on"));
        assert!(asked.contains("ended"), "coroutine failed: {asked}");
        progress.on(&RunEvent::Paused, now);
        let rests = text(&progress, &moment);
        assert!(rests.contains(": paused, about"), "{rests}");
        let stopping = Moment {
            is_stopping: true,
            ..moment
        };
        assert!(text(&progress, &stopping).contains("what was measured is kept"));
    }

    #[test]
    fn nothing_is_reported_by_colour_and_no_locale_is_asked_for_too_much() {
        let (progress, now) = made_up::run(&PAIR, 13);
        let moment = Moment {
            now,
            ..Moment::default()
        };
        let coloured = Look {
            has_colour: true,
            ..PLAIN
        };
        let ascii = Look {
            glyphs: Glyphs::Ascii,
            ..PLAIN
        };
        for view in [
            after(&[]),
            after(&[KeyCode::Tab]),
            after(&[KeyCode::Char('?')]),
        ] {
            let of = |look| drawn(view, LARGE, &progress, &moment, look);
            assert_eq!(of(PLAIN).to_string(), of(coloured).to_string());
            let has_colour = |backend: &TestBackend| {
                let mut cells = backend.buffer().content.iter();
                cells.any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
            };
            assert!(has_colour(&of(coloured)) && !has_colour(&of(PLAIN)));
            let text = of(ascii).to_string();
            assert!(text.is_ascii(), "{text}");
        }
    }

    /// The relative luminance of one of xterm's colours from 16 to 231 (WCAG 2.2).
    fn luminance(colour: u8) -> f64 {
        let cube = u32::from(colour) - 16;
        let levels = [0.0, 95.0, 135.0, 175.0, 215.0, 255.0];
        let parts = [
            (cube / 36, 0.2126),
            (cube / 6 % 6, 0.7152),
            (cube % 6, 0.0722),
        ];
        let part = |(level, share): (u32, f64)| {
            let value: f64 = levels[level as usize] / 255.0;
            share
                * if value <= 0.04045 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
        };
        parts.into_iter().map(part).sum()
    }

    #[test]
    fn colours_read_on_black_and_on_white() {
        for colour in COLOURS {
            let light = luminance(colour) + 0.05;
            assert!(light / 0.05 >= 3.0 && 1.05 / light >= 3.0, "{colour}");
        }
    }

    #[test]
    fn no_window_is_too_small_or_too_large_to_draw_in() {
        let run = made_up::run(&PAIR, 13);
        let moment = Moment::default();
        for width in [1, 2, 20, 59, 60, 61, 119, 120, 180, 500] {
            for height in [1, 2, 15, 16, 17, 100] {
                for keys in 0..3 {
                    let view = after(&vec![KeyCode::Tab; keys]);
                    drawn(view, (width, height), &run.0, &moment, PLAIN);
                }
            }
        }
    }

    #[test]
    fn keys_mean_what_the_help_says() {
        let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
        let key = |letter| KeyEvent::from(KeyCode::Char(letter));
        let released = KeyEvent {
            kind: KeyEventKind::Release,
            ..key('q')
        };
        let cases = [
            (key('p'), false, Some(Action::TogglePause)),
            (key('q'), false, Some(Action::Stop)),
            // Holding the key down does not lose what was measured.
            (key('q'), true, Some(Action::Stop)),
            (control('c'), false, Some(Action::Stop)),
            (control('c'), true, Some(Action::EndAtOnce)),
            (control('p'), false, None),
            (control('q'), false, None),
            (released, false, None),
            (key('x'), false, None),
            (KeyCode::Tab.into(), false, None),
        ];
        for (key, is_stopping, action) in cases {
            let mut view = View::default();
            assert_eq!(view.on_key(key, is_stopping), action, "{key:?}");
        }
        let tab = KeyCode::Tab;
        assert_eq!(after(&[tab, tab, tab]), View::default(), "views go around");
        let (help, escape) = (KeyCode::Char('?'), KeyCode::Esc);
        assert!(after(&[help]).has_help);
        assert_eq!(after(&[help, help]), View::default());
        assert_eq!(after(&[help, escape]), View::default());
    }
}
