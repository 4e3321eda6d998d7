/* SPDX-License-Identifier: Apache-2.0 */
/* A connector between fake links, with a store that does what it is told, in virtual time. */
#define _POSIX_C_SOURCE 200809L /* mkstemp */

#include "node_world.h"

#include <stdlib.h>
#include <unistd.h>

#include "connector/admin_api.h"
#include "connector/core.h"

typedef struct disk {
    rill_store store; /* first */
    const rill_store_batch *batch;
    bool immediate; /* written in the same turn */
    /* What it has: balances by id. */
    rill_store_account accounts[32];
    char names[32][64];
    rill_i128 booked[32];
    size_t last;
    uint64_t packets; /* of the flow row that came last */
    struct {
        char account[32], prefix[32];
        uint8_t value[200];
        size_t len;
    } routes[8];
    size_t route_count;
    uint64_t kept[8]; /* groups, by run */
    uint64_t run;     /* where there is a list of packets that are out */
} disk;

static rill_flights *flights; /* NULL: there is none */

static disk store;
static rill_core *core;
static rill_arena arena;
static rill_config config;
static rill_crypto *crypto;
static rill_now now;
static bool turn_wanted;
static unsigned drained_count;
static unsigned warnings;
static fake alice, bob, carol, up;
static char first_problem[512];

#define EXAMPLE                                                                                    \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 1000}\n"                  \
    "  bob: {relation: child, asset: EUR/4, tokens: [env:BOB, env:BOB2], most: 50000,"             \
    " segment: b, max-packet: 100000, packets-a-second: 3}\n"                                      \
    "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL, receive-routes: false}\n"          \
    "  up: {relation: parent, asset: USD/2, link: {uri: 'btp+ws://x'}, credit: none,"              \
    " receive-routes: false}\n"                                                                    \
    "rates: {base: USD, spread: 0, prices: {EUR: {price: 2}}}\n"                                   \
    "routes: [{prefix: g.carol, account: carol}]\n"

static void take(rill_store *s, const rill_store_batch *batch)
{
    disk *d = (disk *)s;
    assert_null(d->batch);
    d->batch = batch;
}

static void nothing(rill_store *s)
{
    (void)s;
}

static const rill_store_ops disk_ops = {take, nothing, nothing, NULL};

static void keep_route(const rill_store_route *route)
{
    size_t i = 0;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%.*s", (int)route->prefix.len,
             (const char *)route->prefix.data);
    while (i < store.route_count && (strcmp(store.routes[i].account, route->account) != 0 ||
                                     strcmp(store.routes[i].prefix, prefix) != 0))
        i++;
    assert_in_range(i, 0, 7);
    assert_in_range(route->value.len, 0, sizeof store.routes[i].value);
    if (i == store.route_count)
        store.route_count++;
    snprintf(store.routes[i].account, sizeof store.routes[i].account, "%s", route->account);
    memcpy(store.routes[i].prefix, prefix, sizeof prefix);
    if (route->value.len > 0)
        memcpy(store.routes[i].value, route->value.data, route->value.len);
    store.routes[i].len = route->value.len;
}

/* The disk has the batch, and says so. */
static void written(void)
{
    const rill_store_batch *batch = store.batch;
    assert_non_null(batch);
    for (size_t i = 0; i < batch->account_count; i++) {
        rill_balance_id id = batch->accounts[i].id;
        assert_in_range(id, 1, 31);
        store.accounts[id] = batch->accounts[i];
        snprintf(store.names[id], sizeof store.names[id], "%s %s", batch->accounts[i].name,
                 batch->accounts[i].asset);
        if (id > store.last)
            store.last = id;
    }
    for (size_t i = 0; i < batch->balance_count; i++)
        store.booked[batch->balances[i].id] = batch->balances[i].booked;
    for (size_t i = 0; i < batch->route_count; i++)
        keep_route(&batch->routes[i]);
    if (batch->flow_count > 0)
        store.packets = batch->flows[batch->flow_count - 1].packets;
    if (batch->group != 0) {
        for (uint64_t run = 0; run < store.run; run++)
            store.kept[run] = UINT64_MAX;
        store.kept[store.run] = batch->group;
    }
    store.batch = NULL;
    rill_core_written(core, RILL_OK, "");
}

static rill_now core_now(void *user)
{
    (void)user;
    return now;
}

static void core_wake(void *user, uint64_t deadline)
{
    (void)user;
    (void)deadline;
}

static void core_drained(void *user)
{
    (void)user;
    drained_count++;
}

static void core_soon(void *user)
{
    (void)user;
    turn_wanted = true;
}

static void core_line(void *user, rill_log_level level, const char *line)
{
    (void)user;
    (void)line;
    warnings += level == RILL_LOG_WARNING;
}

/* The name of the variable in lower case is the secret. */
static int core_secret(void *user, const char *where, char *out, size_t cap)
{
    (void)user;
    if (strcmp(where, "env:NONE") == 0)
        return RILL_ERR_NOT_FOUND;
    snprintf(out, cap, "%s", where + 4);
    return RILL_OK;
}

static void report(void *user, rill_place place, const char *problem)
{
    (void)user;
    if (first_problem[0] == '\0')
        snprintf(first_problem, sizeof first_problem, "%u: %s", place.line, problem);
}

