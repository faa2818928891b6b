//! `bench` as people run it, a file for each thing that they do; `architecture` and `language` read the sources of the workspace instead.

mod aa;
mod architecture;
mod calibrate;
mod check;
mod claims;
mod gate;
mod generators;
mod history;
mod init;
mod language;
mod machines;
mod outputs;
mod own_requests;
mod pictures;
mod preset;
mod processes;
mod profile;
mod program;
mod reports;
mod rerun;
mod resume;
mod server_agents;
mod services;
mod sweep;
mod terminal;
mod usage;
