/* SPDX-License-Identifier: Apache-2.0 */
#include "conditions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Open addressing, at most half full. A condition needs no hash, since it is as good as random. */
struct pair_conditions {
    size_t count;
    size_t capacity; /* a power of two */
    struct slot {
        bool used;
        uint8_t condition[32];
    } * slots;
};

pair_conditions *pair_conditions_new(void)
{
    pair_conditions *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->capacity = 64;
    s->slots = calloc(s->capacity, sizeof *s->slots);
    assert_non_null(s->slots);
    return s;
}

void pair_conditions_free(pair_conditions *s)
{
    if (!s)
        return;
    free(s->slots);
    free(s);
}

/* Its place, or the free place where it would be. */
static struct slot *find(const pair_conditions *s, const uint8_t condition[32])
{
    size_t at;
    memcpy(&at, condition, sizeof at);
    for (;; at++) {
        struct slot *slot = &s->slots[at & (s->capacity - 1)];
        if (!slot->used || memcmp(slot->condition, condition, 32) == 0)
            return slot;
    }
}

static void grow(pair_conditions *s)
{
    pair_conditions larger = {.count = s->count, .capacity = 2 * s->capacity};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    assert_non_null(larger.slots);
    for (size_t i = 0; i < s->capacity; i++)
        if (s->slots[i].used)
            *find(&larger, s->slots[i].condition) = s->slots[i];
    free(s->slots);
    *s = larger;
}

bool pair_conditions_add(pair_conditions *s, const uint8_t condition[32])
{
    if (2 * s->count >= s->capacity)
        grow(s);
    struct slot *slot = find(s, condition);
    if (slot->used)
        return false;
    slot->used = true;
    memcpy(slot->condition, condition, 32);
    s->count++;
    return true;
}
