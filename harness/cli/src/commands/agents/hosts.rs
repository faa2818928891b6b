//! The file of `bench agents up`: a machine a line, and what is its agent's own. All that passes here goes through ssh and through the
//! shell of another machine, and means there what it means here.

use clap::ValueEnum;
use machines::registration::{AgentName, Role};
use process::cores::CpuList;
use thiserror::Error;

use crate::args::agent::RoleName;

/// The most machines of a file: each is a process of ssh.
pub(super) const MAX_HOSTS: usize = 256;

/// A machine, and the agent that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// As ssh takes it: `user@host`, or a name in its configuration.
    pub(super) destination: String,
    pub(super) name: AgentName,
    pub(super) role: Role,
    pub(super) cpus: Option<CpuList>,
}

impl Host {
    /// What ssh has run there, for the shell of that machine.
    pub(super) fn command(&self, bench: &str) -> String {
        let cpus = self.cpus.as_ref();
        let cpus = cpus.map_or_else(String::new, |cpus| format!(" --cpus={cpus}"));
        // A name may begin with a dash.
        let (name, role) = (&self.name, self.role.name());
        format!("{bench} agent --nats=- --name={name} --role={role}{cpus}")
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum HostsError {
    /// A line.
    #[error("{file}, line {line}: {what}")]
    Line {
        file: String,
        line: usize,
        what: String,
    },
    /// The number of lines.
    #[error(
        "{file} names {count} machines: write from 1 to {MAX_HOSTS}, a line each, as in `me@10.0.0.1 name=load-1`"
    )]
    Count { file: String, count: usize },
}

/// The machines of a file of this name.
pub(super) fn parse(text: &str, file: &str) -> Result<Vec<Host>, HostsError> {
    let mut hosts: Vec<Host> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let entry = line.split_once('#').map_or(line, |(entry, _)| entry);
        let at = |what: String| HostsError::Line {
            file: file.to_owned(),
            line: index + 1,
            what,
        };
        let Some(host) = host(entry).map_err(at)? else {
            continue;
        };
        if hosts.iter().any(|other| other.name == host.name) {
            let name = &host.name;
            return Err(at(format!(
                "another line has the agent {name} already: give this one another name, as in `name={name}-2`"
            )));
        }
        hosts.push(host);
    }
    if !(1..=MAX_HOSTS).contains(&hosts.len()) {
        return Err(HostsError::Count {
            file: file.to_owned(),
            count: hosts.len(),
        });
    }
    Ok(hosts)
}

/// The machine of a line without its comment; none where nothing else is there.
fn host(entry: &str) -> Result<Option<Host>, String> {
    let mut words = entry.split_whitespace();
    let Some(destination) = words.next() else {
        return Ok(None);
    };
    let machine = machine(destination)?;
    let (mut name, mut role, mut cpus) = (None, None, None);
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let is_twice = match key {
            "name" => name.replace(read::<AgentName>(value)?).is_some(),
            "role" => role.replace(role_of(value)?).is_some(),
            "cpus" => cpus.replace(read::<CpuList>(value)?).is_some(),
            _ => {
                return Err(format!(
                    "`{word}` is unknown: write name=NAME, role=ROLE or cpus=LIST"
                ));
            }
        };
        if is_twice {
            return Err(format!("`{key}=` is there twice: write it once"));
        }
    }
    Ok(Some(Host {
        destination: destination.to_owned(),
        name: name.unwrap_or_else(|| AgentName::of_host(machine)),
        role: role.unwrap_or(Role::Generator),
        cpus,
    }))
}

/// The machine of `[user@]machine`, where ssh takes neither for an option, nor a shell for a command: a configuration may hand both to
/// one (`ProxyCommand`).
fn machine(destination: &str) -> Result<&str, String> {
    let (user, machine) = match destination.rsplit_once('@') {
        Some((user, machine)) => (Some(user), machine),
        None => (None, destination),
    };
    let is_plain = |text: &str, others: &str| {
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || others.contains(letter);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(is_allowed)
    };
    if is_plain(machine, "-._:") && user.is_none_or(|user| is_plain(user, "-._")) {
        return Ok(machine);
    }
    Err(format!(
        "`{destination}` is no machine: write `host` or `user@host`, of letters, digits and `-._`, and not with a dash first; what else ssh needs, \
         a port say, goes into ~/.ssh/config"
    ))
}

fn read<T>(value: &str) -> Result<T, String>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    value.parse().map_err(|error: T::Err| error.to_string())
}

fn role_of(value: &str) -> Result<Role, String> {
    let role = RoleName::from_str(value, false).map(Role::from);
    role.map_err(|_| format!("`{value}` is no role: write generator, server or probe"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_stands_on_a_line_with_what_is_its_agents_own() {
        let text = "# Ours.\n\nme@load-1.test  name=-l_1 role=server cpus=0-2,5 # the fast one\n10.0.0.2\nuser@::1 role=probe\n";
        let hosts = parse(text, "hosts.txt").unwrap();
        let commands: Vec<_> = hosts
            .iter()
            .map(|host| (host.destination.as_str(), host.command("/opt/bench")))
            .collect();
        let command = |rest: &str| format!("/opt/bench agent --nats=- --name={rest}");
        assert_eq!(
            commands,
            [
                ("me@load-1.test", command("-l_1 --role=server --cpus=0-2,5")),
                ("10.0.0.2", command("10-0-0-2 --role=generator")),
                ("user@::1", command("--1 --role=probe")),
            ]
        );
    }

    #[test]
    fn a_bad_line_is_named_with_the_remedy() {
        let check = |line: &str, remedy: &str| {
            let text = format!("a.test\n\n{line}\n");
            let error = parse(&text, "hosts.txt").unwrap_err().to_string();
            assert!(error.starts_with("hosts.txt, line 3: "), "{error}");
            assert!(error.contains(remedy), "{line}: {error}");
        };
        for destination in [
            "-oProxyCommand=x",
            "me@-oProxyCommand=x",
            "-me@b.test",
            "@b.test",
            "me@",
            "b.test;id",
            "$(id)@b.test",
            "b.test|x",
            "`id`",
            "ä.test",
        ] {
            check(destination, "user@host");
        }
        check("b.test name=a.b", "load-1");
        check("b.test name", "load-1");
        check("b.test role=Generator", "generator, server or probe");
        check("b.test cpus=3-1", "0-3");
        check("b.test port=22", "name=NAME");
        check("b.test name=b name=c", "once");
        check("a.test", "name=a-test-2");
        check("b.test name=a-test", "name=a-test-2");
    }

    #[test]
    fn a_file_names_some_machines_and_not_too_many() {
        let of = |count: usize| {
            let lines: Vec<_> = (0..count).map(|host| format!("h{host}.test\n")).collect();
            parse(&lines.concat(), "hosts.txt").map(|hosts| hosts.len())
        };
        assert_eq!(of(MAX_HOSTS), Ok(MAX_HOSTS));
        for count in [0, MAX_HOSTS + 1] {
            let error = of(count).unwrap_err().to_string();
            assert!(error.contains("hosts.txt names"), "{error}");
        }
    }
}
