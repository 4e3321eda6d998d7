/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* mkstemp, setenv */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/config.h"
#include <cmocka.h>

static rill_config config;
static rill_arena arena;
static char first[600]; /* the first error, with its place before it */
static unsigned errors;

static void report(void *user, rill_place place, const char *problem)
{
    (void)user;
    if (errors++ == 0)
        snprintf(first, sizeof first, "%u:%u: %s", place.line, place.column, problem);
}

static int set_up(void **state)
{
    (void)state;
    rill_arena_init(&arena, rill_allocator_default());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_arena_clear(&arena);
    return 0;
}

static int parse(const char *text)
{
    first[0] = '\0';
    errors = 0;
    return rill_config_read(&config, &arena, text, strlen(text), report, NULL);
}

static const char whole[] = "address: g.example\n"
                            "store:\n"
                            "  path: /var/lib/rilld/books\n"
                            "  durability: normal\n"
                            "listen:\n"
                            "  - {port: 7768}\n"
                            "  - host: '::1'\n"
                            "    port: 443\n"
                            "    http: true\n"
                            "    cert: /c\n"
                            "    key: /k\n"
                            "accounts:\n"
                            "  up:\n"
                            "    relation: parent\n"
                            "    asset: USD/9\n"
                            "    credit: none\n"
                            "    link:\n"
                            "      uri: btp+wss://up.example/\n"
                            "      token: env:UP_TOKEN\n"
                            "  alice:\n"
                            "    relation: child\n"
                            "    asset: EUR/2\n"
                            "    segment: al\n"
                            "    tokens: file:/etc/alice\n"
                            "    credit: 1_000_000\n"
                            "    most: 5\n"
                            "    max-packet: 1000\n"
                            "    packets-a-second: 50\n"
                            "    amount-a-second: 18446744073709551614\n"
                            "    packets-to-a-second: 1_000_000_000\n"
                            "    amount-to-a-second: 7\n"
                            "  bob:\n"
                            "    relation: peer\n"
                            "    asset: USD/9\n"
                            "    tokens: [env:A, 'file:/b']\n"
                            "rates:\n"
                            "  base: USD\n"
                            "  spread: 0.5%\n"
                            "  stale-after: 90s\n"
                            "  prices:\n"
                            "    EUR: {price: 1.1602}\n"
                            "  spreads:\n"
                            "    - {from: EUR, to: USD, spread: 0}\n"
                            "routes:\n"
                            "  - prefix: g.bob\n"
                            "    account: bob\n"
                            "default-route: up\n"
                            "min-message-window: 500ms\n"
                            "max-hold-time: 1m\n";

static void test_everything(void **state)
{
    (void)state;
    assert_int_equal(parse(whole), RILL_OK);
    assert_int_equal(errors, 0);
    assert_string_equal(config.address, "g.example");
    assert_string_equal(config.store.path, "/var/lib/rilld/books");
    assert_int_equal(config.store.durability, RILL_DURABILITY_NORMAL);
    assert_int_equal(config.listen.count, 2);
    const rill_config_port *ports = config.listen.items;
    assert_string_equal(ports[0].host, "127.0.0.1");
    assert_int_equal(ports[0].port, 7768);
    assert_false(ports[0].http);
    assert_string_equal(ports[1].host, "::1");
    assert_true(ports[1].http);
    assert_string_equal(ports[1].key_file, "/k");
    const rill_config_account *a = config.accounts.items;
    assert_int_equal(config.accounts.count, 3);
    assert_string_equal(a[0].name, "up");
    assert_int_equal(a[0].relation, RILL_RELATION_PARENT);
    assert_true(a[0].credit == UINT64_MAX);
    assert_string_equal(a[0].link->uri, "btp+wss://up.example/");
    assert_string_equal(a[0].link->token, "env:UP_TOKEN");
    assert_int_equal(a[0].link->connections, 1);
    assert_string_equal(a[1].name, "alice");
    assert_string_equal(a[1].segment, "al");
    assert_string_equal(a[1].asset.code, "EUR");
    assert_int_equal(a[1].asset.scale, 2);
    assert_int_equal(a[1].credit, 1000000);
    assert_int_equal(a[1].most, 5);
    assert_int_equal(a[1].max_packet, 1000);
    assert_int_equal(a[1].packets_a_second, 50);
    assert_true(a[1].amount_a_second == UINT64_MAX - 1);
    assert_int_equal(a[1].packets_to_a_second, 1000000000);
    assert_int_equal(a[1].amount_to_a_second, 7);
    assert_true(a[2].amount_a_second == 0 && a[2].packets_to_a_second == 0);
    assert_int_equal(a[2].amount_to_a_second, 0);
    assert_int_equal(a[1].tokens.count, 1);
    assert_int_equal(a[1].place.line, 20);
    assert_int_equal(a[2].tokens.count, 2);
    assert_string_equal(((const rill_text *)a[2].tokens.items)[1].text, "file:/b");
    assert_int_equal(a[2].credit, 0);
    assert_true(a[2].most == UINT64_MAX);
    assert_int_equal(a[2].max_sessions, 16);
    assert_string_equal(config.rates.base, "USD");
    assert_int_equal(config.rates.spread, 5000);
    assert_int_equal(config.rates.stale_after, 90 * RILL_SECOND);
    const rill_config_price *prices = config.rates.prices.items;
    assert_string_equal(prices[0].code, "EUR");
    assert_int_equal(prices[0].price.num * 5000, prices[0].price.den * 5801);
    const rill_config_spread *spreads = config.rates.spreads.items;
    assert_string_equal(spreads[0].from, "EUR");
    assert_int_equal(spreads[0].spread, 0);
    const rill_config_route *routes = config.routes.items;
    assert_string_equal(routes[0].prefix, "g.bob");
    assert_string_equal(routes[0].account, "bob");
    assert_string_equal(config.default_route, "up");
    assert_int_equal(config.min_message_window, 500 * RILL_MS);
    assert_int_equal(config.max_hold_time, 60 * RILL_SECOND);
}

