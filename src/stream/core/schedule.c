/* SPDX-License-Identifier: Apache-2.0 */
/* Which packet a connection sends next, and the writing of it. */
#include "stream/core/schedule.h"

#include <assert.h>
#include <string.h>

#include "base/muldiv.h"
#include "ilp/oer.h"
#include "stream/core/close.h"
#include "stream/core/closing.h"
#include "stream/core/connection.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/flight.h"
#include "stream/core/flights.h"
#include "stream/core/numbering.h"
#include "stream/core/outcome.h"
#include "stream/core/path.h"
#include "stream/core/probe.h"
#include "stream/core/reply.h"
#include "stream/core/schedule_data.h"
#include "stream/core/schedule_money.h"
#include "stream/core/settle.h"
#include "stream/core/tell.h"

/* Records of packets in doubt and overdue, in windows' worth of packets. */
#define MAX_ASIDE_WINDOWS 16u
/* In flight at most to an address from which nothing authentic has come yet. */
#define UNVALIDATED_PACKETS 5u
/* A close that could not be made, for want of memory, is tried again. */
#define CLOSE_AGAIN (100 * RILL_MS)
/* After its expiry at us, a reply may still be on its way. */
#define REPLY_GRACE RILL_SECOND

static bool window_open(const rill_connection *c, uint64_t now_ns)
{
    if (rill_congestion_packets_not_before(c->path->congestion) > now_ns)
        return false;
    /*
     * What is in doubt or overdue takes no room on the path, but a record each: bounded too. But
     * those that have expired end only when a packet of ours is answered.
     */
    uint32_t aside = c->path->flights.doubt_count + c->path->flights.overdue_count;
    if (rill_flights_awaited(&c->path->flights) >= c->options->max_in_flight ||
        aside - c->path->flights.lost_count >= MAX_ASIDE_WINDOWS * c->options->max_in_flight)
        return false;
    if (!c->peer.validated &&
        c->path->flights.count - c->path->flights.lost_count >= UNVALIDATED_PACKETS)
        return false;
    return rill_congestion_packets(c->path->congestion) > 0;
}

static rill_flight *open_flight(rill_connection *c, uint64_t now_ns, rill_flight_kind kind)
{
    if (!rill_connection_may_send(c))
        return NULL;
    rill_flight *f = rill_flight_open(c->endpoint->flights);
    if (!f)
        return NULL;
    f->connection = c;
    f->kind = kind;
    f->sent_ns = now_ns;
    f->expires_ns = now_ns + c->options->packet_lifetime_ns + REPLY_GRACE;
    rill_flights_add(&c->path->flights, f);
    return f;
}

/* Nobody has seen the flight: as if it had never been. */
static void undo_flight(rill_connection *c, rill_flight *f, uint64_t now_ns)
{
    rill_flight_lose(c, f, now_ns);
}

/* 0 where memory is out: a packet has room for what it begins with. */
static size_t write_plaintext(rill_connection *c, rill_flight *f, uint8_t *plaintext,
                              uint64_t now_ns)
{
    rill_packet_writer p;
    size_t trailer = c->numbers.opening ? RILL_LIFE_SIZE : 0;
    rill_packet_begin(&p, plaintext, RILL_PACKET_MAX_PLAINTEXT - trailer, RILL_ILP_PREPARE,
                      f->sequence, f->minimum);
    if (f->kind == RILL_FLIGHT_CLOSE) {
        rill_closing_put(&c->closing, &p);
    } else {
        /* Until something has come back, every packet may be the first to arrive. */
        if (!c->contact.connected && !c->server)
            rill_connection_tell(c, RILL_TELL(ADDRESS) | RILL_TELL(ASSET), false);
        rill_schedule_money_frames(&p, f);
        /* A packet for nothing would be followed by the next, as soon as it is answered. */
        if (f->amount == 0 && !rill_schedule_data_add(c, &p, f, now_ns) && !rill_tell_urgent(c))
            return 0;
        rill_tell_frames(c, &p, f);
    }
    size_t len = rill_packet_end(&p);
    if (len > 0 && trailer > 0)
        len += rill_life_write(plaintext + len, c->numbers.life, c->numbers.who);
    if (len > 0 && c->options->padding) {
        memset(plaintext + len, 0, RILL_PACKET_MAX_PLAINTEXT - len);
        len = RILL_PACKET_MAX_PLAINTEXT;
    }
    return len;
}

static int write_prepare(rill_connection *c, const rill_turn *turn, rill_flight *f)
{
    /* Amount, expiry, condition, address. */
    size_t at = RILL_ROOM_BEFORE_DATA(8 + 17 + 32 + rill_oer_length_size(c->peer.address_len) +
                                      c->peer.address_len);
    uint8_t *envelope = turn->packet + at;
    uint8_t condition[32];
    f->sequence = c->numbers.next;
    f->first = c->numbers.opening;
    size_t plain = write_plaintext(c, f, envelope + RILL_ENVELOPE_OVERHEAD, turn->now.mono_ns);
    if (plain == 0)
        return RILL_ERR_NOMEM;
    int err = rill_keys_seal(c->identity.keys, envelope, plain);
    if (err != RILL_OK)
        return err;
    size_t sealed = plain + RILL_ENVELOPE_OVERHEAD;
    if (f->kind == RILL_FLIGHT_NORMAL)
        err = rill_keys_fulfill(c->identity.keys, envelope, sealed, f->fulfillment, condition);
    else
        err = rill_crypto_random(c->endpoint->crypto, condition, sizeof condition);
    if (err != RILL_OK)
        return err;
    rill_prepare prepare = {
        .amount = f->amount,
        .expires_at_ms = turn->now.wall_ms + c->options->packet_lifetime_ns / RILL_MS,
        .condition = condition,
        .destination = {(const uint8_t *)c->peer.address, c->peer.address_len},
        .data = {NULL, sealed},
    };
    err = rill_prepare_encode(&prepare, turn->packet, RILL_PACKET_BUFFER, turn->len);
    if (err == RILL_OK)
        rill_packet_close_gap(turn->packet, *turn->len, at, sealed);
    return err;
}

