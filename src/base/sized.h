/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs that grow from one version to the next: rill/types.h says how. A
 * program and the library may have been built with different versions of one,
 * of which the shorter is the beginning of the longer.
 */
#ifndef RILL_BASE_SIZED_H
#define RILL_BASE_SIZED_H

#include <rill/error.h>
#include <rill/types.h>

/*
 * Copies what the program gave over full, which holds the defaults: members that the program
 * does not know keep those. Both begin with their size; that of full stays.
 * RILL_ERR_INVALID: the size can be none, so that the struct was never initialised.
 * RILL_ERR_UNSUPPORTED: a member that we do not know is set.
 */
RILL_MUST_CHECK int rill_sized_take(void *full, size_t full_size, const void *given);

/* What is wrong with options or handlers, for people: static. error is rill_sized_take's. */
const char *rill_options_problem(int error);

/* The first bytes of full for a program whose struct has size bytes; what it knows beyond is 0. */
void rill_sized_give(void *out, size_t size, const void *full, size_t full_size);

/* The same for options and handlers, which begin with their size: it becomes the program's. */
void rill_sized_init(void *out, size_t size, const void *full, size_t full_size);

#endif
