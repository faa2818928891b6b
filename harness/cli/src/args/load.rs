//! The arguments of `bench load`.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use load::{Endpoint, Expect, ExpectBody, Options, Request, SUCCESS_OR_REDIRECT, Spin, Workload};
use model::record::sweep::objective;
use model::spec::access::Access;
use model::spec::address::{Address, AddressError, Place};
use model::spec::load::{Arrival, Connect, Load, MAX_REQUESTS, Process};
use model::spec::part::Part;
use model::spec::scenario::{ObjectiveRecord, RequestRecord};
use model::units::{MAX_DURATION, Rate, parse_duration};
use process::cores::CpuList;
use process::failure::{Explain, Failure};
use process::reach::Reach;
use process::{cores, files};
use runner::own::{self, HeaderError};
use runner::replay::{MAX_REPLAY_BYTES, Replay, Replayed, SPEEDS};
use runner::workload;

use crate::args::shared::{AccessArgs, ClockArgs, at_least_one};

/// How long to measure, where neither a time nor a number of requests was asked for.
const DURATION: Duration = Duration::from_secs(10);

/// The shortest time that can be measured.
const MIN_DURATION: Duration = Duration::from_millis(1);

/// How long replies may still come after the last scheduled request.
const DRAIN: Duration = Duration::from_secs(1);

/// The length of one interval of the time series.
const INTERVAL: Duration = Duration::from_secs(1);

/// Largest request body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench load http://127.0.0.1:8080/                    closed loop, 10 seconds
  bench load http://127.0.0.1:8080/ -c 100 -R 1000     1,000 requests a second
  bench load http://127.0.0.1:8080/ -n 10000 --json    10,000 requests, as JSON
  bench load http://api.test/a http://api.test/b -R 200    two paths of one server, equally often
  bench load http://127.0.0.1:8080/ -R 200 --slo p99=50ms  exit code 99 where p99 is longer
  bench load https://127.0.0.1:8443/ --insecure        accept any certificate
  bench load http://127.0.0.1:8080 --replay access.log --speed 2
  bench load http://api.test:8080/ -R 40000 --part 1/2     half of it: another machine sends 2/2

Without -R the loop is closed: each connection sends its next request after the reply. This measures capacity. \
With -R the loop is open: requests are sent on a schedule, whatever the server does, and response time counts from \
the scheduled time. This measures latency. Connections are opened before the first request; connect and TLS \
handshake times are reported separately.")]
pub(crate) struct LoadArgs {
    /// What to request, as http://host:port/path?query, or https://. Several of one server are requested equally often
    ///
    /// Without a scheme it is http. The path is sent as typed. `user:password@` before the host is sent as Basic
    /// authentication.
    #[arg(value_name = "URL", required = true, num_args = 1..=MAX_REQUESTS)]
    pub(crate) url: Vec<String>,

    /// Connections.
    #[arg(long, short, value_name = "N", default_value = "50", value_parser = at_least_one::<NonZeroU32>)]
    pub(crate) connections: NonZeroU32,

    /// Requests a second, as `1000` or `20k`; without it the loop is closed.
    #[arg(long, short = 'R', value_name = "RATE")]
    pub(crate) rate: Option<Rate>,

    /// How long to measure
    ///
    /// [default: 10s, or until all requests of -n are answered]
    #[arg(long, short, visible_short_alias = 'z', value_name = "TIME", value_parser = parse_measured)]
    pub(crate) duration: Option<Duration>,

    /// Warm-up: load before the measurement, not recorded.
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    pub(crate) warmup: Duration,

    /// Number of requests; with -d, stop at the time limit if it comes first.
    #[arg(long, short = 'n', value_name = "N", value_parser = at_least_one::<NonZeroU64>)]
    pub(crate) requests: Option<NonZeroU64>,

    /// Open a new connection for each request; -c then limits how many are open at a time.
    #[arg(long)]
    pub(crate) disable_keepalive: bool,

    /// Distribution of the gaps between scheduled requests.
    #[arg(long, value_enum, default_value = "constant", requires = "rate")]
    pub(crate) arrival: ArrivalName,

