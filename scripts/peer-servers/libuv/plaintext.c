/* The floor once more, on libuv: what its loop and streams cost above a bare epoll.
 *
 * It parses nothing, like floor.c, and answers the same bytes. A reply is tried at once (uv_try_write), as Node does
 * before it queues anything. */

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define READ_BYTES 65536
#define BACKLOG 1024

static char ANSWER[] =
    "HTTP/1.1 200 OK\r\n"
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 13\r\n"
    "\r\n"
    "Hello, World!";

static void on_connection(uv_stream_t *listener, int status);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer);
static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);
static void on_close(uv_handle_t *handle);
static void must(int status, const char *what);

int main(void) {
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in addr;
    int length = sizeof addr;
    must(uv_ip4_addr("127.0.0.1", 0, &addr), "uv_ip4_addr");
    must(uv_tcp_init(loop, &listener), "uv_tcp_init");
    must(uv_tcp_bind(&listener, (struct sockaddr *)&addr, 0), "bind to 127.0.0.1");
    must(uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection), "listen");
    must(uv_tcp_getsockname(&listener, (struct sockaddr *)&addr, &length), "getsockname");
    printf("listening on 127.0.0.1:%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}

static void on_connection(uv_stream_t *listener, int status) {
    must(status, "accept");
    uv_tcp_t *client = malloc(sizeof *client);
    if (client == NULL) abort();
    must(uv_tcp_init(listener->loop, client), "uv_tcp_init");
    must(uv_accept(listener, (uv_stream_t *)client), "uv_accept");
    uv_tcp_nodelay(client, 1);
    must(uv_read_start((uv_stream_t *)client, on_alloc, on_read), "uv_read_start");
}

/* One buffer for all: libuv fills it and calls on_read before it asks again, and on_read keeps nothing. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    static char bytes[READ_BYTES];
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    uv_buf_t reply = uv_buf_init(ANSWER, sizeof ANSWER - 1);
    (void)buffer;
    if (got == 0) return;
    /* An answer of this size always fits the send buffer of a client that waits for it; if not, the client is gone. */
    if (got < 0 || uv_try_write(stream, &reply, 1) != (int)reply.len) uv_close((uv_handle_t *)stream, on_close);
}

static void on_close(uv_handle_t *handle) {
    free(handle);
}

static void must(int status, const char *what) {
    if (status >= 0) return;
    fprintf(stderr, "libuv: %s: %s\n", what, uv_strerror(status));
    exit(1);
}
