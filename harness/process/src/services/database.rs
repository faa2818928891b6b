//! PostgreSQL: started on a fresh data directory or connected to, and filled.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use model::record::surroundings::ServiceRecord;
use model::spec::services::{Service, ServiceUrl};
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};

use super::error::ServiceError;
use super::found::{self, Postgres};
use super::own::{self, Own};
use super::settings::{self, BENCH, SUPERUSER};
use super::wanted::Wanted;
use crate::interrupt::Interrupt;
use crate::meter::Meters;
use crate::supervise::Account;
use crate::supervised::Program;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long `bench` waits for a lock that a target's transaction has.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '5s'";

/// What one `bench` locks in a database, so that no other uses it at the same time: "bench" in ASCII.
const LOCK: i64 = 0x62_65_6e_63_68;

/// How many random bytes the superuser's password has.
const PASSWORD_BYTES: usize = 16;

/// A database that is there.
pub(super) struct Database {
    /// First, so that it is closed first.
    client: Client,
    pub(super) own: Option<Own>,
    /// Of its processes, where they are on this machine.
    pub(super) meters: Option<Arc<Meters>>,
    /// As targets get it.
    pub(super) url: String,
    pub(super) record: ServiceRecord,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Starts one and fills it.
    pub(super) fn start(
        programs: &Postgres,
        wanted: &Wanted<'_>,
        interrupt: &Interrupt,
    ) -> Result<Self, ServiceError> {
        let service = Service::Postgres;
        let account = found::account()?;
        let dir = own::directory(service)?;
        let programs = reachable(programs, dir.path(), account)?;
        let password = password()?;
        let password_file = dir.path().join("password");
        write_secret(&password_file, &password, account)?;
        // Last, since its owner may do anything there.
        give(dir.path(), account)?;
        let program = |name: &str, args: Vec<String>| Program {
            command: programs.program(name).display().to_string(),
            args,
            dir: Some(dir.path().to_owned()),
            cpus: wanted.cpus.to_vec(),
            account,
            scratch: Some(dir.path().to_owned()),
            ..Program::default()
        };
        let data = dir.path().join("data");
        let args = [
            "-D",
            &data.display().to_string(),
            "--username",
            SUPERUSER,
            "--auth=scram-sha-256",
            &format!("--pwfile={}", password_file.display()),
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        .map(str::to_owned);
        let initdb = program("initdb", args.to_vec());
        own::run(service, "initdb", &initdb, interrupt)?;
        let connections = wanted.choices.connections.get();
        let settings = settings::postgres(wanted.targets, connections);
        let server = {
            let (programs, settings, data) = (programs.clone(), settings.clone(), data.clone());
            let (cpus, path) = (wanted.cpus.to_vec(), dir.path().to_owned());
            move |port| Program {
                command: programs.program("postgres").display().to_string(),
                args: settings::postgres_args(&data, port, &settings),
                dir: Some(path.clone()),
                cpus: cpus.clone(),
                account,
                scratch: Some(path.clone()),
                ..Program::default()
            }
        };
        let at = |port: u16, user: &str, password: &str, name: &str| {
            let mut config = Config::new();
            config
                .host("127.0.0.1")
                .port(port)
                .user(user)
                .password(password)
                .dbname(name)
                .connect_timeout(CONNECT_TIMEOUT);
            config
        };
        let (own, mut admin, port) = Own::start(
            service,
            dir,
            server,
            |port| {
                let config = at(port, SUPERUSER, &password, SUPERUSER);
                config.connect(NoTls).map_err(|error| words(&error))
            },
            interrupt,
        )?;
        let failed = |error: postgres::Error| ServiceError::Asked {
            service,
            why: words(&error),
        };
        admin
            .batch_execute(&format!("CREATE ROLE {BENCH} LOGIN PASSWORD '{BENCH}'"))
            .map_err(failed)?;
        admin
            .batch_execute(&format!("CREATE DATABASE {BENCH} OWNER {BENCH}"))
            .map_err(failed)?;
        drop(admin);
        let client = at(port, BENCH, BENCH, BENCH).connect(NoTls);
        let mut client = client.map_err(failed)?;
        client.batch_execute(&settings::seed()).map_err(failed)?;
        client.batch_execute(LOCK_TIMEOUT).map_err(failed)?;
        let version = version(&mut client).map_err(failed)?;
        let meters = own.supervisor().map(|pid| Arc::new(Meters::below(pid)));
        Ok(Self {
            client,
            meters,
            own: Some(own),
            url: format!("postgres://{BENCH}:{BENCH}@127.0.0.1:{port}/{BENCH}"),
            record: ServiceRecord {
                service,
                version,
                url: None,
                cpus: wanted.cpus.to_vec(),
                connections: Some(connections),
                settings,
            },
        })
    }

    /// Connects to one that runs already, and fills it unless it has tables of these names that were not made here.
    pub(super) fn connect(url: &ServiceUrl, connections: NonZeroU32) -> Result<Self, ServiceError> {
        let service = Service::Postgres;
        let unusable = |why: String, remedy: &str| ServiceError::Unreachable {
            service,
            url: url.recorded(),
            why,
            remedy: remedy.to_owned(),
        };
        let failed = |error: postgres::Error| {
            unusable(
                words(&error),
                "see that it runs there, that the user may create tables in this database, and that the password is right (PGPASSWORD is \
                 used where the URL has none)",
            )
        };
        let mut config: Config = url.as_str().parse().map_err(failed)?;
        config.connect_timeout(CONNECT_TIMEOUT);
        let mut client = config.connect(NoTls).map_err(failed)?;
        let locked = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]);
        if !locked.map_err(failed)?.get::<_, bool>(0) {
            let remedy = "wait for it, or name another database";
            return Err(unusable("another bench uses it".to_owned(), remedy));
        }
        let foreign = client.query(settings::FOREIGN_TABLES, &[]);
        if let Some(row) = foreign.map_err(failed)?.first() {
            let table: String = row.get(0);
            return Err(unusable(
                format!("it has a table `{table}` that bench did not make"),
                "name a database that has none, as one that you make with `createdb bench`",
            ));
        }
        client.batch_execute(&settings::drop()).map_err(failed)?;
        client.batch_execute(&settings::seed()).map_err(failed)?;
        client.batch_execute(LOCK_TIMEOUT).map_err(failed)?;
        let version = version(&mut client).map_err(failed)?;
        Ok(Self {
            meters: own::meters_at(url.as_str(), 5432).map(Arc::new),
            client,
            own: None,
            record: ServiceRecord {
                service,
                version,
                url: Some(url.recorded()),
                cpus: Vec::new(),
                connections: Some(connections.get()),
                settings: std::collections::BTreeMap::default(),
            },
            url: url.as_str().to_owned(),
        })
    }

    /// Removes what targets have written. Where a target's transaction is in the way for long, it stays.
    pub(super) fn reset(&mut self) -> Result<(), ServiceError> {
        match self.client.batch_execute(settings::RESET) {
            Err(error) if error.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                let ended = self.own.as_ref().and_then(Own::ended);
                Err(ended.unwrap_or_else(|| ServiceError::Asked {
                    service: Service::Postgres,
                    why: words(&error),
                }))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.own.is_none() {
            // Nothing of ours stays in somebody's database; one that is gone has nothing.
            let _ = self.client.batch_execute(&settings::drop());
        }
    }
}

