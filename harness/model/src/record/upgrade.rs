//! Records of version 1 as if they had been written as version 2: the same figures under their new keys.
//!
//! Version 1 had a key of its own for each clock, in four shapes, and kept warnings as sentences. Works on JSON, so that no type of
//! version 1 has to be kept.

use serde_json::{Map, Value, json};

/// The keys of clocks in a target's part of version 1, with their names.
const CLOCKS: [(&str, &str); 6] = [
    ("response_time_ns", "response_time"),
    ("service_time_ns", "service_time"),
    ("send_lag_ns", "send_lag"),
    ("connect_time_ns", "connect_time"),
    ("first_byte_time_ns", "first_byte_time"),
    ("handshake_time_ns", "handshake_time"),
];

/// The same among what streams and messages brought.
const PARTS: [(&str, &[(&str, &str)]); 2] = [
    (
        "streams",
        &[
            ("first_event_time_ns", "first_event_time"),
            ("event_gap_lateness_ns", "event_gap_lateness"),
        ],
    ),
    ("messages", &[("delivery_time_ns", "delivery_time")]),
];

/// Changes a run's or a sweep's record of version 1 to one of version 2. What is not as it was there is left for the reader of version
/// 2 to complain about.
pub(super) fn to_version_2(record: &mut Value) {
    let Some(record) = record.as_object_mut() else {
        return;
    };
    record.insert("schema_version".to_owned(), json!(2));
    warnings(record);
    for target in record
        .get_mut("targets")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        self::target(target);
    }
    if let Some(second) = record.get_mut("aa").and_then(|aa| aa.get_mut("target")) {
        target(second);
    }
}

/// A target of a run; one of a sweep has none of these keys.
fn target(target: &mut Value) {
    let Some(target) = target.as_object_mut() else {
        return;
    };
    warnings(target);
    if let Some(version) = target.get_mut("schema_version") {
        *version = json!(2);
    }
    if let Some(kind) = target.remove("timed") {
        target.insert("workload".to_owned(), kind);
    }
    let mut times = taken(target, &CLOCKS);
    for (part, clocks) in PARTS {
        if let Some(part) = target.get_mut(part).and_then(Value::as_object_mut) {
            times.extend(taken(part, clocks));
        }
    }
    if !times.is_empty() {
        target.insert("times_ns".to_owned(), Value::Object(times));
    }
    if let Some(Value::Object(histograms)) = target.remove("histograms") {
        let by_clock = histograms
            .into_iter()
            .map(|(key, text)| (key.trim_end_matches("_v2_base64").to_owned(), text));
        let by_clock = by_clock.collect();
        target.insert("histograms_v2_base64".to_owned(), Value::Object(by_clock));
    }
    for interval in target
        .get_mut("intervals")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        self::interval(interval);
    }
}

fn interval(interval: &mut Map<String, Value>) {
    let mut times = taken(
        interval,
        &[
            ("first_event_time_ns", "first_event_time"),
            ("delivery_time_ns", "delivery_time"),
        ],
    );
    let [p50, p99, max] = ["p50", "p99", "max"].map(|of| {
        interval
            .remove(&format!("response_time_ns_{of}"))
            .unwrap_or_default()
    });
    if !max.is_null() {
        let response = json!({ "p50": p50, "p99": p99, "max": max });
        times.insert("response_time".to_owned(), response);
    }
    interval.insert("times_ns".to_owned(), Value::Object(times));
}

/// Takes the times of these keys out, under the names of their clocks; those that are all `null` had no values.
fn taken(from: &mut Map<String, Value>, clocks: &[(&str, &str)]) -> Map<String, Value> {
    let has_values = |times: &Value| times.get("max").is_none_or(|max| !max.is_null());
    clocks
        .iter()
        .filter_map(|&(key, clock)| Some((clock.to_owned(), from.remove(key)?)))
        .filter(|(_, times)| has_values(times))
        .collect()
}

/// `cautions` become `warnings` of their sentences.
fn warnings(of: &mut Map<String, Value>) {
    let Some(validity) = of.get_mut("validity").and_then(Value::as_object_mut) else {
        return;
    };
    let Some(Value::Array(cautions)) = validity.remove("cautions") else {
        return;
    };
    let as_text = |mut caution: Value| {
        if let Some(caution) = caution.as_object_mut()
            && let Some(kind) = caution.insert("code".to_owned(), json!("text"))
        {
            caution.insert("kind".to_owned(), kind);
        }
        caution
    };
    let warnings = cautions.into_iter().map(as_text).collect();
    validity.insert("warnings".to_owned(), Value::Array(warnings));
}
