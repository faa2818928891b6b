//! A report as one HTML file that needs nothing but a browser: no network, no other file, and to be read no script either.
//!
//! Its one script (uPlot, and `assets/page/` around it) draws the charts again from the data in the page, as the reader asks;
//! the page's policy allows that script by its hash, and no other. The template lays out, this module gathers: every figure comes as
//! text from the tables that Markdown has too and from [`crate::words::sentences`], every picture from [`crate::charts`]. Whatever
//! comes from a record is escaped by the template; only the charts, which escape their own text, are put in as they are.

mod claims;
mod embedded;
mod history;
mod load;
mod preset;
mod run;
mod shell;
mod sweep;

pub use claims::html as claims_html;
pub use history::html as history_html;
pub use load::html as load_html;
pub use preset::html as preset_html;
pub use run::html;
pub use shell::HtmlError;
pub use sweep::html as sweep_html;
