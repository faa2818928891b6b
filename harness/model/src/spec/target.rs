//! Targets: what may be measured, as data.
//!
//! This module knows names, manifests and addresses. It must never know how a target is launched: the launcher follows
//! its [`Manifest`].

mod manifest;
mod needs;
pub mod pools;

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use thiserror::Error;

use crate::names;
use crate::names::NameError;
use crate::spec::access::Access;
use crate::spec::address::{Address, AddressError};
use crate::spec::toml_source::SourceError;

pub use manifest::{
    DEFAULT_HOST, DEFAULT_READY_TIMEOUT, DEFAULT_STOP_TIMEOUT, Difference, MAX_ARG_BYTES,
    MAX_ENTRIES, MAX_LABEL_CHARS, MAX_SENTENCE_CHARS, MAX_SOURCE_BYTES, MAX_TIMEOUT, MAX_VERSIONS,
    MAX_WORKERS, Manifest, StopSignal, Template, UNKNOWN, Values, Workers,
};
pub use needs::{Needs, NeedsError, ON_PATH, Runtime};

/// One target of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSpec {
    /// What it is called in this run: passes [`names::check`], and is unique (see [`unique`]).
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Threads of its pool for blocking work; of no meaning where it takes none (see [`Kind::takes_pool`]).
    pub pool: u32,
}

/// What a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A server that is started for the run, as its manifest says.
    Launched(Box<Manifest>),
    /// A server that runs already.
    Running(Box<Running>),
}

/// A server that runs already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Where it is, with a path that stands before each of the scenario's.
    pub address: Address,
    /// How it is reached.
    pub access: Access,
    /// Its process, by which its CPU time and memory are read, where somebody said so.
    pub pid: Option<i32>,
}

/// A built-in manifest by its name.
macro_rules! built_in {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../../servers/targets/", $name, ".toml")),
        )
    };
}

/// The manifests that are compiled in: name and TOML source, in the order of lists.
pub const BUILT_IN: &[(&str, &str)] = &[
    built_in!("callback"),
    built_in!("callback-asyncio"),
    built_in!("callback-cluster"),
    built_in!("coroutine"),
    built_in!("coroutine-single"),
    built_in!("coroutine-asyncio"),
    built_in!("coroutine-libuv"),
    built_in!("node"),
    built_in!("node-cluster"),
    built_in!("express"),
    built_in!("fastify"),
    built_in!("fastify-postgres"),
    built_in!("hono"),
    built_in!("bun"),
    built_in!("hono-bun"),
    built_in!("deno"),
    built_in!("axum"),
    built_in!("hyper"),
    built_in!("go"),
    built_in!("fastapi"),
    built_in!("fastapi-uvloop"),
    built_in!("uvicorn"),
    built_in!("uvicorn-uvloop"),
    built_in!("fastapi-def"),
    built_in!("fastapi-psycopg"),
    built_in!("fastapi-sqlalchemy"),
    built_in!("fastapi-httpx"),
    built_in!("starlette"),
    built_in!("granian"),
    built_in!("gunicorn"),
    built_in!("hypercorn"),
];

/// What stands for every built-in target at once where targets are named.
pub const ALL: &str = "all";

/// What stands for the reference servers at once: those of this workspace, each of which differs from another in one factor.
pub const REFERENCE: &str = "reference";

/// The reference servers: both styles on the loop like libuv's, both on the one like asyncio's, coroutines on tokio's schedulers,
/// and callbacks on a loop for each core.
pub const REFERENCE_TARGETS: [&str; 7] = [
    "callback",
    "coroutine-libuv",
    "callback-asyncio",
    "coroutine-asyncio",
    "coroutine-single",
    "coroutine",
    "callback-cluster",
];

/// Threads of the pool for blocking work unless set otherwise, the same for every server: libuv's default.
pub const DEFAULT_POOL: u32 = 4;

/// The pair that is compared where nothing else is asked for.
pub const DEFAULT_PAIR: [&str; 2] = ["callback", "coroutine"];

