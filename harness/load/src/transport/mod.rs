//! How bytes reach the peer. `link` says what every transport does; TCP and TLS do it; `dial` opens sockets, from the local
//! addresses that `sources` chooses.

pub(crate) mod dial;
pub(crate) mod link;
pub(crate) mod sources;
pub(crate) mod tcp;
pub mod tls;
