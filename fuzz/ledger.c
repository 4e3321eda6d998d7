/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include "../tests/oracle.h"
#include "base/muldiv.h"
#include "faults.h"
#include "fuzz.h"

/* ---- the target's own cryptography: it never fails, and counts for no fault ---- */

static unsigned quiet(void)
{
    unsigned left = fuzz_fault.crypto;
    fuzz_fault.crypto = 0;
    return left;
}

void ledger_hash(ledger_keys *k, const uint8_t fulfillment[32], uint8_t condition[32])
{
    unsigned left = quiet();
    CHECK(rill_crypto_sha256(k->crypto, fulfillment, 32, condition) == RILL_OK);
    fuzz_fault.crypto = left;
}

bool ledger_fulfillment(ledger_keys *k, unsigned secret, rill_bytes data, uint8_t fulfillment[32],
                        uint8_t condition[32])
{
    if (secret >= LEDGER_SECRETS || k->keys[secret] == NULL)
        return false;
    unsigned left = quiet();
    CHECK(rill_keys_fulfill(k->keys[secret], data.data, data.len, fulfillment, condition) ==
          RILL_OK);
    fuzz_fault.crypto = left;
    return true;
}

void ledger_read(ledger_keys *k, rill_bytes data, ledger_packet *out)
{
    static uint8_t plaintext[RILL_ILP_MAX_DATA];
    out->secret = LEDGER_SECRETS;
    out->well_formed = out->header_ok = false;
    if (data.len <= RILL_ENVELOPE_OVERHEAD)
        return;
    unsigned left = quiet();
    for (unsigned i = 0; i < LEDGER_SECRETS && out->secret == LEDGER_SECRETS; i++)
        if (k->keys[i] != NULL &&
            rill_keys_open(k->keys[i], data.data, data.len, plaintext) == RILL_OK)
            out->secret = i;
    fuzz_fault.crypto = left;
    if (out->secret < LEDGER_SECRETS)
        out->well_formed =
            rill_stream_packet_decode(&out->packet, plaintext, data.len - RILL_ENVELOPE_OVERHEAD,
                                      &out->header_ok) == RILL_OK;
}

uint8_t ledger_pattern(unsigned secret, bool from_server, uint64_t stream, uint64_t offset)
{
    uint64_t z = (stream << 3 | (uint64_t)secret << 1 | from_server) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ offset) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint8_t)(z >> 56);
}

/* ---- the objects ---- */

ledger_connection *ledger_find_connection(ledger *l, const rill_connection *c)
{
    for (unsigned i = 0; i < l->connection_count; i++)
        if (l->connections[i].connection == c)
            return &l->connections[i];
    return NULL;
}

ledger_stream *ledger_find_stream(ledger *l, const rill_stream *s)
{
    for (unsigned i = 0; i < l->stream_count; i++)
        if (l->streams[i].stream == s)
            return &l->streams[i];
    return NULL;
}

ledger_connection *ledger_add_connection(ledger *l, rill_connection *c, unsigned secret)
{
    CHECK(ledger_find_connection(l, c) == NULL);
    if (l->connection_count == LEDGER_CONNECTIONS) {
        l->full = true;
        return NULL;
    }
    ledger_connection *book = &l->connections[l->connection_count++];
    *book = (ledger_connection){
        .connection = c, .secret = secret, .server = rill_connection_is_server(c)};
    return book;
}

ledger_stream *ledger_add_stream(ledger *l, rill_stream *s, bool remote)
{
    const ledger_connection *c = ledger_find_connection(l, rill_stream_connection(s));
    CHECK(ledger_find_stream(l, s) == NULL);
    CHECK(c != NULL || l->full);
    if (c == NULL || l->stream_count == LEDGER_STREAMS) {
        l->full = true;
        return NULL;
    }
    ledger_stream *book = &l->streams[l->stream_count++];
    *book = (ledger_stream){.stream = s,
                            .connection = (unsigned)(c - l->connections),
                            .id = rill_stream_id(s),
                            .remote = remote};
    for (const ledger_stream *other = l->streams; other != book; other++)
        CHECK(other->connection != book->connection || other->id != book->id);
    /* Our stream ids are odd at the client and even at the server (RFC 29 section 5.3). */
    CHECK((book->id % 2 == 0) == (c->server != remote));
    return book;
}