impl TargetSpec {
    /// Reads a built-in target as people name it: `node`, `node@22` on this version of its runtime, or `before=node` under another
    /// name.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let (name, what) = Self::split_alias(text);
        let (kind, version) = needs::split_version(what);
        let (kind, source) = BUILT_IN
            .iter()
            .find(|(known, _)| *known == kind)
            .ok_or_else(|| TargetError::Unknown {
                name: names::shortened(kind),
                nearest: names::nearest(kind, BUILT_IN.iter().map(|(known, _)| *known)),
            })?;
        let parsed = |source: &str| {
            Manifest::parse(source, &format!("{kind}.toml"))
                .expect("every built-in manifest is parsed by a test")
        };
        let manifest = parsed(source);
        let manifest = match (version, manifest.needs) {
            (None, _) => manifest,
            (Some(version), Some(needs)) => {
                parsed(&versioned(source, needs.runtime.version(version)?))
            }
            (Some(_), None) => {
                return Err(TargetError::NoVersions {
                    name: (*kind).to_owned(),
                });
            }
        };
        Self::of_manifest(name.unwrap_or(what), manifest)
    }

    /// Reads what people name: [`ALL`], which is every built-in target in the order of lists, [`REFERENCE`], or one as
    /// [`TargetSpec::parse`] does.
    pub fn parse_each(text: &str) -> Result<Vec<Self>, TargetError> {
        let (alias, kind) = Self::split_alias(text);
        let group: Vec<&str> = match kind {
            ALL => BUILT_IN.iter().map(|(name, _)| *name).collect(),
            REFERENCE => REFERENCE_TARGETS.to_vec(),
            _ => return Ok(vec![Self::parse(text)?]),
        };
        if alias.is_some() {
            return Err(TargetError::AliasOfGroup {
                text: names::shortened(text),
                group: kind.to_owned(),
            });
        }
        group.into_iter().map(Self::parse).collect()
    }

    /// A target of this manifest, called `name`.
    pub fn of_manifest(name: &str, manifest: Manifest) -> Result<Self, TargetError> {
        names::check(name)?;
        Ok(Self {
            name: name.to_owned(),
            kind: Kind::Launched(Box::new(manifest)),
            pool: DEFAULT_POOL,
        })
    }

    /// The same target under another name.
    pub fn renamed(&self, name: &str) -> Result<Self, TargetError> {
        names::check(name)?;
        Ok(Self {
            name: name.to_owned(),
            ..self.clone()
        })
    }

    /// The same with so many workers, where it can have several.
    pub fn with_workers(self, workers: NonZeroU32) -> Result<Self, SourceError> {
        let kind = match self.kind {
            Kind::Launched(manifest) if manifest.takes_workers() => {
                Kind::Launched(Box::new(manifest.with_workers(workers)?))
            }
            kind => kind,
        };
        Ok(Self { kind, ..self })
    }

    /// `ALIAS=WHAT` in its halves, or `WHAT` alone.
    pub fn split_alias(text: &str) -> (Option<&str>, &str) {
        text.split_once('=')
            .map_or((None, text), |(alias, what)| (Some(alias), what))
    }

    /// Reads a running server as people name it: `mine=http://127.0.0.1:8080`.
    pub fn parse_url(text: &str) -> Result<Self, TargetError> {
        // Without a name the first `=` would belong to the address, if it stood there at all.
        let named = text.split_once('=').filter(|(name, _)| !name.contains(':'));
        let (name, url) = named.ok_or_else(|| TargetError::NoName {
            // What stands before an `@` may be a password.
            text: names::shortened(text.rsplit_once('@').map_or(text, |(_, rest)| rest)),
        })?;
        Self::running(name, url, Access::default(), None)
    }

    /// A server that runs already, called `name`: where it is, and how it is reached.
    pub fn running(
        name: &str,
        url: &str,
        access: Access,
        pid: Option<i32>,
    ) -> Result<Self, TargetError> {
        names::check(name)?;
        Ok(Self {
            name: name.to_owned(),
            kind: Kind::Running(Box::new(Running {
                address: Address::parse_base(url)?,
                access,
                pid,
            })),
            pool: DEFAULT_POOL,
        })
    }
}

/// Every built-in manifest as it may stand in a record: each on every version of its runtime.
pub fn built_in_sources() -> impl Iterator<Item = String> {
    BUILT_IN.iter().flat_map(|(_, source)| {
        let is_needed = |needs: &Needs| source.contains(&needs_line(needs.runtime.name()));
        let versions = Needs::every().filter(is_needed);
        versions
            .map(|needs| versioned(source, needs))
            .chain([(*source).to_owned()])
    })
}

/// A built-in manifest with this version of the runtime that it needs.
fn versioned(source: &str, needs: Needs) -> String {
    source.replacen(
        &needs_line(needs.runtime.name()),
        &needs_line(&needs.to_string()),
        1,
    )
}

