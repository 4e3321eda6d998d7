/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages of browsers the operator's port answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connector/admin_origin.h"

static rill_bytes bytes(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static const rill_text own[] = {{.text = "rill.example"}, {.text = "ops"}};
static const rill_items names = {.items = (void *)(uintptr_t)own, .count = 2};
static const rill_items none = {.items = NULL, .count = 0};

static void test_names_that_are_ours(void **state)
{
    static const char *const good[] = {"127.0.0.1",       "127.0.0.1:7780", "10.1.2.3:1",
                                       "[::1]:7780",      "[::1]",          "[fe80::1]:80",
                                       "localhost",       "LocalHost:7780", "localhost.:7780",
                                       "rill.example:80", "RILL.EXAMPLE.",  "ops"};
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "evil.example:7780",
                                      "127.0.0.1.evil.example",
                                      "localhost.evil.example",
                                      "evil-localhost",
                                      "rill.example.evil",
                                      "xrill.example",
                                      "rill.exampl",
                                      ".",
                                      ":7780",
                                      "[::1",
                                      "[::1]x",
                                      "[evil.example]:80",
                                      "127.0.0.1@evil",
                                      "0x7f000001",
                                      "1",
                                      "op",
                                      "localhost..",
                                      "[]"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!rill_admin_is_our_name(bytes(good[i]), &names))
            fail_msg("%s is ours", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (rill_admin_is_our_name(bytes(bad[i]), &names))
            fail_msg("%s is not ours", bad[i]);
    assert_false(rill_admin_is_our_name(bytes("ops"), &none));
    assert_false(
        rill_admin_is_our_name((rill_bytes){(const uint8_t *)"127.0.0.1\0.evil", 15}, &none));
}

static bool foreign(const char *host, const char *origin, const char *site, const char *mode,
                    bool page)
{
    const rill_admin_origin o = {bytes(host), bytes(origin), bytes(site), bytes(mode)};
    return rill_admin_is_foreign(&o, &names, page);
}

static void test_pages_of_others(void **state)
{
    (void)state;
    /* Programs say nothing of this. */
    assert_false(foreign("127.0.0.1:7780", "", "", "", false));
    /* Our page, by scripts and by typing its address. */
    assert_false(foreign("127.0.0.1:7780", "http://127.0.0.1:7780", "same-origin", "cors", false));
    assert_false(foreign("127.0.0.1:7780", "", "same-origin", "cors", false));
    assert_false(foreign("127.0.0.1:7780", "", "none", "navigate", true));
    assert_false(foreign("Node:7780", "HTTPS://node:7780", "", "", false));
    /* A link to it. */
    assert_false(foreign("127.0.0.1:7780", "", "cross-site", "navigate", true));
    assert_true(foreign("127.0.0.1:7780", "", "cross-site", "navigate", false));
    assert_true(foreign("127.0.0.1:7780", "", "cross-site", "no-cors", true));
    assert_true(foreign("127.0.0.1:7780", "", "same-site", "cors", false));
    /* Another origin, another port of this machine, a file, a frame without an origin. */
    assert_true(foreign("127.0.0.1:7780", "http://evil.example", "cross-site", "cors", false));
    assert_true(foreign("127.0.0.1:7780", "http://evil.example", "", "", true));
    assert_true(foreign("127.0.0.1:7780", "http://127.0.0.1:7781", "same-site", "cors", false));
    assert_true(foreign("127.0.0.1:7780", "http://127.0.0.1", "", "", false));
    assert_true(foreign("127.0.0.1:7780", "null", "", "", false));
    assert_true(foreign("127.0.0.1:7780", "file://127.0.0.1:7780", "", "", false));
    assert_true(foreign("", "http://", "", "", false));
    assert_true(foreign("evil", "http://evil.example", "same-origin", "cors", false));
    /* Behind a server that has the page's name. */
    assert_false(foreign("127.0.0.1:7780", "https://rill.example", "same-origin", "cors", false));
    assert_false(foreign("127.0.0.1:7780", "https://rill.example:8443", "", "", false));
    assert_true(foreign("127.0.0.1:7780", "https://rill.example.evil", "", "", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_are_ours),
        cmocka_unit_test(test_pages_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
