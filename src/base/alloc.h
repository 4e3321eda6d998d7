/* SPDX-License-Identifier: Apache-2.0 */
/* Short functions for the allocator that an object was made with. */
#ifndef RILL_BASE_ALLOC_H
#define RILL_BASE_ALLOC_H

#include <rill/types.h>

/* Not initialised; NULL on failure. */
void *rill_alloc(const rill_allocator *a, size_t size);
/* count * size zero bytes; NULL on failure or overflow. */
void *rill_calloc(const rill_allocator *a, size_t count, size_t size);
/* Keeps ptr and returns NULL on failure or overflow. */
void *rill_realloc_array(const rill_allocator *a, void *ptr, size_t count, size_t size);
/* ptr may be NULL. */
void rill_free(const rill_allocator *a, void *ptr);

#endif
