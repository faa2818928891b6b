#define _GNU_SOURCE
#include "trace.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PROGRAMS(X)                                                                                 \
    X(equal_timers) X(timers_in_callbacks) X(repeating_timers) X(late_timers) X(zero_timers)        \
    X(closed_timers) X(phases) X(order_of_watchers) X(watchers_in_their_phase) X(closing)           \
    X(closing_in_closing) X(references) X(stopping) X(accepting) X(talking) X(write_queue)          \
    X(written_before_connected) X(refused) X(closed_while_writing) X(pausing) X(pending_rounds)     \
    X(full_batches) X(pool_order) X(work_in_phases) X(coalesced_asyncs) X(order_of_asyncs)

#define DECLARE(program) void program(void);
PROGRAMS(DECLARE)

uv_loop_t *loop;
static uint64_t now_ns;
static unsigned turn;

/* libuv finds these two before the C library's: its time is ours, and stands still but for waits and advance_ms(). */
int clock_gettime(clockid_t id, struct timespec *time) {
    (void)id;
    time->tv_sec = now_ns / 1000000000;
    time->tv_nsec = now_ns % 1000000000;
    return 0;
}

/* Looks once, and where nothing is ready moves time to the end of the wait. For ever is waited as usual. */
int epoll_pwait(int epoll, struct epoll_event *events, int room, int timeout, const sigset_t *mask) {
    int count = syscall(SYS_epoll_pwait, epoll, events, room, timeout < 0 ? -1 : 0, mask, _NSIG / 8);
    if (count == 0 && timeout > 0) now_ns += (uint64_t)timeout * 1000000;
    return count;
}

int epoll_wait(int epoll, struct epoll_event *events, int room, int timeout) {
    return epoll_pwait(epoll, events, room, timeout, NULL);
}

void advance_ms(uint64_t ms) { now_ns += ms * 1000000; }

void trace(const char *format, ...) {
    va_list arguments;
    printf("turn %u, %llu ms: ", turn, (unsigned long long)uv_now(loop));
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void line(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

#define MAKE(type, handle) type *handle = calloc(1, sizeof(type))

uv_timer_t *timer(const char *called, uv_timer_cb callback, uint64_t after, uint64_t repeat) {
    MAKE(uv_timer_t, handle);
    uv_timer_init(loop, handle);
    handle->data = (void *)called;
    uv_timer_start(handle, callback, after, repeat);
    return handle;
}

#define WATCHER(type)                                                              \
    uv_##type##_t *type(const char *called, uv_##type##_cb callback) {             \
        MAKE(uv_##type##_t, handle);                                               \
        uv_##type##_init(loop, handle);                                            \
        handle->data = (void *)called;                                             \
        uv_##type##_start(handle, callback);                                       \
        return handle;                                                             \
    }                                                                              \
    void say_##type(uv_##type##_t *handle) { trace("%s", name(handle)); }
WATCHER(prepare)
WATCHER(check)
WATCHER(idle)

void say_timer(uv_timer_t *handle) { trace("%s", name(handle)); }
void closed(uv_handle_t *handle) { trace("close %s", name(handle)); }

static struct sockaddr_in addr_of(uv_tcp_t *listener) {
    struct sockaddr_in addr;
    int length = sizeof(addr);
    uv_tcp_getsockname(listener, (struct sockaddr *)&addr, &length);
    return addr;
}

uv_tcp_t *listen_for(uv_connection_cb callback) {
    struct sockaddr_in addr;
    MAKE(uv_tcp_t, listener);
    uv_tcp_init(loop, listener);
    listener->data = "listener";
    uv_ip4_addr("127.0.0.1", 0, &addr);
    uv_tcp_bind(listener, (struct sockaddr *)&addr, 0);
    uv_listen((uv_stream_t *)listener, 2048, callback);
    return listener;
}

uv_tcp_t *connect_to(uv_tcp_t *listener, const char *called, uv_connect_cb callback) {
    struct sockaddr_in addr = addr_of(listener);
    MAKE(uv_tcp_t, stream);
    MAKE(uv_connect_t, request);
    uv_tcp_init(loop, stream);
    stream->data = (void *)called;
    uv_tcp_connect(request, stream, (struct sockaddr *)&addr, callback);
    return stream;
}

int client_of(uv_tcp_t *listener) {
    struct sockaddr_in addr = addr_of(listener);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, (struct sockaddr *)&addr, sizeof(addr))) abort();
    return client;
}

uv_tcp_t *accept_from(uv_stream_t *listener, const char *called) {
    MAKE(uv_tcp_t, stream);
    uv_tcp_init(loop, stream);
    stream->data = (void *)called;
    if (uv_accept(listener, (uv_stream_t *)stream)) abort();
    return stream;
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    static char room[64 * 1024];
    (void)handle, (void)suggested;
    *buffer = uv_buf_init(room, sizeof(room));
}

void read_from(uv_stream_t *stream, uv_read_cb callback) { uv_read_start(stream, allocate, callback); }

void say_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    if (length > 0)
        trace("%s reads %.*s", name(stream), (int)length, buffer->base);
    else if (length)
        trace("%s %s", name(stream), length == UV_EOF ? "ends" : "fails");
}

static void written(uv_write_t *request, int status) {
    trace("%s %s %s", name(request->handle), status ? "could not write" : "wrote", name(request));
}

static void send_bytes(uv_stream_t *stream, const char *called, const char *bytes, size_t length) {
    MAKE(uv_write_t, request);
    uv_buf_t buffer = uv_buf_init((char *)bytes, length);
    request->data = (void *)called;
    uv_write(request, stream, &buffer, 1, written);
}

void send_text(uv_stream_t *stream, const char *text) { send_bytes(stream, text, text, strlen(text)); }
void send_much(uv_stream_t *stream, size_t length) { send_bytes(stream, "much", calloc(1, length), length); }

static void shut(uv_shutdown_t *request, int status) {
    trace("%s %s", name(request->handle), status ? "could not shut down" : "has shut down");
}

void end_sending(uv_stream_t *stream) {
    MAKE(uv_shutdown_t, request);
    uv_shutdown(request, stream, shut);
}

static void count_turn(uv_prepare_t *handle) {
    (void)handle;
    turn++;
}

int main(int count, char **arguments) {
    static uv_loop_t the_loop;
    const char *program = count > 1 ? arguments[1] : "";
    loop = &the_loop;
#define NAME(called) if (!*program) puts(#called);
    PROGRAMS(NAME)
    if (!strcmp(program, "version")) puts(uv_version_string());
    /* One thread, so that work is done in order. */
    setenv("UV_THREADPOOL_SIZE", "1", 1);
    uv_loop_init(loop);
    uv_unref((uv_handle_t *)prepare("turn", count_turn));
#define RUN(called) if (!strcmp(program, #called)) called();
    PROGRAMS(RUN)
    while (*program && strcmp(program, "version") && uv_run(loop, UV_RUN_DEFAULT)) trace("stopped");
    return 0;
}
