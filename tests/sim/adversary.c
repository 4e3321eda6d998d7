/* SPDX-License-Identifier: Apache-2.0 */
#include "adversary.h"

#include "report.h"

#include <stdlib.h>
#include <string.h>

static const char *const codes[] = {"F00", "F01", "F02", "F03", "F04", "F05", "F06",   "F07",
                                    "F08", "F99", "T00", "T01", "T02", "T03", "T04",   "T05",
                                    "T99", "R00", "R01", "R02", "R99", "X42", "f\x80!"};

void sim_adversary_init(sim_adversary *a, const sim_adversary_config *config, uint64_t seed)
{
    memset(a, 0, sizeof(*a));
    a->config = *config;
    sim_rng_seed(&a->rng, seed, 77);
}

void sim_adversary_free(sim_adversary *a)
{
    for (unsigned i = 0; i < SIM_KEPT; i++) {
        free(a->prepares[i].bytes);
        free(a->replies[i].bytes);
    }
    memset(a, 0, sizeof(*a));
}

bool sim_adversary_idle(const sim_adversary *a)
{
    static const sim_adversary_config none;
    return memcmp(&a->config, &none, sizeof(none)) == 0;
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

/* Data of a reject: nothing, garbage, the sender's, or the authentic data of the reply to another
 * packet. */
static size_t forge(sim_adversary *a, uint8_t *packet, const sim_packet *p, const char *code)
{
    /* The sender's own data come back: the same key, the same sequence. */
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

static size_t swap_data(sim_adversary *a, uint8_t *packet, const sim_packet *p)
{
    sim_packet other = recall(a, a->prepares);
    if (other.type != SIM_PREPARE)
        return 0;
    uint8_t *out = sim_allocate(SIM_MAX_PACKET);
    size_t len = sim_prepare_write(out, p, other.data, other.data_len);
    memcpy(packet, out, len);
    free(out);
    return len;
}

static void tamper(sim_adversary *a, uint8_t *packet, size_t *len)
{
    const sim_adversary_config *c = &a->config;
    sim_packet p = sim_packet_parse(packet, *len);
    if (sim_rng_chance(&a->rng, c->flip_data))
        flip(a, p.data, p.data_len);
    if (sim_rng_chance(&a->rng, c->raise_amount))
        sim_packet_set_amount(&p, shift_amount(a, sim_packet_amount(&p), true));
    if (sim_rng_chance(&a->rng, c->lower_amount))
        sim_packet_set_amount(&p, shift_amount(a, sim_packet_amount(&p), false));
    if (sim_rng_chance(&a->rng, c->change_condition))
        flip(a, p.hash, 32);
    if (sim_rng_chance(&a->rng, c->change_expiry)) {
        uint64_t by = sim_rng_below(&a->rng, 60000);
        uint64_t at = sim_packet_expiry(&p);
        sim_packet_set_expiry(&p, sim_rng_chance(&a->rng, 500) ? at + by : at - by);
    }
    size_t n = 0;
    if (sim_rng_chance(&a->rng, c->swap_data))
        n = swap_data(a, packet, &p);
    if (n == 0 && sim_rng_chance(&a->rng, c->cut_data) && p.data_len > 0) {
        uint8_t *out = sim_allocate(SIM_MAX_PACKET);
        n = sim_prepare_write(out, &p, p.data, (size_t)sim_rng_below(&a->rng, p.data_len));
        memcpy(packet, out, n);
        free(out);
    }
    if (n != 0)
        *len = n;
}

sim_verdict sim_adversary_prepare(sim_adversary *a, uint8_t *packet, size_t *len, bool *again)
{
    const sim_adversary_config *c = &a->config;
    *again = false;
    if (sim_adversary_idle(a))
        return SIM_PASS;
    keep(a, a->prepares, packet, *len);
    sim_packet p = sim_packet_parse(packet, *len);
    if (sim_rng_chance(&a->rng, c->withhold))
        return SIM_WITHHOLD;
    if (sim_rng_chance(&a->rng, c->forge_reject)) {
        const char *code = codes[sim_rng_below(&a->rng, sizeof(codes) / sizeof(codes[0]))];
        *len = forge(a, packet, &p, code);
        return SIM_ANSWER;
    }
    if (sim_rng_chance(&a->rng, c->lie_f08)) {
        *len = forge_f08(a, packet, sim_packet_amount(&p));
        return SIM_ANSWER;
    }
    *again = sim_rng_chance(&a->rng, c->replay);
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
    bool fulfill = p.type == SIM_FULFILL;
    if (fulfill && sim_rng_chance(&a->rng, c->late_fulfill))
        *hold = sim_rng_below(&a->rng, 40) * RILL_SECOND;
    if (p.type != 0 && sim_rng_chance(&a->rng, c->flip_reply))
        flip(a, p.data, p.data_len);
    if (fulfill && sim_rng_chance(&a->rng, c->wrong_fulfillment))
        flip(a, p.hash, 32);
    if (fulfill && sim_rng_chance(&a->rng, c->reject_fulfilled)) {
        uint8_t *data = sim_allocate(p.data_len);
        memcpy(data, p.data, p.data_len);
        *len = sim_reject_write(packet, codes[sim_rng_below(&a->rng, 20)], "", data, p.data_len);
        free(data);
    }
    size_t n = sim_rng_chance(&a->rng, c->swap_reply) ? swap_reply(a, packet) : 0;
    if (n != 0)
        *len = n;
    if (sim_rng_chance(&a->rng, c->garbage_reply)) {
        *len = (size_t)sim_rng_below(&a->rng, 100);
        sim_rng_fill(&a->rng, packet, *len);
    }
    *twice = sim_rng_chance(&a->rng, c->twice);
}
