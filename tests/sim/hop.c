/* SPDX-License-Identifier: Apache-2.0 */
#include "hop.h"
#include "../oracle.h"

#define NAME "test.connector"

uint64_t sim_wall_ms(uint64_t now)
{
    return SIM_WALL_MS + now / RILL_MS;
}

void sim_hop_init(sim_hop *h, const sim_hop_config *config, sim_report *report, uint64_t seed)
{
    *h = (sim_hop){.config = *config, .report = report};
    sim_adversary_init(&h->adversary, &config->adversary, report, seed);
    for (unsigned side = 0; side < 2; side++) {
        h->packets[side].level = config->packets_per_second * config->burst / 1000;
        h->value[side].level = config->value_per_second / 1000 * config->burst;
    }
}

void sim_hop_calm(sim_hop *h)
{
    h->config.packets_per_second = 0;
    h->config.value_per_second = 0;
    h->config.balance = 0;
    h->config.down_every_ms = 0;
    h->config.dry_for_ms = 0;
    h->adversary.config = (sim_adversary_config){0};
}

uint64_t sim_hop_exchange(const sim_hop *h, unsigned side, uint64_t amount)
{
    rill_ratio r = h->config.rate[side];
    oracle_u128 x = (oracle_u128)amount * r.num / r.den;
    return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}

uint64_t sim_hop_needs(const sim_hop *h, unsigned side, uint64_t amount)
{
    rill_ratio r = h->config.rate[side];
    if (r.num == 0)
        return UINT64_MAX;
    oracle_u128 x = ((oracle_u128)amount * r.den + r.num - 1) / r.num;
    return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}

/* A token bucket in units per second. */
static bool draw(sim_bucket *b, uint64_t now, uint64_t rate, uint64_t burst_ms, uint64_t amount)
{
    oracle_u128 capacity = (oracle_u128)rate * burst_ms / 1000;
    oracle_u128 fill = (oracle_u128)rate * (now - b->at) / RILL_SECOND;
    /* Time is used up only when it makes a unit, so that fractions are not lost. */
    if (fill > 0) {
        oracle_u128 level = b->level + fill;
        b->level = (uint64_t)(level > capacity ? capacity : level);
        b->at = now;
    }
    if (b->level < amount)
        return false;
    b->level -= amount;
    return true;
}

static sim_verdict refuse(uint8_t *packet, size_t *len, const char *code)
{
    *len = sim_reject_write(packet, code, NAME, NULL, 0);
    return SIM_ANSWER;
}

static bool down(const sim_hop_config *c, uint64_t now)
{
    return c->down_every_ms != 0 && now / RILL_MS % c->down_every_ms < c->down_for_ms;
}

static bool dry(const sim_hop_config *c, uint64_t now)
{
    return now / RILL_MS >= c->dry_from_ms && now / RILL_MS - c->dry_from_ms < c->dry_for_ms;
}

/* Credit to a neighbour: what is in flight counts as owed. */
static bool owe(sim_hop *h, unsigned side, uint64_t now, uint64_t amount)
{
    const sim_hop_config *c = &h->config;
    uint64_t period = c->settle_every_ms * RILL_MS;
    if (now / period != h->settled_at[side] / period) {
        h->owed[side] = 0;
        h->settled_at[side] = now;
    }
    if (amount > c->balance || h->owed[side] > c->balance - amount)
        return false;
    h->owed[side] += amount;
    return true;
}

void sim_hop_refund(sim_hop *h, unsigned side, uint64_t amount)
{
    h->owed[side] -= amount < h->owed[side] ? amount : h->owed[side];
}

static const char *count(sim_hop *h, sim_feature f, const char *code)
{
    sim_count(h->report, f);
    return code;
}

/* NULL, or the code of the refusal. */
static const char *limit(sim_hop *h, unsigned side, uint64_t now, uint64_t amount)
{
    const sim_hop_config *c = &h->config;
    if (c->max_packet[side] != 0 && amount > c->max_packet[side])
        return count(h, SIM_AMOUNT_LIMIT, "F08");
    if (amount > 0 && dry(c, now))
        return count(h, SIM_DRY, "T04");
    if (c->packets_per_second != 0 &&
        !draw(&h->packets[side], now, c->packets_per_second, c->burst, 1))
        return count(h, SIM_PACKET_RATE, "T05");
    if (c->value_per_second != 0 &&
        !draw(&h->value[side], now, c->value_per_second, c->burst, amount))
        return count(h, SIM_VALUE_RATE, "T04");
    if (c->balance != 0 && !owe(h, side, now, amount))
        return count(h, SIM_BALANCE, "T04");
    return NULL;
}

static sim_verdict refuse_size(const sim_hop *h, unsigned side, uint64_t amount, uint8_t *packet,
                               size_t *len)
{
    uint8_t data[16];
    sim_u64_write(data, amount);
    sim_u64_write(data + 8, h->config.max_packet[side]);
    *len = sim_reject_write(packet, "F08", NAME, data, h->config.max_told ? sizeof(data) : 0);
    return SIM_ANSWER;
}

sim_verdict sim_hop_forward(sim_hop *h, unsigned side, uint64_t now, uint8_t *packet, size_t *len)
{
    const sim_hop_config *c = &h->config;
    sim_packet p = sim_packet_parse(packet, *len);
    uint64_t wall = sim_wall_ms(now);
    if (p.type != SIM_PREPARE)
        return refuse(packet, len, "F01");
    if (down(c, now))
        return refuse(packet, len, count(h, SIM_DOWN, "T01"));
    uint64_t expiry = sim_packet_expiry(&p);
    if (expiry <= wall)
        return refuse(packet, len, "R00");
    uint64_t amount = sim_packet_amount(&p);
    const char *code = limit(h, side, now, amount);
    if (code != NULL)
        return code[0] == 'F' ? refuse_size(h, side, amount, packet, len)
                              : refuse(packet, len, code);
    if (expiry < wall + c->margin_ms + c->min_window_ms)
        return refuse(packet, len, "R02");
    expiry -= c->margin_ms;
    if (expiry > wall + c->hold_ms)
        expiry = wall + c->hold_ms;
    sim_packet_set_expiry(&p, expiry);
    sim_packet_set_amount(&p, sim_hop_exchange(h, side, amount));
    return SIM_PASS;
}
