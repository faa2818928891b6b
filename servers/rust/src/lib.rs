//! The work contract as Rust services are usually written: on axum, and on hyper without a framework, both on tokio's work-stealing
//! runtime.
//!
//! They are contenders, as Express and FastAPI are: written as their own documentation has it, with what it sets by itself. What is
//! computed, and which orders are valid, comes from `spec`, as in the reference servers.
//!
//! | file | what |
//! |---|---|
//! | `on_axum` | a router, extractors, and functions that answer |
//! | `on_hyper` | one function from a request to its answer, and the loop that accepts |
//! | `services` | what the routes of both need: files, the upstream, figures of the runtime |

#![allow(
    clippy::disallowed_methods,
    reason = "a server is at the rim: it reads the clock"
)]

mod on_axum;
mod on_hyper;
mod services;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use spec::Settings;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::services::Services;

/// By what a server is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// axum's router and extractors.
    Axum,
    /// hyper alone.
    Hyper,
}

/// Serves on [`Settings::workers`] threads until SIGTERM or SIGINT, then stops accepting, lets the requests in flight finish (for
/// [`Settings::grace_ms`] at most) and returns. `on_listening` gets the bound address once connections are accepted. The runtime's
/// threads for blocking work are [`Settings::pool_threads`]; [`Settings::limits`] are the reference servers' and of no meaning here.
///
/// Fails where the threads can't be started, the address can't be bound or the signals can't be caught.
pub fn serve(
    settings: &Settings,
    library: Library,
    on_listening: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    // tokio panics where it can't start its workers.
    serving::try_threads(settings.workers.get())?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(settings.workers.get())
        .max_blocking_threads(settings.pool_threads.get())
        .enable_all()
        .build()?;
    let listener = serving::bind(settings, 1)?.remove(0);
    let addr = listener.local_addr()?;
    let served = runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let services = Arc::new(Services::new(settings, library.name()));
        tokio::spawn(Arc::clone(&services).beat());
        let (stop, stopped) = oneshot::channel();
        let nodelay = settings.nodelay;
        // Beside this task: on the workers, where the connections are.
        let serving = match library {
            Library::Axum => tokio::spawn(on_axum::serve(listener, nodelay, services, stopped)),
            Library::Hyper => tokio::spawn(on_hyper::serve(listener, nodelay, services, stopped)),
        };
        on_listening(addr);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Nobody hears it where the server has ended already.
        let _ = stop.send(());
        let grace = Duration::from_millis(settings.grace_ms);
        // Running out of grace is not a failure: that is what it is there for.
        let _ = tokio::time::timeout(grace, serving).await;
        Ok(())
    });
    runtime.shutdown_background();
    served
}

impl Library {
    fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum on tokio",
            Self::Hyper => "hyper on tokio",
        }
    }
}
