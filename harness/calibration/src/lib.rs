//! Holding the instrument against servers whose every answer time is known.
//!
//! A [`case::Case`] is a server, a load and what must be read; [`measure::measure`] runs it on real sockets and real processes;
//! [`verdict`] decides, from the generator's reading, the server's own books and the bare [`way`] between them, whether a
//! deviation is the instrument's;
//! [`result`] is what is kept, and what every later run cites; [`show`] is how it reads.

#![allow(
    clippy::disallowed_methods,
    reason = "real clocks are what is looked at"
)]

pub mod case;
pub mod figure;
pub mod measure;
pub mod result;
pub mod show;
pub mod verdict;
pub mod way;