/* The smallest that makes sense, with what is said about one account. */
#define SMALL(account) "address: g.x\nstore: {path: b}\naccounts:\n  a: {" account "}\n"
#define CHILD          "relation: child, asset: USD/2, tokens: env:T"

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse(SMALL(CHILD)), RILL_OK);
    assert_int_equal(config.store.durability, RILL_DURABILITY_FULL);
    assert_int_equal(config.listen.count, 0);
    assert_int_equal(config.rates.spread, 2000);
    assert_int_equal(config.rates.stale_after, 300 * RILL_SECOND);
    assert_int_equal(config.min_message_window, RILL_SECOND);
    assert_int_equal(config.max_hold_time, 30 * RILL_SECOND);
}

/* Who is told, and who is asked, is a matter of its relation, unless it is said. */
static void test_who_is_told_routes(void **state)
{
    (void)state;
    assert_int_equal(
        parse("address: g.x\nstore: {path: b}\naccounts:\n"
              "  up: {relation: parent, asset: USD/2, link: {uri: 'btp+ws://x'}}\n"
              "  peer: {relation: peer, asset: USD/2, tokens: env:X}\n"
              "  child: {relation: child, asset: USD/2, tokens: env:X}\n"
              "  other: {relation: child, asset: USD/2, tokens: env:X, send-routes: false,"
              " receive-routes: true, max-routes: 7}\n"
              "route-interval: 2s\nroute-hold-down: 5s\n"),
        RILL_OK);
    const rill_config_account *a = config.accounts.items;
    static const bool sends[] = {false, true, true, false};
    static const bool receives[] = {true, true, false, true};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(rill_config_sends_routes(&a[i]), sends[i]);
        assert_int_equal(rill_config_receives_routes(&a[i]), receives[i]);
    }
    assert_int_equal(a[0].max_routes, 100000);
    assert_int_equal(a[3].max_routes, 7);
    assert_int_equal(config.route_interval, 2 * RILL_SECOND);
    assert_int_equal(config.route_hold_down, 5 * RILL_SECOND);
}

static void refused(const char *text, const char *why)
{
    assert_int_equal(parse(text), RILL_ERR_MALFORMED);
    assert_true(errors > 0);
    if (strcmp(first, why) != 0)
        fail_msg("'%s' instead of '%s'", first, why);
}

