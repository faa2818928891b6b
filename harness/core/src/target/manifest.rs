//! How a target is started, asked for its version, watched and stopped, read from TOML.
//!
//! Knows the shape of a manifest and reports every mistake in it by file, line and remedy. Must never start anything, nor
//! know where a program or a directory is: whoever launches fills in the [`Values`].

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::names;
use crate::toml_source::{SourceError, Text};
use crate::units;

/// The longest manifest that is read.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// The most arguments, and the most variables of the environment.
pub const MAX_ARGS: usize = 256;
/// The longest argument, before its placeholders are filled in.
pub const MAX_ARG_BYTES: usize = 8 * 1024;
/// The most workers that a manifest may name.
pub const MAX_WORKERS: u32 = 4096;
/// How long a target may take until it answers, where its manifest doesn't say. A virtual environment that was never used
/// compiles its modules first.
pub const DEFAULT_READY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a target may take to end where its manifest doesn't say: as long as requests in flight are given, and a little.
pub const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(12);
/// The longest time that a manifest may allow for either.
pub const MAX_TIMEOUT: Duration = Duration::from_mins(10);

/// How a target is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The file's name without its extension.
    pub name: String,
    /// What it is, in a line.
    pub description: String,
    /// What its code runs on: `Node.js`, `tokio`. One of `versions`, where there are any.
    pub runtime: String,
    /// What waits for its sockets, and how: `libuv`, `work stealing`.
    pub event_loop: String,
    /// The program.
    pub command: Template,
    /// Its arguments.
    pub args: Vec<Template>,
    /// What is added to its environment.
    pub env: BTreeMap<String, Template>,
    /// The path that answers 200 once it is ready.
    pub ready: String,
    /// How long that may take.
    pub ready_timeout: Duration,
    /// What has a version, and the command whose output tells it.
    pub versions: BTreeMap<String, Vec<Template>>,
    /// Threads or processes that serve.
    pub workers: Workers,
    /// How it is asked to end.
    pub stop: StopSignal,
    /// How long it may take to.
    pub stop_timeout: Duration,
    /// What has to be set up before it can run.
    pub needs: Option<Needs>,
    /// It says that it serves any number of waiting requests at once.
    pub claims_concurrency: bool,
    /// It reads HTTP as strictly as this workspace's own servers do.
    pub strict_http: bool,
    /// Cases of the check that it can't pass, and why.
    pub differences: Vec<Difference>,
    /// The TOML it was read from.
    pub source: String,
    /// Where that came from, for messages.
    pub file_name: String,
}

/// How many threads or processes serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// So many, whatever the machine.
    Fixed(NonZeroU32),
    /// One for each core that the target is given.
    Cores,
}

/// A signal that may ask a server to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum StopSignal {
    /// What service managers send.
    #[default]
    #[serde(rename = "SIGTERM")]
    Term,
    /// What Ctrl-C sends.
    #[serde(rename = "SIGINT")]
    Int,
    /// What some servers take as "finish what you have".
    #[serde(rename = "SIGQUIT")]
    Quit,
}

/// What has to be set up before a target can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Node.js, and the packages of this project's Node server.
    Node,
    /// Python, and a virtual environment with the packages of this project's FastAPI server.
    Python,
}

