//! Does a job's steps, as coroutines: each step is a function that waits where it stands.
//!
//! Knows how coroutines wait. Must never know routes or HTTP. To be read beside the callback server's interpreter: the
//! steps are the same, and how they are written down is the difference that the benchmark is about.

use std::io;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use http1::server::ResponseHead;
use spec::{Call, FailedStep, Job, Outcome, Place, Step, UpstreamError, Work, file_name};

use crate::Server;
use crate::connection::Connection;
use crate::runtime::Runtime;
use crate::upstream::Called;

/// Does every step in turn, and gives the outcome. Fails where the client of a stream is gone. Dropped on the way, it takes
/// back what can be taken back.
pub(crate) async fn run<R: Runtime>(
    mut job: Job,
    server: &Server<R>,
    client: &mut Connection<R>,
) -> io::Result<Outcome> {
    while let Some(step) = job.next_step() {
        match step {
            Step::Sleep { ms } => sleep(&mut job, client, ms).await?,
            Step::Call(call) => call_upstream(&mut job, server, call).await,
            Step::CallAll { calls, ms } => {
                call_upstream_in_parallel(&mut job, server, calls, ms).await;
            }
            Step::ReadFile { kib } => read_file(&mut job, server, kib).await,
            Step::Compute {
                work,
                place: Place::Loop,
            } => compute(&mut job, server, work),
            Step::Compute {
                work,
                place: Place::Pool,
            } => compute_in_pool(&mut job, server, work).await,
            Step::Stats => job.on_stats(&server.stats()),
            Step::Begin(head) => begin_stream(&mut job, server, client, &head),
            Step::Emit => emit(&mut job, client).await?,
        }
    }
    Ok(job.into_outcome())
}

async fn sleep<R: Runtime>(job: &mut Job, client: &mut Connection<R>, ms: u32) -> io::Result<()> {
    let sleep = R::sleep(Duration::from_millis(ms.into()));
    if job.is_streaming() {
        client.wait_in_stream(sleep).await?;
    } else {
        sleep.await;
    }
    job.on_slept();
    Ok(())
}

async fn call_upstream<R: Runtime>(job: &mut Job, server: &Server<R>, call: Call) {
    let Some(upstream) = &server.upstream else {
        return job.on_failed(&FailedStep::NoUpstream);
    };
    report_call(job, upstream.call(call).await);
}

/// The calls share this task: they mostly wait, and a task for each would cost more than it could win.
async fn call_upstream_in_parallel<R: Runtime>(
    job: &mut Job,
    server: &Server<R>,
    calls: u32,
    ms: u32,
) {
    let Some(upstream) = &server.upstream else {
        return job.on_failed(&FailedStep::NoUpstream);
    };
    let mut calls: FuturesUnordered<_> = Call::each(calls, ms)
        .map(|call| upstream.call(call))
        .collect();
    // Where one call fails, the rest are dropped on the way out and their connections with them.
    while !job.is_done() {
        let Some(called) = calls.next().await else {
            return;
        };
        report_call(job, called);
    }
}

fn report_call<R: Runtime>(job: &mut Job, called: Result<Called<'_, R>, UpstreamError>) {
    match called {
        Ok(called) => job.on_called(called.reply()),
        Err(error) => job.on_failed(&FailedStep::Upstream(error)),
    }
}

async fn read_file<R: Runtime>(job: &mut Job, server: &Server<R>, kib: u32) {
    let path = server.data_dir.join(file_name(kib));
    match server.pool.run::<R, _>(move || std::fs::read(path)).await {
        Some(Ok(bytes)) => job.on_file(bytes),
        Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => job.on_missing_file(),
        Some(Err(_)) => job.on_failed(&FailedStep::File),
        None => job.on_failed(&FailedStep::Pool),
    }
}

/// Holds the thread, and every task that would like to run on it, as the step demands.
fn compute<R: Runtime>(job: &mut Job, server: &Server<R>, work: Work) {
    let began = Instant::now();
    let computed = work.run();
    server.on_held(work, began.elapsed());
    job.on_computed(computed);
}

async fn compute_in_pool<R: Runtime>(job: &mut Job, server: &Server<R>, work: Work) {
    match server.pool.run::<R, _>(move || work.run()).await {
        Some(computed) => job.on_computed(computed),
        None => job.on_failed(&FailedStep::Pool),
    }
}

fn begin_stream<R: Runtime>(
    job: &mut Job,
    server: &Server<R>,
    client: &mut Connection<R>,
    head: &ResponseHead<'_>,
) {
    client.begin_stream(head, server);
    job.on_begun();
}

/// A client that is slow to take what went before holds its stream up here: nothing more is made for it, and no timer runs.
async fn emit<R: Runtime>(job: &mut Job, client: &mut Connection<R>) -> io::Result<()> {
    client.stream_part(job.part()).await?;
    job.on_emitted();
    Ok(())
}
