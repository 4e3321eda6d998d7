/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <rill/error.h>
#include <rill/spsp.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void becomes(const char *pointer, const char *right)
{
    char url[RILL_MAX_URL];
    const char *problem = NULL;
    int error = rill_payment_pointer_url(pointer, url, sizeof url, &problem);
    if (right == NULL && (error != RILL_ERR_MALFORMED || !problem || !*problem))
        fail_msg("%s: %s", pointer, rill_error_name(error));
    if (right && (error != RILL_OK || strcmp(url, right) != 0))
        fail_msg("%s: %s, %s", pointer, rill_error_name(error), error ? problem : url);
}

static void test_payment_pointers(void **state)
{
    (void)state;
    /* RFC 26's own */
    becomes("$example.com", "https://example.com/.well-known/pay");
    becomes("$example.com/invoices/12345", "https://example.com/invoices/12345");
    becomes("$bob.example.com", "https://bob.example.com/.well-known/pay");
    becomes("$example.com/bob", "https://example.com/bob");

    becomes("$example.com/", "https://example.com/.well-known/pay");
    becomes("$example.com//", "https://example.com//");
    becomes("$example.com/bob/", "https://example.com/bob/");
    becomes("$EXAMPLE.com/Bob", "https://EXAMPLE.com/Bob");
    becomes("$127.0.0.1/a", "https://127.0.0.1/a");
    becomes("$[::1]/a", "https://[::1]/a");
    becomes("$[2001:db8::7]", "https://[2001:db8::7]/.well-known/pay");
    becomes("$xn--bcher-kva.example", "https://xn--bcher-kva.example/.well-known/pay");
    becomes("$a.example/b%20c", "https://a.example/b%20c");
    becomes("$a.example/~b;c=d,e:f@g!h$i&j'k(l)m*n+o",
            "https://a.example/~b;c=d,e:f@g!h$i&j'k(l)m*n+o");

    static const char *const wrong[] = {
        "",
        "$",
        "$/",
        "$/alice",
        "example.com",
        "https://example.com",
        "$$example.com",
        "$example.com:8080",
        "$example.com:8080/a",
        "$a@example.com",
        "$a:b@example.com/c",
        "$example.com?a",
        "$example.com/a?b=c",
        "$example.com/a#b",
        "$example.com#b",
        "$example.com/a b",
        " $example.com",
        "$example.com ",
        "$example.com\n",
        "$ex\xc3\xa4mple.com",
        "$example.com/\xc3\xa4",
        "$example.com/%",
        "$example.com/%4",
        "$example.com/%zz",
        "$example.com/\\",
        "$example.com\\@evil.example",
        "$exam%ple",
        "$[::1",
        "$[]",
        "$[a",
        "$[::1]:80/",
        "$[::1]x",
        "$[v1.a]",
        "$a.example/[",
        "$a.example/<b>",
        "$a.example/\x7f",
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (strcmp(wrong[i], "$$example.com") == 0)
            continue; /* "$" is among the characters of a host's name (RFC 3986 reg-name) */
        becomes(wrong[i], NULL);
    }
}

static void test_room(void **state)
{
    (void)state;
    char url[64];
    static const char right[] = "https://a.example/b";
    for (size_t cap = 0; cap <= sizeof right; cap++)
        assert_int_equal(rill_payment_pointer_url("$a.example/b", url, cap, NULL),
                         cap < sizeof right ? RILL_ERR_BUFFER : RILL_OK);
    for (size_t cap = 0; cap <= sizeof right; cap++)
        assert_int_equal(rill_receiver_url(right, false, url, cap, NULL),
                         cap < sizeof right ? RILL_ERR_BUFFER : RILL_OK);
}

static void test_receivers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *url;
        bool insecure;
        int error;
    } cases[] = {
        {"$a.example", "https://a.example/.well-known/pay", false, RILL_OK},
        {"https://a.example", "https://a.example", false, RILL_OK},
        {"HTTPS://a.example:8443/b?c=d", "https://a.example:8443/b?c=d", false, RILL_OK},
        {"http://localhost/b", "http://localhost/b", false, RILL_OK},
        {"http://LOCALHOST:3000/b", "http://LOCALHOST:3000/b", false, RILL_OK},
        {"http://127.0.0.1:3000/b", "http://127.0.0.1:3000/b", false, RILL_OK},
        {"http://127.1.2.3", "http://127.1.2.3", false, RILL_OK},
        {"http://[::1]:80/", "http://[::1]:80/", false, RILL_OK},
        {"http://a.example/b", NULL, false, RILL_ERR_UNSUPPORTED},
        {"http://a.example/b", "http://a.example/b", true, RILL_OK},
        {"http://localhost.example/", NULL, false, RILL_ERR_UNSUPPORTED},
        {"http://127.0.0.1.example/", NULL, false, RILL_ERR_UNSUPPORTED},
        {"http://[::1].example/", NULL, false, RILL_ERR_UNSUPPORTED},
        {"http://localhost:80@a.example/", NULL, false, RILL_ERR_MALFORMED},
        {"http://a.example#localhost", NULL, true, RILL_ERR_MALFORMED},
        {"http://a.example\\@localhost/", NULL, true, RILL_ERR_MALFORMED},
        {"https://user:secret@a.example/", NULL, false, RILL_ERR_MALFORMED},
        {"https://a.example/b c", NULL, false, RILL_ERR_MALFORMED},
        {"https://a.example/b#c", NULL, false, RILL_ERR_MALFORMED},
        {"https://", NULL, false, RILL_ERR_MALFORMED},
        {"https:///b", NULL, false, RILL_ERR_MALFORMED},
        {"https://:80/b", NULL, false, RILL_ERR_MALFORMED},
        {"ftp://a.example", NULL, false, RILL_ERR_UNSUPPORTED},
        {"a.example", NULL, false, RILL_ERR_UNSUPPORTED},
        {"", NULL, false, RILL_ERR_UNSUPPORTED},
        {"$a.example:80", NULL, true, RILL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char url[RILL_MAX_URL];
        const char *problem = NULL;
        int error = rill_receiver_url(cases[i].text, cases[i].insecure, url, sizeof url, &problem);
        if (error != cases[i].error || (error != RILL_OK && !problem) ||
            (error == RILL_OK && strcmp(url, cases[i].url) != 0))
            fail_msg("%s: %s, %s", cases[i].text, rill_error_name(error), problem ? problem : url);
    }
}

