/* SPDX-License-Identifier: Apache-2.0 */
/* Audits and statements of books that are written between their steps. */
#define _POSIX_C_SOURCE 200809L /* mkstemp */
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

#include "base/alloc.h"
#include "base/wide_text.h"
#include "store/sqlite.h"
#include "support/failing_memory.h"
#include <cmocka.h>

enum { EXCHANGE = 1, OUTSIDE, ALICE, BOB, CAROL, ACCOUNTS = CAROL };

static char path[64];
static rill_sqlite *file;
static int64_t booked[ACCOUNTS + 1];
static const rill_allocator *memory;

static const rill_store_account accounts[] = {
    {EXCHANGE, RILL_HOLDER_EXCHANGE, "", "USD", 2, 7},
    {OUTSIDE, RILL_HOLDER_OUTSIDE, "", "USD", 2, 7},
    {ALICE, RILL_HOLDER_NEIGHBOUR, "alice", "USD", 2, 7},
    {BOB, RILL_HOLDER_NEIGHBOUR, "bob", "USD", 2, 7},
    {CAROL, RILL_HOLDER_NEIGHBOUR, "carol", "USD", 2, 7},
};

static void open_again(void)
{
    char problem[RILL_SQLITE_PROBLEM];
    /* What is tested does not depend on the disk, and there are many batches. */
    const rill_sqlite_options o = {
        .path = path, .allocator = memory, .durability = RILL_DURABILITY_NORMAL};
    rill_sqlite_close(file);
    assert_int_equal(rill_sqlite_open(&file, &o, problem), RILL_OK);
}

static rill_i128 signed_of(int64_t value)
{
    return rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
}

static void keep(const rill_store_flow *flow, const rill_store_entry *entry)
{
    rill_store_balance balances[ACCOUNTS];
    for (rill_balance_id i = 1; i <= ACCOUNTS; i++)
        balances[i - 1] = (rill_store_balance){i, signed_of(booked[i])};
    const rill_store_batch batch = {
        .accounts = accounts,
        .account_count = ACCOUNTS,
        .balances = balances,
        .balance_count = ACCOUNTS,
        .flows = flow,
        .flow_count = flow != NULL,
        .entries = entry,
        .entry_count = entry != NULL,
    };
    assert_int_equal(rill_sqlite_write(file, &batch), RILL_OK);
}

/* So many packets of 10 in a minute, of which 9 arrive. */
static void sent(uint64_t minute, rill_balance_id from, rill_balance_id to, uint64_t packets)
{
    const rill_store_flow flow = {minute, from, to, packets, {10 * packets, 0}, {9 * packets, 0}};
    booked[from] -= (int64_t)(10 * packets);
    booked[EXCHANGE] += (int64_t)packets;
    booked[to] += (int64_t)(9 * packets);
    keep(&flow, NULL);
}

static void paid(uint64_t at_ms, rill_balance_id who, uint64_t amount, rill_entry_kind kind)
{
    const rill_store_entry entry = {at_ms, who, kind, amount, "maria", "bank", "", "env:T"};
    bool out = kind == RILL_ENTRY_SETTLED_OUT || kind == RILL_ENTRY_WITHDRAWAL;
    booked[who] += out ? -(int64_t)amount : (int64_t)amount;
    booked[OUTSIDE] -= out ? -(int64_t)amount : (int64_t)amount;
    keep(NULL, &entry);
}

