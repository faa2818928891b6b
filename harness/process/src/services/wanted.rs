//! What a measurement wants of services.

use std::collections::BTreeSet;

use model::spec::services::{Service, ServiceChoices};

/// What is to be there.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The services that are needed.
    pub needs: &'a BTreeSet<Service>,
    /// Those that run already, and the connections of each target.
    pub choices: &'a ServiceChoices,
    /// How many targets are started at a time.
    pub targets: usize,
    /// The cores for what is started.
    pub cpus: &'a [u32],
}
