use proptest::prelude::*;

use super::*;

const SMALLEST: &str = r#"description = "Mine."
runtime = "Go"
loop = "netpoller"
command = "./mine"
"#;

fn parse(source: &str) -> Result<Manifest, SourceError> {
    Manifest::parse(source, "some/where/mine.toml")
}

/// The error of the smallest manifest with a line more, or with one of its lines replaced where the key is there already.
fn error_of(line: &str) -> String {
    let key = line.split(' ').next().unwrap_or_default();
    let kept: Vec<&str> = SMALLEST
        .lines()
        .filter(|old| !old.starts_with(&format!("{key} ")))
        .chain([line])
        .collect();
    let source = kept.join("\n");
    let error = parse(&source).expect_err(line);
    format!("{error}\n  help: {}", error.remedy())
}

#[test]
fn every_built_in_manifest_is_read() {
    for (name, source) in crate::target::BUILT_IN {
        let manifest = Manifest::parse(source, &format!("{name}.toml"))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(manifest.name, *name);
        // What a legend shows beside the name.
        assert!(manifest.versions.contains_key(&manifest.runtime), "{name}");
    }
}

#[test]
fn four_lines_are_a_manifest() {
    let manifest = parse(SMALLEST).unwrap();
    assert_eq!(manifest.name, "mine");
    assert_eq!(manifest.ready, "/plaintext");
    assert_eq!(manifest.ready_timeout, DEFAULT_READY_TIMEOUT);
    assert_eq!(manifest.stop_timeout, DEFAULT_STOP_TIMEOUT);
    assert_eq!(manifest.stop, StopSignal::Term);
    assert_eq!((manifest.workers_on(1), manifest.workers_on(8)), (1, 1));
    assert!(manifest.claims_concurrency && !manifest.strict_http);
    assert_eq!(manifest.needs, None);
}

#[test]
fn every_key_is_read() {
    let manifest = parse(
        r#"description = "Mine."
runtime = "Go"
loop = "netpoller"
command = "{server_dir}/run"
args = ["--port={port}", "{{literal}}", "", "{data_dir}:{upstream}:{pool}:{workers}", "{bench}"]
env = { PATH_OF_IT = "{node}" }
ready = "/health?deep=1"
ready_timeout = "30s"
workers = "cores"
stop = "SIGINT"
stop_timeout = "1500ms"
needs = "node"
claims_concurrency = false
strict_http = true
[versions]
Go = ["go", "version"]
[[differences]]
case = "limits/head"
why = "Its parser counts otherwise."
"#,
    )
    .unwrap();
    let values = Values {
        port: 8080,
        data_dir: "/data".to_owned(),
        upstream: "127.0.0.1:9".to_owned(),
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
            "--port=8080",
            "{literal}",
            "",
            "/data:127.0.0.1:9:4:3",
            "/bin/bench"
        ]
    );
    assert_eq!(manifest.command.fill(&values), "/cache/node/run");
    assert_eq!(manifest.env["PATH_OF_IT"].fill(&values), "/usr/bin/node");
    assert_eq!(manifest.ready_timeout, Duration::from_secs(30));
    assert_eq!(manifest.stop_timeout, Duration::from_millis(1500));
    assert_eq!(manifest.stop.to_string(), "SIGINT");
    assert_eq!(manifest.versions["Go"].len(), 2);
    assert_eq!(manifest.differences[0].line, 18);
    assert!(!manifest.claims_concurrency && manifest.strict_http);
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_the_remedy() {
    let errors: Vec<String> = [
        "comand = \"x\"",
        "args = [\"{prot}\"]",
        "args = [\"{node}\"]",
        "args = [\"{server_dir}\"]",
        "args = [\"{\"]",
        "args = [\"}\"]",
        "args = [1]",
        "workers = 0",
        "workers = \"core\"",
        "workers = 4097",
        "stop = \"SIGKILL\"",
        "needs = \"ruby\"",
        "ready = \"health\"",
        "ready_timeout = \"0s\"",
        "ready_timeout = \"601s\"",
        "stop_timeout = \"soon\"",
        "description = \"\"",
        "versions = { Go = [] }",
        "differences = [{ case = \"a/b\" }]",
    ]
    .into_iter()
    .map(error_of)
    .collect();
    insta::assert_snapshot!(errors.join("\n"));
    let error = Manifest::parse(SMALLEST, "Not A Name.toml").unwrap_err();
    assert!(error.to_string().contains("can't be a name"), "{error}");
}

#[test]
fn every_bound_holds_at_its_limit() {
    let args = |count: usize| format!("{SMALLEST}args = [{}]\n", "\"x\",".repeat(count));
    assert!(parse(&args(MAX_ARGS)).is_ok());
    assert!(parse(&args(MAX_ARGS + 1)).is_err());
    let arg = |bytes: usize| format!("{SMALLEST}args = [\"{}\"]\n", "x".repeat(bytes));
    assert!(parse(&arg(MAX_ARG_BYTES)).is_ok());
    assert!(parse(&arg(MAX_ARG_BYTES + 1)).is_err());
    let env = |count: usize| {
        let lines: Vec<String> = (0..count).map(|i| format!("V{i} = \"x\"")).collect();
        format!("{SMALLEST}[env]\n{}", lines.join("\n"))
    };
    assert!(parse(&env(MAX_ARGS)).is_ok());
    assert!(parse(&env(MAX_ARGS + 1)).is_err());
    let workers = |count: u32| parse(&format!("{SMALLEST}workers = {count}\n"));
    assert_eq!(workers(MAX_WORKERS).unwrap().workers_on(1), MAX_WORKERS);
    assert!(workers(MAX_WORKERS + 1).is_err());
    let padded = |bytes: usize| format!("{SMALLEST}#{}", " ".repeat(bytes - SMALLEST.len() - 1));
    assert!(parse(&padded(MAX_SOURCE_BYTES)).is_ok());
    assert!(parse(&padded(MAX_SOURCE_BYTES + 1)).is_err());
    let described = |chars: usize| parse(&SMALLEST.replace("Mine.", &"ä".repeat(chars))).is_ok();
    assert!(described(MAX_WORDS_CHARS) && !described(MAX_WORDS_CHARS + 1));
    let waits = |seconds: u64| parse(&format!("{SMALLEST}stop_timeout = \"{seconds}s\"\n")).is_ok();
    assert!(waits(MAX_TIMEOUT.as_secs()) && !waits(MAX_TIMEOUT.as_secs() + 1));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(source in "\\PC{0,200}") {
        let _ = parse(&source);
    }

    #[test]
    fn no_argument_makes_the_reader_panic(arg in "[{}a-z]{0,20}") {
        let _ = parse(&format!("{SMALLEST}args = ['{arg}']\n"));
    }
}
