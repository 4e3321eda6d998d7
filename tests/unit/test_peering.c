/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have an account that no operator has written down, and on which terms. */
#include "connector_world.h"

#include <jansson.h>

#include "base/alloc.h"
#include "connector/config_shapes.h"
#include "connector/peering.h"
#include "connector/rib_log.h"
#include "connector/shape_text.h"

#define PEERING(more)                                                                              \
    "peering: {url: 'https://x.example/', name: X, secret:"                                        \
    " 'env:A-SECRET-OF-MORE-THAN-32-CHARACTERS', accept: {port: 1, " more "}}\n"
#define GRANTS                                                                                     \
    "assets: [{asset: USD/2, credit: 70, most: 900, max-packet: 500, packets-a-second: 9, "        \
    "amount-a-second: 60,"                                                                         \
    " settlement: {engine: 'https://e.example', threshold: 5, settle-to: 2, scale: 1, ca: /ca,"    \
    " token: env:OURS, tokens: [env:ONE, env:TWO], insecure: true}}, {asset: EUR/4, max-packet: "  \
    "300}]"
#define HTTP  "listen: [{port: 1, http: true}]\n"
#define OTHER "https://other.example"

static rill_overlay added;
static char last_value[2000];
static int change_rc;
static const rill_peering_source here = {"192.0.2.7", {4, 192, 0, 2, 7}};
static rill_peering_source source; /* of who asks */
static rill_peering_reply reply_;

static const rill_overlay *control_overlay(void *user)
{
    (void)user;
    return &added;
}

static int control_change(void *user, const rill_admin_change *change, json_t *changes,
                          json_t *problems, uint64_t *group)
{
    (void)user;
    *group = 5;
    if (change_rc != RILL_OK) {
        json_array_append_new(problems, json_string("it does not fit"));
        return change_rc;
    }
    json_array_append_new(changes, json_string("a line"));
    snprintf(last_value, sizeof last_value, "%s", change->value == NULL ? "" : change->value);
    return change->value == NULL
               ? RILL_OK
               : rill_overlay_put(&added, change->kind, change->name, change->value);
}

static uint64_t asked_ticket;
static rill_peering_question *asked_question;

static int control_ask(void *user, rill_peering_question *question, uint64_t *ticket)
{
    (void)user;
    asked_question = question;
    *ticket = ++asked_ticket;
    return RILL_OK;
}

static const rill_admin_control control = {
    .overlay = control_overlay, .change = control_change, .ask_peer = control_ask};

static int world_of(const char *config_text)
{
    set_up(NULL);
    end();
    rill_overlay_init(&added, rill_allocator_default());
    store = (disk){.store = {&disk_ops}};
    last_value[0] = '\0';
    change_rc = RILL_OK;
    source = here;
    asked_question = NULL;
    assert_int_equal(begin(config_text), RILL_OK);
    turn();
    written();
    return 0;
}

static int waiting_world(void **state)
{
    (void)state;
    return world_of(EXAMPLE HTTP PEERING(GRANTS ", max-peers: 6, requests-a-minute-each: 3,"
                                                " requests-a-minute: 5"));
}

static int open_world(void **state)
{
    (void)state;
    return world_of(EXAMPLE HTTP PEERING(GRANTS ", approve: false"));
}

static int leave(void **state)
{
    if (asked_question != NULL) {
        rill_peering_clear(asked_question);
        rill_free(rill_allocator_default(), asked_question);
    }
    rill_overlay_clear(&added);
    return tear_down(state);
}

static rill_peering *peering(void)
{
    return rill_core_peering(core);
}

static void from(const char *address)
{
    snprintf(source.text, sizeof source.text, "%s", address);
    rill_peering_source_key(&source);
}

static unsigned asks_as(const char *address, const char *url, const char *token, const char *asset)
{
    char body[1500];
    snprintf(body, sizeof body,
             "{\"staticIlpAddress\":\"%s\",\"ilpConnectorUrl\":\"%s\",\"httpToken\":\"%s\","
             "\"asset\":{%s},\"maxPacketAmount\":400}",
             address, url, token, asset);
    rill_peering_accept(core, &control, &source, text(body), &reply_);
    return reply_.status;
}

static unsigned asks(const char *address)
{
    return asks_as(address, OTHER, "0123456789-0123", "\"code\":\"USD\",\"scale\":2");
}

