/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that was applied last, which the books keep without its secrets. */
#ifndef RILL_CONNECTOR_CORE_KEPT_H
#define RILL_CONNECTOR_CORE_KEPT_H

#include "connector/core.h"

/* Of rill_store_setting. */
#define RILL_SETTING_CONFIG "config"

/*
 * Bytes of the key that secrets are printed with. Each secret has a print in the store, so that a
 * start can tell that it is another one. Who reads the store, or a copy of it, may guess at a
 * secret that is short, so the print must not tell him if he is right: it is an HMAC, and its key
 * is not in the store. It is no salt and no slow hash: there may be as many secrets as accounts,
 * which are printed at each start, and a slow hash is no help for a secret of four digits.
 */
enum { RILL_PRINT_KEY = 32 };

/* The key, which is copied: before rill_core_begin. Without it no secret is printed. */
void rill_core_print_with(rill_core *c, const uint8_t key[RILL_PRINT_KEY]);

/* What the store has of it: to be told before rill_core_begin. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_core_know_config(rill_core *c, const rill_store_setting *setting);
/*
 * Keeps the configuration that is used now, as far as it is different. starts: it has just begun;
 * what is different from what the store has is told, and is in the audit, by `who`. Without that,
 * another configuration was applied, which has told all but secrets that are named as before. tell
 * may be NULL. RILL_ERR_NOMEM: some of it is missing.
 */
RILL_MUST_CHECK int rill_core_keep_config(rill_core *c, bool starts, const char *who,
                                          void (*tell)(void *user, const char *line), void *user);

#endif
