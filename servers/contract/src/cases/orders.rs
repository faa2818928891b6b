//! `POST /orders`.

use spec::{MAX_ITEMS, order_answer};

use crate::client::Client;
use crate::running::{Running, Serve};

const ITEM: &str = r#"{"sku":"A-1","quantity":2,"unit_price_cents":1999}"#;

fn order(customer: &str, items: &str) -> String {
    format!(r#"{{"customer":{customer},"items":[{items}]}}"#)
}

fn order_of(items: usize) -> String {
    order(
        r#"{"id":42,"email":"ada@example.com"}"#,
        &vec![ITEM; items].join(","),
    )
}

/// Sends an order and checks that the reply is the one that `spec` expects; gives its status and its body.
fn reply_to(client: &mut Client, body: &str) -> (u16, String) {
    let reply = client.post("/orders", body);
    let expected = order_answer(body.as_bytes());
    assert_eq!(reply.status, expected.status, "{body}");
    // What is not JSON may be refused in any words.
    if reply.status != 400 {
        assert_eq!(
            reply.header("content-type"),
            Some("application/json"),
            "{body}"
        );
        assert_eq!(reply.body, *expected.body, "{body}");
    }
    (reply.status, reply.text().to_owned())
}

pub fn orders_are_validated_and_summed_up(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    for (body, status, answer) in [
        (
            order_of(1),
            200,
            r#"{"customer_id":42,"item_count":1,"total_cents":3998}"#,
        ),
        (
            order_of(MAX_ITEMS),
            200,
            r#"{"customer_id":42,"item_count":100,"total_cents":399800}"#,
        ),
        (order_of(MAX_ITEMS + 1), 422, r#"{"field":"items"}"#),
        (order_of(0), 422, r#"{"field":"items"}"#),
        (
            order(r#"{"email":"ada@example.com"}"#, ITEM),
            422,
            r#"{"field":"customer.id"}"#,
        ),
        (
            order(r#"{"id":"42","email":"ada@example.com"}"#, ITEM),
            422,
            r#"{"field":"customer.id"}"#,
        ),
        (
            order(r#"{"id":42,"email":"not-an-email"}"#, ITEM),
            422,
            r#"{"field":"customer.email"}"#,
        ),
        (
            order_of(2).replacen("\"quantity\":2", "\"quantity\":1001", 1),
            422,
            r#"{"field":"items.0.quantity"}"#,
        ),
        ("[]".to_owned(), 422, r#"{"field":""}"#),
    ] {
        assert_eq!(
            reply_to(&mut client, &body),
            (status, answer.to_owned()),
            "{body}"
        );
    }
    for malformed in ["", "order", "{", &order_of(1)[1..]] {
        assert_eq!(reply_to(&mut client, malformed).0, 400, "{malformed}");
    }
    // After each refusal the connection was as good as before.
    assert_eq!(reply_to(&mut client, &order_of(1)).0, 200);
    running.stop();
}

pub fn orders_are_taken_by_post_alone_and_nothing_else_is(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    for (method, target, allow) in [
        ("GET", "/orders", "POST"),
        ("PUT", "/orders", "POST"),
        ("POST", "/events?n=1&ms=0", "GET, HEAD"),
        ("POST", "/chat", "GET, HEAD"),
    ] {
        client.send(&format!(
            "{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n{{}}"
        ));
        let reply = client.reply();
        assert_eq!(reply.status, 405, "{method} {target}");
        assert_eq!(reply.header("allow"), Some(allow), "{method} {target}");
    }
    running.stop();
}
