/* SPDX-License-Identifier: Apache-2.0 */
#include "books.h"

#include "rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Times that the same may be said within a second: some for loss, some for several streams. */
#define CHATTER 40U

sim_books *sim_books_new(sim_report *report, const sim_directory *directory, unsigned host,
                         bool server, uint64_t pattern)
{
    sim_books *b = sim_allocate(sizeof(*b));
    memset(b, 0, sizeof(*b));
    b->report = report;
    b->directory = directory;
    b->host = host;
    b->server = server;
    b->pattern = pattern;
    return b;
}

void sim_books_free(sim_books *b)
{
    if (b == NULL)
        return;
    for (unsigned i = 0; i < SIM_MAX_PAIRS; i++)
        free(b->ledgers[i].streams);
    free(b->flights);
    free(b->incoming);
    free(b->fulfilled.slots);
    free(b);
}

uint8_t sim_pattern(uint64_t seed, unsigned pair, bool server, uint64_t stream, uint64_t offset)
{
    uint64_t where = sim_mix(seed ^ (uint64_t)pair << 56 ^ (uint64_t)server << 48 ^ stream << 32);
    return (uint8_t)(sim_mix(where ^ offset / 8) >> (8 * (offset % 8)));
}

/* ---- conditions fulfilled ---- */

static bool set_add(sim_set *s, uint64_t key)
{
    if (s->count * 2 >= s->capacity) {
        sim_set bigger = {NULL, s->capacity == 0 ? 256 : s->capacity * 2, 0};
        bigger.slots = sim_allocate(bigger.capacity * sizeof(uint64_t));
        memset(bigger.slots, 0, bigger.capacity * sizeof(uint64_t));
        for (size_t i = 0; i < s->capacity; i++)
            if (s->slots[i] != 0)
                set_add(&bigger, s->slots[i]);
        free(s->slots);
        *s = bigger;
    }
    size_t i = (size_t)(key % s->capacity);
    for (; s->slots[i] != 0; i = (i + 1) % s->capacity)
        if (s->slots[i] == key)
            return false;
    s->slots[i] = key;
    s->count++;
    return true;
}

/* ---- streams ---- */

sim_stream_book *sim_books_stream(sim_books *b, unsigned pair, uint64_t id)
{
    sim_ledger *l = &b->ledgers[pair];
    for (unsigned i = 0; i < l->stream_count; i++)
        if (l->streams[i].id == id)
            return &l->streams[i];
    if (l->stream_count == l->stream_capacity) {
        l->stream_capacity = l->stream_capacity == 0 ? 16 : l->stream_capacity * 2;
        l->streams = sim_reallocate(l->streams, l->stream_capacity * sizeof(sim_stream_book));
    }
    sim_stream_book *s = &l->streams[l->stream_count++];
    *s = (sim_stream_book){.id = id, .receive_max = b->default_receive_max};
    return s;
}

void sim_books_stream_opened(sim_books *b, unsigned pair, rill_stream *stream)
{
    uint64_t id = rill_stream_id(stream);
    sim_stream_book *s = sim_books_stream(b, pair, id);
    if (s->stream != NULL)
        sim_violation(b->report, "host %u: stream %" PRIu64 " opened twice", b->host, id);
    s->stream = stream;
}

void sim_books_stream_ended(sim_books *b, unsigned pair, rill_stream *stream)
{
    sim_stream_book *s = sim_books_stream(b, pair, rill_stream_id(stream));
    if (s->stream != stream)
        sim_violation(b->report, "host %u: stream %" PRIu64 " ended that was not open", b->host,
                      s->id);
    rill_stream_totals_of(stream, &s->final);
    s->stream = NULL;
}

/* ---- the sender's side of the link ---- */

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

/* The pair whose key opens the data, and the packet in b->scratch; or SIM_MAX_PAIRS. */
static unsigned open_data(sim_books *b, const uint8_t *data, size_t len)
{
    for (unsigned i = 0; i < b->directory->count; i++) {
        sim_stream_packet_open(&b->directory->pairs[i].keys, data, len, &b->scratch);
        if (b->scratch.authentic)
            return i;
    }
    return SIM_MAX_PAIRS;
}

