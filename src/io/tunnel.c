/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "io/tunnel.h"

#include <stdio.h>
#include <string.h>

#include <rill/crypto.h>

#include "base/alloc.h"

/* Of a proxy's answer, without a body. */
#define MOST_HEAD 8192

typedef struct tunnel {
    rill_dialing base;
    rill_tcp *tcp;
    size_t len;
    char target[RILL_TCP_NAME];
    char head[MOST_HEAD + 1];
} tunnel;

/* The connection does not know it any more. */
static void end(tunnel *u)
{
    rill_tcp *t = u->tcp;
    t->dialing = NULL;
    t->handle.data = t;
    (void)uv_read_stop((uv_stream_t *)&t->handle);
    rill_free(rill_allocator_default(), u);
}

static void cancel(rill_dialing *base)
{
    end(RILL_CONTAINER(base, tunnel, base));
}

/* t->detail says why. */
static void fail(tunnel *u)
{
    rill_tcp *t = u->tcp;
    end(u);
    rill_tcp_lose(t, RILL_ERR_CONNECT);
}

static void say(const tunnel *u, const char *what)
{
    rill_tcp *t = u->tcp;
    snprintf(t->detail, sizeof t->detail, "no way to %.180s: the proxy %.120s %s", u->target,
             t->name, what);
}

/* "407 Proxy Authentication Required": what people can read of it. */
static void refused(tunnel *u, const char *status)
{
    char text[96] = "said: ";
    size_t len = strlen(text);
    while (len < sizeof text - 1 && *status >= ' ' && *status <= '~')
        text[len++] = *status++;
    text[len] = '\0';
    say(u, text);
    fail(u);
}

/* The end of the head, behind its empty line; NULL: it is not whole. */
static char *end_of_head(char *head)
{
    char *strict = strstr(head, "\r\n\r\n");
    char *loose = strstr(head, "\n\n");
    if (strict != NULL && (loose == NULL || strict < loose))
        return strict + 4;
    return loose != NULL ? loose + 2 : NULL;
}

static void answered(tunnel *u, const char *end_of)
{
    static const char version[] = "HTTP/1.";
    const char *head = u->head;
    bool known = strncmp(head, version, sizeof version - 1) == 0 &&
                 (head[7] == '0' || head[7] == '1') && head[8] == ' ';
    if (!known) {
        say(u, "does not speak HTTP/1.1");
        fail(u);
        return;
    }
    const char *status = head + 9;
    if (status[0] != '2' || status[1] < '0' || status[1] > '9' || status[2] < '0' ||
        status[2] > '9') {
        refused(u, status);
        return;
    }
    /* Who is behind it may have spoken at once. */
    uint8_t early[MOST_HEAD];
    size_t len = u->len - (size_t)(end_of - head);
    memcpy(early, end_of, len);
    rill_tcp *t = u->tcp;
    memcpy(t->name, u->target, sizeof t->name);
    end(u);
    rill_tcp_start(t, early, len);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    tunnel *u = handle->data;
    (void)suggested;
    *buf = uv_buf_init(u->head + u->len, (unsigned)(MOST_HEAD - u->len));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    tunnel *u = stream->data;
    (void)buf;
    rill_loop_stale(u->tcp->loop);
    if (count == 0)
        return;
    if (count < 0) {
        say(u, count == UV_EOF ? "closed the connection" : uv_strerror((int)count));
        fail(u);
        return;
    }
    u->len += (size_t)count;
    u->head[u->len] = '\0';
    const char *end_of = end_of_head(u->head);
    if (end_of != NULL) {
        answered(u, end_of);
    } else if (u->len == MOST_HEAD || memchr(u->head, '\0', u->len) != NULL) {
        say(u, "answers too much, or nothing that is HTTP");
        fail(u);
    }
}

static int ask(const tunnel *u, const rill_proxy *proxy)
{
    char request[2 * RILL_TCP_NAME + RILL_PROXY_USER + 128];
    bool named = proxy->user[0] != '\0';
    int len = snprintf(request, sizeof request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n",
                       u->target, u->target, named ? "Proxy-Authorization: Basic " : "",
                       proxy->user, named ? "\r\n" : "");
    uv_buf_t all = uv_buf_init(request, (unsigned)len);
    /* Nothing was written to this socket before: it takes that much. */
    int status = uv_try_write((uv_stream_t *)&u->tcp->handle, &all, 1);
    rill_wipe(request, sizeof request);
    return status == len ? 0 : status < 0 ? status : UV_ENOBUFS;
}

void rill_tunnel_start(rill_tcp *t, const rill_proxy *proxy, const char *target)
{
    tunnel *u = rill_calloc(rill_allocator_default(), 1, sizeof *u);
    if (u == NULL) {
        snprintf(t->detail, sizeof t->detail, "no way to %s: out of memory", target);
        rill_tcp_lose(t, RILL_ERR_NOMEM);
        return;
    }
    u->base.cancel = cancel;
    u->tcp = t;
    snprintf(u->target, sizeof u->target, "%s", target);
    t->dialing = &u->base;
    t->handle.data = u;
    int status = ask(u, proxy);
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&t->handle, on_alloc, on_read);
    if (status != 0) {
        say(u, uv_strerror(status));
        fail(u);
    }
}
