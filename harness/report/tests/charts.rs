//! Charts of every kind of record: well-formed, deterministic, complete, and with ink where it should be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod data;
mod outline;
mod variations;

use analysis::between::{Ask, ReferenceAsk, RunComparison, between};
use analysis::compare::Policy;
use data::drawn;
use model::measured::clock::Clock;
use model::record::aa::AaRecord;
use model::record::metric::Metric;
use model::record::run::RunRecord;
use model::record::target::ServerRecord;
use outline::outline;
use report::charts::{Chart, ChartError, png, ratios_png, ratios_svg, svg};
use report::html::html;
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

/// Whether a text of a picture begins so.
fn says(svg: &str, beginning: &str) -> bool {
    texts(svg).iter().any(|text| text.starts_with(beginning))
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
            let view = document.root_element().attribute("viewBox").unwrap();
            let height: i32 = view.rsplit(' ').next().unwrap().parse().unwrap();
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
                        (0..=3840).contains(&x) && (0..=height).contains(&y),
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
fn charts_show_the_data_that_was_reviewed() {
    const REVIEWED: [&str; 6] = ["two", "failures", "failed", "streams", "chat", "eleven"];
    let cases = variations::all();
    let cases = cases.iter().filter(|(name, _)| REVIEWED.contains(name));
    assert_eq!(cases.clone().count(), REVIEWED.len());
    for (name, record) in cases {
        // In words, as a screen reader says it, and as what the page and the picture draw.
        let said = Chart::ALL.map(|chart| format!("{}\n", chart.alt(record)));
        let page = html(std::slice::from_ref(record)).unwrap();
        insta::assert_snapshot!(
            format!("{name}-data"),
            format!("{}\n{}", said.concat(), drawn(&page))
        );
    }
}

#[test]
fn pictures_look_as_reviewed() {
    for chart in [Chart::Ratios, Chart::LatencyByPercentile] {
        let svg = svg(&variations::two(), chart).unwrap();
        insta::assert_snapshot!(format!("two-{}", chart.file_stem()), outline(&svg));
    }
}

/// Two runs of the sample, the second with some targets and epochs of the first only.
fn two_runs(targets: usize, blocks: u32) -> [RunRecord; 2] {
    let (base, mut head) = (variations::two(), variations::two());
    "2026-11-24T10-15-00Z-io-heavy".clone_into(&mut head.id);
    head.targets.truncate(targets);
    for target in &mut head.targets {
        target.epochs.retain(|epoch| epoch.block < blocks);
    }
    [base, head]
}

fn compared([base, head]: &[RunRecord; 2], ask: &Ask) -> (RunComparison, String) {
    let reported = between(base, head, ask, &Policy::usual(1)).unwrap();
    let svg = ratios_svg(&reported, base, head).unwrap();
    assert_eq!(ratios_svg(&reported, base, head).unwrap(), svg);
    assert!(
        ratios_png(&reported, base, head)
            .unwrap()
            .starts_with(b"\x89PNG")
    );
    (reported, svg)
}

#[test]
fn ratios_show_what_was_not_compared_and_why() {
    let (reported, svg) = compared(&two_runs(1, 3), &Ask::default());
    let texts = texts(&svg);
    let of = |text: &str| texts.iter().filter(|found| *found == text).count();
    assert!(reported.comparisons.is_empty() && !reported.left_out.is_empty());
    assert_eq!(of("not compared"), reported.left_out.len());
    assert!(
        texts
            .iter()
            .any(|text| text.starts_with("not compared · evloop")),
        "{texts:?}"
    );
    let why = "too few blocks: 10 of the base and 3 of the head, and the test needs 4 of each";
    assert_eq!(of(why), reported.left_out.len());

    let mut record = variations::two();
    record
        .comparisons
        .retain(|comparison| comparison.metric != Metric::ServerRssBytesMax);
    for epoch in &mut record.targets[1].epochs {
        epoch.metrics.remove(Metric::ServerRssBytesMax.name());
    }
    let texts = self::texts(&svg_of(&record));
    assert_eq!(
        texts.iter().filter(|text| *text == "not compared").count(),
        1
    );
    assert!(
        texts
            .iter()
            .any(|text| text == "of a server that bench did not start it is not known"),
        "{texts:?}"
    );
    assert!(texts.iter().any(|text| text == "peak memory"), "{texts:?}");
}

#[test]
fn ratios_that_nothing_pairs_say_so_in_the_picture() {
    let unpaired = Ask {
        reference: ReferenceAsk::No,
        ..Ask::default()
    };
    let warned = |ask: &Ask| {
        let (_, svg) = compared(&two_runs(2, 10), ask);
        says(&svg, "Unpaired: ")
    };
    assert!(warned(&unpaired));
    assert!(!warned(&Ask::default()));
}

#[test]
fn ratios_beyond_the_axis_end_in_an_arrow_and_stand_in_figures() {
    let mut record = variations::two();
    let arrows = |record: &RunRecord| svg_of(record).matches("<polygon").count();
    let within = arrows(&record);
    record.comparisons[0].ratio = 500.0;
    record.comparisons[0].ci_low = 0.001;
    record.comparisons[0].ci_high = 1e300;
    assert_eq!(arrows(&record), within + 2);
    let texts = texts(&svg_of(&record));
    assert!(texts.contains(&"500×".to_owned()), "{texts:?}");
    assert!(texts.contains(&"100".to_owned()) && !texts.contains(&"200".to_owned()));
}

#[test]
fn a_targets_second_self_has_rows_of_its_own() {
    let mut record = variations::two();
    let mut target = record.targets[0].clone();
    target.name = "callback-aa".to_owned();
    let mut comparisons = record.comparisons.clone();
    for comparison in &mut comparisons {
        comparison.head.clone_from(&target.name);
    }
    record.aa = Some(AaRecord {
        target,
        comparisons,
        machine: None,
    });
    let texts = texts(&svg_of(&record));
    let rows = texts.iter().filter(|text| *text == "callback-aa").count();
    // One for each metric, and one in the legend.
    assert_eq!(rows, Metric::of_workload(record.workload()).len() + 1);
    record.targets.truncate(1);
    record.comparisons.clear();
    assert!(Chart::of(&record).any(|chart| chart == Chart::Ratios));
}

fn svg_of(record: &RunRecord) -> String {
    svg(record, Chart::Ratios).unwrap()
}

#[test]
fn every_picture_says_what_its_reader_must_know() {
    let cases = vec![
        (variations::failed(), "no data · tokio"),
        (variations::failed(), "Partial: coroutine failed"),
        (variations::empty(), "No data: nothing was measured"),
        (
            variations::invalid(),
            "Invalid: the generator used 99 % of its core (at most 90 % is fine)",
        ),
        (
            variations::interrupted(),
            "Partial: the run was interrupted",
        ),
    ];
    for (record, said) in cases {
        for chart in Chart::ALL {
            assert!(
                says(&svg(&record, chart).unwrap(), said),
                "{}: {said}",
                chart.file_stem()
            );
        }
    }
}

#[test]
fn requests_of_one_kind_have_no_chart_by_kind() {
    let mut record = variations::two();
    assert!(Chart::of(&record).eq(Chart::ALL));
    record.targets.truncate(1);
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
    let panel = |record: &RunRecord| says(&svg(record, Chart::Throughput).unwrap(), "Failed");
    assert!(panel(&variations::failures()));
    assert!(!panel(&variations::one()));
}

#[test]
fn more_targets_than_a_legend_holds_are_counted() {
    let svg = svg(&variations::forty(), Chart::ServerCpu).unwrap();
    assert!(says(&svg, "and 25 more: see the report's table"));
}

#[test]
fn a_damaged_histogram_is_an_error_that_names_target_and_remedy() {
    let mut record = variations::one();
    let text = "not base64!".to_owned();
    record.targets[0]
        .histograms_v2_base64
        .insert(Clock::ResponseTime, text);
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
fn a_png_of_the_fullest_chart_is_small_enough_to_paste() {
    /// Of a chart of the usual height.
    const BYTES_MAX: usize = 160_000;
    for chart in [Chart::Ratios, Chart::LatencyByPercentile] {
        let bytes = png(&variations::eleven(), chart).unwrap();
        let reader = ::png::Decoder::new(bytes.as_slice()).read_info().unwrap();
        let rows = reader.info().height as usize;
        let small = BYTES_MAX * rows / 1_080;
        assert!(
            bytes.len() <= small,
            "{}: {} bytes",
            chart.file_stem(),
            bytes.len()
        );
    }
}

#[test]
fn a_png_has_twice_the_nominal_size_and_ink_where_its_title_is() {
    let record = variations::two();
    for chart in [Chart::LatencyByPercentile, Chart::ServerMemory] {
        let bytes = png(&record, chart).unwrap();
        let mut decoder = ::png::Decoder::new(bytes.as_slice());
        decoder.set_transformations(::png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
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
