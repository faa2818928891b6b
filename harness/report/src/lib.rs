//! Charts, HTML and Markdown: pure functions of a run record, of a sweep, or of a history of runs.
//!
//! This crate knows how a run is shown to people. It must never know a clock, a file or the environment: the same
//! record gives the same bytes, whenever and wherever it is shown. What a figure means is decided in `analysis`.
//!
//! Its modules point one way: `finding` and `look` know none of the others, `words` knows what findings are, `export` and
//! `tables` know words, `charts` and `markdown` know these, and `html` knows all.

pub mod charts;
pub mod export;
pub mod finding;
pub mod html;
mod look;
pub mod markdown;
pub mod tables;
pub mod words;
