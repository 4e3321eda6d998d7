/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settlement, each rule alone. All of them at random are in test_settler_random.c.
 *
 * Over 600 lines: every rule is short, and all need the same words.
 */
#include "settler_world.h"

/* ---- one settlement ---- */

static void test_a_settlement(void **state)
{
    (void)state;
    introduce();
    owe(999);
    turn();
    written();
    assert_int_equal(call.id, 0);
    owe(1);
    booked(100); /* at once: nothing is owed twice */
    turn();
    assert_int_equal(call.id, 0); /* the engine is not asked before the key is kept */
    assert_null(find_row(RILL_SETTLEMENT_OUT));
    written();
    assert_non_null(find_row(RILL_SETTLEMENT_OUT));
    assert_int_equal(disk.out, 900);
    turn();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    assert_string_equal(call.key, find_row(RILL_SETTLEMENT_OUT)->key);
    answer(201, "");
    turn();
    written();
    assert_null(find_row(RILL_SETTLEMENT_OUT));
    booked(100);
    assert_int_equal(disk.out, 900);
    assert_int_equal(disk.notes, 1);
    assert_true(rill_settler_deadline(&settler) == RILL_NEVER);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    introduce();
    owe(1500);
    owe(1500);
    booked(1600);
    keep_all();
    is_asked("{\"amount\":\"1400\",\"scale\":2}");
    char key[80];
    memcpy(key, call.key, sizeof key);
    owe(5000);
    turn();
    booked(6600);
    answer(201, "Created"); /* what express sends */
    booked(100);            /* the next one begins */
    keep_all();
    is_asked("{\"amount\":\"6500\",\"scale\":2}");
    assert_string_not_equal(call.key, key);
}

static void test_an_engine_that_is_away(void **state)
{
    (void)state;
    char key[80];
    char body[600];
    introduce();
    owe(1000);
    keep_all();
    memcpy(key, call.key, sizeof key);
    memcpy(body, call.body, sizeof body);
    uint64_t last = now.mono_ns;
    uint64_t longest = 0;
    for (unsigned i = 0; i < 40; i++) {
        static const unsigned statuses[] = {0, 500, 503, 400, 401, 409, 302, 200};
        answer(statuses[i % 8], "");
        turn();
        assert_int_equal(call.id, 0);
        uint64_t next = rill_settler_deadline(&settler);
        assert_true(next > now.mono_ns && next - now.mono_ns <= RILL_SETTLE_LONGEST_WAIT);
        longest = next - now.mono_ns > longest ? next - now.mono_ns : longest;
        pass(next - now.mono_ns - 1);
        turn();
        assert_int_equal(call.id, 0);
        pass(1);
        turn();
        is_asked(body);
        assert_string_equal(call.key, key);
        assert_true(now.mono_ns > last);
        last = now.mono_ns;
    }
    assert_true(longest > RILL_SETTLE_LONGEST_WAIT / 2);
    booked(100);
    assert_int_equal(account->tries, 40);
    answer(201, "{\"amount\":\"900\",\"scale\":2}");
    assert_int_equal(account->tries, 0);
    assert_null(account->of);
}

/* Waits are not the same for all accounts. */
static void test_jitter(void **state)
{
    (void)state;
    uint64_t seen[8];
    turn();
    for (size_t i = 0; i < 8; i++) {
        stop();
        now.mono_ns = RILL_SECOND;
        start();
        turn();
        answer(500, "");
        seen[i] = rill_settler_deadline(&settler);
        assert_in_range(seen[i] - now.mono_ns, RILL_SETTLE_FIRST_WAIT / 2, RILL_SETTLE_FIRST_WAIT);
        for (size_t k = 0; k < i; k++)
            assert_true(seen[k] != seen[i]);
    }
}

static void settle_once(void)
{
    introduce();
    owe(1000);
    keep_all();
}

static void test_an_engine_that_takes_less(void **state)
{
    (void)state;
    settle_once();
    answer(201, "{\"amount\":\"89949\",\"scale\":4}"); /* 899.49 of 900 */
    booked(100);
    turn();
    written();
    const row *left = find_row(RILL_SETTLEMENT_LEFT_OUT);
    assert_non_null(left);
    assert_string_equal(left->amount, "51");
    assert_int_equal(left->scale, 2);
    die(true);
    owe(1000);
    booked(100);
    keep_all();
    is_asked("{\"amount\":\"1000\",\"scale\":2}"); /* what is below a unit still waits */
    answer(201, "{\"amount\":\"9\",\"scale\":0}"); /* 9 coins are 900 units */
    turn();
    written();
    assert_string_equal(find_row(RILL_SETTLEMENT_LEFT_OUT)->amount, "10051");
    /* It is not asked at once for what it just did not take. */
    owe(1000);
    booked(1100);
    turn();
    assert_int_equal(call.id, 0);
    pass(RILL_SETTLE_FIRST_WAIT * 2);
    owe(1);
    keep_all();
    is_asked("{\"amount\":\"1101\",\"scale\":2}");
    answer(201, "");
    turn();
    written();
    assert_string_equal(find_row(RILL_SETTLEMENT_LEFT_OUT)->amount, "51");
    assert_int_equal(disk.out, 900 + 1000 + 1001);
}

