//! How bytes reach the peer. `link` says what every transport does; TCP and TLS do it; `receiver` reads sockets and
//! knows when what it read arrived; `dial` opens them, from the local addresses that `sources` chooses.

pub mod dial;
pub(crate) mod link;
pub(crate) mod receiver;
pub(crate) mod sources;
pub(crate) mod tcp;
pub mod tls;
