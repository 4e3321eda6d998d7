/* SPDX-License-Identifier: Apache-2.0 */
/* The books of what an endpoint sends, and of the replies to it. */
#include "books_internal.h"

#include "rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A reply that takes less time is not overdue. */
#define PATIENCE (200 * RILL_MS)
/* Packets that are overdue or in doubt, in windows. */
#define ASIDE_WINDOWS UINT64_C(16)
/* How often the same may be said within a second: some for loss, some for several streams. */
#define CHATTER 40U
/* Packets without money and bytes to a rogue, for each of its own, in a second. */
#define PROVOKED            100U
#define PROVOKED_EACH       4U
#define PROVOKED_PER_SECOND 10U

static sim_flight *find_flight(sim_books *b, uint64_t request)
{
    for (unsigned i = 0; i < b->flight_count; i++)
        if (b->flights[i].request == request)
            return &b->flights[i];
    return NULL;
}

static void close_flight(sim_books *b, sim_flight *f)
{
    *f = b->flights[--b->flight_count];
}

void sim_books_lost(sim_books *b, const sim_flight *f)
{
    sim_ledger *l = &b->ledgers[f->pair];
    if (!f->fulfillable)
        return;
    sim_books_minimum_untold(b, f);
    l->fate.lost += f->amount;
    for (unsigned i = 0; i < f->part_count; i++)
        l->streams[f->parts[i].book].fate.lost += f->parts[i].amount;
}

static void note_kept(sim_books *b, const sim_flight *f)
{
    sim_ledger *l = &b->ledgers[f->pair];
    if (!f->reached)
        return;
    sim_books_minimum_kept(b, f);
    l->fate.kept += f->amount;
    for (unsigned i = 0; i < f->part_count; i++)
        l->streams[f->parts[i].book].fate.kept += f->parts[i].amount;
}

static void check_data_sent(sim_books *b, unsigned pair, const sim_frame *f)
{
    sim_stream_book *s = sim_books_stream(b, pair, f->stream);
    unsigned life = sim_books_written(b, pair);
    for (size_t i = 0; i < f->data_len; i++)
        if (f->data[i] !=
            sim_pattern_of_life(b->pattern, life, pair, b->server, f->stream, f->value + i)) {
            sim_violation(b->report, "host %u: stream %" PRIu64 ": byte %" PRIu64 " sent wrong",
                          b->host, f->stream, f->value + i);
            return;
        }
    uint64_t end = f->value + f->data_len;
    if (end > s->highest)
        s->highest = end;
    sim_books_check_bytes(b, s, end);
}

/*
 * An overdue packet takes no room on the path, though its reply may still come. It is overdue after
 * two round trips, and at least 200 ms. The number of such packets is limited, too.
 */
static void check_in_flight(sim_books *b, unsigned pair, rill_now now)
{
    uint64_t young = 0;
    uint64_t open = 0;
    for (unsigned i = 0; i < b->flight_count; i++) {
        const sim_flight *f = &b->flights[i];
        if (f->pair != pair || f->state != SIM_FLIGHT_OPEN || f->expires_ns <= now.mono_ns)
            continue;
        open++;
        young += now.mono_ns - f->sent_ns < PATIENCE;
    }
    /*
     * One more may carry what must not wait: a close. The limit is the host's: packets of a
     * connection may leave before its application is told of it.
     */
    uint64_t limit = b->options->max_in_flight;
    if (young > limit + 1 || open > limit * (1 + ASIDE_WINDOWS) + 1)
        sim_violation(b->report,
                      "host %u: %" PRIu64 " packets in flight, %" PRIu64 " of them fresh", b->host,
                      open, young);
}

