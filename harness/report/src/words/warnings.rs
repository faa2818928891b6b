//! What a warning says: the fact with its figures and the threshold, and what to do about it.

use std::mem::discriminant;

use analysis::warnings::{
    NOTABLE_BACKEND_P99_NS, NOTABLE_GENERATOR_DIFFERENCE, NOTABLE_LAG_MAX_NS, NOTABLE_LAG_P99_NS,
    NOTABLE_LAG_SHARE, NOTABLE_LINES_SHARE, NOTABLE_STEAL_SHARE, NOTABLE_UNSTAMPED_SHARE,
    VOIDING_LAG_P50_NS, VOIDING_LAG_SHARE, VOIDING_STALLED_SHARE,
};
use model::measured::stalls::STALL_NS;
use model::record::comparison::{NotCompared, Reason};
use model::record::run::RunRecord;
use model::record::warning::{Answered, Fact, Instrument, REACHED_SHARE, SATURATED_SHARE, Warning};
use model::spec::services::Service;
use model::units::Nanos;
use model::words::{count, listed, plural};
use stats::nearest_rank::MIN_SAMPLES_BEYOND;

use super::failures;
use super::figures::{per_s, percentile, time};
use super::terms;

/// What to do where there is too little to compare.
const MEASURE_LONGER: &str =
    "take a longer plan than this one (--quick, the default, --thorough), or more time with -d";

/// A warning as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The targets that it is about; none where it is about the whole, or names them itself.
    pub of: Option<String>,
    /// Whether it voids the measurement.
    pub voids: bool,
    /// The fact with its figures.
    pub detail: String,
    /// What to do about it.
    pub advice: String,
}

impl Shown {
    /// The fact, with the targets that it is about before it.
    pub fn sentence(&self) -> String {
        match &self.of {
            Some(of) => format!("{of}: {}", self.detail),
            None => self.detail.clone(),
        }
    }
}

/// The warnings of a run and of its targets: see [`RunRecord::warnings`].
pub fn of_run(record: &RunRecord) -> Vec<Shown> {
    shown(record.warnings())
}

/// Warnings that name their own target.
pub fn each(warnings: &[Warning]) -> Vec<Shown> {
    shown(
        warnings
            .iter()
            .map(|warning| (warning.target.as_deref(), warning)),
    )
}

/// One warning by itself.
pub fn one(warning: &Warning) -> Shown {
    let said = said(&warning.fact);
    Shown {
        of: warning.target.clone(),
        voids: warning.voids,
        detail: said.sentence(),
        advice: said.advice,
    }
}

/// How warnings are shown, each with the name of its target: what several targets have alike is shown once, with the figures of
/// each, where the first of them stands.
fn shown<'a>(warnings: impl IntoIterator<Item = (Option<&'a str>, &'a Warning)>) -> Vec<Shown> {
    let mut groups: Vec<Vec<(Option<&str>, &Warning)>> = Vec::new();
    for (of, warning) in warnings {
        let is_alike = |group: &&mut Vec<(Option<&str>, &Warning)>| {
            let (first_of, first) = group[0];
            // How a target failed is a story of its own.
            !matches!(warning.fact, Fact::TargetFailed { .. } | Fact::Text { .. })
                && first_of.is_some() == of.is_some()
                && discriminant(&first.fact) == discriminant(&warning.fact)
                && first.voids == warning.voids
                && said(&first.fact).advice == said(&warning.fact).advice
                || first == warning && of.is_some() && first_of.is_some()
        };
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.push((of, warning)),
            None => groups.push(vec![(of, warning)]),
        }
    }
    groups.iter().map(|group| together(group)).collect()
}

