/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Books on a file system that loses what a disk can lose: random packets and settlements, written
 * group by group, with the power going, the process dying and writes failing at any operation.
 * Afterwards the store has all that it said it kept, and at most the one group more that it was at;
 * and its balances are what its lines add up to.
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
#include <sqlite3.h>

#include "connector/books.h"
#include "store/sqlite.h"
#include "store/sqlite_impl.h"
#include "support/crash_vfs.h"
#include <cmocka.h>

enum { NEIGHBOURS = 5, ASSETS = 2, BALANCES = 2 * ASSETS + NEIGHBOURS, GROUPS = 12, SEEDS = 60 };

typedef struct state_of_all {
    rill_i128 booked[BALANCES + 1]; /* by id */
    uint64_t settlement;            /* the number of the last one; 0: there was none */
} state_of_all;

typedef struct run {
    uint64_t seed;
    rill_sqlite *file;
    rill_books books;
    rill_balance neighbours[NEIGHBOURS];
    rill_group group;
    rill_store_entry entries[4];
    size_t entry_count;
    char keys[4][32];
    unsigned next_key;
    rill_durability durability;
    bool settles; /* the group has a settlement, and ends the one before */
    uint64_t settlement;
    uint64_t wall_ms;
    state_of_all kept;    /* what the store said it has */
    state_of_all writing; /* with the group that it was at */
} run;

static uint64_t draw(run *r, uint64_t below)
{
    r->seed = r->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (r->seed >> 33) % below;
}

static rill_i128 zero(void)
{
    return rill_wide_signed(rill_wide(0));
}

/* The ids: the assets' own first, then the neighbours'. */
static rill_store_account account_of(rill_balance_id id)
{
    static const char *const names[] = {"", "alice", "bob", "carol", "dora", "emil"};
    rill_store_account a = {.id = id, .name = "", .created_ms = 1};
    if (id <= 2 * ASSETS) {
        a.holder = id % 2 == 1 ? RILL_HOLDER_EXCHANGE : RILL_HOLDER_OUTSIDE;
        a.asset = id <= 2 ? "USD" : "XRP";
    } else {
        a.holder = RILL_HOLDER_NEIGHBOUR;
        a.name = names[id - 2 * ASSETS];
        a.asset = id % 2 == 1 ? "USD" : "XRP";
    }
    a.scale = a.asset[0] == 'U' ? 2 : 9;
    return a;
}

static void books_from(run *r, const state_of_all *s)
{
    rill_books_init(&r->books, rill_allocator_default(), 3);
    for (uint32_t i = 0; i < ASSETS; i++)
        assert_int_equal(rill_books_add_asset(&r->books, 2 * i + 1, s->booked[2 * i + 1], 2 * i + 2,
                                              s->booked[2 * i + 2]),
                         RILL_OK);
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        rill_balance_id id = 2 * ASSETS + 1 + i;
        rill_balance_init(&r->neighbours[i], id, id % 2 == 1 ? 0 : 1, s->booked[id]);
        r->neighbours[i].credit = RILL_NO_LIMIT;
    }
}

static void state_of_books(const run *r, state_of_all *out)
{
    for (size_t i = 0; i < ASSETS; i++) {
        out->booked[2 * i + 1] = r->books.assets[i]->exchange.booked;
        out->booked[2 * i + 2] = r->books.assets[i]->outside.booked;
    }
    for (size_t i = 0; i < NEIGHBOURS; i++)
        out->booked[2 * ASSETS + 1 + i] = r->neighbours[i].booked;
}

static int open_file(run *r)
{
    char problem[RILL_SQLITE_PROBLEM];
    rill_sqlite_options o = {.path = "books", .vfs = CRASH_VFS, .now_ms = 5};
    o.durability = r->durability;
    return rill_sqlite_open(&r->file, &o, problem);
}

static void packet(run *r)
{
    rill_flow *flow = NULL;
    rill_balance *from = &r->neighbours[draw(r, NEIGHBOURS)];
    rill_balance *to = &r->neighbours[draw(r, NEIGHBOURS)];
    uint64_t taken = draw(r, 8) == 0 ? UINT64_MAX - draw(r, 9) : draw(r, 100000);
    uint64_t given = draw(r, 8) == 0 ? UINT64_MAX - draw(r, 9) : draw(r, 100000);
    assert_int_equal(rill_books_flow(&r->books, from, to, &flow), RILL_OK);
    assert_int_equal(rill_books_hold(flow, taken, given), RILL_HOLD_TAKEN);
    rill_books_commit(&r->books, flow, taken, given, true, r->wall_ms);
}

