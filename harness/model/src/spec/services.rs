//! What servers may need beside themselves: a database, a cache.
//!
//! Knows their names, and where one that runs already is. Must never know how one is started.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

use crate::names;
use crate::words::listed;

/// How many connections to PostgreSQL a target may open where nobody says, all its workers together: what `pg`, asyncpg and their like
/// open by default.
pub const DEFAULT_CONNECTIONS: NonZeroU32 = NonZeroU32::new(10).expect("10 is not zero");

/// The most that a target may open.
pub const MAX_CONNECTIONS: u32 = 1_000;

/// A service that a scenario may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// PostgreSQL, the database.
    Postgres,
    /// Redis, the cache, or Valkey.
    Redis,
}

impl Service {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 2] = [Self::Postgres, Self::Redis];

    /// What a server needs to answer a route of the contract, given its path.
    pub fn of_route(path: &str) -> &'static [Self] {
        match path {
            cached if cached.starts_with("/db/cached/") => &Self::ALL,
            other if other.starts_with("/db/") => &[Self::Postgres],
            _ => &[],
        }
    }

    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }

    /// As people write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
        }
    }

    /// The variable in which targets find its URL.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "DATABASE_URL",
            Self::Redis => "REDIS_URL",
        }
    }

    /// The variable in which its own clients look for a password that a URL lacks.
    pub fn password_variable(self) -> &'static str {
        match self {
            Self::Postgres => "PGPASSWORD",
            Self::Redis => "REDISCLI_AUTH",
        }
    }

    /// What a URL of it begins with.
    fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgres", "postgresql"],
            Self::Redis => &["redis"],
        }
    }

    /// A URL of one that looks right.
    fn example(self) -> &'static str {
        match self {
            Self::Postgres => "postgres://user:password@127.0.0.1:5432/database",
            Self::Redis => "redis://127.0.0.1:6379/0",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(text: &str) -> Result<Self, UnknownService> {
        let known = Self::ALL.into_iter().find(|known| known.name() == text);
        known.ok_or_else(|| UnknownService {
            name: names::shortened(text),
            nearest: names::nearest(text, Self::ALL.map(Self::name)),
        })
    }
}

/// A service that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "no service is called `{name}`{}; known are {}",
    names::hint(*nearest),
    listed(&Service::ALL.map(|known| format!("`{}`", known.name())))
)]
pub struct UnknownService {
    /// What was asked for.
    pub name: String,
    /// The one that was probably meant.
    pub nearest: Option<&'static str>,
}

/// Where a service runs already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl(Url);

impl ServiceUrl {
    /// Reads a URL of this service.
    pub fn parse(service: Service, text: &str) -> Result<Self, ServiceUrlError> {
        let error = |why: &str| ServiceUrlError {
            service,
            why: why.to_owned(),
        };
        let url = Url::parse(text).map_err(|parse| error(&parse.to_string()))?;
        let is_strict = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
            name == "sslmode" && (value == "require" || value.starts_with("verify"))
        };
        if url.scheme() == "rediss" || url.query_pairs().any(is_strict) {
            return Err(error(
                "it is reached without TLS only, as every target reaches it",
            ));
        }
        if !service.schemes().contains(&url.scheme()) {
            return Err(error(&format!("it begins with {}://", url.scheme())));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(error("it names no host"));
        }
        Ok(Self(url))
    }

    /// As it is given to targets.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// As records have it: without its password, and whatever follows a `?`, where there may be another.
    pub fn recorded(&self) -> String {
        let mut url = self.0.clone();
        // Fails only for a URL that can't have one.
        let _ = url.set_password(None);
        url.set_query(None);
        url.to_string()
    }

    /// The same, with this password where it has none.
    #[must_use]
    pub fn or_password(&self, password: &str) -> Self {
        let mut url = self.0.clone();
        if url.password().is_none() {
            // As above.
            let _ = url.set_password(Some(password));
        }
        Self(url)
    }
}

/// A URL that can't be one of a service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "--{}: this is no URL of {service} that can be used here: {why}; write it as {}",
    service.name(),
    service.example()
)]
pub struct ServiceUrlError {
    service: Service,
    why: String,
}

/// What was chosen of the services that a scenario may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceChoices {
    /// Those that run already; the others are started.
    pub urls: BTreeMap<Service, ServiceUrl>,
    /// How many connections to PostgreSQL a target may open, all its workers together; at most [`MAX_CONNECTIONS`].
    pub connections: NonZeroU32,
}

impl Default for ServiceChoices {
    fn default() -> Self {
        Self {
            urls: BTreeMap::new(),
            connections: DEFAULT_CONNECTIONS,
        }
    }
}

