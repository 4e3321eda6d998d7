/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of a connector that do nothing: what they cost, and what they have once they do. */
#include "connector_world.h"

#include "support/failing_memory.h"

#define ALICE_AND(more)                                                                            \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 1000}\n" more
#define BOB_OF(more) "  bob: {relation: child, asset: USD/2, tokens: env:BOB" more "}\n"

static rill_config fresh;

static void begin_with(const char *config_text)
{
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin(config_text), RILL_OK);
    turn();
    written();
}

/* As after a restart: the store has all that it was told. */
static void begin_again(const char *config_text)
{
    end();
    rill_arena_clear(&arena);
    assert_int_equal(begin(config_text), RILL_OK);
    turn();
    if (store.batch != NULL)
        written();
}

static void apply(const char *config_text)
{
    rill_core_change *change = NULL;
    assert_int_equal(
        rill_config_read(&fresh, &arena, config_text, strlen(config_text), report, NULL), RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_OK);
    rill_core_apply(change, "test", NULL, NULL);
    config = fresh;
}

static void reload(const char *config_text)
{
    apply(config_text);
    for (unsigned i = 0; i < 3; i++) {
        rill_core_part(core);
        turn();
        if (store.batch != NULL)
            written();
    }
}

static void pay(uint64_t request, const char *to, fake *who, uint64_t amount)
{
    send(&alice, request, to, amount);
    fulfill(who, fulfillment);
    turn();
    written();
    fulfilled(&alice, request);
}

/* ---- who never came ---- */

static size_t sessions_of(const char *name)
{
    rill_node_account counted;
    assert_int_equal(rill_hub_account(rill_core_hub(core), text(name), &counted), RILL_OK);
    assert_string_equal(counted.name, name);
    return counted.sessions;
}

static void test_who_never_came_is_away(void **state)
{
    rill_node_account counted;
    size_t cursor = 0, count = 0;
    (void)state;
    begin_with(ALICE_AND(BOB_OF("")));
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    send(&alice, 1, "g.x.bob.shop", 100);
    rejected(&alice, 1, "T01");
    send(&alice, 2, "g.x.carol", 100);
    rejected(&alice, 2, "F02");
    nothing_held();
    assert_int_equal(sessions_of("bob"), 0);
    assert_int_equal(sessions_of("alice"), 1);
    assert_int_equal(rill_hub_accounts(rill_core_hub(core)), 2);
    while (rill_hub_next_account(rill_core_hub(core), &cursor, &counted))
        count++;
    assert_int_equal(count, 2);
    assert_int_equal(rill_hub_account(rill_core_hub(core), text("carol"), &counted),
                     RILL_ERR_NOT_FOUND);
    answered("GET", "/v1/accounts/bob", "", 200, "\"address\":\"g.x.bob\"");
    /* Here and away again he has the same address. */
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    assert_int_equal(sessions_of("bob"), 1);
    pay(3, "g.x.bob.shop", &bob, 100);
    disconnect(&bob);
    assert_int_equal(sessions_of("bob"), 0);
    send(&alice, 4, "g.x.bob.shop", 100);
    rejected(&alice, 4, "T01");
}

static void test_who_never_came_leaves_at_once(void **state)
{
    (void)state;
    begin_with(ALICE_AND(BOB_OF("")));
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    reload(ALICE_AND(""));
    assert_false(rill_core_is_leaving(core));
    assert_int_equal(rill_hub_accounts(rill_core_hub(core)), 1);
    send(&alice, 1, "g.x.bob", 100);
    rejected(&alice, 1, "F02");
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_ERR_AUTH);
    reload(ALICE_AND(BOB_OF("")));
    send(&alice, 2, "g.x.bob", 100);
    rejected(&alice, 2, "T01");
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    pay(3, "g.x.bob", &bob, 100);
    booked(1, 100);
}

/* Lines of a batch that say so. */
static size_t lines_with(const char *part)
{
    size_t count = 0;
    turn();
    for (size_t i = 0; store.batch != NULL && i < store.batch->entry_count; i++)
        count += store.batch->entries[i].note != NULL &&
                 strstr(store.batch->entries[i].note, part) != NULL;
    if (store.batch != NULL)
        written();
    return count;
}