/* It is owed as before, and asked for less and less often: nobody has to pay anything for that. */
static void test_an_engine_that_takes_nothing(void **state)
{
    (void)state;
    uint64_t wait = 0;
    settle_once();
    for (unsigned i = 0; i < 20; i++) {
        answer(201, "{\"amount\":\"0\",\"scale\":2}");
        booked(100);
        assert_true(account->left_out.units == 900);
        keep_all();
        assert_int_equal(call.id, 0);
        assert_int_equal(disk.terms[0], '1');
        uint64_t next = rill_settler_deadline(&settler) - now.mono_ns;
        assert_true(next >= wait && next <= RILL_SETTLE_LONGEST_WAIT);
        wait = next;
        pass(next - 1);
        turn();
        assert_int_equal(call.id, 0);
        pass(1);
        keep_all();
        is_asked("{\"amount\":\"900\",\"scale\":2}");
    }
    assert_true(wait == RILL_SETTLE_LONGEST_WAIT);
    answer(201, "{\"amount\":\"899\",\"scale\":2}");
    keep_all();
    assert_true(rill_settler_deadline(&settler) == RILL_NEVER); /* 101 is below the threshold */
    pass(RILL_SETTLE_LONGEST_WAIT);
    owe(898);
    keep_all();
    assert_int_equal(call.id, 0);
    owe(1); /* 999, and the one that it did not take */
    keep_all();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    answer(201, "");
    booked(100);
    keep_all();
    assert_null(find_row(RILL_SETTLEMENT_LEFT_OUT));
    assert_int_equal(disk.terms[0], '0');
    assert_int_equal(disk.out, 900 + 899);
}

/* What no engine took is more than the balance: the engine is asked for no more than is owed. */
static void test_more_is_left_than_owed(void **state)
{
    (void)state;
    settle_once();
    answer(201, "{\"amount\":\"0\",\"scale\":2}");
    enter(RILL_ENTRY_WITHDRAWAL, 150);
    pass(RILL_SETTLE_LONGEST_WAIT);
    keep_all();
    assert_int_equal(call.id, 0); /* 850 are owed */
    threshold = 850;
    agree(url, NULL);
    keep_all();
    is_asked("{\"amount\":\"750\",\"scale\":2}");
    booked(-50);
    assert_string_equal(find_row(RILL_SETTLEMENT_LEFT_OUT)->amount, "150");
}

/* Nobody wants back what was paid ahead because the node reads what it has read before. */
static void test_paid_ahead(void **state)
{
    (void)state;
    uint64_t group;
    introduce();
    assert_int_equal(credit("k", "5000", SCALE, &group), RILL_OK);
    agree(url, NULL);
    keep_all();
    die(true);
    keep_all();
    booked(5000);
    assert_int_equal(call.id, 0);
    assert_true(rill_settler_deadline(&settler) == RILL_NEVER);
    owe(1);
    keep_all();
    is_asked("{\"amount\":\"4901\",\"scale\":2}");
    assert_int_equal(credit("l", "5000", SCALE, &group), RILL_OK);
    answer(201, "");
    keep_all();
    booked(5100);
    assert_int_equal(call.id, 0);
    settle_to = 50; /* somebody wants it otherwise */
    agree(url, NULL);
    keep_all();
    is_asked("{\"amount\":\"5050\",\"scale\":2}");
}

/* Other terms that were read while the node did not run are looked at, too. */
static void test_other_terms_at_the_start(void **state)
{
    (void)state;
    introduce();
    owe(900);
    keep_all();
    threshold = 900;
    die(true);
    keep_all();
    is_asked("{\"amount\":\"800\",\"scale\":2}");
}

/* What is due and cannot begin is not forgotten: by a rest, a store that fails, or a restart. */
static void test_what_is_due_later(void **state)
{
    (void)state;
    settle_once();
    answer(201, "{\"amount\":\"0\",\"scale\":2}");
    keep_all();
    die(true);
    keep_all();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    owe(2000); /* while something is outstanding */
    keep_all();
    die(true);
    keep_all();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    answer(201, "");
    keep_all();
    is_asked("{\"amount\":\"2000\",\"scale\":2}");
    answer(201, "");
    keep_all();
    rill_settler_pause(&settler, true);
    owe(1000);
    keep_all();
    assert_null(account->of);
    assert_true(rill_settler_deadline(&settler) == RILL_NEVER);
    rill_settler_pause(&settler, false);
    keep_all();
    is_asked("{\"amount\":\"1000\",\"scale\":2}");
}

/* Without an engine nobody would ever be asked for it. */
static void test_given_back(void **state)
{
    (void)state;
    settle_once();
    answer(201, "{\"amount\":\"10050\",\"scale\":4}"); /* 100.5 of 900 */
    keep_all();
    agree(other_url, NULL);
    booked(100); /* that one is asked for it */
    agree(NULL, NULL);
    booked(100 + 799);
    keep_all();
    assert_int_equal(disk.back, 799);
    assert_string_equal(find_row(RILL_SETTLEMENT_LEFT_OUT)->amount, "5");
    assert_int_equal(find_row(RILL_SETTLEMENT_LEFT_OUT)->scale, 1);
    assert_string_equal(disk.terms, "");
    agree(NULL, NULL);
    booked(899);
    /* What is outstanding then is asked for until it is over. */
    threshold = 899;
    agree(url, NULL);
    booked(100);
    agree(NULL, NULL);
    booked(100);
    while (strcmp(call.key, "") == 0) {
        if (call.id != 0)
            answer(201, "");
        keep_all();
    }
    answer(201, "{\"amount\":\"700\",\"scale\":2}");
    booked(199);
    keep_all();
    assert_int_equal(disk.back, 799 + 99);
}

static void test_an_engine_that_claims_more(void **state)
{
    (void)state;
    settle_once();
    answer(201, "{\"amount\":\"90001\",\"scale\":4}");
    booked(100);
    assert_null(account->of);
    assert_true(rill_exact_is_zero(&account->left_out));
    turn();
    written();
    assert_null(find_row(RILL_SETTLEMENT_OUT));
    assert_null(find_row(RILL_SETTLEMENT_LEFT_OUT));
    assert_int_equal(disk.out, 900);
}

/* The same, if it is more than any account can have: twice of what is nearly that. */
static void test_an_engine_that_claims_more_than_there_is(void **state)
{
    static const char *const claims[] = {"{\"amount\":\"18446744073709551616\",\"scale\":2}",
                                         "{\"amount\":\"3689348814741910323\",\"scale\":1}",
                                         "{\"amount\":\"184467440737095516161\",\"scale\":3}"};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        tear_down(state);
        set_up(state);
        settle_once();
        answer(201, claims[i]);
        booked(100);
        assert_null(account->of);
        assert_true(rill_exact_is_zero(&account->left_out));
    }
}

