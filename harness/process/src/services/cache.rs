//! Redis, or Valkey: started empty or connected to.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::record::surroundings::ServiceRecord;
use model::spec::services::{Service, ServiceUrl};
use redis::{Client, Cmd, Connection, FromRedisValue, RedisError, cmd};
use spec::{Answer, MAX_PRODUCT_ID, Product, cache_key};

use super::error::ServiceError;
use super::own::{self, Own};
use super::settings::{self, is_cached_at_first};
use crate::interrupt::Interrupt;
use crate::meter::Meters;
use crate::supervised::Program;

/// How long a connection, or an answer, may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A cache that is there.
pub(super) struct Cache {
    connection: Connection,
    /// Stores what it has at first.
    first: Cmd,
    pub(super) own: Option<Own>,
    /// Of its process, where that is on this machine.
    pub(super) meters: Option<Arc<Meters>>,
    /// As targets get it.
    pub(super) url: String,
    pub(super) record: ServiceRecord,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// Starts an empty one.
    pub(super) fn start(
        program: &Path,
        cpus: &[u32],
        interrupt: &Interrupt,
    ) -> Result<Self, ServiceError> {
        let service = Service::Redis;
        let dir = own::directory(service)?;
        let settings = settings::redis();
        let server = {
            let (program, cpus, settings) = (program.to_owned(), cpus.to_vec(), settings.clone());
            let path = dir.path().to_owned();
            move |port| Program {
                command: program.display().to_string(),
                args: settings::redis_args(&path, port, &settings),
                dir: Some(path.clone()),
                cpus: cpus.clone(),
                scratch: Some(path.clone()),
                ..Program::default()
            }
        };
        let url = |port| format!("redis://127.0.0.1:{port}/0");
        let (own, mut connection, port) = Own::start(
            service,
            dir,
            server,
            |port| connect(&url(port)).map_err(|error| error.to_string()),
            interrupt,
        )?;
        let version = version(&mut connection).map_err(|error| asked(&error))?;
        let meters = own.supervisor().map(|pid| Arc::new(Meters::below(pid)));
        Ok(Self {
            connection,
            first: first_products(),
            meters,
            own: Some(own),
            url: url(port),
            record: ServiceRecord {
                service,
                version,
                url: None,
                cpus: cpus.to_vec(),
                connections: None,
                settings,
            },
        })
    }

    /// Connects to one that runs already, unless it has keys of these names that are not targets'.
    pub(super) fn connect(url: &ServiceUrl) -> Result<Self, ServiceError> {
        let service = Service::Redis;
        let unusable = |why: String, remedy: &str| ServiceError::Unreachable {
            service,
            url: url.recorded(),
            why,
            remedy: remedy.to_owned(),
        };
        let failed = |error: RedisError| {
            unusable(
                error.to_string(),
                "see that it runs there, and that the password is right (REDISCLI_AUTH is used where the URL has none)",
            )
        };
        let mut connection = connect(url.as_str()).map_err(failed)?;
        let version = version(&mut connection).map_err(failed)?;
        let mut there = keys("EXISTS");
        if ask::<u32>(&mut there, &mut connection).map_err(failed)? > 0 {
            return Err(unusable(
                "it has keys `product:…`, which bench would remove".to_owned(),
                "name a database of it that has none, as redis://127.0.0.1:6379/1; those that targets write are gone after a minute",
            ));
        }
        Ok(Self {
            connection,
            first: first_products(),
            own: None,
            meters: own::meters_at(url.as_str(), 6379).map(Arc::new),
            record: ServiceRecord {
                service,
                version,
                url: Some(url.recorded()),
                cpus: Vec::new(),
                connections: None,
                settings: std::collections::BTreeMap::default(),
            },
            url: url.as_str().to_owned(),
        })
    }

    /// Puts back what it has at first, and nothing else.
    pub(super) fn reset(&mut self) -> Result<(), ServiceError> {
        self.empty()
            .and_then(|()| ask::<String>(&mut self.first, &mut self.connection))
            .map(drop)
            .map_err(|error| {
                let ended = self.own.as_ref().and_then(Own::ended);
                ended.unwrap_or_else(|| asked(&error))
            })
    }

    fn empty(&mut self) -> Result<(), RedisError> {
        ask::<u32>(&mut keys("UNLINK"), &mut self.connection).map(drop)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.own.is_none() {
            // Nothing of ours stays in somebody's cache; one that is gone has nothing.
            let _ = self.empty();
        }
    }
}

fn asked(error: &RedisError) -> ServiceError {
    ServiceError::Asked {
        service: Service::Redis,
        why: error.to_string(),
    }
}

/// A command for every key that targets write.
fn keys(command: &str) -> Cmd {
    let mut all = cmd(command);
    for id in 1..=MAX_PRODUCT_ID {
        all.arg(cache_key(id));
    }
    all
}

/// The command that stores what the cache has at first.
fn first_products() -> Cmd {
    let mut all = cmd("MSET");
    for id in (1..=MAX_PRODUCT_ID).filter(|&id| is_cached_at_first(id)) {
        let body = Answer::product(&Product::seeded(id)).body;
        all.arg(cache_key(id)).arg(body.as_ref());
    }
    all
}

fn connect(url: &str) -> Result<Connection, RedisError> {
    let mut connection = Client::open(url)?.get_connection_with_timeout(TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    ask::<String>(&mut cmd("PING"), &mut connection)?;
    Ok(connection)
}

fn ask<T: FromRedisValue>(command: &mut Cmd, connection: &mut Connection) -> Result<T, RedisError> {
    command.query(connection)
}

/// Valkey reports its own version beside that of the Redis that it is like.
fn version(connection: &mut Connection) -> Result<String, RedisError> {
    let info: String = ask(cmd("INFO").arg("server"), connection)?;
    let value = |name: &str| {
        let mut lines = info.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    };
    let valkey = value("valkey_version:").map(|version| format!("{version} (Valkey)"));
    Ok(valkey
        .or_else(|| value("redis_version:"))
        .unwrap_or_default())
}
