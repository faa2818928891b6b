//! An echo server: `cargo run -p libuv --example echo -- 127.0.0.1:7007 100` echoes 100 connections, then ends.
#![allow(
    clippy::print_stdout,
    reason = "an example says where it listens and what it did"
)]

use libuv::{BindSettings, Loop, Read, Settings, Tcp, bind};
use std::error::Error;
use std::net::SocketAddr;

/// A peer that doesn't read what it sent has no more of it read until it does.
const MAX_QUEUED_BYTES: usize = 256 * 1024;

/// How long to wait before accepting is tried again when descriptors have run out.
const RETRY_MS: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr: SocketAddr = args
        .next()
        .unwrap_or_else(|| "127.0.0.1:0".to_owned())
        .parse()?;
    let mut connections_left: u64 = args.next().unwrap_or_else(|| "1".to_owned()).parse()?;

    let mut event_loop = Loop::new(Settings::default())?;
    let socket = bind(&BindSettings {
        addr,
        backlog: 1024,
        reuse_port: false,
    })?;
    println!("listening on {}", socket.local_addr()?);
    event_loop.listen(
        socket,
        |_| RETRY_MS,
        move |event_loop, listener, tcp| {
            connections_left = connections_left.saturating_sub(1);
            if connections_left == 0 {
                event_loop.close(listener);
            }
            echo(event_loop, tcp);
        },
    )?;
    event_loop.run()?;
    println!(
        "{} turns, {} callbacks",
        event_loop.metrics().turns,
        event_loop.metrics().callbacks
    );
    Ok(())
}

fn echo(event_loop: &mut Loop, tcp: Tcp) {
    event_loop.on_drained(tcp, |event_loop, tcp, outcome| match outcome {
        Ok(()) => event_loop.read_resume(tcp),
        Err(_) => event_loop.close(tcp),
    });
    event_loop.read_start(tcp, |event_loop, tcp, read| match read {
        Read::Data(bytes) => {
            if event_loop.write(tcp, &mut bytes.to_vec()) > MAX_QUEUED_BYTES {
                event_loop.read_stop(tcp);
            }
        }
        Read::End => event_loop.shutdown(tcp, move |event_loop, _| event_loop.close(tcp)),
        Read::Failed(_) => event_loop.close(tcp),
    });
}