/* None of these is a word of an engine that has taken it. */
static void test_garbage(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
    } bad[] = {
        {201, "{"},
        {201, "{\"amount\":\"12"},
        {201, "{\"amount\":-5,\"scale\":2}"},
        {201, "{\"amount\":\"900\",\"scale\":256}"},
        {201, "{\"amount\":\"99999999999999999999999999999999999999\",\"scale\":255}"},
        {201, " \n{\"error\":\"no\"}"},
        {200, "<html>welcome to our network</html>"},
        {200, ""},
        {204, ""},
        {202, "later"},
    };
    (void)state;
    settle_once();
    char key[80];
    memcpy(key, call.key, sizeof key);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        answer(bad[i].status, bad[i].body);
        assert_non_null(account->of);
        assert_true(account->problem[0] != '\0');
        pass(RILL_SETTLE_LONGEST_WAIT);
        turn();
        assert_string_equal(call.key, key);
    }
    answer(200, "{\"amount\":\"900\",\"scale\":2}");
    assert_null(account->of);
}

static void test_an_engine_that_forgets_the_account(void **state)
{
    (void)state;
    settle_once();
    char key[80];
    memcpy(key, call.key, sizeof key);
    answer(404, "Account doesn't exist");
    pass(RILL_SETTLE_LONGEST_WAIT);
    turn();
    assert_string_equal(call.path, "/accounts");
    answer(201, "");
    turn();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    assert_string_equal(call.key, key);
}

/* It takes the account, and does not know it: it is asked less and less often all the same. */
static void test_an_engine_that_forgets_at_once(void **state)
{
    (void)state;
    uint64_t wait = 0;
    settle_once();
    for (unsigned i = 0; i < 20; i++) {
        answer(404, "");
        turn();
        assert_int_equal(call.id, 0);
        uint64_t next = rill_settler_deadline(&settler) - now.mono_ns;
        assert_true(next >= wait / 2 && next <= RILL_SETTLE_LONGEST_WAIT);
        wait = next;
        pass(next);
        turn();
        assert_string_equal(call.path, "/accounts");
        answer(201, "");
        turn();
        is_asked("{\"amount\":\"900\",\"scale\":2}");
    }
    assert_true(wait >= RILL_SETTLE_LONGEST_WAIT / 2);
    assert_int_equal(account->tries, 20);
    answer(201, "");
    assert_int_equal(account->tries, 0);
}

static void test_what_is_finer_than_the_engine(void **state)
{
    (void)state;
    engine_scale = 0;
    threshold = 250;
    settle_to = 0;
    stop();
    start();
    introduce();
    owe(255);
    booked(55); /* two coins; the rest is still owed */
    keep_all();
    is_asked("{\"amount\":\"200\",\"scale\":2}");
    answer(201, "");
    threshold = 50;
    agree(url, NULL);
    rill_settler_look(&settler, account, now);
    turn();
    assert_int_equal(call.id, 0); /* half a coin cannot be paid */
    booked(55);
    owe(45);
    booked(0);
}

/* ---- another configuration ---- */

static void test_another_engine(void **state)
{
    (void)state;
    settle_once();
    char key[80];
    memcpy(key, call.key, sizeof key);
    agree(other_url, "their token");
    answer(500, "");
    pass(RILL_SETTLE_LONGEST_WAIT);
    turn();
    /* The one that may have taken it is asked, and without the other's token. */
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    assert_string_equal(call.engine, url);
    assert_string_equal(call.token, "");
    assert_string_equal(call.key, key);
    answer(201, "");
    keep_all();
    assert_string_equal(call.method, "DELETE");
    assert_string_equal(call.path, "/accounts/bob");
    assert_string_equal(call.engine, url);
    assert_string_equal(call.token, "");
    answer(500, "");
    die(false);
    /* It has started with the configuration before, whose engine may have forgotten the account. */
    turn();
    assert_string_equal(call.method, "POST");
    assert_string_equal(call.path, "/accounts");
    assert_string_equal(call.engine, url);
}

/* It may have forgotten the account, though it has not said so: it is told of it when that is back.
 */
static void test_an_account_that_comes_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        tear_down(state);
        set_up(state);
        introduce();
        agree(NULL, NULL);
        turn();
        assert_string_equal(call.method, "DELETE");
        keep_all();
        if (i == 0)
            answer(500, ""); /* or nothing */
        if (i == 0)
            agree(url, NULL);
        else
            die(true);
        pass(RILL_SETTLE_LONGEST_WAIT);
        turn();
        assert_string_equal(call.method, "POST");
        assert_string_equal(call.path, "/accounts");
        answer(201, "");
        keep_all();
        die(true);
        turn();
        assert_int_equal(call.id, 0);
    }
}

/* While something is outstanding its engine is asked with its token, whatever came after it. */
static void test_two_other_engines(void **state)
{
    (void)state;
    agree(url, "first");
    settle_once();
    agree(other_url, "second");
    agree("http://127.0.0.1:5000", "third");
    answer(503, "");
    pass(RILL_SETTLE_LONGEST_WAIT);
    turn();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    assert_string_equal(call.engine, url);
    assert_string_equal(call.token, "first");
    answer(201, "");
    turn();
    assert_string_equal(call.method, "DELETE");
    assert_string_equal(call.token, "first");
    answer(204, "");
    turn();
    assert_string_equal(call.engine, "http://127.0.0.1:5000");
    assert_string_equal(call.token, "third");
}

/* It is gone for good, and nothing is outstanding: the next one does not wait for it. */
static void test_an_engine_that_is_gone(void **state)
{
    (void)state;
    introduce();
    agree(other_url, NULL);
    turn();
    assert_string_equal(call.method, "DELETE");
    assert_string_equal(call.engine, url);
    answer(0, "");
    turn();
    assert_string_equal(call.method, "POST");
    assert_string_equal(call.engine, other_url);
    assert_string_equal(call.path, "/accounts");
    answer(201, "");
    keep_all();
    assert_int_equal(call.id, 0);
    assert_string_equal(find_row(RILL_SETTLEMENT_ENGINE)->engine, other_url);
    /* Without another one it is asked until it answers. */
    agree(NULL, NULL);
    for (unsigned i = 0; i < 3; i++) {
        turn();
        assert_string_equal(call.method, "DELETE");
        assert_string_equal(call.engine, other_url);
        answer(0, "");
        pass(RILL_SETTLE_LONGEST_WAIT);
    }
}

