/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration with what operators added: which counts, and what is set aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/config.h"
#include "support/failing_memory.h"
#include <cmocka.h>

#define FILE_TEXT                                                                                  \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:A}\n"                                    \
    "  bob: {relation: peer, asset: EUR/2, tokens: env:B}\n"                                       \
    "rates: {base: USD, prices: {EUR: {price: 2}}}\n"                                              \
    "routes: [{prefix: g.far, account: bob}]\n"
#define HASH "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static failing_memory memory;
static rill_overlay overlay;
static rill_arena arena;
static rill_config config;
static char first[400];
static unsigned errors;
static const char *given; /* the address by the parent */

static int set_up(void **state)
{
    (void)state;
    given = NULL;
    failing_memory_init(&memory, 0, 1);
    rill_overlay_init(&overlay, &memory.allocator);
    rill_arena_init(&arena, &memory.allocator);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_overlay_clear(&overlay);
    rill_arena_clear(&arena);
    bool all = memory.blocks == 0;
    failing_memory_end(&memory);
    return all ? 0 : -1;
}

static void report(void *user, rill_place place, const char *problem)
{
    (void)user;
    if (errors++ == 0)
        snprintf(first, sizeof first, "%u: %s", place.line, problem);
}

static int read_with(const char *text)
{
    rill_arena_clear(&arena);
    rill_arena_init(&arena, &memory.allocator);
    errors = 0;
    first[0] = '\0';
    return rill_config_read_with(&config, &arena, text, strlen(text), given, &overlay, report,
                                 NULL);
}

static void put(const char *kind, const char *name, const char *value)
{
    assert_int_equal(rill_overlay_put(&overlay, kind, name, value), RILL_OK);
}

static const rill_config_account *account(const char *name)
{
    const rill_config_account *all = config.accounts.items;
    for (size_t i = 0; i < config.accounts.count; i++) {
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    }
    return NULL;
}

static const char *owner(const char *prefix)
{
    const rill_config_route *all = config.routes.items;
    for (size_t i = 0; i < config.routes.count; i++) {
        if (strcmp(all[i].prefix, prefix) == 0)
            return all[i].account;
    }
    return NULL;
}

static void is_aside(const char *kind, const char *name, const char *why)
{
    const rill_overlay_item *item = rill_overlay_find(&overlay, kind, name);
    assert_non_null(item);
    if (strstr(item->trouble, why) == NULL || (why[0] == '\0' && item->trouble[0] != '\0'))
        fail_msg("%s %s: '%s'", kind, name, item->trouble);
}

static void test_both_together(void **state)
{
    (void)state;
    put("account", "carol",
        "{\"relation\":\"child\",\"asset\":\"USD/2\",\"credit\":1000,"
        "\"most\":\"5\",\"tokens\":[\"" HASH "\"]}");
    put("route", "g.near", "carol");
    put("route", "g.nearer", "bob");
    assert_int_equal(read_with(FILE_TEXT), RILL_OK);
    assert_int_equal(config.accounts.count, 3);
    const rill_config_account *carol = account("carol");
    assert_int_equal(carol->credit, 1000);
    assert_int_equal(carol->most, 5);
    assert_int_equal(carol->max_sessions, 16); /* its default */
    assert_int_equal(carol->place.line, 0);    /* it is not in the file */
    assert_true(account("bob")->place.line != 0);
    assert_string_equal(((const rill_text *)carol->tokens.items)[0].text, HASH);
    assert_string_equal(owner("g.near"), "carol");
    assert_string_equal(owner("g.nearer"), "bob");
    assert_string_equal(owner("g.far"), "bob");
    is_aside("account", "carol", "");
    is_aside("route", "g.near", "");
    /* Nothing of it is the overlay's own memory. */
    rill_overlay_clear(&overlay);
    assert_string_equal(account("carol")->name, "carol");
    assert_string_equal(owner("g.near"), "carol");
}

#define CHILD(credit)                                                                              \
    "{\"relation\":\"child\",\"asset\":\"USD/2\",\"tokens\":[\"" HASH "\"],\"credit\":" credit "}"

static unsigned long asked_by_read(void)
{
    const unsigned long before = memory.asked;
    assert_int_equal(read_with(FILE_TEXT), RILL_OK);
    return memory.asked - before;
}

