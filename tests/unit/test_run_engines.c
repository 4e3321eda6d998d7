/* SPDX-License-Identifier: Apache-2.0 */
/* Which authorities an engine is believed by, as the configuration changes. */
#define _POSIX_C_SOURCE 200809L /* uv.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/run_impl.h"
#include <cmocka.h>

static rill_connector *c;

/* Its file is read already. */
static connector_ca *authority(const char *path)
{
    connector_ca *ca = calloc(1, sizeof *ca + strlen(path) + 1);
    assert_non_null(ca);
    memcpy(ca->path, path, strlen(path) + 1);
    ca->web = (rill_web_client *)ca;
    ca->next = c->cas;
    c->cas = ca;
    return ca;
}

static int set_up(void **state)
{
    (void)state;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return 1;
    authority("");
    authority("/one");
    authority("/two");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    while (c->cas != NULL) {
        connector_ca *ca = c->cas;
        c->cas = ca->next;
        free(ca);
    }
    rill_connector_free_engines(c);
    free(c);
    return 0;
}

static rill_config_settlement alice_s, bob_s;
static rill_config_account both[2];

/* Two accounts, with an engine and authorities each. NULL: none. */
static rill_config with(const char *alice, const char *alice_ca, const char *bob,
                        const char *bob_ca)
{
    rill_config config = {.address = NULL};
    alice_s = (rill_config_settlement){.engine = alice, .ca_file = alice_ca};
    bob_s = (rill_config_settlement){.engine = bob, .ca_file = bob_ca};
    both[0] = (rill_config_account){.name = "alice", .settlement = &alice_s};
    both[1] = (rill_config_account){.name = "bob", .settlement = &bob_s};
    config.accounts.items = both;
    config.accounts.count = 2;
    return config;
}

static void use(const rill_config *config)
{
    connector_engine *known = NULL;
    assert_int_equal(rill_connector_know_engines(c, config, &known), RILL_OK);
    rill_connector_use_engines(c, known, config);
}

static void is_believed_by(const char *url, const char *path)
{
    const connector_ca *ca = rill_connector_engine_ca(c, url);
    assert_non_null(ca);
    assert_string_equal(ca->path, path);
}

/* As the settler has it: whatever slashes are at the end. */
static void test_slashes(void **state)
{
    (void)state;
    rill_config config = with("https://a.example//", "/one", "https://b.example", "/two");
    use(&config);
    is_believed_by("https://a.example", "/one");
    is_believed_by("https://b.example", "/two");
    is_believed_by("https://b.example/", "/two");
    is_believed_by("https://b.example/x", "");
    is_believed_by("https://b.exampl", "");
    assert_int_equal(rill_engine_url_len("https://a.example//"), strlen("https://a.example"));
    assert_int_equal(rill_engine_url_len("//"), 0);
}

/* A change that is refused is forgotten; one that is not is all that counts. */
static void test_changes(void **state)
{
    (void)state;
    connector_engine *known = NULL;
    rill_config config = with("https://a.example", NULL, "https://b.example", "/two");
    use(&config);
    config = with("https://a.example", "/one", "https://b.example", NULL);
    assert_int_equal(rill_connector_know_engines(c, &config, &known), RILL_OK);
    is_believed_by("https://a.example", "");
    is_believed_by("https://b.example", "/two");
    rill_connector_forget_engines(known);
    is_believed_by("https://a.example", "");
    is_believed_by("https://b.example", "/two");
    use(&config);
    is_believed_by("https://a.example", "/one");
    is_believed_by("https://b.example", "");
    config = with("https://a.example/", "/two", NULL, NULL);
    use(&config);
    is_believed_by("https://a.example", "/two");
}

/* It may still be asked how a settlement ended; but not once another account has it without. */
static void test_an_engine_that_no_account_has(void **state)
{
    (void)state;
    rill_config config = with("https://a.example", "/one", NULL, NULL);
    use(&config);
    config = with("https://b.example", "/two", NULL, NULL);
    use(&config);
    use(&config);
    is_believed_by("https://a.example", "/one");
    is_believed_by("https://b.example", "/two");
    config = with("https://b.example", "/two", "https://a.example/", NULL);
    use(&config);
    is_believed_by("https://a.example", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_slashes),
        TEST(test_changes),
        TEST(test_an_engine_that_no_account_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
