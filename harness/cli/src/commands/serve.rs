//! `bench serve`: one server alone. `bench run` starts its servers by the same command.

use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use spec::Settings;

use crate::args::serve::{Model, ServeArgs, Server, TimerRule};
use crate::exit::Exit;
use crate::output::say;
use process::data_files;
use process::failure::{Explain, Failure};
use process::launch::LISTENING;

/// Connections that may wait to be accepted by the instrument's own servers: as many as a burst of parallel calls opens.
const OWN_BACKLOG: u32 = 4096;

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let addr = SocketAddr::from((args.host, args.port));
    let served = match args.server()? {
        Server::Truth { behaviour, spin } => serve_own(addr, |listener, stop| {
            load::truth::serve(listener, behaviour, spin, stop)
        })?,
        Server::Backend { late } => serve_own(addr, |listener, stop| {
            load::backend::serve(listener, late, stop)
        })?,
        Server::Contract(model, workers) => {
            let settings = Settings {
                workers,
                ..settings(args, addr)?
            };
            match model {
                Model::Callback(loops) => callback::serve(&settings, loops, announce),
                Model::Coroutine(scheduler) => coroutine::serve(&settings, scheduler, announce),
                Model::Rust(library) => rust_servers::serve(&settings, library, announce),
            }
        }
    };
    served.map_err(|error| cannot_serve(&args.name, addr, &error))?;
    Ok(Exit::Success)
}

/// What a server of the work contract is started with; its files are made.
fn settings(args: &ServeArgs, addr: SocketAddr) -> Result<Settings, Failure> {
    let data_dir = args
        .data_dir
        .clone()
        .map_or_else(data_files::default_dir, Ok)?;
    data_files::prepare(&data_dir)?;
    let defaults = Settings::new(addr);
    let connections = variable(
        "DATABASE_POOL_SIZE",
        str::parse,
        "set it to a number from 1 on",
    )?;
    Ok(Settings {
        postgres: variable(
            "DATABASE_URL",
            database::postgres_access,
            "write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE",
        )?,
        redis: variable(
            "REDIS_URL",
            database::redis_access,
            "write it as redis://HOST:PORT/0",
        )?,
        postgres_connections: connections.unwrap_or(defaults.postgres_connections),
        pool_threads: args.pool.unwrap_or(defaults.pool_threads),
        data_dir: data_dir.display().to_string(),
        upstream: args.upstream,
        own_timers: args.timer_rule == TimerRule::Own,
        ..defaults
    })
}

/// What a variable of the environment says. Not set and empty are the same.
fn variable<T, E: Display>(
    name: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
    help: &str,
) -> Result<Option<T>, Failure> {
    let value = std::env::var_os(name).unwrap_or_default();
    read_variable(name, &value.to_string_lossy(), read, help)
}

fn read_variable<T, E: Display>(
    name: &str,
    value: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
    help: &str,
) -> Result<Option<T>, Failure> {
    if value.is_empty() {
        return Ok(None);
    }
    let what = || format!("{name} of the environment can't be used");
    read(value).map(Some).or_usage(what, help)
}

/// Serves a part of the instrument until a signal ends it.
fn serve_own(
    addr: SocketAddr,
    serve: impl FnOnce(&TcpListener, &AtomicBool) -> io::Result<()>,
) -> Result<io::Result<()>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .or_internal(|| "cannot catch signals".to_owned())?;
    }
    Ok(load::backend::bind(addr, OWN_BACKLOG).and_then(|listener| {
        announce(listener.local_addr()?);
        serve(&listener, &stop)
    }))
}

/// The line that `bench run`, and everybody's scripts, wait for.
fn announce(addr: SocketAddr) {
    say!("{LISTENING}{addr}");
}

fn cannot_serve(name: &str, addr: SocketAddr, error: &io::Error) -> Failure {
    let help = match error.kind() {
        io::ErrorKind::AddrInUse => "choose another --port, or 0 for any free one",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need privileges: choose another --port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "give --host an address of this machine (`ip address` lists them)"
        }
        _ => "see `bench doctor` for limits of this machine",
    };
    Failure::target(miette::miette!(
        help = help,
        "{name} cannot serve on {addr}: {error}"
    ))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn read_size(value: &str) -> Result<Option<NonZeroUsize>, Failure> {
        read_variable("SIZE", value, str::parse, "set it to a number from 1 on")
    }

    #[test]
    fn a_variable_is_read_where_it_says_something_and_named_where_it_is_wrong() {
        assert_eq!(read_size("").unwrap(), None);
        assert_eq!(read_size("1").unwrap(), Some(NonZeroUsize::MIN));
        for wrong in ["0", "-1", "ten"] {
            let failure = read_size(wrong).unwrap_err();
            let shown = format!("{:?}", failure.report);
            assert!(shown.contains("SIZE of the environment"), "{shown}");
            assert!(shown.contains("from 1 on"), "{shown}");
        }
    }
}