/* StreamMoney frames: each stream's part of amount. False: parts do not say it to the unit. */
static bool divide(const sim_stream_packet *p, uint64_t amount, sim_part *parts, unsigned *count)
{
    rill_u128 sum = 0;
    *count = 0;
    for (unsigned i = 0; i < p->frame_count; i++) {
        if (p->frames[i].type != SIM_FRAME_STREAM_MONEY || *count == SIM_PARTS)
            continue;
        sum += p->frames[i].value;
        parts[(*count)++] = (sim_part){p->frames[i].stream, p->frames[i].value};
    }
    uint64_t left = amount;
    for (unsigned i = 0; i < *count && sum != 0; i++) {
        parts[i].amount = (uint64_t)((rill_u128)amount * parts[i].amount / sum);
        left -= parts[i].amount;
    }
    return sum != 0 && left == 0;
}

static void check_data_sent(sim_books *b, unsigned pair, const sim_frame *f)
{
    sim_stream_book *s = sim_books_stream(b, pair, f->stream);
    for (size_t i = 0; i < f->data_len; i++)
        if (f->data[i] != sim_pattern(b->pattern, pair, b->server, f->stream, f->value + i)) {
            sim_violation(b->report, "host %u: stream %" PRIu64 ": byte %" PRIu64 " sent wrong",
                          b->host, f->stream, f->value + i);
            return;
        }
    uint64_t end = f->value + f->data_len;
    if (end > s->highest)
        s->highest = end;
    if (end > (s->max_data > 16384 ? s->max_data : 16384))
        sim_violation(b->report,
                      "host %u: stream %" PRIu64 ": bytes to %" PRIu64 " beyond %" PRIu64, b->host,
                      f->stream, end, s->max_data);
}

static void check_numbers(sim_books *b, sim_ledger *l, const sim_flight *f, unsigned pair,
                          uint64_t wall_ms)
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
    rill_u128 least =
        l->min_rate.num == 0 ? 0 : (rill_u128)f->amount * l->min_rate.num / l->min_rate.den;
    if (f->fulfillable && p->amount < least)
        sim_violation(b->report,
                      "host %u: minimum %" PRIu64 " of a packet of %" PRIu64
                      " is below the minimum rate",
                      b->host, p->amount, f->amount);
    uint32_t open = 0;
    for (unsigned i = 0; i < b->flight_count; i++)
        open += b->flights[i].pair == pair && b->flights[i].state == SIM_FLIGHT_OPEN &&
                b->flights[i].expiry_ms > wall_ms;
    /* One more may carry what must not wait: a close. */
    if (open > l->max_in_flight + 1)
        sim_violation(b->report, "host %u: %u packets in flight", b->host, open);
}

