//! Stand-ins for PostgreSQL and Redis.
//!
//! They speak as much of the protocols as the routes need (PostgreSQL's documentation, chapter 55; RESP2), let everyone in, and write
//! down what they are asked. The real ones are for `bench check`.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use spec::{PRODUCTS_LISTED, PostgresAccess, Product, RedisAccess};

/// What is done about a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It is answered as from seeded tables.
    Serve,
    /// It is refused, as a table that is missing.
    Refuse,
    /// The connection is closed.
    Close,
}

/// A PostgreSQL with a thread per connection.
pub(crate) struct Postgres {
    addr: SocketAddr,
    connections: Arc<AtomicU32>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// What a connection was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Which connection, from 1.
    pub(crate) connection: u32,
    pub(crate) sql: String,
    /// Its parameters, in binary.
    pub(crate) parameters: Vec<Vec<u8>>,
}

const INT4: i32 = 23;
const INT8: i32 = 20;
const TEXT: i32 = 25;
const INT4_ARRAY: i32 = 1007;
const TEXT_ARRAY: i32 = 1009;

impl Postgres {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let postgres = Self {
            addr: listener.local_addr().unwrap(),
            connections: Arc::default(),
            asked: Arc::default(),
        };
        let (connections, asked) = (
            Arc::clone(&postgres.connections),
            Arc::clone(&postgres.asked),
        );
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = connections.fetch_add(1, Ordering::Relaxed) + 1;
                let asked = Arc::clone(&asked);
                let stream = stream.unwrap();
                // It ends with the connection, which its client may close at any time.
                thread::spawn(move || {
                    let note = |sql: &str, parameters| {
                        let sql = sql.to_owned();
                        asked.lock().unwrap().push(Asked {
                            connection,
                            sql,
                            parameters,
                        });
                    };
                    let _ = serve(&stream, manner, note);
                });
            }
        });
        postgres
    }

    pub(crate) fn access(&self) -> PostgresAccess {
        PostgresAccess {
            addr: self.addr,
            user: "bench".into(),
            password: String::new(),
            database: "bench".into(),
        }
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// What was asked since this was called last.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn serve(
    mut stream: &TcpStream,
    manner: Manner,
    note: impl Fn(&str, Vec<Vec<u8>>),
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut prepared: HashMap<String, String> = HashMap::new();
    let mut bound = (String::new(), Vec::new());
    read_body(&mut reader)?;
    let mut out = message(b'R', &0_i32.to_be_bytes());
    out.extend(message(b'Z', b"I"));
    stream.write_all(&out)?;
    out.clear();
    loop {
        let mut kind = [0];
        reader.read_exact(&mut kind)?;
        let body = read_body(&mut reader)?;
        let mut body = Fields(&body);
        match kind[0] {
            b'P' => {
                prepared.insert(body.text(), body.text());
                out.extend(message(b'1', &[]));
            }
            b'D' => {
                body.take(1);
                let (parameters, columns) = types(&prepared[&body.text()]);
                let parameters: Vec<u8> =
                    parameters.iter().flat_map(|ty| ty.to_be_bytes()).collect();
                let count = i16::try_from(parameters.len() / 4).unwrap();
                out.extend(message(
                    b't',
                    &[&count.to_be_bytes()[..], &parameters].concat(),
                ));
                out.extend(described(columns));
            }
            b'B' => {
                body.text();
                let statement = body.text();
                for _ in 0..body.int2() {
                    assert_eq!(body.int2(), 1, "parameters come in binary");
                }
                let parameters = (0..body.int2()).map(|_| {
                    let length = usize::try_from(body.int4()).unwrap();
                    body.take(length).to_vec()
                });
                bound = (prepared[&statement].clone(), parameters.collect());
                assert_eq!((body.int2(), body.int2()), (1, 1), "rows go out in binary");
                out.extend(message(b'2', &[]));
            }
            b'E' => {
                let (sql, parameters) = std::mem::take(&mut bound);
                let rows = rows(&sql, &parameters);
                note(&sql, parameters);
                match manner {
                    Manner::Serve => {
                        out.extend(rows);
                        out.extend(message(b'C', b"DONE\0"));
                    }
                    Manner::Refuse => out.extend(message(b'E', b"SERROR\0C42P01\0Mno\0\0")),
                    Manner::Close => return Ok(()),
                }
            }
            b'Q' => {
                note(&body.text(), Vec::new());
                out.extend(message(b'C', b"DONE\0"));
                out.extend(message(b'Z', b"T"));
                stream.write_all(&out)?;
                out.clear();
            }
            b'S' => {
                out.extend(message(b'Z', b"I"));
                stream.write_all(&out)?;
                out.clear();
            }
            b'X' => return Ok(()),
            other => panic!("no server says {:?}", char::from(other)),
        }
    }
}

