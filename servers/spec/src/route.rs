//! Which routes there are, and what each must answer.
//!
//! Knows targets (path and query) and expected bodies. Must never know how a route's work is done.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use http1::Method;

use crate::bodies::{BYTES, EVENTS, JSON, JSON_BODY, MESSAGE, TEXT, sleep_body, upstream_body};
use crate::bounds::MAX_EVENTS;
use crate::events;
use crate::products::{MAX_PRODUCT_ID, PRODUCTS_LISTED, Product, queried_ids, to_json};
use crate::work::{Work, file_bytes};

/// Longest time that `/sleep` sleeps, in milliseconds.
pub const MAX_SLEEP_MS: u32 = 60_000;
/// Most calls that one `/upstream` makes.
pub const MAX_CALLS: u32 = 100;
/// Longest time that one call of `/upstream` asks for, in milliseconds.
pub const MAX_CALL_MS: u32 = 60_000;
/// Most rounds that `/cpu` computes: about a tenth of a second.
pub const MAX_ROUNDS: u32 = 100_000_000;
/// Most KiB that `/hash` hashes: 64 MiB.
pub const MAX_HASH_KIB: u32 = 64 * 1024;
/// Longest time between two events of `/events`, in milliseconds.
pub const MAX_EVENT_MS: u32 = 60_000;
/// Largest id of `/db/products`, from which on there are [`PRODUCTS_LISTED`] more; the smallest is 1.
pub const MAX_LISTED_ID: u32 = MAX_PRODUCT_ID - PRODUCTS_LISTED + 1;
/// Sizes, in KiB, of the files that `/file` reads.
pub const FILE_SIZES_KIB: [u32; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// A route of the work contract, its parameters within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/plaintext`: no work, the floor.
    Plaintext,
    /// `/json`: no work either.
    Json,
    /// `/sleep/{ms}`: a timer.
    Sleep {
        /// Milliseconds, at most [`MAX_SLEEP_MS`].
        ms: u32,
    },
    /// `/upstream?calls=N&ms=D&mode=seq|par`: round trips to a backend.
    Upstream {
        /// Number of calls, 1 to [`MAX_CALLS`].
        calls: u32,
        /// Milliseconds that each call takes, at most [`MAX_CALL_MS`].
        ms: u32,
        /// One after the other, or all at once.
        mode: Mode,
    },
    /// `/file/{kib}`: a file, read through the pool.
    File {
        /// Size, one of [`FILE_SIZES_KIB`].
        kib: u32,
    },
    /// `/cpu/{rounds}`: computation that holds the loop, or a pool thread.
    Cpu {
        /// Rounds of xorshift32, at most [`MAX_ROUNDS`].
        rounds: u32,
        /// `offload=1`: in the pool.
        offload: bool,
    },
    /// `/hash/{kib}`: computation by native code that holds the loop, or a pool thread.
    Hash {
        /// KiB that are hashed, at most [`MAX_HASH_KIB`].
        kib: u32,
        /// `offload=1`: in the pool.
        offload: bool,
    },
    /// `/orders`: an order in JSON is validated. Takes POST alone.
    Orders,
    /// `/auth`: the token of the request is verified.
    Auth,
    /// `/upload`: a body of any kind is read whole, and hashed. Takes POST alone.
    Upload,
    /// `/events?n=N&ms=D`: a stream of server-sent events.
    Events {
        /// Number of events, 1 to [`MAX_EVENTS`].
        n: u32,
        /// Milliseconds from each event to the next, at most [`MAX_EVENT_MS`].
        ms: u32,
    },
    /// `/chat`: the connection becomes a WebSocket, and its client a member of the room.
    Chat,
    /// `/db/product/{id}`: a row of the database, by its key.
    DbProduct {
        /// The row's key, 1 to [`MAX_PRODUCT_ID`].
        id: u32,
    },
    /// `/db/products/{id}`: [`PRODUCTS_LISTED`] rows by one query.
    DbProducts {
        /// The first row's key, 1 to [`MAX_LISTED_ID`].
        id: u32,
    },
    /// `/db/queries/{id}`: as many rows by a query each, one query after the other.
    DbQueries {
        /// The first row's key, 1 to [`MAX_PRODUCT_ID`]; [`queried_ids`] has the others.
        id: u32,
    },
    /// `/db/orders`: an order in JSON is validated, and written to the database in a transaction. Takes POST alone.
    DbOrders,
    /// `/db/cached/{id}`: what `/db/product/{id}` answers, by way of a cache.
    DbCached {
        /// The row's key, 1 to [`MAX_PRODUCT_ID`].
        id: u32,
    },
    /// `/stats`: what the server knows of its own loop.
    Stats,
}

