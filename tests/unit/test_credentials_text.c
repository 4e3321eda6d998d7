/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <rill/credentials.h>
#include <rill/error.h>
#include <stdio.h>
#include <string.h>

/* The bytes 0 to 31 in base64. */
#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static rill_credentials sample(void)
{
    rill_credentials c = {.destination_account = "test.server.token~x"};
    for (unsigned i = 0; i < sizeof c.shared_secret; i++)
        c.shared_secret[i] = (uint8_t)i;
    return c;
}

static int decode(rill_credentials *out, const char *text, const char **problem)
{
    return rill_credentials_decode(out, text, strlen(text), problem);
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    const rill_credentials in = sample();
    rill_credentials out;
    char text[RILL_CREDENTIALS_TEXT_MAX];
    size_t len;
    const char *problem = "none";
    assert_int_equal(rill_credentials_encode(&in, text, sizeof text, &len), RILL_OK);
    assert_string_equal(text, "{\"destination_account\":\"test.server.token~x\","
                              "\"shared_secret\":\"" SECRET "\"}\n");
    assert_int_equal(len, strlen(text));
    assert_int_equal(rill_credentials_decode(&out, text, len, &problem), RILL_OK);
    assert_null(problem);
    assert_memory_equal(&out, &in, sizeof in);
}

static void test_the_longest_has_room_and_no_more_is_needed(void **state)
{
    (void)state;
    rill_credentials in = sample();
    rill_credentials out;
    char text[RILL_CREDENTIALS_TEXT_MAX];
    size_t len;
    memset(in.destination_account, 'a', RILL_ILP_MAX_ADDRESS);
    memcpy(in.destination_account, "test.", 5);
    assert_int_equal(rill_credentials_encode(&in, text, sizeof text, &len), RILL_OK);
    assert_int_equal(rill_credentials_decode(&out, text, len, NULL), RILL_OK);
    assert_memory_equal(&out, &in, sizeof in);
    assert_int_equal(rill_credentials_encode(&in, text, len, NULL), RILL_ERR_BUFFER);
    assert_int_equal(rill_credentials_encode(&in, text, len + 1, NULL), RILL_OK);
}

static void test_no_address_is_not_written(void **state)
{
    (void)state;
    char text[RILL_CREDENTIALS_TEXT_MAX];
    rill_credentials in = sample();
    strcpy(in.destination_account, "test.\"quoted\"");
    assert_int_equal(rill_credentials_encode(&in, text, sizeof text, NULL), RILL_ERR_ADDRESS);
    memset(in.destination_account, 'a', sizeof in.destination_account); /* no NUL */
    assert_int_equal(rill_credentials_encode(&in, text, sizeof text, NULL), RILL_ERR_ADDRESS);
}

/* As others write it: in another order, with more in it, and more escaped than must be. */
static void test_text_of_others(void **state)
{
    (void)state;
    const rill_credentials in = sample();
    rill_credentials out;
    assert_int_equal(decode(&out,
                            " { \"asset\": {\"code\": \"XRP\", \"scale\": 9}, \"shared_secret\" :"
                            "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\n"
                            "\"destination_account\": \"test.server\\u002etoken~x\"}",
                            NULL),
                     RILL_OK);
    assert_memory_equal(&out, &in, sizeof in);
}

static void test_what_is_wrong_is_said_and_nothing_is_left(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } bad[] = {
        {"", "holds no credentials"},
        {"{}", "holds no credentials"},
        {"{\"destination_account\":\"test.a\",\"shared_secret\":\"" SECRET "\"", "no credentials"},
        {"{\"destination_account\":\"test.a\"}", "holds no credentials"},
        {"{\"shared_secret\":\"" SECRET "\"}", "holds no credentials"},
        {"{\"destination_account\":\"a b\",\"shared_secret\":\"" SECRET "\"}", "ILP address"},
        {"{\"destination_account\":1,\"shared_secret\":\"" SECRET "\"}", "no credentials"},
        {"{\"destination_account\":\"test.a\",\"shared_secret\":null}", "no credentials"},
        {"{\"destination_account\":\"test.a\",\"shared_secret\":\"AAAA\"}", "32 bytes in base64"},
        {"{\"destination_account\":\"test.a\",\"shared_secret\":\"AA" SECRET "\"}", "32 bytes"},
    };
    static const rill_credentials zeros;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rill_credentials out = sample();
        const char *problem = NULL;
        assert_int_equal(decode(&out, bad[i].text, &problem), RILL_ERR_MALFORMED);
        assert_non_null(problem);
        if (!strstr(problem, bad[i].says))
            fail_msg("\"%s\" does not say \"%s\"", problem, bad[i].says);
        assert_memory_equal(&out, &zeros, sizeof out);
    }
}

static void test_a_servers_secret(void **state)
{
    (void)state;
    static const uint8_t zeros[RILL_SHARED_SECRET_LEN];
    const rill_credentials c = sample();
    uint8_t out[RILL_SHARED_SECRET_LEN];
    static const char text[] = "\t" SECRET "\r\n";
    assert_int_equal(rill_server_secret_decode(out, text, sizeof text - 1), RILL_OK);
    assert_memory_equal(out, c.shared_secret, sizeof out);
    assert_int_equal(rill_server_secret_decode(out, text, sizeof text - 5), RILL_ERR_MALFORMED);
    assert_memory_equal(out, zeros, sizeof out);
    assert_int_equal(rill_server_secret_decode(out, " \n", 2), RILL_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_the_longest_has_room_and_no_more_is_needed),
        cmocka_unit_test(test_no_address_is_not_written),
        cmocka_unit_test(test_text_of_others),
        cmocka_unit_test(test_what_is_wrong_is_said_and_nothing_is_left),
        cmocka_unit_test(test_a_servers_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