    /// An SLO, as `p99=50ms`: exit with code 99 where it is missed. May be repeated.
    #[arg(long, value_name = "PERCENTILE=TIME", value_parser = objective::parse)]
    pub(crate) slo: Vec<ObjectiveRecord>,

    /// Write response time by percentile to this file, as HdrHistogram's plotter reads it.
    #[arg(long, value_name = "FILE")]
    pub(crate) hdr: Option<PathBuf>,

    /// Write a page of the result to this file: percentiles, histogram, status codes.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Time after which an unanswered request has failed.
    #[arg(long, value_name = "TIME", value_parser = time_out, default_value = "5s")]
    pub(crate) timeout: Duration,

    /// Request method
    ///
    /// [default: GET, or POST with -D]
    #[arg(long, short = 'X', value_name = "METHOD", value_parser = own::method)]
    pub(crate) method: Option<String>,

    /// A request header, as `Name: value`; `Host` replaces the host of the URL there. May be repeated.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,

    /// Request body; `@FILE` reads it from a file, `@-` from standard input.
    #[arg(long, short = 'D', value_name = "TEXT|@FILE")]
    pub(crate) body: Option<String>,

    /// Send the requests of this file in its order, each once: lines as `GET /users/42` or as JSON, or the access log of a web server
    /// with its gaps in time; `-` is standard input. The path of the URL stands before theirs
    ///
    /// As JSON: `{"method": "POST", "path": "/users", "headers": ["X-Id: 1"], "body": "{}", "at_ms": 250}`, of which only the path is
    /// needed. A log has the common or combined format. Lines without a time are sent at -R, or in a closed loop; with -n or -d
    /// they begin again at the end.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "body", "warmup"])]
    pub(crate) replay: Option<PathBuf>,

    /// How many times as fast as its times say a file is replayed
    ///
    /// [default: 1]
    #[arg(long, value_name = "FACTOR", requires = "replay", conflicts_with = "rate", value_parser = speed)]
    pub(crate) speed: Option<f64>,

    /// The status that counts as success
    ///
    /// [default: 200 to 399]
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(100..=599))]
    pub(crate) expect_status: Option<u16>,

    #[command(flatten)]
    pub(crate) access: AccessArgs,

    /// Connect to this Unix socket instead; the URL says what is requested there.
    #[arg(long, value_name = "PATH", conflicts_with = "connect_to")]
    pub(crate) unix_socket: Option<PathBuf>,

    /// Cores of the load generator, one thread each, as `0` or `0-3`
    ///
    /// [default: one thread, on a core that the system chooses as free]
    #[arg(long, value_name = "LIST")]
    pub(crate) load_cpus: Option<CpuList>,

    /// In an open loop, busy-wait for scheduled times and replies: precise to a microsecond, but needs cores that nothing
    /// else uses, the server in particular.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) spin: SpinChoice,

    #[command(flatten)]
    pub(crate) clock: ClockArgs,

    /// Seed of the arrivals.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Send only one of several equal parts of this load, as `2/4`; other machines send the others
    ///
    /// Started with the same arguments but for K, as many machines as there are parts send together what one would: each request of the
    /// same schedule once, and a share of the connections each. They don't wait for one another, and each prints what it measured
    /// itself.
    #[arg(long, value_name = "K/N", default_value_t, hide_default_value = true)]
    pub(crate) part: Part,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// End when this process ends. Set by `bench calibrate`.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<i32>,
}

/// How long a reply may take: not nothing.
fn time_out(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() {
        return Err(
            "every request would time out at once: give 1h to wait for every reply".to_owned(),
        );
    }
    Ok(duration)
}

/// How many times as fast a file is replayed.
fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| SPEEDS.contains(speed));
    speed.ok_or_else(|| {
        format!(
            "write a number from {} to {}, as 2",
            SPEEDS.start(),
            SPEEDS.end()
        )
    })
}