static void know_routes(void)
{
    /* The empty prefix comes first, as from a store. */
    for (size_t k = 0; k < 2 * store.route_count; k++) {
        size_t i = k % store.route_count;
        const rill_store_route route = {store.routes[i].account,
                                        text(store.routes[i].prefix),
                                        {store.routes[i].value, store.routes[i].len}};
        if (route.value.len > 0 && (route.prefix.len == 0) == (k < store.route_count))
            assert_int_equal(rill_core_know_route(core, &route), RILL_OK);
    }
}

static int begin(const char *text)
{
    const char *problem = NULL;
    first_problem[0] = '\0';
    assert_int_equal(rill_config_read(&config, &arena, text, strlen(text), report, NULL), RILL_OK);
    const rill_core_options o = {
        .allocator = rill_allocator_default(),
        .config = &config,
        .crypto = crypto,
        .now = core_now,
        .wake = core_wake,
        .drained = core_drained,
        .log = {core_line, NULL, RILL_LOG_DEBUG},
        .soon = core_soon,
        .secret = core_secret,
    };
    assert_int_equal(rill_core_new(&core, &o, &problem), RILL_OK);
    for (rill_balance_id id = 1; id <= store.last; id++) {
        rill_store_account a = store.accounts[id];
        char name[64];
        char *space;
        snprintf(name, sizeof name, "%s", store.names[id]);
        space = strchr(name, ' ');
        *space = '\0';
        a.name = name;
        a.asset = space + 1;
        assert_int_equal(rill_core_know(core, &a, store.booked[id]), RILL_OK);
    }
    know_routes();
    if (flights != NULL) {
        assert_int_equal(rill_core_list_flights(core, flights), RILL_OK);
        for (uint64_t run = 1; run <= store.run; run++)
            rill_core_know_run(core, run, store.kept[run]);
        rill_flights_begin(flights, ++store.run);
    }
    return rill_core_begin(core, &store.store, report, NULL);
}

static void turn(void)
{
    turn_wanted = false;
    rill_core_turn(core);
}

static int set_up(void **state)
{
    (void)state;
    store = (disk){.store = {&disk_ops}};
    now = (rill_now){RILL_SECOND, WALL};
    crypto = rill_crypto_new(rill_allocator_default());
    rill_arena_init(&arena, rill_allocator_default());
    turn_wanted = false;
    warnings = 0;
    assert_int_equal(begin(EXAMPLE), RILL_OK);
    assert_true(turn_wanted);
    turn();
    written();
    return 0;
}

static int come(fake *f, const char *name, const char *token)
{
    const rill_link_handlers *handlers = NULL;
    memset(f, 0, sizeof *f);
    f->link.ops = &fake_ops;
    int rc = rill_core_admit(&handlers, &f->link.user, core, &f->link, text(name), text(token));
    if (rc != RILL_OK) {
        f->link.ops = NULL;
        return rc;
    }
    f->link.on = *handlers;
    f->link.on.up(&f->link, f->link.user);
    return RILL_OK;
}

static void all_come(void)
{
    const rill_link_handlers *handlers = NULL;
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "", "BOB2"), RILL_OK);
    assert_int_equal(come(&carol, "carol", "CAROL"), RILL_OK);
    memset(&up, 0, sizeof up);
    up.link.ops = &fake_ops;
    assert_int_equal(rill_hub_attach(&handlers, &up.link.user, rill_core_hub(core), &up.link,
                                     rill_core_account(core, 3)->account),
                     RILL_OK);
    up.link.on = *handlers;
    up.link.on.up(&up.link, up.link.user);
    turn_wanted = false;
}

static void end(void)
{
    disconnect(&alice);
    disconnect(&bob);
    disconnect(&carol);
    disconnect(&up);
    rill_hub_abandon(rill_core_hub(core));
    assert_true(rill_core_is_even(core));
    rill_core_free(core);
    core = NULL;
}

static int tear_down(void **state)
{
    (void)state;
    end();
    rill_arena_clear(&arena);
    rill_crypto_free(crypto);
    return 0;
}

static void booked(size_t account, int64_t value)
{
    const rill_balance *b = &rill_core_account(core, account)->balance;
    rill_i128 want = rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
    assert_true(rill_wide_equal(b->booked, want));
}

static void nothing_held(void)
{
    for (size_t i = 0; i < rill_core_accounts(core); i++) {
        const rill_balance *b = &rill_core_account(core, i)->balance;
        assert_int_equal(b->held.low, 0);
        assert_int_equal(b->coming.low, 0);
    }
}

static void send(fake *from, uint64_t request, const char *to, uint64_t amount)
{
    rill_prepare p = prepare_to(to);
    p.amount = amount;
    p.expires_at_ms = now.wall_ms + 10000;
    ask(from, request, &p);
}

enum { ALICE, BOB, CAROL, UP };

/* A Fulfill leaves only when its booking is in the store. */
static void test_a_payment_between_two_assets(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    assert_int_equal(last_sent(&bob).amount, 5000); /* 1.00 USD are 0.5000 EUR */
    assert_int_equal(last_sent(&bob).expires_at_ms, now.wall_ms + 9000);
    booked(ALICE, 0);
    fulfill(&bob, fulfillment);
    booked(ALICE, -100);
    booked(BOB, 5000);
    assert_null(answer_to(&alice, 1));
    assert_true(turn_wanted);
    turn();
    assert_null(answer_to(&alice, 1));
    assert_int_equal(store.batch->balance_count, 4);
    written();
    fulfilled(&alice, 1);
    assert_int_equal(store.packets, 1);
    nothing_held();
    assert_true(rill_core_is_even(core));
    /* The Fulfill is the one that came. */
    rill_fulfill got;
    const kept *k = answer_to(&alice, 1);
    assert_int_equal(rill_fulfill_decode(&got, k->packet, k->len), RILL_OK);
    assert_true(same(got.data, text("reply")));
}

