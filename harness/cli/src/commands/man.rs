//! `bench man`: manual pages, made from the same definition as the arguments themselves.

use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::Args;
use crate::args::man::ManArgs;
use crate::exit::Exit;
use crate::output::note;
use process::failure::{Explain, Failure};

/// Writes a page for the program and one for each command that is shown.
pub(crate) fn run(args: &ManArgs) -> Result<Exit, Failure> {
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    let written = std::fs::create_dir_all(&args.out).and_then(|()| write(&program, &args.out));
    written.or_usage(
        || format!("cannot write manual pages to {}", args.out.display()),
        "name a directory that you may write to with --out",
    )?;
    note!("man -l {}", args.out.join("bench.1").display());
    Ok(Exit::Success)
}

fn write(command: &Command, dir: &Path) -> io::Result<()> {
    let man = Man::new(command.clone());
    std::fs::write(dir.join(man.get_filename()), page(&man)?)?;
    let shown = command.get_subcommands().filter(|of| !of.is_hide_set());
    shown.into_iter().try_for_each(|of| write(of, dir))
}

/// A page, its examples line by line: the library would fill them up into paragraphs.
fn page(man: &Man) -> io::Result<String> {
    let mut bytes = Vec::new();
    man.render(&mut bytes)?;
    let page = String::from_utf8(bytes).expect("a page is made of text");
    let (before, after) = page
        .split_once(".SH EXTRA\nExamples:\n")
        .expect("every command has examples, and the library calls what follows the options extra");
    let (extra, after) = after.split_once(".SH ").unwrap_or((after, ""));
    let (examples, prose) = extra.split_once("\n\n").unwrap_or((extra, ""));
    Ok(format!(
        "{before}.SH EXAMPLES\n.nf\n{}\n.fi\n.PP\n{prose}.SH {after}",
        examples.trim_end()
    ))
}