/// What is loaded, and how.
#[derive(Debug)]
pub(crate) struct LoadRequest {
    /// What is requested, as it is sent and may be printed: without a password.
    pub(crate) shown: String,
    /// What is sent here by itself, which is the load unless it is shared.
    pub(crate) own: Load,
    /// What is probably missing in what was typed.
    pub(crate) hint: Option<&'static str>,
    /// How much, when, and for how long.
    pub(crate) load: Load,
    /// Where it is sent.
    pub(crate) endpoint: Endpoint,
    /// What is sent.
    pub(crate) workload: Workload,
    /// What the requests are called, where there are several URLs.
    pub(crate) kinds: Vec<RequestRecord>,
    /// The threads that send it.
    pub(crate) options: Options,
}

impl LoadArgs {
    /// What is loaded, and how; an address that has several is asked which of them listens.
    pub(crate) fn request(&self) -> Result<LoadRequest, Failure> {
        let (Reach { endpoint, address }, others) = self.reach()?;
        let mut headers = headers(&self.header)?;
        let host = own::take_host(&mut headers).map_err(refused)?;
        let host = host.as_ref().unwrap_or(&address.authority);
        // A header that was typed replaces the one of the URL, as with curl.
        let authorization = address
            .authorization
            .as_deref()
            .filter(|_| !own::has(&headers, "authorization"));
        let body = self.body.as_deref().map(body).transpose()?;
        let hint = (body.as_deref().is_some_and(looks_like_json) && !own::has(&headers, "content-type")).then_some(
            "The body looks like JSON and is sent without a Content-Type: add -H 'Content-Type: application/json'.",
        );
        let replay = self.replayed()?;
        let method = self.method.as_deref().unwrap_or(match body {
            Some(_) => "POST",
            None => "GET",
        });
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(authorization.map(|value| ("Authorization", value)))
            .chain(workload::connection(self.connect()))
            .collect();
        let expect = Expect {
            statuses: vec![
                self.expect_status
                    .map_or(SUCCESS_OR_REDIRECT, |status| status..=status),
            ],
            body: ExpectBody::Any,
        };
        let targets: Vec<&str> = std::iter::once(&address)
            .chain(&others)
            .map(|each| each.target.as_str())
            .collect();
        let requests = match &replay {
            None => targets
                .iter()
                .map(|target| {
                    Request::new(
                        method,
                        target,
                        host,
                        &headers,
                        body.as_deref(),
                        expect.clone(),
                    )
                })
                .collect(),
            Some(_) if targets.len() > 1 => {
                return Err(Failure::usage(miette::miette!(
                    help = "name one URL, whose path stands before those of the file",
                    "--replay says which paths are requested, and {} URLs are given",
                    targets.len()
                )));
            }
            Some(replay) => {
                if address.target.contains('?') {
                    return Err(Failure::usage(miette::miette!(
                        help = "leave the query out: the requests of the file have theirs",
                        "`{address}` has a query, and paths follow it"
                    )));
                }
                let one = |one: &Replayed| {
                    let own = one.headers.iter();
                    let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
                    let headers: Vec<(&str, &str)> = headers.iter().copied().chain(own).collect();
                    let body = one.body.as_deref().map(str::as_bytes);
                    let target = address.join(&one.target);
                    Request::new(&one.method, &target, host, &headers, body, expect.clone())
                };
                vec![Request::in_order(
                    replay.requests.iter().map(one),
                    expect.clone(),
                )]
            }
        };
        let shown = match (&self.replay, &replay) {
            (Some(path), Some(replay)) => format!(
                "{} requests of {} at {address}",
                replay.requests.len(),
                path.display()
            ),
            _ => shown(method, &address, &targets[1..]),
        };
        let (load, own) = self.loads(replay.as_ref())?;
        let share = 1.0 / targets.len() as f64;
        let kind = |target: &&str| RequestRecord {
            request: format!("{method} {target}"),
            share,
        };
        Ok(LoadRequest {
            shown,
            hint,
            own,
            load,
            endpoint,
            kinds: targets.iter().map(kind).collect(),
            workload: Workload::new(requests),
            options: self.options()?,
        })
    }

