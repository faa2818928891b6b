use super::*;

/// A claim that is whole; the lines replace or follow its own.
fn source(more: &str) -> String {
    format!(
        "[[claims]]\nid = \"a\"\nsays = \"x is 2×\"\nsource = \"s\"\ndate = \"2026\"\ntier = \"A\"\nthere = \"t\"\n{more}"
    )
}

const RANGE: &str = "from = 1.5\n";
const MEASURE: &str = "measure = { head = \"node\", base = \"fastapi\", metric = \"throughput\", route = \"/json\", connections = 10 }\n";

fn read(more: &str) -> Result<Vec<Claim>, SourceError> {
    parse(&source(more), "mine.toml")
}

#[test]
fn every_built_in_claim_is_read_and_their_names_are_unique() {
    let mut seen = BTreeSet::new();
    for (topic, source) in BUILT_IN {
        let claims =
            parse(source, &format!("{topic}.toml")).unwrap_or_else(|error| panic!("{error}"));
        for claim in claims {
            assert_eq!(claim.topic, *topic);
            assert!(seen.insert(claim.id.clone()), "{} is there twice", claim.id);
            assert!(names::check(claim.group.as_deref().unwrap_or("none")).is_ok());
        }
    }
    assert_eq!(seen.len(), built_in().len());
}

#[test]
fn the_articles_nine_sentences_and_thirty_others_can_be_tested_and_six_groups_contradict_themselves()
 {
    let claims = built_in();
    let testable = |claim: &&Claim| claim.question.is_some();
    let of_article = |claim: &&Claim| claim.topic == "article";
    let sentences: BTreeSet<&str> = claims
        .iter()
        .filter(of_article)
        .filter(testable)
        .map(|claim| claim.source.as_str())
        .collect();
    assert_eq!(sentences.len(), 9, "{sentences:?}");
    let published = claims
        .iter()
        .filter(testable)
        .filter(|claim| !of_article(claim));
    assert!(published.clone().count() >= 30, "{}", published.count());
    let contradict = |group: &str| {
        let of_group: Vec<&Claim> = claims
            .iter()
            .filter(|claim| claim.group.as_deref() == Some(group))
            .collect();
        let pairs = of_group
            .iter()
            .flat_map(|one| of_group.iter().map(move |other| (one, other)));
        let mut pairs = pairs.filter(|(one, other)| one.range.excludes(&other.range));
        pairs.any(|(one, other)| one.question.is_some() && other.question.is_some())
    };
    let groups: BTreeSet<&str> = claims
        .iter()
        .filter_map(|claim| claim.group.as_deref())
        .collect();
    let contradicting: Vec<&&str> = groups.iter().filter(|group| contradict(group)).collect();
    assert!(contradicting.len() >= 6, "{contradicting:?}");
}

#[test]
fn a_load_of_a_route_is_a_scenario_and_points_of_a_factor_vary_it() {
    let along = "along = { factor = \"wait\", points = [\n  { is = \"1 ms\", measure = { route = \"/sleep/1\" } },\n  \
                 { is = \"4 connections\", measure = { connections = 4, rate_per_s = 20.5 } },\n] }\n";
    let claim = read(&format!("{RANGE}{MEASURE}{along}")).unwrap().remove(0);
    let asked = claim.question.unwrap();
    assert_eq!(asked.load.name(), "json-10-closed");
    assert_eq!(
        asked.load.words(),
        "closed loop of 10 connections, GET /json"
    );
    let points: Vec<(String, String)> = claim
        .along
        .unwrap()
        .points
        .into_iter()
        .map(|point| {
            let names: Vec<String> = point.question.sides().map(Side::name).collect();
            assert_eq!(names, ["node", "fastapi"]);
            (point.value, point.question.load.words())
        })
        .collect();
    let expected = [
        ("1 ms", "closed loop of 10 connections, GET /sleep/1"),
        (
            "4 connections",
            "20.5 requests a second over 4 connections, GET /json",
        ),
    ];
    assert_eq!(
        points,
        expected.map(|(value, words)| (value.to_owned(), words.to_owned()))
    );
}

#[test]
fn a_trend_is_along_places_of_a_factor() {
    let claim = read(&format!("{RANGE}{}", trend("64", "1_000"))).unwrap();
    let along = claim[0].along.as_ref().unwrap();
    let places: Vec<Option<f64>> = along.points.iter().map(|point| point.at).collect();
    assert_eq!(places, [Some(64.0), Some(1000.0)]);
    assert!(claim[0].is_trend);
}

/// A trend from one place to another.
fn trend(from: &str, to: &str) -> String {
    let point = |at| format!("{{ is = \"x\", at = {at}, measure = {{ connections = 5 }} }},");
    format!(
        "trend = true\n{MEASURE}along = {{ factor = \"f\", points = [{}{}] }}\n",
        point(from),
        point(to)
    )
}

