/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the audit for a receiver that may do anything, in virtual time: be away, answer with
 * errors, take a line and not say so. The node dies between any two steps. Whatever happens, he
 * gets each line at least once, and the first time of each in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/webhook.h"
#include "share.h"
#include <cmocka.h>

enum { MOST = 500 };

static rill_webhook webhook;
static rill_now now;
static uint64_t seed;
static struct {
    uint64_t lines;                   /* that the store has */
    char cursor[RILL_WEBHOOK_CURSOR]; /* that it has; empty: none */
} disk;

static uint64_t draw(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % below;
}

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = rill_alloc(rill_allocator_default(), size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    return copy;
}

static rill_audit_line make_line(uint64_t id)
{
    rill_audit_line line = {.id = id,
                            .holder = RILL_HOLDER_NEIGHBOUR,
                            .scale = 2,
                            .kind = RILL_ENTRY_SETTLED_IN,
                            .at_ms = UINT64_C(1796014800000),
                            .amount = 300,
                            .account = copy_of("alice"),
                            .asset = copy_of("USD"),
                            .who = copy_of("maria"),
                            .note = copy_of(""),
                            .key = copy_of("k")};
    for (uint8_t i = 0; i < sizeof line.hash; i++)
        line.hash[i] = i;
    return line;
}

static void free_line(const rill_audit_line *line)
{
    rill_audit_line *one = rill_alloc(rill_allocator_default(), sizeof *one);
    assert_non_null(one);
    *one = *line;
    rill_audit_lines lines = {one, 1, 0};
    rill_audit_lines_clear(&lines, rill_allocator_default());
}

/* What the store finds. */
static void find(rill_store_look *look)
{
    assert_int_equal(look->kind, RILL_LOOK_LINES);
    look->lines.last = disk.lines;
    if (look->most == 0)
        return;
    look->lines.all = rill_calloc(rill_allocator_default(), look->most, sizeof *look->lines.all);
    assert_non_null(look->lines.all);
    for (uint64_t id = look->after + 1; id <= disk.lines && look->lines.count < look->most; id++)
        look->lines.all[look->lines.count++] = make_line(id);
}

static void keep_if(bool moved)
{
    if (moved)
        rill_webhook_cursor(&webhook, disk.cursor);
}

static void look_once(void)
{
    rill_store_look look = {.rc = RILL_OK};
    rill_webhook_ask(&webhook, &look);
    find(&look);
    rill_webhook_looked(&webhook, &look, now);
    rill_look_clear(&look, rill_allocator_default());
}

static void start(void)
{
    rill_webhook_init(&webhook, rill_allocator_default(), draw(UINT32_MAX));
    if (disk.cursor[0] != '\0')
        rill_webhook_know(&webhook, disk.cursor);
    keep_if(rill_webhook_begin(&webhook, disk.lines, RILL_SECOND, now.mono_ns));
}

static int set_up(void **state)
{
    (void)state;
    memset(&disk, 0, sizeof disk);
    seed = 1;
    now = (rill_now){RILL_SECOND, UINT64_C(1796014800000)};
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_webhook_clear(&webhook);
    return 0;
}

static void die(void)
{
    rill_webhook_clear(&webhook);
    now.mono_ns = RILL_SECOND; /* another boot */
    start();
}

static void step_is(rill_webhook_step step)
{
    assert_int_equal(rill_webhook_next(&webhook, now.mono_ns), step);
}

static uint64_t send(unsigned status)
{
    step_is(RILL_WEBHOOK_SEND);
    uint64_t id = rill_webhook_line(&webhook)->id;
    step_is(RILL_WEBHOOK_NOTHING); /* one at a time */
    assert_true(rill_webhook_deadline(&webhook) == RILL_NEVER);
    keep_if(rill_webhook_answered(&webhook, status, "nobody is there", now));
    return id;
}