static void says(const char *part)
{
    if (strstr(reply_.body, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, reply_.body);
}

static void test_what_a_stranger_gets(void **state)
{
    (void)state;
    assert_int_equal(asks("g.other"), 200);
    assert_int_equal(reply_.group, 5);
    says("\"staticIlpAddress\":\"g.x\",\"ilpConnectorUrl\":\"https://x.example/\"");
    says("\"name\":\"X\"");
    json_t *account = json_loads(last_value, 0, NULL);
    const json_t *peered = json_object_get(account, "peered");
    const struct {
        const char *key;
        const char *value;
    } want[] = {{"relation", "peer"},     {"asset", "USD/2"},    {"credit", "70"},
                {"most", "900"},          {"max-packet", "400"}, {"packets-a-second", "9"},
                {"amount-a-second", "60"}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_string_equal(json_string_value(json_object_get(account, want[i].key)),
                            want[i].value);
    assert_true(json_is_false(json_object_get(account, "receive-routes")));
    assert_true(json_is_false(json_object_get(account, "send-routes")));
    assert_string_equal(json_string_value(json_object_get(peered, "address")), "g.other");
    assert_string_equal(json_string_value(json_object_get(peered, "made")), "accepted");
    assert_string_equal(json_string_value(json_object_get(peered, "with")), "192.0.2.7");
    assert_true(json_is_true(json_object_get(peered, "quiet")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(account, "settlement"), "engine")),
        "https://e.example");
    assert_null(strstr(last_value, "0123456789-0123"));
    /* What is kept can be read again. */
    rill_arena a;
    rill_config_account read;
    rill_arena_init(&a, rill_allocator_default());
    assert_int_equal(rill_config_parse_account(&read, &a, last_value, report, NULL), RILL_OK);
    assert_int_equal(read.credit, 70);
    assert_int_equal(read.max_packet, 400);
    /* All of what is granted: a key that is added to settlements is among it, or this fails. */
    const rill_config_grant *grant = config.peering.accept.assets.items;
    assert_true(
        rill_shape_same(&rill_config_settlement_shape, read.settlement, &grant->settlement));
    rill_config_settlement usual = {.engine = NULL};
    rill_config_settlement_defaults(&usual);
    for (const rill_field *f = rill_config_settlement_shape.fields; f->key != NULL; f++) {
        const rill_field one[] = {*f, {.key = NULL}};
        const rill_shape alone = {"one key", sizeof usual, one, .defaults = NULL};
        if (rill_shape_same(&alone, &usual, &grant->settlement))
            fail_msg("the grant of this test has no %s", f->key);
    }
    assert_string_equal(read.link->uri, "ilp+" OTHER);
    assert_null(read.link->token);
    rill_arena_clear(&a);
    json_decref(account);
    /* By default: no credit. */
    assert_int_equal(asks_as("g.second", OTHER, "0123456789-0124", "\"code\":\"EUR\",\"scale\":4"),
                     200);
    assert_non_null(strstr(last_value, "\"credit\":\"0\""));
    assert_non_null(strstr(last_value, "\"packets-a-second\":\"100\""));
    assert_null(strstr(last_value, "amount-a-second"));
    assert_non_null(strstr(last_value, "\"max-packet\":\"300\"")); /* of the two, the smaller */
    assert_int_equal(peering()->made, 2);
    /* What is not granted, with Rafiki's name. */
    assert_int_equal(asks_as("g.third", OTHER, "0123456789-0125", "\"code\":\"USD\",\"scale\":4"),
                     404);
    says("UnknownAsset");
    change_rc = RILL_ERR_INVALID;
    assert_int_equal(asks("g.fourth"), 400);
    says("InvalidPeeringRequest");
    change_rc = RILL_ERR_NOMEM;
    assert_int_equal(asks("g.fourth"), 503);
    assert_null(strstr(reply_.body, "httpToken"));
}

static void test_who_waits(void **state)
{
    (void)state;
    /* Nobody could agree to it: no link has such a URL. */
    assert_int_equal(
        asks_as("g.other", OTHER "/@x", "0123456789-0123", "\"code\":\"USD\",\"scale\":2"), 400);
    assert_int_equal(asks("g.other"), 200);
    assert_string_equal(last_value, ""); /* there is no account */
    assert_int_equal(peering()->waiting.count, 1);
    assert_int_equal(peering()->began, 1);
    char first[RILL_PEERING_BODY];
    snprintf(first, sizeof first, "%s", reply_.body);
    assert_true(reply_.group != 0);
    assert_int_equal(asks("g.other"), 200);
    assert_string_equal(reply_.body, first);
    assert_true(reply_.group != 0); /* it may not be kept yet */
    assert_int_equal(peering()->waiting.count, 1);
    assert_int_equal(peering()->again, 1);
    turn();
    bool found = false;
    for (size_t i = 0; i < store.batch->setting_count; i++)
        found = found || strcmp(store.batch->settings[i].kind, RILL_SETTING_PEER) == 0;
    assert_true(found);
    bool noted = false;
    for (size_t i = 0; i < store.batch->entry_count; i++)
        noted = noted || (strstr(store.batch->entries[i].note, "waits: g.other") != NULL &&
                          strcmp(store.batch->entries[i].who, "peer 192.0.2.7") == 0);
    assert_true(noted);
}

static void test_nobody_takes_over(void **state)
{
    (void)state;
    static const char usd[] = "\"code\":\"USD\",\"scale\":2";
    assert_int_equal(asks("g.other"), 200);
    char before[2000];
    char token[RILL_PEERING_BODY];
    snprintf(before, sizeof before, "%s", last_value);
    snprintf(token, sizeof token, "%s", reply_.body);
    last_value[0] = '\0';
    assert_int_equal(asks_as("g.other", OTHER, "another-token-of-mine", usd), 400);
    says("another token or URL");
    assert_int_equal(asks_as("g.other", "https://evil.example", "0123456789-0123", usd), 400);
    assert_string_equal(last_value, "");
    assert_int_equal(asks("g.other"), 200); /* the same, to the letter */
    assert_string_equal(reply_.body, token);
    assert_string_equal(last_value, "");
    /* Set aside it is nobody's, and still not another one's. */
    rill_overlay_item *item = added.first;
    snprintf(item->trouble, sizeof item->trouble, "why");
    assert_int_equal(asks("g.other"), 400);
    assert_int_equal(asks("g.other.below"), 400);
    item->trouble[0] = '\0';
    assert_string_equal(item->value, before);
    /* One that an operator of ours has asked for is not one that asks. */
    char *made = strstr(before, "\"accepted\"");
    assert_non_null(made);
    memcpy(made, "\"asked\"   ", 10);
    assert_int_equal(rill_overlay_put(&added, RILL_SETTING_ACCOUNT, item->name, before), RILL_OK);
    assert_int_equal(asks("g.other"), 400);
}

static void test_addresses_of_others(void **state)
{
    (void)state;
    static const char *const taken[] = {"g.x",     "g.x.alice", "g.x.b",       "g.x.b.server",
                                        "g.x.new", "g.carol",   "g.carol.sub", "test.other"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        assert_int_equal(asks(taken[i]), 400);
        says("InvalidPeerIlpConfiguration");
        assert_null(strstr(reply_.body, "carol"));
    }
    assert_int_equal(asks("g.xx"), 200);
    assert_int_equal(asks("g.carolx"), 200);
    char problem[RILL_PEERING_PROBLEM];
    assert_false(rill_peering_address_is_free(core, NULL, "g", problem));
    assert_non_null(strstr(problem, "network g"));
    assert_false(rill_peering_address_is_free(core, NULL, "g.carol", problem));
    assert_non_null(strstr(problem, "leads to carol"));
    assert_true(rill_peering_address_is_free(core, NULL, "g.free", problem));
}

/* Above a route of somebody, too. */
static void test_an_address_above_others(void **state)
{
    (void)state;
    world_of("address: g.x.y\nstore: {path: b}\naccounts:\n"
             "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL}\n"
             "routes: [{prefix: g.far.away, account: carol}]\ndefault-route: carol\n" HTTP PEERING(
                 GRANTS ", approve: false, prefixes: [g.far, g.x, g.mine],"
                        " refused-prefixes: [g.mine.not], hosts: [.example],"
                        " refused-hosts: [evil.example]"));
    assert_int_equal(asks("g.far"), 400);
    assert_int_equal(asks("g.x"), 400);
    assert_int_equal(asks("g.far.beside"), 200);
    assert_int_equal(asks("g.mine.not.x"), 400);
    assert_int_equal(asks("g.yours"), 400);
    assert_int_equal(asks("g.mine.yes"), 200);
    static const char usd[] = "\"code\":\"USD\",\"scale\":2";
    assert_int_equal(asks_as("g.mine.a", "https://evil.example", "0123456789-0126", usd), 400);
    assert_int_equal(asks_as("g.mine.a", "https://x.test", "0123456789-0126", usd), 400);
    assert_int_equal(asks_as("g.mine.a", "http://a.example", "0123456789-0126", usd), 400);
    assert_int_equal(asks_as("g.mine.a", "https://x.example/", "0123456789-0126", usd), 400);
    says("this node's");
    assert_int_equal(asks_as("g.mine.a", "https://a.example", "0123456789-0126", usd), 200);
}

static void test_limits(void **state)
{
    (void)state;
    const rill_config_accept *accept = &rill_core_config(core)->peering.accept;
    const rill_peering_source other = {"192.0.2.8", {4, 192, 0, 2, 8}};
    rill_peering_source many = {"x", {6}};
    const uint64_t minute = 60 * RILL_SECOND;
    for (size_t i = 0; i < 3; i++)
        assert_true(rill_peering_may_ask(peering(), accept, &here, i));
    assert_false(rill_peering_may_ask(peering(), accept, &here, minute - 1));
    assert_true(rill_peering_may_ask(peering(), accept, &other, 1));
    assert_true(rill_peering_may_ask(peering(), accept, &other, 1));
    many.key[1] = 9;
    assert_false(rill_peering_may_ask(peering(), accept, &many, 1)); /* 5 of all */
    assert_int_equal(peering()->limited, 2);
    assert_true(rill_peering_may_ask(peering(), accept, &here, minute));
    /* As many as there are places for, and one more. */
    rill_config_accept wide = *accept;
    wide.requests_a_minute = 1000;
    for (size_t i = 0; i < RILL_PEERING_SOURCES; i++) {
        many.key[2] = (uint8_t)i;
        assert_true(rill_peering_may_ask(peering(), &wide, &many, 5 * minute));
    }
    many.key[3] = 1;
    assert_false(rill_peering_may_ask(peering(), &wide, &many, 5 * minute));
    assert_true(rill_peering_may_ask(peering(), &wide, &many, 6 * minute));
    /* Those that wait, of one address. */
    char address[20];
    for (int i = 0; i < RILL_PEERING_WAIT; i++) {
        snprintf(address, sizeof address, "g.p%d", i);
        assert_int_equal(asks(address), 200);
    }
    assert_int_equal(asks("g.more"), 400);
    says("wait already");
    assert_int_equal(asks("g.p0.below"), 400); /* somebody waits for it */
    says("somebody's");
    assert_int_equal(asks("g.p0"), 200);
    /* And of all. */
    for (int i = 0; i < 2; i++) {
        snprintf(address, sizeof address, "w%d", i);
        assert_int_equal(rill_peering_know(core, address, "{\"peered\":{\"address\":\"g.w\"}}"),
                         RILL_OK);
    }
    assert_int_equal(asks("g.more"), 400);
    says("no more peers");
}

/* Of IPv6 who has one address of a network has all of them. */
static void test_a_network_that_waits(void **state)
{
    (void)state;
    static const char *const same[] = {"2001:db8:1:2::7", "2001:db8:1:2:ffff::1", "2001:db8:1:2::8",
                                       "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::9"};
    world_of(EXAMPLE HTTP PEERING(GRANTS));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char address[20];
        snprintf(address, sizeof address, "g.n%zu", i);
        from(same[i]);
        assert_int_equal(asks(address), i < RILL_PEERING_WAIT ? 200 : 400);
    }
    says("wait already");
    from("2001:db8:1:3::7");
    assert_int_equal(asks("g.next"), 200);
    /* By a port for both it is the same. */
    from("::ffff:192.0.2.7");
    assert_int_equal(source.key[0], 4);
    for (int i = 0; i < RILL_PEERING_WAIT; i++) {
        char address[20];
        snprintf(address, sizeof address, "g.v%d", i);
        from(i % 2 == 0 ? "::ffff:192.0.2.7" : "192.0.2.7");
        assert_int_equal(asks(address), 200);
    }
    assert_int_equal(asks("g.v"), 400);
    from("unknown");
    assert_int_equal(source.key[0], 0);
    assert_int_equal(asks("g.v"), 200);
}