#[test]
fn a_target_may_have_a_pool_and_workers_and_is_called_after_them() {
    let measure = "measure = { head = { target = \"fastapi-def\", pool = 40 }, base = { target = \"./own/mine.toml\", workers = 2 }, \
                   metric = \"memory\", scenario = \"ping\", sample = \"3s\" }\n";
    let claim = read(&format!("{RANGE}{measure}")).unwrap().remove(0);
    let asked = claim.question.unwrap();
    let names: Vec<String> = asked.sides().map(Side::name).collect();
    assert_eq!(names, ["fastapi-def-pool-40", "mine-workers-2"]);
    assert_eq!(asked.load.sample(), Some(Duration::from_secs(3)));
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
#[test]
fn mistakes_are_named_by_line_with_the_remedy() {
    let many = format!("from = 1\n{MEASURE}");
    let at = |measure: &str| {
        format!(
            "{RANGE}measure = {{ head = \"node\", base = \"fastapi\", metric = \"throughput\", {measure} }}\n"
        )
    };
    let points = |count: usize| {
        let point = "{ is = \"x\", measure = { connections = 5 } },";
        format!(
            "{RANGE}{MEASURE}along = {{ factor = \"f\", points = [{}] }}\n",
            point.repeat(count)
        )
    };
    let cases: &[(&str, u32, &str, &str)] = &[
        (
            RANGE,
            1,
            "nothing says how `a` is tested",
            "add `[claims.measure]`",
        ),
        (
            MEASURE,
            1,
            "a claim without a figure",
            "add `from`, `to` or both",
        ),
        (
            &format!("from = 0.0\n{MEASURE}"),
            8,
            "`from` must be a number above zero, not 0",
            "a ratio",
        ),
        (
            &format!("from = 2.0\nto = 1.0\n{MEASURE}"),
            9,
            "`to` is 1, which is below `from`",
            "lower end",
        ),
        (
            &format!("from = inf\n{MEASURE}"),
            8,
            "above zero, not inf",
            "leave this end out",
        ),
        (
            &format!("{RANGE}{MEASURE}needs = \"a database\"\n"),
            10,
            "is not measured",
            "remove `needs`",
        ),
        (
            &format!("{RANGE}{MEASURE}cores = {}\n", MAX_CORES + 1),
            10,
            "`cores` must be from 1 to 1024, not 1025",
            "choose",
        ),
        (
            &format!("{RANGE}{MEASURE}url = \"ftp://x\"\n"),
            10,
            "no address of the web",
            "https://",
        ),
        (
            &format!("{RANGE}{MEASURE}group = \" \"\n"),
            10,
            "`group` is empty",
            "say it in a sentence",
        ),
        (
            &format!(
                "{RANGE}{MEASURE}here = \"{}\"\n",
                "x".repeat(MAX_SENTENCE_CHARS + 1)
            ),
            10,
            "has 401 characters; the limit is 400",
            "say it",
        ),
        (
            &format!("{RANGE}{MEASURE}teir = 1\n"),
            10,
            "unknown key",
            "did you mean `tier`?",
        ),
        (
            &at("route = \"/json\""),
            9,
            "`connections` is missing beside `route`",
            "connections = 100",
        ),
        (
            &at("connections = 1"),
            1,
            "by one `scenario`, `route` or `path`",
            "write one of them",
        ),
        (
            &at("route = \"json\", connections = 1"),
            9,
            "a route begins with `/`",
            "write path and query",
        ),
        (
            &at("route = \"/json\", connections = 65_536"),
            9,
            "must be from 1 to 65535, not 65536",
            "choose",
        ),
        (
            &at("scenario = \"pong\""),
            9,
            "no scenario is called `pong`",
            "bench list scenarios",
        ),
        (
            &at("scenario = \"ping\", rate_per_s = 0.0"),
            9,
            "rate",
            "rate_per_s = 1_000",
        ),
        (
            &format!(
                "{RANGE}measure = {{ head = \"nod\", metric = \"memory\", scenario = \"ping\" }}\n"
            ),
            9,
            "no target is called `nod`",
            "bench list targets",
        ),
        (
            &format!(
                "{RANGE}measure = {{ head = \"node\", base = \"node\", metric = \"memory\", scenario = \"ping\" }}\n"
            ),
            9,
            "the same target",
            "name another",
        ),
        (
            &format!(
                "{RANGE}measure = {{ head = {{ target = \"node\", pool = 1_025 }}, metric = \"memory\", scenario = \"ping\" }}\n"
            ),
            9,
            "`pool` must be from 1 to 1024",
            "choose",
        ),
        (
            &format!(
                "{RANGE}measure = {{ head = \"node\", metric = \"memory_per_connection\", scenario = \"ping\" }}\n"
            ),
            9,
            "the load has none",
            "`idle_connections`",
        ),
        (
            &at("route = \"/json\", connections = 1, p99_at_most = \"50ms\""),
            9,
            "another metric is claimed",
            "capacity",
        ),
        (
            &format!(
                "{RANGE}measure = {{ head = \"node\", metric = \"capacity\", route = \"/json\", connections = 1 }}\n"
            ),
            9,
            "the load has none",
            "p99_at_most",
        ),
        (
            &format!(
                "{RANGE}measure = {{ head = \"node\", metric = \"capacity\", scenario = \"io-heavy\", rate_per_s = 5 }}\n"
            ),
            9,
            "the rate is what `capacity` looks for",
            "remove",
        ),
        (
            &format!("{RANGE}measure = {{ metric = \"memory\", scenario = \"ping\" }}\n"),
            1,
            "`head` is missing",
            "name the target",
        ),
        (
            &format!("{RANGE}measure = {{ head = \"node\", scenario = \"ping\" }}\n"),
            1,
            "`metric` is missing",
            "throughput",
        ),
        (
            &format!("{RANGE}{}", trend("64", "64")),
            9,
            "a trend is along points with different places",
            "`at`",
        ),
        (
            &format!("{RANGE}{}", trend("0", "64")),
            9,
            "above zero",
            "at = 64",
        ),
        (
            &format!("{RANGE}trend = true\n{MEASURE}"),
            9,
            "a trend is along points",
            "give each point",
        ),
        (
            &points(1),
            10,
            "a factor has 2 to 16 points, not 1",
            "name the values",
        ),
        (
            &points(MAX_POINTS + 1),
            10,
            "2 to 16 points, not 17",
            "name the values",
        ),
        (
            &format!(
                "{many}[[claims]]\n{}",
                source(&many).split_once("]]\n").unwrap().1
            ),
            11,
            "two claims are called `a`",
            "another `id`",
        ),
    ];
    for (more, line, what, remedy) in cases {
        let error = read(more).expect_err(more);
        assert_eq!(error.line(), *line, "{error} in\n{}", source(more));
        assert!(error.what().contains(what), "{error}");
        assert!(
            error.remedy().contains(remedy),
            "{error}: {}",
            error.remedy()
        );
    }
    assert!(read(&points(MAX_POINTS)).is_ok());
    let dated = source(&format!("{RANGE}{MEASURE}")).replace("\"2026\"", "\"May\"");
    let error = parse(&dated, "mine.toml").unwrap_err();
    assert_eq!((error.line(), error.what()), (5, "`date` is no date"));
}

#[test]
fn bounds_are_met() {
    let claims = |count: usize| {
        let each = (0..count)
            .map(|id| source(&format!("{RANGE}{MEASURE}")).replace("\"a\"", &format!("\"c{id}\"")));
        each.collect::<String>()
    };
    assert_eq!(
        parse(&claims(MAX_CLAIMS), "mine.toml").unwrap().len(),
        MAX_CLAIMS
    );
    let error = parse(&claims(MAX_CLAIMS + 1), "mine.toml").unwrap_err();
    assert_eq!(error.what(), "a file has 1 to 128 claims, not 129");
    let padded = |bytes: usize| {
        let text = source(&format!("{RANGE}{MEASURE}"));
        format!("{text}#{}", " ".repeat(bytes - text.len() - 1))
    };
    assert!(parse(&padded(MAX_SOURCE_BYTES), "mine.toml").is_ok());
    let error = parse(&padded(MAX_SOURCE_BYTES + 1), "mine.toml").unwrap_err();
    assert!(error.what().contains("262145 bytes"), "{error}");
}

#[test]
fn ranges_exclude_each_other_where_nothing_is_in_both() {
    let range = |low, high| Range { low, high };
    let cases = [
        (
            range(Some(2.0), Some(4.0)),
            range(Some(1.0), Some(1.2)),
            true,
        ),
        (range(Some(2.0), None), range(None, Some(1.9)), true),
        (range(Some(2.0), None), range(None, Some(2.0)), false),
        (range(Some(2.0), None), range(Some(1.0), None), false),
    ];
    for (one, other, excluded) in cases {
        assert_eq!(one.excludes(&other), excluded, "{one:?} {other:?}");
        assert_eq!(other.excludes(&one), excluded, "{one:?} {other:?}");
    }
    assert!(range(Some(2.0), None).contains(2.0) && !range(None, Some(1.9)).contains(2.0));
}

#[test]
fn the_published_schema_is_that_of_what_is_read() {
    crate::published_for_tests::check::<Raw>("scenarios/claims/claim.schema.json");
}