fn version(client: &mut Client) -> Result<String, postgres::Error> {
    let row = client.query_one("SHOW server_version", &[])?;
    let version: String = row.get(0);
    let word = version.split_whitespace().next();
    Ok(word.unwrap_or_default().to_owned())
}

/// What a database or the way to it says, whole.
fn words(error: &postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// The programs, copied to where this user may run them if they are somewhere that he may not.
fn reachable(
    programs: &Postgres,
    dir: &Path,
    account: Option<Account>,
) -> Result<Postgres, ServiceError> {
    let (Some(_), Some(whole)) = (account, programs.bin.parent()) else {
        return Ok(programs.clone());
    };
    if programs.is_for_everybody() {
        return Ok(programs.clone());
    }
    let copy = dir.join("programs");
    copied(whole, &copy).map_err(|source| ServiceError::Files {
        path: copy.clone(),
        source,
    })?;
    let bin = programs.bin.file_name().map(|name| copy.join(name));
    Ok(Postgres {
        bin: bin.expect("it has a parent, and so a name"),
    })
}

/// Copies a directory with all that is in it, links as what they lead to.
fn copied(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from)? {
        let (from, to) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copied(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

fn password() -> Result<String, ServiceError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; PASSWORD_BYTES];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(files_error(source))?;
    Ok(HEXLOWER.encode(&bytes))
}

fn write_secret(path: &Path, text: &str, account: Option<Account>) -> Result<(), ServiceError> {
    let mut file = File::create_new(path).map_err(files_error(path))?;
    file.set_permissions(Permissions::from_mode(0o600))
        .and_then(|()| file.write_all(text.as_bytes()))
        .map_err(files_error(path))?;
    give(path, account)
}

fn give(path: &Path, account: Option<Account>) -> Result<(), ServiceError> {
    account.map_or(Ok(()), |Account { uid, gid }| {
        chown(path, Some(uid), Some(gid)).map_err(files_error(path))
    })
}

fn files_error(path: &Path) -> impl FnOnce(std::io::Error) -> ServiceError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| ServiceError::Files { path, source }
}