static void test_errors_say_where_and_what(void **state)
{
    (void)state;
    refused("", "1:1: the file is empty");
    refused("a: [", "2:1: not YAML: did not find expected node content");
    refused("- 1\n", "1:1: the configuration: the configuration is expected here, keys with a ':' "
                     "after them");
    refused(SMALL("relation: chld, asset: USD/2, tokens: env:T"),
            "4:17: relation: parent, peer or child, not 'chld'");
    refused(SMALL("asset: USD/2, tokens: env:T"), "4:6: a: relation is missing");
    refused(SMALL(CHILD ", relation: peer"), "4:53: relation: is there twice");
    refused(SMALL("relation: child, asset: USD, tokens: env:T"),
            "4:31: asset: a code and a scale such as USD/2 or XRP/9, not 'USD'");
    refused(SMALL("relation: child, asset: USD/256, tokens: env:T"),
            "4:31: asset: a code and a scale such as USD/2 or XRP/9, not 'USD/256'");
    refused(SMALL("relation: child, asset: USD/0002, tokens: env:T"),
            "4:31: asset: a code and a scale such as USD/2 or XRP/9, not 'USD/0002'");
    refused(SMALL("relation: child, asset: USD/1_0, tokens: env:T"),
            "4:31: asset: a code and a scale such as USD/2 or XRP/9, not 'USD/1_0'");
    refused(SMALL(CHILD ", credit: -1"),
            "4:61: credit: a whole number from 0 to 18446744073709551614 or none, not '-1'");
    refused(SMALL(CHILD ", credit: 18446744073709551615"),
            "4:61: credit: a whole number from 0 to 18446744073709551614 or none, not "
            "'18446744073709551615'");
    refused(SMALL(CHILD ", credit: 1e3"),
            "4:61: credit: a whole number from 0 to 18446744073709551614 or none, not '1e3'");
    refused(SMALL(CHILD ", max-sessions: 65"),
            "4:67: max-sessions: a whole number from 1 to 64, not '65'");
    refused(SMALL(CHILD ", credit: [1]"),
            "4:61: credit: one value is expected here, not a list or a map");
    refused(SMALL(CHILD ", credit: ~"), "4:61: credit: a value is missing");
    refused(SMALL(CHILD ", credit: 1__0"),
            "4:61: credit: a whole number from 0 to 18446744073709551614 or none, not '1__0'");
    /* As YAML writes nothing; in quotes it is a text. */
    refused(SMALL(CHILD ", segment: null"), "4:62: segment: a value is missing");
    refused(SMALL(CHILD ", segment: Null"), "4:62: segment: a value is missing");
    refused(SMALL(CHILD ", segment: NULL"), "4:62: segment: a value is missing");
    assert_int_equal(parse(SMALL(CHILD ", segment: 'null'")), RILL_OK);
    refused(SMALL(CHILD) "max-hold-time: 10\n",
            "5:16: max-hold-time: a time such as 250ms, 30s, 5m or 2h, from 1s to 1h, not '10'");
    refused(SMALL(CHILD) "max-hold-time: 2h\n",
            "5:16: max-hold-time: a time such as 250ms, 30s, 5m or 2h, from 1s to 1h, not '2h'");
    refused(SMALL(CHILD) "rates: {spread: 2}\n",
            "5:17: spread: a part of 1 such as 0.002 or 0.2%, with at most 6 digits, not '2'");
    refused(SMALL(CHILD) "rates: {spread: 0.0000001}\n",
            "5:17: spread: a part of 1 such as 0.002 or 0.2%, with at most 6 digits, not "
            "'0.0000001'");
    refused(SMALL(CHILD) "listen: {port: 1}\n",
            "5:9: listen: a list is expected here, each item after a '-'");
    refused(SMALL(CHILD) "listen: [{port: 1, tls: x}]\n",
            "5:20: 'tls' is not known in a port; there are: host, port, http, cert, key, insecure");
    refused("address: g.x\nstore: {path: b}\naccounts: [a]\n",
            "3:11: accounts: names are expected here, each with a ':' after it");
    refused("address: g.x\nstore: {path: b}\naccounts: {a: {" CHILD "}, a: {" CHILD "}}\n",
            "3:63: accounts: 'a' is there twice, first in line 3");
}

#define ADMIN(text) SMALL(CHILD) "admin: {port: 1, tokens: " text "}\n"

