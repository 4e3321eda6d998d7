/* SPDX-License-Identifier: Apache-2.0 */
/* Which packets those who watch are shown, of how many, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <rill/error.h>

#include "connector/packet_live.h"
#include "support/failing_memory.h"

static rill_live *live;
static rill_now now;
static const uint8_t condition[32] = {0xab, 0xcd, 1};

static int set_up(void **state)
{
    (void)state;
    now = (rill_now){RILL_SECOND, UINT64_C(1700000000000)};
    return rill_live_new(&live, rill_allocator_default());
}

static int tear_down(void **state)
{
    (void)state;
    rill_live_free(live);
    live = NULL;
    return 0;
}

static void pass(uint64_t ms)
{
    now.mono_ns += ms * RILL_MS;
    now.wall_ms += ms;
}

static unsigned watch(const char *account, const char *outcome)
{
    rill_live_filter f = {.outcome = RILL_LIVE_ALL};
    unsigned number = 99;
    snprintf(f.account, sizeof f.account, "%s", account);
    if (outcome != NULL)
        assert_true(rill_live_parse_outcome(outcome, &f));
    assert_int_equal(rill_live_watch(live, &f, now, &number), RILL_OK);
    return number;
}

static rill_live_packet packet(const char *from, const char *to)
{
    return (rill_live_packet){.from = from,
                              .to = to,
                              .condition = condition,
                              .in = 100,
                              .out = 5000,
                              .begun_ns = now.mono_ns};
}

/* A packet that is over, as it was when it came. */
static void over(uint32_t number, rill_live_packet p, const char *code, bool by_node)
{
    rill_ilp_code c;
    if (code != NULL) {
        snprintf(c.text, sizeof c.text, "%s", code);
        p.code = &c;
    } else {
        p.condition = NULL; /* it is not remembered */
    }
    p.by_node = by_node;
    rill_live_over(live, number, &p, now);
}

static void whole(const char *from, const char *to, const char *code, bool by_node)
{
    const rill_live_packet p = packet(from, to);
    uint32_t number = rill_live_sent(live, &p, now);
    over(number, p, code, by_node);
}

static void look(void)
{
    pass(200);
    rill_live_look(live, now);
}

/* The next packet; NULL: there is none in this look. Counts are added up. */
static json_int_t passed, shown;
static json_t *next(unsigned watch)
{
    rill_live_event event;
    while (rill_live_next(live, watch, &event)) {
        json_t *data = json_loads(event.data, 0, NULL);
        assert_non_null(data);
        if (strcmp(event.name, "packet") == 0)
            return data;
        assert_string_equal(event.name, "count");
        passed += json_integer_value(json_object_get(data, "passed"));
        shown += json_integer_value(json_object_get(data, "shown"));
        json_decref(data);
    }
    return NULL;
}

/* How many packets of this result there are now; text NULL: of any. */
static unsigned told(unsigned watch, const char *result)
{
    unsigned count = 0;
    for (json_t *p; (p = next(watch)) != NULL; json_decref(p)) {
        const char *is = json_string_value(json_object_get(p, "result"));
        count += result == NULL || strcmp(is, result) == 0;
        if (result != NULL)
            assert_string_equal(is, result);
    }
    return count;
}

static void has(const json_t *p, const char *name, const char *value)
{
    const json_t *is = json_object_get(p, name);
    assert_non_null(is);
    if (value == NULL)
        assert_true(json_is_null(is));
    else
        assert_string_equal(json_string_value(is), value);
}

