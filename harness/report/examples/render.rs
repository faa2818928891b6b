//! Draws and writes made-up records into a directory, to be looked at: `cargo run -p report --example render DIR [NAME]`.

use std::error::Error;
use std::path::Path;

use report::charts::{Chart, png, svg};
use report::html::html;
use report::markdown::markdown;

#[path = "../tests/variations/mod.rs"]
mod variations;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("name a directory to draw into")?;
    let only = arguments.next();
    for (name, record) in variations::all() {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let directory = Path::new(&directory).join(name);
        std::fs::create_dir_all(&directory)?;
        std::fs::write(
            directory.join("report.html"),
            html(std::slice::from_ref(&record))?,
        )?;
        std::fs::write(directory.join("summary.md"), markdown(&record))?;
        for chart in Chart::ALL {
            std::fs::write(
                directory.join(chart.file_stem()).with_extension("svg"),
                svg(&record, chart)?,
            )?;
            std::fs::write(
                directory.join(chart.file_stem()).with_extension("png"),
                png(&record, chart)?,
            )?;
        }
    }
    Ok(())
}
