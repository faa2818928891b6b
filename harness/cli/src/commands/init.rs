//! `bench init`: the files with which a project's own server is measured, and a first measurement as proof.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use analysis::gate::Config;
use model::spec::scenario::Scenario;
use model::spec::target::Manifest;
use process::failure::{Explain, Failure};
use process::files;
use process::interrupt::Interrupt;

use crate::args::init::InitArgs;
use crate::exit::Exit;
use crate::git;
use crate::judging::{build, command_words};
use crate::output::{note, note_part};
use crate::project::{Plan, Project};

/// The longest file of a project that is read to find out what it is.
const MAX_SOURCE_BYTES: usize = 1024 * 1024;
/// The longest answer to a question.
const MAX_ANSWER_BYTES: u64 = 8 * 1024;

const MANIFEST: &str = "bench-server.toml";
const SCENARIO: &str = "bench-requests.toml";
const GATE: &str = "bench.toml";
const WORKFLOW: &str = ".github/workflows/bench.yml";

/// Writes the files, and measures once.
pub(crate) fn run(args: &InitArgs) -> Result<Exit, Failure> {
    let dir = &args.dir;
    if !dir.is_dir() {
        return Err(Failure::usage(miette::miette!(
            help = "name the directory of a project, or change into it and leave DIR out",
            "{} is no directory",
            dir.display()
        )));
    }
    let project = Project::of(&|name| files::read_text(&dir.join(name), MAX_SOURCE_BYTES).ok());
    let (root, below) = place(dir);
    let plan = plan(args, project, below)?;
    let mut texts = vec![
        (dir.join(MANIFEST), plan.manifest()),
        (dir.join(SCENARIO), plan.scenario()),
        (dir.join(GATE), plan.gate(SCENARIO, MANIFEST)),
    ];
    // What bench would refuse afterwards is refused before anything is written.
    Manifest::parse(&texts[0].1, MANIFEST).map_err(Failure::usage)?;
    Scenario::parse(&texts[1].1, SCENARIO).map_err(Failure::usage)?;
    Config::parse(&texts[2].1, GATE).map_err(Failure::usage)?;
    if !args.no_ci {
        // GitHub looks for workflows at the root only.
        let workflow = plan.workflow(env!("CARGO_PKG_VERSION"));
        texts.push((root.join(WORKFLOW), workflow));
    }
    write(&texts)?;
    for (path, _) in &texts {
        note!("wrote {}", path.display());
    }
    note!(
        "Change them as you like. Then: `bench run {SCENARIO} -t ./{MANIFEST}` measures, `bench sweep {SCENARIO} -t ./{MANIFEST}` finds \
         how much load it takes, and `bench gate --base-rev HEAD~1` compares with a commit."
    );
    if args.no_run {
        return Ok(Exit::Success);
    }
    prove(dir, &plan)
}

/// The root of the repository, and where the project is below it, as `services/api/`; outside of one, the project itself.
fn place(dir: &Path) -> (PathBuf, String) {
    let below = || {
        let root = git::root(dir).ok()?.canonicalize().ok()?;
        let below = dir.canonicalize().ok()?;
        let below = below.strip_prefix(&root).ok()?.to_str()?.to_owned();
        Some((root, below)).filter(|(_, below)| !below.is_empty())
    };
    below().map_or_else(
        || (dir.to_owned(), String::new()),
        |(root, below)| (root, format!("{below}/")),
    )
}

/// What was typed, else what the user says, else what the project's files say.
fn plan(args: &InitArgs, project: Project, below: String) -> Result<Plan, Failure> {
    if let Some((file, (runtime, _))) = project.found.zip(project.platform.words()) {
        note!("{}: {runtime}", args.dir.join(file).display());
    }
    let asks = io::stdin().is_terminal() && io::stderr().is_terminal();
    let guess = project.command.as_deref();
    let command = match &args.command {
        Some(command) => command.clone(),
        None if asks => answer(
            "How is the server started? {port} is its port, which otherwise is the variable PORT.",
            guess,
        )?,
        None => guess.unwrap_or_default().to_owned(),
    };
    let paths = match args.path.as_slice() {
        [] if asks => vec![answer("Which path shall be measured?", Some("/"))?],
        [] => vec!["/".to_owned()],
        paths => paths.to_vec(),
    };
    if let Some(path) = paths.iter().find(|path| !path.starts_with('/')) {
        return Err(Failure::usage(miette::miette!(
            help = "write it as in a URL, without the host: `/api/users/42`",
            "the path `{path}` does not begin with a slash"
        )));
    }
    let build = match &args.build {
        Some(build) => command_words("--build", build)?,
        None => project.build,
    };
    let name = args.dir.canonicalize().ok();
    let name = name.as_deref().and_then(Path::file_name);
    Ok(Plan {
        name: project.name.unwrap_or_else(|| {
            name.map_or_else(
                || "server".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            )
        }),
        below,
        platform: project.platform,
        build,
        command: command_words("--command", &command)?,
        paths,
        rate_per_s: args.rate.as_per_s(),
        connections: args.connections.get(),
    })
}

/// What the user answers; what was proposed, where nothing.
fn answer(question: &str, proposed: Option<&str>) -> Result<String, Failure> {
    note!("{question}");
    note_part!("[{}] ", proposed.unwrap_or_default());
    let mut line = String::new();
    let mut input = io::Read::take(io::stdin().lock(), MAX_ANSWER_BYTES);
    input.read_line(&mut line).or_usage(
        || "cannot read the answer".to_owned(),
        "type text in UTF-8, or give it as a flag",
    )?;
    let line = line.trim();
    Ok(if line.is_empty() {
        proposed.unwrap_or_default()
    } else {
        line
    }
    .to_owned())
}

/// Writes all of them, or none: what is there stays as it is.
fn write(texts: &[(PathBuf, String)]) -> Result<(), Failure> {
    let there = |(path, _): &&(PathBuf, String)| path.symlink_metadata().is_ok();
    let mut there = texts.iter().filter(there);
    if let Some((path, _)) = there.next() {
        let more = match there.count() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        return Err(Failure::usage(miette::miette!(
            help = "move it away, or write the others by hand as docs/own-service.md shows; --no-ci leaves the workflow out",
            "{} is there already{more}; nothing was written",
            path.display()
        )));
    }
    for (index, (path, text)) in texts.iter().enumerate() {
        write_new(path, text)
            .inspect_err(|_| {
                for (written, _) in &texts[..index] {
                    let _ = fs::remove_file(written);
                }
            })
            .or_usage(
                || format!("cannot write {}", path.display()),
                "check that the directory can be written to",
            )?;
    }
    Ok(())
}

/// Never overwrites a file that somebody else made meanwhile.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)?
        .write_all(text.as_bytes())
}

/// Builds, and becomes the `bench run` that a user would type next.
fn prove(dir: &Path, plan: &Plan) -> Result<Exit, Failure> {
    let interrupt = Interrupt::catch()?;
    if !build("server", dir, &plan.build, &[], true, &interrupt)? {
        return Ok(Exit::Interrupted);
    }
    let args = [
        "run",
        SCENARIO,
        "--target",
        &format!("./{MANIFEST}"),
        "--quick",
    ];
    note!("$ bench {}", args.join(" "));
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("bench"));
    let error = Command::new(program).args(args).current_dir(dir).exec();
    Err(error).or_internal(|| "cannot start bench".to_owned())
}
