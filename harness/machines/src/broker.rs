//! The NATS server, as agents and those who look for them use it.
//!
//! Registrations are entries of one bucket in the server's memory, each under its agent's name, which expire. An agent's clocks are asked
//! at a subject of its own, and what it is to do is said at another. What is long, an order or a recording, is an object of a store in
//! the server's memory, from which the reader takes it away.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::kv::{Config, Operation, Store};
use async_nats::jetstream::object_store::{self, ObjectStore};
use async_nats::jetstream::stream::StorageType;
use async_nats::{Client, ConnectOptions, Subscriber};
use futures_util::StreamExt;
use model::units::Nanos;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use crate::access::NatsAccess;
use crate::clocks::{Exchange, Reading};
use crate::error::MachinesError;
use crate::lease::LEASE_NS;
use crate::registration::{AgentName, Registration};

/// The bucket of registrations. What is kept in it under this name never changes its form.
const BUCKET: &str = "bench-agents-1";

/// The store of orders and recordings.
const STORE: &str = "bench-loads-1";

/// How long one is kept that nobody takes away.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// How long anything may take that is asked of the server.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A connection to the server.
#[derive(Clone)]
pub(crate) struct Broker {
    client: Client,
    server: String,
}

/// What became of a registration.
pub(crate) enum Registered {
    /// It is stored in this bucket, as this revision.
    As(Box<Store>, u64),
    /// Another agent's is.
    Taken,
}

/// Runs what waits for the server until it is over.
pub(crate) fn block_on<T>(
    what: impl Future<Output = Result<T, MachinesError>>,
) -> Result<T, MachinesError> {
    runtime()?.block_on(what)
}

/// What waits for the server, on the thread that asks.
pub(crate) fn runtime() -> Result<Runtime, MachinesError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| MachinesError::Runtime {
            what: error.to_string(),
        })
}

/// What this machine's clocks read.
pub(crate) fn read_clocks() -> Reading {
    Reading {
        monotonic_ns: monotonic_ns(),
        system_ns: read(ClockId::Realtime),
    }
}

/// What this machine's monotonic clock reads, in nanoseconds.
pub(crate) fn monotonic_ns() -> Nanos {
    read(ClockId::Monotonic)
}

fn read(clock: ClockId) -> Nanos {
    let time = clock_gettime(clock);
    let ns = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    // A system clock that was set to before 1970 reads 0.
    Nanos::try_from(ns).unwrap_or_default()
}

impl Broker {
    /// Connects, as a client of this name.
    pub(crate) async fn connect(access: &NatsAccess, name: &str) -> Result<Self, MachinesError> {
        let server = access.shown();
        let options = match access.credentials() {
            None => match access.user() {
                None => ConnectOptions::new(),
                Some((token, None)) => ConnectOptions::with_token(token),
                Some((user, Some(password))) => {
                    ConnectOptions::with_user_and_password(user, password)
                }
            },
            Some(file) => ConnectOptions::with_credentials_file(file)
                .await
                .map_err(|error| MachinesError::Credentials {
                    file: file.display().to_string(),
                    what: error.to_string(),
                })?,
        };
        let options = match access.authority() {
            None => options,
            Some(file) => options.add_root_certificates(file.to_owned()),
        };
        let client = options
            .name(name)
            .require_tls(access.is_encrypted())
            .connection_timeout(ANSWER_WITHIN)
            .request_timeout(Some(ANSWER_WITHIN))
            .connect(access.server().clone())
            .await;
        match client {
            Ok(client) => Ok(Self { client, server }),
            Err(error) => Err(MachinesError::Connect {
                what: chain(&error),
                server,
            }),
        }
    }

