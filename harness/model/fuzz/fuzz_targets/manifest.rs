//! Whatever a target's manifest holds, reading it ends in a manifest that keeps its bounds or in an error with a remedy.

#![no_main]

use std::net::Ipv6Addr;

use model::spec::target::{MAX_ARG_BYTES, MAX_ENTRIES, MAX_LABEL_CHARS, MAX_SENTENCE_CHARS, MAX_SOURCE_BYTES, MAX_TIMEOUT, MAX_VERSIONS, Manifest, Template, Values};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let manifest = match Manifest::parse(source, "fuzz.toml") {
        Ok(manifest) => manifest,
        Err(error) => {
            assert!(error.line() > 0 && !error.what().is_empty() && !error.remedy().is_empty());
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(source.len() <= MAX_SOURCE_BYTES && manifest.source == source);
    assert!((1..=MAX_SENTENCE_CHARS).contains(&manifest.description.chars().count()));
    for label in [&manifest.runtime, &manifest.event_loop] {
        assert!((1..=MAX_LABEL_CHARS).contains(&label.chars().count()));
    }
    assert!(manifest.args.len() <= MAX_ENTRIES && manifest.env.len() <= MAX_ENTRIES);
    assert!(manifest.versions.len() <= MAX_VERSIONS && manifest.differences.len() <= MAX_ENTRIES);
    assert!(manifest.ready.starts_with('/'));
    for timeout in [manifest.ready_timeout, manifest.stop_timeout] {
        assert!(!timeout.is_zero() && timeout <= MAX_TIMEOUT);
    }
    assert!(manifest.workers_on(4) > 0);
    let values = Values {
        host: Ipv6Addr::UNSPECIFIED.into(),
        port: 8080,
        ..Values::default()
    };
    let fits = |template: &Template| {
        // Every hole is filled with less than its own name takes, but for the port.
        assert!(template.fill(&values).len() <= MAX_ARG_BYTES);
    };
    fits(&manifest.command);
    manifest.args.iter().for_each(fits);
    manifest.env.values().for_each(fits);
    manifest.versions.values().flatten().for_each(fits);
    let filled = std::iter::once(&manifest.command)
        .chain(&manifest.args)
        .chain(manifest.env.values());
    assert!(
        filled.into_iter().any(|template| template.fill(&values).contains("8080")),
        "it is given its port"
    );
    for index in 0..manifest.differences.len() {
        let error = manifest.difference_error(index, "message", "help");
        assert!(error.line() > 0 && !error.to_string().is_empty());
    }
});
