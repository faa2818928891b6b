//! From a scenario's requests to bytes on the wire and the replies that they must get.

use std::borrow::Cow;

use app::{MAX_UPSTREAM_CONNECTIONS, Mode, Route};
use bench_core::names;
use bench_core::scenario::Scenario;
use http1::Method;
use load::{Expect, Request, Workload};

use crate::exit::Failure;

/// The status of every route that is asked for rightly.
const SERVED: u16 = 200;

/// What the requests of a scenario ask for, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Routes(Vec<(Method, Route, u32, u16)>);

impl Routes {
    /// Reads the routes of a scenario; one that no target serves is an error at its line.
    pub(crate) fn of(scenario: &Scenario) -> Result<Self, Failure> {
        let requests = scenario
            .requests
            .iter()
            .enumerate()
            .map(|(index, request)| {
                let refuse = |message: &str, help: &str| {
                    Failure::usage(scenario.route_error(index, message, help))
                };
                let route = Route::parse(&request.route)
                    .map_err(|error| refuse(&error.to_string(), &hint(&request.route)))?;
                let method = match request.method.as_str() {
                    "GET" => Method::Get,
                    "HEAD" => Method::Head,
                    other => {
                        return Err(refuse(
                            &format!("{} does not take {other}", request.route),
                            "use GET or HEAD",
                        ));
                    }
                };
                if request.expect_status != SERVED {
                    return Err(refuse(
                        &format!(
                            "{} answers {SERVED}, not {}",
                            request.route, request.expect_status
                        ),
                        "leave expect_status out",
                    ));
                }
                Ok((method, route, request.weight.get(), request.expect_status))
            });
        requests.collect::<Result<_, _>>().map(Self)
    }

    /// Whether some request needs the upstream backend.
    pub(crate) fn need_backend(&self) -> bool {
        self.0
            .iter()
            .any(|(_, route, ..)| matches!(route, Route::Upstream { .. }))
    }

    /// Sockets that the busiest process holds under this many connections: a server's own, and those to the backend.
    pub(crate) fn sockets(&self, connections: u32) -> u64 {
        let calls = |route: &Route| match route {
            Route::Upstream {
                mode: Mode::Parallel,
                calls,
                ..
            } => u64::from(*calls),
            Route::Upstream {
                mode: Mode::Sequential,
                ..
            } => 1,
            _ => 0,
        };
        let calls_at_once = self.each().map(calls).max().unwrap_or_default();
        let most = MAX_UPSTREAM_CONNECTIONS as u64;
        u64::from(connections) + (u64::from(connections) * calls_at_once).min(most)
    }

    /// Each route once, with what it must answer.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Route> {
        self.0.iter().map(|(_, route, ..)| route)
    }

    /// The requests as they are sent to `host`.
    pub(crate) fn workload(&self, host: &str) -> Workload {
        let requests = self.0.iter().map(|(method, route, weight, status)| {
            let body = match method {
                Method::Head => Some(Vec::new()),
                _ => route.expected_body().map(Cow::into_owned),
            };
            let expect = Expect {
                status: Some(*status),
                body,
            };
            Request::new(*method, &route.target(), host, &[], None, expect).with_weight(*weight)
        });
        Workload::new(requests.collect())
    }
}

/// What to do about a route that was refused.
fn hint(route: &str) -> String {
    let first = |path: &str| path.split(['/', '?']).nth(1).unwrap_or_default().to_owned();
    let known: Vec<String> = Route::KNOWN.iter().map(|route| first(route)).collect();
    let meant = names::nearest(&first(route), known.iter().map(String::as_str))
        .filter(|meant| *meant != first(route));
    let list = "`bench list routes` shows what every target serves";
    meant.map_or_else(
        || list.to_owned(),
        |meant| format!("did you mean `/{meant}`? {list}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(requests: &str) -> Scenario {
        let source = format!(
            "description = \"Made up for a test.\"\nquestion = \"Does it parse?\"\nconnections = 1\n[load]\narrival = \"closed\"\n{requests}"
        );
        Scenario::parse(&source, "made-up.toml").unwrap()
    }

    #[test]
    fn every_built_in_scenario_asks_only_for_routes_that_exist() {
        for (name, _) in bench_core::scenario::BUILT_IN {
            let scenario = Scenario::built_in(name).unwrap();
            assert!(Routes::of(&scenario).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_unknown_route_is_an_error_at_its_line() {
        let scenario =
            scenario("[[requests]]\nroute = \"/sleep/1\"\n[[requests]]\nroute = \"/slep/1\"\n");
        let failure = Routes::of(&scenario).unwrap_err();
        let text = failure.report.to_string();
        assert!(
            text.contains("made-up.toml:9") && text.contains("/slep"),
            "{text}"
        );
    }

    #[test]
    fn a_server_needs_sockets_for_its_calls_too() {
        let sockets = |route: &str| {
            let scenario = scenario(&format!("[[requests]]\nroute = \"{route}\"\n"));
            Routes::of(&scenario).unwrap().sockets(100)
        };
        assert_eq!(sockets("/plaintext"), 100);
        assert_eq!(sockets("/upstream?calls=9&ms=1&mode=seq"), 200);
        assert_eq!(sockets("/upstream?calls=9&ms=1&mode=par"), 1000);
        assert_eq!(sockets("/upstream?calls=100&ms=1&mode=par"), 100 + 4096);
    }

    #[test]
    fn a_status_that_the_route_never_gives_is_an_error() {
        let scenario = scenario("[[requests]]\nroute = \"/json\"\nexpect_status = 404\n");
        assert!(
            Routes::of(&scenario)
                .unwrap_err()
                .report
                .to_string()
                .contains("answers 200, not 404")
        );
    }
}
