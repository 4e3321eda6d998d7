/* SPDX-License-Identifier: Apache-2.0 */
/* The key that secrets are printed with (core_kept.h), in a file beside the books. */
#ifndef RILL_CONNECTOR_PRINT_KEY_H
#define RILL_CONNECTOR_PRINT_KEY_H

#include "connector/core_kept.h"

/*
 * Reads BOOKS.key, or makes it. Copies of the books are without it, and so is the database. NULL:
 * key has it. Else what is wrong, a static text: key is as it was.
 */
const char *rill_print_key_find(const char *books, rill_crypto *crypto,
                                uint8_t key[RILL_PRINT_KEY]);

#endif
