//! Whether the numbers of a record can be. A record may come from anywhere, and an axis that begins at a rate of 0 has no end.

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::units::MAX_RATE_PER_S;

/// The largest number of a record: as many nanoseconds as are thirty years.
const MAX_NUMBER: f64 = 1e18;

/// The smallest rate, ratio and time of a sample, in their units: these are divided by and drawn on logarithmic axes.
const MIN_POSITIVE: f64 = 1e-9;

/// Keys whose numbers may be anything: they are identities.
const IDENTITIES: [&str; 1] = ["seed"];

/// Keys whose numbers may be below zero: they are differences.
const DIFFERENCES: [&str; 6] = [
    "difference",
    "ci_low",
    "ci_high",
    "cliffs_delta",
    "rss_bytes_per_idle_connection",
    "rss_bytes_per_idle_connection_by_round",
];

/// Keys of rates that something was driven at.
const RATES: [&str; 5] = [
    "rate_per_s",
    "below_per_s",
    "above_per_s",
    "from_per_s",
    "to_per_s",
];

/// Keys whose numbers are above zero.
const POSITIVE: [&str; 2] = ["ratio", "epoch_s"];

/// Checks every number of a text in JSON; the error names the first that can't be, by its place in the record.
pub fn check(text: &str) -> Result<(), serde_json::Error> {
    let mut path = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    Numbers { path: &mut path }.deserialize(&mut json)
}

/// The smallest and the largest number of a key.
fn range(key: &str) -> (f64, f64) {
    match key {
        key if IDENTITIES.contains(&key) => (f64::NEG_INFINITY, f64::INFINITY),
        key if DIFFERENCES.contains(&key) => (-MAX_NUMBER, MAX_NUMBER),
        key if RATES.contains(&key) => (MIN_POSITIVE, MAX_RATE_PER_S),
        key if POSITIVE.contains(&key) => (MIN_POSITIVE, MAX_NUMBER),
        _ => (0.0, MAX_NUMBER),
    }
}

/// A step on the way to a value.
enum Step {
    Key(String),
    Index(usize),
}

/// Reads a value and keeps nothing of it but where it is.
struct Numbers<'a> {
    path: &'a mut Vec<Step>,
}

impl Numbers<'_> {
    fn number<E: Error>(&self, number: f64) -> Result<(), E> {
        let mut keys = self.path.iter().rev();
        let key = keys.find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        });
        let (low, high) = range(key.unwrap_or_default());
        if (low..=high).contains(&number) {
            return Ok(());
        }
        let steps = self.path.iter().map(|step| match step {
            Step::Key(key) => format!(".{key}"),
            Step::Index(index) => format!("[{index}]"),
        });
        let place: String = steps.collect();
        let place = place.trim_start_matches('.');
        Err(E::custom(format!(
            "`{place}` is {number:e}, and must be from {low:e} to {high:e}"
        )))
    }

    fn inner(&mut self, step: Step) -> Numbers<'_> {
        self.path.push(step);
        Numbers { path: self.path }
    }
}

impl<'de> DeserializeSeed<'de> for Numbers<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Numbers<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.number(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.number(number as f64)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.number(number)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut values: A) -> Result<(), A::Error> {
        for index in 0.. {
            let read = values.next_element_seed(self.inner(Step::Index(index)))?;
            self.path.pop();
            if read.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut values: A) -> Result<(), A::Error> {
        while let Some(key) = values.next_key()? {
            values.next_value_seed(self.inner(Step::Key(key)))?;
            self.path.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_can_not_be_is_named_by_its_place() {
        for (text, wrong) in [
            ("{}", None),
            ("[null, true, \"a\", {\"a\": [0, 1e18]}]", None),
            ("{\"seed\": 18446744073709551615}", None),
            ("{\"ci_low\": -1.5, \"difference\": -1}", None),
            ("{\"steps\": [{}, {\"rate_per_s\": 1e-9}]}", None),
            ("{\"steps\": [{}, {\"rate_per_s\": 1e9}]}", None),
            (
                "{\"steps\": [{}, {\"rate_per_s\": 0}]}",
                Some("`steps[1].rate_per_s` is 0e0"),
            ),
            (
                "{\"steps\": [{}, {\"rate_per_s\": 1.1e9}]}",
                Some("`steps[1].rate_per_s` is 1.1e9"),
            ),
            ("{\"a\": [[1, -1]]}", Some("`a[0][1]` is -1e0")),
            ("{\"p50\": 1.1e18}", Some("`p50` is 1.1e18")),
            ("{\"ratio\": 0.0}", Some("`ratio` is 0e0")),
        ] {
            let found = check(text).err().map(|error| error.to_string());
            match wrong {
                None => assert_eq!(found, None, "{text}"),
                Some(wrong) => assert!(
                    found.as_ref().is_some_and(|found| found.starts_with(wrong)),
                    "{text}: {found:?}"
                ),
            }
        }
    }
}
