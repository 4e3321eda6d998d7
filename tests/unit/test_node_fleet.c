/* SPDX-License-Identifier: Apache-2.0 */
/* Several sessions of one account: a packet has one owner. */
#define NODE_WORLD_PACKET 2048
#define NODE_WORLD_KEPT   1024
#include "node_world.h"

#include "node/owners.h"

/* bob has two more sessions beside w->bob. */
static fake other, third;

static fake *all_of(world *w, size_t i)
{
    fake *const all[] = {&w->bob, &other, &third};
    return all[i];
}

/* How many packets each of them had been sent before. */
typedef struct counts {
    size_t of[3];
} counts;

static counts sent(world *w)
{
    counts c;
    for (size_t i = 0; i < 3; i++)
        c.of[i] = all_of(w, i)->sent_count;
    return c;
}

/* The one that has been sent one packet since; nobody else has. NULL: nobody at all. */
static fake *asked_since(world *w, counts before)
{
    fake *found = NULL;
    for (size_t i = 0; i < 3; i++) {
        fake *f = all_of(w, i);
        if (f->sent_count == before.of[i])
            continue;
        assert_int_equal(f->sent_count, before.of[i] + 1);
        assert_null(found);
        found = f;
    }
    return found;
}

static uint64_t next_request;

static const char *named(const char *format, uint64_t n)
{
    static char name[64];
    snprintf(name, sizeof name, format, (unsigned long long)n);
    return name;
}

/* Alice sends a packet. Which session gets it? */
static fake *ask_whom(world *w, const char *destination)
{
    counts before = sent(w);
    ask_for(&w->alice, ++next_request, destination);
    return asked_since(w, before);
}

/* And when it has refused? */
static fake *then_whom(world *w, fake *by, rill_ilp_code_id code)
{
    counts before = sent(w);
    reject(by, code, "");
    return asked_since(w, before);
}

static world *start_fleet(void)
{
    world *w = start(NULL);
    memset(&third, 0, sizeof third);
    connect(w, &other, "bob");
    next_request = 0;
    return w;
}

static void stop_fleet(world *w)
{
    disconnect(&other);
    disconnect(&third);
    stop(w);
}

/* A packet that two servers could fulfil is given to one of them. */
static void test_one_at_a_time(void **state)
{
    (void)state;
    world *w = start_fleet();
    for (uint64_t i = 0; i < 40; i++) {
        fake *by = ask_whom(w, named("private.rill.bob.%llu", i));
        assert_non_null(by);
        fulfill(by, fulfillment);
        fulfilled(&w->alice, next_request);
    }
    /* And both have some. */
    assert_true(w->bob.sent_count > 5 && other.sent_count > 5);
    stop_fleet(w);
}

