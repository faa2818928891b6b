//! Presets: a question that takes several scenarios to answer, as data.
//!
//! This module knows names. It must never know how anything is measured.

use serde::Deserialize;
use thiserror::Error;

use crate::names;

/// The presets that are compiled in: name and TOML source.
const BUILT_IN: &[(&str, &str)] = &[(
    "node-or-fastapi",
    include_str!("../../../../scenarios/presets/node-or-fastapi.toml"),
)];

/// A question, the workloads that it is asked of, and who is compared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// What it answers.
    pub question: String,
    /// Built-in targets, the first being what the others are compared with; at least two.
    pub targets: Vec<String>,
    /// In the order in which they are measured and shown; at least one.
    pub workloads: Vec<Workload>,
}

/// A scenario of a preset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The name of a built-in scenario.
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

    /// One that is compiled in, by its name.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    pub fn built_in(name: &str) -> Result<Self, UnknownPreset> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name);
        let (_, source) = found.ok_or_else(|| UnknownPreset {
            name: names::shortened(name),
            nearest: names::nearest(name, Self::names()),
        })?;
        Ok(toml::from_str(source).expect("every built-in preset is parsed by a test"))
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
            let preset = Preset::built_in(name).unwrap();
            assert!(preset.targets.len() >= 2 && !preset.workloads.is_empty());
            for target in &preset.targets {
                TargetSpec::parse(target).unwrap();
            }
            for workload in &preset.workloads {
                let scenario = Scenario::built_in(&workload.scenario).unwrap();
                assert!(!workload.capacity || scenario.closed().is_ok());
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
}
