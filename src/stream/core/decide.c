/* SPDX-License-Identifier: Apache-2.0 */
/* The application decides on an incoming packet. */
#include <assert.h>
#include <string.h>

#include "base/muldiv.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/reply.h"
#include "stream/core/settle.h"
#include "stream/core/stream.h"
#include "stream/core/undecided.h"

/* Its connection may be gone: then nobody can read more than the code. */
static int refuse(rill_endpoint *e, rill_undecided *u, bool expired, uint8_t *reply,
                  size_t *reply_len)
{
    rill_connection *c = u->connection;
    uint64_t sequence = u->sequence;
    uint64_t amount = u->amount;
    if (u->settled)
        rill_undecided_unask(u);
    if (!u->settled) {
        rill_undecided_release(u);
        c->counts.packets_refused++;
    }
    rill_undecided_free(e, u);
    if (!c)
        return rill_reply_bare(
            e, expired ? RILL_ILP_R00_TRANSFER_TIMED_OUT : RILL_ILP_T99_APPLICATION_ERROR, reply,
            reply_len);
    rill_reply r = {.sequence = sequence, .amount = amount, .out = reply, .len = reply_len};
    int err = rill_reply_reject(
        c, &r, expired ? RILL_ILP_R00_TRANSFER_TIMED_OUT : RILL_ILP_F99_APPLICATION_ERROR);
    return err;
}

static int accept(rill_undecided *u, uint8_t *reply, size_t *reply_len)
{
    rill_connection *c = u->connection;
    rill_endpoint *e = c->endpoint;
    uint8_t fulfillment[32];
    rill_reply r = {.sequence = u->sequence,
                    .amount = u->amount,
                    .parts = u->parts,
                    .part_count = u->part_count,
                    .out = reply,
                    .len = reply_len};
    memcpy(fulfillment, u->fulfillment, sizeof fulfillment);
    /* Credited before the reservation is released: a goal may be met by it, on a closed stream too.
     */
    for (uint32_t i = 0; i < u->part_count; i++)
        rill_stream_credit(u->parts[i].stream, u->parts[i].amount);
    rill_undecided_release(u);
    c->counts.received = rill_add_sat(c->counts.received, r.amount);
    int err = rill_reply_fulfill(c, &r, fulfillment);
    rill_wipe(fulfillment, sizeof fulfillment);
    rill_undecided_free(e, u);
    return err;
}

/* Of a stream that its packet opened: the application knows of it by now, and has set its limit. */
static bool has_room(const rill_part *part)
{
    const rill_stream *s = part->stream;
    uint64_t others = s->in.received + (s->in.reserved - part->amount);
    uint64_t left = rill_sub_sat(s->in.window.limit, others);
    /* The other side's close may be of the same packet, and comes after its money. */
    bool refused = s->closed && !s->closed_remote;
    return !refused && part->amount <= rill_mul_div_ceil_sat(left, 101, 100);
}

/* Else its streams had room when it came, and that room has been kept since. */
static bool still_open(const rill_undecided *u)
{
    if (u->connection->state != RILL_STATE_OPEN)
        return false;
    for (uint32_t i = 0; u->limits_open && i < u->part_count; i++)
        if (!has_room(&u->parts[i]))
            return false;
    return true;
}

int rill_endpoint_decide(rill_endpoint *e, rill_now now, uint64_t decision, bool fulfill,
                         uint8_t *reply, size_t *reply_len, bool *fulfilled)
{
    *reply_len = 0;
    e->latest = now;
    if (fulfilled)
        *fulfilled = false;
    rill_undecided *u = rill_map_get(&e->decisions, decision);
    if (!u)
        return RILL_ERR_NOT_FOUND;
    rill_connection *c = u->connection;
    bool expired = u->expires_at <= now.wall_ms || u->deadline_ns <= now.mono_ns;
    int err;
    if (fulfill && !expired && !u->settled && still_open(u)) {
        assert(c); /* who is not settled has one */
        err = accept(u, reply, reply_len);
        if (fulfilled)
            *fulfilled = true;
    } else {
        err = refuse(e, u, expired, reply, reply_len);
    }
    if (c)
        rill_settle(c, now.mono_ns);
    return err;
}