/* Only a session that says that the packet is not its own lets the next one have it. */
static void test_the_next_only_after_not_mine(void **state)
{
    (void)state;
    static const rill_ilp_code_id others[] = {
        RILL_ILP_F00_BAD_REQUEST,       RILL_ILP_F05_WRONG_CONDITION,
        RILL_ILP_F99_APPLICATION_ERROR, RILL_ILP_T00_INTERNAL_ERROR,
        RILL_ILP_T99_APPLICATION_ERROR, RILL_ILP_R00_TRANSFER_TIMED_OUT,
    };
    world *w = start_fleet();
    for (uint64_t i = 0; i < 20; i++) {
        const char *to = named("private.rill.bob.%llu", i);
        fake *first = ask_whom(w, to);
        rill_prepare was = last_sent(first);
        fake *second =
            then_whom(w, first, i % 2 ? RILL_ILP_F02_UNREACHABLE : RILL_ILP_F06_UNEXPECTED_PAYMENT);
        assert_non_null(second);
        assert_ptr_not_equal(first, second);
        rill_prepare is = last_sent(second);
        assert_true(is.amount == was.amount && is.expires_at_ms == was.expires_at_ms);
        assert_true(same(is.destination, was.destination) && same(is.data, was.data));
        assert_memory_equal(is.condition, was.condition, 32);
        assert_null(answer_to(&w->alice, next_request));
        fulfill(second, fulfillment);
        fulfilled(&w->alice, next_request);
    }
    for (uint64_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        fake *first = ask_whom(w, named("private.rill.bob.no.%llu", i));
        assert_null(then_whom(w, first, others[i]));
        rejected(&w->alice, next_request, rill_ilp_code_of(others[i]).text);
    }
    /* One knew the secret and not the connection: it is asked once more, for its word. */
    for (uint64_t i = 0; i < 6; i++) {
        fake *first = ask_whom(w, named("private.rill.bob.word.%llu", i));
        counts before = sent(w);
        reject(first, RILL_ILP_F06_UNEXPECTED_PAYMENT, i % 2 ? "word" : "");
        fake *second = asked_since(w, before);
        before = sent(w);
        reject(second, RILL_ILP_F06_UNEXPECTED_PAYMENT, i % 3 == 0 ? "word" : "");
        bool again = i % 2 == 1 && i % 3 != 0;
        assert_ptr_equal(asked_since(w, before), again ? first : NULL);
        if (again) {
            before = sent(w);
            reject(first, RILL_ILP_F06_UNEXPECTED_PAYMENT, "word");
            assert_null(asked_since(w, before));
        }
        rill_reject got = rejected(&w->alice, next_request, "F06");
        assert_int_equal(got.data.len, i % 2 || i % 3 == 0 ? 4 : 0);
        /* A packet is nobody's by that. */
        assert_ptr_equal(ask_whom(w, named("private.rill.bob.word.%llu", i)), first);
        fulfill(first, fulfillment);
    }
    /* Nobody's: what the last one says is the answer. */
    fake *first = ask_whom(w, "private.rill.bob.nobody");
    fake *second = then_whom(w, first, RILL_ILP_F02_UNREACHABLE);
    assert_null(then_whom(w, second, RILL_ILP_F06_UNEXPECTED_PAYMENT));
    rejected(&w->alice, next_request, "F06");
    stop_fleet(w);
}

/* It may have fulfilled it: the sender tries again, and not the node. */
static void test_no_second_try_when_one_leaves(void **state)
{
    (void)state;
    world *w = start_fleet();
    fake *first = ask_whom(w, "private.rill.bob.x");
    counts before = sent(w);
    disconnect(first);
    assert_null(asked_since(w, before));
    rejected_by_node(&w->alice, next_request, "T01");
    fake *second = ask_whom(w, "private.rill.bob.x");
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    fulfill(second, fulfillment);
    stop_fleet(w);
}

/* What a session took once is its own, whoever else comes. What it leaves is another one's. */
static void test_who_took_it_gets_the_rest(void **state)
{
    (void)state;
    enum { MANY = 60 };
    world *w = start_fleet();
    fake *owner[MANY];
    for (uint64_t i = 0; i < MANY; i++) {
        const char *to = named("private.rill.bob.%llu", i);
        owner[i] = ask_whom(w, to);
        /* Half of them are not the first one's. */
        if (i % 2 == 0)
            owner[i] = then_whom(w, owner[i], RILL_ILP_F06_UNEXPECTED_PAYMENT);
        /* Money, or an answer with data: both belong to the session that knows the packet. */
        if (i % 4 < 2)
            fulfill(owner[i], fulfillment);
        else
            reject(owner[i], RILL_ILP_F99_APPLICATION_ERROR, "stream");
    }
    connect(w, &third, "bob");
    for (uint64_t i = 0; i < MANY; i++) {
        fake *by = ask_whom(w, named("private.rill.bob.%llu", i));
        assert_ptr_equal(by, owner[i]);
        fulfill(by, fulfillment);
    }
    /* Others are given to the newcomer as well. */
    for (uint64_t i = 0; i < MANY; i++)
        fulfill(ask_whom(w, named("private.rill.bob.new.%llu", i)), fulfillment);
    assert_true(third.sent_count > 5);
    disconnect(&other);
    for (uint64_t i = 0; i < MANY; i++) {
        fake *by = ask_whom(w, named("private.rill.bob.%llu", i));
        if (owner[i] != &other)
            assert_ptr_equal(by, owner[i]);
        fulfill(by, fulfillment);
    }
    stop_fleet(w);
}

