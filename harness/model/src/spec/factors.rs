//! The factors of the experiment, and what of each a server has.
//!
//! Servers that share one factor and differ in another say what that other does: see `analysis::effects`.

use serde::{Deserialize, Serialize};

/// What of each factor a server has, as the `factors` of its manifest say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Factors {
    /// How its routes are written.
    pub style: Style,
    /// What runs them.
    #[serde(rename = "loop")]
    pub event_loop: EventLoop,
}

/// How routes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// What has to be waited for is given a function that goes on from there.
    Callbacks,
    /// What has to be waited for is awaited where it stands.
    Coroutines,
}

/// What runs the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EventLoop {
    /// A loop of phases, as libuv's.
    Libuv,
    /// A ready queue, a heap of timers and a selector, as asyncio's.
    Asyncio,
    /// tokio's scheduler for one thread.
    TokioSingle,
    /// tokio's scheduler whose workers steal from one another.
    TokioStealing,
}
