//! Running one truth: its server in a process of its own, the load as every run drives it, and then both books.

use std::io::Read as _;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use load::truth::{BODY, TruthStats};
use load::{Control, Expect, ExpectBody, Options, Phase, Request, Spin, Workload};
use model::measured::recording::Recording;
use model::record::load_report::LoadReport;
use model::record::surroundings::Pinning;
use model::spec::load::{Load, ReceiveClock};
use model::units::{Nanos, duration_ns};
use rustix::process::{Pid, Signal, kill_process};

use crate::case::{Case, Expectation, Generator};
use crate::figure::Reading;
use crate::result::{CaseResult, FigureResult, Machine};
use crate::verdict::{Evidence, judge};
use crate::way::{Way, walk};
use process::cores;
use process::environment;
use process::failure::{Explain, Failure};
use process::interrupt::Interrupt;
use process::launch::{Server, Service};

/// The name of the server of known truths, as `bench serve` knows it.
pub const TRUTH: &str = "truth";

/// How often an interrupt is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long the server may take to read what was sent to it, and a generator to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after its first request the generator is frozen.
const FREEZE_AFTER: Duration = Duration::from_millis(500);

/// Longest report of a generator that is read, in bytes.
const MAX_REPORT_BYTES: u64 = 1024 * 1024;

/// What all cases share.
pub struct Rig<'a> {
    /// The cores of servers and load.
    pub pinning: &'a Pinning,
    /// Whether to end.
    pub interrupt: &'a Interrupt,
}

/// What a case gave.
struct Observed {
    reading: Owned,
    books: TruthStats,
    /// How long the generator was in fact frozen.
    frozen_ns: Option<Nanos>,
    withheld_share: f64,
    way: Way,
}

/// What the generator said, as long as it is needed.
enum Owned {
    Recording(Box<Recording>),
    Report(Box<LoadReport>),
}

impl Owned {
    fn borrow(&self) -> Reading<'_> {
        match self {
            Self::Recording(recording) => Reading::Recording(recording),
            Self::Report(report) => Reading::Report(report),
        }
    }
}

/// Runs a case and judges its figures; none where the user interrupted it.
///
/// Call on the main thread: only it starts generators.
pub fn measure(case: &Case, rig: &Rig<'_>) -> Result<Option<CaseResult>, Failure> {
    let observed = observe(case, rig);
    // What an interrupt cut off, and what failed because of it, is no result.
    if rig.interrupt.is_asked() {
        return Ok(None);
    }
    let observed = observed?;
    let reading = observed.reading.borrow();
    let threads = threads(rig.pinning, &case.load);
    let figures = case
        .expectations(threads, observed.frozen_ns)
        .iter()
        .map(|expectation| compare(expectation, reading, &observed))
        .collect();
    Ok(Some(CaseResult::new(
        case,
        figures,
        reading.sent(),
        &observed.books,
        Machine {
            withheld_share: observed.withheld_share,
            way_ns_p50: observed.way.at(5_000),
            way_ns_p99: observed.way.at(9_900),
            server_lateness_ns_p99: observed.books.lateness_ns.p99,
        },
    )))
}

fn compare(expectation: &Expectation, reading: Reading<'_>, observed: &Observed) -> FigureResult {
    let figure = expectation.figure;
    let measured = figure.read(reading);
    let in_books = expectation
        .in_books
        .then(|| figure.in_books(&observed.books))
        .flatten();
    let verdict = judge(&Evidence {
        expected: expectation.expected,
        tolerance: expectation.tolerance,
        measured,
        in_books,
        way: figure.way(&observed.way, &observed.books),
        grows_with_delay: figure.grows_with_delay(),
        moved_by_share: figure.moved_by_share(),
        withheld_share: observed.withheld_share,
    });
    FigureResult::new(expectation, measured, in_books, verdict)
}