static int set_up(void **state)
{
    (void)state;
    memory = rill_allocator_default();
    memset(booked, 0, sizeof booked);
    snprintf(path, sizeof path, "/tmp/rill-look-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0)
        return 1;
    open_again();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_sqlite_close(file);
    file = NULL;
    return unlink(path);
}

static void on_done(rill_store_look *look)
{
    (void)look;
}

static void look_at(rill_store_look *look)
{
    bool more = true;
    look->done = on_done;
    while (more)
        rill_sqlite_look(file, look, &more);
    assert_null(look->state);
}

static rill_store_look statement_of(rill_balance_id account, uint64_t from_ms, uint64_t to_ms,
                                    uint64_t step)
{
    rill_store_look look = {
        .kind = RILL_LOOK_STATEMENT,
        .account = account,
        .from_ms = from_ms,
        .to_ms = to_ms,
        .step_minutes = step,
    };
    look_at(&look);
    assert_int_equal(look.rc, RILL_OK);
    return look;
}

static void is(rill_i128 value, int64_t expected)
{
    char text[RILL_WIDE_TEXT];
    char want[32];
    rill_wide_signed_text(value, text);
    snprintf(want, sizeof want, "%lld", (long long)expected);
    assert_string_equal(text, want);
}

static void line_is(const rill_statement_line *line, uint64_t at_ms, int kind, const char *with,
                    uint64_t packets, int64_t change)
{
    assert_int_equal(line->at_ms, at_ms);
    assert_int_equal(line->kind, kind);
    assert_string_equal(line->texts[0], with);
    assert_int_equal(line->packets, packets);
    is(line->change, change);
}

static void test_a_statement(void **state)
{
    (void)state;
    sent(10, ALICE, BOB, 1);
    sent(11, ALICE, BOB, 2);
    sent(11, BOB, ALICE, 3);
    paid(11 * 60000 + 7, ALICE, 40, RILL_ENTRY_SETTLED_IN);
    sent(12, CAROL, ALICE, 5);
    sent(13, CAROL, BOB, 100);
    paid(14 * 60000, ALICE, 2, RILL_ENTRY_SETTLED_OUT);
    sent(15, ALICE, CAROL, 1);
    rill_store_look all = statement_of(ALICE, 0, UINT64_MAX, 1);
    is(all.statement.opening, 0);
    is(all.statement.closing, booked[ALICE]);
    assert_int_equal(all.statement.count, 7);
    line_is(&all.statement.lines[0], 600000, 0, "bob", 1, -10);
    line_is(&all.statement.lines[1], 660000, 0, "bob", 2, -20);
    line_is(&all.statement.lines[2], 660000, 0, "bob", 3, 27);
    line_is(&all.statement.lines[3], 660007, RILL_ENTRY_SETTLED_IN, "maria", 0, 40);
    line_is(&all.statement.lines[6], 900000, 0, "carol", 1, -10);
    rill_look_clear(&all, memory);
    /* From the 11th minute on, and before the 14th. */
    rill_store_look some = statement_of(ALICE, 11 * 60000, 14 * 60000, 60);
    is(some.statement.opening, -10);
    is(some.statement.closing, -10 - 20 + 27 + 40 + 45);
    assert_int_equal(some.statement.count, 4);
    line_is(&some.statement.lines[0], 0, 0, "bob", 2, -20);
    line_is(&some.statement.lines[2], 0, 0, "carol", 5, 45);
    line_is(&some.statement.lines[3], 660007, RILL_ENTRY_SETTLED_IN, "maria", 0, 40);
    rill_look_clear(&some, memory);
    /* Of nothing. */
    rill_store_look none = statement_of(ALICE, 1000000000, 1000000001, 60);
    is(none.statement.opening, booked[ALICE]);
    is(none.statement.closing, booked[ALICE]);
    assert_int_equal(none.statement.count, 0);
    rill_look_clear(&none, memory);
}

/* Of the same minutes in two runs there is one line; a clock that was set back is no trouble. */
static void test_several_runs(void **state)
{
    (void)state;
    sent(100, ALICE, BOB, 1);
    sent(101, ALICE, BOB, 1);
    open_again();
    sent(5, ALICE, BOB, 1);
    sent(101, ALICE, BOB, 4);
    open_again();
    sent(101, ALICE, BOB, 2);
    rill_store_look look = statement_of(ALICE, 100 * 60000, UINT64_MAX, 1);
    is(look.statement.opening, -10);
    assert_int_equal(look.statement.count, 2);
    line_is(&look.statement.lines[0], 6000000, 0, "bob", 1, -10);
    line_is(&look.statement.lines[1], 6060000, 0, "bob", 7, -70);
    rill_look_clear(&look, memory);
    look = statement_of(ALICE, 0, 6 * 60000, 1);
    is(look.statement.closing, -10);
    assert_int_equal(look.statement.count, 1);
    rill_look_clear(&look, memory);
}

/* More rows than a step reads, and between the steps something is booked. */
static void test_books_that_change_meanwhile(void **state)
{
    (void)state;
    for (uint64_t minute = 1; minute <= 3000; minute++) {
        const rill_store_flow flow = {minute, ALICE, BOB, 1, {10, 0}, {9, 0}};
        booked[ALICE] -= 10;
        booked[EXCHANGE] += 1;
        booked[BOB] += 9;
        if (minute % 500 == 0 || minute > 2990)
            keep(&flow, NULL);
        else {
            const rill_store_batch batch = {
                .accounts = accounts, .account_count = ACCOUNTS, .flows = &flow, .flow_count = 1};
            assert_int_equal(rill_sqlite_write(file, &batch), RILL_OK);
        }
    }
    rill_store_look audit = {.kind = RILL_LOOK_AUDIT, .done = on_done};
    rill_store_look st = {.kind = RILL_LOOK_STATEMENT,
                          .account = BOB,
                          .to_ms = UINT64_MAX,
                          .step_minutes = 1440,
                          .done = on_done};
    bool more[2] = {true, true};
    unsigned steps = 0;
    uint64_t packets = 0;
    bool seen = false;
    while (more[0] || more[1]) {
        if (more[0])
            rill_sqlite_look(file, &audit, &more[0]);
        if (more[1])
            rill_sqlite_look(file, &st, &more[1]);
        if (!more[1] && !seen) {
            is(st.statement.closing, booked[BOB]);
            seen = true;
        }
        if (!more[0] && !more[1])
            break;
        /* The last minute has its sum anew, as it grows. */
        packets = steps % 2 == 0 ? 2 : packets + 2;
        const rill_store_flow last = {3000 + steps / 2, BOB, CAROL, packets, {10 * packets, 0},
                                      {9 * packets, 0}};
        booked[BOB] -= 20;
        booked[EXCHANGE] += 2;
        booked[CAROL] += 18;
        keep(&last, NULL);
        paid(1, BOB, 7, RILL_ENTRY_DEPOSIT);
        steps++;
    }
    assert_true(steps > 3);
    assert_int_equal(audit.rc, RILL_OK);
    assert_int_equal(audit.audit.uneven_balances, 0);
    assert_int_equal(audit.audit.broken_entries, 0);
    assert_true(audit.audit.flows >= 3000);
    rill_look_clear(&st, memory);
}

/* The sum of the last minute grows between any two steps: it is read with the balances, last. */
static void test_a_last_minute_that_grows(void **state)
{
    (void)state;
    rill_store_look audit = {.kind = RILL_LOOK_AUDIT, .done = on_done};
    rill_store_look st = {.kind = RILL_LOOK_STATEMENT,
                          .account = BOB,
                          .to_ms = UINT64_MAX,
                          .step_minutes = 1,
                          .done = on_done};
    bool more[2] = {true, true};
    unsigned steps = 0;
    sent(1, ALICE, BOB, 5);
    while (more[0] || more[1]) {
        steps++;
        const rill_store_flow grown = {2, BOB, CAROL, steps, {10 * steps, 0}, {9 * steps, 0}};
        booked[BOB] -= 10;
        booked[EXCHANGE] += 1;
        booked[CAROL] += 9;
        keep(&grown, NULL);
        if (more[0])
            rill_sqlite_look(file, &audit, &more[0]);
        if (!more[1])
            continue;
        rill_sqlite_look(file, &st, &more[1]);
        if (!more[1])
            is(st.statement.closing, booked[BOB]);
    }
    assert_true(steps > 3);
    assert_int_equal(audit.rc, RILL_OK);
    assert_int_equal(audit.audit.uneven_balances, 0);
    assert_int_equal(audit.audit.flows, 2);
    assert_int_equal(st.rc, RILL_OK);
    is(st.statement.opening, 0);
    assert_int_equal(st.statement.count, 2);
    rill_look_clear(&st, memory);
}

/* Ends before its end: nothing is left. */
static void test_stopping(void **state)
{
    (void)state;
    rill_store_look looks[] = {
        {.kind = RILL_LOOK_AUDIT, .done = on_done},
        {.kind = RILL_LOOK_STATEMENT, .to_ms = 1, .step_minutes = 1, .done = on_done}};
    sent(1, ALICE, BOB, 1);
    for (size_t i = 0; i < 2; i++) {
        bool more = false;
        rill_sqlite_look(file, &looks[i], &more);
        assert_true(more);
        rill_sqlite_stop_looking(file, &looks[i]);
        assert_null(looks[i].state);
        rill_look_clear(&looks[i], memory);
    }
}

static void test_too_many_lines(void **state)
{
    (void)state;
    rill_store_look look = {
        .kind = RILL_LOOK_STATEMENT, .account = ALICE, .to_ms = UINT64_MAX, .step_minutes = 1};
    enum { MANY = 500 };
    static rill_store_entry entries[MANY];
    for (size_t i = 0; i < MANY; i++)
        entries[i] = (rill_store_entry){i, ALICE, RILL_ENTRY_DEPOSIT, 1, "m", "", "", NULL};
    keep(NULL, NULL);
    for (size_t i = 0; i <= RILL_STATEMENT_MAX / MANY; i++) {
        const rill_store_batch batch = {.entries = entries, .entry_count = MANY};
        assert_int_equal(rill_sqlite_write(file, &batch), RILL_OK);
    }
    look_at(&look);
    assert_int_equal(look.rc, RILL_ERR_LIMIT);
    assert_true(look.problem[0] != '\0');
    rill_look_clear(&look, memory);
}

/* An entry of no money changes no balance; with an amount it is wrong. */
static void test_changes(void **state)
{
    (void)state;
    rill_audit audit;
    const rill_store_entry note = {7, ALICE, RILL_ENTRY_CHANGE, 0, "maria", "credit 5", "", NULL};
    sent(1, ALICE, BOB, 1);
    keep(NULL, &note);
    assert_int_equal(rill_sqlite_audit(file, &audit), RILL_OK);
    assert_int_equal(audit.uneven_balances + audit.uneven_assets + audit.broken_entries, 0);
    rill_store_look look = statement_of(ALICE, 0, UINT64_MAX, 1);
    assert_int_equal(look.statement.count, 2);
    line_is(&look.statement.lines[0], 7, RILL_ENTRY_CHANGE, "maria", 0, 0);
    rill_look_clear(&look, memory);
}

/* Without memory it says so, and all is given back. */
static void test_no_memory(void **state)
{
    (void)state;
    failing_memory failing;
    sent(1, ALICE, BOB, 1);
    paid(1, ALICE, 7, RILL_ENTRY_DEPOSIT);
    failing_memory_init(&failing, 0, 1);
    memory = &failing.allocator;
    open_again();
    for (int kind = RILL_LOOK_AUDIT; kind <= RILL_LOOK_STATEMENT; kind++) {
        bool failed = true;
        for (unsigned long nth = 1; failed; nth++) {
            rill_store_look look = {.kind = (rill_look_kind)kind,
                                    .account = ALICE,
                                    .to_ms = UINT64_MAX,
                                    .step_minutes = 1};
            failing.asked = 0;
            failing.fail_at = nth;
            look_at(&look);
            failing.fail_at = 0;
            failed = look.rc != RILL_OK;
            assert_true(!failed || look.rc == RILL_ERR_NOMEM);
            assert_true(nth > 1 || failed);
            rill_look_clear(&look, memory);
        }
    }
    rill_sqlite_close(file);
    file = NULL;
    assert_int_equal(failing.blocks, 0);
    failing_memory_end(&failing);
}

/* Lines of the audit behind one of them. */
static void test_lines(void **state)
{
    (void)state;
    rill_store_look look = {.kind = RILL_LOOK_LINES, .after = 0, .most = 0};
    look_at(&look);
    assert_int_equal(look.rc, RILL_OK);
    assert_int_equal(look.lines.last, 0);
    paid(5, ALICE, 40, RILL_ENTRY_SETTLED_IN);
    paid(6, BOB, 7, RILL_ENTRY_SETTLED_BACK);
    paid(7, ALICE, 2, RILL_ENTRY_SETTLED_OUT);
    look = (rill_store_look){.kind = RILL_LOOK_LINES, .after = 1, .most = 10};
    look_at(&look);
    assert_int_equal(look.rc, RILL_OK);
    assert_int_equal(look.lines.last, 3);
    assert_int_equal(look.lines.count, 2);
    const rill_audit_line *line = look.lines.all;
    assert_int_equal(line[0].id, 2);
    assert_int_equal(line[0].kind, RILL_ENTRY_SETTLED_BACK);
    assert_int_equal(line[0].holder, RILL_HOLDER_NEIGHBOUR);
    assert_int_equal(line[0].at_ms, 6);
    assert_int_equal(line[0].amount, 7);
    assert_int_equal(line[0].scale, 2);
    assert_string_equal(line[0].account, "bob");
    assert_string_equal(line[0].asset, "USD");
    assert_string_equal(line[0].who, "maria");
    assert_string_equal(line[0].note, "bank");
    assert_string_equal(line[0].key, "");
    assert_string_equal(line[0].person, "env:T");
    assert_int_equal(line[1].id, 3);
    assert_memory_not_equal(line[0].hash, line[1].hash, sizeof line[0].hash);
    rill_look_clear(&look, memory);
    look = (rill_store_look){.kind = RILL_LOOK_LINES, .after = 0, .most = 2};
    look_at(&look);
    assert_int_equal(look.lines.count, 2);
    assert_int_equal(look.lines.all[0].id, 1);
    rill_look_clear(&look, memory);
    look = (rill_store_look){.kind = RILL_LOOK_LINES, .after = UINT64_MAX, .most = 2};
    look_at(&look);
    assert_int_equal(look.lines.count, 0);
    assert_int_equal(look.lines.last, 3);
    rill_look_clear(&look, memory);
    /* What was owed again is owed again for an audit, too. */
    rill_store_look audit = {.kind = RILL_LOOK_AUDIT};
    look_at(&audit);
    assert_int_equal(audit.audit.uneven_balances, 0);
    assert_int_equal(audit.audit.uneven_assets, 0);
}

/* ---- sums of minutes that become sums of days ---- */

enum { DAY = 1440, DAY_MS = DAY * 60000 };

static void seal(void)
{
    for (bool more = true; more;)
        assert_int_equal(rill_sqlite_seal(file, &more), RILL_OK);
}

static unsigned merge(int64_t before_minute)
{
    seal();
    rill_sqlite_merging at = {.before_minute = before_minute};
    unsigned steps = 0;
    for (bool more = true; more; steps++)
        assert_int_equal(rill_sqlite_merge(file, &at, &more), RILL_OK);
    return steps;
}

static void books_are_right(void)
{
    rill_store_look audit = {.kind = RILL_LOOK_AUDIT};
    look_at(&audit);
    assert_int_equal(audit.rc, RILL_OK);
    assert_string_equal(audit.audit.first, "");
    assert_int_equal(audit.audit.uneven_balances + audit.audit.uneven_assets, 0);
    assert_int_equal(audit.audit.broken_seals, 0);
}

static void same_statement(const rill_statement *a, const rill_statement *b)
{
    assert_true(rill_wide_equal(a->opening, b->opening));
    assert_true(rill_wide_equal(a->closing, b->closing));
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const rill_statement_line *x = &a->lines[i];
        const rill_statement_line *y = &b->lines[i];
        assert_int_equal(x->at_ms, y->at_ms);
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->from, y->from);
        assert_int_equal(x->packets, y->packets);
        assert_string_equal(x->texts[0], y->texts[0]);
        assert_true(rill_wide_equal(x->change, y->change));
    }
}

