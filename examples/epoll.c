/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librill alone, driven by epoll: no libuv, no librill-net. A client pays a server, over a link of
 * our own that is as simple as a link can be: each frame is a letter (P a Prepare, R its reply),
 * the number of the request (8 bytes), a length (4 bytes) and the packet.
 *
 *     epoll
 *
 * Both ends live in this one process and share its loop, but nothing else: what they say to each
 * other goes through a socket. Between two programs the socket would be a TCP connection, and the
 * credentials would come by a way that nobody else reads.
 */
#define _DEFAULT_SOURCE /* endian.h */

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <rill/rill.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define HEADER    13
#define MAX_FRAME (HEADER + RILL_PACKET_BUFFER)
/* If more than this waits to be written, the endpoint is asked for no more packets. */
#define HIGH_WATER (4 * MAX_FRAME)

typedef struct peer {
    const char *name;
    int socket;
    int timer;
    rill_endpoint *endpoint;
    bool woken; /* there is something to do */
    bool over;  /* its connection has ended */
    int error;  /* and how */
    size_t in_len;
    size_t out_len;
    uint8_t in[MAX_FRAME];
    /* Below this mark one more frame is written. */
    uint8_t out[HIGH_WATER + MAX_FRAME];
} peer;

static int epoll;

static void die(const char *what)
{
    fprintf(stderr, "epoll: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Time is an argument: the clock that never jumps is for deadlines, the other one for expiry. */
static rill_now now(void)
{
    struct timespec mono, wall;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (rill_now){
        .mono_ns = (uint64_t)mono.tv_sec * RILL_SECOND + (uint64_t)mono.tv_nsec,
        .wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / RILL_MS,
    };
}

/*
 * This is called from inside functions that take a connection or stream. So it may only set a flag.
 */
static void on_wake(void *user)
{
    ((peer *)user)->woken = true;
}

/* ---- the link: bytes out ---- */

static void put_frame(peer *p, char kind, uint64_t request, const uint8_t *packet, size_t len)
{
    uint8_t *to = p->out + p->out_len;
    uint64_t request_be = htobe64(request);
    uint32_t len_be = htobe32((uint32_t)len);
    to[0] = (uint8_t)kind;
    memcpy(to + 1, &request_be, 8);
    memcpy(to + 9, &len_be, 4);
    memcpy(to + HEADER, packet, len);
    p->out_len += HEADER + len;
}

static bool link_takes_more(const peer *p)
{
    return p->out_len < HIGH_WATER;
}

static void watch(peer *p, int operation)
{
    struct epoll_event want = {.data.ptr = p};
    /* If the other side does not read our replies, we do not read its packets. */
    if (link_takes_more(p))
        want.events |= EPOLLIN;
    /* Ask for writability only while there is something to write. */
    if (p->out_len > 0)
        want.events |= EPOLLOUT;
    if (epoll_ctl(epoll, operation, p->socket, &want) != 0)
        die("epoll_ctl");
}

static void write_out(peer *p)
{
    size_t done = 0;
    while (done < p->out_len) {
        ssize_t n = send(p->socket, p->out + done, p->out_len - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            die("send");
        done += (size_t)n;
    }
    p->out_len -= done;
    memmove(p->out, p->out + done, p->out_len);
    watch(p, EPOLL_CTL_MOD);
}

/* ---- the link: bytes in ---- */

static void take_frame(peer *p, char kind, uint64_t request, const uint8_t *packet, size_t len)
{
    static uint8_t reply[RILL_PACKET_BUFFER];
    size_t reply_len = 0;
    if (kind == 'P') {
        if (rill_endpoint_receive_prepare(p->endpoint, now(), request, packet, len, reply,
                                          &reply_len) != RILL_OK)
            die("receive");
        if (reply_len > 0)
            put_frame(p, 'R', request, reply, reply_len);
    } else {
        /* A reply that fits no request is no reason to stop. */
        (void)!rill_endpoint_receive_reply(p->endpoint, now(), request, packet, len);
    }
}

/*
 * Handles the frames that have come completely, as long as there is room for replies. True: there
 * was no room for some.
 */
static bool take_frames(peer *p)
{
    size_t at = 0;
    bool full = false;
    while (p->in_len - at >= HEADER) {
        uint64_t request;
        uint32_t len;
        memcpy(&request, p->in + at + 1, 8);
        memcpy(&len, p->in + at + 9, 4);
        len = be32toh(len);
        if (len > RILL_PACKET_BUFFER) {
            errno = EPROTO;
            die("frame");
        }
        if (p->in_len - at < HEADER + len)
            break;
        full = !link_takes_more(p);
        if (full)
            break;
        take_frame(p, (char)p->in[at], be64toh(request), p->in + at + HEADER, len);
        at += HEADER + len;
    }
    p->in_len -= at;
    memmove(p->in, p->in + at, p->in_len);
    return full;
}

/*
 * Reads one piece. epoll will say that there is more, and the other side gets its turn meanwhile.
 */
static void read_in(peer *p)
{
    if (p->in_len == sizeof p->in)
        return;
    ssize_t n = recv(p->socket, p->in + p->in_len, sizeof p->in - p->in_len, 0);
    if (n > 0)
        p->in_len += (size_t)n;
    /*
     * A program that goes on without the link must report each open request:
     * rill_endpoint_unanswered.
     */
    if (n == 0)
        errno = ECONNRESET;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        die("recv");
}

/* ---- what the endpoint reports ---- */

static void print_data(peer *p, rill_stream *s)
{
    rill_bytes data;
    while ((data = rill_stream_peek(s)).len > 0) {
        printf("%s got data: %.*s\n", p->name, (int)data.len, (const char *)data.data);
        rill_stream_consume(s, data.len);
    }
}

static void take_event(peer *p, const rill_event *event)
{
    switch (event->type) {
    case RILL_EVENT_MONEY:
        printf("%s got %" PRIu64 " units\n", p->name, event->amount);
        break;
    case RILL_EVENT_DATA:
        print_data(p, event->stream);
        break;
    case RILL_EVENT_SEND_TOTAL_END:
        printf("%s: %s\n", p->name, event->error == RILL_OK ? "all is sent" : "not all is sent");
        if (rill_connection_end(event->connection) != RILL_OK)
            exit(1);
        break;
    case RILL_EVENT_CONNECTION_END:
        printf("%s: the connection has ended: %s\n", p->name, rill_strerror(event->error));
        p->over = true;
        p->error = event->error;
        break;
    default:
        break;
    }
}

/* ---- the loop ---- */

static void set_timer(peer *p)
{
    uint64_t at = rill_endpoint_deadline(p->endpoint);
    /*
     * The endpoint wants to send, but the link takes no more: the next call comes when we can
     * write, not from the timer.
     */
    if (at <= now().mono_ns && !link_takes_more(p))
        at = RILL_NEVER;
    struct itimerspec timer = {0}; /* no timer */
    if (at != RILL_NEVER) {
        timer.it_value.tv_sec = (time_t)(at / RILL_SECOND);
        timer.it_value.tv_nsec = (long)(at % RILL_SECOND);
    }
    if (timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &timer, NULL) != 0)
        die("timerfd_settime");
}

static void send_packets(peer *p)
{
    static uint8_t packet[RILL_PACKET_BUFFER];
    while (link_takes_more(p)) {
        size_t len;
        uint64_t request;
        if (rill_endpoint_next_prepare(p->endpoint, now(), packet, &len, &request) != RILL_OK ||
            len == 0)
            return;
        put_frame(p, 'P', request, packet, len);
    }
}

/* A turn, as endpoint.h calls it. */
static void turn(peer *p)
{
    rill_event event;
    bool more;
    if (rill_endpoint_deadline(p->endpoint) <= now().mono_ns)
        rill_endpoint_timeout(p->endpoint, now());
    do {
        p->woken = false;
        more = take_frames(p);
        while (rill_endpoint_next_event(p->endpoint, &event))
            take_event(p, &event);
        send_packets(p);
        write_out(p);
    } while (p->woken || (more && link_takes_more(p)));
    set_timer(p);
}

static void run(peer *peers, size_t count)
{
    while (!peers[0].over || !peers[1].over) {
        struct epoll_event ready[4];
        int n = epoll_wait(epoll, ready, 4, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            peer *p = ready[i].data.ptr;
            uint64_t expirations;
            /* The timer has woken us. Reading it makes it quiet again. */
            (void)!read(p->timer, &expirations, sizeof expirations);
            read_in(p);
        }
        for (size_t i = 0; i < count; i++)
            turn(&peers[i]);
    }
}

/* ---- the two ends ---- */

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static void open_peer(peer *p, const char *name, const char *address, int fd)
{
    rill_endpoint_options options;
    rill_endpoint_options_init(&options);
    options.wake = on_wake;
    options.user = p;
    p->name = name;
    p->socket = fd;
    /* Address and asset are known here. With a real node, ask it (IL-DCP). */
    if (rill_endpoint_new(&p->endpoint, &options) != RILL_OK ||
        rill_endpoint_set_account(p->endpoint, text(address), text("EUR"), 2) != RILL_OK) {
        fprintf(stderr, "epoll: cannot make an endpoint\n");
        exit(1);
    }
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event want = {.events = EPOLLIN, .data.ptr = p};
    if (p->timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, p->timer, &want) != 0)
        die("timerfd_create");
    watch(p, EPOLL_CTL_ADD);
}

static bool pay(peer *client, peer *server, uint64_t amount, const char *message)
{
    rill_credentials credentials;
    rill_connection *connection;
    rill_stream *stream;
    size_t accepted;
    if (rill_endpoint_generate_credentials(server->endpoint, NULL, &credentials) != RILL_OK)
        return false;
    int rc =
        rill_endpoint_connect(client->endpoint, now(), credentials.destination_account,
                              credentials.shared_secret, RILL_SHARED_SECRET_LEN, NULL, &connection);
    rill_credentials_wipe(&credentials);
    return rc == RILL_OK && rill_connection_open_stream(connection, &stream) == RILL_OK &&
           rill_stream_write(stream, message, strlen(message), &accepted) == RILL_OK &&
           rill_stream_send_total(stream, amount, RILL_NEVER) == RILL_OK;
}

int main(void)
{
    static peer peers[2];
    peer *client = &peers[0];
    peer *server = &peers[1];
    int sockets[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) != 0)
        die("socketpair");
    open_peer(client, "client", "example.client", sockets[0]);
    open_peer(server, "server", "example.server", sockets[1]);
    if (!pay(client, server, 1000, "hello over epoll")) {
        fprintf(stderr, "epoll: cannot pay\n");
        return 1;
    }
    turn(client);
    run(peers, 2);
    for (int i = 0; i < 2; i++) {
        rill_endpoint_free(peers[i].endpoint);
        close(peers[i].socket);
        close(peers[i].timer);
    }
    close(epoll);
    return client->error == RILL_OK && server->error == RILL_OK ? 0 : 1;
}
