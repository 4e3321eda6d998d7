/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person is asked by a server that grants (GNAP, RFC 9635 section 4): what the client gives
 * along, and what proves that the answer is to its own question. No input or output.
 */
#ifndef RILL_CLIENTS_INTERACTION_H
#define RILL_CLIENTS_INTERACTION_H

#include <rill/types.h>

#define RILL_INTERACTION_NONCE_LEN 43 /* characters: 32 bytes in base64url */
#define RILL_INTERACTION_MAX_WORD                                                                  \
    512 /* bytes of a server's nonce, reference or hash, with the NUL */

/* What nobody can guess, of letters that a URL may have. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_interaction_nonce(char out[RILL_INTERACTION_NONCE_LEN + 1]);

/* What goes into the hash (section 4.2.3). Borrowed. */
typedef struct rill_interaction {
    const char *client_nonce; /* ours */
    const char *server_nonce; /* "finish" of the answer */
    const char *grant_url; /* of the server that grants: servers differ in the slash at its end */
    const char *interact_ref; /* of the callback */
} rill_interaction;

/*
 * Whether hash, in base64 or base64url, with or without padding, is the SHA-256 of the interaction.
 * The time that it takes says nothing of how much of it is right. RILL_ERR_AUTH: it is not.
 * RILL_ERR_TOO_LARGE: a part is longer than any. RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_interaction_check(const rill_interaction *interaction, const char *hash);

#endif
