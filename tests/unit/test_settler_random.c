/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settlement, where anything happens at any moment, and the node dies between any two steps.
 * Whatever happens, each unit is in one place afterwards.
 */
#include "settler_world.h"
#include "share.h"

/* What an engine knows. */
static struct {
    char key[80];
    char asked[600];
    char answer[160]; /* what it says of this key */
    rill_exact taken;
} settled[KEYS];
static size_t settled_count;
static bool knows_bob;

/* ---- anything, at any moment ---- */

/* What the engine says to a settlement; a key that it knows gets the same answer. */
static void decide(rill_exact *taken, char *answer, size_t cap)
{
    rill_quantity q;
    rill_exact asked;
    assert_int_equal(
        rill_quantity_read(&q, (rill_bytes){(const uint8_t *)call.body, strlen(call.body)}),
        RILL_OK);
    assert_int_equal(rill_exact_of(&asked, &q, SCALE), RILL_OK);
    *taken = asked;
    switch (draw(4)) {
    case 0:
        snprintf(answer, cap, "%s", call.body);
        return;
    case 1: { /* less, and finer than a unit */
        char digits[40];
        snprintf(digits, sizeof digits, "%llu",
                 (unsigned long long)(asked.units * 1000 - draw(asked.units * 1000)));
        assert_int_equal(rill_quantity_of(&q, digits, strlen(digits), SCALE + 3), RILL_OK);
        assert_int_equal(rill_exact_of(taken, &q, SCALE), RILL_OK);
        rill_quantity_json(&q, answer);
        return;
    }
    case 2: /* more: that is not so */
        snprintf(answer, cap, "{\"amount\":\"%llu\",\"scale\":%d}",
                 (unsigned long long)asked.units + 1 + draw(50), SCALE);
        return;
    default:
        snprintf(answer, cap, "Created");
        return;
    }
}

/* The engine has the request: index of its key. */
static size_t process(void)
{
    size_t i = 0;
    while (i < settled_count && strcmp(settled[i].key, call.key) != 0)
        i++;
    if (i < settled_count) {
        assert_string_equal(settled[i].asked, call.body); /* a key is for one amount */
        return i;
    }
    assert_in_range(i, 0, KEYS - 1);
    settled_count++;
    snprintf(settled[i].key, sizeof settled[i].key, "%s", call.key);
    snprintf(settled[i].asked, sizeof settled[i].asked, "%s", call.body);
    decide(&settled[i].taken, settled[i].answer, sizeof settled[i].answer);
    return i;
}

static void engine_answers(bool good)
{
    uint64_t luck = good ? 9 : draw(10);
    if (call.id == 0)
        return;
    if (strcmp(call.method, "DELETE") == 0) {
        knows_bob = knows_bob && luck <= 1;
        answer(luck > 2 ? 204 : 0, "");
        return;
    }
    if (strcmp(call.path, "/accounts") == 0) {
        knows_bob = knows_bob || luck > 1;
        answer(luck > 2 ? 201 : 0, "");
        return;
    }
    assert_string_equal(call.path, "/accounts/bob/settlements");
    if (luck == 0) {
        answer(0, "");
    } else if (luck == 1) {
        (void)process(); /* and its answer is lost */
        answer(0, "");
    } else if (luck == 2) {
        (void)process();
        answer(201, "{\"amount\":\"1");
    } else if (luck == 3) {
        answer(503, "busy");
    } else if (luck == 4 || !knows_bob) {
        knows_bob = false;
        answer(404, "");
    } else {
        answer(201, settled[process()].answer);
    }
}

/* Engines tell again what was not answered, with the same key. */
static struct {
    char key[24];
    char amount[24];
    unsigned scale;
    uint64_t group;
    bool open;
    bool booked;
} telling;
static rill_exact told_sum;
static unsigned told_count;

static void engine_tells(void)
{
    if (account->terms.engine == NULL)
        return; /* who is none is not heard */
    if (!telling.open) {
        telling.open = true;
        telling.booked = false;
        snprintf(telling.key, sizeof telling.key, "told %u", told_count++);
        snprintf(telling.amount, sizeof telling.amount, "%llu", (unsigned long long)draw(100000));
        telling.scale = (unsigned)draw(8);
    }
    int rc = credit(telling.key, telling.amount, telling.scale, &telling.group);
    assert_true(rc == RILL_OK || rc == RILL_ERR_EXISTS);
    telling.booked = true;
    rill_settler_look(&settler, account, now);
}

/* It gets its answer once the books are kept. */
static void engine_is_told(void)
{
    rill_quantity q;
    rill_exact amount;
    if (!telling.open || !telling.booked || books.kept < telling.group)
        return;
    assert_int_equal(rill_quantity_of(&q, telling.amount, strlen(telling.amount), telling.scale),
                     RILL_OK);
    assert_int_equal(rill_exact_of(&amount, &q, SCALE), RILL_OK);
    assert_int_equal(rill_exact_add(&told_sum, &told_sum, &amount), RILL_OK);
    telling.open = false;
}

static rill_exact left_on_disk(rill_settlement_kind kind)
{
    const row *r = find_row(kind);
    rill_quantity q;
    rill_exact e = rill_exact_units(0);
    if (r == NULL)
        return e;
    assert_int_equal(rill_quantity_of(&q, r->amount, strlen(r->amount), r->scale), RILL_OK);
    assert_int_equal(rill_exact_of(&e, &q, 0), RILL_OK);
    return e;
}