/* Who has been asked may take it yet: what follows is not given to who comes meanwhile. */
static void test_who_was_asked_gets_the_rest(void **state)
{
    (void)state;
    enum { MANY = 500 };
    world *w = start_fleet();
    static fake *asked[MANY];
    for (uint64_t i = 0; i < MANY; i++) {
        asked[i] = ask_whom(w, named("private.rill.bob.%llu", i));
        if (i % 2 == 0)
            asked[i] = then_whom(w, asked[i], RILL_ILP_F06_UNEXPECTED_PAYMENT);
    }
    connect(w, &third, "bob");
    for (uint64_t i = 0; i < MANY; i++) {
        fake *by = ask_whom(w, named("private.rill.bob.%llu", i));
        assert_ptr_equal(by, asked[i]);
        fulfill(by, fulfillment);
    }
    assert_int_equal(third.sent_count, 0);
    stop_fleet(w);
}

/* But not to who lets the first one expire. */
static void test_who_was_asked_and_is_deaf_does_not(void **state)
{
    (void)state;
    world *w = start_fleet();
    fake *slow = ask_whom(w, "private.rill.bob.x");
    pass(w, 9000);
    rejected(&w->alice, next_request, "R00");
    w->now.wall_ms = WALL;
    fake *by = ask_whom(w, "private.rill.bob.x");
    assert_ptr_not_equal(by, slow);
    fulfill(by, fulfillment);
    stop_fleet(w);
}

static bool of_first_set(const rill_owners *o, const char *destination)
{
    return rill_siphash(o->key, (const uint8_t *)destination, strlen(destination)) %
               RILL_OWNERS_SETS ==
           0;
}

/* Anybody can name destinations: who took some is not forgotten for those that are asked about. */
static void test_who_is_asked_puts_no_owner_out_of_mind(void **state)
{
    (void)state;
    const uint64_t key[2] = {1, 2};
    rill_owners owners;
    rill_turn turn;
    /* Not on the stack: where a sanitizer keeps stacks of its own, they are aligned less. */
    static rill_account account;
    rill_session sessions[2] = {{.serial = 1}, {.serial = 2}};
    char name[RILL_OWNERS_WAYS + 1][16];
    unsigned found = 0;
    rill_owners_init(&owners, rill_allocator_default(), key);
    rill_list_init(&account.sessions);
    for (unsigned i = 0; i < 2; i++) {
        rill_list_init(&sessions[i].in_account);
        rill_owners_comes(&account, &sessions[i]);
    }
    for (unsigned i = 0; found <= RILL_OWNERS_WAYS; i++) {
        snprintf(name[found], sizeof name[0], "test.%u", i);
        found += of_first_set(&owners, name[found]);
    }
    for (unsigned i = 0; i < found; i++) {
        rill_bytes to = {(const uint8_t *)name[i], strlen(name[i])};
        rill_owners_begin(&owners, &turn, to, NULL, NULL);
        rill_session *s = rill_owners_next(&owners, &account, &turn);
        if (i < RILL_OWNERS_WAYS)
            rill_owners_took(&owners, &account, &turn, s);
    }
    for (unsigned i = 0; i < RILL_OWNERS_WAYS; i++) {
        rill_bytes to = {(const uint8_t *)name[i], strlen(name[i])};
        rill_owners_begin(&owners, &turn, to, NULL, NULL);
        assert_int_not_equal(turn.first, 0);
        assert_false(turn.unsure);
    }
    rill_owners_clear(&owners);
}

/*
 * Two programs with one address, as clients of the reference have it. The one that took the last
 * packet is asked first, and says so if the packet is not its own.
 */
