//! What targets in other languages need before they can run: their files, and the packages that these use.
//!
//! The files of `servers/node` and `servers/fastapi` are part of this program, so that an installed `bench` needs no checkout.
//! They go to a directory of the cache that is named for their content, complete or not at all; packages come from the
//! registries by their lock files, with hashes. Nothing is installed anywhere else.
//!
//! Knows interpreters and package managers. Must never know what a server does.

mod release;

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use data_encoding::HEXLOWER;
use include_dir::{Dir, include_dir};
use model::spec::target::Needs;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::data_files;

use crate::supervised::Program;
use crate::version::version_reported_by;

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

/// A server's files, and the interpreter that runs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUp {
    /// Where the files are.
    pub dir: PathBuf,
    /// `node`, or the virtual environment's `python`.
    pub interpreter: PathBuf,
}

/// An interpreter that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The program.
    pub path: PathBuf,
    /// As it tells it.
    pub version: String,
}

/// Why something could not be made ready.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The interpreter.
    #[error("{language} was not found: {}{remedy}", found.as_ref().map(|found| format!("{found}; ")).unwrap_or_default())]
    Missing {
        /// The language.
        language: &'static str,
        /// What was found that won't do.
        found: Option<String>,
        /// What to install.
        remedy: &'static str,
    },
    /// The cache.
    #[error("cannot make {}: {source}; see that it can be written, or set XDG_CACHE_HOME", path.display())]
    Files {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A package manager.
    #[error("{step} failed: {why}{remedy}")]
    Step {
        /// What was done.
        step: String,
        /// Why it failed.
        why: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

/// The modules of the Node.js server.
static NODE_MODULES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../servers/node/lib");

/// The modules of the Python servers.
static PYTHON_MODULES: Dir<'static> =
    include_dir!("$CARGO_MANIFEST_DIR/../../servers/fastapi/bench_server");

/// Everything that is known of one kind of set-up.
struct Recipe {
    /// The beginning of its directory's name.
    name: &'static str,
    /// In messages.
    language: &'static str,
    /// The variable that names the interpreter.
    variable: &'static str,
    /// Where it is looked for otherwise.
    programs: &'static [&'static str],
    /// The oldest version that will do.
    oldest: (u32, u32),
    /// What to do where there is none.
    remedy: &'static str,
}

const NODE: Recipe = Recipe {
    name: "node",
    language: "Node.js",
    variable: "BENCH_NODE",
    programs: &["node", "nodejs"],
    oldest: (20, 0),
    remedy: "install version 20 or later (Debian: apt-get install nodejs npm), or name it with BENCH_NODE",
};

const PYTHON: Recipe = Recipe {
    name: "python",
    language: "Python",
    variable: "BENCH_PYTHON",
    programs: &[
        "python3",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
    ],
    oldest: (3, 11),
    remedy: "install version 3.11 or later (Debian: apt-get install python3 python3-venv), or name it with BENCH_PYTHON",
};

fn recipe(needs: Needs) -> &'static Recipe {
    match needs {
        Needs::Node => &NODE,
        Needs::Python => &PYTHON,
    }
}

