/* Listeners and streams: compare streams.rs. */
#include "trace.h"

#include <sys/resource.h>
#include <unistd.h>

static uv_tcp_t *listener;
static uv_tcp_t *accepted;
static uv_tcp_t *connected;
static int times;

static const char *names[] = {"first", "second", "third"};

static void read_and_close(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    say_read(stream, length, buffer);
    close_handle(stream, closed);
}

static void say_accepted(uv_stream_t *stream, int status) {
    (void)status;
    uv_tcp_t *next = accept_from(stream, names[times]);
    trace("accepts %s", names[times]);
    read_from((uv_stream_t *)next, read_and_close);
    if (++times == 3) close_handle(stream, closed);
}

/* One connection is accepted an event; what it has sent is read after the next is accepted. */
void accepting(void) {
    listener = listen_for(say_accepted);
    for (int i = 0; i < 3; i++) {
        int client = client_of(listener);
        if (write(client, names[i], strlen(names[i])) < 0) abort();
    }
}

static void say_and_answer(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    say_read(stream, length, buffer);
    if (length > 0)
        send_text(stream, "pong");
    else if (length < 0)
        end_sending(stream);
}

static void accept_to_answer(uv_stream_t *stream, int status) {
    (void)status;
    accepted = accept_from(stream, "server");
    trace("accepts");
    read_from((uv_stream_t *)accepted, say_and_answer);
    close_handle(stream, closed);
}

static void read_and_end(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    say_read(stream, length, buffer);
    if (length > 0) end_sending(stream);
    if (length < 0) {
        close_handle(stream, closed);
        close_handle(accepted, closed);
    }
}

static void ping(uv_connect_t *request, int status) {
    trace("%s connects: %d", name(request->handle), !status);
    read_from(request->handle, read_and_end);
    send_text(request->handle, "ping");
}

/* A connection within one loop, from its begin to its end. */
void talking(void) {
    listener = listen_for(accept_to_answer);
    connected = connect_to(listener, "client", ping);
}

static void accept_only(uv_stream_t *stream, int status) {
    (void)status;
    accepted = accept_from(stream, "server");
    close_handle(stream, NULL);
}

static void write_thrice(uv_connect_t *request, int status) {
    uv_stream_t *stream = request->handle;
    trace("connects: %d", !status);
    for (int i = 0; i < 3; i++) {
        send_text(stream, names[i]);
        trace("queued after %s: %d", names[i], (int)uv_stream_get_write_queue_size(stream) > 5 * 3);
    }
    end_sending(stream);
}

static void read_all(uv_timer_t *handle) {
    say_timer(handle);
    read_from((uv_stream_t *)accepted, say_read);
}

/* What the socket takes at once is said to be written in the next pending phase, in order, and the end after it. */
void write_queue(void) {
    listener = listen_for(accept_only);
    connected = connect_to(listener, "client", write_thrice);
    timer("reads", read_all, 5, 0);
}

static void say_connected(uv_connect_t *request, int status) {
    trace("%s connects: %d", name(request->handle), !status);
}

/* What was written before there is a connection is sent in the poll phase after it. */
void written_before_connected(void) {
    listener = listen_for(accept_only);
    connected = connect_to(listener, "client", say_connected);
    send_text((uv_stream_t *)connected, "early");
    send_text((uv_stream_t *)connected, "earlier than connected");
    end_sending((uv_stream_t *)connected);
    timer("reads", read_all, 5, 0);
}

/* Nobody listens: the callback says so, and what was written was not. */
void refused(void) {
    static uv_tcp_t bound;
    struct sockaddr_in addr;
    uv_tcp_init(loop, &bound);
    uv_ip4_addr("127.0.0.1", 0, &addr);
    uv_tcp_bind(&bound, (struct sockaddr *)&addr, 0);
    connected = connect_to(&bound, "client", say_connected);
    send_text((uv_stream_t *)connected, "nothing");
}

static void write_much(uv_connect_t *request, int status) {
    uv_stream_t *stream = request->handle;
    trace("connects: %d", !status);
    send_text(stream, "little");
    send_much(stream, 64 * 1024 * 1024);
    send_text(stream, "more");
    end_sending(stream);
}

static void close_writer(uv_timer_t *handle) {
    say_timer(handle);
    close_handle(connected, closed);
}

/* Closed with writes that wait: they end in the closing phase, in order, before it is said to be closed. */
void closed_while_writing(void) {
    listener = listen_for(accept_only);
    connected = connect_to(listener, "client", write_much);
    timer("closes", close_writer, 5, 0);
}

static void read_once(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    say_read(stream, length, buffer);
    uv_read_stop(stream);
}

static void accept_to_pause(uv_stream_t *stream, int status) {
    (void)status;
    accepted = accept_from(stream, "server");
    read_from((uv_stream_t *)accepted, read_once);
    close_handle(stream, NULL);
}

static int client;

static void send_again(uv_timer_t *handle) {
    say_timer(handle);
    if (write(client, "again", 5) < 0) abort();
}

static void read_on(uv_timer_t *handle) {
    say_timer(handle);
    read_from((uv_stream_t *)accepted, ++times == 1 ? read_once : say_read);
    if (times == 2) close(client);
}

/* What comes during a pause is read after it. */
void pausing(void) {
    listener = listen_for(accept_to_pause);
    client = client_of(listener);
    if (write(client, "one", 3) < 0) abort();
    timer("sends", send_again, 5, 0);
    timer("reads on", read_on, 10, 0);
    timer("reads on, after the end", read_on, 20, 0);
}

static void write_next(uv_write_t *request, int status) {
    uv_buf_t buffer = uv_buf_init("x", 1);
    (void)status;
    times++;
    if (times < 12) uv_write(request, (uv_stream_t *)connected, &buffer, 1, write_next);
}

static void say_rounds(uv_check_t *handle) {
    trace("writes told: %d", times);
    if (times == 12) {
        uv_check_stop(handle);
        close_handle(connected, NULL);
        close_handle(accepted, NULL);
    }
}

static void begin_writing(uv_connect_t *request, int status) {
    static uv_write_t write;
    uv_buf_t buffer = uv_buf_init("x", 1);
    (void)request, (void)status;
    check("check", say_rounds);
    uv_write(&write, (uv_stream_t *)connected, &buffer, 1, write_next);
}

/* Callbacks that put off others get a round of them, and eight more after the poll phase. */
void pending_rounds(void) {
    listener = listen_for(accept_only);
    connected = connect_to(listener, "client", begin_writing);
}

enum { MANY = 1030 };
static int clients[MANY];
static uv_tcp_t *servers[MANY];
static int reads;

static void count_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    (void)buffer;
    if (length > 0) reads++;
    uv_read_stop(stream);
}

static void accept_many(uv_stream_t *stream, int status) {
    (void)status;
    servers[times++] = accept_from(stream, "server");
    if (times == MANY) close_handle(stream, NULL);
}

static void say_reads(uv_check_t *handle) {
    if (!reads) return;
    line("reads in one turn: %d", reads);
    uv_check_stop(handle);
}

static void send_all(uv_timer_t *handle) {
    (void)handle;
    line("accepted: %d", times);
    check("check", say_reads);
    for (int i = 0; i < MANY; i++) {
        read_from((uv_stream_t *)servers[i], count_read);
        if (write(clients[i], "x", 1) < 0) abort();
    }
}

/* More is ready than there is room for events: the turn polls again. */
void full_batches(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    listener = listen_for(accept_many);
    for (int i = 0; i < MANY; i++) clients[i] = client_of(listener);
    timer("sends", send_all, 1000, 0);
}
