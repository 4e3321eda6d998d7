/* SPDX-License-Identifier: Apache-2.0 */
/* Composing the prices of a connector from all of their sources. */
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "connector/core_impl.h"

/* Monotonic nanoseconds. */
static uint64_t now_of(const rill_core *c)
{
    return c->options.now(c->options.user).mono_ns;
}

/* ---- all prices together ---- */

bool rill_core_price_is_fixed(const rill_config_rates *rates, const char *code)
{
    const rill_config_price *prices = rates->prices.items;
    if (rill_config_same_text(rates->base, code))
        return true;
    for (size_t i = 0; i < rates->prices.count; i++) {
        if (strcmp(prices[i].code, code) == 0)
            return true;
    }
    return false;
}

core_entered *rill_core_find_entered(const rill_core *c, const char *code)
{
    for (size_t i = 0; i < c->prices.entered_count; i++) {
        if (strcmp(c->prices.entered[i].code, code) == 0)
            return &c->prices.entered[i];
    }
    return NULL;
}

core_quote *rill_core_find_quote(const rill_core *c, const char *code)
{
    for (size_t i = 0; i < c->prices.quote_count; i++) {
        if (strcmp(c->prices.quotes[i].line.code, code) == 0)
            return &c->prices.quotes[i];
    }
    return NULL;
}

/* Does what is known of the service, and was entered, hold with these rates, too? */
static bool same_base(const rill_core *c, const rill_config_rates *rates)
{
    return rill_config_same_text(c->options.config->rates.base, rates->base);
}

static bool same_service(const rill_core *c, const rill_config_rates *rates)
{
    return same_base(c, rates) && rill_config_same_text(c->options.config->rates.url, rates->url);
}

static rill_now end_of(const core_entered *e)
{
    return (rill_now){e->good_until, e->until_ms};
}

static rill_now end_of_quote(const core_quote *q, uint64_t stale_after)
{
    return (rill_now){rill_add_sat(q->asked_at, stale_after),
                      rill_add_sat(q->asked_ms, stale_after / RILL_MS)};
}

/* What somebody entered, what the service said, or that it has not said anything yet. */
static int date_price(const rill_core *c, rill_rates *r, const rill_config_rates *rates,
                      const char *code)
{
    const core_entered *e = same_base(c, rates) ? rill_core_find_entered(c, code) : NULL;
    const core_quote *q = same_service(c, rates) ? rill_core_find_quote(c, code) : NULL;
    bool asked = same_service(c, rates) && c->prices.feed.good_at != 0;
    if (rill_core_price_is_fixed(rates, code))
        return RILL_OK;
    if (e != NULL && rill_rates_is_new(e->good_until, e->until_ms, c->options.now(c->options.user)))
        return rill_rates_date(r, code, e->price, 0, RILL_PRICE_ENTERED, end_of(e));
    /* It says how many coins one coin of the base buys: the other way round. */
    if (q != NULL)
        return rill_rates_date(r, code, (rill_ratio){1, q->line.digits}, (int16_t)-q->line.tens,
                               RILL_PRICE_DATED, end_of_quote(q, rates->stale_after));
    if (e != NULL)
        return rill_rates_date(r, code, e->price, 0, RILL_PRICE_ENTERED, end_of(e));
    if (rates->url != NULL && !asked)
        return rill_rates_date(r, code, (rill_ratio){1, 1}, 0, RILL_PRICE_AWAITED,
                               (rill_now){0, 0});
    return RILL_OK;
}

static int date_prices(const rill_core *c, rill_rates *r, const rill_config_rates *rates)
{
    int rc = RILL_OK;
    for (size_t i = 0; i < r->asset_count && rc == RILL_OK; i++)
        rc = date_price(c, r, rates, r->assets[i].code);
    for (size_t i = 0; i < c->prices.entered_count && rc == RILL_OK && same_base(c, rates); i++)
        rc = date_price(c, r, rates, c->prices.entered[i].code);
    return rc;
}

int rill_core_set_rates(const rill_core *c, rill_rates *r, const rill_config_rates *rates,
                        const char **problem)
{
    const rill_config_price *prices = rates->prices.items;
    const rill_config_spread *spreads = rates->spreads.items;
    uint32_t first;
    uint32_t second;
    int rc = RILL_OK;
    if (rates->base != NULL)
        rc = rill_rates_set(r, rates->base, (rill_ratio){1, 1}, RILL_PRICE_FIXED, 0);
    for (size_t i = 0; i < rates->prices.count && rc == RILL_OK; i++)
        rc = rill_rates_set(r, prices[i].code, prices[i].price, RILL_PRICE_FIXED, 0);
    for (size_t i = 0; i < rates->spreads.count && rc == RILL_OK; i++)
        rc = rill_rates_set_spread(r, spreads[i].from, spreads[i].to, spreads[i].spread);
    *problem = "a code is empty or has more than 31 characters";
    if (rc == RILL_OK)
        rc = date_prices(c, r, rates);
    rill_rates_refresh(r);
    if (rc == RILL_OK && rill_rates_arbitrage(r, &first, &second)) {
        *problem = "there and back would bring more than was sent";
        rc = RILL_ERR_INVALID;
    }
    return rc;
}

int rill_core_compose_rates(const rill_core *c, rill_rates *out, const char **problem)
{
    const rill_config_rates *rates = &c->options.config->rates;
    uint32_t number;
    int rc = RILL_OK;
    rill_rates_init(out, c->options.allocator, rates->stale_after, rates->spread);
    for (size_t i = 0; i < c->rates.asset_count && rc == RILL_OK; i++)
        rc = rill_rates_asset(out, c->rates.assets[i].code, c->rates.assets[i].scale, &number);
    if (rc == RILL_OK)
        rc = rill_core_set_rates(c, out, rates, problem);
    if (rc != RILL_OK)
        rill_rates_clear(out);
    return rc;
}

void rill_core_use_rates(rill_core *c, const rill_rates *fresh)
{
    rill_rates_clear(&c->rates);
    c->rates = *fresh;
}

int rill_core_begin_rates(rill_core *c, const char **problem)
{
    const rill_config_rates *rates = &c->options.config->rates;
    rill_rate_feed_begin(&c->prices.feed, rates->url == NULL ? 0 : rates->refresh,
                         c->prices.feed.random, now_of(c));
    return rill_core_set_rates(c, &c->rates, rates, problem);
}

bool rill_core_change_prices(rill_core *c, const rill_config_rates *fresh)
{
    bool same = same_base(c, fresh);
    rill_rate_feed *feed = &c->prices.feed;
    uint64_t refresh = fresh->url == NULL ? 0 : fresh->refresh;
    uint64_t now = now_of(c);
    if (same_service(c, fresh)) {
        rill_rate_feed_change(feed, refresh, now);
        return same;
    }
    c->prices.quote_count = 0;
    rill_rate_feed_begin(feed, refresh, feed->random, now);
    return same;
}

void rill_core_clear_prices(rill_core *c)
{
    rill_free(c->options.allocator, c->prices.quotes);
    rill_free(c->options.allocator, c->prices.entered);
    rill_free(c->options.allocator, c->prices.old);
}
