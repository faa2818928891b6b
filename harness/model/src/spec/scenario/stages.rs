//! The stages of an open loop as they are written: which keys each kind has, and where a mistake in them stands.

use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::spec::load::{Profile, ProfileError, Stage};
use crate::spec::toml_source::{SourceError, Text};

/// One `[[load.stages]]` table, before anything about it is believed.
#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[cfg_attr(
    any(test, feature = "schema"),
    schemars(description = "A part of a rate that changes.")
)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStage {
    /// `ramp` (`from_per_s`, `to_per_s`), `step` (`rate_per_s`), `share` (`capacity_share`) or `burst` (`base_per_s`, `burst_per_s`, `period`, `burst_for`); each has a `duration`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "RawKind"))]
    kind: Spanned<RawKind>,
    /// The rate at the beginning of a ramp.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    from_per_s: Option<Spanned<f64>>,
    /// The rate at its end.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    to_per_s: Option<Spanned<f64>>,
    /// The rate of a step.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    rate_per_s: Option<Spanned<f64>>,
    /// The rate as a multiple of what the weaker target sustains, which is measured first.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    capacity_share: Option<Spanned<f64>>,
    /// The rate between bursts.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    base_per_s: Option<Spanned<f64>>,
    /// The rate of a burst.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    burst_per_s: Option<Spanned<f64>>,
    /// From the beginning of one burst to that of the next.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    period: Option<Spanned<String>>,
    /// How long each burst lasts.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    burst_for: Option<Spanned<String>>,
    /// How long the stage lasts.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    duration: Option<Spanned<String>>,
}

#[derive(Deserialize, Clone, Copy)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum RawKind {
    Ramp,
    Step,
    Share,
    Burst,
}

/// The rate that stands for a target's whole capacity in stages that are shares of it, until that is known.
pub const WHOLE_PER_S: f64 = 1e6;

/// The largest share of the capacity that a stage may ask for.
pub const MAX_CAPACITY_SHARE: f64 = 10.0;

/// The profile that the stages make, and whether they are shares of the capacity, as all are or none.
pub(super) fn profile(
    text: &Text<'_>,
    raw: &Spanned<Vec<RawStage>>,
) -> Result<(Profile, bool), SourceError> {
    let stages = raw.get_ref();
    let is_share = |stage: &RawStage| matches!(stage.kind.get_ref(), RawKind::Share);
    let are_shares = stages.iter().any(is_share);
    if let Some(other) = stages.iter().find(|stage| are_shares && !is_share(stage)) {
        let what = "stages are shares of the capacity, and this one is not";
        let help = "write `kind = \"share\"` with a `capacity_share` for all of them, or rates for all of them";
        return Err(text.error(other.kind.span(), what, help));
    }
    let read: Vec<Stage> = stages
        .iter()
        .map(|stage| stage.read(text))
        .collect::<Result<_, _>>()?;
    let profile = Profile::new(&read).map_err(|error| {
        let span = place(&error, stages).unwrap_or_else(|| raw.span());
        text.error(span, error.to_string(), error.remedy())
    })?;
    Ok((profile, are_shares))
}

/// Where the key stands that the error is about.
fn place(error: &ProfileError, stages: &[RawStage]) -> Option<Range<usize>> {
    let (stage, wrong) = error.place()?;
    let mut keys = stages.get(stage)?.keys().into_iter();
    keys.find_map(|(key, span)| span.filter(|_| key == wrong))
}

impl RawKind {
    fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::Step => "step",
            Self::Share => "share",
            Self::Burst => "burst",
        }
    }

    /// All of them are required.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Ramp => &["from_per_s", "to_per_s", "duration"],
            Self::Step => &["rate_per_s", "duration"],
            Self::Share => &["capacity_share", "duration"],
            Self::Burst => &[
                "base_per_s",
                "burst_per_s",
                "period",
                "burst_for",
                "duration",
            ],
        }
    }

    fn help(self) -> String {
        let keys: Vec<String> = self.keys().iter().map(|key| format!("`{key}`")).collect();
        format!("a {} has {}", self.name(), keys.join(", "))
    }
}

