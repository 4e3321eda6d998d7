/* SPDX-License-Identifier: Apache-2.0 */
/* What neighbours tell a connector by CCP, and what it tells them. */
#include "connector_world.h"

static const char *destination_of(const fake *f, rill_prepare *p)
{
    static char name[64];
    const kept *k = &f->sent[(f->sent_count - 1) % MAX_KEPT];
    assert_true(f->sent_count > 0);
    assert_int_equal(rill_prepare_decode(p, k->packet, k->len), RILL_OK);
    snprintf(name, sizeof name, "%.*s", (int)p->destination.len, (const char *)p->destination.data);
    return name;
}

/* A Prepare to peer.*, and its answer's type. */
static uint8_t tell(fake *from, uint64_t request, const char *destination, const uint8_t *data,
                    size_t len)
{
    static const uint8_t zeros[32];
    uint8_t condition[32];
    rill_prepare p = prepare_to(destination);
    assert_int_equal(rill_crypto_sha256(crypto, zeros, sizeof zeros, condition), RILL_OK);
    p.amount = 0;
    p.condition = condition;
    p.expires_at_ms = now.wall_ms + 10000;
    p.data = (rill_bytes){data, len};
    ask(from, request, &p);
    const kept *k = answer_to(from, request);
    assert_non_null(k);
    return k->packet[0];
}

static size_t update_of(const char *prefix, uint8_t *out, size_t cap)
{
    static const uint8_t auth[RILL_CCP_AUTH_LEN];
    rill_writer w = rill_writer_of(out, cap);
    const rill_ccp_update u = {.table = {9},
                               .current_epoch = 1,
                               .to_epoch = 1,
                               .hold_down_ms = 45000,
                               .speaker = text("g.carol"),
                               .route_count = 1};
    const rill_ccp_route route = {
        .prefix = text(prefix), .hops = 1, .path = text("\007g.carol"), .auth = auth};
    rill_ccp_update_begin(&w, &u);
    rill_ccp_put_route(&w, text(""), &route);
    rill_ccp_begin_withdrawn(&w, 0);
    assert_false(w.failed);
    return rill_writer_len(&w);
}

static void begin_with_routes(void)
{
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin("address: g.x\nstore: {path: b}\naccounts:\n"
                           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"
                           "  bob: {relation: child, asset: USD/2, tokens: env:BOB}\n"
                           "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL}\n"),
                     RILL_OK);
    turn();
    written();
}

