/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STREAM receipts (RFC 39): a receiver's proof, to a third party that knows the receipt
 * secret, of what a stream has received in total.
 *
 * The third party chooses a nonce and a secret, and the receiver puts both into the credentials
 * (rill_credentials_options; by SPSP, two headers of the query). From then on each answer to money
 * carries a receipt. The payer has the latest one of each stream (rill_stream_get_receipt), and
 * shows it to the third party, which verifies it. A nonce is for one payment. Of two receipts of
 * one stream the greater total counts: they do not add up.
 */
#ifndef RILL_RECEIPT_H
#define RILL_RECEIPT_H

#include <rill/credentials.h>

RILL_BEGIN_DECLS

/* Bytes: version 1, nonce 16, stream id 1, total 8, HMAC-SHA-256 32 (RFC 39 section 3.4). */
#define RILL_RECEIPT_LEN 58

/* What a receipt says. This struct stays as it is. */
typedef struct rill_receipt {
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN]; /* of the verifier's, the same for a whole connection */
    uint8_t stream_id;
    uint64_t total_received; /* by this stream so far, in the receiver's units */
} rill_receipt;

/*
 * Makes the receipt that a receiver gives. Endpoints make theirs themselves. This function is for
 * tests of a verifier. RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int
rill_receipt_create(uint8_t out[RILL_RECEIPT_LEN], const rill_receipt *receipt,
                    const uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN]);
/*
 * Reads a receipt, and does not check its HMAC: anybody may have made it. *out is a copy.
 * RILL_ERR_TRUNCATED: it is shorter than RILL_RECEIPT_LEN. RILL_ERR_MALFORMED: it is longer, or its
 * version is not 1.
 */
RILL_API RILL_MUST_CHECK int rill_receipt_decode(rill_receipt *out, rill_bytes receipt);
/*
 * Reads a receipt, and checks that who made it knows the secret (RFC 39 section 4). The verifier
 * still has to look up that the nonce is its own, and to take only what is new of a total: receipts
 * of one stream repeat it.
 * The errors of rill_receipt_decode; RILL_ERR_AUTH: another secret, or changed on the way;
 * RILL_ERR_CRYPTO. *out says nothing after an error.
 */
RILL_API RILL_MUST_CHECK int
rill_receipt_verify(rill_receipt *out, rill_bytes receipt,
                    const uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN]);

/* ---- crediting by receipts ---- */

/*
 * A third party that credits what receivers got, for many payments at once: it makes a nonce and a
 * secret for each, and says of each receipt how much more it proves than the ones before. Nothing
 * is credited twice, in whatever order and however often receipts come. It keeps a total for each
 * stream of which it has seen a receipt, until the payment's time is over; nothing of payments that
 * have only begun. All of it is in memory: what a verifier made before a restart is no longer good.
 * One thread at a time.
 */
typedef struct rill_receipt_verifier rill_receipt_verifier;

typedef struct rill_receipt_verifier_options {
    size_t size; /* sizeof(rill_receipt_verifier_options): see rill/types.h */
    /* How long receipts of a payment count after it began, milliseconds. Default: a day */
    uint64_t lifetime_ms;
    uint32_t max_streams;            /* of which it keeps a total, at least 1. Default: 1000000 */
    const rill_allocator *allocator; /* borrowed until it is freed. Default: NULL: malloc's */
} rill_receipt_verifier_options;

RILL_API void rill_receipt_verifier_options_init_sized(rill_receipt_verifier_options *o,
                                                       size_t size);
/* Sets size and every default. */
static inline void rill_receipt_verifier_options_init(rill_receipt_verifier_options *o)
{
    rill_receipt_verifier_options_init_sized(o, sizeof *o);
}

/*
 * options may be NULL. RILL_ERR_INVALID (a number that cannot be, options that were not
 * initialised), RILL_ERR_UNSUPPORTED (an option of a later version), RILL_ERR_NOMEM,
 * RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int
rill_receipt_verifier_new(rill_receipt_verifier **out,
                          const rill_receipt_verifier_options *options);
/* Wipes its secret. NULL is allowed. */
RILL_API void rill_receipt_verifier_free(rill_receipt_verifier *v);

/*
 * A payment begins at this time (milliseconds since 1970): what the receiver is to be given, by the
 * headers of an SPSP query or by rill_credentials_options. Nothing is kept of it. RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_receipt_verifier_begin(rill_receipt_verifier *v, uint64_t wall_ms,
                                                         uint8_t nonce[RILL_RECEIPT_NONCE_LEN],
                                                         uint8_t secret[RILL_RECEIPT_SECRET_LEN]);
/*
 * Takes a receipt. *increase: units (the receiver's) by which its stream has more than by any
 * receipt before: to be credited now; 0 where it is known already. *out (may be NULL) is what it
 * says. RILL_ERR_TRUNCATED, RILL_ERR_MALFORMED; RILL_ERR_AUTH: it was not made with a secret of
 * this verifier's; RILL_ERR_EXPIRED: its payment's time is over; RILL_ERR_LIMIT (max_streams),
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO: it is not counted, and may be shown again. *increase is 0 then.
 */
RILL_API RILL_MUST_CHECK int rill_receipt_verifier_credit(rill_receipt *out, uint64_t *increase,
                                                          rill_receipt_verifier *v,
                                                          uint64_t wall_ms, rill_bytes receipt);

RILL_END_DECLS

#endif
