//! A target while it is measured: the process that serves, and what is known of it so far.

use std::collections::BTreeMap;

use analysis::warmup;
use analysis::warnings;
use load::Workload;
use model::measured::loops::Stretch;
use model::measured::recording::Recording;
use model::measured::slices::Slices;
use model::measured::syscalls::SyscallRecord;
use model::measured::workload::WorkloadKind;
use model::record::generator::Generators;
use model::record::load_report::LoadReport;
use model::record::log::{EpochTaken, Note};
use model::record::surroundings::{Environment, Pinning, ServiceRecord};
use model::record::target::{
    EpochRecord, Failure, IntervalRecord, Manifest, ServerRecord, ServerSample, ServiceCost,
    TargetRecord, whole_distributions,
};
use model::record::warmup::WarmupRecord;
use model::record::warning::{Fact, Validity, Warning};
use model::record::watched::{Reading, Watched};
use model::spec::load::Load;
use model::spec::scenario::RequestRecord;
use model::spec::services::Service;
use model::spec::target::TargetSpec;
use model::units::{NANOS_PER_S, Nanos, duration_ns};

use crate::generators::Idle;
use crate::run_event::SoFar;
use crate::servers::{Meters, Server};
use process::control_client::ControlClient;
use process::cores;
use process::reach::Reach;

/// A target and what has been measured of it so far.
pub(super) struct TargetState<'a> {
    pub(super) spec: &'a TargetSpec,
    pub(super) manifest: Manifest,
    pub(super) process: Option<Process>,
    pub(super) recording: Recording,
    pub(super) warmups: Vec<WarmupRecord>,
    pub(super) epochs: Vec<EpochRecord>,
    pub(super) intervals: Vec<IntervalRecord>,
    /// Of whatever may turn out to be what is timed.
    slices: BTreeMap<WorkloadKind, Slices>,
    pub(super) cost: Cost,
    /// What each generator measured, where other machines drove the load.
    generators: Generators,
    /// What the probe beside them measured.
    probe: Generators,
    pub(super) failure: Option<Failure>,
    /// Warnings of its own, beside those that follow from its recording.
    pub(super) warnings: Vec<Warning>,
    /// What became known of it since its notes were last kept.
    notes: Vec<Note>,
    /// Lines that it printed while it was measured.
    lines: u64,
    /// Whether it counts what its loops do, as far as is known.
    pub(super) has_stats: bool,
}

/// A target that can be driven.
pub(super) struct Process {
    /// The child, unless it ran already.
    pub(super) server: Option<Server>,
    /// Its idle connections, where the scenario has some.
    pub(super) idle: Option<Idle>,
    /// What it spends, where that is known.
    pub(super) meters: Option<Meters>,
    /// Asks it what it says of itself.
    pub(super) control: ControlClient,
    pub(super) workload: Workload,
}

impl Process {
    /// Where it is reached.
    pub(super) fn reach(&self) -> &Reach {
        self.control.reach()
    }

    /// Idle connections that were lost so far.
    pub(super) fn idle_lost(&mut self) -> u64 {
        let lost = self.idle.as_mut().map(Idle::lost);
        lost.map_or(0, u64::from)
    }
}

/// What serving cost over all epochs so far.
#[derive(Debug, Default)]
pub(super) struct Cost {
    /// CPU time between the first measured request and the last reply of each epoch.
    cpu_ns: Nanos,
    /// Wall time of the same stretches.
    wall_ns: Nanos,
    user_ticks: u64,
    system_ticks: u64,
    switches_voluntary: u64,
    switches_involuntary: u64,
    /// Time that threads could run and waited for a core, and over how much wall time that is known.
    run_delay_ns: Nanos,
    run_delay_wall_ns: Nanos,
    /// CPU time of services in the same stretches.
    services_cpu_ns: BTreeMap<Service, Nanos>,
    /// Wall time over which that is known.
    services_wall_ns: Nanos,
    rss_bytes_max: u64,
    threads_max: u32,
    samples: Vec<ServerSample>,
    /// Bytes that the resident set grew by while idle connections were opened, and how many that were, each time.
    idle: Vec<(f64, u64)>,
    pub(super) stats: Option<serde_json::Value>,
    /// What its loops did in all epochs in which that is known.
    loops: Option<Stretch>,
    pub(super) syscalls: Option<SyscallRecord>,
    is_known: bool,
}

