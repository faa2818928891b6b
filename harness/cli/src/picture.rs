//! Files of charts: how one is drawn follows from how it is called.

use crate::output::note;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use report::charts::ChartError;

use process::failure::{Explain, Failure};
use process::files;

/// How a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines and text, sharp at any size.
    Svg,
    /// Pixels, 1,920 of them wide.
    Png,
}

impl Format {
    /// Every format, in the order in which they are written.
    pub(crate) const ALL: [Self; 2] = [Self::Svg, Self::Png];

    /// What files of it end in.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
        }
    }

    /// The format that a file's name asks for.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?;
        let is_it = |format: &Self| ending.eq_ignore_ascii_case(format.ending());
        Self::ALL.into_iter().find(is_it)
    }

    /// Draws by one of two ways.
    pub(crate) fn draw(
        self,
        svg: impl FnOnce() -> Result<String, ChartError>,
        png: impl FnOnce() -> Result<Vec<u8>, ChartError>,
    ) -> Result<Vec<u8>, Failure> {
        let drawn = match self {
            Self::Svg => svg().map(String::into_bytes),
            Self::Png => png(),
        };
        // Its own words say which chart.
        drawn.map_err(|error| Failure::internal(miette::miette!("{error}")))
    }
}

/// A file for a chart, its format by its ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
}

impl FromStr for Picture {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        match Format::of(&path) {
            Some(format) => Ok(Self { path, format }),
            None => Err(format!(
                "`{text}` ends neither in .svg nor in .png: name the file so that it says how the chart is drawn"
            )),
        }
    }
}

impl Picture {
    /// Writes what was drawn, and says where.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        files::replace(&self.path, bytes).or_usage(
            || format!("cannot write {}", self.path.display()),
            "name a file in a directory that you may write to",
        )?;
        note!("{}", self.path.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_how_a_chart_is_drawn() {
        for (name, format) in [
            ("ratios.svg", Some(Format::Svg)),
            ("a.b/ratios.PNG", Some(Format::Png)),
            ("ratios.gif", None),
            ("svg", None),
            (".png", None),
            ("-", None),
            ("", None),
        ] {
            let parsed = name.parse::<Picture>();
            assert_eq!(
                parsed.as_ref().ok().map(|picture| picture.format),
                format,
                "{name}"
            );
            if let Err(error) = parsed {
                assert!(error.contains("neither in .svg nor in .png"), "{error}");
            }
        }
    }
}