static void check_numbers(sim_books *b, sim_ledger *l, const sim_flight *f, unsigned pair,
                          rill_now now)
{
    const sim_stream_packet *p = &b->scratch;
    if (p->malformed || p->type != SIM_PREPARE)
        sim_violation(b->report, "host %u: sent a STREAM packet that is malformed", b->host);
    if (l->any_sequence && p->sequence <= l->last_sequence)
        sim_violation(b->report, "host %u: sequence %" PRIu64 " after %" PRIu64, b->host,
                      p->sequence, l->last_sequence);
    l->any_sequence = true;
    l->last_sequence = p->sequence;
    if (f->fulfillable && f->amount > l->max_packet_amount)
        sim_violation(b->report, "host %u: packet of %" PRIu64 " above the limit %" PRIu64, b->host,
                      f->amount, l->max_packet_amount);
    if (f->fulfillable && f->amount > 0 && !sim_books_by_rogue(b, pair))
        sim_books_learn_minimum(l, b);
    sim_books_check_minimum(b, pair, now);
    check_in_flight(b, pair, now);
}

/*
 * Why a connection ends is judged by when its close is told first, in a packet or, if there was no
 * memory for one, in an answer. Its end comes later.
 */
bool sim_books_note_close(sim_books *b, sim_ledger *l, uint64_t now_ns)
{
    bool closes = false;
    for (unsigned i = 0; i < b->scratch.frame_count && !closes; i++)
        closes = b->scratch.frames[i].type == SIM_FRAME_CONNECTION_CLOSE;
    if (closes && !l->told_close)
        l->idle_ns = now_ns - l->last_ns;
    l->told_close = l->told_close || closes;
    return closes;
}

/*
 * The same again and again, without a pause, is a storm that never ends, whatever leaves in
 * between. That includes bytes: the same ones at the same place.
 */
static void check_chatter(sim_books *b, sim_ledger *l, uint64_t amount, rill_now now)
{
    uint64_t now_ms = now.mono_ns / RILL_MS;
    uint64_t what = 1;
    if (amount != 0)
        return;
    for (unsigned i = 0; i < b->scratch.frame_count; i++) {
        const sim_frame *f = &b->scratch.frames[i];
        what =
            sim_mix(what ^ f->type ^ f->stream << 8 ^ f->value << 24 ^ (uint64_t)f->data_len << 40);
    }
    sim_said *said = &l->said[what % SIM_SAID];
    if (what != said->what || now_ms > said->since_ms + 1000)
        *said = (sim_said){.what = what, .since_ms = now_ms};
    else if (++said->times == CHATTER)
        sim_violation(b->report, "host %u: said the same %u times within a second", b->host,
                      CHATTER);
}

static void trace_frames(const sim_books *b)
{
    char text[256];
    int n = 0;
    for (unsigned i = 0; i < b->scratch.frame_count && n < 200; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, " %02x:%" PRIu64 ":%" PRIu64,
                      b->scratch.frames[i].type, b->scratch.frames[i].stream,
                      b->scratch.frames[i].value);
    sim_trace(b->report, "  sequence %" PRIu64 " minimum %" PRIu64 " frames%s", b->scratch.sequence,
              b->scratch.amount, n == 0 ? " none" : text);
}

/* A peer that breaks the rules must not get more out of us by it than it puts in. */
static void check_provoked(sim_books *b, sim_ledger *l, uint64_t amount, rill_now now)
{
    bool bytes = false;
    for (unsigned i = 0; i < b->scratch.frame_count; i++)
        bytes = bytes || b->scratch.frames[i].type == SIM_FRAME_STREAM_DATA;
    if (l->provoked == 0)
        l->provoked_ns = now.mono_ns;
    l->provoked += amount == 0 && !bytes;
    uint64_t seconds = (now.mono_ns - l->provoked_ns) / RILL_SECOND;
    if (l->provoked > PROVOKED + PROVOKED_EACH * l->came + PROVOKED_PER_SECOND * seconds)
        sim_violation(b->report, "host %u: %" PRIu64 " packets said to %" PRIu64 " of a rogue",
                      b->host, l->provoked, l->came);
}

