//! Presets: a question that takes several scenarios to answer, as data.
//!
//! This module knows names. It must never know how anything is measured.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::names;
use crate::spec::toml_source::{SourceError, Text};
use crate::units;

/// The longest file of a preset, in bytes.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;

/// The most workloads of a preset: each takes minutes.
pub const MAX_WORKLOADS: usize = 32;

/// The presets that are compiled in: name and TOML source.
pub const BUILT_IN: &[(&str, &str)] = &[(
    "node-or-fastapi",
    include_str!("../../../../scenarios/presets/node-or-fastapi.toml"),
)];

/// A question, the workloads that it is asked of, and who is compared.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// What it answers.
    pub question: String,
    /// Names or files of targets, the first being what the others are compared with; at least two.
    pub targets: Vec<String>,
    /// Requests a second of workloads that have a capacity, as a share of what the weakest target can do: above 0 and below 1. Each scenario's own
    /// load where there is none, which a weaker target may not be able to carry.
    pub capacity_share: Option<f64>,
    /// Measured time of each target in each run, unless somebody says otherwise.
    #[serde(default, deserialize_with = "duration")]
    pub duration: Option<Duration>,
    /// In the order in which they are measured and shown: 1 to [`MAX_WORKLOADS`].
    pub workloads: Vec<Workload>,
}

/// A scenario of a preset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The name of a scenario, or its file.
    pub scenario: String,
    /// What a request costs, in a few words: `PostgreSQL`.
    pub work: String,
    /// Whether the same requests are also sent in a closed loop, to see how many a second the targets answer.
    #[serde(default = "usual")]
    pub capacity: bool,
}

fn usual() -> bool {
    true
}

/// A time as scenarios have them: `"20s"`.
fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    units::parse_duration(&text)
        .map(Some)
        .map_err(D::Error::custom)
}

/// A name that no preset has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no preset is called `{name}`{}; known are {}", names::hint(*nearest), Preset::names().collect::<Vec<_>>().join(", "))]
pub struct UnknownPreset {
    /// The name asked for.
    pub name: String,
    /// The one that was probably meant.
    pub nearest: Option<&'static str>,
}

impl Preset {
    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Reads a preset. `file_name`: where the source came from, as people would find it again.
    ///
    /// # Errors
    ///
    /// It is no TOML, has a key that presets don't have, too few targets, too few or many workloads, or a share that is none.
    pub fn parse(source: &str, file_name: &str) -> Result<Self, SourceError> {
        let text = Text {
            source,
            file_name,
            examples: "docs/scenarios.md shows a preset",
        };
        let preset: Self = toml::from_str(source).map_err(|error| text.toml_error(&error))?;
        let wrong = |what: String, help| Err(text.error(0..0, what, help));
        if preset.targets.len() < 2 {
            let what = format!(
                "a preset compares targets, and `targets` has {}",
                preset.targets.len()
            );
            return wrong(
                what,
                "name two at least, as in `targets = [\"node\", \"fastapi\"]`",
            );
        }
        if let Some(share) = preset.capacity_share
            && !(share > 0.0 && share < 1.0)
        {
            let what = format!("`capacity_share` must be above 0 and below 1, not {share}");
            return wrong(what, "write a share, as in `capacity_share = 0.5`");
        }
        if !(1..=MAX_WORKLOADS).contains(&preset.workloads.len()) {
            let what = format!(
                "a preset has 1 to {MAX_WORKLOADS} workloads, not {}",
                preset.workloads.len()
            );
            return wrong(what, "write a `[[workloads]]` table for each scenario");
        }
        Ok(preset)
    }

    /// The source of one that is compiled in, by its name.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    pub fn built_in(name: &str) -> Result<&'static str, UnknownPreset> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, source)| *source)
            .ok_or_else(|| UnknownPreset {
                name: names::shortened(name),
                nearest: names::nearest(name, Self::names()),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::scenario::Scenario;
    use crate::spec::target::TargetSpec;

    #[test]
    fn every_preset_names_scenarios_and_targets_that_are_there() {
        for name in Preset::names() {
            let preset = Preset::parse(Preset::built_in(name).unwrap(), name).unwrap();
            assert!(preset.targets.len() >= 2 && !preset.workloads.is_empty());
            for target in &preset.targets {
                TargetSpec::parse(target).unwrap();
            }
            for workload in &preset.workloads {
                let scenario = Scenario::built_in(&workload.scenario).unwrap();
                assert!(!workload.capacity || scenario.closed().is_ok());
                if let Some(share) = preset.capacity_share {
                    assert!(scenario.at_capacity_share(share).is_ok());
                }
            }
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_one_that_was_meant() {
        let error = Preset::built_in("node-or-fastap").unwrap_err().to_string();
        assert_eq!(
            error,
            "no preset is called `node-or-fastap` (did you mean `node-or-fastapi`?); known are node-or-fastapi"
        );
    }

    #[test]
    fn a_preset_has_two_targets_and_a_bounded_number_of_workloads() {
        let of = |targets: &str, workloads: usize| {
            let workload = "[[workloads]]\nscenario = \"ping\"\nwork = \"nothing\"\n";
            let source = format!(
                "question = \"?\"\ntargets = [{targets}]\n{}",
                workload.repeat(workloads)
            );
            Preset::parse(&source, "mine.toml").map_err(|error| error.to_string())
        };
        let two = "\"node\", \"fastapi\"";
        assert!(of(two, 1).is_ok() && of(two, MAX_WORKLOADS).is_ok());
        assert_eq!(
            of(two, MAX_WORKLOADS + 1).unwrap_err(),
            "mine.toml:1:1: a preset has 1 to 32 workloads, not 33"
        );
        assert_eq!(
            of("\"node\"", 1).unwrap_err(),
            "mine.toml:1:1: a preset compares targets, and `targets` has 1"
        );
        let of = |key: &str| {
            let source = format!(
                "question = \"?\"\ntargets = [{two}]\n{key}\n[[workloads]]\nscenario = \"ping\"\nwork = \"\"\n"
            );
            Preset::parse(&source, "mine.toml").map_err(|error| error.to_string())
        };
        for (key, whole) in [
            ("capacity_share = 0.001", true),
            ("capacity_share = 0.999", true),
            ("capacity_share = 0", false),
            ("capacity_share = 1.0", false),
            ("capacity_share = nan", false),
            ("duration = \"20s\"", true),
            ("duration = 20", false),
            ("duration = \"long\"", false),
        ] {
            assert_eq!(of(key).is_ok(), whole, "{key}: {:?}", of(key));
        }
        let preset = of("duration = \"20s\"").unwrap();
        assert_eq!(preset.duration, Some(Duration::from_secs(20)));
        let error = Preset::parse("question = \"?\"\ntargts = []\n", "mine.toml").unwrap_err();
        assert_eq!((error.line(), error.nearest()), (2, Some("targets")));
    }
}
