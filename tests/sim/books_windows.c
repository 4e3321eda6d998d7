/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of windows: how many bytes and streams each side allows the other, and whether what was
 * sent, told and buffered respects that.
 */
#include "books_internal.h"

#include <inttypes.h>

/* The limits before anything is told: those that RFC 29 has both sides assume, and ours. */
#define ASSUMED_STREAM     16384U
#define ASSUMED_CONNECTION 65534U
#define ASSUMED_STREAM_ID  20U

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void raise(uint64_t *limit, uint64_t value)
{
    *limit = larger(*limit, value);
}

static void note_bytes(sim_stream_book *s, const sim_frame *f)
{
    /* If no byte came, the offset alone counts for nothing. */
    if (f->data_len == 0)
        return;
    raise(&s->came, f->value > UINT64_MAX - f->data_len ? UINT64_MAX : f->value + f->data_len);
    if (s->over || s->stream == NULL)
        s->dropped += f->data_len;
}

/* What came: limits, bytes, and ends. */
void sim_books_learn_limits(sim_books *b, unsigned pair)
{
    sim_ledger *l = &b->ledgers[pair];
    for (unsigned i = 0; i < b->scratch.frame_count; i++) {
        const sim_frame *f = &b->scratch.frames[i];
        if (f->type == SIM_FRAME_MAX_DATA)
            raise(&l->max_data, f->value);
        else if (f->type == SIM_FRAME_MAX_STREAM_ID)
            raise(&l->max_stream_id, f->value);
        else if (f->type == SIM_FRAME_STREAM_MAX_DATA)
            raise(&sim_books_stream(b, pair, f->stream)->max_data, f->value);
        else if (f->type == SIM_FRAME_STREAM_DATA)
            note_bytes(sim_books_stream(b, pair, f->stream), f);
        else if (f->type == SIM_FRAME_STREAM_CLOSE)
            sim_books_stream(b, pair, f->stream)->over = true;
    }
}

void sim_books_read(sim_books *b, unsigned pair, uint64_t stream, uint64_t bytes)
{
    sim_books_app_stream(b, pair, stream)->read += bytes;
}

/* ---- what we tell ---- */

static void tell(sim_books *b, unsigned pair, const sim_frame *f, uint64_t *before,
                 const char *what)
{
    /* A rogue may begin anew, and then its new connection's windows begin anew, too. */
    const sim_pair *p = &b->directory->pairs[sim_pair_of(pair)];
    if (f->value < *before && (!p->rogue || p->rogue_serves))
        sim_violation(b->report,
                      "host %u connection %u stream %" PRIu64 ": %s of %" PRIu64 " after %" PRIu64,
                      b->host, pair, f->stream, what, f->value, *before);
    *before = f->value;
}

/* A buffer doubles only when half of it was read since the last time. */
static uint64_t grown(uint64_t size, uint64_t most, uint64_t read)
{
    return larger(size, smaller(read > UINT64_MAX / 4 ? UINT64_MAX : read * 4, most));
}

static uint64_t stream_buffer(const sim_books *b, const sim_stream_book *s)
{
    return grown(b->options->stream_receive_buffer, b->options->max_stream_receive_buffer, s->read);
}

/*
 * Bytes that do not fill our connection's buffer any more: those that were read, or, if the stream
 * is over, those that came and those that were dropped.
 */
static uint64_t taken(const sim_books *b, const sim_ledger *l)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < l->stream_count; i++) {
        const sim_stream_book *s = &l->streams[i];
        uint64_t most = s->read + stream_buffer(b, s);
        sum += s->read;
        if (s->over || s->stream == NULL)
            sum += smaller(s->came, most) - smaller(s->came, s->read) + s->dropped;
    }
    return sum;
}

static uint64_t connection_buffer(const sim_books *b, const sim_ledger *l)
{
    return grown(b->options->connection_receive_buffer, b->options->max_connection_receive_buffer,
                 taken(b, l));
}

static void room(sim_books *b, unsigned pair, uint64_t stream, uint64_t told, uint64_t had,
                 uint64_t buffer)
{
    if (told > had + buffer)
        sim_violation(b->report,
                      "host %u connection %u stream %" PRIu64 ": takes bytes to %" PRIu64
                      " with %" PRIu64 " taken and a buffer of %" PRIu64,
                      b->host, pair, stream, told, had, buffer);
}