/* An account that is gone is owed this. */
static void leave_money(const char *address, uint64_t amount)
{
    const rill_config_asset usd = {.code = "USD", .scale = 2};
    char name[RILL_PEERING_ACCOUNT];
    assert_int_equal(rill_peering_account(crypto, address, &usd, name), RILL_OK);
    end();
    const rill_balance_id id = (rill_balance_id)(store.last + 1);
    rill_balance_id outside = 1;
    store.last = id;
    store.accounts[id] =
        (rill_store_account){.id = id, .holder = RILL_HOLDER_NEIGHBOUR, .scale = 2};
    snprintf(store.names[id], sizeof store.names[id], "%.50s USD", name);
    while (store.accounts[outside].holder != RILL_HOLDER_OUTSIDE ||
           strcmp(store.names[outside], " USD") != 0)
        outside++;
    store.booked[id] = rill_wide_signed(rill_wide(amount));
    store.booked[outside] = rill_wide_negate(store.booked[id]);
    assert_int_equal(begin(EXAMPLE HTTP PEERING(GRANTS ", approve: false")), RILL_OK);
}

/* Whoever was owed it may come again; who knows its address is not he. */
static void test_money_of_one_that_went(void **state)
{
    (void)state;
    leave_money("g.other", 30);
    assert_int_equal(asks("g.other"), 400);
    says("InvalidPeeringRequest");
    says("operator has to");
    assert_null(strstr(reply_.body, "httpToken"));
    assert_string_equal(last_value, "");
    /* In another asset it is another account. */
    assert_int_equal(asks_as("g.other", OTHER, "0123456789-0123", "\"code\":\"EUR\",\"scale\":4"),
                     200);
}

