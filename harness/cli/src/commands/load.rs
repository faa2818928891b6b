//! `bench load`: one address, one load, one result.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use analysis::warnings;
use analysis::warnings::Circumstances;
use load::{Control, Endpoint, Expect, ExpectBody, Options, Request, Tls, Trust, Workload};
use model::measured::recording::Recording;
use model::record::load_report::LoadReport;
use model::record::warning::Validity;
use model::spec::load::{Arrival, Connect, Load};
use model::units::MAX_DURATION;
use url::Url;

use crate::args::load::{LoadArgs, SpinChoice};
use crate::display::Face;
use crate::display::live_line::LiveLine;
use crate::exit::Exit;
use crate::terminal::show_load;
use process::cores;
use process::environment::{self, CpuTicks};
use process::failure::{Explain, Failure};
use process::files;
use process::interrupt::Interrupt;
use process::supervise::die_with;
use runner::workload;

/// How long to measure, where neither a time nor a number of requests was asked for.
const DURATION: Duration = Duration::from_secs(10);

/// How long replies may still come after the last request fell due.
const DRAIN: Duration = Duration::from_secs(1);

/// How often the live line is drawn, and an interrupt is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The length of one interval of the time series.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long an address may take to answer, where a host has several.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Largest file of certificates, in bytes.
const MAX_CACERT_BYTES: usize = 4 * 1024 * 1024;

/// Largest request body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// Loads one address and prints what it took.
pub(crate) fn run(args: &LoadArgs) -> Result<Exit, Failure> {
    if let Some(parent) = args.parent {
        die_with(parent)?;
    }
    let (endpoint, workload) = understand(args)?;
    environment::allow_connections(args.connections.get().into())?;
    let load = load_of(args);
    let options = options(args)?;
    let interrupt = Face::usual().catch_interrupt()?;
    let ticks_before = CpuTicks::now();
    let throttled_before = environment::throttled_periods();
    let recording = drive(&load, &workload, &endpoint, &options, &interrupt)?;
    let circumstances = Circumstances {
        backend_lateness: None,
        steal_share: CpuTicks::now().steal_share_since(ticks_before),
        throttled_periods: throttled_before
            .zip(environment::throttled_periods())
            .map(|(before, after)| after.saturating_sub(before)),
        shared_core: false,
    };
    let validity = Validity::of(
        [
            warnings::assess(&load, &recording),
            circumstances.warnings(),
        ]
        .concat(),
    );
    let report = LoadReport::of(&load, &recording, validity);
    show_load(&args.url, &report, &recording, args.json);
    Ok(match &report {
        _ if interrupt.is_asked() => Exit::Interrupted,
        report if report.requests.scheduled > 0 && report.requests.ok == 0 => Exit::TargetFailed,
        report if !report.validity.is_valid() => Exit::Invalid,
        _ => Exit::Success,
    })
}

