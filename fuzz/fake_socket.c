/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <netdb.h>
#include <unistd.h>

#include "asan.h"
#include "fake_uv_impl.h"
#include "fuzz.h"
#include "io/resolve.h"

enum { MAX_SOCKETS = 64, MAX_LOOKUPS = 8, INPUT_MAX = 1 << 20, READS_A_TURN = 32 };

struct fake_socket {
    uv_tcp_t *handle; /* NULL: not taken yet, or closed */
    bool waiting;     /* waits at the listener */
    bool connecting;
    bool answered;
    bool connected;
    bool closed;
    bool reading;
    bool eof;
    bool shut;
    int answer;
    int error; /* the error to report to a reader and to writers */
    uv_alloc_cb alloc_cb;
    uv_read_cb read_cb;
    uv_connect_t *connect;
    uv_write_t *write;
    uv_shutdown_t *shutdown;
    uv_buf_t rest; /* of the write */
    size_t room;
    uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;
    size_t out_cap;
    size_t out_taken;
};

static fake_socket sockets[MAX_SOCKETS];
static size_t socket_count;
static uv_tcp_t *listener;
static fake_socket *accepted; /* by libuv, until the program takes it */
static bool listener_paused;
static int accept_error;
struct rill_lookup {
    rill_resolved *done; /* NULL: free */
    void *owner;
};
static rill_lookup lookups[MAX_LOOKUPS];
static uv_handle_t *asked; /* for its descriptor, last */
static int resolver_status;
static unsigned resolver_addresses = 1;
static bool resolver_busy;
static void (*on_output)(fake_socket *s, rill_bytes bytes);

void fake_sockets_reset(void)
{
    for (size_t i = 0; i < MAX_LOOKUPS; i++)
        CHECK(lookups[i].done == NULL);
    asked = NULL;
    for (size_t i = 0; i < socket_count; i++) {
        free(sockets[i].in);
        free(sockets[i].out);
    }
    memset(sockets, 0, sizeof sockets);
    socket_count = 0;
    listener = NULL;
    accepted = NULL;
    listener_paused = false;
    accept_error = 0;
    resolver_status = 0;
    resolver_addresses = 1;
    resolver_busy = false;
    on_output = NULL;
}

static fake_socket *socket_new(void)
{
    if (socket_count == MAX_SOCKETS)
        return NULL;
    fake_socket *s = &sockets[socket_count++];
    s->room = SIZE_MAX;
    return s;
}

static fake_socket *of(const void *handle)
{
    fake_handle_check(handle);
    return ((const uv_tcp_t *)handle)->u.reserved[3];
}

/* ---- the target's side ---- */

fake_socket *fake_uv_arrive(void)
{
    fake_socket *s = listener != NULL ? socket_new() : NULL;
    if (s != NULL)
        s->waiting = s->connected = true;
    return s;
}

void fake_uv_accept_error(int status)
{
    accept_error = status;
}

void fake_uv_resolver(int status, unsigned addresses, bool busy)
{
    resolver_status = status;
    resolver_addresses = addresses;
    resolver_busy = busy;
}

fake_socket *fake_uv_attempt(void)
{
    for (size_t i = 0; i < socket_count; i++)
        if (sockets[i].connecting && !sockets[i].answered)
            return &sockets[i];
    return NULL;
}

void fake_socket_answer(fake_socket *s, int status)
{
    CHECK(s->connecting && !s->answered);
    s->answered = true;
    s->answer = status;
}

void fake_socket_feed(fake_socket *s, const uint8_t *data, size_t len)
{
    if (len == 0 || s->eof || s->closed || s->in_len + len > INPUT_MAX)
        return;
    s->in = realloc(s->in, s->in_len + len);
    CHECK(s->in != NULL);
    memcpy(s->in + s->in_len, data, len);
    s->in_len += len;
}

void fake_socket_eof(fake_socket *s)
{
    s->eof = true;
}

void fake_socket_break(fake_socket *s, int status)
{
    s->error = status;
}

void fake_uv_on_output(void (*output)(fake_socket *s, rill_bytes bytes))
{
    on_output = output;
}

void fake_socket_room(fake_socket *s, size_t room)
{
    s->room = room;
}

rill_bytes fake_socket_output(fake_socket *s)
{
    size_t from = s->out_taken;
    s->out_taken = s->out_len;
    return from == s->out_len ? (rill_bytes){NULL, 0}
                              : (rill_bytes){s->out + from, s->out_len - from};
}

