//! Driving load: the threads of one drive, from opening connections to the merged recording.

use std::net::SocketAddr;

use model::measured::receive::Distrust;
use model::measured::recording::{LeadIn, Recording, SharedMessage, recovery_ns};
use model::spec::load::{Load, ReceiveClock};
use model::spec::part::Part;
use model::units::Nanos;

use crate::clock::Clock;
use crate::engine::common::{Common, Share};
use crate::engine::control::Control;
use crate::engine::error::DriveError;
use crate::engine::meeting::Meeting;
use crate::engine::members::Members;
use crate::engine::protocol::Protocol;
use crate::engine::requests::Requests;
use crate::engine::shared::with_fates;
use crate::engine::spinning::Spin;
use crate::engine::worker;
use crate::protocol::workload::{Workload, WorkloadKind};
use crate::transport::dial::{self, Peer};
use crate::transport::receiver::{self, Stamping};
use crate::transport::tcp::Tcp;
use crate::transport::tls::{Secured, Tls};

/// How the generator uses the machine, and whose clock it believes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// One generator thread a core, pinned to it; empty: one thread, wherever the system puts it. A chat has one thread
    /// whatever stands here, on the first of these cores.
    pub cpus: Vec<u32>,
    /// When to spin.
    pub spin: Spin,
    /// Whose clock says when replies arrived.
    pub clock: ReceiveClock,
    /// What of the load is driven here, where others drive the rest: of each thread's requests, and of the connections. All of
    /// them have as many threads. A chat is shared out in an open loop only.
    pub part: Part,
    /// What tells this drive's chat from all others, where it is shared out: all who drive it have the same.
    pub room: u64,
}

/// Where to, and how.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it listens.
    pub peer: Peer,
    /// Speak TLS.
    pub tls: Option<Tls>,
}

impl From<SocketAddr> for Endpoint {
    /// Without TLS.
    fn from(addr: SocketAddr) -> Self {
        Self {
            peer: addr.into(),
            tls: None,
        }
    }
}

/// Drives one load at one server and returns what was recorded.
///
/// Connections are opened first, unless each request opens its own; the schedule begins when all of them are. The drive ends after `load.warmup +
/// load.duration`, when `load.request_limit` requests have been scheduled, or when `control` says so, and then waits at
/// most `load.drain` for replies still out.
///
/// `load` is the whole load where `options.part` is not, which has at least as many connections as parts.
pub fn drive(
    load: &Load,
    workload: &Workload,
    endpoint: impl Into<Endpoint>,
    options: &Options,
    control: &Control,
) -> Result<Recording, DriveError> {
    let part = options.part;
    let wanted = u32::try_from(part.share(load.connections.get().into()));
    let wanted = wanted.expect("a share is no more than the whole");
    assert!(wanted > 0, "a part without a connection sends nothing");
    let cpus: Vec<Option<u32>> = if options.cpus.is_empty() {
        vec![None]
    } else {
        options.cpus.iter().copied().map(Some).collect()
    };
    let most_threads = match &workload.0 {
        // A thread without a connection could never send what its schedule holds.
        WorkloadKind::Requests(_) => wanted,
        // What one member says all others hear: its thread must know them all.
        WorkloadKind::Chat(_) => {
            assert!(
                part.is_whole() || load.arrival.rate().is_some(),
                "a chat is shared out in an open loop"
            );
            1
        }
    };
    let threads = u32::try_from(cpus.len())
        .unwrap_or(u32::MAX)
        .min(most_threads);
    let Endpoint { peer, tls } = endpoint.into();
    let clock = Clock::start();
    // What it keeps is kept until the drive is over.
    let stamping = stamping(options.clock, &peer, clock)?;
    let common = Common {
        load,
        connections: wanted,
        peer: &peer,
        control,
        clock,
        is_stamped: matches!(stamping, Some(Ok(_))),
        meeting: Meeting::new(threads),
        local_ports: dial::local_ports(),
    };
    let recordings: Vec<Result<Option<Recording>, DriveError>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let share = Share {
                    thread,
                    threads,
                    part,
                    room: options.room,
                    connections: wanted / threads + u32::from(thread < wanted % threads),
                    cpu: cpus[thread as usize],
                    spin: options.spin,
                };
                let (common, tls) = (&common, tls.as_ref());
                std::thread::Builder::new()
                    .name(format!("load-{thread}"))
                    .spawn_scoped(scope, move || match &workload.0 {
                        WorkloadKind::Requests(requests) => {
                            run(common, tls, &share, Requests::new(requests, load, &share))
                        }
                        WorkloadKind::Chat(chat) => {
                            run(common, tls, &share, Members::new(chat, &share))
                        }
                    })
                    .map_err(|source| {
                        common.meeting.give_up();
                        DriveError::Thread { source }
                    })
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                handle?
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    // A thread that was let go by another's failure has recorded nothing.
    let recordings: Result<Vec<Option<Recording>>, DriveError> = recordings.into_iter().collect();
    let mut merged = as_one(load, recordings?.into_iter().flatten());
    merged.receive.distrust = stamping.and_then(Result::err);
    assert!(
        merged.accounting.balances() || !merged.shared.is_empty(),
        "every scheduled request has exactly one fate: {:?}",
        merged.accounting
    );
    let kinds = merged.kinds.iter().map(|kind| kind.accounting.scheduled);
    assert!(
        merged.kinds.is_empty() || kinds.sum::<u64>() == merged.accounting.scheduled,
        "every scheduled request is of exactly one kind: {:?}",
        merged.kinds
    );
    Ok(merged)
}

