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
    fn values_are_left_out_where_they_stand() {
        let text = "a = \"1\"\nb = '''2\n3'''\n";
        let kept = without_values(text, &[4..7, 12..21]);
        assert_eq!(kept, "a = \"(not recorded)\"\nb = \"(not recorded)\"\n");
    }
}
