//! How a target is started, asked for its version, watched and stopped, read from TOML.
//!
//! Knows the shape of a manifest and reports every mistake in it by file, line and remedy. Must never start anything, nor
//! know where a program or a directory is: the code that launches fills in the [`Values`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::names;
use crate::spec::access::{Access, TrustSpec};
use crate::spec::address::{Address, AddressError};
use crate::spec::factors::Factors;
use crate::spec::secrets::without_values;
use crate::spec::target::needs::{Needs, Runtime};
use crate::spec::toml_source::{SourceError, Text};

/// Where targets listen unless something else is asked for.
pub const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Where a server may listen that takes a port, and is to be reached on this machine only: `localhost` is either.
const LOOPBACK: [IpAddr; 2] = [DEFAULT_HOST, IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// The longest manifest that is read.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// The most arguments, the most variables of the environment, and the most differences.
pub const MAX_ENTRIES: usize = 256;
/// The longest argument, before its placeholders are filled in.
pub const MAX_ARG_BYTES: usize = 8 * 1024;
/// The most things that have a version.
pub const MAX_VERSIONS: usize = 16;
/// The longest description and the longest reason for a difference, in characters.
pub const MAX_SENTENCE_CHARS: usize = 300;
/// The longest runtime, loop and name of what has a version, in characters: they stand in legends.
pub const MAX_LABEL_CHARS: usize = 60;
/// The most workers that a manifest may name.
pub const MAX_WORKERS: u32 = 4096;
/// How long a target may take until it answers, where its manifest doesn't say. A virtual environment that was never used
/// compiles its modules first.
pub const DEFAULT_READY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a target may take to end where its manifest doesn't say: as long as requests in flight are given, and a little.
pub const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(12);
/// The longest time that a manifest may allow for either.
pub const MAX_TIMEOUT: Duration = Duration::from_mins(10);

/// What records have for a version or an event loop that nothing is known of.
pub const UNKNOWN: &str = "unknown";

const NO_PORT: &str = "nothing tells it which port to listen on";

/// How a target is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The file's name without its extension.
    pub name: String,
    /// What it is, in a line; its program where nothing is said.
    pub description: String,
    /// What its code runs on, in words for legends: `Node.js`, `tokio`; its program where nothing is said. One of `versions`, where
    /// there are any.
    pub runtime: String,
    /// What waits for its sockets, and how: `libuv`, `work stealing`; [`UNKNOWN`] where nothing is said.
    pub event_loop: String,
    /// The program.
    pub command: Template,
    /// Its arguments.
    pub args: Vec<Template>,
    /// What is added to its environment.
    pub env: BTreeMap<String, Template>,
    /// Where it is reached once it is started; at its port of the host where nothing is said.
    pub url: Option<Template>,
    /// How it is reached there.
    pub access: Access,
    /// The path that answers 200 once it is ready.
    pub ready: String,
    /// How long that may take.
    pub ready_timeout: Duration,
    /// What has a version, and the command that prints it.
    pub versions: BTreeMap<String, Vec<Template>>,
    /// Threads or processes that serve.
    pub workers: Workers,
    /// How it is asked to end.
    pub stop: StopSignal,
    /// How long it may take to.
    pub stop_timeout: Duration,
    /// What has to be set up before it can run.
    pub needs: Option<Needs>,
    /// Routes that it does not serve: the first part of their paths, as `/chat`.
    pub without: Vec<String>,
    /// Routes that it serves only where it has one worker.
    pub alone: Vec<String>,
    /// It says that it serves any number of waiting requests at once.
    pub claims_concurrency: bool,
    /// It reads HTTP as strictly as this workspace's own servers do.
    pub strict_http: bool,
    /// What it has of each factor of the experiment, if it is part of one.
    pub factors: Option<Factors>,
    /// Cases of the check that it can't pass, and why.
    pub differences: Vec<Difference>,
    /// The TOML it was read from.
    pub source: String,
    /// Where that came from, for messages.
    pub file_name: String,
    /// Where the value of `workers` stands in it, in bytes.
    workers_place: Option<Range<usize>>,
    /// Where the values of `env` stand in it that are more than placeholders, in bytes, in ascending order.
    secrets: Vec<Range<usize>>,
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
    /// What nginx and others take as "finish what you have".
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// What the end of a terminal sends.
    #[serde(rename = "SIGHUP")]
    Hup,
    /// Whatever the server takes it for.
    #[serde(rename = "SIGUSR1")]
    Usr1,
    /// Whatever the server takes it for.
    #[serde(rename = "SIGUSR2")]
    Usr2,
    /// What Apache's server takes as "finish what you have".
    #[serde(rename = "SIGWINCH")]
    Winch,
}

