/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of BTP clients of the worse kind, in one thread. Nothing in it is
 * shared with what it hammers at.
 *
 *   hammer MODE PORT COUNT [parallel=N] [name=ACCOUNT] [address=ILP-ADDRESS] [seed=N] [mib=N]
 *
 * Modes that end by themselves, when COUNT connections (packets) are done:
 *   storm    authenticates with a token of its own, and leaves: every other one by a reset
 *   tokens   the same without a name; with name=ACCOUNT every token is a wrong one
 *   huge     authenticates, then sends mib=100 MiB: as one frame, in fragments, as a header
 *   garbage  random bytes: instead of HTTP, frames, BTP, an ILP packet, STREAM data
 *   stream   COUNT Prepares with STREAM tokens that nobody made, over `parallel` connections
 * Modes that hold their connections, and read commands from standard input until it ends; "count"
 * tells how things are, "ask" lets each client ask the node something and waits for the answers:
 *   hold     authenticates      silent   connects, and no more       tls    half of a ClientHello
 *   drip     sends its request a byte a second        trickle  a message, once it is authenticated
 *   deaf     asks and asks, and never reads
 *
 * Prints JSON, a line an answer.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hammer_wire.h"

enum { EVENTS = 1024, IN_MAX = 2048, BATCH = 65536, WINDOW = 64, SOURCES = 250, GIVE_UP = 60 };

typedef enum mode {
    STORM,
    TOKENS,
    HUGE_FRAMES,
    GARBAGE,
    STREAM,
    HOLD,
    SILENT,
    TLS,
    DRIP,
    TRICKLE,
    DEAF
} mode;

static const char *const mode_names[] = {"storm",  "tokens", "huge", "garbage", "stream", "hold",
                                         "silent", "tls",    "drip", "trickle", "deaf"};

typedef struct conn {
    int fd; /* -1: free */
    uint32_t number;
    bool connected;
    bool upgraded;
    bool accepted;
    uint64_t written; /* of what it has to write in all */
    unsigned asked;   /* requests that wait for an answer */
    size_t skip;      /* bytes of a frame that are of no interest */
    size_t in_len;
    uint8_t in[IN_MAX];
} conn;

static struct {
    mode mode;
    uint16_t port;
    uint64_t count;
    uint64_t parallel;
    const char *name;
    const char *address;
    uint64_t mib;
} o = {.parallel = 256, .name = "", .address = "", .mib = 100};

static struct {
    uint64_t started, connected, accepted, refused, closed, failed, done, asked, answered;
    uint64_t fulfilled, f06, t00, other, bytes;
} n;

static conn *conns;
static int epoll_fd;
static uint64_t live; /* connections that are open */
static uint8_t batch[BATCH];

static void die(const char *what)
{
    fprintf(stderr, "hammer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool holds(void)
{
    return o.mode >= HOLD;
}

/* ---- connections ---- */

static void start_next(conn *c);

static void finish(conn *c)
{
    /* No TIME_WAIT: there are not that many ports. */
    const struct linger reset = {1, 0};
    if ((c->number & 1) != 0 || o.mode != STORM)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(c->fd);
    c->fd = -1;
    live--;
    n.done++;
    if (!holds() && o.mode != STREAM)
        start_next(c);
}

static void watch(conn *c, uint32_t events, int op)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll_fd, op, c->fd, &e) != 0)
        die("epoll_ctl");
}

