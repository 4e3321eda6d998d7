/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts that two nodes agree on by themselves, for the files of it alone. */
#ifndef RILL_CONNECTOR_PEERING_IMPL_H
#define RILL_CONNECTOR_PEERING_IMPL_H

#include <jansson.h>

#include "connector/peering.h"

typedef struct rill_peering_terms {
    const rill_peering_offer *offer; /* the peer's */
    const rill_config_asset *asset;
    rill_peering_made made;
    const char *with;
    const char *key;
    const char *hash; /* of the token that the peer shows */
    bool quiet;
} rill_peering_terms;

/* As an operator would add it, without limits. NULL: no memory. */
json_t *rill_peering_new_account(const rill_core *core, const rill_peering_terms *terms);
/*
 * The token that we show where the key was agreed. RILL_ERR_NOT_FOUND and others of the secret;
 * RILL_ERR_INVALID: the secret is too short.
 */
RILL_MUST_CHECK int rill_peering_secret_token(const rill_core *core, const char *key,
                                              char out[RILL_PEERING_DIGITS]);
/* What we say of ourselves, without a token. */
void rill_peering_offer_ours(const rill_core *core, rill_peering_offer *out);
/* A line of the audit. */
void rill_peering_note(rill_core *core, const char *account, const char *who, const char *what,
                       const rill_peering_offer *offer);

#endif