/* Under way, and then over: one packet, told twice. */
static void test_a_packet(void **state)
{
    (void)state;
    unsigned w = watch("", NULL);
    const rill_live_packet p = packet("alice", "bob");
    uint32_t number = rill_live_sent(live, &p, now);
    assert_in_range(number, 1, RILL_LIVE_NUMBER_MAX);
    look();
    json_t *e = next(w);
    assert_non_null(e);
    assert_int_equal(json_integer_value(json_object_get(e, "number")), 1);
    has(e, "came", "2023-11-14T22:13:20.000Z");
    has(e, "from", "alice");
    has(e, "to", "bob");
    has(e, "in", "100");
    has(e, "out", "5000");
    has(e, "id", "abcd0100000000000000000000000000");
    has(e, "result", "open");
    has(e, "by", NULL);
    has(e, "us", NULL);
    json_decref(e);
    assert_null(next(w));
    look();
    assert_null(next(w));
    over(number, p, NULL, false);
    look();
    e = next(w);
    assert_int_equal(json_integer_value(json_object_get(e, "number")), 1);
    has(e, "result", "fulfilled");
    has(e, "by", NULL);
    has(e, "id", "abcd0100000000000000000000000000");
    assert_int_equal(json_integer_value(json_object_get(e, "us")), 400000);
    json_decref(e);
    assert_null(next(w));
    whole("alice", "bob", "T04", false);
    look();
    e = next(w);
    has(e, "result", "T04");
    has(e, "by", "neighbour");
    json_decref(e);
    rill_live_packet refused = packet("carol", NULL);
    rill_ilp_code code = {"F02"};
    refused.code = &code;
    refused.by_node = true;
    rill_live_refused(live, &refused, now);
    look();
    e = next(w);
    assert_int_equal(json_integer_value(json_object_get(e, "number")), 3);
    has(e, "from", "carol");
    has(e, "to", NULL);
    has(e, "out", NULL);
    has(e, "result", "F02");
    has(e, "by", "node");
    json_decref(e);
}

/* Each outcome, and each account. */
static void test_filters(void **state)
{
    (void)state;
    unsigned fulfilled = watch("", "fulfilled");
    unsigned rejected = watch("", "rejected");
    unsigned expired = watch("", "expired");
    unsigned code = watch("", "T04");
    unsigned open = watch("", "open");
    unsigned bob = watch("bob", NULL);
    whole("alice", "bob", NULL, false);
    whole("bob", "carol", "T04", false);
    whole("alice", "carol", "R00", true);
    whole("alice", "carol", "R00", false); /* what the neighbour says is no time-out of ours */
    const rill_live_packet slow = packet("alice", "carol");
    uint32_t number = rill_live_sent(live, &slow, now);
    rill_live_packet refused = packet("carol", NULL);
    const rill_ilp_code f02 = {"F02"};
    refused.code = &f02;
    refused.by_node = true;
    rill_live_refused(live, &refused, now);
    look();
    assert_int_equal(told(fulfilled, "fulfilled"), 1);
    assert_int_equal(told(rejected, NULL), 4);
    assert_int_equal(told(expired, "R00"), 1);
    assert_int_equal(told(code, "T04"), 1);
    assert_int_equal(told(open, "open"), 1);
    assert_int_equal(told(bob, NULL), 2);
    over(number, slow, NULL, false);
    look();
    assert_int_equal(told(open, "fulfilled"), 1); /* it is to be taken away */
    assert_int_equal(told(fulfilled, "fulfilled"), 1);
    assert_int_equal(told(rejected, NULL), 0);
    rill_live_filter f = {.outcome = RILL_LIVE_ALL};
    static const char *const bad[] = {"", "all", "t04", "T4", "T044", "OPEN", "4T0", "T0x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(rill_live_parse_outcome(bad[i], &f));
}

/* Who wants to see those that are fulfilled sees them when they are, and none that is not. */
static void test_patience(void **state)
{
    (void)state;
    unsigned w = watch("", "fulfilled");
    const rill_live_packet p = packet("alice", "bob");
    uint32_t one = rill_live_sent(live, &p, now);
    uint32_t two = rill_live_sent(live, &p, now);
    look();
    assert_int_equal(told(w, NULL), 0);
    over(one, p, NULL, false);
    over(two, p, "F99", false);
    look();
    assert_int_equal(told(w, "fulfilled"), 1);
}

/* Far more than can be shown: a sample of all of it, and both numbers are exact. */
static void test_a_sample(void **state)
{
    enum { LOOKS = 50, EACH = 1000 };
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        static const char *const outcomes[] = {NULL, "fulfilled", "T04"};
        const char *code = kind == 2 ? "T04" : NULL;
        unsigned w = watch("", outcomes[kind]);
        unsigned from_a = 0, late = 0, count = 0;
        passed = shown = 0;
        for (unsigned i = 0; i < LOOKS; i++) {
            for (unsigned k = 0; k < EACH; k++) {
                /* Of two accounts in turn; and the second half of each look is another neighbour's.
                 */
                whole(k % 2 == 0 ? "a" : "b", k < EACH / 2 ? "x" : "y", code, false);
            }
            look();
            unsigned in_look = 0;
            for (json_t *p; (p = next(w)) != NULL; json_decref(p)) {
                in_look++;
                from_a += json_string_value(json_object_get(p, "from"))[0] == 'a';
                late += json_string_value(json_object_get(p, "to"))[0] == 'y';
            }
            assert_in_range(in_look, 5, RILL_LIVE_SHOWN);
            count += in_look;
        }
        look();
        pass(1000);
        rill_live_look(live, now);
        assert_null(next(w));
        assert_int_equal(passed, LOOKS * EACH);
        assert_int_equal(shown, count);
        assert_in_range(count, LOOKS * RILL_LIVE_SHOWN * 3 / 5, LOOKS * RILL_LIVE_SHOWN);
        assert_in_range(from_a * 100 / count, 40, 60);
        assert_in_range(late * 100 / count, 40, 60);
        rill_live_leave(live, w);
    }
}

