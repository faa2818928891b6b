//! What a user names: scenarios and targets, built in or in files.

use std::num::NonZeroU32;
use std::path::Path;

use model::names;
use model::spec::access::{Access, TrustSpec};
use model::spec::scenario::{BUILT_IN, MAX_SOURCE_BYTES, Scenario};
use model::spec::target;
use model::spec::target::{DEFAULT_PAIR, Kind, Manifest, Running, TargetSpec};
use process::failure::{Explain, Failure};
use process::files::{self, STDIN};

/// A scenario by name, from a file, or from standard input.
pub(crate) fn scenario(name: &str) -> Result<Scenario, Failure> {
    let path = Path::new(name);
    let is_built_in = BUILT_IN.iter().any(|(known, _)| *known == name);
    let looks_like_a_file = path.extension().is_some() || name.contains('/') || path.is_file();
    if name != STDIN && (is_built_in || !looks_like_a_file) {
        return Scenario::built_in(name).map_err(Failure::usage_of);
    }
    let source = files::read_text(path, MAX_SOURCE_BYTES).or_usage(
        || format!("cannot read the scenario {name}"),
        "see `bench list scenarios`, or name a TOML file",
    )?;
    Scenario::parse(&source, name).map_err(Failure::usage)
}

/// A built-in target, all of them, or one from a manifest.
fn named(text: &str) -> Result<Vec<TargetSpec>, Failure> {
    let (alias, what) = TargetSpec::split_alias(text);
    let path = Path::new(what);
    // The `.13` of `fastapi@3.13` is no extension.
    let is_file = path.extension().is_some() && !what.contains('@');
    if !is_file && !what.contains('/') {
        return TargetSpec::parse_each(text).map_err(Failure::usage_of);
    }
    let manifest = manifest(alias, what)?;
    let name = alias.map_or_else(|| manifest.name.clone(), str::to_owned);
    let target = TargetSpec::of_manifest(&name, manifest).map_err(Failure::usage_of)?;
    Ok(vec![target])
}

/// The manifest in a file, under another name where there is an alias.
pub(crate) fn manifest(alias: Option<&str>, file: &str) -> Result<Manifest, Failure> {
    let source = files::read_text(Path::new(file), target::MAX_SOURCE_BYTES).or_usage(
        || format!("cannot read the target {file}"),
        "see `bench list targets`, or name a TOML file as docs/targets.md shows",
    )?;
    let manifest = Manifest::parse_as(alias, &source, file).map_err(Failure::usage)?;
    check_differences(&manifest)?;
    Ok(manifest)
}

/// A difference that names a case that there isn't would hide nothing, and hide that it hides nothing.
fn check_differences(manifest: &Manifest) -> Result<(), Failure> {
    let ids = conformance::ids();
    let mut cases = manifest.differences.iter();
    let Some(index) = cases.position(|difference| !ids.contains(&difference.case)) else {
        return Ok(());
    };
    let case = &manifest.differences[index].case;
    let hint = names::nearest(case, ids.iter().map(String::as_str))
        .map(|nearest| format!("did you mean `{nearest}`? "))
        .unwrap_or_default();
    Err(Failure::usage(manifest.difference_error(
        index,
        &format!("`bench check` has no case called `{case}`"),
        &format!("{hint}`bench list cases` shows them all"),
    )))
}

/// Says of the targets that run already how they are reached, and which process is which.
pub(crate) fn reach(
    targets: &mut [TargetSpec],
    access: &Access,
    pids: &[(String, i32)],
) -> Result<(), Failure> {
    let mut running: Vec<(&String, &mut Running)> = targets
        .iter_mut()
        .filter_map(|target| match &mut target.kind {
            Kind::Running(running) => Some((&target.name, running.as_mut())),
            Kind::Launched(_) => None,
        })
        .collect();
    for (name, pid) in pids {
        let Some((_, running)) = running.iter_mut().find(|(known, _)| *known == name) else {
            return Err(Failure::usage(miette::miette!(
                help = "name a server that --url names; of those that bench starts the processes are known",
                "--pid is for `{}`, which is no server that runs already",
                names::shortened(name)
            )));
        };
        running.pid = Some(*pid);
    }
    if running.is_empty() && !access.is_usual() {
        return Err(Failure::usage(miette::miette!(
            help = "name a server with --url; a manifest says in its own keys how its server is reached (docs/targets.md)",
            "--cacert, --insecure, --cert and --connect-to are for servers that run already"
        )));
    }
    for (_, running) in running {
        let secured = running.address.is_secured;
        // What is said of certificates means those that have some.
        running.access = Access {
            trust: if secured {
                access.trust.clone()
            } else {
                TrustSpec::System
            },
            identity: access.identity.clone().filter(|_| secured),
            ..access.clone()
        };
    }
    Ok(())
}

/// The targets that were named, or the default pair.
pub(crate) fn targets(names: &[String], urls: &[String]) -> Result<Vec<TargetSpec>, Failure> {
    let mut targets = Vec::new();
    for name in names {
        targets.extend(named(name)?);
    }
    for url in urls {
        targets.push(TargetSpec::parse_url(url).map_err(Failure::usage_of)?);
    }
    if targets.is_empty() {
        for name in DEFAULT_PAIR {
            targets.push(TargetSpec::parse(name).map_err(Failure::usage_of)?);
        }
    }
    target::unique(&targets).map_err(Failure::usage_of)?;
    Ok(targets)
}

/// The same targets, those that can have several workers with so many.
pub(crate) fn with_workers(
    targets: Vec<TargetSpec>,
    workers: Option<NonZeroU32>,
) -> Result<Vec<TargetSpec>, Failure> {
    let Some(workers) = workers else {
        return Ok(targets);
    };
    if !targets.iter().any(|target| target.kind.takes_workers()) {
        return Err(Failure::usage(miette::miette!(
            help = "leave --workers out, or hand {{workers}} to a target in its manifest",
            "no target here can have several workers"
        )));
    }
    let each = targets.into_iter();
    each.map(|target| target.with_workers(workers).map_err(Failure::usage))
        .collect()
}
