//! Lines of a terminal that are drawn again in their place while something goes on.
//!
//! The cursor stays at their end, where a terminal shows Ctrl-C as `^C`. A last line that reached the edge would be broken by
//! that: the next drawing would begin one line too low, and leave the first line standing. So the edge is never reached.
//!
//! There is one terminal, so what stands on it is one value for the whole program: it is taken off by what comes first, the
//! end of what was shown or the second signal.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ratatui::crossterm::Command;
use ratatui::crossterm::cursor::MoveUp;
use ratatui::crossterm::terminal::{Clear, ClearType};

use crate::glyphs::Glyphs;
use crate::page;

/// How often what is shown is drawn again.
pub(crate) const REDRAW_EVERY: Duration = Duration::from_millis(250);

/// Columns that stay free at the end of a line: for `^C`, and for the cursor behind it.
const FREE_COLUMNS: usize = 3;

/// Columns where the terminal doesn't say how many it has.
const USUAL_COLUMNS: u16 = 80;

/// What stands on the terminal; no line where nothing does.
static DRAWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Lines on standard error. Dropping them takes them off.
#[derive(Debug)]
pub(crate) struct Redrawn {
    /// Whether they are drawn at all.
    is_shown: bool,
    drawn_at: Option<Instant>,
}

impl Redrawn {
    /// Lines that are drawn if `is_shown`: standard error must then be a terminal that can go back to what it has shown.
    pub(crate) fn new(is_shown: bool) -> Self {
        Self {
            is_shown,
            drawn_at: None,
        }
    }

    /// Draws these lines in the place of those before. Each has at most [`columns`] characters.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        if !self.is_shown {
            return;
        }
        self.drawn_at = Some(Instant::now());
        let glyphs = Glyphs::of_environment();
        let lines: Vec<String> = lines
            .iter()
            .map(|line| glyphs.text(line).into_owned())
            .collect();
        let mut drawn = lock();
        write(&drawing(&drawn, &lines, width()));
        *drawn = lines;
    }

    /// The same, unless the last drawing is only a moment old.
    pub(crate) fn draw_if_due(&mut self, lines: &[String]) {
        let is_due = self.drawn_at.is_none_or(|at| at.elapsed() >= REDRAW_EVERY);
        if is_due {
            self.draw(lines);
        }
    }

    /// Has something said above the lines.
    pub(crate) fn above(&self, say: impl FnOnce()) {
        if !self.is_shown {
            return say();
        }
        let drawn = lock();
        write(&drawing(&drawn, &[], width()));
        say();
        write(&drawing(&[], &drawn, width()));
    }

    /// Takes the lines off, and leaves the cursor where they began.
    pub(crate) fn clear(&mut self) {
        self.drawn_at = None;
        let mut drawn = lock();
        write(&drawing(&drawn, &[], width()));
        drawn.clear();
    }
}

impl Drop for Redrawn {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Takes off whatever stands there, before the program ends: nothing can be drawn after it.
pub(crate) fn leave() {
    let drawn = lock();
    write(&drawing(&drawn, &[], width()));
    std::mem::forget(drawn);
}

/// Characters that a line may have.
pub(crate) fn columns() -> usize {
    width().saturating_sub(FREE_COLUMNS).max(1)
}

/// Columns of the terminal.
fn width() -> usize {
    usize::from(page::columns(io::stderr()).unwrap_or(USUAL_COLUMNS))
}

/// Lines are whole after every change to them.
fn lock() -> MutexGuard<'static, Vec<String>> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write(text: &str) {
    // A terminal that takes nothing any more shows nothing any more.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// What is written to draw `lines` over `drawn`, on a terminal of so many columns; nothing where there is neither.
///
/// It is written at once, and clears what is left over behind each line and below the last, so that nothing flickers.
fn drawing(drawn: &[String], lines: &[String], width: usize) -> String {
    let mut text = String::new();
    if drawn.is_empty() && lines.is_empty() {
        return text;
    }
    // A terminal that became narrower may have broken lines.
    let rows: usize = drawn
        .iter()
        .map(|line| line.chars().count().div_ceil(width.max(1)).max(1))
        .sum();
    text.push('\r');
    if rows > 1 {
        let up = u16::try_from(rows - 1).unwrap_or(u16::MAX);
        command(&mut text, &MoveUp(up));
    }
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            command(&mut text, &Clear(ClearType::UntilNewLine));
            text.push_str("\r\n");
        }
        text.push_str(line);
    }
    command(&mut text, &Clear(ClearType::FromCursorDown));
    text
}