/* All of a quiet account beside a busy one; and a busy second does not hide the quiet one after. */
static void test_a_quiet_account(void **state)
{
    (void)state;
    unsigned quiet = watch("quiet", NULL);
    unsigned all = watch("", NULL);
    for (unsigned k = 0; k < 100000; k++)
        whole(k % 10000 == 5000 ? "quiet" : "busy", "x", NULL, false);
    look();
    assert_int_equal(told(quiet, NULL), 10);
    assert_in_range(told(all, NULL), 1, RILL_LIVE_SHOWN);
    look();
    whole("quiet", "x", NULL, false);
    look();
    assert_int_equal(told(quiet, NULL), 1);
    assert_int_equal(told(all, NULL), 1);
    for (unsigned k = 0; k < RILL_LIVE_SHOWN; k++)
        whole("quiet", "x", NULL, false);
    look();
    assert_int_equal(told(all, NULL), RILL_LIVE_SHOWN);
}

/* What is counted comes once a second, and nothing while nothing passes. */
static void test_counts(void **state)
{
    rill_live_event event;
    (void)state;
    unsigned w = watch("", NULL);
    whole("a", "x", NULL, false);
    whole("a", "x", NULL, false);
    for (unsigned i = 0; i < 4; i++) {
        look();
        assert_int_equal(told(w, NULL), i == 0 ? 2 : 0);
    }
    look();
    assert_true(rill_live_next(live, w, &event));
    assert_string_equal(event.name, "count");
    assert_non_null(strstr(event.data, "\"seconds\":1.0,\"passed\":2,\"shown\":2}"));
    assert_false(rill_live_next(live, w, &event));
    for (unsigned i = 0; i < 5; i++)
        look();
    assert_true(rill_live_next(live, w, &event)); /* none: said once */
    assert_non_null(strstr(event.data, "\"passed\":0,\"shown\":0}"));
    for (unsigned i = 0; i < 20; i++) {
        look();
        assert_false(rill_live_next(live, w, &event));
    }
}