/// A case of the check that a target can't pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The case's id, as `bench list cases` shows it.
    pub case: String,
    /// Why the runtime can't avoid it.
    pub why: String,
    /// Where the id stands in the source, in bytes.
    place: Range<usize>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// `file_name`: where the source came from, as people would find it again; its stem names the target.
    pub fn parse(source: &str, file_name: &str) -> Result<Self, SourceError> {
        Self::parse_as(None, source, file_name)
    }

    /// Reads a manifest; `alias` names the target where the stem of the file can't be a name, as of `./MyServer.toml`.
    pub fn parse_as(
        alias: Option<&str>,
        source: &str,
        file_name: &str,
    ) -> Result<Self, SourceError> {
        let text = text(source, file_name);
        if source.len() > MAX_SOURCE_BYTES {
            let what = format!(
                "the file has {} bytes; a manifest has at most {MAX_SOURCE_BYTES}",
                source.len()
            );
            let help = "check that this is a manifest: they usually have a dozen lines";
            return Err(text.error(0..0, what, help));
        }
        let raw: Raw = toml::from_str(source).map_err(|error| text.toml_error(&error))?;
        let filler = Filler {
            text: &text,
            needs: raw.needs,
        };
        let runtime = raw.runtime.as_ref().map_or_else(
            || Ok(program(raw.command.get_ref())),
            |value| words(&text, "runtime", value, MAX_LABEL_CHARS),
        )?;
        let manifest = Self {
            name: text
                .name(
                    "target",
                    &format!("; or name it yourself, as `mine={file_name}`"),
                )
                .or_else(|error| alias.map(str::to_owned).ok_or(error))?,
            description: raw.description.as_ref().map_or_else(
                || Ok(runtime.clone()),
                |value| words(&text, "description", value, MAX_SENTENCE_CHARS),
            )?,
            event_loop: raw.event_loop.as_ref().map_or_else(
                || Ok(UNKNOWN.to_owned()),
                |value| words(&text, "loop", value, MAX_LABEL_CHARS),
            )?,
            command: filler.command(&raw.command)?,
            args: filler.templates("args", &raw.args, Use::Launch)?,
            secrets: secrets(raw.env.get_ref(), source),
            env: filler.env(&raw.env)?,
            url: filler.url(&raw)?,
            access: access(&raw, file_name),
            ready: path(&text, raw.ready.as_ref())?,
            ready_timeout: timeout(&text, raw.ready_timeout.as_ref(), DEFAULT_READY_TIMEOUT)?,
            versions: filler.versions(&raw, &runtime)?,
            runtime,
            workers: workers(&text, raw.workers.as_ref())?,
            workers_place: raw.workers.as_ref().map(Spanned::span),
            stop: raw.stop.unwrap_or_default(),
            stop_timeout: timeout(&text, raw.stop_timeout.as_ref(), DEFAULT_STOP_TIMEOUT)?,
            needs: raw.needs,
            without: routes(&text, "without", &raw.without)?,
            alone: routes(&text, "alone", &raw.alone)?,
            claims_concurrency: raw.claims_concurrency.unwrap_or(true),
            strict_http: raw.strict_http.unwrap_or(false),
            factors: raw.factors,
            differences: differences(&text, &raw.differences)?,
            source: source.to_owned(),
            file_name: file_name.to_owned(),
        };
        if !manifest.knows_where() {
            return Err(text.error(
                raw.command.span(),
                NO_PORT,
                "write `{port}` where it takes one, as in `args = [\"--port\", \"{port}\"]`; a server that chooses its port \
                 itself is started by hand and named with --url",
            ));
        }
        Ok(manifest)
    }

    /// The TOML as it is recorded: without the values of `env`, and without user names and passwords of URLs.
    pub fn recorded(&self) -> String {
        without_values(&self.source, &self.secrets)
    }

    /// The same target, started by another command, as it is typed into a shell that knows no more than quotes.
    ///
    /// `words`: the program and its arguments, with the placeholders of a manifest.
    pub fn with_command(&self, words: &[String]) -> Result<Self, SourceError> {
        let source = words.join(" ");
        let text = text(&source, "the command of the base");
        let spanned = |word: &String| Spanned::new(0..source.len(), word.clone());
        let filler = Filler {
            text: &text,
            needs: self.needs,
        };
        let (program, args) = match words {
            [program, args @ ..] => (spanned(program), args),
            [] => (spanned(&String::new()), words),
        };
        let args = Spanned::new(0..source.len(), args.iter().map(spanned).collect());
        let manifest = Self {
            command: filler.command(&program)?,
            args: filler.templates("args", &args, Use::Launch)?,
            // At the end, so that what is said of places in it stays true.
            source: format!("{}\n# Started by another command: {source}\n", self.source),
            ..self.clone()
        };
        if !manifest.knows_where() {
            let help = "write `{port}` where it takes one";
            return Err(text.error(0..source.len(), NO_PORT, help));
        }
        Ok(manifest)
    }

    /// Whether it is started with the port or the socket to listen on.
    fn knows_where(&self) -> bool {
        self.names(Placeholder::Port) || self.listens_on_socket()
    }

    /// Whether it takes the path of a Unix socket to listen on.
    pub fn listens_on_socket(&self) -> bool {
        self.names(Placeholder::Socket)
    }

    /// Where it may be reached, started with these values: at its `url`, or at its port of the host. On [`DEFAULT_HOST`] that may
    /// be the loopback of IPv6 as well, where a server was not given the address.
    pub fn addresses(&self, values: &Values) -> Result<Vec<Address>, AddressError> {
        let Some(url) = &self.url else {
            let hosts = if values.host == DEFAULT_HOST {
                &LOOPBACK[..]
            } else {
                std::slice::from_ref(&values.host)
            };
            let addr = |&host| Address::from(SocketAddr::new(host, values.port));
            return Ok(hosts.iter().map(addr).collect());
        };
        Address::parse_base(&url.fill(values)).map(|address| vec![address])
    }

    /// Whether it is reached over TLS.
    pub fn is_secured(&self) -> bool {
        // Whatever the port.
        let values = Values {
            port: 1,
            ..Values::default()
        };
        self.addresses(&values)
            .is_ok_and(|addresses| addresses.iter().any(|address| address.is_secured))
    }

    /// Whether it takes the address of the upstream.
    pub fn calls_upstream(&self) -> bool {
        self.names(Placeholder::Upstream)
    }

    /// Whether it takes how many threads its pool for blocking work has.
    pub fn takes_pool(&self) -> bool {
        self.names(Placeholder::Pool)
    }

    /// The error of a difference that the caller, who knows the cases, refused, in the same look as every other error of a manifest.
    ///
    /// `difference_index`: which of `differences`; `message`: what is wrong; `help`: what to do about it.
    pub fn difference_error(
        &self,
        difference_index: usize,
        message: &str,
        help: &str,
    ) -> SourceError {
        text(&self.source, &self.file_name).error(
            self.differences[difference_index].place.clone(),
            message,
            help,
        )
    }

    /// Whether it is started with the directory of the files that `/file/{kib}` reads.
    pub fn reads_files(&self) -> bool {
        self.names(Placeholder::DataDir)
    }

    fn names(&self, placeholder: Placeholder) -> bool {
        let hole = Piece::Hole(placeholder);
        std::iter::once(&self.command)
            .chain(&self.args)
            .chain(self.env.values())
            .any(|template| template.0.contains(&hole))
    }

    /// Whether it takes how many workers it has.
    pub fn takes_workers(&self) -> bool {
        self.names(Placeholder::Workers)
    }

    /// The same target with so many workers.
    pub fn with_workers(&self, workers: NonZeroU32) -> Result<Self, SourceError> {
        let line = format!("workers = {workers}");
        let mut source = self.source.clone();
        match &self.workers_place {
            Some(place) => source.replace_range(place.clone(), &workers.to_string()),
            // Before all else, where no table has begun yet.
            None => source.insert_str(0, &format!("{line}\n")),
        }
        Self::parse_as(Some(&self.name), &source, &self.file_name)
    }

    /// Whether `target`, a path with or without a query, is of a route that it serves with so many workers.
    pub fn serves(&self, target: &str, workers: u32) -> bool {
        let route = route_of(target);
        let is_named = |routes: &[String]| routes.iter().any(|named| named == route);
        !is_named(&self.without) && (workers == 1 || !is_named(&self.alone))
    }

    /// How many workers it has on so many cores.
    pub fn workers_on(&self, cores: u32) -> u32 {
        match self.workers {
            Workers::Fixed(workers) => workers.get(),
            Workers::Cores => cores.max(1),
        }
    }
}

