/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of neighbours of a connector that misbehave, each in its way, over BTP, HTTP/1.1 and
 * HTTP/2, all at the same time and for as long as it runs.
 *
 *   rabble PORT COUNT PREFIX [seed=N] [pace=MS] [hosts=PORT]
 *
 * The node listens on PORT, and has COUNT accounts n00000, n00001, ..., whose addresses are
 * PREFIX.NAME and whose tokens are NAME-token. Every tenth is connected to by the node, at
 * /NAME of the port hosts: n00009 by BTP, n00019 by HTTP/1.1, n00029 by HTTP/2, and so on. The
 * others connect to the node. Who was disconnected comes again.
 *
 * Reads commands from standard input until it ends, and prints a line of JSON for each: "count"
 * tells how things are, "kinds" who has how many connections, "books" what each has heard and said
 * of money: Fulfills of its Prepares that it was told, and right Fulfills that it told in time.
 * After "books" nobody says anything more.
 */
#define _GNU_SOURCE

#include "rabble.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hammer_wire.h"

enum {
    EVENTS = 512,
    SOURCES = 250,
    MOST_OUT = 65536,
    MOST_SERVED = 8192,
    STARTS = 100, /* connections that are begun at a time */
    EVERY = 10    /* which of them is connected to */
};

counts n;
uint32_t neighbours;
uint32_t *heard;
uint32_t *said;
const char *prefix;

static uint16_t port, host_port;
static uint64_t pace = 200;
static conn *clients, *served;
static int epoll_fd, listener = -1;
static conn listening; /* a place in epoll */

static void die(const char *what)
{
    fprintf(stderr, "rabble: %s: %s\n", what, strerror(errno));
    exit(1);
}

uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void name_of(char out[NAME], uint32_t who)
{
    snprintf(out, NAME, "n%05u", who % 100000);
}

void token_of(char out[TOKEN], uint32_t who)
{
    snprintf(out, TOKEN, "n%05u-token", who % 100000);
}

/* ---- connections ---- */

static void watch(conn *c, int op)
{
    struct epoll_event e = {.data.ptr = c};
    if (!c->connected || c->out_len > 0)
        e.events |= EPOLLOUT;
    if (c->connected && !c->kind->deaf)
        e.events |= EPOLLIN;
    if (epoll_ctl(epoll_fd, op, c->fd, &e) != 0)
        die("epoll_ctl");
}

static void drop(conn *c)
{
    const struct linger reset = {1, 0};
    if (c->broken || (c->who & 1) != 0)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(c->fd);
    free(c->in);
    free(c->out);
    uint32_t who = c->who;
    const kind *k = c->kind;
    *c = (conn){.fd = -1, .who = who, .kind = k, .due = now_ms() + 1000 + next_random() % 3000};
    n.closed++;
}

bool is_clear(const conn *c)
{
    return c->out_len == 0 && !c->broken;
}

void cut(conn *c)
{
    c->broken = true;
}

/* What the system does not take now is kept, so that what follows stays in order. */
bool put(conn *c, const void *data, size_t len)
{
    ssize_t sent = 0;
    if (c->fd < 0 || c->broken || c->out_len + len > MOST_OUT)
        return false;
    if (c->out_len == 0)
        sent = send(c->fd, data, len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        cut(c);
        return false;
    }
    size_t gone = sent > 0 ? (size_t)sent : 0;
    n.bytes += gone;
    if (gone == len)
        return true;
    if (c->out == NULL && (c->out = malloc(MOST_OUT)) == NULL)
        die("memory");
    bool was_clear = c->out_len == 0;
    memcpy(c->out + c->out_len, (const uint8_t *)data + gone, len - gone);
    c->out_len += len - gone;
    if (was_clear)
        watch(c, EPOLL_CTL_MOD);
    return true;
}

void drip(conn *c, const uint8_t *text, size_t len)
{
    if (c->step < len && put(c, text + c->step, 1))
        c->step++;
}

static void write_on(conn *c)
{
    ssize_t sent = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        cut(c);
    if (sent <= 0)
        return;
    n.bytes += (uint64_t)sent;
    memmove(c->out, c->out + sent, c->out_len - (size_t)sent);
    c->out_len -= (size_t)sent;
    if (c->out_len == 0)
        watch(c, EPOLL_CTL_MOD);
}

