//! Profiling a target, after all that is measured of it: what it asks of the kernel for a request.
//!
//! The server is slowed by being looked at, so nothing else is recorded meanwhile. Load is the scenario's mix, at a rate so low
//! that it makes no difference whether the server keeps up.

use std::num::NonZeroU32;
use std::time::Duration;

use load::Control;
use model::measured::syscalls::SyscallRecord;
use model::record::log::Note;
use model::record::warning::{Fact, Warning};
use model::spec::load::{Arrival, Load, Process};
use model::units::Rate;
use spec::Route;

use super::run::Run;
use super::target_state::TargetState;
use crate::request::Request;
use process::process_tree::descendants;
use process::strace::{STRACE, Strace};

/// The most requests a second of a profile.
const MAX_RATE_PER_S: f64 = 200.0;

/// How long a profile takes.
const LENGTH: Duration = Duration::from_secs(3);

/// The most connections of a profile, where requests are short: opening them counts, so few are opened.
const MAX_CONNECTIONS: NonZeroU32 = NonZeroU32::new(8).expect("8 is not zero");

impl Run<'_> {
    /// Profiles a target that is still there; says why where that can't be done.
    pub(super) fn profile(&mut self, load: &Load, state: &mut TargetState<'_>) {
        let Some(process) = &state.process else {
            return;
        };
        let Some(server) = &process.server else {
            return state.note(not_profiled(
                "it ran already, and is not ours to trace",
                "have bench start it: see docs/targets.md",
            ));
        };
        let Some(supervisor) = server.supervisor() else {
            return state.note(not_profiled(
                "it runs on another machine",
                "profile it there, by a run of that machine's own",
            ));
        };
        let pids = descendants(supervisor);
        let counted = Strace::attach(STRACE, &pids).and_then(|strace| {
            let counted_by = strace.version.clone();
            let (load, rate) = self.load_of_profile(load);
            let driven = load::drive(
                &load,
                &process.workload,
                process.reach().endpoint.clone(),
                &self.options(),
                &Control::default(),
            );
            Ok((strace.detach()?, counted_by, rate, driven))
        });
        match counted {
            Ok((counts, counted_by, rate, Ok(recording))) => {
                let ok = recording.accounting.ok;
                let record = SyscallRecord::of(&counts, counted_by, ok, rate.as_per_s());
                if record.is_none() {
                    state.note(not_profiled(
                        "it answered nothing meanwhile",
                        "being traced slows a server: run it again on a machine that is less busy",
                    ));
                }
                if let Some(record) = record {
                    state.note(Note::Syscalls(Box::new(record)));
                }
            }
            Ok((_, _, _, Err(error))) => state.note(not_profiled(
                &format!("load could not be driven: {error}"),
                "its other figures were measured before and are whole",
            )),
            Err(error) => state.note(not_profiled(&error.to_string(), error.advice())),
        }
    }

    fn load_of_profile(&self, load: &Load) -> (Load, Rate) {
        let most = Rate::per_s(MAX_RATE_PER_S).expect("200 is a rate");
        let own = load.arrival.rate();
        let rate = own.filter(|&own| own < most).unwrap_or(most);
        let lasts = |route: &Route| matches!(route, Route::Chat | Route::Events { .. });
        let is_long = self.request.routes.routes().any(|route| lasts(&route));
        let load = Load {
            arrival: Arrival::Open {
                rate,
                process: Process::Constant,
            },
            connections: if is_long {
                load.connections
            } else {
                load.connections.min(MAX_CONNECTIONS)
            },
            duration: LENGTH,
            ..load.clone()
        };
        (load, rate)
    }
}

/// Estimate of what profiling adds to a run.
pub(super) fn time(request: &Request) -> Duration {
    let targets = u32::try_from(request.targets.len()).unwrap_or(u32::MAX);
    request
        .profile
        .map_or(Duration::ZERO, |_| LENGTH.saturating_mul(targets))
}

fn not_profiled(why: &str, remedy: &str) -> Note {
    Note::Warning(Warning::note(Fact::NotProfiled {
        why: why.to_owned(),
        remedy: remedy.to_owned(),
    }))
}