static void test_no_engine_any_more(void **state)
{
    (void)state;
    introduce();
    agree(url, "token");
    agree(NULL, NULL);
    rill_settler_detach(account);
    turn();
    assert_string_equal(call.method, "DELETE");
    assert_string_equal(call.token, "token");
    answer(404, "");
    keep_all();
    assert_int_equal(call.id, 0);
    assert_null(find_row(RILL_SETTLEMENT_ENGINE));
    assert_true(rill_settler_deadline(&settler) == RILL_NEVER);
}

/* An account whose asset has changed is another one, but not to the engine. */
static void test_another_account_of_the_name(void **state)
{
    (void)state;
    rill_settling *other = NULL;
    introduce();
    agree(NULL, NULL);
    assert_int_equal(rill_settler_attach(&other, &settler, BOB + 7, "bob", 9, NULL), RILL_OK);
    threshold = 1;
    settle_to = 0;
    agree_for(other, url, NULL, 9);
    turn();
    assert_string_equal(call.method, "POST"); /* of the other; nothing is taken back */
    assert_string_equal(call.path, "/accounts");
    assert_null(account->known);
    keep_all();
    assert_null(find_row(RILL_SETTLEMENT_ENGINE));
}

static void test_taken_away_while_it_is_told(void **state)
{
    (void)state;
    turn();
    agree(NULL, NULL);
    answer(201, "");
    turn();
    assert_string_equal(call.method, "DELETE");
    answer(500, "");
    agree(url, NULL);
    pass(RILL_SETTLE_LONGEST_WAIT);
    turn();
    assert_string_equal(call.method, "POST"); /* it may know it, or not any more */
    assert_string_equal(call.path, "/accounts");
}

/* ---- what engines tell ---- */

static void test_a_settlement_that_comes(void **state)
{
    (void)state;
    uint64_t group;
    uint64_t again;
    introduce();
    assert_int_equal(credit("k1", "250", 2, &group), RILL_OK);
    assert_int_not_equal(group, 0);
    booked(250);
    assert_int_equal(credit("k1", "250", 2, &again), RILL_ERR_EXISTS);
    assert_int_equal(again, group);
    assert_int_equal(credit("k1", "0250", 2, &again), RILL_ERR_EXISTS);
    assert_int_equal(credit("k1", "251", 2, &again), RILL_ERR_STATE);
    assert_int_equal(credit("k1", "2500", 3, &again), RILL_ERR_STATE);
    turn();
    written();
    die(true);
    booked(250);
    assert_int_equal(credit("k1", "250", 2, &again), RILL_ERR_EXISTS);
    assert_int_equal(again, 0);
    assert_int_equal(credit("k1", "25", 2, &again), RILL_ERR_STATE);
    booked(250);
    assert_int_equal(disk.in, 250);
}

static void test_what_is_less_than_a_unit(void **state)
{
    (void)state;
    uint64_t group;
    introduce();
    assert_int_equal(credit("k1", "2599999", 6, &group), RILL_OK);
    booked(259);
    turn();
    written();
    die(true);
    assert_int_equal(credit("k2", "1", 6, &group), RILL_OK);
    assert_int_not_equal(group, 0);
    booked(260);
    turn();
    written();
    assert_null(find_row(RILL_SETTLEMENT_LEFT_IN));
    /* Less than a unit and nothing else is kept too, before it is answered. */
    assert_int_equal(credit("k3", "1", 18, &group), RILL_OK);
    assert_int_not_equal(group, 0);
    booked(260);
    turn();
    written();
    assert_non_null(find_row(RILL_SETTLEMENT_LEFT_IN));
    assert_int_equal(disk.in, 260);
}

static void test_what_cannot_be_credited(void **state)
{
    (void)state;
    uint64_t group;
    introduce();
    assert_int_equal(credit("k1", "18446744073709551616", 2, &group), RILL_ERR_RANGE);
    assert_int_equal(credit("k1", "1", 2 + RILL_EXACT_DIGITS + 1, &group), RILL_ERR_RANGE);
    assert_int_equal(credit("k0", "5", 3, &group), RILL_OK);
    assert_int_equal(credit("k1", "184467440737095516155", 3, &group), RILL_ERR_RANGE);
    booked(0);
    assert_int_equal(credit("k1", "18446744073709551615", 2, &group), RILL_OK);
    assert_int_equal(credit("k2", "18446744073709551615", 2, &group), RILL_OK);
    assert_true(rill_wide_high(rill_wide_bits(bob.booked)) == 1);
    turn();
    written();
    die(true);
    assert_true(rill_wide_high(rill_wide_bits(bob.booked)) == 1 ||
                account->of != NULL); /* and some of it is settled */
}

static size_t keys_on_disk(void)
{
    size_t count = 0;
    threshold = 1;
    settle_to = 0;
    for (size_t i = 0; i < disk.count; i++)
        count += disk.rows[i].kind == RILL_SETTLEMENT_IN;
    return count;
}

