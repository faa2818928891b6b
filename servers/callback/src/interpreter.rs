//! Does a job's steps, as callbacks: each step is a function that says what is to happen when its wait is over.
//!
//! Knows how the loop calls back. Must never know routes or HTTP. To be read beside the coroutine server's interpreter: the
//! steps are the same, and how they are written down is the difference that the benchmark is about.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use http1::server::ResponseHead;
use libuv::Loop;
use spec::{Call, FailedStep, Job, Outcome, Place, Step, UpstreamError, Work, file_name};

use crate::connection::{Connection, Task};
use crate::upstream::{self, Upstream};

/// Does the steps of the client's job up to the first that has to be waited for. Gives the outcome if there was none;
/// otherwise the client gets it from a callback, [`Connection::on_outcome`].
pub(crate) fn run(event_loop: &mut Loop, client: &Rc<Connection>) -> Option<Outcome> {
    let task = Connection::task(client);
    // There is no next step while one is waited for.
    while let Some(step) = task.with_job(Job::next_step).flatten() {
        match step {
            Step::Sleep { ms } => sleep(event_loop, &task, ms),
            Step::Call(call) => call_upstream(event_loop, &task, call),
            Step::CallAll { calls, ms } => {
                call_upstream_in_parallel(event_loop, &task, calls, ms);
            }
            Step::ReadFile { kib } => read_file(event_loop, &task, kib),
            Step::Compute {
                work,
                place: Place::Loop,
            } => compute(&task, work),
            Step::Compute {
                work,
                place: Place::Pool,
            } => compute_in_pool(event_loop, &task, work),
            Step::Stats => stats(event_loop, &task),
            Step::Begin(head) => begin_stream(event_loop, &task, &head),
            Step::Emit => emit(event_loop, &task),
        }
    }
    client.take_outcome()
}

/// Goes on after a wait: tells the job how it ended, and does the steps that come next.
fn go_on(event_loop: &mut Loop, task: &Task, tell: impl FnOnce(&mut Job)) {
    // What ends after its request has failed, or its client has gone, is of no use to anybody.
    if task.with_job(tell).is_some()
        && let Some(outcome) = run(event_loop, task.client())
    {
        task.client().on_outcome(event_loop, outcome);
    }
}

fn sleep(event_loop: &mut Loop, task: &Task, ms: u32) {
    let client = Rc::clone(task.client());
    if client.is_deserted() {
        return client.close(event_loop);
    }
    // What a stream has emitted is due now, not after the sleep.
    client.flush(event_loop);
    let task = task.clone();
    client.after(event_loop, ms.into(), move |event_loop| {
        go_on(event_loop, &task, Job::on_slept);
    });
}

fn call_upstream(event_loop: &mut Loop, task: &Task, call: Call) {
    let Some(upstream) = &task.client().server().upstream else {
        task.with_job(|job| job.on_failed(&FailedStep::NoUpstream));
        return;
    };
    begin_call(event_loop, task, upstream, call);
}

/// The calls are all begun here and end in any order; the last to end goes on with the job.
fn call_upstream_in_parallel(event_loop: &mut Loop, task: &Task, calls: u32, ms: u32) {
    let Some(upstream) = &task.client().server().upstream else {
        task.with_job(|job| job.on_failed(&FailedStep::NoUpstream));
        return;
    };
    for call in Call::each(calls, ms) {
        begin_call(event_loop, task, upstream, call);
    }
}

fn begin_call(event_loop: &mut Loop, task: &Task, upstream: &Rc<Upstream>, call: Call) {
    let task = task.clone();
    upstream::call(event_loop, upstream, call, move |event_loop, called| {
        go_on(event_loop, &task, |job| report_call(job, called));
    });
}

fn report_call(job: &mut Job, called: Result<&[u8], UpstreamError>) {
    match called {
        Ok(reply) => job.on_called(reply),
        Err(error) => job.on_failed(&FailedStep::Upstream(error)),
    }
}

fn read_file(event_loop: &mut Loop, task: &Task, kib: u32) {
    let path = task.client().server().data_dir.join(file_name(kib));
    run_in_pool(
        event_loop,
        task,
        move || std::fs::read(path),
        |job, read| match read {
            Ok(bytes) => job.on_file(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => job.on_missing_file(),
            Err(_) => job.on_failed(&FailedStep::File),
        },
    );
}

/// Holds the loop, and every connection on it, as the step demands.
fn compute(task: &Task, work: Work) {
    let began = Instant::now();
    let computed = work.run();
    task.client().server().on_held(work, began.elapsed());
    task.with_job(|job| job.on_computed(computed));
}

fn compute_in_pool(event_loop: &mut Loop, task: &Task, work: Work) {
    run_in_pool(event_loop, task, move || work.run(), Job::on_computed);
}

fn run_in_pool<T: Send + 'static>(
    event_loop: &mut Loop,
    task: &Task,
    work: impl FnOnce() -> T + Send + 'static,
    tell: impl FnOnce(&mut Job, T) + 'static,
) {
    let later = task.clone();
    let queued = event_loop.queue_work(work, move |event_loop, result| {
        go_on(event_loop, &later, |job| tell(job, result));
    });
    if queued.is_err() {
        task.with_job(|job| job.on_failed(&FailedStep::Pool));
    }
}

/// All loops are asked; where there is but one, it has answered.
fn stats(event_loop: &Loop, task: &Task) {
    let server = task.client().server();
    let own = server.stats(event_loop);
    let later = task.clone();
    let is_waiting = server.census.ask(&own, move |event_loop, stats| {
        go_on(event_loop, &later, |job| job.on_stats(stats));
    });
    if !is_waiting {
        task.with_job(|job| job.on_stats(&own));
    }
}

fn begin_stream(event_loop: &mut Loop, task: &Task, head: &ResponseHead<'_>) {
    task.client().begin_stream(event_loop, head);
    task.with_job(Job::on_begun);
}

/// A client that is slow to take what went before holds its stream up here: nothing more is made for it, and no timer runs.
fn emit(event_loop: &mut Loop, task: &Task) {
    let client = Rc::clone(task.client());
    if !client.is_blocked() {
        client.stream_part(event_loop);
        task.with_job(Job::on_emitted);
        return;
    }
    if client.is_deserted() {
        return client.close(event_loop);
    }
    let task = task.clone();
    client.when_taken(move |event_loop| {
        task.client().stream_part(event_loop);
        go_on(event_loop, &task, Job::on_emitted);
    });
}
