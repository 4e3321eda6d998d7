/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes say to each other when they agree on an account: requests, answers, errors, tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "connector/peering_text.h"
#include <cmocka.h>

#define PLACE                                                                                      \
    "\"staticIlpAddress\":\"test.a\",\"ilpConnectorUrl\":\"https://a.example\",\"httpToken\":"     \
    "\"0123456789ab\""
#define ASSET "\"asset\":{\"code\":\"USD\",\"scale\":2}"

static rill_peering_offer offer;
static rill_peering_error error;
static const char *problem;

static int request(const char *text)
{
    return rill_peering_read_request(&offer, text, strlen(text), &error, &problem);
}

static void refused(const char *text, rill_peering_error as, const char *why)
{
    assert_int_equal(request(text), RILL_ERR_MALFORMED);
    assert_int_equal(error, as);
    if (strstr(problem, why) == NULL)
        fail_msg("'%s' is not in '%s'", why, problem);
}

static void test_requests(void **state)
{
    (void)state;
    assert_int_equal(request("{" PLACE "," ASSET "}"), RILL_OK);
    assert_string_equal(offer.address, "test.a");
    assert_string_equal(offer.url, "https://a.example");
    assert_string_equal(offer.token, "0123456789ab");
    assert_string_equal(offer.asset.code, "USD");
    assert_int_equal(offer.asset.scale, 2);
    assert_string_equal(offer.name, "");
    assert_true(offer.max_packet == UINT64_MAX);
    /* As JavaScript writes NaN; and 0, which is nothing there. */
    assert_int_equal(
        request("{" PLACE "," ASSET ",\"maxPacketAmount\":null,\"name\":\"A \\u001b\"}"), RILL_OK);
    assert_true(offer.max_packet == UINT64_MAX);
    assert_string_equal(offer.name, "A ?");
    assert_int_equal(request("{" PLACE "," ASSET ",\"maxPacketAmount\":0}"), RILL_OK);
    assert_true(offer.max_packet == UINT64_MAX);
    assert_int_equal(request("{" PLACE "," ASSET ",\"maxPacketAmount\":77,\"more\":[{}]}"),
                     RILL_OK);
    assert_true(offer.max_packet == 77);
    assert_int_equal(request("{" PLACE "," ASSET ",\"maxPacketAmount\":18446744073709551616}"),
                     RILL_OK);
    assert_true(offer.max_packet == UINT64_MAX);
    /* A name of other letters is none. */
    assert_int_equal(request("{" PLACE "," ASSET ",\"name\":\"\xc3\xa4\"}"), RILL_OK);
    assert_string_equal(offer.name, "");
}