/// What generators recorded, at least one, that each drove a part of this load at the same time, as one.
pub fn merge(load: &Load, parts: Vec<Recording>) -> Recording {
    let places = parts
        .iter()
        .map(|part| part.connections.places)
        .sum::<u64>();
    let weighted = parts.into_iter().map(|part| {
        // Each averaged it over its own connections.
        let share = part.connections.places as f64 / places.max(1) as f64;
        Recording {
            overtime_ns: scaled(part.overtime_ns, share),
            lead_in: LeadIn {
                ns: scaled(part.lead_in.ns, share),
                ..part.lead_in
            },
            ..part
        }
    });
    let weighted: Vec<Recording> = weighted.collect();
    let seen: Vec<SharedMessage> = weighted
        .iter()
        .flat_map(|part| part.shared.iter().copied())
        .collect();
    with_fates(load, as_one(load, weighted.into_iter()), &seen)
}

/// What one of several generators recorded, as far as it alone knows it: of a chat what became of its own messages among its own members.
pub fn alone(load: &Load, part: &Recording) -> Recording {
    let sent: Vec<SharedMessage> = part
        .shared
        .iter()
        .filter(|message| message.sent_ns.is_some())
        .copied()
        .collect();
    with_fates(load, part.clone(), &sent)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a time is a time"
)]
fn scaled(ns: Nanos, share: f64) -> Nanos {
    (ns as f64 * share).round() as Nanos
}

/// What was recorded over the same time, at least one recording, as one.
fn as_one(load: &Load, recordings: impl Iterator<Item = Recording>) -> Recording {
    let merged = recordings.reduce(|mut merged, recording| {
        merged.merge_thread(&recording);
        merged
    });
    let mut merged = merged.expect("somebody recorded something");
    let eased_ns = load.goodput.and(load.arrival.eases_at());
    merged.recovery_ns = eased_ns.and_then(|at| recovery_ns(&merged.intervals, at));
    merged
}

/// Has the kernel stamp what arrives, as far as that is wanted; or why it isn't trusted, where it need not be.
fn stamping(
    wanted: ReceiveClock,
    peer: &Peer,
    clock: Clock,
) -> Result<Option<Result<Stamping, Distrust>>, DriveError> {
    let test = || match peer {
        Peer::Tcp(_) => receiver::test(clock),
        Peer::Socket(_) => Err(Distrust::UnixSocket),
    };
    match wanted {
        ReceiveClock::User => Ok(None),
        ReceiveClock::Auto => Ok(Some(test())),
        ReceiveClock::Kernel => match test() {
            Ok(stamping) => Ok(Some(Ok(stamping))),
            Err(distrust) => Err(DriveError::Distrusted { distrust }),
        },
    }
}

/// A thread's part of a drive, with or without TLS.
fn run<P: Protocol<Tcp> + Protocol<Secured>>(
    common: &Common<'_>,
    tls: Option<&Tls>,
    share: &Share,
    protocol: P,
) -> Result<Option<Recording>, DriveError> {
    match tls {
        None => worker::run::<Tcp>(common, &(), share, protocol),
        Some(tls) => worker::run::<Secured>(common, tls, share, protocol),
    }
}