static void test_a_first_time(void **state)
{
    (void)state;
    disk.lines = 7; /* of before: nobody asked to be told of these */
    webhook.known = false;
    keep_if(rill_webhook_begin(&webhook, disk.lines, RILL_SECOND, now.mono_ns));
    step_is(RILL_WEBHOOK_LOOK);
    look_once();
    assert_string_equal(disk.cursor, "7");
    step_is(RILL_WEBHOOK_NOTHING);
    assert_true(rill_webhook_deadline(&webhook) == RILL_NEVER);
    disk.lines = 9;
    rill_webhook_stir(&webhook);
    look_once();
    assert_int_equal(rill_webhook_waiting(&webhook), 2);
    assert_int_equal(send(200), 8);
    assert_string_equal(disk.cursor, "8");
    assert_int_equal(send(204), 9);
    assert_string_equal(disk.cursor, "9");
    assert_int_equal(webhook.delivered, 2);
    assert_int_equal(rill_webhook_waiting(&webhook), 0);
    step_is(RILL_WEBHOOK_NOTHING);
}

static void test_nothing_but_2xx_is_good(void **state)
{
    (void)state;
    static const unsigned bad[] = {0, 100, 199, 300, 301, 302, 307, 400, 404, 410, 500, 503, 599};
    look_once();
    disk.lines = 1;
    rill_webhook_stir(&webhook);
    look_once();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(send(bad[i]), 1);
        step_is(RILL_WEBHOOK_NOTHING);
        assert_string_equal(disk.cursor, "0");
        assert_int_equal(webhook.tries, i + 1);
        assert_true(webhook.problem[0] != '\0');
        uint64_t wait = rill_webhook_deadline(&webhook) - now.mono_ns;
        uint64_t most = RILL_SECOND << (i < 6 ? i : 6);
        if (most > RILL_WEBHOOK_LONGEST_WAIT)
            most = RILL_WEBHOOK_LONGEST_WAIT;
        assert_in_range(wait, most / 2, most);
        now.mono_ns += wait;
    }
    assert_int_equal(webhook.failing_since_ms, now.wall_ms);
    assert_int_equal(send(200), 1);
    assert_int_equal(webhook.tries, 0);
    assert_int_equal(webhook.failing_since_ms, 0);
    assert_string_equal(webhook.problem, "");
    assert_int_equal(webhook.failures, sizeof bad / sizeof *bad);
}

/* More than are read at a time, and more that come meanwhile. */
static void test_many(void **state)
{
    (void)state;
    look_once();
    disk.lines = 3 * RILL_WEBHOOK_LINES + 1;
    rill_webhook_stir(&webhook);
    for (uint64_t id = 1; id <= disk.lines; id++) {
        if (rill_webhook_next(&webhook, now.mono_ns) == RILL_WEBHOOK_LOOK)
            look_once();
        assert_int_equal(send(200), id);
    }
    step_is(RILL_WEBHOOK_NOTHING);
    rill_store_look look = {.rc = RILL_OK};
    rill_webhook_stir(&webhook);
    rill_webhook_ask(&webhook, &look);
    find(&look);
    disk.lines++; /* after the look */
    rill_webhook_stir(&webhook);
    rill_webhook_looked(&webhook, &look, now);
    rill_look_clear(&look, rill_allocator_default());
    step_is(RILL_WEBHOOK_LOOK);
    look_once();
    assert_int_equal(send(200), disk.lines);
}

static void test_a_store_that_cannot_be_read(void **state)
{
    (void)state;
    rill_store_look look = {.rc = RILL_ERR_IO, .problem = "disk \x1b[31m"};
    rill_webhook_ask(&webhook, &look);
    rill_webhook_looked(&webhook, &look, now);
    assert_string_equal(webhook.problem, "disk ?[31m");
    step_is(RILL_WEBHOOK_NOTHING);
    now.mono_ns = rill_webhook_deadline(&webhook);
    step_is(RILL_WEBHOOK_LOOK);
    look_once();
    assert_string_equal(webhook.problem, "");
}

static void test_cursors(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "-1", "1 ", " 1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        webhook.known = false;
        rill_webhook_know(&webhook, bad[i]);
        assert_false(webhook.known);
    }
    rill_webhook_know(&webhook, "12");
    assert_true(webhook.known);
    /* A copy of the books that is older has been put in their place. */
    disk.lines = 5;
    keep_if(rill_webhook_begin(&webhook, disk.lines, RILL_SECOND, now.mono_ns));
    assert_string_equal(disk.cursor, "5");
}

