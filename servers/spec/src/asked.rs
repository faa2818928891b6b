//! What a request asks for, with the parameters that it gives.
//!
//! Knows routes and methods. Must never know what is done about it, nor in which order: each server writes that in its own way.

use http1::server::Request;
use http1::{Method, WebSocketKey};

use crate::answer::{Answer, auth_answer, order_answer, upload_answer};
use crate::events::Events;
use crate::orders::{Order, read_order};
use crate::route::{Mode, Route};
use crate::work::Work;

use alloc::string::ToString;

/// What a server has to do for a request.
#[derive(Debug)]
pub enum Asked {
    /// Nothing: this is the answer. `/plaintext`, `/json`, `/orders`, `/auth`, `/upload`, and whatever is refused.
    Answer(Answer),
    /// Wait on the loop's own timers, then give [`Answer::slept`].
    Sleep {
        /// Milliseconds.
        ms: u32,
    },
    /// Make all of [`crate::Call::each`], add the replies up by [`crate::add_reply`], then give [`Answer::upstream`].
    Upstream {
        /// Number of calls.
        calls: u32,
        /// Milliseconds that each takes.
        ms: u32,
        /// One after the other, or all at once.
        mode: Mode,
    },
    /// Read the file that [`crate::file_name`] names, whole, in the pool, then give [`Answer::file`].
    File {
        /// Size in KiB.
        kib: u32,
    },
    /// Run [`Work::run`], then give [`Answer::computed`].
    Compute {
        /// What to compute.
        work: Work,
        /// In the pool. Otherwise on the thread that serves the connection, which blocks everything else on it: that is what
        /// the route is for.
        offload: bool,
    },
    /// Stream the events, each when the client has taken most of what went before.
    ///
    /// A client that says in the middle that it will send no more has left, and its stream ends with it: nobody half-closes a
    /// stream that is to be read to its end, and to Node.js and Uvicorn the two are the same.
    Events(Events),
    /// Make the connection a WebSocket, and its client a member of the chat.
    Chat(WebSocketKey),
    /// Ask the database.
    Database(DatabaseWork),
    /// Gather the server's own figures, then give [`Answer::stats`].
    Stats,
}

/// What the database is asked for. All of it is done within [`crate::DATABASE_LIMIT_MS`], waiting for a connection included.
#[derive(Debug)]
pub enum DatabaseWork {
    /// Find the row of this id, then give [`Answer::product`].
    Product {
        /// The row's key.
        id: u32,
    },
    /// Find [`crate::PRODUCTS_LISTED`] rows from this id on, then give [`Answer::products`].
    Products {
        /// The first row's key.
        id: u32,
    },
    /// Find the rows of [`crate::queried_ids`] one after the other, on one connection, then give [`Answer::products`].
    Queries {
        /// The first row's key.
        id: u32,
    },
    /// Write the order and its items in one transaction, then give [`Answer::order`].
    Order(Order),
    /// Look in the cache for [`crate::cache_key`], and give it as [`Answer::cached`]; where it lacks it, find the row as for `Product` and
    /// store the answer's body for [`crate::CACHED_S`].
    Cached {
        /// The row's key.
        id: u32,
    },
}

/// Reads what a request asks for. Bodies of GET and HEAD requests are of no meaning here (RFC 9110 §9.3.1) and are ignored; HEAD is
/// treated as GET, so that its header fields are the same, except that it gets no events. `now_s`: seconds since 1970, which tokens end by.
pub fn asked(request: &Request<'_>, now_s: u64) -> Asked {
    let route = match Route::parse(request.target) {
        Ok(route) => route,
        Err(error) => return Asked::Answer(Answer::refusal(error.status(), error.to_string())),
    };
    if !route.takes(request.method) {
        return Asked::Answer(Answer::method_not_allowed(&route));
    }
    match route {
        Route::Plaintext => Asked::Answer(Answer::PLAINTEXT),
        Route::Json => Asked::Answer(Answer::json()),
        Route::Sleep { ms } => Asked::Sleep { ms },
        Route::Upstream { calls, ms, mode } => Asked::Upstream { calls, ms, mode },
        Route::File { kib } => Asked::File { kib },
        Route::Cpu { rounds, offload } => Asked::Compute {
            work: Work::Xorshift { rounds },
            offload,
        },
        Route::Hash { kib, offload } => Asked::Compute {
            work: Work::Sha256 { kib },
            offload,
        },
        Route::Orders => Asked::Answer(order_answer(request.body)),
        Route::Auth => Asked::Answer(auth_answer(request.authorization, now_s)),
        Route::Upload => Asked::Answer(upload_answer(request.body)),
        Route::Events { n, ms } => {
            let is_head = request.method == Method::Head;
            Asked::Events(Events::new(if is_head { 0 } else { n }, ms))
        }
        Route::Chat => match request.websocket_key {
            Some(key) => Asked::Chat(key),
            None => Asked::Answer(Answer::upgrade_required()),
        },
        Route::DbProduct { id } => Asked::Database(DatabaseWork::Product { id }),
        Route::DbProducts { id } => Asked::Database(DatabaseWork::Products { id }),
        Route::DbQueries { id } => Asked::Database(DatabaseWork::Queries { id }),
        Route::DbOrders => order_work(request.body).map_or_else(Asked::Answer, Asked::Database),
        Route::DbCached { id } => Asked::Database(DatabaseWork::Cached { id }),
        Route::Stats => Asked::Stats,
    }
}