/* All are read again for each change: what is as before is not taken apart again. */
static void test_read_again(void **state)
{
    (void)state;
    put("account", "carol", CHILD("1000"));
    const unsigned long once = asked_by_read();
    const unsigned long again = asked_by_read();
    assert_true(again < once);
    assert_int_equal(account("carol")->credit, 1000);
    assert_int_equal(asked_by_read(), again);
    /* Another value is. */
    put("account", "carol", CHILD("2000"));
    assert_int_equal(asked_by_read(), once);
    assert_int_equal(account("carol")->credit, 2000);
    /* What is wrong with one is said each time. */
    for (int i = 0; i < 2; i++) {
        put("account", "dora", i == 0 ? "{\"relation\":\"child\"" : "{\"relation\":\"nobody\"}");
        for (int n = 0; n < 2; n++) {
            assert_int_equal(read_with(FILE_TEXT), RILL_OK);
            is_aside("account", "dora", i == 0 ? "not YAML" : "nobody");
        }
    }
}

/* It is read the first time without memory, and whole the next time. */
static void test_read_without_memory(void **state)
{
    (void)state;
    put("account", "carol", CHILD("1000"));
    int rc = RILL_ERR_NOMEM;
    for (unsigned long n = 0; rc == RILL_ERR_NOMEM; n++) {
        failing_memory_after(&memory, n);
        rc = read_with(FILE_TEXT);
        memory.fail_at = 0;
        if (n % 3 == 0) /* also for one that was read in part */
            put("account", "carol", CHILD("1000"));
    }
    assert_int_equal(rc, RILL_OK);
    assert_int_equal(account("carol")->credit, 1000);
}

static void test_the_configuration_counts(void **state)
{
    (void)state;
    put("account", "bob", "{\"relation\":\"child\",\"asset\":\"USD/2\",\"tokens\":\"env:C\"}");
    put("route", "g.far", "alice");
    assert_int_equal(read_with(FILE_TEXT), RILL_OK);
    assert_int_equal(config.accounts.count, 2);
    assert_int_equal(account("bob")->relation, RILL_RELATION_PEER);
    assert_string_equal(owner("g.far"), "bob");
    is_aside("account", "bob", "the configuration has an account of this name");
    is_aside("route", "g.far", "the configuration has a route to this prefix");
}

#define PEER(address, more)                                                                        \
    "{\"relation\":\"peer\",\"asset\":\"USD/2\",\"tokens\":\"" HASH "\",\"link\":{\"uri\":"        \
    "\"ilp+https://p.example\"" more "},\"peered\":{\"address\":\"" address                        \
    "\",\"made\":\"asked\","                                                                       \
    "\"key\":\"00\",\"quiet\":true}}"

/* A peer that came by itself has its route with it; of two with the same one the first has it. */
static void test_peers_have_their_routes(void **state)
{
    (void)state;
    put("account", "p", PEER("g.p", ""));
    put("account", "far", PEER("g.far", ""));
    put("route", "g.p", "bob");
    put("route", "g.q", "bob");
    put("account", "q", PEER("g.q", ""));
    put("account", "p2", PEER("g.p", ""));
    put("account", "bad", PEER("no address", ""));
    put("account", "two", PEER("g.two", ",\"token\":\"env:T\""));
    put("account", "child",
        "{\"relation\":\"child\",\"asset\":\"USD/2\",\"tokens\":\"env:C\","
        "\"peered\":{\"address\":\"g.c\",\"made\":\"asked\"}}");
    assert_int_equal(read_with(FILE_TEXT), RILL_OK);
    assert_string_equal(owner("g.p"), "p");
    assert_string_equal(owner("g.q"), "bob");
    assert_string_equal(owner("g.far"), "bob");
    assert_true(account("p")->peered->quiet);
    is_aside("account", "far", "the configuration has a route to this prefix");
    is_aside("route", "g.p", "another one has the route to this prefix");
    is_aside("account", "q", "another one has the route");
    is_aside("account", "p2", "another one has the route");
    is_aside("account", "bad", "no ILP address");
    is_aside("account", "two", "a token cannot be there");
    is_aside("account", "child", "peers that have a link");
    /* This node has another address since. */
    put("account", "own", PEER("g.x", ""));
    put("account", "below", PEER("g.x.alice.sub", ""));
    put("account", "beside", PEER("g.xx", ""));
    put("route", "g.x.more", "bob");
    assert_int_equal(read_with(FILE_TEXT), RILL_OK);
    is_aside("account", "own", "it is this node's address, or below it");
    is_aside("account", "below", "it is this node's address, or below it");
    assert_string_equal(owner("g.xx"), "beside");
    assert_string_equal(owner("g.x.more"), "bob");
    /* Once it is gone another one has it. */
    rill_overlay_remove(&overlay, "account", "p");
    assert_int_equal(read_with(FILE_TEXT), RILL_OK);
    assert_string_equal(owner("g.p"), "bob");
}