impl RawStage {
    fn read(&self, text: &Text<'_>) -> Result<Stage, SourceError> {
        let kind = *self.kind.get_ref();
        let strange = self
            .keys()
            .into_iter()
            .filter(|(key, _)| !kind.keys().contains(key))
            .find_map(|(key, span)| span.map(|span| (key, span)));
        if let Some((key, span)) = strange {
            let what = format!("`{key}` means nothing in a {}", kind.name());
            return Err(text.error(span, what, kind.help()));
        }
        Ok(match kind {
            RawKind::Ramp => Stage::Ramp {
                from_per_s: self.rate(text, "from_per_s", self.from_per_s.as_ref())?,
                to_per_s: self.rate(text, "to_per_s", self.to_per_s.as_ref())?,
                duration: self.time(text, "duration", self.duration.as_ref())?,
            },
            RawKind::Step => Stage::Step {
                rate_per_s: self.rate(text, "rate_per_s", self.rate_per_s.as_ref())?,
                duration: self.time(text, "duration", self.duration.as_ref())?,
            },
            RawKind::Share => Stage::Step {
                rate_per_s: WHOLE_PER_S * self.share(text)?,
                duration: self.time(text, "duration", self.duration.as_ref())?,
            },
            RawKind::Burst => Stage::Burst {
                base_per_s: self.rate(text, "base_per_s", self.base_per_s.as_ref())?,
                burst_per_s: self.rate(text, "burst_per_s", self.burst_per_s.as_ref())?,
                period: self.time(text, "period", self.period.as_ref())?,
                burst_for: self.time(text, "burst_for", self.burst_for.as_ref())?,
                duration: self.time(text, "duration", self.duration.as_ref())?,
            },
        })
    }

    fn share(&self, text: &Text<'_>) -> Result<f64, SourceError> {
        let share = self.need(text, "capacity_share", self.capacity_share.as_ref())?;
        let value = *share.get_ref();
        if (0.0..=MAX_CAPACITY_SHARE).contains(&value) {
            return Ok(value);
        }
        let what = format!(
            "`capacity_share` of a stage must be from 0 to {MAX_CAPACITY_SHARE}, not {value}"
        );
        Err(text.error(
            share.span(),
            what,
            "2 is twice what the weaker target can do, 0 is silence",
        ))
    }

    fn rate(
        &self,
        text: &Text<'_>,
        key: &str,
        value: Option<&Spanned<f64>>,
    ) -> Result<f64, SourceError> {
        Ok(*self.need(text, key, value)?.get_ref())
    }

    fn time(
        &self,
        text: &Text<'_>,
        key: &str,
        value: Option<&Spanned<String>>,
    ) -> Result<Duration, SourceError> {
        text.duration(self.need(text, key, value)?)
    }

    fn need<'a, T>(
        &self,
        text: &Text<'_>,
        key: &str,
        value: Option<&'a Spanned<T>>,
    ) -> Result<&'a Spanned<T>, SourceError> {
        value.ok_or_else(|| {
            let kind = self.kind.get_ref();
            let what = format!("a {} needs `{key}`", kind.name());
            text.error(self.kind.span(), what, kind.help())
        })
    }

    /// Every key but `kind`, and where its value stands if it is there.
    fn keys(&self) -> [(&'static str, Option<Range<usize>>); 9] {
        fn span<T>(value: Option<&Spanned<T>>) -> Option<Range<usize>> {
            value.map(Spanned::span)
        }
        [
            ("from_per_s", span(self.from_per_s.as_ref())),
            ("to_per_s", span(self.to_per_s.as_ref())),
            ("rate_per_s", span(self.rate_per_s.as_ref())),
            ("capacity_share", span(self.capacity_share.as_ref())),
            ("base_per_s", span(self.base_per_s.as_ref())),
            ("burst_per_s", span(self.burst_per_s.as_ref())),
            ("period", span(self.period.as_ref())),
            ("burst_for", span(self.burst_for.as_ref())),
            ("duration", span(self.duration.as_ref())),
        ]
    }
}