/// Makes ready what a target needs, unless it is. `say`: is given a line where it has to be done, which takes time.
pub fn prepare(needs: Needs, say: &mut dyn FnMut(&str)) -> Result<SetUp, SetupError> {
    let found = interpreter(needs)?;
    let dir = place(needs, &found)?;
    if dir.is_dir() {
        return Ok(set_up(needs, &found, dir));
    }
    let servers = dir.parent().expect("a place has a parent").to_owned();
    let files_error = |path: &Path| {
        let path = path.to_owned();
        move |source| SetupError::Files { path, source }
    };
    fs::create_dir_all(&servers).map_err(files_error(&servers))?;
    // Two runs that start together: one makes it, the other waits and finds it. The lock goes with the process.
    let lock_path = servers.join("lock");
    let lock = File::create(&lock_path).map_err(files_error(&lock_path))?;
    if lock.try_lock().is_err() {
        say("another bench is setting up: waiting for it");
        lock.lock().map_err(files_error(&lock_path))?;
    }
    if dir.is_dir() {
        return Ok(set_up(needs, &found, dir));
    }
    tidy(&servers, needs);
    say(&format!(
        "setting up {} packages for {} {} in {} (once)",
        recipe(needs).language,
        found.path.display(),
        described(needs, &found),
        dir.display()
    ));
    let partial = tempfile::Builder::new()
        .prefix(PARTIAL)
        .tempdir_in(&servers)
        .map_err(files_error(&servers))?;
    for (name, bytes) in files(needs) {
        let path = partial.path().join(&name);
        let parent = path.parent().expect("every file is in a directory");
        fs::create_dir_all(parent).map_err(files_error(parent))?;
        fs::write(&path, bytes).map_err(files_error(&path))?;
    }
    match needs {
        Needs::Node => install_node(&found, partial.path())?,
        Needs::Python => install_python(&found, partial.path())?,
    }
    fs::rename(partial.path(), &dir).map_err(files_error(&dir))?;
    // It is no longer where it would be removed from.
    let _ = partial.keep();
    Ok(set_up(needs, &found, dir))
}

/// What there is of what a target needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The interpreter.
    pub found: Interpreter,
    /// What is known of its end of life.
    pub support: Option<Support>,
    /// Whether the packages are set up as well.
    pub is_ready: bool,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packages = if self.is_ready {
            "packages are set up"
        } else {
            "packages are not set up yet"
        };
        let version = versioned(&self.found, self.support);
        write!(f, "{} {version}; {packages}", self.found.path.display())
    }
}

/// Looks for what a target needs, without making it.
pub fn state(needs: Needs) -> Result<State, SetupError> {
    let found = interpreter(needs)?;
    Ok(State {
        support: support(needs, &found),
        is_ready: place(needs, &found).is_ok_and(|dir| dir.is_dir()),
        found,
    })
}

/// What the interpreters of a need are called, in messages.
pub fn language(needs: Needs) -> &'static str {
    recipe(needs).language
}

/// The interpreter that would be used.
pub fn interpreter(needs: Needs) -> Result<Interpreter, SetupError> {
    let recipe = recipe(needs);
    let missing = |found: Option<String>| SetupError::Missing {
        language: recipe.language,
        found,
        remedy: recipe.remedy,
    };
    if let Some(named) = std::env::var_os(recipe.variable) {
        let path = PathBuf::from(named);
        let named = format!("{} is {}", recipe.variable, path.display());
        let version = version_of(&path)
            .ok_or_else(|| missing(Some(format!("{named}, which does not run"))))?;
        if !is_recent(&version, recipe.oldest) {
            return Err(missing(Some(format!(
                "{named}, version {version}, which is too old"
            ))));
        }
        return Ok(Interpreter { path, version });
    }
    let mut too_old = None;
    for program in recipe.programs {
        let path = PathBuf::from(program);
        match version_of(&path) {
            Some(version) if is_recent(&version, recipe.oldest) => {
                return Ok(Interpreter {
                    path: on_path(program).unwrap_or(path),
                    version,
                });
            }
            Some(version) => {
                too_old.get_or_insert(format!("{program} is {version}, too old"));
            }
            None => {}
        }
    }
    Err(missing(too_old))
}

/// The version, and what is known of its end of life today.
pub fn described(needs: Needs, found: &Interpreter) -> String {
    versioned(found, support(needs, found))
}

fn versioned(found: &Interpreter, support: Option<Support>) -> String {
    match support {
        Some(support) => format!("{} ({support})", found.version),
        None => found.version.clone(),
    }
}

fn support(needs: Needs, found: &Interpreter) -> Option<Support> {
    release::support(needs, &found.version, jiff::Zoned::now().date())
}

fn set_up(needs: Needs, found: &Interpreter, dir: PathBuf) -> SetUp {
    let interpreter = match needs {
        Needs::Node => found.path.clone(),
        Needs::Python => venv_python(&dir),
    };
    SetUp { dir, interpreter }
}