/* It asks who comes, learns, forwards, and tells; nothing of that costs anybody anything. */
static void test_routes_are_learnt(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    uint8_t data[1024];
    rill_prepare p;
    size_t len = 0;
    begin_with_routes();
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&carol, "carol", "CAROL"), RILL_OK);
    turn();
    assert_string_equal(destination_of(&carol, &p), "peer.route.control");
    assert_int_equal(p.amount, 0);
    assert_int_equal(p.expires_at_ms, now.wall_ms + 60000);
    assert_int_equal(alice.sent_count, 0); /* a child is not asked */
    rill_ccp_control asked;
    assert_int_equal(rill_ccp_control_decode(&asked, p.data), RILL_OK);
    /* No answer within ten seconds: it is asked again. */
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 1);
    now.mono_ns += 10 * RILL_SECOND;
    rill_hub_tick(rill_core_hub(core));
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
    assert_int_equal(rill_core_routes_deadline(core), now.mono_ns + RILL_SECOND);
    now.mono_ns += RILL_SECOND;
    turn();
    assert_int_equal(carol.sent_count, 2);
    fulfill(&carol, zeros);
    turn();
    assert_int_equal(carol.sent_count, 2);
    assert_in_range(rill_core_routes_deadline(core), now.mono_ns + 30 * RILL_SECOND,
                    now.mono_ns + 60 * RILL_SECOND);
    /* What she tells is forwarded to her, and to nobody before. */
    send(&alice, 1, "g.far.bob", 0);
    rejected(&alice, 1, "F02");
    len = update_of("g.far", data, sizeof data);
    assert_int_equal(tell(&carol, 1, "peer.route.update", data, len), RILL_ILP_FULFILL);
    send(&alice, 2, "g.far.bob", 0);
    assert_int_equal(carol.sent_count, 3);
    assert_string_equal(destination_of(&carol, &p), "g.far.bob");
    /* Her own packet does not come back to her. */
    send(&carol, 3, "g.far.bob", 0);
    rejected(&carol, 3, "F02");
    assert_int_equal(tell(&carol, 4, "peer.route.update", data, 20), RILL_ILP_REJECT);
    rejected(&carol, 4, "F01");
    /* A child may ask what there is. */
    asked = (rill_ccp_control){.mode = RILL_CCP_SYNC};
    assert_int_equal(rill_ccp_control_encode(&asked, data, sizeof data, &len), RILL_OK);
    assert_int_equal(tell(&alice, 5, "peer.route.control", data, len), RILL_ILP_FULFILL);
    turn();
    assert_string_equal(destination_of(&alice, &p), "peer.route.update");
    rill_ccp_update u;
    assert_int_equal(rill_ccp_update_decode(&u, p.data), RILL_OK);
    assert_int_equal(u.route_count, 2);
    /* What operators see. */
    rill_routing_cursor cursor = {0};
    rill_routing_line line;
    unsigned lines = 0;
    for (; rill_routing_next(rill_core_routing(core), &cursor, &line); lines++)
        assert_true(line.best);
    assert_int_equal(lines, 4);
    /* She leaves: until she is back, senders are to try again. */
    disconnect(&carol);
    turn();
    send(&alice, 6, "g.far.bob", 0);
    rejected(&alice, 6, "T01");
    cursor = (rill_routing_cursor){0};
    do
        assert_true(rill_routing_next(rill_core_routing(core), &cursor, &line));
    while (!same(line.prefix, text("g.far")));
    assert_true(line.away);
    rill_node_account counted;
    assert_int_equal(rill_hub_account(rill_core_hub(core), text("carol"), &counted), RILL_OK);
    assert_int_equal(counted.open, 0);
    nothing_held();
}

/* Over HTTP she may ask at our port, and be asked elsewhere: what we ask goes there. */
static void test_who_only_asks_is_not_asked_for_routes(void **state)
{
    static fake port;
    rill_prepare p;
    (void)state;
    begin_with_routes();
    assert_int_equal(come_as(&port, "carol", "CAROL", true), RILL_OK);
    assert_int_equal(come(&carol, "carol", "CAROL"), RILL_OK);
    turn();
    assert_int_equal(port.sent_count, 0);
    assert_string_equal(destination_of(&carol, &p), "peer.route.control");
    disconnect(&port);
}

/* Is the route one to who is not there? */
static bool route_is_away(const char *prefix)
{
    rill_routing_cursor cursor = {0};
    rill_routing_line line;
    do
        assert_true(rill_routing_next(rill_core_routing(core), &cursor, &line));
    while (!same(line.prefix, text(prefix)));
    return line.away;
}

static void link_up(fake *f, const char *name)
{
    const rill_link_handlers *handlers = NULL;
    rill_hub *hub = rill_core_hub(core);
    rill_holder_account *holder = rill_core_find(core, text(name));
    memset(f, 0, sizeof *f);
    f->link.ops = &fake_ops;
    assert_int_equal(rill_hub_attach(&handlers, &f->link.user, hub, &f->link,
                                     rill_hub_open_account(hub, &holder->terms)),
                     RILL_OK);
    f->link.on = *handlers;
    f->link.on.up(&f->link, f->link.user);
}