/// Where values stand that are more than one placeholder.
fn secrets(env: &BTreeMap<Spanned<String>, Spanned<String>>, source: &str) -> Vec<Range<usize>> {
    let is_placeholder = |text: &str| {
        let name = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        name.is_some_and(|name| PLACEHOLDERS.iter().any(|(known, _)| *known == name))
    };
    let values = env
        .values()
        .filter(|value| !is_placeholder(value.get_ref()));
    let mut places: Vec<Range<usize>> = values.map(Spanned::span).collect();
    places.retain(|place| source.get(place.clone()).is_some());
    places.sort_by_key(|place| place.start);
    places
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
    Host,
    /// [`Placeholder::Host`] in a URL, where an IPv6 address stands in brackets.
    HostOfUrl,
    Port,
    Socket,
    DataDir,
    Upstream,
    Pool,
    Workers,
    Bench,
    ServerDir,
    Interpreter(Runtime),
}

const PLACEHOLDERS: [(&str, Placeholder); 13] = [
    ("host", Placeholder::Host),
    ("port", Placeholder::Port),
    ("socket", Placeholder::Socket),
    ("data_dir", Placeholder::DataDir),
    ("upstream", Placeholder::Upstream),
    ("pool", Placeholder::Pool),
    ("workers", Placeholder::Workers),
    ("bench", Placeholder::Bench),
    ("server_dir", Placeholder::ServerDir),
    ("node", Placeholder::Interpreter(Runtime::Node)),
    ("bun", Placeholder::Interpreter(Runtime::Bun)),
    ("deno", Placeholder::Interpreter(Runtime::Deno)),
    ("python", Placeholder::Interpreter(Runtime::Python)),
];

