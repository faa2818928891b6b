//! What a route answers, before it is put on the wire.
//!
//! Knows status, type and body. Must never know framing, dates or connections: those are `http1`'s.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::auth::bearer;
use crate::bodies::{BYTES, JSON, MESSAGE, TEXT, sleep_body, upstream_body};
use crate::orders::{Order, OrderRefusal, read_order};
use crate::products::{Product, to_json};
use crate::route::Route;
use crate::stats::Stats;
use crate::work::{Computed, Uploaded};

/// What every target must answer to a `POST /orders` with this body: 200 with a summary of a valid order; 422 with the path
/// of a member that is wrong or missing, of which a target may name another where several are; 400 to what is not JSON,
/// whose body is free.
pub fn order_answer(body: &[u8]) -> Answer {
    match read_order(body) {
        Ok(order) => Answer::order(&order),
        Err(refusal) => Answer::order_refused(refusal),
    }
}

/// What every target must answer to `GET /auth` with this value of `Authorization`, `now_s` seconds since 1970: 200 with whom its
/// token speaks for, or 401, whose body is free.
pub fn auth_answer(authorization: Option<&[u8]>, now_s: u64) -> Answer {
    match bearer(authorization, now_s) {
        Some(bearer) => Answer::ok(JSON, to_json(&bearer)),
        None => Answer::UNAUTHORIZED,
    }
}

/// What every target must answer to a `POST /upload` with this body: how long it is, and its digest.
pub fn upload_answer(body: &[u8]) -> Answer {
    Answer::ok(JSON, to_json(&Uploaded::of(body)))
}

/// A complete answer. The body of `/plaintext` is static, so that answer allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// Further header fields, such as `Allow` beside a 405.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body as it would go out for GET; `http1` leaves it out for HEAD and keeps its length.
    pub body: Cow<'static, [u8]>,
}

