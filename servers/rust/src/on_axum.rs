//! axum: a router, extractors, and functions that answer.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Result};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use http1::MAX_BODY_BYTES;
use serde::{Deserialize, Serialize};
use spec::{
    DatabaseWork, FILE_SIZES_KIB, MAX_CALL_MS, MAX_CALLS, MAX_EVENT_MS, MAX_EVENTS, MAX_HASH_KIB,
    MAX_LISTED_ID, MAX_PRODUCT_ID, MAX_ROUNDS, MAX_SLEEP_MS, Mode, Work,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::services::{Services, compute, respond};

/// Serves until it hears of the stop, and then until all connections have ended.
pub(crate) async fn serve(
    listener: TcpListener,
    nodelay: bool,
    services: Arc<Services>,
    stopped: oneshot::Receiver<()>,
) {
    let listener = listener.tap_io(move |stream| {
        // A client that is gone already is found out when it is read from.
        let _ = stream.set_nodelay(nodelay);
    });
    let stopped = async {
        let _ = stopped.await;
    };
    let served = axum::serve(listener, app(services)).with_graceful_shutdown(stopped);
    served
        .await
        .expect("axum::serve waits and goes on where accepting fails");
}

fn app(services: Arc<Services>) -> Router {
    Router::new()
        .route("/plaintext", get(|| async { "Hello, World!" }))
        .route("/json", get(json))
        .route("/sleep/{ms}", get(slept))
        .route("/upstream", get(upstream))
        .route("/file/{kib}", get(file))
        .route("/cpu/{rounds}", get(cpu))
        .route("/hash/{kib}", get(hash))
        .route("/orders", post(orders))
        .route("/auth", get(auth))
        .route("/upload", post(upload))
        .route("/events", get(events))
        .route("/db/product/{id}", get(product))
        .route("/db/products/{id}", get(products))
        .route("/db/queries/{id}", get(queries))
        .route("/db/orders", post(stored_order))
        .route("/db/cached/{id}", get(cached))
        .route("/stats", get(stats))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(services)
}

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

async fn json() -> Json<Message> {
    Json(Message {
        message: "Hello, World!",
    })
}

async fn slept(Path(ms): Path<u32>) -> Result<String> {
    within("ms", ms, 0..=MAX_SLEEP_MS)?;
    sleep(Duration::from_millis(ms.into())).await;
    Ok(format!("slept {ms}"))
}

#[derive(Deserialize)]
struct UpstreamQuery {
    calls: u32,
    ms: u32,
    #[serde(default)]
    mode: Order,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Seq,
    Par,
}

#[derive(Serialize)]
struct Sum {
    calls: u32,
    sum: u64,
}

async fn upstream(
    State(services): State<Arc<Services>>,
    Query(UpstreamQuery { calls, ms, mode }): Query<UpstreamQuery>,
) -> Result<Json<Sum>> {
    within("calls", calls, 1..=MAX_CALLS)?;
    within("ms", ms, 0..=MAX_CALL_MS)?;
    let mode = match mode {
        Order::Seq => Mode::Sequential,
        Order::Par => Mode::Parallel,
    };
    let sum = services.upstream(calls, ms, mode).await;
    let sum = sum.map_err(|failure| respond::<Body>(failure.answer()))?;
    Ok(Json(Sum { calls, sum }))
}

async fn file(State(services): State<Arc<Services>>, Path(kib): Path<u32>) -> Result<Vec<u8>> {
    if !FILE_SIZES_KIB.contains(&kib) {
        return Err(StatusCode::NOT_FOUND.into());
    }
    let bytes = services.file(kib).await;
    Ok(bytes.map_err(|failure| respond::<Body>(failure.answer()))?)
}

#[derive(Deserialize)]
struct Offload {
    offload: Option<u32>,
}

impl Offload {
    fn is_asked_for(&self) -> bool {
        self.offload == Some(1)
    }
}

async fn cpu(Path(rounds): Path<u32>, Query(offload): Query<Offload>) -> Result<Response<Body>> {
    within("rounds", rounds, 0..=MAX_ROUNDS)?;
    let answer = compute(Work::Xorshift { rounds }, offload.is_asked_for());
    Ok(respond(answer.await))
}

async fn hash(Path(kib): Path<u32>, Query(offload): Query<Offload>) -> Result<Response<Body>> {
    within("kib", kib, 0..=MAX_HASH_KIB)?;
    let answer = compute(Work::Sha256 { kib }, offload.is_asked_for());
    Ok(respond(answer.await))
}

async fn orders(body: Bytes) -> Response<Body> {
    respond(spec::order_answer(&body))
}

async fn auth(headers: HeaderMap) -> Response<Body> {
    let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    respond(spec::auth_answer(authorization, serving::now_s()))
}

async fn upload(body: Bytes) -> Response<Body> {
    respond(spec::upload_answer(&body))
}

#[derive(Deserialize)]
struct EventsQuery {
    n: u32,
    ms: u32,
}

async fn events(Query(EventsQuery { n, ms }): Query<EventsQuery>) -> Result<impl IntoResponse> {
    within("n", n, 1..=MAX_EVENTS)?;
    within("ms", ms, 0..=MAX_EVENT_MS)?;
    let events = stream::unfold(0, move |sent| async move {
        if sent == n {
            return None;
        }
        if sent > 0 && ms > 0 {
            sleep(Duration::from_millis(ms.into())).await;
        }
        let event = Event::default().data((sent + 1).to_string());
        Some((Ok::<_, Infallible>(event), sent + 1))
    });
    let content_type = [(CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    Ok((content_type, Sse::new(events)))
}

async fn product(
    State(services): State<Arc<Services>>,
    Path(id): Path<u32>,
) -> Result<Response<Body>> {
    within("id", id, 1..=MAX_PRODUCT_ID)?;
    let answer = services.database.answer(DatabaseWork::Product { id });
    Ok(respond(answer.await))
}

async fn products(
    State(services): State<Arc<Services>>,
    Path(id): Path<u32>,
) -> Result<Response<Body>> {
    within("id", id, 1..=MAX_LISTED_ID)?;
    let answer = services.database.answer(DatabaseWork::Products { id });
    Ok(respond(answer.await))
}

async fn queries(
    State(services): State<Arc<Services>>,
    Path(id): Path<u32>,
) -> Result<Response<Body>> {
    within("id", id, 1..=MAX_PRODUCT_ID)?;
    let answer = services.database.answer(DatabaseWork::Queries { id });
    Ok(respond(answer.await))
}

async fn cached(
    State(services): State<Arc<Services>>,
    Path(id): Path<u32>,
) -> Result<Response<Body>> {
    within("id", id, 1..=MAX_PRODUCT_ID)?;
    let answer = services.database.answer(DatabaseWork::Cached { id });
    Ok(respond(answer.await))
}

async fn stored_order(State(services): State<Arc<Services>>, body: Bytes) -> Response<Body> {
    respond(match spec::order_work(&body) {
        Ok(work) => services.database.answer(work).await,
        Err(refusal) => refusal,
    })
}

async fn stats(State(services): State<Arc<Services>>) -> Response<Body> {
    respond(services.stats())
}

fn within(name: &str, value: u32, range: RangeInclusive<u32>) -> Result<(), (StatusCode, String)> {
    if range.contains(&value) {
        return Ok(());
    }
    let (min, max) = range.into_inner();
    let reason = format!("{name} must be from {min} to {max}; it is {value}");
    Err((StatusCode::BAD_REQUEST, reason))
}