/// A case of the check that a target can't pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The case's id, as `bench list cases` shows it.
    pub case: String,
    /// Why the runtime can't avoid it.
    pub why: String,
    /// The line it stands on, from 1.
    pub line: u32,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// `file_name`: where the source came from, as people would find it again; its stem names the target.
    pub fn parse(source: &str, file_name: &str) -> Result<Self, SourceError> {
        let text = Text {
            source,
            file_name,
            examples: "docs/targets.md shows manifests to start from",
        };
        if source.len() > MAX_SOURCE_BYTES {
            let what = format!(
                "the file has {} bytes; a manifest has at most {MAX_SOURCE_BYTES}",
                source.len()
            );
            let help = "check that this is a manifest: they usually have a dozen lines";
            return Err(text.error(0..0, what, help));
        }
        let raw: Raw = toml::from_str(source).map_err(|error| text.toml_error(&error))?;
        let filler = Placeholders { needs: raw.needs };
        at_most_args(&text, "env", 0..0, raw.env.len())?;
        Ok(Self {
            name: name_of(&text)?,
            description: words(&text, "description", &raw.description)?,
            runtime: words(&text, "runtime", &raw.runtime)?,
            event_loop: words(&text, "loop", &raw.event_loop)?,
            command: filler.template(&text, &raw.command)?,
            args: filler.templates(&text, "args", &raw.args)?,
            env: raw
                .env
                .iter()
                .map(|(key, value)| Ok((key.clone(), filler.template(&text, value)?)))
                .collect::<Result<_, _>>()?,
            ready: path(&text, raw.ready.as_ref())?,
            ready_timeout: timeout(&text, raw.ready_timeout.as_ref(), DEFAULT_READY_TIMEOUT)?,
            versions: raw
                .versions
                .iter()
                .map(|(of, command)| Ok((of.clone(), version(&text, &filler, command)?)))
                .collect::<Result<_, _>>()?,
            workers: workers(&text, raw.workers.as_ref())?,
            stop: raw.stop.unwrap_or_default(),
            stop_timeout: timeout(&text, raw.stop_timeout.as_ref(), DEFAULT_STOP_TIMEOUT)?,
            needs: raw.needs,
            claims_concurrency: raw.claims_concurrency.unwrap_or(true),
            strict_http: raw.strict_http.unwrap_or(false),
            differences: raw
                .differences
                .iter()
                .map(|difference| {
                    Ok(Difference {
                        case: words(&text, "case", &difference.case)?,
                        why: words(&text, "why", &difference.why)?,
                        line: text.place(difference.case.span().start).0,
                    })
                })
                .collect::<Result<_, SourceError>>()?,
            source: source.to_owned(),
            file_name: file_name.to_owned(),
        })
    }

    /// How many workers it has on so many cores.
    pub fn workers_on(&self, cores: u32) -> u32 {
        match self.workers {
            Workers::Fixed(workers) => workers.get(),
            Workers::Cores => cores.max(1),
        }
    }
}

/// A text with holes, as `--port={port}`. A brace that is meant is written twice, as in `{{`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Hole(Placeholder),
}

/// What may be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Port,
    DataDir,
    Upstream,
    Pool,
    Workers,
    Bench,
    ServerDir,
    Node,
    Python,
}

const PLACEHOLDERS: [(&str, Placeholder); 9] = [
    ("port", Placeholder::Port),
    ("data_dir", Placeholder::DataDir),
    ("upstream", Placeholder::Upstream),
    ("pool", Placeholder::Pool),
    ("workers", Placeholder::Workers),
    ("bench", Placeholder::Bench),
    ("server_dir", Placeholder::ServerDir),
    ("node", Placeholder::Node),
    ("python", Placeholder::Python),
];

/// What stands for the placeholders in one launch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// `{port}`: where it must listen, on 127.0.0.1.
    pub port: u16,
    /// `{data_dir}`: the files that `/file/{kib}` reads.
    pub data_dir: String,
    /// `{upstream}`: the backend's address, host and port.
    pub upstream: String,
    /// `{pool}`: threads for blocking work.
    pub pool: u32,
    /// `{workers}`: see [`Manifest::workers_on`].
    pub workers: u32,
    /// `{bench}`: this program.
    pub bench: String,
    /// `{server_dir}`: where the files of the server that the manifest needs were put; `{node}` and `{python}`: their
    /// interpreter. Empty where nothing was set up, which no manifest can refer to then.
    pub server_dir: String,
    /// See `server_dir`.
    pub interpreter: String,
}

impl Template {
    /// The text with every hole filled in.
    pub fn fill(&self, values: &Values) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Hole(Placeholder::Port) => values.port.to_string(),
            Piece::Hole(Placeholder::DataDir) => values.data_dir.clone(),
            Piece::Hole(Placeholder::Upstream) => values.upstream.clone(),
            Piece::Hole(Placeholder::Pool) => values.pool.to_string(),
            Piece::Hole(Placeholder::Workers) => values.workers.to_string(),
            Piece::Hole(Placeholder::Bench) => values.bench.clone(),
            Piece::Hole(Placeholder::ServerDir) => values.server_dir.clone(),
            Piece::Hole(Placeholder::Node | Placeholder::Python) => values.interpreter.clone(),
        };
        self.0.iter().map(piece).collect()
    }
}