/* The same control frames over and over, without a pause: a storm that never ends. */
static void check_chatter(sim_books *b, sim_ledger *l, uint64_t amount, uint64_t wall_ms)
{
    uint64_t said = amount == 0 && b->scratch.frame_count != 0;
    for (unsigned i = 0; i < b->scratch.frame_count && said != 0; i++) {
        const sim_frame *f = &b->scratch.frames[i];
        said = f->type == SIM_FRAME_STREAM_DATA
                   ? 0
                   : sim_mix(said ^ f->type ^ f->stream << 8 ^ f->value << 24);
    }
    if (said == 0 || said != l->said || wall_ms > l->said_at + 1000) {
        l->said = said;
        l->said_at = wall_ms;
        l->said_again = 0;
    } else if (++l->said_again == CHATTER) {
        sim_violation(b->report, "host %u: said the same %u times within a second", b->host,
                      CHATTER);
    }
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

void sim_books_sent(sim_books *b, uint64_t wall_ms, uint64_t request, uint8_t *packet, size_t len)
{
    sim_packet p = sim_packet_parse(packet, len);
    unsigned pair = p.type == SIM_PREPARE ? open_data(b, p.data, p.data_len) : SIM_MAX_PAIRS;
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
    sim_flight *f = &b->flights[b->flight_count++];
    *f = (sim_flight){.request = request,
                      .pair = pair,
                      .amount = sim_packet_amount(&p),
                      .sequence = b->scratch.sequence,
                      .expiry_ms = sim_packet_expiry(&p)};
    uint8_t fulfillment[32];
    uint8_t condition[32];
    sim_keys_condition(&b->directory->pairs[pair].keys, p.data, p.data_len, fulfillment, condition);
    memcpy(f->condition, p.hash, 32);
    f->fulfillable = memcmp(condition, p.hash, 32) == 0;
    f->divided = !divide(&b->scratch, f->amount, f->parts, &f->part_count);
    if (b->report->trace)
        trace_frames(b);
    check_chatter(b, l, f->amount, wall_ms);
    l->prepares++;
    b->report->packets++;
    if (f->expiry_ms <= wall_ms)
        sim_violation(b->report, "host %u: sent a packet that has expired", b->host);
    if (l->ended && !l->reopened)
        sim_violation(b->report, "host %u: sent a packet of connection %u after its end", b->host,
                      pair);
    check_numbers(b, l, f, pair, wall_ms);
    for (unsigned i = 0; i < b->scratch.frame_count; i++)
        if (b->scratch.frames[i].type == SIM_FRAME_STREAM_DATA)
            check_data_sent(b, pair, &b->scratch.frames[i]);
}

/* Limits that an authentic packet told us. */
static void learn_limits(sim_books *b, unsigned pair)
{
    for (unsigned i = 0; i < b->scratch.frame_count; i++) {
        const sim_frame *f = &b->scratch.frames[i];
        if (f->type != SIM_FRAME_STREAM_MAX_DATA)
            continue;
        sim_stream_book *s = sim_books_stream(b, pair, f->stream);
        if (f->value > s->max_data)
            s->max_data = f->value;
    }
}

static void commit(sim_books *b, const sim_flight *f, bool authentic)
{
    sim_ledger *l = &b->ledgers[f->pair];
    l->fulfilled++;
    l->sent += f->amount;
    /* Where the receiver's own word was spoilt, what arrived is at least the minimum: any guess. */
    l->delivered_low += authentic ? b->scratch.amount : 0;
    l->delivered_high += authentic ? b->scratch.amount : UINT64_C(1) << 50;
    for (unsigned i = 0; i < f->part_count; i++) {
        sim_stream_book *s = sim_books_stream(b, f->pair, f->parts[i].stream);
        s->sent += f->parts[i].amount;
        s->divided = s->divided || f->divided;
    }
}

/* Whether it is a reply at all, a Fulfill of that Prepare, or a Reject. */
static int judge(const sim_packet *p, const sim_flight *f)
{
    uint8_t hash[32];
    if (p->type == SIM_REJECT)
        return strchr("FTR", p->code[0]) != NULL && p->code[0] != 0 ? SIM_REJECT : 0;
    if (p->type != SIM_FULFILL)
        return 0;
    sim_sha256(p->hash, 32, hash);
    return memcmp(hash, f->condition, 32) == 0 ? SIM_FULFILL : 0;
}

void sim_books_reply(sim_books *b, uint64_t wall_ms, uint64_t request, uint8_t *packet, size_t len,
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
    bool live = f->state == SIM_FLIGHT_OPEN && f->expiry_ms > wall_ms;
    if (error == RILL_ERR_NOT_FOUND && live && !b->ledgers[f->pair].ended)
        sim_violation(b->report, "host %u: did not know request %" PRIu64, b->host, request);
    if (error != RILL_OK && error != RILL_ERR_NOT_FOUND)
        sim_violation(b->report, "host %u: rill_endpoint_reply: %s", b->host,
                      rill_error_name(error));
    bool authentic = false;
    if (verdict != 0) {
        sim_stream_packet_open(&b->directory->pairs[f->pair].keys, p.data, p.data_len, &b->scratch);
        authentic = b->scratch.authentic && !b->scratch.malformed && b->scratch.type == verdict &&
                    b->scratch.sequence == f->sequence;
        if (authentic)
            learn_limits(b, f->pair);
    }
    /* What came too late was reported in doubt and then lost: the endpoint may stay with that. */
    if (verdict == SIM_FULFILL && (live || error == RILL_OK))
        commit(b, f, authentic);
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

/* ---- the receiver's side of the link ---- */

void sim_books_incoming(sim_books *b, uint64_t handle, uint8_t *packet, size_t len)
{
    if (b->incoming_count == b->incoming_capacity) {
        b->incoming_capacity = b->incoming_capacity == 0 ? 16 : b->incoming_capacity * 2;
        b->incoming = sim_reallocate(b->incoming, b->incoming_capacity * sizeof(sim_incoming));
    }
    sim_incoming *in = &b->incoming[b->incoming_count++];
    *in = (sim_incoming){.handle = handle, .pair = SIM_MAX_PAIRS};
    sim_packet p = sim_packet_parse(packet, len);
    if (p.type != SIM_PREPARE)
        return;
    in->pair = open_data(b, p.data, p.data_len);
    in->amount = sim_packet_amount(&p);
    in->expiry_ms = sim_packet_expiry(&p);
    memcpy(in->condition, p.hash, 32);
    if (in->pair == SIM_MAX_PAIRS)
        return;
    in->minimum = b->scratch.amount;
    in->sequence = b->scratch.sequence;
    in->divided = !divide(&b->scratch, in->amount, in->parts, &in->part_count);
    sim_trace(b->report,
              "host %u gets %" PRIx64 " amount %" PRIu64 " minimum %" PRIu64 " sequence %" PRIu64
              " streams %u",
              b->host, handle, in->amount, in->minimum, in->sequence, in->part_count);
    learn_limits(b, in->pair);
}

static sim_incoming *find_incoming(sim_books *b, uint64_t handle)
{
    for (unsigned i = 0; i < b->incoming_count; i++)
        if (b->incoming[i].handle == handle)
            return &b->incoming[i];
    return NULL;
}

/* 1 % above what is left, for the rounding of rates, and a unit for the rounding of that. */
static void check_receive_max(sim_books *b, const sim_stream_book *s, uint64_t before)
{
    if (s->received_low == before)
        return;
    uint64_t left = s->receive_max > before ? s->receive_max - before : 0;
    if (b->asks)
        left = s->receive_max;
    rill_u128 most = (rill_u128)s->receive_max + left / 100 + 1;
    if (s->received_low > most)
        sim_violation(b->report,
                      "host %u: stream %" PRIu64 ": received %" PRIu64 " of at most %" PRIu64,
                      b->host, s->id, s->received_low, s->receive_max);
}

static void credit(sim_books *b, const sim_incoming *in)
{
    b->ledgers[in->pair].received += in->amount;
    for (unsigned i = 0; i < in->part_count; i++) {
        sim_stream_book *s = sim_books_stream(b, in->pair, in->parts[i].stream);
        uint64_t before = s->received_low;
        s->received_low += in->parts[i].amount;
        s->receive_divided = s->receive_divided || in->divided;
        check_receive_max(b, s, before);
    }
    b->report->fulfilled++;
    b->report->units += in->amount;
}

/* The rate that the sender asked for, from the sender's own books. */
static void check_rate(sim_books *b, const sim_incoming *in, sim_origin origin)
{
    if (origin.books == NULL)
        return;
    for (unsigned i = 0; i < origin.books->flight_count; i++) {
        const sim_flight *f = &origin.books->flights[i];
        if (f->request != origin.request || memcmp(f->condition, in->condition, 32) != 0)
            continue;
        rill_ratio rate = origin.books->ledgers[f->pair].min_rate;
        if (rate.num != 0 && in->amount < (rill_u128)f->amount * rate.num / rate.den)
            sim_violation(b->report,
                          "host %u: fulfilled %" PRIu64 " for %" PRIu64
                          ", below the sender's minimum rate",
                          b->host, in->amount, f->amount);
    }
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
    if (wall_ms > in->expiry_ms)
        sim_violation(b->report, "host %u: fulfilled a packet %" PRIu64 " ms after it expired",
                      b->host, wall_ms - in->expiry_ms);
    if (in->amount < in->minimum)
        sim_violation(b->report, "host %u: fulfilled %" PRIu64 ", below the minimum %" PRIu64,
                      b->host, in->amount, in->minimum);
    if (!set_add(&b->fulfilled, sim_u64_read(in->condition) | 1))
        sim_violation(b->report, "host %u: fulfilled a packet twice", b->host);
}

void sim_books_answer(sim_books *b, uint64_t wall_ms, uint64_t handle, sim_origin origin,
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
        sim_stream_packet_open(&b->directory->pairs[in->pair].keys, p.data, p.data_len,
                               &b->scratch);
        const sim_stream_packet *s = &b->scratch;
        if (s->authentic && (s->malformed || s->type != p.type || s->sequence != in->sequence ||
                             s->amount != in->amount))
            sim_violation(b->report, "host %u: its STREAM reply does not fit the packet", b->host);
        if (!s->authentic && p.type == SIM_FULFILL)
            sim_violation(b->report, "host %u: Fulfill without a STREAM packet", b->host);
    }
    if (p.type == SIM_FULFILL) {
        check_fulfill(b, wall_ms, in, &p);
        check_rate(b, in, origin);
        if (in->pair != SIM_MAX_PAIRS)
            credit(b, in);
    }
    *in = b->incoming[--b->incoming_count];
}