fn together(group: &[(Option<&str>, &Warning)]) -> Shown {
    let (_, first) = group[0];
    let names: Vec<&str> = group.iter().filter_map(|(of, _)| *of).collect();
    let first_said = said(&first.fact);
    let shown = |of, detail| Shown {
        of,
        voids: first.voids,
        detail,
        advice: first_said.advice.clone(),
    };
    if group.iter().all(|(_, warning)| warning.fact == first.fact) {
        let of = (!names.is_empty()).then(|| listed(&names));
        return shown(of, first_said.sentence());
    }
    let figures = group.iter().map(|(of, warning)| {
        let figures = said(&warning.fact).figures;
        of.map_or(figures.clone(), |of| format!("{of} {figures}"))
    });
    let figures = figures.collect::<Vec<_>>().join("; ");
    shown(
        None,
        format!("{}{}: {figures}", first_said.what, first_said.limit()),
    )
}

/// The parts of a warning: `what: figures (threshold)`.
struct Wording {
    what: String,
    figures: String,
    threshold: String,
    advice: String,
}

impl Wording {
    fn limit(&self) -> String {
        if self.threshold.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.threshold)
        }
    }

    fn sentence(&self) -> String {
        let figures = match (self.what.is_empty(), self.figures.is_empty()) {
            (true, _) => self.figures.clone(),
            (_, true) => self.what.clone(),
            _ => format!("{}: {}", self.what, self.figures),
        };
        format!("{figures}{}", self.limit())
    }
}

fn said(fact: &Fact) -> Wording {
    let (what, figures, threshold, advice) = parts(fact);
    Wording {
        what: what.to_owned(),
        figures,
        threshold,
        advice,
    }
}

