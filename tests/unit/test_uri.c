/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "link/uri.h"

static void expect(const char *text, bool tls, const char *host, uint16_t port, const char *header,
                   const char *account, const char *token, const char *target)
{
    rill_uri uri;
    const char *problem = NULL;
    assert_int_equal(rill_uri_parse(&uri, text, &problem), RILL_OK);
    assert_int_equal(uri.tls, tls);
    assert_string_equal(uri.host, host);
    assert_int_equal(uri.port, port);
    assert_string_equal(uri.host_header, header);
    assert_string_equal(uri.account, account);
    assert_string_equal(uri.token, token);
    assert_string_equal(uri.target, target);
    assert_null(problem);
}

static void test_good(void **state)
{
    (void)state;
    expect("btp+ws://:tok@localhost:7768", false, "localhost", 7768, "localhost:7768", "", "tok",
           "/");
    expect("btp+wss://bob:s3@example.com", true, "example.com", 443, "example.com", "bob", "s3",
           "/");
    expect("BTP+WS://h", false, "h", 80, "h", "", "", "/");
    expect("btp+ws://bob@h/", false, "h", 80, "h", "bob", "", "/");
    expect("btp+ws://h:1/a/b?c=d&e=%2F", false, "h", 1, "h:1", "", "", "/a/b?c=d&e=%2F");
    expect("btp+ws://h?q", false, "h", 80, "h", "", "", "/?q");
    expect("btp+ws://[::1]:65535/x", false, "::1", 65535, "[::1]:65535", "", "", "/x");
    expect("btp+wss://[2001:db8::1]", true, "2001:db8::1", 443, "[2001:db8::1]", "", "", "/");
    expect("btp+wss://h:443", true, "h", 443, "h", "", "", "/");
    expect("btp+wss://h:80", true, "h", 80, "h:80", "", "", "/");
    /* Only the first colon divides; escapes stay as they are. */
    expect("btp+ws://a%40b:t:o%6Bk@127.0.0.1:9", false, "127.0.0.1", 9, "127.0.0.1:9", "a%40b",
           "t:o%6Bk", "/");
    expect("btp+ws://h/@:", false, "h", 80, "h", "", "", "/@:");
}

static void refuse(const char *text, int error)
{
    rill_uri uri;
    const char *problem = NULL;
    assert_int_equal(rill_uri_parse(&uri, text, &problem), error);
    assert_non_null(problem);
    assert_null(strstr(problem, "s3cret"));
    assert_int_equal(uri.token[0], 0);
    assert_int_equal(rill_uri_parse(&uri, text, NULL), error);
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "btp+ws",
        "btp+ws:",
        "btp+ws:/h",
        "localhost:7768",
        "://h",
        " btp+ws://h",
        "btp+ws://",
        "btp+ws:///path",
        "btp+ws://:s3cret@",
        "btp+ws://:s3cret@:7768",
        "btp+ws://:s3cret@h:",
        "btp+ws://:s3cret@h:0",
        "btp+ws://:s3cret@h:65536",
        "btp+ws://:s3cret@h:99999999999",
        "btp+ws://:s3cret@h:+1",
        "btp+ws://:s3cret@h:1x",
        "btp+ws://:s3cret@h:1:2",
        "btp+ws://::1",
        "btp+ws://[::1",
        "btp+ws://[::1]x",
        "btp+ws://[]",
        "btp+ws://[127.0.0.1]",
        "btp+ws://[fe80::1%25eth0]",
        "btp+ws://:s3cret@h o",
        "btp+ws://:s3cret@h\r\nX:",
        "btp+ws://:s3cret@h/\r\nX: y",
        "btp+ws://:s3cret@h/a b",
        "btp+ws://:s3cret@h/#f",
        "btp+ws://:s3cret@h#f",
        "btp+ws://:s3cret@h/%",
        "btp+ws://:s3cret@h/%2",
        "btp+ws://:s3cret@h/%zz",
        "btp+ws://:s3cret%@h",
        "btp+ws://:s3cret%4@h",
        "btp+ws://:s3cret@x@h",
        "btp+ws://:s3 cret@h",
        "btp+ws://a\"b:s3cret@h",
        "btp+ws://:s3cret\xc3\xa9@h",
        "btp+ws://h\\x",
        "btp+ws://:s3cret@h/<>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(bad[i], RILL_ERR_URI);
    refuse("ws://:s3cret@h", RILL_ERR_UNSUPPORTED);
    refuse("https://h/", RILL_ERR_UNSUPPORTED);
    refuse("btp+tcp://:s3cret@h", RILL_ERR_UNSUPPORTED);
}

static void refuse_long(const char *before, size_t count, const char *after)
{
    static char text[RILL_URI_MAX + 100];
    size_t len = strlen(before);
    memcpy(text, before, len);
    memset(text + len, 'x', count);
    memcpy(text + len + count, after, strlen(after) + 1);
    refuse(text, RILL_ERR_URI);
}

static void test_long(void **state)
{
    (void)state;
    refuse_long("btp+ws://", 256, "");
    refuse_long("btp+ws://", 256, "@h");
    refuse_long("btp+ws://:", 512, "@h");
    refuse_long("btp+ws://h/", RILL_URI_MAX, "");
}

/* Other kinds of links have URIs of the same form. */
static void test_another_base(void **state)
{
    (void)state;
    rill_uri uri;
    char out[64];
    const char *problem = NULL;
    assert_int_equal(rill_uri_parse_as(&uri, "ILP+HTTPS://a:b@h:1/x", "ilp+http", &problem),
                     RILL_OK);
    assert_true(uri.tls);
    assert_string_equal(uri.base, "ilp+http");
    assert_string_equal(uri.account, "a");
    assert_int_equal(rill_uri_write(&uri, out, sizeof out), RILL_OK);
    assert_string_equal(out, "ilp+https://a:b@h:1/x");
    assert_int_equal(rill_uri_parse_as(&uri, "ilp+http://:b@h", "ilp+http", &problem), RILL_OK);
    assert_false(uri.tls);
    static const char *const others[] = {"btp+ws://h", "ilp+httpx://h", "ilp+httpss://h",
                                         "ilp+htt://h"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(rill_uri_parse_as(&uri, others[i], "ilp+http", &problem),
                         RILL_ERR_UNSUPPORTED);
        assert_null(uri.base);
    }
    assert_int_equal(rill_uri_parse_as(&uri, "h", "ilp+http", &problem), RILL_ERR_URI);
    assert_null(strstr(problem, "btp+wss"));
}

static void test_write(void **state)
{
    (void)state;
    static const char *const same[] = {"btp+ws://a:b@h:7768/p?q", "btp+wss://:b@[::1]:7/"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        rill_uri uri;
        char out[64];
        assert_int_equal(rill_uri_parse(&uri, same[i], NULL), RILL_OK);
        assert_int_equal(rill_uri_write(&uri, out, sizeof out), RILL_OK);
        assert_string_equal(out, same[i]);
        assert_int_equal(rill_uri_write(&uri, out, strlen(same[i])), RILL_ERR_BUFFER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),  cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long),  cmocka_unit_test(test_another_base),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