impl ServiceChoices {
    /// Without those that are not needed.
    #[must_use]
    pub fn only(mut self, needs: &BTreeSet<Service>) -> Self {
        self.urls.retain(|service, _| needs.contains(service));
        self
    }

    /// Where services run already, as records have it.
    pub fn recorded(&self) -> BTreeMap<Service, String> {
        let urls = self.urls.iter();
        urls.map(|(service, url)| (*service, url.recorded()))
            .collect()
    }

    /// What was recorded; `connections`: of each target to the database, where it was said. Passwords are in no record, and are taken from the
    /// environment ([`Service::password_variable`]) when they are used.
    ///
    /// # Errors
    ///
    /// A URL that is none of its service.
    pub fn of_record(
        urls: &BTreeMap<Service, String>,
        connections: Option<NonZeroU32>,
    ) -> Result<Self, ServiceUrlError> {
        let urls = urls.iter();
        let parsed = urls.map(|(service, url)| Ok((*service, ServiceUrl::parse(*service, url)?)));
        Ok(Self {
            urls: parsed.collect::<Result<_, _>>()?,
            connections: connections.unwrap_or(DEFAULT_CONNECTIONS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_its_name_and_the_nearest_is_offered() {
        for known in Service::ALL {
            assert_eq!(known.name().parse(), Ok(known));
        }
        let refused = |text: &str| text.parse::<Service>().unwrap_err().to_string();
        assert_eq!(
            refused("postgresql"),
            "no service is called `postgresql` (did you mean `postgres`?); known are `postgres` and `redis`"
        );
        assert_eq!(
            refused("mysql"),
            "no service is called `mysql`; known are `postgres` and `redis`"
        );
    }

    #[test]
    fn a_url_is_recorded_without_its_password() {
        let recorded = |service, text| ServiceUrl::parse(service, text).unwrap().recorded();
        for (service, text, kept) in [
            (
                Service::Postgres,
                "postgres://ada:secret@db:5432/shop?application_name=x&password=secret",
                "postgres://ada@db:5432/shop",
            ),
            (
                Service::Postgres,
                "postgresql://ada@db/shop?sslmode=disable",
                "postgresql://ada@db/shop",
            ),
            (
                Service::Redis,
                "redis://:secret@127.0.0.1:6379/1",
                "redis://127.0.0.1:6379/1",
            ),
        ] {
            assert_eq!(recorded(service, text), kept);
        }
    }

    #[test]
    fn choices_come_back_from_a_record_without_passwords() {
        let url = |text| ServiceUrl::parse(Service::Postgres, text).unwrap();
        let choices = ServiceChoices {
            urls: [(Service::Postgres, url("postgres://ada:secret@db/shop"))].into(),
            connections: NonZeroU32::new(3).unwrap(),
        };
        let again = ServiceChoices::of_record(&choices.recorded(), Some(choices.connections));
        let expected = ServiceChoices {
            urls: [(Service::Postgres, url("postgres://ada@db/shop"))].into(),
            ..choices
        };
        assert_eq!(again, Ok(expected));
        let nothing = ServiceChoices::of_record(&BTreeMap::new(), None);
        assert_eq!(nothing, Ok(ServiceChoices::default()));
        let damaged = [(Service::Redis, "postgres://db/shop".to_owned())].into();
        assert!(ServiceChoices::of_record(&damaged, None).is_err());
    }

    #[test]
    fn a_password_is_added_where_there_is_none() {
        let with = |text| {
            let url = ServiceUrl::parse(Service::Postgres, text).unwrap();
            url.or_password("p@ss").as_str().to_owned()
        };
        assert_eq!(
            with("postgres://ada@db/shop"),
            "postgres://ada:p%40ss@db/shop"
        );
        assert_eq!(
            with("postgres://ada:own@db/shop"),
            "postgres://ada:own@db/shop"
        );
    }

    #[test]
    fn a_url_that_is_no_use_is_refused_with_the_reason() {
        let refused =
            |service, text: &str| ServiceUrl::parse(service, text).unwrap_err().to_string();
        for (service, text, why) in [
            (
                Service::Postgres,
                "localhost",
                "relative URL without a base",
            ),
            (Service::Postgres, "mysql://db/x", "it begins with mysql://"),
            (Service::Postgres, "postgres:///x", "it names no host"),
            (
                Service::Postgres,
                "postgres://db/x?sslmode=require",
                "without TLS only",
            ),
            (Service::Redis, "rediss://cache", "without TLS only"),
        ] {
            let error = refused(service, text);
            assert!(
                error.contains(why) && error.contains("write it as"),
                "{error}"
            );
        }
    }
}