static void test_no_money_of_one_that_went(void **state)
{
    (void)state;
    leave_money("g.other", 0);
    assert_int_equal(asks("g.other"), 200);
}

static void told_is(const char *method, const char *path, const char *body, unsigned status,
                    const char *part)
{
    rill_admin_answer answer;
    const rill_admin_request r = {
        .method = text(method), .path = text(path), .body = text(body), .scopes = RILL_SCOPES_ALL};
    rill_admin_ask(core, &control, &r, &answer);
    if (answer.status != status || answer.body == NULL || strstr(answer.body, part) == NULL)
        fail_msg("%u %s instead of %u %s", answer.status, answer.body, status, part);
    rill_admin_free(&answer);
}

/* What an operator says who has looked at the first one that waits. */
static const char *seen(const char *more)
{
    static char body[2][200];
    static size_t at;
    char id[RILL_PEERING_ID];
    char *out = body[at++ % 2];
    assert_int_equal(rill_peering_id(core, peering()->waiting.first->value, id), RILL_OK);
    snprintf(out, sizeof body[0], "{\"id\":\"%s\"%s}", id, more);
    return out;
}

static void test_operators_decide(void **state)
{
    (void)state;
    char path[100];
    told_is("GET", "/v1/peers", "", 200, "{\"peers\":[],\"waiting\":[]}");
    assert_int_equal(asks("g.other"), 200);
    told_is("GET", "/v1/peers", "", 200, "\"from\":\"192.0.2.7\"");
    snprintf(path, sizeof path, "/v1/peers/%s", peering()->waiting.first->name);
    told_is("POST", "/v1/peers/nobody", "{}", 404, "no such peer");
    told_is("DELETE", "/v1/peers/nobody", "{}", 404, "no such peer");
    told_is("POST", path, "{\"who\":7}", 400, "who");
    told_is("POST", path, "{}", 400, "id is missing");
    change_rc = RILL_ERR_INVALID;
    told_is("POST", path, seen(""), 422, "it does not fit");
    assert_int_equal(peering()->waiting.count, 1);
    change_rc = RILL_OK;
    /* Refused meanwhile, and another one waits there: its URL was never looked at. */
    const char *before = seen(",\"who\":\"ada\"");
    told_is("DELETE", path, "{}", 200, "\"changes\":[]");
    assert_int_equal(asks_as("g.other", "https://evil.example", "0123456789-0123",
                             "\"code\":\"USD\",\"scale\":2"),
                     200);
    told_is("POST", path, before, 409, "not what was looked at");
    assert_int_equal(peering()->waiting.count, 1);
    assert_string_equal(last_value, "");
    told_is("POST", path, seen(",\"who\":\"ada\""), 201, "a line");
    assert_non_null(strstr(last_value, "evil.example"));
    assert_non_null(strstr(last_value, "g.other"));
    assert_non_null(strstr(last_value, "\"quiet\":false"));
    assert_int_equal(peering()->waiting.count, 0);
    told_is("POST", path, "{}", 404, "no such peer");
    last_value[0] = '\0';
    assert_int_equal(asks("g.second"), 200);
    snprintf(path, sizeof path, "/v1/peers/%s", peering()->waiting.first->name);
    told_is("DELETE", path, "{}", 200, "\"changes\":[]");
    assert_int_equal(peering()->waiting.count, 0);
    assert_string_equal(last_value, "");
    told_is("DELETE", "/v1/peers/alice", "{}", 404, "no such peer"); /* not made so */
    assert_int_equal(added.count, 1);                                /* and not open here */
    snprintf(path, sizeof path, "/v1/peers/%s", added.first->name);
    told_is("DELETE", path, "{}", 200, "a line");
    assert_string_equal(last_value, "");
    /* Somebody has the address by now. */
    assert_int_equal(rill_peering_know(core, "late", "{\"peered\":{\"address\":\"g.carol.x\"}}"),
                     RILL_OK);
    /* What cannot be read is left out, and does not hide the others. */
    static const char *const odd[] = {"", "x", "[]", "{}", "{\"peered\":{\"address\":1}}"};
    const unsigned warned = warnings;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(rill_peering_know(core, "odd", odd[i]), RILL_OK);
    assert_int_equal(rill_peering_know(core, "\xff", "{\"peered\":{\"address\":\"g.odd\"}}"),
                     RILL_OK);
    assert_int_equal(warnings, warned + 6);
    told_is("GET", "/v1/peers", "", 200, "\"name\":\"late\"");
    told_is("POST", "/v1/peers/late", seen(""), 409, "leads to carol");
    assert_string_equal(last_value, "");
    told_is("GET", "/metrics", "", 200, "rill_connector_peering_waiting 1\n");
}

