use proptest::prelude::*;

use super::*;

const SMALLEST: &str = r#"description = "Mine."
runtime = "Go"
loop = "netpoller"
command = "./mine"
args = ["{port}"]
"#;

fn parse(source: &str) -> Result<Manifest, SourceError> {
    Manifest::parse(source, "some/where/mine.toml")
}

/// The error of the smallest manifest with a line more, or with one of its lines replaced where the key is there already.
fn error_of(line: &str) -> String {
    let key = line.split(' ').next().unwrap_or_default();
    let kept = SMALLEST
        .lines()
        .filter(|old| !old.starts_with(&format!("{key} ")));
    let mut source = kept.collect::<Vec<_>>().join("\n") + "\n";
    source.push_str(line);
    let error = parse(&source).expect_err(line);
    format!("{error}\n  help: {}", error.remedy())
}

#[test]
fn every_built_in_manifest_is_read() {
    for (name, source) in crate::spec::target::BUILT_IN {
        let manifest = Manifest::parse(source, &format!("{name}.toml"))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(manifest.name, *name);
        // What a legend shows beside the name.
        assert!(manifest.versions.contains_key(&manifest.runtime), "{name}");
    }
}

#[test]
fn five_lines_are_a_manifest() {
    let manifest = parse(SMALLEST).unwrap();
    assert_eq!(manifest.name, "mine");
    assert_eq!(manifest.ready, "/plaintext");
    assert_eq!(manifest.ready_timeout, DEFAULT_READY_TIMEOUT);
    assert_eq!(manifest.stop_timeout, DEFAULT_STOP_TIMEOUT);
    assert_eq!(manifest.stop, StopSignal::Term);
    assert_eq!((manifest.workers_on(1), manifest.workers_on(8)), (1, 1));
    assert!(manifest.claims_concurrency && !manifest.strict_http);
    assert_eq!(manifest.needs, None);
    assert!(!manifest.calls_upstream() && manifest.versions.is_empty());
    assert_eq!(manifest.source, SMALLEST);
}

#[test]
fn what_a_manifest_calls_itself_follows_from_its_program_unless_it_says_more() {
    let check = |command: &str, runtime: &str| {
        let source = format!(
            "command = \"{command}\"\nargs = [\"{{port}}\"]\nversion = [\"go\", \"version\"]\n"
        );
        let manifest = parse(&source).unwrap();
        assert_eq!(manifest.runtime, runtime);
        assert_eq!(manifest.description, runtime);
        assert_eq!(manifest.event_loop, UNKNOWN);
        assert!(manifest.versions.contains_key(runtime), "{command}");
    };
    check("./my-server", "my-server");
    check("/usr/bin/node", "node");
    check("{bench}", "bench");
    check("/", "a program");
    check("a\\tb", "ab");
    let longest = "ä".repeat(MAX_LABEL_CHARS);
    check(&longest, &longest);
    check(&format!("{longest}ä"), &longest);
}

