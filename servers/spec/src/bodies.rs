//! Bodies of answers that a route's parameters say, and the types of all.

use alloc::format;
use alloc::string::String;

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const BYTES: &str = "application/octet-stream";
pub(crate) const EVENTS: &str = "text/event-stream; charset=utf-8";

/// What `/plaintext` answers, and `/json` in an object.
pub(crate) const MESSAGE: &str = "Hello, World!";
pub(crate) const JSON_BODY: &[u8] = br#"{"message":"Hello, World!"}"#;

pub(crate) fn sleep_body(ms: u32) -> String {
    format!("slept {ms}")
}

pub(crate) fn upstream_body(calls: u32, sum: u64) -> String {
    format!(r#"{{"calls":{calls},"sum":{sum}}}"#)
}
