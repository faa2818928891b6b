//! `bench serve`: one server alone. `bench run` starts its servers by the same command.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use calibration::measure::TRUTH;
use callback::Loops;
use coroutine::Scheduler;
use model::names;
use signal_hook::consts::{SIGINT, SIGTERM};
use spec::Settings;

use crate::args::serve::{ServeArgs, TimerRule};
use crate::exit::Exit;
use process::cores;
use process::data_files;
use process::failure::{Explain, Failure};
use process::launch::LISTENING;

/// The name of the upstream backend among the servers.
const BACKEND: &str = "backend";

/// Connections that may wait to be accepted by the instrument's own servers: as many as a burst of parallel calls opens.
const OWN_BACKLOG: u32 = 4096;

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let spin = args.spin;
    if args.late.is_some() && args.name != BACKEND {
        return Err(Failure::usage(miette::miette!(
            help = "leave --late out, or start `bench serve backend`",
            "--late is for backend, not for {}",
            args.name
        )));
    }
    let is_own = args.timer_rule == TimerRule::Own;
    if is_own && [BACKEND, TRUTH].contains(&args.name.as_str()) {
        return Err(Failure::usage(miette::miette!(
            help = "leave --timer-rule out, or start a reference server, as `bench serve callback`",
            "--timer-rule is for reference servers, not for {}",
            args.name
        )));
    }
    let late = args.late.unwrap_or_default();
    match (args.name.as_str(), args.behaviour) {
        (TRUTH, Some(behaviour)) => serve_own(TRUTH, addr, |listener, stop| {
            load::truth::serve(listener, behaviour, spin, stop)
        }),
        (_, Some(_)) => Err(Failure::usage(miette::miette!(
            help = "leave --behaviour out, or start `bench serve truth`",
            "--behaviour is for truth, not for {}",
            args.name
        ))),
        (BACKEND, None) => serve_own(BACKEND, addr, |listener, stop| {
            load::backend::serve(listener, late, stop)
        }),
        _ => serve_target(args, addr),
    }
    .map(|()| Exit::Success)
}

/// A reference server of this workspace.
#[derive(Debug, Clone, Copy)]
enum Model {
    Callback(Loops),
    Coroutine(Scheduler),
}

/// The reference servers by the names of their targets.
const MODELS: &[(&str, Model)] = &[
    ("callback", Model::Callback(Loops::One)),
    ("callback-asyncio", Model::Callback(Loops::Asyncio)),
    ("callback-cluster", Model::Callback(Loops::Cluster)),
    ("coroutine", Model::Coroutine(Scheduler::MultiThread)),
    (
        "coroutine-single",
        Model::Coroutine(Scheduler::CurrentThread),
    ),
    ("coroutine-asyncio", Model::Coroutine(Scheduler::Asyncio)),
    ("coroutine-libuv", Model::Coroutine(Scheduler::Libuv)),
];

impl Model {
    /// Whether its number of workers can be set; the others have one by nature.
    fn has_workers(self) -> bool {
        matches!(
            self,
            Self::Callback(Loops::Cluster) | Self::Coroutine(Scheduler::MultiThread)
        )
    }
}

fn serve_target(args: &ServeArgs, addr: SocketAddr) -> Result<(), Failure> {
    let known = MODELS.iter().find(|(name, _)| *name == args.name);
    let &(_, model) = known.ok_or_else(|| {
        let mut known: Vec<&str> = MODELS.iter().map(|(name, _)| *name).collect();
        known.extend([BACKEND, TRUTH]);
        let meant = names::nearest(&args.name, known.iter().copied())
            .map(|meant| format!(" (did you mean `{meant}`?)"))
            .unwrap_or_default();
        Failure::usage(miette::miette!(
            help = "targets in other languages are started by `bench run` and `bench check`",
            "this program has no server called `{}`{meant}; it has {}",
            args.name,
            known.join(", ")
        ))
    })?;
    let settings = settings(args, addr, model)?;
    let served = match model {
        Model::Callback(loops) => callback::serve(&settings, loops, announce),
        Model::Coroutine(scheduler) => coroutine::serve(&settings, scheduler, announce),
    };
    served.map_err(|error| cannot_serve(&args.name, addr, &error))
}

fn settings(args: &ServeArgs, addr: SocketAddr, model: Model) -> Result<Settings, Failure> {
    let data_dir = args
        .data_dir
        .clone()
        .map_or_else(data_files::default_dir, Ok)?;
    data_files::prepare(&data_dir)?;
    let defaults = Settings::new(addr);
    let cores = NonZeroUsize::new(cores::available().len()).unwrap_or(NonZeroUsize::MIN);
    let workers = if model.has_workers() {
        args.workers.unwrap_or(cores)
    } else {
        NonZeroUsize::MIN
    };
    Ok(Settings {
        pool_threads: args.pool.unwrap_or(defaults.pool_threads),
        workers,
        data_dir: data_dir.display().to_string(),
        upstream: args.upstream,
        own_timers: args.timer_rule == TimerRule::Own,
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
