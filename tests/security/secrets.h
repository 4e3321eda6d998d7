/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets are marked as undefined for valgrind. It reports a branch or an address that depends on
 * one, since its time reveals the secret. What may be known is declared public, one by one, here
 * and in declared_public.c.
 */
#ifndef RILL_TESTS_SECRETS_H
#define RILL_TESTS_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

/* From now on nothing may branch on it. */
void secret_mark(void *p, size_t len);
/* Everybody may see it. */
void secret_publish(const void *p, size_t len);
/* Whether nothing may branch on any bit of it. */
bool secret_is(const void *p, size_t len);

#endif
