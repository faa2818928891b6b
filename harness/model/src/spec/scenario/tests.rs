//! Scenarios as people write them, and mistype them.

use super::*;
use crate::spec::load::{MAX_STAGES, Stage};
use crate::spec::plan::EPOCHS_PER_BLOCK;
use proptest::prelude::*;

const SOURCE: &str = r#"description = "Two kinds of request"
question = "Which is slower?"
connections = 8
timeout = "2s"

[load]
arrival = "open"
process = "constant"
rate_per_s = 1_000

[[requests]]
route = "/sleep/5"
weight = 3

[[requests]]
route = "/missing"
method = "HEAD"
expect_status = 404

[objective]
p99 = "50ms"
p50 = "5ms"
"#;

/// [`SOURCE`] with one piece of it replaced.
fn edited(from: &str, to: &str) -> String {
    assert!(SOURCE.contains(from), "{from}");
    SOURCE.replacen(from, to, 1)
}

fn parse(source: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(source, "scenarios/two.toml")
}

/// A piece of [`SOURCE`], what somebody wrote instead, `line:column: what` is reported, and the remedy.
type Mistake = (&'static str, &'static str, &'static str, &'static str);

fn check_errors(mistakes: &[Mistake]) {
    for (from, to, place_and_what, remedy) in mistakes {
        let error = parse(&edited(from, to)).expect_err(to);
        let display = format!("scenarios/two.toml:{place_and_what}");
        assert_eq!(
            (error.to_string().as_str(), error.remedy()),
            (display.as_str(), *remedy),
            "{from:?} -> {to:?}"
        );
    }
}

fn check_fits(from: &str, to: &str) -> Scenario {
    parse(&edited(from, to)).unwrap_or_else(|error| panic!("{to}: {error}"))
}

#[test]
fn a_scenario_is_read_whole() {
    let scenario = parse(SOURCE).unwrap();
    let rate = Rate::per_s(1000.0).unwrap();
    assert_eq!(scenario.name, "two");
    assert_eq!(scenario.description, "Two kinds of request");
    assert_eq!(scenario.question, "Which is slower?");
    assert_eq!(scenario.connections.get(), 8);
    assert_eq!(scenario.timeout, Duration::from_secs(2));
    assert_eq!(
        scenario.arrival,
        ArrivalSpec::Open {
            pace: Pace::Rate(rate),
            process: Process::Constant
        }
    );
    assert_eq!(scenario.weights(), [3, 1]);
    let second = &scenario.requests[1];
    assert_eq!(
        (
            second.method.as_str(),
            &second.asks,
            second.expect_status.as_slice(),
            second.line
        ),
        ("HEAD", &Asks::Route("/missing".to_owned()), &[404][..], 16)
    );
    assert_eq!(&SOURCE[second.place("route")], "\"/missing\"");
    assert_eq!(&SOURCE[second.place("expect_status")], "404");
    assert_eq!(&SOURCE[second.place("body")], "\"/missing\"", "not there");
    assert_eq!(
        scenario.objectives,
        [
            Objective {
                percentile: "p50",
                at_most: Duration::from_millis(5)
            },
            Objective {
                percentile: "p99",
                at_most: Duration::from_millis(50)
            }
        ]
    );
    let record = scenario.record();
    assert_eq!(
        (
            record.requests[0].request.as_str(),
            record.requests[0].share
        ),
        ("GET /sleep/5", 0.75)
    );
    assert_eq!(record.objectives[1].at_most_ns, 50_000_000);
    assert_eq!(record.source, SOURCE);
}

#[test]
fn services_are_named_once_and_the_nearest_name_is_offered() {
    let with = |needs: &str| edited("timeout =", &format!("needs = {needs}\ntimeout ="));
    let scenario = parse(&with("[\"redis\", \"postgres\", \"redis\"]")).unwrap();
    assert_eq!(Vec::from_iter(scenario.needs), Service::ALL);
    assert!(parse(SOURCE).unwrap().needs.is_empty());
    let error = parse(&with("[\"postgers\"]")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "scenarios/two.toml:4:10: no service is called `postgers` (did you mean `postgres`?); known are `postgres` and `redis`"
    );
}

#[test]
fn what_is_left_out_has_a_default() {
    let source = "connections = 1\n[load]\narrival = \"open\"\ncapacity_share = 0.5\n[[requests]]\nroute = \"/\"\n";
    let scenario = parse(source).unwrap();
    assert_eq!(scenario.description, "GET /");
    assert_eq!(scenario.question, "GET /");
    let many = format!("{source}{}", "[[requests]]\nroute = \"/a\"\n".repeat(4));
    let description = parse(&many).unwrap().description;
    assert_eq!(description, "GET /; GET /a; GET /a; and 2 more");
    assert_eq!(scenario.timeout, DEFAULT_TIMEOUT);
    assert_eq!(scenario.connect, Connect::Once);
    assert_eq!(scenario.idle_connections, None);
    assert_eq!(
        scenario.arrival,
        ArrivalSpec::Open {
            pace: Pace::CapacityShare(0.5),
            process: Process::Poisson
        }
    );
    let request = &scenario.requests[0];
    assert_eq!(
        (
            request.method.as_str(),
            request.weight.get(),
            request.expect_status.as_slice()
        ),
        ("GET", 1, &[][..])
    );
    assert_eq!(scenario.objectives, []);
}

