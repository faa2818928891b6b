//! Servers whose every answer is due at a set time: the upstream backend, and the server of known truths.

pub(crate) mod answering;
pub mod backend;
pub mod truth;
