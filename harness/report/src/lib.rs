//! Charts, HTML and Markdown: pure functions of a run record