static void test_one_address_of_two(void **state)
{
    (void)state;
    world *w = start_fleet();
    fake *first = ask_whom(w, "private.rill.bob");
    fulfill(first, fulfillment);
    for (unsigned i = 0; i < 3; i++) {
        fake *by = ask_whom(w, "private.rill.bob");
        assert_ptr_equal(by, first);
        fake *second = then_whom(w, by, RILL_ILP_F06_UNEXPECTED_PAYMENT);
        assert_ptr_not_equal(second, by);
        fulfill(second, fulfillment);
        fulfilled(&w->alice, next_request);
        first = second;
    }
    assert_int_equal(w->lines[RILL_LOG_WARNING], 0);
    stop_fleet(w);
}

/* A session that answers nothing that is ILP is asked last, until it does. */
static void test_the_deaf_are_asked_last(void **state)
{
    (void)state;
    world *w = start_fleet();
    fake *deaf = ask_whom(w, "private.rill.bob.x");
    counts before = sent(w);
    deaf->link.on.unanswered(&deaf->link, deaf->sent[0].id, RILL_ERR_REFUSED, true,
                             deaf->link.user);
    assert_null(asked_since(w, before));
    rejected_by_node(&w->alice, next_request, "T01");
    for (uint64_t i = 0; i < 30; i++) {
        fake *by = ask_whom(w, named("private.rill.bob.%llu", i));
        assert_ptr_not_equal(by, deaf);
        fulfill(by, fulfillment);
    }
    /* As is who let a packet expire. */
    fake *slow = ask_whom(w, "private.rill.bob.y");
    pass(w, 9000);
    rejected_by_node(&w->alice, next_request, "R00");
    w->now.wall_ms = WALL;
    assert_ptr_not_equal(slow, deaf);
    fake *by = ask_whom(w, "private.rill.bob.z");
    if (by == slow)
        by = then_whom(w, by, RILL_ILP_F02_UNREACHABLE);
    assert_ptr_equal(by, deaf);
    fulfill(by, fulfillment);
    unsigned asked = 0;
    for (uint64_t i = 0; i < 30; i++) {
        by = ask_whom(w, named("private.rill.bob.again.%llu", i));
        asked += by == deaf;
        fulfill(by, fulfillment);
    }
    assert_true(asked > 5);
    stop_fleet(w);
}

static uint64_t last_id(const fake *f)
{
    return f->sent[f->sent_count - 1].id;
}

static void not_mine(fake *by, uint64_t id)
{
    rill_reject r = {.code = rill_ilp_code_of(RILL_ILP_F02_UNREACHABLE)};
    uint8_t packet[256];
    size_t len = 0;
    assert_int_equal(rill_reject_encode(&r, packet, sizeof packet, &len), RILL_OK);
    reply(by, id, packet, len);
}

/* Nobody is left out, or asked twice, for what is learnt of him while others are asked. */
/* Over HTTP an account may ask at a port, and be asked elsewhere. */
static void test_who_only_asks_is_asked_last(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        world *w = start(NULL);
        memset(&third, 0, sizeof third);
        disconnect(&w->bob);
        if (first == 1)
            connect_as(w, &other, "bob", true);
        connect(w, &w->bob, "bob");
        if (first == 0)
            connect_as(w, &other, "bob", true);
        next_request = 0;
        for (uint64_t i = 0; i < 40; i++) {
            assert_ptr_equal(ask_whom(w, named("private.rill.bob.%llu", i)), &w->bob);
            /* Also while the other has not answered. */
            w->bob.link.on.unanswered(&w->bob.link, w->bob.sent[w->bob.sent_count - 1].id,
                                      RILL_ERR_REFUSED, true, w->bob.link.user);
            if (i >= MAX_KEPT - 2)
                break;
        }
        /* They are one account's, and nobody else's. */
        assert_non_null(w->bob.link.account);
        assert_ptr_equal(w->bob.link.account, other.link.account);
        assert_ptr_not_equal(w->bob.link.account, w->alice.link.account);
        /* And where it is the only one left it is asked. */
        assert_ptr_equal(ask_whom(w, "private.rill.bob.z"), &w->bob);
        assert_ptr_equal(then_whom(w, &w->bob, RILL_ILP_F02_UNREACHABLE), &other);
        stop_fleet(w);
    }
}

