//! What `/orders` makes of an order.
//!
//! Knows what an order is: its members are types whose values can't be out of bounds, so that reading one validates it, the
//! way a Rust service does with serde. Must never know where the bytes come from.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::ops::RangeInclusive;

use email_address::{EmailAddress, Options};
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_path_to_error::{Path, Segment};

/// Largest `customer.id`: 2⁵³ − 1, up to which JavaScript's numbers are exact.
pub const MAX_CUSTOMER_ID: u64 = (1 << 53) - 1;
/// Most `items` of an order; it has at least one.
pub const MAX_ITEMS: usize = 100;
/// Longest `sku`, in characters; it has at least one.
pub const MAX_SKU_CHARS: usize = 32;
/// Largest `quantity`; the smallest is 1.
pub const MAX_QUANTITY: u32 = 1_000;
/// Largest `unit_price_cents`; the smallest is 0.
pub const MAX_UNIT_PRICE_CENTS: u32 = 1_000_000;

/// Why an order is refused.
pub(crate) enum OrderRefusal {
    /// A member is wrong or missing.
    Invalid(InvalidMember),
    /// The body is not JSON.
    NotJson { reason: String },
}

/// A valid order.
#[derive(Debug, Deserialize)]
pub struct Order {
    customer: Object<Customer>,
    items: Items,
}

#[derive(Debug, Deserialize)]
struct Customer {
    id: CustomerId,
    #[expect(dead_code, reason = "that it could be read is all that is asked of it")]
    email: Email,
}

/// What is ordered of one product.
#[derive(Debug, Deserialize)]
pub struct Item {
    sku: Sku,
    quantity: Quantity,
    unit_price_cents: UnitPriceCents,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u64")]
struct CustomerId(u64);

#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
struct Quantity(u32);

#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
struct UnitPriceCents(u32);

/// 1 to [`MAX_SKU_CHARS`] characters.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Sku(String);

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Email(
    #[expect(dead_code, reason = "an order that was read is one that holds")] EmailAddress,
);

/// 1 to [`MAX_ITEMS`] items.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<Object<Item>>")]
struct Items(Vec<Object<Item>>);

/// Why a value is none. Only the path goes out; this is for debugging.
#[derive(Debug, thiserror::Error)]
enum BadValue {
    #[error("{name} must be from {min} to {max}; it is {value}")]
    OutOfRange {
        name: &'static str,
        value: u64,
        min: u64,
        max: u64,
    },
    #[error("this is no e-mail address: {0}")]
    Email(#[from] email_address::Error),
}

fn in_range<T: Copy + Into<u64>>(
    name: &'static str,
    value: T,
    range: RangeInclusive<u64>,
) -> Result<T, BadValue> {
    if range.contains(&value.into()) {
        Ok(value)
    } else {
        Err(BadValue::OutOfRange {
            name,
            value: value.into(),
            min: *range.start(),
            max: *range.end(),
        })
    }
}

impl TryFrom<u64> for CustomerId {
    type Error = BadValue;

    fn try_from(id: u64) -> Result<Self, BadValue> {
        in_range("an id", id, 1..=MAX_CUSTOMER_ID).map(Self)
    }
}

impl TryFrom<u32> for Quantity {
    type Error = BadValue;

    fn try_from(quantity: u32) -> Result<Self, BadValue> {
        in_range("a quantity", quantity, 1..=MAX_QUANTITY.into()).map(Self)
    }
}

impl TryFrom<u32> for UnitPriceCents {
    type Error = BadValue;

    fn try_from(cents: u32) -> Result<Self, BadValue> {
        in_range("a price in cents", cents, 0..=MAX_UNIT_PRICE_CENTS.into()).map(Self)
    }
}

impl TryFrom<String> for Sku {
    type Error = BadValue;

    fn try_from(sku: String) -> Result<Self, BadValue> {
        let chars = sku.chars().count() as u64;
        in_range("the characters of a sku", chars, 1..=MAX_SKU_CHARS as u64)?;
        Ok(Self(sku))
    }
}

impl TryFrom<String> for Email {
    type Error = BadValue;

    fn try_from(email: String) -> Result<Self, BadValue> {
        let options = Options::default()
            .without_display_text()
            .with_required_tld();
        Ok(Self(EmailAddress::parse_with_options(&email, options)?))
    }
}

impl TryFrom<Vec<Object<Item>>> for Items {
    type Error = BadValue;

