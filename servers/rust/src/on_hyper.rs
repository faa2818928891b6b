//! hyper without a framework: one function from a request to its answer, and the loop that accepts.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited, StreamBody};
use http1::MAX_BODY_BYTES;
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use spec::{Answer, Asked, Events};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::services::{Services, compute, respond};

/// An answer's body: whole, or a part after the other.
type Body = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

/// Serves until it hears of the stop, and then until all connections have ended.
pub(crate) async fn serve(
    listener: TcpListener,
    nodelay: bool,
    services: Arc<Services>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut http = Builder::new();
    http.timer(TokioTimer::new());
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, most likely: some come free when connections end.
            sleep(ACCEPT_RETRY).await;
            continue;
        };
        // A client that is gone already is found out when it is read from.
        let _ = stream.set_nodelay(nodelay);
        let services = Arc::clone(&services);
        let service = service_fn(move |request| answer(Arc::clone(&services), request));
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // Whatever happens to a connection is its client's affair.
            let _ = connection.await;
        });
    }
    connections.shutdown().await;
}

/// As axum waits.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

async fn answer(
    services: Arc<Services>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let body = if head.method == Method::POST {
        match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Ok(empty(StatusCode::PAYLOAD_TOO_LARGE));
            }
            Err(_) => return Ok(empty(StatusCode::BAD_REQUEST)),
        }
    } else {
        Bytes::new()
    };
    let target = head.uri.path_and_query();
    let request = http1::server::Request {
        method: http1::Method::from_token(head.method.as_str()),
        target: target.map_or("", |target| target.as_str()),
        version: match head.version {
            Version::HTTP_10 => http1::Version::Http10,
            _ => http1::Version::Http11,
        },
        body: &body,
        websocket_key: None,
        authorization: head.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes),
    };
    let asked = spec::asked(&request, serving::now_s());
    let answer = match asked {
        Asked::Answer(answer) => answer,
        Asked::Sleep { ms } => {
            sleep(Duration::from_millis(ms.into())).await;
            Answer::slept(ms)
        }
        Asked::Upstream { calls, ms, mode } => {
            let sum = services.upstream(calls, ms, mode).await;
            sum.map_or_else(
                |failure| failure.answer(),
                |sum| Answer::upstream(calls, sum),
            )
        }
        Asked::File { kib } => {
            let bytes = services.file(kib).await;
            bytes.map_or_else(|failure| failure.answer(), Answer::file)
        }
        Asked::Compute { work, offload } => compute(work, offload).await,
        Asked::Events(events) => return Ok(stream(events)),
        Asked::Chat(_) => return Ok(empty(StatusCode::NOT_IMPLEMENTED)),
        // On the heap: every connection has room for what an answer waits for, and this is larger than all else.
        Asked::Database(work) => Box::pin(services.database.answer(work)).await,
        Asked::Stats => services.stats(),
    };
    Ok(respond(answer).map(Either::Left))
}

fn stream(events: Events) -> Response<Body> {
    let parts = stream::unfold((events, false), |(mut events, has_begun)| async move {
        if events.is_over() {
            return None;
        }
        if has_begun && events.ms() > 0 {
            sleep(Duration::from_millis(events.ms().into())).await;
        }
        let mut part = Vec::new();
        events.append_due(&mut part);
        Some((Ok(Frame::data(part.into())), (events, true)))
    });
    Response::builder()
        .header(CONTENT_TYPE, Events::HEAD.content_type)
        .header(CACHE_CONTROL, "no-cache")
        .body(Either::Right(StreamBody::new(parts.boxed())))
        .expect("these fields are valid")
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}
