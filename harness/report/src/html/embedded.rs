//! What a page carries inside: data for its script, files to be saved, and the policy that allows its own script and no other.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The longest file that a page carries, compressed: a browser has to read the page whole before it shows it. What is
/// longer lies beside the report anyway.
pub(crate) const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A file inside a page.
pub(crate) struct File {
    /// Its name without the ending that says that it is compressed.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// A `data:` address of it, compressed by gzip; none where it is too long for a page.
    pub(crate) uri: Option<String>,
}

impl File {
    /// A file with this text.
    pub(crate) fn of(name: &'static str, what: &'static str, text: &str) -> Self {
        let compressed = gzip(text.as_bytes());
        Self {
            name,
            what,
            uri: carried(&compressed, FILE_BYTES_MAX),
        }
    }
}

/// A `data:` address of compressed bytes, where they are few enough.
fn carried(compressed: &[u8], most: usize) -> Option<String> {
    (compressed.len() <= most).then(|| {
        format!(
            "data:application/gzip;base64,{}",
            STANDARD.encode(compressed)
        )
    })
}

/// Compressed bytes, the same for the same: gzip's header names no file and no time.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
}

/// A value as JSON that may stand in a script element: nothing in it ends the element, or begins one.
pub(crate) fn script_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    // Only strings hold these, and a string may spell each by its number.
    Ok(serde_json::to_string(value)?
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e"))
}

/// A content security policy that allows this script and this style, and nothing else: no other script, no address, no frame.
pub(crate) fn policy(script: &str, style: &str) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(script),
        hash(style)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_a_script() {
        let cases = [
            "</script><script>alert(1)</script>",
            "<!--<script>",
            "]]>&amp;\u{2028}\u{2029}\"\\",
            "\u{0}\u{1b}[31m",
        ];
        for text in cases {
            let json = script_json(&[text]).unwrap();
            assert!(!json.contains(['<', '>', '&', '\u{0}']), "{json}");
            let read: [String; 1] = serde_json::from_str(&json).unwrap();
            assert_eq!(read, [text]);
        }
    }

    #[test]
    fn a_file_is_carried_up_to_its_bound_and_no_further() {
        assert!(carried(&[0; 16], 16).is_some());
        assert_eq!(carried(&[0; 17], 16), None);
    }

    #[test]
    fn the_policy_names_what_it_allows_by_its_hash() {
        // The empty text's SHA-256, as everybody knows it.
        let empty = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
        assert_eq!(
            policy("", ""),
            format!(
                "default-src 'none'; script-src {empty}; style-src {empty}; base-uri 'none'; form-action 'none'"
            )
        );
    }
}