    fn try_from(items: Vec<Object<Item>>) -> Result<Self, BadValue> {
        in_range(
            "the number of items",
            items.len() as u64,
            1..=MAX_ITEMS as u64,
        )?;
        Ok(Self(items))
    }
}

/// A `T` that stands as an object in JSON: the code that serde derives takes an array for one as well.
#[derive(Debug)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// The body of 200.
#[derive(Serialize)]
pub(crate) struct Summary {
    customer_id: u64,
    item_count: usize,
    total_cents: u64,
}

/// The body of 422.
#[derive(Serialize)]
pub(crate) struct InvalidMember {
    /// The dotted path of the member that is wrong or missing.
    field: String,
}

impl Order {
    /// Who orders, 1 to [`MAX_CUSTOMER_ID`].
    pub fn customer_id(&self) -> u64 {
        self.customer.0.id.0
    }

    /// What is ordered, 1 to [`MAX_ITEMS`] of them.
    pub fn items(&self) -> impl ExactSizeIterator<Item = &Item> {
        self.items.0.iter().map(|Object(item)| item)
    }

    /// The sum of quantity × price, in cents.
    pub fn total_cents(&self) -> u64 {
        let total = |item: &Item| u64::from(item.quantity()) * u64::from(item.unit_price_cents());
        self.items().map(total).sum()
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            customer_id: self.customer_id(),
            item_count: self.items().len(),
            total_cents: self.total_cents(),
        }
    }
}

impl Item {
    /// What names the product, 1 to [`MAX_SKU_CHARS`] characters.
    pub fn sku(&self) -> &str {
        &self.sku.0
    }

    /// How many, 1 to [`MAX_QUANTITY`].
    pub fn quantity(&self) -> u32 {
        self.quantity.0
    }

    /// What one costs, in cents, at most [`MAX_UNIT_PRICE_CENTS`].
    pub fn unit_price_cents(&self) -> u32 {
        self.unit_price_cents.0
    }
}

/// The order that a body is.
pub(crate) fn read_order(body: &[u8]) -> Result<Order, OrderRefusal> {
    // RFC 8259 §8.1: JSON is UTF-8. Checked here, since what is ignored is not looked at again.
    let text = core::str::from_utf8(body).map_err(|error| not_json(&error))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| member_path(error.path(), error.inner()))
        .and_then(|Object(order)| json.end().map(|()| order).map_err(|_| String::new()));
    // Reading stops at the first member that is wrong; whether the whole is JSON, which is what counts first, is left open.
    read.map_err(|field| match serde_json::from_str(text) {
        Ok(IgnoredAny) => OrderRefusal::Invalid(InvalidMember { field }),
        Err(error) => not_json(&error),
    })
}

fn not_json(why: &impl fmt::Display) -> OrderRefusal {
    OrderRefusal::NotJson {
        reason: format!("the body is not JSON: {why}"),
    }
}

