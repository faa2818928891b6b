//! Binding and accepting.
//!
//! Knows socket options and what to do when `accept` fails. Must never know what a connection says.

use std::io;
use std::net;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use spec::{Settings, accept_retry_ms};
use tokio::sync::watch;

use crate::runtime::Runtime;
use crate::{Server, connection};

/// A listening socket with the options of the settings; the error names the address.
pub(crate) fn bind(settings: &Settings) -> io::Result<net::TcpListener> {
    let addr = settings.addr;
    let listen = || {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        // The connections of a server that ran a moment ago may still be in TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(i32::try_from(settings.backlog).unwrap_or(i32::MAX))?;
        Ok(net::TcpListener::from(socket))
    };
    listen().map_err(|error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("can't listen on {addr}: {error}; choose an address that is free here"),
        )
    })
}

/// Gives every connection a task of its own, until the server stops.
pub(crate) async fn accept<R: Runtime>(
    listener: R::Listener,
    server: Arc<Server<R>>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            accepted = R::accept(&listener) => accepted,
            _ = stopping.changed() => return,
        };
        match accepted {
            Ok(stream) => {
                failures = 0;
                // Without the option the connection is slower, but not wrong.
                let _ = R::set_nodelay(&stream, server.nodelay);
                let serving = connection::serve(stream, Arc::clone(&server), stopping.clone());
                R::spawn(server.moves.counted(serving));
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(_) => {
                // Out of descriptors or memory. The connection stays in the backlog and would be offered again at
                // once, over and over; wait until others may have ended.
                failures += 1;
                tokio::select! {
                    () = R::sleep(Duration::from_millis(accept_retry_ms(failures))) => {}
                    _ = stopping.changed() => return,
                }
            }
        }
    }
}

/// Errors of a connection that was gone before it was accepted; the next may be fine (accept(2)).
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lack_of_resources_makes_accepting_wait() {
        const ECONNABORTED: i32 = 103;
        const EMFILE: i32 = 24;
        const ENFILE: i32 = 23;
        const ENOMEM: i32 = 12;
        assert!(is_about_one_connection(&io::Error::from_raw_os_error(
            ECONNABORTED
        )));
        for errno in [EMFILE, ENFILE, ENOMEM] {
            assert!(
                !is_about_one_connection(&io::Error::from_raw_os_error(errno)),
                "errno {errno}"
            );
        }
    }

    #[test]
    fn an_address_in_use_is_named() {
        let first = bind(&Settings::new(([127, 0, 0, 1], 0).into())).unwrap();
        let taken = first.local_addr().unwrap();
        let error = bind(&Settings::new(taken)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(
            error
                .to_string()
                .starts_with(&format!("can't listen on {taken}: ")),
            "{error}"
        );
    }
}