/// How the calls of one `/upstream` follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `seq`: each call after the reply to the one before.
    Sequential,
    /// `par`: all at once.
    Parallel,
}

/// Why a target names no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// No route has this path.
    #[error("no route is called {path:?}; there are {}", Route::KNOWN.join(", "))]
    UnknownPath {
        /// The path, cut to a readable length.
        path: String,
    },
    /// A number is out of a route's bounds, or is not written as plain decimal digits.
    #[error(
        "{name} of {route} must be a whole number from {min} to {max}, without sign or leading zero; it is {value:?}"
    )]
    BadNumber {
        /// The route, as in [`Route::KNOWN`].
        route: &'static str,
        /// The parameter's name.
        name: &'static str,
        /// What was given, cut to a readable length.
        value: String,
        /// Smallest number allowed.
        min: u32,
        /// Largest number allowed.
        max: u32,
    },
    /// There is no file of this size.
    #[error("there is no file of {kib} KiB; /file/{{kib}} has {FILE_SIZES_KIB:?}")]
    UnknownFile {
        /// The size asked for.
        kib: u32,
    },
    /// The route has no such query parameter.
    #[error("{route} has no query parameter {key:?}; remove it")]
    UnknownKey {
        /// The route, as in [`Route::KNOWN`].
        route: &'static str,
        /// The parameter, cut to a readable length.
        key: String,
    },
    /// A query parameter stands there twice.
    #[error("{route} was given its query parameter {key} more than once; give it once")]
    RepeatedKey {
        /// The route, as in [`Route::KNOWN`].
        route: &'static str,
        /// The parameter.
        key: &'static str,
    },
    /// A query parameter that the route can't do without is missing.
    #[error("{route} needs the query parameter {key}")]
    MissingKey {
        /// The route, as in [`Route::KNOWN`].
        route: &'static str,
        /// The parameter.
        key: &'static str,
    },
    /// A query parameter has a value other than the words it may have.
    #[error("{key} of {route} must be {allowed}; it is {value:?}")]
    UnknownWord {
        /// The route, as in [`Route::KNOWN`].
        route: &'static str,
        /// The parameter.
        key: &'static str,
        /// What was given, cut to a readable length.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
}

impl Route {
    /// All routes, as one would write them down.
    pub const KNOWN: [&'static str; 18] = [
        "/plaintext",
        "/json",
        "/sleep/{ms}",
        "/upstream?calls=N&ms=D&mode=seq|par",
        "/file/{kib}",
        "/cpu/{rounds}?offload=1",
        "/hash/{kib}?offload=1",
        "/orders",
        "/events?n=N&ms=D",
        "/chat",
        "/db/product/{id}",
        "/db/products/{id}",
        "/db/queries/{id}",
        "/db/orders",
        "/db/cached/{id}",
        "/auth",
        "/upload",
        "/stats",
    ];

