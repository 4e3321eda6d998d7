/* SPDX-License-Identifier: Apache-2.0 */
#include "links/http/http_seen.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/list.h"

typedef struct seen {
    rill_timer end; /* milliseconds */
    http_id id;
} seen;

void http_seen_init(http_seen *s, const rill_allocator *allocator, uint64_t seed, size_t max)
{
    *s = (http_seen){.allocator = allocator, .max = max};
    rill_map_init(&s->by_id, allocator, seed);
    rill_heap_init(&s->by_end, allocator);
}

static void forget(http_seen *s, seen *one)
{
    (void)rill_map_remove(&s->by_id, http_id_key(&one->id));
    if (one->end.index != 0)
        rill_heap_remove(&s->by_end, &one->end);
    rill_free(s->allocator, one);
}

void http_seen_clear(http_seen *s)
{
    rill_timer *t;
    while ((t = rill_heap_pop(&s->by_end, RILL_NEVER)) != NULL)
        forget(s, RILL_CONTAINER(t, seen, end));
    rill_map_clear(&s->by_id);
    rill_heap_clear(&s->by_end);
}

int http_seen_add(http_seen *s, const http_id *id, uint64_t now_ms, uint64_t until_ms)
{
    rill_timer *t;
    while ((t = rill_heap_pop(&s->by_end, now_ms)) != NULL)
        forget(s, RILL_CONTAINER(t, seen, end));
    const seen *before = rill_map_get(&s->by_id, http_id_key(id));
    if (before != NULL)
        return http_id_same(&before->id, id) ? RILL_ERR_EXISTS : RILL_ERR_LIMIT;
    if (rill_map_count(&s->by_id) >= s->max)
        return RILL_ERR_LIMIT;
    seen *one = rill_alloc(s->allocator, sizeof *one);
    if (one == NULL)
        return RILL_ERR_NOMEM;
    *one = (seen){.id = *id};
    int error = rill_heap_add(&s->by_end, &one->end, until_ms);
    if (error == RILL_OK)
        error = rill_map_put(&s->by_id, http_id_key(id), one);
    if (error == RILL_OK)
        return RILL_OK;
    if (one->end.index != 0)
        rill_heap_remove(&s->by_end, &one->end);
    rill_free(s->allocator, one);
    return error;
}

void http_seen_remove(http_seen *s, const http_id *id)
{
    seen *one = rill_map_get(&s->by_id, http_id_key(id));
    assert(one != NULL && http_id_same(&one->id, id));
    forget(s, one);
}
