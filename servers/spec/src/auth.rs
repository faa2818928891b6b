//! What `/auth` makes of a token: a JWT (RFC 7519) whose signature is an HMAC with SHA-256 (RFC 7518 §3.2).
//!
//! Knows tokens. Must never know the time by itself, nor where a token comes from.

use alloc::string::String;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What tokens are signed with.
const SECRET: &[u8] = b"bench's secret for HS256, 32 bytes or more";

/// A token that a load may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// Signed with the contract's secret, until 2100.
    Valid,
    /// Signed with it, until 2001.
    Expired,
    /// Signed with another secret.
    Forged,
}

impl Token {
    /// The value of `Authorization`.
    pub fn authorization(self) -> &'static str {
        match self {
            Self::Valid => {
                "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.dxT9DcZcIiAGAWjn3u-GyJ_MAewdmP9CutboMddyl4U"
            }
            Self::Expired => {
                "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjoxMDAwMDAwMDAwfQ.UVYK3HXj6wR3gkJ_CyBzkEzOgQhkW4NUiQlv3yp0sXM"
            }
            Self::Forged => {
                "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.SYmMXNyzXznWO4RnV1-rHX8ig_Zjlc9tA3FJUR14-V8"
            }
        }
    }
}

/// Whom a token speaks for: the body of 200.
#[derive(Serialize)]
pub(crate) struct Bearer {
    sub: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Seconds since 1970.
    exp: u64,
}

/// Whom the value of an `Authorization` speaks for, `now_s` seconds since 1970; nobody where its token is none, is signed with
/// something else, or has expired.
pub(crate) fn bearer(authorization: Option<&[u8]>, now_s: u64) -> Option<Bearer> {
    let (scheme, token) = authorization?.split_at_checked(SCHEME.len())?;
    // RFC 9110 §11.1: schemes read in any case.
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let token = core::str::from_utf8(token).ok()?.trim_start_matches(' ');
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Header = serde_json::from_slice(&decoded(header)?).ok()?;
    if header.alg != "HS256" {
        return None;
    }
    let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET).expect("HMAC takes keys of any length");
    hmac.update(signed.as_bytes());
    hmac.verify_slice(&decoded(signature)?).ok()?;
    let claims: Claims = serde_json::from_slice(&decoded(claims)?).ok()?;
    (now_s < claims.exp).then_some(Bearer { sub: claims.sub })
}

const SCHEME: &[u8] = b"Bearer ";

fn decoded(part: &str) -> Option<alloc::vec::Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const NOW_S: u64 = 1_790_000_000;

    fn sub(authorization: &str, now_s: u64) -> Option<String> {
        bearer(Some(authorization.as_bytes()), now_s).map(|bearer| bearer.sub)
    }

    fn signed(header: &str, claims: &str, secret: &[u8]) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let mut hmac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        hmac.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(hmac.finalize().into_bytes());
        format!("Bearer {signed}.{signature}")
    }

    const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
    const CLAIMS: &str = r#"{"sub":"user-42","exp":4102444800}"#;

    #[test]
    fn tokens_are_what_they_are_called() {
        assert_eq!(Token::Valid.authorization(), signed(HS256, CLAIMS, SECRET));
        let valid = sub(Token::Valid.authorization(), NOW_S);
        assert_eq!(valid.as_deref(), Some("user-42"));
        let expired = Token::Expired.authorization();
        assert_eq!(sub(expired, NOW_S), None);
        assert_eq!(sub(expired, 999_999_999).as_deref(), Some("user-42"));
        assert_eq!(sub(Token::Forged.authorization(), NOW_S), None);
    }

    #[test]
    fn a_token_ends_with_the_second_that_it_names() {
        let token = signed(HS256, r#"{"sub":"a","exp":100}"#, SECRET);
        assert_eq!(sub(&token, 99).as_deref(), Some("a"));
        assert_eq!(sub(&token, 100), None);
    }

    #[test]
    fn what_is_no_token_of_ours_speaks_for_nobody() {
        let valid = Token::Valid.authorization();
        assert!(sub(&valid.replacen("Bearer", "bEARER", 1), NOW_S).is_some());
        for wrong in [
            String::new(),
            "Bearer".into(),
            "Bearer ".into(),
            "Bearer a.b".into(),
            "Bearer a.b.c".into(),
            valid.replacen("Bearer", "Basic ", 1),
            valid.replacen('.', "", 1),
            format!("{valid}A"),
            format!("{valid}="),
            // RFC 8725 §2.1: nobody may say that a token needs no signature, or another one.
            signed(r#"{"alg":"none"}"#, CLAIMS, SECRET),
            signed(r#"{"alg":"HS512"}"#, CLAIMS, SECRET),
            signed("{}", CLAIMS, SECRET),
            signed(HS256, r#"{"sub":"user-42"}"#, SECRET),
            signed(HS256, r#"{"exp":4102444800}"#, SECRET),
            signed(HS256, "[]", SECRET),
        ] {
            assert_eq!(sub(&wrong, NOW_S), None, "{wrong}");
        }
        assert!(bearer(None, NOW_S).is_none());
        assert!(bearer(Some(b"Bearer \xff.\xff.\xff"), NOW_S).is_none());
    }
}