#[test]
fn another_command_may_start_the_same_target() {
    let manifest = parse(SMALLEST).unwrap();
    let with = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        manifest.with_command(&words)
    };
    let other = with(&["./old", "--port={port}", "a b"]).unwrap();
    let values = Values {
        port: 81,
        ..Values::default()
    };
    let args: Vec<String> = other.args.iter().map(|arg| arg.fill(&values)).collect();
    assert_eq!(
        (other.command.fill(&values).as_str(), args),
        ("./old", vec!["--port=81".to_owned(), "a b".to_owned()])
    );
    assert_eq!(
        (other.name, other.file_name),
        (manifest.name.clone(), manifest.file_name.clone())
    );
    assert!(
        other
            .source
            .ends_with("\n# Started by another command: ./old --port={port} a b\n")
    );
    for (words, expected) in [
        (vec![], "`command` is empty"),
        (vec!["./old"], "nothing tells it which port to listen on"),
        (vec!["./old", "{prt}"], "the command of the base:1:1"),
    ] {
        let error = with(&words).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn every_key_is_read() {
    let manifest = parse(
        r#"description = "Mine."
runtime = "Go"
loop = "netpoller"
command = "{server_dir}/run"
args = ["--bind={host}:{port}", "{{literal}}", "", "{data_dir}:{upstream}:{pool}:{workers}", "{bench}"]
env = { PATH_OF_IT = "{node}" }
ready = "/health?deep=1"
ready_timeout = "30s"
workers = "cores"
stop = "SIGINT"
stop_timeout = "1500ms"
needs = "node"
claims_concurrency = false
strict_http = true
[version]
Go = ["go", "version"]
"{{cgo}}" = ["{server_dir}/run", "--version"]
[[differences]]
case = "limits/head"
why = "Its parser counts otherwise."
"#,
    )
    .unwrap();
    let values = Values {
        host: DEFAULT_HOST,
        port: 8080,
        socket: String::new(),
        data_dir: "/data".to_owned(),
        upstream: "127.0.0.1:9000".to_owned(),
        pool: 4,
        workers: manifest.workers_on(3),
        bench: "/bin/bench".to_owned(),
        server_dir: "/cache/node".to_owned(),
        interpreter: "/usr/bin/node".to_owned(),
    };
    let filled: Vec<String> = manifest.args.iter().map(|arg| arg.fill(&values)).collect();
    assert_eq!(
        filled,
        [
            "--bind=127.0.0.1:8080",
            "{literal}",
            "",
            "/data:127.0.0.1:9000:4:3",
            "/bin/bench"
        ]
    );
    assert_eq!(manifest.command.fill(&values), "/cache/node/run");
    assert_eq!(manifest.env["PATH_OF_IT"].fill(&values), "/usr/bin/node");
    assert_eq!(manifest.ready_timeout, Duration::from_secs(30));
    assert_eq!(manifest.stop_timeout, Duration::from_millis(1500));
    assert_eq!(manifest.stop.to_string(), "SIGINT");
    let version = &manifest.versions["{{cgo}}"];
    assert_eq!(version[0].fill(&values), "/cache/node/run");
    assert_eq!(manifest.versions["Go"].len(), 2);
    assert!(manifest.calls_upstream());
    let difference = &manifest.differences[0];
    assert_eq!(
        (difference.case.as_str(), difference.why.as_str()),
        ("limits/head", "Its parser counts otherwise.")
    );
    assert_eq!(
        manifest.difference_error(0, "message", "help").to_string(),
        "some/where/mine.toml:19:8: message"
    );
    assert!(!manifest.claims_concurrency && manifest.strict_http);
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_the_remedy() {
    let errors: Vec<String> = [
        "comand = \"x\"",
        "args = [\"{prot}\"]",
        "args = [\"{node}\"]",
        "args = [\"{server_dir}\"]",
        "args = [\"{python}\"]",
        "args = [\"{\"]",
        "args = [\"}\"]",
        "args = [1]",
        "workers = 0",
        "workers = \"core\"",
        "workers = 4097",
        "without = [\"chat/x\"]",
        "alone = [\"/sleep/1\"]",
        "stop = \"SIGKILL\"",
        "needs = \"ruby\"",
        "ready = \"health\"",
        "ready_timeout = \"0s\"",
        "ready_timeout = \"601s\"",
        "stop_timeout = \"soon\"",
        "description = \"\"",
        "runtime = \"a\\nb\"",
        "command = \"\"",
        "args = []",
        "args = [\"{port\"]",
        "env = { \"A=B\" = \"x\" }",
        "env = { PORT = \"{prot}\" }",
        "env = { PORT = 80 }",
        "version = \"go version\"",
        "version = []",
        "version = [\"{port}\"]",
        "version = [\"{host}\"]",
        "version = { Go = [] }",
        "version = { Go = \"go version\" }",
        "version = { go = [\"go\", \"version\"] }",
        "version = {}",
        "factors = { style = \"callback\", loop = \"libuv\" }",
        "factors = { style = \"callbacks\", loop = \"tokio\" }",
        "factors = { style = \"callbacks\" }",
        "factors = { style = \"callbacks\", loop = \"libuv\", pool = 4 }",
        "differences = [{ case = \"a/b\" }]",
        "differences = [{ case = \"a/b\", why = \"\" }]",
        "differences = [{ case = \"a/b\", why = \"x\" }, { case = \"a/b\", why = \"y\" }]",
    ]
    .into_iter()
    .map(error_of)
    .collect();
    insta::assert_snapshot!(errors.join("\n"));
    let error = Manifest::parse(SMALLEST, "Not A Name.toml").unwrap_err();
    assert!(error.to_string().contains("can't be a name"), "{error}");
}

/// `mine=./MyServer.toml` was refused because of its file's name, though a name was given.
#[test]
fn an_alias_names_a_target_whose_file_cannot() {
    for (file, name) in [("./MyServer.toml", "mine"), ("./server.toml", "server")] {
        let manifest = Manifest::parse_as(Some("mine"), SMALLEST, file).unwrap();
        assert_eq!(manifest.name, name);
        assert_eq!(manifest.file_name, file);
    }
}

#[test]
fn every_signal_is_read_by_its_name() {
    for name in [
        "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH",
    ] {
        let manifest = parse(&format!("{SMALLEST}stop = \"{name}\"\n")).unwrap();
        assert_eq!(manifest.stop.to_string(), name);
    }
}

#[test]
fn a_port_may_be_reported_by_the_environment_alone() {
    let source = SMALLEST.replace("args = [\"{port}\"]", "env = { PORT = \"{port}\" }");
    assert!(parse(&source).is_ok());
    let source = SMALLEST.replace("args = [\"{port}\"]", "env = { PORT = \"{{port}}\" }");
    assert!(parse(&source).is_err());
}

#[test]
fn every_bound_holds_at_its_limit() {
    let parses = |more: &str| parse(&format!("{SMALLEST}{more}\n")).is_ok();
    let check = |of: &str, limit: usize, more: &dyn Fn(usize) -> String| {
        assert!(parses(&more(limit)), "{of} at {limit}");
        assert!(!parses(&more(limit + 1)), "{of} beyond {limit}");
    };
    // The smallest manifest has arguments of its own.
    let args = |count: usize| {
        let args = format!("args = [\"{{port}}\"{}]", ", \"x\"".repeat(count - 1));
        parse(&SMALLEST.replace("args = [\"{port}\"]", &args)).is_ok()
    };
    assert!(args(MAX_ENTRIES) && !args(MAX_ENTRIES + 1));
    let each = |count: usize, of: fn(usize) -> String| (0..count).map(of).collect::<String>();
    check("variables", MAX_ENTRIES, &|count| {
        format!("[env]\n{}", each(count, |i| format!("V{i} = \"x\"\n")))
    });
    check("versions", MAX_VERSIONS, &|count| {
        let others = each(count - 1, |i| format!("V{i} = [\"x\"]\n"));
        format!("[version]\nGo = [\"go\"]\n{others}")
    });
    check("words of a version", MAX_ENTRIES, &|count| {
        format!("version = [{}]", "\"x\",".repeat(count))
    });
    check("differences", MAX_ENTRIES, &|count| {
        each(count, |i| {
            format!("[[differences]]\ncase = \"c{i}\"\nwhy = \"w\"\n")
        })
    });
    check("an argument", MAX_ARG_BYTES, &|bytes| {
        format!("env = {{ V = \"{}\" }}", "x".repeat(bytes))
    });
    check("workers", MAX_WORKERS as usize, &|count| {
        format!("workers = {count}")
    });
    check("seconds", 600, &|seconds| {
        format!("stop_timeout = \"{seconds}s\"")
    });
    assert_eq!(MAX_TIMEOUT.as_secs(), 600);
    check("bytes", MAX_SOURCE_BYTES - SMALLEST.len() - 1, &|bytes| {
        format!("#{}", " ".repeat(bytes - 1))
    });
    let words = |key: &str, chars: usize| {
        let mine = format!("{key} = \"{}\"\n", "ä".repeat(chars));
        let others = SMALLEST.lines().filter(|line| !line.starts_with(key));
        parse(&format!("{mine}{}", others.collect::<Vec<_>>().join("\n"))).is_ok()
    };
    assert!(words("description", MAX_SENTENCE_CHARS));
    assert!(!words("description", MAX_SENTENCE_CHARS + 1));
    for key in ["runtime", "loop"] {
        assert!(words(key, MAX_LABEL_CHARS) && !words(key, MAX_LABEL_CHARS + 1));
    }
}

/// Lines that a manifest may have, and such as it may not.
fn any_line() -> impl Strategy<Value = String> {
    let key = "(description|runtime|loop|command|args|env|ready|ready_timeout|version|workers|stop|needs|differences|x)";
    let value = "(\"[{}a-z/ =]{0,9}\"|\\[(\"[{}a-z]{0,9}\",?){0,3}\\]|\\{ [A-Za-z]{1,3} = (\"x\"|\\[\"x\"\\]) \\}|[0-9]{1,6}|true|\"cores\")";
    (key, value).prop_map(|(key, value)| {
        // The pattern's own parentheses are part of nothing.
        format!("{key} = {value}")
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(source in "\\PC{0,200}") {
        let _ = parse(&source);
    }

    #[test]
    fn no_lines_make_the_reader_panic(lines in prop::collection::vec(any_line(), 0..8)) {
        let source = format!("{}\n", lines.join("\n"));
        // Most of these keys are required, so those of the smallest manifest that are not there stand before them.
        let has = |line: &str| {
            let key = line.split(' ').next().unwrap_or_default();
            lines.iter().any(|line| line.split(' ').next() == Some(key))
        };
        let others = SMALLEST.lines().filter(|line| !has(line)).collect::<Vec<_>>().join("\n") + "\n";
        if let Err(error) = parse(&format!("{others}{source}")) {
            prop_assert!(error.line() > 0 && !error.remedy().is_empty() && !error.what().is_empty());
        }
    }

    #[test]
    fn an_argument_is_filled_in_or_refused(arg in "[{}a-z]{0,20}") {
        let source = format!("{SMALLEST}env = {{ ARG = '{arg}' }}\n");
        if let Ok(manifest) = parse(&source) {
            let host = Ipv6Addr::UNSPECIFIED.into();
            let filled = manifest.env["ARG"].fill(&Values { host, ..Values::default() });
            // What is filled in is empty, a zero or `::` here, and doubled braces become one.
            prop_assert!(filled.len() <= arg.len(), "{filled} of {arg}");
        }
    }
}

#[test]
fn a_record_has_the_names_of_variables_and_no_passwords() {
    let more = "env = { API_KEY = \"s3cr3t\", PORT = \"{port}\", B = 'a {{b' }\n# from https://me:pass@host/\n";
    let manifest = Manifest::parse(&format!("{SMALLEST}{more}"), "mine.toml").unwrap();
    let recorded = manifest.recorded();
    let expected = "env = { API_KEY = \"(not recorded)\", PORT = \"{port}\", B = \"(not recorded)\" }\n\
                    # from https://(not recorded)@host/\n";
    assert_eq!(recorded, format!("{SMALLEST}{expected}"));
    let again = Manifest::parse(&recorded, "mine.toml").unwrap();
    assert_eq!(again.recorded(), recorded);
}

#[test]
fn where_a_server_is_reached_follows_from_its_port_unless_a_url_says_more() {
    let check = |lines: &str| {
        let source =
            format!("description = \"d\"\nruntime = \"r\"\nloop = \"l\"\ncommand = \"c\"\n{lines}");
        Manifest::parse(&source, "dir/mine.toml")
    };
    let values = Values {
        port: 8080,
        socket: "/run/s".to_owned(),
        ..Values::default()
    };
    for (lines, address) in [
        (
            "args = [\"{port}\"]",
            "http://127.0.0.1:8080/ or http://[::1]:8080/",
        ),
        (
            "args = [\"{port}\"]\nurl = \"https://localhost:{port}/api\"",
            "https://localhost:8080/api",
        ),
        (
            "args = [\"{socket}\"]\nurl = \"unix:{socket}\"",
            "unix:/run/s",
        ),
    ] {
        let manifest = check(lines).unwrap();
        let addresses = manifest.addresses(&values).unwrap();
        let shown: Vec<String> = addresses.iter().map(Address::to_string).collect();
        assert_eq!(shown.join(" or "), address);
        assert_eq!(manifest.is_secured(), address.starts_with("https:"));
        assert!(manifest.access.is_usual());
    }
    let elsewhere = [
        ("", "http://10.0.0.5:8080/", "http://[fd00::5]:8080/"),
        (
            "url = \"https://{host}:{port}/api\"",
            "https://10.0.0.5:8080/api",
            "https://[fd00::5]:8080/api",
        ),
        (
            "url = \"http://h:{port}\"",
            "http://h:8080/",
            "http://h:8080/",
        ),
    ];
    for (url, v4, v6) in elsewhere {
        let lines = format!("args = [\"{{host}}\", \"{{port}}\"]\n{url}");
        let manifest = check(&lines).unwrap();
        for (host, address) in [("10.0.0.5", v4), ("fd00::5", v6)] {
            let values = Values {
                host: host.parse().unwrap(),
                ..values.clone()
            };
            assert_eq!(manifest.args[0].fill(&values), host);
            let addresses = manifest.addresses(&values).unwrap();
            assert_eq!(addresses, [Address::parse(address).unwrap()]);
        }
    }
    let secured = "args = [\"{port}\"]\nurl = \"https://h:{port}\"\n";
    let trust = |line: &str| check(&format!("{secured}{line}")).unwrap().access.trust;
    assert_eq!(
        trust("cacert = \"ca.pem\""),
        TrustSpec::Only("dir/ca.pem".into())
    );
    assert_eq!(
        trust("cacert = \"/ca.pem\""),
        TrustSpec::Only("/ca.pem".into())
    );
    assert_eq!(trust("insecure = true"), TrustSpec::Anyone);
    for (lines, words) in [
        (
            "args = [\"{port}\"]\nurl = \"http://h:{port}/?q\"",
            "has a query",
        ),
        (
            "args = [\"{port}\"]\nurl = \"ftp://h:{port}\"",
            "not measured",
        ),
        ("url = \"http://h:{port}\"", "nothing tells it"),
    ] {
        let error = check(lines).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn routes_that_are_left_out_are_not_served() {
    let manifest = parse(&format!(
        "{SMALLEST}without = [\"/chat\"]\nalone = [\"/stats\"]\n"
    ))
    .unwrap();
    let served = |target, workers| manifest.serves(target, workers);
    assert!(served("/sleep/5", 1) && served("/chats", 1) && served("/upstream?calls=1&ms=0", 2));
    assert!(!served("/chat", 1) && !served("/chat?x=1", 1));
    assert!(served("/stats", 1) && !served("/stats", 2));
}

#[test]
fn workers_can_be_set_and_stand_in_the_source() {
    let two = NonZeroU32::new(2).unwrap();
    for (lines, was) in [("", 1), ("workers = \"cores\"\n", 8), ("workers = 1\n", 1)] {
        let manifest = parse(&format!("{SMALLEST}{lines}")).unwrap();
        assert_eq!(manifest.workers_on(8), was);
        let with = manifest.with_workers(two).unwrap();
        assert_eq!((with.workers_on(8), with.name.as_str()), (2, "mine"));
        let again = Manifest::parse(&with.source, "mine.toml").unwrap();
        assert_eq!(again.workers_on(8), 2);
    }
}