impl fmt::Display for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Term => "SIGTERM",
            Self::Int => "SIGINT",
            Self::Quit => "SIGQUIT",
        })
    }
}

/// The file as it is written, before anything about it is believed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    description: Spanned<String>,
    runtime: Spanned<String>,
    #[serde(rename = "loop")]
    event_loop: Spanned<String>,
    command: Spanned<String>,
    #[serde(default = "no_args")]
    args: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    env: BTreeMap<String, Spanned<String>>,
    ready: Option<Spanned<String>>,
    ready_timeout: Option<Spanned<String>>,
    #[serde(default)]
    versions: BTreeMap<String, Spanned<Vec<Spanned<String>>>>,
    workers: Option<Spanned<RawWorkers>>,
    stop: Option<StopSignal>,
    stop_timeout: Option<Spanned<String>>,
    needs: Option<Needs>,
    claims_concurrency: Option<bool>,
    strict_http: Option<bool>,
    #[serde(default)]
    differences: Vec<RawDifference>,
}

fn no_args() -> Spanned<Vec<Spanned<String>>> {
    Spanned::new(0..0, Vec::new())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawWorkers {
    Number(i64),
    Word(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDifference {
    case: Spanned<String>,
    why: Spanned<String>,
}

/// Which placeholders mean something in this manifest.
struct Placeholders {
    needs: Option<Needs>,
}

impl Placeholders {
    fn templates(
        &self,
        text: &Text<'_>,
        key: &str,
        values: &Spanned<Vec<Spanned<String>>>,
    ) -> Result<Vec<Template>, SourceError> {
        at_most_args(text, key, values.span(), values.get_ref().len())?;
        let each = values.get_ref().iter();
        each.map(|value| self.template(text, value)).collect()
    }

    fn template(&self, text: &Text<'_>, value: &Spanned<String>) -> Result<Template, SourceError> {
        let source = value.get_ref();
        if source.len() > MAX_ARG_BYTES || source.contains('\0') {
            let what = format!("an argument has at most {MAX_ARG_BYTES} bytes, none of them zero");
            return Err(text.error(value.span(), what, "give it a file instead"));
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = source.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let named = rest.split_once('}').filter(|_| brace == "{");
            let Some((name, after)) = named else {
                let what = format!("a lone `{brace}`");
                let help = format!("write `{brace}{brace}` where the brace itself is meant");
                return Err(text.error(value.span(), what, help));
            };
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Hole(self.placeholder(text, value, name)?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Template(pieces))
    }

    fn placeholder(
        &self,
        text: &Text<'_>,
        value: &Spanned<String>,
        name: &str,
    ) -> Result<Placeholder, SourceError> {
        let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
        let Some(&(_, placeholder)) = known else {
            let known = PLACEHOLDERS.map(|(known, _)| known.to_owned()).to_vec();
            let nearest =
                names::nearest(name, PLACEHOLDERS.map(|(known, _)| known)).map(str::to_owned);
            let what = format!("nothing is filled in for `{{{}}}`", names::shortened(name));
            return Err(text.unknown(value.span(), what, known, nearest));
        };
        let wants = match placeholder {
            Placeholder::Node => Some("needs = \"node\""),
            Placeholder::Python => Some("needs = \"python\""),
            Placeholder::ServerDir if self.needs.is_none() => Some("needs = \"node\""),
            _ => None,
        };
        let has = match placeholder {
            Placeholder::Node => self.needs == Some(Needs::Node),
            Placeholder::Python => self.needs == Some(Needs::Python),
            _ => self.needs.is_some(),
        };
        match wants {
            Some(line) if !has => Err(text.error(
                value.span(),
                format!("`{{{name}}}` is only known where something is set up"),
                format!("add `{line}`, or name a program of your own"),
            )),
            _ => Ok(placeholder),
        }
    }
}

fn at_most_args(
    text: &Text<'_>,
    key: &str,
    span: std::ops::Range<usize>,
    count: usize,
) -> Result<(), SourceError> {
    if count <= MAX_ARGS {
        return Ok(());
    }
    let what = format!("`{key}` has {count} entries; at most {MAX_ARGS} are taken");
    Err(text.error(span, what, "put them into a file or a script of yours"))
}

fn name_of(text: &Text<'_>) -> Result<String, SourceError> {
    let file = text.file_name.rsplit(['/', '\\']).next();
    let file = file.unwrap_or_default();
    let stem = file.strip_suffix(".toml").unwrap_or(file);
    let help = "rename the file: the target is called what the file is called, without `.toml`";
    names::check(stem).map_err(|error| text.error(0..0, error.to_string(), help))?;
    Ok(stem.to_owned())
}

/// The longest description, runtime, loop and reason.
const MAX_WORDS_CHARS: usize = 300;

fn words(text: &Text<'_>, key: &str, value: &Spanned<String>) -> Result<String, SourceError> {
    let trimmed = value.get_ref().trim();
    if trimmed.is_empty()
        || trimmed.chars().count() > MAX_WORDS_CHARS
        || trimmed.contains(char::is_control)
    {
        let what = format!("`{key}` must be a line of 1 to {MAX_WORDS_CHARS} characters");
        return Err(text.error(
            value.span(),
            what,
            "say it in a few words: it stands in lists and legends",
        ));
    }
    Ok(trimmed.to_owned())
}

fn path(text: &Text<'_>, value: Option<&Spanned<String>>) -> Result<String, SourceError> {
    let Some(value) = value else {
        return Ok("/plaintext".to_owned());
    };
    let path = value.get_ref();
    if path.starts_with('/') && path.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(path.clone());
    }
    let help = "write the path of a URL that answers 200, as in `ready = \"/plaintext\"`";
    Err(text.error(value.span(), "`ready` is no path", help))
}

fn timeout(
    text: &Text<'_>,
    value: Option<&Spanned<String>>,
    usual: Duration,
) -> Result<Duration, SourceError> {
    let Some(value) = value else {
        return Ok(usual);
    };
    let help = "write a number and a unit, as in `\"10s\"`";
    let duration = units::parse_duration(value.get_ref())
        .map_err(|error| text.error(value.span(), error.to_string(), help))?;
    if duration.is_zero() || duration > MAX_TIMEOUT {
        let what = format!(
            "a wait is above zero and at most {} s",
            MAX_TIMEOUT.as_secs()
        );
        return Err(text.error(value.span(), what, help));
    }
    Ok(duration)
}

fn version(
    text: &Text<'_>,
    filler: &Placeholders,
    command: &Spanned<Vec<Spanned<String>>>,
) -> Result<Vec<Template>, SourceError> {
    if command.get_ref().is_empty() {
        let help = "write the command that prints it, as in `[\"node\", \"--version\"]`";
        return Err(text.error(command.span(), "a version needs a command", help));
    }
    filler.templates(text, "versions", command)
}

fn workers(text: &Text<'_>, value: Option<&Spanned<RawWorkers>>) -> Result<Workers, SourceError> {
    let Some(value) = value else {
        return Ok(Workers::Fixed(NonZeroU32::MIN));
    };
    let number = match value.get_ref() {
        RawWorkers::Word(word) if word == "cores" => return Ok(Workers::Cores),
        RawWorkers::Word(_) => None,
        RawWorkers::Number(number) => u32::try_from(*number).ok(),
    };
    let workers = number.filter(|&number| number <= MAX_WORKERS);
    workers
        .and_then(NonZeroU32::new)
        .map(Workers::Fixed)
        .ok_or_else(|| {
            let what = format!("`workers` must be from 1 to {MAX_WORKERS}, or \"cores\"");
            text.error(
                value.span(),
                what,
                "write `workers = \"cores\"` for one a core",
            )
        })
}

#[cfg(test)]
mod tests;
