//! `bench claims`: what people say about servers, tested on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use analysis::claims::{
    Evidence, Job, LOOKS, Look, Next, NotJudged, Outcome, SCHEMA_VERSION, SWEEP_ROUNDS, Tested,
    TestedPoint, Verdict, cold, contradictions, evidence, evidence_of_sweep, jobs, next, question,
    trend, verdicts,
};
use analysis::sweep::search::{ROUNDS, TIME_PER_TARGET};
use model::record::log::{SweepAsk, SweepFrom};
use model::record::surroundings::Pinning;
use model::record::sweep::objective::{Origin, SweepObjective};
use model::spec::claim::{
    self, Claim, ClaimLoad, MAX_SOURCE_BYTES, Question, ScenarioOf, Side, is_file,
};
use model::spec::load::Process;
use model::spec::plan::{EPOCHS_PER_BLOCK, Effort, Plan, PlanSpec};
use model::spec::scenario::Scenario;
use model::spec::target::TargetSpec;
use model::units::Rate;
use process::failure::{Explain, Failure, Kind};
use process::interrupt::Interrupt;
use process::{cores, files, services, setup};
use report::charts;
use report::words::claims as words;
use runner::measure::sweep::SweepRequest;
use runner::request::{Choices, Request};
use serde::{Deserialize, Serialize};

use crate::args::claims::{ChosenArgs, ClaimsArgs, ClaimsCommand, ClaimsListArgs, ClaimsRunArgs};
use crate::display::DisplayMode;
use crate::exit::Exit;
use crate::named;
use crate::output::{self, note, say};
use crate::part::{self, Asked, KeptFile, Record, whole};
use crate::redrawn::approximate;
use crate::run_files;
use crate::terminal::show_claims;

/// What a test asks for, and where its measurements are. The sources of all claims, and some hundred measurements, are the longest.
const FILE: KeptFile = KeptFile {
    name: "claims.json",
    max_bytes: 16 * 1024 * 1024,
    version: 1,
    name_it: "name the directory of a test of claims with --resume",
    begin_anew: "begin a new test with --out",
};

/// A sweep for a claim begins at this share of the capacity of the weakest target, as `bench sweep` does.
const FROM_SHARE: f64 = 0.125;

/// And ends here at the latest.
const TO_PER_S: f64 = 1e6;

/// The files that a test ends with.
const PAGE: &str = "report.html";
const OUTCOME: &str = "verdicts.json";

/// What claims depend on, drawn: a directory.
const CHARTS: &str = "charts";

/// Lists or tests.
pub(crate) fn run(args: &ClaimsArgs) -> Result<Exit, Failure> {
    match &args.what {
        ClaimsCommand::List(args) => list(args),
        ClaimsCommand::Run(args) => test(args),
    }
}

/// A source of claims: where manifests and scenarios are that it names, and its text.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SourceFile {
    /// As people would find it again; of a built-in one its topic.
    name: String,
    /// Where its paths begin; none of a built-in one.
    dir: Option<PathBuf>,
    text: String,
}

impl SourceFile {
    /// Those that were named, or the built-in ones.
    fn of(files: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        if files.is_empty() {
            let built_in = claim::BUILT_IN.iter();
            return Ok(built_in
                .map(|(topic, text)| Self {
                    name: format!("{topic}.toml"),
                    dir: None,
                    text: (*text).to_owned(),
                })
                .collect());
        }
        let each = files.iter().map(|path| {
            let cannot = || format!("cannot read the claims {}", path.display());
            let help = "name a TOML file as docs/own-claims.md shows";
            let text = files::read_text(path, MAX_SOURCE_BYTES).or_usage(cannot, help)?;
            let whole = std::path::absolute(path).or_usage(cannot, help)?;
            Ok(Self {
                name: path.display().to_string(),
                dir: whole.parent().map(Path::to_owned),
                text,
            })
        });
        each.collect()
    }
}

