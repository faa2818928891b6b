//! Runtimes that the machine has.
//!
//! Knows their names, and where version managers put them. Must never know what they are to run.

use std::fs;
use std::path::{Path, PathBuf};

use model::spec::target::{Needs, ON_PATH, Runtime};

use super::error::SetupError;
use super::release::line_of;
use crate::supervised::Program;
use crate::version::version_reported_by;

/// An interpreter that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interpreter {
    /// The program.
    pub(super) path: PathBuf,
    /// As it prints it.
    pub(super) version: String,
}

/// How a runtime is looked for.
struct Recipe {
    /// The variable that names it.
    variable: &'static str,
    /// Where it is looked for otherwise.
    programs: &'static [&'static str],
    /// The oldest version that will do.
    oldest: (u32, u32),
    /// What to do where there is none.
    remedy: &'static str,
}

const NODE: Recipe = Recipe {
    variable: "BENCH_NODE",
    programs: &["node", "nodejs"],
    oldest: (20, 0),
    remedy: "install version 20 or later (Debian: apt-get install nodejs npm), or name it with BENCH_NODE",
};

const BUN: Recipe = Recipe {
    variable: "BENCH_BUN",
    programs: &["bun"],
    oldest: (1, 3),
    remedy: "install version 1.3 or later, name it with BENCH_BUN, or leave `@path` out to have it set up",
};

const DENO: Recipe = Recipe {
    variable: "BENCH_DENO",
    programs: &["deno"],
    oldest: (2, 4),
    remedy: "install version 2.4 or later, name it with BENCH_DENO, or leave `@path` out to have it set up",
};

/// Its oldest version is the first whose `http.ServeMux` knows methods and wildcards.
const GO: Recipe = Recipe {
    variable: "BENCH_GO",
    programs: &["go"],
    oldest: (1, 22),
    remedy: "install version 1.22 or later (Debian: apt-get install golang-go), name it with BENCH_GO, or leave `@path` out to have it set up",
};

const PYTHON: Recipe = Recipe {
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

const OTHER_PYTHON: &str = "install it (`uv python install` and `pyenv install` take its number, and some distributions have it as a package), and see that \
     it is on the PATH";

/// The runtime that the machine has: `path`, or this version of Python.
pub(super) fn interpreter(needs: Needs) -> Result<Interpreter, SetupError> {
    let recipe = match needs.runtime {
        Runtime::Node => &NODE,
        Runtime::Bun => &BUN,
        Runtime::Deno => &DENO,
        Runtime::Go => &GO,
        Runtime::Python => &PYTHON,
    };
    if needs.version == ON_PATH {
        on_the_path(needs, recipe)
    } else {
        python(needs)
    }
}

fn on_the_path(needs: Needs, recipe: &Recipe) -> Result<Interpreter, SetupError> {
    let missing = |found: Option<String>| SetupError::Missing {
        runtime: needs.runtime.title().to_owned(),
        found,
        remedy: recipe.remedy,
    };
    if let Some(named) = std::env::var_os(recipe.variable) {
        let path = PathBuf::from(named);
        let named = format!("{} is {}", recipe.variable, path.display());
        let version = version_by(needs.runtime, &path)
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
        match version_by(needs.runtime, &path) {
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

/// One version of Python: on the PATH, or where `pyenv` and `uv` keep theirs.
fn python(needs: Needs) -> Result<Interpreter, SetupError> {
    let program = format!("python{}", needs.version);
    let line = line_of(needs.version.trim_end_matches('t'));
    let candidates = on_path(&program).into_iter().chain(managed(&program));
    let mut working = candidates.filter_map(|path| {
        let version = version_of(&path)?;
        Some(Interpreter { path, version })
    });
    working
        .find(|found| line_of(&found.version) == line)
        .ok_or_else(|| SetupError::Missing {
            runtime: format!("{} {}", needs.runtime.title(), needs.version),
            found: None,
            remedy: OTHER_PYTHON,
        })
}

/// Where version managers have a program of this name, in no order that matters.
fn managed(program: &str) -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let home = variable("HOME");
    let below_home = |path| home.as_ref().map(|home| home.join(path));
    let pyenv = variable("PYENV_ROOT").or_else(|| below_home(".pyenv"));
    let data = variable("XDG_DATA_HOME").or_else(|| below_home(".local/share"));
    let dirs = [
        pyenv.map(|root| root.join("versions")),
        data.map(|data| data.join("uv/python")),
    ];
    let entries = dirs
        .into_iter()
        .flatten()
        .filter_map(|dir| fs::read_dir(dir).ok());
    entries
        .flat_map(Iterator::flatten)
        .map(|entry| entry.path().join("bin").join(program))
        .filter(|path| path.is_file())
        .collect()
}

/// What a program of this runtime says that its version is.
pub(super) fn version_by(runtime: Runtime, program: &Path) -> Option<String> {
    match runtime {
        // Its own version, and not that of one which a `go.mod` in this directory asks for.
        Runtime::Go => reported(program, "version", &[("GOTOOLCHAIN", "local")]),
        Runtime::Node | Runtime::Bun | Runtime::Deno | Runtime::Python => version_of(program),
    }
}

/// What a program prints for `--version`.
pub(super) fn version_of(program: &Path) -> Option<String> {
    reported(program, "--version", &[])
}

fn reported(program: &Path, argument: &str, env: &[(&str, &str)]) -> Option<String> {
    let env = env.iter();
    let program = Program {
        command: program.display().to_string(),
        args: vec![argument.to_owned()],
        env: env
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Program::default()
    };
    version_reported_by(&program, || false).ok()
}

/// Where on the PATH a program is, so that another PATH later means no other interpreter.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

fn is_recent(version: &str, oldest: (u32, u32)) -> bool {
    line_of(version).is_some_and(|line| line >= oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
