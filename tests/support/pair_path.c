/* SPDX-License-Identifier: Apache-2.0 */
/* What a pair's path does with packets. */
#include "pair_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/muldiv.h"
#include "conditions.h"

#define PACKET_TIME 1000u /* nanoseconds that pass with each packet */
#define START_MONO  (3 * RILL_SECOND)
#define START_WALL  UINT64_C(1700000000000)

static pair_side other(pair_side side)
{
    return side == PAIR_CLIENT ? PAIR_SERVER : PAIR_CLIENT;
}

void pair_start_time(pair *p)
{
    pair_set_time(p, START_MONO);
}

void pair_set_time(pair *p, uint64_t mono_ns)
{
    p->now.mono_ns = mono_ns;
    p->now.wall_ms = START_WALL + (mono_ns - START_MONO) / RILL_MS;
}

rill_now pair_now(const pair *p, pair_side side)
{
    rill_now now = p->now;
    now.mono_ns -= p->slept[side];
    return now;
}

void pair_free_items(pair_item *i)
{
    while (i) {
        pair_item *next = i->next;
        free(i);
        i = next;
    }
}

static pair_item *put(pair *p, uint64_t due, const uint8_t *bytes, size_t len)
{
    pair_item *item = malloc(sizeof *item + len);
    assert_non_null(item);
    memset(item, 0, sizeof *item);
    item->due = due;
    item->serial = ++p->serial;
    item->len = len;
    memcpy(item->bytes, bytes, len);
    pair_item **at = &p->queue;
    while (*at && (*at)->due <= due)
        at = &(*at)->next;
    item->next = *at;
    *at = item;
    return item;
}

static void put_reply(pair *p, pair_side to, uint64_t request, uint64_t amount, uint64_t delay,
                      const uint8_t *bytes, size_t len)
{
    pair_item *item = put(p, p->now.mono_ns + delay, bytes, len);
    item->reply = true;
    item->to = to;
    item->request = request;
    item->amount = amount;
}

static void refuse(pair *p, const pair_packet *packet, uint64_t request)
{
    uint8_t bytes[256];
    uint8_t data[16];
    size_t len;
    rill_reject reject = {.code = rill_ilp_code_of(packet->code),
                          .triggered_by = {(const uint8_t *)"test.path", 9}};
    if (packet->maximum > 0) {
        rill_amount_too_large_encode((rill_amount_too_large){packet->amount, packet->maximum},
                                     data);
        reject.data = (rill_bytes){data, sizeof data};
    }
    assert_int_equal(rill_reject_encode(&reject, bytes, sizeof bytes, &len), RILL_OK);
    put_reply(p, packet->from, request, packet->amount, 2 * packet->delay, bytes, len);
}

/* The Prepare as it arrives: its amount at the other side's rate. */
static void carry(pair *p, const pair_packet *packet, uint64_t request)
{
    static uint8_t bytes[RILL_PACKET_BUFFER];
    const uint8_t *out = packet->bytes;
    size_t len = packet->len;
    rill_prepare prepare;
    if (rill_prepare_decode(&prepare, packet->bytes, packet->len) == RILL_OK) {
        rill_ratio rate = p->rate[packet->from];
        prepare.amount = rill_ratio_floor(rate, prepare.amount);
        assert_int_equal(rill_prepare_encode(&prepare, bytes, sizeof bytes, &len), RILL_OK);
        out = bytes;
    }
    bool lost = packet->action == PAIR_LOSE_REPLY || packet->action == PAIR_IN_DOUBT;
    p->doubled = p->doubled || packet->copies > 1;
    for (unsigned i = 0; i < packet->copies; i++) {
        pair_item *item = put(p, p->now.mono_ns + packet->delay, out, len);
        item->to = other(packet->from);
        item->request = request;
        item->amount = packet->amount;
        item->delay = packet->delay;
        item->answer_lost = lost || i > 0;
    }
}

static void on_path(pair *p, pair_side from, uint8_t *bytes, size_t len, uint64_t request)
{
    rill_prepare prepare;
    assert_int_equal(rill_prepare_decode(&prepare, bytes, len), RILL_OK);
    pair_packet packet = {.from = from,
                          .number = p->end[from].packets++,
                          .amount = prepare.amount,
                          .bytes = bytes,
                          .len = len,
                          .delay = p->delay[from],
                          .copies = 1};
    if (prepare.amount > p->maximum[from]) {
        packet.action = PAIR_REJECT;
        packet.code = RILL_ILP_F08_AMOUNT_TOO_LARGE;
        packet.maximum = p->silent_maximum ? 0 : p->maximum[from];
    } else if (p->on_packet) {
        p->on_packet(p, &packet);
    }
    rill_endpoint *e = p->end[from].endpoint;
    if (packet.action == PAIR_REJECT)
        refuse(p, &packet, request);
    else if (packet.action != PAIR_DROP && packet.action != PAIR_UNSENT)
        carry(p, &packet, request);
    if (packet.action == PAIR_UNSENT || packet.action == PAIR_IN_DOUBT)
        rill_endpoint_unanswered(e, pair_now(p, from), request, packet.action == PAIR_IN_DOUBT);
}

