/* SPDX-License-Identifier: Apache-2.0 */
#include "adversary.h"

#include <stdlib.h>
#include <string.h>

static const char *const codes[] = {"F00", "F01", "F02", "F03", "F04", "F05", "F06",   "F07",
                                    "F08", "F99", "T00", "T01", "T02", "T03", "T04",   "T05",
                                    "T99", "R00", "R01", "R02", "R99", "X42", "f\x80!"};

void sim_adversary_init(sim_adversary *a, const sim_adversary_config *config, sim_report *report,
                        uint64_t seed)
{
    memset(a, 0, sizeof(*a));
    a->config = *config;
    a->report = report;
    sim_rng_seed(&a->rng, seed, 77);
}

void sim_adversary_free(sim_adversary *a)
{
    for (unsigned i = 0; i < SIM_KEPT; i++) {
        free(a->prepares[0][i].bytes);
        free(a->prepares[1][i].bytes);
        free(a->replies[i].bytes);
    }
    memset(a, 0, sizeof(*a));
}

bool sim_adversary_idle(const sim_adversary *a)
{
    static const sim_adversary_config none;
    return memcmp(&a->config, &none, sizeof(none)) == 0;
}

/* Whether the adversary does this trick now. */
static bool does(sim_adversary *a, uint32_t permille, sim_feature trick)
{
    bool now = sim_rng_chance(&a->rng, permille);
    if (now)
        sim_count(a->report, trick);
    return now;
}

static void keep(sim_adversary *a, sim_kept *kept, const uint8_t *packet, size_t len)
{
    sim_kept *k = &kept[sim_rng_below(&a->rng, SIM_KEPT)];
    k->bytes = sim_reallocate(k->bytes, len);
    k->len = len;
    memcpy(k->bytes, packet, len);
}

static sim_packet recall(sim_adversary *a, const sim_kept *kept)
{
    const sim_kept *k = &kept[sim_rng_below(&a->rng, SIM_KEPT)];
    if (k->bytes == NULL)
        return (sim_packet){.type = 0};
    return sim_packet_parse(k->bytes, k->len);
}

static void flip(sim_adversary *a, uint8_t *data, size_t len)
{
    if (len > 0)
        data[sim_rng_below(&a->rng, len)] ^= (uint8_t)(1U << sim_rng_below(&a->rng, 8));
}

static uint64_t shift_amount(sim_adversary *a, uint64_t amount, bool up)
{
    uint64_t part = amount / sim_rng_range(&a->rng, 1, 200);
    uint64_t by = sim_rng_chance(&a->rng, 300) ? 1 : part;
    if (up)
        return amount + by < amount ? UINT64_MAX : amount + by;
    return amount < by ? 0 : amount - by;
}

/*
 * Data for a reject: nothing, garbage, the sender's own data, or the authentic data of the reply to
 * another packet.
 */
static size_t forge(sim_adversary *a, uint8_t *packet, const sim_packet *p, const char *code)
{
    /* The sender's own data come back, with the same key and the same sequence. */
    if (sim_rng_chance(&a->rng, 200)) {
        uint8_t *data = sim_allocate(p->data_len);
        memcpy(data, p->data, p->data_len);
        size_t len = sim_reject_write(packet, code, "test.evil", data, p->data_len);
        free(data);
        return len;
    }
    uint8_t garbage[64];
    sim_packet other = recall(a, a->replies);
    if (other.type != 0 && sim_rng_chance(&a->rng, 400)) {
        uint8_t *data = sim_allocate(other.data_len);
        memcpy(data, other.data, other.data_len);
        size_t len = sim_reject_write(packet, code, "test.evil", data, other.data_len);
        free(data);
        return len;
    }
    size_t n = sim_rng_chance(&a->rng, 500) ? 0 : (size_t)sim_rng_below(&a->rng, sizeof(garbage));
    sim_rng_fill(&a->rng, garbage, n);
    return sim_reject_write(packet, code, "test.evil", garbage, n);
}

static size_t forge_f08(sim_adversary *a, uint8_t *packet, uint64_t amount)
{
    uint8_t data[16];
    const uint64_t lies[] = {
        0, 1, amount, amount + 1, UINT64_MAX, amount / 2, sim_rng_next(&a->rng)};
    sim_u64_write(data, lies[sim_rng_below(&a->rng, 7)]);
    sim_u64_write(data + 8, lies[sim_rng_below(&a->rng, 7)]);
    size_t n = sim_rng_chance(&a->rng, 200) ? (size_t)sim_rng_below(&a->rng, 16) : 16;
    return sim_reject_write(packet, "F08", "test.evil", data, n);
}

/* A Prepare of either side that it has seen; type 0 if there is none. */
static sim_packet recall_prepare(sim_adversary *a)
{
    return recall(a, a->prepares[sim_rng_below(&a->rng, 2)]);
}

