//! `bench agents up`: an agent on each machine of a file, by ssh, as long as this command runs.
//!
//! An agent ends with its standard input, whose other end is here: however this command or ssh ends, none stays.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use machines::registration::Registration;
use machines::{listing, watch};
use model::words::{listed, plural};
use process::failure::{Explain, Failure};
use process::files;
use process::interrupt::Interrupt;

use super::hosts::{self, Host};
use crate::args::agents::AgentsUpArgs;
use crate::exit::Exit;
use crate::handover::{BEAT_EVERY, SILENCE};
use crate::output::{note, say};

/// The largest file of machines.
const MAX_HOSTS_BYTES: usize = 256 << 10;

/// How ssh is started: it asks nothing, has no terminal there, and notices within 15 seconds that a machine is gone.
const SSH: [&str; 9] = [
    "-T",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=10",
    "-o",
    "ServerAliveInterval=5",
    "-o",
    "ServerAliveCountMax=3",
];

/// How often is looked who is registered, as long as somebody is missing.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long agents may take to end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// How often is looked whether they have.
const END_POLL: Duration = Duration::from_millis(20);

/// As much of what ssh and an agent wrote last as is shown.
const SHOWN_LINES: usize = 5;
const SHOWN_BYTES: u64 = 4 << 10;

/// Starts the agents, says what becomes of them, and ends them when it is asked to.
pub(super) fn run(args: &AgentsUpArgs) -> Result<Exit, Failure> {
    let file = args.ssh.display().to_string();
    let text = files::read_text(&args.ssh, MAX_HOSTS_BYTES).or_usage(
        || format!("cannot read {file}"),
        "name a file with a machine a line, as in `me@10.0.0.1 name=load-1`",
    )?;
    let hosts = hosts::parse(&text, &file).map_err(Failure::usage_of)?;
    let access = args.nats.access()?;
    let handed = args.nats.to_hand_over()?.line();
    let interrupt = Interrupt::catch()?;
    // Where this machine can't reach the server, nothing is started. What is registered already is not ours, whatever its name.
    let others = listing::list(&access).map_err(Failure::usage_of)?;
    let others: BTreeSet<String> = others
        .into_iter()
        .map(|listed| listed.registration.instance)
        .collect();
    let mut agents = Agents::default();
    for host in hosts {
        agents
            .0
            .push(Agent::start(host, &args.bench_path, &handed)?);
    }
    let mut was_settled = false;
    watch::watch(&access, &mut |registered| {
        agents.look(registered, &others);
        let (here, ended) = (agents.of(State::Registered), agents.of(State::Ended));
        let (here, ended, all) = (here.count(), ended.count(), agents.0.len());
        if interrupt.is_asked() || ended == all {
            return None;
        }
        let is_settled = here + ended == all;
        if is_settled && !was_settled {
            say!(
                "{here} of {} registered at {}; Ctrl-C ends them",
                plural(all as u64, "agent is", "agents are"),
                access.shown()
            );
        }
        was_settled = is_settled;
        Some(if is_settled { BEAT_EVERY } else { LOOK_EVERY })
    })
    .map_err(Failure::usage_of)?;
    let early: Vec<String> = agents.of(State::Ended).map(Agent::shown).collect();
    agents.end();
    if early.is_empty() {
        return Ok(Exit::Success);
    }
    Err(Failure::usage(miette::miette!(
        help = "above stands what ssh and the agent wrote",
        "ended without being asked to: {}",
        listed(&early)
    )))
}

/// All agents, which end when this is dropped.
#[derive(Default)]
struct Agents(Vec<Agent>);

impl Agents {
    /// Looks after all of them. `registered`: who is, where that is known.
    fn look(&mut self, registered: Option<&[Registration]>, others: &BTreeSet<String>) {
        for agent in &mut self.0 {
            agent.look(registered, others);
        }
    }

    /// Those that are in this state.
    fn of(&self, state: State) -> impl Iterator<Item = &Agent> {
        self.0.iter().filter(move |agent| agent.state == state)
    }

    /// Ends all of them, and says which did not end as they should.
    fn end(&mut self) {
        for agent in &mut self.0 {
            agent.input = None;
        }
        let began = Instant::now();
        for agent in &mut self.0 {
            agent.wait(began);
        }
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.end();
    }
}

/// What has become of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Started,
    Registered,
    Lost,
    Ended,
}

/// An agent on another machine, and the ssh through which it is there.
struct Agent {
    host: Host,
    ssh: Child,
    /// The agent's standard input: it ends with that.
    input: Option<ChildStdin>,
    /// What ssh and the agent write to standard error.
    errors: File,
    state: State,
}