impl Answer {
    /// The answer in the form that [`http1::server::Connection::respond`] takes.
    pub fn response(&self) -> http1::server::Response<'_> {
        http1::server::Response {
            status: self.status,
            content_type: self.content_type,
            headers: self.headers,
            body: &self.body,
        }
    }

    /// What `/plaintext` answers.
    pub(crate) const PLAINTEXT: Self = Self::fixed(TEXT, MESSAGE.as_bytes());

    /// What `/json` answers, serialised for every request.
    pub(crate) fn json() -> Self {
        #[derive(Serialize)]
        struct Message {
            message: &'static str,
        }
        Self::ok(JSON, to_json(&Message { message: MESSAGE }))
    }

    /// What `/sleep` answers after `ms` milliseconds.
    pub fn slept(ms: u32) -> Self {
        Self::ok(TEXT, sleep_body(ms))
    }

    /// What `/upstream` answers once all calls are answered; `sum` is what [`crate::add_reply`] gave last.
    pub fn upstream(calls: u32, sum: u64) -> Self {
        Self::ok(JSON, upstream_body(calls, sum))
    }

    /// What `/file` answers with the content of the file.
    pub fn file(bytes: Vec<u8>) -> Self {
        Self::ok(BYTES, bytes)
    }

    /// What `/cpu` and `/hash` answer.
    pub fn computed(computed: Computed) -> Self {
        Self::ok(TEXT, computed.to_hex())
    }

    /// What `/db/product` answers with a row, and what `/db/cached` answers and stores.
    pub fn product(product: &Product) -> Self {
        Self::ok(JSON, to_json(product))
    }

    /// What `/db/products` and `/db/queries` answer with their rows.
    pub fn products(products: &[Product]) -> Self {
        Self::ok(JSON, to_json(&products))
    }

    /// What `/db/cached` answers with what the cache has: the body of [`Answer::product`].
    pub fn cached(body: Vec<u8>) -> Self {
        Self::ok(JSON, body)
    }

    /// What `/orders` answers to a valid order, and `/db/orders` once it is written.
    pub fn order(order: &Order) -> Self {
        Self::ok(JSON, to_json(&order.summary()))
    }

    /// What both answer to one that is none.
    pub(crate) fn order_refused(refusal: OrderRefusal) -> Self {
        match refusal {
            OrderRefusal::Invalid(member) => Self {
                status: 422,
                ..Self::ok(JSON, to_json(&member))
            },
            OrderRefusal::NotJson { reason } => Self::refusal(400, reason),
        }
    }

    /// What `/stats` answers.
    pub fn stats(stats: &Stats) -> Self {
        Self::ok(JSON, to_json(stats))
    }

    const fn fixed(content_type: &'static str, body: &'static [u8]) -> Self {
        Self {
            status: 200,
            content_type,
            headers: &[],
            body: Cow::Borrowed(body),
        }
    }

    pub(crate) fn ok(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type,
            headers: &[],
            body: Cow::Owned(body.into()),
        }
    }

    pub(crate) fn refusal(status: u16, reason: String) -> Self {
        Self {
            status,
            content_type: TEXT,
            headers: &[],
            body: Cow::Owned(reason.into_bytes()),
        }
    }

    /// RFC 9110 §15.5.6: a 405 carries `Allow`.
    pub(crate) fn method_not_allowed(route: &Route) -> Self {
        let (headers, reason): (&'static [_], &'static [u8]) = match route {
            Route::Orders | Route::DbOrders | Route::Upload => {
                (&[("Allow", "POST")], b"this route answers POST only")
            }
            _ => (
                &[("Allow", "GET, HEAD")],
                b"this route answers GET and HEAD only",
            ),
        };
        Self {
            status: 405,
            content_type: TEXT,
            headers,
            body: Cow::Borrowed(reason),
        }
    }

    /// RFC 9110 §15.5.2: a 401 carries a challenge.
    const UNAUTHORIZED: Self = Self {
        status: 401,
        content_type: TEXT,
        headers: &[("WWW-Authenticate", "Bearer")],
        body: Cow::Borrowed(
            b"a token is needed that is signed with the contract's secret and has not expired",
        ),
    };

    /// RFC 9110 §15.5.22: a 426 says what to upgrade to, as an option of this connection (§7.8), and RFC 6455 §4.4 adds the
    /// version to one that was asked for another.
    pub(crate) const fn upgrade_required() -> Self {
        Self {
            status: 426,
            content_type: TEXT,
            headers: &[
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Version", "13"),
            ],
            body: Cow::Borrowed(b"this route speaks WebSocket (RFC 6455); ask for an upgrade"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Token;
    use crate::products::queried_ids;
    use crate::work::{Work, file_bytes};

    #[test]
    fn every_route_answers_what_is_expected_of_it() {
        let cpu = Work::Xorshift { rounds: 1000 }.run();
        for (target, answer) in [
            ("/plaintext", Answer::PLAINTEXT),
            ("/json", Answer::json()),
            ("/sleep/20", Answer::slept(20)),
            ("/upstream?calls=100&ms=5", Answer::upstream(100, 5050)),
            ("/file/1024", Answer::file(file_bytes(1024))),
            ("/cpu/1000", Answer::computed(cpu)),
            ("/db/product/7", Answer::product(&Product::seeded(7))),
            (
                "/db/products/9981",
                Answer::products(&(9981..=10_000).map(Product::seeded).collect::<Vec<_>>()),
            ),
            (
                "/db/queries/10000",
                Answer::products(&queried_ids(10_000).map(Product::seeded).collect::<Vec<_>>()),
            ),
        ] {
            let route = Route::parse(target).unwrap();
            assert_eq!(answer.status, 200, "{target}");
            assert_eq!(answer.content_type, route.expected_content_type());
            assert_eq!(Some(answer.body), route.expected_body(), "{target}");
        }
    }

    #[test]
    fn a_token_is_answered_with_its_subject_or_a_challenge() {
        let to = |token: Token| auth_answer(Some(token.authorization().as_bytes()), 1_790_000_000);
        let valid = to(Token::Valid);
        assert_eq!((valid.status, valid.content_type), (200, JSON));
        assert_eq!(&*valid.body, br#"{"sub":"user-42"}"#);
        for refused in [to(Token::Expired), to(Token::Forged), auth_answer(None, 0)] {
            assert_eq!(refused.status, 401);
            assert_eq!(refused.headers, &[("WWW-Authenticate", "Bearer")]);
        }
    }

    /// Computed by `sha256sum`.
    #[test]
    fn an_upload_is_answered_with_its_length_and_digest() {
        for (body, answer) in [
            (
                &b""[..],
                r#"{"bytes":0,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#,
            ),
            (
                b"abc",
                r#"{"bytes":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#,
            ),
        ] {
            let answered = upload_answer(body);
            assert_eq!((answered.status, answered.content_type), (200, JSON));
            assert_eq!(&*answered.body, answer.as_bytes());
        }
    }

    #[test]
    fn stats_are_json() {
        let answer = Answer::stats(&Stats {
            runtime: "test",
            ..Stats::default()
        });
        assert_eq!(answer.content_type, "application/json");
        assert!(
            answer
                .body
                .starts_with(br#"{"runtime":"test","loop_turns":null,"#)
        );
    }
}