static size_t with_data(uint8_t *packet, const sim_packet *p, const uint8_t *data, size_t len)
{
    uint8_t *out = sim_allocate(SIM_MAX_PACKET);
    size_t n = sim_prepare_write(out, p, data, len);
    memcpy(packet, out, n);
    free(out);
    return n;
}

static size_t grow_data(sim_adversary *a, uint8_t *packet, const sim_packet *p)
{
    size_t more = (size_t)sim_rng_magnitude(&a->rng, 1, 1000);
    if (p->data_len + more > 32767)
        return 0;
    uint8_t *data = sim_allocate(p->data_len + more);
    memcpy(data, p->data, p->data_len);
    sim_rng_fill(&a->rng, data + p->data_len, more);
    size_t n = with_data(packet, p, data, p->data_len + more);
    free(data);
    return n;
}

/* Changes a character or the end of the address, or takes the address of another packet. */
static size_t change_address(sim_adversary *a, uint8_t *packet, const sim_packet *p)
{
    static const char digits[] = "abcXYZ019-_~.";
    sim_packet other = recall_prepare(a);
    sim_packet changed = *p;
    uint64_t kind = sim_rng_below(&a->rng, 3);
    if (p->address_len == 0)
        return 0;
    if (kind == 0 && other.type == SIM_PREPARE) {
        changed.address = other.address;
        changed.address_len = other.address_len;
    } else if (kind == 1 && p->address_len > 2) {
        changed.address_len -= 1 + (size_t)sim_rng_below(&a->rng, p->address_len - 2);
    } else {
        p->address[sim_rng_below(&a->rng, p->address_len)] =
            (uint8_t)digits[sim_rng_below(&a->rng, sizeof(digits) - 1)];
        return 0;
    }
    return with_data(packet, &changed, p->data, p->data_len);
}

static void change_expiry(sim_adversary *a, sim_packet *p)
{
    static const uint64_t far[] = {0, UINT64_C(253402300799999), UINT64_C(4102444800000)};
    uint64_t by = sim_rng_below(&a->rng, 60000);
    uint64_t at = sim_packet_expiry(p);
    if (sim_rng_chance(&a->rng, 100))
        at = far[sim_rng_below(&a->rng, 3)];
    else
        at = sim_rng_chance(&a->rng, 500) ? at + by : at - by;
    sim_packet_set_expiry(p, at);
}

/* Does at most one of the tricks that change the packet's length. 0: none was done. */
static size_t rewrite(sim_adversary *a, uint8_t *packet, const sim_packet *p)
{
    const sim_adversary_config *c = &a->config;
    sim_packet other = recall_prepare(a);
    if (does(a, c->swap_data, SIM_SWAP_DATA) && other.type == SIM_PREPARE)
        return with_data(packet, p, other.data, other.data_len);
    if (does(a, c->cut_data, SIM_CUT_DATA) && p->data_len > 0)
        return with_data(packet, p, p->data, (size_t)sim_rng_below(&a->rng, p->data_len));
    if (does(a, c->grow_data, SIM_GROW_DATA))
        return grow_data(a, packet, p);
    if (does(a, c->change_address, SIM_CHANGE_ADDRESS))
        return change_address(a, packet, p);
    return 0;
}

static void tamper(sim_adversary *a, uint8_t *packet, size_t *len)
{
    const sim_adversary_config *c = &a->config;
    sim_packet p = sim_packet_parse(packet, *len);
    if (does(a, c->flip_data, SIM_FLIP_DATA))
        flip(a, p.data, p.data_len);
    if (does(a, c->raise_amount, SIM_RAISE_AMOUNT))
        sim_packet_set_amount(&p, shift_amount(a, sim_packet_amount(&p), true));
    if (does(a, c->lower_amount, SIM_LOWER_AMOUNT))
        sim_packet_set_amount(&p, shift_amount(a, sim_packet_amount(&p), false));
    if (does(a, c->change_condition, SIM_CHANGE_CONDITION))
        flip(a, p.hash, 32);
    if (does(a, c->change_expiry, SIM_CHANGE_EXPIRY))
        change_expiry(a, &p);
    size_t n = rewrite(a, packet, &p);
    if (n != 0)
        *len = n;
    if (does(a, c->garbage_request, SIM_GARBAGE_REQUEST)) {
        if (sim_rng_chance(&a->rng, 300))
            *len = (size_t)sim_rng_below(&a->rng, *len + 1);
        for (uint64_t i = sim_rng_magnitude(&a->rng, 1, 64); i > 0; i--)
            flip(a, packet, *len);
    }
}

/*
 * Sends it to an address at which its sender receives, known from packets in the other direction.
 */
static void reflect(sim_adversary *a, unsigned side, const sim_packet *p, sim_aside *aside)
{
    sim_packet other = recall(a, a->prepares[1 - side]);
    if (other.type != SIM_PREPARE || !does(a, a->config.reflect, SIM_REFLECT))
        return;
    sim_packet back = *p;
    back.address = other.address;
    back.address_len = other.address_len;
    aside->reflect_len = sim_prepare_write(aside->reflect, &back, p->data, p->data_len);
}

