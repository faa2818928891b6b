//! The arguments of `bench load`.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use load::{Endpoint, Expect, ExpectBody, Options, Request, Tls, Trust, Workload};
use model::spec::load::{Arrival, Connect, Load, Process};
use model::units::{MAX_DURATION, Rate, parse_duration};
use process::cores::CpuList;
use process::failure::{Explain, Failure};
use process::{cores, files};
use runner::workload;

use crate::args::address::Address;

/// How long to measure, where neither a time nor a number of requests was asked for.
const DURATION: Duration = Duration::from_secs(10);

/// How long replies may still come after the last scheduled request.
const DRAIN: Duration = Duration::from_secs(1);

/// The length of one interval of the time series.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long an address may take to answer, where a host has several.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Largest file of certificates, in bytes.
const MAX_CACERT_BYTES: usize = 4 * 1024 * 1024;

/// Largest request body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench load http://127.0.0.1:8080/                    closed loop, 10 seconds
  bench load http://127.0.0.1:8080/ -c 100 -R 1000     1,000 requests a second
  bench load http://127.0.0.1:8080/ -n 10000 --json    10,000 requests, as JSON
  bench load https://127.0.0.1:8443/ --insecure        accept any certificate

Without -R the loop is closed: each connection sends its next request after the reply. This measures capacity. \
With -R the loop is open: requests are sent on a schedule, whatever the server does, and response time counts from \
the scheduled time. This measures latency. Connections are opened before the first request; connect and TLS \
handshake times are reported separately.")]
pub(crate) struct LoadArgs {
    /// What to request, as http://host:port/path?query, or https://
    ///
    /// Without a scheme it is http. The path is sent as typed. `user:password@` before the host is sent as Basic
    /// authentication.
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Connections.
    #[arg(long, short, value_name = "N", default_value = "50")]
    pub(crate) connections: NonZeroU32,

    /// Requests a second, as `1000` or `20k`; without it the loop is closed.
    #[arg(long, short = 'R', value_name = "RATE")]
    pub(crate) rate: Option<Rate>,

    /// How long to measure
    ///
    /// [default: 10s, or until all requests of -n are answered]
    #[arg(long, short, visible_short_alias = 'z', value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,

    /// Warm-up: load before the measurement, not recorded.
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    pub(crate) warmup: Duration,

    /// Number of requests; with -d, stop at the time limit if it comes first.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) requests: Option<NonZeroU64>,

    /// Open a new connection for each request; -c then limits how many are open at a time.
    #[arg(long)]
    pub(crate) disable_keepalive: bool,

    /// Distribution of the gaps between scheduled requests.
    #[arg(long, value_enum, default_value = "constant", requires = "rate")]
    pub(crate) arrival: ArrivalName,

    /// Time after which an unanswered request has failed.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    pub(crate) timeout: Duration,

    /// Request method.
    #[arg(long, short = 'X', value_name = "METHOD", default_value = "GET")]
    pub(crate) method: MethodName,

    /// A request header, as `Name: value`. May be repeated.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,

    /// Request body; `@FILE` reads it from a file, `@-` from standard input.
    #[arg(long, short = 'D', value_name = "TEXT|@FILE")]
    pub(crate) body: Option<String>,

    /// The status that counts as success
    ///
    /// [default: 200 to 399]
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(100..=599))]
    pub(crate) expect_status: Option<u16>,

    /// Trust the certificate authorities in this PEM file instead of the system's.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) cacert: Option<PathBuf>,

    /// Accept any certificate.
    #[arg(long, short = 'k')]
    pub(crate) insecure: bool,

    /// Cores of the load generator, one thread each, as `0` or `0-3`
    ///
    /// [default: one thread, not pinned]
    #[arg(long, value_name = "LIST")]
    pub(crate) load_cpus: Option<CpuList>,

    /// In an open loop, busy-wait for scheduled times and replies: precise to a microsecond, but needs cores that nothing
    /// else uses, the server in particular.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) spin: SpinChoice,

    /// Seed of the arrivals.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// End when this process ends. Set by `bench calibrate`.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<i32>,
}

