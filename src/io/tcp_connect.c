/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making connections: to the addresses of a host (RFC 8305, "happy eyeballs"), or
 * from a listener. An address that does not answer holds up the next one for a
 * quarter of a second, not for the minutes after which TCP gives up.
 */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rill/crypto.h>

#include "base/alloc.h"
#include "io/proxy.h"
#include "io/resolve.h"
#include "io/tcp.h"
#include "io/tunnel.h"

/* RFC 8305 section 8, Connection Attempt Delay. */
#define NEXT_ATTEMPT_MS 250
/* Addresses of a host that are tried. */
#define MAX_ATTEMPTS 16

typedef struct attempt {
    uv_tcp_t handle;
    uv_connect_t request;
    struct dial *dial;
    bool open;
} attempt;

typedef struct dial {
    rill_dialing base;
    rill_tcp *tcp;
    rill_lookup *lookup; /* NULL once it is over */
    struct addrinfo *found;
    const struct addrinfo *order[MAX_ATTEMPTS];
    size_t count;
    size_t next;
    size_t waiting; /* attempts that may still succeed */
    bool over;      /* connected, failed or given up */
    unsigned parts; /* handles that are open */
    uv_timer_t timer;
    attempt attempts[MAX_ATTEMPTS];
    bool by_proxy;              /* whose addresses these are */
    rill_proxy proxy;           /* if so */
    char target[RILL_TCP_NAME]; /* whom it is to connect us to */
} dial;

static void try_next(dial *d);

/* ---- the end of it ---- */

