//! How results are said: every sentence and every figure that a person reads, whatever shows it.
//!
//! One wording for terminal, Markdown, page and picture: what changes here changes everywhere. This module knows words and
//! units; it must never decide what a figure means, nor know where it is shown.

pub mod between;
pub mod claims;
pub mod effects;
pub mod failures;
pub mod figures;
pub mod findings;
pub mod gate;
pub mod history;
pub mod preset;
pub mod sentences;
pub mod sweep;
pub mod terms;
pub(crate) mod text;
pub mod title;
pub mod warnings;
pub mod why;
