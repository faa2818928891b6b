//! The files that `/file/{kib}` reads, made once and kept in the user's cache directory.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::{Explain, Failure};

/// Where the files are unless the user says otherwise: `data` in this program's cache directory.
pub fn default_dir() -> Result<PathBuf, Failure> {
    Ok(cache_dir()?.join("data"))
}

/// Where this program keeps what it can make again: `bench` in the user's cache directory (XDG Base Directory Specification:
/// `$XDG_CACHE_HOME`, else `$HOME/.cache`).
pub fn cache_dir() -> Result<PathBuf, Failure> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    cache_of(variable("XDG_CACHE_HOME"), variable("HOME")).ok_or_else(|| {
        let help = format!("{HELP}; HOME, below which it would be otherwise, is not set");
        Failure::usage(miette::miette!(help = help, "there is no cache directory"))
    })
}

/// What to do where the cache can't be had.
const HELP: &str = "set XDG_CACHE_HOME to a directory that you may write to";

/// Paths that are not absolute are to be ignored (XDG Base Directory Specification, *Basics*).
fn cache_of(cache: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: Option<PathBuf>| path.filter(|path| path.is_absolute());
    let cache = absolute(cache).or_else(|| Some(absolute(home)?.join(".cache")));
    Some(cache?.join("bench"))
}

/// Makes every data file that is missing or has the wrong length.
pub fn prepare(dir: &Path) -> Result<(), Failure> {
    let explain = || format!("cannot make the data files in {}", dir.display());
    std::fs::create_dir_all(dir).or_usage(explain, HELP)?;
    for kib in spec::FILE_SIZES_KIB {
        let path = dir.join(spec::file_name(kib));
        let is_there =
            std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() == u64::from(kib) * 1024);
        if !is_there {
            write_whole(dir, &path, &spec::file_bytes(kib)).or_usage(explain, HELP)?;
        }
    }
    Ok(())
}

/// Written beside its place and then moved there: two runs that start together never see half a file.
fn write_whole(dir: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_file_is_made_anew_and_a_whole_one_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path()).unwrap();
        let one = dir.path().join(spec::file_name(1));
        std::fs::write(&one, b"cut").unwrap();
        let before = std::fs::metadata(dir.path().join(spec::file_name(2)))
            .unwrap()
            .modified()
            .unwrap();
        prepare(dir.path()).unwrap();
        assert_eq!(std::fs::read(&one).unwrap(), spec::file_bytes(1));
        assert_eq!(
            std::fs::metadata(dir.path().join(spec::file_name(2)))
                .unwrap()
                .modified()
                .unwrap(),
            before
        );
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            spec::FILE_SIZES_KIB.len()
        );
    }

    #[test]
    fn the_cache_is_found_without_a_home() {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        for (cache, home, expected) in [
            ("/c", "/h", "/c/bench"),
            ("/c", "", "/c/bench"),
            ("", "/h", "/h/.cache/bench"),
            ("relative", "/h", "/h/.cache/bench"),
            ("relative", "", ""),
            ("", "", ""),
        ] {
            assert_eq!(cache_of(path(cache), path(home)), path(expected));
        }
    }

    #[test]
    fn an_unwritable_place_is_named_with_a_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a-file");
        std::fs::write(&file, b"").unwrap();
        let failure = prepare(&file.join("below")).unwrap_err();
        assert!(
            failure.report.to_string().contains("a-file"),
            "{:?}",
            failure.report
        );
    }
}
