/* SPDX-License-Identifier: Apache-2.0 */
#include "http/exchange.h"

#include <assert.h>
#include <string.h>

enum { FIRST = 4 };

void rill_http_table_init(rill_http_table *t, rill_blocks *blocks, const rill_http_limits *limits)
{
    *t = (rill_http_table){.blocks = blocks, .limits = limits};
}

void rill_http_table_clear(rill_http_table *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->all[i]->open)
            rill_http_table_close(t, t->all[i]);
        rill_blocks_give(t->blocks, t->all[i]);
    }
    rill_blocks_give(t->blocks, t->all);
    rill_blocks_give(t->blocks, t->spare);
    rill_http_table_init(t, t->blocks, t->limits);
}

/* Room for one more pointer, and for its index among the spare ones. */
static bool make_room(rill_http_table *t)
{
    size_t want = t->count < FIRST ? FIRST : t->count + 1u;
    void *all = rill_blocks_resize(t->blocks, t->all, want * sizeof(rill_http_exchange *));
    if (all == NULL)
        return false;
    t->all = all;
    void *spare = rill_blocks_resize(t->blocks, t->spare, want * sizeof(uint32_t));
    if (spare == NULL)
        return false;
    t->spare = spare;
    return true;
}

static rill_http_exchange *add(rill_http_table *t)
{
    if (!make_room(t))
        return NULL;
    rill_http_exchange *x = rill_blocks_take(t->blocks, sizeof *x);
    if (x == NULL)
        return NULL;
    x->index = t->count;
    x->generation = 0;
    t->all[t->count++] = x;
    return x;
}

rill_http_exchange *rill_http_table_open(rill_http_table *t)
{
    rill_http_exchange *x = t->spare_count != 0 ? t->all[t->spare[--t->spare_count]] : add(t);
    if (x == NULL)
        return NULL;
    x->generation++;
    x->open = true;
    x->answered = x->asked = x->goes_on = x->to_head = x->begun = x->doomed = false;
    x->headed = false;
    x->still = (rill_http_still){.wait = RILL_HTTP_WAITS_FOR_NOTHING};
    x->stream = 0;
    x->outgoing_id = x->begins = 0;
    x->body = NULL;
    x->body_len = x->body_at = x->unsent = 0;
    rill_http_message_init(&x->in, t->blocks, t->limits);
    t->open++;
    return x;
}

void rill_http_table_close(rill_http_table *t, rill_http_exchange *x)
{
    assert(x->open);
    rill_http_message_clear(&x->in);
    rill_blocks_give(t->blocks, x->body);
    x->body = NULL;
    x->open = false;
    t->open--;
    t->spare[t->spare_count++] = x->index;
}

uint64_t rill_http_handle(const rill_http_exchange *x)
{
    return (uint64_t)x->generation << 32 | x->index;
}

rill_http_exchange *rill_http_table_find(const rill_http_table *t, uint64_t handle)
{
    rill_http_exchange *x = rill_http_table_at(t, (uint32_t)handle);
    return x != NULL && x->open && x->generation == (uint32_t)(handle >> 32) ? x : NULL;
}

rill_http_exchange *rill_http_table_at(const rill_http_table *t, uint32_t index)
{
    return index < t->count ? t->all[index] : NULL;
}

int rill_http_exchange_body(rill_http_table *t, rill_http_exchange *x, rill_bytes body)
{
    if (body.len == 0)
        return RILL_OK;
    uint8_t *copy = rill_blocks_take(t->blocks, body.len);
    if (copy == NULL)
        return RILL_ERR_NOMEM;
    memcpy(copy, body.data, body.len);
    x->body = copy;
    x->body_len = body.len;
    return RILL_OK;
}

int rill_http_exchange_more(rill_http_table *t, rill_http_exchange *x, rill_bytes more)
{
    size_t left = x->body_len - x->body_at;
    if (more.len == 0)
        return RILL_OK;
    if (more.len > SIZE_MAX - left)
        return RILL_ERR_NOMEM;
    if (x->body_at > 0)
        memmove(x->body, x->body + x->body_at, left);
    x->body_at = 0;
    x->body_len = left;
    uint8_t *room = rill_blocks_resize(t->blocks, x->body, left + more.len);
    if (room == NULL)
        return RILL_ERR_NOMEM;
    memcpy(room + left, more.data, more.len);
    x->body = room;
    x->body_len += more.len;
    return RILL_OK;
}
