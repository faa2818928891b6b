//! A service that is started for a run, and gone with it.

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::time::{Duration, Instant};

use model::spec::services::Service;
use rustix::process::Signal;
use tempfile::TempDir;

use super::error::ServiceError;
use crate::interrupt::Interrupt;
use crate::launch::{free_port, is_taken, quoted};
use crate::meter::Meters;
use crate::process_tree::listeners;
use crate::supervised::{Program, Supervised};

/// Where each listens, as its settings say.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How long one may take until it answers: a cold disk, not a hanging one.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// How long one may take to end in order.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How often one that is not ready yet is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How often it is started on another port, because somebody took the one that was free a moment ago.
const MAX_PORT_ATTEMPTS: u32 = 5;

/// A service of one's own. Dropping it ends it, and its directory goes.
#[derive(Debug)]
pub(super) struct Own {
    service: Service,
    /// None once it is being stopped.
    process: Option<Supervised>,
    /// The supervisor removes it where this process is killed.
    _dir: TempDir,
}

/// A directory for a service.
pub(super) fn directory(service: Service) -> Result<TempDir, ServiceError> {
    let mut named = tempfile::Builder::new();
    // With mode 0700, as tempfile makes them.
    let dir = named
        .prefix(&format!("bench-{}-", service.name()))
        .tempdir();
    dir.map_err(|source| ServiceError::Files {
        path: std::env::temp_dir(),
        source,
    })
}

impl Own {
    /// Starts what `program` makes of a port, and waits until `connect` to that port succeeds; chooses another port where somebody took
    /// it meanwhile. `ports`: chooses.
    pub(super) fn start<T>(
        service: Service,
        dir: TempDir,
        program: impl Fn(u16) -> Program,
        connect: impl Fn(u16) -> Result<T, String>,
        interrupt: &Interrupt,
    ) -> Result<(Self, T, u16), ServiceError> {
        let failed = |why| ServiceError::Start { service, why };
        let mut attempt = 1;
        loop {
            let port = free_port(HOST).map_err(|error| failed(error.to_string()))?;
            let started = Supervised::start(&program(port), |_| {});
            let process = started.map_err(|error| failed(error.to_string()))?;
            match wait(&process, || connect(port), interrupt) {
                Ok(client) => {
                    let own = Self {
                        service,
                        process: Some(process),
                        _dir: dir,
                    };
                    return Ok((own, client, port));
                }
                Err(NotReady::Interrupted) => return Err(ServiceError::Interrupted),
                Err(NotReady::Ended(_)) if attempt < MAX_PORT_ATTEMPTS && is_taken(HOST, port) => {
                    attempt += 1;
                }
                Err(NotReady::Ended(why) | NotReady::TooLong(why)) => {
                    return Err(failed(format!("{why}{}", quoted(&process.last_output()))));
                }
            }
        }
    }

    /// The process above it.
    pub(super) fn supervisor(&self) -> Option<i32> {
        self.process.as_ref().map(Supervised::supervisor)
    }

    /// That it has ended, if it has.
    pub(super) fn ended(&self) -> Option<ServiceError> {
        let process = self.process.as_ref()?;
        Some(ServiceError::Ended {
            service: self.service,
            how: process.ended()?,
            output: quoted(&process.last_output()),
        })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(process) = self.process.take()
            && process.ended().is_none()
        {
            // For PostgreSQL the fast way to end: it waits for no client. How it ends matters to nobody any more.
            let _ = process.stop(Signal::INT, "SIGINT", STOP_TIMEOUT);
        }
    }
}

enum NotReady {
    Interrupted,
    Ended(String),
    TooLong(String),
}

fn wait<T>(
    process: &Supervised,
    connect: impl Fn() -> Result<T, String>,
    interrupt: &Interrupt,
) -> Result<T, NotReady> {
    let began = Instant::now();
    loop {
        if let Some(how) = process.ended() {
            return Err(NotReady::Ended(how));
        }
        if interrupt.is_asked() {
            return Err(NotReady::Interrupted);
        }
        match connect() {
            Ok(client) => return Ok(client),
            Err(why) if began.elapsed() > READY_TIMEOUT => {
                let limit_s = READY_TIMEOUT.as_secs();
                return Err(NotReady::TooLong(format!(
                    "it does not answer within {limit_s} s: {why}"
                )));
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// Runs a program to its end that makes something ready for a service.
pub(super) fn run(
    service: Service,
    name: &str,
    program: &Program,
    interrupt: &Interrupt,
) -> Result<(), ServiceError> {
    let failed = |why: String| ServiceError::Start {
        service,
        why: format!("{name}: {why}"),
    };
    let process = Supervised::start(program, |_| {}).map_err(|error| failed(error.to_string()))?;
    let began = Instant::now();
    let status = loop {
        match process.wait(POLL) {
            Some(status) => break status,
            None if interrupt.is_asked() => return Err(ServiceError::Interrupted),
            None if began.elapsed() > READY_TIMEOUT => {
                return Err(failed(format!(
                    "it takes longer than {} s",
                    READY_TIMEOUT.as_secs()
                )));
            }
            None => {
                if let Some(how) = process.ended() {
                    return Err(failed(how));
                }
            }
        }
    };
    if status.success() {
        return Ok(());
    }
    let how = process.ended().unwrap_or_default();
    Err(failed(format!("{how}{}", quoted(&process.last_output()))))
}

/// The meters of the processes that listen where a URL leads, on this machine; `None` where they are not found.
pub(super) fn meters_at(url: &str, usual_port: u16) -> Option<Meters> {
    let url = url::Url::parse(url).ok()?;
    let port = url.port().unwrap_or(usual_port);
    let addrs = (url.host_str()?, port).to_socket_addrs().ok()?;
    let found: Vec<i32> = addrs.flat_map(|addr| listeners(&addr.into())).collect();
    (!found.is_empty()).then(|| Meters::of(found))
}
