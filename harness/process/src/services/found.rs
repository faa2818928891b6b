//! Services that the machine has, and whom they run as.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use model::spec::services::Service;
use nix::unistd::User;
use rustix::process::geteuid;

use super::error::ServiceError;
use crate::setup;
use crate::setup::found::on_path;
use crate::supervise::Account;

/// The variable that names the directory of PostgreSQL's programs.
const POSTGRES_VARIABLE: &str = "BENCH_POSTGRES";

/// The variable that names Redis' server.
const REDIS_VARIABLE: &str = "BENCH_REDIS";

/// Where Debian has a directory for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Users as whom PostgreSQL runs where this process is root's, since it refuses to run as root.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// PostgreSQL's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Postgres {
    /// The directory of `postgres` and `initdb`.
    pub(super) bin: PathBuf,
}

impl Postgres {
    /// One of its programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Whether its programs are in this directory.
    fn at(bin: PathBuf) -> Option<Self> {
        let is_there = |name| bin.join(name).is_file();
        (is_there("postgres") && is_there("initdb")).then_some(Self { bin })
    }

    /// Whether everybody may run it: each directory above may be entered, and its programs read.
    pub(super) fn is_for_everybody(&self) -> bool {
        let allows = |path: &Path, bits: u32| {
            fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & bits == bits)
        };
        self.bin.ancestors().all(|dir| allows(dir, 0o1)) && allows(&self.program("postgres"), 0o5)
    }
}

/// PostgreSQL: the one that is named, on the PATH, Debian's newest, or what was set up.
pub(super) fn postgres() -> Result<Postgres, ServiceError> {
    let missing = |found| ServiceError::Missing {
        service: Service::Postgres,
        found,
    };
    if let Some(named) = std::env::var_os(POSTGRES_VARIABLE) {
        let bin = PathBuf::from(named);
        let shown = bin.display().to_string();
        return Postgres::at(bin).ok_or_else(|| {
            missing(Some(format!(
                "{POSTGRES_VARIABLE} is {shown}, where postgres and initdb are not"
            )))
        });
    }
    let on_path = on_path("postgres")
        .and_then(|program| fs::canonicalize(program).ok())
        .and_then(|program| Some(program.parent()?.to_owned()));
    let set_up = setup::postgres_state().ok().into_iter();
    let set_up = set_up.filter_map(|it| it.is_ready.then_some(it.bin));
    on_path
        .into_iter()
        .chain(debian(Path::new(DEBIAN)))
        .chain(set_up)
        .find_map(Postgres::at)
        .ok_or_else(|| missing(None))
}

/// The directories of programs in which Debian has PostgreSQL, newest version first.
fn debian(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, bin)| bin).collect()
}

/// Redis' server, or Valkey's: the one that is named, or on the PATH.
pub(super) fn redis() -> Result<PathBuf, ServiceError> {
    let missing = |found| ServiceError::Missing {
        service: Service::Redis,
        found,
    };
    if let Some(named) = std::env::var_os(REDIS_VARIABLE) {
        let path = PathBuf::from(named);
        return if path.is_file() {
            Ok(path)
        } else {
            let found = format!("{REDIS_VARIABLE} is {}, which is no file", path.display());
            Err(missing(Some(found)))
        };
    }
    let mut names = ["redis-server", "valkey-server"].into_iter();
    names.find_map(on_path).ok_or_else(|| missing(None))
}

/// As whom PostgreSQL runs: nobody else where this process is not root's.
pub(super) fn account() -> Result<Option<Account>, ServiceError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let users = USERS.into_iter();
    let mut known = users.filter_map(|name| User::from_name(name).ok().flatten());
    let user = known.next().ok_or_else(|| ServiceError::Start {
        service: Service::Postgres,
        why: format!(
            "it refuses to run as root, and there is no user {}",
            USERS.join(" or ")
        ),
    })?;
    Ok(Some(Account {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_by_its_number() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["9", "15", "17", "common"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let found: Vec<_> = debian(dir.path())
            .iter()
            .map(|bin| bin.strip_prefix(dir.path()).unwrap().display().to_string())
            .collect();
        assert_eq!(found, ["17/bin", "15/bin", "9/bin"]);
        assert!(debian(&dir.path().join("nowhere")).is_empty());
    }

    #[test]
    fn what_is_below_a_closed_directory_is_not_for_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for name in ["postgres", "initdb"] {
            fs::write(bin.join(name), b"").unwrap();
            fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        let found = Postgres::at(bin).unwrap();
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
        assert!(!found.is_for_everybody());
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        assert!(found.is_for_everybody());
        assert_eq!(Postgres::at(dir.path().to_owned()), None);
    }
}
