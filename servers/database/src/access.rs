//! Reading `DATABASE_URL` and `REDIS_URL`.
//!
//! Resolves the names of hosts, once: a server connects to addresses. An error never repeats a password.

use std::io;

use percent_encoding::percent_decode_str;
use spec::{PostgresAccess, RedisAccess};
use url::Url;

const POSTGRES_PORT: u16 = 5432;
const REDIS_PORT: u16 = 6379;

/// Why a URL says nowhere to connect to.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// It is no URL.
    #[error("it is no URL: {0}")]
    NotAUrl(#[from] url::ParseError),
    /// It is for something else.
    #[error("it begins with {found}://; it must begin with {expected}://")]
    Scheme {
        /// What it begins with.
        found: String,
        /// What it is to begin with.
        expected: &'static str,
    },
    /// It asks for what the servers don't do, as TLS.
    #[error("its parameter {0} is not supported; remove it (sslmode=disable may stay)")]
    Parameter(String),
    /// Its host has no address.
    #[error("its host has no address: {0}")]
    Host(#[from] io::Error),
    /// Redis' databases have numbers.
    #[error("{0:?} is no number of a database; end it with /0")]
    Database(String),
}

/// What `postgres://USER:PASSWORD@HOST:PORT/DATABASE` says. What is left out is as libpq has it: port 5432, no password, the database
/// named as the user.
pub fn postgres_access(url: &str) -> Result<PostgresAccess, UrlError> {
    let url = parse(url, "postgres", "postgresql")?;
    let user = decoded(url.username());
    let database = decoded(url.path().trim_start_matches('/'));
    Ok(PostgresAccess {
        addr: address(&url, POSTGRES_PORT)?,
        password: url.password().map(decoded).unwrap_or_default(),
        database: if database.is_empty() {
            user.clone()
        } else {
            database
        },
        user,
    })
}

/// What `redis://USER:PASSWORD@HOST:PORT/NUMBER` says. What is left out: port 6379, no password, database 0.
pub fn redis_access(url: &str) -> Result<RedisAccess, UrlError> {
    let url = parse(url, "redis", "redis")?;
    let number = url.path().trim_start_matches('/');
    Ok(RedisAccess {
        addr: address(&url, REDIS_PORT)?,
        user: Some(decoded(url.username())).filter(|user| !user.is_empty()),
        password: url.password().map(decoded),
        database: match number {
            "" => 0,
            _ => number
                .parse()
                .map_err(|_| UrlError::Database(number.to_owned()))?,
        },
    })
}

fn parse(url: &str, expected: &'static str, synonym: &str) -> Result<Url, UrlError> {
    let url = Url::parse(url)?;
    if url.scheme() != expected && url.scheme() != synonym {
        return Err(UrlError::Scheme {
            found: url.scheme().to_owned(),
            expected,
        });
    }
    let mut parameters = url.query_pairs();
    match parameters.find(|(name, value)| !(name == "sslmode" && value == "disable")) {
        Some((name, _)) => Err(UrlError::Parameter(name.into_owned())),
        None => Ok(url),
    }
}

fn address(url: &Url, port: u16) -> Result<std::net::SocketAddr, UrlError> {
    let found = url.socket_addrs(|| Some(port))?;
    let none = || io::Error::from(io::ErrorKind::NotFound).into();
    found.first().copied().ok_or_else(none)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_as_whom() {
        let access = postgres_access("postgres://bench:p%40ss@127.0.0.1:5433/shop").unwrap();
        let expected = PostgresAccess {
            addr: ([127, 0, 0, 1], 5433).into(),
            user: "bench".into(),
            password: "p@ss".into(),
            database: "shop".into(),
        };
        assert_eq!(access, expected);
        let access = postgres_access("postgresql://me@[::1]?sslmode=disable").unwrap();
        assert_eq!(access.addr, "[::1]:5432".parse().unwrap());
        assert_eq!((&*access.password, &*access.database), ("", "me"));

        let access = redis_access("redis://127.0.0.1/3").unwrap();
        assert_eq!((access.addr.port(), access.database), (6379, 3));
        assert_eq!((access.user, access.password), (None, None));
        let access = redis_access("redis://:secret@127.0.0.1:7000").unwrap();
        assert_eq!((access.user, access.database), (None, 0));
        assert_eq!(access.password.as_deref(), Some("secret"));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for (url, reason) in [
            ("bench:secret", "postgres://"),
            ("secret", "no URL"),
            ("mysql://bench:secret@127.0.0.1/shop", "mysql://"),
            (
                "postgres://bench:secret@127.0.0.1/shop?sslmode=require",
                "sslmode",
            ),
            ("postgres://bench:secret@127.0.0.1:65536/shop", "port"),
        ] {
            let error = postgres_access(url).unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(!error.contains("secret"), "{url}: {error}");
        }
        let error = redis_access("redis://127.0.0.1/first").unwrap_err();
        assert!(error.to_string().contains("first"), "{error}");
        let error = redis_access("rediss://127.0.0.1").unwrap_err();
        assert!(error.to_string().contains("rediss://"), "{error}");
    }
}
