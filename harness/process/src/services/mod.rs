//! The database and the cache that targets need: found, started for a run and gone with it, or used where they run already.
//!
//! Each is a process of its own below `bench supervise`, as targets are, on a port and in a directory of its own. Knows PostgreSQL
//! and Redis, and the tables of the work contract. Must never know targets, nor when a measurement begins.

mod cache;
mod database;
mod error;
mod found;
mod own;
mod settings;
mod wanted;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::record::surroundings::ServiceRecord;
use model::spec::services::{Service, ServiceUrl};
use model::units::Nanos;

use crate::interrupt::Interrupt;
use crate::meter::{Look, Meters};

use cache::Cache;
use database::Database;
use own::Own;

pub use error::ServiceError;
pub use wanted::Wanted;

/// Services that are there. Dropping it ends those that were started for it.
#[derive(Debug, Default)]
pub struct Services {
    database: Option<Database>,
    cache: Option<Cache>,
    /// What targets find in their environment.
    environment: Vec<(String, String)>,
}

/// Whether this machine has what the service is started from.
///
/// # Errors
///
/// It has not; the error says how to get it.
pub fn is_there(service: Service) -> Result<(), ServiceError> {
    match service {
        Service::Postgres => found::postgres().map(|_| ()),
        Service::Redis => found::redis().map(|_| ()),
    }
}

impl Services {
    /// Starts what is needed, or connects to it, and fills it.
    pub fn prepare(wanted: &Wanted<'_>, interrupt: &Interrupt) -> Result<Self, ServiceError> {
        let Wanted { needs, choices, .. } = wanted;
        let given = |service: Service| {
            let url = choices.urls.get(&service)?;
            let password = std::env::var(service.password_variable()).ok();
            Some(password.map_or_else(|| url.clone(), |password| url.or_password(&password)))
        };
        let (database_url, cache_url) = (given(Service::Postgres), given(Service::Redis));
        // Whatever is missing is found out before anything is started.
        let is_started =
            |service, url: &Option<ServiceUrl>| needs.contains(&service) && url.is_none();
        let found_postgres = is_started(Service::Postgres, &database_url)
            .then(found::postgres)
            .transpose()?;
        let found_redis = is_started(Service::Redis, &cache_url)
            .then(found::redis)
            .transpose()?;
        let cache = match (needs.contains(&Service::Redis), cache_url, found_redis) {
            (false, _, _) => None,
            (true, Some(url), _) => Some(Cache::connect(&url)?),
            (true, None, program) => {
                let program = program.expect("it is looked for where no URL is given");
                Some(Cache::start(&program, wanted.cpus, interrupt)?)
            }
        };
        let database = match (
            needs.contains(&Service::Postgres),
            database_url,
            found_postgres,
        ) {
            (false, _, _) => None,
            (true, Some(url), _) => Some(Database::connect(&url, choices.connections)?),
            (true, None, programs) => {
                let programs = programs.expect("it is looked for where no URL is given");
                Some(Database::start(&programs, wanted, interrupt)?)
            }
        };
        let mut environment = Vec::new();
        if let Some(database) = &database {
            environment.push((
                Service::Postgres.variable().to_owned(),
                database.url.clone(),
            ));
            environment.push((
                settings::POOL_SIZE.to_owned(),
                choices.connections.to_string(),
            ));
        }
        if let Some(cache) = &cache {
            environment.push((Service::Redis.variable().to_owned(), cache.url.clone()));
        }
        Ok(Self {
            database,
            cache,
            environment,
        })
    }

    /// What targets find in their environment.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// What a record says of them.
    pub fn records(&self) -> Vec<ServiceRecord> {
        let database = self.database.iter().map(|database| &database.record);
        let cache = self.cache.iter().map(|cache| &cache.record);
        database.chain(cache).cloned().collect()
    }

    /// Puts everything back to what targets find at first: no orders, and an empty cache.
    pub fn reset(&mut self) -> Result<(), ServiceError> {
        if let Some(database) = &mut self.database {
            database.reset()?;
        }
        if let Some(cache) = &mut self.cache {
            cache.reset()?;
        }
        Ok(())
    }

    /// The meters of those whose processes are on this machine.
    pub fn meters(&self) -> ServiceMeters {
        let database = self
            .database
            .as_ref()
            .map(|it| (Service::Postgres, &it.meters));
        let cache = self.cache.as_ref().map(|it| (Service::Redis, &it.meters));
        let both = database.into_iter().chain(cache);
        ServiceMeters(
            both.filter_map(|(service, meters)| Some((service, Arc::clone(meters.as_ref()?))))
                .collect(),
        )
    }

    /// The first that has ended though nobody asked it to, as an error with its last words.
    pub fn ended(&self) -> Option<ServiceError> {
        let database = self.database.as_ref().and_then(|it| it.own.as_ref());
        let cache = self.cache.as_ref().and_then(|it| it.own.as_ref());
        database.into_iter().chain(cache).find_map(Own::ended)
    }
}

/// The meters of services.
#[derive(Debug, Clone, Default)]
pub struct ServiceMeters(Vec<(Service, Arc<Meters>)>);

impl ServiceMeters {
    /// Looks for processes that have joined, as [`Look::Whole`] does.
    pub fn settle(&self) {
        for (_, meters) in &self.0 {
            meters.see(Look::Whole);
        }
    }

    /// Looks for processes that have joined, as [`Meters::look`].
    pub fn look(&self) {
        for (_, meters) in &self.0 {
            meters.look();
        }
    }

    /// CPU time of each so far, in nanoseconds.
    pub fn cpu_ns(&self) -> BTreeMap<Service, Nanos> {
        let each = self.0.iter();
        each.map(|(service, meters)| (*service, meters.cpu_ns()))
            .collect()
    }
}
