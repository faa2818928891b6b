//! What a project's own files say about how its server is built and started. Pure: reads through a function that is handed in.

use std::fmt::Write as _;

use serde::Deserialize;

/// A project whose server could be built and started so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    /// The file that says what it is; none where no file that is known was found.
    pub(crate) found: Option<&'static str>,
    /// Its name, of that file.
    pub(crate) name: Option<String>,
    /// What its code runs on.
    pub(crate) platform: Platform,
    /// The command that builds a tree; often none.
    pub(crate) build: Vec<String>,
    /// How its server is started, as far as that can be guessed.
    pub(crate) command: Option<String>,
}

/// What a server's code runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Node,
    Python,
    Rust,
    Go,
    /// What no file says.
    Unknown,
}

impl Platform {
    /// Its name and its event loop, as legends show them.
    pub(crate) fn words(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Node => Some(("Node.js", "libuv")),
            Self::Python => Some(("CPython", "asyncio")),
            Self::Rust => Some(("Rust", "tokio")),
            Self::Go => Some(("Go", "netpoller")),
            Self::Unknown => None,
        }
    }

    /// The command that prints its version.
    fn version(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Node => Some(&["node", "--version"]),
            Self::Python => Some(&["python3", "--version"]),
            Self::Rust => Some(&["rustc", "--version"]),
            Self::Go => Some(&["go", "version"]),
            Self::Unknown => None,
        }
    }

    /// The step of a GitHub workflow that installs it; none where a runner has it. `below`: see [`Plan::below`].
    fn workflow_step(self, below: &str) -> Option<String> {
        match self {
            Self::Node => Some(
                "      - uses: actions/setup-node@v4\n        with:\n          node-version: 24\n".to_owned(),
            ),
            Self::Python => Some(
                "      - uses: actions/setup-python@v5\n        with:\n          python-version: \"3.13\"\n".to_owned(),
            ),
            Self::Go => Some(format!(
                "      - uses: actions/setup-go@v5\n        with:\n          go-version-file: {}\n",
                quoted(&format!("{below}go.mod"))
            )),
            Self::Rust | Self::Unknown => None,
        }
    }
}

impl Project {
    /// What the files of a directory say.
    ///
    /// `read`: the text of a file by its name in that directory; none where there is no such file.
    ///
    /// A server in another language often has a `package.json` for its tools, so that is asked last.
    pub(crate) fn of(read: &dyn Fn(&str) -> Option<String>) -> Self {
        cargo(read)
            .or_else(|| go(read))
            .or_else(|| python(read))
            .or_else(|| node(read))
            .unwrap_or(Self {
                found: None,
                name: None,
                platform: Platform::Unknown,
                build: Vec::new(),
                command: None,
            })
    }
}

/// What is asked of a project's server, and how it is started: what was typed, or guessed and agreed to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) name: String,
    /// Where the project is in its repository, as `services/api/`; empty at its root.
    pub(crate) below: String,
    pub(crate) platform: Platform,
    pub(crate) build: Vec<String>,
    /// The program and its arguments; never empty.
    pub(crate) command: Vec<String>,
    /// Paths that are asked for; never empty.
    pub(crate) paths: Vec<String>,
    pub(crate) rate_per_s: f64,
    pub(crate) connections: u32,
}

impl Plan {
    /// The manifest. A command that is not given its port gets it as the variable `PORT`, as hosting services do it.
    pub(crate) fn manifest(&self) -> String {
        let (program, args) = self.command.split_first().expect("never empty");
        let mut text = String::from("# How bench starts this server.\n");
        line(&mut text, "description", &quoted(&self.name));
        if let Some((runtime, event_loop)) = self.platform.words() {
            line(&mut text, "runtime", &quoted(runtime));
            line(&mut text, "loop", &quoted(event_loop));
        }
        line(&mut text, "command", &quoted(program));
        if !args.is_empty() {
            line(&mut text, "args", &list(args));
        }
        if !self.command.iter().any(|word| word.contains("{port}")) {
            line(&mut text, "env", "{ PORT = \"{port}\" }");
        }
        if let Some(version) = self.platform.version() {
            line(&mut text, "version", &list(version));
        }
        line(&mut text, "ready", &quoted(&self.paths[0]));
        text
    }

