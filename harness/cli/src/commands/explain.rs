//! `bench explain`: what a term means here.

use textwrap::Options;

use crate::args::explain::ExplainArgs;
use crate::exit::Exit;
use crate::glossary::{self, find, see_also};
use crate::output::say;
use process::failure::Failure;

/// Columns of a line of prose.
const WIDTH: usize = 80;

/// Prints what a term means, or every term with its meaning.
pub(crate) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    if args.term.is_empty() {
        for term in glossary::terms() {
            print(&term.to_string());
        }
        return Ok(Exit::Success);
    }
    let term = find(&args.term.join(" ")).map_err(Failure::usage_of)?;
    print(&term.to_string());
    let also = see_also(&term);
    if !also.is_empty() {
        print(&format!("  See also: {}", also.join(", ")));
    }
    Ok(Exit::Success)
}

/// Prints a paragraph, its lines after the first indented.
fn print(text: &str) {
    let hanging = Options::new(WIDTH).subsequent_indent("  ");
    say!("{}", textwrap::fill(text, hanging));
}
