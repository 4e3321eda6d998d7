/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/blocked.h"

#include <assert.h>

#include "stream/core/endpoint_internal.h"

#define BLOCKED_DELAY_FIRST (100 * RILL_MS)
#define BLOCKED_DELAY_MAX   (5 * RILL_SECOND)

void rill_blocked_ask_soon(rill_connection *c, uint64_t now_ns)
{
    c->blocked.delay = BLOCKED_DELAY_FIRST;
    c->blocked.ask_at = now_ns + c->blocked.delay;
}

void rill_blocked_note(rill_connection *c, uint64_t now_ns)
{
    assert(c->blocked.ask_at == 0 || c->blocked.delay > 0); /* or it would ask without end */
    if (c->blocked.ask_at == 0)
        rill_blocked_ask_soon(c, now_ns);
}

void rill_blocked_asked(rill_connection *c, bool any, uint64_t now_ns)
{
    uint64_t twice = c->blocked.delay * 2;
    c->blocked.delay = twice < BLOCKED_DELAY_MAX ? twice : BLOCKED_DELAY_MAX;
    c->blocked.ask_at = any ? now_ns + c->blocked.delay : 0;
}