    /// The requests of a file, where one was named.
    fn replayed(&self) -> Result<Option<Replay>, Failure> {
        let Some(path) = &self.replay else {
            return Ok(None);
        };
        let help = "name a file with a request a line, or an access log";
        let name = path.display().to_string();
        let text = files::read_text(path, MAX_REPLAY_BYTES)
            .or_usage(|| format!("cannot read {name}"), help)?;
        let speed = self.speed.unwrap_or(1.0);
        let replay = Replay::parse(&text, &name, speed).map_err(|error| {
            Failure::usage(miette::miette!(help = error.help, "{}", error.what))
        })?;
        if self.speed.is_some() && replay.times.is_none() {
            return Err(Failure::usage(miette::miette!(
                help = "give a rate with -R, or leave --speed out",
                "{name} doesn't say when its requests are sent, so --speed means nothing"
            )));
        }
        Ok(Some(replay))
    }

    /// The load, and this part of it by itself.
    fn loads(&self, replay: Option<&Replay>) -> Result<(Load, Load), Failure> {
        let load = self.load(replay);
        let own = load.part(self.part).ok_or_else(|| {
            Failure::usage(miette::miette!(
                help = "give at least as many connections (-c) as there are parts",
                "each part needs a connection of its own: -c {} is too few for --part {}",
                load.connections,
                self.part
            ))
        })?;
        Ok((load, own))
    }

    fn load(&self, replay: Option<&Replay>) -> Load {
        let times = replay.and_then(|replay| replay.times.as_deref());
        let count = replay.map(|replay| replay.requests.len() as u64);
        let asked = self.requests.map(NonZeroU64::get);
        let is_listed = times.is_some() && self.rate.is_none();
        let request_limit = match count {
            // After the last time nothing more is sent.
            Some(count) if is_listed => Some(asked.map_or(count, |asked| asked.min(count))),
            Some(count) if asked.is_none() && self.duration.is_none() => Some(count),
            _ => asked,
        };
        let arrival = match (self.rate, times) {
            (None, None) => Arrival::Closed,
            (None, Some(times)) => Arrival::Listed {
                times: times.into(),
            },
            (Some(rate), _) => Arrival::Open {
                rate,
                process: self.arrival.into(),
            },
        };
        Load {
            arrival,
            connections: self.connections,
            connect: self.connect(),
            idle_connections: 0,
            warmup: self.warmup,
            duration: self.duration(request_limit),
            // Where the number of requests ends the run, all of them are waited for.
            drain: if request_limit.is_some() {
                self.timeout
            } else {
                DRAIN.min(self.timeout)
            },
            timeout: self.timeout,
            request_limit,
            interval: INTERVAL,
            seed: self.seed,
            goodput: None,
        }
    }

    /// As long as was asked for. Where a number of requests was asked for and no time, their number alone ends the load.
    fn duration(&self, request_limit: Option<u64>) -> Duration {
        match (self.duration, request_limit) {
            (Some(duration), _) => duration,
            (None, Some(_)) => MAX_DURATION,
            (None, None) => DURATION,
        }
    }

    fn connect(&self) -> Connect {
        if self.disable_keepalive {
            Connect::PerRequest
        } else {
            Connect::Once
        }
    }

    fn options(&self) -> Result<Options, Failure> {
        let cpus = match &self.load_cpus {
            None => Vec::new(),
            Some(list) => {
                cores::divide(&cores::available(), None, Some(list))
                    .map_err(Failure::usage_of)?
                    .load_cpus
            }
        };
        let spin = match self.spin {
            SpinChoice::Always => Spin::Always,
            SpinChoice::Never => Spin::Never,
            SpinChoice::Auto if !cpus.is_empty() => Spin::Always,
            // Affinity and the control group's quota both bound it.
            SpinChoice::Auto => match std::thread::available_parallelism() {
                Ok(cores) if cores.get() > 1 => Spin::WhereFree,
                _ => Spin::Never,
            },
        };
        Ok(Options {
            cpus,
            spin,
            clock: self.clock.chosen(),
            part: self.part,
            ..Options::default()
        })
    }

