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

use crate::steering::{Counts, Steering};
use process::meter::Meters;
use process::services::ServiceMeters;

/// How often a server's meters are read while it is measured.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// A moment of an epoch.
#[derive(Debug, Clone)]
struct Mark {
    /// Since the run began.
    at: Duration,
    /// CPU time of the server so far.
    cpu_ns: Option<Nanos>,
    /// The same of the services.
    services_cpu_ns: BTreeMap<Service, Nanos>,
}

#[derive(Debug, Default)]
struct Marks {
    measuring: Option<Mark>,
    drained: Option<Mark>,
}

/// Does `drive` under a control that watches a server by its meters, and ends it early where the server dies or the user wants
/// it. Errors: the system starts no thread.
pub(super) fn watch<T>(
    (meters, services): (Option<&Arc<Meters>>, &ServiceMeters),
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
                cpu_ns: meters.as_ref().map(|meters| meters.cpu_ns()),
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
    let reading = || meters.and_then(|meters| meters.reading());
    if let Some(meters) = meters {
        meters.settle();
    }
    services.look();
    let run_delay_ns = || meters.and_then(|meters| meters.run_delay_ns());
    let (before, delay_before_ns) = (reading(), run_delay_ns());
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
    let (delay_after_ns, after) = (run_delay_ns(), reading());
    let marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
    let watched = Watched {
        started: marks
            .measuring
            .as_ref()
            .map_or(Duration::ZERO, |mark| mark.at),
        spent: marks
            .measuring
            .as_ref()
            .zip(marks.drained.as_ref())
            .and_then(|(from, to)| spent(from, to)),
        wall_ns: marks
            .measuring
            .as_ref()
            .zip(marks.drained.as_ref())
            .map_or(0, |(from, to)| duration_ns(to.at.saturating_sub(from.at))),
        services_cpu_ns: marks
            .measuring
            .as_ref()
            .zip(marks.drained.as_ref())
            .map(|(from, to)| spent_by_services(from, to))
            .unwrap_or_default(),
        readings: before.zip(after),
        run_delays_ns: delay_before_ns.zip(delay_after_ns),
        counted: None,
        samples,
        lines: 0,
    };
    Ok((driven, watched))
}

fn spent_by_services(from: &Mark, to: &Mark) -> BTreeMap<Service, Nanos> {
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

fn spent(from: &Mark, to: &Mark) -> Option<Spent> {
    Some(Spent {
        cpu_ns: to.cpu_ns?.saturating_sub(from.cpu_ns?),
        wall_ns: duration_ns(to.at.saturating_sub(from.at)),
    })
}

/// Reads a server's meters until the epoch is done, and calls `tell` each time; ends the epoch early where the server died.
fn sample(
    (meters, services): (Option<&Arc<Meters>>, &ServiceMeters),
    started: Instant,
    tell: &dyn Fn(),
    control: &Control,
    is_done: &AtomicBool,
) -> Vec<(ServerSample, Reading)> {
    let mut samples = Vec::new();
    let mut last = meters.map(|meters| (started.elapsed(), meters.cpu_ns()));
    while !is_done.load(Ordering::Relaxed) {
        std::thread::park_timeout(SAMPLE_EVERY);
        tell();
        services.look();
        let Some(meters) = meters else { continue };
        meters.look();
        let Some(reading) = meters.reading() else {
            control.stop();
            continue;
        };
        let cpu_ns = meters.cpu_ns();
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