#[test]
fn a_share_of_the_capacity_becomes_a_rate_once_the_capacity_is_known() {
    let capacity = Rate::per_s(8_000.0).unwrap();
    let share = ArrivalSpec::Open {
        pace: Pace::CapacityShare(0.5),
        process: Process::Poisson,
    };
    assert!(share.needs_capacity());
    assert_eq!(
        share
            .at_capacity(capacity)
            .unwrap()
            .rate()
            .map(Rate::as_per_s),
        Some(4_000.0)
    );
    let rate = ArrivalSpec::Open {
        pace: Pace::Rate(Rate::per_s(10.0).unwrap()),
        process: Process::Poisson,
    };
    assert!(!rate.needs_capacity());
    assert_eq!(
        rate.at_capacity(capacity)
            .unwrap()
            .rate()
            .map(Rate::as_per_s),
        Some(10.0)
    );
    assert_eq!(
        ArrivalSpec::Closed.at_capacity(capacity),
        Ok(Arrival::Closed)
    );
}

#[test]
fn every_built_in_scenario_is_valid_and_says_why() {
    let mut names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    for name in &names {
        let scenario = Scenario::built_in(name).unwrap();
        assert_eq!(scenario.name, *name);
        assert!(scenario.question.ends_with('?'), "{name}");
        assert!(
            scenario.source.lines().any(|line| line.starts_with('#')),
            "{name} says why its numbers are what they are"
        );
        assert!(
            matches!(scenario.arrival, ArrivalSpec::Open { .. }),
            "{name} measures latency"
        );
    }
    let sorted = names.clone();
    names.sort_unstable();
    assert_eq!(names, sorted);
    assert_eq!(
        Scenario::built_in("io-havey").unwrap_err().to_string(),
        "no scenario is called `io-havey` (did you mean `io-heavy`?); known are auth, burst, cache, chat, churn, cpu-heavy, database, fan-out, file-pool, idle-10k, io-heavy, \
         mixed, orders, overload, ping, stream, timers, tokens, upload, and any TOML file"
    );
}

/// The schema that editors check scenarios with. `BLESS=1` in the environment of the build writes it anew.
#[test]
fn the_published_schema_is_that_of_what_is_read() {
    crate::published_for_tests::check::<Raw>("scenarios/scenario.schema.json");
    for (name, source) in BUILT_IN {
        assert!(
            source.starts_with("#:schema ./scenario.schema.json\n"),
            "{name} names its schema"
        );
    }
}

#[test]
fn a_percentile_that_is_compared_is_measurable_in_a_default_epoch() {
    for name in ["io-heavy", "burst", "churn", "idle-10k", "orders"] {
        check_measurable(name);
    }
}

fn check_measurable(name: &str) {
    let arrival = Scenario::built_in(name).unwrap().arrival;
    assert!(!arrival.needs_capacity(), "{name} names its rate");
    let any_capacity = Rate::per_s(1.0).unwrap();
    let rate = arrival.at_capacity(any_capacity).unwrap().rate().unwrap();
    let plan = crate::spec::plan::Plan::new(&crate::spec::plan::PlanSpec {
        profile: arrival.profile_length(),
        ..crate::spec::plan::PlanSpec::new(crate::spec::plan::Effort::Default, 2, 1)
    });
    let samples = rate.as_per_s() * plan.unwrap().epoch.as_secs_f64();
    // Four standard deviations of a Poisson count below its mean there are still the 1,000 that a p99 needs.
    assert!(
        samples - 4.0 * samples.sqrt() > 1_000.0,
        "{name}: {samples} samples in each of {EPOCHS_PER_BLOCK} epochs"
    );
}

/// The `rate_per_s` of [`SOURCE`], on line 9, which stages replace.
const RATE: &str = "rate_per_s = 1_000\n";

const RAMP: &str =
    "[[load.stages]]\nkind = \"ramp\"\nfrom_per_s = 0\nto_per_s = 500.5\nduration = \"10s\"\n";
const BURST: &str = "[[load.stages]]\nkind = \"burst\"\nbase_per_s = 100\nburst_per_s = 2_000\nperiod = \"1s\"\nburst_for = \"100ms\"\nduration = \"1m30s\"\n";

#[test]
fn stages_are_read_in_their_order() {
    let step = "[[load.stages]]\nkind = \"step\"\nrate_per_s = 500\nduration = \"20s\"\n";
    let scenario = check_fits(RATE, &format!("{RAMP}{step}{BURST}"));
    let stages = [
        Stage::Ramp {
            from_per_s: 0.0,
            to_per_s: 500.5,
            duration: Duration::from_secs(10),
        },
        Stage::Step {
            rate_per_s: 500.0,
            duration: Duration::from_secs(20),
        },
        Stage::Burst {
            base_per_s: 100.0,
            burst_per_s: 2000.0,
            period: Duration::from_secs(1),
            burst_for: Duration::from_millis(100),
            duration: Duration::from_secs(90),
        },
    ];
    let profile = Profile::new(&stages).unwrap();
    assert_eq!(
        scenario.arrival.profile_length(),
        Some(Duration::from_mins(2))
    );
    assert!(!scenario.arrival.needs_capacity());
    assert_eq!(
        scenario.arrival.at_capacity(Rate::per_s(1.0).unwrap()),
        Ok(Arrival::Staged {
            profile,
            process: Process::Constant
        })
    );
}