impl<'a> TargetState<'a> {
    pub(super) fn new(spec: &'a TargetSpec, manifest: Manifest) -> Self {
        Self {
            spec,
            manifest,
            process: None,
            recording: Recording::empty(),
            warmups: Vec::new(),
            epochs: Vec::new(),
            intervals: Vec::new(),
            slices: BTreeMap::new(),
            cost: Cost::default(),
            generators: Generators::default(),
            probe: Generators::default(),
            failure: None,
            warnings: Vec::new(),
            notes: Vec::new(),
            lines: 0,
            has_stats: true,
        }
    }

    /// Whether it is known that it does not end in order.
    pub(super) fn has_ended_untidily(&self) -> bool {
        let mut facts = self.warnings.iter().map(|warning| &warning.fact);
        facts.any(|fact| matches!(fact, Fact::EndedUntidily { .. }))
    }

    /// Something became known of it.
    pub(super) fn note(&mut self, note: Note) {
        self.apply(&note);
        self.notes.push(note);
    }

    /// What became known since this was last asked.
    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Adds what is known already, of another process that measured the same run.
    pub(super) fn apply(&mut self, note: &Note) {
        match note {
            Note::Warmed(record) => self.warmups.push(*record),
            Note::IdleOpened { opened, rss_bytes } => {
                self.recording.connections.idle += u64::from(*opened);
                self.cost.add_idle(*opened, *rss_bytes);
            }
            Note::IdleLost(lost) => self.recording.connections.idle_lost += lost,
            Note::Epoch(epoch) => self.take(epoch),
            Note::Failed(failure) => self.failure = Some(failure.clone()),
            Note::Warning(warning) => self.warnings.push(warning.clone()),
            Note::Syscalls(record) => self.cost.syscalls = Some((**record).clone()),
        }
    }

    /// Adds an epoch. One that was cut short adds to the distributions and not to the comparison.
    fn take(&mut self, taken: &EpochTaken) {
        let EpochTaken {
            trial,
            is_whole,
            recording,
            watched,
            stats,
            generators,
            probe,
        } = taken;
        self.generators.take(generators);
        self.probe.take(probe.as_slice());
        let started_s = watched.started.as_secs_f64();
        let ok = recording.accounting.ok;
        let stretch = watched.stretch(ok, recording.measured_ns);
        if *is_whole {
            let cpu_us_per_request = watched
                .spent
                .and_then(|spent| us_per_request(spent.cpu_ns, ok));
            let rss_bytes_max = watched
                .samples
                .iter()
                .map(|(sample, _)| sample.rss_bytes)
                .max();
            let epoch = EpochRecord::of(
                trial,
                started_s,
                recording,
                cpu_us_per_request,
                rss_bytes_max,
            );
            let services = watched.services_cpu_ns.iter();
            self.epochs.push(EpochRecord {
                services_cpu_s: services
                    .map(|(service, &ns)| (*service, ns as f64 / NANOS_PER_S as f64))
                    .collect(),
                loops: stretch.as_ref().map(Stretch::record),
                ..epoch
            });
        }
        let offset_ns = duration_ns(watched.started);
        self.recording.append_epoch(recording, offset_ns);
        for workload in WorkloadKind::ALL {
            let slices = self.slices.entry(workload).or_default();
            slices.take(recording, workload.clock(), offset_ns);
        }
        self.intervals.extend(
            recording
                .intervals
                .iter()
                .map(|interval| IntervalRecord::of(interval, started_s)),
        );
        self.cost.add(watched, stretch.as_ref());
        self.lines += watched.lines;
        if stats.is_some() {
            self.cost.stats.clone_from(stats);
        }
    }

