//! Serves until a signal comes, for looking at the server alone:
//! `cargo run --release -p callback --example serve -- one 127.0.0.1:8080`

#![allow(clippy::print_stdout, reason = "a user has to learn the address")]

use std::error::Error;
use std::net::SocketAddr;

use callback::{Loops, serve};
use spec::Settings;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: serve one|asyncio|WORKERS ADDR [DATA_DIR [UPSTREAM]]";
    let workers = args.next().ok_or(usage)?;
    let mut settings = Settings::new(args.next().ok_or(usage)?.parse::<SocketAddr>()?);
    let loops = match workers.as_str() {
        "one" => Loops::One,
        "asyncio" => Loops::Asyncio,
        _ => {
            settings.workers = workers.parse()?;
            Loops::Cluster
        }
    };
    if let Some(data_dir) = args.next() {
        settings.data_dir = data_dir;
    }
    settings.upstream = args.next().map(|upstream| upstream.parse()).transpose()?;
    serve(&settings, loops, |addr| println!("listening on {addr}"))?;
    Ok(())
}
