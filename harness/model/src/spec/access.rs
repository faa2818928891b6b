//! How a server is reached, where its address does not say it: whose certificate is believed, with which one bench shows who it is,
//! and where to connect instead. Reads no file.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How servers are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Access {
    /// Whose certificates are believed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trust: TrustSpec,
    /// The certificate that bench shows, where the server wants one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub identity: Option<Identity>,
    /// Where to connect instead of to an address; the first that is for it counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub connect_to: Vec<ConnectTo>,
    /// The Unix socket to connect to instead.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unix_socket: Option<PathBuf>,
}

/// Whose certificates are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TrustSpec {
    /// Those that the system's authorities signed.
    #[default]
    System,
    /// Those that the authorities in this PEM file signed, or that stand there themselves.
    Only(PathBuf),
    /// Anyone's.
    Anyone,
}

/// A certificate and its key, each a PEM file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Identity {
    /// The certificate, and those that signed it.
    pub cert: PathBuf,
    /// Its private key; may be the same file.
    pub key: PathBuf,
}

impl Access {
    /// Whether nothing but the address says how to reach a server.
    pub fn is_usual(&self) -> bool {
        is_default(self)
    }

    /// Where to connect for this host and port: there, unless something else was asked for.
    pub fn way_to(&self, host: &str, port: u16) -> (String, u16) {
        let instead = self.connect_to.iter().find(|to| to.is_for(host, port));
        instead.map_or_else(
            || (host.to_owned(), port),
            |to| {
                (
                    to.to_host.clone().unwrap_or_else(|| host.to_owned()),
                    to.to_port.unwrap_or(port),
                )
            },
        )
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Where to connect instead of to an address, written as curl's option of this name: `HOST:PORT:TO_HOST:TO_PORT`. The first two
/// may be left out and then stand for any, the last two for the same as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(any(test, feature = "schema"), schemars(with = "String"))]
pub struct ConnectTo {
    host: Option<String>,
    port: Option<u16>,
    to_host: Option<String>,
    to_port: Option<u16>,
}

impl ConnectTo {
    fn is_for(&self, host: &str, port: u16) -> bool {
        let is_host = |own: &String| own.eq_ignore_ascii_case(host);
        self.host.as_ref().is_none_or(is_host) && self.port.is_none_or(|own| own == port)
    }
}

impl FromStr for ConnectTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "write it as HOST:PORT:TO_HOST:TO_PORT, as in example.test:443:127.0.0.1:8443; each may be empty, and an IPv6 \
             address stands in brackets"
                .to_owned()
        };
        let (host, rest) = host_of(text).ok_or_else(wrong)?;
        let (port, rest) = rest.split_once(':').ok_or_else(wrong)?;
        let (to_host, to_port) = host_of(rest).ok_or_else(wrong)?;
        let port_of = |text: &str| match text {
            "" => Ok(None),
            text => match text.parse() {
                Ok(port) if port > 0 => Ok(Some(port)),
                _ => Err(wrong()),
            },
        };
        Ok(Self {
            host,
            port: port_of(port)?,
            to_host,
            to_port: port_of(to_port)?,
        })
    }
}

/// The host that a text begins with, without brackets, and what follows the colon behind it.
fn host_of(text: &str) -> Option<(Option<String>, &str)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once("]:")?,
        None => text.split_once(':')?,
    };
    Some(((!host.is_empty()).then(|| host.to_owned()), rest))
}

impl fmt::Display for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |host: &Option<String>| match host {
            Some(host) if host.contains(':') => format!("[{host}]"),
            host => host.clone().unwrap_or_default(),
        };
        let port = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
        write!(
            f,
            "{}:{}:{}:{}",
            host(&self.host),
            port(self.port),
            host(&self.to_host),
            port(self.to_port)
        )
    }
}

impl TryFrom<String> for ConnectTo {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ConnectTo> for String {
    fn from(to: ConnectTo) -> Self {
        to.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_connect_instead_is_read_as_curl_does() {
        for (text, host, port, host_then, port_then) in [
            ("a:1:b:2", "A", 1, "b", 2),
            ("a:1:b:2", "a", 3, "a", 3),
            ("a:1:b:2", "c", 1, "c", 1),
            ("::b:2", "a", 1, "b", 2),
            (":1::2", "a", 1, "a", 2),
            ("a::b:", "a", 1, "b", 1),
            ("[::1]:1:[::2]:2", "::1", 1, "::2", 2),
        ] {
            let access = Access {
                connect_to: vec![text.parse().unwrap()],
                ..Access::default()
            };
            let way = (host_then.to_owned(), port_then);
            assert_eq!(access.way_to(host, port), way, "{text}");
            assert_eq!(access.connect_to[0].to_string(), text);
        }
        for text in [
            "",
            "a",
            "a:1",
            "a:1:b",
            "a:x:b:2",
            "a:0:b:2",
            "a:1:b:65536",
            "[::1:1:b:2",
        ] {
            assert!(text.parse::<ConnectTo>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_usual_leaves_no_trace_in_a_record() {
        assert_eq!(serde_json::to_string(&Access::default()).unwrap(), "{}");
        let access = Access {
            trust: TrustSpec::Only("ca.pem".into()),
            identity: Some(Identity {
                cert: "c.pem".into(),
                key: "k.pem".into(),
            }),
            connect_to: vec!["a:1:b:2".parse().unwrap()],
            unix_socket: Some("/a".into()),
        };
        let json = serde_json::to_string(&access).unwrap();
        assert_eq!(serde_json::from_str::<Access>(&json).unwrap(), access);
    }
}