/* ---- answers ---- */

#define TYPE   "application/spsp4+json"
#define SECRET "6jR5iNIVRvqeasJeCty6C+YB5X9FhSOUPCL/5nha5Vs="
#define OTHER  "6jR5iNIVRvqeasJeCty6C-YB5X9FhSOUPCL_5nha5Vs" /* the same, base64url */
#define GOOD   "{\"destination_account\":\"test.a\",\"shared_secret\":\"" SECRET "\"}"

static int read_answer(rill_spsp_answer *out, const char *type, const char *cache, const char *body)
{
    const char *problem = NULL;
    int error = rill_spsp_answer_read(out, type, cache, body, strlen(body), &problem);
    assert_true((error == RILL_OK) == (problem == NULL));
    return error;
}

static void test_answers(void **state)
{
    (void)state;
    rill_spsp_answer a, b;
    assert_int_equal(read_answer(&a, TYPE, "", GOOD), RILL_OK);
    assert_string_equal(a.credentials.destination_account, "test.a");
    assert_int_equal(a.credentials.shared_secret[0], 0xea);
    assert_false(a.receipts_enabled);
    assert_int_equal(a.max_age_s, 0);
    assert_int_equal(read_answer(&b, "Application/SPSP+json ; charset=utf-8", "max-age=60",
                                 "{\"shared_secret\":\"" OTHER "\",\"destination_account\":"
                                 "\"test.a\",\"receipts_enabled\":true,\"other\":[1]}"),
                     RILL_OK);
    assert_memory_equal(a.credentials.shared_secret, b.credentials.shared_secret, 32);
    assert_true(b.receipts_enabled);
    assert_int_equal(b.max_age_s, 60);
}

static void test_bad_answers(void **state)
{
    (void)state;
    rill_spsp_answer a;
    static const uint8_t nothing[32];
    static const char *const types[] = {"", "text/html", "application/json",
                                        "application/spsp4+jsonx", "application/spsp"};
    for (size_t i = 0; i < COUNT(types); i++)
        assert_int_equal(read_answer(&a, types[i], "", GOOD), RILL_ERR_UNSUPPORTED);
    static const char *const bodies[] = {
        "",
        "<html>",
        "[]",
        "null",
        "{}",
        GOOD "x",
        "{\"destination_account\":\"test.a\"}",
        "{\"shared_secret\":\"" SECRET "\"}",
        "{\"destination_account\":7,\"shared_secret\":\"" SECRET "\"}",
        "{\"destination_account\":\"test.a\",\"shared_secret\":7}",
        "{\"destination_account\":\"not an address\",\"shared_secret\":\"" SECRET "\"}",
        "{\"destination_account\":\"test.a\\u0000.b\",\"shared_secret\":\"" SECRET "\"}",
        "{\"destination_account\":\"test.a\",\"shared_secret\":\"\"}",
        "{\"destination_account\":\"test.a\",\"shared_secret\":\"6jR5\"}",
        "{\"destination_account\":\"test.a\",\"shared_secret\":\"" SECRET "AAAA\"}",
        "{\"destination_account\":\"test.a\",\"destination_account\":\"test.b\","
        "\"shared_secret\":\"" SECRET "\"}",
        "{\"destination_account\":\"test.a\",\"shared_secret\":\"" SECRET "\",\"x\":1e400}",
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        int error = read_answer(&a, TYPE, "max-age=9", bodies[i]);
        if (error != RILL_ERR_MALFORMED)
            fail_msg("%s: %s", bodies[i], rill_error_name(error));
        assert_memory_equal(a.credentials.shared_secret, nothing, 32);
        assert_int_equal(a.max_age_s, 0);
    }
    assert_int_equal(rill_spsp_answer_read(&a, TYPE, "", GOOD, 20, NULL), RILL_ERR_MALFORMED);
}

static void test_cache_control(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint32_t seconds;
    } cases[] = {{"max-age=50", 50},
                 {"public, Max-Age=50", 50},
                 {"max-age=50,no-cache", 0},
                 {"no-store, max-age=50", 0},
                 {"s-maxage=50", 0},
                 {"max-age=\"50\"", 50},
                 {"max-age=", 0},
                 {"max-age=-5", 0},
                 {"max-age=99999999999999999999999", INT32_MAX},
                 {",,max-age=1,", 1},
                 {"  ", 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        rill_spsp_answer a;
        assert_int_equal(read_answer(&a, TYPE, cases[i].header, GOOD), RILL_OK);
        if (a.max_age_s != cases[i].seconds)
            fail_msg("%s: %lu", cases[i].header, (unsigned long)a.max_age_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payment_pointers), cmocka_unit_test(test_room),
        cmocka_unit_test(test_receivers),        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_bad_answers),      cmocka_unit_test(test_cache_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