/* How often is its choice: once while it leaves, and the rest when it is gone. */
static void test_who_is_late_while_it_leaves(void **state)
{
    (void)state;
    begin_with(ALICE_AND(BOB_OF("")));
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    for (uint64_t request = 1; request <= 5; request++)
        send(&alice, request, "g.x.bob", 1);
    now.mono_ns += 10 * RILL_SECOND;
    now.wall_ms += 10000;
    rill_hub_tick(rill_core_hub(core));
    apply(ALICE_AND(""));
    assert_int_equal(lines_with("too late"), 0);
    fulfill_nth(&bob, 0, fulfillment);
    assert_int_equal(lines_with("1 packets of 1 units were fulfilled too late"), 1);
    for (size_t nth = 1; nth < 5; nth++)
        fulfill_nth(&bob, nth, fulfillment);
    assert_int_equal(lines_with("too late"), 0);
    assert_true(rill_core_is_leaving(core));
    disconnect(&bob);
    now.wall_ms += 60000;
    for (unsigned i = 0; i < 3; i++)
        rill_core_part(core);
    assert_false(rill_core_is_leaving(core));
    assert_int_equal(lines_with("4 packets of 4 units were fulfilled too late"), 1);
}

/* What the store had of open accounts is not kept beside them: nobody loses a unit by that. */
static void test_a_balance_goes_and_comes_with_its_account(void **state)
{
    (void)state;
    begin_with(ALICE_AND(BOB_OF("")));
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    pay(1, "g.x.bob", &bob, 100);
    const rill_balance_id id = rill_core_account(core, 1)->balance.id;
    begin_again(ALICE_AND(BOB_OF("")));
    booked(1, 100);
    now.wall_ms += 60000;
    reload(ALICE_AND(""));
    assert_false(rill_core_is_leaving(core));
    assert_true(rill_core_is_even(core));
    const size_t balances = store.last;
    reload(ALICE_AND(BOB_OF("")));
    assert_int_equal(rill_core_account(core, 1)->balance.id, id);
    assert_int_equal(store.last, balances);
    booked(1, 100);
    assert_true(rill_core_is_even(core));
    /* And once more, as it is known by now. */
    reload(ALICE_AND(""));
    assert_true(rill_core_is_even(core));
    reload(ALICE_AND(BOB_OF("")));
    booked(1, 100);
    /* Not in the configuration at the start. */
    begin_again(ALICE_AND(""));
    assert_true(rill_core_is_even(core));
    reload(ALICE_AND(BOB_OF("")));
    assert_int_equal(rill_core_account(core, 1)->balance.id, id);
    booked(1, 100);
}

/* ---- the address of a child to which there is another way ---- */

static unsigned ways_to(const char *prefix, rill_route_kind kind)
{
    rill_routing_cursor cursor = {0};
    rill_routing_line line;
    unsigned count = 0;
    while (rill_routing_next(rill_core_routing(core), &cursor, &line))
        count += same(line.prefix, text(prefix)) && line.kind == kind;
    return count;
}

static void bob_tells(uint64_t request, const char *prefix)
{
    static const uint8_t auth[RILL_CCP_AUTH_LEN], zeros[32];
    uint8_t data[512], condition[32];
    rill_writer w = rill_writer_of(data, sizeof data);
    const rill_ccp_update u = {.table = {9},
                               .current_epoch = 1,
                               .to_epoch = 1,
                               .hold_down_ms = 45000,
                               .speaker = text("g.x.bob"),
                               .route_count = 1};
    const rill_ccp_route route = {
        .prefix = text(prefix), .hops = 1, .path = text("\007g.x.bob"), .auth = auth};
    rill_ccp_update_begin(&w, &u);
    rill_ccp_put_route(&w, text(""), &route);
    rill_ccp_begin_withdrawn(&w, 0);
    rill_prepare p = prepare_to("peer.route.update");
    assert_int_equal(rill_crypto_sha256(crypto, zeros, sizeof zeros, condition), RILL_OK);
    p.amount = 0;
    p.condition = condition;
    p.expires_at_ms = now.wall_ms + 10000;
    p.data = (rill_bytes){data, rill_writer_len(&w)};
    ask(&bob, request, &p);
    assert_int_equal(answer_to(&bob, request)->packet[0], RILL_ILP_FULFILL);
    turn();
    if (store.batch != NULL)
        written();
}