bool fake_socket_closed(const fake_socket *s)
{
    return s->closed;
}

bool fake_socket_waits(const fake_socket *s)
{
    return s->waiting;
}

bool fake_socket_shut(const fake_socket *s)
{
    return s->shut;
}

/* ---- making connections ---- */

int uv_tcp_init(uv_loop_t *loop, uv_tcp_t *h)
{
    fake_handle_add(loop, (uv_handle_t *)h, UV_TCP);
    h->write_queue_size = 0;
    return 0;
}

int uv_tcp_bind(uv_tcp_t *h, const struct sockaddr *addr, unsigned flags)
{
    fake_handle_check(h);
    (void)addr;
    (void)flags;
    return 0;
}

/* What the program keeps of a listener or of a connection. The descriptor is a real one. */
int uv_fileno(const uv_handle_t *h, uv_os_fd_t *fd)
{
    fake_handle_check(h);
    asked = (uv_handle_t *)(uintptr_t)h;
    *fd = STDERR_FILENO;
    return 0;
}

int uv_tcp_open(uv_tcp_t *h, uv_os_sock_t fd)
{
    fake_handle_check(h);
    CHECK(fd > STDERR_FILENO && h->u.reserved[2] == NULL);
    h->u.reserved[2] = (void *)(intptr_t)fd;
    fake_socket *s = asked != NULL ? asked->u.reserved[3] : NULL;
    if (s != NULL && s->connected) { /* the same connection through another descriptor */
        asked->u.reserved[3] = NULL;
        h->u.reserved[3] = s;
        s->handle = h;
    }
    asked = NULL;
    return 0;
}

int uv_listen(uv_stream_t *h, int backlog, uv_connection_cb cb)
{
    fake_handle_check(h);
    (void)backlog;
    CHECK(listener == NULL);
    listener = (uv_tcp_t *)h;
    listener_paused = false;
    h->connection_cb = cb;
    return 0;
}

int uv_accept(uv_stream_t *server, uv_stream_t *client)
{
    fake_handle_check(server);
    fake_handle_check(client);
    if (accepted == NULL)
        return UV_EAGAIN;
    CHECK(client->u.reserved[3] == NULL);
    accepted->waiting = false;
    accepted->handle = (uv_tcp_t *)client;
    client->u.reserved[3] = accepted;
    accepted = NULL;
    listener_paused = false;
    return 0;
}

int uv_tcp_connect(uv_connect_t *req, uv_tcp_t *h, const struct sockaddr *addr, uv_connect_cb cb)
{
    (void)addr;
    CHECK(of(h) == NULL);
    fake_socket *s = socket_new();
    if (s == NULL)
        return UV_ENFILE;
    req->handle = (uv_stream_t *)h;
    req->cb = cb;
    s->connecting = true;
    s->connect = req;
    s->handle = h;
    h->u.reserved[3] = s;
    return 0;
}

int uv_tcp_nodelay(uv_tcp_t *h, int enable)
{
    fake_handle_check(h);
    (void)enable;
    return 0;
}

static int some_name(struct sockaddr *name, int *len, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK((size_t)*len >= sizeof address);
    memcpy(name, &address, sizeof address);
    *len = sizeof address;
    return 0;
}

int uv_tcp_getsockname(const uv_tcp_t *h, struct sockaddr *name, int *len)
{
    fake_handle_check(h);
    return some_name(name, len, 7768);
}

int uv_tcp_getpeername(const uv_tcp_t *h, struct sockaddr *name, int *len)
{
    const fake_socket *s = of(h);
    if (s == NULL || s->error != 0)
        return UV_ENOTCONN;
    return some_name(name, len, (uint16_t)(40000 + (s - sockets)));
}

/* ---- names: replaces src/io/resolve.c, because the fuzzer cannot use its thread ---- */

int rill_resolve(rill_lookup **out, rill_loop *loop, const char *host, uint16_t port,
                 rill_resolved *done, void *owner)
{
    (void)loop;
    (void)port;
    CHECK(host != NULL);
    for (size_t i = 0; i < MAX_LOOKUPS; i++) {
        if (lookups[i].done != NULL)
            continue;
        lookups[i] = (rill_lookup){.done = done, .owner = owner};
        *out = &lookups[i];
        return RILL_OK;
    }
    return RILL_ERR_LIMIT;
}