/*
 * What the file or an operator says later is no less than what a peer said: a peer has no longer
 * prefix below a route to somebody else. A route below it takes nothing away.
 */
static void test_a_later_route_above_a_peer(void **state)
{
    static const char *const routes[] = {"routes: [{prefix: g.far.bank, account: bob}]\n",
                                         "routes: [{prefix: g.far, account: bob}]\n"};
    static const char head[] = "address: g.x\nstore: {path: b}\naccounts:\n"
                               "  bob: {relation: peer, asset: USD/2, tokens: env:B}\n";
    char yaml[400];
    (void)state;
    put("account", "p", PEER("g.far.bank.x", ""));
    put("account", "wide", PEER("g.far", ""));
    put("account", "beside", PEER("g.far.banker", ""));
    for (size_t i = 0; i < 2; i++) {
        snprintf(yaml, sizeof yaml, "%s%s", head, routes[i]);
        assert_int_equal(read_with(yaml), RILL_OK);
        is_aside("account", "p", "the configuration has a route above its address");
        assert_null(owner("g.far.bank.x"));
        is_aside("account", "wide", i == 0 ? "" : "the configuration has a route to this prefix");
        is_aside("account", "beside", i == 0 ? "" : "a route above its address");
    }
    put("route", "g", "bob"); /* no prefix that a route may have */
    assert_int_equal(read_with(head), RILL_OK);
    assert_string_equal(owner("g.far.bank.x"), "p");
    /* An operator's while the node runs: the same; and it is free again when that is gone. */
    put("route", "g.far.bank", "bob");
    assert_int_equal(read_with(head), RILL_OK);
    is_aside("account", "p", "an operator has added a route above its address");
    assert_null(account("p"));
    assert_string_equal(owner("g.far.bank"), "bob");
    is_aside("account", "beside", "");
    rill_overlay_find(&overlay, "route", "g.far.bank")->gone = true;
    assert_int_equal(read_with(head), RILL_OK);
    assert_string_equal(owner("g.far.bank.x"), "p");
}

/* The address that a parent gives counts as one of the file. */
static void test_the_address_of_a_parent(void **state)
{
    static const char yaml[] =
        "store: {path: b}\naccounts:\n"
        "  up: {relation: parent, asset: USD/2, link: {uri: 'btp+ws://x'}}\n";
    (void)state;
    put("account", "p", PEER("g.far.node.sub", ""));
    put("account", "same", PEER("g.far.node", ""));
    put("account", "beside", PEER("g.far.nodes", ""));
    assert_int_equal(read_with(yaml), RILL_OK); /* nobody knows it yet */
    assert_non_null(account("p"));
    given = "g.far.node";
    assert_int_equal(read_with(yaml), RILL_OK);
    is_aside("account", "p", "it is this node's address, or below it");
    is_aside("account", "same", "it is this node's address, or below it");
    assert_non_null(account("beside"));
}

/* Whatever does not fit is set aside, and what needs it with it; the rest stays. */
static void test_what_does_not_fit(void **state)
{
    (void)state;
    put("account", "gbp", "{\"relation\":\"child\",\"asset\":\"GBP/2\",\"tokens\":\"env:C\"}");
    put("route", "g.gbp", "gbp");
    put("route", "g.gone", "nobody");
    put("route", "not an address", "bob");
    put("account", "text", "no account");
    put("account", "json", "[1]");
    put("account", "key",
        "{\"relation\":\"child\",\"asset\":\"USD/2\",\"tokens\":\"env:C\",\"x\":1}");
    put("account", "secret", "{\"relation\":\"child\",\"asset\":\"USD/2\",\"tokens\":\"hunter2\"}");
    put("account", "a.b", "{\"relation\":\"child\",\"asset\":\"USD/2\",\"tokens\":\"env:C\"}");
    put("account", "good", "{\"relation\":\"child\",\"asset\":\"USD/2\",\"tokens\":\"env:C\"}");
    assert_int_equal(read_with(FILE_TEXT), RILL_OK);
    assert_int_equal(errors, 0);
    is_aside("account", "gbp", "there is no price for GBP");
    is_aside("route", "g.gbp", "there is no account 'gbp'");
    is_aside("route", "g.gone", "there is no account 'nobody'");
    is_aside("route", "not an address", "is no ILP address");
    is_aside("account", "text", "expected here");
    is_aside("account", "json", "expected here");
    is_aside("account", "key", "'x' is not known");
    is_aside("account", "secret", "not the secret itself");
    is_aside("account", "a.b", "characters other than");
    is_aside("account", "good", "");
    assert_int_equal(config.accounts.count, 3);
    assert_int_equal(config.routes.count, 1);
    assert_non_null(account("good"));
    /* With a price it fits. */
    assert_int_equal(read_with(FILE_TEXT "default-route: bob\n"), RILL_OK);
    is_aside("account", "gbp", "there is no price for GBP");
    assert_int_equal(read_with("address: g.x\nstore: {path: b}\naccounts:\n"
                               "  bob: {relation: peer, asset: EUR/2, tokens: env:B}\n"
                               "rates: {base: USD, by-api: true}\n"),
                     RILL_OK);
    is_aside("account", "gbp", "");
    assert_string_equal(owner("g.gbp"), "gbp");
}