/// What it is about, its figures, the threshold, and what to do.
#[expect(clippy::too_many_lines, reason = "a table: one row a kind of warning")]
fn parts(fact: &Fact) -> (&str, String, String, String) {
    let none = String::new;
    let row = |what, figures: String, threshold: String, advice: &str| {
        (what, figures, threshold, advice.to_owned())
    };
    match fact {
        Fact::GeneratorSaturated {
            cpu_share,
            closed_loop,
        } => row(
            "the load generator was full",
            format!("{} of its cores", share(*cpu_share, 0)),
            format!("threshold {}", share(SATURATED_SHARE, 0)),
            if *closed_loop {
                "the throughput is the generator's, not the server's: give it more cores with --load-cpus, or compare server \
                 CPU per request at a rate below the limit (-R)"
            } else {
                "scheduled requests may have waited for the generator: give it more cores with --load-cpus, or a lower rate \
                 (-R)"
            },
        ),
        Fact::SendLag {
            p50_ns,
            p99_ns,
            max_ns,
            timed_p50_ns,
        } => row(
            "the load generator fell behind schedule",
            lag(*p50_ns, *p99_ns, Some(*max_ns)),
            lag_threshold(*p50_ns, *timed_p50_ns),
            "response times include this lag, service times do not: close other programs, or give the generator a core of its \
             own with --load-cpus, so that it may spin (--spin)",
        ),
        Fact::LagShare {
            shares,
            workload,
            kernel,
        } => row(
            "the load generator's lag may be a part of percentiles",
            format!(
                "{} of {}",
                shares
                    .iter()
                    .map(|(name, part)| format!("{} of {}", share(*part, 0), percentile(name)))
                    .collect::<Vec<_>>()
                    .join(", "),
                terms::time(*workload)
            ),
            format!("threshold {}", share(NOTABLE_LAG_SHARE, 0)),
            if *kernel {
                "response times include this lag, service times do not: close other programs, or give the generator a core of its \
                 own with --load-cpus"
            } else {
                "half of it is in sending, and as much is supposed in reading, since the kernel's clock was not used: use \
                 --clock kernel, close other programs, or give the generator a core of its own with --load-cpus"
            },
        ),
        Fact::ReceiveClock {
            unstamped_share,
            clock_steps,
        } => row(
            "the kernel's clock did not say of all replies when they arrived",
            match clock_steps {
                0 => format!(
                    "{} of the replies have no stamp",
                    share(*unstamped_share, 1)
                ),
                steps => format!(
                    "the system's time was set {} while load was driven, and {} of the replies have no stamp",
                    plural(*steps, "time", "times"),
                    share(*unstamped_share, 1)
                ),
            },
            format!("threshold {}, or once", share(NOTABLE_UNSTAMPED_SHARE, 0)),
            "those replies ended when they were read, after their receive lag: measure again, or with --clock user",
        ),
        Fact::RateMissed {
            rate_per_s,
            answered_share,
            sent_per_s,
        } => row(
            "the scheduled rate was not reached",
            match sent_per_s {
                Some(sent_per_s) => {
                    format!("{} instead of {}", per_s(*sent_per_s), per_s(*rate_per_s))
                }
                None => format!(
                    "{} of the requests were answered at {}",
                    share(*answered_share, 1),
                    per_s(*rate_per_s)
                ),
            },
            format!("threshold {}", share(REACHED_SHARE, 0)),
            "the target does not sustain this rate over these connections: lower -R; more connections (-c) help only where it \
             serves all of them at a time",
        ),
        Fact::ServiceSaturated {
            service,
            busy_share,
            cpu_share,
        } => (
            match service {
                Service::Postgres => "the database is the bottleneck",
                Service::Redis => "the cache is the bottleneck",
            },
            format!(
                "{service} used {} of its cores, which were {} busy",
                share(*cpu_share, 0),
                share(*busy_share, 0)
            ),
            format!("threshold {}", share(SATURATED_SHARE, 0)),
            "throughput and waiting times are then the database's, and targets look more alike than they are: give it cores that \
             neither serve nor generate (--server-cpus, --load-cpus), or a lower rate (-R); CPU per request is the target's own all \
             the same"
                .to_owned(),
        ),
        Fact::BackendLate { p50_ns, p99_ns } => row(
            "the backend answered late",
            lag(*p50_ns, *p99_ns, None),
            format!("threshold p99 {}", nanos(NOTABLE_BACKEND_P99_NS)),
            "every target waited for it alike, so compare ratios; for absolute times lower the rate, or give it a core of its \
             own with --load-cpus",
        ),
        Fact::StoodStill {
            part,
            times,
            longest_ns,
            share: stalled,
        } => row(
            match part {
                Instrument::Generator => "the load generator stood still",
                Instrument::Backend => "the backend stood still",
            },
            format!(
                "{}, for {} at most, {} of the time",
                plural(*times, "time", "times"),
                nanos(*longest_ns),
                share(*stalled, 1)
            ),
            format!(
                "thresholds: {}, and {} of the time to be invalid",
                nanos(STALL_NS),
                share(VOIDING_STALLED_SHARE, 0)
            ),
            "the pause is bench's own and no target's: measure where nothing stops or throttles it, or give it a core of its own \
             with --load-cpus",
        ),
        Fact::BackendFailed { what } => row(
            "the backend failed",
            what.clone(),
            none(),
            "requests that needed it failed on every target: run it again",
        ),
        Fact::StealTime { share: stolen } => row(
            "the hypervisor took the processor away",
            format!("{} of the time", share(*stolen, 1)),
            format!("threshold {}", share(NOTABLE_STEAL_SHARE, 0)),
            "absolute times drift on such a machine: compare ratios within this run, and CPU per request before latency",
        ),
        Fact::Throttled { periods } => row(
            "the control group throttled the processor",
            plural(*periods, "time", "times"),
            none(),
            "raise the CPU quota of the container, or the stalls in the tail are the quota's",
        ),
        Fact::NothingScheduled => row(
            "no request was scheduled",
            none(),
            none(),
            "measure longer (-d), or at a higher rate (-R)",
        ),
        Fact::Failures {
            failed,
            scheduled,
            timeouts,
            cut_off,
            kinds,
            statuses,
            malformed,
            tls: _,
        } => {
            let kinds = kinds
                .iter()
                .map(|(kind, number)| failures::of_kind(*kind, *number, statuses, malformed))
                .chain((*timeouts > 0).then(|| failures::timed_out(*timeouts, *cut_off)));
            let kinds = kinds.collect::<Vec<_>>().join(", ");
            (
                "requests failed",
                std::iter::once(format!("{} of {}", count(*failed), count(*scheduled)))
                    .chain(Some(kinds).filter(|kinds| !kinds.is_empty()))
                    .collect::<Vec<_>>()
                    .join(": "),
                none(),
                format!(
                    "{}; percentiles leave errors out and hold timeouts as lower bounds: read them beside the failures",
                    failures::remedy(fact)
                ),
            )
        }
        Fact::StoppedAnswering {
            after_s,
            measured_s,
        } => row(
            "the target stopped answering",
            format!("no request succeeded after the first {after_s:.1} s of {measured_s:.1} s"),
            none(),
            "throughput is an average with the time in which nothing was answered: look at the target's own output",
        ),
        Fact::Redirected { statuses, ok } => {
            let redirected: u64 = statuses.values().sum();
            row(
                "replies that redirect elsewhere counted as a success",
                format!(
                    "{} of {}, {}",
                    count(redirected),
                    plural(*ok, "reply", "replies"),
                    failures::with_statuses(statuses)
                ),
                none(),
                "measure the address that they name (curl -i shows it), or say that this status is meant with --expect-status",
            )
        }
        Fact::AnswersDiffer {
            request,
            answered,
            base,
            base_answered,
        } => row(
            "another answer than the other target's: they may not do the same work",
            format!(
                "{request}: {}, and {base} {}",
                words_of(*answered),
                words_of(*base_answered)
            ),
            none(),
            "compare both answers (curl -i), and make the targets answer alike",
        ),
        Fact::GeneratorsDiffer {
            generator,
            ratio,
            interval: [low, high],
        } => row(
            "one load generator measured other response times than the others at the same time",
            format!("{generator}: {ratio:.2}× their median (95 % interval {low:.2}× to {high:.2}×)"),
            format!("threshold {}", share(NOTABLE_GENERATOR_DIFFERENCE, 0)),
            "its machine, or its way to the server, is another one: look at its CPU and its network, or leave it out",
        ),
        Fact::ProbeDiffers {
            ratio,
            interval: [low, high],
        } => row(
            "the load generators measured longer response times than the probe at the same time: requests wait in the generators",
            format!("{ratio:.2}× its median (95 % interval {low:.2}× to {high:.2}×)"),
            format!("threshold {}", share(NOTABLE_GENERATOR_DIFFERENCE, 0)),
            "believe the probe's percentiles (targets[].probe in run.json), and drive the load by more generators",
        ),
        Fact::Unfinished {
            unfinished,
            scheduled,
        } => row(
            "unfinished at the end, and in the percentiles as lower bounds",
            format!("{} of {}", count(*unfinished), requests(*scheduled)),
            none(),
            "true percentiles are at least as high as those shown",
        ),
        Fact::Connections {
            lost,
            not_opened,
            kinds,
        } => {
            let why = kinds
                .iter()
                .map(|(kind, number)| format!("{} {}", count(*number), kind.words()));
            let parts: Vec<String> = (*lost > 0)
                .then(|| format!("{} lost", count(*lost)))
                .into_iter()
                .chain(
                    (kinds.is_empty() && *not_opened > 0)
                        .then(|| format!("{} not opened", count(*not_opened))),
                )
                .chain(why)
                .collect();
            row(
                "connections",
                parts.join(", "),
                none(),
                if *not_opened > 0 {
                    "the target ended, or accepts too slowly: look at its own output, its limit of descriptors and its backlog"
                } else {
                    "the target closed them without announcing it: if it has a time limit for idle connections, raise that \
                     limit or use --disable-keepalive; otherwise look at its own output"
                },
            )
        }
        Fact::IdleLost { lost, idle } => row(
            "idle connections were lost",
            format!("{} of {}", count(*lost), count(*idle)),
            none(),
            "compare with care: a target that closes idle connections has fewer to keep; raise its time limit for silent ones",
        ),
        Fact::Exhausted { ports, files } => row(
            "the load generator itself ran out",
            format!(
                "{} found no local port, {} no file descriptor",
                requests(*ports),
                count(*files)
            ),
            none(),
            "lower the rate (-R), widen net.ipv4.ip_local_port_range, or raise the limit with `ulimit -n`",
        ),
        Fact::TooFewSamples {
            percentiles,
            workload,
            samples,
        } => {
            let names: Vec<String> = percentiles.iter().map(|name| percentile(name)).collect();
            row(
                "too few samples",
                format!(
                    "{} of {} {} not known",
                    listed(&names),
                    plural(
                        *samples,
                        terms::time(*workload),
                        &format!("{}s", terms::time(*workload))
                    ),
                    if names.len() == 1 { "is" } else { "are" },
                ),
                format!("{MIN_SAMPLES_BEYOND} samples must lie beyond"),
                "measure longer (-d) for percentiles further out",
            )
        }
        Fact::NotCompared { metrics, reason } => {
            let metrics: Vec<String> = metrics
                .iter()
                .map(|metric| terms::metric(*metric))
                .collect();
            row(
                "not compared",
                format!("{}: {}", listed(&metrics), why_not(reason)),
                none(),
                remedy(reason),
            )
        }
        Fact::SharedCore => row(
            "generator and server shared a core",
            none(),
            none(),
            "they took turns, so every time includes the other's work: use two cores or more, or compare CPU per request only",
        ),
        Fact::Unsteady {
            warmup_s,
            rounds,
            of_rounds,
        } => row(
            "the response time still changed when the warm-up ended",
            format!(
                "after {warmup_s:.1} s in {} of {}",
                count(*rounds),
                plural(*of_rounds, "round", "rounds")
            ),
            none(),
            "give it a longer warm-up (-w), or a rate below what it sustains (-R)",
        ),
        Fact::NotWarm {
            metric,
            excess,
            p_value,
        } => row(
            "it was not warm: rounds began slower than they went on",
            format!(
                "{} by {}, p {p_value:.3}",
                terms::metric(*metric),
                share(*excess, 0)
            ),
            none(),
            "measure it warm, with a longer warm-up (-w); its figures here are a mixture of both",
        ),
        Fact::PlaceMatters {
            metric,
            range,
            p_value,
        } => row(
            "the place of a sample within its block matters",
            format!(
                "{} differs by {}, p {p_value:.3}",
                terms::metric(*metric),
                share(*range, 0)
            ),
            none(),
            "every target stood in every place equally often, so ratios stand, but intervals are longer than need be: give \
             longer samples (-d), or look for work that one target leaves to the next",
        ),
        Fact::RoundsDiffer {
            base,
            metric,
            deviation,
            p_value,
            lengthening,
        } => row(
            "each fresh start changes the figures, so intervals are too short",
            format!(
                "against {base}, {} by {} (p {p_value:.3}); intervals should be {lengthening:.1}× as long",
                terms::metric(*metric),
                share(*deviation, 1)
            ),
            none(),
            "give more rounds (--rounds): each starts the targets afresh",
        ),
        Fact::LittlesLaw {
            counted,
            expected,
            tolerance,
        } => row(
            "times and counts do not agree (Little's law)",
            format!(
                "{counted:.1} requests were in flight, and throughput times service time gives {expected:.1}"
            ),
            format!("tolerance {}", share(*tolerance, 0)),
            "the generator stood still, or the run is too short: repeat it",
        ),
        Fact::Unfair {
            fewest,
            most,
            mean: _,
            never_served: never_served @ 1..,
            connections: connections @ 1..,
        } => {
            let served = connections.saturating_sub(*never_served);
            (
                "connections were served unevenly",
                format!(
                    "only {} of {} were served, from {} to {} requests each",
                    count(served),
                    plural(*connections, "connection", "connections"),
                    count(*fewest),
                    count(*most)
                ),
                none(),
                format!(
                    "the target serves so many connections at a time and lets the others wait: measure with -c {served}, and \
                     with --disable-keepalive where each request shall have its turn"
                ),
            )
        }
        Fact::Unfair {
            fewest,
            most,
            mean,
            never_served,
            connections: _,
        } => row(
            "connections were served unevenly",
            format!(
                "from {} to {} requests each, {mean:.0} on average, {} never",
                count(*fewest),
                count(*most),
                count(*never_served)
            ),
            none(),
            "the target prefers some connections: the others' waits are in the tail; more connections make it worse",
        ),
        Fact::NotProfiled { why, remedy } => {
            row("system calls were not counted", why.clone(), none(), remedy)
        }
        Fact::Interrupted { run: None } => row(
            "interrupted before its end",
            none(),
            none(),
            "what was measured until then is kept; --resume goes on with it",
        ),
        Fact::Interrupted { run: Some(run) } => row(
            "a run was interrupted before its end",
            run.clone(),
            none(),
            "it has fewer blocks than planned; measure it again for all of them",
        ),
        Fact::TargetFailed { what, at_the_end } => row(
            "failed",
            what.clone(),
            none(),
            if *at_the_end {
                "all of it was measured before"
            } else {
                "its figures end where it did; the other targets' are whole"
            },
        ),
        Fact::EndedUntidily { how } => row(
            "it did not end in order when it was asked to",
            how.clone(),
            none(),
            "all was measured; start the server itself: with `exec` in a shell script, `node server.js` for `npm start`, the built \
             program for `go run`; or name the signal that ends it with `stop`",
        ),
        Fact::Printed { lines, requests } => row(
            "it printed while it was measured",
            format!(
                "{} for {}",
                plural(*lines, "line", "lines"),
                self::requests(*requests)
            ),
            format!(
                "threshold {} of the requests",
                share(NOTABLE_LINES_SHARE, 0)
            ),
            "writing them is among its costs: compare targets that log alike, or turn its log off",
        ),
        Fact::DifferentRuns => row(
            "the two runs were made at different times, and whatever the machine did between them is in the difference",
            none(),
            none(),
            "measure both in one run (--target twice), or measure one more target in both that does not change: it is then \
             the reference, and only ratios to it are compared",
        ),
        Fact::EnvironmentsDiffer { ways, reference } => {
            let ways = if *ways == 1 {
                "one way".to_owned()
            } else {
                format!("{} ways", count(*ways))
            };
            row(
                "",
                match reference {
                    Some(reference) => format!(
                        "the circumstances of the runs differ in {ways}: what that did to {reference} and to the others alike cancels, and nothing else"
                    ),
                    None => format!(
                        "the circumstances of the runs differ in {ways}, and what that did is in the difference"
                    ),
                },
                none(),
                "measure both under the same circumstances",
            )
        }
        Fact::Unlike { what } => row(
            "",
            what.clone(),
            none(),
            "it was compared because --force said so: the ratios mean little",
        ),
        Fact::KneeBeyondGenerator => row(
            "the knee lies beyond what this generator can offer: its cores were full, or it stood still, before the target was \
             beyond the SLO",
            none(),
            none(),
            "give it more cores with --load-cpus; what is said to be within the SLO is",
        ),
        Fact::KneeOfConnections { connections } => row(
            "the knee is that of its connections: all were busy while the server had time",
            count(u64::from(*connections)),
            none(),
            "raise -c to see the server's own",
        ),
        Fact::KneeNotCompared { reason } => row(
            "the knee was not compared",
            why_not(reason),
            none(),
            "give it more time with --time-limit, or more --rounds",
        ),
        Fact::TimeLimit { limit_s, rounds } => row(
            "the time limit was reached before the last round was done",
            format!(
                "{limit_s:.0} s, {}",
                plural(u64::from(*rounds), "round", "rounds")
            ),
            none(),
            "intervals are wider for it: raise --time-limit",
        ),
        Fact::Resumed { times } => row(
            "interrupted and resumed",
            format!(
                "{}; a round that was cut has two sets of processes",
                if *times == 1 {
                    "once".to_owned()
                } else {
                    format!("{} times", count(*times))
                }
            ),
            none(),
            MEASURE_LONGER,
        ),
        Fact::NoObjective => row(
            "the first step measured nothing, so there is no SLO",
            none(),
            none(),
            "give one with --objective, as in p99=20ms, or another --from",
        ),
        Fact::Text { detail, advice, .. } => row("", detail.clone(), none(), advice),
    }
}

