/* SPDX-License-Identifier: Apache-2.0 */
/* Making connections: every address of a host in turn, or from a listener. */
#define _POSIX_C_SOURCE 200809L

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net/tcp.h"

static void try_next(rill_tcp *t);

static void forget_addresses(rill_tcp *t)
{
    uv_freeaddrinfo(t->addresses);
    t->addresses = NULL;
    t->next_address = NULL;
}

/* A handle whose connection failed is of no more use: the next address gets a new one. */
static void on_attempt_closed(uv_handle_t *handle)
{
    rill_tcp *t = handle->data;
    if (t->state == RILL_TCP_CLOSED) {
        forget_addresses(t);
        rill_tcp_part_closed(t);
        return;
    }
    uv_tcp_init(t->loop->uv, &t->handle);
    t->handle.data = t;
    try_next(t);
}

static void attempt_failed(rill_tcp *t, int status)
{
    snprintf(t->detail, sizeof t->detail, "cannot connect to %s: %s", t->name, uv_strerror(status));
    if (t->next_address != NULL) {
        uv_close((uv_handle_t *)&t->handle, on_attempt_closed);
    } else {
        forget_addresses(t);
        rill_tcp_lose(t, RILL_ERR_CONNECT);
    }
}

static void on_connected(uv_connect_t *request, int status)
{
    rill_tcp *t = request->handle->data;
    if (t->state == RILL_TCP_CLOSED) {
        forget_addresses(t);
        return;
    }
    if (status != 0) {
        attempt_failed(t, status);
        return;
    }
    forget_addresses(t);
    rill_tcp_start(t);
}

static void try_next(rill_tcp *t)
{
    const struct addrinfo *address = t->next_address;
    t->next_address = address->ai_next;
    int status = uv_tcp_connect(&t->request.connect, &t->handle, address->ai_addr, on_connected);
    if (status != 0)
        attempt_failed(t, status);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    rill_tcp *t = request->data;
    t->resolving = false;
    t->addresses = found;
    t->next_address = found;
    if (t->state != RILL_TCP_CLOSED && status == 0 && found != NULL) {
        try_next(t);
    } else if (t->state != RILL_TCP_CLOSED) {
        snprintf(t->detail, sizeof t->detail, "cannot resolve %s: %s", t->name,
                 uv_strerror(status));
        rill_tcp_lose(t, RILL_ERR_RESOLVE);
    } else {
        forget_addresses(t);
    }
    rill_tcp_part_closed(t);
}

int rill_tcp_connect(rill_tcp *t, const char *host, uint16_t port, const rill_tls_context *tls)
{
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    snprintf(t->name, sizeof t->name, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host,
             service);
    if (tls != NULL) {
        int error = rill_tls_new(&t->tls, tls, host);
        if (error != RILL_OK)
            return error;
    }
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    t->request.resolve.data = t;
    if (uv_getaddrinfo(t->loop->uv, &t->request.resolve, on_resolved, host, service, &hints) != 0)
        return RILL_ERR_RESOLVE;
    t->state = RILL_TCP_CONNECTING;
    t->resolving = true;
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
    uv_ip_name((const struct sockaddr *)&address, host, sizeof host);
    /* The port is at the same place, in network order, in both families. */
    const unsigned char *port = (const unsigned char *)&address + 2;
    snprintf(t->name, sizeof t->name, address.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
             (unsigned)(port[0] << 8 | port[1]));
}

int rill_tcp_accept(rill_tcp *t, uv_stream_t *listener, const rill_tls_context *tls)
{
    if (uv_accept(listener, (uv_stream_t *)&t->handle) != 0)
        return RILL_ERR_IO;
    name_peer(t);
    if (tls != NULL) {
        int error = rill_tls_new(&t->tls, tls, NULL);
        if (error != RILL_OK)
            return error;
    }
    rill_tcp_start(t);
    return RILL_OK;
}
