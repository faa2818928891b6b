//! From a manifest to a running server: what its placeholders stand for in this run, and who it is.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::record::surroundings::Pinning;
use model::record::target::Manifest as Identity;
use model::spec::target::{Kind, Manifest, Needs, TargetSpec, Values};
use model::words::listed;
use thiserror::Error;

use crate::data_files;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::launch::{Ready, Server, Service, own_path};
use crate::setup::{self, SetUp, Support};
use crate::supervised::Program;
use crate::version::version_reported_by;

/// How long an address may take to answer, where a host has several.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// What all targets of a run are started with.
#[derive(Debug)]
pub struct Starter {
    pinning: Pinning,
    data_dir: String,
    upstream: Option<SocketAddr>,
    /// What was set up for the targets that need it, or why it could not be.
    setups: BTreeMap<Needs, Result<SetUp, String>>,
    interrupt: Interrupt,
}

impl Starter {
    /// Makes ready what these targets need, and gives `say` a line where that takes time. What can't be made ready fails
    /// the targets that need it, and no other.
    pub fn new(
        targets: &[TargetSpec],
        pinning: &Pinning,
        upstream: Option<SocketAddr>,
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
        Ok(Self {
            pinning: pinning.clone(),
            data_dir: data_dir.display().to_string(),
            upstream,
            setups,
            interrupt: interrupt.clone(),
        })
    }

    /// Starts a server with so many threads in its pool on the cores of the servers, and waits until it is ready.
    pub fn launch(&self, manifest: &Manifest, pool: u32) -> Result<Server, String> {
        let values = self.values(manifest, pool)?;
        let cpus = &self.pinning.server_cpus;
        Server::launch_on_free_port(|port| {
            let values = Values {
                port,
                ..values.clone()
            };
            service(manifest, &values, cpus)
        })
        .map_err(|error| error.to_string())
    }

    /// Who a target is, as it stands in every legend and record. `say`: is given what could not be found out.
    pub fn identity(&self, target: &TargetSpec, say: &mut dyn FnMut(&str)) -> Identity {
        match &target.kind {
            Kind::Url(url) => Identity {
                kind: target.kind.name().to_owned(),
                runtime: "running at".to_owned(),
                version: url.authority(),
                versions: BTreeMap::new(),
                event_loop: "unknown".to_owned(),
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
                    version: version.unwrap_or_else(|| "unknown".to_owned()),
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

    fn cores(&self) -> u32 {
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
            port: 0,
            data_dir: self.data_dir.clone(),
            upstream: self
                .upstream
                .map_or_else(String::new, |addr| addr.to_string()),
            pool,
            workers: manifest.workers_on(self.cores()),
            bench: own_path(),
            server_dir: shown(|setup| &setup.dir).unwrap_or_default(),
            interpreter: shown(|setup| &setup.interpreter).unwrap_or_default(),
        })
    }
}

/// Whether one of these is given where the upstream is: then there must be one, so that the address is never a guess.
pub fn need_backend(targets: &[TargetSpec]) -> bool {
    let mut manifests = targets.iter().filter_map(|target| target.kind.manifest());
    manifests.any(Manifest::calls_upstream)
}

fn service(manifest: &Manifest, values: &Values, cpus: &[u32]) -> Service {
    Service {
        name: manifest.name.clone(),
        program: Program {
            cpus: cpus.to_vec(),
            ..program(manifest, values)
        },
        ready: Ready::Answers {
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
        cpus: Vec::new(),
    }
}

/// No address of a server that runs already.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// Nobody knows the name.
    #[error("cannot resolve {host}: {source}")]
    Unknown {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The name has no address.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// The name has several addresses, and none takes a connection.
    #[error("cannot connect to {tried}: {source}; check that the server runs and listens there")]
    NobodyListens {
        /// All of them.
        tried: String,
        /// What the system said of the last one.
        source: io::Error,
    },
}

/// The address of a server that runs already. Of several it is the first where somebody listens: `localhost` is often two, and a
/// server on one of them only.
pub fn resolve(host: &str, port: u16) -> Result<SocketAddr, ResolveError> {
    let host = host.to_owned();
    match (host.as_str(), port).to_socket_addrs() {
        Ok(addrs) => listening(host, &addrs.collect::<Vec<_>>()),
        Err(source) => Err(ResolveError::Unknown { host, source }),
    }
}

fn listening(host: String, addrs: &[SocketAddr]) -> Result<SocketAddr, ResolveError> {
    let mut refused = None;
    match addrs {
        [] => return Err(ResolveError::NoAddress { host }),
        // Connecting later says best why it fails.
        [only] => return Ok(*only),
        several => {
            for addr in several {
                match TcpStream::connect_timeout(addr, PROBE_TIMEOUT) {
                    Ok(_) => return Ok(*addr),
                    Err(error) => refused = Some(error),
                }
            }
        }
    }
    let named: Vec<String> = addrs.iter().map(ToString::to_string).collect();
    Err(ResolveError::NobodyListens {
        tried: listed(&named),
        source: refused.expect("several were tried"),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use model::spec::target::DEFAULT_POOL;

    use super::*;

    #[test]
    fn every_placeholder_of_a_built_in_target_is_filled_in() {
        let pinning = Pinning {
            server_cpus: vec![2, 3],
            load_cpus: vec![0, 1],
        };
        let starter = Starter {
            pinning,
            data_dir: "/data".to_owned(),
            upstream: Some(([127, 0, 0, 1], 9000).into()),
            setups: BTreeMap::new(),
            interrupt: Interrupt::default(),
        };
        let target = TargetSpec::parse("coroutine").unwrap();
        let manifest = target.kind.manifest().unwrap();
        let values = starter.values(manifest, 7).unwrap();
        let args = program(manifest, &values).args.join(" ");
        assert_eq!(
            args,
            "serve coroutine --port 0 --data-dir /data --upstream 127.0.0.1:9000 --pool 7 --workers 2"
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

    #[test]
    fn an_address_that_listens_comes_before_one_that_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listens = listener.local_addr().unwrap();
        let deaf = {
            let gone = TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap()
        };
        let found = |addrs: &[SocketAddr]| listening("a.test".to_owned(), addrs);
        assert_eq!(found(&[deaf]).unwrap(), deaf);
        assert_eq!(found(&[deaf, listens]).unwrap(), listens);
        assert_eq!(found(&[]).unwrap_err().to_string(), "a.test has no address");
        let why = found(&[deaf, deaf]).unwrap_err().to_string();
        assert!(
            why.starts_with(&format!("cannot connect to {deaf} and {deaf}: ")),
            "{why}"
        );
    }
}
