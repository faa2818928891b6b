//! `bench` as people run it: each file starts the program and looks at what comes out.

mod aa;
mod architecture;
mod calibrate;
mod check;
mod field;
mod gate;
mod history;
mod language;
mod outputs;
mod own_requests;
mod pictures;
mod processes;
mod profile;
mod program;
mod reports;
mod rerun;
mod resume;
mod sweep;
mod terminal;
mod usage;