fn observe(case: &Case, rig: &Rig<'_>) -> Result<Observed, Failure> {
    let is_shared = cores::is_shared(rig.pinning);
    let mut args = vec!["--behaviour".to_owned(), case.behaviour.to_string()];
    if !is_shared {
        args.push("--spin".to_owned());
    }
    let service = Service::own(TRUTH, &args, &rig.pinning.server_cpus);
    let server =
        Server::launch(&service).map_err(|error| Failure::internal(miette::miette!("{error}")))?;
    let way = || walk(rig.pinning).or_internal(|| "cannot measure the loopback network".to_owned());
    // Before and after, since the machine may change its mind between.
    let way_before = way()?;
    let (ticks_before, began) = (environment::cpu_ticks(), Instant::now());
    let server_waited_before = withheld_ns(&server);
    let (reading, frozen_ns, generator_waited_ns) = match case.generator {
        Generator::Usual | Generator::Sleeping | Generator::Full => {
            let (recording, waited_ns) = drive(case, &server, rig)?;
            (Owned::Recording(Box::new(recording)), None, waited_ns)
        }
        Generator::Frozen(freeze) => {
            let (report, frozen_ns) = drive_frozen(case, freeze, &server, rig)?;
            (Owned::Report(Box::new(report)), Some(frozen_ns), 0)
        }
    };
    let elapsed_ns = duration_ns(began.elapsed()).max(1);
    let server_waited_ns = withheld_ns(&server).saturating_sub(server_waited_before);
    let steal_share = environment::cpu_ticks()
        .since(ticks_before)
        .steal_share()
        .unwrap_or_default();
    let books = settled_books(&server, reading.borrow().sent(), rig)?;
    let way = way_before.and(way()?);
    // How it ends is of no interest any more: its books are read.
    let _ = server.stop();
    Ok(Observed {
        reading,
        books,
        frozen_ns,
        withheld_share: (generator_waited_ns + server_waited_ns) as f64 / elapsed_ns as f64
            + steal_share,
        way,
    })
}

/// As many threads as `bench run` would drive this load with: one a core, and none without a connection.
fn threads(pinning: &Pinning, load: &Load) -> u32 {
    u32::try_from(pinning.load_cpus.len())
        .unwrap_or(u32::MAX)
        .min(load.connections.get())
}

/// Drives the load in this process, as `bench run` does, and says for how long its first thread, which stands for all, had
/// no core though it could have run.
fn drive(case: &Case, server: &Server, rig: &Rig<'_>) -> Result<(Recording, Nanos), Failure> {
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Exact(BODY.to_vec()),
    };
    let host = &server.reach().address.authority;
    let request = Request::new("GET", "/", host, &[], None, expect);
    let workload = Workload::new(vec![request]);
    let options = Options {
        cpus: rig.pinning.load_cpus.clone(),
        spin: if cores::is_shared(rig.pinning) || case.generator != Generator::Usual {
            Spin::Never
        } else {
            Spin::Always
        },
        clock: case.clock,
        ..Options::default()
    };
    let marks = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let control = Control::watching({
        let marks = Arc::clone(&marks);
        move |phase| {
            let mark = match phase {
                Phase::Measuring => &marks[0],
                Phase::Drained => &marks[1],
            };
            mark.store(own_withheld_ns(), Ordering::Relaxed);
        }
    });
    let is_done = AtomicBool::new(false);
    let driven = std::thread::scope(|scope| {
        let driver = scope.spawn(|| {
            let endpoint = server.reach().endpoint.clone();
            let driven = load::drive(&case.load, &workload, endpoint, &options, &control);
            is_done.store(true, Ordering::Relaxed);
            driven
        });
        if case.generator == Generator::Full {
            for &cpu in &rig.pinning.load_cpus {
                let is_done = &is_done;
                scope.spawn(move || keep_busy(cpu, is_done));
            }
        }
        while !is_done.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK_EVERY);
            if rig.interrupt.is_asked() {
                control.stop();
            }
        }
        driver
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let recording = driven.map_err(|error| Failure::internal(miette::miette!("{error}")))?;
    let [before, after] = [0, 1].map(|index| marks[index].load(Ordering::Relaxed));
    Ok((recording, after.saturating_sub(before)))
}