    /// Reads a target: path and query, as they stand in a request line. Every number has one spelling, nothing is
    /// percent-decoded, and whatever is not understood is an error rather than ignored: a load that asks for
    /// something else than it means to would still give numbers.
    pub fn parse(target: &str) -> Result<Self, RouteError> {
        // The floor's two targets come first and whole, since their cost is all that those routes measure.
        match target {
            "/plaintext" => return Ok(Self::Plaintext),
            "/json" => return Ok(Self::Json),
            _ => {}
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let unknown_path = || RouteError::UnknownPath { path: quoted(path) };
        let mut segments = path.strip_prefix('/').ok_or_else(unknown_path)?.split('/');
        match (segments.next(), segments.next(), segments.next()) {
            (Some("plaintext"), None, None) => {
                Query::read("/plaintext", query, []).map(|_| Self::Plaintext)
            }
            (Some("json"), None, None) => Query::read("/json", query, []).map(|_| Self::Json),
            (Some("orders"), None, None) => Query::read("/orders", query, []).map(|_| Self::Orders),
            (Some("auth"), None, None) => Query::read("/auth", query, []).map(|_| Self::Auth),
            (Some("upload"), None, None) => Query::read("/upload", query, []).map(|_| Self::Upload),
            (Some("chat"), None, None) => Query::read("/chat", query, []).map(|_| Self::Chat),
            (Some("stats"), None, None) => Query::read("/stats", query, []).map(|_| Self::Stats),
            (Some("sleep"), Some(ms), None) => parse_sleep(ms, query),
            (Some("upstream"), None, None) => parse_upstream(query),
            (Some("events"), None, None) => parse_events(query),
            (Some("file"), Some(kib), None) => parse_file(kib, query),
            (Some("cpu"), Some(rounds), None) => parse_cpu(rounds, query),
            (Some("hash"), Some(kib), None) => parse_hash(kib, query),
            (Some("db"), Some(name), id) if segments.next().is_none() => {
                parse_db(name, id, query).unwrap_or_else(|| Err(unknown_path()))
            }
            _ => Err(unknown_path()),
        }
    }

    /// The target that asks for this route: [`Route::parse`] gives the same route back.
    pub fn target(&self) -> String {
        match *self {
            Self::Plaintext => "/plaintext".to_owned(),
            Self::Json => "/json".to_owned(),
            Self::Sleep { ms } => format!("/sleep/{ms}"),
            Self::Upstream {
                calls,
                ms,
                mode: Mode::Sequential,
            } => format!("/upstream?calls={calls}&ms={ms}"),
            Self::Upstream {
                calls,
                ms,
                mode: Mode::Parallel,
            } => format!("/upstream?calls={calls}&ms={ms}&mode=par"),
            Self::File { kib } => format!("/file/{kib}"),
            Self::Cpu {
                rounds,
                offload: false,
            } => format!("/cpu/{rounds}"),
            Self::Cpu {
                rounds,
                offload: true,
            } => format!("/cpu/{rounds}?offload=1"),
            Self::Hash {
                kib,
                offload: false,
            } => format!("/hash/{kib}"),
            Self::Hash { kib, offload: true } => format!("/hash/{kib}?offload=1"),
            Self::Orders => "/orders".to_owned(),
            Self::Auth => "/auth".to_owned(),
            Self::Upload => "/upload".to_owned(),
            Self::Events { n, ms } => format!("/events?n={n}&ms={ms}"),
            Self::Chat => "/chat".to_owned(),
            Self::DbProduct { id } => format!("/db/product/{id}"),
            Self::DbProducts { id } => format!("/db/products/{id}"),
            Self::DbQueries { id } => format!("/db/queries/{id}"),
            Self::DbOrders => "/db/orders".to_owned(),
            Self::DbCached { id } => format!("/db/cached/{id}"),
            Self::Stats => "/stats".to_owned(),
        }
    }

    /// Whether the route takes `method`; [`Route::allow`] says which it takes.
    pub fn takes(&self, method: Method) -> bool {
        match self {
            Self::Orders | Self::DbOrders | Self::Upload => method == Method::Post,
            _ => matches!(method, Method::Get | Method::Head),
        }
    }

    /// The methods that the route takes, as `Allow` lists them.
    pub fn allow(&self) -> &'static str {
        match self {
            Self::Orders | Self::DbOrders | Self::Upload => "POST",
            _ => "GET, HEAD",
        }
    }