static void test_how_long_a_key_is_known(void **state)
{
    (void)state;
    const uint64_t day = 24 * 3600 * RILL_SECOND;
    uint64_t group;
    introduce();
    assert_int_equal(credit("old", "1", 2, &group), RILL_OK);
    assert_int_equal(credit("used", "1", 2, &group), RILL_OK);
    for (unsigned i = 0; i < 4; i++) {
        pass(day);
        assert_int_equal(credit("used", "1", 2, &group), RILL_ERR_EXISTS);
        turn();
        written();
    }
    booked(2);
    assert_int_equal(keys_on_disk(), 2);
    assert_int_equal(credit("new", "1", 2, &group), RILL_OK);
    turn();
    written();
    assert_int_equal(keys_on_disk(), 2);
    die(true);
    assert_int_equal(credit("used", "1", 2, &group), RILL_ERR_EXISTS);
    assert_int_equal(credit("old", "1", 2, &group), RILL_OK); /* after more than a day */
    /* A day after its last use it is known, whatever comes. */
    pass(day + RILL_SECOND);
    assert_int_equal(credit("more", "1", 2, &group), RILL_OK);
    assert_int_equal(credit("used", "1", 2, &group), RILL_ERR_EXISTS);
    for (unsigned i = 0; i < 4; i++) {
        pass(day);
        assert_int_equal(credit("used", "1", 2, &group), RILL_ERR_EXISTS);
    }
    assert_int_equal(credit("another", "1", 2, &group), RILL_OK);
    assert_int_equal(credit("used", "1", 2, &group), RILL_ERR_EXISTS);
    assert_int_equal(credit("more", "1", 2, &group), RILL_OK); /* long after its last use */
}

/* The wall clock is wrong for a while: a key is old by both clocks, or it is not. */
/* A node that is started again and again drops old keys all the same, once it has to. */
static void test_no_room_for_a_key(void **state)
{
    (void)state;
    const uint64_t day_ms = UINT64_C(24) * 3600 * 1000;
    char key[24];
    uint64_t group;
    introduce();
    for (unsigned i = 0; i < RILL_SETTLE_KEYS; i++) {
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(credit(key, "1", 2, &group), RILL_OK);
    }
    now.wall_ms += day_ms;
    assert_int_equal(credit("more", "1", 2, &group), RILL_ERR_LIMIT);
    now.wall_ms += 2 * day_ms;
    assert_int_equal(credit("more", "1", 2, &group), RILL_OK);
}

static void test_a_key_and_a_wrong_clock(void **state)
{
    (void)state;
    const uint64_t day_ms = UINT64_C(24) * 3600 * 1000;
    uint64_t group;
    introduce();
    assert_int_equal(credit("k", "5", 2, &group), RILL_OK);
    now.wall_ms += 30 * day_ms;
    assert_int_equal(credit("ahead", "5", 2, &group), RILL_OK);
    now.wall_ms -= 30 * day_ms;
    assert_int_equal(credit("k", "5", 2, &group), RILL_ERR_EXISTS);
    booked(10);
    keep_all();
    /* After a start the monotonic clock counts from there. */
    die(true);
    now.wall_ms += 3 * day_ms;
    assert_int_equal(credit("later", "5", 2, &group), RILL_OK);
    assert_int_equal(credit("k", "5", 2, &group), RILL_ERR_EXISTS);
    keep_all();
    assert_int_equal(keys_on_disk(), 3);
    /* It stands still. */
    now.mono_ns += 3 * day_ms * RILL_MS;
    assert_int_equal(credit("still", "5", 2, &group), RILL_OK);
    assert_int_equal(credit("k", "5", 2, &group), RILL_ERR_EXISTS);
    assert_int_equal(credit("still", "5", 2, &group), RILL_ERR_EXISTS);
    now.wall_ms += 3 * day_ms;
    assert_int_equal(credit("last", "5", 2, &group), RILL_OK);
    assert_int_equal(credit("k", "5", 2, &group), RILL_ERR_EXISTS);
    /* Its last use is known after a start. */
    keep_all();
    die(true);
    now.mono_ns += 3 * day_ms * RILL_MS;
    now.wall_ms += day_ms;
    assert_int_equal(credit("after", "5", 2, &group), RILL_OK);
    assert_int_equal(credit("k", "5", 2, &group), RILL_ERR_EXISTS);
}

/* It was used when the clock was ahead: it goes two days after that was seen, as do others. */
static void test_a_key_of_the_future(void **state)
{
    (void)state;
    const uint64_t day = 24 * 3600 * RILL_SECOND;
    uint64_t group;
    introduce();
    now.wall_ms += 30 * (day / RILL_MS);
    assert_int_equal(credit("ahead", "5", 2, &group), RILL_OK);
    now.wall_ms -= 30 * (day / RILL_MS);
    assert_int_equal(credit("k", "5", 2, &group), RILL_OK);
    pass(2 * day);
    assert_int_equal(credit("other", "5", 2, &group), RILL_OK);
    keep_all();
    assert_int_equal(keys_on_disk(), 3);
    pass(RILL_SECOND);
    assert_int_equal(credit("new", "5", 2, &group), RILL_OK);
    keep_all();
    assert_int_equal(keys_on_disk(), 2);
}

/* The asset of an account changes between two tries of its engine. */
static void test_a_key_of_the_account_before(void **state)
{
    (void)state;
    uint64_t group;
    uint64_t again;
    rill_settling *before = account;
    rill_settling *stranger;
    introduce();
    assert_int_equal(credit("k", "5", 2, &group), RILL_OK);
    agree(NULL, NULL);
    assert_int_equal(rill_settler_attach(&account, &settler, BOB + 7, "bob", 9, &bob), RILL_OK);
    agree(url, NULL);
    assert_int_equal(credit("k", "5", 2, &again), RILL_ERR_EXISTS);
    assert_int_equal(again, group); /* it is answered once that is kept */
    assert_int_equal(credit("k", "6", 2, &again), RILL_ERR_STATE);
    booked(5);
    assert_int_equal(account->key_count, 0);
    assert_int_equal(before->key_count, 1);
    /* Another's key is another key. */
    assert_int_equal(rill_settler_attach(&stranger, &settler, BOB + 8, "eve", 2, NULL), RILL_OK);
    account = stranger;
    account->balance = &bob;
    agree(url, NULL);
    assert_int_equal(credit("k", "5", 2, &again), RILL_OK);
    booked(10);
    account = before;
    disk.batch = NULL;
}

/* ---- many accounts ---- */

static uint64_t many_ids[300];
static size_t many_count;

static int on_one_of_many(void *user, const rill_engine_call *c)
{
    (void)user;
    assert_in_range(many_count, 0, 299);
    many_ids[many_count++] = c->id;
    return RILL_OK;
}

