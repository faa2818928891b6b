//! From a scenario's requests to bytes on the wire and the replies that they must get.

use app::{MAX_UPSTREAM_CONNECTIONS, Mode, Route};
use bench_core::load::Connect;
use bench_core::names;
use bench_core::scenario::{Body, RequestSpec, Scenario, ScenarioError};
use http1::Method;
use load::{Expect, Request, Workload};

use crate::exit::Failure;

/// The status of every route that is asked for rightly.
const SERVED: u16 = 200;

/// What the requests of a scenario ask for, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Routes(Vec<Asked>);

/// One kind of request, and what the contract says of its answer.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) route: Route,
    pub(crate) body: Option<Body>,
    pub(crate) answer: Answer,
    weight: u32,
}

/// What must come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The body, where the contract says it.
    pub(crate) body: Option<Vec<u8>>,
}

impl Routes {
    /// Reads the requests of a scenario; one that no target serves, or that the contract answers otherwise, is an error at
    /// its line.
    pub(crate) fn of(scenario: &Scenario) -> Result<Self, Failure> {
        let asked = scenario
            .requests
            .iter()
            .enumerate()
            .map(|(index, spec)| asked(scenario, index, spec).map_err(Failure::usage));
        asked.collect::<Result<_, _>>().map(Self)
    }

    /// Whether some request needs the upstream backend.
    pub(crate) fn need_backend(&self) -> bool {
        self.each()
            .any(|asked| matches!(asked.route, Route::Upstream { .. }))
    }

    /// Sockets that the busiest process holds under this many connections: a server's own, and those to the backend.
    pub(crate) fn sockets(&self, connections: u32) -> u64 {
        let calls = |asked: &Asked| match asked.route {
            Route::Upstream {
                mode: Mode::Parallel,
                calls,
                ..
            } => u64::from(calls),
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

    /// Each kind of request once.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter()
    }

    /// The requests as they are sent to `host`.
    pub(crate) fn workload(&self, host: &str, connect: Connect) -> Workload {
        let requests = self.each().map(|asked| asked.request(host, connect));
        Workload::new(requests.collect())
    }
}

impl Asked {
    fn request(&self, host: &str, connect: Connect) -> Request {
        let body_type = self
            .body
            .iter()
            .map(|body| ("Content-Type", body.content_type.as_str()));
        let headers: Vec<(&str, &str)> = body_type.chain(connection(connect)).collect();
        let expect = Expect {
            status: Some(self.answer.status),
            body: self.answer.body.clone(),
        };
        let body = self.body.as_ref().map(|body| body.text.as_bytes());
        Request::new(
            self.method,
            &self.route.target(),
            host,
            &headers,
            body,
            expect,
        )
        .with_weight(self.weight)
    }
}

/// What a request says of its connection.
pub(crate) fn connection(connect: Connect) -> Option<(&'static str, &'static str)> {
    match connect {
        Connect::Once => None,
        Connect::PerRequest => Some(("Connection", "close")),
    }
}

/// What a request asks for and must get, by the contract.
fn asked(scenario: &Scenario, index: usize, spec: &RequestSpec) -> Result<Asked, ScenarioError> {
    let refuse = |key: &str, message: &str, help: &str| {
        Err(scenario.request_error(index, key, message, help))
    };
    let route = match Route::parse(&spec.route) {
        Ok(route) => route,
        Err(error) => return refuse("route", &error.to_string(), &hint(&spec.route)),
    };
    let method = match spec.method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        other => {
            let message = format!("{} does not take {other}", spec.route);
            return refuse("method", &message, "use GET or HEAD");
        }
    };
    let answer = Answer {
        status: SERVED,
        body: match method {
            Method::Head => Some(Vec::new()),
            _ => route.expected_body().map(std::borrow::Cow::into_owned),
        },
    };
    if spec.expect_status != answer.status {
        let (right, wrong) = (answer.status, spec.expect_status);
        let message = format!("{} answers {right}, not {wrong}", spec.route);
        let help = if right == SERVED {
            "leave expect_status out".to_owned()
        } else {
            format!("write `expect_status = {right}`")
        };
        return refuse("expect_status", &message, &help);
    }
    Ok(Asked {
        method,
        route,
        body: spec.body.clone(),
        answer,
        weight: spec.weight.get(),
    })
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
    fn a_request_of_its_own_connection_says_that_it_is_the_last() {
        let routes = Routes::of(&scenario("[[requests]]\nroute = \"/json\"\n")).unwrap();
        let bytes = |connect| {
            let workload = routes.workload("a:80", connect);
            String::from_utf8(workload.request(0).bytes.clone()).unwrap()
        };
        assert_eq!(
            bytes(Connect::PerRequest),
            "GET /json HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            bytes(Connect::Once),
            "GET /json HTTP/1.1\r\nHost: a:80\r\n\r\n"
        );
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
