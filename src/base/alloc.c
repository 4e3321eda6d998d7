/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *default_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    return realloc(ptr, size);
}

static void default_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

const rill_allocator *rill_allocator_default(void)
{
    static const rill_allocator allocator = {default_realloc, default_free, NULL};
    return &allocator;
}

/* False on overflow. A size of 0 becomes 1, so that an allocator is never asked for 0 bytes. */
static bool array_size(size_t count, size_t size, size_t *out)
{
    if (__builtin_mul_overflow(count, size, out))
        return false;
    if (*out == 0)
        *out = 1;
    return true;
}

void *rill_alloc(const rill_allocator *a, size_t size)
{
    return a->realloc(a->user, NULL, size == 0 ? 1 : size);
}

void *rill_calloc(const rill_allocator *a, size_t count, size_t size)
{
    size_t bytes;
    if (!array_size(count, size, &bytes))
        return NULL;
    void *p = a->realloc(a->user, NULL, bytes);
    if (p != NULL)
        memset(p, 0, bytes);
    return p;
}

void *rill_realloc_array(const rill_allocator *a, void *ptr, size_t count, size_t size)
{
    size_t bytes;
    if (!array_size(count, size, &bytes))
        return NULL;
    return a->realloc(a->user, ptr, bytes);
}

void rill_free(const rill_allocator *a, void *ptr)
{
    if (ptr != NULL)
        a->free(a->user, ptr);
}
