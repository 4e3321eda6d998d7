/* SPDX-License-Identifier: Apache-2.0 */
/* Who a connection is to the other side: what its credentials made of it. */
#ifndef RILL_STREAM_IDENTITY_H
#define RILL_STREAM_IDENTITY_H

#include "crypto/crypto.h"

typedef struct rill_identity {
    rill_keys *keys;
    char *token;              /* our address is the endpoint's and this */
    char *tag;                /* a server's, from its credentials; NULL: none */
    uint8_t *receipt_details; /* nonce and secret; NULL: no receipts */
    uint16_t token_len;
} rill_identity;

#endif