static void test_a_child_tells_its_own_address(void **state)
{
    (void)state;
    begin_with(ALICE_AND(BOB_OF(", receive-routes: true")));
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    turn();
    const size_t before = rill_routing_count(rill_core_routing(core));
    assert_int_equal(ways_to("g.x.bob", RILL_ROUTE_CHILD), 1);
    assert_int_equal(before, 3); /* ours, and theirs */
    bob_tells(1, "g.x.bob");
    assert_int_equal(ways_to("g.x.bob", RILL_ROUTE_CHILD), 1);
    assert_int_equal(ways_to("g.x.bob", RILL_ROUTE_LEARNT), 1);
    assert_int_equal(rill_routing_count(rill_core_routing(core)), before);
    send(&alice, 1, "g.x.bob.shop", 100);
    assert_int_equal(last_sent(&bob).amount, 100);
    fulfill(&bob, fulfillment);
    turn();
    written();
    fulfilled(&alice, 1);
    /* He leaves with both. */
    disconnect(&bob);
    now.wall_ms += 60000;
    reload(ALICE_AND(""));
    assert_int_equal(ways_to("g.x.bob", RILL_ROUTE_CHILD), 0);
    assert_int_equal(ways_to("g.x.bob", RILL_ROUTE_LEARNT), 0);
    assert_int_equal(rill_routing_count(rill_core_routing(core)), before - 1);
    send(&alice, 2, "g.x.bob.shop", 100);
    rejected(&alice, 2, "F02");
    reload(ALICE_AND(BOB_OF("")));
    assert_int_equal(ways_to("g.x.bob", RILL_ROUTE_CHILD), 1);
    assert_int_equal(rill_routing_count(rill_core_routing(core)), before);
    send(&alice, 3, "g.x.bob.shop", 100);
    rejected(&alice, 3, "T01");
}

static void test_two_with_one_address(void **state)
{
    static const char twice[] =
        ALICE_AND(BOB_OF("") "  carl: {relation: child, asset: USD/2, tokens: env:CARL, segment: "
                             "bob}\n");
    rill_core_change *change = NULL;
    (void)state;
    begin_with(ALICE_AND(BOB_OF("")));
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    assert_int_equal(rill_config_read(&fresh, &arena, twice, strlen(twice), report, NULL), RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_ERR_INVALID);
    assert_non_null(strstr(first_problem, "another child has the same address"));
    assert_int_equal(ways_to("g.x.bob", RILL_ROUTE_CHILD), 1);
    assert_int_equal(rill_hub_accounts(rill_core_hub(core)), 2);
    pay(1, "g.x.bob", &bob, 100);
}

/* ---- room ---- */

/*
 * The hub has as much room as it was made with, and another configuration may ask for more. It is
 * refused, all stays, and the books have no account of which nobody knows.
 */
static void test_more_accounts_than_there_is_room_for(void **state)
{
    enum { MOST = 100000, NAME = 12 };
    rill_terms *terms = calloc(MOST, sizeof *terms);
    char(*names)[NAME] = calloc(MOST, sizeof *names);
    rill_core_change *change = NULL;
    size_t more = 0;
    (void)state;
    begin_with(ALICE_AND(""));
    assert_non_null(terms);
    assert_non_null(names);
    rill_hub *hub = rill_core_hub(core);
    for (; more < MOST; more++) {
        const int len = snprintf(names[more], NAME, "x%u", (unsigned)more);
        const int rc = rill_hub_add(hub, (rill_bytes){(const uint8_t *)names[more], (size_t)len},
                                    &terms[more]);
        if (rc == RILL_ERR_LIMIT)
            break;
        assert_int_equal(rc, RILL_OK);
    }
    assert_int_equal(more, MOST - 1);
    const char *text = ALICE_AND(BOB_OF(""));
    first_problem[0] = '\0';
    assert_int_equal(rill_config_read(&fresh, &arena, text, strlen(text), report, NULL), RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_ERR_INVALID);
    assert_non_null(strstr(first_problem, "there are more accounts than there is room for"));
    assert_int_equal(rill_core_accounts(core), 1);
    const size_t balances = store.last;
    turn();
    if (store.batch != NULL) {
        assert_int_equal(store.batch->account_count, 0);
        written();
    }
    assert_int_equal(store.last, balances);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_ERR_AUTH);
    /* When there is room it is as if nothing had been. */
    assert_true(rill_hub_remove(hub, &terms[0]));
    reload(text);
    assert_int_equal(rill_core_account(core, 1)->balance.id, balances + 1);
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    for (size_t i = 1; i < more; i++)
        assert_true(rill_hub_remove(hub, &terms[i]));
    free(terms);
    free(names);
}

