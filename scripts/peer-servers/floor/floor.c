/* The floor under every server: one epoll_wait, one read and one write a request, and nothing else.
 *
 * It parses nothing: whatever a read returns counts as one request and gets the same fixed answer, of the size that the
 * workspace's servers send for GET /plaintext. What a server costs above it is what its own code costs; what it costs
 * itself is the kernel's. Good for one request at a time on a connection, and for nothing else. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many events a turn as tokio and libuv take: far more than a measurement has connections. */
#define EVENTS_MAX 1024
#define READ_BYTES 4096
#define BACKLOG 1024

static const char ANSWER[] =
    "HTTP/1.1 200 OK\r\n"
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 13\r\n"
    "\r\n"
    "Hello, World!";

static int listen_on_loopback(void);
static void watch(int epoll, int fd);
static void accept_all(int epoll, int listener);
static void answer(int fd);
static void die(const char *what);

int main(void) {
    static struct epoll_event events[EVENTS_MAX];
    int listener = listen_on_loopback();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll_create1");
    watch(epoll, listener);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) accept_all(epoll, listener);
            else answer(fd);
        }
    }
}

/* A listening socket on a free port of 127.0.0.1; says on stdout which. */
static int listen_on_loopback(void) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    if (bind(fd, (struct sockaddr *)&addr, length) < 0) die("bind to 127.0.0.1");
    if (listen(fd, BACKLOG) < 0) die("listen");
    if (getsockname(fd, (struct sockaddr *)&addr, &length) < 0) die("getsockname");
    printf("listening on 127.0.0.1:%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return fd;
}

/* Level-triggered: a read that leaves something behind is called again, so one read a turn is always right. */
static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static void accept_all(int epoll, int listener) {
    const int on = 1;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN) return;
            if (errno == EINTR || errno == ECONNABORTED) continue;
            die("accept4");
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(epoll, fd);
    }
}

/* Closing a descriptor also takes it out of the epoll set, since nobody else holds it. */
static void answer(int fd) {
    static char request[READ_BYTES];
    ssize_t got = read(fd, request, sizeof request);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    /* An answer of this size always fits the send buffer of a client that waits for it; if not, the client is gone. */
    if (got <= 0 || write(fd, ANSWER, sizeof ANSWER - 1) != (ssize_t)(sizeof ANSWER - 1)) close(fd);
}

static void die(const char *what) {
    fprintf(stderr, "floor: ");
    perror(what);
    exit(1);
}