/// The types of a statement's parameters and columns.
fn types(sql: &str) -> (&'static [i32], &'static [i32]) {
    if sql.starts_with("SELECT") {
        (&[INT4], &[INT4, TEXT, INT4])
    } else if sql.starts_with("INSERT INTO orders") {
        (&[INT8, INT8], &[INT8])
    } else {
        (&[INT8, TEXT_ARRAY, INT4_ARRAY, INT4_ARRAY], &[])
    }
}

fn described(columns: &[i32]) -> Vec<u8> {
    if columns.is_empty() {
        return message(b'n', &[]);
    }
    let mut body = i16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
    for ty in columns {
        // A name; no table; the type; no size, no modifier, text.
        body.extend(b"column\0");
        body.extend([0; 6]);
        body.extend(ty.to_be_bytes());
        body.extend([0; 8]);
    }
    message(b'T', &body)
}

fn rows(sql: &str, parameters: &[Vec<u8>]) -> Vec<u8> {
    if sql.starts_with("INSERT INTO orders") {
        return row(&[&77_i64.to_be_bytes()]);
    }
    if !sql.starts_with("SELECT") {
        return Vec::new();
    }
    let id = u32::from_be_bytes(parameters[0][..].try_into().unwrap());
    let count = if sql.contains("LIMIT") {
        PRODUCTS_LISTED
    } else {
        1
    };
    let product = |id| {
        let product = Product::seeded(id);
        row(&[
            &product.id.to_be_bytes(),
            product.name.as_bytes(),
            &product.price_cents.to_be_bytes(),
        ])
    };
    (id..id + count).flat_map(product).collect()
}

fn row(columns: &[&[u8]]) -> Vec<u8> {
    let mut body = i16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
    for column in columns {
        body.extend(i32::try_from(column.len()).unwrap().to_be_bytes());
        body.extend(*column);
    }
    message(b'D', &body)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

/// A message's body, by the length before it.
fn read_body(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let mut body = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap() - 4];
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// What is left of a body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes);
        self.0 = rest;
        taken
    }

    fn text(&mut self) -> String {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap();
        let text = String::from_utf8(self.take(end).to_vec()).unwrap();
        self.take(1);
        text
    }

    fn int2(&mut self) -> i16 {
        i16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn int4(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().unwrap())
    }
}

/// A Redis with a thread per connection, whose keys never expire.
pub(crate) struct Redis {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let redis = Self {
            addr: listener.local_addr().unwrap(),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&redis.asked);
        let keys: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (keys, asked) = (Arc::clone(&keys), Arc::clone(&asked));
                let stream = stream.unwrap();
                // It ends with the connection.
                thread::spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    while let Ok(words) = command(&mut reader) {
                        asked.lock().unwrap().push(words.join(" "));
                        let reply = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                            ["GET", key] => match keys.lock().unwrap().get(key) {
                                Some(value) => format!("${}\r\n{value}\r\n", value.len()),
                                None => "$-1\r\n".to_owned(),
                            },
                            ["SET", key, value, ..] => {
                                keys.lock()
                                    .unwrap()
                                    .insert(key.to_owned(), value.to_owned());
                                "+OK\r\n".to_owned()
                            }
                            _ => "-ERR no such command\r\n".to_owned(),
                        };
                        if (&stream).write_all(reply.as_bytes()).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        redis
    }

    pub(crate) fn access(&self) -> RedisAccess {
        RedisAccess {
            addr: self.addr,
            user: None,
            password: None,
            database: 0,
        }
    }

    /// The commands since this was called last.
    pub(crate) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// A command: an array of texts, each on a line after its length.
fn command(reader: &mut impl BufRead) -> io::Result<Vec<String>> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.strip_suffix("\r\n").map(str::to_owned);
        line.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    let count: usize = line()?.trim_start_matches('*').parse().unwrap();
    (0..count)
        .map(|_| {
            line()?;
            line()
        })
        .collect()
}
