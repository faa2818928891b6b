//! `GET /auth`: whose token is valid, and which tokens are not.

use http1::Method;

use crate::cases::{Asking, Case, alone};
use crate::judge::Expected;
use crate::outcome::Group;
use crate::script::Step;

const AUTH: &str = "/auth";

/// `{"alg":"HS256","typ":"JWT"}` and `{"sub":"user-42","exp":4102444800}`, as they stand in a token (RFC 7515 §3.1), signed with the
/// contract's secret.
const VALID: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.dxT9DcZcIiAGAWjn3u-GyJ_MAewdmP9CutboMddyl4U";

/// The head and the claims of [`VALID`], without what signs them.
const UNSIGNED: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ";

/// What makes a field invalid, and its value. Made by Python's `hmac`.
const INVALID: [(&str, &str); 10] = [
    ("an empty field", ""),
    ("no token", "Bearer"),
    ("a word for a token", "Bearer token"),
    ("another scheme", "Basic dXNlci00Mjp4"),
    (
        "an expired token",
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjoxfQ.TZDWqdjl5TdWlzG4hLNyx14tj7uidFSNi2C4AG0BcuE",
    ),
    (
        "a token signed with another secret",
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.w65Ls-nRFxbga_iYBrfDT_YPOse5r0mDnDpvvNm3wKY",
    ),
    (
        "a token of other claims with this signature",
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQzIiwiZXhwIjo0MTAyNDQ0ODAwfQ.dxT9DcZcIiAGAWjn3u-GyJ_MAewdmP9CutboMddyl4U",
    ),
    (
        "a token signed by HS512",
        "Bearer eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.pc-rj78ubkthjSKwIwQpfjrhCJs3sIZpIkt-xUIybDdwf-XGYXtgirOLneTtrHzt-SGPFceh9IzC5o44ZwdJ0w",
    ),
    (
        "a token that says that it is not signed",
        "Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.",
    ),
    (
        "a token without a signature",
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.",
    ),
];

impl Asking<'_> {
    pub(super) fn auth(&self) -> Vec<Case> {
        let valid = || accepted(Method::Get);
        let bearer = format!("Bearer {VALID}");
        let answered = |name: &str, field: &str| {
            let steps = vec![
                Step::Send(self.bearing(Method::Get, Some(field))),
                Step::Reply(valid()),
            ];
            alone(Group::Auth, name.to_owned(), steps)
        };
        let refused = |name: &str, field: Option<&str>| {
            let steps = vec![
                Step::Send(self.bearing(Method::Get, field)),
                Step::Reply(Expected::statuses(Method::Get, &[401])),
                Step::Send(self.bearing(Method::Get, Some(&bearer))),
                self.next_reply(valid()),
            ];
            alone(Group::Auth, format!("{name} is 401"), steps)
        };
        let methods = [Method::Post, Method::Put, Method::Delete].map(|method| {
            let steps = vec![
                Step::Send(self.bearing(method, Some(&bearer))),
                Step::Reply(Expected::not_allowed(method, Method::Get)),
            ];
            let name = method.as_str().unwrap_or_default();
            alone(Group::Auth, format!("{name} {AUTH} is 405"), steps)
        });
        [
            answered("a valid token", &bearer),
            // RFC 9110 §11.1: schemes are the same in either case.
            answered("a scheme in lower case", &format!("bearer {VALID}")),
            refused("no field", None),
            refused("a token without its scheme", Some(VALID)),
            refused("two thirds of a token", Some(&format!("Bearer {UNSIGNED}"))),
        ]
        .into_iter()
        .chain(INVALID.map(|(name, field)| refused(name, Some(field))))
        .chain(methods)
        .collect()
    }

    fn bearing(&self, method: Method, field: Option<&str>) -> Vec<u8> {
        let method = method.as_str().unwrap_or_default();
        let field = field.map_or(String::new(), |field| format!("Authorization: {field}\r\n"));
        format!(
            "{method} {AUTH} HTTP/1.1\r\nHost: {}\r\n{field}\r\n",
            self.host
        )
        .into_bytes()
    }
}

fn accepted(to: Method) -> Expected {
    Expected::json(to, 200, vec![r#"{"sub":"user-42"}"#.to_owned()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_invalid_field_differs_from_the_valid_one_and_from_the_others() {
        assert!(VALID.starts_with(&format!("{UNSIGNED}.")));
        let fields: BTreeSet<_> = INVALID.iter().map(|(_, field)| field).collect();
        assert_eq!(fields.len(), INVALID.len());
        assert!(!fields.iter().any(|field| field.contains(VALID)));
    }
}