    /// Where it is sent, and what else is requested there.
    fn reach(&self) -> Result<(Reach, Vec<Address>), Failure> {
        let wrong =
            |AddressError { what, help }| Failure::usage(miette::miette!(help = help, "{what}"));
        let addresses = self.url.iter().map(|url| Address::parse(url));
        let addresses = addresses.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let [address, others @ ..] = addresses.as_slice() else {
            unreachable!("clap requires one");
        };
        let server = |address: &Address| Address {
            target: String::new(),
            ..address.clone()
        };
        if let Some(other) = others.iter().find(|other| server(other) != server(address)) {
            return Err(Failure::usage(miette::miette!(
                help = "compare two servers by `bench run` with a --url for each, or load them one after the other",
                "`{address}` and `{other}` are not of one server"
            )));
        }
        if let Some(path) = &self.unix_socket {
            Place::socket(path).map_err(wrong)?;
        }
        let access = Access {
            unix_socket: self.unix_socket.clone(),
            ..self.access.access()
        };
        Ok((Reach::of(address, &access)?, others.to_vec()))
    }
}

/// The arrival processes of an open loop, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrivalName {
    /// Equal gaps.
    Constant,
    /// Exponentially distributed gaps, as from many independent users.
    Poisson,
}

impl From<ArrivalName> for Process {
    fn from(name: ArrivalName) -> Self {
        match name {
            ArrivalName::Constant => Self::Constant,
            ArrivalName::Poisson => Self::Poisson,
        }
    }
}

/// When the load generator busy-waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpinChoice {
    /// With --load-cpus, and otherwise where there are two cores, as long as nothing else needs the one that it is on.
    #[default]
    Auto,
    /// Never: sleep until the scheduled time.
    Never,
    /// Always, even on cores that the server uses.
    Always,
}

/// What is requested, as it may be printed. `others`: further paths of the same server.
fn shown(method: &str, address: &Address, others: &[&str]) -> String {
    let first = match method {
        "GET" => address.to_string(),
        method => format!("{method} {address}"),
    };
    std::iter::once(first.as_str())
        .chain(others.iter().copied())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Names and values of headers as typed.
fn headers(lines: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let headers = lines.iter().map(|line| own::header(line));
    headers.collect::<Result<_, _>>().map_err(refused)
}

fn refused(HeaderError { what, help }: HeaderError) -> Failure {
    Failure::usage(miette::miette!(help = help, "{what}"))
}

/// How long to measure, at least [`MIN_DURATION`]; what looks like a body is answered with the option that takes one: curl and
/// hey call it -d.
fn parse_measured(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| {
        if text.starts_with(['{', '[', '@']) || text.contains('=') {
            "-d is how long to measure: give a request body with -D".to_owned()
        } else {
            error.to_string()
        }
    })?;
    if duration < MIN_DURATION {
        let min_ms = MIN_DURATION.as_millis();
        return Err(format!(
            "nothing can be measured in so short a time: give at least {min_ms}ms"
        ));
    }
    Ok(duration)
}

/// Whether a body is probably JSON: it is read as such by many a server only with its `Content-Type`.
fn looks_like_json(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    let ends = body.first().zip(body.last());
    matches!(ends, Some((b'{', b'}') | (b'[', b']')))
}

