/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/http/http_async.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* Requests of one neighbour that are remembered: 30 seconds of 6,600 a second. */
#define MAX_SEEN 200000

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

http_link *http_async_link(rill_link *l)
{
    return RILL_CONTAINER(l, http_link, link);
}

/* ---- its URLs ---- */

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = rill_alloc(memory(), size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

static char *url_of(const rill_uri *uri)
{
    size_t size = sizeof "https://" + strlen(uri->host_header) + strlen(uri->target);
    char *url = rill_alloc(memory(), size);
    if (url != NULL)
        (void)snprintf(url, size, "%s://%s%s", uri->tls ? "https" : "http", uri->host_header,
                       uri->target);
    return url;
}

static int take_urls(http_link *k, const rill_link_options *o, const char **problem)
{
    http_async *a = k->async;
    rill_uri uri;
    int error = rill_uri_parse_url(&uri, o->callback_url, problem);
    if (error != RILL_OK)
        return error;
    uri = k->uri;
    if (o->answers_url != NULL)
        error = rill_uri_parse_url(&uri, o->answers_url, problem);
    if (error == RILL_OK && !rill_uri_same_place(&uri, &k->uri)) {
        *problem = "answers_url must have the scheme, the host and the port of the link's URI";
        error = RILL_ERR_URI;
    }
    if (error == RILL_OK) {
        a->callback_url = copy_of(o->callback_url);
        a->answers_url = url_of(&uri);
        a->answers_path = copy_of(uri.target);
        if (a->callback_url == NULL || a->answers_url == NULL || a->answers_path == NULL)
            error = RILL_ERR_NOMEM;
    }
    rill_wipe(&uri, sizeof uri);
    return error;
}

bool http_async_is_answers_url(const http_link *k, rill_bytes url)
{
    char text[RILL_URI_MAX];
    const char *ignored;
    rill_uri uri;
    if (rill_http_same(url, k->async->answers_url))
        return true;
    if (url.len >= sizeof text || memchr(url.data, '\0', url.len) != NULL)
        return false;
    memcpy(text, url.data, url.len);
    text[url.len] = '\0';
    bool same = rill_uri_parse_url(&uri, text, &ignored) == RILL_OK &&
                rill_uri_same_place(&uri, &k->uri) &&
                strcmp(uri.target, k->async->answers_path) == 0;
    rill_wipe(&uri, sizeof uri);
    return same;
}

/* ---- its life ---- */

int http_async_open(http_link *k, const rill_link_options *options, const char **problem)
{
    rill_loop *loop = k->link.loop;
    uint64_t seed;
    http_async *a = rill_calloc(memory(), 1, sizeof *a);
    if (a == NULL)
        return RILL_ERR_NOMEM;
    k->async = a;
    a->listed.link = &k->link;
    rill_list_init(&a->listed.node);
    rill_list_init(&a->ready);
    rill_list_init(&a->busy);
    rill_list_init(&a->resting);
    int error = rill_crypto_random(loop->crypto, (uint8_t *)&seed, sizeof seed) == RILL_OK
                    ? RILL_OK
                    : RILL_ERR_CRYPTO;
    if (error != RILL_OK)
        seed = 0; /* nothing will be remembered */
    http_seen_init(&a->seen, memory(), seed, MAX_SEEN);
    if (error == RILL_OK)
        error = take_urls(k, options, problem);
    if (error == RILL_OK)
        error = http_desk_hold(&a->desk, loop);
    if (error == RILL_OK && !http_desk_has_server(a->desk)) {
        *problem = "asynchronous replies come to a port that takes HTTP, and there is none yet";
        error = RILL_ERR_STATE;
    }
    if (error == RILL_OK)
        http_desk_add_link(a->desk, &a->listed);
    return error;
}

void http_async_part(http_link *k)
{
    if (k->async != NULL)
        k->async->listed.parting = true;
}

void http_async_leave(http_link *k)
{
    if (k->async != NULL)
        http_desk_remove_link(&k->async->listed);
}

void http_async_free(http_link *k)
{
    http_async *a = k->async;
    if (a == NULL)
        return;
    http_async_leave(k);
    http_seen_clear(&a->seen);
    if (a->desk != NULL)
        http_desk_drop(a->desk);
    rill_free(memory(), a->callback_url);
    rill_free(memory(), a->answers_url);
    rill_free(memory(), a->answers_path);
    rill_free(memory(), a);
    k->async = NULL;
}

/* ---- a request ---- */

static http_part *new_part(http_link *k, http_sending *x)
{
    http_part *part = rill_blocks_take(&k->blocks, sizeof *part);
    if (part == NULL)
        return NULL;
    *part = (http_part){.awaited.link = &k->link, .sending = x};
    x->part = part;
    return part;
}

int http_async_begin(http_link *k, http_sending *x)
{
    http_part *part = new_part(k, x);
    if (part == NULL)
        return RILL_ERR_NOMEM;
    int error = http_desk_expect(k->async->desk, &part->awaited);
    if (error == RILL_OK)
        http_id_write(&part->awaited.id, part->id);
    else
        http_async_end(k, x);
    return error;
}

int http_async_begin_answer(http_link *k, http_sending *x, const char id[HTTP_ID_TEXT],
                            uint64_t expires_ms)
{
    http_part *part = new_part(k, x);
    if (part == NULL)
        return RILL_ERR_NOMEM;
    part->answer = true;
    part->expires_ms = expires_ms;
    memcpy(part->id, id, sizeof part->id);
    return RILL_OK;
}

void http_async_end(http_link *k, http_sending *x)
{
    if (x->part == NULL)
        return;
    http_desk_forget(k->async->desk, &x->part->awaited);
    rill_blocks_give(&k->blocks, x->part);
    x->part = NULL;
}

size_t http_async_fields(const http_link *k, const http_sending *x,
                         rill_http_field out[HTTP_ASYNC_FIELDS])
{
    const char *url = k->async->callback_url;
    out[0] = (rill_http_field){TEXT("request-id"), {(const uint8_t *)x->part->id, HTTP_ID_TEXT}};
    if (x->part->answer)
        return 1;
    out[1] = (rill_http_field){TEXT("callback-url"), {(const uint8_t *)url, strlen(url)}};
    /* Draft 2 of RFC 35 asks for the first, draft 3 for the second alone. */
    out[2] = (rill_http_field){TEXT("prefer"), TEXT("respond-async")};
    out[3] = (rill_http_field){TEXT("accept"), TEXT("application/octet-stream")};
    return 4;
}