fn needs_line(what: &str) -> String {
    format!("\nneeds = \"{what}\"\n")
}

impl Kind {
    /// Whether it is reached over TLS.
    pub fn is_secured(&self) -> bool {
        match self {
            Self::Running(running) => running.address.is_secured,
            Self::Launched(manifest) => manifest.is_secured(),
        }
    }

    /// The name in lists and records; `url` for a server that runs already.
    pub fn name(&self) -> &str {
        match self {
            Self::Launched(manifest) => &manifest.name,
            Self::Running(_) => "url",
        }
    }

    /// Whether it takes the size of its pool.
    pub fn takes_pool(&self) -> bool {
        self.manifest().is_some_and(Manifest::takes_pool)
    }

    /// Where it is, if it runs already.
    pub fn running(&self) -> Option<&Running> {
        match self {
            Self::Launched(_) => None,
            Self::Running(running) => Some(running),
        }
    }

    /// Whether it takes how many workers it has.
    pub fn takes_workers(&self) -> bool {
        self.manifest().is_some_and(Manifest::takes_workers)
    }

    /// How it is started, unless it runs already.
    pub fn manifest(&self) -> Option<&Manifest> {
        match self {
            Self::Launched(manifest) => Some(manifest),
            Self::Running(_) => None,
        }
    }
}

/// Checks that no two targets of a run go by the same name.
pub fn unique(targets: &[TargetSpec]) -> Result<(), TargetError> {
    let mut seen = BTreeSet::new();
    match targets.iter().find(|target| !seen.insert(&target.name)) {
        None => Ok(()),
        Some(twice) => Err(TargetError::Twice {
            name: twice.name.clone(),
            kind: twice.kind.name().to_owned(),
        }),
    }
}

/// What is wrong with the name of a target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetError {
    /// No such target.
    #[error("no target is called `{name}`{}; known are {}, all of them as `{ALL}`, this program's as `{REFERENCE}`, a manifest as `./mine.toml`, and `--url NAME=http://…` for a server that runs already", names::hint(*nearest), built_in_names())]
    Unknown {
        /// The name asked for.
        name: String,
        /// The one that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A version that there isn't.
    #[error(transparent)]
    Version(#[from] NeedsError),
    /// A version of what has none.
    #[error("`{name}` is part of this program and has no versions: leave `@…` out")]
    NoVersions {
        /// The target.
        name: String,
    },
    /// One name for all targets.
    #[error(
        "`{text}` would give several targets one name: write `{group}`, or alias them one by one"
    )]
    AliasOfGroup {
        /// What was typed.
        text: String,
        /// [`ALL`] or [`REFERENCE`].
        group: String,
    },
    /// A name that can't be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An address without a name.
    #[error("`{text}` has no name: write NAME=URL, as in `mine=http://127.0.0.1:8080`")]
    NoName {
        /// What was typed.
        text: String,
    },
    /// An address that can't be one.
    #[error("{0}; {help}", help = .0.help)]
    Address(#[from] AddressError),
    /// Several pool sizes for a target that takes none.
    #[error(
        "`{name}` takes no pool size, so that measuring it at several would show nothing: leave it out, give one size, or hand {{pool}} to it in its manifest"
    )]
    NoPool {
        /// The name.
        name: String,
    },
    /// Two targets of the same name.
    #[error("two targets are called `{name}`: give one another name, as in `{name}-2={kind}`")]
    Twice {
        /// The name.
        name: String,
        /// What the second one is.
        kind: String,
    },
}

