/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

#include "report.h"

#include <stdlib.h>
#include <string.h>

void sim_queue_init(sim_queue *q)
{
    memset(q, 0, sizeof(*q));
}

void sim_queue_free(sim_queue *q)
{
    for (size_t i = 0; i < q->count; i++)
        if (q->items[i].drop != NULL)
            q->items[i].drop(q->items[i].context);
    free(q->items);
    memset(q, 0, sizeof(*q));
}

static bool before(const sim_event *a, const sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_queue_put(sim_queue *q, uint64_t at, sim_action *action, void *context, uint64_t argument,
                   void (*drop)(void *context))
{
    if (q->count == q->capacity) {
        q->capacity = q->capacity == 0 ? 256 : q->capacity * 2;
        q->items = sim_reallocate(q->items, q->capacity * sizeof(sim_event));
    }
    sim_event e = {at < q->now ? q->now : at, q->order++, action, drop, context, argument};
    size_t i = q->count++;
    while (i > 0 && before(&e, &q->items[(i - 1) / 2])) {
        q->items[i] = q->items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->items[i] = e;
}

uint64_t sim_queue_next(const sim_queue *q)
{
    return q->count == 0 ? UINT64_MAX : q->items[0].at;
}

static void sift_down(sim_queue *q, sim_event e)
{
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= q->count)
            break;
        if (child + 1 < q->count && before(&q->items[child + 1], &q->items[child]))
            child++;
        if (!before(&q->items[child], &e))
            break;
        q->items[i] = q->items[child];
        i = child;
    }
    q->items[i] = e;
}

bool sim_queue_step(sim_queue *q)
{
    if (q->count == 0)
        return false;
    sim_event e = q->items[0];
    q->count--;
    if (q->count > 0)
        sift_down(q, q->items[q->count]);
    q->now = e.at;
    e.action(e.context, e.argument);
    return true;
}