static void test_who_answers_again_is_not_left_out(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20; i++) {
        world *w = start_fleet();
        fake *deaf = ask_whom(w, "private.rill.bob.mine");
        fulfill(deaf, fulfillment);
        fake *by = NULL;
        for (uint64_t k = 0; by != deaf; k++) {
            by = ask_whom(w, named("private.rill.bob.%llu", 100 * i + k));
            if (by != deaf)
                fulfill(by, fulfillment);
        }
        deaf->link.on.unanswered(&deaf->link, last_id(deaf), RILL_ERR_REFUSED, true,
                                 deaf->link.user);
        rejected_by_node(&w->alice, next_request, "T01");
        by = ask_whom(w, named("private.rill.bob.x.%llu", i));
        uint64_t request = next_request;
        uint64_t id = last_id(by);
        assert_ptr_not_equal(by, deaf);
        fulfill(ask_whom(w, "private.rill.bob.mine"), fulfillment);
        counts before = sent(w);
        not_mine(by, id);
        assert_ptr_equal(asked_since(w, before), deaf);
        before = sent(w);
        not_mine(deaf, last_id(deaf));
        assert_null(asked_since(w, before));
        rejected(&w->alice, request, "F02");
        stop_fleet(w);
    }
}

/* From one session to another, never back; and what somebody sends himself comes back to him. */
static void test_to_ones_own_account(void **state)
{
    (void)state;
    world *w = start_fleet();
    for (uint64_t i = 0; i < 20; i++) {
        counts before = sent(w);
        ask_for(&w->bob, i, named("private.rill.bob.%llu", i));
        assert_ptr_equal(asked_since(w, before), &other);
        before = sent(w);
        reject(&other, RILL_ILP_F02_UNREACHABLE, "");
        assert_null(asked_since(w, before));
        rejected(&w->bob, i, "F02");
    }
    uint8_t data[RILL_ECHO_REQUEST_MAX];
    size_t len = 0;
    assert_int_equal(
        rill_echo_request_encode(text("private.rill.bob.ping"), data, sizeof data, &len), RILL_OK);
    rill_prepare p = prepare_to("private.rill");
    p.data = (rill_bytes){data, len};
    for (uint64_t i = 0; i < 20; i++) {
        fake *from = i % 2 ? &w->bob : &other;
        counts before = sent(w);
        ask(from, 100 + i, &p);
        assert_ptr_equal(asked_since(w, before), from);
        fulfill(from, fulfillment);
        fulfilled(from, 100 + i);
    }
    stop_fleet(w);
}

/* If two servers have one secret by mistake, the log says so once, and not for other servers. */
static void test_a_fleet_is_noticed(void **state)
{
    (void)state;
    for (unsigned fleet = 0; fleet < 2; fleet++) {
        world *w = start_fleet();
        for (uint64_t i = 0; i < 200; i++) {
            fake *by = ask_whom(w, named("private.rill.bob.%llu", i));
            fake *its = i % 2 ? &w->bob : &other;
            if (!fleet && by != its)
                by = then_whom(w, by, RILL_ILP_F06_UNEXPECTED_PAYMENT);
            fulfill(by, fulfillment);
            w->alice.answer_count = 0;
        }
        assert_int_equal(w->lines[RILL_LOG_WARNING], fleet);
        stop_fleet(w);
    }
}

/*
 * A packet that belongs to none of them may belong to the one that has just left and may come back.
 */