static void same_exact(const rill_exact *a, const rill_exact *b)
{
    rill_exact rest;
    assert_int_equal(rill_exact_sub(&rest, a, b), RILL_OK);
    assert_true(rill_exact_is_zero(&rest));
}

/* What an operator said of a settlement, until he knows that it is booked. */
static struct {
    char key[80];
    rill_exact taken; /* paid elsewhere */
    bool paid;
    bool open;
    uint64_t group;
} said;
static rill_exact said_sum; /* paid elsewhere, and said to be */

static bool engine_has(const char *key)
{
    size_t i = 0;
    while (i < settled_count && strcmp(settled[i].key, key) != 0)
        i++;
    return i < settled_count;
}

/*
 * The operator ends what the engine does not have: he has paid it himself, or nobody has. He asks
 * until he has an answer.
 */
static void operator_says(void)
{
    if (said.open && engine_has(said.key)) {
        said.open = false; /* what he said was lost, and the engine has been asked since */
        return;
    }
    if (!said.open) {
        if (account->of == NULL || call.id != 0 || draw(4) != 0 || engine_has(account->key))
            return;
        said.open = true;
        said.paid = draw(2) == 0;
        said.taken = rill_exact_units(said.paid ? account->asked : 0);
        snprintf(said.key, sizeof said.key, "%s", account->key);
    }
    int rc = say(said.key, said.paid, &said.group);
    if (rc == RILL_ERR_BLOCKED)
        said.open = false; /* not now */
    else if (rc == RILL_ERR_NOT_FOUND)
        said.open = false; /* it was booked in a group that was lost, with the whole settlement */
    else
        assert_true(rc == RILL_OK || rc == RILL_ERR_EXISTS);
}

/* He has his answer once the books are kept; and asks again until he has. */
static void operator_is_told(void)
{
    if (!said.open || books.kept < said.group)
        return;
    if (say(said.key, said.paid, &said.group) != RILL_ERR_EXISTS)
        return;
    said.open = false;
    assert_int_equal(rill_exact_add(&said_sum, &said_sum, &said.taken), RILL_OK);
}

/* Each unit is in one place. */
static void all_is_there(void)
{
    rill_exact sum = left_on_disk(RILL_SETTLEMENT_LEFT_OUT);
    rill_exact want = rill_exact_units(disk.out - disk.back);
    for (size_t i = 0; i < settled_count; i++)
        assert_int_equal(rill_exact_add(&sum, &sum, &settled[i].taken), RILL_OK);
    assert_int_equal(rill_exact_add(&sum, &sum, &said_sum), RILL_OK);
    same_exact(&sum, &want);
    sum = left_on_disk(RILL_SETTLEMENT_LEFT_IN);
    want = rill_exact_units(disk.in);
    assert_int_equal(rill_exact_add(&sum, &sum, &want), RILL_OK);
    same_exact(&sum, &told_sum);
    rill_u128 balance =
        rill_wide_sub(rill_wide(disk.deposits + disk.in + disk.back), rill_wide(disk.out));
    assert_true(rill_wide_equal(rill_wide_signed(balance), disk.booked[BOB]));
}

static void one_step(void)
{
    switch (draw(10)) {
    case 7:
        operator_says();
        operator_is_told();
        break;
    case 0:
        owe(draw(900));
        break;
    case 1:
    case 2:
        engine_answers(false);
        break;
    case 3:
        engine_tells();
        break;
    case 4:
        written();
        engine_is_told();
        break;
    case 5:
        pass(draw(20) * RILL_SECOND);
        break;
    case 8:
        /* Without an engine what none has taken is owed again. */
        if (draw(10) == 0)
            agree(draw(3) == 0 ? NULL : url, NULL);
        else
            turn();
        break;
    case 6:
        if (draw(6) == 0) {
            telling.booked = false; /* nobody answered it */
            die(draw(2) == 0);
        }
        break;
    default:
        turn();
        break;
    }
}

static void become_quiet(void)
{
    agree(url, NULL);
    for (unsigned i = 0; i < 400; i++) {
        turn();
        written();
        engine_is_told();
        if (said.open)
            operator_says();
        operator_is_told();
        engine_answers(true);
        if (telling.open && !telling.booked)
            engine_tells();
        if (i < 100)
            pass(RILL_SETTLE_LONGEST_WAIT);
    }
    assert_null(find_row(RILL_SETTLEMENT_OUT));
    assert_int_equal(call.id, 0);
    assert_false(telling.open);
    assert_false(said.open);
}

static void test_anything_at_any_moment(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= test_some_of(500); run++) {
        tear_down(NULL);
        set_up(NULL);
        settled_count = 0;
        knows_bob = false;
        seed = run;
        telling.open = false;
        told_sum = rill_exact_units(0);
        said.open = false;
        said_sum = rill_exact_units(0);
        engine_scale = (uint8_t)draw(3);
        settle_to = draw(200);
        agree(url, NULL);
        for (unsigned i = 0; i < 400; i++)
            one_step();
        become_quiet();
        all_is_there();
        die(false);
        become_quiet();
        all_is_there();
        assert_true(settled_count > 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_anything_at_any_moment),
    };
    return cmocka_run_group_tests_name("settler at random", tests, NULL, NULL);
}