/* Packets that stay under way are told of when they end, however many others pass. */
static void test_slow_ones(void **state)
{
    enum { SLOW = 20 };
    rill_live_packet slow[SLOW];
    uint32_t numbers[SLOW];
    (void)state;
    unsigned w = watch("", "open");
    for (unsigned i = 0; i < SLOW; i++) {
        slow[i] = packet("a", "x");
        numbers[i] = rill_live_sent(live, &slow[i], now);
        now.mono_ns++;
    }
    look();
    assert_int_equal(told(w, "open"), SLOW);
    unsigned all = watch("", NULL);
    for (unsigned i = 0; i < 4 * RILL_LIVE_KEPT / RILL_LIVE_SHOWN; i++) {
        for (unsigned k = 0; k < RILL_LIVE_SHOWN; k++)
            whole("a", "x", NULL, false);
        look();
        assert_int_equal(told(w, NULL), 0);
        assert_in_range(told(all, "fulfilled"), 1, RILL_LIVE_SHOWN);
    }
    for (unsigned i = 0; i < SLOW; i++)
        over(numbers[i], slow[i], NULL, false);
    look();
    assert_int_equal(told(w, "fulfilled"), SLOW);
}

/* Numbers of packets whose place is another one's, or of an earlier time, mean nothing. */
static void test_old_numbers(void **state)
{
    (void)state;
    unsigned w = watch("", NULL);
    const rill_live_packet old = packet("old", "x");
    uint32_t number = rill_live_sent(live, &old, now);
    rill_live_free(live);
    assert_int_equal(rill_live_new(&live, rill_allocator_default()), RILL_OK);
    pass(1);
    w = watch("", NULL);
    over(number, old, NULL, false);
    const rill_live_packet p = packet("new", "x");
    assert_int_equal(rill_live_sent(live, &p, now), number);
    over(number, old, "F99", false);
    look();
    json_t *e = next(w);
    has(e, "from", "new");
    has(e, "result", "open");
    json_decref(e);
    assert_null(next(w));
    rill_live_forget(live);
    look();
    assert_int_equal(told(w, "unknown"), 1);
    over(number, p, NULL, false);
    look();
    assert_int_equal(told(w, NULL), 0);
    /* Nobody looks, and what is kept has an end; the newest are there. */
    for (unsigned i = 0; i < 10 * RILL_LIVE_KEPT; i++) {
        const rill_live_packet open = packet("a", "x");
        number = rill_live_sent(live, &open, now);
        assert_in_range(number, 1, RILL_LIVE_NUMBER_MAX);
        if (i % RILL_LIVE_SHOWN == 0)
            rill_live_look(live, now);
    }
    assert_int_equal(told(w, "open"), RILL_LIVE_KEPT);
}

static void test_those_who_watch(void **state)
{
    unsigned all[RILL_LIVE_WATCHES];
    unsigned more;
    const rill_live_filter f = {.outcome = RILL_LIVE_ALL};
    (void)state;
    assert_true(rill_live_is_idle(live));
    for (unsigned i = 0; i < RILL_LIVE_WATCHES; i++)
        all[i] = watch("", NULL);
    assert_int_equal(rill_live_watch(live, &f, now, &more), RILL_ERR_LIMIT);
    whole("a", "x", NULL, false);
    rill_live_leave(live, all[3]);
    all[3] = watch("", NULL);
    look();
    for (unsigned i = 0; i < RILL_LIVE_WATCHES; i++)
        assert_int_equal(told(all[i], NULL), i != 3); /* it came later */
    for (unsigned i = 0; i < RILL_LIVE_WATCHES; i++)
        rill_live_leave(live, all[i]);
    assert_true(rill_live_is_idle(live));
    failing_memory memory;
    failing_memory_init(&memory, 1, FAILING_FOR_EVER);
    rill_live *none = NULL;
    assert_int_equal(rill_live_new(&none, &memory.allocator), RILL_ERR_NOMEM);
    failing_memory_end(&memory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_packet),  TEST(test_filters),         TEST(test_patience),
        TEST(test_a_sample),  TEST(test_a_quiet_account), TEST(test_counts),
        TEST(test_slow_ones), TEST(test_old_numbers),     TEST(test_those_who_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
