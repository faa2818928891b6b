//! Reading records of runs and sweeps, of this version and of earlier ones.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::record::{range, upgrade};

/// The version of the format of records. It grows when a key changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 2;

/// The longest record that is read. Ten intervals a second of a quarter of a kilobyte each make half an hour of sixteen
/// targets.
pub const MAX_RECORD_BYTES: usize = 72 * 1024 * 1024;

/// Reads a record of any version up to [`SCHEMA_VERSION`].
///
/// `of`: what it is a record of, as in its usual name, `run.json`.
pub(crate) fn parse<T: DeserializeOwned>(
    text: &str,
    file_name: &str,
    of: &'static str,
) -> Result<T, RecordError> {
    let file = || file_name.to_owned();
    if text.len() > MAX_RECORD_BYTES {
        return Err(RecordError::TooLarge {
            of,
            file: file(),
            bytes: text.len(),
        });
    }
    // The version first: a later record may differ in anything else.
    let corrupt = |error: serde_json::Error| RecordError::Corrupt {
        of,
        file: file(),
        line: Some(error.line()),
        what: error.to_string(),
    };
    let version = serde_json::from_str::<Versioned>(text)
        .map_err(corrupt)?
        .schema_version;
    if version > SCHEMA_VERSION {
        return Err(RecordError::Newer {
            file: file(),
            version,
            newest: SCHEMA_VERSION,
        });
    }
    range::check(text).map_err(corrupt)?;
    if version == SCHEMA_VERSION {
        return serde_json::from_str(text).map_err(corrupt);
    }
    let mut record: Value = serde_json::from_str(text).map_err(corrupt)?;
    upgrade::to_version_2(&mut record);
    serde_path_to_error::deserialize(record).map_err(|error| RecordError::Corrupt {
        of,
        file: file(),
        line: None,
        what: error.to_string(),
    })
}

/// The one key that every version of a record has.
#[derive(Deserialize)]
struct Versioned {
    schema_version: u32,
}

/// Why a record can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Longer than any record.
    #[error(
        "{file} has {bytes} bytes, and a record at most {MAX_RECORD_BYTES}: check that this is a {of}.json"
    )]
    TooLarge {
        /// What it should be a record of.
        of: &'static str,
        /// The file.
        file: String,
        /// Its length.
        bytes: usize,
    },
    /// Written by a later version.
    #[error(
        "{file} has schema version {version}, and this bench reads up to {newest}: read it with the version that wrote it, or later"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
        /// The last that is known here.
        newest: u32,
    },
    /// Not a record.
    #[error(
        "{file}{}: this is no {of} record ({what}): check that it is the {of}.json of a {of}, and that nothing has changed it since",
        line.map_or_else(String::new, |line| format!(":{line}"))
    )]
    Corrupt {
        /// What it should be a record of.
        of: &'static str,
        /// The file.
        file: String,
        /// The line, from 1; none of a record of version 1, of which the reader says the place.
        line: Option<usize>,
        /// What the reader says.
        what: String,
    },
}
