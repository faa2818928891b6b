//! Reading what the user named: files or standard input, and never more than can be made sense of.

use std::io::{self, Read, Write};
use std::path::Path;

/// The name that means standard input.
pub const STDIN: &str = "-";

/// How the name begins of a file that is being written, until it takes its place.
pub const DRAFT: &str = ".bench-";

/// Reads a file, or standard input where it is called `-`, of at most `limit_bytes`.
pub fn read(path: &Path, limit_bytes: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(limit_bytes).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    if path == Path::new(STDIN) {
        io::stdin()
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
    }
    if bytes.len() > limit_bytes {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {limit_bytes} bytes"),
        ));
    }
    Ok(bytes)
}

/// As [`read`], for text.
pub fn read_text(path: &Path, limit_bytes: usize) -> io::Result<String> {
    String::from_utf8(read(path, limit_bytes)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes a file into a directory that is there; a reader meanwhile meets what was there before, or the whole. A link is
/// followed, and what is no regular file (a pipe, `/dev/stdout`) is written to as it is.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    if std::fs::metadata(path).is_ok_and(|file| !file.is_file() && !file.is_dir()) {
        return std::fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(bytes);
    }
    // Results are for everybody who may read their directory, and what is private stays so.
    let there = std::fs::metadata(path);
    let permissions = there.map_or(Permissions::from_mode(0o644), |file| file.permissions());
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Its error names no draft, which would mean nothing to the reader.
    std::fs::metadata(parent)?;
    let mut draft = tempfile::Builder::new()
        .prefix(DRAFT)
        .permissions(permissions)
        .tempfile_in(parent)?;
    draft.write_all(bytes)?;
    // The name must not be there before what it names is.
    draft.as_file().sync_data()?;
    draft.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_not_beyond() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"12345").unwrap();
        assert_eq!(read(file.path(), 5).unwrap(), b"12345");
        assert_eq!(
            read(file.path(), 4).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn what_is_written_anew_stays_whole_and_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a/file"), dir.path().join("link"));
        let missing = replace(&file, b"one").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        std::fs::create_dir(dir.path().join("a")).unwrap();
        replace(&file, b"one").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        replace(&link, b"two").unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
        // What is no file is nothing to put another in the place of.
        let error = replace(dir.path(), b"x").unwrap_err();
        assert!(dir.path().is_dir(), "{error}");
        replace(Path::new("/dev/null"), b"x").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
        assert_eq!(
            replace(Path::new("/dev/full"), b"x").unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }

    #[test]
    fn text_must_be_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0xff, 0xfe]).unwrap();
        assert_eq!(
            read_text(file.path(), 10).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
