//! Where the NATS server is, and by what right it is used. Beyond this machine no password is sent that others on the way could read and
//! use.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use async_nats::ServerAddr;
use model::spec::secrets::without_credentials;
use percent_encoding::percent_decode_str;
use thiserror::Error;

/// A NATS server, and what lets us in.
#[derive(Debug, Clone)]
pub struct NatsAccess {
    server: ServerAddr,
    credentials: Option<PathBuf>,
    authority: Option<PathBuf>,
}

impl NatsAccess {
    /// The server at `url`, as `nats://host:4222` or `tls://host:4222`, where a user and a password may stand before the host.
    ///
    /// `credentials`: a file of a user's JWT and seed, as `nsc` writes it; `authority`: a PEM file of who signed the server's certificate.
    pub fn new(
        url: &str,
        credentials: Option<&Path>,
        authority: Option<&Path>,
    ) -> Result<Self, AccessError> {
        let shown = without_credentials(url);
        let server: ServerAddr = url.parse().map_err(|_| AccessError::Url {
            shown: shown.clone(),
        })?;
        let access = Self {
            server,
            credentials: credentials.map(Path::to_owned),
            authority: authority.map(Path::to_owned),
        };
        if access.is_on_this_machine() || access.is_encrypted() {
            return Ok(access);
        }
        // Of credentials in a file only a signature is sent; a password is readable on the way.
        if access.server.has_user_pass() {
            return Err(AccessError::Password { shown });
        }
        if access.credentials.is_none() {
            return Err(AccessError::Open { shown });
        }
        Ok(access)
    }

    /// The server, for the library.
    pub(crate) fn server(&self) -> &ServerAddr {
        &self.server
    }

    /// The user and the password before the host; a token where it is one word.
    pub(crate) fn user(&self) -> Option<(String, Option<String>)> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = self.server.username().map(decoded)?;
        Some((user, self.server.password().map(decoded)))
    }

    /// The file with credentials.
    pub(crate) fn credentials(&self) -> Option<&Path> {
        self.credentials.as_deref()
    }

    /// The file with the authority.
    pub(crate) fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// Whether nothing may be sent without TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.server.tls_required() || self.authority.is_some()
    }

    /// Where it is, as it may be shown.
    pub fn shown(&self) -> String {
        let host = self.server.host();
        format!("{host}:{}", self.server.port())
    }

    fn is_on_this_machine(&self) -> bool {
        let host = self.server.host();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse().is_ok_and(|addr: IpAddr| addr.is_loopback())
    }
}

/// Why a NATS server can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccessError {
    /// It is no address.
    #[error(
        "`{shown}` is no address of a NATS server: write it as nats://host:4222, or tls://host:4222"
    )]
    Url {
        /// What was given, without a password.
        shown: String,
    },
    /// Everybody could use it.
    #[error(
        "{shown} is not on this machine, and neither credentials nor TLS protect what is sent: give --nats-credentials FILE, or write \
         tls:// and, where the certificate is your own, --nats-ca FILE"
    )]
    Open {
        /// Where it is.
        shown: String,
    },
    /// A password would be sent as it is.
    #[error(
        "the password for {shown} would be sent where others can read it: write tls:// instead, or give --nats-credentials FILE without a \
         password"
    )]
    Password {
        /// Where it is.
        shown: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_this_machine_credentials_or_tls_are_needed() {
        let file = Path::new("file");
        let check = |url: &str, credentials: bool, authority: bool| {
            let given = |is_given: bool| is_given.then_some(file);
            NatsAccess::new(url, given(credentials), given(authority))
                .map(|access| access.is_encrypted())
        };
        for url in [
            "127.0.0.1",
            "nats://127.0.0.1:4222",
            "nats://a:b@127.0.0.1:4222",
            "nats://[::1]:4222",
            "nats://localhost",
        ] {
            assert_eq!(check(url, false, false), Ok(false), "{url}");
        }
        let open = |shown: &str| AccessError::Open {
            shown: shown.to_owned(),
        };
        for url in [
            "nats://hub.test",
            "nats://192.0.2.1:4222",
            "nats://localhost.test",
        ] {
            assert_eq!(check(url, false, false), Err(open(url)));
            assert_eq!(check(url, true, false), Ok(false), "{url}");
            assert_eq!(check(url, false, true), Ok(true), "{url}");
        }
        assert_eq!(check("tls://hub.test", false, false), Ok(true));
        assert_eq!(check("tls://a:b@hub.test", false, false), Ok(true));
        for is_given in [false, true] {
            let refused = check("nats://a:secret@hub.test", is_given, false).unwrap_err();
            assert!(matches!(refused, AccessError::Password { .. }), "{refused}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }

    #[test]
    fn what_is_no_address_is_shown_without_its_password() {
        for url in ["http://a:secret@hub.test", "nats://a:secret@"] {
            let error = NatsAccess::new(url, None, None).unwrap_err().to_string();
            assert!(error.contains("nats://host:4222"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let access = NatsAccess::new("nats://a:secret@127.0.0.1:99", None, None).unwrap();
        assert_eq!(access.shown(), "127.0.0.1:99");
        let user = |url: &str| NatsAccess::new(url, None, None).unwrap().user();
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(
            user("nats://a:b%40c@[::1]"),
            Some(("a".to_owned(), named("b@c")))
        );
        assert_eq!(
            user("nats://token@127.0.0.1"),
            Some(("token".to_owned(), None))
        );
        assert_eq!(user("127.0.0.1"), None);
    }
}
