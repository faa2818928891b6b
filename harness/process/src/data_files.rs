//! The files that `/file/{kib}` reads, made once and kept in the user's cache directory.

use std::io::Write;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::failure::{Explain, Failure};

/// Where the files are unless the user says otherwise: `data` in this program's cache directory.
pub fn default_dir() -> Result<PathBuf, Failure> {
    Ok(cache_dir()?.join("data"))
}

/// Where this program keeps what it can make again: `bench` in the cache directory of this system.
pub fn cache_dir() -> Result<PathBuf, Failure> {
    let strategy = etcetera::choose_base_strategy().or_usage(
        || "cannot find a cache directory for the data files".to_owned(),
        "set HOME or XDG_CACHE_HOME, or name a directory with --data-dir",
    )?;
    Ok(strategy.cache_dir().join("bench"))
}

/// Makes every data file that is missing or has the wrong length.
pub fn prepare(dir: &Path) -> Result<(), Failure> {
    let explain = || format!("cannot make the data files in {}", dir.display());
    let help = "name a writable directory with --data-dir, or set XDG_CACHE_HOME";
    std::fs::create_dir_all(dir).or_usage(explain, help)?;
    for kib in spec::FILE_SIZES_KIB {
        let path = dir.join(spec::file_name(kib));
        let is_there =
            std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() == u64::from(kib) * 1024);
        if !is_there {
            write_whole(dir, &path, &spec::file_bytes(kib)).or_usage(explain, help)?;
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