void rill_resolve_cancel(rill_lookup *l)
{
    CHECK(l->done != NULL);
    l->done = NULL;
}

static struct addrinfo *make_addresses(unsigned count)
{
    struct addrinfo *first = NULL;
    while (count-- > 0) {
        struct addrinfo *one = calloc(1, sizeof *one + sizeof(struct sockaddr_in));
        CHECK(one != NULL);
        one->ai_family = count % 2 == 0 ? AF_INET : AF_INET6; /* they take turns */
        one->ai_addr = (struct sockaddr *)(one + 1);
        one->ai_addr->sa_family = AF_INET;
        one->ai_next = first;
        first = one;
    }
    return first;
}

void rill_resolve_free(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

void fake_sockets_pending(void)
{
    for (size_t i = 0; i < MAX_LOOKUPS && !resolver_busy; i++) {
        rill_resolved *done = lookups[i].done;
        if (done == NULL)
            continue;
        lookups[i].done = NULL;
        done(lookups[i].owner, resolver_status,
             resolver_status == 0 ? make_addresses(resolver_addresses) : NULL);
    }
}

/* ---- reading and writing ---- */

int uv_read_start(uv_stream_t *h, uv_alloc_cb alloc_cb, uv_read_cb read_cb)
{
    fake_socket *s = of(h);
    if (uv_is_closing((uv_handle_t *)h) != 0)
        return UV_EINVAL;
    if (s == NULL || !s->connected)
        return UV_ENOTCONN;
    if (s->reading)
        return UV_EALREADY;
    s->reading = true;
    s->alloc_cb = alloc_cb;
    s->read_cb = read_cb;
    return 0;
}

int uv_read_stop(uv_stream_t *h)
{
    fake_socket *s = of(h);
    if (s != NULL)
        s->reading = false;
    return 0;
}

static void output(fake_socket *s, const uint8_t *data, size_t len)
{
    CHECK(!s->shut && !s->closed);
    if (s->room != SIZE_MAX)
        s->room -= len;
    if (s->out_len + len > s->out_cap) {
        s->out_cap = (s->out_len + len) * 2;
        s->out = realloc(s->out, s->out_cap);
        CHECK(s->out != NULL);
    }
    memcpy(s->out + s->out_len, data, len);
    s->out_len += len;
    if (on_output != NULL)
        on_output(s, (rill_bytes){data, len});
}

int uv_try_write(uv_stream_t *h, const uv_buf_t *bufs, unsigned count)
{
    fake_socket *s = of(h);
    CHECK(count == 1 && bufs[0].len != 0);
    if (s == NULL || !s->connected || s->write != NULL)
        return UV_EAGAIN;
    if (s->error != 0)
        return s->error;
    size_t len = bufs[0].len < s->room ? bufs[0].len : s->room;
    if (len == 0)
        return UV_EAGAIN;
    output(s, (const uint8_t *)bufs[0].base, len);
    return (int)len;
}

int uv_write(uv_write_t *req, uv_stream_t *h, const uv_buf_t *bufs, unsigned count, uv_write_cb cb)
{
    fake_socket *s = of(h);
    CHECK(count == 1 && bufs[0].len != 0);
    if (s == NULL || !s->connected || s->closed || s->shut)
        return UV_EPIPE;
    CHECK(s->write == NULL); /* src/io has one write at a time */
    req->handle = h;
    req->cb = cb;
    s->write = req;
    s->rest = bufs[0];
    h->write_queue_size = bufs[0].len;
    return 0;
}

size_t uv_stream_get_write_queue_size(const uv_stream_t *h)
{
    fake_handle_check(h);
    return h->write_queue_size;
}

int uv_shutdown(uv_shutdown_t *req, uv_stream_t *h, uv_shutdown_cb cb)
{
    fake_socket *s = of(h);
    if (s == NULL || !s->connected || s->shut || s->shutdown != NULL ||
        uv_is_closing((uv_handle_t *)h) != 0)
        return UV_ENOTCONN;
    req->handle = h;
    req->cb = cb;
    s->shutdown = req;
    return 0;
}

static bool lives(const fake_socket *s)
{
    return s->handle != NULL && uv_is_closing((const uv_handle_t *)s->handle) == 0;
}

static void poll_write(fake_socket *s)
{
    uv_write_t *req = s->write;
    if (req == NULL)
        return;
    size_t len = s->rest.len < s->room ? s->rest.len : s->room;
    if (s->error == 0 && len != 0) {
        output(s, (const uint8_t *)s->rest.base, len);
        s->rest.base += len;
        s->rest.len -= len;
        s->handle->write_queue_size = s->rest.len;
    }
    if (s->error == 0 && s->rest.len != 0)
        return;
    s->write = NULL;
    s->handle->write_queue_size = 0;
    req->cb(req, s->error);
}

static void poll_shutdown(fake_socket *s)
{
    uv_shutdown_t *req = s->shutdown;
    if (req == NULL || s->write != NULL)
        return;
    s->shutdown = NULL;
    s->shut = s->error == 0;
    req->cb(req, s->error);
}

/* At most one block. The program must not look behind its end. */
static bool read_block(fake_socket *s)
{
    uv_stream_t *h = (uv_stream_t *)s->handle;
    uv_buf_t buf = {NULL, 0};
    s->alloc_cb((uv_handle_t *)h, 65536, &buf);
    CHECK(buf.base != NULL && buf.len != 0);
    size_t len = s->in_len < buf.len ? s->in_len : buf.len;
    memcpy(buf.base, s->in, len);
    s->in_len -= len;
    memmove(s->in, s->in + len, s->in_len);
    POISON(buf.base + len, buf.len - len);
    s->read_cb(h, (ssize_t)len, &buf);
    UNPOISON(buf.base + len, buf.len - len);
    return len == buf.len;
}

static void read_end(fake_socket *s, ssize_t status)
{
    uv_buf_t buf = {NULL, 0};
    s->alloc_cb((uv_handle_t *)s->handle, 65536, &buf);
    s->reading = false;
    s->read_cb((uv_stream_t *)s->handle, status, &buf);
}

static void poll_read(fake_socket *s)
{
    for (int n = 0; n < READS_A_TURN && lives(s) && s->reading && s->in_len != 0; n++)
        if (!read_block(s))
            break;
    if (!lives(s) || !s->reading || s->in_len != 0)
        return;
    if (s->error != 0)
        read_end(s, s->error);
    else if (s->eof)
        read_end(s, UV_EOF);
}

static void poll_connect(fake_socket *s)
{
    uv_connect_t *req = s->connect;
    if (!s->connecting || !s->answered)
        return;
    s->connecting = false;
    s->connected = s->answer == 0;
    s->connect = NULL;
    req->cb(req, s->answer);
}

static void poll_listener(void)
{
    for (size_t i = 0; i < socket_count && listener != NULL && !listener_paused; i++) {
        if (!sockets[i].waiting || uv_is_closing((uv_handle_t *)listener) != 0)
            continue;
        accepted = &sockets[i];
        listener->connection_cb((uv_stream_t *)listener, 0);
        if (accepted != NULL)
            listener_paused = true; /* nothing more is reported until the program takes it */
    }
    if (accept_error != 0 && listener != NULL && uv_is_closing((uv_handle_t *)listener) == 0) {
        int status = accept_error;
        accept_error = 0;
        listener->connection_cb((uv_stream_t *)listener, status);
    }
}

void fake_sockets_poll(void)
{
    poll_listener();
    for (size_t i = 0; i < socket_count; i++) {
        fake_socket *s = &sockets[i];
        if (lives(s))
            poll_connect(s);
        if (lives(s) && s->connected)
            poll_read(s);
        if (lives(s) && s->connected)
            poll_write(s);
        if (lives(s) && s->connected)
            poll_shutdown(s);
    }
}

void fake_socket_release(uv_tcp_t *h)
{
    fake_socket *s = h->u.reserved[3];
    if (h->u.reserved[2] != NULL)
        CHECK(close((int)(intptr_t)h->u.reserved[2]) == 0);
    if (h == listener) { /* the other waiting ones wait for the next call */
        listener = NULL;
        accepted = NULL;
    }
    if (s == NULL)
        return;
    s->closed = true;
    s->handle = NULL;
    if (s->connect != NULL)
        s->connect->cb(s->connect, UV_ECANCELED);
    if (s->write != NULL)
        s->write->cb(s->write, UV_ECANCELED);
    if (s->shutdown != NULL)
        s->shutdown->cb(s->shutdown, UV_ECANCELED);
    s->connect = NULL;
    s->write = NULL;
    s->shutdown = NULL;
}
