//! What is wrong with a TOML file that people write, and where: the one look that all such errors have.
//!
//! Scenarios and targets are read by it. Knows sources, spans and words; must never know which keys there are.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use toml::Spanned;

use crate::names;
use crate::units;

/// What is wrong with a scenario or a target's manifest, and where.
#[derive(Debug, Clone)]
pub struct SourceError(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    source: NamedSource<String>,
    span: Range<usize>,
    line: u32,
    column: u32,
    what: String,
    help: String,
    known: Vec<String>,
    nearest: Option<String>,
}

impl SourceError {
    /// The file.
    pub fn file_name(&self) -> &str {
        self.0.source.name()
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        self.0.line
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> u32 {
        self.0.column
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.0.help
    }

    /// What could have stood there instead, where that is a list.
    pub fn known(&self) -> &[String] {
        &self.0.known
    }

    /// Which of the known ones was probably meant.
    pub fn nearest(&self) -> Option<&str> {
        self.0.nearest.as_deref()
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file_name(),
            self.0.line,
            self.0.column,
            self.0.what
        )
    }
}

impl std::error::Error for SourceError {}

impl Diagnostic for SourceError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.remedy()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.0.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = self
            .nearest()
            .map(|nearest| format!("did you mean `{nearest}`?"))
            .or_else(|| Some("here".to_owned()));
        Some(Box::new(std::iter::once(LabeledSpan::new(
            label,
            self.0.span.start,
            self.0.span.len(),
        ))))
    }
}

/// The source and its name: what an error needs beside the place.
pub struct Text<'a> {
    /// The text.
    pub source: &'a str,
    /// What people call it, as a path.
    pub file_name: &'a str,
    /// Where examples of such a file are, as a clause: `` `bench list scenarios` shows … ``.
    pub examples: &'static str,
}

impl Text<'_> {
    /// A mistake at a place: what is wrong, and what to do about it.
    pub fn error(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> SourceError {
        self.details(span, what.into(), help.into(), Vec::new(), None)
    }

    /// An unknown key or value, among known ones.
    pub fn unknown(
        &self,
        span: Range<usize>,
        what: String,
        known: Vec<String>,
        nearest: Option<String>,
    ) -> SourceError {
        let list = known
            .iter()
            .map(|known| format!("`{known}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let help = match &nearest {
            Some(nearest) => format!("did you mean `{nearest}`? Known here: {list}"),
            None => format!("known here: {list}"),
        };
        self.details(span, what, help, known, nearest)
    }

    /// What the TOML reader found, in the words of this module.
    pub fn toml_error(&self, error: &toml::de::Error) -> SourceError {
        let span = error.span().unwrap_or(0..0);
        let message = error.message();
        if let Some(key) = message.strip_prefix("missing field ") {
            let help = format!("add {key}; {}", self.examples);
            return self.error(span, format!("{key} is missing"), help);
        }
        let unknown = message
            .split_once(", expected ")
            .filter(|_| message.starts_with("unknown "));
        let Some((what, expected)) = unknown else {
            let what = message
                .replace("expected i64", "expected a whole number")
                .replace("expected f64", "expected a number");
            let help = format!("correct this line; {}", self.examples);
            return self.error(span, what, help);
        };
        let known = quoted(expected);
        let typed = quoted(what).into_iter().next().unwrap_or_default();
        let nearest = names::nearest(&typed, known.iter().map(String::as_str)).map(str::to_owned);
        let what = what.replacen("unknown field", "unknown key", 1).replacen(
            "unknown variant",
            "unknown value",
            1,
        );
        self.unknown(span, what, known, nearest)
    }

    /// What the file describes is called what the file is called, without its extension.
    ///
    /// `kind`: what that is, as `scenario`. `other_way`: how it gets a name of its own beside that, if it can, as the end of a sentence.
    pub fn name(&self, kind: &str, other_way: &str) -> Result<String, SourceError> {
        let file = self.file_name.rsplit(['/', '\\']).next();
        let file = file.unwrap_or_default();
        let stem = match file {
            "-" => "stdin",
            _ => file.strip_suffix(".toml").unwrap_or(file),
        };
        names::check(stem).map_err(|error| {
            let help = format!(
                "rename the file: the {kind} is called what the file is called, without `.toml`{other_way}"
            );
            self.error(0..0, error.to_string(), help)
        })?;
        Ok(stem.to_owned())
    }

    /// A duration above zero.
    pub fn duration(&self, value: &Spanned<String>) -> Result<Duration, SourceError> {
        let help = "write a number and a unit, as in `\"50ms\"` or `\"5s\"`";
        match units::parse_duration(value.get_ref()) {
            Ok(Duration::ZERO) => {
                Err(self.error(value.span(), "a time of zero can't be kept", help))
            }
            Ok(duration) => Ok(duration),
            Err(error) => Err(self.error(value.span(), error.to_string(), help)),
        }
    }

    fn details(
        &self,
        span: Range<usize>,
        what: String,
        help: String,
        known: Vec<String>,
        nearest: Option<String>,
    ) -> SourceError {
        let (line, column) = self.place(span.start);
        let source = NamedSource::new(self.file_name, self.source.to_owned());
        SourceError(Box::new(Details {
            source,
            span,
            line,
            column,
            what,
            help,
            known,
            nearest,
        }))
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub fn place(&self, byte: usize) -> (u32, u32) {
        let before = self.source.get(..byte).unwrap_or(self.source);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }
}

/// The names between backticks, of which serde makes its lists: expected one of `a`, `b`.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}