/// Why a metric was not compared, as a sentence that begins with its name.
pub fn not_compared(NotCompared { metric, reason }: &NotCompared) -> String {
    format!(
        "{} not compared: {}; {}",
        terms::metric(*metric),
        why_not(reason),
        remedy(reason)
    )
}

/// In how many blocks or runs a metric is known, and how many it takes.
pub fn why_not(reason: &Reason) -> String {
    let number = |number: &usize| count(*number as u64);
    let blocks_of = |number: &usize| plural(*number as u64, "block", "blocks");
    match reason {
        Reason::TooFewBlocks {
            paired,
            blocks,
            needed,
        } => format!(
            "too few requests in a sample: {} of {} have it for both targets, and the test needs {}",
            number(paired),
            blocks_of(blocks),
            number(needed)
        ),
        Reason::TooFewOfEach { base, head, needed } => format!(
            "too few blocks: {} of the base and {} of the head, and the test needs {} of each",
            number(base),
            number(head),
            number(needed)
        ),
        Reason::TooFewRuns { runs, needed } => format!(
            "too few runs: {} like this one, and a comparison with them needs {}",
            plural(*runs as u64, "earlier run", "earlier runs"),
            number(needed)
        ),
        Reason::TargetFailed => "a target failed before enough of it was measured".to_owned(),
        Reason::NotWatched => "of a server that bench did not start it is not known".to_owned(),
        Reason::TooManyBlocks { blocks, most } => format!(
            "too many blocks: {}, more than the {} that are compared",
            number(blocks),
            number(most)
        ),
    }
}

