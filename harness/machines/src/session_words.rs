//! What a coordinator asks of a machine that runs its servers, or holds idle connections for it, and what that answers.
//!
//! Each question is a request of NATS, and its answer the reply. What takes long, or must not be done twice, is a numbered step: it is asked for
//! again and again until its outcome comes, and is begun once. Everything else is read at once, and asked again where nothing came.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use model::record::log::MachinePart;
use model::record::surroundings::ServiceRecord;
use model::record::target::Manifest as Identity;
use model::spec::services::Service;
use model::units::Nanos;
use process::meter::{Look, Seen};
use serde::{Deserialize, Serialize};

/// How often a coordinator says that it is there, where it asks nothing else.
pub(crate) const THERE_EVERY_NS: Nanos = 1_000_000_000;

/// How long things last whose coordinator is not heard of: as long as a registration.
pub(crate) const LEASE_NS: Nanos = crate::lease::LEASE_NS;

/// What a coordinator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// Who asks: what no other coordinator is called.
    pub(crate) coordinator: String,
    /// What.
    pub(crate) ask: Ask,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Nothing: the coordinator is there.
    Nothing,
    /// To do this, unless it was begun already, and what came of it.
    Step {
        /// From 1 on, ascending.
        number: u64,
        /// What is to be done.
        step: Step,
    },
    /// What CPU time a server has spent so far.
    CpuTime {
        /// The server.
        server: u64,
    },
    /// How a server does.
    State {
        /// The server.
        server: u64,
        /// How closely its meters are read.
        look: Look,
    },
    /// What a server printed last.
    LastOutput {
        /// The server.
        server: u64,
    },
    /// How many of these idle connections were lost so far.
    Lost {
        /// Which.
        held: u64,
    },
    /// What its machine has done so far.
    Machine,
    /// To end all servers, and close all idle connections.
    End,
}

/// What takes long, or must not be done twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// To make ready what these targets need.
    Prepare {
        /// Which.
        targets: Vec<TargetAsked>,
        /// What calls the backend.
        backend: Backend,
        /// The database and the cache that they need.
        services: BTreeSet<Service>,
        /// How many connections to the database each may open.
        connections: NonZeroU32,
    },
    /// To put services back to what targets find at first.
    Reset,
    /// To start a target of this name, and wait until it is ready.
    Launch {
        /// Its name.
        target: String,
    },
    /// To end a server in order.
    Stop {
        /// The server.
        server: u64,
    },
    /// To open idle connections.
    Hold {
        /// Where to, as [`load::Peer`] writes it.
        peer: String,
        /// How many.
        count: NonZeroU32,
    },
    /// To close them.
    Release {
        /// Which.
        held: u64,
    },
}

/// What calls the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// Nothing.
    Unused,
    /// Some target wants to know where it is.
    Named,
    /// The scenario does, so that its speed matters.
    Called,
}

/// A target that the other machine knows as well: a built-in one, or one of a manifest that its agent was started with. What is started
/// is said by that machine's own manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetAsked {
    /// What it is called in this run.
    pub(crate) name: String,
    /// What its manifest is called.
    pub(crate) kind: String,
    /// By which its manifest is known, with as many workers as there are to be: see [`process::starting::digest`].
    pub(crate) digest: String,
    /// How many workers it has, where that doesn't depend on the cores.
    pub(crate) workers: Option<NonZeroU32>,
    /// Threads of its pool.
    pub(crate) pool: u32,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It is heard.
    Heard,
    /// It works for another coordinator.
    Busy,
    /// Nothing is known of this coordinator: what it had here was ended.
    Over,
    /// There is no such server, and there are no such connections.
    Unknown,
    /// A step is under way.
    Doing {
        /// What there was to say of it so far, a line each.
        lines: Vec<String>,
    },
    /// A step is done.
    Done {
        /// What there was to say of it, a line each.
        lines: Vec<String>,
        /// What came of it, or why it could not be done.
        outcome: Result<Outcome, String>,
    },
    /// CPU time in nanoseconds.
    CpuTime {
        /// Of the server.
        server: Nanos,
        /// Of the services beside it.
        services: BTreeMap<Service, Nanos>,
    },
    /// How a server does.
    State(Box<State>),
    /// What a server printed last, a line each.
    LastOutput(String),
    /// So many idle connections were lost.
    Lost(u32),
    /// What the machine has done since it was started.
    Machine(MachinePart),
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Targets can be started.
    Prepared {
        /// Who they are, in their order.
        targets: Vec<Identity>,
        /// The backend, where there is one.
        backend: Option<Started>,
        /// The services, as a record has them.
        services: Vec<ServiceRecord>,
    },
    /// Services are as targets find them at first.
    Reset,
    /// A server runs.
    Started(Started),
    /// It has ended; how, where that was not in order.
    Stopped(Option<String>),
    /// Idle connections are open.
    Held {
        /// By which they are asked for.
        held: u64,
        /// How many.
        opened: u32,
    },
    /// They are closed.
    Released,
}

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Started {
    /// By which it is asked for.
    pub(crate) server: u64,
    /// Where it is reached.
    pub(crate) address: String,
}

/// How a server does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Its meters.
    pub(crate) seen: Seen,
    /// How it ended, where it did.
    pub(crate) ended: Option<String>,
    /// How many lines it has printed.
    pub(crate) lines: u64,
    /// How a service beside it ended, where one did.
    pub(crate) service_ended: Option<String>,
}