/* ---- Prepares that leave ---- */

ledger_flight *ledger_flight_of(ledger *l, uint64_t request)
{
    for (unsigned i = 0; i < l->flight_count; i++)
        if (l->flights[i].request == request)
            return &l->flights[i];
    return NULL;
}

/* The connection to which a packet belongs. For each secret and side only one is open. */
static ledger_connection *sender_of(ledger *l, const ledger_packet *p)
{
    ledger_connection *only = NULL;
    if (l->full)
        return NULL;
    for (unsigned i = 0; i < l->connection_count; i++) {
        ledger_connection *c = &l->connections[i];
        if (c->connection == NULL || c->secret != p->secret)
            continue;
        if (only != NULL)
            return NULL; /* opened twice with the same credentials */
        only = c;
    }
    return only;
}

static void check_data(ledger *l, const ledger_packet *p, bool from_server)
{
    rill_reader frames = p->packet.frames;
    uint64_t left = p->packet.frame_count;
    rill_frame frame;
    (void)l;
    while (rill_stream_packet_next(&frames, &left, &frame)) {
        CHECK(rill_frame_size(&frame) > 0);
        for (size_t i = 0; frame.type == RILL_FRAME_STREAM_DATA && i < frame.text.len; i++)
            CHECK(frame.text.data[i] ==
                  ledger_pattern(p->secret, from_server, frame.stream, frame.value + i));
    }
}

void ledger_sent(ledger *l, rill_now now, uint64_t request, const uint8_t *packet, size_t len)
{
    rill_prepare prepare;
    ledger_packet p;
    uint8_t condition[32];
    CHECK(rill_prepare_decode(&prepare, packet, len) == RILL_OK);
    CHECK(prepare.expires_at_ms > now.wall_ms);
    ledger_read(l->keys, prepare.data, &p);
    CHECK(p.secret < LEDGER_SECRETS && p.well_formed && p.packet.type == RILL_ILP_PREPARE);
    CHECK(ledger_flight_of(l, request) == NULL && l->flight_count < LEDGER_FLIGHTS);
    CHECK(ledger_fulfillment(l->keys, p.secret, prepare.data, NULL, condition));
    ledger_flight *f = &l->flights[l->flight_count++];
    *f = (ledger_flight){.request = request,
                         .amount = prepare.amount,
                         .sequence = p.packet.sequence,
                         .expires_ns = now.mono_ns + RILL_SECOND +
                                       (prepare.expires_at_ms - now.wall_ms) * RILL_MS,
                         .secret = p.secret,
                         .open = true,
                         .fulfillable = memcmp(condition, prepare.condition, 32) == 0};
    memcpy(f->condition, prepare.condition, 32);
    ledger_connection *c = sender_of(l, &p);
    if (c == NULL)
        return;
    CHECK(!c->any_sequence || p.packet.sequence > c->last_sequence);
    c->any_sequence = true;
    c->last_sequence = p.packet.sequence;
    check_data(l, &p, c->server);
    if (f->fulfillable && c->rate_fixed && c->min_rate.num != 0)
        CHECK(p.packet.amount >=
              (uint64_t)((oracle_u128)f->amount * c->min_rate.num / c->min_rate.den));
}

