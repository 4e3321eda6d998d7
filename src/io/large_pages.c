/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE

#include "io/large_pages.h"

#include <stdlib.h>
#include <sys/mman.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

static void *large_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    if (ptr != NULL || size < RILL_LARGE_PAGE)
        return realloc(ptr, size);
    if (size > SIZE_MAX - RILL_LARGE_PAGE)
        return NULL;
    size_t pages = (size + RILL_LARGE_PAGE - 1) / RILL_LARGE_PAGE;
    void *p = aligned_alloc(RILL_LARGE_PAGE, pages * RILL_LARGE_PAGE);
    /* A wish: where it is refused, the memory is as good. */
    if (p != NULL)
        (void)madvise(p, pages * RILL_LARGE_PAGE, MADV_HUGEPAGE);
    return p;
}

static void large_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

const rill_allocator *rill_allocator_large_pages(void)
{
    static const rill_allocator allocator = {large_realloc, large_free, NULL};
    return &allocator;
}

void rill_memory_give_back(void)
{
#if defined(__GLIBC__)
    (void)malloc_trim(0);
#endif
}
