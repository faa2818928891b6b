//! How text is laid out on a terminal or in a file: wrapped, in the characters that it has.

use std::os::fd::AsFd;

use anstyle::Style;
use comfy_table::Table;

use crate::glyphs::Glyphs;

/// Widest line that is printed.
pub(crate) const WIDTH: u16 = 100;

/// The narrowest page that text is wrapped for.
const WIDTH_MIN: u16 = 40;

/// Columns where the terminal doesn't say how many it has.
pub(crate) const USUAL_WIDTH: u16 = 80;

/// The space at which no line is broken.
const NO_BREAK: &str = "\u{a0}";

/// What stands behind a figure and a space.
const UNITS: [&str; 9] = ["%", "ns", "µs", "us", "ms", "s", "min", "KiB", "MiB"];

/// How text is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Where lines are wrapped; nowhere in a file, whose reader may have any width, and may search it by lines.
    pub(crate) columns: Option<usize>,
    /// Lines of one screen; none where there is no end to them.
    pub(crate) rows: Option<usize>,
    pub(crate) glyphs: Glyphs,
}

impl Page {
    /// That of a stream.
    pub(crate) fn of(stream: impl AsFd) -> Self {
        let (columns, rows) = size(stream).unzip();
        let columns = columns.map(|columns| columns.clamp(WIDTH_MIN, WIDTH));
        Self {
            columns: columns.map(usize::from),
            rows: rows.map(usize::from).filter(|&rows| rows > 0),
            glyphs: Glyphs::of_environment(),
        }
    }

    /// A sentence in as many lines as it takes; those after the first are set in by `indent`. Words are never broken, nor is a
    /// figure from its unit.
    pub(crate) fn wrap(self, sentence: &str, indent: &str) -> String {
        let sentence = self.glyphs.text(sentence);
        let Some(columns) = self.columns else {
            return format!("{indent}{sentence}");
        };
        let options = textwrap::Options::new(columns)
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .initial_indent(indent)
            .subsequent_indent(indent);
        textwrap::fill(&with_units_held(&sentence), options).replace(NO_BREAK, " ")
    }

    /// A sentence whose beginning stands out: `head`, and then the rest.
    pub(crate) fn begin(self, style: Style, head: &str, rest: &str) -> String {
        let reported = self.wrap(&format!("{head}{rest}"), "");
        // A head that was broken stands out as far as its first line goes.
        let head = self.glyphs.text(head);
        let (head, rest) = match reported.strip_prefix(head.as_ref()) {
            Some(rest) => (head.as_ref(), rest),
            None => reported.split_at(reported.find('\n').unwrap_or(reported.len())),
        };
        format!("{style}{head}{style:#}{rest}")
    }

    /// A sentence of which as many words are left as fit on one line behind `taken` columns.
    pub(crate) fn cut(self, sentence: &str, taken: usize) -> String {
        const MORE: &str = " …";
        let fits = |text: &str| {
            let width = self.glyphs.text(text).chars().count() + taken;
            self.columns.is_none_or(|columns| width <= columns)
        };
        let mut text = sentence.to_owned();
        let mut rest = sentence;
        while !fits(&text)
            && let Some((before, _)) = rest.rsplit_once(' ')
        {
            rest = before;
            text = format!("{}{MORE}", rest.trim_end_matches([',', ':', ';', '(']));
        }
        text
    }

    /// A table in the characters of the page.
    pub(crate) fn set(self, table: Table) -> String {
        let text = self.lay(table);
        self.glyphs.text(&text).into_owned()
    }

    /// A table, its columns closer to one another where it would be too wide.
    pub(crate) fn lay(self, mut table: Table) -> String {
        let mut text = table.trim_fmt();
        if self.overflows(&text) {
            for column in table.column_iter_mut() {
                column.set_padding((1, 0));
            }
            text = table.trim_fmt();
        }
        text
    }

    /// Whether a text leaves a line of the screen for the prompt below it.
    pub(crate) fn holds(self, text: &str) -> bool {
        let columns = self.columns.unwrap_or(usize::MAX);
        let text = anstream::adapter::strip_str(text).to_string();
        let lines = text.lines();
        let taken: usize = lines
            .map(|line| line.chars().count().div_ceil(columns).max(1))
            .sum();
        self.rows.is_none_or(|rows| taken < rows)
    }

    /// Whether some line is too long.
    pub(crate) fn overflows(self, text: &str) -> bool {
        let columns = self.columns.unwrap_or(usize::MAX);
        text.lines().any(|line| line.chars().count() > columns)
    }
}

/// A sentence in which the spaces between figures and their units are such as no line is broken at.
fn with_units_held(sentence: &str) -> String {
    let mut held = String::with_capacity(sentence.len());
    for word in sentence.split(' ') {
        let unit = word.trim_end_matches(|letter: char| ",.;:)".contains(letter));
        let is_unit =
            UNITS.contains(&unit) && held.ends_with(|before: char| before.is_ascii_digit());
        if !held.is_empty() {
            held.push_str(if is_unit { NO_BREAK } else { " " });
        }
        held.push_str(word);
    }
    held
}

/// How many columns a stream's terminal has; none where it is no terminal, or doesn't say.
pub(crate) fn columns(stream: impl AsFd) -> Option<u16> {
    size(stream).map(|(columns, _)| columns)
}

/// Its columns and rows; rows that it doesn't tell are zero.
fn size(stream: impl AsFd) -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some((size.ws_col, size.ws_row))
}
