/* SPDX-License-Identifier: Apache-2.0 */
/* The books of what comes to an endpoint, and of its answers. */
#include "books_internal.h"

#include "rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Finds out which life of its client b->scratch names. A later one, by its name, ends the present
 * connection. If there is none any more, any life begins a new one.
 */
static void note_life(sim_books *b, const sim_incoming *in, uint64_t wall_ms)
{
    sim_ledger *l = &b->ledgers[in->pair];
    uint64_t name = b->scratch.life;
    if (!b->server || name == 0 || in->malformed || in->expiry_ms <= wall_ms)
        return;
    unsigned life = sim_books_life(b, in->pair, name);
    if (l->ended ? life != l->client_life : l->connection != NULL && name > l->coming_name)
        sim_books_begin_again(b, in->pair, life);
    else if (l->connection != NULL || name <= l->coming_name)
        return;
    l->coming_life = life;
    l->coming_name = name;
}

void sim_books_incoming(sim_books *b, rill_now now, uint64_t handle, uint8_t *packet, size_t len)
{
    if (b->incoming_count == b->incoming_capacity) {
        b->incoming_capacity = b->incoming_capacity == 0 ? 16 : b->incoming_capacity * 2;
        b->incoming = sim_reallocate(b->incoming, b->incoming_capacity * sizeof(sim_incoming));
    }
    sim_incoming *in = &b->incoming[b->incoming_count++];
    *in = (sim_incoming){.handle = handle, .pair = SIM_MAX_PAIRS, .came_ns = now.mono_ns};
    sim_packet p = sim_packet_parse(packet, len);
    if (p.type != SIM_PREPARE)
        return;
    in->pair = sim_books_open(b, p.data, p.data_len);
    in->amount = sim_packet_amount(&p);
    in->expiry_ms = sim_packet_expiry(&p);
    memcpy(in->condition, p.hash, 32);
    if (in->pair == SIM_MAX_PAIRS)
        return;
    in->minimum = b->scratch.amount;
    in->sequence = b->scratch.sequence;
    in->malformed = b->scratch.malformed || b->scratch.type != SIM_PREPARE;
    oracle_u128 shares = sim_books_shares(&b->scratch);
    in->claimed = shares != 0 && shares <= UINT64_MAX;
    in->divided =
        !sim_books_divide(&b->scratch, in->amount, in->parts, &in->part_count, &in->vague);
    note_life(b, in, now.wall_ms);
    b->ledgers[in->pair].came++;
    in->beyond = sim_books_beyond(b, in->pair);
    sim_trace(b->report,
              "host %u gets %" PRIx64 " amount %" PRIu64 " minimum %" PRIu64 " sequence %" PRIu64
              " streams %u",
              b->host, handle, in->amount, in->minimum, in->sequence, in->part_count);
    sim_books_learn_limits(b, in->pair);
}

static sim_incoming *find_incoming(sim_books *b, uint64_t handle)
{
    for (unsigned i = 0; i < b->incoming_count; i++)
        if (b->incoming[i].handle == handle)
            return &b->incoming[i];
    return NULL;
}

void sim_books_asked(sim_books *b, uint64_t handle)
{
    sim_incoming *in = find_incoming(b, handle);
    if (in == NULL || in->asked)
        sim_violation(b->report, "host %u: asked about a packet %s", b->host,
                      in == NULL ? "that was answered" : "twice");
    else
        in->asked = true;
}

/*
 * 1 % above what is left, because rates are rounded, and a unit because that is rounded, too: of
 * all that a packet brings, in however many frames that is.
 */
static void check_receive_max(sim_books *b, const sim_stream_book *s)
{
    uint64_t before = s->received_before;
    if (s->received_low == before)
        return;
    uint64_t left = s->receive_max > before ? s->receive_max - before : 0;
    if (b->asks)
        left = s->receive_max;
    oracle_u128 most = (oracle_u128)s->receive_max + left / 100 + 1;
    if (s->received_low > most)
        sim_violation(b->report,
                      "host %u: stream %" PRIu64 ": received %" PRIu64 " of at most %" PRIu64,
                      b->host, s->id, s->received_low, s->receive_max);
}

