/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is looked up all over: where it is much, in large pages. */
#ifndef RILL_IO_LARGE_PAGES_H
#define RILL_IO_LARGE_PAGES_H

#include <rill/types.h>

/* Bytes of a large page on x86-64. */
#define RILL_LARGE_PAGE ((size_t)2 * 1024 * 1024)

/*
 * malloc's, but for what is at least a large page: that begins at one, and the
 * system is asked for such pages. It may not have any: then they are small ones.
 */
const rill_allocator *rill_allocator_large_pages(void);
/*
 * Much has been freed, and is not needed again soon: malloc, which keeps it, gives it back to the
 * system where it can (glibc). Takes some milliseconds for each hundred megabytes.
 */
void rill_memory_give_back(void);

#endif