/// What stands for the placeholders in one launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// `{host}`: the address where it must listen.
    pub host: IpAddr,
    /// `{port}`: where it must listen, on that address.
    pub port: u16,
    /// `{socket}`: the Unix socket where it must listen. Empty where [`Manifest::listens_on_socket`] is not.
    pub socket: String,
    /// `{data_dir}`: the files that `/file/{kib}` reads.
    pub data_dir: String,
    /// `{upstream}`: the backend's address, host and port. Empty where [`Manifest::calls_upstream`] is not.
    pub upstream: String,
    /// `{pool}`: threads for blocking work.
    pub pool: u32,
    /// `{workers}`: see [`Manifest::workers_on`].
    pub workers: u32,
    /// `{bench}`: this program.
    pub bench: String,
    /// `{server_dir}`: where the files of the server that the manifest needs were put; `{node}`, `{bun}`, `{deno}` and
    /// `{python}`: what runs them. Empty where nothing was set up, which no manifest can refer to then.
    pub server_dir: String,
    /// See `server_dir`.
    pub interpreter: String,
}

impl Default for Values {
    /// Nothing, on [`DEFAULT_HOST`].
    fn default() -> Self {
        Self {
            host: DEFAULT_HOST,
            port: 0,
            socket: String::new(),
            data_dir: String::new(),
            upstream: String::new(),
            pool: 0,
            workers: 0,
            bench: String::new(),
            server_dir: String::new(),
            interpreter: String::new(),
        }
    }
}