void sim_books_tell_limits(sim_books *b, unsigned pair)
{
    sim_ledger *l = &b->ledgers[pair];
    /* An answer for a connection that is over may be about one that begins. */
    if (l->ended || l->reopened)
        return;
    for (unsigned i = 0; i < b->scratch.frame_count; i++) {
        const sim_frame *f = &b->scratch.frames[i];
        if (f->type == SIM_FRAME_MAX_DATA) {
            tell(b, pair, f, &l->told_data, "ConnectionMaxData");
            room(b, pair, 0, f->value, taken(b, l), connection_buffer(b, l));
        } else if (f->type == SIM_FRAME_MAX_STREAM_ID) {
            tell(b, pair, f, &l->told_stream_id, "ConnectionMaxStreamId");
        } else if (f->type == SIM_FRAME_STREAM_MAX_DATA) {
            sim_stream_book *s = sim_books_stream(b, pair, f->stream);
            tell(b, pair, f, &s->told_data, "StreamMaxData");
            room(b, pair, s->id, f->value, s->read, stream_buffer(b, s));
        } else if (f->type == SIM_FRAME_STREAM_MAX_MONEY) {
            tell(b, pair, f, &sim_books_stream(b, pair, f->stream)->told_money, "StreamMaxMoney");
        } else if (f->type == SIM_FRAME_STREAM_CLOSE) {
            sim_books_stream(b, pair, f->stream)->over = true;
        }
    }
}

/* The packet itself has closed the stream of this frame, ahead of it. */
static bool closed_before(const sim_stream_packet *p, unsigned frame)
{
    for (unsigned i = 0; i < frame; i++)
        if (p->frames[i].type == SIM_FRAME_STREAM_CLOSE &&
            p->frames[i].stream == p->frames[frame].stream)
            return true;
    return false;
}

bool sim_books_beyond(sim_books *b, unsigned pair)
{
    for (unsigned i = 0; i < b->scratch.frame_count; i++) {
        const sim_frame *f = &b->scratch.frames[i];
        if (f->type != SIM_FRAME_STREAM_DATA)
            continue;
        /* What comes for a stream that is over is dropped, wherever it belongs. */
        if (closed_before(&b->scratch, i))
            continue;
        const sim_stream_book *s = sim_books_stream(b, pair, f->stream);
        uint64_t most = s->read + stream_buffer(b, s);
        bool over = s->over || (b->ledgers[pair].ending && s->stream == NULL);
        if (!over && (f->value > most || f->data_len > most - f->value))
            return true;
    }
    return false;
}

/* ---- what we send ---- */

static void check_stream_id(sim_books *b, unsigned pair, uint64_t id)
{
    /* Clients open the odd ones. */
    bool ours = (id % 2 == 0) == b->server;
    uint64_t most = larger(b->ledgers[pair].max_stream_id, ASSUMED_STREAM_ID);
    if (ours && id > most)
        sim_violation(b->report, "host %u connection %u: opened stream %" PRIu64 " above %" PRIu64,
                      b->host, pair, id, most);
}

void sim_books_check_windows(sim_books *b, unsigned pair)
{
    const sim_ledger *l = &b->ledgers[pair];
    for (unsigned i = 0; i < b->scratch.frame_count; i++)
        if (b->scratch.frames[i].type >= SIM_FRAME_STREAM_CLOSE)
            check_stream_id(b, pair, b->scratch.frames[i].stream);
    /*
     * A rogue may tell less than before. It is then taken for a peer that forgets the bytes of
     * closed streams.
     */
    if (l->reopened || sim_books_by_rogue(b, pair))
        return;
    uint64_t sum = 0;
    for (unsigned i = 0; i < l->stream_count; i++)
        sum += l->streams[i].highest;
    uint64_t most = larger(l->max_data, ASSUMED_CONNECTION);
    if (sum > most)
        sim_violation(b->report,
                      "host %u connection %u: %" PRIu64 " bytes sent in all, beyond %" PRIu64,
                      b->host, pair, sum, most);
}

void sim_books_check_bytes(sim_books *b, const sim_stream_book *s, uint64_t end)
{
    uint64_t most = larger(s->max_data, ASSUMED_STREAM);
    if (end > most)
        sim_violation(b->report,
                      "host %u: stream %" PRIu64 ": bytes to %" PRIu64 " beyond %" PRIu64, b->host,
                      s->id, end, most);
}

/* ---- what we hold ---- */

void sim_books_check_buffers(sim_books *b, unsigned pair)
{
    const sim_ledger *l = &b->ledgers[pair];
    uint64_t sum = 0;
    for (unsigned i = 0; i < l->stream_count; i++) {
        const sim_stream_book *s = &l->streams[i];
        rill_stream_offsets o;
        if (s->stream == NULL)
            continue;
        rill_stream_get_offsets(s->stream, &o);
        uint64_t held = o.received - s->read;
        sum += held;
        if (o.received < s->read || o.received > s->came)
            sim_violation(b->report,
                          "host %u stream %" PRIu64 ": received bytes to %" PRIu64
                          ", they came to %" PRIu64 " and are read to %" PRIu64,
                          b->host, s->id, o.received, s->came, s->read);
        else if (held > stream_buffer(b, s))
            sim_violation(b->report, "host %u stream %" PRIu64 ": holds %" PRIu64 " bytes", b->host,
                          s->id, held);
    }
    /* A peer that forgets closed streams may fill each of the others. */
    if (sum > connection_buffer(b, l) && !sim_books_by_rogue(b, pair))
        sim_violation(b->report, "host %u connection %u: holds %" PRIu64 " bytes", b->host, pair,
                      sum);
}
