/* The floor under every load generator: one write, one epoll_wait's share and one read a request, and nothing else.
 *
 *     floor-client PORT CONNECTIONS SECONDS          closed loop: the next request follows the reply
 *     floor-client PORT CONNECTIONS SECONDS RATE     open loop: RATE requests a second, evenly spaced, spinning
 *
 * It parses nothing: the first reply's length is learnt, and so many bytes are a reply from then on. What a generator
 * costs above the closed loop is what its own code costs; what a generator's median says above the open loop's is what
 * the generator adds. In the open loop every response time is kept as it is, so that percentiles are exact, and counts
 * from the moment when the request was due. Prints one line of JSON. Good for servers on 127.0.0.1 whose replies are all
 * of one length, and for nothing else. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
#define EVENTS_MAX 1024
#define READ_BYTES 65536
#define CONNECTIONS_MAX 60000
/* Eight bytes a response time and eight a send lag: at most 160 MB, and none before it is used. */
#define SAMPLES_MAX 10000000
/* A first reply is whole once nothing has followed for so long. */
#define SILENCE_MS 50
/* How long to wait for a first reply, and after an open loop for the last ones. */
#define PATIENCE_MS 1000

static const char REQUEST[] = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

struct connection {
    int fd;
    int received_bytes; /* of the reply under way */
    uint64_t due_ns;
};

static struct connection *connections;
static int connection_count;
static int reply_bytes;
static int epoll;

static void run_closed(uint64_t duration_ns);
static void run_open(uint64_t duration_ns, double rate_per_s);
static void open_connections(int port);
static void learn_reply_bytes(int fd);
static int is_answered(struct connection *connection);
static void send_request(struct connection *connection);
static uint64_t percentile(const uint64_t *sorted, size_t count, double share);
static int compare_u64(const void *a, const void *b);
static uint64_t now_ns(void);
static double number(const char *text, const char *what, double max);
static void die(const char *what);
static void refuse(const char *what);

int main(int argc, char **argv) {
    if (argc < 4 || argc > 5) refuse("usage: floor-client PORT CONNECTIONS SECONDS [RATE]");
    int port = number(argv[1], "PORT", 65535);
    connection_count = number(argv[2], "CONNECTIONS", CONNECTIONS_MAX);
    double duration_s = number(argv[3], "SECONDS", 3600);
    uint64_t duration_ns = duration_s * NS_PER_S;
    if (connection_count < 1) refuse("CONNECTIONS must be at least 1");
    open_connections(port);
    if (argc == 4) {
        run_closed(duration_ns);
        return 0;
    }
    double rate_per_s = number(argv[4], "RATE", NS_PER_S);
    if (rate_per_s * duration_s > SAMPLES_MAX) refuse("RATE times SECONDS is more than 10 million requests");
    run_open(duration_ns, rate_per_s);
    return 0;
}

static void run_closed(uint64_t duration_ns) {
    static struct epoll_event events[EVENTS_MAX];
    uint64_t requests = 0, start_ns = now_ns(), now = start_ns, end_ns = start_ns + duration_ns;
    for (int i = 0; i < connection_count; i++) send_request(&connections[i]);
    while (now < end_ns) {
        int ready = epoll_wait(epoll, events, EVENTS_MAX, (end_ns - now) / 1000000 + 1);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            if (!is_answered(events[i].data.ptr)) continue;
            requests++;
            send_request(events[i].data.ptr);
        }
        now = now_ns();
    }
    printf("{\"requests\":%llu,\"unfinished\":0,\"duration_ns\":%llu}\n", (unsigned long long)requests,
           (unsigned long long)(now - start_ns));
}