/// What `/db/orders` has to do with this body, or the answer where it is no valid order.
pub fn order_work(body: &[u8]) -> Result<DatabaseWork, Answer> {
    let order = read_order(body).map_err(Answer::order_refused)?;
    Ok(DatabaseWork::Order(order))
}

#[cfg(test)]
mod tests {
    use alloc::borrow::Cow;

    use http1::server::Poll;
    use http1::{Date, Version};

    use super::*;

    const NOW_S: u64 = 1_790_000_000;

    fn get(target: &str) -> Request<'_> {
        Request {
            method: Method::Get,
            target,
            version: Version::Http11,
            body: b"",
            websocket_key: None,
            authorization: None,
        }
    }

    fn answer_to(method: Method, target: &str) -> Answer {
        match asked(
            &Request {
                method,
                ..get(target)
            },
            NOW_S,
        ) {
            Asked::Answer(answer) => answer,
            other => panic!("{target} is answered at once, not by {other:?}"),
        }
    }

    #[test]
    fn the_floor_is_answered_at_once_and_only_json_is_made_anew() {
        for (target, is_made) in [("/plaintext", false), ("/json", true)] {
            let answer = answer_to(Method::Get, target);
            assert_eq!(matches!(answer.body, Cow::Owned(_)), is_made, "{target}");
            let expected = Route::parse(target).unwrap().expected_body();
            assert_eq!(Some(answer.body), expected, "{target}");
        }
    }

    #[test]
    fn other_methods_and_targets_are_refused() {
        for method in [
            Method::Post,
            Method::Put,
            Method::Delete,
            Method::Options,
            Method::Other,
        ] {
            let answer = answer_to(method, "/plaintext");
            assert_eq!(answer.status, 405);
            assert_eq!(answer.headers, &[("Allow", "GET, HEAD")]);
        }
        for method in [
            Method::Get,
            Method::Head,
            Method::Put,
            Method::Delete,
            Method::Options,
            Method::Other,
        ] {
            for target in ["/orders", "/db/orders"] {
                let answer = answer_to(method, target);
                assert_eq!(answer.status, 405);
                assert_eq!(answer.headers, &[("Allow", Route::Orders.allow())]);
            }
        }
        assert_eq!(answer_to(Method::Get, "/nope").status, 404);
        assert_eq!(answer_to(Method::Post, "/nope").status, 404);
        assert_eq!(answer_to(Method::Get, "/sleep/60001").status, 400);
    }

    #[test]
    fn an_order_is_read_from_the_body() {
        let body = br#"{"customer":{"id":1,"email":"a@example.com"},"items":[{"sku":"A","quantity":2,"unit_price_cents":3}]}"#;
        for (body, status) in [(&body[..], 200), (b"{}", 422), (b"", 400)] {
            let request = Request {
                method: Method::Post,
                body,
                ..get("/orders")
            };
            let Asked::Answer(answer) = asked(&request, NOW_S) else {
                panic!("an order needs nothing but its body")
            };
            assert_eq!(answer, order_answer(body));
            assert_eq!(answer.status, status);

            let written = asked(
                &Request {
                    target: "/db/orders",
                    ..request
                },
                NOW_S,
            );
            match written {
                Asked::Database(DatabaseWork::Order(order)) => {
                    assert_eq!(Answer::order(&order), answer);
                }
                Asked::Answer(refusal) => assert_eq!(refusal, answer),
                other => panic!("an order is written, not {other:?}"),
            }
        }
    }

    #[test]
    fn a_chat_needs_an_upgrade() {
        let mut connection = http1::server::Connection::new();
        connection.receive(
            b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        let mut out = alloc::vec::Vec::new();
        let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) else {
            panic!("a request is here")
        };
        let Asked::Chat(key) = asked(&request, NOW_S) else {
            panic!("an upgrade was asked for")
        };
        assert_eq!(key.as_str(), "dGhlIHNhbXBsZSBub25jZQ==");

        // An upgrade that is meant for nobody is no upgrade (RFC 9110 §7.8).
        let other = Request {
            target: "/plaintext",
            ..request
        };
        assert!(matches!(asked(&other, NOW_S), Asked::Answer(answer) if answer.status == 200));
        for method in [Method::Get, Method::Head] {
            let answer = answer_to(method, "/chat");
            assert_eq!(answer.status, 426);
            assert!(answer.headers.contains(&("Upgrade", "websocket")));
        }
    }

    #[test]
    fn only_get_gets_events() {
        for (method, has_events) in [(Method::Get, true), (Method::Head, false)] {
            let request = Request {
                method,
                ..get("/events?n=1&ms=0")
            };
            let Asked::Events(events) = asked(&request, NOW_S) else {
                panic!("events were asked for")
            };
            assert_eq!(!events.is_over(), has_events, "{method}");
        }
    }

    #[test]
    fn a_computation_says_where_it_runs() {
        for (target, in_pool) in [
            ("/cpu/1", false),
            ("/hash/1", false),
            ("/cpu/1?offload=1", true),
            ("/hash/1?offload=1", true),
        ] {
            let asked = asked(&get(target), NOW_S);
            assert!(
                matches!(asked, Asked::Compute { offload, .. } if offload == in_pool),
                "{target}: {asked:?}"
            );
        }
    }
}