/* ---- memory ---- */

static failing_memory memory;

/* The first packet of an account needs memory: without it is refused, and nothing is held. */
static void test_without_memory_nothing_is_lost(void **state)
{
    unsigned refused = 0;
    bool came = false, passed = false;
    (void)state;
    failing_memory_init(&memory, 0, 1);
    core_memory = &memory.allocator;
    begin_with(ALICE_AND(BOB_OF("")));
    for (unsigned long at = 1; !came; at++) {
        memory.fail_at = memory.asked + at;
        int rc = come(&alice, "alice", "ALICE");
        memory.fail_at = 0;
        came = rc == RILL_OK;
        refused += !came;
        assert_true(came || rc == RILL_ERR_LIMIT);
    }
    assert_true(refused > 0); /* the account's own part */
    assert_int_equal(come(&bob, "bob", "BOB"), RILL_OK);
    refused = 0;
    for (unsigned long at = 1; !passed; at++) {
        memory.fail_at = memory.asked + at;
        send(&alice, at, "g.x.bob", 100);
        memory.fail_at = 0;
        passed = bob.sent_count > 0;
        refused += !passed;
        if (!passed) {
            rejected(&alice, at, "T00");
            nothing_held();
        }
    }
    assert_true(refused >= 2); /* what is counted of it, and the flow */
    /* Whatever comes now, its booking needs no memory of the account. */
    disconnect(&alice);
    memory.fail_at = memory.asked + 1;
    memory.fail_for = FAILING_FOR_EVER;
    fulfill(&bob, fulfillment);
    memory.fail_at = 0;
    booked(ALICE, -100);
    booked(1, 100);
    assert_int_equal(rill_core_unseen(rill_core_account(core, 0)).amount, 100);
    turn();
    written();
    core_memory = NULL;
    begin_with(EXAMPLE);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
}

#define MORE                                                                                       \
    ALICE_AND("  dave: {relation: child, asset: GBP/3, tokens: env:DAVE}\n"                        \
              "  emil: {relation: child, asset: JPY/0, tokens: env:EMIL, credit: 50}\n")           \
    "rates: {base: USD, spread: 0, prices: {GBP: {price: 2}, JPY: {price: 2}}}\n"

/*
 * A change fails at each of its allocations in turn, and is asked for again: no balance is opened
 * twice, which no store takes, and what was opened is there after a restart.
 */
static void test_a_change_without_memory_is_made_again(void **state)
{
    unsigned refused = 0;
    bool passed = false;
    (void)state;
    failing_memory_init(&memory, 0, 1);
    core_memory = &memory.allocator;
    for (unsigned long at = 1; !passed; at++) {
        rill_core_change *change = NULL;
        begin_with(ALICE_AND(""));
        assert_int_equal(rill_config_read(&fresh, &arena, MORE, strlen(MORE), report, NULL),
                         RILL_OK);
        memory.fail_at = memory.asked + at;
        int rc = rill_core_prepare(&change, core, &fresh, report, NULL);
        memory.fail_at = 0;
        passed = rc == RILL_OK;
        refused += !passed;
        assert_true(passed || rc == RILL_ERR_NOMEM);
        /* Every other time the store has what was opened before it is tried again. */
        if (!passed && at % 2 == 0) {
            turn();
            if (store.batch != NULL)
                written();
        }
        if (!passed)
            assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_OK);
        rill_core_apply(change, "test", NULL, NULL);
        config = fresh;
        turn();
        written();
        assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
        assert_int_equal(come(&bob, "dave", "DAVE"), RILL_OK);
        pay(1, "g.x.dave", &bob, 100);
        booked(ALICE, -100);
        assert_true(rill_core_is_even(core));
        size_t last = store.last;
        begin_again(MORE);
        assert_int_equal(store.last, last);
        booked(ALICE, -100);
        assert_true(rill_core_is_even(core));
    }
    assert_true(refused >= 15);
    core_memory = NULL;
    begin_with(EXAMPLE);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
}

/* Bytes that are out, with what malloc of glibc adds to each piece. */
typedef struct counted {
    size_t bytes;
} counted;

typedef struct block {
    size_t size;
    _Alignas(max_align_t) char content[];
} block;

