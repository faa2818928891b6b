//! `/events`: a stream, whose next part is the business of a callback.

use spec::Events;

use crate::connection::Request;
use crate::event_loop::EventLoop;

pub(super) fn begin<L: EventLoop>(event_loop: &mut L, request: &Request<L>, events: Events) {
    request.begin_stream(event_loop, &Events::HEAD);
    emit(event_loop, request, events);
}

/// A client that is slow to take what went before holds its stream up here: nothing more is made for it, and no timer runs.
fn emit<L: EventLoop>(event_loop: &mut L, request: &Request<L>, mut events: Events) {
    while !events.is_over() {
        let later = request.clone();
        if request.is_blocked() {
            let go_on = move |event_loop: &mut L| emit(event_loop, &later, events);
            return request.when_taken(event_loop, go_on);
        }
        request.stream(event_loop, |part| events.append_due(part));
        if events.ms() > 0 && !events.is_over() {
            let go_on = move |event_loop: &mut L| emit(event_loop, &later, events);
            return request.after(event_loop, events.ms(), go_on);
        }
    }
    request.end_stream(event_loop);
}