/// What is loaded, and how.
#[derive(Debug)]
pub(crate) struct LoadRequest {
    /// What is requested, as it is sent and may be printed: without a password.
    pub(crate) shown: String,
    /// How much, when, and for how long.
    pub(crate) load: Load,
    /// Where it is sent.
    pub(crate) endpoint: Endpoint,
    /// What is sent.
    pub(crate) workload: Workload,
    /// The threads that send it.
    pub(crate) options: Options,
}

impl LoadArgs {
    /// What is loaded, and how; an address that has several is asked which of them listens.
    pub(crate) fn request(&self) -> Result<LoadRequest, Failure> {
        let (shown, endpoint, workload) = self.requested()?;
        Ok(LoadRequest {
            shown,
            load: self.load(),
            endpoint,
            workload,
            options: self.options()?,
        })
    }

    fn load(&self) -> Load {
        let arrival = match self.rate {
            None => Arrival::Closed,
            Some(rate) => Arrival::Open {
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
            duration: self.duration(),
            // Where the number of requests ends the run, all of them are waited for.
            drain: if self.requests.is_some() {
                self.timeout
            } else {
                DRAIN.min(self.timeout)
            },
            timeout: self.timeout,
            request_limit: self.requests.map(std::num::NonZeroU64::get),
            interval: INTERVAL,
            seed: self.seed,
        }
    }

    /// As long as was asked for. Where a number of requests was asked for and no time, their number alone ends the load.
    fn duration(&self) -> Duration {
        match (self.duration, self.requests) {
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
            SpinChoice::Always => true,
            SpinChoice::Never => false,
            SpinChoice::Auto => !cpus.is_empty(),
        };
        Ok(Options { cpus, spin })
    }

    /// Where to send what, in words and as it is done.
    fn requested(&self) -> Result<(String, Endpoint, Workload), Failure> {
        let address = Address::parse(&self.url)?;
        let host = &address.host;
        // A URL writes an IPv6 address in brackets; the resolver wants it without.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let addrs: Vec<SocketAddr> = (name, address.port)
            .to_socket_addrs()
            .or_usage(|| format!("cannot resolve {host}"), "check the host's name")?
            .collect();
        let addr = choose(&addrs).ok_or_else(|| {
            Failure::usage(miette::miette!(
                help = "check the host's name",
                "{host} has no address"
            ))
        })?;
        let tls = self.tls(name, &address)?;
        let headers = headers(&self.header)?;
        let is_authorized = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        // A header that was typed replaces the one of the URL, as with curl.
        let authorization = address.authorization.as_deref().filter(|_| !is_authorized);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(authorization.map(|value| ("Authorization", value)))
            .chain(workload::connection(self.connect()))
            .collect();
        let body = self.body.as_deref().map(body).transpose()?;
        let expect = Expect {
            status: self.expect_status,
            body: ExpectBody::Any,
        };
        let request = Request::new(
            self.method.into(),
            &address.target,
            &address.authority,
            &headers,
            body.as_deref(),
            expect,
        );
        Ok((
            address.to_string(),
            Endpoint { addr, tls },
            Workload::new(vec![request]),
        ))
    }

    /// TLS as the arguments want it; none for plain http, where they must not ask for it.
    fn tls(&self, host: &str, address: &Address) -> Result<Option<Tls>, Failure> {
        let trust = match &self.cacert {
            _ if self.insecure => Trust::Anyone,
            None => Trust::System,
            Some(path) => Trust::Only(files::read(path, MAX_CACERT_BYTES).or_usage(
                || format!("cannot read certificates from {}", path.display()),
                "name a PEM file with the authority that signed the server's certificate",
            )?),
        };
        if !address.is_secured {
            return match trust {
                Trust::System => Ok(None),
                Trust::Only(_) | Trust::Anyone => Err(Failure::usage(miette::miette!(
                    help = "write https://, or leave --cacert and --insecure out",
                    "`{address}` is plain http, which has no certificates"
                ))),
            };
        }
        let help = "name the authorities to believe with --cacert FILE (PEM), or believe any certificate with --insecure";
        let made = Tls::new(host, &trust).or_usage(
            || match &self.cacert {
                Some(path) => format!("cannot use the certificates in {}", path.display()),
                None => format!("cannot speak TLS with {host}"),
            },
            help,
        )?;
        Ok(Some(made))
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

/// The request methods that can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum MethodName {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
}

impl From<MethodName> for http1::Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Get => Self::Get,
            MethodName::Head => Self::Head,
            MethodName::Post => Self::Post,
            MethodName::Put => Self::Put,
            MethodName::Delete => Self::Delete,
            MethodName::Options => Self::Options,
        }
    }
}

