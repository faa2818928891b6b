//! What the routes of both servers need: files, the upstream, the database, computation, figures of the runtime; and `spec`'s answers as
//! hyper has them.
//!
//! Knows tokio. Must never know requests.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use coroutine::TokioDatabase;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Empty};
use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serving::LagRecorder;
use spec::{
    Answer, Call, Failure, LAG_SAMPLE_MS, Mode, Settings, Stats, UpstreamError, Work, add_reply,
};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

/// What all connections of a server share.
pub(crate) struct Services {
    /// For `/stats`.
    name: &'static str,
    data_dir: PathBuf,
    /// None where the settings name none; `/upstream` then fails.
    upstream: Option<(Client<HttpConnector, Empty<Bytes>>, SocketAddr)>,
    /// The database and the cache.
    pub(crate) database: TokioDatabase,
    lag: Mutex<LagRecorder>,
}

impl Services {
    pub(crate) fn new(settings: &Settings, name: &'static str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(settings.nodelay);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self {
            name,
            data_dir: PathBuf::from(&settings.data_dir),
            upstream: settings.upstream.map(|addr| (client, addr)),
            database: TokioDatabase::new(settings),
            lag: Mutex::new(LagRecorder::default()),
        }
    }

    /// Measures the runtime's lag for as long as it runs.
    pub(crate) async fn beat(self: Arc<Self>) {
        let interval = Duration::from_millis(LAG_SAMPLE_MS);
        loop {
            let due = Instant::now() + interval;
            sleep(interval).await;
            let mut lag = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
            lag.record(due, Instant::now());
        }
    }

    /// The file of this size, read whole by the runtime's threads for blocking work.
    pub(crate) async fn file(&self, kib: u32) -> Result<Vec<u8>, Failure> {
        let path = self.data_dir.join(spec::file_name(kib));
        tokio::fs::read(path)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Failure::MissingFile { kib },
                _ => Failure::File,
            })
    }

    /// The sum of the upstream's replies.
    pub(crate) async fn upstream(&self, calls: u32, ms: u32, mode: Mode) -> Result<u64, Failure> {
        let calls = Call::each(calls, ms);
        let mut sum = 0;
        match mode {
            Mode::Sequential => {
                for call in calls {
                    sum = add_reply(sum, self.call(call).await?)?;
                }
            }
            Mode::Parallel => {
                for reply in try_join_all(calls.map(|call| self.call(call))).await? {
                    sum = add_reply(sum, reply)?;
                }
            }
        }
        Ok(sum)
    }

    async fn call(&self, call: Call) -> Result<u64, Failure> {
        let Some((client, addr)) = &self.upstream else {
            return Err(Failure::NoUpstream);
        };
        let Call { number, ms } = call;
        let uri: Uri = format!("http://{addr}/call/{number}?ms={ms}")
            .parse()
            .expect("an address and numbers make a URI");
        let reply = async {
            let reply = client.get(uri).await;
            let reply = reply.map_err(|_| UpstreamError::Unreachable)?;
            if reply.status() != StatusCode::OK {
                return Err(UpstreamError::Status(reply.status().as_u16()));
            }
            let body = reply.into_body().collect().await;
            let body = body.map_err(|_| UpstreamError::Lost)?.to_bytes();
            let digits = str::from_utf8(&body).ok();
            digits
                .and_then(|digits| digits.parse().ok())
                .ok_or(UpstreamError::NotANumber)
        };
        let limit = Duration::from_millis(call.limit_ms());
        let reply = timeout(limit, reply).await;
        Ok(reply.unwrap_or(Err(UpstreamError::Silent))?)
    }

    /// tokio's stable metrics, and the lag.
    pub(crate) fn stats(&self) -> Answer {
        let metrics = Handle::current().metrics();
        let stats = Stats {
            runtime: self.name,
            tasks_alive: u64::try_from(metrics.num_alive_tasks()).ok(),
            run_queue_depth: u64::try_from(metrics.global_queue_depth()).ok(),
            ..Stats::default()
        };
        let lag = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        Answer::stats(&lag.stats(stats))
    }
}

/// What a computation answers, done on this thread or on one for blocking work.
pub(crate) async fn compute(work: Work, offload: bool) -> Answer {
    let computed = if offload {
        tokio::task::spawn_blocking(move || work.run())
            .await
            .expect("a computation can't fail, and nobody aborts it")
    } else {
        work.run()
    };
    Answer::computed(computed)
}

/// An answer of `spec`, with a body of hyper's or of axum's.
pub(crate) fn respond<B: From<Bytes>>(answer: Answer) -> Response<B> {
    let mut response = Response::builder()
        .status(answer.status)
        .header(CONTENT_TYPE, answer.content_type);
    for (name, value) in answer.headers {
        response = response.header(*name, *value);
    }
    response
        .body(Bytes::from(answer.body.into_owned()).into())
        .expect("spec's answers are valid")
}
