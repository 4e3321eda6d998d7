/* SPDX-License-Identifier: Apache-2.0 */
#include "books_internal.h"

#include "rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sim_books *sim_books_new(sim_report *report, sim_directory *directory, unsigned host, bool server,
                         uint64_t pattern)
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
    for (unsigned i = 0; i < SIM_PLACES; i++)
        free(b->ledgers[i].streams);
    free(b->flights);
    free(b->incoming);
    free(b->fulfilled.slots);
    free(b->sequences.slots);
    free(b);
}

uint8_t sim_pattern(uint64_t seed, unsigned pair, bool server, uint64_t stream, uint64_t offset)
{
    uint64_t where = sim_mix(seed ^ (uint64_t)pair << 56 ^ (uint64_t)server << 48 ^ stream << 32);
    return (uint8_t)(sim_mix(where ^ offset / 8) >> (8 * (offset % 8)));
}

unsigned sim_books_written(const sim_books *b, unsigned pair)
{
    const sim_ledger *l = &b->ledgers[pair];
    return b->server ? l->written * SIM_CLIENT_LIVES + l->client_life : l->written;
}

_Static_assert(SIM_LIVES <= 16, "a life is four digits of each byte");

uint8_t sim_pattern_of_life(uint64_t seed, unsigned life, unsigned pair, bool server,
                            uint64_t stream, uint64_t offset)
{
    uint64_t own = sim_mix(seed + 1000 * (uint64_t)life);
    uint8_t whose = sim_pattern(seed, pair, server, stream, offset) ^ (uint8_t)life;
    return (uint8_t)((sim_pattern(own, pair, server, stream, offset) & 0xf0) | (whose & 0x0f));
}

uint64_t sim_pattern_version(uint64_t seed, unsigned version)
{
    return version == 0 ? seed : sim_mix(seed + version);
}

/* The life that a packet names. */
unsigned sim_books_life(const sim_books *b, unsigned pair, uint64_t name)
{
    unsigned i = 0;
    while (i < SIM_CLIENT_LIVES - 1 && b->directory->pairs[pair].lives[i] != name)
        i++;
    return i;
}

/* ---- conditions fulfilled ---- */

bool sim_set_add(sim_set *s, uint64_t key)
{
    if (s->count * 2 >= s->capacity) {
        sim_set bigger = {NULL, s->capacity == 0 ? 256 : s->capacity * 2, 0};
        bigger.slots = sim_allocate(bigger.capacity * sizeof(uint64_t));
        memset(bigger.slots, 0, bigger.capacity * sizeof(uint64_t));
        for (size_t i = 0; i < s->capacity; i++)
            if (s->slots[i] != 0)
                sim_set_add(&bigger, s->slots[i]);
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

sim_stream_book *sim_books_stream(sim_books *b, unsigned place, uint64_t id)
{
    sim_ledger *l = &b->ledgers[place];
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

unsigned sim_books_known(const sim_books *b, unsigned pair)
{
    return b->ledgers[pair + SIM_FORMER].connection != NULL ? pair + SIM_FORMER : pair;
}

sim_stream_book *sim_books_app_stream(sim_books *b, unsigned pair, uint64_t id)
{
    return sim_books_stream(b, sim_books_known(b, pair), id);
}

void sim_books_stream_opened(sim_books *b, unsigned pair, rill_stream *stream)
{
    uint64_t id = rill_stream_id(stream);
    sim_stream_book *s = sim_books_app_stream(b, pair, id);
    if (s->stream != NULL)
        sim_violation(b->report, "host %u: stream %" PRIu64 " opened twice", b->host, id);
    s->stream = stream;
}

void sim_books_stream_ended(sim_books *b, unsigned pair, rill_stream *stream)
{
    sim_stream_book *s = sim_books_app_stream(b, pair, rill_stream_id(stream));
    if (s->stream != stream)
        sim_violation(b->report, "host %u: stream %" PRIu64 " ended that was not open", b->host,
                      s->id);
    rill_stream_get_totals(stream, &s->final);
    s->stream = NULL;
    s->over = true;
}

/* ---- what packets say ---- */

/* The pair whose key opens the data, and the packet in b->scratch; or SIM_MAX_PAIRS. */
unsigned sim_books_open(sim_books *b, const uint8_t *data, size_t len)
{
    for (unsigned i = 0; i < b->directory->count; i++) {
        sim_stream_packet_open(&b->directory->pairs[i].keys, data, len, &b->scratch);
        if (b->scratch.authentic)
            return i;
    }
    return SIM_MAX_PAIRS;
}

/* The sum of all shares, however many there are. */
oracle_u128 sim_books_shares(const sim_stream_packet *p)
{
    oracle_u128 sum = 0;
    for (unsigned i = 0; i < p->frame_count; i++)
        if (p->frames[i].type == SIM_FRAME_STREAM_MONEY)
            sum += p->frames[i].value;
    return sum;
}

/*
 * Reads StreamMoney frames: each stream's part of amount. False: parts do not say it to the unit.
 * *vague: there were more than SIM_PARTS, and some are left out.
 */
bool sim_books_divide(const sim_stream_packet *p, uint64_t amount, sim_part *parts, unsigned *count,
                      bool *vague)
{
    oracle_u128 sum = sim_books_shares(p);
    *count = 0;
    *vague = false;
    for (unsigned i = 0; i < p->frame_count; i++) {
        if (p->frames[i].type != SIM_FRAME_STREAM_MONEY)
            continue;
        if (*count == SIM_PARTS) {
            *vague = true;
            break;
        }
        parts[(*count)++] = (sim_part){p->frames[i].stream, p->frames[i].value, 0};
    }
    uint64_t left = amount;
    for (unsigned i = 0; i < *count && sum != 0; i++) {
        parts[i].amount = (uint64_t)((oracle_u128)amount * parts[i].amount / sum);
        left -= parts[i].amount;
    }
    return sum != 0 && left == 0 && !*vague;
}