static uint64_t seed;

static uint64_t draw(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % below;
}

/* Some days in several runs of the node, with entries between. */
static void live(void)
{
    uint64_t minute = 10 * DAY;
    for (unsigned i = 0; i < 400; i++) {
        minute += draw(2) * draw(60);
        rill_balance_id from = (rill_balance_id)(ALICE + draw(3));
        rill_balance_id to = (rill_balance_id)(ALICE + (from - ALICE + 1 + draw(2)) % 3);
        sent(minute, from, to, 1 + draw(5));
        minute++; /* a sum of a minute is whole, and not added to */
        if (draw(20) == 0)
            paid(minute * 60000, ALICE, 1 + draw(9), RILL_ENTRY_SETTLED_IN);
        if (draw(60) == 0)
            open_again();
    }
}

/* Whatever is merged when, an audit is right, and statements of whole days are the same. */
static void test_days(void **state)
{
    (void)state;
    for (seed = 1; seed < 8; seed++) {
        tear_down(NULL);
        set_up(NULL);
        live();
        const uint64_t from = (10 + draw(3)) * DAY_MS;
        const uint64_t to = from + (1 + draw(4)) * DAY_MS;
        rill_store_look days = statement_of(ALICE, from, to, DAY);
        rill_store_look all = statement_of(ALICE, 0, UINT64_MAX, UINT64_MAX / 60000);
        for (unsigned i = 0; i < 4; i++) {
            unsigned steps = merge((int64_t)((10 + draw(8)) * DAY + draw(DAY)));
            assert_true(steps > 0);
            books_are_right();
            rill_store_look again = statement_of(ALICE, from, to, DAY);
            same_statement(&days.statement, &again.statement);
            rill_look_clear(&again, memory);
            again = statement_of(ALICE, 0, UINT64_MAX, UINT64_MAX / 60000);
            same_statement(&all.statement, &again.statement);
            rill_look_clear(&again, memory);
            if (draw(2) == 0)
                open_again();
        }
        rill_look_clear(&days, memory);
        rill_look_clear(&all, memory);
    }
}