/// Claims that are tested together, and what it takes here.
struct Chosen {
    claims: Vec<Claim>,
    /// Where the paths of each begin.
    dirs: Vec<Option<PathBuf>>,
    /// What is missing for each, if anything.
    missing: Vec<Option<String>>,
    jobs: Vec<Job>,
    choices: Choices,
}

impl Chosen {
    /// Those of these files with these names; of all where none is named.
    fn of(
        sources: &[SourceFile],
        ids: &[String],
        topics: &[String],
        choices: Choices,
    ) -> Result<Self, Failure> {
        let mut read = Vec::new();
        for source in sources {
            let claims = claim::parse(&source.text, &source.name).map_err(Failure::usage)?;
            read.extend(claims.into_iter().map(|claim| (claim, source.dir.clone())));
        }
        let known: Vec<&str> = read.iter().map(|(claim, _)| claim.topic.as_str()).collect();
        chosen("topic", topics, &known, |known, topic| known == topic)?;
        let known: Vec<&str> = read.iter().map(|(claim, _)| claim.id.as_str()).collect();
        chosen("claim", ids, &known, is_part)?;
        read.retain(|(claim, _)| {
            let of_topic = topics.is_empty() || topics.contains(&claim.topic);
            of_topic && (ids.is_empty() || ids.iter().any(|id| is_part(&claim.id, id)))
        });
        let (claims, dirs): (Vec<Claim>, Vec<Option<PathBuf>>) = read.into_iter().unzip();
        let mut this = Self {
            missing: Vec::new(),
            jobs: Vec::new(),
            claims,
            dirs,
            choices,
        };
        let missing = (0..this.claims.len()).map(|claim| this.missing_to_test(claim));
        this.missing = missing.collect();
        let is_testable = |claim: usize, point: Option<usize>| match point {
            None => this.missing[claim].is_none(),
            Some(_) => this.missing[claim].is_none() && this.missing(claim, point).is_none(),
        };
        this.jobs = jobs(&this.claims, is_testable);
        Ok(this)
    }

    /// What is missing to test a claim here. A trend needs all of its points.
    fn missing_to_test(&self, claim: usize) -> Option<String> {
        let claimed = &self.claims[claim];
        let along = claimed.along.as_ref().filter(|_| claimed.is_trend);
        let points = along.map_or(0, |along| along.points.len());
        let mut own = std::iter::once(None).chain((0..points).map(Some));
        own.find_map(|point| self.missing(claim, point))
    }

    /// What is missing to measure what a claim says, or a point of its factor.
    fn missing(&self, claim: usize, point: Option<usize>) -> Option<String> {
        let claimed = &self.claims[claim];
        if let Some(needs) = &claimed.needs {
            return Some(needs.clone());
        }
        let here = cores::available().len();
        if here < claimed.cores as usize {
            return Some(format!("{} cores, and here are {here}", claimed.cores));
        }
        let question = question(&self.claims, (claim, point))?;
        let dir = self.dirs[claim].as_deref();
        let sides: Vec<Side> = question.sides().cloned().collect();
        for side in &sides {
            let target = match target(side, dir) {
                Ok(target) => target,
                Err(failure) => return Some(failure.report.to_string()),
            };
            let needs = target.kind.manifest().and_then(|manifest| manifest.needs);
            if let Some(needs) = needs
                && setup::state(needs).is_err()
            {
                return Some(format!("{} {}", needs.runtime.title(), needs.version));
            }
        }
        let request = self.request(&question.load, &sides, dir, LOOKS[0]);
        let request = match request {
            Ok(request) => request,
            Err(failure) => return Some(failure.report.to_string()),
        };
        let mut needed = request.scenario.needs.into_iter();
        let missing = needed.find(|service| services::is_there(*service).is_err())?;
        Some(missing.title().to_owned())
    }

