/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "http/client_impl.h"

int rill_http_client_new(rill_http_client **out, rill_blocks *blocks,
                         const rill_http_limits *limits, rill_http_protocol protocol,
                         const rill_http_client_handlers *on, void *owner)
{
    assert(protocol != RILL_HTTP_AUTO);
    rill_http_client *c = rill_blocks_take(blocks, sizeof *c);
    if (c == NULL)
        return RILL_ERR_NOMEM;
    *c = (rill_http_client){
        .blocks = blocks, .limits = limits, .on = on, .owner = owner, .idle_ms = UINT32_MAX};
    rill_http_table_init(&c->table, blocks, limits);
    if (protocol == RILL_HTTP_1)
        rill_h1_client_begin(c);
    int error = protocol == RILL_HTTP_2 ? rill_h2_client_begin(c) : RILL_OK;
    if (error != RILL_OK) {
        rill_http_client_free(c);
        return error;
    }
    *out = c;
    return RILL_OK;
}

void rill_http_client_free(rill_http_client *c)
{
    if (c == NULL)
        return;
    if (c->ops != NULL)
        c->ops->free(c);
    rill_http_table_clear(&c->table);
    rill_blocks_give(c->blocks, c);
}

static bool takes_requests(const rill_http_client *c)
{
    return !c->lost && !c->draining;
}

size_t rill_http_client_room(const rill_http_client *c)
{
    return takes_requests(c) ? c->ops->room(c) : 0;
}

/* No byte that could end a line, or a word of the first one. */
static bool is_word(rill_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            return false;
    return text.len != 0;
}

static bool can_be_sent(const rill_http_request *r)
{
    if (!is_word(r->method) || !is_word(r->authority) || !is_word(r->path) || !is_word(r->scheme) ||
        (r->path.data[0] != '/' && !rill_http_same(r->path, "*")) ||
        r->field_count > RILL_HTTP_MAX_SENT)
        return false;
    for (size_t i = 0; i < r->field_count; i++)
        if (!rill_http_field_is_sendable(&r->fields[i]))
            return false;
    return true;
}

int rill_http_client_request(rill_http_client *c, const rill_http_request *r, uint64_t outgoing_id,
                             uint64_t *handle)
{
    if (!can_be_sent(r))
        return RILL_ERR_INVALID;
    if (!takes_requests(c) || c->ops->is_done(c))
        return RILL_ERR_CLOSED;
    if (c->ops->room(c) == 0)
        return RILL_ERR_BLOCKED;
    rill_http_exchange *x = rill_http_table_open(&c->table);
    if (x == NULL)
        return RILL_ERR_NOMEM;
    x->outgoing_id = outgoing_id;
    int error = c->ops->request(c, x, r);
    if (error != RILL_OK) {
        rill_http_table_close(&c->table, x);
        return error;
    }
    if (handle != NULL)
        *handle = rill_http_handle(x);
    return RILL_OK;
}

void rill_http_client_cancel(rill_http_client *c, uint64_t handle)
{
    rill_http_exchange *x = rill_http_table_find(&c->table, handle);
    if (x != NULL && !x->doomed && !x->answered)
        c->ops->cancel(c, x);
}

int rill_http_client_feed(rill_http_client *c, const uint8_t *data, size_t len)
{
    return c->lost ? RILL_ERR_CLOSED : c->ops->feed(c, data, len);
}

int rill_http_client_output(rill_http_client *c, rill_bytes *out)
{
    *out = (rill_bytes){0};
    return c->lost ? RILL_OK : c->ops->output(c, out);
}

bool rill_http_client_is_done(const rill_http_client *c)
{
    return c->lost || c->ops->is_done(c);
}

void rill_http_client_end(rill_http_client *c)
{
    if (!c->lost)
        c->ops->end(c);
}

void rill_http_client_lost(rill_http_client *c, int error, uint64_t handed)
{
    rill_http_exchange *x;
    c->lost = true;
    for (uint32_t i = 0; (x = rill_http_table_at(&c->table, i)) != NULL; i++)
        if (x->open && !x->doomed && !x->answered)
            rill_http_client_fail(c, x, error, x->begun && x->begins < handed);
}

void rill_http_client_drain(rill_http_client *c)
{
    if (c->draining || c->lost)
        return;
    c->draining = true;
    c->ops->drain(c);
}

size_t rill_http_client_open_count(const rill_http_client *c)
{
    return c->table.open;
}

uint32_t rill_http_client_idle_ms(const rill_http_client *c)
{
    return c->idle_ms;
}

const char *rill_http_client_problem(const rill_http_client *c)
{
    return c->problem;
}
