/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "node/accounts.h"
#include <cmocka.h>

#include <rill/error.h>

/* base64url(SHA-256("sesame")), as openssl and base64 make it. */
#define SESAME "0MBPSxlR5K6q7IIj7SA55ULzqugFpvp_bXlOWv_10nI"

static const uint64_t key[2] = {1, 2};

typedef struct fixture {
    rill_crypto *crypto;
    rill_accounts accounts;
    const char *problem;
} fixture;

static void setup(fixture *f, size_t max)
{
    f->crypto = rill_crypto_new(rill_allocator_default());
    assert_non_null(f->crypto);
    rill_accounts_init(&f->accounts, rill_allocator_default(), f->crypto, max, 100, key);
}

static void teardown(fixture *f)
{
    rill_accounts_clear(&f->accounts);
    rill_crypto_free(f->crypto);
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static int admit(fixture *f, const char *name, const char *token, rill_account **out)
{
    int rc = rill_accounts_admit(&f->accounts, text(name), text(token), out, &f->problem);
    assert_true((rc == RILL_OK) == (f->problem == NULL));
    return rc;
}

/* Comes and leaves at once. */
static int visit(fixture *f, const char *name, const char *token)
{
    rill_account *account = NULL;
    int rc = admit(f, name, token, &account);
    if (rc == RILL_OK)
        rill_account_release(&f->accounts, account);
    return rc;
}

static void test_names(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 10);
    rill_account *alice = NULL, *sesame = NULL, *again = NULL;
    assert_int_equal(admit(&f, "alice", "secret", &alice), RILL_OK);
    assert_string_equal(rill_account_text(alice), "alice");
    assert_int_equal(admit(&f, "", "sesame", &sesame), RILL_OK);
    assert_string_equal(rill_account_text(sesame), SESAME);
    assert_int_equal(admit(&f, SESAME, "sesame", &again), RILL_OK);
    assert_ptr_equal(again, sesame);
    assert_ptr_equal(rill_accounts_find(&f.accounts, text("alice")), alice);
    assert_null(rill_accounts_find(&f.accounts, text("bob")));
    teardown(&f);
}

static void test_first_token_counts(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 10);
    assert_int_equal(visit(&f, "alice", "right"), RILL_OK);
    assert_int_equal(visit(&f, "alice", "wrong"), RILL_ERR_AUTH);
    assert_int_equal(visit(&f, "alice", ""), RILL_ERR_AUTH);
    assert_int_equal(visit(&f, "alice", "right "), RILL_ERR_AUTH);
    assert_int_equal(visit(&f, "alice", "right"), RILL_OK);
    assert_int_equal(visit(&f, "Alice", "wrong"), RILL_OK);
    teardown(&f);
}

static void test_names_that_are_refused(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 10);
    static const char *const bad[] = {"a.b", "a b", "", "\xc3\xa4", "a/b", "a\n", "."};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (*bad[i] != '\0')
            assert_int_equal(visit(&f, bad[i], "t"), RILL_ERR_AUTH);
        assert_false(rill_account_name_valid(text(bad[i])));
    }
    char longest[102];
    memset(longest, 'x', sizeof longest);
    longest[100] = '\0';
    assert_int_equal(visit(&f, longest, "t"), RILL_OK);
    longest[100] = 'x';
    longest[101] = '\0';
    assert_int_equal(visit(&f, longest, "t"), RILL_ERR_AUTH);
    assert_int_equal(visit(&f, "aZ09_~-", "t"), RILL_OK);
    teardown(&f);
}

/* Nobody can take the address of a client that has only a token, not even before it comes. */
static void test_token_names_are_their_owners(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 10);
    assert_int_equal(visit(&f, SESAME, "other"), RILL_ERR_AUTH);
    assert_int_equal(visit(&f, "", "sesame"), RILL_OK);
    teardown(&f);
}

static void test_idle_ones_make_room(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 3);
    rill_account *held = NULL;
    assert_int_equal(visit(&f, "alice", "a"), RILL_OK);
    /* Idle for a moment, then in use again. */
    assert_int_equal(visit(&f, "", "sesame"), RILL_OK);
    assert_int_equal(admit(&f, "", "sesame", &held), RILL_OK);
    char token[16];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(token, sizeof token, "t%u", i);
        assert_int_equal(visit(&f, "", token), RILL_OK);
    }
    /* The one with a user name and the one in use are still there. */
    assert_non_null(rill_accounts_find(&f.accounts, text("alice")));
    assert_ptr_equal(rill_accounts_find(&f.accounts, text(SESAME)), held);
    assert_int_equal(visit(&f, "bob", "b"), RILL_OK);
    assert_int_equal(visit(&f, "", "t"), RILL_ERR_LIMIT);
    rill_account_release(&f.accounts, held);
    assert_int_equal(visit(&f, "", "t"), RILL_OK);
    assert_null(rill_accounts_find(&f.accounts, text(SESAME)));
    teardown(&f);
}

