/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a connector. Every error has a place in the text and shows no secret; what
 * is accepted keeps the promises that the rest of the connector relies on.
 */
#include <rill/error.h>
#include <rill/ilp.h>

#include "connector/config.h"
#include "fuzz.h"

static void report(void *user, rill_place place, const char *problem)
{
    unsigned *errors = user;
    CHECK(place.line > 0 && place.column > 0 && problem[0] != '\0');
    CHECK(strchr(problem, '\n') == NULL);
    (*errors)++;
}

static void check_account(const rill_config_account *a)
{
    const rill_text *tokens = a->tokens.items;
    CHECK(a->name[0] != '\0' && a->relation >= RILL_RELATION_PARENT &&
          a->relation <= RILL_RELATION_CHILD);
    CHECK(a->asset.code[0] != '\0' && strlen(a->asset.code) < sizeof a->asset.code);
    CHECK(a->link->uri != NULL || a->tokens.count > 0);
    CHECK(a->max_sessions >= 1 && a->max_sessions <= 64 && a->max_packet >= 1);
    CHECK(a->packets_a_second <= 1000000000 && a->packets_to_a_second <= 1000000000);
    CHECK(a->amount_a_second < UINT64_MAX && a->amount_to_a_second < UINT64_MAX);
    const rill_config_settlement *s = a->settlement;
    CHECK(s->engine == NULL || (strncmp(s->engine, "http", 4) == 0 && strlen(s->engine) <= 200));
    CHECK(s->engine == NULL || s->settle_to < s->threshold);
    for (size_t i = 0; i < a->tokens.count; i++)
        CHECK(strncmp(tokens[i].text, "env:", 4) == 0 || strncmp(tokens[i].text, "file:", 5) == 0);
}

static void check(const rill_config *c)
{
    const rill_config_account *accounts = c->accounts.items;
    const rill_config_price *prices = c->rates.prices.items;
    for (size_t i = 0; i < c->accounts.count; i++)
        check_account(&accounts[i]);
    for (size_t i = 0; i < c->rates.prices.count; i++)
        CHECK(prices[i].price.num > 0 && prices[i].price.den > 0);
    if (c->address != NULL)
        CHECK(rill_address_valid((rill_bytes){(const uint8_t *)c->address, strlen(c->address)}));
    CHECK(c->store.path != NULL && c->rates.spread <= 1000000);
    CHECK(c->min_message_window >= RILL_MS && c->max_hold_time <= 3600 * RILL_SECOND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rill_config config;
    rill_arena arena;
    unsigned errors = 0;
    rill_arena_init(&arena, rill_allocator_default());
    int rc = rill_config_read(&config, &arena, (const char *)data, size, report, &errors);
    CHECK((rc == RILL_ERR_MALFORMED) == (errors > 0));
    if (rc == RILL_OK)
        check(&config);
    rill_arena_clear(&arena);
    return 0;
}
