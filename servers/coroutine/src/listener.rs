//! Accepting.
//!
//! Knows what to do when `accept` fails. Must never know what a connection says.

use std::sync::Arc;
use std::time::Duration;

use crate::runtime::Runtime;
use crate::{Server, connection};

/// Gives every connection a task of its own, until the server stops.
pub(crate) async fn accept<R: Runtime>(listener: R::Listener, server: Arc<Server<R>>) {
    let place = server.clients.enter();
    place.stay().await;
    let mut failures = 0;
    while let Some(accepted) = place.unless_stopping(R::accept(&listener)).await {
        let error = match accepted {
            Ok(stream) => {
                failures = 0;
                // Without the option the connection is slower, but not wrong.
                let _ = R::set_nodelay(&stream, server.nodelay);
                let place = server.clients.enter();
                let serving = connection::serve(stream, Arc::clone(&server), place);
                if server.runtime.moves_tasks() {
                    R::spawn(server.moves.counted(serving));
                } else {
                    R::spawn(serving);
                }
                continue;
            }
            Err(error) => error,
        };
        if let Some(wait_ms) = serving::accept_retry(&error, failures + 1) {
            failures += 1;
            let wait = R::sleep(Duration::from_millis(wait_ms));
            place.unless_stopping(wait).await;
        }
    }
}
