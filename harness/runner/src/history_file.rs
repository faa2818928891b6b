//! The file of a history: read as far as it is whole, and added to such that no run is lost.
//!
//! A process that adds has a lock on the file and appends with one write, which is on the disk before the lock goes. What an
//! interrupted write left is cut off by the next one; a rewrite goes to a file beside it and takes its place by one rename.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use analysis::history::{History, HistoryError, HistoryLine, MAX_FILE_BYTES, Pushed, Tail};
use model::words::plural;
use thiserror::Error;

use process::files;

/// Where the history is, unless the user names another place.
pub const HISTORY: &str = "results/history.ndjson";

/// How often the file is opened again because somebody rewrote it meanwhile.
const MAX_REOPENED: u32 = 100;

/// What adding to a history did.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// Runs that were added; the others were there already.
    pub runs: usize,
    /// The history now.
    pub history: History,
    /// Bytes of a run that was never written to its end, and are gone now.
    pub torn: Option<usize>,
}

impl Added {
    /// What was cut off, as a sentence; nothing where nothing was.
    pub fn cut_off(&self, path: &Path) -> Option<String> {
        self.torn.map(|bytes| {
            format!(
                "{}: its end, {} of a run that was never written whole, was removed.",
                path.display(),
                plural(bytes as u64, "byte", "bytes")
            )
        })
    }
}

/// Why a history can't be read or added to.
#[derive(Debug, Error)]
pub enum HistoryFileError {
    /// The file itself.
    #[error("cannot {verb} the history {file}: {source}")]
    File {
        /// What could not be done.
        verb: &'static str,
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// What is in it.
    #[error(transparent)]
    Content(#[from] HistoryError),
}

/// Reads a history, or standard input where it is called `-`, and says how it ends.
pub fn read(path: &Path) -> Result<(History, Tail), HistoryFileError> {
    let bytes = files::read(path, MAX_FILE_BYTES).map_err(|source| failed("read", path, source))?;
    Ok(History::read(&bytes, &path.display().to_string())?)
}

/// Adds runs to a history, which is made where there is none. A run that it has already is left out.
pub fn add(path: &Path, lines: Vec<HistoryLine>) -> Result<Added, HistoryFileError> {
    let failed = |source| failed("add to", path, source);
    let mut file = open_locked(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES as u64;
    (&file)
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > MAX_FILE_BYTES {
        let what = format!("it has more than {MAX_FILE_BYTES} bytes");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, what)));
    }
    let (history, tail) = History::read(&bytes, &path.display().to_string())?;
    let mut added = Added {
        runs: 0,
        history,
        torn: None,
    };
    let (end, mut text) = match tail {
        Tail::Whole => (bytes.len(), String::new()),
        Tail::Unended => (bytes.len(), "\n".to_owned()),
        Tail::Torn { bytes: torn } => {
            added.torn = Some(torn);
            (bytes.len() - torn, String::new())
        }
    };
    let mut is_rewritten = false;
    for line in lines {
        let mut known = added.history.lines().iter();
        if known.any(|known| is_same(known, &line)) {
            continue;
        }
        added.runs += 1;
        match added.history.push(line) {
            Pushed::Append(line) => text.push_str(&line),
            Pushed::Rewrite(whole) => (text, is_rewritten) = (whole, true),
        }
    }
    if added.runs == 0 {
        text.clear();
    }
    if is_rewritten {
        rewrite(path, &text).map_err(failed)?;
    } else if added.runs > 0 || added.torn.is_some() {
        append(&mut file, end as u64, &text).map_err(failed)?;
    }
    // Dropping the file releases the lock.
    Ok(added)
}

/// Whether two lines are of one run.
fn is_same(one: &HistoryLine, other: &HistoryLine) -> bool {
    let identity =
        |line: &HistoryLine| (line.id.clone(), line.started_at.clone(), line.host.clone());
    identity(one) == identity(other)
}

/// Opens the file and waits until nobody else adds to it.
fn open_locked(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    for _ in 0..MAX_REOPENED {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        // What never ends, or has no end to add to, would be waited for for ever.
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is no regular file",
            ));
        }
        file.lock()?;
        // The process that had the lock may have put another file in its place.
        let is_still_there = std::fs::metadata(path)
            .is_ok_and(|now| file.metadata().is_ok_and(|own| now.ino() == own.ino()));
        if is_still_there {
            return Ok(file);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        "others rewrite it again and again",
    ))
}

