//! Binding.
//!
//! Knows socket options. Must never know what a connection says.

use std::io;
use std::net::{SocketAddr, TcpListener};

use libuv::BindSettings;
use spec::Settings;

/// So many listening sockets on one address with the options of the settings; the error names the address.
pub(crate) fn bind(settings: &Settings, count: usize) -> io::Result<Vec<TcpListener>> {
    let mut addr = settings.addr;
    let mut listeners = Vec::with_capacity(count);
    for _ in 0..count {
        let listener = bind_one(settings, addr, count > 1)?;
        // Where the settings leave the port to the system, the first socket's is everyone's.
        addr = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn bind_one(settings: &Settings, addr: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    libuv::bind(&BindSettings {
        addr,
        backlog: settings.backlog,
        reuse_port,
    })
    .map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("can't listen on {addr}: {error}; choose an address that is free here"),
        )
    })
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
    fn several_share_one_port() {
        let listeners = bind(&Settings::new(([127, 0, 0, 1], 0).into()), 3).unwrap();
        let addrs: Vec<_> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap())
            .collect();
        assert_eq!(addrs, [addrs[0]; 3]);
    }
}