    /// The body that every target must answer, byte for byte, all parts of a stream together. `None` where there is no one
    /// body: `/stats` differs from moment to moment, `/orders` and `/db/orders` from order to order ([`crate::order_answer`] knows), `/auth`
    /// and `/upload` from token to token and body to body ([`crate::auth_answer`], [`crate::upload_answer`]), and `/chat` is no answer at all. Carries out the computation of `/cpu` and `/hash`; the rows of the database are those that
    /// [`Product::seeded`] makes.
    pub fn expected_body(&self) -> Option<Cow<'static, [u8]>> {
        let owned = |body: String| Some(Cow::Owned(body.into_bytes()));
        let products = |ids: &mut dyn Iterator<Item = u32>| {
            let rows: Vec<Product> = ids.map(Product::seeded).collect();
            Some(Cow::Owned(to_json(&rows)))
        };
        match *self {
            Self::Plaintext => Some(Cow::Borrowed(MESSAGE.as_bytes())),
            Self::Json => Some(Cow::Borrowed(JSON_BODY)),
            Self::Sleep { ms } => owned(sleep_body(ms)),
            Self::Upstream { calls, .. } => {
                owned(upstream_body(calls, (1..=u64::from(calls)).sum()))
            }
            Self::File { kib } => Some(Cow::Owned(file_bytes(kib))),
            Self::Cpu { rounds, .. } => owned(Work::Xorshift { rounds }.run().to_hex()),
            Self::Hash { kib, .. } => owned(Work::Sha256 { kib }.run().to_hex()),
            Self::Events { n, .. } => {
                let mut body = Vec::new();
                for event in 1..=n {
                    events::append(event, &mut body);
                }
                Some(Cow::Owned(body))
            }
            Self::DbProduct { id } | Self::DbCached { id } => {
                Some(Cow::Owned(to_json(&Product::seeded(id))))
            }
            Self::DbProducts { id } => products(&mut (id..id + PRODUCTS_LISTED)),
            Self::DbQueries { id } => products(&mut queried_ids(id)),
            Self::Orders
            | Self::DbOrders
            | Self::Auth
            | Self::Upload
            | Self::Chat
            | Self::Stats => None,
        }
    }

    /// The `Content-Type` that every target must answer with; empty for `/chat`, whose answer has no body.
    pub fn expected_content_type(&self) -> &'static str {
        match self {
            Self::Plaintext | Self::Sleep { .. } | Self::Cpu { .. } | Self::Hash { .. } => TEXT,
            Self::Json
            | Self::Upstream { .. }
            | Self::Orders
            | Self::Auth
            | Self::Upload
            | Self::DbProduct { .. }
            | Self::DbProducts { .. }
            | Self::DbQueries { .. }
            | Self::DbOrders
            | Self::DbCached { .. }
            | Self::Stats => JSON,
            Self::File { .. } => BYTES,
            Self::Events { .. } => EVENTS,
            Self::Chat => "",
        }
    }
}

impl RouteError {
    /// The status that a server answers with: 404 where nothing of that name exists, 400 where it was asked wrongly.
    pub fn status(&self) -> u16 {
        match self {
            Self::UnknownPath { .. } | Self::UnknownFile { .. } => 404,
            _ => 400,
        }
    }
}

fn parse_sleep(ms: &str, query: Option<&str>) -> Result<Route, RouteError> {
    const ROUTE: &str = Route::KNOWN[2];
    Query::read(ROUTE, query, [])?;
    Ok(Route::Sleep {
        ms: number(ROUTE, "ms", ms, 0, MAX_SLEEP_MS)?,
    })
}

fn parse_upstream(query: Option<&str>) -> Result<Route, RouteError> {
    const ROUTE: &str = Route::KNOWN[3];
    let query = Query::read(ROUTE, query, ["calls", "ms", "mode"])?;
    let [_, _, mode] = query.values;
    Ok(Route::Upstream {
        calls: number(ROUTE, "calls", query.required(0)?, 1, MAX_CALLS)?,
        ms: number(ROUTE, "ms", query.required(1)?, 0, MAX_CALL_MS)?,
        mode: match mode {
            None | Some("seq") => Mode::Sequential,
            Some("par") => Mode::Parallel,
            Some(word) => return Err(unknown_word(ROUTE, "mode", word, "seq or par")),
        },
    })
}

fn parse_file(kib: &str, query: Option<&str>) -> Result<Route, RouteError> {
    const ROUTE: &str = Route::KNOWN[4];
    Query::read(ROUTE, query, [])?;
    let [smallest, .., largest] = FILE_SIZES_KIB;
    let kib = number(ROUTE, "kib", kib, smallest, largest)?;
    if FILE_SIZES_KIB.contains(&kib) {
        Ok(Route::File { kib })
    } else {
        Err(RouteError::UnknownFile { kib })
    }
}

fn parse_cpu(rounds: &str, query: Option<&str>) -> Result<Route, RouteError> {
    const ROUTE: &str = Route::KNOWN[5];
    let offload = parse_offload(ROUTE, query)?;
    Ok(Route::Cpu {
        rounds: number(ROUTE, "rounds", rounds, 0, MAX_ROUNDS)?,
        offload,
    })
}

