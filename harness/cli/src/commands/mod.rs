//! One module a command: what was typed, what it means, what it does.

pub(crate) mod agent;
pub(crate) mod agents;
pub(crate) mod bisect;
pub(crate) mod calibrate;
pub(crate) mod chart;
pub(crate) mod check;
pub(crate) mod claims;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod hold;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod man;
pub(crate) mod report;
pub(crate) mod rerun;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod setup;
pub(crate) mod sweep;
pub(crate) mod version_of;