/* What a token may do: all, unless the configuration says less. */
static void test_scopes(void **state)
{
    (void)state;
    static const char hash[] =
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    char text[400];
    const rill_config_operator *who;
    static const char *const plain[] = {"env:A", "[env:A]", "{token: env:A}", "[{token: env:A}]"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        snprintf(text, sizeof text, "%sadmin: {port: 1, tokens: %s}\n", SMALL(CHILD), plain[i]);
        assert_int_equal(parse(text), RILL_OK);
        who = config.admin.tokens.items;
        assert_int_equal(config.admin.tokens.count, 1);
        assert_string_equal(who[0].token, "env:A");
        assert_int_equal(who[0].scopes, RILL_SCOPES_ALL);
        assert_int_equal(who[0].place.line, 5);
    }
    snprintf(text, sizeof text,
             "%sadmin: {port: 1, tokens: [%s, {token: env:A, scopes: metrics},"
             " {scopes: [money, read, read], token: 'file:/a'}]}\n",
             SMALL(CHILD), hash);
    assert_int_equal(parse(text), RILL_OK);
    who = config.admin.tokens.items;
    assert_int_equal(config.admin.tokens.count, 3);
    assert_string_equal(who[0].token, hash);
    assert_int_equal(who[1].scopes, RILL_SCOPE_METRICS);
    assert_string_equal(who[2].token, "file:/a");
    assert_int_equal(who[2].scopes, RILL_SCOPE_MONEY | RILL_SCOPE_READ);
    for (unsigned i = 0; 1u << i <= RILL_SCOPE_NODE; i++) {
        snprintf(text, sizeof text, ADMIN("{token: env:A, scopes: %s}"),
                 rill_config_scope_name(1u << i));
        assert_int_equal(parse(text), RILL_OK);
        who = config.admin.tokens.items;
        assert_int_equal(who[0].scopes, 1u << i);
    }
    refused(ADMIN("{token: env:A, scopes: []}"), "5:49: scopes: at least one is needed");
    refused(ADMIN("{token: env:A, scopes: all}"),
            "5:49: scopes: read, metrics, accounts, money, rates, node or backup, not "
            "'all'");
    refused(ADMIN("{token: env:A, scopes: [read, '']}"), "5:56: scopes: a value is missing");
    refused(ADMIN("{scopes: read}"), "5:26: tokens: token is missing");
    refused(ADMIN("[word]"), "5:27: token: where the secret is, as file:PATH or env:NAME; not the "
                             "secret itself");
    refused(ADMIN("[[env:A]]"), "5:27: tokens: a token is expected here, keys with a ':' after "
                                "them");
}

/* Who proposes needs somebody who may confirm. */
static void test_two_people_and_scopes(void **state)
{
    (void)state;
    static const char why[] = "5:8: two-people needs two ways in: the socket and a token, or two "
                              "tokens, with the scope money";
    refused(ADMIN("{token: env:A, scopes: [read, node]}, two-people: true"), why);
    refused(ADMIN("[env:A, {token: env:B, scopes: read}], socket: none, two-people: true"), why);
    assert_int_equal(parse(ADMIN("{token: env:A, scopes: money}, two-people: true")), RILL_OK);
}

/* What is kept of packets: sizes and times, bounded though nobody says so. */
static void test_packet_log(void **state)
{
    (void)state;
    static const char small[] =
        "address: g.x\nstore: {path: b}\naccounts: {a: {relation: child, asset: USD/2, tokens:"
        " env:T}}\n";
    char text[400];
    assert_int_equal(parse(small), RILL_OK);
    assert_null(config.packet_log.folder);
    snprintf(text, sizeof text, "%spacket-log: {folder: /p}\n", small);
    assert_int_equal(parse(text), RILL_OK);
    assert_string_equal(config.packet_log.folder, "/p");
    assert_int_equal(config.packet_log.size, UINT64_C(1) << 30);
    assert_int_equal(config.packet_log.keep, 14 * 24 * 3600 * RILL_SECOND);
    assert_true(config.packet_log.addresses);
    static const struct {
        const char *size;
        uint64_t bytes; /* 0: refused */
    } sizes[] = {
        {"1MiB", UINT64_C(1) << 20},
        {"1024KiB", UINT64_C(1) << 20},
        {"3GiB", UINT64_C(3) << 30},
        {"1024TiB", UINT64_C(1) << 50},
        {"1025TiB", 0},
        {"1023KiB", 0},
        {"1048576", 0},
        {"1MB", 0},
        {"1 MiB", 0},
        {"-1MiB", 0},
        {"MiB", 0},
        {"99999999999999999999TiB", 0},
        {"18014398509481985KiB", 0},
        {"1.5GiB", 0},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(text, sizeof text, "%spacket-log: {folder: p, size: %s}\n", small, sizes[i].size);
        assert_int_equal(parse(text) == RILL_OK, sizes[i].bytes != 0);
        if (sizes[i].bytes != 0)
            assert_int_equal(config.packet_log.size, sizes[i].bytes);
        else
            assert_non_null(strstr(first, "size: a size such as 500MiB or 2GiB, from 1MiB to"));
    }
}

/* A report is one line, whatever a key or a value has. */
static void test_characters_of_control(void **state)
{
    (void)state;
    refused("? \"a\\nb\\e[1m\"\n: 1\n",
            "1:3: 'a?b?[1m' is not known in the configuration; there are: "
            "address, store, admin, engines, listen, accounts, rates, webhooks, peering, "
            "packet-log, routes, default-route, min-message-window, max-hold-time, route-interval,"
            " route-hold-down");
    refused(SMALL("relation: \"a\\tb\", asset: USD/2, tokens: env:T"),
            "4:17: relation: parent, peer or child, not 'a?b'");
}

