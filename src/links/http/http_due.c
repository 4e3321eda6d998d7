/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/http/http_due.h"

#include "base/alloc.h"
#include "base/muldiv.h"

static uint64_t now_ns(const http_dues *d)
{
    return rill_mul_div_floor_sat(uv_now(d->loop->uv), RILL_MS, 1);
}

static void on_timer(uv_timer_t *timer);

static void arm(http_dues *d)
{
    uint64_t next = rill_heap_deadline(&d->heap);
    uint64_t now = uv_now(d->loop->uv);
    if (next == RILL_NEVER) {
        uv_timer_stop(&d->timer);
        return;
    }
    uint64_t at = next / RILL_MS;
    uv_timer_start(&d->timer, on_timer, at > now ? at - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    http_dues *d = timer->data;
    uint64_t now = now_ns(d);
    rill_timer *t;
    if (rill_loop_is_behind(d->loop, rill_heap_deadline(&d->heap))) {
        uv_timer_start(timer, on_timer, 1, 0);
        return;
    }
    while (!d->stopped && (t = rill_heap_pop(&d->heap, now)) != NULL)
        d->passed(d->owner, RILL_CONTAINER(t, http_due, timer));
    if (!d->stopped)
        arm(d);
}

int http_due_set(http_dues *d, http_due *due, uint64_t after_ns)
{
    uint64_t before = rill_heap_deadline(&d->heap);
    uint64_t deadline = rill_add_sat(now_ns(d), after_ns);
    int error = RILL_OK;
    if (due->timer.index != 0)
        rill_heap_move(&d->heap, &due->timer, deadline);
    else
        error = rill_heap_add(&d->heap, &due->timer, deadline);
    if (error == RILL_OK && d->started && rill_heap_deadline(&d->heap) != before)
        arm(d);
    return error;
}

void http_due_clear(http_dues *d, http_due *due)
{
    if (due->timer.index != 0)
        rill_heap_remove(&d->heap, &due->timer);
}

void http_dues_init(http_dues *d, rill_loop *loop, void (*passed)(void *owner, http_due *due),
                    void *owner)
{
    *d = (http_dues){.loop = loop, .passed = passed, .owner = owner};
    rill_heap_init(&d->heap, rill_allocator_default());
}

void http_dues_start(http_dues *d)
{
    (void)uv_timer_init(d->loop->uv, &d->timer); /* which cannot fail */
    d->timer.data = d;
    d->started = true;
    arm(d);
}

uint64_t http_dues_wait(const http_dues *d)
{
    return rill_mul_div_floor_sat(uv_timer_get_due_in(&d->timer), RILL_MS, 1);
}

void http_dues_stop(http_dues *d)
{
    d->stopped = true;
    uv_timer_stop(&d->timer);
}

static void on_closed(uv_handle_t *handle)
{
    const http_dues *d = handle->data;
    d->closed(d->owner);
}

void http_dues_close(http_dues *d, void (*closed)(void *owner))
{
    http_dues_stop(d);
    d->closed = closed;
    uv_close((uv_handle_t *)&d->timer, on_closed);
}

void http_dues_clear(http_dues *d)
{
    rill_heap_clear(&d->heap);
}
