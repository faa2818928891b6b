//! What the charts of a page are drawn from, in few lines, for golden tests: pictures are checked by the data that they show.

use std::fmt::Write as _;

use serde_json::Value;

/// The charts of a page's first run: of each panel its words, its axes, and the lines of every target.
pub(crate) fn drawn(page: &str) -> String {
    let (_, rest) = page.split_once("id=\"data\">").expect("a page has data");
    let (data, _) = rest.split_once("</script>").expect("and ends it");
    let data: Value = serde_json::from_str(data).expect("which is JSON");
    let run = &data["runs"][0];
    let mut text = String::new();
    for (stem, chart) in run["charts"].as_object().expect("charts have names") {
        writeln!(text, "{stem}: {}", words(&chart["title"])).unwrap();
        for panel in chart["panels"].as_array().expect("a chart has panels") {
            describe(&mut text, panel, &run["targets"]);
        }
    }
    text
}

fn describe(text: &mut String, panel: &Value, targets: &Value) {
    let mut line = |words: String| writeln!(text, "  {}", words.trim_end()).unwrap();
    line(format!(
        "{} [{}] {}",
        words(&panel["caption"]),
        words(&panel["shape"]),
        words(&panel["note"])
    ));
    line(format!(
        "x {}, y {}: {}",
        axis(&panel["x"]),
        axis(&panel["y"]),
        words(&panel["x_title"])
    ));
    for (what, known) in ["references", "rows", "edges", "uprights"].map(|key| (key, &panel[key])) {
        match known {
            Value::Null => {}
            Value::Array(all) if all.is_empty() => {}
            Value::Array(all) if what == "edges" => line(format!("{what} {}", points(all))),
            known => line(format!("{what} {known}")),
        }
    }
    let names = targets.as_array().expect("targets are a list");
    let lists = |key: &str| panel[key].as_array().cloned().unwrap_or_default();
    for (target, lines) in names.iter().zip(lists("series")) {
        for one in lines.as_array().expect("a target has lines") {
            line(format!(
                "{}: {}",
                words(&target["name"]),
                points(one.as_array().expect("a line has points"))
            ));
        }
    }
    for (target, dots) in names.iter().zip(lists("dots")) {
        line(format!(
            "{} one by one: {}",
            words(&target["name"]),
            points(dots.as_array().expect("dots are a list"))
        ));
    }
    for epochs in lists("epochs") {
        let of = epochs["series"].as_array().expect("of targets");
        for (target, dots) in names.iter().zip(of) {
            line(format!(
                "{} at {}: {}",
                words(&target["name"]),
                epochs["at"],
                points(dots.as_array().expect("epochs are a list"))
            ));
        }
    }
}

fn words(value: &Value) -> &str {
    value.as_str().expect("words are text")
}

fn axis(axis: &Value) -> String {
    let log = if axis["log"] == true {
        ", logarithmic"
    } else {
        ""
    };
    format!(
        "{} {} to {}{log}",
        words(&axis["unit"]),
        axis["low"],
        axis["high"]
    )
}

/// Few points as they are; of more, how many, the first, the middle and the last, and between which values they lie.
fn points(points: &[Value]) -> String {
    const ALL: usize = 6;
    if points.len() <= ALL {
        let each: Vec<String> = points.iter().map(Value::to_string).collect();
        return each.join(" ");
    }
    let values = points.iter().map(|point| match point {
        Value::Array(of) => of.last().and_then(Value::as_f64),
        one => one.as_f64(),
    });
    let (low, high) = values
        .flatten()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let count = points.len();
    format!(
        "{count} points {} … {} … {}, {low} to {high}",
        points[0],
        points[count / 2],
        points[count - 1]
    )
}
