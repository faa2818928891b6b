//! Serves until a signal comes, for looking at the server alone:
//! `cargo run --release -p coroutine --example serve -- single 127.0.0.1:8080`

#![allow(clippy::print_stdout, reason = "a user has to learn the address")]

use std::error::Error;
use std::net::SocketAddr;

use coroutine::{Scheduler, serve};
use spec::Settings;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: serve single|multi|asyncio|libuv ADDR [DATA_DIR [UPSTREAM]]";
    let scheduler = match args.next().as_deref() {
        Some("single") => Scheduler::CurrentThread,
        Some("multi") => Scheduler::MultiThread,
        Some("asyncio") => Scheduler::Asyncio,
        Some("libuv") => Scheduler::Libuv,
        _ => return Err(usage.into()),
    };
    let mut settings = Settings::new(args.next().ok_or(usage)?.parse::<SocketAddr>()?);
    if let Some(data_dir) = args.next() {
        settings.data_dir = data_dir;
    }
    settings.upstream = args.next().map(|upstream| upstream.parse()).transpose()?;
    serve(&settings, scheduler, |addr| println!("listening on {addr}"))?;
    Ok(())
}