    /// The scenario.
    pub(crate) fn scenario(&self) -> String {
        let mut text = String::from("# What is asked of it, and how often.\n");
        line(&mut text, "connections", &self.connections.to_string());
        let rate = format!("{{ arrival = \"open\", rate_per_s = {} }}", self.rate_per_s);
        line(&mut text, "load", &rate);
        let requests = self
            .paths
            .iter()
            .map(|path| format!("{{ path = {} }}", quoted(path)));
        line(
            &mut text,
            "requests",
            &format!("[{}]", requests.collect::<Vec<_>>().join(", ")),
        );
        text
    }

    /// The configuration of the gate, which builds at the root of the repository.
    pub(crate) fn gate(&self, scenario: &str, manifest: &str) -> String {
        let mut text =
            String::from("# What `bench gate` measures of a change and of what it is based on.\n");
        line(&mut text, "scenarios", &list(&[scenario]));
        line(&mut text, "target", &quoted(manifest));
        if !self.build.is_empty() {
            let build = match self.below.as_str() {
                "" => self.build.clone(),
                below => shell(format!("cd {} && {}", typed([below]), typed(&self.build))),
            };
            line(&mut text, "build", &list(&build));
        }
        text
    }

    /// A workflow of GitHub's that fails where a pull request makes the server slower.
    ///
    /// `version`: of the package that the runner installs.
    pub(crate) fn workflow(&self, version: &str) -> String {
        let below = self.below.as_str();
        let step = self.platform.workflow_step(below).unwrap_or_default();
        let config = match below {
            "" => String::new(),
            below => format!("--config {} ", typed([format!("{below}bench.toml")])),
        };
        format!(
            "# Fails where a pull request makes the server slower, or more of its requests fail.
name: bench
on: pull_request
permissions:
  contents: read
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          # The merge that is tested, and its parents: the first is what it is based on.
          fetch-depth: 2
{step}      # Exit code 3: the runner was disturbed, nothing was judged.
      - run: |
          pipx run pairbench=={version} gate {config}--base-rev HEAD^1 || [ $? = 3 ]
"
        )
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    writeln!(text, "{key} = {value}").expect("a String takes all");
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<_> = words.iter().map(|word| quoted(word.as_ref())).collect();
    format!("[{}]", words.join(", "))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Words as they are typed into a shell.
fn typed<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let quoted = words.into_iter().map(|word| {
        let quoted = shlex::try_quote(word.as_ref()).map(std::borrow::Cow::into_owned);
        quoted.unwrap_or_else(|_| word.as_ref().to_owned())
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// One line for a shell.
fn shell(line: String) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), line]
}

#[derive(Deserialize)]
struct CargoToml {
    package: CargoPackage,
}

#[derive(Deserialize)]
struct CargoPackage {
    name: String,
}

fn cargo(read: &dyn Fn(&str) -> Option<String>) -> Option<Project> {
    // A workspace without a package of its own has no server to guess.
    let CargoToml { package } = toml::from_str(&read("Cargo.toml")?).ok()?;
    let mut build = words(&["cargo", "build", "--release"]);
    if read("Cargo.lock").is_some() {
        build.push("--locked".to_owned());
    }
    Some(Project {
        found: Some("Cargo.toml"),
        command: Some(format!("target/release/{}", package.name)),
        name: Some(package.name),
        platform: Platform::Rust,
        build,
    })
}

fn go(read: &dyn Fn(&str) -> Option<String>) -> Option<Project> {
    let text = read("go.mod")?;
    let module = text.lines().find_map(|line| line.strip_prefix("module "))?;
    let name = module.trim().rsplit('/').next()?.to_owned();
    Some(Project {
        found: Some("go.mod"),
        build: words(&["go", "build", "-o", &format!("bin/{name}"), "."]),
        command: Some(format!("bin/{name}")),
        name: Some(name),
        platform: Platform::Go,
    })
}

#[derive(Deserialize)]
struct PyprojectToml {
    project: Option<PythonProject>,
}

#[derive(Deserialize)]
struct PythonProject {
    name: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Where an application is usually found, and what Python calls that module.
const PYTHON_MODULES: [(&str, &str); 5] = [
    ("main.py", "main"),
    ("app.py", "app"),
    ("app/main.py", "app.main"),
    ("src/main.py", "src.main"),
    ("server.py", "server"),
];

fn python(read: &dyn Fn(&str) -> Option<String>) -> Option<Project> {
    let raw: PyprojectToml = toml::from_str(&read("pyproject.toml")?).ok()?;
    let (name, dependencies) = match raw.project {
        Some(project) => (project.name, project.dependencies),
        None => (None, Vec::new()),
    };
    let needs = |package: &str| {
        dependencies.iter().any(|dependency| {
            let end = dependency.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
            dependency[..end.unwrap_or(dependency.len())].eq_ignore_ascii_case(package)
        })
    };
    let module = PYTHON_MODULES.iter().find(|(file, _)| read(file).is_some());
    let bin = |program: &str| format!(".venv/bin/{program}");
    let command = module.map(|(file, module)| {
        if needs("flask") && !needs("gunicorn") {
            format!("{} --app {module} run --port {{port}}", bin("flask"))
        } else if needs("gunicorn") && !needs("uvicorn") {
            format!("{} {module}:app --bind 127.0.0.1:{{port}}", bin("gunicorn"))
        } else if needs("uvicorn") || needs("fastapi") || needs("starlette") {
            format!("{} {module}:app --port {{port}}", bin("uvicorn"))
        } else {
            format!("{} {file}", bin("python"))
        }
    });
    let build = if read("uv.lock").is_some() {
        words(&["uv", "sync", "--frozen"])
    } else {
        shell("python3 -m venv .venv && .venv/bin/pip install --quiet .".to_owned())
    };
    Some(Project {
        found: Some("pyproject.toml"),
        name,
        platform: Platform::Python,
        build,
        command,
    })
}

#[derive(Deserialize)]
struct PackageJson {
    name: Option<String>,
    main: Option<String>,
    #[serde(default)]
    scripts: Scripts,
    #[serde(default)]
    dependencies: serde_json::Map<String, serde_json::Value>,
}

#[derive(Default, Deserialize)]
struct Scripts {
    start: Option<String>,
    build: Option<String>,
}

/// What `npm start` runs where nothing is said, and other usual names.
const NODE_FILES: [&str; 4] = ["server.js", "index.js", "app.js", "server.mjs"];

fn node(read: &dyn Fn(&str) -> Option<String>) -> Option<Project> {
    let package: PackageJson = serde_json::from_str(&read("package.json")?).ok()?;
    // Npm doesn't pass signals on, and what is started by a shell is not ended with it: only a plain command of Node.js' is taken.
    let start = package
        .scripts
        .start
        .filter(|start| start.starts_with("node ") && !start.contains(|c| "&|;$<>`".contains(c)));
    let main = package.main.filter(|main| read(main).is_some());
    let usual = || {
        NODE_FILES
            .iter()
            .find(|file| read(file).is_some())
            .map(ToString::to_string)
    };
    let command = start.or_else(|| main.or_else(usual).map(|file| format!("node {file}")));
    let install = if read("package-lock.json").is_some() {
        "npm ci"
    } else {
        "npm install"
    };
    let build = match (package.dependencies.is_empty(), package.scripts.build) {
        (_, Some(_)) => shell(format!("{install} && npm run build")),
        (false, None) => words(&install.split(' ').collect::<Vec<_>>()),
        (true, None) => Vec::new(),
    };
    Some(Project {
        found: Some("package.json"),
        name: package.name,
        platform: Platform::Node,
        build,
        command,
    })
}

#[cfg(test)]
mod tests {
    use analysis::gate::Config;
    use model::spec::scenario::Scenario;
    use model::spec::target::Manifest;

