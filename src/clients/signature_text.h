/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of HTTP message signatures: what Signature-Input says (RFC 9421 section 4.1, a
 * dictionary of RFC 8941), and the bytes that are signed (section 2.5).
 */
#ifndef RILL_CLIENTS_SIGNATURE_TEXT_H
#define RILL_CLIENTS_SIGNATURE_TEXT_H

#include <rill/http_signature.h>

#define RILL_MAX_COMPONENTS 32

/* One signature of a Signature-Input. All is borrowed from the header. */
typedef struct rill_signature_input {
    rill_bytes label;
    rill_bytes params; /* all that follows the label's '=': the last line of what is signed */
    rill_bytes components[RILL_MAX_COMPONENTS]; /* without quotes */
    size_t component_count;
    rill_bytes key_id; /* as written, without quotes; data NULL where it is not there */
    rill_bytes algorithm;
    uint64_t created_s; /* 0: not there */
    uint64_t expires_s;
} rill_signature_input;

/* Of several signatures sig1, else the only one. RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED,
 * RILL_ERR_NOT_FOUND (several, and none is sig1). */
RILL_MUST_CHECK int rill_signature_input_read(rill_signature_input *out, rill_bytes header);
/* The bytes in base64 between colons of the dictionary's member: a signature or a digest, of at
 * most cap bytes. RILL_ERR_NOT_FOUND, RILL_ERR_MALFORMED. */
RILL_MUST_CHECK int rill_signature_member(rill_bytes header, rill_bytes member, uint8_t *out,
                                          size_t cap, size_t *len);
/* Whether name is among the components. */
bool rill_signature_covers(const rill_signature_input *input, const char *name);

/* Whether other names that header, in any case. */
bool rill_is_header(rill_bytes name, const char *other);
/* The header of that name where it comes once: data is NULL where it is not there. */
rill_bytes rill_request_header_of(const rill_signed_request *request, const char *name);

/*
 * What is signed; the caller frees it by rill_free of the default allocator. RILL_ERR_NOMEM;
 * RILL_ERR_UNSUPPORTED: a component that is unknown; RILL_ERR_AUTH: a header that is not there,
 * or comes twice; RILL_ERR_INVALID: a value with a line break.
 */
RILL_MUST_CHECK int rill_signature_base(const rill_signed_request *request,
                                        const rill_bytes *components, size_t count,
                                        rill_bytes params, uint8_t **out, size_t *len);

#endif
