/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "clients/op_documents.h"
#include "clients/op_sender_documents.h"
#include "clients/url.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms; /* UINT64_MAX: none */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2022-02-03T23:20:50.52Z", UINT64_C(1643930450520)},
        {"2022-02-03t23:20:50.520999z", UINT64_C(1643930450520)},
        {"2022-02-03 23:20:50Z", UINT64_C(1643930450000)},
        {"2022-02-04T00:20:50+01:00", UINT64_C(1643930450000)},
        {"2022-02-03T17:50:50-05:30", UINT64_C(1643930450000)},
        {"2024-02-29T00:00:00Z", UINT64_C(1709164800000)},
        {"1970-01-01T00:00:00+00:01", UINT64_MAX},
        {"2023-02-29T00:00:00Z", UINT64_MAX},
        {"2022-02-03T24:00:00Z", UINT64_MAX},
        {"2022-02-03T23:20:50", UINT64_MAX},
        {"2022-02-03T23:20:50.Z", UINT64_MAX},
        {"2022-02-03T23:20Z", UINT64_MAX},
        {"2022-02-03T23:20:50+24:00", UINT64_MAX},
        {"2022-02-03T23:20:50+0100", UINT64_MAX},
        {"2022-02-03T23:20:50Z ", UINT64_MAX},
        {"2022-2-3T23:20:50Z", UINT64_MAX},
        {"", UINT64_MAX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t ms = UINT64_MAX;
        int error = rill_op_time_read(cases[i].text, &ms);
        if (cases[i].ms == UINT64_MAX ? error != RILL_ERR_MALFORMED
                                      : error != RILL_OK || ms != cases[i].ms)
            fail_msg("%s: %s", cases[i].text, rill_error_name(error));
    }
}

/* What JavaScript's URL makes of it, which servers compare a signature with. */
static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *normal;
    } cases[] = {
        {"https://a.example", "https://a.example/"},
        {"HTTPS://A.Example:443/B?C=D", "https://a.example/B?C=D"},
        {"https://a.example?b", "https://a.example/?b"},
        {"https://a.example:8443/b", "https://a.example:8443/b"},
        {"http://localhost:80", "http://localhost/"},
        {"http://localhost:443/", "http://localhost:443/"},
        {"https://[::1]:443/", "https://[::1]/"},
        {"ftp://a.example", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[64] = "";
        int error = rill_url_normal(cases[i].url, out, sizeof out);
        assert_int_equal(error, cases[i].normal ? RILL_OK : RILL_ERR_MALFORMED);
        if (cases[i].normal) {
            assert_string_equal(out, cases[i].normal);
            size_t len = strlen(out);
            assert_int_equal(rill_url_normal(cases[i].url, out, len), RILL_ERR_BUFFER);
            assert_int_equal(rill_url_normal(cases[i].url, out, len + 1), RILL_OK);
        }
    }
}

static void test_bodies(void **state)
{
    (void)state;
    char *body;
    size_t len;
    rill_jwk jwk = {.key_id = "k"};
    static const rill_op_document wallet = {
        .id = "https://w.example/a", .asset_code = "USD", .asset_scale = 2};
    assert_int_equal(rill_op_grant_body(&body, &len, RILL_OP_WALLET, &jwk, NULL), RILL_OK);
    assert_string_equal(body,
                        "{\"access_token\":{\"access\":[{\"type\":\"incoming-payment\",\"actions\":"
                        "[\"create\",\"read\",\"complete\"]}]},\"client\":{\"jwk\":{\"kid\":\"k\","
                        "\"alg\":\"EdDSA\",\"use\":\"sig\",\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                        "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}}");
    assert_int_equal(len, strlen(body));
    free(body);
    assert_int_equal(
        rill_op_grant_body(&body, &len, RILL_OP_INCOMING, &jwk, "https://w.example/me"), RILL_OK);
    assert_string_equal(body, "{\"access_token\":{\"access\":[{\"type\":\"incoming-payment\","
                              "\"actions\":[\"read-all\"]}]},\"client\":{\"walletAddress\":"
                              "\"https://w.example/me\"}}");
    free(body);
    json_t *metadata = json_loads("{\"b\":1,\"1\":2}", 0, NULL);
    assert_int_equal(
        rill_op_payment_body(&body, &len, &wallet, UINT64_MAX, UINT64_C(1643930450520), metadata),
        RILL_OK);
    assert_string_equal(body, "{\"walletAddress\":\"https://w.example/a\",\"incomingAmount\":"
                              "{\"value\":\"18446744073709551615\",\"assetCode\":\"USD\","
                              "\"assetScale\":2},\"expiresAt\":\"2022-02-03T23:20:50.520Z\","
                              "\"metadata\":{\"1\":2,\"b\":1}}");
    free(body);
    json_decref(metadata);
    assert_int_equal(rill_op_payment_body(&body, &len, &wallet, 0, 0, NULL), RILL_OK);
    assert_string_equal(body, "{\"walletAddress\":\"https://w.example/a\"}");
    free(body);
}