    use super::*;

    /// Names and texts.
    type Files = &'static [(&'static str, &'static str)];

    fn project(files: Files) -> Project {
        Project::of(&|name| {
            let file = files.iter().find(|(known, _)| *known == name);
            file.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn a_project_says_how_it_is_built_and_started() {
        let cases: [(Files, &str, &str); 12] = [
            (
                &[(
                    "package.json",
                    r#"{"name": "a", "scripts": {"start": "node src/x.js --fast"}}"#,
                )],
                "",
                "node src/x.js --fast",
            ),
            (
                &[
                    (
                        "package.json",
                        r#"{"main": "lib.js", "dependencies": {"express": "5"}}"#,
                    ),
                    ("lib.js", ""),
                ],
                "npm install",
                "node lib.js",
            ),
            (
                // What a shell would have to run is not taken, and neither is a file that isn't there.
                &[
                    (
                        "package.json",
                        r#"{"main": "gone.js", "scripts": {"start": "node a.js && b", "build": "tsc"}}"#,
                    ),
                    ("package-lock.json", "{}"),
                    ("index.js", ""),
                ],
                "sh -c 'npm ci && npm run build'",
                "node index.js",
            ),
            (&[("package.json", "{}")], "", ""),
            (
                &[
                    ("Cargo.toml", "[package]\nname = \"users\"\n"),
                    ("Cargo.lock", ""),
                ],
                "cargo build --release --locked",
                "target/release/users",
            ),
            (
                &[("go.mod", "module example.org/me/users\n\ngo 1.24\n")],
                "go build -o bin/users .",
                "bin/users",
            ),
            (
                &[
                    (
                        "pyproject.toml",
                        "[project]\nname = \"u\"\ndependencies = [\"fastapi[standard]>=0.1\"]\n",
                    ),
                    ("app/main.py", ""),
                ],
                "sh -c 'python3 -m venv .venv && .venv/bin/pip install --quiet .'",
                ".venv/bin/uvicorn app.main:app --port {port}",
            ),
            (
                &[
                    (
                        "pyproject.toml",
                        "[project]\nname = \"u\"\ndependencies = [\"Flask\"]\n",
                    ),
                    ("app.py", ""),
                    ("uv.lock", ""),
                ],
                "uv sync --frozen",
                ".venv/bin/flask --app app run --port {port}",
            ),
            (
                &[
                    (
                        "pyproject.toml",
                        "[project]\nname = \"u\"\ndependencies = [\"flask\", \"gunicorn~=23.0\"]\n",
                    ),
                    ("app.py", ""),
                    ("uv.lock", ""),
                ],
                "uv sync --frozen",
                ".venv/bin/gunicorn app:app --bind 127.0.0.1:{port}",
            ),
            (
                // The package.json of its tools is not its server.
                &[
                    ("pyproject.toml", "[tool.x]\n"),
                    ("server.py", ""),
                    ("uv.lock", ""),
                    ("package.json", "{}"),
                ],
                "uv sync --frozen",
                ".venv/bin/python server.py",
            ),
            (&[("Cargo.toml", "[workspace]\nmembers = []\n")], "", ""),
            (&[], "", ""),
        ];
        for (files, build, command) in cases {
            let project = project(files);
            let built = shlex::try_join(project.build.iter().map(String::as_str)).unwrap();
            assert_eq!(built, build, "{files:?}");
            assert_eq!(project.command.unwrap_or_default(), command, "{files:?}");
        }
    }

    #[test]
    fn what_is_written_is_what_bench_reads() {
        for (platform, command) in [
            (Platform::Node, vec!["node", "say \"hi\".js"]),
            (
                Platform::Python,
                vec![".venv/bin/uvicorn", "a:b", "--port", "{port}"],
            ),
            (Platform::Unknown, vec!["./x"]),
        ] {
            let plan = Plan {
                name: "users \"api\"".to_owned(),
                below: String::new(),
                platform,
                build: words(&["make"]),
                command: words(&command),
                paths: words(&["/api/users/42?a=\"b\"", "/x"]),
                rate_per_s: 200.0,
                connections: 16,
            };
            let manifest = Manifest::parse(&plan.manifest(), "bench-server.toml").unwrap();
            assert_eq!(manifest.ready, plan.paths[0]);
            assert_eq!(
                manifest.env.contains_key("PORT"),
                !command.contains(&"{port}")
            );
            let scenario = Scenario::parse(&plan.scenario(), "bench-requests.toml").unwrap();
            assert_eq!(scenario.requests.len(), 2);
            let gate = plan.gate("bench-requests.toml", "bench-server.toml");
            let gate = Config::parse(&gate, "bench.toml").unwrap();
            assert_eq!(
                (gate.target.as_str(), gate.build),
                ("bench-server.toml", plan.build)
            );
        }
    }
}
