/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What settlement engines write (RFC 38): Quantities, and answers to a settlement. Input: the
 * account's scale, the status of an answer, then two texts with a NUL between them. What is read is
 * exact: it can be written and read again, added and taken off, and nothing of it is lost.
 */
#include "connector/settler_impl.h"
#include "fuzz.h"

static bool same(const rill_exact *a, const rill_exact *b)
{
    return a->units == b->units && a->digits == b->digits &&
           memcmp(&a->part, &b->part, sizeof a->part) == 0;
}

static void check_form(const rill_exact *e)
{
    rill_u128 most = rill_wide(1);
    CHECK(e->digits <= RILL_EXACT_DIGITS);
    for (unsigned i = 0; i < e->digits; i++)
        most = rill_wide_times(most, rill_wide(10));
    CHECK(rill_wide_less(e->part, most));
    CHECK(e->digits == 0 || !rill_wide_is_zero(e->part));
}

static bool read(rill_bytes text, uint8_t scale, rill_exact *out)
{
    rill_quantity q;
    rill_quantity again;
    rill_exact twice;
    char json[RILL_QUANTITY_JSON];
    if (rill_quantity_read(&q, text) != RILL_OK)
        return false;
    CHECK(strlen(q.amount) > 0 && strspn(q.amount, "0123456789") == strlen(q.amount));
    CHECK(q.amount[0] != '0' || q.amount[1] == '\0');
    rill_quantity_json(&q, json);
    CHECK(rill_quantity_read(&again, (rill_bytes){(const uint8_t *)json, strlen(json)}) == RILL_OK);
    CHECK(rill_quantity_same(&q, &again));
    if (rill_exact_of(out, &q, scale) != RILL_OK)
        return false;
    check_form(out);
    rill_exact_quantity(out, scale, &again);
    CHECK(rill_exact_of(&twice, &again, scale) == RILL_OK && same(out, &twice));
    return true;
}

static void check_sums(const rill_exact *a, const rill_exact *b)
{
    rill_exact sum;
    rill_exact back;
    if (rill_exact_add(&sum, a, b) != RILL_OK) {
        CHECK(a->units > UINT64_MAX - b->units || a->units + b->units == UINT64_MAX);
        return;
    }
    check_form(&sum);
    CHECK(rill_exact_sub(&back, &sum, a) == RILL_OK && same(&back, b));
    CHECK(rill_exact_sub(&back, &sum, b) == RILL_OK && same(&back, a));
    /* One of them is not less than the other. */
    bool less = rill_exact_sub(&back, a, b) != RILL_OK;
    CHECK(!less || rill_exact_sub(&back, b, a) == RILL_OK);
}

/* An engine is believed if it says 201, or a Quantity; and a body that begins one has to be one. */
static void check_answer(rill_bytes body, unsigned status, uint8_t scale, uint64_t asked)
{
    const rill_settling account = {.scale = scale, .asked = asked};
    const rill_engine_answer answer = {status, "", body};
    const rill_exact all = rill_exact_units(asked);
    rill_exact taken;
    const char *problem = rill_settler_find_taken(&account, &answer, &taken);
    if (problem != NULL)
        return;
    check_form(&taken);
    CHECK(status == 201 || memchr(body.data, '{', body.len) != NULL);
    CHECK(same(&taken, &all) || memchr(body.data, '{', body.len) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rill_exact a;
    rill_exact b;
    if (size < 3)
        return 0;
    const uint8_t scale = data[0];
    const unsigned status = data[1] < 100 ? 201 : data[1] + 100U;
    const uint8_t *text = data + 2;
    const uint8_t *end = memchr(text, '\0', size - 2);
    const size_t first = end == NULL ? size - 2 : (size_t)(end - text);
    const rill_bytes one = {text, first};
    const rill_bytes two = {text + first + (end == NULL ? 0 : 1),
                            size - 2 - first - (end == NULL ? 0 : 1)};
    check_answer(one, status, scale, 1000);
    check_answer(two, status, scale, UINT64_MAX);
    if (read(one, scale, &a) && read(two, scale, &b))
        check_sums(&a, &b);
    return 0;
}
