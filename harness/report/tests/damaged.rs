//! Records in which something was changed: refused at the place, or shown without a panic, and without what is no number.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use analysis::between::{Ask, between};
use analysis::compare::Policy;
use model::record::run::RunRecord;
use model::record::sweep::whole::SweepRecord;
use report::export::annotations::annotations;
use report::export::bencher::bencher;
use report::export::benchmark_action::{Better, benchmark_action};
use report::export::junit::junit;
use report::export::openmetrics::openmetrics;
use report::export::steps::steps_csv;
use report::export::{intervals_csv, summary_csv};
use report::html::{html, sweep_html};
use report::markdown;
use report::words::findings;
use serde_json::{Value, json};

/// How many damaged records of each kind are tried.
const DAMAGED: usize = 80;

/// Every place in a record, as a JSON pointer (RFC 6901).
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, inner) in entries {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(inner, &format!("{at}/{key}"), found);
            }
        }
        // The first of many alike, and the last.
        Value::Array(values) => {
            for index in [0, values.len().saturating_sub(1)] {
                if let Some(inner) = values.get(index) {
                    places(inner, &format!("{at}/{index}"), found);
                }
            }
        }
        _ => {}
    }
    found.push(at.to_owned());
}

/// What may stand in a place instead.
fn damages(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(_) => vec![
            json!(0),
            json!(-1),
            json!(1e-9),
            json!(1e18),
            json!(1e308),
            json!(1),
        ],
        Value::Array(_) => vec![json!([])],
        Value::String(_) => vec![json!(""), json!("</script>\u{0}ä")],
        Value::Object(_) => vec![json!({})],
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Null => vec![json!(1)],
    }
}

/// Damages a record in many places, one at a time; `read` reads it and shows it in every form, or says what is wrong.
fn check(record: &str, read: impl Fn(&str) -> Result<Vec<String>, String>) {
    let no_numbers = |texts: &[String]| -> usize {
        let words = texts
            .iter()
            .flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
        words.filter(|word| ["NaN", "inf"].contains(word)).count()
    };
    let usual = no_numbers(&read(record).unwrap());
    let whole: Value = serde_json::from_str(record).unwrap();
    let mut found = Vec::new();
    places(&whole, "", &mut found);
    let all = found.iter().flat_map(|place| {
        let value = whole.pointer(place).unwrap();
        damages(value)
            .into_iter()
            .map(move |damage| (place, damage))
    });
    let all: Vec<(&String, Value)> = all.collect();
    let step = all.len().div_ceil(DAMAGED).max(1);
    let (mut shown, mut refused) = (0, 0);
    for (place, damage) in all.iter().step_by(step) {
        let mut damaged = whole.clone();
        *damaged.pointer_mut(place).unwrap() = damage.clone();
        match read(&damaged.to_string()) {
            Ok(texts) => {
                shown += 1;
                assert_eq!(no_numbers(&texts), usual, "{place} = {damage}");
            }
            Err(why) => {
                refused += 1;
                assert!(!why.is_empty(), "{place} = {damage}");
            }
        }
    }
    assert!(shown > 0 && refused > 0, "{shown} shown, {refused} refused");
}

fn run(json: &str) -> Result<Vec<String>, String> {
    let record = RunRecord::from_json(json, "run.json").map_err(|error| error.to_string())?;
    let sound = samples::run_record();
    let compared = between(
        &sound,
        &record,
        &Ask {
            force: true,
            ..Ask::default()
        },
        &Policy::usual(0),
    );
    let found = findings::of_run(&record);
    let mut texts = vec![
        markdown::markdown(&record),
        annotations(&found),
        junit(&record.scenario.name, &found),
        bencher(&record),
        openmetrics(&record),
        summary_csv(&record),
        intervals_csv(&record),
    ];
    texts.extend(html(std::slice::from_ref(&record)));
    texts.extend(benchmark_action(&record, Better::Smaller));
    texts.extend(compared.map(|compared| markdown::between::markdown(&compared)));
    Ok(texts)
}

fn sweep(json: &str) -> Result<Vec<String>, String> {
    let record = SweepRecord::from_json(json, "sweep.json").map_err(|error| error.to_string())?;
    let page = sweep_html(&record).map_err(|error| error.to_string())?;
    Ok(vec![page, steps_csv(&record)])
}

#[test]
fn a_damaged_record_of_a_run_is_refused_or_shown() {
    check(&samples::run_record().to_json(), run);
}

#[test]
fn a_damaged_record_of_a_sweep_is_refused_or_shown() {
    check(&samples::sweep_record().to_json(), sweep);
}
