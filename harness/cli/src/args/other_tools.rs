//! Options that other load generators have and `bench load` calls otherwise: an error that names ours instead of whatever
//! is spelled alike.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};

/// Options of curl, wrk, wrk2, hey, ab and oha, and what to use instead.
const OPTIONS: &[(&[&str], &str)] = &[
    (
        &["--data", "--data-binary", "--data-raw", "--json-body"],
        "the request body is given with -D (@FILE reads a file)",
    ),
    (&["-m", "--request"], "the method is given with -X"),
    (
        &["-q", "--qps", "--rps"],
        "requests a second are given with -R",
    ),
    (
        &["--latency", "--latency-correction", "-L", "--u_latency"],
        "percentiles are always printed; with -R response time counts from the scheduled time",
    ),
    (
        &["-t", "--threads", "-p", "--cpus"],
        "one thread is the default; --load-cpus 0-3 takes four, one for each core",
    ),
    (
        &["-T", "--content-type"],
        "headers are given with -H, as in -H 'Content-Type: application/json'",
    ),
    (
        &["-A", "--user-agent"],
        "headers are given with -H, as in -H 'Accept: */*'",
    ),
    (
        &["-a", "-u", "--user", "--basic"],
        "a user is given in the URL, as in http://user:password@host/",
    ),
    (
        &["--host", "--resolve"],
        "name the address with --connect-to, or in the URL and the host with -H 'Host: example.test'",
    ),
    (
        &["--max-time", "--connect-timeout"],
        "the time limit of a request is --timeout",
    ),
    (
        &["--time", "--timelimit"],
        "how long to measure is given with -d",
    ),
    (
        &["-s", "--script"],
        "scripts are not run: `bench run` takes scenarios with several requests",
    ),
    (&["--http2", "--h2", "-2"], "HTTP/1.1 is what is loaded"),
    (
        &["-i", "-I", "--head"],
        "a HEAD request is sent with -X HEAD",
    ),
    (
        &[
            "--no-tui",
            "--disable-redirects",
            "--compressed",
            "-o",
            "--output",
        ],
        "leave it out; the result is printed, with --json as JSON, and redirects are not followed",
    ),
];

/// The same error; where `bench load` was given an option of another tool, with what to use instead.
pub(crate) fn explained(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let is_load = matches!(
        error.get(ContextKind::Usage),
        Some(ContextValue::StyledStr(usage)) if usage.to_string().contains(" load ")
    );
    let known = OPTIONS
        .iter()
        .find(|(options, _)| options.contains(&option.as_str()));
    if let (true, clap::error::ErrorKind::UnknownArgument, Some((_, instead))) =
        (is_load, error.kind(), known)
    {
        error.remove(ContextKind::SuggestedArg);
        let tip = vec![StyledStr::from(*instead)];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tip));
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Args;

    /// `--data` was answered with '--duration', `--latency` with '--rate', and `-q` with `-- -q`.
    #[test]
    fn an_option_of_another_tool_is_answered_with_ours() {
        for (options, instead) in OPTIONS {
            for option in *options {
                let line = ["bench", "load", "http://127.0.0.1:1/", option];
                let error = explained(Args::try_parse_from(line).unwrap_err()).to_string();
                assert!(error.contains(option), "{option}: {error}");
                assert_eq!(error.matches("tip:").count(), 1, "{option}: {error}");
                assert!(error.contains(instead), "{option}: {error}");
            }
        }
        let line = ["bench", "load", "http://127.0.0.1:1/", "--duratoin"];
        let error = explained(Args::try_parse_from(line).unwrap_err()).to_string();
        assert!(error.contains("'--duration'"), "{error}");
        let other = ["bench", "run", "ping", "--max-time"];
        let error = explained(Args::try_parse_from(other).unwrap_err()).to_string();
        assert!(!error.contains("--timeout"), "{error}");
    }
}