static void statement_is_refused(uint64_t from_ms, uint64_t to_ms, uint64_t step)
{
    rill_store_look look = {.kind = RILL_LOOK_STATEMENT,
                            .account = ALICE,
                            .from_ms = from_ms,
                            .to_ms = to_ms,
                            .step_minutes = step};
    look_at(&look);
    assert_int_equal(look.rc, RILL_ERR_RANGE);
    assert_non_null(strstr(look.problem, "sums of whole days alone"));
    rill_look_clear(&look, memory);
}

/* What is not known any more is not made up. */
static void test_parts_of_days(void **state)
{
    (void)state;
    sent(10 * DAY + 100, ALICE, BOB, 1);
    sent(10 * DAY + 900, ALICE, BOB, 2);
    sent(11 * DAY + 5, ALICE, BOB, 3);
    sent(11 * DAY + 6, BOB, CAROL, 3);
    assert_true(merge(11 * DAY) > 0);
    books_are_right();
    statement_is_refused(10 * DAY_MS + 1, 11 * DAY_MS, DAY);
    statement_is_refused(10 * DAY_MS, 11 * DAY_MS - 1, DAY);
    statement_is_refused(10 * DAY_MS, 11 * DAY_MS, 60);
    statement_is_refused(9 * DAY_MS, 12 * DAY_MS, 1);
    /* Of others, and of newer times, all is known. */
    rill_store_look look = statement_of(CAROL, 10 * DAY_MS + 7, UINT64_MAX, 1);
    assert_int_equal(look.statement.count, 1);
    rill_look_clear(&look, memory);
    look = statement_of(ALICE, 11 * DAY_MS, UINT64_MAX, 1);
    assert_int_equal(look.statement.count, 1);
    is(look.statement.opening, -30);
    is(look.statement.closing, -60);
    rill_look_clear(&look, memory);
}