static void test_a_second_answer_changes_nothing(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    fulfill(&bob, fulfillment);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    /* Its time passes while the store writes. */
    now.mono_ns += 20 * RILL_SECOND;
    now.wall_ms += 20000;
    rill_hub_tick(rill_core_hub(core));
    booked(ALICE, -100);
    booked(BOB, 5000);
    turn();
    written();
    fulfilled(&alice, 1);
}

static void test_rejects_and_expiry_give_back(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 1000);
    send(&alice, 2, "g.x.b.server", 1);
    rejected(&alice, 2, "T04"); /* all of alice's credit is held */
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    rejected(&alice, 1, "F99");
    nothing_held();
    send(&alice, 3, "g.x.b.server", 1000);
    now.mono_ns += 9 * RILL_SECOND;
    now.wall_ms += 9000;
    rill_hub_tick(rill_core_hub(core));
    rejected(&alice, 3, "R00");
    fulfill(&bob, fulfillment); /* too late */
    nothing_held();
    booked(ALICE, 0);
    booked(BOB, 0);
    assert_false(turn_wanted);
}

static void test_limits_of_both_sides(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 1001);
    rejected(&alice, 1, "T04");
    /* The node may owe bob 50,000. */
    rill_core_account(core, ALICE)->balance.credit = RILL_NO_LIMIT;
    send(&alice, 2, "g.x.b.server", 1001);
    rejected(&alice, 2, "T04");
    send(&alice, 3, "g.x.b.server", 1000);
    assert_null(answer_to(&alice, 3));
    send(&alice, 4, "g.x.b.server", 1);
    rejected(&alice, 4, "T04");
    /* Who has nothing can send nothing, but for packets of 0. */
    send(&carol, 5, "g.x.alice", 1);
    rejected(&carol, 5, "T04");
    send(&carol, 6, "g.x.alice", 0);
    assert_int_equal(last_sent(&alice).amount, 0);
}

static void test_limits_of_packets(void **state)
{
    (void)state;
    all_come();
    rill_core_account(core, BOB)->balance.credit = RILL_NO_LIMIT;
    send(&bob, 1, "g.x.alice", 100001);
    rill_reject r = rejected(&bob, 1, "F08");
    assert_int_equal(r.data.len, 16);
    assert_int_equal(r.data.data[14] << 8 | r.data.data[15], 100000 & 0xffff);
    send(&bob, 2, "g.x.alice", 100000);
    assert_int_equal(last_sent(&alice).amount, 2000);
    send(&bob, 3, "g.x.alice", 49);
    assert_int_equal(last_sent(&alice).amount, 0); /* less than a cent */
    send(&bob, 4, "g.x.alice", 50);
    rejected(&bob, 4, "T05");
    rill_core_account(core, ALICE)->balance.credit = RILL_NO_LIMIT;
    send(&alice, 5, "g.x.b.server", UINT64_MAX);
    rejected(&alice, 5, "F03");
}

static void test_routes(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.carol.shop", 1);
    assert_true(same(last_sent(&carol).destination, text("g.carol.shop")));
    send(&alice, 2, "g.elsewhere", 2);
    assert_int_equal(last_sent(&up).amount, 2);
    send(&up, 3, "g.x.alice.1", 3);
    assert_int_equal(last_sent(&alice).amount, 3);
    /* A child is known by its segment, not by its name; never back to where it came from. */
    send(&alice, 4, "g.x.bob", 1);
    rejected(&alice, 4, "F02");
    send(&alice, 7, "g.x.carol", 1);
    rejected(&alice, 7, "F02");
    send(&alice, 8, "g.x.b", 1);
    assert_int_equal(last_sent(&bob).amount, 50);
    send(&up, 5, "g.elsewhere", 1);
    rejected(&up, 5, "F02");
    send(&alice, 6, "g.x.alice.2", 1);
    rejected(&alice, 6, "F02");
}

