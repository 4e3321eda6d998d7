/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payment pointers (RFC 26) and the answers of SPSP, the Simple Payment Setup Protocol (RFC 9):
 * texts in, credentials out. No input or output.
 */
#ifndef RILL_SPSP_H
#define RILL_SPSP_H

#include <rill/credentials.h>
#include <rill/types.h>

RILL_BEGIN_DECLS

#define RILL_MAX_URL 2048 /* bytes of a URL, with the NUL */

/* What a client says that it takes: the Accept header of a query (RFC 9). */
#define RILL_SPSP_ACCEPT "application/spsp4+json, application/spsp+json"

/*
 * The URL that a payment pointer stands for: "$wallet.example" is
 * https://wallet.example/.well-known/pay, "$wallet.example/alice" is https://wallet.example/alice.
 * RILL_ERR_MALFORMED: not a payment pointer; *problem (may be NULL) then says what is wrong with
 * it, a static text. RILL_ERR_BUFFER: longer than cap.
 */
RILL_API RILL_MUST_CHECK int rill_payment_pointer_url(const char *pointer, char *url, size_t cap,
                                                      const char **problem);

/*
 * The URL of a receiver: of a payment pointer, or of an https URL, which is taken as it is. http
 * is taken for this machine (localhost, 127.0.0.0/8, [::1]), and elsewhere where insecure is true.
 * RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED (http, another scheme), RILL_ERR_BUFFER; *problem as
 * above.
 */
RILL_API RILL_MUST_CHECK int rill_receiver_url(const char *text, bool insecure, char *url,
                                               size_t cap, const char **problem);

/* An answer of SPSP. */
typedef struct rill_spsp_answer {
    rill_credentials credentials; /* wipe after use: rill_credentials_wipe */
    bool receipts_enabled;        /* the receiver can prove what it gets (STREAM receipts) */
    uint32_t max_age_s;           /* it may be used again for so many seconds; 0: not at all */
} rill_spsp_answer;

/*
 * Reads an answer with status 200. content_type and cache_control are the headers' values, ""
 * where there is none. The secret may be in base64 or base64url, with or without padding.
 * RILL_ERR_UNSUPPORTED: not an answer of SPSP, by its content type. RILL_ERR_MALFORMED: JSON that
 * is none, or lacks the address or the secret; *problem (may be NULL) says which, a static text.
 */
RILL_API RILL_MUST_CHECK int rill_spsp_answer_read(rill_spsp_answer *out, const char *content_type,
                                                   const char *cache_control, const char *body,
                                                   size_t len, const char **problem);

RILL_END_DECLS

#endif