/* The newest minute of this run may be written again; a minute of before that comes again, by a
 * clock that was set back, is added. */
static void test_minutes_that_are_written_again(void **state)
{
    (void)state;
    sent(10 * DAY, ALICE, BOB, 1);
    assert_int_equal(merge(INT64_MAX), 2);
    const rill_store_flow more = {10 * DAY, ALICE, BOB, 3, {30, 0}, {27, 0}};
    booked[ALICE] -= 20;
    booked[EXCHANGE] += 2;
    booked[BOB] += 18;
    keep(&more, NULL); /* the sum of the same minute */
    books_are_right();
    open_again();
    assert_int_equal(merge(INT64_MAX), 5);
    books_are_right();
    sent(10 * DAY, ALICE, BOB, 4);
    sent(10 * DAY + 1, ALICE, BOB, 4);
    open_again();
    (void)merge(INT64_MAX);
    books_are_right();
    rill_store_look look = statement_of(ALICE, 0, UINT64_MAX, DAY);
    assert_int_equal(look.statement.count, 1);
    assert_int_equal(look.statement.lines[0].packets, 11);
    rill_look_clear(&look, memory);
}

/* More than a step moves. */
static void test_many_minutes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 450; i++)
        sent(10 * DAY + i, ALICE, BOB, 1);
    open_again();
    seal();
    rill_sqlite_merging at = {.before_minute = 12 * DAY};
    bool more = true;
    unsigned steps = 0;
    for (; more; steps++) {
        assert_int_equal(rill_sqlite_merge(file, &at, &more), RILL_OK);
        books_are_right(); /* after each step */
    }
    assert_int_equal(steps, 7); /* three of them move rows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_a_statement),
        TEST(test_several_runs),
        TEST(test_books_that_change_meanwhile),
        TEST(test_a_last_minute_that_grows),
        TEST(test_stopping),
        TEST(test_too_many_lines),
        TEST(test_changes),
        TEST(test_no_memory),
        TEST(test_lines),
        TEST(test_days),
        TEST(test_parts_of_days),
        TEST(test_minutes_that_are_written_again),
        TEST(test_many_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