/* She asks at our port while our link to her is down: nothing can be sent to her. */
static void test_who_only_asks_is_away_while_the_link_is(void **state)
{
    static fake port, link;
    rill_prepare p;
    (void)state;
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin("address: g.x\nstore: {path: b}\naccounts:\n"
                           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"
                           "  bob: {relation: child, asset: USD/2, tokens: env:BOB}\n"
                           "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL,"
                           " receive-routes: false,"
                           " link: {uri: 'ilp+https://carol.example', token: env:CAROL}}\n"
                           "routes: [{prefix: g.far, account: carol}]\n"),
                     RILL_OK);
    turn();
    written();
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    send(&alice, 1, "g.far.bob", 0);
    rejected(&alice, 1, "T01");
    assert_true(route_is_away("g.far"));
    assert_int_equal(come_as(&port, "carol", "CAROL", true), RILL_OK);
    send(&alice, 2, "g.far.bob", 0);
    rejected(&alice, 2, "T01");
    assert_true(route_is_away("g.far"));
    assert_int_equal(port.sent_count, 0);
    /* It is up; and it is lost again. */
    link_up(&link, "carol");
    assert_false(route_is_away("g.far"));
    send(&alice, 3, "g.far.bob", 0);
    assert_string_equal(destination_of(&link, &p), "g.far.bob");
    disconnect(&link);
    assert_true(route_is_away("g.far"));
    send(&alice, 4, "g.far.bob", 0);
    rejected(&alice, 4, "T01");
    disconnect(&port);
    /* Who has no link of ours is asked at the port that it comes by: nobody else knows the way. */
    assert_int_equal(come_as(&port, "bob", "BOB", true), RILL_OK);
    send(&alice, 5, "g.x.bob", 0);
    assert_int_equal(port.sent_count, 1);
    disconnect(&port);
}

/* A link is replaced: answers come by the old one, packets go by the new one, and both are one. */
static void test_a_link_that_is_replaced(void **state)
{
    static fake old, fresh;
    const rill_link_handlers *handlers = NULL;
    rill_hub *hub;
    rill_prepare p;
    size_t len = 0;
    uint8_t data[1024];
    (void)state;
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(
        begin("address: g.x\nstore: {path: b}\naccounts:\n"
              "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 9}\n"
              "  carol: {relation: peer, asset: USD/2, credit: 9, max-sessions: 1,"
              " receive-routes: false, send-routes: false,"
              " link: {uri: 'btp+wss://carol.example', token: env:CAROL}}\n"
              "routes: [{prefix: g.far, account: carol}]\n"),
        RILL_OK);
    turn();
    written();
    hub = rill_core_hub(core);
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    link_up(&old, "carol");
    send(&alice, 1, "g.far.bob", 3);
    assert_int_equal(old.sent_count, 1);
    memset(&fresh, 0, sizeof fresh);
    fresh.link.ops = &fake_ops;
    struct rill_account *carols =
        rill_hub_open_account(hub, &rill_core_find(core, text("carol"))->terms);
    assert_int_equal(rill_hub_attach(&handlers, &fresh.link.user, hub, &fresh.link, carols),
                     RILL_ERR_LIMIT);
    rill_hub_part(hub, old.link.user);
    rill_hub_part(hub, old.link.user);
    send(&alice, 2, "g.far.bob", 1);
    rejected(&alice, 2, "T01");
    link_up(&fresh, "carol");
    send(&alice, 3, "g.far.bob", 2);
    assert_int_equal(old.sent_count, 1);
    assert_string_equal(destination_of(&fresh, &p), "g.far.bob");
    /* It may come again, and what it asks is asked by the other one; but peers are heard. */
    old.link.on.down(&old.link, RILL_ERR_NOT_CONNECTED, "lost", false, old.link.user);
    old.link.on.up(&old.link, old.link.user);
    send(&alice, 4, "g.far.bob", 1);
    assert_int_equal(old.sent_count, 1);
    send(&old, 5, "g.x.alice", 1);
    rejected(&old, 5, "T03");
    const rill_ccp_control asked = {.mode = RILL_CCP_SYNC};
    assert_int_equal(rill_ccp_control_encode(&asked, data, sizeof data, &len), RILL_OK);
    assert_int_equal(tell(&old, 6, "peer.route.control", data, len), RILL_ILP_FULFILL);
    fulfill(&old, fulfillment);
    turn();
    written();
    assert_non_null(answer_to(&alice, 1));
    disconnect(&old);
    send(&alice, 7, "g.far.bob", 1);
    assert_int_equal(fresh.sent_count, 3);
    disconnect(&fresh);
}

/* What neighbours told is there after a restart, until they are back or have been silent too long.
 */