/// Drives the load on a thread of its own, while this one watches for Ctrl-C and draws the live line.
fn drive(
    load: &Load,
    workload: &Workload,
    endpoint: &Endpoint,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Recording, Failure> {
    let control = Control::default();
    let is_done = AtomicBool::new(false);
    let watcher = std::thread::current();
    std::thread::scope(|scope| {
        let driver = scope.spawn(|| {
            let driven = load::drive(load, workload, endpoint.clone(), options, &control);
            is_done.store(true, Ordering::Relaxed);
            watcher.unpark();
            driven
        });
        let mut live = LiveLine::new(load);
        while !is_done.load(Ordering::Relaxed) {
            std::thread::park_timeout(LOOK_EVERY);
            if interrupt.is_asked() {
                control.stop();
            }
            live.draw(control.ok(), control.failed());
        }
        live.clear();
        driver
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
    .map_err(|error| Failure::target(miette::miette!("{error}")))
}

fn load_of(args: &LoadArgs) -> Load {
    let arrival = match args.rate {
        None => Arrival::Closed,
        Some(rate) => Arrival::Open {
            rate,
            process: args.arrival.into(),
        },
    };
    Load {
        arrival,
        connections: args.connections,
        connect: connect(args),
        idle_connections: 0,
        warmup: args.warmup,
        duration: duration(args),
        // Where the number of requests ends the run, all of them are waited for.
        drain: if args.requests.is_some() {
            args.timeout
        } else {
            DRAIN.min(args.timeout)
        },
        timeout: args.timeout,
        request_limit: args.requests.map(std::num::NonZeroU64::get),
        interval: INTERVAL,
        seed: args.seed,
    }
}

/// As long as was asked for. Where a number of requests was asked for and no time, their number alone ends the load.
fn duration(args: &LoadArgs) -> Duration {
    match (args.duration, args.requests) {
        (Some(duration), _) => duration,
        (None, Some(_)) => MAX_DURATION,
        (None, None) => DURATION,
    }
}

fn connect(args: &LoadArgs) -> Connect {
    if args.disable_keepalive {
        Connect::PerRequest
    } else {
        Connect::Once
    }
}

fn options(args: &LoadArgs) -> Result<Options, Failure> {
    let cpus = match &args.load_cpus {
        None => Vec::new(),
        Some(list) => {
            cores::divide(&cores::available(), None, Some(list))
                .map_err(Failure::usage_of)?
                .load_cpus
        }
    };
    let spin = match args.spin {
        SpinChoice::Always => true,
        SpinChoice::Never => false,
        SpinChoice::Auto => !cpus.is_empty(),
    };
    Ok(Options { cpus, spin })
}

/// Where to send what, as the arguments mean it.
fn understand(args: &LoadArgs) -> Result<(Endpoint, Workload), Failure> {
    let help = "write it as http://host:port/path or https://host:port/path";
    let url = Url::parse(&args.url).or_usage(|| format!("`{}` is not a URL", args.url), help)?;
    let is_secured = match url.scheme() {
        "http" => false,
        "https" => true,
        other => {
            return Err(Failure::usage(miette::miette!(
                help = help,
                "`{}` has the scheme {other}, and only http and https are loaded",
                args.url
            )));
        }
    };
    let host = url.host_str().ok_or_else(|| {
        Failure::usage(miette::miette!(help = help, "`{}` names no host", args.url))
    })?;
    let port = url
        .port_or_known_default()
        .expect("http and https have ports of their own");
    // A URL writes an IPv6 address in brackets; the resolver wants it without.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let addrs: Vec<SocketAddr> = (name, port)
        .to_socket_addrs()
        .or_usage(|| format!("cannot resolve {host}"), "check the host's name")?
        .collect();
    let addr = choose(&addrs).ok_or_else(|| {
        Failure::usage(miette::miette!(
            help = "check the host's name",
            "{host} has no address"
        ))
    })?;
    let tls = tls(args, name, is_secured)?;
    let authority = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let target = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    let headers = headers(&args.header)?;
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(workload::connection(connect(args)))
        .collect();
    let body = args.body.as_deref().map(body).transpose()?;
    let expect = Expect {
        status: args.expect_status,
        body: ExpectBody::Any,
    };
    let request = Request::new(
        args.method.into(),
        &target,
        &authority,
        &headers,
        body.as_deref(),
        expect,
    );
    Ok((Endpoint { addr, tls }, Workload::new(vec![request])))
}

/// The first address where somebody listens: `localhost` is often two, and a server on one of them only.
fn choose(addrs: &[SocketAddr]) -> Option<SocketAddr> {
    let listens = |addr: &&SocketAddr| TcpStream::connect_timeout(addr, PROBE_TIMEOUT).is_ok();
    match addrs {
        [] | [_] => addrs.first().copied(),
        [first, ..] => Some(*addrs.iter().find(listens).unwrap_or(first)),
    }
}

/// TLS as the arguments want it; none for plain http, where they must not ask for it.
fn tls(args: &LoadArgs, host: &str, is_secured: bool) -> Result<Option<Tls>, Failure> {
    let trust = match &args.cacert {
        _ if args.insecure => Trust::Anyone,
        None => Trust::System,
        Some(path) => Trust::Only(files::read(path, MAX_CACERT_BYTES).or_usage(
            || format!("cannot read certificates from {}", path.display()),
            "name a PEM file with the authority that signed the server's certificate",
        )?),
    };
    if !is_secured {
        return match trust {
            Trust::System => Ok(None),
            Trust::Only(_) | Trust::Anyone => Err(Failure::usage(miette::miette!(
                help = "write https://, or leave --cacert and --insecure out",
                "`{}` is plain http, which has no certificates",
                args.url
            ))),
        };
    }
    let help = "name the authorities to believe with --cacert FILE (PEM), or believe any certificate with --insecure";
    let made = Tls::new(host, &trust).or_usage(
        || match &args.cacert {
            Some(path) => format!("cannot use the certificates in {}", path.display()),
            None => format!("cannot speak TLS with {host}"),
        },
        help,
    )?;
    Ok(Some(made))
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