fn built_in_names() -> String {
    BUILT_IN
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, kind: &str) {
        let target = TargetSpec::parse(text).unwrap();
        assert_eq!(
            (target.name.as_str(), target.kind.name()),
            (name, kind),
            "{text}"
        );
    }

    #[test]
    fn a_target_goes_by_its_own_name_or_by_an_alias() {
        for (name, _) in BUILT_IN {
            check(name, name, name);
        }
        check("before=callback", "before", "callback");
        check("a=coroutine-single", "a", "coroutine-single");
        for name in DEFAULT_PAIR {
            assert!(TargetSpec::parse(name).is_ok());
        }
    }

    #[test]
    fn a_target_can_be_had_on_each_version_of_its_runtime() {
        for (name, _) in BUILT_IN {
            let target = TargetSpec::parse(name).unwrap();
            let Some(needs) = target.kind.manifest().unwrap().needs else {
                assert_eq!(
                    TargetSpec::parse(&format!("{name}@1")),
                    Err(TargetError::NoVersions {
                        name: (*name).to_owned()
                    })
                );
                continue;
            };
            for version in needs.runtime.versions() {
                let text = format!("{name}@{version}");
                let target = TargetSpec::parse(&text).unwrap();
                assert_eq!((&*target.name, target.kind.name()), (&*text, *name));
                let manifest = target.kind.manifest().unwrap();
                assert_eq!(manifest.needs, needs.runtime.version(version).ok());
                // A record has only the manifest, and is read by it.
                assert!(
                    built_in_sources().any(|source| source == manifest.source),
                    "{text}"
                );
            }
        }
        check("old=node@20", "old", "node");
        let error = TargetSpec::parse("node@21").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no version `21` of Node.js"),
            "{error}"
        );
    }

    #[test]
    fn all_is_every_built_in_target_in_the_order_of_lists_and_takes_no_alias() {
        let all = TargetSpec::parse_each("all").unwrap();
        assert!(
            all.iter()
                .map(|target| target.name.as_str())
                .eq(BUILT_IN.iter().map(|(name, _)| *name))
        );
        assert_eq!(unique(&all), Ok(()));
        assert_eq!(
            TargetSpec::parse_each("b=callback").unwrap(),
            [TargetSpec::parse("b=callback").unwrap()]
        );
        assert_eq!(
            TargetSpec::parse_each("x=all").unwrap_err().to_string(),
            "`x=all` would give several targets one name: write `all`, or alias them one by one"
        );
        let reference = TargetSpec::parse_each(REFERENCE).unwrap();
        let names: Vec<_> = reference.iter().map(|target| &*target.name).collect();
        assert_eq!(names, REFERENCE_TARGETS);
        // All but the cluster have a place in the experiment, and none has another's.
        let factors = |target: &TargetSpec| target.kind.manifest()?.factors;
        let places: BTreeSet<_> = reference.iter().filter_map(factors).collect();
        assert_eq!(places.len(), REFERENCE_TARGETS.len() - 1);
        assert_eq!(reference.last().and_then(factors), None);
    }

    #[test]
    fn a_mistyped_target_is_answered_with_the_nearest() {
        let error = TargetSpec::parse("calback").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no target is called `calback` (did you mean `callback`?); known are callback, callback-asyncio, \
             callback-cluster, coroutine, coroutine-single, coroutine-asyncio, coroutine-libuv, node, node-cluster, express, fastify, \
             fastify-postgres, hono, bun, hono-bun, deno, axum, hyper, go, fastapi, fastapi-uvloop, uvicorn, uvicorn-uvloop, fastapi-def, \
             fastapi-psycopg, fastapi-sqlalchemy, fastapi-httpx, starlette, granian, gunicorn, hypercorn, all of them as `all`, this program's as `reference`, a manifest as `./mine.toml`, and `--url NAME=http://…` for a server that runs already"
        );
        assert!(matches!(
            TargetSpec::parse("zebra"),
            Err(TargetError::Unknown { nearest: None, .. })
        ));
        assert!(matches!(
            TargetSpec::parse("A b=callback"),
            Err(TargetError::Name(_))
        ));
        assert!(matches!(
            TargetSpec::parse("=callback"),
            Err(TargetError::Name(_))
        ));
        assert!(matches!(
            TargetSpec::parse("x="),
            Err(TargetError::Unknown { .. })
        ));
    }

    #[test]
    fn a_running_server_needs_a_name() {
        let target = TargetSpec::parse_url("mine=http://127.0.0.1:8080").unwrap();
        assert_eq!((target.name.as_str(), target.kind.name()), ("mine", "url"));
        for text in [
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080/?a=b",
            "mine",
        ] {
            assert!(
                matches!(TargetSpec::parse_url(text), Err(TargetError::NoName { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn two_targets_of_one_name_are_refused_with_the_remedy() {
        let twice = [
            TargetSpec::parse("callback").unwrap(),
            TargetSpec::parse("callback").unwrap(),
        ];
        assert_eq!(
            unique(&twice).unwrap_err().to_string(),
            "two targets are called `callback`: give one another name, as in `callback-2=callback`"
        );
        assert_eq!(
            unique(&[
                TargetSpec::parse("callback").unwrap(),
                TargetSpec::parse("b=callback").unwrap()
            ]),
            Ok(())
        );
        assert_eq!(unique(&[]), Ok(()));
    }
}