static long allocations_left = -1; /* -1: any number */

static void *reallocate(void *user, void *old, size_t size)
{
    (void)user;
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return realloc(old, size);
}

static void release(void *user, void *old)
{
    (void)user;
    free(old);
}

static const rill_allocator memory = {reallocate, release, NULL};

static int poor_world(void **state)
{
    core_memory = &memory;
    allocations_left = -1;
    return waiting_world(state);
}

static int leave_poor(void **state)
{
    int rc = leave(state);
    core_memory = NULL;
    return rc;
}

/* It waits, or it has been told to ask again; and an operator's word is kept, or it is as before.
 */
static void test_without_memory(void **state)
{
    (void)state;
    unsigned status = 0;
    for (long most = 0; status != 200; most++) {
        allocations_left = most;
        status = asks("g.other");
        allocations_left = -1;
        assert_true(status == 200 || status == 503);
        assert_int_equal(peering()->waiting.count, status == 200);
        assert_true((strstr(reply_.body, "httpToken") != NULL) == (status == 200));
        assert_in_range(most, 0, 100);
    }
    char path[100];
    const char *body = seen("");
    snprintf(path, sizeof path, "/v1/peers/%s", peering()->waiting.first->name);
    for (long most = 0; peering()->waiting.count > 0; most++) {
        rill_admin_answer answer;
        const rill_admin_request r = {.method = text("POST"),
                                      .path = text(path),
                                      .body = text(body),
                                      .scopes = RILL_SCOPES_ALL};
        allocations_left = most;
        rill_admin_ask(core, &control, &r, &answer);
        allocations_left = -1;
        /* Where it could not be taken away it is found to be an account. */
        assert_true(answer.status == 201 || answer.status == 409 || answer.status == 503);
        rill_admin_free(&answer);
        assert_in_range(most, 0, 100);
    }
    assert_int_equal(added.count, 1);
}