static void start_next(conn *c)
{
    int one = 1;
    if (n.started >= o.count && o.mode != STREAM)
        return;
    memset(c, 0, offsetof(conn, in));
    c->number = (uint32_t)n.started++;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f010001 + c->number % SOURCES)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(o.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (o.mode == DEAF) {
        int small = 4096;
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0)
        die("bind");
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        die("connect");
    live++;
    watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

/* As much as the socket takes; -1: it is over. */
static ssize_t put(conn *c, const uint8_t *data, size_t len)
{
    ssize_t sent = send(c->fd, data, len, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        return 0;
    if (sent > 0)
        n.bytes += (uint64_t)sent;
    return sent;
}

/* ---- what each mode does ---- */

static void on_connected(conn *c)
{
    uint8_t out[2048];
    size_t len = 0;
    n.connected++;
    c->connected = true;
    watch(c, o.mode == HUGE_FRAMES ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
    if (o.mode == SILENT || o.mode == DRIP)
        return;
    if (o.mode == TLS) {
        /* A record that says 512 bytes, of which some come. */
        static const uint8_t half[] = {22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7, 7, 7, 7, 7, 7};
        put(c, half, sizeof half);
        return;
    }
    if (o.mode == GARBAGE && c->number % 5 == 0) {
        fill_random(out, sizeof out);
        put(c, out, sizeof out);
        shutdown(c->fd, SHUT_WR);
        return;
    }
    len = put_greeting(out);
    if (o.mode == GARBAGE && c->number % 5 == 1) {
        fill_random(out + len, 1024);
        put(c, out, len + 1024);
        shutdown(c->fd, SHUT_WR);
        return;
    }
    len += put_auth(out + len, o.name);
    put(c, out, len);
}

static void send_garbage(conn *c)
{
    uint8_t out[4096], junk[300], packet[2048];
    size_t len = 0;
    fill_random(junk, sizeof junk);
    for (uint32_t i = 0; i < 4; i++) {
        if (c->number % 5 == 2)
            len += put_frame(out + len, 0x82, junk, (size_t)(next_random() % sizeof junk));
        else if (c->number % 5 == 3)
            len += put_request(out + len, i + 1, junk, (size_t)(next_random() % sizeof junk));
        else if (*o.address != '\0')
            len += put_request(out + len, i + 1, packet,
                               put_prepare(packet, o.address, 1, junk, sizeof junk));
    }
    put(c, out, len);
    if (c->number % 5 == 4 && len > 0)
        c->asked = 4; /* the receiver's answers are waited for */
    else
        shutdown(c->fd, SHUT_WR);
}

static void send_bogus(conn *c)
{
    size_t len = 0;
    while (c->asked < WINDOW && n.asked < o.count && len < BATCH - 4096) {
        len += put_bogus(batch + len, (uint32_t)++n.asked, o.address);
        c->asked++;
    }
    /* A window is less than what a socket takes. */
    if (len > 0 && put(c, batch, len) != (ssize_t)len)
        die("send");
}

static void on_accepted(conn *c)
{
    n.accepted++;
    c->accepted = true;
    if (o.mode == STORM || o.mode == TOKENS)
        finish(c);
    else if (o.mode == GARBAGE)
        send_garbage(c);
    else if (o.mode == STREAM)
        send_bogus(c);
    else if (o.mode == HUGE_FRAMES)
        watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    else if (o.mode == DEAF)
        watch(c, EPOLLOUT, EPOLL_CTL_MOD);
}

/* The frames of `huge`: one of them that large, or many that make one message, or its header. */
static void send_huge(conn *c)
{
    static const uint8_t zeros[BATCH];
    uint64_t size = o.mib << 20;
    uint8_t head[10 + 4] = {0x82, 0xff};
    if (c->number % 3 == 1) {
        static uint8_t fragment[8 + 16384] = {0x02, 0x80 | 126, 0x40, 0};
        fragment[0] = c->written == 0 ? 0x02 : 0x00;
        size_t at = (size_t)(c->written % sizeof fragment);
        ssize_t sent = put(c, fragment + at, sizeof fragment - at);
        c->written += sent > 0 ? (uint64_t)sent : 0;
        return;
    }
    for (int i = 0; i < 8; i++)
        head[2 + i] = (uint8_t)(size >> (56 - 8 * i));
    if (c->written == 0) {
        ssize_t sent = put(c, head, sizeof head);
        c->written += sent > 0 ? (uint64_t)sent : 0;
    }
    if (c->number % 3 == 0 && c->written < size) {
        ssize_t sent = put(c, zeros, sizeof zeros);
        c->written += sent > 0 ? (uint64_t)sent : 0;
    } else {
        watch(c, EPOLLIN, EPOLL_CTL_MOD);
    }
}

static void flood(conn *c)
{
    uint8_t one[512];
    size_t size = put_question(one, 9), len = 0;
    while (len + size <= 16384) {
        memcpy(batch + len, one, size);
        len += size;
    }
    /* From the end of the last write, so that what is sent stays a sequence of whole frames. */
    size_t from = (size_t)(c->written % size);
    ssize_t sent = put(c, batch + from, len - from);
    c->written += sent > 0 ? (uint64_t)sent : 0;
    n.asked += sent > 0 ? (uint64_t)sent / size : 0;
}

/* One byte more. */
static void drip(conn *c)
{
    uint8_t out[2048];
    size_t len = put_greeting(out);
    if (o.mode == TRICKLE) {
        static const uint8_t head[] = {0x82, 0x80 | 126, 0x75, 0x30, 0, 0, 0, 0};
        memcpy(out, head, sizeof head);
        memset(out + sizeof head, 6, sizeof out - sizeof head);
        len = sizeof out;
    }
    if (c->connected && (o.mode == DRIP || c->accepted) && c->written < len)
        c->written += put(c, out + c->written, 1) > 0 ? 1 : 0;
}

/* ---- what comes ---- */

static void on_reply(conn *c, const uint8_t *frame, size_t len)
{
    static const uint8_t ilp[] = {3, 'i', 'l', 'p', 0};
    n.answered++;
    if (c->asked > 0)
        c->asked--;
    const uint8_t *at = memmem(frame, len, ilp, sizeof ilp);
    size_t left = at != NULL ? len - (size_t)(at - frame) : 0;
    /* Length, type, length, code; all of ours are short. */
    const char *code = left > sizeof ilp + 6 ? (const char *)at + sizeof ilp + 3 : "";
    if (left > sizeof ilp + 1 && at[sizeof ilp + 1] == 13)
        n.fulfilled++;
    else if (strncmp(code, "F06", 3) == 0)
        n.f06++;
    else if (*code == 'T')
        n.t00++;
    else
        n.other++;
    if (o.mode == STREAM && c->asked == 0)
        send_bogus(c);
    else if (o.mode == GARBAGE && c->asked == 0)
        shutdown(c->fd, SHUT_WR);
}

static void on_frame(conn *c, const uint8_t *frame, size_t len)
{
    if (!c->accepted && len > 0 && frame[0] == 1) {
        on_accepted(c);
    } else if (!c->accepted) {
        n.refused++;
        finish(c);
    } else if (len > 0 && frame[0] == 6) {
        n.other++; /* a packet for us: nobody knows our name, so none is expected */
    } else {
        on_reply(c, frame, len);
    }
}

/* Takes frames off the front of c->in. */
static void read_frames(conn *c)
{
    size_t at = 0;
    uint32_t number = c->number;
    while (c->number == number && c->fd >= 0 && c->in_len - at >= 2) {
        size_t head = 2, len = c->in[at + 1] & 127;
        if (len == 126)
            head = 4;
        if (c->in_len - at < head)
            break;
        if (head == 4)
            len = (size_t)c->in[at + 2] << 8 | c->in[at + 3];
        if (c->in_len - at < head + len && head + len <= IN_MAX)
            break;
        if (c->in_len - at < head + len) {
            c->skip = head + len - (c->in_len - at);
            at = c->in_len;
            break;
        }
        at += head + len;
        if ((c->in[at - len - head] & 15) == 2)
            on_frame(c, c->in + at - len, len);
    }
    if (c->fd < 0 || c->number != number)
        return; /* another has its place by now */
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
}

static void over(conn *c, bool failed)
{
    if (failed && !c->connected)
        n.failed++;
    else
        n.closed++;
    finish(c);
}

static void on_readable(conn *c)
{
    ssize_t got = recv(c->fd, c->in + c->in_len, IN_MAX - c->in_len, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            over(c, got < 0);
        return;
    }
    size_t skipped = c->skip < (size_t)got ? c->skip : (size_t)got;
    memmove(c->in + c->in_len, c->in + c->in_len + skipped, (size_t)got - skipped);
    c->skip -= skipped;
    c->in_len += (size_t)got - skipped;
    if (!c->upgraded) {
        uint8_t *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
        if (end == NULL)
            return;
        c->upgraded = memcmp(c->in, "HTTP/1.1 101 ", 13) == 0;
        size_t head = (size_t)(end + 4 - c->in);
        memmove(c->in, c->in + head, c->in_len - head);
        c->in_len -= head;
    }
    if (c->upgraded)
        read_frames(c);
    else
        c->in_len = 0;
}

static void on_event(conn *c, uint32_t events)
{
    if (!c->connected) {
        int error = 0;
        socklen_t len = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error != 0)
            over(c, true);
        else
            on_connected(c);
        return;
    }
    if (o.mode == DEAF && c->accepted && (events & (EPOLLERR | EPOLLHUP)) != 0)
        over(c, false);
    else if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        on_readable(c);
    if (c->fd >= 0 && c->accepted && (events & EPOLLOUT) != 0) {
        if (o.mode == HUGE_FRAMES)
            send_huge(c);
        else if (o.mode == DEAF)
            flood(c);
    }
}

/* ---- the run ---- */

static void report(uint64_t since)
{
    printf(
        "{\"mode\":\"%s\",\"started\":%llu,\"connected\":%llu,\"accepted\":%llu,\"refused\":%llu,"
        "\"closed\":%llu,\"failed\":%llu,\"live\":%llu,\"asked\":%llu,\"answered\":%llu,"
        "\"fulfilled\":%llu,\"F06\":%llu,\"T\":%llu,\"other\":%llu,\"bytes\":%llu,\"ms\":%llu}\n",
        mode_names[o.mode], (unsigned long long)n.started, (unsigned long long)n.connected,
        (unsigned long long)n.accepted, (unsigned long long)n.refused, (unsigned long long)n.closed,
        (unsigned long long)n.failed, (unsigned long long)live, (unsigned long long)n.asked,
        (unsigned long long)n.answered, (unsigned long long)n.fulfilled, (unsigned long long)n.f06,
        (unsigned long long)n.t00, (unsigned long long)n.other, (unsigned long long)n.bytes,
        (unsigned long long)(now_ms() - since));
    fflush(stdout);
}

static void turn(int wait)
{
    static struct epoll_event events[EVENTS];
    static uint64_t dripped;
    int count = epoll_wait(epoll_fd, events, EVENTS, wait);
    for (int i = 0; i < count; i++) {
        conn *c = events[i].data.ptr;
        if (c->fd >= 0)
            on_event(c, events[i].events);
    }
    if ((o.mode != DRIP && o.mode != TRICKLE) || now_ms() - dripped < 1000)
        return;
    dripped = now_ms();
    for (uint64_t i = 0; i < n.started; i++)
        if (conns[i].fd >= 0)
            drip(&conns[i]);
}

/* Until nothing is under way any more, or for too long. */
static void settle(void)
{
    uint64_t end = now_ms() + GIVE_UP * 1000;
    while (now_ms() < end) {
        uint64_t busy = 0;
        if (o.mode == HOLD)
            busy = n.started - n.accepted - n.refused - n.closed - n.failed + n.asked - n.answered;
        else
            busy = n.started - n.connected - n.failed;
        if (busy == 0)
            return;
        turn(100);
    }
}

static void start_all(void)
{
    for (uint64_t i = 0; i < o.count; i++) {
        start_next(&conns[i]);
        /* No more at a time than wait at a listener. */
        while (n.started - n.connected - n.failed >= o.parallel ||
               (o.mode == HOLD &&
                n.started - n.accepted - n.refused - n.closed - n.failed >= o.parallel))
            turn(100);
        turn(0);
    }
}

static void ask_all(void)
{
    uint8_t out[512];
    n.asked = n.answered = 0;
    for (uint64_t i = 0; i < o.count; i++) {
        conn *c = &conns[i];
        if (c->fd < 0 || !c->accepted)
            continue;
        size_t len = put_question(out, c->number);
        if (put(c, out, len) == (ssize_t)len)
            n.asked++;
        turn(0);
    }
    settle();
}

static void serve_commands(void)
{
    char line[64];
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        if (poll(&in, 1, 0) == 0) {
            turn(20);
            continue;
        }
        if (fgets(line, sizeof line, stdin) == NULL)
            return;
        uint64_t since = now_ms();
        if (strcmp(line, "ask\n") == 0)
            ask_all();
        report(since);
    }
}

static void read_option(const char *text)
{
    const char *value = strchr(text, '=');
    size_t len = value != NULL ? (size_t)(value - text) : 0;
    if (len == 8 && memcmp(text, "parallel", len) == 0)
        o.parallel = strtoull(value + 1, NULL, 10);
    else if (len == 4 && memcmp(text, "name", len) == 0)
        o.name = value + 1;
    else if (len == 7 && memcmp(text, "address", len) == 0)
        o.address = value + 1;
    else if (len == 4 && memcmp(text, "seed", len) == 0)
        seed_random(strtoull(value + 1, NULL, 10));
    else if (len == 3 && memcmp(text, "mib", len) == 0)
        o.mib = strtoull(value + 1, NULL, 10);
    else
        die(text);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        die("usage");
    while (o.mode <= DEAF && strcmp(argv[1], mode_names[o.mode]) != 0)
        o.mode++;
    o.port = (uint16_t)strtoul(argv[2], NULL, 10);
    o.count = strtoull(argv[3], NULL, 10);
    for (int i = 4; i < argc; i++)
        read_option(argv[i]);
    if (o.mode > DEAF || o.count == 0 || o.parallel == 0 ||
        (o.mode == STREAM && strchr(o.address, '.') == NULL))
        die("usage");
    if (o.parallel > o.count)
        o.parallel = o.count;
    uint64_t since = now_ms(), slots = holds() ? o.count : o.parallel;
    conns = calloc((size_t)slots, sizeof *conns);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (conns == NULL || epoll_fd < 0)
        die("start");
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll knows of all that waits */
    if (holds()) {
        start_all();
        settle();
        report(since);
        serve_commands();
        return 0;
    }
    for (uint64_t i = 0; i < slots; i++)
        start_next(&conns[i]);
    while (o.mode == STREAM ? n.answered < o.count && live > 0 : n.done < o.count)
        turn(1000);
    report(since);
    return 0;
}
