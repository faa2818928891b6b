/* The pool, and wake-ups from other threads: compare threads.rs. */
#include "trace.h"

static uv_async_t first, second;
static int times;

static void work(uv_work_t *request) { (void)request; }

static void done(uv_work_t *request, int status) {
    (void)status;
    line("done: %s", name(request));
}

static void queue(const char *called, uv_after_work_cb after) {
    uv_work_t *request = calloc(1, sizeof(*request));
    request->data = (void *)called;
    uv_queue_work(loop, request, work, after);
}

static void queue_more(uv_work_t *request, int status) {
    done(request, status);
    queue("queued by a callback", done);
}

/* One thread works in the order in which work was queued. */
void pool_order(void) {
    queue("a", done);
    queue("b", queue_more);
    queue("c", done);
}

static void say_phase(uv_handle_t *handle) { line("%s", name(handle)); }

/* Results come in the poll phase. */
void work_in_phases(void) {
    uv_unref((uv_handle_t *)prepare("prepare", (uv_prepare_cb)say_phase));
    uv_unref((uv_handle_t *)check("check", (uv_check_cb)say_phase));
    queue("work", done);
}

static void woken(uv_async_t *handle) {
    trace("%s", name(handle));
    if (++times == 1)
        /* From within its own callback: the next poll's. */
        for (int i = 0; i < 3; i++) uv_async_send(handle);
    else
        close_handle(handle, closed);
}

/* Sent many times, it comes once. */
void coalesced_asyncs(void) {
    uv_async_init(loop, &first, woken);
    first.data = "woken";
    for (int i = 0; i < 5; i++) uv_async_send(&first);
}

static void woken_once(uv_async_t *handle) {
    trace("%s", name(handle));
    close_handle(handle, closed);
}

/* They come in the order in which they were made, not sent. */
void order_of_asyncs(void) {
    uv_async_init(loop, &first, woken_once);
    uv_async_init(loop, &second, woken_once);
    first.data = "first";
    second.data = "second";
    uv_async_send(&second);
    uv_async_send(&first);
}