/* What looks like a secret where its place should stand is not repeated. */
static void test_secrets_are_not_shown(void **state)
{
    (void)state;
    refused(SMALL("relation: child, asset: USD/2, tokens: hunter2"),
            "4:46: tokens: where the secret is, as file:PATH or env:NAME; not the secret itself");
    refused(SMALL("relation: child, asset: USD/2, tokens: ['file:', hunter2]"),
            "4:47: tokens: where the secret is, as file:PATH or env:NAME; not the secret itself");
    assert_null(strstr(first, "hunter2"));
}

static void test_what_makes_no_sense(void **state)
{
    (void)state;
    refused("store: {path: b}\naccounts: {a: {" CHILD "}}\n",
            "1:1: address is missing, and there is no parent that could give one");
    refused("address: g..x\nstore: {path: b}\naccounts: {a: {" CHILD "}}\n",
            "1:1: address: 'g..x' is no ILP address");
    refused(SMALL("relation: child, asset: USD/2"),
            "4:3: a: has neither a link nor tokens, so that nobody can connect");
    refused(SMALL("relation: parent, asset: USD/2, tokens: env:T"),
            "4:3: a: a parent needs a link");
    refused(SMALL("relation: peer, asset: USD/2, tokens: env:T, segment: x"),
            "4:3: a: a segment is for children alone");
    refused(SMALL(CHILD ", segment: x.y"),
            "4:3: a segment has letters, digits, _, ~ and -, not 'x.y'");
    refused("address: g.x\nstore: {path: b}\naccounts:\n  a.b: {" CHILD "}\n",
            "4:3: the account's name 'a.b' has characters other than letters, digits, _, ~ and -, "
            "or more than 255");
    refused(SMALL(CHILD) "  b: {relation: parent, asset: USD/2, link: {uri: x}}\n"
                         "  c: {relation: parent, asset: USD/2, link: {uri: x}}\n",
            "6:3: c: there is another parent: b");
    refused(SMALL(CHILD) "  b: {relation: peer, asset: EUR/2, tokens: env:T}\n"
                         "rates: {base: USD}\n",
            "5:3: there is no price for EUR in rates");
    refused(SMALL(CHILD) "rates: {prices: {USD: {price: 1}}}\n", "5:8: rates: base is missing");
    refused(SMALL(CHILD) "routes: [{prefix: g.y, account: z}]\n", "5:10: there is no account 'z'");
    refused(SMALL(CHILD) "routes: [{prefix: 'g y', account: a}]\n",
            "5:10: prefix: 'g y' is no ILP address");
    refused(SMALL(CHILD) "route-interval: 45s\n",
            "1:1: route-hold-down must be longer than route-interval, or routes end between two"
            " words");
    refused(SMALL("relation: peer, asset: USD/2, tokens: env:X, send-routes: perhaps"),
            "4:65: send-routes: true or false, not 'perhaps'");
    refused(SMALL(CHILD) "default-route: z\n", "1:1: default-route: there is no account 'z'");
    refused(SMALL(CHILD) "admin: {port: 1, tokens: []}\n",
            "5:8: the operator's port needs a token");
    refused(SMALL(CHILD) "admin: {tokens: env:X}\n",
            "5:8: tokens are for the operator's port, and there is no port");
    refused(SMALL(CHILD) "admin: {port: 1}\n", "5:8: the operator's port needs a token");
    refused(SMALL(CHILD) "listen: [{port: 1, cert: x}]\n",
            "5:10: a port needs both cert and key for TLS");
}

/* Operators' tokens do not cross a network in clear, unless the configuration says so. */
static void test_the_operators_port(void **state)
{
    (void)state;
    static const char refusal[] =
        "5:8: other machines reach the operator's port, and its tokens would cross the network in"
        " clear: it needs cert and key, or insecure: true";
    refused(SMALL(CHILD) "admin: {port: 1, tokens: env:X, host: 0.0.0.0}\n", refusal);
    refused(SMALL(CHILD) "admin: {port: 1, tokens: env:X, host: '::'}\n", refusal);
    refused(SMALL(CHILD) "admin: {port: 1, tokens: env:X, host: 10.0.0.1}\n", refusal);
    static const char *const good[] = {"host: 127.0.0.1", "host: '::1'", "host: 127.1.2.3",
                                       "host: 0.0.0.0, cert: c, key: k",
                                       "host: 0.0.0.0, insecure: true"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char text[400];
        snprintf(text, sizeof text, SMALL(CHILD) "admin: {port: 1, tokens: env:X, %s}\n", good[i]);
        assert_int_equal(parse(text), RILL_OK);
    }
    assert_int_equal(parse(SMALL(CHILD) "admin: {host: 0.0.0.0}\n"), RILL_OK); /* no port */
}