    /// What is measured of a load and these targets.
    fn request(
        &self,
        load: &ClaimLoad,
        sides: &[Side],
        dir: Option<&Path>,
        look: Look,
    ) -> Result<Request, Failure> {
        let Look {
            effort,
            rounds,
            warmup,
        } = look;
        let targets: Vec<TargetSpec> = sides
            .iter()
            .map(|side| target(side, dir))
            .collect::<Result<_, _>>()?;
        let usual = PlanSpec {
            rounds: Some(rounds),
            ..PlanSpec::new(effort, targets.len(), self.choices.seed)
        };
        let samples = Plan::new(&usual).map_err(Failure::usage_of)?.blocks() * EPOCHS_PER_BLOCK;
        let scenario = match &load.scenario {
            ScenarioOf::Made { name, text } => {
                Scenario::parse(text, &format!("{name}.toml")).map_err(Failure::usage)?
            }
            ScenarioOf::Named(name) => named::scenario(&placed(name, dir))?,
        };
        let rate = load.rate_per_s.map(Rate::per_s).transpose();
        let services = self.choices.services.clone().only(&scenario.needs);
        Request::new(
            scenario,
            targets,
            Choices {
                effort,
                rounds: std::num::NonZeroU32::new(rounds),
                connections: load.connections,
                rate: rate.map_err(Failure::usage_of)?,
                duration: load.sample().map(|sample| sample * samples),
                warmup,
                services,
                ..self.choices.clone()
            },
        )
    }

    /// Where the paths of a job begin: claims of two directories share none that has paths.
    fn dir(&self, job: &Job) -> Option<&Path> {
        job.asks
            .iter()
            .find_map(|(claim, _)| self.dirs[*claim].as_deref())
    }

    /// What a job asks for, of these targets.
    fn asked(&self, job: &Job, sides: &[Side], look: Look) -> Result<Asked, Failure> {
        let dir = self.dir(job);
        if !job.is_sweep {
            return Ok(Asked::Run(self.request(&job.load, sides, dir, look)?));
        }
        let look = Look {
            effort: Effort::Default,
            rounds: SWEEP_ROUNDS + 1,
            ..look
        };
        let request = self.request(&job.load, sides, dir, look)?;
        let bounds = request.scenario.record().objectives;
        let targets = u32::try_from(request.targets.len()).unwrap_or(u32::MAX);
        let time_limit = TIME_PER_TARGET * targets * SWEEP_ROUNDS / ROUNDS;
        let ask = SweepAsk {
            from: SweepFrom::CapacityShare(FROM_SHARE),
            to_per_s: TO_PER_S,
            process: Process::Poisson,
            rounds: SWEEP_ROUNDS,
            time_limit_s: time_limit.as_secs_f64(),
            objective: Some(SweepObjective {
                origin: Origin::Scenario,
                bounds,
            }),
        };
        Ok(Asked::Sweep(SweepRequest::new(request, ask)?))
    }

    /// Estimates of a look at all claims, and of one along all of their factors.
    fn estimates(&self, look: Look) -> [Duration; 2] {
        [false, true].map(|is_along| {
            let jobs = self.jobs.iter().filter(|job| job.is_along == is_along);
            let each = jobs.filter_map(|job| {
                let sides = sides_of(&self.claims, job);
                Some(self.asked(job, &sides, look).ok()?.estimate())
            });
            each.sum()
        })
    }
}

/// Checks that what was named is there. `is`: whether a known one is meant by a name.
fn chosen(
    what: &str,
    named: &[String],
    known: &[&str],
    is: impl Fn(&str, &str) -> bool,
) -> Result<(), Failure> {
    let unknown = named
        .iter()
        .find(|name| !known.iter().any(|known| is(known, name)));
    let Some(name) = unknown else {
        return Ok(());
    };
    let hint = model::names::hint(model::names::nearest(name, known.iter().copied()));
    Err(Failure::usage(miette::miette!(
        help = "`bench claims list` shows all of them",
        "no {what} is called `{}`{hint}",
        model::names::shortened(name)
    )))
}