/* A due request takes the connection that has been free longest; with none free it waits, and the wait counts. */
static void run_open(uint64_t duration_ns, double rate_per_s) {
    static struct epoll_event events[EVENTS_MAX];
    size_t scheduled = rate_per_s * duration_ns / NS_PER_S, sent = 0, answered = 0;
    if (scheduled < 1) refuse("RATE times SECONDS is less than one request");
    uint64_t *response_ns = malloc(scheduled * sizeof *response_ns), *lag_ns = malloc(scheduled * sizeof *lag_ns);
    struct connection **free_ring = malloc(connection_count * sizeof *free_ring);
    if (!response_ns || !lag_ns || !free_ring) die("malloc");
    for (int i = 0; i < connection_count; i++) free_ring[i] = &connections[i];
    size_t taken = 0, returned = connection_count;
    uint64_t start_ns = now_ns(), end_ns = start_ns + duration_ns + PATIENCE_MS * 1000000ull;
    while (answered < scheduled) {
        uint64_t now = now_ns();
        if (now >= end_ns) break;
        for (uint64_t due_ns; sent < scheduled && taken < returned; sent++) {
            due_ns = start_ns + sent * (NS_PER_S / rate_per_s);
            now = now_ns();
            if (due_ns > now) break;
            struct connection *connection = free_ring[taken++ % connection_count];
            connection->due_ns = due_ns;
            lag_ns[sent] = now - due_ns;
            send_request(connection);
        }
        int ready = epoll_wait(epoll, events, EVENTS_MAX, 0);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!is_answered(connection)) continue;
            response_ns[answered++] = now_ns() - connection->due_ns;
            free_ring[returned++ % connection_count] = connection;
        }
    }
    if (answered == 0) refuse("no request was answered");
    qsort(response_ns, answered, sizeof *response_ns, compare_u64);
    qsort(lag_ns, sent, sizeof *lag_ns, compare_u64);
    printf("{\"requests\":%zu,\"unfinished\":%zu,\"duration_ns\":%llu,\"response_ns_p50\":%llu,\"response_ns_p99\":%llu,"
           "\"send_lag_ns_p99\":%llu}\n",
           answered, scheduled - answered, (unsigned long long)duration_ns,
           (unsigned long long)percentile(response_ns, answered, 0.5),
           (unsigned long long)percentile(response_ns, answered, 0.99),
           (unsigned long long)percentile(lag_ns, sent, 0.99));
}

/* Opened one after the other, before anything is measured; the first one learns what a reply is. */
static void open_connections(int port) {
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    connections = calloc(connection_count, sizeof *connections);
    if (!connections) die("calloc");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll_create1");
    for (int i = 0; i < connection_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) die("socket");
        if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) die("connect to 127.0.0.1");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[i].fd = fd;
        if (i == 0) learn_reply_bytes(fd);
        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) die("fcntl");
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
    }
}

static void learn_reply_bytes(int fd) {
    static char reply[READ_BYTES];
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    if (write(fd, REQUEST, sizeof REQUEST - 1) != (ssize_t)(sizeof REQUEST - 1)) die("write");
    while (poll(&wanted, 1, reply_bytes ? SILENCE_MS : PATIENCE_MS) > 0) {
        ssize_t got = read(fd, reply, sizeof reply);
        if (got <= 0) refuse("the server closed the connection instead of keeping it");
        reply_bytes += got;
    }
    if (reply_bytes == 0) refuse("the server did not answer the first request");
}

static int is_answered(struct connection *connection) {
    static char reply[READ_BYTES];
    ssize_t got = read(connection->fd, reply, sizeof reply);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) refuse("the server closed a connection");
    connection->received_bytes += got;
    if (connection->received_bytes < reply_bytes) return 0;
    if (connection->received_bytes > reply_bytes) refuse("a reply is longer than the first one");
    connection->received_bytes = 0;
    return 1;
}

/* A request of this size always fits the send buffer of a connection on which nothing is under way. */
static void send_request(struct connection *connection) {
    if (write(connection->fd, REQUEST, sizeof REQUEST - 1) != (ssize_t)(sizeof REQUEST - 1)) die("write");
}

/* By nearest rank: the smallest value that at least this share of all values doesn't exceed. */
static uint64_t percentile(const uint64_t *sorted, size_t count, double share) {
    size_t rank = share * count;
    if (rank < share * count) rank++;
    return sorted[rank ? rank - 1 : 0];
}

static int compare_u64(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static double number(const char *text, const char *what, double max) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0 && value <= max)) {
        fprintf(stderr, "floor-client: %s is '%s'; give a number above 0 and up to %.0f\n", what, text, max);
        exit(2);
    }
    return value;
}

static void die(const char *what) {
    fprintf(stderr, "floor-client: ");
    perror(what);
    exit(1);
}

static void refuse(const char *what) {
    fprintf(stderr, "floor-client: %s\n", what);
    exit(1);
}