static void test_only_its_own_tokens(void **state)
{
    (void)state;
    fake stranger;
    assert_int_equal(come(&stranger, "", "NOBODY"), RILL_ERR_AUTH);
    assert_int_equal(come(&stranger, "", ""), RILL_ERR_AUTH);
    assert_int_equal(come(&stranger, "bob", "ALICE"), RILL_ERR_AUTH);
    assert_int_equal(come(&stranger, "nobody", "ALICE"), RILL_ERR_AUTH);
    assert_int_equal(come(&stranger, "up", "ALICE"), RILL_ERR_AUTH);
    assert_int_equal(come(&alice, "", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
}

static void test_ildcp_tells_children_alone(void **state)
{
    (void)state;
    uint8_t packet[512];
    size_t len = 0;
    rill_ildcp_info info;
    all_come();
    assert_int_equal(rill_ildcp_request_encode(now.wall_ms + 5000, packet, sizeof packet, &len),
                     RILL_OK);
    bob.link.on.prepare(&bob.link, 1, packet, len, bob.link.user);
    const kept *k = answer_to(&bob, 1);
    assert_int_equal(rill_ildcp_response_decode(&info, k->packet, k->len), RILL_OK);
    assert_true(same(info.address, text("g.x.b")));
    assert_true(same(info.asset_code, text("EUR")));
    assert_int_equal(info.asset_scale, 4);
    carol.link.on.prepare(&carol.link, 2, packet, len, carol.link.user);
    rejected(&carol, 2, "F01");
}

/* Nothing is passed on that is not in the books, and nothing new is begun. */
static void test_a_store_that_fails(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    turn();
    store.batch = NULL;
    rill_core_written(core, RILL_ERR_IO, "the disk is full");
    assert_true(warnings > 0);
    send(&alice, 2, "g.x.b.server", 100);
    rejected(&alice, 2, "T00");
    assert_null(answer_to(&alice, 1));
    assert_true(rill_core_deadline(core) != RILL_NEVER);
    now.mono_ns = rill_core_deadline(core);
    turn();
    written();
    fulfilled(&alice, 1);
    send(&alice, 3, "g.x.b.server", 100);
    assert_null(answer_to(&alice, 3));
    assert_int_equal(bob.sent_count, 2);
}

/* What was sent on for who left since may be fulfilled: it is owed, and the node bears it. */
static void test_the_source_leaves(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    disconnect(&alice);
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 1);
    fulfill(&bob, fulfillment);
    booked(ALICE, 0);
    booked(BOB, 5000);
    nothing_held();
    turn();
    written();
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
    assert_true(rill_core_is_even(core));
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    send(&alice, 1, "g.x.b.server", 100);
    disconnect(&alice);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    nothing_held();
    /* It leaves between the Fulfill and its booking. */
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    disconnect(&alice);
    turn();
    written();
    booked(ALICE, -100);
    assert_int_equal(rill_hub_open(rill_core_hub(core)), 0);
}

static void test_draining_waits_for_the_store(void **state)
{
    (void)state;
    all_come();
    drained_count = 0;
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    rill_hub_drain(rill_core_hub(core));
    rill_hub_abandon(rill_core_hub(core));
    assert_int_equal(drained_count, 0);
    turn();
    written();
    assert_int_equal(drained_count, 1);
    fulfilled(&alice, 1);
}

/* Another process has the same books. */
static void test_after_a_restart(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 600);
    fulfill(&bob, fulfillment);
    turn();
    written();
    size_t balances = store.last;
    end();
    assert_int_equal(begin(EXAMPLE), RILL_OK);
    turn();
    assert_null(store.batch); /* nothing is new */
    assert_int_equal(store.last, balances);
    booked(ALICE, -600);
    booked(BOB, 30000);
    assert_true(rill_core_is_even(core));
    all_come();
    send(&alice, 1, "g.x.b.server", 401);
    rejected(&alice, 1, "T04");
    end();
    /* Bob is gone from the configuration, and alice has another asset: the books stay even. */
    assert_int_equal(begin("address: g.x\nstore: {path: b}\naccounts:\n"
                           "  alice: {relation: child, asset: USD/4, tokens: env:ALICE}\n"),
                     RILL_OK);
    turn();
    written();
    booked(ALICE, 0);
    assert_true(rill_core_is_even(core));
    alice.link.ops = bob.link.ops = carol.link.ops = up.link.ops = NULL;
}

static rill_admin_answer asked(const char *method, const char *path, const char *body, bool known)
{
    rill_admin_answer answer;
    const rill_admin_request r = {text(method), text(path), text(body), known};
    rill_admin_ask(core, NULL, &r, &answer);
    return answer;
}

static void answered(const char *method, const char *path, const char *body, unsigned status,
                     const char *part)
{
    rill_admin_answer answer = asked(method, path, body, true);
    assert_int_equal(answer.status, status);
    assert_non_null(answer.body);
    if (strstr(answer.body, part) == NULL)
        fail_msg("%s is not in %s", part, answer.body);
    rill_admin_free(&answer);
}

/* ---- killed ---- */

static char flights_path[64];
static uint8_t left[(RILL_FLIGHTS_MAX + 1) * 64];

static void open_flights(void)
{
    char problem[200];
    assert_int_equal(rill_flights_open(&flights, rill_allocator_default(), flights_path, problem,
                                       sizeof problem),
                     RILL_OK);
}

/* Begins again with a list. */
static void with_flights(void)
{
    snprintf(flights_path, sizeof flights_path, "/tmp/rill-flights-XXXXXX");
    int fd = mkstemp(flights_path);
    assert_true(fd >= 0 && close(fd) == 0);
    end();
    open_flights();
    assert_int_equal(begin(EXAMPLE), RILL_OK);
    all_come();
}

static void nobody(void)
{
    alice.link.ops = bob.link.ops = carol.link.ops = up.link.ops = NULL;
}

static void without_flights(void)
{
    end();
    nobody();
    rill_flights_close(flights);
    flights = NULL;
    assert_int_equal(unlink(flights_path), 0);
    assert_int_equal(begin(EXAMPLE), RILL_OK);
}

/* The process ends at this moment: what the file has now is what the next one finds. */
static void killed(const char *text)
{
    FILE *file = fopen(flights_path, "r");
    assert_int_equal(fread(left, 1, sizeof left, file), sizeof left);
    fclose(file);
    store.batch = NULL;
    end();
    nobody();
    rill_flights_close(flights);
    file = fopen(flights_path, "w");
    assert_int_equal(fwrite(left, 1, sizeof left, file), sizeof left);
    fclose(file);
    open_flights();
    assert_int_equal(begin(text), RILL_OK);
}

