/* What the twin programs in C have in common: a loop on virtual time, and a trace of what it does. */
#ifndef TRACE_H
#define TRACE_H

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

extern uv_loop_t *loop;

/* A line with the turn, which is how often the prepare phase has been, and loop time. */
void trace(const char *format, ...);
/* A line without them, for what threads do in their own time. */
void line(const char *format, ...);
/* Lets time pass while a callback runs. */
void advance_ms(uint64_t ms);

/* Started handles with a name. */
uv_timer_t *timer(const char *name, uv_timer_cb callback, uint64_t after, uint64_t repeat);
uv_prepare_t *prepare(const char *name, uv_prepare_cb callback);
uv_check_t *check(const char *name, uv_check_cb callback);
uv_idle_t *idle(const char *name, uv_idle_cb callback);
#define name(handle) ((const char *)(handle)->data)
#define close_handle(handle, callback) uv_close((uv_handle_t *)(handle), callback)
/* Says "close NAME". */
void closed(uv_handle_t *handle);
/* Says the name. */
void say_timer(uv_timer_t *timer);
void say_prepare(uv_prepare_t *prepare);
void say_check(uv_check_t *check);
void say_idle(uv_idle_t *idle);

/* A listening socket of the loop's. */
uv_tcp_t *listen_for(uv_connection_cb callback);
/* A stream that connects to it. */
uv_tcp_t *connect_to(uv_tcp_t *listener, const char *name, uv_connect_cb callback);
/* A blocking socket that has connected to it. */
int client_of(uv_tcp_t *listener);
/* The next connection. */
uv_tcp_t *accept_from(uv_stream_t *listener, const char *name);
void read_from(uv_stream_t *stream, uv_read_cb callback);
/* Says what was read: "NAME reads TEXT", "NAME ends" or "NAME fails". */
void say_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer);
/* Sends text; says "NAME wrote TEXT" or "NAME could not write TEXT". */
void send_text(uv_stream_t *stream, const char *text);
/* Sends so many bytes, as a text named "much". */
void send_much(uv_stream_t *stream, size_t length);
/* Ends sending; says "NAME has shut down" or "NAME could not shut down". */
void end_sending(uv_stream_t *stream);

#endif