void sim_books_sent(sim_books *b, rill_now now, uint64_t request, uint8_t *packet, size_t len)
{
    sim_packet p = sim_packet_parse(packet, len);
    unsigned pair = p.type == SIM_PREPARE ? sim_books_open(b, p.data, p.data_len) : SIM_MAX_PAIRS;
    if (pair == SIM_MAX_PAIRS) {
        sim_violation(b->report, "host %u: sent a packet that nobody can read", b->host);
        return;
    }
    if (find_flight(b, request) != NULL)
        sim_violation(b->report, "host %u: request %" PRIu64 " used again", b->host, request);
    if (b->flight_count == b->flight_capacity) {
        b->flight_capacity = b->flight_capacity == 0 ? 64 : b->flight_capacity * 2;
        b->flights = sim_reallocate(b->flights, b->flight_capacity * sizeof(sim_flight));
    }
    sim_ledger *l = &b->ledgers[pair];
    if (b->scratch.life != 0)
        b->directory->pairs[pair].lives[l->client_life % SIM_CLIENT_LIVES] = b->scratch.life;
    sim_flight *f = &b->flights[b->flight_count++];
    *f = (sim_flight){.request = request,
                      .pair = pair,
                      .amount = sim_packet_amount(&p),
                      .minimum = b->scratch.amount,
                      .sequence = b->scratch.sequence,
                      .sent_ns = now.mono_ns,
                      .expires_ns = now.mono_ns};
    uint64_t expiry_ms = sim_packet_expiry(&p);
    if (expiry_ms > now.wall_ms)
        f->expires_ns += (expiry_ms - now.wall_ms) * RILL_MS;
    uint8_t fulfillment[32];
    uint8_t condition[32];
    sim_keys_condition(&b->directory->pairs[pair].keys, p.data, p.data_len, fulfillment, condition);
    memcpy(f->condition, p.hash, 32);
    f->fulfillable = memcmp(condition, p.hash, 32) == 0;
    bool vague;
    f->divided = !sim_books_divide(&b->scratch, f->amount, f->parts, &f->part_count, &vague);
    l->vague = l->vague || vague;
    for (unsigned i = 0; i < f->part_count; i++) {
        const sim_stream_book *s = sim_books_stream(b, pair, f->parts[i].stream);
        f->parts[i].book = (unsigned)(s - l->streams);
    }
    if (b->report->trace)
        trace_frames(b);
    if (sim_books_by_rogue(b, pair))
        check_provoked(b, l, f->amount, now);
    else
        check_chatter(b, l, f->amount, now);
    l->prepares++;
    b->report->packets++;
    b->report->bytes += len;
    if (expiry_ms <= now.wall_ms)
        sim_violation(b->report, "host %u: sent a packet that has expired", b->host);
    if (l->ended && !l->reopened)
        sim_violation(b->report, "host %u: sent a packet of connection %u after its end", b->host,
                      pair);
    check_numbers(b, l, f, pair, now);
    l->closing = sim_books_note_close(b, l, now.mono_ns) || l->closing;
    for (unsigned i = 0; i < b->scratch.frame_count; i++)
        if (b->scratch.frames[i].type == SIM_FRAME_STREAM_DATA)
            check_data_sent(b, pair, &b->scratch.frames[i]);
    sim_books_tell_limits(b, pair);
    sim_books_check_windows(b, pair);
}

static void commit(sim_books *b, const sim_flight *f, bool authentic)
{
    sim_ledger *l = &b->ledgers[f->pair];
    l->fulfilled++;
    sim_sum_up(&l->sent, f->amount);
    sim_books_minimum_told(b, f, authentic ? b->scratch.amount : f->minimum);
    /*
     * If the receiver's own word was damaged, what arrived is at least the minimum: any guess will
     * do.
     */
    sim_sum_up(&l->delivered_low, authentic ? b->scratch.amount : 0);
    /* Minima may be any number if a rogue lied about what arrived. */
    uint64_t most = sim_books_by_rogue(b, f->pair) ? UINT64_MAX : UINT64_C(1) << 50;
    sim_sum_up(&l->delivered_high, authentic ? b->scratch.amount : most);
    for (unsigned i = 0; i < f->part_count; i++) {
        sim_stream_book *s = sim_books_stream(b, f->pair, f->parts[i].stream);
        s->sent += f->parts[i].amount;
        s->divided = s->divided || f->divided;
    }
}