/// The dotted path of the member that is wrong or missing. serde finds that one is missing when its object ends, at the
/// object's own path, and names it in the message alone.
fn member_path(object: &Path, error: &serde_json::Error) -> String {
    let mut path: Vec<String> = object
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            // An order has neither enums nor keys other than strings.
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    let message = error.to_string();
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next());
    path.extend(missing.map(String::from));
    path.join(".")
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::vec;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::answer::order_answer;
    use crate::bodies::JSON;

    fn order() -> Value {
        json!({
            "customer": {"id": 42, "email": "ada@example.com"},
            "items": [
                {"sku": "A-1", "quantity": 2, "unit_price_cents": 1999},
                {"sku": "B-2", "quantity": 1, "unit_price_cents": 0},
            ],
        })
    }

    /// [`order`] with the member at this dotted path set to a value, or gone.
    fn order_with(path: &str, value: Option<Value>) -> Value {
        let mut order = order();
        let mut place = &mut order;
        let mut steps: Vec<_> = path.split('.').collect();
        let last = steps.pop().unwrap();
        for step in steps {
            place = match place {
                Value::Array(elements) => &mut elements[step.parse::<usize>().unwrap()],
                object => &mut object[step],
            };
        }
        match (place, value) {
            (Value::Array(elements), Some(value)) => {
                elements[last.parse::<usize>().unwrap()] = value;
            }
            (object, Some(value)) => object[last] = value,
            (object, None) => {
                object.as_object_mut().unwrap().remove(last).unwrap();
            }
        }
        order
    }

    fn order_of(items: usize) -> Value {
        let item = json!({"sku": "A", "quantity": 1, "unit_price_cents": 1});
        order_with("items", Some(Value::Array(vec![item; items])))
    }

    #[track_caller]
    fn check(body: impl AsRef<[u8]>, status: u16, expected: &str) {
        let answer = order_answer(body.as_ref());
        let sent = String::from_utf8_lossy(body.as_ref()).into_owned();
        let body = String::from_utf8(answer.body.into_owned()).unwrap();
        assert_eq!(answer.status, status, "{sent}: {body}");
        assert_eq!(answer.content_type, JSON, "{sent}");
        assert_eq!(body, expected, "{sent}");
    }

    #[track_caller]
    fn check_valid(order: &Value) {
        assert_eq!(
            order_answer(order.to_string().as_bytes()).status,
            200,
            "{order}"
        );
    }

    #[track_caller]
    fn check_invalid(order: &Value, field: &str) {
        check(order.to_string(), 422, &json!({"field": field}).to_string());
    }

    #[track_caller]
    fn check_not_json(body: impl AsRef<[u8]>) {
        let answer = order_answer(body.as_ref());
        let sent = String::from_utf8_lossy(body.as_ref());
        assert_eq!(answer.status, 400, "{sent}");
        assert!(answer.body.starts_with(b"the body is not JSON: "), "{sent}");
    }

    #[test]
    fn a_valid_order_is_summed_up() {
        let contract = r#"{"customer": {"id": 42, "email": "ada@example.com"},
 "items": [{"sku": "A-1", "quantity": 2, "unit_price_cents": 1999}]}"#;
        let summary = r#"{"customer_id":42,"item_count":1,"total_cents":3998}"#;
        check(contract, 200, summary);
        let summary = r#"{"customer_id":42,"item_count":2,"total_cents":3998}"#;
        check(order().to_string(), 200, summary);
    }

    #[test]
    fn the_largest_order_is_summed_up_exactly() {
        let item = json!({"sku": "x".repeat(MAX_SKU_CHARS), "quantity": MAX_QUANTITY, "unit_price_cents": MAX_UNIT_PRICE_CENTS});
        let mut order = order_with("items", Some(Value::Array(vec![item; MAX_ITEMS])));
        order["customer"]["id"] = MAX_CUSTOMER_ID.into();
        let summary =
            r#"{"customer_id":9007199254740991,"item_count":100,"total_cents":100000000000}"#;
        check(order.to_string(), 200, summary);
    }

    #[test]
    fn bounds_hold_at_their_limits() {
        for (path, min, max) in [
            ("customer.id", 1, MAX_CUSTOMER_ID),
            ("items.0.quantity", 1, MAX_QUANTITY.into()),
            ("items.1.unit_price_cents", 0, MAX_UNIT_PRICE_CENTS.into()),
        ] {
            for inside in [min, max] {
                check_valid(&order_with(path, Some(inside.into())));
            }
            for outside in [json!(max + 1), json!(i64::try_from(min).unwrap() - 1)] {
                check_invalid(&order_with(path, Some(outside)), path);
            }
        }
        for (chars, is_valid) in [
            (0, false),
            (1, true),
            (MAX_SKU_CHARS, true),
            (MAX_SKU_CHARS + 1, false),
        ] {
            // Characters are counted, not their bytes.
            for char in ["a", "é", "𝄞"] {
                let order = order_with("items.1.sku", Some(char.repeat(chars).into()));
                if is_valid {
                    check_valid(&order);
                } else {
                    check_invalid(&order, "items.1.sku");
                }
            }
        }
        for items in [1, MAX_ITEMS] {
            check_valid(&order_of(items));
        }
        for items in [0, MAX_ITEMS + 1] {
            check_invalid(&order_of(items), "items");
        }
    }

    const MEMBERS: [&str; 7] = [
        "customer",
        "customer.id",
        "customer.email",
        "items",
        "items.1.sku",
        "items.1.quantity",
        "items.1.unit_price_cents",
    ];

    #[test]
    fn a_member_that_is_missing_or_of_another_type_is_named() {
        for path in MEMBERS {
            check_invalid(&order_with(path, None), path);
            let values = [
                json!(null),
                json!(true),
                json!("42"),
                json!(1.5),
                json!(-1),
                json!([]),
                json!([1, 2, 3]),
            ];
            for value in values {
                if path == "items.1.sku" && value.is_string() {
                    continue;
                }
                // An array of something else is wrong where its first element is.
                let field = if path == "items" && value == json!([1, 2, 3]) {
                    "items.0"
                } else {
                    path
                };
                check_invalid(&order_with(path, Some(value)), field);
            }
            // An object lacks its first member, where there is to be one.
            let field = match path {
                "customer" => "customer.id",
                other => other,
            };
            check_invalid(&order_with(path, Some(json!({}))), field);
        }
        check_invalid(&order_with("items.1", Some(json!({}))), "items.1.sku");
        check_invalid(&order_with("items.1", Some(json!("A"))), "items.1");
    }

    #[test]
    fn the_members_of_an_object_have_names() {
        let customer = json!([42, "ada@example.com"]);
        check_invalid(&order_with("customer", Some(customer)), "customer");
        check_invalid(&order_with("items.0", Some(json!(["A", 1, 1]))), "items.0");
        let order = json!([{"id": 42, "email": "ada@example.com"}, [{"sku": "A", "quantity": 1, "unit_price_cents": 1}]]);
        check_invalid(&order, "");
    }

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for email in ["name@example.com", "ada.lovelace+orders@mail.example.co.uk"] {
            check_valid(&order_with("customer.email", Some(email.into())));
        }
        for email in [
            "not-an-email",
            "",
            "@example.com",
            "name@",
            "a@b@example.com",
            "Ada <name@example.com>",
            "name@example.com ",
        ] {
            check_invalid(
                &order_with("customer.email", Some(email.into())),
                "customer.email",
            );
        }
    }

    #[test]
    fn json_that_is_no_object_has_no_path() {
        for body in ["null", "true", "5", "-1.5e300", r#""text""#, "[]", "[1]"] {
            check(body, 422, r#"{"field":""}"#);
        }
        check_invalid(&json!({}), "customer");
    }

    #[test]
    fn unknown_members_are_ignored_whatever_they_are() {
        for value in [
            json!(null),
            json!({"id": "no"}),
            json!([[[1, "2"]]]),
            json!("\u{1f600}\\\"\n"),
        ] {
            let mut order = order();
            order["note"] = value.clone();
            order["customer"]["note"] = value.clone();
            order["items"][1]["note"] = value;
            check_valid(&order);
        }
        let mut body = order().to_string();
        body.truncate(body.len() - 1);
        // Deeper than serde_json recurses, and a number that no type holds.
        for value in ["[".repeat(500) + &"]".repeat(500), "1e999".to_owned()] {
            assert_eq!(
                order_answer(format!("{body},\"note\":{value}}}").as_bytes()).status,
                200
            );
        }
    }

    #[test]
    fn what_is_no_json_is_malformed_wherever_it_stops_being_some() {
        let valid = order().to_string();
        for end in 0..valid.len() {
            check_not_json(&valid[..end]);
        }
        for (from, to) in [
            (":42", ":042"),
            (":42", ":+42"),
            (":42", ":0x2a"),
            (":42", ":NaN"),
            (":42", ":4 2"),
            ("\"email\"", "email"),
            ("\"email\"", "'email'"),
            ("},", "},,"),
            ("]", ",]"),
            ("ada", "a\\x"),
            ("ada", "a\n"),
        ] {
            let broken = valid.replacen(from, to, 1);
            assert_ne!(broken, valid);
            check_not_json(broken);
        }
        for body in ["", " ", "order", "{}{}", "{} x", "\u{feff}{}"] {
            check_not_json(body);
        }
        check_not_json(b"{\"note\":\"\xff\"}");
    }

    #[test]
    fn what_is_no_json_counts_before_a_member_that_is_wrong() {
        check_not_json(r#"{"customer":5,"items":[}"#);
        check_not_json(r#"{"customer":5}}"#);
        // And what serde_json calls a fault of syntax is none where another parser reads it.
        for value in ["1e999", "18446744073709551616", "-0.5"] {
            let body = order_with("items.0.quantity", Some(json!("?"))).to_string();
            let body = body.replace("\"?\"", value);
            check(body, 422, r#"{"field":"items.0.quantity"}"#);
        }
        let body = order_with("items.0.sku", Some(json!("?"))).to_string();
        check(
            body.replace('?', "\\ud800"),
            422,
            r#"{"field":"items.0.sku"}"#,
        );
    }

    #[test]
    fn white_space_and_the_order_of_members_mean_nothing() {
        let body = "\t{\r\n \"items\" : [ {\"unit_price_cents\":1,\"quantity\":1,\"sku\":\"A\"} ] , \"customer\":{\"email\":\"ada@example.com\",\"id\":1} }\n";
        check(
            body,
            200,
            r#"{"customer_id":1,"item_count":1,"total_cents":1}"#,
        );
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            r#"[\[\]{}",:0-9a-z\\.-]{0,60}"#.prop_map(String::into_bytes),
        ]) {
            let status = order_answer(&body).status;
            prop_assert!(matches!(status, 400 | 422), "{status}");
            // Not the other way about: a `Value` can't hold every number that JSON can.
            let is_json = serde_json::from_slice::<Value>(&body).is_ok();
            prop_assert!(!is_json || status == 422);
        }

        #[test]
        fn the_sum_is_right(items in prop::collection::vec((1..=MAX_QUANTITY, 0..=MAX_UNIT_PRICE_CENTS), 1..=MAX_ITEMS)) {
            let total: u64 = items.iter().map(|&(quantity, cents)| u64::from(quantity) * u64::from(cents)).sum();
            let summary = json!({"customer_id": 42, "item_count": items.len(), "total_cents": total}).to_string();
            let items = items.iter().map(|(quantity, cents)| json!({"sku": "A", "quantity": quantity, "unit_price_cents": cents}));
            let order = order_with("items", Some(items.collect()));
            let answer = order_answer(order.to_string().as_bytes());
            prop_assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), serde_json::from_str::<Value>(&summary).unwrap());
        }
    }
}