static void credit(sim_books *b, const sim_incoming *in)
{
    sim_sum_up(&b->ledgers[in->pair].received, in->amount);
    b->ledgers[in->pair].vague = b->ledgers[in->pair].vague || in->vague;
    for (unsigned i = 0; i < in->part_count; i++) {
        sim_stream_book *s = sim_books_stream(b, in->pair, in->parts[i].stream);
        s->received_before = s->received_low;
    }
    for (unsigned i = 0; i < in->part_count; i++) {
        sim_stream_book *s = sim_books_stream(b, in->pair, in->parts[i].stream);
        s->received_low += in->parts[i].amount;
        s->receive_divided = s->receive_divided || in->divided;
    }
    for (unsigned i = 0; i < in->part_count; i++)
        check_receive_max(b, sim_books_stream(b, in->pair, in->parts[i].stream));
    b->report->fulfilled++;
    b->report->units += in->amount;
}

/* The rate for which the sender asked, from the sender's own books. */
static void note_reached(sim_books *b, sim_flight *f, uint64_t arrived)
{
    sim_ledger *l = &b->ledgers[f->pair];
    if (f->reached)
        return;
    f->reached = true;
    sim_books_minimum_reached(f, arrived);
    l->fate.reached += f->amount;
    for (unsigned i = 0; i < f->part_count; i++)
        l->streams[f->parts[i].book].fate.reached += f->parts[i].amount;
}

static void check_rate(sim_books *b, const sim_incoming *in, sim_origin origin)
{
    if (origin.books == NULL)
        return;
    if (origin.copy && in->pair != SIM_MAX_PAIRS)
        sim_books_minimum_free(origin.books, in);
    if (origin.copy)
        return;
    for (unsigned i = 0; i < origin.books->flight_count; i++) {
        sim_flight *f = &origin.books->flights[i];
        if (f->request != origin.request || memcmp(f->condition, in->condition, 32) != 0)
            continue;
        note_reached(origin.books, f, in->amount);
        /* The sender's minimum rate is checked when the packet leaves. */
        if (in->amount < f->minimum)
            sim_violation(b->report,
                          "host %u: fulfilled %" PRIu64 " for %" PRIu64
                          ", below the packet's minimum",
                          b->host, in->amount, f->amount);
    }
}

void sim_books_reached(sim_books *b, sim_origin origin, const sim_packet *prepare)
{
    sim_incoming in = {.amount = sim_packet_amount(prepare)};
    memcpy(in.condition, prepare->hash, 32);
    in.pair = sim_books_open(b, prepare->data, prepare->data_len);
    if (in.pair != SIM_MAX_PAIRS)
        in.divided = !sim_books_divide(&b->scratch, in.amount, in.parts, &in.part_count, &in.vague);
    check_rate(b, &in, origin);
}

/* Rules about what only a peer that breaks the rules sends. */
static void check_lawful(sim_books *b, const sim_incoming *in)
{
    const sim_pair *p = &b->directory->pairs[sim_pair_of(in->pair)];
    const sim_ledger *l = &b->ledgers[in->pair];
    bool party = b->host == p->client || (b->server && !p->rogue_serves);
    if (!party)
        sim_violation(b->report, "host %u: fulfilled a packet of strangers", b->host);
    if (in->malformed)
        sim_violation(b->report, "host %u: fulfilled a malformed packet", b->host);
    if (in->beyond)
        sim_violation(b->report, "host %u: fulfilled a packet with bytes beyond its buffer",
                      b->host);
    if (in->amount != 0 && !in->claimed)
        sim_violation(b->report, "host %u: fulfilled money that no stream has a share of", b->host);
    uint64_t number =
        sim_mix(sim_mix(in->sequence ^ (uint64_t)sim_pair_of(in->pair) << 59) + l->life);
    if (!sim_set_add(&b->sequences, number | 1))
        sim_violation(b->report, "host %u: fulfilled sequence %" PRIu64 " twice", b->host,
                      in->sequence);
}

