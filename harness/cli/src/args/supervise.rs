//! The arguments of `bench supervise` and `bench tied`.

use clap::Args as ClapArgs;
use process::cores::CpuList;

#[derive(Debug, ClapArgs)]
pub(crate) struct SuperviseArgs {
    /// The cores that the program may use.
    #[arg(long, value_name = "LIST")]
    pub(crate) cpus: Option<CpuList>,

    /// What to start.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TiedArgs {
    /// The process to end with.
    #[arg(long, value_name = "PID")]
    pub(crate) parent: i32,

    /// What to become.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