/* ---- an operator asks ---- */

static void answered_with(unsigned status, const char *body, unsigned want, const char *part)
{
    rill_admin_answer answer;
    rill_peering_answered(asked_question, core, &control, status, "it is away", text(body),
                          &answer);
    if (answer.status != want || strstr(answer.body, part) == NULL)
        fail_msg("%u %s instead of %u %s", answer.status, answer.body, want, part);
    rill_admin_free(&answer);
}

static void ask_peer(const char *body)
{
    rill_admin_answer answer;
    const rill_admin_request r = {.method = text("POST"),
                                  .path = text("/v1/peers"),
                                  .body = text(body),
                                  .scopes = RILL_SCOPES_ALL};
    if (asked_question != NULL) {
        rill_peering_clear(asked_question);
        rill_free(rill_allocator_default(), asked_question);
        asked_question = NULL;
    }
    rill_admin_ask(core, &control, &r, &answer);
    if (answer.ticket == 0)
        fail_msg("%u %s", answer.status, answer.body);
    assert_null(answer.body);
}

#define GOOD                                                                                       \
    "{\"staticIlpAddress\":\"g.peer\",\"ilpConnectorUrl\":\"https://ilp.peer.example\","           \
    "\"httpToken\":\"theirs-0123456789\",\"name\":\"P\"}"