static void test_made_up_names_leave_room(void **state)
{
    (void)state;
    fixture f;
    char name[16];
    unsigned made = 0;
    setup(&f, 10);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "n%u", i);
        int rc = visit(&f, name, "t");
        assert_true(rc == RILL_OK || rc == RILL_ERR_LIMIT);
        made += rc == RILL_OK;
    }
    assert_int_equal(made, 5);
    assert_int_equal(visit(&f, "n0", "t"), RILL_OK);
    /* Those who come with a token alone are served all the same. */
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "t%u", i);
        assert_int_equal(visit(&f, "", name), RILL_OK);
    }
    teardown(&f);
    /* The smallest that an owner can choose. */
    setup(&f, 1);
    assert_int_equal(visit(&f, "alice", "a"), RILL_OK);
    assert_int_equal(visit(&f, "bob", "b"), RILL_ERR_LIMIT);
    teardown(&f);
}

/* Long names and short ones, in blocks of memory that each hold more than the one before. */
static void test_memory_of_many(void **state)
{
    (void)state;
    fixture f;
    char name[64];
    setup(&f, 2000);
    for (unsigned lap = 0; lap < 2; lap++) {
        for (unsigned i = 0; i < 1000; i++) {
            /* 43 bytes fit into an account, and 44 do not. */
            snprintf(name, sizeof name, "%0*u", i % 2 == 0 ? 3 : 42 + (int)(i % 4), i);
            rill_account *account = NULL;
            assert_int_equal(admit(&f, name, "t", &account), RILL_OK);
            assert_int_equal((uintptr_t)account % RILL_ACCOUNT_ALIGNMENT, 0);
            assert_string_equal(rill_account_text(account), name);
            assert_ptr_equal(rill_accounts_find(&f.accounts, text(name)), account);
            assert_true(rill_account_is(account, text(name)));
            assert_false(rill_account_is(account, text("x")));
            assert_int_equal(account->holds, lap + 1);
        }
    }
    teardown(&f);
}

/* One session is a part of its account, others are not, whichever ends first. */
static void test_memory_of_sessions(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 10);
    rill_account *alice = NULL;
    assert_int_equal(admit(&f, "alice", "a", &alice), RILL_OK);
    for (unsigned lap = 0; lap < 2; lap++) {
        rill_session *one = rill_account_new_session(&f.accounts, alice);
        rill_session *two = rill_account_new_session(&f.accounts, alice);
        assert_ptr_equal(one, &alice->first);
        assert_non_null(two);
        assert_ptr_not_equal(one, two);
        two->complained = true;
        rill_account_free_session(&f.accounts, lap == 0 ? one : two);
        rill_session *three = rill_account_new_session(&f.accounts, alice);
        assert_false(three->complained);
        assert_ptr_equal(three->account, alice);
        rill_account_free_session(&f.accounts, lap == 0 ? two : one);
        rill_account_free_session(&f.accounts, three);
        assert_null(alice->first.account);
    }
    teardown(&f);
}

/* Fails the allocation number `fail_at`. */
typedef struct failing {
    unsigned count;
    unsigned fail_at;
} failing;

static void *failing_realloc(void *user, void *ptr, size_t size)
{
    failing *state = user;
    const rill_allocator *a = rill_allocator_default();
    return ++state->count == state->fail_at ? NULL : a->realloc(a->user, ptr, size);
}

static void failing_free(void *user, void *ptr)
{
    (void)user;
    const rill_allocator *a = rill_allocator_default();
    a->free(a->user, ptr);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 6; n++) {
        failing fails = {0, n};
        rill_allocator allocator = {failing_realloc, failing_free, &fails};
        fixture f;
        f.crypto = rill_crypto_new(rill_allocator_default());
        rill_accounts_init(&f.accounts, &allocator, f.crypto, 10, 100, key);
        int rc = visit(&f, "alice", "a");
        assert_true(rc == RILL_OK || rc == RILL_ERR_NOMEM);
        if (rc != RILL_OK)
            assert_null(rill_accounts_find(&f.accounts, text("alice")));
        assert_int_equal(visit(&f, "alice", "a"), RILL_OK);
        teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_first_token_counts),
        cmocka_unit_test(test_names_that_are_refused),
        cmocka_unit_test(test_token_names_are_their_owners),
        cmocka_unit_test(test_idle_ones_make_room),
        cmocka_unit_test(test_made_up_names_leave_room),
        cmocka_unit_test(test_memory_of_many),
        cmocka_unit_test(test_memory_of_sessions),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