static void test_errors_of_the_file_are_told(void **state)
{
    (void)state;
    put("account", "gbp", "{\"relation\":\"child\",\"asset\":\"GBP/2\",\"tokens\":\"env:C\"}");
    assert_int_equal(read_with(FILE_TEXT "default-route: z\n"), RILL_ERR_MALFORMED);
    assert_int_equal(errors, 1);
    assert_string_equal(first, "1: default-route: there is no account 'z'");
    /* Nor does it hold together with what was added alone: a start reads it before that. */
    assert_int_equal(read_with(FILE_TEXT "default-route: gbp\n"), RILL_ERR_MALFORMED);
    put("account", "good", "{\"relation\":\"child\",\"asset\":\"USD/2\",\"tokens\":\"env:C\"}");
    assert_int_equal(read_with(FILE_TEXT "default-route: good\n"), RILL_ERR_MALFORMED);
    assert_string_equal(first, "1: default-route: there is no account 'good'");
}

static void test_one_that_is_about_to_go(void **state)
{
    (void)state;
    put("route", "g.near", "bob");
    rill_overlay_find(&overlay, "route", "g.near")->gone = true;
    assert_int_equal(read_with(FILE_TEXT), RILL_OK);
    assert_null(owner("g.near"));
}

static void test_limits(void **state)
{
    static char large[RILL_OVERLAY_TEXT + 2];
    char name[16];
    (void)state;
    memset(large, 'x', RILL_OVERLAY_TEXT + 1);
    assert_int_equal(rill_overlay_put(&overlay, "route", "a", large), RILL_ERR_TOO_LARGE);
    for (unsigned i = 0; i < RILL_OVERLAY_MAX; i += 1000) {
        snprintf(name, sizeof name, "g.%u", i);
        put("route", name, "bob");
    }
    overlay.count = RILL_OVERLAY_MAX;
    assert_int_equal(rill_overlay_put(&overlay, "route", "new", "bob"), RILL_ERR_LIMIT);
    put("route", "g.0", "alice"); /* not a new one */
    assert_string_equal(rill_overlay_find(&overlay, "route", "g.0")->value, "alice");
    assert_null(rill_overlay_find(&overlay, "account", "g.0"));
}

static void test_without_memory(void **state)
{
    int rc = RILL_ERR_NOMEM;
    (void)state;
    put("account", "carol", "{\"relation\":\"child\",\"asset\":\"USD/2\",\"tokens\":\"env:C\"}");
    put("route", "g.near", "carol");
    for (unsigned long at = 1; rc != RILL_OK; at++) {
        memory.fail_at = memory.asked + at;
        rc = read_with(FILE_TEXT);
        memory.fail_at = 0;
        assert_true(rc == RILL_OK || rc == RILL_ERR_NOMEM);
    }
    assert_int_equal(config.accounts.count, 3);
    rc = RILL_ERR_NOMEM;
    for (unsigned long at = 1; rc != RILL_OK; at++) {
        memory.fail_at = memory.asked + at;
        rc = rill_overlay_put(&overlay, "route", "g.new", "carol");
        memory.fail_at = 0;
        assert_true((rc == RILL_OK) == (rill_overlay_find(&overlay, "route", "g.new") != NULL));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_both_together),
        TEST(test_read_again),
        TEST(test_read_without_memory),
        TEST(test_the_configuration_counts),
        TEST(test_peers_have_their_routes),
        TEST(test_a_later_route_above_a_peer),
        TEST(test_the_address_of_a_parent),
        TEST(test_what_does_not_fit),
        TEST(test_errors_of_the_file_are_told),
        TEST(test_one_that_is_about_to_go),
        TEST(test_limits),
        TEST(test_without_memory),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
