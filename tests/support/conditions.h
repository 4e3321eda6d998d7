/* SPDX-License-Identifier: Apache-2.0 */
/* A set of conditions, to know which packets were fulfilled. */
#ifndef RILL_TESTS_CONDITIONS_H
#define RILL_TESTS_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pair_conditions pair_conditions;

pair_conditions *pair_conditions_new(void);
void pair_conditions_free(pair_conditions *s);
/* False if it is in the set already. */
bool pair_conditions_add(pair_conditions *s, const uint8_t condition[32]);

#endif