static void warned(const char *text, unsigned count, const char *want)
{
    assert_int_equal(parse(text), RILL_OK);
    rill_config_warn(&config, NULL, report, NULL);
    assert_int_equal(errors, count);
    if (count > 0 && strstr(first, want) == NULL)
        fail_msg("%s is not in %s", want, first);
}

#define LINK(more) SMALL("relation: peer, asset: USD/2, link: {uri: '" more "}")

/* What a node does all the same: neighbours' tokens in clear. */
static void test_warnings(void **state)
{
    (void)state;
    warned(SMALL(CHILD) "listen: [{port: 1}, {port: 2, host: '::1'}]\n", 0, "");
    warned(SMALL(CHILD) "listen: [{port: 1, host: 0.0.0.0}]\n", 1, "5:10: warning: listen: other");
    warned(SMALL(CHILD) "listen: [{port: 1, host: 0.0.0.0, cert: c, key: k}]\n", 0, "");
    warned(SMALL(CHILD) "listen: [{port: 1, host: 0.0.0.0, insecure: true}]\n", 0, "");
    warned(LINK("btp+ws://far.example/'"), 1, "4:43: warning: a: its link is without TLS");
    warned(LINK("ilp+http://10.0.0.1/'"), 1, "warning: a: its link");
    warned(LINK("ilp+h2c://127.evil.example/'"), 1, "warning: a: its link");
    warned(LINK("btp+ws://far.example/', insecure: true"), 0, "");
    warned(LINK("btp+wss://far.example/'"), 0, "");
    warned(LINK("btp+ws://localhost:1/'"), 0, "");
    warned(LINK("btp+ws://[::1]:1/'"), 0, "");
    warned(LINK("ilp+http://127.0.0.9/'"), 0, "");
    warned(SMALL(CHILD) "engines: {port: 1, host: 0.0.0.0, tokens: env:X}\n", 1,
           "warning: engines: other");
    warned(SMALL(CHILD) "engines: {port: 1, host: 0.0.0.0, tokens: env:X, insecure: true}\n", 0,
           "");
    /* Of one account alone; and not of very many. */
    assert_int_equal(parse(LINK("btp+ws://far.example/'")), RILL_OK);
    rill_config_warn(&config, "b", report, NULL);
    assert_int_equal(errors, 0);
    rill_config_warn(&config, "a", report, NULL);
    assert_int_equal(errors, 1);
    char text[4000] = "address: g.x\nstore: {path: b}\naccounts:\n";
    for (unsigned i = 0; i < 30; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "  a%u: {relation: peer, asset: USD/2, link: {uri: 'btp+ws://x'}}\n", i);
    warned(text, RILL_CONFIG_WARNINGS + 1, "warning: a0");
}

#define RATES(text)                                                                                \
    SMALL(CHILD) "  b: {relation: peer, asset: EUR/2, tokens: env:T}\nrates: {" text "}\n"

static void test_a_service_of_prices(void **state)
{
    (void)state;
    assert_int_equal(parse(RATES("base: USD, url: 'https://x.example/a?k=1', token: env:T, ca: c")),
                     RILL_OK);
    assert_string_equal(config.rates.url, "https://x.example/a?k=1");
    assert_string_equal(config.rates.token, "env:T");
    assert_string_equal(config.rates.ca_file, "c");
    assert_int_equal(config.rates.refresh, 30 * RILL_SECOND);
    assert_int_equal(config.rates.timeout, 5 * RILL_SECOND);
    assert_int_equal(parse(RATES("base: USD, by-api: true")), RILL_OK);
    assert_int_equal(parse(RATES("base: USD, url: 'http://127.0.0.1:1/x'")), RILL_OK);
    assert_int_equal(parse(RATES("base: USD, url: 'http://x.example', insecure: true")), RILL_OK);
    refused(RATES("base: USD, url: 'http://x.example'"),
            "6:8: rates: url: 'http://x.example' is no https URL, nor http of this machine (or of "
            "any, with insecure: true)");
    refused(RATES("base: USD, url: 'https://x.example/#a'"),
            "6:8: rates: url: 'https://x.example/#a' is no https URL, nor http of this machine (or "
            "of any, with insecure: true)");
    refused(RATES("base: USD, url: '$x.example'"),
            "6:8: rates: url: '$x.example' is no https URL, nor http of this machine (or of any, "
            "with insecure: true)");
    refused(RATES("url: 'https://x.example'"), "6:8: rates: base is missing");
    refused(RATES("by-api: true"), "6:8: rates: base is missing");
    refused(RATES("base: USD, by-api: true, token: env:T"),
            "6:8: rates: token, ca and insecure are for a url, and there is none");
    refused(RATES("base: USD, url: 'https://x.example', token: hunter2"),
            "6:53: token: where the secret is, as file:PATH or env:NAME; not the secret itself");
    refused(RATES("base: USD, url: 'https://x.example', stale-after: 35s"),
            "6:8: rates: stale-after must be longer than refresh and timeout together, or prices "
            "are too old between two answers");
    assert_int_equal(parse(RATES("base: USD, url: 'https://x.example', stale-after: 36s")),
                     RILL_OK);
}