fn remedy(reason: &Reason) -> &'static str {
    match reason {
        Reason::TooFewBlocks { .. } | Reason::TooFewOfEach { .. } => MEASURE_LONGER,
        Reason::TooFewRuns { .. } => "add runs",
        Reason::TargetFailed => "see how it failed, and measure again",
        Reason::NotWatched => "have bench start it (--target) in place of --url",
        Reason::TooManyBlocks { .. } => "take fewer --rounds",
    }
}

/// Status and length of an answer: `200 with 1,234 bytes`.
fn words_of(answered: Answered) -> String {
    let bytes = plural(answered.bytes, "byte", "bytes");
    format!("{} with {bytes}", answered.status)
}

fn requests(number: u64) -> String {
    plural(number, "request", "requests")
}

fn nanos(ns: Nanos) -> String {
    time(ns as f64)
}

fn share(share: f64, digits: usize) -> String {
    format!("{:.digits$} %", share * 100.0)
}

fn lag(p50_ns: Nanos, p99_ns: Option<Nanos>, max_ns: Option<Nanos>) -> String {
    let mut parts = vec![format!("median {}", nanos(p50_ns))];
    parts.extend(p99_ns.map(|p99_ns| format!("p99 {}", nanos(p99_ns))));
    parts.extend(max_ns.map(|max_ns| format!("worst {}", nanos(max_ns))));
    parts.join(", ")
}