/// When the load generator busy-waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpinChoice {
    /// Only with --load-cpus; keep the server off those cores.
    #[default]
    Auto,
    /// Never: sleep until the scheduled time.
    Never,
    /// Always, even on cores that the server uses.
    Always,
}

/// The first address where somebody listens: `localhost` is often two, and a server on one of them only.
fn choose(addrs: &[SocketAddr]) -> Option<SocketAddr> {
    let listens = |addr: &&SocketAddr| TcpStream::connect_timeout(addr, PROBE_TIMEOUT).is_ok();
    match addrs {
        [] | [_] => addrs.first().copied(),
        [first, ..] => Some(*addrs.iter().find(listens).unwrap_or(first)),
    }
}

fn headers(lines: &[String]) -> Result<Vec<(String, String)>, Failure> {
    lines
        .iter()
        .map(|line| {
            let bad = |why: &str| {
                Failure::usage(miette::miette!(
                    help = "write it as -H 'Name: value'",
                    "`{}` is not a header: {why}",
                    line.escape_debug()
                ))
            };
            let (name, value) = line.split_once(':').ok_or_else(|| bad("it has no colon"))?;
            let is_token =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(bad("its name is not a token (RFC 9110 §5.1)"));
            }
            if !value
                .bytes()
                .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
            {
                return Err(bad("its value has a control character (RFC 9110 §5.5)"));
            }
            if ["host", "content-length", "transfer-encoding", "connection"]
                .contains(&name.to_ascii_lowercase().as_str())
            {
                return Err(bad("this one is written by bench itself"));
            }
            Ok((name.to_owned(), value.trim().to_owned()))
        })
        .collect()
}

/// The body as text, or `@FILE`.
fn body(text: &str) -> Result<Vec<u8>, Failure> {
    let Some(name) = text.strip_prefix('@') else {
        return Ok(text.as_bytes().to_vec());
    };
    files::read(Path::new(name), MAX_BODY_BYTES).or_usage(
        || format!("cannot read the body from {name}"),
        "write the text itself, @FILE, or @- for standard input",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number of requests used to be cut by the usual ten seconds.
    #[test]
    fn a_number_of_requests_without_a_time_is_ended_by_that_number_alone() {
        #[derive(clap::Parser)]
        struct Typed {
            #[command(flatten)]
            args: LoadArgs,
        }
        let seconds = Duration::from_secs;
        for (typed, duration, drain, limit) in [
            ("", DURATION, DRAIN, None),
            ("-n 9", MAX_DURATION, seconds(7), Some(9)),
            ("-n 9 -R 1", MAX_DURATION, seconds(7), Some(9)),
            ("-n 9 -d 3s", seconds(3), seconds(7), Some(9)),
            ("-d 3s", seconds(3), DRAIN, None),
        ] {
            let line = format!("load http://127.0.0.1:8080/ --timeout 7s {typed}");
            let parsed = <Typed as clap::Parser>::try_parse_from(line.split_whitespace());
            let load = parsed.unwrap().args.load();
            assert_eq!((load.duration, load.drain), (duration, drain), "{typed}");
            assert_eq!(load.request_limit, limit, "{typed}");
        }
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
            "Host: other",
            "content-length: 3",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn an_address_that_listens_comes_before_one_that_does_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listens = listener.local_addr().unwrap();
        let deaf = {
            let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap()
        };
        for (addrs, chosen) in [
            (vec![], None),
            (vec![deaf], Some(deaf)),
            (vec![deaf, listens], Some(listens)),
            (vec![deaf, deaf], Some(deaf)),
        ] {
            assert_eq!(choose(&addrs), chosen, "{addrs:?}");
        }
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
