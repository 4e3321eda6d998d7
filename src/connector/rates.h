/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assets, and what each is worth in the others. Prices are exact ratios, in coins of one base
 * asset for a coin of each. A price that is too old is none: nothing is exchanged at it.
 */
#ifndef RILL_CONNECTOR_RATES_H
#define RILL_CONNECTOR_RATES_H

#include <rill/types.h>

#include "connector/convert.h"

#define RILL_ASSET_CODE_MAX 31
/* Conversions of every asset to every other are kept ready. */
#define RILL_MAX_ASSETS 256

typedef struct rill_asset {
    char code[RILL_ASSET_CODE_MAX + 1];
    uint8_t scale;
} rill_asset;

typedef enum rill_price_kind {
    RILL_PRICE_NONE,    /* nobody said one */
    RILL_PRICE_FIXED,   /* of the configuration: never too old */
    RILL_PRICE_DATED,   /* of a service */
    RILL_PRICE_ENTERED, /* of the API */
    RILL_PRICE_AWAITED, /* a service has not said yet which prices it has */
} rill_price_kind;

/* Of an asset code, whatever its scale. */
typedef struct rill_price {
    char code[RILL_ASSET_CODE_MAX + 1];
    rill_ratio price; /* times 10^tens: coins of the base for one coin */
    int16_t tens;
    rill_price_kind kind;
    uint64_t good_until;    /* monotonic nanoseconds; RILL_NEVER if fixed */
    uint64_t good_until_ms; /* and the wall clock; the same */
} rill_price;

typedef struct rill_spread_rule {
    char from[RILL_ASSET_CODE_MAX + 1];
    char to[RILL_ASSET_CODE_MAX + 1];
    uint32_t spread; /* millionths */
} rill_spread_rule;

/* What a pair of assets exchanges at now. */
typedef struct rill_pair {
    rill_conversion conversion;
    uint64_t good_until;    /* monotonic nanoseconds; 0: there is no price */
    uint64_t good_until_ms; /* and the wall clock */
} rill_pair;

typedef struct rill_rates {
    const rill_allocator *allocator;
    uint64_t lifetime; /* nanoseconds that a dated price is good for */
    uint32_t spread;   /* millionths, between different codes where no rule says otherwise */
    rill_asset *assets;
    size_t asset_count;
    rill_price *prices;
    size_t price_count;
    rill_spread_rule *rules;
    size_t rule_count;
    rill_pair *pairs; /* [source * asset_count + destination] */
} rill_rates;

typedef enum rill_exchange_verdict {
    RILL_EXCHANGE_DONE,
    RILL_EXCHANGE_NO_PRICE,  /* one of the two has none: F-class, no repetition helps */
    RILL_EXCHANGE_OLD_PRICE, /* it is too old, or awaited: later there may be another */
    RILL_EXCHANGE_TOO_LARGE, /* the destination's amount does not fit in 64 bits */
} rill_exchange_verdict;

/* lifetime: nanoseconds; RILL_NEVER: prices never become too old. spread: millionths. */
void rill_rates_init(rill_rates *r, const rill_allocator *allocator, uint64_t lifetime,
                     uint32_t spread);
void rill_rates_clear(rill_rates *r);

/*
 * Finds an asset or adds it; *out is its number. RILL_ERR_INVALID: the code is empty or too long.
 * RILL_ERR_LIMIT: RILL_MAX_ASSETS. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_rates_asset(rill_rates *r, const char *code, uint8_t scale, uint32_t *out);
/*
 * Says what a coin is worth, in coins of the base (whose own price is 1, said in the same way).
 * now: monotonic nanoseconds. price 0 takes it away. RILL_ERR_INVALID (the code, or den is 0),
 * RILL_ERR_NOMEM. Pairs are as before until rill_rates_refresh.
 */
RILL_MUST_CHECK int rill_rates_set(rill_rates *r, const char *code, rill_ratio price,
                                   rill_price_kind kind, uint64_t now);
/*
 * The same of a price that is good until then, whatever the lifetime is: price * 10^tens, at most
 * RILL_PRICE_TENS in either direction. Of RILL_PRICE_AWAITED the price is of no use.
 *
 * It is too old as soon as one of two clocks says so: the monotonic one stands still while a
 * machine is suspended, and the wall clock may be set back.
 */
RILL_MUST_CHECK int rill_rates_date(rill_rates *r, const char *code, rill_ratio price, int16_t tens,
                                    rill_price_kind kind, rill_now good_until);
/* What is said of this code; NULL: nothing. */
const rill_price *rill_rates_price(const rill_rates *r, const char *code);
/* What the node keeps from one code to another. RILL_ERR_INVALID, RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_rates_set_spread(rill_rates *r, const char *from, const char *to,
                                          uint32_t spread);
/* Computes all pairs anew. To be called after the above; packets use what was before until then. */
void rill_rates_refresh(rill_rates *r);

/* Is it none that is too old? Both of both clocks. */
static inline bool rill_rates_is_new(uint64_t good_until, uint64_t good_until_ms, rill_now now)
{
    return now.mono_ns < good_until && now.wall_ms < good_until_ms;
}

/* Rounded down. */
static inline rill_exchange_verdict rill_rates_exchange(const rill_rates *r, uint32_t source,
                                                        uint32_t destination, uint64_t amount,
                                                        rill_now now, uint64_t *out)
{
    const rill_pair *pair = &r->pairs[source * r->asset_count + destination];
    if (!rill_rates_is_new(pair->good_until, pair->good_until_ms, now))
        return pair->good_until == 0 ? RILL_EXCHANGE_NO_PRICE : RILL_EXCHANGE_OLD_PRICE;
    return rill_convert(&pair->conversion, amount, out) ? RILL_EXCHANGE_DONE
                                                        : RILL_EXCHANGE_TOO_LARGE;
}

/*
 * Two assets between which a round trip gains, so that somebody can empty the node; false: there
 * are none.
 */
bool rill_rates_arbitrage(const rill_rates *r, uint32_t *first, uint32_t *second);

#endif