static void test_errors_of_servers(void **state)
{
    (void)state;
    static const struct {
        const char *body, *text;
    } cases[] = {
        {"{\"error\":{\"code\":\"a\",\"description\":\"b\"}}", "a: b"},
        {"{\"error\":{\"code\":\"a\"}}", "a"},
        {"{\"error\":{\"description\":\"b\"}}", "b"},
        {"{\"error\":\"a\"}", "a"},
        {"{\"error\":7}", ""},
        {"{}", ""},
        {"<html>", ""},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[16] = "x";
        rill_op_error_read(cases[i].body, strlen(cases[i].body), text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
    char short_text[4];
    rill_op_error_read("{\"error\":\"abcdef\"}", 18, short_text, sizeof short_text);
    assert_string_equal(short_text, "abc");
}

static void test_a_new_token(void **state)
{
    (void)state;
    rill_op_grant grant = {.token = "old", .manage = "https://a.example/1"};
    const char *problem;
    static const char with[] =
        "{\"access_token\":{\"value\":\"new\",\"manage\":\"https://a.example/2\"}}";
    static const char without[] = "{\"access_token\":{\"value\":\"newer\"}}";
    assert_int_equal(rill_op_token_read(&grant, with, strlen(with), &problem), RILL_OK);
    assert_string_equal(grant.token, "new");
    assert_string_equal(grant.manage, "https://a.example/2");
    assert_int_equal(rill_op_token_read(&grant, without, strlen(without), &problem), RILL_OK);
    assert_string_equal(grant.token, "newer");
    assert_string_equal(grant.manage, "https://a.example/2");
    assert_int_equal(rill_op_token_read(&grant, "{}", 2, &problem), RILL_ERR_MALFORMED);
    /* It goes into a header: it is one word, and ends no line. */
    static const char *const no_words[] = {"",     " ",     "a b",      "a\\r\\nhost: b",
                                           "a\\n", "a\\tb", "a\\u007f", "\xc3\xa4"};
    for (size_t i = 0; i < COUNT(no_words); i++) {
        char body[100];
        int len = snprintf(body, sizeof body, "{\"access_token\":{\"value\":\"%s\"}}", no_words[i]);
        if (rill_op_token_read(&grant, body, (size_t)len, &problem) != RILL_ERR_MALFORMED)
            fail_msg("%s", no_words[i]);
    }
}

/* What is there and is of another kind is not taken for what is not there. */
static void test_members_of_another_kind(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        bool good;
        bool completed;
    } cases[] = {
        {"", true, false},
        {",\"completed\":true", true, true},
        {",\"completed\":null,\"expiresAt\":null", true, false},
        {",\"expiresAt\":\"2030-01-01T00:00:00Z\"", true, false},
        {",\"completed\":\"true\"", false, false},
        {",\"completed\":1", false, false},
        {",\"expiresAt\":5", false, false},
        {",\"expiresAt\":false", false, false},
        {",\"expiresAt\":\"soon\"", false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char body[300];
        const char *problem = "";
        bool has_method;
        rill_incoming_payment payment = {0};
        int len = snprintf(body, sizeof body,
                           "{\"id\":\"https://a.example/1\",\"receivedAmount\":{\"value\":\"0\","
                           "\"assetCode\":\"USD\",\"assetScale\":2}%s}",
                           cases[i].member);
        int error = rill_op_payment_read(&payment, &has_method, body, (size_t)len, &problem);
        if (error != (cases[i].good ? RILL_OK : RILL_ERR_MALFORMED) ||
            (error == RILL_OK && payment.completed != cases[i].completed))
            fail_msg("%s: %s", cases[i].member, problem);
    }
}

static void test_outgoing_payments_of_another_kind(void **state)
{
    (void)state;
    static const char form[] =
        "{\"id\":\"https://a.example/1\",\"receiver\":\"https://b.example/1\",\"failed\":%s,"
        "\"debitAmount\":{\"value\":\"5\",\"assetCode\":\"USD\",\"assetScale\":2},"
        "\"sentAmount\":{\"value\":\"0\",\"assetCode\":\"USD\",\"assetScale\":2}}";
    static const char *const failed[] = {"true", "false", "null", "\"true\"", "1"};
    for (size_t i = 0; i < COUNT(failed); i++) {
        char body[400];
        const char *problem = "";
        rill_op_outgoing payment;
        int len = snprintf(body, sizeof body, form, failed[i]);
        int error = rill_op_outgoing_read(&payment, body, (size_t)len, &problem);
        assert_int_equal(error, i < 3 ? RILL_OK : RILL_ERR_MALFORMED);
        if (i < 3)
            assert_int_equal(payment.failed, i == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_errors_of_servers),
        cmocka_unit_test(test_a_new_token),
        cmocka_unit_test(test_members_of_another_kind),
        cmocka_unit_test(test_outgoing_payments_of_another_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