static void start(conn *c)
{
    int one = 1, small = 4096;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    const struct sockaddr_in from = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(0x7f010001 + c->who % SOURCES)};
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (c->kind->deaf)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (bind(c->fd, (const struct sockaddr *)&from, sizeof from) != 0)
        die("bind");
    if (connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        die("connect");
    watch(c, EPOLL_CTL_ADD);
}

/* ---- who is connected to ---- */

static void take_served(void)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    static const kind unknown = {.name = "not known yet"};
    if (fd < 0)
        return;
    n.served++;
    for (size_t i = 0; i < MOST_SERVED; i++) {
        conn *c = &served[i];
        if (c->fd >= 0)
            continue;
        *c = (conn){.fd = fd, .kind = &unknown, .served = true, .connected = true};
        watch(c, EPOLL_CTL_ADD);
        return;
    }
    close(fd);
}

/* Its first bytes say what it speaks, and whose it is. */
static void recognize(conn *c, const uint8_t *data, size_t len)
{
    static uint32_t counter;
    const char *path = memmem(data, len, "/n", 2);
    c->who = path != NULL && path + 7 <= (const char *)data + len
                 ? (uint32_t)strtoul(path + 2, NULL, 10)
                 : neighbours;
    if (len > 3 && memcmp(data, "PRI", 3) == 0) {
        c->who = EVERY - 1; /* whoever it is: none of these has to do with money */
        c->kind = &h2_hosts[counter++ % h2_host_count];
    } else if (c->who < neighbours && data[0] == 'G') {
        c->kind = &btp_hosts[c->who / EVERY / 3 % btp_host_count];
    } else if (c->who < neighbours) {
        c->kind = &h1_hosts[c->who / EVERY / 3 % h1_host_count];
    } else {
        c->who = 0;
        cut(c);
        return;
    }
    if (c->kind->begin != NULL)
        c->kind->begin(c);
}

/* ---- what happens ---- */

static void on_connected(conn *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        n.failed++;
        cut(c);
        return;
    }
    n.connected++;
    c->connected = true;
    watch(c, EPOLL_CTL_MOD);
    if (c->kind->begin != NULL)
        c->kind->begin(c);
}

static void on_readable(conn *c)
{
    static uint8_t data[65536 + 1];
    ssize_t got = recv(c->fd, data, sizeof data - 1, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        cut(c);
        return;
    }
    data[got] = '\0';
    if (c->served && c->kind->take == NULL)
        recognize(c, data, (size_t)got);
    if (!c->broken && c->kind->take != NULL)
        c->kind->take(c, data, (size_t)got);
}

static void on_event(conn *c, uint32_t events)
{
    if (c == &listening) {
        take_served();
        return;
    }
    if (c->fd < 0)
        return;
    if (!c->connected)
        on_connected(c);
    else if ((events & (EPOLLERR | EPOLLHUP)) != 0 && c->kind->deaf)
        cut(c);
    else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
        on_readable(c);
    if (c->fd >= 0 && c->connected && !c->broken && (events & EPOLLOUT) != 0 && c->out_len > 0)
        write_on(c);
    if (c->broken)
        drop(c);
}

static void tick(conn *c)
{
    if (c->fd < 0 || !c->connected)
        return;
    if (c->kind->tick != NULL)
        c->kind->tick(c);
    if (c->broken)
        drop(c);
}

static void tick_all(void)
{
    static uint64_t last;
    uint64_t now = now_ms();
    unsigned started = 0;
    for (uint32_t i = 0; i < neighbours && started < STARTS; i++)
        if (clients[i].kind != NULL && clients[i].fd < 0 && clients[i].due <= now) {
            start(&clients[i]);
            started++;
        }
    if (now - last < pace)
        return;
    last = now;
    for (uint32_t i = 0; i < neighbours; i++)
        tick(&clients[i]);
    for (uint32_t i = 0; i < MOST_SERVED; i++)
        tick(&served[i]);
}

static void turn(void)
{
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, 20);
    for (int i = 0; i < count; i++)
        on_event(events[i].data.ptr, events[i].events);
    tick_all();
}

/* ---- answers ---- */

static void report(void)
{
    uint32_t live = 0, hosts = 0;
    for (uint32_t i = 0; i < neighbours; i++)
        live += clients[i].fd >= 0 && clients[i].connected;
    for (uint32_t i = 0; i < MOST_SERVED; i++)
        hosts += served[i].fd >= 0;
    printf("{\"live\":%" PRIu32 ",\"hosts\":%" PRIu32 ",\"connected\":%" PRIu64
           ",\"failed\":%" PRIu64 ",\"closed\":%" PRIu64 ",\"served\":%" PRIu64
           ",\"bytes\":%" PRIu64 ",\"prepares\":%" PRIu64 ",\"fulfilled\":%" PRIu64
           ",\"said\":%" PRIu64 "}\n",
           live, hosts, n.connected, n.failed, n.closed, n.served, n.bytes, n.prepares, n.fulfilled,
           n.said);
}