impl Template {
    /// The text with every hole filled in.
    pub fn fill(&self, values: &Values) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Hole(Placeholder::Host) => values.host.to_string(),
            Piece::Hole(Placeholder::HostOfUrl) => match values.host {
                IpAddr::V4(host) => host.to_string(),
                IpAddr::V6(host) => format!("[{host}]"),
            },
            Piece::Hole(Placeholder::Port) => values.port.to_string(),
            Piece::Hole(Placeholder::Socket) => values.socket.clone(),
            Piece::Hole(Placeholder::DataDir) => values.data_dir.clone(),
            Piece::Hole(Placeholder::Upstream) => values.upstream.clone(),
            Piece::Hole(Placeholder::Pool) => values.pool.to_string(),
            Piece::Hole(Placeholder::Workers) => values.workers.to_string(),
            Piece::Hole(Placeholder::Bench) => values.bench.clone(),
            Piece::Hole(Placeholder::ServerDir) => values.server_dir.clone(),
            Piece::Hole(Placeholder::Interpreter(_)) => values.interpreter.clone(),
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
            Self::Hup => "SIGHUP",
            Self::Usr1 => "SIGUSR1",
            Self::Usr2 => "SIGUSR2",
            Self::Winch => "SIGWINCH",
        })
    }
}

fn text<'a>(source: &'a str, file_name: &'a str) -> Text<'a> {
    Text {
        source,
        file_name,
        examples: "docs/targets.md shows manifests to start from",
    }
}

/// The file as it is written, before anything about it is believed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    description: Option<Spanned<String>>,
    runtime: Option<Spanned<String>>,
    #[serde(rename = "loop")]
    event_loop: Option<Spanned<String>>,
    command: Spanned<String>,
    #[serde(default = "nothing")]
    args: Spanned<RawCommand>,
    #[serde(default = "nothing")]
    env: Spanned<BTreeMap<Spanned<String>, Spanned<String>>>,
    url: Option<Spanned<String>>,
    cacert: Option<PathBuf>,
    insecure: Option<bool>,
    ready: Option<Spanned<String>>,
    ready_timeout: Option<Spanned<String>>,
    version: Option<Spanned<RawVersion>>,
    workers: Option<Spanned<RawWorkers>>,
    stop: Option<StopSignal>,
    stop_timeout: Option<Spanned<String>>,
    needs: Option<Needs>,
    #[serde(default = "nothing")]
    without: Spanned<RawCommand>,
    #[serde(default = "nothing")]
    alone: Spanned<RawCommand>,
    claims_concurrency: Option<bool>,
    strict_http: Option<bool>,
    factors: Option<Factors>,
    #[serde(default = "nothing")]
    differences: Spanned<Vec<RawDifference>>,
}

fn nothing<T: Default>() -> Spanned<T> {
    Spanned::new(0..0, T::default())
}

/// A program and its arguments, word by word: nothing is split, and no shell reads it.
type RawCommand = Vec<Spanned<String>>;

