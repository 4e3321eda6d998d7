/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sockets allow: a client, a relay and a server, three processes, over loopback TCP. The
 * client keeps WINDOW requests under way, the relay copies bytes without looking at them, and the
 * server answers each request. There is no protocol and no cryptography: the same number of bytes
 * over the same sockets as a payment over a node.
 *
 * usage: bench_echo REQUEST_BYTES REPLY_BYTES WINDOW SECONDS
 */
#define _DEFAULT_SOURCE

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define BLOCK (1 << 16) /* as much as rilld reads */

static uint8_t block[BLOCK];

static void write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n <= 0)
            _exit(0);
        data += n;
        len -= (size_t)n;
    }
}

/* Both ends of a TCP connection over loopback. */
static void connected(int fds[2])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

    bench_check(bind(listener, (struct sockaddr *)&a, sizeof a), "bind");
    bench_check(listen(listener, 1), "listen");
    bench_check(getsockname(listener, (struct sockaddr *)&a, &len), "getsockname");
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    bench_check(connect(fds[0], (struct sockaddr *)&a, sizeof a), "connect");
    fds[1] = accept(listener, NULL, NULL);
    for (int i = 0; i < 2; i++)
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    close(listener);
}

static void relay(int client, int server)
{
    struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) <= 0)
            return;
        for (int i = 0; i < 2; i++) {
            if (!fds[i].revents)
                continue;
            ssize_t n = read(fds[i].fd, block, BLOCK);
            if (n <= 0)
                return;
            write_all(fds[1 - i].fd, block, (size_t)n);
        }
    }
}

static void serve(int fd, size_t request, size_t reply)
{
    static uint8_t out[1 << 20];
    size_t got = 0;
    for (;;) {
        ssize_t n = read(fd, block, BLOCK);
        if (n <= 0)
            return;
        got += (size_t)n;
        size_t answers = got / request;
        got %= request;
        for (size_t at = 0; at < answers;) {
            size_t now = answers - at < sizeof out / reply ? answers - at : sizeof out / reply;
            write_all(fd, out, now * reply);
            at += now;
        }
    }
}

/* Returns how many requests were answered. */
static double ask(int fd, size_t request, size_t reply, size_t window, uint64_t ns)
{
    size_t open = 0, got = 0;
    double answered = 0;
    uint8_t *out = calloc(window, request);
    uint64_t start = bench_ns(CLOCK_MONOTONIC);

    bench_check(out ? 0 : -1, "memory");
    while (bench_ns(CLOCK_MONOTONIC) - start < ns) {
        write_all(fd, out, (window - open) * request);
        open = window;
        ssize_t n = read(fd, block, BLOCK);
        if (n <= 0)
            break;
        got += (size_t)n;
        open -= got / reply;
        answered += (double)(got / reply);
        got %= reply;
    }
    free(out);
    return answered;
}

int main(int argc, char **argv)
{
    int near[2], far[2], status;
    struct rusage usage;

    if (argc != 5)
        return 2;
    size_t request = (size_t)bench_number(argv[1]), reply = (size_t)bench_number(argv[2]);
    uint64_t ns = (uint64_t)(bench_number(argv[4]) * 1e9);
    signal(SIGPIPE, SIG_IGN);
    connected(near);
    connected(far);
    pid_t server = fork();
    if (server == 0) {
        close(near[0]), close(near[1]), close(far[0]);
        serve(far[1], request, reply);
        _exit(0);
    }
    pid_t between = fork();
    if (between == 0) {
        close(near[0]), close(far[1]);
        relay(near[1], far[0]);
        _exit(0);
    }
    close(near[1]), close(far[0]), close(far[1]);
    double count = ask(near[0], request, reply, (size_t)bench_number(argv[3]), ns);
    close(near[0]);
    wait4(between, &status, 0, &usage);
    waitpid(server, &status, 0);
    bench_rate("packets", count, ns);
    bench_rate("megabytes", count * (double)request / 1e6, ns);
    bench_figure("relay_packets",
                 count / ((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                          (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6));
    return 0;
}