/// The threshold that a lag exceeded: that of the median where it voids, else those of the tail.
fn lag_threshold(p50_ns: Nanos, timed_p50_ns: Nanos) -> String {
    let voids =
        p50_ns >= VOIDING_LAG_P50_NS && p50_ns as f64 >= VOIDING_LAG_SHARE * timed_p50_ns as f64;
    if voids {
        format!(
            "thresholds: median {} and {} of the measured median, {}",
            nanos(VOIDING_LAG_P50_NS),
            share(VOIDING_LAG_SHARE, 0),
            nanos(timed_p50_ns)
        )
    } else {
        format!(
            "thresholds: p99 {}, worst {}",
            nanos(NOTABLE_LAG_P99_NS),
            nanos(NOTABLE_LAG_MAX_NS)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::metric::Metric;

    fn late(p99_ms: u64) -> Warning {
        Warning::note(Fact::SendLag {
            p50_ns: 10_000,
            p99_ns: Some(p99_ms * 1_000_000),
            max_ns: 9_000_000,
            timed_p50_ns: 5_000_000,
        })
    }

    fn failed(what: &str) -> Warning {
        let what = what.to_owned();
        Warning::note(Fact::TargetFailed {
            what,
            at_the_end: false,
        })
    }

    #[test]
    fn what_several_targets_have_alike_is_shown_once() {
        let check = |warnings: &[(Option<&str>, Warning)], expected: &[(Option<&str>, &str)]| {
            let given = warnings.iter().map(|(of, warning)| (*of, warning));
            let shown = shown(given);
            let shown: Vec<(Option<&str>, &str)> = shown
                .iter()
                .map(|shown| (shown.of.as_deref(), shown.detail.as_str()))
                .collect();
            assert_eq!(shown, expected);
        };
        let (a, b) = (Some("a"), Some("b"));
        let lag = "the load generator fell behind schedule";
        let limits = "thresholds: p99 1.00 ms, worst 50.0 ms";
        let figures = |p99: &str| format!("median 10.0 µs, p99 {p99}, worst 9.00 ms");
        let alone = format!("{lag}: {} ({limits})", figures("2.00 ms"));
        check(&[(a, late(2))], &[(a, &alone)]);
        let (two, three) = (figures("2.00 ms"), figures("3.00 ms"));
        let both = format!("{lag} ({limits}): a {two}; b {three}");
        check(&[(a, late(2)), (b, late(3))], &[(None, &both)]);
        check(&[(a, late(2)), (b, late(2))], &[(Some("a and b"), &alone)]);
        check(
            &[(a, failed("it fell")), (b, failed("it hung"))],
            &[(a, "failed: it fell"), (b, "failed: it hung")],
        );
        let void = Warning {
            voids: true,
            ..late(2)
        };
        check(&[(a, void), (b, late(2))], &[(a, &alone), (b, &alone)]);
    }

    #[test]
    fn why_a_metric_was_not_compared_names_the_remedy_that_helps() {
        let not_compared = |reason| {
            let metric = Metric::RESPONSE_TIME_P50;
            not_compared(&NotCompared { metric, reason })
        };
        assert_eq!(
            not_compared(Reason::TooManyBlocks {
                blocks: 10_001,
                most: 10_000
            }),
            "response time p50 not compared: too many blocks: 10,001, more than the 10,000 that are compared; take fewer \
             --rounds"
        );
        let few = not_compared(Reason::TooFewBlocks {
            paired: 1,
            blocks: 10,
            needed: 6,
        });
        assert!(
            few.contains("1 of 10 blocks have it") && few.ends_with(MEASURE_LONGER),
            "{few}"
        );
    }

    #[test]
    fn a_percentile_that_is_not_known_is_not_shown_as_zero() {
        let unknown = Warning::void(Fact::SendLag {
            p50_ns: 123_000,
            p99_ns: None,
            max_ns: 177_000,
            timed_p50_ns: 400_000,
        });
        let detail = one(&unknown).detail;
        assert_eq!(
            detail,
            "the load generator fell behind schedule: median 123 µs, worst 177 µs (thresholds: median 100 µs and 25 % of the \
             measured median, 400 µs)"
        );
    }

    #[test]
    fn a_sentence_of_an_earlier_version_is_shown_as_it_was() {
        let text = Warning::note(Fact::Text {
            kind: "steal_time".to_owned(),
            detail: "the hypervisor took 3 % of the time away".to_owned(),
            advice: "compare ratios".to_owned(),
        });
        let shown = one(&text);
        assert_eq!(shown.detail, "the hypervisor took 3 % of the time away");
        assert_eq!(shown.advice, "compare ratios");
    }
}
