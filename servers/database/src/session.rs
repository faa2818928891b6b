//! One connection to PostgreSQL, without its socket.
//!
//! Knows what is written and how it is answered: the messages of protocol 3.0 (PostgreSQL's documentation, chapter 55), one at a time as
//! tokio-postgres sends them, rows in binary. One thing is asked at a time. A connection on which something failed is of no more use.

use std::error::Error;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{DataRowBody, ErrorResponseBody, Message};
use postgres_protocol::message::frontend;
use postgres_types::{FromSql, IsNull, ToSql, Type};
use spec::{DatabaseError, PostgresAccess, Product};

use crate::statement::Statement;

/// Values in binary, both ways.
const BINARY: i16 = 1;

/// A connection's state.
pub struct Session {
    access: PostgresAccess,
    /// Set while the password is proved.
    scram: Option<ScramSha256>,
    input: BytesMut,
    /// What is written next; kept for its memory.
    output: BytesMut,
    stage: Stage,
    rows: Vec<DataRowBody>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    LoggingIn,
    /// The statement of this number.
    Preparing(usize),
    Ready,
    Asking,
}

/// How far what was asked has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More has to be read.
    Partial,
    /// It is done, and the next can be asked.
    Complete,
}

/// Where a transaction begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// What follows is one.
    Begin,
    /// It is to stay.
    Commit,
}

/// The rows that came of a statement.
#[derive(Default)]
pub struct Rows(Vec<DataRowBody>);

impl Session {
    /// A new connection, whose first words are appended to `out`. Complete once it is logged in and has prepared every statement.
    pub fn start(access: &PostgresAccess, out: &mut Vec<u8>) -> Self {
        let mut session = Self {
            access: access.clone(),
            scram: None,
            input: BytesMut::new(),
            output: BytesMut::new(),
            stage: Stage::LoggingIn,
            rows: Vec::new(),
        };
        let parameters = [
            ("client_encoding", "UTF8"),
            ("user", &access.user),
            ("database", &access.database),
        ];
        frontend::startup_message(parameters, &mut session.output).expect(FITS);
        session.write(out);
        session
    }

    /// Asks for a statement with parameters of the types that it says.
    pub fn execute(&mut self, statement: Statement, parameters: &[&dyn ToSql], out: &mut Vec<u8>) {
        self.begin();
        let parameters = parameters.iter().zip(statement.types());
        let bound = frontend::bind(
            "",
            statement.name(),
            [BINARY],
            parameters,
            |(parameter, ty), buffer| {
                parameter
                    .to_sql_checked(ty, buffer)
                    .map(|is_null| match is_null {
                        IsNull::Yes => postgres_protocol::IsNull::Yes,
                        IsNull::No => postgres_protocol::IsNull::No,
                    })
            },
            [BINARY],
            &mut self.output,
        );
        assert!(bound.is_ok(), "the parameters are of the statement's types");
        frontend::execute("", 0, &mut self.output).expect(FITS);
        frontend::sync(&mut self.output);
        self.write(out);
    }

    /// Begins or ends a transaction, in tokio-postgres' words.
    pub fn transact(&mut self, transaction: Transaction, out: &mut Vec<u8>) {
        self.begin();
        let sql = match transaction {
            Transaction::Begin => "START TRANSACTION",
            Transaction::Commit => "COMMIT",
        };
        frontend::query(sql, &mut self.output).expect(FITS);
        self.write(out);
    }

