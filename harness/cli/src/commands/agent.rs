//! `bench agent`: this machine, among others that meet at a NATS server.

use machines::agent::{self, AgentEvent};
use machines::registration::{AgentName, Registration};
use process::cores::{self, CpuList};
use process::environment;
use process::failure::{Explain, Failure};
use process::interrupt::Interrupt;
use rustix::system::uname;

use crate::args::agent::AgentArgs;
use crate::exit::Exit;
use crate::handover::{self, Handover, Received};
use crate::output::{note, say};

/// Is an agent until a signal ends it.
pub(crate) fn run(args: &AgentArgs) -> Result<Exit, Failure> {
    // Until all is known, a signal ends this process as any other.
    let handed = args.nats.is_on_stdin().then(handed_over).transpose()?;
    let access = match &handed {
        Some(received) => received.access.clone(),
        None => args.nats.access()?,
    };
    let cpus = cpus(args.cpus.as_ref())?;
    let interrupt = Interrupt::catch()?;
    if handed.is_some() {
        handover::end_with_stdin(&interrupt)?;
    }
    let started_at = jiff::Timestamp::now();
    let host = || AgentName::of_host(&uname().nodename().to_string_lossy());
    let registration = Registration {
        name: args.name.clone().unwrap_or_else(host),
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
    agent::run(&access, &registration, &is_asked, &mut on_event).map_err(Failure::usage_of)?;
    Ok(Exit::Success)
}

/// What stands on standard input.
fn handed_over() -> Result<Received, Failure> {
    Handover::read(std::io::stdin().lock())?.received()
}

/// The cores that were asked for, on which this process stays, or all that it may use.
fn cpus(asked: Option<&CpuList>) -> Result<Vec<u32>, Failure> {
    let available = cores::available();
    let Some(asked) = asked else {
        return Ok(available);
    };
    let asked = asked.to_vec();
    if let Some(cpu) = asked.iter().find(|cpu| !available.contains(cpu)) {
        return Err(Failure::usage(miette::miette!(
            help = "name cores that `bench doctor` lists",
            "--cpus names core {cpu}, which this process may not use"
        )));
    }
    cores::pin(&asked).or_internal(|| "cannot stay on the cores of --cpus".to_owned())?;
    Ok(asked)
}