    /// What is known of it by now.
    pub(super) fn so_far(&self) -> SoFar<'_> {
        SoFar {
            recording: &self.recording,
            cpu_us_per_request: self.cost.cpu_us_per_request(self.recording.accounting.ok),
            rss_bytes_max: self.cost.rss_bytes_max(),
        }
    }

    /// That services had no time left for it, where that was so.
    fn service_saturated(
        &self,
        (environment, pinning): (&Environment, &Pinning),
    ) -> Option<Warning> {
        // All that are started are started on the same cores.
        let own = environment.services.iter().filter(|it| !it.cpus.is_empty());
        let cpus = &own.clone().next()?.cpus;
        let of = |record: &ServiceRecord| {
            let ns = self.cost.services_cpu_ns.get(&record.service)?;
            let wall_ns = self.cost.services_wall_ns.max(1);
            Some((record.service, *ns as f64 / wall_ns as f64))
        };
        let used = own.filter_map(of).collect();
        let generator = self.recording.generator;
        let worked_ns = generator.cpu_ns.saturating_sub(generator.spin_ns) as f64;
        let by_generator = worked_ns / self.recording.measured_ns.max(1) as f64;
        let shared = cores::share_load(cpus, pinning);
        warnings::service_saturated(&used, cpus.len(), if shared { by_generator } else { 0.0 })
    }

    /// What the run record says of this target, and the recording for the formats that hold more. `requests`: the mix; `site`: where
    /// it was measured.
    pub(super) fn into_record(
        self,
        load: &Load,
        requests: &[RequestRecord],
        site: (&Environment, &Pinning),
    ) -> (TargetRecord, Recording) {
        let mut warnings = warnings::assess(load, &self.recording);
        warnings.extend(self.service_saturated(site));
        warnings.extend(warmup::warning(&self.warmups));
        warnings.extend(warnings::printed(
            self.lines,
            self.recording.accounting.scheduled,
        ));
        let (generators, probe) = (self.generators.records(), self.probe.record());
        let seed = load.seed;
        warnings.extend(warnings::generators_differ(
            &generators,
            probe.as_ref(),
            seed,
        ));
        warnings.extend(self.warnings);
        if let Some(failure) = &self.failure {
            warnings.push(Warning::note(Fact::TargetFailed {
                what: failure.what.clone(),
                at_the_end: false,
            }));
        }
        let ok = self.recording.accounting.ok;
        let slices = self.slices.get(&WorkloadKind::of(&self.recording));
        let record = TargetRecord {
            name: self.spec.name.clone(),
            manifest: self.manifest,
            report: LoadReport::of(load, &self.recording, Validity::of(warnings))
                .by_request(requests, &self.recording),
            server: self.cost.into_record(ok),
            warmups: self.warmups,
            epochs: self.epochs,
            intervals: self.intervals,
            slices: slices.map(Slices::record).unwrap_or_default(),
            histograms_v2_base64: whole_distributions(&self.recording),
            generators,
            probe,
            failure: self.failure,
        };
        (record.with_error_shares(), self.recording)
    }
}