fn parse_hash(kib: &str, query: Option<&str>) -> Result<Route, RouteError> {
    const ROUTE: &str = Route::KNOWN[6];
    let offload = parse_offload(ROUTE, query)?;
    Ok(Route::Hash {
        kib: number(ROUTE, "kib", kib, 0, MAX_HASH_KIB)?,
        offload,
    })
}

/// Whether a computation is to run in the pool.
fn parse_offload(route: &'static str, query: Option<&str>) -> Result<bool, RouteError> {
    let [offload] = Query::read(route, query, ["offload"])?.values;
    match offload {
        None => Ok(false),
        Some("1") => Ok(true),
        Some(word) => Err(unknown_word(route, "offload", word, "1, or left out")),
    }
}

fn parse_events(query: Option<&str>) -> Result<Route, RouteError> {
    const ROUTE: &str = Route::KNOWN[8];
    let query = Query::read(ROUTE, query, ["n", "ms"])?;
    Ok(Route::Events {
        n: number(ROUTE, "n", query.required(0)?, 1, MAX_EVENTS)?,
        ms: number(ROUTE, "ms", query.required(1)?, 0, MAX_EVENT_MS)?,
    })
}

/// A route of the database, by what follows `/db/` in its path; `None` where there is no such path.
fn parse_db(
    name: &str,
    id: Option<&str>,
    query: Option<&str>,
) -> Option<Result<Route, RouteError>> {
    type OfId = fn(u32) -> Route;
    let (route, max, of): (_, _, OfId) = match (name, id) {
        ("product", Some(_)) => (Route::KNOWN[10], MAX_PRODUCT_ID, |id| Route::DbProduct {
            id,
        }),
        ("products", Some(_)) => (Route::KNOWN[11], MAX_LISTED_ID, |id| Route::DbProducts {
            id,
        }),
        ("queries", Some(_)) => (Route::KNOWN[12], MAX_PRODUCT_ID, |id| Route::DbQueries {
            id,
        }),
        ("cached", Some(_)) => (Route::KNOWN[14], MAX_PRODUCT_ID, |id| Route::DbCached {
            id,
        }),
        ("orders", None) => {
            return Some(Query::read("/db/orders", query, []).map(|_| Route::DbOrders));
        }
        _ => return None,
    };
    let read = || {
        Query::read(route, query, [])?;
        Ok(of(number(route, "id", id.unwrap_or_default(), 1, max)?))
    };
    Some(read())
}

/// The query of a route that knows `N` parameters, each there at most once.
struct Query<'a, const N: usize> {
    route: &'static str,
    keys: [&'static str; N],
    values: [Option<&'a str>; N],
}

impl<'a, const N: usize> Query<'a, N> {
    fn read(
        route: &'static str,
        query: Option<&'a str>,
        keys: [&'static str; N],
    ) -> Result<Self, RouteError> {
        let mut values = [None; N];
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(i) = keys.iter().position(|&known| known == key) else {
                return Err(RouteError::UnknownKey {
                    route,
                    key: quoted(key),
                });
            };
            if values[i].replace(value).is_some() {
                return Err(RouteError::RepeatedKey {
                    route,
                    key: keys[i],
                });
            }
        }
        Ok(Self {
            route,
            keys,
            values,
        })
    }

    fn required(&self, i: usize) -> Result<&'a str, RouteError> {
        self.values[i].ok_or(RouteError::MissingKey {
            route: self.route,
            key: self.keys[i],
        })
    }
}

fn number(
    route: &'static str,
    name: &'static str,
    value: &str,
    min: u32,
    max: u32,
) -> Result<u32, RouteError> {
    let bad = || RouteError::BadNumber {
        route,
        name,
        value: quoted(value),
        min,
        max,
    };
    let plain = value.bytes().all(|byte| byte.is_ascii_digit())
        && (value == "0" || !value.starts_with('0'));
    if !plain {
        return Err(bad());
    }
    // What is left to fail here is the empty string, and a number too large for its type.
    value
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(bad)
}

fn unknown_word(
    route: &'static str,
    key: &'static str,
    value: &str,
    allowed: &'static str,
) -> RouteError {
    RouteError::UnknownWord {
        route,
        key,
        value: quoted(value),
        allowed,
    }
}

/// Most characters of a request that an error repeats.
const MAX_QUOTED_CHARS: usize = 64;

fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn any_route() -> impl Strategy<Value = Route> {
        let mode = prop_oneof![Just(Mode::Sequential), Just(Mode::Parallel)];
        prop_oneof![
            Just(Route::Plaintext),
            Just(Route::Json),
            Just(Route::Stats),
            Just(Route::Orders),
            Just(Route::Chat),
            Just(Route::DbOrders),
            Just(Route::Auth),
            Just(Route::Upload),
            (1..=MAX_PRODUCT_ID).prop_map(|id| Route::DbProduct { id }),
            (1..=MAX_LISTED_ID).prop_map(|id| Route::DbProducts { id }),
            (1..=MAX_PRODUCT_ID).prop_map(|id| Route::DbQueries { id }),
            (1..=MAX_PRODUCT_ID).prop_map(|id| Route::DbCached { id }),
            (1..=MAX_EVENTS, 0..=MAX_EVENT_MS).prop_map(|(n, ms)| Route::Events { n, ms }),
            (0..=MAX_SLEEP_MS).prop_map(|ms| Route::Sleep { ms }),
            (1..=MAX_CALLS, 0..=MAX_CALL_MS, mode).prop_map(|(calls, ms, mode)| Route::Upstream {
                calls,
                ms,
                mode
            }),
            proptest::sample::select(&FILE_SIZES_KIB[..]).prop_map(|kib| Route::File { kib }),
            (0..=MAX_ROUNDS, any::<bool>())
                .prop_map(|(rounds, offload)| Route::Cpu { rounds, offload }),
            (0..=MAX_HASH_KIB, any::<bool>())
                .prop_map(|(kib, offload)| Route::Hash { kib, offload }),
        ]
    }

    proptest! {
        #[test]
        fn a_routes_target_gives_the_route_back(route in any_route()) {
            prop_assert_eq!(Route::parse(&route.target()), Ok(route));
        }

        #[test]
        fn no_target_panics_and_what_parses_has_one_spelling(
            target in prop_oneof![
                any::<String>(),
                "/(db|product|products|queries|cached|sleep|file|cpu|hash|upstream|json|plaintext|stats|orders|events|chat)?(/[0-9+é]{0,4})?([?&](calls|ms|n|mode|offload|x)?=?[0-9a-z]{0,3}){0,4}",
            ]
        ) {
            match Route::parse(&target) {
                Ok(route) => prop_assert_eq!(Route::parse(&route.target()), Ok(route)),
                Err(error) => prop_assert!(matches!(error.status(), 400 | 404) && !error.to_string().is_empty()),
            }
        }
    }

    fn check(target: &str, expected: Route) {
        assert_eq!(Route::parse(target), Ok(expected), "{target}");
    }

    fn check_refused(target: &str, status: u16, reason: &str) {
        let error = Route::parse(target).expect_err(target);
        assert_eq!(error.status(), status, "{target}: {error}");
        assert!(error.to_string().contains(reason), "{target}: {error}");
    }

    #[test]
    fn every_known_route_parses() {
        check("/plaintext", Route::Plaintext);
        check("/json", Route::Json);
        check("/stats", Route::Stats);
        check("/sleep/25", Route::Sleep { ms: 25 });
        check(
            "/upstream?calls=5&ms=20",
            Route::Upstream {
                calls: 5,
                ms: 20,
                mode: Mode::Sequential,
            },
        );
        check(
            "/upstream?mode=seq&ms=20&calls=5",
            Route::Upstream {
                calls: 5,
                ms: 20,
                mode: Mode::Sequential,
            },
        );
        check(
            "/upstream?calls=5&ms=20&mode=par",
            Route::Upstream {
                calls: 5,
                ms: 20,
                mode: Mode::Parallel,
            },
        );
        check("/file/64", Route::File { kib: 64 });
        check(
            "/cpu/1000",
            Route::Cpu {
                rounds: 1000,
                offload: false,
            },
        );
        check(
            "/cpu/1000?offload=1",
            Route::Cpu {
                rounds: 1000,
                offload: true,
            },
        );
        check(
            "/hash/16",
            Route::Hash {
                kib: 16,
                offload: false,
            },
        );
        check(
            "/hash/16?offload=1",
            Route::Hash {
                kib: 16,
                offload: true,
            },
        );
        check("/orders", Route::Orders);
        check("/events?n=5&ms=20", Route::Events { n: 5, ms: 20 });
        check("/events?ms=20&n=5", Route::Events { n: 5, ms: 20 });
        check("/chat", Route::Chat);
        check("/db/product/7", Route::DbProduct { id: 7 });
        check("/db/products/7", Route::DbProducts { id: 7 });
        check("/db/queries/7", Route::DbQueries { id: 7 });
        check("/db/orders", Route::DbOrders);
        check("/auth", Route::Auth);
        check("/upload", Route::Upload);
        check("/db/cached/7", Route::DbCached { id: 7 });
    }

    #[test]
    fn bounds_hold_at_their_limits() {
        for (prefix, suffix, min, max) in [
            ("/sleep/", "", 0, MAX_SLEEP_MS),
            ("/upstream?ms=1&calls=", "", 1, MAX_CALLS),
            ("/upstream?calls=1&ms=", "", 0, MAX_CALL_MS),
            ("/cpu/", "", 0, MAX_ROUNDS),
            ("/cpu/", "?offload=1", 0, MAX_ROUNDS),
            ("/hash/", "", 0, MAX_HASH_KIB),
            ("/hash/", "?offload=1", 0, MAX_HASH_KIB),
            ("/events?ms=1&n=", "", 1, MAX_EVENTS),
            ("/events?n=1&ms=", "", 0, MAX_EVENT_MS),
            ("/file/", "", 1, 1024),
            ("/db/product/", "", 1, 10_000),
            ("/db/products/", "", 1, 9_981),
            ("/db/queries/", "", 1, 10_000),
            ("/db/cached/", "", 1, 10_000),
        ] {
            for inside in [min, max] {
                assert!(
                    Route::parse(&format!("{prefix}{inside}{suffix}")).is_ok(),
                    "{prefix}{inside}{suffix}"
                );
            }
            check_refused(
                &format!("{prefix}{}{suffix}", max + 1),
                400,
                &format!("from {min} to {max}"),
            );
            if min > 0 {
                check_refused(
                    &format!("{prefix}{}{suffix}", min - 1),
                    400,
                    &format!("from {min} to {max}"),
                );
            }
            for malformed in [
                "",
                "+1",
                "-1",
                "01",
                "00",
                "1.0",
                "1e3",
                "0x1",
                "%31",
                " 1",
                "4294967296",
                "x",
            ] {
                check_refused(&format!("{prefix}{malformed}{suffix}"), 400, "whole number");
            }
        }
    }

    #[test]
    fn every_file_size_exists_and_no_other() {
        for kib in 1..=1024 {
            assert_eq!(
                Route::parse(&format!("/file/{kib}")).is_ok(),
                FILE_SIZES_KIB.contains(&kib),
                "{kib} KiB"
            );
        }
        check_refused(
            "/file/3",
            404,
            "[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]",
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for path in [
            "",
            "/",
            "*",
            "plaintext",
            "/plaintext/",
            "//plaintext",
            "/nope",
            "/sleep",
            "/sleep/1/2",
            "/Json",
            "/orders/1",
            "/events/1",
            "/chat/",
            "/db",
            "/db/",
            "/db/nope/1",
            "/db/product",
            "/db/product/1/2",
            "/db/orders/1",
            "/db/orders/",
        ] {
            check_refused(path, 404, "/sleep/{ms}");
        }
        check_refused(
            "/plaintext?x=1",
            400,
            "/plaintext has no query parameter \"x\"",
        );
        check_refused("/plaintext?", 400, "no query parameter \"\"");
        check_refused("/cpu/1?offload=1&", 400, "no query parameter \"\"");
        check_refused("/sleep/1?ms=2", 400, "no query parameter \"ms\"");
        check_refused("/upstream", 400, "needs the query parameter calls");
        check_refused("/upstream?calls=1", 400, "needs the query parameter ms");
        check_refused("/upstream?calls=1&ms=1&calls=1", 400, "more than once");
        check_refused("/upstream?calls=1&ms=1&mode=both", 400, "seq or par");
        check_refused(
            "/upstream?calls=1&ms=1&Mode=par",
            400,
            "no query parameter \"Mode\"",
        );
        check_refused("/orders?x=1", 400, "/orders has no query parameter");
        check_refused("/chat?room=1", 400, "/chat has no query parameter");
        check_refused("/db/orders?x=1", 400, "/db/orders has no query parameter");
        check_refused("/db/product/1?x=1", 400, "/db/product/{id} has no query");
        check_refused("/events", 400, "needs the query parameter n");
        check_refused("/events?n=1", 400, "needs the query parameter ms");
        check_refused("/events?n=1&ms=1&n=1", 400, "n more than once");
        check_refused("/cpu/1?offload=0", 400, "1, or left out");
        check_refused("/cpu/1?offload", 400, "1, or left out");
        check_refused(
            "/hash/1?offload=2",
            400,
            "offload of /hash/{kib}?offload=1 must be 1, or left out",
        );
        check_refused("/hash/1?offload=1&offload=1", 400, "more than once");
        check_refused("/hash/1?kib=1", 400, "no query parameter \"kib\"");
    }

    #[test]
    fn every_route_says_which_methods_it_takes() {
        for known in Route::KNOWN {
            let target = match known {
                "/upstream?calls=N&ms=D&mode=seq|par" => "/upstream?calls=1&ms=1",
                "/events?n=N&ms=D" => "/events?n=1&ms=1",
                other => &other
                    .replace("{kib}", "1")
                    .replace("{ms}", "1")
                    .replace("{rounds}", "1")
                    .replace("{id}", "1"),
            };
            let route = Route::parse(target).expect(target);
            let methods = [
                Method::Get,
                Method::Head,
                Method::Post,
                Method::Put,
                Method::Delete,
                Method::Options,
            ];
            let taken: Vec<_> = methods
                .into_iter()
                .filter(|&method| route.takes(method))
                .filter_map(Method::as_str)
                .collect();
            assert_eq!(taken.join(", "), route.allow(), "{target}");
            let has_body = matches!(route, Route::Orders | Route::DbOrders | Route::Upload);
            assert_eq!(route.allow() == "POST", has_body, "{target}");
            assert!(!route.takes(Method::Other), "{target}");
        }
    }

    #[test]
    fn errors_repeat_only_so_much_of_a_request() {
        let at_limit = "é".repeat(MAX_QUOTED_CHARS);
        assert_eq!(quoted(&at_limit), at_limit);
        assert_eq!(quoted(&format!("{at_limit}x")), format!("{at_limit}…"));
    }

    #[test]
    fn bodies_are_as_the_contract_says() {
        for (target, content_type, body) in [
            (
                "/plaintext",
                "text/plain; charset=utf-8",
                Some("Hello, World!"),
            ),
            (
                "/json",
                "application/json",
                Some(r#"{"message":"Hello, World!"}"#),
            ),
            ("/sleep/0", "text/plain; charset=utf-8", Some("slept 0")),
            (
                "/upstream?calls=100&ms=1",
                "application/json",
                Some(r#"{"calls":100,"sum":5050}"#),
            ),
            (
                "/upstream?calls=3&ms=1&mode=par",
                "application/json",
                Some(r#"{"calls":3,"sum":6}"#),
            ),
            ("/cpu/1", "text/plain; charset=utf-8", Some("2b1f4d63")),
            (
                "/cpu/1?offload=1",
                "text/plain; charset=utf-8",
                Some("2b1f4d63"),
            ),
            (
                "/hash/0",
                "text/plain; charset=utf-8",
                Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ),
            (
                "/events?n=3&ms=50",
                "text/event-stream; charset=utf-8",
                Some("data: 1\n\ndata: 2\n\ndata: 3\n\n"),
            ),
            ("/orders", "application/json", None),
            ("/auth", "application/json", None),
            ("/upload", "application/json", None),
            ("/db/orders", "application/json", None),
            (
                "/db/product/7",
                "application/json",
                Some(r#"{"id":7,"name":"product 7","price_cents":359}"#),
            ),
            (
                "/db/cached/10000",
                "application/json",
                Some(r#"{"id":10000,"name":"product 10000","price_cents":3800}"#),
            ),
            ("/chat", "", None),
            ("/stats", "application/json", None),
        ] {
            let route = Route::parse(target).unwrap();
            assert_eq!(route.expected_content_type(), content_type, "{target}");
            assert_eq!(
                route.expected_body().as_deref(),
                body.map(str::as_bytes),
                "{target}"
            );
        }
        let file = Route::File { kib: 1 };
        assert_eq!(file.expected_content_type(), "application/octet-stream");
        assert_eq!(file.expected_body().unwrap().len(), 1024);
    }
}
