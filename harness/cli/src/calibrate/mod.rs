//! Holding the instrument against servers whose every answer time is known.
//!
//! A [`case::Case`] is a server, a load and what must be read; [`measure()`] runs it on real sockets and real processes;
//! [`verdict`] decides, from the generator's reading, the server's own books and the bare [`way`] between them, whether a
//! deviation is the instrument's;
//! [`result`] is what is kept, and what every later run cites; [`show`] is how it reads.

mod case;
mod figure;
mod measure;
mod result;
mod show;
mod verdict;
mod way;

pub(crate) use case::{Case, Form, table};
pub(crate) use measure::{Rig, measure};
pub(crate) use result::{Calibration, cited, keep};
pub(crate) use show::{show_case, show_end, show_start};