static void check_fulfill(sim_books *b, uint64_t wall_ms, const sim_incoming *in,
                          const sim_packet *p)
{
    uint8_t hash[32];
    sim_sha256(p->hash, 32, hash);
    if (in->pair == SIM_MAX_PAIRS || memcmp(hash, in->condition, 32) != 0) {
        sim_violation(b->report, "host %u: fulfilled what it cannot", b->host);
        return;
    }
    if (wall_ms >= in->expiry_ms)
        sim_violation(b->report, "host %u: fulfilled a packet %" PRIu64 " ms after it expired",
                      b->host, wall_ms - in->expiry_ms);
    if (in->amount < in->minimum)
        sim_violation(b->report, "host %u: fulfilled %" PRIu64 ", below the minimum %" PRIu64,
                      b->host, in->amount, in->minimum);
    check_lawful(b, in);
    /*
     * A restarted server knows nothing of the time before. A sender that sends a packet twice then
     * pays twice.
     */
    bool known = b->ledgers[in->pair].life == 0 || b->directory->faithful;
    uint64_t condition = sim_u64_read(in->condition) | 1;
    bool first = sim_set_add(&b->fulfilled, condition);
    if (!first && known)
        sim_violation(b->report, "host %u: fulfilled a packet twice", b->host);
    if (!first || !b->server || !b->directory->fleet)
        return;
    if (!sim_set_add(&b->directory->fulfilled, condition) && b->directory->faithful)
        sim_violation(b->report, "host %u: fulfilled what another server has fulfilled", b->host);
}

static void hear(sim_ledger *l, uint64_t came_ns)
{
    l->heard = true;
    if (came_ns > l->last_ns)
        l->last_ns = came_ns;
}

/*
 * b->scratch answers a packet. If the application was asked about the packet, it came before
 * whatever the answer says: a close in the answer began after it, and before the answer. Any other
 * packet was answered when it came, so a close in its answer is older.
 */
static void note_sign_of_life(sim_books *b, const sim_incoming *in, uint64_t now_ns)
{
    sim_ledger *l = &b->ledgers[in->pair];
    if (in->asked)
        hear(l, in->came_ns);
    /* The answer to a close of an unknown connection does not close one either. */
    if (l->connection != NULL)
        (void)sim_books_note_close(b, l, in->asked ? now_ns : in->came_ns);
    hear(l, in->came_ns);
}

void sim_books_answer(sim_books *b, rill_now now, uint64_t handle, sim_origin origin,
                      uint8_t *reply, size_t len)
{
    sim_incoming *in = find_incoming(b, handle);
    if (in == NULL) {
        sim_violation(b->report, "host %u: answered a packet twice", b->host);
        return;
    }
    sim_packet p = sim_packet_parse(reply, len);
    if (p.type != SIM_FULFILL && p.type != SIM_REJECT)
        sim_violation(b->report, "host %u: malformed reply", b->host);
    if (in->pair != SIM_MAX_PAIRS && p.type != 0) {
        sim_stream_packet_open(&b->directory->pairs[sim_pair_of(in->pair)].keys, p.data, p.data_len,
                               &b->scratch);
        const sim_stream_packet *s = &b->scratch;
        if (s->authentic && (s->malformed || s->type != p.type || s->sequence != in->sequence ||
                             s->amount != in->amount))
            sim_violation(b->report, "host %u: its STREAM reply does not fit the packet", b->host);
        if (s->authentic)
            sim_books_tell_limits(b, in->pair);
        if (s->authentic && !s->over)
            note_sign_of_life(b, in, now.mono_ns); /* what is of no connection here is none */
        if (!s->authentic && p.type == SIM_FULFILL)
            sim_violation(b->report, "host %u: Fulfill without a STREAM packet", b->host);
    }
    if (p.type == SIM_FULFILL) {
        check_fulfill(b, now.wall_ms, in, &p);
        check_rate(b, in, origin);
        if (in->pair != SIM_MAX_PAIRS)
            credit(b, in);
    }
    *in = b->incoming[--b->incoming_count];
}