static void settle(run *r)
{
    if (r->entry_count == sizeof r->entries / sizeof *r->entries)
        return;
    rill_store_entry *e = &r->entries[r->entry_count];
    rill_balance *a = &r->neighbours[draw(r, NEIGHBOURS)];
    char *key = r->keys[r->entry_count++];
    key[0] = '\0';
    if (draw(r, 2) == 1)
        snprintf(key, sizeof r->keys[0], "key %u", r->next_key++);
    *e = (rill_store_entry){
        .at_ms = r->wall_ms,
        .account = a->id,
        .kind = (rill_entry_kind)(1 + draw(r, 4)),
        .amount = draw(r, 4) == 0 ? UINT64_MAX : draw(r, 1000),
        .who = "engine",
        .note = "",
        .key = key,
    };
    bool out = e->kind == RILL_ENTRY_SETTLED_OUT || e->kind == RILL_ENTRY_WITHDRAWAL;
    rill_books_enter(&r->books, a, out, e->amount, r->wall_ms);
}

static rill_store_account all_accounts[BALANCES];

static int write_group(run *r, bool first)
{
    char keys[2][24];
    snprintf(keys[0], sizeof keys[0], "%llu", (unsigned long long)r->settlement - 1);
    snprintf(keys[1], sizeof keys[1], "%llu", (unsigned long long)r->settlement);
    const rill_store_settlement settlements[] = {
        {.account = BALANCES, .kind = RILL_SETTLEMENT_OUT, .key = keys[0], .gone = true},
        {BALANCES, RILL_SETTLEMENT_OUT, keys[1], "http://e", keys[1], 0, 1, false},
    };
    const rill_store_batch batch = {
        .accounts = all_accounts,
        .account_count = first ? BALANCES : 0,
        .balances = r->group.balances,
        .balance_count = r->group.balance_count,
        .flows = r->group.flows,
        .flow_count = r->group.flow_count,
        .entries = r->entries,
        .entry_count = r->entry_count,
        .settlements = settlements,
        .settlement_count = r->settles ? 2 : 0,
    };
    return rill_sqlite_write(r->file, &batch);
}

static unsigned merged, sealed;

/* Sums that are over enter their chain, as far as it gets. */
static void seal_some(run *r)
{
    bool more = true;
    for (uint64_t i = draw(r, 8); i > 0 && more; i--) {
        if (rill_sqlite_seal(r->file, &more) != RILL_OK)
            return;
        sealed++;
    }
}

/* Sums of old minutes become sums of days, as far as it gets: whatever happens, nothing is lost. */
static void merge_some(run *r)
{
    rill_sqlite_merging at = {.before_minute = (int64_t)(r->wall_ms / 60000 - draw(r, 4))};
    bool more = true;
    for (uint64_t i = draw(r, 4); i > 0 && more; i--) {
        if (rill_sqlite_merge(r->file, &at, &more) != RILL_OK)
            return;
        merged += more;
    }
}

/* One group more. RILL_OK: it is kept. */
static int do_group(run *r, bool first)
{
    uint64_t actions = 1 + draw(r, 20);
    r->entry_count = 0;
    r->wall_ms += draw(r, 90000);
    for (uint64_t i = 0; i < actions; i++) {
        if (draw(r, 5) == 0)
            settle(r);
        else
            packet(r);
    }
    assert_int_equal(rill_books_take_group(&r->books, &r->group), RILL_OK);
    r->settles = r->settles || draw(r, 3) == 0;
    if (r->settles)
        r->settlement = r->kept.settlement + 1;
    state_of_books(r, &r->writing);
    r->writing.settlement = r->settles ? r->settlement : r->kept.settlement;
    int rc = write_group(r, first);
    /* An error that passes: the same again, until it is kept or the store is lost. */
    for (unsigned tries = 0; rc != RILL_OK && tries < 3; tries++)
        rc = write_group(r, first);
    if (rc == RILL_OK) {
        rill_books_group_kept(&r->books, &r->group);
        r->kept = r->writing;
        r->settles = false;
        if (draw(r, 2) == 0)
            seal_some(r);
        if (draw(r, 4) == 0)
            merge_some(r);
    }
    return rc;
}