/// One command, or one for each of several things.
enum RawVersion {
    One(RawCommand),
    Several(BTreeMap<Spanned<String>, Spanned<RawCommand>>),
}

// By hand, since what serde derives for a choice without a tag loses the places.
impl<'de> Deserialize<'de> for RawVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = RawVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command as a list, or a table of such lists")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<RawVersion, A::Error> {
                let mut command = Vec::new();
                while let Some(word) = words.next_element()? {
                    command.push(word);
                }
                Ok(RawVersion::One(command))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawVersion, A::Error> {
                let mut commands = BTreeMap::new();
                while let Some((of, command)) = entries.next_entry()? {
                    commands.insert(of, command);
                }
                Ok(RawVersion::Several(commands))
            }
        }

        deserializer.deserialize_any(OneOrSeveral)
    }
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

/// How a server is reached by its manifest, beside which a file of authorities is looked for.
fn access(raw: &Raw, file_name: &str) -> Access {
    let dir = Path::new(file_name).parent();
    let beside = |path: &PathBuf| dir.unwrap_or(Path::new("")).join(path);
    let only = raw
        .cacert
        .as_ref()
        .map(|path| TrustSpec::Only(beside(path)));
    Access {
        trust: match raw.insecure {
            Some(true) => TrustSpec::Anyone,
            Some(false) | None => only.unwrap_or_default(),
        },
        ..Access::default()
    }
}

/// What a template is for, which decides what may be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// To start the server.
    Launch,
    /// To reach it.
    Url,
    /// To ask for a version, before there is a server.
    Version,
}

/// Reads templates in a manifest that needs this.
struct Filler<'a> {
    text: &'a Text<'a>,
    needs: Option<Needs>,
}

