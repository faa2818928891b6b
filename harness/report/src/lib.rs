//! Charts, HTML and Markdown: pure functions of a run record, of a sweep, or of a history of runs.
//!
//! This crate knows how a run is shown to people. It must never know a clock, a file or the environment: the same
//! record gives the same bytes, whenever and wherever it is shown. What a figure means is decided in `analysis`.

pub mod between;
pub mod charts;
mod embedded;
pub mod export;
pub mod figures;
pub mod findings;
pub mod gate;
pub mod history;
pub mod html;
pub mod markdown;
pub mod sentences;
pub mod sweep;
pub mod tables;
pub mod why;
