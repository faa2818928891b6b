//! Charts of every kind of record: well-formed, deterministic, complete, and with ink where it should be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod outline;
mod variations;

use bench_core::record::{RunRecord, ServerRecord};
use outline::outline;
use report::charts::{Chart, ChartError, png, svg};
use roxmltree::Document;

fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name("text") || node.tag_name().name() == "text");
    texts
        .filter_map(|node| node.text())
        .map(|text| text.trim().to_owned())
        .collect()
}

#[test]
fn every_chart_of_every_record_is_well_formed_and_names_every_target() {
    for (name, record) in variations::all() {
        for chart in Chart::ALL {
            let svg = svg(&record, chart).unwrap();
            let texts = texts(&svg);
            for text in &texts {
                assert!(
                    !text.contains("NaN") && !text.contains("inf"),
                    "{name}, {}: {text}",
                    chart.file_stem()
                );
            }
            // A legend holds sixteen; long names are cut, hostile ones above all.
            if record.targets.len() <= 16 && name != "hostile" {
                for target in &record.targets {
                    assert!(
                        texts.contains(&target.name),
                        "{name}, {}: {} is not in the legend",
                        chart.file_stem(),
                        target.name
                    );
                }
            }
        }
    }
}

#[test]
fn everything_drawn_lies_on_the_canvas() {
    for (name, record) in variations::all() {
        for chart in Chart::ALL {
            let svg = svg(&record, chart).unwrap();
            let document = Document::parse(&svg).unwrap();
            for node in document.descendants() {
                let number = |attribute: &str| {
                    node.attribute(attribute)
                        .and_then(|value| value.parse::<i32>().ok())
                };
                let points = node
                    .attribute("points")
                    .into_iter()
                    .flat_map(str::split_whitespace)
                    .map(|pair| {
                        let (x, y) = pair.split_once(',').unwrap();
                        (x.parse().unwrap(), y.parse().unwrap())
                    });
                let places = number("x")
                    .or(number("cx"))
                    .zip(number("y").or(number("cy")));
                for (x, y) in points.chain(places) {
                    assert!(
                        (0..=3840).contains(&x) && (0..=2160).contains(&y),
                        "{name}, {}: {node:?}",
                        chart.file_stem()
                    );
                }
            }
        }
    }
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let record = variations::failures();
    for chart in Chart::ALL {
        assert_eq!(svg(&record, chart), svg(&record, chart));
    }
    assert_eq!(
        png(&record, Chart::Throughput),
        png(&record, Chart::Throughput)
    );
}

#[test]
fn charts_look_as_reviewed() {
    const REVIEWED: [&str; 5] = ["two", "failures", "failed", "streams", "chat"];
    let cases = variations::all();
    let cases = cases.iter().filter(|(name, _)| REVIEWED.contains(name));
    assert_eq!(cases.clone().count(), REVIEWED.len());
    for (name, record) in cases {
        for chart in Chart::ALL {
            insta::assert_snapshot!(
                format!("{name}-{}", chart.file_stem()),
                outline(&svg(record, chart).unwrap())
            );
        }
    }
    insta::assert_snapshot!(
        "eleven-latency-by-percentile",
        outline(&svg(&variations::eleven(), Chart::LatencyByPercentile).unwrap())
    );
    insta::assert_snapshot!(
        "eleven-what-the-loops-did",
        outline(&svg(&variations::eleven(), Chart::WhatTheLoopsDid).unwrap())
    );
    insta::assert_snapshot!(
        "eleven-latency-by-request",
        outline(&svg(&variations::eleven(), Chart::LatencyByRequest).unwrap())
    );
}

#[test]
fn a_target_without_data_is_named_so() {
    for chart in Chart::ALL {
        let texts = texts(&svg(&variations::failed(), chart).unwrap());
        assert!(
            texts.iter().any(|text| text.starts_with("no data · tokio")),
            "{}: {texts:?}",
            chart.file_stem()
        );
        assert!(
            texts.iter().any(|text| text == "Partial: coroutine failed"),
            "{}: {texts:?}",
            chart.file_stem()
        );
    }
}

#[test]
fn an_empty_record_says_that_nothing_was_measured() {
    for chart in Chart::ALL {
        let texts = texts(&svg(&variations::empty(), chart).unwrap());
        assert!(
            texts
                .iter()
                .any(|text| text == "No data: nothing was measured"),
            "{}: {texts:?}",
            chart.file_stem()
        );
    }
}