static void test_all_errors_are_reported(void **state)
{
    (void)state;
    assert_int_equal(parse("address: g.x\nstores: 1\naccounts:\n  a: {relation: x, asset: y}\n"
                           "  b: {}\n"),
                     RILL_ERR_MALFORMED);
    /* stores, store; two of a; two of b */
    assert_int_equal(errors, 6);
}

/* A few lines whose aliases stand for very many values. */
static void test_aliases_do_not_explode(void **state)
{
    (void)state;
    static char text[400000];
    size_t len = (size_t)sprintf(text, "address: g.x\nstore: {path: b}\nlisten: &p\n");
    for (unsigned i = 0; i < 3000; i++)
        len += (size_t)sprintf(text + len, "  - {port: 1}\n");
    len += (size_t)sprintf(text + len, "accounts:\n  a: &a {" CHILD ", tokens: &t [env:T");
    for (unsigned i = 0; i < 3000; i++)
        len += (size_t)sprintf(text + len, ",env:T");
    len += (size_t)sprintf(text + len, "]}\n");
    for (unsigned i = 0; i < 3000; i++)
        len += (size_t)sprintf(text + len, "  a%u: *a\n", i);
    assert_int_equal(parse(text), RILL_ERR_MALFORMED);
    assert_int_equal(parse("&a [*a]"), RILL_ERR_MALFORMED);
    assert_int_equal(parse("a: &a {b: *a}"), RILL_ERR_MALFORMED);
}

static void test_schema(void **state)
{
    (void)state;
    const char *schema = rill_config_schema(&arena);
    assert_non_null(strstr(schema, "\"relation\":{\"description\":\"What the neighbour is to this "
                                   "node: parent, peer or child.\",\"enum\":[\"parent\",\"peer\","
                                   "\"child\"]}"));
    assert_non_null(strstr(schema, "\"required\":[\"relation\",\"asset\"]"));
    static const char scopes[] = "\"enum\":[\"read\",\"metrics\",\"accounts\",\"money\",\"rates\","
                                 "\"node\",\"backup\"]}";
    char both[300];
    snprintf(both, sizeof both, "\"anyOf\":[{%s,{\"type\":\"array\",\"minItems\":1,\"items\":{%s}]",
             scopes, scopes);
    assert_non_null(strstr(schema, both));
    assert_non_null(strstr(
        schema,
        "\"required\":[\"token\"]},{\"type\":\"array\",\"items\":{\"anyOf\":"
        "[{\"type\":\"string\",\"pattern\":\"^((file|env):[^\\r\\n]+|sha256:[0-9a-f]{64})$\"},"));
    assert_null(strstr(schema, "peered")); /* it is not for files */
}

static void test_secrets(void **state)
{
    (void)state;
    char path[] = "/tmp/rill-secret-XXXXXX";
    char where[64];
    char out[16];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    snprintf(where, sizeof where, "file:%s", path);
    assert_int_equal(rill_config_secret(where, out, sizeof out), RILL_ERR_INVALID);
    assert_int_equal(write(fd, "secret\r\n", 8), 8);
    assert_int_equal(rill_config_secret(where, out, sizeof out), RILL_OK);
    assert_string_equal(out, "secret");
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_int_equal(rill_config_secret(where, out, sizeof out), RILL_ERR_BUFFER);
    assert_int_equal(out[0], 0);
    close(fd);
    unlink(path);
    assert_int_equal(rill_config_secret(where, out, sizeof out), RILL_ERR_NOT_FOUND);
    assert_int_equal(setenv("RILL_TEST_SECRET", "word", 1), 0);
    assert_int_equal(rill_config_secret("env:RILL_TEST_SECRET", out, sizeof out), RILL_OK);
    assert_string_equal(out, "word");
    assert_int_equal(rill_config_secret("env:RILL_TEST_SECRET", out, 4), RILL_ERR_BUFFER);
    assert_int_equal(rill_config_secret("env:RILL_TEST_NONE", out, sizeof out), RILL_ERR_NOT_FOUND);
    assert_int_equal(setenv("RILL_TEST_SECRET", "", 1), 0);
    assert_int_equal(rill_config_secret("env:RILL_TEST_SECRET", out, sizeof out), RILL_ERR_INVALID);
}