static size_t listed(void)
{
    size_t cursor = 0;
    size_t count = 0;
    rill_core_flight f;
    while (rill_core_next_flight(core, &cursor, &f))
        count++;
    return count;
}

/* What was fulfilled and not kept is booked at the next start, once, and the source owes nothing.
 */
static void test_killed_before_a_booking(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    turn(); /* the disk has it, and does not say so any more */
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 1);
    assert_int_equal(listed(), 0);
    booked(ALICE, 0);
    booked(BOB, 5000);
    assert_true(rill_core_is_even(core));
    /* Killed again before that is kept: it is booked again, of the books as they were. */
    turn();
    killed(EXAMPLE);
    booked(BOB, 5000);
    turn();
    written();
    assert_int_equal(rill_flights_count(flights), 0);
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 0);
    booked(BOB, 5000);
    assert_true(rill_core_is_even(core));
    without_flights();
}

/* Kept by the store, though the process died before it heard of it: nothing is booked again. */
static void test_killed_after_a_booking(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    turn();
    const uint64_t run = store.run;
    FILE *file = fopen(flights_path, "r");
    assert_int_equal(fread(left, 1, sizeof left, file), sizeof left);
    fclose(file);
    written();
    assert_int_equal(rill_flights_count(flights), 0);
    end();
    nobody();
    rill_flights_close(flights);
    file = fopen(flights_path, "w");
    assert_int_equal(fwrite(left, 1, sizeof left, file), sizeof left);
    fclose(file);
    open_flights();
    assert_int_equal(rill_flights_count(flights), 1);
    assert_true(store.kept[run] > 0);
    assert_int_equal(begin(EXAMPLE), RILL_OK);
    assert_int_equal(rill_core_recovered(core), 0);
    assert_int_equal(rill_flights_count(flights), 0);
    booked(ALICE, -100);
    booked(BOB, 5000);
    without_flights();
}

/* What was out is listed, and held, until it has expired; also through another kill. */
static void test_killed_while_a_packet_is_out(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 900);
    send(&alice, 2, "g.x.b.server", 50);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, ""); /* the second */
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 0);
    assert_int_equal(listed(), 1);
    answered("GET", "/v1/in-flight", "", 200,
             "\"from\":\"alice\",\"to\":\"bob\",\"taken\":\"900\"");
    all_come();
    send(&alice, 1, "g.x.b.server", 101);
    rejected(&alice, 1, "T04");
    send(&alice, 2, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    turn();
    written();
    killed(EXAMPLE);
    assert_int_equal(listed(), 1);
    booked(ALICE, -100);
    uint64_t next = rill_core_expire_flights(core);
    assert_int_equal(next, now.mono_ns + 9 * RILL_SECOND);
    assert_int_equal(listed(), 1);
    now.mono_ns += 9 * RILL_SECOND;
    now.wall_ms += 9000;
    assert_int_equal(rill_core_expire_flights(core), RILL_NEVER);
    assert_int_equal(listed(), 0);
    assert_int_equal(rill_flights_count(flights), 0);
    nothing_held();
    all_come();
    send(&alice, 1, "g.x.b.server", 900);
    answered("GET", "/v1/in-flight", "", 200, "{\"open\":1,\"from_before\":[]");
    without_flights();
}

