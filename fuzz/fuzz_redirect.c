/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests at the port where a browser comes back from a wallet's page. Oracles: what is taken
 * names this host once and is asked by GET; its values are words, and found again when they are
 * written with every byte escaped; what has been decided is not decided otherwise by what comes
 * behind; a hash that nobody made is none.
 */
#include <stdio.h>

#include <rill/error.h>

#include "clients/redirect_request.h"
#include "fuzz.h"

#define HOST "127.0.0.1:4711"
#define PATH "/p"

static void escape(const char *value, char *out)
{
    for (; *value; value++, out += 3)
        snprintf(out, 4, "%%%02x", (unsigned char)*value);
    *out = '\0';
}

static void check_word(const char *word)
{
    for (; *word; word++)
        CHECK(*word > ' ' && *word <= '~');
}

static void check_escaped(const rill_redirect_query *query)
{
    static char text[RILL_REDIRECT_MAX_HEAD];
    static char hash[3 * RILL_INTERACTION_MAX_WORD], ref[3 * RILL_INTERACTION_MAX_WORD];
    rill_redirect_query again;
    if (!*query->hash || !*query->interact_ref)
        return;
    escape(query->hash, hash);
    escape(query->interact_ref, ref);
    int len = snprintf(text, sizeof text,
                       "GET " PATH "?interact_ref=%s&hash=%s HTTP/1.1\r\nHost: " HOST "\r\n\r\n",
                       ref, hash);
    CHECK(len > 0 && (size_t)len < sizeof text);
    CHECK(rill_redirect_request_read(&again, text, (size_t)len, HOST, PATH) == 200);
    CHECK(strcmp(again.hash, query->hash) == 0);
    CHECK(strcmp(again.interact_ref, query->interact_ref) == 0);
}

static void check_hash(const rill_redirect_query *query)
{
    const rill_interaction interaction = {.client_nonce = "a nonce that nobody knows",
                                          .server_nonce = "another",
                                          .grant_url = "https://a.example/",
                                          .interact_ref = query->interact_ref};
    CHECK(rill_interaction_check(&interaction, query->hash) == RILL_ERR_AUTH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static rill_redirect_query query, prefix;
    if (size > 2 * RILL_REDIRECT_MAX_HEAD)
        return 0;
    char *text = calloc(1, size + 1); /* the last byte is for a NUL */
    CHECK(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    unsigned status = rill_redirect_request_read(&query, text, size, HOST, PATH);
    CHECK(status == 0 || status == 200 || status == 400 || status == 403 || status == 404 ||
          status == 405 || status == 431);
    CHECK(status != 0 || size < RILL_REDIRECT_MAX_HEAD);
    for (size_t len = 0; len < size && len < 512; len++) {
        unsigned sooner = rill_redirect_request_read(&prefix, text, len, HOST, PATH);
        CHECK(sooner == 0 || sooner == status);
    }
    if (status == 200) {
        CHECK(memcmp(text, "GET ", 4) == 0);
        text[size] = '\0';
        CHECK(strstr(text, HOST) != NULL);
        check_word(query.hash);
        check_word(query.interact_ref);
        check_word(query.result);
        check_escaped(&query);
        check_hash(&query);
    }
    free(text);
    return 0;
}
