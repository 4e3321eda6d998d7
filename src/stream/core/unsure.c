/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes whose packet was lost, as far as we know, but that may have arrived all
 * the same: the link was cut, or the packet expired. The reference's streams
 * stall for good where bytes come twice. So towards a peer that is not Rill
 * such bytes are sent again only once it is known that they have not arrived.
 *
 * The reference shows what its reader has had: the limit that it tells for a
 * stream, with every Fulfill, is the size of its reader's buffer more than what
 * was read (that size is Node's, and stays the same), and it reads on whenever
 * the next bytes are there. So what begins below that place has arrived; and
 * what begins just there, and does so still in answers to packets that left
 * later, has not. Peers that tell limits of another kind take bytes twice.
 */
#include "stream/core/unsure.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/blocked.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/marks.h"
#include "stream/core/numbering.h"
#include "stream/core/stream.h"

/* Sizes of a reader's buffer, by Node's version. Too large a guess is on the safe side. */
static const uint32_t buffers[] = {65536, 16384};

/* What is late on the way comes by then. */
#define UNSURE_WAIT (2 * RILL_SECOND)
/* Who answers, and tells no limit by then, tells none. */
#define TOLD_WAIT (5 * RILL_SECOND)

static bool fits(const rill_stream *s, uint32_t buffer, uint64_t limit)
{
    return limit >= buffer && limit - buffer <= rill_sendbuf_sent(s->sendbuf);
}

static void note_buffer(rill_stream *s, uint64_t limit)
{
    rill_unsure *u = &s->unsure;
    if (!u->known) {
        for (unsigned i = 0; u->buffer == 0 && i < sizeof buffers / sizeof buffers[0]; i++)
            if (fits(s, buffers[i], limit))
                u->buffer = buffers[i];
        u->known = true;
    }
    /* Older words come late, and then say less: so a later one that says too much counts alone. */
    if (u->buffer != 0 && limit >= u->buffer && !fits(s, u->buffer, limit))
        u->buffer = 0;
}

/* It is as lost as can be. */
static void send_again(rill_stream *s)
{
    rill_sendbuf_lose_unsure(s->sendbuf);
    rill_stream_mark(s, RILL_MARK_DATA);
}

void rill_unsure_lost(rill_stream *s, rill_send_piece *piece, bool may, uint64_t now_ns)
{
    rill_connection *c = s->connection;
    rill_unsure *u = &s->unsure;
    if (!may || s->closed || rill_numbering_takes_duplicates(&c->numbers) ||
        (u->known && u->buffer == 0)) {
        rill_sendbuf_lose(s->sendbuf, piece);
        rill_stream_mark(s, RILL_MARK_DATA);
        return;
    }
    rill_sendbuf_doubt(s->sendbuf, piece);
    u->since = now_ns;
    u->told_from = RILL_NEVER;
    /* Once for all that is lost together, and not for each packet. */
    rill_blocked_ask_soon(c, now_ns);
}

static void send_all_again(rill_stream *s)
{
    uint64_t first;
    while (rill_sendbuf_unsure(s->sendbuf, &first))
        send_again(s);
}

bool rill_unsure_ask(rill_stream *s, uint64_t now_ns)
{
    const rill_connection *c = s->connection;
    uint64_t first;
    if (!s->sendbuf || !rill_sendbuf_unsure(s->sendbuf, &first))
        return false;
    bool silent = !s->unsure.known && c->contact.last_authentic > s->unsure.since &&
                  now_ns >= rill_add_sat(s->unsure.since, TOLD_WAIT);
    if (silent || rill_numbering_takes_duplicates(&c->numbers)) {
        send_all_again(s);
        return false;
    }
    assert(s->unsure.told_from == RILL_NEVER || s->unsure.told_from <= c->numbers.next);
    if (s->unsure.told_from == RILL_NEVER && now_ns >= rill_add_sat(s->unsure.since, UNSURE_WAIT))
        s->unsure.told_from = s->connection->numbers.next;
    return true;
}

void rill_unsure_told(rill_stream *s, uint64_t limit, uint64_t sequence, uint64_t now_ns)
{
    rill_connection *c = s->connection;
    rill_unsure *u = &s->unsure;
    uint64_t first;
    if (!s->sendbuf)
        return;
    if (rill_numbering_takes_duplicates(&c->numbers)) {
        send_all_again(s);
        return;
    }
    note_buffer(s, limit);
    if (u->buffer == 0)
        send_all_again(s);
    if (u->buffer == 0 || limit < u->buffer)
        return;
    uint64_t read = limit - u->buffer;
    if (read > u->read) {
        assert(read <= rill_sendbuf_sent(s->sendbuf)); /* note_buffer believes in no more */
        u->read = read;
        /* Who has just read may be about to read on: the next answer counts. */
        if (u->told_from != RILL_NEVER)
            u->told_from = c->numbers.next;
        if (rill_sendbuf_unsure(s->sendbuf, &first))
            rill_blocked_ask_soon(c, now_ns);
    }
    if (rill_sendbuf_arrived_below(s->sendbuf, u->read)) {
        s->progress_ns = now_ns;
        rill_stream_check_writable(s);
    }
    if (rill_sendbuf_unsure(s->sendbuf, &first) && first == u->read && read == u->read &&
        sequence >= u->told_from) {
        u->told_from = c->numbers.next;
        send_again(s);
    }
    rill_stream_mark(s, RILL_MARK_ANY);
}
