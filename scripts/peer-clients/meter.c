/* Runs one program on one core, and writes down what it took.
 *
 *     meter REPORT CPU PROGRAM [ARGUMENT...]
 *
 * REPORT becomes one line of JSON: from start to end, the CPU time, user and kernel, of all threads, and the peak
 * resident memory. It is a program of its own, and a small one, because the kernel counts into that peak what a process
 * held before exec: a child of a Python interpreter would never show less than the interpreter. The exit code is the
 * program's, 128 + N where signal N ended it, and 127 where it could not be run. */

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ll
#define NOT_RUN 127

static void become(pid_t parent, char **command);
static long long now_ns(void);
static long long timeval_ns(struct timeval time);
static void die(const char *what);

int main(int argc, char **argv) {
    cpu_set_t cores;
    struct rusage used;
    int status;
    if (argc < 4) {
        fprintf(stderr, "usage: meter REPORT CPU PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    CPU_ZERO(&cores);
    CPU_SET(atoi(argv[2]), &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) < 0) die("sched_setaffinity");

    pid_t parent = getpid();
    long long start_ns = now_ns();
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) become(parent, &argv[3]);
    while (wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR) die("wait4");
    long long wall_ns = now_ns() - start_ns;

    FILE *report = fopen(argv[1], "w");
    if (!report) die(argv[1]);
    fprintf(report, "{\"wall_ns\":%lld,\"cpu_ns\":%lld,\"rss_kib_max\":%ld}\n", wall_ns,
            timeval_ns(used.ru_utime) + timeval_ns(used.ru_stime), used.ru_maxrss);
    if (fclose(report) != 0) die(argv[1]);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What is metered ends with its meter, however that ends. */
static void become(pid_t parent, char **command) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) die("prctl");
    if (getppid() != parent) _exit(NOT_RUN);
    execvp(command[0], command);
    fprintf(stderr, "meter: ");
    perror(command[0]);
    _exit(NOT_RUN);
}

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static long long timeval_ns(struct timeval time) { return time.tv_sec * NS_PER_S + time.tv_usec * 1000ll; }

static void die(const char *what) {
    fprintf(stderr, "meter: ");
    perror(what);
    exit(1);
}