/// Whether a claim is meant by a name: its own, or what its parts begin with.
fn is_part(claim: &str, name: &str) -> bool {
    let rest = claim.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// A name, or a path from where the file of claims is.
fn placed(name: &str, dir: Option<&Path>) -> String {
    match dir {
        Some(dir) if is_file(name) => dir.join(name).display().to_string(),
        _ => name.to_owned(),
    }
}

/// The target of a side, with its pool and its workers.
fn target(side: &Side, dir: Option<&Path>) -> Result<TargetSpec, Failure> {
    let what = format!("{}={}", side.name(), placed(&side.target, dir));
    let targets = named::targets(&[what], &[])?;
    let mut targets = named::with_workers(targets, side.workers)?;
    let target = targets.pop().expect("one was named");
    match side.pool {
        Some(_) if !target.kind.takes_pool() => Err(Failure::usage(miette::miette!(
            help = "hand {{pool}} to it in its manifest, or leave `pool` out",
            "{} takes no pool size",
            side.target
        ))),
        Some(pool) => Ok(TargetSpec { pool, ..target }),
        None => Ok(target),
    }
}

/// The targets of all that a job is asked for.
fn sides_of(claims: &[Claim], job: &Job) -> Vec<Side> {
    let questions = job.asks.iter().filter_map(|ask| question(claims, *ask));
    let mut sides: Vec<Side> = Vec::new();
    for side in questions.flat_map(Question::sides) {
        if !sides.contains(side) {
            sides.push(side.clone());
        }
    }
    sides
}

/// A claim as `list` prints it.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    claim: &'a Claim,
    /// What is missing to test it here; `null` where nothing is.
    missing: Option<&'a str>,
}

fn list(args: &ClaimsListArgs) -> Result<Exit, Failure> {
    let ChosenArgs { ids, topic, file } = &args.chosen;
    let choices = args.instrument.choices(LOOKS[0].effort)?;
    let claims = Chosen::of(&SourceFile::of(file)?, ids, topic, choices)?;
    let each = claims.claims.iter().zip(&claims.missing);
    if args.json {
        let listed: Vec<Listed<'_>> = each
            .map(|(claim, missing)| Listed {
                claim,
                missing: missing.as_deref(),
            })
            .collect();
        output::json(&serde_json::to_string_pretty(&listed).expect("a claim is plain data"));
        return Ok(Exit::Success);
    }
    let width = claims.claims.iter().map(|claim| claim.id.len()).max();
    let width = width.unwrap_or_default();
    for (claim, missing) in each {
        let id = &claim.id;
        say!("  {id:width$}  {}", claim.sentence);
        let beside = match missing {
            Some(missing) => format!("not testable here: it needs {missing}"),
            None => format!(
                "claimed {}; {}",
                words::range(claim),
                words::compared(claim)
            ),
        };
        say!("  {:width$}  {beside}", "");
    }
    let missing = claims.missing.iter().flatten().map(String::as_str);
    let missing: Vec<&str> = missing.collect();
    let can = claims.claims.len() - missing.len();
    say!("\n{can} of {} can be tested here.", claims.claims.len());
    if can > 0 {
        let [first, factors] = claims.estimates(LOOKS[0]);
        let [second, _] = claims.estimates(LOOKS[1]);
        say!(
            "A first look at them takes about {}; at what refuted and contradicted ones depend on, {} at most; a longer one at what is open \
             then, {} at most.",
            approximate(first),
            approximate(factors),
            approximate(second)
        );
    }
    for (what, many) in counted(&missing) {
        say!("  {many:2} not testable here: needs {what}");
    }
    Ok(Exit::Success)
}

/// How often each is said, the most frequent first.
fn counted<'a>(said: &[&'a str]) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for what in said {
        *counts.entry(what).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, many)| std::cmp::Reverse(*many));
    counts
}

