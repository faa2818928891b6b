/* Timers: compare timers.rs. */
#include "trace.h"

/* Those due in one millisecond fire in the order in which they were started, the last time that counts. */
void equal_timers(void) {
    timer("a", say_timer, 5, 0);
    timer("b", say_timer, 3, 0);
    timer("c", say_timer, 5, 0);
    uv_timer_t *d = timer("d", say_timer, 3, 0);
    timer("e", say_timer, 3, 0);
    uv_timer_start(d, say_timer, 3, 0);
}

/* What a callback starts is due from loop time; what it stops or puts off does not fire, though it is due. */
static uv_timer_t *others[3];

static void first(uv_timer_t *handle) {
    say_timer(handle);
    timer("one ms later", say_timer, 1, 0);
    uv_timer_stop(others[0]);
    uv_timer_start(others[1], say_timer, 2, 0);
    uv_timer_stop(others[2]);
    uv_timer_start(others[2], say_timer, 1, 0);
}

void timers_in_callbacks(void) {
    timer("first", first, 2, 0);
    others[0] = timer("stopped", say_timer, 2, 0);
    others[1] = timer("put off", say_timer, 2, 0);
    others[2] = timer("stopped and started", say_timer, 2, 0);
    timer("last", say_timer, 2, 0);
}

static void thrice(uv_timer_t *handle) {
    static int times;
    say_timer(handle);
    if (++times == 3) uv_timer_stop(handle);
    if (times == 2) uv_timer_again(others[0]);
}

/* Repeats are due a repeat after loop time; again is for those that repeat. */
void repeating_timers(void) {
    timer("every 10", thrice, 3, 10);
    others[0] = timer("later", say_timer, 20, 0);
    timer("at 13", say_timer, 13, 0);
}

static void hold(uv_timer_t *handle) {
    advance_ms(25);
    trace("%s", name(handle));
    timer("ten from loop time", say_timer, 10, 0);
    timer("thirty from loop time", say_timer, 30, 0);
}

/* Loop time stands still while a callback runs, and what it starts is due the sooner. */
void late_timers(void) {
    timer("holds", hold, 10, 0);
    timer("due meanwhile", say_timer, 20, 0);
    timer("due after", say_timer, 40, 0);
}

static void again_at_once(uv_timer_t *handle) {
    static int times;
    say_timer(handle);
    if (++times < 3) timer("started with 0", again_at_once, 0, 0);
}

/* A timer of 0 ms that a timer starts waits for the next turn. */
void zero_timers(void) { timer("zero", again_at_once, 0, 0); }

static void close_both(uv_timer_t *handle) {
    say_timer(handle);
    close_handle(handle, closed);
    close_handle(others[0], closed);
}

/* A closed timer does not fire, though it is due. */
void closed_timers(void) {
    timer("closes itself and another", close_both, 5, 1);
    others[0] = timer("other", say_timer, 5, 0);
    timer("third", say_timer, 5, 0);
}
