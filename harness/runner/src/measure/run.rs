//! What is done to targets: they are started, warmed up, driven and stopped.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use load::idle::MAX_OPENED_PER_S;
use load::{Control, Options, Spin, Workload};
use model::measured::loops::Snapshot;
use model::measured::recording::Recording;
use model::record::generator::GeneratorEpoch;
use model::record::log::Note;
use model::record::warning::{Answered, Fact, Warning};
use model::record::watched::Watched;
use model::spec::address::Address;
use model::spec::load::{Arrival, Load, ReceiveClock};
use model::spec::target::{Kind, TargetSpec};
use model::units::{NANOS_PER_S, Rate};

use crate::checked::{self, Answer};
use crate::generators::{self, DriveFailure, Generators, REPEATS};
use crate::request::Request;
use crate::run_event::RunEvent;
use crate::servers::{Meters, Server, Servers};
use crate::steering::Steering;
use crate::workload::Asked;
use process::control_client::ControlClient;
use process::cores;
use process::failure::{Failure, no_thread};
use process::meter::{self, Look};
use process::process_tree::{self, listeners};
use process::reach::Reach;
use process::services::{ServiceError, Services};

use super::target_state::{Process, TargetState};
use super::watch::watch;

/// How long each target is driven flat out where a scenario asks for a share of its capacity.
const CAPACITY_PROBE: Duration = Duration::from_millis(700);

/// The longest that this is doubled to for a target that is slow.
const CAPACITY_PROBE_AT_MOST: Duration = Duration::from_millis(2_800);

/// A connection's replies by which a capacity counts as known: what is under way when time is up is then a small share.
const CAPACITY_REPLIES: u64 = 4;

/// How long a server's memory must stay the same to count as settled.
const SETTLE_EVERY: Duration = Duration::from_millis(100);

/// How often it is looked for at most: the memory of a server with work of its own never settles.
const SETTLE_LOOKS: u32 = 30;

/// How often a run that rests looks whether it is to go on.
const REST_LOOK_EVERY: Duration = Duration::from_millis(100);

/// Bytes by which the lengths of two answers may differ whatever they are: a date, a name, an id.
const SMALL_ANSWER_BYTES: u64 = 256;

/// A rate where none is asked for.
pub(super) fn any_rate() -> Rate {
    Rate::per_s(1.0).expect("1 is a rate")
}

/// What became of one drive of load.
pub(super) struct Driven {
    pub(super) recording: Recording,
    pub(super) watched: Watched,
    /// What each generator measured, where other machines drove the load.
    pub(super) generators: Vec<GeneratorEpoch>,
    /// What the probe beside them measured.
    pub(super) probe: Option<GeneratorEpoch>,
    /// How the server ended meanwhile, where it did.
    pub(super) ended: Option<String>,
}

/// How long the news that a server has ended may take.
const NEWS: Duration = Duration::from_millis(500);

/// How a request of the user's own was answered by the target that was asked first.
pub(super) struct FirstAnswer {
    /// The name of that target.
    target: String,
    answer: Answer,
}

/// What all rounds share.
pub(super) struct Run<'a> {
    pub(super) request: &'a Request,
    pub(super) steering: &'a Steering,
    pub(super) started: Instant,
    pub(super) services: Services,
    pub(super) servers: Servers,
    pub(super) generators: Generators,
    pub(super) spin: Spin,
    /// Why nothing more can be measured, by whatever stands around the targets.
    pub(super) broken: Option<Failure>,
    /// How each of the scenario's own requests was answered by the target that was asked first, with the target's name.
    pub(super) answers: BTreeMap<usize, FirstAnswer>,
    /// What was said already of whose CPU and memory are measured.
    pub(super) known_processes: BTreeSet<String>,
    pub(super) tell: &'a mut dyn FnMut(RunEvent<'_>),
}