/// Leaves a core no time to rest until `is_done`.
fn keep_busy(cpu: u32, is_done: &AtomicBool) {
    // On another core it would leave this one in peace, and the case would show less than it might.
    let _ = cores::pin(&[cpu]);
    while !is_done.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// Has a generator in a child process drive the load, freezes it for a while, and returns what it says of itself and how
/// long it was frozen.
fn drive_frozen(
    case: &Case,
    freeze: Duration,
    server: &Server,
    rig: &Rig<'_>,
) -> Result<(LoadReport, Nanos), Failure> {
    let mut generator = GeneratorProcess::start(case, server, rig.pinning)?;
    let mut frozen_ns = 0;
    wait_until(rig.interrupt, || {
        books(server).is_some_and(|books| books.arrived > 0)
    });
    std::thread::sleep(FREEZE_AFTER);
    if !rig.interrupt.is_asked() {
        generator.signal(Signal::STOP)?;
        let stopped = Instant::now();
        std::thread::sleep(freeze);
        frozen_ns = duration_ns(stopped.elapsed());
        generator.signal(Signal::CONT)?;
    }
    let report = generator.report(rig.interrupt)?;
    Ok((report, frozen_ns))
}

/// `bench load --json` in a child process. Dropping it kills it.
struct GeneratorProcess(Child);

impl GeneratorProcess {
    fn start(case: &Case, server: &Server, pinning: &Pinning) -> Result<Self, Failure> {
        let load = &case.load;
        let rate = load
            .arrival
            .rate()
            .expect("a generator is frozen in an open loop")
            .as_per_s();
        let mut command = Command::new("/proc/self/exe");
        command
            .arg("load")
            .arg(server.reach().address.to_string())
            .args(["--connections", &load.connections.to_string()])
            .args(["--rate", &rate.to_string()])
            .args(["--duration", &format!("{}s", load.duration.as_secs_f64())])
            .args(["--seed", &load.seed.to_string()])
            .args(["--parent", &std::process::id().to_string()])
            .args(match case.clock {
                ReceiveClock::Auto => ["--clock", "auto"],
                ReceiveClock::Kernel => ["--clock", "kernel"],
                ReceiveClock::User => ["--clock", "user"],
            })
            .arg("--json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        if !cores::is_shared(pinning) {
            command.args(["--load-cpus", &cores::names(&pinning.load_cpus)]);
        }
        command
            .spawn()
            .map(Self)
            .or_internal(|| "cannot start `bench load`".to_owned())
    }

    fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let pid = Pid::from_raw(self.0.id().cast_signed()).expect("a child has a process id");
        kill_process(pid, signal).or_internal(|| "cannot signal `bench load`".to_owned())
    }

    /// Waits for its end, which an interrupt brings about, and reads what it printed.
    fn report(&mut self, interrupt: &Interrupt) -> Result<LoadReport, Failure> {
        let mut is_signalled = false;
        let what = || "cannot read what `bench load` measured".to_owned();
        while self.0.try_wait().or_internal(what)?.is_none() {
            if interrupt.is_asked() && !is_signalled {
                self.signal(Signal::INT)?;
                is_signalled = true;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        // A report is far shorter than a pipe holds, so the child never waited for this.
        let mut text = String::new();
        let stdout = self.0.stdout.take().expect("piped at the start");
        stdout
            .take(MAX_REPORT_BYTES)
            .read_to_string(&mut text)
            .or_internal(what)?;
        serde_json::from_str(&text).or_internal(what)
    }
}

impl Drop for GeneratorProcess {
    fn drop(&mut self) {
        // Both fail only where it has ended already; a stopped process can be killed as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server's books once it has read all that was sent to it.
fn settled_books(server: &Server, sent: u64, rig: &Rig<'_>) -> Result<TruthStats, Failure> {
    let mut last = None;
    wait_until(rig.interrupt, || {
        last = books(server);
        last.as_ref().is_some_and(|books| books.arrived >= sent)
    });
    last.ok_or_else(|| {
        Failure::internal(miette::miette!(
            "the server of known truths does not show its books: {}",
            server.last_output()
        ))
    })
}

fn books(server: &Server) -> Option<TruthStats> {
    serde_json::from_value(server.control.stats()?).ok()
}

/// Looks again and again, until it is so, an interrupt comes, or [`PATIENCE`] ends.
fn wait_until(interrupt: &Interrupt, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() && !interrupt.is_asked() && began.elapsed() < PATIENCE {
        std::thread::sleep(LOOK_EVERY);
    }
}

/// How long the main thread of a process was ready to run and had no core, in nanoseconds; 0 where the kernel does not say.
fn withheld_ns(server: &Server) -> Nanos {
    let read = |pid| read_withheld(&format!("/proc/{pid}/schedstat"));
    server.pid().map_or(0, read)
}

/// As [`withheld_ns`], of the calling thread.
fn own_withheld_ns() -> Nanos {
    read_withheld("/proc/thread-self/schedstat")
}

/// The second number of a schedstat file: time spent waiting on a run queue (Linux, Documentation/scheduler/sched-stats).
fn read_withheld(path: &str) -> Nanos {
    std::fs::read_to_string(path)
        .ok()
        .and_then(|text| text.split_ascii_whitespace().nth(1)?.parse().ok())
        .unwrap_or_default()
}