void ledger_replied(ledger *l, uint64_t request, const uint8_t *packet, size_t len, int result)
{
    ledger_flight *f = ledger_flight_of(l, request);
    rill_fulfill fulfill;
    rill_reject reject;
    uint8_t condition[32];
    CHECK(result == RILL_OK || result == RILL_ERR_NOT_FOUND);
    if (result != RILL_OK)
        return;
    CHECK(f != NULL && f->open);
    bool yes = rill_fulfill_decode(&fulfill, packet, len) == RILL_OK;
    /* An answer that is neither counts as no reply: its money stays in doubt. */
    f->open = f->doubt = !yes && rill_reject_decode(&reject, packet, len) != RILL_OK;
    if (!yes || !f->fulfillable)
        return;
    ledger_hash(l->keys, fulfill.fulfillment, condition);
    if (memcmp(condition, f->condition, 32) == 0)
        l->sent = rill_add_sat(l->sent, f->amount);
}

/* ---- Prepares that come ---- */

ledger_arrival ledger_arriving(ledger *l, uint64_t request, const uint8_t *packet, size_t len)
{
    ledger_arrival a = {.request = request, .secret = LEDGER_SECRETS};
    rill_prepare prepare;
    ledger_packet p;
    for (unsigned i = 0; i < l->stream_count; i++) {
        ledger_stream *s = &l->streams[i];
        rill_stream_totals totals;
        if (s->stream == NULL)
            continue;
        rill_stream_get_totals(s->stream, &totals);
        s->received_before = totals.received;
        s->room_before =
            totals.receive_max > totals.received ? totals.receive_max - totals.received : 0;
    }
    if (rill_prepare_decode(&prepare, packet, len) != RILL_OK)
        return a;
    a.amount = prepare.amount;
    a.expires_at = prepare.expires_at_ms;
    memcpy(a.condition, prepare.condition, 32);
    ledger_read(l->keys, prepare.data, &p);
    a.secret = p.secret;
    a.readable = p.header_ok;
    if (p.header_ok) {
        a.minimum = p.packet.amount;
        a.sequence = p.packet.sequence;
    }
    return a;
}

/* A packet that came before is refused for as long as it could be fulfilled at all. */
static void check_fresh(const ledger *l, rill_now now, const ledger_arrival *a)
{
    for (unsigned i = 0; i < l->fulfilled_count && !l->replays_forgotten; i++) {
        const ledger_fulfilled *f = &l->fulfilled[i];
        CHECK(memcmp(f->condition, a->condition, 32) != 0 || f->expires_at <= now.wall_ms);
        CHECK(f->secret != a->secret || f->sequence != a->sequence || f->expires_at <= now.wall_ms);
    }
}

static void check_receive_max(const ledger *l)
{
    for (unsigned i = 0; i < l->stream_count; i++) {
        const ledger_stream *s = &l->streams[i];
        rill_stream_totals totals;
        if (s->stream == NULL)
            continue;
        rill_stream_get_totals(s->stream, &totals);
        /* One part in a hundred more, because rates are rounded. */
        uint64_t credited = totals.received - s->received_before;
        CHECK(credited <= (oracle_u128)s->room_before + s->room_before / 100 + 1);
    }
}

void ledger_answered(ledger *l, rill_now now, const ledger_arrival *a, const uint8_t *reply,
                     size_t len)
{
    rill_fulfill fulfill;
    rill_reject reject;
    ledger_packet p;
    uint8_t condition[32];
    bool yes = rill_fulfill_decode(&fulfill, reply, len) == RILL_OK;
    CHECK(yes || rill_reject_decode(&reject, reply, len) == RILL_OK);
    ledger_read(l->keys, yes ? fulfill.data : reject.data, &p);
    if (p.secret < LEDGER_SECRETS) {
        CHECK(p.well_formed && a->readable && p.secret == a->secret);
        CHECK(p.packet.type == (yes ? RILL_ILP_FULFILL : RILL_ILP_REJECT));
        CHECK(p.packet.sequence == a->sequence && p.packet.amount == a->amount);
    }
    if (!yes) {
        CHECK(reject.message.len == 0);
        return;
    }
    ledger_hash(l->keys, fulfill.fulfillment, condition);
    CHECK(memcmp(condition, a->condition, 32) == 0);
    CHECK(a->readable && a->amount >= a->minimum && a->expires_at > now.wall_ms);
    check_fresh(l, now, a);
    if (l->fulfilled_count < LEDGER_FULFILLED) {
        ledger_fulfilled *f = &l->fulfilled[l->fulfilled_count++];
        *f = (ledger_fulfilled){
            .sequence = a->sequence, .expires_at = a->expires_at, .secret = a->secret};
        memcpy(f->condition, a->condition, 32);
    }
    l->received = rill_add_sat(l->received, a->amount);
    if (!a->asked) /* otherwise room was kept when it came */
        check_receive_max(l);
}