static void part_closed(dial *d)
{
    if (--d->parts != 0)
        return;
    rill_tcp *t = d->tcp;
    rill_resolve_free(d->found);
    rill_wipe(&d->proxy, sizeof d->proxy);
    rill_free(rill_allocator_default(), d);
    rill_tcp_part_closed(t);
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

static void on_attempt_closed(uv_handle_t *handle)
{
    const attempt *a = handle->data;
    part_closed(a->dial);
}

static void close_attempt(attempt *a)
{
    if (!a->open)
        return;
    a->open = false;
    uv_close((uv_handle_t *)&a->handle, on_attempt_closed);
}

/* Nothing more comes of it. The connection does not know it any more. */
static void finish(dial *d)
{
    if (d->over)
        return;
    d->over = true;
    d->tcp->dialing = NULL;
    if (d->lookup != NULL)
        rill_resolve_cancel(d->lookup);
    d->lookup = NULL;
    for (size_t i = 0; i < d->next; i++)
        close_attempt(&d->attempts[i]);
    uv_close((uv_handle_t *)&d->timer, on_timer_closed);
}

static void cancel(rill_dialing *base)
{
    finish(RILL_CONTAINER(base, dial, base));
}

static void fail(dial *d, int error)
{
    rill_tcp *t = d->tcp;
    finish(d);
    rill_tcp_lose(t, error);
}

/* ---- attempts ---- */

/*
 * The socket becomes the connection's: by another descriptor, for a handle of libuv's
 * cannot be moved.
 */
static int take_over(rill_tcp *t, const attempt *a)
{
    uv_os_fd_t fd;
    int status = uv_fileno((const uv_handle_t *)&a->handle, &fd);
    if (status != 0)
        return status;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return UV_EMFILE;
    status = uv_tcp_open(&t->handle, own);
    if (status != 0)
        close(own);
    return status;
}

static void attempt_failed(dial *d, int status)
{
    rill_tcp *t = d->tcp;
    d->waiting--;
    snprintf(t->detail, sizeof t->detail, "cannot connect to %s%s: %s",
             d->by_proxy ? "the proxy " : "", t->name, uv_strerror(status));
    if (d->next < d->count)
        try_next(d);
    else if (d->waiting == 0)
        fail(d, RILL_ERR_CONNECT);
}

static void on_connected(uv_connect_t *request, int status)
{
    attempt *a = request->data;
    dial *d = a->dial;
    rill_tcp *t = d->tcp;
    if (d->over || !a->open)
        return;
    if (status == 0)
        status = take_over(t, a);
    if (status != 0) {
        close_attempt(a);
        attempt_failed(d, status);
        return;
    }
    finish(d);
    if (d->by_proxy)
        rill_tunnel_start(t, &d->proxy, d->target);
    else
        rill_tcp_start(t, NULL, 0);
}

static void on_timer(uv_timer_t *timer)
{
    dial *d = timer->data;
    if (d->next < d->count)
        try_next(d);
}

static void try_next(dial *d)
{
    attempt *a = &d->attempts[d->next];
    const struct addrinfo *address = d->order[d->next++];
    a->dial = d;
    a->open = true;
    a->handle.data = a->request.data = a;
    uv_tcp_init(d->tcp->loop->uv, &a->handle);
    a->handle.data = a;
    d->parts++;
    d->waiting++;
    uv_timer_start(&d->timer, on_timer, NEXT_ATTEMPT_MS, 0);
    int status = uv_tcp_connect(&a->request, &a->handle, address->ai_addr, on_connected);
    if (status == 0)
        return;
    close_attempt(a);
    attempt_failed(d, status);
}

/*
 * RFC 8305 section 4: the families take turns, beginning with the one that the system prefers,
 * so that one that leads nowhere costs one attempt.
 */
static void put_in_order(dial *d)
{
    const struct addrinfo *of[2] = {d->found, d->found};
    bool same = true; /* whose turn it is: addresses of the first one's family, or others */
    while (d->count < MAX_ATTEMPTS && (of[0] != NULL || of[1] != NULL)) {
        const struct addrinfo **at = &of[same ? 0 : 1];
        while (*at != NULL && ((*at)->ai_family == d->found->ai_family) != same)
            *at = (*at)->ai_next;
        if (*at != NULL) {
            d->order[d->count++] = *at;
            *at = (*at)->ai_next;
        }
        same = !same;
    }
}

static void on_resolved(void *owner, int status, struct addrinfo *found)
{
    dial *d = owner;
    rill_tcp *t = d->tcp;
    d->lookup = NULL;
    d->base.resolving = false;
    d->found = found;
    if (status != 0 || found == NULL) {
        snprintf(t->detail, sizeof t->detail, "cannot resolve %s%s: %s",
                 d->by_proxy ? "the proxy " : "", t->name,
                 uv_strerror(status != 0 ? status : UV_EAI_NONAME));
        fail(d, RILL_ERR_RESOLVE);
        return;
    }
    put_in_order(d);
    try_next(d);
}

bool rill_tcp_is_resolving(const rill_tcp *t)
{
    return t->dialing != NULL && t->dialing->resolving;
}

static void name(char out[RILL_TCP_NAME], const char *host, uint16_t port)
{
    snprintf(out, RILL_TCP_NAME, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host,
             (unsigned)port);
}

/* Whose addresses are looked up: the host's, or its proxy's. */
static int choose_proxy(dial *d, const char **host, uint16_t *port, bool tls)
{
    const char *variable = NULL;
    int rc = rill_proxy_find(&d->proxy, *host, *port, tls, &variable);
    if (rc == RILL_ERR_INVALID) {
        snprintf(d->tcp->detail, sizeof d->tcp->detail,
                 "%s is not a proxy: http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT",
                 variable);
        return RILL_ERR_CONNECT;
    }
    d->by_proxy = rc == RILL_OK;
    if (!d->by_proxy)
        return RILL_OK;
    name(d->target, *host, *port);
    *host = d->proxy.host;
    *port = d->proxy.port;
    name(d->tcp->name, *host, *port);
    return RILL_OK;
}

int rill_tcp_connect(rill_tcp *t, const char *host, uint16_t port, rill_tls_context *tls)
{
    name(t->name, host, port);
    if (tls != NULL) {
        int error = rill_tls_new(&t->tls, tls, host);
        if (error != RILL_OK)
            return error;
    }
    dial *d = rill_calloc(rill_allocator_default(), 1, sizeof *d);
    if (d == NULL)
        return RILL_ERR_NOMEM;
    d->base.cancel = cancel;
    d->tcp = t;
    int error = choose_proxy(d, &host, &port, tls != NULL);
    if (error == RILL_ERR_CONNECT) { /* said in t->detail, from the loop */
        t->error = error;
        t->broken = true;
        t->state = RILL_TCP_CONNECTING;
        rill_loop_defer(t->loop, &t->failure);
        rill_free(rill_allocator_default(), d);
        return RILL_OK;
    }
    error = rill_resolve(&d->lookup, t->loop, host, port, on_resolved, d);
    if (error != RILL_OK) {
        rill_wipe(&d->proxy, sizeof d->proxy);
        rill_free(rill_allocator_default(), d);
        return error == RILL_ERR_LIMIT ? RILL_ERR_RESOLVE : error;
    }
    d->base.resolving = true;
    uv_timer_init(t->loop->uv, &d->timer);
    d->timer.data = d;
    d->parts = 1;
    t->state = RILL_TCP_CONNECTING;
    t->dialing = &d->base;
    t->parts++;
    return RILL_OK;
}

static void name_peer(rill_tcp *t)
{
    struct sockaddr_storage address;
    int len = sizeof address;
    char host[64] = "?";
    snprintf(t->name, sizeof t->name, "a client");
    if (uv_tcp_getpeername(&t->handle, (struct sockaddr *)&address, &len) != 0)
        return;
    if (address.ss_family == AF_UNIX) {
        snprintf(t->name, sizeof t->name, "a program of this machine");
        return;
    }
    uv_ip_name((const struct sockaddr *)&address, host, sizeof host);
    /* The port is at the same place, in network order, in both families. */
    const unsigned char *port = (const unsigned char *)&address + 2;
    snprintf(t->name, sizeof t->name, address.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
             (unsigned)(port[0] << 8 | port[1]));
}

int rill_tcp_accept(rill_tcp *t, uv_stream_t *listener, rill_tls_context *tls)
{
    if (uv_accept(listener, (uv_stream_t *)&t->handle) != 0)
        return RILL_ERR_IO;
    t->accepted_at = uv_now(t->loop->uv);
    name_peer(t);
    if (tls != NULL) {
        int error = rill_tls_new(&t->tls, tls, NULL);
        if (error != RILL_OK)
            return error;
    }
    rill_tcp_start(t, NULL, 0);
    return RILL_OK;
}