static void test_an_operator_asks(void **state)
{
    (void)state;
    char body[RILL_PEERING_BODY];
    told_is("POST", "/v1/peers", "{}", 400, "url");
    told_is("POST", "/v1/peers", "{\"url\":\"http://p.example/\"}", 400, "https");
    told_is("POST", "/v1/peers", "{\"url\":\"https://p.example/\"}", 400, "say which one");
    told_is("POST", "/v1/peers", "{\"url\":\"https://p.example/\",\"asset\":\"USD/2/3x\"}", 400,
            "asset");
    told_is(
        "POST", "/v1/peers",
        "{\"url\":\"https://p.example/\",\"asset\":\"USD/2\",\"account\":{\"tokens\":\"env:A\"}}",
        400, "only credit");
    told_is("POST", "/v1/peers",
            "{\"url\":\"https://p.example/\",\"asset\":\"USD/2\",\"account\":{\"credit\":\"x\"}}",
            400, "account: credit");
    told_is("POST", "/v1/peers",
            "{\"url\":\"https://p.example/\",\"asset\":\"USD/2\",\"name\":\"alice\"}", 409,
            "alice");
    told_is("POST", "/v1/peers", "{\"url\":\"https://p.example/\",\"asset\":\"U D/2\"}", 400,
            "asset");
    ask_peer("{\"url\":\"https://p.example/\",\"asset\":\"USD/2\",\"who\":\"ada\","
             "\"account\":{\"credit\":\"40\",\"max-packet\":30}}");
    snprintf(body, sizeof body, "%s", asked_question->body);
    assert_non_null(strstr(body, "\"staticIlpAddress\":\"g.x\""));
    assert_non_null(strstr(body, "\"maxPacketAmount\":30,"));
    answered_with(0, "", 502, "it is away");
    answered_with(404, "{\"error\":{\"type\":\"UnknownAsset\"}}", 502, "no accounts in USD/2");
    answered_with(200, "{}", 502, "staticIlpAddress");
    answered_with(302, "", 502, "status 302");
    assert_string_equal(last_value, "");
    answered_with(200, GOOD, 201, "\"address\":\"g.peer\"");
    assert_non_null(strstr(last_value, "\"credit\":\"40\""));
    assert_non_null(strstr(last_value, "\"receive-routes\":false"));
    assert_non_null(strstr(last_value, "ilp+https://ilp.peer.example"));
    assert_null(strstr(last_value, "theirs"));
    /* The same again: the same question, and what operators agreed since stays. */
    ask_peer("{\"url\":\"https://p.example/\",\"asset\":\"USD/2\"}");
    assert_non_null(strstr(asked_question->body, "\"httpToken\":\""));
    assert_memory_equal(strstr(asked_question->body, "httpToken"), strstr(body, "httpToken"), 70);
    answered_with(200, GOOD, 200, "\"again\":true");
    assert_non_null(strstr(last_value, "\"credit\":\"40\""));
}