static void report_kinds(const kind *kinds, size_t count, bool first)
{
    for (size_t k = 0; k < count; k++) {
        unsigned live = 0;
        for (uint32_t i = 0; i < neighbours; i++)
            live += clients[i].kind == &kinds[k] && clients[i].fd >= 0 && clients[i].connected;
        for (uint32_t i = 0; i < MOST_SERVED; i++)
            live += served[i].kind == &kinds[k] && served[i].fd >= 0;
        printf("%s\"%s\":%u", first && k == 0 ? "" : ",", kinds[k].name, live);
    }
}

static void report_all_kinds(void)
{
    printf("{");
    report_kinds(btp_kinds, btp_kind_count, true);
    report_kinds(h1_kinds, h1_kind_count, false);
    report_kinds(h2_kinds, h2_kind_count, false);
    report_kinds(btp_hosts, btp_host_count, false);
    report_kinds(h1_hosts, h1_host_count, false);
    report_kinds(h2_hosts, h2_host_count, false);
    printf("}\n");
}

static void report_books(void)
{
    printf("{\"heard\":[");
    for (uint32_t i = 0; i < neighbours; i++)
        printf("%s%" PRIu32, i == 0 ? "" : ",", heard[i]);
    printf("],\"said\":[");
    for (uint32_t i = 0; i < neighbours; i++)
        printf("%s%" PRIu32, i == 0 ? "" : ",", said[i]);
    printf("]}\n");
}

static void serve_commands(void)
{
    char line[64];
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    bool rests = false; /* once its books were told: they stay as they are */
    for (;;) {
        if (poll(&in, 1, rests ? -1 : 0) == 0) {
            turn();
            continue;
        }
        if (fgets(line, sizeof line, stdin) == NULL)
            return;
        rests = strcmp(line, "books\n") == 0;
        if (rests)
            report_books();
        else if (strcmp(line, "kinds\n") == 0)
            report_all_kinds();
        else
            report();
        fflush(stdout);
    }
}

/* ---- the beginning ---- */

static const kind *client_kind(uint32_t i)
{
    size_t k = i % (btp_kind_count + h1_kind_count + h2_kind_count);
    if (k < btp_kind_count)
        return &btp_kinds[k];
    k -= btp_kind_count;
    return k < h1_kind_count ? &h1_kinds[k] : &h2_kinds[k - h1_kind_count];
}

static void listen_for_node(void)
{
    int one = 1;
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons(host_port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listening};
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (listener < 0 || bind(listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listener, 1024) != 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e) != 0)
        die("listen");
}

static void read_option(const char *text)
{
    const char *value = strchr(text, '=');
    uint64_t number = value != NULL ? strtoull(value + 1, NULL, 10) : 0;
    if (strncmp(text, "seed=", 5) == 0)
        seed_random(number);
    else if (strncmp(text, "pace=", 5) == 0)
        pace = number;
    else if (strncmp(text, "hosts=", 6) == 0)
        host_port = (uint16_t)number;
    else
        die(text);
}

int main(int argc, char **argv)
{
    uint32_t clients_so_far = 0;
    if (argc < 4)
        die("usage");
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    neighbours = (uint32_t)strtoul(argv[2], NULL, 10);
    prefix = argv[3];
    for (int i = 4; i < argc; i++)
        read_option(argv[i]);
    clients = calloc(neighbours, sizeof *clients);
    served = calloc(MOST_SERVED, sizeof *served);
    heard = calloc(neighbours, sizeof *heard);
    said = calloc(neighbours, sizeof *said);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (clients == NULL || served == NULL || heard == NULL || said == NULL || epoll_fd < 0)
        die("start");
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll knows of all that waits */
    for (uint32_t i = 0; i < neighbours; i++) {
        bool host = i % EVERY == EVERY - 1;
        clients[i] = (conn){.fd = -1, .who = i, .kind = host ? NULL : client_kind(clients_so_far)};
        clients_so_far += !host;
    }
    for (uint32_t i = 0; i < MOST_SERVED; i++)
        served[i].fd = -1;
    if (host_port != 0)
        listen_for_node();
    serve_commands();
    return 0;
}
