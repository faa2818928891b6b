//! What an agent says of itself, and how it is found.

use std::fmt;
use std::str::FromStr;

use model::record::surroundings::Environment;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest name of an agent.
pub const MAX_NAME_BYTES: usize = 64;

/// What an agent is called. It is a key of a bucket and a part of a subject: letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentName(String);

impl AgentName {
    /// The name of a machine as that of its agent: what an agent can't be called becomes `-`.
    pub fn of_host(host: &str) -> Self {
        let named = |letter: char| if is_allowed(letter) { letter } else { '-' };
        let name: String = host.chars().map(named).take(MAX_NAME_BYTES).collect();
        Self(if name.is_empty() {
            "agent".to_owned()
        } else {
            name
        })
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_allowed(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

impl FromStr for AgentName {
    type Err = AgentNameError;

    fn from_str(text: &str) -> Result<Self, AgentNameError> {
        let is_name = (1..=MAX_NAME_BYTES).contains(&text.len()) && text.chars().all(is_allowed);
        is_name
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| AgentNameError {
                text: text.to_owned(),
            })
    }
}

impl TryFrom<String> for AgentName {
    type Error = AgentNameError;

    fn try_from(text: String) -> Result<Self, AgentNameError> {
        text.parse()
    }
}

impl From<AgentName> for String {
    fn from(name: AgentName) -> Self {
        name.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an agent can't be called.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no name of an agent: write 1 to {MAX_NAME_BYTES} letters, digits, `-` and `_`, as in `load-1`"
)]
pub struct AgentNameError {
    text: String,
}

/// What a machine is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It drives load.
    Generator,
    /// It runs servers.
    Server,
    /// It watches at a low rate beside those that drive load.
    Probe,
}

impl Role {
    /// Its name in flags and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Server => "server",
            Self::Probe => "probe",
        }
    }
}

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// What it is called.
    pub name: AgentName,
    /// Tells it from an agent that had this name before it, or wants it now.
    pub instance: String,
    /// What its machine is meant for.
    pub role: Role,
    /// The version of `bench` that it is.
    pub bench_version: String,
    /// The cores that it may use, or that its servers have, ascending.
    pub cpus: Vec<u32>,
    /// What the kernel reads its clocks from (`current_clocksource` in sysfs); none where it doesn't say so.
    pub clock_source: Option<String>,
    /// Its machine.
    pub environment: Environment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_key_and_a_subject_and_a_hosts_becomes_one() {
        for text in ["a", "load-1", "LOAD_2", &"x".repeat(MAX_NAME_BYTES)] {
            assert_eq!(text.parse::<AgentName>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "a.b",
            "a b",
            "*",
            ">",
            "ä",
            &"x".repeat(MAX_NAME_BYTES + 1),
        ] {
            let error = text.parse::<AgentName>().unwrap_err();
            assert!(error.to_string().contains("load-1"), "{error}");
        }
        for (host, name) in [("web1.test", "web1-test"), ("", "agent"), ("ä_b", "-_b")] {
            let found = AgentName::of_host(host);
            assert_eq!(found.as_str(), name);
            assert_eq!(found.as_str().parse(), Ok(found));
        }
        let long = AgentName::of_host(&"y".repeat(300));
        assert_eq!(long.as_str().len(), MAX_NAME_BYTES);
    }
}