/* All of them have something to ask: so many at a time. */
static void test_many_accounts(void **state)
{
    (void)state;
    rill_settling *all[200];
    char name[16];
    many_count = 0;
    settler.options.call = on_one_of_many;
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(rill_settler_attach(&all[i], &settler, 100 + i, name, 2, NULL), RILL_OK);
        agree_for(all[i], url, NULL, 2);
    }
    size_t answered = 0;
    for (unsigned i = 0; answered < 201; i++) {
        assert_in_range(i, 0, 300);
        rill_settler_turn(&settler, now);
        assert_true(many_count - answered <= RILL_SETTLE_CALLS);
        if (many_count - answered == RILL_SETTLE_CALLS)
            assert_true(rill_settler_deadline(&settler) == RILL_NEVER);
        const rill_engine_answer yes = {201, "", {NULL, 0}};
        rill_settling *a = rill_settler_find_call(&settler, many_ids[answered]);
        rill_settler_answered(&settler, a, many_ids[answered++], &yes, now);
    }
    assert_int_equal(many_count, 201);
    assert_true(rill_settler_deadline(&settler) == RILL_NEVER);
    for (uint32_t i = 0; i < 200; i++)
        assert_non_null(all[i]->known);
    /* These are not of the disk's account. */
    rill_clerk_clear(&clerk);
    const rill_clerk_options c = {.allocator = &memory.allocator,
                                  .durability = RILL_DURABILITY_FULL,
                                  .kept = on_kept,
                                  .failing = on_failing,
                                  .seed = 5};
    rill_clerk_init(&clerk, &books, &c);
}

/* ---- failures ---- */

static void test_without_memory(void **state)
{
    (void)state;
    uint64_t group;
    settle_once();
    for (unsigned long n = 0;; n++) {
        failing_memory_after(&memory, n);
        rill_quantity q;
        assert_int_equal(rill_quantity_of(&q, "777", 3, 3), RILL_OK);
        int rc = rill_settler_credit(&settler, account, "k", &q, now, &group);
        failing_memory_well(&memory);
        if (rc == RILL_OK)
            break;
        assert_int_equal(rc, RILL_ERR_NOMEM);
        booked(100);
        assert_int_equal(account->key_count, 0);
        assert_true(rill_exact_is_zero(&account->left_in));
    }
    booked(177);
    for (unsigned long n = 0;; n++) {
        assert_true(n < 50);
        failing_memory_after(&memory, n);
        answer(201, "{\"amount\":\"899\",\"scale\":2}");
        failing_memory_well(&memory);
        if (account->of == NULL)
            break;
        pass(RILL_SETTLE_LONGEST_WAIT);
        turn();
        written();
        is_asked("{\"amount\":\"900\",\"scale\":2}");
    }
    assert_int_equal(account->left_out.units, 1);
    turn();
    written();
}

static void test_beginning_without_memory(void **state)
{
    (void)state;
    introduce();
    const rill_store_entry e = {
        .kind = RILL_ENTRY_DEPOSIT, .amount = 1000, .who = "x", .note = "", .key = ""};
    uint64_t group;
    assert_int_equal(rill_clerk_enter(&clerk, &bob, &e, &group), RILL_OK);
    random_fails = true;
    rill_settler_look(&settler, account, now);
    random_fails = false;
    assert_null(account->of);
    for (unsigned long n = 0; account->of == NULL; n++) {
        assert_true(n < 50);
        booked(1000);
        rill_settler_look(&settler, account, now); /* not at once again */
        assert_null(account->of);
        assert_true(rill_settler_deadline(&settler) - now.mono_ns <= RILL_SETTLE_FIRST_WAIT);
        pass(rill_settler_deadline(&settler) - now.mono_ns);
        failing_memory_after(&memory, n);
        rill_settler_turn(&settler, now);
        failing_memory_well(&memory);
    }
    booked(100);
    turn();
    written();
    size_t outs = 0;
    for (size_t i = 0; i < disk.count; i++)
        outs += disk.rows[i].kind == RILL_SETTLEMENT_OUT;
    assert_int_equal(outs, 1);
}

