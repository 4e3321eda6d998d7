/* SPDX-License-Identifier: Apache-2.0 */
/* What comes back from a wallet's page: the hash, the one request, and what it is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "clients/redirect_request.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The example of RFC 9635, section 4.2.3. */
static const rill_interaction example = {
    .client_nonce = "VJLO6A4CATR0KRO",
    .server_nonce = "MBDOFXG4Y5CVJCX821LH",
    .grant_url = "https://server.example.com/tx",
    .interact_ref = "4IFWWIKYB2PQ6U56NL1",
};
#define EXAMPLE_HASH "x-gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffY"

static void test_hash_in_both_encodings(void **state)
{
    (void)state;
    static const struct {
        const char *hash;
        int error;
    } cases[] = {
        {EXAMPLE_HASH, RILL_OK},
        {EXAMPLE_HASH "=", RILL_OK},
        {"x+gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffY=", RILL_OK}, /* as Rafiki writes it */
        {"x+gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffY", RILL_OK},
        {"y-gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffY", RILL_ERR_AUTH}, /* the first bit */
        {"x-gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffI", RILL_ERR_AUTH}, /* the last */
        {"x-gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBfQ", RILL_ERR_AUTH},  /* short */
        {"x-gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffYAA", RILL_ERR_AUTH},
        {"x-gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBff!", RILL_ERR_AUTH},
        {"", RILL_ERR_AUTH},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(rill_interaction_check(&example, cases[i].hash), cases[i].error);
}

static void test_hash_of_another_interaction(void **state)
{
    (void)state;
    rill_interaction other = example;
    other.client_nonce = "VJLO6A4CATR0KRP";
    assert_int_equal(rill_interaction_check(&other, EXAMPLE_HASH), RILL_ERR_AUTH);
    other = example;
    other.server_nonce = "";
    assert_int_equal(rill_interaction_check(&other, EXAMPLE_HASH), RILL_ERR_AUTH);
    other = example;
    other.interact_ref = "4IFWWIKYB2PQ6U56NL2";
    assert_int_equal(rill_interaction_check(&other, EXAMPLE_HASH), RILL_ERR_AUTH);
    other = example;
    other.grant_url = "https://server.example.net/tx";
    assert_int_equal(rill_interaction_check(&other, EXAMPLE_HASH), RILL_ERR_AUTH);
    other.grant_url = "https://server.example.com/tx/"; /* servers differ in that */
    assert_int_equal(rill_interaction_check(&other, EXAMPLE_HASH), RILL_OK);
}

static void test_nonces_differ(void **state)
{
    (void)state;
    char one[RILL_INTERACTION_NONCE_LEN + 1], other[RILL_INTERACTION_NONCE_LEN + 1];
    assert_int_equal(rill_interaction_nonce(one), RILL_OK);
    assert_int_equal(rill_interaction_nonce(other), RILL_OK);
    assert_int_equal(strlen(one), RILL_INTERACTION_NONCE_LEN);
    assert_string_not_equal(one, other);
    assert_int_equal(
        strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        RILL_INTERACTION_NONCE_LEN);
}

/* ---- the request ---- */

#define HOST   "Host: 127.0.0.1:4711\r\n"
#define TARGET "/secret?hash=a%2Bb&interact_ref=r"

static unsigned read_text(rill_redirect_query *query, const char *text)
{
    return rill_redirect_request_read(query, text, strlen(text), "127.0.0.1:4711", "/secret");
}

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned status;
    } cases[] = {
        {"GET " TARGET " HTTP/1.1\r\n" HOST "\r\n", 200},
        {"GET " TARGET " HTTP/1.0\n" HOST "\n", 200},
        {"GET " TARGET " HTTP/1.1\r\nhost:127.0.0.1:4711 \r\nSec-Fetch-Mode: navigate\r\n"
         "Sec-Fetch-Dest: document\r\nSec-Fetch-Site: cross-site\r\n\r\n",
         200},
        {"GET " TARGET "&state=%zz&x HTTP/1.1\r\n" HOST "\r\n", 200}, /* none of ours */
        {"GET /secret HTTP/1.1\r\n" HOST "\r\n", 200},
        /* More must come. */
        {"", 0},
        {"GET " TARGET " HTTP/1.1\r\n" HOST, 0},
        {"GET " TARGET " HTTP/1.1", 0},
        /* Somebody else's. */
        {"GET /secret/?hash=a&interact_ref=r HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /secre?hash=a&interact_ref=r HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /favicon.ico HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET http://127.0.0.1:4711/secret HTTP/1.1\r\n" HOST "\r\n", 404},
        {"POST " TARGET " HTTP/1.1\r\n" HOST "\r\n", 405},
        {"HEAD " TARGET " HTTP/1.1\r\n" HOST "\r\n", 405},
        {"OPTIONS " TARGET " HTTP/1.1\r\n" HOST "\r\n", 405},
        /* From inside another page, or by another name. */
        {"GET " TARGET " HTTP/1.1\r\n" HOST "Origin: https://evil.example\r\n\r\n", 403},
        {"GET " TARGET " HTTP/1.1\r\n" HOST "Origin: null\r\n\r\n", 403},
        {"GET " TARGET " HTTP/1.1\r\n" HOST "Sec-Fetch-Mode: no-cors\r\n\r\n", 403},
        {"GET " TARGET " HTTP/1.1\r\n" HOST "Sec-Fetch-Mode: navigate\r\n"
         "Sec-Fetch-Dest: iframe\r\n\r\n",
         403},
        {"GET " TARGET " HTTP/1.1\r\nHost: evil.example:4711\r\n\r\n", 403},
        {"GET " TARGET " HTTP/1.1\r\nHost: localhost:4711\r\n\r\n", 403},
        {"GET " TARGET " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 403},
        {"GET " TARGET " HTTP/1.1\r\n" HOST "Host: evil.example\r\n\r\n", 403},
        {"GET " TARGET " HTTP/1.1\r\n\r\n", 400},
        {"GET " TARGET " HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        /* What cannot be read. */
        {"GET /secret?hash=a&hash=b HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /secret?hash= HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /secret?hash HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /secret?hash=%4 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /secret?hash=%00 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /secret?interact_ref=%0d%0a HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /secret?interact_ref=%80 HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /secret HTTP/2\r\n" HOST "\r\n", 400},
        {"GET /secret\r\n" HOST "\r\n", 400},
        {"GET\r\n" HOST "\r\n", 400},
        {"GET /secret HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400},
        {"\r\n\r\n", 400},
    };
    rill_redirect_query query;
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned status = read_text(&query, cases[i].text);
        if (status != cases[i].status)
            fail_msg("%u and not %u: %s", status, cases[i].status, cases[i].text);
    }
}

static void test_what_is_read(void **state)
{
    (void)state;
    rill_redirect_query query;
    assert_int_equal(read_text(&query, "GET /secret?hash=a%2Bb+c%2f%3d&x=1&interact_ref=r-1 "
                                       "HTTP/1.1\r\n" HOST "\r\nbehind"),
                     200);
    assert_string_equal(query.hash, "a+b+c/="); /* "+" is no blank: base64 may stand as it is */
    assert_string_equal(query.interact_ref, "r-1");
    assert_string_equal(query.result, "");
    assert_int_equal(
        read_text(&query, "GET /secret?result=grant_rejected HTTP/1.1\r\n" HOST "\r\n"), 200);
    assert_string_equal(query.result, "grant_rejected");
    assert_string_equal(query.hash, "");
}

static void test_long_requests(void **state)
{
    (void)state;
    static char text[RILL_REDIRECT_MAX_HEAD + 64];
    rill_redirect_query query;
    memset(text, 'a', sizeof text - 1);
    assert_int_equal(read_text(&query, text), 431);
    memcpy(text, "GET /secret HTTP/1.1\r\n", 22);
    assert_int_equal(read_text(&query, text), 431);
    int n = snprintf(text, sizeof text, "GET /secret?hash=");
    memset(text + n, 'a', RILL_INTERACTION_MAX_WORD - 1);
    n += RILL_INTERACTION_MAX_WORD - 1;
    snprintf(text + n, sizeof text - (size_t)n, " HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(read_text(&query, text), 200);
    snprintf(text + n, sizeof text - (size_t)n, "a HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(read_text(&query, text), 400);
}

static void test_answers(void **state)
{
    (void)state;
    char text[RILL_REDIRECT_ANSWER_MAX];
    for (int page = RILL_REDIRECT_THANKS; page <= RILL_REDIRECT_NOTHING; page++) {
        size_t len = rill_redirect_answer(text, sizeof text, 405, (rill_redirect_page)page);
        assert_int_equal(len, strlen(text));
        assert_in_range(len, 200, sizeof text - 1);
        const char *body = strstr(text, "\r\n\r\n");
        unsigned told = 0;
        assert_non_null(body);
        assert_int_equal(sscanf(strstr(text, "Content-Length: "), "Content-Length: %u", &told), 1);
        assert_int_equal(told, strlen(body + 4));
        assert_non_null(strstr(text, "Referrer-Policy: no-referrer\r\n"));
        assert_non_null(strstr(text, "Allow: GET\r\n"));
    }
    (void)rill_redirect_answer(text, sizeof text, 200, RILL_REDIRECT_THANKS);
    assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(text, "You can close this page"));
    assert_int_equal(rill_redirect_answer(text, 100, 200, RILL_REDIRECT_THANKS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_in_both_encodings),
        cmocka_unit_test(test_hash_of_another_interaction),
        cmocka_unit_test(test_nonces_differ),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_long_requests),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