/* He is told what comes after a line, whether the store has it yet or not. */
static void test_where_it_begins(void **state)
{
    (void)state;
    webhook.known = false;
    disk.lines = 5;
    assert_true(rill_webhook_begin(&webhook, 7, RILL_SECOND, now.mono_ns));
    look_once();
    step_is(RILL_WEBHOOK_NOTHING);
    disk.lines = 9;
    rill_webhook_stir(&webhook);
    look_once();
    assert_int_equal(send(200), 8);
    /* Who has begun goes on, wherever another one would begin. */
    assert_false(rill_webhook_begin(&webhook, 9, RILL_SECOND, now.mono_ns));
    look_once();
    assert_int_equal(send(200), 9);
}

static void test_the_first_wait(void **state)
{
    (void)state;
    disk.lines = 1;
    assert_false(rill_webhook_begin(&webhook, 0, 40 * RILL_MS, now.mono_ns));
    look_once();
    assert_int_equal(send(500), 1);
    uint64_t wait = rill_webhook_deadline(&webhook) - now.mono_ns;
    assert_in_range(wait, 20 * RILL_MS, 40 * RILL_MS);
}

/* While he takes none, it is known how many wait. */
static void test_how_many_wait(void **state)
{
    (void)state;
    look_once();
    disk.lines = 1;
    rill_webhook_stir(&webhook);
    look_once();
    assert_int_equal(send(0), 1);
    step_is(RILL_WEBHOOK_NOTHING);
    disk.lines = 5;
    rill_webhook_stir(&webhook);
    step_is(RILL_WEBHOOK_LOOK);
    look_once();
    assert_int_equal(rill_webhook_waiting(&webhook), 5);
    step_is(RILL_WEBHOOK_NOTHING);
    rill_store_look look = {.rc = RILL_ERR_IO, .problem = "disk"};
    rill_webhook_stir(&webhook);
    rill_webhook_ask(&webhook, &look);
    rill_webhook_looked(&webhook, &look, now);
    assert_int_equal(webhook.tries, 1);
    step_is(RILL_WEBHOOK_NOTHING); /* not again and again */
    now.mono_ns = rill_webhook_deadline(&webhook);
    for (uint64_t id = 1; id <= 5; id++) {
        if (id == 2)
            look_once();
        assert_int_equal(send(200), id);
    }
    step_is(RILL_WEBHOOK_NOTHING);
}

/* ---- another receiver ---- */

static void test_another_configuration(void **state)
{
    (void)state;
    look_once();
    disk.lines = 2;
    rill_webhook_stir(&webhook);
    look_once();
    assert_int_equal(send(500), 1);
    assert_false(rill_webhook_begin(&webhook, disk.lines, RILL_SECOND, now.mono_ns));
    assert_int_equal(webhook.tries, 0);
    step_is(RILL_WEBHOOK_LOOK); /* at once */
    look_once();
    assert_int_equal(rill_webhook_line(&webhook)->id, 1);
    assert_false(
        rill_webhook_begin(&webhook, disk.lines, RILL_SECOND, now.mono_ns)); /* while it is sent */
    look_once();
    assert_int_equal(send(200), 1);
    assert_int_equal(send(200), 2);
}

/* ---- what is sent ---- */

static void body_is(const rill_audit_line *line, const char *want)
{
    char *body = rill_webhook_body(line);
    assert_string_equal(body, want);
    free(body);
}

static void set_text(char **text, const char *value)
{
    rill_free(rill_allocator_default(), *text);
    *text = copy_of(value);
}