fn command(text: &mut String, command: &impl Command) {
    command
        .write_ansi(text)
        .expect("writing to a string does not fail");
}

/// A bar of that many characters: `[====>     ]`.
pub(crate) fn bar(share: f64, width: usize) -> String {
    let room = width.saturating_sub(2);
    let full = whole(share.clamp(0.0, 1.0) * room as f64);
    let head = if full < room { ">" } else { "" };
    let rest = room - full - head.len();
    format!("[{}{head}{}]", "=".repeat(full), " ".repeat(rest))
}

/// Whole characters of a length.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the width of a screen"
)]
pub(crate) fn whole(length: f64) -> usize {
    length as usize
}

/// At most `columns` characters of it, the last of them saying that there were more.
pub(crate) fn cut(line: String, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line;
    }
    let kept: String = line.chars().take(columns.saturating_sub(1)).collect();
    kept + "…"
}

/// A duration for people: `50 s`, `3 min`.
pub(crate) fn approximate(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    const ROWS: NonZeroU16 = NonZeroU16::new(6).unwrap();

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    /// Two full lines below a prompt, whatever is typed into them, and then what `after` draws.
    fn check(width: u16, typed: &str, after: &[&str], shown: &str) {
        let columns = usize::from(width) - FREE_COLUMNS;
        let first = lines(&[&"a".repeat(columns), &"b".repeat(columns)]);
        let width = NonZeroU16::new(width).unwrap();
        let mut screen = vt100::Parser::new(ROWS, width, 0);
        screen.process(b"$ bench\r\n");
        let columns = usize::from(width.get());
        screen.process(drawing(&[], &first, columns).as_bytes());
        screen.process(typed.as_bytes());
        screen.process(drawing(&first, &lines(after), columns).as_bytes());
        let contents = screen.screen().contents();
        let contents: Vec<&str> = contents.lines().map(str::trim_end).collect();
        assert_eq!(contents.join("\n"), shown, "{width} {typed}");
    }

    #[test]
    fn what_a_terminal_shows_of_ctrl_c_leaves_no_line_behind() {
        for width in [10, 80, 200] {
            for typed in ["", "^C"] {
                check(width, typed, &[], "$ bench");
                check(width, typed, &["one"], "$ bench\none");
                check(width, typed, &["one", "two"], "$ bench\none\ntwo");
            }
        }
    }

    #[test]
    fn nothing_is_written_where_nothing_stands() {
        assert_eq!(drawing(&[], &[], 80), "");
    }

    #[test]
    fn lines_that_a_narrower_terminal_broke_are_taken_off_whole() {
        let width = NonZeroU16::new(10).unwrap();
        let long = lines(&[&"a".repeat(15), &"b".repeat(7)]);
        let mut screen = vt100::Parser::new(ROWS, width, 0);
        screen.process(b"$ bench\r\n");
        screen.process(drawing(&[], &long, 10).as_bytes());
        screen.process(drawing(&long, &[], 10).as_bytes());
        assert_eq!(screen.screen().contents().trim_end(), "$ bench");
    }

    #[test]
    fn a_bar_is_as_long_as_it_should_be() {
        for (share, width, drawn) in [
            (0.0, 10, "[>       ]"),
            (0.5, 10, "[====>   ]"),
            (1.0, 10, "[========]"),
            (7.0, 4, "[==]"),
        ] {
            assert_eq!(bar(share, width), drawn, "{share}");
        }
    }

    #[test]
    fn durations_are_rounded_for_people() {
        for (seconds, reported) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (121, "3 min")] {
            assert_eq!(approximate(Duration::from_secs(seconds)), reported);
        }
    }
}