/*
 * A Fulfill of that Prepare, a Reject, or 0: no reply at all. A neighbour does not charge for a
 * Reject, whatever else is in it. It can charge for a Fulfill only if it fits this Prepare.
 * Otherwise it is as good as a Reject.
 */
static int judge(const sim_packet *p, const sim_flight *f)
{
    uint8_t hash[32];
    if (p->answer != SIM_FULFILL)
        return p->answer;
    sim_sha256(p->hash, 32, hash);
    return memcmp(hash, f->condition, 32) == 0 ? SIM_FULFILL : SIM_REJECT;
}

void sim_books_reply(sim_books *b, rill_now now, uint64_t request, uint8_t *packet, size_t len,
                     int error)
{
    sim_flight *f = find_flight(b, request);
    if (f == NULL) {
        if (error != RILL_ERR_NOT_FOUND)
            sim_violation(b->report, "host %u: took a second reply to one request: %d", b->host,
                          error);
        return;
    }
    sim_packet p = sim_packet_parse(packet, len);
    int verdict = judge(&p, f);
    bool live = f->state == SIM_FLIGHT_OPEN && f->expires_ns > now.mono_ns;
    /* Packets without money are not waited for once the connection closes. */
    const sim_ledger *l = &b->ledgers[f->pair];
    bool waited = !l->ended && !(l->closing && (f->amount == 0 || !f->fulfillable));
    /* A client may begin anew. That ends the connection. */
    bool anew =
        sim_books_by_rogue(b, f->pair) || b->directory->pairs[sim_pair_of(f->pair)].life > 0;
    waited = waited && !(anew && (f->amount == 0 || !f->fulfillable));
    if (error == RILL_ERR_NOT_FOUND && live && waited)
        sim_violation(b->report, "host %u: did not know request %" PRIu64, b->host, request);
    /* Over a link that broke and came back: the endpoint was told that no reply would come. */
    if (error == RILL_ERR_NOT_FOUND && f->state != SIM_FLIGHT_OPEN)
        return;
    if (error != RILL_OK && error != RILL_ERR_NOT_FOUND)
        sim_violation(b->report, "host %u: rill_endpoint_receive_reply: %s", b->host,
                      rill_error_name(error));
    bool authentic = false;
    if (verdict != 0 && p.type != 0) {
        sim_stream_packet_open(&b->directory->pairs[sim_pair_of(f->pair)].keys, p.data, p.data_len,
                               &b->scratch);
        authentic = b->scratch.authentic && !b->scratch.malformed && b->scratch.type == verdict &&
                    b->scratch.sequence == f->sequence;
        if (authentic)
            sim_books_learn_limits(b, f->pair);
        if (authentic && !b->scratch.over && error == RILL_OK) {
            b->ledgers[f->pair].last_ns = now.mono_ns;
            b->ledgers[f->pair].heard = true;
        }
    }
    /* A reply that was not heard, since it came too late, may leave money in doubt for good. */
    if (verdict == SIM_FULFILL && error == RILL_OK)
        commit(b, f, authentic);
    else if (verdict != 0 && error != RILL_OK)
        sim_books_lost(b, f);
    else if (verdict == SIM_REJECT)
        note_kept(b, f);
    if (verdict == 0)
        f->state = SIM_FLIGHT_SPOILT;
    else
        close_flight(b, f);
}

void sim_books_unanswered(sim_books *b, uint64_t request, bool sent)
{
    sim_flight *f = find_flight(b, request);
    if (f == NULL)
        return;
    if (sent)
        f->state = SIM_FLIGHT_DOUBT;
    else
        close_flight(b, f);
}

bool sim_books_stray(sim_books *b, uint64_t request)
{
    const sim_flight *f = find_flight(b, request);
    return f != NULL && sim_books_by_rogue(b, f->pair);
}

bool sim_books_open_request(const sim_books *b, uint64_t *request)
{
    for (unsigned i = 0; i < b->flight_count; i++) {
        *request = b->flights[i].request;
        if (b->flights[i].state == SIM_FLIGHT_OPEN)
            return true;
    }
    return false;
}
