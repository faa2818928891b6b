/* Phases, watchers, closing, references: compare watchers.rs. */
#include "trace.h"

static uv_handle_t *handles[4];
static int times;

static void close_something(uv_check_t *handle) {
    say_check(handle);
    uv_timer_t *something = timer("something", say_timer, 1000, 0);
    close_handle(something, closed);
    if (++times == 3)
        for (int i = 0; i < 4; i++) close_handle(handles[i], closed);
    advance_ms(1);
}

/* Every phase, for three turns; an idle callback keeps the poll from waiting. */
void phases(void) {
    handles[0] = (uv_handle_t *)check("check", close_something);
    handles[1] = (uv_handle_t *)idle("idle", say_idle);
    handles[2] = (uv_handle_t *)prepare("prepare", say_prepare);
    handles[3] = (uv_handle_t *)timer("timer", say_timer, 0, 1);
}

static void change(uv_check_t *handle) {
    if (++times == 1) uv_prepare_stop((uv_prepare_t *)handles[1]);
    if (times == 2) uv_prepare_start((uv_prepare_t *)handles[1], say_prepare);
    if (times == 3) {
        for (int i = 0; i < 3; i++) close_handle(handles[i], NULL);
        close_handle(handle, NULL);
        close_handle(handles[3], NULL);
    }
}

/* The one that was started last runs first. */
void order_of_watchers(void) {
    handles[0] = (uv_handle_t *)prepare("a", say_prepare);
    handles[1] = (uv_handle_t *)prepare("b", say_prepare);
    handles[2] = (uv_handle_t *)prepare("c", say_prepare);
    handles[3] = (uv_handle_t *)idle("idle", say_idle);
    check("change", change);
}

static void start_and_stop(uv_idle_t *handle) {
    say_idle(handle);
    if (++times == 1) {
        handles[2] = (uv_handle_t *)idle("started meanwhile", say_idle);
        uv_idle_stop((uv_idle_t *)handles[0]);
    }
    if (times == 3) {
        for (int i = 1; i < 3; i++) uv_idle_stop((uv_idle_t *)handles[i]);
    }
}

/* One that is started in its own phase waits for the next turn; one that is stopped there does not run. */
void watchers_in_their_phase(void) {
    handles[0] = (uv_handle_t *)idle("stopped", say_idle);
    handles[1] = (uv_handle_t *)idle("starts and stops", start_and_stop);
}

static void close_three(uv_timer_t *handle) {
    say_timer(handle);
    for (int i = 0; i < 3; i++) close_handle(handles[i], closed);
    trace("active: %d", uv_is_active(handles[0]));
}

/* The one that was closed last goes first. */
void closing(void) {
    handles[0] = (uv_handle_t *)timer("a", say_timer, 10, 0);
    handles[1] = (uv_handle_t *)check("b", say_check);
    handles[2] = (uv_handle_t *)idle("c", say_idle);
    timer("closes three", close_three, 0, 0);
}

static void close_next(uv_handle_t *handle) {
    closed(handle);
    if (++times < 3) close_handle(handles[times], close_next);
}

static void close_first(uv_check_t *handle) {
    say_check(handle);
    uv_check_stop(handle);
    close_handle(handles[0], close_next);
}

static void stop_itself(uv_idle_t *handle) { uv_idle_stop(handle); }

/* What a closing callback closes waits for the next turn. */
void closing_in_closing(void) {
    handles[0] = (uv_handle_t *)timer("a", say_timer, 10, 0);
    handles[1] = (uv_handle_t *)timer("b", say_timer, 10, 0);
    handles[2] = (uv_handle_t *)timer("c", say_timer, 10, 0);
    idle("idle", stop_itself);
    check("check", close_first);
}

static void take_away(uv_timer_t *handle) {
    say_timer(handle);
    uv_unref(handles[0]);
    trace("alive: %d", uv_loop_alive(loop));
}

/* The loop ends with its last referenced handle. */
void references(void) {
    uv_timer_t *nobodys = timer("nobody waits for this", say_timer, 100, 0);
    uv_unref((uv_handle_t *)nobodys);
    handles[0] = (uv_handle_t *)timer("nor, in the end, for this", say_timer, 50, 0);
    timer("takes away a reference", take_away, 10, 0);
}

static void stop(uv_handle_t *handle) {
    trace("%s", name(handle));
    uv_stop(loop);
    close_handle(handle, closed);
}

/* The loop stops at the end of the turn, and goes on when it is run again. */
void stopping(void) {
    prepare("prepare stops", (uv_prepare_cb)stop);
    check("check stops", (uv_check_cb)stop);
    timer("timer stops", (uv_timer_cb)stop, 5, 5);
    timer("timer", say_timer, 7, 0);
}
