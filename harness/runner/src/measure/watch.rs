//! Watching a server for the length of one epoch: what it spent between the first measured request and the last reply.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use load::{Control, Phase};
use model::record::target::ServerSample;
use model::record::watched::{Reading, Spent, Watched};
use model::spec::services::Service;
use model::units::{Nanos, duration_ns};

use crate::servers::{CpuMark, Meters, spent_ns};
use crate::steering::{Counts, Steering};
use process::meter::Look;
use process::services::ServiceMeters;

/// How often a server's meters are read while it is measured.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// A moment of an epoch.
struct Mark {
    /// Since the run began.
    at: Duration,
    /// CPU time of the server so far.
    cpu: Option<CpuMark>,
    /// The same of the services.
    services_cpu_ns: BTreeMap<Service, Nanos>,
}

#[derive(Default)]
struct Marks {
    measuring: Option<Mark>,
    drained: Option<Mark>,
}

/// Does `drive` under a control that watches a server by its meters, and ends it early where the server dies or the user wants
/// it. Errors: the system starts no thread.
pub(super) fn watch<T>(
    (meters, services): (Option<&Meters>, &ServiceMeters),
    run_started: Instant,
    steering: &Steering,
    drive: impl FnOnce(&Control) -> T,
) -> std::io::Result<(T, Watched)> {
    let marks = Arc::new(Mutex::new(Marks::default()));
    // Not among the marks: who reads them may be interrupted there, and a generator thread would wait for it.
    let measuring_since_ns = Arc::new(AtomicU64::new(0));
    let control = Control::watching({
        let marks = Arc::clone(&marks);
        let measuring_since_ns = Arc::clone(&measuring_since_ns);
        let (meters, services) = (meters.cloned(), services.clone());
        move |phase| {
            let mark = Mark {
                at: run_started.elapsed(),
                cpu: meters.as_ref().map(Meters::mark),
                services_cpu_ns: services.cpu_ns(),
            };
            let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
            match phase {
                Phase::Measuring => {
                    measuring_since_ns.store(duration_ns(mark.at), Ordering::Relaxed);
                    marks.measuring = Some(mark);
                }
                Phase::Drained => marks.drained = Some(mark),
            }
        }
    });
    let see = || meters.and_then(|meters| meters.see(Look::Whole));
    services.look();
    let before = see();
    let is_done = AtomicBool::new(false);
    let tell = || {
        let since_ns = measuring_since_ns.load(Ordering::Relaxed);
        let now_ns = duration_ns(run_started.elapsed());
        steering.count((since_ns > 0).then(|| Counts {
            ok: control.ok(),
            failed: control.failed(),
            over: Duration::from_nanos(now_ns.saturating_sub(since_ns)),
        }));
        if steering.interrupt.is_asked() {
            control.stop();
        }
    };
    let (driven, samples) = std::thread::scope(|scope| {
        let watching = || sample((meters, services), run_started, &tell, &control, &is_done);
        let watcher = std::thread::Builder::new().spawn_scoped(scope, watching)?;
        let driven = drive(&control);
        is_done.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        let samples = watcher.join();
        let samples = samples.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok::<_, std::io::Error>((driven, samples))
    })?;
    steering.count(None);
    let after = see();
    let marks = std::mem::take(&mut *marks.lock().unwrap_or_else(PoisonError::into_inner));
    let started = marks.measuring.as_ref().map(|mark| mark.at);
    let both = marks.measuring.map(Mark::waited);
    let both = both.zip(marks.drained.map(Mark::waited));
    let watched = Watched {
        started: started.unwrap_or_default(),
        wall_ns: both.as_ref().map_or(0, wall_ns),
        services_cpu_ns: both.as_ref().map(spent_by_services).unwrap_or_default(),
        spent: both.as_ref().and_then(spent),
        readings: before
            .and_then(|seen| seen.reading)
            .zip(after.and_then(|seen| seen.reading)),
        run_delays_ns: before
            .and_then(|seen| seen.run_delay_ns)
            .zip(after.and_then(|seen| seen.run_delay_ns)),
        counted: None,
        samples,
        lines: 0,
    };
    Ok((driven, watched))
}

fn wall_ns((from, to): &(Mark, Mark)) -> Nanos {
    duration_ns(to.at.saturating_sub(from.at))
}

fn spent_by_services((from, to): &(Mark, Mark)) -> BTreeMap<Service, Nanos> {
    let before = |service| from.services_cpu_ns.get(service).copied();
    let each = to.services_cpu_ns.iter();
    each.map(|(service, &ns)| {
        (
            *service,
            ns.saturating_sub(before(service).unwrap_or_default()),
        )
    })
    .collect()
}

/// What the server spent; none where that is not known.
fn spent(both: &(Mark, Mark)) -> Option<Spent> {
    let wall_ns = wall_ns(both);
    let (from, to) = both;
    Some(Spent {
        cpu_ns: spent_ns(from.cpu.as_ref()?, to.cpu.as_ref()?, wall_ns)?,
        wall_ns,
    })
}

impl Mark {
    /// The same, once another machine has said what it was asked.
    fn waited(self) -> Self {
        let cpu = self.cpu.map(CpuMark::waited);
        let mut services_cpu_ns = self.services_cpu_ns;
        services_cpu_ns.extend(cpu.iter().flat_map(CpuMark::services_cpu_ns));
        Self {
            cpu,
            services_cpu_ns,
            ..self
        }
    }
}

/// Reads a server's meters until the epoch is done, and calls `tell` each time; ends the epoch early where the server died.
fn sample(
    (meters, services): (Option<&Meters>, &ServiceMeters),
    started: Instant,
    tell: &dyn Fn(),
    control: &Control,
    is_done: &AtomicBool,
) -> Vec<(ServerSample, Reading)> {
    let mut samples = Vec::new();
    let cpu_ns = meters.and_then(Meters::cpu_ns);
    let mut last = cpu_ns.map(|cpu_ns| (started.elapsed(), cpu_ns));
    while !is_done.load(Ordering::Relaxed) {
        std::thread::park_timeout(SAMPLE_EVERY);
        tell();
        services.look();
        let Some(meters) = meters else { continue };
        // What is not known of another machine's server makes the epoch void.
        let seen = meters.see(Look::Glance);
        let Some((reading, cpu_ns)) = seen.and_then(|seen| Some((seen.reading?, seen.cpu_ns)))
        else {
            control.stop();
            continue;
        };
        let at = started.elapsed();
        if let Some((last_at, last_cpu_ns)) = last {
            let wall_ns = duration_ns(at.saturating_sub(last_at)).max(1);
            let cpu_share = cpu_ns.saturating_sub(last_cpu_ns) as f64 / wall_ns as f64;
            samples.push((
                ServerSample {
                    at_s: at.as_secs_f64(),
                    cpu_share,
                    rss_bytes: reading.rss_bytes,
                },
                reading,
            ));
        }
        last = Some((at, cpu_ns));
    }
    samples
}