static void test_routes_are_kept(void **state)
{
    (void)state;
    uint8_t data[1024];
    begin_with_routes();
    assert_int_equal(come(&carol, "carol", "CAROL"), RILL_OK);
    turn();
    size_t len = update_of("g.far", data, sizeof data);
    assert_int_equal(tell(&carol, 1, "peer.route.update", data, len), RILL_ILP_FULFILL);
    turn();
    written();
    disconnect(&carol);
    rill_core_free(core);
    rill_arena_clear(&arena);
    warnings = 0;
    assert_int_equal(begin("address: g.x\nstore: {path: b}\naccounts:\n"
                           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"
                           "  bob: {relation: child, asset: USD/2, tokens: env:BOB}\n"
                           "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL}\n"),
                     RILL_OK);
    turn();
    assert_null(store.batch); /* all is as it was */
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    send(&alice, 1, "g.far.bob", 0);
    rejected(&alice, 1, "T01");
    /* She is asked for what she has told since. */
    assert_int_equal(come(&carol, "carol", "CAROL"), RILL_OK);
    turn();
    rill_prepare p;
    rill_ccp_control asked;
    assert_string_equal(destination_of(&carol, &p), "peer.route.control");
    assert_int_equal(rill_ccp_control_decode(&asked, p.data), RILL_OK);
    assert_int_equal(asked.epoch, 1);
    assert_int_equal(asked.table[0], 9);
    send(&alice, 2, "g.far.bob", 0);
    assert_string_equal(destination_of(&carol, &p), "g.far.bob");
    /* She says nothing: it is missing, which is said, and kept. */
    assert_int_equal(warnings, 0);
    now.mono_ns += 46 * RILL_SECOND;
    rill_hub_tick(rill_core_hub(core));
    turn();
    turn();
    assert_int_equal(warnings, 2); /* that she was silent, and which route is missing */
    written();
    send(&alice, 3, "g.far.bob", 0);
    rejected(&alice, 3, "F02");
    for (size_t i = 0; i < store.route_count; i++)
        assert_true(store.routes[i].len == 0 || store.routes[i].prefix[0] == '\0');
}

/* One update a time: from this epoch to the next, with a path that is another one each time. */
static void carol_changes(uint64_t request, uint32_t epoch)
{
    static const uint8_t auth[RILL_CCP_AUTH_LEN];
    uint8_t data[1024];
    char path[16];
    rill_writer w = rill_writer_of(data, sizeof data);
    const rill_ccp_update u = {.table = {9},
                               .current_epoch = epoch + 1,
                               .from_epoch = epoch,
                               .to_epoch = epoch + 1,
                               .hold_down_ms = 45000,
                               .speaker = text("g.carol"),
                               .route_count = 1};
    snprintf(path, sizeof path, "\007g.%05u", (unsigned)epoch);
    const rill_ccp_route route = {
        .prefix = text("g.far"), .hops = 1, .path = text(path), .auth = auth};
    rill_ccp_update_begin(&w, &u);
    rill_ccp_put_route(&w, text(""), &route);
    rill_ccp_begin_withdrawn(&w, 0);
    assert_int_equal(tell(&carol, request, "peer.route.update", data, rill_writer_len(&w)),
                     RILL_ILP_FULFILL);
    turn();
}

/*
 * While the books cannot be written a neighbour says more and more. It fills no memory: what the
 * store lacks then is asked for after the next start.
 */