static int launch(rill_connection *c, const rill_turn *turn, rill_flight *f)
{
    int err = write_prepare(c, turn, f);
    if (err != RILL_OK) {
        *turn->len = 0;
        undo_flight(c, f, turn->now.mono_ns);
        return err;
    }
    assert(*turn->len > 0 && *turn->len <= RILL_PACKET_BUFFER && f->sequence == c->numbers.next);
    rill_numbering_give(&c->numbers);
    c->counts.packets_sent++;
    rill_contact_sent(&c->contact, turn->now.mono_ns);
    rill_congestion_sent(c->path->congestion, turn->now.mono_ns, rill_flight_value(f));
    *turn->request = f->request;
    return RILL_OK;
}

static int send_close(rill_connection *c, const rill_turn *turn)
{
    if (c->closing.sent || !c->peer.address || c->closing.again_at > turn->now.mono_ns)
        return RILL_OK;
    rill_flight *f = open_flight(c, turn->now.mono_ns, RILL_FLIGHT_CLOSE);
    int err = f ? launch(c, turn, f) : RILL_ERR_NOMEM;
    if (err == RILL_OK)
        rill_closing_sent(&c->closing);
    else
        rill_closing_again(&c->closing, turn->now.mono_ns + CLOSE_AGAIN);
    return err;
}

static int send_probe(rill_connection *c, const rill_turn *turn)
{
    rill_flight *f = open_flight(c, turn->now.mono_ns, RILL_FLIGHT_PROBE);
    if (!f)
        return RILL_ERR_NOMEM;
    f->volley = c->probing->volleys;
    f->amount = rill_probe_take(c, turn->now.mono_ns);
    uint64_t amount = f->amount;
    int err = launch(c, turn, f);
    if (err != RILL_OK)
        rill_probe_failed(c, turn->now.mono_ns, c->probing->volleys, amount, RILL_PROBE_ACCIDENT);
    return err;
}

static int send_money(rill_connection *c, const rill_turn *turn)
{
    rill_flight *f = open_flight(c, turn->now.mono_ns, RILL_FLIGHT_NORMAL);
    if (!f)
        return RILL_ERR_NOMEM;
    if (rill_schedule_money_plan(c, turn->now.mono_ns, f))
        return launch(c, turn, f);
    undo_flight(c, f, turn->now.mono_ns);
    return RILL_OK;
}

static int send_plain(rill_connection *c, const rill_turn *turn)
{
    rill_flight *f = open_flight(c, turn->now.mono_ns, RILL_FLIGHT_NORMAL);
    if (!f)
        return RILL_ERR_NOMEM;
    return launch(c, turn, f);
}

static bool plain_wanted(rill_connection *c, uint64_t now_ns)
{
    if (c->holdoffs.plain.until > now_ns)
        return false;
    return (!rill_list_empty(&c->streams.with_data) && rill_schedule_data_wanted(c, now_ns)) ||
           rill_tell_urgent(c);
}

static int send_open(rill_connection *c, const rill_turn *turn)
{
    if (c->holdoffs.path.until > turn->now.mono_ns)
        return RILL_OK;
    /* Who asks wants to know the receiver's limits with the rate: some tell them in the answer to a
     * packet that they take, and not to those that they refuse. */
    if (c->probing->asked != 0 && plain_wanted(c, turn->now.mono_ns))
        return send_plain(c, turn);
    bool held = c->holdoffs.refusals.until > turn->now.mono_ns;
    if (!held && !rill_rate_has_minimum(&c->path->rate) && rill_probe_wanted(c, turn->now.mono_ns))
        return send_probe(c, turn);
    held = held || c->path->flights.lost_count >= MAX_ASIDE_WINDOWS * c->options->max_in_flight;
    c->money_turn = !c->money_turn;
    bool plain = plain_wanted(c, turn->now.mono_ns);
    if (!held && (c->money_turn || !plain) && rill_schedule_money_wanted(c)) {
        int err = send_money(c, turn);
        if (err != RILL_OK || *turn->len > 0)
            return err;
        plain = plain_wanted(c, turn->now.mono_ns);
    }
    return plain ? send_plain(c, turn) : RILL_OK;
}

int rill_connection_next_packet(rill_connection *c, const rill_turn *turn)
{
    assert(*turn->len == 0); /* a turn has one packet */
    rill_settle_check(c);
    if (c->state == RILL_STATE_CLOSING)
        return send_close(c, turn);
    if (c->state != RILL_STATE_OPEN || !c->peer.address || !window_open(c, turn->now.mono_ns))
        return RILL_OK;
    if (rill_numbering_exhausted(&c->numbers, c->counts.packets_received)) {
        rill_connection_exhaust(c, turn->now.mono_ns);
        return c->state == RILL_STATE_CLOSING ? send_close(c, turn) : RILL_OK;
    }
    return send_open(c, turn);
}
