//! What records leave out, since anybody may read them: what may be secret in a manifest or a command.

use std::ops::Range;

/// What stands in a record in place of what it leaves out.
pub const NOT_RECORDED: &str = "(not recorded)";

/// What ends user, password, host and port of a URL (RFC 3986 §3.2), and the text around it.
const ENDS: [char; 9] = ['/', '?', '#', '"', '\'', '`', ',', ' ', '\n'];

/// A text without the user names and passwords of the URLs in it.
pub fn without_credentials(text: &str) -> String {
    let mut parts = text.split("://");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept += "://";
        let authority = &part[..part.find(ENDS).unwrap_or(part.len())];
        match authority.rfind('@') {
            Some(at) => {
                kept += NOT_RECORDED;
                kept += &part[at..];
            }
            None => kept += part,
        }
    }
    kept
}

/// Headers whose values let somebody in, and what the names of such ones have in them, in lower case.
const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
const SECRET_PARTS: [&str; 6] = ["token", "secret", "password", "api-key", "apikey", "auth-"];

/// Whether the value of this header is left out of records.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_HEADERS.contains(&name.as_str()) || SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// A TOML text without the values of headers that let somebody in, written as strings `"Name: value"`, and without credentials.
pub(crate) fn without_secret_headers(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(at + 1);
        kept += before;
        let end = end_of_string(quoted, &rest[at..=at]);
        let (string, after) = quoted.split_at(end);
        match string.split_once(':') {
            Some((name, _)) if is_secret_header(name.trim()) => {
                kept += name;
                kept += ": ";
                kept += NOT_RECORDED;
            }
            _ => kept += string,
        }
        let closing = after.len().min(1);
        kept += &after[..closing];
        rest = &after[closing..];
    }
    kept += rest;
    without_credentials(&kept)
}

/// Where a string of TOML ends, in bytes, seen from behind the quotation mark that opens it. One that is not closed ends with its line.
fn end_of_string(text: &str, mark: &str) -> usize {
    let mut is_escaped = false;
    let end = text.find(|c: char| {
        let is_end = c == '\n' || (!is_escaped && mark.starts_with(c));
        is_escaped = c == '\\' && mark == "\"" && !is_escaped;
        is_end
    });
    end.unwrap_or(text.len())
}

/// A TOML text without the values at these places, and without credentials.
///
/// `values`: in bytes, quotation marks included, in ascending order.
pub(crate) fn without_values(text: &str, values: &[Range<usize>]) -> String {
    let mut kept = text.to_owned();
    for value in values.iter().rev() {
        kept.replace_range(value.clone(), &format!("\"{NOT_RECORDED}\""));
    }
    without_credentials(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_passwords_of_urls_are_left_out_and_all_else_stays() {
        for (text, kept) in [
            ("", ""),
            ("http://127.0.0.1:80/a@b", "http://127.0.0.1:80/a@b"),
            (
                "a://u:p@h/x b://u@h",
                "a://(not recorded)@h/x b://(not recorded)@h",
            ),
            (
                "--db=postgres://u:p@ss@h:5/x?y=z",
                "--db=postgres://(not recorded)@h:5/x?y=z",
            ),
            ("'a://h', u@h", "'a://h', u@h"),
            ("://@", "://(not recorded)@"),
            ("ä://ü:ö@ß", "ä://(not recorded)@ß"),
        ] {
            assert_eq!(without_credentials(text), kept);
        }
    }

    #[test]
    fn headers_that_let_somebody_in_are_left_out_and_all_else_stays() {
        for (text, kept) in [
            ("", ""),
            ("x = \"unclosed", "x = \"unclosed"),
            (
                "headers = [\"Accept: a\", \"Authorization: Bearer \\\"x\", 'cookie:a=\"b\"']\npath = \"/a?b\" # it's\nd = \"X-Api-Key: 1\"",
                "headers = [\"Accept: a\", \"Authorization: (not recorded)\", 'cookie: (not recorded)']\npath = \"/a?b\" # it's\nd = \"X-Api-Key: (not recorded)\"",
            ),
            ("a = \"http://u:p@h\"", "a = \"http://(not recorded)@h\""),
            (
                "body = \"\"\"\n{\"a\": \"b\"}\n\"\"\"\n",
                "body = \"\"\"\n{\"a\": \"b\"}\n\"\"\"\n",
            ),
            ("\"Authorization: ä", "\"Authorization: (not recorded)"),
        ] {
            assert_eq!(without_secret_headers(text), kept);
        }
    }

    #[test]
    fn values_are_left_out_where_they_stand() {
        let text = "a = \"1\"\nb = '''2\n3'''\n";
        let kept = without_values(text, &[4..7, 12..21]);
        assert_eq!(kept, "a = \"(not recorded)\"\nb = \"(not recorded)\"\n");
    }
}
