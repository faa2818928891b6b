//! From a manifest to a running server: what its placeholders stand for in this run, and who it is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use data_encoding::HEXLOWER;
use model::record::surroundings::Pinning;
use model::record::target::Manifest as Identity;
use model::spec::address::Address;
use model::spec::target::{Kind, Manifest, Needs, TargetSpec, UNKNOWN, Values};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::data_files;
use crate::failure::{Explain, Failure};
use crate::interrupt::Interrupt;
use crate::launch::{Ready, Server, Service, own_path};
use crate::reach::Reach;
use crate::setup::{self, SetUp, Support};
use crate::supervised::Program;
use crate::version::version_reported_by;

/// How many sockets were named so far.
static SOCKETS: AtomicU32 = AtomicU32::new(0);

/// What all targets of a run are started with.
#[derive(Debug)]
pub struct Starter {
    pinning: Pinning,
    /// Where they listen: an address of this machine.
    host: IpAddr,
    data_dir: String,
    /// Authority of the backend.
    upstream: Option<String>,
    /// What every target finds in its environment, unless its manifest says otherwise.
    environment: Vec<(String, String)>,
    /// The directory of the sockets where targets listen that take one.
    sockets: Option<TempDir>,
    /// What was set up for the targets that need it, or why it could not be.
    setups: BTreeMap<Needs, Result<SetUp, String>>,
    interrupt: Interrupt,
}

impl Starter {
    /// Makes ready what these targets need, and gives `say` a line where that takes time. What can't be made ready fails
    /// the targets that need it, and no other.
    ///
    /// `host`: the address of this machine at which they listen.
    pub fn new(
        targets: &[TargetSpec],
        (pinning, host): (&Pinning, IpAddr),
        upstream: Option<String>,
        environment: &[(String, String)],
        interrupt: &Interrupt,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, Failure> {
        let mut manifests = targets.iter().filter_map(|target| target.kind.manifest());
        let data_dir = if manifests.any(Manifest::reads_files) {
            let dir = data_files::default_dir()?;
            data_files::prepare(&dir)?;
            dir
        } else {
            PathBuf::new()
        };
        let needs = targets
            .iter()
            .filter_map(|target| target.kind.manifest()?.needs);
        let mut setups = BTreeMap::new();
        for needs in needs {
            if setups.contains_key(&needs) {
                continue;
            }
            let made = setup::prepare(needs, say);
            if let Ok(made) = &made
                && matches!(made.version.support, Some(Support::EndedOn(_)))
            {
                say(&format!("{needs} is {}", made.version));
            }
            setups.insert(needs, made.map_err(|error| error.to_string()));
        }
        let mut manifests = targets.iter().filter_map(|target| target.kind.manifest());
        let sockets = manifests
            .any(Manifest::listens_on_socket)
            .then(TempDir::new)
            .transpose()
            .or_internal(|| "cannot make a directory for sockets".to_owned())?;
        Ok(Self {
            sockets,
            pinning: pinning.clone(),
            host,
            data_dir: data_dir.display().to_string(),
            upstream,
            environment: environment.to_vec(),
            setups,
            interrupt: interrupt.clone(),
        })
    }

    /// Starts a server with so many threads in its pool on the cores of the servers, and waits until it is ready.
    pub fn launch(&self, manifest: &Manifest, pool: u32) -> Result<Server, String> {
        let values = self.values(manifest, pool)?;
        let cpus = &self.pinning.server_cpus;
        let find = |values: &Values| {
            let mut reaches = Vec::new();
            for address in manifest
                .addresses(values)
                .map_err(|error| error.to_string())?
            {
                let each = Reach::each(&address, &manifest.access);
                reaches.extend(each.map_err(|failure| failure.report.to_string())?);
            }
            Ok::<_, String>(reaches)
        };
        // Whatever the port, a mistake in how it is reached is the same.
        find(&Values {
            port: 1,
            ..values.clone()
        })?;
        Server::launch_on_free_port(self.host, |port| {
            let values = Values {
                port,
                ..values.clone()
            };
            let reaches = find(&values).expect("it could be found out a moment ago");
            let mut service = service(manifest, &values, cpus, reaches);
            // Before the manifest's own, which then counts.
            let own = service.program.env;
            service.program.env = [self.environment.clone(), own].concat();
            service
        })
        .map_err(|error| error.to_string())
    }

    /// Who a target is, as it stands in every legend and record. `say`: is given what could not be found out.
    pub fn identity(&self, target: &TargetSpec, say: &mut dyn FnMut(&str)) -> Identity {
        match &target.kind {
            Kind::Running(running) => Identity {
                kind: target.kind.name().to_owned(),
                runtime: "running at".to_owned(),
                version: shown(&running.address),
                versions: BTreeMap::new(),
                event_loop: UNKNOWN.to_owned(),
                workers: 0,
                pool_threads: 0,
                factors: None,
                source: String::new(),
            },
            Kind::Launched(manifest) => {
                let versions = self.versions(manifest, target.pool, say);
                let version = versions.get(&manifest.runtime).cloned();
                Identity {
                    kind: manifest.name.clone(),
                    runtime: manifest.runtime.clone(),
                    version: version.unwrap_or_else(|| UNKNOWN.to_owned()),
                    versions,
                    event_loop: manifest.event_loop.clone(),
                    workers: manifest.workers_on(self.cores()),
                    pool_threads: target.pool,
                    factors: manifest.factors,
                    source: manifest.recorded(),
                }
            }
        }
    }

    /// What the manifest's commands say. One that says nothing leaves its version out, aloud.
    fn versions(
        &self,
        manifest: &Manifest,
        pool: u32,
        say: &mut dyn FnMut(&str),
    ) -> BTreeMap<String, String> {
        let Ok(values) = self.values(manifest, pool) else {
            // The target fails, and says why.
            return BTreeMap::new();
        };
        let reported = manifest.versions.iter().filter_map(|(of, command)| {
            let mut words = command.iter().map(|word| word.fill(&values));
            let program = Program {
                command: words.next()?,
                args: words.collect(),
                ..program(manifest, &values)
            };
            let reported = version_reported_by(&program, || self.interrupt.is_asked());
            let warn = |why: &String| {
                say(&format!(
                    "{}: the version of {of} is not known: {why}",
                    manifest.name
                ));
            };
            Some((of.clone(), reported.inspect_err(warn).ok()?))
        });
        reported.collect()
    }

    /// How many cores its servers have.
    pub fn cores(&self) -> u32 {
        u32::try_from(self.pinning.server_cpus.len()).unwrap_or(u32::MAX)
    }

    /// What the placeholders stand for, but for the port.
    fn values(&self, manifest: &Manifest, pool: u32) -> Result<Values, String> {
        let setup = match manifest.needs.and_then(|needs| self.setups.get(&needs)) {
            None => None,
            Some(Ok(setup)) => Some(setup),
            Some(Err(why)) => return Err(why.clone()),
        };
        let shown = |path: fn(&SetUp) -> &std::path::Path| {
            setup.map(|setup| path(setup).display().to_string())
        };
        Ok(Values {
            host: self.host,
            port: 0,
            socket: self.sockets.as_ref().map_or_else(String::new, |dir| {
                // Another one each time: what a server left behind is in nobody's way.
                let number = SOCKETS.fetch_add(1, Ordering::Relaxed);
                dir.path().join(number.to_string()).display().to_string()
            }),
            data_dir: self.data_dir.clone(),
            upstream: self.upstream.clone().unwrap_or_default(),
            pool,
            workers: manifest.workers_on(self.cores()),
            bench: own_path(),
            server_dir: shown(|setup| &setup.dir).unwrap_or_default(),
            interpreter: shown(|setup| &setup.interpreter).unwrap_or_default(),
        })
    }
}

/// By which machines know that they mean the same manifest, though one of them alone may know what stands in it: SHA-256 of its text.
pub fn digest(manifest: &Manifest) -> String {
    HEXLOWER.encode(&Sha256::digest(&manifest.source))
}

/// Whether one of these is given where the upstream is: then there must be one, so that the address is never a guess.
pub fn need_backend(targets: &[TargetSpec]) -> bool {
    let mut manifests = targets.iter().filter_map(|target| target.kind.manifest());
    manifests.any(Manifest::calls_upstream)
}

/// An address in a legend: without what goes without saying.
fn shown(address: &Address) -> String {
    let text = address.to_string();
    let text = text.strip_prefix("http://").unwrap_or(&text);
    text.trim_end_matches('/').to_owned()
}

fn service(manifest: &Manifest, values: &Values, cpus: &[u32], reaches: Vec<Reach>) -> Service {
    Service {
        name: manifest.name.clone(),
        program: Program {
            cpus: cpus.to_vec(),
            ..program(manifest, values)
        },
        ready: Ready::Answers {
            reaches,
            port: values.port,
            path: manifest.ready.clone(),
        },
        ready_timeout: manifest.ready_timeout,
        stop: manifest.stop,
        stop_timeout: manifest.stop_timeout,
    }
}

/// The manifest's command. It runs where its manifest is, so that `./my-server` means the one beside it.
fn program(manifest: &Manifest, values: &Values) -> Program {
    let dir = Path::new(&manifest.file_name).parent();
    Program {
        command: manifest.command.fill(values),
        args: manifest.args.iter().map(|arg| arg.fill(values)).collect(),
        env: manifest
            .env
            .iter()
            .map(|(key, value)| (key.clone(), value.fill(values)))
            .collect(),
        dir: dir
            .filter(|dir| !dir.as_os_str().is_empty())
            .map(PathBuf::from),
        ..Program::default()
    }
}

#[cfg(test)]
mod tests {
    use model::spec::target::DEFAULT_POOL;