#[test]
fn stages_in_shares_become_rates_once_the_capacity_is_known() {
    let stage = |share: f64| {
        format!(
            "[[load.stages]]\nkind = \"share\"\ncapacity_share = {share:?}\nduration = \"1s\"\n"
        )
    };
    let scenario = check_fits(RATE, &[stage(0.5), stage(2.0)].concat());
    assert!(scenario.arrival.needs_capacity());
    assert_eq!(
        scenario.arrival.profile_length(),
        Some(Duration::from_secs(2))
    );
    let arrival = scenario.arrival.at_capacity(Rate::per_s(400.0).unwrap());
    let Ok(Arrival::Staged { profile, .. }) = arrival else {
        panic!("{arrival:?}");
    };
    let due = [1, 2].map(|s| profile.cumulative(s * units::NANOS_PER_S).round());
    assert!(
        (due[0] - 200.0).abs() < 0.5 && (due[1] - 1_000.0).abs() < 0.5,
        "{due:?}"
    );
}

#[test]
fn goodput_has_limits_below_the_timeout() {
    let with = |table: &str| parse(&format!("{SOURCE}\n[goodput]\n{table}"));
    let goodput = with("response_time = \"1999ms\"\nevent_gap = \"1ns\"\n");
    assert_eq!(
        goodput.unwrap().goodput,
        Some(Goodput {
            response_time_ns: Some(1_999_000_000),
            first_event_ns: None,
            event_gap_ns: Some(1),
        })
    );
    for (table, what) in [
        (
            "response_time = \"2s\"\n",
            "`response_time` must be below the timeout of 2s",
        ),
        ("first_event = \"0s\"\n", "a time of zero can't be kept"),
        ("", "`goodput` has no limit"),
    ] {
        let error = with(table).expect_err(table).to_string();
        assert!(error.ends_with(what), "{error}");
    }
}

#[test]
fn stages_that_make_no_profile_name_the_place_and_the_remedy() {
    for (stages, piece, instead, place_and_what, remedy) in BAD_STAGES {
        assert!(stages.contains(piece), "{piece}");
        let source = edited(RATE, &stages.replacen(piece, instead, 1));
        let error = parse(&source).expect_err(instead);
        assert_eq!(
            (error.to_string().as_str(), error.remedy()),
            (
                format!("scenarios/two.toml:{place_and_what}").as_str(),
                *remedy
            ),
            "{piece:?} -> {instead:?}"
        );
    }
}

#[test]
fn as_many_stages_as_the_limit_are_read_and_no_more() {
    check_fits(RATE, &RAMP.repeat(MAX_STAGES));
    let error = parse(&edited(RATE, &RAMP.repeat(MAX_STAGES + 1))).unwrap_err();
    assert_eq!(error.what(), "a profile has 1 to 64 stages, not 65");
    assert_eq!(error.line(), 9);
}

#[test]
fn unknown_keys_and_values_name_the_place_the_known_ones_and_the_nearest() {
    check_errors(UNKNOWN);
}

#[test]
fn impossible_combinations_come_with_a_remedy() {
    check_errors(IMPOSSIBLE);
}

#[test]
fn values_out_of_range_name_the_range() {
    check_errors(OUT_OF_RANGE);
}