static void test_bodies(void **state)
{
    (void)state;
    static const struct {
        rill_entry_kind kind;
        const char *type;
    } kinds[] = {
        {RILL_ENTRY_SETTLED_IN, "account.settled_in"},
        {RILL_ENTRY_SETTLED_OUT, "account.settled_out"},
        {RILL_ENTRY_SETTLED_BACK, "account.settled_back"},
        {RILL_ENTRY_DEPOSIT, "account.deposit"},
        {RILL_ENTRY_WITHDRAWAL, "account.withdrawal"},
        {(rill_entry_kind)77, "account.entry"},
        {(rill_entry_kind)0, "account.entry"},
    };
    char want[500];
    rill_audit_line line = make_line(1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        line.kind = kinds[i].kind;
        snprintf(want, sizeof want,
                 "{\"data\":{\"account\":\"alice\",\"amount\":\"300\",\"asset\":{\"code\":\"USD\","
                 "\"scale\":2},\"at\":\"2026-11-30T05:00:00.000Z\",\"key\":\"k\",\"note\":\"\","
                 "\"who\":\"maria\"},\"id\":\"00010203-0405-8607-8809-0a0b0c0d0e0f\",\"type\":"
                 "\"%s\"}",
                 kinds[i].type);
        body_is(&line, want);
    }
    line.kind = RILL_ENTRY_CHANGE;
    set_text(&line.note, "credit 5\\\\u001F\x1f \"q\" \xc3\xbc/\xff rest");
    body_is(&line, "{\"data\":{\"account\":\"alice\",\"asset\":{\"code\":\"USD\",\"scale\":2},"
                   "\"at\":\"2026-11-30T05:00:00.000Z\",\"key\":\"k\",\"note\":\"credit "
                   "5\\\\\\\\u001F\\u001f \\\"q\\\" \xc3\xbc/\",\"who\":\"maria\"},\"id\":"
                   "\"00010203-0405-8607-8809-0a0b0c0d0e0f\",\"type\":\"account.changed\"}");
    line.holder = RILL_HOLDER_NODE;
    set_text(&line.note, "drain");
    body_is(&line,
            "{\"data\":{\"at\":\"2026-11-30T05:00:00.000Z\",\"key\":\"k\",\"note\":\"drain\","
            "\"who\":\"maria\"},\"id\":\"00010203-0405-8607-8809-0a0b0c0d0e0f\",\"type\":"
            "\"node.changed\"}");
    free_line(&line);
}

/* Computed by Python's hmac. */
static void test_a_signature(void **state)
{
    (void)state;
    char signature[RILL_WEBHOOK_SIGNATURE];
    rill_audit_line line = make_line(1);
    rill_crypto *crypto = rill_crypto_new(rill_allocator_default());
    set_text(&line.note, "tab\t, \x1f, \"q\", \xc3\xbc/");
    char *body = rill_webhook_body(&line);
    assert_int_equal(rill_webhook_sign(crypto, rill_allocator_default(), "secret",
                                       UINT64_C(1790000000123), body, signature),
                     RILL_OK);
    assert_string_equal(
        signature,
        "t=1790000000123, v1=d13e2826e12714d5687968c5b4bec6bf18883339221fe31dc1e4c51310943d38");
    free(body);
    free_line(&line);
    rill_crypto_free(crypto);
}

/* ---- anything, at any moment ---- */

static void one_step(uint64_t *got, bool good)
{
    switch (rill_webhook_next(&webhook, now.mono_ns)) {
    case RILL_WEBHOOK_LOOK:
        look_once();
        break;
    case RILL_WEBHOOK_SEND: {
        uint64_t id = rill_webhook_line(&webhook)->id;
        uint64_t luck = good ? 9 : draw(6);
        bool has = luck != 0; /* and perhaps his answer is lost */
        assert_true(id <= *got + 1);
        if (has && id == *got + 1)
            *got = id;
        if (luck == 1 && draw(3) == 0) {
            die();
            break;
        }
        bool moved = rill_webhook_answered(&webhook,
                                           luck == 0  ? 0
                                           : luck < 3 ? 500
                                                      : 200,
                                           "away", now);
        if (luck != 4 || !moved)
            keep_if(moved); /* else it is killed before that is kept */
        else
            die();
        break;
    }
    case RILL_WEBHOOK_NOTHING:
        now.mono_ns += draw(20) * RILL_SECOND;
        break;
    }
}

static void test_anything_at_any_moment(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= test_some_of(300); run++) {
        uint64_t got = 0;
        tear_down(NULL);
        set_up(NULL);
        seed = run;
        look_once(); /* it begins with an empty audit */
        for (unsigned i = 0; i < 600; i++) {
            if (draw(5) == 0 && disk.lines < MOST) {
                disk.lines += 1 + draw(4);
                rill_webhook_stir(&webhook);
            }
            if (draw(40) == 0)
                die();
            one_step(&got, false);
        }
        for (unsigned i = 0; i < 3000 && got < disk.lines; i++)
            one_step(&got, true);
        assert_int_equal(got, disk.lines);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_first_time),
        TEST(test_nothing_but_2xx_is_good),
        TEST(test_many),
        TEST(test_a_store_that_cannot_be_read),
        TEST(test_cursors),
        TEST(test_where_it_begins),
        TEST(test_the_first_wait),
        TEST(test_how_many_wait),
        TEST(test_another_configuration),
        TEST(test_bodies),
        TEST(test_a_signature),
        TEST(test_anything_at_any_moment),
    };
    return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