/// The body as text, or `@FILE`.
fn body(text: &str) -> Result<Vec<u8>, Failure> {
    let Some(name) = text.strip_prefix('@') else {
        return Ok(text.as_bytes().to_vec());
    };
    let help = "write the text itself, @FILE, or @- for standard input";
    if name.is_empty() {
        return Err(Failure::usage(miette::miette!(
            help = help,
            "`-D @` names no file for the body"
        )));
    }
    files::read(Path::new(name), MAX_BODY_BYTES)
        .or_usage(|| format!("cannot read the body from {name}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> LoadArgs {
        #[derive(clap::Parser)]
        struct Typed {
            #[command(flatten)]
            args: LoadArgs,
        }
        let parsed = <Typed as clap::Parser>::try_parse_from(line.split_whitespace());
        parsed.unwrap().args
    }

    /// The arguments as typed behind an address.
    fn args(typed: &str) -> LoadArgs {
        parsed(&format!("load http://127.0.0.1:1/ {typed}"))
    }

    /// What goes over the wire.
    fn sent_in(args: &LoadArgs) -> String {
        let request = args.request().unwrap();
        String::from_utf8(request.workload.requests()[0].bytes.clone()).unwrap()
    }

    fn sent_by(typed: &str) -> String {
        sent_in(&args(typed))
    }

    /// A number of requests used to be cut by the usual ten seconds.
    #[test]
    fn a_replay_ends_with_its_file_unless_more_is_asked_for() {
        let timed = "{\"path\": \"/a\", \"at_ms\": 10}\n{\"path\": \"/b\", \"at_ms\": 30}";
        let check = |text: &str, typed: &str| {
            let replay = Replay::parse(text, "log", 1.0).unwrap();
            let load = args(&format!("--replay log {typed}")).load(Some(&replay));
            (load.arrival.name(), load.request_limit, load.duration)
        };
        let untimed = "GET /a\nGET /b";
        assert_eq!(check(untimed, ""), ("closed", Some(2), MAX_DURATION));
        assert_eq!(check(untimed, "-n 5"), ("closed", Some(5), MAX_DURATION));
        assert_eq!(check(untimed, "-d 3s").1, None);
        assert_eq!(check(timed, ""), ("replay", Some(2), MAX_DURATION));
        assert_eq!(check(timed, "-n 5").1, Some(2));
        assert_eq!(check(timed, "-n 1").1, Some(1));
        assert_eq!(check(timed, "-R 10"), ("constant", Some(2), MAX_DURATION));
        for speed in ["0.001", "1000"] {
            assert!(super::speed(speed).is_ok(), "{speed}");
        }
        for speed in ["0", "-1", "0.0009", "1000.1", "NaN", "fast"] {
            assert!(super::speed(speed).is_err(), "{speed}");
        }
    }

    #[test]
    fn a_number_of_requests_without_a_time_is_ended_by_that_number_alone() {
        let seconds = Duration::from_secs;
        for (typed, duration, drain, limit) in [
            ("", DURATION, DRAIN, None),
            ("-n 9", MAX_DURATION, seconds(7), Some(9)),
            ("-n 9 -R 1", MAX_DURATION, seconds(7), Some(9)),
            ("-n 9 -d 3s", seconds(3), seconds(7), Some(9)),
            ("-d 3s", seconds(3), DRAIN, None),
        ] {
            let load = args(&format!("--timeout 7s {typed}")).load(None);
            assert_eq!((load.duration, load.drain), (duration, drain), "{typed}");
            assert_eq!(load.request_limit, limit, "{typed}");
        }
    }

    #[test]
    fn a_part_is_reported_as_what_it_is_by_itself() {
        let request = args("-c 5 -R 100 -n 11 --part 2/4").request().unwrap();
        let (load, own) = (request.load, request.own);
        let of = |load: &Load| {
            (
                load.connections.get(),
                load.request_limit,
                load.arrival.rate(),
            )
        };
        let per_s = |rate| Some(Rate::per_s(rate).unwrap());
        assert_eq!(of(&load), (5, Some(11), per_s(100.0)));
        assert_eq!(of(&own), (1, Some(3), per_s(25.0)));
        let whole = args("-c 5").request().unwrap();
        assert_eq!(whole.load, whole.own);
        let error = args("-c 3 --part 4/4").request().unwrap_err();
        let error = format!("{:?}", error.report);
        assert!(error.contains("-c 3 is too few for --part 4/4"), "{error}");
    }

    #[test]
    fn headers_are_read_and_those_that_would_break_the_request_refused() {
        let read = |line: &str| headers(&[line.to_owned()]);
        assert_eq!(
            read("Accept:  text/plain ").unwrap(),
            [("Accept".to_owned(), "text/plain".to_owned())]
        );
        for line in [
            "no colon",
            ": empty",
            "bad name: x",
            "X: a\r\nY: b",
            "Host: a/b",
            "Host:",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    /// `-H 'Host: …'` was "not a header", with the help to write it as it was written.
    #[test]
    fn a_host_header_replaces_that_of_the_url() {
        for (typed, sent) in [
            ("", "Host: 127.0.0.1:1\r\n"),
            ("--header=Host:a.test", "Host: a.test\r\n"),
            ("--header=hOST:a.test:8", "Host: a.test:8\r\n"),
        ] {
            let text = sent_by(typed);
            assert!(text.contains(sent), "{typed}: {text}");
            assert_eq!(text.to_lowercase().matches("host:").count(), 1, "{text}");
        }
        let twice = args("--header=Host:a --header=Host:b").request();
        assert!(twice.is_err());
    }

    /// A body alone was sent with GET, where curl and hey take POST.
    #[test]
    fn a_body_without_a_method_is_posted() {
        for (typed, line) in [
            ("", "GET / "),
            ("-D x", "POST / "),
            ("-D x -X PUT", "PUT / "),
            ("-D x -X GET", "GET / "),
            ("-X PATCH", "PATCH / "),
            ("-X QUERY", "QUERY / "),
        ] {
            let text = sent_by(typed);
            assert!(text.starts_with(line), "{typed}: {text}");
        }
        assert_eq!(
            args("-D x").request().unwrap().shown,
            "POST http://127.0.0.1:1/"
        );
    }

    #[test]
    fn several_urls_are_of_one_server() {
        let request =
            |others: &str| parsed(&format!("load http://a:b@127.0.0.1:1/x {others}")).request();
        let two = request("http://a:b@127.0.0.1:1/y?z").unwrap();
        assert_eq!(two.shown, "http://127.0.0.1:1/x, /y?z");
        assert_eq!(two.kinds[1].request, "GET /y?z");
        let sent = two
            .workload
            .requests()
            .iter()
            .map(|one| String::from_utf8_lossy(&one.bytes));
        let lines: Vec<_> = sent
            .map(|text| text.lines().next().unwrap().to_owned())
            .collect();
        assert_eq!(lines, ["GET /x HTTP/1.1", "GET /y?z HTTP/1.1"]);
        for other in [
            "http://127.0.0.1:1/y",
            "https://a:b@127.0.0.1:1/y",
            "http://a:b@127.0.0.1:2/y",
        ] {
            let error = format!("{:?}", request(other).unwrap_err().report);
            assert!(error.contains("are not of one server"), "{error}");
        }
    }

    #[test]
    fn json_without_a_content_type_gets_a_hint() {
        for (typed, is_hinted) in [
            ("-D {\"a\":1}", true),
            ("-D []", true),
            ("-D {} --header=content-TYPE:text/plain", false),
            ("-D a=1", false),
            ("-D {", false),
            ("", false),
        ] {
            let hint = args(typed).request().unwrap().hint;
            assert_eq!(hint.is_some(), is_hinted, "{typed}");
        }
    }

    /// `-d '{}'` was "not a duration", without a word of -D.
    #[test]
    fn a_body_given_as_duration_names_the_option_for_bodies() {
        for text in ["{}", "[1]", "@file", "a=1"] {
            assert!(parse_measured(text).unwrap_err().contains("-D"), "{text}");
        }
        assert!(parse_measured("10x").unwrap_err().contains("10x"));
    }

    /// User and password of the URL were dropped; a header that is typed goes before them.
    #[test]
    fn credentials_of_the_url_are_sent_unless_a_header_has_others() {
        let sent = |typed: &str| {
            let line = format!("load a:b@127.0.0.1:1 {typed}");
            sent_in(&parsed(&line))
        };
        assert!(sent("").contains("Authorization: Basic YTpi\r\n"));
        let text = sent("--header=authorization:x");
        assert!(text.contains("authorization: x\r\n"), "{text}");
        assert!(!text.contains("Basic"), "{text}");
    }

    #[test]
    fn no_time_to_measure_or_to_wait_is_refused_with_what_to_write() {
        assert_eq!(parse_measured("1ms"), Ok(MIN_DURATION));
        for text in ["0s", "0", "999us"] {
            assert!(parse_measured(text).unwrap_err().contains("1ms"), "{text}");
        }
        assert_eq!(time_out("1ns"), Ok(Duration::from_nanos(1)));
        assert!(time_out("0").unwrap_err().contains("1h"));
    }

    #[test]
    fn a_body_is_the_text_or_a_file() {
        assert_eq!(body("{}").unwrap(), b"{}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"from a file").unwrap();
        assert_eq!(
            body(&format!("@{}", file.path().display())).unwrap(),
            b"from a file"
        );
        assert!(body("@/nowhere/at/all").is_err());
    }
}