    /// Takes bytes read from the server, and appends to `out` what it is to be answered.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<Progress, DatabaseError> {
        self.input.extend_from_slice(bytes);
        while let Some(message) = Message::parse(&mut self.input).map_err(malformed)? {
            if self.take(message)? == Progress::Complete {
                return Ok(Progress::Complete);
            }
            self.write(out);
        }
        Ok(Progress::Partial)
    }

    /// Whether something can be asked.
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// The rows of what is complete.
    pub fn take_rows(&mut self) -> Rows {
        Rows(std::mem::take(&mut self.rows))
    }

    fn begin(&mut self) {
        assert_eq!(self.stage, Stage::Ready, "one thing is asked at a time");
        self.stage = Stage::Asking;
        self.rows.clear();
    }

    fn take(&mut self, message: Message) -> Result<Progress, DatabaseError> {
        match (message, self.stage) {
            (Message::ErrorResponse(body), _) => return Err(refused(&body)),
            (Message::ReadyForQuery(_), _) => return self.go_on(),
            (Message::DataRow(row), Stage::Asking) => self.rows.push(row),
            (Message::AuthenticationCleartextPassword, Stage::LoggingIn) => {
                let password = self.access.password.as_bytes();
                frontend::password_message(password, &mut self.output).map_err(malformed)?;
            }
            (Message::AuthenticationMd5Password(body), Stage::LoggingIn) => {
                let (user, password) = (&self.access.user, &self.access.password);
                let hash = md5_hash(user.as_bytes(), password.as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), &mut self.output).map_err(malformed)?;
            }
            (Message::AuthenticationSasl(body), Stage::LoggingIn) => {
                let mut mechanisms = body.mechanisms();
                let is_known = mechanisms.any(|name| Ok(name == SCRAM_SHA_256));
                if !is_known.map_err(malformed)? {
                    return Err(DatabaseError::Malformed);
                }
                let password = self.access.password.as_bytes();
                let scram = ScramSha256::new(password, ChannelBinding::unsupported());
                frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut self.output)
                    .map_err(malformed)?;
                self.scram = Some(scram);
            }
            (Message::AuthenticationSaslContinue(body), Stage::LoggingIn) => {
                let scram = self.scram.as_mut().ok_or(DatabaseError::Malformed)?;
                scram.update(body.data()).map_err(malformed)?;
                frontend::sasl_response(scram.message(), &mut self.output).map_err(malformed)?;
            }
            (Message::AuthenticationSaslFinal(body), Stage::LoggingIn) => {
                let mut scram = self.scram.take().ok_or(DatabaseError::Malformed)?;
                scram.finish(body.data()).map_err(malformed)?;
            }
            (Message::AuthenticationOk | Message::BackendKeyData(_), Stage::LoggingIn)
            | (
                Message::ParseComplete
                | Message::ParameterDescription(_)
                | Message::RowDescription(_)
                | Message::NoData,
                Stage::Preparing(_),
            )
            | (Message::BindComplete | Message::CommandComplete(_), Stage::Asking)
            | (
                Message::ParameterStatus(_)
                | Message::NoticeResponse(_)
                | Message::NotificationResponse(_),
                _,
            ) => {}
            _ => return Err(DatabaseError::Malformed),
        }
        Ok(Progress::Partial)
    }

    /// The server waits for what comes next: another statement to prepare, or nothing more.
    fn go_on(&mut self) -> Result<Progress, DatabaseError> {
        let next = match self.stage {
            Stage::LoggingIn => 0,
            Stage::Preparing(number) => number + 1,
            Stage::Asking => Statement::ALL.len(),
            Stage::Ready => return Err(DatabaseError::Malformed),
        };
        let Some(statement) = Statement::ALL.get(next) else {
            self.stage = Stage::Ready;
            return Ok(Progress::Complete);
        };
        self.stage = Stage::Preparing(next);
        frontend::parse(statement.name(), statement.sql(), [], &mut self.output).expect(FITS);
        frontend::describe(b'S', statement.name(), &mut self.output).expect(FITS);
        frontend::sync(&mut self.output);
        Ok(Progress::Partial)
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.output);
        self.output.clear();
    }
}

/// What can't be written are texts with a zero, and messages of 2 GiB: neither an environment nor JSON that was read has such.
const FITS: &str = "names and statements are short texts";

impl Rows {
    /// All rows, as products.
    pub fn products(&self) -> Result<Vec<Product>, DatabaseError> {
        self.0.iter().map(product).collect()
    }

    /// The one row, as a product.
    pub fn product(&self) -> Result<Product, DatabaseError> {
        self.0
            .first()
            .map_or(Err(DatabaseError::MissingRow), product)
    }

    /// The one row, as the id that an order was given.
    pub fn order_id(&self) -> Result<i64, DatabaseError> {
        let row = self.0.first().ok_or(DatabaseError::MissingRow)?;
        Columns::of(row).next(&Type::INT8)
    }
}

fn product(row: &DataRowBody) -> Result<Product, DatabaseError> {
    let mut columns = Columns::of(row);
    Ok(Product {
        id: columns.next(&Type::INT4)?,
        name: columns.next(&Type::TEXT)?,
        price_cents: columns.next(&Type::INT4)?,
    })
}

/// The columns of a row that are not read yet.
struct Columns<'a> {
    bytes: &'a [u8],
    ranges: postgres_protocol::message::backend::DataRowRanges<'a>,
}

impl<'a> Columns<'a> {
    fn of(row: &'a DataRowBody) -> Self {
        Self {
            bytes: row.buffer(),
            ranges: row.ranges(),
        }
    }

    fn next<T: FromSql<'a>>(&mut self, ty: &Type) -> Result<T, DatabaseError> {
        let range = self.ranges.next().map_err(malformed)?.flatten();
        let bytes = range.and_then(|range| self.bytes.get(range));
        T::from_sql_nullable(ty, bytes).map_err(malformed)
    }
}

fn malformed(_: impl Into<Box<dyn Error + Send + Sync>>) -> DatabaseError {
    DatabaseError::Malformed
}

/// The refusal's SQLSTATE.
fn refused(body: &ErrorResponseBody) -> DatabaseError {
    let mut fields = body.fields();
    loop {
        match fields.next() {
            Ok(Some(field)) if field.type_() == b'C' => {
                let reason = String::from_utf8_lossy(field.value_bytes()).into_owned();
                return DatabaseError::Refused { reason };
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return DatabaseError::Malformed,
        }
    }
}
