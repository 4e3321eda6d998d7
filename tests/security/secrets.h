/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets as valgrind sees them: undefined. A branch or an address that depends
 * on one is reported, since its time tells of the secret. What may be known is
 * declared so, here and in declared_public.c, one by one.
 */
#ifndef RILL_TESTS_SECRETS_H
#define RILL_TESTS_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

/* From now on nothing may branch on it. */
void secret_mark(void *p, size_t len);
/* What anybody may see. */
void secret_publish(const void *p, size_t len);
/* Whether every bit of it is one on which nothing may branch. */
bool secret_is(const void *p, size_t len);

#endif
