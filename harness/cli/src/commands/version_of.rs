//! `bench version-of`: the version of a library that this program was built with. Its own manifests ask for it, as others
//! ask their interpreter.

use serde::Deserialize;

use crate::args::version_of::VersionOfArgs;
use crate::exit::Exit;
use crate::output::say;
use process::failure::Failure;

/// The versions that this program was built with.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// Prints the version.
pub(crate) fn run(args: &VersionOfArgs) -> Result<Exit, Failure> {
    let version = version_of(&args.name).ok_or_else(|| {
        Failure::usage(miette::miette!(
            help = "name a package of Cargo.lock",
            "this program was built without {}",
            args.name
        ))
    })?;
    say!("{version}");
    Ok(Exit::Success)
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

fn version_of(name: &str) -> Option<String> {
    let lock: Lock = toml::from_str(LOCK).expect("cargo writes its lock file as TOML");
    let mut packages = lock.package.into_iter();
    packages
        .find(|package| package.name == name)
        .map(|package| package.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_servers_run_on_has_a_version() {
        assert!(version_of("tokio").is_some_and(|version| version.starts_with("1.")));
        assert!(version_of("mio").is_some());
        assert_eq!(version_of("no-such-package"), None);
    }
}