static size_t forge_fulfill(sim_adversary *a, uint8_t *packet)
{
    uint8_t fulfillment[32];
    uint8_t data[64];
    sim_packet other = recall(a, a->replies);
    size_t n = (size_t)sim_rng_below(&a->rng, sizeof(data));
    sim_rng_fill(&a->rng, fulfillment, sizeof(fulfillment));
    sim_rng_fill(&a->rng, data, n);
    bool known = other.type == SIM_FULFILL && sim_rng_chance(&a->rng, 500);
    if (known)
        memcpy(fulfillment, other.hash, sizeof(fulfillment));
    return sim_fulfill_write(packet, fulfillment, data, n);
}

/* Writes a reply of its own, without passing the packet on; 0: none. */
static size_t answer(sim_adversary *a, uint8_t *packet, const sim_packet *p)
{
    const sim_adversary_config *c = &a->config;
    if (does(a, c->forge_reject, SIM_FORGE_REJECT)) {
        const char *code = codes[sim_rng_below(&a->rng, sizeof(codes) / sizeof(codes[0]))];
        return forge(a, packet, p, code);
    }
    if (does(a, c->forge_fulfill, SIM_FORGE_FULFILL))
        return forge_fulfill(a, packet);
    if (does(a, c->lie_f08, SIM_LIE_F08))
        return forge_f08(a, packet, sim_packet_amount(p));
    return 0;
}

sim_verdict sim_adversary_prepare(sim_adversary *a, unsigned side, uint8_t *packet, size_t *len,
                                  sim_aside *aside)
{
    const sim_adversary_config *c = &a->config;
    aside->again = false;
    aside->reflect_len = 0;
    if (sim_adversary_idle(a))
        return SIM_PASS;
    keep(a, a->prepares[side], packet, *len);
    sim_packet p = sim_packet_parse(packet, *len);
    reflect(a, side, &p, aside);
    if (does(a, c->withhold, SIM_WITHHOLD))
        return SIM_WITHHELD;
    size_t n = answer(a, packet, &p);
    if (n != 0) {
        *len = n;
        return SIM_ANSWER;
    }
    aside->again = does(a, c->replay, SIM_REPLAY);
    tamper(a, packet, len);
    return SIM_PASS;
}

static size_t swap_reply(sim_adversary *a, uint8_t *packet)
{
    sim_kept *k = &a->replies[sim_rng_below(&a->rng, SIM_KEPT)];
    if (k->bytes == NULL)
        return 0;
    memcpy(packet, k->bytes, k->len);
    return k->len;
}

/* Changes a Fulfill in ways that cheat its sender. */
static void cheat(sim_adversary *a, const sim_packet *p, uint8_t *packet, size_t *len,
                  uint64_t *hold)
{
    const sim_adversary_config *c = &a->config;
    if (does(a, c->late_fulfill, SIM_LATE_FULFILL))
        *hold = sim_rng_below(&a->rng, 40) * RILL_SECOND;
    if (does(a, c->wrong_fulfillment, SIM_WRONG_FULFILLMENT))
        flip(a, p->hash, 32);
    if (does(a, c->reject_fulfilled, SIM_REJECT_FULFILLED)) {
        uint8_t *data = sim_allocate(p->data_len);
        memcpy(data, p->data, p->data_len);
        *len = sim_reject_write(packet, codes[sim_rng_below(&a->rng, 20)], "", data, p->data_len);
        free(data);
    } else if (does(a, c->strip_reply, SIM_STRIP_REPLY)) {
        uint8_t fulfillment[32];
        memcpy(fulfillment, p->hash, sizeof(fulfillment));
        *len = sim_fulfill_write(packet, fulfillment, NULL, 0);
    }
}

void sim_adversary_reply(sim_adversary *a, uint8_t *packet, size_t *len, uint64_t *hold,
                         bool *twice)
{
    const sim_adversary_config *c = &a->config;
    *hold = 0;
    *twice = false;
    if (sim_adversary_idle(a))
        return;
    sim_packet p = sim_packet_parse(packet, *len);
    if (p.type != 0)
        keep(a, a->replies, packet, *len);
    if (p.type != 0 && does(a, c->flip_reply, SIM_FLIP_REPLY))
        flip(a, p.data, p.data_len);
    if (p.type == SIM_FULFILL)
        cheat(a, &p, packet, len, hold);
    size_t n = does(a, c->swap_reply, SIM_SWAP_REPLY) ? swap_reply(a, packet) : 0;
    if (n != 0)
        *len = n;
    if (does(a, c->garbage_reply, SIM_GARBAGE_REPLY)) {
        *len = (size_t)sim_rng_below(&a->rng, 100);
        sim_rng_fill(&a->rng, packet, *len);
    }
    *twice = does(a, c->twice, SIM_TWICE);
}
