/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/refusal.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "stream/core/endpoint_internal.h"

static void keep_text(char *out, size_t cap, rill_bytes text)
{
    size_t len = text.len < cap - 1 ? text.len : cap - 1;
    /* Not in the middle of a character. */
    while (len > 0 && len < text.len && (text.data[len] & 0xc0) == 0x80)
        len--;
    assert(len < cap); /* and the NUL has room */
    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
}

void rill_refusal_keep(rill_connection *c, const rill_reject *reject, bool authentic)
{
    rill_endpoint *e = c->endpoint;
    /* What the receiver refuses it mostly explains in frames. */
    if (c->server || (authentic && reject->message.len == 0))
        return;
    if (!e->refusal)
        e->refusal = rill_alloc(e->allocator, sizeof *e->refusal);
    if (!e->refusal)
        return;
    rill_last_reject *last = &e->refusal->last;
    e->refusal->connection = c;
    last->code = reject->code;
    last->authentic = authentic;
    keep_text(last->triggered_by, sizeof last->triggered_by, reject->triggered_by);
    keep_text(last->message, sizeof last->message, reject->message);
}

const rill_last_reject *rill_refusal_of(const rill_connection *c)
{
    const rill_refusal *r = c->endpoint->refusal;
    return r && r->connection == c ? &r->last : NULL;
}

void rill_refusal_forget(rill_connection *c)
{
    rill_refusal *r = c->endpoint->refusal;
    if (r && r->connection == c) {
        assert(!c->server); /* a server's connection keeps none: rill_refusal_keep */
        r->connection = NULL;
    }
}
