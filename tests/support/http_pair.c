/* SPDX-License-Identifier: Apache-2.0 */
#include "http_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static const rill_http_field fields[] = {
    {TEXT("content-type"), TEXT("application/octet-stream")},
    {TEXT("authorization"), TEXT("Bearer a-token-of-some-length-0123456789")},
};

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "http_pair: %s\n", what);
    abort();
}

static void note(char out[HTTP_NOTE], const rill_http_message *m, rill_http_span span)
{
    rill_bytes text = rill_http_text(m, span);
    snprintf(out, HTTP_NOTE, "%.*s", (int)text.len, text.len == 0 ? "" : (const char *)text.data);
}

static void on_request(void *owner, uint64_t handle, const rill_http_message *m)
{
    http_pair *p = owner;
    must(p->asked_count < HTTP_MOST, "too many requests");
    http_asked *a = &p->asked[p->asked_count++];
    *a = (http_asked){.handle = handle, .body_len = m->body_len};
    a->first = m->body_len == 0 ? 0 : m->body[0];
    note(a->method, m, m->method);
    note(a->path, m, m->path);
    note(a->authority, m, m->authority);
    if (!p->echo)
        return;
    rill_http_response r = {
        .status = 200, .fields = fields, .field_count = 1, .body = {m->body, m->body_len}};
    int error = rill_http_respond(p->server, handle, &r);
    must(error == RILL_OK || error == RILL_ERR_NOMEM, "an echo was refused");
}

static void on_gone(void *owner, uint64_t handle)
{
    http_pair *p = owner;
    for (size_t i = 0; i < p->asked_count; i++)
        if (p->asked[i].handle == handle) {
            must(!p->asked[i].gone, "a request has gone twice");
            p->asked[i].gone = true;
            return;
        }
    must(false, "what was never asked has gone");
}

static void tell(http_pair *p, http_told told)
{
    must(p->told_count < HTTP_MOST, "too many answers");
    for (size_t i = 0; i < p->told_count; i++)
        must(p->told[i].outgoing_id != told.outgoing_id, "a request ended twice");
    p->told[p->told_count++] = told;
}

static void on_response(void *owner, uint64_t outgoing_id, const rill_http_message *m)
{
    tell(owner, (http_told){.outgoing_id = outgoing_id,
                            .status = m->status,
                            .body_len = m->body_len,
                            .first = m->body_len == 0 ? 0 : m->body[0]});
}

static void on_failed(void *owner, uint64_t outgoing_id, int error, bool sent)
{
    tell(owner, (http_told){.outgoing_id = outgoing_id, .error = error, .sent = sent});
}

int http_pair_try(http_pair *p, rill_http_protocol protocol, const rill_allocator *allocator)
{
    static const rill_http_client_handlers client = {on_response, on_failed};
    static const rill_http_server_handlers server = {on_request, on_gone, NULL};
    rill_blocks_init(&p->blocks, allocator == NULL ? rill_allocator_default() : allocator,
                     (size_t)64 * 1024 * 1024);
    int error = rill_http_client_new(&p->client, &p->blocks, &p->limits, protocol, &client, p);
    if (error != RILL_OK)
        p->client = NULL;
    else
        error =
            rill_http_server_new(&p->server, &p->blocks, &p->limits, RILL_HTTP_AUTO, &server, p);
    if (error != RILL_OK) {
        rill_http_client_free(p->client);
        rill_blocks_clear(&p->blocks);
    }
    return error;
}

void http_pair_open(http_pair *p, rill_http_protocol protocol, const rill_allocator *allocator)
{
    memset(p, 0, sizeof *p);
    rill_http_limits_init(&p->limits);
    must(http_pair_try(p, protocol, allocator) == RILL_OK, "it did not open");
}

void http_pair_close(http_pair *p)
{
    rill_http_client_free(p->client);
    rill_http_server_free(p->server);
    rill_blocks_clear(&p->blocks);
}

/* In blocks of their own length, so that a byte read too many is seen; sets *error. */
static void feed(http_pair *p, bool to_server, rill_bytes data, int *error)
{
    size_t piece = p->piece == 0 ? data.len : p->piece;
    while (data.len != 0) {
        size_t now = data.len < piece ? data.len : piece;
        uint8_t *copy = malloc(now);
        must(copy != NULL, "memory");
        memcpy(copy, data.data, now);
        int result = to_server ? rill_http_server_feed(p->server, copy, now)
                               : rill_http_client_feed(p->client, copy, now);
        free(copy);
        if (result != RILL_OK) {
            *error = result;
            return;
        }
        data.data += now;
        data.len -= now;
    }
}

bool http_pair_to_server(http_pair *p)
{
    rill_bytes out;
    int error = rill_http_client_output(p->client, &out);
    if (error != RILL_OK)
        p->client_error = error;
    p->client_bytes += out.len;
    feed(p, true, out, &p->server_error);
    return out.len != 0;
}

bool http_pair_to_client(http_pair *p)
{
    rill_bytes out;
    int error = rill_http_server_output(p->server, &out);
    if (error != RILL_OK)
        p->server_error = error;
    p->server_bytes += out.len;
    feed(p, false, out, &p->client_error);
    /* What was taken makes room for what was sent ahead. */
    if (out.len != 0 && rill_http_server_waits_for_room(p->server) &&
        (error = rill_http_server_feed(p->server, NULL, 0)) != RILL_OK)
        p->server_error = error;
    return out.len != 0;
}

void http_pair_run(http_pair *p)
{
    bool more = true;
    while (more) {
        more = false;
        while (http_pair_to_server(p))
            more = true;
        while (http_pair_to_client(p))
            more = true;
    }
}

int http_pair_post(http_pair *p, uint64_t outgoing_id, uint8_t value, size_t len, uint64_t *handle)
{
    static uint8_t body[1 << 18];
    must(len <= sizeof body, "too long a body");
    memset(body, value, len);
    rill_http_request r = {.method = TEXT("POST"),
                           .scheme = TEXT("http"),
                           .authority = TEXT("localhost:7770"),
                           .path = TEXT("/packet"),
                           .fields = fields,
                           .field_count = 2,
                           .body = {body, len}};
    return rill_http_client_request(p->client, &r, outgoing_id, handle);
}

int http_pair_answer(http_pair *p, uint64_t handle, unsigned status, uint8_t value, size_t len)
{
    static uint8_t body[1 << 18];
    must(len <= sizeof body, "too long a body");
    memset(body, value, len);
    rill_http_response r = {
        .status = status, .fields = fields, .field_count = 1, .body = {body, len}};
    return rill_http_respond(p->server, handle, &r);
}