/// The directory of a set-up: named for the files, and for the interpreter that its packages are made for.
fn place(needs: Needs, found: &Interpreter) -> Result<PathBuf, SetupError> {
    let cache = data_files::cache_dir().map_err(|failure| SetupError::Files {
        path: PathBuf::from("the cache directory"),
        source: std::io::Error::other(failure.report.to_string()),
    })?;
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(found.path.as_os_str().as_encoded_bytes());
    part(found.version.as_bytes());
    for (name, bytes) in files(needs) {
        part(name.as_bytes());
        part(&bytes);
    }
    let mut name = HEXLOWER.encode(&hash.finalize());
    name.truncate(NAME_DIGITS);
    let dir = format!("{}-{name}", recipe(needs).name);
    Ok(cache.join("servers").join(dir))
}

/// The files of a server by their names, sorted.
fn files(needs: Needs) -> Vec<(String, Vec<u8>)> {
    let (directory, modules, ending, others) = match needs {
        Needs::Node => (
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
            ][..],
        ),
        Needs::Python => (
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
fn tidy(servers: &Path, needs: Needs) {
    let Ok(entries) = fs::read_dir(servers) else {
        return;
    };
    let mut complete: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PARTIAL) {
            // Its maker is gone, or it would hold the lock.
            let _ = fs::remove_dir_all(entry.path());
        } else if name.starts_with(&format!("{}-", recipe(needs).name)) {
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

fn install_node(found: &Interpreter, dir: &Path) -> Result<(), SetupError> {
    // npm stands beside the node that it belongs to, where there is one.
    let beside = found.path.with_file_name("npm");
    let npm = if beside.is_file() {
        beside
    } else {
        PathBuf::from("npm")
    };
    let mut command = Command::new(npm);
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
    let venv = dir.join("venv");
    let python = venv_python(dir);
    let requirements = dir.join("requirements.txt");
    let hashed = ["--require-hashes", "--only-binary", ":all:", "-r"];
    let uv = Path::new("uv");
    let remedy = "; see that the registry can be reached, and that a package exists for this version of Python";
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
        install.args(hashed).arg(&requirements);
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
    install.args(hashed).arg(&requirements);
    step("pip install", install, remedy)
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

fn version_of(program: &Path) -> Option<String> {
    let program = Program {
        command: program.display().to_string(),
        args: vec!["--version".to_owned()],
        ..Program::default()
    };
    version_reported_by(&program, || false).ok()
}

/// Where on the PATH a program is, so that another PATH later means no other interpreter.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

fn is_recent(version: &str, oldest: (u32, u32)) -> bool {
    release::line_of(version).is_some_and(|line| line >= oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_embedded_is_what_runs_and_nothing_else() {
        let names =
            |needs| -> Vec<String> { files(needs).into_iter().map(|(name, _)| name).collect() };
        let node = names(Needs::Node);
        for name in ["package.json", "package-lock.json", "server.js"] {
            assert!(node.iter().any(|there| there == name), "{name}: {node:?}");
        }
        let python = names(Needs::Python);
        for name in ["requirements.txt", "serve.py", "bench_server/__init__.py"] {
            assert!(
                python.iter().any(|there| there == name),
                "{name}: {python:?}"
            );
        }
        for name in node.iter().chain(&python) {
            let is_foreign = ["node_modules", "test", "__pycache__", "venv"]
                .iter()
                .any(|part| name.split('/').any(|segment| segment.starts_with(part)));
            assert!(!is_foreign, "{name}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, is_enough) in [
            ("20.0.0", true),
            ("20.20.2", true),
            ("100.1.0", true),
            ("18.19.1", false),
            ("9.0.0", false),
            ("twenty", false),
        ] {
            assert_eq!(is_recent(version, NODE.oldest), is_enough, "{version}");
        }
        assert!(is_recent("3.11.0", PYTHON.oldest) && !is_recent("3.9.18", PYTHON.oldest));
    }

    #[test]
    fn what_was_left_half_made_goes_and_so_do_the_oldest() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".partial-1", "node-a", "node-b", "python-a"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("file"), name).unwrap();
        }
        tidy(dir.path(), Needs::Node);
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