static void test_accounts_without_memory(void **state)
{
    (void)state;
    const rill_store_settlement rows[] = {
        {BOB + 1, RILL_SETTLEMENT_OUT, "key", url, "5", 0, 1, false},
        {BOB + 1, RILL_SETTLEMENT_IN, "key", url, "5", 0, 1, false},
        {BOB + 1, RILL_SETTLEMENT_ENGINE, "", other_url, "0", 0, 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int rc = RILL_ERR_NOMEM;
        for (unsigned long n = 0; rc == RILL_ERR_NOMEM; n++) {
            failing_memory_after(&memory, n);
            rc = rill_settler_know(&settler, &rows[i], now.mono_ns);
            failing_memory_well(&memory);
        }
        assert_int_equal(rc, RILL_OK);
    }
    rill_settling *a = NULL;
    int rc = RILL_ERR_NOMEM;
    for (unsigned long n = 0; rc == RILL_ERR_NOMEM; n++) {
        failing_memory_after(&memory, n);
        rc = rill_settler_attach(&a, &settler, BOB + 2, "carol", 2, NULL);
        failing_memory_well(&memory);
    }
    rc = RILL_ERR_NOMEM;
    for (unsigned long n = 0; rc == RILL_ERR_NOMEM; n++) {
        failing_memory_after(&memory, n);
        const rill_settler_wanted wanted = {"http://localhost/x/", "token", "file:token", 1, 0, 2};
        rc = rill_settler_prepare(&settler, a, &wanted);
        failing_memory_well(&memory);
    }
    assert_int_equal(rc, RILL_OK);
    assert_string_equal(a->fresh.engine->url, "http://localhost/x");
    rill_settler_forget(&settler, a);
}

static void test_rows_that_cannot_be(void **state)
{
    (void)state;
    const rill_store_settlement rows[] = {
        {9, RILL_SETTLEMENT_OUT, "key", url, "", 0, 1, false},
        {9, RILL_SETTLEMENT_OUT, "key", url, "-1", 0, 1, false},
        {9, RILL_SETTLEMENT_OUT, "key", url, "15", 1, 1, false},
        {9, RILL_SETTLEMENT_OUT, "a key that is longer than any that we make", url, "5", 0, 1,
         false},
        {9, RILL_SETTLEMENT_LEFT_IN, "", "", "x", 0, 1, false},
        {9, (rill_settlement_kind)99, "", "", "0", 0, 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(rill_settler_know(&settler, &rows[i], now.mono_ns), RILL_ERR_MALFORMED);
}

static void test_a_call_that_cannot_begin(void **state)
{
    (void)state;
    call.refuse = RILL_ERR_NOMEM;
    turn();
    assert_int_equal(account->tries, 1);
    call.refuse = RILL_OK;
    pass(RILL_SETTLE_LONGEST_WAIT);
    introduce();
    const rill_engine_answer late = {201, "", {(const uint8_t *)"", 0}};
    rill_settler_answered(&settler, account, 12345, &late, now); /* that nobody waits for */
    assert_null(account->of);
}

/* ---- what no engine will end ---- */

static void test_ended_as_paid(void **state)
{
    (void)state;
    uint64_t group = 0;
    settle_once();
    char key[80];
    memcpy(key, call.key, sizeof key);
    assert_int_equal(say(key, true, &group), RILL_ERR_BLOCKED); /* it is being asked */
    answer(0, "");
    assert_int_equal(say("another", true, &group), RILL_ERR_NOT_FOUND);
    assert_int_equal(say("", true, &group), RILL_ERR_NOT_FOUND);
    assert_int_equal(say(key, true, &group), RILL_OK);
    assert_int_not_equal(group, 0);
    booked(100);
    assert_int_equal(account->units_out, 900);
    assert_int_equal(say(key, true, &group), RILL_ERR_EXISTS);
    assert_int_equal(say(key, false, &group), RILL_ERR_STATE);
    keep_all();
    assert_null(find_row(RILL_SETTLEMENT_OUT));
    assert_int_equal(disk.out, 900);
    assert_int_equal(disk.back, 0);
    pass(RILL_SETTLE_LONGEST_WAIT);
    turn();
    assert_int_equal(call.id, 0); /* nobody asks again */
    die(true);
    assert_int_equal(say(key, true, &group), RILL_ERR_EXISTS);
    assert_int_equal(group, 0);
    assert_int_equal(say(key, false, &group), RILL_ERR_STATE);
    booked(100);
}

static void test_ended_as_not_paid(void **state)
{
    (void)state;
    uint64_t group = 0;
    settle_once();
    char key[80];
    memcpy(key, call.key, sizeof key);
    answer(0, "");
    agree(NULL, NULL); /* its engine is gone for good */
    assert_int_equal(say(key, false, &group), RILL_OK);
    booked(1000);
    assert_int_equal(account->units_out, 0);
    die(false); /* nothing of it was kept */
    booked(100);
    assert_non_null(find_row(RILL_SETTLEMENT_OUT));
    agree(NULL, NULL);
    assert_int_equal(say(key, false, &group), RILL_OK);
    turn();
    terms_engine = NULL;
    die(true); /* all of it was */
    booked(1000);
    assert_int_equal(disk.back, 900);
    assert_int_equal(say(key, false, &group), RILL_ERR_EXISTS);
    assert_int_equal(say(key, true, &group), RILL_ERR_STATE);
    /* The engine that is gone is not told that the account is. */
    assert_null(find_row(RILL_SETTLEMENT_OUT));
    assert_null(find_row(RILL_SETTLEMENT_ENGINE));
    assert_true(rill_settler_deadline(&settler) == RILL_NEVER);
}

/* What is owed again is settled by the engine that the account has now. */
static void test_ended_and_settled_elsewhere(void **state)
{
    (void)state;
    uint64_t group = 0;
    settle_once();
    char key[80];
    memcpy(key, call.key, sizeof key);
    answer(0, "");
    agree(other_url, NULL);
    assert_int_equal(say(key, false, &group), RILL_OK);
    booked(100);
    keep_all();
    assert_string_equal(call.engine, other_url);
    assert_string_equal(call.path, "/accounts");
    answer(201, "");
    keep_all();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    assert_string_equal(call.engine, other_url);
    assert_string_not_equal(call.key, key);
    answer(201, "");
    keep_all();
    assert_int_equal(disk.out - disk.back, 900);
}

/* What is not kept may never have been asked for: there is nothing to say of it yet. */
static void test_ending_what_is_not_kept(void **state)
{
    (void)state;
    uint64_t group = 0;
    introduce();
    owe(1000);
    assert_int_equal(say(account->key, false, &group), RILL_ERR_BLOCKED);
    booked(100);
}

static void test_words_that_cannot_be_kept(void **state)
{
    (void)state;
    char text[300];
    uint64_t group = 0;
    settle_once();
    answer(0, "");
    memset(text, 'x', sizeof text);
    text[RILL_SETTLE_NOTE_MAX + 1] = '\0';
    rill_settler_word word = {account->key, true, "maria", text};
    assert_int_equal(rill_settler_end(&settler, account, &bob, &word, now, &group),
                     RILL_ERR_INVALID);
    word.note = "";
    word.who = "";
    assert_int_equal(rill_settler_end(&settler, account, &bob, &word, now, &group),
                     RILL_ERR_INVALID);
    word.who = "maria";
    for (unsigned long most = 0;; most++) {
        failing_memory_after(&memory, most);
        int rc = rill_settler_end(&settler, account, &bob, &word, now, &group);
        failing_memory_well(&memory);
        if (rc == RILL_OK)
            break;
        assert_int_equal(rc, RILL_ERR_NOMEM);
        assert_in_range(most, 0, 50);
        assert_non_null(account->of);
    }
    text[RILL_SETTLE_NOTE_MAX] = '\0';
    keep_all();
    assert_null(find_row(RILL_SETTLEMENT_OUT));
}

/* ---- tokens of engines ---- */

/* An account is taken out while the node is down: its engine is asked on, with its token. */
static void test_the_token_of_an_account_that_is_gone(void **state)
{
    (void)state;
    token_place = "file:secret";
    introduce();
    agree(url, "secret");
    owe(1000);
    keep_all();
    assert_string_equal(call.token, "secret");
    assert_string_equal(disk.tokens, "http://127.0.0.1:3000 file:secret\n");
    terms_engine = NULL;
    die(true);
    turn();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    assert_string_equal(call.token, "secret");
    assert_int_equal(disk.tokens_read, 1);
    answer(201, "");
    turn();
    assert_string_equal(call.method, "DELETE");
    assert_string_equal(call.token, "secret");
    answer(204, "");
    keep_all();
    assert_string_equal(disk.tokens, ""); /* nobody is left who could be asked */
}

/* Two engines: each is shown its own. */
static void test_tokens_of_two_engines(void **state)
{
    (void)state;
    token_place = "file:one";
    introduce();
    agree(url, "one");
    owe(1000);
    keep_all();
    answer(0, "");
    token_place = "file:two";
    agree(other_url, "two");
    keep_all();
    assert_string_equal(disk.tokens,
                        "http://127.0.0.1:4000 file:two\nhttp://127.0.0.1:3000 file:one\n");
    terms_engine = NULL;
    die(true);
    turn();
    assert_string_equal(call.engine, url);
    assert_string_equal(call.token, "one");
    agree(other_url, "two");
    answer(201, "");
    keep_all();
    assert_string_equal(call.method, "DELETE");
    assert_string_equal(call.token, "one");
    answer(204, "");
    turn();
    assert_string_equal(call.engine, other_url);
    assert_string_equal(call.token, "two");
    answer(201, "");
    keep_all();
    assert_string_equal(disk.tokens, "http://127.0.0.1:4000 file:two\n");
}

/* One that cannot be read is none; and what is no such setting is left alone. */
static void test_tokens_that_cannot_be_read(void **state)
{
    (void)state;
    settle_once();
    snprintf(disk.tokens, sizeof disk.tokens, "http://127.0.0.1:3000 file:gone\nnonsense\nx");
    terms_engine = NULL;
    die(true);
    turn();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    assert_string_equal(call.token, "");
    snprintf(disk.tokens, sizeof disk.tokens,
             "http://127.0.0.1:3000 file:one\nhttp://127.0.0.1:4000 file:two\n");
    die(true);
    turn();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    assert_string_equal(call.token, "one");
    /* A line that is none has nothing of the next one. */
    snprintf(disk.tokens, sizeof disk.tokens, "nonsense\nhttp://127.0.0.1:3000 file:one\n");
    die(true);
    turn();
    is_asked("{\"amount\":\"900\",\"scale\":2}");
    assert_string_equal(call.token, "one");
    static const char *const names[] = {"", "0", "x", "-3", "4294967296", "99999999999999999999"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const rill_store_setting odd = {RILL_SETTING_ENGINE_TOKENS, names[i], "a b\n"};
        size_t before = settler.by_id.count;
        assert_int_equal(rill_settler_know_tokens(&settler, &odd, on_read_token, NULL), RILL_OK);
        assert_int_equal(settler.by_id.count, before);
    }
    for (unsigned long most = 0;; most++) {
        const rill_store_setting of = {RILL_SETTING_ENGINE_TOKENS, "3",
                                       "http://127.0.0.1:3000 file:x\n"};
        failing_memory_after(&memory, most);
        int rc = rill_settler_know_tokens(&settler, &of, on_read_token, NULL);
        failing_memory_well(&memory);
        if (rc == RILL_OK)
            break;
        assert_int_equal(rc, RILL_ERR_NOMEM);
        assert_in_range(most, 0, 20);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_settlement),
        TEST(test_one_at_a_time),
        TEST(test_an_engine_that_is_away),
        TEST(test_jitter),
        TEST(test_an_engine_that_takes_less),
        TEST(test_an_engine_that_takes_nothing),
        TEST(test_more_is_left_than_owed),
        TEST(test_paid_ahead),
        TEST(test_other_terms_at_the_start),
        TEST(test_what_is_due_later),
        TEST(test_given_back),
        TEST(test_an_engine_that_claims_more),
        TEST(test_an_engine_that_claims_more_than_there_is),
        TEST(test_garbage),
        TEST(test_an_engine_that_forgets_the_account),
        TEST(test_an_engine_that_forgets_at_once),
        TEST(test_what_is_finer_than_the_engine),
        TEST(test_another_engine),
        TEST(test_an_account_that_comes_back),
        TEST(test_two_other_engines),
        TEST(test_an_engine_that_is_gone),
        TEST(test_no_engine_any_more),
        TEST(test_another_account_of_the_name),
        TEST(test_taken_away_while_it_is_told),
        TEST(test_a_settlement_that_comes),
        TEST(test_what_is_less_than_a_unit),
        TEST(test_what_cannot_be_credited),
        TEST(test_how_long_a_key_is_known),
        TEST(test_no_room_for_a_key),
        TEST(test_a_key_and_a_wrong_clock),
        TEST(test_a_key_of_the_future),
        TEST(test_a_key_of_the_account_before),
        TEST(test_many_accounts),
        TEST(test_without_memory),
        TEST(test_beginning_without_memory),
        TEST(test_accounts_without_memory),
        TEST(test_rows_that_cannot_be),
        TEST(test_a_call_that_cannot_begin),
        TEST(test_ended_as_paid),
        TEST(test_ended_as_not_paid),
        TEST(test_ended_and_settled_elsewhere),
        TEST(test_ending_what_is_not_kept),
        TEST(test_words_that_cannot_be_kept),
        TEST(test_the_token_of_an_account_that_is_gone),
        TEST(test_tokens_of_two_engines),
        TEST(test_tokens_that_cannot_be_read),
    };
    return cmocka_run_group_tests_name("settler", tests, NULL, NULL);
}
