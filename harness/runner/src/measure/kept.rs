//! A measurement that is kept as it goes: begun, or continued where it was cut off, with what its log holds.
//!
//! What was cut off continues with fresh servers for the round in which it was cut. Only whole steps count: one that was cut short
//! is measured again, since a block is one paired difference, and its halves must not be further apart than the others'.

use std::time::Duration;

use model::record::log::{Ending, LOG_VERSION, Log, LogHead, LogSite, SweepAsk};
use model::spec::target;
use process::failure::Failure;

use super::book::Book;
use super::known::Known;
use super::run::Run;
use super::site::Site;
use super::target_state::TargetState;
use crate::request::Request;
use crate::run_event::RunEvent;
use crate::steering::Steering;
use crate::step_log::StepLog;

/// What a measurement is called, and how it is repeated.
#[derive(Debug, Clone, Default)]
pub struct Title {
    /// Its name.
    pub id: String,
    /// The command that repeats it, word by word.
    pub command: Vec<String>,
}

/// How a measurement begins.
#[derive(Debug)]
pub enum Begin {
    /// Anew, under this title.
    New(Title),
    /// Where it was cut off: with what its log holds.
    GoOn(Box<Log>),
}

/// All that is known of a measurement: what its log holds.
pub(super) struct Kept<'a> {
    pub(super) head: LogHead,
    pub(super) site: LogSite,
    pub(super) states: Vec<TargetState<'a>>,
    pub(super) known: Known,
}

/// Has `drive` measure what is not in the log yet; it is not called where nothing is missing. `sweep`: what is asked of one.
///
/// Fails only where nothing could be measured at all, or the log is of something else; a target that fails is data.
pub(super) fn measured<'a>(
    (request, sweep): (&'a Request, Option<&SweepAsk>),
    begin: Begin,
    log: &mut StepLog,
    steering: &Steering,
    tell: &mut dyn FnMut(RunEvent<'_>),
    drive: impl FnOnce(
        &mut Run<'_>,
        &mut [TargetState<'_>],
        &mut Book<'_>,
        (&LogHead, &LogSite),
    ) -> Result<Ending, Failure>,
) -> Result<Kept<'a>, Failure> {
    let mut kept = match begin {
        Begin::New(title) => {
            let head = head(request, sweep, title);
            Log {
                head_bytes: log.write(&head)?,
                head,
                site: None,
                steps: Vec::new(),
            }
        }
        Begin::GoOn(kept) => {
            let asked = head(request, sweep, Title::default());
            refuse(kept.head.difference(&asked), log)?;
            *kept
        }
    };
    let mut prepared = None;
    let site = if let Some(site) = kept.site {
        site
    } else {
        let here = prepared.insert(Site::prepare(request, &steering.interrupt, tell)?);
        let site = here.line(request, sweep.is_none(), tell);
        kept.head_bytes += log.write(&site)?;
        site
    };
    let targets = request.targets.iter().zip(&site.targets);
    let mut states: Vec<TargetState<'_>> = targets
        .map(|(spec, manifest)| TargetState::new(spec, manifest.clone()))
        .collect();
    let (mut known, whole_bytes) = Known::read(kept.steps, &mut states);
    log.cut(whole_bytes.unwrap_or(kept.head_bytes))?;
    if known.ended.is_none() {
        let here = if let Some(here) = prepared {
            here
        } else {
            let here = Site::prepare(request, &steering.interrupt, tell)?;
            let targets = here.identities(request, tell);
            refuse(site.difference(&here.environment, &targets), log)?;
            here
        };
        let before = Duration::from_secs_f64(known.part().elapsed_s);
        let (machine, mut run) = here.around(request, before, steering, tell);
        let mut book = Book::new(known, log, machine);
        let ending = drive(&mut run, &mut states, &mut book, (&kept.head, &site))?;
        known = book.end(&run, &mut states, ending)?;
    }
    Ok(Kept {
        head: kept.head,
        site,
        states,
        known,
    })
}

/// The first line of a log.
fn head(request: &Request, sweep: Option<&SweepAsk>, title: Title) -> LogHead {
    let manifests = request.targets.iter().map(|target| {
        let manifest = target.kind.manifest();
        manifest.map_or_else(String::new, target::Manifest::recorded)
    });
    LogHead {
        schema_version: LOG_VERSION,
        id: title.id,
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: title.command,
        seed: request.plan.seed,
        scenario: request.scenario.recorded(),
        manifests: manifests.collect(),
        experiment: request.experiment.clone(),
        pinning: request.pinning.clone(),
        sweep: sweep.cloned(),
    }
}

/// A log in which `difference` is not as it is now is not continued.
fn refuse(difference: Option<&str>, log: &StepLog) -> Result<(), Failure> {
    let Some(what) = difference else {
        return Ok(());
    };
    Err(Failure::usage(miette::miette!(
        help = "start another, in another directory",
        "{} was measured with another state of {what}, and can't be gone on with",
        log.dir().display()
    )))
}