/// A test in its directory: what is asked for, and where its measurements are.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    schema_version: u32,
    started_at: String,
    command: Vec<String>,
    sources: Vec<SourceFile>,
    ids: Vec<String>,
    topics: Vec<String>,
    seed: u64,
    pinning: Pinning,
    measurements: Vec<Measurement>,
}

/// A measurement, and its directory below that of the test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Measurement {
    load: ClaimLoad,
    sides: Vec<Side>,
    look: usize,
    #[serde(default)]
    is_sweep: bool,
    dir: String,
}

fn test(args: &ClaimsRunArgs) -> Result<Exit, Failure> {
    let choices = args.instrument.choices(LOOKS[0].effort)?;
    let (dir, kept) = match &args.resume {
        Some(dir) => (dir.clone(), FILE.read(dir)?),
        None => (args.out.clone(), begin(args, &choices)?),
    };
    let choices = Choices {
        seed: kept.seed,
        pinning: kept.pinning.clone(),
        ..choices
    };
    let claims = Chosen::of(&kept.sources, &kept.ids, &kept.topics, choices)?;
    let mode = DisplayMode::usual();
    let mut test = Test {
        looks: vec![0; claims.jobs.len()],
        found: vec![None; claims.claims.len()],
        cold: BTreeSet::new(),
        along: claims
            .claims
            .iter()
            .map(|claim| vec![None; claim.along.as_ref().map_or(0, |along| along.points.len())])
            .collect(),
        measured: Duration::ZERO,
        interrupt: mode.catch_interrupt()?,
        mode,
        claims: &claims,
        dir,
        kept,
    };
    let is_whole = test.measure(args.budget)?;
    let outcome = test.outcome();
    test.write(&outcome)?;
    args.form.print(
        &outcome,
        || report::markdown::claims::markdown(&outcome),
        || show_claims(&outcome),
    );
    note!("The page: {}", test.dir.join(PAGE).display());
    if !is_whole {
        note!(
            "Interrupted. Go on with: bench claims run --resume {}",
            test.dir.display()
        );
        return Ok(Exit::Interrupted);
    }
    let mut all = outcome.tested.iter();
    let refuted = all.any(|tested| matches!(tested.verdict, Verdict::Refuted { .. }));
    Ok(if args.ci && refuted {
        Exit::Regression
    } else {
        Exit::Success
    })
}

/// Begins a test in a new or empty directory.
fn begin(args: &ClaimsRunArgs, choices: &Choices) -> Result<Kept, Failure> {
    let dir = &args.out;
    let kept = Kept {
        schema_version: FILE.version,
        started_at: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        command: run_files::command(),
        sources: SourceFile::of(&args.chosen.file)?,
        ids: args.chosen.ids.clone(),
        topics: args.chosen.topic.clone(),
        seed: choices.seed,
        pinning: choices.pinning.clone(),
        measurements: Vec::new(),
    };
    // What can't be meant must not leave a directory behind.
    Chosen::of(&kept.sources, &kept.ids, &kept.topics, choices.clone())?;
    KeptFile::begin_in(dir)?;
    FILE.write(dir, &kept)?;
    Ok(kept)
}

/// A test as it goes.
struct Test<'a> {
    claims: &'a Chosen,
    dir: PathBuf,
    kept: Kept,
    /// How often each job was measured.
    looks: Vec<usize>,
    /// Targets that were still getting faster in a measurement.
    cold: BTreeSet<String>,
    /// The last that was found of each claim.
    found: Vec<Option<Result<Evidence, NotJudged>>>,
    /// What was found at each point of its factor.
    along: Vec<Vec<Option<Result<Evidence, NotJudged>>>>,
    measured: Duration,
    mode: DisplayMode,
    interrupt: Interrupt,
}

