//! `/cpu` and `/hash`: computation, on the loop or in the pool.

use spec::{Answer, Work};

use crate::connection::Request;
use crate::event_loop::EventLoop;

pub(super) fn begin<L: EventLoop>(
    event_loop: &mut L,
    request: &Request<L>,
    work: Work,
    offload: bool,
) {
    if offload {
        request.answer_from_pool(event_loop, move || Answer::computed(work.run()), |_| ());
        return;
    }
    // Blocks the loop, and every connection on it: that is what the route is for.
    let (answer, us) = serving::time(work);
    request.server().work.borrow_mut().add(work, us);
    request.answer(event_loop, &answer);
}
