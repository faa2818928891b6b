//! What `/stats` must look like: the contract's members, first and in their order, then whatever a platform adds of its own.
//!
//! Knows names, order and types. Must never know which figures would be good.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use spec::Stats;

use crate::problem::{Problem, shown};

/// Whether the body is such an object. Each value is of its kind, or null where the runtime can't tell.
pub(super) fn judge(body: &[u8]) -> Result<(), Problem> {
    let wrong = |what: String| Problem::wrong(format!("/stats {what}"));
    let Members(stats) = serde_json::from_slice(body)
        .map_err(|error| wrong(format!("is no JSON object: {error}; got {}", shown(body))))?;
    let known = known_names();
    for (i, name) in known.iter().enumerate() {
        let mut found = stats.iter().enumerate().filter(|(_, (key, _))| key == name);
        let Some((at, (_, value))) = found.next() else {
            return Err(wrong(format!(
                "has no member {name}; where the runtime can't tell, it is null"
            )));
        };
        if found.next().is_some() {
            return Err(wrong(format!("has {name} more than once")));
        }
        if at != i {
            return Err(wrong(format!(
                "has {name} in place {} and not in place {}: first come {}, and then a platform's own",
                at + 1,
                i + 1,
                known.join(", ")
            )));
        }
        if !is_of_its_kind(name, value) {
            return Err(wrong(format!(
                "has {name} {}",
                shown(value.to_string().as_bytes())
            )));
        }
    }
    Ok(())
}

fn is_of_its_kind(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("runtime", value) => value.as_str().is_some_and(|name| !name.is_empty()),
        (_, Value::Null) => true,
        ("loop_lag_us", value) => ["p50", "p99", "max"].iter().all(|key| value[*key].is_u64()),
        ("loop_work_us_counts", value) => value
            .as_object()
            .is_some_and(|routes| routes.values().all(are_counts)),
        (name, value) if name.ends_with("_us_counts") => are_counts(value),
        (_, value) => value.is_u64(),
    }
}

/// `[[µs, count], …]`, shortest first.
fn are_counts(value: &Value) -> bool {
    let pair = |value: &Value| match value.as_array()?.as_slice() {
        [us, count] => us.as_u64().zip(count.as_u64()),
        _ => None,
    };
    let pairs = value.as_array().and_then(|pairs| {
        let pairs: Option<Vec<(u64, u64)>> = pairs.iter().map(pair).collect();
        pairs
    });
    pairs.is_some_and(|pairs| pairs.is_sorted_by(|(one, _), (other, _)| one < other))
}

/// The contract's members, in their order.
fn known_names() -> Vec<String> {
    let known =
        serde_json::to_string(&Stats::default()).expect("numbers and names can be written as JSON");
    let Members(known) = serde_json::from_str(&known).expect("what was written can be read");
    known.into_iter().map(|(name, _)| name).collect()
}

/// The members of a JSON object in the order in which they stand there, which [`Value`] does not keep.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_order_each_of_its_kind() {
        let known = Stats {
            runtime: "test",
            loop_turns: Some(1),
            ..Stats::default()
        };
        let right = serde_json::to_string(&known).unwrap();
        for (body, problem) in [
            (right.clone(), None),
            (
                right.replace(
                    r#""loop_lag_us":null"#,
                    r#""loop_lag_us":{"p50":1,"p99":2,"max":3}"#,
                ),
                None,
            ),
            (
                right
                    .replace(
                        r#""blocked_us_counts":null"#,
                        r#""blocked_us_counts":[[1,2],[3,4]]"#,
                    )
                    .replace(
                        r#""loop_work_us_counts":null"#,
                        r#""loop_work_us_counts":{"/cpu":[],"/hash":[[3100,2]]}"#,
                    ),
                None,
            ),
            (
                right.replace(
                    r#""blocked_us_counts":null"#,
                    r#""blocked_us_counts":[[3,2],[1,4]]"#,
                ),
                Some("has blocked_us_counts"),
            ),
            (
                right.replace(
                    r#""blocked_us_counts":null"#,
                    r#""blocked_us_counts":[[3]]"#,
                ),
                Some("has blocked_us_counts"),
            ),
            (
                right.replace(
                    r#""loop_work_us_counts":null"#,
                    r#""loop_work_us_counts":{"/cpu":[[1,-1]]}"#,
                ),
                Some("has loop_work_us_counts"),
            ),
            (
                right.replace('}', r#","threads":[4],"gc":{"runs":"many"}}"#),
                None,
            ),
            (
                right.replace('{', r#"{"threads":4,"#),
                Some("/stats has runtime in place 2 and not in place 1: first come runtime, "),
            ),
            (
                right.replace(r#""loop_turns":1,"#, r#""threads":4,"loop_turns":1,"#),
                Some("has loop_turns in place 3 and not in place 2"),
            ),
            (
                right.replace(
                    r#""loop_turns":1,"longest_blocked_us":null,"#,
                    r#""longest_blocked_us":null,"loop_turns":1,"#,
                ),
                Some("has loop_turns in place 3 and not in place 2"),
            ),
            (
                right.replace('}', r#","loop_turns":1}"#),
                Some("has loop_turns more than once"),
            ),
            (
                right.replace(r#""loop_lag_us":null"#, r#""loop_lag_us":{"p50":1}"#),
                Some("has loop_lag_us"),
            ),
            (
                right.replace("loop_turns", "turns"),
                Some("has no member loop_turns"),
            ),
            (
                right.replace(":1", ":-1"),
                Some("has loop_turns 2 bytes `-1`"),
            ),
            (right.replace(":1", ":1.5"), Some("has loop_turns")),
            (right.replace(":1", ":\"1\""), Some("has loop_turns")),
            (right.replace("\"test\"", "null"), Some("has runtime")),
            ("[]".to_owned(), Some("is no JSON object")),
            ("stats".to_owned(), Some("is no JSON object")),
        ] {
            let got = judge(body.as_bytes()).map_err(|problem| problem.text);
            match problem {
                None => assert_eq!(got, Ok(()), "{body}"),
                Some(part) => assert!(got.as_ref().unwrap_err().contains(part), "{body}: {got:?}"),
            }
        }
    }
}