    /// Stores a registration, unless another agent has one under its name.
    pub(crate) async fn register(
        &self,
        registration: &Registration,
    ) -> Result<Registered, MachinesError> {
        let store = self.made_bucket().await?;
        let name = registration.name.as_str();
        let refused =
            |error: &(dyn std::error::Error + 'static)| self.refused("keep a registration", error);
        let failed = match store.create(name, encoded(registration).into()).await {
            Ok(revision) => return Ok(Registered::As(Box::new(store), revision)),
            Err(error) => refused(&error),
        };
        let entry = store.entry(name).await.map_err(|error| refused(&error))?;
        let Some(entry) = entry.filter(|entry| entry.operation == Operation::Put) else {
            return Err(failed);
        };
        let other = decoded(&entry.value);
        if other.is_some_and(|other| other.instance == registration.instance) {
            let revision = self.renew(&store, registration, entry.revision).await?;
            return Ok(Registered::As(Box::new(store), revision));
        }
        Ok(Registered::Taken)
    }

    /// Stores a registration again, if its last revision is this.
    pub(crate) async fn renew(
        &self,
        store: &Store,
        registration: &Registration,
        revision: u64,
    ) -> Result<u64, MachinesError> {
        let name = registration.name.as_str();
        let renewed = store
            .update(name, encoded(registration).into(), revision)
            .await;
        renewed.map_err(|error| self.refused("renew a registration", &error))
    }

    /// Takes a registration away, if its last revision is this, and the bucket with the last of them. An agent that registers at that
    /// moment makes the bucket again when it renews.
    pub(crate) async fn leave(&self, name: &AgentName, revision: u64) -> Result<(), MachinesError> {
        let Some(store) = self.bucket().await? else {
            return Ok(());
        };
        store
            .purge_expect_revision(name.as_str(), Some(revision))
            .await
            .map_err(|error| self.refused("take a registration away", &error))?;
        if !self.names(&store).await?.is_empty() {
            return Ok(());
        }
        let jetstream = async_nats::jetstream::new(self.client.clone());
        // There is none where no load was driven.
        let _ = jetstream.delete_object_store(STORE).await;
        let deleted = jetstream.delete_key_value(BUCKET).await;
        deleted
            .map(drop)
            .map_err(|error| self.refused("take the bucket away", &error))
    }

    /// All registrations that have not expired, by name.
    pub(crate) async fn registrations(&self) -> Result<Vec<Registration>, MachinesError> {
        let Some(store) = self.bucket().await? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for name in self.names(&store).await? {
            let value = store.get(name).await;
            let value = value.map_err(|error| self.refused("say who is registered", &error))?;
            // What is of another form was not stored by an agent.
            found.extend(value.and_then(|value| decoded(&value)));
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// What is said at a subject from now on.
    pub(crate) async fn listen(&self, subject: String) -> Result<Subscriber, MachinesError> {
        let subscribed = self.client.subscribe(subject).await;
        let subscribed = subscribed.map_err(|error| self.refused("take a subscription", &error))?;
        // Who hears of it may answer at once.
        let flushed = self.client.flush().await;
        flushed.map_err(|error| self.refused("take a subscription", &error))?;
        Ok(subscribed)
    }

    /// Says something at a subject. It may be lost.
    pub(crate) async fn say(&self, subject: &str, what: &impl Serialize) {
        let what = serde_json::to_vec(what).expect("what is said is plain data");
        let _ = self.client.publish(subject.to_owned(), what.into()).await;
    }

    /// Asks something at a subject; none where no answer comes in time, or one of another form.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        subject: &str,
        what: &impl Serialize,
    ) -> Option<T> {
        let what = serde_json::to_vec(what).expect("what is asked is plain data");
        let answer = self.client.request(subject.to_owned(), what.into()).await;
        serde_json::from_slice(&answer.ok()?.payload).ok()
    }

    /// Keeps something under a name.
    pub(crate) async fn keep(
        &self,
        name: &str,
        what: &impl Serialize,
    ) -> Result<(), MachinesError> {
        let what = serde_json::to_vec(what).expect("what is kept is plain data");
        let jetstream = async_nats::jetstream::new(self.client.clone());
        let store = jetstream.create_object_store(object_store::Config {
            bucket: STORE.to_owned(),
            description: Some(
                "Orders and recordings of bench, each taken away by who reads it".to_owned(),
            ),
            max_age: KEPT_FOR,
            storage: StorageType::Memory,
            ..object_store::Config::default()
        });
        let store = store.await.map_err(|error| self.no_bucket(&error))?;
        let kept = store.put(name, &mut what.as_slice()).await;
        kept.map(drop)
            .map_err(|error| self.refused("keep an object", &error))
    }

    /// What is kept under a name.
    pub(crate) async fn kept<T: DeserializeOwned>(&self, name: &str) -> Result<T, MachinesError> {
        let refused =
            |error: &(dyn std::error::Error + 'static)| self.refused("hand an object over", error);
        let object = self.store().await?.info(name).await;
        let object = object.map_err(|error| refused(&error))?;
        let stream = async_nats::jetstream::new(self.client.clone());
        let stream = stream.get_stream_no_info(format!("OBJ_{STORE}")).await;
        let stream = stream.map_err(|error| refused(&error))?;
        // The client's own reader makes a consumer for each object, and panics where the server is slow to make it.
        let chunks = format!("$O.{STORE}.C.{}", object.nuid);
        let mut next = 1;
        let mut what = Vec::new();
        for _ in 0..object.chunks {
            let chunk = stream
                .direct_get_next_for_subject(&chunks, Some(next))
                .await;
            let chunk = chunk.map_err(|error| refused(&error))?;
            next = chunk.sequence + 1;
            what.extend_from_slice(&chunk.payload);
        }
        // One that was taken away meanwhile has no chunks.
        serde_json::from_slice(&what).map_err(|error| refused(&error))
    }

    /// Takes away what is kept under a name; what can't be taken away now expires by itself.
    pub(crate) async fn forget(&self, name: &str) {
        if let Ok(store) = self.store().await {
            let _ = store.delete(name).await;
        }
    }

    async fn store(&self) -> Result<ObjectStore, MachinesError> {
        let jetstream = async_nats::jetstream::new(self.client.clone());
        let store = jetstream.get_object_store(STORE).await;
        store.map_err(|error| self.no_bucket(&error))
    }

    /// Answers what this machine's clocks read, until it is aborted.
    pub(crate) fn answer(
        &self,
        mut questions: Subscriber,
    ) -> impl Future<Output = ()> + Send + 'static {
        let client = self.client.clone();
        async move {
            while let Some(question) = questions.next().await {
                let reading = read_clocks();
                if let Some(asker) = question.reply {
                    let answer = serde_json::to_vec(&reading).expect("a reading is plain data");
                    // Who asked in vain asks again.
                    let _ = client.publish(asker, answer.into()).await;
                }
            }
        }
    }

    /// Asks an agent's clocks once; none where it doesn't answer.
    pub(crate) async fn ask_clocks(&self, name: &AgentName) -> Option<Exchange> {
        let sent = read_clocks();
        let answer = self
            .client
            .request(clocks_of(name), Vec::new().into())
            .await;
        let received_ns = monotonic_ns();
        Some(Exchange {
            sent,
            theirs: serde_json::from_slice(&answer.ok()?.payload).ok()?,
            received_ns,
        })
    }

    /// The names of entries that have not expired.
    async fn names(&self, store: &Store) -> Result<Vec<String>, MachinesError> {
        let keys = store.keys().await;
        let mut keys = keys.map_err(|error| self.refused("say who is registered", &error))?;
        let mut names = Vec::new();
        while let Some(key) = keys.next().await {
            names.push(key.map_err(|error| self.refused("say who is registered", &error))?);
        }
        Ok(names)
    }

    /// The bucket, which is made where there is none.
    async fn made_bucket(&self) -> Result<Store, MachinesError> {
        let config = Config {
            bucket: BUCKET.to_owned(),
            description: "Agents of bench, which renew their entries".to_owned(),
            max_age: Duration::from_nanos(LEASE_NS),
            history: 1,
            storage: StorageType::Memory,
            ..Config::default()
        };
        let jetstream = async_nats::jetstream::new(self.client.clone());
        let made = jetstream.create_key_value(config).await;
        made.map_err(|error| self.no_bucket(&error))
    }

    /// The bucket; none where there is none.
    async fn bucket(&self) -> Result<Option<Store>, MachinesError> {
        let jetstream = async_nats::jetstream::new(self.client.clone());
        // The stream that a bucket is says that it isn't there; the bucket itself says only that it can't be had.
        let stream = jetstream.get_stream(format!("KV_{BUCKET}")).await;
        let is_missing = |kind| match kind {
            GetStreamErrorKind::JetStream(why) => why.error_code() == ErrorCode::STREAM_NOT_FOUND,
            _ => false,
        };
        if stream.is_err_and(|error| is_missing(error.kind())) {
            return Ok(None);
        }
        let found = jetstream.get_key_value(BUCKET).await;
        found.map(Some).map_err(|error| self.no_bucket(&error))
    }

    fn no_bucket(&self, error: &(dyn std::error::Error + 'static)) -> MachinesError {
        MachinesError::Bucket {
            server: self.server.clone(),
            what: chain(error),
        }
    }

    fn refused(
        &self,
        what: &'static str,
        error: &(dyn std::error::Error + 'static),
    ) -> MachinesError {
        MachinesError::Refused {
            server: self.server.clone(),
            what,
            why: chain(error),
        }
    }
}

/// Where an agent hears what to do.
pub(crate) fn orders_of(name: &AgentName) -> String {
    format!("bench.agent.{name}.orders")
}

/// Where an agent is asked for what lasts: servers, idle connections.
pub(crate) fn sessions_of(name: &AgentName) -> String {
    format!("bench.agent.{name}.sessions")
}

/// Where an agent's clocks are asked.
pub(crate) fn clocks_of(name: &AgentName) -> String {
    format!("bench.agent.{name}.clocks")
}

fn encoded(registration: &Registration) -> Vec<u8> {
    serde_json::to_vec(registration).expect("a registration is plain data")
}

fn decoded(value: &[u8]) -> Option<Registration> {
    serde_json::from_slice(value).ok()
}

/// An error and what caused it, each said once: the library's own text names the kind, and its source the reason.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}
