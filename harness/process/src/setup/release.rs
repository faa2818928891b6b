//! Until when release lines of interpreters are supported, as their projects have announced it.
//!
//! Knows dates as of November 2026, from <https://nodejs.org/en/about/previous-releases> and
//! <https://devguide.python.org/versions/>. A line that is not in the tables is not guessed at.

use std::fmt;

use jiff::civil::{Date, date};
use model::spec::target::Runtime;

/// Release lines of Node.js by their major version, and the last day of their support.
const NODE: &[((u32, u32), Date)] = &[
    ((18, 0), date(2025, 4, 30)),
    ((20, 0), date(2026, 4, 30)),
    ((22, 0), date(2027, 4, 30)),
    ((24, 0), date(2028, 4, 30)),
    ((25, 0), date(2026, 6, 1)),
    ((26, 0), date(2029, 4, 30)),
];

/// Release lines of CPython, and the last day of the month in which their support ends.
const PYTHON: &[((u32, u32), Date)] = &[
    ((3, 10), date(2026, 10, 31)),
    ((3, 11), date(2027, 10, 31)),
    ((3, 12), date(2028, 10, 31)),
    ((3, 13), date(2029, 10, 31)),
    ((3, 14), date(2030, 10, 31)),
];

/// Whether a release line is still supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Until this day.
    Until(Date),
    /// No longer, since this day.
    EndedOn(Date),
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Until(day) => write!(f, "supported until {day}"),
            Self::EndedOn(day) => write!(f, "end of life since {day}"),
        }
    }
}

/// What is known of the support of a version on a day.
pub(super) fn support(runtime: Runtime, version: &str, today: Date) -> Option<Support> {
    let (major, minor) = line_of(version)?;
    let (table, line) = match runtime {
        Runtime::Node => (NODE, (major, 0)),
        Runtime::Python => (PYTHON, (major, minor)),
        // Each release ends with the next, or with the one after that.
        Runtime::Bun | Runtime::Deno | Runtime::Go => return None,
    };
    let &(_, end) = table.iter().find(|(known, _)| *known == line)?;
    Some(if today > end {
        Support::EndedOn(end)
    } else {
        Support::Until(end)
    })
}

/// The first two numbers of a version.
pub(super) fn line_of(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    Some((
        numbers.next()?.parse().ok()?,
        numbers.next().map_or(Some(0), |minor| minor.parse().ok())?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn support_ends_after_its_last_day() {
        let said = |runtime, version, today| {
            support(runtime, version, today).map(|support| support.to_string())
        };
        let check = |version, today, expected: &str| {
            assert_eq!(
                said(Runtime::Node, version, today).as_deref(),
                Some(expected)
            );
        };
        check("20.20.2", date(2026, 4, 30), "supported until 2026-04-30");
        check("20.20.2", date(2026, 5, 1), "end of life since 2026-04-30");
        assert_eq!(
            said(Runtime::Python, "3.11.7", date(2026, 11, 23)).as_deref(),
            Some("supported until 2027-10-31")
        );
        assert_eq!(said(Runtime::Node, "21.0.0", date(2026, 1, 1)), None);
        assert_eq!(said(Runtime::Python, "three", date(2026, 1, 1)), None);
    }
}
