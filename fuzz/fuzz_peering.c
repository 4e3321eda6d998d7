/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stranger says who wants an account, or who is asked for one. What is taken keeps to its
 * limits, and says the same again when it is written.
 */
#include <stdio.h>
#include <string.h>

#include "connector/peering_text.h"
#include "fuzz.h"

static void check_place(const rill_peering_offer *o)
{
    const rill_bytes address = {(const uint8_t *)o->address, strlen(o->address)};
    const char *problem = NULL;
    CHECK(rill_address_valid(address));
    CHECK(rill_peering_url_is_good(o->url, RILL_PEERING_ANY, &problem) && problem == NULL);
    CHECK(strlen(o->url) <= RILL_PEERING_URL);
    CHECK(strlen(o->token) >= RILL_PEERING_SHORTEST_TOKEN);
    for (const char *c = o->token; *c != '\0'; c++)
        CHECK(*c > ' ' && *c <= '~');
    for (const char *c = o->name; *c != '\0'; c++)
        CHECK(*c >= ' ' && *c <= '~');
}

/* A token may have what JSON escapes, and is never written again. */
static void check_again(rill_peering_offer *o)
{
    char body[RILL_PEERING_BODY];
    rill_peering_offer again;
    rill_peering_error error = RILL_PEERING_FINE;
    const char *problem = NULL;
    snprintf(o->token, sizeof o->token, "0123456789abcdef");
    CHECK(rill_peering_write_request(o, body) == RILL_OK);
    CHECK(rill_peering_read_request(&again, body, strlen(body), &error, &problem) == RILL_OK);
    CHECK(strcmp(again.address, o->address) == 0 && strcmp(again.url, o->url) == 0 &&
          strcmp(again.name, o->name) == 0 && strcmp(again.asset.code, o->asset.code) == 0 &&
          again.asset.scale == o->asset.scale && again.max_packet == o->max_packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rill_peering_offer offer;
    rill_peering_error error = RILL_PEERING_FINE;
    const char *problem = NULL;
    const char *text = (const char *)data;
    if (rill_peering_read_request(&offer, text, size, &error, &problem) == RILL_OK) {
        CHECK(error == RILL_PEERING_FINE && problem == NULL && offer.max_packet > 0);
        check_place(&offer);
        check_again(&offer);
    } else {
        CHECK(error != RILL_PEERING_FINE && problem != NULL);
    }
    problem = NULL;
    if (rill_peering_read_answer(&offer, text, size, &problem) == RILL_OK)
        check_place(&offer);
    else
        CHECK(problem != NULL);
    CHECK(rill_peering_read_error(text, size) <= RILL_PEERING_LIQUIDITY);
    return 0;
}
