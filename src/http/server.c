/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "http/server_impl.h"

static const char preface[] = "PRI ";

int rill_http_server_new(rill_http_server **out, rill_blocks *blocks,
                         const rill_http_limits *limits, rill_http_protocol protocol,
                         const rill_http_server_handlers *on, void *owner)
{
    rill_http_server *s = rill_blocks_take(blocks, sizeof *s);
    if (s == NULL)
        return RILL_ERR_NOMEM;
    *s = (rill_http_server){
        .blocks = blocks, .limits = limits, .on = on, .owner = owner, .protocol = protocol};
    rill_http_table_init(&s->table, blocks, limits);
    if (protocol == RILL_HTTP_1)
        rill_h1_server_begin(s);
    int error = protocol == RILL_HTTP_2 ? rill_h2_server_begin(s) : RILL_OK;
    if (error != RILL_OK) {
        rill_http_server_free(s);
        return error;
    }
    *out = s;
    return RILL_OK;
}

void rill_http_server_free(rill_http_server *s)
{
    if (s == NULL)
        return;
    if (s->ops != NULL)
        s->ops->free(s);
    rill_http_table_clear(&s->table);
    rill_blocks_give(s->blocks, s);
}

/* HTTP/2 begins with a request that HTTP/1.1 has no use for (RFC 9113 section 3.4). */
static int decide(rill_http_server *s, const uint8_t **data, size_t *len)
{
    while (*len != 0 && s->first_len < strlen(preface)) {
        if (**data != (uint8_t)preface[s->first_len]) {
            s->protocol = RILL_HTTP_1;
            rill_h1_server_begin(s);
            break;
        }
        s->first[s->first_len++] = *(*data)++;
        --*len;
    }
    if (s->ops == NULL && s->first_len < strlen(preface))
        return RILL_ERR_BLOCKED;
    if (s->ops == NULL) {
        s->protocol = RILL_HTTP_2;
        int error = rill_h2_server_begin(s);
        if (error != RILL_OK)
            return error;
    }
    return s->first_len == 0 ? RILL_OK : s->ops->feed(s, s->first, s->first_len);
}

int rill_http_server_feed(rill_http_server *s, const uint8_t *data, size_t len)
{
    if (s->ops == NULL) {
        if (s->ended)
            return RILL_ERR_CLOSED;
        int error = decide(s, &data, &len);
        if (error != RILL_OK)
            return error == RILL_ERR_BLOCKED ? RILL_OK : error;
    }
    return s->ops->feed(s, data, len);
}

bool rill_http_server_is_full(const rill_http_server *s)
{
    return s->protocol == RILL_HTTP_1 && s->h1.held_len >= s->limits->max_head;
}

bool rill_http_server_waits_for_room(const rill_http_server *s)
{
    return s->ops != NULL && s->ops->waits_for_room != NULL && s->ops->waits_for_room(s);
}

void rill_http_server_end(rill_http_server *s)
{
    s->ended = true;
    if (s->ops != NULL)
        s->ops->end(s);
}

int rill_http_server_output(rill_http_server *s, rill_bytes *out)
{
    *out = (rill_bytes){0};
    return s->ops == NULL ? RILL_OK : s->ops->output(s, out);
}

bool rill_http_server_is_done(const rill_http_server *s)
{
    return s->ops == NULL ? s->ended || s->draining : s->ops->is_done(s);
}

static bool can_be_sent(const rill_http_response *r)
{
    if (r->status < 200 || r->status > 599 || r->field_count > RILL_HTTP_MAX_SENT)
        return false;
    if ((r->status == 204 || r->status == 304) && r->body.len != 0)
        return false;
    if ((r->status == 204 || r->status == 304) && r->goes_on)
        return false;
    for (size_t i = 0; i < r->field_count; i++)
        if (!rill_http_field_is_sendable(&r->fields[i]))
            return false;
    return true;
}

int rill_http_respond(rill_http_server *s, uint64_t handle, const rill_http_response *r)
{
    rill_http_exchange *x = rill_http_table_find(&s->table, handle);
    if (x == NULL || !x->asked || x->answered || x->goes_on)
        return RILL_ERR_NOT_FOUND;
    if (!can_be_sent(r))
        return RILL_ERR_INVALID;
    return s->ops->respond(s, x, r);
}

/* NULL: no answer goes on under this handle. */
static rill_http_exchange *find_going_on(const rill_http_server *s, uint64_t handle)
{
    rill_http_exchange *x = rill_http_table_find(&s->table, handle);
    return x != NULL && x->goes_on && !x->doomed ? x : NULL;
}

int rill_http_go_on(rill_http_server *s, uint64_t handle, rill_bytes more)
{
    rill_http_exchange *x = find_going_on(s, handle);
    return x == NULL ? RILL_ERR_NOT_FOUND : s->ops->go_on(s, x, more);
}

int rill_http_go_no_further(rill_http_server *s, uint64_t handle)
{
    rill_http_exchange *x = find_going_on(s, handle);
    return x == NULL ? RILL_ERR_NOT_FOUND : s->ops->go_no_further(s, x);
}

size_t rill_http_behind(const rill_http_server *s, uint64_t handle)
{
    const rill_http_exchange *x = find_going_on(s, handle);
    return x == NULL ? 0 : s->ops->behind(s, x);
}

bool rill_http_server_waits_for_reader(const rill_http_server *s)
{
    return s->ops != NULL && s->ops->waits_for_reader != NULL && s->ops->waits_for_reader(s);
}

size_t rill_http_server_end_late(rill_http_server *s, uint64_t now, uint64_t request_ms,
                                 uint64_t reader_ms)
{
    return s->ops != NULL && s->ops->end_late != NULL
               ? s->ops->end_late(s, now, request_ms, reader_ms)
               : 0;
}

size_t rill_http_server_held(const rill_http_server *s)
{
    size_t exchanges = s->table.count * sizeof(rill_http_exchange);
    return sizeof *s + exchanges + (s->ops != NULL ? s->ops->held(s) : 0);
}

void rill_http_server_drain(rill_http_server *s)
{
    if (s->draining)
        return;
    s->draining = true;
    if (s->ops != NULL)
        s->ops->drain(s);
}

size_t rill_http_server_open_count(const rill_http_server *s)
{
    return s->asked;
}

bool rill_http_server_is_amid(const rill_http_server *s)
{
    return s->ops == NULL ? s->first_len != 0 : s->ops->is_amid(s);
}

rill_http_protocol rill_http_server_protocol(const rill_http_server *s)
{
    return s->ops == NULL ? RILL_HTTP_AUTO : s->protocol;
}

const char *rill_http_server_problem(const rill_http_server *s)
{
    return s->problem;
}
