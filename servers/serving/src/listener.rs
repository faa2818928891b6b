//! Sockets that listen, and what follows an error of `accept`.

use std::io;
use std::net::{SocketAddr, TcpListener};

use reactor::{AfterAcceptError, after_accept_error};
use socket2::{Domain, Protocol, Socket, Type};
use spec::{Settings, accept_retry_ms};

/// So many bytes that were written and not sent the kernel keeps for a connection (`TCP_NOTSENT_LOWAT`), and not up to 4 MiB
/// (`net.ipv4.tcp_wmem`): a few hundred clients that don't read would fill what it has for all connections (`net.ipv4.tcp_mem`), and what
/// is in its hands no limit of ours counts. What a connection sends at a time is far less.
const MAX_UNSENT_BYTES: u32 = 128 * 1024;

/// So many listening sockets on one address with the options of the settings; the error names the address.
pub fn bind(settings: &Settings, count: usize) -> io::Result<Vec<TcpListener>> {
    let mut addr = settings.addr;
    let mut listeners = Vec::with_capacity(count);
    for _ in 0..count {
        let listener = bind_one(addr, settings.backlog, count > 1).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("can't listen on {addr}: {error}; choose an address that is free here"),
            )
        })?;
        // Where the settings leave the port to the system, the first socket's is everyone's.
        addr = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn bind_one(addr: SocketAddr, backlog: u32, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // The connections of a server that ran a moment ago may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    // Connections have it from the socket that they are accepted on.
    socket.set_tcp_notsent_lowat(MAX_UNSENT_BYTES)?;
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// How long to wait, in milliseconds, before `accept` is called again that failed with `error`, the last of `failures` in a
/// row (at least one). `None`: at once. It is the table of both loops, for a runtime that has none.
pub fn accept_retry(error: &io::Error, failures: u32) -> Option<u64> {
    let pauses = after_accept_error(error) == AfterAcceptError::Pause;
    pauses.then(|| accept_retry_ms(failures))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_named() {
        let first = bind(&Settings::new(([127, 0, 0, 1], 0).into()), 1).unwrap();
        let taken = first[0].local_addr().unwrap();
        for count in [1, 2] {
            let error = bind(&Settings::new(taken), count).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("can't listen on {taken}: ")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_kernel_keeps_little_that_is_not_sent() {
        let listener = bind(&Settings::new(([127, 0, 0, 1], 0).into()), 1)
            .unwrap()
            .remove(0);
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let accepted = Socket::from(listener.accept().unwrap().0);
        assert_eq!(accepted.tcp_notsent_lowat().unwrap(), MAX_UNSENT_BYTES);
    }

    #[test]
    fn several_share_one_port() {
        let listeners = bind(&Settings::new(([127, 0, 0, 1], 0).into()), 3).unwrap();
        let addrs: Vec<_> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap())
            .collect();
        assert_eq!(addrs, [addrs[0]; 3]);
    }
}