impl Cost {
    fn add(&mut self, watched: &Watched, stretch: Option<&Stretch>) {
        if let Some(stretch) = stretch {
            self.loops = Some(match &self.loops {
                Some(loops) => loops.and(stretch),
                None => stretch.clone(),
            });
        }
        if let Some(((before, after), spent)) = watched.run_delays_ns.zip(watched.spent) {
            self.run_delay_ns += after.saturating_sub(before);
            self.run_delay_wall_ns += spent.wall_ns;
        }
        if let Some(spent) = watched.spent {
            self.is_known = true;
            self.cpu_ns += spent.cpu_ns;
            self.wall_ns += spent.wall_ns;
        }
        for (service, ns) in &watched.services_cpu_ns {
            *self.services_cpu_ns.entry(*service).or_default() += ns;
        }
        self.services_wall_ns += watched.wall_ns;
        if let Some((before, after)) = watched.readings {
            let grown = |of: fn(&Reading) -> u64| of(&after).saturating_sub(of(&before));
            self.user_ticks += grown(|reading| reading.user_ticks);
            self.system_ticks += grown(|reading| reading.system_ticks);
            self.switches_voluntary += grown(|reading| reading.switches_voluntary);
            self.switches_involuntary += grown(|reading| reading.switches_involuntary);
        }
        for (sample, reading) in &watched.samples {
            self.rss_bytes_max = self.rss_bytes_max.max(reading.rss_bytes_max);
            self.threads_max = self.threads_max.max(reading.threads);
            self.samples.push(*sample);
        }
    }

    /// So many idle connections were opened, with the resident set in bytes before and after.
    pub(super) fn add_idle(&mut self, opened: u32, rss_bytes: Option<(u64, u64)>) {
        if let Some((before, after)) = rss_bytes.filter(|_| opened > 0) {
            let grown = after as f64 - before as f64;
            self.idle.push((grown, u64::from(opened)));
        }
    }

    fn cpu_us_per_request(&self, ok: u64) -> Option<f64> {
        us_per_request(self.cpu_ns, ok).filter(|_| self.is_known)
    }

    fn rss_bytes_max(&self) -> Option<u64> {
        (self.rss_bytes_max > 0).then_some(self.rss_bytes_max)
    }

    fn into_record(self, ok: u64) -> ServerRecord {
        let per_1000 =
            |count: u64| (self.is_known && ok > 0).then(|| count as f64 * 1e3 / ok as f64);
        let ticks = self.user_ticks + self.system_ticks;
        let bytes: f64 = self.idle.iter().map(|(bytes, _)| bytes).sum();
        let connections: u64 = self.idle.iter().map(|(_, opened)| opened).sum();
        let idle_each = self
            .idle
            .iter()
            .map(|(bytes, opened)| bytes / *opened as f64);
        let services = self.services_cpu_ns.iter().map(|(service, &ns)| {
            let cost = ServiceCost {
                cpu_us_per_request: us_per_request(ns, ok),
                cpu_share: ns as f64 / self.services_wall_ns.max(1) as f64,
            };
            (*service, cost)
        });
        ServerRecord {
            services: services.collect(),
            cpu_us_per_request: self.cpu_us_per_request(ok),
            cpu_share: self
                .is_known
                .then(|| self.cpu_ns as f64 / self.wall_ns.max(1) as f64),
            cpu_user_share: (ticks > 0).then(|| self.user_ticks as f64 / ticks as f64),
            rss_bytes_max: self.rss_bytes_max(),
            rss_bytes_per_idle_connection: (connections > 0).then(|| bytes / connections as f64),
            rss_bytes_per_idle_connection_by_round: idle_each.collect(),
            threads_max: (self.threads_max > 0).then_some(self.threads_max),
            context_switches_voluntary_per_1000: per_1000(self.switches_voluntary),
            context_switches_involuntary_per_1000: per_1000(self.switches_involuntary),
            run_queue_mean: (self.run_delay_wall_ns > 0)
                .then(|| self.run_delay_ns as f64 / self.run_delay_wall_ns as f64),
            loops: self.loops.as_ref().map(Stretch::record),
            syscalls: self.syscalls,
            stats: self.stats,
            samples: self.samples,
        }
    }
}

/// CPU microseconds per request; none without a request.
fn us_per_request(cpu_ns: Nanos, ok: u64) -> Option<f64> {
    (ok > 0).then(|| cpu_ns as f64 / 1e3 / ok as f64)
}