#[test]
fn every_bound_holds_at_its_limit() {
    let limit = check_fits(
        "connections = 8",
        &format!("connections = {MAX_CONNECTIONS}"),
    );
    assert_eq!(limit.connections.get(), MAX_CONNECTIONS);
    let limit = check_fits(
        "connections = 8\n",
        &format!("connections = 8\nidle_connections = {MAX_IDLE_CONNECTIONS}\n"),
    );
    assert_eq!(
        limit.idle_connections.map(NonZeroU32::get),
        Some(MAX_IDLE_CONNECTIONS)
    );
    check_fits("weight = 3", &format!("weight = {MAX_WEIGHT}"));
    for bytes in [MIN_MESSAGE_BYTES, MAX_MESSAGE_BYTES] {
        let scenario = check_fits("weight = 3", &format!("message_bytes = {bytes}"));
        let words = scenario.requests.iter().map(RequestSpec::words);
        let says = format!(", messages of {bytes} bytes");
        assert!(words.into_iter().any(|words| words.contains(&says)));
    }
    check_fits("\"2s\"", "\"600s\"");
    check_fits("404", "200");
    check_fits("404", "599");
    check_fits("\"50ms\"", "\"1999ms\"");
    let route = |bytes: usize| format!("\"/{}\"", "r".repeat(bytes - 1));
    check_fits("\"/missing\"", &route(MAX_ROUTE_BYTES));
    assert!(parse(&edited("\"/missing\"", &route(MAX_ROUTE_BYTES + 1))).is_err());

    let requests = |count| {
        format!(
            "{SOURCE}{}",
            "[[requests]]\nroute = \"/\"\n".repeat(count - 2)
        )
    };
    assert_eq!(
        parse(&requests(MAX_REQUESTS)).unwrap().requests.len(),
        MAX_REQUESTS
    );
    let error = parse(&requests(MAX_REQUESTS + 1)).unwrap_err();
    assert_eq!(
        error.what(),
        "a scenario has 1 to 64 kinds of request, not 65"
    );

    let padded = |bytes: usize| format!("{SOURCE}#{}", "x".repeat(bytes - SOURCE.len() - 1));
    assert!(parse(&padded(MAX_SOURCE_BYTES)).is_ok());
    let error = parse(&padded(MAX_SOURCE_BYTES + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "scenarios/two.toml:1:1: the file has 65537 bytes; a scenario has at most 65536"
    );
}

#[test]
fn the_file_names_the_scenario() {
    let name = |file: &str| {
        Scenario::parse(SOURCE, file)
            .map(|scenario| scenario.name)
            .map_err(|error| error.what().to_owned())
    };
    assert_eq!(name("-"), Ok("stdin".to_owned()));
    assert_eq!(name("C:\\x\\my.toml"), Ok("my".to_owned()));
    assert_eq!(name("no-extension"), Ok("no-extension".to_owned()));
    for bad in ["My Scenario.toml", ".toml", "..", "dir/", ""] {
        assert!(name(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_request_that_is_refused_is_reported_where_its_key_stands() {
    let error = parse(SOURCE).unwrap().request_error(
        1,
        "route",
        "no route is called /missing",
        "did you mean /plaintext?",
    );
    assert_eq!(
        error.to_string(),
        "scenarios/two.toml:16:9: no route is called /missing"
    );
    assert_eq!(
        (error.line(), error.column(), error.remedy()),
        (16, 9, "did you mean /plaintext?")
    );
    let scenario = parse(SOURCE).unwrap();
    let places = ["method", "expect_status", "weight"]
        .map(|key| scenario.request_error(1, key, "no", "help").line());
    assert_eq!(places, [17, 18, 16], "the weight is not there");
}

#[test]
fn a_request_may_open_its_own_connection() {
    for (word, connect) in [
        ("once", Connect::Once),
        ("per_request", Connect::PerRequest),
    ] {
        let scenario = check_fits("[load]\n", &format!("[load]\nconnect = \"{word}\"\n"));
        assert_eq!(scenario.connect, connect);
    }
    assert_eq!(
        Scenario::built_in("churn").unwrap().connect,
        Connect::PerRequest
    );
}

#[test]
fn a_body_is_sent_as_it_is_written() {
    let head = "method = \"POST\"\n";
    let with = |keys: &str| {
        let scenario = check_fits("weight = 3\n", &format!("weight = 3\n{head}{keys}"));
        let request = scenario.requests[0].clone();
        (request.words(), request.body)
    };
    assert_eq!(with(""), ("POST /sleep/5".to_owned(), None));
    let (words, body) = with("body = '{\"id\": 1}'\nexpect_status = 422\n");
    assert_eq!(words, "POST /sleep/5, 9 bytes, to be answered 422");
    let body = body.unwrap();
    assert_eq!(
        (body.source, body.content_type.as_str()),
        (
            BodySource::Text("{\"id\": 1}".to_owned()),
            DEFAULT_CONTENT_TYPE
        )
    );
    let (_, body) = with("body = \"\"\ncontent_type = \"text/plain\"\n");
    assert_eq!(
        body,
        Some(Body {
            source: BodySource::Text(String::new()),
            content_type: "text/plain".to_owned()
        })
    );
    let longest = "t".repeat(MAX_CONTENT_TYPE_BYTES);
    with(&format!("body = \"\"\ncontent_type = \"{longest}\"\n"));
}

#[test]
fn a_body_may_be_asked_for_by_its_length_alone() {
    let head = "weight = 3\nmethod = \"POST\"\n";
    for bytes in [1, MAX_MADE_BODY_BYTES] {
        let scenario = check_fits("weight = 3\n", &format!("{head}body_bytes = {bytes}\n"));
        let request = &scenario.requests[0];
        assert_eq!(request.words(), format!("POST /sleep/5, {bytes} bytes"));
        let body = request.body.as_ref().unwrap();
        assert_eq!(body.source, BodySource::Made(bytes));
        assert_eq!(body.content_type, BYTES_CONTENT_TYPE);
    }
    for bytes in [0, MAX_MADE_BODY_BYTES + 1] {
        let source = edited("weight = 3\n", &format!("{head}body_bytes = {bytes}\n"));
        let error = parse(&source).unwrap_err().to_string();
        assert!(error.contains("body_bytes"), "{error}");
    }
    let source = edited(
        "weight = 3\n",
        &format!("{head}body_bytes = 1\nbody = \"\"\n"),
    );
    assert!(parse(&source).unwrap_err().to_string().contains("one body"));
}

#[test]
fn a_request_may_carry_a_token() {
    for (token, words) in [
        ("valid", "GET /sleep/5, token valid"),
        ("expired", "GET /sleep/5, token expired"),
        ("forged", "GET /sleep/5, token forged"),
    ] {
        let scenario = check_fits(
            "weight = 3\n",
            &format!("weight = 3\ntoken = \"{token}\"\n"),
        );
        assert_eq!(scenario.requests[0].words(), words);
    }
    assert!(parse(&edited("weight = 3\n", "weight = 3\ntoken = \"stolen\"\n")).is_err());
}

/// Nobody could measure an endpoint of their own: only routes of the contract were known.
#[test]
fn a_request_may_ask_for_a_path_of_ones_own() {
    let own = "path = \"/api/users/42?full=1\"\nmethod = \"PATCH\"\nheaders = [\"Accept: text/plain\", \"Cookie: a=b\"]\nbody = \"{}\"\n";
    let request = |status: &str| {
        let scenario = check_fits("route = \"/sleep/5\"\n", &format!("{own}{status}"));
        scenario.requests[0].clone()
    };
    let one = request("");
    assert_eq!(one.asks, Asks::Path("/api/users/42?full=1".to_owned()));
    assert_eq!(one.headers, ["Accept: text/plain", "Cookie: a=b"]);
    assert_eq!((one.expect_status.as_slice(), one.line), (&[][..], 12));
    assert_eq!(one.words(), "PATCH /api/users/42?full=1, 2 bytes");
    let several = request("expect_status = [200, 404]\n");
    assert_eq!(several.expect_status, [200, 404]);
    assert!(several.words().ends_with("to be answered 200 or 404"));
}

#[test]
fn the_bounds_of_a_request_of_ones_own_are_kept() {
    let own = |more: &str| {
        parse(&edited(
            "route = \"/sleep/5\"\n",
            &format!("path = \"/\"\n{more}\n"),
        ))
    };
    let list = |item: &str, count: usize| vec![item; count].join(", ");
    for (key, item, most) in [
        ("headers", "\"A: b\"", MAX_HEADERS),
        ("expect_status", "200", MAX_EXPECTED),
    ] {
        let with = |count| own(&format!("{key} = [{}]", list(item, count)));
        assert!(with(most).is_ok(), "{key}");
        let error = with(most + 1).unwrap_err();
        assert!(error.what().contains(&most.to_string()), "{}", error.what());
    }
    assert!(own("expect_status = []").is_err());
}

#[test]
fn a_terminal_sees_the_line_and_the_help() {
    let error = parse(&edited("arrival", "arival")).unwrap_err();
    let mut text = String::new();
    miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none())
        .with_width(100)
        .render_report(&mut text, &error)
        .unwrap();
    insta::assert_snapshot!(text, @"
      x scenarios/two.toml:7:1: unknown key `arival`
       ,-[scenarios/two.toml:7:1]
     6 | [load]
     7 | arival = \"open\"
       : ^^^|^^
       :    `-- did you mean `arrival`?
     8 | process = \"constant\"
       `----
      help: did you mean `arrival`? Known here: `arrival`, `process`, `rate_per_s`, `capacity_share`,
            `stages`, `connect`
    ");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in any::<String>(), file in any::<String>()) {
        let _ = Scenario::parse(&source, &file);
    }

    #[test]
    fn no_damage_to_a_scenario_makes_it_panic(at in 0..SOURCE.len(), length in 0_usize..20, with in "[ -~\n]{0,12}") {
        let end = (at + length).min(SOURCE.len());
        let damaged = format!("{}{with}{}", &SOURCE[..at], &SOURCE[end..]);
        if let Err(error) = parse(&damaged) {
            prop_assert!(error.to_string().starts_with("scenarios/two.toml:"));
            prop_assert!(error.line() as usize <= damaged.lines().count() + 1);
            prop_assert!(!error.remedy().is_empty());
            let mut text = String::new();
            miette::NarratableReportHandler::new().render_report(&mut text, &error).unwrap();
        }
    }
}

/// Keys and values that nobody knows.
const UNKNOWN: &[Mistake] = &[
    (
        "question =",
        "questoin =",
        "2:1: unknown key `questoin`",
        "did you mean `question`? Known here: `description`, `question`, `connections`, `idle_connections`, `needs`, `timeout`, `load`, `requests`, `objective`, `goodput`",
    ),
    (
        "timeout =",
        "zebra =",
        "4:1: unknown key `zebra`",
        "known here: `description`, `question`, `connections`, `idle_connections`, `needs`, `timeout`, `load`, `requests`, `objective`, `goodput`",
    ),
    (
        "arrival =",
        "arival =",
        "7:1: unknown key `arival`",
        "did you mean `arrival`? Known here: `arrival`, `process`, `rate_per_s`, `capacity_share`, `stages`, `connect`",
    ),
    (
        "\"open\"",
        "\"opne\"",
        "7:11: unknown value `opne`",
        "did you mean `open`? Known here: `closed`, `open`",
    ),
    (
        "[load]\n",
        "[load]\nconnect = \"per-request\"\n",
        "7:11: unknown value `per-request`",
        "did you mean `per_request`? Known here: `once`, `per_request`",
    ),
    (
        "\"constant\"",
        "\"poison\"",
        "8:11: unknown value `poison`",
        "did you mean `poisson`? Known here: `constant`, `poisson`",
    ),
    (
        "weight",
        "wieght",
        "13:1: unknown key `wieght`",
        "did you mean `weight`? Known here: `route`, `path`, `method`, `headers`, `body`, `body_file`, `body_lines`, `body_bytes`, `token`, `follows`, `take`, `expect_body`, `content_type`, `message_bytes`, `weight`, `expect_status`",
    ),
    (
        "p99 =",
        "p9 =",
        "21:1: unknown key `p9`",
        "did you mean `p90`? Known here: `p50`, `p90`, `p95`, `p99`, `p99_9`, `p99_99`",
    ),
    (
        "\"HEAD\"",
        "\"head\"",
        "17:10: `head` is not a method that can be sent",
        "did you mean `HEAD`? Known here: `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `OPTIONS`",
    ),
    (
        "\"HEAD\"",
        "\"BREW\"",
        "17:10: `BREW` is not a method that can be sent",
        "known here: `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `OPTIONS`",
    ),
];

/// Keys that contradict one another, or are missing.
const IMPOSSIBLE: &[Mistake] = &[
    (
        "\"open\"",
        "\"closed\"",
        "9:14: `rate_per_s` means nothing in a closed loop, where replies trigger requests",
        "remove `rate_per_s`, or write `arrival = \"open\"` to send on a schedule",
    ),
    (
        "arrival = \"open\"\nprocess = \"constant\"\nrate_per_s = 1_000\n",
        "arrival = \"closed\"\nstages = []\n",
        "8:10: `stages` means nothing in a closed loop, where replies trigger requests",
        "remove `stages`, or write `arrival = \"open\"` to send on a schedule",
    ),
    (
        "rate_per_s = 1_000\n",
        "stages = []\n",
        "9:10: a profile has 1 to 64 stages, not 0",
        "join stages, or repeat a pattern with a `burst` stage",
    ),
    (
        "rate_per_s = 1_000\n",
        "rate_per_s = 1_000\ncapacity_share = 0.5\n",
        "10:18: `rate_per_s` and `capacity_share` both say how many requests to send",
        "keep one of them",
    ),
    (
        "rate_per_s = 1_000\n",
        "",
        "7:11: an open loop needs to know how many requests to send",
        "add `rate_per_s = 1_000`, `capacity_share = 0.5` for half of what the weaker target can do, or `[[load.stages]]` for a rate that changes",
    ),
    (
        "\"50ms\"",
        "\"2s\"",
        "21:7: p99 may take as long as the timeout of 2s, so requests given up would meet it",
        "raise `timeout` above the objective, or lower the objective",
    ),
    (
        "connections = 8\n",
        "",
        "1:1: `connections` is missing",
        "add `connections`; `bench list scenarios` shows scenarios to start from",
    ),
    (
        "question = \"Which is slower?\"",
        "question = \"  \"",
        "2:12: `question` is empty",
        "say it in a sentence: it stands above every result of this scenario",
    ),
    (
        "weight = 3\n",
        "weight = 3\nbody = \"{}\"\n",
        "14:8: `body` means nothing with GET",
        "write `method = \"POST\"` or `method = \"PUT\"`, or remove `body`",
    ),
    (
        "method = \"HEAD\"",
        "method = \"HEAD\"\nbody = \"\"",
        "18:8: `body` means nothing with HEAD",
        "write `method = \"POST\"` or `method = \"PUT\"`, or remove `body`",
    ),
    (
        "weight = 3\n",
        "weight = 3\ncontent_type = \"text/plain\"\n",
        "14:16: `content_type` means nothing without a body",
        "add `body`, or remove `content_type`",
    ),
    (
        "weight = 3\n",
        "method = \"PUT\"\nbody = \"\"\ncontent_type = \"a\\r\\nb: c\"\n",
        "15:16: a content type is 1 to 128 visible characters",
        "write it as in `content_type = \"text/plain; charset=utf-8\"`",
    ),
    (
        "\"/sleep/5\"",
        "\"\"",
        "12:9: a route begins with `/`",
        "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
    ),
];

/// Stages, a piece of them, what somebody wrote instead, `line:column: what` is reported, and the remedy.
type BadStages = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// The first stage begins on line 9.
const BAD_STAGES: &[BadStages] = &[
    (
        RAMP,
        "\"ramp\"",
        "\"rump\"",
        "10:8: unknown value `rump`",
        "did you mean `ramp`? Known here: `ramp`, `step`, `share`, `burst`",
    ),
    (
        RAMP,
        "to_per_s",
        "too_per_s",
        "12:1: unknown key `too_per_s`",
        "did you mean `to_per_s`? Known here: `kind`, `from_per_s`, `to_per_s`, `rate_per_s`, `capacity_share`, `base_per_s`, `burst_per_s`, `period`, `burst_for`, `duration`",
    ),
    (
        RAMP,
        "to_per_s = 500.5\n",
        "",
        "10:8: a ramp needs `to_per_s`",
        "a ramp has `from_per_s`, `to_per_s`, `duration`",
    ),
    (
        RAMP,
        "duration = \"10s\"\n",
        "",
        "10:8: a ramp needs `duration`",
        "a ramp has `from_per_s`, `to_per_s`, `duration`",
    ),
    (
        RAMP,
        "from_per_s = 0\n",
        "from_per_s = 0\nperiod = \"1s\"\n",
        "12:10: `period` means nothing in a ramp",
        "a ramp has `from_per_s`, `to_per_s`, `duration`",
    ),
    (
        BURST,
        "\"burst\"",
        "\"step\"",
        "11:14: `base_per_s` means nothing in a step",
        "a step has `rate_per_s`, `duration`",
    ),
    (
        RAMP,
        "500.5",
        "1_000_000_001",
        "12:12: `to_per_s` must be from 0 to 1000000000 requests a second, not 1000000001",
        "write requests a second, as in `1_000`; 0 is silence",
    ),
    (
        RAMP,
        "500.5",
        "-1",
        "12:12: `to_per_s` must be from 0 to 1000000000 requests a second, not -1",
        "write requests a second, as in `1_000`; 0 is silence",
    ),
    (
        RAMP,
        "500.5",
        "0",
        "9:1: less than one request is scheduled in all stages together",
        "raise a rate or lengthen a stage",
    ),
    (
        RAMP,
        "\"10s\"",
        "\"0s\"",
        "13:12: a time of zero can't be kept",
        "write a number and a unit, as in `\"50ms\"` or `\"5s\"`",
    ),
    (
        RAMP,
        "\"10s\"",
        "\"169h\"",
        "13:12: `169h` is too long: the limit is 7 days",
        "write a number and a unit, as in `\"50ms\"` or `\"5s\"`",
    ),
    (
        BURST,
        "2_000",
        "100",
        "12:15: `burst_per_s` is not above `base_per_s`",
        "a burst is more than its base: raise `burst_per_s`, or write a `step`",
    ),
    (
        BURST,
        "\"100ms\"",
        "\"1s\"",
        "14:13: `burst_for` is as long as its `period` or longer",
        "shorten `burst_for`, or write a `step` at the burst's rate",
    ),
    (
        BURST,
        "\"1s\"",
        "\"2m\"",
        "13:10: `period` is longer than the stage's `duration`",
        "shorten `period`, or lengthen `duration`",
    ),
    (
        RAMP,
        "[[load.stages]]",
        "capacity_share = 0.5\n[[load.stages]]",
        "9:18: `capacity_share` and `stages` both say how many requests to send",
        "keep one of them",
    ),
    (
        RAMP,
        "kind = \"ramp\"\nfrom_per_s = 0\nto_per_s = 500.5",
        "kind = \"share\"\ncapacity_share = 10.1",
        "11:18: `capacity_share` of a stage must be from 0 to 10, not 10.1",
        "2 is twice what the weaker target can do, 0 is silence",
    ),
    (
        RAMP,
        "[[load.stages]]\n",
        "[[load.stages]]\nkind = \"share\"\ncapacity_share = 10.0\nduration = \"1s\"\n[[load.stages]]\n",
        "14:8: stages are shares of the capacity, and this one is not",
        "write `kind = \"share\"` with a `capacity_share` for all of them, or rates for all of them",
    ),
    (
        RAMP,
        "[[load.stages]]",
        "rate_per_s = 5\n[[load.stages]]",
        "9:14: `rate_per_s` and `stages` both say how many requests to send",
        "keep one of them",
    ),
];

/// Values that can't be.
const OUT_OF_RANGE: &[Mistake] = &[
    (
        "connections = 8",
        "connections = 0",
        "3:15: `connections` must be from 1 to 65535, not 0",
        "choose a number from 1 to 65535",
    ),
    (
        "connections = 8",
        "connections = 65_536",
        "3:15: `connections` must be from 1 to 65535, not 65536",
        "choose a number from 1 to 65535",
    ),
    (
        "connections = 8",
        "connections = 8\nidle_connections = 0",
        "4:20: `idle_connections` must be from 1 to 65535, not 0",
        "choose a number from 1 to 65535",
    ),
    (
        "connections = 8",
        "connections = 8\nidle_connections = 65_536",
        "4:20: `idle_connections` must be from 1 to 65535, not 65536",
        "choose a number from 1 to 65535",
    ),
    (
        "connections = 8",
        "connections = \"8\"",
        "3:15: invalid type: string \"8\", expected a whole number",
        "correct this line; `bench list scenarios` shows scenarios to start from",
    ),
    (
        "weight = 3",
        "message_bytes = 31",
        "13:17: `message_bytes` must be from 32 to 65536, not 31",
        "choose a number from 32 to 65536",
    ),
    (
        "weight = 3",
        "message_bytes = 65_537",
        "13:17: `message_bytes` must be from 32 to 65536, not 65537",
        "choose a number from 32 to 65536",
    ),
    (
        "weight = 3",
        "weight = 0",
        "13:10: `weight` must be from 1 to 1000000, not 0",
        "choose a number from 1 to 1000000",
    ),
    (
        "weight = 3",
        "weight = 1_000_001",
        "13:10: `weight` must be from 1 to 1000000, not 1000001",
        "choose a number from 1 to 1000000",
    ),
    (
        "404",
        "199",
        "18:17: `expect_status` must be from 200 to 599, not 199",
        "choose a number from 200 to 599",
    ),
    (
        "404",
        "600",
        "18:17: `expect_status` must be from 200 to 599, not 600",
        "choose a number from 200 to 599",
    ),
    (
        "1_000",
        "0",
        "9:14: a rate must be above 0 and at most 1000000000 requests a second, not 0",
        "write requests a second, as in `rate_per_s = 1_000`",
    ),
    (
        "1_000",
        "nan",
        "9:14: a rate must be above 0 and at most 1000000000 requests a second, not NaN",
        "write requests a second, as in `rate_per_s = 1_000`",
    ),
    (
        "rate_per_s = 1_000",
        "capacity_share = 1.0",
        "9:18: `capacity_share` must be above 0 and below 1, not 1",
        "at 1 and above queues grow without end; 0.5 is half of what the weaker target can do",
    ),
    (
        "rate_per_s = 1_000",
        "capacity_share = 0",
        "9:18: `capacity_share` must be above 0 and below 1, not 0",
        "at 1 and above queues grow without end; 0.5 is half of what the weaker target can do",
    ),
    (
        "\"2s\"",
        "\"0s\"",
        "4:11: a time of zero can't be kept",
        "write a number and a unit, as in `\"50ms\"` or `\"5s\"`",
    ),
    (
        "\"2s\"",
        "\"601s\"",
        "4:11: `timeout` is longer than 600 s",
        "a request that takes longer has failed: give a shorter timeout",
    ),
    (
        "\"2s\"",
        "\"soon\"",
        "4:11: `soon` is not a duration: write a number and a unit, as in `10s`, `250ms` or `1m30s`",
        "write a number and a unit, as in `\"50ms\"` or `\"5s\"`",
    ),
    (
        "\"/sleep/5\"",
        "\"sleep\"",
        "12:9: a route begins with `/`",
        "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
    ),
    (
        "\"/sleep/5\"",
        "\"/a b\"",
        "12:9: ' ' can't stand in a route",
        "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
    ),
    (
        "\"/sleep/5\"",
        "\"/a#b\"",
        "12:9: '#' can't stand in a route",
        "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
    ),
    (
        "\"/sleep/5\"",
        "\"/a\\u00e9\"",
        "12:9: 'é' can't stand in a route",
        "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
    ),
    (
        "connections = 8",
        "connections = ",
        "3:15: string values must be quoted, expected literal string",
        "correct this line; `bench list scenarios` shows scenarios to start from",
    ),
];

/// A request of one's own with this line, which may be refused.
fn own(line: &str) -> Result<Scenario, ScenarioError> {
    parse(&edited(
        "route = \"/sleep/5\"\nweight = 3\n",
        &format!("path = \"/a\"\n{line}\n"),
    ))
}

#[test]
fn what_is_taken_and_expected_of_replies_has_bounds() {
    let places = |count: usize, from: &str| {
        let each = (0..count).map(|at| format!("{from}{at}\" = \"/a\""));
        format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
    };
    let pointer = |bytes: usize| format!("/{}", "p".repeat(bytes - 1));
    let take = |count| format!("take = {}", places(count, "\"a"));
    let json = |count| format!("expect_body = {{ json = {} }}", places(count, "\"/"));
    let take_at = |bytes| format!("take = {{ a = \"{}\" }}", pointer(bytes));
    let json_at = |bytes| {
        format!(
            "expect_body = {{ json = {{ \"{}\" = 1 }} }}",
            pointer(bytes)
        )
    };
    let length = |bytes: u32| format!("expect_body = {{ bytes = {bytes} }}");
    for (fits, refused, what) in [
        (
            take(MAX_TAKEN),
            take(MAX_TAKEN + 1),
            "`take` names 1 to 16 places, not 17",
        ),
        (
            json(MAX_TAKEN),
            json(MAX_TAKEN + 1),
            "`json` names 1 to 16 places, not 17",
        ),
        (take(1), take(0), "`take` names 1 to 16 places, not 0"),
        (
            take_at(MAX_POINTER_BYTES),
            take_at(MAX_POINTER_BYTES + 1),
            "is not a JSON pointer of at most 256 bytes",
        ),
        (
            json_at(MAX_POINTER_BYTES),
            json_at(MAX_POINTER_BYTES + 1),
            "is not a JSON pointer of at most 256 bytes",
        ),
        (
            length(MAX_EXPECTED_BYTES),
            length(MAX_EXPECTED_BYTES + 1),
            "`bytes` must be from 0 to 67108864, not 67108865",
        ),
    ] {
        own(&fits).unwrap_or_else(|error| panic!("{fits}: {error}"));
        let error = own(&refused).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(!error.remedy().is_empty());
    }
}

#[test]
fn what_is_made_of_a_scenario_stays_in_its_directory() {
    let source = "connections = 4\nload = { arrival = \"open\", rate_per_s = 7 }\n\
                  requests = [{ path = \"/\", method = \"POST\", body_file = \"body.json\" }]\n\
                  [objective]\np99 = \"5ms\"\n";
    let scenario = Scenario::parse(source, "of/ours/mine.toml").unwrap();
    let closed = scenario.closed().unwrap();
    assert_eq!(closed.file_name, "of/ours/mine-capacity.toml");
    assert_eq!(closed.name, "mine-capacity");
    assert!(closed.objectives.is_empty() && closed.arrival == ArrivalSpec::Closed);
    let shared = scenario.at_capacity_share(0.5).unwrap();
    assert_eq!(
        (&*shared.file_name, &*shared.name),
        ("of/ours/mine.toml", "mine")
    );
    assert_eq!(shared.objectives.len(), 1);
    assert!(shared.arrival.needs_capacity());
    for share in [0.0, 1.0, f64::NAN] {
        assert!(scenario.at_capacity_share(share).is_err(), "{share}");
    }
}
