//! `bench serve`: one server alone. `bench run` starts its servers by the same command.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use app::Settings;
use bench_core::target::{Kind, TargetSpec};
use callback::Loops;
use coroutine::Scheduler;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::args::ServeArgs;
use crate::cores;
use crate::data_files;
use crate::exit::{Exit, Explain, Failure};
use crate::launch::LISTENING;

/// The name of the upstream backend among the servers.
const BACKEND: &str = "backend";

/// The name of the server of known truths.
pub(crate) const TRUTH: &str = "truth";

/// Connections that may wait to be accepted by the instrument's own servers: as many as a burst of parallel calls opens.
const OWN_BACKLOG: u32 = 4096;

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    if let Some(parent) = args.parent {
        die_with(parent)?;
    }
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let spin = args.spin;
    match (args.name.as_str(), args.behaviour) {
        (TRUTH, Some(behaviour)) => serve_own(TRUTH, addr, |listener, stop| {
            load::truth::serve(listener, behaviour, spin, stop)
        }),
        (_, Some(_)) => Err(Failure::usage(miette::miette!(
            help = "leave --behaviour out, or start `bench serve truth`",
            "--behaviour is for truth, not for {}",
            args.name
        ))),
        (BACKEND, None) => serve_own(BACKEND, addr, load::backend::serve),
        _ => serve_target(args, addr),
    }
    .map(|()| Exit::Success)
}

fn serve_target(args: &ServeArgs, addr: SocketAddr) -> Result<(), Failure> {
    let spec = TargetSpec::parse(&args.name).map_err(|error| {
        Failure::usage(miette::miette!(
            help = "`bench serve backend` starts the upstream backend, `bench serve truth` one whose every answer time is known",
            "{error}"
        ))
    })?;
    let settings = settings(args, addr, &spec.kind)?;
    let served = match spec.kind {
        Kind::Callback => callback::serve(&settings, Loops::One, announce),
        Kind::CallbackCluster => callback::serve(&settings, Loops::Cluster, announce),
        Kind::Coroutine => coroutine::serve(&settings, Scheduler::MultiThread, announce),
        Kind::CoroutineSingle => coroutine::serve(&settings, Scheduler::CurrentThread, announce),
        Kind::Url(_) => unreachable!("a name alone is never an address"),
    };
    served.map_err(|error| cannot_serve(&args.name, addr, &error))
}

fn settings(args: &ServeArgs, addr: SocketAddr, kind: &Kind) -> Result<Settings, Failure> {
    let data_dir = args
        .data_dir
        .clone()
        .map_or_else(data_files::default_dir, Ok)?;
    data_files::prepare(&data_dir)?;
    let defaults = Settings::new(addr);
    let cores = NonZeroUsize::new(cores::available().len()).unwrap_or(NonZeroUsize::MIN);
    let workers = match kind {
        Kind::CallbackCluster | Kind::Coroutine => args.workers.unwrap_or(cores),
        _ => NonZeroUsize::MIN,
    };
    Ok(Settings {
        pool_threads: args.pool.unwrap_or(defaults.pool_threads),
        workers,
        data_dir: data_dir.display().to_string(),
        upstream: args.upstream,
        ..defaults
    })
}

/// Serves a part of the instrument until a signal ends it.
fn serve_own(
    name: &str,
    addr: SocketAddr,
    serve: impl FnOnce(&TcpListener, &AtomicBool) -> io::Result<()>,
) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .or_internal(|| "cannot catch signals".to_owned())?;
    }
    let failed = |error| cannot_serve(name, addr, &error);
    let listener = load::backend::bind(addr, OWN_BACKLOG).map_err(failed)?;
    announce(listener.local_addr().map_err(failed)?);
    serve(&listener, &stop).map_err(failed)
}

/// The line that `bench run`, and everybody's scripts, wait for.
fn announce(addr: SocketAddr) {
    anstream::println!("{LISTENING}{addr}");
}

fn cannot_serve(name: &str, addr: SocketAddr, error: &std::io::Error) -> Failure {
    let help = match error.kind() {
        std::io::ErrorKind::AddrInUse => "choose another --port, or 0 for any free one",
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 need privileges: choose another --port"
        }
        _ => "see `bench doctor` for limits of this machine",
    };
    Failure::target(miette::miette!(
        help = help,
        "{name} cannot serve on {addr}: {error}"
    ))
}

/// Has the kernel end this process when its parent does, however the parent does.
pub(crate) fn die_with(parent: i32) -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .or_internal(|| "cannot tie this process to its parent".to_owned())?;
    // The parent may have ended just before the kernel was told.
    if getppid() == Pid::from_raw(parent) {
        Ok(())
    } else {
        Err(Failure::internal(miette::miette!(
            "the parent process has ended"
        )))
    }
}