/* What was fulfilled between accounts that are gone stays listed until they are back. */
static void test_killed_and_an_account_is_gone(void **state)
{
    (void)state;
    with_flights();
    send(&alice, 1, "g.x.b.server", 100);
    fulfill(&bob, fulfillment);
    killed("address: g.x\nstore: {path: b}\naccounts:\n"
           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n");
    assert_int_equal(rill_core_recovered(core), 0);
    assert_int_equal(listed(), 1);
    now.wall_ms += 3600000;
    assert_int_equal(rill_core_expire_flights(core), RILL_NEVER);
    assert_int_equal(listed(), 1);
    answered("GET", "/v1/in-flight", "", 200, "\"to\":null");
    killed(EXAMPLE);
    assert_int_equal(rill_core_recovered(core), 1);
    booked(BOB, 5000);
    turn();
    written();
    without_flights();
}

static void test_why_packets_were_rejected(void **state)
{
    (void)state;
    all_come();
    answered("GET", "/v1/accounts/alice/rejects", "", 200, "\"rejects\":[],\"others\":0");
    send(&alice, 1, "g.none", 1);
    for (uint64_t i = 2; i < 5; i++) {
        send(&alice, i, "g.x.b.server", 1);
        reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    }
    send(&alice, 5, "g.x.b.server", 1001);
    answered("GET", "/v1/accounts/alice/rejects", "", 200,
             "\"rejects\":[{\"code\":\"F99\",\"name\":\"Application Error\",\"by\":\"bob\"");
    answered("GET", "/v1/accounts/alice/rejects", "", 200, "\"message\":\"no\",\"count\":3");
    answered("GET", "/v1/accounts/alice/rejects", "", 200,
             "{\"code\":\"T04\",\"name\":\"Insufficient "
             "Liquidity\",\"by\":null,\"triggered_by\":\"g.x\"");
    answered("GET", "/v1/accounts/bob/rejects", "", 200, "\"rejects\":[]");
    /* What others write is cut, and cannot move a cursor; of too many reasons the number is kept.
     */
    rill_rejects all = {.count = 0};
    char address[200];
    memset(address, 'x', sizeof address);
    rill_reject r = {.code = rill_ilp_code_of(RILL_ILP_F99_APPLICATION_ERROR),
                     .triggered_by = {(const uint8_t *)address, sizeof address},
                     .message = text("no\x1b[31m\n")};
    rill_rejects_count(&all, &r, 7, 1);
    assert_string_equal(all.rows[0].message, "no?[31m?");
    assert_int_equal(strlen(all.rows[0].triggered_by), RILL_REJECTS_TEXT - 1);
    for (rill_balance_id by = 0; by < 20; by++) {
        rill_rejects_count(&all, &r, by, 2);
        assert_in_range(all.count, 1, RILL_REJECTS_KEPT);
    }
    assert_int_equal(all.rows[0].count, 2);
    assert_int_equal(all.count, RILL_REJECTS_KEPT);
    assert_int_equal(all.others, 4);
}

static void test_what_operators_see(void **state)
{
    (void)state;
    static const char *const secret[] = {"/v1/accounts", "/v1/accounts/alice", "/metrics", "/none"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        rill_admin_answer answer = asked("GET", secret[i], "", false);
        assert_int_equal(answer.status, 401);
        assert_null(strstr(answer.body, "alice"));
        rill_admin_free(&answer);
    }
    rill_admin_answer answer = asked("POST", "/v1/accounts/alice/entries", "{}", false);
    assert_int_equal(answer.status, 401);
    rill_admin_free(&answer);
    answer = asked("GET", "/readyz", "", false);
    assert_int_equal(answer.status, 200);
    rill_admin_free(&answer);
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    answered("GET", "/v1/accounts/alice?x=y", "", 200, "\"held\":\"100\"");
    answered("GET", "/v1/accounts/bob", "", 200, "\"coming\":\"5000\",\"credit\":\"0\"");
    fulfill(&bob, fulfillment);
    answered("GET", "/v1/accounts/alice", "", 200, "\"balance\":\"-100\",\"held\":\"0\"");
    answered("GET", "/v1/accounts", "", 200, "{\"accounts\":[{\"name\":\"alice\"");
    answered("GET", "/metrics", "", 200,
             "ilp_connector_balance{account=\"bob\",asset=\"EUR\",scale=\"4\"} 5000\n");
    answered("GET", "/v1/accounts/", "", 404, "no such account");
    answered("GET", "/v1/accounts/alice/", "", 404, "no such resource");
    answered("GET", "/v1/accounts/alice/entries", "", 405, "POST");
    answered("PUT", "/v1/accounts", "", 405, "GET");
    turn();
    written();
}

static rill_store_look *looked_for;
static unsigned drains;
static rill_log_level level_now;

static void control_look(void *user, rill_store_look *look)
{
    (void)user;
    looked_for = look;
}

static void control_drain(void *user)
{
    (void)user;
    drains++;
}

static rill_log_level control_level(void *user)
{
    (void)user;
    return level_now;
}

static void control_set_level(void *user, rill_log_level level)
{
    (void)user;
    level_now = level;
}

static int load_rc;

static int control_load(void *user, const char *who, json_t *changes, json_t *problems)
{
    (void)user;
    assert_string_equal(who, "me");
    json_array_append_new(load_rc == RILL_OK ? changes : problems, json_string("a line"));
    return load_rc;
}

static const rill_admin_control control = {control_look,      control_drain, control_level,
                                           control_set_level, control_load,  NULL};

static rill_admin_answer told(const char *method, const char *path, const char *body)
{
    rill_admin_answer answer;
    const rill_admin_request r = {text(method), text(path), text(body), true};
    rill_admin_ask(core, &control, &r, &answer);
    return answer;
}

static void told_is(const char *method, const char *path, const char *body, unsigned status,
                    const char *part)
{
    rill_admin_answer answer = told(method, path, body);
    assert_int_equal(answer.status, status);
    if (answer.body == NULL || strstr(answer.body, part) == NULL)
        fail_msg("%s is not in %s", part, answer.body);
    rill_admin_free(&answer);
}

/* Every resource but the two for probes is closed to whoever shows no token. */
static void test_who_may_ask(void **state)
{
    (void)state;
    const char *method;
    const char *path;
    for (size_t i = 0; (path = rill_admin_resource(i, &method)) != NULL; i++) {
        rill_admin_answer answer = asked(method, path, "", false);
        bool open = strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0 ||
                    strcmp(path, "/v1/openapi.json") == 0;
        assert_int_equal(answer.status, open ? 200 : 401);
        rill_admin_free(&answer);
    }
    answered("GET", "/v1/audit", "", 503, "cannot do that");
}

static size_t operations_of(const json_t *paths)
{
    const char *path;
    const json_t *operations;
    size_t count = 0;
    json_object_foreach((json_t *)(uintptr_t)paths, path, operations) count +=
        json_object_size(operations);
    return count;
}

/* The document has every resource with its method, and no other. */
static void test_the_document_is_the_code(void **state)
{
    (void)state;
    const char *method;
    const char *path;
    size_t count = 0;
    rill_admin_answer answer = asked("GET", "/v1/openapi.json", "", false);
    assert_int_equal(answer.status, 200);
    json_t *document = json_loads(answer.body, JSON_REJECT_DUPLICATES, NULL);
    const json_t *paths = json_object_get(document, "paths");
    assert_non_null(paths);
    for (; (path = rill_admin_resource(count, &method)) != NULL; count++) {
        char lower[8] = "";
        for (size_t i = 0; method[i] != '\0'; i++)
            lower[i] = (char)(method[i] | 0x20);
        const json_t *operation = json_object_get(json_object_get(paths, path), lower);
        if (operation == NULL)
            fail_msg("%s %s is not documented", method, path);
        bool open = json_object_get(operation, "security") != NULL;
        rill_admin_answer got = asked(method, path, "", false);
        assert_int_equal(open, got.status == 200);
        rill_admin_free(&got);
    }
    assert_int_equal(operations_of(paths), count);
    json_decref(document);
    rill_admin_free(&answer);
}

static void test_what_the_node_says(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    told_is("GET", "/v1/node", "", 200, "\"state\":\"ready\",\"open\":1,\"accounts\":4");
    fulfill(&bob, fulfillment);
    told_is("GET", "/v1/assets", "", 200,
            "{\"code\":\"USD\",\"scale\":2,\"exchange\":\"100\",\"outside\":\"0\","
            "\"owed_to_accounts\":\"0\",\"owed_by_accounts\":\"100\"}");
    told_is("GET", "/v1/rates", "", 200, "{\"code\":\"EUR\",\"price\":\"2\",\"state\":\"fixed\"}");
    told_is("GET", "/v1/rates", "", 200,
            "\"units\":\"100\",\"brings\":\"5000\",\"state\":\"good\"");
    told_is("GET", "/v1/log-level", "", 200, "warning");
    told_is("PUT", "/v1/log-level", "{\"level\":\"debug\",\"who\":\"me\"}", 200, "debug");
    assert_int_equal(level_now, RILL_LOG_DEBUG);
    told_is("PUT", "/v1/log-level", "{\"level\":\"loud\"}", 400, "warning, info or debug");
    told_is("PUT", "/v1/log-level", "{\"level\":7}", 400, "warning, info or debug");
    told_is("PUT", "/v1/log-level", "[]", 400, "object");
    told_is("DELETE", "/v1/log-level", "", 405, "GET, PUT");
    load_rc = RILL_OK;
    told_is("POST", "/v1/reload", "{\"who\":\"me\"}", 200, "{\"changes\":[\"a line\"]}");
    load_rc = RILL_ERR_MALFORMED;
    told_is("POST", "/v1/reload", "{\"who\":\"me\"}", 422, "\"problems\":[\"a line\"]");
    load_rc = RILL_ERR_STATE;
    told_is("POST", "/v1/reload", "{\"who\":\"me\"}", 409, "has not begun");
    told_is("POST", "/v1/reload", "{\"who\":7}", 400, "who");
    told_is("POST", "/v1/drain", "{\"who\":7}", 400, "who");
    assert_int_equal(drains, 0);
    told_is("POST", "/v1/drain", "", 202, "{\"open\":1}"); /* it waits for the store */
    assert_int_equal(drains, 1);
    turn();
    /* Who changed what is in the audit. */
    assert_int_equal(store.batch->entry_count, 2);
    assert_int_equal(store.batch->entries[0].kind, RILL_ENTRY_CHANGE);
    assert_string_equal(store.batch->entries[0].who, "me");
    assert_string_equal(store.batch->entries[0].note, "log-level debug");
    assert_string_equal(store.batch->entries[1].who, "api");
    assert_int_equal(store.batch->entries[0].amount, 0);
    written();
    assert_true(rill_core_is_even(core));
}

static void test_looks_are_begun(void **state)
{
    (void)state;
    rill_admin_answer answer = told("GET", "/v1/audit", "");
    assert_non_null(answer.look);
    assert_int_equal(answer.look->look.kind, RILL_LOOK_AUDIT);
    rill_admin_answer found;
    answer.look->look.audit.broken_entries = 1;
    rill_admin_answer_look(answer.look, &found);
    assert_non_null(strstr(found.body, "\"good\":false"));
    rill_admin_free(&found);
    answer.look->look.rc = RILL_ERR_LIMIT;
    rill_admin_answer_look(answer.look, &found);
    assert_int_equal(found.status, 413);
    rill_admin_free(&found);
    rill_admin_free_look(answer.look);
    answer = told(
        "GET",
        "/v1/accounts/bob/statement?from=2026-11-01&to=2026-11-02T00%3A00Z&step=hour&format=csv",
        "");
    assert_non_null(answer.look);
    assert_true(answer.look->csv);
    assert_int_equal(answer.look->look.step_minutes, 60);
    assert_int_equal(answer.look->look.to_ms - answer.look->look.from_ms, 86400000);
    answer.look->look.statement.opening = answer.look->look.statement.closing =
        rill_wide_signed(rill_wide(7));
    rill_admin_answer_look(answer.look, &found);
    assert_string_equal(found.body, "time,kind,with,packets,change,balance,who,note,key\r\n"
                                    "2026-11-01T00:00:00.000Z,opening,,,,7,,,\r\n"
                                    "2026-11-02T00:00:00.000Z,closing,,,,7,,,\r\n");
    rill_admin_free(&found);
    rill_admin_free_look(answer.look);
    static const char *const wrong[] = {"from=x",
                                        "to=2026-11-01T00%3",
                                        "to=%zz",
                                        "step=week",
                                        "format=xml",
                                        "from=2026-11-02&to=2026-11-02",
                                        "from=2026%00-11-02"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char path[100];
        snprintf(path, sizeof path, "/v1/accounts/bob/statement?%s", wrong[i]);
        told_is("GET", path, "", 400, "error");
    }
    told_is("GET", "/v1/accounts/none/statement", "", 404, "no such account");
}

#define ENTRY(kind, amount, key)                                                                   \
    "{\"kind\":\"" kind "\",\"amount\":\"" amount "\",\"who\":\"me\",\"key\":\"" key "\"}"

/* The answer is true once the entry is in the books; and asking again books nothing. */
static void test_what_operators_enter(void **state)
{
    (void)state;
    static const char where[] = "/v1/accounts/alice/entries";
    rill_admin_answer answer = asked("POST", where, ENTRY("deposit", "70", "k"), true);
    assert_int_equal(answer.status, 201);
    assert_true(answer.group != 0);
    assert_false(rill_core_has_kept(core, answer.group));
    assert_true(turn_wanted);
    turn();
    assert_int_equal(store.batch->entry_count, 1);
    assert_string_equal(store.batch->entries[0].who, "me");
    written();
    assert_true(rill_core_has_kept(core, answer.group));
    rill_admin_free(&answer);
    booked(ALICE, 70);
    /* Who asks again before the first is kept waits for it, too. */
    answer = asked("POST", where, ENTRY("deposit", "5", "early"), true);
    const uint64_t group = answer.group;
    rill_admin_free(&answer);
    answer = asked("POST", where, ENTRY("deposit", "5", "early"), true);
    assert_int_equal(answer.status, 200);
    assert_true(group != 0 && answer.group == group);
    assert_false(rill_core_has_kept(core, answer.group));
    rill_admin_free(&answer);
    answered("POST", where, ENTRY("withdrawal", "5", ""), 201, "\"balance\":\"70\"");
    answered("POST", where, ENTRY("deposit", "70", "k"), 200, "\"balance\":\"70\"");
    answered("POST", where, ENTRY("deposit", "71", "k"), 409, "this key");
    answered("POST", where, ENTRY("withdrawal", "20", ""), 201, "\"balance\":\"50\"");
    answered("POST", where, ENTRY("settled-out", "18446744073709551615", ""), 201,
             "\"balance\":\"-18446744073709551565\"");
    static const char *const wrong[] = {
        "",
        "7",
        "[]",
        "{",
        "{}",
        ENTRY("gift", "1", ""),
        ENTRY("deposit", "0", ""),
        ENTRY("deposit", "18446744073709551616", ""),
        ENTRY("deposit", "1.5", ""),
        "{\"kind\":\"deposit\",\"amount\":5,\"who\":\"me\"}",
        "{\"kind\":\"deposit\",\"amount\":\"5\"}",
        "{\"kind\":\"deposit\",\"amount\":\"5\",\"amount\":\"6\",\"who\":\"me\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        answered("POST", where, wrong[i], 400, "error");
    assert_true(rill_core_is_even(core));
    /* A key of the store, from before. */
    const rill_store_entry before = {.account = rill_core_account(core, ALICE)->balance.id,
                                     .kind = RILL_ENTRY_DEPOSIT,
                                     .amount = 9,
                                     .key = "old"};
    assert_int_equal(rill_core_know_key(core, &before), RILL_OK);
    answered("POST", where, ENTRY("deposit", "9", "old"), 200, "balance");
}

static void refused(const char *text, const char *why)
{
    end();
    assert_int_equal(begin(text), RILL_ERR_INVALID);
    assert_string_equal(first_problem, why);
}

static void test_what_cannot_begin(void **state)
{
    (void)state;
#define ACCOUNTS(rest) "address: g.x\nstore: {path: b}\naccounts:\n" rest
    refused(ACCOUNTS("  a: {relation: child, asset: USD/2, tokens: env:T}\n"
                     "  b: {relation: child, asset: USD/2, tokens: env:T}\n"),
            "5: b: another account has the same token");
    refused(ACCOUNTS("  a: {relation: child, asset: USD/2, tokens: env:NONE}\n"),
            "4: a: the token env:NONE cannot be read: there is none");
    refused(ACCOUNTS("  a: {relation: child, asset: USD/2, tokens: env:T}\n"
                     "  b: {relation: child, asset: USD/2, tokens: env:U, segment: a}\n"),
            "5: b: another child has the same address");
    refused(ACCOUNTS("  a: {relation: child, asset: USD/2, tokens: env:T}\n"
                     "routes: [{prefix: g.y, account: a}, {prefix: g.y, account: a}]\n"),
            "5: g.y: there is a route for this prefix already");
}

/* ---- what neighbours tell ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_a_payment_between_two_assets),
        TEST(test_a_second_answer_changes_nothing),
        TEST(test_rejects_and_expiry_give_back),
        TEST(test_limits_of_both_sides),
        TEST(test_limits_of_packets),
        TEST(test_routes),
        TEST(test_only_its_own_tokens),
        TEST(test_ildcp_tells_children_alone),
        TEST(test_a_store_that_fails),
        TEST(test_the_source_leaves),
        TEST(test_draining_waits_for_the_store),
        TEST(test_after_a_restart),
        TEST(test_killed_before_a_booking),
        TEST(test_killed_after_a_booking),
        TEST(test_killed_while_a_packet_is_out),
        TEST(test_killed_and_an_account_is_gone),
        TEST(test_why_packets_were_rejected),
        TEST(test_what_operators_see),
        TEST(test_what_operators_enter),
        TEST(test_who_may_ask),
        TEST(test_the_document_is_the_code),
        TEST(test_what_the_node_says),
        TEST(test_looks_are_begun),
        TEST(test_what_cannot_begin),
        TEST(test_routes_are_learnt),
        TEST(test_routes_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