impl Test<'_> {
    /// Measures until nothing more can be decided, or the time is over; false where the user ended it.
    fn measure(&mut self, budget: Duration) -> Result<bool, Failure> {
        let claims = self.claims;
        loop {
            let verdicts = self.verdicts();
            let Some(next) = next(
                &claims.claims,
                &claims.jobs,
                &self.looks,
                &verdicts,
                &self.cold,
            ) else {
                return Ok(true);
            };
            let job = &claims.jobs[next.job];
            let asked = claims.asked(job, &next.sides, next.layout())?;
            let known = self.place(job, &next);
            let is_done = known
                .as_ref()
                .is_some_and(|dir| whole(&self.dir.join(dir)).is_some());
            let expected = self.measured + asked.estimate();
            if !is_done && expected > budget {
                note!("The time is over: what is left is not measured.");
                return Ok(true);
            }
            self.looks[next.job] += 1;
            let record = match self.record(job, &next, &asked, known) {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(false),
                Err(failure) if failure.kind == Kind::Target => {
                    note!("{}: {}", job.load.name(), failure.report);
                    self.learn(job, &next, |_| Err(NotJudged::TargetFailed));
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let seed = self.kept.seed;
            let elapsed_s = match &record {
                Record::Run(record) => {
                    self.cold.extend(cold(record).map(str::to_owned));
                    self.learn(job, &next, |question| evidence(record, question, seed));
                    record.elapsed_s
                }
                Record::Sweep(record) => {
                    self.learn(job, &next, |question| {
                        evidence_of_sweep(record, question, seed)
                    });
                    record.elapsed_s
                }
            };
            self.measured += Duration::try_from_secs_f64(elapsed_s).unwrap_or_default();
        }
    }

    /// Takes in what a measurement says of the claims that it was for.
    fn learn(
        &mut self,
        job: &Job,
        next: &Next,
        found: impl Fn(&Question) -> Result<Evidence, NotJudged>,
    ) {
        for &(claim, point) in &job.asks {
            let Some(question) = question(&self.claims.claims, (claim, point)) else {
                continue;
            };
            if !question.sides().all(|side| next.sides.contains(side)) {
                continue;
            }
            let found = found(question);
            match point {
                None => self.found[claim] = Some(found),
                Some(point) => {
                    self.along[claim][point] = Some(found);
                    self.learn_trend(claim);
                }
            }
        }
    }

    /// What the points of a trend say, once all of them were measured.
    fn learn_trend(&mut self, claim: usize) {
        let claimed = &self.claims.claims[claim];
        let Some(along) = claimed.along.as_ref().filter(|_| claimed.is_trend) else {
            return;
        };
        let places = along.points.iter().filter_map(|point| point.at);
        let points = places.zip(&self.along[claim]);
        let points = points.map(|(at, found)| Some((at, found.as_ref()?)));
        let Some(points) = points.collect::<Option<Vec<_>>>() else {
            return;
        };
        let points = points.into_iter().map(|(at, found)| match found {
            Ok(found) => Ok((at, found)),
            Err(why) => Err(*why),
        });
        let points = points.collect::<Result<Vec<(f64, &Evidence)>, NotJudged>>();
        self.found[claim] = Some(points.map(|points| trend(&points, self.kept.seed)));
    }

    /// The directory of a measurement, if it was begun.
    fn place(&self, job: &Job, next: &Next) -> Option<String> {
        let known = self.kept.measurements.iter().find(|known| {
            (&known.load, known.is_sweep) == (&job.load, job.is_sweep)
                && known.sides == next.sides
                && known.look == next.look
        });
        known.map(|known| known.dir.clone())
    }

    /// The record of a measurement, which is made, continued or read; nothing where the user ended it.
    fn record(
        &mut self,
        job: &Job,
        next: &Next,
        asked: &Asked,
        known: Option<String>,
    ) -> Result<Option<Record>, Failure> {
        let name = &asked.request().scenario.name;
        let dir = known.unwrap_or_else(|| {
            let number = self.kept.measurements.len() + 1;
            let dir = format!("{number:03}-{name}");
            self.kept.measurements.push(Measurement {
                load: job.load.clone(),
                sides: next.sides.clone(),
                look: next.look,
                is_sweep: job.is_sweep,
                dir: dir.clone(),
            });
            dir
        });
        FILE.write(&self.dir, &self.kept)?;
        let dir = self.dir.join(dir);
        let interrupt = self.interrupt.clone();
        part::measured(&dir, asked, &job.load.words(), self.mode, interrupt)
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let claims = &self.claims.claims;
        let testable = (0..claims.len()).filter(|claim| self.claims.missing[*claim].is_none());
        let testable: Vec<usize> = testable.collect();
        let tested: Vec<_> = testable
            .iter()
            .map(|&claim| (&claims[claim], self.found[claim].as_ref()))
            .collect();
        let mut found = verdicts(&tested, self.kept.seed).into_iter();
        let missing = self.claims.missing.iter();
        missing
            .map(|missing| match missing {
                Some(missing) => Verdict::NotTestable {
                    missing: missing.clone(),
                },
                None => found
                    .next()
                    .expect("each claim that is testable has a verdict"),
            })
            .collect()
    }

    fn outcome(&self) -> Outcome {
        let claims = &self.claims.claims;
        let contradictions = contradictions(claims);
        let each = claims.iter().zip(self.verdicts()).enumerate();
        let tested = each.map(|(index, (claim, verdict))| {
            let points = claim.along.iter().flat_map(|along| &along.points);
            let points = points.zip(&self.along[index]).filter_map(|(point, found)| {
                Some(TestedPoint {
                    value: point.value.clone(),
                    load: point.question.load.words(),
                    evidence: found.clone()?.ok()?,
                })
            });
            let found = self.found[index].as_ref();
            Tested {
                contradicts: contradictions[index],
                evidence: found.and_then(|found| found.as_ref().ok()).cloned(),
                along: points.collect(),
                claim: claim.clone(),
                verdict,
            }
        });
        Outcome {
            schema_version: SCHEMA_VERSION,
            bench_version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.kept.started_at.clone(),
            machine: part::machine(),
            command: self.kept.command.clone(),
            measured_s: self.measured.as_secs_f64(),
            tested: tested.collect(),
        }
    }

    /// Writes what the test ends with.
    fn write(&self, outcome: &Outcome) -> Result<(), Failure> {
        let page = report::html::claims_html(outcome)
            .or_internal(|| "cannot write the page of the claims".to_owned())?;
        let json = serde_json::to_string_pretty(outcome).expect("an outcome is plain data");
        let mut written = vec![
            (OUTCOME.to_owned(), json.into_bytes()),
            (PAGE.to_owned(), page.into_bytes()),
        ];
        let has_points = |tested: &&Tested| !tested.along.is_empty();
        for tested in outcome.tested.iter().filter(has_points) {
            let id = &tested.claim.id;
            let drawn = || format!("cannot draw what {id} depends on");
            let svg = charts::along_svg(tested).or_internal(drawn)?;
            let png = charts::along_png(tested).or_internal(drawn)?;
            written.push((format!("{CHARTS}/{id}.svg"), svg.into_bytes()));
            written.push((format!("{CHARTS}/{id}.png"), png));
        }
        let charts = self.dir.join(CHARTS);
        std::fs::create_dir_all(&charts)
            .or_internal(|| format!("cannot make {}", charts.display()))?;
        for (name, bytes) in written {
            let path = self.dir.join(name);
            files::replace(&path, &bytes)
                .or_internal(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_a_claim_and_for_its_parts() {
        for (claim, name, is) in [
            ("s7-four", "s7-four", true),
            ("s7-four", "s7", true),
            ("s7-four", "s", false),
            ("s10-four", "s1", false),
            ("s7", "s7-four", false),
        ] {
            assert_eq!(is_part(claim, name), is, "{claim} {name}");
        }
    }
}
