//! `/cpu` and `/hash`: computation, on the thread that serves the connection or in the pool.

use spec::{Answer, Failure, Work};

use crate::Server;
use crate::runtime::Runtime;

pub(super) async fn answer<R: Runtime>(server: &Server<R>, work: Work, offload: bool) -> Answer {
    if offload {
        let computed = R::run_blocking(&server.pool, move || work.run());
        return match computed.await {
            Some(computed) => Answer::computed(computed),
            None => Failure::Pool.answer(),
        };
    }
    // Blocks the thread, and every task that would like to run on it: that is what the route is for.
    let (answer, us) = serving::time(work);
    server.on_blocked(work, us);
    answer
}