#[test]
fn a_run_that_is_not_to_be_believed_says_so_in_the_picture() {
    let warned = |record: &RunRecord, text: &str| {
        for chart in Chart::ALL {
            let texts = texts(&svg(record, chart).unwrap());
            assert!(
                texts.iter().any(|found| found == text),
                "{}: {texts:?}",
                chart.file_stem()
            );
        }
    };
    warned(
        &variations::invalid(),
        "Invalid: the generator used 99 % of its core (at most 90 % is fine)",
    );
    warned(
        &variations::interrupted(),
        "Partial: the run was interrupted",
    );
}

#[test]
fn requests_of_one_kind_have_no_chart_by_kind() {
    let mut record = variations::one();
    assert!(Chart::of(&record).eq(Chart::ALL));
    record.scenario.requests.truncate(1);
    record.targets[0].report.by_request.clear();
    assert!(Chart::of(&record).all(|chart| chart != Chart::LatencyByRequest));
    let texts = texts(&svg(&record, Chart::LatencyByRequest).unwrap());
    assert!(texts.contains(&"No data: all requests are of one kind".to_owned()));
}

#[test]
fn kinds_that_find_no_room_are_counted() {
    let note = |record: &RunRecord| {
        let texts = texts(&svg(record, Chart::LatencyByRequest).unwrap());
        texts
            .into_iter()
            .find(|text| text.contains("p50 on the left"))
    };
    for (record, rest) in [
        (variations::two(), None),
        (
            variations::eleven(),
            Some("; 1 kind more in the report's table"),
        ),
        (
            variations::forty(),
            Some("; 2 kinds more in the report's table"),
        ),
    ] {
        let note = note(&record).unwrap();
        let found = note.split_once("samples go").unwrap().1;
        assert_eq!(found, rest.unwrap_or_default());
    }
}

#[test]
fn what_a_runtime_does_not_tell_is_not_known_and_where_nothing_is_there_is_no_chart() {
    let mut record = variations::two();
    let chart = svg(&record, Chart::WhatTheLoopsDid).unwrap();
    assert!(texts(&chart).contains(&"not known".to_owned()));
    let more = svg(&variations::forty(), Chart::WhatTheLoopsDid).unwrap();
    let more = texts(&more);
    assert!(
        more.iter().any(|text| text.ends_with(" of 40)")),
        "{more:?}"
    );
    for target in &mut record.targets {
        target.server = ServerRecord::default();
    }
    assert!(Chart::of(&record).all(|chart| chart != Chart::WhatTheLoopsDid));
}

#[test]
fn failures_have_a_panel_of_their_own_only_where_there_are_any() {
    let panel = |record: &RunRecord| {
        texts(&svg(record, Chart::Throughput).unwrap())
            .iter()
            .any(|text| text == "Failed")
    };
    assert!(panel(&variations::failures()));
    assert!(!panel(&variations::one()));
}

#[test]
fn more_targets_than_a_legend_holds_are_counted() {
    let texts = texts(&svg(&variations::forty(), Chart::ServerCpu).unwrap());
    assert!(
        texts
            .iter()
            .any(|text| text == "and 25 more: see the report's table"),
        "{texts:?}"
    );
}

#[test]
fn a_damaged_histogram_is_an_error_that_names_target_and_remedy() {
    let mut record = variations::one();
    record.targets[0].histograms.response_time_v2_base64 = "not base64!".to_owned();
    let error = svg(&record, Chart::LatencyByPercentile).unwrap_err();
    assert!(
        matches!(&error, ChartError::Histogram { target, .. } if target == "callback"),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("restore the record, or run again"),
        "{error}"
    );
    assert!(svg(&record, Chart::ServerCpu).is_ok());
}

#[test]
fn a_png_has_twice_the_nominal_size_and_ink_where_its_title_is() {
    let record = variations::two();
    for chart in [Chart::LatencyByPercentile, Chart::ServerMemory] {
        let bytes = png(&record, chart).unwrap();
        let mut reader = ::png::Decoder::new(bytes.as_slice()).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (1920, 1080));
        let dark = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
            let places =
                rows.flat_map(|row| columns.clone().map(move |column| 3 * (row * 1920 + column)));
            places
                .filter(|&place| pixels[place..place + 3].iter().all(|&channel| channel < 96))
                .count()
        };
        // Letters of the title, and nothing left of them.
        assert!(
            dark(30..66, 40..900) > 2_000,
            "{}: no title",
            chart.file_stem()
        );
        assert_eq!(
            dark(0..1080, 0..30),
            0,
            "{}: ink in the margin",
            chart.file_stem()
        );
        let coloured = pixels
            .chunks_exact(3)
            .filter(|pixel| pixel.iter().max().unwrap() - pixel.iter().min().unwrap() > 100)
            .count();
        assert!(coloured > 1_000, "{}: no data", chart.file_stem());
    }
}
