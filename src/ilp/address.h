/* SPDX-License-Identifier: Apache-2.0 */
/* What packets and addresses are to who forwards them, beyond <rill/ilp.h>. */
#ifndef RILL_ILP_ADDRESS_H
#define RILL_ILP_ADDRESS_H

#include <rill/ilp.h>

/*
 * Only the characters and the length of the ASN.1 type Address, which may be
 * empty. For a Reject's triggeredBy: ilp-connector says "unknown" there until
 * it has learnt its address, and its error code counts nevertheless.
 */
bool rill_address_chars_valid(rill_bytes address);

/*
 * As rill_prepare_decode, but for whether the destination is an ILP address:
 * it need not be looked at byte by byte where it is known already. All its
 * other errors come before RILL_ERR_ADDRESS would.
 */
RILL_MUST_CHECK int rill_prepare_decode_any_address(rill_prepare *out, const uint8_t *packet,
                                                    size_t len);
/* As rill_prepare_encode, with data of up to RILL_ILP_MAX_DATA_READ: for what came with so much. */
RILL_MUST_CHECK int rill_prepare_encode_any_size(const rill_prepare *in, uint8_t *buf, size_t cap,
                                                 size_t *len);

/*
 * As rill_fulfill_decode and rill_reject_decode. *whole is false where something was
 * left out or cut: then what is passed on is what the next two write, since others
 * are not as liberal. They take as much data as is read.
 */
RILL_MUST_CHECK int rill_fulfill_decode_noting(rill_fulfill *out, const uint8_t *packet, size_t len,
                                               bool *whole);
RILL_MUST_CHECK int rill_reject_decode_noting(rill_reject *out, const uint8_t *packet, size_t len,
                                              bool *whole);
RILL_MUST_CHECK int rill_fulfill_encode_any_size(const rill_fulfill *in, uint8_t *buf, size_t cap,
                                                 size_t *len);
RILL_MUST_CHECK int rill_reject_encode_any_size(const rill_reject *in, uint8_t *buf, size_t cap,
                                                size_t *len);

#endif