/* Without memory at any point: an error, and nothing lost. */
static long allocations_left;

static void *reallocate(void *user, void *old, size_t size)
{
    (void)user;
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return realloc(old, size);
}

static void release(void *user, void *old)
{
    (void)user;
    free(old);
}

/* Pieces of any size lie apart, are zeros, and have an alignment that is good for all. */
static void test_pieces_of_an_arena(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16, 3, 400, 64, 7, 100000, 24, 0, 65536, 8, 70000, 1};
    enum { COUNT = 400 };
    static uint8_t *pieces[COUNT];
    static const char *texts[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = sizes[i % (sizeof sizes / sizeof sizes[0])];
        pieces[i] = rill_arena_alloc(&arena, size);
        texts[i] = rill_arena_text(&arena, i % 2 == 0 ? "even" : "");
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 255) + 1, size);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = sizes[i % (sizeof sizes / sizeof sizes[0])];
        assert_string_equal(texts[i], i % 2 == 0 ? "even" : "");
        for (size_t k = 0; k < size; k++)
            assert_int_equal(pieces[i][k], i % 255 + 1);
    }
    assert_null(rill_arena_alloc(&arena, SIZE_MAX));
    assert_null(rill_arena_alloc(&arena, SIZE_MAX - 8));
}

/* What an account does not have is there once for all of them, and what it has is its own. */
static void test_what_accounts_share(void **state)
{
    (void)state;
    assert_int_equal(
        parse("address: g.x\nstore: {path: b}\naccounts:\n"
              "  a: {relation: child, asset: USD/2, tokens: env:A}\n"
              "  b: {relation: peer, asset: USD/2, link: {uri: 'btp+wss://b.example/'}}\n"
              "  c: {relation: child, asset: USD/2, tokens: env:C}\n"),
        RILL_OK);
    const rill_config_account *a = config.accounts.items;
    assert_ptr_equal(a[0].link, a[2].link);
    assert_ptr_equal(a[0].settlement, a[1].settlement);
    assert_ptr_equal(a[0].peered, a[1].peered);
    assert_null(a[0].link->uri);
    assert_int_equal(a[0].link->connections, 1);
    assert_null(a[0].settlement->engine);
    assert_true(a[0].settlement->scale == RILL_CONFIG_ACCOUNTS_SCALE);
    assert_ptr_not_equal(a[0].link, a[1].link);
    assert_string_equal(a[1].link->uri, "btp+wss://b.example/");
    assert_int_equal(a[1].link->connections, 1);
    /* Also where nothing could be read. */
    rill_config_account read;
    assert_int_equal(rill_config_parse_account(&read, &arena, "{", report, NULL),
                     RILL_ERR_MALFORMED);
    assert_null(read.link->uri);
    assert_null(read.peered->address);
}

static void test_without_memory(void **state)
{
    (void)state;
    const rill_allocator failing = {reallocate, release, NULL};
    int rc = RILL_ERR_NOMEM;
    for (long n = 0; rc != RILL_OK; n++) {
        rill_arena small;
        rill_arena_init(&small, &failing);
        allocations_left = n;
        errors = 0;
        rc = rill_config_read(&config, &small, whole, strlen(whole), report, NULL);
        if (rc != RILL_OK)
            assert_int_equal(rc, RILL_ERR_NOMEM);
        assert_int_equal(errors, 0);
        rill_arena_clear(&small);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_everything),
        TEST(test_defaults),
        TEST(test_who_is_told_routes),
        TEST(test_errors_say_where_and_what),
        TEST(test_packet_log),
        TEST(test_scopes),
        TEST(test_two_people_and_scopes),
        TEST(test_characters_of_control),
        TEST(test_secrets_are_not_shown),
        TEST(test_what_makes_no_sense),
        TEST(test_the_operators_port),
        TEST(test_warnings),
        TEST(test_a_service_of_prices),
        TEST(test_all_errors_are_reported),
        TEST(test_aliases_do_not_explode),
        TEST(test_schema),
        TEST(test_secrets),
        TEST(test_pieces_of_an_arena),
        TEST(test_what_accounts_share),
        TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