static int read_account(void *user, const rill_store_account *a, rill_i128 booked)
{
    state_of_all *s = user;
    const rill_store_account want = account_of(a->id);
    assert_true(a->id >= 1 && a->id <= BALANCES);
    assert_int_equal(a->holder, want.holder);
    assert_string_equal(a->name, want.name);
    assert_string_equal(a->asset, want.asset);
    s->booked[a->id] = booked;
    return RILL_OK;
}

static bool same(const state_of_all *a, const state_of_all *b)
{
    for (size_t i = 1; i <= BALANCES; i++) {
        if (!rill_wide_equal(a->booked[i], b->booked[i]))
            return false;
    }
    return a->settlement == b->settlement;
}

/* There is one at a time. */
static int read_settlement(void *user, const rill_store_settlement *t)
{
    state_of_all *s = user;
    assert_int_equal(s->settlement, 0);
    assert_string_equal(t->amount, t->key);
    s->settlement = strtoull(t->key, NULL, 10);
    return RILL_OK;
}

static void clear_state(state_of_all *s)
{
    for (size_t i = 0; i <= BALANCES; i++)
        s->booked[i] = zero();
    s->settlement = 0;
}

static void check_recovered(run *r)
{
    state_of_all found;
    rill_audit audit;
    clear_state(&found);
    rill_store_reader reader = {
        .account = read_account, .settlement = read_settlement, .user = &found};
    assert_int_equal(open_file(r), RILL_OK);
    assert_int_equal(rill_sqlite_read(r->file, &reader), RILL_OK);
    assert_true(same(&found, &r->kept) || same(&found, &r->writing));
    assert_int_equal(rill_sqlite_audit(r->file, &audit), RILL_OK);
    assert_string_equal(audit.first, "");
    assert_int_equal(audit.uneven_balances + audit.uneven_assets + audit.broken_entries, 0);
    assert_int_equal(audit.broken_seals, 0);
    r->kept = found;
    r->writing = found;
}

static unsigned survived, lost_one, failed_once;

static bool first_is_kept(const run *r)
{
    state_of_all nothing;
    clear_state(&nothing);
    return !same(&r->kept, &nothing);
}

/* Three lives of a node, each ended somehow. */
static void one_seed(uint64_t seed)
{
    run r = {.seed = seed * 77 + 1, .wall_ms = 1000000};
    crash_vfs_reset();
    clear_state(&r.kept);
    clear_state(&r.writing);
    for (unsigned lives = 0; lives < 3; lives++) {
        check_recovered(&r);
        books_from(&r, &r.kept);
        uint64_t how = draw(&r, 4);
        if (how < 3)
            crash_vfs_fail((unsigned)(1 + draw(&r, 120)), how == 0 ? UINT32_MAX : 0,
                           draw(&r, 2) == 0 ? SQLITE_FULL : SQLITE_IOERR_FSYNC);
        int rc = RILL_OK;
        for (unsigned i = 0; i < GROUPS && rc == RILL_OK; i++)
            rc = do_group(&r, !first_is_kept(&r));
        if (rc != RILL_OK)
            failed_once++;
        state_of_all before = r.kept;
        if (draw(&r, 2) == 0)
            crash_vfs_power_loss(r.seed);
        else
            crash_vfs_kill();
        rill_sqlite_close(r.file);
        rill_books_clear(&r.books);
        survived++;
        lost_one += rc != RILL_OK && same(&before, &r.kept);
    }
    check_recovered(&r);
    rill_sqlite_close(r.file);
    rill_group_clear(&r.group, rill_allocator_default());
}

static void test_what_was_kept_is_there(void **state)
{
    (void)state;
    const char *seeds = getenv("RILL_SEEDS");
    unsigned count = seeds != NULL ? (unsigned)strtoul(seeds, NULL, 10) : SEEDS;
    for (uint32_t i = 0; i < BALANCES; i++)
        all_accounts[i] = account_of(i + 1);
    for (uint64_t seed = 0; seed < count; seed++) {
        one_seed(seed);
    }
    /* It has tried what it is for. */
    assert_true(failed_once > count / 10);
    assert_true(merged > count / 10);
    assert_true(sealed > count);
    crash_vfs_reset();
}

/*
 * With another durability the last groups may be lost when the power goes, but no settlement that
 * an engine may have been asked for, nor what came before it.
 */
