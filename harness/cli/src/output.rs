//! What is printed: text in the characters that the locale knows, data as it is. A reader that has gone (`| head`, a terminal that was closed) gets no more and costs nothing; a disk that is
//! full is named once, at the end, and makes the exit code 1. Nothing that was measured is lost by it.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::{LazyLock, Mutex};

use rustix::io::Errno;

use crate::exit::Exit;
use crate::glyphs::Glyphs;

/// The characters of the locale.
static GLYPHS: LazyLock<Glyphs> = LazyLock::new(Glyphs::of_environment);

/// Why standard output takes no more; none as long as it does.
static REFUSED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints to standard output, as `println!` does.
macro_rules! say {
    ($($what:tt)*) => { $crate::output::print(format_args!("{}\n", format_args!($($what)*))) };
}
/// Prints to standard output without a line feed.
macro_rules! put {
    ($($what:tt)*) => { $crate::output::print(format_args!($($what)*)) };
}
/// Prints to standard error, as `eprintln!` does. Where that takes nothing, there is nobody to tell.
macro_rules! note {
    ($($what:tt)*) => { $crate::output::notice(format_args!("{}\n", format_args!($($what)*))) };
}
/// Prints to standard error without a line feed.
macro_rules! note_part {
    ($($what:tt)*) => { $crate::output::notice(format_args!($($what)*)) };
}
pub(crate) use {note, note_part, put, say};

/// What the macros print with.
pub(crate) fn print(text: Arguments<'_>) {
    keep(anstream::stdout().write_all(GLYPHS.text(&text.to_string()).as_bytes()));
}

/// The same, on standard error.
pub(crate) fn notice(text: Arguments<'_>) {
    let _ = anstream::stderr().write_all(GLYPHS.text(&text.to_string()).as_bytes());
}

/// Writes what programs read, unchanged: all of it or what standard output takes.
pub(crate) fn bytes(bytes: &[u8]) {
    keep(io::stdout().write_all(bytes));
}

/// Writes JSON, and ends the line.
pub(crate) fn json(json: &str) {
    bytes(format!("{json}\n").as_bytes());
}

fn keep(written: io::Result<()>) {
    if let Err(error) = written {
        let mut refused = REFUSED
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        refused.get_or_insert(error);
    }
}

/// What the program exits with that would exit with `exit`: it says so where its output could not be written.
pub(crate) fn finish(exit: Exit) -> Exit {
    keep(io::stdout().flush());
    let refused = REFUSED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    match &*refused {
        Some(error) if !nobody_reads(error) => {
            note!("cannot write to standard output: {error}");
            if matches!(exit, Exit::Success) {
                Exit::Internal
            } else {
                exit
            }
        }
        _ => exit,
    }
}

/// A pipe whose reader has gone, or a terminal that was closed, of which Linux says what it says of a broken disk.
fn nobody_reads(error: &io::Error) -> bool {
    let is_device = || {
        rustix::fs::fstat(io::stdout())
            .is_ok_and(|file| rustix::fs::FileType::from_raw_mode(file.st_mode).is_char_device())
    };
    let is_input_output = error.raw_os_error() == Some(Errno::IO.raw_os_error());
    error.kind() == ErrorKind::BrokenPipe || (is_input_output && is_device())
}