static void test_routes_that_cannot_be_kept(void **state)
{
    (void)state;
    rill_prepare p;
    rill_ccp_control asked;
    begin_with_routes();
    assert_int_equal(come(&carol, "carol", "CAROL"), RILL_OK);
    turn();
    carol_changes(1, 0);
    assert_non_null(store.batch);
    store.batch = NULL;
    rill_core_written(core, RILL_ERR_IO, "the disk is full");
    for (uint32_t i = 1; i <= 100; i++)
        carol_changes(i + 1, i);
    assert_null(store.batch);
    now.mono_ns += 10 * RILL_SECOND;
    turn();
    written();
    turn();
    assert_non_null(store.batch);
    assert_int_equal(store.batch->route_count, 1); /* that she is to tell all again */
    written();
    turn();
    assert_null(store.batch);
    disconnect(&carol);
    rill_core_free(core);
    rill_arena_clear(&arena);
    assert_int_equal(begin("address: g.x\nstore: {path: b}\naccounts:\n"
                           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"
                           "  bob: {relation: child, asset: USD/2, tokens: env:BOB}\n"
                           "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL}\n"),
                     RILL_OK);
    assert_int_equal(come(&carol, "carol", "CAROL"), RILL_OK);
    turn();
    assert_string_equal(destination_of(&carol, &p), "peer.route.control");
    assert_int_equal(rill_ccp_control_decode(&asked, p.data), RILL_OK);
    assert_int_equal(asked.epoch, 0);
    assert_int_equal(asked.table[0], 0);
}

/* ---- another configuration while routes are learnt ---- */

#define TWO                                                                                        \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 1000}\n"
#define BOB               "  bob: {relation: child, asset: USD/2, tokens: env:BOB}\n"
#define CAROL_WITH(flags) "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL" flags "}\n"

static rill_config fresh;

static void reload(const char *config_text)
{
    rill_core_change *change = NULL;
    assert_int_equal(
        rill_config_read(&fresh, &arena, config_text, strlen(config_text), report, NULL), RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_OK);
    rill_core_apply(change, "test", NULL, NULL);
    config = fresh;
    rill_core_part(core);
    turn();
    if (store.batch != NULL)
        written();
}

static bool knows(const char *prefix)
{
    rill_routing_cursor cursor = {0};
    rill_routing_line line;
    while (rill_routing_next(rill_core_routing(core), &cursor, &line)) {
        if (same(line.prefix, text(prefix)))
            return true;
    }
    return false;
}

static void carol_tells(uint64_t request)
{
    uint8_t data[1024];
    size_t len = update_of("g.far", data, sizeof data);
    assert_int_equal(tell(&carol, request, "peer.route.update", data, len), RILL_ILP_FULFILL);
    turn();
    if (store.batch != NULL)
        written();
    assert_true(knows("g.far"));
}

/* Whatever changes about who tells, no route stays that nobody tells, and no packet is lost. */
static void test_reloads_while_routes_are_learnt(void **state)
{
    rill_prepare p;
    (void)state;
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin(TWO BOB CAROL_WITH("")), RILL_OK);
    turn();
    written();
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&carol, "carol", "CAROL"), RILL_OK);
    turn();
    carol_tells(1);
    /* What is under way when she is heard no more is answered all the same. */
    send(&alice, 1, "g.far.bob", 100);
    assert_string_equal(destination_of(&carol, &p), "g.far.bob");
    reload(TWO BOB CAROL_WITH(", receive-routes: false"));
    assert_false(knows("g.far"));
    send(&alice, 2, "g.far.bob", 0);
    rejected(&alice, 2, "F02");
    fulfill(&carol, fulfillment);
    turn();
    written();
    fulfilled(&alice, 1);
    /* Heard again, she may tell it again; a smaller table takes no more than it has room for. */
    reload(TWO BOB CAROL_WITH(""));
    carol_tells(2);
    reload(TWO BOB CAROL_WITH(", send-routes: false, max-routes: 1"));
    assert_true(knows("g.far"));
    send(&alice, 3, "g.far.bob", 100);
    assert_string_equal(destination_of(&carol, &p), "g.far.bob");
    /* A configured way to the same prefix counts before hers, and hers is there when it goes. */
    reload(TWO BOB CAROL_WITH("") "routes: [{prefix: g.far, account: bob}]\n");
    send(&alice, 4, "g.far.bob", 0);
    rejected(&alice, 4, "T01"); /* bob is not here */
    reload(TWO BOB CAROL_WITH(""));
    /* She is taken out while her answer is due: it still counts. */
    reload(TWO BOB);
    assert_false(knows("g.far"));
    send(&alice, 5, "g.far.bob", 0);
    rejected(&alice, 5, "F02");
    fulfill(&carol, fulfillment);
    turn();
    written();
    fulfilled(&alice, 3);
    nothing_held();
    for (size_t i = 0; i < store.route_count; i++)
        assert_true(store.routes[i].len == 0 || strcmp(store.routes[i].prefix, "g.far") != 0);
}