    use super::*;

    #[test]
    fn every_placeholder_of_a_built_in_target_is_filled_in() {
        let pinning = Pinning {
            servers_on: None,
            server_cpus: vec![2, 3],
            load_cpus: vec![0, 1],
        };
        let starter = Starter {
            pinning,
            host: "10.0.0.5".parse().unwrap(),
            data_dir: "/data".to_owned(),
            upstream: Some("127.0.0.1:9000".to_owned()),
            environment: Vec::new(),
            sockets: None,
            setups: BTreeMap::new(),
            interrupt: Interrupt::default(),
        };
        let target = TargetSpec::parse("coroutine").unwrap();
        let manifest = target.kind.manifest().unwrap();
        let values = starter.values(manifest, 7).unwrap();
        let args = program(manifest, &values).args.join(" ");
        assert_eq!(
            args,
            "serve coroutine --host 10.0.0.5 --port 0 --data-dir /data --upstream 127.0.0.1:9000 --pool 7 --workers 2"
        );
        let needs: Needs = "node".parse().unwrap();
        let failed = Starter {
            setups: BTreeMap::from([(needs, Err("no Node.js".to_owned()))]),
            ..starter
        };
        let node = TargetSpec::parse("node").unwrap();
        let why = failed
            .values(node.kind.manifest().unwrap(), DEFAULT_POOL)
            .unwrap_err();
        assert_eq!(why, "no Node.js");
    }
}
