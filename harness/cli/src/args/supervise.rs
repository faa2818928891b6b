//! The arguments of `bench supervise` and `bench tied`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use process::cores::CpuList;
use process::supervise::{Account, Supervision};

#[derive(Debug, ClapArgs)]
pub(crate) struct SuperviseArgs {
    /// The cores that the program may use.
    #[arg(long, value_name = "LIST")]
    cpus: Option<CpuList>,

    /// Whom the program runs as.
    #[arg(long, value_name = "UID:GID")]
    account: Option<Account>,

    /// A directory to remove if bench ends first.
    #[arg(long, value_name = "DIR")]
    remove: Option<PathBuf>,

    /// What to start.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

impl SuperviseArgs {
    /// What they mean.
    pub(crate) fn supervision(&self) -> Supervision {
        Supervision {
            cpus: self.cpus.clone(),
            account: self.account,
            scratch: self.remove.clone(),
        }
    }
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