impl Agent {
    fn start(host: Host, bench: &str, handed: &[u8]) -> Result<Self, Failure> {
        let no_file = || "cannot make a temporary file".to_owned();
        let errors = tempfile::tempfile().or_internal(no_file)?;
        let mut ssh = Command::new("ssh")
            .args(SSH)
            .arg("--")
            .arg(&host.destination)
            .arg(host.command(bench))
            // Ctrl-C is for this command, which then ends ssh in order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(errors.try_clone().or_internal(no_file)?)
            .spawn()
            .or_usage(
                || "cannot start ssh".to_owned(),
                "install OpenSSH's client (Debian: apt-get install openssh-client)",
            )?;
        let input = ssh.stdin.take();
        let mut agent = Self {
            host,
            ssh,
            input,
            errors,
            state: State::Started,
        };
        agent.send(handed);
        Ok(agent)
    }

    /// Writes to the agent. Where that fails ssh has ended, which is seen at the next look.
    fn send(&mut self, bytes: &[u8]) {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(bytes);
        }
    }

    /// Says that this command is still there, and what has changed.
    fn look(&mut self, registered: Option<&[Registration]>, others: &BTreeSet<String>) {
        if self.state == State::Ended {
            return;
        }
        if let Some(status) = self.status() {
            self.on_end(status);
            return;
        }
        self.send(b"\n");
        let Some(registered) = registered else {
            return;
        };
        let mut found = registered.iter().filter(|registration| {
            registration.name == self.host.name && !others.contains(&registration.instance)
        });
        match (self.state, found.next()) {
            (State::Started | State::Lost, Some(found)) => {
                self.state = State::Registered;
                let cores = plural(found.cpus.len() as u64, "core", "cores");
                say!("{} is registered, with {cores}", self.shown());
            }
            (State::Registered, None) => {
                self.state = State::Lost;
                note!(
                    "{} is no longer registered; it goes on trying",
                    self.shown()
                );
            }
            _ => {}
        }
    }

    /// How ssh ended; none while it runs.
    fn status(&mut self) -> Option<ExitStatus> {
        // That a child of our own can't be waited for is no state of it.
        self.ssh.try_wait().expect("it is our child")
    }

    fn on_end(&mut self, status: ExitStatus) {
        self.state = State::Ended;
        self.input = None;
        let last = last_lines(&mut self.errors);
        let last =
            last.unwrap_or_else(|error| format!("\n  (what it wrote can't be read: {error})"));
        let remedy = remedy(status.code());
        note!("{}: ssh ended, {status}{remedy}{last}", self.shown());
    }

    /// Waits until it has ended, and kills ssh if that takes too long.
    fn wait(&mut self, since: Instant) {
        while self.state != State::Ended {
            match self.status() {
                Some(status) if status.success() => self.state = State::Ended,
                Some(status) => self.on_end(status),
                None if since.elapsed() < END_WITHIN => std::thread::sleep(END_POLL),
                None => {
                    self.state = State::Ended;
                    // It may have ended just now.
                    let _ = self.ssh.kill().and_then(|()| self.ssh.wait());
                    note!(
                        "{}: ssh did not end and was killed; the agent ends within {} s",
                        self.shown(),
                        SILENCE.as_secs()
                    );
                }
            }
        }
    }

    fn shown(&self) -> String {
        format!("agent {} on {}", self.host.name, self.host.destination)
    }
}

/// What to do about how ssh ended: 255 is its own, and 127 that of a shell.
fn remedy(code: Option<i32>) -> &'static str {
    match code {
        Some(255) => "; try `ssh -o BatchMode=yes` to this machine by hand",
        Some(126 | 127) => "; install bench there, or name it with --bench-path",
        _ => "",
    }
}

/// The last lines of a file, each on a line of its own and indented, without what would change a terminal.
fn last_lines(file: &mut File) -> io::Result<String> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(SHOWN_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(SHOWN_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = lines.len().saturating_sub(SHOWN_LINES);
    let shown = lines[first..].iter().map(|line| {
        let plain: String = line.chars().filter(|letter| !letter.is_control()).collect();
        format!("\n  {plain}")
    });
    Ok(shown.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_without_what_would_change_a_terminal() {
        let check = |text: &str, shown: &str| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(last_lines(&mut file).unwrap(), shown);
        };
        check("", "");
        check("a\r\n\n\u{1b}[31mb", "\n  a\n  [31mb");
        check("1\n2\n3\n4\n5\n6\n", "\n  2\n  3\n  4\n  5\n  6");
        let most = "x".repeat(usize::try_from(SHOWN_BYTES).unwrap());
        check(&format!("{most}{most}"), &format!("\n  {most}"));
    }
}