static void test_an_answer_that_is_refused(void **state)
{
    (void)state;
    ask_peer("{\"url\":\"https://p.example/\",\"asset\":\"USD/2\"}");
#define ANSWER(address, url)                                                                       \
    "{\"staticIlpAddress\":\"" address "\",\"ilpConnectorUrl\":\"" url                             \
    "\",\"httpToken\":\"theirs-0123456789\"}"
    answered_with(200, ANSWER("g.carol.x", OTHER), 409, "leads to carol");
    answered_with(200, ANSWER("g.x.b", OTHER), 409, "this node's");
    answered_with(200, ANSWER("test.p", OTHER), 409, "network g");
    answered_with(200, ANSWER("g.p", "http://p.example"), 502, "https");
    answered_with(200, ANSWER("g.p", "http://localhost"), 502, "https");
    answered_with(200, ANSWER("g.p", "https://localhost"), 502, "known everywhere");
    answered_with(200, ANSWER("g.p", "https://10.0.0.9"), 502, "not its number");
    assert_string_equal(last_value, "");
    /* But the host that the operator has named is good. */
    ask_peer("{\"url\":\"https://10.0.0.9:3005\",\"asset\":\"USD/2\"}");
    answered_with(200, ANSWER("g.inner", "http://10.0.0.9:3002"), 502, "https");
    answered_with(200, ANSWER("g.inner", "https://10.0.0.9:3002"), 201, "g.inner");
    /* Who is asked on this machine may be on this machine. */
    ask_peer("{\"url\":\"http://localhost:3005\",\"asset\":\"USD/2\"}");
    change_rc = RILL_ERR_INVALID;
    answered_with(200, ANSWER("g.p", "http://localhost:3002"), 422, "it does not fit");
    change_rc = RILL_OK;
    answered_with(200, ANSWER("g.p", "http://localhost:3002"), 201, "g.p");
    assert_null(strstr(last_value, "\"credit\"")); /* which is 0 then */
}

/* Whom an operator asks says himself where he is. An operator who names the account means it. */
static void test_an_answer_is_owed_nothing(void **state)
{
    (void)state;
    leave_money("g.other", 30);
    ask_peer("{\"url\":\"https://p.example/\",\"asset\":\"USD/2\"}");
    answered_with(200, ANSWER("g.other", OTHER), 409, "its balance is not 0");
    assert_string_equal(last_value, "");
    ask_peer("{\"url\":\"https://p.example/\",\"asset\":\"USD/2\",\"name\":\"other\"}");
    answered_with(200, ANSWER("g.other", OTHER), 201, "g.other");
}

/* ---- routes ---- */

static int on_apply(void *user, rill_bytes prefix, rill_via *via)
{
    (void)user;
    (void)prefix;
    (void)via;
    return RILL_OK;
}

static void test_a_quiet_route(void **state)
{
    (void)state;
    rill_rib rib;
    rill_via peer;
    rill_via to;
    static const uint8_t secret[32] = {1};
    const rill_rib_options o = {.allocator = rill_allocator_default(),
                                .address = text("g.x"),
                                .crypto = crypto,
                                .secret = secret,
                                .apply = on_apply};
    rill_rib_init(&rib, &o);
    rill_via_init(&peer, "peer", RILL_RELATION_PEER, text(""));
    rill_via_init(&to, "to", RILL_RELATION_PEER, text(""));
    assert_int_equal(rill_rib_add(&rib, &peer, RILL_ROUTE_STATIC, text("g.peer")), RILL_OK);
    assert_int_equal(rill_rib_settle(&rib, SIZE_MAX), RILL_OK);
    const rill_rib_entry *e = rill_rib_find(&rib, text("g.peer"));
    assert_non_null(rill_rib_shown(&rib, e, &to));
    peer.quiet = true;
    assert_null(rill_rib_shown(&rib, e, &to));
    rill_rib_clear(&rib);
}

int main(void)
{
#define OPEN(f)  cmocka_unit_test_setup_teardown(f, open_world, leave)
#define WAITS(f) cmocka_unit_test_setup_teardown(f, waiting_world, leave)
    const struct CMUnitTest tests[] = {
        OPEN(test_what_a_stranger_gets),
        WAITS(test_who_waits),
        OPEN(test_nobody_takes_over),
        OPEN(test_addresses_of_others),
        cmocka_unit_test_teardown(test_an_address_above_others, leave),
        WAITS(test_limits),
        cmocka_unit_test_teardown(test_a_network_that_waits, leave),
        OPEN(test_money_of_one_that_went),
        OPEN(test_no_money_of_one_that_went),
        OPEN(test_an_answer_is_owed_nothing),
        WAITS(test_operators_decide),
        OPEN(test_an_operator_asks),
        OPEN(test_an_answer_that_is_refused),
        OPEN(test_a_quiet_route),
        cmocka_unit_test_setup_teardown(test_without_memory, poor_world, leave_poor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