static void test_no_settlement_is_lost(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < BALANCES; i++)
        all_accounts[i] = account_of(i + 1);
    for (uint64_t seed = 1; seed <= SEEDS / 3; seed++) {
        run r = {.seed = seed, .wall_ms = 1000000, .durability = RILL_DURABILITY_NORMAL};
        crash_vfs_reset();
        clear_state(&r.kept);
        clear_state(&r.writing);
        check_recovered(&r);
        books_from(&r, &r.kept);
        for (uint64_t i = draw(&r, GROUPS) + 1; i > 0; i--) {
            r.settles = i == 1;
            assert_int_equal(do_group(&r, !first_is_kept(&r)), RILL_OK);
        }
        crash_vfs_power_loss(r.seed);
        rill_sqlite_close(r.file);
        rill_books_clear(&r.books);
        const state_of_all kept = r.kept;
        check_recovered(&r);
        assert_true(same(&r.kept, &kept));
        rill_sqlite_close(r.file);
        rill_group_clear(&r.group, rill_allocator_default());
    }
    crash_vfs_reset();
}

/*
 * Somebody keeps the head of an audit. When the power goes after it, with any durability, these are
 * the books that had it still, whatever is written then.
 */
static void test_no_head_is_lost(void **state)
{
    static const rill_durability kinds[] = {RILL_DURABILITY_FULL, RILL_DURABILITY_NORMAL,
                                            RILL_DURABILITY_NONE};
    unsigned with_seals = 0;
    (void)state;
    for (uint32_t i = 0; i < BALANCES; i++)
        all_accounts[i] = account_of(i + 1);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run r = {.seed = seed, .wall_ms = 1000000, .durability = kinds[seed % 3]};
        rill_audit audit, again;
        bool more = true, has = false;
        crash_vfs_reset();
        clear_state(&r.kept);
        clear_state(&r.writing);
        check_recovered(&r);
        books_from(&r, &r.kept);
        for (uint64_t i = draw(&r, GROUPS) + 3; i > 0; i--)
            assert_int_equal(do_group(&r, !first_is_kept(&r)), RILL_OK);
        while (more)
            assert_int_equal(rill_sqlite_seal(r.file, &more), RILL_OK);
        assert_int_equal(rill_sqlite_audit(r.file, &audit), RILL_OK);
        with_seals += audit.head.seal > 0;
        crash_vfs_power_loss(r.seed);
        rill_sqlite_close(r.file);
        rill_books_clear(&r.books);
        check_recovered(&r);
        books_from(&r, &r.kept);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(do_group(&r, false), RILL_OK);
        for (more = true; more;)
            assert_int_equal(rill_sqlite_seal(r.file, &more), RILL_OK);
        assert_int_equal(rill_sqlite_audit(r.file, &again), RILL_OK);
        assert_true(again.head.entry >= audit.head.entry && again.head.seal >= audit.head.seal);
        assert_int_equal(rill_sqlite_has_head(r.file, &audit.head, &has), RILL_OK);
        assert_true(has);
        rill_sqlite_close(r.file);
        rill_books_clear(&r.books);
        rill_group_clear(&r.group, rill_allocator_default());
    }
    assert_true(with_seals > SEEDS / 2);
    crash_vfs_reset();
}

/* What cannot be brought to the disk is no head that anybody may keep. */
static void test_a_head_that_does_not_reach_the_disk(void **state)
{
    run r = {.seed = 1, .wall_ms = 1000000};
    rill_audit audit;
    (void)state;
    crash_vfs_reset();
    clear_state(&r.kept);
    clear_state(&r.writing);
    check_recovered(&r);
    books_from(&r, &r.kept);
    assert_int_equal(do_group(&r, true), RILL_OK);
    crash_vfs_fail(1, 0, SQLITE_IOERR_FSYNC);
    assert_int_equal(rill_sqlite_audit(r.file, &audit), RILL_ERR_IO);
    assert_non_null(strstr(rill_sqlite_problem(r.file), "the head cannot be brought to the disk"));
    assert_int_equal(rill_sqlite_audit(r.file, &audit), RILL_OK);
    rill_sqlite_close(r.file);
    rill_books_clear(&r.books);
    rill_group_clear(&r.group, rill_allocator_default());
    crash_vfs_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_settlement_is_lost),
        cmocka_unit_test(test_what_was_kept_is_there),
        cmocka_unit_test(test_no_head_is_lost),
        cmocka_unit_test(test_a_head_that_does_not_reach_the_disk),
    };
    crash_vfs_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