fn append(file: &mut File, end: u64, text: &str) -> io::Result<()> {
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

fn rewrite(path: &Path, text: &str) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut draft = tempfile::Builder::new()
        .prefix(".bench-")
        .tempfile_in(parent)?;
    draft.write_all(text.as_bytes())?;
    // Temporary files are for their owner only; a history is for all who could read it before.
    let permissions = std::fs::metadata(path)?.permissions();
    draft.as_file().set_permissions(permissions)?;
    draft.as_file().sync_all()?;
    draft.persist(path)?;
    File::open(parent)?.sync_all()
}

fn failed(verb: &'static str, path: &Path, source: io::Error) -> HistoryFileError {
    HistoryFileError::File {
        verb,
        file: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::history::MAX_RUNS;

    use std::sync::LazyLock;

    static LINE: LazyLock<HistoryLine> =
        LazyLock::new(|| HistoryLine::of(&samples::run_record(), None));

    fn numbered(number: usize) -> HistoryLine {
        HistoryLine {
            id: format!("run-{number}"),
            ..LINE.clone()
        }
    }

    fn total(added: &Added) -> usize {
        added.history.lines().len()
    }

    fn ids(path: &Path) -> Vec<String> {
        let (history, tail) = read(path).unwrap();
        assert_eq!(tail, Tail::Whole);
        history.lines().iter().map(|line| line.id.clone()).collect()
    }

    #[test]
    fn runs_are_added_once_each_below_directories_that_are_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results/history.ndjson");
        let added = add(&path, vec![numbered(0), numbered(1), numbered(0)]).unwrap();
        assert_eq!((added.runs, total(&added), added.torn), (2, 2, None));
        let again = add(&path, vec![numbered(1), numbered(2)]).unwrap();
        assert_eq!((again.runs, total(&again)), (1, 3));
        assert_eq!(ids(&path), ["run-0", "run-1", "run-2"]);
    }

    #[test]
    fn what_an_interrupted_write_left_is_cut_off_and_reported() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.ndjson");
        add(&path, vec![numbered(0), numbered(1)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for cut in [first + 1, first + 100, whole.len() - 2] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let added = add(&path, vec![numbered(2)]).unwrap();
            assert_eq!((added.torn, total(&added)), (Some(cut - first), 2));
            assert!(added.cut_off(&path).is_some());
            assert_eq!(ids(&path), ["run-0", "run-2"]);
        }
        // Only the line feed is missing: nothing is lost.
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(add(&path, vec![numbered(2)]).unwrap().torn, None);
        assert_eq!(ids(&path), ["run-0", "run-1", "run-2"]);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let error = add(&path, vec![numbered(0)]).unwrap_err().to_string();
        assert!(error.contains("it is no regular file"), "{error}");
    }

    #[test]
    fn another_file_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "shopping list").unwrap();
        let error = add(&path, vec![numbered(0)]).unwrap_err().to_string();
        assert!(
            error.contains("notes.txt:1: this is no line of a history"),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"shopping list");
        let error = add(dir.path(), vec![numbered(0)]).unwrap_err().to_string();
        assert!(error.starts_with("cannot add to the history"), "{error}");
    }

    #[test]
    fn writers_at_the_same_time_lose_no_run_even_while_the_file_is_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.ndjson");
        add(&path, (0..MAX_RUNS - 10).map(numbered).collect()).unwrap();
        let inode = || std::fs::metadata(&path).unwrap().ino();
        let before = inode();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..10 {
                        add(path, vec![numbered(10_000 + writer * 10 + number)]).unwrap();
                    }
                });
            }
        });
        assert_ne!(inode(), before, "past its bound it was rewritten");
        let mut new: Vec<String> = ids(&path)
            .into_iter()
            .filter(|id| id.len() == "run-10000".len())
            .collect();
        new.sort_unstable();
        let expected: Vec<String> = (10_000..10_040)
            .map(|number| format!("run-{number}"))
            .collect();
        assert_eq!(new, expected);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