static rill_i128 amount(int64_t value)
{
    return rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
}

/* Who is taken out gets nothing more, and has its balance when it comes back. */
static void test_an_account_that_goes_and_comes_back(void **state)
{
    rill_prepare p;
    (void)state;
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin(TWO BOB), RILL_OK);
    turn();
    written();
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    send(&alice, 1, "g.x.bob", 100);
    assert_string_equal(destination_of(&bob, &p), "g.x.bob");
    /* His answer is due, which still counts. Nothing else is for him. */
    reload(TWO);
    send(&alice, 2, "g.x.bob", 100);
    rejected(&alice, 2, "F02");
    assert_int_equal(bob.sent_count, 1);
    fulfill(&bob, fulfillment);
    turn();
    written();
    fulfilled(&alice, 1);
    rill_core_part(core);
    disconnect(&bob);     /* he is sent away */
    now.wall_ms += 60000; /* the minute is over whose sums may still change */
    for (unsigned i = 0; i < 3 && rill_core_is_leaving(core); i++) {
        rill_core_part(core);
        turn();
        if (store.batch != NULL)
            written();
    }
    assert_false(rill_core_is_leaving(core));
    assert_int_equal(rill_core_accounts(core), 1);
    reload(TWO BOB);
    assert_int_equal(rill_core_accounts(core), 2);
    assert_true(rill_wide_equal(rill_core_account(core, 1)->balance.booked, amount(100)));
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    send(&alice, 3, "g.x.bob", 10);
    assert_string_equal(destination_of(&bob, &p), "g.x.bob");
    fulfill(&bob, fulfillment);
    turn();
    written();
    fulfilled(&alice, 3);
    assert_true(rill_wide_equal(rill_core_account(core, 1)->balance.booked, amount(110)));
}

/* Whoever came with a token that is not good any more has to come again. */
static void test_a_token_that_is_not_good_any_more(void **state)
{
    static fake other;
    (void)state;
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin(TWO BOB), RILL_OK);
    turn();
    written();
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    reload(TWO "  bob: {relation: child, asset: USD/2, tokens: env:NEW}\n");
    assert_true(bob.closed);
    assert_false(alice.closed);
    assert_int_equal(come(&other, "bob", "BOB"), RILL_ERR_AUTH);
    assert_int_equal(come(&other, "bob", "NEW"), RILL_OK);
    disconnect(&other);
}

/* A route to a child's address is refused, and the child keeps its packets. */
static void test_a_refused_route_leaves_the_child(void **state)
{
    static const char wrong[] =
        TWO BOB CAROL_WITH("") "routes: [{prefix: g.x.bob, account: carol}]\n";
    rill_core_change *change = NULL;
    rill_prepare p;
    (void)state;
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin(TWO BOB CAROL_WITH("")), RILL_OK);
    turn();
    written();
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    assert_int_equal(rill_config_read(&fresh, &arena, wrong, strlen(wrong), report, NULL), RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_ERR_INVALID);
    assert_non_null(strstr(first_problem, "there is a route for this prefix already"));
    send(&alice, 1, "g.x.bob.shop", 100);
    assert_string_equal(destination_of(&bob, &p), "g.x.bob.shop");
    fulfill(&bob, fulfillment);
    turn();
    written();
    fulfilled(&alice, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_routes_are_learnt),
        TEST(test_who_only_asks_is_not_asked_for_routes),
        TEST(test_who_only_asks_is_away_while_the_link_is),
        TEST(test_a_link_that_is_replaced),
        TEST(test_routes_are_kept),
        TEST(test_routes_that_cannot_be_kept),
        TEST(test_reloads_while_routes_are_learnt),
        TEST(test_a_refused_route_leaves_the_child),
        TEST(test_an_account_that_goes_and_comes_back),
        TEST(test_a_token_that_is_not_good_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
