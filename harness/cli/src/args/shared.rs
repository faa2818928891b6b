//! What several commands take.

use clap::Args as ClapArgs;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use model::record::run::Pinning;
use process::cores::{self, CpuList};
use process::failure::Failure;
use report::charts::Chart;

/// Where servers and load run.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct PlaceArgs {
    /// Cores of the servers, as in `1` or `2-3`. [default: the upper half of those there are]
    #[arg(long, value_name = "LIST")]
    server_cpus: Option<CpuList>,

    /// Cores of the generator and the backend. [default: the lower half]
    #[arg(long, value_name = "LIST")]
    load_cpus: Option<CpuList>,
}

impl PlaceArgs {
    /// The cores of this machine, divided as asked.
    pub(crate) fn pinning(&self) -> Result<Pinning, Failure> {
        let (servers, load) = (self.server_cpus.as_ref(), self.load_cpus.as_ref());
        cores::divide(&cores::available(), servers, load).map_err(Failure::usage_of)
    }
}

/// The charts of a run by their names.
pub(crate) fn charts() -> impl TypedValueParser<Value = Chart> {
    PossibleValuesParser::new(Chart::ALL.map(Chart::file_stem)).map(|name| {
        let mut charts = Chart::ALL.into_iter();
        charts
            .find(|chart| chart.file_stem() == name)
            .expect("only names of charts are let through")
    })
}