impl Filler<'_> {
    fn command(&self, value: &Spanned<String>) -> Result<Template, SourceError> {
        if value.get_ref().is_empty() {
            let help = "name a program, as in `command = \"./my-server\"`";
            return Err(self.text.error(value.span(), "`command` is empty", help));
        }
        self.template(value, Use::Launch)
    }

    fn env(
        &self,
        values: &Spanned<BTreeMap<Spanned<String>, Spanned<String>>>,
    ) -> Result<BTreeMap<String, Template>, SourceError> {
        at_most(
            self.text,
            "env",
            values.span(),
            values.get_ref().len(),
            MAX_ENTRIES,
        )?;
        let each = values.get_ref().iter();
        each.map(|(key, value)| {
            let name = key.get_ref();
            if name.is_empty() || name.contains(['=', '\0']) {
                let what = "a variable's name is not empty and has no `=`";
                let help = "write it as in `env = { NODE_ENV = \"production\" }`";
                return Err(self.text.error(key.span(), what, help));
            }
            Ok((name.clone(), self.template(value, Use::Launch)?))
        })
        .collect()
    }

    /// Where it is reached once it is started.
    fn url(&self, raw: &Raw) -> Result<Option<Template>, SourceError> {
        let Some(value) = &raw.url else {
            return Ok(None);
        };
        let template = self.template(value, Use::Url)?;
        // As it may be filled in.
        let values = Values {
            port: u16::MAX,
            socket: "/tmp/socket".to_owned(),
            ..Values::default()
        };
        match Address::parse_base(&template.fill(&values)) {
            Ok(_) => Ok(Some(template)),
            Err(AddressError { what, help }) => Err(self.text.error(value.span(), what, help)),
        }
    }

    /// What has a version, and the command that prints it: `runtime`, where only one command is given.
    fn versions(
        &self,
        raw: &Raw,
        runtime: &str,
    ) -> Result<BTreeMap<String, Vec<Template>>, SourceError> {
        let Some(version) = &raw.version else {
            return Ok(BTreeMap::new());
        };
        let commands = match version.get_ref() {
            RawVersion::One(words) => {
                let command = self.version(words, version.span())?;
                return Ok(BTreeMap::from([(runtime.to_owned(), command)]));
            }
            RawVersion::Several(commands) => commands,
        };
        at_most(
            self.text,
            "version",
            version.span(),
            commands.len(),
            MAX_VERSIONS,
        )?;
        if !commands.contains_key(runtime) {
            return Err(self.text.error(
                version.span(),
                format!(
                    "`version` does not tell that of `{}`",
                    names::shortened(runtime)
                ),
                "give `runtime`'s own version as well: the two stand beside each other in legends",
            ));
        }
        let each = commands.iter();
        each.map(|(of, command)| {
            let of = words(self.text, "version", of, MAX_LABEL_CHARS)?;
            Ok((of, self.version(command.get_ref(), command.span())?))
        })
        .collect()
    }

    fn version(
        &self,
        words: &RawCommand,
        span: Range<usize>,
    ) -> Result<Vec<Template>, SourceError> {
        if words
            .first()
            .is_none_or(|program| program.get_ref().is_empty())
        {
            let help = "write the command that prints it, as in `[\"node\", \"--version\"]`";
            return Err(self.text.error(span, "a version needs a command", help));
        }
        at_most(self.text, "version", span, words.len(), MAX_ENTRIES)?;
        let each = words.iter();
        each.map(|word| self.template(word, Use::Version)).collect()
    }

    fn templates(
        &self,
        key: &str,
        values: &Spanned<RawCommand>,
        purpose: Use,
    ) -> Result<Vec<Template>, SourceError> {
        at_most(
            self.text,
            key,
            values.span(),
            values.get_ref().len(),
            MAX_ENTRIES,
        )?;
        let each = values.get_ref().iter();
        each.map(|value| self.template(value, purpose)).collect()
    }

    fn template(&self, value: &Spanned<String>, purpose: Use) -> Result<Template, SourceError> {
        let source = value.get_ref();
        let error = |what: String, help: &str| Err(self.text.error(value.span(), what, help));
        if source.len() > MAX_ARG_BYTES || source.contains('\0') {
            return error(
                format!("an argument has at most {MAX_ARG_BYTES} bytes, none of them zero"),
                "put it into a file, and name that",
            );
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
                return error(
                    format!("a lone `{brace}`"),
                    &format!("write `{brace}{brace}` where the brace itself is meant"),
                );
            };
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Hole(self.placeholder(value, name, purpose)?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Template(pieces))
    }

    fn placeholder(
        &self,
        value: &Spanned<String>,
        name: &str,
        purpose: Use,
    ) -> Result<Placeholder, SourceError> {
        let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
        let Some(&(_, placeholder)) = known else {
            let known = PLACEHOLDERS.map(|(known, _)| known.to_owned()).to_vec();
            let nearest =
                names::nearest(name, PLACEHOLDERS.map(|(known, _)| known)).map(str::to_owned);
            let what = format!("nothing is filled in for `{{{}}}`", names::shortened(name));
            return Err(self.text.unknown(value.span(), what, known, nearest));
        };
        let needed = self.needs.map(|needs| needs.runtime);
        let missing = match placeholder {
            Placeholder::Interpreter(runtime) if needed != Some(runtime) => {
                Some(format!("needs = \"{}\"", runtime.name()))
            }
            Placeholder::ServerDir if needed.is_none() => {
                Some("needs = \"node\"` or `needs = \"python\"".to_owned())
            }
            _ => None,
        };
        if let Some(line) = missing {
            let what = format!("`{{{name}}}` is only known where it is set up");
            let help = format!("add `{line}`, or name a program of your own");
            return Err(self.text.error(value.span(), what, help));
        }
        let is_of_a_launch = matches!(
            placeholder,
            Placeholder::Host | Placeholder::Port | Placeholder::Upstream
        );
        if is_of_a_launch && purpose == Use::Version {
            let what = format!("`{{{name}}}` is not known before a server is started");
            let help = "ask for the version without a server, as in `[\"node\", \"--version\"]`";
            return Err(self.text.error(value.span(), what, help));
        }
        Ok(match (placeholder, purpose) {
            (Placeholder::Host, Use::Url) => Placeholder::HostOfUrl,
            _ => placeholder,
        })
    }
}

