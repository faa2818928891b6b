//! Results as a few paragraphs of Markdown, to paste into an issue, a pull request or a document.
//!
//! The words are those of [`crate::words`], the figures those of [`crate::tables`]; this module escapes and lays out.

pub mod between;
pub mod claims;
pub mod gate;
pub mod history;
pub mod preset;
mod run;
mod text;

pub use run::{markdown, step_summary};
pub use text::{MAX_STEP_SUMMARY_BYTES, cut};
