//! `POST /orders`: what is valid and its sum, what is not and which member is wrong, and what is no JSON.

use http1::client::encode_request;
use http1::{MAX_BODY_BYTES, Method};
use serde_json::{Value, json};
use spec::{MAX_CUSTOMER_ID, MAX_ITEMS, MAX_QUANTITY, MAX_SKU_CHARS, MAX_UNIT_PRICE_CENTS};

use crate::cases::{Asking, Case, SMUGGLED, alone, raw_post};
use crate::judge::{Accept, Expected};
use crate::outcome::Group;
use crate::script::{Refusal, Step};

const ORDERS: &str = "/orders";

/// How bodies are announced.
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Orders in one write.
const PIPELINED: u64 = 16;

/// How deep arrays are nested that a parser might follow to the end of its stack.
const DEEP: usize = 50_000;

/// A character of so many bytes in UTF-8; the last one has two units in UTF-16.
const CHARACTERS: [(&str, &str); 3] = [("2 bytes", "é"), ("3 bytes", "€"), ("4 bytes", "😀")];

/// What is wrong, with which member, and how it then looks.
#[rustfmt::skip]
const INVALID: &[(&str, &str, &str)] = &[
    ("0", "customer.id", "0"),
    ("negative", "customer.id", "-1"),
    ("2^53", "customer.id", "9007199254740992"),
    ("2^64", "customer.id", "18446744073709551616"),
    ("a fraction", "customer.id", "1.5"),
    ("text", "customer.id", r#""42""#),
    ("true", "customer.id", "true"),
    ("null", "customer.id", "null"),
    ("a list", "customer.id", "[42]"),
    ("no address", "customer.email", r#""not-an-email""#),
    ("a number", "customer.email", "1"),
    ("null", "customer.email", "null"),
    ("a list", "customer.email", r#"["ada@example.com"]"#),
    ("a number", "customer", "42"),
    ("text", "customer", r#""ada@example.com""#),
    ("null", "customer", "null"),
    ("a list", "customer", "[]"),
    ("none", "items", "[]"),
    ("an object", "items", r#"{"0":{"sku":"A-1","quantity":2,"unit_price_cents":1999}}"#),
    ("text", "items", r#""A-1""#),
    ("null", "items", "null"),
    ("a number", "items.0", "5"),
    ("text", "items.0", r#""A-1""#),
    ("null", "items.1", "null"),
    ("a list", "items.1", "[]"),
    ("empty", "items.0.sku", r#""""#),
    ("a number", "items.0.sku", "1"),
    ("null", "items.1.sku", "null"),
    ("0", "items.0.quantity", "0"),
    ("negative", "items.0.quantity", "-1"),
    ("1001", "items.0.quantity", "1001"),
    ("2^32 + 1", "items.0.quantity", "4294967297"),
    ("a fraction", "items.0.quantity", "1.5"),
    ("text", "items.1.quantity", r#""2""#),
    ("true", "items.1.quantity", "true"),
    ("null", "items.1.quantity", "null"),
    ("negative", "items.0.unit_price_cents", "-1"),
    ("1000001", "items.0.unit_price_cents", "1000001"),
    ("a fraction", "items.1.unit_price_cents", "0.5"),
    ("text", "items.1.unit_price_cents", r#""1999""#),
    ("false", "items.1.unit_price_cents", "false"),
    ("null", "items.1.unit_price_cents", "null"),
];

/// Members that can't be left out.
const NEEDED: [&str; 7] = [
    "customer",
    "customer.id",
    "customer.email",
    "items",
    "items.0.sku",
    "items.1.quantity",
    "items.1.unit_price_cents",
];

/// JSON, but no object.
const NO_OBJECTS: [(&str, &str); 6] = [
    ("a list", "[]"),
    ("a number", "42"),
    ("text", r#""order""#),
    ("true", "true"),
    ("null", "null"),
    ("a list of orders", "[$ORDER]"),
];

/// What is no JSON (RFC 8259), with the order for `$ORDER`.
const NO_JSON: [(&str, &[u8]); 14] = [
    ("nothing", b""),
    ("a space", b" "),
    ("half an object", b"{\"customer\":{\"id\":42,"),
    ("a word", b"order"),
    ("two orders", b"$ORDER$ORDER"),
    ("a letter behind an order", b"$ORDERx"),
    ("a comma behind the last member", b"{\"customer\":null,}"),
    ("single quotes", b"{'customer':null}"),
    ("a name without quotes", b"{customer:null}"),
    ("a comment", b"{/* an order */\"customer\":null}"),
    (
        "a number with a leading zero",
        b"{\"customer\":{\"id\":042}}",
    ),
    ("NaN", b"{\"customer\":{\"id\":NaN}}"),
    ("a line break within text", b"{\"customer\":\"\n\"}"),
    ("text that is no UTF-8", b"{\"customer\":\"\xff\"}"),
];

impl Asking<'_> {
    pub(super) fn orders(&self) -> Vec<Case> {
        [
            self.valid_orders(),
            self.invalid_orders(),
            self.framed_orders(),
            self.refused_orders(),
        ]
        .concat()
    }

    fn valid_orders(&self) -> Vec<Case> {
        let valid = |name: &str, body: &str, id: u64, items: usize, total_cents: u64| {
            let steps = vec![
                Step::Send(self.order(body.as_bytes())),
                Step::Reply(accepted(id, items, total_cents)),
            ];
            alone(Group::Orders, name.to_owned(), steps)
        };
        let items = |count: usize, item: &Value| Value::from(vec![item.clone(); count]);
        let first = order()["items"][0].clone();
        let smallest = json!({"sku": "A", "quantity": 1, "unit_price_cents": 0});
        let largest = json!({
            "sku": "A".repeat(MAX_SKU_CHARS),
            "quantity": MAX_QUANTITY,
            "unit_price_cents": MAX_UNIT_PRICE_CENTS,
        });
        let of = |id: u64, items: Value| {
            json!({"customer": {"id": id, "email": "name@example.com"}, "items": items}).to_string()
        };
        let mut cases = vec![
            valid("two items", &order().to_string(), 42, 2, 4_003),
            valid("one item", &of(42, items(1, &first)), 42, 1, 3_998),
            valid(
                "100 items",
                &of(42, items(MAX_ITEMS, &first)),
                42,
                MAX_ITEMS,
                399_800,
            ),
            valid("smallest numbers", &of(1, items(1, &smallest)), 1, 1, 0),
            valid(
                "largest numbers",
                &of(MAX_CUSTOMER_ID, items(MAX_ITEMS, &largest)),
                MAX_CUSTOMER_ID,
                MAX_ITEMS,
                100 * 1_000 * 1_000_000,
            ),
            valid(
                "members that are not known",
                r#"{"a":[{}],"customer":{"id":42,"email":"ada@example.com","id2":"x"},"items":[{"sku":"A-1","quantity":2,"unit_price_cents":1999,"Quantity":-1,"":null}],"total_cents":1}"#,
                42,
                1,
                3_998,
            ),
            valid(
                "members in another order",
                r#"{"items":[{"unit_price_cents":1999,"quantity":2,"sku":"A-1"}],"customer":{"email":"ada@example.com","id":42}}"#,
                42,
                1,
                3_998,
            ),
            valid(
                "white space between",
                "\r\n{\t\"customer\" : { \"id\":42 , \"email\":\"ada@example.com\" },\n\"items\":[ {\"sku\":\"A-1\",\"quantity\": 2,\"unit_price_cents\" :1999} ] }\n",
                42,
                1,
                3_998,
            ),
            valid(
                "escapes in names and text",
                r#"{"\u0063ustomer":{"id":42,"email":"ada\u0040example.com"},"items":[{"sku":"\ud83d\ude00\"\\\n","quantity":2,"unit_price_cents":1999}]}"#,
                42,
                1,
                3_998,
            ),
            valid("1 MiB", &padded(MAX_BODY_BYTES), 42, 2, 4_003),
        ];
        for (bytes, character) in CHARACTERS {
            let sku = json!(character.repeat(MAX_SKU_CHARS)).to_string();
            let body = order_with("items.0.sku", &sku);
            let name = format!("a sku of 32 characters of {bytes}");
            cases.push(valid(&name, &body, 42, 2, 4_003));
        }
        cases
    }

    fn invalid_orders(&self) -> Vec<Case> {
        let wrong = |name: String, body: &str, fields: &[&str]| {
            let bodies = fields.iter().map(|field| refusal_of(field)).collect();
            let first = Expected::json(Method::Post, 422, bodies);
            self.then_valid(format!("{name} is 422"), self.order(body.as_bytes()), first)
        };
        let members = INVALID.iter().map(|(what, path, json)| {
            wrong(format!("{path}: {what}"), &order_with(path, json), &[path])
        });
        let missing =
            NEEDED.map(|path| wrong(format!("{path}: missing"), &order_without(path), &[path]));
        let long = [("1 byte", "a")].into_iter().chain(CHARACTERS);
        let long = long.map(|(bytes, character)| {
            let sku = json!(character.repeat(MAX_SKU_CHARS + 1)).to_string();
            let path = "items.1.sku";
            wrong(
                format!("{path}: 33 characters of {bytes}"),
                &order_with(path, &sku),
                &[path],
            )
        });
        let no_objects = NO_OBJECTS.map(|(what, json)| {
            let body = json.replace("$ORDER", &order().to_string());
            wrong(format!("{what} and no object"), &body, &[""])
        });
        let item = order()["items"][0].clone();
        let too_many = Value::from(vec![item.clone(); MAX_ITEMS + 1]).to_string();
        let mut last_wrong = vec![item; MAX_ITEMS];
        last_wrong[MAX_ITEMS - 1]["quantity"] = json!(0);
        let last_wrong = Value::from(last_wrong).to_string();
        let several = r#"{"customer":{"id":0,"email":"not-an-email"},"items":[]}"#;
        let others = [
            wrong(
                "items: 101".to_owned(),
                &order_with("items", &too_many),
                &["items"],
            ),
            wrong(
                "items.99.quantity: 0".to_owned(),
                &order_with("items", &last_wrong),
                &["items.99.quantity"],
            ),
            wrong(
                "several members".to_owned(),
                several,
                &["customer.id", "customer.email", "items"],
            ),
            wrong("an empty object".to_owned(), "{}", &["customer", "items"]),
        ];
        members
            .chain(missing)
            .chain(long)
            .chain(no_objects)
            .chain(others)
            .collect()
    }

    /// An order that comes in other ways than whole and announced by its length.
    fn framed_orders(&self) -> Vec<Case> {
        let body = order().to_string();
        let (one, other) = body.split_at(body.len() / 2);
        let chunk = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
        let chunked = format!("{}{}0\r\n\r\n", chunk(one), chunk(other));
        let typed = "Content-Type: application/json\r\n";
        let chunked = self.raw_order(
            &format!("{typed}Transfer-Encoding: chunked\r\n"),
            chunked.as_bytes(),
        );
        let whole = self.order(body.as_bytes());
        let pieces = |bytes: &[u8], size: usize| bytes.chunks(size).map(<[u8]>::to_vec).collect();
        let answered = |name: &str, sent: Step| {
            let reply = Step::Reply(accepted(42, 2, 4_003));
            alone(Group::Orders, name.to_owned(), vec![sent, reply])
        };
        let old = format!(
            "POST {ORDERS} HTTP/1.0\r\nHost: {}\r\n{typed}Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let expecting = self.raw_order(
            &format!(
                "{typed}Content-Length: {}\r\nExpect: 100-continue\r\n",
                body.len()
            ),
            b"",
        );
        let mut expected = accepted(42, 2, 4_003);
        expected.any_of.push(Accept::Status(417));
        let mut cases = vec![
            answered("in chunks", Step::Send(chunked.clone())),
            answered(
                "in chunks, 5 bytes at a time",
                Step::SendPieces(pieces(&chunked, 5)),
            ),
            answered("5 bytes at a time", Step::SendPieces(pieces(&whole, 5))),
            answered(
                "head and body apart",
                Step::SendPieces(vec![
                    whole[..whole.len() - body.len()].to_vec(),
                    body.clone().into_bytes(),
                ]),
            ),
            alone(
                Group::Orders,
                "HTTP/1.0".to_owned(),
                vec![
                    Step::Send(old.into_bytes()),
                    Step::Reply(accepted(42, 2, 4_003)),
                    Step::End,
                ],
            ),
            alone(
                Group::Orders,
                "Expect: 100-continue".to_owned(),
                vec![
                    Step::Send(expecting),
                    Step::SendOnceContinued(body.clone().into_bytes()),
                    Step::Reply(expected),
                ],
            ),
        ];
        let pipelined = |id: u64| self.order(order_with("customer.id", &id.to_string()).as_bytes());
        let sent = Step::Send((1..=PIPELINED).flat_map(pipelined).collect());
        let replies = (1..=PIPELINED).map(|id| Step::Reply(accepted(id, 2, 4_003)));
        cases.push(alone(
            Group::Orders,
            format!("{PIPELINED} pipelined"),
            [sent].into_iter().chain(replies).collect(),
        ));
        let mixed = [
            self.get("/json"),
            whole.clone(),
            self.order(b"{}"),
            whole,
            self.get("/cpu/1"),
        ];
        let missing = ["customer", "items"].map(refusal_of).to_vec();
        cases.push(alone(
            Group::Orders,
            "pipelined with others, one of them invalid".to_owned(),
            vec![
                Step::Send(mixed.concat()),
                Step::Reply(self.served(Method::Get, "/json")),
                Step::Reply(accepted(42, 2, 4_003)),
                Step::Reply(Expected::json(Method::Post, 422, missing)),
                self.next_reply(accepted(42, 2, 4_003)),
                self.next_reply(self.served(Method::Get, "/cpu/1")),
            ],
        ));
        cases
    }

    /// What is no order at all, and what is asked for in the wrong way.
    fn refused_orders(&self) -> Vec<Case> {
        let status = |name: String, sent: Vec<u8>, statuses: &[u16]| {
            self.then_valid(name, sent, Expected::statuses(Method::Post, statuses))
        };
        let no_json = NO_JSON.map(|(what, body)| {
            let body = replaced(body, b"$ORDER", order().to_string().as_bytes());
            status(format!("{what} is 400"), self.order(&body), &[400])
        });
        let smuggled = self.raw(SMUGGLED.as_bytes());
        let too_long = padded(MAX_BODY_BYTES + 1);
        let announced = |fields: &str, body: &[u8]| {
            let fields = format!("Content-Type: application/json\r\n{fields}\r\n");
            self.raw_order(&fields, body)
        };
        let nested = |open: &str, inner: &str, close: &str| {
            let body = format!("{}{inner}{}", open.repeat(DEEP), close.repeat(DEEP));
            self.order(body.as_bytes())
        };
        let others = vec![
            status(
                "a body that looks like a request is 400".to_owned(),
                self.order(&smuggled),
                &[400],
            ),
            status(
                "no body and no length is 400".to_owned(),
                self.raw_order("", b""),
                &[400, 411],
            ),
            // How deep it looks is a parser's own business, as long as it comes back.
            status(
                format!("{DEEP} lists within each other"),
                nested("[", "", "]"),
                &[400, 422],
            ),
            status(
                format!("{DEEP} objects within each other"),
                nested(r#"{"a":"#, "1", "}"),
                &[400, 422],
            ),
            status(
                "a query is 400".to_owned(),
                self.post("/orders?x=1", order().to_string().as_bytes()),
                self.strictly(&[400], &[400, 200]),
            ),
            Self::refused(
                "body of 1 MiB + 1 is 413",
                self.order(too_long.as_bytes()),
                &[413],
            ),
            Self::refused(
                "body of 1 MiB + 1 in chunks is 413",
                announced(
                    "Transfer-Encoding: chunked",
                    format!("{:x}\r\n{too_long}\r\n0\r\n\r\n", too_long.len()).as_bytes(),
                ),
                &[413],
            ),
            // A server that counts what comes, and not what is announced, waits for it and then misses it.
            Self::refused(
                "body of 1 MiB + 1, only announced, is 413",
                announced(&format!("Content-Length: {}", too_long.len()), b""),
                self.strictly(&[413], &[413, 400, 408]),
            ),
        ];
        let methods = [Method::Get, Method::Head, Method::Put, Method::Delete];
        let methods = methods.map(|method| {
            let steps = vec![
                Step::Send(self.request(method, ORDERS)),
                Step::Reply(Expected::not_allowed(method, Method::Post)),
                Step::Send(self.order(order().to_string().as_bytes())),
                self.next_reply(accepted(42, 2, 4_003)),
            ];
            alone(Group::Orders, format!("{method} {ORDERS} is 405"), steps)
        });
        no_json.into_iter().chain(others).chain(methods).collect()
    }

    /// A request, its reply, and a valid order on the same connection: whatever was wrong, it has been read to its end.
    fn then_valid(&self, name: String, sent: Vec<u8>, first: Expected) -> Case {
        let steps = vec![
            Step::Send(sent),
            Step::Reply(first),
            Step::Send(self.order(order().to_string().as_bytes())),
            self.next_reply(accepted(42, 2, 4_003)),
        ];
        alone(Group::Orders, name, steps)
    }

    fn refused(name: &str, sent: Vec<u8>, statuses: &[u16]) -> Case {
        let refusal = Refusal {
            statuses: statuses.to_vec(),
            or_served: None,
        };
        alone(
            Group::Orders,
            name.to_owned(),
            vec![Step::Send(sent), Step::Refusal(refusal)],
        )
    }

    fn order(&self, body: &[u8]) -> Vec<u8> {
        self.post(ORDERS, body)
    }

    pub(super) fn post(&self, target: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_request(
            Method::Post,
            target,
            self.host,
            &[JSON],
            Some(body),
            &mut bytes,
        );
        bytes
    }

    fn raw_order(&self, fields: &str, body: &[u8]) -> Vec<u8> {
        raw_post(ORDERS, self.host, fields, body)
    }
}

/// The order that others differ from: two items, 4003 cents.
pub(super) fn order() -> Value {
    json!({
        "customer": {"id": 42, "email": "ada@example.com"},
        "items": [
            {"sku": "A-1", "quantity": 2, "unit_price_cents": 1999},
            {"sku": "B-2", "quantity": 1, "unit_price_cents": 5},
        ],
    })
}

/// The order with this JSON for one of its members. It is put in as text: as a value, a number might change its spelling.
pub(super) fn order_with(path: &str, json: &str) -> String {
    const HERE: &str = "here";
    let mut order = order();
    let member = order.pointer_mut(&pointer(path));
    *member.expect("the tables name members that exist") = json!(HERE);
    order
        .to_string()
        .replacen(&json!(HERE).to_string(), json, 1)
}

fn order_without(path: &str) -> String {
    let mut order = order();
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let parent = order.pointer_mut(&pointer(parent));
    let removed = parent
        .and_then(Value::as_object_mut)
        .and_then(|parent| parent.remove(name));
    assert!(removed.is_some(), "the tables name members that exist");
    order.to_string()
}

/// A dotted path as a JSON pointer (RFC 6901).
fn pointer(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!("/{}", path.replace('.', "/"))
    }
}

/// The order, made so long by a member that nobody knows.
fn padded(bytes: usize) -> String {
    let mut order = order();
    order["padding"] = json!("");
    let rest = bytes - order.to_string().len();
    order["padding"] = json!("x".repeat(rest));
    order.to_string()
}

pub(super) fn accepted(id: u64, items: usize, total_cents: u64) -> Expected {
    let body =
        format!(r#"{{"customer_id":{id},"item_count":{items},"total_cents":{total_cents}}}"#);
    Expected::json(Method::Post, 200, vec![body])
}

pub(super) fn refusal_of(field: &str) -> String {
    format!(r#"{{"field":"{field}"}}"#)
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    let mut out = Vec::new();
    while let Some(at) = rest.windows(from.len()).position(|part| part == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Script;
    use crate::outcome::Needs;

    #[test]
    fn what_is_no_json_is_none_and_the_rest_is() {
        for (what, body) in NO_JSON {
            let body = replaced(body, b"$ORDER", order().to_string().as_bytes());
            assert!(serde_json::from_slice::<Value>(&body).is_err(), "{what}");
        }
        let invalid = INVALID
            .iter()
            .map(|(_, path, json)| order_with(path, json))
            .chain(NEEDED.map(order_without));
        for body in invalid {
            let read: Value = serde_json::from_str(&body).unwrap();
            assert_ne!(read, order(), "{body}");
        }
    }

    /// Two readings of the contract: the reference's and this one's.
    #[test]
    fn the_reference_answers_what_is_expected() {
        let asking = Asking {
            host: "a",
            needs: Needs::every().next().unwrap(),
        };
        let mut cases = 0;
        for case in [asking.valid_orders(), asking.invalid_orders()].concat() {
            let Script::Alone(steps) = &case.script else {
                panic!("{} is played on one connection", case.name);
            };
            let [Step::Send(request), Step::Reply(expected), ..] = &steps[..] else {
                panic!("{} sends and hears", case.name);
            };
            let Accept::Json(status, bodies) = &expected.any_of[0] else {
                panic!("{} expects JSON", case.name);
            };
            let end = request.windows(4).position(|part| part == b"\r\n\r\n");
            let answer = spec::order_answer(&request[end.unwrap() + 4..]);
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, *status, "{}", case.name);
            assert!(bodies.contains(&body), "{}: {body}", case.name);
            cases += 1;
        }
        assert!(cases > 60);
        for (what, body) in NO_JSON {
            let body = replaced(body, b"$ORDER", order().to_string().as_bytes());
            assert_eq!(spec::order_answer(&body).status, 400, "{what}");
        }
    }

    #[test]
    fn a_body_at_its_limit_is_exactly_so_long() {
        for bytes in [MAX_BODY_BYTES, MAX_BODY_BYTES + 1] {
            let body = padded(bytes);
            assert_eq!(body.len(), bytes);
            let mut read: Value = serde_json::from_str(&body).unwrap();
            read.as_object_mut().unwrap().remove("padding");
            assert_eq!(read, order());
        }
    }

    #[test]
    fn members_are_replaced_and_removed_as_text() {
        assert!(order_with("customer.id", "1e400").contains(r#""id":1e400"#));
        assert!(order_with("items.1.sku", "null").contains(r#""sku":null"#));
        assert!(!order_without("items.0.sku").contains("A-1"));
        assert!(!order_without("customer").contains("customer"));
    }
}