static void test_requests_that_are_none(void **state)
{
    (void)state;
    static char large[RILL_PEERING_BODY + 2];
    refused("", RILL_PEERING_BAD_REQUEST, "one object");
    refused("[]", RILL_PEERING_BAD_REQUEST, "one object");
    refused("{" PLACE "," ASSET "}x", RILL_PEERING_BAD_REQUEST, "one object");
    refused("{" PLACE "," PLACE "," ASSET "}", RILL_PEERING_BAD_REQUEST, "one object");
    refused("{" PLACE "}", RILL_PEERING_BAD_REQUEST, "asset");
    refused("{" PLACE ",\"asset\":\"USD/2\"}", RILL_PEERING_BAD_REQUEST, "asset");
    refused("{" PLACE ",\"asset\":{\"code\":\"USD\",\"scale\":256}}", RILL_PEERING_BAD_REQUEST,
            "asset");
    refused("{" PLACE ",\"asset\":{\"code\":\"USD\",\"scale\":-1}}", RILL_PEERING_BAD_REQUEST,
            "asset");
    refused("{" PLACE ",\"asset\":{\"code\":\"US D\",\"scale\":2}}", RILL_PEERING_BAD_REQUEST,
            "asset");
    refused("{" PLACE "," ASSET ",\"maxPacketAmount\":1e3}", RILL_PEERING_BAD_REQUEST, "whole");
    refused("{" PLACE "," ASSET ",\"maxPacketAmount\":-1}", RILL_PEERING_BAD_REQUEST, "whole");
    refused("{" PLACE "," ASSET ",\"maxPacketAmount\":\"1\"}", RILL_PEERING_BAD_REQUEST, "whole");
    refused("{" ASSET "}", RILL_PEERING_PEER_CONFIGURATION, "staticIlpAddress");
    refused("{\"staticIlpAddress\":\"test\"," ASSET "}", RILL_PEERING_PEER_CONFIGURATION,
            "staticIlpAddress");
    refused("{\"staticIlpAddress\":\"x.a\"," ASSET "}", RILL_PEERING_PEER_CONFIGURATION,
            "staticIlpAddress");
    refused("{\"staticIlpAddress\":\"test.a\"," ASSET "}", RILL_PEERING_PEER_CONFIGURATION,
            "ilpConnectorUrl");
    refused("{\"staticIlpAddress\":\"test.a\",\"ilpConnectorUrl\":\"a.example\"," ASSET "}",
            RILL_PEERING_PEER_CONFIGURATION, "begin");
    refused("{\"staticIlpAddress\":\"test.a\",\"ilpConnectorUrl\":\"https://a\",\"httpToken\":"
            "\"0123456789a\"," ASSET "}",
            RILL_PEERING_BAD_REQUEST, "httpToken");
    refused("{\"staticIlpAddress\":\"test.a\",\"ilpConnectorUrl\":\"https://a\",\"httpToken\":"
            "\"0123456789 ab\"," ASSET "}",
            RILL_PEERING_BAD_REQUEST, "httpToken");
    memset(large, ' ', sizeof large - 1);
    memcpy(large, "{" PLACE "," ASSET, sizeof("{" PLACE "," ASSET) - 1);
    large[sizeof large - 2] = '}';
    refused(large, RILL_PEERING_BAD_REQUEST, "one object");
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    char body[RILL_PEERING_BODY];
    rill_peering_offer ours = {.address = "test.a",
                               .url = "https://a.example/ilp",
                               .token = "0123456789abcdef",
                               .name = "say \"a\\b\"",
                               .asset = {"US\"D", 9},
                               .max_packet = 123};
    assert_int_equal(rill_peering_write_request(&ours, body), RILL_OK);
    assert_int_equal(request(body), RILL_OK);
    assert_memory_equal(&offer, &ours, sizeof ours);
    assert_int_equal(rill_peering_write_answer(&ours, body), RILL_OK);
    assert_int_equal(rill_peering_read_answer(&offer, body, strlen(body), &problem), RILL_OK);
    assert_string_equal(offer.token, ours.token);
    assert_string_equal(offer.name, ours.name);
    ours.max_packet = UINT64_MAX;
    assert_int_equal(rill_peering_write_request(&ours, body), RILL_OK);
    assert_null(strstr(body, "maxPacketAmount"));
    for (int i = RILL_PEERING_OUR_CONFIGURATION; i <= RILL_PEERING_LIQUIDITY; i++) {
        rill_peering_write_error((rill_peering_error)i, 400, NULL, body);
        assert_int_equal(rill_peering_read_error(body, strlen(body)), i);
    }
    static const char *const none[] = {"", "{}", "{\"error\":1}", "{\"error\":{\"type\":\"X\"}}",
                                       "{\"error\":{\"type\":7}}"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(rill_peering_read_error(none[i], strlen(none[i])), RILL_PEERING_FINE);
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        int most; /* the last kind of trust that allows it; -1: none */
    } urls[] = {
        {"https://a.example", RILL_PEERING_STRANGER},
        {"https://a.example:8443/x", RILL_PEERING_STRANGER},
        {"http://a.example", RILL_PEERING_ANY},
        {"http://localhost:3005/", RILL_PEERING_LOCAL},
        {"http://127.0.0.1/", RILL_PEERING_LOCAL},
        {"http://[::1]/", RILL_PEERING_LOCAL},
        {"http://127.evil.example/", RILL_PEERING_ANY},
        {"https://127.0.0.1/", RILL_PEERING_HTTPS},
        {"https://10.0.0.1/", RILL_PEERING_HTTPS},
        {"https://2130706433/", RILL_PEERING_HTTPS},
        {"https://0x7f.1/", RILL_PEERING_HTTPS},
        {"https://1.2.3.0x4/", RILL_PEERING_HTTPS},
        {"https://[2001:db8::1]/", RILL_PEERING_HTTPS},
        {"https://localhost/", RILL_PEERING_HTTPS},
        {"https://a.localhost/", RILL_PEERING_HTTPS},
        {"https://intranet/", RILL_PEERING_HTTPS},
        {"https://a.internal/", RILL_PEERING_HTTPS},
        {"https://a.local/", RILL_PEERING_HTTPS},
        {"https://localhost./", RILL_PEERING_HTTPS},
        {"https://a.example/?q", -1},
        {"https://a.example/#f", -1},
        {"https://u:p@a.example/", -1},
        {"https://a.example /", -1},
        {"ftp://a.example/", -1},
        {"btp+ws://a.example/", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        for (int trust = RILL_PEERING_ANY; trust <= RILL_PEERING_STRANGER; trust++) {
            bool good = rill_peering_url_is_good(urls[i].url, (rill_peering_trust)trust, &problem);
            if (good != (trust <= urls[i].most))
                fail_msg("%s is %s for %d", urls[i].url, good ? "good" : "bad", trust);
            assert_true(good == (problem == NULL));
        }
    }
}

static void test_hosts(void **state)
{
    (void)state;
    rill_text texts[] = {{.text = "bank.example"}, {.text = ".net.example"}};
    const rill_items hosts = {texts, 2};
    assert_true(rill_peering_host_is_in("https://bank.example/x", &hosts));
    assert_true(rill_peering_host_is_in("https://BANK.example:1/x", &hosts));
    assert_false(rill_peering_host_is_in("https://a.bank.example/x", &hosts));
    assert_false(rill_peering_host_is_in("https://xbank.example/x", &hosts));
    assert_true(rill_peering_host_is_in("https://a.b.net.example/x", &hosts));
    assert_false(rill_peering_host_is_in("https://net.example/x", &hosts));
    assert_false(rill_peering_host_is_in("https://evil.example/bank.example", &hosts));
}

/* Nothing of what was agreed on may be another without another key; nor the secret. */
static void test_tokens(void **state)
{
    (void)state;
    rill_crypto *crypto = rill_crypto_new(rill_allocator_default());
    const rill_config_asset usd = {"USD", 2};
    const rill_config_asset finer = {"USD", 3};
    const rill_config_asset eur = {"EUR", 2};
    char keys[7][RILL_PEERING_KEY];
    char token[RILL_PEERING_DIGITS];
    char other[RILL_PEERING_DIGITS];
    char name[RILL_PEERING_ACCOUNT];
    char names[RILL_PEERING_ACCOUNT];
    assert_int_equal(rill_peering_key(crypto, RILL_PEERING_ASKED, "a", &usd, "b", keys[0]), 0);
    assert_int_equal(rill_peering_key(crypto, RILL_PEERING_ACCEPTED, "a", &usd, "b", keys[1]), 0);
    assert_int_equal(rill_peering_key(crypto, RILL_PEERING_ASKED, "ab", &usd, "b", keys[2]), 0);
    assert_int_equal(rill_peering_key(crypto, RILL_PEERING_ASKED, "a", &finer, "b", keys[3]), 0);
    assert_int_equal(rill_peering_key(crypto, RILL_PEERING_ASKED, "a", &eur, "b", keys[4]), 0);
    assert_int_equal(rill_peering_key(crypto, RILL_PEERING_ASKED, "a", &usd, "", keys[5]), 0);
    assert_int_equal(rill_peering_key(crypto, RILL_PEERING_ASKED, "a", &usd, "b", keys[6]), 0);
    assert_string_equal(keys[0], keys[6]);
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(keys[i], keys[k]);
    }
    assert_int_equal(rill_peering_token(crypto, "s", keys[0], token), RILL_OK);
    assert_int_equal(strlen(token), 64);
    assert_int_equal(rill_peering_token(crypto, "s", keys[1], other), RILL_OK);
    assert_string_not_equal(token, other);
    assert_int_equal(rill_peering_token(crypto, "t", keys[0], other), RILL_OK);
    assert_string_not_equal(token, other);
    assert_int_equal(rill_peering_account(crypto, "test.a.b", &usd, name), RILL_OK);
    assert_int_equal(strncmp(name, "test-a-b-USD-2-", 15), 0);
    assert_int_equal(rill_peering_account(crypto, "test.a-b", &usd, names), RILL_OK);
    assert_string_not_equal(name, names);
    rill_crypto_free(crypto);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_requests_that_are_none),
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