static void test_who_left_may_come_back(void **state)
{
    (void)state;
    world *w = start_fleet();
    assert_null(then_whom(w, ask_whom(w, "private.rill.bob.a"), RILL_ILP_F00_BAD_REQUEST));
    disconnect(&other);
    assert_null(then_whom(w, ask_whom(w, "private.rill.bob.b"), RILL_ILP_F02_UNREACHABLE));
    rejected_by_node(&w->alice, next_request, "T01");
    /* Not for a token that does not open: nobody's is that. */
    assert_null(then_whom(w, ask_whom(w, "private.rill.bob.b"), RILL_ILP_F06_UNEXPECTED_PAYMENT));
    rejected(&w->alice, next_request, "F06");
    pass(w, 9000);
    w->now.wall_ms = WALL;
    assert_null(then_whom(w, ask_whom(w, "private.rill.bob.b"), RILL_ILP_F02_UNREACHABLE));
    rejected_by_node(&w->alice, next_request, "T01");
    pass(w, 3000);
    w->now.wall_ms = WALL;
    assert_null(then_whom(w, ask_whom(w, "private.rill.bob.b"), RILL_ILP_F02_UNREACHABLE));
    rejected(&w->alice, next_request, "F02");
    /* It has come back, and also says that the packet is not its own. */
    connect(w, &other, "bob");
    disconnect(&other);
    memset(&other, 0, sizeof other);
    connect(w, &other, "bob");
    fake *second = then_whom(w, ask_whom(w, "private.rill.bob.b"), RILL_ILP_F02_UNREACHABLE);
    assert_null(then_whom(w, second, RILL_ILP_F02_UNREACHABLE));
    rejected(&w->alice, next_request, "F02");
    /* Both leave, and one of them is back first. */
    disconnect(&w->bob);
    disconnect(&other);
    memset(&other, 0, sizeof other);
    connect(w, &other, "bob");
    assert_null(then_whom(w, ask_whom(w, "private.rill.bob.c"), RILL_ILP_F02_UNREACHABLE));
    rejected_by_node(&w->alice, next_request, "T01");
    pass(w, 12000);
    w->now.wall_ms = WALL;
    /* If a server was alone and another one comes, nobody waits for the first one. */
    disconnect(&other);
    memset(&other, 0, sizeof other);
    connect(w, &other, "bob");
    assert_null(then_whom(w, ask_whom(w, "private.rill.bob.d"), RILL_ILP_F02_UNREACHABLE));
    rejected(&w->alice, next_request, "F02");
    disconnect(&other);
    stop(w);
}

static size_t allocations;

static void *counting_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    const rill_allocator *a = rill_allocator_default();
    allocations++;
    return a->realloc(a->user, ptr, size);
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    const rill_allocator *a = rill_allocator_default();
    a->free(a->user, ptr);
}

static void test_allocates_nothing_in_the_steady_state(void **state)
{
    (void)state;
    static const rill_allocator counting = {counting_realloc, counting_free, NULL};
    rill_hub_options o;
    rill_hub_options_init(&o);
    o.allocator = &counting;
    world *w = start(&o);
    size_t warm = 0;
    memset(&third, 0, sizeof third);
    connect(w, &other, "bob");
    for (uint64_t i = 0; i < 5000; i++) {
        w->alice.answer_count = 0;
        fake *by = ask_whom(w, named("private.rill.bob.%08llu", i));
        if (i % 2 == 0)
            by = then_whom(w, by, RILL_ILP_F06_UNEXPECTED_PAYMENT);
        fulfill(by, fulfillment);
        assert_int_equal(w->alice.answer_count, 1);
        if (i == 5)
            warm = allocations;
    }
    assert_int_equal(allocations, warm);
    stop_fleet(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_the_next_only_after_not_mine),
        cmocka_unit_test(test_no_second_try_when_one_leaves),
        cmocka_unit_test(test_who_took_it_gets_the_rest),
        cmocka_unit_test(test_who_was_asked_gets_the_rest),
        cmocka_unit_test(test_who_was_asked_and_is_deaf_does_not),
        cmocka_unit_test(test_who_is_asked_puts_no_owner_out_of_mind),
        cmocka_unit_test(test_one_address_of_two),
        cmocka_unit_test(test_the_deaf_are_asked_last),
        cmocka_unit_test(test_who_only_asks_is_asked_last),
        cmocka_unit_test(test_who_answers_again_is_not_left_out),
        cmocka_unit_test(test_to_ones_own_account),
        cmocka_unit_test(test_a_fleet_is_noticed),
        cmocka_unit_test(test_who_left_may_come_back),
        cmocka_unit_test(test_allocates_nothing_in_the_steady_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
