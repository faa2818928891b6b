//! What has to be there before a target can run: a runtime, in one of the versions that can be had.
//!
//! Knows names and versions. Must never know where a runtime is, nor how it gets there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::names;
use crate::words::listed;

/// The version that is the one which the machine has.
pub const ON_PATH: &str = "path";

/// What runs a server that is no program by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runtime {
    /// Node.js, and the npm packages of this project's JavaScript servers.
    Node,
    /// Bun, with the same packages.
    Bun,
    /// Deno, with the same packages.
    Deno,
    /// Go, and this project's Go server, built by it.
    Go,
    /// CPython, and a virtual environment with the packages of this project's Python servers.
    Python,
}

impl Runtime {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 5] = [Self::Node, Self::Bun, Self::Deno, Self::Go, Self::Python];

    /// As manifests write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Bun => "bun",
            Self::Deno => "deno",
            Self::Go => "go",
            Self::Python => "python",
        }
    }

    /// As people write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Node => "Node.js",
            Self::Bun => "Bun",
            Self::Deno => "Deno",
            Self::Go => "Go",
            Self::Python => "Python",
        }
    }

    /// The versions that can be asked for, the one first that is meant where none is. `path` is what the machine has; of Python
    /// the others must be there as well, and `t` marks builds without the global lock.
    pub fn versions(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["24", "22", "20", "26", ON_PATH],
            Self::Bun => &["1", ON_PATH],
            Self::Deno => &["2", ON_PATH],
            Self::Go => &["1.27", ON_PATH],
            Self::Python => &[ON_PATH, "3.11", "3.12", "3.13", "3.14", "3.13t", "3.14t"],
        }
    }

    /// One of its versions.
    pub fn version(self, version: &str) -> Result<Needs, NeedsError> {
        let known = self.versions();
        let known = known.iter().find(|known| **known == version);
        let version = known.ok_or_else(|| NeedsError::Version {
            runtime: self,
            version: names::shortened(version),
        })?;
        Ok(Needs {
            runtime: self,
            version,
        })
    }
}

/// What has to be set up before a target can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needs {
    /// What runs it.
    pub runtime: Runtime,
    /// One of [`Runtime::versions`].
    pub version: &'static str,
}

impl Needs {
    /// Everything that can be asked for.
    pub fn every() -> impl Iterator<Item = Self> {
        let each = Runtime::ALL.into_iter();
        each.flat_map(|runtime| {
            let versions = runtime.versions().iter();
            versions.map(move |version| Self { runtime, version })
        })
    }
}

impl fmt::Display for Needs {
    /// As manifests write it: `node@24`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.runtime.name(), self.version)
    }
}

impl FromStr for Needs {
    type Err = NeedsError;

    /// `node`, or `node@22`.
    fn from_str(text: &str) -> Result<Self, NeedsError> {
        let (name, version) = split_version(text);
        let runtime = Runtime::ALL
            .into_iter()
            .find(|runtime| runtime.name() == name)
            .ok_or_else(|| NeedsError::Runtime {
                name: names::shortened(name),
            })?;
        runtime.version(version.unwrap_or(runtime.versions()[0]))
    }
}

impl<'de> Deserialize<'de> for Needs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// `NAME@VERSION` in its halves, or a name alone.
pub(super) fn split_version(text: &str) -> (&str, Option<&str>) {
    text.split_once('@')
        .map_or((text, None), |(name, version)| (name, Some(version)))
}

/// A runtime that is not known, or not in this version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NeedsError {
    /// No such runtime.
    #[error("nothing is set up for `{name}`; known are {}", listed(&Runtime::ALL.map(|runtime| format!("`{}`", runtime.name()))))]
    Runtime {
        /// What was asked for.
        name: String,
    },
    /// No such version.
    #[error(
        "there is no version `{version}` of {} here; known are {}",
        runtime.title(),
        listed(&runtime.versions().iter().map(|known| format!("`{known}`")).collect::<Vec<_>>())
    )]
    Version {
        /// Of what.
        runtime: Runtime,
        /// What was asked for.
        version: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_read_with_or_without_its_version() {
        for (text, read) in [
            ("node", "node@24"),
            ("node@22", "node@22"),
            ("node@path", "node@path"),
            ("python", "python@path"),
            ("python@3.14t", "python@3.14t"),
            ("bun", "bun@1"),
            ("deno", "deno@2"),
            ("go", "go@1.27"),
        ] {
            assert_eq!(text.parse::<Needs>().unwrap().to_string(), read);
        }
    }

    #[test]
    fn what_is_not_known_is_said_with_what_is() {
        let refused = |text: &str| text.parse::<Needs>().unwrap_err().to_string();
        assert_eq!(
            refused("ruby"),
            "nothing is set up for `ruby`; known are `node`, `bun`, `deno`, `go` and `python`"
        );
        assert_eq!(
            refused("node@21"),
            "there is no version `21` of Node.js here; known are `24`, `22`, `20`, `26` and `path`"
        );
        assert!(refused("node@").starts_with("there is no version `` of Node.js"));
    }
}