static size_t rounded(size_t size)
{
    size_t chunk = (size + 8 + 15) & ~(size_t)15;
    return chunk < 32 ? 32 : chunk;
}

static void *on_realloc(void *user, void *old, size_t size)
{
    counted *c = user;
    block *before = old == NULL ? NULL : RILL_CONTAINER(old, block, content);
    size_t was = before == NULL ? 0 : rounded(before->size);
    block *b = realloc(before, sizeof *b + size);
    if (b == NULL)
        return NULL;
    b->size = size;
    c->bytes += rounded(size) - was;
    return b->content;
}

static void on_free(void *user, void *old)
{
    counted *c = user;
    block *b = RILL_CONTAINER(old, block, content);
    c->bytes -= rounded(b->size);
    free(b);
}

/* With AddressSanitizer each piece of an arena is a block of its own (connector/shape.c). */
#if defined(__SANITIZE_ADDRESS__)
#define PIECES_ARE_BLOCKS true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PIECES_ARE_BLOCKS true
#endif
#endif
#if !defined(PIECES_ARE_BLOCKS)
#define PIECES_ARE_BLOCKS false
#endif

static counted all;
static const rill_allocator counting = {on_realloc, on_free, &all};

static char *many(unsigned count)
{
    size_t cap = (size_t)count * 160 + 100;
    char *out = malloc(cap);
    assert_non_null(out);
    size_t len = (size_t)snprintf(out, cap, "address: g.bench\nstore: {path: b}\naccounts:\n");
    for (unsigned i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, cap - len,
                                "  a%u: {relation: child, asset: USD/6, credit: 1000, tokens: "
                                "'sha256:%064x'}\n",
                                i, i);
    return out;
}

/* What so many accounts take, once the node has begun with books that know them. */
static size_t bytes_of(unsigned count)
{
    rill_arena own;
    rill_core *c = NULL;
    rill_config read;
    const char *problem = NULL;
    char *config_text = many(count);
    all.bytes = 0;
    rill_arena_init(&own, &counting);
    assert_int_equal(rill_config_read(&read, &own, config_text, strlen(config_text), report, NULL),
                     RILL_OK);
    free(config_text);
    const rill_core_options o = {
        .allocator = &counting,
        .config = &read,
        .crypto = crypto,
        .now = core_now,
        .wake = core_wake,
        .drained = core_drained,
        .log = {core_line, NULL, RILL_LOG_WARNING, NULL},
        .soon = core_soon,
        .secret = core_secret,
    };
    assert_int_equal(rill_core_new(&c, &o, &problem), RILL_OK);
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        const rill_store_account known = {
            .id = i + 1, .holder = RILL_HOLDER_NEIGHBOUR, .name = name, .asset = "USD", .scale = 6};
        snprintf(name, sizeof name, "a%u", i);
        assert_int_equal(rill_core_know(c, &known, rill_wide_signed(rill_wide(0))), RILL_OK);
    }
    disk other = {.store = {&disk_ops}};
    assert_int_equal(rill_core_begin(c, &other.store, report, NULL), RILL_OK);
    assert_int_equal(rill_core_accounts(c), count);
    size_t bytes = all.bytes;
    rill_core_free(c);
    rill_arena_clear(&own);
    assert_int_equal(all.bytes, 0);
    return bytes;
}

/*
 * The bytes of an idle account (docs/performance.md): hash tables are as full as at 100,000. What a
 * process has beside these is measured by the benchmark.
 */
static void test_the_bytes_of_an_idle_account(void **state)
{
    enum { FEW = 625, MANY = 6250, MOST = 880 };
    (void)state;
    size_t each = (bytes_of(MANY) - bytes_of(FEW)) / (MANY - FEW);
    print_message("# %zu bytes\n", each);
    if (!PIECES_ARE_BLOCKS)
        assert_in_range(each, 1, MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_who_never_came_is_away),
        TEST(test_more_accounts_than_there_is_room_for),
        TEST(test_who_is_late_while_it_leaves),
        TEST(test_who_never_came_leaves_at_once),
        TEST(test_a_balance_goes_and_comes_with_its_account),
        TEST(test_a_child_tells_its_own_address),
        TEST(test_two_with_one_address),
        TEST(test_without_memory_nothing_is_lost),
        TEST(test_a_change_without_memory_is_made_again),
        TEST(test_the_bytes_of_an_idle_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
