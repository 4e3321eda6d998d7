/* SPDX-License-Identifier: Apache-2.0 */
/* A private key as a JSON Web Key: the part of rill/key.h's text that jwk.c reads. */
#ifndef RILL_CLIENTS_JWK_H
#define RILL_CLIENTS_JWK_H

#include <rill/key.h>

/* The member "d". RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED (another kind of key). */
RILL_MUST_CHECK int rill_jwk_read_private(const char *text, size_t len,
                                          uint8_t seed[RILL_KEY_SEED_LEN]);

#endif
