//! Writes the reports of made-up records into a directory, for the browser tests: `cargo run -p report --example pages DIR`.

use std::error::Error;
use std::path::Path;

use report::html::html;

#[path = "../tests/variations/mod.rs"]
mod variations;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args()
        .nth(1)
        .ok_or("name a directory to write into")?;
    std::fs::create_dir_all(&directory)?;
    let mut pages: Vec<(&str, Vec<_>)> = variations::all()
        .into_iter()
        .map(|(name, record)| (name, vec![record]))
        .collect();
    pages.push(("several", vec![variations::two(), variations::invalid()]));
    pages.push(("hour", vec![variations::hour()]));
    for (name, records) in pages {
        let file = Path::new(&directory).join(name).with_extension("html");
        std::fs::write(file, html(&records)?)?;
    }
    Ok(())
}
