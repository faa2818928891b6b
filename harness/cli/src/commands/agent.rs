//! `bench agent`: this machine, among others that meet at a NATS server.

use machines::access::NatsAccess;
use machines::agent::{self, AgentEvent};
use machines::registration::{AgentName, Registration};
use machines::serving::{self, Host};
use process::cores;
use process::environment;
use process::failure::{Explain, Failure};
use process::interrupt::Interrupt;
use rustix::system::uname;

use crate::args::agent::{AgentArgs, RoleName};
use crate::exit::Exit;
use crate::handover::{self, Handover, Received};
use crate::named;
use crate::output::{note, say};

/// The most open files that an agent asks the system for: a limit that is not set at all is more than the kernel grants.
const MAX_FILES: u64 = 1_000_000;

/// Is an agent until a signal ends it.
pub(crate) fn run(args: &AgentArgs) -> Result<Exit, Failure> {
    // Until all is known, a signal ends this process as any other.
    let handed = args.nats.is_on_stdin().then(handed_over).transpose()?;
    let access = match &handed {
        Some(received) => received.access.clone(),
        None => args.nats.access()?,
    };
    let (cpus, host) = match args.role {
        RoleName::Server => {
            let host = host(args, &access)?;
            (host.pinning.server_cpus.clone(), Some(host))
        }
        RoleName::Generator | RoleName::Probe => (cpus(args)?, None),
    };
    // How many connections a run will ask for nobody knows yet.
    let files = environment::open_files_allowed().min(MAX_FILES);
    environment::allow_connections(files.saturating_sub(environment::SPARE_FILES))?;
    let interrupt = Interrupt::catch()?;
    if handed.is_some() {
        handover::end_with_stdin(&interrupt)?;
    }
    let started_at = jiff::Timestamp::now();
    let hostname = || AgentName::of_host(&uname().nodename().to_string_lossy());
    let registration = Registration {
        name: args.name.clone().unwrap_or_else(hostname),
        instance: format!("{}-{started_at}", std::process::id()),
        role: args.role.into(),
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        cpus,
        clock_source: environment::clock_source(),
        environment: environment::read(),
    };
    let (name, server) = (&registration.name, access.shown());
    let mut on_event = |event| match event {
        AgentEvent::Registered => say!("agent {name} is registered at {server}; Ctrl-C ends it"),
        AgentEvent::Lost => {
            note!("agent {name} could not renew its registration at {server}, and goes on trying");
        }
    };
    let is_asked = || interrupt.is_asked();
    agent::run(&access, &registration, host, &is_asked, &mut on_event)
        .map_err(Failure::usage_of)?;
    Ok(Exit::Success)
}

/// What stands on standard input.
fn handed_over() -> Result<Received, Failure> {
    Handover::read(std::io::stdin().lock())?.received()
}

/// The cores that were asked for, on which this process stays, or all that it may use.
fn cpus(args: &AgentArgs) -> Result<Vec<u32>, Failure> {
    if args.host.is_some() || !args.manifest.is_empty() {
        return Err(Failure::usage(miette::miette!(
            help = "add --role server, or leave them out",
            "--host and --manifest are for an agent that starts targets"
        )));
    }
    let available = cores::available();
    let Some(asked) = &args.cpus else {
        return Ok(available);
    };
    let asked = asked.to_vec();
    check_available(&asked, &available)?;
    cores::pin(&asked).or_internal(|| "cannot stay on the cores of --cpus".to_owned())?;
    Ok(asked)
}

/// What targets are started with. This process stays on the other cores.
fn host(args: &AgentArgs, access: &NatsAccess) -> Result<Host, Failure> {
    let available = cores::available();
    if let Some(asked) = &args.cpus {
        check_available(&asked.to_vec(), &available)?;
    }
    let pinning = cores::divide(&available, args.cpus.as_ref(), None).map_err(Failure::usage_of)?;
    cores::pin(&pinning.load_cpus)
        .or_internal(|| "cannot stay on the cores beside --cpus".to_owned())?;
    let manifests = args.manifest.iter().map(|file| named::manifest(None, file));
    let address = match args.host {
        Some(address) => address,
        None => serving::address_towards(access).or_usage(
            || {
                format!(
                    "cannot find out by which address this machine reaches {}",
                    access.shown()
                )
            },
            "name the address at which targets are to listen with --host",
        )?,
    };
    Ok(Host {
        address,
        manifests: manifests.collect::<Result<_, _>>()?,
        pinning,
    })
}

fn check_available(asked: &[u32], available: &[u32]) -> Result<(), Failure> {
    let Some(cpu) = asked.iter().find(|cpu| !available.contains(cpu)) else {
        return Ok(());
    };
    Err(Failure::usage(miette::miette!(
        help = "name cores that `bench doctor` lists",
        "--cpus names core {cpu}, which this process may not use"
    )))
}