bool pair_send_all(pair *p, pair_side side)
{
    static uint8_t bytes[RILL_PACKET_BUFFER];
    bool any = false;
    if (p->asleep[side])
        return false;
    for (;;) {
        size_t len;
        uint64_t request;
        int err = rill_endpoint_next_prepare(p->end[side].endpoint, pair_now(p, side), bytes, &len,
                                             &request);
        assert_true(err == RILL_OK || err == RILL_ERR_NOMEM || err == RILL_ERR_CRYPTO);
        assert_true(err == RILL_OK || len == 0);
        if (len == 0)
            return any;
        any = true;
        on_path(p, side, bytes, len, request);
        pair_set_time(p, p->now.mono_ns + PACKET_TIME);
    }
}

/* A packet must be fulfilled only once, however often it comes. */
static void note_fulfilled(pair *p, const pair_item *item)
{
    rill_prepare prepare;
    assert_int_equal(rill_prepare_decode(&prepare, item->bytes, item->len), RILL_OK);
    assert_true(pair_conditions_add(p->fulfilled, prepare.condition));
}

static void answer(pair *p, const pair_item *item, uint64_t arrived, uint8_t *reply, size_t len)
{
    pair_end *to = &p->end[item->to];
    rill_fulfill fulfill;
    if (rill_fulfill_decode(&fulfill, reply, len) == RILL_OK) {
        to->fulfilled_in += arrived;
        p->end[other(item->to)].paid_out += item->amount;
        note_fulfilled(p, item);
    }
    if (item->answer_lost)
        return;
    pair_side back = other(item->to);
    if (p->on_reply)
        p->on_reply(p, back, reply, &len);
    if (len > 0)
        put_reply(p, back, item->request, item->amount, item->delay, reply, len);
}

static void arrive(pair *p, pair_item *item)
{
    static uint8_t reply[RILL_PACKET_BUFFER];
    size_t len;
    pair_end *to = &p->end[item->to];
    rill_prepare prepare = {0};
    if (rill_prepare_decode(&prepare, item->bytes, item->len) != RILL_OK)
        prepare.amount = 0;
    assert_int_equal(rill_endpoint_receive_prepare(to->endpoint, pair_now(p, item->to),
                                                   item->serial, item->bytes, item->len, reply,
                                                   &len),
                     RILL_OK);
    if (len > 0) {
        answer(p, item, prepare.amount, reply, len);
        free(item);
        return;
    }
    item->next = p->waiting;
    p->waiting = item;
}

static void come_back(pair *p, pair_item *item)
{
    pair_end *to = &p->end[item->to];
    rill_fulfill fulfill;
    bool paid = rill_fulfill_decode(&fulfill, item->bytes, item->len) == RILL_OK;
    int err = rill_endpoint_receive_reply(to->endpoint, pair_now(p, item->to), item->request,
                                          item->bytes, item->len);
    if (err == RILL_OK && paid)
        to->fulfilled_out += item->amount;
    free(item);
}

bool pair_deliver_due(pair *p)
{
    bool any = false;
    while (p->queue && p->queue->due <= p->now.mono_ns) {
        pair_item *item = p->queue;
        p->queue = item->next;
        if (p->asleep[item->to])
            free(item);
        else if (item->reply)
            come_back(p, item);
        else
            arrive(p, item);
        any = true;
        pair_set_time(p, p->now.mono_ns + PACKET_TIME);
    }
    return any;
}

int pair_decide(pair *p, pair_side side, unsigned n, bool fulfill, bool *fulfilled)
{
    static uint8_t reply[RILL_PACKET_BUFFER];
    size_t len;
    pair_asked *asked = &p->end[side].asked[n];
    assert_true(n < p->end[side].asked_count);
    asked->decided = true;
    int err = rill_endpoint_decide(p->end[side].endpoint, pair_now(p, side), asked->decision,
                                   fulfill, reply, &len, fulfilled);
    pair_item **at = &p->waiting;
    while (*at && (*at)->serial != asked->request)
        at = &(*at)->next;
    if (err == RILL_OK && *at) {
        pair_item *item = *at;
        *at = item->next;
        answer(p, item, asked->amount, reply, len);
        free(item);
    }
    return err;
}