/* ---- sums ---- */

void ledger_stream_ends(ledger *l, ledger_stream *s)
{
    (void)l;
    rill_stream_get_totals(s->stream, &s->final);
    CHECK(!s->send_open && !s->receive_open);
    s->stream = NULL;
}

void ledger_connection_ends(ledger *l, ledger_connection *c)
{
    rill_connection_get_stats(c->connection, &c->final);
    for (unsigned i = 0; i < l->stream_count; i++)
        CHECK(l->streams[i].stream == NULL || &l->connections[l->streams[i].connection] != c);
    c->connection = NULL;
}

static void check_stream(const ledger_stream *s, const rill_stream_totals *t)
{
    CHECK(t->in_doubt <= t->in_flight);
    CHECK(t->sent <= UINT64_MAX - t->in_flight);
    CHECK(s->stream == NULL || t->sent + t->in_flight <= t->send_max);
    CHECK(t->sent + t->in_flight <= s->highest_send_max);
}

/* Sums stop at 2^64 - 1, as the core's do (rill/connection.h). */
static void add_totals(const ledger *l, const ledger_connection *c, rill_stream_totals *sum)
{
    unsigned index = (unsigned)(c - l->connections);
    *sum = (rill_stream_totals){0};
    for (unsigned i = 0; i < l->stream_count; i++) {
        const ledger_stream *s = &l->streams[i];
        rill_stream_totals t = s->final;
        if (s->connection != index)
            continue;
        if (s->stream != NULL)
            rill_stream_get_totals(s->stream, &t);
        check_stream(s, &t);
        sum->sent = rill_add_sat(sum->sent, t.sent);
        sum->in_flight = rill_add_sat(sum->in_flight, t.in_flight);
        sum->in_doubt = rill_add_sat(sum->in_doubt, t.in_doubt);
        sum->received = rill_add_sat(sum->received, t.received);
    }
}

void ledger_check(ledger *l)
{
    uint64_t sent = 0, received = 0;
    oracle_u128 out = 0, open = 0;
    if (l->full)
        return;
    for (unsigned i = 0; i < l->connection_count; i++) {
        const ledger_connection *c = &l->connections[i];
        rill_connection_stats stats = c->final;
        rill_stream_totals sum;
        if (c->connection != NULL)
            rill_connection_get_stats(c->connection, &stats);
        add_totals(l, c, &sum);
        CHECK(sum.sent == stats.sent);
        CHECK(sum.received == stats.received);
        if (c->connection != NULL) {
            CHECK(sum.in_flight == stats.in_flight && sum.in_doubt == stats.in_doubt);
            out += stats.in_flight;
        }
        sent = rill_add_sat(sent, stats.sent);
        received = rill_add_sat(received, stats.received);
    }
    for (unsigned i = 0; i < l->flight_count; i++)
        if (l->flights[i].open && l->flights[i].fulfillable)
            open += l->flights[i].amount;
    /* Money without a reply is in flight, or was found to be sent, by the receiver's totals. */
    CHECK(sent >= l->sent && out + (sent - l->sent) <= open);
    CHECK(received == l->received);
}