fn at_most(
    text: &Text<'_>,
    key: &str,
    span: Range<usize>,
    count: usize,
    limit: usize,
) -> Result<(), SourceError> {
    if count <= limit {
        return Ok(());
    }
    let what = format!("`{key}` has {count} entries; at most {limit} are taken");
    Err(text.error(span, what, "put them into a file or a script of yours"))
}

fn words(
    text: &Text<'_>,
    key: &str,
    value: &Spanned<String>,
    limit: usize,
) -> Result<String, SourceError> {
    let trimmed = value.get_ref().trim();
    let fits = (1..=limit).contains(&trimmed.chars().count());
    if !fits || trimmed.contains(char::is_control) {
        let what = format!("`{key}` must be a line of 1 to {limit} characters");
        let help = "say it in a few words: it stands in lists and legends";
        return Err(text.error(value.span(), what, help));
    }
    Ok(trimmed.to_owned())
}

/// What a command starts, as `node` of `/usr/bin/node` and of `{node}`: a runtime's name where the manifest has none.
fn program(command: &str) -> String {
    let name = command.rsplit('/').next().unwrap_or_default();
    let is_shown = |c: &char| !c.is_control() && !matches!(c, '{' | '}');
    let name: String = name
        .chars()
        .filter(is_shown)
        .take(MAX_LABEL_CHARS)
        .collect();
    if name.trim().is_empty() {
        return "a program".to_owned();
    }
    name.trim().to_owned()
}

fn differences(
    text: &Text<'_>,
    raw: &Spanned<Vec<RawDifference>>,
) -> Result<Vec<Difference>, SourceError> {
    at_most(
        text,
        "differences",
        raw.span(),
        raw.get_ref().len(),
        MAX_ENTRIES,
    )?;
    let mut read: Vec<Difference> = Vec::new();
    for RawDifference { case, why } in raw.get_ref() {
        let difference = Difference {
            case: words(text, "case", case, MAX_SENTENCE_CHARS)?,
            why: words(text, "why", why, MAX_SENTENCE_CHARS)?,
            place: case.span(),
        };
        if read.iter().any(|known| known.case == difference.case) {
            let what = format!("`{}` is there twice", difference.case);
            return Err(text.error(case.span(), what, "give both reasons in one"));
        }
        read.push(difference);
    }
    Ok(read)
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

/// Routes by the first part of their paths.
fn routes(
    text: &Text<'_>,
    key: &str,
    raw: &Spanned<RawCommand>,
) -> Result<Vec<String>, SourceError> {
    at_most(text, key, raw.span(), raw.get_ref().len(), MAX_ENTRIES)?;
    let each = raw.get_ref().iter();
    each.map(|route| {
        let name = route.get_ref();
        if name.len() > 1 && route_of(name) == name {
            return Ok(name.clone());
        }
        let help = "write the first part of its path, as in `without = [\"/chat\"]`";
        Err(text.error(
            route.span(),
            format!("`{key}` names what is no route"),
            help,
        ))
    })
    .collect()
}

/// The first part of a path: `/sleep` of `/sleep/5?x=1`.
fn route_of(target: &str) -> &str {
    let rest = target.strip_prefix('/').unwrap_or(target);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    &target[..target.len() - rest.len() + end]
}

fn timeout(
    text: &Text<'_>,
    value: Option<&Spanned<String>>,
    usual: Duration,
) -> Result<Duration, SourceError> {
    let Some(value) = value else {
        return Ok(usual);
    };
    let duration = text.duration(value)?;
    if duration > MAX_TIMEOUT {
        let what = format!("a wait of more than {} s", MAX_TIMEOUT.as_secs());
        let help = "give less time: a server that takes longer will hardly be measured";
        return Err(text.error(value.span(), what, help));
    }
    Ok(duration)
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