impl Run<'_> {
    /// Rests for as long as somebody wants a pause; true where somebody did.
    ///
    /// For the ends of blocks only: a block is one paired difference, and whatever the machine does during a pause within it
    /// would stand between the two that are compared.
    pub(super) fn rest_where_asked(&mut self) -> bool {
        if !self.steering.wants_pause() {
            return false;
        }
        (self.tell)(RunEvent::Paused);
        while self.steering.wants_pause() {
            std::thread::park_timeout(REST_LOOK_EVERY);
        }
        (self.tell)(RunEvent::Resumed);
        true
    }

    pub(super) fn options(&self) -> Options {
        Options {
            cpus: self.request.pinning.load_cpus.clone(),
            spin: self.spin,
            clock: self.request.clock,
            ..Options::default()
        }
    }

    /// Starts the servers of a round, and opens what is to stay open meanwhile.
    pub(super) fn begin_round(
        &mut self,
        round: u32,
        members: &[usize],
        states: &mut [TargetState<'_>],
    ) {
        (self.tell)(RunEvent::RoundStarted { round });
        // Some may run already: those by which it was found at which rate to begin.
        let mut started = members.to_vec();
        started.retain(|&member| states[member].process.is_none());
        for &member in &started {
            self.start(&mut states[member]);
        }
        for &member in &started {
            self.hold_idle(&mut states[member]);
        }
    }

    /// Whether a service runs on cores of the load generator.
    pub(super) fn services_share_load_cores(&self) -> bool {
        let mut records = self.services.records().into_iter();
        records.any(|record| cores::share_load(&record.cpus, &self.request.pinning))
    }

    /// Fails where a service, the agents that drive the load, or the machine of the servers have: without them nothing that a target does can
    /// be compared.
    pub(super) fn check_surroundings(&mut self) -> Result<(), Failure> {
        let ended = || self.services.ended().map(ServiceError::into_failure);
        let broken = self.broken.take().or_else(ended);
        let lost = || self.servers.lost();
        broken.or_else(lost).map_or(Ok(()), Err)
    }

    /// Ends all servers.
    pub(super) fn stop_all(&mut self, states: &mut [TargetState<'_>]) {
        for state in states {
            self.stop(state);
        }
    }

    /// Starts a target and makes sure that it answers every route of the scenario correctly.
    pub(super) fn start(&mut self, state: &mut TargetState<'_>) {
        if state.failure.is_some() || self.steering.interrupt.is_asked() {
            return;
        }
        match self.launch(state) {
            Ok(mut process) => {
                let asked = self.ask(&process, state);
                // Now it is known how those are answered that every target must answer alike.
                process.workload = self.workload(&process.reach().address);
                state.process = Some(process);
                if let Err(what) = asked {
                    self.fail(state, what);
                }
            }
            Err(what) => self.fail(state, what),
        }
    }

    /// Sends each request once, and says what is wrong with the first answer that is; those to the user's own requests are
    /// compared with the other targets'.
    fn ask(&mut self, process: &Process, state: &mut TargetState<'_>) -> Result<(), String> {
        let request = self.request;
        let asked: Vec<&Asked> = request.routes.each().collect();
        let mut first_index = 0;
        // A session is asked as a whole.
        for session in asked.chunk_by(|_, next| next.follows()) {
            let begins = first_index;
            first_index += session.len();
            if session[0].is_chat() {
                self.speak(process)?;
                continue;
            }
            let reach = process.reach();
            let sent = |asked: &&Asked| asked.request(&reach.address, request.scenario.connect);
            let steps: Vec<load::Request> = session.iter().map(sent).collect();
            let words: Vec<String> = session.iter().map(|asked| asked.words()).collect();
            let load = request.load(Arrival::Closed);
            let options = Options {
                // Nothing is timed.
                clock: ReceiveClock::User,
                ..self.options()
            };
            let answers = checked::ask(&reach.endpoint, &load, &options, &words, &steps)?;
            for ((index, asked), answer) in (begins..).zip(session).zip(answers) {
                if asked.is_own() {
                    self.compare(index, asked, answer, state)?;
                }
            }
        }
        Ok(())
    }

    /// Compares an answer with the one of the target that was asked first, which this may be.
    fn compare(
        &mut self,
        index: usize,
        asked: &Asked,
        answer: Answer,
        state: &mut TargetState<'_>,
    ) -> Result<(), String> {
        let (first, other) = match self.answers.entry(index) {
            Entry::Vacant(entry) => {
                let target = state.spec.name.clone();
                (&*entry.insert(FirstAnswer { target, answer }), None)
            }
            Entry::Occupied(entry) => (&*entry.into_mut(), Some(answer)),
        };
        let answer = other.as_ref().unwrap_or(&first.answer);
        if asked.must_be_equal()
            && let Some(unlike) = answer.unlike(&first.answer)
        {
            return Err(format!(
                "{} must be answered as by {}, {unlike}",
                asked.words(),
                first.target,
            ));
        }
        if answers_differ(answer.answered, first.answer.answered) {
            let differs = Warning::note(Fact::AnswersDiffer {
                request: self.request.scenario.requests[index].words(),
                answered: answer.answered,
                base: first.target.clone(),
                base_answered: first.answer.answered,
            });
            // Processes are started again for every round, and lengths may vary.
            let mut known = state.warnings.iter();
            if !known.any(|known| is_same_finding(known, &differs)) {
                state.note(Note::Warning(differs));
            }
        }
        Ok(())
    }

    /// Says a message in the chat, which must come back.
    fn speak(&self, process: &Process) -> Result<(), String> {
        // One member, who must hear what it says.
        let load = Load {
            connections: NonZeroU32::MIN,
            request_limit: Some(1),
            duration: self.request.scenario.timeout,
            ..self.request.load(Arrival::Closed)
        };
        let control = Control::default();
        load::drive(
            &load,
            &process.workload,
            process.reach().endpoint.clone(),
            &self.options(),
            &control,
        )
        .map_err(|error| error.to_string())
        .and_then(|recording| match recording.accounting.ok {
            1 => Ok(()),
            _ => Err("a message to /chat must come back to its sender".to_owned()),
        })
    }

    fn launch(&mut self, state: &TargetState<'_>) -> Result<Process, String> {
        let (server, control) = match &state.spec.kind {
            Kind::Running(running) => {
                let reach = Reach::of(&running.address, &running.access);
                let control = reach.and_then(|reach| ControlClient::of(&reach));
                (None, control.map_err(|failure| failure.report.to_string())?)
            }
            Kind::Launched(manifest) => {
                let server = self.servers.launch(state.spec, manifest)?;
                let control = server.control().clone();
                (Some(server), control)
            }
        };
        Ok(Process {
            meters: match &server {
                Some(server) => Some(server.meters()),
                None => self.meters_of(state.spec, control.reach())?,
            },
            workload: self.workload(&control.reach().address),
            server,
            idle: None,
            control,
        })
    }

    /// The meters of a server that runs already: of the process that was named, or of those that listen there. Says whose they
    /// are; the error is of a process that is not there.
    fn meters_of(&mut self, spec: &TargetSpec, reach: &Reach) -> Result<Option<Meters>, String> {
        let asked = spec.kind.running().and_then(|running| running.pid);
        let found = asked.map_or_else(|| listeners(&reach.endpoint.peer), |pid| vec![pid]);
        let processes: Vec<String> = found.iter().map(|&pid| process_tree::name(pid)).collect();
        let meters = (!found.is_empty()).then(|| Arc::new(meter::Meters::of(found)));
        if let (Some(pid), Some(meters)) = (asked, &meters)
            && meters.see(Look::Glance).reading.is_none()
        {
            return Err(format!(
                "there is no process {pid} whose CPU and memory could be read: leave --pid out, or correct it"
            ));
        }
        let line = match processes.join(", ").as_str() {
            "" => format!(
                "{}: its CPU and memory are not known: no process was found that listens at {}; name it with --pid {}=PID",
                spec.name, reach.endpoint.peer, spec.name
            ),
            processes => format!("{}: its CPU and memory are those of {processes}", spec.name),
        };
        if self.known_processes.insert(line.clone()) {
            (self.tell)(RunEvent::Notice(&line));
        }
        Ok(meters.map(Meters::Here))
    }

    /// Opens a target's idle connections and reads what they cost it. They stay open until the round ends, in the epochs of
    /// the other targets too: opening ten thousand for each epoch would leave the closing of the last ones to the one that is
    /// measured next, and a server whose allocator keeps what they held could be asked for their price only once.
    pub(super) fn hold_idle(&mut self, state: &mut TargetState<'_>) {
        let Some(count) = self.request.scenario.idle_connections else {
            return;
        };
        if state.failure.is_some() || self.steering.interrupt.is_asked() {
            return;
        }
        let Some(process) = &mut state.process else {
            return;
        };
        let meters = process.meters.clone();
        let settled = || meters.as_ref().and_then(settled_rss_bytes);
        let before = settled();
        let cpus = &self.request.pinning.load_cpus;
        let peer = &process.reach().endpoint.peer;
        let interrupt = &self.steering.interrupt;
        match self.generators.hold_idle(peer, count, cpus, interrupt) {
            Ok(Some(idle)) => {
                let opened = idle.opened();
                process.idle = Some(idle);
                let after = settled();
                state.note(Note::IdleOpened {
                    opened,
                    rss_bytes: before.zip(after),
                });
            }
            Ok(None) => {}
            Err(DriveFailure::Measurement(failure)) => self.note_broken(failure),
            Err(DriveFailure::Target(what) | DriveFailure::Void(what)) => {
                self.fail(state, format!("it has no idle connections: {what}"));
            }
        }
    }

    fn workload(&self, address: &Address) -> Workload {
        let request = self.request;
        let equal = |index| Some(self.answers.get(&index)?.answer.body.clone());
        request
            .routes
            .workload(address, request.scenario.connect, &equal)
    }

    /// The load of a step: at `rate`, or as the request says, where the capacity of the targets may have to be measured first.
    pub(super) fn load_at(
        &mut self,
        rate: Option<Rate>,
        capacity: &mut Option<Rate>,
        states: &mut [TargetState<'_>],
    ) -> Load {
        let spec = &self.request.arrival;
        if let Some(rate) = rate {
            return self.request.load(spec.at_rate(rate));
        }
        if spec.needs_capacity() && capacity.is_none() {
            *capacity = self.find_capacity(states);
        }
        let arrival = spec.at_capacity(capacity.unwrap_or_else(any_rate));
        self.request
            .load(arrival.expect("a share of a rate is a rate"))
    }

    /// What the weakest target sustains; none where it was not found out.
    pub(super) fn find_capacity(&mut self, states: &mut [TargetState<'_>]) -> Option<Rate> {
        let mut weakest: Option<Rate> = None;
        for state in states {
            if self.steering.interrupt.is_asked() || state.failure.is_some() {
                continue;
            }
            let Some(process) = &state.process else {
                continue;
            };
            match self.probe_capacity(process) {
                Ok(capacity) => {
                    (self.tell)(RunEvent::CapacityMeasured {
                        target: &state.spec.name,
                        capacity,
                    });
                    let is_weaker = weakest.is_none_or(|weakest| capacity < weakest);
                    weakest = if is_weaker { Some(capacity) } else { weakest };
                }
                Err(DriveFailure::Target(what)) => self.fail(state, what),
                Err(DriveFailure::Void(why)) => {
                    self.note_broken(generators::void(&why));
                    return None;
                }
                Err(DriveFailure::Measurement(failure)) => {
                    self.note_broken(failure);
                    return None;
                }
            }
        }
        weakest
    }

    /// Nothing more can be measured.
    fn note_broken(&mut self, failure: Failure) {
        // It is the next look at the surroundings that fails.
        self.broken.get_or_insert(failure);
    }

    /// How many requests a second a target answers in a closed loop, or why that is not known.
    fn probe_capacity(&self, process: &Process) -> Result<Rate, DriveFailure> {
        let mut duration = CAPACITY_PROBE;
        let mut voids = 0;
        loop {
            // Without a drain: replies that come after the time is up would count as well, one a connection, and make a slow
            // target seem twice as fast as it is.
            let load = Load {
                duration,
                drain: Duration::ZERO,
                ..self.request.load(Arrival::Closed)
            };
            let driven = self.generators.drive(
                &load,
                &process.workload,
                &process.reach().endpoint,
                &self.options(),
                &Control::default(),
            );
            let recording = match driven {
                Ok(driven) => driven.recording,
                Err(DriveFailure::Void(_))
                    if voids < REPEATS && !self.steering.interrupt.is_asked() =>
                {
                    voids += 1;
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let replies = recording.accounting.ok;
            let is_known = replies >= CAPACITY_REPLIES * u64::from(load.connections.get());
            if is_known || duration >= CAPACITY_PROBE_AT_MOST || self.steering.interrupt.is_asked()
            {
                let per_s =
                    replies as f64 * NANOS_PER_S as f64 / recording.measured_ns.max(1) as f64;
                return Rate::per_s(per_s).map_err(|_| {
                    let what = "it answered nothing while its capacity was measured: give a rate, by rate_per_s or -R";
                    DriveFailure::Target(what.to_owned())
                });
            }
            duration *= 2;
        }
    }

    /// Drives load at a target, if it is there, and notes its failure where that can't be done. Where an agent spoils it, it is driven
    /// again: never is less driven than was asked for.
    pub(super) fn drive(&mut self, load: &Load, state: &mut TargetState<'_>) -> Option<Driven> {
        let mut repeats = 0;
        loop {
            let why = match self.drive_once(load, state)? {
                Ok(driven) => return Some(driven),
                Err(_) if self.steering.interrupt.is_asked() => return None,
                Err(why) => why,
            };
            if repeats == REPEATS {
                self.note_broken(generators::void(&why));
                return None;
            }
            repeats += 1;
            // What fails at once, as where the NATS server is restarted, is not tried three times in a moment.
            self.servers.wait_until_there();
            if let Some(failure) = self.servers.lost() {
                self.note_broken(failure);
                return None;
            }
            let line = format!("{why}: this sample is void, and is measured again");
            (self.tell)(RunEvent::Notice(&line));
        }
    }

    /// Drives load once; the error says which agent spoiled it.
    fn drive_once(
        &mut self,
        load: &Load,
        state: &mut TargetState<'_>,
    ) -> Option<Result<Driven, String>> {
        let process = state.process.as_ref()?;
        let reset = self.services.reset().map_err(ServiceError::into_failure);
        if let Err(failure) = reset.and_then(|()| self.servers.reset_services()) {
            self.note_broken(failure);
            return None;
        }
        let meters = process.meters.clone();
        let service_meters = self.services.meters();
        let options = self.options();
        // Of what was asked before nothing is said here.
        self.servers.take_unwatched(true);
        let lines = || process.server.as_ref().map_or(0, Server::lines);
        let lines_before = lines();
        let meters = (meters.as_ref(), &service_meters);
        let generators = &self.generators;
        let watched = watch(meters, self.started, self.steering, |control| {
            let endpoint = &process.reach().endpoint;
            generators.drive(load, &process.workload, endpoint, &options, control)
        });
        let (driven, mut watched) = match watched {
            Ok(both) => both,
            Err(error) => {
                self.fail(state, no_thread(&error).report.to_string());
                return None;
            }
        };
        watched.lines = lines().saturating_sub(lines_before);
        let server = process.server.as_ref();
        let ended = match &driven {
            Ok(_) => server.and_then(Server::ended),
            // What can't be reached may have ended a moment ago, which is heard of a little later.
            Err(_) => server.and_then(|server| server.ends_within(NEWS)),
        };
        // Of a load that was not driven nothing was spent.
        let is_known = driven.is_err() || watched.spent.is_some();
        let unwatched = self.servers.take_unwatched(is_known);
        if let Some(failure) = self.servers.lost() {
            self.note_broken(failure);
            return None;
        }
        match (driven, ended) {
            // What it spent is not known, or why it could not be driven; it can be measured again.
            (Ok(_) | Err(DriveFailure::Target(_) | DriveFailure::Void(_)), None)
                if unwatched.is_some() =>
            {
                return unwatched.map(Err);
            }
            (Ok(driven), ended) => {
                return Some(Ok(Driven {
                    recording: driven.recording,
                    generators: driven.generators,
                    probe: driven.probe,
                    watched,
                    ended,
                }));
            }
            (Err(DriveFailure::Void(why)), None) => return Some(Err(why)),
            (Err(DriveFailure::Measurement(failure)), _) => {
                self.note_broken(failure);
            }
            (Err(DriveFailure::Target(why) | DriveFailure::Void(why)), Some(how)) => {
                self.fail(state, format!("it had ended ({how}): {why}"));
            }
            (Err(DriveFailure::Target(why)), None) => self.fail(state, why),
        }
        None
    }

    /// Notes that a target failed, with its last output, and ends it.
    pub(super) fn fail(&mut self, state: &mut TargetState<'_>, what: String) {
        let server = state.process.as_ref();
        let server = server.and_then(|process| process.server.as_ref());
        if let Some(failure) = self.servers.not_there(server) {
            // It is not the target's fault.
            state.process = None;
            return self.note_broken(failure);
        }
        let server = state.process.take().and_then(|process| process.server);
        let last_output = server.as_ref().map(Server::last_output).unwrap_or_default();
        if let Some(server) = server {
            server.stop();
        }
        self.note_failure(state, what, last_output);
    }

    fn note_failure(&mut self, state: &mut TargetState<'_>, what: String, last_output: String) {
        let failure = model::record::target::Failure { what, last_output };
        (self.tell)(RunEvent::TargetFailed {
            target: &state.spec.name,
            failure: &failure,
        });
        state.note(Note::Failed(failure));
    }

    /// Ends a target.
    pub(super) fn stop(&mut self, state: &mut TargetState<'_>) {
        let Some(process) = &mut state.process else {
            return;
        };
        let lost = process.idle_lost();
        process.idle = None;
        if lost > 0 {
            state.note(Note::IdleLost(lost));
        }
        let Some(process) = &mut state.process else {
            return;
        };
        let Some(server) = process.server.take() else {
            return;
        };
        if let Some(how) = server.ended() {
            process.server = Some(server);
            return self.fail(state, format!("it ended between two epochs: {how}"));
        }
        state.process = None;
        // All was measured, and nothing of it is left; once is enough to be known.
        if let Some(how) = server.stop()
            && !state.has_ended_untidily()
        {
            state.note(Note::Warning(Warning::note(Fact::EndedUntidily { how })));
        }
    }
}

/// What a target counts of itself, asked between two epochs, when nothing is measured, and the rest of its `/stats`. One that
/// never answered is not asked again: it may be none of ours, and take its time to say so.
pub(super) fn stats(state: &mut TargetState<'_>) -> Option<(Snapshot, serde_json::Value)> {
    let process = state.process.as_ref().filter(|_| state.has_stats)?;
    let Some(reply) = process.control.stats() else {
        state.has_stats = state.cost.stats.is_some();
        return None;
    };
    let snapshot = Snapshot::read(&reply);
    Some((snapshot, without_counts(reply)))
}

/// Whether two warnings are of unlike answers to one request.
fn is_same_finding(one: &Warning, other: &Warning) -> bool {
    match (&one.fact, &other.fact) {
        (Fact::AnswersDiffer { request: one, .. }, Fact::AnswersDiffer { request: other, .. }) => {
            one == other
        }
        _ => false,
    }
}

/// Whether two answers are so unlike that the targets may not do the same work: by their status, or since one is more than twice
/// as long as the other, [`SMALL_ANSWER_BYTES`] aside.
fn answers_differ(one: Answered, other: Answered) -> bool {
    let (less, more) = (one.bytes.min(other.bytes), one.bytes.max(other.bytes));
    one.status != other.status || more > 2 * less + SMALL_ANSWER_BYTES
}

/// Without the lists of counts, which a record sums up.
fn without_counts(mut stats: serde_json::Value) -> serde_json::Value {
    if let Some(members) = stats.as_object_mut() {
        members.retain(|name, _| !name.ends_with("_us_counts"));
    }
    stats
}

/// Estimate of what opening idle connections adds to a run.
pub(super) fn time_to_hold_idle(request: &Request) -> Duration {
    let Some(count) = request.scenario.idle_connections else {
        return Duration::ZERO;
    };
    let opening = Duration::from_secs(1) * count.get() / MAX_OPENED_PER_S;
    let times = u32::try_from(request.targets.len()).unwrap_or(u32::MAX);
    // Memory is looked at twice, and takes two looks at least to have settled.
    (opening + SETTLE_EVERY * 4) * times * request.plan.rounds
}

/// The resident set of a server once it stays the same: until then it may still be accepting.
fn settled_rss_bytes(meters: &Meters) -> Option<u64> {
    let read = || Some(meters.see(Look::Whole)?.reading?.rss_bytes);
    let mut last = read()?;
    for _ in 0..SETTLE_LOOKS {
        std::thread::park_timeout(SETTLE_EVERY);
        let now = read()?;
        if now == last {
            break;
        }
        last = now;
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_another_status_or_class_of_length_differ() {
        let answered = |status, bytes| Answered { status, bytes };
        let base = answered(200, 1_000);
        for (other, differs) in [
            (answered(200, 1_000), false),
            (answered(201, 1_000), true),
            (answered(200, 2_256), false),
            (answered(200, 2_257), true),
            (answered(200, 372), false),
            (answered(200, 371), true),
        ] {
            assert_eq!(answers_differ(base, other), differs, "{other:?}");
            assert_eq!(answers_differ(other, base), differs, "{other:?}");
        }
    }
}
